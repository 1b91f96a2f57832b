package eval

import (
	"fmt"
	"math"
	"math/bits"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/huntc/huntc/ir"
)

// function is a row of the table of functions. compile makes the value of a
// call out of the values of its arguments.
type function struct {
	id      ir.FuncID
	compile func(env environment, e *ir.Call, args []Value) (Value, error)
}

// functions computes ir.Funcs, in its order.
var functions = []function{
	{ir.Minute, datePart(time.Time.Minute)},
	{ir.Hour, datePart(time.Time.Hour)},
	{ir.Day, datePart(time.Time.Day)},
	{ir.Week, datePart(func(t time.Time) int { _, week := t.ISOWeek(); return week })},
	{ir.Month, datePart(func(t time.Time) int { return int(t.Month()) })},
	{ir.Year, datePart(time.Time.Year)},
	{ir.Weekday, datePart(func(t time.Time) int { return int(t.Weekday()) })},
	{ir.Now, now},
	{ir.Add, binary(func(a, b any) any { return arithmetic(ir.Add, a, b) })},
	{ir.Sub, binary(func(a, b any) any { return arithmetic(ir.Sub, a, b) })},
	{ir.Mul, binary(func(a, b any) any { return arithmetic(ir.Mul, a, b) })},
	{ir.Div, binary(func(a, b any) any { return arithmetic(ir.Div, a, b) })},
	{ir.Bin, binary(bin)},
	{ir.Abs, unary(abs)},
	{ir.Floor, unary(func(v any) any { return round(v, math.Floor) })},
	{ir.Ceiling, unary(func(v any) any { return round(v, math.Ceil) })},
	{ir.Concat, concat},
	{ir.Lower, ofText(func(s string) any { return strings.ToLower(s) })},
	{ir.Upper, ofText(func(s string) any { return strings.ToUpper(s) })},
	{ir.StrLen, ofText(func(s string) any { return int64(utf8.RuneCountInString(s)) })},
	{ir.Substring, substring},
	{ir.Replace, replace},
	{ir.Split, split},
	{ir.Extract, extract},
	{ir.If, choose},
	{ir.Tuple, strict(tuple)},
	{ir.Coalesce, coalesce},
	{ir.ToString, ofText(func(s string) any { return s })},
	{ir.ToNumber, unary(func(v any) any {
		// Both targets read a point without a fraction as the end of a number.
		if s, ok := v.(string); ok && len(s) > 1 && s[len(s)-2] != '-' {
			v = strings.TrimSuffix(s, ".")
		}
		if n, ok := toNumber(v); ok {
			return n.value()
		}
		return nil
	})},
	{ir.Round, rounded},
	{ir.Joined, ofList(func(list []any, arg any) any {
		parts := make([]string, len(list))
		for i, v := range list {
			parts[i] = text(v)
		}
		by, _ := arg.(string)
		return strings.Join(parts, by)
	})},
	{ir.Item, ofList(func(list []any, arg any) any {
		n, _ := arg.(int64)
		if v := at(list, n); v != nil {
			return text(v)
		}
		return nil
	})},
	{ir.Size, ofList(func(list []any, _ any) any { return int64(len(list)) })},
	{ir.Parts, parts},
	{ir.Place, func(_ environment, e *ir.Call, _ []Value) (Value, error) {
		return nil, &NotEvaluable{e.Span, "where an address is, a database of the target knows"}
	}},
	{ir.ToInt, whole(32)},
	{ir.ToLong, whole(64)},
	{ir.Instant, instant},
	{ir.DateDiff, dateDiff},
}

// ofList computes something of a list and a constant; a value is a list of one.
func ofList(of func(list []any, arg any) any) func(environment, *ir.Call, []Value) (Value, error) {
	return func(_ environment, _ *ir.Call, args []Value) (Value, error) {
		return func(r Row) any {
			v := args[0](r)
			list, ok := v.([]any)
			if v == nil {
				return nil
			}
			if !ok {
				list = []any{v}
			}
			if len(args) > 1 {
				return of(list, args[1](r))
			}
			return of(list, nil)
		}, nil
	}
}

// rounded rounds half away from zero.
func rounded(_ environment, _ *ir.Call, args []Value) (Value, error) {
	return func(r Row) any {
		v, digits := args[0](r), int64(0)
		if len(args) > 1 {
			digits, _ = args[1](r).(int64)
		}
		scale := math.Pow10(int(min(digits, 15)))
		n, ok := toNumber(v)
		if !ok || !single(v) {
			return nil
		}
		if n.isInt {
			return n.i
		}
		if x, ok := n.value().(float64); ok {
			return math.Round(x*scale) / scale
		}
		return nil
	}, nil
}

// function is the row of a function.
func functionOf(id ir.FuncID) *function {
	for i := range functions {
		if functions[i].id == id {
			return &functions[i]
		}
	}
	panic("eval: unhandled function " + string(id))
}

// single reports whether a value is one value: neither missing nor several.
func single(v any) bool {
	_, several := v.([]any)
	return v != nil && !several
}

// strict computes a function whose result is missing unless each of its
// arguments is one value.
func strict(of func(args []any) any) func(environment, *ir.Call, []Value) (Value, error) {
	return func(_ environment, _ *ir.Call, args []Value) (Value, error) {
		return func(r Row) any {
			vals := make([]any, len(args))
			for i, a := range args {
				if vals[i] = a(r); !single(vals[i]) {
					return nil
				}
			}
			return of(vals)
		}, nil
	}
}

// unary and binary are strict for one argument and for two.
func unary(of func(any) any) func(environment, *ir.Call, []Value) (Value, error) {
	return func(_ environment, _ *ir.Call, args []Value) (Value, error) {
		x := args[0]
		return func(r Row) any {
			if v := x(r); single(v) {
				return of(v)
			}
			return nil
		}, nil
	}
}

func binary(of func(a, b any) any) func(environment, *ir.Call, []Value) (Value, error) {
	return func(_ environment, _ *ir.Call, args []Value) (Value, error) {
		x, y := args[0], args[1]
		return func(r Row) any {
			a := x(r)
			if !single(a) {
				return nil
			}
			b := y(r)
			if !single(b) {
				return nil
			}
			return of(a, b)
		}, nil
	}
}

// ofText computes a function of the text of a value.
func ofText(of func(string) any) func(environment, *ir.Call, []Value) (Value, error) {
	return func(env environment, _ *ir.Call, args []Value) (Value, error) {
		x, blank := args[0], env.empty == MissingIsEmpty
		return func(r Row) any {
			v := x(r)
			if v == nil && blank {
				return of("")
			}
			if single(v) {
				return of(text(v))
			}
			return nil
		}, nil
	}
}

func datePart(part func(time.Time) int) func(environment, *ir.Call, []Value) (Value, error) {
	return func(env environment, e *ir.Call, args []Value) (Value, error) {
		instant := toTime
		if env.seconds {
			instant = toInstant
		}
		return unary(func(v any) any {
			t, ok := instant(v)
			if !ok {
				return nil
			}
			return int64(part(t.UTC()))
		})(env, e, args)
	}
}

// now is the same in all rows.
func now(env environment, e *ir.Call, _ []Value) (Value, error) {
	if env.now.IsZero() {
		return nil, &NotEvaluable{e.Span, "the hunt asks for the present time, and none is given to run it at"}
	}
	var v any = env.now.UTC()
	if env.seconds {
		v = float64(env.now.UnixMicro()) / 1e6
	}
	return func(Row) any { return v }, nil
}

// choose looks at the branch that is taken only.
func choose(_ environment, _ *ir.Call, args []Value) (Value, error) {
	p, then, otherwise := args[0], args[1], Value(func(Row) any { return nil })
	if len(args) == 3 {
		otherwise = args[2]
	}
	return func(r Row) any {
		if p(r) == true {
			return then(r)
		}
		return otherwise(r)
	}, nil
}

func coalesce(_ environment, _ *ir.Call, args []Value) (Value, error) {
	return func(r Row) any {
		for _, a := range args {
			if v := a(r); v != nil {
				return v
			}
		}
		return nil
	}, nil
}

func concat(env environment, e *ir.Call, args []Value) (Value, error) {
	if env.empty == MissingIsEmpty {
		given := args
		args = make([]Value, len(given))
		for i, a := range given {
			args[i] = func(r Row) any { return filled(a(r)) }
		}
	}
	return strict(func(args []any) any {
		var b strings.Builder
		for _, a := range args {
			b.WriteString(text(a))
		}
		return b.String()
	})(env, e, args)
}

func tuple(args []any) any {
	var b []byte
	for _, a := range args {
		b = appendKey(b, a)
	}
	return string(b)
}

// textConst and countConst are arguments that the IR wants as literals.
func textConst(e *ir.Call, i int) (string, error) {
	if l, ok := e.Args[i].(*ir.Lit); ok {
		if s, ok := l.Value.(string); ok {
			return s, nil
		}
	}
	return "", &NotEvaluable{e.Span, fmt.Sprintf("argument %d of %s has to be a literal text", i+1, e.Func)}
}

func countConst(e *ir.Call, i int) (int, error) {
	if l, ok := e.Args[i].(*ir.Lit); ok {
		if n, ok := l.Value.(int64); ok && n >= 0 && n <= math.MaxInt32 {
			return int(n), nil
		}
	}
	return 0, &NotEvaluable{e.Span, fmt.Sprintf("argument %d of %s has to be a literal whole number that is not negative", i+1, e.Func)}
}

func substring(env environment, e *ir.Call, args []Value) (Value, error) {
	start, err := countConst(e, 1)
	if err != nil {
		return nil, err
	}
	n := math.MaxInt
	if len(e.Args) == 3 {
		if n, err = countConst(e, 2); err != nil {
			return nil, err
		}
	}
	return ofText(func(s string) any {
		s = s[runes(s, start):]
		return s[:runes(s, n)]
	})(env, e, args)
}

// runes is how many bytes the first n characters of s take; all of s if it has
// not so many.
func runes(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

func replace(env environment, e *ir.Call, args []Value) (Value, error) {
	old, err := textConst(e, 1)
	if err != nil {
		return nil, err
	}
	by, err := textConst(e, 2)
	if err != nil {
		return nil, err
	}
	return ofText(func(s string) any { return strings.ReplaceAll(s, old, by) })(env, e, args)
}

func split(env environment, e *ir.Call, args []Value) (Value, error) {
	by, err := textConst(e, 1)
	if err != nil {
		return nil, err
	}
	n, err := countConst(e, 2)
	if err != nil {
		return nil, err
	}
	return ofText(func(s string) any {
		for range n {
			_, after, ok := strings.Cut(s, by)
			if !ok {
				return nil
			}
			s = after
		}
		part, _, _ := strings.Cut(s, by)
		return part
	})(env, e, args)
}

func extract(env environment, e *ir.Call, args []Value) (Value, error) {
	source, err := textConst(e, 1)
	if err != nil {
		return nil, err
	}
	group, err := countConst(e, 2)
	if err != nil {
		return nil, err
	}
	re, err := compileRegexp(e.Span, source)
	if err != nil {
		return nil, err
	}
	if group > re.NumSubexp() {
		return nil, &NotEvaluable{e.Span, fmt.Sprintf("the regular expression has no group %d", group)}
	}
	return ofText(func(s string) any {
		m := re.FindStringSubmatchIndex(s)
		if m == nil || m[2*group] < 0 {
			return nil
		}
		return s[m[2*group]:m[2*group+1]]
	})(env, e, args)
}

// abs is the absolute value of a number or of a length of time.
func abs(v any) any {
	if d, ok := v.(time.Duration); ok {
		return d.Abs()
	}
	n, ok := toNumber(v)
	switch {
	case !ok:
		return nil
	case n.isInt && n.i != math.MinInt64:
		return max(n.i, -n.i)
	}
	return math.Abs(n.float())
}

// round makes a whole number of a number; of a length of time, its seconds.
func round(v any, by func(float64) float64) any {
	if d, ok := v.(time.Duration); ok {
		return by(d.Seconds())
	}
	n, ok := toNumber(v)
	switch {
	case !ok:
		return nil
	case n.isInt:
		return n.i
	}
	return by(n.f)
}

// bin is the largest multiple of size not above v. Instants count from the
// Unix epoch, so bins that divide a day begin where days begin.
func bin(v, size any) any {
	if d, ok := size.(time.Duration); ok {
		if d <= 0 {
			return nil
		}
		if x, ok := v.(time.Duration); ok {
			return time.Duration(floorDiv(int64(x), int64(d)) * int64(d))
		}
		t, ok := toTime(v)
		if !ok {
			return nil
		}
		return time.Unix(0, floorDiv(t.UnixNano(), int64(d))*int64(d)).UTC()
	}
	m, ok := toNumber(v)
	n, ok2 := toNumber(size)
	if !ok || !ok2 || n.float() <= 0 {
		return nil
	}
	if m.isInt && n.isInt {
		return floorDiv(m.i, n.i) * n.i
	}
	return normal(math.Floor(m.float()/n.float()) * n.float())
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func arithmetic(f ir.FuncID, a, b any) any {
	d, aDur := a.(time.Duration)
	e, bDur := b.(time.Duration)
	m, aNum := toNumber(a)
	n, bNum := toNumber(b)
	switch {
	case aNum && bNum:
		return numeric(f, m, n)
	case aDur && bDur:
		switch f {
		case ir.Add:
			return d + e
		case ir.Sub:
			return d - e
		case ir.Div:
			if e == 0 {
				return nil
			}
			return float64(d) / float64(e)
		}
		return nil
	case aDur && bNum:
		switch f {
		case ir.Mul:
			return scale(d, n.float())
		case ir.Div:
			return scale(d, 1/n.float())
		}
		return nil
	case aNum && bDur:
		if f == ir.Mul {
			return scale(e, m.float())
		}
		return nil
	}
	t, ok := toTime(a)
	if !ok {
		return nil
	}
	switch {
	case bDur && f == ir.Add:
		return t.Add(e)
	case bDur && f == ir.Sub:
		return t.Add(-e)
	case f == ir.Sub:
		if u, ok := toTime(b); ok {
			return t.Sub(u)
		}
	}
	return nil
}

func scale(d time.Duration, by float64) any {
	x := math.Round(float64(d) * by)
	if math.IsNaN(x) || math.Abs(x) >= math.MaxInt64 {
		return nil
	}
	return time.Duration(x)
}

// numeric calculates with whole numbers as long as the result is one that
// fits, else with floats. Division is that of real numbers: 3/2 is 1.5.
func numeric(f ir.FuncID, m, n number) any {
	if m.isInt && n.isInt {
		a, b := m.i, n.i
		switch f {
		case ir.Add:
			if s := a + b; (s > a) == (b > 0) {
				return s
			}
		case ir.Sub:
			if s := a - b; (s < a) == (b > 0) {
				return s
			}
		case ir.Mul:
			if p, ok := mulInt(a, b); ok {
				return p
			}
		case ir.Div:
			if b != 0 && b != -1 && a%b == 0 {
				return a / b
			}
		}
	}
	x, y := m.float(), n.float()
	switch f {
	case ir.Add:
		return normal(x + y)
	case ir.Sub:
		return normal(x - y)
	case ir.Mul:
		return normal(x * y)
	case ir.Div:
		return normal(x / y)
	}
	return nil
}

func mulInt(a, b int64) (int64, bool) {
	if a == math.MinInt64 || b == math.MinInt64 {
		return 0, false
	}
	hi, lo := bits.Mul64(uint64(max(a, -a)), uint64(max(b, -b)))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	if (a < 0) != (b < 0) {
		return -int64(lo), true
	}
	return int64(lo), true
}
