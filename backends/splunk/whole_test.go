package splunk

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// TestFunctionsComplete: the table has each function of ir.Funcs once, and no
// other; If, whose first argument is a condition, is written by conditional.
func TestFunctionsComplete(t *testing.T) {
	for _, f := range slices.Concat(ir.Funcs, ir.LiftedFuncs) {
		n := 0
		for _, s := range scalarFuncs {
			if s.ir == f.ID {
				n++
			}
		}
		if want := map[bool]int{true: 0, false: 1}[f.ID == ir.If || slices.Contains(otherwise, f.ID)]; n != want {
			t.Errorf("%s is %d times in the table, want %d", f.ID, n, want)
		}
	}
	for _, s := range scalarFuncs {
		ir.FuncOf(s.ir)
	}
	for _, f := range []ir.AggFunc{ir.Count, ir.DCount, ir.Min, ir.Max, ir.Sum, ir.Avg, ir.Stdev, ir.Values, ir.First, ir.Last, ir.ArgMin, ir.ArgMax} {
		if splAgg(&ir.Agg{Func: f}) == "" {
			t.Errorf("%s has no function", f)
		}
	}
}

func call1(f ir.FuncID, args ...ir.Expr) ir.Expr { return &ir.Call{Span: at(3), Func: f, Args: args} }

func lit(v any) ir.Expr { return &ir.Lit{Span: at(3), Value: v} }

// TestFunctions: how each function is written, that it is read back, and what
// it is of some texts.
func TestFunctions(t *testing.T) {
	text, other := &ir.Field{Name: "x", T: ir.String}, &ir.Field{Name: "y", T: ir.String}
	num, when := &ir.Field{Name: "n", T: ir.Int}, &ir.Field{Name: "_time", T: ir.Time}
	type values = []any // of x, and of the expression
	tests := []struct {
		expr   ir.Expr
		want   string
		of, is values
	}{
		{call1(ir.Weekday, when), "(floor(_time / 86400) + 4) % 7", nil, nil},
		{call1(ir.Now), "now()", nil, nil},
		{call1(ir.Sub, call1(ir.Now), lit(int64(86400))), "now() - 86400", nil, nil},
		{call1(ir.Abs, num), "abs(n)", nil, nil},
		{call1(ir.Floor, call1(ir.Div, num, lit(int64(3)))), "floor(n / 3)", nil, nil},
		{call1(ir.Div, call1(ir.Sub, when, when), &ir.Lit{Span: at(3), Value: time.Second}), "_time - _time", nil, nil},
		{call1(ir.Div, num, lit(int64(1))), "n / 1", nil, nil}, // which is null for a text
		{call1(ir.Ceiling, num), "ceiling(n)", nil, nil},
		{call1(ir.Mul, call1(ir.Floor, call1(ir.Div, num, lit(int64(3)))), lit(int64(3))), "floor(n / 3) * 3", nil, nil}, // a bin
		{call1(ir.Lower, text), "lower(x)", values{"aB", nil}, values{"ab", nil}},
		{call1(ir.Upper, text), "upper(x)", values{"aB"}, values{"AB"}},
		{call1(ir.StrLen, text), "len(x)", values{"日本", ""}, values{2.0, 0.0}},
		{call1(ir.StrLen, num), "len(tostring(n))", nil, nil},
		{call1(ir.Substring, text, lit(int64(0)), lit(int64(3))), "substr(x, 1, 3)", values{"abcd", "ab", ""}, values{"abc", "ab", ""}},
		{call1(ir.Substring, text, lit(int64(2))), "substr(x, 3)", values{"abcd", "ab", "a"}, values{"cd", "", ""}},
		{call1(ir.Replace, text, lit(`\`), lit("/")), `replace(x, "\\\\", "/")`, values{`a\b\`, "a"}, values{"a/b/", "a"}},
		{call1(ir.Replace, text, lit("a.b"), lit("")), `replace(x, "a\.b", "")`, values{"axb a.b", "A.B"}, values{"axb ", "A.B"}},
		{call1(ir.Replace, text, lit("\t"), lit(`"`)), `replace(x, "\x09", "\"")`, values{"a\tb"}, values{`a"b`}},
		{call1(ir.Replace, text, lit("/"), lit(`\1`)), `mvjoin(split(x, "/"), "\\1")`, values{"/a//", "a"}, values{`\1a\1\1`, "a"}},
		{call1(ir.Replace, text, lit("/"), lit(`$0`)), `mvjoin(split(x, "/"), "$0")`, values{"a/"}, values{"a$0"}},
		{call1(ir.Split, text, lit("/"), lit(int64(2))), `mvindex(split(x, "/"), 2)`, values{"https://a.b/c", "a/b", "a//"}, values{"a.b", nil, ""}},
		{call1(ir.Split, text, lit(`\`), lit(int64(0))), `mvindex(split(x, "\\"), 0)`, values{`LAB\ann`, "ann", ""}, values{"LAB", "ann", ""}},
		{call1(ir.Extract, text, lit(`-e\w* (\S+)`), lit(int64(1))),
			`if(match(x, "-e\w* (\S+)"), replace(x, "^(?s:.*?)(?:-e\w* (\S+))(?s:.*)\z", "\1"), null())`,
			values{"a -enc Zm9v b", "a", "-e x\n-e y", nil}, values{"Zm9v", nil, "x", nil}},
		{call1(ir.Extract, text, lit(`(?i)cmd|power(shell)`), lit(int64(0))),
			`if(match(x, "(?i)(cmd|power(shell))"), replace(x, "^(?s:.*?)(?:(?i)(cmd|power(shell)))(?s:.*)\z", "\1"), null())`,
			values{"CMD.exe", "a PowerShell cmd", ""}, values{"CMD", "PowerShell", nil}},
		{call1(ir.Extract, text, lit(`a(?P<n>b+)?c`), lit(int64(1))),
			`if(match(x, "a(b+)?c"), nullif(replace(x, "^(?s:.*?)(?:a(b+)?c)(?s:.*)\z", "\1"), ""), null())`,
			values{"abbc", "ac", "x"}, values{"bb", nil, nil}},
		{call1(ir.Coalesce, text, other, lit("-")), `coalesce(x, y, "-")`, values{"a", nil}, values{"a", "-"}},
		{call1(ir.Concat, call1(ir.Concat, text, lit("-")), lit(">")), `x . "-" . ">"`, values{"a", nil}, values{"a->", nil}},
		{call1(ir.If, isText(at(3), text, "a"), lit("1"), call1(ir.If, isText(at(3), text, "b"), lit("2"))), `case(x = "a", "1", x = "b", "2")`,
			values{"a", "b", "c", nil}, values{"1", "2", nil, nil}},
		{call1(ir.If, isText(at(3), text, "a"), lit("1"), call1(ir.If, isText(at(3), text, "b"), lit("2"), lit("3"))), `case(x = "a", "1", x = "b", "2", true(), "3")`,
			values{"a", "b", "c", nil}, values{"1", "2", "3", "3"}},
		{call1(ir.If, isText(at(3), text, "a"), lit("1")), `if(x = "a", "1", null())`, values{"a", "b"}, values{"1", nil}},
	}
	b := testBackend(t)
	sc := scope{{name: "x", t: ir.String, nullable: true}, {name: "y", t: ir.String, nullable: true}, {name: "n", t: ir.Int}, {name: "_time", t: ir.Time}}
	for _, tt := range tests {
		p := &planner{b: b, hunt: &ir.Hunt{}}
		plan := p.value(tt.expr, sc)
		if len(p.diags) > 0 {
			t.Errorf("%s: %v", ir.FormatExpr(tt.expr), p.diags)
			continue
		}
		e := (&lowerer{b: b}).value(plan)
		got := strings.Join(strings.Fields(spl.PrintExpr(e)), " ")
		got = strings.NewReplacer("( ", "(", " )", ")").Replace(got)
		if got != tt.want {
			t.Errorf("%s is\n%s\nwant\n%s", ir.FormatExpr(tt.expr), got, tt.want)
		}
		parsed, err := spl.ParseExpr(spl.PrintExpr(e))
		if err != nil {
			t.Error(err)
			continue
		}
		lifted, ok := b.liftValue(parsed)
		if !ok || ir.FormatExpr(ir.CanonicalExpr(lifted)) != ir.FormatExpr(ir.CanonicalExpr(plan)) {
			t.Errorf("%s\nis lifted as %v\nwant %s", got, lifted, ir.FormatExpr(plan))
		}
		for i, v := range tt.of {
			ev := event{}
			if s, ok := v.(string); ok {
				ev["x"] = s
			}
			if got := evalModel(t, parsed, ev); got != tt.is[i] {
				t.Errorf("%s of %q is %q, want %q", tt.want, v, got, tt.is[i])
			}
		}
	}
}

// TestWholeRefused: what Splunk cannot be told exactly is refused where it
// stands.
func TestWholeRefused(t *testing.T) {
	image := events("process_creation", is("Image", "a"))
	extend := func(x ir.Expr) ir.Query {
		return &ir.Extend{Span: at(3), Input: image, Cols: []*ir.Col{{Span: at(3), As: "made", X: x}}}
	}
	agg := func(aggs ...*ir.Agg) ir.Query { return &ir.Aggregate{Span: at(3), Input: image, Aggs: aggs} }
	line := logical("CommandLine")
	b := testBackend(t)
	for _, tt := range []struct {
		name    string
		query   ir.Query
		message string
	}{
		{"a group that may be empty or take no part", extend(call1(ir.Extract, line, lit("(a*)?b"), lit(int64(1)))), "may match nothing or take no part in the match"},
		{"a group past 9", extend(call1(ir.Extract, line, lit(strings.Repeat("(a)", 10)), lit(int64(10)))), "this asks for group 10"},
		{"no such group", extend(call1(ir.Extract, line, lit("a"), lit(int64(1)))), "has no group 1"},
		{"a tab to split by", extend(call1(ir.Split, line, lit("\t"), lit(int64(1)))), `the text "\t" of split cannot be written in SPL`},
		{"a line end to put in", extend(call1(ir.Replace, line, lit("a"), lit("\n"))), `the text "\n" of replace cannot be written in SPL`},
		{"a size that is no constant", extend(call1(ir.Split, line, lit("a"), logical("ProcessId"))), "argument 3 of split has to be a constant"},
		{"two orders", agg(&ir.Agg{Span: at(3), As: "a", Func: ir.ArgMax, X: line, Of: logical("ProcessId")}, &ir.Agg{Span: at(3), As: "b", Func: ir.ArgMin, X: line, Of: logical("ParentProcessId")}),
			"at the extremes of one column in one grouping"},
		{"a column that is there", &ir.Rank{Span: at(4), Input: extend(line), Keys: []*ir.SortKey{{Span: at(4), X: logical("made")}}, As: "made"}, "the rows have a column made already"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := b.Compile(&ir.Hunt{Query: tt.query})
			if a.Query != "" || !slices.ContainsFunc(a.Diagnostics, func(d diag.Diagnostic) bool { return strings.Contains(d.Message, tt.message) && d.Pos.Line > 0 }) {
				t.Errorf("%s\n%v", a.Query, a.Diagnostics)
			}
		})
	}
}

// TestWholeHunts: the whole text of hunts with the operators that look at
// several rows, or at rows that come with the hunt.
func TestWholeHunts(t *testing.T) {
	b := testBackend(t)
	net := events("network_connection", is("Initiated", "true"))
	field := func(name string, typ ir.Type) *ir.Field { return &ir.Field{Span: at(3), Name: name, T: typ} }
	src, dst, port, when := field("SourceIp", ir.IP), field("DestinationIp", ir.IP), field("DestinationPort", ir.Int), field(ir.Timestamp, ir.Time)
	key := func(f *ir.Field) []*ir.Col { return []*ir.Col{{Span: at(3), As: f.Name, X: f}} }
	counts := func(by ...*ir.Field) *ir.Aggregate {
		q := &ir.Aggregate{Span: at(3), Input: net, Aggs: []*ir.Agg{{Span: at(3), As: "n", Func: ir.Count}}}
		for _, f := range by {
			q.By = append(q.By, key(f)...)
		}
		return q
	}
	cmp1 := func(op ir.CmpOp, l, r ir.Expr) ir.Expr { return &ir.Compare{Span: at(4), Op: op, L: l, R: r} }
	owners := &ir.Table{Span: at(4), Name: "owners", Cols: []string{"owner", "Computer", "team"},
		Rows: [][]string{{"ann", "host1", "red"}, {"bob", "host2", ""}, {"ann", "host3", "blue"}, {"eve", "unknown", "red"}}}
	long := &ir.Table{Span: at(4), Name: "owners", Cols: owners.Cols}
	for i := range ir.InlineRows + 1 {
		long.Rows = append(long.Rows, []string{"ann", fmt.Sprint("host", i), ""})
	}
	join := func(kind ir.JoinKind, left ir.Query, t *ir.Table) ir.Query {
		return &ir.Join{Span: at(4), Left: left, Right: t, Kind: kind, On: []*ir.Field{field("Computer", ir.String)}}
	}
	keysOnly := &ir.Table{Span: at(4), Name: "own", Cols: []string{"Computer"}, Rows: [][]string{{"host1"}, {"Host2"}}}
	processes := events("process_creation", is("Image", `C:\a.exe`))
	tests := []struct {
		name  string
		query ir.Query
		form  backends.Form
		want  string
	}{
		{"the first of each group", &ir.Filter{Span: at(4), Pred: cmp1(ir.Le, field("place", ir.Int), lit(int64(3))),
			Input: &ir.Rank{Span: at(4), Input: counts(src, dst), By: []*ir.Field{src}, Keys: []*ir.SortKey{{Span: at(4), X: field("n", ir.Int), Desc: true}, {Span: at(4), X: dst}}, As: "place"}}, backends.Tstats, `
    by All_Traffic.src_ip, All_Traffic.dest_ip
| ~drop_dm_object_name(All_Traffic)~
| eval dest_ip = if(dest_ip != "unknown", dest_ip, null())
| eval dest_ip_missing = if(isnotnull(dest_ip), 1, 0)
| sort 0 + src_ip, - n, + dest_ip_missing, + dest_ip
| streamstats count as place by src_ip
| table src_ip, dest_ip, n, place
| where place <= 3`},
		{"places of all", &ir.Rank{Span: at(4), Input: counts(port), Keys: []*ir.SortKey{{Span: at(4), X: field("n", ir.Int), Desc: true}}, As: "place"}, backends.Tstats, `
    by All_Traffic.dest_port
| ~drop_dm_object_name(All_Traffic)~
| sort 0 - n
| streamstats count as place`},
		{"the row before", &ir.Project{Span: at(5), Input: &ir.Lag{Span: at(4), Input: net, By: []*ir.Field{src}, Of: when, X: dst, As: "before"},
			Cols: []*ir.Col{{Span: at(5), As: "src", X: src}, {Span: at(5), As: "before", X: field("before", ir.IP)}}}, backends.Tstats, `
    by All_Traffic.src_ip, All_Traffic.dest_ip, _time span=1s
| ~drop_dm_object_name(All_Traffic)~
| sort 0 + src_ip, + _time
| streamstats current=f window=1 global=f last(dest_ip) as before by src_ip
| eval before = if(before != "unknown", before, null())
| rename src_ip as src
| table src, before`},
		{"counts on a condition", &ir.Aggregate{Span: at(3), Input: net, By: key(src), Aggs: []*ir.Agg{
			{Span: at(3), As: "all", Func: ir.Count}, {Span: at(3), As: "web", Func: ir.CountIf, X: cmp1(ir.Eq, port, lit(int64(443)))}}}, backends.Tstats, `
    by All_Traffic.src_ip, All_Traffic.dest_port
| ~drop_dm_object_name(All_Traffic)~
| stats sum(count) as all sum(eval(if(dest_port = 443, count, 0))) as web by src_ip`},
		{"counts on a condition of events", &ir.Aggregate{Span: at(3), Input: events("image_load", is("Company", "x")), By: key(logical("Image")), Aggs: []*ir.Agg{
			{Span: at(3), As: "own", Func: ir.CountIf, X: &ir.Exists{Span: at(3), X: logical("User")}}}}, backends.RawEvents, `
~huntc_image_load~ Company="x"
| fillnull value=unknown Image
| stats count(eval(isnotnull(User))) as own by Image`},
		{"the value at the largest", &ir.Aggregate{Span: at(4), Input: counts(src, dst), By: key(src), Aggs: []*ir.Agg{
			{Span: at(4), As: "most", Func: ir.ArgMax, X: dst, Of: field("n", ir.Int)}, {Span: at(4), As: "least", Func: ir.ArgMin, X: dst, Of: field("n", ir.Int)}}}, backends.Tstats, `
    by All_Traffic.src_ip, All_Traffic.dest_ip
| ~drop_dm_object_name(All_Traffic)~
| sort 0 + n
| stats last(eval(if(dest_ip != "unknown", dest_ip, null()))) as most
    first(eval(if(dest_ip != "unknown", dest_ip, null()))) as least
    by src_ip`},
		{"the value at the largest time", &ir.Aggregate{Span: at(4), Input: net, By: key(src), Aggs: []*ir.Agg{
			{Span: at(4), As: "port", Func: ir.ArgMax, X: dst, Of: when}}}, backends.Tstats, `
| tstats ~summariesonly~ fillnull_value=unknown latest(All_Traffic.dest_ip) as port
    from datamodel=Network_Traffic.All_Traffic
    where All_Traffic.direction="outbound"
    by All_Traffic.src_ip
| ~drop_dm_object_name(All_Traffic)~`},
		{"a lookup in the search", join(ir.Inner, processes, owners), backends.Tstats, `
    where Processes.process_path="C:\\a.exe" AND Processes.dest IN ("host1", "host2", "host3")
    by Processes.process_path, Processes.dest, Processes.user, Processes.process_name,
       Processes.process, Processes.parent_process_path, Processes.parent_process_name,
       Processes.parent_process
| ~drop_dm_object_name(Processes)~
| eval Computer = dest
| where dest IN ("host1", "host2", "host3")
| eval
    owner = case(dest IN ("host1", "host3"), "ann", dest = "host2", "bob"),
    team = case(dest = "host1", "red", dest = "host3", "blue")
| convert timeformat="%Y-%m-%dT%H:%M:%S" ctime(firstTime) ctime(lastTime)`},
		{"rows that a short list has not", join(ir.Anti, processes, keysOnly), backends.Tstats, `
| where NOT (dest IN ("host1", "Host2"))
| convert timeformat="%Y-%m-%dT%H:%M:%S" ctime(firstTime) ctime(lastTime)`},
		{"a lookup over a grouping", join(ir.LeftOuter, &ir.Aggregate{Span: at(3), Input: processes, Aggs: counts().Aggs, By: key(field("Computer", ir.String))}, owners), backends.Tstats, `
    by Processes.dest
| ~drop_dm_object_name(Processes)~
| eval Computer = dest
| eval
    owner = case(Computer IN ("host1", "host3"), "ann", Computer = "host2", "bob"),
    team = case(Computer = "host1", "red", Computer = "host3", "blue")`},
		{"a lookup file", join(ir.LeftOuter, processes, long), backends.Tstats, `
| eval Computer = dest
| lookup huntc_owners.csv Computer OUTPUT owner, team
| convert timeformat="%Y-%m-%dT%H:%M:%S" ctime(firstTime) ctime(lastTime)`},
		{"rows that a lookup file has", join(ir.Inner, processes, long), backends.Tstats, `
| lookup huntc_owners.csv Computer OUTPUT Computer as matched, owner, team
| where isnotnull(matched)
| fields - matched
| convert timeformat="%Y-%m-%dT%H:%M:%S" ctime(firstTime) ctime(lastTime)`},
		{"rows that a lookup file has not", join(ir.Anti, processes, long), backends.Tstats, `
| lookup huntc_owners.csv Computer OUTPUT Computer as matched
| where isnull(matched)
| fields - matched
| convert timeformat="%Y-%m-%dT%H:%M:%S" ctime(firstTime) ctime(lastTime)`},
		{"a grouping joined with events: the events come first", &ir.Join{Span: at(4), Left: counts(src), Kind: ir.Inner, On: []*ir.Field{src}, Right: &ir.Project{Span: at(3),
			Input: events("network_connection", &ir.Match{Span: at(2), X: port, Any: []ir.Pattern{ir.TextPattern(at(2), "22")}}),
			Cols:  []*ir.Col{{Span: at(3), As: src.Name, X: src}, {Span: at(3), As: "to", X: dst}}}}, backends.Tstats, `
    by All_Traffic.src_ip, All_Traffic.dest_ip
| ~drop_dm_object_name(All_Traffic)~
| rename dest_ip as to
| table src_ip, to
| join type=inner max=0 src_ip [
    | tstats ~summariesonly~ fillnull_value=unknown count as n
        from datamodel=Network_Traffic.All_Traffic
        where All_Traffic.direction="outbound"
        by All_Traffic.src_ip
    | ~drop_dm_object_name(All_Traffic)~
    | table src_ip, n
    | where src_ip != "unknown"
]`},
		{"a part of the command line", &ir.Filter{Span: at(4), Pred: cmp1(ir.Gt, call1(ir.StrLen, field("code", ir.String)), lit(int64(100))),
			Input: &ir.Extend{Span: at(3), Input: processes, Cols: []*ir.Col{{Span: at(3), As: "code", X: call1(ir.Extract, field("CommandLine", ir.String), lit(`(?i)-e\w*\s+(\S+)`), lit(int64(1)))},
				{Span: at(3), As: "host", X: call1(ir.Lower, call1(ir.Split, field("Computer", ir.String), lit("."), lit(int64(0))))}}}}, backends.Tstats, `
| rex field=process "(?i)-e\w*\s+(?<code>\S+)"
| eval host = if(dest != "unknown", lower(mvindex(split(dest, "."), 0)), null())
| where len(code) > 100
| convert timeformat="%Y-%m-%dT%H:%M:%S" ctime(firstTime) ctime(lastTime)`},
		{"a part of a text of raw events", &ir.Extend{Span: at(3), Input: events("image_load", is("Company", "x")), Cols: []*ir.Col{
			{Span: at(3), As: "code", X: call1(ir.Extract, logical("Image"), lit(`([^\\]+)$`), lit(int64(0)))}}}, backends.RawEvents, `
| eval code = if(
    match(Image, "(([^\\\\]+)$)"),
    replace(Image, "^(?s:.*?)(?:(([^\\\\]+)$))(?s:.*)\z", "\1"),
    null()
  )
| table _time, host, Company, Computer, User, Image, ImageLoaded, SHA1, code`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := &ir.Hunt{Query: tt.query}
			a := b.Compile(h)
			want := strings.ReplaceAll(strings.TrimPrefix(tt.want, "\n"), "~", "`")
			if a.Form != tt.form {
				t.Errorf("the form is %s because %q, want %s", a.Form, a.FormReason, tt.form)
			}
			if !strings.HasSuffix(a.Query, want) {
				t.Errorf("%s\n%s\n%v", cmp.Diff(want, a.Query), a.Query, a.Diagnostics)
			}
			c := b.choose(h)
			checkText(t, b, c.plan, b.lower(c.plan, c.form))
		})
	}
}
