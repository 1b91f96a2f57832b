package schema

import (
	"slices"
	"strings"
	"time"

	"github.com/huntc/huntc/ir"
)

// use says where a value stands, which decides what Resolve makes of it.
type use uint8

const (
	asValue    use = iota // shown, or the argument of a function
	asArgument            // looked into or ordered
	asKey                 // tells rows apart
	asShown               // the result of an aggregate
)

// value raises an expression.
func (z *raiser) value(l *level, e ir.Expr, u use) ir.Expr {
	switch e := e.(type) {
	case *ir.Field:
		return z.column(l, e, u)
	case *ir.Lit:
		return e
	case *ir.Foreign:
		z.diags.Errorf(codeNoLogical, e, "Keep the hunt as native text.", "documents have no form for %s", excerpt(e.Text))
		return e
	case *ir.Call:
		if l.scan != nil {
			if name := l.scan.wholes[exprKey(e)]; name != "" && !slices.ContainsFunc(ir.Fields(e), func(f *ir.Field) bool { return l.made(f.Name) != nil }) {
				return &ir.Field{Span: e.Span, Name: name}
			}
		}
		f := ir.FuncOf(e.Func)
		c := *e
		c.Args = make([]ir.Expr, len(e.Args))
		for i, a := range e.Args {
			switch {
			case f.Param(i) == ir.Predicate:
				c.Args[i] = z.pred(l, a)
			case e.Func == ir.Tuple:
				c.Args[i] = z.value(l, a, asKey)
			default:
				c.Args[i] = z.value(l, a, asArgument)
			}
		}
		if e.Func == ir.Bin && ir.TypeOf(e.Args[0]) == ir.Time {
			c.Args[1] = seconds(c.Args[1])
		}
		return said(&c)
	}
	// Documents have no condition in the place of a value.
	truth := func(v bool) ir.Expr { return &ir.Lit{Span: e.At(), Value: v} }
	return &ir.Call{Span: e.At(), Func: ir.If, Args: []ir.Expr{z.pred(l, e), truth(true), truth(false)}}
}

// excerpt is the beginning of an expression of a target's language.
func excerpt(text string) string {
	const most = 80
	r := []rune(strings.Join(strings.Fields(text), " "))
	if len(r) > most {
		return string(r[:most]) + "..."
	}
	return string(r)
}

// borders are the units of time of which the borders lie at multiples of them.
var borders = map[string]time.Duration{"millisecond": time.Millisecond, "second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}

// said puts functions of documents in the place of some that only targets have,
// where they compute the same.
func said(c *ir.Call) ir.Expr {
	call := func(f ir.FuncID, args ...ir.Expr) *ir.Call { return &ir.Call{Span: c.Span, Func: f, Args: args} }
	number := func(v any) *ir.Lit { return &ir.Lit{Span: c.Span, Value: v} }
	switch c.Func {
	case ir.DateDiff:
		// How many borders lie between two instants is how far apart the last ones
		// before them are.
		lit, ok := c.Args[0].(*ir.Lit)
		if !ok {
			return c
		}
		name, _ := lit.Value.(string)
		if unit := borders[strings.ToLower(name)]; unit > 0 {
			size := ir.DurationLit(c.Span, unit)
			return call(ir.Div, call(ir.Sub, call(ir.Bin, c.Args[1], size), call(ir.Bin, c.Args[2], size)), size)
		}
	case ir.Round:
		digits := int64(0)
		if len(c.Args) > 1 {
			lit, _ := c.Args[1].(*ir.Lit)
			digits, _ = lit.Value.(int64)
		}
		if digits < 0 || digits > 6 {
			return c
		}
		scale := int64(1)
		for range digits {
			scale *= 10
		}
		if scale == 1 {
			return call(ir.Floor, call(ir.Add, c.Args[0], number(0.5)))
		}
		return call(ir.Div, call(ir.Floor, call(ir.Add, call(ir.Mul, c.Args[0], number(scale)), number(0.5))), number(scale))
	}
	return c
}

// seconds is a number as the length of time that Splunk means by it.
func seconds(x ir.Expr) ir.Expr {
	lit, ok := x.(*ir.Lit)
	if !ok {
		return x
	}
	switch v := lit.Value.(type) {
	case int64:
		return ir.DurationLit(lit.Span, time.Duration(v)*time.Second)
	case float64:
		return ir.DurationLit(lit.Span, time.Duration(v*float64(time.Second)))
	}
	return x
}

// column raises a column: the first logical form of which Resolve makes it.
func (z *raiser) column(l *level, f *ir.Field, u use) ir.Expr {
	if m := l.made(f.Name); m != nil {
		return &ir.Field{Span: f.Span, Name: m.logical}
	}
	if l.broken {
		return f
	}
	if l.scan == nil {
		z.diags.Errorf(codeNoField, f, "", "there is no column %s at this point of the text", f.Name)
		return f
	}
	s := l.scan
	forms := s.forms(f)
	for _, x := range forms {
		if s.valueOf(x, u) == f.Name {
			return x
		}
	}
	return z.bind(s, f)
}

// forms are the logical forms that a column may have as a value, best first,
// without the target's own name.
func (s *raisedScan) forms(f *ir.Field) []ir.Expr {
	if s.isTime(f.Name) {
		return []ir.Expr{&ir.Field{Span: f.Span, Name: ir.Timestamp}}
	}
	var out []ir.Expr
	for _, r := range s.rolesFor(f.Name) {
		g := &ir.Field{Span: f.Span, Name: r.field}
		switch {
		case r.part == whole || r.part == nameOfAccount && r.c.Domain == "":
			out = append(out, g)
		case r.part == fileOfPath || r.part == nameOfAccount:
			out = append(out, extract(g, lastPart, 0))
		case r.part == keyOfRegistry && !r.c.KeyAlone:
			out = append(out, extract(g, keyPart, 1))
		}
	}
	return out
}

func extract(f *ir.Field, regex string, group int64) ir.Expr {
	return &ir.Call{Span: f.Span, Func: ir.Extract, Args: []ir.Expr{f, &ir.Lit{Span: f.Span, Value: regex}, &ir.Lit{Span: f.Span, Value: group}}}
}

// valueOf is the column that Resolve makes of a value; "" if it makes something
// else.
func (s *raisedScan) valueOf(x ir.Expr, u use) string {
	r := s.b.r
	r.diags, r.reasons, r.emptyOrMissing = nil, nil, nil
	var y ir.Expr
	switch u {
	case asKey:
		y = r.key(s.b, x)
	case asShown:
		y = r.shown(s.b, x)
	case asArgument:
		y = r.argument(s.b, x, "")
	default:
		y = r.expr(s.b, x)
	}
	f, ok := y.(*ir.Field)
	if !ok || r.diags.HasErrors() {
		return ""
	}
	return f.Name
}

// bind keeps the target's name of a column, visibly.
func (z *raiser) bind(s *raisedScan, f *ir.Field) *ir.Field {
	g := &ir.Field{Span: f.Span, Name: f.Name}
	switch {
	case !s.has(f.Name):
		z.diags.Errorf(codeNoColumn, f, z.hint(s.b, f.Name), "%s has no column %s", s.b.where(), f.Name)
		return g
	case s.b.r.view != Raw && s.b.bound(f.Name) == nil:
		z.diags.Errorf(codeNoLogical, f, "Keep the hunt as native text.",
			"%s of %s has no name in documents here: %s has another meaning there, and a field of this name besides", f.Name, s.b.where(), s.ds.Name)
		return g
	}
	if !ir.HasField(z.boundFields, f.Name) {
		z.boundFields = append(z.boundFields, g)
		z.diags.Infof(codeBound, f, boundHint, "%s", boundMessage(s.b, f.Name))
	}
	return g
}

// hint is columnHint, once for each column: every dataset of a table is tried.
func (z *raiser) hint(b *base, name string) string {
	key := tableName{b.r.view, b.m.Table + "\x00" + name}
	if z.hints == nil {
		z.hints = map[tableName]string{}
	}
	if z.hints[key] == "" {
		z.hints[key] = z.schema.columnHint(b.r.view, b.m.Table, name)
	}
	return z.hints[key]
}
