package eval

import (
	"cmp"
	"math"
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
	if t, ok := usualTime(s); ok {
		return t, true
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// usualTime reads 2006-01-02 15:04:05.999999999 with a blank or a T between, in UTC
// or with a Z: the spellings that logs are full of. The others are parseTime's.
func usualTime(s string) (time.Time, bool) {
	if len(s) < 19 || s[4] != '-' || s[7] != '-' || s[10] != ' ' && s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	num := func(from, to int) int {
		n := 0
		for _, c := range []byte(s[from:to]) {
			if c < '0' || c > '9' {
				return -1
			}
			n = 10*n + int(c-'0')
		}
		return n
	}
	year, month, day := num(0, 4), num(5, 7), num(8, 10)
	hour, minute, second := num(11, 13), num(14, 16), num(17, 19)
	if year < 0 || month < 1 || month > 12 || day < 1 || day > 28 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return time.Time{}, false
	}
	rest, nanos := s[19:], 0
	if len(rest) > 1 && rest[0] == '.' && rest[1] != 'Z' {
		scale := 1_000_000_000
		rest = rest[1:]
		for rest != "" && '0' <= rest[0] && rest[0] <= '9' && scale > 1 {
			scale /= 10
			nanos += int(rest[0]-'0') * scale
			rest = rest[1:]
		}
	}
	if rest != "" && (rest != "Z" || s[10] != 'T') {
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC), true
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

// toInstant reads an instant, or a number as seconds since 1970.
func toInstant(v any) (time.Time, bool) {
	if t, ok := toTime(v); ok {
		return t, true
	}
	n, ok := toNumber(v)
	switch {
	case !ok:
		return time.Time{}, false
	case n.isInt:
		return time.Unix(n.i, 0).UTC(), true
	}
	return time.UnixMicro(int64(n.f * 1e6)).UTC(), true
}

// inSeconds is a length of time as a number of seconds.
func inSeconds(d time.Duration) any {
	if d%time.Second == 0 {
		return int64(d / time.Second)
	}
	return d.Seconds()
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
