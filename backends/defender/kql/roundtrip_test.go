package kql

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/diag"
)

func TestRandomRoundTrip(t *testing.T) {
	n := uint64(2000)
	if testing.Short() {
		n = 200
	}
	for seed := range n {
		text := roundTrip(t, newGenerator(seed).statements(2))
		if strings.Contains(text, "\t") || strings.HasSuffix(text, "\n") {
			t.Fatalf("seed %d: a tab, or a newline at the end:\n%s", seed, text)
		}
	}
}

func TestRandomExprs(t *testing.T) {
	for seed := range uint64(2000) {
		x := newGenerator(seed).expr(4)
		text := PrintExpr(x)
		got, err := ParseExpr(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if d := cmp.Diff(x, got, ignoreSpans); d != "" {
			t.Fatalf("parse(print(x)) is not x (-x +parsed):\n%s\n%s", d, text)
		}
	}
}

func TestLongChains(t *testing.T) {
	for _, n := range []int{2, 99, 100, 101, 102, 150, 151, 5000, 5001, 10001, 20000} {
		q := from("T", where(or(and(many(2)...), call("not", and(many(2)...)))), where(or(many(n)...)))
		got, diags := Parse("", Print(q))
		if len(diags) > 0 || !reflect.DeepEqual(strip(q), strip(got)) {
			t.Errorf("%d terms: not the same tree; %v", n, diags)
		}
		depth, deepest := 0, 0
		for _, c := range Print(q) {
			switch c {
			case '(':
				depth++
				deepest = max(deepest, depth)
			case ')':
				depth--
			}
		}
		if deepest > 6 {
			t.Errorf("%d terms: %d parentheses deep", n, deepest)
		}
	}
}

// strip prints a tree flat; it is a fast stand-in for cmp on huge trees.
func strip(q *Query) string {
	var b strings.Builder
	Walk(q, func(n diag.Node) bool {
		v := reflect.Indirect(reflect.ValueOf(n))
		fmt.Fprintf(&b, "%s ", v.Type().Name())
		for i := range v.NumField() {
			switch f := v.Field(i); f.Kind() {
			case reflect.String, reflect.Bool, reflect.Int64:
				fmt.Fprintf(&b, "%v ", f)
			case reflect.Slice:
				fmt.Fprintf(&b, "%d ", f.Len())
			}
		}
		return true
	})
	return b.String()
}

// TestPrintOddTrees holds that the printer is safe for trees that its own
// parser never makes.
func TestPrintOddTrees(t *testing.T) {
	tests := []struct {
		x    Expr
		want string
	}{
		{and(and(col("a"), col("b")), col("c")), `(a and b) and c`},
		{or(), `false`},
		{and(), `true`},
		{or(col("a")), `a`},
		{NewLogic(diag.Span{}, Or, or(col("a"), col("b")), col("c")), `a or b or c`},
		{NewLogic(diag.Span{}, And, col("a")), `a`},
		{NewLogic(diag.Span{}, Or), `false`},
		{in(col("a"), "in~"), `false`},
		{in(col("a"), "!in"), `true`},
		{in(col("a"), "has_any"), `false`},
		{str("a\xffb"), `"a\ufffdb"`},
		{neg(neg(num("1"))), `-(-1)`},
		{Int(diag.Span{}, -3), `-3`},
		{Int(diag.Span{}, -1<<63), `long(-9223372036854775808)`},
		{Real(diag.Span{}, 3), `3.0`},
		{Real(diag.Span{}, -2.5e-10), `-2.5e-10`},
		{Not(diag.Span{}, col("a")), `not(a)`},
	}
	for _, tt := range tests {
		if got := PrintExpr(tt.x); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

// TestPrintPanics holds that no text gets into a query unquoted.
func TestPrintPanics(t *testing.T) {
	const evil = "x) or true or (y"
	for _, x := range []Expr{
		num(evil), num("-1"), num(""), num("1w"), span(evil), span("x"), &Datetime{Text: evil}, &Datetime{Text: "now"}, &Typed{Type: "long", Text: evil}, &Typed{Type: "text", Text: "1"},
		call(evil), call(""), call("and"), call("datetime", str("x")), bin(col("a"), evil, col("b")), bin(col("a"), "and", col("b")), in(col("a"), evil, col("b")), &Logic{Op: evil, Args: many(2)},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("no panic for %#v", x)
				}
			}()
			t.Log(PrintExpr(x))
		}()
	}
	for _, op := range []Op{
		&JoinOp{Kind: evil, Right: from("T"), On: on("a")}, &Lookup{Kind: evil, Right: from("T"), On: on("a")}, &Lookup{Kind: "leftanti", Right: from("T"), On: on("a")}, &Take{N: -1}, &Sort{Keys: []SortKey{{X: col("a"), Nulls: evil}}},
		&UnionOp{Params: []*Param{{Name: "kind", Value: evil}}, Inputs: []*Query{from("T")}},
		&UnionOp{Params: []*Param{{Name: evil, Value: "x"}}, Inputs: []*Query{from("T")}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("no panic for %#v", op)
				}
			}()
			t.Log(Print(from("T", op)))
		}()
	}
	for _, d := range []*Datatable{
		{Cols: []ColumnDecl{{Name: "a", Type: evil}}},
		{Cols: []ColumnDecl{{Name: "a", Type: "long"}}, Values: []Expr{num(evil)}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("no panic for %#v", d)
				}
			}()
			t.Log(Print(&Query{Source: d}))
		}()
	}
}

// FuzzParse: no text makes the parser panic, and what it reads prints as text
// that it reads as the same.
func FuzzParse(f *testing.F) {
	for _, tt := range printTests {
		f.Add(Print(tt.q))
	}
	for _, tt := range parseTests {
		f.Add(tt.text)
	}
	for _, tt := range errorTests {
		f.Add(tt.text)
	}
	for seed := range uint64(20) {
		f.Add(Print(newGenerator(seed).statements(2)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, diags := Parse("f.kql", text)
		if q == nil {
			if !diags.HasErrors() {
				t.Fatal("neither a query nor an error")
			}
			return
		}
		checkSpans(t, text, q)
		if diags.HasErrors() {
			return
		}
		roundTrip(t, q)
	})
}

// FuzzValue: no value and no name changes the structure of a query.
func FuzzValue(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want := strings.ToValidUTF8(s, "\ufffd")
		if !utf8.ValidString(s) {
			// Each bad byte prints as one U+FFFD; ToValidUTF8 joins runs.
			want = string([]rune(s))
		}
		build := func(s string) *Query {
			x := col(s)
			rows := &Datatable{Cols: []ColumnDecl{{Name: s, Type: "string"}}, Values: []Expr{str(s), str("a")}}
			q := from(s,
				where(and(bin(x, "has", str(s)), in(x, "in~", str(s), str("a"), &Dynamic{Items: []Expr{str(s)}}))),
				&Extend{Cols: []NamedExpr{{X: x}, named("y"+s, dot(at(x, str(s)), s))}},
				&Summarize{Aggs: []NamedExpr{named("n"+s, call("max", x))}, By: []NamedExpr{{X: x}}},
				&JoinOp{Kind: "inner", Right: from(s, &Distinct{Names: cols(s, "a")}), On: []JoinKey{{Left: x, Right: x}, {Left: x, Right: col("b")}}},
				&Summarize{Aggs: []NamedExpr{{Names: []string{s, "a"}, X: call("arg_max", x, x)}}},
				&Lookup{Kind: "inner", Right: from(s), On: []JoinKey{{Left: x, Right: col("b")}}},
				&Sort{Keys: []SortKey{asc(x)}},
				&ProjectAway{Names: cols(s, s)},
			)
			q.Lets = []*Let{{Name: s, Query: &Query{Source: rows}}}
			return q
		}
		q := build(s)
		text := Print(q)
		got, diags := Parse("", text)
		if len(diags) > 0 {
			t.Fatalf("%v\n%s", diags, text)
		}
		if d := cmp.Diff(build(want), got, ignoreSpans); d != "" {
			t.Fatalf("(-want +got)\n%s\n%s", d, text)
		}
	})
}
