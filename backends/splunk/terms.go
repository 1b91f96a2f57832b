package splunk

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/huntc/huntc/ir"
)

// spellTerms writes the search for whole terms, which Splunk has for the words
// of an event but not for those of a field, as a regular expression, beside the
// part of the text that it implies: that part can be searched for.
func spellTerms(q ir.Query) ir.Query {
	expr := func(x ir.Expr) ir.Expr {
		if x == nil {
			return nil
		}
		return ir.MapExpr(x, func(e ir.Expr) ir.Expr {
			if t, ok := e.(*ir.Term); ok {
				return spellTerm(t)
			}
			return e
		})
	}
	cols := func(in []*ir.Col) []*ir.Col {
		out := make([]*ir.Col, len(in))
		for i, c := range in {
			out[i] = &ir.Col{Span: c.Span, As: c.As, X: expr(c.X)}
		}
		return out
	}
	if !hasTerms(q) {
		return q
	}
	return ir.MapQuery(q, func(q ir.Query) ir.Query {
		switch q := q.(type) {
		case *ir.Filter:
			return &ir.Filter{Span: q.Span, Input: q.Input, Pred: ir.Simplify(expr(q.Pred))}
		case *ir.Extend:
			return &ir.Extend{Span: q.Span, Input: q.Input, Cols: cols(q.Cols)}
		case *ir.Project:
			return &ir.Project{Span: q.Span, Input: q.Input, Cols: cols(q.Cols)}
		case *ir.Aggregate:
			c := *q
			c.By = cols(q.By)
			c.Aggs = make([]*ir.Agg, len(q.Aggs))
			for i, a := range q.Aggs {
				d := *a
				d.X = expr(a.X)
				c.Aggs[i] = &d
			}
			return &c
		}
		return q
	})
}

// hasTerms spares most queries the rewriting.
func hasTerms(q ir.Query) bool {
	found := false
	look := func(x ir.Expr) {
		if x != nil {
			ir.WalkExpr(x, func(e ir.Expr) bool {
				_, is := e.(*ir.Term)
				found = found || is
				return !found
			})
		}
	}
	ir.WalkQuery(q, func(q ir.Query) {
		switch q := q.(type) {
		case *ir.Filter:
			look(q.Pred)
		case *ir.Extend:
			for _, c := range q.Cols {
				look(c.X)
			}
		case *ir.Project:
			for _, c := range q.Cols {
				look(c.X)
			}
		case *ir.Aggregate:
			for _, c := range q.By {
				look(c.X)
			}
			for _, a := range q.Aggs {
				look(a.X)
			}
		}
	})
	return found
}

func spellTerm(t *ir.Term) ir.Expr {
	within := &ir.Match{Span: t.Span, X: t.X, Cased: t.Cased}
	var b strings.Builder
	if !t.Cased {
		b.WriteString("(?i)")
	}
	b.WriteString("(?:")
	for i, p := range t.Any {
		if i > 0 {
			b.WriteByte('|')
		}
		writeTerm(&b, p)
		any := ir.Pattern{Span: p.Span}
		any.Append(ir.Part{Wild: ir.Many})
		for _, part := range p.Parts {
			any.Append(part)
		}
		any.Append(ir.Part{Wild: ir.Many})
		within.Any = append(within.Any, any)
	}
	b.WriteByte(')')
	return ir.NewLogic(t.Span, ir.And, within, &ir.Regexp{Span: t.Span, X: t.X, Source: b.String()})
}

// writeTerm writes a pattern with a border of terms where a letter or digit
// stands at its edge.
func writeTerm(b *strings.Builder, p ir.Pattern) {
	inTerm := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	for i, part := range p.Parts {
		switch part.Wild {
		case ir.One:
			b.WriteString("(?s:.)")
		case ir.Many:
			b.WriteString("(?s:.*)")
		default:
			if first, _ := utf8.DecodeRuneInString(part.Text); i == 0 && inTerm(first) {
				b.WriteString(`(?:^|[^\pL\pN])`)
			}
			quoteText(b, part.Text)
			if last, _ := utf8.DecodeLastRuneInString(part.Text); i == len(p.Parts)-1 && inTerm(last) {
				b.WriteString(`(?:$|[^\pL\pN])`)
			}
		}
	}
}
