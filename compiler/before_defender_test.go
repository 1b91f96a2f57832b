package compiler_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// beforeTexts look at rows before. Those of which the rows are compared to that
// of the row before by keys are read as the row before within a group, unless
// another operator stands between; grouped says so.
var beforeTexts = []struct {
	text    string
	grouped bool
}{
	{`sort by DeviceName asc, RemoteIP asc, RemotePort asc, Timestamp asc
| extend prev_dev = prev(DeviceName, 1), prev_ip = prev(RemoteIP, 1), prev_port = prev(RemotePort, 1), prev_ts = prev(Timestamp, 1)
| where DeviceName == prev_dev and RemoteIP == prev_ip and RemotePort == prev_port
| extend delta = (Timestamp - prev_ts) / 1s
| project ReportId, DeviceName, RemoteIP, RemotePort, prev_ip, prev_port, prev_ts, delta`, true},
	{`sort by DeviceId desc, RemoteIP desc, Timestamp desc
| extend d = prev(DeviceId), i = prev(RemoteIP), p = prev(RemotePort), r = prev(ReportId)
| where d == DeviceId and i == RemoteIP and p != RemotePort
| project ReportId, i, p, r`, true},
	{`sort by LocalPort asc, DeviceName desc, Timestamp asc
| serialize
| extend i = prev(LocalPort), t = prev(Timestamp)
| where LocalPort == i
| extend gap = Timestamp - t
| summarize n = count(), shortest = min(gap), newest = max(t) by LocalPort`, true},
	{`sort by DeviceName asc, Timestamp asc | extend d = prev(DeviceName), t = prev(Timestamp) | where DeviceName == d | project ReportId, d, t`, false},
	{`sort by Timestamp desc | extend a = prev(ReportId, 2, 99), b = prev(RemotePort), c = prev(RemotePort, 3) | project ReportId, a, b, c`, false},
	{`sort by RemotePort asc, Timestamp asc | where RemotePort != prev(RemotePort) or isnull(prev(RemotePort)) | extend q = prev(ReportId) | project ReportId, q`, false},
	{`sort by Timestamp asc | extend x = prev(RemotePort) | where x > 40 | extend y = prev(x, 1, 7) | take 4 | project ReportId, x, y`, false},
	{`sort by Timestamp asc | extend x = prev(RemotePort) | extend y = prev(x) | project x, y, z = prev(ReportId)`, false},
}

// Rows before, read from a text, are those that Kusto has: the text itself is
// run as Kusto runs it, and what it is lifted to by the meaning of programs.
// The row before within a group is the same as the row before of all where that
// is of the group.
func TestRowsBefore(t *testing.T) {
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	b := defender.New(s)
	r := rand.New(rand.NewPCG(5, 6))
	for _, tt := range beforeTexts {
		text := "DeviceNetworkEvents\n| " + tt.text
		parsed, diags := kql.Parse("q", text)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		texts := []string{text}
		if tt.grouped { // what stands between makes it the row before of all
			texts = append(texts, strings.Replace(text, "| where", "| extend apart = 1 | where", 1))
		}
		var forms []ir.Query
		for i, text := range texts {
			l := b.LiftText("q", text)
			if !l.Full() || len(l.Queries) != 1 || len(foreigners(l.Queries[0].Query)) > 0 {
				t.Fatalf("%s\n%v", text, l.Diagnostics)
			}
			relift(t, b, l)
			q := l.Queries[0].Query
			grouped := false
			ir.WalkQuery(q, func(q ir.Query) {
				if lag, ok := q.(*ir.Lag); ok && len(lag.By) > 0 {
					grouped = true
				}
			})
			if grouped != (tt.grouped && i == 0) {
				t.Errorf("read as rows of a group: %v\n%s\n%s", grouped, text, ir.Format(q))
			}
			forms = append(forms, q)
		}
		names := kustoColumns(parsed)
		kept := 0
		for range 60 {
			rows, maps := connectionRows(r, 25)
			var want []string
			for _, row := range kustoTable(parsed, map[string][]map[string]any{"DeviceNetworkEvents": maps}) {
				want = append(want, comparable(names, func(name string) any { return row[name] }))
			}
			kept += len(want)
			for _, q := range forms {
				out, err := eval.Runner{Now: kustoNow, Empty: eval.MissingIsEmpty, Source: func(*ir.Scan) ([]eval.Row, error) { return rows, nil }}.Run(q)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, row := range out {
					got = append(got, comparable(names, row.Get))
				}
				if !isOrdered(q) {
					slices.Sort(want)
					slices.Sort(got)
				}
				if !slices.Equal(want, got) {
					t.Fatalf("%s\nwant\n%s\ngot\n%s\nfrom\n%s", text, strings.Join(want, "\n"), strings.Join(got, "\n"), ir.Format(q))
				}
			}
		}
		if kept < 60 {
			t.Errorf("of all runs only %d rows are left\n%s", kept, text)
		}
	}
}
