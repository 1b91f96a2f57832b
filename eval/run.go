package eval

import (
	"fmt"
	"slices"
	"time"

	"github.com/huntc/huntc/ir"
)

// Source gives the rows of a Scan: the events of its logsource for a logical
// query, the rows of its table for a physical one.
type Source func(*ir.Scan) ([]Row, error)

// Runner runs queries.
type Runner struct {
	Source Source
	// Now is the instant of the run: what the function now gives, and the end
	// of the time that LookBack counts back from; a row without a time is within
	// every LookBack. If it is zero, a Scan reads
	// all rows of its source whatever their time, and a query that asks for
	// the present time is refused.
	Now time.Time
	// Seconds says that the rows hold instants as seconds since 1970 and lengths
	// of time as numbers of seconds, as Splunk does: then so does the query.
	Seconds bool
	// Empty says what the empty text is.
	Empty Empty
	// Foreign evaluates text in a target's own language; nil refuses it.
	Foreign ForeignFunc
}

// Empty is what the empty text is in a run.
type Empty uint8

const (
	// EmptyIsText: a value like any other; a missing one is something else.
	EmptyIsText Empty = iota
	// EmptyIsMissing: a value that is the empty text is missing. The rows of the
	// source have to keep to it.
	EmptyIsMissing
	// MissingIsEmpty: besides, what looks at a missing text finds it empty, as
	// in Kusto.
	MissingIsEmpty
)

// Run runs a query over all rows of the source, whatever their time. It
// refuses a query that asks for the present time.
func Run(q ir.Query, source Source) ([]Row, error) {
	return Runner{Source: source}.Run(q)
}

// Run returns the rows of the query's result. Their order means something
// only above a Sort; it is the same on every run for the same source.
func (r Runner) Run(q ir.Query) ([]Row, error) {
	switch q := q.(type) {
	case *ir.Scan:
		return r.scan(q)
	case *ir.Table:
		return table(q), nil
	case *ir.Union:
		if q.Source != "" {
			return nil, &NotEvaluable{q.Span, "what a target calls the inputs of a union is not known here"}
		}
		var out []Row
		for _, in := range q.Inputs {
			rows, err := r.Run(in)
			if err != nil {
				return nil, err
			}
			out = append(out, rows...)
		}
		return out, nil
	case *ir.Join:
		switch q.Kind {
		case ir.Inner, ir.LeftOuter, ir.Anti, ir.Semi:
		default:
			return nil, &NotEvaluable{q.Span, "a join of kind " + string(q.Kind) + " cannot be run here"}
		}
		if q.Repeat {
			return nil, &NotEvaluable{q.Span, "a join that keeps columns of one name apart cannot be run here"}
		}
		left, err := r.Run(q.Left)
		if err != nil {
			return nil, err
		}
		right, err := r.Run(q.Right)
		if err != nil {
			return nil, err
		}
		return join(q, left, right), nil
	}
	below := ir.Inputs(q)[0]
	if a, ok := q.(*ir.Aggregate); ok {
		if s, ok := below.(*ir.Stretches); ok {
			in, err := r.Run(s.Input)
			if err != nil {
				return nil, err
			}
			if found, ok, err := stretchGroups(a, in); ok {
				if err != nil {
					return nil, err
				}
				return r.aggregate(a, nil, found)
			}
		}
	}
	in, err := r.Run(below)
	if err != nil {
		return nil, err
	}
	switch q := q.(type) {
	case *ir.Filter:
		pred, err := r.environment().pred(q.Pred)
		if err != nil {
			return nil, err
		}
		var out []Row
		for _, row := range in {
			if pred(row) {
				out = append(out, row)
			}
		}
		return out, nil
	case *ir.Extend:
		f, err := r.extender(q)
		return mapRows(in, f, err)
	case *ir.Project:
		f, err := r.projector(q)
		return mapRows(in, f, err)
	case *ir.Aggregate:
		return r.aggregate(q, in, nil)
	case *ir.Window:
		return window(q, in), nil
	case *ir.Session:
		return sessions(q, in), nil
	case *ir.Stretches:
		return spread(q, in)
	case *ir.Lag:
		return lag(q, in), nil
	case *ir.Rank:
		return ranked(q, in), nil
	case *ir.Distinct:
		return distinct(q, in), nil
	case *ir.Sort:
		out := slices.Clone(in)
		sortRows(out, q.Keys)
		return out, nil
	case *ir.Limit:
		return in[:min(len(in), max(q.N, 0))], nil
	}
	panic(fmt.Sprintf("eval: unhandled query %T", q))
}

func (r Runner) environment() environment {
	return environment{now: r.Now, seconds: r.Seconds, empty: r.Empty}
}

// table is the rows that come with a hunt; an empty cell is a missing value.
func table(q *ir.Table) []Row {
	rows := make([][]any, len(q.Rows))
	for i, cells := range q.Rows {
		rows[i] = make([]any, len(cells))
		for j, s := range cells {
			if s != "" {
				rows[i][j] = s
			}
		}
	}
	return NewTable(q.Cols, rows...)
}

// sortRows orders rows by keys; ties keep their order.
func sortRows(rows []Row, keys []*ir.SortKey) {
	slices.SortStableFunc(rows, func(a, b Row) int {
		for _, k := range keys {
			c := compareTotal(a.Get(k.X.Name), b.Get(k.X.Name))
			if k.Desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
}

func (r Runner) scan(q *ir.Scan) ([]Row, error) {
	rows, err := r.Source(q)
	if err != nil || q.LookBack == 0 || r.Now.IsZero() {
		return rows, err
	}
	var out []Row
	for _, row := range rows {
		if within(row, q.LookBack, r.Now) {
			out = append(out, row)
		}
	}
	return out, nil
}

// timestamp is the time of an event: its Timestamp, or _time in rows of
// Splunk, as an instant or as seconds since the epoch.
func timestamp(r Row) (time.Time, bool) {
	v := r.Get(ir.Timestamp)
	if v == nil {
		v = r.Get("_time")
	}
	return toInstant(v)
}

// column is a compiled Col.
type column struct {
	as    string
	value func(Row) (any, error)
}

func (r Runner) columns(cols []*ir.Col) ([]column, error) {
	out := make([]column, len(cols))
	for i, c := range cols {
		out[i].as = c.As
		if f, ok := c.X.(*ir.Foreign); ok && r.Foreign != nil {
			out[i].value = func(row Row) (any, error) {
				v, err := r.Foreign(c.As, f, row)
				return normal(v), err
			}
			continue
		}
		v, err := r.environment().value(c.X)
		if err != nil {
			return nil, err
		}
		out[i].value = func(row Row) (any, error) { return v(row), nil }
	}
	return out, nil
}

// projector makes the rows of a Project.
func (r Runner) projector(q *ir.Project) (func(Row) (Row, error), error) {
	cols, err := r.columns(q.Cols)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.as
	}
	s := newShape(names)
	return func(row Row) (Row, error) {
		vals := make([]any, len(cols))
		for j, c := range cols {
			var err error
			if vals[j], err = c.value(row); err != nil {
				return Row{}, err
			}
		}
		return Row{shape: s, vals: vals, events: row.events}, nil
	}, nil
}

// extender makes the rows of an Extend. The function is for one goroutine.
func (r Runner) extender(q *ir.Extend) (func(Row) (Row, error), error) {
	cols, err := r.columns(q.Cols)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.as
	}
	widen := widener(names)
	return func(row Row) (Row, error) {
		wide := widen(row)
		for _, c := range cols {
			v, err := c.value(row)
			if err != nil {
				return Row{}, err
			}
			wide.vals[wide.shape.index[c.as]] = v
		}
		return wide, nil
	}, nil
}

// mapRows makes a row of each.
func mapRows(in []Row, f func(Row) (Row, error), err error) ([]Row, error) {
	if err != nil {
		return nil, err
	}
	out := make([]Row, len(in))
	for i, row := range in {
		if out[i], err = f(row); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// widener returns a function that copies a row with more columns; a column
// that the row has already keeps its place. Rows of one shape share the new
// shape.
func widener(names []string) func(Row) Row {
	known := map[*shape]*shape{}
	return func(r Row) Row {
		s := known[r.shape]
		if s == nil {
			all := slices.Clone(r.Columns())
			for _, n := range names {
				if !slices.Contains(all, n) {
					all = append(all, n)
				}
			}
			s = newShape(all)
			known[r.shape] = s
		}
		vals := make([]any, len(s.names))
		copy(vals, r.vals)
		return Row{shape: s, vals: vals, events: r.events}
	}
}

// group is the rows that have the same key, in their order.
type group struct {
	rows []Row
	head Row // that has the key where the rows do not; one without columns elsewhere
}

// key is a row that has the key of the group.
func (g *group) key() Row {
	if g.head.shape != nil {
		return g.head
	}
	return g.rows[0]
}

// groups splits rows by key, in the order in which the keys first occur.
func groups(in []Row, key func([]byte, Row) []byte) []*group {
	var out []*group
	byKey := map[string]*group{}
	var buf []byte
	for _, row := range in {
		buf = key(buf[:0], row)
		g := byKey[string(buf)]
		if g == nil {
			g = &group{}
			byKey[string(buf)] = g
			out = append(out, g)
		}
		g.rows = append(g.rows, row)
	}
	return out
}

func fieldsKey(by []*ir.Field) func([]byte, Row) []byte {
	return func(b []byte, r Row) []byte {
		for _, f := range by {
			b = appendKey(b, r.Get(f.Name))
		}
		return b
	}
}

func distinct(q *ir.Distinct, in []Row) []Row {
	names := make([]string, len(q.By))
	for i, f := range q.By {
		names[i] = f.Name
	}
	s := newShape(names)
	var out []Row
	for _, g := range groups(in, fieldsKey(q.By)) {
		row := g.rows[0]
		if !q.Whole {
			vals := make([]any, len(names))
			for i, name := range names {
				vals[i] = row.Get(name)
			}
			row = Row{shape: s, vals: vals}
		}
		row.events = together(g.rows...)
		out = append(out, row)
	}
	return out
}

// ordered are the groups of the rows that have a place in the order of a
// field, each in that order; a row without the field has no place.
func ordered(in []Row, by []*ir.Field, of string) []*group {
	var placed []Row
	for _, row := range in {
		if row.Get(of) != nil {
			placed = append(placed, row)
		}
	}
	all := groups(placed, fieldsKey(by))
	for _, g := range all {
		slices.SortStableFunc(g.rows, func(a, b Row) int { return compareTotal(a.Get(of), b.Get(of)) })
	}
	return all
}

func window(q *ir.Window, in []Row) []Row {
	widen := widener([]string{q.As})
	offset := max(1, q.Offset)
	var out []Row
	for _, g := range ordered(in, q.By, q.Of.Name) {
		for i := offset; i < len(g.rows); i++ {
			row := widen(g.rows[i])
			row.vals[row.shape.index[q.As]] = since(g.rows[i].Get(q.Of.Name), g.rows[i-offset].Get(q.Of.Name))
			row.events = together(g.rows[i-offset], g.rows[i])
			out = append(out, row)
		}
	}
	return out
}

func sessions(q *ir.Session, in []Row) []Row {
	widen := widener([]string{q.As})
	var out []Row
	for _, g := range ordered(in, q.By, q.Of.Name) {
		var start any
		for i, r := range g.rows {
			at := r.Get(q.Of.Name)
			if i == 0 || longer(since(at, g.rows[i-1].Get(q.Of.Name)), q.Gap) {
				start = at
			}
			row := widen(r)
			row.vals[row.shape.index[q.As]] = start
			out = append(out, row)
		}
	}
	return out
}

// lag is the value of the row before, within each group.
func lag(q *ir.Lag, in []Row) []Row {
	widen := widener([]string{q.As})
	var out []Row
	for _, g := range ordered(in, q.By, q.Of.Name) {
		for i, r := range g.rows {
			row := widen(r)
			if i > 0 {
				row.vals[row.shape.index[q.As]] = g.rows[i-1].Get(q.X.Name)
				row.events = together(g.rows[i-1], r)
			}
			out = append(out, row)
		}
	}
	return out
}

// ranked numbers the rows of each group in the order of the keys.
func ranked(q *ir.Rank, in []Row) []Row {
	widen := widener([]string{q.As})
	var out []Row
	for _, g := range groups(in, fieldsKey(q.By)) {
		sortRows(g.rows, q.Keys)
		for i, r := range g.rows {
			row := widen(r)
			row.vals[row.shape.index[q.As]] = int64(i + 1)
			out = append(out, row)
		}
	}
	return out
}

// since is the time from one instant to another.
func since(later, earlier any) any {
	if !single(later) || !single(earlier) {
		return nil
	}
	return arithmetic(ir.Sub, later, earlier)
}

// longer compares a length of time, or a number of seconds as in rows of
// Splunk, with another.
func longer(d any, than time.Duration) bool {
	if _, ok := toNumber(d); ok {
		return compareValues(ir.Gt, d, inSeconds(than), true)
	}
	return compareValues(ir.Gt, d, than, true)
}

// join pairs rows. A column of the right side that the left side has too is
// the left side's.
func join(q *ir.Join, left, right []Row) []Row {
	key := func(b []byte, r Row, on []*ir.Field) ([]byte, bool) {
		for _, f := range on {
			v := r.Get(f.Name)
			if v == nil {
				return b, false
			}
			b = appendKey(b, v)
		}
		return b, true
	}
	rightOn := q.RightOn
	if rightOn == nil {
		rightOn = q.On
	}
	partners := map[string][]Row{}
	for _, row := range right {
		if k, ok := key(nil, row, rightOn); ok {
			partners[string(k)] = append(partners[string(k)], row)
		}
	}
	type pair struct{ l, r *shape }
	shapes := map[pair]*shape{}
	var out []Row
	for _, l := range left {
		var found []Row
		if k, ok := key(nil, l, q.On); ok {
			found = partners[string(k)]
		}
		switch {
		case q.Kind == ir.Anti:
			if len(found) == 0 {
				out = append(out, l)
			}
			continue
		case q.Kind == ir.Semi:
			if len(found) > 0 {
				l.events = together(append([]Row{l}, found...)...)
				out = append(out, l)
			}
			continue
		case q.Kind == ir.LeftOuter && len(found) == 0:
			out = append(out, l)
			continue
		}
		for _, r := range found {
			s := shapes[pair{l.shape, r.shape}]
			if s == nil {
				names := slices.Clone(l.Columns())
				for _, n := range r.Columns() {
					if !slices.Contains(names, n) {
						names = append(names, n)
					}
				}
				s = newShape(names)
				shapes[pair{l.shape, r.shape}] = s
			}
			vals := make([]any, len(s.names))
			n := copy(vals, l.vals)
			for i := n; i < len(vals); i++ {
				vals[i] = r.Get(s.names[i])
			}
			out = append(out, Row{shape: s, vals: vals, events: together(l, r)})
		}
	}
	return out
}
