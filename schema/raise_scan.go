package schema

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// raisedScan are the columns of the events of a Scan, for which a dataset is
// chosen.
type raisedScan struct {
	z  *raiser
	ds *Dataset
	b  *base // of a resolver that tries what raising makes
	// roles are what the dataset's fields keep in each column.
	roles map[string][]role
	// wholes are the fields that Resolve puts together from several columns or
	// words, by what it makes of them.
	wholes map[string]string
}

// role is a part that a column has in a logical field.
type role struct {
	field string
	c     *Column
	part  part
	alg   string // of a hash
}

// part says what a column holds of a field; those that come first are preferred.
type part uint8

const (
	whole part = iota
	fileOfPath
	nameOfAccount
	domainOfAccount
	digest
	keyOfRegistry
	valueOfRegistry
	typeOfData
)

// rolesOf lists, for each column of the table, the fields that it serves.
func rolesOf(b *base) map[string][]role {
	out := map[string][]role{}
	for _, name := range sortedKeys(b.m.Columns) {
		c := b.m.Columns[name]
		if b.newerThanModel(c) != "" {
			continue
		}
		add := func(column string, p part, alg string) {
			if column != "" {
				out[column] = append(out[column], role{name, c, p, alg})
			}
		}
		switch c.Kind {
		case "path":
			add(c.Name, whole, "")
			add(c.File, fileOfPath, "")
		case "account":
			add(c.Name, nameOfAccount, "")
			add(c.Domain, domainOfAccount, "")
		case "registry":
			add(c.Name, whole, "")
			add(c.Key, keyOfRegistry, "")
			add(c.Value, valueOfRegistry, "")
		case "regdata":
			add(c.Name, whole, "")
			add(c.ValueType, typeOfData, "")
		case "hashes":
			add(c.Name, whole, "")
			for _, alg := range sortedKeys(c.Algorithms) {
				add(c.Algorithms[alg], digest, alg)
			}
		default:
			add(c.Name, whole, "")
		}
	}
	for column, list := range out {
		rank := func(r role) int {
			n := int(r.part) * 4
			if r.field == column {
				n += 2 // Sigma's own name before the target's
			}
			if !slices.Contains(b.ds.Output, r.field) {
				n++
			}
			return n
		}
		slices.SortStableFunc(list, func(a, b role) int { return rank(a) - rank(b) })
	}
	return out
}

// rolesFor are the fields that a column serves.
func (s *raisedScan) rolesFor(column string) []role {
	list := s.roles[column]
	if s.b.r.view == Raw && len(list) == 0 {
		// Documents call the fields of raw events as Splunk does.
		if c := s.b.lookup(column); c != nil && s.b.m.Columns[column] == nil {
			return []role{{column, c, whole, ""}}
		}
	}
	return list
}

// has reports whether the events have a column of that name.
func (s *raisedScan) has(name string) bool {
	if s.b.r.view == Raw || s.isTime(name) || len(s.roles[name]) > 0 {
		return true
	}
	if s.b.r.view == CIM && slices.Contains(baseEvent, name) {
		return true
	}
	_, ok := s.b.table.Columns[name]
	return ok
}

func (s *raisedScan) isTime(name string) bool {
	t := s.b.time(diag.Span{})
	return t != nil && t.Name == name
}

// shownAs is a field that Resolve shows as the first columns of a projection,
// and how many they are; 0 if there is none, or if it is one column only.
func (s *raisedScan) shownAs(cols []*ir.Col) (string, int) {
	for _, r := range s.rolesFor(cols[0].As) {
		if r.part != whole {
			continue
		}
		show := s.b.show(r.field)
		if len(show) > len(cols) {
			continue
		}
		all := true
		for i, f := range show {
			g, ok := cols[i].X.(*ir.Field)
			all = all && ok && g.Name == f.Name && cols[i].As == f.Name
		}
		if all && s.valueOf(&ir.Field{Name: r.field}, asValue) == cols[0].As {
			return r.field, len(show)
		}
	}
	return "", 0
}

// wholesOf are what Resolve makes of fields that no single column holds as they
// are.
func wholesOf(b *base) map[string]string {
	out := map[string]string{}
	for _, name := range sortedKeys(b.m.Columns) {
		c := b.lookup(name)
		if c == nil {
			continue
		}
		f := &ir.Field{Name: name}
		for _, of := range []func() ir.Expr{
			func() ir.Expr { return b.r.expr(b, f) },
			func() ir.Expr { return b.r.inOwnWords(b, f, "") },
			func() ir.Expr { return b.r.key(b, f) },
		} {
			b.r.diags, b.r.reasons = nil, nil
			x := of()
			if _, plain := x.(*ir.Field); plain || b.r.diags.HasErrors() {
				continue
			}
			if k := exprKey(x); out[k] == "" {
				out[k] = name
			}
		}
	}
	for _, name := range sortedKeys(b.m.Columns) {
		if x := jsonOf(b.m.Columns[name]); x != nil {
			if k := exprKey(x); out[k] == "" {
				out[k] = name
			}
		}
	}
	return out
}

var jsonText = regexp.MustCompile(`^tostring\(parse_json\((\w+)\)\.(\w+)\)$`)

// jsonOf is a column that is computed as the text of a property of JSON in the
// form that lifting gives such a text; nil for others.
func jsonOf(c *Column) ir.Expr {
	m := jsonText.FindStringSubmatch(c.Expr)
	if c.Kind != "computed" || m == nil {
		return nil
	}
	object := &ir.Call{Func: ir.Json, Args: []ir.Expr{&ir.Field{Name: m[1]}}}
	return &ir.Call{Func: ir.ToString, Args: []ir.Expr{&ir.Call{Func: ir.Prop, Args: []ir.Expr{object, &ir.Lit{Value: m[2]}}}}}
}

func exprKey(e ir.Expr) string { return ir.FormatExpr(ir.CanonicalExpr(e)) }

// attempt is what a dataset makes of a Scan and its filters.
type attempt struct {
	ds    *Dataset
	query ir.Query
	level *level

	failed   bool // with an error
	borrowed bool // the table is about something else
	narrowed bool // rows would be lost: it is refused
	scope    int  // how far what it stands for is from what the text reads
	values   int  // how many values its columns may have
	bound    int  // columns that have no name in it
	verdict  int
	inexact  bool
	when     bool // it has to be asked for
	views    int
	notes    diag.List
	fields   []*ir.Field
}

// better orders attempts.
func (a *attempt) better(b *attempt) int {
	flag := func(x, y bool) int {
		switch {
		case x == y:
			return 0
		case y:
			return -1
		}
		return 1
	}
	values := cmp.Compare(a.values, b.values) // the closest one, or of those that lose rows the one that loses fewest
	if a.narrowed {
		values = -values
	}
	return cmp.Or(flag(a.failed, b.failed), flag(a.borrowed, b.borrowed), flag(a.narrowed, b.narrowed), cmp.Compare(a.bound, b.bound), cmp.Compare(a.scope, b.scope), values,
		cmp.Compare(b.views, a.views), flag(a.inexact, b.inexact), cmp.Compare(a.verdict, b.verdict), flag(a.when, b.when),
		cmp.Compare(a.ds.Name, b.ds.Name))
}

// scan chooses the dataset of a Scan and raises the filters above it.
func (z *raiser) scan(q *ir.Scan, computed *ir.Extend, above []*ir.Filter) (ir.Query, *level) {
	view := z.view
	if q.Physical == nil {
		return q, &level{}
	}
	if q.Physical.View != "" {
		view = View(q.Physical.View)
	}
	var conjuncts []ir.Expr
	at := q.Span
	for _, f := range reversed(above) {
		conjuncts = append(conjuncts, ir.Conjuncts(ir.Simplify(f.Pred))...)
		at = f.Span
	}
	var best *attempt
	for _, ds := range z.schema.Datasets() {
		m := ds.Mapping(view)
		if m == nil || m.Table != q.Physical.Table || len(ds.Logsources) == 0 {
			continue
		}
		for _, ls := range ds.Logsources {
			a := z.attempt(ds, ls, view, q, computed, conjuncts, at)
			if a != nil && (best == nil || a.better(best) < 0) {
				best = a
			}
			if a != nil {
				break
			}
		}
	}
	if best == nil && view == Raw {
		best = z.rawAttempts(q, computed, conjuncts, at)
	}
	if best == nil {
		z.noSource(view, q)
		return q, &level{broken: true}
	}
	z.diags = append(z.diags, best.notes...)
	for _, f := range best.fields {
		if !ir.HasField(z.boundFields, f.Name) {
			z.boundFields = append(z.boundFields, f)
		}
	}
	return best.query, best.level
}

func (z *raiser) noSource(view View, q *ir.Scan) {
	table := q.Physical.Table
	known := slices.ContainsFunc(z.schema.Datasets(), func(ds *Dataset) bool {
		m := ds.Mapping(view)
		return m != nil && m.Table == table
	})
	switch {
	case known:
		z.diags.Errorf(codeNoSource, q, "Ask for rows of one kind, or keep the hunt as native text.",
			"no dataset stands for what is read of %s here", table)
	case view == Raw:
		z.diags.Errorf(codeNoSource, q, "Add a dataset for it to huntc.yaml, or keep the hunt as native text.",
			"no dataset stands for the events that are read here%s", named(table))
	case z.schema.Table(view, table) == nil:
		z.diags.Errorf(codeNoSource, q, diag.DidYouMean(table, Tables(view)), "there is no table %s", table)
	default:
		z.diags.Errorf(codeNoSource, q, "Add a dataset for it to huntc.yaml, or keep the hunt as native text.",
			"no dataset stands for the table %s", table)
	}
}

func named(table string) string {
	if table == "" {
		return ""
	}
	return ", behind `" + table + "`"
}

// attempt raises a Scan and its filters for one dataset; nil if that cannot be.
func (z *raiser) attempt(ds *Dataset, ls Logsource, view View, q *ir.Scan, computed *ir.Extend, conjuncts []ir.Expr, at diag.Span) *attempt {
	diags, fields := z.diags, z.boundFields
	z.diags, z.boundFields = nil, nil
	defer func() { z.diags, z.boundFields = diags, fields }()

	a := &attempt{ds: ds, when: ds.When != nil, borrowed: ds.Mapping(view).Borrowed}
	if slices.Contains(z.schema.wide(), ds.Name) {
		// All that a table holds of a subject is what a text reads that does not
		// say which events it wants; of one that does, a part is.
		a.scope = -1
		if z.says(view, q.Physical.Table, conjuncts) {
			a.scope = 1
		}
	}
	for _, v := range []View{CIM, Raw, XDR} {
		if ds.Mapping(v) != nil {
			a.views++
		}
	}
	scan := &ir.Scan{Span: q.Span, Source: logsource(q.Span, ls), LookBack: q.LookBack}
	r := &resolver{schema: z.schema, view: view, hunt: &ir.Hunt{}, pinned: map[*ir.Scan]*Dataset{scan: ds}}
	_, sc := r.query(scan, nil)
	b, ok := sc.(*base)
	if !ok {
		return nil
	}
	s := &raisedScan{z: z, ds: ds, b: b, roles: rolesOf(b), wholes: wholesOf(b)}
	a.level = &level{scan: s}

	rest, ok := z.absorb(a, s, conjuncts, q)
	if !ok {
		return nil
	}
	var in ir.Query = scan
	if computed != nil {
		in = s.absorbComputed(computed, in, a)
	}
	var pred ir.Expr
	if len(rest) > 0 {
		pred = z.pred(a.level, ir.NewLogic(at, ir.And, rest...))
	}
	if ds.When != nil && (pred == nil || !implies(pred, ds.When)) {
		if pred != nil && slices.ContainsFunc(ir.Conjuncts(pred), func(e ir.Expr) bool { return ir.Requires(e, ds.When.Field) }) {
			return nil // it is asked for something else
		}
		asked := &ir.Match{Span: at, X: &ir.Field{Span: at, Name: ds.When.Field}}
		for _, v := range ds.When.In {
			asked.Any = append(asked.Any, ir.TextPattern(at, v))
		}
		if !z.addsNothing(s, asked) {
			return nil
		}
		pred = joinPred(at, asked, pred)
	}
	if pred != nil && !ir.IsTrue(pred) {
		in = &ir.Filter{Span: at, Input: in, Pred: pred}
	}
	a.query = in
	if z.diags.HasErrors() {
		a.failed = true
	} else if !z.check(a, view, conjuncts, at) {
		return nil
	}
	for _, name := range z.named {
		_, constrained := b.m.Where[name]
		if _, ok := b.table.columns()[name]; ok && !constrained && len(s.roles[name]) == 0 && !s.isTime(name) {
			a.bound++
		}
	}
	a.notes, a.fields = z.diags, z.boundFields
	return a
}

func (t *Table) columns() map[string]ColumnInfo {
	if t == nil {
		return nil
	}
	return t.Columns
}

func joinPred(at diag.Span, x, y ir.Expr) ir.Expr {
	if y == nil {
		return x
	}
	return ir.NewLogic(at, ir.And, x, y)
}

// logsource is the entry of a dataset as a document writes it.
func logsource(at diag.Span, l Logsource) ir.Logsource {
	plain := func(s string) string {
		if s == unnamed {
			return ""
		}
		return s
	}
	return ir.Logsource{Span: at, Category: plain(l.Category), Product: plain(l.Product), Service: plain(l.Service)}
}

// check holds the raised filters to what Resolve makes of them, choosing the
// dataset itself. It is false where Resolve refuses them or asks for something
// else of the columns that tell datasets apart.
func (z *raiser) check(a *attempt, view View, conjuncts []ir.Expr, at diag.Span) bool {
	res := z.schema.Resolve(&ir.Hunt{Query: a.query}, view)
	if res.Query == nil {
		return false
	}
	switch ir.Verdict(res.Reasons) {
	case ir.Exact:
	case ir.Over, ir.Under:
		a.verdict = 1
	default:
		a.verdict = 2
	}
	made := ir.CanonicalExpr(ir.NewLogic(at, ir.And, filtersOf(res.Query)...))
	asked := ir.CanonicalExpr(ir.NewLogic(at, ir.And, conjuncts...))
	if exprKey(made) == exprKey(asked) {
		return true
	}
	a.inexact = true
	if scans := ir.Scans(res.Query); len(scans) != 1 || scans[0].Physical.Table != a.ds.Mapping(view).Table {
		return false
	}
	// The constraint that Resolve adds has to be the chosen dataset's.
	want := map[string]bool{}
	for _, name := range sortedKeys(a.ds.Mapping(view).Where) {
		want[name] = true
	}
	for _, e := range ir.Conjuncts(made) {
		m, ok := e.(*ir.Match)
		if !ok {
			continue
		}
		f, ok := m.X.(*ir.Field)
		if !ok || want[f.Name] || !slices.Contains(z.telling(view, a.ds.Mapping(view).Table), f.Name) {
			continue
		}
		if !slices.ContainsFunc(conjuncts, func(c ir.Expr) bool {
			return slices.ContainsFunc(ir.Fields(c), func(g *ir.Field) bool { return g.Name == f.Name })
		}) {
			return false
		}
	}
	return true
}

func filtersOf(q ir.Query) []ir.Expr {
	var out []ir.Expr
	ir.WalkQuery(q, func(q ir.Query) {
		if f, ok := q.(*ir.Filter); ok {
			out = append(out, ir.Conjuncts(f.Pred)...)
		}
	})
	return out
}

// addsNothing reports whether asking for what a dataset always is says nothing
// but what its constraint does.
func (z *raiser) addsNothing(s *raisedScan, asked ir.Expr) bool {
	x, _, ok := s.try(s.b, asked)
	if !ok {
		return false
	}
	for _, f := range ir.Fields(x) {
		if _, constrained := s.b.m.Where[f.Name]; !constrained {
			return false
		}
	}
	return true
}

// absorb takes what the dataset demands of its columns out of the conjuncts. It
// is false where the two exclude each other.
func (z *raiser) absorb(a *attempt, s *raisedScan, conjuncts []ir.Expr, q *ir.Scan) ([]ir.Expr, bool) {
	rest := slices.Clone(conjuncts)
	for _, column := range sortedKeys(s.b.m.Where) {
		want := s.b.m.Where[column]
		a.values += len(want)
		found := false
		for i := 0; i < len(rest); i++ {
			values, ok := exactly(rest[i], column)
			if !ok {
				continue
			}
			found = true
			var both, lost []string
			for _, v := range values {
				if slices.ContainsFunc(want, func(w string) bool { return strings.EqualFold(v, w) }) {
					both = append(both, v)
				} else {
					lost = append(lost, v)
				}
			}
			if len(both) == 0 {
				return nil, false
			}
			if len(lost) > 0 {
				a.narrowed = true
				a.values += len(both) - len(want)
				z.diags.Errorf(codeNarrower, rest[i], "Write a hunt on another logsource for the others, or keep the hunt as native text.",
					"%s holds no rows with %s %s, and no dataset holds all that is read of %s here", s.ds.Name, column, strings.Join(lost, ", "), s.b.m.Table)
			}
			if len(both) == len(want) {
				rest = slices.Delete(rest, i, i+1)
				i--
			} else if len(lost) > 0 {
				rest[i] = matchAny(rest[i].At(), column, both)
			} else {
				rest[i] = matchAny(rest[i].At(), column, values)
			}
		}
		if found {
			continue
		}
		if others := z.otherValues(View(s.b.r.view), s.b.m.Table, column, want); len(others) > 0 {
			a.narrowed = true
			z.diags.Errorf(codeNarrower, q, "Ask for rows of one kind, or keep the hunt as native text.",
				"the text reads rows of %s whatever their %s is, and no dataset holds them all", s.b.m.Table, column)
		} else {
			z.diags.Infof(codeNarrower, q, "", "the text reads all rows of %s; %s has those with %s %s", s.b.m.Table, s.ds.Name, column, strings.Join(want, ", "))
		}
	}
	return rest, true
}

// says reports whether predicates tell which events of a table are wanted.
func (z *raiser) says(v View, table string, conjuncts []ir.Expr) bool {
	telling := z.telling(v, table)
	for _, ds := range z.schema.Datasets() {
		if m := ds.Mapping(v); m != nil && m.Table == table && ds.When != nil && m.Columns[ds.When.Field] != nil {
			telling = append(telling, m.Columns[ds.When.Field].Name)
		}
	}
	return slices.ContainsFunc(ir.Fields(conjuncts...), func(f *ir.Field) bool { return slices.Contains(telling, f.Name) })
}

// otherValues are values of a column by which other datasets of the table are
// told apart.
func (z *raiser) otherValues(v View, table, column string, want []string) []string {
	var out []string
	for _, ds := range z.schema.Datasets() {
		if m := ds.Mapping(v); m != nil && m.Table == table {
			if m.Where[column] == nil {
				out = append(out, "*")
			}
			for _, w := range m.Where[column] {
				if !slices.Contains(want, w) {
					out = append(out, w)
				}
			}
		}
	}
	return out
}

func matchAny(at diag.Span, column string, values []string) ir.Expr {
	m := &ir.Match{Span: at, X: &ir.Field{Span: at, Name: column}}
	for _, v := range values {
		m.Any = append(m.Any, starred(at, v))
	}
	return m
}

// exactly are the values that a predicate allows a column, with * for any text;
// false if it is about something else.
func exactly(e ir.Expr, column string) ([]string, bool) {
	m, ok := e.(*ir.Match)
	if !ok {
		return nil, false
	}
	f, ok := m.X.(*ir.Field)
	if !ok || f.Name != column {
		return nil, false
	}
	out := make([]string, len(m.Any))
	for i, p := range m.Any {
		var b strings.Builder
		for _, part := range p.Parts {
			switch part.Wild {
			case ir.Many:
				b.WriteByte('*')
			case ir.One:
				return nil, false
			default:
				b.WriteString(part.Text)
			}
		}
		out[i] = b.String()
	}
	return out, true
}

// absorbComputed takes out of an Extend right above the Scan the columns that
// Resolve computes there for fields; the others stay.
func (s *raisedScan) absorbComputed(q *ir.Extend, in ir.Query, a *attempt) ir.Query {
	out := &ir.Extend{Span: q.Span, Input: in}
	var made []raisedColumn
	for _, c := range q.Cols {
		if name, ok := s.computed(c); ok {
			if !slices.ContainsFunc(s.roles[c.As], func(r role) bool { return r.field == name }) {
				s.roles[c.As] = append(s.roles[c.As], role{name, s.b.m.Columns[name], whole, ""})
			}
			continue
		}
		if f, ok := c.X.(*ir.Foreign); ok {
			s.z.diags.Errorf(codeNoLogical, c, "Keep the hunt as native text.", "%s is computed by %s, which documents have no form for", c.As, excerpt(f.Text))
			continue
		}
		as := a.level.free(c.As)
		out.Cols = append(out.Cols, &ir.Col{Span: c.Span, As: as, X: s.z.value(a.level, c.X, asValue)})
		made = append(made, raisedColumn{c.As, as, nil})
	}
	a.level.cols = append(a.level.cols, made...)
	if len(out.Cols) == 0 {
		return in
	}
	return out
}

// computed is the field for which Resolve computes a column.
func (s *raisedScan) computed(c *ir.Col) (string, bool) {
	for _, name := range sortedKeys(s.b.m.Columns) {
		col := s.b.m.Columns[name]
		if f, ok := c.X.(*ir.Foreign); ok {
			if col.Kind == "computed" && col.Name == c.As && col.Expr == f.Text || col.Kind == "registry" && name == c.As && col.Whole == f.Text {
				return name, true
			}
			continue
		}
		if name == c.As && s.wholes[exprKey(c.X)] == name {
			return name, true
		}
	}
	return "", false
}
