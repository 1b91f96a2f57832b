package sigma_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/ir"
)

const deployed = `title: Shell
logsource: {category: process_creation}
detection:
    s: {Image|endswith: '\sh.exe'}
    condition: s
hunt:
`

const fullDeployment = `    alert: true
    schedule:
        every: 3h
        cron: '17 */3 * * 1-5'
    throttle: {period: 1d, by: [Computer, User]}
    finding:
        title: Shell {{1}} on {Computer}
        description: "{User}: {CommandLine}\nsecond line"
        domain: endpoint
    risk:
        message: '{User} ran it'
        score: 60
        objects:
            - {column: Computer, type: system, score: 40}
            - {column: User, type: user}
        threats:
            - {column: Image, type: process_name}
    entities:
        - {column: Computer, type: device}
    response:
        actions: [isolate_device, run_antivirus_scan]
        recommended: Look.
`

func TestDeployment(t *testing.T) {
	doc := document{"d.yml", []byte(deployed + fullDeployment)}
	file, diags := sigma.Load(doc.path, doc.src, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	have := file.Hunts[0].Meta.Deployment
	col := func(name string) ir.ColumnRef { return ir.ColumnRef{Name: name} }
	want := &ir.Deployment{
		Alert:    ir.AlertOn,
		Schedule: &ir.Schedule{Every: "3h", Cron: "17 */3 * * 1-5"},
		Throttle: &ir.Throttle{Period: 24 * 3600e9, By: []ir.ColumnRef{col("Computer"), col("User")}},
		Finding: &ir.Finding{
			Title:       &ir.AlertText{Parts: []ir.AlertPart{{Text: "Shell {1} on "}, {Column: "Computer"}}},
			Description: &ir.AlertText{Parts: []ir.AlertPart{{Column: "User"}, {Text: ": "}, {Column: "CommandLine"}, {Text: "\nsecond line"}}},
			Domain:      "endpoint",
		},
		Risk: &ir.Risk{
			Message: &ir.AlertText{Parts: []ir.AlertPart{{Column: "User"}, {Text: " ran it"}}},
			Score:   60,
			Objects: []ir.RiskObject{{Column: col("Computer"), Type: "system", Score: 40}, {Column: col("User"), Type: "user"}},
			Threats: []ir.ThreatObject{{Column: col("Image"), Type: "process_name"}},
		},
		Entities: []ir.Entity{{Column: col("Computer"), Type: "device"}},
		Response: &ir.Response{Actions: []ir.Action{{Name: "isolate_device"}, {Name: "run_antivirus_scan"}}, Recommended: "Look."},
	}
	if d := cmp.Diff(want, have, cmpopts.IgnoreTypes(diag.Span{})); d != "" {
		t.Errorf("(-want +have)\n%s", d)
	}
	var names []string
	for _, c := range have.Columns() {
		names = append(names, c.Name)
		if !c.Pos.IsValid() {
			t.Errorf("%s has no place", c.Name)
		}
	}
	if got := strings.Join(names, " "); got != "Computer User CommandLine Image" {
		t.Errorf("columns: %s", got)
	}
	writeAll(t, doc)
	once, diags := sigma.Format(doc.path, doc.src)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	again, _ := sigma.Format(doc.path, once)
	if d := cmp.Diff(string(once), string(again)); d != "" {
		t.Errorf("not stable: %s", d)
	}
}

func TestDeploymentRefuses(t *testing.T) {
	for _, tt := range []struct{ block, want string }{
		{"alert: maybe", "HC0104 7:12"},
		{"alert: []", "HC0104 7:12"},
		{"alert: [splunk, sentinel]", "HC0403 7:21"},
		{"alert: [splunk, splunk]", "HC0403 7:21"},
		{"schedule: {}", "HC0104 7:15"},
		{"schedule: {every: 2h}", "HC0107 7:23"},
		{"schedule: {evry: 1h}", "HC0101 7:16"},
		{"schedule: {cron: '* * * *'}", "HC0431 7:23"},
		{"schedule: {cron: '60 * * * *'}", "HC0431 7:23"},
		{"schedule: {cron: '* * 0 * *'}", "HC0431 7:23"},
		{"schedule: {cron: '*/0 * * * *'}", "HC0431 7:23"},
		{"schedule: {cron: '5-1 * * * *'}", "HC0431 7:23"},
		{"schedule: {cron: '0 0 31 2 *'}", "HC0431 7:23"},
		{"schedule: {cron: '0 0 30-31 2 *'}", "HC0431 7:23"},
		{"schedule: {cron: '0 0 31 4,6,9-11/2 *'}", "HC0431 7:23"},
		{"schedule: {cron: '0 0 29 2 *'}", ""},
		{"schedule: {cron: '0 0 31 2,3 *'}", ""},
		{"schedule: {cron: '0 0 31 */6 *'}", ""},
		{"schedule: {cron: '0 0 31 2/5 *'}", ""},
		{"schedule: {cron: '0 0 30,1 2 *'}", ""},
		{"schedule: {cron: '0 0 31 2 1'}", ""},
		{"schedule: {cron: \"* * * * *\\nsearch = x\"}", "HC0431 7:23"},
		{"throttle: {by: [User]}", "HC0103 7:5"},
		{"throttle: {period: soon}", "HC0401 7:24"},
		{"throttle: {period: 1h, by: [User, User]}", "HC0415 7:39"},
		{"finding: {title: 'a {b'}", "HC0432 7:23"},
		{"finding: {title: 'a }b'}", "HC0432 7:23"},
		{"finding: {title: 'a {}'}", "HC0432 7:23"},
		{"finding: {title: \"a\\nb\"}", "HC0432 7:23"},
		{"finding: {title: ''}", "HC0432 7:23"},
		{"finding: {domain: moon}", "HC0107 7:23"},
		{"risk: {score: 0}", "HC0433 7:19"},
		{"risk: {score: 101}", "HC0433 7:19"},
		{"risk: {objects: [{column: User}]}", "HC0103 7:22"},
		{"risk: {objects: [{column: User, type: users}]}", "HC0107 7:43"},
		{"risk: {threats: [{column: User, type: nothing}]}", "HC0107 7:43"},
		{"risk: {threats: [{column: User, type: url, score: 4}]}", "HC0101 7:48"},
		{"entities: {column: User}", "HC0104 7:15"},
		{"entities: [{column: User, type: user}, {column: User, type: user}]", "HC0415 7:44"},
		{"entities: [{column: '', type: user}]", "HC0225 7:26"},
		{"response: {actions: [isolate]}", "HC0107 7:26"},
		{"response: {actions: [disable_user, disable_user]}", "HC0111 7:40"},
	} {
		_, diags := sigma.Load("d.yml", []byte(deployed+"    "+tt.block+"\n"), nil)
		var have []string
		for _, d := range diags {
			if d.Severity == diag.Error {
				have = append(have, fmt.Sprintf("%s %d:%d", d.Code, d.Pos.Line, d.Pos.Column))
			}
		}
		if got := strings.Join(have, ", "); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.block, got, tt.want)
		}
	}
}

func TestAlertOnSomeTargets(t *testing.T) {
	doc := document{"d.yml", []byte(deployed + "    alert: [splunk]\n")}
	file, diags := sigma.Load(doc.path, doc.src, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	d := file.Hunts[0].Meta.Deployment
	if !d.Alerts("splunk") || d.Alerts("defender") {
		t.Errorf("%+v", d)
	}
	writeAll(t, doc)
	var none *ir.Deployment
	if !none.Alerts("splunk") {
		t.Error("a document that says nothing alerts")
	}
}
