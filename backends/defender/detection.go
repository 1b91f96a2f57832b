package defender

import (
	"slices"
	"strings"
	"time"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Use is what runs a detection.
type Use string

const (
	// Scheduled is a custom detection of Defender: the service looks back as
	// far as goes with the frequency, and wants to know the event of each row.
	Scheduled Use = "scheduled"
	// Analytic is an analytics rule of Sentinel, which says itself how far back
	// its query looks.
	Analytic Use = "analytic"
)

// Detection is a hunt's query as a service runs it that decides itself which
// events are looked at. Its rows are those of the query that Compile writes.
type Detection struct {
	Query   string
	Columns []string
	Known   bool // whether Columns are all
	Tables  []string
	// LookBack is how far back the query itself looks; 0 if it leaves that to
	// the service.
	LookBack time.Duration
	// Single says that each row is decided by one event, whatever is around it.
	Single bool
	// Stage is where the rows stop being events; the zero Span if they are.
	Stage diag.Span
	// Native text is the author's own.
	Native bool
}

// Detection is the query that a detection runs: a time range that the service
// gives is not in it, and where a stage sums events up, each row has the
// Timestamp, ReportId and DeviceId of the last of them. It is nil for a hunt
// that does not compile.
func (b *Backend) Detection(h *ir.Hunt, use Use) *Detection {
	for _, n := range h.Natives {
		if n.Target == b.Name() {
			return b.nativeDetection(h, n)
		}
	}
	q := b.planned(h)
	if q == nil {
		return nil
	}
	d := &Detection{Single: single(q), Tables: tableNames(q)}
	back, same := lookBacks(q)
	switch {
	case d.Single || use == Analytic && same:
		q = ir.MapQuery(q, func(q ir.Query) ir.Query {
			if s, ok := q.(*ir.Scan); ok && s.LookBack != 0 {
				c := *s
				c.LookBack = 0
				return &c
			}
			return q
		})
	default:
		d.LookBack = back
	}
	if !b.identified(q) {
		d.Stage = summing(q)
		if use == Scheduled {
			if more := b.identify(q); more != nil {
				q = more
			}
		}
	}
	d.Columns, d.Known = backends.Columns(q)
	d.Query = kql.Print(b.Lower(q))
	return d
}

func (b *Backend) nativeDetection(h *ir.Hunt, n *ir.Native) *Detection {
	d := &Detection{Native: true, Query: strings.TrimSpace(n.Text)}
	if q := b.planned(h); q != nil {
		d.Tables, d.Single = tableNames(q), single(q)
		d.LookBack, _ = lookBacks(q)
		rows := b.Rows(h)
		d.Columns, d.Known = rows.Columns, rows.Known
		if !d.Single {
			d.Stage = n.Span
		}
	}
	return d
}

// lookBacks is how far back the sources of a query look, and whether they all
// look back as far.
func lookBacks(q ir.Query) (back time.Duration, same bool) {
	scans := ir.Scans(q)
	for _, s := range scans {
		back = max(back, s.LookBack)
	}
	return back, !slices.ContainsFunc(scans, func(s *ir.Scan) bool { return s.LookBack != back })
}

func tableNames(q ir.Query) []string {
	var out []string
	for _, s := range ir.Scans(q) {
		if s.Physical != nil && !slices.Contains(out, s.Physical.Table) {
			out = append(out, s.Physical.Table)
		}
	}
	return out
}

// single reports whether a row of the query depends on one event only.
func single(q ir.Query) bool {
	switch q.(type) {
	case *ir.Scan:
		return true
	case *ir.Filter, *ir.Extend, *ir.Project, *ir.Union, *ir.Sort:
		return !slices.ContainsFunc(ir.Inputs(q), func(in ir.Query) bool { return !single(in) })
	}
	return false
}

// identified reports whether the rows have the columns by which a custom
// detection finds an event, as far as the tables have them.
func (b *Backend) identified(q ir.Query) bool {
	for _, name := range identity {
		stored := slices.ContainsFunc(ir.Scans(q), func(s *ir.Scan) bool { _, _, ok := b.column(s, name); return ok })
		if _, _, has := b.column(q, name); stored && !has {
			return false
		}
	}
	return true
}

// identity are the columns by which a custom detection finds an event.
var identity = []string{timestamp, reportID, deviceID}

// summing is the lowest stage above which the rows are no events any more.
func summing(q ir.Query) diag.Span {
	for {
		in := ir.Inputs(q)
		if len(in) == 0 || isEvents(in[0]) {
			return q.At()
		}
		q = in[0]
	}
}

// identify adds the columns by which a custom detection finds an event to each
// stage that loses them. Rows that sum events up get those of the last event.
// It is nil where a column of the hunt's own has one of these names, or the
// tables have no such columns.
func (b *Backend) identify(q ir.Query) ir.Query {
	has := func(q ir.Query, name string) bool { _, _, ok := b.column(q, name); return ok }
	switch q := q.(type) {
	case *ir.Scan:
		if !has(q, timestamp) || !has(q, reportID) {
			return nil
		}
		return q
	case *ir.Filter, *ir.Window, *ir.Session, *ir.Lag, *ir.Rank, *ir.Sort, *ir.Limit:
		in := b.identify(ir.Inputs(q)[0])
		if in == nil {
			return nil
		}
		return ir.WithInputs(q, []ir.Query{in})
	case *ir.Extend:
		in := b.identify(q.Input)
		if in == nil || slices.ContainsFunc(q.Cols, func(c *ir.Col) bool { return slices.Contains(identity, c.As) }) {
			return nil
		}
		return ir.WithInputs(q, []ir.Query{in})
	case *ir.Project:
		in := b.identify(q.Input)
		if in == nil {
			return nil
		}
		out := &ir.Project{Span: q.Span, Input: in, Cols: slices.Clone(q.Cols)}
		for _, name := range identity {
			i := slices.IndexFunc(q.Cols, func(c *ir.Col) bool { return c.As == name })
			switch {
			case i >= 0:
				if f, ok := q.Cols[i].X.(*ir.Field); !ok || f.Name != name {
					return nil
				}
			case has(in, name):
				out.Cols = append(out.Cols, &ir.Col{Span: q.Span, As: name, X: b.stored(q.Span, in, name)})
			}
		}
		return out
	case *ir.Union:
		out := &ir.Union{Span: q.Span, Source: q.Source}
		for _, in := range q.Inputs {
			in = b.identify(in)
			if in == nil {
				return nil
			}
			out.Inputs = append(out.Inputs, in)
		}
		return out
	case *ir.Join:
		left := b.identify(q.Left)
		if left == nil || q.Repeat {
			return nil
		}
		return ir.WithInputs(q, []ir.Query{left, q.Right})
	case *ir.Distinct:
		in := b.identify(q.Input)
		if in == nil {
			return nil
		}
		if q.Whole {
			return ir.WithInputs(q, []ir.Query{in})
		}
		agg := &ir.Aggregate{Span: q.Span, Input: in}
		for _, f := range q.By {
			agg.By = append(agg.By, &ir.Col{Span: f.Span, As: f.Name, X: f})
		}
		return b.withLast(agg)
	case *ir.Aggregate:
		in := b.identify(q.Input)
		if in == nil {
			return nil
		}
		c := *q
		c.Input, c.Aggs = in, slices.Clone(q.Aggs)
		return b.withLast(&c)
	}
	return nil
}

func (b *Backend) stored(at diag.Span, in ir.Query, name string) *ir.Field {
	t, _, _ := b.column(in, name)
	return &ir.Field{Span: at, Name: name, T: t}
}

// withLast gives the rows of an aggregate the columns of the last event of
// each group. A key with one of the names is the value of all events.
func (b *Backend) withLast(q *ir.Aggregate) ir.Query {
	var keys []string
	for _, c := range q.By {
		if !slices.Contains(identity, c.As) {
			continue
		}
		if f, ok := c.X.(*ir.Field); !ok || f.Name != c.As || c.As == timestamp {
			return nil
		}
		keys = append(keys, c.As)
	}
	if slices.ContainsFunc(q.Aggs, func(a *ir.Agg) bool { return slices.Contains(identity, a.As) }) {
		return nil
	}
	at := b.stored(q.Span, q.Input, timestamp)
	for _, name := range identity {
		if _, _, ok := b.column(q.Input, name); !ok || slices.Contains(keys, name) {
			continue
		}
		q.Aggs = append(q.Aggs, &ir.Agg{Span: q.Span, As: name, Func: ir.ArgMax, X: b.stored(q.Span, q.Input, name), Of: at, Native: extremeName(ir.ArgMax)})
	}
	return q
}
