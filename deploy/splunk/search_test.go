package splunk

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/diag"
)

const plain = `title: Shell for $5
id: 11111111-2222-4333-8444-555555555555
description: |
    First line.
    Second line \
level: high
tags: [attack.execution, attack.t1059.001, cve.2024-3400]
logsource: {category: process_creation, product: windows}
detection:
    s: {Image|endswith: '\cmd.exe'}
    condition: s
`

func itemsOf(t *testing.T, doc string) []*deploy.Item {
	t.Helper()
	name := filepath.Join(t.TempDir(), "a.yml")
	if err := os.WriteFile(name, []byte(doc), 0o644); err != nil {
		t.Fatal(err)
	}
	r, items, err := compiler.Items(compiler.Options{Paths: []string{name}}, "splunk")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range r.All() {
		if d.Severity == diag.Error {
			t.Fatalf("%s %s", d.Code, d.Message)
		}
	}
	return items
}

// shown are the fields of the only search of a document, one a line.
func shown(t *testing.T, doc string) string {
	t.Helper()
	objects, diags := Searches(itemsOf(t, doc), "Acme")
	if len(objects) != 1 || diags.HasErrors() {
		t.Fatal(len(objects), diags)
	}
	var b strings.Builder
	for _, f := range objects[0].Fields {
		if f.Key != keySearch && f.Key != keyMetadata {
			fmt.Fprintf(&b, "%s = %q\n", f.Key, f.Value)
		}
	}
	return b.String()
}

func TestKeys(t *testing.T) {
	want := `description = "First line.\nSecond line \\ ."
disabled = "0"
is_visible = "0"
is_scheduled = "1"
dispatch.earliest_time = "-24h"
dispatch.latest_time = "now"
cron_schedule = "17 6 * * *"
schedule_window = "auto"
realtime_schedule = "0"
alert_type = "number of events"
alert_comparator = "greater than"
alert_threshold = "0"
alert.digest_mode = "1"
alert.severity = "5"
alert.suppress = "1"
alert.suppress.period = "5400s"
alert.suppress.fields = "dest,user"
actions = "notable,risk"
action.correlationsearch.enabled = "1"
action.correlationsearch.detection_type = "ebd"
action.correlationsearch.label = "Acme - Shell for $5"
action.correlationsearch.annotations = "{\"mitre_attack\":[\"T1059.001\"],\"kill_chain_phases\":[\"Installation\"],\"cve\":[\"CVE-2024-3400\"]}"
action.notable.param.rule_title = "$user$ on $dest$ for $$5 {x}"
action.notable.param.rule_description = "First line.\nSecond line \\ ."
action.notable.param.severity = "high"
action.notable.param.security_domain = "threat"
action.notable.param.nes_fields = "dest,user"
action.notable.param.drilldown_searches = "[{\"name\":\"The rows about $dest$\",\"search\":\"%original_detection_search% | search dest=\\\"$dest$\\\"\",\"earliest_offset\":\"$info_min_time$\",\"latest_offset\":\"$info_max_time$\"},{\"name\":\"The rows about $user$\",\"search\":\"%original_detection_search% | search user=\\\"$user$\\\"\",\"earliest_offset\":\"$info_min_time$\",\"latest_offset\":\"$info_max_time$\"}]"
action.notable.param.next_steps = "{\"version\":1,\"data\":\"Look.\\nThen act.\"}"
action.risk.param._risk = "[{\"risk_object_field\":\"dest\",\"risk_object_type\":\"system\",\"risk_score\":90},{\"risk_object_field\":\"user\",\"risk_object_type\":\"user\",\"risk_score\":60},{\"threat_object_field\":\"process_path\",\"threat_object_type\":\"process_name\"}]"
action.risk.param._risk_message = "$user$ ran $process$"
action.risk.param._risk_score = "0"
action.risk.param.verbose = "0"
`
	got := shown(t, plain+`fields: [Image]
hunt:
    window: 1d
    schedule: {cron: '17 6 * * *'}
    throttle: {period: 90m, by: [Computer, User]}
    finding: {title: '{User} on {Computer} for $5 {{x}}', domain: threat}
    risk:
        message: '{User} ran {CommandLine}'
        score: 60
        objects: [{column: Computer, type: system, score: 90}, {column: User, type: user}]
        threats: [{column: Image, type: process_name}]
    response: {recommended: "Look.\nThen act."}
`)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +have)\n%s", d)
	}
}

func TestHuntsForPeople(t *testing.T) {
	want := `description = "First line.\nSecond line \\ ."
disabled = "0"
is_visible = "1"
is_scheduled = "0"
dispatch.earliest_time = "-168h"
dispatch.latest_time = "now"
actions = ""
action.correlationsearch.enabled = "0"
`
	if d := cmp.Diff(want, shown(t, plain+"hunt: {window: 7d, alert: false}\n")); d != "" {
		t.Errorf("(-want +have)\n%s", d)
	}
	if d := cmp.Diff(want, shown(t, plain+"hunt: {window: 7d, alert: [defender]}\n")); d != "" {
		t.Errorf("(-want +have)\n%s", d)
	}
	if d := cmp.Diff(strings.Replace(want, "-168h", "-24h", 1), shown(t, plain+"hunt: {alert: false}\n")); d != "" {
		t.Errorf("without a window (-want +have)\n%s", d)
	}
}

// TestThrottle: a row that later runs see again does not alert again.
func TestThrottle(t *testing.T) {
	const piped = "taxonomy: huntc\n" + plain
	for _, tt := range []struct{ doc, want string }{
		{plain, "0"},
		{plain + "hunt: {window: 1d}\n", "1 86400s process_name,dest,user,process_path,process,parent_process_path,parent_process_name,parent_process"},
		{piped + "hunt:\n    window: 1d\n    pipeline: summarize n = count() by Computer, who = User\n", "1 86400s dest,who"},
		{piped + "hunt:\n    window: 1d\n    pipeline: |\n        summarize n = count() by Computer, who = User\n        project n, who\n", "1 86400s n,who"},
		{plain + "hunt: {schedule: {cron: '0 9-17 * * 1-5'}}\n", "1 230400s process_name,dest,user,process_path,process,parent_process_path,parent_process_name,parent_process"},
		{plain + "hunt: {schedule: {cron: '17 * * * *'}}\n", "0"},
		{plain + "hunt: {throttle: {period: 1h}}\n", "1 3600s"},
		{plain + "hunt: {throttle: {period: 1h, by: [User]}}\n", "1 3600s user"},
	} {
		objects, diags := Searches(itemsOf(t, tt.doc), "Acme")
		if len(objects) != 1 {
			t.Fatal(diags)
		}
		o := objects[0]
		if got := strings.TrimSpace(o.Get("alert.suppress") + " " + o.Get("alert.suppress.period") + " " + o.Get("alert.suppress.fields")); got != tt.want {
			t.Errorf("%s\nhave %q\nwant %q", tt.doc, got, tt.want)
		}
	}
}

// TestFindings: below medium a row adds risk only, unless nobody's can rise.
func TestFindings(t *testing.T) {
	low := strings.Replace(plain, "level: high", "level: low", 1)
	for _, tt := range []struct{ doc, want string }{
		{plain, "notable,risk"}, {low, "risk"}, {low + "hunt: {finding: {title: x}}\n", "notable,risk"},
		{"taxonomy: huntc\n" + low + "hunt: {pipeline: summarize n = count() by Image}\n", "notable"},
	} {
		objects, diags := Searches(itemsOf(t, tt.doc), "Acme")
		if len(objects) != 1 || objects[0].Get("actions") != tt.want {
			t.Errorf("%s\n%v %v, want %s", tt.doc, objects, diags, tt.want)
		}
	}
}

func TestDiagnostics(t *testing.T) {
	native := "title: N\nid: 11111111-2222-4333-8444-555555555555\ntaxonomy: huntc\nhunt:\n    targets: [splunk]\n    native:\n        splunk: "
	for _, tt := range []struct{ name, doc, want string }{
		{"plain", plain, ""},
		{"a backslash at the end", native + `'index=main path="C:\"\'` + "\n", "error HC0912 7:18"},
		{"a backslash at the end of a line", native + "|\n            index=main \\\n            foo\n", "error HC0912 8:13"},
		{"a control character", native + `"index=main \x1b"` + "\n", "error HC0912 7:18"},
		{"a carriage return", native + `"index=main\rfoo"` + "\n", "error HC0912 7:18"},
		{"lines of another system", native + `"index=main\r\n| stats count"` + "\n", ""},
		{"a macro", native + "'`acme` foo'\n", "warning HC0913 7:18"},
		{"known macros", native + "'`huntc_process_creation` foo | `drop_dm_object_name(Processes)`'\n", ""},
		{"seen too rarely", plain + "hunt:\n    window: 1h\n    schedule: {cron: '0 6 * * *'}\n", "error HC0904 14:5"},
		{"a column that Splunk cannot name", "taxonomy: huntc\n" + plain + "hunt:\n    window: 1d\n    pipeline: \"summarize n = count() by ['a,b'] = Computer\"\n", "error HC0912 1:1"},
		{"responses", plain + "hunt: {response: {actions: [isolate_device]}}\n", "info HC0914 12:29"},
		{"a long title", strings.Replace(plain, "Shell for $5", strings.Repeat("long ", 30), 1), "info HC0911 1:8"},
		{"no id", strings.Replace(plain, "id: 11111111-2222-4333-8444-555555555555\n", "", 1), "error HC0903 1:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, diags := testApp(t, nil).Files(itemsOf(t, tt.doc))
			var have []string
			for _, d := range diags {
				have = append(have, fmt.Sprintf("%s %s %d:%d", d.Severity, d.Code, d.Pos.Line, d.Pos.Column))
			}
			if got := strings.Join(have, ", "); got != tt.want {
				t.Errorf("have %q\nwant %q\n%v", got, tt.want, diags)
			}
		})
	}
}

func TestCheckApp(t *testing.T) {
	good := App{ID: "a_b-c", Label: "A b.c", Version: "1.20.300"}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for _, bad := range []App{
		{ID: "", Label: "a", Version: "1.0.0"}, {ID: "../x", Label: "a", Version: "1.0.0"}, {ID: "1a", Label: "a", Version: "1.0.0"},
		{ID: "a", Label: "", Version: "1.0.0"}, {ID: "a", Label: "a]", Version: "1.0.0"}, {ID: "a", Label: " a", Version: "1.0.0"}, {ID: "a", Label: strings.Repeat("a", 31), Version: "1.0.0"},
		{ID: "a", Label: "a", Version: "1.0"}, {ID: "a", Label: "a", Version: "1.0.0-rc"}, {ID: "a", Label: "a", Version: "01.0.0"},
	} {
		if bad.Check() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
