package eval

import (
	"cmp"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/huntc/huntc/ir"
)

// text is what a string operator sees of a value. It is the same for a whole
// number whether it is held as int64 or as float64.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return strconv.FormatInt(int64(v), 10)
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case time.Duration:
		return v.String()
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = text(x)
		}
		return strings.Join(parts, "\n")
	}
	return ""
}

// number is a whole number where isInt, else f.
type number struct {
	isInt bool
	i     int64
	f     float64
}

func (n number) float() float64 {
	if n.isInt {
		return float64(n.i)
	}
	return n.f
}

// value is the number as a value of a row.
func (n number) value() any {
	if n.isInt {
		return n.i
	}
	return normal(n.f)
}

func (a number) compare(b number) int {
	if a.isInt && b.isInt {
		return cmp.Compare(a.i, b.i)
	}
	return cmp.Compare(a.float(), b.float())
}

// toNumber reads a number, or a string that spells one.
func toNumber(v any) (number, bool) {
	switch v := v.(type) {
	case int64:
		return number{isInt: true, i: v}, true
	case float64:
		return number{f: v}, true
	case string:
		return spellsNumber(v)
	}
	return number{}, false
}

// spellsNumber reads digits with an optional minus and an optional fraction.
// Exponents, plus signs and blanks spell no number: a hash such as 12e4 is
// text to whoever wrote it.
func spellsNumber(s string) (number, bool) {
	digits := strings.TrimPrefix(s, "-")
	whole, fraction, dotted := strings.Cut(digits, ".")
	if !allDigits(whole) || dotted && !allDigits(fraction) {
		return number{}, false
	}
	if !dotted {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return number{isInt: true, i: i}, true
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return number{}, false
	}
	return number{f: f}, true
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// timeLayouts are the spellings of an instant that events carry: ISO 8601,
// and Sysmon's UtcTime. Without a zone the time is UTC.
var timeLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02",
}

func parseTime(s string) (time.Time, bool) {
	if len(s) < len("2006-01-02") || s[4] != '-' {
		return time.Time{}, false
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

func toTime(v any) (time.Time, bool) {
	switch v := v.(type) {
	case time.Time:
		return v, true
	case string:
		return parseTime(v)
	}
	return time.Time{}, false
}

// compareValues is the truth of "a op b". Either side may hold several
// values: then one pair that satisfies the comparison is enough, but for Ne,
// which is true where Eq is false and both sides are present.
func compareValues(op ir.CmpOp, a, b any, cased bool) bool {
	if a == nil || b == nil {
		return false
	}
	if op == ir.Ne {
		return !compareValues(ir.Eq, a, b, cased)
	}
	if list, ok := a.([]any); ok {
		for _, x := range list {
			if compareValues(op, x, b, cased) {
				return true
			}
		}
		return false
	}
	if list, ok := b.([]any); ok {
		for _, y := range list {
			if compareValues(op, a, y, cased) {
				return true
			}
		}
		return false
	}
	if op == ir.Eq {
		return equal(a, b, cased)
	}
	c, ok := compareOrder(a, b, cased)
	return ok && holds(op, c)
}

func holds(op ir.CmpOp, c int) bool {
	switch op {
	case ir.Eq:
		return c == 0
	case ir.Ne:
		return c != 0
	case ir.Lt:
		return c < 0
	case ir.Le:
		return c <= 0
	case ir.Gt:
		return c > 0
	case ir.Ge:
		return c >= 0
	}
	panic("eval: unhandled comparison " + string(op))
}

// equal compares two single values. Two texts are equal as texts, even where
// both spell a number; values of different types are equal where the text
// spells the other value.
func equal(a, b any, cased bool) bool {
	s, aText := a.(string)
	t, bText := b.(string)
	if aText && bText {
		return equalText(s, t, cased)
	}
	_, aBool := a.(bool)
	_, bBool := b.(bool)
	if (aBool || bBool) && (aBool || aText) && (bBool || bText) {
		return equalText(text(a), text(b), false)
	}
	c, ok := compareOrder(a, b, cased)
	return ok && c == 0
}

func equalText(s, t string, cased bool) bool {
	if cased {
		return s == t
	}
	// Not strings.EqualFold: it takes any two bytes that are not UTF-8 for equal.
	return s == t || fold(s) == fold(t)
}

// compareOrder orders two single values if they have an order: numbers and
// texts that spell numbers, instants, lengths of time, and other texts by
// code point, without case unless cased.
func compareOrder(a, b any, cased bool) (int, bool) {
	if m, ok := toNumber(a); ok {
		if n, ok := toNumber(b); ok {
			return m.compare(n), true
		}
	}
	switch x := a.(type) {
	case time.Time:
		y, ok := toTime(b)
		return x.Compare(y), ok
	case time.Duration:
		y, ok := b.(time.Duration)
		return cmp.Compare(x, y), ok
	case string:
		switch y := b.(type) {
		case string:
			if !cased {
				x, y = fold(x), fold(y)
			}
			return strings.Compare(x, y), true
		case time.Time:
			t, ok := toTime(x)
			return t.Compare(y), ok
		}
	}
	return 0, false
}

// rank sorts values of different types; within a rank compareTotal decides.
func rank(v any) int {
	switch v := v.(type) {
	case nil:
		return 0
	case bool:
		return 1
	case int64, float64:
		return 2
	case time.Duration:
		return 3
	case time.Time:
		return 4
	case string:
		if _, ok := spellsNumber(v); ok {
			return 2
		}
		return 5
	}
	return 6
}

// compareTotal is the order of Sort, Min, Max and Values: missing first, then
// truth values, numbers and texts that spell one, lengths of time, instants,
// other texts by code point with case, and fields with several values.
func compareTotal(a, b any) int {
	ra, rb := rank(a), rank(b)
	if ra != rb {
		return cmp.Compare(ra, rb)
	}
	switch ra {
	case 0:
		return 0
	case 1:
		return strings.Compare(text(a), text(b))
	case 2, 3, 4:
		c, _ := compareOrder(a, b, true)
		return c
	}
	return strings.Compare(text(a), text(b))
}

// appendKey writes a value so that two values are written alike if and only
// if they are the same key of a group, of a join or of a distinct: the same
// text in the same case, or both missing.
func appendKey(b []byte, v any) []byte {
	if v == nil {
		return append(b, 0)
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	b = strconv.AppendInt(append(b, 1), int64(len(list)), 10)
	for _, x := range list {
		s := text(x)
		b = strconv.AppendInt(append(b, ':'), int64(len(s)), 10)
		b = append(append(b, ':'), s...)
	}
	return b
}

// call applies a function of the IR's table. A missing argument, one that
// holds several values, one of a type that the function does not take, a
// division by zero and a result that is no finite number give a missing value.
func call(f ir.FuncID, args []any) any {
	if f == ir.Coalesce {
		for _, a := range args {
			if a != nil {
				return a
			}
		}
		return nil
	}
	for _, a := range args {
		if _, list := a.([]any); list || a == nil {
			return nil
		}
	}
	switch f {
	case ir.Concat:
		var b strings.Builder
		for _, a := range args {
			b.WriteString(text(a))
		}
		return b.String()
	case ir.Tuple:
		var b []byte
		for _, a := range args {
			b = appendKey(b, a)
		}
		return string(b)
	case ir.ToString:
		return text(args[0])
	case ir.ToNumber:
		n, ok := toNumber(args[0])
		if !ok {
			return nil
		}
		return n.value()
	case ir.Minute, ir.Hour, ir.Day, ir.Week, ir.Month, ir.Year:
		t, ok := toTime(args[0])
		if !ok {
			return nil
		}
		return datePart(f, t.UTC())
	case ir.Bin:
		return bin(args[0], args[1])
	}
	return arithmetic(f, args[0], args[1])
}

func datePart(f ir.FuncID, t time.Time) any {
	switch f {
	case ir.Minute:
		return int64(t.Minute())
	case ir.Hour:
		return int64(t.Hour())
	case ir.Day:
		return int64(t.Day())
	case ir.Week:
		_, week := t.ISOWeek()
		return int64(week)
	case ir.Month:
		return int64(t.Month())
	}
	return int64(t.Year())
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
