package compiler

import (
	"slices"
	"strconv"
	"unicode"

	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// asWritten gives the values of a raised query the form in which people write
// them: no distinction of case where a value has no letters, and numbers without
// quotes where every target takes them for the same.
func asWritten(s *schema.Schema, q ir.Query) ir.Query {
	q = mapPreds(q, func(e ir.Expr) ir.Expr {
		if m, ok := e.(*ir.Match); ok && m.Cased && !slices.ContainsFunc(m.Any, hasCase) {
			c := *m
			c.Cased = false
			return &c
		}
		return e
	})
	changed := false
	numbered := mapPreds(q, func(e ir.Expr) ir.Expr {
		m, ok := e.(*ir.Match)
		if !ok || m.Cased {
			return e
		}
		f, ok := m.X.(*ir.Field)
		if !ok || len(m.Any) == 0 {
			return e
		}
		var any []ir.Expr
		for _, p := range m.Any {
			text, _ := p.Literal()
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || strconv.FormatInt(n, 10) != text {
				return e
			}
			any = append(any, &ir.Compare{Span: p.Span, Op: ir.Eq, L: f, R: &ir.Lit{Span: p.Span, Value: n}})
		}
		changed = true
		return ir.NewLogic(m.Span, ir.Or, any...)
	})
	if changed && sameOnTargets(s, q, numbered) {
		return numbered
	}
	return q
}

// mapPreds rebuilds the conditions of a query's filters.
func mapPreds(q ir.Query, f func(ir.Expr) ir.Expr) ir.Query {
	return ir.MapQuery(q, func(q ir.Query) ir.Query {
		filter, ok := q.(*ir.Filter)
		if !ok {
			return q
		}
		return &ir.Filter{Span: filter.Span, Input: filter.Input, Pred: ir.MapExpr(filter.Pred, f)}
	})
}

func hasCase(p ir.Pattern) bool {
	return slices.ContainsFunc(p.Parts, func(part ir.Part) bool {
		return slices.ContainsFunc([]rune(part.Text), func(r rune) bool { return unicode.SimpleFold(r) != r })
	})
}

// sameOnTargets reports whether two queries are one on each target that has the
// data, and as exact.
func sameOnTargets(s *schema.Schema, a, b ir.Query) bool {
	some := false
	for _, v := range []schema.View{schema.CIM, schema.Raw, schema.XDR} {
		x, y := s.Resolve(&ir.Hunt{Query: a}, v), s.Resolve(&ir.Hunt{Query: b}, v)
		if (x.Query == nil) != (y.Query == nil) || ir.Verdict(x.Reasons) != ir.Verdict(y.Reasons) || len(x.Reasons) != len(y.Reasons) {
			return false
		}
		if x.Query == nil {
			continue
		}
		if ir.Format(ir.Canonical(x.Query)) != ir.Format(ir.Canonical(y.Query)) {
			return false
		}
		some = true
	}
	return some && !s.Check(&ir.Hunt{Kind: ir.KindHunt, Query: b}).HasErrors()
}
