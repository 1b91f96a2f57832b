package spl

import (
	"errors"
	"strings"
	"testing"
)

func compare(field, op string, parts ...string) *SearchCompare {
	return &SearchCompare{Field: field, Op: op, Value: SearchValue{Parts: parts}}
}

func number(field, op, n string) *SearchCompare {
	return &SearchCompare{Field: field, Op: op, Value: SearchValue{Parts: []string{n}, Number: true}}
}

func in(field string, values ...string) *SearchIn {
	e := &SearchIn{Field: field}
	for _, v := range values {
		e.Values = append(e.Values, SearchValue{Parts: []string{v}})
	}
	return e
}

func term(parts ...string) *SearchTerm          { return &SearchTerm{Value: SearchValue{Parts: parts}} }
func and(args ...SearchExpr) *SearchLogic       { return &SearchLogic{Args: args} }
func or(args ...SearchExpr) *SearchLogic        { return &SearchLogic{Or: true, Args: args} }
func snot(x SearchExpr) *SearchNot              { return &SearchNot{X: x} }
func macro(name string, args ...string) Macro   { return Macro{Name: name, Args: args} }
func smacro(m string, a ...string) *SearchMacro { return &SearchMacro{Macro: macro(m, a...)} }

func field(name string) *FieldRef              { return &FieldRef{Name: name} }
func str(s string) *StringLit                  { return &StringLit{Value: s} }
func num(s string) *NumberLit                  { return &NumberLit{Text: s} }
func call(name string, args ...Expr) *CallExpr { return &CallExpr{Name: name, Args: args} }
func binary(l Expr, op string, r Expr) *Binary { return &Binary{Op: op, L: l, R: r} }
func not(x Expr) *Unary                        { return &Unary{Op: "NOT", X: x} }
func neg(x Expr) *Unary                        { return &Unary{Op: "-", X: x} }

func search(commands ...Command) *Search { return &Search{Commands: commands} }
func agg(fn, arg, as string) Agg         { return Agg{Func: fn, Arg: arg, As: as} }
func where(e Expr) *Search               { return search(&Where{Expr: e}) }
func find(e SearchExpr) *Search          { return search(&SearchCmd{Expr: e}) }

var (
	a, b, c    = field("a"), field("b"), field("c")
	sa, sb, sc = compare("a", "=", "1"), compare("b", "=", "2"), compare("c", "=", "3")
)

// printTests are exact; the round trip, fuzz seeds and benchmarks use them too.
var printTests = []struct {
	name string
	tree *Search
	want string
}{
	{"tstats", search(
		&Tstats{
			Macros:  []Macro{macro("summariesonly")},
			Options: []Option{{"fillnull_value", "unknown"}, {"prestats", "f"}},
			Aggs:    []Agg{agg("count", "", ""), agg("min", "_time", "firstTime"), agg("max", "_time", "lastTime")},
			Model:   "Endpoint.Processes",
			Where: and(
				in("Processes.parent_process_name", "setup.exe", "installer.exe"),
				or(compare("Processes.process", "=", `C:\Windows\`, ""), compare("Processes.process", "=", "", ` "-enc" `, "")),
				snot(compare("Processes.user", "=", "SYSTEM"))),
			By: []string{"_time", "Processes.dest", "Processes.user"}, BySpan: "1s",
		},
		&MacroCmd{Macro: macro("drop_dm_object_name", `"Processes"`)},
		&Convert{Options: []Option{{"timeformat", "%Y-%m-%dT%H:%M:%S"}}, Funcs: []Agg{agg("ctime", "firstTime", "")}},
	), "| tstats `summariesonly` fillnull_value=unknown prestats=f count min(_time) as firstTime\n" +
		`    max(_time) as lastTime
    from datamodel=Endpoint.Processes
    where Processes.parent_process_name IN ("setup.exe", "installer.exe")
      AND (Processes.process="C:\\Windows\\*" OR Processes.process="* \"-enc\" *")
      AND NOT Processes.user="SYSTEM"
    by _time span=1s, Processes.dest, Processes.user
` + "| `drop_dm_object_name(\"Processes\")`\n" +
		`| convert timeformat="%Y-%m-%dT%H:%M:%S" ctime(firstTime)`},
	{"tstats without a model", search(&Tstats{Aggs: []Agg{agg("count", "", "n")}, Where: compare("index", "=", "", "")}),
		"| tstats count as n\n    where index=*"},
	{"raw", search(
		&SearchCmd{Expr: and(smacro("huntc_x"), compare("Image", "=", "", `\a`))},
		&Regex{Field: "CommandLine", Pattern: `(?i)\s-e\b|C:\\temp\.exe"`},
		&Regex{Field: "Image", Negated: true, Pattern: "^x$"},
		&Table{Names: []string{"_time", "Image", "winlog.*"}},
	), "`huntc_x` Image=\"*\\\\a\"\n" + `| regex CommandLine="(?i)\s-e\b|C:\\\\temp\.exe\""
| regex Image!="^x$"
| table _time, Image, winlog.*`},
	{"raw, long", find(and(smacro("m"), or(
		and(number("EventID", "=", "1"), compare("CommandLine", "=", "", "a fairly long command line", "")),
		and(number("EventID", ">=", "-4.5"), compare("CommandLine", "=", "", "another", "with a wildcard", "")),
	), snot(smacro("n")), term("free text"))),
		"`m`" + `
    (
      (EventID=1 AND CommandLine="*a fairly long command line*")
      OR (EventID>=-4.5 AND CommandLine="*another*with a wildcard*")
    )
` + "    AND NOT (`n`)\n" + `    AND "free text"`},
	{"macros only", find(and(smacro("a"), smacro("b", "1", "x y"))), "`a` `b(1,x y)`"},
	{"terms", find(and(term("failed"), term("fail", ""), term("OR"), term("445"), term("a", " b"),
		&SearchTerm{Func: "TERM", Value: SearchValue{Parts: []string{"10.0.0.1"}}},
		&SearchTerm{Func: "CASE", Value: SearchValue{Parts: []string{"A)"}}})),
		`failed AND fail* AND "OR" AND "445" AND "a* b" AND TERM(10.0.0.1) AND CASE("A)")`},
	{"long IN", find(in("process_name", "powershell.exe", "cmd.exe", "rundll32.exe", "regsvr32.exe", "mshta.exe", "wscript.exe", "cscript.exe")),
		`process_name IN (
      "powershell.exe", "cmd.exe", "rundll32.exe", "regsvr32.exe", "mshta.exe", "wscript.exe",
      "cscript.exe"
    )`},
	{"subsearches", search(
		&From{Model: "Endpoint.Processes"},
		&Append{Search: search(&Tstats{Aggs: []Agg{agg("count", "", "")}, Model: "Web.Web", By: []string{"Web.src"}}, &Head{N: 5})},
		&Join{Options: []Option{{"type", "left"}, {"max", "0"}}, On: []string{"a", "b"},
			Search: search(&SearchCmd{Expr: compare("index", "=", "x")}, &Append{Search: search(&Unknown{Name: "inputlookup", Raw: "x.csv"})})},
		&Sort{Limit: 0, Keys: []SortKey{{"count", true}, {"src ip", false}}},
		&Sort{Limit: -1, Keys: []SortKey{{"a", false}}},
	), `| from datamodel:Endpoint.Processes
| append [
    | tstats count
        from datamodel=Web.Web
        by Web.src
    | head 5
]
| join type=left max=0 a, b [
    search index="x"
    | append [
        | inputlookup x.csv
    ]
]
| sort 0 - count, + "src ip"
| sort + a`},
	{"statistics", search(
		&Stats{Aggs: []Agg{agg("count", "", ""), agg("values", "*", "*"), {Func: "sum", Eval: call("if", binary(a, ">", num("1")), num("1"), num("0")), As: "n m"}}, By: []string{"src", "dest ip", "by"}},
		&Stats{Event: true, Aggs: []Agg{agg("stdev", "delta", "sd_delta")}},
		&Streamstats{Options: []Option{{"current", "f"}, {"window", "1"}}, Aggs: []Agg{agg("last", "_time", "prev_time")}, By: []string{"src", "dest"}},
		&Bin{Field: "_time", Options: []Option{{"span", "5m"}}, As: "slot"},
		&Fillnull{Value: "", Names: []string{"a"}},
		&Fillnull{Value: "0"},
		&Filldown{Names: []string{"a", "b c"}},
		&Mvexpand{Field: "x"}, &Mvexpand{Field: "x", Limit: 3},
		&Dedup{Names: []string{"a", "b"}},
		&Fields{Remove: true, Names: []string{"a", "b_*"}}, &Fields{Names: []string{"a"}},
		&Rename{Pairs: []RenamePair{{"Processes.*", "*"}, {"a", "A b"}}},
		&Rex{Field: "x", Options: []Option{{"max_match", "0"}}, Pattern: `(?<n>\d+)\\`},
		&Rex{Options: []Option{{"mode", "sed"}}, Pattern: `s/a/b/`},
		&Lookup{Table: "huntc_owners.csv", Keys: []RenamePair{{"dest", "dest"}}, Output: []RenamePair{{"owner", "owner"}, {"a team", "output"}}},
		&Lookup{Table: "assets", Keys: []RenamePair{{"ip", "src"}, {"zone", "zone"}}},
	), `| stats count values(*) as * sum(eval(if(a > 1, 1, 0))) as "n m" by src, "dest ip", "by"
| eventstats stdev(delta) as sd_delta
| streamstats current=f window=1 last(_time) as prev_time by src, dest
| bin _time span=5m as slot
| fillnull value="" a
| fillnull value=0
| filldown a, "b c"
| mvexpand x
| mvexpand x limit=3
| dedup a, b
| fields - a, b_*
| fields a
| rename "Processes.*" as *, a as "A b"
| rex field=x max_match=0 "(?<n>\d+)\\\\"
| rex mode=sed "s/a/b/"
| lookup huntc_owners.csv dest OUTPUT owner, "a team" as "output"
| lookup assets ip as src, zone`},
	{"eval", search(
		&Eval{Assign: []Assign{{Name: "delta", Expr: binary(field("_time"), "-", field("prev_time"))}}},
		&Eval{Assign: []Assign{{Name: "a b", Expr: str(`C:\x "y"`)}, {Name: "c.d", Expr: binary(field("c.d"), ".", field("x-y"))}}},
		&Eval{Assign: []Assign{
			{Name: "first", Expr: call("coalesce", field("a_rather_long_field_name"), field("another_rather_long_field_name"))},
			{Name: "second", Expr: call("case", call("match", field("process"), str(`(?i)^a rather long pattern with\s+spaces`)), str("one value"), call("true"), str("the other"))},
		}},
	), `| eval delta = _time - prev_time
| eval "a b" = "C:\\x \"y\"", "c.d" = 'c.d' . 'x-y'
| eval
    first = coalesce(a_rather_long_field_name, another_rather_long_field_name),
    second = case(
        match(process, "(?i)^a rather long pattern with\s+spaces"),
        "one value",
        true(),
        "the other"
      )`},
	{"where", where(binary(binary(
		call("match", field("process"), str(`(?i)\\temp\\[^\\]+\.exe`)), "AND",
		binary(call("cidrmatch", str("10.0.0.0/8"), field("src")), "OR", &InExpr{X: field("user"), Values: []Expr{str("a"), str("b")}})),
		"AND", not(call("like", field("Processes.process"), str(`%\x%`))))),
		`| where match(process, "(?i)\\\\temp\\\\[^\\\\]+\.exe")
    AND (cidrmatch("10.0.0.0/8", src) OR user IN ("a", "b"))
    AND NOT like('Processes.process', "%\\x%")`},
	{"quoted regex", where(call("match", a, str(`\Qa\t\E`))), `| where match(a, "\\Qa\\t\\E")`},
	{"replacement", where(call("replace", a, str(`(x)`), str(`\1\0\n\\1"\`))), `| where replace(a, "(x)", "\1\0\\n\\\1\"\\")`},
	{"unknown", search(&Unknown{Name: "inputlookup", Raw: "a.csv where x=\"|\""}, &Unknown{Name: "`m`", Raw: "a [ | b ]"}),
		"| inputlookup a.csv where x=\"|\"\n| `m` a [ | b ]"},
	{"hostile values", search(
		&SearchCmd{Expr: and(compare("a", "=", "| delete `x` $y$ [s] é ' ` , )"), compare("b|c", "=", ""))},
		&Where{Expr: binary(field("a]|b"), "=", str("x\" | delete `m` [ ] \\"))},
	), "a=\"| delete `x` $y$ [s] é ' ` , )\" AND \"b|c\"=\"\"\n| where 'a]|b' = \"x\\\" | delete `m` [ ] \\\\\""},

	// Precedence of search expressions: parentheses wherever one AND or OR is
	// below another.
	{"search and/or", find(and(sa, or(sb, sc))), `a="1" AND (b="2" OR c="3")`},
	{"search or/and", find(or(and(sa, sb), sc)), `(a="1" AND b="2") OR c="3"`},
	{"search and/and", find(and(sa, and(sb, sc))), `a="1" AND (b="2" AND c="3")`},
	{"search not/or", find(snot(or(sa, sb))), `NOT (a="1" OR b="2")`},
	{"search not/not", find(snot(snot(sa))), `NOT (NOT a="1")`},
	{"search or/not", find(or(snot(sa), sb)), `NOT a="1" OR b="2"`},
	{"search or/macro", find(or(smacro("m"), sb)), "(`m`) OR b=\"2\""},

	// Precedence of eval expressions.
	{"eval and/or", where(binary(a, "AND", binary(b, "OR", c))), `| where a AND (b OR c)`},
	{"eval or/and", where(binary(binary(a, "AND", b), "OR", c)), `| where (a AND b) OR c`},
	{"eval and/and", where(binary(a, "AND", binary(b, "AND", c))), `| where a AND (b AND c)`},
	{"eval and chain", where(binary(binary(a, "AND", b), "AND", c)), `| where a AND b AND c`},
	{"eval xor/or", where(binary(binary(a, "OR", b), "XOR", c)), `| where (a OR b) XOR c`},
	{"eval not", where(not(binary(a, "=", b))), `| where NOT (a = b)`},
	{"eval and/not", where(binary(not(binary(a, "=", b)), "AND", c)), `| where NOT (a = b) AND c`},
	{"eval not/in", where(not(&InExpr{X: a, Values: []Expr{num("1")}})), `| where NOT (a IN (1))`},
	{"eval compare of compare", where(binary(binary(a, "=", b), "=", c)), `| where (a = b) = c`},
	{"eval minus", where(binary(a, "-", binary(b, "-", c))), `| where a - (b - c)`},
	{"eval minus chain", where(binary(binary(a, "-", b), "+", c)), `| where a - b + c`},
	{"eval times", where(binary(binary(a, "+", b), "*", c)), `| where (a + b) * c`},
	{"eval plus/times", where(binary(a, "+", binary(b, "*", c))), `| where a + b * c`},
	{"eval dot/plus", where(binary(binary(a, "+", b), ".", c)), `| where (a + b) . c`},
	{"eval dot/times", where(binary(binary(a, "*", b), ".", c)), `| where (a * b) . c`},
	{"eval dot chain", where(binary(binary(a, ".", b), ".", c)), `| where a . b . c`},
	{"eval compare/plus", where(binary(binary(a, "+", b), ">", num("-1"))), `| where a + b > -1`},
	{"eval negative", where(binary(neg(a), "-", neg(num("5")))), `| where (-a) - (-(5))`},
	{"eval names", where(binary(field("AND"), "=", field("true"))), `| where 'AND' = 'true'`},
}

func TestPrint(t *testing.T) {
	for _, tt := range printTests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Print(tt.tree); got != tt.want {
				t.Errorf("printed\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestPrintExprOnOneLine(t *testing.T) {
	long := strings.Repeat("x", 80)
	e := binary(binary(call("match", a, str(long)), "AND", b), "AND", binary(c, "OR", call("match", a, str(long))))
	want := `match(a, "` + long + `") AND b AND (c OR match(a, "` + long + `"))`
	if got := PrintExpr(e); got != want {
		t.Errorf("printed %s, want %s", got, want)
	}
	if got, want := PrintSearchExpr(and(sa, or(sb, compare("c", "=", long, "")))), `a="1" AND (b="2" OR c="`+long+`*")`; got != want {
		t.Errorf("printed %s, want %s", got, want)
	}
}

func TestValidate(t *testing.T) {
	deep := SearchExpr(sa)
	var deepExpr Expr = a
	deepSearch := find(sa)
	for range maxDepth {
		deep, deepExpr = snot(deep), not(deepExpr)
		deepSearch = search(&From{Model: "A.B"}, &Append{Search: deepSearch})
	}
	tests := []struct {
		name string
		tree *Search
		want string // part of the error
	}{
		{"newline", find(compare("a", "=", "x\ny")), "U+000A"},
		{"tab in eval", where(str("\t")), "U+0009"},
		{"NUL", where(str("\x00")), "U+0000"},
		{"C1 control", where(str("\u0085")), "U+0085"},
		{"not UTF-8", where(str("\xff")), "UTF-8"},
		{"comment", where(str("a```b")), "three backticks"},
		{"star", find(compare("a", "=", "x*y")), "wildcard"},
		{"star in a name", find(compare("a*", "=", "x")), "cannot hold *"},
		{"quote in a name", where(field("a'b")), "cannot hold '"},
		{"backslash in a name", search(&Table{Names: []string{`a\b`}}), `cannot hold \`},
		{"empty name", search(&Dedup{Names: []string{""}}), "empty"},
		{"no commands", search(), "needs a command"},
		{"no names", search(&Table{}), "needs a field"},
		{"no keys", search(&Sort{}), "needs a field"},
		{"no aggregate", search(&Stats{}), "needs an aggregate"},
		{"one argument", find(and(sa)), "at least two"},
		{"one macro", find(and(smacro("m"))), "at least two"},
		{"no expression", search(&SearchCmd{}), "no search expression"},
		{"no eval expression", search(&Where{}), "no eval expression"},
		{"no values", find(&SearchIn{Field: "a"}), "needs a value"},
		{"no parts", find(compare("a", "=")), "no parts"},
		{"operator", find(compare("a", "==", "x")), "not a comparison"},
		{"eval operator", where(binary(a, "&&", b)), "not an operator"},
		{"unary operator", where(&Unary{Op: "!", X: a}), "not an operator"},
		{"number", find(number("a", "=", "0x5")), "not a number"},
		{"eval number", where(num("1e")), "not a number"},
		{"function", where(call("a b")), "not the name of a function"},
		{"not as a function", where(call("not", a)), "not the name of a function"},
		{"aggregate", search(&Stats{Aggs: []Agg{agg("by", "", "")}}), "not the name of an aggregate"},
		{"option", search(&Append{Options: []Option{{"a b", "c"}}, Search: find(sa)}), "not the name of an option"},
		{"model", search(&From{Model: "a b"}), "not the name of a data model"},
		{"span", search(&Tstats{Aggs: []Agg{agg("count", "", "")}, By: []string{"a"}, BySpan: "1s"}), "without _time"},
		{"macro", search(&MacroCmd{Macro: macro("a`b")}), "not the name of a macro"},
		{"macro argument", search(&MacroCmd{Macro: macro("m", "a,b")}), "comma"},
		{"macro quote", search(&MacroCmd{Macro: macro("m", `a"b`)}), "not closed"},
		{"macro backtick", search(&MacroCmd{Macro: macro("m", "a`b")}), "backtick"},
		{"empty macro argument", search(&MacroCmd{Macro: macro("m", "")}), "empty argument"},
		{"unknown with a bar", search(&Unknown{Name: "x", Raw: "a | delete"}), "holds |"},
		{"unknown with a bracket", search(&Unknown{Name: "x", Raw: "a ]"}), "does not open"},
		{"unknown with a quote", search(&Unknown{Name: "x", Raw: `a "`}), "not closed"},
		{"unknown with a backslash", search(&Unknown{Name: "x", Raw: "a \\\nb"}), "backslash"},
		{"unknown with a comment at the end", search(&Unknown{Name: "x", Raw: "a ```b```"}), "ends in a comment"},
		{"unknown name", search(&Unknown{Name: "x y"}), "name of a command"},
		{"depth", find(deep), "levels deep"},
		{"eval depth", where(deepExpr), "levels deep"},
		{"search depth", deepSearch, "levels deep"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Validate(tt.tree)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Validate says %v, want %q", err, tt.want)
			}
			defer func() {
				if recover() == nil {
					t.Error("Print did not panic")
				}
			}()
			Print(tt.tree)
		})
	}
	var e *InexpressibleError
	if err := Validate(where(str("ab\n"))); !errors.As(err, &e) || e.Offset != 2 {
		t.Errorf("the error does not say where: %#v", err)
	}
}
