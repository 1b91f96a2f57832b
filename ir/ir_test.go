package ir_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

func field(name string) *ir.Field { return &ir.Field{Name: name} }

func pattern(s string) ir.Pattern {
	var p ir.Pattern
	for _, r := range s {
		switch r {
		case '*':
			p.Append(ir.Part{Wild: ir.Many})
		case '?':
			p.Append(ir.Part{Wild: ir.One})
		default:
			p.Append(ir.Part{Text: string(r)})
		}
	}
	return p
}

func match(f string, patterns ...string) ir.Expr {
	m := &ir.Match{X: field(f)}
	for _, p := range patterns {
		m.Any = append(m.Any, pattern(p))
	}
	return m
}

func and(args ...ir.Expr) ir.Expr { return &ir.Logic{Op: ir.And, Args: args} }
func or(args ...ir.Expr) ir.Expr  { return &ir.Logic{Op: ir.Or, Args: args} }
func not(x ir.Expr) ir.Expr       { return &ir.Not{X: x} }

func exists(f string) ir.Expr { return &ir.Exists{X: field(f)} }

func TestSimplify(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   ir.Expr
		want string
	}{
		{"nested and", and(match("a", "1"), and(match("b", "2"), and(match("c", "3")))), `and(match(a, "1"), match(b, "2"), match(c, "3"))`},
		{"single", or(and(match("a", "1"))), `match(a, "1")`},
		{"true in and", and(match("a", "1"), and()), `match(a, "1")`},
		{"false in and", and(match("a", "1"), or()), `or()`},
		{"true in or", or(match("a", "1"), and()), `and()`},
		{"false in or", or(match("a", "1"), or()), `match(a, "1")`},
		{"double negation", not(not(match("a", "1"))), `match(a, "1")`},
		{"not true", not(and()), `or()`},
		{"not false", not(or()), `and()`},
		{"matches of one field in an or are one", or(match("a", "1", "2"), match("b", "x"), match("a", "2", "3")), `or(match(a, "1", "2", "3"), match(b, "x"))`},
		{"matches of one field in an and stay", and(match("a", "1*"), match("a", "*2")), `and(match(a, "1*"), match(a, "*2"))`},
		{"a star and a backslash before a wildcard", or(&ir.Match{X: field("a"), Any: []ir.Pattern{{Parts: []ir.Part{{Text: `*`}}}}},
			&ir.Match{X: field("a"), Any: []ir.Pattern{{Parts: []ir.Part{{Text: `\`}, {Wild: ir.Many}}}}}), `match(a, "\\*", "\\\\*")`},
		{"matches that differ in case stay", or(match("a", "1"), &ir.Match{X: field("a"), Any: []ir.Pattern{pattern("2")}, Cased: true}), `or(match(a, "1"), match_cs(a, "2"))`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := ir.FormatExpr(tt.in)
			if got := ir.FormatExpr(ir.Simplify(tt.in)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if after := ir.FormatExpr(tt.in); after != before {
				t.Errorf("the input was changed: %s, was %s", after, before)
			}
		})
	}
}

func TestCanonicalExpr(t *testing.T) {
	for _, tt := range []struct {
		name string
		a, b ir.Expr
		same bool
	}{
		{"order", and(match("a", "1"), match("b", "2")), and(match("b", "2"), match("a", "1")), true},
		{"case of a pattern that ignores it", match("a", "ABC"), match("a", "abc"), true},
		{"order and repeats in a list", match("a", "2", "1", "2"), match("a", "1", "2"), true},
		{"presence beside a comparison", and(exists("a"), match("a", "1")), match("a", "1"), true},
		{"absence beside a denied comparison", or(not(exists("a")), not(match("a", "1"))), not(match("a", "1")), true},
		{"presence beside a comparison of another field", and(exists("a"), match("b", "1")), match("b", "1"), false},
		{"presence beside a denied comparison", and(exists("a"), not(match("a", "1"))), not(match("a", "1")), false},
		{"and is not or", and(match("a", "1"), match("b", "2")), or(match("a", "1"), match("b", "2")), false},
		{"two fields", match("a", "1"), match("b", "1"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := ir.FormatExpr(ir.CanonicalExpr(tt.a)), ir.FormatExpr(ir.CanonicalExpr(tt.b))
			if (a == b) != tt.same {
				t.Errorf("%s and %s, want same %v", a, b, tt.same)
			}
		})
	}
}

// A filter on grouping keys commutes with the grouping; one on an aggregate or
// on a renamed key does not.
func TestCanonicalSinksFilters(t *testing.T) {
	group := func(as string, in ir.Query) ir.Query {
		return &ir.Aggregate{Input: in, By: []*ir.Col{{As: as, X: field("a")}}, Aggs: []*ir.Agg{{As: "n", Func: ir.Count}}}
	}
	scan := &ir.Scan{Source: ir.Logsource{Category: "c"}}
	above := func(as string, pred ir.Expr) string {
		return ir.Format(ir.Canonical(&ir.Filter{Input: group(as, scan), Pred: pred}))
	}
	below := ir.Format(ir.Canonical(group("a", &ir.Filter{Input: scan, Pred: match("a", "1")})))
	if got := above("a", match("a", "1")); got != below {
		t.Errorf("on a key:\n%s\nwant\n%s", got, below)
	}
	nested := &ir.Logic{Op: ir.And, Args: []ir.Expr{&ir.Logic{Op: ir.And, Args: []ir.Expr{match("a", "1")}}, and(match("n", "1"), match("n", "2"))}}
	if got, want := above("a", nested), above("a", and(match("a", "1"), match("n", "1"), match("n", "2"))); got != want {
		t.Errorf("nested:\n%s\nwant\n%s", got, want)
	}
	if got := above("k", match("k", "1")); !strings.HasSuffix(got, "filter match(k, \"1\")\n") {
		t.Errorf("on a renamed key:\n%s", got)
	}
	if got := above("a", or(match("a", "1"), &ir.Keyword{Pattern: pattern("k")})); !strings.HasPrefix(lastLine(got), "filter ") {
		t.Errorf("with a keyword:\n%s", got)
	}
	if got := above("a", match("n", "1")); !strings.HasSuffix(got, "filter match(n, \"1\")\n") {
		t.Errorf("on an aggregate:\n%s", got)
	}
}

func TestPatternShape(t *testing.T) {
	for s, want := range map[string]ir.Shape{
		"": ir.ShapeExact, "a": ir.ShapeExact, "*": ir.ShapeAny, "**": ir.ShapeAny, "a*": ir.ShapePrefix, "*a": ir.ShapeSuffix,
		"*a*": ir.ShapeContains, "a*b": ir.ShapeGlob, "a?": ir.ShapeGlob, "?": ir.ShapeGlob, "*a*b*": ir.ShapeGlob,
	} {
		if got, _ := pattern(s).Shape(); got != want {
			t.Errorf("%q has the shape %d, want %d", s, got, want)
		}
	}
	p := pattern("a")
	p.Append(ir.Part{})
	p.Append(ir.Part{Text: "b"})
	if len(p.Parts) != 1 || p.Parts[0].Text != "ab" {
		t.Errorf("texts are not joined: %v", p.Parts)
	}
	if got := pattern("a*b?").String(); got != "a*b?" {
		t.Errorf("String is %q", got)
	}
	if got := ir.TextPattern(ir.Lit{}.Span, "a*?").String(); got != `a\*\?` {
		t.Errorf("String of a literal is %q", got)
	}
}

// Two patterns read the same only if they are the same: lists are joined and
// sorted by their text.
func TestPatternStringIsInjective(t *testing.T) {
	seen := map[string]ir.Pattern{}
	var build func(p ir.Pattern, depth int)
	build = func(p ir.Pattern, depth int) {
		if q, ok := seen[p.String()]; ok && !q.Equal(p) {
			t.Errorf("%v and %v both read %q", p.Parts, q.Parts, p.String())
		}
		seen[p.String()] = p
		if depth == 0 {
			return
		}
		for _, part := range []ir.Part{{Text: "a"}, {Text: `\`}, {Text: "*"}, {Text: "?"}, {Wild: ir.Many}, {Wild: ir.One}} {
			q := ir.Pattern{Parts: slices.Clone(p.Parts)}
			q.Append(part)
			build(q, depth-1)
		}
	}
	build(ir.Pattern{}, 6)
	if len(seen) < 10_000 {
		t.Fatalf("only %d patterns", len(seen))
	}
}

func TestRequires(t *testing.T) {
	for _, tt := range []struct {
		pred ir.Expr
		want bool
	}{
		{match("a", "1"), true},
		{and(match("b", "1"), match("a", "1")), true},
		{or(match("b", "1"), match("a", "1")), false},
		{or(match("a", "2"), exists("a")), true},
		{not(match("a", "1")), false},
		{&ir.Compare{Op: ir.Gt, L: &ir.Call{Func: ir.ToNumber, Args: []ir.Expr{field("a")}}, R: &ir.Lit{Value: int64(1)}}, true},
		{&ir.Keyword{Pattern: pattern("a")}, false},
		{and(), false},
		{or(), false},
		{&ir.Compare{Op: ir.Eq, L: field("b"), R: &ir.Call{Func: ir.Lower, Args: []ir.Expr{field("a")}}}, true},
		{&ir.Compare{Op: ir.Eq, L: field("b"), R: &ir.Call{Func: ir.Coalesce, Args: []ir.Expr{field("a"), field("b")}}}, false},
		{&ir.Compare{Op: ir.Eq, L: field("b"), R: &ir.Call{Func: ir.If, Args: []ir.Expr{exists("a"), field("b"), field("c")}}}, false},
	} {
		if got := ir.Requires(tt.pred, "a"); got != tt.want {
			t.Errorf("Requires(%s) = %v", ir.FormatExpr(tt.pred), got)
		}
	}
}

// samples has a query of every kind, each over the one before.
func samples() []ir.Query {
	scan := &ir.Scan{Source: ir.Logsource{Category: "c"}, LookBack: time.Hour}
	list := []ir.Query{scan}
	top := func() ir.Query { return list[len(list)-1] }
	add := func(q ir.Query) { list = append(list, q) }
	add(&ir.Filter{Input: top(), Pred: and(everyExpr()...)})
	add(&ir.Extend{Input: top(), Cols: []*ir.Col{{As: "x", X: field("a")}}})
	add(&ir.Window{Input: top(), By: []*ir.Field{field("a")}, Of: field("t"), Offset: 2, As: "w"})
	add(&ir.Stretches{Input: top(), By: []*ir.Field{field("a")}, Of: field("t"), Length: time.Minute, As: "n"})
	add(&ir.Session{Input: top(), By: []*ir.Field{field("a")}, Of: field("t"), Gap: time.Minute, As: "s"})
	add(&ir.Lag{Input: top(), By: []*ir.Field{field("a")}, Of: field("t"), X: field("b"), As: "before"})
	add(&ir.Rank{Input: top(), By: []*ir.Field{field("a")}, Keys: []*ir.SortKey{{X: field("n"), Desc: true}}, As: "place"})
	add(&ir.Union{Inputs: []ir.Query{top(), scan}})
	add(&ir.Join{Left: top(), Right: scan, Kind: ir.Inner, On: []*ir.Field{field("a")}})
	table := &ir.Table{Name: "owners", Cols: []string{"a", "team"}, Rows: [][]string{{"1", "x"}}}
	add(table)
	add(&ir.Join{Left: list[len(list)-2], Right: table, Kind: ir.LeftOuter, On: []*ir.Field{field("a")}})
	add(&ir.Join{Left: top(), Right: table, Kind: ir.FullOuter, On: []*ir.Field{field("a")}, RightOn: []*ir.Field{field("b")}, Repeat: true})
	add(&ir.Union{Inputs: []ir.Query{top()}, Source: "from"})
	add(&ir.Aggregate{Input: top(), By: []*ir.Col{{As: "a", X: field("a")}}, Aggs: []*ir.Agg{{As: "p", Func: ir.Percentile, X: field("b"), P: 95},
		{As: "m", Func: ir.ArgMax, X: field("b"), Of: field("n")},
		{As: "l", Func: ir.List, X: field("b"), Native: "make_list", More: []ir.Expr{&ir.Lit{Value: int64(5)}}}}})
	add(&ir.Project{Input: top(), Cols: []*ir.Col{{As: "a", X: field("a")}}})
	add(&ir.Distinct{Input: top(), By: []*ir.Field{field("a")}})
	add(&ir.Sort{Input: top(), Keys: []*ir.SortKey{{X: field("a")}}})
	add(&ir.Limit{Input: top(), N: 3})
	return list
}

func everyExpr() []ir.Expr {
	return []ir.Expr{
		match("a", "1"), not(exists("b")), or(match("a", "1"), match("b", "2")),
		&ir.Compare{Op: ir.Lt, L: field("n"), R: &ir.Lit{Value: 1.5}}, &ir.Regexp{X: field("a"), Source: "x"},
		&ir.Term{X: field("a"), Any: []ir.Pattern{pattern("k")}},
		&ir.InCIDR{X: field("ip")}, &ir.FieldMatch{X: field("a"), Y: field("b"), Kind: ir.FieldPrefix}, &ir.Keyword{Pattern: pattern("k")},
		&ir.Compare{Op: ir.Eq, L: &ir.Call{Func: ir.Hour, Args: []ir.Expr{field("t")}}, R: &ir.Foreign{Text: "f"}},
	}
}

// Every pass over queries knows every kind of node.
func TestPassesKnowEveryNode(t *testing.T) {
	list := samples()
	members := sealed(t, "query.go", "isQuery")
	kinds := map[string]bool{}
	for _, q := range list {
		kinds[fmt.Sprintf("%T", q)] = true
	}
	if len(members) != len(kinds) {
		t.Errorf("package ir has the queries %v, the samples %d: add one for each", members, len(kinds))
	}
	top := list[len(list)-1]
	if got := ir.MapQuery(top, func(q ir.Query) ir.Query { return q }); got != top {
		t.Error("MapQuery rebuilt a query although nothing changed")
	}
	renamed := ir.MapQuery(top, func(q ir.Query) ir.Query {
		if s, ok := q.(*ir.Scan); ok {
			return &ir.Scan{Source: ir.Logsource{Category: "d"}, LookBack: s.LookBack}
		}
		return q
	})
	if text := ir.Format(renamed); strings.Contains(text, "scan c/") || !strings.Contains(text, "scan d/") {
		t.Errorf("not every scan was replaced:\n%s", text)
	}
	if n := len(ir.Scans(top)); n != 3 {
		t.Errorf("%d scans, want 3", n)
	}
	once := ir.Format(ir.Canonical(top))
	if twice := ir.Format(ir.Canonical(ir.Canonical(top))); once != twice {
		t.Errorf("Canonical is not idempotent:\n%s\nand\n%s", once, twice)
	}
	if a, b := ir.Format(ir.Normalize(top)), ir.Format(ir.Normalize(ir.Normalize(top))); a != b {
		t.Errorf("Normalize is not idempotent:\n%s\nand\n%s", a, b)
	}
	if text, err := json.Marshal(ir.JSON(top)); err != nil || bytes.Count(text, []byte(`"node"`)) < len(list)-1 {
		t.Errorf("%v: %s", err, text)
	}
	names := ir.Fields(everyExpr()...)
	for _, want := range []string{"a", "b", "n", "ip", "t"} {
		if !ir.HasField(names, want) {
			t.Errorf("Fields misses %s", want)
		}
	}
}

// sealed lists the types with the marker method, from the source.
func sealed(t *testing.T, file, marker string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == marker && fn.Recv != nil {
			out = append(out, fn.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name)
		}
	}
	slices.Sort(out)
	return out
}

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		effects []ir.Fidelity
		want    ir.Fidelity
	}{
		{nil, ir.Exact},
		{[]ir.Fidelity{ir.Over, ir.Over}, ir.Over},
		{[]ir.Fidelity{ir.Over, ir.Under}, ir.Mixed},
		{[]ir.Fidelity{ir.Mixed, ir.Under}, ir.Mixed},
		{[]ir.Fidelity{ir.Over, ir.Opaque}, ir.Opaque},
	} {
		var reasons []ir.Reason
		for _, e := range tt.effects {
			reasons = append(reasons, ir.Reason{Effect: e})
		}
		if got := ir.Verdict(reasons); got != tt.want {
			t.Errorf("%v gives %s, want %s", tt.effects, got, tt.want)
		}
	}
	if ir.Over.Negate() != ir.Under || ir.Under.Negate() != ir.Over || ir.Mixed.Negate() != ir.Mixed {
		t.Error("Negate")
	}
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return lines[len(lines)-1]
}

// TestLongListsJoin: a long Or is joined as a short one is.
func TestLongListsJoin(t *testing.T) {
	at := diag.Span{}
	is := func(field, text string, cased bool) ir.Expr {
		return &ir.Match{X: &ir.Field{Name: field}, Any: []ir.Pattern{ir.TextPattern(at, text)}, Cased: cased}
	}
	var args []ir.Expr
	for i := range 100 {
		args = append(args, is("a", fmt.Sprint(i%7), false), is("b", "x", i%2 == 0))
		if i < 10 {
			args = append(args, &ir.Exists{X: &ir.Field{Name: fmt.Sprint("c", i)}})
		}
	}
	long := ir.Simplify(&ir.Logic{Op: ir.Or, Args: args})
	short := args[0]
	for _, a := range args[1:] {
		parts := []ir.Expr{short}
		if l, ok := short.(*ir.Logic); ok {
			parts = l.Args
		}
		short = ir.Simplify(&ir.Logic{Op: ir.Or, Args: append(slices.Clone(parts), a)})
	}
	if got, want := ir.FormatExpr(long), ir.FormatExpr(short); got != want {
		t.Errorf("joined at once\n%s\none by one\n%s", got, want)
	}
}
