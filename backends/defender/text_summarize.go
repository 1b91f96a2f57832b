package defender

import (
	"slices"
	"strings"

	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/ir"
)

// kustoAggregate is an aggregate function of Kusto: what it does, about, the
// name that its result has without another, and the type if that is not the
// value's.
type kustoAggregate struct {
	name   string
	does   ir.AggFunc
	prefix string // before the name of the value
	pred   bool   // the second argument is a condition
}

var kustoAggregates = []kustoAggregate{
	{"count", ir.Count, "count_", false},
	{"countif", ir.CountIf, "countif_", true},
	{"dcount", ir.DCount, "dcount_", false},
	{"dcountif", ir.DCount, "dcountif_", true},
	{"count_distinct", ir.DCount, "count_distinct_", false},
	{"count_distinctif", ir.DCount, "count_distinctif_", true},
	{"min", ir.Min, "min_", false},
	{"minif", ir.Min, "minif_", true},
	{"max", ir.Max, "max_", false},
	{"maxif", ir.Max, "maxif_", true},
	{"sum", ir.Sum, "sum_", false},
	{"sumif", ir.Sum, "sumif_", true},
	{"avg", ir.Avg, "avg_", false},
	{"avgif", ir.Avg, "avgif_", true},
	{"stdev", ir.Stdev, "stdev_", false},
	{"stdevif", ir.Stdev, "stdevif_", true},
	{"make_set", ir.Values, "set_", false},
	{"make_set_if", ir.Values, "set_", true},
	{"makeset", ir.Values, "set_", false},
	{"make_list", ir.List, "list_", false},
	{"make_list_if", ir.List, "list_", true},
	{"makelist", ir.List, "list_", false},
	{"take_any", ir.Any, "", false},
	{"take_anyif", ir.Any, "", true},
	{"any", ir.Any, "any_", false},
	{"anyif", ir.Any, "any_", true},
	{"percentile", ir.Percentile, "percentile_", false},
}

func aggregateOf(name string) *kustoAggregate {
	for i := range kustoAggregates {
		if kustoAggregates[i].name == name {
			return &kustoAggregates[i]
		}
	}
	return nil
}

// summarize reads the keys and the aggregates.
func (t *textReader) summarize(in rows, op *kql.Summarize, s *scope) rows {
	in.q = ir.Normalize(in.q) // as it will be when Lower looks below the aggregates
	by, aggs := op.By, t.inlineNamed(op.Aggs, in, s)
	keys := t.cols(in, by, s)
	if out, ok := t.latest(in, op, aggs, keys); ok {
		return out
	}
	q := &ir.Aggregate{Span: op.Span, Input: in.q, By: keys}
	out := rows{q: q}
	for _, k := range keys {
		out.put(k.As, ir.TypeOf(k.X))
	}
	// Values that are made of aggregates follow in a projection.
	var after []*ir.Col
	add := func(list ...*ir.Agg) {
		for _, a := range list {
			q.Aggs = append(q.Aggs, a)
			out.put(a.As, a.Type())
			after = append(after, &ir.Col{Span: a.Span, As: a.As, X: &ir.Field{Span: a.Span, Name: a.As, T: a.Type()}})
		}
	}
	for _, n := range aggs {
		c, isCall := n.X.(*kql.Call)
		switch {
		case isCall && (c.Name == extremeName(ir.ArgMin) || c.Name == extremeName(ir.ArgMax)):
			add(t.extremes(in, out, n, c, keys)...)
		case isCall && aggregateOf(c.Name) != nil && (c.Name == "take_any" || c.Name == "any") && (len(c.Args) > 1 || isStar(c.Args)):
			add(t.anyOf(in, out, n, c, keys)...)
		case isCall && aggregateOf(c.Name) != nil:
			name := n.Name
			if name == "" {
				name = out.free(resultName(c))
			}
			if a := t.aggregate(in, q, n, c, name); a != nil {
				add(a)
			}
		default:
			if a := t.lifted(in, q, n); a != nil && n.Name != "" {
				t.typed(in, a.X) // says which columns are not there
				add(a)
				continue
			}
			name := n.Name
			if name == "" {
				if name = nameOfMade(n.X); name == "" {
					name = out.numbered("Column")
				}
				name = out.free(name)
			}
			var parts []*ir.Agg
			x := t.parts(in, out, q, n.X, name, &parts)
			q.Aggs = append(q.Aggs, parts...)
			mid := rows{q: q}
			for _, a := range q.Aggs {
				mid.put(a.As, a.Type())
			}
			for _, k := range keys {
				mid.put(k.As, ir.TypeOf(k.X))
			}
			v := t.value(mid, x)
			out.put(name, ir.TypeOf(v))
			after = append(after, &ir.Col{Span: n.Span, As: name, X: v})
		}
	}
	if len(q.Aggs)+len(keys) == 0 {
		t.fail(codeTextAggregate, op, "Count the rows.", "summarize has neither a key nor an aggregate")
	}
	if len(after) == len(q.Aggs) && !slices.ContainsFunc(after, func(c *ir.Col) bool { _, ok := c.X.(*ir.Field); return !ok }) {
		return out
	}
	cols := make([]*ir.Col, 0, len(keys)+len(after))
	for _, k := range keys {
		cols = append(cols, &ir.Col{Span: k.Span, As: k.As, X: &ir.Field{Span: k.Span, Name: k.As, T: ir.TypeOf(k.X)}})
	}
	return projected(rows{q: q}, op.Span, append(cols, after...))
}

func isStar(args []kql.Expr) bool {
	if len(args) != 1 {
		return false
	}
	_, ok := args[0].(*kql.Star)
	return ok
}

// resultName is the name of an aggregate that has none.
func resultName(c *kql.Call) string {
	a := aggregateOf(c.Name)
	name := a.prefix
	if a.does == ir.Count || a.does == ir.CountIf || len(c.Args) == 0 {
		return name
	}
	name += nameOf(c.Args[0])
	if a.does == ir.Percentile && len(c.Args) == 2 {
		if n, ok := c.Args[1].(*kql.Number); ok {
			name += "_" + n.Text
		}
	}
	return name
}

// nameOfMade is the name of a value that is made of an aggregate.
func nameOfMade(x kql.Expr) string {
	if c, ok := x.(*kql.Call); ok && namedByArgument[c.Name] && len(c.Args) > 0 {
		if a, ok := c.Args[0].(*kql.Call); ok && aggregateOf(a.Name) != nil {
			return resultName(a)
		}
		return nameOfMade(c.Args[0])
	}
	return ""
}

// latest reads arg_max(OF, *) alone: the whole row with the largest value.
func (t *textReader) latest(in rows, op *kql.Summarize, aggs []kql.NamedExpr, keys []*ir.Col) (rows, bool) {
	if len(aggs) != 1 {
		return rows{}, false
	}
	c, ok := aggs[0].X.(*kql.Call)
	if !ok || c.Name != extremeName(ir.ArgMax) || len(c.Args) != 2 || !isStar(c.Args[1:]) || aggs[0].Name != "" || len(aggs[0].Names) > 0 {
		return rows{}, false
	}
	of, ok := c.Args[0].(*kql.Column)
	if !ok {
		return rows{}, false
	}
	f := t.field(in, of)
	d := &ir.Distinct{Span: op.Span, Whole: true, Input: &ir.Sort{Span: op.Span, Input: in.q, Keys: []*ir.SortKey{{Span: of.Span, X: f, Desc: true}}}}
	out := rows{q: d, open: in.open}
	for _, k := range keys {
		key, ok := k.X.(*ir.Field)
		if !ok || key.Name != k.As {
			return rows{}, false
		}
		d.By = append(d.By, key)
		out.put(key.Name, key.T)
	}
	out.put(f.Name, f.T)
	for _, c := range in.cols {
		out.put(c.name, c.t)
	}
	return out, true
}

// extremes reads arg_max(OF, A, B): the values of one row.
func (t *textReader) extremes(in, out rows, n kql.NamedExpr, c *kql.Call, keys []*ir.Col) []*ir.Agg {
	if a := (&lifter{}).extreme(n); a != nil && strings.HasPrefix(n.Names[0], "at_") {
		// What Lower writes of one value, with the presence of both.
		a.X, a.Of = t.typed(in, a.X), t.field(in, &kql.Column{Span: a.Of.Span, Name: a.Of.Name})
		plain := kql.NamedExpr{Names: n.Names, X: (&lowerer{backend: t.backend}).extreme(&ir.Aggregate{Input: in.q}, a)}
		if kql.PrintExpr(plain.X) == kql.PrintExpr(n.X) {
			t.fail(codeTextAggregate, n, "", "a value at an extreme in the form that is compiled is not read as text")
			return nil
		}
	}
	if len(c.Args) == 0 {
		t.fail(codeTextAggregate, c, "", "%s has no value to choose by", c.Name)
		return nil
	}
	of, ok := c.Args[0].(*kql.Column)
	if !ok {
		t.fail(codeTextAggregate, c.Args[0], "Name the value by extend.", "%s by anything but a column is not read", c.Name)
		return nil
	}
	does := ir.ArgMax
	if c.Name == extremeName(ir.ArgMin) {
		does = ir.ArgMin
	}
	values := c.Args
	if len(c.Args) > 1 && isStar(c.Args[1:]) {
		if in.open {
			t.fail(codeTextAggregate, c, "Name the columns.", "which columns * is, is not known here")
			return nil
		}
		values = append([]kql.Expr{of}, t.others(in, of.Name, keys)...)
	}
	var list []*ir.Agg
	used := out
	for i, v := range values {
		name := ""
		switch {
		case i < len(n.Names):
			name = n.Names[i]
		case i == 0 && n.Name != "":
			name = n.Name
		default:
			if name = nameOf(v); name == "" {
				name = used.numbered("Column")
			}
			name = used.free(name)
		}
		x := t.value(in, v)
		used.put(name, ir.TypeOf(x))
		list = append(list, &ir.Agg{Span: n.Span, As: name, Func: does, X: x, Of: t.field(in, of), Native: c.Name})
	}
	return list
}

// others are the columns of the rows that are neither a key nor called so.
func (t *textReader) others(in rows, name string, keys []*ir.Col) []kql.Expr {
	var out []kql.Expr
	for _, c := range in.cols {
		if c.name != name && !slices.ContainsFunc(keys, func(k *ir.Col) bool { return k.As == c.name }) {
			out = append(out, &kql.Column{Name: c.name})
		}
	}
	return out
}

// anyOf reads take_any(A, B) and take_any(*). That the values are of one row is
// more than is promised here.
func (t *textReader) anyOf(in, out rows, n kql.NamedExpr, c *kql.Call, keys []*ir.Col) []*ir.Agg {
	t.fail(codeTextAggregate, c, "Take the columns one by one.", "%s of several columns is not read", c.Name)
	return nil
}

// aggregate reads one aggregate. It is Native unless Lower writes the same text
// without.
func (t *textReader) aggregate(in rows, q *ir.Aggregate, n kql.NamedExpr, c *kql.Call, name string) *ir.Agg {
	k := aggregateOf(c.Name)
	a := &ir.Agg{Span: n.Span, As: name, Func: k.does}
	args := c.Args
	switch {
	case k.does == ir.Count && len(args) == 0:
		return a
	case k.does == ir.CountIf && len(args) == 1:
		a.X = t.pred(in, args[0], true)
		return a
	case len(args) == 0 || k.does == ir.Count || k.does == ir.CountIf || k.pred && len(args) < 2 || isStar(args[:1]):
		t.fail(codeTextAggregate, c, "", "this is not how %s is written", c.Name)
		return nil
	}
	a.X = t.value(in, args[0])
	if lit := liftLiteral(args[0]); lit != nil {
		// However it is spelled.
		c = &kql.Call{Span: c.Span, Name: c.Name, Args: append([]kql.Expr{literal(lit)}, args[1:]...)}
	}
	if plain := t.lifted(in, q, kql.NamedExpr{Span: n.Span, Name: name, X: c}); plain != nil {
		return plain
	}
	if c.Name == "avg" && len(args) == 1 {
		// Of nothing it is no number, which passes no more conditions than a
		// missing value does but isnotnull and !=.
		return a
	}
	a.Native = c.Name
	rest := args[1:]
	if k.pred {
		// A value that the condition does not choose is a missing one.
		a.X = &ir.Call{Span: c.Span, Func: ir.If, Args: []ir.Expr{t.pred(in, rest[0], true), a.X}}
		rest = rest[1:]
	}
	if a.Func == ir.Percentile {
		p, ok := rank(rest)
		if !ok {
			t.fail(codeTextAggregate, c, "Write percentile(VALUE, 95).", "%s is read with one number from 0 to 100", c.Name)
			return nil
		}
		a.P, rest = p, nil
	}
	for _, m := range rest {
		a.More = append(a.More, t.value(in, m))
	}
	return a
}

// rank is the number that a percentile is asked for by.
func rank(args []kql.Expr) (float64, bool) {
	if len(args) != 1 {
		return 0, false
	}
	n := liftLiteral(args[0])
	if n == nil {
		return 0, false
	}
	switch v := n.Value.(type) {
	case int64:
		return float64(v), v >= 0 && v <= 100
	case float64:
		return v, v >= 0 && v <= 100
	}
	return 0, false
}

// lifted reads an aggregate as the inverse of Lower does; nil if that is not
// what Lower would write.
func (t *textReader) lifted(in rows, q *ir.Aggregate, n kql.NamedExpr) *ir.Agg {
	l := &lifter{}
	a := l.aggregate(n)
	if len(l.diags) > 0 || a.Func == "" || a.X == nil {
		return nil
	}
	sub := &textReader{backend: t.backend}
	a.X = sub.typed(in, a.X)
	if sub.diags.HasErrors() {
		return nil
	}
	low := &lowerer{backend: t.backend, root: q}
	if kql.PrintExpr(low.aggregate(&ir.Aggregate{Input: in.q, By: q.By}, a, nil)) != kql.PrintExpr(n.X) {
		return nil
	}
	return a
}

// parts takes the aggregates out of a value: x with their names in their places.
func (t *textReader) parts(in, out rows, q *ir.Aggregate, x kql.Expr, name string, parts *[]*ir.Agg) kql.Expr {
	again := func(y kql.Expr) kql.Expr { return t.parts(in, out, q, y, name, parts) }
	list := func(xs []kql.Expr) []kql.Expr {
		ys := make([]kql.Expr, len(xs))
		for i, y := range xs {
			ys[i] = again(y)
		}
		return ys
	}
	switch x := x.(type) {
	case *kql.Call:
		if aggregateOf(x.Name) != nil {
			used := out
			for _, a := range q.Aggs {
				used.put(a.As, a.Type())
			}
			for _, a := range *parts {
				used.put(a.As, a.Type())
			}
			used.put(name, ir.Unknown)
			as := used.free(resultName(x) + "_of_" + name)
			if a := t.aggregate(in, q, kql.NamedExpr{Span: x.Span, Name: as, X: x}, x, as); a != nil {
				*parts = append(*parts, a)
			}
			return &kql.Column{Span: x.Span, Name: as}
		}
		return &kql.Call{Span: x.Span, Name: x.Name, Args: list(x.Args)}
	case *kql.Binary:
		return &kql.Binary{Span: x.Span, Op: x.Op, L: again(x.L), R: again(x.R)}
	case *kql.Logic:
		return &kql.Logic{Span: x.Span, Op: x.Op, Args: list(x.Args)}
	case *kql.In:
		return &kql.In{Span: x.Span, Op: x.Op, X: again(x.X), Values: x.Values}
	case *kql.Index:
		return &kql.Index{Span: x.Span, X: again(x.X), I: again(x.I)}
	case *kql.Path:
		return &kql.Path{Span: x.Span, X: again(x.X), Name: x.Name}
	case *kql.Neg:
		return &kql.Neg{Span: x.Span, X: again(x.X)}
	case *kql.Column:
		t.fail(codeTextAggregate, x, "Put it after by, or take_any of it.", "%s is neither a key nor in an aggregate", x.Name)
	}
	return x
}
