package proof

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
)

func FuzzParseLines(f *testing.F) {
	for _, s := range []string{
		`{"a":1}`, "{\"a\":1}\r\n\n# x\n{}\n", `{"a":{"b":[1,{"c":2}],"b":3}}`, `{"a":`, `[1]`, `{} {}`, "\ufeff{\"a\":\"\\W\"}", "{\"\xff\":1}", `"x"`, `{"a":1,}`, "{\"a\"\n:1}", `{"ä":"ö" x}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		lines, diags := ParseLines("f.jsonl", []byte(src))
		for _, l := range lines {
			if got := src[l.Pos.Offset:l.EndPos.Offset]; got != string(l.JSON) {
				t.Errorf("the place of %q is that of %q", l.JSON, got)
			}
			if _, err := eval.ReadAll(strings.NewReader(string(l.JSON))); err != nil {
				t.Errorf("%q passes, and is no row: %v", l.JSON, err)
			}
		}
		for _, d := range diags {
			if d.Pos.Line < 1 || d.Pos.Column < 1 || d.Pos.Offset > len(src) {
				t.Errorf("%+v is no place in %q", d.Pos, src)
			}
		}
	})
}

// TestReadFixtures: what stands where becomes which scenario.
func TestReadFixtures(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a/hit.jsonl": "{\"n\":1}\n", "a/hit.rows.jsonl": "{\"n\":1}\n{\"n\":2}\n", "a/miss_b.c-d.jsonl": "{}\n{}", "a/README.md": "x", "a/.keep": "",
		"w/logon.one/miss.jsonl": "{}\n", "w/hit.jsonl": "{}",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	folders, diags, err := ReadFixtures(dir)
	if err != nil || len(diags) > 0 {
		t.Fatal(err, diags)
	}
	var got []string
	for _, f := range folders {
		for _, x := range f.Fixtures {
			got = append(got, fmt.Sprintf("%s/%s hit=%t events=%d rows=%d/%t", f.Stem, x.Name, x.Hit, len(x.Events), len(x.Rows), x.HasRows))
		}
	}
	want := []string{"a/hit hit=true events=1 rows=2/true", "a/miss_b.c-d hit=false events=2 rows=0/false", "w/hit hit=true events=1 rows=0/false", "w/logon.one/miss hit=false events=1 rows=0/false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if folders, _, err := ReadFixtures(filepath.Join(dir, "none")); folders != nil || err != nil {
		t.Error("a project need not have fixtures", err)
	}
	if _, _, err := ReadFixtures(filepath.Join(dir, "a", "hit.jsonl")); err == nil {
		t.Error("a file is no folder of fixtures")
	}
}

func field(name string) *ir.Field { return &ir.Field{Name: name} }

func match(name string, patterns ...string) *ir.Match {
	m := &ir.Match{X: field(name)}
	for _, p := range patterns {
		var q ir.Pattern
		for i, part := range strings.Split(p, "*") {
			if i > 0 {
				q.Append(ir.Part{Wild: ir.Many})
			}
			q.Append(ir.Part{Text: part})
		}
		m.Any = append(m.Any, q)
	}
	return m
}

func and(args ...ir.Expr) ir.Expr { return ir.NewLogic(diag.Span{}, ir.And, args...) }
func or(args ...ir.Expr) ir.Expr  { return ir.NewLogic(diag.Span{}, ir.Or, args...) }
func not(e ir.Expr) ir.Expr       { return &ir.Not{X: e} }

// TestSay: predicates in words.
func TestSay(t *testing.T) {
	for _, tt := range []struct {
		e    ir.Expr
		want string
	}{
		{match("Image", `*\cmd.exe`), `Image ends with '\cmd.exe'`},
		{match("Image", `*\a`, `*\b`, `*c*`), `Image ends with one of '\a', '\b' or contains 'c'`},
		{match("A", "1", "2", "3", "4", "5"), `A is one of '1', '2', '3' and 2 more`},
		{match("A", "1", "2", "3", "4"), `A is one of '1', '2', '3', '4'`},
		{match("A", "*"), `A is there`},
		{match("A", "a*b"), `A is like 'a*b'`},
		{&ir.Match{X: field("A"), Any: match("A", "x*").Any, Cased: true}, `A begins with 'x', with case`},
		{and(match("A", "x"), or(match("B", "y"), not(&ir.Exists{X: field("C")}))), `A is 'x' and (B is 'y' or not there is a C)`},
		{&ir.Compare{Op: ir.Ge, L: field("n"), R: &ir.Lit{Value: int64(5)}}, `n >= 5`},
		{&ir.Compare{Op: ir.Le, L: &ir.Call{Func: ir.Sub, Args: []ir.Expr{field("b"), field("a")}}, R: ir.DurationLit(diag.Span{}, 600e9)}, `b - a <= 10m`},
		{&ir.Regexp{X: field("A"), Source: "a.c"}, `A matches the regular expression 'a.c'`},
		{&ir.Keyword{Pattern: match("", "mimi").Any[0]}, `the event contains 'mimi'`},
		{match("A", "x\x1b[2J"), `A is "x\x1b[2J"`},
	} {
		if got := Say(tt.e); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
}

func TestWhy(t *testing.T) {
	row := eval.NewRow([]string{"A", "B"}, "x", "y")
	s := scene{}
	for _, tt := range []struct {
		e    ir.Expr
		want string
	}{
		{and(match("A", "x"), match("B", "z"), match("A", "q")), "B is 'z': false [B is 'y']"},
		{or(match("A", "q"), and(match("A", "x"), match("B", "z"))), "A is 'q': false [A is 'x'], B is 'z': false [B is 'y']"},
		{and(match("A", "x"), not(match("B", "w", "y"))), "B is 'y': true [B is 'y']"},
		{and(not(and(match("A", "x"), match("B", "y")))), "A is 'x': true [A is 'x'], B is 'y': true [B is 'y']"},
		{match("C", "x"), "C is 'x': false [there is no C]"},
		{or(match("A", "x"), match("B", "y")), "A is 'x': true [A is 'x']"},
		{and(match("A", "w", "x"), not(match("B", "z"))), "A is 'x': true [A is 'x'], B is 'z': false [B is 'y']"},
	} {
		why := s.whyFalse
		if s.holds(tt.e, row) {
			why = s.whyTrue
		}
		var got []string
		for _, b := range why(tt.e, row) {
			got = append(got, fmt.Sprintf("%s [%s]", b.Text, b.Have))
		}
		if joined := strings.Join(got, ", "); joined != tt.want {
			t.Errorf("%s\n got %s\nwant %s", Say(tt.e), joined, tt.want)
		}
	}
}

func filter(e ir.Expr) ir.Query { return &ir.Filter{Input: &ir.Scan{}, Pred: e} }

// TestMutants: which changes are made, and in which direction they are said to
// go. Each is held to its direction by all rows of two values in three fields.
func TestMutants(t *testing.T) {
	for _, tt := range []struct {
		q    ir.Query
		want []string
	}{
		{filter(and(match("A", "x"), not(match("B", "*y", "z")))), []string{
			"+without A is 'x'",
			"+without the exclusion of: B ends with 'y' or is 'z'",
			"+or in the place of and: A is 'x' and not B ends with 'y' or is 'z'",
			"+contains in the place of equals: A is 'x'",
			"+without the value: B ends with 'y'",
			"+without the value: B is 'z'",
			"-contains in the place of endswith: B ends with 'y' or is 'z'",
		}},
		{filter(or(and(match("A", "*x*"), match("B", "*y*")), match("C", "*z*"))), []string{
			"-without A contains 'x' and B contains 'y'",
			"-without C contains 'z'",
			"+without A contains 'x'",
			"+without B contains 'y'",
			"+or in the place of and: A contains 'x' and B contains 'y'",
		}},
		// A value that another one covers, and one that stands there twice, cannot
		// be missed.
		{filter(match("A", `*\x.exe`, `*x.exe`, `*X.EXE`)), []string{
			`+without A ends with one of '\x.exe', 'x.exe', 'X.EXE'`,
			`+contains in the place of endswith: A ends with one of '\x.exe', 'x.exe', 'X.EXE'`,
		}},
		{&ir.Filter{Input: &ir.Aggregate{Input: &ir.Scan{LookBack: 3600e9}, By: []*ir.Col{{As: "B", X: field("B")}}, Aggs: []*ir.Agg{{As: "n", Func: ir.DCount, X: field("A")}}},
			Pred: &ir.Compare{Op: ir.Gt, L: field("n"), R: &ir.Lit{Value: int64(3)}}}, []string{
			"+the look-back of 30m in the place of 1h",
			"+the look-back of 2h in the place of 1h",
			"+not by B",
			"+the number of rows in the place of different values of A",
			"+without n > 3",
			"+2 in the place of 3: n > 3",
			"-4 in the place of 3: n > 3",
		}},
	} {
		var got []string
		for _, m := range Mutants(tt.q, nil, nil) {
			sign := "-"
			if m.Weaker {
				sign = "+"
			}
			got = append(got, sign+m.Change)
			if eachEvent(tt.q) {
				holdDirection(t, tt.q, m)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// holdDirection: a weaker mutant of a filter selects all that the filter
// selects, a tighter one nothing else.
func holdDirection(t *testing.T, q ir.Query, m Mutant) {
	values := []any{nil, "", "x", "ax", "xa", "y", "by", "z", "z1", `\x.exe`, `x.exe.y`}
	var rows []eval.Row
	for _, a := range values {
		for _, b := range values {
			for _, c := range values {
				rows = append(rows, eval.NewRow([]string{"A", "B", "C"}, a, b, c).Of(len(rows)))
			}
		}
	}
	source := func(*ir.Scan) ([]eval.Row, error) { return rows, nil }
	all := func(q ir.Query) map[int]bool {
		got, err := eval.Run(q, source)
		if err != nil {
			t.Fatal(err)
		}
		out := map[int]bool{}
		for _, r := range got {
			out[r.Events()[0]] = true
		}
		return out
	}
	less, more := all(q), all(m.Query)
	if len(less) == len(more) {
		t.Errorf("%s: selects as many", m.Change)
	}
	if !m.Weaker {
		less, more = more, less
	}
	for n := range less {
		if !more[n] {
			t.Errorf("%s: does not go in its direction for %s", m.Change, rows[n])
			return
		}
	}
}
