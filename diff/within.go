package diff

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// relation is how the events of two hunts lie to each other, as far as it can
// be proved.
type relation struct{ leftWithin, rightWithin bool }

// relate proves what it can of two hunts that find just the events of their
// branches. form is how conditions are written for it.
func relate(left, right *Facts, form func(ir.Expr) ir.Expr) relation {
	write := func(f *Facts) []*branch {
		var out Facts
		for _, b := range f.branches {
			c := *b
			c.pred = ir.CanonicalExpr(form(b.pred))
			out.merge(&c)
		}
		for _, b := range out.branches {
			b.pred = spread(ir.CanonicalExpr(b.pred))
		}
		return out.branches
	}
	l, r := write(left), write(right)
	return relation{branchesWithin(l, r), branchesWithin(r, l)}
}

func branchesWithin(a, b []*branch) bool {
	for _, x := range a {
		if !slices.ContainsFunc(b, func(y *branch) bool {
			inTime := x.back == 0 || y.back == 0 || x.back <= y.back
			return x.source == y.source && inTime && within(x.pred, y.pred)
		}) {
			return false
		}
	}
	return true
}

// spread writes negations of several conditions as several negations.
func spread(e ir.Expr) ir.Expr {
	return ir.Simplify(ir.MapExpr(e, func(e ir.Expr) ir.Expr {
		not, ok := e.(*ir.Not)
		if !ok {
			return e
		}
		op := ir.And
		var args []ir.Expr
		switch x := not.X.(type) {
		case *ir.Logic:
			args = x.Args
			if x.Op == ir.And {
				op = ir.Or
			}
		default:
			args = choices(x)
		}
		if len(args) < 2 {
			return e
		}
		out := make([]ir.Expr, len(args))
		for i, a := range args {
			out[i] = spread(&ir.Not{Span: not.Span, X: a})
		}
		return ir.NewLogic(not.Span, op, out...)
	}))
}

// within reports whether it is proved that each event that satisfies a
// satisfies b. Both are canonical.
func within(a, b ir.Expr) bool {
	p := prover{steps: 50_000}
	return p.implies(a, b, 6)
}

// prover gives up after a number of steps: what is not proved then counts as
// not so.
type prover struct{ steps int }

// implies proves a => b. splits is how often a may be cut into its cases.
func (p *prover) implies(a, b ir.Expr, splits int) bool {
	if p.steps--; p.steps < 0 {
		return false
	}
	if ir.IsTrue(b) || ir.IsFalse(a) {
		return true
	}
	la, _ := a.(*ir.Logic)
	lb, _ := b.(*ir.Logic)
	switch {
	case lb != nil && lb.Op == ir.And:
		for _, c := range lb.Args {
			if !p.implies(a, c, splits) {
				return false
			}
		}
		return true
	case la != nil && la.Op == ir.Or:
		for _, c := range la.Args {
			if !p.implies(c, b, splits) {
				return false
			}
		}
		return true
	case la != nil:
		if slices.ContainsFunc(la.Args, func(c ir.Expr) bool { return p.implies(c, b, 0) }) {
			return true
		}
	case p.leaf(a, b):
		return true
	}
	if lb != nil && slices.ContainsFunc(lb.Args, func(c ir.Expr) bool { return p.implies(a, c, 0) }) {
		return true
	}
	if splits == 0 {
		return false
	}
	if la == nil {
		cases := choices(a)
		return len(cases) > 1 && !slices.ContainsFunc(cases, func(c ir.Expr) bool { return !p.implies(c, b, splits-1) })
	}
	// By cases: of the first choice in a, each.
	for i, c := range la.Args {
		cases := choices(c)
		if len(cases) < 2 {
			continue
		}
		rest := slices.Concat(la.Args[:i], la.Args[i+1:])
		all := true
		for _, one := range cases {
			if !p.implies(ir.NewLogic(diag.Span{}, ir.And, append([]ir.Expr{one}, rest...)...), b, splits-1) {
				all = false
				break
			}
		}
		if all {
			return true
		}
	}
	return false
}

// choices are the cases of an expression that is true where one of several is.
func choices(e ir.Expr) []ir.Expr {
	switch e := e.(type) {
	case *ir.Logic:
		if e.Op == ir.Or {
			return e.Args
		}
	case *ir.Match:
		var out []ir.Expr
		for i := range e.Any {
			out = append(out, &ir.Match{X: e.X, Any: e.Any[i : i+1], Cased: e.Cased})
		}
		return out
	case *ir.Term:
		var out []ir.Expr
		for i := range e.Any {
			out = append(out, &ir.Term{X: e.X, Any: e.Any[i : i+1], Cased: e.Cased})
		}
		return out
	}
	return nil
}

// leaf proves a => b where neither is made of others by and and or.
func (p *prover) leaf(a, b ir.Expr) bool {
	if ir.FormatExpr(a) == ir.FormatExpr(b) {
		return true
	}
	if nb, ok := b.(*ir.Not); ok {
		if na, ok := a.(*ir.Not); ok {
			return p.implies(nb.X, na.X, 2)
		}
		return excludes(a, nb.X)
	}
	if ex, ok := b.(*ir.Exists); ok {
		return ir.Requires(a, ex.X.Name)
	}
	l, ok := textsOf(a)
	r, also := textsOf(b)
	if !ok || !also || r.cased && !l.cased {
		return false
	}
	for _, x := range l.any {
		if !slices.ContainsFunc(r.any, func(y ir.Pattern) bool { return textWithin(l, x, r, y) }) {
			return false
		}
	}
	return true
}

// texts is a Match or a Term.
type texts struct {
	field string
	any   []ir.Pattern
	cased bool
	terms bool
}

func textsOf(e ir.Expr) (texts, bool) {
	switch e := e.(type) {
	case *ir.Match:
		return texts{ir.FormatExpr(e.X), e.Any, e.Cased, false}, true
	case *ir.Term:
		return texts{ir.FormatExpr(e.X), e.Any, e.Cased, true}, true
	}
	return texts{}, false
}

// textWithin proves that a text that has pattern x of l has pattern y of r.
func textWithin(l texts, x ir.Pattern, r texts, y ir.Pattern) bool {
	if !r.cased {
		x, y = fold(x), fold(y)
	}
	if r.terms {
		// A whole term has to be shown to be one: the same term, or the whole text.
		return l.field == r.field && x.Equal(y)
	}
	if l.terms {
		x = anywhere([]ir.Pattern{x})[0]
	}
	if l.field == r.field {
		return covers(y, x)
	}
	if path, ok := strings.CutPrefix(l.field, nameOf); ok && path == r.field {
		// A path ends with its file name, and has something before it or not.
		end := ir.Pattern{Parts: []ir.Part{{Wild: ir.Many}}}
		for _, part := range x.Parts {
			end.Append(part)
		}
		return covers(y, end)
	}
	if path, ok := strings.CutPrefix(r.field, nameOf); ok && path == l.field {
		// What a path ends with, its file name does.
		if n := len(x.Parts); n > 0 && x.Parts[n-1].Wild == ir.Text {
			text := x.Parts[n-1].Text
			at := strings.LastIndexAny(text, `\/`)
			end := ir.Pattern{}
			if at < 0 {
				end.Append(ir.Part{Wild: ir.Many})
			}
			end.Append(ir.Part{Text: text[at+1:]})
			return text[at+1:] != "" && covers(y, end)
		}
	}
	return false
}

func fold(p ir.Pattern) ir.Pattern {
	q := ir.Pattern{Span: p.Span}
	for _, part := range p.Parts {
		part.Text = strings.Map(ir.FoldRune, part.Text)
		q.Append(part)
	}
	return q
}

// excludes proves that an event that satisfies a does not satisfy b: a field
// that has to be one text is not another one.
func excludes(a, b ir.Expr) bool {
	l, ok := textsOf(a)
	r, also := textsOf(b)
	if !ok || !also || l.terms || r.terms || l.field != r.field {
		return false
	}
	for _, x := range l.any {
		if _, exact := x.Literal(); !exact {
			return false
		}
		for _, y := range r.any {
			if !l.cased || !r.cased {
				x, y = fold(x), fold(y)
			}
			if covers(y, x) {
				return false
			}
		}
	}
	return true
}

// covers reports whether each text that matches x matches y. Where y says one
// character, a character or one in x does; where it says many, anything does.
func covers(y, x ir.Pattern) bool {
	type token struct {
		wild ir.Wild
		r    rune
	}
	tokens := func(p ir.Pattern) []token {
		var out []token
		for _, part := range p.Parts {
			if part.Wild != ir.Text {
				out = append(out, token{part.Wild, 0})
				continue
			}
			for s := part.Text; s != ""; {
				r, n := utf8.DecodeRuneInString(s)
				out = append(out, token{ir.Text, r})
				s = s[n:]
			}
		}
		return out
	}
	// reach[j]: the first tokens of x can be taken by the first j of y.
	xs, ys := tokens(x), tokens(y)
	reach := make([]bool, len(ys)+1)
	reach[0] = true
	skip := func() {
		for j, t := range ys {
			if t.wild == ir.Many && reach[j] {
				reach[j+1] = true
			}
		}
	}
	skip()
	for _, t := range xs {
		next := make([]bool, len(ys)+1)
		for j, u := range ys {
			switch {
			case u.wild == ir.Many:
				next[j+1] = next[j+1] || reach[j+1]
			case t.wild == ir.Many:
			case u.wild == ir.One || t == u:
				next[j+1] = next[j+1] || reach[j]
			}
		}
		reach = next
		skip()
	}
	return reach[len(ys)]
}
