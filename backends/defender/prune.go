package defender

import (
	"fmt"
	"slices"

	"github.com/huntc/huntc/ir"
)

// prune drops columns that are made or carried along and then used by nothing,
// and projections that change nothing. A column that the result shows is used.
func prune(q ir.Query) ir.Query { return pruned(q, nil) }

// wanted is a list of names; nil is every column.
type wanted []string

func (w wanted) has(name string) bool { return w == nil || slices.Contains(w, name) }

// and is w and the fields of the expressions.
func (w wanted) and(exprs ...ir.Expr) wanted {
	if w == nil {
		return nil
	}
	out := slices.Clip(w)
	for _, e := range exprs {
		ir.WalkExpr(e, func(e ir.Expr) bool {
			switch e := e.(type) {
			case *ir.Field:
				out = append(out, e.Name)
			case *ir.Exists:
				out = append(out, e.X.Name)
			case *ir.Foreign:
				out = append(out, e.Needs...)
			}
			return true
		})
	}
	return out
}

func (w wanted) fields(fields ...*ir.Field) wanted {
	for _, f := range fields {
		w = w.and(f)
	}
	return w
}

func (w wanted) cols(cols []*ir.Col) wanted {
	for _, c := range cols {
		w = w.and(c.X)
	}
	return w
}

// pruned is q without what nobody above wants.
func pruned(q ir.Query, want wanted) ir.Query {
	with := func(w wanted) ir.Query {
		in := ir.Inputs(q)[0]
		if p := pruned(in, w); p != in {
			return ir.WithInputs(q, []ir.Query{p})
		}
		return q
	}
	switch q := q.(type) {
	case *ir.Scan:
		return q
	case *ir.Filter:
		return with(want.and(q.Pred))
	case *ir.Sort:
		for _, k := range q.Keys {
			want = want.fields(k.X)
		}
		return with(want)
	case *ir.Limit:
		return with(want)
	case *ir.Distinct:
		return with(wanted{}.fields(q.By...))
	case *ir.Window:
		return with(want.fields(q.By...).fields(q.Of))
	case *ir.Session:
		return with(want.fields(q.By...).fields(q.Of))
	case *ir.Lag:
		if !want.has(q.As) {
			return pruned(q.Input, want)
		}
		return with(want.fields(q.By...).fields(q.Of, q.X))
	case *ir.Rank:
		if !want.has(q.As) {
			return pruned(q.Input, want)
		}
		want = want.fields(q.By...)
		for _, k := range q.Keys {
			want = want.fields(k.X)
		}
		return with(want)
	case *ir.Extend:
		cols := usedCols(q.Cols, want)
		in := pruned(q.Input, want.cols(cols))
		if len(cols) == 0 {
			return in
		}
		return &ir.Extend{Span: q.Span, Input: in, Cols: cols}
	case *ir.Project:
		cols := usedCols(q.Cols, want)
		if len(cols) == 0 {
			cols = q.Cols[:1] // rows that are only counted have a column still
		}
		in := pruned(q.Input, wanted{}.cols(cols))
		if names, ok := columnNames(in); ok && isSelection(cols, names) {
			return in
		}
		return &ir.Project{Span: q.Span, Input: in, Cols: cols}
	case *ir.Aggregate:
		w := wanted{}.cols(q.By)
		for _, a := range q.Aggs {
			if a.X != nil {
				w = w.and(a.X)
			}
			if a.Of != nil {
				w = w.fields(a.Of)
			}
		}
		return with(w)
	case *ir.Union:
		out := &ir.Union{Span: q.Span}
		for _, in := range q.Inputs {
			out.Inputs = append(out.Inputs, pruned(in, want))
		}
		return out
	case *ir.Join:
		c := *q
		if t, ok := q.Right.(*ir.Table); ok {
			t = prunedTable(t, q, want)
			if q.Kind == ir.LeftOuter && len(t.Cols) == len(q.On) {
				return pruned(q.Left, want) // to which it adds nothing
			}
			c.Right = t
			c.Left = pruned(q.Left, want.fields(q.On...))
			return &c
		}
		want = want.fields(q.On...)
		c.Left = pruned(q.Left, want)
		if q.Kind == ir.Anti {
			want = wanted{}.fields(q.On...)
		}
		c.Right = pruned(q.Right, want)
		return &c
	}
	panic(fmt.Sprintf("defender: unhandled query %T", q))
}

// prunedTable keeps the keys of the join, and what else it adds that is wanted.
func prunedTable(t *ir.Table, q *ir.Join, want wanted) *ir.Table {
	var places []int
	var names []string
	for i, name := range t.Cols {
		if ir.HasField(q.On, name) || q.Kind != ir.Anti && want.has(name) {
			places, names = append(places, i), append(names, name)
		}
	}
	if len(names) == len(t.Cols) {
		return t
	}
	return withColumns(t, places, names)
}

func usedCols(cols []*ir.Col, want wanted) []*ir.Col {
	return slices.DeleteFunc(slices.Clone(cols), func(c *ir.Col) bool { return !want.has(c.As) })
}

// isSelection reports whether the projection keeps all columns as they are.
func isSelection(cols []*ir.Col, names []string) bool {
	return slices.EqualFunc(cols, names, func(c *ir.Col, name string) bool {
		f, ok := c.X.(*ir.Field)
		return ok && c.As == name && f.Name == name
	})
}

// columnNames are the columns of q in their order, if q says them itself.
func columnNames(q ir.Query) ([]string, bool) {
	var names []string
	switch q := q.(type) {
	case *ir.Filter, *ir.Sort, *ir.Limit:
		return columnNames(ir.Inputs(q)[0])
	case *ir.Join:
		if t, ok := q.Right.(*ir.Table); ok && len(t.Cols) == len(q.On) {
			return columnNames(q.Left)
		}
		return nil, false
	case *ir.Aggregate:
		for _, c := range q.By {
			names = append(names, c.As)
		}
		for _, a := range q.Aggs {
			names = append(names, a.As)
		}
	case *ir.Distinct:
		for _, f := range q.By {
			names = append(names, f.Name)
		}
	case *ir.Project:
		for _, c := range q.Cols {
			names = append(names, c.As)
		}
	default:
		return nil, false
	}
	return names, true
}

// present reports whether the query itself makes sure that the column has a
// value in each of its rows: text that is not empty, anything else not null. It
// says false where that is hard to see.
func present(q ir.Query, name string) bool {
	switch q := q.(type) {
	case *ir.Scan:
		return name == timestamp
	case *ir.Filter:
		return slices.ContainsFunc(ir.Conjuncts(q.Pred), func(c ir.Expr) bool { return asks(c, name) }) || present(q.Input, name)
	case *ir.Extend:
		for _, c := range q.Cols {
			if c.As == name {
				return hasValue(q.Input, c.X)
			}
		}
		return present(q.Input, name)
	case *ir.Project:
		for _, c := range q.Cols {
			if c.As == name {
				return hasValue(q.Input, c.X)
			}
		}
	case *ir.Aggregate:
		for _, c := range q.By {
			if c.As == name {
				return hasValue(q.Input, c.X)
			}
		}
		for _, a := range q.Aggs {
			if a.As == name {
				switch a.Func {
				case ir.Count, ir.CountIf, ir.DCount:
					return true
				case ir.ArgMin, ir.ArgMax:
					return len(q.By) > 0 && hasValue(q.Input, a.X) && present(q.Input, a.Of.Name)
				case ir.Min, ir.Max, ir.First, ir.Last:
					return len(q.By) > 0 && hasValue(q.Input, a.X)
				}
			}
		}
	case *ir.Window:
		return name == q.As || name == q.Of.Name || present(q.Input, name)
	case *ir.Session:
		return name == q.As || name == q.Of.Name || present(q.Input, name)
	case *ir.Lag:
		return name != q.As && (name == q.Of.Name || present(q.Input, name))
	case *ir.Rank:
		return name == q.As || present(q.Input, name)
	case *ir.Sort, *ir.Limit, *ir.Distinct:
		return present(ir.Inputs(q)[0], name)
	case *ir.Union:
		return len(q.Inputs) > 0 && !slices.ContainsFunc(q.Inputs, func(in ir.Query) bool { return !present(in, name) })
	case *ir.Join:
		// The left side's column goes first, and its name says nothing of the
		// right side's: only a key is in both.
		if q.Kind == ir.Inner && ir.HasField(q.On, name) {
			return true
		}
		return present(q.Left, name)
	}
	return false
}

func hasValue(in ir.Query, x ir.Expr) bool {
	switch x := x.(type) {
	case *ir.Field:
		return present(in, x.Name)
	case *ir.Lit:
		return x.Value != ""
	case *ir.Call:
		switch x.Func {
		case ir.Now:
			return true
		case ir.Bin:
			return hasValue(in, x.Args[0]) && isConstant(x.Args[1])
		case ir.Minute, ir.Hour, ir.Day, ir.Week, ir.Month, ir.Year, ir.Weekday, ir.Abs, ir.Floor, ir.Ceiling, ir.Lower, ir.Upper, ir.StrLen:
			return hasValue(in, x.Args[0])
		case ir.ToString:
			return !isStringly(x.Args[0]) && hasValue(in, x.Args[0])
		}
	}
	return false
}

func isConstant(x ir.Expr) bool {
	_, ok := x.(*ir.Lit)
	return ok
}

// asks reports whether a planned predicate holds only where the column has a
// value.
func asks(e ir.Expr, name string) bool {
	is := func(x ir.Expr) bool {
		f, ok := x.(*ir.Field)
		return ok && f.Name == name
	}
	switch e := e.(type) {
	case *ir.Exists:
		return is(e.X)
	case *ir.Compare:
		return e.Cased && (is(e.L) && ir.TypeOf(e.L) != ir.String || is(e.R) && ir.TypeOf(e.R) != ir.String)
	case *ir.Match:
		return is(e.X) && !slices.ContainsFunc(e.Any, isEmptyOrAny)
	case *ir.Not:
		m, ok := e.X.(*ir.Match)
		return ok && is(m.X) && slices.ContainsFunc(m.Any, func(p ir.Pattern) bool { return len(p.Parts) == 0 })
	}
	return false
}

// isEmptyOrAny reports whether the empty text passes the pattern.
func isEmptyOrAny(p ir.Pattern) bool {
	return !slices.ContainsFunc(p.Parts, func(part ir.Part) bool { return part.Wild != ir.Many })
}

// needless reports whether the condition asks for what is known of the rows of
// in: that a column is there.
func needless(in ir.Query, c ir.Expr) bool {
	switch c := c.(type) {
	case *ir.Exists:
		return present(in, c.X.Name)
	case *ir.Not:
		m, ok := c.X.(*ir.Match)
		if !ok || len(m.Any) != 1 || len(m.Any[0].Parts) > 0 {
			return false
		}
		f, ok := m.X.(*ir.Field)
		return ok && present(in, f.Name)
	}
	return false
}
