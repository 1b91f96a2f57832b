package schema

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/internal/sharedtest"
	"github.com/huntc/huntc/ir"
)

func mustNew(t testing.TB) *Schema {
	t.Helper()
	s, err := New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// physical lists the columns that a mapping refers to in its table, with the
// logical field that does. The results of computed columns are not among them.
func physical(m *Mapping) [][2]string {
	var names [][2]string
	add := func(field string, columns ...string) {
		for _, c := range columns {
			if c != "" {
				names = append(names, [2]string{field, c})
			}
		}
	}
	for _, f := range slices.Sorted(maps.Keys(m.Columns)) {
		c := m.Columns[f]
		if c.Kind != "computed" {
			add(f, c.Name)
		}
		add(f, c.File, c.Domain, c.Key, c.Value)
		add(f, c.Needs...)
		for _, alg := range slices.Sorted(maps.Keys(c.Algorithms)) {
			add(f, c.Algorithms[alg])
		}
	}
	for _, w := range slices.Sorted(maps.Keys(m.Where)) {
		add("where", w)
	}
	for _, o := range m.Output {
		if !strings.HasPrefix(o, "_") && o != "host" {
			add("output", o)
		}
	}
	return names
}

// TestColumnsExist holds every mapped table and column against the catalogue.
func TestColumnsExist(t *testing.T) {
	s := mustNew(t)
	for _, d := range s.Datasets() {
		for _, v := range []View{CIM, XDR} {
			m := d.Mapping(v)
			if m == nil {
				continue
			}
			if s.Table(v, m.Table) == nil {
				t.Errorf("%s: %s has no table %q", d.Name, v, m.Table)
				continue
			}
			for _, n := range physical(m) {
				if _, ok := s.Column(v, m.Table, n[1]); !ok && !(v == CIM && slices.Contains(baseEvent, n[1])) {
					t.Errorf("%s: %s: %s: %s has no column %q", d.Name, v, n[0], m.Table, n[1])
				}
			}
		}
	}
}

// TestFilledColumnsDiffer wants the difference said of every field whose column
// has another value of the event where the field is missing.
func TestFilledColumnsDiffer(t *testing.T) {
	s := mustNew(t)
	for _, d := range s.Datasets() {
		if d.CIM == nil {
			continue
		}
		for name, c := range d.CIM.Columns {
			if info, _ := s.Column(CIM, d.CIM.Table, c.Name); info.Fill == FillOther && c.Differs == nil && d.CIM.Differs == nil {
				t.Errorf("%s: %s puts another value in the place of a missing %s: say so with \"differs\"", d.Name, d.CIM.Table, name)
			}
		}
	}
}

// TestColumnsExistInTheReference holds them against the files that the
// catalogue was made from.
func TestColumnsExistInTheReference(t *testing.T) {
	var cim map[string]json.RawMessage
	readJSON(t, sharedtest.Path(t, "reference", "cim.json"), &cim)
	var xdr map[string]map[string]string
	readJSON(t, sharedtest.Path(t, "reference", "xdr.json"), &xdr)
	for _, d := range mustNew(t).Datasets() {
		if d.CIM != nil {
			var table struct {
				Fields map[string]json.RawMessage `json:"fields"`
			}
			if err := json.Unmarshal(cim[d.CIM.Table], &table); err != nil {
				t.Errorf("%s: cim.json has no dataset %q: %v", d.Name, d.CIM.Table, err)
			}
			for _, n := range physical(d.CIM) {
				if table.Fields[n[1]] == nil && !slices.Contains(baseEvent, n[1]) {
					t.Errorf("%s: %s: cim.json: %s has no field %q", d.Name, n[0], d.CIM.Table, n[1])
				}
			}
		}
		if d.XDR != nil {
			for _, n := range physical(d.XDR) {
				if xdr[d.XDR.Table][n[1]] == "" {
					t.Errorf("%s: %s: xdr.json: %s has no column %q", d.Name, n[0], d.XDR.Table, n[1])
				}
			}
		}
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestDatasetsAreWhole looks for what a reader of a diagnostic would miss.
func TestDatasetsAreWhole(t *testing.T) {
	sentence := func(where, text string) {
		if !strings.HasSuffix(text, ".") || strings.Contains(text, "\n") {
			t.Errorf("%s: %q is not a sentence on one line", where, text)
		}
	}
	effects := []string{"over", "under", "mixed"}
	kinds := []string{"", "path", "account", "registry", "regdata", "hashes", "device", "computed"}
	macros := map[string]string{}
	for _, d := range mustNew(t).Datasets() {
		if d.Title == "" {
			t.Errorf("%s: no title", d.Name)
		}
		if w := d.Within; w != nil {
			wider := mustNew(t).Dataset(w.Dataset)
			if wider == nil || wider.Within != nil || len(wider.Logsources) == 0 {
				t.Fatalf("%s: it is within %s, which is no dataset of its own", d.Name, w.Dataset)
			}
			for _, f := range append(slices.Sorted(maps.Keys(d.Fields)), slices.Sorted(maps.Keys(w.Where))...) {
				if _, ok := wider.Fields[f]; !ok {
					t.Errorf("%s: the wider %s has no field %s", d.Name, w.Dataset, f)
				}
			}
		}
		if d.When != nil && (d.When.Field == "" || len(d.When.In) == 0) {
			t.Errorf("%s: an empty condition in when", d.Name)
		}
		for _, v := range []View{CIM, Raw, XDR} {
			at := fmt.Sprintf("%s: %s", d.Name, v)
			m, why := d.Mapping(v), d.Without[v]
			switch {
			case m == nil && why == "":
				t.Errorf("%s: neither a mapping nor a reason why there is none", at)
			case m != nil && why != "":
				t.Errorf("%s: both a mapping and a reason why there is none", at)
			case m == nil:
				sentence(at, why)
				continue
			}
			if v == Raw {
				if m.Definition == "" {
					t.Errorf("%s: the macro %s has no default", at, m.Table)
				}
				if old, ok := macros[m.Table]; ok && old != m.Definition {
					t.Errorf("%s: the macro %s has two defaults", at, m.Table)
				}
				macros[m.Table] = m.Definition
				if orOutside(m.Definition) {
					t.Errorf("%s: the macro %s has an OR outside of parentheses", at, m.Table)
				}
			}
			differs := func(at string, diff *Difference) {
				if diff == nil {
					return
				}
				if !slices.Contains(effects, diff.Effect) {
					t.Errorf("%s: effect %q", at, diff.Effect)
				}
				sentence(at, diff.Why)
				for _, f := range strings.Split(strings.Join(diff.Unless, "+"), "+") {
					if f != "" && m.Columns[f] == nil {
						t.Errorf("%s: unless names %q, which is not mapped", at, f)
					}
				}
			}
			differs(at, m.Differs)
			for _, f := range slices.Sorted(maps.Keys(m.Without)) {
				sentence(at+": "+f, m.Without[f])
				if m.Columns[f] != nil {
					t.Errorf("%s: %s: both a column and a reason why there is none", at, f)
				}
			}
			for _, f := range slices.Sorted(maps.Keys(m.Columns)) {
				c := m.Columns[f]
				differs(at+": "+f, c.Differs)
				if !slices.Contains(kinds, c.Kind) {
					t.Errorf("%s: %s: kind %q", at, f, c.Kind)
				}
				if (c.Kind == "computed") != (c.Expr != "") {
					t.Errorf("%s: %s: an expression and the kind computed go together", at, f)
				}
				if c.Kind == "computed" && c.Name == "" {
					t.Errorf("%s: %s: a computed column needs a name", at, f)
				}
			}
			if d.When != nil && v != Raw && m.Columns[d.When.Field] == nil {
				t.Errorf("%s: when asks for %s, which is not mapped", at, d.When.Field)
			}
		}
	}
}

// TestRowsOfDevicesShowTheActor: whatever a hunt asks for, its rows on Defender say
// which account and process acted, and with which command line.
func TestRowsOfDevicesShowTheActor(t *testing.T) {
	s := mustNew(t)
	for _, d := range s.Datasets() {
		if d.XDR == nil || s.Table(XDR, d.XDR.Table) == nil {
			continue
		}
		shown := map[string]bool{}
		for _, f := range d.Output {
			if c := d.XDR.Columns[f]; c != nil {
				for _, name := range slices.Concat([]string{c.Name, c.File, c.Domain, c.Key, c.Value}, c.Needs) {
					shown[name] = true
				}
			}
		}
		want := []string{"InitiatingProcessFileName", "InitiatingProcessCommandLine"}
		if _, ok := s.Column(XDR, d.XDR.Table, want[1]); !ok {
			continue
		}
		if d.XDR.Table != "DeviceLogonEvents" {
			want = append(want, "InitiatingProcessAccountName")
		}
		if d.XDR.Table == "DeviceProcessEvents" {
			want = []string{"FileName", "ProcessCommandLine", "AccountName", "InitiatingProcessFileName", "InitiatingProcessCommandLine"}
		}
		for _, name := range want {
			if !shown[name] {
				t.Errorf("%s: the rows of %s do not show %s", d.Name, d.XDR.Table, name)
			}
		}
	}
}

// TestRegistryRenames: Sysmon's TargetObject is the old name of a renamed key and
// NewName the new one; Defender's RegistryKey is the new one.
func TestRegistryRenames(t *testing.T) {
	renamed := `filter and(match(ActionType, "RegistryKeyRenamed"), match(PreviousRegistryKey, "*\\old"), match(RegistryKey, "*\\new"))`
	both := and(match("TargetObject", `*\old`), match("NewName", `*\new`))
	for _, tt := range []struct {
		name     string
		category string
		pred     ir.Expr
		want     string
	}{
		{"the category", "registry_rename", both, renamed},
		{"the kind of event", "registry_event", and(match("EventType", "RenameKey"), both), renamed},
		{"the new name alone", "registry_event", both, renamed},
		{"other changes are not renamings", "registry_event", match("EventType", "SetValue", "RenameKey"), `filter match(ActionType, "RegistryValueSet") {HC0310 under} {HC0312 under}`},
		{"deletions stand elsewhere", "registry_event", and(match("EventType", "DeleteKey"), match("TargetObject", `*\a`)),
			`filter and(match(ActionType, "RegistryKeyDeleted"), or(and(match(PreviousRegistryKey, "*\\a"), match(PreviousRegistryValueName, "")), match(PreviousRegistryValueName, "a")))`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := mustNew(t).Resolve(rule(tt.category, tt.pred), XDR)
			if got := predicate(t, res); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestFailedConnections: Sysmon's event 3 is about connections that came about; a
// rule gets failed ones if it asks for them.
func TestFailedConnections(t *testing.T) {
	for _, tt := range []struct {
		name string
		pred ir.Expr
		want string
	}{
		{"outgoing", match("Initiated", "true"), `filter match(ActionType, "ConnectionSuccess", "ConnectionRequest") {HC0310 over}`},
		{"incoming", match("Initiated", "false"), `filter match(ActionType, "InboundConnectionAccepted")`},
		{"failed", and(match("Initiated", "true"), match("Action", "blocked")), `filter match(ActionType, "ConnectionFailed")`},
		{"incoming and allowed", and(match("Initiated", "false"), match("Action", "allowed")), `filter match(ActionType, "InboundConnectionAccepted")`},
		{"either", match("Action", "allowed", "blocked"), `filter match(ActionType, "ConnectionSuccess", "ConnectionFailed") {HC0310 under}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := mustNew(t).Resolve(rule("network_connection", tt.pred), XDR)
			if got := predicate(t, res); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// orOutside finds an OR outside of parentheses: a macro is put into a longer
// search as it stands.
func orOutside(search string) bool {
	depth := 0
	for i, r := range search {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 && strings.HasPrefix(search[i:], " OR ") {
			return true
		}
	}
	return false
}

// corpusRule is what a rule of the corpus asks of the schema.
type corpusRule struct {
	path      string
	logsource ir.Logsource
	values    map[string][]string // field -> the values it is compared with
	keywords  bool
}

func (r corpusRule) fields() []string { return slices.Sorted(maps.Keys(r.values)) }

// corpus reads the rules below the named folders of the corpus. It reads them
// with yaml.v3 alone, to be a witness of its own.
func corpus(t *testing.T, folders ...string) []corpusRule {
	t.Helper()
	root := sharedtest.Path(t, "corpus", "sigma")
	var rules []corpusRule
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || filepath.Ext(path) != ".yml" {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			var doc struct {
				Logsource struct{ Category, Product, Service string }
				Detection map[string]any
			}
			if err := yaml.Unmarshal(raw, &doc); err != nil || doc.Detection == nil {
				return nil
			}
			r := corpusRule{path: path, values: map[string][]string{}}
			r.logsource.Category = doc.Logsource.Category
			r.logsource.Product = doc.Logsource.Product
			r.logsource.Service = doc.Logsource.Service
			for key, search := range doc.Detection {
				if key != "condition" && key != "timeframe" {
					r.walk(search)
				}
			}
			rules = append(rules, r)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return rules
}

func (r *corpusRule) walk(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if _, isMap := e.(map[string]any); isMap {
				r.walk(e)
			} else {
				r.keywords = true
			}
		}
	case map[string]any:
		for key, value := range v {
			field, _, _ := strings.Cut(key, "|")
			if field == "" {
				r.keywords = true
				continue
			}
			list, ok := value.([]any)
			if !ok {
				list = []any{value}
			}
			r.values[field] = append(r.values[field], "")
			for _, e := range list {
				r.values[field] = append(r.values[field], fmt.Sprint(e))
			}
		}
	default:
		r.keywords = true
	}
}

// counted are the folders of the corpus that shares are counted over.
var counted = []string{"rules", "rules-emerging-threats", "rules-threat-hunting", "rules-compliance"}

// TestEveryLogsourceHasADataset: a logsource that occurs in a public corpus of
// rules is known.
func TestEveryLogsourceHasADataset(t *testing.T) {
	s := mustNew(t)
	unknown := map[ir.Logsource]int{}
	for _, r := range corpus(t, append(slices.Clone(counted), "rules-placeholder", "unsupported")...) {
		if len(s.readableBy(r)) == 0 {
			l := r.logsource
			unknown[ir.Logsource{Category: l.Category, Product: l.Product, Service: l.Service}]++
		}
	}
	for l, n := range unknown {
		t.Errorf("%d rules on category %q, product %q, service %q have no dataset", n, l.Category, l.Product, l.Service)
	}
}

// readableBy are the datasets that a rule may read, best first, as candidates
// orders them; a rule that compares a field with values of When only is taken
// to require one of them.
func (s *Schema) readableBy(r corpusRule) []*Dataset {
	type scored struct {
		d *Dataset
		n int
	}
	var found []scored
	for _, d := range s.Datasets() {
		best := -1
		for _, e := range d.Logsources {
			if n, ok := e.covers(r.logsource); ok {
				best = max(best, n)
			}
		}
		if best < 0 {
			continue
		}
		if d.When != nil {
			values := r.values[d.When.Field]
			if len(values) == 0 || slices.ContainsFunc(values, func(v string) bool {
				return v != "" && !slices.Contains(d.When.In, v)
			}) {
				continue
			}
			best += 10
		}
		found = append(found, scored{d, best})
	}
	slices.SortStableFunc(found, func(a, b scored) int { return b.n - a.n })
	out := make([]*Dataset, len(found))
	for i, f := range found {
		out[i] = f.d
	}
	return out
}

// TestFieldsOfTheCorpus counts, per view, the rules all of whose fields the
// first dataset maps, and fails for a field of several rules that has neither a
// column nor a reason why it has none.
func TestFieldsOfTheCorpus(t *testing.T) {
	s := mustNew(t)
	type gap struct{ dataset, view, field string }
	gaps := map[gap]int{}
	whole := map[View]int{}
	rules := corpus(t, counted...)
	for _, r := range rules {
		found := s.readableBy(r)
		if len(found) == 0 {
			continue
		}
		d := found[0]
		for _, v := range []View{CIM, Raw, XDR} {
			m := d.Mapping(v)
			if m == nil {
				continue
			}
			all := v == Raw || !r.keywords
			for _, f := range r.fields() {
				if m.Columns[f] != nil || v == Raw && !m.Closed && m.Without[f] == "" {
					continue
				}
				all = false
				if m.Without[f] == "" {
					gaps[gap{d.Name, string(v), f}]++
				}
			}
			if all {
				whole[v]++
			}
		}
	}
	t.Logf("rules: %d; all fields mapped: cim %d, raw %d, xdr %d", len(rules), whole[CIM], whole[Raw], whole[XDR])
	for _, g := range slices.SortedFunc(maps.Keys(gaps), func(a, b gap) int {
		return strings.Compare(a.dataset+a.view+a.field, b.dataset+b.view+b.field)
	}) {
		t.Logf("%s: %s: %s has neither a column nor a reason (%d rules)", g.dataset, g.view, g.field, gaps[g])
		if gaps[g] > 2 {
			t.Errorf("%s: %s: %s is compared in %d rules and has neither a column nor a reason", g.dataset, g.view, g.field, gaps[g])
		}
	}
	if min := len(rules) * 56 / 100; whole[CIM] < min {
		t.Errorf("only %d rules can read a data model, of %d wanted", whole[CIM], min)
	}
	if min := len(rules) * 65 / 100; whole[XDR] < min {
		t.Errorf("only %d rules can read a Defender table, of %d wanted", whole[XDR], min)
	}
}
