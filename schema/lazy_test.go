package schema

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gopkg.in/yaml.v3"
)

// TestHeadsComeFirst: the body of a dataset says nothing that its head should.
func TestHeadsComeFirst(t *testing.T) {
	head := cmpopts.IgnoreFields(Dataset{}, "Fields", "Output", "CIM", "Raw", "XDR", "Without", "lazy")
	s := mustNew(t)
	before := make([]Dataset, len(s.datasets))
	for i, d := range s.datasets {
		before[i] = Dataset{Name: d.Name, Base: d.Base, Title: d.Title, Logsources: d.Logsources, When: d.When, Within: d.Within}
	}
	for i, d := range s.Datasets() {
		if diff := cmp.Diff(&before[i], d, head); diff != "" {
			t.Errorf("%s: the head reads differently after the body (-head +body):\n%s", d.Name, diff)
		}
	}
}

func overlay(t *testing.T, text string) yaml.Node {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return *doc.Content[0]
}

func TestBase(t *testing.T) {
	s, err := New(overlay(t, `
a:
  title: a base
  fields: {F: {type: int}, G: {}}
  output: [F]
  cim: {table: Web.Web, columns: {F: url, G: site}, differs: {effect: over, why: More.}}
  raw: {table: huntc_a, definition: 'sourcetype="a"', columns: {F: f}, output: [_time]}
  without: {xdr: None.}
b:
  base: a
  title: changes one column, has no other
  logsources: [{product: b}]
  fields: {H: {}}
  cim: {columns: {F: user}, without: {G: Gone.}}
  raw: {table: huntc_b, definition: 'sourcetype="b"'}
c:
  base: b
  title: has no data model
  logsources: [{product: c}]
  without: {cim: None at all.}
d:
  base: a
  title: another table
  logsources: [{product: d}]
  cim: {table: Network_Resolution.DNS, columns: {G: query}}
`))
	if err != nil {
		t.Fatal(err)
	}
	type view struct {
		Table, Definition string
		Columns           map[string]string
		Without           map[string]string
		Differs           bool
	}
	see := func(m *Mapping) *view {
		if m == nil {
			return nil
		}
		v := &view{Table: m.Table, Definition: m.Definition, Without: m.Without, Differs: m.Differs != nil, Columns: map[string]string{}}
		for f, c := range m.Columns {
			v.Columns[f] = c.Name
		}
		return v
	}
	for _, c := range []struct {
		name string
		of   func(d *Dataset) *Mapping
		want *view
	}{
		{"b", func(d *Dataset) *Mapping { return d.CIM }, &view{Table: "Web.Web", Columns: map[string]string{"F": "user"}, Without: map[string]string{"G": "Gone."}}},
		{"b", func(d *Dataset) *Mapping { return d.Raw }, &view{Table: "huntc_b", Definition: `sourcetype="b"`, Columns: map[string]string{"F": "f"}}},
		{"c", func(d *Dataset) *Mapping { return d.CIM }, nil},
		{"c", func(d *Dataset) *Mapping { return d.Raw }, &view{Table: "huntc_b", Definition: `sourcetype="b"`, Columns: map[string]string{"F": "f"}}},
		{"d", func(d *Dataset) *Mapping { return d.CIM }, &view{Table: "Network_Resolution.DNS", Columns: map[string]string{"G": "query"}}},
		{"a", func(d *Dataset) *Mapping { return d.CIM }, &view{Table: "Web.Web", Columns: map[string]string{"F": "url", "G": "site"}, Differs: true}},
	} {
		if diff := cmp.Diff(c.want, see(c.of(s.Dataset(c.name))), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	b := s.Dataset("b")
	if len(b.Fields) != 3 || b.Without[XDR] != "None." || len(b.Output) != 1 || len(b.Logsources) != 1 {
		t.Errorf("b has fields %v, reasons %v, output %v, logsources %v", b.Fields, b.Without, b.Output, b.Logsources)
	}
	if s.Dataset("nowhere") != nil {
		t.Error("a dataset that does not exist was found")
	}
}

func TestBadDatasets(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"x: {base: nowhere}", `there is no dataset "nowhere" to be its base`},
		{"x: {base: y}\ny: {base: x}", "leads back to itself"},
		{"x: {cim: {columns: {F: {colum: url}}}}", `there is no key "colum" here`},
		{"x: {cim: {differs: {effekt: over}}}", `there is no key "effekt" here`},
		{"x: {cims: {}}", "cims"},
		{"[x]", "map from the name of a dataset"},
	} {
		_, err := New(overlay(t, c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want an error with %q, got %v", c.text, c.want, err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		s, err := New(yaml.Node{})
		if err != nil {
			b.Fatal(err)
		}
		s.Dataset("process_creation")
	}
}
