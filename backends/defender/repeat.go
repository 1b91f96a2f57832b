package defender

import (
	"slices"

	"github.com/huntc/huntc/ir"
)

// What is said twice. Rules are put together from selections, and the schema
// adds the conditions that tell datasets apart to each part that needs them, so
// the same condition may stand in a query several times.

// same reports whether two expressions are the same but for their positions
// and types. It makes no text of them, since it is asked often.
func same(a, b ir.Expr) bool {
	switch a := a.(type) {
	case *ir.Field:
		b, ok := b.(*ir.Field)
		return ok && a.Name == b.Name
	case *ir.Lit:
		b, ok := b.(*ir.Lit)
		return ok && a.Value == b.Value
	case *ir.Logic:
		b, ok := b.(*ir.Logic)
		return ok && a.Op == b.Op && slices.EqualFunc(a.Args, b.Args, same)
	case *ir.Not:
		b, ok := b.(*ir.Not)
		return ok && same(a.X, b.X)
	case *ir.Compare:
		b, ok := b.(*ir.Compare)
		return ok && a.Op == b.Op && a.Cased == b.Cased && same(a.L, b.L) && same(a.R, b.R)
	case *ir.Match:
		b, ok := b.(*ir.Match)
		return ok && a.Cased == b.Cased && len(a.Any) == len(b.Any) && same(a.X, b.X) && slices.EqualFunc(a.Any, b.Any, samePattern)
	case *ir.Term:
		b, ok := b.(*ir.Term)
		return ok && a.Cased == b.Cased && len(a.Any) == len(b.Any) && same(a.X, b.X) && slices.EqualFunc(a.Any, b.Any, samePattern)
	case *ir.Regexp:
		b, ok := b.(*ir.Regexp)
		return ok && a.Source == b.Source && same(a.X, b.X)
	case *ir.InCIDR:
		b, ok := b.(*ir.InCIDR)
		return ok && a.Prefix == b.Prefix && same(a.X, b.X)
	case *ir.FieldMatch:
		b, ok := b.(*ir.FieldMatch)
		return ok && a.Kind == b.Kind && a.Cased == b.Cased && a.X.Name == b.X.Name && a.Y.Name == b.Y.Name
	case *ir.Exists:
		b, ok := b.(*ir.Exists)
		return ok && a.X.Name == b.X.Name
	case *ir.Foreign:
		b, ok := b.(*ir.Foreign)
		return ok && a.Text == b.Text
	case *ir.Call:
		b, ok := b.(*ir.Call)
		return ok && a.Func == b.Func && slices.EqualFunc(a.Args, b.Args, same)
	}
	return false
}

func samePattern(p, q ir.Pattern) bool { return slices.Equal(p.Parts, q.Parts) }

// distinct leaves out arguments that repeat an earlier one.
func distinct(args []ir.Expr) []ir.Expr {
	repeated := func(i int) bool {
		return slices.ContainsFunc(args[:i], func(b ir.Expr) bool { return same(args[i], b) })
	}
	for i := range args {
		if !repeated(i) {
			continue
		}
		out := slices.Clone(args[:i])
		for j := i + 1; j < len(args); j++ {
			if !repeated(j) {
				out = append(out, args[j])
			}
		}
		return out
	}
	return args
}

// given simplifies conditions that must all hold: where one of them stands in
// another, it is true there. A and (A and B or C) is A and (B or C).
func given(conds []ir.Expr) []ir.Expr {
	conds = distinct(conds)
	if !slices.ContainsFunc(conds, isNested) {
		return conds
	}
	out := slices.Clone(conds)
	for i, known := range out {
		if isNested(known) {
			continue
		}
		for j, c := range out {
			if j != i && isNested(c) {
				out[j] = assume(c, known)
			}
		}
	}
	// What has become true is gone, and what was nested may be several now.
	conds = conds[:0:0]
	for _, c := range out {
		if c = ir.Simplify(c); !ir.IsTrue(c) {
			conds = append(conds, conjuncts(c)...)
		}
	}
	return distinct(conds)
}

func isNested(e ir.Expr) bool {
	if n, ok := e.(*ir.Not); ok {
		e = n.X
	}
	_, ok := e.(*ir.Logic)
	return ok
}

// assume is e where known is true.
func assume(e, known ir.Expr) ir.Expr {
	if same(e, known) {
		return ir.True(e.At())
	}
	if n, ok := known.(*ir.Not); ok && same(e, n.X) {
		return ir.False(e.At())
	}
	switch e := e.(type) {
	case *ir.Not:
		if x := assume(e.X, known); x != e.X {
			return &ir.Not{Span: e.Span, X: x}
		}
	case *ir.Logic:
		var args []ir.Expr
		for i, a := range e.Args {
			b := assume(a, known)
			if b != a && args == nil {
				args = slices.Clone(e.Args)
			}
			if args != nil {
				args[i] = b
			}
		}
		if args != nil {
			return &ir.Logic{Span: e.Span, Op: e.Op, Args: args}
		}
	}
	return e
}
