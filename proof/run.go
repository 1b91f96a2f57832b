package proof

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// Result is a row that a program gives.
type Result struct {
	Row eval.Row
	// Events are the numbers of the events that the row stands for, ascending.
	Events []int
}

// Options say how events are run.
type Options struct {
	// Now is the present time of the run. If it is zero, it is the latest time
	// among the events.
	Now time.Time
	// AnyLogsource lets a hunt see every event, whatever its logsource is: for IR
	// only.
	AnyLogsource bool
}

// Run runs the program over events. The results are sorted by events and text.
// Any error is a *NotRunnable.
func (p *Program) Run(events []eval.Event, o Options) ([]Result, error) {
	if p.Err != nil {
		return nil, p.Err
	}
	if o.Now.IsZero() {
		o.Now = Latest(events)
	}
	var out []Result
	run, done := p.over(events, o)
	defer done()
	for _, q := range p.Queries {
		rows, err := run.Run(q)
		if err != nil {
			return nil, notRunnable(err)
		}
		for _, row := range rows {
			out = append(out, Result{p.result(row), row.Events()})
		}
	}
	SortResults(out)
	return out, nil
}

// over has the semantics of the program's engine, and the events as its rows,
// until done is called. It is for one goroutine.
func (p *Program) over(events []eval.Event, o Options) (run eval.Runner, done func()) {
	run = p.runner(o.Now)
	if p.Engine == IR {
		run.Source = func(s *ir.Scan) ([]eval.Row, error) {
			var rows []eval.Row
			for _, e := range events {
				if o.AnyLogsource || e.Class.Sees(s.Source) {
					rows = append(rows, e.As(s.Source))
				}
			}
			return rows, nil
		}
		return run, func() {}
	}
	rows := p.Hunt.lab.rows()
	run.Source = func(s *ir.Scan) ([]eval.Row, error) {
		var out []eval.Row
		for _, e := range events {
			if row, ok := rows.of(e, s.Physical, p.datasets[tableKey(s.Physical)]); ok {
				out = append(out, p.stored(row))
			}
		}
		return out, nil
	}
	return run, func() { p.Hunt.lab.done(rows) }
}

func notRunnable(err error) *NotRunnable {
	var e *eval.NotEvaluable
	if errors.As(err, &e) {
		return &NotRunnable{Why: e.Why}
	}
	return &NotRunnable{Why: err.Error()}
}

// runner has the semantics of the program's engine.
func (p *Program) runner(now time.Time) eval.Runner {
	run := eval.Runner{Now: now}
	switch p.Engine {
	case Splunk:
		run.Seconds = true
	case Defender:
		run.Seconds = true
		run.Empty = eval.MissingIsEmpty
	}
	if p.Engine != IR {
		run.Foreign = func(as string, f *ir.Foreign, row eval.Row) (any, error) {
			if f.Text != "" || !p.computed[as] {
				return nil, fmt.Errorf("what the query computes as %s is in the target's own language: %s", as, f.Text)
			}
			return row.Get(eval.Derived(as)), nil
		}
	}
	return run
}

// stored is a row as the engine's semantics want it: Splunk keeps the time of an
// event as seconds, and Kusto's empty texts are the missing ones.
func (p *Program) stored(row eval.Row) eval.Row {
	switch p.Engine {
	case Splunk:
		return row.With("_time", seconds(row.Get("_time")))
	case Defender:
		return inSeconds(row).WithoutBlanks()
	}
	return row
}

func seconds(v any) any {
	t, ok := v.(time.Time)
	switch {
	case !ok:
		return v
	case t.Nanosecond() == 0:
		return t.Unix()
	}
	return float64(t.UnixMicro()) / 1e6
}

// Latest is the latest time among events; zero if none has a time.
func Latest(events []eval.Event) time.Time {
	var latest time.Time
	for _, e := range events {
		if t, ok := e.Time(); ok && t.After(latest) {
			latest = t
		}
	}
	return latest
}

// SortResults sorts by events, then by the row's text.
func SortResults(all []Result) {
	slices.SortStableFunc(all, func(a, b Result) int {
		if c := slices.Compare(a.Events, b.Events); c != 0 {
			return c
		}
		return cmp.Compare(a.Row.String(), b.Row.String())
	})
}

// rowSource writes events as the rows of tables.
type rowSource struct {
	lab        *Lab
	projectors map[string]*eval.Projector // by view and dataset
	datasets   map[string][]*schema.Dataset
}

// rows gives a source of rows to one goroutine, until done takes it back.
func (l *Lab) rows() *rowSource {
	if r, ok := l.sources.Get().(*rowSource); ok {
		return r
	}
	return &rowSource{lab: l, projectors: map[string]*eval.Projector{}, datasets: map[string][]*schema.Dataset{}}
}

func (l *Lab) done(r *rowSource) { l.sources.Put(r) }

// of is the row that a table holds of an event, if it holds one: as the first
// dataset that the hunt means by the table and that the event is one of, else as
// the dataset of the table that is nearest to the event. Where a target may write a
// value in several ways, the row is written in the first.
func (r *rowSource) of(e eval.Event, table *ir.Physical, means []*schema.Dataset) (eval.Row, bool) {
	view := schema.View(table.View)
	for _, ds := range means {
		if e.In(ds) {
			return r.project(e, view, ds)
		}
	}
	if len(means) > 0 && !e.Class.Known() {
		return eval.Row{}, false
	}
	key := tableKey(table)
	all, ok := r.datasets[key]
	if !ok {
		all = r.lab.datasetsOf(table)
		r.datasets[key] = all
	}
	var best *schema.Dataset
	most := -1
	for _, ds := range all {
		if !e.In(ds) {
			continue
		}
		n := 0
		for _, field := range e.AsOf(ds).Columns() {
			if ds.Mapping(view).Columns[field] != nil {
				n++
			}
		}
		if ds.When != nil {
			n += 1000 // it was made for events like this
		}
		if n > most {
			best, most = ds, n
		}
	}
	if best == nil {
		return eval.Row{}, false
	}
	return r.project(e, view, best)
}

func (r *rowSource) project(e eval.Event, view schema.View, ds *schema.Dataset) (eval.Row, bool) {
	key := string(view) + " " + ds.Name
	p := r.projectors[key]
	if p == nil {
		p = eval.NewProjector(r.lab.schema, ds, view)
		r.projectors[key] = p
	}
	rows := p.Rows(e.AsOf(ds))
	if len(rows) == 0 {
		return eval.Row{}, false
	}
	return rows[0], true
}
