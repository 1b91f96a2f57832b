package splunk

import (
	"errors"
	"regexp/syntax"

	"github.com/huntc/huntc/ir"
)

// sayable says what Splunk has no word for in words that it has, and refuses
// what it cannot say at all. What comes after it knows every kind of join and
// every aggregate that is left.
func (p *planner) sayable(q ir.Query) ir.Query {
	return ir.MapQuery(q, func(q ir.Query) ir.Query {
		switch q := q.(type) {
		case *ir.Union:
			if q.Source != "" {
				p.diags.Errorf(codeUnsayable, q, "Add the column to each branch with \"extend\".", "Splunk has no column %s that says which search a row is from", q.Source)
			}
		case *ir.Join:
			return p.sayableJoin(q)
		case *ir.Filter:
			ir.WalkExpr(q.Pred, func(e ir.Expr) bool {
				if e, ok := e.(*ir.Regexp); ok {
					if why := misspelt(e.Source); why != "" {
						p.diags.Errorf(codeUnsayable, e, "Correct it.", "the regular expression %q cannot be read: %s", e.Source, why)
					}
				}
				return true
			})
		case *ir.Aggregate:
			for _, a := range q.Aggs {
				p.sayableAgg(a)
			}
		}
		return q
	})
}

// misspelt says what is wrong with a regular expression in every dialect; "" for
// nothing. What Go's parser refuses besides, such as looking around, PCRE has.
func misspelt(source string) string {
	_, err := syntax.Parse(source, syntax.Perl)
	var bad *syntax.Error
	if errors.As(err, &bad) {
		switch bad.Code {
		case syntax.ErrMissingParen, syntax.ErrUnexpectedParen, syntax.ErrMissingBracket, syntax.ErrTrailingBackslash, syntax.ErrMissingRepeatArgument:
			return bad.Error()
		}
	}
	return ""
}

func (p *planner) sayableJoin(q *ir.Join) ir.Query {
	if q.RightOn != nil || q.Repeat {
		p.diags.Errorf(codeUnsayable, q, "Rename the columns of the right side with \"project\" before the join.", "join of Splunk has keys of one name on both sides, and no column twice")
		return q
	}
	_, isTable := q.Right.(*ir.Table)
	switch {
	case q.Kind == ir.Inner, q.Kind == ir.LeftOuter, q.Kind == ir.Anti:
		return q
	case q.Kind == ir.Semi && !isTable:
		// One partner for each key is enough, and none of its columns is asked for.
		return &ir.Join{Span: q.Span, Left: q.Left, Right: &ir.Distinct{Span: q.Span, Input: q.Right, By: q.On}, Kind: ir.Inner, On: q.On}
	case q.Kind == ir.InnerUnique && !isTable:
		return &ir.Join{Span: q.Span, Left: &ir.Distinct{Span: q.Span, Input: q.Left, By: q.On, Whole: true}, Right: q.Right, Kind: ir.Inner, On: q.On}
	}
	p.diags.Errorf(codeUnsayable, q, "Write an inner, left or anti join, with the sides changed if need be.", "Splunk has no join of the kind %q", q.Kind)
	return q
}

func (p *planner) sayableAgg(a *ir.Agg) {
	chosen := a.Func == ir.ArgMin || a.Func == ir.ArgMax
	switch {
	case a.Native != "" || len(a.More) > 0:
		p.diags.Errorf(codeUnsayable, a, "Write an aggregate of documents.", "the aggregate %s is another target's own", nativeName(a))
	case splAgg(a) == "" && a.Func != ir.CountIf, chosen != (a.Of != nil), a.X == nil && a.Func != ir.Count:
		p.diags.Errorf(codeUnsayable, a, "Take the smallest or the largest value, or the set of values.", "Splunk has no aggregate like %s", nativeName(a))
	}
}

func nativeName(a *ir.Agg) string {
	if a.Native != "" {
		return a.Native
	}
	return string(a.Func)
}
