package splunk

import (
	"slices"

	"github.com/huntc/huntc/ir"
)

// nativeTime gives the time of the event Splunk's own name for it, _time, also
// where operators of the hunt hand it on as Timestamp: Splunk shows no other
// column as a date. A hunt that makes a column called Timestamp of something
// else keeps it.
func nativeTime(q ir.Query) ir.Query {
	passed, made := false, false
	note := func(as string, x ir.Expr) {
		if as != ir.Timestamp {
			return
		}
		if isTime(x) {
			passed = true
		} else {
			made = true
		}
	}
	ir.WalkQuery(q, func(q ir.Query) {
		switch q := q.(type) {
		case *ir.Project:
			for _, c := range q.Cols {
				note(c.As, c.X)
			}
		case *ir.Aggregate:
			for _, c := range q.By {
				note(c.As, c.X)
			}
			for _, a := range q.Aggs {
				made = made || a.As == ir.Timestamp
			}
		case *ir.Extend:
			for _, c := range q.Cols {
				made = made || c.As == ir.Timestamp
			}
		case *ir.Window:
			made = made || q.As == ir.Timestamp
		case *ir.Session:
			made = made || q.As == ir.Timestamp
		case *ir.Lag:
			made = made || q.As == ir.Timestamp
		case *ir.Rank:
			made = made || q.As == ir.Timestamp
		case *ir.Table:
			made = made || slices.Contains(q.Cols, ir.Timestamp)
		}
	})
	if !passed || made {
		return q
	}
	return ir.MapQuery(q, func(q ir.Query) ir.Query {
		switch q := q.(type) {
		case *ir.Filter:
			return &ir.Filter{Span: q.Span, Input: q.Input, Pred: renameTime(q.Pred)}
		case *ir.Extend:
			return &ir.Extend{Span: q.Span, Input: q.Input, Cols: renameTimeCols(q.Cols)}
		case *ir.Project:
			return &ir.Project{Span: q.Span, Input: q.Input, Cols: renameTimeCols(q.Cols)}
		case *ir.Aggregate:
			out := &ir.Aggregate{Span: q.Span, Input: q.Input, By: renameTimeCols(q.By)}
			for _, a := range q.Aggs {
				b := *a
				if a.X != nil {
					b.X = renameTime(a.X)
				}
				if a.Of != nil {
					b.Of = renameTimeField(a.Of)
				}
				out.Aggs = append(out.Aggs, &b)
			}
			return out
		case *ir.Window:
			out := *q
			out.By, out.Of = renameTimeFields(q.By), renameTimeField(q.Of)
			return &out
		case *ir.Session:
			out := *q
			out.By, out.Of = renameTimeFields(q.By), renameTimeField(q.Of)
			return &out
		case *ir.Lag:
			out := *q
			out.By, out.Of, out.X = renameTimeFields(q.By), renameTimeField(q.Of), renameTimeField(q.X)
			return &out
		case *ir.Rank:
			out := *q
			out.By, out.Keys = renameTimeFields(q.By), renameTimeKeys(q.Keys)
			return &out
		case *ir.Join:
			return &ir.Join{Span: q.Span, Left: q.Left, Right: q.Right, Kind: q.Kind, On: renameTimeFields(q.On)}
		case *ir.Distinct:
			return &ir.Distinct{Span: q.Span, Input: q.Input, By: renameTimeFields(q.By)}
		case *ir.Sort:
			return &ir.Sort{Span: q.Span, Input: q.Input, Keys: renameTimeKeys(q.Keys)}
		}
		return q
	})
}

// isTime reports the time of the event, or a bin of it.
func isTime(x ir.Expr) bool {
	if c, ok := x.(*ir.Call); ok && c.Func == ir.Bin {
		x = c.Args[0]
	}
	f, ok := x.(*ir.Field)
	return ok && (f.Name == timeColumn || f.Name == ir.Timestamp)
}

func renameTimeField(f *ir.Field) *ir.Field {
	if f.Name != ir.Timestamp {
		return f
	}
	return &ir.Field{Span: f.Span, Name: timeColumn, T: f.T}
}

func renameTimeFields(in []*ir.Field) []*ir.Field {
	out := make([]*ir.Field, len(in))
	for i, f := range in {
		out[i] = renameTimeField(f)
	}
	return out
}

func renameTimeKeys(in []*ir.SortKey) []*ir.SortKey {
	out := make([]*ir.SortKey, len(in))
	for i, k := range in {
		out[i] = &ir.SortKey{Span: k.Span, X: renameTimeField(k.X), Desc: k.Desc}
	}
	return out
}

func renameTime(e ir.Expr) ir.Expr {
	return ir.MapExpr(e, func(e ir.Expr) ir.Expr {
		switch e := e.(type) {
		case *ir.Field:
			if e.Name == ir.Timestamp {
				return renameTimeField(e)
			}
		case *ir.Exists:
			if e.X.Name == ir.Timestamp {
				return &ir.Exists{Span: e.Span, X: renameTimeField(e.X)}
			}
		}
		return e
	})
}

func renameTimeCols(in []*ir.Col) []*ir.Col {
	out := make([]*ir.Col, len(in))
	for i, c := range in {
		as := c.As
		if as == ir.Timestamp {
			as = timeColumn
		}
		out[i] = &ir.Col{Span: c.Span, As: as, X: renameTime(c.X)}
	}
	return out
}
