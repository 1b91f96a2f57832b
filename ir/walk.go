package ir

import (
	"fmt"
	"slices"
)

// WalkExpr calls f for e and, where f returns true, for what is below it, in
// source order.
func WalkExpr(e Expr, f func(Expr) bool) {
	if e == nil || !f(e) {
		return
	}
	switch e := e.(type) {
	case *Logic:
		for _, a := range e.Args {
			WalkExpr(a, f)
		}
	case *Not:
		WalkExpr(e.X, f)
	case *Compare:
		WalkExpr(e.L, f)
		WalkExpr(e.R, f)
	case *Match:
		WalkExpr(e.X, f)
	case *Term:
		WalkExpr(e.X, f)
	case *Regexp:
		WalkExpr(e.X, f)
	case *InCIDR:
		WalkExpr(e.X, f)
	case *FieldMatch:
		WalkExpr(e.X, f)
		WalkExpr(e.Y, f)
	case *Exists:
		WalkExpr(e.X, f)
	case *Call:
		for _, a := range e.Args {
			WalkExpr(a, f)
		}
	case *Field, *Lit, *Keyword, *Foreign, *Macro:
	default:
		panic(fmt.Sprintf("ir: unhandled expression %T", e))
	}
}

// Fields are the distinct fields of the expressions by name, in order of
// first use.
func Fields(exprs ...Expr) []*Field {
	var out []*Field
	for _, e := range exprs {
		WalkExpr(e, func(e Expr) bool {
			if f, ok := e.(*Field); ok && !HasField(out, f.Name) {
				out = append(out, f)
			}
			return true
		})
	}
	return out
}

// HasField reports whether a field of that name is in the list.
func HasField(list []*Field, name string) bool {
	for _, f := range list {
		if f.Name == name {
			return true
		}
	}
	return false
}

// MapExpr rebuilds e bottom-up with f applied to every node; where nothing
// changes the same nodes come back, and no node is ever changed in place.
// The operands of FieldMatch and Exists stay fields: f is not applied to them
// alone, only to the node as a whole.
func MapExpr(e Expr, f func(Expr) Expr) Expr {
	switch x := e.(type) {
	case *Logic:
		if args, changed := mapAll(x.Args, f); changed {
			c := *x
			c.Args = args
			e = &c
		}
	case *Not:
		if y := MapExpr(x.X, f); y != x.X {
			c := *x
			c.X = y
			e = &c
		}
	case *Compare:
		l, r := MapExpr(x.L, f), MapExpr(x.R, f)
		if l != x.L || r != x.R {
			c := *x
			c.L, c.R = l, r
			e = &c
		}
	case *Match:
		if y := MapExpr(x.X, f); y != x.X {
			c := *x
			c.X = y
			e = &c
		}
	case *Term:
		if y := MapExpr(x.X, f); y != x.X {
			c := *x
			c.X = y
			e = &c
		}
	case *Regexp:
		if y := MapExpr(x.X, f); y != x.X {
			c := *x
			c.X = y
			e = &c
		}
	case *InCIDR:
		if y := MapExpr(x.X, f); y != x.X {
			c := *x
			c.X = y
			e = &c
		}
	case *Call:
		if args, changed := mapAll(x.Args, f); changed {
			c := *x
			c.Args = args
			e = &c
		}
	case *Field, *Lit, *Keyword, *FieldMatch, *Exists, *Foreign, *Macro:
	default:
		panic(fmt.Sprintf("ir: unhandled expression %T", e))
	}
	return f(e)
}

func mapAll(in []Expr, f func(Expr) Expr) ([]Expr, bool) {
	for i, a := range in {
		b := MapExpr(a, f)
		if b == a {
			continue
		}
		out := make([]Expr, len(in))
		copy(out, in[:i])
		out[i] = b
		for j := i + 1; j < len(in); j++ {
			out[j] = MapExpr(in[j], f)
		}
		return out, true
	}
	return in, false
}

// Inputs are the queries that q reads, in order; none for a Scan or Table.
func Inputs(q Query) []Query {
	switch q := q.(type) {
	case *Scan, *Table:
		return nil
	case *Filter:
		return []Query{q.Input}
	case *Extend:
		return []Query{q.Input}
	case *Aggregate:
		return []Query{q.Input}
	case *Window:
		return []Query{q.Input}
	case *Session:
		return []Query{q.Input}
	case *Stretches:
		return []Query{q.Input}
	case *Lag:
		return []Query{q.Input}
	case *Rank:
		return []Query{q.Input}
	case *Union:
		return q.Inputs
	case *Join:
		return []Query{q.Left, q.Right}
	case *Project:
		return []Query{q.Input}
	case *Distinct:
		return []Query{q.Input}
	case *Sort:
		return []Query{q.Input}
	case *Limit:
		return []Query{q.Input}
	}
	panic(fmt.Sprintf("ir: unhandled query %T", q))
}

// WithInputs is q reading other queries in place of its own; q is not changed.
func WithInputs(q Query, in []Query) Query {
	switch q := q.(type) {
	case *Scan, *Table:
		return q
	case *Filter:
		c := *q
		c.Input = in[0]
		return &c
	case *Extend:
		c := *q
		c.Input = in[0]
		return &c
	case *Aggregate:
		c := *q
		c.Input = in[0]
		return &c
	case *Window:
		c := *q
		c.Input = in[0]
		return &c
	case *Stretches:
		c := *q
		c.Input = in[0]
		return &c
	case *Session:
		c := *q
		c.Input = in[0]
		return &c
	case *Lag:
		c := *q
		c.Input = in[0]
		return &c
	case *Rank:
		c := *q
		c.Input = in[0]
		return &c
	case *Union:
		c := *q
		c.Inputs = in
		return &c
	case *Join:
		c := *q
		c.Left, c.Right = in[0], in[1]
		return &c
	case *Project:
		c := *q
		c.Input = in[0]
		return &c
	case *Distinct:
		c := *q
		c.Input = in[0]
		return &c
	case *Sort:
		c := *q
		c.Input = in[0]
		return &c
	case *Limit:
		c := *q
		c.Input = in[0]
		return &c
	}
	panic(fmt.Sprintf("ir: unhandled query %T", q))
}

// MapQuery rebuilds q from its sources upward with f applied to every node.
// No node is changed in place.
func MapQuery(q Query, f func(Query) Query) Query {
	in := Inputs(q)
	for i, a := range in {
		b := MapQuery(a, f)
		if b == a {
			continue
		}
		out := make([]Query, len(in))
		copy(out, in[:i])
		out[i] = b
		for j := i + 1; j < len(in); j++ {
			out[j] = MapQuery(in[j], f)
		}
		q = WithInputs(q, out)
		break
	}
	return f(q)
}

// WalkQuery calls f for every node of q, sources first.
func WalkQuery(q Query, f func(Query)) {
	for _, in := range Inputs(q) {
		WalkQuery(in, f)
	}
	f(q)
}

// Scans are the sources of q, in order.
func Scans(q Query) []*Scan {
	var out []*Scan
	WalkQuery(q, func(q Query) {
		if s, ok := q.(*Scan); ok {
			out = append(out, s)
		}
	})
	return out
}

// Columns are the names of the columns of q's rows, in order; nil where they
// are events, which have whatever the schema knows.
func Columns(q Query) []string {
	one := func(in Query, more ...string) []string {
		cols := Columns(in)
		if cols == nil {
			return nil
		}
		return appendNew(slices.Clip(cols), more)
	}
	names := func(cols []*Col) []string {
		out := make([]string, len(cols))
		for i, c := range cols {
			out[i] = c.As
		}
		return out
	}
	switch q := q.(type) {
	case *Scan:
		return nil
	case *Table:
		return q.Cols
	case *Filter:
		return Columns(q.Input)
	case *Sort:
		return Columns(q.Input)
	case *Limit:
		return Columns(q.Input)
	case *Extend:
		return one(q.Input, names(q.Cols)...)
	case *Window:
		return one(q.Input, q.As)
	case *Session:
		return one(q.Input, q.As)
	case *Stretches:
		return one(q.Input, q.As)
	case *Lag:
		return one(q.Input, q.As)
	case *Rank:
		return one(q.Input, q.As)
	case *Project:
		return names(q.Cols)
	case *Distinct:
		if q.Whole {
			return Columns(q.Input)
		}
		out := make([]string, len(q.By))
		for i, f := range q.By {
			out[i] = f.Name
		}
		return out
	case *Aggregate:
		out := names(q.By)
		for _, a := range q.Aggs {
			out = append(out, a.As)
		}
		return out
	case *Join:
		switch q.Kind {
		case Anti, Semi:
			return Columns(q.Left)
		case RightAnti, RightSemi:
			return Columns(q.Right)
		}
		left, right := Columns(q.Left), Columns(q.Right)
		if left == nil || right == nil {
			return nil
		}
		if !q.Repeat {
			return one(q.Left, right...)
		}
		out := slices.Clone(left)
		for _, name := range right {
			for slices.Contains(out, name) {
				name += "1"
			}
			out = append(out, name)
		}
		return out
	case *Union:
		out := []string{}
		for _, in := range q.Inputs {
			cols := Columns(in)
			if cols == nil {
				return nil
			}
			out = appendNew(out, cols)
		}
		if q.Source != "" {
			out = appendNew([]string{q.Source}, out)
		}
		return out
	}
	panic(fmt.Sprintf("ir: unhandled query %T", q))
}

// appendNew appends the names that are not there yet.
func appendNew(to, names []string) []string {
	for _, n := range names {
		if !slices.Contains(to, n) {
			to = append(to, n)
		}
	}
	return to
}
