package spl

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParse: no text makes the parsers panic; what parses without an error
// prints, and the print reads as the same tree.
func FuzzParse(f *testing.F) {
	for _, tt := range printTests {
		f.Add(tt.want)
	}
	f.Add("|h\\\\")
	f.Add("\u2000")
	f.Add("|a \"\\\\\n\"")
	f.Add("|`m`\v")
	for _, tt := range parseTests {
		f.Add(tt.text)
	}
	for _, tt := range errorTests {
		if len(tt.text) < 1000 {
			f.Add(tt.text)
		}
	}
	f.Fuzz(checkParse)
}

// TestParseSoup does what FuzzParse does with words of the language in random
// order, of which many more parse than of random bytes.
func TestParseSoup(t *testing.T) {
	words := strings.Split("| | | search where eval stats tstats by as from datamodel=A.B where ( ) ( ) [ ] , , = != <= a b _time span=1s count count( "+
		"values(x) x=1 x=\"a*\" x!=* IN IN(a) AND OR NOT XOR and TERM( CASE(a) \"s\" \"\\\\\" 'q r' ' \" `m` `m(a,b)` ` ```c``` ``` - + * / % . -1 2.5 1e3 eval( match(a,\"\\d\") "+
		"true like in(a) head 5 sort 0 - desc append join type=left max=0 table fields rename rex regex bin span=5m convert ctime(a) fillnull value=0 mvexpand dedup lookup foo \\", " ")
	for seed := range uint64(8000) {
		g := gen{rand.New(rand.NewPCG(seed, 4))}
		checkParse(t, strings.Join(several(g, 1, 14, func() string { return pick(g, words...) }), pick(g, " ", " ", "\n", "")))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestParseLarge: long texts that repeat one thing are read or refused.
func TestParseLarge(t *testing.T) {
	for _, unit := range []string{"(", "[", "`", "\"", "a ", "a=1 OR ", "NOT ", "| x ", "| append [ ", "```", "a=(", "TERM(", "'", "\\"} {
		for _, before := range []string{"", "| stats count(eval("} {
			text := before + strings.Repeat(unit, (64<<10)/len(unit))
			if s, diags := Parse("", text); s == nil && len(diags) == 0 {
				t.Errorf("%q is neither read nor refused", text[:30])
			}
		}
	}
}

func checkParse(t *testing.T, text string) {
	{
		s, diags := Parse("x.spl", text)
		for _, d := range diags {
			if !d.Pos.IsValid() || d.Pos.Offset > len(text) || d.Message == "" {
				t.Fatalf("incomplete diagnostic %+v", d)
			}
		}
		if len(diags) == 0 {
			checkPositions(t, text, s)
			roundTrip(t, s)
		}
		if e, err := ParseExpr(text); err == nil {
			again, err := ParseExpr(PrintExpr(e))
			if d := cmp.Diff(e, again, ignoreSpans); err != nil || d != "" {
				t.Fatalf("%s (%v)\n%s", PrintExpr(e), err, d)
			}
		}
		if e, err := ParseSearchExpr(text); err == nil {
			again, err := ParseSearchExpr(PrintSearchExpr(e))
			if d := cmp.Diff(e, again, ignoreSpans); err != nil || d != "" {
				t.Fatalf("%s (%v)\n%s", PrintSearchExpr(e), err, d)
			}
		}
	}
}

// places are the places where a text from outside can stand, with the check
// that its caller makes.
var places = []struct {
	name  string
	check func(string) error
	tree  func(string) *Search
}{
	{"search value", ExpressibleSearch, func(v string) *Search {
		return search(&SearchCmd{Expr: and(or(compare("a", "=", v), sb), compare("c", "=", "", v, ""))}, &Head{N: 1})
	}},
	{"tstats value", ExpressibleSearch, func(v string) *Search {
		return search(&Tstats{Aggs: []Agg{agg("count", "", "")}, Model: "A.B", Where: and(in("a", v, "x", v), snot(compare("b", "!=", v, ""))), By: []string{"a"}}, &Head{N: 1})
	}},
	{"term", ExpressibleSearch, func(v string) *Search {
		return find(and(term(v), &SearchTerm{Func: "TERM", Value: SearchValue{Parts: []string{v}}}, &SearchTerm{Func: "CASE", Value: SearchValue{Parts: []string{"", v}}}))
	}},
	{"eval string", Expressible, func(v string) *Search {
		return search(&Where{Expr: binary(binary(a, "=", str(v)), "AND", &InExpr{X: b, Values: []Expr{str(v), str("x")}})},
			&Eval{Assign: []Assign{{Name: "x", Expr: call("if", a, str(v), str("y"))}}}, &Stats{Aggs: []Agg{{Func: "count", Eval: call("isnull", str(v))}}})
	}},
	{"pattern", Expressible, func(v string) *Search {
		return search(&Where{Expr: call("match", a, str(v))}, &Where{Expr: call("replace", a, str(v), str(v))},
			&Regex{Field: "a", Pattern: v}, &Regex{Pattern: v}, &Rex{Field: "a", Pattern: v}, &Head{N: 1})
	}},
	{"option", Expressible, func(v string) *Search {
		return search(&Tstats{Options: []Option{{"fillnull_value", v}}, Aggs: []Agg{agg("count", "", "")}}, &Fillnull{Value: v, Names: []string{"a"}},
			&Append{Options: []Option{{"a", v}}, Search: search(&Bin{Field: "a", Options: []Option{{"b", v}}, As: "c"})}, &Head{N: 1})
	}},
	{"name", ExpressibleName, func(v string) *Search {
		return search(&Tstats{Aggs: []Agg{agg("values", v, v)}, Where: and(compare(v, "=", "x"), in(v, "y")), By: []string{v, "b"}},
			&Stats{Aggs: []Agg{agg("min", v, v)}, By: []string{v}}, &Streamstats{Aggs: []Agg{agg("count", "", v)}, By: []string{v}},
			&Rename{Pairs: []RenamePair{{v, v}}}, &Fields{Names: []string{v, "x"}}, &Fields{Remove: true, Names: []string{v}}, &Table{Names: []string{"x", v}},
			&Sort{Limit: -1, Keys: []SortKey{{v, false}}}, &Sort{Limit: 0, Keys: []SortKey{{"x", true}, {v, true}}}, &Dedup{Names: []string{v}}, &Filldown{Names: []string{v}},
			&Join{On: []string{v}, Search: search(&Head{N: 1})}, &Fillnull{Value: "x", Names: []string{v}}, &Bin{Field: v, As: v}, &Mvexpand{Field: v},
			&Rex{Field: v, Pattern: "x"}, &Regex{Field: v, Pattern: "x"}, &Convert{Funcs: []Agg{agg("ctime", v, v)}},
			&Eval{Assign: []Assign{{Name: v, Expr: binary(field(v), "=", field(v))}}}, &Where{Expr: call("isnotnull", field(v))})
	}},
	{"macro argument", badMacroArg, func(v string) *Search {
		return search(&SearchCmd{Expr: and(smacro("m", v, "x"), sa)}, &MacroCmd{Macro: macro("m", "x", v)}, &Head{N: 1})
	}},
}

// FuzzValue: no value changes the structure. In every place a value either is
// refused, by the check and by Validate alike, or reads back as the same tree.
func FuzzValue(f *testing.F) {
	for _, v := range []string{"", "a", `\`, `a\`, `\\`, `"`, `\"`, `a" OR b="`, "`m`", "```", "``", "| delete", "] | delete", "[ search x ]", "$x$", "*", `\*`,
		"a\nb", "\r", "\x00", "\t", "\x7f", "\u0085", "\u2028", "\u202e", "é", "\xff", "x' OR 'y", `x\' | y`, "1", "-1", "1e5", "AND", "NOT", "by ", "as", "IN", "by", "where", "where.x",
		"-x", "+", "-", "desc", "sortby", "TERM(x)", "eval(x)", "!=", "a=b", "a,b", "a, b", " a", "a ", `"a,b"`, "#", "/*", "//", `\Q`, `\Q\E`, `\d`, `\t`, `\\t`, `\Q\t`, "span=1s", "limit", "datamodel"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		for _, p := range places {
			tree := p.tree(v)
			refused := p.check(v)
			if err := Validate(tree); (err != nil) != (refused != nil) {
				t.Fatalf("%s %q: the check says %v, Validate says %v", p.name, v, refused, err)
			}
			if refused != nil {
				continue
			}
			roundTrip(t, tree)
			if strings.Count(Print(tree), "\n") < len(tree.Commands)-1 {
				t.Fatalf("%s %q: commands ran together", p.name, v)
			}
		}
	})
}

func BenchmarkPrint(b *testing.B) {
	for b.Loop() {
		for _, tt := range printTests[:3] {
			Print(tt.tree)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	n := int64(0)
	for _, tt := range printTests[:3] {
		n += int64(len(tt.want))
	}
	b.SetBytes(n)
	for b.Loop() {
		for _, tt := range printTests[:3] {
			Parse("", tt.want)
		}
	}
}

func BenchmarkParseExpr(b *testing.B) {
	for b.Loop() {
		if _, err := ParseExpr(`if(isnull(x) OR x="", "unknown", lower(x))`); err != nil {
			b.Fatal(err)
		}
	}
}
