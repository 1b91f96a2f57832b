package splunk

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// Names of the columns that tstats rows carry beside those they are grouped by.
const (
	countColumn = "count"
	firstColumn = "firstTime"
	lastColumn  = "lastTime"
	timeColumn  = "_time"
)

// unknownText fills a missing value of a column that rows are grouped by:
// without it "by" drops the row. The data models write the same word.
const unknownText = "unknown"

// planner turns a physical query into one that a form of SPL can say.
type planner struct {
	b    *Backend
	hunt *ir.Hunt
	form backends.Form
	// fields are the columns that the author asked for.
	fields []*ir.Field

	diags   diag.List
	reasons []ir.Reason
	// why is the first reason why the form cannot say the query; "" if it can.
	why string
	// onEvents says that a step of a chain is planned, which clearOfFill has seen.
	onEvents bool
	// unfolded are the tests that unfold has made, which schema.Resolve has not
	// seen.
	unfolded map[ir.Expr]bool
	// open says that the rows on top show whatever columns the scope lists:
	// no operator of the hunt has chosen any.
	open bool
}

// plan is the outcome of planning one query in one form.
type plan struct {
	query   ir.Query
	times   []string // columns on top that hold times as numbers
	columns []string // of the rows
	reasons []ir.Reason
	diags   diag.List
	why     string // not "": the form cannot say the query
}

func (b *Backend) plan(h *ir.Hunt, q ir.Query, fields []*ir.Field, form backends.Form) plan {
	p := &planner{b: b, hunt: h, form: form, fields: fields}
	r := p.query(nativeTime(spellTerms(p.sayable(q))), need{show: true})
	out := r.query
	if p.open && form != backends.Tstats {
		out = p.table(q.At(), out, r.scope)
	}
	var times, columns []string
	for _, c := range r.scope {
		if !c.hidden && !slices.Contains(columns, c.name) {
			columns = append(columns, c.name)
		}
		if c.epoch && c.name != timeColumn && !c.hidden {
			times = append(times, c.name)
		}
	}
	p.manyCounted(q)
	p.diags.Sort()
	return plan{query: out, times: times, columns: columns, reasons: p.reasons, diags: p.diags, why: p.why}
}

// need says what the operators above want of the rows below.
type need struct {
	cols    []*ir.Field // columns that they use
	show    bool        // the rows are the result: every column worth showing
	counted bool        // they can read how many events a row stands for
	times   bool        // they want the first and the last time of such a row
	clock   int64       // how fine they tell times apart, in seconds; 0 for 1
	only    bool        // they want no column beside cols
	front   bool        // they are the first rows of an order
}

func (n need) plus(fields ...*ir.Field) need {
	n.cols = union(n.cols, fields)
	return n
}

func union(a, b []*ir.Field) []*ir.Field {
	out := slices.Clone(a)
	for _, f := range b {
		if !ir.HasField(out, f.Name) {
			out = append(out, f)
		}
	}
	return out
}

// rows are a planned query and its columns.
type rows struct {
	query ir.Query
	scope scope
	// merged: a row may stand for several of the rows that the hunt means;
	// counted: for as many as its column count says.
	merged, counted bool
	// paired: it may stand for several rows of which the time is exactly the
	// same, because they are one event beside several of a join's other side.
	paired bool
}

// fallback gives the form up, for the first reason that is met.
func (p *planner) fallback(why string) {
	if p.why == "" {
		p.why = why
	}
}

func (p *planner) query(q ir.Query, n need) rows {
	switch q := q.(type) {
	case *ir.Scan:
		return p.events(q, n)
	case *ir.Filter:
		if isChain(q) {
			return p.events(q, n)
		}
		var r rows
		switch in := q.Input.(type) {
		case *ir.Aggregate:
			r = p.aggregate(in, q.Pred)
		case *ir.Window:
			r = p.window(in, n.plus(ir.Fields(q.Pred)...), q.Pred)
		default:
			r = p.query(in, n.plus(ir.Fields(q.Pred)...))
		}
		r.query = p.filter(q.Span, r.query, q.Pred, r.scope)
		r.scope = r.scope.passing(ir.Conjuncts(q.Pred)...)
		return r
	case *ir.Extend:
		if isChain(q) {
			return p.events(q, n)
		}
		r := p.query(q.Input, n.without(q.Cols).plus(colFields(q.Cols)...))
		return p.extend(q, r)
	case *ir.Project:
		return p.project(q, n)
	case *ir.Aggregate:
		return p.aggregate(q, nil)
	case *ir.Window:
		return p.window(q, n, nil)
	case *ir.Session:
		return p.session(q, n)
	case *ir.Lag:
		return p.lag(q, n)
	case *ir.Rank:
		return p.rank(q, n)
	case *ir.Union:
		return p.union(q, n)
	case *ir.Join:
		if t, ok := q.Right.(*ir.Table); ok {
			return p.lookup(q, t, n)
		}
		return p.join(outerLarger(q), n)
	case *ir.Distinct:
		if q.Whole {
			n.counted = false
			r := p.query(q.Input, n.plus(q.By...))
			r = p.fillKeys(q.Span, r, q.By)
			r.query = &ir.Distinct{Span: q.Span, Input: r.query, By: q.By, Whole: true}
			r.counted = false
			return r
		}
		r := p.query(q.Input, need{cols: q.By, only: true})
		r = p.fillKeys(q.Span, r, q.By)
		r.query = &ir.Distinct{Span: q.Span, Input: r.query, By: q.By}
		return p.keep(q.Span, r, q.By)
	case *ir.Sort:
		var keys []*ir.Field
		for _, k := range q.Keys {
			p.name(k.X)
			keys = append(keys, k.X)
		}
		r := p.clearKeys(q.Span, p.query(q.Input, n.plus(keys...)), keys)
		if n.show && !n.front {
			r.query = &ir.Sort{Span: q.Span, Input: r.query, Keys: q.Keys}
			return r // which rows there are does not depend on the order
		}
		in, all, made := missingFirst(r, q.Keys)
		r.query = withoutCols(&ir.Sort{Span: q.Span, Input: in, Keys: all}, made)
		return r
	case *ir.Limit:
		n.counted, n.front = false, true
		r := p.query(q.Input, n)
		if r.merged {
			p.fallback("A row of tstats may stand for several events, and the hunt asks for a number of events.")
		}
		r.query = &ir.Limit{Span: q.Span, Input: r.query, N: q.N}
		r.counted = false
		return r
	}
	p.fallback("The query has a part that is not known.")
	return rows{query: q}
}

func (n need) without(cols []*ir.Col) need {
	n.cols = slices.DeleteFunc(slices.Clone(n.cols), func(f *ir.Field) bool {
		return slices.ContainsFunc(cols, func(c *ir.Col) bool { return c.As == f.Name })
	})
	return n
}

func colFields(cols []*ir.Col) []*ir.Field {
	var all []*ir.Field
	for _, c := range cols {
		all = union(all, exprFields(c.X))
	}
	return all
}

// exprFields are the fields that an expression reads, also those that a
// foreign one names.
func exprFields(e ir.Expr) []*ir.Field {
	out := ir.Fields(e)
	ir.WalkExpr(e, func(x ir.Expr) bool {
		if f, ok := x.(*ir.Foreign); ok {
			for _, name := range f.Needs {
				out = union(out, []*ir.Field{{Span: f.Span, Name: name}})
			}
		}
		return true
	})
	return out
}

// isChain reports whether q is a Scan below nothing but Filters and Extends.
func isChain(q ir.Query) bool {
	for {
		switch x := q.(type) {
		case *ir.Scan:
			return true
		case *ir.Filter:
			q = x.Input
		case *ir.Extend:
			q = x.Input
		default:
			return false
		}
	}
}

// filter is a Filter above rows, or the rows themselves if it keeps them all.
func (p *planner) filter(at diag.Span, in ir.Query, pred ir.Expr, sc scope) ir.Query {
	pred = p.where(pred, sc)
	if ir.IsTrue(pred) {
		return in
	}
	return &ir.Filter{Span: at, Input: in, Pred: pred}
}

// extend adds columns to planned rows, in an order in which no assignment
// reads one made beside it, because eval makes them one after the other.
func (p *planner) extend(q *ir.Extend, r rows) rows {
	out := &ir.Extend{Span: q.Span, Input: r.query}
	rest := slices.Clone(q.Cols)
	for len(rest) > 0 {
		i := slices.IndexFunc(rest, func(c *ir.Col) bool {
			return !slices.ContainsFunc(rest, func(o *ir.Col) bool { return o != c && ir.HasField(exprFields(o.X), c.As) })
		})
		if i < 0 {
			p.diags.Errorf(codeNameClash, rest[0], "Make them in two steps, under new names.",
				"%s is made beside a column that it is also made from", rest[0].As)
			i = 0
		}
		c := rest[i]
		rest = slices.Delete(rest, i, i+1)
		p.name(&ir.Field{Span: c.Span, Name: c.As})
		x := p.scalar(c.X, r.scope)
		if _, computed := c.X.(*ir.Call); computed {
			x = cleared(x, r.scope)
		}
		col := &ir.Col{Span: c.Span, As: c.As, X: x}
		if p.form == backends.Tstats && rex(col) != nil {
			// A command of its own, but not where the column may have a value.
			if hasColumn(r.scope, c.As) {
				call := x.(*ir.Call)
				col.X = onlyWhere(&ir.Regexp{Span: c.Span, X: call.Args[0], Source: call.Args[1].(*ir.Lit).Value.(string)}, x)
			} else {
				if len(out.Cols) > 0 {
					out = &ir.Extend{Span: q.Span, Input: out}
				}
				out.Cols = []*ir.Col{col}
				out = &ir.Extend{Span: q.Span, Input: out}
				col = nil
			}
		}
		if col != nil {
			out.Cols = append(out.Cols, col)
		}
		made := column{name: c.As, t: ir.TypeOf(c.X), nullable: nullableValue(c.X, x, r.scope), epoch: epoch(x, r.scope)}
		if f, ok := x.(*ir.Field); ok {
			made, _ = r.scope.find(f.Name)
			made = made.derived(c.As)
			made.hidden = false
		}
		r.scope = r.scope.with(made)
	}
	r.query = out
	if len(out.Cols) == 0 && len(q.Cols) > 0 {
		r.query = out.Input
	}
	return r
}

// scalar is the value of a new column.
func (p *planner) scalar(e ir.Expr, sc scope) ir.Expr {
	switch e := e.(type) {
	case *ir.Foreign:
		return p.foreign(e)
	case *ir.Field, *ir.Lit, *ir.Call:
		return p.value(e, sc)
	}
	p.diags.Errorf(codeUnsayable, e, "Filter by the condition, or choose between two values by it with \"if\".", "a condition cannot be the value of a column in Splunk")
	return e
}

// nullableValue reports whether a column may be null; x is e planned. An
// expression of the schema's stands for a field that may be missing, whatever it
// gives then.
func nullableValue(e, x ir.Expr, sc scope) bool {
	if _, ok := e.(*ir.Foreign); ok {
		return true
	}
	return mayBeNull(x, sc)
}

// table is the Project that shows the columns of the scope.
func (p *planner) table(at diag.Span, q ir.Query, sc scope) ir.Query {
	out := &ir.Project{Span: at, Input: q}
	for _, c := range sc {
		if c.hidden {
			continue
		}
		f := &ir.Field{Span: at, Name: c.name, T: c.t}
		p.name(f)
		out.Cols = append(out.Cols, &ir.Col{Span: at, As: c.name, X: f})
	}
	return out
}

// keep projects rows to some of their columns.
func (p *planner) keep(at diag.Span, r rows, fields []*ir.Field) rows {
	out := &ir.Project{Span: at, Input: r.query}
	var sc scope
	for _, f := range fields {
		out.Cols = append(out.Cols, &ir.Col{Span: f.Span, As: f.Name, X: f})
		c, _ := r.scope.find(f.Name)
		sc = append(sc, c.derived(f.Name))
	}
	return rows{query: out, scope: sc}
}

// project plans a Project: columns that are not plain fields are made by an
// Extend first.
func (p *planner) project(q *ir.Project, n need) rows {
	cols := q.Cols
	n.counted = n.counted && countable(q.Input)
	if n.only && !n.show {
		cols = wanted(cols, n)
	}
	shown := false
	if n.show && !n.counted && isChain(q.Input) {
		cols, shown = p.showTime(cols, n)
	}
	below := need{cols: colFields(cols), only: true, counted: n.counted, times: shown || n.times, clock: n.clock}
	r := p.query(q.Input, below)
	if shown && !hasColumn(r.scope, firstColumn) {
		// Something below reads the time, so the rows have it.
		shown, below.times, cols = false, n.times, q.Cols
	}
	if len(cols) == 0 && !shown && !n.counted {
		p.diags.Errorf(codeUnsayable, q, "Name the columns with \"project\" or with output.", "no column is left to show")
	}
	made := &ir.Extend{Span: q.Span}
	var used []*ir.Field
	out := &ir.Project{Span: q.Span}
	sc := scope{}
	put := func(at diag.Span, as string, f *ir.Field, c column) {
		out.Cols = append(out.Cols, &ir.Col{Span: at, As: as, X: f})
		sc = append(sc, c.derived(as))
	}
	for _, c := range cols {
		if hasColumn(sc, c.As) {
			continue // both sides of a join below may show it
		}
		p.name(&ir.Field{Span: c.Span, Name: c.As})
		f, ok := c.X.(*ir.Field)
		if ok && !ir.HasField(used, f.Name) {
			used = append(used, f)
			info, _ := r.scope.find(f.Name)
			put(c.Span, c.As, f, info)
			continue
		}
		made.Cols = append(made.Cols, c)
		put(c.Span, c.As, &ir.Field{Span: c.Span, Name: c.As, T: ir.TypeOf(c.X)}, column{t: ir.TypeOf(c.X), nullable: true})
	}
	if len(made.Cols) > 0 {
		for _, c := range made.Cols {
			if ir.HasField(used, c.As) {
				p.diags.Errorf(codeNameClash, c, "Give the new column a name of its own.", "%s is made under the name of a column that is shown as well", c.As)
			}
		}
		made.Input = r.query
		r = p.extend(made, r)
		for i, c := range sc {
			if slices.ContainsFunc(made.Cols, func(m *ir.Col) bool { return m.As == c.name }) {
				info, _ := r.scope.find(c.name)
				sc[i] = info.derived(c.name)
			}
		}
	}
	var extra []string
	if r.counted && (shown || n.counted) {
		extra = append(extra, countColumn)
	}
	if below.times && hasColumn(r.scope, firstColumn) {
		extra = append(extra, firstColumn, lastColumn)
	}
	for _, name := range extra {
		if _, clash := sc.find(name); clash {
			p.fallback("A column of the hunt is called " + name + ", which is also the name of a column that tstats adds.")
		}
		c, _ := r.scope.find(name)
		put(q.Span, name, &ir.Field{Span: q.Span, Name: name, T: c.t}, c)
	}
	out.Input = r.query
	return rows{query: out, scope: sc, merged: r.merged, counted: r.counted && n.counted, paired: r.paired}
}

// countable reports whether the rows of q can say how many events they stand for.
func countable(q ir.Query) bool {
	if isChain(q) {
		return true
	}
	switch q := q.(type) {
	case *ir.Filter, *ir.Extend, *ir.Project, *ir.Session, *ir.Sort:
		return countable(ir.Inputs(q)[0])
	case *ir.Union:
		return !slices.ContainsFunc(q.Inputs, func(in ir.Query) bool { return !countable(in) })
	case *ir.Join:
		return countable(q.Left)
	}
	return false
}

// wanted are the columns that the operators above use; where rows are counted
// by nothing else, one of them at least.
func wanted(cols []*ir.Col, n need) []*ir.Col {
	var out []*ir.Col
	for _, c := range cols {
		if ir.HasField(n.cols, c.As) {
			out = append(out, c)
		}
	}
	if len(out) > 0 || n.counted || len(cols) == 0 {
		return out
	}
	for _, c := range cols {
		if !ir.HasField(exprFields(c.X), timeColumn) {
			return []*ir.Col{c}
		}
	}
	return cols[:1]
}

// showTime leaves the time of the event out of a Project on top, where nothing
// above reads it: rows of tstats stand for several events each, so how many,
// and when the first and the last of them was, takes its place.
func (p *planner) showTime(cols []*ir.Col, n need) (out []*ir.Col, dropped bool) {
	if p.form != backends.Tstats {
		return cols, false
	}
	for _, c := range cols {
		if f, ok := c.X.(*ir.Field); ok && f.Name == timeColumn && c.As == timeColumn && !ir.HasField(n.cols, c.As) {
			dropped = true
			continue
		}
		out = append(out, c)
	}
	return out, dropped
}

// step is one operator above the Scan of a chain, after pushdown.
type step struct {
	at   diag.Span
	rest []ir.Expr // of a Filter
	cols []*ir.Col // of an Extend
}

// source is a chain taken apart.
type source struct {
	scan  *ir.Scan
	push  []ir.Expr
	steps []step
	// used are the columns that the steps and the operators above read and the
	// table stores.
	used []*ir.Field
	// shown are the columns worth showing: the dataset's, those that the author
	// asked for and those that the steps test.
	shown []*ir.Field
	// computed are the names of the columns that the steps make.
	computed []*ir.Field
	keywords bool
}

// source takes a chain apart: what can be searched for is pushed down to the
// Scan, what is left stays where it was, and columns that nobody reads go.
func (p *planner) source(q ir.Query, n need) source {
	var ops []ir.Query
	for {
		if s, ok := q.(*ir.Scan); ok {
			slices.Reverse(ops)
			return p.take(s, ops, n)
		}
		ops = append(ops, q)
		q = ir.Inputs(q)[0]
	}
}

func (p *planner) take(s *ir.Scan, ops []ir.Query, n need) source {
	src := source{scan: s}
	view, table := schema.View(s.Physical.View), s.Physical.Table
	switch {
	case view == schema.Raw && !macroName(table):
		p.diags.Errorf(codeUnsayable, s, "Name a macro in huntc.yaml, and put the search that it stands for into its definition.", "%q is not the name of a macro", table)
	case p.form == backends.Tstats && !macroName(p.b.cfg.SummariesOnly):
		p.diags.Errorf(codeUnsayable, s, "Correct it in huntc.yaml.", "%q is not the name of a macro", p.b.cfg.SummariesOnly)
	case view == schema.CIM && p.b.schema.Table(view, table) == nil:
		p.diags.Errorf(codeUnsayable, s, "Correct the dataset's table in huntc.yaml.", "there is no data model %q", table)
	}
	push := &pusher{tstats: p.form == backends.Tstats, raw: view == schema.Raw}
	push.stored = func(name string) (nullable, ok bool) {
		if ir.HasField(src.computed, name) {
			return false, false
		}
		if name == timeColumn {
			return false, false
		}
		info, ok := p.b.schema.Column(view, table, name)
		return info.Fill == "", ok
	}
	push.counts = func(name string) bool {
		info, _ := p.b.schema.Column(view, table, name)
		_, err := strconv.ParseFloat(info.Fill, 64)
		return err == nil
	}
	for _, op := range ops {
		switch op := op.(type) {
		case *ir.Filter:
			pred := plainText(p.clearOfFill(op.Pred, view, table))
			pushed, rest := push.splitAll(ir.Simplify(pred))
			src.push = distinct(src.push, pushed)
			if len(rest) > 0 {
				src.steps = append(src.steps, step{at: op.Span, rest: rest})
			}
			ir.WalkExpr(pred, func(e ir.Expr) bool {
				_, kw := e.(*ir.Keyword)
				src.keywords = src.keywords || kw
				return true
			})
		case *ir.Extend:
			src.steps = append(src.steps, step{at: op.Span, cols: op.Cols})
			for _, c := range op.Cols {
				src.computed = append(src.computed, &ir.Field{Span: c.Span, Name: c.As, T: ir.TypeOf(c.X)})
			}
		}
	}
	src.used = n.cols
	if n.show {
		src.used = union(src.used, s.Physical.Columns)
		src.used = union(src.used, p.fields)
	}
	src.shown = src.used
	for _, st := range src.steps {
		src.shown = union(src.shown, ir.Fields(st.rest...))
	}
	p.prune(&src, n.show)
	return src
}

func macroName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return s != ""
}

// distinct adds predicates; a Match that is there already is left out: what
// tells a dataset from others is often what the rule asks for as well.
func distinct(list, more []ir.Expr) []ir.Expr {
	for _, e := range more {
		m, ok := e.(*ir.Match)
		if !ok || !slices.ContainsFunc(list, func(o ir.Expr) bool { return sameMatch(o, m) }) {
			list = append(list, e)
		}
	}
	return list
}

func sameMatch(e ir.Expr, m *ir.Match) bool {
	o, ok := e.(*ir.Match)
	if !ok || o.Cased != m.Cased || o.X.(*ir.Field).Name != m.X.(*ir.Field).Name {
		return false
	}
	return slices.EqualFunc(o.Any, m.Any, func(p, q ir.Pattern) bool { return slices.Equal(p.Parts, q.Parts) })
}

// prune drops columns that nobody reads, unless all are shown, and collects
// the stored columns that are read.
func (p *planner) prune(src *source, show bool) {
	live := src.used
	for i := len(src.steps) - 1; i >= 0; i-- {
		st := &src.steps[i]
		if st.cols == nil {
			live = union(live, ir.Fields(st.rest...))
			continue
		}
		st.cols = slices.DeleteFunc(slices.Clone(st.cols), func(c *ir.Col) bool { return !show && !ir.HasField(live, c.As) })
		live = union(need{cols: live}.without(st.cols).cols, colFields(st.cols))
	}
	src.used = slices.DeleteFunc(slices.Clone(live), func(f *ir.Field) bool {
		// A name that is only ever made is not stored; one that is also read
		// before it is made stays.
		return ir.HasField(src.computed, f.Name) && !p.stores(src.scan, f.Name)
	})
	src.computed = slices.DeleteFunc(src.computed, func(f *ir.Field) bool {
		return !slices.ContainsFunc(src.steps, func(st step) bool {
			return slices.ContainsFunc(st.cols, func(c *ir.Col) bool { return c.As == f.Name })
		})
	})
}

func (p *planner) stores(s *ir.Scan, name string) bool {
	if name == timeColumn {
		return true
	}
	if s.Physical.View == string(schema.Raw) {
		return false // no catalogue: what is made is not stored
	}
	_, ok := p.b.schema.Column(schema.View(s.Physical.View), s.Physical.Table, name)
	return ok
}

// plainText reads the text of a number as the field itself: in Splunk they are
// one. A pattern that any text matches is a test for presence. A field that
// may hold any text is read as a number where it is compared by size: Splunk
// would compare texts that spell no number by the alphabet (search, "Comparison
// expressions").
func plainText(e ir.Expr) ir.Expr {
	return ir.MapExpr(e, func(e ir.Expr) ir.Expr {
		if c, ok := e.(*ir.Compare); ok && c.Op != ir.Eq && c.Op != ir.Ne && isNumber(c.R) {
			if f, ok := c.L.(*ir.Field); ok && (f.T == ir.Unknown || f.T == ir.String) {
				return &ir.Compare{Span: c.Span, Op: c.Op, L: &ir.Call{Span: f.Span, Func: ir.ToNumber, Args: []ir.Expr{f}}, R: c.R}
			}
			return c
		}
		if c, ok := e.(*ir.Compare); ok {
			return truth(c)
		}
		m, ok := e.(*ir.Match)
		if !ok {
			return e
		}
		if c, ok := m.X.(*ir.Call); ok && c.Func == ir.ToString {
			if f, ok := c.Args[0].(*ir.Field); ok {
				m = &ir.Match{Span: m.Span, X: f, Any: m.Any, Cased: m.Cased}
			}
		}
		if f, ok := m.X.(*ir.Field); ok && slices.ContainsFunc(m.Any, func(p ir.Pattern) bool {
			shape, _ := p.Shape()
			return shape == ir.ShapeAny
		}) {
			return &ir.Exists{Span: m.Span, X: f}
		}
		return m
	})
}

// truth compares a truth value as the texts that Splunk may have for it.
func truth(c *ir.Compare) ir.Expr {
	f, ok := c.L.(*ir.Field)
	lit, isLit := c.R.(*ir.Lit)
	if !ok || !isLit || c.Op != ir.Eq && c.Op != ir.Ne {
		return c
	}
	v, ok := lit.Value.(bool)
	if !ok {
		return c
	}
	texts := []string{"false", "0"}
	if v {
		texts = []string{"true", "1"}
	}
	m := &ir.Match{Span: c.Span, X: f, Any: []ir.Pattern{ir.TextPattern(lit.Span, texts[0]), ir.TextPattern(lit.Span, texts[1])}}
	if c.Op == ir.Eq {
		return m
	}
	return ir.NewLogic(c.Span, ir.And, &ir.Exists{Span: c.Span, X: f}, &ir.Not{Span: c.Span, X: m})
}

// clearOfFill keeps comparisons by size, and tests of the text of a column, clear
// of the value that the data model puts in the place of a missing one. A value
// that is chosen by what is missing is another one then.
func (p *planner) clearOfFill(e ir.Expr, view schema.View, table string) ir.Expr {
	if view != schema.CIM {
		return e
	}
	cleared := false
	return ir.MapExpr(e, func(e ir.Expr) ir.Expr {
		var read []*ir.Field
		switch x := e.(type) {
		case *ir.Logic:
			if x.Op == ir.And && cleared {
				return withoutRepeats(x) // schema.Resolve may have done so
			}
		case *ir.Match, *ir.Regexp:
			if f := ofText(x); f != nil {
				read = []*ir.Field{f}
			}
		case *ir.Compare:
			if x.Op != ir.Eq && isNumber(x.R) && !chooses(x) {
				read = ir.Fields(x)
			}
		}
		var all []ir.Expr
		for _, f := range read {
			info, _ := p.b.schema.Column(view, table, f.Name)
			if fill := ownFill(info); fill != "" && !cannotMatch(e, fill) {
				all = append(all, notText(f, fill))
			}
		}
		if len(all) == 0 {
			return e
		}
		cleared = true
		return ir.NewLogic(e.At(), ir.And, append(all, e)...)
	})
}

// cannotMatch reports a test of a text that a given one does not pass.
func cannotMatch(e ir.Expr, s string) bool {
	switch e := e.(type) {
	case *ir.Match:
		return !ir.RegexpMayMatch(patternsRegexp(e.Any, e.Cased), s)
	case *ir.Regexp:
		return !ir.RegexpMayMatch(e.Source, s)
	}
	return false
}

// withoutRepeats is an And of which no two arguments are equal.
func withoutRepeats(e *ir.Logic) ir.Expr {
	out := &ir.Logic{Span: e.Span, Op: e.Op}
	seen := map[string]bool{}
	for _, a := range ir.Conjuncts(ir.NewLogic(e.Span, e.Op, e.Args...)) {
		if text := ir.FormatExpr(a); !seen[text] {
			seen[text] = true
			out.Args = append(out.Args, a)
		}
	}
	return out
}

// events plans a chain: rows from the events of one dataset.
func (p *planner) events(q ir.Query, n need) rows {
	src := p.source(q, n)
	if n.show {
		p.open = true
	}
	p.searchNames(src.push)
	p.reportReadsAll(src)
	p.manyValues(src)
	if p.form == backends.Tstats {
		return p.grouped(src, n)
	}
	r := rows{query: &ir.Filter{Span: src.scan.Span, Input: src.scan, Pred: ir.NewLogic(src.scan.Span, ir.And, src.push...)}}
	info := func(f *ir.Field) column {
		c := column{name: f.Name, t: f.T, nullable: f.Name != timeColumn && f.Name != "host" && f.Name != "_raw", epoch: f.Name == timeColumn}
		if p.form == backends.Datamodel {
			col, ok := p.b.schema.Column(schema.CIM, src.scan.Physical.Table, f.Name)
			c.nullable = c.nullable && (!ok || col.Fill == "")
			c.own, c.many = ownFill(col), col.MultiValue
		}
		return c
	}
	if n.show && !ir.HasField(src.used, timeColumn) {
		r.scope = append(r.scope, info(&ir.Field{Name: timeColumn, T: ir.Time}))
	}
	for _, f := range src.used {
		if _, ok := r.scope.find(f.Name); !ok {
			c := info(f)
			c.hidden = !ir.HasField(src.shown, f.Name)
			r.scope = append(r.scope, c)
		}
	}
	if n.show && src.keywords {
		r.scope = r.scope.with(info(&ir.Field{Name: "_raw", T: ir.String}))
	}
	r.scope = r.scope.passing(src.push...)
	return p.replay(src, r)
}

// chooses reports a value that may be there although a field in it is not.
func chooses(e ir.Expr) bool { return hasCall(e, ir.If) || hasCall(e, ir.Coalesce) }

func ownFill(c schema.ColumnInfo) string {
	if c.Fill == schema.FillOther {
		return ""
	}
	return c.Fill
}

// hasValue reports whether every event that the chain keeps has a value in the
// column: some condition is false for the text that the data model puts in the
// place of a missing one.
func (src *source) hasValue(name, own string) bool {
	all := src.push
	for _, st := range src.steps {
		all = append(all[:len(all):len(all)], st.rest...)
	}
	return slices.ContainsFunc(all, func(e ir.Expr) bool { return excludes(e, name, own) })
}

// excludes reports a condition on the column that its fill does not pass. It
// may say false where the truth is hard to see.
func excludes(e ir.Expr, name, own string) bool {
	if n, ok := e.(*ir.Not); ok {
		switch x := n.X.(type) {
		case *ir.Match:
			f, ok := x.X.(*ir.Field)
			return ok && f.Name == name && slices.ContainsFunc(x.Any, func(p ir.Pattern) bool {
				s, ok := p.Literal()
				return ok && s == own
			})
		case *ir.Compare:
			f, ok := x.L.(*ir.Field)
			return ok && f.Name == name && x.Op == ir.Eq && isNumber(x.R) && numberText(x.R.(*ir.Lit).Value) == own
		}
		return false
	}
	switch e := e.(type) {
	case *ir.Logic:
		part := func(a ir.Expr) bool { return excludes(a, name, own) }
		if e.Op == ir.And {
			return slices.ContainsFunc(e.Args, part)
		}
		return len(e.Args) > 0 && !slices.ContainsFunc(e.Args, func(a ir.Expr) bool { return !part(a) })
	case *ir.Match:
		f, ok := e.X.(*ir.Field)
		return ok && f.Name == name && !ir.RegexpMayMatch(patternsRegexp(e.Any, e.Cased), own)
	case *ir.Compare:
		f, ok := e.L.(*ir.Field)
		return ok && f.Name == name && e.Op == ir.Eq && isNumber(e.R) && numberText(e.R.(*ir.Lit).Value) != own
	}
	return false
}

// replay puts the steps of a chain over its rows.
func (p *planner) replay(src source, r rows) rows {
	for i, c := range r.scope {
		if c.own != "" && src.hasValue(c.name, c.own) {
			r.scope[i].own = ""
		}
	}
	for _, st := range src.steps {
		if st.cols == nil {
			p.onEvents = true
			r.query = p.filter(st.at, r.query, ir.NewLogic(st.at, ir.And, st.rest...), r.scope)
			p.onEvents = false
			r.scope = r.scope.passing(st.rest...)
		} else if len(st.cols) > 0 {
			r = p.extend(&ir.Extend{Span: st.at, Cols: st.cols}, r)
		}
	}
	return r
}

// grouped plans the rows of tstats: one for each combination of the columns
// that are read, with the number of events it stands for.
func (p *planner) grouped(src source, n need) rows {
	at := src.scan.Span
	timed := ir.HasField(src.used, timeColumn)
	agg := &ir.Aggregate{Span: at, Input: &ir.Filter{Span: at, Input: src.scan, Pred: ir.NewLogic(at, ir.And, src.push...)}}
	agg.Aggs = []*ir.Agg{{Span: at, As: countColumn, Func: ir.Count}}
	r := rows{merged: true, counted: true}
	if n.show && !timed || n.times && (!timed || p.clock(src, n) > 1) {
		clock := &ir.Field{Span: at, Name: timeColumn, T: ir.Time}
		agg.Aggs = append(agg.Aggs,
			&ir.Agg{Span: at, As: firstColumn, Func: ir.Min, X: clock},
			&ir.Agg{Span: at, As: lastColumn, Func: ir.Max, X: clock})
	}
	fields := src.used
	if timed {
		fields = slices.DeleteFunc(slices.Clone(fields), func(f *ir.Field) bool { return f.Name == timeColumn })
	}
	keys, sc := p.keys(src.scan, fields)
	agg.By = append(agg.By, keys...)
	r.scope = append(r.scope, sc...)
	if timed {
		// Last: the grammar of tstats has the span at the end of "by".
		agg.By = append(agg.By, clockKey(at, p.clock(src, n)))
		r.scope = append(r.scope, column{name: timeColumn, t: ir.Time, epoch: true})
	}
	for _, a := range agg.Aggs {
		if _, clash := r.scope.find(a.As); clash {
			p.fallback("The data model has a column " + a.As + ", which is also the name of a column that tstats adds.")
		}
		r.scope = append(r.scope, column{name: a.As, t: a.Type(), epoch: a.X != nil})
	}
	r.query = agg
	if len(agg.By) == 0 && !n.counted {
		// Without "by" there is a row also where there are no events.
		r.query = &ir.Filter{Span: at, Input: agg, Pred: &ir.Compare{Span: at, Op: ir.Gt, Cased: true,
			L: &ir.Field{Span: at, Name: countColumn, T: ir.Int}, R: &ir.Lit{Span: at, Value: int64(0)}}}
	}
	return p.replay(src, r)
}

// clock is how fine the rows tell times apart, in seconds: as the operators
// above ask, but whole seconds where a step of the chain itself reads the time.
func (p *planner) clock(src source, n need) int64 {
	for _, st := range src.steps {
		if ir.HasField(ir.Fields(st.rest...), timeColumn) || ir.HasField(colFields(st.cols), timeColumn) {
			return 1
		}
	}
	return max(n.clock, 1)
}

// clockKey is the event time in whole steps of size seconds; one second is as
// fine as tstats tells times apart.
func clockKey(at diag.Span, size int64) *ir.Col {
	return &ir.Col{Span: at, As: timeColumn, X: &ir.Call{Span: at, Func: ir.Bin, Args: []ir.Expr{
		&ir.Field{Span: at, Name: timeColumn, T: ir.Time}, &ir.Lit{Span: at, Value: size}}}}
}

// keys are the columns that tstats groups by. If any of them can be null, all
// are filled: fillnull_value is one option for all.
func (p *planner) keys(s *ir.Scan, fields []*ir.Field) ([]*ir.Col, scope) {
	infos := make([]schema.ColumnInfo, len(fields))
	fill := false
	for i, f := range fields {
		p.name(f)
		var ok bool
		if infos[i], ok = p.b.schema.Column(schema.CIM, s.Physical.Table, f.Name); !ok {
			p.fallback("The data model " + s.Physical.Table + " as Splunk ships it has no field " + f.Name + ", so it is not known whether its acceleration holds it.")
		}
		fill = fill || infos[i].Fill == ""
	}
	var cols []*ir.Col
	var sc scope
	for i, f := range fields {
		col := &ir.Col{Span: f.Span, As: f.Name, X: f}
		c := column{name: f.Name, t: f.T, own: ownFill(infos[i]), many: infos[i].MultiValue}
		if fill {
			col.X = orUnknown(f)
		}
		if infos[i].Fill == "" {
			c.fill = unknownText
		}
		cols = append(cols, col)
		sc = append(sc, c)
	}
	return cols, sc
}

// orUnknown is coalesce(f, "unknown"), which fillnull and the option
// fillnull_value of tstats do.
func orUnknown(f *ir.Field) ir.Expr {
	return &ir.Call{Span: f.Span, Func: ir.Coalesce, Args: []ir.Expr{f, &ir.Lit{Span: f.Span, Value: unknownText}}}
}

// fillKeys fills the keys of a grouping that may be null: stats, dedup and
// streamstats leave out rows without one.
func (p *planner) fillKeys(at diag.Span, r rows, keys []*ir.Field) rows {
	var mixed []*ir.Field // a missing value is null in some rows and another text in others
	for _, f := range keys {
		if c, _ := r.scope.find(f.Name); c.nullable && notFill(f, r.scope) != nil && c.derived(f.Name).fill != unknownText {
			mixed = append(mixed, f)
		}
	}
	r = p.clearKeys(at, r, mixed)
	ext := &ir.Extend{Span: at, Input: r.query}
	for _, f := range keys {
		p.name(f)
		c, _ := r.scope.find(f.Name)
		if !c.nullable {
			continue
		}
		ext.Cols = append(ext.Cols, &ir.Col{Span: f.Span, As: f.Name, X: orUnknown(f)})
		c.name, c.nullable, c.fill = f.Name, false, unknownText
		r.scope = r.scope.with(c)
	}
	if len(ext.Cols) > 0 {
		r.query = ext
	}
	return r
}

// clearKeys takes the texts that stand for missing values out of the keys of an
// order, in which they would have a place among the values.
func (p *planner) clearKeys(at diag.Span, r rows, keys []*ir.Field) rows {
	ext := &ir.Extend{Span: at, Input: r.query}
	for _, f := range keys {
		if notFill(f, r.scope) == nil {
			continue
		}
		ext.Cols = append(ext.Cols, &ir.Col{Span: f.Span, As: f.Name, X: cleared(f, r.scope)})
		c, _ := r.scope.find(f.Name)
		c.fill, c.own, c.nullable = "", "", true
		r.scope = r.scope.with(c)
	}
	if len(ext.Cols) > 0 {
		r.query = ext
	}
	return r
}

// searchNames reports field names in a search expression that SPL cannot write.
func (p *planner) searchNames(preds []ir.Expr) {
	for _, f := range ir.Fields(preds...) {
		p.name(f)
	}
}

// reportReadsAll says so where nothing but the dataset's own constraint, or
// the presence of a column, narrows what is read.
func (p *planner) reportReadsAll(src source) {
	for _, e := range src.push {
		if e.At() == src.scan.Span {
			continue
		}
		if _, ok := e.(*ir.Exists); !ok {
			return
		}
	}
	tests := false
	for _, st := range src.steps {
		tests = tests || st.cols == nil
	}
	if !tests {
		return
	}
	p.diags.Warnf(codeReadsAll, src.scan, "Add a condition that a search can say: a word without wildcards inside, a prefix, a suffix.",
		"the condition can only be tested event by event, so the search reads every event of %s in its time range", src.scan.Physical.Table)
}

// manyValues notes tests behind the search on fields of a data model that may
// hold several values: tstats makes a row of each value, and eval sees them as
// one list, while a search, as Sigma, asks whether any of them passes.
func (p *planner) manyValues(src source) {
	if src.scan.Physical.View != string(schema.CIM) {
		return
	}
	for _, st := range src.steps {
		for _, f := range ir.Fields(st.rest...) {
			if info, _ := p.b.schema.Column(schema.CIM, src.scan.Physical.Table, f.Name); info.MultiValue {
				p.reason(ir.Reason{Span: f.Span, Code: codeManyValues, Effect: ir.Mixed,
					Message: f.Name + " may hold several values in one event, of which each is tested by itself here.",
					Hint:    "Use conditions that a search can say: words without a single-character wildcard, case or regular expression."})
			}
		}
	}
}

// takesMany notes a function of such a field, which gives nothing for several
// values: of each row of tstats it takes one, and eval does with a list as the
// function pleases.
func (p *planner) takesMany(f *ir.Field) {
	p.reason(ir.Reason{Span: f.Span, Code: codeManyValues, Effect: ir.Mixed,
		Message: f.Name + " may hold several values in one event, of which a function takes each by itself here.",
		Hint:    "Use conditions on the field itself, or allow it with hunt.allow where events have one value."})
}

// manyCounted notes keys and aggregates of a column that is computed of such a
// field: an event with several values counts once for each.
func (p *planner) manyCounted(q ir.Query) {
	of := map[string]string{}
	note := func(x ir.Expr) {
		if x == nil {
			return
		}
		for _, f := range ir.Fields(x) {
			if from := of[f.Name]; from != "" {
				p.reason(ir.Reason{Span: f.Span, Code: codeManyValues, Effect: ir.Mixed,
					Message: from + " may hold several values in one event, which is counted once for each of them here.",
					Hint:    "Allow it with hunt.allow where events have one value."})
			}
		}
	}
	ir.WalkQuery(q, func(q ir.Query) {
		switch q := q.(type) {
		case *ir.Extend:
			scan, ok := q.Input.(*ir.Scan)
			if !ok || scan.Physical.View != string(schema.CIM) {
				return
			}
			for _, c := range q.Cols {
				f, ok := c.X.(*ir.Foreign)
				if !ok {
					continue
				}
				for _, need := range f.Needs {
					if info, _ := p.b.schema.Column(schema.CIM, scan.Physical.Table, need); info.MultiValue {
						of[c.As] = need
					}
				}
			}
		case *ir.Aggregate:
			for _, c := range q.By {
				note(c.X)
			}
			for _, a := range q.Aggs {
				note(a.X)
			}
		case *ir.Distinct:
			for _, f := range q.By {
				note(f)
			}
		}
	})
}

// reason notes an infidelity, once.
func (p *planner) reason(r ir.Reason) {
	if !slices.Contains(p.reasons, r) {
		p.reasons = append(p.reasons, r)
	}
}

// secondsApart notes a comparison of two times, or of the time between them:
// in tstats those of two events within a second are one.
func (p *planner) secondsApart(c *ir.Compare) {
	if p.form != backends.Tstats {
		return
	}
	times := 0
	ir.WalkExpr(c, func(x ir.Expr) bool {
		if call, ok := x.(*ir.Call); ok && (call.Func == ir.Minute || call.Func == ir.Hour || call.Func == ir.Day || call.Func == ir.Week || call.Func == ir.Month || call.Func == ir.Year || call.Func == ir.Weekday) {
			return false
		}
		if f, ok := x.(*ir.Field); ok && f.T == ir.Time {
			times++
		}
		return true
	})
	if times > 1 {
		p.reason(ir.Reason{Span: c.Span, Code: codeGaps, Effect: ir.Mixed,
			Message: "tstats tells times apart by the second: two events within one second have the same time, and a length of time is up to a second off.",
			Hint:    "Allow it with hunt.allow if seconds do not matter to the hunt."})
	}
}

// pairsInOrder is why an order of joined rows needs the events.
const pairsInOrder = "A row of tstats on the right side of a join may stand for several events, and each of them makes a row of its own in the order of time."

// maxStreamWindow is how many rows streamstats keeps in a window (limits.conf,
// max_stream_window).
const maxStreamWindow = 10_000

// window plans the time since the row before, or since one further back. above
// is the condition on the rows; nil if there is none.
func (p *planner) window(q *ir.Window, n need, above ir.Expr) rows {
	n.counted, n.times, n.clock = false, false, 0
	n = n.without([]*ir.Col{{As: q.As}}).plus(q.By...).plus(q.Of)
	offset := max(1, q.Offset)
	if offset >= maxStreamWindow {
		p.diags.Errorf(codeUnsayable, q, "Look back over fewer rows, or count in windows that stand side by side.",
			"Splunk looks back over less than %d rows of a group, and this asks for %d", maxStreamWindow, offset)
	}
	r := p.query(q.Input, n)
	if r.merged {
		switch {
		case r.paired:
			p.fallback(pairsInOrder)
		case offset > 1:
			p.fallback("A row of tstats may stand for several events, so the event some places before another can only be found among the events themselves.")
		case asksForShort(above, q.As):
			p.fallback("Events of one group in the same second are one row of tstats, and the hunt asks for events as close as that.")
		case q.Of.Name != timeColumn:
			p.fallback("The gaps of a time other than that of the event need the events themselves.")
		}
		p.reason(ir.Reason{Span: q.Span, Code: codeGaps, Effect: ir.Mixed,
			Message: "tstats tells times apart by the second: gaps are whole seconds, and events of one group in the same second count once.",
			Hint:    "Allow it with hunt.allow if gaps of seconds or more are what the hunt is about."})
	}
	r = p.placed(q.Span, r, q.Of)
	r = p.fillKeys(q.Span, r, q.By)
	r.query = &ir.Window{Span: q.Span, Input: r.query, By: q.By, Of: q.Of, Offset: offset, As: q.As}
	r.scope = r.scope.with(column{name: q.As, t: ir.Duration})
	r.merged, r.counted, r.paired = false, false, false
	return r
}

// lag plans the value of the row before.
func (p *planner) lag(q *ir.Lag, n need) rows {
	n.counted, n.times, n.clock = false, false, 0
	n = n.without([]*ir.Col{{As: q.As}}).plus(q.By...).plus(q.Of, q.X)
	r := p.query(q.Input, n)
	if r.merged {
		if r.paired {
			p.fallback(pairsInOrder)
		}
		if q.Of.Name != timeColumn {
			p.fallback("The row before in the order of a column other than the time needs the events themselves.")
		}
		p.reason(ir.Reason{Span: q.Span, Code: codeGaps, Effect: ir.Mixed,
			Message: "tstats tells times apart by the second: of events of one group in the same second any may count as the one before, and those that are alike count once.",
			Hint:    "Allow it with hunt.allow if the order of events within a second does not matter to the hunt."})
	}
	p.unused(q, r, q.As)
	p.name(q.X)
	r = p.placed(q.Span, r, q.Of)
	r = p.fillKeys(q.Span, r, q.By)
	r.query = &ir.Lag{Span: q.Span, Input: r.query, By: q.By, Of: q.Of, X: q.X, As: q.As}
	before, _ := r.scope.find(q.X.Name)
	before = before.derived(q.As)
	before.nullable, before.hidden = true, false
	r.scope = r.scope.with(before)
	if before.fill != "" {
		// So that what is missing is so in one way only.
		as := &ir.Field{Span: q.Span, Name: q.As, T: before.t}
		r.query = &ir.Extend{Span: q.Span, Input: r.query, Cols: []*ir.Col{{Span: q.Span, As: q.As, X: cleared(as, r.scope)}}}
		before.fill, before.own = "", ""
		r.scope = r.scope.with(before)
	}
	r.merged, r.counted, r.paired = false, false, false
	return r
}

// unused reports a new column that has the name of one that the rows have:
// streamstats would leave the old value where it has no new one.
func (p *planner) unused(at diag.Node, r rows, name string) {
	p.name(&ir.Field{Span: at.At(), Name: name})
	if hasColumn(r.scope, name) {
		p.diags.Errorf(codeNameClash, at, "Give the new column a name of its own.", "the rows have a column %s already", name)
	}
}

// rank plans the places of rows.
func (p *planner) rank(q *ir.Rank, n need) rows {
	n.counted, n.times, n.clock = false, false, 0
	n = n.without([]*ir.Col{{As: q.As}}).plus(q.By...)
	for _, k := range q.Keys {
		p.name(k.X)
		n = n.plus(k.X)
	}
	r := p.query(q.Input, n)
	if r.merged {
		p.fallback("A row of tstats may stand for several events, and each event has a place of its own.")
	}
	p.unused(q, r, q.As)
	var keys []*ir.Field
	for _, k := range q.Keys {
		if !ir.HasField(q.By, k.X.Name) {
			keys = append(keys, k.X)
		}
	}
	r = p.clearKeys(q.Span, r, keys)
	r = p.fillKeys(q.Span, r, q.By)
	in, all, made := missingFirst(r, q.Keys)
	r.query = withoutCols(&ir.Rank{Span: q.Span, Input: in, By: q.By, Keys: all, As: q.As}, made)
	r.scope = r.scope.with(column{name: q.As, t: ir.Int})
	r.merged, r.counted, r.paired = false, false, false
	return r
}

// asksForShort reports whether a condition bounds a length of time from above,
// and lets 0 pass.
func asksForShort(e ir.Expr, name string) bool {
	if e == nil {
		return false
	}
	bounded := false
	for _, c := range ir.Conjuncts(e) {
		cmp, ok := c.(*ir.Compare)
		if !ok {
			continue
		}
		f, isField := cmp.L.(*ir.Field)
		lit, isLit := cmp.R.(*ir.Lit)
		if !isField || !isLit || f.Name != name {
			continue
		}
		var v float64
		switch x := lit.Value.(type) {
		case time.Duration:
			v = x.Seconds()
		case int64:
			v = float64(x)
		case float64:
			v = x
		}
		if !(map[ir.CmpOp]bool{ir.Lt: 0 < v, ir.Le: 0 <= v, ir.Gt: 0 > v, ir.Ge: 0 >= v, ir.Eq: v == 0, ir.Ne: v != 0}[cmp.Op]) {
			return false
		}
		bounded = bounded || cmp.Op == ir.Lt || cmp.Op == ir.Le || cmp.Op == ir.Eq
	}
	return bounded
}

// placed leaves out rows that have no place in the order of a time.
func (p *planner) placed(at diag.Span, r rows, of *ir.Field) rows {
	r.query = p.filter(at, r.query, &ir.Exists{Span: at, X: of}, r.scope)
	return r
}

// session plans sessions. Events that tstats has merged are within the same
// second, and so in the same session.
func (p *planner) session(q *ir.Session, n need) rows {
	n.times, n.clock = false, 0
	n = n.without([]*ir.Col{{As: q.As}}).plus(q.By...).plus(q.Of)
	r := p.query(q.Input, n)
	if r.merged {
		if q.Gap < time.Second {
			p.fallback("Gaps of less than a second need the events themselves.")
		}
		p.reason(ir.Reason{Span: q.Span, Code: codeGaps, Effect: ir.Mixed,
			Message: "tstats tells times apart by the second: a gap that differs from the session's by less than a second may count as longer or as shorter.",
			Hint:    "Allow it with hunt.allow if a second more or less does not matter to the hunt."})
	}
	r = p.placed(q.Span, r, q.Of)
	r = p.fillKeys(q.Span, r, q.By)
	r.query = &ir.Session{Span: q.Span, Input: r.query, By: q.By, Of: q.Of, Gap: q.Gap, As: q.As}
	r.scope = r.scope.with(column{name: q.As, t: ir.Time, epoch: epoch(q.Of, r.scope)})
	return r
}

// union plans each input by itself; their columns are aligned by name.
func (p *planner) union(q *ir.Union, n need) rows {
	r := rows{counted: n.counted}
	var all []rows
	for _, u := range q.Inputs {
		in := p.query(u, n)
		r.counted = r.counted && in.counted
		r.merged = r.merged || in.merged
		r.paired = r.paired || in.paired
		all = append(all, in)
	}
	unclear := make([][]*ir.Field, len(all))
	for i, in := range all {
		unclear[i] = ambiguous(in.scope, all)
	}
	for i, in := range all {
		all[i] = p.clearKeys(q.Span, in, unclear[i])
	}
	for _, in := range all {
		for _, c := range in.scope {
			if _, ok := r.scope.find(c.name); ok {
				continue
			}
			for _, other := range all {
				o, ok := other.scope.find(c.name)
				c.nullable = c.nullable || !ok || o.nullable
				if c.derived(c.name).fill == "" {
					c.fill = o.derived(o.name).fill
				}
			}
			r.scope = append(r.scope, c)
		}
	}
	if r.counted {
		if r.query = p.appended(q.Span, all); r.query != nil {
			return r
		}
	}
	out := &ir.Union{Span: q.Span}
	for _, in := range all {
		if flat, ok := in.query.(*ir.Union); ok {
			out.Inputs = append(out.Inputs, flat.Inputs...)
		} else {
			out.Inputs = append(out.Inputs, in.query)
		}
	}
	r.query = out
	p.subsearch(q, "append runs every search of a union but the first", "10,000 to 50,000 rows", "search")
	return r
}

// ambiguous are the columns of an input of a union in which a text stands for a
// missing value, and another one in another input.
func ambiguous(sc scope, inputs []rows) []*ir.Field {
	var out []*ir.Field
	for _, c := range sc {
		fill := c.derived(c.name).fill
		if fill != "" && slices.ContainsFunc(inputs, func(in rows) bool {
			o, ok := in.scope.find(c.name)
			o = o.derived(o.name)
			return ok && o.fill != "" && o.fill != fill
		}) {
			out = append(out, &ir.Field{Name: c.name, T: c.t})
		}
	}
	return out
}

// subsearch warns of what limits.conf does to a search within a search:
// [subsearch] maxout and maxtime, and [join] subsearch_maxout.
func (p *planner) subsearch(at diag.Node, what, rows, side string) {
	p.diags.Warnf(codeSubsearch, at, "Narrow that "+side+", or schedule the hunt over a shorter time, if it may return that many rows.",
		"%s as a subsearch, which Splunk ends without a word after 60 seconds or at the limit of limits.conf (%s)", what, rows)
}

// outerLarger is a join with its sides changed where that makes no difference
// to its rows and the right one, of which Splunk reads 50,000 rows at most, is
// events while the left one has been summed up.
func outerLarger(q *ir.Join) *ir.Join {
	cols, ok := columnsOf(q.Left)
	right, isProject := q.Right.(*ir.Project)
	if q.Kind != ir.Inner || !ok || !isProject || !summedUp(q.Left) || summedUp(right) {
		return q
	}
	small := &ir.Project{Span: q.Span, Input: q.Left}
	for _, name := range cols {
		small.Cols = append(small.Cols, fieldCol(q.Span, name))
	}
	return &ir.Join{Span: q.Span, Left: right, Right: small, Kind: ir.Inner, On: q.On}
}

// summedUp reports whether the rows of q are groups, or few.
func summedUp(q ir.Query) bool {
	switch q := q.(type) {
	case *ir.Aggregate, *ir.Distinct, *ir.Limit, *ir.Table:
		return true
	case *ir.Scan:
		return false
	case *ir.Join:
		return summedUp(q.Left)
	}
	return !slices.ContainsFunc(ir.Inputs(q), func(in ir.Query) bool { return !summedUp(in) })
}

// columnsOf are the columns of a query, if it says which they are.
func columnsOf(q ir.Query) (names []string, ok bool) {
	switch q := q.(type) {
	case *ir.Project:
		for _, c := range q.Cols {
			names = append(names, c.As)
		}
		return names, true
	case *ir.Aggregate:
		for _, c := range q.By {
			names = append(names, c.As)
		}
		for _, a := range q.Aggs {
			names = append(names, a.As)
		}
		return names, true
	case *ir.Extend:
		names, ok = columnsOf(q.Input)
		for _, c := range q.Cols {
			if !slices.Contains(names, c.As) {
				names = append(names, c.As)
			}
		}
		return names, ok
	case *ir.Rank:
		names, ok = columnsOf(q.Input)
		return append(names, q.As), ok
	case *ir.Filter, *ir.Sort, *ir.Limit:
		return columnsOf(ir.Inputs(q)[0])
	}
	return nil, false
}

// joinedColumn is how many events a row of the right side of a join stands for.
const joinedColumn = "joined_count"

// join plans both sides. Rows of the right side whose key is a text that
// stands for a missing value are left out: a missing key equals nothing. Where
// rows stand for several events each, a pair stands for all the pairs of them.
func (p *planner) join(q *ir.Join, n need) rows {
	var rightCols []*ir.Field
	if proj, ok := q.Right.(*ir.Project); ok {
		for _, c := range proj.Cols {
			rightCols = append(rightCols, &ir.Field{Name: c.As})
		}
	}
	isRight := func(f *ir.Field) bool { return ir.HasField(rightCols, f.Name) && !ir.HasField(q.On, f.Name) }
	ln, rn := n, need{only: n.only, counted: n.counted && q.Kind != ir.Anti}
	ln.times, ln.clock, ln.cols = false, 0, nil
	for _, f := range n.cols {
		if isRight(f) {
			rn = rn.plus(f)
		} else {
			ln = ln.plus(f)
		}
	}
	left := p.query(q.Left, ln.plus(q.On...))
	right := p.query(q.Right, rn.plus(q.On...))
	if n.counted && (left.merged && !left.counted || rn.counted && right.merged && !right.counted) {
		p.fallback("Rows that are joined and then counted have to be the events themselves.")
	}
	joined := ""
	if rn.counted && right.counted {
		right, joined = joinedCount(q, left, right)
	}
	var valid []ir.Expr
	for _, f := range q.On {
		p.name(f)
		c, _ := right.scope.find(f.Name)
		for _, text := range []string{c.fill, c.own} {
			if text != "" {
				valid = append(valid, &ir.Not{Span: q.Span, X: isText(q.Span, f, text)})
				break
			}
		}
	}
	if len(valid) > 0 {
		right.query = &ir.Filter{Span: q.Span, Input: right.query, Pred: ir.NewLogic(q.Span, ir.And, valid...)}
	}
	out := left
	out.query = &ir.Join{Span: q.Span, Left: left.query, Right: right.query, Kind: q.Kind, On: q.On}
	if q.Kind != ir.Anti {
		out.merged = left.merged || right.merged
		out.paired = left.paired || right.merged
		for _, c := range right.scope {
			if ir.HasField(q.On, c.name) {
				continue
			}
			if _, clash := left.scope.find(c.name); clash {
				p.diags.Errorf(codeNameClash, q, "Rename it on one side with \"project\" or \"extend\".", "both sides of the join have a column %s, and Splunk would keep one of them only", c.name)
			}
			c.nullable = c.nullable || q.Kind == ir.LeftOuter
			out.scope = out.scope.with(c)
		}
	}
	if joined != "" {
		out = pairs(q, out, left.counted, joined)
	}
	p.subsearch(q, "the join on "+strings.Join(names(q.On), ", ")+" runs its right side", "50,000 rows", "side")
	return out
}

// joinedCount gives the column count of the right side a name that neither
// side has.
func joinedCount(q *ir.Join, left, r rows) (rows, string) {
	name := joinedColumn
	for hasColumn(left.scope, name) || hasColumn(r.scope, name) {
		name += "_"
	}
	out := &ir.Project{Span: q.Span, Input: r.query}
	if proj, ok := r.query.(*ir.Project); ok {
		out.Input = proj.Input
		out.Cols = slices.Clone(proj.Cols)
	} else {
		for _, c := range r.scope {
			out.Cols = append(out.Cols, &ir.Col{Span: q.Span, As: c.name, X: &ir.Field{Span: q.Span, Name: c.name, T: c.t}})
		}
	}
	for i, c := range out.Cols {
		if c.As == countColumn {
			out.Cols[i] = &ir.Col{Span: c.Span, As: name, X: c.X}
		}
	}
	r.query = out
	r.scope = slices.Clone(r.scope)
	for i := range r.scope {
		if r.scope[i].name == countColumn {
			r.scope[i].name = name
		}
	}
	return r, name
}

// pairs counts the pairs of events that a row of a join stands for; joined is
// how many the row of the right side does.
func pairs(q *ir.Join, r rows, leftCounted bool, joined string) rows {
	n := ir.Expr(&ir.Field{Span: q.Span, Name: joined, T: ir.Int})
	if q.Kind == ir.LeftOuter {
		n = &ir.Call{Span: q.Span, Func: ir.Coalesce, Args: []ir.Expr{n, &ir.Lit{Span: q.Span, Value: int64(1)}}}
	}
	if leftCounted {
		n = &ir.Call{Span: q.Span, Func: ir.Mul, Args: []ir.Expr{&ir.Field{Span: q.Span, Name: countColumn, T: ir.Int}, n}}
	}
	r.query = &ir.Extend{Span: q.Span, Input: r.query, Cols: []*ir.Col{{Span: q.Span, As: countColumn, X: n}}}
	r.scope = r.scope.with(column{name: countColumn, t: ir.Int})
	r.counted = true
	return r
}

// timeZoneReason notes that a result depends on the time zone of whoever runs
// the search.
func (p *planner) timeZoneReason(at diag.Node, what string) {
	p.reason(ir.Reason{Span: at.At(), Code: codeTimeZone, Effect: ir.Mixed,
		Message: what + " is read in the time zone of whoever runs the search, not in UTC.",
		Hint:    "Allow it with hunt.allow if the searches run in UTC, or compare hours and minutes only."})
}

// quarterHour divides every offset of a time zone from UTC.
const quarterHour = int64(15 * time.Minute / time.Second)
