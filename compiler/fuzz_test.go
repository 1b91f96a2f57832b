package compiler_test

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/backends/splunk"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/schema"
)

// documents are seeds: the shapes of document that there are, in small.
var documents = []string{`title: Program by name and path
logsource: {category: process_creation, product: windows}
detection:
  selection:
    Image|endswith: ['\a.exe', '\b.exe']
    CommandLine|contains|all: [' -x ', "quote ' \" and \\ backslash"]
    User|contains: ['AUTHORI', 'AUTORI']
  filter_parent: {ParentImage|startswith: 'C:\Program Files\'}
  filter_empty: {CommandLine: ''}
  filter_null: {CommandLine: null}
  condition: selection and not 1 of filter_*
`, `title: Values
logsource: {category: registry_set, product: windows}
detection:
  selection:
    TargetObject|contains: '\CurrentVersion\Run\'
    Details|re|i: '(foo|bar)\s+"[^"]*"\x41'
    EventType: SetValue
    Details: ['DWORD (0x00000001)', 'pipe | bracket ]', 'back` + "`" + `tick']
  condition: selection
`, `title: Network
logsource: {category: network_connection, product: windows}
detection:
  net: {DestinationIp|cidr: ['10.0.0.0/8', 'fe80::/10']}
  port: {DestinationPort|gte: 1024, Initiated: 'true'}
  condition: port and not net
`, `title: Pipeline
name: p
taxonomy: huntc
logsource: {category: network_connection}
detection:
  selection: {DestinationPort: 443}
  condition: selection
hunt:
  window: 1d
  pipeline: |
    gaps of Timestamp as delta by SourceIp
    summarize n = count(), avg_delta = avg(delta) by SourceIp
    where n > 30 and avg_delta between 30s and 10m
    sort by n desc
`, `title: Counted
correlation:
  type: event_count
  rules: [p]
  group-by: [SourceIp]
  timespan: 5m
  condition: {gte: 10}
---
title: Filter
logsource: {category: network_connection}
filter:
  rules: [p]
  selection: {SourceIp: 10.0.0.1}
  condition: not selection
`}

// malformed are correlations that are none, each in its own way.
var malformed = []string{
	"5", "[]", "", "{}", "text", "{type: event_cnt, rules: [p], timespan: 5m}", "{type: event_count, timespan: 5m, condition: {gte: 1}}",
	"{type: event_count, rules: [], timespan: 5m}", "{type: event_count, rules: [p], timespan: x, condition: 1}",
	"{type: event_count, rules: [c], timespan: 5m, condition: {gte: 1}}", "{type: temporal, rules: [p], timespan: 5m, aliases: {x: 1}}",
	"{type: temporal, rules: [p], timespan: 5m, condition: p and}",
}

// laws holds everything from the text of a document to the text of a query to
// three laws: nothing panics, there is a query or an error and never both, and
// a query is read back and printed as it was.
type laws struct {
	targets []lawTarget
}

type lawTarget struct {
	backends.Backend
	reprint func(text string) (string, diag.List)
}

func newLaws(tb testing.TB) *laws {
	tb.Helper()
	s, err := schema.New(yaml.Node{})
	if err != nil {
		tb.Fatal(err)
	}
	return &laws{[]lawTarget{
		{splunk.New(s, splunk.Config{}), func(text string) (string, diag.List) {
			q, diags := spl.Parse("query", text)
			if len(diags) > 0 {
				return "", diags
			}
			return spl.Print(q), nil
		}},
		{defender.New(s), func(text string) (string, diag.List) {
			q, diags := kql.Parse("query", text)
			if len(diags) > 0 {
				return "", diags
			}
			return kql.Print(q), nil
		}},
	}}
}

// hold returns how many queries came out.
func (l *laws) hold(t *testing.T, src []byte) int {
	for _, d := range compiler.LoadAndLink(src) {
		if d.Code == "HC0699" {
			t.Fatalf("%s\n%s", d.Message, src)
		}
	}
	file, diags := sigma.Load("fuzz.yml", src, nil)
	diags = append(diags, sigma.Link([]*sigma.File{file})...)
	for _, d := range diags {
		if d.Message == "" || !d.Pos.IsValid() {
			t.Errorf("badly formed diagnostic %+v", d)
		}
	}
	queries := 0
	for _, h := range file.Hunts {
		if len(h.Natives) > 0 || h.Query == nil {
			continue
		}
		for _, b := range l.targets {
			art := b.Compile(h)
			if (art.Query == "") != art.Diagnostics.HasErrors() {
				t.Fatalf("%s: query %q with %v\n%s", b.Name(), art.Query, art.Diagnostics, src)
			}
			if art.Query == "" {
				continue
			}
			queries++
			again, diags := b.reprint(art.Query)
			if len(diags) > 0 {
				t.Fatalf("%s: cannot be read back: %v\n%s\n%s", b.Name(), diags, art.Query, src)
			}
			if strings.TrimSpace(again) != strings.TrimSpace(art.Query) {
				t.Fatalf("%s: printed as\n%s\nwas\n%s\n%s", b.Name(), again, art.Query, src)
			}
		}
	}
	return queries
}

// FuzzDocument changes documents byte by byte.
func FuzzDocument(f *testing.F) {
	l := newLaws(f)
	for _, d := range documents {
		f.Add(d)
	}
	for _, c := range malformed {
		f.Add("title: x\nname: c\ncorrelation: " + c + "\n")
	}
	f.Fuzz(func(t *testing.T, src string) { l.hold(t, []byte(src)) })
}

// What FuzzRule chooses from.
var (
	fuzzSources = []map[string]string{
		{"category": "process_creation", "product": "windows"}, {"category": "registry_set", "product": "windows"},
		{"category": "network_connection", "product": "windows"}, {"category": "file_event", "product": "windows"},
		{"category": "dns_query", "product": "windows"}, {"category": "image_load", "product": "windows"},
		{"product": "windows", "service": "security"}, {"category": "ps_script", "product": "windows"}, {"category": "proxy"},
		{"category": "process_creation", "product": "linux"},
	}
	fuzzFields = []string{
		"Image", "CommandLine", "User", "ParentImage", "Hashes", "IntegrityLevel", "TargetObject", "Details", "DestinationIp",
		"DestinationPort", "Initiated", "TargetFilename", "QueryName", "EventID", "ImageLoaded", "ScriptBlockText", "c-uri", "LogonType",
	}
	fuzzModifiers = []string{
		"", "|contains", "|startswith", "|endswith", "|contains|all", "|re", "|re|i", "|cidr", "|cased", "|contains|cased", "|windash|contains",
		"|base64offset|contains", "|wide|base64|contains", "|gt", "|lte", "|exists", "|fieldref", "|neq",
	}
	fuzzConditions = []string{"a", "not a", "a and b", "a or b", "a and not b", "not (a or b)", "1 of *", "all of them", "a and not 1 of b*"}
)

// FuzzRule puts arbitrary values into rules that are otherwise well formed: so
// nearly all of its work goes where values are rewritten, quoted and printed.
func FuzzRule(f *testing.F) {
	l := newLaws(f)
	for i, v := range []string{
		`\a.exe`, `C:\Windows\*\a?.exe`, `10.0.0.0/8`, `(?:foo|bar)\s+x`, `DWORD (0x00000001)`, "\"'`|][)(*?\\", "new\nline\ttab", "```", `\\*\?`, "-x /y",
		"NT AUTHORITY\\SYSTEM", "MD5=0123456789abcdef0123456789abcdef", `HKLM\SOFTWARE\Run\(Default)`, "4624", "true", "", "ünï\u0130ß", "${x} $y$ %z%",
	} {
		f.Add(uint8(i), uint8(i), uint8(3*i), uint8(5*i), uint8(i), v, "whoami")
		f.Add(uint8(2*i), uint8(i+7), uint8(i), uint8(i+2), uint8(i+3), "x", v)
	}
	f.Fuzz(func(t *testing.T, source, field1, mod1, field2, cond uint8, value1, value2 string) {
		pick := func(list []string, i uint8) string { return list[int(i)%len(list)] }
		doc := map[string]any{
			"title":     "Test",
			"logsource": fuzzSources[int(source)%len(fuzzSources)],
			"detection": map[string]any{
				"a":         map[string]any{pick(fuzzFields, field1) + pick(fuzzModifiers, mod1): []string{value1, value2}},
				"b":         map[string]any{pick(fuzzFields, field2): value2, pick(fuzzFields, field1+1): value1},
				"condition": pick(fuzzConditions, cond),
			},
		}
		src, err := yaml.Marshal(doc)
		if err != nil {
			return // yaml.v3 refuses what is not UTF-8
		}
		l.hold(t, src)
	})
}

// The seeds do reach the targets: a fuzz target whose documents all fail would
// hold nothing to anything.
func TestFuzzSeedsCompile(t *testing.T) {
	l := newLaws(t)
	for _, d := range documents[:4] {
		if n := l.hold(t, []byte(d)); n != 2 {
			t.Errorf("%d queries of two for\n%s", n, d)
		}
	}
}
