package proof

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
)

// Because is one predicate that decides whether a row passes, or another step
// of a query at which rows are lost.
type Because struct {
	diag.Span        // in the document, or in the text of the target's query
	Text      string // what the predicate asks for, or what the step does
	Have      string // what the row has there
}

// Limits on what an explanation says: the first reasons are those that help.
const (
	maxBecause      = 6
	maxAlternatives = 4
)

// scene is what explains a result: a query, and the rows that it reads.
type scene struct {
	query  ir.Query
	runner eval.Runner
}

// run runs a part of the query.
func (s scene) run(q ir.Query) []eval.Row {
	rows, err := s.runner.Run(q)
	if err != nil {
		return nil
	}
	return rows
}

// holds evaluates a predicate on one row.
func (s scene) holds(e ir.Expr, row eval.Row) bool {
	r := s.runner
	r.Source = func(*ir.Scan) ([]eval.Row, error) { return []eval.Row{row}, nil }
	rows, err := r.Run(&ir.Filter{Input: &ir.Scan{}, Pred: e})
	return err == nil && len(rows) > 0
}

// whyNone says where the query loses its last row, looking upward from its
// sources; nil where it does not.
func (s scene) whyNone(q ir.Query) []Because {
	if len(s.run(q)) > 0 {
		return nil
	}
	in := ir.Inputs(q)
	var below []Because
	for _, i := range in {
		below = append(below, s.whyNone(i)...)
	}
	if len(below) > 0 {
		return first(below, maxBecause)
	}
	switch q := q.(type) {
	case *ir.Scan:
		text := "no event of the scenario belongs to " + sayScan(q)
		if q.Physical != nil {
			text = "no event of the scenario has a row in " + sayScan(q)
		}
		if old := s.outside(q); old > 0 {
			text = fmt.Sprintf("none of %s of %s lies in the last %s before %s", counted(old, "event"), sayScan(q), ir.SpanText(q.LookBack), s.runner.Now.UTC().Format(time.RFC3339Nano))
		}
		at := q.Span
		if q.Source.Pos.IsValid() {
			at = q.Source.Span
		}
		return []Because{{Span: at, Text: text}}
	case *ir.Filter:
		return first(s.nearest(q), maxBecause)
	case *ir.Join:
		return []Because{{Span: q.Span, Text: "no row has a partner with the same " + fieldNames(q.On)}}
	case *ir.Window:
		return []Because{{Span: q.Span, Text: fmt.Sprintf("no group by %s has more than %s with a %s", fieldNames(q.By), counted(max(1, q.Offset), "row"), q.Of.Name)}}
	}
	return []Because{{Span: q.At(), Text: "this step keeps none of its rows"}}
}

// outside counts the events that a Scan does not read for their time alone.
func (s scene) outside(q *ir.Scan) int {
	if q.LookBack == 0 || s.runner.Now.IsZero() {
		return 0
	}
	all := *q
	all.LookBack = 0
	return len(s.run(&all)) - len(s.run(q))
}

// lookBacks says of each source of a query how many events its look-back leaves
// out.
func (s scene) lookBacks() []Because {
	var out []Because
	ir.WalkQuery(s.query, func(q ir.Query) {
		scan, ok := q.(*ir.Scan)
		if !ok {
			return
		}
		old := s.outside(scan)
		if old == 0 || len(s.run(scan)) == 0 {
			return // the latter is what loses the last row
		}
		at := scan.Span
		if scan.Source.Pos.IsValid() {
			at = scan.Source.Span
		}
		verb := "do"
		if old == 1 {
			verb = "does"
		}
		b := Because{Span: at, Text: fmt.Sprintf("%s of %s %s not lie in the last %s before %s, and %s not read", counted(old, "event"), sayScan(scan), verb,
			ir.SpanText(scan.LookBack), s.runner.Now.UTC().Format(time.RFC3339Nano), map[bool]string{true: "is", false: "are"}[old == 1])}
		if !slices.Contains(out, b) {
			out = append(out, b)
		}
	})
	return out
}

func sayScan(q *ir.Scan) string {
	if q.Physical != nil {
		return q.Physical.Table
	}
	return "the logsource " + q.Source.String()
}

func fieldNames(fields []*ir.Field) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return strings.Join(names, ", ")
}

// nearest explains a filter that no row passes by the row that comes nearest.
func (s scene) nearest(q *ir.Filter) []Because {
	var best eval.Row
	most := -1
	parts := ir.Conjuncts(q.Pred)
	for _, row := range s.run(q.Input) {
		n := 0
		for _, c := range parts {
			if s.holds(c, row) {
				n++
			}
		}
		if n > most {
			most, best = n, row
		}
	}
	if most < 0 {
		return nil
	}
	return s.whyFalse(q.Pred, best)
}

// whyFalse names the predicates that make e false for the row: of an And the
// first one, of an Or that of each alternative.
func (s scene) whyFalse(e ir.Expr, row eval.Row) []Because {
	switch e := e.(type) {
	case *ir.Logic:
		var out []Because
		for _, a := range e.Args {
			if s.holds(a, row) {
				continue
			}
			out = append(out, s.whyFalse(a, row)...)
			if e.Op == ir.And {
				break
			}
			if len(out) > maxAlternatives {
				return out[:maxAlternatives]
			}
		}
		return out
	case *ir.Not:
		return s.whyTrue(e.X, row)
	}
	return []Because{{e.At(), shortened(Say(e)) + ": false", have(e, row)}}
}

// whyTrue names the predicates that make e true for the row: of an Or the
// first one that holds, of an And all, of a list the value.
func (s scene) whyTrue(e ir.Expr, row eval.Row) []Because {
	switch e := e.(type) {
	case *ir.Logic:
		var out []Because
		for _, a := range e.Args {
			if !s.holds(a, row) {
				continue
			}
			out = append(out, s.whyTrue(a, row)...)
			if e.Op == ir.Or {
				break
			}
		}
		return out
	case *ir.Not:
		return s.whyFalse(e.X, row)
	case *ir.Match:
		for _, p := range e.Any {
			one := &ir.Match{Span: e.Span, X: e.X, Any: []ir.Pattern{p}, Cased: e.Cased}
			if len(e.Any) > 1 && s.holds(one, row) {
				if p.Pos.IsValid() {
					one.Span = p.Span
				}
				return s.whyTrue(one, row)
			}
		}
	case *ir.Term:
		for _, p := range e.Any {
			one := &ir.Term{Span: e.Span, X: e.X, Any: []ir.Pattern{p}, Cased: e.Cased}
			if len(e.Any) > 1 && s.holds(one, row) {
				if p.Pos.IsValid() {
					one.Span = p.Span
				}
				return s.whyTrue(one, row)
			}
		}
	}
	return []Because{{e.At(), shortened(Say(e)) + ": true", have(e, row)}}
}

// whyRow explains why a row comes out: the filters that it has passed, the
// last one first, down to what makes new rows of several.
func (s scene) whyRow(q ir.Query, row eval.Row) []Because {
	var out []Because
	for {
		switch x := q.(type) {
		case *ir.Filter:
			// The row may lack what later stages took away: what they have put in
			// its place is looked for among the rows that pass here.
			if r, ok := same(s.run(x), row); ok {
				out = append(out, s.whyTrue(x.Pred, r)...)
			}
		case *ir.Union:
			for _, in := range x.Inputs {
				if _, ok := same(s.run(in), row); ok {
					return first(append(out, s.whyRow(in, row)...), maxBecause)
				}
			}
			return first(out, maxBecause)
		case *ir.Aggregate, *ir.Join, *ir.Distinct:
			return first(out, maxBecause)
		}
		in := ir.Inputs(q)
		if len(in) == 0 {
			return first(out, maxBecause)
		}
		q = in[0]
	}
}

// same finds the row that comes of the same events.
func same(rows []eval.Row, row eval.Row) (eval.Row, bool) {
	for _, r := range rows {
		if slices.Equal(r.Events(), row.Events()) {
			return r, true
		}
	}
	return eval.Row{}, false
}

// first are the first n of a list.
func first[T any](list []T, n int) []T { return list[:min(len(list), n)] }

// have says what a row has in the columns that an expression looks at.
func have(e ir.Expr, row eval.Row) string {
	if _, ok := e.(*ir.Keyword); ok {
		return ""
	}
	fields := ir.Fields(e)
	switch e := e.(type) {
	case *ir.Exists:
		fields = []*ir.Field{e.X}
	case *ir.FieldMatch:
		fields = []*ir.Field{e.X, e.Y}
	}
	parts := make([]string, len(fields))
	for i, f := range fields {
		if v := row.Get(f.Name); v != nil {
			parts[i] = f.Name + " is " + sayCell(v)
		} else {
			parts[i] = "there is no " + f.Name
		}
	}
	return strings.Join(parts, ", ")
}

// sayCell is a value of a row.
func sayCell(v any) string {
	switch v := v.(type) {
	case string:
		return quote(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case time.Duration:
		return v.String()
	case []any:
		parts := make([]string, min(len(v), shownValues))
		for i := range parts {
			parts[i] = sayCell(v[i])
		}
		s := "[" + strings.Join(parts, ", ")
		if len(v) > len(parts) {
			s += fmt.Sprintf(" and %d more", len(v)-len(parts))
		}
		return s + "]"
	}
	return fmt.Sprint(v)
}

// maxFields is how many fields of an event are shown.
const maxFields = 12

// sayRow shows a row on one line: first the columns that the query looks at,
// then the others.
func sayRow(row eval.Row, q ir.Query) string {
	var front []string
	if q != nil {
		ir.WalkQuery(q, func(q ir.Query) {
			f, ok := q.(*ir.Filter)
			if !ok {
				return
			}
			for _, name := range ir.Fields(f.Pred) {
				if !slices.Contains(front, name.Name) {
					front = append(front, name.Name)
				}
			}
		})
	}
	names := slices.Clone(row.Columns())
	place := func(n string) int {
		if i := slices.Index(front, n); i >= 0 {
			return i
		}
		return len(front)
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(place(a), place(b)) })
	var parts []string
	left := 0
	for _, n := range names {
		v := row.Get(n)
		switch {
		case v == nil || strings.HasPrefix(n, "\x00") || strings.HasPrefix(n, "\x01"):
		case len(parts) == maxFields:
			left++
		default:
			parts = append(parts, n+"="+sayCell(v))
		}
	}
	if left > 0 {
		parts = append(parts, fmt.Sprintf("and %s more", counted(left, "field")))
	}
	return strings.Join(parts, " ")
}

// counted is a number of things in English.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
