package schema

import (
	"slices"
	"strings"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// tidy takes out of a resolved query what the rewriting has left twice, where two
// fields or two values of the rule are one in the view, and joins what a dataset
// demands of its columns with what the rule does. A Filter that lets nothing
// through is an error: the rule means something that the view cannot hold.
func (r *resolver) tidy(q ir.Query) ir.Query {
	return ir.MapQuery(q, func(q ir.Query) ir.Query {
		f, ok := q.(*ir.Filter)
		if !ok {
			return q
		}
		t := tidier{r: r, scan: scanBelow(f.Input)}
		pred := ir.MapExpr(f.Pred, func(e ir.Expr) ir.Expr {
			if l, ok := e.(*ir.Logic); ok {
				return t.logic(l)
			}
			return e
		})
		if pred != f.Pred {
			pred = ir.Simplify(pred)
		}
		switch {
		case ir.IsFalse(pred):
			t.report(f)
		case ir.IsTrue(pred):
			return f.Input
		}
		if pred == f.Pred {
			return f
		}
		return &ir.Filter{Span: f.Span, Input: f.Input, Pred: pred}
	})
}

// scanBelow is the Scan of which the columns are seen from above q as they are
// stored; nil if there is none.
func scanBelow(q ir.Query) *ir.Physical {
	for {
		switch n := q.(type) {
		case *ir.Scan:
			return n.Physical
		case *ir.Filter:
			q = n.Input
		case *ir.Extend:
			if slices.ContainsFunc(n.Cols, func(c *ir.Col) bool { _, foreign := c.X.(*ir.Foreign); return !foreign }) {
				return nil
			}
			q = n.Input
		default:
			return nil
		}
	}
}

// tidier works on the predicate of one Filter.
type tidier struct {
	r    *resolver
	scan *ir.Physical
	// emptied is the column of which no value is left, and at where it was asked
	// for one that it cannot have.
	emptied string
	at      diag.Span
}

func (t *tidier) report(f *ir.Filter) {
	if t.emptied == "" {
		t.r.diags.Errorf(codeNoValue, f.Pred, "Take this target out of hunt.targets, or ask for something that its events have.",
			"no event of %s can match this", t.r.target())
		return
	}
	t.r.diags.Errorf(codeNoValue, t.at, "Take this target out of hunt.targets, or ask for something that its events have.",
		"no event of %s can match: what is asked here of %s is ruled out by what the rule or its logsource asks of it elsewhere", t.r.target(), t.emptied)
}

func (t *tidier) logic(e *ir.Logic) ir.Expr {
	args := distinct(e.Args)
	if e.Op == ir.And && len(args) > 0 && t.scan != nil {
		args = t.intersect(args)
		if args == nil {
			return ir.False(e.Span)
		}
	}
	if len(args) == len(e.Args) {
		return e
	}
	return ir.NewLogic(e.Span, e.Op, args...)
}

// distinct drops arguments that say the same as an earlier one.
func distinct(args []ir.Expr) []ir.Expr {
	var out []ir.Expr
	for i, a := range args {
		again := slices.ContainsFunc(args[:i], func(b ir.Expr) bool { return sameExpr(a, b) })
		if again && out == nil {
			out = slices.Clone(args[:i])
		} else if !again && out != nil {
			out = append(out, a)
		}
	}
	if out == nil {
		return args
	}
	return out
}

// sameExpr reports whether two expressions are equal but for their places.
func sameExpr(a, b ir.Expr) bool {
	switch a := a.(type) {
	case *ir.Field:
		b, ok := b.(*ir.Field)
		return ok && a.Name == b.Name
	case *ir.Not:
		b, ok := b.(*ir.Not)
		return ok && sameExpr(a.X, b.X)
	case *ir.Exists:
		b, ok := b.(*ir.Exists)
		return ok && a.X.Name == b.X.Name
	case *ir.Match:
		b, ok := b.(*ir.Match)
		return ok && a.Cased == b.Cased && slices.EqualFunc(a.Any, b.Any, ir.Pattern.Equal) && sameExpr(a.X, b.X)
	case *ir.Logic:
		b, ok := b.(*ir.Logic)
		return ok && a.Op == b.Op && slices.EqualFunc(a.Args, b.Args, sameExpr)
	case *ir.Lit:
		b, ok := b.(*ir.Lit)
		return ok && a.Value == b.Value
	case *ir.Compare:
		b, ok := b.(*ir.Compare)
		return ok && a.Op == b.Op && a.Cased == b.Cased && sameExpr(a.L, b.L) && sameExpr(a.R, b.R)
	case *ir.Term:
		b, ok := b.(*ir.Term)
		return ok && a.Cased == b.Cased && slices.EqualFunc(a.Any, b.Any, ir.Pattern.Equal) && sameExpr(a.X, b.X)
	case *ir.Regexp:
		b, ok := b.(*ir.Regexp)
		return ok && a.Source == b.Source && sameExpr(a.X, b.X)
	case *ir.Call:
		b, ok := b.(*ir.Call)
		return ok && a.Func == b.Func && slices.EqualFunc(a.Args, b.Args, sameExpr)
	}
	return false
}

// intersect joins conjuncts that compare one single-valued column with exact
// values: in (a, b, c) and in (b) is in (b) where the dataset demands the one and
// the rule the other. It is nil if no value is left.
func (t *tidier) intersect(args []ir.Expr) []ir.Expr {
	type values struct {
		column string
		left   []ir.Pattern
	}
	var known []values
	var out []ir.Expr
	for i, a := range args {
		m := t.exact(a)
		if m == nil {
			if out != nil {
				out = append(out, a)
			}
			continue
		}
		name := m.X.(*ir.Field).Name
		j := slices.IndexFunc(known, func(v values) bool { return v.column == name })
		if j < 0 {
			known = append(known, values{name, m.Any})
			if out != nil {
				out = append(out, a)
			}
			continue
		}
		known[j].left = among(known[j].left, m.Any, true)
		if len(known[j].left) == 0 {
			t.emptied, t.at = name, m.Span
			return nil
		}
		if !slices.Contains(t.r.constrained, name) {
			if out != nil {
				out = append(out, a)
			}
			continue
		}
		if out == nil {
			out = slices.Clone(args[:i])
		}
		k := slices.IndexFunc(out, func(e ir.Expr) bool { n := t.exact(e); return n != nil && n.X.(*ir.Field).Name == name })
		out[k] = &ir.Match{Span: m.Span, X: m.X, Any: known[j].left}
	}
	for _, a := range args {
		not, ok := a.(*ir.Not)
		if !ok || len(known) == 0 {
			continue
		}
		m := t.exact(not.X)
		if m == nil {
			continue
		}
		for j := range known {
			if known[j].column != m.X.(*ir.Field).Name {
				continue
			}
			if known[j].left = among(known[j].left, m.Any, false); len(known[j].left) == 0 {
				t.emptied, t.at = known[j].column, not.Span
				return nil
			}
		}
	}
	if out == nil {
		return args
	}
	return out
}

// among are the exact values of a list that are in another, or are not.
func among(list, other []ir.Pattern, in bool) []ir.Pattern {
	var out []ir.Pattern
	for _, p := range list {
		s, _ := p.Literal()
		if in == slices.ContainsFunc(other, func(o ir.Pattern) bool {
			v, _ := o.Literal()
			return strings.EqualFold(s, v)
		}) {
			out = append(out, p)
		}
	}
	return out
}

// exact is e if it compares a column that holds one value with exact values.
func (t *tidier) exact(e ir.Expr) *ir.Match {
	m, ok := e.(*ir.Match)
	if !ok || m.Cased {
		return nil
	}
	f, ok := m.X.(*ir.Field)
	if !ok {
		return nil
	}
	for _, p := range m.Any {
		if _, ok := p.Literal(); !ok {
			return nil
		}
	}
	if slices.Contains(t.r.constrained, f.Name) {
		return m
	}
	view := View(t.scan.View)
	if info, ok := t.r.schema.Column(view, t.scan.Table, f.Name); !ok || view == Raw || info.MultiValue {
		return nil
	}
	return m
}
