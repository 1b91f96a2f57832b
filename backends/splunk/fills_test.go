package splunk

import (
	"strings"
	"testing"

	"github.com/huntc/huntc/ir"
)

// TestFillsBelowFunctions: a function of a column does not take the data
// model's word for a missing value for one, and the order of what may be a text
// is that of numbers.
func TestFillsBelowFunctions(t *testing.T) {
	b := testBackend(t)
	port := func(name string) *ir.Field { return &ir.Field{Span: at(2), Name: name, T: ir.Int} }
	compare := func(op ir.CmpOp, l, r ir.Expr) ir.Expr { return &ir.Compare{Span: at(2), Op: op, L: l, R: r} }
	source, dest := port("SourcePort"), port("DestinationPort") // a text and a number in CIM
	four := lit(int64(4))
	first := call1(ir.Coalesce, source, dest)
	sum := call1(ir.Add, dest, four)
	for _, tt := range []struct {
		pred ir.Expr
		want string
	}{
		{compare(ir.Le, source, call1(ir.Bin, source, four)), `src_port != "0" AND tonumber(src_port) <= floor(src_port / 4) * 4`},
		{&ir.Not{Span: at(2), X: compare(ir.Le, source, call1(ir.Bin, source, four))}, `if(src_port != "0" AND tonumber(src_port) <= floor(src_port / 4) * 4, 1, 0) = 0`},
		{compare(ir.Eq, sum, four), `NOT (dest_port = 0) AND dest_port + 4 = 4`},
		{compare(ir.Eq, sum, source), `NOT (dest_port = 0) AND src_port != "0" AND dest_port + 4 = src_port`},
		{&ir.Not{Span: at(2), X: &ir.Match{Span: at(2), X: call1(ir.ToString, source), Any: []ir.Pattern{{Parts: []ir.Part{{Wild: ir.One}}}}}}, `NOT (src_port != "0" AND match(src_port, "(?is)^.\z"))`},
		{&ir.Not{Span: at(2), X: compare(ir.Le, call1(ir.Year, call1(ir.Now)), dest)}, `NOT (NOT (dest_port = 0) AND tonumber(strftime(now(), "%Y")) <= dest_port)`},
		{compare(ir.Lt, first, four), `tonumber(coalesce(if(src_port != "0", src_port, null()), if(NOT (dest_port = 0), dest_port, null()))) < 4`},
		{compare(ir.Eq, call1(ir.StrLen, logical("DestinationIp")), call1(ir.StrLen, logical("SourceIp"))), `dest_ip != "unknown" AND src_ip != "unknown" AND len(dest_ip) = len(src_ip)`},
	} {
		a := b.Compile(&ir.Hunt{Query: &ir.Aggregate{Span: at(3), Input: events("network_connection", tt.pred), Aggs: []*ir.Agg{{Span: at(3), As: "n", Func: ir.Count}}}})
		got := strings.NewReplacer("( ", "(", " )", ")").Replace(strings.Join(strings.Fields(a.Query), " "))
		if !strings.Contains(got, "| where "+tt.want+" |") {
			t.Errorf("%s: no\n%s\nin\n%s\n%v", ir.FormatExpr(tt.pred), tt.want, a.Query, a.Diagnostics)
		}
	}
}

// TestFillsInPlace: a condition on a column of a projection, or on a branch of a
// choice, is kept clear of the data model's word where it is tested on the
// events themselves.
func TestFillsInPlace(t *testing.T) {
	b := testBackend(t)
	line := &ir.Field{Span: at(2), Name: "CommandLine", T: ir.String}
	image := &ir.Field{Span: at(2), Name: "Image", T: ir.String}
	computer := logical("Computer")
	shown := &ir.Project{Span: at(3), Input: events("process_creation"), Cols: []*ir.Col{
		{Span: at(3), As: "CommandLine", X: line}, {Span: at(3), As: "Computer", X: computer}}}
	count := func(in ir.Query, aggs ...*ir.Agg) ir.Query {
		return &ir.Aggregate{Span: at(5), Input: in, Aggs: append(aggs, &ir.Agg{Span: at(5), As: "n", Func: ir.Count})}
	}
	where := func(in ir.Query, pred ir.Expr) ir.Query { return &ir.Filter{Span: at(4), Input: in, Pred: pred} }
	there := &ir.Exists{Span: at(4), X: line}
	differs := &ir.Compare{Span: at(2), Op: ir.Ne, L: line, R: call1(ir.If, is("Computer", "a"), image, line)}
	for _, tt := range []struct {
		name  string
		query ir.Query
		want  string
	}{
		{"presence", count(where(shown, there)), `where NOT Processes.process="unknown"`},
		{"absence", count(where(shown, &ir.Not{Span: at(4), X: there})), `where Processes.process="unknown"`},
		{"a pattern that it matches", count(where(shown, &ir.Match{Span: at(4), X: line, Any: []ir.Pattern{contains(at(4), "know")}})),
			`where NOT Processes.process="unknown" AND Processes.process="*know*"`},
		{"a pattern that it does not match", count(where(shown, is("CommandLine", "x"))), `where Processes.process="x"`},
		{"a count", count(shown, &ir.Agg{Span: at(5), As: "lines", Func: ir.CountIf, X: there}), `sum(eval(if(NOT (lower(process) = "unknown"), count, 0))) as lines`},
		{"a branch", count(events("process_creation", differs)),
			`| where (lower(dest) = "a" AND process != "unknown" AND process_path != "unknown" AND lower(process) != lower(process_path)) OR`},
		{"one of several", count(events("process_creation", &ir.Compare{Span: at(2), Op: ir.Eq, L: line, R: call1(ir.Coalesce, image, computer)})),
			`| where process != "unknown" AND lower(process) = lower(coalesce(if(process_path != "unknown", process_path, null()),`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := b.Compile(&ir.Hunt{Query: tt.query})
			got := strings.NewReplacer("( ", "(", " )", ")").Replace(strings.Join(strings.Fields(a.Query), " "))
			if !strings.Contains(got, tt.want) {
				t.Errorf("no\n%s\nin\n%s\n%v", tt.want, a.Query, a.Diagnostics)
			}
		})
	}
}

// TestFillsOfUnions: where the inputs of a union have different words for a
// missing value, or one has none, a key that is missing is one key.
func TestFillsOfUnions(t *testing.T) {
	b := testBackend(t)
	input := func(category string, cols ...*ir.Col) ir.Query {
		return &ir.Project{Span: at(3), Input: events(category), Cols: cols}
	}
	col := func(as string, f *ir.Field) *ir.Col { return &ir.Col{Span: at(3), As: as, X: f} }
	line, port, parent := logical("CommandLine"), &ir.Field{Span: at(2), Name: "SourcePort", T: ir.Int}, &ir.Field{Span: at(2), Name: "ParentProcessId", T: ir.Int}
	for _, tt := range []struct {
		name  string
		query *ir.Union
		want  []string
	}{
		{"one has none", &ir.Union{Span: at(4), Inputs: []ir.Query{input("network_connection", col("n", port)), input("process_creation", col("line", line))}},
			[]string{`] | eval n = if(n != "0", n, null()) | fillnull value=unknown n | dedup n`}},
		{"each has its own", &ir.Union{Span: at(4), Inputs: []ir.Query{input("network_connection", col("n", port)), input("process_creation", col("n", parent))}},
			[]string{`| table n | eval n = if(n != "0", n, null()) | append [`, `| table n | eval n = if(n != "unknown", n, null()) ] | fillnull value=unknown n | dedup n`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &ir.Hunt{Query: &ir.Distinct{Span: at(5), Input: tt.query, By: []*ir.Field{{Span: at(5), Name: "n", T: ir.Int}}}}
			a := b.Compile(h)
			got := strings.Join(strings.Fields(a.Query), " ")
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("no\n%s\nin\n%s\n%v", want, a.Query, a.Diagnostics)
				}
			}
			c := b.choose(h)
			checkText(t, b, c.plan, b.lower(c.plan, c.form))
		})
	}
}
