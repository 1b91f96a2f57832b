package defender

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/ir"
)

// scalar is how Kusto says a function of the IR. Lower and Lift share the
// table.
type scalar struct {
	id ir.FuncID
	// op is a binary operator; else name is a function, whose first argument
	// is the text part if that is set.
	op, name, part string
}

var scalars = []scalar{
	{id: ir.Add, op: "+"},
	{id: ir.Sub, op: "-"},
	{id: ir.Mul, op: "*"},
	{id: ir.Div, op: "/"},
	{id: ir.Bin, name: "bin"},
	{id: ir.Concat, name: "strcat"},
	{id: ir.Coalesce, name: "coalesce"}, // which skips empty texts like null
	{id: ir.ToString, name: "tostring"},
	{id: ir.ToNumber, name: "todouble"},
	{id: ir.Minute, name: "datetime_part", part: "minute"},
	{id: ir.Hour, name: "datetime_part", part: "hour"},
	{id: ir.Day, name: "datetime_part", part: "day"},
	{id: ir.Week, name: "datetime_part", part: "week_of_year"},
	{id: ir.Month, name: "datetime_part", part: "month"},
	{id: ir.Year, name: "datetime_part", part: "year"},
}

// conditional is how Kusto says If: with a typed null, or the empty text, where
// that has one value only.
const conditional = "case"

func scalarOf(id ir.FuncID) scalar {
	for _, s := range scalars {
		if s.id == id {
			return s
		}
	}
	panic("defender: unhandled function " + string(id))
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
