package eval_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

func fields(names ...string) []*ir.Field {
	out := make([]*ir.Field, len(names))
	for i, n := range names {
		out[i] = field(n)
	}
	return out
}

func cols(names ...string) []*ir.Col {
	out := make([]*ir.Col, len(names))
	for i, n := range names {
		out[i] = &ir.Col{As: n, X: field(n)}
	}
	return out
}

func TestRun(t *testing.T) {
	logons := eval.NewTable([]string{"Timestamp", "User", "Host", "Bytes"},
		[]any{at(20), "ann", "h1", 10},
		[]any{at(0), "bob", "h1", 20},
		[]any{at(5), "ann", "h2", "30"},
		[]any{at(5), "ann", "h1", nil},
		[]any{nil, "ann", "h3", 1},
		[]any{at(1), nil, "h1", "many"},
		[]any{at(9), "Ann", "", 2},
	)
	hosts := eval.NewTable([]string{"Host", "Zone", "User"},
		[]any{"h1", "dmz", "owner"}, []any{"h1", "lab", "owner2"}, []any{"", "none", nil}, []any{nil, "lost", nil}, []any{"H2", "big", nil})
	source := func(s *ir.Scan) ([]eval.Row, error) {
		if s.Source.Category == "hosts" {
			return hosts, nil
		}
		return logons, nil
	}
	scan := &ir.Scan{}
	hostScan := &ir.Scan{Source: ir.Logsource{Category: "hosts"}}
	agg := func(f ir.AggFunc, x string) *ir.Agg {
		a := &ir.Agg{As: string(f), Func: f}
		if x != "" {
			a.X = field(x)
		}
		return a
	}
	show := func(q ir.Query, names ...string) ir.Query { return &ir.Project{Input: q, Cols: cols(names...)} }
	owners := &ir.Table{Name: "owners", Cols: []string{"User", "Team", "Floor"}, Rows: [][]string{{"ann", "red", ""}, {"bob", "", "2"}, {"", "blue", "3"}}}
	nothing := &ir.Filter{Input: scan, Pred: ir.False(scan.Span)}

	for _, c := range []struct {
		name string
		q    ir.Query
		want []string
	}{
		{"a missing key is a group, case tells keys apart", &ir.Aggregate{Input: scan, By: cols("User"), Aggs: []*ir.Agg{agg(ir.Count, "")}},
			[]string{`{"User":"ann","count":4}`, `{"User":"bob","count":1}`, `{"count":1}`, `{"User":"Ann","count":1}`}},
		{"aggregates skip missing values", &ir.Aggregate{Input: scan, By: cols("User"), Aggs: []*ir.Agg{agg(ir.Sum, "Bytes"), agg(ir.Avg, "Bytes"), agg(ir.Min, "Bytes"), agg(ir.Max, "Bytes"), agg(ir.DCount, "Host"), agg(ir.Values, "Host")}},
			[]string{`{"User":"ann","sum":41,"avg":13.666666666666666,"min":1,"max":"30","dcount":3,"values":["h1","h2","h3"]}`,
				`{"User":"bob","sum":20,"avg":20,"min":20,"max":20,"dcount":1,"values":"h1"}`,
				`{"min":"many","max":"many","dcount":1,"values":"h1"}`,
				`{"User":"Ann","sum":2,"avg":2,"min":2,"max":2,"dcount":1,"values":""}`}},
		{"sample standard deviation", &ir.Aggregate{Input: scan, By: cols("User"), Aggs: []*ir.Agg{agg(ir.Stdev, "Bytes")}},
			[]string{`{"User":"ann","stdev":14.843629385474879}`, `{"User":"bob"}`, `{}`, `{"User":"Ann"}`}},
		{"first and last by time; a row without time is neither", &ir.Aggregate{Input: scan, By: cols("User"), Aggs: []*ir.Agg{agg(ir.First, "Host"), agg(ir.Last, "Bytes")}},
			[]string{`{"User":"ann","first":"h2","last":10}`, `{"User":"bob","first":"h1","last":20}`, `{"first":"h1","last":"many"}`, `{"User":"Ann","first":"","last":2}`}},
		{"nothing grouped is no row", &ir.Aggregate{Input: nothing, By: cols("User"), Aggs: []*ir.Agg{agg(ir.Count, "")}}, nil},
		{"nothing at all is one row", &ir.Aggregate{Input: nothing, Aggs: []*ir.Agg{agg(ir.Count, ""), agg(ir.DCount, "Host"), agg(ir.Sum, "Bytes"), agg(ir.Avg, "Bytes"), agg(ir.First, "Host")}},
			[]string{`{"count":0,"dcount":0}`}},
		{"gaps", show(&ir.Window{Input: scan, By: fields("User"), Of: field("Timestamp"), As: "gap"}, "User", "Host", "gap"),
			[]string{`{"User":"ann","Host":"h1","gap":0}`, `{"User":"ann","Host":"h1","gap":15}`}},
		{"gaps to the row before the last", show(&ir.Window{Input: scan, Of: field("Timestamp"), Offset: 2, As: "gap"}, "gap"),
			[]string{`{"gap":5}`, `{"gap":4}`, `{"gap":4}`, `{"gap":15}`}},
		{"sessions", show(&ir.Session{Input: scan, By: fields("Host"), Of: field("Timestamp"), Gap: 5 * time.Second, As: "start"}, "Host", "Timestamp", "start"),
			[]string{
				`{"Host":"h1","Timestamp":"2026-03-01T12:34:56Z","start":"2026-03-01T12:34:56Z"}`, `{"Host":"h1","Timestamp":"2026-03-01T12:34:57Z","start":"2026-03-01T12:34:56Z"}`,
				`{"Host":"h1","Timestamp":"2026-03-01T12:35:01Z","start":"2026-03-01T12:34:56Z"}`, `{"Host":"h1","Timestamp":"2026-03-01T12:35:16Z","start":"2026-03-01T12:35:16Z"}`,
				`{"Host":"h2","Timestamp":"2026-03-01T12:35:01Z","start":"2026-03-01T12:35:01Z"}`, `{"Host":"","Timestamp":"2026-03-01T12:35:05Z","start":"2026-03-01T12:35:05Z"}`}},
		{"percentiles by nearest rank", &ir.Aggregate{Input: &ir.Filter{Input: scan, Pred: is("User", "ann")}, Aggs: []*ir.Agg{
			{As: "p0", Func: ir.Percentile, X: field("Bytes")}, {As: "p50", Func: ir.Percentile, P: 50, X: field("Bytes")}, {As: "p51", Func: ir.Percentile, P: 51, X: field("Bytes")}, {As: "p100", Func: ir.Percentile, P: 100, X: field("Bytes")}}},
			[]string{`{"p0":1,"p50":2,"p51":10,"p100":"30"}`}},
		{"tuples and conditions are counted", &ir.Aggregate{Input: scan, Aggs: []*ir.Agg{
			{As: "pairs", Func: ir.DCount, X: &ir.Call{Func: ir.Tuple, Args: []ir.Expr{field("User"), field("Host")}}},
			{As: "h1", Func: ir.DCount, X: &ir.Call{Func: ir.If, Args: []ir.Expr{is("Host", "h1"), field("User")}}},
			{As: "or", Func: ir.Values, X: &ir.Call{Func: ir.If, Args: []ir.Expr{is("Host", "h1"), lit("x"), lit("y")}}}}},
			[]string{`{"pairs":5,"h1":2,"or":["x","y"]}`}},
		{"gaps over all", show(&ir.Window{Input: scan, Of: field("Timestamp"), As: "gap"}, "gap"),
			[]string{`{"gap":1}`, `{"gap":4}`, `{"gap":0}`, `{"gap":4}`, `{"gap":11}`}},
		{"mean and deviation of gaps are lengths of time", &ir.Aggregate{Input: &ir.Window{Input: scan, Of: field("Timestamp"), As: "gap"}, Aggs: []*ir.Agg{agg(ir.Avg, "gap"), agg(ir.Sum, "gap")}},
			[]string{`{"avg":4,"sum":20}`}},
		{"union is a bag, columns by name", show(&ir.Union{Inputs: []ir.Query{hostScan, hostScan, &ir.Filter{Input: scan, Pred: is("User", "bob")}}}, "Host", "Zone", "Bytes"),
			[]string{`{"Host":"h1","Zone":"dmz"}`, `{"Host":"h1","Zone":"lab"}`, `{"Host":"","Zone":"none"}`, `{"Zone":"lost"}`, `{"Host":"H2","Zone":"big"}`,
				`{"Host":"h1","Zone":"dmz"}`, `{"Host":"h1","Zone":"lab"}`, `{"Host":"","Zone":"none"}`, `{"Zone":"lost"}`, `{"Host":"H2","Zone":"big"}`, `{"Host":"h1","Bytes":20}`}},
		{"inner join; the left side's column wins", show(&ir.Join{Left: &ir.Filter{Input: scan, Pred: is("User", "bob")}, Right: hostScan, Kind: ir.Inner, On: fields("Host")}, "User", "Host", "Zone"),
			[]string{`{"User":"bob","Host":"h1","Zone":"dmz"}`, `{"User":"bob","Host":"h1","Zone":"lab"}`}},
		{"left join keeps rows without partner; an empty key is a key, a missing one is none", show(&ir.Join{Left: hostScan, Right: &ir.Aggregate{Input: scan, By: cols("Host"), Aggs: []*ir.Agg{agg(ir.Count, "")}}, Kind: ir.LeftOuter, On: fields("Host")}, "Zone", "count"),
			[]string{`{"Zone":"dmz","count":4}`, `{"Zone":"lab","count":4}`, `{"Zone":"none","count":1}`, `{"Zone":"lost"}`, `{"Zone":"big"}`}},
		{"anti join", show(&ir.Join{Left: hostScan, Right: scan, Kind: ir.Anti, On: fields("Host")}, "Zone"), []string{`{"Zone":"lost"}`, `{"Zone":"big"}`}},
		{"a table of rows: case tells keys apart, an empty cell is missing", show(&ir.Join{Left: scan, Right: owners, Kind: ir.LeftOuter, On: fields("User")}, "User", "Team", "Floor"),
			[]string{`{"User":"ann","Team":"red"}`, `{"User":"bob","Floor":"2"}`, `{"User":"ann","Team":"red"}`, `{"User":"ann","Team":"red"}`, `{"User":"ann","Team":"red"}`, `{}`, `{"User":"Ann"}`}},
		{"rows of no table", show(&ir.Join{Left: scan, Right: owners, Kind: ir.Anti, On: fields("User")}, "User", "Team"), []string{`{}`, `{"User":"Ann"}`}},
		{"the row before: missing in the first, and where it has no value", show(&ir.Lag{Input: scan, By: fields("User"), Of: field("Timestamp"), X: field("Bytes"), As: "before"}, "User", "Bytes", "before"),
			[]string{`{"User":"ann","Bytes":"30"}`, `{"User":"ann","before":"30"}`, `{"User":"ann","Bytes":10}`, `{"User":"bob","Bytes":20}`, `{"Bytes":"many"}`, `{"User":"Ann","Bytes":2}`}},
		{"places: missing first, a missing key is a group", show(&ir.Rank{Input: scan, By: fields("User"), Keys: []*ir.SortKey{{X: field("Bytes")}}, As: "place"}, "User", "Bytes", "place"),
			[]string{`{"User":"ann","place":1}`, `{"User":"ann","Bytes":1,"place":2}`, `{"User":"ann","Bytes":10,"place":3}`, `{"User":"ann","Bytes":"30","place":4}`,
				`{"User":"bob","Bytes":20,"place":1}`, `{"Bytes":"many","place":1}`, `{"User":"Ann","Bytes":2,"place":1}`}},
		{"the last of all by two keys", show(&ir.Filter{Input: &ir.Rank{Input: scan, Keys: []*ir.SortKey{{X: field("Host"), Desc: true}, {X: field("Timestamp"), Desc: true}}, As: "place"}, Pred: cmp(ir.Le, field("place"), lit(int64(3)))}, "Host", "Bytes", "place"),
			[]string{`{"Host":"h3","Bytes":1,"place":1}`, `{"Host":"h2","Bytes":"30","place":2}`, `{"Host":"h1","Bytes":10,"place":3}`}},
		{"counts on condition, of nothing too", &ir.Aggregate{Input: scan, By: cols("User"), Aggs: []*ir.Agg{{As: "n", Func: ir.CountIf, X: is("Host", "h1")}, {As: "no", Func: ir.CountIf, X: &ir.Not{X: cmp(ir.Gt, field("Bytes"), lit(int64(5)))}}}},
			[]string{`{"User":"ann","n":2,"no":2}`, `{"User":"bob","n":1,"no":0}`, `{"n":1,"no":1}`, `{"User":"Ann","n":0,"no":1}`}},
		{"the value at the extreme of another: rows that have both, the first of several", &ir.Aggregate{Input: scan, By: cols("User"), Aggs: []*ir.Agg{
			{As: "lo", Func: ir.ArgMin, X: field("Bytes"), Of: field("Timestamp")}, {As: "hi", Func: ir.ArgMax, X: field("Host"), Of: field("Bytes")}, {As: "tie", Func: ir.ArgMin, X: field("Host"), Of: field("Timestamp")}}},
			[]string{`{"User":"ann","lo":"30","hi":"h2","tie":"h2"}`, `{"User":"bob","lo":20,"hi":"h1","tie":"h1"}`, `{"lo":"many","hi":"h1","tie":"h1"}`, `{"User":"Ann","lo":2,"hi":"","tie":""}`}},
		{"columns of one step do not see each other", show(&ir.Extend{Input: hostScan, Cols: []*ir.Col{{As: "Zone", X: field("Host")}, {As: "copy", X: field("Zone")}}}, "Zone", "copy"),
			[]string{`{"Zone":"h1","copy":"dmz"}`, `{"Zone":"h1","copy":"lab"}`, `{"Zone":"","copy":"none"}`, `{"copy":"lost"}`, `{"Zone":"H2","copy":"big"}`}},
		{"a column may be a predicate", show(&ir.Extend{Input: hostScan, Cols: []*ir.Col{{As: "p", X: is("Host", "h1")}}}, "p"),
			[]string{`{"p":true}`, `{"p":true}`, `{"p":false}`, `{"p":false}`, `{"p":false}`}},
		{"distinct keeps its columns", show(&ir.Distinct{Input: scan, By: fields("Host")}, "Host", "User"),
			[]string{`{"Host":"h1"}`, `{"Host":"h2"}`, `{"Host":"h3"}`, `{"Host":""}`}},
		{"distinct whole rows are the first", show(&ir.Distinct{Input: scan, By: fields("Host"), Whole: true}, "Host", "User"),
			[]string{`{"Host":"h1","User":"ann"}`, `{"Host":"h2","User":"ann"}`, `{"Host":"h3","User":"ann"}`, `{"Host":"","User":"Ann"}`}},
		{"missing sorts as the smallest, numbers before texts, ties stay", show(&ir.Sort{Input: scan, Keys: []*ir.SortKey{{X: field("Bytes")}, {X: field("Host"), Desc: true}}}, "Bytes"),
			[]string{`{}`, `{"Bytes":1}`, `{"Bytes":2}`, `{"Bytes":10}`, `{"Bytes":20}`, `{"Bytes":"30"}`, `{"Bytes":"many"}`}},
		{"descending", show(&ir.Limit{N: 3, Input: &ir.Sort{Input: scan, Keys: []*ir.SortKey{{X: field("Timestamp"), Desc: true}}}}, "Timestamp"),
			[]string{`{"Timestamp":"2026-03-01T12:35:16Z"}`, `{"Timestamp":"2026-03-01T12:35:05Z"}`, `{"Timestamp":"2026-03-01T12:35:01Z"}`}},
		{"a limit above the number of rows", show(&ir.Limit{N: 30, Input: hostScan}, "Zone"), []string{`{"Zone":"dmz"}`, `{"Zone":"lab"}`, `{"Zone":"none"}`, `{"Zone":"lost"}`, `{"Zone":"big"}`}},
	} {
		rows, err := eval.Run(c.q, source)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, r := range rows {
			got = append(got, r.String())
		}
		if diff := gocmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestLookBack(t *testing.T) {
	rows := eval.NewTable([]string{"_time", "n"}, []any{noon.Unix() - 61, 1}, []any{"1772368436.5", 2}, []any{noon.Unix(), 3}, []any{noon.Unix() + 1, 4}, []any{nil, 5})
	q := &ir.Scan{LookBack: time.Minute}
	run := eval.Runner{Source: func(*ir.Scan) ([]eval.Row, error) { return rows, nil }, Now: noon}
	got, err := run.Run(q)
	if err != nil || len(got) != 3 || got[0].Get("n") != int64(2) || got[1].Get("n") != int64(3) || got[2].Get("n") != int64(5) {
		t.Errorf("got %v, %v", got, err)
	}
	run.Now = time.Time{}
	if got, err := run.Run(q); err != nil || len(got) != len(rows) {
		t.Errorf("without a present time: %v, %v", got, err)
	}
}

func TestForeign(t *testing.T) {
	q := &ir.Extend{Input: &ir.Scan{}, Cols: []*ir.Col{{As: "x", X: &ir.Foreign{Text: "f + 1", Needs: []string{"f"}}}}}
	source := func(*ir.Scan) ([]eval.Row, error) { return []eval.Row{eval.NewRow([]string{"f"}, 1)}, nil }
	var want *eval.NotEvaluable
	if _, err := eval.Run(q, source); !errors.As(err, &want) {
		t.Errorf("without a hook: %v", err)
	}
	hook := func(as string, f *ir.Foreign, row eval.Row) (any, error) {
		return row.Get(f.Needs[0]).(int64) + int64(len(as)), nil
	}
	rows, err := eval.Runner{Source: source, Foreign: hook}.Run(q)
	if err != nil || rows[0].Get("x") != int64(2) {
		t.Errorf("with a hook: %v, %v", rows, err)
	}
}

func TestReader(t *testing.T) {
	const in = `{"Timestamp":"2026-03-01T12:34:56Z","EventID":1,"Score":1.5,"big":18446744073709551616,"no":null,"ok":true,"UtcTime":"2026-03-01 12:34:56","list":["a",null,["b"],{"c":1}],"one":["x"],"in":{"a":{"b":"c"},"d":2},"EventID":4}

{"a b":"<&>"}
`
	rows, err := eval.ReadAll(strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"Timestamp":"2026-03-01T12:34:56Z","EventID":4,"Score":1.5,"big":18446744073709552000,"ok":true,"UtcTime":"2026-03-01 12:34:56","list":["a","b","{\"c\":1}"],"one":"x","in.a.b":"c","in.d":2}`,
		`{"a b":"<&>"}`,
	}
	for i, w := range want {
		if got := rows[i].String(); got != w {
			t.Errorf("event %d\n got %s\nwant %s", i, got, w)
		}
	}
	if rows[0].Get("Timestamp") != noon {
		t.Errorf("Timestamp is %v", rows[0].Get("Timestamp"))
	}
	for in, want := range map[string]string{
		`[1]`:                 "event 1 is not a JSON object",
		`{"a":1}{"a":`:        "event 2: unexpected EOF",
		`{"a":1} {"a":[1,}`:   "event 2: invalid character '}' looking for beginning of value",
		`{"a":{"b":1`:         "event 1: unexpected EOF",
		"{\"a\":1}\nnot json": "event 2: invalid character 'o' in literal null (expecting 'u')",
	} {
		if _, err := eval.ReadAll(strings.NewReader(in)); err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", in, err, want)
		}
	}
	if rows, err := eval.ReadAll(strings.NewReader(" \n")); err != nil || len(rows) != 0 {
		t.Errorf("no events: %v, %v", rows, err)
	}
	if _, err := eval.NewReader(strings.NewReader("")).Read(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// TestKustoOwn: Kusto's deviation of one value and its sum of none are 0; other
// aggregates of a target's own are refused.
func TestKustoOwn(t *testing.T) {
	rows := eval.NewTable([]string{"n"}, []any{int64(3)})
	source := func(*ir.Scan) ([]eval.Row, error) { return rows, nil }
	agg := func(a *ir.Agg) (eval.Row, error) {
		got, err := eval.Runner{Source: source, Empty: eval.MissingIsEmpty}.Run(&ir.Aggregate{Input: &ir.Scan{}, Aggs: []*ir.Agg{a}})
		if err != nil {
			return eval.Row{}, err
		}
		return got[0], nil
	}
	for _, tt := range []struct {
		a    *ir.Agg
		want any
	}{
		{&ir.Agg{As: "v", Func: ir.Stdev, X: &ir.Field{Name: "n"}, Native: "stdev"}, int64(0)},
		{&ir.Agg{As: "v", Func: ir.Stdev, X: &ir.Field{Name: "n"}}, nil},
		{&ir.Agg{As: "v", Func: ir.Sum, X: &ir.Field{Name: "m"}, Native: "sum"}, int64(0)},
		{&ir.Agg{As: "v", Func: ir.Sum, X: &ir.Field{Name: "n"}, Native: "sum"}, int64(3)},
	} {
		row, err := agg(tt.a)
		if err != nil || row.Get("v") != tt.want {
			t.Errorf("%s[%s]: %v %v, want %v", tt.a.Func, tt.a.Native, row.Get("v"), err, tt.want)
		}
	}
	if _, err := agg(&ir.Agg{As: "v", Func: ir.Max, X: &ir.Field{Name: "n"}, Native: "max"}); err == nil {
		t.Error("Kusto's max takes an empty text for a value")
	}
}
