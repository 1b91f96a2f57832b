package schema

import (
	"slices"
	"strings"

	"github.com/huntc/huntc/ir"
)

// placeColumn is the column that documents number the rows of a group in.
const placeColumn = "rank"

// firstRows raises the choice of one row for each combination of columns. A text
// takes whichever comes first; documents say which: the first in the order that
// the rows have, of groups that of their other keys, of events the latest.
func (z *raiser) firstRows(q *ir.Distinct, in ir.Query, l *level, by []*ir.Field) ir.Query {
	keys, ordered, ok := orderOf(in)
	isKey := func(name string) bool { return ir.HasField(by, name) }
	keys = slices.DeleteFunc(keys, func(k *ir.SortKey) bool { return isKey(k.X.Name) })
	switch {
	case !ok:
		z.diags.Errorf(codeNoLogical, q, "Say which row is wanted: sort them first, or group them.",
			"the text takes any one row for each %s, and nothing says which", namesOf(by))
		return in
	case len(keys) == 0:
		return in // there is one row for each already
	case !ordered:
		z.diags.Infof(codeReworded, q, "Sort the rows first if another one is wanted.",
			"the text takes any one row for each %s; the hunt takes the first by %s", namesOf(by), orderText(keys))
	}
	at := q.Span
	var out ir.Query = &ir.Filter{Span: at, Input: &ir.Rank{Span: at, Input: in, By: by, Keys: keys, As: placeColumn},
		Pred: &ir.Compare{Span: at, Op: ir.Le, L: &ir.Field{Span: at, Name: placeColumn}, R: &ir.Lit{Span: at, Value: int64(1)}}}
	if l.open() {
		return out
	}
	p := &ir.Project{Span: at, Input: out}
	for _, c := range l.cols {
		if !slices.ContainsFunc(p.Cols, func(d *ir.Col) bool { return d.As == c.logical }) {
			p.Cols = append(p.Cols, &ir.Col{Span: at, As: c.logical, X: &ir.Field{Span: at, Name: c.logical}})
		}
	}
	z.chosenFirst = append(z.chosenFirst, p)
	return p
}

func namesOf(by []*ir.Field) string {
	names := make([]string, len(by))
	for i, f := range by {
		names[i] = f.Name
	}
	return strings.Join(names, ", ")
}

func orderText(keys []*ir.SortKey) string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.X.Name
		if k.Desc {
			out[i] += " desc"
		}
	}
	return strings.Join(out, ", ")
}

// orderOf is an order of rows by which each has a place of its own, or which the
// query gave them itself; false if there is none.
func orderOf(q ir.Query) (keys []*ir.SortKey, ordered, ok bool) {
	switch q := q.(type) {
	case *ir.Sort:
		return slices.Clone(q.Keys), true, true
	case *ir.Filter:
		return orderOf(q.Input)
	case *ir.Limit:
		return orderOf(q.Input)
	case *ir.Extend:
		return orderOf(q.Input)
	case *ir.Scan:
		return []*ir.SortKey{{Span: q.Span, X: &ir.Field{Span: q.Span, Name: ir.Timestamp}, Desc: true}}, false, true
	case *ir.Aggregate:
		for _, c := range q.By {
			keys = append(keys, &ir.SortKey{Span: q.Span, X: &ir.Field{Span: q.Span, Name: c.As}})
		}
		return keys, false, true
	case *ir.Distinct:
		for _, f := range q.By {
			keys = append(keys, &ir.SortKey{Span: q.Span, X: &ir.Field{Span: q.Span, Name: f.Name}})
		}
		return keys, false, !q.Whole
	case *ir.Project:
		keys, ordered, ok = orderOf(q.Input)
		for j, k := range keys {
			i := slices.IndexFunc(q.Cols, func(c *ir.Col) bool { f, is := c.X.(*ir.Field); return is && f.Name == k.X.Name })
			if i < 0 {
				return nil, false, false // it is not there any more
			}
			renamed := *k
			renamed.X = &ir.Field{Span: q.Span, Name: q.Cols[i].As}
			keys[j] = &renamed
		}
		return keys, ordered, ok
	}
	return nil, false, false
}
