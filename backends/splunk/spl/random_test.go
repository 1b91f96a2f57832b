package spl

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// gen makes random trees that Validate accepts, of hostile names and values.
type gen struct{ *rand.Rand }

func pick[T any](g gen, items ...T) T { return items[g.IntN(len(items))] }

func several[T any](g gen, least, most int, make func() T) []T {
	var out []T
	for range least + g.IntN(most-least+1) {
		out = append(out, make())
	}
	return out
}

// text is what one adversary would put in a value.
func (g gen) text() string {
	var b strings.Builder
	for range g.IntN(8) {
		b.WriteString(pick(g, `\`, `\\`, `"`, `'`, "`", "``", "|", "[", "]", "(", ")", ",", "=", "!=", "$x$", "%", "?", " ", "  ",
			"a", "B", "9", "-1", "é", "\u202e", "日本", "AND", " OR ", "NOT ", "by ", " as ", "where ", "| delete", "] | x", `\Q`, `\E`, `\d`, `\t`, `\n`, "{}", "@", ":", "/", "."))
	}
	if s := b.String(); Expressible(s) == nil {
		return s
	}
	return "x"
}

func (g gen) name() string {
	if g.IntN(3) > 0 {
		return pick(g, "a", "user", "_time", "Processes.process_name", "x.y.z", "f{}.g", "@timestamp", "4624", "by", "AS", "where", "Where.x",
			"from", "search", "span", "datamodel", "limit", "AND", "not", "in", "true", "null", "-x", "+y", "desc", "sortby", "output", "OutputNew", "a b", "a,b", "a|b", "[x]", "é", "eval(x)", "TERM(", "k=v", "#", "!", "a!b", "!=")
	}
	if s := strings.NewReplacer(`\`, "", `"`, "", "'", "", "`", "").Replace(g.text()); ExpressibleName(s) == nil {
		return s
	}
	return "x"
}

func (g gen) names() []string { return several(g, 1, 4, g.name) }

func (g gen) starName() string { return pick(g, g.name(), "*", "a*", g.name()+"*", "*.x") }

func (g gen) ident() string {
	return pick(g, "a", "span", "max_match", "x9", "_y", "current", "type", "limit", "field2", "datamodel")
}

func (g gen) options() []Option {
	return several(g, 0, 2, func() Option { return Option{g.ident(), g.text()} })
}

func (g gen) macro() Macro {
	return Macro{Name: pick(g, "m", "cim_x", "a-b.c:d"), Args: several(g, 0, 3, func() string {
		return pick(g, "a", `"b, c"`, "Processes", `"\""`, "x y", "1", "a=b", "(", ")", "[", "|")
	})}
}

func (g gen) aggs() []Agg {
	return several(g, 1, 3, func() Agg {
		a := Agg{Func: pick(g, "count", "values", "dc", "p95", "exactperc99.9", "min")}
		switch g.IntN(3) {
		case 0:
			a.Arg = g.starName()
		case 1:
			a.Eval = g.expr(3)
		}
		if g.IntN(2) == 0 {
			a.As = g.starName()
		}
		return a
	})
}

func (g gen) search(depth int) *Search {
	n := 1 + g.IntN(3)
	s := &Search{}
	for range n {
		s.Commands = append(s.Commands, g.command(depth))
	}
	return s
}

func (g gen) command(depth int) Command {
	kinds := 23
	if depth == 0 {
		kinds = 21
	}
	switch g.IntN(kinds) {
	case 0, 1:
		c := &Tstats{Macros: several(g, 0, 2, g.macro), Options: g.options(), Aggs: g.aggs(), Model: pick(g, "", "A.B", "Endpoint.Processes")}
		if g.IntN(3) > 0 {
			c.Where = g.searchExpr(4)
		}
		if g.IntN(3) > 0 {
			c.By = several(g, 1, 4, func() string {
				if n := g.name(); n != "_time" {
					return n
				}
				return "t"
			})
			if g.IntN(2) == 0 {
				c.By = append(c.By, "_time")
				c.BySpan = pick(g, "1s", "10m@h", "a b")
			}
		}
		return c
	case 2:
		return &From{Model: "A.B_C"}
	case 3, 4:
		return &SearchCmd{Expr: g.searchExpr(5)}
	case 5, 6:
		return &Where{Expr: g.expr(5)}
	case 7:
		c := &Regex{Pattern: g.text()}
		if g.IntN(3) > 0 {
			c.Field, c.Negated = g.name(), g.IntN(2) == 0
		}
		return c
	case 8:
		return &Eval{Assign: several(g, 1, 3, func() Assign { return Assign{Name: g.name(), Expr: g.expr(3)} })}
	case 9:
		c := &Stats{Event: g.IntN(2) == 0, Aggs: g.aggs()}
		if g.IntN(2) == 0 {
			c.By = g.names()
		}
		return c
	case 10:
		c := &Streamstats{Options: g.options(), Aggs: g.aggs()}
		if g.IntN(2) == 0 {
			c.By = g.names()
		}
		return c
	case 11:
		return &Rename{Pairs: several(g, 1, 3, func() RenamePair { return RenamePair{g.starName(), g.starName()} })}
	case 12:
		return &Fields{Remove: g.IntN(2) == 0, Names: several(g, 1, 4, g.starName)}
	case 13:
		return &Table{Names: several(g, 1, 20, g.starName)}
	case 14:
		return &Sort{Limit: g.IntN(4) - 1, Keys: several(g, 1, 3, func() SortKey { return SortKey{g.name(), g.IntN(2) == 0} })}
	case 15:
		return &Head{N: g.IntN(5)}
	case 16:
		if g.IntN(2) == 0 {
			return &Filldown{Names: g.names()}
		}
		return &Dedup{Names: g.names()}
	case 17:
		if g.IntN(2) == 0 {
			pair := func() RenamePair {
				n := g.name()
				return pick(g, RenamePair{n, n}, RenamePair{n, g.name()})
			}
			c := &Lookup{Options: g.options(), Table: pick(g, "huntc_a.csv", "assets", "my-list"), Keys: several(g, 1, 3, pair), Output: several(g, 0, 3, pair)}
			c.New = len(c.Output) > 0 && g.IntN(2) == 0
			return c
		}
		return &Fillnull{Value: g.text(), Names: several(g, 0, 3, g.name)}
	case 18:
		c := &Rex{Pattern: g.text(), Options: g.options()}
		if g.IntN(2) == 0 {
			c.Field = g.name()
		}
		return c
	case 19:
		c := &Bin{Field: g.name(), Options: g.options()}
		if g.IntN(2) == 0 {
			c.As = g.name()
		}
		return c
	case 20:
		return pick[Command](g, &Convert{Options: g.options(), Funcs: g.aggs()}, &Mvexpand{Field: g.name(), Limit: g.IntN(3)}, &MacroCmd{Macro: g.macro()},
			&Unknown{Name: pick(g, "inputlookup", "evalx", "where-x", "`m`"), Raw: pick(g, "a", "a [ b | c ] \"|\" ```|``` `|`", "(x", "x\n  y")}, &Unknown{Name: "reverse"})
	case 21:
		return &Append{Options: g.options(), Search: g.search(depth - 1)}
	default:
		return &Join{Options: g.options(), On: several(g, 0, 3, g.name), Search: g.search(depth - 1)}
	}
}

func (g gen) value() SearchValue {
	if g.IntN(4) == 0 {
		return SearchValue{Parts: []string{pick(g, "0", "445", "-1", "3.14", "007")}, Number: true}
	}
	return SearchValue{Parts: several(g, 1, 3, g.text)}
}

func (g gen) searchExpr(depth int) SearchExpr {
	n := g.IntN(8)
	if depth == 0 {
		n = 3 + g.IntN(5)
	}
	switch n {
	case 0, 1:
		return &SearchLogic{Or: g.IntN(2) == 0, Args: several(g, 2, 4, func() SearchExpr { return g.searchExpr(depth - 1) })}
	case 2:
		return &SearchNot{X: g.searchExpr(depth - 1)}
	case 3:
		return &SearchIn{Field: g.name(), Values: several(g, 1, 8, g.value)}
	case 4:
		return &SearchTerm{Func: pick(g, "", "", "TERM", "CASE"), Value: g.value()}
	case 5:
		return &SearchMacro{Macro: g.macro()}
	default:
		return &SearchCompare{Field: g.name(), Op: pick(g, "=", "!=", "<", "<=", ">", ">="), Value: g.value()}
	}
}

func (g gen) expr(depth int) Expr {
	n := g.IntN(9)
	if depth == 0 {
		n = 6 + g.IntN(3)
	}
	sub := func() Expr { return g.expr(depth - 1) }
	switch n {
	case 0, 1, 2:
		return &Binary{Op: pick(g, "AND", "OR", "XOR", "AND", "OR", "=", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", ".", "LIKE"), L: sub(), R: sub()}
	case 3:
		return &Unary{Op: pick(g, "NOT", "-"), X: sub()}
	case 4:
		return &InExpr{X: sub(), Values: several(g, 1, 3, sub)}
	case 5:
		return &CallExpr{Name: pick(g, "match", "replace", "if", "like", "in", "true", "cidrmatch", "mvfind"), Args: several(g, 0, 3, sub)}
	case 6:
		return &FieldRef{Name: g.name()}
	case 7:
		return &NumberLit{Text: pick(g, "0", "1", "-5", "2.5", "1e9", "-1.5E-3")}
	default:
		return &StringLit{Value: g.text()}
	}
}

func TestRandomRoundTrip(t *testing.T) {
	for seed := range uint64(3000) {
		g := gen{rand.New(rand.NewPCG(seed, 1))}
		tree := g.search(2)
		if err := Validate(tree); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		roundTrip(t, tree)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestRandomExprRoundTrip(t *testing.T) {
	for seed := range uint64(3000) {
		g := gen{rand.New(rand.NewPCG(seed, 2))}
		e := g.expr(5)
		text := PrintExpr(e)
		again, err := ParseExpr(text)
		if d := cmp.Diff(e, again, ignoreSpans); err != nil || d != "" {
			t.Fatalf("seed %d: %s (%v)\n%s", seed, text, err, d)
		}
		s := g.searchExpr(5)
		text = PrintSearchExpr(s)
		sagain, err := ParseSearchExpr(text)
		if d := cmp.Diff(s, sagain, ignoreSpans); err != nil || d != "" {
			t.Fatalf("seed %d: %s (%v)\n%s", seed, text, err, d)
		}
	}
}

func TestRandomPositions(t *testing.T) {
	for seed := range uint64(300) {
		g := gen{rand.New(rand.NewPCG(seed, 3))}
		text := Print(g.search(1))
		checkPositions(t, text, parse(t, text))
		if t.Failed() {
			t.Fatalf("seed %d in\n%s", seed, text)
		}
	}
}
