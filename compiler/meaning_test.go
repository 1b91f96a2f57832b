package compiler_test

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/backends/splunk"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/internal/irgen"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// eventNumber is a column beside those of the target by which the test knows
// an event again.
const eventNumber = "\x01event"

// codeDatasetDiffers marks reasons about which rows a table holds, not about
// what a row says: they say nothing on the rows of this test, which all belong.
const codeDatasetDiffers = "HC0310"

// stages are the forms in which a rule is held to its meaning: as resolved to
// a view, as a backend plans it, and as its emitted text reads. Each yields
// the physical query, or nil where the rule does not get there.
type stage struct {
	name    string
	compile func(h *ir.Hunt) (ir.Query, []ir.Reason)
}

func stages(t *testing.T) []stage {
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	resolve := func(v schema.View) func(h *ir.Hunt) (ir.Query, []ir.Reason) {
		return func(h *ir.Hunt) (ir.Query, []ir.Reason) {
			res := s.Resolve(h, v)
			if res.Diagnostics.HasErrors() {
				return nil, nil
			}
			return res.Query, res.Reasons
		}
	}
	sp, de := splunk.New(s, splunk.Config{}), defender.New(s)
	return []stage{
		{"cim", resolve(schema.CIM)},
		{"raw", resolve(schema.Raw)},
		{"xdr", resolve(schema.XDR)},
		{"splunk plan", func(h *ir.Hunt) (ir.Query, []ir.Reason) {
			q, _, diags := sp.Plan(h)
			if diags.HasErrors() {
				return nil, nil
			}
			return q, sp.Compile(h).Reasons
		}},
		{"splunk text", func(h *ir.Hunt) (ir.Query, []ir.Reason) {
			planned, _, diags := sp.Plan(h)
			if diags.HasErrors() {
				return nil, nil
			}
			art := sp.Compile(h)
			search, diags := spl.Parse("", art.Query)
			if diags.HasErrors() {
				t.Errorf("%s: %v", h.Path, diags)
				return nil, nil
			}
			q, diags := sp.Lift(search)
			if diags.HasErrors() {
				t.Errorf("%s: %v", h.Path, diags)
				return nil, nil
			}
			return withDataset(q, planned), art.Reasons
		}},
		{"defender plan", func(h *ir.Hunt) (ir.Query, []ir.Reason) {
			res := s.Resolve(h, schema.XDR)
			if res.Diagnostics.HasErrors() {
				return nil, nil
			}
			q, diags := de.Plan(res.Query, res.Fields)
			if diags.HasErrors() {
				return nil, nil
			}
			return q, res.Reasons
		}},
		{"defender text", func(h *ir.Hunt) (ir.Query, []ir.Reason) {
			res := s.Resolve(h, schema.XDR)
			art := de.Compile(h)
			if art.Diagnostics.HasErrors() {
				return nil, nil
			}
			parsed, diags := kql.Parse("", art.Query)
			if diags.HasErrors() {
				t.Errorf("%s: %v", h.Path, diags)
				return nil, nil
			}
			q, diags := de.Lift(parsed)
			if diags.HasErrors() {
				t.Errorf("%s: %v", h.Path, diags)
				return nil, nil
			}
			return withDataset(q, res.Query), art.Reasons
		}},
	}
}

// withDataset gives the scans of a lifted query the names of the datasets,
// which no text holds.
func withDataset(lifted, planned ir.Query) ir.Query {
	names := ir.Scans(planned)
	i := 0
	return ir.MapQuery(lifted, func(q ir.Query) ir.Query {
		s, ok := q.(*ir.Scan)
		if !ok {
			return q
		}
		c := *s
		c.Physical = names[i].Physical
		i++
		return &c
	})
}

// TestMeaning holds the compiler to its verdict, stage by stage: for every
// rule of the corpus, a physical query selects the rows of the events that the
// logical one selects; over never misses one, and under never adds one. The
// events are those of the corpus, events made to satisfy the rule, and near
// misses of these, each written as the rows that the target would hold of it.
func TestMeaning(t *testing.T) {
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	m := &meaning{t: t, schema: s, recorded: corpusEvents(t)}
	for _, st := range stages(t) {
		m.stages = append(m.stages, &tally{stage: st, verdicts: map[ir.Fidelity]int{}})
	}
	rules := make(chan corpusRule)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			projectors := map[string]*eval.Projector{}
			for rule := range rules {
				m.rule(rule, projectors)
			}
		})
	}
	for i, rule := range corpusRules(t) {
		if rule.pred != nil && (i%10 == 0 || !testing.Short()) {
			rules <- rule
		}
	}
	close(rules)
	workers.Wait()
	for _, st := range m.stages {
		t.Log(st)
	}
}

// TestRandomMeaning is TestMeaning for random hunts, on every dataset of the
// schema: what no rule of the corpus asks for is asked here.
func TestRandomMeaning(t *testing.T) {
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	m := &meaning{t: t, schema: s}
	for _, st := range stages(t) {
		m.stages = append(m.stages, &tally{stage: st, verdicts: map[ir.Fidelity]int{}})
	}
	perDataset := 60
	if testing.Short() {
		perDataset = 4
	}
	if n, err := strconv.Atoi(os.Getenv("HUNTC_RANDOM_HUNTS")); err == nil {
		perDataset = n
	}
	projectors := map[string]*eval.Projector{}
	for _, ds := range s.Datasets() {
		if ds.When != nil || len(ds.Logsources) == 0 {
			continue
		}
		source := ir.Logsource{Category: ds.Logsources[0].Category, Product: ds.Logsources[0].Product, Service: ds.Logsources[0].Service}
		for _, part := range []*string{&source.Category, &source.Product, &source.Service} {
			*part = strings.TrimPrefix(*part, "-")
		}
		for seed := range uint64(perDataset) {
			r := rand.New(rand.NewPCG(seed, 5))
			view := pick(r, []schema.View{schema.CIM, schema.Raw, schema.XDR})
			fields, values := randomFields(ds, view, source.Product)
			if len(fields) == 0 {
				continue
			}
			gen := irgen.Options{Sigma: true, Values: values}
			few := []*ir.Field{}
			for range 1 + r.IntN(5) {
				few = append(few, pickField(r, fields))
			}
			pred := gen.Pred(r, few)
			h := &ir.Hunt{Path: fmt.Sprintf("%s seed %d", ds.Name, seed), Query: &ir.Filter{Input: &ir.Scan{Source: source}, Pred: pred}}
			m.recorded = gen.Rows(r, ir.Fields(pred), 30)
			m.rule(corpusRule{path: h.Path, hunt: h, pred: pred}, projectors)
		}
	}
	for _, st := range m.stages {
		t.Log(st)
	}
}

// pickField picks a type first: most fields are texts.
func pickField(r *rand.Rand, fields []*ir.Field) *ir.Field {
	t := pick(r, fields).T
	if r.IntN(2) == 0 {
		t = pick(r, []ir.Type{ir.Int, ir.IP, ir.Float})
	}
	same := slices.DeleteFunc(slices.Clone(fields), func(f *ir.Field) bool { return f.T != t })
	if len(same) == 0 {
		return pick(r, fields)
	}
	return pick(r, same)
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// randomFields are the fields of a dataset that a view stores, and a maker of
// values that devices could write in them.
func randomFields(ds *schema.Dataset, view schema.View, product string) ([]*ir.Field, func(*rand.Rand, *ir.Field) any) {
	m := ds.Mapping(view)
	if m == nil {
		return nil, nil
	}
	column := func(name string) *schema.Column {
		for _, v := range []schema.View{schema.XDR, schema.CIM, schema.Raw} {
			if m := ds.Mapping(v); m != nil && m.Columns[name] != nil && (m.Columns[name].Kind != "" || len(m.Columns[name].Values) > 0) {
				return m.Columns[name]
			}
		}
		return &schema.Column{}
	}
	var fields []*ir.Field
	for _, name := range slices.Sorted(maps.Keys(ds.Fields)) {
		if _, without := m.Without[name]; without || m.Columns[name] == nil && (view != schema.Raw || m.Closed) {
			continue
		}
		typ := ir.Type(ds.Fields[name].Type)
		if typ == "" {
			typ = ir.String
		}
		if slices.ContainsFunc([]schema.View{schema.CIM, schema.Raw, schema.XDR}, func(v schema.View) bool {
			m := ds.Mapping(v)
			return m != nil && m.Columns[name] != nil && m.Columns[name].Kind == "computed" && len(m.Columns[name].Needs) == 0
		}) {
			continue // a constant
		}
		if typ != ir.Time {
			fields = append(fields, &ir.Field{Name: name, T: typ})
		}
	}
	return fields, func(r *rand.Rand, f *ir.Field) any {
		c := column(f.Name)
		if len(c.Values) > 0 && !c.Open {
			return pick(r, slices.Sorted(maps.Keys(c.Values)))
		}
		if digits := map[string]int{"md5": 32, "sha1": 40, "sha256": 64, "Imphash": 32}[f.Name]; c.Within != "" && digits > 0 {
			return strings.Repeat(pick(r, []string{"0A", "1b", "2C"}), digits/2)
		}
		switch c.Kind {
		case "path":
			name := pick(r, []string{"cmd.exe", "CMD.EXE", "unknown", "known.dll", "a b.exe", "é.exe", "a", "x.tar.gz", "*", "?"})
			if product != "windows" && product != "" {
				return pick(r, []string{"/usr/bin", "/tmp", "/home/ann/.cache", ""}) + "/" + name
			}
			return pick(r, []string{`C:`, `C:\Windows\System32`, `c:\users\ann\appdata\local\temp`, `\Device\Mup\x`, `D:\cmd.exe`}) + `\` + name
		case "account":
			return pick(r, []string{"NT AUTHORITY", "LAB", "x-y", "unknown"}) + `\` + pick(r, []string{"SYSTEM", "ann", "svc$", "unknown", "a*"})
		case "registry":
			return pick(r, []string{`HKLM\SYSTEM\CurrentControlSet\Services`, `HKLM\Software\x`, `HKU\S-1-5-21-1\Software`, `HKCR\x`, `HKLM`}) +
				pick(r, []string{"", `\Run`, `\a b\c`}) + `\` + pick(r, []string{"Start", "(Default)", "Unknown", "v", "Run"})
		case "regdata":
			return pick(r, []string{"(Empty)", "text 1", "1", `C:\x.exe`, "known"}) // numbers are TestMeaning's
		case "hashes":
			return pick(r, []string{"MD5=" + strings.Repeat("0A", 16), "SHA1=" + strings.Repeat("1b", 20) + ",MD5=" + strings.Repeat("2C", 16), "SHA256=" + strings.Repeat("3d", 32)})
		}
		if f.T == ir.String || f.T == ir.IP && r.IntN(8) == 0 {
			return pick(r, []string{irgen.Text(r), "unknown", "known", "0", "", "x y", `C:\a "b" -c`, "true"})
		}
		return irgen.Value(r, f.T)
	}
}

type meaning struct {
	t        *testing.T
	schema   *schema.Schema
	recorded []eval.Row

	mu     sync.Mutex
	stages []*tally
}

// tally counts what was seen of one stage.
type tally struct {
	stage                                                stage
	rules, hitRules, held, hits, implausible, impossible int
	verdicts                                             map[ir.Fidelity]int
}

func (st *tally) String() string {
	return fmt.Sprintf("%s: %d rules, %d of them true on some event; %d pairs, %d of them true; %d events against the axioms, %d that the table cannot hold; verdicts %v",
		st.stage.name, st.rules, st.hitRules, st.held, st.hits, st.implausible, st.impossible, st.verdicts)
}

// table is the events of a rule as the rows of one dataset in one view.
type table struct {
	key                     string
	projector               *eval.Projector
	axioms                  axioms
	events, rows            []eval.Row
	of                      []int // the number of the event that each row was made of
	variants                []int // into how many rows each event was made
	want                    []bool
	hidden                  []*ir.Col // columns to take along
	computed                []string  // columns that the target computes
	implausible, impossible int
}

func (m *meaning) table(rule corpusRule, scan *ir.Physical, logical eval.Pred, projectors map[string]*eval.Projector) *table {
	view, ds := schema.View(scan.View), m.schema.Dataset(scan.Dataset)
	tab := &table{key: scan.View + " " + scan.Dataset}
	p := projectors[tab.key]
	if p == nil {
		p = eval.NewProjector(m.schema, ds, view)
		projectors[tab.key] = p
	}
	tab.projector = p
	for field, c := range ds.Mapping(view).Columns {
		switch {
		case c.Kind == "computed":
			tab.computed = append(tab.computed, c.Name)
		case c.Kind == "registry" && c.Name == "":
			tab.computed = append(tab.computed, field)
		}
	}
	ax := newAxioms(rule, logical, m.schema, view, ds.Mapping(view))
	tab.axioms = ax
	for _, e := range slices.Concat(m.recorded, madeFor(rule, ds.Mapping(view))) {
		e = withWholes(e, ds.Mapping(view))
		if !ax.plausible(e) {
			tab.implausible++
			continue
		}
		rows := p.Rows(e)
		if len(rows) == 0 {
			tab.impossible++
			continue
		}
		for range rows {
			tab.of = append(tab.of, len(tab.events))
		}
		tab.rows = append(tab.rows, rows...)
		tab.events = append(tab.events, e)
		tab.want = append(tab.want, logical(e))
		tab.variants = append(tab.variants, len(rows))
	}
	tab.rows = eval.WithColumn(tab.rows, eventNumber, func(i int) any { return tab.of[i] })
	seen := map[string]bool{}
	for _, r := range tab.rows {
		for _, n := range r.Columns() {
			if (n[0] == 0 || n == eventNumber) && !seen[n] {
				seen[n] = true
				tab.hidden = append(tab.hidden, &ir.Col{As: n, X: &ir.Field{Name: n}})
			}
		}
	}
	return tab
}

// withWholes gives an event the fields of which other fields of it are parts, where
// it lacks them: a device writes both.
func withWholes(e eval.Row, m *schema.Mapping) eval.Row {
	for _, part := range e.Columns() {
		c := m.Columns[part]
		if c == nil || c.Within == "" || e.Get(part) == nil {
			continue
		}
		for _, whole := range slices.Sorted(maps.Keys(m.Columns)) {
			if w := m.Columns[whole]; w.Kind == "hashes" && w.Name == c.Within {
				text, _ := e.Get(whole).(string)
				if pair := fmt.Sprintf("%s=%v", strings.ToUpper(part), e.Get(part)); !strings.Contains(strings.ToUpper(text), strings.ToUpper(pair)) {
					text = strings.TrimPrefix(text+","+pair, ",")
				}
				e = eval.WithColumn([]eval.Row{e}, whole, func(int) any { return text })[0]
			}
		}
	}
	return e
}

func (m *meaning) rule(rule corpusRule, projectors map[string]*eval.Projector) {
	logical, err := eval.CompilePred(rule.pred)
	if err != nil {
		m.t.Errorf("%s: %v", rule.path, err)
		return
	}
	var tables []*table
	for _, st := range m.stages {
		query, reasons := st.stage.compile(rule.hunt)
		if query == nil {
			continue
		}
		scan := ir.Scans(query)[0].Physical
		i := slices.IndexFunc(tables, func(tab *table) bool { return tab.key == scan.View+" "+scan.Dataset })
		if i < 0 {
			i = len(tables)
			tables = append(tables, m.table(rule, scan, logical, projectors))
		}
		m.hold(rule, st, query, reasons, tables[i])
	}
}

// hold runs the query of one stage over the rows and compares.
func (m *meaning) hold(rule corpusRule, st *tally, query ir.Query, reasons []ir.Reason, tab *table) {
	run := eval.Runner{Source: func(*ir.Scan) ([]eval.Row, error) { return tab.rows, nil }, Foreign: tab.projector.Derived}
	out, err := run.Run(carry(query, tab))
	if err != nil {
		m.t.Errorf("%s: %s: %v", st.stage.name, rule.path, err)
		return
	}
	selected := make([]int, len(tab.events)) // rows of each event
	for _, row := range out {
		n := 1
		if stands, ok := row.Get("count").(int64); ok && grouped(query) {
			n = int(stands)
		}
		selected[row.Get(eventNumber).(int64)] += n
	}

	verdict := ir.Verdict(slices.DeleteFunc(slices.Clone(reasons), func(r ir.Reason) bool { return r.Code == codeDatasetDiffers }))
	told, hits := 0, 0
	for i, want := range tab.want {
		if want {
			hits++
		}
		missed, added := want && selected[i] < tab.variants[i], !want && selected[i] > 0
		switch verdict {
		case ir.Over:
			added = false
		case ir.Under:
			missed = false
		case ir.Mixed:
			missed, added = false, false
		}
		if (missed || added) && st.stage.name == "cim" && tab.axioms.filledNumber(tab.events[i]) {
			continue
		}
		if (missed || added) && told < 2 {
			told++
			m.t.Errorf("%s: %s (%s, %s): logical %v, physical %d of %d\n%s\nbecame\n%s\non\n%s\nas\n%s", st.stage.name, rule.path, verdict, tab.key, want, selected[i], tab.variants[i],
				ir.FormatExpr(rule.pred), ir.Format(query), tab.events[i], show(tab.rows[slices.Index(tab.of, i)]))
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	st.verdicts[verdict]++
	st.rules++
	st.held += len(tab.events)
	st.implausible += tab.implausible
	st.impossible += tab.impossible
	st.hits += hits
	if hits > 0 {
		st.hitRules++
	}
}

// carry takes the hidden columns through the operators that would drop them, and
// leaves to the projector what a column holds that the target computes.
func carry(q ir.Query, tab *table) ir.Query {
	cols := tab.hidden
	return ir.MapQuery(q, func(q ir.Query) ir.Query {
		switch q := q.(type) {
		case *ir.Extend:
			c := *q
			c.Cols = slices.Clone(q.Cols)
			for i, col := range c.Cols {
				if slices.Contains(tab.computed, col.As) {
					c.Cols[i] = &ir.Col{As: col.As, X: &ir.Foreign{T: ir.TypeOf(col.X)}}
				}
			}
			return &c
		case *ir.Aggregate:
			c := *q
			c.By = slices.Concat(q.By, cols)
			return &c
		case *ir.Project:
			c := *q
			c.Cols = slices.Concat(q.Cols, cols)
			return &c
		}
		return q
	})
}

// grouped reports whether a row of the query stands for several events.
func grouped(q ir.Query) bool {
	found := false
	ir.WalkQuery(q, func(q ir.Query) {
		_, ok := q.(*ir.Aggregate)
		found = found || ok
	})
	return found
}

// show lists the columns of a row that say something.
func show(r eval.Row) string {
	var b strings.Builder
	for _, n := range r.Columns() {
		if v := r.Get(n); v != nil && v != "" && v != "unknown" {
			fmt.Fprintf(&b, "%q=%v ", n, v)
		}
	}
	return b.String()
}

// madeFor are events made for a rule, the same on every run: some that satisfy
// it, and three near misses of each.
func madeFor(rule corpusRule, m *schema.Mapping) []eval.Row {
	h := fnv.New64a()
	h.Write([]byte(rule.path))
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	windows := ir.Scans(rule.hunt.Query)[0].Source.Product != "linux" && ir.Scans(rule.hunt.Query)[0].Source.Product != "macos"
	filler := func(field string) irgen.Filler {
		kind := ""
		if c := m.Columns[field]; c != nil {
			kind = c.Kind
		}
		switch {
		case kind == "path" && windows:
			return irgen.Filler{Start: []string{"", "C:", `C:\Windows`, `C:\Users\u\`, `C:\x`, `\Device\HarddiskVolume3`}, Middle: []string{"", `\`, `\sub`, "x"}, End: []string{"", "x.exe", `\x.exe`, ".exe"}}
		case kind == "path":
			return irgen.Filler{Start: []string{"", "/usr", "/home/u/", "/x"}, Middle: []string{"", "/", "x"}, End: []string{"", "x", "/x"}}
		case kind == "account":
			return irgen.Filler{Start: []string{"", "LAB\\", "NT ", "x"}, Middle: []string{"", `\`, "x"}, End: []string{"", `\ann`, "TY\\SYSTEM", "x"}}
		case kind == "registry":
			return irgen.Filler{Start: []string{"", "HKLM", `HKLM\`, `HKU\S-1-5-21-1`, `HKLM\SYSTEM\CurrentControlSet`, `HKCR\x`}, Middle: []string{"", `\`, `\x\`}, End: []string{"", `\v`, "v", `\(Default)`}}
		case kind == "hashes":
			return irgen.Filler{Start: []string{"", "MD5=" + strings.Repeat("a", 32) + ","}, Middle: []string{","}, End: []string{"", ",SHA1=" + strings.Repeat("b", 40)}}
		case kind == "regdata":
			return irgen.Filler{Start: []string{"", "x"}, Middle: []string{"", "x"}, End: []string{"", ")", "x"}}
		}
		return irgen.Filler{Start: []string{"", "", "x", "a b ", `C:\`, "\"", "\n"}, Middle: []string{"", " ", "x"}, End: []string{"", "", "x", " "}}
	}
	var out []eval.Row
	for range 10 {
		e, ok := irgen.Witness(r, rule.pred, 20, filler)
		if !ok {
			continue
		}
		out = append(out, e)
		for range 3 {
			out = append(out, irgen.Mutate(r, e))
		}
	}
	return out
}

var (
	windowsPath = regexp.MustCompile(`^(?:[A-Za-z]:|\\[^\\/]+|\\)(?:\\[^\\/]+)+$`)
	unixPath    = regexp.MustCompile(`^(?:/[^\\/]+)+$`)
	account     = regexp.MustCompile(`^[^\\]+\\[^\\]+$`)
	registry    = regexp.MustCompile(`^(?:HKLM|HKU|HKCR|HKCU)(?:\\[^\\]+)+$`)
	// A number in Sysmon's notation; text that holds one within is none.
	registryNumber = regexp.MustCompile(`(?i)^(?:DWORD \(0x[0-9a-f]{8}\)|QWORD \(0x[0-9a-f]{8}-0x[0-9a-f]{8}\))$`)
	hive           = regexp.MustCompile(`HK(?:LM|U|CR|CU)\\`)
	hashList       = regexp.MustCompile(`(?i)^(?:(?:MD5=[0-9a-f]{32}|SHA1=[0-9a-f]{40}|SHA256=[0-9a-f]{64}|IMPHASH=[0-9a-f]{32})(?:,|$))+$`)
)

// axioms are what the mapping takes for granted of the events of a rule's
// logsource: docs/semantics.md lists them.
type axioms struct {
	rule   corpusRule
	means  eval.Pred
	schema *schema.Schema
	view   schema.View
	m      *schema.Mapping
	asked  []*ir.Field
	// Paths of a logsource are Windows' if it names no other product.
	windows, unix bool
}

func newAxioms(rule corpusRule, means eval.Pred, s *schema.Schema, view schema.View, m *schema.Mapping) axioms {
	product := ir.Scans(rule.hunt.Query)[0].Source.Product
	return axioms{rule: rule, means: means, schema: s, view: view, m: m, asked: ir.Fields(rule.pred), windows: product == "windows" || product == "", unix: product != "windows"}
}

// column is the name under which the view stores a field.
func (a axioms) column(field string) string {
	if c := a.m.Columns[field]; c != nil {
		return c.Name
	}
	if a.view == schema.Raw {
		return field
	}
	return ""
}

// parts are the names of all columns in which the view stores a field.
func (a axioms) parts(field string) []string {
	out := []string{a.column(field)}
	if c := a.m.Columns[field]; c != nil {
		out = append(out, c.File, c.Domain, c.Key, c.Value)
		for _, n := range c.Algorithms {
			out = append(out, n)
		}
	}
	return slices.DeleteFunc(out, func(n string) bool { return n == "" })
}

// number reports whether the rule knows the field as a number.
func (a axioms) number(field string) bool {
	i := slices.IndexFunc(a.asked, func(f *ir.Field) bool { return f.Name == field })
	return i >= 0 && a.asked[i].T.Numeric()
}

// fill is what CIM has in the place of a missing value.
func (a axioms) fill(field string) string {
	info, _ := a.schema.Column(schema.CIM, a.m.Table, a.column(field))
	return info.Fill
}

// filledNumber reports whether the event lacks a field for which CIM has a
// number, and the rule asks for the field by size, which the planner guards.
func (a axioms) filledNumber(e eval.Row) bool {
	found := false
	ir.WalkExpr(a.rule.pred, func(x ir.Expr) bool {
		if c, ok := x.(*ir.Compare); ok && c.Op != ir.Eq {
			if f, ok := c.L.(*ir.Field); ok && e.Get(f.Name) == nil {
				_, err := strconv.ParseFloat(a.fill(f.Name), 64)
				found = found || err == nil
			}
		}
		return true
	})
	return found
}

// otherNames are what the view cannot tell from a registry path: the names by
// which the same key is known in other hives, and of a key and its nameless value
// the one for the other.
func otherNames(c *schema.Column, s string) []string {
	var out []string
	for from, words := range c.Prefixes {
		rest, ok := strings.CutPrefix(s, from)
		for _, word := range words {
			for as, first := range c.Prefixes {
				if below, found := strings.CutPrefix(word, first[0]); ok && found && as != from {
					out = append(out, as+below+rest)
				}
			}
		}
	}
	if key, ok := strings.CutSuffix(s, `\(Default)`); ok && c.KeyAlone {
		out = append(out, key)
	}
	return out
}

// plausible reports whether a device could have written the event.
func (a axioms) plausible(e eval.Row) bool {
	for _, f := range a.asked {
		name := a.column(f.Name)
		if e.Get(f.Name) != nil {
			continue
		}
		// What tells the dataset's events from others is never missing, nor is
		// the registry path of a registry event, and of two fields that are
		// read from one column neither is alone.
		if c := a.m.Columns[f.Name]; len(a.m.Where[name]) > 0 || c != nil && c.Kind == "registry" {
			return false
		}
		// Splunk itself gives every event the name of the host that it came from.
		if a.view != schema.XDR && name == "host" {
			return false
		}
		parts := a.parts(f.Name)
		if slices.ContainsFunc(a.asked, func(g *ir.Field) bool {
			return e.Get(g.Name) != nil && slices.ContainsFunc(a.parts(g.Name), func(n string) bool { return slices.Contains(parts, n) })
		}) {
			return false
		}
	}
	for _, name := range e.Columns() {
		v := e.Get(name)
		if s, ok := v.(string); ok && strings.HasPrefix(s, "::ffff:") {
			return false
		}
		if a.view != schema.CIM {
			continue
		}
		// What the data models put in the place of a missing value is no value.
		if s, ok := v.(string); ok && strings.EqualFold(s[strings.LastIndexAny(s, `\/`)+1:], "unknown") || fmt.Sprint(v) == a.fill(name) {
			return false
		}
	}
	for _, name := range e.Columns() {
		s, isText := e.Get(name).(string)
		if n, err := strconv.ParseInt(s, 10, 64); isText && (err != nil || strconv.FormatInt(n, 10) != s) && a.number(name) {
			return false // a number in decimal
		}
		c := a.m.Columns[name]
		if c == nil || !isText {
			continue
		}
		// The values of a closed list have the case in which they are listed.
		if _, listed := c.Values[s]; len(c.Values) > 0 && !c.Open && !listed {
			return false
		}
		for _, other := range otherNames(c, s) {
			same := eval.WithColumn([]eval.Row{e}, name, func(int) any { return other })[0]
			if a.means(same) != a.means(e) {
				return false
			}
		}
		ok := true
		switch c.Kind {
		case "":
			ok = len(c.Prefixes) == 0
			for from := range c.Prefixes {
				ok = ok || strings.HasPrefix(s, from)
			}
		case "path":
			ok = a.windows && windowsPath.MatchString(s) || a.unix && unixPath.MatchString(s)
		case "account":
			ok = account.MatchString(s)
		case "registry":
			// A hive is named at the start only.
			ok = registry.MatchString(s) && !hive.MatchString(s[1:])
		case "regdata":
			upper := strings.ToUpper(s)
			ok = registryNumber.MatchString(s) || !strings.Contains(upper, "0X") && !strings.Contains(upper, "WORD (")
		case "hashes":
			ok = hashList.MatchString(s)
		}
		if !ok {
			return false
		}
	}
	return true
}
