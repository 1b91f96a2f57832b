package diff

import (
	"net/netip"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// The two languages keep one thing in columns of different shapes: a path beside
// a file name, an account with and without its domain, one column of hashes or
// one for each kind, one for hosts and addresses or two, a registry key with and
// without the value. Conditions that differ
// only in that are written alike here, by fields of these names.
const (
	nameOf     = "file name of "
	hashOf     = "hash"
	actingHash = "hash of the acting process"
)

// pathFields and accountFields are the logical fields that the schema keeps as
// paths and as accounts on any target.
var (
	pathFields = []string{"Filename", "GrandParentImage", "Image", "ImageLoaded", "ParentImage", "ProcessName", "SourceFilename", "SourceImage", "SourceParentImage",
		"TargetFilename"}
	accountFields = []string{"ParentUser", "SourceUser", "User"}
)

// lastPart is the expression by which the last part of a path or of an account
// is taken.
const lastPart = `[^\\/]+$`

// plain writes a predicate in the one way that both languages share; it selects
// the same events.
func plain(e ir.Expr) ir.Expr {
	return ir.MapExpr(e, func(e ir.Expr) ir.Expr {
		switch e := e.(type) {
		case *ir.Match:
			return plainMatch(e.Span, e.X, e.Any, e.Cased)
		case *ir.Not:
			if f := saysNothing(e.X); f != nil {
				return &ir.Exists{Span: e.Span, X: f}
			}
		case *ir.Term:
			return plainTerm(e)
		case *ir.Regexp:
			x := plainValue(e.X)
			var or []ir.Expr
			for _, source := range alternatives(e.Source) {
				if any, cased, ok := spelled(e.Span, source, false); ok {
					or = append(or, plainMatch(e.Span, x, any, cased))
				} else {
					or = append(or, &ir.Regexp{Span: e.Span, X: x, Source: source})
				}
			}
			return ir.Simplify(ir.NewLogic(e.Span, ir.Or, or...))
		case *ir.Compare:
			lit, ok := e.R.(*ir.Lit)
			if !ok || e.Op != ir.Eq {
				return e
			}
			switch lit.Value.(type) {
			case string, int64:
				return plainMatch(e.Span, e.L, []ir.Pattern{ir.TextPattern(lit.Span, litText(lit))}, e.Cased)
			}
		}
		return e
	})
}

// nothings are the words for a missing value: none at all, and what CIM's data
// models are filled with.
var nothings = []any{"", "unknown"}

// saysNothing is the field of which a predicate says that it has a word for
// nothing; nil for other predicates.
func saysNothing(e ir.Expr) *ir.Field {
	m, ok := e.(*ir.Match)
	if !ok || len(m.Any) == 0 {
		return nil
	}
	for _, p := range m.Any {
		if s, exact := p.Literal(); !exact || !slices.Contains(nothings, any(s)) {
			return nil
		}
	}
	f, _ := m.X.(*ir.Field)
	return f
}

// core is a predicate, as plain writes it, without what rarely makes a
// difference: whether a text is a whole term or stands anywhere, its case, and
// whether a field has to be there.
func core(e ir.Expr) ir.Expr {
	e = ir.MapExpr(e, func(e ir.Expr) ir.Expr {
		switch e := e.(type) {
		case *ir.Term:
			return &ir.Match{Span: e.Span, X: e.X, Any: anywhere(e.Any)}
		case *ir.Match:
			return &ir.Match{Span: e.Span, X: e.X, Any: e.Any}
		case *ir.Compare:
			c := *e
			c.Cased = false
			return &c
		case *ir.Regexp:
			if any, _, ok := spelled(e.Span, e.Source, true); ok {
				return &ir.Match{Span: e.Span, X: e.X, Any: any}
			}
		}
		return e
	})
	return present(ir.NewLogic(e.At(), ir.And, e))
}

// present is a predicate that takes for granted that the fields are there which
// it asks for beside something else.
func present(e ir.Expr) ir.Expr {
	l, ok := e.(*ir.Logic)
	if !ok {
		if _, ok := e.(*ir.Exists); ok {
			return ir.True(e.At())
		}
		return e
	}
	var kept []ir.Expr
	for _, a := range l.Args {
		if _, ok := a.(*ir.Exists); !ok || l.Op == ir.Or {
			if _, ok := a.(*ir.Logic); ok {
				a = present(a)
			}
			kept = append(kept, a)
		}
	}
	return ir.Simplify(ir.NewLogic(l.Span, l.Op, kept...))
}

// anywhere are patterns with any text before and behind them.
func anywhere(list []ir.Pattern) []ir.Pattern {
	out := make([]ir.Pattern, len(list))
	for i, p := range list {
		q := ir.Pattern{Span: p.Span}
		q.Append(ir.Part{Wild: ir.Many})
		for _, part := range p.Parts {
			q.Append(part)
		}
		q.Append(ir.Part{Wild: ir.Many})
		out[i] = q
	}
	return out
}

// plainValue is what is compared, as a field where it is one in all but form.
func plainValue(x ir.Expr) ir.Expr {
	return ir.MapExpr(x, func(e ir.Expr) ir.Expr {
		c, ok := e.(*ir.Call)
		if !ok || len(c.Args) == 0 {
			return e
		}
		if once := oneStage(c); once != nil {
			return once
		}
		f, ok := c.Args[0].(*ir.Field)
		if !ok {
			return e
		}
		switch c.Func {
		case ir.ToString:
			return f
		case ir.Coalesce:
			if len(c.Args) != 2 {
				return e
			}
			if fill, ok := c.Args[1].(*ir.Lit); ok && slices.Contains(nothings, fill.Value) {
				return f
			}
		case ir.Extract:
			re, ok := c.Args[1].(*ir.Lit)
			if !ok || re.Value != lastPart {
				return e
			}
			if slices.Contains(pathFields, f.Name) {
				return &ir.Field{Span: f.Span, Name: nameOf + f.Name}
			}
			if slices.Contains(accountFields, f.Name) {
				return f
			}
		}
		return e
	})
}

// oneStage is what a function comes to, of something that was summed up before:
// the least of the least is the least. nil if it is none of these.
func oneStage(c *ir.Call) ir.Expr {
	if c.Func == ir.If && len(c.Args) == 2 {
		if ex, ok := c.Args[0].(*ir.Exists); ok && isField(c.Args[1], ex.X.Name) {
			return ex.X
		}
	}
	in, ok := c.Args[0].(*ir.Call)
	if !ok {
		return nil
	}
	switch c.Func {
	case ir.FuncID(ir.Min), ir.FuncID(ir.Max), ir.FuncID(ir.Values):
		if in.Func == c.Func {
			return in
		}
	case ir.FuncID(ir.Sum):
		if in.Func == ir.FuncID(ir.Count) || in.Func == c.Func {
			return in
		}
	case ir.Bin:
		outer, ok := binWidth(c)
		inner, also := binWidth(in)
		if ok && also && outer%inner == 0 {
			return &ir.Call{Span: c.Span, Func: ir.Bin, Args: []ir.Expr{in.Args[0], c.Args[1]}}
		}
	}
	return nil
}

func binWidth(c *ir.Call) (time.Duration, bool) {
	if c.Func != ir.Bin || len(c.Args) < 2 {
		return 0, false
	}
	lit, ok := c.Args[1].(*ir.Lit)
	if !ok {
		return 0, false
	}
	d, ok := lit.Value.(time.Duration)
	return d, ok && d > 0
}

// oneCase takes lower and upper off a value, where that makes no difference to
// how it compares with the patterns.
func oneCase(x ir.Expr, any []ir.Pattern, cased bool) (ir.Expr, bool) {
	c, ok := x.(*ir.Call)
	if !ok || c.Func != ir.Lower && c.Func != ir.Upper {
		return x, cased
	}
	change := strings.ToLower
	if c.Func == ir.Upper {
		change = strings.ToUpper
	}
	for _, p := range any {
		for _, part := range p.Parts {
			if !ascii(part.Text) || cased && change(part.Text) != part.Text {
				return x, cased // compares with nothing at all
			}
		}
	}
	return plainValue(c.Args[0]), false
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// place is where a pattern is looked for, after all: the field, the pattern, and
// whether case counts.
func place(f *ir.Field, p ir.Pattern, cased bool) (*ir.Field, ir.Pattern, bool) {
	shape, text := p.Shape()
	switch {
	case slices.Contains(accountFields, f.Name):
		// DOMAIN\name, of which one side knows the name only.
		if q := p.Parts; len(q) > 1 && q[0].Wild == ir.Many && q[1].Wild == ir.Text && strings.HasPrefix(q[1].Text, `\`) {
			rest := ir.Pattern{Span: p.Span}
			rest.Append(ir.Part{Text: q[1].Text[1:]})
			for _, part := range q[2:] {
				rest.Append(part)
			}
			p = rest
		}
	case slices.Contains(pathFields, f.Name) && shape == ir.ShapeSuffix:
		last := &ir.Field{Span: f.Span, Name: nameOf + f.Name}
		switch at := strings.LastIndexAny(text, `\/`); {
		case at < 0:
			f = last
		case at == 0 && len(text) > 1:
			f, p = last, ir.TextPattern(p.Span, text[1:])
		}
	case f.Name == "RegistryKey" && (shape == ir.ShapeContains || shape == ir.ShapePrefix):
		f = &ir.Field{Span: f.Span, Name: "TargetObject"} // the key, a backslash and the value
	case shape == ir.ShapeExact && (f.Name == "DestinationHostname" || f.Name == "SourceHostname"):
		if _, err := netip.ParseAddr(text); err == nil {
			f = &ir.Field{Span: f.Span, Name: strings.TrimSuffix(f.Name, "Hostname") + "Ip"}
		}
	case shape == ir.ShapeExact || shape == ir.ShapeContains:
		if of := hashField(f.Name); of != "" {
			if hex := hashValue.FindStringSubmatch(text); hex != nil {
				f, p = &ir.Field{Span: f.Span, Name: of}, ir.TextPattern(p.Span, hex[1])
				// Defender keeps hashes in small letters.
				cased = cased && strings.ToLower(hex[1]) != hex[1]
			}
		}
	}
	if cased && !slices.ContainsFunc(p.Parts, func(part ir.Part) bool { return hasCase(part.Text) }) {
		cased = false
	}
	return f, p, cased
}

var hashValue = regexp.MustCompile(`^(?i:(?:md5|sha1|sha256)=)?([0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})$`)

// hashField says of which file a field has hashes; "" for none.
func hashField(name string) string {
	switch strings.ToLower(name) {
	case "md5", "sha1", "sha256", "hashes":
		return hashOf
	case "initiatingprocessmd5", "initiatingprocesssha1", "initiatingprocesssha256", "parent_process_hash":
		return actingHash
	}
	return ""
}

func hasCase(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.SimpleFold(r) != r })
}

// gathered are patterns of one field.
type gathered struct {
	x     ir.Expr
	any   []ir.Pattern
	cased bool
}

// gather sorts patterns by where they are looked for.
func gather(x ir.Expr, list []ir.Pattern, cased bool) []gathered {
	x, cased = oneCase(plainValue(x), list, cased)
	f, ok := x.(*ir.Field)
	if !ok {
		return []gathered{{x, list, cased}}
	}
	var out []gathered
	for _, p := range list {
		g, p, c := place(f, p, cased)
		i := slices.IndexFunc(out, func(o gathered) bool { return isField(o.x, g.Name) && o.cased == c })
		if i < 0 {
			out = append(out, gathered{g, nil, c})
			i = len(out) - 1
		}
		out[i].any = append(out[i].any, p)
	}
	return out
}

func plainMatch(at diag.Span, x ir.Expr, any []ir.Pattern, cased bool) ir.Expr {
	var or []ir.Expr
	for _, g := range gather(x, any, cased) {
		or = append(or, &ir.Match{Span: at, X: g.x, Any: g.any, Cased: g.cased})
	}
	return ir.NewLogic(at, ir.Or, or...)
}

// plainTerm writes a search for whole terms. One that neither begins nor ends
// with a letter or digit is a whole term wherever it stands.
func plainTerm(t *ir.Term) ir.Expr {
	var or []ir.Expr
	x := plainValue(t.X)
	if isField(x, "RegistryKey") {
		x = &ir.Field{Span: x.At(), Name: "TargetObject"}
	}
	for _, g := range gather(x, t.Any, t.Cased) {
		var terms, texts []ir.Pattern
		for _, p := range g.any {
			s, ok := p.Literal()
			first, _ := utf8.DecodeRuneInString(s)
			last, _ := utf8.DecodeLastRuneInString(s)
			if ok && s != "" && !wordRune(first) && !wordRune(last) {
				texts = append(texts, p)
			} else {
				terms = append(terms, p)
			}
		}
		if len(texts) > 0 {
			or = append(or, &ir.Match{Span: t.Span, X: g.x, Any: anywhere(texts), Cased: g.cased})
		}
		if len(terms) > 0 {
			or = append(or, &ir.Term{Span: t.Span, X: g.x, Any: terms, Cased: g.cased})
		}
	}
	return ir.NewLogic(t.Span, ir.Or, or...)
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

var flagged = regexp.MustCompile(`^\(\?[imsU]+\)`)

// alternatives are the expressions of which one has to be found for the whole
// one to be: those that | divides, at the top or in the one group that is all
// there is.
func alternatives(source string) []string {
	flags := flagged.FindString(source)
	body := source[len(flags):]
	parts, closed := divided(body)
	if len(parts) == 1 && closed {
		inner := strings.TrimPrefix(body[1:len(body)-1], "?:")
		if list, _ := divided(inner); len(list) > 1 && !strings.HasPrefix(inner, "?") {
			parts = list
		}
	}
	if len(parts) == 1 {
		return []string{source}
	}
	for i, p := range parts {
		parts[i] = flags + p
		if _, err := syntax.Parse(parts[i], syntax.Perl); err != nil {
			return []string{source}
		}
	}
	return parts
}

// divided splits an expression at each | outside of groups and classes. closed
// says that it is one group from its first character to its last.
func divided(s string) (parts []string, closed bool) {
	depth, start, class := 0, 0, -1
	closed = strings.HasPrefix(s, "(")
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
			if i < len(s) && s[i] == 'Q' {
				return []string{s}, false
			}
		case class >= 0:
			if c == ']' && i > class {
				class = -1
			}
		case c == '[':
			class = i + 1
			if class < len(s) && s[class] == '^' {
				class++
			}
		case c == '(':
			depth++
		case c == ')':
			depth--
			closed = closed && (depth > 0 || i == len(s)-1)
		case c == '|' && depth == 0:
			parts, start = append(parts, s[start:i]), i+1
		}
	}
	return append(parts, s[start:]), closed && len(parts) == 0
}

// spelledMost is how many texts a regular expression may stand for to be
// written as a list of them.
const spelledMost = 200

// spelled are the patterns that a regular expression stands for, where these
// are few. With dots, a dot may stand for a line break, which makes patterns of
// many more.
func spelled(at diag.Span, source string, dots bool) (any []ir.Pattern, cased, ok bool) {
	re, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, false, false
	}
	z := spelling{dots: dots}
	list, ok := z.of(re)
	if !ok || z.folds && z.exact {
		return nil, false, false
	}
	for _, s := range list {
		p := ir.Pattern{Span: at}
		if len(s) == 0 || s[0] != begins {
			p.Append(ir.Part{Wild: ir.Many})
		}
		for i, r := range s {
			switch {
			case r == begins && i == 0, r == ends && i == len(s)-1:
			case r == begins || r == ends:
				return nil, false, false
			case r == many:
				p.Append(ir.Part{Wild: ir.Many})
			case r == one:
				p.Append(ir.Part{Wild: ir.One})
			default:
				p.Append(ir.Part{Text: string(r)})
			}
		}
		if len(s) == 0 || s[len(s)-1] != ends {
			p.Append(ir.Part{Wild: ir.Many})
		}
		any = append(any, p)
	}
	return any, z.exact, len(any) > 0
}

// What a spelled text has beside characters.
const (
	begins rune = -1 - iota
	ends
	many
	one
)

// spelling collects on its way whether letters count by their case.
type spelling struct {
	dots         bool
	folds, exact bool
}

func (z *spelling) rune(r rune, fold bool) rune {
	switch {
	case unicode.SimpleFold(r) == r:
	case fold:
		z.folds = true
		return ir.FoldRune(r)
	default:
		z.exact = true
	}
	return r
}

// of are the texts of an expression.
func (z *spelling) of(re *syntax.Regexp) ([][]rune, bool) {
	fold := re.Flags&syntax.FoldCase != 0
	switch re.Op {
	case syntax.OpEmptyMatch:
		return [][]rune{nil}, true
	case syntax.OpBeginText:
		return [][]rune{{begins}}, true
	case syntax.OpEndText:
		return [][]rune{{ends}}, true
	case syntax.OpLiteral:
		s := make([]rune, len(re.Rune))
		for i, r := range re.Rune {
			s[i] = z.rune(r, fold)
		}
		return [][]rune{s}, true
	case syntax.OpCharClass:
		var out [][]rune
		for i := 0; i < len(re.Rune); i += 2 {
			if re.Rune[i+1]-re.Rune[i] > 16 {
				return nil, false
			}
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				s := []rune{z.rune(r, fold)}
				if !slices.ContainsFunc(out, func(o []rune) bool { return slices.Equal(o, s) }) {
					out = append(out, s)
				}
			}
		}
		return out, len(out) <= spelledMost
	case syntax.OpCapture:
		return z.of(re.Sub[0])
	case syntax.OpQuest:
		out, ok := z.of(re.Sub[0])
		return append(out, nil), ok
	case syntax.OpAlternate:
		var out [][]rune
		for _, sub := range re.Sub {
			list, ok := z.of(sub)
			if out = append(out, list...); !ok || len(out) > spelledMost {
				return nil, false
			}
		}
		return out, true
	case syntax.OpConcat:
		out := [][]rune{nil}
		for _, sub := range re.Sub {
			list, ok := z.of(sub)
			if !ok || len(out)*len(list) > spelledMost {
				return nil, false
			}
			var next [][]rune
			for _, a := range out {
				for _, b := range list {
					next = append(next, slices.Concat(a, b))
				}
			}
			out = next
		}
		return out, true
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return [][]rune{{one}}, z.dots || re.Op == syntax.OpAnyChar
	case syntax.OpStar, syntax.OpPlus:
		dot := re.Sub[0].Op
		if dot != syntax.OpAnyChar && (dot != syntax.OpAnyCharNotNL || !z.dots) {
			return nil, false
		}
		if re.Op == syntax.OpPlus {
			return [][]rune{{one, many}}, true
		}
		return [][]rune{{many}}, true
	}
	return nil, false
}
