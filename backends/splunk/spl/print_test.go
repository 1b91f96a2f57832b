package spl

import (
	"testing"
)

func cmp(f, op string, parts ...string) *SearchCompare {
	return &SearchCompare{Field: f, Op: op, Value: SearchValue{Parts: parts}}
}
func num(f, op, n string) *SearchCompare {
	return &SearchCompare{Field: f, Op: op, Value: SearchValue{Parts: []string{n}, Number: true}}
}
func in(f string, values ...string) *SearchIn {
	e := &SearchIn{Field: f}
	for _, v := range values {
		e.Values = append(e.Values, SearchValue{Parts: []string{v}})
	}
	return e
}
func sAnd(args ...SearchExpr) *SearchLogic { return &SearchLogic{Args: args} }
func sOr(args ...SearchExpr) *SearchLogic  { return &SearchLogic{Or: true, Args: args} }
func sNot(x SearchExpr) *SearchNot         { return &SearchNot{X: x} }
func sMacro(name string, args ...string) *SearchMacro {
	return &SearchMacro{Macro: Macro{Name: name, Args: args}}
}
func term(parts ...string) *SearchTerm { return &SearchTerm{Value: SearchValue{Parts: parts}} }

func f(name string) *FieldRef                  { return &FieldRef{Name: name} }
func str(s string) *StringLit                  { return &StringLit{Value: s} }
func n(s string) *NumberLit                    { return &NumberLit{Text: s} }
func call(name string, args ...Expr) *CallExpr { return &CallExpr{Name: name, Args: args} }
func bin(l Expr, op string, r Expr) *Binary    { return &Binary{Op: op, L: l, R: r} }
func not(x Expr) *Unary                        { return &Unary{Op: "NOT", X: x} }
func neg(x Expr) *Unary                        { return &Unary{Op: "-", X: x} }
func search(commands ...Command) *Search       { return &Search{Commands: commands} }
func agg(fn, arg, as string) Agg               { return Agg{Func: fn, Arg: arg, As: as} }
func macroCmd(name string, args ...string) *MacroCmd {
	return &MacroCmd{Macro: Macro{Name: name, Args: args}}
}

func TestPrintSmoke(t *testing.T) {
	t.Log("\n" + Print(search(
		&Tstats{Macros: []Macro{{Name: "summariesonly"}}, Options: []Option{{"fillnull_value", "unknown"}},
			Aggs:  []Agg{agg("count", "", ""), agg("min", "_time", "firstTime"), agg("max", "_time", "lastTime"), agg("values", "Processes.process_path", "process_path"), agg("values", "Processes.parent_process", "parent_process")},
			Model: "Endpoint.Processes",
			Where: sAnd(in("Processes.parent_process_name", "setup.exe", "installer.exe"),
				sOr(cmp("Processes.process", "=", `C:\Windows\`, ""), cmp("Processes.process", "=", "", " -enc ", "")),
				sNot(in("Processes.process_name", "powershell.exe", "cmd.exe", "rundll32.exe", "regsvr32.exe", "mshta.exe", "wscript.exe", "cscript.exe", "wmic.exe", "bitsadmin.exe")),
				num("Processes.x", ">", "5"),
				sOr(cmp("Processes.process", "=", `C:\Windows\`, ""), sAnd(cmp("Processes.process", "=", "", " -enc ", ""), cmp("Processes.process", "=", "", " -ffffffffffffffffffffffffenc ", ""))),
			),
			By: []string{"_time", "Processes.dest", "Processes.user", "Processes.parent_process_name", "Processes.process_name", "Processes.process"}, BySpan: "1s"},
		macroCmd("drop_dm_object_name", "Processes"),
		&Where{Expr: bin(bin(f("count"), ">", n("30")), "AND", bin(not(call("match", f("a.b"), str(`(?i)\\temp\d\.exe"`))), "OR", bin(f("x"), "=", str(`C:\x`))))},
		&Eval{Assign: []Assign{{Name: "delta", Expr: bin(f("_time"), "-", f("prev_time"))}}},
		&Where{Expr: bin(bin(call("match", f("process"), str(`(?i)^this is a rather long regular expression for the test`)), "AND", call("match", f("process"), str(`(?i)^this is a rather long regular expression for the test`))), "AND", bin(not(call("match", f("a.b"), str(`(?i)\\temp\d\.exe"`))), "OR", bin(f("x"), "=", str(`C:\x`))))},
		&Append{Search: search(&SearchCmd{Expr: sAnd(sMacro("m"), cmp("Image", "=", "", `\a`))}, &Stats{Aggs: []Agg{agg("count", "", "")}, By: []string{"a", "b c"}})},
		&Sort{Limit: 0, Keys: []SortKey{{"count", true}}},
	)))
}
