package splunk

import (
	"strconv"
	"strings"

	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/diag"
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
	{ir.ArgMin, "first"}, {ir.ArgMax, "last"}, // in the order of the other column
}

// percentile is the function that computes a percentile of all values; perc
// estimates it where there are more than 1,000 distinct ones.
const percentile = "exactperc"

func splAgg(a *ir.Agg) string {
	if a.Func == ir.Percentile {
		return percentile + strconv.FormatFloat(a.P, 'f', -1, 64)
	}
	for _, f := range aggFuncs {
		if f.ir == a.Func {
			return f.spl
		}
	}
	return ""
}

// orderedBy is the column by which an aggregate needs its rows in order; nil if
// it needs none. A plan has one such column for all aggregates of a grouping.
func orderedBy(aggs []*ir.Agg) *ir.Field {
	for _, a := range aggs {
		if a.Of != nil {
			return a.Of
		}
	}
	return nil
}

// irAgg is an aggregate of the function of that name, without its argument.
func irAgg(name string) (*ir.Agg, bool) {
	if digits, ok := strings.CutPrefix(name, percentile); ok {
		p, err := strconv.ParseFloat(digits, 64)
		return &ir.Agg{Func: ir.Percentile, P: p}, err == nil && p > 0 && p < 100
	}
	for _, f := range aggFuncs {
		if f.spl == name {
			return &ir.Agg{Func: f.ir}, true
		}
	}
	return nil, false
}

// present is sum(if(exists(f), 1, 0)), the number of values of a field that are
// not missing, which stats and tstats write as count(f).
func present(at diag.Span, f *ir.Field) ir.Expr {
	return &ir.Call{Span: at, Func: ir.If, Args: []ir.Expr{&ir.Exists{Span: at, X: f}, &ir.Lit{Span: at, Value: int64(1)}, &ir.Lit{Span: at, Value: int64(0)}}}
}

// presentField is the field that a sum counts the values of. Without groups a
// sum of nothing is missing and a count of it 0, so there the forms differ.
func presentField(a *ir.Agg, grouped bool) *ir.Field {
	c, ok := a.X.(*ir.Call)
	if !ok || !grouped || a.Func != ir.Sum || c.Func != ir.If || len(c.Args) != 3 {
		return nil
	}
	ex, ok := c.Args[0].(*ir.Exists)
	if one, isLit := c.Args[1].(*ir.Lit); !ok || !isLit || one.Value != int64(1) {
		return nil
	}
	if zero, isLit := c.Args[2].(*ir.Lit); !isLit || zero.Value != int64(0) {
		return nil
	}
	return ex.X
}

// scalarFuncs are the scalar functions that are written in one fixed way, for
// both directions; ir.Funcs says how many arguments each takes. lift returns
// the arguments, or nil if e has another form. If is not among them, because
// its first argument is a condition: conditional writes it.
var scalarFuncs = [...]struct {
	ir    ir.FuncID
	lower func(args []spl.Expr) spl.Expr
	lift  func(e spl.Expr) []spl.Expr
}{
	{ir.Now, call("now"), uncallAny("now")},
	{ir.Add, binary("+"), unbinary("+")},
	{ir.Sub, binary("-"), unbinary("-")},
	{ir.Bin, bin, unbin}, // before Mul, of which it is a form
	{ir.Minute, clockPart(60, 60), unclockPart("60", "60")},
	{ir.Hour, clockPart(3600, 24), unclockPart("3600", "24")},
	{ir.Weekday, weekday, unweekday},
	{ir.Mul, binary("*"), unbinary("*")},
	{ir.Div, binary("/"), unbinary("/")},
	{ir.Abs, call("abs"), uncallAny("abs")},
	{ir.Floor, call("floor"), uncallAny("floor")},
	{ir.Ceiling, call("ceiling"), uncallAny("ceiling")},
	{ir.Day, datePart("%d"), undatePart("%d")},
	{ir.Week, datePart("%V"), undatePart("%V")},
	{ir.Month, datePart("%m"), undatePart("%m")},
	{ir.Year, datePart("%Y"), undatePart("%Y")},
	{ir.ToString, call("tostring"), uncallAny("tostring")},
	{ir.ToNumber, call("tonumber"), uncallAny("tonumber")},
	{ir.Json, jsonValue, unjsonValue}, // before Coalesce, of which it is a form
	{ir.Coalesce, call("coalesce"), uncallAny("coalesce")},
	{ir.Lower, call("lower"), uncallAny("lower")},
	{ir.Upper, call("upper"), uncallAny("upper")},
	{ir.StrLen, call("len"), uncallAny("len")},
	{ir.Substring, substring, unsubstring},
	{ir.Replace, replace, unreplace},
	{ir.Split, split, unsplit},
	{ir.Extract, extract, unextract},
	{ir.Tuple, tuple, untuple}, // before Concat, of which it is a form
	{ir.Concat, concat, unconcat},
	{ir.Round, call("round"), uncallAny("round")},
	{ir.Joined, call("mvjoin"), uncallAny("mvjoin")},
	{ir.Item, call("mvindex"), uncallAny("mvindex")}, // behind Split, which is a form of it
	{ir.Size, call("mvcount"), uncallAny("mvcount")},
	{ir.Parts, call("split"), uncallAny("split")},
	{ir.Prop, call("json_extract_exact"), uncallAny("json_extract_exact")},
	{ir.At, jsonItem, unjsonItem},
}

// otherwise are the functions that Plan says with others, or refuses.
var otherwise = []ir.FuncID{ir.URL, ir.Place, ir.ToInt, ir.ToLong, ir.Instant, ir.DateDiff}

// jsonValue is coalesce(json(x), x): json is null for what is no JSON.
func jsonValue(args []spl.Expr) spl.Expr {
	return &spl.CallExpr{Name: "coalesce", Args: []spl.Expr{&spl.CallExpr{Name: "json", Args: args}, args[0]}}
}

func unjsonValue(e spl.Expr) []spl.Expr {
	outer := uncall("coalesce", 2)(e)
	if outer == nil {
		return nil
	}
	inner := uncall("json", 1)(outer[0])
	if inner == nil || spl.PrintExpr(inner[0]) != spl.PrintExpr(outer[1]) {
		return nil
	}
	return inner
}

// jsonItem is json_extract(x, "{n}"), a value of a list of JSON. A list of
// values of an event is none.
func jsonItem(args []spl.Expr) spl.Expr {
	return &spl.CallExpr{Name: "json_extract", Args: []spl.Expr{args[0], &spl.StringLit{Value: "{" + args[1].(*spl.NumberLit).Text + "}"}}}
}

func unjsonItem(e spl.Expr) []spl.Expr {
	args := uncall("json_extract", 2)(e)
	if args == nil {
		return nil
	}
	path, ok := args[1].(*spl.StringLit)
	if !ok || len(path.Value) < 3 || path.Value[0] != '{' || path.Value[len(path.Value)-1] != '}' {
		return nil
	}
	n, err := strconv.ParseUint(path.Value[1:len(path.Value)-1], 10, 20)
	if err != nil || strconv.FormatUint(n, 10) != path.Value[1:len(path.Value)-1] {
		return nil
	}
	return []spl.Expr{args[0], number(int64(n))}
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

// uncallAny reads the arguments of a function, however many there are.
func uncallAny(name string) func(spl.Expr) []spl.Expr {
	return func(e spl.Expr) []spl.Expr {
		c, ok := e.(*spl.CallExpr)
		switch {
		case !ok || c.Name != name:
			return nil
		case c.Args == nil:
			return []spl.Expr{}
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

// tuple writes the length of each value but the last in front of it, so that
// no text in one value can pass for the border to the next. Null in any makes
// it null.
func tuple(args []spl.Expr) spl.Expr {
	var parts []spl.Expr
	for _, a := range args[:len(args)-1] {
		parts = append(parts, &spl.CallExpr{Name: "len", Args: []spl.Expr{a}}, &spl.StringLit{Value: ":"}, a)
	}
	return concat(append(parts, args[len(args)-1]))
}

func untuple(e spl.Expr) []spl.Expr {
	parts := unconcat(e)
	if len(parts) < 4 || len(parts)%3 != 1 {
		return nil
	}
	var args []spl.Expr
	for ; len(parts) > 1; parts = parts[3:] {
		measured := uncall("len", 1)(parts[0])
		colon, ok := parts[1].(*spl.StringLit)
		if measured == nil || !ok || colon.Value != ":" || spl.PrintExpr(measured[0]) != spl.PrintExpr(parts[2]) {
			return nil
		}
		args = append(args, parts[2])
	}
	return append(args, parts[0])
}

// conditional is if(p, x, y), null() where y is left out, and case(p, x, q, y)
// where the other value is a choice as well. Both take a condition that is null
// for one that is false, and case is null where none holds.
func (l *lowerer) conditional(c *ir.Call) spl.Expr {
	otherwise := spl.Expr(&spl.CallExpr{Name: "null"})
	if len(c.Args) > 2 {
		if next, ok := c.Args[2].(*ir.Call); ok && next.Func == ir.If {
			return l.choice(c)
		}
		otherwise = l.value(c.Args[2])
	}
	return &spl.CallExpr{Name: "if", Args: []spl.Expr{l.pred(c.Args[0]), l.value(c.Args[1]), otherwise}}
}

func (l *lowerer) choice(c *ir.Call) spl.Expr {
	out := &spl.CallExpr{Name: "case"}
	for {
		out.Args = append(out.Args, l.pred(c.Args[0]), l.value(c.Args[1]))
		if len(c.Args) < 3 {
			return out
		}
		next, ok := c.Args[2].(*ir.Call)
		if !ok || next.Func != ir.If {
			out.Args = append(out.Args, &spl.CallExpr{Name: "true"}, l.value(c.Args[2]))
			return out
		}
		c = next
	}
}

func (b *Backend) liftConditional(e spl.Expr) (ir.Expr, bool) {
	c, ok := e.(*spl.CallExpr)
	switch {
	case !ok:
		return nil, false
	case c.Name == "case":
		return b.liftChoice(c.Span, c.Args)
	case c.Name != "if" || len(c.Args) != 3:
		return nil, false
	}
	args := c.Args
	pred := b.liftPred(args[0])
	if pred == nil {
		return nil, false
	}
	x, ok := b.liftValue(args[1])
	if !ok {
		return nil, false
	}
	call := &ir.Call{Span: e.At(), Func: ir.If, Args: []ir.Expr{pred, x}}
	if isCall(args[2], "null") {
		return call, true
	}
	y, ok := b.liftValue(args[2])
	call.Args = append(call.Args, y)
	return call, ok
}

func (b *Backend) liftChoice(at diag.Span, args []spl.Expr) (ir.Expr, bool) {
	if len(args) < 2 || len(args)%2 != 0 {
		return nil, false
	}
	x, ok := b.liftValue(args[1])
	if !ok {
		return nil, false
	}
	if len(args) == 2 && isCall(args[0], "true") {
		return x, true
	}
	pred := b.liftPred(args[0])
	if pred == nil {
		return nil, false
	}
	out := &ir.Call{Span: at, Func: ir.If, Args: []ir.Expr{pred, x}}
	if len(args) > 2 {
		y, ok := b.liftChoice(at, args[2:])
		if !ok {
			return nil, false
		}
		out.Args = append(out.Args, y)
	}
	return out, true
}

// isCall reports a call without arguments.
func isCall(e spl.Expr, name string) bool {
	c, ok := e.(*spl.CallExpr)
	return ok && c.Name == name && len(c.Args) == 0
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

// weekday counts whole days since 1970-01-01, which was a Thursday: strftime's
// %w is in the searcher's time zone.
func weekday(args []spl.Expr) spl.Expr {
	return &spl.Binary{Op: "%", L: &spl.Binary{Op: "+", L: floorDiv(args[0], number(86400)), R: number(4)}, R: number(7)}
}

func unweekday(e spl.Expr) []spl.Expr {
	b, ok := e.(*spl.Binary)
	if !ok || b.Op != "%" || !isNumberLit(b.R, "7") {
		return nil
	}
	days := unbinary("+")(b.L)
	if days == nil || !isNumberLit(days[1], "4") {
		return nil
	}
	x, by, ok := unfloorDiv(days[0])
	if !ok || !isNumberLit(by, "86400") {
		return nil
	}
	return []spl.Expr{x}
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
