package schema

import (
	"slices"

	"github.com/huntc/huntc/ir"
)

// wide are the names of the datasets that hold all events of one subject, of
// which others hold those of some kinds.
func (s *Schema) wide() []string {
	var out []string
	for _, ds := range s.Datasets() {
		if ds.Within != nil && !slices.Contains(out, ds.Within.Dataset) {
			out = append(out, ds.Within.Dataset)
		}
	}
	slices.Sort(out)
	return out
}

// Broaden puts the wider dataset in the place of each that holds a part of one,
// with a filter for the kinds of event of that part, so that hunts which read
// different parts can be compared. It says the same events in longer words, and
// is for comparing only: a target may have other columns for the part.
func (s *Schema) Broaden(q ir.Query) ir.Query {
	if q == nil {
		return nil
	}
	var pred func(q ir.Query, above ir.Expr) ir.Query
	pred = func(q ir.Query, above ir.Expr) ir.Query {
		switch q := q.(type) {
		case *ir.Filter:
			c := *q
			c.Input = pred(q.Input, joinPred(q.Span, q.Pred, above))
			return &c
		case *ir.Scan:
			return s.broadScan(q, above)
		}
		inputs := ir.Inputs(q)
		if len(inputs) == 0 {
			return q
		}
		out := make([]ir.Query, len(inputs))
		for i, in := range inputs {
			out[i] = pred(in, nil)
		}
		return ir.WithInputs(q, out)
	}
	return pred(q, nil)
}

func (s *Schema) broadScan(q *ir.Scan, above ir.Expr) ir.Query {
	if q.Physical != nil {
		return q
	}
	found := s.candidates(q.Source, above)
	if len(found) == 0 {
		return q
	}
	ds := found[0]
	if ds.Within == nil {
		// A dataset for some kinds of event of a logsource is a part of what the
		// logsource means.
		i := slices.IndexFunc(found, func(d *Dataset) bool { return d.Within != nil })
		if i < 0 || ds.When == nil {
			return q
		}
		ds = found[i]
	}
	wider := s.Dataset(ds.Within.Dataset)
	if wider == nil || len(wider.Logsources) == 0 {
		return q
	}
	c := *q
	c.Source = logsource(q.Source.Span, wider.Logsources[0])
	var out ir.Query = &c
	for _, field := range sortedKeys(ds.Within.Where) {
		if above != nil && implies(above, &When{Field: field, In: ds.Within.Where[field]}) {
			continue
		}
		m := &ir.Match{Span: q.Span, X: &ir.Field{Span: q.Span, Name: field}}
		for _, v := range ds.Within.Where[field] {
			m.Any = append(m.Any, ir.TextPattern(q.Span, v))
		}
		out = &ir.Filter{Span: q.Span, Input: out, Pred: m}
	}
	return out
}
