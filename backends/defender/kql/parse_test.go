package kql

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/diag"
)

// parseTests are texts that the printer would write in another way.
var parseTests = []struct {
	name, text string
	want       *Query
}{
	{
		"comments, blank lines, a semicolon",
		"// what it is\r\n\r\nDeviceInfo // the table\r\n\t| where a==1//x\n\n// y\n|take 5;\n// end",
		from("DeviceInfo", where(bin(col("a"), "==", num("1"))), &Take{N: 5}),
	},
	{
		"other words for the same operator",
		"T | filter a <> 1 | order by a, b asc | limit 5",
		from("T", where(bin(col("a"), "!=", num("1"))), &Sort{Keys: []SortKey{desc(col("a")), asc(col("b"))}}, &Take{N: 5}),
	},
	{
		"other words for types, a comma at the end, a lookup without its kind",
		"let A = datatable(a:string,b:double,c:date) ['x', 1.5, datetime(null),\n];\n\nT | lookup A on a",
		&Query{Lets: []*Let{{Name: "A", Query: &Query{Source: &Datatable{
			Cols:   []ColumnDecl{{Name: "a", Type: "string"}, {Name: "b", Type: "real"}, {Name: "c", Type: "datetime"}},
			Values: []Expr{str("x"), num("1.5"), &Datetime{Text: "null"}},
		}}}}, Source: &Table{Name: "T"}, Ops: []Op{&Lookup{Kind: "leftouter", Right: from("A"), On: on("a")}}},
	},
	{
		"parentheses that are no list of names",
		"T | extend x = (a), (b), (a == b) | summarize (a), (a, b) = arg_max(c, d)",
		from("T", &Extend{Cols: []NamedExpr{named("x", col("a")), {X: col("b")}, {X: bin(col("a"), "==", col("b"))}}},
			&Summarize{Aggs: []NamedExpr{{X: col("a")}, {Names: []string{"a", "b"}, X: call("arg_max", col("c"), col("d"))}}}),
	},
	{
		"chains are flat, parentheses or not",
		"T | where a and (b and (c or (d or e))) and f",
		from("T", where(and(col("a"), col("b"), or(col("c"), col("d"), col("e")), col("f")))),
	},
	{
		"and binds tighter than or, strings tighter than arithmetic",
		"T | where a or b and c + d has e == f",
		from("T", where(or(col("a"), and(col("b"), bin(bin(col("c"), "+", bin(col("d"), "has", col("e"))), "==", col("f")))))),
	},
	{
		"comparison inside equality",
		"T | where a == b < c",
		from("T", where(bin(col("a"), "==", bin(col("b"), "<", col("c"))))),
	},
	{
		"strings in every quote",
		"T | where a in ('it\\'s', \"\\u0041\\x42\\103\\t\", @'c:\\''x', h\"s\", H@\"t\\\", ```two\n\"lines\"\\```, \"a\" \"b\"  'c', \"\\ud83d\\ude00\")",
		from("T", where(in(col("a"), "in", str("it's"), str("ABC\t"), str(`c:\'x`), str("s"), str(`t\`), str("two\n\"lines\"\\"), str("abc"), str("😀")))),
	},
	{
		"names in brackets",
		"['my table'] | project [\"a b\"], x = ['c\\'d'].e.['f g'][0]['h']",
		from("my table", &Project{Cols: []NamedExpr{{X: col("a b")}, named("x", at(at(dot(dot(col("c'd"), "e"), "f g"), num("0")), str("h")))}}),
	},
	{
		"ranges and timespans",
		"T | where a between (1..5) and b !between (1.5 .. 2e3) and c between (ago(1d) - 1h..now())",
		from("T", where(and(
			&Between{X: col("a"), A: num("1"), B: num("5")},
			&Between{Negated: true, X: col("b"), A: num("1.5"), B: num("2e3")},
			&Between{X: col("c"), A: bin(call("ago", span("1d")), "-", span("1h")), B: call("now")},
		))),
	},
	{
		"typed literals",
		"T | where a > datetime( 2025-01-01 10:00 ) and b == time(1.02:03:04) and c != long(null) and d == +5 and e == guid(ab4be27d-1e4e-49d9-b579-fe0b331d3642)",
		from("T", where(and(
			bin(col("a"), ">", &Datetime{Text: "2025-01-01 10:00"}), bin(col("b"), "==", span("1.02:03:04")),
			bin(col("c"), "!=", &Typed{Type: "long", Text: "null"}), bin(col("d"), "==", num("5")),
			bin(col("e"), "==", &Typed{Type: "guid", Text: "ab4be27d-1e4e-49d9-b579-fe0b331d3642"}),
		))),
	},
	{
		"joins",
		"T | join (A | take 1) on x | join kind = leftanti B on $right.c == $left.d, e",
		from("T",
			&JoinOp{Kind: "innerunique", Right: from("A", &Take{N: 1}), On: on("x")},
			&JoinOp{Kind: "leftanti", Right: from("B"), On: []JoinKey{{Left: col("d"), Right: col("c")}, {Left: col("e"), Right: col("e")}}},
		),
	},
	{
		"a union, and a query in parentheses",
		"(union isfuzzy=true A, (B | take 1), (C) | where x) | take 5",
		&Query{
			Source: &UnionSource{Params: []*Param{{Name: "isfuzzy", Value: "true"}}, Inputs: []*Query{from("A"), from("B", &Take{N: 1}), from("C")}},
			Ops:    []Op{where(col("x")), &Take{N: 5}},
		},
	},
	{
		"words as columns",
		"T | summarize count = count() by type | where count > 1 | top 5 by count",
		from("T",
			&Summarize{Aggs: []NamedExpr{named("count", call("count"))}, By: []NamedExpr{{X: col("type")}}},
			where(bin(col("count"), ">", num("1"))), &Top{N: 5, Key: desc(col("count"))},
		),
	},
	{
		"operators that are not read",
		"T | where a | mv-expand x = parse_json(y) to typeof(string), (z | w) // c\n | take 5 | getschema",
		from("T", where(col("a")), &Unknown{Name: "mv-expand", Text: "mv-expand x = parse_json(y) to typeof(string), (z | w)"}, &Take{N: 5}, &Unknown{Name: "getschema", Text: "getschema"}),
	},
}

func TestParse(t *testing.T) {
	for _, tt := range parseTests {
		t.Run(tt.name, func(t *testing.T) {
			got, diags := Parse("f.kql", tt.text)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			if d := cmp.Diff(tt.want, got, ignoreSpans); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			checkSpans(t, tt.text, got)
			roundTrip(t, got)
		})
	}
}

// errorTests: at has the text from the place of each diagnostic on; empty is
// the end of the query.
var errorTests = []struct {
	name, text string
	want       []string // CODE message, in the order of the text
	at         []string // the text that each is about
}{
	{"nothing", "", []string{"HC0383 expected a table, found the end of the query"}, []string{""}},
	{"only a comment", "// x", []string{"HC0383 expected a table, found the end of the query"}, []string{""}},
	{
		"one error does not hide the next", "T | where a == and b | extend x = | take 5 | sort by",
		[]string{"HC0383 expected an expression, found and", "HC0383 expected an expression, found |", "HC0383 expected an expression, found the end of the query"},
		[]string{"and", "| take", ""},
	},
	{"missing parenthesis", "T | where (a == 1 | take 5", []string{"HC0383 expected ) to close the ( of line 1, found |"}, []string{"| take"}},
	{"missing parenthesis at the end", "T | where x and (a == 1", []string{"HC0383 the ( opened here is not closed"}, []string{"(a"}},
	{"parenthesis too many", "T | where a == 1) | take 5", []string{"HC0383 ) is not expected here"}, []string{") |"}},
	{"a keyword as a name", "T | summarize queries = count() by where | project a.kind", []string{"HC0383 queries is a word of the language; as a name it stands in brackets", "HC0383 kind is a word of the language; as a name it stands in brackets"}, []string{"queries", "kind"}},
	{"single =", "T | where a = 5", []string{"HC0383 = is not expected here"}, []string{"= 5"}},
	{"not as an operator", "T | where not a", []string{"HC0383 not is a function, and its argument stands in parentheses"}, []string{"not a"}},
	{"capital AND", "T | where a AND b", []string{"HC0383 AND is not expected here"}, []string{"AND"}},
	{"||", "T | where a || b", []string{"HC0383 expected the name of an operator, found |"}, []string{"| b"}},
	{"&&", "T | where a && b", []string{"HC0382 the character & (U+0026) is not part of KQL"}, []string{"&& b"}},
	{"chained comparison", "T | where a == 1 == true", []string{"HC0383 == is not expected here"}, []string{"== true"}},
	{"empty list", "T | where a in~ ()", []string{"HC0383 the list of in~ is empty"}, []string{"a in~"}},
	{"trailing comma", "T | project a, | take 5", []string{"HC0383 expected an expression, found |"}, []string{"| take"}},
	{"list without parentheses", "T | where a in dynamic([1])", []string{"HC0383 expected a list in parentheses, found dynamic"}, []string{"dynamic"}},
	{"range of one", "T | where a between (1)", []string{"HC0383 expected .. and the end of the range, found )"}, []string{")"}},
	{"matches without regex", "T | where a matches 'x'", []string{"HC0383 expected regex after matches, found the string 'x'"}, []string{"'x'"}},
	{"sort without by", "T | sort x", []string{"HC0383 x is not expected here"}, []string{"x"}},
	{"top without by", "T | top 5", []string{"HC0383 the query ends too early"}, []string{""}},
	{"top of a fraction", "T | top 1.5 by x", []string{"HC0383 1.5 is not a whole number in range"}, []string{"1.5"}},
	{"take of too many", "T | take 99999999999999999999", []string{"HC0383 99999999999999999999 is not a whole number in range"}, []string{"999"}},
	{"summarize of nothing", "T | summarize", []string{"HC0383 summarize has neither an aggregate nor a column after by"}, []string{"summarize"}},
	{"join on an expression", "T | join kind=inner (U) on a == b", []string{"HC0383 a join compares columns by the side that they come from"}, []string{"== b"}},
	{"join of one side", "T | join kind=inner (U) on $left.a == $left.b", []string{"HC0383 a join compares a column of one side with one of the other"}, []string{"$left.a"}},
	{"join of no kind", "T | join kind=left (U) on a", []string{"HC0383 left is no kind of join"}, []string{"join"}},
	{"error in a subquery", "T | join kind=inner (U | where a ==) on a | sort by", []string{"HC0383 expected an expression, found )", "HC0383 expected an expression, found the end of the query"}, []string{") on", ""}},
	{"a list that is not closed", "T | where a in (U | project b", []string{"HC0383 the ( opened here is not closed"}, []string{"(U"}},
	{"an operator that is not there", "T | where a !has_any (1)", []string{"HC0383 Kusto has no operator !has_any"}, []string{"a !has"}},
	{"let", "let x = 5;\nT | take x", []string{"HC0383 a let of anything but rows is not read"}, []string{"5"}},
	{"let of a call", "let x = ago(1d);\nT", []string{"HC0383 a let of anything but rows is not read"}, []string{"ago(1d"}},
	{"let without an end", "let x = T | take 5\nT", []string{"HC0383 T is not expected here"}, []string{"T"}},
	{"let within", "union (let x = T; x), T", []string{"HC0383 a query that starts with let is not read"}, []string{"let"}},
	{"let alone", "let x = T;", []string{"HC0383 expected a table, found the end of the query"}, []string{""}},
	{"half a row", `datatable(a: string, b: int) ["x", 1, "y"] | take 5`, []string{"HC0383 the datatable has 2 columns and 3 values, which makes no whole rows"}, []string{"datatable"}},
	{"a type that does not exist", `datatable(a: text) ["x"]`, []string{"HC0383 expected a type, such as string, found text"}, []string{"text"}},
	{"a value that is computed", `datatable(a: string) [strcat("x", "y")]`, []string{"HC0383 a value of a datatable has to be a literal"}, []string{"strcat"}},
	{"a kind of lookup", "T | lookup kind=anti (U) on A", []string{"HC0383 anti is no kind of lookup"}, []string{"lookup"}},
	{"two statements", "T | take 5;\nU", []string{"HC0383 U is not expected here"}, []string{"U"}},
	{"two queries", "T\n| take 5\n\nU\n| take 6", []string{"HC0383 U is not expected here"}, []string{"U"}},
	{"a literal's word as a function", "T | where a > datetime(strcat('2025', b))", []string{"HC0383 datetime(...) holds a literal, not an expression"}, []string{"datetime"}},
	{"a bag", "T | extend a = dynamic({'b': 1})", []string{"HC0383 expected a list in brackets, found {"}, []string{"{"}},
	{"a column in a literal list", "T | extend a = dynamic([b])", []string{"HC0383 an element of dynamic([...]) has to be a string, a number, true or false"}, []string{"b]"}},

	{"escapes that do not exist", `T | where a has "\Users\d" and b == 1`, []string{`HC0382 \U needs eight hexadecimal digits after it`, `HC0382 Kusto has no escape \d`}, []string{`\U`, `\d`}},
	{"short escapes", `T | where a has "\x4g\u004\U0001F60"`, []string{`HC0382 \x needs two hexadecimal digits after it`, `HC0382 \u needs four hexadecimal digits after it`, `HC0382 \U needs eight hexadecimal digits after it`}, []string{`\x`, `\u`, `\U`}},
	{"a string that escapes its end", "T | where a has \"c:\\\"\n| take 5", []string{"HC0382 the string that starts here is not closed on its line"}, []string{`"c:`}},
	{"a verbatim string that is not closed", "T | where a has @\"c:\"\"\n| take 5", []string{"HC0382 the string that starts here is not closed on its line"}, []string{`@"c:`}},
	{"a fence that is not closed", "T | where a has ```c", []string{"HC0382 the string that starts here is not closed"}, []string{"```"}},
	{"typographic quotes", "T | where a has “x”", []string{"HC0382 the character “ (U+201C) is not part of KQL", "HC0382 the character ” (U+201D) is not part of KQL"}, []string{"“", "”"}},
	{"weeks", "T | where t > ago(1w)", []string{"HC0382 1w is neither a number nor a timespan"}, []string{"1w"}},
	{"block comment", "T /* x */", []string{"HC0382 Kusto has no comments of the form /* */"}, []string{"/*"}},
	{"not UTF-8", "T | where a == \xff", []string{"HC0382 the byte 0xff is not UTF-8"}, []string{"\xff"}},
	{"not UTF-8 in a string", "T | where a == '\xff'", []string{"HC0382 the byte 0xff is not UTF-8"}, []string{"\xff"}},
	{"half a character", `T | where a in ("\ud83d", "\ude00x", "\U0000d83d", "\ud83d\ud83d")`, []string{
		`HC0382 \ud83d is half of a surrogate pair`, `HC0382 \ude00 is half of a surrogate pair`, `HC0382 \U0000d83d is half of a surrogate pair`,
		`HC0382 \ud83d is half of a surrogate pair`, `HC0382 \ud83d is half of a surrogate pair`,
	}, []string{`\ud83d"`, `\ude00x`, `\U0000`, `\ud83d\ud83d`, `\ud83d")`}},
	{"NUL", "T\x00", []string{"HC0382 the character U+0000 is not part of KQL"}, []string{"\x00"}},

	{
		"operators that are not read", "T | wehre a == 1 | mv-expand b | take 5",
		[]string{"HC0384 the operator wehre is not read; its text is kept as it is", "HC0384 the operator mv-expand is not read; its text is kept as it is"},
		[]string{"wehre", "mv-expand"},
	},
}

func TestParseErrors(t *testing.T) {
	for _, tt := range errorTests {
		t.Run(tt.name, func(t *testing.T) {
			_, diags := Parse("f.kql", tt.text)
			var got []string
			for _, d := range diags {
				got = append(got, string(d.Code)+" "+d.Message)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Fatalf("(-want +got)\n%s", d)
			}
			for i, d := range diags {
				if !strings.HasPrefix(tt.text[d.Pos.Offset:], tt.at[i]) || tt.at[i] == "" && d.Pos.Offset != len(tt.text) {
					t.Errorf("%q is at %q, want %q", d.Message, tt.text[d.Pos.Offset:], tt.at[i])
				}
				if d.Pos.Filename != "f.kql" || d.EndPos.Offset < d.Pos.Offset || d.EndPos.Offset > len(tt.text) {
					t.Errorf("%q: span %+v", d.Message, d.Span)
				}
				for _, word := range []string{"kql.", "Parseable", "<ident>", "Ident", "unexpected token"} {
					if strings.Contains(d.Message+d.Hint, word) {
						t.Errorf("%q has the parser's own word %q", d.Message+d.Hint, word)
					}
				}
			}
		})
	}
}

// TestParseBounds: hostile texts end in an error, and soon.
func TestParseBounds(t *testing.T) {
	tests := []struct{ name, text, code string }{
		{"megabytes", "T | where a == \"" + strings.Repeat("x", maxSize) + "\"", "HC0380"},
		{"parentheses", "T | where " + strings.Repeat("(", 10000) + "a" + strings.Repeat(")", 10000), "HC0381"},
		{"calls", "T | where " + strings.Repeat("not(", 500) + "a" + strings.Repeat(")", 500), "HC0381"},
		{"subqueries", strings.Repeat("union (", 1000) + "T" + strings.Repeat(")", 1000), "HC0381"},
		{"sums", "T | where a" + strings.Repeat(" + a", 100000), "HC0381"},
		{"paths", "T | where a" + strings.Repeat(".a", 100000), "HC0381"},
		{"minus signs", "T | where " + strings.Repeat("-", 100000) + "a", "HC0383"},
		{"open brackets of a list", "T | where a in (" + strings.Repeat("1, ", 100000), "HC0383"},
		{"noise", strings.Repeat("“", 100000), "HC0382"},
		{"pipes", "T" + strings.Repeat(" |", 100000), "HC0383"},
		{"deepest that is read", "T | where " + strings.Repeat("(", maxDepth) + "a" + strings.Repeat(")", maxDepth), ""},
		{"deepest subqueries", strings.Repeat("union (", maxDepth) + "T | where a == 1" + strings.Repeat(")", maxDepth), ""},
		{"flat chain", "T | where a" + strings.Repeat(" or a", 100000), ""},
		{"many operators", "T" + strings.Repeat(" | where a == 1", 20000), ""},
		{"long list", "T | where a in (1" + strings.Repeat(", 1", 200000) + ")", ""},
		{"long comment", "T //" + strings.Repeat("x", maxSize-10), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			q, diags := Parse("f.kql", tt.text)
			t.Log(time.Since(start))
			switch {
			case tt.code == "" && len(diags) > 0:
				t.Errorf("%v", diags[0])
			case tt.code != "" && (len(diags) == 0 || diags[0].Code != diag.Code(tt.code)):
				t.Errorf("got %v, want %s", diags, tt.code)
			case tt.code == "":
				Print(q)
			}
		})
	}
}

// TestParseErrorInTheDepth: nested subqueries that fail at their core are not
// tried again at each level.
func TestParseErrorInTheDepth(t *testing.T) {
	text := strings.Repeat("union (", maxDepth) + "T | where a ==" + strings.Repeat(")", maxDepth)
	_, diags := Parse("f.kql", text)
	if len(diags) != 1 || diags[0].Message != "expected an expression, found )" {
		t.Errorf("%v", diags)
	}
}

func TestParseExpr(t *testing.T) {
	x, err := ParseExpr(` tostring(parse_json(AdditionalFields).Key) // the key`)
	if want := call("tostring", dot(call("parse_json", col("AdditionalFields")), "Key")); err != nil || !cmp.Equal(x, want, ignoreSpans) {
		t.Errorf("%v, %v", x, err)
	}
	for text, want := range map[string]string{
		"":           "1:1: expected an expression, found the end of the query",
		"a b":        "1:3: b is not expected here",
		"a ==\n\n ":  "3:2: expected an expression, found the end of the query",
		`"\d"`:       `1:2: Kusto has no escape \d (write the string as @"...", where a backslash is a backslash, or double each backslash)`,
		"a | take 5": "1:3: | is not expected here",
	} {
		if x, err := ParseExpr(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, %v; want %s", text, x, err, want)
		}
	}
}

func TestPositions(t *testing.T) {
	const text = "// é\nDevicéX"
	_, diags := Parse("f.kql", text)
	if len(diags) == 0 || diags[0].Pos != (diag.Pos{Filename: "f.kql", Offset: len("// é\nDevic"), Line: 2, Column: 6}) {
		t.Errorf("%+v", diags)
	}

	const query = "DeviceInfo // \U0001F600\n| where ['x'] == \"é\" and\n\tB in (1, 2)\n| project A, C = D"
	q, diags := Parse("f.kql", query)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	var got []string
	Walk(q, func(n diag.Node) bool {
		s := n.At()
		got = append(got, reflect.Indirect(reflect.ValueOf(n)).Type().Name()+" "+query[s.Pos.Offset:s.EndPos.Offset])
		return true
	})
	want := []string{
		"Query " + query,
		"Table DeviceInfo",
		"Where where ['x'] == \"é\" and\n\tB in (1, 2)",
		"Logic ['x'] == \"é\" and\n\tB in (1, 2)",
		"Binary ['x'] == \"é\"",
		"Column ['x']",
		"String \"é\"",
		"In B in (1, 2)",
		"Column B",
		"Number 1",
		"Number 2",
		"Project project A, C = D",
		"NamedExpr A",
		"Column A",
		"NamedExpr C = D",
		"Column D",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	in := q.Ops[0].(*Where).Pred.(*Logic).Args[1].At()
	if in.Pos.Line != 3 || in.Pos.Column != 2 || in.EndPos.Column != 13 {
		t.Errorf("%+v", in)
	}
}

// checkSpans holds that every node has a place, inside that of its parent, and
// that lines and columns agree with the offset.
func checkSpans(t testing.TB, text string, q *Query) {
	t.Helper()
	var check func(n diag.Node, outer diag.Span)
	check = func(n diag.Node, outer diag.Span) {
		first := true
		Walk(n, func(child diag.Node) bool {
			if first {
				first = false
				return true
			}
			s := child.At()
			if s.Pos.Line < 1 || s.EndPos.Offset <= s.Pos.Offset || s.Pos.Offset < outer.Pos.Offset || s.EndPos.Offset > outer.EndPos.Offset {
				t.Fatalf("%T at %+v is not inside %T at %+v of\n%s", child, s, n, outer, text)
			}
			for _, p := range []diag.Pos{s.Pos, s.EndPos} {
				before := text[:p.Offset]
				line := 1 + strings.Count(before, "\n")
				column := 1 + len([]rune(before[strings.LastIndexByte(before, '\n')+1:]))
				if p.Line != line || p.Column != column {
					t.Fatalf("%T: %+v, want %d:%d of\n%s", child, p, line, column, text)
				}
			}
			check(child, s)
			return false
		})
	}
	check(q, q.At())
}

// TestWalkVisitsEverything holds Walk against reflection: no node is missed.
func TestWalkVisitsEverything(t *testing.T) {
	node := reflect.TypeFor[diag.Node]()
	var count func(v reflect.Value) int
	count = func(v reflect.Value) int {
		n := 0
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			if v.IsNil() {
				return 0
			}
			return count(v.Elem())
		case reflect.Slice:
			for i := range v.Len() {
				n += count(v.Index(i))
			}
		case reflect.Struct:
			if v.Type() == reflect.TypeFor[diag.Span]() {
				return 0
			}
			if v.Type().Implements(node) {
				n++
			}
			for i := range v.NumField() {
				n += count(v.Field(i))
			}
		}
		return n
	}
	for seed := range uint64(300) {
		q := newGenerator(seed).query(2)
		got := 0
		Walk(q, func(diag.Node) bool { got++; return true })
		if want := count(reflect.ValueOf(q)); got != want {
			t.Fatalf("seed %d: Walk visits %d of %d nodes", seed, got, want)
		}
	}
}
