package defender

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/internal/sharedtest"
	"github.com/huntc/huntc/ir"
)

const head = "title: Shell\nid: 11111111-2222-4333-8444-555555555555\n"

const plain = head + `level: high
tags: [attack.execution, attack.t1059.001, cve.2024-3400]
logsource: {category: process_creation, product: windows}
detection:
    s: {Image|endswith: '\cmd.exe'}
    condition: s
`

const piped = "taxonomy: huntc\n" + plain

// items builds documents for Defender. All errors of the build fail the test.
func items(t *testing.T, docs ...string) []*deploy.Item {
	t.Helper()
	dir := t.TempDir()
	for i, doc := range docs {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%c.yml", 'a'+i)), []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, out, err := compiler.Items(compiler.Options{Paths: []string{dir}}, "defender")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range r.All() {
		if d.Severity == diag.Error {
			t.Fatalf("%s %s\n%s", d.Code, d.Message, docs)
		}
	}
	return out
}

func codes(list diag.List) string {
	var out []string
	for _, d := range list {
		if d.Severity != diag.Info || d.Code == codeSplunkOnly {
			out = append(out, fmt.Sprintf("%s %s %d:%d", d.Severity, d.Code, d.Pos.Line, d.Pos.Column))
		}
	}
	return strings.Join(out, ", ")
}

func TestRule(t *testing.T) {
	list := items(t, plain+`hunt:
    schedule: {every: 3h}
    finding: {title: 'Shell {{x}} on {Computer}', description: '{User} ran {CommandLine}'}
    response: {actions: [isolate_device], recommended: Look.}
`)
	rules, diags := Rules(list)
	if len(rules) != 1 || codes(diags) != "" {
		t.Fatal(len(rules), diags)
	}
	var have map[string]any
	if err := json.Unmarshal(JSON(rules[0], "soc"), &have); err != nil {
		t.Fatal(err)
	}
	asset := func(typ, id string) any {
		return map[string]any{"@odata.type": "#microsoft.graph.security." + typ, "identifier": id}
	}
	want := map[string]any{
		"displayName": "Shell", "isEnabled": true,
		"queryCondition": map[string]any{"queryText": list[0].Query},
		"schedule":       map[string]any{"period": "3H"},
		"detectionAction": map[string]any{
			"alertTemplate": map[string]any{
				"title": "Shell {x} on {{DeviceName}}", "description": "{{AccountName}} ran {{ProcessCommandLine}}\n\nhuntc:soc:11111111-2222-4333-8444-555555555555:" + Wanted(rules[0], "").Hash(),
				"severity": "high", "category": "Execution", "recommendedActions": "Look.", "mitreTechniques": []any{"T1059.001"},
				"impactedAssets": []any{asset("impactedDeviceAsset", "deviceId"), asset("impactedUserAsset", "accountName")},
			},
			"responseActions": []any{map[string]any{"@odata.type": "#microsoft.graph.security.isolateDeviceResponseAction", "identifier": "deviceId", "isolationType": "full"}},
		},
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("(-want +have)\n%s", d)
	}
}

// TestRefused: what cannot be a custom detection, or only with a word.
func TestRefused(t *testing.T) {
	native := "taxonomy: huntc\n" + head + "hunt:\n    targets: [defender]\n    native:\n        defender: "
	for _, tt := range []struct{ name, doc, want string }{
		{"plain", plain, ""},
		{"sums up", piped + "hunt:\n    pipeline: summarize n = count() by Computer\n", ""},
		{"a name of an event's column", piped + "hunt:\n    pipeline: |\n        summarize n = count() by Computer, Timestamp = bin(Timestamp, 1h)\n", "error HC0921 12:9"},
		{"no entity", piped + "hunt:\n    targets: [defender]\n    pipeline: |\n        summarize n = count() by Image\n        project n, DeviceId = Image\n", "error HC0921 13:9"},
		{"states", head + "taxonomy: huntc\nhunt: {template: asset_exposure, iocs: {cves: [CVE-2024-3400]}}\n", "error HC0921 1:1"},
		{"states for people", head + "taxonomy: huntc\nhunt: {template: asset_exposure, alert: false, iocs: {cves: [CVE-2024-3400]}}\n", ""},
		{"states, alert elsewhere", head + "taxonomy: huntc\nhunt: {template: asset_exposure, alert: [splunk], iocs: {cves: [CVE-2024-3400]}}\n", ""},
		{"an entity that is none", piped + "hunt:\n    pipeline: project who = concat(User, Image), Computer\n    entities: [{column: who, type: user}]\n", "error HC0923 12:25"},
		{"a device that is none, beside the id of one", piped + "hunt:\n    pipeline: extend who = concat(User, Image)\n    entities: [{column: who, type: device}]\n", "error HC0923 12:25"},
		{"a device by another name", piped + "hunt:\n    pipeline: summarize n = count() by where_ = Computer\n    entities: [{column: where_, type: device}]\n", ""},
		{"two devices", plain + "hunt:\n    entities: [{column: Computer, type: device}, {column: DeviceId, type: device}]\n", "error HC0923 10:59"},
		{"looks back too far", piped + "hunt:\n    window: 7d\n    schedule: {every: 1h}\n    pipeline: summarize n = count() by Computer\n", "error HC0924 12:23"},
		{"looks back too short", piped + "hunt:\n    window: 1h\n    schedule: {every: 24h}\n    pipeline: summarize n = count() by Computer\n", "error HC0904 12:5"},
		{"one event, any window", plain + "hunt:\n    window: 7d\n    schedule: {every: 1h}\n", ""},
		{"continuous", "title: C\nid: 11111111-2222-4333-8444-555555555555\nlogsource: {category: process_creation}\ndetection:\n    s: {ProcessId: 4}\n    condition: s\nhunt:\n    schedule: {every: continuous}\n", ""},
		{"continuous with an operator that is not documented", strings.Replace(plain, "'\\cmd.exe'", "['\\cmd.exe', '\\sh.exe']", 1) + "hunt:\n    schedule: {every: continuous}\n", "warning HC0926 10:23"},
		{"continuous with a stage", piped + "hunt:\n    schedule: {every: continuous}\n    pipeline: summarize n = count() by Computer\n", "error HC0925 11:23"},
		{"continuous with a sort", piped + "hunt:\n    schedule: {every: continuous}\n    pipeline: sort by Image asc\n", "error HC0925 11:23"},
		{"continuous with a comment", native + "'DeviceInfo // all'\n    schedule: {every: continuous}\n", "error HC0925 8:23"},
		{"continuous, no comment", native + "'DeviceInfo | where DeviceName != \"//\"'\n    schedule: {every: continuous}\n", ""},
		{"continuous with a table of its own", native + "'AADSignInEventsBeta | where ErrorCode == 0'\n    schedule: {every: continuous}\n", "error HC0925 8:23"},
		{"continuous with a join", native + "'DeviceInfo | join kind=inner DeviceEvents on DeviceId'\n    schedule: {every: continuous}\n", "error HC0925 8:23"},
		{"native text by time", native + "'DeviceEvents | where Timestamp > ago(1h)'\n", "warning HC0927 7:20"},
		{"native text that sums up", native + "'DeviceEvents | summarize n = count() by DeviceId'\n", "error HC0921 7:20"},
		{"native text as Microsoft writes it", native + "'DeviceEvents | summarize (Timestamp, ReportId) = arg_max(Timestamp, ReportId), n = count() by DeviceId'\n", ""},
		{"native text that is not understood", native + "'DeviceEvents | evaluate bag_unpack(AdditionalFields)'\n", "warning HC0932 7:20"},
		{"a response without its column", plain + "hunt:\n    response: {actions: [isolate_device, disable_user]}\n", "error HC0928 10:42"},
		{"cron", plain + "hunt:\n    schedule: {cron: '17 6 * * *'}\n", "info HC0929 10:23"},
		{"four columns", plain + "hunt:\n    finding: {title: '{Computer} {User} {Image} {ParentImage}'}\n", "warning HC0930 10:5"},
		{"no id", strings.Replace(plain, "id: 11111111-2222-4333-8444-555555555555\n", "", 1), "error HC0903 1:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, diags := Rules(items(t, tt.doc))
			if got := codes(diags); got != tt.want {
				t.Errorf("have %q\nwant %q\n%v", got, tt.want, diags)
			}
			for _, d := range diags {
				if d.Hint == "" && d.Severity != diag.Info {
					t.Errorf("%s says not what to do", d.Code)
				}
			}
		})
	}
}

// TestPeriods: the frequency follows the level, the window and the document.
func TestPeriods(t *testing.T) {
	const count = "    pipeline: summarize n = count() by Computer\n"
	for _, tt := range []struct{ doc, want string }{
		{plain, "1H"}, {strings.Replace(plain, "high", "low", 1), "12H"}, {strings.Replace(plain, "level: high\n", "", 1), "3H"},
		{piped + "hunt:\n    window: 7d\n" + count, "24H"}, {piped + "hunt:\n    window: 1d\n" + count, "12H"}, {piped + "hunt:\n    window: 4h\n" + count, "1H"},
		{piped + "hunt:\n" + count, "1H"}, {plain + "hunt: {window: 30d}\n", "1H"},
		{strings.Replace(piped, "high", "informational", 1) + "hunt:\n    window: 1h\n" + count, "1H"},
		{strings.Replace(plain, "s: {Image|endswith: '\\cmd.exe'}", "s: {ProcessId: 4}", 1) + "hunt: {schedule: {every: continuous}}\n", "0"},
	} {
		rules, diags := Rules(items(t, tt.doc))
		if len(rules) != 1 || rules[0].Get(keyPeriod) != tt.want {
			t.Errorf("%s\nhave %v, want %s: %v", tt.doc, rules, tt.want, diags)
		}
	}
}

// TestOwnNames: a column that the pipeline calls otherwise is found by the
// service under its own name.
func TestOwnNames(t *testing.T) {
	rules, diags := Rules(items(t, "taxonomy: huntc\n"+head+`logsource: {product: azure, service: signinlogs}
detection:
    s: {resultType: 0}
    condition: s
hunt:
    pipeline: summarize n = count() by who = Username
`))
	if len(rules) != 1 || !strings.Contains(rules[0].Get(keyAssets), `"accountUpn"`) || !strings.Contains(rules[0].Get(keyQuery), "extend AccountUpn = who") {
		t.Errorf("%v\n%v", rules, diags)
	}
}

// TestCorpus: each rule of the corpus that compiles is a custom detection, or
// has an error of its own; what is written is what Graph takes.
func TestCorpus(t *testing.T) {
	root := sharedtest.Path(t, "corpus", "sigma")
	var paths []string
	for _, d := range []string{"rules", "rules-emerging-threats", "rules-threat-hunting", "rules-compliance"} {
		paths = append(paths, filepath.Join(root, d))
	}
	_, list, err := compiler.Items(compiler.Options{Paths: paths}, "defender")
	if err != nil {
		t.Fatal(err)
	}
	rules, diags := Rules(list)
	failed := 0
	for _, d := range diags {
		if d.Severity == diag.Error {
			failed++
			if d.Code != codeNoEntity {
				t.Errorf("%s: %s %s", d.Pos.Filename, d.Code, d.Message)
			}
		}
	}
	if len(rules)+failed != len(list) || len(rules) < 2100 {
		t.Errorf("%d rules and %d errors for %d items", len(rules), failed, len(list))
	}
	t.Logf("%d items: %d custom detections, %d without an entity", len(list), len(rules), failed)
	tactics := []string{noTactic}
	for _, s := range []string{"Reconnaissance", "ResourceDevelopment", "InitialAccess", "Execution", "Persistence", "PrivilegeEscalation", "DefenseEvasion",
		"CredentialAccess", "Discovery", "LateralMovement", "Collection", "CommandAndControl", "Exfiltration", "Impact"} {
		tactics = append(tactics, s)
	}
	names := map[string]bool{}
	again, _ := Rules(list)
	for i, o := range rules {
		text := JSON(o, "soc")
		if string(text) != string(JSON(again[i], "soc")) {
			t.Errorf("%s differs from one time to the next", o.Name)
		}
		var body ruleBody
		dec := json.NewDecoder(strings.NewReader(string(text)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&body); err != nil {
			t.Fatal(err)
		}
		if names[strings.ToLower(body.DisplayName)] {
			t.Errorf("the name %q stands there twice", body.DisplayName)
		}
		names[strings.ToLower(body.DisplayName)] = true
		a := body.Action.Alert
		if !slices.Contains(tactics, a.Category) || !slices.Contains([]string{"informational", "low", "medium", "high"}, a.Severity) || !slices.Contains([]string{"1H", "3H", "12H", "24H"}, body.Schedule.Period) {
			t.Errorf("%s: %s %s %s", o.Name, a.Category, a.Severity, body.Schedule.Period)
		}
		if !strings.HasSuffix(a.Description, "\n\nhuntc:soc:"+o.ID+":"+Wanted(o, "").Hash()) {
			t.Errorf("%s: the description ends in %q", o.Name, a.Description[max(0, len(a.Description)-90):])
		}
	}
	sentinel, diags := Sentinel(list)
	for _, d := range diags {
		if d.Severity == diag.Error && d.Code != codeSentinel && d.Code != codeTooLong {
			t.Errorf("%s: %s %s", d.Pos.Filename, d.Code, d.Message)
		}
	}
	for _, s := range sentinel {
		var body sentinelBody
		dec := yaml.NewDecoder(strings.NewReader(string(s.YAML)))
		dec.KnownFields(true)
		if err := dec.Decode(&body); err != nil {
			t.Fatal(err)
		}
		if strings.TrimSuffix(body.Query, "\n") != strings.TrimSpace(s.Item.Analytic.Query) {
			t.Errorf("%s: the query differs", s.Item.File)
		}
		for _, e := range body.Entities {
			for _, f := range e.Fields {
				if !slices.Contains(s.Item.Analytic.Columns, f.Column) {
					t.Errorf("%s: the column %s is not in the rows", s.Item.File, f.Column)
				}
			}
		}
	}
	t.Logf("%d analytics rules", len(sentinel))
	if len(sentinel) < 2100 {
		t.Error("too few")
	}
}

// TestSentinelTimes: when rules run and how far back they look.
func TestSentinelTimes(t *testing.T) {
	const count = "    pipeline: summarize n = count() by Computer\n"
	for _, tt := range []struct{ doc, frequency, period, kind, code string }{
		{plain, "1h", "65m", "Scheduled", ""},
		{plain + "hunt: {window: 7d}\n", "1h", "65m", "Scheduled", ""},
		{piped + "hunt:\n    window: 7d\n" + count, "1h", "7d", "Scheduled", ""},
		{piped + "hunt:\n    window: 90m\n" + count, "1h", "90m", "Scheduled", ""},
		{piped + "hunt:\n    window: 30d\n" + count, "", "", "", "error HC0924 1:1"},
		{plain + "hunt: {schedule: {every: continuous}}\n", "", "", "NRT", ""},
		{piped + "hunt:\n    schedule: {every: continuous}\n" + count, "", "", "", "error HC0925 11:23"},
		{plain + "hunt: {alert: false}\n", "", "", "", ""},
	} {
		rules, diags := Sentinel(items(t, tt.doc))
		if got := codes(diags); got != tt.code {
			t.Errorf("%s\n%s, want %s", tt.doc, got, tt.code)
		}
		if len(rules) == 0 {
			continue
		}
		var b sentinelBody
		if err := yaml.Unmarshal(rules[0].YAML, &b); err != nil {
			t.Fatal(err)
		}
		if b.Frequency != tt.frequency || b.Period != tt.period || b.Kind != tt.kind || strings.Contains(b.Query, "ago(") {
			t.Errorf("%s\n%s %s %s\n%s", tt.doc, b.Frequency, b.Period, b.Kind, b.Query)
		}
	}
}

// TestSentinelLimits: what Sentinel does not take, or only a part of.
func TestSentinelLimits(t *testing.T) {
	long := func(n int) string {
		return head + "taxonomy: huntc\nhunt:\n    targets: [defender]\n    native:\n        defender: DeviceEvents | where FileName == \"" + strings.Repeat("é", n) + "\"\n"
	}
	fixed := len("DeviceEvents | where FileName == \"\"\n")
	for _, tt := range []struct{ name, doc, want string }{
		{"as long as it may be", long(maxQuery - fixed), ""},
		{"longer", long(maxQuery - fixed + 1), "error HC0934 1:1"},
		{"longer, for people", strings.Replace(long(maxQuery), "hunt:", "hunt:\n    alert: false", 1), ""},
		{"four columns", plain + "hunt:\n    finding: {title: '{Computer} {User} {Image} {ParentImage}'}\n", "warning HC0930 10:5"},
	} {
		_, diags := Sentinel(items(t, tt.doc))
		if got := codes(diags); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		for _, d := range diags {
			if strings.Contains(d.Message, "Defender") {
				t.Errorf("%s: %s", tt.name, d.Message)
			}
		}
	}
}

// TestHostileTexts: no text of a document changes the structure of what is
// written.
func TestHostileTexts(t *testing.T) {
	list := items(t, plain, strings.Replace(plain, "11111111", "22222222", 1))
	for _, text := range []string{"\"}, \"x\": {", "{{DeviceId}} }} {{", "a\nb: c\n---\n", "\x00\x1b\u2028\u202e", "\xff", "'", "!!binary x", "&a *a", "% @ `", strings.Repeat("x", 500), ""} {
		for _, it := range list {
			h := *it.Hunt
			h.Meta.Title, h.Meta.Description = text, text
			h.Meta.Deployment = &ir.Deployment{Finding: &ir.Finding{Title: &ir.AlertText{Parts: []ir.AlertPart{{Text: text}}}}, Response: &ir.Response{Recommended: text}}
			it.Hunt = &h
		}
		rules, diags := Rules(list)
		if len(rules) != 2 || diags.HasErrors() {
			t.Fatalf("%q: %v", text, diags)
		}
		if strings.EqualFold(rules[0].Name, rules[1].Name) {
			t.Errorf("%q: two rules are called %q", text, rules[0].Name)
		}
		for _, o := range rules {
			var b ruleBody
			if err := json.Unmarshal(JSON(o, "soc"), &b); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if b.Query.Text != list[0].Query || strings.Contains(b.Action.Alert.Title, "{{") || strings.ContainsAny(b.DisplayName, "\n\x00") || len([]rune(b.DisplayName)) > maxName {
				t.Errorf("%q: %+v", text, b)
			}
		}
		sentinel, _ := Sentinel(list)
		for _, s := range sentinel {
			var b sentinelBody
			if err := yaml.Unmarshal(s.YAML, &b); err != nil {
				t.Fatalf("%q: %v\n%s", text, err, s.YAML)
			}
			if strings.TrimSpace(b.Query) != strings.TrimSpace(list[0].Analytic.Query) || b.ID == "" {
				t.Errorf("%q: %+v", text, b)
			}
		}
		for _, line := range strings.Split(strings.TrimSuffix(string(HuntingQuery(list[0])), "\n"), "\n") {
			if !strings.HasPrefix(line, "// ") && !strings.Contains(list[0].Query, line) {
				t.Errorf("%q: the line %q is no comment", text, line)
			}
		}
	}
}

func TestScan(t *testing.T) {
	for _, tt := range []struct {
		query   string
		comment bool
	}{
		{`T | where a == "//"`, false}, {`T // x`, true}, {`T | where a == @"\" // x`, true}, {`T | where a == "\"//"`, false},
		{`T | where a == @"""//"`, false}, {`T | where a == '//'`, false}, {"T | where a == ```\n// ```", false}, {"T\n//", true}, {`T | where u == "https://x"`, false},
	} {
		if got := plainCode(tt.query) != codeAndStrings(tt.query); got != tt.comment {
			t.Errorf("%s: a comment: %t", tt.query, got)
		}
	}
}

// TestTables: the data says of each asset and action what Graph's enumerations
// have, and the frequencies are those of documents.
func TestTables(t *testing.T) {
	var every []string
	for _, f := range tables().Frequencies {
		every = append(every, f.Every)
	}
	if d := cmp.Diff(ir.Frequencies, every); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(defender.AssetColumns, columnsOf("", false)); d != "" {
		t.Error(d)
	}
	var actions []string
	for _, a := range tables().Actions {
		actions = append(actions, a.Action)
		if a.Type == "" || len(a.Columns) == 0 {
			t.Errorf("%+v", a)
		}
	}
	if d := cmp.Diff(ir.ResponseActions, actions); d != "" {
		t.Error(d)
	}
	for _, a := range tables().Assets {
		if !slices.Contains(ir.EntityTypes, a.Type) || !strings.EqualFold(a.Column, a.Identifier) {
			t.Errorf("%+v", a)
		}
	}
	for _, list := range [][]string{tables().Continuous, tables().Functions, tables().Sentinel.Tables} {
		if !slices.IsSorted(list) {
			t.Errorf("not sorted: %v", list)
		}
	}
}
