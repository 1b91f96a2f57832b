package proof

import (
	"cmp"
	"slices"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
)

// Point is a part of a detection that a fixture can exercise: a value of a
// list, a test of a field, a branch.
type Point struct {
	diag.Span
	Text    string // in words, what no fixture does unless Covered
	Covered bool

	probe probe
}

// probe looks for one row that exercises a point.
type probe struct {
	in   ir.Query // the rows to look at
	pred ir.Expr  // true for the row; nil: any row
}

// points are the parts of a query, in the order of its text. mine is as for
// Mutants.
func points(q ir.Query, mine func(diag.Span) bool) []Point {
	var out []Point
	seen := map[string]bool{}
	add := func(at diag.Span, p probe, text string) {
		if mine != nil && !mine(at) {
			return
		}
		key := text + diag.Place(at.Pos)
		if seen[key] {
			return // a rule that is counted twice stands in the query twice
		}
		seen[key] = true
		out = append(out, Point{Span: at, Text: text, probe: p})
	}
	tests := func(pred ir.Expr, in ir.Query) {
		leaves(pred, func(leaf ir.Expr) {
			at := spanOf(leaf)
			never := func(what string, e ir.Expr) {
				add(at, probe{in, e}, "never "+what+": "+shortened(Say(leaf)))
			}
			values := func(x ir.Expr, any []ir.Pattern, one func([]ir.Pattern) ir.Expr) {
				for _, p := range any {
					add(cmpSpan(p.Span, at), probe{in, one([]ir.Pattern{p})}, "no event has the value: "+sayValue(x)+" "+sayPatterns([]ir.Pattern{p}))
				}
			}
			switch e := leaf.(type) {
			case *ir.Match:
				if len(e.Any) > 1 {
					values(e.X, e.Any, func(any []ir.Pattern) ir.Expr { return &ir.Match{X: e.X, Any: any, Cased: e.Cased} })
					never("false", &ir.Not{X: e})
					return
				}
			case *ir.Term:
				if len(e.Any) > 1 {
					values(e.X, e.Any, func(any []ir.Pattern) ir.Expr { return &ir.Term{X: e.X, Any: any, Cased: e.Cased} })
					never("false", &ir.Not{X: e})
					return
				}
			}
			never("true", leaf)
			never("false", &ir.Not{X: leaf})
		})
	}
	ir.WalkQuery(q, func(q ir.Query) {
		switch q := q.(type) {
		case *ir.Union:
			for _, in := range q.Inputs {
				add(placeOf(in), probe{in: in}, "no row comes from the branch that reads "+sayScan(ir.Scans(in)[0]))
			}
		case *ir.Filter:
			tests(q.Pred, q.Input)
		case *ir.Aggregate:
			for _, a := range q.Aggs {
				if a.Func == ir.CountIf {
					tests(a.X, q.Input)
				}
			}
		}
	})
	slices.SortStableFunc(out, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.Pos.Filename, b.Pos.Filename), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	return out
}

// leaves calls f for the tests of which a predicate is made.
func leaves(e ir.Expr, f func(ir.Expr)) {
	switch e := e.(type) {
	case *ir.Logic:
		for _, a := range e.Args {
			leaves(a, f)
		}
	case *ir.Not:
		leaves(e.X, f)
	default:
		f(e)
	}
}

// cover marks the points that a scenario exercises.
func (s scene) cover(list []Point) {
	rows := map[ir.Query][]eval.Row{}
	for i := range list {
		p := &list[i]
		if p.Covered {
			continue
		}
		in, ok := rows[p.probe.in]
		if !ok {
			in = s.run(p.probe.in)
			rows[p.probe.in] = in
		}
		if p.probe.pred == nil {
			p.Covered = len(in) > 0
			continue
		}
		r := s.runner
		r.Source = func(*ir.Scan) ([]eval.Row, error) { return in, nil }
		found, err := r.Run(&ir.Filter{Input: &ir.Scan{}, Pred: p.probe.pred})
		p.Covered = err == nil && len(found) > 0
	}
}
