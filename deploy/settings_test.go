package deploy

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/ir"
)

// TestDefaults: the data is whole, every word in it is one that a document can
// have, and docs/deploying.md shows it.
func TestDefaults(t *testing.T) {
	var strict defaultTable
	dec := yaml.NewDecoder(strings.NewReader(string(defaultsYAML)))
	dec.KnownFields(true)
	if err := dec.Decode(&strict); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile("../docs/deploying.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := strings.Join(strings.Fields(string(raw)), " ")
	var levels []string
	for _, l := range Levels() {
		levels = append(levels, l.Level)
		finding := "no"
		if l.Finding {
			finding = "yes"
		}
		row := fmt.Sprintf("| %s | %s | %d | %s | %d | %s | %s | %s |", l.Level, l.Every, l.Score, finding, l.Splunk, l.ES, l.Defender, l.Sentinel)
		if !strings.Contains(doc, row) {
			t.Errorf("docs/deploying.md does not have the row %s", row)
		}
		if !slices.Contains(ir.Frequencies, l.Every) || l.Score < 1 || l.Score > 100 || l.Splunk < 1 || l.Splunk > 6 {
			t.Errorf("%+v", l)
		}
	}
	if d := cmp.Diff([]string{"informational", "low", "medium", "high", "critical"}, levels); d != "" {
		t.Error(d)
	}
	for _, e := range defaults().Entities {
		if !slices.Contains(ir.EntityTypes, e.Type) || !strings.Contains(doc, strings.Join(e.Columns, ", ")) {
			t.Errorf("docs/deploying.md does not list the columns of a %s: %s", e.Type, strings.Join(e.Columns, ", "))
		}
	}
	for _, k := range defaults().Kinds {
		if k.Type != "none" && !slices.Contains(ir.EntityTypes, k.Type) {
			t.Errorf("%+v", k)
		}
	}
	for _, d := range defaults().Domains {
		if !slices.Contains(ir.SecurityDomains, d.Domain) || d.Category+d.Product+d.Service == "" {
			t.Errorf("%+v", d)
		}
	}
}

func rowsOf(columns ...string) Rows {
	return Rows{Known: true, Columns: columns, Of: func(name string) []string {
		if slices.Contains(columns, name) {
			return []string{name}
		}
		return nil
	}}
}

func TestSettings(t *testing.T) {
	hunt := func(level string, back time.Duration, d *ir.Deployment) *ir.Hunt {
		return &ir.Hunt{LookBack: back, Meta: ir.Meta{Title: "T", Level: level, Deployment: d, Tags: []string{"attack.execution", "attack.command_and_control", "ATTACK.T1059.001", "attack.t1059.001", "cve.2024.3400", "cve.2023-12345", "other.thing"}},
			Query: &ir.Scan{Source: ir.Logsource{Category: "process_creation"}}}
	}
	every := func(e string) *ir.Deployment { return &ir.Deployment{Schedule: &ir.Schedule{Every: e}} }
	for _, tt := range []struct {
		level string
		back  time.Duration
		d     *ir.Deployment
		want  string
	}{
		{"high", 0, nil, "1h"}, {"", 0, nil, "3h"}, {"low", 0, nil, "12h"}, {"informational", 0, nil, "24h"},
		{"informational", time.Hour, nil, "1h"}, {"low", 5 * time.Hour, nil, "3h"}, {"low", time.Minute, nil, "1h"}, {"low", 30 * 24 * time.Hour, nil, "12h"},
		{"informational", time.Hour, every("24h"), "24h"}, {"high", 0, every("continuous"), "continuous"},
	} {
		if got := SettingsOf(&Item{Hunt: hunt(tt.level, tt.back, tt.d), Rows: rowsOf()}).Every; got != tt.want {
			t.Errorf("%s, back %s: every %s, want %s", tt.level, tt.back, got, tt.want)
		}
	}
	s := SettingsOf(&Item{Hunt: hunt("low", 0, nil), Rows: rowsOf("Computer", "TargetUserName", "User")})
	if d := cmp.Diff([]string{"Computer device", "User user"}, entityNames(s.Entities)); d != "" {
		t.Error(d)
	}
	if s.Finding || s.Score != 25 || len(s.Risks) != 2 || s.Risks[0].Score != 25 || s.Risks[0].Type != "system" || s.Domain != "endpoint" || !s.Alert {
		t.Errorf("%+v", s)
	}
	if d := cmp.Diff([]string{"T1059.001"}, s.Techniques); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"CVE-2024-3400", "CVE-2023-12345"}, s.CVEs); d != "" {
		t.Error(d)
	}
	if len(s.Tactics) != 2 || s.Tactics[1].Name != "CommandAndControl" {
		t.Errorf("%+v", s.Tactics)
	}
	// Nobody's risk can rise, so the rows are findings.
	if s := SettingsOf(&Item{Hunt: hunt("low", 0, nil), Rows: rowsOf("n")}); !s.Finding || len(s.Risks) != 0 {
		t.Errorf("%+v", s)
	}
}

// TestKinds: a type that is not that of its column is an error at its place.
func TestKinds(t *testing.T) {
	f := func(n string) *ir.Field { return &ir.Field{Name: n} }
	piped := &ir.Filter{Input: &ir.Aggregate{Input: &ir.Scan{}, By: []*ir.Col{{As: "who", X: f("User")}, {As: "Image", X: f("Computer")}},
		Aggs: []*ir.Agg{{As: "last", Func: ir.Last, X: f("Computer")}, {As: "User", Func: ir.Count}}}}
	entity := func(column, typ string) *ir.Deployment {
		return &ir.Deployment{Entities: []ir.Entity{{Column: ir.ColumnRef{Name: column}, Type: typ}}}
	}
	risk := func(column, typ string) *ir.Deployment {
		return &ir.Deployment{Risk: &ir.Risk{Objects: []ir.RiskObject{{Column: ir.ColumnRef{Name: column}, Type: typ}}}}
	}
	for _, tt := range []struct {
		q    ir.Query
		d    *ir.Deployment
		want string // in the hint; "" for no error
	}{
		{nil, entity("User", "device"), "type: user"}, {nil, entity("Computer", "user"), "type: device"}, {nil, entity("Computer", "mailbox"), "type: device"},
		{nil, entity("Image", "device"), "another column"}, {nil, entity("Image", "user"), "another column"},
		{nil, entity("User", "user"), ""}, {nil, entity("Computer", "device"), ""}, {nil, entity("UserPrincipalName", "mailbox"), ""}, {nil, entity("SourceIp", "device"), ""},
		{nil, risk("User", "system"), "type: user"}, {nil, risk("Computer", "user"), "type: system"}, {nil, risk("Image", "user"), "another column"},
		{nil, risk("User", "other"), ""}, {nil, risk("Image", "other"), ""}, {nil, risk("RecipientEmailAddress", "user"), ""},
		{piped, entity("who", "device"), "type: user"}, {piped, entity("who", "user"), ""}, {piped, entity("Image", "device"), ""}, {piped, entity("last", "user"), "type: device"},
		{piped, entity("User", "device"), ""}, // a number here
	} {
		diags := Check(&ir.Hunt{Query: tt.q, Meta: ir.Meta{Deployment: tt.d}}, "Splunk", rowsOf("User", "Computer", "UserPrincipalName", "SourceIp", "Image", "RecipientEmailAddress", "who", "last"))
		if tt.want == "" && len(diags) == 0 {
			continue
		}
		if len(diags) != 1 || tt.want == "" || diags[0].Code != codeWrongKind || !strings.Contains(diags[0].Hint, tt.want) {
			t.Errorf("%+v %+v: %v", tt.d.Entities, tt.d.Risk, diags)
		}
	}
}

func entityNames(list []ir.Entity) []string {
	var out []string
	for _, e := range list {
		out = append(out, e.Column.Name+" "+e.Type)
	}
	return out
}

func TestNames(t *testing.T) {
	item := func(title, id string) *Item { return &Item{Hunt: &ir.Hunt{Meta: ir.Meta{Title: title, ID: id}}} }
	got := Names([]*Item{
		item("one", "11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa"), item("same", "22222222-aaaa-4aaa-8aaa-aaaaaaaaaaaa"), item("SAME", "22222222-bbbb-4aaa-8aaa-aaaaaaaaaaaa"),
		item("same", "33333333-aaaa-4aaa-8aaa-aaaaaaaaaaaa"), item(strings.Repeat("é", 40), "44444444-AAAA-4aaa-8aaa-aaaaaaaaaaaa"), item("", "55555555-aaaa-4aaa-8aaa-aaaaaaaaaaaa"),
	}, func(s string) string { return s }, 30)
	want := []string{"one", "same (22222222-aaaa)", "SAME (22222222-bbbb)", "same (33333333)", strings.Repeat("é", 19) + " (44444444)", ""}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestObject(t *testing.T) {
	o := &Object{Name: "n"}
	o.Set("a", "1")
	o.Set("b", "2")
	o.Set("a", "3")
	if o.Get("a") != "3" || len(o.Fields) != 2 {
		t.Errorf("%+v", o)
	}
}

func TestRowKeys(t *testing.T) {
	f := func(n string) *ir.Field { return &ir.Field{Name: n} }
	agg := &ir.Aggregate{By: []*ir.Col{{As: "a", X: f("x")}, {As: "b", X: f("y")}}, Aggs: []*ir.Agg{{As: "n", Func: ir.Count}}, Input: &ir.Scan{}}
	for _, tt := range []struct {
		q    ir.Query
		want string
	}{
		{agg, "a b"}, {&ir.Sort{Input: &ir.Filter{Input: agg}}, "a b"}, {&ir.Scan{}, ""}, {&ir.Distinct{By: []*ir.Field{f("c")}, Input: agg}, "c"},
		{&ir.Project{Input: agg, Cols: []*ir.Col{{As: "b", X: f("b")}, {As: "q", X: f("a")}}}, "q b"},
		{&ir.Project{Input: agg, Cols: []*ir.Col{{As: "b", X: f("b")}, {As: "n", X: f("n")}}}, ""},
		{&ir.Join{Left: agg, Right: &ir.Scan{}}, ""},
	} {
		if got := strings.Join(RowKeys(tt.q), " "); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
}
