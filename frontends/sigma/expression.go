package sigma

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

func (p *pipeline) between(from, to lexer.Position) diag.Span { return p.span(from.Offset, to.Offset) }

// pred reads a condition; nil after an error.
func (p *pipeline) pred(o *exprOr) ir.Expr {
	args := make([]ir.Expr, 0, len(o.Terms))
	for _, a := range o.Terms {
		if x := p.predAnd(a); x != nil {
			args = append(args, x)
		}
	}
	if len(args) < len(o.Terms) {
		return nil
	}
	return ir.NewLogic(p.between(o.Pos, o.EndPos), ir.Or, args...)
}

func (p *pipeline) predAnd(a *exprAnd) ir.Expr {
	args := make([]ir.Expr, 0, len(a.Terms))
	for _, n := range a.Terms {
		x := p.comparison(n.X)
		for range n.Nots {
			if x != nil {
				x = &ir.Not{Span: p.between(n.Pos, n.EndPos), X: x}
			}
		}
		if x != nil {
			args = append(args, x)
		}
	}
	if len(args) < len(a.Terms) {
		return nil
	}
	return ir.NewLogic(p.between(a.Pos, a.EndPos), ir.And, args...)
}

// lone is the operand of a value without operators, or nil.
func (s *exprSum) lone() *exprAtom {
	if len(s.Rest) == 0 && len(s.First.Rest) == 0 {
		return s.First.First
	}
	return nil
}

func (p *pipeline) comparison(c *exprCmp) ir.Expr {
	at := p.between(c.Pos, c.EndPos)
	switch {
	case c.Op != "":
		return p.compare(at, c.Op, c.L, c.R)
	case c.Low != nil:
		low, high := p.compare(at, ">=", c.L, c.Low), p.compare(at, "<=", c.L, c.High)
		if low == nil || high == nil {
			return nil
		}
		return ir.NewLogic(at, ir.And, low, high)
	case c.In != nil:
		return p.in(at, c)
	case c.Text != nil:
		return p.place(at, c)
	case c.Like != nil:
		return p.like(at, c)
	case c.Has != nil:
		return p.has(at, c, []*text{c.Has})
	case c.HasAny != nil:
		return p.has(at, c, c.HasAny)
	case c.Regex != nil:
		x := p.sum(c.L)
		if x == nil || !p.isText(x, c.L) {
			return nil
		}
		if c.Regex.Column != nil {
			p.diags.Errorf(codeExprType, p.between(c.Regex.Pos, c.Regex.EndPos), "Write the expression in quotes.", "a regular expression is a constant")
			return nil
		}
		source := unquoteRaw(c.Regex.Value)
		if message := checkRegex(source); message != "" {
			p.diags.Errorf(codeRegex, p.between(c.Regex.Pos, c.Regex.EndPos), "Put a backslash before a character that stands for itself.", "the regular expression is not valid: %s", message)
			return nil
		}
		return &ir.Regexp{Span: at, X: x, Source: source}
	}
	atom := c.L.lone()
	switch {
	case atom == nil:
	case atom.Group != nil:
		return p.pred(atom.Group)
	case atom.Call != nil && atom.Name.value() == "exists":
		return p.exists(at, atom.Call.Args)
	case atom.Call != nil && atom.Name.value() == "cidr":
		return p.cidr(at, atom.Call.Args)
	case atom.Bool != nil:
		if *atom.Bool == "true" {
			return ir.True(at)
		}
		return ir.False(at)
	}
	p.diags.Errorf(codeExprType, at, "Compare it with something: = != < <= > >=, between, in, contains, startswith, endswith, like, matches regex, exists(…) or cidr(…).", "a condition is needed here, and this is a value")
	return nil
}

// casedSuffix ends the words of comparisons that mind case.
const casedSuffix = "_cs"

// place is a test of where a text or the text of another column stands.
func (p *pipeline) place(at diag.Span, c *exprCmp) ir.Expr {
	x := p.sum(c.L)
	if x == nil || !p.isText(x, c.L) {
		return nil
	}
	word, cased := strings.CutSuffix(c.Place, casedSuffix)
	textAt := p.between(c.Text.Pos, c.Text.EndPos)
	if c.Text.Column != nil {
		f, ok := x.(*ir.Field)
		if !ok {
			p.diags.Errorf(codeExprType, at, "Name the value with \"extend\" first.", "%q of a column's text compares two columns", c.Place)
			return nil
		}
		return &ir.FieldMatch{Span: at, X: f, Y: p.field(c.Text.Column), Kind: ir.FieldMatchKind(word), Cased: cased}
	}
	pat := ir.Pattern{Span: textAt}
	if word != "startswith" {
		pat.Append(ir.Part{Wild: ir.Many})
	}
	pat.Append(ir.Part{Text: unquote(c.Text.Value)})
	if word != "endswith" {
		pat.Append(ir.Part{Wild: ir.Many})
	}
	return &ir.Match{Span: at, X: x, Any: []ir.Pattern{pat}, Cased: cased}
}

// has looks for whole terms.
func (p *pipeline) has(at diag.Span, c *exprCmp, terms []*text) ir.Expr {
	x := p.sum(c.L)
	if x == nil || !p.isText(x, c.L) {
		return nil
	}
	t := &ir.Term{Span: at, X: x, Cased: c.HasWord == "has"+casedSuffix}
	for _, v := range terms {
		textAt := p.between(v.Pos, v.EndPos)
		if v.Column != nil || unquote(v.Value) == "" {
			p.diags.Errorf(codeExprType, textAt, "Write the term in quotes.", "a term is a constant")
			return nil
		}
		t.Any = append(t.Any, ir.TextPattern(textAt, unquote(v.Value)))
	}
	return t
}

// like compares with a text that has wildcards, written as in a selection.
func (p *pipeline) like(at diag.Span, c *exprCmp) ir.Expr {
	x := p.sum(c.L)
	if x == nil || !p.isText(x, c.L) {
		return nil
	}
	textAt := p.between(c.Like.Pos, c.Like.EndPos)
	if c.Like.Column != nil {
		p.diags.Errorf(codeExprType, textAt, "Write the pattern in quotes.", "a pattern is a constant")
		return nil
	}
	pat := ir.Pattern{Span: textAt}
	for _, part := range sigmaParts(nil, unquoteRaw(c.Like.Value), false) {
		pat.Append(part)
	}
	return &ir.Match{Span: at, X: x, Any: []ir.Pattern{pat}, Cased: c.LikeWord == "like"+casedSuffix}
}

func (p *pipeline) exists(at diag.Span, args []*exprOr) ir.Expr {
	if len(args) != 1 {
		p.diags.Errorf(codeFunction, at, "Write exists(Field).", "\"exists\" takes 1 argument, and there are %d", len(args))
		return nil
	}
	x := p.value(args[0])
	f, ok := x.(*ir.Field)
	if !ok {
		if x != nil {
			p.diags.Errorf(codeExprType, at, "Write exists(Field).", "\"exists\" asks for a column")
		}
		return nil
	}
	return &ir.Exists{Span: at, X: f}
}

func (p *pipeline) cidr(at diag.Span, args []*exprOr) ir.Expr {
	if len(args) < 2 {
		p.diags.Errorf(codeFunction, at, "Write for example cidr(SourceIp, '10.0.0.0/8').", "\"cidr\" takes an address and one network or more")
		return nil
	}
	x := p.value(args[0])
	if x == nil {
		return nil
	}
	var any []ir.Expr
	for _, a := range args[1:] {
		n := p.value(a)
		lit, _ := n.(*ir.Lit)
		if n == nil {
			return nil
		}
		s, ok := "", false
		if lit != nil {
			s, ok = lit.Value.(string)
		}
		prefix, err := netip.ParsePrefix(s)
		if !ok || err != nil {
			p.diags.Errorf(codeExprType, n, "Write it like '10.0.0.0/8' or 'fe80::/10'.", "this is not a network")
			return nil
		}
		if prefix != prefix.Masked() {
			p.diags.Errorf(codeExprType, n, "Write "+prefix.Masked().String()+" if that network is meant.", "%s has bits of a host set", prefix)
			return nil
		}
		any = append(any, &ir.InCIDR{Span: n.At(), X: x, Prefix: prefix})
	}
	return ir.NewLogic(at, ir.Or, any...)
}

// unquoteRaw is the text of a string token that holds a regular expression:
// only an escaped quote loses its backslash.
func unquoteRaw(token string) string {
	quote := token[:1]
	return strings.ReplaceAll(token[1:len(token)-1], `\`+quote, quote)
}

// isText refuses operators on text where the value is none.
func (p *pipeline) isText(x ir.Expr, of *exprSum) bool {
	if _, ok := x.(*ir.Field); ok {
		return true
	}
	if t := ir.TypeOf(x); t == ir.String || t == ir.Dynamic || t == ir.Unknown {
		return true
	}
	p.diags.Errorf(codeExprType, p.between(of.Pos, of.EndPos), "", "this operator works on text")
	return false
}

func (p *pipeline) in(at diag.Span, c *exprCmp) ir.Expr {
	var args []ir.Expr
	var patterns []ir.Pattern
	x := p.sum(c.L)
	ok := x != nil
	for _, v := range c.In {
		y := p.sum(v)
		lit, isLit := y.(*ir.Lit)
		switch {
		case y == nil:
			ok = false
		case !isLit:
			p.diags.Errorf(codeExprType, p.between(v.Pos, v.EndPos), "Write \"or\" and a comparison for it.", "\"in\" lists constants")
			ok = false
		default:
			if s, isText := lit.Value.(string); isText {
				patterns = append(patterns, ir.TextPattern(lit.Span, s))
			} else {
				args = append(args, &ir.Compare{Span: at, Op: ir.Eq, L: x, R: lit})
			}
		}
	}
	if !ok {
		return nil
	}
	if len(patterns) > 0 {
		if !p.isText(x, c.L) {
			return nil
		}
		args = append([]ir.Expr{&ir.Match{Span: at, X: x, Any: patterns, Cased: c.InWord == "in"+casedSuffix}}, args...)
	}
	return ir.NewLogic(at, ir.Or, args...)
}

func (p *pipeline) compare(at diag.Span, word string, left, right *exprSum) ir.Expr {
	op, cased := ir.CmpOp(word), false
	switch word {
	case "==":
		op, cased = ir.Eq, true
	case "!==":
		op, cased = ir.Ne, true
	}
	l, r := p.sum(left), p.sum(right)
	if l == nil || r == nil {
		return nil
	}
	lt, lLit := l.(*ir.Lit)
	rt, rLit := r.(*ir.Lit)
	if lLit && rLit {
		p.diags.Errorf(codeExprType, at, "Compare a column.", "this compares two constants")
		return nil
	}
	if lLit { // the constant stands on the right from here on
		op = map[ir.CmpOp]ir.CmpOp{ir.Eq: ir.Eq, ir.Ne: ir.Ne, ir.Lt: ir.Gt, ir.Le: ir.Ge, ir.Gt: ir.Lt, ir.Ge: ir.Le}[op]
		l, r, rt, rLit = r, l, lt, true
		left = right
	}
	if !rLit {
		return &ir.Compare{Span: at, Op: op, L: l, R: r, Cased: cased}
	}
	switch v := rt.Value.(type) {
	case string:
		if op != ir.Eq && op != ir.Ne {
			p.diags.Errorf(codeExprType, rt, "Remove the quotes if a number is meant.", "text has no order; it is equal or not")
			return nil
		}
		if !p.isText(l, left) {
			return nil
		}
		m := &ir.Match{Span: at, X: l, Any: []ir.Pattern{ir.TextPattern(rt.Span, v)}, Cased: cased}
		if op == ir.Eq {
			return m
		}
		not := &ir.Not{Span: at, X: m}
		if f, ok := l.(*ir.Field); ok {
			return ir.NewLogic(at, ir.And, &ir.Exists{Span: at, X: f}, not)
		}
		p.diags.Errorf(codeExprType, at, "Name it with \"extend\" first.", "\"!=\" compares a column with a text")
		return nil
	case bool:
		if op != ir.Eq && op != ir.Ne {
			p.diags.Errorf(codeExprType, rt, "", "true and false have no order")
			return nil
		}
	}
	return &ir.Compare{Span: at, Op: op, L: l, R: r}
}

// sum reads a value; nil after an error.
func (p *pipeline) sum(s *exprSum) ir.Expr {
	x := p.prod(s.First)
	for _, t := range s.Rest {
		y := p.prod(t.X)
		if x == nil || y == nil {
			return nil
		}
		x = p.arithmetic(s.Pos, s.EndPos, ir.FuncID(t.Op), x, y)
	}
	return x
}

func (p *pipeline) prod(s *exprProd) ir.Expr {
	x := p.atom(s.First)
	for _, t := range s.Rest {
		y := p.atom(t.X)
		if x == nil || y == nil {
			return nil
		}
		x = p.arithmetic(s.Pos, s.EndPos, ir.FuncID(t.Op), x, y)
	}
	return x
}

func (p *pipeline) arithmetic(from, to lexer.Position, op ir.FuncID, x, y ir.Expr) ir.Expr {
	for _, a := range []ir.Expr{x, y} {
		if t := ir.TypeOf(a); t == ir.String || t == ir.Bool {
			p.diags.Errorf(codeExprType, a, "", "%q works on numbers and lengths of time", string(op))
			return nil
		}
	}
	return &ir.Call{Span: p.between(from, to), Func: op, Args: []ir.Expr{x, y}}
}

func (p *pipeline) atom(a *exprAtom) ir.Expr {
	at := p.between(a.Pos, a.EndPos)
	switch {
	case a.Group != nil:
		return p.value(a.Group)
	case a.Str != nil:
		return &ir.Lit{Span: at, Value: unquote(*a.Str)}
	case a.Dur != nil:
		text, negative := strings.CutPrefix(strings.ReplaceAll(*a.Dur, " ", ""), "-")
		d, ok := parseDuration(text)
		if negative {
			d = -d
		}
		if !ok {
			p.diags.Errorf(codeDuration, at, "", "%q is too long a time", *a.Dur)
			return nil
		}
		return ir.DurationLit(at, d)
	case a.Num != nil:
		return p.numberLit(*a.Num, at)
	case a.Bool != nil:
		return &ir.Lit{Span: at, Value: *a.Bool == "true"}
	case a.Call != nil:
		return p.call(a, at)
	}
	return p.field(a.Name)
}

func (p *pipeline) numberLit(text string, at diag.Span) ir.Expr {
	text = strings.ReplaceAll(text, " ", "")
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return &ir.Lit{Span: at, Value: i}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !strings.Contains(text, ".") {
		p.diags.Errorf(codeExprType, at, "", "%s is too large a number", text)
		return nil
	}
	return &ir.Lit{Span: at, Value: f}
}

func (p *pipeline) call(a *exprAtom, at diag.Span) ir.Expr {
	word := a.Name.value()
	i := slices.IndexFunc(functions, func(f function) bool { return f.name == word })
	if i < 0 {
		hint := "The functions are " + strings.Join(functionNames(), ", ") + "."
		switch near := nearest(word, functionNames()); {
		case slices.ContainsFunc(aggregateFuncs, func(f aggregateFunc) bool { return f.name == word }):
			hint = "Aggregates stand in \"summarize\"."
		case otherNames[word] != "":
			hint = fmt.Sprintf("It is called %q here.", otherNames[word])
		case near != "":
			hint = fmt.Sprintf("Did you mean %q?", near)
		}
		for _, c := range conditions {
			if c.name == word {
				p.diags.Errorf(codeExprType, at, "Use it in \"where\", or in if(…).", "a value is needed here, and %s is a condition", c.usage)
				return nil
			}
		}
		p.diags.Errorf(codeFunction, p.between(a.Name.Pos, a.Name.EndPos), hint, "there is no function %q", word)
		return nil
	}
	f := &functions[i]
	sig := f.signature()
	param := func(i, _ int) ir.Param { return sig.Param(i) }
	if word == "case" {
		param = caseParam
	}
	args, ok := p.arguments(f.name, f.usage, a.Call.Args, sig.Takes(len(a.Call.Args)), param, at)
	if !ok {
		return nil
	}
	if word == "extract" && len(args) == 3 {
		if n := groupsOf(args[1].(*ir.Lit).Value.(string)); args[2].(*ir.Lit).Value.(int64) > int64(n) {
			p.diags.Errorf(codeExprType, args[2], "Group 0 is the whole match.", "the expression has %s in parentheses", plural(n, "group"))
			return nil
		}
	}
	if want := refusedText(f.id, args); want != "" {
		p.diags.Errorf(codeExprType, args[len(args)-1], "Write "+f.usage+".", "%q takes %s here", f.name, want)
		return nil
	}
	return f.call(at, args)
}

// otherNames are what SPL and Kusto call functions that have another name here.
var otherNames = map[string]string{
	"tolower": "lower", "toupper": "upper", "len": "strlen", "substr": "substring", "strcat": "concat", "iff": "if", "iif": "if",
	"replace_string": "replace", "replace_regex": "extract", "rex": "extract", "todouble": "tonumber", "toreal": "tonumber",
	"isnull": "not exists", "isnotnull": "exists", "isempty": "not exists", "isnotempty": "exists", "cidrmatch": "cidr", "ipv4_is_in_range": "cidr", "ceil": "ceiling",
	"hourofday": "hour", "dayofweek": "weekday", "monthofyear": "month", "dayofmonth": "day", "getyear": "year", "datetime_part": "hour", "strftime": "hour", "match": "extract",
	"dc": "dcount", "mvindex": "item", "mvjoin": "joined", "strcat_array": "joined", "mvcount": "size", "array_length": "size", "null": "if",
	"parse_json": "json", "todynamic": "json", "json_extract_exact": "property", "json_extract": "property", "spath": "property", "parse_url": "url", "geo_info_from_ip_address": "place", "iplocation": "place", "datetime": "instant", "todatetime": "instant",
}

// arguments reads and checks the arguments of a function of either table.
func (p *pipeline) arguments(fn, usage string, in []*exprOr, fits bool, param func(i, n int) ir.Param, at diag.Span) ([]ir.Expr, bool) {
	if !fits {
		p.diags.Errorf(codeFunction, at, "Write "+usage+".", "%q does not take %s", fn, plural(len(in), "argument"))
		return nil, false
	}
	var out []ir.Expr
	ok := true
	for i, o := range in {
		kind := param(i, len(in))
		var x ir.Expr
		switch kind {
		case ir.Predicate:
			x = p.pred(o)
		case ir.RegexConst:
			x = p.regexConst(o)
		default:
			x = p.value(o)
		}
		if x == nil {
			ok = false
			continue
		}
		if want := refuses(kind, x); want != "" {
			p.diags.Errorf(codeExprType, x, "Write "+usage+".", "%q takes %s here", fn, want)
			ok = false
		}
		out = append(out, x)
	}
	return out, ok
}

func plural(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun
	case 1:
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// value is an expression that is no condition; nil after an error.
func (p *pipeline) value(o *exprOr) ir.Expr {
	if s := o.alone(); s != nil {
		return p.sum(s)
	}
	p.diags.Errorf(codeExprType, p.between(o.Pos, o.EndPos), "To choose by a condition write if(condition, x, y).", "a value is needed here, and this is a condition")
	return nil
}

// alone is the value that stands where a condition could, or nil.
func (o *exprOr) alone() *exprSum {
	if len(o.Terms) != 1 || len(o.Terms[0].Terms) != 1 {
		return nil
	}
	n := o.Terms[0].Terms[0]
	c := n.X
	if len(n.Nots) > 0 || c.Op != "" || c.Low != nil || c.In != nil || c.Text != nil || c.Has != nil || c.HasAny != nil || c.Like != nil || c.Regex != nil {
		return nil
	}
	return c.L
}

// regexConst is a literal regular expression, in which a backslash is one.
func (p *pipeline) regexConst(o *exprOr) ir.Expr {
	s := o.alone()
	if s == nil || s.lone() == nil || s.lone().Str == nil {
		return p.value(o)
	}
	at := p.between(o.Pos, o.EndPos)
	source := unquoteRaw(*s.lone().Str)
	message := checkRegex(source)
	if message == "" && groupsOf(source) < 0 {
		message = "what it asks for is not known to all engines (looking around, references back)"
	}
	if message != "" {
		p.diags.Errorf(codeRegex, at, "Put a backslash before a character that stands for itself.", "the regular expression is not valid: %s", message)
		return nil
	}
	return &ir.Lit{Span: at, Value: source}
}
