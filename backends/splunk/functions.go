package splunk

import (
	"strconv"

	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/ir"
)

// aggFuncs are the aggregate functions, for both directions; tstats, stats and
// streamstats take the same names.
var aggFuncs = [...]struct {
	ir  ir.AggFunc
	spl string
}{
	{ir.Count, "count"}, {ir.DCount, "dc"}, {ir.Min, "min"}, {ir.Max, "max"}, {ir.Sum, "sum"}, {ir.Avg, "avg"},
	{ir.Stdev, "stdev"}, {ir.Values, "values"}, {ir.First, "earliest"}, {ir.Last, "latest"},
}

func splAgg(f ir.AggFunc) string {
	for _, a := range aggFuncs {
		if a.ir == f {
			return a.spl
		}
	}
	return ""
}

func irAgg(name string) (ir.AggFunc, bool) {
	for _, a := range aggFuncs {
		if a.spl == name {
			return a.ir, true
		}
	}
	return "", false
}

// scalarFuncs are the scalar functions that are written in one fixed way, for
// both directions. lift returns the arguments, or nil if e has another form.
var scalarFuncs = [...]struct {
	ir    ir.FuncID
	arity int // -1: at least two
	lower func(args []spl.Expr) spl.Expr
	lift  func(e spl.Expr) []spl.Expr
}{
	{ir.Add, 2, binary("+"), unbinary("+")},
	{ir.Sub, 2, binary("-"), unbinary("-")},
	{ir.Bin, 2, bin, unbin}, // before Mul, of which it is a form
	{ir.Minute, 1, clockPart(60, 60), unclockPart("60", "60")},
	{ir.Hour, 1, clockPart(3600, 24), unclockPart("3600", "24")},
	{ir.Mul, 2, binary("*"), unbinary("*")},
	{ir.Div, 2, binary("/"), unbinary("/")},
	{ir.Day, 1, datePart("%d"), undatePart("%d")},
	{ir.Week, 1, datePart("%V"), undatePart("%V")},
	{ir.Month, 1, datePart("%m"), undatePart("%m")},
	{ir.Year, 1, datePart("%Y"), undatePart("%Y")},
	{ir.ToString, 1, call("tostring"), uncall("tostring", 1)},
	{ir.ToNumber, 1, call("tonumber"), uncall("tonumber", 1)},
	{ir.Coalesce, 2, call("coalesce"), uncall("coalesce", 2)},
	{ir.Concat, -1, concat, unconcat},
}

func call(name string) func([]spl.Expr) spl.Expr {
	return func(args []spl.Expr) spl.Expr { return &spl.CallExpr{Name: name, Args: args} }
}

func uncall(name string, arity int) func(spl.Expr) []spl.Expr {
	return func(e spl.Expr) []spl.Expr {
		c, ok := e.(*spl.CallExpr)
		if !ok || c.Name != name || len(c.Args) != arity {
			return nil
		}
		return c.Args
	}
}

func binary(op string) func([]spl.Expr) spl.Expr {
	return func(args []spl.Expr) spl.Expr { return &spl.Binary{Op: op, L: args[0], R: args[1]} }
}

func unbinary(op string) func(spl.Expr) []spl.Expr {
	return func(e spl.Expr) []spl.Expr {
		b, ok := e.(*spl.Binary)
		if !ok || b.Op != op {
			return nil
		}
		return []spl.Expr{b.L, b.R}
	}
}

func concat(args []spl.Expr) spl.Expr {
	e := args[0]
	for _, a := range args[1:] {
		e = &spl.Binary{Op: ".", L: e, R: a}
	}
	return e
}

func unconcat(e spl.Expr) []spl.Expr {
	b, ok := e.(*spl.Binary)
	if !ok || b.Op != "." {
		return nil
	}
	if left := unconcat(b.L); left != nil {
		return append(left, b.R)
	}
	return []spl.Expr{b.L, b.R}
}

func number(n int64) spl.Expr { return &spl.NumberLit{Text: strconv.FormatInt(n, 10)} }

func isNumberLit(e spl.Expr, text string) bool {
	n, ok := e.(*spl.NumberLit)
	return ok && n.Text == text
}

// floorDiv is floor(x/by).
func floorDiv(x, by spl.Expr) spl.Expr {
	return &spl.CallExpr{Name: "floor", Args: []spl.Expr{&spl.Binary{Op: "/", L: x, R: by}}}
}

func unfloorDiv(e spl.Expr) (x, by spl.Expr, ok bool) {
	args := uncall("floor", 1)(e)
	if args == nil {
		return nil, nil, false
	}
	b, ok := args[0].(*spl.Binary)
	if !ok || b.Op != "/" {
		return nil, nil, false
	}
	return b.L, b.R, true
}

// bin is floor(x/size)*size: the command bin would write ranges for numbers,
// and align times to the local midnight.
func bin(args []spl.Expr) spl.Expr {
	return &spl.Binary{Op: "*", L: floorDiv(args[0], args[1]), R: args[1]}
}

func unbin(e spl.Expr) []spl.Expr {
	b, ok := e.(*spl.Binary)
	if !ok || b.Op != "*" {
		return nil
	}
	x, by, ok := unfloorDiv(b.L)
	n, isNum := by.(*spl.NumberLit)
	if !ok || !isNum || !isNumberLit(b.R, n.Text) {
		return nil
	}
	return []spl.Expr{x, by}
}

// clockPart is a part of the time of day in UTC, which strftime could give in
// the searcher's time zone only.
func clockPart(unit, of int64) func([]spl.Expr) spl.Expr {
	return func(args []spl.Expr) spl.Expr {
		return &spl.Binary{Op: "%", L: floorDiv(args[0], number(unit)), R: number(of)}
	}
}

func unclockPart(unit, of string) func(spl.Expr) []spl.Expr {
	return func(e spl.Expr) []spl.Expr {
		b, ok := e.(*spl.Binary)
		if !ok || b.Op != "%" || !isNumberLit(b.R, of) {
			return nil
		}
		x, by, ok := unfloorDiv(b.L)
		if !ok || !isNumberLit(by, unit) {
			return nil
		}
		return []spl.Expr{x}
	}
}

func datePart(format string) func([]spl.Expr) spl.Expr {
	return func(args []spl.Expr) spl.Expr {
		return &spl.CallExpr{Name: "tonumber", Args: []spl.Expr{
			&spl.CallExpr{Name: "strftime", Args: []spl.Expr{args[0], &spl.StringLit{Value: format}}}}}
	}
}

func undatePart(format string) func(spl.Expr) []spl.Expr {
	return func(e spl.Expr) []spl.Expr {
		outer := uncall("tonumber", 1)(e)
		if outer == nil {
			return nil
		}
		inner := uncall("strftime", 2)(outer[0])
		if inner == nil {
			return nil
		}
		s, ok := inner[1].(*spl.StringLit)
		if !ok || s.Value != format {
			return nil
		}
		return inner[:1]
	}
}

// call checks a function of the hunt against the table.
func (p *planner) call(c *ir.Call) {
	for _, f := range scalarFuncs {
		if f.ir != c.Func {
			continue
		}
		if f.arity >= 0 && len(c.Args) != f.arity || f.arity < 0 && len(c.Args) < 2 {
			p.diags.Errorf(codeUnsayable, c, "", "%s has %d arguments, which Splunk's form of it does not take", c.Func, len(c.Args))
			return
		}
		switch c.Func {
		case ir.Day, ir.Week, ir.Month, ir.Year:
			p.timeZoneReason(c, "The "+string(c.Func)+" of a time")
		case ir.Bin:
			if !isNumber(c.Args[1]) {
				p.diags.Errorf(codeUnsayable, c, "Write the size as a number or a length of time.", "the size of a bin has to be a constant")
			}
		}
		return
	}
	p.diags.Errorf(codeUnsayable, c, "", "Splunk has no form of the function %s", c.Func)
}
