package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// siblings are what stands beside a predicate in an And: what Resolve adds to a
// field's predicate anyway is taken out there.
type siblings struct {
	keys map[string]bool
	used map[string]bool
}

// pred raises a predicate.
func (z *raiser) pred(l *level, e ir.Expr) ir.Expr { return z.predicate(l, e, nil) }

func (z *raiser) predicate(l *level, e ir.Expr, sib *siblings) ir.Expr {
	switch e := e.(type) {
	case *ir.Logic:
		if e.Op == ir.And {
			return z.conjunction(l, e)
		}
		c := *e
		var out []ir.Expr
		args := e.Args
		if l.scan != nil {
			out, args = z.registry(l, e)
		}
		for _, a := range args {
			out = append(out, z.predicate(l, a, nil))
		}
		c.Args = out
		return ir.Simplify(&c)
	case *ir.Not:
		if x := z.presence(l, e); x != nil {
			return x
		}
		x := z.predicate(l, e.X, nil)
		if or, ok := x.(*ir.Logic); ok && or.Op == ir.Or && isMatch(e.X) {
			// Neither missing nor one of the texts.
			and := &ir.Logic{Span: e.Span, Op: ir.And}
			for _, a := range or.Args {
				and.Args = append(and.Args, &ir.Not{Span: e.Span, X: a})
			}
			return ir.Simplify(and)
		}
		return &ir.Not{Span: e.Span, X: x}
	case *ir.Keyword:
		if text, ok := e.Pattern.Literal(); ok && e.Terms {
			z.diags.Warnf(codeReworded, e, "", "the text looks for %q as whole terms, documents look for it anywhere in the event", text)
			return &ir.Keyword{Span: e.Span, Pattern: e.Pattern, Cased: e.Cased}
		}
		return e
	case *ir.Macro:
		return e
	case *ir.Match:
		if f, column := storedOperand(e.X); column && l.stored(f.Name) {
			if x := z.presence(l, e); x != nil {
				return x
			}
			return z.leaf(l, e, f, e.Any, e.Cased, sib)
		}
		if f, ok := e.X.(*ir.Field); ok {
			if m := l.made(f.Name); m != nil && m.h != nil {
				return z.orMissing(e, z.madeMatch(e, m))
			}
		}
		c := *e
		c.X = z.value(l, e.X, asValue)
		if call, ok := c.X.(*ir.Call); ok && call.Func == ir.ToString && len(call.Args) == 1 {
			c.X = call.Args[0] // the text of a value is what is matched
		}
		return z.orMissing(e, &c)
	case *ir.Compare:
		return z.compare(l, e, sib)
	case *ir.Regexp, *ir.InCIDR, *ir.FieldMatch, *ir.Exists, *ir.Term:
		return z.general(l, e, sib)
	case *ir.Lit:
		switch e.Value {
		case true:
			return ir.True(e.Span)
		case false:
			return ir.False(e.Span)
		}
		return e
	case *ir.Field, *ir.Call:
		// Documents have no value in the place of a condition.
		return &ir.Compare{Span: e.At(), Op: ir.Eq, L: z.value(l, e, asValue), R: &ir.Lit{Span: e.At(), Value: true}, Cased: true}
	case *ir.Foreign:
		return z.value(l, e, asValue)
	}
	panic(fmt.Sprintf("schema: unhandled expression %T", e))
}

// orMissing is a comparison of a column that is not stored: in Kusto a text is
// empty where it is missing, so that what asks for an empty one finds both.
func (z *raiser) orMissing(e *ir.Match, raised ir.Expr) ir.Expr {
	if z.view != XDR || !slices.ContainsFunc(e.Any, func(p ir.Pattern) bool { return matches(p, "") }) {
		return raised
	}
	m, ok := raised.(*ir.Match)
	if !ok {
		return raised
	}
	var there ir.Expr = &ir.Match{Span: e.Span, X: m.X, Any: []ir.Pattern{{Span: e.Span, Parts: []ir.Part{{Wild: ir.Many}}}}}
	if f, ok := m.X.(*ir.Field); ok {
		there = &ir.Exists{Span: e.Span, X: f}
	}
	return ir.NewLogic(e.Span, ir.Or, &ir.Not{Span: e.Span, X: there}, raised)
}

func isMatch(e ir.Expr) bool { _, ok := e.(*ir.Match); return ok }

// storedOperand is the column of which the text is compared.
func storedOperand(x ir.Expr) (*ir.Field, bool) {
	if c, ok := x.(*ir.Call); ok && c.Func == ir.ToString && len(c.Args) == 1 {
		x = c.Args[0]
	}
	f, ok := x.(*ir.Field)
	return f, ok
}

// conjunction raises an And: halves of one field are put together, and what
// Resolve adds of itself is left out.
func (z *raiser) conjunction(l *level, e *ir.Logic) ir.Expr {
	var out []ir.Expr
	args := e.Args
	if l.scan != nil {
		out, args = z.together(l, args)
	}
	sib := &siblings{map[string]bool{}, map[string]bool{}}
	keys := make([]string, len(args))
	for i, a := range args {
		keys[i] = exprKey(a)
		sib.keys[keys[i]] = true
	}
	raised := make([]ir.Expr, len(args))
	for i, a := range args {
		if !isTest(a) {
			raised[i] = z.predicate(l, a, sib)
		}
	}
	for i, a := range args {
		switch {
		case sib.used[keys[i]]:
		case raised[i] == nil:
			out = append(out, z.predicate(l, a, sib))
		default:
			out = append(out, raised[i])
		}
	}
	return ir.Simplify(&ir.Logic{Span: e.Span, Op: ir.And, Args: out})
}

// isTest reports whether a conjunct may be one that Resolve adds to others.
func isTest(e ir.Expr) bool {
	switch e := e.(type) {
	case *ir.Exists:
		return true
	case *ir.Not:
		switch x := e.X.(type) {
		case *ir.Match:
			return true
		case *ir.Compare:
			return x.Op == ir.Eq
		}
	}
	return false
}

// together finds conjuncts that are the halves of one field, a domain and a name
// or a key and a value, and puts them together.
func (z *raiser) together(l *level, args []ir.Expr) (done, rest []ir.Expr) {
	rest = slices.Clone(args)
	s := l.scan
	// A key that a field cannot say without its value goes first.
	alone := func(e ir.Expr) int {
		h, ok := s.half(l, e, keyOfRegistry)
		if !ok {
			return 0
		}
		for _, list := range s.inverse(h.role, h.m.Any) {
			got, _, ok := s.try(s.b, &ir.Match{X: &ir.Field{Name: h.field}, Any: list, Cased: h.m.Cased})
			if ok && normKey(got) == normKey(e) {
				return 1
			}
		}
		return -1
	}
	slices.SortStableFunc(rest, func(a, b ir.Expr) int { return alone(a) - alone(b) })
	for i := 0; i < len(rest); i++ {
		first, ok := s.half(l, rest[i], domainOfAccount, keyOfRegistry)
		if !ok {
			continue
		}
		for j := 0; j < len(rest); j++ {
			if j == i {
				continue
			}
			second, ok := s.half(l, rest[j], nameOfAccount, valueOfRegistry)
			if !ok || second.field != first.field || first.m.Cased != second.m.Cased || len(first.m.Any)*len(second.m.Any) > 64 {
				continue
			}
			x := &ir.Match{Span: first.m.Span, X: &ir.Field{Span: first.m.X.At(), Name: first.field}, Cased: first.m.Cased}
			x.Any = s.paired(first, second)
			both := ir.NewLogic(x.Span, ir.And, first.m, second.m)
			got, _, ok := s.try(s.b, x)
			if !ok || normKey(got) != normKey(both) {
				continue
			}
			done = append(done, s.minimal(x))
			rest = slices.Delete(rest, max(i, j), max(i, j)+1)
			rest = slices.Delete(rest, min(i, j), min(i, j)+1)
			i--
			break
		}
	}
	return done, rest
}

// paired are the patterns for a whole field whose halves match those of two.
func (s *raisedScan) paired(first, second half) []ir.Pattern {
	var out []ir.Pattern
	unnamed := first.part == keyOfRegistry && slices.ContainsFunc(second.m.Any, func(p ir.Pattern) bool {
		return len(p.Parts) > 0 && !isAny(p) && matches(p, defaultValue)
	})
	for _, k := range s.unspell(first.c, first.m.Any) {
		for _, v := range second.m.Any {
			var p ir.Pattern
			switch {
			case len(v.Parts) > 0 || first.part != keyOfRegistry:
				p = patternOf(k.Span, k.Parts, []ir.Part{{Text: `\`}}, v.Parts)
			case unnamed:
				continue
			default:
				p = k // the key alone
			}
			if !slices.ContainsFunc(out, p.Equal) {
				out = append(out, p)
			}
		}
	}
	return out
}

// registry finds the alternatives that are about the key and the value of one
// registry field and puts them together: a pattern for the whole gives several.
func (z *raiser) registry(l *level, e *ir.Logic) (done, rest []ir.Expr) {
	for _, loosely := range []bool{false, true} {
		if x, rest := l.scan.registry(l, e, loosely); x != nil {
			return []ir.Expr{x}, rest
		}
	}
	return nil, e.Args
}

func (s *raisedScan) registry(l *level, e *ir.Logic, loosely bool) (ir.Expr, []ir.Expr) {
	x := &ir.Match{Span: e.Span}
	var orig, rest []ir.Expr
	for _, a := range e.Args {
		list, field, cased, ok := s.registryPatterns(l, a, loosely)
		if !ok || x.X != nil && (x.X.(*ir.Field).Name != field || x.Cased != cased) {
			rest = append(rest, a)
			continue
		}
		x.X, x.Cased = &ir.Field{Span: a.At(), Name: field}, cased
		for _, p := range list {
			if !slices.ContainsFunc(x.Any, p.Equal) {
				x.Any = append(x.Any, p)
			}
		}
		orig = append(orig, a)
	}
	if len(orig) < 2 {
		return nil, nil
	}
	got, _, ok := s.try(s.b, x)
	if !ok || normKey(got) != normKey(ir.NewLogic(e.Span, ir.Or, orig...)) {
		return nil, nil
	}
	return s.minimal(x), rest
}

// registryPatterns are patterns for a registry field from which Resolve may make
// an alternative; loosely, also those for which the key and the value are parts
// of one text without a backslash.
func (s *raisedScan) registryPatterns(l *level, e ir.Expr, loosely bool) (list []ir.Pattern, field string, cased, ok bool) {
	if and, isAnd := e.(*ir.Logic); isAnd && and.Op == ir.And && len(and.Args) == 2 {
		for i := range and.Args {
			key, isKey := s.half(l, and.Args[i], keyOfRegistry)
			value, isValue := s.half(l, and.Args[1-i], valueOfRegistry)
			if isKey && isValue && key.field == value.field && key.m.Cased == value.m.Cased && len(key.m.Any)*len(value.m.Any) <= 64 {
				return s.paired(key, value), key.field, key.m.Cased, true
			}
		}
		return nil, "", false, false
	}
	if h, is := s.half(l, e, keyOfRegistry); is {
		for _, p := range s.unspell(h.c, h.m.Any) {
			if n := len(p.Parts); n == 0 || p.Parts[n-1].Wild != ir.Many {
				if loosely {
					continue
				}
				p = patternOf(p.Span, p.Parts, []ir.Part{{Text: `\`}, {Wild: ir.Many}})
			}
			list = append(list, p)
		}
		return list, h.field, h.m.Cased, true
	}
	if h, is := s.half(l, e, valueOfRegistry); is {
		for _, p := range h.m.Any {
			if loosely && len(p.Parts) > 0 && p.Parts[0].Wild == ir.Many {
				list = append(list, p)
				continue
			}
			list = append(list, patternOf(p.Span, []ir.Part{{Wild: ir.Many}, {Text: `\`}}, p.Parts))
		}
		return list, h.field, h.m.Cased, true
	}
	return nil, "", false, false
}

type half struct {
	role
	m *ir.Match
}

func (s *raisedScan) half(l *level, e ir.Expr, parts ...part) (half, bool) {
	m, ok := e.(*ir.Match)
	if !ok {
		return half{}, false
	}
	f, ok := m.X.(*ir.Field)
	if !ok || !l.stored(f.Name) {
		return half{}, false
	}
	for _, r := range s.roles[f.Name] {
		if slices.Contains(parts, r.part) && (r.part != nameOfAccount || r.c.Domain != "") {
			return half{r, m}, true
		}
	}
	return half{}, false
}

// try is what Resolve makes of a predicate, and with how many reasons; false if
// it refuses it.
func (s *raisedScan) try(sc scope, e ir.Expr) (ir.Expr, int, bool) {
	r := s.b.r
	r.diags, r.reasons, r.emptyOrMissing = nil, nil, nil
	x := ir.Simplify(r.pred(sc, e, false))
	return x, len(r.reasons), !r.diags.HasErrors()
}

// scopeOf is what Resolve knows at a level above a Scan.
func (l *level) scopeOf() scope {
	if len(l.cols) == 0 {
		return l.scan.b
	}
	more := &derived{r: l.scan.b.r}
	for _, c := range l.cols {
		more.add(c.logical, &ir.Field{Name: c.logical}, c.h)
	}
	return &extended{l.scan.b, more}
}

// presence raises the test that a column has a value, or has none; nil if e is
// something else.
func (z *raiser) presence(l *level, e ir.Expr) ir.Expr {
	if l.scan == nil {
		return nil
	}
	absent := false
	x := e
	if n, ok := e.(*ir.Not); ok {
		x = n.X
	} else {
		absent = true
	}
	var f *ir.Field
	switch x := x.(type) {
	case *ir.Match:
		f, _ = x.X.(*ir.Field)
		if x.Cased && !slices.ContainsFunc(x.Any, func(p ir.Pattern) bool { return len(p.Parts) == 0 }) {
			return nil // the text for a missing value has one case
		}
	case *ir.Compare:
		f, _ = x.L.(*ir.Field)
	case *ir.Exists:
		f = x.X
		if absent {
			return nil
		}
	}
	if f == nil || !l.stored(f.Name) || l.scan.isTime(f.Name) {
		return nil
	}
	s := l.scan
	test := s.b.present(e.At(), s.b.stored(f.Span, f.Name))
	_, exists := x.(*ir.Exists)
	if exists != isExists(test) {
		return nil
	}
	if !exists {
		if exprKey(&ir.Not{X: uncased(x)}) != exprKey(test) {
			return nil
		}
	}
	var names []string
	for _, r := range s.rolesFor(f.Name) {
		names = append(names, r.field)
	}
	if s.b.r.view != Raw && s.b.bound(f.Name) != nil {
		names = append(names, f.Name)
	}
	for _, name := range names {
		g := &ir.Field{Span: f.Span, Name: name}
		here := ir.Expr(&ir.Exists{Span: e.At(), X: g})
		empty := &ir.Match{Span: e.At(), X: g, Any: []ir.Pattern{{Span: e.At()}}}
		filled := ir.NewLogic(e.At(), ir.And, here, &ir.Not{Span: e.At(), X: empty})
		if absent || exists {
			here = &ir.Not{Span: e.At(), X: here}
			filled = ir.NewLogic(e.At(), ir.Or, here, empty)
		}
		want := exprKey(uncased(e))
		got, reasons, ok := s.try(s.b, here)
		if !ok || exprKey(got) != want {
			continue
		}
		if reasons > 0 {
			if got, fewer, ok := s.try(s.b, filled); ok && fewer < reasons && exprKey(got) == want {
				here = filled
			}
		}
		if name == f.Name && len(s.roles[f.Name]) == 0 {
			z.bind(s, f)
		}
		return here
	}
	if s.b.table != nil && len(names) > 0 {
		if _, stored := s.b.table.Columns[f.Name]; !stored {
			// Of what is computed, Resolve asks for what it is computed from.
			here := ir.Expr(&ir.Exists{Span: e.At(), X: &ir.Field{Span: f.Span, Name: names[0]}})
			if absent || exists {
				here = &ir.Not{Span: e.At(), X: here}
			}
			got, _, _ := s.try(s.b, here)
			z.noteFit(s, e, fit{got: got}, nil)
			return here
		}
	}
	return nil
}

func isExists(e ir.Expr) bool { _, ok := e.(*ir.Exists); return ok }

// uncased is a test for an empty text, or for the one that stands for none,
// without regard for case.
func uncased(e ir.Expr) ir.Expr {
	return ir.MapExpr(e, func(e ir.Expr) ir.Expr {
		if m, ok := e.(*ir.Match); ok && m.Cased {
			return &ir.Match{Span: m.Span, X: m.X, Any: m.Any}
		}
		return e
	})
}

// compare raises a comparison.
func (z *raiser) compare(l *level, e *ir.Compare, sib *siblings) ir.Expr {
	if e.Cased && e.Op != ir.Eq && e.Op != ir.Ne {
		c := *e
		c.Cased = false // what has an order has no case
		e = &c
	}
	left, right, op := e.L, e.R, e.Op
	if _, ok := left.(*ir.Lit); ok {
		left, right, op = right, left, flip[op]
	}
	f, isField := left.(*ir.Field)
	lit, isLit := right.(*ir.Lit)
	if !isField || !isLit {
		if call, ok := left.(*ir.Call); ok && isLit && call.Func == ir.ToNumber {
			if f, ok := call.Args[0].(*ir.Field); ok && l.stored(f.Name) && op != ir.Eq && op != ir.Ne {
				// Resolve reads a text as a number itself.
				for _, x := range l.scan.forms(f) {
					y := &ir.Compare{Span: e.Span, Op: op, L: x, R: lit}
					if got, _, ok := l.scan.try(l.scan.b, y); ok && exprKey(got) == exprKey(&ir.Compare{Op: op, L: left, R: lit}) {
						return y
					}
				}
			}
		}
		_, leftField := e.L.(*ir.Field)
		_, rightField := e.R.(*ir.Field)
		if leftField && rightField {
			return z.general(l, e, sib)
		}
		c := *e
		c.L, c.R = z.value(l, e.L, asArgument), z.value(l, e.R, asArgument)
		if fields := ir.Fields(e); l.scan != nil && !slices.ContainsFunc(fields, func(f *ir.Field) bool { return l.made(f.Name) != nil }) {
			if got, _, ok := l.scan.try(l.scan.b, &c); ok {
				same := ir.MapExpr(e, func(e ir.Expr) ir.Expr {
					if c, ok := e.(*ir.Call); ok {
						return said(c)
					}
					return e
				})
				z.noteFit(l.scan, e, l.scan.fits(same, got, fields), sib)
			}
		}
		return &c
	}
	if !l.stored(f.Name) {
		c := *e
		c.L, c.Op, c.R = z.column(l, f, asArgument), op, lit
		return &c
	}
	switch op {
	case ir.Eq:
		if x := z.presence(l, e); x != nil {
			return x
		}
		if _, text := lit.Value.(string); !text && !l.scan.isTime(f.Name) {
			return z.leaf(l, &ir.Compare{Span: e.Span, Op: op, L: f, R: lit}, f, []ir.Pattern{ir.TextPattern(lit.Span, literalText(lit))}, false, sib)
		}
	case ir.Ne:
		equal := &ir.Compare{Span: e.Span, Op: ir.Eq, L: f, R: lit, Cased: e.Cased}
		if !l.scan.isTime(f.Name) {
			return z.predicate(l, ir.NewLogic(e.Span, ir.And, &ir.Exists{Span: e.Span, X: f}, &ir.Not{Span: e.Span, X: equal}), nil)
		}
	}
	return z.general(l, &ir.Compare{Span: e.Span, Op: op, L: f, R: lit, Cased: e.Cased}, sib)
}

// general raises a predicate of which only the fields change.
func (z *raiser) general(l *level, e ir.Expr, sib *siblings) ir.Expr {
	fields := ir.Fields(e)
	rename := func(with map[string]ir.Expr) ir.Expr {
		as := func(f *ir.Field) *ir.Field {
			if g, ok := with[f.Name].(*ir.Field); ok {
				return &ir.Field{Span: f.Span, Name: g.Name}
			}
			return f
		}
		return ir.MapExpr(e, func(e ir.Expr) ir.Expr {
			switch x := e.(type) {
			case *ir.Field:
				if y := with[x.Name]; y != nil {
					if g, ok := y.(*ir.Field); ok {
						return &ir.Field{Span: x.Span, Name: g.Name}
					}
					return y
				}
			case *ir.FieldMatch:
				c := *x
				c.X, c.Y = as(x.X), as(x.Y)
				return &c
			case *ir.Exists:
				return &ir.Exists{Span: x.Span, X: as(x.X)}
			}
			return e
		})
	}
	onlyFields := false
	_, present := e.(*ir.Exists)
	switch e := e.(type) {
	case *ir.FieldMatch, *ir.Exists:
		onlyFields = true
	case *ir.Regexp:
		if _, ok := e.X.(*ir.Field); !ok {
			c := *e
			c.X = z.value(l, e.X, asValue)
			return &c
		}
	case *ir.Term:
		if _, ok := e.X.(*ir.Field); !ok {
			c := *e
			c.X = z.value(l, e.X, asValue)
			return &c
		}
	case *ir.InCIDR:
		if _, ok := e.X.(*ir.Field); !ok {
			c := *e
			c.X = z.value(l, e.X, asValue)
			return &c
		}
	}
	made := map[string]ir.Expr{}
	options := make([][]ir.Expr, len(fields))
	for i, f := range fields {
		switch {
		case l.made(f.Name) != nil:
			made[f.Name] = &ir.Field{Span: f.Span, Name: l.made(f.Name).logical}
			options[i] = []ir.Expr{made[f.Name]}
		case l.scan == nil:
			options[i] = []ir.Expr{z.column(l, f, asValue)}
		default:
			for _, x := range l.scan.forms(f) {
				if _, field := x.(*ir.Field); (field || !onlyFields) && (present || !l.scan.otherWords(f.Name, x)) {
					options[i] = append(options[i], x)
				}
			}
			if l.scan.b.r.view != Raw && l.scan.b.bound(f.Name) != nil || len(options[i]) == 0 {
				options[i] = append(options[i], &ir.Field{Span: f.Span, Name: f.Name})
			}
		}
	}
	pick := func(at []int) ir.Expr {
		with := map[string]ir.Expr{}
		for i, f := range fields {
			with[f.Name] = options[i][at[i]]
		}
		return rename(with)
	}
	at := make([]int, len(fields))
	if l.scan == nil {
		return pick(at)
	}
	sc := l.scopeOf()
	want := rename(made)
	var best []int
	var bestFit fit
	for n := 0; n < 64; n++ {
		if got, _, ok := l.scan.try(sc, pick(at)); ok {
			fit := l.scan.fits(want, got, fields)
			if best == nil || fit.rank > bestFit.rank {
				best, bestFit = slices.Clone(at), fit
			}
			if fit.rank == exact {
				break
			}
		}
		i := 0
		for ; i < len(at); i++ {
			if at[i]++; at[i] < len(options[i]) {
				break
			}
			at[i] = 0
		}
		if i == len(at) {
			break
		}
	}
	if best == nil {
		best = make([]int, len(fields))
	}
	for i, f := range fields {
		if g, ok := options[i][best[i]].(*ir.Field); ok && g.Name == f.Name && l.stored(f.Name) && !l.scan.isLogical(f.Name) {
			z.bind(l.scan, f)
		}
	}
	z.noteFit(l.scan, e, bestFit, sib)
	return pick(best)
}

// otherWords reports whether the view has words for the values of a field that
// documents have others for. What looks into the target's words is not to be said
// of those of documents, if there is another way to say it.
func (s *raisedScan) otherWords(column string, x ir.Expr) bool {
	f, ok := x.(*ir.Field)
	if !ok || s.b.r.view == Raw || s.b.bound(column) == nil {
		return false
	}
	return slices.ContainsFunc(s.roles[column], func(r role) bool {
		return r.field == f.Name && slices.ContainsFunc(sortedKeys(r.c.Values), func(value string) bool {
			return slices.ContainsFunc(r.c.Values[value], func(word string) bool { return !strings.EqualFold(word, value) })
		})
	})
}

// isLogical reports whether the dataset has a field of that name.
func (s *raisedScan) isLogical(name string) bool {
	_, ok := s.ds.Fields[name]
	return ok || name == ir.Timestamp || s.b.m.Columns[name] != nil
}

// closeness says how near what Resolve makes of a logical form is to the text.
type closeness uint8

const (
	far     closeness = iota
	wider             // other values are meant as well
	respelt           // the same values in other spellings too
	guarded           // and that there is a value
	exact
)

type fit struct {
	rank   closeness
	got    ir.Expr // what Resolve makes
	guards []ir.Expr
	extra  []ir.Pattern
}

// fits compares what Resolve makes with what the text says.
func (s *raisedScan) fits(want, got ir.Expr, fields []*ir.Field) fit {
	if normKey(want) == normKey(got) {
		return fit{rank: exact}
	}
	if or, ok := got.(*ir.Logic); ok && or.Op == ir.Or && s.b.r.view == Raw {
		// An empty value of an XML event is a missing one.
		for _, f := range fields {
			missing := exprKey(&ir.Not{X: &ir.Exists{X: f}})
			some := slices.DeleteFunc(slices.Clone(or.Args), func(e ir.Expr) bool { return exprKey(e) == missing })
			if len(some) < len(or.Args) && normKey(ir.NewLogic(or.Span, ir.Or, some...)) == normKey(want) {
				return fit{rank: respelt}
			}
		}
	}
	var tests []string
	for _, f := range fields {
		tests = append(tests, exprKey(s.b.present(diag.Span{}, s.b.stored(diag.Span{}, f.Name))))
	}
	var guards, rest []ir.Expr
	if _, ok := want.(*ir.Exists); ok && !slices.ContainsFunc(ir.Conjuncts(got), func(c ir.Expr) bool { return !slices.Contains(tests, exprKey(c)) }) {
		return fit{rank: guarded, guards: ir.Conjuncts(got)}
	}
	for _, c := range ir.Conjuncts(got) {
		if normKey(c) != normKey(want) && (slices.Contains(tests, exprKey(c)) || s.follows(c, fields)) {
			guards = append(guards, c)
		} else {
			rest = append(rest, c)
		}
	}
	if len(rest) != 1 {
		return fit{got: got}
	}
	if normKey(rest[0]) == normKey(want) {
		return fit{rank: guarded, guards: guards}
	}
	a, ok := want.(*ir.Match)
	b, isMatch := rest[0].(*ir.Match)
	if !ok || !isMatch || a.Cased != b.Cased || exprKey(a.X) != exprKey(b.X) {
		return fit{got: got}
	}
	among := func(p ir.Pattern, list []ir.Pattern) bool {
		return slices.ContainsFunc(list, func(q ir.Pattern) bool { return covers(q, p, a.Cased) })
	}
	var extra []ir.Pattern
	for _, p := range b.Any {
		if !among(p, a.Any) {
			extra = append(extra, p)
		}
	}
	for _, p := range a.Any {
		if !among(p, b.Any) {
			return fit{got: got}
		}
	}
	return fit{rank: respelt, guards: guards, extra: extra}
}

// follows reports whether a conjunct that Resolve adds follows from the
// predicate on a computed column, or keeps it to texts.
func (s *raisedScan) follows(e ir.Expr, fields []*ir.Field) bool {
	if n, ok := e.(*ir.Not); ok {
		e = n.X
	}
	m, ok := e.(*ir.Match)
	if !ok {
		return false
	}
	f, ok := m.X.(*ir.Field)
	if !ok {
		return false
	}
	for _, g := range fields {
		for _, r := range s.roles[g.Name] {
			if r.c.Within == f.Name || r.c.ValueType == f.Name && r.part == whole {
				return true
			}
		}
	}
	return false
}

// normKey is the canonical form without patterns that another covers.
func normKey(e ir.Expr) string {
	return exprKey(ir.MapExpr(e, func(e ir.Expr) ir.Expr {
		m, ok := e.(*ir.Match)
		if !ok || len(m.Any) < 2 || len(m.Any) > 256 {
			return e
		}
		var out []ir.Pattern
		for i, p := range m.Any {
			if !slices.ContainsFunc(m.Any[:i], func(q ir.Pattern) bool { return covers(q, p, m.Cased) }) &&
				!slices.ContainsFunc(m.Any[i+1:], func(q ir.Pattern) bool { return covers(q, p, m.Cased) && !covers(p, q, m.Cased) }) {
				out = append(out, p)
			}
		}
		if len(out) == len(m.Any) {
			return e
		}
		return &ir.Match{Span: m.Span, X: m.X, Any: out, Cased: m.Cased}
	}))
}

// covers reports whether q matches whatever p matches. It may say false where
// that is hard to see.
func covers(q, p ir.Pattern, cased bool) bool {
	if slices.ContainsFunc(q.Parts, func(part ir.Part) bool { return part.Wild == ir.One }) {
		return q.Equal(p)
	}
	var b strings.Builder
	for _, part := range p.Parts {
		switch part.Wild {
		case ir.Many:
			b.WriteRune('\ue000') // matched by nothing but *, as any run of text would be
		case ir.One:
			b.WriteRune('\ue001')
		default:
			b.WriteString(part.Text)
		}
	}
	return matchesAs(q, b.String(), cased)
}

// noteFit says what a logical form has more than the text.
func (z *raiser) noteFit(s *raisedScan, e ir.Expr, f fit, sib *siblings) {
	for _, g := range f.guards {
		k := exprKey(g)
		switch {
		case sib != nil && sib.keys[k]:
			sib.used[k] = true
		case s.follows(g, ir.Fields(e)):
		default:
			fields := ir.Fields(g)
			z.diags.Infof(codeReworded, e, "", "%s has a text of its own where %s is missing, which the text compares as if it were a value; the hunt does not", s.b.where(), fields[0].Name)
		}
	}
	switch {
	case slices.ContainsFunc(ir.Fields(e), func(f *ir.Field) bool { return !s.has(f.Name) && !s.isLogical(f.Name) }):
		// which has been reported
	case f.rank == far:
		is := "refused"
		if f.got != nil {
			is = excerpt(ir.FormatExpr(ir.CanonicalExpr(f.got)))
		}
		z.diags.Warnf(codeReworded, e, "Compare what the hunt finds, or keep it as native text.",
			"documents cannot say %s exactly: compiled for %s again it is %s", excerpt(ir.FormatExpr(ir.CanonicalExpr(e))), s.b.r.target(), is)
	case f.rank == wider:
		z.diags.Warnf(codeReworded, e, "Compare what the hunt finds, or keep it as native text.", "documents mean more by this than the text does: %s", quoted(f.extra))
	case f.rank == respelt && len(f.extra) > 0:
		z.diags.Infof(codeReworded, e, "", "%s may write the same in other ways, which the hunt looks for as well: %s", s.b.where(), quoted(f.extra))
	}
}

func quoted(patterns []ir.Pattern) string {
	const most = 3
	var out []string
	for i, p := range patterns {
		if i == most {
			out = append(out, "...")
			break
		}
		out = append(out, p.String())
	}
	return strings.Join(out, ", ")
}
