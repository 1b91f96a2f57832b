package splunk

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

func at(line int) diag.Span {
	return diag.Span{Pos: diag.Pos{Filename: "h.yml", Line: line, Column: 3}}
}

func logical(name string) *ir.Field { return &ir.Field{Span: at(2), Name: name} }

func is(name string, values ...string) ir.Expr {
	m := &ir.Match{Span: at(2), X: logical(name)}
	for _, v := range values {
		m.Any = append(m.Any, ir.TextPattern(at(2), v))
	}
	return m
}

func events(category string, preds ...ir.Expr) ir.Query {
	return &ir.Filter{Span: at(2), Pred: ir.NewLogic(at(2), ir.And, preds...),
		Input: &ir.Scan{Span: at(1), Source: ir.Logsource{Span: at(1), Category: category, Product: "windows"}}}
}

func overlay(t testing.TB, text string) *schema.Schema {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	s, err := schema.New(*doc.Content[0])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestForms: which form a hunt takes, why, and the whole text.
func TestForms(t *testing.T) {
	plain := testBackend(t)
	image := is("Image", `C:\a.exe`)
	tests := []struct {
		name    string
		backend *Backend
		hunt    ir.Hunt
		form    backends.Form
		reason  string
		want    string
	}{
		{"accelerated", plain, ir.Hunt{Query: events("process_creation", image), LookBack: 7 * 24 * time.Hour}, backends.Tstats, "", `
| tstats ~summariesonly~ fillnull_value=unknown count min(_time) as firstTime max(_time) as lastTime
    from datamodel=Endpoint.Processes
    where earliest=-7d AND Processes.process_path="C:\\a.exe"
    by Processes.process_path, Processes.dest, Processes.user, Processes.process_name,
       Processes.process, Processes.parent_process_path, Processes.parent_process_name,
       Processes.parent_process
| ~drop_dm_object_name(Processes)~
| convert timeformat="%Y-%m-%dT%H:%M:%S" ctime(firstTime) ctime(lastTime)`},
		{"its own macro for summaries", New(plain.schema, Config{SummariesOnly: "our_summaries"}),
			ir.Hunt{Query: &ir.Aggregate{Input: events("process_creation", image), Aggs: []*ir.Agg{{As: "count", Func: ir.Count}}}}, backends.Tstats, "", `
| tstats ~our_summaries~ count
    from datamodel=Endpoint.Processes
    where Processes.process_path="C:\\a.exe"`},
		{"not accelerated", New(overlay(t, "process_creation: {cim: {unaccelerated: true}}"), Config{}),
			ir.Hunt{Query: events("process_creation", image, &ir.Regexp{Span: at(2), X: logical("CommandLine"), Source: "a.c"}), LookBack: time.Hour}, backends.Datamodel,
			"The data model Endpoint.Processes is not accelerated as a rule. Run it over at least 1h: its own bound only narrows the time range of the search.", `
| from datamodel:Endpoint.Processes
| where _time >= relative_time(now(), "-1h")
| search process_path="C:\\a.exe"
| where match(process, "a.c")
| table _time, process_path, process, dest, user, process_name, parent_process_path,
    parent_process_name, parent_process`},
		{"no data model", plain, ir.Hunt{Query: events("image_load", is("ImageLoaded", `C:\a.dll`), &ir.Not{Span: at(2), X: &ir.Exists{Span: at(2), X: logical("Company")}}), LookBack: 90 * time.Second}, backends.RawEvents,
			"Splunk's CIM does not hold the events of {category: image_load, product: windows} (a process loaded a module).", `
~huntc_image_load~ earliest=-90s AND ImageLoaded="C:\\a.dll" AND NOT Company=*
| table _time, host, ImageLoaded, Company, Computer, User, Image, SHA1`},
		{"a field that the data model has not", plain, ir.Hunt{Query: events("process_creation", image, is("Company", "x"))}, backends.RawEvents,
			"The data model Endpoint.Processes has no column for Company.", `
~huntc_process_creation~ Image="C:\\a.exe" AND Company="x"
| table _time, host, Image, Company, Computer, User, CommandLine, ParentImage, ParentCommandLine`},
		{"an aggregate that rows of tstats cannot give", plain, ir.Hunt{Query: &ir.Aggregate{Span: at(3),
			Input: events("network_connection", &ir.Regexp{Span: at(2), X: logical("SourceIp"), Source: "1$"}),
			By:    []*ir.Col{{Span: at(3), As: "SourceIp", X: logical("SourceIp")}},
			Aggs:  []*ir.Agg{{Span: at(3), As: "p", Func: ir.Percentile, P: 99.5, X: logical("DestinationPort")}}}}, backends.Datamodel,
			"The function percentile is computed by tstats or from the events themselves, and tstats cannot say the whole grouping.", `
| from datamodel:Network_Traffic.All_Traffic
| search src_ip=*
| where match(src_ip, "1$")
| stats exactperc99.5(eval(if(NOT (dest_port = 0), dest_port, null()))) as p by src_ip`},
		{"an average over rows that stand for several events", plain, ir.Hunt{Query: &ir.Aggregate{Span: at(3),
			Input: events("network_connection", &ir.Regexp{Span: at(2), X: logical("SourceIp"), Source: "1$"}),
			By:    []*ir.Col{{Span: at(3), As: "SourceIp", X: logical("SourceIp")}},
			Aggs:  []*ir.Agg{{Span: at(3), As: "mean", Func: ir.Avg, X: logical("DestinationPort")}}}}, backends.Tstats,
			"", `
| tstats ~summariesonly~ fillnull_value=unknown count
    from datamodel=Network_Traffic.All_Traffic
    where All_Traffic.src_ip=*
    by All_Traffic.src_ip, All_Traffic.dest_port
| ~drop_dm_object_name(All_Traffic)~
| where match(src_ip, "1$")
| stats sum(eval(if(NOT (dest_port = 0), dest_port * count, null()))) as mean_sum
    sum(eval(if(NOT (dest_port = 0), count, null()))) as mean_n
    by src_ip
| eval mean = mean_sum / mean_n
| table src_ip, mean`},
		{"a field that the user added to a data model", New(overlay(t, "process_creation: {fields: {Signer: {}}, cim: {columns: {Signer: process_signer}}}"), Config{}),
			ir.Hunt{Query: events("process_creation", is("Signer", "x"))}, backends.Datamodel,
			"The data model Endpoint.Processes as Splunk ships it has no field process_signer, so it is not known whether its acceleration holds it.", `
| from datamodel:Endpoint.Processes
| where lower(process_signer) = "x"
| table _time, process_signer, dest, user, process_path, process_name, process, parent_process_path,
    parent_process_name, parent_process`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := tt.backend.Compile(&tt.hunt)
			if a.Form != tt.form || a.FormReason != tt.reason {
				t.Errorf("form %s because %q, want %s because %q", a.Form, a.FormReason, tt.form, tt.reason)
			}
			want := strings.ReplaceAll(strings.TrimPrefix(tt.want, "\n"), "~", "`")
			if diff := cmp.Diff(want, a.Query); diff != "" {
				t.Errorf("%s\n%v", diff, a.Diagnostics)
			}
		})
	}
}

// TestRefused: what no form can say is an error at its place, and there is no
// query then.
func TestRefused(t *testing.T) {
	b := testBackend(t)
	image := events("process_creation", is("Image", "a"))
	join := func(kind ir.JoinKind) ir.Query {
		return &ir.Join{Span: at(3), Left: image, Right: &ir.Project{Span: at(3), Input: image, Cols: []*ir.Col{{As: "Computer", X: logical("Computer")}}}, Kind: kind, On: []*ir.Field{logical("Computer")}}
	}
	tests := []struct {
		name    string
		backend *Backend
		query   ir.Query
		code    diag.Code
		message string
	}{
		{"name of a field", b, events("image_load", is(`a"b`, "x")), codeFieldName, `the field name "a\"b" cannot be written in SPL`},
		{"regular expression", b, events("image_load", &ir.Regexp{Span: at(2), X: logical("Image"), Source: "\\Qa\tb\\E"}), codeValue, `the regular expression "\\Qa\tb\\E" holds characters that SPL cannot write`},
		{"columns made from each other", b, &ir.Extend{Span: at(3), Input: image, Cols: []*ir.Col{
			{Span: at(3), As: "Image", X: logical("CommandLine")}, {Span: at(3), As: "CommandLine", X: logical("Image")}}}, "", ""},
		{"cycle", b, &ir.Extend{Span: at(4), Cols: []*ir.Col{{Span: at(4), As: "a", X: logical("b")}, {Span: at(4), As: "b", X: logical("a")}},
			Input: &ir.Extend{Span: at(3), Input: image, Cols: []*ir.Col{{Span: at(3), As: "a", X: &ir.Lit{Value: "1"}}, {Span: at(3), As: "b", X: &ir.Lit{Value: "2"}}}}},
			codeNameClash, "a is made beside a column that it is also made from"},
		{"condition as a column", b, &ir.Extend{Span: at(3), Input: image, Cols: []*ir.Col{{Span: at(3), As: "x", X: is("Image", "a")}}}, codeUnsayable, "a condition cannot be the value of a column in Splunk"},
		{"last without a time", b, &ir.Aggregate{Span: at(4), Aggs: []*ir.Agg{{Span: at(4), As: "l", Func: ir.Last, X: logical("n")}},
			Input: &ir.Aggregate{Span: at(3), Input: image, Aggs: []*ir.Agg{{Span: at(3), As: "n", Func: ir.Count}}}}, codeUnsayable, "first and last need the time of the event, which the rows no longer have at this point"},
		{"macro", New(overlay(t, "image_load: {raw: {table: 'index=main | x'}}"), Config{}), events("image_load", is("Image", "a")), codeUnsayable, `"index=main | x" is not the name of a macro`},
		{"join of another kind", b, join(ir.RightAnti), codeUnsayable, `Splunk has no join of the kind "rightanti"`},
		{"aggregate of another target", b, &ir.Aggregate{Span: at(3), Input: image, Aggs: []*ir.Agg{{Span: at(3), As: "n", Func: ir.DCount, X: logical("Image"), More: []ir.Expr{is("Image", "a")}}}}, codeUnsayable, "the aggregate dcount is another target's own"},
		{"aggregate that Splunk has not", b, &ir.Aggregate{Span: at(3), Input: image, Aggs: []*ir.Agg{{Span: at(3), As: "n", Func: ir.Any, X: logical("Image")}}}, codeUnsayable, "Splunk has no aggregate like any"},
		{"computed column", New(overlay(t, "image_load: {raw: {columns: {Image: {kind: computed, column: i, expr: 'foo(', needs: []}}}}"), Config{}), events("image_load", is("Image", "a")), codeUnsayable, "the expression of a computed column is not SPL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := tt.backend.Compile(&ir.Hunt{Query: tt.query})
			if (a.Query == "") != a.Diagnostics.HasErrors() {
				t.Fatalf("%q with %v", a.Query, a.Diagnostics)
			}
			if tt.code == "" {
				if a.Query == "" {
					t.Fatal(a.Diagnostics)
				}
				return
			}
			for _, d := range a.Diagnostics {
				if d.Code == tt.code && strings.HasPrefix(d.Message, tt.message) && d.Pos.IsValid() {
					return
				}
			}
			t.Errorf("no %s %q in %v", tt.code, tt.message, a.Diagnostics)
		})
	}
}

// TestPrefixes: fields of a child dataset carry the chain of names; the macro
// takes the longest prefix off first.
func TestPrefixes(t *testing.T) {
	b := testBackend(t)
	scan := &ir.Scan{Physical: &ir.Physical{View: "cim", Table: "Change.Account_Management"}}
	f := func(name string) *ir.Field { return &ir.Field{Name: name, T: ir.String} }
	scan.Physical.Columns = []*ir.Field{f("action"), f("src_user")}
	pl := b.plan(&ir.Hunt{}, &ir.Filter{Input: scan, Pred: &ir.Match{X: f("src_user"), Any: []ir.Pattern{ir.TextPattern(diag.Span{}, "x")}}}, nil, backends.Tstats)
	search := b.lower(pl, backends.Tstats)
	checkText(t, b, pl, search)
	want := strings.ReplaceAll(`| tstats ~summariesonly~ count min(_time) as firstTime max(_time) as lastTime
    from datamodel=Change.Account_Management
    where All_Changes.Account_Management.src_user="x"
    by All_Changes.action, All_Changes.Account_Management.src_user
| ~drop_dm_object_name(All_Changes.Account_Management)~
| ~drop_dm_object_name(All_Changes)~
| convert timeformat="%Y-%m-%dT%H:%M:%S" ctime(firstTime) ctime(lastTime)`, "~", "`")
	if diff := cmp.Diff(want, spl.Print(search)); diff != "" {
		t.Error(diff)
	}
}

func TestComment(t *testing.T) {
	got := (&Backend{}).Comment([]string{"a", "b ``` | delete", "c\nd", ""})
	want := "``` a ```\n``` b ''' | delete ```\n``` c d ```\n```  ```\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestImplied: the texts that stand in front of a regular expression are in
// everything that it matches.
func TestImplied(t *testing.T) {
	tests := []struct {
		source string
		want   []string
	}{
		{"powershell.*-enc", []string{"powershell"}},
		{"(?i)Invoke-(Expression|Command)", []string{"expre", "command"}}, // see below,
		{"(?i)ask", nil}, // K and S have other letters as their cases
		{"(?i)download", []string{"download"}},
		{"(abc)?x", nil},
		{"(abc)+x", []string{"abc"}},
		{"(?:abc){2,}", []string{"abc"}},
		{"a|bcdef", nil},
		{"^.{3}$", nil},
		{`x\*yz`, nil}, // a literal * cannot be searched for
		{"(?<!x)abc", nil},
	}
	for _, tt := range tests {
		if got := implied(tt.source); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s implies %q, want %q", tt.source, got, tt.want)
		}
	}
}

func TestNative(t *testing.T) {
	b := testBackend(t)
	text := "| tstats count from datamodel=Endpoint.Processes where Processes.proces=\"x\" by host\n| append [| tstats count from datamodel=Endpoint.Proceses]\n| frobnicate"
	a := b.Compile(&ir.Hunt{Natives: []*ir.Native{{Span: at(9), Target: "defender", Text: "x"}, {Span: at(10), Target: "splunk", Text: text}}})
	if a.Query != text || a.Form != backends.NativeTxt || ir.Verdict(a.Reasons) != ir.Opaque {
		t.Errorf("%+v", a)
	}
	var got []string
	for _, d := range a.Diagnostics {
		got = append(got, fmt.Sprint(d.Pos.Line, " ", d.Code, " ", d.Message, " ", d.Hint))
	}
	want := []string{
		"10 HC0341 line 1 of the native search: the dataset Endpoint.Processes has no field Processes.proces Did you mean \"Processes.process\"?",
		"10 HC0341 line 2 of the native search: CIM has no dataset Endpoint.Proceses Did you mean \"Endpoint.Processes\"?",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if a := b.Compile(&ir.Hunt{Natives: []*ir.Native{{Target: "defender", Text: "x"}}}); a.Query != "" || !a.Diagnostics.HasErrors() {
		t.Errorf("%+v", a)
	}
}

// TestManyValues: a test behind the search on a field that may hold several
// values is an infidelity, and a function of one; a test in the search is none.
func TestManyValues(t *testing.T) {
	b := testBackend(t)
	hashed := events("process_creation", is("Hashes", "a"))
	made := func(in ir.Query, x ir.Expr) ir.Query {
		return &ir.Extend{Span: at(3), Input: in, Cols: []*ir.Col{{Span: at(3), As: "made", X: x}}}
	}
	shown := &ir.Project{Span: at(3), Input: hashed, Cols: []*ir.Col{{Span: at(3), As: "h", X: logical("Hashes")}}}
	lower := call1(ir.Lower, logical("Hashes"))
	for _, tt := range []struct {
		query ir.Query
		want  int
	}{
		{hashed, 0},
		{events("process_creation", &ir.Regexp{Span: at(2), X: logical("Hashes"), Source: "a.c"}), 1},
		{events("process_creation", &ir.Regexp{Span: at(2), X: lower, Source: "a.c"}), 1},
		{made(hashed, logical("Hashes")), 0},
		{made(hashed, lower), 1},
		{made(shown, call1(ir.Lower, logical("h"))), 1},
	} {
		n := 0
		a := b.Compile(&ir.Hunt{Query: tt.query})
		for _, r := range a.Reasons {
			if r.Code == codeManyValues {
				n++
			}
		}
		if n != tt.want || a.Query == "" {
			t.Errorf("%d reasons, want %d, for\n%s\n%v", n, tt.want, ir.Format(tt.query), a.Diagnostics)
		}
	}
}

// TestStdevOfOneValue: Splunk's deviation of one value is 0 and would pass
// "sd < 5"; a hunt means that there is none. Where the condition above leaves
// such a group out anyway, nothing is asked.
func TestStdevOfOneValue(t *testing.T) {
	b := testBackend(t)
	n := &ir.Agg{Span: at(3), As: "n", Func: ir.Count}
	sd := func(field string) *ir.Agg {
		return &ir.Agg{Span: at(3), As: "sd", Func: ir.Stdev, X: logical(field)}
	}
	more := func(name string, op ir.CmpOp, v any) ir.Expr {
		return &ir.Compare{Span: at(4), Op: op, L: logical(name), R: &ir.Lit{Span: at(4), Value: v}}
	}
	source := []*ir.Col{{Span: at(3), As: "src", X: logical("SourceIp")}}
	for _, tt := range []struct {
		name  string
		input ir.Query
		by    []*ir.Col
		aggs  []*ir.Agg
		above ir.Expr
		want  string
	}{
		{"counted beside it", events("network_connection", is("Initiated", "true")), source, []*ir.Agg{n, sd("DestinationPort")}, more("sd", ir.Lt, int64(5)), `
| eval sd = if(n > 1, sd, null())
| where sd < 5`},
		{"more than one by the condition", events("network_connection", is("Initiated", "true")), source, []*ir.Agg{n, sd("DestinationPort")},
			ir.NewLogic(at(4), ir.And, more("n", ir.Ge, int64(2)), more("sd", ir.Lt, int64(5))), `
| where n >= 2 AND sd < 5`},
		{"one is allowed by the condition", events("network_connection", is("Initiated", "true")), source, []*ir.Agg{n, sd("DestinationPort")},
			ir.NewLogic(at(4), ir.And, more("n", ir.Ge, int64(1)), more("sd", ir.Lt, int64(5))), `
| eval sd = if(n > 1, sd, null())
| where n >= 1 AND sd < 5`},
		{"a spread by the condition", events("network_connection", is("Initiated", "true")), source, []*ir.Agg{sd("DestinationPort")}, more("sd", ir.Gt, 0.5), `
| where sd > 0.5`},
		{"counted for it", events("network_connection", is("Initiated", "true")), source, []*ir.Agg{sd("DestinationPort")}, nil, `
| eval sd = if(sd_n > 1, sd, null())
| table src, sd`},
		{"values that may be missing", events("image_load", is("Company", "x")), source, []*ir.Agg{n, sd("Size")}, nil, `
| eval src = SourceIp
| fillnull value=unknown src
| stats count as n stdev(Size) as sd count(Size) as sd_n by src
| eval sd = if(sd_n > 1, sd, null())
| table src, n, sd`},
		{"values that may be missing, without groups", events("image_load", is("Company", "x")), nil, []*ir.Agg{sd("Size")}, nil, `
| stats stdev(Size) as sd sum(eval(if(isnotnull(Size), 1, null()))) as sd_n
| eval sd = if(sd_n > 1, sd, null())
| table sd`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := ir.Query(&ir.Aggregate{Span: at(3), Input: tt.input, By: tt.by, Aggs: tt.aggs})
			if tt.above != nil {
				q = &ir.Filter{Span: at(4), Input: q, Pred: tt.above}
			}
			a := b.Compile(&ir.Hunt{Query: q})
			if !strings.HasSuffix(a.Query, tt.want) || strings.Contains(a.Query, "if(n") && !strings.Contains(tt.want, "if(n") {
				t.Errorf("want at its end %s\nin\n%s\n%v", tt.want, a.Query, a.Diagnostics)
			}
		})
	}
}

// TestTupleBorders: no text in one value of a tuple can pass for the border to
// the next, and a missing value makes it missing.
func TestTupleBorders(t *testing.T) {
	row := func(values ...string) event {
		ev := event{}
		for i, v := range values {
			if v != "-" {
				ev[string(rune('a'+i))] = v
			}
		}
		return ev
	}
	l := &lowerer{}
	for _, tt := range []struct {
		a, b event
		same bool
	}{
		{row("x", "y", "z"), row("x", "y", "z"), true},
		{row("xy", "", "z"), row("x", "y", "z"), false},
		{row("", "1:", "x"), row("", "", "1:x"), false},
		{row("1:x1:y", "", ""), row("1:x", "1:y", ""), false},
		{row("a", "1:b", "c"), row("a1:", "b", "c"), false},
		{row("A", "b", "c"), row("a", "b", "c"), false},
		{row("é", "1:", ""), row("é1:", "", ""), false},
	} {
		e := l.value(&ir.Call{Func: ir.Tuple, Args: []ir.Expr{logical("a"), logical("b"), logical("c")}})
		x, y := evalModel(t, e, tt.a), evalModel(t, e, tt.b)
		if (x == y) != tt.same || x == nil {
			t.Errorf("%v is %q, %v is %q", tt.a, x, tt.b, y)
		}
		for _, missing := range []event{row("-", "b", "c"), row("a", "-", "c"), row("a", "b", "-")} {
			if v := evalModel(t, e, missing); v != nil {
				t.Errorf("%v is %q", missing, v)
			}
		}
		lifted, ok := (&Backend{}).liftValue(e)
		if c, isCall := lifted.(*ir.Call); !ok || !isCall || c.Func != ir.Tuple || len(c.Args) != 3 {
			t.Errorf("%s is lifted as %v", spl.PrintExpr(e), lifted)
		}
	}
}
