package splunk

import (
	"slices"
	"time"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// aggregate plans a grouping: by tstats itself where it can say all of it, by
// stats over the rows of tstats where that comes to the same, else by stats
// over events.
func (p *planner) aggregate(q *ir.Aggregate, n need) rows {
	if p.form == backends.Tstats && isChain(q.Input) {
		if r, ok := p.direct(q); ok {
			return r
		}
	}
	below := need{counted: p.form == backends.Tstats}
	for _, k := range q.By {
		if ir.HasField(exprFields(k.X), timeColumn) && below.counted && isChain(q.Input) {
			size := int64(1)
			if c, ok := k.X.(*ir.Call); ok {
				if s, ok := timeBin(c); ok {
					size = s
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
		if p.form == backends.Tstats && isChain(q.Input) && extremeOfTime(a) {
			below.times = true
			continue
		}
		if ir.HasField(exprFields(a.X), timeColumn) {
			below.clock = 1
		}
		below = below.plus(exprFields(a.X)...)
	}
	needsTime := slices.ContainsFunc(q.Aggs, func(a *ir.Agg) bool { return a.Func == ir.First || a.Func == ir.Last })
	if needsTime {
		below = below.plus(&ir.Field{Span: q.Span, Name: timeColumn, T: ir.Time})
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
			if a.X != nil && ir.HasField(ir.Fields(a.X), k.As) && !ir.HasField(ir.Fields(k.X), k.As) {
				p.diags.Errorf(codeNameClash, k, "Give the key a name of its own.", "the key %s has the name of a column that is also summarised", k.As)
			}
		}
	}
	if len(made.Cols) > 0 {
		made.Input = r.query
		counted := r.counted
		r = p.extend(made, r)
		r.counted = counted
	}
	r = p.fillKeys(q.Span, r, keys)

	out := &ir.Aggregate{Span: q.Span, Input: r.query}
	var sc scope
	for _, k := range keys {
		out.By = append(out.By, &ir.Col{Span: k.Span, As: k.Name, X: k})
		c, _ := r.scope.find(k.Name)
		c.t = k.T
		sc = append(sc, c.derived(k.Name))
	}
	for _, a := range q.Aggs {
		out.Aggs = append(out.Aggs, p.agg(a, r))
		sc = append(sc, column{name: a.As, t: a.Type(), nullable: a.Func != ir.Count && a.Func != ir.DCount})
	}
	return rows{query: out, scope: sc}
}

func extremeOfTime(a *ir.Agg) bool {
	f, ok := a.X.(*ir.Field)
	return ok && f.Name == timeColumn && (a.Func == ir.Min || a.Func == ir.Max)
}

// agg rewrites an aggregate for rows that may stand for several events each.
func (p *planner) agg(a *ir.Agg, r rows) *ir.Agg {
	p.name(&ir.Field{Span: a.Span, Name: a.As})
	out := *a
	if a.X != nil {
		out.X = p.value(a.X, r.scope)
	}
	if !r.counted {
		p.clearAgg(&out, r.scope)
		return &out
	}
	count := &ir.Field{Span: a.Span, Name: countColumn, T: ir.Int}
	switch {
	case a.Func == ir.Count:
		out.Func, out.X = ir.Sum, count
	case extremeOfTime(a) && a.Func == ir.Min && hasColumn(r.scope, firstColumn):
		out.X = &ir.Field{Span: a.Span, Name: firstColumn, T: ir.Time}
	case extremeOfTime(a) && hasColumn(r.scope, lastColumn):
		out.X = &ir.Field{Span: a.Span, Name: lastColumn, T: ir.Time}
	case a.Func == ir.Min, a.Func == ir.Max, a.Func == ir.DCount, a.Func == ir.Values:
		p.clearAgg(&out, r.scope)
	case a.Func == ir.Sum:
		p.clearAgg(&out, r.scope)
		out.X = &ir.Call{Span: a.Span, Func: ir.Mul, Args: []ir.Expr{out.X, count}}
	default:
		p.fallback("The function " + string(a.Func) + " over a condition that tstats cannot say needs the events themselves.")
	}
	return &out
}

func hasColumn(sc scope, name string) bool {
	_, ok := sc.find(name)
	return ok
}

// clearAgg looks for texts that stand for a missing value and would be
// summarised as values. Where this package puts them the form is given up;
// where the data model itself does, every form has them, and a reason says so.
func (p *planner) clearAgg(a *ir.Agg, sc scope) {
	if a.X == nil {
		return
	}
	for _, f := range ir.Fields(a.X) {
		c, _ := sc.find(f.Name)
		if c.fill != "" && c.fill != c.own && p.form == backends.Tstats {
			p.fallback("The column " + f.Name + " may be missing, which " + string(a.Func) + " over the rows of tstats would take for a value.")
		}
		if c.own != "" && !(a.Func == ir.Sum && c.own == "0") {
			p.reasons = append(p.reasons, ir.Reason{Span: a.Span, Code: codeFillCounts, Effect: ir.Mixed,
				Message: "The data model writes " + c.own + " where " + f.Name + " has no value, which " + string(a.Func) + " takes for a value.",
				Hint:    "Filter events without a value out first, or allow it with hunt.allow."})
		}
	}
}

// direct lets tstats do the whole grouping. It reports false where the
// condition, a key or an argument is more than tstats can say.
func (p *planner) direct(q *ir.Aggregate) (rows, bool) {
	var fields []*ir.Field
	var clock *ir.Col
	for _, k := range q.By {
		switch x := k.X.(type) {
		case *ir.Field:
			if x.Name == timeColumn {
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
		if a.X == nil {
			continue
		}
		f, ok := a.X.(*ir.Field)
		if !ok {
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
	p.searchNames(src.push)
	p.reportReadsAll(src)
	at := src.scan.Span
	out := &ir.Aggregate{Span: q.Span, Input: &ir.Filter{Span: at, Input: src.scan, Pred: ir.NewLogic(at, ir.And, src.push...)}}
	var sc scope
	keys, ksc := p.keys(src.scan, fields)
	out.By = append(out.By, keys...)
	for _, c := range ksc {
		sc = append(sc, c.derived(c.name))
	}
	if clock != nil {
		size, _ := timeBin(clock.X.(*ir.Call))
		out.By = append(out.By, &ir.Col{Span: clock.Span, As: timeColumn, X: &ir.Call{Span: clock.Span, Func: ir.Bin, Args: []ir.Expr{
			&ir.Field{Span: clock.Span, Name: timeColumn, T: ir.Time}, &ir.Lit{Span: clock.Span, Value: size}}}})
		sc = append(sc, column{name: timeColumn, t: ir.Time})
	}
	for _, a := range q.Aggs {
		p.name(&ir.Field{Span: a.Span, Name: a.As})
		if _, clash := sc.find(a.As); clash {
			return rows{}, false
		}
		b := *a
		p.clearAgg(&b, p.modelScope(src, a))
		out.Aggs = append(out.Aggs, &b)
		sc = append(sc, column{name: a.As, t: a.Type(), nullable: a.Func != ir.Count && a.Func != ir.DCount})
	}
	return p.renamed(q, rows{query: out, scope: sc}), true
}

// modelScope is what the data model says of the argument of an aggregate.
func (p *planner) modelScope(src source, a *ir.Agg) scope {
	var sc scope
	if a.X != nil {
		for _, f := range ir.Fields(a.X) {
			info, _ := p.b.schema.Column(schema.CIM, src.scan.Physical.Table, f.Name)
			own := ownFill(info)
			if own != "" && src.hasValue(f.Name, own) {
				own = ""
			}
			sc = append(sc, column{name: f.Name, own: own})
		}
	}
	return sc
}

// renamed gives the keys of a grouping the names that the author gave them.
func (p *planner) renamed(q *ir.Aggregate, r rows) rows {
	same := true
	proj := &ir.Project{Span: q.Span, Input: r.query}
	sc := scope{}
	add := func(at diag.Span, as, name string, t ir.Type) {
		same = same && as == name
		p.name(&ir.Field{Span: at, Name: as})
		proj.Cols = append(proj.Cols, &ir.Col{Span: at, As: as, X: &ir.Field{Span: at, Name: name, T: t}})
		c, _ := r.scope.find(name)
		c.name = as
		sc = append(sc, c)
	}
	for _, k := range q.By {
		name := timeColumn
		if f, ok := k.X.(*ir.Field); ok {
			name = f.Name
		}
		add(k.Span, k.As, name, ir.TypeOf(k.X))
	}
	for _, a := range q.Aggs {
		add(a.Span, a.As, a.As, a.Type())
	}
	if same {
		return r
	}
	return rows{query: proj, scope: sc}
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
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
