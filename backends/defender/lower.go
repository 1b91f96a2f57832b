package defender

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// maxWheres is how many conditions get a line of their own; Kusto's parser
// nests one level for each operator of the pipe.
const maxWheres = 50

// Lower writes a planned query as Kusto. It decides nothing but wording.
func (b *Backend) Lower(q ir.Query) *kql.Query {
	l := &lowerer{backend: b, root: q}
	out := l.query(q)
	out.Lets = l.lets
	return out
}

type lowerer struct {
	backend *Backend
	root    ir.Query
	lets    []*kql.Let  // the tables so far
	orders  []*kql.Sort // those of window functions
	in      ir.Query    // the rows that the expression to be written is about
	above   *ir.Filter  // right above the node to be written, or nil
}

func (l *lowerer) query(q ir.Query) *kql.Query {
	switch q := q.(type) {
	case *ir.Scan:
		out := &kql.Query{Span: q.Span, Source: &kql.Table{Span: q.Span, Name: q.Physical.Table}}
		if q.LookBack != 0 {
			out.Ops = append(out.Ops, &kql.Where{Span: q.Span, Pred: lookBack(q.Span, q.LookBack)})
		}
		return out
	case *ir.Union:
		src := &kql.UnionSource{Span: q.Span}
		if q.Source != "" {
			src.Params = append(src.Params, &kql.Param{Span: q.Span, Name: "withsource", Value: q.Source})
		}
		l.above = nil
		for _, in := range q.Inputs {
			src.Inputs = append(src.Inputs, l.query(in))
		}
		return &kql.Query{Span: q.Span, Source: src}
	case *ir.Limit:
		// top is sort and take in one.
		if s, ok := q.Input.(*ir.Sort); ok && len(s.Keys) == 1 {
			l.above = nil
			out := l.query(s.Input)
			out.Ops = append(out.Ops, &kql.Top{Span: q.Span, N: int64(q.N), Key: sortKey(s.Keys[0])})
			return out
		}
	}
	above := l.above
	l.above, _ = q.(*ir.Filter)
	out := l.query(ir.Inputs(q)[0])
	l.in = ir.Inputs(q)[0]
	switch q := q.(type) {
	case *ir.Filter:
		conds := l.conditions(q.Pred)
		if len(conds) > maxWheres {
			conds = []kql.Expr{kql.NewLogic(q.Span, kql.And, conds...)}
		}
		for _, c := range conds {
			out.Ops = append(out.Ops, &kql.Where{Span: c.At(), Pred: c})
		}
	case *ir.Extend:
		out.Ops = append(out.Ops, &kql.Extend{Span: q.Span, Cols: l.cols(q.Cols)})
	case *ir.Project:
		out.Ops = append(out.Ops, &kql.Project{Span: q.Span, Cols: l.cols(q.Cols)})
	case *ir.Aggregate:
		l.summarize(out, q, above)
	case *ir.Window:
		l.window(out, q)
	case *ir.Session:
		l.session(out, q)
	case *ir.Lag:
		l.lag(out, q)
	case *ir.Rank:
		l.rank(out, q)
	case *ir.Join:
		if t, ok := q.Right.(*ir.Table); ok {
			l.lookup(out, q, t)
			break
		}
		l.above = nil
		j := &kql.JoinOp{Span: q.Span, Kind: wordOfJoin(q.Kind), Right: l.query(q.Right)}
		away := &kql.ProjectAway{Span: q.Span}
		for i, f := range q.On {
			c := column(f)
			right := c
			if q.RightOn != nil {
				right = column(q.RightOn[i])
			}
			j.On = append(j.On, kql.JoinKey{Span: f.Span, Left: c, Right: right})
			// The right side's key comes along under this name.
			away.Names = append(away.Names, &kql.Column{Span: f.Span, Name: f.Name + "1"})
		}
		out.Ops = append(out.Ops, j)
		if !oneSided(q.Kind) && !q.Repeat && len(away.Names) > 0 {
			out.Ops = append(out.Ops, away)
		}
	case *ir.Distinct:
		if n := len(out.Ops) - 1; n >= 0 && q.Whole {
			// The first row of a descending order is that at the largest value.
			if s, ok := out.Ops[n].(*kql.Sort); ok && len(s.Keys) == 1 && s.Keys[0].Desc {
				out.Ops[n] = l.first(q, s)
				break
			}
		}
		d := &kql.Distinct{Span: q.Span}
		for _, f := range q.By {
			d.Names = append(d.Names, column(f))
		}
		out.Ops = append(out.Ops, d)
	case *ir.Sort:
		s := &kql.Sort{Span: q.Span}
		for _, k := range q.Keys {
			s.Keys = append(s.Keys, sortKey(k))
		}
		out.Ops = append(out.Ops, s)
	case *ir.Limit:
		out.Ops = append(out.Ops, &kql.Take{Span: q.Span, N: int64(q.N)})
	default:
		panic(fmt.Sprintf("defender: unhandled query %T", q))
	}
	return out
}

// first writes the row with the largest value for each of the keys.
func (l *lowerer) first(q *ir.Distinct, order *kql.Sort) *kql.Summarize {
	s := &kql.Summarize{Span: q.Span, Aggs: []kql.NamedExpr{{Span: q.Span, X: call(q.Span, extremeName(ir.ArgMax), order.Keys[0].X, &kql.Star{Span: q.Span})}}}
	for _, f := range q.By {
		s.By = append(s.By, kql.NamedExpr{Span: f.Span, X: column(f)})
	}
	return s
}

// oneSided reports whether the rows of the join are those of one side only.
func oneSided(kind ir.JoinKind) bool {
	return kind == ir.Anti || kind == ir.Semi || kind == ir.RightAnti || kind == ir.RightSemi
}

// joinWords are Kusto's words for the kinds of join.
var joinWords = []struct {
	kind ir.JoinKind
	word string
}{
	{ir.Inner, "inner"}, {ir.LeftOuter, "leftouter"}, {ir.Anti, "leftanti"},
	{ir.InnerUnique, "innerunique"}, {ir.Semi, "leftsemi"}, {ir.RightOuter, "rightouter"}, {ir.FullOuter, "fullouter"},
	{ir.RightAnti, "rightanti"}, {ir.RightSemi, "rightsemi"},
}

func wordOfJoin(kind ir.JoinKind) string {
	for _, k := range joinWords {
		if k.kind == kind {
			return k.word
		}
	}
	panic(fmt.Sprintf("defender: unhandled join %q", kind))
}

func lookBack(at diag.Span, d time.Duration) kql.Expr {
	return &kql.Binary{Span: at, Op: ">", L: &kql.Column{Span: at, Name: timestamp},
		R: &kql.Call{Span: at, Name: "ago", Args: []kql.Expr{&kql.Timespan{Span: at, Text: timespanText(d)}}}}
}

func column(f *ir.Field) *kql.Column { return &kql.Column{Span: f.Span, Name: f.Name} }

func sortKey(k *ir.SortKey) kql.SortKey {
	return kql.SortKey{Span: k.Span, X: column(k.X), Desc: k.Desc}
}

func (l *lowerer) cols(cols []*ir.Col) []kql.NamedExpr {
	out := make([]kql.NamedExpr, len(cols))
	for i, c := range cols {
		out[i] = kql.NamedExpr{Span: c.Span, Name: c.As, X: l.expr(c.X, true)}
		if f, ok := c.X.(*ir.Field); ok && f.Name == c.As {
			out[i].Name = ""
		}
	}
	return out
}

// lookup writes a join with a table, whose keys are unique: as a list of values
// where it has no column but one key, as the operator for this else.
func (l *lowerer) lookup(out *kql.Query, q *ir.Join, t *ir.Table) {
	l.let(q, t)
	name := &kql.Query{Span: t.Span, Source: &kql.Table{Span: t.Span, Name: t.Name}}
	var on []kql.JoinKey
	for _, f := range q.On {
		c := column(f)
		on = append(on, kql.JoinKey{Span: f.Span, Left: c, Right: c})
	}
	switch {
	case len(t.Cols) == 1 && q.Kind != ir.LeftOuter:
		in := &kql.In{Span: q.Span, Op: "in", X: column(q.On[0]), Values: []kql.Expr{&kql.Column{Span: t.Span, Name: t.Name}}}
		if q.Kind == ir.Anti {
			in.Op = "!in"
		}
		out.Ops = append(out.Ops, &kql.Where{Span: q.Span, Pred: in})
	case q.Kind == ir.Anti:
		out.Ops = append(out.Ops, &kql.JoinOp{Span: q.Span, Kind: wordOfJoin(q.Kind), Right: name, On: on})
	default:
		out.Ops = append(out.Ops, &kql.Lookup{Span: q.Span, Kind: wordOfJoin(q.Kind), Right: name, On: on})
	}
}

// let names the rows of a table, unless that has been done.
func (l *lowerer) let(q *ir.Join, t *ir.Table) {
	if slices.ContainsFunc(l.lets, func(let *kql.Let) bool { return let.Name == t.Name }) {
		return
	}
	rows := &kql.Datatable{Span: t.Span}
	numbers := make([]bool, len(t.Cols))
	for i, name := range t.Cols {
		typ := l.backend.tableType(q, name)
		numbers[i] = typ != "string"
		rows.Cols = append(rows.Cols, kql.ColumnDecl{Span: t.Span, Name: name, Type: typ})
	}
	for _, row := range t.Rows {
		for i, cell := range row {
			if numbers[i] {
				n, _ := strconv.ParseInt(cell, 10, 64) // Plan has left no others
				rows.Values = append(rows.Values, kql.Int(t.Span, n))
				continue
			}
			rows.Values = append(rows.Values, &kql.String{Span: t.Span, Value: cell})
		}
	}
	l.lets = append(l.lets, &kql.Let{Span: t.Span, Name: t.Name, Query: &kql.Query{Span: t.Span, Source: rows}})
}

// tableType is Kusto's type of a column of the table that is joined: as a key
// that of the left side, else text.
func (b *Backend) tableType(q *ir.Join, name string) string {
	for _, f := range q.On {
		if f.Name == name {
			return b.kustoTypeOf(q.Left, f)
		}
	}
	return "string"
}

// summarize writes the aggregates. The columns by which arg_min and arg_max
// choose come along with what they choose, and are dropped again.
func (l *lowerer) summarize(out *kql.Query, q *ir.Aggregate, above *ir.Filter) {
	s := &kql.Summarize{Span: q.Span, By: l.cols(q.By)}
	away := &kql.ProjectAway{Span: q.Span}
	for i := 0; i < len(q.Aggs); i++ {
		a := q.Aggs[i]
		if a.Native != "" {
			n := l.native(q.Aggs[i:])
			s.Aggs = append(s.Aggs, n)
			i += max(1, len(n.Names)) - 1
			continue
		}
		if extremeName(a.Func) == "" {
			s.Aggs = append(s.Aggs, kql.NamedExpr{Span: a.Span, Name: a.As, X: l.aggregate(q, a, above)})
			continue
		}
		at := l.fresh("at_" + a.As)
		s.Aggs = append(s.Aggs, kql.NamedExpr{Span: a.Span, Names: []string{at, a.As}, X: l.extreme(q, a)})
		away.Names = append(away.Names, &kql.Column{Span: a.Span, Name: at})
	}
	out.Ops = append(out.Ops, s)
	if len(away.Names) > 0 {
		out.Ops = append(out.Ops, away)
	}
}

// native writes the first of the aggregates, which is Kusto's own, with its
// neighbours if they are values of the same row at an extreme.
func (l *lowerer) native(aggs []*ir.Agg) kql.NamedExpr {
	a := aggs[0]
	n := kql.NamedExpr{Span: a.Span, Name: a.As}
	c := call(a.Span, a.Native)
	n.X = c
	if a.Of == nil {
		x, cond := a.X, ir.Expr(nil)
		if k := aggregateOf(a.Native); k != nil && k.pred {
			if chosen := choice(x); chosen != nil {
				cond, x = chosen.Args[0], chosen.Args[1]
			}
		}
		if x != nil {
			c.Args = append(c.Args, l.expr(x, true))
		}
		if cond != nil {
			c.Args = append(c.Args, l.expr(cond, false))
		}
		if a.Func == ir.Percentile {
			c.Args = append(c.Args, percent(a))
		}
		for _, m := range a.More {
			c.Args = append(c.Args, l.expr(m, false))
		}
		return n
	}
	// The first is the value that the row is chosen by.
	n.Name = ""
	for i, b := range aggs {
		if i > 0 && !sameRow(a, b) {
			break
		}
		n.Names = append(n.Names, b.As)
		c.Args = append(c.Args, l.expr(b.X, true))
	}
	return n
}

// sameRow reports whether b is a further value of the row that a is of.
func sameRow(a, b *ir.Agg) bool {
	f, isField := b.X.(*ir.Field)
	return b.Native == a.Native && b.Of != nil && b.Of.Name == a.Of.Name && !(isField && f.Name == b.Of.Name)
}

// extreme writes arg_min or arg_max. Kusto skips the rows in which the column
// that it goes by is null, so it is made null where there is no value to choose.
// If it is null in all rows Kusto takes any of them, so the value is made
// missing where the column is null.
func (l *lowerer) extreme(q *ir.Aggregate, a *ir.Agg) kql.Expr {
	at := a.Span
	value := a.X
	var when []kql.Expr // on which the value is meant at all
	if c := choice(value); c != nil {
		when, value = append(when, l.expr(c.Args[0], true)), c.Args[1]
	}
	there := slices.Clone(when)
	if !isMade(value) && !hasValue(q.Input, value) && (ir.TypeOf(value) == ir.String || l.backend.nullable(q.Input, value)) {
		there = append(there, l.present(value))
	}
	if l.backend.nullable(q.Input, a.Of) {
		when = append(when, l.present(a.Of))
	}
	of, x := kql.Expr(column(a.Of)), l.expr(value, true)
	if len(there) > 0 {
		of = call(at, conditional, kql.NewLogic(at, kql.And, there...), of, nullOf(at, a.Of.T))
	}
	if len(when) > 0 {
		x = call(at, conditional, kql.NewLogic(at, kql.And, when...), x, nullOf(at, ir.TypeOf(value)))
	}
	return call(at, extremeName(a.Func), of, x)
}

// aggregate writes one aggregate of q; above is the Filter right above it, if
// there is one.
func (l *lowerer) aggregate(q *ir.Aggregate, a *ir.Agg, above *ir.Filter) kql.Expr {
	switch a.Func {
	case ir.Count:
		return call(a.Span, "count")
	case ir.CountIf:
		return call(a.Span, "countif", l.expr(a.X, false))
	}
	x, cond := l.counted(q, a)
	if isEdge(a) {
		end := int64(0)
		if a.Func == ir.Last {
			end = -1
		}
		// Plan has sorted the rows by time.
		return l.element(a, apply(a.Span, listOf, x, cond), kql.Int(a.Span, end))
	}
	if a.Func == ir.Percentile {
		return l.percentile(q, a, x, cond)
	}
	i := slices.IndexFunc(aggregateNames, func(n aggregateName) bool { return n.id == a.Func })
	out := apply(a.Span, aggregateNames[i], x, cond)
	switch a.Func {
	case ir.Stdev:
		// Kusto's deviation of a single value is 0, the IR's is missing.
		return l.ofAtLeast(q, a, above, 2, out, "real")
	case ir.Avg:
		// Kusto's average of nothing is no number, which is not null: it is zero
		// divided by zero.
		typ := "real"
		if ir.TypeOf(a.X) == ir.Duration {
			typ = "timespan"
		}
		return l.ofAtLeast(q, a, above, 1, out, typ)
	case ir.Sum:
		// Kusto's sum of nothing is 0, the IR's is missing.
		typ := "real"
		if ir.TypeOf(a.X) == ir.Int {
			typ = "long"
		}
		return l.ofAtLeast(q, a, above, 1, out, typ)
	}
	return out
}

// counted is the value that an aggregate is of, and the condition on which it
// counts; nil if it always does, or if Kusto's aggregate skips null itself.
func (l *lowerer) counted(q *ir.Aggregate, a *ir.Agg) (x, cond kql.Expr) {
	value := a.X
	var conds []kql.Expr
	if c := choice(value); c != nil {
		conds, value = append(conds, l.expr(c.Args[0], true)), c.Args[1]
	}
	switch {
	case isMade(value) || hasValue(q.Input, value):
	case ir.TypeOf(value) == ir.String, a.Func == ir.DCount && l.backend.nullable(q.Input, value):
		// Text is never null, and what count_distinct makes of null is not
		// documented.
		conds = append(conds, l.present(value))
	}
	if len(conds) > 0 {
		cond = kql.NewLogic(a.Span, kql.And, conds...)
	}
	return l.expr(value, true), cond
}

// isMade reports whether Plan has put a condition beside the value where it may
// be missing.
func isMade(x ir.Expr) bool {
	c, ok := x.(*ir.Call)
	return ok && (c.Func == ir.Tuple || c.Func == ir.Concat)
}

// apply writes an aggregate over the rows for which cond holds.
func apply(at diag.Span, name aggregateName, x, cond kql.Expr) *kql.Call {
	if cond != nil {
		return call(at, name.conditional, x, cond)
	}
	return call(at, name.plain, x)
}

// element takes a value out of a list.
func (l *lowerer) element(a *ir.Agg, list, i kql.Expr) kql.Expr {
	return call(a.Span, conversionTo(ir.TypeOf(a.X)), &kql.Index{Span: a.Span, X: list, I: i})
}

// percentile writes the nearest rank: Kusto's percentile() only estimates it.
func (l *lowerer) percentile(q *ir.Aggregate, a *ir.Agg, x, cond kql.Expr) kql.Expr {
	at := a.Span
	list := call(at, "array_sort_asc", apply(at, listOf, x, cond))
	count := call(at, "count")
	switch {
	case l.backend.nullable(q.Input, chosenValue(a.X)):
		count = call(at, "countif", l.present(a.X))
	case cond != nil:
		count = call(at, "countif", cond)
	}
	rank := call(at, "toint", call(at, "ceiling", &kql.Binary{Span: at, Op: "/",
		L: &kql.Binary{Span: at, Op: "*", L: percent(a), R: count}, R: kql.Real(at, 100)}))
	return l.element(a, list, &kql.Binary{Span: at, Op: "-", L: rank, R: kql.Int(at, 1)})
}

// percent is the rank of a percentile.
func percent(a *ir.Agg) kql.Expr {
	if n := int64(a.P); float64(n) == a.P {
		return kql.Int(a.Span, n)
	}
	return kql.Real(a.Span, a.P)
}

// conversionTo is the function that takes a value of the type out of a
// dynamic one.
func conversionTo(t ir.Type) string {
	switch t {
	case ir.Int:
		return "tolong"
	case ir.Float, ir.Duration:
		return "todouble"
	case ir.Bool:
		return "tobool"
	case ir.Time:
		return "todatetime"
	}
	return "tostring"
}

// ofAtLeast is out where the group has n values or more, null elsewhere;
// simply out where no group has fewer, or none with fewer is kept.
func (l *lowerer) ofAtLeast(q *ir.Aggregate, a *ir.Agg, above *ir.Filter, n int64, out kql.Expr, typ string) kql.Expr {
	count := call(a.Span, "countif", l.present(a.X))
	if !l.backend.nullable(q.Input, a.X) {
		if n == 1 && len(q.By) > 0 || keepsOnly(q, above, n) {
			return out
		}
		count = call(a.Span, "count")
	}
	var null kql.Expr = &kql.Typed{Span: a.Span, Type: typ, Text: "null"}
	if typ == "timespan" {
		null = &kql.Timespan{Span: a.Span, Text: "null"}
	}
	return call(a.Span, "iff", &kql.Binary{Span: a.Span, Op: ">", L: count, R: kql.Int(a.Span, n-1)}, out, null)
}

// keepsOnly reports whether the Filter above the Aggregate keeps only groups of
// n rows or more.
func keepsOnly(q *ir.Aggregate, above *ir.Filter, n int64) bool {
	if above == nil {
		return false
	}
	return slices.ContainsFunc(ir.Conjuncts(above.Pred), func(e ir.Expr) bool {
		c, ok := e.(*ir.Compare)
		if !ok {
			return false
		}
		f, fok := c.L.(*ir.Field)
		lit, lok := c.R.(*ir.Lit)
		if !fok || !lok || !slices.ContainsFunc(q.Aggs, func(a *ir.Agg) bool { return a.Func == ir.Count && a.As == f.Name }) {
			return false
		}
		v, ok := lit.Value.(int64)
		return ok && (c.Op == ir.Gt && v >= n-1 || (c.Op == ir.Ge || c.Op == ir.Eq) && v >= n)
	})
}

// present is the test that a value is there.
func (l *lowerer) present(x ir.Expr) kql.Expr {
	if c := choice(x); c != nil {
		return kql.NewLogic(x.At(), kql.And, l.expr(c.Args[0], true), l.present(c.Args[1]))
	}
	name := "isnotnull"
	if ir.TypeOf(x) == ir.String {
		name = "isnotempty"
	}
	return call(x.At(), name, l.expr(x, true))
}

func call(at diag.Span, name string, args ...kql.Expr) *kql.Call {
	return &kql.Call{Span: at, Name: name, Args: args}
}

// window writes the time since the row before, or some rows before, as Kusto
// has it: rows in order, the values of the row before beside each, and of those
// rows the ones that follow a row of their own group. Groups lie together, so a
// row that is so many places before and of the same group is that of the group.
func (l *lowerer) window(out *kql.Query, q *ir.Window) {
	at := q.Span
	order := &kql.Sort{Span: at}
	prev := &kql.Extend{Span: at}
	of := column(q.Of)
	before := func(f *ir.Field) *kql.Column {
		c := &kql.Column{Span: f.Span, Name: l.fresh("prev_" + f.Name)}
		if slices.ContainsFunc(prev.Cols, func(o kql.NamedExpr) bool { return o.Name == c.Name }) {
			return c // of a key that the order goes by as well
		}
		x := call(f.Span, "prev", column(f))
		if q.Offset > 1 {
			x.Args = append(x.Args, kql.Int(f.Span, int64(q.Offset)))
		}
		prev.Cols = append(prev.Cols, kql.NamedExpr{Span: f.Span, Name: c.Name, X: x})
		return c
	}
	var same []kql.Expr
	for _, f := range q.By {
		order.Keys = append(order.Keys, kql.SortKey{Span: f.Span, X: column(f)})
		c := before(f)
		var eq kql.Expr = &kql.Binary{Span: f.Span, Op: "==", L: column(f), R: c}
		if f.T != ir.String {
			// Null is a key like any other, but equal to nothing.
			eq = kql.NewLogic(f.Span, kql.Or, eq, kql.NewLogic(f.Span, kql.And, call(f.Span, "isnull", column(f)), call(f.Span, "isnull", c)))
		}
		same = append(same, eq)
	}
	order.Keys = append(order.Keys, kql.SortKey{Span: at, X: of})
	beforeOf := before(q.Of)
	// The first rows of all have nothing before them.
	same = append(same, call(at, "isnotnull", beforeOf))
	var gap kql.Expr = &kql.Binary{Span: at, Op: "-", L: of, R: beforeOf}
	if q.Of.T == ir.Time || q.Of.T == ir.Unknown {
		gap = &kql.Binary{Span: at, Op: "/", L: gap, R: &kql.Timespan{Span: at, Text: "1s"}}
	}
	l.order(out, order)
	out.Ops = append(out.Ops, prev,
		&kql.Where{Span: at, Pred: kql.NewLogic(at, kql.And, same...)},
		&kql.Extend{Span: at, Cols: []kql.NamedExpr{{Span: at, Name: q.As, X: gap}}})
}

// session writes the time at which each row's session starts: a session starts
// over where the group changes.
func (l *lowerer) session(out *kql.Query, q *ir.Session) {
	at := q.Span
	order := grouped(at, q.By)
	order.Keys = append(order.Keys, kql.SortKey{Span: at, X: column(q.Of)})
	start := call(at, "row_window_session", column(q.Of), &kql.Timespan{Span: at, Text: forever}, &kql.Timespan{Span: at, Text: sessionText(q.Gap)})
	if len(q.By) > 0 {
		start.Args = append(start.Args, otherGroup(at, q.By))
	}
	l.order(out, order)
	out.Ops = append(out.Ops, &kql.Extend{Span: at, Cols: []kql.NamedExpr{{Span: at, Name: q.As, X: start}}})
}

// lag writes the value of the row before, which is that of the group unless the
// group changes there.
func (l *lowerer) lag(out *kql.Query, q *ir.Lag) {
	at := q.Span
	order := grouped(at, q.By)
	order.Keys = append(order.Keys, kql.SortKey{Span: at, X: column(q.Of)})
	x := call(at, "prev", column(q.X))
	if len(q.By) > 0 {
		x = call(at, conditional, sameGroup(at, q.By), x, nullOf(at, q.X.T))
	}
	l.order(out, order)
	out.Ops = append(out.Ops, &kql.Extend{Span: at, Cols: []kql.NamedExpr{{Span: at, Name: q.As, X: x}}})
}

// rank writes the number of the row, counted anew where the group changes.
func (l *lowerer) rank(out *kql.Query, q *ir.Rank) {
	at := q.Span
	order := grouped(at, q.By)
	for _, k := range q.Keys {
		order.Keys = append(order.Keys, sortKey(k))
	}
	x := call(at, "row_number")
	if len(q.By) > 0 {
		x.Args = []kql.Expr{kql.Int(at, 1), otherGroup(at, q.By)}
	}
	cols := []kql.NamedExpr{{Span: at, Name: q.As, X: x}}
	if len(order.Keys) == 0 {
		out.Ops = append(out.Ops, &kql.Serialize{Span: at, Cols: cols})
		return
	}
	l.order(out, order)
	out.Ops = append(out.Ops, &kql.Extend{Span: at, Cols: cols})
}

// order sorts the rows for a window function, unless they are in that order
// for another one.
func (l *lowerer) order(out *kql.Query, order *kql.Sort) {
	if before := orderOf(out.Ops); before != nil && slices.Contains(l.orders, before) && kql.Print(&kql.Query{Source: out.Source, Ops: []kql.Op{before}}) == kql.Print(&kql.Query{Source: out.Source, Ops: []kql.Op{order}}) {
		return
	}
	out.Ops = append(out.Ops, order)
	l.orders = append(l.orders, order)
}

// orderOf is the order in which the operators leave the rows: where and extend
// keep it, as long as they leave its columns alone. It is nil if there is none.
func orderOf(ops []kql.Op) *kql.Sort {
	var made []string
	for i := len(ops) - 1; i >= 0; i-- {
		switch op := ops[i].(type) {
		case *kql.Where:
		case *kql.Extend:
			for _, c := range op.Cols {
				made = append(made, c.Name)
			}
		case *kql.Sort:
			for _, k := range op.Keys {
				if c, ok := k.X.(*kql.Column); !ok || slices.Contains(made, c.Name) {
					return nil
				}
			}
			return op
		default:
			return nil
		}
	}
	return nil
}

// grouped sorts the rows of a group together. Window functions need an order.
func grouped(at diag.Span, by []*ir.Field) *kql.Sort {
	order := &kql.Sort{Span: at}
	for _, f := range by {
		order.Keys = append(order.Keys, kql.SortKey{Span: f.Span, X: column(f)})
	}
	return order
}

// sameGroup holds where the row before is of the same group. Null is a key like
// any other, but equal to nothing.
func sameGroup(at diag.Span, by []*ir.Field) kql.Expr {
	var same []kql.Expr
	for _, f := range by {
		before := call(f.Span, "prev", column(f))
		var eq kql.Expr = &kql.Binary{Span: f.Span, Op: "==", L: column(f), R: before}
		if f.T != ir.String {
			eq = kql.NewLogic(f.Span, kql.Or, eq, kql.NewLogic(f.Span, kql.And, call(f.Span, "isnull", column(f)), call(f.Span, "isnull", before)))
		}
		same = append(same, eq)
	}
	return kql.NewLogic(at, kql.And, same...)
}

// otherGroup holds where the row before is of another group.
func otherGroup(at diag.Span, by []*ir.Field) kql.Expr {
	var other []kql.Expr
	for _, f := range by {
		before := call(f.Span, "prev", column(f))
		var ne kql.Expr = &kql.Binary{Span: f.Span, Op: "!=", L: column(f), R: before}
		if f.T != ir.String {
			other = append(other, &kql.Binary{Span: f.Span, Op: "!=", L: call(f.Span, "isnull", column(f)), R: call(f.Span, "isnull", before)})
			ne = coalesced(ne)
		}
		other = append(other, ne)
	}
	return kql.NewLogic(at, kql.Or, other...)
}

// fresh is the name with as many underscores behind it as keep it apart from
// the query's own columns.
func (l *lowerer) fresh(name string) string {
	taken := false
	ir.WalkQuery(l.root, func(q ir.Query) {
		var cols []*ir.Col
		switch q := q.(type) {
		case *ir.Extend:
			cols = q.Cols
		case *ir.Project:
			cols = q.Cols
		case *ir.Aggregate:
			cols = q.By
			taken = taken || slices.ContainsFunc(q.Aggs, func(a *ir.Agg) bool { return a.As == name })
		case *ir.Window:
			taken = taken || q.As == name
		case *ir.Session:
			taken = taken || q.As == name
		case *ir.Lag:
			taken = taken || q.As == name
		case *ir.Rank:
			taken = taken || q.As == name
		case *ir.Table:
			taken = taken || slices.Contains(q.Cols, name)
		}
		taken = taken || slices.ContainsFunc(cols, func(c *ir.Col) bool { return c.As == name })
	})
	if taken {
		return l.fresh(name + "_")
	}
	return name
}

// conditions are the conditions that must all hold.
func (l *lowerer) conditions(e ir.Expr) []kql.Expr {
	args := ir.Conjuncts(e)
	if ir.IsTrue(e) {
		return []kql.Expr{&kql.Bool{Span: e.At(), Value: true}}
	}
	return l.all(args, false)
}

// all writes the arguments of an And, two bounds of one value as a range.
func (l *lowerer) all(args []ir.Expr, exact bool) []kql.Expr {
	out := make([]kql.Expr, 0, len(args))
	var done []ir.Expr // upper bounds that are written already
	for i, a := range args {
		if slices.Contains(done, a) {
			continue
		}
		if lo, ok := a.(*ir.Compare); ok && lo.Op == ir.Ge {
			if hi := upperBound(lo, args[i+1:], done); hi != nil {
				done = append(done, hi)
				rng := kql.Expr(&kql.Between{Span: lo.Span, X: l.expr(lo.L, exact), A: l.expr(lo.R, exact), B: l.expr(hi.R, exact)})
				if exact && !isPlain(lo.L) {
					rng = coalesced(rng)
				}
				out = append(out, rng)
				continue
			}
		}
		out = append(out, l.expr(a, exact))
	}
	return out
}

// upperBound finds the <= of the value that lo bounds from below.
func upperBound(lo *ir.Compare, args, done []ir.Expr) *ir.Compare {
	low, ok := lo.R.(*ir.Lit)
	if !ok {
		return nil
	}
	for _, a := range args {
		hi, ok := a.(*ir.Compare)
		if !ok || hi.Op != ir.Le || slices.Contains(done, a) {
			continue
		}
		high, ok := hi.R.(*ir.Lit)
		if ok && ir.TypeOf(low) == ir.TypeOf(high) && ir.FormatExpr(lo.L) == ir.FormatExpr(hi.L) {
			return hi
		}
	}
	return nil
}

func coalesced(x kql.Expr) kql.Expr {
	return call(x.At(), "coalesce", x, &kql.Bool{Span: x.At(), Value: false})
}

// expr writes an expression. exact says that a predicate in it must not be
// null.
func (l *lowerer) expr(e ir.Expr, exact bool) kql.Expr {
	switch e := e.(type) {
	case *ir.Field:
		return column(e)
	case *ir.Lit:
		return literal(e)
	case *ir.Logic:
		if e.Op == ir.And {
			return kql.NewLogic(e.Span, kql.And, l.all(e.Args, exact)...)
		}
		return kql.NewLogic(e.Span, kql.Or, l.any(e.Args, exact)...)
	case *ir.Not:
		return l.not(e)
	case *ir.Compare:
		return l.compare(e, exact)
	case *ir.Match:
		return l.match(e, false)
	case *ir.Term:
		return l.term(e, false)
	case *ir.Regexp:
		return &kql.Binary{Span: e.Span, Op: "matches regex", L: l.expr(e.X, exact), R: &kql.String{Span: e.Span, Value: rustBoundaries(e.Source)}}
	case *ir.InCIDR:
		return l.cidr([]*ir.InCIDR{e}, exact)
	case *ir.FieldMatch:
		return l.fieldMatch(e, false)
	case *ir.Exists:
		if l.backend.isList(l.in, e.X) {
			return l.listed(e, exact)
		}
		return call(e.Span, "isnotnull", column(e.X))
	case *ir.Foreign:
		return l.backend.foreign(e.Text).expr
	case *ir.Call:
		return l.call(e)
	}
	panic(fmt.Sprintf("defender: unhandled expression %T", e))
}

func literal(e *ir.Lit) kql.Expr {
	switch v := e.Value.(type) {
	case string:
		return &kql.String{Span: e.Span, Value: v}
	case int64:
		return kql.Int(e.Span, v)
	case float64:
		return kql.Real(e.Span, v)
	case bool:
		return &kql.Bool{Span: e.Span, Value: v}
	case time.Duration:
		if v < 0 {
			return &kql.Neg{Span: e.Span, X: &kql.Timespan{Span: e.Span, Text: timespanText(-v)}}
		}
		return &kql.Timespan{Span: e.Span, Text: timespanText(v)}
	}
	panic(fmt.Sprintf("defender: unhandled constant %T", e.Value))
}

// epoch is where the IR's bins of times count from. Kusto's bin() counts from
// the beginning of the year 1, which is so many ticks before.
const (
	epoch        = "1970-01-01"
	ticksToEpoch = 621_355_968_000_000_000
)

// isAligned reports whether bins of the size lie alike from both beginnings.
func isAligned(size time.Duration) bool {
	return size < tick || ticksToEpoch%int64(size/tick) == 0
}

func (l *lowerer) call(e *ir.Call) kql.Expr {
	switch e.Func {
	case ir.If:
		return l.conditional(e)
	case ir.Bin:
		if lit, ok := e.Args[1].(*ir.Lit); ok {
			if size, ok := lit.Value.(time.Duration); ok && !isAligned(size) {
				return call(e.Span, "bin_at", l.expr(e.Args[0], true), literal(lit), &kql.Datetime{Span: e.Span, Text: epoch})
			}
		}
	case ir.Sub:
		if isAgo(e) {
			return call(e.Span, "ago", literal(e.Args[1].(*ir.Lit)))
		}
	case ir.Instant:
		return &kql.Datetime{Span: e.Span, Text: e.Args[0].(*ir.Lit).Value.(string)}
	case ir.Prop:
		if name := e.Args[1].(*ir.Lit).Value.(string); isPlainName(name) {
			return &kql.Path{Span: e.Span, X: l.expr(e.Args[0], true), Name: name}
		}
	}
	f := ir.FuncOf(e.Func)
	args := make([]kql.Expr, len(e.Args))
	for i, a := range e.Args {
		if f.Param(i) != ir.RegexConst {
			args[i] = l.expr(a, true)
			continue
		}
		lit := a.(*ir.Lit)
		args[i] = &kql.String{Span: lit.Span, Value: rustBoundaries(lit.Value.(string))}
	}
	return scalarOf(e.Func).fill(e.Span, args)
}

// arrayLength counts the values of a list; it is null for null.
const arrayLength = "array_length"

// isAgo reports whether e is a constant length of time before now.
func isAgo(e *ir.Call) bool {
	if e.Func != ir.Sub {
		return false
	}
	now, ok := e.Args[0].(*ir.Call)
	_, constant := e.Args[1].(*ir.Lit)
	return ok && now.Func == ir.Now && constant && ir.TypeOf(e.Args[1]) == ir.Duration
}

// conditional writes an If, and those that stand in place of its second value.
func (l *lowerer) conditional(e *ir.Call) kql.Expr {
	if isNull(e) {
		if whole, ok := e.Args[1].(*ir.Call); ok && whole.Func == ir.ToInt {
			return &kql.Typed{Span: e.Span, Type: "int", Text: "null"}
		}
		return nullOf(e.Span, ir.TypeOf(e.Args[1]))
	}
	// Not iff, which the schema's own expressions say: those stay text.
	out := call(e.Span, conditional)
	for {
		out.Args = append(out.Args, l.expr(e.Args[0], true), l.expr(e.Args[1], true))
		if len(e.Args) == 2 {
			out.Args = append(out.Args, nullOf(e.Span, ir.TypeOf(e.Args[1])))
			return out
		}
		next, ok := e.Args[2].(*ir.Call)
		if !ok || next.Func != ir.If || isNull(next) {
			out.Args = append(out.Args, l.expr(e.Args[2], true))
			return out
		}
		e = next
	}
}

// isNull reports whether e is a missing value as constant reads one of a type
// that is not a text's: what no row makes some value of the type.
func isNull(e *ir.Call) bool {
	if e.Func != ir.If || len(e.Args) != 2 || !ir.IsFalse(e.Args[0]) {
		return false
	}
	switch v := e.Args[1].(type) {
	case *ir.Lit:
		return v.Value == int64(0) || v.Value == 0.0 || v.Value == false
	case *ir.Call:
		if v.Func == ir.Now {
			return true
		}
		if len(v.Args) != 1 {
			return false
		}
		lit, ok := v.Args[0].(*ir.Lit)
		return ok && (v.Func == ir.ToInt && lit.Value == int64(0) || v.Func == ir.Json && lit.Value == "null")
	}
	return false
}

// isPlainName reports whether a name can follow a dot as it is.
func isPlainName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || !isDigit(c)) {
			return false
		}
	}
	return s != ""
}

// nullOf is the missing value of a type.
func nullOf(at diag.Span, t ir.Type) kql.Expr {
	switch t {
	case ir.Int:
		return &kql.Typed{Span: at, Type: "long", Text: "null"}
	case ir.Float, ir.Duration:
		return &kql.Typed{Span: at, Type: "real", Text: "null"}
	case ir.Bool:
		return &kql.Typed{Span: at, Type: "bool", Text: "null"}
	case ir.Time:
		return &kql.Datetime{Span: at, Text: "null"}
	case ir.Dynamic:
		return &kql.Typed{Span: at, Type: "dynamic", Text: "null"}
	}
	return &kql.String{Span: at}
}

// not writes a negation, with the negative operator where there is one.
func (l *lowerer) not(e *ir.Not) kql.Expr {
	switch x := e.X.(type) {
	case *ir.Match:
		return l.match(x, true)
	case *ir.Term:
		return l.term(x, true)
	case *ir.FieldMatch:
		return l.fieldMatch(x, true)
	case *ir.Exists:
		if l.backend.isList(l.in, x.X) {
			break
		}
		return call(e.Span, "isnull", column(x.X))
	case *ir.Compare:
		if x.Op == ir.Eq && (!needsCoalesce(x) || ir.TypeOf(x.L) == ir.String) {
			op := "!="
			if !x.Cased {
				op = "!~"
			}
			return &kql.Binary{Span: e.Span, Op: op, L: l.expr(x.L, true), R: l.expr(x.R, true)}
		}
	case *ir.Logic:
		if x.Op == ir.Or {
			if in := l.any(x.Args, true); len(in) == 1 {
				if list, ok := in[0].(*kql.In); ok && list.Op == "in" {
					list.Op = "!in"
					return list
				}
			}
		}
	}
	return kql.Not(e.Span, l.expr(e.X, true))
}

// listed writes the test that a list of values, which may be empty, has one.
func (l *lowerer) listed(e *ir.Exists, exact bool) kql.Expr {
	out := &kql.Binary{Span: e.Span, Op: ">", L: call(e.Span, arrayLength, column(e.X)), R: kql.Int(e.Span, 0)}
	if _, nullable, _ := l.backend.column(l.in, e.X.Name); exact && nullable {
		return coalesced(out)
	}
	return out
}

// needsCoalesce reports whether the comparison can be null although Plan has
// put no test beside it.
func needsCoalesce(e *ir.Compare) bool {
	if _, ok := e.R.(*ir.Lit); ok && e.Op == ir.Eq {
		return false // null == 5 is false
	}
	return !isPlain(e.L) || !isPlain(e.R)
}

func (l *lowerer) compare(e *ir.Compare, exact bool) kql.Expr {
	op := string(e.Op)
	if e.Op == ir.Eq {
		op = "=="
		if !e.Cased {
			op = "=~"
		}
	}
	out := &kql.Binary{Span: e.Span, Op: op, L: l.expr(e.L, true), R: l.expr(e.R, true)}
	if exact && needsCoalesce(e) && ir.TypeOf(e.L) != ir.String {
		return coalesced(out)
	}
	return out
}

// match writes the patterns of one field: whole values as a list, the others
// one by one.
func (l *lowerer) match(e *ir.Match, negated bool) kql.Expr {
	x := l.expr(e.X, true)
	var whole []kql.Expr
	var pieces []kql.Expr
	empty := false
	for _, p := range e.Any {
		shape, s := p.Shape()
		if shape == ir.ShapeExact {
			empty = s == ""
			whole = append(whole, &kql.String{Span: p.Span, Value: s})
			continue
		}
		pieces = append(pieces, &kql.Binary{Span: p.Span, Op: textOperator(shape, e.Cased), L: x, R: &kql.String{Span: p.Span, Value: s}})
	}
	switch {
	case len(whole) == 1 && empty:
		pieces = slices.Insert(pieces, 0, kql.Expr(call(e.Span, "isempty", x)))
	case len(whole) == 1:
		op := "=~"
		if e.Cased {
			op = "=="
		}
		pieces = slices.Insert(pieces, 0, kql.Expr(&kql.Binary{Span: e.Span, Op: op, L: x, R: whole[0]}))
	case len(whole) > 1:
		op := "in~"
		if e.Cased {
			op = "in"
		}
		pieces = slices.Insert(pieces, 0, kql.Expr(&kql.In{Span: e.Span, Op: op, X: x, Values: whole}))
	}
	if !negated {
		return kql.NewLogic(e.Span, kql.Or, pieces...)
	}
	if len(pieces) == 1 {
		switch p := pieces[0].(type) {
		case *kql.Binary:
			p.Op = negative(p.Op)
			return p
		case *kql.In:
			p.Op = negative(p.Op)
			return p
		case *kql.Call:
			p.Name = "isnotempty"
			return p
		}
	}
	return kql.Not(e.Span, kql.NewLogic(e.Span, kql.Or, pieces...))
}

// term writes the whole terms of one text as a list, those that a wildcard goes
// on from one by one.
func (l *lowerer) term(e *ir.Term, negated bool) kql.Expr {
	x := l.expr(e.X, true)
	var whole, pieces []kql.Expr
	for _, p := range e.Any {
		shape, s := p.Shape()
		op := ""
		switch shape {
		case ir.ShapeExact:
			op = "has"
		case ir.ShapePrefix:
			op = "hasprefix"
		case ir.ShapeSuffix:
			op = "hassuffix"
		default:
			panic("defender: a term that Plan should have made a regular expression")
		}
		if shape == ir.ShapeExact && !e.Cased {
			whole = append(whole, &kql.String{Span: p.Span, Value: s})
			continue
		}
		if e.Cased {
			op += "_cs"
		}
		pieces = append(pieces, &kql.Binary{Span: p.Span, Op: op, L: x, R: &kql.String{Span: p.Span, Value: s}})
	}
	switch {
	case len(whole) == 1:
		pieces = slices.Insert(pieces, 0, kql.Expr(&kql.Binary{Span: e.Span, Op: "has", L: x, R: whole[0]}))
	case len(whole) > 1:
		pieces = slices.Insert(pieces, 0, kql.Expr(&kql.In{Span: e.Span, Op: "has_any", X: x, Values: whole}))
	}
	if !negated {
		return kql.NewLogic(e.Span, kql.Or, pieces...)
	}
	if len(pieces) == 1 {
		if b, ok := pieces[0].(*kql.Binary); ok {
			b.Op = negative(b.Op)
			return b
		}
	}
	return kql.Not(e.Span, kql.NewLogic(e.Span, kql.Or, pieces...))
}

func textOperator(shape ir.Shape, cased bool) string {
	op := ""
	switch shape {
	case ir.ShapePrefix:
		op = "startswith"
	case ir.ShapeSuffix:
		op = "endswith"
	case ir.ShapeContains:
		op = "contains"
	default:
		panic("defender: a pattern that Plan should have made a regular expression")
	}
	if cased {
		op += "_cs"
	}
	return op
}

// negative is the operator for what op denies.
func negative(op string) string {
	switch op {
	case "==":
		return "!="
	case "=~":
		return "!~"
	}
	return "!" + op
}

func (l *lowerer) fieldMatch(e *ir.FieldMatch, negated bool) kql.Expr {
	op := string(e.Kind)
	if e.Cased {
		op += "_cs"
	}
	if negated {
		op = negative(op)
	}
	return &kql.Binary{Span: e.Span, Op: op, L: column(e.X), R: column(e.Y)}
}

// any writes the arguments of an Or: numbers of one value as a list, networks
// of one address in one call.
func (l *lowerer) any(args []ir.Expr, exact bool) []kql.Expr {
	out := make([]kql.Expr, 0, len(args))
	for _, a := range mergeLists(args) {
		list, ok := a.(*ir.Logic)
		if !ok || !isOneList(list) {
			out = append(out, l.expr(a, exact))
			continue
		}
		if _, ok := list.Args[0].(*ir.InCIDR); ok {
			nets := make([]*ir.InCIDR, len(list.Args))
			for i, n := range list.Args {
				nets[i] = n.(*ir.InCIDR)
			}
			out = append(out, l.cidr(nets, exact))
			continue
		}
		if len(list.Args) == 1 {
			out = append(out, l.expr(list.Args[0], exact))
			continue
		}
		in := &kql.In{Span: a.At(), Op: "in"}
		for _, n := range list.Args {
			c := n.(*ir.Compare)
			if in.X == nil {
				in.X = l.expr(c.L, true)
			}
			in.Values = append(in.Values, l.expr(c.R, true))
		}
		out = append(out, in)
	}
	return out
}

func isNumberEquality(c *ir.Compare) bool {
	_, ok := c.R.(*ir.Lit)
	return ok && c.Op == ir.Eq && ir.TypeOf(c.R).Numeric()
}

// mappedPrefix is how Defender writes an IPv4 address of a dual-stack socket:
// ::ffff:10.1.2.3. Kusto's IPv4 functions cannot read it.
const mappedPrefix = "::ffff:"

// cidr writes the test that an address is in one of the networks, which are
// all of one version of IP.
func (l *lowerer) cidr(nets []*ir.InCIDR, exact bool) kql.Expr {
	at := nets[0].Span
	x := l.expr(nets[0].X, true)
	name := "ipv6_is_in"
	if nets[0].Prefix.Addr().Is4() {
		name = "ipv4_is_in"
		x = call(at, "replace_string", x, &kql.String{Span: at, Value: mappedPrefix}, &kql.String{Span: at})
	}
	if len(nets) > 1 {
		name += "_any"
	}
	args := []kql.Expr{x}
	for _, n := range nets {
		args = append(args, &kql.String{Span: n.Span, Value: n.Prefix.String()})
	}
	out := call(at, name+"_range", args...)
	if exact {
		return coalesced(out) // null where the text is no address
	}
	return out
}
