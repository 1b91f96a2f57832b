package compiler_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/backends/splunk"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/internal/kustotest"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// stored are events as the logical rows and both targets' tables hold them.
type stored struct {
	logical map[string][]eval.Row       // by category
	splunk  map[string][]eval.Row       // by data model
	kusto   map[string][]map[string]any // by table
}

// store makes events of words second:kind[:computer[:user]], "-" for a missing
// value. The kinds are those of specRules; "both" is a shell and a command.
func store(t *testing.T, text string) stored {
	t.Helper()
	base := time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC)
	s := stored{map[string][]eval.Row{}, map[string][]eval.Row{}, map[string][]map[string]any{}}
	for i, word := range strings.Fields(text) {
		parts := append(strings.Split(word, ":"), "-", "-")
		second, err := strconv.Atoi(parts[0])
		if err != nil {
			t.Fatal(err)
		}
		at := base.Add(time.Duration(second) * time.Second)
		// An empty value is written as nothing, and stored as a missing one by both targets.
		value := func(part string) (logical any, cim, xdr string) {
			switch part {
			case "-":
				return nil, "unknown", ""
			case "":
				return "", "unknown", ""
			}
			return part, part, part
		}
		computer, dest, device := value(parts[2])
		user, cimUser, _ := value(parts[3])
		domain, name := "", ""
		if user != nil {
			domain, name = "d", parts[3]
			user = `d\` + parts[3]
		}
		if parts[1] == "connect" {
			s.logical["network_connection"] = append(s.logical["network_connection"], eval.NewRow([]string{"Timestamp", "Computer", "DestinationPort"}, at, computer, int64(22)))
			s.splunk["Network_Traffic.All_Traffic"] = append(s.splunk["Network_Traffic.All_Traffic"],
				eval.NewRow([]string{"_time", "dvc", "dest_port", "action"}, at.Unix(), dest, int64(22), "allowed"))
			s.kusto["DeviceNetworkEvents"] = append(s.kusto["DeviceNetworkEvents"], map[string]any{"Timestamp": at, "ReportId": int64(i), "DeviceId": "d",
				"DeviceName": device, "RemotePort": int64(22), "ActionType": "ConnectionSuccess"})
			continue
		}
		image, command := "other.exe", "none"
		if parts[1] != "command" {
			image = "sh.exe"
		}
		if parts[1] != "shell" {
			command = "abc"
		}
		s.logical["process_creation"] = append(s.logical["process_creation"],
			eval.NewRow([]string{"Timestamp", "Computer", "User", "Image", "CommandLine"}, at, computer, user, `c:\`+image, command))
		s.splunk["Endpoint.Processes"] = append(s.splunk["Endpoint.Processes"],
			eval.NewRow([]string{"_time", "dest", "user", "process_name", "process_path", "process"}, at.Unix(), dest, cimUser, image, `c:\`+image, command))
		s.kusto["DeviceProcessEvents"] = append(s.kusto["DeviceProcessEvents"], map[string]any{"Timestamp": at, "ReportId": int64(i), "DeviceId": "d", "DeviceName": device,
			"AccountDomain": domain, "AccountName": name, "FolderPath": `c:\` + image, "FileName": image, "ProcessCommandLine": command, "ActionType": "ProcessCreated"})
	}
	return s
}

// TestBoundaries: what docs/semantics.md says of the edges of windows, orders,
// groups, joins and unions holds of the meaning and of what both targets run.
func TestBoundaries(t *testing.T) {
	correlation := func(windows, text string) string {
		return "title: Tested\nname: tested\ncorrelation: " + text + "\nhunt: {windows: " + windows + "}\n"
	}
	pipeline := func(stages ...string) string {
		output := "Timestamp, Computer"
		if strings.HasPrefix(stages[0], "join") {
			output = "Computer"
		}
		return "title: Tested\nname: tested\ntaxonomy: huntc\nlogsource: {category: process_creation, product: windows}\ndetection: {s: {Image|endswith: '\\sh.exe'}, condition: s}\nhunt:\n" +
			"    branches:\n        net: {logsource: {category: network_connection, product: windows}, detection: {s: {DestinationPort|lt: 1000}, condition: s}, output: [" + output + "]}\n" +
			"    output: [Timestamp, Computer]\n    pipeline: |\n        " + strings.Join(stages, "\n        ") + "\n"
	}
	const (
		two     = "{type: event_count, rules: [shell], group-by: [Computer], timespan: 1m, condition: {gte: 2}}"
		ordered = "{type: temporal_ordered, rules: [shell, connect], group-by: [Computer], timespan: 1m}"
		joined  = "join kind=%s net on Computer"
	)
	var queries []kustotest.Query
	for _, tt := range []struct {
		name, doc, events string
		columns           string // logical
		want              string // rows, sorted
	}{
		{"a pair across a boundary, tumbling", correlation("tumbling", two), "59:shell:a 61:shell:a", "Computer value", ""},
		{"a pair across a boundary, sliding", correlation("sliding", two), "59:shell:a 61:shell:a", "Computer value", "a 1"},
		{"a pair across a boundary, session", correlation("session", two), "59:shell:a 61:shell:a", "Computer value", "a 2"},
		{"a boundary belongs to the window that it starts", correlation("tumbling", two), "60:shell:a 119:shell:a 120:shell:a", "Computer value", "a 2"},
		{"a stretch includes both its ends", correlation("sliding", two), "0:shell:a 60:shell:a 0:shell:b 61:shell:b", "Computer value", "a 1"},
		{"a gap of the timespan does not end a session", correlation("session", two), "0:shell:a 60:shell:a 0:shell:b 61:shell:b", "Computer value", "a 2"},
		{"an order across a boundary, tumbling", correlation("tumbling", ordered), "59:shell:a 61:connect:a", "Computer", ""},
		{"an order across a boundary, sliding", correlation("sliding", ordered), "59:shell:a 61:connect:a", "Computer", "a"},
		{"equal times are in order, tumbling", correlation("tumbling", ordered), "5:connect:a 5:shell:a 5:connect:b 6:shell:b", "Computer", "a"},
		{"equal times are in order, sliding", correlation("sliding", ordered), "5:connect:a 5:shell:a 5:connect:b 6:shell:b", "Computer", "a"},
		{"equal times are in order, session", correlation("session", ordered), "5:connect:a 5:shell:a 5:connect:b 6:shell:b", "Computer", "a"},
		{"a group without events", correlation("tumbling", strings.Replace(two, "gte: 2", "lt: 2", 1)), "1:shell:a 2:command:b", "Computer value", "a 1"},
		{"no events at all", correlation("tumbling", "{type: event_count, rules: [shell], timespan: 1m, condition: {eq: 0}}"), "1:command:a", "value", ""},
		{"a missing group", correlation("tumbling", two), "1:shell:- 2:shell:- 3:shell:a 4:shell:a", "Computer value", "a 2"},
		{"an empty group", correlation("sliding", two), "1:shell: 2:shell: 3:shell:a 4:shell:a", "Computer value", "a 1"},
		{"missing and empty groups are not one group", correlation("session", two), "1:shell:- 2:shell:", "Computer value", ""},
		{"one of two groups is missing", correlation("tumbling", strings.Replace(two, "[Computer]", "[Computer, CommandLine]", 1)), "1:shell:- 2:shell:- 3:shell:a 4:shell:a 5:both:a", "Computer value", "a 2"},
		{"no groups: a missing one counts", correlation("tumbling", "{type: event_count, rules: [shell], timespan: 1m, condition: {gte: 2}}"), "1:shell:- 2:shell:a", "value", "2"},
		{"an event of two rules counts twice", correlation("tumbling", strings.Replace(two, "[shell]", "[shell, command]", 1)), "1:both:a 1:shell:b", "Computer value", "a 2"},
		{"two events of one time count twice", correlation("tumbling", two), "1:shell:a 1:shell:a", "Computer value", "a 2"},
		{"what is near is there when its last event is", "title: Near\nname: near\ncorrelation: {type: temporal, rules: [shell, command], group-by: [Computer], timespan: 1m}\nhunt: {windows: sliding}\n---\n" +
			correlation("tumbling", strings.Replace(ordered, "[shell", "[near", 1)), "10:command:a 20:connect:a 40:shell:a 10:command:b 40:shell:b 50:connect:b", "Computer", "b"},
		{"missing values are not counted", correlation("tumbling", "{type: value_count, rules: [shell], group-by: [Computer], timespan: 1m, condition: {lte: 1, field: User}}"),
			"1:shell:a 2:shell:a:u 3:shell:b 4:shell:c:u 5:shell:c:v", "Computer value", "a 1\nb 0"},
		{"ties in top", pipeline("union net", "summarize n = count() by Computer", "top 1 by n desc"), "1:shell:a 2:shell:a 3:shell:b 4:shell:b 5:shell:c", "n", "2"},
		{"a union keeps what is twice", pipeline("union net", "summarize n = count() by Timestamp, Computer"), "1:shell:a 1:shell:a 1:connect:a", "Computer n", "a 3"},
		{"missing keys of an inner join", pipeline(fmt.Sprintf(joined, "inner"), "summarize n = count() by Computer"), "1:shell:- 1:connect:- 2:shell:a 2:connect:a 3:shell:b", "Computer n", "a 1"},
		{"missing keys of a left join", pipeline(fmt.Sprintf(joined, "left"), "summarize n = count() by Computer"), "1:shell:- 1:connect:- 2:shell:a 2:connect:a 3:shell:b", "Computer n", "- 1\na 1\nb 1"},
		{"missing keys of an anti join", pipeline(fmt.Sprintf(joined, "anti"), "summarize n = count() by Computer"), "1:shell:- 1:connect:- 2:shell:a 2:connect:a 3:shell:b", "Computer n", "- 1\nb 1"},
		{"pairs of a join", pipeline(fmt.Sprintf(joined, "inner"), "summarize n = count() by Computer"), "1:shell:a 2:shell:a 3:connect:a 4:connect:a 5:connect:a", "Computer n", "a 6"},
		{"a missing key is a group of its own", pipeline("union net", "summarize n = count() by Computer"), "1:shell:- 2:connect:- 3:shell:a", "Computer n", "- 2\na 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file, diags := sigma.Load("b.yml", []byte(specRules+"---\n"+tt.doc), nil)
			diags = append(diags, sigma.Link([]*sigma.File{file})...)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			h := file.Hunts[len(file.Hunts)-1]
			events, columns := store(t, tt.events), strings.Fields(tt.columns)
			rows, err := eval.Run(h.Query, func(s *ir.Scan) ([]eval.Row, error) { return events.logical[s.Source.Category], nil })
			if err != nil {
				t.Fatal(err)
			}
			if got := boundaryRows(rows, columns, func(r eval.Row, name string) any { return r.Get(name) }); got != tt.want {
				t.Errorf("it means\n%s\nwant\n%s\nby\n%s", got, tt.want, ir.Format(h.Query))
			}
			queries = append(queries, kustotest.Query{ID: tt.name, Text: runBoundaries(t, h, events, columns, tt.want)})
		})
	}
	kustotest.NoFindings(t, queries)
}

// runBoundaries runs a hunt's texts as the targets would, and holds the rows
// to want. It returns the Kusto text.
func runBoundaries(t *testing.T, h *ir.Hunt, events stored, columns []string, want string) string {
	t.Helper()
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	logical := resultColumns(h.Query)
	physical := func(v schema.View) func(string) string {
		res := s.Resolve(h, v)
		if res.Query == nil {
			t.Fatal(res.Diagnostics)
		}
		names := resultColumns(res.Query)
		return func(name string) string { return names[slices.Index(logical, name)] }
	}
	art := splunk.New(s, splunk.Config{}).Compile(h)
	search, diags := spl.Parse("", art.Query)
	if len(diags) > 0 {
		t.Fatal(art.Diagnostics, diags)
	}
	name := physical(schema.CIM)
	var asked []string
	for _, c := range columns {
		asked = append(asked, name(c))
	}
	rows := runSPL(t, search, events.splunk, []eval.Row{eval.NewRow(asked, make([]any, len(asked))...)})
	if got := boundaryRows(rows, columns, func(r eval.Row, c string) any { return r.Get(name(c)) }); got != want {
		t.Errorf("Splunk finds\n%s\nwant\n%s\nby\n%s", got, want, art.Query)
	}
	art = defender.New(s).Compile(h)
	query, diags := kql.Parse("", art.Query)
	if len(diags) > 0 || art.Query == "" {
		t.Fatal(art.Diagnostics, diags)
	}
	name = physical(schema.XDR)
	if got := boundaryRows(kustoTable(query, events.kusto), columns, func(r map[string]any, c string) any { return r[name(c)] }); got != want {
		t.Errorf("Defender finds\n%s\nwant\n%s\nby\n%s", got, want, art.Query)
	}
	return art.Query
}

// boundaryRows are rows as sorted lines, "-" for what is missing.
func boundaryRows[R any](rows []R, columns []string, get func(R, string) any) string {
	var lines []string
	for _, r := range rows {
		var values []string
		for _, c := range columns {
			v := plainValue(get(r, c))
			if v == "unknown" || v == "" {
				v = "-"
			}
			values = append(values, v)
		}
		lines = append(lines, strings.Join(values, " "))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
