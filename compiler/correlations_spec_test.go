package compiler_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/backends/splunk"
	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/internal/kustotest"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// specRules are what the correlations of the tests below count: two rules on
// one table, one on another, a correlation and a correlation of it.
const specRules = `title: Shells
name: shell
logsource: {category: process_creation, product: windows}
detection: {s: {Image|endswith: '\sh.exe'}, condition: s}
---
title: Commands
name: command
logsource: {category: process_creation, product: windows}
detection: {s: {CommandLine|re: 'a.c'}, condition: s}
---
title: Connections
name: connect
logsource: {category: network_connection, product: windows}
detection: {s: {DestinationPort|lt: 1000}, condition: s}
---
title: Many shells
name: many
correlation: {type: event_count, rules: [shell], group-by: [Computer, User], timespan: 10m, condition: {gte: 2}}
hunt: {windows: tumbling}
---
title: Many shells again and again
name: more
correlation: {type: event_count, rules: [many], group-by: [Computer], timespan: 1d, condition: {gte: 2}}
hunt: {windows: tumbling}
`

// specCase is one correlation: its keys as they are written, "" for absent.
type specCase struct {
	typ, condition, windows, rules, group, timespan, generate string
	// field and percentile go into the condition.
	field, percentile string
}

// saysAll are the conditions on the number of rules, or on their names, that
// ask for all of the rules, by how many these are.
var saysAll = map[int][]string{
	1: {"gte: 1, lt: 3"},
	2: {"gte: 2", "gt: 1", "eq: 2"},
}

// mayBeRefused reports whether the case is one that has no query: an order of
// some of the rules, or a field that a counted correlation does not have.
func (c specCase) mayBeRefused() bool {
	chain := strings.Contains(c.rules, "many")
	if !strings.HasPrefix(c.typ, "temporal_ordered") || c.condition == "" || chain {
		return chain
	}
	n := len(strings.Split(c.rules, ", "))
	return !slices.Contains(saysAll[n], c.condition) && c.condition != boolean("all", c.rules) && c.condition != boolean("all of them", c.rules) &&
		c.condition != boolean("upper case", c.rules)
}

// aliasField is what the alias of the tests stands for in each rule.
var aliasField = map[string]string{"shell": "User", "command": "CommandLine", "connect": "DestinationIp", "many": "User", "more": "Computer"}

// text is the document.
func (c specCase) text(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "title: Case\nname: %s\ncorrelation:\n    type: %s\n    rules: [%s]\n    timespan: %s\n", name, c.typ, c.rules, c.timespan)
	switch c.group {
	case "":
	case "alias":
		var fields []string
		for _, r := range strings.Split(c.rules, ", ") {
			fields = append(fields, r+": "+aliasField[r])
		}
		fmt.Fprintf(&b, "    group-by: [who]\n    aliases: {who: {%s}}\n", strings.Join(fields, ", "))
	default:
		fmt.Fprintf(&b, "    group-by: [%s]\n", c.group)
	}
	var condition []string
	for _, part := range []string{c.condition, c.field, c.percentile} {
		if part != "" {
			condition = append(condition, part)
		}
	}
	switch {
	case strings.HasPrefix(c.condition, "'"):
		fmt.Fprintf(&b, "    condition: %s\n", c.condition)
	case len(condition) > 0:
		fmt.Fprintf(&b, "    condition: {%s}\n", strings.Join(condition, ", "))
	}
	if c.generate != "" {
		fmt.Fprintf(&b, "generate: %s\n", c.generate)
	}
	if c.windows != "" {
		fmt.Fprintf(&b, "hunt: {windows: %s}\n", c.windows)
	}
	return b.String()
}

var correlationTypes = []string{"event_count", "value_count", "value_sum", "value_avg", "value_percentile", "value_median",
	"temporal", "temporal_ordered", "temporal_extended", "temporal_ordered_extended"}

var (
	specThresholds = []string{"gt: 1", "gte: 2", "lt: 3", "lte: 3", "eq: 2", "neq: 2", "gt: 1, lt: 5", "gt: 1, lte: 4", "gte: 2, lt: 5", "gte: 2, lte: 4", "gte: 2, neq: 3",
		"gte: 1.5", "gt: 1.5", "lt: 2.5", "eq: 2.0", "neq: 0.5", "gte: 0", "eq: 0", "gt: -1", "gte: 20000", "gt: 1e3", "gt: 4, lt: 2"}
	specCounts   = []string{"gte: 2", "gt: 1", "eq: 2", "lte: 1", "neq: 1", "gte: 1, lt: 3"}
	specBooleans = []string{"all", "any", "not", "nested", "1 of them", "all of them", "1 of s*", "upper case", "not all"}
	specWindows  = []string{"", "tumbling", "sliding", "session"}
	specGenerate = []string{"", "true", "false"}
	specGroups   = []string{"", "Computer", "Computer, User", "alias"}
	specSpans    = []string{"30s", "5m", "90m", "1h", "24h", "1d", "2w", "7m", "36h"}
	specLists    = []string{"shell", "shell, command", "shell, connect", "command, connect, shell", "many", "many, connect", "more, many, command"}
	specPercents = []string{"percentile: 0", "percentile: 50", "percentile: 95", "percentile: 99.9", "percentile: 100"}
)

// boolean is a condition on the rules of a list.
func boolean(form, rules string) string {
	list := strings.Split(rules, ", ")
	first, last := list[0], list[len(list)-1]
	out := map[string]string{
		"all": strings.Join(list, " and "), "any": strings.Join(list, " or "), "not": first + " and not " + last,
		"nested": fmt.Sprintf("(%s or %s) and not (%s and %s)", first, last, first, last), "1 of them": "1 of them", "all of them": "all of them",
		"1 of s*": "1 of " + first[:1] + "*", "upper case": strings.Join(list, " AND "), "not all": "not (" + strings.Join(list, " and ") + ")",
	}[form]
	return "'" + out + "'"
}

// specCases are correlations of every type in every window, by every group
// over every list of rules, and with every condition in every window; what is
// left goes round.
func specCases() []specCase {
	var cases []specCase
	round := map[string]int{}
	next := func(axis string, list []string) string {
		round[axis]++
		return list[(round[axis]-1)%len(list)]
	}
	add := func(c specCase) {
		c.timespan, c.generate = next("timespan"+c.typ, specSpans), next("generate"+c.windows, specGenerate)
		if fields := []string{"field: ProcessId"}; strings.HasPrefix(c.typ, "value") {
			switch {
			case c.rules == "many" && c.typ == "value_count":
				fields = []string{"field: value", "field: [User, value]"}
			case c.rules == "many":
				fields = []string{"field: value"}
			case c.typ == "value_count":
				fields = []string{"field: ProcessId", "field: [ProcessId, Image]", "field: User", "field: [Image]"}
			}
			c.field = next("field"+c.typ, fields)
		}
		if c.typ == "value_percentile" {
			c.percentile = next("percentile", specPercents)
		}
		cases = append(cases, c)
	}
	for _, typ := range correlationTypes[:6] {
		for _, w := range specWindows {
			for _, g := range specGroups {
				for _, r := range specLists {
					add(specCase{typ: typ, windows: w, group: g, rules: r, condition: next("threshold"+typ, specThresholds)})
				}
			}
			for _, c := range specThresholds {
				add(specCase{typ: typ, windows: w, condition: c, group: next("group"+typ, specGroups), rules: next("rules"+typ+w, specLists)})
			}
		}
	}
	for _, typ := range correlationTypes[6:] {
		for _, w := range specWindows {
			for _, r := range specLists {
				for _, g := range specGroups {
					add(specCase{typ: typ, windows: w, group: g, rules: r})
				}
				for _, c := range specCounts {
					add(specCase{typ: typ, windows: w, rules: r, condition: c, group: next("group"+typ, specGroups)})
				}
				for _, c := range specBooleans {
					add(specCase{typ: typ, windows: w, rules: r, condition: boolean(c, r), group: next("group"+typ, specGroups)})
				}
			}
		}
	}
	return cases
}

// TestEveryCorrelation: every correlation that Sigma 2.1 and the drafts of 2.2
// can write compiles to both targets, to text that reads back as what it was
// printed from and that Microsoft's language service accepts; or it gets an
// error with a code at a place within the document.
func TestEveryCorrelation(t *testing.T) {
	cases := specCases()
	seen := map[string]bool{}
	var doc strings.Builder
	doc.WriteString(specRules)
	starts := make([]int, len(cases)+1) // lines
	line := 1 + strings.Count(specRules, "\n")
	for i, c := range cases {
		for _, other := range []string{"windows " + c.windows, "rules " + c.rules, "group " + c.group, "timespan " + c.timespan, "generate " + c.generate, "condition " + c.condition} {
			seen[c.typ+" "+other], seen[c.windows+" "+other] = true, true
		}
		text := "---\n" + c.text(fmt.Sprintf("case_%d", i))
		starts[i] = line
		line += strings.Count(text, "\n")
		doc.WriteString(text)
	}
	starts[len(cases)] = line
	for _, first := range slices.Concat(correlationTypes, specWindows) {
		for what, list := range map[string][]string{"windows": specWindows, "rules": specLists, "group": specGroups, "timespan": specSpans, "generate": specGenerate} {
			for _, second := range list {
				if pair := first + " " + what + " " + second; !seen[pair] && (what != "windows" || slices.Contains(correlationTypes, first)) {
					t.Errorf("no case has %q", pair)
				}
			}
		}
	}
	file, diags := sigma.Load("spec.yml", []byte(doc.String()), nil)
	diags = append(diags, sigma.Link([]*sigma.File{file})...)
	hunts := map[string]*ir.Hunt{}
	for _, h := range file.Hunts {
		hunts[h.Meta.Name] = h
	}
	perCase := make([]diag.List, len(cases))
	for _, d := range diags {
		i, _ := slices.BinarySearch(starts, d.Pos.Line) // the first that starts there or later
		if i == 0 || i > len(cases) {
			t.Errorf("a diagnostic about no case: %v", d)
			continue
		}
		perCase[i-1] = append(perCase[i-1], d)
	}

	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	e := everyCorrelation{t: t, splunk: splunk.New(s, splunk.Config{}), defender: defender.New(s), schema: s, said: map[string]int{}, queries: map[string]int{}}
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				e.hold(i, cases[i], perCase[i], hunts[fmt.Sprintf("case_%d", i)], starts[i], starts[i+1])
			}
		})
	}
	for i := range cases {
		if i%10 == 0 || !testing.Short() {
			next <- i
		}
	}
	close(next)
	workers.Wait()
	for _, k := range slices.Sorted(maps.Keys(e.said)) {
		t.Logf("%5d %s", e.said[k], k)
	}
	var queries []kustotest.Query
	for _, text := range slices.Sorted(maps.Keys(e.queries)) {
		queries = append(queries, kustotest.Query{ID: cases[e.queries[text]].text("x"), Text: text})
	}
	t.Logf("%d correlations, %d different Kusto queries", len(cases), len(queries))
	kustotest.NoFindings(t, queries)
}

type everyCorrelation struct {
	t        *testing.T
	splunk   *splunk.Backend
	defender *defender.Backend
	schema   *schema.Schema

	mu      sync.Mutex
	said    map[string]int // what became of them
	queries map[string]int // Kusto's, with the number of a case that has it
}

func (e *everyCorrelation) say(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.said[what]++
}

// hold checks one case: its document stands between two lines of the file.
func (e *everyCorrelation) hold(i int, c specCase, loading diag.List, h *ir.Hunt, start, end int) {
	refused := func(by string, list diag.List) bool {
		for _, d := range list {
			if d.Severity != diag.Error {
				continue
			}
			e.say(fmt.Sprintf("%s %s %s", by, d.Code, c.typ))
			if d.Code == "" || d.Code == "HC0699" || d.Message == "" || d.Pos.Filename != "spec.yml" || d.Pos.Line <= start || d.Pos.Line >= end || d.Pos.Column < 1 {
				e.t.Errorf("%s: %v, and the document is lines %d to %d\n%s", by, d, start+1, end-1, c.text("x"))
			}
		}
		if list.HasErrors() && !c.mayBeRefused() {
			e.t.Errorf("%s refuses what it can say: %v\n%s", by, list, c.text("x"))
		}
		return list.HasErrors()
	}
	if failed := refused("huntc", loading); failed != (h == nil) {
		e.t.Errorf("errors %v, hunt %v\n%s", loading, h, c.text("x"))
		return
	} else if failed {
		return
	}
	if said := slices.ContainsFunc(loading, func(d diag.Diagnostic) bool { return d.Code == "HC0148" }); said != (c.windows == "") {
		e.t.Errorf("windows are %q, and %v is said", c.windows, loading)
	}
	copied := *h
	h = &copied
	h.Path = c.text("x")
	if art := e.splunk.Compile(h); !refused("splunk", art.Diagnostics) {
		e.say("splunk ok")
		checkSplunkLaws(e.t, e.splunk, h)
	}
	art := e.defender.Compile(h)
	if refused("defender", art.Diagnostics) {
		return
	}
	e.say("defender ok")
	res := e.schema.Resolve(h, schema.XDR)
	plan, _ := e.defender.Plan(res.Query, res.Fields)
	checkDefenderLaws(e.t, e.defender, h.Path, plan)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.queries[art.Query] = i
}

// TestGenerate: what a correlation names is compiled, but no file is written
// for it unless a correlation says so.
func TestGenerate(t *testing.T) {
	const rule = "title: Failed logon\nname: failed\nlogsource: {product: windows, service: security}\ndetection: {s: {EventID: 4625}, condition: s}\n"
	correlation := func(name, typ, more string) string {
		return "title: " + name + "\nname: " + name + "\ncorrelation: {type: " + typ + ", rules: [failed], group-by: [TargetUserName], timespan: 5m, condition: {gte: 10}" +
			"}\nhunt: {windows: tumbling}\n" + more
	}
	many := correlation("many", "event_count", "")
	rest := []string{"defender/c.kql", "splunk/c.spl"}
	all := []string{"defender/c.kql", "defender/r.kql", "splunk/c.spl", "splunk/r.spl"}
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"no correlation", map[string]string{"r.yml": rule}, []string{"defender/r.kql", "splunk/r.spl"}},
		{"counted", map[string]string{"r.yml": rule, "c.yml": many}, rest},
		{"not generated", map[string]string{"r.yml": rule, "c.yml": many + "generate: false\n"}, rest},
		{"generated", map[string]string{"r.yml": rule, "c.yml": many + "generate: true\n"}, all},
		{"generated, as pySigma has it", map[string]string{"r.yml": rule, "c.yml": strings.Replace(many, "timespan: 5m", "timespan: 5m, generate: true", 1)}, all},
		{"generated for one of two", map[string]string{"r.yml": rule, "c.yml": many, "d.yml": correlation("more", "event_count", "generate: true\n")},
			[]string{"defender/c.kql", "defender/d.kql", "defender/r.kql", "splunk/c.spl", "splunk/d.spl", "splunk/r.spl"}},
		{"counted by a correlation with a slip in it", map[string]string{"r.yml": rule, "c.yml": correlation("many", "event_cuont", "")}, nil},
		{"counted by a correlation that names more than there is", map[string]string{"r.yml": rule, "c.yml": strings.Replace(many, "[failed]", "[failed, faield]", 1)}, nil},
		{"in one file", map[string]string{"c.yml": rule + "---\n" + many}, []string{"defender/c.many.kql", "splunk/c.many.spl"}},
		{"a chain", map[string]string{"c.yml": rule + "---\n" + many + "---\n" + strings.ReplaceAll(correlation("more", "event_count", ""), "[failed]", "[many]")}, []string{"defender/c.more.kql", "splunk/c.more.spl"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			docs, out, cache := filepath.Join(dir, "detections"), filepath.Join(dir, "out"), filepath.Join(dir, "cache")
			if err := os.Mkdir(docs, 0o755); err != nil {
				t.Fatal(err)
			}
			for name, text := range tt.files {
				if err := os.WriteFile(filepath.Join(docs, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for _, warmth := range []string{"cold", "warm"} {
				res, err := compiler.Run(compiler.Options{Paths: []string{docs}, CacheDir: cache})
				if err != nil {
					t.Fatal(err)
				}
				if err := res.Write(filepath.Join(out, warmth), 0); err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, target := range res.Targets {
					names, err := filepath.Glob(filepath.Join(out, warmth, target, "*"))
					if err != nil {
						t.Fatal(err)
					}
					for _, n := range names {
						got = append(got, target+"/"+filepath.Base(n))
					}
				}
				slices.Sort(got)
				if !slices.Equal(got, tt.want) {
					t.Errorf("%s: wrote %q, want %q; %v", warmth, got, tt.want, res.All())
				}
				counted := 0
				for _, h := range res.Hunts {
					if !h.Counted {
						continue
					}
					counted++
					for _, o := range h.Outputs {
						if o.File != "" || o.Status == compiler.OK && o.Query == "" {
							t.Errorf("%s: %s on %s has the file %q and the query %q", warmth, h.Name, o.Target, o.File, o.Query)
						}
					}
				}
				said := 0
				for _, d := range res.All() {
					if d.Code == "HC0622" {
						said++
					}
				}
				if sum := res.Summary(); said != counted || sum.Counted != counted {
					t.Errorf("%s: %d hunts are counted, of %d it is said, and the summary has %d", warmth, counted, said, sum.Counted)
				}
			}
		})
	}
}

// forms are what the table of docs/correlations.md has a row for.
var correlationForms = []struct{ name, correlation string }{
	{"`event_count`, lower bound", "{type: event_count, rules: [shell], group-by: [Computer], timespan: 1h, condition: {gte: 2}}"},
	{"`event_count`, other bounds", "{type: event_count, rules: [shell], group-by: [Computer], timespan: 1h, condition: {gt: 1, lt: 9}}"},
	{"`event_count`, rules on two tables", "{type: event_count, rules: [shell, connect], group-by: [Computer], timespan: 1h, condition: {gte: 2}}"},
	{"`event_count`, two rules on one table", "{type: event_count, rules: [shell, command], group-by: [Computer], timespan: 1h, condition: {gte: 2}}"},
	{"`event_count` of a correlation", "{type: event_count, rules: [many], group-by: [Computer], timespan: 1h, condition: {gte: 2}}"},
	{"`value_count`, lower bound", "{type: value_count, rules: [shell], group-by: [Computer], timespan: 1h, condition: {gte: 2, field: Image}}"},
	{"`value_count`, other bounds", "{type: value_count, rules: [shell], group-by: [Computer], timespan: 1h, condition: {gte: 1, lt: 9, field: Image}}"},
	{"`value_count`, several fields", "{type: value_count, rules: [shell], group-by: [Computer], timespan: 1h, condition: {gte: 2, field: [CommandLine, Image]}}"},
	{"`value_sum`", "{type: value_sum, rules: [connect], group-by: [Computer], timespan: 1h, condition: {gte: 2, field: DestinationPort}}"},
	{"`value_avg`", "{type: value_avg, rules: [connect], group-by: [Computer], timespan: 1h, condition: {gte: 2, field: DestinationPort}}"},
	{"`value_median`", "{type: value_median, rules: [connect], group-by: [Computer], timespan: 1h, condition: {gte: 2, field: DestinationPort}}"},
	{"`value_percentile`", "{type: value_percentile, rules: [connect], group-by: [Computer], timespan: 1h, condition: {gte: 2, field: DestinationPort, percentile: 95}}"},
	{"`temporal`", "{type: temporal, rules: [shell, connect], group-by: [Computer], timespan: 1h}"},
	{"`temporal`, rules on one table", "{type: temporal, rules: [shell, command], group-by: [Computer], timespan: 1h}"},
	{"`temporal`, more than five rules", "{type: temporal, rules: [shell, connect, command, r4, r5, r6], group-by: [Computer], timespan: 1h}"},
	{"`temporal` without `group-by`", "{type: temporal, rules: [shell, connect], timespan: 1h}"},
	{"`temporal`, so many of the rules", "{type: temporal, rules: [shell, connect, command], group-by: [Computer], timespan: 1h, condition: {gte: 2}}"},
	{"`temporal`, `and`, `or` of rules", "{type: temporal, rules: [shell, connect, command], group-by: [Computer], timespan: 1h, condition: shell and (connect or command)}"},
	{"`temporal`, `not` a rule", "{type: temporal, rules: [shell, connect], group-by: [Computer], timespan: 1h, condition: shell and not connect}"},
	{"`temporal_ordered`, two rules", "{type: temporal_ordered, rules: [shell, connect], group-by: [Computer], timespan: 1h}"},
	{"`temporal_ordered`, three to five rules", "{type: temporal_ordered, rules: [shell, connect, command], group-by: [Computer], timespan: 1h}"},
	{"`temporal_ordered`, more than five rules", "{type: temporal_ordered, rules: [shell, connect, command, r4, r5, r6], group-by: [Computer], timespan: 1h}"},
	{"`temporal_ordered` without `group-by`", "{type: temporal_ordered, rules: [shell, connect], timespan: 1h}"},
}

// TestCorrelationTable: the table of docs/correlations.md says of each type in
// each kind of window what the compiler says. HUNTC_TEST_UPDATE=1 writes it.
func TestCorrelationTable(t *testing.T) {
	const page = "../docs/correlations.md"
	var doc strings.Builder
	doc.WriteString(specRules)
	for i := 4; i <= 6; i++ {
		fmt.Fprintf(&doc, "---\ntitle: Rule %d\nname: r%d\nlogsource: {category: process_creation, product: windows}\ndetection: {s: {CommandLine|contains: ' -%d '}, condition: s}\n", i, i, i)
	}
	windows := specWindows[1:]
	for i, f := range correlationForms {
		for _, w := range windows {
			fmt.Fprintf(&doc, "---\ntitle: Form\nname: form_%d_%s\ncorrelation: %s\nhunt: {windows: %s}\n", i, w, f.correlation, w)
		}
	}
	file, diags := sigma.Load("table.yml", []byte(doc.String()), nil)
	diags = append(diags, sigma.Link([]*sigma.File{file})...)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	hunts := map[string]*ir.Hunt{}
	for _, h := range file.Hunts {
		hunts[h.Meta.Name] = h
	}
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	made := []backends.Backend{splunk.New(s, splunk.Config{}), defender.New(s)}
	var got strings.Builder
	got.WriteString("| type | windows | Splunk | Defender |\n|---|---|---|---|\n")
	for i, f := range correlationForms {
		for _, w := range windows {
			fmt.Fprintf(&got, "| %s | %s |", f.name, w)
			for _, b := range made {
				fmt.Fprintf(&got, " %s |", verdictOf(t, b, hunts[fmt.Sprintf("form_%d_%s", i, w)]))
			}
			got.WriteString("\n")
		}
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const from, to = "<!-- what the compiler says -->\n", "<!-- until here -->\n"
	before, rest, found := strings.Cut(string(text), from)
	table, after, closed := strings.Cut(rest, to)
	switch {
	case !found || !closed:
		t.Fatalf("%s has no place for the table", page)
	case table == got.String():
	case os.Getenv("HUNTC_TEST_UPDATE") != "":
		if err := os.WriteFile(page, []byte(before+from+got.String()+to+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s differs from what the compiler says (HUNTC_TEST_UPDATE=1 writes it):\n%s", page, gocmp.Diff(table, got.String()))
	}
	all := regexp.MustCompile(`HC\d{4}`).FindAllString(got.String(), -1)
	slices.Sort(all)
	for _, code := range slices.Compact(all) {
		if !strings.Contains(before+after, "| "+code+" |") {
			t.Errorf("%s does not say what %s means", page, code)
		}
	}
}

// verdictOf is a cell of the table: the fidelity, the reasons, how the rows are
// read, and warnings about it. What comes from the lines of the rules is theirs.
func verdictOf(t *testing.T, b backends.Backend, h *ir.Hunt) string {
	t.Helper()
	art := b.Compile(h)
	if art.Diagnostics.HasErrors() {
		t.Fatal(art.Diagnostics)
	}
	reasons := slices.DeleteFunc(slices.Clone(art.Reasons), func(r ir.Reason) bool { return r.Pos.Line < h.Pos.Line })
	cell := string(ir.Verdict(reasons))
	var said []string
	for _, r := range reasons {
		said = append(said, string(r.Code))
	}
	slices.Sort(said)
	if len(said) > 0 {
		cell += " (" + strings.Join(slices.Compact(said), ", ") + ")"
	}
	if b.Name() == "splunk" {
		cell += "; " + string(art.Form)
		for _, how := range []struct{ text, name string }{{"prestats=t", "prestats"}, {"append [", "append"}, {"join type", "join"}} {
			if strings.Contains(art.Query, how.text) {
				cell += ", " + how.name
			}
		}
	} else if strings.Contains(art.Query, "join kind") {
		cell += "; join"
	}
	said = nil
	for _, d := range art.Diagnostics {
		if d.Severity == diag.Warning {
			said = append(said, string(d.Code))
		}
	}
	slices.Sort(said)
	for _, code := range slices.Compact(said) {
		cell += " " + code
	}
	return cell
}

// TestSpecificationCorrelations: correlations of the shapes that the
// specification and its drafts describe, each with what becomes of it: "" for
// queries on both targets, or the first error.
func TestSpecificationCorrelations(t *testing.T) {
	const (
		failed = "title: A logon failed\nid: 2d6a1f6e-4c1b-4a0e-9a65-0e1fdc8bdb01\nname: logon_failed\nlogsource: {product: windows, service: security}\n" +
			"detection:\n    event:\n        EventID: 4625\n    condition: event\n"
		worked = "title: A logon worked\nname: logon_worked\nlogsource: {product: windows, service: security}\n" +
			"detection:\n    event:\n        EventID: 4624\n    condition: event\n"
		inquiries = "title: Who\nname: ask_who\nlogsource: {category: process_creation, product: windows}\ndetection: {s: {CommandLine|contains: whoami}, condition: s}\n---\n" +
			"title: Groups\nname: ask_groups\nlogsource: {category: process_creation, product: windows}\ndetection: {s: {CommandLine|contains: 'net group'}, condition: s}\n---\n" +
			"title: Network\nname: ask_network\nlogsource: {category: process_creation, product: windows}\ndetection: {s: {CommandLine|contains: ipconfig}, condition: s}\n"
		web = "title: Requests\nname: request\nlogsource: {category: network_connection, product: windows}\ndetection: {s: {Image|endswith: '\\up.exe'}, condition: s}\n"
	)
	block := func(lines ...string) string {
		return "title: Tested\nstatus: test\nlevel: high\nfalsepositives: [None known]\ncorrelation:\n    " + strings.Join(lines, "\n    ") + "\n"
	}
	for _, tt := range []struct {
		name string
		docs []string // the last is the one tested
		want string
	}{
		{"count of events, the rule by its id", []string{failed, block("type: event_count", "rules:", "    - 2d6a1f6e-4c1b-4a0e-9a65-0e1fdc8bdb01", "group-by:", "    - Computer", "timespan: 2h", "condition:", "    gte: 50")}, ""},
		{"count within a range", []string{failed, block("type: event_count", "rules: [logon_failed]", "group-by: [Computer]", "timespan: 90m", "condition:", "    gt: 50", "    lte: 80")}, ""},
		{"rules by id and by name", []string{failed, worked, block("type: event_count", "rules: [2d6a1f6e-4c1b-4a0e-9a65-0e1fdc8bdb01, logon_worked]", "group-by: [Computer]", "timespan: 1h", "condition: {gte: 500}")}, ""},
		{"one rule, not as a list", []string{failed, block("type: event_count", "rules: logon_failed", "group-by: Computer", "timespan: 1h", "condition: {gte: 500}")}, ""},
		{"pairs as groups", []string{failed, block("type: event_count", "rules: [logon_failed]", "group-by:", "    - TargetUserName", "    - TargetDomainName", "timespan: 45s", "condition: {eq: 3}")}, ""},
		{"count of values by two groups", []string{failed, block("type: value_count", "rules: [logon_failed]", "group-by: [Computer, WorkstationName]", "timespan: 1d", "condition:", "    field: TargetUserName", "    gte: 40")}, ""},
		{"count of values of several fields", []string{failed, block("type: value_count", "rules: [logon_failed]", "group-by: [Computer]", "timespan: 1d", "condition:", "    field: [TargetUserName, TargetDomainName]", "    gt: 40")}, ""},
		{"sum", []string{web, block("type: value_sum", "rules: [request]", "group-by: [Computer]", "timespan: 6h", "condition:", "    field: DestinationPort", "    gt: 50000000")}, ""},
		{"mean", []string{web, block("type: value_avg", "rules: [request]", "group-by: [Computer]", "timespan: 6h", "condition:", "    field: DestinationPort", "    gt: 5000.5")}, ""},
		{"percentile without the percentile", []string{web, block("type: value_percentile", "rules: [request]", "group-by: [Computer]", "timespan: 24h", "condition:", "    field: DestinationPort", "    lte: 1")}, "HC0147 :16:9"},
		{"percentile", []string{web, block("type: value_percentile", "rules: [request]", "group-by: [Computer]", "timespan: 24h", "condition: {field: DestinationPort, percentile: 99, gte: 90000}")}, ""},
		{"median", []string{web, block("type: value_median", "rules: [request]", "group-by: [Computer]", "timespan: 24h", "condition: {field: DestinationPort, gte: 90000}")}, ""},
		{"in any order", []string{inquiries, block("type: temporal", "rules:", "    - ask_who", "    - ask_groups", "    - ask_network", "group-by: [Computer, User]", "timespan: 10m")}, ""},
		{"in any order, with a count", []string{inquiries, block("type: temporal", "rules: [ask_who, ask_groups, ask_network]", "group-by: [Computer, User]", "timespan: 10m", "condition: {gte: 2}")}, ""},
		{"in any order, with a condition of all", []string{inquiries, block("type: temporal", "rules: [ask_who, ask_groups, ask_network]", "group-by: [Computer, User]", "timespan: 10m", "condition: ask_who AND ask_groups AND ask_network")}, ""},
		{"a condition with not", []string{inquiries, block("type: temporal", "rules: [ask_who, ask_groups, ask_network]", "group-by: [Computer, User]", "timespan: 10m", "condition: (ask_who or ask_groups) and not ask_network")}, ""},
		{"a condition that names a rule that is not listed", []string{inquiries, block("type: temporal", "rules: [ask_who, ask_groups]", "group-by: [Computer, User]", "timespan: 10m", "condition: ask_who and ask_network")}, "HC0142 :25:28"},
		{"in order", []string{inquiries, block("type: temporal_ordered", "rules: [ask_who, ask_groups, ask_network]", "group-by: [Computer, User]", "timespan: 10m")}, ""},
		{"in order, with a condition of all", []string{inquiries, block("type: temporal_ordered", "rules: [ask_who, ask_groups, ask_network]", "group-by: [Computer, User]", "timespan: 10m", "condition: ask_who AND ask_groups AND ask_network")}, ""},
		{"in order, with a condition of some", []string{inquiries, block("type: temporal_ordered", "rules: [ask_who, ask_groups, ask_network]", "group-by: [Computer, User]", "timespan: 10m", "condition: ask_who and not ask_groups")}, "HC0142 :25:16"},
		{"in order, with a count of some", []string{inquiries, block("type: temporal_ordered", "rules: [ask_who, ask_groups, ask_network]", "group-by: [Computer, User]", "timespan: 10m", "condition: {gte: 2}")}, "HC0142 :25:16"},
		{"many failures, then one that works", []string{worked, failed,
			"title: Many failures\nname: many_failures\ncorrelation: {type: event_count, rules: [logon_failed], group-by: [TargetUserName, Computer], timespan: 15m, condition: {gte: 20}}\n",
			block("type: temporal_ordered", "rules: [many_failures, logon_worked]", "group-by: [TargetUserName]", "timespan: 15m")}, ""},
		{"aliases of two fields", []string{"title: In\nname: inbound\nlogsource: {category: network_connection, product: windows}\ndetection: {s: {DestinationPort: 3389}, condition: s}\n",
			"title: Out\nname: outbound\nlogsource: {category: network_connection, product: windows}\ndetection: {s: {DestinationPort: 445}, condition: s}\n",
			block("type: temporal", "rules: [inbound, outbound]", "group-by: [inner, outer]", "timespan: 20s", "aliases:", "    inner: {inbound: DestinationIp, outbound: SourceIp}", "    outer: {inbound: SourceIp, outbound: DestinationIp}")}, ""},
		{"tags, of the draft", []string{failed, block("type: event_count", "rules: [logon_failed]", "group-by: [Computer]", "timespan: 2h", "condition: {gte: 50}") + "tags: [attack.credential-access, attack.t1110]\n"}, ""},
		{"a type of a draft that was dropped", []string{web, block("type: value_max", "rules: [request]", "group-by: [Computer]", "timespan: 24h", "condition: {field: DestinationPort, gte: 90000}")}, "HC0141 :11:11"},
		{"no group", []string{failed, block("type: event_count", "rules: [logon_failed]", "timespan: 2h", "condition: {gte: 50}")}, ""},
		{"no timespan", []string{failed, block("type: event_count", "rules: [logon_failed]", "group-by: [Computer]", "condition: {gte: 50}")}, "HC0103 :15:5"},
		{"no type", []string{failed, block("rules: [logon_failed]", "group-by: [Computer]", "timespan: 2h", "condition: {gte: 50}")}, "HC0103 :15:5"},
		{"no rules", []string{failed, block("type: event_count", "group-by: [Computer]", "timespan: 2h", "condition: {gte: 50}")}, "HC0103 :15:5"},
		{"no condition", []string{failed, block("type: event_count", "rules: [logon_failed]", "group-by: [Computer]", "timespan: 2h")}, "HC0142 :15:5"},
		{"no field", []string{failed, block("type: value_count", "rules: [logon_failed]", "group-by: [Computer]", "timespan: 2h", "condition: {gte: 50}")}, "HC0142 :19:16"},
		{"a field of event_count", []string{failed, block("type: event_count", "rules: [logon_failed]", "group-by: [Computer]", "timespan: 2h", "condition: {gte: 50, field: User}")}, "HC0142 :19:26"},
		{"a condition without a comparison", []string{failed, block("type: event_count", "rules: [logon_failed]", "group-by: [Computer]", "timespan: 2h", "condition: {}")}, "HC0142 :19:16"},
		{"a threshold as text", []string{failed, block("type: event_count", "rules: [logon_failed]", "group-by: [Computer]", "timespan: 2h", "condition: {gte: '50'}")}, "HC0142 :19:23"},
		{"months", []string{failed, block("type: event_count", "rules: [logon_failed]", "group-by: [Computer]", "timespan: 2M", "condition: {gte: 50}")}, "HC0143 :18:15"},
		{"no time", []string{failed, block("type: event_count", "rules: [logon_failed]", "group-by: [Computer]", "timespan: 0s", "condition: {gte: 50}")}, "HC0143 :18:15"},
		{"a rule that is not there", []string{failed, block("type: event_count", "rules: [logon_faild]", "group-by: [Computer]", "timespan: 2h", "condition: {gte: 50}")}, "HC0144 :16:13"},
		{"an unknown key", []string{failed, block("type: event_count", "rules: [logon_failed]", "group_by: [Computer]", "timespan: 2h", "condition: {gte: 50}")}, "HC0101 :17:5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.yml")
			if err := os.WriteFile(path, []byte(strings.Join(tt.docs, "---\n")), 0o644); err != nil {
				t.Fatal(err)
			}
			res, err := compiler.Run(compiler.Options{Paths: []string{path}})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			wrong := slices.DeleteFunc(res.All(), func(d diag.Diagnostic) bool { return d.Severity != diag.Error })
			if len(wrong) > 0 {
				got = fmt.Sprintf("%s :%d:%d", wrong[0].Code, wrong[0].Pos.Line, wrong[0].Pos.Column)
			}
			last := res.Hunts[len(res.Hunts)-1]
			for _, o := range last.Outputs {
				if (o.Status == compiler.OK) != (tt.want == "") || (o.Query == "") != (tt.want != "") || (o.File == "") == (tt.want == "") && o.Status == compiler.OK {
					t.Errorf("%s: %s, %q in %q", o.Target, o.Status, o.Query, o.File)
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q of %v", got, tt.want, wrong)
			}
		})
	}
}

// TestInheritedAllow: what a rule allows need not be allowed again by the
// correlation that counts it, as far as it comes from the rule's own lines and
// means the same there.
func TestInheritedAllow(t *testing.T) {
	const (
		rule = "title: A\nname: a\nlogsource: {category: process_creation, product: windows}\ndetection: {s: {Image|endswith: '\\a.exe'}, condition: s}\n"
		same = "title: B\nname: b\nlogsource: {category: process_creation, product: windows}\ndetection: {s: {Image|endswith: '\\b.exe'}, condition: s}\n"
	)
	allow := "hunt: {allow: [HC0310]}\n"
	correlation := func(text string) string {
		return "title: C\nname: c\ncorrelation: {" + text + "}\nhunt: {windows: tumbling}\n"
	}
	many := correlation("type: event_count, rules: [a], group-by: [Computer], timespan: 5m, condition: {gte: 10}")
	few := strings.Replace(many, "gte: 10", "lt: 10, gt: 1", 1)
	both := correlation("type: temporal, rules: [a, b], group-by: [Computer], timespan: 5m")
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  int // warnings of the correlation on Splunk
	}{
		{"not allowed", map[string]string{"a.yml": rule, "c.yml": many}, 1},
		{"allowed by the rule", map[string]string{"a.yml": rule + allow, "c.yml": many}, 0},
		{"in one file", map[string]string{"c.yml": rule + allow + "---\n" + many}, 0},
		{"allowed by one of two rules", map[string]string{"a.yml": rule + allow, "b.yml": same, "c.yml": both}, 1},
		{"allowed by one of two rules in a file", map[string]string{"c.yml": rule + allow + "---\n" + same + "---\n" + both}, 1},
		{"by way of a correlation, whose time changes with its events", map[string]string{"a.yml": rule + allow, "b.yml": strings.NewReplacer("name: c", "name: between").Replace(many), "c.yml": strings.ReplaceAll(many, "[a]", "[between]")}, 1},
		{"a count that is too high may be too high", map[string]string{"a.yml": rule + allow, "c.yml": few}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			docs := t.TempDir()
			for name, text := range tt.files {
				if err := os.WriteFile(filepath.Join(docs, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			res, err := compiler.Run(compiler.Options{Paths: []string{docs}, Targets: []string{"splunk"}})
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range res.Hunts {
				if h.Name != "c" {
					continue
				}
				var warned diag.List
				for _, d := range h.Outputs[0].Diagnostics {
					if d.Severity == diag.Warning && d.Code == "HC0310" {
						warned = append(warned, d)
					}
				}
				if len(warned) != tt.want || h.Outputs[0].Fidelity == ir.Exact {
					t.Errorf("%d warnings, want %d, and the verdict is %s: %v", len(warned), tt.want, h.Outputs[0].Fidelity, warned)
				}
			}
		})
	}
}

// TestChainInCache: a correlation is compiled anew where a rule changes that
// another correlation counts for it.
func TestChainInCache(t *testing.T) {
	docs, cache := t.TempDir(), t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(docs, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	rule := "title: A\nname: a\nlogsource: {category: process_creation, product: windows}\ndetection: {s: {Image|endswith: '\\old.exe'}, condition: s}\n"
	many := "title: Many\nname: many\ncorrelation: {type: event_count, rules: [a], group-by: [Computer], timespan: 5m, condition: {gte: 10}}\nhunt: {windows: tumbling}\n"
	write("a.yml", rule)
	write("b.yml", many)
	write("c.yml", strings.NewReplacer("[a]", "[many]", "Many", "More", "name: many", "name: more").Replace(many))
	for _, name := range []string{"old", "new"} {
		write("a.yml", strings.Replace(rule, "old", name, 1))
		res, err := compiler.Run(compiler.Options{Paths: []string{docs}, CacheDir: cache})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range res.Hunts {
			for _, o := range h.Outputs {
				if !strings.Contains(o.Query, name+".exe") {
					t.Errorf("%s on %s does not look for %s.exe:\n%s", h.Name, o.Target, name, o.Query)
				}
			}
		}
	}
}
