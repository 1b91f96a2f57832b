package sigma

import (
	"slices"
	"strings"
	"time"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// function is a scalar function of pipelines. A new one is one row here, and,
// unless it is made of others, one in the IR's table, in each backend's and in
// the evaluator's.
type function struct {
	// usage shows a call, for messages and the documentation.
	usage string
	name  string
	id    ir.FuncID
	// made, if not nil, is a function that is made of others, and of its
	// arguments.
	made *madeFunction
}

// madeFunction writes a call out.
type madeFunction struct {
	ir.Func
	build func(at diag.Span, args []ir.Expr) ir.Expr
}

var functions = []function{
	{"bin(x, size)", "bin", ir.Bin, nil},
	{"minute(t)", "minute", ir.Minute, nil},
	{"hour(t)", "hour", ir.Hour, nil},
	{"day(t)", "day", ir.Day, nil},
	{"week(t)", "week", ir.Week, nil},
	{"month(t)", "month", ir.Month, nil},
	{"year(t)", "year", ir.Year, nil},
	{"weekday(t)", "weekday", ir.Weekday, nil},
	{"now()", "now", ir.Now, nil},
	{"ago(1d)", "ago", "", &madeFunction{ir.Func{Params: []ir.Param{ir.SizeConst}}, buildAgo}},
	{"abs(n)", "abs", ir.Abs, nil},
	{"floor(n)", "floor", ir.Floor, nil},
	{"ceiling(n)", "ceiling", ir.Ceiling, nil},
	{"lower(text)", "lower", ir.Lower, nil},
	{"upper(text)", "upper", ir.Upper, nil},
	{"strlen(text)", "strlen", ir.StrLen, nil},
	{"substring(text, start, length)", "substring", ir.Substring, nil},
	{"concat(a, b, …)", "concat", ir.Concat, nil},
	{"replace(text, 'old', 'new')", "replace", ir.Replace, nil},
	{"split(text, 'by', n)", "split", ir.Split, nil},
	{"extract(text, 'regex', group)", "extract", "", &madeFunction{ir.Func{Params: []ir.Param{ir.TextValue, ir.RegexConst, ir.CountConst}, Optional: 1}, buildExtract}},
	{"filename(path)", "filename", "", &madeFunction{ir.Func{Params: []ir.Param{ir.TextValue}}, buildFilename}},
	{"if(condition, x, y)", "if", ir.If, nil},
	{"case(condition, x, condition, y, …, z)", "case", "", &madeFunction{ir.Func{Params: []ir.Param{ir.Predicate, ir.AnyValue}, Variadic: true}, buildCase}},
	{"coalesce(a, b, …)", "coalesce", ir.Coalesce, nil},
	{"tostring(n)", "tostring", ir.ToString, nil},
	{"tonumber(text)", "tonumber", ir.ToNumber, nil},
	{"toint(x)", "toint", ir.ToInt, nil},
	{"tolong(x)", "tolong", ir.ToLong, nil},
	{"instant('2026-03-05T04:32:00Z')", "instant", ir.Instant, nil},
	{"parts(text, 'by')", "parts", ir.Parts, nil},
	{"joined(list, ', ')", "joined", ir.Joined, nil},
	{"item(list, n)", "item", ir.Item, nil},
	{"size(list)", "size", ir.Size, nil},
	{"json(text)", "json", ir.Json, nil},
	{"property(object, 'name', …)", "property", "", &madeFunction{ir.Func{Params: []ir.Param{ir.AnyValue, ir.TextConst}, Variadic: true}, buildProperty}},
	{"element(list, n)", "element", ir.At, nil},
	{"url(text)", "url", ir.URL, nil},
	{"place(address, 'country')", "place", ir.Place, nil},
}

// signature is what the function takes.
func (f *function) signature() *ir.Func {
	if f.made != nil {
		return &f.made.Func
	}
	return ir.FuncOf(f.id)
}

func (f *function) call(at diag.Span, args []ir.Expr) ir.Expr {
	if f.made != nil {
		return f.made.build(at, args)
	}
	return &ir.Call{Span: at, Func: f.id, Args: args}
}

func buildAgo(at diag.Span, args []ir.Expr) ir.Expr {
	return &ir.Call{Span: at, Func: ir.Sub, Args: []ir.Expr{&ir.Call{Span: at, Func: ir.Now}, args[0]}}
}

// buildExtract takes the first group where none is named, and the whole match
// where there is none.
func buildExtract(at diag.Span, args []ir.Expr) ir.Expr {
	if len(args) == 2 {
		group := int64(min(1, groupsOf(args[1].(*ir.Lit).Value.(string))))
		args = append(args, &ir.Lit{Span: at, Value: group})
	}
	return &ir.Call{Span: at, Func: ir.Extract, Args: args}
}

// lastPart is the last part of a path of either kind of separator.
const lastPart = `[^\\/]+$`

func buildFilename(at diag.Span, args []ir.Expr) ir.Expr {
	return &ir.Call{Span: at, Func: ir.Extract, Args: []ir.Expr{args[0], &ir.Lit{Span: at, Value: lastPart}, &ir.Lit{Span: at, Value: int64(0)}}}
}

// buildProperty goes down from object to object, a name at a time.
func buildProperty(at diag.Span, args []ir.Expr) ir.Expr {
	out := args[0]
	for _, name := range args[1:] {
		out = &ir.Call{Span: at, Func: ir.Prop, Args: []ir.Expr{out, name}}
	}
	return out
}

// buildCase nests conditionals; an argument after the last pair is what is
// taken where no condition holds.
func buildCase(at diag.Span, args []ir.Expr) ir.Expr {
	var out ir.Expr
	if len(args)%2 == 1 {
		out, args = args[len(args)-1], args[:len(args)-1]
	}
	for i := len(args) - 2; i >= 0; i -= 2 {
		c := &ir.Call{Span: at, Func: ir.If, Args: []ir.Expr{args[i], args[i+1]}}
		if out != nil {
			c.Args = append(c.Args, out)
		}
		out = c
	}
	return out
}

// caseParam is what "case" takes as its argument i of n: conditions and values
// in turn, and a value at the end of an odd number of them.
func caseParam(i, n int) ir.Param {
	if i%2 == 0 && i+1 < n {
		return ir.Predicate
	}
	return ir.AnyValue
}

// conditions are the functions that are conditions.
var conditions = []struct{ usage, name string }{
	{"exists(column)", "exists"},
	{"cidr(address, '10.0.0.0/8', …)", "cidr"},
}

// aggregateFunc is a function of "summarize".
type aggregateFunc struct {
	usage  string
	name   string
	id     ir.AggFunc
	params []ir.Param
}

var aggregateFuncs = []aggregateFunc{
	{"count()", "count", ir.Count, nil},
	{"countif(condition)", "countif", ir.CountIf, []ir.Param{ir.Predicate}},
	{"dcount(x)", "dcount", ir.DCount, []ir.Param{ir.AnyValue}},
	{"min(x)", "min", ir.Min, []ir.Param{ir.AnyValue}},
	{"max(x)", "max", ir.Max, []ir.Param{ir.AnyValue}},
	{"sum(n)", "sum", ir.Sum, []ir.Param{ir.NumberValue}},
	{"avg(n)", "avg", ir.Avg, []ir.Param{ir.NumberValue}},
	{"stdev(n)", "stdev", ir.Stdev, []ir.Param{ir.NumberValue}},
	{"percentile(n, 95)", "percentile", ir.Percentile, []ir.Param{ir.OrdinalValue, ir.SizeConst}},
	{"values(x)", "values", ir.Values, []ir.Param{ir.AnyValue}},
	{"first(x)", "first", ir.First, []ir.Param{ir.AnyValue}},
	{"last(x)", "last", ir.Last, []ir.Param{ir.AnyValue}},
	{"arg_min(column, x)", "arg_min", ir.ArgMin, []ir.Param{ir.OrdinalValue, ir.AnyValue}},
	{"arg_max(column, x)", "arg_max", ir.ArgMax, []ir.Param{ir.OrdinalValue, ir.AnyValue}},
}

func functionNames() []string {
	var out []string
	for _, c := range conditions {
		out = append(out, c.name)
	}
	for _, f := range functions {
		out = append(out, f.name)
	}
	return out
}

func aggregateNames() []string {
	var out []string
	for _, f := range aggregateFuncs {
		out = append(out, f.name)
	}
	return out
}

// refuses says what the place takes if x is something else.
func refuses(p ir.Param, x ir.Expr) string {
	t := ir.TypeOf(x)
	lit, _ := x.(*ir.Lit)
	switch p {
	case ir.NumberValue:
		if t == ir.String || t == ir.Bool || t == ir.Time {
			return "a number or a length of time"
		}
	case ir.OrdinalValue:
		if t == ir.String || t == ir.Bool {
			return "a number, an instant or a length of time"
		}
	case ir.TimeValue:
		if t != ir.Time && t != ir.Unknown {
			return "an instant, such as Timestamp"
		}
	case ir.TextValue:
		if t == ir.Bool || t == ir.Time || t == ir.Duration {
			return "a text"
		}
	case ir.SizeConst:
		if lit != nil {
			switch v := lit.Value.(type) {
			case time.Duration:
				if v > 0 {
					return ""
				}
			case int64:
				if v > 0 {
					return ""
				}
			case float64:
				if v > 0 {
					return ""
				}
			}
		}
		return "a number or a length of time such as 5m, greater than zero"
	case ir.CountConst:
		if lit != nil {
			if v, ok := lit.Value.(int64); ok && v >= 0 && v <= 1_000_000 {
				return ""
			}
		}
		return "a whole number such as 2"
	case ir.PlaceConst:
		if lit != nil {
			if v, ok := lit.Value.(int64); ok && v >= -1_000_000 && v <= 1_000_000 {
				return ""
			}
		}
		return "a whole number such as 2, or -1 for the last"
	case ir.TextConst, ir.TextConstOrEmpty, ir.RegexConst:
		if lit != nil {
			if v, ok := lit.Value.(string); ok && (v != "" || p == ir.TextConstOrEmpty) {
				return ""
			}
		}
		return "a text in quotes"
	}
	return ""
}

// places are what a database of addresses says of one.
var places = []string{"country", "state", "city", "latitude", "longitude"}

// refusedText says what else a function takes in the place of a text that it
// does not know; "" if it knows it.
func refusedText(f ir.FuncID, args []ir.Expr) string {
	text := func(i int) string {
		s, _ := args[i].(*ir.Lit).Value.(string) // arguments that are literal have been checked
		return s
	}
	switch f {
	case ir.Place:
		if !slices.Contains(places, text(1)) {
			return "one of " + strings.Join(places, ", ")
		}
	case ir.Instant:
		if !slices.ContainsFunc(instantLayouts, func(layout string) bool { _, err := time.Parse(layout, text(0)); return err == nil }) {
			return "a time like 2026-03-05 or 2026-03-05T04:32:00Z"
		}
	}
	return ""
}

// instantLayouts are the forms of ISO 8601 in which a time is written.
var instantLayouts = []string{"2006-01-02", "2006-01-02 15:04:05", "2006-01-02T15:04:05", time.RFC3339Nano}
