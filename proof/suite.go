package proof

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// TestOptions say what to test, and how.
type TestOptions struct {
	Dir string // of the fixtures
	// Match, if not nil, has to be found in what a hunt is called (its path, id,
	// name or title), or in HUNT/FIXTURE, where HUNT is the name of its folder.
	Match *regexp.Regexp
	// Update writes the expected rows anew.
	Update           bool
	Coverage, Mutate bool
	// RequireFixtures makes a hunt without a fixture an error.
	RequireFixtures bool
	Now             time.Time // of every run; zero: the latest event's
	Jobs            int
	// Progress, if not nil, is told how many hunts are done.
	Progress func(done, of int)
}

// Report is what became of all fixtures. Everything in it is sorted.
type Report struct {
	Hunts []*HuntReport
	// Diagnostics are about documents, fixtures as files, and hunts without any.
	Diagnostics diag.List
	// Source gives the text of files, and of queries by the names that places in
	// them have.
	Source diag.Source
	// Updated are the files of rows that were written.
	Updated []string
}

// HuntReport is what became of one hunt.
type HuntReport struct {
	Hunt   *Hunt
	Folder string // of its fixtures, also if there is none
	Cases  []*Case
	// Points are what fixtures can exercise; nil unless asked for.
	Points  []Point
	Mutants []MutantReport

	hits, misses int  // fixtures, those that TestOptions.Match leaves out too
	broken       bool // a fixture could not be used
}

// MutantReport is a mutant, of which the query is gone, and whether a fixture
// notices it.
type MutantReport struct {
	Mutant
	Noticed bool
}

// Case is what became of one fixture.
type Case struct {
	*Fixture
	Hunt     *Hunt
	Verdicts []Verdict // in the order of Engines
	Failures []Failure

	events []eval.Event
	rows   []string // of IR, as JSON, sorted
}

// Outcome is what an engine makes of a scenario.
type Outcome string

const (
	OutcomeHit  Outcome = "hit"
	OutcomeMiss Outcome = "miss"
	OutcomeNone Outcome = "–" // the target has no query
	OutcomeSkip Outcome = "?" // there is a query that cannot be run here
)

// Verdict is what one engine makes of a scenario.
type Verdict struct {
	Engine  Engine
	Outcome Outcome
	Results []Result
	// Allowed: the outcome is not the hunt's, which the verdict on the target
	// announces. It is not a pass.
	Allowed bool
	// Why says why there is no outcome, or why one is allowed.
	Why string

	err error
}

// Failure is one thing that is not as a fixture says.
type Failure struct {
	diag.Diagnostic
	Engines []Engine // that fail
	Event   string   // the event in question, on one line; "" if it is none alone
	// Marks are the outcomes of all engines for the event.
	Marks   []Outcome
	Rows    []string // that differ, with - and + before them
	Because []Because
}

// Allowed reports whether a target departs from the hunt, as its verdict says
// beforehand.
func (c *Case) Allowed() bool {
	return slices.ContainsFunc(c.Verdicts, func(v Verdict) bool { return v.Allowed })
}

// Failed reports whether anything is not as the fixture says.
func (c *Case) Failed() bool { return len(c.Failures) > 0 }

// Test runs all fixtures of the hunts under the paths of opts. The error is
// about the environment.
func (l *Lab) Test(opts compiler.Options, t TestOptions) (*Report, error) {
	var folders []*Folder
	var fixtureDiags diag.List
	var fixtureErr error
	var reading sync.WaitGroup
	reading.Go(func() { folders, fixtureDiags, fixtureErr = ReadFixtures(t.Dir) })
	hunts, res, err := l.Build(opts)
	reading.Wait()
	if err := cmp.Or(err, fixtureErr); err != nil {
		return nil, err
	}
	s := &suite{lab: l, opts: t, texts: map[string]string{}}
	rep := &Report{Diagnostics: fixtureDiags}
	rep.Source = func(name string) ([]byte, bool) {
		s.mu.Lock()
		text, ok := s.texts[name]
		s.mu.Unlock()
		if ok {
			return []byte(text), true
		}
		return res.Source(name)
	}
	for _, d := range res.Diagnostics {
		if d.Severity == diag.Error {
			rep.Diagnostics = append(rep.Diagnostics, d)
		}
	}
	byStem := map[string]*Folder{}
	for _, f := range folders {
		byStem[f.Stem] = f
	}
	for _, h := range hunts {
		f := byStem[h.Stem]
		delete(byStem, h.Stem)
		if h.Logical == nil {
			continue // in error, and said to be
		}
		r := &HuntReport{Hunt: h, Folder: path.Join(filepath.ToSlash(t.Dir), h.Stem)}
		var fixtures []*Fixture
		if f != nil {
			fixtures, r.broken = f.Fixtures, f.Broken
		}
		for _, x := range slices.Concat(fixtures, InlineFixtures(h.Logical)) {
			r.Cases = append(r.Cases, &Case{Fixture: x, Hunt: h})
			if x.Hit {
				r.hits++
			} else {
				r.misses++
			}
		}
		if t.Match != nil && !s.called(h) {
			r.Cases = slices.DeleteFunc(r.Cases, func(c *Case) bool { return !t.Match.MatchString(h.Stem + "/" + c.Name) })
			if len(r.Cases) == 0 {
				continue
			}
		}
		rep.Hunts = append(rep.Hunts, r)
	}
	for _, f := range folders {
		if byStem[f.Stem] == nil || f.Stem == "" || !res.Covers(f.Stem) || s.ofBroken(hunts, f.Stem) || s.ofBrokenFile(res, f.Stem) {
			continue
		}
		var stems []string
		for _, h := range hunts {
			stems = append(stems, h.Stem)
		}
		hint := "Rename the folder as its document was, or remove it."
		if near := diag.Closest(f.Stem, stems); near != "" {
			hint = fmt.Sprintf("Did you mean %q? Otherwise rename the folder as its document was, or remove it.", near)
		}
		rep.Diagnostics.Errorf(codeNoHunt, whole(f.Path), hint, "no hunt is called %q, and no test reads this folder", f.Stem)
	}
	s.all = rep.Hunts
	s.run(rep)
	s.withoutFixtures(rep)
	rep.Diagnostics.Sort()
	return rep, nil
}

type suite struct {
	lab  *Lab
	opts TestOptions
	all  []*HuntReport

	mu      sync.Mutex
	texts   map[string]string // of queries, by the names of places in them
	diags   diag.List
	updated []string
}

// called reports whether what the hunt is called matches.
func (s *suite) called(h *Hunt) bool {
	return slices.ContainsFunc([]string{h.Path, h.ID, h.Name, h.Title}, s.opts.Match.MatchString)
}

// ofBroken reports whether a folder is that of a hunt with an error.
func (s *suite) ofBroken(hunts []*Hunt, stem string) bool {
	return slices.ContainsFunc(hunts, func(h *Hunt) bool { return h.Logical == nil && h.Stem == stem })
}

// ofBrokenFile reports whether a folder may be that of a document that could not
// be read.
func (s *suite) ofBrokenFile(res *compiler.Result, stem string) bool {
	for _, d := range res.Diagnostics {
		if d.Severity != diag.Error {
			continue
		}
		base := strings.TrimSuffix(path.Base(d.Pos.Filename), path.Ext(d.Pos.Filename))
		if name := path.Base(stem); name == base || strings.HasPrefix(name, base+".") {
			return true
		}
	}
	return false
}

// run tests all hunts on the workers.
func (s *suite) run(rep *Report) {
	done := 0
	each(s.opts.Jobs, len(rep.Hunts), func(i int) {
		s.hunt(rep.Hunts[i])
		if s.opts.Progress != nil {
			s.mu.Lock()
			done++
			s.opts.Progress(done, len(rep.Hunts))
			s.mu.Unlock()
		}
	})
	rep.Diagnostics = append(rep.Diagnostics, s.diags...)
	slices.Sort(s.updated)
	rep.Updated = s.updated
}

// withoutFixtures names the hunts that nothing tests, or of which nothing shows
// that they fire, or that they stay quiet. A rule that is counted is tested with
// the correlation that counts it.
func (s *suite) withoutFixtures(rep *Report) {
	tested := map[string]bool{}
	for _, r := range s.all {
		if r.hits+r.misses > 0 {
			tested[r.Hunt.Title] = true
		}
	}
	for _, r := range s.all {
		if by := r.Hunt.Logical.CountedBy; r.broken || by != "" && (tested[by] || r.hits+r.misses > 0) {
			continue
		}
		var message string
		switch {
		case r.hits+r.misses == 0:
			message = fmt.Sprintf("the hunt has no fixture, such as %s/hit_<what>.jsonl", r.Folder)
		case r.hits == 0:
			message = fmt.Sprintf("no fixture shows that the hunt fires, such as %s/hit_<what>.jsonl", r.Folder)
		case r.misses == 0:
			message = fmt.Sprintf("no fixture shows that the hunt stays quiet, such as %s/miss_<what>.jsonl", r.Folder)
		default:
			continue
		}
		severity := diag.Warning
		if s.opts.RequireFixtures {
			severity = diag.Error
		}
		rep.Diagnostics = append(rep.Diagnostics, diag.Diagnostic{Span: huntAt(r.Hunt), Severity: severity, Code: codeNoFixtures, Message: message})
	}
}

// each calls f for 0 to n-1 on so many workers, or on one a processor.
func each(jobs, n int, f func(i int)) {
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(jobs, n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

func (s *suite) problem(d diag.Diagnostic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.diags = append(s.diags, d)
}

// hunt tests one hunt. A defect of huntc does not end the run.
func (s *suite) hunt(r *HuntReport) {
	defer func() {
		if v := recover(); v != nil {
			s.problem(diag.Diagnostic{Span: huntAt(r.Hunt), Severity: diag.Error, Code: codeInternal,
				Message: fmt.Sprintf("huntc itself failed where it ran this hunt: %v", v), Hint: "This is a defect of huntc: please report it together with the document and the fixtures."})
			r.Cases = slices.DeleteFunc(r.Cases, func(c *Case) bool { return len(c.Verdicts) < len(Engines()) })
		}
	}()
	r.Cases = slices.DeleteFunc(r.Cases, func(c *Case) bool { return !s.readEvents(c) })
	s.cases(r)
	for _, c := range r.Cases {
		s.runCase(c)
	}
	for _, e := range Engines() {
		p := r.Hunt.Program(e)
		if p.Err != nil && !p.Err.Unsupported && len(r.Cases) > 0 {
			s.notRun(r.Hunt, e, p.Err.Why)
			continue
		}
		for _, c := range r.Cases {
			if v := c.verdict(e); v != nil && v.err != nil && p.Err == nil {
				s.notRun(r.Hunt, e, v.err.Error())
				break
			}
		}
	}
	if len(r.Cases) == 0 && !s.opts.Mutate && !s.opts.Coverage {
		return
	}
	q := r.Hunt.Program(IR)
	if q.Err != nil {
		return
	}
	mine := s.mine(r.Hunt)
	if s.opts.Coverage {
		r.Points = points(q.Queries[0], mine)
		for _, c := range r.Cases {
			run, done := q.over(c.events, s.options(c))
			scene{q.Queries[0], run}.cover(r.Points)
			done()
		}
	}
	if s.opts.Mutate {
		for _, m := range Mutants(q.Queries[0], mine, r.Hunt.Logical.Correlation) {
			noticed := s.noticed(r, m)
			m.Query = nil // many of them are much
			r.Mutants = append(r.Mutants, MutantReport{m, noticed})
		}
	}
}

// cases warns of fields that only the case of their letters tells from one that the
// hunt reads, once for each field and fixture.
func (s *suite) cases(r *HuntReport) {
	q := r.Hunt.Program(IR).query()
	if q == nil {
		return
	}
	var read []string
	ir.WalkQuery(q, func(q ir.Query) {
		f, ok := q.(*ir.Filter)
		if !ok {
			return
		}
		leaves(f.Pred, func(e ir.Expr) {
			for _, x := range ir.Fields(e) {
				read = append(read, x.Name)
			}
		})
	})
	for _, c := range r.Cases {
		var said []string
		for i, e := range c.events {
			for _, name := range e.Row.Columns() {
				at := slices.IndexFunc(read, func(f string) bool { return strings.EqualFold(f, name) })
				if at < 0 || slices.Contains(read, name) || slices.Contains(said, name) || e.Row.Get(read[at]) != nil {
					continue
				}
				said = append(said, name)
				s.problem(diag.Diagnostic{Span: c.Events[i].Span, Severity: diag.Warning, Code: codeFieldCase,
					Message: fmt.Sprintf("the event has a field %q, and the hunt reads %q", name, read[at]), Hint: fmt.Sprintf("Did you mean %q? Names of fields have case.", read[at])})
			}
		}
	}
}

// huntAt is where a hunt's document starts.
func huntAt(h *Hunt) diag.Span {
	return diag.Span{Pos: diag.Pos{Filename: h.Path, Line: h.Line, Column: 1}}
}

func (s *suite) notRun(h *Hunt, e Engine, why string) {
	s.problem(diag.Diagnostic{Span: huntAt(h), Severity: diag.Warning, Code: codeNotRun,
		Message: fmt.Sprintf("%s cannot be tested: %s", e, why), Hint: "The other engines are tested."})
}

// mine tells what is in the hunt's own document from what comes from another
// one, such as a rule that a correlation counts, and from what a correlation
// asks for by itself.
func (s *suite) mine(h *Hunt) func(diag.Span) bool {
	next := 0 // the line of the next document in the file
	for _, r := range s.all {
		if r.Hunt.Path == h.Path && r.Hunt.Line > h.Line && (next == 0 || r.Hunt.Line < next) {
			next = r.Hunt.Line
		}
	}
	var own []diag.Span
	if c := h.Logical.Correlation; c != nil {
		for _, f := range c.GroupBy {
			own = append(own, f.Span)
		}
	}
	return func(at diag.Span) bool {
		switch {
		case !at.Pos.IsValid():
			return true
		case at.Pos.Filename != h.Path || at.Pos.Line < h.Line || next > 0 && at.Pos.Line >= next:
			return false
		}
		return !slices.Contains(own, at)
	}
}

func (s *suite) options(c *Case) Options { return Options{Now: cmp.Or(s.opts.Now, Latest(c.events))} }

// readEvents makes events of a fixture's lines; false, and a diagnostic, if one
// of them is none.
func (s *suite) readEvents(c *Case) bool {
	var text bytes.Buffer
	for _, l := range c.Events {
		text.Write(l.JSON)
		text.WriteByte('\n')
	}
	r := eval.NewEventReader(s.lab.Classifier(), c.Pos.Filename, &text)
	for {
		e, err := r.Read()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				s.problem(diag.Diagnostic{Span: c.Span, Severity: diag.Error, Code: codeFixtureJSON, Message: fmt.Sprintf("the events cannot be read: %v", err)})
			}
			break
		}
		c.events = append(c.events, e)
	}
	for _, d := range r.Diagnostics {
		d.Span = c.Events[max(0, min(d.Pos.Line-1, len(c.Events)-1))].Span
		s.problem(d)
	}
	return len(c.events) == len(c.Events)
}

func (c *Case) verdict(e Engine) *Verdict {
	i := slices.IndexFunc(c.Verdicts, func(v Verdict) bool { return v.Engine == e })
	if i < 0 {
		return nil
	}
	return &c.Verdicts[i]
}

// runCase runs one fixture on all engines, and judges.
func (s *suite) runCase(c *Case) {
	for _, e := range Engines() {
		v := Verdict{Engine: e}
		res, err := c.Hunt.Program(e).Run(c.events, s.options(c))
		var no *NotRunnable
		switch {
		case errors.As(err, &no) && no.Unsupported:
			v.Outcome, v.Why, v.err = OutcomeNone, no.Why, err
		case err != nil:
			v.Outcome, v.Why, v.err = OutcomeSkip, err.Error(), err
		case len(res) > 0:
			v.Outcome, v.Results = OutcomeHit, res
		default:
			v.Outcome = OutcomeMiss
		}
		if v.err == nil && c.Hunt.Program(e).estimates() {
			v.Why = "approximate: the target estimates dcount() of many values, which is exact here"
		}
		c.Verdicts = append(c.Verdicts, v)
	}
	if v := c.verdict(IR); v.err == nil {
		c.rows = rowTexts(v.Results)
		for _, r := range c.Hunt.Logical.Reasons {
			if r.Code == codeStandIn && c.Hunt.Logical.Meaning == nil {
				v.Why = fmt.Sprintf("%s: %s What is run here stands in for it as well.", r.Code, r.Message)
			}
		}
	}
	if s.opts.Update && s.update(c) {
		return
	}
	s.judge(c)
}

// estimates reports whether the target estimates what is counted exactly here.
func (p *Program) estimates() bool {
	found := false
	for _, q := range p.Queries {
		ir.WalkQuery(q, func(q ir.Query) {
			a, ok := q.(*ir.Aggregate)
			found = found || ok && slices.ContainsFunc(a.Aggs, eval.Estimated)
		})
	}
	return found
}

// rowTexts are rows as JSON, sorted.
func rowTexts(results []Result) []string {
	out := make([]string, len(results))
	for i, r := range results {
		out[i] = r.Row.String()
	}
	slices.Sort(out)
	return out
}

// update writes the rows of a hit, where there are any to write down; true if
// that cannot be done.
func (s *suite) update(c *Case) bool {
	if !c.Hit || c.RowsFile == "" || len(c.rows) == 0 || !c.HasRows && eachEvent(c.Hunt.Logical.Query) {
		return false
	}
	text := strings.Join(c.rows, "\n") + "\n"
	name := filepath.FromSlash(c.RowsFile)
	if old, err := os.ReadFile(name); err == nil && string(old) == text {
		return false
	}
	if err := compiler.WriteFile(name, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}); err != nil {
		s.problem(diag.Diagnostic{Span: whole(c.RowsFile), Severity: diag.Error, Code: codeFixtureFile, Message: err.Error(), Hint: "Make the folder writable."})
		return true
	}
	lines, _ := ParseLines(c.RowsFile, []byte(text))
	c.Rows, c.HasRows = lines, true
	s.mu.Lock()
	s.updated = append(s.updated, c.RowsFile)
	s.mu.Unlock()
	return false
}

// eachEvent reports whether each row of a query stands for one event, and
// whether it comes out depends on that event alone.
func eachEvent(q ir.Query) bool {
	if q == nil {
		return false
	}
	one := true
	ir.WalkQuery(q, func(q ir.Query) {
		switch q.(type) {
		case *ir.Scan, *ir.Filter, *ir.Extend, *ir.Project, *ir.Union, *ir.Sort:
		default:
			one = false
		}
	})
	return one
}

// codeDataset is the reason that says of which events a target's table holds
// more or fewer than the logsource. It says something only of events that are
// known to be of another logsource: the table may hold those too.
const codeDataset diag.Code = "HC0310"

// announced are the reasons of a target's verdict that let it find more than the
// hunt, or fewer, of these events.
func (h *Hunt) announced(e Engine, events []eval.Event, more bool) []ir.Reason {
	o := h.Output(e)
	if o == nil {
		return nil
	}
	effect := ir.Under
	if more {
		effect = ir.Over
	}
	var out []ir.Reason
	for _, r := range o.Reasons {
		if r.Code == codeDataset && !slices.ContainsFunc(events, h.foreign) {
			continue
		}
		if r.Effect == effect || r.Effect == ir.Mixed {
			out = append(out, r)
		}
	}
	return out
}

// sayReasons are reasons in words, each once.
func sayReasons(reasons []ir.Reason) string {
	var said []string
	for _, r := range reasons {
		if text := fmt.Sprintf("%s: %s", r.Code, r.Message); !slices.Contains(said, text) {
			said = append(said, text)
		}
	}
	return strings.Join(said, "; ")
}

// maxTurned is how many tests of a hunt are tried both ways.
const maxTurned = 6

// excused reports whether the verdict on a target announces that it departs from
// the hunt in what it makes of these events, and notes it. A reason that is about
// a test of the hunt excuses only what that test decides: reached reports whether
// results are what the target gives, or pass it by.
func (s *suite) excused(c *Case, v *Verdict, events []eval.Event, more bool, reached func([]Result) bool) bool {
	reasons := c.Hunt.announced(v.Engine, events, more)
	if len(reasons) == 0 {
		return false
	}
	p := c.Hunt.Program(IR)
	ok := p.Err != nil // there is no hunt to hold it against
	var turned []ir.Expr
	var elsewhere []ir.Reason
	if !ok {
		for _, r := range reasons {
			about := testsAt(p.Queries[0], r.Span)
			if len(about) == 0 {
				elsewhere = append(elsewhere, r)
			}
			for _, t := range about {
				if !slices.Contains(turned, t.pred) && s.differs(c, v.Engine, t) {
					turned = append(turned, t.pred)
				}
			}
		}
	}
	if len(elsewhere) > 0 {
		ok, reasons = true, elsewhere
	}
	turned = first(turned, maxTurned)
	for truth := 0; !ok && truth < 1<<len(turned); truth++ {
		q := ir.MapQuery(p.Queries[0], func(q ir.Query) ir.Query {
			f, is := q.(*ir.Filter)
			if !is {
				return q
			}
			pred := ir.MapExpr(f.Pred, func(e ir.Expr) ir.Expr {
				switch i := slices.Index(turned, e); {
				case i < 0:
					return e
				case truth>>i&1 == 1:
					return ir.True(e.At())
				}
				return ir.False(e.At())
			})
			return &ir.Filter{Span: f.Span, Input: f.Input, Pred: pred}
		})
		res, err := (&Program{Engine: IR, Hunt: c.Hunt, Queries: []ir.Query{q}}).Run(c.events, s.options(c))
		ok = err == nil && reached(res)
	}
	if ok {
		v.Allowed, v.Why = true, "allowed, "+sayReasons(reasons)
	}
	return ok
}

// testsAt are the tests of a query that a place is about: those in it, or that it
// is in.
func testsAt(q ir.Query, at diag.Span) []test {
	var out []test
	if !at.Pos.IsValid() {
		return nil
	}
	end := func(s diag.Span) int { return max(s.EndPos.Offset, s.Pos.Offset+1) }
	ir.WalkQuery(q, func(q ir.Query) {
		f, ok := q.(*ir.Filter)
		if !ok {
			return
		}
		leaves(f.Pred, func(e ir.Expr) {
			t := spanOf(e)
			if t.Pos.Filename == at.Pos.Filename && t.Pos.IsValid() && t.Pos.Offset < end(at) && at.Pos.Offset < end(t) {
				out = append(out, test{e, f.Input})
			}
		})
	})
	return out
}

// test is a predicate, and the rows that it is asked of.
type test struct {
	pred ir.Expr
	in   ir.Query
}

// differs reports whether a test says something else of one of the events on a
// target than in the hunt; of one that is not asked of events, it may.
func (s *suite) differs(c *Case, e Engine, t test) bool {
	in := t.in
	for {
		f, ok := in.(*ir.Filter)
		if !ok {
			break
		}
		in = f.Input
	}
	scan, ok := in.(*ir.Scan)
	if !ok {
		return true
	}
	target := c.Hunt.Program(e)
	view := schema.XDR
	if e == Splunk {
		view = schema.CIM
	}
	if e == Splunk && len(target.Queries) > 0 && slices.ContainsFunc(ir.Scans(target.Queries[0]), func(s *ir.Scan) bool { return s.Physical.View == string(schema.Raw) }) {
		view = schema.Raw
	}
	for _, pred := range []ir.Expr{t.pred, &ir.Not{Span: t.pred.At(), X: t.pred}} {
		alone := &ir.Filter{Span: t.pred.At(), Input: scan, Pred: pred}
		meant, err := (&Program{Engine: IR, Hunt: c.Hunt, Queries: []ir.Query{alone}}).Run(c.events, s.options(c))
		if err != nil {
			return true
		}
		h := *c.Hunt.Logical
		h.Query, h.Correlation = alone, nil
		res := s.lab.schema.Resolve(&h, view)
		if res.Query == nil {
			return true
		}
		p := *target // with another query
		p.Queries = []ir.Query{p.withComputed(res.Query, nil)}
		stored, err := p.Run(c.events, s.options(c))
		if err != nil || !maps.Equal(selected(meant), selected(stored)) {
			return true
		}
	}
	return false
}

// codeStandIn is the reason that windows of another kind stand in for those that
// the document means.
const codeStandIn diag.Code = "HC0149"

func (h *Hunt) standsIn(e Engine) bool {
	o := h.Output(e)
	return o != nil && slices.ContainsFunc(o.Reasons, func(r ir.Reason) bool { return r.Code == codeStandIn })
}

// foreign reports whether an event is of none of the hunt's logsources.
func (h *Hunt) foreign(e eval.Event) bool {
	q := h.Program(IR).query()
	return q != nil && !slices.ContainsFunc(ir.Scans(q), func(s *ir.Scan) bool { return e.Class.Sees(s.Source) })
}

// judge holds the verdicts against the fixture, and against each other.
func (s *suite) judge(c *Case) {
	if eachEvent(c.Hunt.Logical.Query) || c.Hunt.Logical.Query == nil && !c.HasRows && c.Hunt.eachEventNative() {
		s.judgeEvents(c)
	} else {
		s.judgeRows(c)
	}
	if !c.Hit || c.Failed() {
		return
	}
	if ir := c.verdict(IR); ir.err == nil {
		if c.HasRows {
			s.expected(c)
		}
		if !c.Failed() && !eachEvent(c.Hunt.Logical.Query) {
			for i := range c.Verdicts {
				if v := &c.Verdicts[i]; v.Engine != IR && v.err == nil {
					s.agree(c, v, ir.Results)
				}
			}
		}
	}
}

// eachEventNative is eachEvent for a hunt that is only text.
func (h *Hunt) eachEventNative() bool {
	for _, e := range Engines() {
		if p := h.Program(e); p.Err == nil {
			for _, q := range p.Queries {
				if !eachEvent(q) {
					return false
				}
			}
		}
	}
	return true
}

// selected are the events that results stand for.
func selected(results []Result) map[int]bool {
	out := map[int]bool{}
	for _, r := range results {
		for _, n := range r.Events {
			out[n] = true
		}
	}
	return out
}

// judgeEvents judges each event by itself.
func (s *suite) judgeEvents(c *Case) {
	picked := make([]map[int]bool, len(c.Verdicts))
	for i, v := range c.Verdicts {
		picked[i] = selected(v.Results)
	}
	for n, line := range c.Events {
		marks := make([]Outcome, len(c.Verdicts))
		var wrong, excused []Engine
		right := c.Verdicts[0].err != nil || picked[0][n] == c.Hit // as far as the hunt goes
		for i := range c.Verdicts {
			v := &c.Verdicts[i]
			if marks[i] = v.Outcome; v.err != nil {
				continue
			}
			marks[i] = OutcomeMiss
			if picked[i][n] {
				marks[i] = OutcomeHit
			}
			switch {
			case picked[i][n] == c.Hit:
			case right && s.excused(c, v, c.events[n:n+1], !c.Hit, func(res []Result) bool { return selected(res)[n] != c.Hit }):
				excused = append(excused, v.Engine)
			default:
				wrong = append(wrong, v.Engine)
			}
		}
		if len(wrong) == 0 {
			continue
		}
		f := Failure{Engines: wrong, Marks: marks, Event: sayRow(c.events[n].Row, c.Hunt.Program(IR).query())}
		if c.Hit {
			f.Diagnostic = diag.Diagnostic{Span: line.Span, Severity: diag.Error, Code: codeMissed,
				Message: fmt.Sprintf("this event has to be selected: %s %s it%s", names(wrong), verb(len(wrong), "miss"), soDo(excused))}
			f.Because = s.why(c, wrong[0], []eval.Event{c.events[n]}, n)
		} else {
			f.Diagnostic = diag.Diagnostic{Span: line.Span, Severity: diag.Error, Code: codeFired,
				Message: fmt.Sprintf("this event must not be selected: %s %s it%s", names(wrong), verb(len(wrong), "select"), soDo(excused))}
			f.Because = s.why(c, wrong[0], c.events, n)
		}
		c.Failures = append(c.Failures, f)
	}
}

// judgeRows judges whether rows come out at all.
func (s *suite) judgeRows(c *Case) {
	marks := make([]Outcome, len(c.Verdicts))
	var wrong, excused []Engine
	right := c.Verdicts[0].err != nil || (c.Verdicts[0].Outcome == OutcomeHit) == c.Hit
	for i := range c.Verdicts {
		v := &c.Verdicts[i]
		marks[i] = v.Outcome
		switch {
		case v.err != nil, (v.Outcome == OutcomeHit) == c.Hit:
		case right && s.excused(c, v, c.events, !c.Hit, func(res []Result) bool { return len(res) > 0 != c.Hit }):
			excused = append(excused, v.Engine)
		default:
			wrong = append(wrong, v.Engine)
		}
	}
	if len(wrong) == 0 {
		return
	}
	f := Failure{Engines: wrong, Marks: marks}
	at := c.Span
	if c.Hit {
		f.Diagnostic = diag.Diagnostic{Span: at, Severity: diag.Error, Code: codeMissed,
			Message: fmt.Sprintf("a row has to come out of these events: %s %s none%s", names(wrong), verb(len(wrong), "give"), soDo(excused))}
	} else {
		v := c.verdict(wrong[0])
		f.Diagnostic = diag.Diagnostic{Span: at, Severity: diag.Error, Code: codeFired,
			Message: fmt.Sprintf("no row may come out of these events: %s %s %s%s", names(wrong), verb(len(wrong), "give"), counted(len(v.Results), "row"), soDo(excused))}
		for _, r := range first(v.Results, maxRows) {
			f.Rows = append(f.Rows, "+ "+r.Row.String())
		}
	}
	f.Because = s.why(c, wrong[0], c.events, -1)
	c.Failures = append(c.Failures, f)
}

// maxRows is how many rows of a kind a failure shows.
const maxRows = 5

func names(engines []Engine) string {
	parts := make([]string, len(engines))
	for i, e := range engines {
		parts[i] = string(e)
	}
	if n := len(parts); n > 1 {
		return strings.Join(parts[:n-1], ", ") + " and " + parts[n-1]
	}
	return parts[0]
}

// soDo names engines that do the same and may.
func soDo(excused []Engine) string {
	if len(excused) == 0 {
		return ""
	}
	return fmt.Sprintf("; so %s %s, which is allowed", verb(len(excused), "do"), names(excused))
}

func verb(n int, word string) string {
	switch {
	case n > 1:
		return word
	case strings.HasSuffix(word, "s"), word == "do":
		return word + "es"
	}
	return word + "s"
}

// query is the first query of the program, nil if there is none.
func (p *Program) query() ir.Query {
	if p == nil || len(p.Queries) == 0 {
		return nil
	}
	return p.Queries[0]
}

// why explains what an engine made of events: of event n, or of all.
func (s *suite) why(c *Case, e Engine, events []eval.Event, n int) []Because {
	p := c.Hunt.Program(e)
	o := s.options(c)
	run, done := p.over(events, o)
	defer done()
	var out []Because
	for _, q := range p.Queries {
		sc := scene{q, run}
		if c.Hit {
			out = append(append(out, sc.whyNone(q)...), sc.lookBacks()...)
			continue
		}
		for _, row := range sc.run(q) {
			if n < 0 || slices.Contains(row.Events(), n) {
				out = append(out, sc.whyRow(q, row)...)
				break
			}
		}
	}
	if e != IR {
		// Places in a query are in its text.
		if o := c.Hunt.Output(e); o != nil {
			name := queryName(c.Hunt, e)
			s.mu.Lock()
			s.texts[name] = o.Query
			s.mu.Unlock()
			for i := range out {
				out[i].Pos.Filename = name
				out[i].EndPos.Filename = name
			}
		}
	}
	return first(out, maxBecause)
}

// queryName is what diagnostics call the text of a query.
func queryName(h *Hunt, e Engine) string { return fmt.Sprintf("%s (%s query)", h.Path, e) }

// expected holds the rows of IR against those that the fixture lists.
func (s *suite) expected(c *Case) {
	have := make([]string, len(c.rows))
	for i, r := range c.rows {
		have[i] = canonicalRow([]byte(r))
	}
	want := make([]string, len(c.Rows))
	for i, r := range c.Rows {
		want[i] = canonicalRow(r.JSON)
	}
	missing, extra := lessRows(want, have), lessRows(have, want)
	if len(missing)+len(extra) == 0 {
		return
	}
	at := c.Span
	if c.RowsFile != "" {
		at = whole(c.RowsFile)
	}
	f := Failure{Engines: []Engine{IR}, Diagnostic: diag.Diagnostic{Span: at, Severity: diag.Error, Code: codeRows,
		Message: "other rows come out than expected", Hint: "If the new ones are right, run \"huntc test --update\" and read the difference."}}
	if c.RowsFile == "" {
		f.Hint = "If the new ones are right, write them under \"rows\"."
	}
	for _, r := range first(missing, maxRows) {
		f.Rows = append(f.Rows, "- "+r)
	}
	for _, r := range first(extra, maxRows) {
		f.Rows = append(f.Rows, "+ "+r)
	}
	c.Failures = append(c.Failures, f)
}

// canonicalRow is a row as JSON with its keys sorted, and those without a value
// left out, so that two rows that say the same are the same text.
func canonicalRow(text []byte) string {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		return string(text)
	}
	for k, v := range m {
		if v == nil {
			delete(m, k)
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return string(text)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// lessRows are the rows of a that are not in b, as often as they are more.
func lessRows(a, b []string) []string {
	left := map[string]int{}
	for _, r := range b {
		left[r]++
	}
	var out []string
	for _, r := range a {
		if left[r]--; left[r] < 0 {
			out = append(out, r)
		}
	}
	slices.Sort(out)
	return out
}

// agree holds the rows of a target against those of IR: their number, and the
// columns that have the same name, unless the verdict on the target announces
// that they differ.
func (s *suite) agree(c *Case, v *Verdict, want []Result) {
	var what string
	var rows []string
	more := len(v.Results) > len(want)
	switch {
	case len(v.Results) != len(want) && c.Hunt.standsIn(v.Engine):
		return // one has rows of windows, the other of what lies together
	case len(v.Results) != len(want):
		if s.excused(c, v, c.events, more, func(res []Result) bool { return len(res) != len(want) && len(res) > len(want) == more }) {
			return
		}
		what = fmt.Sprintf("%s gives %s, and the hunt %d", v.Engine, counted(len(v.Results), "row"), len(want))
	case len(c.Hunt.announced(v.Engine, c.events, true))+len(c.Hunt.announced(v.Engine, c.events, false)) > 0:
		return
	default:
		rest := slices.Clone(v.Results)
		for _, w := range want {
			i := slices.IndexFunc(rest, func(r Result) bool { return sharedEqual(w.Row, r.Row) })
			if i >= 0 {
				rest = slices.Delete(rest, i, i+1)
				continue
			}
			what = fmt.Sprintf("%s gives other values than the hunt", v.Engine)
			if names := differing(w.Row, v.Results); len(names) > 0 {
				what = fmt.Sprintf("%s gives another %s than the hunt", v.Engine, strings.Join(names, ", "))
			}
			rows = append(rows, "- "+w.Row.String())
		}
		for _, r := range rest {
			rows = append(rows, "+ "+r.Row.String())
		}
	}
	if what == "" {
		return
	}
	c.Failures = append(c.Failures, Failure{Engines: []Engine{v.Engine}, Rows: first(rows, 2*maxRows), Diagnostic: diag.Diagnostic{Span: c.Span, Severity: diag.Error, Code: codeDisagree,
		Message: what, Hint: "Compare the query with the document: huntc explain shows it."}})
}

// differing are the columns in which a row differs from the nearest of others.
func differing(row eval.Row, others []Result) []string {
	var least []string
	for i, o := range others {
		var names []string
		for _, name := range row.Columns() {
			if slices.Contains(o.Row.Columns(), name) && !sameValue(row.Get(name), o.Row.Get(name)) {
				names = append(names, name)
			}
		}
		if i == 0 || len(names) < len(least) {
			least = names
		}
	}
	return least
}

// sharedEqual compares two rows in the columns that both have.
func sharedEqual(want, have eval.Row) bool {
	for _, name := range want.Columns() {
		if slices.Contains(have.Columns(), name) && !sameValue(want.Get(name), have.Get(name)) {
			return false
		}
	}
	return true
}

// sameValue compares a value of the hunt with one of a target: which keeps
// instants and lengths of time as seconds, a list in any order, a missing text
// as an empty one or, in a data model, as "unknown", and some texts without their
// case.
func sameValue(a, b any) bool {
	if t, ok := a.(time.Time); ok {
		if u, ok := b.(time.Time); ok {
			return t.Equal(u)
		}
		a = float64(t.UnixMicro()) / 1e6
	}
	if d, ok := a.(time.Duration); ok {
		if e, ok := b.(time.Duration); ok {
			return d == e
		}
		a = d.Seconds()
	}
	x, xok := asNumber(a)
	y, yok := asNumber(b)
	if xok && yok {
		diff := x - y
		return diff == 0 || diff < 1e-6*max(1, x) && diff > -1e-6*max(1, x)
	}
	texts := func(v any) []string {
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		var out []string
		for _, x := range list {
			if x != nil && x != "" && x != "unknown" {
				out = append(out, strings.ToLower(strings.Trim(sayCell(x), "'")))
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return slices.Equal(texts(a), texts(b))
}

func asNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// noticed reports whether a fixture of the hunt that passes fails with the
// mutant.
func (s *suite) noticed(r *HuntReport, m Mutant) bool {
	one := eachEvent(r.Hunt.Logical.Query)
	p := &Program{Engine: IR, Hunt: r.Hunt, Queries: []ir.Query{m.Query}}
	for _, c := range r.Cases {
		if c.failedOn(IR) {
			continue
		}
		res, err := p.Run(c.events, s.options(c))
		if err != nil {
			continue
		}
		switch {
		case !c.Hit && len(res) > 0, c.Hit && len(res) == 0:
			return true
		case c.Hit && one && len(selected(res)) < len(c.events):
			return true
		case c.Hit && c.HasRows && !slices.Equal(rowTexts(res), c.rows):
			return true
		}
	}
	return false
}
