package compiler_test

import (
	"fmt"
	"math"
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
	"github.com/huntc/huntc/internal/irgen"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// huntOf is a hunt over network connections with a detection and a pipeline.
func huntOf(t testing.TB, detection, pipeline string) *ir.Hunt {
	t.Helper()
	src := "title: T\ntaxonomy: huntc\nlogsource: {category: network_connection}\ndetection: " + detection + "\nhunt:\n    branches:\n" +
		"        others: {logsource: {category: network_connection}, detection: {s: {DestinationPort: 22}, condition: s}, pipeline: 'summarize hits = count() by SourceIp'}\n" +
		"        names: {logsource: {category: dns_query}, detection: {s: {QueryName|contains: a}, condition: s}, output: [Computer, QueryName]}\n" +
		"    pipeline: |\n        " + strings.ReplaceAll(pipeline, "\n", "\n        ") + "\n"
	if !strings.Contains(pipeline, "others") {
		src = strings.Replace(src, "        others:", "        #others:", 1)
	}
	if !strings.Contains(pipeline, "names") {
		src = strings.Replace(src, "        names:", "        #names:", 1)
	}
	if !strings.Contains(pipeline, "others") && !strings.Contains(pipeline, "names") {
		src = strings.Replace(src, "    branches:\n", "", 1)
	}
	file, diags := sigma.Load("t.yml", []byte(src), nil)
	if len(file.Hunts) != 1 {
		t.Fatalf("%v\n%s", diags, src)
	}
	return file.Hunts[0]
}

// TestSplunkPipelines: what the planner makes of a pipeline, in the form that
// it chooses, gives the rows that the pipeline means, over random rows of the
// data model. A missing key shows as "unknown" in Splunk.
func TestSplunkPipelines(t *testing.T) {
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	b := splunk.New(s, splunk.Config{})
	sayable, regex, port := `{s: {Action: allowed}, condition: s}`, `{s: {SourceIp|re: '1$'}, condition: s}`, `{s: {Action: allowed}, f: {Image|re: 'x'}, condition: s and not f}`
	tests := []struct {
		detection, pipeline string
		form                backends.Form
	}{
		{sayable, "summarize n = count() by SourceIp", backends.Tstats},
		{sayable, "summarize n = count()", backends.Tstats},
		{regex, "summarize n = count() by SourceIp", backends.Tstats},
		{port, "summarize n = count() by SourceIp", backends.Tstats},
		{port, "summarize n = count() by Image", backends.Tstats},
		{sayable, "summarize n = count(), ports = dcount(DestinationPort), lo = min(DestinationPort), hi = max(DestinationPort) by Image, DestinationIp", backends.Tstats},
		{regex, "summarize n = count(), ports = dcount(DestinationPort), lo = min(DestinationPort), hi = max(DestinationPort) by Image, DestinationIp", backends.Tstats},
		{regex, "summarize total = sum(DestinationPort) by SourceIp", backends.Tstats},
		{regex, "summarize mean = avg(DestinationPort) by SourceIp", backends.Tstats},
		{port, "summarize mean = avg(DestinationPort), n = count() by Image", backends.Tstats},
		{regex, "summarize sd = stdev(DestinationPort) by SourceIp", backends.Datamodel},
		{sayable, "summarize sd = stdev(DestinationPort) by Image, DestinationIp", backends.Tstats},
		{sayable, "summarize n = count(), sd = stdev(DestinationPort) by Image, DestinationIp\nwhere n > 1 and sd < 100", backends.Tstats},
		{sayable, "summarize n = count(), sd = stdev(DestinationPort) by Image, DestinationIp\nwhere sd < 100", backends.Tstats},
		{sayable, "gaps of Timestamp as delta by SourceIp, DestinationIp\nsummarize sd = stdev(delta) by SourceIp, DestinationIp\nwhere sd < 30s", backends.Tstats},
		{sayable, "summarize mean = avg(DestinationPort), sd = stdev(DestinationPort) by SourceIp", backends.Tstats},
		{regex, "summarize images = dcount(Image) by SourceIp", backends.Tstats},
		{sayable, "summarize images = dcount(Image) by SourceIp", backends.Tstats},
		{sayable, "summarize first_seen = min(Timestamp), last_seen = max(Timestamp) by SourceIp", backends.Tstats},
		{regex, "summarize first_seen = min(Timestamp), last_seen = max(Timestamp) by SourceIp", backends.Tstats},
		{sayable, "summarize n = count() by bin(Timestamp, 5m), SourceIp", backends.Tstats},
		{regex, "summarize n = count() by bin(Timestamp, 5m), SourceIp", backends.Tstats},
		{sayable, "summarize n = count() by slot = bin(Timestamp, 7m), SourceIp", backends.Tstats},
		{sayable, "summarize n = count() by slot = bin(Timestamp, 1d)", backends.Tstats},
		{sayable, "summarize n = count() by slot = bin(DestinationPort, 10)", backends.Tstats},
		{sayable, "summarize n = count() by src = SourceIp, DestinationIp", backends.Tstats},
		{sayable, "extend p = DestinationPort + 1\nwhere p > 23\nsummarize n = count() by p", backends.Tstats},
		{sayable, "summarize n = count() by SourceIp\nwhere n > 2\nextend twice = n * 2\nsort by n desc\nlimit 3", backends.Tstats},
		{sayable, "summarize n = count() by SourceIp, DestinationIp\nsummarize peers = count(), most = max(n) by SourceIp", backends.Tstats},
		{sayable, "where Image endswith \"x.exe\" or not exists(Image)\nsummarize n = count() by Image", backends.Tstats},
		{sayable, "gaps of Timestamp as delta by SourceIp, DestinationIp\nsummarize n = count(), mean = avg(delta), sd = stdev(delta) by SourceIp, DestinationIp", backends.Tstats},
		{regex, "gaps of Timestamp as delta by SourceIp\nwhere delta > 10s\nsummarize n = count(), worst = max(delta) by SourceIp", backends.Tstats},
		{port, "gaps of Timestamp as delta by SourceIp\nwhere delta between 5s and 1m\nsummarize n = count(), ports = dcount(DestinationPort) by SourceIp", backends.Tstats},
		{sayable, "distinct SourceIp, Image\nproject SourceIp, Image", backends.Tstats},
		{regex, "distinct SourceIp, Image\nsummarize images = count() by SourceIp", backends.Tstats},
		{sayable, "project host = SourceIp, port = DestinationPort\nsummarize n = count() by host", backends.Tstats},
		{sayable, "project SourceIp, DestinationPort\nwhere DestinationPort > 22\nsummarize n = count(), t = sum(DestinationPort) by SourceIp", backends.Tstats},
		{sayable, "extend p = joined(parts(SourceIp, '.'), '-'), last = item(parts(SourceIp, '.'), -1), second = item(parts(SourceIp, '.'), 1)\nsummarize n = count() by p, last, second", backends.Tstats},
		{sayable, "extend n = size(parts(SourceIp, '.'))\nsummarize rows = count() by n", backends.Tstats},
		{sayable, "where size(parts(SourceIp, '.')) = 4 and not (item(parts(SourceIp, '.'), 7) like '*')\nsummarize n = count() by SourceIp", backends.Tstats},
		{sayable, "where Timestamp > instant('2020-01-02') and Timestamp < instant('2036-01-02')\nsummarize n = count() by SourceIp", backends.Tstats},
		{sayable, "summarize n = count() by SourceIp\njoin kind=inner others on SourceIp", backends.Tstats},
		{sayable, "summarize n = count() by SourceIp\njoin kind=left others on SourceIp", backends.Tstats},
		{sayable, "summarize n = count() by SourceIp\njoin kind=anti others on SourceIp", backends.Tstats},
	}
	for i, tt := range tests {
		t.Run(fmt.Sprintf("%d", i), func(t *testing.T) {
			h := huntOf(t, tt.detection, tt.pipeline)
			res := s.Resolve(h, schema.CIM)
			if res.Query == nil {
				t.Fatal(res.Diagnostics)
			}
			checkSplunkLaws(t, b, h)
			plan, form, diags := b.Plan(h)
			if plan == nil {
				t.Fatal(diags)
			}
			if form != tt.form {
				t.Errorf("the form is %s, want %s", form, tt.form)
			}
			text := b.Compile(h).Query
			if testing.Verbose() {
				t.Logf("%s\n%s", tt.pipeline, text)
			}
			parsed, _ := spl.Parse("", text)
			for seed := range uint64(40) {
				rows := connections(rand.New(rand.NewPCG(seed, 7)))
				source := func(*ir.Scan) ([]eval.Row, error) { return rows, nil }
				want, err := eval.Run(inSeconds(res.Query), source)
				if err != nil {
					t.Fatal(err)
				}
				got, err := eval.Run(plan, source)
				if err != nil {
					t.Fatal(err)
				}
				tables := map[string][]eval.Row{"Network_Traffic.All_Traffic": rows}
				if diff := cmp.Diff(shown(want, want), shown(runSPL(t, parsed, tables, want), want)); diff != "" {
					t.Fatalf("seed %d, as Splunk runs it: %s\n%s\n%s", seed, tt.pipeline, diff, text)
				}
				if diff := cmp.Diff(shown(want, want), shown(got, want)); diff != "" {
					t.Fatalf("seed %d: %s\n%s\nphysical\n%s\nplan\n%s", seed, tt.pipeline, diff, ir.Format(res.Query), ir.Format(plan))
				}
			}
		})
	}
}

// inSeconds writes lengths of time as numbers of seconds, which is what they
// are in Splunk; the rows of the test give times as numbers too.
func inSeconds(q ir.Query) ir.Query {
	expr := func(e ir.Expr) ir.Expr {
		if e == nil {
			return nil
		}
		return ir.MapExpr(e, func(e ir.Expr) ir.Expr {
			if l, ok := e.(*ir.Lit); ok {
				if d, ok := l.Value.(time.Duration); ok {
					return &ir.Lit{Value: int64(d / time.Second)}
				}
			}
			if c, ok := e.(*ir.Call); ok && c.Func == ir.Instant {
				at, err := time.Parse("2006-01-02", c.Args[0].(*ir.Lit).Value.(string))
				if err != nil {
					panic(err)
				}
				return &ir.Lit{Value: at.Unix()}
			}
			return e
		})
	}
	cols := func(in []*ir.Col) []*ir.Col {
		var out []*ir.Col
		for _, c := range in {
			out = append(out, &ir.Col{As: c.As, X: expr(c.X)})
		}
		return out
	}
	return ir.MapQuery(q, func(q ir.Query) ir.Query {
		switch q := q.(type) {
		case *ir.Filter:
			return &ir.Filter{Input: q.Input, Pred: expr(q.Pred)}
		case *ir.Extend:
			return &ir.Extend{Input: q.Input, Cols: cols(q.Cols)}
		case *ir.Project:
			return &ir.Project{Input: q.Input, Cols: cols(q.Cols)}
		case *ir.Aggregate:
			return &ir.Aggregate{Input: q.Input, By: cols(q.By), Aggs: q.Aggs}
		}
		return q
	})
}

// connections are rows of Network_Traffic.All_Traffic, as the data model holds
// them: no two events in one second.
func connections(r *rand.Rand) []eval.Row {
	pick := func(list ...any) any { return list[r.IntN(len(list))] }
	at := time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC).Unix()
	var table [][]any
	for range r.IntN(60) {
		at += int64(1 + r.IntN(300))
		table = append(table, []any{at, pick("10.0.0.1", "10.0.0.2", nil), pick("10.0.0.9", "192.0.2.1", nil),
			pick(int64(22), int64(23), int64(443)), pick(`c:\x.exe`, `c:\y.exe`, nil), pick("allowed", "blocked", "unknown"), pick("host1", "unknown")})
	}
	return eval.NewTable([]string{"_time", "src_ip", "dest_ip", "dest_port", "app", "action", "dvc"}, table...)
}

// shown are rows as sorted texts of the columns that the rows of like have.
func shown(rows, like []eval.Row) []string {
	var out []string
	for _, row := range rows {
		var b strings.Builder
		for _, name := range like[0:min(1, len(like))] {
			for _, c := range name.Columns() {
				if c == "Timestamp" {
					c = "_time"
				}
				v := row.Get(c)
				if v == nil && c == "_time" {
					v = row.Get("Timestamp")
				}
				fmt.Fprintf(&b, "%s ", plainValue(v))
			}
		}
		out = append(out, b.String())
	}
	slices.Sort(out)
	return out
}

func plainValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "unknown"
	case int64:
		return fmt.Sprint(v)
	case float64:
		if v == math.Trunc(v) {
			return fmt.Sprint(int64(v))
		}
		return fmt.Sprintf("%.6g", v)
	}
	return fmt.Sprint(v)
}

// TestSplunkRandomQueries: random queries, over random hostile texts, end as a
// query that holds law 2, or in errors with a code.
func TestSplunkRandomQueries(t *testing.T) {
	b := splunkBackend(t)
	fields := []*ir.Field{
		{Name: "Image", T: ir.String}, {Name: "CommandLine", T: ir.String}, {Name: "User", T: ir.String}, {Name: "Computer", T: ir.String},
		{Name: "ProcessId", T: ir.Int}, {Name: "ParentProcessId", T: ir.Int}, {Name: ir.Timestamp, T: ir.Time},
	}
	forms := map[backends.Form]int{}
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 3))
		q := irgen.Query(r, fields)
		if seed%4 > 0 { // mostly one logsource that has a data model
			q = ir.MapQuery(q, func(q ir.Query) ir.Query {
				if s, ok := q.(*ir.Scan); ok {
					c := *s
					c.Source = ir.Logsource{Category: "process_creation"}
					return &c
				}
				return q
			})
		}
		h := &ir.Hunt{Path: fmt.Sprintf("seed %d", seed), Query: q}
		plan, form, diags := b.Plan(h)
		if plan == nil {
			for _, d := range diags {
				if d.Code == "" {
					t.Errorf("%s: %v", h.Path, d)
				}
			}
			forms["refused"]++
			continue
		}
		forms[form]++
		checkSplunkLaws(t, b, h)
		if t.Failed() {
			t.Fatalf("from\n%s", ir.Format(q))
		}
	}
	t.Log(forms)
}

// splunkSources are what the random programs of TestSplunkTextRuns read.
var splunkSources = []irgen.Source{
	{Logsource: ir.Logsource{Category: "process_creation"}, Fields: []*ir.Field{
		{Name: "Image", T: ir.String}, {Name: "CommandLine", T: ir.String}, {Name: "User", T: ir.String},
		{Name: "ProcessId", T: ir.Int}, {Name: "ParentProcessId", T: ir.Int}, {Name: ir.Timestamp, T: ir.Time}}},
	{Logsource: ir.Logsource{Category: "network_connection"}, Fields: []*ir.Field{
		{Name: "Image", T: ir.String}, {Name: "User", T: ir.String}, {Name: "DestinationIp", T: ir.IP}, {Name: "SourceIp", T: ir.IP},
		{Name: "DestinationPort", T: ir.Int}, {Name: ir.Timestamp, T: ir.Time}}},
	{Logsource: ir.Logsource{Category: "image_load"}, Fields: []*ir.Field{
		{Name: "Image", T: ir.String}, {Name: "Company", T: ir.String}, {Name: "User", T: ir.String}, {Name: "ProcessId", T: ir.Int}, {Name: ir.Timestamp, T: ir.Time}}},
}

// storedRows are random rows of a dataset, with the columns that a plan reads:
// no column is missing that the data model fills, and no two events are in one
// second.
func storedRows(r *rand.Rand, s *schema.Schema, scan *ir.Physical, fields []*ir.Field) []eval.Row {
	names := []string{"_time"}
	for _, f := range fields {
		if f.Name != "_time" && f.Name != "count" {
			names = append(names, f.Name)
		}
	}
	seconds := r.Perm(4000)
	var table [][]any
	for i := range r.IntN(14) {
		row := []any{irgen.Now.Unix() - int64(60*seconds[i]) - 1}
		for _, n := range names[1:] {
			info, _ := s.Column(schema.View(scan.View), scan.Table, n)
			var v any = pick(r, []string{"a", "b.c", "A", "x/y/z", "host1.lab", "é b", `C:\cmd.exe`, "-enc Zm9v", "10.0.0.1", "10.1.2.3"})
			if info.Type == "number" || strings.HasSuffix(n, "Id") || strings.HasSuffix(n, "_id") || strings.HasSuffix(strings.ToLower(n), "port") {
				v = int64(1 + r.IntN(12))
			}
			if r.IntN(5) == 0 {
				v = nil
				if info.Fill != "" {
					v = info.Fill
				}
			}
			row = append(row, v)
		}
		table = append(table, row)
	}
	return eval.NewTable(names, table...)
}

// TestSplunkTextRuns: the text that is emitted for random programs of all
// operators and functions gives, as Splunk runs it, the rows of the plan that it
// was written from; and the plan, those of the program: that is another test's.
func TestSplunkTextRuns(t *testing.T) {
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	b := splunk.New(s, splunk.Config{})
	programs := uint64(4000)
	if testing.Short() {
		programs = 300
	}
	compared, rows := 0, 0
	for seed := range programs {
		r := rand.New(rand.NewPCG(seed, 41))
		q, fields := irgen.Options{}.Program(r, splunkSources...)
		out := &ir.Project{Input: q}
		for i, f := range fields[:min(len(fields), 8)] {
			out.Cols = append(out.Cols, &ir.Col{As: fmt.Sprintf("out%d", i), X: &ir.Field{Name: f.Name, T: f.T}})
		}
		h := &ir.Hunt{Path: fmt.Sprintf("seed %d", seed), Kind: ir.KindHunt, Query: out}
		plan, _, _ := b.Plan(h)
		if plan == nil {
			continue
		}
		text := b.Compile(h).Query
		parsed, diags := spl.Parse("", text)
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		tables := map[string][]eval.Row{}
		read := planFields(plan)
		for _, scan := range ir.Scans(plan) {
			if tables[scan.Physical.Table] == nil {
				tables[scan.Physical.Table] = storedRows(r, s, scan.Physical, read)
			}
		}
		runner := eval.Runner{Now: irgen.Now, Seconds: true, Source: func(s *ir.Scan) ([]eval.Row, error) { return tables[s.Physical.Table], nil }}
		want, err := runner.Run(plan)
		if err != nil {
			continue // text of the schema's own, of which the evaluator knows nothing
		}
		var names []string
		if len(want) > 0 {
			names = want[0].Columns()
		}
		got := runSPLAt(t, parsed, plan, irgen.Now, func(source string) []eval.Row { return tables[source] }, names)
		compared++
		rows += len(want)
		if diff := cmp.Diff(plainRows(want, names), plainRows(got, names)); diff != "" {
			t.Fatalf("%s, as Splunk runs it: %s\n%s\nplan\n%s", h.Path, diff, text, ir.Format(plan))
		}
	}
	t.Logf("%d of %d programs compared, in %d rows", compared, programs, rows)
	if compared < int(programs)/4 {
		t.Errorf("only %d of %d programs were compared", compared, programs)
	}
}

// planFields are the fields that a plan reads and does not make.
func planFields(q ir.Query) []*ir.Field {
	var out []*ir.Field
	made := map[string]bool{}
	add := func(list ...*ir.Field) {
		for _, f := range list {
			if !ir.HasField(out, f.Name) {
				out = append(out, f)
			}
		}
	}
	cols := func(list []*ir.Col) {
		for _, c := range list {
			add(ir.Fields(c.X)...)
			if !ir.HasField(ir.Fields(c.X), c.As) {
				made[c.As] = true
			}
		}
	}
	ir.WalkQuery(q, func(q ir.Query) {
		switch q := q.(type) {
		case *ir.Filter:
			add(ir.Fields(q.Pred)...)
		case *ir.Extend:
			cols(q.Cols)
		case *ir.Project:
			cols(q.Cols)
		case *ir.Aggregate:
			cols(q.By)
			for _, a := range q.Aggs {
				made[a.As] = true
				add(ir.Fields(a.X)...)
				if a.Of != nil {
					add(a.Of)
				}
			}
		case *ir.Window:
			made[q.As] = true
			add(append(q.By, q.Of)...)
		case *ir.Session:
			made[q.As] = true
			add(append(q.By, q.Of)...)
		case *ir.Lag:
			made[q.As] = true
			add(append(q.By, q.Of, q.X)...)
		case *ir.Rank:
			made[q.As] = true
			add(q.By...)
			for _, k := range q.Keys {
				add(k.X)
			}
		case *ir.Sort:
			for _, k := range q.Keys {
				add(k.X)
			}
		case *ir.Distinct:
			add(q.By...)
		case *ir.Join:
			add(q.On...)
		case *ir.Table:
			for _, c := range q.Cols {
				made[c] = true
			}
		}
	})
	return slices.DeleteFunc(out, func(f *ir.Field) bool { return made[f.Name] })
}

// plainRows are rows as sorted texts; numbers are rounded as far as sums in
// another order differ.
func plainRows(rows []eval.Row, names []string) []string {
	var out []string
	var value func(v any) string
	value = func(v any) string {
		switch v := v.(type) {
		case nil:
			return "null"
		case float64, int64:
			return plainValue(v)
		case []any:
			var parts []string
			for _, x := range v {
				parts = append(parts, value(x))
			}
			return strings.Join(parts, "|")
		}
		return fmt.Sprint(v)
	}
	for _, row := range rows {
		var b strings.Builder
		for _, n := range names {
			fmt.Fprintf(&b, "%s=%q ", n, value(row.Get(n)))
		}
		out = append(out, b.String())
	}
	slices.Sort(out)
	return out
}
