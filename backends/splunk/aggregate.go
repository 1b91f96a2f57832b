package splunk

import (
	"slices"
	"strconv"
	"time"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// aggregate plans a grouping: by tstats itself where it can say all of it, by
// stats over the rows of tstats where that comes to the same, else by stats
// over events. above is the condition on its rows; nil if there is none.
func (p *planner) aggregate(q *ir.Aggregate, above ir.Expr) rows {
	q = p.extremes(p.percentiles(q))
	if p.form == backends.Tstats {
		q = p.inlined(q)
		if isChain(q.Input) {
			if r, ok := p.direct(q, above); ok {
				return r
			}
		}
	}
	timed := p.form == backends.Tstats && passesTime(q.Input)
	// Rows of a union are counted in any case: appended puts them together so.
	below := need{only: true, counted: p.form == backends.Tstats && (slices.ContainsFunc(q.Aggs, multiplied) || unionBelow(q.Input))}
	for _, k := range q.By {
		if ir.HasField(exprFields(k.X), timeColumn) && timed {
			size := int64(1)
			if c, ok := k.X.(*ir.Call); ok {
				if s, ok := timeBin(c); ok {
					size = s
				} else if f, ok := c.Args[0].(*ir.Field); ok && f.Name == timeColumn {
					size = partSize(c.Func)
				}
			}
			below.clock = gcd(gcd(size, quarterHour), below.clock)
		}
		below = below.plus(exprFields(k.X)...)
	}
	for _, a := range q.Aggs {
		if a.X == nil {
			continue
		}
		if timed && extremeOfTime(a) {
			below.times = true
			continue
		}
		if timed && ir.HasField(exprFields(a.X), timeColumn) {
			below.clock = 1
		}
		below = below.plus(exprFields(a.X)...)
		if a.Of != nil {
			below = below.plus(a.Of)
		}
	}
	needsTime := slices.ContainsFunc(q.Aggs, func(a *ir.Agg) bool { return a.Func == ir.First || a.Func == ir.Last })
	if needsTime {
		below = below.plus(&ir.Field{Span: q.Span, Name: timeColumn, T: ir.Time})
		if timed {
			below.clock = 1
		}
	}
	r := p.query(q.Input, below)
	if needsTime {
		if _, ok := r.scope.find(timeColumn); !ok {
			p.diags.Errorf(codeUnsayable, q, "Take the first or last value before the rows are summarised.", "first and last need the time of the event, which the rows no longer have at this point")
		}
	}

	// Keys that are not plain columns are made first.
	made := &ir.Extend{Span: q.Span}
	keys := make([]*ir.Field, len(q.By))
	for i, k := range q.By {
		keys[i] = &ir.Field{Span: k.Span, Name: k.As, T: ir.TypeOf(k.X)}
		if f, ok := k.X.(*ir.Field); ok && f.Name == k.As {
			continue
		}
		made.Cols = append(made.Cols, k)
		for _, a := range q.Aggs {
			if (a.X != nil && ir.HasField(ir.Fields(a.X), k.As) || a.Of != nil && a.Of.Name == k.As) && !ir.HasField(ir.Fields(k.X), k.As) {
				p.diags.Errorf(codeNameClash, k, "Give the key a name of its own.", "the key %s has the name of a column that is also summarised", k.As)
			}
		}
	}
	if len(made.Cols) > 0 {
		made.Input = r.query
		r = p.extend(made, r)
	}
	r = p.fillKeys(q.Span, r, keys)

	s := &summary{p: p, q: q, above: above, in: r, out: &ir.Aggregate{Span: q.Span, Input: r.query}}
	var sc scope
	for _, k := range keys {
		s.out.By = append(s.out.By, &ir.Col{Span: k.Span, As: k.Name, X: k})
		c, _ := r.scope.find(k.Name)
		c.t = k.T
		sc = append(sc, c.derived(k.Name))
	}
	for _, a := range q.Aggs {
		s.add(a)
	}
	s.out.Aggs = append(s.out.Aggs, s.counts...)
	return s.finish(rows{query: s.out, scope: sc})
}

// percentiles gives the two ends of a percentile their names, and notes what
// is not certain of the others.
func (p *planner) percentiles(q *ir.Aggregate) *ir.Aggregate {
	out := *q
	out.Aggs = make([]*ir.Agg, len(q.Aggs))
	for i, a := range q.Aggs {
		b := *a
		out.Aggs[i] = &b
		if a.Func != ir.Percentile {
			continue
		}
		switch {
		case a.P <= 0:
			b.Func, b.P = ir.Min, 0
		case a.P >= 100:
			b.Func, b.P = ir.Max, 0
		default:
			p.reason(ir.Reason{Span: a.Span, Code: codePercentile, Effect: ir.Mixed,
				Message: "Where a percentile falls between two values, Splunk may give a value between them, not the smaller or the larger one.",
				Hint:    "Allow it with hunt.allow if the values lie close together."})
		}
	}
	return &out
}

// extremes reads the value at the smallest or largest time as the first or the
// last, for which Splunk has functions. Of other columns there may be one: the
// rows can have one order only.
func (p *planner) extremes(q *ir.Aggregate) *ir.Aggregate {
	out := *q
	out.Aggs = slices.Clone(q.Aggs)
	for i, a := range out.Aggs {
		if a.Of == nil {
			continue
		}
		if a.Of.Name == timeColumn {
			b := *a
			b.Of = nil
			b.Func = ir.Last
			if a.Func == ir.ArgMin {
				b.Func = ir.First
			}
			out.Aggs[i] = &b
			continue
		}
		p.name(a.Of)
		if of := orderedBy(out.Aggs[:i]); of != nil && of.Name != a.Of.Name {
			p.diags.Errorf(codeUnsayable, a, "Take them in two branches and join these, or take both by one column.",
				"Splunk takes values at the extremes of one column in one grouping, and this asks for %s and for %s", of.Name, a.Of.Name)
		}
	}
	return &out
}

// multiplied reports whether it matters to an aggregate how often a row occurs.
func multiplied(a *ir.Agg) bool {
	switch a.Func {
	case ir.Min, ir.Max, ir.DCount, ir.Values, ir.ArgMin, ir.ArgMax:
		return false
	}
	return true
}

// fromRows reports whether an aggregate can be computed from rows that stand
// for several events each.
func fromRows(a *ir.Agg) bool {
	switch a.Func {
	case ir.Stdev, ir.Percentile, ir.First, ir.Last:
		return false
	}
	return true
}

func extremeOfTime(a *ir.Agg) bool {
	f, ok := a.X.(*ir.Field)
	return ok && f.Name == timeColumn && (a.Func == ir.Min || a.Func == ir.Max)
}

// passesTime reports whether the rows of q have the time of their event, and
// no operator on the way reads it: then it may come in steps of any size.
func passesTime(q ir.Query) bool {
	if isChain(q) {
		return true
	}
	reads := func(e ir.Expr) bool { return ir.HasField(exprFields(e), timeColumn) }
	switch q := q.(type) {
	case *ir.Filter:
		return !reads(q.Pred) && passesTime(q.Input)
	case *ir.Extend:
		for _, c := range q.Cols {
			if c.As == timeColumn || reads(c.X) {
				return false
			}
		}
		return passesTime(q.Input)
	case *ir.Project:
		has := false
		for _, c := range q.Cols {
			if f, ok := c.X.(*ir.Field); ok && f.Name == timeColumn && c.As == timeColumn {
				has = true
			} else if c.As == timeColumn || reads(c.X) {
				return false
			}
		}
		return has && passesTime(q.Input)
	case *ir.Union:
		for _, in := range q.Inputs {
			if !passesTime(in) {
				return false
			}
		}
		return len(q.Inputs) > 0
	}
	return false
}

// unionBelow reports whether q reads a union through operators that leave its
// rows what they are.
func unionBelow(q ir.Query) bool {
	switch q := q.(type) {
	case *ir.Union:
		return true
	case *ir.Filter, *ir.Extend, *ir.Project, *ir.Session:
		return unionBelow(ir.Inputs(q)[0])
	}
	return false
}

// summary is a grouping on the way.
type summary struct {
	p     *planner
	q     *ir.Aggregate
	above ir.Expr
	in    rows
	out   *ir.Aggregate
	// post are columns made of aggregates, helpers the aggregates that only
	// they use.
	post    []*ir.Col
	helpers []string
	counts  []*ir.Agg // helpers that stand behind the hunt's own aggregates
	// whole are the aggregates of values none of which is missing, times those
	// of times.
	whole, times []string
}

// add plans an aggregate for rows that may stand for several events each.
func (s *summary) add(a *ir.Agg) {
	p, r := s.p, s.in
	p.name(&ir.Field{Span: a.Span, Name: a.As})
	out := *a
	var x ir.Expr
	switch {
	case a.Func == ir.CountIf:
		if out.X = p.where(a.X, r.scope); ir.IsTrue(out.X) {
			out.Func, out.X = ir.Count, nil
		}
	case a.X != nil:
		x = p.value(a.X, r.scope)
		out.X = cleared(x, r.scope)
	}
	if a.Of != nil {
		// A row without the other column takes no part.
		if there, _ := hasValue(a.Of, r.scope); !ir.IsTrue(there) {
			out.X = onlyWhere(there, out.X)
		}
	}
	count := &ir.Field{Span: a.Span, Name: countColumn, T: ir.Int}
	switch {
	case extremeOfTime(a) && a.Func == ir.Min && hasColumn(r.scope, firstColumn):
		x = &ir.Field{Span: a.Span, Name: firstColumn, T: ir.Time}
		out.X = x
	case extremeOfTime(a) && a.Func == ir.Max && hasColumn(r.scope, lastColumn):
		x = &ir.Field{Span: a.Span, Name: lastColumn, T: ir.Time}
		out.X = x
	case !multiplied(a):
	case !r.merged:
		if a.Func == ir.Stdev {
			s.guard(a)
		}
	case !r.counted:
		p.fallback("The function " + string(a.Func) + " of joined rows needs the events themselves.")
	case out.Func == ir.Count:
		out.Func, out.X = ir.Sum, count
		s.zero(a)
	case a.Func == ir.CountIf:
		s.zero(a)
		out.Func, out.X = ir.Sum, &ir.Call{Span: a.Span, Func: ir.If, Args: []ir.Expr{out.X, count, &ir.Lit{Span: a.Span, Value: int64(0)}}}
	case a.Func == ir.Sum:
		out.X = cleared(times(x, count), r.scope)
	case a.Func == ir.Avg:
		s.average(a, x, count)
		return
	default:
		p.fallback("The function " + string(a.Func) + " is computed by tstats or from the events themselves, and tstats cannot say the whole grouping.")
	}
	if x != nil {
		s.note(a, x, r.scope)
	}
	s.out.Aggs = append(s.out.Aggs, &out)
}

// zero makes the sum of no rows the count that it is.
func (s *summary) zero(a *ir.Agg) {
	if len(s.q.By) == 0 {
		s.post = append(s.post, &ir.Col{Span: a.Span, As: a.As, X: &ir.Call{Span: a.Span, Func: ir.Coalesce, Args: []ir.Expr{
			&ir.Field{Span: a.Span, Name: a.As, T: ir.Int}, &ir.Lit{Span: a.Span, Value: int64(0)}}}})
	}
}

// onlyWhere is x where a condition holds.
func onlyWhere(there, x ir.Expr) ir.Expr {
	if c, ok := x.(*ir.Call); ok && c.Func == ir.If && len(c.Args) == 2 {
		x = c.Args[1]
		for _, part := range ir.Conjuncts(c.Args[0]) {
			if !slices.ContainsFunc(ir.Conjuncts(there), func(e ir.Expr) bool { return ir.FormatExpr(e) == ir.FormatExpr(part) }) {
				there = ir.NewLogic(there.At(), ir.And, there, part)
			}
		}
	}
	return &ir.Call{Span: x.At(), Func: ir.If, Args: []ir.Expr{there, x}}
}

// note remembers what is known of the result of an aggregate of x.
func (s *summary) note(a *ir.Agg, x ir.Expr, sc scope) {
	if there, ok := hasValue(x, sc); ok && ir.IsTrue(there) && len(s.q.By) > 0 && a.Func != ir.Stdev && a.Of == nil {
		s.whole = append(s.whole, a.As)
	}
	switch a.Func {
	case ir.Min, ir.Max, ir.First, ir.Last, ir.ArgMin, ir.ArgMax, ir.Percentile:
		if epoch(x, sc) {
			s.times = append(s.times, a.As)
		}
	}
}

func times(x ir.Expr, count *ir.Field) ir.Expr {
	return &ir.Call{Span: x.At(), Func: ir.Mul, Args: []ir.Expr{x, count}}
}

// average is the sum over the number of values.
func (s *summary) average(a *ir.Agg, x ir.Expr, count *ir.Field) {
	there, ok := hasValue(x, s.in.scope)
	if !ok {
		s.p.fallback("The function avg of a value that may fail to be computed needs the events themselves.")
		return
	}
	weight := ir.Expr(count)
	if !ir.IsTrue(there) {
		weight = &ir.Call{Span: a.Span, Func: ir.If, Args: []ir.Expr{there, count}}
	}
	sum, n := s.helper(a.As+"_sum"), s.helper(a.As+"_n")
	s.out.Aggs = append(s.out.Aggs,
		&ir.Agg{Span: a.Span, As: sum, Func: ir.Sum, X: cleared(times(x, count), s.in.scope)},
		&ir.Agg{Span: a.Span, As: n, Func: ir.Sum, X: weight})
	s.post = append(s.post, &ir.Col{Span: a.Span, As: a.As, X: &ir.Call{Span: a.Span, Func: ir.Div, Args: []ir.Expr{
		&ir.Field{Span: a.Span, Name: sum, T: ir.Float}, &ir.Field{Span: a.Span, Name: n, T: ir.Int}}}})
}

// helper is a name that no column of the grouping has.
func (s *summary) helper(name string) string {
	taken := func(name string) bool {
		return slices.Contains(s.helpers, name) ||
			slices.ContainsFunc(s.q.By, func(c *ir.Col) bool { return c.As == name }) ||
			slices.ContainsFunc(s.q.Aggs, func(a *ir.Agg) bool { return a.As == name })
	}
	for taken(name) {
		name += "_"
	}
	s.helpers = append(s.helpers, name)
	return name
}

// guard makes the deviation of a single value missing, which to Splunk is 0
// (Search Reference, the example of mean()), unless the condition above leaves
// no row with one out of account anyway.
func (s *summary) guard(a *ir.Agg) {
	there, ok := hasValue(s.p.value(a.X, s.in.scope), s.in.scope)
	if !ok {
		there = nil
	}
	s.guardBy(a, there)
}

// guardBy guards a deviation of values that are not missing where there holds;
// nil if that is not known.
func (s *summary) guardBy(a *ir.Agg, there ir.Expr) {
	if above(s.above, a.As, 0) {
		return
	}
	n := ""
	if there != nil && ir.IsTrue(there) {
		if i := slices.IndexFunc(s.q.Aggs, func(c *ir.Agg) bool { return c.Func == ir.Count }); i >= 0 {
			n = s.q.Aggs[i].As
		}
		if n != "" && above(s.above, n, 1) {
			return
		}
	}
	if n == "" {
		n = s.helper(a.As + "_n")
		agg := &ir.Agg{Span: a.Span, As: n, Func: ir.Count}
		switch f, plain := a.X.(*ir.Field); {
		case there != nil && ir.IsTrue(there):
		case plain && len(s.q.By) > 0 && there != nil:
			agg.Func, agg.X = ir.Sum, present(a.Span, f)
			if _, isExists := there.(*ir.Exists); !isExists {
				agg.X = &ir.Call{Span: a.Span, Func: ir.If, Args: []ir.Expr{there, &ir.Lit{Span: a.Span, Value: int64(1)}}}
			}
		case there != nil:
			agg.Func, agg.X = ir.Sum, &ir.Call{Span: a.Span, Func: ir.If, Args: []ir.Expr{there, &ir.Lit{Span: a.Span, Value: int64(1)}}}
		default:
			s.p.diags.Errorf(codeUnsayable, a, "Make the value a column with \"extend\" first, and take its deviation.",
				"of the values of this expression Splunk cannot tell how many there are, and the deviation of a single one has to be told from 0")
		}
		s.counts = append(s.counts, agg)
	}
	s.post = append(s.post, &ir.Col{Span: a.Span, As: a.As, X: &ir.Call{Span: a.Span, Func: ir.If, Args: []ir.Expr{
		&ir.Compare{Span: a.Span, Op: ir.Gt, L: &ir.Field{Span: a.Span, Name: n, T: ir.Int}, R: &ir.Lit{Span: a.Span, Value: int64(1)}, Cased: true},
		&ir.Field{Span: a.Span, Name: a.As, T: a.Type()}}}})
}

// above reports whether a condition asks for more than bound of a column; a
// column that holds whole numbers only counts as more than 1 from 2 on.
func above(e ir.Expr, name string, bound float64) bool {
	if e == nil {
		return false
	}
	return slices.ContainsFunc(ir.Conjuncts(e), func(e ir.Expr) bool {
		c, ok := e.(*ir.Compare)
		if !ok {
			return false
		}
		f, isField := c.L.(*ir.Field)
		lit, isLit := c.R.(*ir.Lit)
		if !isField || !isLit || f.Name != name {
			return false
		}
		var v float64
		switch x := lit.Value.(type) {
		case int64:
			v = float64(x)
		case float64:
			v = x
		case time.Duration:
			v = x.Seconds()
		default:
			return false
		}
		return c.Op == ir.Gt && v >= bound || (c.Op == ir.Ge || c.Op == ir.Eq) && v > bound
	})
}

// finish puts the columns that are made of aggregates over the grouping. r is
// the grouping with a scope of its keys.
func (s *summary) finish(r rows) rows {
	for _, a := range s.out.Aggs {
		r.scope = append(r.scope, column{name: a.As, t: a.Type(), epoch: slices.Contains(s.times, a.As),
			nullable: a.Func != ir.Count && a.Func != ir.CountIf && a.Func != ir.DCount && !slices.Contains(s.whole, a.As)})
	}
	if len(s.post) == 0 {
		return r
	}
	r = s.p.extend(&ir.Extend{Span: s.q.Span, Cols: s.post}, r)
	if len(s.helpers) == 0 {
		return r
	}
	out := &ir.Project{Span: s.q.Span, Input: r.query}
	var sc scope
	keep := func(at diag.Span, name string) {
		c, _ := r.scope.find(name)
		out.Cols = append(out.Cols, &ir.Col{Span: at, As: name, X: &ir.Field{Span: at, Name: name, T: c.t}})
		sc = append(sc, c)
	}
	for _, k := range s.q.By {
		keep(k.Span, k.As)
	}
	for _, a := range s.q.Aggs {
		keep(a.Span, a.As)
	}
	return rows{query: out, scope: sc}
}

func hasColumn(sc scope, name string) bool {
	_, ok := sc.find(name)
	return ok
}

// ownFills notes texts of the data model for a missing value that tstats itself
// summarises as values.
func (p *planner) ownFills(a *ir.Agg, f *ir.Field, own string) {
	if own != "" {
		p.reason(ir.Reason{Span: a.Span, Code: codeFillCounts, Effect: ir.Mixed,
			Message: "The data model writes " + own + " where " + f.Name + " has no value, which " + string(a.Func) + " takes for a value.",
			Hint:    "Filter events without a value out first, or allow it with hunt.allow."})
	}
}

// direct lets tstats do the whole grouping. It reports false where the
// condition, a key or an argument is more than tstats can say, or where rows
// of tstats give an exact result and tstats itself does not.
func (p *planner) direct(q *ir.Aggregate, above ir.Expr) (rows, bool) {
	var fields []*ir.Field
	var clock *ir.Col
	for _, k := range q.By {
		switch x := k.X.(type) {
		case *ir.Field:
			if x.Name == timeColumn || ir.HasField(fields, x.Name) {
				return rows{}, false
			}
			fields = append(fields, x)
			continue
		case *ir.Call:
			// Larger spans may begin at another time than IR's bins, which
			// count from 1970 in UTC: the searcher's time zone decides.
			if size, ok := timeBin(x); ok && clock == nil && quarterHour%size == 0 {
				clock = k
				continue
			}
		}
		return rows{}, false
	}
	n := need{cols: fields}
	for _, a := range q.Aggs {
		if ir.HasField(fields, a.As) || a.As == timeColumn {
			return rows{}, false
		}
		if a.X == nil {
			continue
		}
		f, ok := a.X.(*ir.Field)
		if !ok || a.Of != nil || a.Func == ir.CountIf {
			return rows{}, false
		}
		if f.Name != timeColumn {
			n = n.plus(f)
		}
	}
	src := p.source(q.Input, n)
	if len(src.computed) > 0 || slices.ContainsFunc(src.steps, func(st step) bool { return len(st.rest)+len(st.cols) > 0 }) {
		return rows{}, false
	}
	infos := make([]schema.ColumnInfo, len(q.Aggs))
	own := make([]string, len(q.Aggs))
	for i, a := range q.Aggs {
		f, ok := a.X.(*ir.Field)
		if !ok || f.Name == timeColumn {
			infos[i].Fill = "-" // never missing
			continue
		}
		infos[i], _ = p.b.schema.Column(schema.CIM, src.scan.Physical.Table, f.Name)
		if own[i] = ownFill(infos[i]); own[i] != "" && src.hasValue(f.Name, own[i]) {
			own[i] = ""
		}
		exact := own[i] == ""
		if !exact && !slices.ContainsFunc(q.Aggs, func(a *ir.Agg) bool { return !fromRows(a) }) {
			return rows{}, false
		}
		if a.Func == ir.Stdev && infos[i].Fill == "" && len(q.By) == 0 {
			return rows{}, false
		}
	}
	p.searchNames(src.push)
	p.reportReadsAll(src)
	at := src.scan.Span
	out := &ir.Aggregate{Span: q.Span, Input: &ir.Filter{Span: at, Input: src.scan, Pred: ir.NewLogic(at, ir.And, src.push...)}}
	s := &summary{p: p, q: q, above: above, out: out}
	keys, sc := p.keys(src.scan, fields)
	out.By = append(out.By, keys...)
	for i, c := range sc {
		sc[i] = c.derived(c.name)
	}
	if clock != nil {
		size, _ := timeBin(clock.X.(*ir.Call))
		out.By = append(out.By, clockKey(clock.Span, size))
		sc = append(sc, column{name: timeColumn, t: ir.Time, epoch: true})
	}
	events := scope{{name: timeColumn, t: ir.Time, epoch: true}}
	for i, a := range q.Aggs {
		p.name(&ir.Field{Span: a.Span, Name: a.As})
		if f, ok := a.X.(*ir.Field); ok {
			s.note(a, f, events.with(column{name: f.Name, nullable: infos[i].Fill == "", epoch: f.Name == timeColumn}))
			p.ownFills(a, f, own[i])
			if a.Func == ir.Stdev {
				there := ir.True(a.Span)
				if infos[i].Fill == "" {
					there = &ir.Exists{Span: a.Span, X: f}
				}
				s.guardBy(a, there)
			}
		}
		out.Aggs = append(out.Aggs, a)
	}
	out.Aggs = append(out.Aggs, s.counts...)
	return s.finish(p.renamed(q, out, sc)), true
}

// renamed gives the keys of a grouping the names that the author gave them. sc
// is the scope of the keys.
func (p *planner) renamed(q *ir.Aggregate, agg *ir.Aggregate, sc scope) rows {
	same := true
	proj := &ir.Project{Span: q.Span, Input: agg}
	out := scope{}
	for _, k := range q.By {
		name := timeColumn
		if f, ok := k.X.(*ir.Field); ok {
			name = f.Name
		}
		same = same && k.As == name
		p.name(&ir.Field{Span: k.Span, Name: k.As})
		proj.Cols = append(proj.Cols, &ir.Col{Span: k.Span, As: k.As, X: &ir.Field{Span: k.Span, Name: name, T: ir.TypeOf(k.X)}})
		c, _ := sc.find(name)
		c.name = k.As
		out = append(out, c)
	}
	if same {
		return rows{query: agg, scope: out}
	}
	for _, a := range agg.Aggs {
		proj.Cols = append(proj.Cols, &ir.Col{Span: a.Span, As: a.As, X: &ir.Field{Span: a.Span, Name: a.As, T: a.Type()}})
	}
	return rows{query: proj, scope: out}
}

// inlined reads the grouping's columns where the events have them, below the
// projections and renamings in between, if what lies below is the events of
// one dataset.
func (p *planner) inlined(q *ir.Aggregate) *ir.Aggregate {
	in, names := p.unnamed(q.Input)
	if names == nil || !isChain(in) {
		return q
	}
	out := &ir.Aggregate{Span: q.Span, Input: in}
	var read []*ir.Field
	for _, k := range q.By {
		x, ok := names.key(k.X)
		if !ok {
			return q
		}
		out.By = append(out.By, &ir.Col{Span: k.Span, As: k.As, X: x})
	}
	for _, a := range q.Aggs {
		b := *a
		if a.X != nil {
			x, ok := names.key(a.X)
			if !ok {
				return q
			}
			b.X = x
			read = union(read, exprFields(x))
		}
		if a.Of != nil {
			x, ok := names.key(a.Of)
			of, isField := x.(*ir.Field)
			if !ok || !isField {
				return q
			}
			b.Of = of
			read = union(read, []*ir.Field{of})
		}
		out.Aggs = append(out.Aggs, &b)
	}
	// A key may take a name that a column below has, which is not read then.
	for _, k := range out.By {
		if f, ok := k.X.(*ir.Field); ok && f.Name == k.As {
			continue
		}
		if ir.HasField(read, k.As) || slices.ContainsFunc(out.By, func(o *ir.Col) bool { return o != k && ir.HasField(exprFields(o.X), k.As) }) {
			return q
		}
	}
	return out
}

// renames are the columns that a projection or a renaming makes, by the
// columns below it.
type renames struct {
	cols map[string]ir.Expr
	rest bool // columns not among them keep their names; else there are none
	// fill is the text that the data model puts in the place of a missing value
	// of a column; "" if it has none.
	fill func(column string) string
}

// unnamed takes projections and renamings off a query; nil renames if there is
// none on top.
func (p *planner) unnamed(q ir.Query) (ir.Query, *renames) {
	var cols []*ir.Col
	out := &renames{cols: map[string]ir.Expr{}, fill: func(column string) string {
		info, _ := p.b.schema.Column(schema.CIM, ir.Scans(q)[0].Physical.Table, column)
		return ownFill(info)
	}}
	var input ir.Query
	switch q := q.(type) {
	case *ir.Project:
		cols, input = q.Cols, q.Input
	case *ir.Extend:
		if slices.ContainsFunc(q.Cols, func(c *ir.Col) bool { _, plain := c.X.(*ir.Field); return !plain }) {
			return q, nil
		}
		cols, input, out.rest = q.Cols, q.Input, true
	case *ir.Filter:
		in, names := p.unnamed(q.Input)
		if names == nil {
			return q, nil
		}
		pred, ok := names.apply(q.Pred)
		if !ok {
			return q, nil
		}
		return &ir.Filter{Span: q.Span, Input: in, Pred: pred}, names
	default:
		return q, nil
	}
	in, names := p.unnamed(input)
	if names == nil {
		for _, c := range cols {
			out.cols[c.As] = c.X
		}
		return in, out
	}
	if out.rest {
		for name, x := range names.cols {
			out.cols[name] = x
		}
		out.rest = names.rest
	}
	for _, c := range cols {
		x, ok := names.key(c.X)
		if !ok {
			return q, nil
		}
		out.cols[c.As] = x
	}
	return in, out
}

// key is an expression over the columns below; a column by itself may stand for
// any expression.
func (r *renames) key(e ir.Expr) (ir.Expr, bool) {
	if f, ok := e.(*ir.Field); ok {
		if x, ok := r.cols[f.Name]; ok {
			return x, true
		}
		return e, r.rest
	}
	return r.apply(e)
}

// apply is an expression over the columns below, if each that it reads is one.
// Tests of a column by another name have not been kept clear of the data model's
// text for a missing value, as those of the column itself have.
func (r *renames) apply(e ir.Expr) (ir.Expr, bool) {
	good := true
	renamed := map[*ir.Field]bool{}
	below := func(f *ir.Field) *ir.Field {
		x, ok := r.cols[f.Name]
		if !ok {
			good = good && r.rest
			return f
		}
		g, ok := x.(*ir.Field)
		if !ok {
			good = false
			return f
		}
		below := &ir.Field{Span: f.Span, Name: g.Name, T: g.T}
		renamed[below] = true
		return below
	}
	clear := func(e ir.Expr, operands ...ir.Expr) ir.Expr {
		var all []ir.Expr
		for _, x := range operands {
			f, ok := x.(*ir.Field)
			if !ok || !renamed[f] {
				continue
			}
			if fill := r.fill(f.Name); fill != "" && !excludes(e, f.Name, fill) {
				all = append(all, notText(f, fill))
			}
		}
		if len(all) == 0 {
			return e
		}
		if _, ok := e.(*ir.Exists); !ok {
			all = append(all, e)
		}
		return ir.NewLogic(e.At(), ir.And, all...)
	}
	out := ir.MapExpr(e, func(e ir.Expr) ir.Expr {
		switch e := e.(type) {
		case *ir.Field:
			return below(e)
		case *ir.Exists:
			f := below(e.X)
			return clear(&ir.Exists{Span: e.Span, X: f}, f)
		case *ir.FieldMatch:
			c := *e
			c.X, c.Y = below(e.X), below(e.Y)
			return clear(&c, c.X, c.Y)
		case *ir.Match:
			return clear(e, e.X)
		case *ir.Regexp:
			return clear(e, e.X)
		case *ir.Compare:
			if !isNumber(e.R) || e.Op == ir.Eq { // of the others clearOfFill takes care
				return clear(e, e.L, e.R)
			}
		case *ir.Foreign:
			good = false
		}
		return e
	})
	return out, good
}

// notText says that a field does not hold a text, or the number that it spells,
// in words that a search has too.
func notText(f *ir.Field, text string) ir.Expr {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && f.T.Numeric() {
		return &ir.Not{Span: f.Span, X: &ir.Compare{Span: f.Span, Op: ir.Eq, L: f, R: &ir.Lit{Span: f.Span, Value: n}}}
	}
	return &ir.Not{Span: f.Span, X: &ir.Match{Span: f.Span, X: f, Any: []ir.Pattern{ir.TextPattern(f.Span, text)}}}
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// partSize is how finely a time has to be told for a part of its date, in
// seconds: the quarters of an hour do for all but minutes, in any time zone.
func partSize(f ir.FuncID) int64 {
	switch f {
	case ir.Minute:
		return 60
	case ir.Hour, ir.Day, ir.Week, ir.Month, ir.Year, ir.Weekday:
		return quarterHour
	}
	return 1
}

// timeBin is the size in seconds of a bin of the event time, if it is whole.
func timeBin(c *ir.Call) (int64, bool) {
	if c.Func != ir.Bin || len(c.Args) != 2 {
		return 0, false
	}
	f, ok := c.Args[0].(*ir.Field)
	if !ok || f.Name != timeColumn {
		return 0, false
	}
	lit, ok := c.Args[1].(*ir.Lit)
	if !ok {
		return 0, false
	}
	var size int64
	switch v := lit.Value.(type) {
	case time.Duration:
		if v%time.Second != 0 {
			return 0, false
		}
		size = int64(v / time.Second)
	case int64:
		size = v
	}
	return size, size > 0
}
