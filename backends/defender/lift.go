package defender

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Lift reads a query as IR in Defender's own tables and columns: the inverse
// of Lower. What it does not know is an error at its place, and the query is
// nil then. Types are not filled in.
func (b *Backend) Lift(q *kql.Query) (ir.Query, diag.List) {
	l := &lifter{}
	for _, let := range q.Lets {
		l.let(let)
	}
	out := l.query(q)
	if l.diags.HasErrors() {
		return nil, l.diags
	}
	return ir.Normalize(out), l.diags
}

type lifter struct {
	diags diag.List
	lets  []namedRows
}

// namedRows is what a let statement names.
type namedRows struct {
	name string
	rows ir.Query
}

func (l *lifter) let(let *kql.Let) {
	rows := namedRows{name: let.Name}
	if d, ok := let.Query.Source.(*kql.Datatable); ok && len(let.Query.Ops) == 0 {
		rows.rows = l.table(let.Name, d)
	} else {
		rows.rows = l.query(let.Query)
	}
	l.lets = append(l.lets, rows)
}

// named is what the last let statement of that name names, or nil.
func (l *lifter) named(name string) ir.Query {
	for i := len(l.lets) - 1; i >= 0; i-- {
		if l.lets[i].name == name {
			return l.lets[i].rows
		}
	}
	return nil
}

// table reads rows of texts and whole numbers.
func (l *lifter) table(name string, d *kql.Datatable) *ir.Table {
	t := &ir.Table{Span: d.Span, Name: name}
	for _, c := range d.Cols {
		t.Cols = append(t.Cols, c.Name)
	}
	for i, v := range d.Values {
		if i%len(d.Cols) == 0 {
			t.Rows = append(t.Rows, nil)
		}
		cell := ""
		if s, ok := v.(*kql.String); ok {
			cell = s.Value
		} else if lit := liftLiteral(v); lit != nil && ir.TypeOf(lit) == ir.Int {
			cell = strconv.FormatInt(lit.Value.(int64), 10)
		} else {
			l.unknown(v, "a value of a datatable is a text or a whole number")
		}
		row := len(t.Rows) - 1
		t.Rows[row] = append(t.Rows[row], cell)
	}
	return t
}

// tableOf is the table that a query is, and nothing more; nil if it is none.
func (l *lifter) tableOf(q *kql.Query) *ir.Table {
	src, ok := q.Source.(*kql.Table)
	if !ok || len(q.Ops) > 0 {
		return nil
	}
	t, _ := l.named(src.Name).(*ir.Table)
	return t
}

func (l *lifter) unknown(at diag.Node, format string, args ...any) {
	l.diags.Errorf(codeLift, at, "Keep the query as the native text of a hunt, or write it in other words.", format, args...)
}

func (l *lifter) query(q *kql.Query) ir.Query {
	var out ir.Query
	switch src := q.Source.(type) {
	case *kql.Datatable:
		l.unknown(src, "a datatable needs a name, by let, and something to be joined with")
		return &ir.Union{Span: src.Span}
	case *kql.Apply:
		l.unknown(src, "the function %s, which gives rows, is not understood", src.Name)
		return &ir.Union{Span: src.Span}
	case *kql.Table:
		if out = l.named(src.Name); out != nil {
			if _, table := out.(*ir.Table); table {
				l.unknown(src, "the rows of %s are only joined with", src.Name)
			}
			break
		}
		out = &ir.Scan{Span: src.Span, Physical: &ir.Physical{View: "xdr", Table: src.Name}}
	case *kql.UnionSource:
		u := &ir.Union{Span: src.Span}
		for _, in := range src.Inputs {
			u.Inputs = append(u.Inputs, l.query(in))
		}
		for _, p := range src.Params {
			l.unknown(p, "the parameter %s of union is not understood", p.Name)
		}
		out = u
	}
	var order *kql.Sort // that of the window function before
	for ops := q.Ops; len(ops) > 0; {
		// A window function has its order in front of it, or that of the one before.
		own, isOrder := ops[0].(*kql.Sort)
		body := ops
		if isOrder {
			body = ops[1:]
		} else if own = nil; order != nil && orderOf(q.Ops[:len(q.Ops)-len(ops)]) == order {
			own = order
		}
		if own != nil {
			if w, n := l.windowed(out, own, body); w != nil {
				out, ops, order = w, body[n:], own
				continue
			}
		}
		switch op := ops[0].(type) {
		case *kql.JoinOp:
			out, ops = l.join(out, op, ops[1:])
		case *kql.Summarize:
			out, ops = l.summarize(out, op, ops[1:])
		default:
			out, ops = l.op(out, op), ops[1:]
		}
	}
	return out
}

func (l *lifter) op(in ir.Query, op kql.Op) ir.Query {
	switch op := op.(type) {
	case *kql.Where:
		if scan, ok := in.(*ir.Scan); ok && scan.LookBack == 0 {
			if d, ok := liftLookBack(op.Pred); ok {
				c := *scan
				c.LookBack = d
				return &c
			}
		}
		if list, ok := op.Pred.(*kql.In); ok {
			if j := l.listed(in, list); j != nil {
				return j
			}
		}
		return &ir.Filter{Span: op.Span, Input: in, Pred: l.expr(op.Pred)}
	case *kql.Extend:
		cols := l.cols(op.Cols, true)
		return &ir.Extend{Span: op.Span, Input: in, Cols: cols}
	case *kql.Project:
		return &ir.Project{Span: op.Span, Input: in, Cols: l.cols(op.Cols, true)}
	case *kql.Lookup:
		t := l.tableOf(op.Right)
		if t == nil {
			l.unknown(op, "lookup is only understood with rows that a let statement names; write it as a join")
			return in
		}
		return &ir.Join{Span: op.Span, Left: in, Right: t, Kind: kindOfJoin(op.Kind), On: l.keys(op.On)}
	case *kql.Serialize:
		// The number of the row without an order.
		if len(op.Cols) == 1 && op.Cols[0].Name != "" {
			if c, ok := op.Cols[0].X.(*kql.Call); ok && c.Name == "row_number" && len(c.Args) == 0 {
				return &ir.Rank{Span: op.Span, Input: in, As: op.Cols[0].Name}
			}
		}
	case *kql.Distinct:
		return &ir.Distinct{Span: op.Span, Input: in, By: fields(op.Names)}
	case *kql.Sort:
		s := &ir.Sort{Span: op.Span, Input: in}
		for _, k := range op.Keys {
			s.Keys = append(s.Keys, l.sortKey(k))
		}
		return s
	case *kql.Top:
		s := &ir.Sort{Span: op.Span, Input: in, Keys: []*ir.SortKey{l.sortKey(op.Key)}}
		return &ir.Limit{Span: op.Span, Input: s, N: int(op.N)}
	case *kql.Take:
		return &ir.Limit{Span: op.Span, Input: in, N: int(op.N)}
	}
	l.unknown(op, "this operator is not understood")
	return in
}

func fields(names []*kql.Column) []*ir.Field {
	out := make([]*ir.Field, len(names))
	for i, n := range names {
		out[i] = &ir.Field{Span: n.Span, Name: n.Name}
	}
	return out
}

// sortKey lifts a key whose missing values sort as the smallest.
func (l *lifter) sortKey(k kql.SortKey) *ir.SortKey {
	c, ok := k.X.(*kql.Column)
	if !ok || k.Nulls == "first" && k.Desc || k.Nulls == "last" && !k.Desc {
		l.unknown(k, "only columns sort, with missing values as the smallest")
		return &ir.SortKey{Span: k.Span, X: &ir.Field{}}
	}
	return &ir.SortKey{Span: k.Span, X: &ir.Field{Span: c.Span, Name: c.Name}, Desc: k.Desc}
}

// cols lifts named expressions. Where Kusto's own text may stand, what is not
// understood becomes Foreign.
func (l *lifter) cols(cols []kql.NamedExpr, foreign bool) []*ir.Col {
	out := make([]*ir.Col, len(cols))
	for i, c := range cols {
		name := c.Name
		if col, ok := c.X.(*kql.Column); ok && name == "" {
			name = col.Name
		}
		if name == "" {
			l.unknown(c, "the column has no name of its own; write NAME = in front of it")
		}
		out[i] = &ir.Col{Span: c.Span, As: name, X: l.valueOrForeign(c.X, foreign)}
	}
	return out
}

func (l *lifter) valueOrForeign(x kql.Expr, foreign bool) ir.Expr {
	try := &lifter{}
	if e := try.expr(x); len(try.diags) == 0 || !foreign {
		l.diags = append(l.diags, try.diags...)
		return e
	}
	f := &ir.Foreign{Span: x.At(), Text: kql.PrintExpr(x)}
	kql.Walk(x, func(n diag.Node) bool {
		if c, ok := n.(*kql.Column); ok && !slices.Contains(f.Needs, c.Name) {
			f.Needs = append(f.Needs, c.Name)
		}
		return true
	})
	return f
}

// summarize reads the aggregates, and the project-away of the columns by which
// arg_min and arg_max choose.
func (l *lifter) summarize(in ir.Query, op *kql.Summarize, rest []kql.Op) (ir.Query, []kql.Op) {
	out := &ir.Aggregate{Span: op.Span, Input: in, By: l.cols(op.By, true)}
	var chosenBy []string
	for _, n := range op.Aggs {
		if len(n.Names) == 0 {
			out.Aggs = append(out.Aggs, l.aggregate(n))
			continue
		}
		a := l.extreme(n)
		if a == nil {
			l.unknown(n, "of the functions of several columns, arg_min and arg_max of one value are understood")
			continue
		}
		chosenBy = append(chosenBy, n.Names[0])
		out.Aggs = append(out.Aggs, a)
	}
	if len(chosenBy) == 0 {
		return out, rest
	}
	if len(rest) > 0 {
		if away, ok := rest[0].(*kql.ProjectAway); ok && slices.EqualFunc(away.Names, chosenBy, func(c *kql.Column, name string) bool { return c.Name == name }) {
			return out, rest[1:]
		}
	}
	l.unknown(op, "the columns by which arg_min and arg_max choose stay in the rows; drop them with project-away")
	return out, rest
}

// extreme reads what Lower writes of ArgMin and ArgMax: case(P and THERE, OF,
// null) and case(P and isnotnull(OF), X, missing), each with its conditions or
// without any. It is nil if that is not what stands there.
func (l *lifter) extreme(n kql.NamedExpr) *ir.Agg {
	c, ok := n.X.(*kql.Call)
	if !ok || len(n.Names) != 2 || len(c.Args) != 2 {
		return nil
	}
	a := &ir.Agg{Span: n.Span, As: n.Names[1]}
	switch c.Name {
	case extremeName(ir.ArgMin):
		a.Func = ir.ArgMin
	case extremeName(ir.ArgMax):
		a.Func = ir.ArgMax
	default:
		return nil
	}
	there, of := guarded(c.Args[0])
	col, ok := of.(*kql.Column)
	if !ok {
		return nil
	}
	a.Of = &ir.Field{Span: col.Span, Name: col.Name}
	// The value may have conditions of its own, which are none of these.
	when, x := guarded(c.Args[1])
	for _, try := range []struct {
		when []kql.Expr
		x    kql.Expr
	}{{when, x}, {nil, c.Args[1]}} {
		p := withoutPresence(try.when, of)
		if !slices.EqualFunc(p, withoutPresence(there, try.x), func(a, b kql.Expr) bool { return kql.PrintExpr(a) == kql.PrintExpr(b) }) {
			continue
		}
		a.X = l.expr(try.x)
		if len(p) > 0 {
			a.X = &ir.Call{Span: c.Span, Func: ir.If, Args: []ir.Expr{l.expr(kql.NewLogic(c.Span, kql.And, p...)), a.X}}
		}
		return a
	}
	return nil
}

// guarded splits case(A and B, X, missing) into the conditions and X; anything
// else has no conditions.
func guarded(e kql.Expr) ([]kql.Expr, kql.Expr) {
	c, ok := e.(*kql.Call)
	if !ok || c.Name != conditional || len(c.Args) != 3 || !isMissing(c.Args[2]) {
		return nil, e
	}
	if and, ok := c.Args[0].(*kql.Logic); ok && and.Op == kql.And {
		return and.Args, c.Args[1]
	}
	return c.Args[:1], c.Args[1]
}

// withoutPresence drops the last condition if it asks for x.
func withoutPresence(conds []kql.Expr, x kql.Expr) []kql.Expr {
	if n := len(conds) - 1; n >= 0 && isPresence(conds[n], x) {
		return conds[:n]
	}
	return conds
}

// aggregate lifts one aggregate.
func (l *lifter) aggregate(n kql.NamedExpr) *ir.Agg {
	a := &ir.Agg{Span: n.Span, As: n.Name}
	if n.Name == "" {
		l.unknown(n, "the aggregate has no name of its own; write NAME = in front of it")
	}
	x := n.X
	// iff(countif(there) > n, stdev(x), real(null)) is stdev(x) of a sample.
	if c, ok := x.(*kql.Call); ok && c.Name == "iff" && len(c.Args) == 3 {
		x = c.Args[1]
	}
	c, ok := x.(*kql.Call)
	if !ok {
		l.unknown(x, "this aggregate is not understood")
		return a
	}
	if c.Name == "count" && len(c.Args) == 0 {
		a.Func = ir.Count
		return a
	}
	if c.Name == "countif" && len(c.Args) == 1 {
		a.Func, a.X = ir.CountIf, l.expr(c.Args[0])
		return a
	}
	if l.element(c, a) {
		return a
	}
	for _, names := range aggregateNames {
		if c.Name == names.plain && len(c.Args) == 1 || c.Name == names.conditional && len(c.Args) == 2 {
			a.Func, a.X = names.id, l.counted(c)
			return a
		}
	}
	l.unknown(c, "the aggregate %s is not understood", c.Name)
	return a
}

// counted lifts the operand of an aggregate, and the condition beside it but
// for the test that the operand is there.
func (l *lifter) counted(c *kql.Call) ir.Expr {
	x := l.expr(c.Args[0])
	if len(c.Args) == 1 {
		return x
	}
	conds := []kql.Expr{c.Args[1]}
	if and, ok := c.Args[1].(*kql.Logic); ok && and.Op == kql.And {
		conds = and.Args
	}
	if n := len(conds) - 1; isPresence(conds[n], c.Args[0]) {
		conds = conds[:n]
	}
	if len(conds) == 0 {
		return x
	}
	return &ir.Call{Span: c.Span, Func: ir.If, Args: []ir.Expr{l.expr(kql.NewLogic(c.Span, kql.And, conds...)), x}}
}

// element lifts an aggregate that takes a value out of a list: one of its ends,
// or the one at the rank of a percentile.
func (l *lifter) element(c *kql.Call, a *ir.Agg) bool {
	if len(c.Args) != 1 {
		return false
	}
	i, ok := c.Args[0].(*kql.Index)
	if !ok {
		return false
	}
	list, ok := i.X.(*kql.Call)
	if !ok {
		return false
	}
	if list.Name == "array_sort_asc" && len(list.Args) == 1 {
		if list, ok = list.Args[0].(*kql.Call); !ok || !liftRank(i.I, a) {
			return false
		}
	} else if end := liftLiteral(i.I); end != nil && end.Value == int64(0) {
		a.Func = ir.First
	} else if end != nil && end.Value == int64(-1) {
		a.Func = ir.Last
	}
	if a.Func == "" || !(list.Name == listOf.plain && len(list.Args) == 1 || list.Name == listOf.conditional && len(list.Args) == 2) {
		return false
	}
	a.X = l.counted(list)
	return true
}

// liftRank reads toint(ceiling(P * COUNT / 100.0)) - 1.
func liftRank(e kql.Expr, a *ir.Agg) bool {
	minus, ok := e.(*kql.Binary)
	if !ok || minus.Op != "-" {
		return false
	}
	x := minus.L
	for _, name := range []string{"toint", "ceiling"} {
		c, ok := x.(*kql.Call)
		if !ok || c.Name != name || len(c.Args) != 1 {
			return false
		}
		x = c.Args[0]
	}
	div, ok := x.(*kql.Binary)
	if !ok || div.Op != "/" {
		return false
	}
	mul, ok := div.L.(*kql.Binary)
	hundred, one := liftLiteral(div.R), liftLiteral(minus.R)
	if !ok || mul.Op != "*" || hundred == nil || hundred.Value != 100.0 || one == nil || one.Value != int64(1) {
		return false
	}
	if count, ok := mul.R.(*kql.Call); !ok || count.Name != "count" && count.Name != "countif" {
		return false
	}
	p := liftLiteral(mul.L)
	if p == nil {
		return false
	}
	switch v := p.Value.(type) {
	case int64:
		a.P = float64(v)
	case float64:
		a.P = v
	default:
		return false
	}
	a.Func = ir.Percentile
	return true
}

// isPresence reports whether e is isnotempty(x) or isnotnull(x).
func isPresence(e, x kql.Expr) bool {
	c, ok := e.(*kql.Call)
	return ok && (c.Name == "isnotempty" || c.Name == "isnotnull") && len(c.Args) == 1 && kql.PrintExpr(c.Args[0]) == kql.PrintExpr(x)
}

// liftLookBack reads Timestamp > ago(d), which is what Plan makes of the same
// condition of a hunt.
func liftLookBack(e kql.Expr) (d time.Duration, ok bool) {
	b, ok := e.(*kql.Binary)
	if !ok || b.Op != ">" {
		return 0, false
	}
	c, cok := b.L.(*kql.Column)
	ago, aok := b.R.(*kql.Call)
	if !cok || !aok || c.Name != timestamp || ago.Name != "ago" || len(ago.Args) != 1 {
		return 0, false
	}
	t, ok := ago.Args[0].(*kql.Timespan)
	if !ok {
		return 0, false
	}
	return parseTimespan(t.Text)
}

// windowed reads what a window function makes of rows in an order, and of how
// many operators it is; nil if none stands there.
func (l *lifter) windowed(in ir.Query, order *kql.Sort, ops []kql.Op) (ir.Query, int) {
	if w := l.window(in, order, ops); w != nil {
		return w, 3
	}
	if s := l.session(in, order, ops); s != nil {
		return s, 1
	}
	if n := l.numbered(in, order, ops); n != nil {
		return n, 1
	}
	return nil, 0
}

// window reads what Lower writes of a Window: the three operators extend with
// prev(), where, extend. It is nil if that is not what stands there.
func (l *lifter) window(in ir.Query, order *kql.Sort, ops []kql.Op) ir.Query {
	if len(ops) < 3 {
		return nil
	}
	prev, ok1 := ops[0].(*kql.Extend)
	where, ok2 := ops[1].(*kql.Where)
	gap, ok3 := ops[2].(*kql.Extend)
	if !ok1 || !ok2 || !ok3 || len(gap.Cols) != 1 || len(order.Keys) == 0 {
		return nil
	}
	w := &ir.Window{Span: order.Span, Input: in, As: gap.Cols[0].Name}
	names := make([]string, len(order.Keys))
	read := 0 // of the columns of prev, one for each different key
	for i, k := range order.Keys {
		c, ok := k.X.(*kql.Column)
		if ok && i == len(order.Keys)-1 {
			if again := slices.IndexFunc(w.By, func(f *ir.Field) bool { return f.Name == c.Name }); again >= 0 {
				w.Of, names[i] = w.By[again], names[again]
				continue
			}
		}
		if read == len(prev.Cols) {
			return nil
		}
		p, pok := prev.Cols[read].X.(*kql.Call)
		if !ok || !pok || k.Desc || p.Name != "prev" || len(p.Args) != 1 && len(p.Args) != 2 {
			return nil
		}
		offset := int64(1)
		if len(p.Args) == 2 {
			lit := liftLiteral(p.Args[1])
			if lit == nil {
				return nil
			}
			if offset, ok = lit.Value.(int64); !ok || offset < 1 {
				return nil
			}
		}
		if i > 0 && offset != int64(w.Offset) {
			return nil
		}
		w.Offset = int(offset)
		if of, ok := p.Args[0].(*kql.Column); !ok || of.Name != c.Name {
			return nil
		}
		names[i] = prev.Cols[read].Name
		read++
		if strings.TrimRight(names[i], "_") != strings.TrimRight("prev_"+c.Name, "_") {
			return nil
		}
		f := &ir.Field{Span: c.Span, Name: c.Name}
		if i == len(order.Keys)-1 {
			w.Of = f
		} else {
			w.By = append(w.By, f)
		}
	}
	conds := []kql.Expr{where.Pred}
	if and, ok := where.Pred.(*kql.Logic); ok && and.Op == kql.And {
		conds = and.Args
	}
	if len(conds) != len(names) || read != len(prev.Cols) {
		return nil
	}
	for i, f := range w.By {
		if !isSameAsBefore(conds[i], f.Name, names[i]) {
			return nil
		}
	}
	last := names[len(names)-1]
	if there, ok := conds[len(conds)-1].(*kql.Call); !ok || there.Name != "isnotnull" || !isColumn(there.Args, last) {
		return nil
	}
	x := gap.Cols[0].X
	if div, ok := x.(*kql.Binary); ok && div.Op == "/" {
		if t, ok := div.R.(*kql.Timespan); ok && t.Text == "1s" {
			x = div.L
		}
	}
	sub, ok := x.(*kql.Binary)
	if !ok || sub.Op != "-" || !isColumn([]kql.Expr{sub.L}, w.Of.Name) || !isColumn([]kql.Expr{sub.R}, last) {
		return nil
	}
	return w
}

// session reads what Lower writes of a Session: extend with
// row_window_session. It is nil if that is not what stands there.
func (l *lifter) session(in ir.Query, order *kql.Sort, ops []kql.Op) ir.Query {
	if len(ops) == 0 {
		return nil
	}
	ext, ok := ops[0].(*kql.Extend)
	if !ok || len(ext.Cols) != 1 || ext.Cols[0].Name == "" {
		return nil
	}
	c, ok := ext.Cols[0].X.(*kql.Call)
	if !ok || c.Name != "row_window_session" || len(c.Args) < 3 || len(c.Args) > 4 {
		return nil
	}
	longest, ok1 := c.Args[1].(*kql.Timespan)
	between, ok2 := c.Args[2].(*kql.Timespan)
	if !ok1 || !ok2 || longest.Text != forever {
		return nil
	}
	gap, ok := parseSession(between.Text)
	if !ok {
		return nil
	}
	s := &ir.Session{Span: order.Span, Input: in, Gap: gap, As: ext.Cols[0].Name}
	for _, k := range order.Keys {
		key, ok := k.X.(*kql.Column)
		if !ok || k.Desc {
			return nil
		}
		s.By = append(s.By, &ir.Field{Span: key.Span, Name: key.Name})
	}
	n := len(s.By) - 1
	s.Of, s.By = s.By[n], s.By[:n]
	if !isColumn(c.Args[:1], s.Of.Name) || (len(c.Args) == 4) != (n > 0) {
		return nil
	}
	if n == 0 {
		return s
	}
	if !isOtherGroup(c.Args[3], s.By) {
		return nil
	}
	return s
}

// numbered reads what Lower writes of a Lag or a Rank: extend with prev() or
// row_number(). It is nil if that is not what stands there.
func (l *lifter) numbered(in ir.Query, order *kql.Sort, ops []kql.Op) ir.Query {
	if len(ops) == 0 {
		return nil
	}
	ext, ok := ops[0].(*kql.Extend)
	if !ok || len(ext.Cols) != 1 || ext.Cols[0].Name == "" {
		return nil
	}
	keys := make([]*ir.SortKey, len(order.Keys))
	for i, k := range order.Keys {
		c, ok := k.X.(*kql.Column)
		if !ok || k.Nulls != "" {
			return nil
		}
		keys[i] = &ir.SortKey{Span: k.Span, X: &ir.Field{Span: c.Span, Name: c.Name}, Desc: k.Desc}
	}
	// groups are the first n keys.
	groups := func(n int) []*ir.Field {
		by := make([]*ir.Field, 0, n)
		for _, k := range keys[:n] {
			if !k.Desc {
				by = append(by, k.X)
			}
		}
		return by
	}
	as := ext.Cols[0].Name
	c, ok := ext.Cols[0].X.(*kql.Call)
	if !ok {
		return nil
	}
	switch {
	case c.Name == "row_number" && len(c.Args) == 0:
		return &ir.Rank{Span: order.Span, Input: in, Keys: keys, As: as}
	case c.Name == "row_number" && len(c.Args) == 2:
		one := liftLiteral(c.Args[0])
		if one == nil || one.Value != int64(1) {
			return nil
		}
		for n := 1; n <= len(keys); n++ {
			if by := groups(n); len(by) == n && isOtherGroup(c.Args[1], by) {
				return &ir.Rank{Span: order.Span, Input: in, By: by, Keys: keys[n:], As: as}
			}
		}
		return nil
	}
	n := len(keys) - 1
	by := groups(n)
	if keys[n].Desc || len(by) != n {
		return nil
	}
	if c.Name == conditional && n > 0 && len(c.Args) == 3 && isSameGroup(c.Args[0], by) && isMissing(c.Args[2]) {
		if c, ok = c.Args[1].(*kql.Call); !ok {
			return nil
		}
	} else if n > 0 {
		return nil
	}
	if c.Name != "prev" || len(c.Args) != 1 {
		return nil
	}
	x, ok := c.Args[0].(*kql.Column)
	if !ok {
		return nil
	}
	return &ir.Lag{Span: order.Span, Input: in, By: by, Of: keys[n].X, X: &ir.Field{Span: x.Span, Name: x.Name}, As: as}
}

// isOtherGroup reads what otherGroup writes.
func isOtherGroup(e kql.Expr, by []*ir.Field) bool {
	other := []kql.Expr{e}
	if or, ok := e.(*kql.Logic); ok && or.Op == kql.Or {
		other = or.Args
	}
	for _, f := range by {
		i := slices.IndexFunc(other, func(e kql.Expr) bool { return isOtherThanBefore(e, f.Name) })
		if i < 0 {
			return false
		}
		other = slices.Delete(slices.Clone(other), i, i+1)
	}
	return !slices.ContainsFunc(other, func(e kql.Expr) bool {
		return !slices.ContainsFunc(by, func(f *ir.Field) bool { return isNullUnlikeBefore(e, f.Name) })
	})
}

// isSameGroup reads what sameGroup writes.
func isSameGroup(e kql.Expr, by []*ir.Field) bool {
	same := []kql.Expr{e}
	if and, ok := e.(*kql.Logic); ok && and.Op == kql.And {
		same = and.Args
	}
	return slices.EqualFunc(same, by, func(e kql.Expr, f *ir.Field) bool {
		if or, ok := e.(*kql.Logic); ok && or.Op == kql.Or && len(or.Args) == 2 {
			e = or.Args[0]
		}
		b, ok := e.(*kql.Binary)
		return ok && b.Op == "==" && isColumn([]kql.Expr{b.L}, f.Name) && isPrev(b.R, f.Name)
	})
}

// isOtherThanBefore reads A != prev(A), also wrapped in coalesce.
func isOtherThanBefore(e kql.Expr, name string) bool {
	if c, ok := e.(*kql.Call); ok && c.Name == "coalesce" && len(c.Args) == 2 {
		e = c.Args[0]
	}
	b, ok := e.(*kql.Binary)
	return ok && b.Op == "!=" && isColumn([]kql.Expr{b.L}, name) && isPrev(b.R, name)
}

// isNullUnlikeBefore reads isnull(A) != isnull(prev(A)).
func isNullUnlikeBefore(e kql.Expr, name string) bool {
	b, ok := e.(*kql.Binary)
	if !ok || b.Op != "!=" {
		return false
	}
	now, ok1 := b.L.(*kql.Call)
	before, ok2 := b.R.(*kql.Call)
	return ok1 && ok2 && now.Name == "isnull" && before.Name == "isnull" && isColumn(now.Args, name) && len(before.Args) == 1 && isPrev(before.Args[0], name)
}

func isPrev(e kql.Expr, name string) bool {
	c, ok := e.(*kql.Call)
	return ok && c.Name == "prev" && isColumn(c.Args, name)
}

func isColumn(args []kql.Expr, name string) bool {
	if len(args) != 1 {
		return false
	}
	c, ok := args[0].(*kql.Column)
	return ok && c.Name == name
}

// isSameAsBefore reads A == prev_A, or that and the test that both are null.
func isSameAsBefore(e kql.Expr, name, before string) bool {
	if or, ok := e.(*kql.Logic); ok && or.Op == kql.Or && len(or.Args) == 2 {
		e = or.Args[0]
	}
	b, ok := e.(*kql.Binary)
	return ok && b.Op == "==" && isColumn([]kql.Expr{b.L}, name) && isColumn([]kql.Expr{b.R}, before)
}

// listed reads COLUMN in (NAME), where NAME is the table whose one column has
// the same name; it is nil for any other list.
func (l *lifter) listed(in ir.Query, list *kql.In) ir.Query {
	x, ok := list.X.(*kql.Column)
	if !ok || len(list.Values) != 1 || list.Op != "in" && list.Op != "!in" {
		return nil
	}
	name, ok := list.Values[0].(*kql.Column)
	if !ok {
		return nil
	}
	t, ok := l.named(name.Name).(*ir.Table)
	if !ok || len(t.Cols) != 1 || t.Cols[0] != x.Name {
		return nil
	}
	j := &ir.Join{Span: list.Span, Left: in, Right: t, Kind: ir.Inner, On: []*ir.Field{{Span: x.Span, Name: x.Name}}}
	if list.Op == "!in" {
		j.Kind = ir.Anti
	}
	return j
}

// kindOfJoin is the kind that Kusto's word means; empty for one that the IR has
// not.
func kindOfJoin(word string) ir.JoinKind {
	for _, kind := range []ir.JoinKind{ir.Inner, ir.LeftOuter, ir.Anti, ir.Semi} {
		if wordOfJoin(kind) == word {
			return kind
		}
	}
	return ""
}

func (l *lifter) keys(on []kql.JoinKey) []*ir.Field {
	var out []*ir.Field
	for _, k := range on {
		if k.Left.Name != k.Right.Name {
			l.unknown(k, "the keys of a join have one name on both sides")
		}
		out = append(out, &ir.Field{Span: k.Left.Span, Name: k.Left.Name})
	}
	return out
}

// join reads a join, and the project-away of the keys that it repeats.
func (l *lifter) join(in ir.Query, op *kql.JoinOp, rest []kql.Op) (ir.Query, []kql.Op) {
	out := &ir.Join{Span: op.Span, Left: in, Kind: kindOfJoin(op.Kind), On: l.keys(op.On)}
	if t := l.tableOf(op.Right); t != nil {
		out.Right = t
	} else {
		out.Right = l.query(op.Right)
	}
	if out.Kind == "" {
		l.unknown(op, "a join of kind %s is not understood", op.Kind)
	}
	if oneSided(out.Kind) {
		return out, rest
	}
	if len(rest) > 0 {
		if away, ok := rest[0].(*kql.ProjectAway); ok && len(away.Names) == len(out.On) {
			same := true
			for i, n := range away.Names {
				same = same && n.Name == out.On[i].Name+"1"
			}
			if same {
				return out, rest[1:]
			}
		}
	}
	l.unknown(op, "the keys of the right side stay in the rows of the join; drop them with project-away")
	return out, rest
}

// expr lifts an expression.
func (l *lifter) expr(e kql.Expr) ir.Expr {
	switch e := e.(type) {
	case *kql.Column:
		return &ir.Field{Span: e.Span, Name: e.Name}
	case *kql.String:
		return &ir.Lit{Span: e.Span, Value: e.Value}
	case *kql.Bool:
		if e.Value {
			return ir.True(e.Span)
		}
		return ir.False(e.Span)
	case *kql.Number, *kql.Neg, *kql.Typed, *kql.Datetime, *kql.Timespan:
		if x := constant(e); x != nil {
			return x
		}
		l.unknown(e, "this constant is not understood")
	case *kql.Logic:
		op := ir.And
		if e.Op == kql.Or {
			op = ir.Or
		}
		args := make([]ir.Expr, len(e.Args))
		for i, a := range e.Args {
			args[i] = l.expr(a)
		}
		return ir.NewLogic(e.Span, op, args...)
	case *kql.Binary:
		return l.binary(e)
	case *kql.In:
		return l.in(e)
	case *kql.Between:
		if e.Negated {
			l.unknown(e, "!between is not understood")
		}
		return ir.NewLogic(e.Span, ir.And,
			&ir.Compare{Span: e.Span, Op: ir.Ge, L: l.expr(e.X), R: l.expr(e.A), Cased: true},
			&ir.Compare{Span: e.Span, Op: ir.Le, L: l.expr(e.X), R: l.expr(e.B), Cased: true})
	case *kql.Call:
		return l.call(e)
	case *kql.Path:
		return &ir.Call{Span: e.Span, Func: ir.Prop, Args: []ir.Expr{l.expr(e.X), &ir.Lit{Span: e.Span, Value: e.Name}}}
	case *kql.Index:
		if x := l.scalar(e); x != nil {
			return x
		}
		l.unknown(e, "this expression is not understood")
	default:
		l.unknown(e, "this expression is not understood")
	}
	return ir.False(e.At())
}

// liftLiteral reads a number or length of time; nil if it is none.
func liftLiteral(e kql.Expr) *ir.Lit {
	switch e := e.(type) {
	case *kql.Number:
		if n, err := strconv.ParseInt(e.Text, 10, 64); err == nil {
			return &ir.Lit{Span: e.Span, Value: n}
		}
		if f, err := strconv.ParseFloat(e.Text, 64); err == nil {
			return &ir.Lit{Span: e.Span, Value: f}
		}
	case *kql.Typed:
		if n, err := strconv.ParseInt(e.Text, 10, 64); err == nil && e.Type == "long" {
			return &ir.Lit{Span: e.Span, Value: n}
		}
	case *kql.Timespan:
		if d, ok := parseTimespan(e.Text); ok {
			return &ir.Lit{Span: e.Span, Value: d}
		}
	case *kql.Neg:
		if lit := liftLiteral(e.X); lit != nil {
			switch v := lit.Value.(type) {
			case int64:
				return &ir.Lit{Span: e.Span, Value: -v}
			case float64:
				return &ir.Lit{Span: e.Span, Value: -v}
			case time.Duration:
				return &ir.Lit{Span: e.Span, Value: -v}
			}
		}
	}
	return nil
}

// orderings are the comparisons other than equality.
var orderings = map[string]ir.CmpOp{"<": ir.Lt, "<=": ir.Le, ">": ir.Gt, ">=": ir.Ge}

func (l *lifter) binary(e *kql.Binary) ir.Expr {
	if f := ofLength(e); f != nil {
		return &ir.Exists{Span: e.Span, X: &ir.Field{Span: f.Span, Name: f.Name}}
	}
	if op, ok := orderings[e.Op]; ok {
		return &ir.Compare{Span: e.Span, Op: op, L: l.expr(e.L), R: l.expr(e.R), Cased: true}
	}
	if c := l.scalar(e); c != nil {
		return c
	}
	if e.Op == "matches regex" {
		if s, ok := e.R.(*kql.String); ok {
			return &ir.Regexp{Span: e.Span, X: l.expr(e.L), Source: goBoundaries(s.Value)}
		}
		l.unknown(e, "a regular expression has to be a constant")
		return ir.False(e.Span)
	}
	op, negated := e.Op, false
	switch op {
	case "!=":
		op, negated = "==", true
	case "!~":
		op, negated = "=~", true
	default:
		op, negated = strings.CutPrefix(op, "!")
	}
	x := l.positive(e, op)
	if negated {
		return &ir.Not{Span: e.Span, X: x}
	}
	return x
}

// ofLength is the list that array_length(LIST) > 0 asks for; nil for anything else.
func ofLength(e *kql.Binary) *kql.Column {
	c, ok := e.L.(*kql.Call)
	zero := liftLiteral(e.R)
	if e.Op != ">" || !ok || c.Name != arrayLength || len(c.Args) != 1 || zero == nil || zero.Value != int64(0) {
		return nil
	}
	list, _ := c.Args[0].(*kql.Column)
	return list
}

// positive lifts equality and the string operators.
func (l *lifter) positive(e *kql.Binary, op string) ir.Expr {
	x := l.expr(e.L)
	if op == "==" || op == "=~" {
		switch r := e.R.(type) {
		case *kql.String:
			return &ir.Match{Span: e.Span, X: x, Any: []ir.Pattern{ir.TextPattern(r.Span, r.Value)}, Cased: op == "=="}
		case *kql.Bool:
			return &ir.Compare{Span: e.Span, Op: ir.Eq, L: x, R: &ir.Lit{Span: r.Span, Value: r.Value}, Cased: true}
		}
		return &ir.Compare{Span: e.Span, Op: ir.Eq, L: x, R: l.expr(e.R), Cased: op == "=="}
	}
	name, cased := strings.CutSuffix(op, "_cs")
	kind := ir.FieldMatchKind(name)
	switch kind {
	case ir.FieldPrefix, ir.FieldSuffix, ir.FieldContains:
	default:
		l.unknown(e, "the operator %s is not understood", op)
		return ir.False(e.Span)
	}
	switch r := e.R.(type) {
	case *kql.String:
		p := ir.Pattern{Span: r.Span}
		if kind != ir.FieldPrefix {
			p.Append(ir.Part{Wild: ir.Many})
		}
		p.Append(ir.Part{Text: r.Value})
		if kind != ir.FieldSuffix {
			p.Append(ir.Part{Wild: ir.Many})
		}
		return &ir.Match{Span: e.Span, X: x, Any: []ir.Pattern{p}, Cased: cased}
	case *kql.Column:
		if f, ok := x.(*ir.Field); ok {
			return &ir.FieldMatch{Span: e.Span, X: f, Y: &ir.Field{Span: r.Span, Name: r.Name}, Kind: kind, Cased: cased}
		}
	}
	l.unknown(e, "the right side of %s has to be a constant or a column", op)
	return ir.False(e.Span)
}

func (l *lifter) in(e *kql.In) ir.Expr {
	op, negated := strings.CutPrefix(e.Op, "!")
	if op != "in" && op != "in~" {
		l.unknown(e, "the operator %s is not understood", op)
		return ir.False(e.Span)
	}
	x := l.expr(e.X)
	m := &ir.Match{Span: e.Span, X: x, Cased: op == "in"}
	var rest []ir.Expr
	for _, v := range e.Values {
		if s, ok := v.(*kql.String); ok {
			m.Any = append(m.Any, ir.TextPattern(s.Span, s.Value))
			continue
		}
		lit := liftLiteral(v)
		if lit == nil || op != "in" {
			l.unknown(v, "a list holds texts or numbers")
			continue
		}
		rest = append(rest, &ir.Compare{Span: v.At(), Op: ir.Eq, L: x, R: lit, Cased: true})
	}
	if len(m.Any) > 0 {
		rest = append(rest, m)
	}
	out := ir.NewLogic(e.Span, ir.Or, rest...)
	if negated {
		return &ir.Not{Span: e.Span, X: out}
	}
	return out
}

func (l *lifter) call(e *kql.Call) ir.Expr {
	arg := func() ir.Expr { return l.expr(e.Args[0]) }
	switch {
	case len(e.Args) == 1 && e.Name == "not":
		return &ir.Not{Span: e.Span, X: arg()}
	case len(e.Args) == 1 && (e.Name == "isempty" || e.Name == "isnotempty"):
		m := &ir.Match{Span: e.Span, X: arg(), Any: []ir.Pattern{{Span: e.Span}}}
		if e.Name == "isempty" {
			return m
		}
		return &ir.Not{Span: e.Span, X: m}
	case len(e.Args) == 1 && (e.Name == "isnull" || e.Name == "isnotnull"):
		f, ok := arg().(*ir.Field)
		if !ok {
			l.unknown(e, "%s is about a column", e.Name)
			return ir.False(e.Span)
		}
		if e.Name == "isnotnull" {
			return &ir.Exists{Span: e.Span, X: f}
		}
		return &ir.Not{Span: e.Span, X: &ir.Exists{Span: e.Span, X: f}}
	case len(e.Args) == 2 && e.Name == "coalesce":
		// The IR's predicates are two-valued anyway.
		if v, ok := e.Args[1].(*kql.Bool); ok && !v.Value {
			return arg()
		}
	case len(e.Args) >= 3 && len(e.Args)%2 == 1 && e.Name == conditional:
		return l.conditional(e, e.Args)
	case len(e.Args) == 1 && e.Name == "ago":
		if d := liftLiteral(e.Args[0]); d != nil && ir.TypeOf(d) == ir.Duration {
			return &ir.Call{Span: e.Span, Func: ir.Sub, Args: []ir.Expr{&ir.Call{Span: e.Span, Func: ir.Now}, d}}
		}
	case len(e.Args) == 3 && e.Name == "bin_at":
		if from, ok := e.Args[2].(*kql.Datetime); ok && from.Text == epoch {
			return &ir.Call{Span: e.Span, Func: ir.Bin, Args: []ir.Expr{arg(), l.expr(e.Args[1])}}
		}
	case len(e.Args) >= 2 && strings.HasPrefix(e.Name, "ipv") && strings.HasSuffix(e.Name, "_range"):
		return l.cidr(e)
	}
	if c := l.scalar(e); c != nil {
		return c
	}
	l.unknown(e, "the function %s is not understood", e.Name)
	return ir.False(e.Span)
}

// scalar reads a function of the table; nil if e is none.
func (l *lifter) scalar(e kql.Expr) ir.Expr {
	for _, s := range scalars {
		args, ok := s.match(e)
		if !ok || !s.takes(args) {
			continue
		}
		f := ir.FuncOf(s.id)
		c := &ir.Call{Span: e.At(), Func: s.id}
		for i, a := range args {
			if f.Param(i) == ir.RegexConst {
				src := a.(*kql.String)
				c.Args = append(c.Args, &ir.Lit{Span: src.Span, Value: goBoundaries(src.Value)})
				continue
			}
			c.Args = append(c.Args, l.expr(a))
		}
		return c
	}
	return nil
}

// takes reports whether there are constants where the IR wants them.
func (s scalar) takes(args []kql.Expr) bool {
	f := ir.FuncOf(s.id)
	for i, a := range args {
		text, isText := a.(*kql.String)
		switch f.Param(i) {
		case ir.TextConst:
			if !isText || text.Value == "" {
				return false
			}
		case ir.TextConstOrEmpty, ir.RegexConst:
			if !isText {
				return false
			}
		case ir.CountConst:
			if n, ok := a.(*kql.Number); !ok || liftLiteral(n) == nil || ir.TypeOf(liftLiteral(n)) != ir.Int {
				return false
			}
		case ir.PlaceConst:
			if n := liftLiteral(a); n == nil || ir.TypeOf(n) != ir.Int {
				return false
			}
		}
	}
	return f.Takes(len(args))
}

// conditional reads case(P, X, Q, Y, ..., Z).
func (l *lifter) conditional(e *kql.Call, args []kql.Expr) ir.Expr {
	c := &ir.Call{Span: e.Span, Func: ir.If, Args: []ir.Expr{l.expr(args[0]), l.expr(args[1])}}
	switch rest := args[2:]; {
	case len(rest) > 1:
		c.Args = append(c.Args, l.conditional(e, rest))
	case !isMissing(rest[0]):
		c.Args = append(c.Args, l.expr(rest[0]))
	}
	return c
}

// isMissing reads the null of a type, or the empty text.
func isMissing(e kql.Expr) bool {
	switch e := e.(type) {
	case *kql.Typed:
		return e.Text == "null"
	case *kql.Datetime:
		return e.Text == "null"
	case *kql.Timespan:
		return e.Text == "null"
	case *kql.String:
		return e.Value == ""
	}
	return false
}

// cidr lifts the tests of an address.
func (l *lifter) cidr(e *kql.Call) ir.Expr {
	switch e.Name {
	case "ipv4_is_in_range", "ipv6_is_in_range", "ipv4_is_in_any_range", "ipv6_is_in_any_range":
	default:
		l.unknown(e, "the function %s is not understood", e.Name)
		return ir.False(e.Span)
	}
	addr := e.Args[0]
	if c, ok := addr.(*kql.Call); ok && c.Name == "replace_string" && len(c.Args) == 3 {
		addr = c.Args[0]
	}
	x := l.expr(addr)
	var nets []ir.Expr
	for _, a := range e.Args[1:] {
		s, ok := a.(*kql.String)
		if !ok {
			l.unknown(a, "a network has to be a constant")
			continue
		}
		p, err := netip.ParsePrefix(s.Value)
		if err != nil {
			l.unknown(a, "%q is not a network", s.Value)
			continue
		}
		nets = append(nets, &ir.InCIDR{Span: a.At(), X: x, Prefix: p})
	}
	return ir.NewLogic(e.Span, ir.Or, nets...)
}
