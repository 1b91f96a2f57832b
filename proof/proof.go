package proof

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// Engine is a way to run a hunt.
type Engine string

const (
	IR       Engine = "ir"       // the hunt as its document means it, on the events as they are
	Splunk   Engine = "splunk"   // the search, on the rows of Splunk's data models
	Defender Engine = "defender" // the query, on the rows of Defender's tables
)

// Engines lists all engines, in the order in which they are shown.
func Engines() []Engine { return []Engine{IR, Splunk, Defender} }

// language is what a target's text is written in.
func (e Engine) language() string {
	switch e {
	case Splunk:
		return "spl"
	case Defender:
		return "kql"
	}
	return ""
}

// Lab makes programs, and the rows that they run on. It is safe for concurrent
// use.
type Lab struct {
	schema     *schema.Schema
	lifter     *compiler.Lifter
	config     *compiler.Config
	classifier func() *eval.Classifier
	sources    sync.Pool // of *rowSource
}

// New makes a lab with a project's settings; nil for none.
func New(c *compiler.Config) (*Lab, error) {
	if c == nil {
		c = &compiler.Config{}
	}
	s, err := schema.New(c.Datasets)
	if err != nil {
		return nil, fmt.Errorf("%s: datasets: %w", c.Path, err)
	}
	if c.CIM != "" {
		s = s.WithCIM(c.CIM)
	}
	l, err := compiler.NewLifter(c)
	if err != nil {
		return nil, err
	}
	return &Lab{schema: s, lifter: l, config: c, classifier: sync.OnceValue(func() *eval.Classifier { return eval.NewClassifier(s) })}, nil
}

// Classifier tells what events are: events are read with it.
func (l *Lab) Classifier() *eval.Classifier { return l.classifier() }

// Hunt is a compiled hunt with its programs.
type Hunt struct {
	*compiler.Hunt
	// Ident is what the hunt is called in results: its id, else its name, else
	// its path.
	Ident string

	lab      *Lab
	programs map[Engine]func() *Program
}

// Build compiles documents, and gives each hunt its programs. The settings are
// those of the lab.
func (l *Lab) Build(opts compiler.Options) ([]*Hunt, *compiler.Result, error) {
	opts.Config, opts.Logical = l.config, true
	res, err := compiler.Run(opts)
	if err != nil {
		return nil, nil, err
	}
	hunts := make([]*Hunt, len(res.Hunts))
	for i, c := range res.Hunts {
		h := &Hunt{Hunt: c, Ident: cmp.Or(c.ID, c.Name, c.Path), lab: l, programs: map[Engine]func() *Program{}}
		for _, e := range Engines() {
			h.programs[e] = sync.OnceValue(func() *Program { return h.make(e) })
		}
		hunts[i] = h
	}
	return hunts, res, nil
}

// Output is what became of the hunt on an engine's target; nil for IR, and for a
// target that was not built.
func (h *Hunt) Output(e Engine) *compiler.Output {
	i := slices.IndexFunc(h.Outputs, func(o compiler.Output) bool { return o.Target == string(e) })
	if i < 0 {
		return nil
	}
	return &h.Outputs[i]
}

// Program is the hunt's program for an engine. It is made when it is first asked
// for, and never nil.
func (h *Hunt) Program(e Engine) *Program { return h.programs[e]() }

// NotRunnable says why an engine has no program for a hunt, or cannot run it.
type NotRunnable struct {
	Why string
	// Unsupported: the target has no query for the hunt, which its output explains;
	// else there is one, and something in it cannot be run here.
	Unsupported bool
}

func (e *NotRunnable) Error() string { return e.Why }

// Program is a hunt for an engine. It is safe for concurrent use.
type Program struct {
	Engine Engine
	Hunt   *Hunt
	// Err, if not nil, is why there is nothing to run.
	Err *NotRunnable
	// Queries are what is run: logical for IR, else physical, as the target's text
	// reads. What any of them gives is a result.
	Queries []ir.Query

	// datasets are those that the hunt itself means by the tables that it reads,
	// by view and table.
	datasets map[string][]*schema.Dataset
	// computed are the columns that the target computes by expressions of its own.
	computed map[string]bool
	// written are those of them whose expressions can be run, since the rows have
	// what they read.
	written map[string]bool
	// instants are the columns of results that are numbers of seconds until then.
	instants map[string]bool
}

func (h *Hunt) make(e Engine) *Program {
	p := &Program{Engine: e, Hunt: h}
	no := func(unsupported bool, format string, args ...any) *Program {
		p.Err = &NotRunnable{fmt.Sprintf(format, args...), unsupported}
		return p
	}
	if e == IR {
		switch {
		case h.Logical == nil:
			return no(true, "the document has an error")
		case h.Logical.Query == nil:
			return no(true, "the document has only text in the languages of targets")
		}
		q := h.Logical.Query
		if h.Logical.Meaning != nil {
			q = h.Logical.Meaning
		}
		p.Queries = []ir.Query{withLookBack(q, h.Logical.LookBack)}
		return p
	}
	o := h.Output(e)
	if o == nil || o.Query == "" {
		why := "it was not compiled for " + string(e)
		if o != nil {
			for _, d := range slices.Backward(o.Diagnostics) {
				if d.Severity == diag.Error || o.Status == compiler.Unsupported && len(o.Diagnostics) == 1 {
					why = d.Message
				}
			}
		}
		return no(true, "%s", why)
	}
	lifting, err := h.lab.lifter.Lift(e.language(), h.Path, o.Query)
	if err != nil {
		return no(false, "%v", err)
	}
	queries := lifting.Queries
	if o.Form != backends.NativeTxt && (lifting.Status != compiler.LiftOK || slices.ContainsFunc(queries, hasForeign)) {
		// Read as the inverse of writing it: what a column of the schema is computed
		// by is only known to that.
		if q, ok := h.lab.lifter.LiftOwn(e.language(), h.Path, o.Query); ok {
			queries, lifting.Status = []ir.Query{q}, compiler.LiftOK
		}
	}
	if lifting.Status != compiler.LiftOK {
		return no(false, "the query is not understood in full: %s", firstError(lifting.Diagnostics))
	}
	var logical ir.Query
	if h.Logical != nil {
		logical = h.Logical.Query
	}
	p.datasets, p.computed, p.written = map[string][]*schema.Dataset{}, map[string]bool{}, map[string]bool{}
	if logical != nil && o.Form != backends.NativeTxt {
		view := schema.XDR
		switch {
		case e == Splunk && o.Form == backends.RawEvents:
			view = schema.Raw
		case e == Splunk:
			view = schema.CIM
		}
		if res := h.lab.schema.Resolve(h.Logical, view); res.Query != nil {
			for _, s := range ir.Scans(res.Query) {
				key := tableKey(s.Physical)
				if ds := h.lab.schema.Dataset(s.Physical.Dataset); ds != nil && !slices.Contains(p.datasets[key], ds) {
					p.datasets[key] = append(p.datasets[key], ds)
				}
			}
		}
	}
	for _, q := range queries {
		q = withTables(q, logical, h.lab.config)
		for _, s := range ir.Scans(q) {
			if s.Physical == nil {
				return no(false, "what the query reads is not a table that is known here")
			}
			for _, ds := range h.lab.datasetsOf(s.Physical) {
				for field, c := range ds.Mapping(schema.View(s.Physical.View)).Columns {
					switch {
					case c.Kind == "computed":
						p.computed[c.Name] = true
						p.written[c.Name] = eval.Written(c)
					case c.Kind == "registry" && c.Name == "":
						p.computed[field] = true
					}
				}
			}
		}
		p.Queries = append(p.Queries, p.withComputed(q, nil))
	}
	if e == Defender {
		p.instants = map[string]bool{}
		for _, q := range p.Queries {
			for name, is := range instantColumns(h.lab.schema, q) {
				p.instants[name] = p.instants[name] || is
			}
		}
	}
	return p
}

// hasForeign reports whether a query computes something in a target's own
// language.
func hasForeign(q ir.Query) bool {
	found := false
	look := func(e ir.Expr) { found = found || foreign(e) }
	ir.WalkQuery(q, func(q ir.Query) {
		switch q := q.(type) {
		case *ir.Filter:
			look(q.Pred)
		case *ir.Extend:
			for _, c := range q.Cols {
				look(c.X)
			}
		case *ir.Project:
			for _, c := range q.Cols {
				look(c.X)
			}
		case *ir.Aggregate:
			for _, c := range q.By {
				look(c.X)
			}
			for _, a := range q.Aggs {
				if a.X != nil {
					look(a.X)
				}
			}
		}
	})
	return found
}

func foreign(e ir.Expr) bool {
	found := false
	ir.WalkExpr(e, func(e ir.Expr) bool {
		_, is := e.(*ir.Foreign)
		found = found || is
		return true
	})
	return found
}

func firstError(l diag.List) string {
	for _, d := range l {
		if d.Severity == diag.Error {
			return d.Message
		}
	}
	return "something in it is known only by its name"
}

// withLookBack lets the sources of a query look back as far as the hunt does.
func withLookBack(q ir.Query, back time.Duration) ir.Query {
	if back == 0 {
		return q
	}
	return ir.MapQuery(q, func(q ir.Query) ir.Query {
		s, ok := q.(*ir.Scan)
		if !ok || s.LookBack != 0 {
			return q
		}
		c := *s
		c.LookBack = back
		return &c
	})
}

// withTables gives the tables of a lifted query that stand in files their rows.
func withTables(lifted, logical ir.Query, c *compiler.Config) ir.Query {
	return ir.MapQuery(lifted, func(n ir.Query) ir.Query {
		t, ok := n.(*ir.Table)
		if !ok || len(t.Rows) > 0 {
			return n
		}
		full := *t
		if logical != nil {
			ir.WalkQuery(logical, func(n ir.Query) {
				if s, ok := n.(*ir.Table); ok && s.Name == t.Name {
					full.Cols, full.Rows = s.Cols, s.Rows
				}
			})
		}
		for _, l := range c.Lookups {
			if l.Name == t.Name && len(full.Rows) == 0 {
				full.Cols, full.Rows = l.Cols, l.Rows
			}
		}
		return &full
	})
}

// withComputed leaves to the projector what a column holds that the target
// computes, and takes the columns from which the projector knows it through the
// operators below that would drop them.
func (p *Program) withComputed(q ir.Query, carried []string) ir.Query {
	if ext, ok := q.(*ir.Extend); ok {
		c := *ext
		c.Cols = slices.Clone(ext.Cols)
		carried = slices.Clone(carried)
		for i, col := range c.Cols {
			if p.computed[col.As] && (!p.written[col.As] || foreign(col.X)) {
				c.Cols[i] = &ir.Col{Span: col.Span, As: col.As, X: &ir.Foreign{Span: col.Span, T: ir.TypeOf(col.X)}}
				carried = append(carried, col.As)
			}
		}
		c.Input = p.withComputed(ext.Input, carried)
		return &c
	}
	if len(ir.Inputs(q)) == 0 {
		return q
	}
	var along []*ir.Col
	for _, name := range carried {
		name = eval.Derived(name)
		along = append(along, &ir.Col{As: name, X: &ir.Field{Name: name}})
	}
	switch n := q.(type) {
	case *ir.Aggregate:
		c := *n
		c.By = slices.Concat(n.By, along)
		c.Input = p.withComputed(n.Input, carried)
		return &c
	case *ir.Project:
		c := *n
		c.Cols = slices.Concat(n.Cols, along)
		c.Input = p.withComputed(n.Input, carried)
		return &c
	}
	var in []ir.Query
	for _, n := range ir.Inputs(q) {
		in = append(in, p.withComputed(n, carried))
	}
	return ir.WithInputs(q, in)
}

func tableKey(p *ir.Physical) string { return p.View + " " + p.Table }

// datasetsOf are the datasets that a table has events of.
func (l *Lab) datasetsOf(p *ir.Physical) []*schema.Dataset {
	var out []*schema.Dataset
	for _, ds := range l.schema.Datasets() {
		if m := ds.Mapping(schema.View(p.View)); m != nil && m.Table == p.Table {
			out = append(out, ds)
		}
	}
	return out
}
