package defender

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

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
		if (s.pattern == nil) != (s.id == ir.If || s.id == ir.Instant) {
			t.Errorf("the row of %s has the pattern %q", s.id, s.text)
		}
	}
	for _, f := range slices.Concat(ir.Funcs, ir.LiftedFuncs) {
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

func lit(v any) *ir.Lit                         { return &ir.Lit{Value: v} }
func fn(f ir.FuncID, args ...ir.Expr) *ir.Call  { return &ir.Call{Func: f, Args: args} }
func cmp(op ir.CmpOp, l, r ir.Expr) *ir.Compare { return &ir.Compare{Op: op, L: l, R: r} }
func not(x ir.Expr) ir.Expr                     { return &ir.Not{X: x} }
func isText(x ir.Expr, s string) ir.Expr {
	return &ir.Match{X: x, Any: []ir.Pattern{ir.TextPattern(diag.Span{}, s)}}
}
func filter(in ir.Query, pred ir.Expr) *ir.Filter    { return &ir.Filter{Input: in, Pred: pred} }
func column1(as string, x ir.Expr) *ir.Col           { return &ir.Col{As: as, X: x} }
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

// value is an expression as the value of a column.
func value(x ir.Expr) ir.Query {
	return &ir.Project{Input: connections(), Cols: []*ir.Col{column1("x", x)}}
}

// condition is a predicate as a filter.
func condition(x ir.Expr) ir.Query { return project(filter(connections(), x), host) }

// owners is a list of hosts, ports and owners with a row without a host, and
// one with a number that none has.
var owners = &ir.Table{Name: "owners", Cols: []string{"DeviceName", "Owner", "RemotePort"},
	Rows: [][]string{{"a", `ann \`, "5"}, {"", "x", "6"}, {"b", "", "05"}, {"c", `"`, "-1"}}}

func listed(kind ir.JoinKind, on ...*ir.Field) ir.Query {
	return &ir.Join{Left: project(connections(), on...), Right: owners, Kind: kind, On: on}
}

var (
	day     = lit(24 * time.Hour)
	five    = lit(int64(5))
	before  = &ir.Field{Name: "before"}
	place   = &ir.Field{Name: "place", T: ir.Int}
	owner   = &ir.Field{Name: "Owner", T: ir.String}
	byHost  = []*ir.Col{column1("DeviceName", host)}
	lagging = func(x *ir.Field, by ...*ir.Field) *ir.Lag {
		return &ir.Lag{Input: connections(), By: by, Of: when, X: x, As: "before"}
	}
)

// wordings are queries and what stands after the table, and after the columns
// that tell which row it is.
var wordings = []struct {
	q    ir.Query
	want string
}{
	{value(fn(ir.Add, port, mine)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = RemotePort + LocalPort`},
	{value(fn(ir.Sub, port, five)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = RemotePort - 5`},
	{value(fn(ir.Mul, port, lit(0.5))), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = RemotePort * 0.5`},
	{value(fn(ir.Div, port, five)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = todouble(RemotePort) / 5`},
	{value(fn(ir.Bin, when, lit(time.Hour))), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = bin(Timestamp, 1h)`},
	{value(fn(ir.Abs, fn(ir.Sub, port, mine))), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = abs(RemotePort - LocalPort)`},
	{value(fn(ir.Floor, port)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = todouble(RemotePort)`},
	{value(fn(ir.Floor, fn(ir.Div, port, five))), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = floor(todouble(RemotePort) / 5, 1)`},
	{value(fn(ir.Ceiling, fn(ir.Div, port, five))), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = ceiling(todouble(RemotePort) / 5)`},
	{value(fn(ir.Concat, host, lit(":"), port)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId,
    x = case(isnotempty(DeviceName) and isnotnull(RemotePort),
        strcat(DeviceName, ":", tostring(RemotePort)),
        "")`},
	{value(fn(ir.Lower, host)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = tolower(DeviceName)`},
	{value(fn(ir.Upper, port)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = toupper(tostring(RemotePort))`},
	{value(fn(ir.Lower, fn(ir.Concat, host, line))), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId,
    x = tolower(case(isnotempty(DeviceName) and isnotempty(InitiatingProcessCommandLine),
            strcat(DeviceName, InitiatingProcessCommandLine),
            ""))`},
	{value(fn(ir.StrLen, line)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId,
    x = case(isnotempty(InitiatingProcessCommandLine),
        strlen(InitiatingProcessCommandLine),
        long(null))`},
	{value(fn(ir.StrLen, port)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId,
    x = case(isnotnull(RemotePort), strlen(tostring(RemotePort)), long(null))`},
	{value(fn(ir.StrLen, fn(ir.Replace, line, lit("^"), lit("")))), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId,
    x = case(isnotempty(InitiatingProcessCommandLine),
        strlen(replace_string(InitiatingProcessCommandLine, "^", "")),
        long(null))`},
	{value(fn(ir.Substring, host, lit(int64(3)))), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = substring(DeviceName, 3)`},
	{value(fn(ir.Substring, host, lit(int64(0)), five)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = substring(DeviceName, 0, 5)`},
	{value(fn(ir.Replace, host, lit(`\`), lit(`"`))), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = replace_string(DeviceName, @"\", "\"")`},
	{value(fn(ir.Split, host, lit("."), lit(int64(1)))), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = tostring(split(DeviceName, ".")[1])`},
	{value(fn(ir.Extract, host, lit(`(\d+)\b`), lit(int64(1)))), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = extract(@"([0-9]+)(?-u:\b)", 1, DeviceName)`},
	{value(fn(ir.If, cmp(ir.Eq, port, five), lit("a"), fn(ir.If, cmp(ir.Eq, mine, five), lit("b"), lit("c")))), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = case(RemotePort == 5, "a", LocalPort == 5, "b", "c")`},
	{value(fn(ir.If, cmp(ir.Eq, port, five), mine, fn(ir.If, cmp(ir.Eq, mine, five), port))), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId,
    x = case(RemotePort == 5, LocalPort, LocalPort == 5, RemotePort, long(null))`},
	{value(fn(ir.Tuple, host, when)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId,
    x = case(isnotempty(DeviceName), tostring(pack_array(DeviceName, Timestamp)), "")`},
	{value(fn(ir.Coalesce, host, line, lit("x"))), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = coalesce(DeviceName, InitiatingProcessCommandLine, "x")`},
	{value(fn(ir.Coalesce, mine, port, lit(0.5))), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId,
    x = coalesce(todouble(LocalPort), todouble(RemotePort), 0.5)`},
	{value(fn(ir.ToString, port)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = tostring(RemotePort)`},
	{value(fn(ir.ToNumber, host)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = todouble(DeviceName)`},
	{value(fn(ir.Minute, when)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = datetime_part("minute", Timestamp)`},
	{value(fn(ir.Hour, when)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = datetime_part("hour", Timestamp)`},
	{value(fn(ir.Day, when)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = datetime_part("day", Timestamp)`},
	{value(fn(ir.Week, when)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = datetime_part("week_of_year", Timestamp)`},
	{value(fn(ir.Month, when)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = datetime_part("month", Timestamp)`},
	{value(fn(ir.Year, when)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = datetime_part("year", Timestamp)`},
	{value(fn(ir.Weekday, born)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = toint(dayofweek(InitiatingProcessCreationTime) / 1d)`},
	{value(fn(ir.Now)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = now()`},
	{value(fn(ir.Sub, fn(ir.Now), day)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = ago(1d)`},
	{value(fn(ir.Sub, fn(ir.Now), lit(-time.Hour))), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = ago(-1h)`},
	{value(fn(ir.Add, fn(ir.Now), day)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = now() + 1d`},
	{value(fn(ir.Sub, fn(ir.Now), when)), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, x = (now() - Timestamp) / 1s`},
	{condition(cmp(ir.Gt, when, fn(ir.Sub, fn(ir.Now), day))), `
DeviceNetworkEvents
| where Timestamp > ago(1d)
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{condition(not(cmp(ir.Gt, when, fn(ir.Sub, fn(ir.Now), day)))), `
DeviceNetworkEvents
| where Timestamp <= ago(1d)
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{condition(not(cmp(ir.Gt, born, fn(ir.Sub, fn(ir.Now), day)))), `
DeviceNetworkEvents
| where isnull(InitiatingProcessCreationTime) or InitiatingProcessCreationTime <= ago(1d)
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{condition(cmp(ir.Lt, fn(ir.Sub, fn(ir.Now), born), day)), `
DeviceNetworkEvents
| where now() - InitiatingProcessCreationTime < 1d
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{condition(cmp(ir.Eq, fn(ir.Weekday, when), lit(int64(0)))), `
DeviceNetworkEvents
| where toint(dayofweek(Timestamp) / 1d) == 0
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{condition(cmp(ir.Gt, fn(ir.StrLen, line), five)), `
DeviceNetworkEvents
| where strlen(InitiatingProcessCommandLine) > 5
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{condition(cmp(ir.Lt, fn(ir.StrLen, line), five)), `
DeviceNetworkEvents
| where isnotempty(InitiatingProcessCommandLine)
| where strlen(InitiatingProcessCommandLine) < 5
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{condition(cmp(ir.Ne, fn(ir.StrLen, line), five)), `
DeviceNetworkEvents
| where isnotempty(InitiatingProcessCommandLine)
| where strlen(InitiatingProcessCommandLine) != 5
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{condition(not(cmp(ir.Gt, fn(ir.StrLen, line), five))), `
DeviceNetworkEvents
| where strlen(InitiatingProcessCommandLine) <= 5
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{condition(not(cmp(ir.Le, fn(ir.StrLen, line), five))), `
DeviceNetworkEvents
| where isempty(InitiatingProcessCommandLine) or strlen(InitiatingProcessCommandLine) > 5
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{condition(isText(fn(ir.Extract, line, lit(`(?i)x(.)`), lit(int64(1))), "y")), `
DeviceNetworkEvents
| where extract("(?i)x(.)", 1, InitiatingProcessCommandLine) =~ "y"
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{condition(cmp(ir.Eq, host, line)), `
DeviceNetworkEvents
| where isnotempty(DeviceName)
| where DeviceName =~ InitiatingProcessCommandLine
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{condition(cmp(ir.Ne, host, fn(ir.Lower, line))), `
DeviceNetworkEvents
| where isnotempty(DeviceName)
| where isnotempty(InitiatingProcessCommandLine)
| where DeviceName !~ tolower(InitiatingProcessCommandLine)
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{condition(not(cmp(ir.Eq, host, line))), `
DeviceNetworkEvents
| where isempty(DeviceName) or DeviceName !~ InitiatingProcessCommandLine
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{condition(not(&ir.FieldMatch{X: line, Y: host, Kind: ir.FieldContains})), `
DeviceNetworkEvents
| where isempty(DeviceName) or InitiatingProcessCommandLine !contains DeviceName
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{summarize(connections(), byHost, agg("n", ir.CountIf, cmp(ir.Gt, port, five)), agg("m", ir.CountIf, ir.True(diag.Span{}))), `
DeviceNetworkEvents
| summarize n = countif(RemotePort > 5), m = count() by DeviceName`},
	{summarize(connections(), byHost, argOf(ir.ArgMax, when, line)), `
DeviceNetworkEvents
| summarize (at_a, a) = arg_max(case(isnotempty(InitiatingProcessCommandLine),
            Timestamp,
            datetime(null)),
        InitiatingProcessCommandLine)
    by DeviceName
| project-away at_a`},
	{summarize(connections(), nil, argOf(ir.ArgMin, mine, port), agg("n", ir.Count, nil)), `
DeviceNetworkEvents
| summarize (at_a, a) = arg_min(case(isnotnull(RemotePort), LocalPort, long(null)),
        case(isnotnull(LocalPort), RemotePort, long(null))),
    n = count()
| project-away at_a`},
	{summarize(filter(connections(), &ir.Exists{X: port}), byHost, argOf(ir.ArgMax, when, port)), `
DeviceNetworkEvents
| where isnotnull(RemotePort)
| summarize (at_a, a) = arg_max(Timestamp, RemotePort) by DeviceName
| project-away at_a`},
	{summarize(connections(), nil, argOf(ir.ArgMax, mine, fn(ir.If, cmp(ir.Eq, port, five), line))), `
DeviceNetworkEvents
| summarize (at_a, a) = arg_max(case(RemotePort == 5 and isnotempty(InitiatingProcessCommandLine),
            LocalPort,
            long(null)),
        case(RemotePort == 5 and isnotnull(LocalPort), InitiatingProcessCommandLine, ""))
| project-away at_a`},
	{project(lagging(line, host), host, before), `
DeviceNetworkEvents
| sort by DeviceName asc, Timestamp asc
| extend before = case(DeviceName == prev(DeviceName), prev(InitiatingProcessCommandLine), "")
| project Timestamp, DeviceId, ReportId, DeviceName, before`},
	{project(lagging(port, mine), host, before), `
DeviceNetworkEvents
| sort by LocalPort asc, Timestamp asc
| extend before = case(LocalPort == prev(LocalPort)
            or (isnull(LocalPort) and isnull(prev(LocalPort))),
        prev(RemotePort),
        long(null))
| project Timestamp, DeviceId, ReportId, DeviceName, before`},
	{project(lagging(when), host, before), `
DeviceNetworkEvents
| sort by Timestamp asc
| extend before = prev(Timestamp)
| project Timestamp, DeviceId, ReportId, DeviceName, before`},
	{project(filter(&ir.Rank{Input: connections(), By: []*ir.Field{host}, Keys: []*ir.SortKey{{X: port, Desc: true}, {X: host}}, As: "place"}, cmp(ir.Le, place, lit(int64(3)))), host, port), `
DeviceNetworkEvents
| sort by DeviceName asc, RemotePort desc
| extend place = row_number(1, DeviceName != prev(DeviceName))
| where place <= 3
| project Timestamp, DeviceId, ReportId, DeviceName, RemotePort`},
	{project(&ir.Rank{Input: connections(), By: []*ir.Field{mine}, Keys: []*ir.SortKey{{X: port, Desc: true}}, As: "place"}, host, place), `
DeviceNetworkEvents
| sort by LocalPort asc, RemotePort desc
| extend place = row_number(1,
        isnull(LocalPort) != isnull(prev(LocalPort))
            or coalesce(LocalPort != prev(LocalPort), false))
| project Timestamp, DeviceId, ReportId, DeviceName, place`},
	{project(&ir.Rank{Input: connections(), Keys: []*ir.SortKey{{X: port}}, As: "place"}, host, place), `
DeviceNetworkEvents
| sort by RemotePort asc
| extend place = row_number()
| project Timestamp, DeviceId, ReportId, DeviceName, place`},
	{project(&ir.Rank{Input: connections(), As: "place"}, host, place), `
DeviceNetworkEvents
| serialize place = row_number()
| project Timestamp, DeviceId, ReportId, DeviceName, place`},
	{project(&ir.Rank{Input: lagging(line, host), By: []*ir.Field{host}, Keys: []*ir.SortKey{{X: when}}, As: "place"}, host, before, place), `
DeviceNetworkEvents
| sort by DeviceName asc, Timestamp asc
| extend before = case(DeviceName == prev(DeviceName), prev(InitiatingProcessCommandLine), "")
| extend place = row_number(1, DeviceName != prev(DeviceName))
| project Timestamp, DeviceId, ReportId, DeviceName, before, place`},
	{project(&ir.Window{Input: connections(), By: []*ir.Field{host, when}, Of: when, Offset: 2, As: "gap"}, host), `
DeviceNetworkEvents
| sort by DeviceName asc, Timestamp asc, Timestamp asc
| extend prev_DeviceName = prev(DeviceName, 2), prev_Timestamp = prev(Timestamp, 2)
| where DeviceName == prev_DeviceName and Timestamp == prev_Timestamp and isnotnull(prev_Timestamp)
| extend gap = (Timestamp - prev_Timestamp) / 1s
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{project(&ir.Rank{Input: &ir.Sort{Input: connections(), Keys: []*ir.SortKey{{X: when}}}, Keys: []*ir.SortKey{{X: when}}, As: "place"}, host, place), `
DeviceNetworkEvents
| sort by Timestamp asc
| sort by Timestamp asc
| extend place = row_number()
| project Timestamp, DeviceId, ReportId, DeviceName, place`},
	{project(listed(ir.Inner, host), host), `
let owners = datatable(DeviceName: string) [
    "a",
    "b",
    "c"
];
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, DeviceName
| where DeviceName in (owners)`},
	{project(listed(ir.Anti, host), host), `
let owners = datatable(DeviceName: string) [
    "a",
    "b",
    "c"
];
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, DeviceName
| where DeviceName !in (owners)`},
	{project(listed(ir.LeftOuter, host), host), `
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{project(listed(ir.Inner, host, port), host, owner), `
let owners = datatable(DeviceName: string, Owner: string, RemotePort: int) [
    "a", @"ann \", 5,
    "c", "\"", -1
];
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, DeviceName, RemotePort
| lookup kind=inner (owners) on DeviceName, RemotePort
| project Timestamp, DeviceId, ReportId, DeviceName, Owner`},
	{project(listed(ir.LeftOuter, host, port), host, owner), `
let owners = datatable(DeviceName: string, Owner: string, RemotePort: int) [
    "a", @"ann \", 5,
    "c", "\"", -1
];
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, DeviceName, RemotePort
| lookup kind=leftouter (owners) on DeviceName, RemotePort
| project Timestamp, DeviceId, ReportId, DeviceName, Owner`},
	{project(listed(ir.Anti, host, port), host), `
let owners = datatable(DeviceName: string, RemotePort: int) [
    "a", 5,
    "c", -1
];
DeviceNetworkEvents
| project Timestamp, DeviceId, ReportId, DeviceName, RemotePort
| join kind=leftanti (owners) on DeviceName, RemotePort
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{project(&ir.Join{Left: connections(), Right: &ir.Table{Name: "RemoteIP", Cols: []string{"DeviceName"}, Rows: [][]string{{"a"}}}, Kind: ir.Anti, On: []*ir.Field{host}}, host), `
let RemoteIP_ = datatable(DeviceName: string) [
    "a"
];
DeviceNetworkEvents
| where DeviceName !in (RemoteIP_)
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{project(&ir.Join{Left: filter(connections(), cmp(ir.Gt, fn(ir.StrLen, line), five)), Right: &ir.Table{Name: "strlen", Cols: []string{"DeviceName"}, Rows: [][]string{{"a"}}}, Kind: ir.Inner, On: []*ir.Field{host}}, host), `
let strlen_ = datatable(DeviceName: string) [
    "a"
];
DeviceNetworkEvents
| where strlen(InitiatingProcessCommandLine) > 5
| where DeviceName in (strlen_)
| project Timestamp, DeviceId, ReportId, DeviceName`},
	{project(&ir.Join{Left: connections(), Right: project(owners, host), Kind: ir.Inner, On: []*ir.Field{host}}, host), `
let owners = datatable(DeviceName: string) [
    "a",
    "b",
    "c"
];
DeviceNetworkEvents
| where DeviceName in (owners)
| project Timestamp, DeviceId, ReportId, DeviceName`},
}

// TestWordings holds the text of each function and operator, the laws of the
// round trip, and that Microsoft's language service finds nothing.
func TestWordings(t *testing.T) {
	b := testBackend(t)
	var queries []kustotest.Query
	for _, w := range wordings {
		plan, diags := b.Plan(w.q, nil)
		if plan == nil {
			t.Errorf("%s%v", ir.Format(w.q), diags)
			continue
		}
		text := kql.Print(b.Lower(plan))
		if want := strings.Trim(w.want, "\n"); text != want {
			t.Errorf("got\n%s\nwant\n%s", text, want)
		}
		parsed, diags := kql.Parse("", text)
		if len(diags) > 0 {
			t.Errorf("%v\n%s", diags, text)
			continue
		}
		if again := kql.Print(parsed); again != text {
			t.Errorf("printed again\n%s\nwas\n%s", again, text)
		}
		lifted, diags := b.Lift(parsed)
		if lifted == nil {
			t.Errorf("%v\n%s", diags, text)
			continue
		}
		if want, got := ir.Format(ir.Canonical(plan)), ir.Format(ir.Canonical(lifted)); want != got {
			t.Errorf("lifted back\n%s\nwas\n%s\nfrom\n%s", got, want, text)
		}
		queries = append(queries, kustotest.Query{ID: text, Text: text})
	}
	kustotest.NoFindings(t, queries)
}

// TestFunctionRefusals: what Kusto cannot compute is an error with a hint.
func TestFunctionRefusals(t *testing.T) {
	b := testBackend(t)
	list := summarize(connections(), byHost, agg("hosts", ir.Values, line), agg("n", ir.Count, nil))
	hosts := &ir.Field{Name: "hosts", T: ir.Dynamic}
	made := func(in ir.Query, x ir.Expr) ir.Query { return over(in, column1("x", x)) }
	for _, c := range []struct {
		q    ir.Query
		code diag.Code
		want string
	}{
		{made(list, fn(ir.Lower, hosts)), codeTypes, "lower is of one text, and this is a list of values"},
		{made(list, fn(ir.ToString, hosts)), codeTypes, "Defender has no text of a list of values"},
		{made(list, fn(ir.Concat, hosts, lit("x"))), codeTypes, "Defender has no text of a list of values"},
		{made(connections(), fn(ir.Weekday, port)), codeTypes, "a number has no weekday"},
		{made(connections(), fn(ir.Extract, line, lit("a"), lit(int64(1)))), codeRegexp, "the regular expression has no group 1"},
		{made(connections(), fn(ir.Extract, line, lit("a(?=b)"), lit(int64(0)))), codeRegexp, "looks ahead or behind"},
		{made(connections(), fn(ir.Extract, line, lit(strings.Repeat("(a)", 17)), five)), codeRegexp, "17 groups"},
		{summarize(connections(), byHost, argOf(ir.ArgMax, host, port)), codeAggregate, "no arg_max by a text"},
		{&ir.Lag{Input: connections(), Of: host, X: port, As: "before"}, codeTypes, "DeviceName is a text"},
		{&ir.Lag{Input: connections(), Of: when, X: hosts, As: "before"}, codeColumn, "no column hosts"},
		{&ir.Rank{Input: connections(), By: []*ir.Field{host}, Keys: []*ir.SortKey{{X: owner}}, As: "place"}, codeColumn, "no column Owner"},
		{listed(ir.Inner, line), codeColumn, "the lookup owners has no column InitiatingProcessCommandLine"},
		{listed(ir.Inner, when), codeColumn, "the lookup owners has no column Timestamp"},
		{&ir.Join{Left: connections(), Right: owners, Kind: ir.LeftOuter, On: []*ir.Field{host}}, codeColumn, "both the rows and the lookup owners have a column RemotePort"},
		{&ir.Join{Left: connections(), Right: &ir.Table{Name: "t", Cols: []string{"Timestamp"}}, Kind: ir.Anti, On: []*ir.Field{when}}, codeTypes, "Timestamp is a time, and a lookup holds texts"},
		{&ir.Join{Left: connections(), Right: &ir.Table{Name: "t", Cols: []string{"DeviceName"}, Rows: [][]string{{"\xff"}}}, Kind: ir.Anti, On: []*ir.Field{host}}, codeTypes, "not valid UTF-8"},
	} {
		plan, diags := b.Plan(c.q, nil)
		if plan != nil || len(diags) == 0 || diags[0].Code != c.code || !strings.Contains(diags[0].Message, c.want) || diags[0].Hint == "" {
			t.Errorf("%swant %s %q, got %v", ir.Format(c.q), c.code, c.want, diags)
		}
	}
}

// FuzzLookupKeepsStructure is law 6 for the texts that functions and lookups
// bring in.
func FuzzLookupKeepsStructure(f *testing.F) {
	for _, s := range []string{"x", `"`, `\`, "'", "`", "\n| take 1", "];", `"]; union DeviceInfo //`, "\x00", "@\"", "let", "é", "5", "-1", "\u2028", "'] | take 1"} {
		f.Add(s)
	}
	b := testBackend(f)
	build := func(s string) ir.Query {
		table := &ir.Table{Name: "list", Cols: []string{"DeviceName", "Owner"}, Rows: [][]string{{"x" + s, s}, {"y" + s, "a"}}}
		return over(&ir.Join{Left: connections(), Right: table, Kind: ir.LeftOuter, On: []*ir.Field{host}},
			column1("a", fn(ir.Replace, host, lit("x"+s), lit(s))), column1("b", fn(ir.Split, host, lit("x"+s), lit(int64(0)))),
			column1("c", fn(ir.Extract, host, lit("(?:"+regexp.QuoteMeta(s)+")(x)"), lit(int64(1)))), column1("d", owner))
	}
	query := func(t testing.TB, s string) (ir.Query, string) {
		plan, diags := b.Plan(build(s), nil)
		if plan == nil {
			if !diags.HasErrors() {
				t.Fatalf("%q vanishes", s)
			}
			return nil, ""
		}
		return plan, kql.Print(b.Lower(plan)) + "\n"
	}
	_, first := query(f, "x")
	want := shape(f, first)
	f.Fuzz(func(t *testing.T, s string) {
		plan, text := query(t, s)
		if plan == nil {
			if utf8.ValidString(s) {
				t.Fatalf("%q is refused", s)
			}
			return
		}
		if got := shape(t, text); got != want {
			t.Fatalf("%q changes the structure:\n%s\n%s", s, got, text)
		}
		parsed, _ := kql.Parse("", text)
		lifted, diags := b.Lift(parsed)
		if lifted == nil {
			t.Fatalf("%v\n%s", diags, text)
		}
		if want, got := ir.Format(ir.Canonical(plan)), ir.Format(ir.Canonical(lifted)); want != got {
			t.Fatalf("lifted back\n%s\nwas\n%s\nfrom\n%s", got, want, text)
		}
	})
}

func over(in ir.Query, cols ...*ir.Col) ir.Query { return &ir.Extend{Input: in, Cols: cols} }
