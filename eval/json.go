package eval

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/huntc/huntc/ir"
)

func init() {
	// Not in the literal: these compile their arguments themselves, with it.
	for _, id := range []ir.FuncID{ir.Json, ir.Prop, ir.At, ir.URL} {
		functions = append(functions, function{id, ofTree})
	}
}

// A row holds an object of JSON as its text. Within one expression an object is
// a map, so that what is a text there is not taken for an object.

// ofTree computes a function of JSON.
func ofTree(env environment, e *ir.Call, args []Value) (Value, error) {
	t, err := env.tree(e, args)
	if err != nil {
		return nil, err
	}
	return func(r Row) any { return flat(t(r)) }, nil
}

// tree is the value of a call as the JSON decoder has it, but for numbers.
func (env environment) tree(e *ir.Call, args []Value) (Value, error) {
	x := Value(func(r Row) any {
		v := args[0](r)
		if s, ok := v.(string); ok && (strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[")) {
			return parsed(s)
		}
		return v
	})
	if c, ok := e.Args[0].(*ir.Call); ok {
		switch c.Func {
		case ir.Json, ir.Prop, ir.At, ir.URL:
			inner := make([]Value, len(c.Args))
			for i, a := range c.Args {
				v, err := env.value(a)
				if err != nil {
					return nil, err
				}
				inner[i] = v
			}
			v, err := env.tree(c, inner)
			if err != nil {
				return nil, err
			}
			x = v
		}
	}
	switch e.Func {
	case ir.Json:
		return func(r Row) any {
			v := x(r)
			if s, ok := v.(string); ok {
				return parsed(s)
			}
			return v
		}, nil
	case ir.URL:
		return func(r Row) any {
			if s, ok := args[0](r).(string); ok {
				return urlParts(s)
			}
			return nil
		}, nil
	case ir.Prop:
		name, err := textConst(e, 1)
		return func(r Row) any {
			object, _ := x(r).(map[string]any)
			return object[name]
		}, err
	}
	n, err := placeConst(e, 1)
	return func(r Row) any {
		list, _ := x(r).([]any)
		return at(list, n)
	}, err
}

// placeConst is an argument that says a place in a list.
func placeConst(e *ir.Call, i int) (int64, error) {
	if l, ok := e.Args[i].(*ir.Lit); ok {
		if n, ok := l.Value.(int64); ok {
			return n, nil
		}
	}
	return 0, &NotEvaluable{e.Span, fmt.Sprintf("argument %d of %s has to be a literal whole number", i+1, e.Func)}
}

// at is the value at a place of a list, from the end if it is below zero.
func at(list []any, n int64) any {
	if n < 0 {
		n += int64(len(list))
	}
	if n < 0 || n >= int64(len(list)) {
		return nil
	}
	return list[n]
}

// parsed is the value that a text spells, or the text.
func parsed(s string) any {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return s
	}
	if _, err := d.Token(); err != io.EOF {
		return s
	}
	return v
}

// flat is a decoded value as a value of a row.
func flat(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return n
		}
		n, err := v.Float64()
		if err != nil {
			return string(v)
		}
		return n
	case map[string]any:
		return jsonText(v)
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			if inner, ok := x.([]any); ok {
				out[i] = jsonText(inner)
				continue
			}
			out[i] = flat(x)
		}
		return out
	}
	return v
}

func jsonText(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// urlParts are the parts of a web address; all of them empty of what is none.
func urlParts(s string) any {
	out := map[string]any{"Scheme": "", "Host": "", "Port": "", "Path": "", "Username": "", "Password": "", "Fragment": "", "Query Parameters": map[string]any{}}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" {
		return out
	}
	out["Scheme"], out["Host"], out["Port"], out["Path"], out["Fragment"] = u.Scheme, u.Hostname(), u.Port(), u.EscapedPath(), u.EscapedFragment()
	if u.User != nil {
		out["Username"] = u.User.Username()
		out["Password"], _ = u.User.Password()
	}
	query := map[string]any{}
	for _, pair := range strings.Split(u.RawQuery, "&") {
		if name, value, _ := strings.Cut(pair, "="); name != "" {
			query[name] = value
		}
	}
	out["Query Parameters"] = query
	return out
}

// whole makes a whole number of so many bits.
func whole(bits int) func(environment, *ir.Call, []Value) (Value, error) {
	return func(env environment, e *ir.Call, args []Value) (Value, error) {
		if t := ir.TypeOf(e.Args[0]); t == ir.Time || t == ir.Duration {
			return nil, &NotEvaluable{e.Span, "how a target counts a time in whole numbers is its own affair"}
		}
		limit := math.Ldexp(1, bits-1)
		return unary(func(v any) any {
			if b, ok := v.(bool); ok {
				if b {
					return int64(1)
				}
				return int64(0)
			}
			n, ok := toNumber(v)
			if _, isText := v.(string); !ok || isText && !n.isInt {
				return nil
			}
			if x := math.Trunc(n.float()); !n.isInt {
				if math.IsNaN(x) || x < -limit || x >= limit {
					return nil
				}
				return int64(x)
			}
			if bits == 32 && n.i != int64(int32(n.i)) {
				return nil
			}
			return n.i
		})(env, e, args)
	}
}

// instant is a literal time; in seconds where rows hold times so.
func instant(env environment, e *ir.Call, _ []Value) (Value, error) {
	s, err := textConst(e, 0)
	if err != nil {
		return nil, err
	}
	t, ok := parseTime(s)
	if !ok {
		return nil, &NotEvaluable{e.Span, fmt.Sprintf("%q is no instant that is known here", s)}
	}
	var v any = t
	if env.seconds {
		v = float64(t.UnixMicro()) / 1e6
	}
	return func(Row) any { return v }, nil
}

// dateDiff counts the borders between two instants.
func dateDiff(env environment, e *ir.Call, args []Value) (Value, error) {
	unit, err := textConst(e, 0)
	if err != nil {
		return nil, err
	}
	ordinal := ordinals(strings.ToLower(unit))
	if ordinal == nil {
		return nil, &NotEvaluable{e.Span, fmt.Sprintf("%q is no unit of time", unit)}
	}
	toTime := toTime
	if env.seconds {
		toTime = toInstant
	}
	return binary(func(a, b any) any {
		t, ok := toTime(a)
		u, ok2 := toTime(b)
		if !ok || !ok2 {
			return nil
		}
		return ordinal(t.UTC()) - ordinal(u.UTC())
	})(env, e, args[1:])
}

// ordinals numbers the units of time that instants are in; nil for no unit.
func ordinals(unit string) func(time.Time) int64 {
	months := func(t time.Time) int64 { return int64(t.Year())*12 + int64(t.Month()) - 1 }
	days := func(t time.Time) int64 { return floorDiv(t.Unix(), 86400) }
	switch unit {
	case "year":
		return func(t time.Time) int64 { return int64(t.Year()) }
	case "quarter":
		return func(t time.Time) int64 { return floorDiv(months(t), 3) }
	case "month":
		return months
	case "week": // 1970-01-01 was a Thursday
		return func(t time.Time) int64 { return floorDiv(days(t)+4, 7) }
	case "day":
		return days
	case "hour":
		return func(t time.Time) int64 { return floorDiv(t.Unix(), 3600) }
	case "minute":
		return func(t time.Time) int64 { return floorDiv(t.Unix(), 60) }
	case "second":
		return time.Time.Unix
	case "millisecond":
		return time.Time.UnixMilli
	case "microsecond":
		return time.Time.UnixMicro
	case "nanosecond":
		return time.Time.UnixNano
	}
	return nil
}

// parts cuts a text at each place of another.
func parts(env environment, e *ir.Call, args []Value) (Value, error) {
	by, err := textConst(e, 1)
	if err != nil {
		return nil, err
	}
	return ofText(func(s string) any {
		cut := strings.Split(s, by)
		out := make([]any, len(cut))
		for i, p := range cut {
			out[i] = p
		}
		return out
	})(env, e, args)
}
