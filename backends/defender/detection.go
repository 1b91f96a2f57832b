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

// AssetColumns are the columns that an alert can be about, the strongest first
// (learn.microsoft.com/defender-xdr/custom-detection-rules, and Graph's
// enumerations of identifiers of assets).
var AssetColumns = []string{
	deviceID, deviceName, "RemoteDeviceName", "TargetDeviceName", "DestinationDeviceName",
	"AccountObjectId", "AccountSid", "AccountUpn", "AccountName", "AccountId", "RecipientObjectId", "InitiatingProcessAccountUpn",
	"RequestAccountSid", "RequestAccountName", "TargetAccountUpn", "ServicePrincipalId", "ServicePrincipalName",
	"RecipientEmailAddress", "SenderFromAddress", "SenderMailFromAddress",
}

// Detection is the query that a detection runs: a time range that the service
// gives is not in it, and where a stage sums events up, each row has the
// Timestamp, ReportId and DeviceId of the last of them. AssetColumns that the
// hunt shows under another name stand beside it under their own, by which the
// service knows them. It is nil for a hunt that does not compile.
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
	case same && (d.Single || use == Analytic):
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
			if more := b.identify(q, identity); more != nil {
				q = more
			}
		}
	}
	if use == Scheduled && d.Single {
		q = b.withAsset(q)
	}
	q = underOwnNames(q)
	d.Columns, d.Known = backends.Columns(q)
	d.Query = kql.Print(b.Lower(q))
	return d
}

// withAsset keeps the first of the assets that the tables have in rows that are
// events and have none.
func (b *Backend) withAsset(q ir.Query) ir.Query {
	columns, known := backends.Columns(q)
	if !known || slices.ContainsFunc(columns, func(c string) bool { return slices.Contains(AssetColumns, c) }) {
		return q
	}
	for _, name := range AssetColumns {
		stored := !slices.ContainsFunc(ir.Scans(q), func(s *ir.Scan) bool { _, _, ok := b.column(s, name); return !ok })
		if !stored {
			continue
		}
		if more := b.identify(q, append(slices.Clone(identity), name)); more != nil {
			return more
		}
	}
	return q
}

// underOwnNames adds the columns of tables that the rows show under another name.
func underOwnNames(q ir.Query) ir.Query {
	columns, _ := backends.Columns(q)
	more := &ir.Extend{Span: q.At(), Input: q}
	for _, name := range columns {
		f := origin(q, name)
		if f == nil || !slices.Contains(AssetColumns, f.Name) || slices.Contains(columns, f.Name) || slices.ContainsFunc(more.Cols, func(c *ir.Col) bool { return c.As == f.Name }) {
			continue
		}
		more.Cols = append(more.Cols, &ir.Col{Span: q.At(), As: f.Name, X: &ir.Field{Span: q.At(), Name: name, T: f.T}})
	}
	if len(more.Cols) == 0 {
		return q
	}
	return more
}

// origin is the column of a table that a column of the rows has the values of,
// whatever it is called; nil if it is computed.
func origin(q ir.Query, name string) *ir.Field {
	of := func(cols []*ir.Col, in ir.Query) (f *ir.Field, found bool) {
		for _, c := range cols {
			if c.As == name {
				if x, ok := c.X.(*ir.Field); ok {
					return origin(in, x.Name), true
				}
				return nil, true
			}
		}
		return nil, false
	}
	switch q := q.(type) {
	case *ir.Scan:
		return &ir.Field{Name: name, T: ir.String}
	case *ir.Project:
		f, _ := of(q.Cols, q.Input)
		return f
	case *ir.Aggregate:
		f, _ := of(q.By, q.Input)
		return f
	case *ir.Extend:
		if f, found := of(q.Cols, q.Input); found {
			return f
		}
		return origin(q.Input, name)
	case *ir.Join:
		if columns, known := backends.Columns(q.Left); !known || slices.Contains(columns, name) {
			return origin(q.Left, name)
		}
		return nil // a partner's
	case *ir.Filter, *ir.Sort, *ir.Limit:
		return origin(ir.Inputs(q)[0], name)
	case *ir.Window:
		return unlessMade(q.Input, name, q.As)
	case *ir.Session:
		return unlessMade(q.Input, name, q.As)
	case *ir.Lag:
		return unlessMade(q.Input, name, q.As)
	case *ir.Rank:
		return unlessMade(q.Input, name, q.As)
	case *ir.Distinct:
		return origin(q.Input, name)
	case *ir.Union:
		var same *ir.Field
		for i, in := range q.Inputs {
			f := origin(in, name)
			if f == nil || i > 0 && f.Name != same.Name {
				return nil
			}
			same = f
		}
		return same
	}
	return nil
}

func unlessMade(in ir.Query, name, made string) *ir.Field {
	if name == made {
		return nil
	}
	return origin(in, name)
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

// identify adds the columns of these names, those by which a custom detection
// finds an event among them, to each stage that loses them. Rows that sum events up get those of the last event.
// It is nil where a column of the hunt's own has one of these names, or the
// tables have no such columns.
func (b *Backend) identify(q ir.Query, names []string) ir.Query {
	has := func(q ir.Query, name string) bool { _, _, ok := b.column(q, name); return ok }
	switch q := q.(type) {
	case *ir.Scan:
		if !has(q, timestamp) || !has(q, reportID) {
			return nil
		}
		return q
	case *ir.Filter, *ir.Window, *ir.Session, *ir.Lag, *ir.Rank, *ir.Sort, *ir.Limit:
		in := b.identify(ir.Inputs(q)[0], names)
		if in == nil {
			return nil
		}
		return ir.WithInputs(q, []ir.Query{in})
	case *ir.Extend:
		in := b.identify(q.Input, names)
		if in == nil || slices.ContainsFunc(q.Cols, func(c *ir.Col) bool { return slices.Contains(names, c.As) }) {
			return nil
		}
		return ir.WithInputs(q, []ir.Query{in})
	case *ir.Project:
		in := b.identify(q.Input, names)
		if in == nil {
			return nil
		}
		out := &ir.Project{Span: q.Span, Input: in, Cols: slices.Clone(q.Cols)}
		for _, name := range names {
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
			in = b.identify(in, names)
			if in == nil {
				return nil
			}
			out.Inputs = append(out.Inputs, in)
		}
		for _, name := range names {
			for _, in := range out.Inputs[1:] {
				first := out.Inputs[0]
				if has(first, name) != has(in, name) || has(in, name) && b.kustoTypeOf(first, b.stored(q.Span, first, name)) != b.kustoTypeOf(in, b.stored(q.Span, in, name)) {
					return nil // Kusto would make two columns of it
				}
			}
		}
		return out
	case *ir.Join:
		left := b.identify(q.Left, names)
		if left == nil || q.Repeat {
			return nil
		}
		return ir.WithInputs(q, []ir.Query{left, q.Right})
	case *ir.Distinct:
		in := b.identify(q.Input, names)
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
		return b.withLast(agg, names)
	case *ir.Aggregate:
		in := b.identify(q.Input, names)
		if in == nil {
			return nil
		}
		c := *q
		c.Input, c.Aggs = in, slices.Clone(q.Aggs)
		return b.withLast(&c, names)
	}
	return nil
}

func (b *Backend) stored(at diag.Span, in ir.Query, name string) *ir.Field {
	t, _, _ := b.column(in, name)
	return &ir.Field{Span: at, Name: name, T: t}
}

// withLast gives the rows of an aggregate the columns of the last event of
// each group. A key with one of the names is the value of all events.
func (b *Backend) withLast(q *ir.Aggregate, names []string) ir.Query {
	var keys []string
	for _, c := range q.By {
		if !slices.Contains(names, c.As) {
			continue
		}
		if f, ok := c.X.(*ir.Field); !ok || f.Name != c.As || c.As == timestamp {
			return nil
		}
		keys = append(keys, c.As)
	}
	if slices.ContainsFunc(q.Aggs, func(a *ir.Agg) bool { return slices.Contains(names, a.As) }) {
		return nil
	}
	at := b.stored(q.Span, q.Input, timestamp)
	for _, name := range names {
		if _, _, ok := b.column(q.Input, name); !ok || slices.Contains(keys, name) {
			continue
		}
		q.Aggs = append(q.Aggs, &ir.Agg{Span: q.Span, As: name, Func: ir.ArgMax, X: b.stored(q.Span, q.Input, name), Of: at, Native: extremeName(ir.ArgMax)})
	}
	return q
}
