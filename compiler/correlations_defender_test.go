package compiler_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/internal/kustotest"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// defenderRules are three rules on two tables.
const defenderRules = `title: Connections to a port
name: connect
status: test
level: low
logsource: {category: network_connection}
detection: {s: {DestinationPort: 443}, condition: s}
---
title: Shells
name: shell
status: test
level: low
logsource: {category: process_creation}
detection: {s: {Image|endswith: '\sh.exe'}, condition: s}
---
title: Other connections
name: other
status: test
level: low
logsource: {category: network_connection}
detection: {s: {SourcePort: 44}, condition: s}
---
title: Many connections
name: many
status: test
level: low
correlation: {type: event_count, rules: [connect], group-by: [Computer], timespan: 20m, condition: {gte: 2}}
hunt: {windows: tumbling}
---
title: A correlation
name: tested
status: test
level: low
taxonomy: huntc
correlation: `

// defenderCorrelations are a correlation of each type, each with the windows
// that it can have.
var defenderCorrelations = []struct{ windows, doc string }{
	{"tumbling sliding session", "{type: event_count, rules: [connect], group-by: [Computer], timespan: 20m, condition: {gte: 2}}"},
	{"tumbling sliding session", "{type: event_count, rules: [connect, other, shell], group-by: [Computer], timespan: 40m, condition: {gt: 3}}"},
	{"tumbling sliding", "{type: event_count, rules: [connect, shell], timespan: 1h, condition: {gte: 3}}"},
	{"sliding", "{type: event_count, rules: [connect], group-by: [Computer, DestinationPort], timespan: 50m, condition: {gte: 3}}"},
	{"tumbling session", "{type: event_count, rules: [connect], group-by: [Computer], timespan: 7h, condition: {gt: 1, lt: 4}}"},
	{"tumbling session", "{type: value_count, rules: [connect, other], group-by: [Computer], timespan: 1h, condition: {gte: 2, field: DestinationIp}}"},
	{"tumbling session", "{type: value_count, rules: [other], group-by: [Computer], timespan: 1h, condition: {gte: 2, field: [DestinationIp, DestinationPort]}}"},
	{"tumbling session", "{type: value_sum, rules: [other, connect], group-by: [Computer], timespan: 1h, condition: {gt: 300, field: DestinationPort}}"},
	{"tumbling", "{type: value_avg, rules: [other], group-by: [Computer], timespan: 3h, condition: {gte: 44, field: DestinationPort}}"},
	{"tumbling session", "{type: value_median, rules: [other], group-by: [Computer], timespan: 3h, condition: {gte: 44, field: DestinationPort}}"},
	{"tumbling", "{type: value_percentile, rules: [other], group-by: [Computer], timespan: 7d, condition: {gte: 44, field: DestinationPort, percentile: 75}}"},
	{"tumbling sliding session", "{type: temporal, rules: [connect, shell], group-by: [Computer], timespan: 40m}"},
	{"tumbling sliding session", "{type: temporal, rules: [connect, shell, other], group-by: [Computer], timespan: 2h}"},
	{"tumbling session", "{type: temporal, rules: [connect, shell, other], group-by: [Computer], timespan: 2h, condition: connect and (shell or not other)}"},
	{"tumbling", "{type: temporal, rules: [connect, shell, other], group-by: [Computer], timespan: 2h, condition: {gte: 2}}"},
	{"tumbling sliding session", "{type: temporal_ordered, rules: [shell, connect], group-by: [Computer], timespan: 40m}"},
	{"tumbling sliding", "{type: temporal_ordered, rules: [connect, shell, other], group-by: [Computer], timespan: 3h}"},
	{"tumbling sliding session", "{type: temporal, rules: [many, shell], group-by: [Computer], timespan: 3h}"},
	{"tumbling sliding", "{type: temporal_ordered, rules: [many, shell], group-by: [Computer], timespan: 3h}"},
	{"tumbling", "{type: temporal, rules: [connect, shell], group-by: [who], timespan: 1h, aliases: {who: {connect: DestinationIp, shell: CommandLine}}}"},
	{"tumbling", "{type: value_count, rules: [connect, shell], group-by: [Computer], timespan: 2h, condition: {gte: 2, field: ProcessId}}"},
	{"session", "{type: temporal_ordered, rules: [connect, shell], group-by: [User], timespan: 40m}"},
	{"tumbling sliding session", "{type: event_count, rules: [connect], group-by: [User], timespan: 40m, condition: {gte: 2}}"},
	{"tumbling", "{type: value_count, rules: [connect], group-by: [Computer], timespan: 2h, condition: {gte: 1, field: User}}"},
}

func defenderCorrelation(t *testing.T, doc, windows string) *ir.Hunt {
	t.Helper()
	file, diags := sigma.Load("c.yml", []byte(defenderRules+doc+"\nhunt: {windows: "+windows+"}\n"), nil)
	diags = append(diags, sigma.Link([]*sigma.File{file})...)
	if diags.HasErrors() || len(file.Hunts) != 5 {
		t.Fatal(diags)
	}
	h := file.Hunts[4]
	if len(h.Reasons) > 0 {
		t.Fatal(h.Reasons)
	}
	return h
}

// twins are events in Sigma's fields, and the rows of Defender's tables that
// stand for them: a missing text is empty there, everything else null.
type twins struct {
	events map[string][]eval.Row       // by category
	rows   map[string][]map[string]any // by table
}

// newTwins makes connections and processes of the same few hours and hosts.
// Times repeat, also between the two.
func newTwins(r *rand.Rand) twins {
	pick := func(list ...any) any { return list[r.IntN(len(list))] }
	tw := twins{map[string][]eval.Row{}, map[string][]map[string]any{}}
	type column struct {
		field, column string // either may be ""
		value         any
	}
	add := func(category, table string, n int, cols func(at time.Time, i int) []column) {
		at := time.Date(2026, 1, 2, 22, 0, 0, 0, time.UTC)
		for i := range n {
			at = at.Add(time.Duration(r.IntN(5)) * 300 * time.Second)
			var names []string
			var vals []any
			row := map[string]any{}
			for _, c := range cols(at, i) {
				if c.field != "" {
					names, vals = append(names, c.field), append(vals, c.value)
					if c.value == "" {
						vals[len(vals)-1] = nil
					}
				}
				if c.column != "" {
					row[c.column] = c.value
				}
			}
			tw.events[category] = append(tw.events[category], eval.NewRow(names, vals...))
			tw.rows[table] = append(tw.rows[table], row)
		}
		r.Shuffle(n, func(i, j int) {
			e, m := tw.events[category], tw.rows[table]
			e[i], e[j], m[i], m[j] = e[j], e[i], m[j], m[i]
		})
	}
	account := func(table string) []column {
		domain, name, user := "", "", ""
		if r.IntN(3) > 0 {
			domain, name = pick("d", "e").(string), pick("ann", "bob").(string)
			user = domain + `\` + name
		}
		return []column{{"User", "", user}, {"", table + "AccountDomain", domain}, {"", table + "AccountName", name}}
	}
	add("network_connection", "DeviceNetworkEvents", 25, func(at time.Time, i int) []column {
		return append(account("InitiatingProcess"), column{"Timestamp", "Timestamp", at}, column{"", "DeviceId", "d"}, column{"", "ReportId", int64(i)},
			column{"Computer", "DeviceName", pick("", "a", "b")}, column{"", "ActionType", "ConnectionSuccess"}, column{"SourcePort", "LocalPort", pick(nil, int64(44), int64(44))},
			column{"DestinationPort", "RemotePort", pick(nil, int64(443), int64(443), int64(2), int64(9))},
			column{"DestinationIp", "RemoteIP", pick("", "1.1.1.1", "2.2.2.2")}, column{"ProcessId", "InitiatingProcessId", pick(int64(4), int64(7))})
	})
	add("process_creation", "DeviceProcessEvents", 12, func(at time.Time, i int) []column {
		file := pick("sh.exe", "sh.exe", "a.exe").(string)
		return append(account(""), column{"Timestamp", "Timestamp", at}, column{"", "DeviceId", "d"}, column{"", "ReportId", int64(i)},
			column{"Computer", "DeviceName", pick("", "a", "b")}, column{"", "ActionType", "ProcessCreated"}, column{"Image", "FolderPath", `c:\` + file}, column{"", "FileName", file},
			column{"CommandLine", "ProcessCommandLine", pick("", "1.1.1.1", "2.2.2.2")}, column{"ProcessId", "ProcessId", pick(nil, int64(4), int64(9))})
	})
	return tw
}

// holdMeaning runs a hunt over events, and what is emitted for it as Kusto over
// the rows that stand for them. It returns the query.
func holdMeaning(t *testing.T, b *defender.Backend, s *schema.Schema, name string, h *ir.Hunt) string {
	t.Helper()
	res := s.Resolve(h, schema.XDR)
	if res.Query == nil {
		t.Fatalf("%s: %v", name, res.Diagnostics)
	}
	plan, diags := b.Plan(res.Query, res.Fields)
	if plan == nil {
		t.Fatalf("%s: %v\n%s", name, diags, ir.Format(res.Query))
	}
	checkDefenderLaws(t, b, name, plan)
	query := b.Lower(plan)
	names, columns := resultColumns(h.Query), resultColumns(res.Query)
	if len(names) == 0 || len(names) != len(columns) {
		t.Fatalf("%s: %q and %q in\n%s", name, names, columns, ir.Format(res.Query))
	}
	found, r := 0, rand.New(rand.NewPCG(7, 8))
	for range 40 {
		tw := newTwins(r)
		want, err := eval.Runner{Now: kustoNow, Source: func(s *ir.Scan) ([]eval.Row, error) { return tw.events[s.Source.Category], nil }}.Run(h.Query)
		if err != nil {
			t.Fatal(err)
		}
		var wantText, gotText []string
		for _, row := range want {
			wantText = append(wantText, comparable(names, row.Get))
		}
		for _, row := range kustoTable(query, tw.rows) {
			gotText = append(gotText, comparable(names, func(name string) any { return row[columns[slices.Index(names, name)]] }))
		}
		if !isOrdered(h.Query) {
			slices.Sort(wantText)
			slices.Sort(gotText)
		}
		if !slices.Equal(wantText, gotText) {
			t.Fatalf("%s\nwant\n%s\ngot\n%s\nfrom\n%s\n%s", name, strings.Join(wantText, "\n"), strings.Join(gotText, "\n"), kql.Print(query), ir.Format(res.Query))
		}
		found += len(want)
	}
	if found == 0 {
		t.Errorf("%s finds nothing in any of the tables, which shows nothing:\n%s", name, kql.Print(query))
	}
	return kql.Print(query)
}

// TestDefenderCorrelationsKeepMeaning is laws 2, 3 and 4 for correlations.
func TestDefenderCorrelationsKeepMeaning(t *testing.T) {
	b, s := defenderBackend(t)
	var queries []kustotest.Query
	for _, c := range defenderCorrelations {
		for _, windows := range strings.Fields(c.windows) {
			name := windows + " " + c.doc
			t.Run(name, func(t *testing.T) {
				text := holdMeaning(t, b, s, name, defenderCorrelation(t, c.doc, windows))
				t.Log("\n" + text)
				queries = append(queries, kustotest.Query{ID: name, Text: text})
			})
		}
	}
	kustotest.NoFindings(t, queries)
}

// The IR of these hunts is written by hand, so that they can say what no
// document says today.
func field(name string) *ir.Field { return &ir.Field{Name: name} }
func fieldList(names ...string) (out []*ir.Field) {
	for _, n := range names {
		out = append(out, field(n))
	}
	return out
}
func colOf(as string, x ir.Expr) *ir.Col { return &ir.Col{As: as, X: x} }
func colList(names ...string) (out []*ir.Col) {
	for _, n := range names {
		out = append(out, colOf(n, field(n)))
	}
	return out
}
func lit(v any) *ir.Lit                                { return &ir.Lit{Value: v} }
func fn(f ir.FuncID, args ...ir.Expr) ir.Expr          { return &ir.Call{Func: f, Args: args} }
func cmpOf(op ir.CmpOp, l, r ir.Expr) ir.Expr          { return &ir.Compare{Op: op, L: l, R: r} }
func aggOf(as string, f ir.AggFunc, x ir.Expr) *ir.Agg { return &ir.Agg{As: as, Func: f, X: x} }
func textIs(name, s string) ir.Expr {
	f := field(name)
	return &ir.Match{X: f, Any: []ir.Pattern{ir.TextPattern(f.Span, s)}, Cased: true}
}

func argOf(as string, f ir.AggFunc, of string, x ir.Expr) *ir.Agg {
	return &ir.Agg{As: as, Func: f, X: x, Of: field(of)}
}

// apartRows are the rows of which no two have the same time.
func apartRows(in ir.Query) ir.Query {
	at := field(ir.Timestamp)
	return &ir.Filter{Input: &ir.Window{Input: in, Of: at, As: "apart"}, Pred: cmpOf(ir.Gt, field("apart"), lit(time.Duration(0)))}
}

// listed joins with a list of hosts, or of addresses.
func listed(in ir.Query, kind ir.JoinKind, on ...string) ir.Query {
	t := &ir.Table{Name: "owners", Cols: []string{"Computer", "DestinationIp", "Owner"},
		Rows: [][]string{{"a", "1.1.1.1", "ann"}, {"", "2.2.2.2", "x"}, {"B", "", `b"\b`}, {"b", "2.2.2.2", ""}}}
	if len(on) == 1 {
		t.Name += "_" + on[0]
		place := slices.Index(t.Cols, on[0])
		seen := map[string]bool{}
		var rows [][]string
		for _, row := range t.Rows {
			if !seen[row[place]] {
				rows = append(rows, []string{row[place], row[2]})
			}
			seen[row[place]] = true
		}
		t.Cols, t.Rows = []string{on[0], "Owner"}, rows
		if kind == ir.Inner {
			for i := range rows {
				rows[i] = rows[i][:1]
			}
			t.Cols = t.Cols[:1]
		}
	}
	return &ir.Join{Left: in, Right: t, Kind: kind, On: fieldList(on...)}
}

// defenderWindows are hunts with what correlations are made of, at its edges:
// keys that may be null, windows over unions and joins, conditions on values
// that may be missing.
func defenderWindows() map[string]ir.Query {
	net := func() ir.Query { return &ir.Scan{Source: ir.Logsource{Category: "network_connection"}} }
	proc := func() ir.Query { return &ir.Scan{Source: ir.Logsource{Category: "process_creation"}} }
	port, at := field("DestinationPort"), field("Timestamp")
	isPort := cmpOf(ir.Gt, port, lit(int64(5)))
	group := func(in ir.Query, by []*ir.Col, aggs ...*ir.Agg) ir.Query {
		return &ir.Aggregate{Input: in, By: by, Aggs: aggs}
	}
	count := aggOf("n", ir.Count, nil)
	percentile := func(as string, p float64, x ir.Expr) *ir.Agg { return &ir.Agg{As: as, Func: ir.Percentile, P: p, X: x} }
	both := func() ir.Query {
		return &ir.Union{Inputs: []ir.Query{
			&ir.Project{Input: net(), Cols: append(colList("Timestamp", "Computer", "User"), colOf("what", fn(ir.ToString, field("DestinationPort"))), colOf("rule", lit("a")), colOf("weight", lit(int64(2))))},
			&ir.Project{Input: proc(), Cols: append(colList("Timestamp", "Computer", "User"), colOf("what", field("CommandLine")), colOf("rule", lit("b")), colOf("weight", lit(0.5)))},
		}}
	}
	near := func(kind ir.JoinKind) ir.Query {
		return &ir.Join{Kind: kind, On: fieldList("Computer", "window"),
			Left: &ir.Project{Input: net(), Cols: append(colList("Timestamp", "Computer"), colOf("window", fn(ir.Bin, at, lit(time.Hour))))},
			Right: &ir.Project{Input: group(&ir.Extend{Input: proc(), Cols: []*ir.Col{colOf("window", fn(ir.Bin, at, lit(time.Hour)))}},
				colList("Computer", "window"), aggOf("start", ir.Min, at), aggOf("pid", ir.Max, field("ProcessId"))), Cols: colList("Computer", "window", "start", "pid")}}
	}
	apart := fn(ir.Sub, at, field("start"))
	return map[string]ir.Query{
		"rows at a distance, by keys that may be null": group(&ir.Filter{Pred: cmpOf(ir.Le, field("d"), lit(time.Hour)), Input: &ir.Window{Input: net(), By: fieldList("Computer", "DestinationPort", "SourcePort"), Of: at, Offset: 2, As: "d"}},
			colList("Computer", "DestinationPort"), count, aggOf("m", ir.Max, field("d"))),
		"rows at a distance of all rows": group(&ir.Window{Input: both(), Of: at, Offset: 7, As: "d"}, nil, count, aggOf("m", ir.Avg, field("d"))),
		"sessions by keys that may be null": group(&ir.Session{Input: net(), By: fieldList("DestinationPort", "SourcePort", "Computer"), Of: at, Gap: 600 * time.Second, As: "s"},
			colList("s", "DestinationPort", "SourcePort", "Computer"), count, aggOf("l", ir.Max, at)),
		"sessions of all rows":                      group(&ir.Session{Input: both(), Of: at, Gap: 300 * time.Second, As: "s"}, colList("s"), count),
		"sessions whose gap is not in a day":        group(&ir.Session{Input: net(), By: fieldList("Computer"), Of: at, Gap: 30 * time.Hour, As: "s"}, colList("s", "Computer"), count),
		"sessions of sessions":                      group(&ir.Session{Input: group(&ir.Session{Input: net(), By: fieldList("Computer"), Of: at, Gap: 300 * time.Second, As: "s"}, colList("s", "Computer"), count), By: fieldList("Computer"), Of: field("s"), Gap: time.Hour, As: "t"}, colList("t", "Computer"), aggOf("total", ir.Sum, field("n"))),
		"percentiles of values that may be missing": group(net(), colList("Computer"), percentile("p0", 0, port), percentile("p10", 10, port), percentile("p50", 50, port), percentile("p99", 99.5, port), percentile("p100", 100, port)),
		"percentiles of times":                      group(net(), colList("Computer"), percentile("p30", 30, at), percentile("p", 50, fn(ir.If, isPort, at))),
		"percentiles of everything and of nothing":  group(&ir.Filter{Input: net(), Pred: cmpOf(ir.Lt, port, lit(int64(-1)))}, nil, percentile("p", 50, port), percentile("q", 50, at), count),
		"percentiles of lengths of time":            group(&ir.Window{Input: net(), By: fieldList("Computer"), Of: at, As: "d"}, colList("Computer"), percentile("p", 25, field("d"))),
		"conditions on values": group(&ir.Extend{Input: net(), Cols: []*ir.Col{
			colOf("a", fn(ir.If, isPort, port, field("SourcePort"))), colOf("b", fn(ir.If, &ir.Not{X: isPort}, field("Computer"))),
			colOf("c", fn(ir.If, isPort, lit(int64(1)), lit(0.5))), colOf("e", fn(ir.If, isPort, lit(5*time.Minute), lit(time.Hour))),
			colOf("f", fn(ir.If, isPort, at))}},
			colList("a", "b", "c", "e", "f"), count),
		"aggregates on condition": group(net(), colList("Computer"), aggOf("lo", ir.Min, fn(ir.If, isPort, at)), aggOf("hi", ir.Max, fn(ir.If, isPort, field("DestinationIp"))),
			aggOf("d", ir.DCount, fn(ir.If, isPort, field("DestinationIp"))), aggOf("dp", ir.DCount, fn(ir.If, isPort, field("SourcePort"))), aggOf("v", ir.Values, fn(ir.If, &ir.Not{X: isPort}, field("DestinationIp"))),
			aggOf("s", ir.Sum, fn(ir.If, isPort, field("SourcePort"))), aggOf("a", ir.Avg, fn(ir.If, isPort, field("SourcePort"))), aggOf("sd", ir.Stdev, fn(ir.If, isPort, port)),
			aggOf("one", ir.Max, fn(ir.If, isPort, lit(int64(1)), lit(int64(0)))), aggOf("u", ir.DCount, fn(ir.If, isPort, field("User")))),
		"edges on condition": group(&ir.Filter{Input: &ir.Window{Input: net(), Of: at, As: "gap"}, Pred: cmpOf(ir.Gt, field("gap"), lit(time.Duration(0)))}, nil,
			aggOf("f", ir.First, fn(ir.If, isPort, field("DestinationIp"))), aggOf("l", ir.Last, fn(ir.If, isPort, port))),
		"tuples": group(net(), colList("Computer"), aggOf("a", ir.DCount, fn(ir.Tuple, field("DestinationIp"), port)), aggOf("b", ir.DCount, fn(ir.Tuple, field("User"), at, field("SourcePort"))),
			aggOf("c", ir.DCount, fn(ir.If, isPort, fn(ir.Tuple, field("DestinationIp"), field("User"))))),
		"tuples that strings put together would confuse": group(&ir.Extend{Input: net(), Cols: []*ir.Col{
			colOf("x", fn(ir.If, isPort, lit(`a","b`), lit("a"))), colOf("y", fn(ir.If, isPort, lit("c"), lit(`b","c`)))}}, nil, aggOf("n", ir.DCount, fn(ir.Tuple, field("x"), field("y")))),
		"unions whose columns differ in type": group(both(), colList("Computer", "rule", "weight"), count, aggOf("d", ir.DCount, field("what")), aggOf("u", ir.Values, field("User"))),
		"temporal order in a union": &ir.Filter{Pred: cmpOf(ir.Le, field("a"), field("b")), Input: group(both(), []*ir.Col{colOf("w", fn(ir.Bin, at, lit(5*time.Hour))), colOf("Computer", field("Computer"))},
			aggOf("a", ir.Min, fn(ir.If, textIs("rule", "a"), at)), aggOf("b", ir.Max, fn(ir.If, textIs("rule", "b"), at)))},
		"times apart in a join": group(&ir.Filter{Input: near(ir.Inner), Pred: ir.NewLogic(port.Span, ir.And, cmpOf(ir.Le, apart, lit(15*time.Minute)), cmpOf(ir.Ge, apart, lit(-10*time.Minute)), cmpOf(ir.Ge, at, field("window")))},
			colList("Computer", "window"), count, aggOf("m", ir.Max, apart), aggOf("p", ir.Max, field("pid"))),
		"times apart where there may be none": group(&ir.Filter{Input: near(ir.LeftOuter), Pred: &ir.Not{X: ir.NewLogic(port.Span, ir.Or, cmpOf(ir.Lt, apart, lit(5*time.Minute)), cmpOf(ir.Gt, at, field("start")))}},
			colList("Computer"), count, aggOf("m", ir.Min, fn(ir.Sub, field("start"), at)), aggOf("e", ir.Max, fn(ir.Add, field("start"), lit(time.Hour)))),
		"no partner in the window": group(near(ir.Anti), colList("Computer", "window"), count),
		"joins in joins": group(&ir.Filter{Pred: cmpOf(ir.Le, fn(ir.Sub, field("t2"), field("Timestamp")), lit(30*time.Minute)), Input: &ir.Join{Kind: ir.Inner, On: fieldList("Computer"), Left: near(ir.Inner),
			Right: &ir.Project{Input: &ir.Filter{Input: net(), Pred: isPort}, Cols: append(colList("Computer"), colOf("t2", at))}}}, colList("Computer"), count, aggOf("last", ir.Max, field("t2")), aggOf("first", ir.Min, field("start"))),
		"a join by a text put together": group(&ir.Join{Kind: ir.LeftOuter, On: fieldList("who"), Left: &ir.Project{Input: net(), Cols: append(colList("Computer"), colOf("who", field("User")))},
			Right: &ir.Project{Input: group(proc(), []*ir.Col{colOf("who", field("User"))}, aggOf("pid", ir.Max, field("ProcessId"))), Cols: colList("who", "pid")}}, colList("who", "pid"), count),
		"the first that is there": group(&ir.Extend{Input: net(), Cols: []*ir.Col{colOf("a", fn(ir.Coalesce, port, field("SourcePort"), lit(int64(-1)))),
			colOf("b", fn(ir.Coalesce, port, lit(0.5))), colOf("c", fn(ir.Coalesce, field("DestinationIp"), field("Computer"), lit("none")))}}, colList("a", "b", "c"), count),
		"presence of a text put together": group(&ir.Filter{Input: both(), Pred: &ir.Exists{X: field("User")}}, colList("rule"), count, aggOf("u", ir.DCount, field("User"))),
		"counts on condition": group(net(), colList("Computer"), aggOf("a", ir.CountIf, isPort), aggOf("b", ir.CountIf, &ir.Not{X: isPort}),
			aggOf("c", ir.CountIf, ir.NewLogic(port.Span, ir.Or, &ir.Exists{X: field("DestinationIp")}, cmpOf(ir.Gt, port, field("SourcePort")))), aggOf("d", ir.CountIf, ir.True(port.Span))),
		"counts on condition of nothing": group(&ir.Filter{Input: net(), Pred: cmpOf(ir.Lt, port, lit(int64(-1)))}, nil, aggOf("a", ir.CountIf, isPort), count, argOf("x", ir.ArgMax, at.Name, port)),
		"values at extremes":             group(&ir.Window{Input: net(), Of: at, As: "gap"}, colList("Computer"), argOf("a", ir.ArgMax, "gap", field("DestinationIp")), argOf("b", ir.ArgMin, "gap", port)),
		// Rows are told apart by what they go by: two with the same least port may
		// both be the one.
		"values at extremes that may be missing": group(group(net(), colList("Computer", "DestinationPort"), aggOf("ip", ir.Max, field("DestinationIp")), aggOf("own", ir.Max, field("SourcePort")), aggOf("t", ir.Max, at)),
			colList("Computer"), argOf("a", ir.ArgMax, "DestinationPort", field("ip")), argOf("b", ir.ArgMin, "DestinationPort", field("own")), argOf("c", ir.ArgMin, "DestinationPort", field("t")), argOf("e", ir.ArgMax, "DestinationPort", field("DestinationPort")),
			argOf("d", ir.ArgMax, "DestinationPort", fn(ir.If, cmpOf(ir.Gt, port, lit(int64(5))), field("ip"))), argOf("f", ir.ArgMin, "DestinationPort", fn(ir.If, &ir.Exists{X: port}, fn(ir.Concat, field("ip"), lit("!")))),
			argOf("g", ir.ArgMax, "DestinationPort", fn(ir.If, cmpOf(ir.Gt, port, lit(int64(5))), field("own"), lit(int64(0))))),
		"values before, by keys that may be null": group(&ir.Lag{Input: &ir.Window{Input: net(), Of: at, As: "gap"}, By: fieldList("Computer", "DestinationPort", "SourcePort"), Of: at, X: field("DestinationIp"), As: "before"},
			colList("Computer", "DestinationPort", "before"), count),
		"values before, of all rows": group(&ir.Lag{Input: apartRows(net()), Of: at, X: port, As: "before"}, colList("before", "DestinationPort"), count),
		"values before that differ": group(&ir.Filter{Pred: &ir.Compare{Op: ir.Ne, L: field("User"), R: field("before")},
			Input: &ir.Lag{Input: apartRows(net()), By: fieldList("Computer"), Of: at, X: field("User"), As: "before"}}, colList("User", "before"), count),
		"values before along a number": group(&ir.Lag{Input: group(net(), colList("Computer", "DestinationPort"), count), By: fieldList("Computer"), Of: port, X: field("n"), As: "before"}, colList("Computer", "DestinationPort", "before"), count),
		"places": group(&ir.Filter{Pred: cmpOf(ir.Le, field("place"), lit(int64(2))), Input: &ir.Rank{Input: group(net(), colList("Computer", "DestinationPort"), count),
			By: fieldList("Computer"), Keys: []*ir.SortKey{{X: field("n"), Desc: true}, {X: port}}, As: "place"}}, colList("Computer", "DestinationPort", "place"), aggOf("m", ir.Max, field("n"))),
		"places by keys that may be null": group(&ir.Rank{Input: apartRows(net()), By: fieldList("DestinationPort", "SourcePort"), Keys: []*ir.SortKey{{X: at}, {X: port}}, As: "place"},
			colList("DestinationPort", "SourcePort", "place"), count, aggOf("t", ir.Max, at)),
		"places of all rows":                          group(&ir.Rank{Input: net(), Keys: []*ir.SortKey{{X: port, Desc: true}}, As: "place"}, colList("DestinationPort"), aggOf("lo", ir.Min, field("place")), aggOf("hi", ir.Max, field("place"))),
		"places without an order":                     group(&ir.Rank{Input: net(), As: "place"}, nil, aggOf("lo", ir.Min, field("place")), aggOf("hi", ir.Max, field("place"))),
		"a list of hosts":                             group(listed(net(), ir.Inner, "Computer"), colList("Computer"), count),
		"all but a list of hosts":                     group(listed(net(), ir.Anti, "Computer"), colList("Computer"), count),
		"a list of addresses":                         group(listed(net(), ir.Inner, "DestinationIp"), colList("DestinationIp"), count),
		"all but a list of addresses":                 group(listed(net(), ir.Anti, "DestinationIp"), colList("DestinationIp"), count),
		"hosts and their owners":                      group(listed(net(), ir.LeftOuter, "Computer"), colList("Computer", "Owner"), count),
		"owners of hosts and addresses":               group(listed(net(), ir.Inner, "Computer", "DestinationIp"), colList("Computer", "DestinationIp", "Owner"), count),
		"hosts that no list has with their addresses": group(listed(net(), ir.Anti, "Computer", "DestinationIp"), colList("Computer", "DestinationIp"), count),
		"two lists":                                   group(&ir.Filter{Input: listed(listed(net(), ir.Inner, "Computer"), ir.LeftOuter, "DestinationIp"), Pred: &ir.Not{X: textIs("Owner", "ann")}}, colList("Computer", "Owner"), count),
		"functions of texts": group(&ir.Extend{Input: net(), Cols: []*ir.Col{
			colOf("a", fn(ir.Lower, field("User"))), colOf("b", fn(ir.Upper, field("DestinationPort"))), colOf("c", fn(ir.StrLen, field("User"))), colOf("e", fn(ir.Substring, field("DestinationIp"), lit(int64(2)), lit(int64(3)))),
			colOf("f", fn(ir.Replace, field("User"), lit("n"), lit("NN"))), colOf("g", fn(ir.Split, field("DestinationIp"), lit("."), lit(int64(1)))), colOf("h", fn(ir.Extract, field("User"), lit(`(\w+)$`), lit(int64(1)))),
			colOf("i", fn(ir.If, isPort, lit("a"), fn(ir.If, &ir.Exists{X: field("SourcePort")}, lit("b"), fn(ir.If, &ir.Exists{X: port}, lit("c"))))), colOf("j", fn(ir.Coalesce, field("User"), field("DestinationIp"), field("Computer")))}},
			colList("a", "b", "c", "e", "f", "g", "h", "i", "j"), count),
		"functions of numbers and times": group(&ir.Extend{Input: net(), Cols: []*ir.Col{
			colOf("a", fn(ir.Abs, fn(ir.Sub, port, lit(int64(100))))), colOf("b", fn(ir.Floor, fn(ir.Div, port, lit(int64(7))))), colOf("c", fn(ir.Ceiling, fn(ir.Div, port, lit(int64(7))))), colOf("e", fn(ir.Floor, port)),
			colOf("f", fn(ir.Weekday, at)), colOf("g", fn(ir.Sub, fn(ir.Now), at)), colOf("h", fn(ir.Sub, fn(ir.Now), lit(time.Hour))), colOf("i", fn(ir.If, cmpOf(ir.Gt, at, fn(ir.Sub, fn(ir.Now), lit(5*time.Hour))), lit(int64(1)), lit(int64(0))))}},
			colList("a", "b", "c", "e", "f", "h", "i"), count, aggOf("m", ir.Max, field("g"))),
		"new in the last hours": group(&ir.Filter{Input: net(), Pred: cmpOf(ir.Gt, at, fn(ir.Sub, fn(ir.Now), lit(4*time.Hour)))}, colList("Computer"), count),
		"weeks":                 group(net(), []*ir.Col{colOf("w", fn(ir.Bin, at, lit(7*24*time.Hour))), colOf("x", fn(ir.Bin, at, lit(36*time.Hour))), colOf("y", fn(ir.Bin, at, lit(90*time.Second)))}, count),
	}
}

// TestDefenderWindowsKeepMeaning is laws 2, 3 and 4 for what correlations are
// made of.
func TestDefenderWindowsKeepMeaning(t *testing.T) {
	b, s := defenderBackend(t)
	hunts := defenderWindows()
	var queries []kustotest.Query
	for _, name := range slices.Sorted(maps.Keys(hunts)) {
		t.Run(name, func(t *testing.T) {
			text := holdMeaning(t, b, s, name, &ir.Hunt{Kind: ir.KindHunt, Query: hunts[name]})
			t.Log("\n" + text)
			queries = append(queries, kustotest.Query{ID: name, Text: text})
		})
	}
	kustotest.NoFindings(t, queries)
}
