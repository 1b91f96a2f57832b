package schema

import (
	"slices"
	"time"

	"github.com/huntc/huntc/ir"
)

// Splunk has no type for a length of time, nor for an instant: both are numbers
// of seconds. Documents tell them from numbers. So where a text calculates with
// times, the type of each column is inferred from what it is made of, and a
// number that meets a length of time is that many seconds.

// lengths gives the numbers of a raised query of Splunk that are lengths of time
// their unit. It leaves the filters right above events alone, which are
// detections: a value means there what the field holds.
func (s *Schema) lengths(q ir.Query) ir.Query {
	return ir.MapQuery(q, func(q ir.Query) ir.Query {
		switch q := q.(type) {
		case *ir.Filter:
			if _, detection := q.Input.(*ir.Scan); !detection {
				return &ir.Filter{Span: q.Span, Input: q.Input, Pred: s.spans(q.Input).expr(q.Pred)}
			}
		case *ir.Extend:
			return &ir.Extend{Span: q.Span, Input: q.Input, Cols: s.spans(q.Input).cols(q.Cols)}
		case *ir.Project:
			return &ir.Project{Span: q.Span, Input: q.Input, Cols: s.spans(q.Input).cols(q.Cols)}
		case *ir.Aggregate:
			t := s.spans(q.Input)
			out := &ir.Aggregate{Span: q.Span, Input: q.Input, By: t.cols(q.By)}
			for _, a := range q.Aggs {
				b := *a
				if a.X != nil {
					b.X = t.expr(a.X)
				}
				out.Aggs = append(out.Aggs, &b)
			}
			return out
		}
		return q
	})
}

// spanTyper rewrites expressions over columns of known types.
type spanTyper struct {
	c  *checker
	in *columns
}

func (s *Schema) spans(in ir.Query) *spanTyper {
	c := &checker{schema: s}
	return &spanTyper{c, c.query(in, nil)}
}

func (t *spanTyper) kind(e ir.Expr) kind { return kindOf(t.c.expr(t.in, e)) }

func (t *spanTyper) cols(in []*ir.Col) []*ir.Col {
	out := make([]*ir.Col, len(in))
	for i, c := range in {
		out[i] = &ir.Col{Span: c.Span, As: c.As, X: t.expr(c.X)}
	}
	return out
}

func (t *spanTyper) expr(e ir.Expr) ir.Expr {
	return ir.MapExpr(e, func(e ir.Expr) ir.Expr {
		switch e := e.(type) {
		case *ir.Compare:
			l, r := t.kind(e.L), t.kind(e.R)
			c := *e
			switch {
			case l == lengthKind && r == numberKind:
				c.L, c.R = meet(e.L, e.R)
			case l == numberKind && r == lengthKind:
				c.R, c.L = meet(e.R, e.L)
			default:
				return e
			}
			return &c
		case *ir.Match:
			if t.kind(e.X) == lengthKind {
				return equalsLength(e)
			}
		case *ir.Call:
			return t.call(e)
		}
		return e
	})
}

// call rewrites a call of which the arguments are rewritten.
func (t *spanTyper) call(e *ir.Call) ir.Expr {
	kinds := make([]kind, len(e.Args))
	some := false
	for i, a := range e.Args {
		if i == 0 && e.Func == ir.If {
			continue // a condition
		}
		kinds[i] = t.kind(a)
		some = some || kinds[i] == lengthKind || kinds[i] == timeKind
	}
	if !some {
		return e
	}
	c := *e
	c.Args = make([]ir.Expr, len(e.Args))
	copy(c.Args, e.Args)
	a := c.Args
	is := func(l, r kind) bool { return kinds[0] == l && kinds[1] == r }
	switch e.Func {
	case ir.Add, ir.Sub:
		switch {
		case is(lengthKind, numberKind), is(timeKind, numberKind):
			a[1] = asSpan(a[1])
		case is(numberKind, lengthKind), e.Func == ir.Add && is(numberKind, timeKind):
			a[0] = asSpan(a[0])
		}
	case ir.Mul:
		if is(lengthKind, lengthKind) {
			a[1] = inSeconds(a[1])
		}
	case ir.Div:
		switch {
		case is(lengthKind, numberKind) && isUnit(a[1]):
			a[1] = asSpan(a[1])
		case is(numberKind, lengthKind):
			a[1] = inSeconds(a[1])
		}
	case ir.Bin:
		if is(lengthKind, numberKind) || is(timeKind, numberKind) {
			if lit, ok := a[1].(*ir.Lit); ok {
				a[1] = asSpan(lit)
			}
		}
	case ir.Floor, ir.Ceiling, ir.Round, ir.ToNumber, ir.ToString, ir.Concat, ir.Joined:
		for i := range a {
			if kinds[i] == lengthKind {
				a[i] = inSeconds(a[i])
			}
		}
	case ir.If, ir.Coalesce:
		numbers := false
		for i := range a {
			if kinds[i] == numberKind {
				if _, ok := a[i].(*ir.Lit); !ok {
					numbers = true
				}
			}
		}
		for i := range a {
			switch {
			case numbers && kinds[i] == lengthKind:
				a[i] = inSeconds(a[i])
			case !numbers && kinds[i] == numberKind && !slices.Contains(kinds, timeKind):
				a[i] = asSpan(a[i])
			}
		}
	}
	return &c
}

// meet makes a length of time and a number that meet alike: a literal number is
// so many seconds, and of another one the length is a number too.
func meet(length, n ir.Expr) (ir.Expr, ir.Expr) {
	if lit, ok := n.(*ir.Lit); ok {
		return length, asSpan(lit)
	}
	return inSeconds(length), n
}

// asSpan is a number of seconds as a length of time.
func asSpan(e ir.Expr) ir.Expr {
	if lit, ok := e.(*ir.Lit); ok {
		return seconds(lit)
	}
	return &ir.Call{Span: e.At(), Func: ir.Mul, Args: []ir.Expr{e, ir.DurationLit(e.At(), time.Second)}}
}

// inSeconds is a length of time as the number of its seconds.
func inSeconds(e ir.Expr) ir.Expr {
	return &ir.Call{Span: e.At(), Func: ir.Div, Args: []ir.Expr{e, ir.DurationLit(e.At(), time.Second)}}
}

// isUnit reports whether a literal is the seconds of a unit of time: divided by
// it, a length of time is a number of those.
func isUnit(e ir.Expr) bool {
	lit, ok := e.(*ir.Lit)
	if !ok {
		return false
	}
	switch literalText(lit) {
	case "1", "60", "3600", "86400", "604800":
		return true
	}
	return false
}

// equalsLength is a match of a length of time with the texts of numbers.
func equalsLength(e *ir.Match) ir.Expr {
	var any []ir.Expr
	for _, p := range e.Any {
		text, ok := p.Literal()
		if !ok {
			return e
		}
		n := number(p.Span, text)
		if n == nil {
			return e
		}
		any = append(any, &ir.Compare{Span: e.Span, Op: ir.Eq, L: e.X, R: asSpan(n)})
	}
	return ir.NewLogic(e.Span, ir.Or, any...)
}
