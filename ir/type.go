package ir

import (
	"fmt"
	"time"
)

// Type is the type of a column or value. In a physical query it is the type
// that the target stores: an address is a String there.
type Type string

const (
	Unknown  Type = ""         // not known: any comparison is allowed
	String   Type = "string"   //
	Int      Type = "int"      // whole number
	Float    Type = "float"    //
	Bool     Type = "bool"     //
	Time     Type = "time"     // an instant
	Duration Type = "duration" // a length of time
	IP       Type = "ip"       // an address; logical queries only
	Dynamic  Type = "dynamic"  // JSON; physical queries only
)

// Numeric reports whether values of the type are numbers.
func (t Type) Numeric() bool { return t == Int || t == Float }

// TypeOf is the type of an expression whose fields have theirs.
func TypeOf(e Expr) Type {
	switch e := e.(type) {
	case *Field:
		return e.T
	case *Lit:
		switch e.Value.(type) {
		case string:
			return String
		case int64:
			return Int
		case float64:
			return Float
		case bool:
			return Bool
		case time.Duration:
			return Duration
		}
	case *Foreign:
		return e.T
	case *Call:
		return e.typeOf()
	case nil:
		return Unknown
	}
	return Bool
}

func (c *Call) typeOf() Type {
	arg := func(i int) Type {
		if i < len(c.Args) {
			return TypeOf(c.Args[i])
		}
		return Unknown
	}
	if t := FuncOf(c.Func).Result; t != Unknown {
		return t
	}
	switch c.Func {
	case If:
		return arg(1)
	case Coalesce, Bin:
		return arg(0)
	}
	// Each argument once: they may be as deep as a text is long.
	first, second := arg(0), arg(1)
	switch {
	case c.Func == Div && first == Duration && second != Duration:
		return Duration
	case c.Func == Div:
		return Float
	case c.Func == Sub && first == Time && second == Time:
		return Duration
	}
	for _, t := range []Type{first, second} {
		if t == Time || t == Duration || t == Float {
			return t
		}
	}
	return first
}

// Type is the type of the aggregate's result.
func (a *Agg) Type() Type {
	switch a.Func {
	case Count, CountIf, DCount:
		return Int
	case Avg, Stdev:
		if TypeOf(a.X) == Duration {
			return Duration
		}
		return Float
	case Values, List:
		return Dynamic
	}
	return TypeOf(a.X)
}

// SpanText is a length of time in the largest unit that divides it, as a
// document writes it: 7d, 90m.
func SpanText(d time.Duration) string {
	for _, u := range []struct {
		d    time.Duration
		unit string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d%u.d == 0 {
			return fmt.Sprintf("%d%s", d/u.d, u.unit)
		}
	}
	return d.String()
}
