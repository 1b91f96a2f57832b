package splunk

import (
	"slices"
	"strings"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// Rows of several groupings by tstats can be put under each other without a
// subsearch, which would be cut off: tstats prestats=t append=t adds the rows of
// a further data model to those before it, in a form that stats reads. The
// columns are given their names in between, so that stats finds them in all
// rows. That form is taken for
//
//	Aggregate over Union over Project over Aggregate
//
// where the inner groupings count events, with the first and the last time, and
// the outer one adds these up for each combination of the columns: the rows
// then stand for the same events as those of the Union.

// branch is one input of such a union.
type branch struct {
	agg  *ir.Aggregate
	scan *ir.Scan
	pred ir.Expr
	cols []*ir.Col // the keys of the outer grouping, in its order
}

// innerAgg is an aggregate of an inner grouping, and how the outer one adds it up.
type innerAgg struct {
	as           string
	inner, outer ir.AggFunc
}

// innerAggs are those that the groupings have, all or the first.
var innerAggs = [...]innerAgg{{countColumn, ir.Count, ir.Sum}, {firstColumn, ir.Min, ir.Min}, {lastColumn, ir.Max, ir.Max}}

// branches takes such a query apart; nil if q is none.
func (b *Backend) branches(q *ir.Aggregate) []branch {
	u, ok := q.Input.(*ir.Union)
	if !ok || len(u.Inputs) < 2 || len(q.Aggs) != 1 && len(q.Aggs) != len(innerAggs) {
		return nil
	}
	for i, a := range q.Aggs {
		f, ok := a.X.(*ir.Field)
		if want := innerAggs[i]; !ok || f.Name != want.as || a.As != want.as || a.Func != want.outer {
			return nil
		}
	}
	for _, k := range q.By {
		if f, ok := k.X.(*ir.Field); !ok || f.Name != k.As {
			return nil
		}
	}
	out := make([]branch, len(u.Inputs))
	for i, in := range u.Inputs {
		proj, ok := in.(*ir.Project)
		if !ok || len(proj.Cols) != len(q.By)+len(q.Aggs) {
			return nil
		}
		br, ok := b.branch(proj.Input, len(q.Aggs))
		if !ok {
			return nil
		}
		for j, c := range proj.Cols {
			if j >= len(q.By) {
				if f, ok := c.X.(*ir.Field); !ok || f.Name != c.As || c.As != q.Aggs[j-len(q.By)].As {
					return nil
				}
				continue
			}
			if c.As != q.By[j].As || !br.has(c) {
				return nil
			}
			br.cols = append(br.cols, c)
		}
		out[i] = br
	}
	return out
}

// branch reads a grouping by tstats with so many of innerAggs.
func (b *Backend) branch(q ir.Query, aggs int) (branch, bool) {
	agg, ok := q.(*ir.Aggregate)
	if !ok || len(agg.Aggs) != aggs {
		return branch{}, false
	}
	f, ok := agg.Input.(*ir.Filter)
	if !ok {
		return branch{}, false
	}
	s, ok := f.Input.(*ir.Scan)
	if !ok || s.Physical.View != string(schema.CIM) {
		return branch{}, false
	}
	for i, a := range agg.Aggs {
		want := innerAggs[i]
		if a.As != want.as || a.Func != want.inner || i > 0 && !isTime(a.X) {
			return branch{}, false
		}
	}
	for _, k := range agg.By {
		// A column without the name of its dataset in front could be taken for
		// one that a branch before has named so.
		if k.As != timeColumn && !strings.Contains(b.schema.Qualified(s.Physical.Table, k.As), ".") {
			return branch{}, false
		}
	}
	return branch{agg: agg, scan: s, pred: f.Pred}, true
}

// has reports whether a column is a key of the branch, or a constant.
func (br branch) has(c *ir.Col) bool {
	f, ok := c.X.(*ir.Field)
	if !ok {
		lit, ok := c.X.(*ir.Lit)
		if !ok || c.As == timeColumn {
			return false
		}
		switch lit.Value.(type) {
		case string, int64:
			return true
		}
		return false
	}
	return (f.Name == timeColumn) == (c.As == timeColumn) &&
		slices.ContainsFunc(br.agg.By, func(k *ir.Col) bool { return k.As == f.Name })
}

// appended puts rows of tstats under each other without a subsearch; nil if
// they have another form than that takes.
func (p *planner) appended(at diag.Span, inputs []rows) ir.Query {
	if p.form != backends.Tstats {
		return nil
	}
	u := &ir.Union{Span: at}
	var names []string
	aggs := 0
	for _, in := range inputs {
		if agg, ok := in.query.(*ir.Aggregate); ok && p.b.branches(agg) != nil {
			// A union of the same form within this one.
			for _, i := range agg.Input.(*ir.Union).Inputs {
				u.Inputs = append(u.Inputs, i)
			}
		} else {
			u.Inputs = append(u.Inputs, in.query)
		}
	}
	for i, in := range u.Inputs {
		proj, consts := constants(in)
		if proj == nil {
			return nil
		}
		byName := map[string]*ir.Col{}
		var own []string
		n := 0
		for _, c := range proj.Cols {
			if f, ok := c.X.(*ir.Field); ok && consts[f.Name] != nil {
				c = &ir.Col{Span: c.Span, As: c.As, X: consts[f.Name]}
			}
			byName[c.As] = c
			if slices.ContainsFunc(innerAggs[:], func(a innerAgg) bool { return a.as == c.As }) {
				n++
			} else {
				own = append(own, c.As)
			}
		}
		if i == 0 {
			names, aggs = own, n
		}
		if len(own) != len(names) || n != aggs {
			return nil
		}
		sorted := &ir.Project{Span: proj.Span, Input: proj.Input}
		for _, name := range names {
			if byName[name] == nil {
				return nil
			}
			sorted.Cols = append(sorted.Cols, byName[name])
		}
		for _, a := range innerAggs[:n] {
			if byName[a.as] == nil {
				return nil
			}
			sorted.Cols = append(sorted.Cols, byName[a.as])
		}
		u.Inputs[i] = sorted
	}
	out := &ir.Aggregate{Span: at, Input: u}
	for _, name := range names {
		out.By = append(out.By, fieldCol(at, name))
	}
	for _, a := range innerAggs[:aggs] {
		out.Aggs = append(out.Aggs, &ir.Agg{Span: at, As: a.as, Func: a.outer, X: &ir.Field{Span: at, Name: a.as}})
	}
	if p.b.branches(out) == nil {
		return nil
	}
	return out
}

// constants reads a Project, and the constants that an Extend right below it
// makes; the Project is without that Extend then. It is nil where the Extend
// makes more than constants.
func constants(q ir.Query) (*ir.Project, map[string]ir.Expr) {
	proj, ok := q.(*ir.Project)
	if !ok {
		return nil, nil
	}
	ext, ok := proj.Input.(*ir.Extend)
	if !ok {
		return proj, nil
	}
	consts := map[string]ir.Expr{}
	for _, c := range ext.Cols {
		if _, ok := c.X.(*ir.Lit); !ok {
			return nil, nil
		}
		consts[c.As] = c.X
	}
	return &ir.Project{Span: proj.Span, Input: ext.Input, Cols: proj.Cols}, consts
}
