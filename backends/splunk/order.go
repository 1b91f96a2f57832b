package splunk

import (
	"slices"

	"github.com/huntc/huntc/ir"
)

// A sort of Splunk has rows without the field last, in either direction: they
// have the largest value of an ascending order, and the smallest of a descending
// one (Search Reference, sort). In the IR they have the smallest of both. So where
// the order decides which rows there are, a column says first of an ascending
// key whether it is there.

// presenceKeys adds to the keys of an order of in what tells of each ascending
// one that may be missing whether it is there: a column that is the number there
// or missing. The Extend has these columns, if any are needed.
func presenceKeys(in ir.Query, keys []*ir.SortKey, there, missing int64, may func(*ir.Field) bool) (*ir.Extend, []*ir.SortKey) {
	out := &ir.Extend{Input: in}
	var all []*ir.SortKey
	for i, k := range keys {
		if !k.Desc && may(k.X) && !slices.ContainsFunc(keys[:i], func(o *ir.SortKey) bool { return saysPresence(in, o.X.Name, k.X.Name) }) {
			name := k.X.Name + "_missing"
			for known(ir.Columns(in), name) || slices.ContainsFunc(keys, func(o *ir.SortKey) bool { return o.X.Name == name }) {
				name += "_"
			}
			out.Span = k.Span
			out.Cols = append(out.Cols, &ir.Col{Span: k.Span, As: name, X: &ir.Call{Span: k.Span, Func: ir.If, Args: []ir.Expr{
				&ir.Exists{Span: k.Span, X: k.X}, &ir.Lit{Span: k.Span, Value: there}, &ir.Lit{Span: k.Span, Value: missing}}}})
			all = append(all, &ir.SortKey{Span: k.Span, X: &ir.Field{Span: k.Span, Name: name, T: ir.Int}})
		}
		all = append(all, k)
	}
	return out, all
}

// missingFirst is the rows with what an order of the IR needs that Splunk's sort
// is to keep, and the keys of that.
func missingFirst(r rows, keys []*ir.SortKey) (ir.Query, []*ir.SortKey, []*ir.Col) {
	ext, all := presenceKeys(r.query, keys, 1, 0, func(f *ir.Field) bool {
		c, ok := r.scope.find(f.Name)
		return !ok || c.nullable
	})
	if len(ext.Cols) == 0 {
		return r.query, keys, nil
	}
	return ext, all, ext.Cols
}

// withoutCols leaves columns out again, where it is known which others there are.
func withoutCols(q ir.Query, cols []*ir.Col) ir.Query {
	names := ir.Columns(q)
	if names == nil || len(cols) == 0 {
		return q
	}
	out := &ir.Project{Span: q.At(), Input: q}
	for _, n := range names {
		if !slices.ContainsFunc(cols, func(c *ir.Col) bool { return c.As == n }) {
			out.Cols = append(out.Cols, fieldCol(q.At(), n))
		}
	}
	return out
}

// missingLast makes of the orders of a search, where they decide which rows
// there are, orders of the IR that have missing values at the same end.
func (b *Backend) missingLast(q ir.Query) ir.Query {
	keyed := func(in ir.Query, keys []*ir.SortKey) (*ir.Extend, []*ir.SortKey) {
		return presenceKeys(in, keys, 0, 1, func(f *ir.Field) bool { return !b.present(in, f.Name) })
	}
	var taken func(q ir.Query) ir.Query
	taken = func(q ir.Query) ir.Query {
		switch q := q.(type) {
		case *ir.Filter:
			c := *q
			c.Input = taken(q.Input)
			return &c
		case *ir.Extend:
			c := *q
			c.Input = taken(q.Input)
			return &c
		case *ir.Project:
			c := *q
			c.Input = taken(q.Input)
			return &c
		case *ir.Sort:
			ext, keys := keyed(q.Input, q.Keys)
			if len(ext.Cols) > 0 {
				return withoutCols(&ir.Sort{Span: q.Span, Input: ext, Keys: keys}, ext.Cols)
			}
		}
		return q
	}
	return ir.MapQuery(q, func(q ir.Query) ir.Query {
		switch q := q.(type) {
		case *ir.Limit:
			c := *q
			c.Input = taken(q.Input)
			return &c
		case *ir.Distinct:
			if q.Whole {
				c := *q
				c.Input = taken(q.Input)
				return &c
			}
		case *ir.Rank:
			ext, keys := keyed(q.Input, q.Keys)
			if len(ext.Cols) > 0 {
				c := *q
				c.Input, c.Keys = ext, keys
				return withoutCols(&c, ext.Cols)
			}
		}
		return q
	})
}

// saysPresence reports whether a column tells whether another is there.
func saysPresence(q ir.Query, column, of string) bool {
	ext, ok := q.(*ir.Extend)
	if !ok {
		return false
	}
	return slices.ContainsFunc(ext.Cols, func(c *ir.Col) bool {
		call, ok := c.X.(*ir.Call)
		if !ok || c.As != column || call.Func != ir.If {
			return false
		}
		there, ok := call.Args[0].(*ir.Exists)
		return ok && there.X.Name == of
	})
}
