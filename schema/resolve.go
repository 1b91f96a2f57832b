package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Resolution is a hunt in the terms of one view.
type Resolution struct {
	// Query is physical and normalised; nil if Diagnostics has an error.
	Query ir.Query
	// Fields are the columns that the author asked for, physical.
	Fields []*ir.Field
	// Reasons are the ways in which the rows differ from what was meant.
	Reasons     []ir.Reason
	Diagnostics diag.List
}

// Resolve turns a logical query into a physical one: it chooses the dataset of
// each Scan, and rewrites fields and values into what the view stores. Where
// several datasets serve a logsource it takes the first, most specific one
// that has all the fields. The types of the hunt are taken for right: see Check.
//
// A column that a pipeline only shows is left out where the view does not have
// it, with a diagnostic; but not of a data model, beside which there are raw
// events.
func (s *Schema) Resolve(h *ir.Hunt, v View) Resolution {
	res := s.resolve(h, v, nil, false)
	if res.Query == nil && v != CIM && h.Kind != ir.KindRule && h.Query != nil {
		if less := s.resolve(h, v, namedColumns(h.Query, true), true); less.Query != nil {
			return less
		}
	}
	return res
}

func (s *Schema) resolve(h *ir.Hunt, v View, asked []string, less bool) Resolution {
	var first Resolution
	for try := 0; ; try++ {
		r := &resolver{schema: s, view: v, hunt: h, try: try, reasons: slices.Clone(h.Reasons), asked: asked, less: less}
		res := r.run()
		if try == 0 {
			first = res
		}
		if !res.Diagnostics.HasErrors() {
			return res
		}
		if !r.more {
			return first
		}
	}
}

type resolver struct {
	schema *Schema
	view   View
	hunt   *ir.Hunt
	// try is the index of the dataset to take among the candidates of each
	// Scan; more says that some Scan has candidates beyond it.
	try  int
	more bool

	// emptyOrMissing are the fields of which the predicate around accepts both
	// the empty and the missing value.
	emptyOrMissing []string
	// pinned are the datasets of scans for which they are chosen already.
	pinned map[*ir.Scan]*Dataset
	// suspected are fields that have been called misspelt.
	suspected []string
	// newer are the fields that have been said to need a newer data model.
	newer []string
	// constrained are the single-valued columns that tell datasets apart.
	constrained []string

	// less leaves out columns that the view does not have, unless they are among
	// those asked, of which the query does more than show them. unshown are those
	// that are left out.
	less           bool
	asked, unshown []string

	reasons []ir.Reason
	diags   diag.List
}

// leftOut reports whether a column is only shown and cannot be.
func (r *resolver) leftOut(sc scope, f *ir.Field, as string) bool {
	if !r.less || slices.Contains(r.asked, f.Name) || slices.Contains(r.asked, as) {
		return false
	}
	if b := sc.origin(f.Name); b == nil || f.Name == ir.Timestamp || b.lookup(f.Name) != nil {
		return b == nil && slices.Contains(r.unshown, f.Name)
	}
	r.unshown = append(r.unshown, f.Name, as)
	r.diags.Infof(codeNotShown, f, "The rows are the same without it; remove the name, or map it in huntc.yaml.",
		"%s has no column to show for %s", r.target(), f.Name)
	return true
}

func (r *resolver) run() Resolution {
	q, sc := r.query(r.hunt.Query, nil)
	var res Resolution
	if r.diags.HasErrors() {
		res.Diagnostics, res.Reasons = distinctDiagnostics(r.diags), joinReasons(r.reasons)
		return res
	}
	for _, f := range r.hunt.Fields {
		cols := sc.show(f.Name)
		if len(cols) == 0 {
			r.diags.Infof(codeNotShown, f, "The rows are the same without it; remove the name, or map it in huntc.yaml.",
				"%s has no column to show for %s", r.target(), f.Name)
		}
		for _, c := range cols {
			if !ir.HasField(res.Fields, c.Name) {
				res.Fields = append(res.Fields, c)
			}
		}
	}
	for _, b := range sc.bases() {
		b.finish()
	}
	if r.view == XDR {
		r.noteBlanks(q)
	}
	if len(r.reasons) > len(r.hunt.Reasons) && !ir.Grows(r.hunt.Query) {
		// Too many events in a count with an upper bound are too few groups.
		for i := range r.reasons[len(r.hunt.Reasons):] {
			if reason := &r.reasons[len(r.hunt.Reasons)+i]; reason.Effect == ir.Over || reason.Effect == ir.Under {
				reason.Effect = ir.Mixed
			}
		}
	}
	res.Query = r.tidy(ir.Normalize(dropEmptyExtends(q)))
	res.Diagnostics = distinctDiagnostics(r.diags)
	res.Reasons = joinReasons(r.reasons)
	if res.Diagnostics.HasErrors() {
		res.Query = nil
	}
	return res
}

func dropEmptyExtends(q ir.Query) ir.Query {
	return ir.MapQuery(q, func(q ir.Query) ir.Query {
		if e, ok := q.(*ir.Extend); ok && len(e.Cols) == 0 {
			return e.Input
		}
		return q
	})
}

// joinReasons leaves one of the reasons that say the same of the same place.
func joinReasons(in []ir.Reason) []ir.Reason {
	var out []ir.Reason
	for _, r := range in {
		i := slices.IndexFunc(out, func(o ir.Reason) bool {
			return o.Span == r.Span && o.Code == r.Code && o.Message == r.Message
		})
		if i < 0 {
			out = append(out, r)
			continue
		}
		out[i].Effect = out[i].Effect.Join(r.Effect)
	}
	return out
}

func distinctDiagnostics(in diag.List) diag.List {
	var out diag.List
	for _, d := range in {
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

// target names the view for messages.
func (r *resolver) target() string {
	switch r.view {
	case CIM:
		return "Splunk's CIM"
	case XDR:
		return "Defender"
	}
	return "Splunk's raw events"
}

// scope is what the columns at one point of a query are called.
type scope interface {
	// value is the field as an expression; nil, with a diagnostic, if it
	// has none.
	value(f *ir.Field) ir.Expr
	// holds is the stored column of which the field has the values; nil if the
	// query computed them.
	holds(f *ir.Field) *holding
	// taken reports whether the target calls a column so that is there for
	// another field than the one of that name.
	taken(name, as string) bool
	// show lists the columns that show a field; none if there are none.
	show(name string) []*ir.Field
	// origin is the scan that stores the field; nil if the query made it.
	origin(name string) *base
	// bases are the scans below.
	bases() []*base
}

// base is the scope right above a Scan.
type base struct {
	r      *resolver
	ds     *Dataset
	m      *Mapping
	table  *Table // nil for raw events
	scan   *ir.Scan
	extend *ir.Extend
	tested []*ir.Field
	shown  []*ir.Field // what finish has found so far
}

func (b *base) bases() []*base { return []*base{b} }

func (b *base) origin(string) *base { return b }

func (b *base) holds(f *ir.Field) *holding {
	if f.Name == ir.Timestamp {
		return nil
	}
	c := b.lookup(f.Name)
	if c == nil {
		return nil
	}
	return &holding{b: b, c: c, logical: f.Name, field: f}
}

func (b *base) taken(name, as string) bool {
	if slices.Contains(b.m.Output, as) {
		return true
	}
	for field, c := range b.m.Columns {
		if field != name && (slices.Contains([]string{c.Name, c.File, c.Domain, c.Key, c.Value, c.ValueType}, as) || slices.Contains(c.Needs, as)) {
			return true
		}
	}
	return false
}

// finish fills in what the query above turned out to need.
func (b *base) finish() {
	cols := make([]*ir.Field, 0, len(b.m.Output)+len(b.tested)+2*len(b.ds.Output))
	for _, name := range b.m.Output {
		cols = append(cols, b.stored(diag.Span{}, name))
	}
	for _, f := range b.tested {
		if !ir.HasField(cols, f.Name) {
			cols = append(cols, f)
		}
	}
	b.shown = cols
	for _, name := range b.ds.Output {
		for _, f := range b.show(name) {
			if !ir.HasField(b.shown, f.Name) {
				b.shown = append(b.shown, f)
			}
		}
	}
	b.scan.Physical.Columns = b.shown
}

// derived is the scope above an operator that names its own columns.
type derived struct {
	r    *resolver
	cols []namedField
	from []*base
}

// namedField is a logical name and the column that holds it.
type namedField struct {
	name string
	f    *ir.Field
	h    *holding // what it holds; nil if the query computed it
}

func (d *derived) bases() []*base { return d.from }

func (d *derived) origin(string) *base { return nil }

func (d *derived) holds(f *ir.Field) *holding {
	c := d.column(f.Name)
	if c == nil || c.h == nil {
		return nil
	}
	h := *c.h
	h.field = f
	return &h
}

func (d *derived) column(name string) *namedField {
	for i := len(d.cols) - 1; i >= 0; i-- {
		if d.cols[i].name == name {
			return &d.cols[i]
		}
	}
	return nil
}

func (d *derived) find(name string) *ir.Field {
	if c := d.column(name); c != nil {
		return c.f
	}
	return nil
}

func (d *derived) taken(name, as string) bool {
	return slices.ContainsFunc(d.cols, func(c namedField) bool { return c.name != name && c.f.Name == as })
}

func (d *derived) value(f *ir.Field) ir.Expr {
	if g := d.find(f.Name); g != nil {
		return &ir.Field{Span: f.Span, Name: g.Name, T: g.T}
	}
	names := make([]string, len(d.cols))
	for i, c := range d.cols {
		names[i] = c.name
	}
	d.r.diags.Errorf(codeNoField, f, "The columns at this point are: "+strings.Join(names, ", ")+".",
		"there is no column %s at this point of the pipeline", f.Name)
	return nil
}

func (d *derived) show(name string) []*ir.Field {
	if f := d.find(name); f != nil {
		return []*ir.Field{f}
	}
	return nil
}

// add puts a column in, over one of the same name. h is the stored column of
// which it has the values; nil if there is none.
func (d *derived) add(name string, f *ir.Field, h *holding) {
	d.cols = slices.DeleteFunc(d.cols, func(c namedField) bool { return c.name == name })
	d.cols = append(d.cols, namedField{name, f, h})
}

// extended is the scope above an Extend or Window: more columns beside those below.
type extended struct {
	scope
	more *derived
}

func (e *extended) value(f *ir.Field) ir.Expr {
	if e.more.find(f.Name) != nil {
		return e.more.value(f)
	}
	return e.scope.value(f)
}

func (e *extended) origin(name string) *base {
	if e.more.find(name) != nil {
		return nil
	}
	return e.scope.origin(name)
}

func (e *extended) holds(f *ir.Field) *holding {
	if e.more.find(f.Name) != nil {
		return e.more.holds(f)
	}
	return e.scope.holds(f)
}

func (e *extended) taken(name, as string) bool {
	return e.more.taken(name, as) || e.scope.taken(name, as)
}

func (e *extended) show(name string) []*ir.Field {
	if cols := e.more.show(name); cols != nil {
		return cols
	}
	return e.scope.show(name)
}

// query resolves q. preds are the predicates of the Filters above it, which
// tell datasets apart.
func (r *resolver) query(q ir.Query, preds []ir.Expr) (ir.Query, scope) {
	switch q := q.(type) {
	case *ir.Scan:
		return r.scan(q, ir.NewLogic(q.Span, ir.And, preds...))
	case *ir.Filter:
		in, sc := r.query(q.Input, append(slices.Clone(preds), q.Pred))
		return &ir.Filter{Span: q.Span, Input: in, Pred: r.pred(sc, q.Pred, false)}, sc
	case *ir.Extend:
		in, sc := r.query(q.Input, nil)
		out := &ir.Extend{Span: q.Span, Input: in}
		more := &derived{r: r}
		for _, c := range q.Cols {
			x := r.expr(sc, c.X)
			as := unused(sc, c.As, x)
			out.Cols = append(out.Cols, &ir.Col{Span: c.Span, As: as, X: x})
			more.add(c.As, &ir.Field{Span: c.Span, Name: as, T: ir.TypeOf(x)}, held(sc, c.X))
		}
		return out, &extended{sc, more}
	case *ir.Aggregate:
		in, sc := r.query(q.Input, nil)
		return r.aggregate(q, in, sc)
	case *ir.Window:
		in, sc := r.query(q.Input, nil)
		out := &ir.Window{Span: q.Span, Input: in, By: r.fields(sc, q.By), Of: r.field(sc, q.Of), Offset: q.Offset, As: unused(sc, q.As, nil)}
		return out, r.with(sc, q, q.As, out.As, apart(out.Of.T), nil)
	case *ir.Session:
		in, sc := r.query(q.Input, nil)
		out := &ir.Session{Span: q.Span, Input: in, By: r.fields(sc, q.By), Of: r.field(sc, q.Of), Gap: q.Gap, As: unused(sc, q.As, nil)}
		t := ir.Time
		if out.Of.T.Numeric() {
			t = out.Of.T
		}
		return out, r.with(sc, q, q.As, out.As, t, nil)
	case *ir.Lag:
		in, sc := r.query(q.Input, nil)
		out := &ir.Lag{Span: q.Span, Input: in, By: r.fields(sc, q.By), Of: r.field(sc, q.Of), X: r.field(sc, q.X), As: unused(sc, q.As, nil)}
		return out, r.with(sc, q, q.As, out.As, out.X.T, held(sc, q.X))
	case *ir.Rank:
		in, sc := r.query(q.Input, nil)
		out := &ir.Rank{Span: q.Span, Input: in, By: r.fields(sc, q.By), As: unused(sc, q.As, nil)}
		for _, k := range q.Keys {
			r.noteOrder(sc, k.X)
			out.Keys = append(out.Keys, &ir.SortKey{Span: k.Span, X: r.field(sc, k.X), Desc: k.Desc})
		}
		return out, r.with(sc, q, q.As, out.As, ir.Int, nil)
	case *ir.Project:
		in, sc := r.query(q.Input, nil)
		out, shown := r.project(q, in, sc, false)
		return withIdentity(out, shown, false)
	case *ir.Distinct:
		in, sc := r.query(q.Input, nil)
		out := &ir.Distinct{Span: q.Span, Input: in, Whole: q.Whole}
		d := &derived{r: r, from: sc.bases()}
		for _, f := range q.By {
			g, h := r.keyField(sc, f)
			out.By = append(out.By, g)
			d.add(f.Name, g, h.inGroups())
		}
		if q.Whole {
			return out, sc
		}
		return out, d
	case *ir.Sort:
		in, sc := r.query(q.Input, nil)
		out := &ir.Sort{Span: q.Span, Input: in}
		for _, k := range q.Keys {
			out.Keys = append(out.Keys, &ir.SortKey{Span: k.Span, X: r.field(sc, k.X), Desc: k.Desc})
		}
		return out, sc
	case *ir.Limit:
		in, sc := r.query(q.Input, nil)
		return &ir.Limit{Span: q.Span, Input: in, N: q.N}, sc
	case *ir.Union:
		return r.union(q)
	case *ir.Join:
		return r.join(q)
	}
	panic(fmt.Sprintf("schema: unhandled query %T", q))
}

// with is sc with one more column.
func (r *resolver) with(sc scope, at diag.Node, name, as string, t ir.Type, h *holding) scope {
	more := &derived{r: r}
	more.add(name, &ir.Field{Span: at.At(), Name: as, T: t}, h)
	return &extended{sc, more}
}

// unused is a name for a new column that is set to x: its own, or another where
// that is what the target calls a column of another field.
func unused(sc scope, name string, x ir.Expr) string {
	if f, ok := x.(*ir.Field); ok && f.Name == name {
		return name
	}
	as := name
	for i := 2; sc.taken(name, as); i++ {
		as = fmt.Sprintf("%s_%d", name, i)
	}
	return as
}

// aggregate resolves an Aggregate over in.
func (r *resolver) aggregate(q *ir.Aggregate, in ir.Query, sc scope) (ir.Query, scope) {
	out := &ir.Aggregate{Span: q.Span, Input: in}
	d := &derived{r: r, from: sc.bases()}
	named := func(as string) bool {
		return slices.ContainsFunc(out.By, func(c *ir.Col) bool { return c.As == as }) ||
			slices.ContainsFunc(q.By, func(c *ir.Col) bool { return c.As == as }) ||
			slices.ContainsFunc(q.Aggs, func(a *ir.Agg) bool { return a.As == as })
	}
	for _, k := range q.By {
		x := r.key(sc, k.X)
		as := k.As
		if f, ok := k.X.(*ir.Field); ok && f.Name == k.As {
			if g, ok := x.(*ir.Field); ok && !named(g.Name) {
				as = g.Name
			}
		}
		out.By = append(out.By, &ir.Col{Span: k.Span, As: as, X: x})
		d.add(k.As, &ir.Field{Span: k.Span, Name: as, T: ir.TypeOf(x)}, after(held(sc, k.X), x).inGroups())
	}
	for _, a := range q.Aggs {
		if shownOnly(a) && len(q.Aggs) > 1 && r.leftOut(sc, a.X.(*ir.Field), a.As) {
			continue
		}
		b := *a
		var h *holding
		switch a.Func {
		case ir.Count:
		case ir.CountIf:
			b.X = r.inner(sc, a.X)
		case ir.DCount:
			b.X = r.key(sc, a.X)
		case ir.Values, ir.First, ir.Last, ir.ArgMin, ir.ArgMax:
			b.X = r.shown(sc, a.X)
			h = after(held(sc, a.X), b.X)
			if a.Of != nil {
				r.noteOrder(sc, a.Of)
				b.Of = r.field(sc, a.Of)
			}
		default:
			if h = held(sc, a.X); h != nil && h.mapped() {
				b.X = r.shown(sc, a.X)
				break
			}
			b.X = r.argument(sc, a.X, strconv.Quote(string(a.Func)))
			h = after(h, b.X)
		}
		out.Aggs = append(out.Aggs, &b)
		d.add(a.As, &ir.Field{Span: a.Span, Name: a.As, T: b.Type()}, h)
	}
	return out, d
}

// field resolves a field where the IR has room for a field only; a field that
// needs an expression becomes a column of its own right above the Scan.
func (r *resolver) field(sc scope, f *ir.Field) *ir.Field {
	switch x := sc.value(f).(type) {
	case *ir.Field:
		return x
	case nil:
		return f
	default:
		if bases := sc.bases(); len(bases) == 1 {
			return bases[0].derive(f.Span, f.Name, x)
		}
		r.diags.Errorf(codePart, f, "Give it a name of its own with \"extend\" first.", "%s is put together from several columns and cannot stand here", f.Name)
		return f
	}
}

// fields resolves keys.
func (r *resolver) fields(sc scope, in []*ir.Field) []*ir.Field {
	out := make([]*ir.Field, len(in))
	for i, f := range in {
		out[i], _ = r.keyField(sc, f)
	}
	return out
}

// keyField resolves a key where the IR has room for a field only, and returns
// what its column holds.
func (r *resolver) keyField(sc scope, f *ir.Field) (*ir.Field, *holding) {
	h := held(sc, f)
	call, translated := r.key(sc, f).(*ir.Call)
	if h == nil || !translated || !h.translatable() {
		return r.field(sc, f), h
	}
	if bases := sc.bases(); len(bases) == 1 && sc.origin(f.Name) != nil && !sc.taken("", f.Name) {
		return bases[0].derive(f.Span, f.Name, call), nil
	}
	r.diags.Errorf(codePart, f, "Give it a name of its own with \"extend\" first: extend key = concat("+f.Name+", '').",
		"%s writes a value of %s in several words, which have to be put together first", h.b.where(), f.Name)
	return f, nil
}

// noteOrder gives a reason where rows are put in the order of words that the
// field does not have.
func (r *resolver) noteOrder(sc scope, f *ir.Field) {
	h := held(sc, f)
	if h == nil {
		return
	}
	if code, why, _ := h.b.unlike(h.logical, h.c); code == codeColumn && len(h.c.Values) > 0 || code == codeNotation {
		r.reason(f, codeSpelling, ir.Mixed, false, "Take the order of another column.", "%s "+why+", which have another order", h.b.where(), f.Name)
	}
}

// project resolves a Project. A field under its own name shows as all the
// columns that hold it; with logical set every column takes the logical name
// instead, so that the inputs of a Union align.
func (r *resolver) project(q *ir.Project, in ir.Query, sc scope, logical bool) (ir.Query, scope) {
	out := &ir.Project{Span: q.Span, Input: in}
	d := &derived{r: r, from: sc.bases()}
	put := func(at diag.Span, as string, x ir.Expr, name string, h *holding) {
		if !slices.ContainsFunc(out.Cols, func(c *ir.Col) bool { return c.As == as }) {
			out.Cols = append(out.Cols, &ir.Col{Span: at, As: as, X: x})
		}
		d.add(name, &ir.Field{Span: at, Name: as, T: ir.TypeOf(x)}, h)
	}
	// stored are the names that the fields shown as they are have.
	var stored []string
	for _, c := range q.Cols {
		if f, ok := c.X.(*ir.Field); ok && f.Name == c.As && !logical {
			for _, col := range sc.show(f.Name) {
				stored = append(stored, col.Name)
			}
		}
	}
	for _, c := range q.Cols {
		f, isField := c.X.(*ir.Field)
		if isField && len(q.Cols) > 1 && r.leftOut(sc, f, c.As) {
			continue
		}
		if h := held(sc, c.X); h != nil && h.half() {
			r.noteShown(c.X, h)
		}
		if !isField || f.Name != c.As || logical {
			as := c.As
			for i := 2; slices.Contains(stored, as); i++ {
				as = fmt.Sprintf("%s_%d", c.As, i)
			}
			put(c.Span, as, r.expr(sc, c.X), c.As, held(sc, c.X))
			continue
		}
		cols := sc.show(f.Name)
		if len(cols) == 0 {
			sc.value(f) // says why
			continue
		}
		if x := sc.value(f); x != nil {
			if whole, ok := x.(*ir.Field); !ok || !ir.HasField(cols, whole.Name) {
				// No stored column holds the whole of it, which later stages
				// may compare or group by.
				put(c.Span, c.As, x, c.As, sc.holds(f))
				continue
			}
		}
		// The first column that show lists is the one that holds most.
		for i := len(cols) - 1; i >= 0; i-- {
			d.add(f.Name, cols[i], sc.holds(f))
		}
		for _, col := range cols {
			put(c.Span, col.Name, col, col.Name, nil)
		}
		d.add(f.Name, cols[0], sc.holds(f))
	}
	return out, d
}

// union projects every input to logical names, since one logical field may be
// stored under different names, and two under the same.
func (r *resolver) union(q *ir.Union) (ir.Query, scope) {
	out := &ir.Union{Span: q.Span}
	d := &derived{r: r}
	timed := slices.ContainsFunc(q.Inputs, showsTime)
	for _, u := range q.Inputs {
		var in ir.Query
		var sc scope
		if p, ok := u.(*ir.Project); ok {
			below, bsc := r.query(p.Input, nil)
			in, sc = r.project(p, below, bsc, true)
		} else {
			below, bsc := r.query(u, nil)
			in, sc = r.project(defaultProject(u, bsc), below, bsc, true)
		}
		// Where one input shows its time, another that does not has none.
		in, sc = withIdentity(in, sc, timed && !showsTime(u))
		out.Inputs = append(out.Inputs, in)
		d.from = append(d.from, sc.bases()...)
		for _, c := range sc.(*derived).cols {
			if first := d.column(c.name); first == nil {
				d.add(c.name, c.f, c.h)
			} else {
				first.h = oneOf(first.h, c.h)
			}
		}
	}
	return out, d
}

// defaultProject shows the time and what the dataset shows of itself.
func defaultProject(u ir.Query, sc scope) *ir.Project {
	p := &ir.Project{Span: u.At()}
	add := func(name string) {
		if len(sc.show(name)) > 0 {
			p.Cols = append(p.Cols, &ir.Col{Span: u.At(), As: name, X: &ir.Field{Span: u.At(), Name: name}})
		}
	}
	for _, name := range visible(sc) {
		add(name)
	}
	return p
}

// visible are the logical columns that are worth showing at one point of a query.
func visible(sc scope) []string {
	var out []string
	switch sc := sc.(type) {
	case *base:
		out = append([]string{ir.Timestamp}, sc.ds.Output...)
	case *derived:
		for _, c := range sc.cols {
			out = append(out, c.name)
		}
	case *extended:
		out = append(visible(sc.scope), visible(sc.more)...)
	case *joined:
		out = visible(&sc.extended)
	}
	var distinct []string
	for _, name := range out {
		if !slices.Contains(distinct, name) {
			distinct = append(distinct, name)
		}
	}
	return distinct
}

// showsTime reports whether the input of a union has the time of its events.
func showsTime(u ir.Query) bool {
	p, ok := u.(*ir.Project)
	return !ok || slices.ContainsFunc(p.Cols, func(c *ir.Col) bool { return c.As == ir.Timestamp })
}

// withIdentity adds to a projection of plain events the columns by which the
// target tells one event from another, as far as they are still there; but for
// the time if it is to be missing.
func withIdentity(q ir.Query, sc scope, timeless bool) (ir.Query, scope) {
	p, d := q.(*ir.Project), sc.(*derived)
	if len(d.from) != 1 || !plainEvents(p.Input) {
		return q, sc
	}
	var ids []*ir.Col
	for _, name := range d.from[0].m.Output {
		f := d.from[0].stored(p.Span, name)
		if !passes(p.Input, name) || timeless && f.T == ir.Time {
			continue
		}
		if !slices.ContainsFunc(p.Cols, func(c *ir.Col) bool {
			g, ok := c.X.(*ir.Field)
			return c.As == name || ok && g.Name == name
		}) {
			ids = append(ids, &ir.Col{Span: p.Span, As: name, X: f})
			d.cols = append(d.cols, namedField{name, f, nil})
		}
	}
	out := *p
	out.Cols = append(ids, p.Cols...)
	return &out, d
}

// passes reports whether a stored column of the only Scan of plain events is
// there under its name.
func passes(q ir.Query, name string) bool {
	switch q := q.(type) {
	case *ir.Scan:
		return true
	case *ir.Project:
		return passes(q.Input, name) && slices.ContainsFunc(q.Cols, func(c *ir.Col) bool {
			f, ok := c.X.(*ir.Field)
			return ok && f.Name == name && c.As == name
		})
	}
	return passes(ir.Inputs(q)[0], name)
}

// plainEvents reports whether each row of q is one event. A lookup adds columns
// to it.
func plainEvents(q ir.Query) bool {
	switch q := q.(type) {
	case *ir.Aggregate, *ir.Distinct, *ir.Union:
		return false
	case *ir.Join:
		_, lookup := q.Right.(*ir.Table)
		return lookup && plainEvents(q.Left)
	}
	for _, in := range ir.Inputs(q) {
		if !plainEvents(in) {
			return false
		}
	}
	return true
}

// joinLeft resolves the left side. A projection there serves the join, so its
// columns hold whole values under their own names, as those of the right do.
func (r *resolver) joinLeft(q ir.Query) (ir.Query, scope) {
	p, ok := q.(*ir.Project)
	if !ok {
		return r.query(q, nil)
	}
	in, sc := r.query(p.Input, nil)
	out, shown := r.project(p, in, sc, true)
	return withIdentity(out, shown, false)
}

// join projects the right side so that its keys have the left side's names and
// its other columns their logical ones.
func (r *resolver) join(q *ir.Join) (ir.Query, scope) {
	left, lsc := r.joinLeft(q.Left)
	if t, ok := q.Right.(*ir.Table); ok {
		return r.lookup(q, left, lsc, t)
	}
	out := &ir.Join{Span: q.Span, Left: left, Kind: q.Kind}

	p, isProject := q.Right.(*ir.Project)
	below := q.Right
	if isProject {
		below = p.Input
	}
	right, rsc := r.query(below, nil)
	if !isProject {
		p = defaultProject(q.Right, rsc)
	}
	proj := &ir.Project{Span: p.Span, Input: right}
	more := &derived{r: r}
	for _, key := range q.On {
		l, lh := r.keyField(lsc, key)
		out.On = append(out.On, l)
		of := ir.Expr(key)
		if i := slices.IndexFunc(p.Cols, func(c *ir.Col) bool { return c.As == key.Name }); isProject && i >= 0 {
			of = p.Cols[i].X // which the right side calls by the name of the key
		}
		if f, ok := of.(*ir.Field); ok && rsc.value(f) == nil {
			continue
		}
		x := r.key(rsc, of)
		proj.Cols = append(proj.Cols, &ir.Col{Span: key.Span, As: l.Name, X: x})
		if !sameSpelling(lh, after(held(rsc, of), x)) {
			r.reason(key, codeSpelling, ir.Mixed, false, "Join on a column that both sides write alike.",
				"%s is written in other words on one side of the join than on the other", key.Name)
		}
	}
	if q.Kind == ir.Anti || q.Kind == ir.Semi {
		out.Right = proj
		return out, lsc
	}
	for _, c := range p.Cols {
		if slices.ContainsFunc(q.On, func(k *ir.Field) bool { return k.Name == c.As }) ||
			c.As == ir.Timestamp && !isProject || len(lsc.show(c.As)) > 0 && !isProject {
			continue
		}
		x := r.expr(rsc, c.X)
		as := unused(lsc, c.As, nil)
		proj.Cols = append(proj.Cols, &ir.Col{Span: c.Span, As: as, X: x})
		more.add(c.As, &ir.Field{Span: c.Span, Name: as, T: ir.TypeOf(x)}, held(rsc, c.X))
	}
	out.Right = proj
	more.from = rsc.bases()
	return out, &joined{extended{lsc, more}}
}

// lookup resolves a join with a Table. Its columns keep their names, so a key
// that the target calls otherwise becomes a column of the key's name, in the
// field's own words, as the table has them.
func (r *resolver) lookup(q *ir.Join, left ir.Query, lsc scope, t *ir.Table) (ir.Query, scope) {
	out := &ir.Join{Span: q.Span, Right: t, Kind: q.Kind}
	keys := &ir.Extend{Span: q.Span, Input: left}
	more, named := &derived{r: r}, &derived{r: r}
	for _, key := range q.On {
		x := r.argument(lsc, key, "the lookup")
		f, isField := x.(*ir.Field)
		if !isField || f.Name != key.Name {
			if lsc.taken(key.Name, key.Name) {
				r.diags.Errorf(codeTableColumn, key, "Give the key a name of its own, in the lookup's file and before the join: extend key = "+key.Name+".",
					"%s has a column %s for another field, so the lookup cannot be joined on that name", r.target(), key.Name)
			}
			keys.Cols = append(keys.Cols, &ir.Col{Span: key.Span, As: key.Name, X: x})
			named.add(key.Name, &ir.Field{Span: key.Span, Name: key.Name, T: ir.TypeOf(x)}, after(held(lsc, key), x))
		}
		out.On = append(out.On, &ir.Field{Span: key.Span, Name: key.Name, T: ir.TypeOf(x)})
	}
	out.Left = left
	if len(keys.Cols) > 0 {
		out.Left = keys
		lsc = &extended{lsc, named}
	}
	if q.Kind == ir.Anti {
		return out, lsc
	}
	for _, name := range t.Cols {
		if ir.HasField(q.On, name) {
			continue
		}
		if lsc.taken(name, name) {
			r.diags.Errorf(codeTableColumn, q, "Rename the column in the lookup's file.",
				"%s has a column %s for another field, and the lookup %s has one as well", r.target(), name, t.Name)
		}
		more.add(name, &ir.Field{Span: q.Span, Name: name, T: ir.String}, nil)
	}
	return out, &extended{lsc, more}
}

// joined is extended with the scans of both sides.
type joined struct{ extended }

func (j *joined) bases() []*base { return slices.Concat(j.scope.bases(), j.more.from) }

// scan chooses the dataset and builds the physical Scan, with an Extend above
// it that is filled as columns are computed.
func (r *resolver) scan(q *ir.Scan, pred ir.Expr) (ir.Query, scope) {
	candidates := r.candidates(q, pred)
	if len(candidates) == 0 {
		r.diags.Errorf(codeNoDataset, q.Source,
			"Check its spelling, or say in huntc.yaml, under \"datasets\", which data it stands for.",
			"no dataset is known for the logsource %s", describe(q.Source))
		return q, &nowhere{}
	}
	r.more = r.more || r.try+1 < len(candidates)
	ds := candidates[min(r.try, len(candidates)-1)]
	m := ds.Mapping(r.view)
	if m == nil {
		why := ds.Without[r.view]
		if why == "" {
			why = "No mapping for it is known."
		}
		r.diags.Errorf(codeNoView, q.Source,
			fmt.Sprintf("%s Map it in huntc.yaml under datasets.%s.%s if your data has it, or name the targets of the document in hunt.targets.", why, ds.Name, r.view),
			"%s does not hold the events of %s (%s)", r.target(), describe(q.Source), ds.Title)
		return q, &nowhere{}
	}
	out := &ir.Scan{Span: q.Span, Source: q.Source, LookBack: q.LookBack}
	out.Physical = &ir.Physical{View: string(r.view), Dataset: ds.Name, Table: m.Table}
	if r.hunt.LookBack != 0 && out.LookBack == 0 {
		out.LookBack = r.hunt.LookBack
	}
	b := &base{r: r, ds: ds, m: m, table: r.schema.Table(r.view, m.Table), scan: out, extend: &ir.Extend{Span: q.Span, Input: out}}
	if b.time(q.Span) == nil {
		out.LookBack = 0
	}
	if q.Source.Product != "" && !slices.ContainsFunc(ds.Logsources, func(l Logsource) bool { return l.Product == q.Source.Product }) && r.view != Raw {
		r.diags.Infof(codeProduct, q.Source, "Where that matters, compare something that only the platform has, such as a path.",
			"%s holds the events of all platforms and has no column that tells them apart, so product: %s is not compared", b.where(), q.Source.Product)
	}
	if d := m.Differs; d != nil && !d.ruledOut(pred) {
		r.reasons = append(r.reasons, ir.Reason{Span: q.Source.Span, Code: codeDataset, Effect: ir.Fidelity(d.Effect), Message: d.Why})
	}
	if where := b.constraint(); where != nil {
		return &ir.Filter{Span: q.Span, Input: b.extend, Pred: where}, b
	}
	return b.extend, b
}

// ruledOut reports whether the predicate cannot match the events that make the
// difference.
func (d *Difference) ruledOut(pred ir.Expr) bool {
	return slices.ContainsFunc(d.Unless, func(fields string) bool {
		for _, f := range strings.Split(fields, "+") {
			if !ir.Requires(pred, f) {
				return false
			}
		}
		return true
	})
}

// constraint is what tells the dataset's rows from others of the table.
func (b *base) constraint() ir.Expr {
	var all []ir.Expr
	for _, name := range sortedKeys(b.m.Where) {
		col := b.stored(b.scan.Span, name)
		if !b.info(name).MultiValue {
			b.r.constrained = append(b.r.constrained, name)
		}
		m := &ir.Match{Span: b.scan.Span, X: col}
		for _, v := range b.m.Where[name] {
			m.Any = append(m.Any, starred(b.scan.Span, v))
		}
		all = append(all, m)
	}
	if len(all) == 0 {
		return nil
	}
	return ir.NewLogic(b.scan.Span, ir.And, all...)
}

// starred reads a value in which * stands for any text.
func starred(at diag.Span, s string) ir.Pattern {
	p := ir.Pattern{Span: at}
	for i, text := range strings.Split(s, "*") {
		if i > 0 {
			p.Append(ir.Part{Wild: ir.Many})
		}
		p.Append(ir.Part{Text: text})
	}
	return p
}

// nowhere is the scope above a Scan that has no data: an error has been
// reported, and none more is about its fields.
type nowhere struct{}

func (*nowhere) value(f *ir.Field) ir.Expr { return f }
func (*nowhere) show(string) []*ir.Field   { return nil }
func (*nowhere) origin(string) *base       { return nil }
func (*nowhere) bases() []*base            { return nil }
func (*nowhere) holds(*ir.Field) *holding  { return nil }
func (*nowhere) taken(_, _ string) bool    { return false }

func describe(l ir.Logsource) string {
	var parts []string
	for _, p := range [][2]string{{"category", l.Category}, {"product", l.Product}, {"service", l.Service}} {
		if p[1] != "" {
			parts = append(parts, p[0]+": "+p[1])
		}
	}
	if len(parts) == 0 {
		return "{}"
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// implies reports whether rows that pass pred all have one of the values that
// w asks for. It may say false where the truth is hard to see.
func implies(pred ir.Expr, w *When) bool {
	isOne := func(p ir.Pattern) bool {
		s, ok := p.Literal()
		return ok && slices.ContainsFunc(w.In, func(v string) bool { return strings.EqualFold(v, s) })
	}
	switch e := pred.(type) {
	case *ir.Logic:
		if e.Op == ir.And {
			return slices.ContainsFunc(e.Args, func(a ir.Expr) bool { return implies(a, w) })
		}
		for _, a := range e.Args {
			if !implies(a, w) {
				return false
			}
		}
		return len(e.Args) > 0
	case *ir.Match:
		f, ok := e.X.(*ir.Field)
		if !ok || f.Name != w.Field {
			return false
		}
		for _, p := range e.Any {
			if !isOne(p) {
				return false
			}
		}
		return true
	case *ir.Compare:
		f, ok := e.L.(*ir.Field)
		lit, isLit := e.R.(*ir.Lit)
		return ok && isLit && f.Name == w.Field && e.Op == ir.Eq && isOne(ir.TextPattern(e.Span, literalText(lit)))
	}
	return false
}
