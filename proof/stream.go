package proof

import (
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// StreamOptions say how a stream of events is run.
type StreamOptions struct {
	Options
	// Name is what diagnostics call the stream.
	Name string
	// Jobs is the number of workers; 0 for one a processor.
	Jobs int
	// Text asks for Found.Text.
	Text bool
}

// Found is a result of one of the programs of a stream.
type Found struct {
	Program int // by its place in the list
	Result
	Text string // of the row, as JSON
}

// Streamed says what became of a stream.
type Streamed struct {
	Events int // that were read
	// Bad are the diagnostics about lines that are no events.
	Bad diag.List
	// Errs are, for each program, why it was not run; nil for one that was.
	Errs []*NotRunnable
	// Evaluated counts the predicates that the index left to be evaluated.
	Evaluated int
}

// Stream runs programs of one engine over the events of a file, and calls found,
// from one goroutine, for each result. It gives what Run gives for each program,
// in no order.
//
// Events are not kept, but for those that one of the inputs of a hunt selects
// which needs them together: of aggregations, joins and windows, and of hunts that
// look back from a present time that is not given. The error is one of the
// file's, or found's.
func Stream(programs []*Program, in io.Reader, o StreamOptions, found func(Found) error) (*Streamed, error) {
	s := newStream(programs, o)
	if err := s.read(in, found); err != nil {
		return nil, err
	}
	if err := s.finish(found); err != nil {
		return nil, err
	}
	s.sum.Bad = s.bad.List
	return s.sum, nil
}

type stream struct {
	programs []*Program
	o        StreamOptions
	sum      *Streamed
	bad      eval.BadLines
	lab      *Lab
	leaves   []*leaf
	kept     []*keptQuery
	latest   time.Time

	// groups are the leaves that look at the same rows: of IR by class of events,
	// of the targets by table.
	mu      sync.Mutex
	byClass map[string]*group
	tables  []*group
	dead    []bool // programs that are not run
}

// leaf is a place in a program where it reads events.
type leaf struct {
	program int
	scan    *ir.Scan
	pred    ir.Expr     // nil for every row
	chain   *eval.Chain // of a row that needs no other row; nil for one that is kept
	rows    []eval.Row  // that are kept
	// narrow keeps of such a row what the query reads; nil keeps all of it.
	narrow func(eval.Row) eval.Row
}

// keptQuery is a query that is run when all its rows are there.
type keptQuery struct {
	program int
	query   ir.Query
	leaves  map[*ir.Scan]*leaf
}

// group is leaves with their index.
type group struct {
	once   sync.Once
	leaves []int32 // by number
	index  *eval.Index
	table  *ir.Physical
	means  []*schema.Dataset
	// also: the leaves that look at the class by other names of fields, as a rule
	// on source does.
	also   bool
	source ir.Logsource
}

func newStream(programs []*Program, o StreamOptions) *stream {
	s := &stream{programs: programs, o: o, sum: &Streamed{Errs: make([]*NotRunnable, len(programs))}, bad: eval.BadLines{Name: o.Name}, byClass: map[string]*group{}, dead: make([]bool, len(programs))}
	for i, p := range programs {
		s.lab = p.Hunt.lab
		if p.Err != nil {
			s.sum.Errs[i] = p.Err
			continue
		}
		for _, q := range p.Queries {
			s.add(i, q)
		}
	}
	for i, l := range s.leaves {
		// A leaf that cannot be evaluated is found out here, where it has a name.
		if err := s.check(l); err != nil {
			s.sum.Errs[l.program], s.dead[l.program] = err, true
		}
		if p := s.programs[l.program]; p.Engine != IR && s.sum.Errs[l.program] == nil {
			s.addToTable(int32(i), l, p)
		}
	}
	return s
}

func (s *stream) addToTable(i int32, l *leaf, p *Program) {
	means := p.datasets[tableKey(l.scan.Physical)]
	at := slices.IndexFunc(s.tables, func(g *group) bool {
		return tableKey(g.table) == tableKey(l.scan.Physical) && slices.Equal(g.means, means)
	})
	if at < 0 {
		at = len(s.tables)
		s.tables = append(s.tables, &group{table: l.scan.Physical, means: means})
	}
	s.tables[at].leaves = append(s.tables[at].leaves, i)
}

func (s *stream) check(l *leaf) *NotRunnable {
	run := s.programs[l.program].runner(s.o.Now)
	if _, errs := run.Index([]ir.Expr{l.pred}, nil); errs[0] != nil {
		return notRunnable(errs[0])
	}
	if l.chain != nil {
		if _, err := l.chain.Compile(); err != nil {
			return notRunnable(err)
		}
	}
	return nil
}

// add adds the leaves of a query.
func (s *stream) add(program int, q ir.Query) {
	if u, ok := q.(*ir.Union); ok && u.Source == "" {
		for _, in := range u.Inputs {
			s.add(program, in)
		}
		return
	}
	waits := s.o.Now.IsZero() && (usesNow(q) || slices.ContainsFunc(ir.Scans(q), func(s *ir.Scan) bool { return s.LookBack != 0 }))
	if c, ok := s.programs[program].runner(s.o.Now).NewChain(q); ok && !waits {
		s.leaves = append(s.leaves, &leaf{program: program, scan: c.Scan, pred: c.Pred, chain: c})
		return
	}
	k := &keptQuery{program: program, query: q, leaves: map[*ir.Scan]*leaf{}}
	s.kept = append(s.kept, k)
	before := len(s.leaves)
	s.addKept(k, q, nil)
	if names, ok := reads(q); ok {
		for _, l := range s.leaves[before:] {
			l.narrow = eval.Narrowed(names)
		}
	}
}

// reads are the columns of events that a query reads; false where its rows show
// them all, or it looks at all of them.
func reads(q ir.Query) (names []string, ok bool) {
	if ir.Columns(q) == nil {
		return nil, false
	}
	ok = true
	names = []string{ir.Timestamp, "_time"} // what the first and the last are told by
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	fields := func(list ...*ir.Field) {
		for _, f := range list {
			if f != nil {
				add(f.Name)
			}
		}
	}
	exprs := func(list ...ir.Expr) {
		for _, e := range list {
			if e == nil {
				continue
			}
			fields(ir.Fields(e)...)
			ir.WalkExpr(e, func(e ir.Expr) bool {
				switch e := e.(type) {
				case *ir.Keyword, *ir.Macro:
					ok = false
				case *ir.Exists:
					fields(e.X)
				case *ir.FieldMatch:
					fields(e.X, e.Y)
				}
				return true
			})
		}
	}
	cols := func(list []*ir.Col) {
		for _, c := range list {
			exprs(c.X)
			if _, foreign := c.X.(*ir.Foreign); foreign {
				add(eval.Derived(c.As))
			}
		}
	}
	ir.WalkQuery(q, func(q ir.Query) {
		switch q := q.(type) {
		case *ir.Scan, *ir.Table, *ir.Limit:
		case *ir.Filter:
			exprs(q.Pred)
		case *ir.Extend:
			cols(q.Cols)
		case *ir.Project:
			cols(q.Cols)
		case *ir.Aggregate:
			cols(q.By)
			for _, a := range q.Aggs {
				exprs(a.X)
				exprs(a.More...)
				fields(a.Of)
			}
		case *ir.Window:
			fields(append(q.By[:len(q.By):len(q.By)], q.Of)...)
		case *ir.Session:
			fields(append(q.By[:len(q.By):len(q.By)], q.Of)...)
		case *ir.Stretches:
			fields(append(q.By[:len(q.By):len(q.By)], q.Of)...)
		case *ir.Lag:
			fields(append(q.By[:len(q.By):len(q.By)], q.Of, q.X)...)
		case *ir.Rank:
			fields(q.By...)
			for _, k := range q.Keys {
				fields(k.X)
			}
		case *ir.Join:
			fields(q.On...)
			fields(q.RightOn...)
		case *ir.Distinct:
			fields(q.By...)
		case *ir.Sort:
			for _, k := range q.Keys {
				fields(k.X)
			}
		case *ir.Union:
			ok = ok && q.Source == ""
		default:
			ok = false
		}
	})
	return names, ok
}

// addKept adds a leaf for each Scan, with what the Filters directly above it ask
// for as far as it can be told before all events are read.
func (s *stream) addKept(k *keptQuery, q ir.Query, preds []ir.Expr) {
	switch n := q.(type) {
	case *ir.Filter:
		args := []ir.Expr{n.Pred}
		if and, ok := n.Pred.(*ir.Logic); ok && and.Op == ir.And {
			args = and.Args
		}
		for _, a := range args {
			if !s.o.Now.IsZero() || !nowIn(a) {
				preds = append(preds, a)
			}
		}
		s.addKept(k, n.Input, preds)
		return
	case *ir.Scan:
		if l := k.leaves[n]; l != nil {
			l.pred = nil // read twice, in different ways
			return
		}
		l := &leaf{program: k.program, scan: n}
		if len(preds) > 0 {
			l.pred = ir.NewLogic(n.Span, ir.And, slices.Clone(preds)...)
		}
		k.leaves[n] = l
		s.leaves = append(s.leaves, l)
		return
	}
	for _, in := range ir.Inputs(q) {
		s.addKept(k, in, nil)
	}
}

func usesNow(q ir.Query) bool {
	found := false
	ir.WalkQuery(q, func(q ir.Query) {
		switch q := q.(type) {
		case *ir.Filter:
			found = found || nowIn(q.Pred)
		case *ir.Extend:
			found = found || slices.ContainsFunc(q.Cols, asksNow)
		case *ir.Project:
			found = found || slices.ContainsFunc(q.Cols, asksNow)
		case *ir.Aggregate:
			found = found || slices.ContainsFunc(q.By, asksNow) || slices.ContainsFunc(q.Aggs, func(a *ir.Agg) bool { return a.X != nil && nowIn(a.X) })
		}
	})
	return found
}

func asksNow(c *ir.Col) bool { return nowIn(c.X) }

func nowIn(e ir.Expr) bool {
	found := false
	ir.WalkExpr(e, func(e ir.Expr) bool {
		c, ok := e.(*ir.Call)
		found = found || ok && c.Func == ir.Now
		return true
	})
	return found
}

// block is lines on their way through a worker.
type block struct {
	lines eval.Block
	done  chan batch
}

// batch is what a worker makes of a block.
type batch struct {
	events    int
	bad       []badLine
	items     []item
	latest    time.Time
	evaluated int
	err       *failed
}

type badLine struct {
	line int
	err  error
}

// item is a row that a leaf has selected.
type item struct {
	leaf int32
	row  eval.Row
	text string
}

// failed is a program that cannot be run, as a row has shown.
type failed struct {
	program int
	err     *NotRunnable
}

func (s *stream) read(in io.Reader, found func(Found) error) error {
	jobs := s.o.Jobs
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	todo := make(chan block, jobs)
	order := make(chan block, 2*jobs)
	stop := make(chan struct{})
	var readErr error
	blocks := eval.NewEventBlocks(in)
	go func() {
		defer close(order)
		defer close(todo)
		for {
			lines, err := blocks.Next()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					readErr = err // before order is closed
				}
				return
			}
			b := block{lines, make(chan batch, 1)}
			select {
			case order <- b:
			case <-stop:
				return
			}
			select {
			case todo <- b:
			case <-stop:
				return
			}
		}
	}()
	var workers sync.WaitGroup
	for range jobs {
		workers.Go(func() {
			w := s.worker()
			defer s.lab.done(w.rows)
			for b := range todo {
				made := w.block(b.lines.Lines)
				blocks.Done(b.lines)
				b.done <- made
			}
		})
	}
	var err error
	for b := range order {
		if err == nil {
			if err = s.take(<-b.done, found); err != nil {
				close(stop)
			}
		}
	}
	workers.Wait()
	return errors.Join(err, readErr)
}

// take takes what a worker has made, in the order of the events.
func (s *stream) take(b batch, found func(Found) error) error {
	s.sum.Events += b.events
	s.sum.Evaluated += b.evaluated
	if b.latest.After(s.latest) {
		s.latest = b.latest
	}
	for _, bad := range b.bad {
		s.bad.Add(bad.line, bad.err)
	}
	if b.err != nil && s.sum.Errs[b.err.program] == nil {
		s.sum.Errs[b.err.program] = b.err.err
	}
	for _, it := range b.items {
		l := s.leaves[it.leaf]
		if l.chain == nil {
			l.rows = append(l.rows, it.row)
		} else if err := found(Found{l.program, Result{it.row, it.row.Events()}, it.text}); err != nil {
			return err
		}
	}
	return nil
}

// finish runs what had to wait for all events.
func (s *stream) finish(found func(Found) error) error {
	now := s.o.Now
	if now.IsZero() {
		now = s.latest
	}
	for _, k := range s.kept {
		p := s.programs[k.program]
		if s.sum.Errs[k.program] != nil {
			continue
		}
		run := p.runner(now)
		run.Source = func(scan *ir.Scan) ([]eval.Row, error) { return k.leaves[scan].rows, nil }
		rows, err := run.Run(k.query)
		if err != nil {
			s.sum.Errs[k.program] = notRunnable(err)
			continue
		}
		for _, row := range rows {
			row = p.result(row)
			f := Found{Program: k.program, Result: Result{row, row.Events()}}
			if s.o.Text {
				f.Text = row.String()
			}
			if err := found(f); err != nil {
				return err
			}
		}
		k.leaves = nil
	}
	return nil
}

// worker makes batches of blocks.
type worker struct {
	s        *stream
	parser   *eval.EventParser
	rows     *rowSource
	matchers map[*group]*eval.Matcher
	chains   []func(eval.Row) (eval.Row, bool, error)
	events   []eval.Event
}

func (s *stream) worker() *worker {
	return &worker{s: s, parser: eval.NewEventParser(s.lab.Classifier()), rows: s.lab.rows(), matchers: map[*group]*eval.Matcher{}, chains: make([]func(eval.Row) (eval.Row, bool, error), len(s.leaves))}
}

func (w *worker) block(lines []eval.EventLine) batch {
	var b batch
	b.events = len(lines)
	w.events = w.events[:0]
	for _, line := range lines {
		e, err := w.parser.Parse(line)
		if err != nil {
			b.bad = append(b.bad, badLine{line.Line, err})
			continue
		}
		if w.s.o.Now.IsZero() {
			if t, ok := e.Time(); ok && t.After(b.latest) {
				b.latest = t
			}
		}
		w.events = append(w.events, e)
	}
	if len(w.s.tables) == 0 {
		for i := range w.events {
			e := &w.events[i]
			w.match(&b, w.s.classGroup(e.Class, false), e.N, e.Row, w.sampleOfClass)
			if e.Class.HasAlso() {
				g := w.s.classGroup(e.Class, true)
				w.match(&b, g, e.N, e.As(g.source), w.sampleOfClass)
			}
		}
	}
	for _, g := range w.s.tables {
		for _, e := range w.events {
			if row, ok := w.rows.of(e, g.table, g.means); ok {
				w.match(&b, g, e.N, w.s.programs[w.s.leaves[g.leaves[0]].program].stored(row), w.sampleOfTable)
			}
		}
	}
	return b
}

func (w *worker) match(b *batch, g *group, n int, row eval.Row, sample func(*group) []eval.Row) {
	m := w.matchers[g]
	if m == nil {
		if len(w.matchers) >= maxGroups {
			clear(w.matchers)
		}
		m = w.s.indexOf(g, func() []eval.Row { return sample(g) }).Matcher()
		w.matchers[g] = m
	}
	numbered, text := false, ""
	before := m.Candidates
	for _, i := range m.Match(row) {
		if !numbered {
			row, numbered = row.Of(n), true
		}
		at := g.leaves[i]
		l := w.s.leaves[at]
		if l.chain == nil {
			kept := row
			if l.narrow != nil {
				kept = l.narrow(row)
			}
			b.items = append(b.items, item{at, kept, ""})
			continue
		}
		if !l.chain.Within(row) {
			continue
		}
		out, own := row, l.chain.Whole()
		if !own {
			f := w.chains[at]
			if f == nil {
				f, _ = l.chain.Compile() // newStream has checked it
				w.chains[at] = f
			}
			var ok bool
			var err error
			if out, ok, err = f(row); err != nil {
				if b.err == nil {
					b.err = &failed{l.program, notRunnable(err)}
				}
				continue
			}
			if !ok {
				continue
			}
			out = w.s.programs[l.program].result(out)
		} else if w.s.programs[l.program].Engine != IR {
			out = w.s.programs[l.program].result(out)
		}
		it := item{leaf: at, row: out}
		if w.s.o.Text {
			if own && text == "" {
				text = out.String()
			}
			if it.text = text; !own {
				it.text = out.String()
			}
		}
		b.items = append(b.items, it)
	}
	b.evaluated += m.Candidates - before
}

// sampleSize is how many rows tell an index what is rare.
const sampleSize = 256

func (w *worker) sampleOfClass(g *group) []eval.Row {
	var rows []eval.Row
	for _, e := range w.events {
		if len(rows) < sampleSize && w.s.classGroup(e.Class, g.also) == g {
			rows = append(rows, e.As(g.source))
		}
	}
	return rows
}

func (w *worker) sampleOfTable(g *group) []eval.Row {
	var rows []eval.Row
	for _, e := range w.events {
		if len(rows) == sampleSize {
			break
		}
		if row, ok := w.rows.of(e, g.table, g.means); ok {
			rows = append(rows, row)
		}
	}
	return rows
}

// maxGroups bounds how many groups are kept: a file decides how many classes it has.
const maxGroups = 1024

// classGroup are the leaves that look at events of a class, by the events' own
// names of fields or by others.
func (s *stream) classGroup(c *eval.Class, also bool) *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := c.Key()
	if s.o.AnyLogsource && !c.HasAlso() {
		key = "" // they all see the same
	}
	if also {
		key = "also " + key
	}
	g := s.byClass[key]
	if g == nil {
		if len(s.byClass) >= maxGroups {
			clear(s.byClass)
		}
		g = &group{also: also}
		for i, l := range s.leaves {
			if !s.dead[l.program] && (s.o.AnyLogsource || c.Sees(l.scan.Source)) && c.Also(l.scan.Source) == also {
				g.leaves = append(g.leaves, int32(i))
				if also {
					g.source = l.scan.Source
				}
			}
		}
		s.byClass[key] = g
	}
	return g
}

func (s *stream) indexOf(g *group, sample func() []eval.Row) *eval.Index {
	g.once.Do(func() {
		preds := make([]ir.Expr, len(g.leaves))
		for i, at := range g.leaves {
			preds[i] = s.leaves[at].pred
		}
		run := eval.Runner{}
		if len(g.leaves) > 0 {
			run = s.programs[s.leaves[g.leaves[0]].program].runner(s.o.Now)
		}
		g.index, _ = run.Index(preds, sample())
	})
	return g.index
}
