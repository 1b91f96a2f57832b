package proof

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Mutant is a hunt with one change, which a good fixture notices.
type Mutant struct {
	diag.Span
	Change string // in words
	// Weaker: the hunt fires more often. Tighter ones fire less often; where
	// neither is known, as for windows, it counts as weaker.
	Weaker bool
	Query  ir.Query
}

// Mutants are the changed forms of a query, in the order of its text. What says
// the same as the query, or as a mutant before it, is left out. mine, if not
// nil, says whether a place is in the hunt's own document: what comes from
// another one is tested there. c is the correlation that the query is of, or nil.
func Mutants(q ir.Query, mine func(diag.Span) bool, c *ir.Correlation) []Mutant {
	m := &mutator{mine: mine, seen: map[[sha256.Size]byte]bool{digest(q): true}, stateless: eachEvent(q)}
	if c != nil {
		m.timespan = c.Timespan
	}
	m.query(q, func(x ir.Query) ir.Query { return x })
	slices.SortStableFunc(m.out, func(a, b Mutant) int {
		return cmp.Or(cmp.Compare(a.Pos.Filename, b.Pos.Filename), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	return m.out
}

type mutator struct {
	mine func(diag.Span) bool
	seen map[[sha256.Size]byte]bool
	out  []Mutant
	// stateless: the hunt looks at each event by itself, so how far it looks back
	// is a matter of how it is scheduled.
	stateless bool
	timespan  time.Duration // of a correlation; 0 without one
}

// digest is the same for queries that say the same.
func digest(q ir.Query) [sha256.Size]byte { return sha256.Sum256([]byte(ir.Format(ir.Canonical(q)))) }

// own is mine, for nil too.
func (m *mutator) own(at diag.Span) bool { return m.mine == nil || m.mine(at) }

func (m *mutator) add(at diag.Span, weaker bool, q ir.Query, change string, args ...any) {
	if !m.own(at) {
		return
	}
	key := digest(q)
	if m.seen[key] {
		return
	}
	m.seen[key] = true
	m.out = append(m.out, Mutant{at, shortened(fmt.Sprintf(change, args...)), weaker, q})
}

// query makes the mutants of q; put builds the whole hunt around another q.
func (m *mutator) query(q ir.Query, put func(ir.Query) ir.Query) {
	in := ir.Inputs(q)
	for i := range in {
		m.query(in[i], func(x ir.Query) ir.Query {
			other := slices.Clone(in)
			other[i] = x
			return put(ir.WithInputs(q, other))
		})
	}
	switch q := q.(type) {
	case *ir.Scan:
		if q.LookBack != 0 && !m.stateless {
			m.lengths(q.LookBack, func(d time.Duration, how string) {
				c := *q
				c.LookBack = d
				m.add(q.Span, true, put(&c), "the look-back %s", how)
			})
		}
	case *ir.Filter:
		if _, ok := q.Pred.(*ir.Logic); !ok {
			m.add(q.Pred.At(), true, put(q.Input), "without %s", Say(q.Pred))
		}
		m.pred(q.Pred, true, func(e ir.Expr) ir.Query {
			c := *q
			c.Pred = e
			return put(&c)
		})
	case *ir.Extend:
		m.cols(q.Cols, func(cols []*ir.Col) ir.Query {
			c := *q
			c.Cols = cols
			return put(&c)
		})
	case *ir.Project:
		m.cols(q.Cols, func(cols []*ir.Col) ir.Query {
			c := *q
			c.Cols = cols
			return put(&c)
		})
	case *ir.Aggregate:
		m.aggregate(q, put)
	case *ir.Stretches:
		m.lengths(q.Length, func(d time.Duration, how string) {
			c := *q
			c.Length = d
			m.add(q.Span, true, put(&c), "%s %s", m.length("stretches", q.Length), how)
		})
		m.keys(q.By, q.Span, func(by []*ir.Field) ir.Query {
			c := *q
			c.By = by
			return put(&c)
		})
	case *ir.Session:
		m.lengths(q.Gap, func(d time.Duration, how string) {
			if stretched(q.Input) {
				return // it puts stretches together that are found already
			}
			c := *q
			c.Gap = d
			m.add(q.Span, true, put(&c), "%s %s", m.length("the gap between sessions", q.Gap), how)
		})
		m.keys(q.By, q.Span, func(by []*ir.Field) ir.Query {
			c := *q
			c.By = by
			return put(&c)
		})
	case *ir.Window:
		n := max(1, q.Offset)
		for _, k := range []int{n - 1, n + 1} {
			if k > 0 && n > 1 {
				c := *q
				c.Offset = k
				m.add(q.Span, k < n, put(&c), "%d rows back in the place of %d", k, n)
			}
		}
		m.keys(q.By, q.Span, func(by []*ir.Field) ir.Query {
			c := *q
			c.By = by
			return put(&c)
		})
	case *ir.Lag:
		m.keys(q.By, q.Span, func(by []*ir.Field) ir.Query {
			c := *q
			c.By = by
			return put(&c)
		})
	case *ir.Union:
		for i, in := range q.Inputs {
			if len(q.Inputs) < 2 {
				break
			}
			c := *q
			c.Inputs = slices.Delete(slices.Clone(q.Inputs), i, i+1)
			m.add(placeOf(in), false, put(&c), "without the branch that reads %s", sayScan(ir.Scans(in)[0]))
		}
	case *ir.Join:
		if q.Kind == ir.Anti {
			m.add(q.Span, true, put(q.Left), "without the join that takes rows away")
		}
		for i := range q.On {
			if len(q.On) < 2 {
				break
			}
			c := *q
			c.On = slices.Delete(slices.Clone(q.On), i, i+1)
			if q.RightOn != nil {
				c.RightOn = slices.Delete(slices.Clone(q.RightOn), i, i+1)
			}
			m.add(cmpSpan(q.On[i].Span, q.Span), true, put(&c), "a join without %s", q.On[i].Name)
		}
	}
}

// stretched reports whether rows are made of stretches of time.
func stretched(q ir.Query) bool {
	found := false
	ir.WalkQuery(q, func(q ir.Query) {
		_, is := q.(*ir.Stretches)
		found = found || is
	})
	return found
}

// length is what a length of time is called: as in the document where it is the
// timespan of a correlation.
func (m *mutator) length(name string, d time.Duration) string {
	if d == m.timespan {
		return "a timespan"
	}
	return name
}

func cmpSpan(a, b diag.Span) diag.Span {
	if a.Pos.IsValid() {
		return a
	}
	return b
}

// placeOf is a place for a part of a query: that of its first source.
func placeOf(q ir.Query) diag.Span {
	if q.At().Pos.IsValid() {
		return q.At()
	}
	return ir.Scans(q)[0].Span
}

// keys leaves out each of several grouping keys.
func (m *mutator) keys(by []*ir.Field, at diag.Span, put func([]*ir.Field) ir.Query) {
	for i, f := range by {
		m.add(cmpSpan(f.Span, at), true, put(slices.Delete(slices.Clone(by), i, i+1)), "not by %s", f.Name)
	}
}

func (m *mutator) aggregate(q *ir.Aggregate, put func(ir.Query) ir.Query) {
	for i, c := range q.By {
		if f, ok := c.X.(*ir.Field); ok {
			// The column stays, so that what is above finds one: it is the same for
			// all.
			d := *q
			d.By = slices.Clone(q.By)
			d.By[i] = &ir.Col{Span: c.Span, As: c.As, X: &ir.Lit{Span: c.Span, Value: ""}}
			m.add(cmpSpan(f.Span, q.Span), true, put(&d), "not by %s", c.As)
		}
	}
	m.cols(q.By, func(cols []*ir.Col) ir.Query {
		c := *q
		c.By = cols
		return put(&c)
	})
	for i, a := range q.Aggs {
		with := func(b ir.Agg) ir.Query {
			c := *q
			c.Aggs = slices.Clone(q.Aggs)
			c.Aggs[i] = &b
			return put(&c)
		}
		b := *a
		switch a.Func {
		case ir.DCount:
			b.Func, b.X = ir.Count, nil
			m.add(a.Span, true, with(b), "the number of rows in the place of different values of %s", sayValue(a.X))
		case ir.CountIf:
			m.pred(a.X, true, func(e ir.Expr) ir.Query {
				b := *a
				b.X = e
				return with(b)
			})
		}
	}
}

// cols changes lengths of time in computed columns.
func (m *mutator) cols(cols []*ir.Col, put func([]*ir.Col) ir.Query) {
	for i, c := range cols {
		m.value(c.X, func(e ir.Expr) ir.Query {
			other := slices.Clone(cols)
			other[i] = &ir.Col{Span: c.Span, As: c.As, X: e}
			return put(other)
		})
	}
}

// value changes lengths of time in an expression that is no predicate. Those
// that a value is divided by are units.
func (m *mutator) value(e ir.Expr, put func(ir.Expr) ir.Query) {
	c, ok := e.(*ir.Call)
	if !ok || c.Func == ir.Div || c.Func == ir.Mul {
		return
	}
	for i, a := range c.Args {
		with := func(e ir.Expr) ir.Query {
			d := *c
			d.Args = slices.Clone(c.Args)
			d.Args[i] = e
			return put(&d)
		}
		if lit, ok := a.(*ir.Lit); ok {
			if of, ok := lit.Value.(time.Duration); ok {
				m.lengths(of, func(d time.Duration, how string) {
					m.add(cmpSpan(lit.Span, c.Span), true, with(&ir.Lit{Span: lit.Span, Value: d}), "%s %s", m.length("a window", of), how)
				})
			}
			continue
		}
		m.value(a, with)
	}
}

// lengths halves and doubles a length of time.
func (m *mutator) lengths(d time.Duration, f func(time.Duration, string)) {
	if d <= 1 {
		return
	}
	f(d/2, fmt.Sprintf("of %s in the place of %s", ir.SpanText(d/2), ir.SpanText(d)))
	f(d*2, fmt.Sprintf("of %s in the place of %s", ir.SpanText(d*2), ir.SpanText(d)))
}

// pred makes the mutants of a predicate. positive: the more it is true, the
// more the hunt fires.
func (m *mutator) pred(e ir.Expr, positive bool, put func(ir.Expr) ir.Query) {
	switch e := e.(type) {
	case *ir.Logic:
		m.logic(e, positive, put)
	case *ir.Not:
		m.pred(e.X, !positive, func(x ir.Expr) ir.Query { return put(&ir.Not{Span: e.Span, X: x}) })
	case *ir.Match:
		m.patterns(e.X, e.Any, e.Cased, e.Span, positive, func(any []ir.Pattern, cased bool) ir.Query {
			return put(&ir.Match{Span: e.Span, X: e.X, Any: any, Cased: cased})
		})
		m.shapes(e, positive, put)
	case *ir.Term:
		m.patterns(e.X, e.Any, e.Cased, e.Span, positive, func(any []ir.Pattern, cased bool) ir.Query {
			return put(&ir.Term{Span: e.Span, X: e.X, Any: any, Cased: cased})
		})
	case *ir.Compare:
		m.compare(e, positive, put)
	case *ir.InCIDR:
		if bits := e.Prefix.Bits(); bits > 0 {
			wider := netip.PrefixFrom(e.Prefix.Addr(), bits-1).Masked()
			m.add(e.Span, positive, put(&ir.InCIDR{Span: e.Span, X: e.X, Prefix: wider}), "%s in the place of %s", wider, e.Prefix)
		}
	}
}

func (m *mutator) logic(e *ir.Logic, positive bool, put func(ir.Expr) ir.Query) {
	// Without one of an And there is more, without one of an Or less; below a
	// Not it is the other way round.
	weaker := positive == (e.Op == ir.And)
	for i, a := range e.Args {
		if len(e.Args) < 2 {
			break
		}
		rest := slices.Delete(slices.Clone(e.Args), i, i+1)
		if e.Op == ir.Or && implied(a, rest) {
			continue
		}
		what := Say(a)
		if n, ok := a.(*ir.Not); ok {
			what = "the exclusion of: " + Say(n.X)
		}
		m.add(spanOf(a), weaker, put(ir.NewLogic(e.Span, e.Op, rest...)), "without %s", what)
	}
	if e.Op == ir.And && len(e.Args) > 1 && slices.ContainsFunc(e.Args, func(a ir.Expr) bool { return m.own(spanOf(a)) }) {
		m.add(spanOf(e), positive, put(&ir.Logic{Span: e.Span, Op: ir.Or, Args: e.Args}), "or in the place of and: %s", Say(e))
	}
	for i, a := range e.Args {
		m.pred(a, positive, func(x ir.Expr) ir.Query {
			args := slices.Clone(e.Args)
			args[i] = x
			return put(ir.NewLogic(e.Span, e.Op, args...))
		})
	}
}

// spanOf is the place of an expression, or of the first part that has one.
func spanOf(e ir.Expr) diag.Span {
	at := e.At()
	ir.WalkExpr(e, func(x ir.Expr) bool {
		if !at.Pos.IsValid() {
			at = x.At()
		}
		return !at.Pos.IsValid()
	})
	return at
}

// implied reports whether an alternative is covered by the others: all its
// values are values of theirs as well.
func implied(a ir.Expr, rest []ir.Expr) bool {
	m, ok := a.(*ir.Match)
	if !ok {
		return false
	}
	for _, p := range m.Any {
		if !slices.ContainsFunc(rest, func(e ir.Expr) bool {
			n, ok := e.(*ir.Match)
			return ok && ir.FormatExpr(n.X) == ir.FormatExpr(m.X) && (!n.Cased || m.Cased) && slices.ContainsFunc(n.Any, func(q ir.Pattern) bool { return covers(q, p, n.Cased) })
		}) {
			return false
		}
	}
	return true
}

// covers reports whether every text that p matches is matched by q; it may say
// no where that is hard to see.
func covers(q, p ir.Pattern, cased bool) bool {
	qs, qt := q.Shape()
	ps, pt := p.Shape()
	if !cased {
		qt, pt = strings.Map(ir.FoldRune, qt), strings.Map(ir.FoldRune, pt)
	}
	if ps == ir.ShapeGlob || ps == ir.ShapeAny {
		return qs == ir.ShapeAny || q.Equal(p)
	}
	switch qs {
	case ir.ShapeAny:
		return true
	case ir.ShapeExact:
		return ps == ir.ShapeExact && pt == qt
	case ir.ShapePrefix:
		return (ps == ir.ShapeExact || ps == ir.ShapePrefix) && strings.HasPrefix(pt, qt)
	case ir.ShapeSuffix:
		return (ps == ir.ShapeExact || ps == ir.ShapeSuffix) && strings.HasSuffix(pt, qt)
	case ir.ShapeContains:
		return strings.Contains(pt, qt)
	}
	return false
}

// patterns drops each of several values, and the case.
func (m *mutator) patterns(x ir.Expr, any []ir.Pattern, cased bool, at diag.Span, positive bool, put func([]ir.Pattern, bool) ir.Query) {
	for i, p := range any {
		if len(any) < 2 {
			break
		}
		rest := slices.Delete(slices.Clone(any), i, i+1)
		if slices.ContainsFunc(rest, func(q ir.Pattern) bool { return covers(q, p, cased) }) {
			continue
		}
		m.add(cmpSpan(p.Span, at), !positive, put(rest, cased), "without the value: %s %s", sayValue(x), sayPatterns([]ir.Pattern{p}))
	}
	if cased {
		m.add(at, positive, put(any, false), "without regard to case: %s", sayValue(x))
	}
}

// shapes lets texts stand anywhere that had to be the whole, the start or the
// end.
func (m *mutator) shapes(e *ir.Match, positive bool, put func(ir.Expr) ir.Query) {
	from := ""
	wide := make([]ir.Pattern, len(e.Any))
	for i, p := range e.Any {
		wide[i] = p
		shape, text := p.Shape()
		name := map[ir.Shape]string{ir.ShapeExact: "equals", ir.ShapePrefix: "startswith", ir.ShapeSuffix: "endswith"}[shape]
		if name == "" || text == "" {
			continue
		}
		if from == "" {
			from = name
		}
		w := ir.Pattern{Span: p.Span}
		w.Append(ir.Part{Wild: ir.Many})
		w.Append(ir.Part{Text: text})
		w.Append(ir.Part{Wild: ir.Many})
		wide[i] = w
	}
	if from != "" {
		m.add(e.Span, positive, put(&ir.Match{Span: e.Span, X: e.X, Any: wide, Cased: e.Cased}), "contains in the place of %s: %s", from, Say(e))
	}
}

// compare moves a threshold by one, or a length of time to its half and double.
func (m *mutator) compare(e *ir.Compare, positive bool, put func(ir.Expr) ir.Query) {
	with := func(l, r ir.Expr) ir.Query {
		c := *e
		c.L, c.R = l, r
		return put(&c)
	}
	ordered := e.Op == ir.Lt || e.Op == ir.Le || e.Op == ir.Gt || e.Op == ir.Ge
	for _, side := range []struct {
		x, other ir.Expr
		put      func(ir.Expr) ir.Query
		more     bool // a larger constant makes the comparison true more often
	}{
		{e.R, e.L, func(x ir.Expr) ir.Query { return with(e.L, x) }, e.Op == ir.Lt || e.Op == ir.Le},
		{e.L, e.R, func(x ir.Expr) ir.Query { return with(x, e.R) }, e.Op == ir.Gt || e.Op == ir.Ge},
	} {
		lit, ok := side.x.(*ir.Lit)
		if !ok {
			m.value(side.x, side.put)
			continue
		}
		if !ordered {
			continue
		}
		change := func(v any, larger bool, text string) {
			m.add(cmpSpan(lit.Span, e.Span), positive == (side.more == larger), side.put(&ir.Lit{Span: lit.Span, Value: v}), "%s in the place of %s: %s", text, sayValue(lit), Say(e))
		}
		switch v := lit.Value.(type) {
		case int64:
			change(v-1, false, fmt.Sprint(v-1))
			change(v+1, true, fmt.Sprint(v+1))
		case float64:
			change(v-1, false, fmt.Sprint(v-1))
			change(v+1, true, fmt.Sprint(v+1))
		case time.Duration:
			if v > 1 && v == m.timespan {
				for _, d := range []time.Duration{v / 2, v * 2} {
					m.add(cmpSpan(lit.Span, e.Span), positive == (side.more == (d > v)), side.put(&ir.Lit{Span: lit.Span, Value: d}), "a timespan of %s in the place of %s", ir.SpanText(d), ir.SpanText(v))
				}
			} else if v > 1 {
				change(v/2, false, ir.SpanText(v/2))
				change(v*2, true, ir.SpanText(v*2))
			}
		}
	}
}
