package irgen

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/huntc/huntc/ir"
)

// Source is a logsource, and fields that its events have.
type Source struct {
	Logsource ir.Logsource
	Fields    []*ir.Field
}

// Query is a random query.
func (o Options) Query(r *rand.Rand, fields []*ir.Field) ir.Query {
	q, _ := o.Program(r,
		Source{ir.Logsource{Category: "process_creation"}, fields},
		Source{ir.Logsource{Product: "windows", Service: "security"}, fields})
	return q
}

// Program is a random query over the sources, and its columns. Its result does
// not depend on the order of the rows of a source, but for the order of its
// own, as long as no two rows of a source have the same Timestamp and each has
// one: where the order of ties would show, there are none.
func (o Options) Program(r *rand.Rand, sources ...Source) (ir.Query, []*ir.Field) {
	g := &generator{Options: o, r: r, sources: sources}
	rel := g.relation(3 + r.IntN(4))
	return rel.q, rel.fields
}

type generator struct {
	Options
	r       *rand.Rand
	sources []Source
	n       int // columns named so far
}

// relation is a query and its columns. No two of its rows are equal in all
// fields of identity; nil if nothing is known to tell them apart.
type relation struct {
	q        ir.Query
	fields   []*ir.Field
	identity []*ir.Field
}

// orders reports whether no two rows have the same value of the field, which
// is one to order by.
func (rel relation) orders(f *ir.Field) bool {
	return len(rel.identity) == 1 && rel.identity[0].Name == f.Name && (f.T == ir.Time || f.T == ir.Int)
}

// with is the relation with a query over it in its place, and more fields.
func (rel relation) with(q ir.Query, more ...*ir.Field) relation {
	return relation{q, slices.Concat(rel.fields, more), rel.identity}
}

func (g *generator) name() string {
	g.n++
	return fmt.Sprintf("c%d", g.n)
}

// relation is a random query of about so many nodes.
func (g *generator) relation(size int) relation {
	r := g.r
	if size <= 0 {
		source := pick(r, g.sources)
		scan := &ir.Scan{Source: source.Logsource}
		if r.IntN(8) == 0 {
			scan.LookBack = time.Duration(1+r.IntN(3)) * 24 * time.Hour
		}
		rel := relation{q: scan, fields: slices.Clone(source.Fields)}
		for _, f := range source.Fields {
			if f.Name == ir.Timestamp {
				rel.identity = []*ir.Field{f}
			}
		}
		return rel
	}
	switch r.IntN(14) {
	case 0:
		return g.union(g.relation(size/2), g.relation(size/2))
	case 1:
		return g.join(g.relation(size/2), g.relation(size/2))
	case 2:
		return g.lookup(g.relation(size - 1))
	}
	rel := g.relation(size - 1)
	switch r.IntN(14) {
	case 0, 1:
		return g.aggregate(rel)
	case 2:
		q := &ir.Extend{Input: rel.q}
		var made []*ir.Field
		for range 1 + r.IntN(2) {
			x, t := g.column(rel.fields)
			c := &ir.Col{As: g.name(), X: x}
			q.Cols = append(q.Cols, c)
			made = append(made, &ir.Field{Name: c.As, T: t})
		}
		return rel.with(q, made...)
	case 3:
		return g.project(rel)
	case 4:
		by := some(r, keys(rel.fields), 1+r.IntN(2))
		if len(by) > 0 {
			return relation{&ir.Distinct{Input: rel.q, By: clones(by)}, by, by}
		}
	case 5:
		sort := &ir.Sort{Input: rel.q}
		if r.IntN(2) == 0 {
			for _, f := range some(r, keys(rel.fields), 1+r.IntN(2)) {
				sort.Keys = append(sort.Keys, &ir.SortKey{X: clone(f), Desc: r.IntN(2) == 0})
			}
			if len(sort.Keys) > 0 {
				return rel.with(sort)
			}
		} else if sort.Keys = g.order(rel); sort.Keys != nil {
			return rel.with(&ir.Limit{Input: sort, N: r.IntN(10)})
		}
	case 6, 7:
		if out, ok := g.sequence(rel); ok {
			return out
		}
	case 8:
		if keys := g.order(rel); keys != nil {
			return g.ranked(rel, keys)
		}
	}
	return rel.with(&ir.Filter{Input: rel.q, Pred: g.pred(r, rel.fields, 2)})
}

// order is an order in which there are no ties; nil if none is known.
func (g *generator) order(rel relation) []*ir.SortKey {
	by := some(g.r, keys(rel.fields), g.r.IntN(3))
	last := rel.identity
	if last == nil {
		// Rows that are equal in all columns are one as good as another.
		if last = keys(rel.fields); len(last) < len(rel.fields) || len(last) == 0 {
			return nil
		}
	}
	for _, f := range last {
		if !ir.HasField(by, f.Name) {
			by = append(by, f)
		}
	}
	var out []*ir.SortKey
	for _, f := range by {
		out = append(out, &ir.SortKey{X: clone(f), Desc: g.r.IntN(2) == 0})
	}
	return out
}

// ranked gives the rows their places, and most often keeps the first of each
// group.
func (g *generator) ranked(rel relation, keysOf []*ir.SortKey) relation {
	r := g.r
	place := &ir.Field{Name: g.name(), T: ir.Int}
	rank := &ir.Rank{Input: rel.q, By: clones(some(r, keys(rel.fields), r.IntN(3))), Keys: keysOf, As: place.Name}
	if r.IntN(3) == 0 {
		return rel.with(rank, place)
	}
	op := pick(r, []ir.CmpOp{ir.Le, ir.Le, ir.Le, ir.Lt, ir.Eq})
	return rel.with(&ir.Filter{Input: rank, Pred: &ir.Compare{Op: op, L: clone(place), R: number(1 + r.IntN(4))}}, place)
}

// sequence looks at the rows in the order of their times. Where several rows
// may have one time, what is found is summed up at once: which of them is
// called the first does not show in it.
func (g *generator) sequence(rel relation) (relation, bool) {
	r := g.r
	times := slices.DeleteFunc(slices.Clone(rel.fields), func(f *ir.Field) bool { return f.T != ir.Time })
	if len(times) == 0 {
		return rel, false
	}
	by, of, as := some(r, keys(rel.fields), r.IntN(3)), pick(r, times), g.name()
	for _, f := range times {
		if rel.orders(f) && r.IntN(2) == 0 {
			of = f
		}
	}
	if r.IntN(3) == 0 {
		q := &ir.Session{Input: rel.q, By: clones(by), Of: clone(of), Gap: time.Duration(r.IntN(5)) * time.Hour, As: as}
		return rel.with(q, &ir.Field{Name: as, T: ir.Time}), true
	}
	if rel.orders(of) && r.IntN(2) == 0 {
		x := pick(r, keys(rel.fields))
		return rel.with(&ir.Lag{Input: rel.q, By: clones(by), Of: clone(of), X: clone(x), As: as}, &ir.Field{Name: as, T: x.T}), true
	}
	gap := &ir.Field{Name: as, T: ir.Duration}
	out := rel.with(&ir.Window{Input: rel.q, By: clones(by), Of: clone(of), Offset: r.IntN(3), As: as}, gap)
	if rel.orders(of) {
		return out, true
	}
	sum := &ir.Aggregate{Input: out.q}
	fields := slices.Clone(by)
	for _, f := range by {
		sum.By = append(sum.By, &ir.Col{As: f.Name, X: clone(f)})
	}
	for range 1 + r.IntN(2) {
		a := &ir.Agg{As: g.name(), Func: pick(r, []ir.AggFunc{ir.Min, ir.Max, ir.Sum, ir.Avg, ir.Stdev}), X: clone(gap)}
		sum.Aggs = append(sum.Aggs, a)
		fields = append(fields, &ir.Field{Name: a.As, T: ir.Duration})
	}
	return relation{sum, fields, by}, true
}

// project keeps some columns and makes a new one.
func (g *generator) project(rel relation) relation {
	r := g.r
	q := &ir.Project{Input: rel.q}
	out := relation{q: q}
	keep := some(r, rel.fields, 1+r.IntN(5))
	if r.IntN(3) > 0 {
		for _, f := range rel.identity {
			if !ir.HasField(keep, f.Name) {
				keep = append(keep, f)
			}
		}
	}
	for _, f := range keep {
		q.Cols = append(q.Cols, &ir.Col{As: f.Name, X: clone(f)})
	}
	out.fields = keep
	out.identity = kept(rel.identity, keep)
	if r.IntN(2) == 0 {
		x, t := g.column(rel.fields)
		c := &ir.Col{As: g.name(), X: x}
		q.Cols = append(q.Cols, c)
		out.fields = append(out.fields, &ir.Field{Name: c.As, T: t})
	}
	return out
}

// kept is the identity where its fields are kept, else nil.
func kept(identity, fields []*ir.Field) []*ir.Field {
	for _, f := range identity {
		if !ir.HasField(fields, f.Name) {
			return nil
		}
	}
	return identity
}

// union aligns columns of two relations, and may mark where a row came from.
func (g *generator) union(a, b relation) relation {
	r := g.r
	var both []*ir.Field
	for _, f := range a.fields {
		if slices.ContainsFunc(b.fields, func(e *ir.Field) bool { return e.Name == f.Name && e.T == f.T }) {
			both = append(both, f)
		}
	}
	mark := &ir.Field{Name: g.name(), T: ir.String}
	marked := r.IntN(2) == 0
	var out []*ir.Field
	input := func(rel relation, label string) ir.Query {
		q := &ir.Project{Input: rel.q}
		for _, f := range some(r, rel.fields, 1+r.IntN(4)) {
			alone := f.Name != ir.Timestamp && !(ir.HasField(a.fields, f.Name) && ir.HasField(b.fields, f.Name))
			if (alone || ir.HasField(both, f.Name)) && f.T != ir.Dynamic {
				q.Cols = append(q.Cols, &ir.Col{As: f.Name, X: clone(f)})
			}
		}
		for _, f := range both {
			if f.Name == ir.Timestamp && !slices.ContainsFunc(q.Cols, func(c *ir.Col) bool { return c.As == f.Name }) {
				q.Cols = append(q.Cols, &ir.Col{As: f.Name, X: clone(f)})
			}
		}
		if marked {
			q.Cols = append(q.Cols, &ir.Col{As: mark.Name, X: &ir.Lit{Value: label}})
		}
		for _, c := range q.Cols {
			if f, ok := c.X.(*ir.Field); ok && !ir.HasField(out, f.Name) {
				out = append(out, f)
			}
		}
		return q
	}
	q := &ir.Union{Inputs: []ir.Query{input(a, "a"), input(b, "b")}}
	for _, in := range q.Inputs {
		if len(in.(*ir.Project).Cols) == 0 {
			return a
		}
	}
	rel := relation{q: q, fields: out}
	if marked {
		rel.fields = append(rel.fields, mark)
		if sameIdentity(a.identity, b.identity) && inBoth(q, a.identity) {
			rel.identity = append(slices.Clone(a.identity), mark)
		}
	}
	return rel
}

func sameIdentity(a, b []*ir.Field) bool {
	return a != nil && slices.EqualFunc(a, b, func(f, g *ir.Field) bool { return f.Name == g.Name })
}

// inBoth reports whether each input of a union has the fields.
func inBoth(q *ir.Union, fields []*ir.Field) bool {
	for _, in := range q.Inputs {
		for _, f := range fields {
			if !slices.ContainsFunc(in.(*ir.Project).Cols, func(c *ir.Col) bool { return c.As == f.Name }) {
				return false
			}
		}
	}
	return true
}

// join pairs two relations by fields that both have.
func (g *generator) join(a, b relation) relation {
	r := g.r
	var both []*ir.Field
	for _, f := range keys(a.fields) {
		if f.T != ir.Float && slices.ContainsFunc(b.fields, func(e *ir.Field) bool { return e.Name == f.Name && e.T == f.T }) {
			both = append(both, f)
		}
	}
	on := some(r, both, 1+r.IntN(2))
	if len(on) == 0 {
		return a
	}
	right := &ir.Project{Input: b.q}
	for _, f := range on {
		right.Cols = append(right.Cols, &ir.Col{As: f.Name, X: clone(f)})
	}
	kinds := []ir.JoinKind{ir.Inner, ir.LeftOuter, ir.Anti}
	if g.Lifted {
		kinds = append(kinds, ir.Semi)
	}
	q := &ir.Join{Left: a.q, Right: right, Kind: pick(r, kinds), On: clones(on)}
	if q.Kind == ir.Anti || q.Kind == ir.Semi {
		return a.with(q)
	}
	out := a.with(q)
	show := some(r, b.fields, r.IntN(4))
	if a.identity != nil && b.identity != nil && kept(b.identity, on) == nil && r.IntN(2) == 0 {
		for _, f := range b.identity {
			if !ir.HasField(show, f.Name) {
				show = append(show, f)
			}
		}
	}
	beside := kept(b.identity, append(slices.Clone(show), on...))
	out.identity = nil
	if a.identity != nil && beside != nil {
		out.identity = slices.Clone(a.identity)
	}
	for _, f := range show {
		c := &ir.Col{As: g.name(), X: clone(f)}
		right.Cols = append(right.Cols, c)
		made := &ir.Field{Name: c.As, T: f.T}
		out.fields = append(out.fields, made)
		if out.identity != nil && ir.HasField(beside, f.Name) && !ir.HasField(on, f.Name) {
			out.identity = append(out.identity, made)
		}
	}
	return out
}

// lookup pairs a relation with rows that come with the hunt.
func (g *generator) lookup(rel relation) relation {
	r := g.r
	texts := slices.DeleteFunc(slices.Clone(rel.fields), func(f *ir.Field) bool { return f.T != ir.String })
	on := some(r, texts, 1+r.IntN(8)/7)
	if len(on) == 0 {
		return rel.with(&ir.Filter{Input: rel.q, Pred: g.pred(r, rel.fields, 1)})
	}
	table := &ir.Table{Name: "table_" + g.name()}
	for _, f := range on {
		table.Cols = append(table.Cols, f.Name)
	}
	var made []*ir.Field
	for range r.IntN(3) {
		made = append(made, &ir.Field{Name: g.name(), T: ir.String})
		table.Cols = append(table.Cols, made[len(made)-1].Name)
	}
	n := 1 + r.IntN(6)
	if r.IntN(20) == 0 {
		n = 130 // more than a query would hold
	}
	seen := map[string]bool{}
	for i := range n {
		var row []string
		for _, f := range on {
			s, _ := g.value(r, f).(string)
			if n > 100 && i > 6 {
				s += fmt.Sprint(i)
			}
			row = append(row, s)
		}
		if key := fmt.Sprintf("%q", row); slices.Contains(row, "") || seen[key] {
			continue
		} else {
			seen[key] = true
		}
		for range made {
			cell := ""
			if r.IntN(5) > 0 {
				cell = Text(r)
			}
			row = append(row, cell)
		}
		table.Rows = append(table.Rows, row)
	}
	q := &ir.Join{Left: rel.q, Right: table, Kind: pick(r, []ir.JoinKind{ir.Inner, ir.LeftOuter, ir.Anti}), On: clones(on)}
	if q.Kind == ir.Anti {
		made = nil
	}
	return rel.with(q, made...)
}

func (g *generator) aggregate(rel relation) relation {
	r := g.r
	q := &ir.Aggregate{Input: rel.q}
	var out []*ir.Field
	for _, f := range some(r, keys(rel.fields), r.IntN(3)) {
		c := &ir.Col{As: f.Name, X: clone(f)}
		if x, t := g.column(rel.fields); r.IntN(4) == 0 && t != ir.Dynamic && t != ir.Float {
			c, f = &ir.Col{As: g.name(), X: x}, &ir.Field{T: t}
			f.Name = c.As
		}
		q.By = append(q.By, c)
		out = append(out, f)
	}
	identity := slices.Clone(out)
	for range 1 + r.IntN(3) {
		a, t := g.agg(rel)
		q.Aggs = append(q.Aggs, a)
		out = append(out, &ir.Field{Name: a.As, T: t})
	}
	return relation{q, out, identity}
}

// agg is a random aggregate and its type.
func (g *generator) agg(rel relation) (*ir.Agg, ir.Type) {
	r, fields := g.r, rel.fields
	f := pick(r, fields)
	number := f.T.Numeric() || f.T == ir.Duration
	a := &ir.Agg{As: g.name(), X: clone(f)}
	t := f.T
	if r.IntN(4) == 0 {
		if x := g.Expr(r, fields, f.T, 2); x != nil {
			a.X = x
		}
	}
	if f.T == ir.Dynamic { // a set of values, of which nothing is summed up
		a.Func, a.X = ir.Count, nil
		return a, ir.Int
	}
	time := &ir.Field{}
	if i := slices.IndexFunc(fields, func(f *ir.Field) bool { return f.Name == ir.Timestamp }); i >= 0 {
		time = fields[i]
	}
	switch n := r.IntN(10); {
	case n == 0:
		a.Func, a.X, t = ir.Count, nil, ir.Int
	case n == 1:
		a.Func, t = ir.DCount, ir.Int
		if r.IntN(3) == 0 {
			a.X = &ir.Call{Func: ir.Tuple, Args: []ir.Expr{a.X, clone(pick(r, keys(fields)))}}
		}
	case n == 2:
		a.Func, t = ir.Values, ir.Dynamic
	case n < 5 && number:
		a.Func = pick(r, []ir.AggFunc{ir.Sum, ir.Avg, ir.Stdev, ir.Percentile})
		if a.Func == ir.Percentile {
			a.P = float64(r.IntN(101))
		}
		if t == ir.Int && (a.Func == ir.Avg || a.Func == ir.Stdev) {
			t = ir.Float
		}
	case n == 5 && rel.orders(time):
		a.Func = pick(r, []ir.AggFunc{ir.First, ir.Last})
	case n == 6:
		a.Func, a.X, t = ir.CountIf, g.pred(r, fields, 2), ir.Int
	case n < 9 && len(ordinals(fields)) > 0:
		a.Func, a.Of = pick(r, []ir.AggFunc{ir.ArgMin, ir.ArgMax}), clone(pick(r, ordinals(fields)))
		for _, k := range fields {
			if rel.orders(k) && r.IntN(3) > 0 {
				a.Of = clone(k)
			}
		}
		if !rel.orders(a.Of) {
			// Of rows that tie, each says the same.
			a.X, t = clone(a.Of), a.Of.T
			if x := g.Expr(r, []*ir.Field{a.Of}, t, 2); x != nil {
				a.X = x
			}
		}
	default:
		a.Func = pick(r, []ir.AggFunc{ir.Min, ir.Max})
	}
	if tuple, ok := a.X.(*ir.Call); a.X != nil && a.Func != ir.CountIf && !(ok && tuple.Func == ir.Tuple) && r.IntN(5) == 0 {
		// Of the rows for which something holds.
		a.X = &ir.Call{Func: ir.If, Args: []ir.Expr{g.pred(r, fields, 1), a.X}}
	}
	return a, t
}

// ordinals are the fields whose values have an order of their own.
func ordinals(fields []*ir.Field) []*ir.Field {
	return slices.DeleteFunc(slices.Clone(fields), func(f *ir.Field) bool {
		return !f.T.Numeric() && f.T != ir.Time && f.T != ir.Duration
	})
}

// column is a random expression that is not a predicate, and its type.
func (g *generator) column(fields []*ir.Field) (ir.Expr, ir.Type) {
	r := g.r
	f := pick(r, fields)
	t := pick(r, []ir.Type{ir.String, ir.String, ir.Int, ir.Float, ir.Time, ir.Duration, f.T})
	if x := g.Expr(r, fields, t, 3); x != nil {
		return x, t
	}
	return clone(f), f.T
}
