package kql

import (
	"strings"
	"testing"
)

func col(name string) *Column               { return &Column{Name: name} }
func str(s string) *String                  { return &String{Value: s} }
func num(s string) *Number                  { return &Number{Text: s} }
func bin(l Expr, op string, r Expr) Expr    { return &Binary{Op: op, L: l, R: r} }
func call(name string, args ...Expr) Expr   { return &Call{Name: name, Args: args} }
func in(x Expr, op string, vs ...Expr) Expr { return &In{Op: op, X: x, Values: vs} }
func and(args ...Expr) Expr                 { return &Logic{Op: And, Args: args} }
func or(args ...Expr) Expr                  { return &Logic{Op: Or, Args: args} }
func strs(n int, s string) []Expr {
	out := make([]Expr, n)
	for i := range out {
		out[i] = str(s)
	}
	return out
}

func TestX(t *testing.T) {
	q := &Query{Source: &Table{Name: "DeviceProcessEvents"}, Ops: []Op{
		&Where{Pred: bin(col("Timestamp"), ">", call("ago", &Timespan{Text: "7d"}))},
		&Where{Pred: and(or(bin(col("FileName"), "=~", str(`a.exe`)), bin(col("FolderPath"), "endswith", str(`\b.exe`))),
			in(col("InitiatingProcessFileName"), "in~", strs(20, "setup.exe")...),
			call("not", or(bin(col("x y"), "contains", str("a\"\\\n\x00😀")), bin(col("where"), "==", num("5")), bin(col("ProcessCommandLine"), "contains", str("some long text")))))},
		&Summarize{Aggs: []NamedExpr{{Name: "n", X: call("count")}}, By: []NamedExpr{{X: col("DeviceId")}, {X: call("bin", col("Timestamp"), &Timespan{Text: "1h"})}}},
		&JoinOp{Kind: "inner", Right: &Query{Source: &UnionSource{Inputs: []*Query{{Source: &Table{Name: "DeviceInfo"}}, {Source: &Table{Name: "DeviceEvents"}, Ops: []Op{&Take{N: 5}}}}}, Ops: []Op{&Distinct{Names: []*Column{col("DeviceId")}}}}, On: []JoinKey{{Left: col("DeviceId"), Right: col("DeviceId")}}},
		&Sort{Keys: []SortKey{{X: col("n"), Desc: true}}},
	}}
	t.Log("\n" + Print(q))
	many := make([]Expr, 260)
	for i := range many {
		many[i] = bin(col("a"), "==", num("1"))
	}
	t.Log("\n" + strings.Join(strings.Split(Print(&Query{Source: &Table{Name: "T"}, Ops: []Op{&Where{Pred: or(many...)}}}), "\n")[:4], "\n"))
}
