package kql

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/internal/kustotest"
)

// TestVendorParses gives random queries to Microsoft's parser. They are
// nonsense by meaning, so that only its syntax errors count.
func TestVendorParses(t *testing.T) {
	var queries []kustotest.Query
	for seed := range uint64(600) {
		g := newGenerator(seed)
		g.stars = false // Kusto has * in two places only; TestVendorAccepts has them
		queries = append(queries, kustotest.Query{ID: fmt.Sprintf("seed %d", seed), Text: Print(g.statements(2)), SyntaxOnly: true})
	}
	n := 0
	for _, f := range kustotest.Check(t, queries) {
		t.Errorf("%s\n%s", f, f.Query.Text)
		if n++; n == 5 {
			t.Fatal("and more")
		}
	}
}

// TestVendorReadsNames holds that every word is one name for Microsoft's
// parser, wherever a name may stand, as the printer writes it.
func TestVendorReadsNames(t *testing.T) {
	words := append(kustotest.Keywords(t), "status", "level", "name", "now", "ago", "min", "max", "sum", "prev", "next", "left", "right",
		"x y", "a'b", `a\b`, `"`, "é", "\n", "1d", "$left", "$right", "a.b", "*")
	words = append(words, slices.Sorted(maps.Keys(reserved))...)
	contexts := func(w string) []*Query {
		x := col(w)
		rows := func() *Query { return from("DeviceEvents", &Extend{Cols: []NamedExpr{named(w, num("1"))}}) }
		all := rows()
		all.Ops = append(all.Ops,
			where(and(bin(x, "==", num("1")), bin(col("ReportId"), ">", x))),
			where(or(bin(col("ReportId"), "==", num("1")), bin(x, ">", num("2")))),
			where(in(x, "in", num("1"), x)),
			where(&Between{X: x, A: num("1"), B: x}),
			&Project{Cols: []NamedExpr{{X: x}, {X: col("DeviceId")}, {X: col("ReportId")}}},
			&Project{Cols: []NamedExpr{{X: col("DeviceId")}, {X: col("ReportId")}, {X: x}}},
			&Extend{Cols: []NamedExpr{named("y", bin(x, "+", num("1"))), named("z", neg(x)), named("s", call("strcat", x, x))}},
			&JoinOp{Kind: "leftsemi", Right: rows(), On: on(w)},
			&JoinOp{Kind: "leftsemi", Right: rows(), On: []JoinKey{{Left: x, Right: col("ReportId")}}},
			&Summarize{Aggs: []NamedExpr{named(w, call("max", x))}, By: []NamedExpr{{X: col("DeviceId")}}},
			&Summarize{Aggs: []NamedExpr{named("n", call("count"))}, By: []NamedExpr{{X: x}, {X: col("DeviceId")}}},
			&Sort{Keys: []SortKey{desc(x), asc(col("DeviceId"))}},
			&Serialize{Cols: []NamedExpr{named(w, num("2"))}},
			&Top{N: 5, Key: asc(x)},
			&Summarize{By: []NamedExpr{{X: x}, {X: col("DeviceId")}}},
			&Distinct{Names: cols(w, "DeviceId")},
			&ProjectAway{Names: cols(w)},
		)
		list := from("DeviceEvents", where(in(col("DeviceName"), "!in", x)), &Lookup{Kind: "leftouter", Right: from(w), On: on(w)})
		list.Ops = append([]Op{&Extend{Cols: []NamedExpr{{Name: w, X: str("a")}}}}, list.Ops...)
		list.Lets = []*Let{{Name: w, Query: &Query{Source: &Datatable{Cols: []ColumnDecl{{Name: w, Type: "string"}}, Values: []Expr{str("a")}}}}}
		json := call("parse_json", col("AdditionalFields"))
		return []*Query{all, list, from("DeviceEvents",
			where(bin(dot(json, w), "==", str("x"))),
			where(call("isempty", dot(dot(json, w), w))),
			&Extend{Cols: []NamedExpr{named(w, &Dynamic{Items: []Expr{num("1")}})}},
			where(bin(at(x, num("0")), "==", num("1"))),
		)}
	}
	var queries []kustotest.Query
	for _, w := range words {
		for i, q := range contexts(w) {
			queries = append(queries, kustotest.Query{ID: fmt.Sprintf("%q in place %d", w, i), Text: roundTrip(t, q)})
		}
	}
	kustotest.NoFindings(t, queries)
}

// TestKeywords holds that the words which the parser refuses as bare names are
// keywords of Microsoft's parser.
func TestKeywords(t *testing.T) {
	theirs := kustotest.Keywords(t)
	for _, w := range slices.Sorted(maps.Keys(keywords)) {
		if !slices.Contains(theirs, w) && w != "true" && w != "false" {
			t.Errorf("%s is no keyword", w)
		}
	}
}

// TestVendorAccepts gives well-typed queries with every node and every operator
// to the whole language service.
func TestVendorAccepts(t *testing.T) {
	text, number, json := col("FileName"), col("ReportId"), call("parse_json", col("AdditionalFields"))
	conditions := []Expr{
		bin(text, "==", str(`C:\"x"`)), bin(&Star{}, "has", str("x")),
		&Between{X: number, A: num("1"), B: bin(num("2"), "+", num("3"))},
		&Between{Negated: true, X: col("Timestamp"), A: call("ago", span("2d")), B: call("ago", span("1d"))},
		bin(bin(number, "-", bin(num("1"), "-", num("2"))), ">", bin(bin(num("5"), "*", neg(number)), "%", num("7"))),
		bin(number, ">=", Int(diag.Span{}, -1<<63)), bin(number, "<", Int(diag.Span{}, -5)),
		bin(Real(diag.Span{}, -1e21), "<", Real(diag.Span{}, 0.1)),
		bin(call("tostring", dot(json, "a b")), "==", str("x")),
		bin(call("tostring", at(call("split", text, str(`\`)), neg(num("1")))), "==", str("x")),
		call("not", or(call("isempty", text), call("isnull", number))),
		bin(call("iff", bin(text, "==", str("")), num("1"), num("2")), "==", num("1")),
		call("ipv4_is_in_range", str("1.2.3.4"), str("1.2.0.0/16")),
		in(text, "in", &Dynamic{Items: []Expr{str("a\\b\"\n"), str("\x00")}}),
		bin(col("Timestamp"), ">", &Datetime{Text: "2025-01-02T03:04:05Z"}),
		bin(bin(col("Timestamp"), "-", &Datetime{Text: "2025-01-02"}), "<", span("1.02:03:04")),
		bin(&Typed{Type: "bool", Text: "null"}, "==", &Bool{Value: true}),
		or(many(600)...),
	}
	for _, op := range binaryOps {
		if binaryLevels[op] == levelText {
			conditions = append(conditions, bin(text, op, str(`a.b`)))
		}
	}
	for _, op := range inOps {
		conditions = append(conditions, in(text, op, str("a"), call("strcat", str("b"), text)))
	}
	for _, s := range hostile {
		conditions = append(conditions, bin(text, "==", str(s)), in(text, "has_any", &Dynamic{Items: []Expr{str(s)}}))
	}
	var queries []kustotest.Query
	for i, c := range conditions {
		queries = append(queries, kustotest.Query{ID: fmt.Sprint("condition ", i), Text: roundTrip(t, from("DeviceEvents", where(c)))})
	}
	// KS245, too deep, is the parser's; binding so many terms takes seconds.
	long := Print(from("DeviceEvents", where(or(many(20000)...)), where(and(many(6000)...))))
	queries = append(queries, kustotest.Query{ID: "long chains", Text: long, SyntaxOnly: true})
	for _, tt := range printTests {
		if !strings.HasPrefix(tt.name, "syntax only") {
			queries = append(queries, kustotest.Query{ID: tt.name, Text: Print(tt.q)})
		}
	}
	for _, f := range kustotest.Check(t, queries) {
		t.Error(f)
	}
}
