package defender

import (
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// The predicates of the IR are two-valued, Kusto's three-valued: a comparison
// with null is null, "where" drops null, and not(null) is null. So:
//
//   - v == 5 is false and v != 5 true for a null v, as in the IR;
//   - v > 5 is null for a null v, which "where" drops as it drops false; only
//     below a not() does the difference show. There a predicate is exact: no
//     operand of it is ever null, because Plan puts isnotnull(v) beside it or
//     turns the comparison around, and Lower wraps what is left (a comparison
//     of computed values, a test of an address) in coalesce(x, false);
//   - strings are never null, so string operators need none of it. But a missing
//     string is the empty one, which equals another and stands in every text:
//     a comparison of two texts asks that they are there.

// pred rewrites a predicate over the rows of in. exact says that it stands
// below a Not.
func (p *planner) pred(in ir.Query, e ir.Expr, exact bool) ir.Expr {
	switch e := e.(type) {
	case *ir.Logic:
		args := e.Args
		if e.Op == ir.Or {
			args = mergeMatches(args)
		}
		out := make([]ir.Expr, len(args))
		for i, a := range args {
			out[i] = p.pred(in, a, exact)
		}
		return ir.NewLogic(e.Span, e.Op, distinct(flat(e.Op, out))...)
	case *ir.Not:
		return p.negate(in, e)
	case *ir.Match:
		return p.match(in, e)
	case *ir.Term:
		c := *e
		c.X = p.text(in, e.X)
		return &c
	case *ir.Regexp:
		return p.regexp(in, e)
	case *ir.Compare:
		return p.compare(in, e, exact)
	case *ir.InCIDR:
		c := *e
		c.X = p.text(in, e.X)
		if a := e.Prefix.Addr(); a.Is4In6() && e.Prefix.Bits() >= 96 {
			c.Prefix = netip.PrefixFrom(a.Unmap(), e.Prefix.Bits()-96)
		}
		return &c
	case *ir.FieldMatch:
		for _, f := range []*ir.Field{e.X, e.Y} {
			if f.T != ir.String && f.T != ir.Unknown {
				p.diags.Errorf(codeTypes, f, "Compare it with |fieldref alone, or leave it out.",
					"%s is a %s in Defender, which has no beginning or end to compare", f.Name, typeWord(f.T))
			}
		}
		return ir.NewLogic(e.Span, ir.And, append(p.notEmpty(in, e.Y), e)...)
	case *ir.Exists:
		return p.exists(in, e)
	case *ir.Field:
		if e.T == ir.Bool {
			return &ir.Compare{Span: e.Span, Op: ir.Eq, L: e, R: &ir.Lit{Span: e.Span, Value: true}, Cased: true}
		}
		p.diags.Errorf(codeTypes, e, "Compare it with a value.", "%s is a %s and cannot stand where something true or false is wanted", e.Name, typeWord(e.T))
	case *ir.Lit:
		if v, ok := e.Value.(bool); ok {
			if v {
				return ir.True(e.Span)
			}
			return ir.False(e.Span)
		}
		p.diags.Errorf(codeTypes, e, "Compare it with a field.", "a constant cannot stand where something true or false is wanted")
	case *ir.Macro:
		p.diags.Errorf(codeMacro, e, "Write out what it stands for, as search terms or as hunt.native.", "Defender has no macros, and what `%s` of Splunk stands for is not known here", e.Name)
	default:
		p.diags.Errorf(codeTypes, e, "Compare it with a value.", "a computed value cannot stand where something true or false is wanted")
	}
	return e
}

// flat are the arguments of an And or Or with those of the same that stand
// among them.
func flat(op ir.LogicOp, args []ir.Expr) []ir.Expr {
	var out []ir.Expr
	for _, a := range args {
		if l, ok := a.(*ir.Logic); ok && l.Op == op {
			out = append(out, l.Args...)
		} else {
			out = append(out, a)
		}
	}
	return out
}

// negate plans Not(x).
func (p *planner) negate(in ir.Query, e *ir.Not) ir.Expr {
	if c, ok := e.X.(*ir.Compare); ok && inverse[c.Op] != "" {
		c = p.operands(in, c)
		turned := *c
		turned.Op = inverse[c.Op]
		if there, n := guardedLength(c); n != nil {
			turned.L = n
			if holdsForZero(c) {
				return ir.NewLogic(e.Span, ir.Or, ir.Simplify(&ir.Not{Span: e.Span, X: there}), &turned)
			}
			return &turned
		}
		missing, simple := p.missing(in, c)
		if simple {
			return ir.NewLogic(e.Span, ir.Or, append(missing, &turned)...)
		}
		return &ir.Not{Span: e.Span, X: c}
	}
	planned := p.pred(in, e.X, true)
	switch x := planned.(type) {
	case *ir.Not:
		return x.X
	case *ir.Logic:
		// not (A is there and A is B) is A is missing, or A is not B.
		switch e.X.(type) {
		case *ir.Compare, *ir.FieldMatch:
			if x.Op != ir.And || slices.ContainsFunc(x.Args, func(a ir.Expr) bool { return !neverNull(a) }) {
				break
			}
			out := make([]ir.Expr, len(x.Args))
			for i, a := range x.Args {
				out[i] = ir.Simplify(&ir.Not{Span: e.Span, X: a})
			}
			return ir.NewLogic(e.Span, ir.Or, out...)
		}
	}
	return &ir.Not{Span: e.Span, X: planned}
}

// neverNull reports whether a planned predicate is one of texts.
func neverNull(e ir.Expr) bool {
	switch e := e.(type) {
	case *ir.Not:
		return neverNull(e.X)
	case *ir.Match, *ir.FieldMatch:
		return true
	case *ir.Compare:
		return ir.TypeOf(e.L) == ir.String
	}
	return false
}

// notEmpty asks that a text is there; nothing if it always is.
func (p *planner) notEmpty(in ir.Query, x ir.Expr) []ir.Expr {
	if hasValue(in, x) {
		return nil
	}
	return p.presence(in, x)
}

// mayShrink reports whether the text of x may be empty although what it is made
// of is there.
func mayShrink(x ir.Expr) bool {
	found := false
	ir.WalkExpr(x, func(e ir.Expr) bool {
		c, ok := e.(*ir.Call)
		found = found || ok && (c.Func == ir.Substring || c.Func == ir.Replace)
		return true
	})
	return found
}

// bothThere lists what has to hold for a comparison of two texts besides what
// Kusto compares: of two that are equal one is enough to be looked at, unless
// either may be made empty.
func (p *planner) bothThere(in ir.Query, c *ir.Compare) []ir.Expr {
	l, r := p.notEmpty(in, c.L), p.notEmpty(in, c.R)
	switch {
	case c.Op == ir.Ne || mayShrink(c.L) || mayShrink(c.R):
		return distinct(append(l, r...))
	case len(l) == 0 || len(r) == 0:
		return nil
	}
	if _, ok := c.L.(*ir.Field); !ok {
		if _, ok := c.R.(*ir.Field); ok {
			return r
		}
	}
	return l
}

// inverse gives the ordering that holds where another does not, of values that
// are both present.
var inverse = map[ir.CmpOp]ir.CmpOp{ir.Lt: ir.Ge, ir.Le: ir.Gt, ir.Gt: ir.Le, ir.Ge: ir.Lt}

// missing lists the tests that an operand is null, for each that can be;
// simple says that both operands are plain enough to be tested.
func (p *planner) missing(in ir.Query, c *ir.Compare) (tests []ir.Expr, simple bool) {
	for _, x := range []ir.Expr{c.L, c.R} {
		if !p.backend.nullable(in, x) {
			continue
		}
		f, ok := x.(*ir.Field)
		if !ok {
			return nil, false
		}
		tests = append(tests, &ir.Not{Span: c.Span, X: &ir.Exists{Span: c.Span, X: f}})
	}
	return tests, true
}

// isPlain reports whether Lower needs no coalesce around a comparison of x
// below a not(): Plan has put a test for null beside it, or it is never null.
func isPlain(x ir.Expr) bool {
	switch x := x.(type) {
	case *ir.Field, *ir.Lit:
		return true
	case *ir.Call:
		return x.Func == ir.StrLen || x.Func == ir.Now || isAgo(x)
	}
	return false
}

// guardedLength is the length of a text that a planned comparison is about, and
// the condition on which the text is there; nil for other comparisons than with
// a constant.
func guardedLength(e *ir.Compare) (there ir.Expr, n *ir.Call) {
	c := choice(e.L)
	if c == nil || !isConstant(e.R) {
		return nil, nil
	}
	if n, ok := c.Args[1].(*ir.Call); ok && n.Func == ir.StrLen {
		return c.Args[0], n
	}
	return nil, nil
}

// holdsForZero reports whether the comparison with a constant holds for 0,
// which is Kusto's length of a missing text.
func holdsForZero(e *ir.Compare) bool {
	var v float64
	switch lit := e.R.(*ir.Lit).Value.(type) {
	case int64:
		v = float64(lit)
	case float64:
		v = lit
	}
	switch e.Op {
	case ir.Eq:
		return v == 0
	case ir.Ne:
		return v != 0
	case ir.Lt:
		return v > 0
	case ir.Le:
		return v >= 0
	case ir.Gt:
		return v < 0
	}
	return v <= 0
}

// compare plans a comparison.
func (p *planner) compare(in ir.Query, e *ir.Compare, exact bool) ir.Expr {
	c := p.operands(in, e)
	if lit, ok := c.R.(*ir.Lit); ok {
		if s, ok := lit.Value.(string); ok {
			m := &ir.Match{Span: e.Span, X: c.L, Any: []ir.Pattern{ir.TextPattern(lit.Span, s)}, Cased: e.Cased}
			switch c.Op {
			case ir.Eq:
				return p.match(in, m)
			case ir.Ne:
				return &ir.Not{Span: e.Span, X: p.match(in, m)}
			}
		}
	}
	if there, n := guardedLength(c); n != nil {
		known := *c
		known.L = n
		out := ir.Expr(&known)
		if c.Op == ir.Ne {
			known.Op = ir.Eq
			out = &ir.Not{Span: e.Span, X: &known}
		}
		if holdsForZero(c) {
			return ir.NewLogic(e.Span, ir.And, there, out)
		}
		return out
	}
	if ir.TypeOf(c.L) == ir.String && ir.TypeOf(c.R) == ir.String && !isConstant(c.R) && (c.Op == ir.Eq || c.Op == ir.Ne) {
		eq := *c
		eq.Op = ir.Eq
		out := ir.Expr(&eq)
		if c.Op == ir.Ne {
			out = &ir.Not{Span: e.Span, X: &eq}
		}
		return ir.NewLogic(e.Span, ir.And, append(p.bothThere(in, c), out)...)
	}
	missing, simple := p.missing(in, c)
	present := make([]ir.Expr, len(missing))
	for i, m := range missing {
		present[i] = m.(*ir.Not).X
	}
	switch {
	case c.Op == ir.Ne:
		eq := *c
		eq.Op = ir.Eq
		if !simple {
			p.diags.Errorf(codeTypes, e, "Give the value a name with \"extend\" first.", "whether a computed value that may be missing is different from another cannot be told in one comparison")
		}
		return ir.NewLogic(e.Span, ir.And, append(present, &ir.Not{Span: e.Span, X: &eq})...)
	case !exact:
		return c
	case c.Op == ir.Eq:
		if _, lit := c.R.(*ir.Lit); lit || len(present) < 2 || !simple {
			return c // at most one side null: false, not null
		}
		return ir.NewLogic(e.Span, ir.And, present[0], c)
	case simple:
		return ir.NewLogic(e.Span, ir.And, append(present, c)...)
	}
	return c
}

// operands plans the two sides of a comparison: a constant on the right, and
// both of types that Kusto compares.
func (p *planner) operands(in ir.Query, e *ir.Compare) *ir.Compare {
	c := *e
	if _, ok := c.L.(*ir.Lit); ok {
		c.L, c.R, c.Op = c.R, c.L, flipped[c.Op]
	}
	seconds := ir.TypeOf(c.L) == ir.Duration || ir.TypeOf(c.R) == ir.Duration
	c.L, c.R = p.value(in, c.L), p.value(in, c.R)
	if apart := timesApart(c.L); apart != nil && ir.TypeOf(c.R) == ir.Duration {
		c.L = apart // a length of time beside a constant one
	} else if seconds {
		c.L, c.R = inSeconds(c.L), inSeconds(c.R)
	}
	l, r := ir.TypeOf(c.L), ir.TypeOf(c.R)
	_, constant := c.R.(*ir.Lit)
	equality := c.Op == ir.Eq || c.Op == ir.Ne
	if l != ir.String && r != ir.String || constant && l != ir.String {
		c.Cased = true // numbers have no case; == compares them
	}
	bad := false
	switch {
	case l == ir.Unknown || r == ir.Unknown:
	case l == ir.Dynamic && r.Numeric() || l == ir.String && r.Numeric() && constant:
		c.L = &ir.Call{Span: e.Span, Func: ir.ToNumber, Args: []ir.Expr{c.L}}
		c.Cased = true
	case l.Numeric() && r == ir.Dynamic:
		c.R = &ir.Call{Span: e.Span, Func: ir.ToNumber, Args: []ir.Expr{c.R}}
	case l == ir.String && r == ir.String, l == ir.Dynamic && r == ir.String, l == ir.String && r == ir.Dynamic, l == ir.Dynamic && r == ir.Dynamic,
		!constant && (l == ir.String) != (r == ir.String):
		bad = !equality
		c.L, c.R = asText(c.L), asText(c.R)
		c.Cased = e.Cased
	case l.Numeric() && r.Numeric():
	case l == ir.Bool && r == ir.Bool:
		bad = !equality
	case l == ir.Time && r == ir.Time, l == ir.Duration && r == ir.Duration:
	default:
		bad = true
	}
	if bad {
		what := "a " + typeWord(l) + " with a " + typeWord(r)
		if l == ir.String && r == ir.String {
			what = "two texts by order"
		}
		p.diags.Errorf(codeTypes, e, "Compare values of one kind: numbers by order, texts for equality.", "Defender cannot compare %s", what)
	}
	return &c
}

// timesApart is the length of time of which x, as planned, is the number of
// seconds: the difference of two times. It is nil for anything else.
func timesApart(x ir.Expr) ir.Expr {
	div, ok := x.(*ir.Call)
	if !ok || div.Func != ir.Div {
		return nil
	}
	sub, ok := div.Args[0].(*ir.Call)
	if lit, isLit := div.Args[1].(*ir.Lit); !ok || !isLit || lit.Value != time.Second || sub.Func != ir.Sub || ir.TypeOf(sub) != ir.Duration {
		return nil
	}
	return sub
}

var flipped = map[ir.CmpOp]ir.CmpOp{ir.Eq: ir.Eq, ir.Ne: ir.Ne, ir.Lt: ir.Gt, ir.Le: ir.Ge, ir.Gt: ir.Lt, ir.Ge: ir.Le}

// inSeconds turns a constant length of time into its number of seconds.
func inSeconds(x ir.Expr) ir.Expr {
	if lit, ok := x.(*ir.Lit); ok {
		switch v := lit.Value.(type) {
		case time.Duration:
			return &ir.Lit{Span: lit.Span, Value: v.Seconds()}
		case int64:
			return &ir.Lit{Span: lit.Span, Value: float64(v)}
		}
	}
	return x
}

// asText is x as text: unchanged if it is text already.
func asText(x ir.Expr) ir.Expr {
	if t := ir.TypeOf(x); t == ir.String || t == ir.Unknown {
		return x
	}
	return &ir.Call{Span: x.At(), Func: ir.ToString, Args: []ir.Expr{x}}
}

// text plans the operand of a string operator.
func (p *planner) text(in ir.Query, x ir.Expr) ir.Expr { return asText(p.value(in, x)) }

func typeWord(t ir.Type) string {
	switch t {
	case ir.String:
		return "text"
	case ir.Int, ir.Float:
		return "number"
	case ir.Bool:
		return "truth value"
	case ir.Time:
		return "time"
	case ir.Duration:
		return "length of time"
	case ir.Dynamic:
		return "list or object"
	}
	return "value of unknown type"
}

// exists plans Exists. A string is present where it is not empty, and so is a
// list of values.
func (p *planner) exists(in ir.Query, e *ir.Exists) ir.Expr {
	t, nullable, ok := p.backend.column(in, e.X.Name)
	switch {
	case p.backend.isList(in, e.X):
		return e
	case present(in, e.X.Name):
		return ir.True(e.Span)
	case ok && t == ir.String:
		return isNotEmpty(e.Span, e.X)
	case ok && !nullable:
		return ir.True(e.Span)
	}
	return e
}

func isNotEmpty(at diag.Span, x ir.Expr) ir.Expr { return &ir.Not{Span: at, X: isEmpty(at, x)} }

func isEmpty(at diag.Span, x ir.Expr) ir.Expr {
	return &ir.Match{Span: at, X: x, Any: []ir.Pattern{{Span: at}}}
}

// match splits a Match into the patterns for which Kusto has an operator and
// regular expressions for the others.
func (p *planner) match(in ir.Query, e *ir.Match) ir.Expr {
	x := p.text(in, e.X)
	if c := wholly(x); c != nil {
		// All its parts are there, and the whole is too.
		return ir.NewLogic(e.Span, ir.And, c.Args[0], p.matches(in, e, c.Args[1], nil))
	}
	var there []ir.Expr
	if slices.ContainsFunc(e.Any, isEmptyOrAny) {
		there = p.presence(in, x)
	}
	return p.matches(in, e, x, there)
}

// matches plans a Match of x, which is there on these conditions.
func (p *planner) matches(in ir.Query, e *ir.Match, x ir.Expr, there []ir.Expr) ir.Expr {
	c, isCall := x.(*ir.Call)
	made := isCall && !slices.ContainsFunc(there, func(t ir.Expr) bool { return same(t, isNotEmpty(e.Span, x)) })
	number := isCall && c.Func == ir.ToString && !isStringly(c.Args[0])
	plain := make([]ir.Pattern, 0, len(e.Any))
	var rest []ir.Expr
	var seen map[string]bool // sources of rest
	empty := false
	for _, pat := range e.Any {
		shape, s := pat.Shape()
		switch {
		case !validText(pat):
			p.diags.Errorf(codeTypes, at(pat.Span, e.Span), "Write the bytes as \\x in a regular expression, or leave them out.",
				"the value is not valid UTF-8, and Kusto's strings are")
		case shape == ir.ShapeAny:
			return ir.NewLogic(e.Span, ir.And, there...)
		case shape == ir.ShapeExact && s == "" && number:
			// A missing number reads as the empty text, and no other does.
		case shape == ir.ShapeExact && s == "" && made && len(there) > 0:
			// Made empty, of what is there.
			rest = append(rest, ir.NewLogic(e.Span, ir.And, append(slices.Clip(there), isEmpty(e.Span, x))...))
		case shape == ir.ShapeExact && s == "" && e.Cased:
			empty = true // which has no case
		case shape == ir.ShapeGlob || !e.Cased && hasCaseBeyondASCII(s):
			src := globRegexp(pat, e.Cased)
			if seen[src] {
				break
			}
			if seen == nil {
				seen = map[string]bool{}
			}
			seen[src] = true
			rest = append(rest, &ir.Regexp{Span: at(pat.Span, e.Span), X: x, Source: src})
		default:
			plain = append(plain, pat)
		}
	}
	args := make([]ir.Expr, 0, 2+len(rest))
	if len(plain) > 0 {
		args = append(args, &ir.Match{Span: e.Span, X: x, Any: plain, Cased: e.Cased})
	}
	if empty {
		args = append(args, isEmpty(e.Span, x))
	}
	return ir.NewLogic(e.Span, ir.Or, append(args, rest...)...)
}

// isStringly reports whether the text of x is empty for other reasons than
// that a number is missing.
func isStringly(x ir.Expr) bool {
	t := ir.TypeOf(x)
	return t == ir.String || t == ir.Dynamic || t == ir.Unknown
}

// at is the first span that is known.
func at(spans ...diag.Span) diag.Span {
	for _, s := range spans {
		if s.Pos.IsValid() {
			return s
		}
	}
	return diag.Span{}
}

func validText(p ir.Pattern) bool {
	return !slices.ContainsFunc(p.Parts, func(part ir.Part) bool { return !utf8.ValidString(part.Text) })
}

// hasCaseBeyondASCII reports whether s has a letter with case outside ASCII.
// Kusto's operators that ignore case do so for ASCII only (equals-operator.md);
// its regular expressions fold all of Unicode.
func hasCaseBeyondASCII(s string) bool {
	for _, r := range s {
		if r >= utf8.RuneSelf && unicode.SimpleFold(r) != r {
			return true
		}
	}
	return false
}

// regexp plans a regular expression.
func (p *planner) regexp(in ir.Query, e *ir.Regexp) ir.Expr {
	src, hint, err := kustoRegexp(e.Source)
	if err != nil {
		p.diags.Errorf(codeRegexp, e, hint, "the regular expression %s", err)
		return e
	}
	x := p.text(in, e.X)
	c := wholly(x)
	out := &ir.Regexp{Span: e.Span, X: bare(x), Source: src}
	switch {
	case c != nil:
		return ir.NewLogic(e.Span, ir.And, c.Args[0], out)
	case ir.RegexpMayMatch(e.Source, ""):
		return ir.NewLogic(e.Span, ir.And, append(p.presence(in, x), out)...)
	}
	return out
}

// mergeMatches joins the Matches of an Or that are about one field, where the
// first of them stands.
func mergeMatches(args []ir.Expr) []ir.Expr {
	var out []ir.Expr
	for i, a := range args {
		m, ok := a.(*ir.Match)
		if !ok {
			if out != nil {
				out = append(out, a)
			}
			continue
		}
		prev := args[:i]
		if out != nil {
			prev = out
		}
		j := slices.IndexFunc(prev, func(b ir.Expr) bool { return sameOperand(b, m) })
		if j < 0 {
			if out != nil {
				out = append(out, a)
			}
			continue
		}
		if out == nil {
			out = slices.Clone(args[:i])
		}
		n := *out[j].(*ir.Match)
		n.Any = slices.Concat(n.Any, m.Any)
		out[j] = &n
	}
	if out == nil {
		return args
	}
	return out
}

func sameOperand(b ir.Expr, m *ir.Match) bool {
	n, ok := b.(*ir.Match)
	if !ok || n.Cased != m.Cased {
		return false
	}
	x, xok := n.X.(*ir.Field)
	y, yok := m.X.(*ir.Field)
	if xok || yok {
		return xok && yok && x.Name == y.Name
	}
	return ir.FormatExpr(n.X) == ir.FormatExpr(m.X)
}

// conjuncts splits a predicate into the conditions that must all hold, as an
// author would write them one a line: not (a or b) is not a, and not b.
func conjuncts(e ir.Expr) []ir.Expr {
	switch e := e.(type) {
	case *ir.Logic:
		if e.Op == ir.And {
			var out []ir.Expr
			for _, a := range e.Args {
				out = append(out, conjuncts(a)...)
			}
			return out
		}
	case *ir.Not:
		switch x := e.X.(type) {
		case *ir.Not:
			return conjuncts(x.X)
		case *ir.Logic:
			if x.Op == ir.Or && len(x.Args) > 0 && !isOneList(x) {
				var out []ir.Expr
				for _, a := range mergeLists(mergeMatches(x.Args)) {
					out = append(out, conjuncts(&ir.Not{Span: e.Span, X: a})...)
				}
				return out
			}
		}
	}
	return []ir.Expr{e}
}

// mergeLists joins the arguments of an Or that Lower writes as one list (numbers
// of one field, networks of one address) into an Or of their own.
func mergeLists(args []ir.Expr) []ir.Expr {
	var out []ir.Expr
	for _, a := range args {
		key := listKey(a)
		if key == "" {
			out = append(out, a)
			continue
		}
		i := slices.IndexFunc(out, func(b ir.Expr) bool {
			l, ok := b.(*ir.Logic)
			return ok && isOneList(l) && listKey(l.Args[0]) == key
		})
		if i < 0 {
			out = append(out, &ir.Logic{Span: a.At(), Op: ir.Or, Args: []ir.Expr{a}})
			continue
		}
		l := *out[i].(*ir.Logic)
		l.Args = append(slices.Clone(l.Args), a)
		out[i] = &l
	}
	return out
}

// isOneList reports whether Lower writes the Or as one list.
func isOneList(l *ir.Logic) bool {
	if l.Op != ir.Or || len(l.Args) == 0 {
		return false
	}
	key := listKey(l.Args[0])
	return key != "" && !slices.ContainsFunc(l.Args, func(a ir.Expr) bool { return listKey(a) != key })
}

// listKey is the same for all predicates that can stand in one list; "" for
// those that stand alone.
func listKey(e ir.Expr) string {
	switch e := e.(type) {
	case *ir.Compare:
		if isNumberEquality(e) {
			return string(ir.TypeOf(e.R)) + " " + ir.FormatExpr(e.L)
		}
	case *ir.InCIDR:
		if e.Prefix.Addr().Is4() {
			return "IPv4 " + ir.FormatExpr(e.X)
		}
		return "IPv6 " + ir.FormatExpr(e.X)
	}
	return ""
}

// narrow drops conditions that say nothing beside the others: repeats, and of
// two lists of whole values of one field the values that are not in both.
func narrow(args []ir.Expr) []ir.Expr {
	var out []ir.Expr
	for _, a := range args {
		m, ok := a.(*ir.Match)
		if !ok || !isList(m) {
			out = append(out, a)
			continue
		}
		i := slices.IndexFunc(out, func(b ir.Expr) bool { return sameOperand(b, m) && isList(b.(*ir.Match)) })
		if i < 0 {
			out = append(out, a)
			continue
		}
		n := *out[i].(*ir.Match)
		n.Any = slices.DeleteFunc(slices.Clone(n.Any), func(p ir.Pattern) bool {
			s, _ := p.Literal()
			return !slices.ContainsFunc(m.Any, func(q ir.Pattern) bool {
				t, _ := q.Literal()
				return s == t || !m.Cased && strings.EqualFold(s, t)
			})
		})
		if len(n.Any) == 0 {
			// Never true: leave it to the reader to see why.
			out = append(out, a)
			continue
		}
		out[i] = &n
	}
	return out
}

// isList reports whether all patterns are whole values.
func isList(m *ir.Match) bool {
	for _, p := range m.Any {
		if _, ok := p.Literal(); !ok {
			return false
		}
	}
	return true
}
