package defender

import (
	"slices"
	"strconv"
	"strings"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// maxSteps is how many operators and uses of names a text may come to once its
// definitions stand in their places.
const maxSteps = 20_000

// maxOperators is how many operators a query may have one behind the other. What
// comes behind many looks through all of them.
const maxOperators = 1_000

// overlong is the operator with which a query of the text has too many; nil if
// none has.
func overlong(script *kql.Script) diag.Node {
	var found diag.Node
	for _, s := range script.Statements {
		kql.WalkStatement(s, func(n diag.Node) bool {
			if q, ok := n.(*kql.Query); ok && len(q.Ops) > maxOperators && found == nil {
				found = q.Ops[maxOperators]
			}
			return found == nil
		})
	}
	return found
}

// LiftText reads a text as people publish it: definitions and one query, or
// several. What is defined by let stands in its place in the query that uses it.
//
// The query that comes out says of Kusto's own rules what the IR can say: == and
// in mind case, has asks for whole terms, a comparison with null is null, so
// that its negation holds no more than it does. A text is empty where it is
// missing. Aggregates that treat missing values in another way than the IR's are
// Native, and a value for which the IR has no function is Foreign.
func (b *Backend) LiftText(name, text string) backends.Lifted {
	script, diags := kql.ParseScript(name, text)
	out := backends.Lifted{Diagnostics: diags}
	if script == nil {
		return out
	}
	if at := overlong(script); at != nil {
		out.Diagnostics.Errorf(codeTooMuch, at, "Put several conditions into one where.", "the query has more than %d operators; at most so many are read", maxOperators)
		out.Diagnostics.Sort()
		return out
	}
	t := &textReader{backend: b}
	global := &scope{}
	for _, s := range script.Statements {
		switch s := s.(type) {
		case *kql.Define:
			global = global.with(s.Name, &definition{define: s, scope: global})
		case *kql.Query:
			t.notes, t.opaque, t.diags = nil, nil, nil
			rows := t.query(s, global)
			q := backends.LiftedQuery{Span: s.Span, Form: backends.Table, Notes: t.notes, Opaque: t.opaque}
			if !t.diags.HasErrors() && !unread(diags, script, s) {
				q.Query = ir.Normalize(rows.q)
			}
			out.Diagnostics = append(out.Diagnostics, t.diags...)
			out.Queries = append(out.Queries, q)
		}
	}
	if len(out.Queries) == 0 && !diags.HasErrors() {
		out.Diagnostics.Errorf(codeNoQuery, script, "Add the query that uses the definitions.", "the text has no query")
	}
	out.Diagnostics.Sort()
	return out
}

// unread reports whether an error of the parser is about a query: it stands in
// it, or in no query at all, as in a definition.
func unread(diags diag.List, script *kql.Script, q *kql.Query) bool {
	for _, d := range diags {
		if d.Severity != diag.Error {
			continue
		}
		elsewhere := slices.ContainsFunc(script.Statements, func(s kql.Statement) bool {
			other, ok := s.(*kql.Query)
			return ok && other != q && holds(other.Span, d.Pos)
		})
		if !elsewhere {
			return true
		}
	}
	return false
}

func holds(s diag.Span, p diag.Pos) bool {
	return s.Pos.Offset <= p.Offset && p.Offset < s.EndPos.Offset
}

// textReader lifts the queries of a text.
type textReader struct {
	backend *Backend
	diags   diag.List
	notes   []backends.Note
	opaque  []backends.Named
	steps   int
	depth   int
	within  int      // conditions that are read as values
	hidden  []string // names of columns that no text has
	places  *places  // of the rows before, where they are known
}

// scope has the names that are defined in front of a place, innermost first.
type scope struct {
	parent *scope
	name   string
	is     *definition
}

// definition is what a name stands for: a let statement, the argument of a
// function, or rows that are lifted already.
type definition struct {
	define *kql.Define
	value  kql.Expr
	rows   *rows
	scope  *scope // of the names in it
}

func (s *scope) with(name string, is *definition) *scope {
	return &scope{parent: s, name: name, is: is}
}

func (s *scope) find(name string) *definition {
	for ; s != nil; s = s.parent {
		if s.is != nil && s.name == name {
			return s.is
		}
	}
	return nil
}

// rows is a query and the columns of its rows. They are open where a table is
// not known: any column may be there.
type rows struct {
	q    ir.Query
	cols []textColumn
	open bool
	// hidden says that there are columns beside them, which the text does not
	// have.
	hidden bool
}

type textColumn struct {
	name string
	t    ir.Type
}

func (r rows) column(name string) (ir.Type, bool) {
	for _, c := range r.cols {
		if c.name == name {
			return c.t, true
		}
	}
	return ir.Unknown, false
}

// put gives a column a type, and a place if it is new.
func (r *rows) put(name string, t ir.Type) {
	r.cols = slices.Clone(r.cols)
	for i := range r.cols {
		if r.cols[i].name == name {
			r.cols[i].t = t
			return
		}
	}
	r.cols = append(r.cols, textColumn{name, t})
}

// free is a name that no column has: with as many digits behind it as it takes.
func (r rows) free(name string) string {
	if _, taken := r.column(name); !taken {
		return name
	}
	for i := 1; ; i++ {
		n := name + strconv.Itoa(i)
		if _, taken := r.column(n); !taken {
			return n
		}
	}
}

func (t *textReader) fail(code diag.Code, at diag.Node, hint, format string, args ...any) {
	t.diags.Errorf(code, at, hint, format, args...)
}

// step counts one, and is false where the text has come to too much.
func (t *textReader) step(at diag.Node) bool {
	if t.steps++; t.steps == maxSteps {
		t.fail(codeTooMuch, at, "Name fewer queries inside one another.", "with its definitions in place the text has more than %d operators", maxSteps)
	}
	return t.steps < maxSteps
}

var nothing = rows{q: &ir.Union{}, open: true}

func (t *textReader) query(q *kql.Query, s *scope) rows {
	if t.depth++; t.depth > 200 {
		t.depth--
		t.fail(codeTooMuch, q, "Name fewer queries inside one another.", "queries stand inside one another more than 200 deep")
		return nothing
	}
	defer func() { t.depth-- }()
	in := t.source(q.Source, s)
	for i := 0; i < len(q.Ops); {
		if !t.step(q.Ops[i]) {
			return nothing
		}
		if !addsOnly(q.Ops[i]) {
			in = in.shown()
		}
		if w, n := t.windowed(in, q.Ops, i, s); n > 0 {
			in = w
			i += n
			continue
		}
		if g, n := t.grouped(in, q.Ops[i:], s); n > 0 {
			in = g
			i += n
			continue
		}
		if b, ok := t.before(in, q.Ops[i:], s); ok {
			in = b
			i++
			continue
		}
		n := 1
		in, n = t.op(in, q.Ops[i:], s)
		i += n
	}
	return in.shown()
}

func (t *textReader) source(src kql.Source, s *scope) rows {
	switch src := src.(type) {
	case *kql.Table:
		if d := s.find(src.Name); d != nil {
			return t.defined(src, src.Name, d)
		}
		return t.table(src)
	case *kql.UnionSource:
		return t.union(src, nil, src.Params, src.Inputs, s)
	case *kql.Apply:
		d := s.find(src.Name)
		if d == nil || d.define == nil || !d.define.Function {
			t.fail(codeTextFunction, src, "Keep the query as the native text of a hunt.", "the function %s, which gives rows, is not read", src.Name)
			return nothing
		}
		inner, ok := t.bind(src, d, src.Args, s)
		if !ok {
			return nothing
		}
		return t.body(src, d.define, inner)
	case *kql.Datatable:
		t.fail(codeTextOperator, src, "Keep the query as the native text of a hunt.", "datatable, rows that stand in the text, is not read")
		return nothing
	}
	panic("defender: unhandled source")
}

// table reads a table of Defender, or one that is not known.
func (t *textReader) table(src *kql.Table) rows {
	out := rows{q: &ir.Scan{Span: src.Span, Physical: &ir.Physical{View: string(schema.XDR), Table: src.Name}}}
	table := t.backend.schema.Table(schema.XDR, src.Name)
	if table == nil {
		t.diags.Warnf(codeTextTable, src, diag.DidYouMean(src.Name, schema.Tables(schema.XDR)), "Defender has no table %s, so its columns are not known", src.Name)
		out.open = true
		return out
	}
	names := make([]string, 0, len(table.Columns))
	for name := range table.Columns {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		out.cols = append(out.cols, textColumn{name, kustoType(table.Columns[name].Type)})
	}
	return out
}

// defined is the rows that a name stands for.
func (t *textReader) defined(at diag.Node, name string, d *definition) rows {
	if !t.step(at) {
		return nothing
	}
	switch {
	case d.rows != nil:
		return *d.rows
	case d.define == nil:
		if c, ok := d.value.(*kql.Column); ok {
			return t.source(&kql.Table{Span: c.Span, Name: c.Name}, d.scope)
		}
		if q, ok := d.value.(*kql.SubQuery); ok {
			return t.query(q.Query, d.scope)
		}
	case d.define.Function:
		if len(d.define.Params) == 0 {
			return t.body(at, d.define, d.scope)
		}
	default:
		return t.body(at, d.define, d.scope)
	}
	t.fail(codeTextName, at, "", "%s stands for a value, not for rows", name)
	return nothing
}

// body is the rows that a definition has on its right side.
func (t *textReader) body(at diag.Node, d *kql.Define, s *scope) rows {
	for _, l := range d.Lets {
		s = s.with(l.Name, &definition{define: l, scope: s})
	}
	if d.Query != nil {
		return t.query(d.Query, s)
	}
	switch v := d.Value.(type) {
	case *kql.Column:
		return t.source(&kql.Table{Span: v.Span, Name: v.Name}, s)
	case *kql.Call:
		return t.source(&kql.Apply{Span: v.Span, Name: v.Name, Args: v.Args}, s)
	}
	t.fail(codeTextName, at, "", "%s stands for a value, not for rows", d.Name)
	return nothing
}

// bind is the scope in which the body of a function is read: its parameters are
// the arguments, which are read in s.
func (t *textReader) bind(at diag.Node, d *definition, args []kql.Expr, s *scope) (*scope, bool) {
	f := d.define
	if len(args) > len(f.Params) {
		t.fail(codeTextFunction, at, "", "%s takes %d arguments, not %d", f.Name, len(f.Params), len(args))
		return nil, false
	}
	inner := d.scope
	for i, p := range f.Params {
		switch {
		case i >= len(args) && p.Default == nil:
			t.fail(codeTextFunction, at, "", "%s takes %d arguments, not %d", f.Name, len(f.Params), len(args))
			return nil, false
		case i >= len(args):
			inner = inner.with(p.Name, &definition{value: p.Default, scope: d.scope})
		case p.Rows:
			r := nothing
			switch a := args[i].(type) {
			case *kql.Column:
				r = t.source(&kql.Table{Span: a.Span, Name: a.Name}, s)
			case *kql.SubQuery:
				r = t.query(a.Query, s)
			default:
				t.fail(codeTextFunction, args[i], "", "the argument %s of %s is rows", p.Name, f.Name)
			}
			inner = inner.with(p.Name, &definition{rows: &r})
		default:
			inner = inner.with(p.Name, &definition{value: args[i], scope: s})
		}
	}
	return inner, true
}

func (t *textReader) union(at diag.Node, first *rows, params []*kql.Param, inputs []*kql.Query, s *scope) rows {
	u := &ir.Union{Span: at.At()}
	out := rows{q: u}
	for _, p := range params {
		switch {
		case p.Name == "withsource":
			u.Source = p.Value
			out.put(p.Value, ir.String)
		case p.Name == "isfuzzy":
			t.notes = append(t.notes, backends.Note{Span: p.Span, Message: "isfuzzy leaves out tables that the service does not have"})
		case p.Name == "kind" && p.Value == "outer":
		default:
			t.fail(codeTextOperator, p, "", "%s=%s of union is not read", p.Name, p.Value)
		}
	}
	var all []rows
	if first != nil {
		all = append(all, *first)
	}
	for _, in := range inputs {
		all = append(all, t.query(in, s))
	}
	for _, in := range all {
		u.Inputs = append(u.Inputs, in.q)
		out.open = out.open || in.open
		for _, c := range in.cols {
			if _, ok := out.column(c.name); !ok {
				out.cols = append(out.cols, c)
			}
		}
	}
	return out
}

// windowed reads the operators at i as one of the IR's own window functions, as
// Lower writes them. n is how many they are, 0 for none.
func (t *textReader) windowed(in rows, ops []kql.Op, i int, s *scope) (rows, int) {
	order, isOrder := ops[i].(*kql.Sort)
	body := i + 1
	if !isOrder {
		if order = orderOf(ops[:i]); order == nil {
			return rows{}, 0
		}
		if _, ok := ops[i].(*kql.Extend); !ok {
			return rows{}, 0
		}
		body = i
	}
	if body >= len(ops) {
		return rows{}, 0
	}
	if e, ok := ops[body].(*kql.Extend); !ok || !slices.ContainsFunc(e.Cols, func(c kql.NamedExpr) bool { return usesOrder(c.X) }) {
		return rows{}, 0
	}
	base := in.q
	if !isOrder {
		// Only a further window function goes by the order of one before it.
		if !afterWindow(base) {
			return rows{}, 0
		}
	}
	l := &lifter{}
	var rest []kql.Op
	for _, op := range ops[body:min(body+3, len(ops))] {
		rest = append(rest, t.inlineOp(op, in, s))
	}
	q, n := l.windowed(base, order, rest)
	if q == nil || len(l.diags) > 0 {
		return rows{}, 0
	}
	out := in
	typed := func(fields ...*ir.Field) bool {
		for _, f := range fields {
			var ok bool
			if f.T, ok = in.column(f.Name); !ok {
				return false
			}
		}
		return true
	}
	ok := false
	switch w := q.(type) {
	case *ir.Window:
		ok = typed(append(slices.Clone(w.By), w.Of)...)
		out.put(w.As, ir.Float)
	case *ir.Session:
		ok = typed(append(slices.Clone(w.By), w.Of)...)
		out.put(w.As, ir.Time)
	case *ir.Lag:
		ok = typed(append(slices.Clone(w.By), w.Of, w.X)...)
		out.put(w.As, w.X.T)
	case *ir.Rank:
		ok = typed(w.By...)
		for _, k := range w.Keys {
			ok = ok && typed(k.X)
		}
		out.put(w.As, ir.Int)
	}
	if !ok {
		return rows{}, 0
	}
	// The text has to be the one that Lower writes of it, or it says something
	// else of missing values.
	again := t.backend.Lower(q)
	theirs := rest[:n:n]
	if isOrder {
		theirs = append([]kql.Op{order}, theirs...)
	}
	mine := again.Ops[max(0, len(again.Ops)-len(theirs)):]
	if len(mine) != len(theirs) || printOps(mine) != printOps(theirs) {
		return rows{}, 0
	}
	out.q = q
	if isOrder {
		n++
	}
	return out, n
}

// afterWindow reports whether the rows still have the order of a window function.
func afterWindow(q ir.Query) bool {
	for {
		switch n := q.(type) {
		case *ir.Window, *ir.Session, *ir.Lag, *ir.Rank:
			return true
		case *ir.Filter:
			q = n.Input
		case *ir.Extend:
			q = n.Input
		default:
			return false
		}
	}
}

func printOps(ops []kql.Op) string {
	return kql.Print(&kql.Query{Source: &kql.Table{Name: "T"}, Ops: ops})
}

// usesOrder reports whether the value depends on the order of the rows.
func usesOrder(x kql.Expr) bool {
	found := false
	kql.Walk(x, func(n diag.Node) bool {
		if c, ok := n.(*kql.Call); ok {
			switch c.Name {
			case "prev", "next", "row_number", "row_cumsum", "row_rank_dense", "row_rank_min", "row_window_session":
				found = true
			}
		}
		return !found
	})
	return found
}

// ordered reports whether the rows have an order: window functions need one.
func ordered(q ir.Query) bool {
	for {
		switch n := q.(type) {
		case *ir.Sort, *ir.Window, *ir.Session, *ir.Lag, *ir.Rank:
			return true
		case *ir.Filter:
			q = n.Input
		case *ir.Extend:
			q = n.Input
		case *ir.Project:
			q = n.Input
		case *ir.Limit:
			q = n.Input
		default:
			return false
		}
	}
}

// op reads the first of the operators, and those that belong to it.
func (t *textReader) op(in rows, ops []kql.Op, s *scope) (rows, int) {
	out := in
	switch op := ops[0].(type) {
	case *kql.Where:
		return t.where(in, op, s), 1
	case *kql.Extend:
		cols := t.cols(in, op.Cols, s)
		t.needsOrder(in, op.Cols)
		out.q = &ir.Extend{Span: op.Span, Input: in.q, Cols: cols}
		for _, c := range cols {
			out.put(c.As, ir.TypeOf(c.X))
		}
	case *kql.Serialize:
		if len(op.Cols) == 0 {
			if !ordered(in.q) {
				t.fail(codeTextOperator, op, "Sort the rows.", "serialize of rows without an order is not read")
			}
			return in, 1
		}
		if c, ok := op.Cols[0].X.(*kql.Call); ok && len(op.Cols) == 1 && c.Name == "row_number" && len(c.Args) == 0 && op.Cols[0].Name != "" && !ordered(in.q) {
			out.q = &ir.Rank{Span: op.Span, Input: in.q, As: op.Cols[0].Name}
			out.put(op.Cols[0].Name, ir.Int)
			return out, 1
		}
		t.needsOrder(in, op.Cols)
		cols := t.cols(in, op.Cols, s)
		out.q = &ir.Extend{Span: op.Span, Input: in.q, Cols: cols}
		for _, c := range cols {
			out.put(c.As, ir.TypeOf(c.X))
		}
	case *kql.Project:
		t.needsOrder(in, op.Cols)
		return projected(in, op.Span, t.cols(in, op.Cols, s)), 1
	case *kql.ProjectAway, *kql.ProjectKeep, *kql.ProjectReorder, *kql.ProjectRename:
		return t.choose(in, op), 1
	case *kql.Summarize:
		return t.summarize(in, op, s), 1
	case *kql.Distinct:
		d := &ir.Distinct{Span: op.Span, Input: in.q}
		out.cols, out.open = nil, false
		for _, n := range op.Names {
			f := t.field(in, n)
			d.By = append(d.By, f)
			out.put(f.Name, f.T)
		}
		out.q = d
	case *kql.Sort:
		q := &ir.Sort{Span: op.Span, Input: in.q}
		for _, k := range op.Keys {
			q.Keys = append(q.Keys, t.sortKey(in, k))
		}
		out.q = q
	case *kql.Top:
		out.q = &ir.Limit{Span: op.Span, N: int(op.N), Input: &ir.Sort{Span: op.Span, Input: in.q, Keys: []*ir.SortKey{t.sortKey(in, op.Key)}}}
	case *kql.Take:
		out.q = &ir.Limit{Span: op.Span, Input: in.q, N: int(op.N)}
	case *kql.JoinOp:
		return t.join(in, op, ops[1:], s)
	case *kql.Lookup:
		return t.lookup(in, op, s), 1
	case *kql.UnionOp:
		return t.union(op, &in, op.Params, op.Inputs, s), 1
	case *kql.Unknown:
		if op.Name == "count" && strings.TrimSpace(op.Text) == "count" {
			out = rows{q: &ir.Aggregate{Span: op.Span, Input: in.q, Aggs: []*ir.Agg{{Span: op.Span, As: "Count", Func: ir.Count}}}}
			out.put("Count", ir.Int)
			return out, 1
		}
		if !op.Refused() {
			t.fail(codeTextOperator, op, "Keep the query as the native text of a hunt.", "the operator %s is not read", op.Name)
		}
		out.open = true // whatever columns it makes
	default:
		t.fail(codeTextOperator, op, "Keep the query as the native text of a hunt.", "this operator is not read")
	}
	return out, 1
}

func (t *textReader) needsOrder(in rows, cols []kql.NamedExpr) {
	for _, c := range cols {
		if usesOrder(c.X) && !ordered(in.q) {
			t.fail(codeTextOperator, c, "Sort the rows.", "a function that looks at other rows needs rows in an order; the ones here have none")
		}
	}
}

// field is a column of the rows; one that they do not have keeps its name.
func (t *textReader) field(in rows, c *kql.Column) *ir.Field {
	typ, ok := in.column(c.Name)
	if !ok && !in.open {
		names := make([]string, len(in.cols))
		for i, c := range in.cols {
			names[i] = c.name
		}
		where := "the rows here have"
		if s, ok := in.q.(*ir.Scan); ok {
			where = s.Physical.Table + " has"
		} else if s := onlyScan(in.q); s != nil {
			where = "the rows of " + s.Physical.Table + " have here"
		}
		t.diags.Warnf(codeTextColumn, c, diag.DidYouMean(c.Name, names), "%s no column %s, so Defender refuses the query; the name is kept", where, c.Name)
	}
	return &ir.Field{Span: c.Span, Name: c.Name, T: typ}
}

// onlyScan is the one table that the rows are from, or nil.
func onlyScan(q ir.Query) *ir.Scan {
	if all := ir.Scans(q); len(all) == 1 {
		return all[0]
	}
	return nil
}

func (t *textReader) sortKey(in rows, k kql.SortKey) *ir.SortKey {
	out := &ir.SortKey{Span: k.Span, X: &ir.Field{}, Desc: k.Desc}
	c, ok := k.X.(*kql.Column)
	switch {
	case !ok:
		t.fail(codeTextOperator, k, "Name the value by extend.", "an order by anything but a column is not read")
	case k.Nulls == "first" && k.Desc || k.Nulls == "last" && !k.Desc:
		t.fail(codeTextOperator, k, "", "an order with missing values at its other end is not read")
	default:
		out.X = t.field(in, c)
	}
	return out
}

func projected(in rows, at diag.Span, cols []*ir.Col) rows {
	out := rows{q: &ir.Project{Span: at, Input: in.q, Cols: cols}}
	for _, c := range cols {
		out.put(c.As, ir.TypeOf(c.X))
	}
	return out
}

// choose reads the projections that name what goes, or comes first.
func (t *textReader) choose(in rows, op kql.Op) rows {
	at := op.At()
	if in.open {
		t.fail(codeTextOperator, op, "Name the columns that stay, by project.", "which columns stay is not known, for those of the table are not")
		return in
	}
	is := func(names []*kql.Column, name string) bool {
		return slices.ContainsFunc(names, func(c *kql.Column) bool { return c.Name == name })
	}
	check := func(names []*kql.Column) {
		for _, c := range names {
			t.field(in, c)
		}
	}
	var order []textColumn
	rename := map[string]string{} // looked up only
	switch op := op.(type) {
	case *kql.ProjectAway:
		check(op.Names)
		for _, c := range in.cols {
			if !is(op.Names, c.name) {
				order = append(order, c)
			}
		}
	case *kql.ProjectKeep:
		check(op.Names)
		for _, c := range in.cols {
			if is(op.Names, c.name) {
				order = append(order, c)
			}
		}
	case *kql.ProjectReorder:
		check(op.Names)
		for _, n := range op.Names {
			if typ, ok := in.column(n.Name); ok {
				order = append(order, textColumn{n.Name, typ})
			}
		}
		for _, c := range in.cols {
			if !is(op.Names, c.name) {
				order = append(order, c)
			}
		}
	case *kql.ProjectRename:
		for _, c := range op.Cols {
			old, ok := c.X.(*kql.Column)
			if !ok || c.Name == "" {
				t.fail(codeTextOperator, c, "Write NEW = OLD.", "project-rename names a column by another name")
				continue
			}
			t.field(in, old)
			rename[old.Name] = c.Name
		}
		order = in.cols
	}
	cols := make([]*ir.Col, len(order))
	for i, c := range order {
		cols[i] = &ir.Col{Span: at, As: c.name, X: &ir.Field{Span: at, Name: c.name, T: c.t}}
		if as := rename[c.name]; as != "" {
			cols[i].As = as
		}
	}
	return projected(in, at, cols)
}

func (t *textReader) join(in rows, op *kql.JoinOp, rest []kql.Op, s *scope) (rows, int) {
	right := t.query(op.Right, s)
	j := &ir.Join{Span: op.Span, Left: in.q, Right: right.q}
	for _, k := range []ir.JoinKind{ir.Inner, ir.LeftOuter, ir.Anti, ir.InnerUnique, ir.Semi, ir.RightOuter, ir.FullOuter, ir.RightAnti, ir.RightSemi} {
		if wordOfJoin(k) == op.Kind {
			j.Kind = k
		}
	}
	switch op.Kind {
	case "anti", "leftantisemi":
		j.Kind = ir.Anti
	case "rightantisemi":
		j.Kind = ir.RightAnti
	}
	differ := false
	for _, k := range op.On {
		l, r := t.field(in, k.Left), t.field(right, k.Right)
		j.On, j.RightOn = append(j.On, l), append(j.RightOn, r)
		differ = differ || l.Name != r.Name
	}
	if !differ {
		j.RightOn = nil
	}
	switch j.Kind {
	case ir.Anti, ir.Semi:
		in.q = j
		return in, 1
	case ir.RightAnti, ir.RightSemi:
		right.q = j
		return right, 1
	}
	out := rows{q: j, cols: slices.Clone(in.cols), open: in.open || right.open}
	repeated := 0
	for _, c := range right.cols {
		if _, taken := out.column(c.name); taken {
			repeated++
			c.name = out.free(c.name)
		}
		out.cols = append(out.cols, c)
	}
	if len(rest) > 0 && !differ && !out.open && repeated == len(j.On) {
		if away, ok := rest[0].(*kql.ProjectAway); ok && slices.EqualFunc(away.Names, j.On, func(c *kql.Column, f *ir.Field) bool { return c.Name == f.Name+"1" }) {
			out.cols = slices.DeleteFunc(out.cols, func(c textColumn) bool {
				return slices.ContainsFunc(away.Names, func(n *kql.Column) bool { return n.Name == c.name })
			})
			return out, 2
		}
	}
	j.Repeat = true
	return out, 1
}

// lookup reads a join that leaves out the keys of the right side.
func (t *textReader) lookup(in rows, op *kql.Lookup, s *scope) rows {
	out, _ := t.join(in, &kql.JoinOp{Span: op.Span, Kind: op.Kind, Right: op.Right, On: op.On}, nil, s)
	j, ok := out.q.(*ir.Join)
	if !ok || j.RightOn != nil || out.open {
		t.fail(codeTextOperator, op, "Write it as a join.", "a lookup of another key, or of rows whose columns are not known, is not read")
		return in
	}
	// What a join leaves of the keys on the right, a lookup does not.
	keys := 0
	out.cols = slices.DeleteFunc(out.cols, func(c textColumn) bool {
		is := ir.HasField(j.On, strings.TrimSuffix(c.name, "1")) && strings.HasSuffix(c.name, "1")
		if is {
			keys++
		}
		return is
	})
	repeated := 0
	for _, c := range out.cols[len(in.cols):] {
		if _, taken := in.column(strings.TrimRight(c.name, "0123456789")); taken {
			repeated++
		}
	}
	if keys != len(j.On) || repeated > 0 {
		t.fail(codeTextOperator, op, "Leave out the columns that both sides have.", "a lookup of columns that the left side has as well is not read")
		return in
	}
	j.Repeat = false
	return out
}

// where reads a condition. The first look-back of a table is that of its scan.
func (t *textReader) where(in rows, op *kql.Where, s *scope) rows {
	pred := t.inline(op.Pred, in, s)
	var conds []kql.Expr
	if and, ok := pred.(*kql.Logic); ok && and.Op == kql.And {
		conds = and.Args
	} else {
		conds = []kql.Expr{pred}
	}
	for _, c := range conds {
		if q, ok := t.lookedBack(in.q, c); ok {
			in.q = q
			continue
		}
		if list, ok := c.(*kql.In); ok {
			if out, ok := t.listed(in, list, s); ok {
				in = out
				continue
			}
		}
		e := t.pred(in, c, true)
		in.q = &ir.Filter{Span: op.Span, Input: in.q, Pred: e}
	}
	return in
}

// lookedBack puts the look-back into the scan below, through filters only.
func (t *textReader) lookedBack(q ir.Query, c kql.Expr) (ir.Query, bool) {
	d, ok := liftLookBack(c)
	if !ok || d <= 0 {
		return nil, false
	}
	switch q := q.(type) {
	case *ir.Scan:
		if q.LookBack != 0 {
			return nil, false
		}
		out := *q
		out.LookBack = d
		return &out, true
	case *ir.Filter:
		in, ok := t.lookedBack(q.Input, c)
		if !ok {
			return nil, false
		}
		return &ir.Filter{Span: q.Span, Input: in, Pred: q.Pred}, true
	}
	return nil, false
}

// listed reads COLUMN in (ROWS) as the join that it is: the rows that have a
// partner in the first column of the others, or that have none.
func (t *textReader) listed(in rows, list *kql.In, s *scope) (rows, bool) {
	if len(list.Values) != 1 || list.Op != "in" && list.Op != "!in" || datatableOf(list.Values[0], s) != nil {
		return in, false
	}
	var right rows
	switch v := list.Values[0].(type) {
	case *kql.SubQuery:
		right = t.query(v.Query, s)
	case *kql.Column:
		if _, ok := in.column(v.Name); ok || !t.isRows(v.Name, s) {
			return in, false
		}
		right = t.source(&kql.Table{Span: v.Span, Name: v.Name}, s)
	default:
		return in, false
	}
	x, ok := list.X.(*kql.Column)
	if len(right.cols) > 0 && right.cols[0].t == ir.Dynamic {
		t.fail(codeTextList, list, "Take the values one by one, by distinct.", "whether a value is in a column of lists is not documented")
		return in, true
	}
	if !ok || len(right.cols) == 0 || right.open || ir.Columns(right.q) == nil {
		t.fail(codeTextList, list, "Write it as a join.", "of the lists that are rows, only those for a column are read, whose own first column is known")
		return in, true
	}
	left := t.field(in, x)
	first := right.cols[0]
	j := &ir.Join{Span: list.Span, Left: in.q, Right: right.q, Kind: ir.Semi, On: []*ir.Field{left}}
	if list.Op == "!in" {
		j.Kind = ir.Anti
	}
	if first.name != left.Name {
		j.RightOn = []*ir.Field{{Span: list.Span, Name: first.name, T: first.t}}
	}
	in.q = j
	return in, true
}

// isRows reports whether a name stands for rows.
func (t *textReader) isRows(name string, s *scope) bool {
	d := s.find(name)
	switch {
	case d == nil:
		return t.backend.schema.Table(schema.XDR, name) != nil
	case d.rows != nil:
		return true
	case d.define == nil:
		return false
	case d.define.Query != nil:
		return true
	}
	c, ok := d.define.Value.(*kql.Column)
	return ok && t.isRows(c.Name, d.scope)
}
