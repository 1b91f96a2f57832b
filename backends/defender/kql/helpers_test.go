package kql

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/huntc/huntc/diag"
)

// Short names, to write trees in tables.

func col(name string) *Column               { return &Column{Name: name} }
func str(s string) *String                  { return &String{Value: s} }
func num(s string) *Number                  { return &Number{Text: s} }
func span(s string) *Timespan               { return &Timespan{Text: s} }
func bin(l Expr, op string, r Expr) Expr    { return &Binary{Op: op, L: l, R: r} }
func call(name string, args ...Expr) Expr   { return &Call{Name: name, Args: args} }
func in(x Expr, op string, vs ...Expr) Expr { return &In{Op: op, X: x, Values: vs} }
func and(args ...Expr) Expr                 { return &Logic{Op: And, Args: args} }
func or(args ...Expr) Expr                  { return &Logic{Op: Or, Args: args} }
func neg(x Expr) Expr                       { return &Neg{X: x} }
func dot(x Expr, name string) Expr          { return &Path{X: x, Name: name} }
func at(x, i Expr) Expr                     { return &Index{X: x, I: i} }
func named(name string, x Expr) NamedExpr   { return NamedExpr{Name: name, X: x} }
func desc(x Expr) SortKey                   { return SortKey{X: x, Desc: true} }
func asc(x Expr) SortKey                    { return SortKey{X: x} }

func cols(names ...string) []*Column {
	out := make([]*Column, len(names))
	for i, n := range names {
		out[i] = col(n)
	}
	return out
}

func on(names ...string) []JoinKey {
	out := make([]JoinKey, len(names))
	for i, n := range names {
		out[i] = JoinKey{Left: col(n), Right: col(n)}
	}
	return out
}

func from(table string, ops ...Op) *Query { return &Query{Source: &Table{Name: table}, Ops: ops} }

func where(x Expr) Op { return &Where{Pred: x} }

var ignoreSpans = cmp.Options{cmpopts.IgnoreTypes(diag.Span{}), cmpopts.EquateEmpty()}

// roundTrip prints q, parses the text and wants q back, and the same text again.
func roundTrip(t testing.TB, q *Query) string {
	t.Helper()
	text := Print(q)
	got, diags := Parse("", text)
	if diags.HasErrors() {
		t.Fatalf("own text does not parse: %v\n%s", diags, text)
	}
	if d := cmp.Diff(q, got, ignoreSpans); d != "" {
		t.Fatalf("parse(print(x)) is not x (-x +parsed):\n%s\n%s", d, text)
	}
	if again := Print(got); again != text {
		t.Fatalf("not a fixed point:\n%s\n%s", text, again)
	}
	return text
}

// generator makes random trees of every node kind. All that a tree holds of
// text is hostile.
type generator struct {
	*rand.Rand
	stars bool // whether * may stand anywhere
}

func newGenerator(seed uint64) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 1)), stars: true}
}

var hostile = []string{
	"", " ", `"`, `'`, `\`, `\\`, `"""`, `''`, `\"`, `@"`, "```", "~~~", `a"b`, `C:\Windows\System32\`, `\\server\share`, `.*\.(exe|dll)$`,
	"a\nb", "a\r\nb", "\t", "\x00", "a\x00b", "\x7f", "\x1b[31m", "\u0085", "\u2028", "\u202e", "\ufeff", "\U0001F600", "\U000E0001", "é", "日本", "\\\n",
	"// no comment", "/* */", "| take 1", ") or true", "'] or ['", "];", "']", "\\']", "a' b", "where", "and", "by", "count", "DeviceId", "x y", "1d", "5", "-",
	"$left", "*", "true", "null", `\u0041`, `\x41`, `\101`, `%COMSPEC%`, "${jndi:ldap}", "h", `h"x"`, "a.b", "FileName", "Timestamp", "_", "T-1", "datetime(2020)",
}

func (g *generator) text() string {
	s := hostile[g.IntN(len(hostile))]
	for g.IntN(3) == 0 {
		s += hostile[g.IntN(len(hostile))]
	}
	return s
}

func (g *generator) name() string {
	if g.IntN(2) == 0 {
		return []string{"FileName", "Timestamp", "DeviceId", "n", "count", "type"}[g.IntN(6)]
	}
	return g.text()
}

func pick[T any](g *generator, list []T) T { return list[g.IntN(len(list))] }

var (
	binaryOps = []string{
		"==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "=~", "!~", "has", "!has", "has_cs", "!has_cs", "contains",
		"!contains", "contains_cs", "!contains_cs", "startswith", "!startswith", "startswith_cs", "!startswith_cs", "endswith",
		"!endswith", "endswith_cs", "!endswith_cs", "hasprefix", "!hasprefix", "hasprefix_cs", "!hasprefix_cs", "hassuffix",
		"!hassuffix", "hassuffix_cs", "!hassuffix_cs", "matches regex",
	}
	inOps     = []string{"in", "!in", "in~", "!in~", "has_any", "has_all"}
	functions = []string{"not", "ago", "bin", "tostring", "iff", "case", "prev", "count", "arg_max", "parse_json", "ipv4_is_in_range", "isempty"}
)

func (g *generator) exprs(depth, least int) []Expr {
	out := make([]Expr, least+g.IntN(4))
	for i := range out {
		out[i] = g.expr(depth)
	}
	return out
}

func (g *generator) leaf() Expr {
	switch g.IntN(9) {
	case 0, 1:
		return col(g.name())
	case 2, 3:
		return str(g.text())
	case 4:
		return num(pick(g, []string{"0", "42", "1.5", "1e6", "1.5e-3", "0x1F", "9223372036854775807"}))
	case 5:
		return &Bool{Value: g.IntN(2) == 0}
	case 6:
		return span(pick(g, []string{"1d", "5s", "1.5h", "10ms", "1tick", "1.02:03:04", "2"}))
	case 7:
		return &Datetime{Text: pick(g, []string{"", "null", "2025-01-02", "2025-01-02T03:04:05.678Z", "2025-01-02 03:04:05"})}
	}
	typed := pick(g, []Typed{
		{Type: "long", Text: "-9223372036854775808"}, {Type: "int", Text: "null"}, {Type: "real", Text: "nan"}, {Type: "real", Text: "+inf"},
		{Type: "bool", Text: "null"}, {Type: "guid", Text: "ab4be27d-1e4e-49d9-b579-fe0b331d3642"}, {Type: "dynamic", Text: "null"},
	})
	return &typed
}

// expr makes a tree of at most depth levels.
func (g *generator) expr(depth int) Expr {
	if depth == 0 {
		return g.leaf()
	}
	depth--
	switch g.IntN(11) {
	case 0, 1:
		x := NewLogic(diag.Span{}, pick(g, []string{And, Or}), g.exprs(depth, 2)...)
		return x
	case 2, 3:
		return bin(g.expr(depth), pick(g, binaryOps), g.expr(depth))
	case 4:
		return in(g.expr(depth), pick(g, inOps), g.exprs(depth, 1)...)
	case 5:
		return &Between{Negated: g.IntN(2) == 0, X: g.expr(depth), A: g.expr(depth), B: g.expr(depth)}
	case 6:
		return call(pick(g, functions), g.exprs(depth, 0)...)
	case 7:
		return dot(g.expr(depth), g.name())
	case 8:
		return at(g.expr(depth), g.expr(depth))
	case 9:
		switch n := g.IntN(3); {
		case n == 0 && g.stars:
			return &Star{}
		case n == 1:
			return &Dynamic{Items: []Expr{str(g.text()), num("5"), neg(num("1.5")), &Bool{}}[:g.IntN(5)]}
		}
		return neg(g.expr(depth))
	}
	return g.leaf()
}

func (g *generator) named(depth, least int) []NamedExpr {
	out := make([]NamedExpr, least+g.IntN(4))
	for i := range out {
		out[i].X = g.expr(depth)
		switch g.IntN(8) {
		case 0, 1, 2, 3:
			out[i].Name = g.name()
		case 4:
			out[i].Names = []string{g.name(), g.name(), g.name()}[:1+g.IntN(3)]
		}
		// A tree has an empty name for none; ['']= cannot be said.
	}
	return out
}

func (g *generator) columns() []*Column {
	out := make([]*Column, 1+g.IntN(5))
	for i := range out {
		out[i] = col(g.name())
	}
	return out
}

func (g *generator) sortKey() SortKey {
	return SortKey{X: g.expr(1), Desc: g.IntN(2) == 0, Nulls: pick(g, []string{"", "first", "last"})}
}

func (g *generator) inputs(depth int) []*Query {
	out := make([]*Query, 1+g.IntN(3))
	for i := range out {
		out[i] = g.query(depth)
	}
	return out
}

func (g *generator) params() []*Param {
	all := []*Param{{Name: "kind", Value: "outer"}, {Name: "withsource", Value: "Source"}, {Name: "isfuzzy", Value: "true"}}
	return all[g.IntN(4):]
}

func (g *generator) op(depth int) Op {
	switch n := g.IntN(15); n {
	case 0, 1, 2:
		return where(g.expr(4))
	case 3:
		return &Extend{Cols: g.named(2, 1)}
	case 4:
		return &Project{Cols: g.named(2, 1)}
	case 5:
		return &ProjectAway{Names: g.columns()}
	case 6:
		s := &Summarize{Aggs: g.named(2, 0), By: g.named(2, 0)}
		if len(s.Aggs)+len(s.By) == 0 {
			s.By = []NamedExpr{{X: col("DeviceId")}}
		}
		return s
	case 7:
		return &Distinct{Names: g.columns()}
	case 8:
		return &Sort{Keys: []SortKey{g.sortKey(), g.sortKey()}[:1+g.IntN(2)]}
	case 9:
		return &Top{N: g.Int64N(1000), Key: g.sortKey()}
	case 10:
		return &Take{N: g.Int64N(1000)}
	case 11:
		return &Serialize{Cols: g.named(1, 0)}
	case 12:
		return &JoinOp{Kind: pick(g, []string{"inner", "leftouter", "leftanti", "innerunique"}), Right: g.query(depth - 1), On: g.keys()}
	case 13:
		return &Lookup{Kind: pick(g, []string{"inner", "leftouter"}), Right: g.query(depth - 1), On: g.keys()}
	}
	return &UnionOp{Params: g.params(), Inputs: g.inputs(depth - 1)}
}

func (g *generator) keys() (out []JoinKey) {
	for range 1 + g.IntN(3) {
		out = append(out, JoinKey{Left: col(g.name()), Right: col(g.name())})
	}
	return out
}

// datatable makes up to three rows.
func (g *generator) datatable() *Datatable {
	d := &Datatable{}
	for range 1 + g.IntN(3) {
		d.Cols = append(d.Cols, ColumnDecl{Name: g.name(), Type: pick(g, []string{"string", "long", "datetime"})})
	}
	for range len(d.Cols) * g.IntN(4) {
		x := g.leaf()
		if _, ok := x.(*Column); ok {
			x = neg(span("5m"))
		}
		d.Values = append(d.Values, x)
	}
	return d
}

// statements makes a query with let statements in front of it.
func (g *generator) statements(depth int) *Query {
	q := g.query(depth)
	for range max(0, g.IntN(5)-2) {
		q.Lets = append(q.Lets, &Let{Name: g.name(), Query: g.query(depth - 1)})
	}
	return q
}

func (g *generator) query(depth int) *Query {
	q := from(g.name())
	if g.IntN(8) == 0 {
		q.Source = g.datatable()
	}
	if depth <= 0 {
		return q
	}
	if g.IntN(4) == 0 {
		q.Source = &UnionSource{Params: g.params(), Inputs: g.inputs(depth - 1)}
	}
	for range g.IntN(5) {
		q.Ops = append(q.Ops, g.op(depth))
	}
	return q
}

// many is n comparisons.
func many(n int) []Expr {
	out := make([]Expr, n)
	for i := range out {
		out[i] = bin(col("FolderPath"), "endswith", str(fmt.Sprintf(`\%d`, i)))
	}
	return out
}
