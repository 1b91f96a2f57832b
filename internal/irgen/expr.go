package irgen

import (
	"math/rand/v2"
	"time"

	"github.com/huntc/huntc/ir"
)

// Expr is a random expression of a type, functions nested up to depth; nil if
// nothing of that type can be made of the fields. A value of it may be missing
// where no field is.
func (o Options) Expr(r *rand.Rand, fields []*ir.Field, t ir.Type, depth int) ir.Expr {
	if depth > 0 && r.IntN(3) > 0 {
		var x ir.Expr
		switch t {
		case ir.String:
			x = o.text(r, fields, depth-1)
		case ir.Int:
			x = o.whole(r, fields, depth-1)
		case ir.Float:
			x = o.float(r, fields, depth-1)
		case ir.Time:
			x = o.time(r, fields, depth-1)
		case ir.Duration:
			x = o.duration(r, fields, depth-1)
		}
		if x != nil {
			return x
		}
	}
	if f := fieldOf(r, fields, t); f != nil {
		return f
	}
	if depth > 0 {
		switch t {
		case ir.Float:
			return o.float(r, fields, depth-1)
		case ir.Int:
			return o.whole(r, fields, depth-1)
		case ir.Duration:
			return o.duration(r, fields, depth-1)
		}
	}
	return nil
}

// fieldOf is a field of a type; nil if there is none.
func fieldOf(r *rand.Rand, fields []*ir.Field, t ir.Type) ir.Expr {
	var same []*ir.Field
	for _, f := range fields {
		if f.T == t {
			same = append(same, f)
		}
	}
	if len(same) == 0 {
		return nil
	}
	return clone(pick(r, same))
}

func fn(f ir.FuncID, args ...ir.Expr) ir.Expr { return &ir.Call{Func: f, Args: args} }

func number(n int) ir.Expr { return &ir.Lit{Value: int64(n)} }

// either is one of two values of a type, by a condition or by presence.
func (o Options) either(r *rand.Rand, fields []*ir.Field, t ir.Type, depth int) ir.Expr {
	x, y := o.Expr(r, fields, t, depth), o.Expr(r, fields, t, depth)
	switch {
	case x == nil:
		return nil
	case r.IntN(3) == 0:
		args := []ir.Expr{x, or(y, x)}
		if r.IntN(3) == 0 {
			args = append(args, or(o.Expr(r, fields, t, 0), x))
		}
		return fn(ir.Coalesce, args...)
	case r.IntN(3) == 0:
		return fn(ir.If, o.pred(r, fields, 1), x)
	}
	return fn(ir.If, o.pred(r, fields, 1), x, or(y, x))
}

// or is an expression, or another one where there is none.
func or(x, other ir.Expr) ir.Expr {
	if x == nil {
		return other
	}
	return x
}

func (o Options) text(r *rand.Rand, fields []*ir.Field, depth int) ir.Expr {
	if r.IntN(8) == 0 {
		n := o.Expr(r, fields, ir.Int, depth)
		if n == nil {
			return nil
		}
		return fn(ir.ToString, n)
	}
	x := o.Expr(r, fields, ir.String, depth)
	if x == nil {
		return nil
	}
	switch r.IntN(9) {
	case 0:
		return fn(ir.Lower, x)
	case 1:
		return fn(ir.Upper, x)
	case 2:
		if r.IntN(3) == 0 {
			return fn(ir.Substring, x, number(r.IntN(6)))
		}
		return fn(ir.Substring, x, number(r.IntN(6)), number(r.IntN(8)))
	case 3:
		by := ""
		if r.IntN(2) == 0 {
			by = Text(r)
		}
		return fn(ir.Replace, x, &ir.Lit{Value: o.cut(r, fields)}, &ir.Lit{Value: by})
	case 4:
		return fn(ir.Split, x, &ir.Lit{Value: o.cut(r, fields)}, number(pick(r, []int{0, 0, 1, 1, 2, 5})))
	case 5:
		source, group := o.groups(r, fields)
		return fn(ir.Extract, x, &ir.Lit{Value: source}, number(group))
	case 6:
		args := []ir.Expr{x, &ir.Lit{Value: Text(r)}}
		if r.IntN(2) == 0 {
			args = append(args, or(o.Expr(r, fields, ir.String, depth), x))
		}
		return fn(ir.Concat, args...)
	}
	return o.either(r, fields, ir.String, depth)
}

// cut is a text that is not empty, most often a part of what a field holds.
func (o Options) cut(r *rand.Rand, fields []*ir.Field) string {
	s := flipCase(r, pick(r, words))
	if f, ok := fieldOf(r, fields, ir.String).(*ir.Field); ok && r.IntN(4) > 0 {
		s, _ = o.value(r, f).(string)
	}
	c := []rune(s)
	if len(c) == 0 {
		return "a"
	}
	i := r.IntN(len(c))
	return string(c[i:min(len(c), i+1+r.IntN(4))])
}

// groups is a regular expression and the number of one of its groups; not each
// group is part of each match.
func (o Options) groups(r *rand.Rand, fields []*ir.Field) (string, int) {
	a, b := quoteRegexp(o.cut(r, fields)), quoteRegexp(o.cut(r, fields))
	flag := pick(r, []string{"", "", "(?i)", "(?s)"})
	switch r.IntN(6) {
	case 0:
		return flag + a + "(.*)", r.IntN(2)
	case 1:
		return flag + "(" + a + "|" + b + ")", r.IntN(2)
	case 2:
		return flag + `([^a-z]+)(` + a + `)?`, r.IntN(3)
	case 3:
		return flag + `^(.+?)` + a + `(.)`, r.IntN(3)
	case 4:
		return flag + `([a-z]+)([0-9.]*)$`, r.IntN(3)
	}
	return "." + o.regexp(r, &ir.Field{T: ir.String}), 0
}

func (o Options) whole(r *rand.Rand, fields []*ir.Field, depth int) ir.Expr {
	switch r.IntN(8) {
	case 0, 1:
		if x := o.Expr(r, fields, ir.String, depth); x != nil {
			return fn(ir.StrLen, x)
		}
	case 2, 3:
		if x := o.Expr(r, fields, ir.Time, depth); x != nil {
			return fn(pick(r, []ir.FuncID{ir.Minute, ir.Hour, ir.Day, ir.Week, ir.Month, ir.Year, ir.Weekday, ir.Weekday}), x)
		}
	case 4:
		if x := o.Expr(r, fields, ir.Int, depth); x != nil {
			return fn(ir.Bin, x, number(1+r.IntN(10)))
		}
	case 5:
		if x := o.Expr(r, fields, ir.Int, depth); x != nil {
			return fn(ir.Abs, x)
		}
	case 6:
		x, y := o.Expr(r, fields, ir.Int, depth), o.Expr(r, fields, ir.Int, 0)
		if r.IntN(2) == 0 {
			y = nil
		}
		if x != nil {
			return fn(pick(r, []ir.FuncID{ir.Add, ir.Sub, ir.Mul}), x, or(y, number(r.IntN(14)-2)))
		}
	case 7:
		return o.either(r, fields, ir.Int, depth)
	}
	return nil
}

func (o Options) float(r *rand.Rand, fields []*ir.Field, depth int) ir.Expr {
	switch r.IntN(6) {
	case 0:
		if x := o.Expr(r, fields, ir.String, depth); x != nil {
			return fn(ir.ToNumber, x)
		}
	case 1:
		x, y := o.Expr(r, fields, ir.Int, depth), o.Expr(r, fields, ir.Int, 0)
		if r.IntN(2) == 0 {
			y = nil
		}
		if x != nil {
			return fn(ir.Div, x, or(y, &ir.Lit{Value: float64(r.IntN(40))/4 - 2}))
		}
	case 2, 3:
		if x := o.Expr(r, fields, ir.Float, depth); x != nil {
			return fn(pick(r, []ir.FuncID{ir.Floor, ir.Ceiling}), x)
		}
	case 4:
		if x := o.Expr(r, fields, ir.Float, depth); x != nil {
			return fn(pick(r, []ir.FuncID{ir.Add, ir.Sub, ir.Mul}), x, &ir.Lit{Value: float64(r.IntN(40))/4 - 2})
		}
	case 5:
		return o.either(r, fields, ir.Float, depth)
	}
	return nil
}

func (o Options) time(r *rand.Rand, fields []*ir.Field, depth int) ir.Expr {
	switch n := r.IntN(6); n {
	case 0, 1:
		// The shapes that hunts have: "now - 1d", and now itself.
		if n == 0 {
			return fn(ir.Now)
		}
		return fn(ir.Sub, fn(ir.Now), &ir.Lit{Value: time.Duration(1+r.IntN(60)) * time.Hour})
	case 2:
		if x := o.Expr(r, fields, ir.Time, depth); x != nil {
			return fn(ir.Bin, x, &ir.Lit{Value: pick(r, []time.Duration{5 * time.Minute, time.Hour, 7 * time.Hour, 24 * time.Hour})})
		}
	case 3, 4:
		if x := o.Expr(r, fields, ir.Time, depth); x != nil {
			return fn(pick(r, []ir.FuncID{ir.Add, ir.Sub}), x, &ir.Lit{Value: time.Duration(1+r.IntN(20)) * 10 * time.Minute})
		}
	case 5:
		return o.either(r, fields, ir.Time, depth)
	}
	return nil
}

func (o Options) duration(r *rand.Rand, fields []*ir.Field, depth int) ir.Expr {
	switch r.IntN(5) {
	case 0, 1:
		x, y := o.Expr(r, fields, ir.Time, depth), o.Expr(r, fields, ir.Time, 0)
		if x == nil || y == nil {
			return nil
		}
		if r.IntN(2) == 0 {
			return fn(ir.Sub, fn(ir.Now), y)
		}
		return fn(ir.Sub, x, y)
	case 2:
		if x := o.Expr(r, fields, ir.Duration, depth); x != nil {
			return fn(ir.Abs, x)
		}
	case 3:
		if x := o.Expr(r, fields, ir.Duration, depth); x != nil {
			return fn(pick(r, []ir.FuncID{ir.Mul, ir.Div}), x, number(2))
		}
	case 4:
		return o.either(r, fields, ir.Duration, depth)
	}
	return nil
}
