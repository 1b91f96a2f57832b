package spl

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/internal/sharedtest"
)

var ignoreSpans = cmp.Options{cmpopts.IgnoreTypes(diag.Span{}), cmpopts.EquateEmpty()}

// parse fails the test on any diagnostic.
func parse(t testing.TB, text string) *Search {
	t.Helper()
	s, diags := Parse("x.spl", text)
	for _, d := range diags {
		t.Errorf("%d:%d: %s %s", d.Pos.Line, d.Pos.Column, d.Code, d.Message)
	}
	if len(diags) > 0 {
		t.Fatalf("in\n%s", text)
	}
	return s
}

// roundTrip holds Parse(Print(x)) == x and that printing is a fixed point.
func roundTrip(t testing.TB, tree *Search) {
	t.Helper()
	text := Print(tree)
	again := parse(t, text)
	if d := cmp.Diff(tree, again, ignoreSpans); d != "" {
		t.Fatalf("printed\n%s\nreads as another tree (-want +got):\n%s", text, d)
	}
	if got := Print(again); got != text {
		t.Fatalf("printed\n%s\nand then\n%s", text, got)
	}
	for _, line := range strings.Split(text, "\n") {
		if strings.HasSuffix(line, `\`) {
			t.Fatalf("a line ends in a backslash:\n%s", text)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for _, tt := range printTests {
		t.Run(tt.name, func(t *testing.T) { roundTrip(t, tt.tree) })
	}
}

// parseTests are forms that Print does not use.
var parseTests = []struct {
	text string
	want *Search
}{
	{"a=1 b=2 OR c=3", find(and(number("a", "=", "1"), or(number("b", "=", "2"), number("c", "=", "3"))))},
	{"a=1 OR b=2 c=3", find(and(or(number("a", "=", "1"), number("b", "=", "2")), number("c", "=", "3")))},
	{"NOT a=1 OR b=2 AND NOT c=3", find(and(or(snot(number("a", "=", "1")), number("b", "=", "2")), snot(number("c", "=", "3"))))},
	{"search NOT (a b)", find(snot(and(term("a"), term("b"))))},
	{"SEARCH x", find(term("x"))},
	{"| search x", find(term("x"))},
	{"and or not", find(and(term("and"), term("or"), term("not")))},
	{`Image=*\\a\b"c"`, find(and(compare("Image", "=", "", `\a\b`), term("c")))},
	{`"a b"=x*y z!=7`, find(and(compare("a b", "=", "x", "y"), number("z", "!=", "7")))},
	{`a IN (x, "y z",3)`, find(&SearchIn{Field: "a", Values: []SearchValue{{Parts: []string{"x"}}, {Parts: []string{"y z"}}, {Parts: []string{"3"}, Number: true}}})},
	{`a="445" "x" TERM( 445 ) CASE("a b") *`, find(and(compare("a", "=", "445"), term("x"),
		&SearchTerm{Func: "TERM", Value: SearchValue{Parts: []string{"445"}, Number: true}},
		&SearchTerm{Func: "CASE", Value: SearchValue{Parts: []string{"a b"}}}, term("", "")))},
	{"```about``` `m` ```a | b ``` x```c```| head 3 ```end```", search(&SearchCmd{Expr: and(smacro("m"), term("x"))}, &Head{N: 3})},
	{"| where a AND b OR NOT c XOR d", where(binary(binary(binary(a, "AND", b), "OR", not(c)), "XOR", field("d")))},
	{"| where a or b and c", where(binary(a, "OR", binary(b, "AND", c)))},
	{"| where not a=b+c*-1", where(not(binary(a, "=", binary(b, "+", binary(c, "*", num("-1"))))))},
	{"| where a in (1) and b like \"x%\"", where(binary(&InExpr{X: a, Values: []Expr{num("1")}}, "AND", binary(b, "LIKE", str("x%"))))},
	{"| WHERE In(a,1) AND LIKE(b, \"x\") AND a==true", where(binary(binary(call("in", a, num("1")), "AND", call("like", b, str("x"))), "AND", binary(a, "==", call("true"))))},
	{`| eval a.b=x.y, "c d"=1e3`, search(&Eval{Assign: []Assign{{Name: "a.b", Expr: binary(field("x"), ".", field("y"))}, {Name: "c d", Expr: num("1e3")}}})},
	{`| where match(a, "\d\\.\"") and a="\d\\"`, where(binary(call("match", a, str(`\d\."`)), "AND", binary(a, "=", str(`\d\`))))},
	{"| tstats count, values(a.b) AS x FROM datamodel=\"M.D\" WHERE (a.b=1) (a.c=2) BY a.b _time span=1h", search(&Tstats{
		Aggs: []Agg{agg("count", "", ""), agg("values", "a.b", "x")}, Model: "M.D",
		Where: and(number("a.b", "=", "1"), number("a.c", "=", "2")), By: []string{"a.b", "_time"}, BySpan: "1h"})},
	{"| tstats `s` prestats=t `r(1)` count groupby where.x, span", search(&Tstats{Macros: []Macro{macro("s"), macro("r", "1")},
		Options: []Option{{"prestats", "t"}}, Aggs: []Agg{agg("count", "", "")}, By: []string{"where.x", "span"}})},
	{`| from datamodel:"Endpoint.Processes"`, search(&From{Model: "Endpoint.Processes"})},
	{"| sort -a,+b - c e", search(&Sort{Limit: -1, Keys: []SortKey{{"a", true}, {"b", false}, {"c", true}, {"e", false}}})},
	{"| sort 100 a", search(&Sort{Limit: 100, Keys: []SortKey{{"a", false}}})},
	{"| head | head limit=7", search(&Head{N: 10}, &Head{N: 7})},
	{"| fields + a b | fields -, x", search(&Fields{Names: []string{"a", "b"}}, &Fields{Remove: true, Names: []string{"x"}})},
	{"| bucket span=1h _time | bin a as b bins=3", search(&Bin{Field: "_time", Options: []Option{{"span", "1h"}}}, &Bin{Field: "a", Options: []Option{{"bins", "3"}}, As: "b"})},
	{`| rex "x" field=a | regex "y" | regex "a b"="z"`, search(&Rex{Field: "a", Pattern: "x"}, &Regex{Pattern: "y"}, &Regex{Field: "a b", Pattern: "z"})},
	{"| fillnull | fillnull a b value=\"N/A\"", search(&Fillnull{Value: "0"}, &Fillnull{Value: "N/A", Names: []string{"a", "b"}})},
	{"| streamstats sum(a) as b window=3 by c", search(&Streamstats{Options: []Option{{"window", "3"}}, Aggs: []Agg{agg("sum", "a", "b")}, By: []string{"c"}})},
	{"| `m(a, \"b, c\" ,)` | `m()`", search(&MacroCmd{Macro: macro("m", "a", `"b, c"`, "")}, &MacroCmd{Macro: macro("m")})},
	{"| `m` x=1 | XLOOKUP a b [ search c | head 1 ] OUTPUT d\n| makeresults", search(&Unknown{Name: "`m`", Raw: "x=1"},
		&Unknown{Name: "xlookup", Raw: "a b [ search c | head 1 ] OUTPUT d"}, &Unknown{Name: "makeresults"})},
	{"| LOOKUP local=true \"a.csv\" k as src, l OUTPUTNEW m as n o", search(&Lookup{Options: []Option{{"local", "true"}}, Table: "a.csv",
		Keys: []RenamePair{{"k", "src"}, {"l", "l"}}, New: true, Output: []RenamePair{{"m", "n"}, {"o", "o"}}})},
	{"| eventcount summarize=false | where-not a", search(&Unknown{Name: "eventcount", Raw: "summarize=false"}, &Unknown{Name: "where-not", Raw: "a"})},
	{"| append [ search a | head 1 ] | append [ head 2 ]", search(&Append{Search: search(&SearchCmd{Expr: term("a")}, &Head{N: 1})}, &Append{Search: search(&Head{N: 2})})},
	{"| append maxtime=5 [| head 2]", search(&Append{Options: []Option{{"maxtime", "5"}}, Search: search(&Head{N: 2})})},
}

func TestParse(t *testing.T) {
	for _, tt := range parseTests {
		got := parse(t, tt.text)
		if d := cmp.Diff(tt.want, got, ignoreSpans); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.text, d)
			continue
		}
		roundTrip(t, got)
	}
}

// errorTests say the place and the words of what is wrong. A hint is "" where
// it is the usage of the command.
var errorTests = []struct {
	text string
	want string // line:column code message, one a line
}{
	{"", "1:1 HC0354 the search is empty"},
	{" ```x```", "1:9 HC0354 the search is empty"},
	{"| | head 1", `1:3 HC0354 a command has to stand here, not "|"`},
	{"| head 1 |", "1:11 HC0354 a command has to stand here, not end of the search"},
	{`| "x"`, `1:3 HC0354 a command has to stand here, not '"x"'`},
	{"| stats\n| head x\n| foo\n| table", "2:1 HC0351 cannot read stats: unexpected \"|\"\n2:8 HC0351 cannot read head: unexpected \"x\", expected a count\n4:8 HC0351 cannot read table: unexpected end of the search"},
	{`a="b`, "1:3 HC0351 cannot read search: a string that is not closed"},
	{"`m", "1:1 HC0351 cannot read search: a macro without its closing backtick"},
	{"a ```b", "1:3 HC0351 cannot read search: a comment that is not closed"},
	{"a ````b```` c", "1:3 HC0351 cannot read search: four backticks in a row, which Splunk does not accept"},
	{"a=", "1:3 HC0351 cannot read search: unexpected end of the search, expected a value after a="},
	{"a AND", "1:6 HC0351 cannot read search: unexpected end of the search, expected a term, a comparison or ("},
	{"OR a", `1:1 HC0351 cannot read search: unexpected "OR", expected a term, a comparison or (`},
	{"(a b", "1:5 HC0351 cannot read search: unexpected end of the search, expected )"},
	{"a b)", `1:4 HC0351 cannot read search: unexpected ")"`},
	{"a IN b", `1:6 HC0351 cannot read search: unexpected "b", expected (`},
	{"a IN (b c)", `1:9 HC0351 cannot read search: unexpected "c", expected )`},
	{"a [ search b ]", `1:3 HC0802 a search in brackets in the place of values, whose rows search looks for, is not read`},
	{"x ]", `1:3 HC0351 cannot read search: unexpected "]"`},
	{`a="x` + "\n" + `y"`, `1:3 HC0353 the text "x\ny" cannot be written in SPL: it holds the control character U+000A`},
	{`a*="x"`, `1:1 HC0353 the text "a*" cannot be written in SPL: a field name cannot hold *`},
	{`| where a="c:\temp"`, `1:11 HC0353 the string '"c:\temp"' holds \t, which Splunk may read as a control character`},
	{"| where a='b", `1:11 HC0351 cannot read where: unexpected "'", expected an operand`},
	{"| where a = b = c", `1:15 HC0351 cannot read where: unexpected "="`},
	{"| where a AND", "1:14 HC0351 cannot read where: unexpected end of the search, expected an operand"},
	{"| where f(a", "1:12 HC0351 cannot read where: unexpected end of the search, expected )"},
	{"| where a IN ()", `1:16 HC0351 cannot read where: IN needs a value`},
	{"| eval a", "1:9 HC0351 cannot read eval: unexpected end of the search"},
	{"| eval 'a'=1", `1:8 HC0351 cannot read eval: unexpected "'a'"`},
	{"| tstats count from datamodel=a-b", `1:31 HC0351 cannot read tstats: unexpected "a-b", expected the name of a data model`},
	{"| tstats x=y", "1:3 HC0351 cannot read tstats: tstats has no aggregate"},
	{"| tstats count by a span=1h", "1:3 HC0351 cannot read tstats: tstats has a span without _time among its by fields"},
	{"| from savedsearch:x", `1:8 HC0351 cannot read from: unexpected "savedsearch:x", expected datamodel:NAME`},
	{"| sort a desc", `1:10 HC0802 sort with desc, which turns the whole order around, is not read`},
	{"| sort num(a)", `1:11 HC0802 sort by num(FIELD) is not read`},
	{"| sort a -", `1:10 HC0351 cannot read sort: unexpected "-", expected the name of a field after it`},
	{"| dedup a sortby -b", `1:11 HC0802 dedup with sortby is not read`},
	{"| dedup a keepempty=t", `1:20 HC0802 dedup with keepempty is not read`},
	{"| head (a > 5)", `1:8 HC0802 head with a condition is not read`},
	{"| where a in [| b]", `1:14 HC0802 a search in brackets in the place of values, whose rows where looks for, is not read`},
	{"| tstats count where [| b] by c", `1:22 HC0802 a search in brackets in the place of values, whose rows tstats looks for, is not read`},
	{"a=[", `1:3 HC0351 cannot read search: unexpected "[", expected a value after a=`},
	{"| dedup 3 a", `1:9 HC0802 dedup that keeps more than one row of each is not read`},
	{"| table -a", `1:9 HC0351 cannot read table: unexpected "-a", expected the name of a field`},
	{"| rename a b", `1:12 HC0351 cannot read rename: unexpected "b"`},
	{"| append [ | head x | table y ", "1:31 HC0351 cannot read append: unexpected end of the search"},
	{"| append [ | head x ] | table", "1:19 HC0351 cannot read head: unexpected \"x\", expected a count\n1:30 HC0351 cannot read table: unexpected end of the search"},
	{"| append [ ]", `1:12 HC0354 a command has to stand here, not "]"`},
	{`| foo "`, `1:3 HC0351 cannot read foo: it has a quote or a backtick that is not closed`},
	{"| search% a", `1:3 HC0351 cannot read search%: it does not begin with the name of a command`},
	{"| `a b` | `c`", "1:3 HC0351 the macro `a b` has no name that Splunk accepts"},
	{"| `a(b`", "1:3 HC0351 the macro `a(b` does not end in a closing parenthesis"},
	{strings.Repeat("(", 101) + "a" + strings.Repeat(")", 101), "1:101 HC0352 more than 100 parentheses and brackets are open here"},
	{strings.Repeat("NOT ", 101) + "a", "1:1 HC0352 the expression is nested more than 100 levels deep"},
	{strings.Repeat("NOT ", 100) + "a", "1:1 HC0352 the expression is nested more than 100 levels deep"},
	{"| where " + strings.Repeat("NOT ", 101) + "a", "1:9 HC0352 the expression is nested more than 100 levels deep"},
	{strings.Repeat("a", 1<<20+1), "1:1 HC0350 the search has 1048577 bytes; at most 1048576 are read"},
}

func TestParseErrors(t *testing.T) {
	for _, tt := range errorTests {
		_, diags := Parse("x.spl", tt.text)
		var got []string
		for _, d := range diags {
			got = append(got, strings.Join([]string{strconv.Itoa(d.Pos.Line) + ":" + strconv.Itoa(d.Pos.Column), string(d.Code), d.Message}, " "))
			if d.Severity != diag.Error || d.Hint == "" || d.Pos.Filename != "x.spl" {
				t.Errorf("%.60q: incomplete diagnostic %+v", tt.text, d)
			}
		}
		if got := strings.Join(got, "\n"); got != tt.want {
			t.Errorf("%.60q says\n%s\nwant\n%s", tt.text, got, tt.want)
		}
	}
}

// TestParseKeepsTheRest: what is wrong in one command does not hide the others.
func TestParseKeepsTheRest(t *testing.T) {
	s, diags := Parse("", "| head x y | append [ stats | head 2 ] | table a")
	if len(diags) != 2 {
		t.Errorf("%d diagnostics, want 2: %v", len(diags), diags)
	}
	want := search(&Unknown{Name: "head", Raw: "x y"},
		&Append{Search: search(&Unknown{Name: "stats"}, &Head{N: 2})}, &Table{Names: []string{"a"}})
	if d := cmp.Diff(want, s, ignoreSpans); d != "" {
		t.Error(d)
	}
}

func TestParseExpr(t *testing.T) {
	e, err := ParseExpr(` if(match(a, "\d"), b . "x", null()) `)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := PrintExpr(e), `if(match(a, "\d"), b . "x", null())`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if p := e.At().Pos; p.Offset != 1 || p.Column != 2 {
		t.Errorf("the expression begins at %+v", p)
	}
	for text, want := range map[string]string{
		"":       "1:1: unexpected end of the search, expected an operand",
		"a b":    `1:3: unexpected "b"`,
		"a |x":   `1:3: unexpected "|"`,
		"a +\n)": `2:1: unexpected ")", expected an operand`,
	} {
		if _, err := ParseExpr(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	se, err := ParseSearchExpr("a=1 b OR c")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := PrintSearchExpr(se), "a=1 AND (b OR c)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := ParseSearchExpr("a=1 | b"); err == nil || err.Error() != `1:5: unexpected "|"` {
		t.Errorf("the error is %v", err)
	}
}

// TestPositions: a child lies inside its parent, and the text of a node reads
// as that node.
func TestPositions(t *testing.T) {
	var texts []string
	for _, tt := range printTests {
		texts = append(texts, Print(tt.tree))
	}
	for _, tt := range parseTests {
		texts = append(texts, tt.text)
	}
	for _, text := range texts {
		checkPositions(t, text, parse(t, text))
	}
}

func checkPositions(t testing.TB, text string, s *Search) {
	t.Helper()
	var visit func(n diag.Node, outer diag.Span)
	visit = func(n diag.Node, outer diag.Span) {
		at := n.At()
		if !at.Pos.IsValid() || at.EndPos.Offset <= at.Pos.Offset || at.EndPos.Offset > len(text) ||
			at.Pos.Offset < outer.Pos.Offset || at.EndPos.Offset > outer.EndPos.Offset {
			t.Fatalf("%T is at %+v inside %+v in\n%s", n, at, outer, text)
		}
		src := text[at.Pos.Offset:at.EndPos.Offset]
		if trim(src) != src {
			t.Errorf("%T has spaces around it: %q", n, src)
		}
		if line := 1 + strings.Count(text[:at.Pos.Offset], "\n"); line != at.Pos.Line {
			t.Errorf("%T is in line %d, not %d", n, line, at.Pos.Line)
		}
		switch n := n.(type) {
		case Expr:
			e, err := ParseExpr(src)
			if _, ok := n.(*StringLit); ok && err != nil && strings.Contains(err.Error(), "control character") {
				break // a pattern, outside match()
			}
			if d := cmp.Diff(n, e, ignoreSpans); err != nil || d != "" {
				t.Errorf("%T has the text %q, which reads as (%v)\n%s", n, src, err, d)
			}
		case SearchExpr:
			e, err := ParseSearchExpr(src)
			if d := cmp.Diff(n, e, ignoreSpans); err != nil || d != "" {
				t.Errorf("%T has the text %q, which reads as (%v)\n%s", n, src, err, d)
			}
		case Command:
			bar := "| "
			if _, ok := n.(*SearchCmd); ok {
				bar = ""
			}
			got, diags := Parse("", bar+src)
			if d := cmp.Diff(search(n), got, ignoreSpans); len(diags) > 0 || d != "" {
				t.Errorf("%T has the text %q, which reads as (%v)\n%s", n, src, diags, d)
			}
		}
		Walk(n, func(child diag.Node) bool {
			if child == n {
				return true
			}
			visit(child, at)
			return false
		})
	}
	visit(s, diag.Span{EndPos: diag.Pos{Offset: len(text)}})
}

// TestSeed reads the searches of the briefing that the project began with.
func TestSeed(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sharedtest.Path(t, "seeds"), "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no seeds: %v", err)
	}
	n := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		blocks := strings.Split(string(text), "```spl\n")[1:]
		for _, block := range blocks {
			block, _, _ = strings.Cut(block, "\n```\n")
			s := parse(t, block)
			checkPositions(t, block, s)
			roundTrip(t, s)
			n++
		}
	}
	if n < 3 {
		t.Errorf("%d searches, want at least 3", n)
	}
}
