package splunk

import (
	"strings"
	"testing"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/ir"
)

// TestRowsOfEvents: what is asked of each event is not asked of rows of tstats
// that stand for several; want stands in the search.
func TestRowsOfEvents(t *testing.T) {
	b := testBackend(t)
	processes := events("process_creation")
	field := func(name string, typ ir.Type) *ir.Field { return &ir.Field{Span: at(3), Name: name, T: typ} }
	when := field(ir.Timestamp, ir.Time)
	parent := field("ParentProcessId", ir.Int)
	cols := func(in ir.Query, fields ...*ir.Field) ir.Query {
		out := &ir.Project{Span: at(3), Input: in}
		for _, f := range fields {
			out.Cols = append(out.Cols, &ir.Col{Span: at(3), As: f.Name, X: f})
		}
		return out
	}
	by := func(f *ir.Field) []*ir.Col { return []*ir.Col{{Span: at(4), As: f.Name, X: f}} }
	computer, line := logical("Computer"), logical("CommandLine")
	joined := func(kind ir.JoinKind, right ir.Query) ir.Query {
		return &ir.Join{Span: at(4), Left: processes, Right: right, Kind: kind, On: []*ir.Field{computer}}
	}
	connections := cols(events("network_connection"), computer)
	gaps := func(in ir.Query) ir.Query { return &ir.Window{Span: at(5), Input: in, Of: when, As: "gap"} }
	once := &ir.Distinct{Span: at(4), Input: connections, By: []*ir.Field{computer}}
	for _, tt := range []struct {
		name  string
		query ir.Query
		form  backends.Form
		why   string
		want  []string
	}{
		{"a number of events", &ir.Limit{Span: at(5), N: 5, Input: &ir.Sort{Span: at(4), Input: cols(processes, parent), Keys: []*ir.SortKey{{X: parent}}}},
			backends.Datamodel, "the hunt asks for a number of events", []string{"| head 5"}},
		{"a number of groups", &ir.Limit{Span: at(5), N: 5, Input: &ir.Aggregate{Span: at(4), Input: processes, By: by(computer), Aggs: []*ir.Agg{{As: "n", Func: ir.Count}}}},
			backends.Tstats, "", []string{"| head 5"}},
		{"gaps of the rows of a join", gaps(joined(ir.Inner, connections)), backends.Datamodel, pairsInOrder, nil},
		{"gaps of the rows of a left join", gaps(joined(ir.LeftOuter, connections)), backends.Datamodel, pairsInOrder, nil},
		{"the row before, in a join", &ir.Lag{Span: at(5), Input: joined(ir.Inner, connections), Of: when, X: line, As: "before"}, backends.Datamodel, pairsInOrder, nil},
		{"gaps of the rows without partner", gaps(joined(ir.Anti, connections)), backends.Tstats, "", nil},
		{"gaps of a join in which each row has one partner", gaps(joined(ir.Inner, once)), backends.Tstats, "", nil},
		{"a sort by texts that may be missing", &ir.Sort{Span: at(4), Input: cols(events("network_connection"), logical("SourceIp")), Keys: []*ir.SortKey{{X: field("SourceIp", ir.String), Desc: true}}},
			backends.Tstats, "", []string{`| eval src_ip = if(src_ip != "unknown", src_ip, null()) | sort 0 - src_ip`}},
		{"a key under two names", &ir.Aggregate{Span: at(4), By: []*ir.Col{{Span: at(4), As: "Computer", X: computer}, {Span: at(4), As: "host", X: computer}}, Aggs: []*ir.Agg{{As: "n", Func: ir.Count}}, Input: processes},
			backends.Tstats, "", []string{"by Processes.dest |", "| stats sum(count) as n by dest, host"}},
		{"a key that is a part of the time", &ir.Aggregate{Span: at(4), By: []*ir.Col{{Span: at(4), As: "hour", X: call1(ir.Hour, when)}}, Aggs: []*ir.Agg{{As: "n", Func: ir.Count}}, Input: processes},
			backends.Tstats, "", []string{"by _time span=15m"}},
		{"the time under another name", &ir.Project{Span: at(3), Input: processes, Cols: []*ir.Col{{Span: at(3), As: "Computer", X: computer}, {Span: at(3), As: "when", X: when}}},
			backends.Tstats, "", []string{"by Processes.dest, _time span=1s |", "| table dest, when"}},
		{"the mean of a column of which a row of a left join may have none", &ir.Aggregate{Span: at(5), Aggs: []*ir.Agg{{As: "mean", Func: ir.Avg, X: field("port", ir.Int)}},
			Input: joined(ir.LeftOuter, &ir.Project{Span: at(4), Input: events("network_connection"), Cols: []*ir.Col{{Span: at(4), As: "Computer", X: computer}, {Span: at(4), As: "port", X: field("DestinationPort", ir.Int)}}})},
			backends.Tstats, "", []string{`sum(eval(if(isnotnull(port) AND NOT (port = 0), count, null())))`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &ir.Hunt{Query: tt.query}
			a := b.Compile(h)
			if a.Form != tt.form || !strings.Contains(a.FormReason, tt.why) || tt.why == "" && a.FormReason != "" {
				t.Errorf("the form is %s because %q, want %s because %q", a.Form, a.FormReason, tt.form, tt.why)
			}
			for _, want := range tt.want {
				if !strings.Contains(strings.Join(strings.Fields(a.Query), " "), want) {
					t.Errorf("no %q in\n%s", want, a.Query)
				}
			}
			if a.Query == "" {
				t.Fatal(a.Diagnostics)
			}
			c := b.choose(h)
			checkText(t, b, c.plan, b.lower(c.plan, c.form))
		})
	}
}
