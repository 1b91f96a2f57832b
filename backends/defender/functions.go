package defender

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// scalar is how Kusto says a function of the IR: a pattern in which _0, _1 ...
// stand for the arguments. What may be left out or repeated among them
// follows from ir.Funcs. Lower fills the pattern in, and Lift finds it again;
// of two patterns that a text may have, the first one counts. A function
// without a pattern has code of its own in both.
type scalar struct {
	id      ir.FuncID
	text    string
	pattern kql.Expr
}

// The functions are those of learn.microsoft.com/kusto/query. What the IR says
// of missing arguments they say of null, and of the empty text, unless Plan
// sees to it.
var scalars = parsed(
	scalar{id: ir.Add, text: "_0 + _1"},
	scalar{id: ir.Sub, text: "_0 - _1"},
	scalar{id: ir.Mul, text: "_0 * _1"},
	scalar{id: ir.Div, text: "_0 / _1"},
	scalar{id: ir.Bin, text: "bin(_0, _1)"},
	scalar{id: ir.Abs, text: "abs(_0)"},
	scalar{id: ir.Floor, text: "floor(_0, 1)"}, // which is bin by another name
	scalar{id: ir.Ceiling, text: "ceiling(_0)"},
	scalar{id: ir.Concat, text: "strcat(_0, _1)"},
	scalar{id: ir.Lower, text: "tolower(_0)"},
	scalar{id: ir.Upper, text: "toupper(_0)"},
	scalar{id: ir.StrLen, text: "strlen(_0)"}, // in code points; 0 of a missing text
	scalar{id: ir.Substring, text: "substring(_0, _1, _2)"},
	scalar{id: ir.Replace, text: "replace_string(_0, _1, _2)"},
	// An array's element is null where there is none, and its text is empty then.
	scalar{id: ir.Split, text: "tostring(split(_0, _1)[_2])"},
	scalar{id: ir.Extract, text: "extract(_1, _2, _0)"},
	scalar{id: ir.If},
	// The text of a JSON array tells apart what its values tell apart.
	scalar{id: ir.Tuple, text: "tostring(pack_array(_0))"},
	scalar{id: ir.Coalesce, text: "coalesce(_0, _1)"},                        // which skips empty texts like null
	scalar{id: ir.Place, text: "tostring(geo_info_from_ip_address(_0)[_1])"}, // before ToString as well
	scalar{id: ir.Item, text: "tostring(_0[_1])"},                            // before ToString, of which it is a form
	scalar{id: ir.ToString, text: "tostring(_0)"},
	scalar{id: ir.ToNumber, text: "todouble(_0)"},
	scalar{id: ir.Minute, text: `datetime_part("minute", _0)`},
	scalar{id: ir.Hour, text: `datetime_part("hour", _0)`},
	scalar{id: ir.Day, text: `datetime_part("day", _0)`},
	scalar{id: ir.Week, text: `datetime_part("week_of_year", _0)`},
	scalar{id: ir.Month, text: `datetime_part("month", _0)`},
	scalar{id: ir.Year, text: `datetime_part("year", _0)`},
	// dayofweek() is the length of time since Sunday.
	scalar{id: ir.Weekday, text: "toint(dayofweek(_0) / 1d)"},
	scalar{id: ir.Now, text: "now()"},
	scalar{id: ir.Round, text: "round(_0, _1)"},
	scalar{id: ir.Joined, text: "strcat_array(_0, _1)"},
	scalar{id: ir.Size, text: "array_length(_0)"},
	scalar{id: ir.Parts, text: "split(_0, _1)"},
	scalar{id: ir.Json, text: "parse_json(_0)"},
	scalar{id: ir.Prop, text: "_0[_1]"},
	scalar{id: ir.At, text: "_0[_1]"},
	scalar{id: ir.URL, text: "parse_url(_0)"},
	scalar{id: ir.ToInt, text: "toint(_0)"},
	scalar{id: ir.ToLong, text: "tolong(_0)"},
	scalar{id: ir.Instant}, // a literal
	scalar{id: ir.DateDiff, text: "datetime_diff(_0, _1, _2)"},
)

// conditional is how Kusto says If: with a typed null, or the empty text, where
// there is no other value; an If in the place of that is a further pair of
// arguments.
const conditional = "case"

// mostArguments is how many arguments strcat and coalesce take.
const mostArguments = 64

func parsed(rows ...scalar) []scalar {
	for i := range rows {
		if rows[i].text == "" {
			continue
		}
		x, err := kql.ParseExpr(rows[i].text)
		if err != nil {
			panic(err)
		}
		rows[i].pattern = x
	}
	return rows
}

func scalarOf(id ir.FuncID) scalar {
	for _, s := range scalars {
		if s.id == id {
			return s
		}
	}
	panic("defender: unhandled function " + string(id))
}

// placeOf is the argument that a part of a pattern stands for, or -1.
func placeOf(x kql.Expr) int {
	if c, ok := x.(*kql.Column); ok {
		return int(c.Name[1] - '0')
	}
	return -1
}

// fill is the pattern with the arguments in place.
func (s scalar) fill(at diag.Span, args []kql.Expr) kql.Expr {
	f := ir.FuncOf(s.id)
	var fill func(x kql.Expr) kql.Expr
	fill = func(x kql.Expr) kql.Expr {
		switch x := x.(type) {
		case *kql.Column:
			return args[placeOf(x)]
		case *kql.Call:
			out := &kql.Call{Span: at, Name: x.Name}
			for _, a := range x.Args {
				i := placeOf(a)
				if i >= len(args) {
					continue // left out
				}
				out.Args = append(out.Args, fill(a))
				if f.Variadic && i == len(f.Params)-1 {
					out.Args = append(out.Args, args[i+1:]...)
				}
			}
			return out
		case *kql.Binary:
			return &kql.Binary{Span: at, Op: x.Op, L: fill(x.L), R: fill(x.R)}
		case *kql.Index:
			return &kql.Index{Span: at, X: fill(x.X), I: fill(x.I)}
		case *kql.String:
			return &kql.String{Span: at, Value: x.Value}
		case *kql.Number:
			return &kql.Number{Span: at, Text: x.Text}
		case *kql.Timespan:
			return &kql.Timespan{Span: at, Text: x.Text}
		}
		panic(fmt.Sprintf("defender: a %T in the pattern of %s", x, s.id))
	}
	return fill(s.pattern)
}

// match finds the arguments with which the pattern is e.
func (s scalar) match(e kql.Expr) ([]kql.Expr, bool) {
	f := ir.FuncOf(s.id)
	args := make([]kql.Expr, len(f.Params))
	var more []kql.Expr
	var match func(x, e kql.Expr) bool
	match = func(x, e kql.Expr) bool {
		switch x := x.(type) {
		case *kql.Column:
			args[placeOf(x)] = e
			return true
		case *kql.Call:
			c, ok := e.(*kql.Call)
			if !ok || c.Name != x.Name {
				return false
			}
			for i, a := range x.Args {
				place := placeOf(a)
				if i == len(c.Args) {
					return place >= len(f.Params)-f.Optional // left out
				}
				if !match(a, c.Args[i]) {
					return false
				}
				if f.Variadic && place == len(f.Params)-1 {
					more = c.Args[i+1:]
					return true
				}
			}
			return len(c.Args) == len(x.Args)
		case *kql.Binary:
			b, ok := e.(*kql.Binary)
			return ok && b.Op == x.Op && match(x.L, b.L) && match(x.R, b.R)
		case *kql.Index:
			if p, ok := e.(*kql.Path); ok {
				return match(x.X, p.X) && match(x.I, &kql.String{Span: p.Span, Value: p.Name})
			}
			i, ok := e.(*kql.Index)
			return ok && match(x.X, i.X) && match(x.I, i.I)
		case *kql.String:
			t, ok := e.(*kql.String)
			return ok && strings.EqualFold(t.Value, x.Value) // names a part of a date
		case *kql.Number:
			n, ok := e.(*kql.Number)
			return ok && n.Text == x.Text
		case *kql.Timespan:
			t, ok := e.(*kql.Timespan)
			return ok && t.Text == x.Text
		}
		return false
	}
	if s.pattern == nil || !match(s.pattern, e) {
		return nil, false
	}
	for len(args) > 0 && args[len(args)-1] == nil {
		args = args[:len(args)-1]
	}
	return append(args, more...), true
}

// aggregateName is how Kusto says an aggregate of the IR: plain over values
// that are null where they are missing; conditional where the second argument
// says which rows count.
type aggregateName struct {
	id                 ir.AggFunc
	plain, conditional string
}

var aggregateNames = []aggregateName{
	{ir.DCount, "count_distinct", "count_distinctif"},
	{ir.Values, "make_set", "make_set_if"},
	{ir.Min, "min", "minif"},
	{ir.Max, "max", "maxif"},
	{ir.Sum, "sum", "sumif"},
	{ir.Avg, "avg", "avgif"},
	{ir.Stdev, "stdev", "stdevif"},
}

// extremeName is the aggregate that yields two columns: the smallest or largest
// value of one, and the value of the other in that row. It is empty for an
// aggregate that yields one.
func extremeName(id ir.AggFunc) string {
	switch id {
	case ir.ArgMin:
		return "arg_min"
	case ir.ArgMax:
		return "arg_max"
	}
	return ""
}

// listOf is the aggregate that keeps every value, in the order of the rows.
var listOf = aggregateName{plain: "make_list", conditional: "make_list_if"}

// units are the units of time from the largest to the smallest.
var units = []struct {
	name string
	d    time.Duration
}{
	{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second},
	{"ms", time.Millisecond}, {"microsecond", time.Microsecond}, {"tick", tick},
}

// tick is the unit in which Kusto keeps times.
const tick = 100 * time.Nanosecond

// timespanText is a length of time in the largest unit that divides it. Kusto
// counts ticks of 100 ns; what is shorter is lost.
func timespanText(d time.Duration) string {
	for _, u := range units {
		if d%u.d == 0 || u.name == "tick" {
			return strconv.FormatInt(int64(d/u.d), 10) + u.name
		}
	}
	return "0s"
}

// parseTimespan reads what timespanText writes.
func parseTimespan(text string) (time.Duration, bool) {
	i := 0
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	n, err := strconv.ParseInt(text[:i], 10, 64)
	if err != nil {
		return 0, false
	}
	for _, u := range units {
		if u.name == text[i:] {
			if d := time.Duration(n) * u.d; n == 0 || d/time.Duration(n) == u.d {
				return d, true
			}
		}
	}
	return 0, false
}

// sessionText is the length of time after which a session ends, in the form
// with which row_window_session means that: it starts a new session at a
// distance of that length already, the IR only beyond it.
func sessionText(gap time.Duration) string {
	ticks := int64(gap/tick) + 1
	const perSecond = int64(time.Second / tick)
	text := fmt.Sprintf("%02d:%02d:%02d", ticks/perSecond/3600%24, ticks/perSecond/60%60, ticks/perSecond%60)
	if days := ticks / perSecond / (24 * 3600); days > 0 {
		text = fmt.Sprintf("%d.%s", days, text)
	}
	if rest := ticks % perSecond; rest > 0 {
		text += fmt.Sprintf(".%07d", rest)
	}
	return text
}

// parseSession reads what sessionText writes.
func parseSession(text string) (time.Duration, bool) {
	var days, h, m, s, rest int64
	clock := text
	if i := strings.IndexByte(clock, '.'); i > 0 && i < strings.IndexByte(clock, ':') {
		n, err := strconv.ParseInt(clock[:i], 10, 32)
		if err != nil {
			return 0, false
		}
		days, clock = n, clock[i+1:]
	}
	clock, fraction, _ := strings.Cut(clock, ".")
	if n, err := fmt.Sscanf(clock, "%02d:%02d:%02d", &h, &m, &s); err != nil || n != 3 {
		return 0, false
	}
	if fraction != "" {
		n, err := strconv.ParseInt(fraction, 10, 32)
		if err != nil {
			return 0, false
		}
		rest = n
	}
	gap := time.Duration(days*24+h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second + time.Duration(rest-1)*tick
	return gap, gap >= 0 && sessionText(gap) == text
}

// foreignExpr is a text of the schema, parsed.
type foreignExpr struct {
	text   string // as the printer writes it
	expr   kql.Expr
	lifted ir.Expr // nil if Lift does not understand it
	err    error
}

// foreignCache keeps what has been parsed: the same few texts occur in
// thousands of rules.
type foreignCache struct {
	mu     sync.RWMutex
	byText map[string]foreignExpr
}

func (c *foreignCache) get(text string) foreignExpr {
	c.mu.RLock()
	f, ok := c.byText[text]
	c.mu.RUnlock()
	if ok {
		return f
	}
	f.expr, f.err = kql.ParseExpr(strings.TrimSpace(text))
	if f.err == nil {
		f.text = kql.PrintExpr(f.expr)
		l := &lifter{}
		if e := l.expr(f.expr); len(l.diags) == 0 {
			f.lifted = e
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byText == nil {
		c.byText = map[string]foreignExpr{}
	}
	c.byText[text] = f
	if f.err == nil {
		c.byText[f.text] = f
	}
	return f
}
