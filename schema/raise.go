package schema

import (
	"fmt"
	"slices"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Raised is a lifted query in the terms of documents.
type Raised struct {
	// Query is logical; nil if Diagnostics has an error.
	Query ir.Query
	// Bound are the columns that have no logical name and keep the target's,
	// each once, where it is first named. Resolve knows them for that view only.
	Bound []*ir.Field
	// Diagnostics say where and why a part has no logical form, and, as notes
	// and warnings, where the logical form is not quite the text.
	Diagnostics diag.List
}

// Raise is the inverse of Resolve: it turns the physical query that lifting a
// target's text gives into a logical one. Each Scan gets the dataset that its
// table and the predicates right above it mean; what the dataset itself demands
// of its columns is taken out of them. Columns and values get their logical
// names and words back by the same data by which Resolve takes them away, and
// each is held to it: a logical form is taken only if Resolve makes of it what
// it came from. Where it makes something else, a diagnostic says so.
//
// v is the view of scans that do not name theirs.
func (s *Schema) Raise(q ir.Query, v View) Raised {
	z := &raiser{schema: s, view: v}
	q = z.wholeRows(q)
	z.named, z.asked, z.rows = namedColumns(q, false), namedColumns(q, true), shownUnion(q)
	out, _ := z.query(z.sink(q), nil)
	r := Raised{Bound: z.boundFields, Diagnostics: distinctDiagnostics(z.diags)}
	if !r.Diagnostics.HasErrors() {
		out = ir.Normalize(z.fused(out))
		if v != XDR {
			out = s.lengths(out)
		}
		// What documents do not take is no document.
		r.Diagnostics = append(r.Diagnostics, s.Check(&ir.Hunt{Kind: ir.KindHunt, Query: out})...)
	}
	r.Diagnostics.Sort()
	if !r.Diagnostics.HasErrors() {
		r.Query = out
	}
	return r
}

// fused puts a projection of columns of another one, which raising itself has
// made, into that one.
func (z *raiser) fused(q ir.Query) ir.Query {
	return ir.MapQuery(q, func(q ir.Query) ir.Query {
		outer, ok := q.(*ir.Project)
		if !ok {
			return q
		}
		inner, ok := outer.Input.(*ir.Project)
		if !ok || !slices.Contains(z.chosenFirst, inner) {
			return q
		}
		out := &ir.Project{Span: outer.Span, Input: inner.Input}
		for _, c := range outer.Cols {
			f, ok := c.X.(*ir.Field)
			if !ok {
				return q
			}
			i := slices.IndexFunc(inner.Cols, func(d *ir.Col) bool { return d.As == f.Name })
			if i < 0 {
				return q
			}
			out.Cols = append(out.Cols, &ir.Col{Span: c.Span, As: c.As, X: inner.Cols[i].X})
		}
		return out
	})
}

// raiser raises one query.
type raiser struct {
	schema *Schema
	view   View
	// named are all columns that the query names anywhere; asked are those of
	// which it does more than show them.
	named, asked []string
	// unshown are columns that the text shows and that are not there.
	unshown []string
	// rows is the union of which the text shows all columns; nil if there is none.
	rows *ir.Union

	boundFields []*ir.Field
	diags       diag.List
	hints       map[tableName]string
	// chosenFirst are the projections that firstRows has made.
	chosenFirst []*ir.Project
}

// level is what the columns at one point of the physical query are in the
// logical one.
type level struct {
	// cols are columns that the query made; of one name the last counts.
	cols []raisedColumn
	// scan has the columns of the events below, unless an operator names all.
	scan *raisedScan
	// broken says that what is below is reported already.
	broken bool
}

// raisedColumn is a column that the query made.
type raisedColumn struct {
	physical string
	logical  string
	h        *holding // the stored column that it has the values of, or nil
}

func (l *level) made(name string) *raisedColumn {
	for i := len(l.cols) - 1; i >= 0; i-- {
		if l.cols[i].physical == name {
			return &l.cols[i]
		}
	}
	return nil
}

// stored reports whether a column of that name is one of the events'.
func (l *level) stored(name string) bool { return l.made(name) == nil && l.scan != nil }

// with is the level with one more column.
func (l *level) with(more ...raisedColumn) *level {
	return &level{cols: slices.Concat(l.cols, more), scan: l.scan, broken: l.broken}
}

// namedColumns are the names of all fields in a query; with asked, those of
// which it does more than show them.
func namedColumns(q ir.Query, asked bool) []string {
	var out []string
	add := func(exprs ...ir.Expr) {
		for _, f := range ir.Fields(exprs...) {
			if !slices.Contains(out, f.Name) {
				out = append(out, f.Name)
			}
		}
	}
	fields := func(list []*ir.Field) {
		for _, f := range list {
			add(f)
		}
	}
	keys := func(list []*ir.SortKey) {
		for _, k := range list {
			add(k.X)
		}
	}
	cols := func(list []*ir.Col) {
		for _, c := range list {
			add(c.X)
		}
	}
	ir.WalkQuery(q, func(q ir.Query) {
		switch q := q.(type) {
		case *ir.Filter:
			add(q.Pred)
		case *ir.Extend:
			cols(q.Cols)
		case *ir.Project:
			for _, c := range q.Cols {
				if _, plain := c.X.(*ir.Field); !plain || !asked {
					add(c.X)
				}
			}
		case *ir.Aggregate:
			cols(q.By)
			for _, a := range q.Aggs {
				if asked && shownOnly(a) {
					continue
				}
				if a.X != nil {
					add(a.X)
				}
				if a.Of != nil {
					add(a.Of)
				}
			}
		case *ir.Window:
			fields(q.By)
			add(q.Of)
		case *ir.Session:
			fields(q.By)
			add(q.Of)
		case *ir.Lag:
			fields(q.By)
			add(q.Of, q.X)
		case *ir.Rank:
			fields(q.By)
			keys(q.Keys)
		case *ir.Join:
			fields(q.On)
		case *ir.Distinct:
			fields(q.By)
		case *ir.Sort:
			keys(q.Keys)
		}
	})
	return out
}

// shownOnly reports whether an aggregate only hands on values of a column.
func shownOnly(a *ir.Agg) bool {
	_, plain := a.X.(*ir.Field)
	return plain && (a.Func == ir.Values || a.Func == ir.List || a.Func == ir.Any || a.Func == ir.First || a.Func == ir.Last) && a.Of == nil
}

// leftOut reports whether a column is not there, and the text only shows it: the
// hunt finds the same rows without it. It says so.
func (z *raiser) leftOut(l *level, f *ir.Field, as string) bool {
	if slices.Contains(z.unshown, f.Name) && l.made(f.Name) == nil && !slices.Contains(z.asked, as) {
		z.unshown = append(z.unshown, as)
		return true
	}
	if slices.Contains(z.asked, f.Name) || slices.Contains(z.asked, as) || l.broken || l.made(f.Name) != nil {
		return false
	}
	if l.scan == nil {
		z.unshown = append(z.unshown, f.Name, as)
		z.diags.Warnf(codeNotThere, f, "", "there is no column %s at this point of the text, which only shows it: it is left out", f.Name)
		return true
	}
	if l.scan.has(f.Name) {
		return false
	}
	z.unshown = append(z.unshown, f.Name, as)
	z.diags.Warnf(codeNotThere, f, z.hint(l.scan.b, f.Name), "%s has no column %s, which is only shown: it is left out", l.scan.b.where(), f.Name)
	return true
}

// sink moves what a text asks of the columns that tell datasets apart down to
// the events: below columns that are added, and into the inputs of a union.
func (z *raiser) sink(q ir.Query) ir.Query {
	return ir.MapQuery(q, func(q ir.Query) ir.Query {
		f, ok := q.(*ir.Filter)
		if !ok {
			return q
		}
		switch in := f.Input.(type) {
		case *ir.Aggregate, *ir.Project, *ir.Sort:
			return z.sinkKeys(f)
		case *ir.Extend:
			scan := ir.Scans(in)
			if len(scan) != 1 || !onlyEvents(in.Input) || foreign(in) {
				return z.sinkKeys(f)
			}
			return z.sinkInto(f, in)
		case *ir.Union:
			if slices.ContainsFunc(in.Inputs, func(q ir.Query) bool { return !onlyEvents(q) }) || wholeEvent(f.Pred) {
				return f
			}
			out := &ir.Union{Span: in.Span}
			if z.rows == in {
				z.rows = out
			}
			for _, u := range in.Inputs {
				scan := ir.Scans(u)[0]
				out.Inputs = append(out.Inputs, z.sink(&ir.Filter{Span: f.Span, Input: u, Pred: z.lacking(u, scan, f.Pred)}))
			}
			return out
		}
		return f
	})
}

// wholeEvent reports whether a predicate reads more than the columns it names.
func wholeEvent(e ir.Expr) bool {
	whole := false
	ir.WalkExpr(e, func(e ir.Expr) bool {
		switch e.(type) {
		case *ir.Keyword, *ir.Macro, *ir.Foreign:
			whole = true
		}
		return true
	})
	return whole
}

// lacking is a predicate for the events of a table that may lack columns which
// it names: what is asked of those is false.
func (z *raiser) lacking(in ir.Query, scan *ir.Scan, e ir.Expr) ir.Expr {
	if scan.Physical == nil {
		return e
	}
	var made []string
	ir.WalkQuery(in, func(q ir.Query) {
		if x, ok := q.(*ir.Extend); ok {
			for _, c := range x.Cols {
				made = append(made, c.As)
			}
		}
	})
	has := func(name string) bool {
		_, ok := z.schema.Column(View(scan.Physical.View), scan.Physical.Table, name)
		return ok || name == "_time" || slices.Contains(baseEvent, name) || slices.Contains(made, name)
	}
	return ir.Simplify(ir.MapExpr(e, func(e ir.Expr) ir.Expr {
		switch x := e.(type) {
		case *ir.Match, *ir.Term, *ir.Regexp, *ir.InCIDR, *ir.Compare, *ir.FieldMatch, *ir.Exists:
			for _, f := range ir.Fields(x) {
				if !has(f.Name) && ir.Requires(x, f.Name) {
					return ir.False(x.At())
				}
			}
		}
		return e
	}))
}

// onlyEvents reports whether each row is an event, with columns added.
func onlyEvents(q ir.Query) bool {
	switch q := q.(type) {
	case *ir.Scan:
		return true
	case *ir.Filter:
		return onlyEvents(q.Input)
	case *ir.Extend:
		return onlyEvents(q.Input)
	}
	return false
}

// sinkInto moves below an Extend what a Filter asks of columns that tell the
// datasets of the table apart.
func (z *raiser) sinkInto(f *ir.Filter, in *ir.Extend) ir.Query {
	p := ir.Scans(in)[0].Physical
	if p == nil {
		return f
	}
	telling := z.telling(View(p.View), p.Table)
	var below, above []ir.Expr
	for _, c := range ir.Conjuncts(f.Pred) {
		fields := ir.Fields(c)
		if len(fields) == 1 && slices.Contains(telling, fields[0].Name) && !wholeEvent(c) &&
			!slices.ContainsFunc(in.Cols, func(c *ir.Col) bool { return c.As == fields[0].Name }) {
			below = append(below, c)
		} else {
			above = append(above, c)
		}
	}
	if len(below) == 0 {
		return f
	}
	inner := z.sink(&ir.Filter{Span: f.Span, Input: in.Input, Pred: ir.NewLogic(f.Span, ir.And, below...)})
	out := ir.WithInputs(in, []ir.Query{inner})
	if len(above) == 0 {
		return out
	}
	return &ir.Filter{Span: f.Span, Input: out, Pred: ir.NewLogic(f.Span, ir.And, above...)}
}

// telling are the columns by which the datasets of a table are told apart.
func (z *raiser) telling(v View, table string) []string {
	var out []string
	for _, ds := range z.schema.Datasets() {
		if m := ds.Mapping(v); m != nil && m.Table == table {
			for _, name := range sortedKeys(m.Where) {
				if !slices.Contains(out, name) {
					out = append(out, name)
				}
			}
		}
	}
	return out
}

// query raises q. preds are the conjuncts of the Filters right above it, which
// tell datasets apart; the level that a Scan gives has taken them in, and taken
// says so.
func (z *raiser) query(q ir.Query, above []*ir.Filter) (ir.Query, *level) {
	switch q := q.(type) {
	case *ir.Scan:
		return z.scan(q, nil, above)
	case *ir.Filter:
		if justEvents(q.Input) {
			return z.query(q.Input, append(slices.Clone(above), q))
		}
		in, l := z.query(q.Input, nil)
		for _, f := range append([]*ir.Filter{q}, reversed(above)...) {
			in = &ir.Filter{Span: f.Span, Input: in, Pred: z.pred(l, f.Pred)}
		}
		return in, l
	case *ir.Extend:
		if s, ok := q.Input.(*ir.Scan); ok && foreign(q) {
			return z.scan(s, q, above)
		}
		in, l := z.query(q.Input, nil)
		return z.extend(q, in, l)
	case *ir.Aggregate:
		in, l := z.query(q.Input, nil)
		return z.aggregate(q, in, l)
	case *ir.Project:
		return z.project(q, false)
	case *ir.Window:
		in, l := z.query(q.Input, nil)
		in, by := z.fields(in, l, append(slices.Clone(q.By), q.Of))
		as := l.free(q.As)
		return &ir.Window{Span: q.Span, Input: in, By: by[:len(q.By)], Of: by[len(q.By)], Offset: q.Offset, As: as},
			l.with(raisedColumn{q.As, as, nil})
	case *ir.Session:
		in, l := z.query(q.Input, nil)
		in, by := z.fields(in, l, append(slices.Clone(q.By), q.Of))
		as := l.free(q.As)
		return &ir.Session{Span: q.Span, Input: in, By: by[:len(q.By)], Of: by[len(q.By)], Gap: q.Gap, As: as},
			l.with(raisedColumn{q.As, as, nil})
	case *ir.Lag:
		in, l := z.query(q.Input, nil)
		in, by := z.fields(in, l, append(slices.Clone(q.By), q.Of, q.X))
		as := l.free(q.As)
		n := len(q.By)
		return &ir.Lag{Span: q.Span, Input: in, By: by[:n], Of: by[n], X: by[n+1], As: as}, l.with(raisedColumn{q.As, as, nil})
	case *ir.Rank:
		in, l := z.query(q.Input, nil)
		all := slices.Clone(q.By)
		for _, k := range q.Keys {
			all = append(all, k.X)
		}
		in, by := z.fields(in, l, all)
		as := l.free(q.As)
		return &ir.Rank{Span: q.Span, Input: in, By: by[:len(q.By)], Keys: sortBy(q.Keys, by[len(q.By):]), As: as},
			l.with(raisedColumn{q.As, as, nil})
	case *ir.Distinct:
		in, l := z.query(q.Input, nil)
		in, by := z.fields(in, l, q.By)
		if q.Whole {
			return z.firstRows(q, in, l, by), l
		}
		out := &level{}
		for i, f := range q.By {
			out.cols = append(out.cols, raisedColumn{f.Name, by[i].Name, z.holds(l, f.Name, by[i])})
		}
		return &ir.Distinct{Span: q.Span, Input: in, By: by}, out
	case *ir.Sort:
		in, l := z.query(q.Input, nil)
		var all []*ir.Field
		for _, k := range q.Keys {
			all = append(all, k.X)
		}
		in, by := z.fields(in, l, all)
		return &ir.Sort{Span: q.Span, Input: in, Keys: sortBy(q.Keys, by)}, l
	case *ir.Limit:
		in, l := z.query(q.Input, nil)
		return &ir.Limit{Span: q.Span, Input: in, N: q.N}, l
	case *ir.Union:
		return z.union(q)
	case *ir.Join:
		return z.join(q)
	case *ir.Table:
		l := &level{}
		for _, c := range q.Cols {
			l.cols = append(l.cols, raisedColumn{c, c, nil})
		}
		return q, l
	}
	panic(fmt.Sprintf("schema: unhandled query %T", q))
}

func reversed(in []*ir.Filter) []*ir.Filter {
	out := slices.Clone(in)
	slices.Reverse(out)
	return out
}

// justEvents reports whether q is a Scan, with filters, and with what Resolve
// computes right above it.
func justEvents(q ir.Query) bool {
	switch q := q.(type) {
	case *ir.Scan:
		return true
	case *ir.Filter:
		return justEvents(q.Input)
	case *ir.Extend:
		_, scan := q.Input.(*ir.Scan)
		return scan && foreign(q)
	}
	return false
}

// foreign reports whether a column of q is computed in the target's language.
func foreign(q *ir.Extend) bool {
	return slices.ContainsFunc(q.Cols, func(c *ir.Col) bool { _, ok := c.X.(*ir.Foreign); return ok })
}

func sortBy(keys []*ir.SortKey, by []*ir.Field) []*ir.SortKey {
	out := make([]*ir.SortKey, len(keys))
	for i, k := range keys {
		out[i] = &ir.SortKey{Span: k.Span, X: by[i], Desc: k.Desc}
	}
	return out
}

// free is a name for a new column: its own, unless that is what a field of the
// events is called, which may still be asked for.
func (l *level) free(name string) string {
	if l.scan == nil {
		return name
	}
	as := name
	for i := 2; ; i++ {
		_, field := l.scan.ds.Fields[as]
		if !field && as != ir.Timestamp {
			return as
		}
		as = fmt.Sprintf("%s_%d", name, i)
	}
}

// fields raises columns where only fields may stand. A column whose logical
// form is an expression gets a column of its own below.
func (z *raiser) fields(in ir.Query, l *level, list []*ir.Field) (ir.Query, []*ir.Field) {
	out := make([]*ir.Field, len(list))
	var pre []*ir.Col
	for i, f := range list {
		if f == nil {
			continue
		}
		x := z.value(l, f, asKey)
		g, ok := x.(*ir.Field)
		if !ok {
			as := l.free(f.Name)
			g = &ir.Field{Span: f.Span, Name: as}
			if !slices.ContainsFunc(pre, func(c *ir.Col) bool { return c.As == as }) {
				pre = append(pre, &ir.Col{Span: f.Span, As: as, X: x})
			}
		}
		out[i] = g
	}
	if len(pre) > 0 {
		in = &ir.Extend{Span: in.At(), Input: in, Cols: pre}
		for _, c := range pre {
			l.cols = append(l.cols, raisedColumn{c.As, c.As, nil})
		}
	}
	return in, out
}

// holds is what a column that is set to x holds.
func (z *raiser) holds(l *level, name string, x ir.Expr) *holding {
	if m := l.made(name); m != nil {
		return m.h
	}
	f, ok := x.(*ir.Field)
	if !ok || l.scan == nil || f.Name == ir.Timestamp {
		return nil
	}
	c := l.scan.b.lookup(f.Name)
	if c == nil {
		return nil
	}
	return &holding{b: l.scan.b, c: c, logical: f.Name, field: f}
}

// extend raises added columns.
func (z *raiser) extend(q *ir.Extend, in ir.Query, l *level) (ir.Query, *level) {
	out := &ir.Extend{Span: q.Span, Input: in}
	var more []raisedColumn
	for _, c := range q.Cols {
		x := z.value(l, c.X, asValue)
		f, isField := x.(*ir.Field)
		if isField && f.Name == c.As {
			continue // it has that name already
		}
		as := l.free(c.As)
		var h *holding
		if g, ok := c.X.(*ir.Field); ok {
			h = z.holds(l, g.Name, x)
		}
		out.Cols = append(out.Cols, &ir.Col{Span: c.Span, As: as, X: x})
		more = append(more, raisedColumn{c.As, as, h})
	}
	if len(out.Cols) == 0 {
		return in, l
	}
	return out, l.with(more...)
}

// aggregate raises a grouping. A key that is a column under its own name gets
// the logical name; a name that the text gave stays.
func (z *raiser) aggregate(q *ir.Aggregate, in ir.Query, l *level) (ir.Query, *level) {
	out := &ir.Aggregate{Span: q.Span, Input: in}
	next := &level{}
	taken := func(as string) bool {
		return slices.ContainsFunc(out.By, func(c *ir.Col) bool { return c.As == as }) ||
			slices.ContainsFunc(q.Aggs, func(a *ir.Agg) bool { return a.As == as }) ||
			slices.ContainsFunc(q.By, func(c *ir.Col) bool { return c.As == as })
	}
	for _, k := range q.By {
		x := z.value(l, k.X, asKey)
		as := k.As
		var h *holding
		if f, ok := k.X.(*ir.Field); ok {
			if g, ok := x.(*ir.Field); ok {
				h = z.holds(l, f.Name, x).inGroups()
				if f.Name == k.As && !taken(g.Name) {
					as = g.Name
				}
			}
		}
		out.By = append(out.By, &ir.Col{Span: k.Span, As: as, X: x})
		next.cols = append(next.cols, raisedColumn{k.As, as, h})
	}
	for _, a := range q.Aggs {
		if shownOnly(a) && z.leftOut(l, a.X.(*ir.Field), a.As) {
			continue
		}
		b := *a
		switch {
		case a.X == nil:
		case a.Func == ir.CountIf:
			b.X = z.pred(l, a.X)
		case a.Func == ir.DCount:
			b.X = z.value(l, a.X, asKey)
		case a.Func == ir.Values || a.Func == ir.First || a.Func == ir.Last || a.Func == ir.ArgMin || a.Func == ir.ArgMax:
			b.X = z.value(l, a.X, asShown)
		default:
			b.X = z.value(l, a.X, asArgument)
		}
		z.own(a, &b)
		if a.Of != nil {
			var of []*ir.Field
			out.Input, of = z.fields(out.Input, l, []*ir.Field{a.Of})
			b.Of = of[0]
		}
		out.Aggs = append(out.Aggs, &b)
		var h *holding
		if f, ok := a.X.(*ir.Field); ok && a.Func != ir.DCount && a.Func != ir.Values {
			h = z.holds(l, f.Name, b.X)
		}
		next.cols = append(next.cols, raisedColumn{a.As, a.As, h})
	}
	if len(out.Aggs) == 0 {
		return distinctOf(out), next
	}
	return out, next
}

// distinctOf is a grouping of which only the keys are wanted.
func distinctOf(q *ir.Aggregate) ir.Query {
	out := &ir.Distinct{Span: q.Span, Input: q.Input}
	var made []*ir.Col
	for _, c := range q.By {
		out.By = append(out.By, &ir.Field{Span: c.Span, Name: c.As})
		if f, ok := c.X.(*ir.Field); !ok || f.Name != c.As {
			made = append(made, c)
		}
	}
	if len(made) > 0 {
		out.Input = &ir.Extend{Span: q.Span, Input: q.Input, Cols: made}
	}
	return out
}

// own gives a target's own aggregate the nearest one of documents, which is
// exact: without estimates, without a limit of values, and without empty texts.
func (z *raiser) own(a, to *ir.Agg) {
	switch a.Func {
	case ir.Any:
		to.Func = ir.Min // it is one of the values
	case ir.List:
		to.Func = ir.Values
	}
	to.Native, to.More = "", nil
	if a.Native == "" && a.Func != ir.List {
		return
	}
	name := a.Native
	if name == "" {
		name = string(a.Func)
	}
	z.diags.Infof(codeReworded, a, "", "%s becomes %s, which is exact: it neither estimates, nor limits or repeats values, nor counts empty texts", name, to.Func)
}

// project raises a choice of columns. Those by which the target tells events
// apart, in the order in which Resolve puts them first, are left to it. With keep
// all columns have the names that they have in the text.
func (z *raiser) project(q *ir.Project, keep bool) (ir.Query, *level) {
	in, l := z.query(q.Input, nil)
	out := &ir.Project{Span: q.Span, Input: in}
	next := &level{}
	cols := q.Cols
	if l.scan != nil && plainEvents(in) {
		cols = withoutIdentity(cols, l.scan.b.m.Output)
	}
	for len(cols) > 0 {
		c := cols[0]
		f, isField := c.X.(*ir.Field)
		if isField && z.leftOut(l, f, c.As) {
			cols = cols[1:]
			continue
		}
		own := isField && f.Name == c.As && !keep
		if own && l.stored(f.Name) {
			if name, n := l.scan.shownAs(cols); n > 0 && !slices.ContainsFunc(out.Cols, func(c *ir.Col) bool { return c.As == name }) {
				g := &ir.Field{Span: c.Span, Name: name}
				out.Cols = append(out.Cols, &ir.Col{Span: c.Span, As: name, X: g})
				next.cols = append(next.cols, raisedColumn{c.As, name, z.holds(l, f.Name, g)})
				for _, d := range cols[1:n] {
					next.cols = append(next.cols, raisedColumn{d.As, d.As, nil})
				}
				cols = cols[n:]
				continue
			}
		}
		x := z.value(l, c.X, asValue)
		as := c.As
		var h *holding
		if isField {
			h = z.holds(l, f.Name, x)
			if m := l.made(f.Name); m != nil && own {
				as = m.logical
			}
			if g, ok := x.(*ir.Field); ok && g.Name == ir.Timestamp && f.Name == c.As {
				as = ir.Timestamp
			}
		}
		out.Cols = append(out.Cols, &ir.Col{Span: c.Span, As: as, X: x})
		next.cols = append(next.cols, raisedColumn{c.As, as, h})
		cols = cols[1:]
	}
	return out, next
}

// withoutIdentity drops the columns by which a target tells events apart as far
// as they stand first, in order, where all of them are there: Resolve puts them
// there.
func withoutIdentity(cols []*ir.Col, identity []string) []*ir.Col {
	place := func(c *ir.Col) int {
		if f, ok := c.X.(*ir.Field); ok {
			return slices.Index(identity, f.Name)
		}
		return -1
	}
	for _, name := range identity {
		if !slices.ContainsFunc(cols, func(c *ir.Col) bool { f, ok := c.X.(*ir.Field); return ok && f.Name == name }) {
			return cols
		}
	}
	n := 0
	for n < len(cols)-1 && place(cols[n]) >= 0 && cols[n].As == identity[place(cols[n])] && (n == 0 || place(cols[n]) > place(cols[n-1])) {
		n++
	}
	return cols[n:]
}

// open reports whether the columns of a level are those of events, which a
// union or the right side of a join has to choose from.
func (l *level) open() bool { return l.scan != nil }

// chosen is a projection of an open query to columns, under the names that the
// text has for them.
func (z *raiser) chosen(in ir.Query, l *level, names []string, want func(name string) bool) (ir.Query, *level) {
	p := &ir.Project{Span: in.At(), Input: in}
	next := &level{}
	for i, name := range names {
		if !want(name) || slices.Contains(names[:i], name) || l.made(name) == nil && !l.scan.has(name) {
			continue
		}
		f := &ir.Field{Span: in.At(), Name: name}
		x := z.value(l, f, asValue)
		as := name
		if g, ok := x.(*ir.Field); ok && g.Name == ir.Timestamp {
			as = ir.Timestamp
		}
		p.Cols = append(p.Cols, &ir.Col{Span: in.At(), As: as, X: x})
		next.cols = append(next.cols, raisedColumn{name, as, z.holds(l, name, x)})
	}
	if len(p.Cols) == 0 {
		return in, l
	}
	return p, next
}

// union raises a union. Its inputs are aligned by name, so that the names of
// the text stay.
func (z *raiser) union(q *ir.Union) (ir.Query, *level) {
	out := &ir.Union{Span: q.Span, Source: q.Source}
	next := &level{}
	if q.Source != "" {
		next.cols = append(next.cols, raisedColumn{q.Source, q.Source, nil})
	}
	for _, u := range q.Inputs {
		in, l := z.side(u)
		if l.open() {
			names := z.named
			if q == z.rows {
				// A column that only one of the target's tables has is asked for
				// in its filter; beside the rows it would bind them to the target.
				names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
					return l.made(name) == nil && !l.scan.isTime(name) && len(l.scan.rolesFor(name)) == 0
				})
				names = append(names, l.scan.shownColumns()...)
			}
			in, l = z.chosen(in, l, names, func(string) bool { return true })
		}
		in, l = renamed(in, l, func(c raisedColumn) string {
			if c.logical == ir.Timestamp {
				return c.logical
			}
			return c.physical
		})
		out.Inputs = append(out.Inputs, in)
		next.broken = next.broken || l.broken
		for _, c := range l.cols {
			if first := next.made(c.physical); first == nil {
				next.cols = append(next.cols, c)
			} else {
				first.h = oneOf(first.h, c.h)
			}
		}
	}
	return out, next
}

// side raises an input of a union or a join, in which a projection names the
// columns that the other side has to match.
func (z *raiser) side(q ir.Query) (ir.Query, *level) {
	if p, ok := q.(*ir.Project); ok {
		return z.project(p, true)
	}
	return z.query(q, nil)
}

// renamed gives the columns of a closed query other names; nothing is added
// where all have theirs.
func renamed(in ir.Query, l *level, name func(c raisedColumn) string) (ir.Query, *level) {
	p := &ir.Project{Span: in.At(), Input: in}
	next := &level{scan: l.scan, broken: l.broken}
	changed := false
	for _, c := range l.cols {
		as := name(c)
		changed = changed || as != c.logical
		p.Cols = append(p.Cols, &ir.Col{Span: in.At(), As: as, X: &ir.Field{Span: in.At(), Name: c.logical}})
		next.cols = append(next.cols, raisedColumn{c.physical, as, c.h})
	}
	if !changed || len(p.Cols) == 0 {
		return in, l
	}
	return p, next
}

// join raises a join: its keys have the logical names of the left side on both.
func (z *raiser) join(q *ir.Join) (ir.Query, *level) {
	switch q.Kind {
	case ir.RightOuter, ir.FullOuter, ir.RightAnti, ir.RightSemi:
		z.diags.Errorf(codeNoLogical, q, "Write the join with its sides the other way round, or keep the hunt as native text.",
			"documents have no join of the kind %s", q.Kind)
	}
	left, ll := z.side(q.Left)
	left, on := z.fields(left, ll, q.On)
	out := &ir.Join{Span: q.Span, Left: left, Kind: q.Kind, On: on}
	keys := q.On
	if q.RightOn != nil {
		keys = q.RightOn
	}
	keyName := func(physical string) string {
		for i, f := range keys {
			if f.Name == physical {
				return on[i].Name
			}
		}
		return ""
	}
	if t, ok := q.Right.(*ir.Table); ok {
		return z.lookupTable(q, out, ll, t, keyName)
	}
	right, rl := z.side(q.Right)
	onLeft := func(name string) bool { return ll.made(name) != nil || ll.scan != nil && ll.scan.has(name) }
	// seen is what a column of the right side is called in the rows; "" if it is
	// not in them.
	seen := func(name string) string {
		if !onLeft(name) {
			return name
		}
		if as := name + "1"; q.Repeat && slices.Contains(z.named, as) && !onLeft(as) {
			return as
		}
		return ""
	}
	filtering := q.Kind == ir.Anti || q.Kind == ir.Semi
	if rl.open() {
		right, rl = z.chosen(right, rl, z.named, func(name string) bool { return keyName(name) != "" || !filtering && seen(name) != "" })
	}
	p := &ir.Project{Span: right.At(), Input: right}
	next := &level{cols: slices.Clone(ll.cols), scan: ll.scan, broken: ll.broken || rl.broken}
	for _, c := range rl.cols {
		x := &ir.Field{Span: right.At(), Name: c.logical}
		if as := keyName(c.physical); as != "" {
			p.Cols = append(p.Cols, &ir.Col{Span: x.Span, As: as, X: x})
		}
		as := seen(c.physical)
		if filtering || as == "" || keyName(c.physical) != "" && as == c.physical && !q.Repeat {
			continue
		}
		logical := c.logical
		if as != c.physical {
			logical = as
		}
		logical = ll.free(logical)
		p.Cols = append(p.Cols, &ir.Col{Span: x.Span, As: logical, X: x})
		next.cols = append(next.cols, raisedColumn{as, logical, c.h})
	}
	out.Right = right
	if slices.ContainsFunc(p.Cols, func(c *ir.Col) bool { return c.As != c.X.(*ir.Field).Name }) || len(p.Cols) != len(rl.cols) && !filtering {
		out.Right = p
	}
	if filtering {
		return out, ll
	}
	return out, next
}

// lookupTable raises a join with a list of rows, whose columns are called as
// the text calls them.
func (z *raiser) lookupTable(q, out *ir.Join, ll *level, t *ir.Table, keyName func(string) string) (ir.Query, *level) {
	c := *t
	c.Cols = slices.Clone(t.Cols)
	next := ll.with()
	for i, name := range t.Cols {
		as := keyName(name)
		switch {
		case as == "" && q.Kind != ir.Anti:
			next.cols = append(next.cols, raisedColumn{name, name, nil})
		case as == "" || as == name:
		case len(t.Rows) == 0:
			z.diags.Errorf(codeNoLogical, q, "Call the column of the file "+as+", or keep the hunt as native text.",
				"the lookup %s is joined on its column %s, which documents call %s", t.Name, name, as)
		default:
			c.Cols[i] = as
		}
	}
	out.Right = &c
	return out, next
}
