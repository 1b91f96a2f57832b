package defender

import (
	"strings"
	"testing"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// TestNothingTwice: a condition that holds for the whole query does not stand
// in its parts again.
func TestNothingTwice(t *testing.T) {
	a := match("CommandLine", false, many, text("a"), many)
	b := match("ParentImage", false, many, text(`\b.exe`))
	c := match("CommandLine", false, many, text("c"), many)
	and := func(args ...ir.Expr) ir.Expr { return &ir.Logic{Op: ir.And, Args: args} }
	or := func(args ...ir.Expr) ir.Expr { return &ir.Logic{Op: ir.Or, Args: args} }
	not := func(x ir.Expr) ir.Expr { return &ir.Not{X: x} }
	isA, isB, isC := `ProcessCommandLine contains "a"`, `InitiatingProcessFileName =~ "b.exe"`, `ProcessCommandLine contains "c"`
	for _, tt := range []struct {
		pred ir.Expr
		want []string
	}{
		{and(a, or(and(a, a), and(a, a))), []string{isA}},
		{and(a, or(and(a, b), and(a, c))), []string{isA, isB + " or " + isC}},
		{and(or(and(b, a), c), a), []string{isB + " or " + isC, isA}},
		{and(a, a, b), []string{isA, isB}},
		{and(a, not(and(a, b))), []string{isA, `InitiatingProcessFileName !~ "b.exe"`}},
		{and(not(a), or(a, b)), []string{`ProcessCommandLine !contains "a"`, isB}},
		{or(b, and(c, b, c), b), []string{isB}},
		{and(a, or(not(a), b)), []string{isA, isB}},
	} {
		art := testBackend(t).Compile(hunt(tt.pred))
		var got []string
		for _, line := range strings.Split(art.Query, "\n") {
			if cond, ok := strings.CutPrefix(line, "| where "); ok && !strings.HasPrefix(cond, "ActionType") {
				got = append(got, cond)
			}
		}
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%s\nis\n%s\nwant\n%s", ir.FormatExpr(tt.pred), strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
		}
	}
}

// TestUnusedColumns: what nobody looks at is not computed.
func TestUnusedColumns(t *testing.T) {
	scan := &ir.Scan{Source: processes}
	user := &ir.Col{As: "who", X: logical("User")}
	counted := func(in ir.Query, by string) *ir.Hunt {
		return &ir.Hunt{Kind: ir.KindHunt, Query: &ir.Aggregate{Input: in, By: []*ir.Col{{As: by, X: logical(by)}}, Aggs: []*ir.Agg{{As: "n", Func: ir.Count}}}}
	}
	for _, tt := range []struct {
		hunt *ir.Hunt
		want string
	}{
		{counted(&ir.Extend{Input: scan, Cols: []*ir.Col{user}}, "Computer"), `
DeviceProcessEvents
| where ActionType =~ "ProcessCreated"
| summarize n = count() by DeviceName
`},
		{counted(&ir.Project{Input: scan, Cols: []*ir.Col{user, {As: "Computer", X: logical("Computer")}}}, "who"), `
DeviceProcessEvents
| where ActionType =~ "ProcessCreated"
| project who = case(isnotempty(AccountName),
        strcat(case(isnotempty(AccountDomain), strcat(AccountDomain, @"\"), ""), AccountName),
        "")
| summarize n = count() by who
`},
		{&ir.Hunt{Kind: ir.KindHunt, Query: &ir.Aggregate{Input: &ir.Extend{Input: scan, Cols: []*ir.Col{user}}, Aggs: []*ir.Agg{{As: "n", Func: ir.DCount, X: logical("who")}}}}, `
DeviceProcessEvents
| where ActionType =~ "ProcessCreated"
| extend who = case(isnotempty(AccountName),
        strcat(case(isnotempty(AccountDomain), strcat(AccountDomain, @"\"), ""), AccountName),
        "")
| summarize n = count_distinctif(who, isnotempty(who))
`},
	} {
		wantQuery(t, testBackend(t).Compile(tt.hunt), tt.want)
	}
}

// FuzzNameKeepsStructure: nor does the name of a rule that a correlation
// writes beside its events.
func FuzzNameKeepsStructure(f *testing.F) {
	for _, s := range []string{"a", `"`, `\`, "\n| take 1", "'", "`", ")", `" or true`, "\x00", "é"} {
		f.Add(s)
	}
	b := testBackend(f)
	correlated := func(name string) *ir.Hunt {
		rule := func(s string) ir.Query {
			return &ir.Project{Input: &ir.Scan{Source: processes}, Cols: []*ir.Col{{As: "Timestamp", X: logical("Timestamp")}, {As: "rule", X: &ir.Lit{Value: s}}}}
		}
		is := &ir.Match{X: logical("rule"), Any: []ir.Pattern{ir.TextPattern(diag.Span{}, name)}, Cased: true}
		return &ir.Hunt{Kind: ir.KindHunt, Query: &ir.Aggregate{Input: &ir.Union{Inputs: []ir.Query{rule(name), rule("other")}},
			Aggs: []*ir.Agg{{As: "t", Func: ir.Min, X: &ir.Call{Func: ir.If, Args: []ir.Expr{is, logical("Timestamp")}}},
				{As: "s", Func: ir.Max, X: &ir.Call{Func: ir.If, Args: []ir.Expr{is, &ir.Lit{Value: name}, &ir.Lit{Value: "z"}}}}}}}
	}
	want := shape(f, b.Compile(correlated("x")).Query)
	f.Fuzz(func(t *testing.T, name string) {
		a := b.Compile(correlated(name))
		if a.Query == "" {
			if !a.Diagnostics.HasErrors() {
				t.Fatalf("%q vanishes", name)
			}
			return
		}
		if got := shape(t, a.Query); got != want && name != "" {
			t.Fatalf("%q changes the structure:\n%s\n%s", name, got, a.Query)
		}
	})
}

func TestSessionLengths(t *testing.T) {
	for _, text := range []string{"00:05:00.0000001", "1.00:00:00.0000001", "364.23:59:59.0000001", "00:00:01", "00:00:00.0000001"} {
		gap, ok := parseSession(text)
		if !ok || sessionText(gap) != text {
			t.Errorf("%s is %v, %v, and that is %s", text, gap, ok, sessionText(gap))
		}
	}
	for _, text := range []string{"", "5m", "00:00:00", "x.00:00:01", "1:2:3", "00:05:00.1", "00:05:00.00000001"} {
		if gap, ok := parseSession(text); ok {
			t.Errorf("%s is %v", text, gap)
		}
	}
}
