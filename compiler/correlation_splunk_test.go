package compiler_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/splunk"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// splunkRules are rules on two data models; proc and cmd on one.
const splunkRules = `
title: Connection
name: conn
logsource: {category: network_connection, product: windows}
detection: {s: {DestinationPort|lt: 1000}, condition: s}
---
title: Process
name: proc
logsource: {category: process_creation, product: windows}
detection: {s: {Image|endswith: '\x.exe'}, condition: s}
---
title: Command line
name: cmd
logsource: {category: process_creation, product: windows}
detection: {s: {CommandLine|re: 'a.c'}, condition: s}
---
title: Failed
name: inner
correlation: {type: event_count, rules: [proc], group-by: [User], timespan: 5m, condition: {gte: 2}}
hunt: {windows: tumbling}
---
title: Tested
name: tested
`

func splunkCorrelation(t testing.TB, correlation, windows string) *ir.Hunt {
	t.Helper()
	file, diags := sigma.Load("c.yml", []byte(splunkRules+"correlation: "+correlation+"\nhunt: {windows: "+windows+"}\n"), nil)
	diags = append(diags, sigma.Link([]*sigma.File{file})...)
	if diags.HasErrors() || len(file.Hunts) == 0 {
		t.Fatal(diags)
	}
	return file.Hunts[len(file.Hunts)-1]
}

// processes are rows of Endpoint.Processes, as the data model holds them.
func processes(r *rand.Rand) []eval.Row {
	pick := func(list ...any) any { return list[r.IntN(len(list))] }
	at := time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC).Unix()
	var table [][]any
	for range r.IntN(60) {
		at += int64(r.IntN(200))
		image := pick("x.exe", "y.exe").(string)
		table = append(table, []any{at, pick("u1", "u2", "unknown"), pick("host1", "host2", "unknown"), image, `c:\` + image, pick("abc", "a", "a c 1")})
	}
	return eval.NewTable([]string{"_time", "user", "dest", "process_name", "process_path", "process"}, table...)
}

// known leaves the data model's word for a missing value out of what is counted:
// a hunt means that there is none.
func known(q ir.Query) ir.Query {
	return ir.MapQuery(q, func(q ir.Query) ir.Query {
		agg, ok := q.(*ir.Aggregate)
		if !ok {
			return q
		}
		out := &ir.Aggregate{Input: agg.Input, By: agg.By}
		for _, a := range agg.Aggs {
			b := *a
			if a.Func == ir.DCount {
				var there []ir.Expr
				for _, f := range ir.Fields(a.X) {
					there = append(there, &ir.Not{X: &ir.Match{X: f, Any: []ir.Pattern{ir.TextPattern(f.Span, "unknown")}}})
				}
				b.X = &ir.Call{Func: ir.If, Args: []ir.Expr{&ir.Logic{Op: ir.And, Args: there}, a.X}}
			}
			out.Aggs = append(out.Aggs, &b)
		}
		return out
	})
}

// TestSplunkCorrelations: what is planned for a correlation, in the form that
// it chooses, finds the groups that it means, over random rows of the data
// models; the text is read back as the plan.
func TestSplunkCorrelations(t *testing.T) {
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	b := splunk.New(s, splunk.Config{})
	for _, tt := range []struct {
		name, correlation, windows string
		form                       backends.Form
		has                        string // what is in the text
	}{
		{"count", "{type: event_count, rules: [proc], group-by: [User], timespan: 5m, condition: {gte: 2}}", "tumbling", backends.Tstats,
			"by Processes.user, _time span=5m"},
		{"count in hours", "{type: event_count, rules: [proc], group-by: [User], timespan: 1h, condition: {gt: 2, lt: 9}}", "tumbling", backends.Tstats,
			"by Processes.user, _time span=15m"},
		{"count of what tstats cannot say", "{type: event_count, rules: [cmd], group-by: [User], timespan: 7m, condition: {gte: 2}}", "tumbling", backends.Tstats,
			"by Processes.user, Processes.process, _time span=1m"},
		{"count without groups", "{type: event_count, rules: [proc], timespan: 5m, condition: {gte: 2}}", "tumbling", backends.Tstats, "by _time span=5m"},
		{"count over two data models", "{type: event_count, rules: [proc, conn], group-by: [Computer], timespan: 10m, condition: {gte: 3}}", "tumbling", backends.Tstats,
			"prestats=t append=t"},
		{"count over two rules of a data model", "{type: event_count, rules: [proc, cmd], group-by: [Computer], timespan: 10m, condition: {gte: 3}}", "tumbling", backends.Tstats,
			"append ["},
		{"sliding count", "{type: event_count, rules: [proc], group-by: [User], timespan: 5m, condition: {gte: 3}}", "sliding", backends.Datamodel,
			"streamstats global=f window=3 range(_time)"},
		{"sliding count of two", "{type: event_count, rules: [conn], group-by: [Computer], timespan: 5m, condition: {gte: 2}}", "sliding", backends.Datamodel, "streamstats current=f"},
		{"session", "{type: event_count, rules: [proc], group-by: [User], timespan: 5m, condition: {gte: 3}}", "session", backends.Tstats, "filldown window"},
		{"session without groups", "{type: event_count, rules: [proc, conn], timespan: 2m, condition: {gte: 3}}", "session", backends.Tstats, "filldown window"},
		{"distinct values", "{type: value_count, rules: [proc], group-by: [User], timespan: 5m, condition: {gte: 2, field: Computer}}", "tumbling", backends.Tstats, "dc("},
		{"distinct pairs of values", "{type: value_count, rules: [conn], group-by: [Computer], timespan: 15m, condition: {gte: 2, field: [DestinationIp, DestinationPort, SourceIp]}}", "tumbling",
			backends.Tstats, `len(dest_ip) . ":" . dest_ip . len(dest_port) . ":" . dest_port . src_ip`},
		{"sum", "{type: value_sum, rules: [conn], group-by: [Computer], timespan: 15m, condition: {gt: 100, field: DestinationPort}}", "tumbling", backends.Tstats, "sum(All_Traffic.dest_port) as value"},
		{"mean", "{type: value_avg, rules: [conn], group-by: [Computer], timespan: 1h, condition: {gt: 100, field: DestinationPort}}", "tumbling", backends.Tstats, "value_sum / value_n"},
		{"percentile", "{type: value_percentile, rules: [conn], group-by: [Computer], timespan: 15m, condition: {gt: 22, field: DestinationPort, percentile: 90}}", "tumbling",
			backends.Tstats, "exactperc90(All_Traffic.dest_port) as value"},
		{"median in sessions", "{type: value_median, rules: [conn], group-by: [Computer], timespan: 5m, condition: {gt: 22, field: DestinationPort}}", "session",
			backends.Datamodel, "exactperc50("},
		{"all", "{type: temporal, rules: [proc, conn], group-by: [Computer], timespan: 15m}", "tumbling", backends.Tstats, "prestats=t append=t"},
		{"all of three", "{type: temporal, rules: [proc, conn, cmd], group-by: [Computer], timespan: 15m}", "tumbling", backends.Tstats, "append ["},
		{"by a condition", "{type: temporal, rules: [proc, conn], group-by: [Computer], timespan: 15m, condition: proc and not conn}", "tumbling", backends.Tstats, "prestats=t append=t"},
		{"in a session", "{type: temporal, rules: [proc, conn], group-by: [Computer], timespan: 5m}", "session", backends.Tstats, "prestats=t append=t"},
		{"anywhere", "{type: temporal, rules: [proc, conn], group-by: [Computer], timespan: 5m}", "sliding", backends.Tstats, "count * joined_count"},
		{"anywhere, three", "{type: temporal, rules: [proc, conn, cmd], group-by: [Computer], timespan: 5m}", "sliding", backends.Tstats, "join type=inner max=0"},
		{"in order", "{type: temporal_ordered, rules: [proc, conn], group-by: [Computer], timespan: 15m}", "tumbling", backends.Tstats, "where _time >= time_1"},
		{"three in order", "{type: temporal_ordered, rules: [proc, conn, cmd], group-by: [Computer], timespan: 15m}", "tumbling", backends.Tstats, "where _time >= time_2"},
		{"in order, anywhere", "{type: temporal_ordered, rules: [proc, conn], group-by: [Computer], timespan: 5m}", "sliding", backends.Tstats, "time_2 - time_1 <= 300"},
		{"in order, in a session", "{type: temporal_ordered, rules: [proc, conn], group-by: [Computer], timespan: 5m}", "session", backends.Tstats, "first_matched_rule <= last_matched_rule"},
		{"of a correlation", "{type: temporal, rules: [inner, cmd], group-by: [User], timespan: 10m}", "tumbling", backends.Tstats, "append ["},
		{"sliding, of a correlation", "{type: event_count, rules: [inner], group-by: [User], timespan: 1h, condition: {gte: 3}}", "sliding", backends.Tstats, "streamstats global=f window=3"},
		{"aliases", "{type: temporal, rules: [proc, conn], group-by: [who], timespan: 15m, aliases: {who: {proc: Computer, conn: Computer}}}", "tumbling", backends.Tstats, "prestats=t append=t"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := splunkCorrelation(t, tt.correlation, tt.windows)
			_, form, _ := b.Plan(h)
			text := b.Compile(h).Query
			if form != tt.form || !strings.Contains(text, tt.has) {
				t.Errorf("the form is %s, want %s with %q in\n%s", form, tt.form, tt.has, text)
			}
			found := checkSplunkCorrelation(t, s, b, h, 60)
			if found == 0 {
				t.Error("the correlation never finds anything, so the test says nothing")
			}
		})
	}
}

// checkSplunkCorrelation holds a correlation to its meaning over so many random
// tables: as it is planned, as its text is read back, and as Splunk would run
// it. It returns how many groups it found.
func checkSplunkCorrelation(t *testing.T, s *schema.Schema, b *splunk.Backend, h *ir.Hunt, tables uint64) (found int) {
	t.Helper()
	res := s.Resolve(h, schema.CIM)
	if res.Query == nil {
		t.Fatal(res.Diagnostics)
	}
	checkSplunkLaws(t, b, h)
	plan, _, diags := b.Plan(h)
	if plan == nil {
		t.Fatal(diags)
	}
	text := b.Compile(h).Query
	parsed, _ := spl.Parse("", text)
	lifted, diags := b.Lift(parsed)
	if lifted == nil {
		t.Fatal(diags)
	}
	for seed := range tables {
		r := rand.New(rand.NewPCG(seed, 11))
		tables := map[string][]eval.Row{"Network_Traffic.All_Traffic": connections(r), "Endpoint.Processes": processes(r)}
		source := func(s *ir.Scan) ([]eval.Row, error) {
			rows, ok := tables[s.Physical.Table]
			if !ok {
				return nil, fmt.Errorf("no rows of %s", s.Physical.Table)
			}
			return rows, nil
		}
		want, err := eval.Run(known(inSeconds(res.Query)), source)
		if err != nil {
			t.Fatal(err)
		}
		found += len(want)
		if diff := cmp.Diff(shown(want, want), shown(runSPL(t, parsed, tables, want), want)); diff != "" {
			t.Fatalf("seed %d, as Splunk runs it\n%s\n%s", seed, diff, text)
		}
		for _, q := range []ir.Query{plan, lifted} {
			got, err := eval.Run(q, source)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(shown(want, want), shown(got, want)); diff != "" {
				t.Fatalf("seed %d\n%s\nphysical\n%s\nplan\n%s\n%s", seed, diff, ir.Format(res.Query), ir.Format(q), text)
			}
		}
	}
	return found
}

// TestSplunkRandomCorrelations: correlations of every type, at random.
func TestSplunkRandomCorrelations(t *testing.T) {
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	b := splunk.New(s, splunk.Config{})
	found := 0
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 5))
		pick := func(list ...string) string { return list[r.IntN(len(list))] }
		kind := pick("event_count", "event_count", "value_count", "value_sum", "value_avg", "value_median", "value_percentile", "temporal", "temporal", "temporal_ordered")
		rules := []string{"proc", "cmd", "conn", "inner"}
		r.Shuffle(len(rules), func(i, j int) { rules[i], rules[j] = rules[j], rules[i] })
		rules = rules[:1+r.IntN(3)]
		group, field := pick("group-by: [Computer], ", "group-by: [Computer], ", ""), ""
		if strings.HasPrefix(kind, "value") {
			rules, field = []string{"conn"}, ", field: "+pick("DestinationPort", "DestinationPort, percentile: 75")
			if kind == "value_percentile" {
				field = fmt.Sprintf(", field: DestinationPort, percentile: %d", r.IntN(101))
			} else if kind == "value_count" {
				field = ", field: " + pick("DestinationIp", "[DestinationIp, SourceIp]", "Action")
			} else {
				field = ", field: DestinationPort"
			}
		}
		for i, name := range rules {
			if name == "inner" { // has another group
				rules[i] = pick("proc", "cmd")
				group = strings.Replace(group, "Computer", pick("Computer", "User"), 1)
			}
		}
		if strings.Contains(group, "User") && slices.Contains(rules, "conn") {
			group = ""
		}
		slices.Sort(rules)
		rules = slices.Compact(rules)
		if strings.HasPrefix(kind, "temporal") && len(rules) < 2 {
			rules = []string{"proc", "conn"}
			if strings.Contains(group, "User") {
				rules = []string{"cmd", "proc"}
			}
		}
		condition := ""
		if !strings.HasPrefix(kind, "temporal") {
			condition = fmt.Sprintf(", condition: {%s: %d%s}", pick("gte", "gt", "lte", "eq"), 1+r.IntN(4), field)
		}
		correlation := fmt.Sprintf("{type: %s, rules: [%s], %stimespan: %s%s}", kind, strings.Join(rules, ", "), group,
			pick("1m", "5m", "7m", "10m", "15m", "30m", "1h", "1d"), condition)
		windows := pick("tumbling", "tumbling", "sliding", "session")
		h := splunkCorrelation(t, correlation, windows)
		found += checkSplunkCorrelation(t, s, b, h, 6)
		if t.Failed() {
			t.Fatalf("%s, %s", correlation, windows)
		}
	}
	if found < 1000 {
		t.Errorf("%d groups were found, which is too few to say much", found)
	}
}
