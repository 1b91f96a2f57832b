package schema

import (
	"strings"
	"testing"
	"time"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

func lit(v any) ir.Expr { return &ir.Lit{Value: v} }

func call(f ir.FuncID, args ...ir.Expr) ir.Expr { return &ir.Call{Func: f, Args: args} }

func compare(l ir.Expr, op ir.CmpOp, r ir.Expr) ir.Expr { return &ir.Compare{Op: op, L: l, R: r} }

// events are the events of a category after its detection.
func events(category string) ir.Query {
	return &ir.Filter{
		Input: &ir.Scan{Source: ir.Logsource{Category: category, Product: "windows"}},
		// What stands in a detection is not checked.
		Pred: &ir.Compare{Op: ir.Gt, L: field("Image"), R: &ir.Lit{Value: int64(1)}},
	}
}

func where(in ir.Query, pred ir.Expr) ir.Query { return &ir.Filter{Input: in, Pred: pred} }

func extend(in ir.Query, as string, x ir.Expr) ir.Query {
	return &ir.Extend{Input: in, Cols: []*ir.Col{{As: as, X: x}}}
}

func aggregate(in ir.Query, by string, aggs ...*ir.Agg) ir.Query {
	a := &ir.Aggregate{Input: in, Aggs: aggs}
	if by != "" {
		a.By = []*ir.Col{{As: by, X: field(by)}}
	}
	return a
}

func project(in ir.Query, names ...string) ir.Query {
	p := &ir.Project{Input: in}
	for _, n := range names {
		p.Cols = append(p.Cols, &ir.Col{As: n, X: field(n)})
	}
	return p
}

func lookup(cols ...string) ir.Query { return &ir.Table{Name: "T", Cols: cols} }

func TestCheck(t *testing.T) {
	s := mustSchema(t)
	processes, connections := events("process_creation"), events("network_connection")
	gaps := &ir.Window{Input: connections, Of: field(ir.Timestamp), As: "delta", By: []*ir.Field{field("SourceIp")}}
	value := func(x ir.Expr) ir.Query { return extend(connections, "v", x) }
	for _, tt := range []struct {
		name string
		q    ir.Query
		want string // "" for nothing
	}{
		{"order of texts", where(processes, compare(field("CommandLine"), ir.Gt, field("Image"))),
			`HC0502 CommandLine and Image are texts, which have no order`},
		{"order of a text and a number", where(processes, compare(field("CommandLine"), ir.Gt, lit(int64(100)))),
			`HC0502 CommandLine is a text and 100 is a number: they cannot be compared with ">"`},
		{"the same as a number", where(processes, compare(call(ir.ToNumber, field("CommandLine")), ir.Gt, lit(int64(100)))), ``},
		{"its length", where(processes, compare(call(ir.StrLen, field("CommandLine")), ir.Gt, lit(int64(100)))), ``},
		{"numbers", where(connections, compare(field("DestinationPort"), ir.Gt, field("SourcePort"))), ``},
		{"a number and what a text spells", where(processes, compare(field("IntegrityLevel"), ir.Eq, lit(int64(7)))), ``},
		{"a field that nobody knows", where(processes, compare(field("Nobody"), ir.Gt, lit(int64(1)))), ``},
		{"a time and a number", where(processes, compare(field(ir.Timestamp), ir.Gt, lit(int64(1)))),
			`HC0502 Timestamp is a time and 1 is a number: they cannot be compared with ">"`},
		{"a time and a text", where(processes, compare(field(ir.Timestamp), ir.Eq, lit("2026-01-01"))),
			`HC0502 Timestamp is a time and "2026-01-01" is a text: they cannot be compared with "="`},
		{"a time and a time", where(processes, compare(field(ir.Timestamp), ir.Ge, call(ir.Sub, call(ir.Now), lit(time.Hour)))), ``},
		{"a part of a time", where(processes, compare(call(ir.Weekday, field(ir.Timestamp)), ir.Ge, lit(int64(6)))), ``},
		{"a length of time and a number", where(gaps, compare(field("delta"), ir.Lt, lit(int64(5)))),
			`HC0502 delta is a length of time and 5 is a number: they cannot be compared with "<"`},
		{"a length of time", where(gaps, compare(field("delta"), ir.Lt, lit(5*time.Second))), ``},
		{"its seconds", where(gaps, compare(call(ir.Div, field("delta"), lit(time.Second)), ir.Lt, lit(int64(5)))), ``},
		{"a text in a time", where(processes, match(ir.Timestamp, "2026*")),
			`HC0502 Timestamp is a time, not a text that could be matched`},
		{"a regular expression over a length of time", where(gaps, &ir.Regexp{X: field("delta"), Source: "1"}),
			`HC0502 delta is a length of time, not a text that could be matched`},
		{"a network of numbers", where(connections, &ir.InCIDR{X: field("DestinationPort")}),
			`HC0502 DestinationPort is a number, not an address`},
		{"a network of addresses", where(connections, &ir.InCIDR{X: field("DestinationIp")}), ``},
		{"a part of a number", where(connections, match("DestinationPort", "80*", "443")), ``},
		{"a text that no number is", where(connections, match("DestinationPort", "80", "http")),
			`HC0503 DestinationPort is a number, which "http" does not spell: they are never equal`},
		{"a part that no number has", where(connections, match("DestinationPort", "ht*")),
			`HC0503 DestinationPort is a number, which "ht*" does not spell: they are never equal`},
		{"below a not", where(connections, not(match("DestinationPort", "http"))),
			`HC0503 DestinationPort is a number, which "http" does not spell: they are never equal`},
		{"a condition within a value", value(call(ir.If, compare(field("Image"), ir.Lt, field("User")), lit("a"), lit("b"))),
			`HC0502 Image and User are texts, which have no order`},

		{"a date part of a text", value(call(ir.Hour, field("Image"))),
			`HC0502 "hour" takes a time, and Image is a text`},
		{"arithmetic with a text", value(call(ir.Add, field("Image"), lit(int64(1)))),
			`HC0502 "+" takes a number, a length of time or a time, and Image is a text`},
		{"of which nothing more is said", where(value(call(ir.Mul, field("Image"), lit(int64(2)))), compare(field("v"), ir.Gt, lit("x"))),
			`HC0502 "*" takes a number or a length of time, and Image is a text`},
		{"a time and a number added", value(call(ir.Add, field(ir.Timestamp), lit(int64(5)))),
			`HC0502 "+" does not take a time and a number`},
		{"a time and a length of time", value(call(ir.Add, field(ir.Timestamp), lit(time.Hour))), ``},
		{"two times added", value(call(ir.Add, field(ir.Timestamp), field(ir.Timestamp))),
			`HC0502 "+" does not take a time and a time`},
		{"a time in steps of a number", value(call(ir.Bin, field(ir.Timestamp), lit(int64(5)))),
			`HC0502 "bin" of a time takes a length of time for its size, not a number`},
		{"the text of a time", value(call(ir.Concat, field(ir.Timestamp), lit("x"))),
			`HC0502 "concat" takes a text or a number, and Timestamp is a time`},
		{"the text of a number", value(call(ir.Concat, field("DestinationPort"), call(ir.Lower, field("SourcePort")))), ``},
		{"results of two types", value(call(ir.If, match("Image", "x"), lit("a"), lit(int64(1)))),
			`HC0504 "if" yields either a text or a number here: 1 is a number`},
		{"the first of two types", value(call(ir.Coalesce, field("Nobody"), field("DestinationIp"), field("DestinationPort"))),
			`HC0504 "coalesce" yields either a text or a number here: DestinationPort is a number`},
		{"an address and a text", value(call(ir.Coalesce, field("DestinationIp"), field("DestinationHostname"))), ``},
		{"whole numbers and others", value(call(ir.If, match("Image", "x"), lit(1.5), lit(int64(1)))), ``},

		{"a sum of texts", aggregate(processes, "User", &ir.Agg{As: "n", Func: ir.Sum, X: field("CommandLine")}),
			`HC0502 "sum" takes a number or a length of time, and CommandLine is a text`},
		{"an average of lengths of time", where(aggregate(gaps, "SourceIp", &ir.Agg{As: "a", Func: ir.Avg, X: field("delta")}), compare(field("a"), ir.Lt, lit(int64(3)))),
			`HC0502 a is a length of time and 3 is a number: they cannot be compared with "<"`},
		{"a percentile of times", aggregate(processes, "", &ir.Agg{As: "p", Func: ir.Percentile, P: 5, X: field(ir.Timestamp)}), ``},
		{"the row with the largest text", aggregate(processes, "", &ir.Agg{As: "n", Func: ir.ArgMax, X: field("Image"), Of: field("User")}),
			`HC0502 "arg_max" looks for the row with the smallest or largest User, which is a text and has no order`},
		{"a count of what is never true", aggregate(connections, "", &ir.Agg{As: "n", Func: ir.CountIf, X: match("DestinationPort", "dns")}),
			`HC0503 DestinationPort is a number, which "dns" does not spell: they are never equal`},
		{"a list by order", where(aggregate(processes, "", &ir.Agg{As: "all", Func: ir.Values, X: field("ProcessId")}), compare(field("all"), ir.Gt, lit(int64(3)))),
			`HC0502 all is a list of values and 3 is a number: they cannot be compared with ">"`},
		{"a column that a summary dropped", where(aggregate(processes, "User"), compare(field("CommandLine"), ir.Gt, lit(int64(3)))), ``},

		{"gaps along a text", &ir.Window{Input: processes, Of: field("Image"), As: "d"},
			`HC0502 gaps are taken along a time or a number, and Image is a text`},
		{"gaps along a number are numbers", where(&ir.Window{Input: processes, Of: field("ProcessId"), As: "d"}, compare(field("d"), ir.Lt, lit(int64(3)))), ``},
		{"sessions along a length of time", &ir.Session{Input: gaps, Of: field("delta"), As: "s"},
			`HC0502 sessions are cut along a time or a number, and delta is a length of time`},
		{"the time before", where(&ir.Lag{Input: processes, Of: field(ir.Timestamp), X: field(ir.Timestamp), As: "p"}, compare(call(ir.Sub, field(ir.Timestamp), field("p")), ir.Lt, lit(int64(3)))),
			`HC0502 what "-" yields is a length of time and 3 is a number: they cannot be compared with "<"`},
		{"the value before, along a text", &ir.Lag{Input: processes, Of: field("Image"), X: field("Image"), As: "p"},
			`HC0502 the row before is found along a time or a number, and Image is a text`},
		{"a rank is a number", where(&ir.Rank{Input: processes, Keys: []*ir.SortKey{{X: field("Image")}}, As: "r"}, compare(field("r"), ir.Le, lit(int64(3)))), ``},

		{"a lookup by a number", &ir.Join{Left: connections, Right: lookup("DestinationPort", "service"), Kind: ir.LeftOuter, On: []*ir.Field{field("DestinationPort")}},
			`HC0504 DestinationPort is a number on the left and a text in the lookup`},
		{"a lookup by a text", &ir.Join{Left: connections, Right: lookup("DestinationIp", "owner"), Kind: ir.Inner, On: []*ir.Field{field("DestinationIp")}}, ``},
		{"a lookup by a number, as text", &ir.Join{Left: extend(connections, "port", call(ir.ToString, field("DestinationPort"))), Right: lookup("port", "service"), Kind: ir.Inner, On: []*ir.Field{field("port")}}, ``},
		{"a column of a lookup is a text", where(&ir.Join{Left: connections, Right: lookup("DestinationIp", "weight"), Kind: ir.Inner, On: []*ir.Field{field("DestinationIp")}}, compare(field("weight"), ir.Gt, lit(int64(3)))),
			`HC0502 weight is a text and 3 is a number: they cannot be compared with ">"`},
		{"keys of two types", &ir.Join{Left: project(connections, "ProcessId"), Right: project(extend(processes, "ProcessId", field("Image")), "ProcessId"), Kind: ir.Inner, On: []*ir.Field{field("ProcessId")}},
			`HC0504 ProcessId is a number on the left and a text on the right of the join`},
		{"inputs of two types", &ir.Union{Inputs: []ir.Query{extend(processes, "x", field("ProcessId")), extend(connections, "x", field(ir.Timestamp))}},
			`HC0504 x is a number in one input of the union and a time in another`},
		{"numbers beside texts are texts", where(&ir.Union{Inputs: []ir.Query{extend(processes, "x", field("ProcessId")), extend(connections, "x", field("Image"))}}, compare(field("x"), ir.Gt, lit(int64(3)))),
			`HC0502 x is a text and 3 is a number: they cannot be compared with ">"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &ir.Hunt{Query: tt.q, Kind: ir.KindHunt}
			var got []string
			for _, d := range s.Check(h) {
				if d.Hint == "" {
					t.Errorf("%s: there is no hint", d.Message)
				}
				got = append(got, string(d.Code)+" "+d.Message)
			}
			if all := strings.Join(got, "; "); all != tt.want {
				t.Errorf("\n got %s\nwant %s", all, tt.want)
			}
		})
	}
}

// What is said has the place of the expression and a remedy.
func TestCheckPlaces(t *testing.T) {
	s := mustSchema(t)
	at := diag.Span{Pos: diag.Pos{Filename: "a.yml", Line: 3, Column: 4}}
	h := &ir.Hunt{Kind: ir.KindHunt, Query: where(events("process_creation"), &ir.Compare{Span: at, Op: ir.Gt, L: field("Image"), R: lit(int64(1))})}
	want := s.Check(h)
	if len(want) != 1 || want[0].Pos.Line != 3 || want[0].Hint != "If it spells a number, write tonumber(Image)." {
		t.Fatalf("%+v", want)
	}
}

// What a rule says is not held against types, nor what a correlation is made
// into; the pipeline behind a correlation is.
func TestCheckLeavesRulesAlone(t *testing.T) {
	s := mustSchema(t)
	in := func(offset int) diag.Span {
		return diag.Span{Pos: diag.Pos{Filename: "a.yml", Offset: offset}, EndPos: diag.Pos{Filename: "a.yml", Offset: offset + 9}}
	}
	pred := &ir.Compare{Span: in(20), Op: ir.Gt, L: field("Image"), R: lit(int64(1))}
	for _, tt := range []struct {
		name string
		h    ir.Hunt
		want int
	}{
		{"a rule", ir.Hunt{Kind: ir.KindRule}, 0},
		{"a correlation", ir.Hunt{Kind: ir.KindCorrelation, Correlation: &ir.Correlation{Span: in(15)}}, 0},
		{"a pipeline behind a correlation", ir.Hunt{Kind: ir.KindCorrelation, Correlation: &ir.Correlation{Span: in(5)}}, 1},
	} {
		tt.h.Query = where(events("process_creation"), pred)
		if got := s.Check(&tt.h); len(got) != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
