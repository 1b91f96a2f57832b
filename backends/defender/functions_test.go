package defender

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/internal/kustotest"
	"github.com/huntc/huntc/ir"
)

// TestScalarsAreComplete holds the table against that of the IR: one row a
// function, each with a pattern but for what has code of its own.
func TestScalarsAreComplete(t *testing.T) {
	var rows, functions []string
	for _, s := range scalars {
		rows = append(rows, string(s.id))
		if (s.pattern == nil) != (s.id == ir.If) {
			t.Errorf("the row of %s has the pattern %q", s.id, s.text)
		}
	}
	for _, f := range ir.Funcs {
		functions = append(functions, string(f.ID))
	}
	slices.Sort(rows)
	slices.Sort(functions)
	if !slices.Equal(rows, functions) {
		t.Errorf("rows for\n%q\nof the functions\n%q", rows, functions)
	}
}

// Physical queries over the connections of Defender, where most columns may be
// null and Timestamp never is.

func connections() ir.Query {
	return &ir.Scan{Physical: &ir.Physical{View: "xdr", Table: "DeviceNetworkEvents"}}
}

var (
	host = &ir.Field{Name: "DeviceName", T: ir.String}
	line = &ir.Field{Name: "InitiatingProcessCommandLine", T: ir.String}
	port = &ir.Field{Name: "RemotePort", T: ir.Int}
	mine = &ir.Field{Name: "LocalPort", T: ir.Int}
	when = &ir.Field{Name: "Timestamp", T: ir.Time}
	born = &ir.Field{Name: "InitiatingProcessCreationTime", T: ir.Time}
)

func lit(v any) *ir.Lit                             { return &ir.Lit{Value: v} }
func fn(f ir.FuncID, args ...ir.Expr) *ir.Call      { return &ir.Call{Func: f, Args: args} }
func cmp(op ir.CmpOp, l, r ir.Expr) *ir.Compare     { return &ir.Compare{Op: op, L: l, R: r} }
func not(x ir.Expr) ir.Expr                         { return &ir.Not{X: x} }
func isText(x ir.Expr, s string) ir.Expr            { return &ir.Match{X: x, Any: []ir.Pattern{ir.TextPattern(diag.Span{}, s)}} }
func filter(in ir.Query, pred ir.Expr) *ir.Filter   { return &ir.Filter{Input: in, Pred: pred} }
func column1(as string, x ir.Expr) *ir.Col          { return &ir.Col{As: as, X: x} }
func agg(as string, f ir.AggFunc, x ir.Expr) *ir.Agg { return &ir.Agg{As: as, Func: f, X: x} }

func argOf(f ir.AggFunc, of *ir.Field, x ir.Expr) *ir.Agg {
	return &ir.Agg{As: "a", Func: f, X: x, Of: of}
}

func summarize(in ir.Query, by []*ir.Col, aggs ...*ir.Agg) *ir.Aggregate {
	return &ir.Aggregate{Input: in, By: by, Aggs: aggs}
}

func project(in ir.Query, fields ...*ir.Field) *ir.Project {
	p := &ir.Project{Input: in}
	for _, f := range fields {
		p.Cols = append(p.Cols, column1(f.Name, f))
	}
	return p
}

func TestDump(t *testing.T) {
	_ = strings.Join
	_ = time.Second
	b := testBackend(t)
	var qs []kustotest.Query
	show := func(q ir.Query) {
		plan, diags := b.Plan(q, nil)
		if plan == nil {
			t.Error(diags)
			return
		}
		text := kql.Print(b.Lower(plan))
		fmt.Println(text)
		fmt.Println()
		parsed, diags := kql.Parse("", text)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		lifted, diags := b.Lift(parsed)
		if lifted == nil {
			t.Fatal(diags)
		}
		if want, got := ir.Format(ir.Canonical(plan)), ir.Format(ir.Canonical(lifted)); want != got {
			t.Errorf("want\n%s\ngot\n%s", want, got)
		}
		qs = append(qs, kustotest.Query{Text: text, ID: "x"})
	}
	for _, x := range []ir.Expr{
		fn(ir.Weekday, when), fn(ir.Weekday, born), fn(ir.Now), fn(ir.Sub, fn(ir.Now), lit(24*time.Hour)), fn(ir.Sub, fn(ir.Now), lit(-24*time.Hour)), fn(ir.Add, fn(ir.Now), lit(time.Hour)),
		fn(ir.Sub, fn(ir.Now), when), fn(ir.Abs, port), fn(ir.Abs, fn(ir.Sub, port, lit(0.5))), fn(ir.Floor, port), fn(ir.Floor, fn(ir.Div, port, lit(int64(2)))), fn(ir.Ceiling, fn(ir.Div, port, lit(int64(2)))),
		fn(ir.Lower, host), fn(ir.Upper, port), fn(ir.StrLen, line), fn(ir.StrLen, port), fn(ir.StrLen, fn(ir.Replace, line, lit("^"), lit(""))),
		fn(ir.Substring, host, lit(int64(3))), fn(ir.Substring, host, lit(int64(0)), lit(int64(5))), fn(ir.Replace, host, lit(`\`), lit(`"`)), fn(ir.Split, host, lit("."), lit(int64(1))),
		fn(ir.Extract, host, lit(`(\d+)\b`), lit(int64(1))), fn(ir.Coalesce, host, line, lit("x")), fn(ir.Coalesce, mine, port, lit(0.5)),
		fn(ir.If, cmp(ir.Gt, port, lit(int64(5))), lit("a"), fn(ir.If, cmp(ir.Lt, port, lit(int64(3))), lit("b"), fn(ir.If, cmp(ir.Eq, port, lit(int64(3))), lit("c")))),
	} {
		show(&ir.Project{Input: connections(), Cols: []*ir.Col{column1("x", x)}})
	}
	for _, x := range []ir.Expr{
		cmp(ir.Gt, fn(ir.StrLen, line), lit(int64(100))), cmp(ir.Lt, fn(ir.StrLen, line), lit(int64(100))), not(cmp(ir.Gt, fn(ir.StrLen, line), lit(int64(100)))), not(cmp(ir.Lt, fn(ir.StrLen, line), lit(int64(100)))),
		cmp(ir.Ne, fn(ir.StrLen, line), lit(int64(1))), cmp(ir.Eq, fn(ir.StrLen, line), lit(int64(1))), not(cmp(ir.Eq, fn(ir.StrLen, line), lit(int64(1)))),
		cmp(ir.Gt, when, fn(ir.Sub, fn(ir.Now), lit(24*time.Hour))), not(cmp(ir.Gt, when, fn(ir.Sub, fn(ir.Now), lit(24*time.Hour)))), cmp(ir.Lt, fn(ir.Sub, fn(ir.Now), born), lit(time.Hour)),
		isText(fn(ir.Extract, line, lit(`(?i)x(.)`), lit(int64(1))), "y"), isText(fn(ir.Lower, host), "y"), cmp(ir.Eq, fn(ir.Weekday, when), lit(int64(0))),
		cmp(ir.Eq, fn(ir.Substring, host, lit(int64(3))), fn(ir.Split, line, lit(" "), lit(int64(0)))),
	} {
		show(project(filter(connections(), x), host))
	}
	show(summarize(connections(), []*ir.Col{column1("DeviceName", host)}, agg("n", ir.CountIf, cmp(ir.Gt, port, lit(int64(5)))), argOf(ir.ArgMax, when, line), &ir.Agg{As: "b", Func: ir.ArgMin, Of: mine, X: port}))
	show(summarize(filter(connections(), &ir.Exists{X: port}), nil, argOf(ir.ArgMax, when, port), &ir.Agg{As: "b", Func: ir.ArgMin, Of: mine, X: fn(ir.If, cmp(ir.Gt, port, lit(int64(5))), line)}))
	show(project(&ir.Lag{Input: connections(), By: []*ir.Field{host, port}, Of: when, X: line, As: "before"}, host, &ir.Field{Name: "before"}))
	show(project(&ir.Lag{Input: connections(), Of: when, X: port, As: "before"}, host, &ir.Field{Name: "before"}))
	show(project(&ir.Lag{Input: connections(), Of: when, X: when, As: "before"}, host, &ir.Field{Name: "before"}))
	show(project(filter(&ir.Rank{Input: connections(), By: []*ir.Field{host}, Keys: []*ir.SortKey{{X: port, Desc: true}, {X: host}}, As: "place"}, cmp(ir.Le, &ir.Field{Name: "place", T: ir.Int}, lit(int64(3)))), host, port))
	show(project(&ir.Rank{Input: connections(), By: []*ir.Field{mine}, Keys: []*ir.SortKey{{X: port, Desc: true}}, As: "place"}, host, &ir.Field{Name: "place"}))
	show(project(&ir.Rank{Input: connections(), As: "place"}, host, &ir.Field{Name: "place"}))
	tab := &ir.Table{Name: "owners", Cols: []string{"DeviceName", "Owner", "RemotePort"}, Rows: [][]string{{"a", "ann \\", "5"}, {"", "x", "6"}, {"b", "", "05"}, {"c", "\"", "-1"}}}
	owner := &ir.Field{Name: "Owner", T: ir.String}
	for _, kind := range []ir.JoinKind{ir.Inner, ir.LeftOuter, ir.Anti} {
		show(project(&ir.Join{Left: project(connections(), host), Right: tab, Kind: kind, On: []*ir.Field{host}}, host))
		show(project(&ir.Join{Left: connections(), Right: tab, Kind: kind, On: []*ir.Field{host, port}}, host))
		if kind != ir.Anti {
			show(project(&ir.Join{Left: connections(), Right: tab, Kind: kind, On: []*ir.Field{host, port}}, host, owner))
		}
	}
	for i, f := range kustotest.Check(t, qs) {
		t.Error(f, f.Query.Text)
		if i > 4 {break}
	}
}
