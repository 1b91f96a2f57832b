package sigma_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/ir"
)

func loadAll(t *testing.T, docs map[string]string) []*sigma.File {
	t.Helper()
	var out []*sigma.File
	for path, src := range docs { // in any order: Link has to sort
		f, diags := sigma.Load(path, []byte(src), nil)
		if diags.HasErrors() {
			t.Fatal(path, list(diags))
		}
		out = append(out, f)
	}
	return out
}

// TestFilters: filters of several files are added to the rules that they
// name, in the order of the files' names, to every source that they fit.
func TestFilters(t *testing.T) {
	docs := map[string]string{
		"z_rule.yml": `
title: Rule
id: c0ffee00-0000-4000-8000-000000000000
logsource: {category: process_creation, product: windows}
detection: {s: {A: 1}, condition: s}
`,
		"hunt.yml": `
title: Hunt
name: hunt
taxonomy: huntc
logsource: {category: process_creation, product: windows}
detection: {s: {A: 2}, condition: s}
hunt:
    branches:
        files:
            logsource: {category: file_event, product: windows}
            detection: {s: {A: 3}, condition: s}
    pipeline: union files
`,
		"f1.yml": `
title: By id and name, for any process rule
logsource: {category: process_creation}
filter:
    rules: [C0FFEE00-0000-4000-8000-000000000000, hunt]
    x: {B: 1}
    condition: not x
`,
		"f2.yml": `
title: Everything on Windows
logsource: {product: windows}
filter:
    rules: any
    x: {C: 1}
    condition: not x
`,
		"f3.yml": `
title: Narrow
logsource: {category: file_event, product: windows}
hunt: {intent: narrow}
filter:
    rules: [hunt]
    x: {D: 1}
    condition: x
`,
	}
	for range 5 {
		files := loadAll(t, docs)
		if diags := sigma.Link(files); len(diags) > 0 {
			t.Fatal(list(diags))
		}
		got := map[string]string{}
		for _, f := range files {
			for _, h := range f.Hunts {
				got[f.Path] = showQuery(h.Query)
			}
		}
		for path, want := range map[string]string{
			"z_rule.yml": "scan process_creation/windows/\nwhere (A = 1 and not B = 1 and not C = 1)\n",
			"hunt.yml": "union\n  scan process_creation/windows/\n  where (A = 2 and not B = 1 and not C = 1)\n  --\n" +
				"  scan file_event/windows/\n  where (A = 3 and not C = 1 and D = 1)\n  --\n",
		} {
			if got[path] != want {
				t.Errorf("%s:\n%s\nwant\n%s", path, got[path], want)
			}
		}
	}
}

// TestCorrelation: everything that a correlation says is in the IR.
func TestCorrelation(t *testing.T) {
	files := loadAll(t, map[string]string{
		"a.yml": `
title: Logon
name: logon
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
---
title: Connection
name: connection
logsource: {category: network_connection}
detection: {s: {A: 1}, condition: s}
`,
		"b.yml": `
title: Many
name: many
correlation:
    type: value_count
    rules: [logon, connection]
    group-by: [address, Computer]
    timespan: 90m
    generate: true
    aliases:
        address: {logon: IpAddress, connection: SourceIp}
    condition: {field: [User, Domain], gt: 5, lte: 100}
hunt: {windows: tumbling}
---
title: Chain
correlation:
    type: temporal
    rules: [many, logon]
    timespan: 1w
    condition: many and not logon
hunt: {windows: tumbling}
`,
	})
	if diags := sigma.Link(files); len(diags) > 0 {
		t.Fatal(list(diags))
	}
	i := slices.IndexFunc(files, func(f *sigma.File) bool { return f.Path == "b.yml" })
	many, chain := files[i].Hunts[0], files[i].Hunts[1]
	if many.Kind != ir.KindCorrelation || many.Query == nil {
		t.Errorf("kind %s, query %v", many.Kind, many.Query)
	}
	c := many.Correlation
	got := fmt.Sprint(c.Type, " ", c.Timespan, " ", c.Generate, " ", c.GroupBy[0].Name, " ", c.GroupBy[1].Name, " ", c.Fields[0].Name, " ", c.Fields[1].Name,
		" ", c.Conditions[0].Op, c.Conditions[0].Value, c.Conditions[1].Op, c.Conditions[1].Value, " ", c.Rules[0].Name, " ", c.Rules[1].Name,
		" ", c.Aliases[0].Name, " ", c.Aliases[0].Fields[1].Rule, "=", c.Aliases[0].Fields[1].Field)
	want := "value_count 1h30m0s true address Computer User Domain >5<=100 logon connection address connection=SourceIp"
	if got != want {
		t.Errorf("have %s\nwant %s", got, want)
	}
	if chain.Correlation.Expr != "many and not logon" || chain.Correlation.Timespan.Hours() != 168 {
		t.Errorf("%+v", chain.Correlation)
	}
}

// TestCorrelationPipeline: the rows of a correlation go through the output and
// the pipeline of its document, and a correlation can count what comes out.
func TestCorrelationPipeline(t *testing.T) {
	f, diags := sigma.Load("c.yml", []byte(`title: Logon
name: logon
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
---
title: Sprayed
name: sprayed
taxonomy: huntc
correlation: {type: value_count, rules: [logon], group-by: [IpAddress], timespan: 10m, condition: {field: TargetUserName, gte: 20}}
hunt:
    windows: tumbling
    branches:
        known:
            logsource: {category: network_connection}
            detection: {s: {A: 1}, condition: s}
            output: [IpAddress]
    pipeline: |
        join kind=anti known on IpAddress
        extend minutes = (lastTime - firstTime) / 1m
        where minutes < 5
---
title: Twice
correlation: {type: event_count, rules: [sprayed], group-by: [IpAddress], timespan: 1d, condition: {gte: 2}}
hunt: {windows: tumbling, output: [IpAddress, value]}
`), nil)
	diags = append(diags, sigma.Link([]*sigma.File{f})...)
	if len(diags) > 0 {
		t.Fatal(list(diags))
	}
	const sprayed = `scan /windows/security
where EventID = 4625
where (exists IpAddress and not IpAddress ~ "")
summarize value = dcount(TargetUserName), firstTime = min(Timestamp), lastTime = max(Timestamp) by window = bin(Timestamp, 10m0s), IpAddress
where value >= 20
join anti on IpAddress
  scan network_connection//
  where A = 1
  project IpAddress
extend minutes = /(-(lastTime, firstTime), 1m0s)
where minutes < 5
`
	for i, want := range []string{sprayed, sprayed + `where (exists IpAddress and not IpAddress ~ "")
extend Timestamp = lastTime
summarize value = count(), firstTime = min(Timestamp), lastTime = max(Timestamp) by window = bin(Timestamp, 24h0m0s), IpAddress
where value >= 2
project IpAddress, value
`} {
		if diff := cmp.Diff(want, showQuery(f.Hunts[i+1].Query)); diff != "" {
			t.Error(diff)
		}
	}
}

// TestBrokenCorrelation: a correlation with a dangling reference is no hunt
// any more.
func TestBrokenCorrelation(t *testing.T) {
	f, diags := sigma.Load("c.yml", []byte("title: C\ncorrelation: {type: temporal, rules: [nobody], timespan: 5m}\n"), nil)
	if len(diags) > 0 || len(f.Hunts) != 1 {
		t.Fatal(list(diags))
	}
	if diags := sigma.Link([]*sigma.File{f}); !diags.HasErrors() || len(f.Hunts) != 0 || len(f.Broken) != 1 {
		t.Errorf("%d hunts, %d broken, %s", len(f.Hunts), len(f.Broken), list(diags))
	}
}

// TestReferenceToBroken: a correlation of a document that has an error cannot
// be compiled either, and says why.
func TestReferenceToBroken(t *testing.T) {
	f, _ := sigma.Load("c.yml", []byte("title: A\nname: a\nlogsource: {category: x}\ndetection: {condition: s}\n---\n"+
		"title: C\ncorrelation: {type: temporal, rules: [a], timespan: 5m}\n"), nil)
	diags := sigma.Link([]*sigma.File{f})
	if len(diags) != 1 || diags[0].Code != "HC0144" || len(f.Hunts) != 0 {
		t.Errorf("%d hunts, %s", len(f.Hunts), list(diags))
	}
}
