package ir

import (
	"slices"
	"strings"

	"github.com/huntc/huntc/diag"
)

// Normalize brings a query into the form that later passes expect, without
// changing what it selects or the author's order: And and Or are flat, nested
// constants and double negations are gone, two Matches of one field in an Or
// are one, neighbouring Filters are one.
func Normalize(q Query) Query {
	return MapQuery(q, func(q Query) Query {
		f, ok := q.(*Filter)
		if !ok {
			return q
		}
		pred := Simplify(f.Pred)
		input := f.Input
		if inner, ok := input.(*Filter); ok {
			pred = Simplify(NewLogic(f.Span, And, inner.Pred, pred))
			input = inner.Input
		}
		if isConst(pred, And) {
			return input
		}
		if pred == f.Pred && input == f.Input {
			return f
		}
		return &Filter{Span: f.Span, Input: input, Pred: pred}
	})
}

// Simplify flattens And and Or, folds constants and removes double negation.
func Simplify(e Expr) Expr {
	return MapExpr(e, func(e Expr) Expr {
		switch e := e.(type) {
		case *Not:
			switch x := e.X.(type) {
			case *Not:
				return x.X
			case *Logic:
				if isConst(x, And) {
					return False(e.Span)
				}
				if isConst(x, Or) {
					return True(e.Span)
				}
			}
		case *Logic:
			return simplifyLogic(e)
		}
		return e
	})
}

func simplifyLogic(e *Logic) Expr {
	neutral, absorbing := And, Or
	if e.Op == Or {
		neutral, absorbing = Or, And
	}
	simple := len(e.Args) != 1
	for _, a := range e.Args {
		if l, ok := a.(*Logic); ok && (l.Op == e.Op || len(l.Args) == 0) {
			simple = false
		}
	}
	if simple {
		if e.Op == Or {
			return joinMatches(e)
		}
		return e
	}
	args := make([]Expr, 0, len(e.Args))
	for _, a := range e.Args {
		switch {
		case isConst(a, absorbing):
			return a
		case isConst(a, neutral):
		default:
			args = append(args, a)
		}
	}
	joined := NewLogic(e.Span, e.Op, args...)
	if l, ok := joined.(*Logic); ok && l.Op == Or {
		return joinMatches(l)
	}
	return joined
}

// joinMatches joins the Matches of one field in an Or at the place of the
// first.
func joinMatches(e *Logic) Expr {
	if len(e.Args) > 32 {
		return joinManyMatches(e)
	}
	var out []Expr
	for i, a := range e.Args {
		m, ok := a.(*Match)
		j := -1
		if ok {
			j = slices.IndexFunc(e.Args[:i], func(b Expr) bool { return sameOperand(b, m) })
		}
		if j < 0 {
			if out != nil {
				out = append(out, a)
			}
			continue
		}
		if out == nil {
			out = slices.Clone(e.Args[:i])
		}
		k := slices.IndexFunc(out, func(b Expr) bool { return sameOperand(b, m) })
		first := *out[k].(*Match)
		first.Any = slices.Clone(first.Any)
		for _, p := range m.Any {
			if !slices.ContainsFunc(first.Any, p.Equal) {
				first.Any = append(first.Any, p)
			}
		}
		out[k] = &first
	}
	if out == nil {
		return e
	}
	return NewLogic(e.Span, Or, out...)
}

// joinManyMatches is joinMatches for long lists, of which each argument is
// looked at once.
func joinManyMatches(e *Logic) Expr {
	type operand struct {
		name  string
		cased bool
	}
	type joined struct {
		place int
		match *Match // a copy once it is joined with another
		has   map[string]bool
	}
	byOperand := map[operand]*joined{}
	out := make([]Expr, 0, len(e.Args))
	for _, a := range e.Args {
		m, ok := a.(*Match)
		var f *Field
		if ok {
			f, ok = m.X.(*Field)
		}
		if !ok {
			out = append(out, a)
			continue
		}
		key := operand{f.Name, m.Cased}
		j := byOperand[key]
		if j == nil {
			byOperand[key] = &joined{place: len(out), match: m}
			out = append(out, a)
			continue
		}
		if j.has == nil {
			first := *j.match
			first.Any = slices.Clone(first.Any)
			j.match, j.has = &first, map[string]bool{}
			for _, p := range first.Any {
				j.has[p.String()] = true
			}
			out[j.place] = &first
		}
		for _, p := range m.Any {
			if s := p.String(); !j.has[s] {
				j.has[s] = true
				j.match.Any = append(j.match.Any, p)
			}
		}
	}
	if len(out) == len(e.Args) {
		return e
	}
	return NewLogic(e.Span, Or, out...)
}

func sameOperand(b Expr, m *Match) bool {
	n, ok := b.(*Match)
	if !ok || n.Cased != m.Cased {
		return false
	}
	x, xok := n.X.(*Field)
	y, yok := m.X.(*Field)
	return xok && yok && x.Name == y.Name
}

// IsTrue and IsFalse recognise the constants of the predicate language.
func IsTrue(e Expr) bool  { return isConst(e, And) }
func IsFalse(e Expr) bool { return isConst(e, Or) }

func isConst(e Expr, op LogicOp) bool {
	l, ok := e.(*Logic)
	return ok && l.Op == op && len(l.Args) == 0
}

// Canonical brings a query into the one form in which two queries that say the
// same in different words compare equal, as far as that is decidable cheaply:
// it is how a lifted query is held against the query that it was lowered from.
// Order within And, Or and lists is lost, so it is not for output.
//
// Beyond Normalize: a Filter on grouping keys stands below its Aggregate; two
// Matches of one field in an Or are one; And(exists f, P f) is P f, since
// every comparison with a missing field is false; patterns that ignore case
// are in lower case; names and types that only reports need are gone.
func Canonical(q Query) Query {
	q = MapQuery(Normalize(q), func(q Query) Query {
		switch q := q.(type) {
		case *Scan:
			c := *q
			if q.Physical != nil {
				c.Source = Logsource{}
				c.Physical = &Physical{View: q.Physical.View, Table: q.Physical.Table}
			}
			return &c
		case *Filter:
			return sinkFilter(q)
		}
		return q
	})
	q = Normalize(q)
	return MapQuery(q, func(q Query) Query {
		switch q := q.(type) {
		case *Filter:
			return &Filter{Span: q.Span, Input: q.Input, Pred: CanonicalExpr(q.Pred)}
		case *Extend:
			return &Extend{Span: q.Span, Input: q.Input, Cols: canonicalCols(q.Cols)}
		case *Project:
			return &Project{Span: q.Span, Input: q.Input, Cols: canonicalCols(q.Cols)}
		case *Aggregate:
			c := *q
			c.By = canonicalCols(q.By)
			c.Aggs = make([]*Agg, len(q.Aggs))
			for i, a := range q.Aggs {
				d := *a
				if d.X != nil {
					d.X = CanonicalExpr(d.X)
				}
				if d.More != nil {
					d.More = make([]Expr, len(a.More))
					for j, m := range a.More {
						d.More[j] = CanonicalExpr(m)
					}
				}
				if d.Of != nil {
					d.Of = &Field{Name: d.Of.Name}
				}
				c.Aggs[i] = &d
			}
			return &c
		case *Table:
			// A long table is kept beside the query by targets that can: the
			// query has its name and its columns.
			c := &Table{Name: q.Name, Cols: q.Cols}
			if len(q.Rows) <= InlineRows {
				c.Rows = q.Rows
			}
			return c
		case *Window:
			return &Window{Span: q.Span, Input: q.Input, By: untyped(q.By), Of: &Field{Name: q.Of.Name}, Offset: max(1, q.Offset), As: q.As}
		case *Session:
			return &Session{Span: q.Span, Input: q.Input, By: untyped(q.By), Of: &Field{Name: q.Of.Name}, Gap: q.Gap, As: q.As}
		case *Stretches:
			return &Stretches{Span: q.Span, Input: q.Input, By: untyped(q.By), Of: &Field{Name: q.Of.Name}, Length: q.Length, As: q.As}
		case *Lag:
			return &Lag{Span: q.Span, Input: q.Input, By: untyped(q.By), Of: &Field{Name: q.Of.Name}, X: &Field{Name: q.X.Name}, As: q.As}
		case *Rank:
			return &Rank{Span: q.Span, Input: q.Input, By: untyped(q.By), Keys: untypedKeys(q.Keys), As: q.As}
		case *Join:
			c := *q
			c.On = untyped(q.On)
			if q.RightOn != nil {
				c.RightOn = untyped(q.RightOn)
			}
			return &c
		case *Distinct:
			return &Distinct{Span: q.Span, Input: q.Input, By: untyped(q.By), Whole: q.Whole}
		case *Sort:
			return &Sort{Span: q.Span, Input: q.Input, Keys: untypedKeys(q.Keys)}
		}
		return q
	})
}

// sinkFilter moves a Filter below an Aggregate where it tests nothing but
// plain grouping keys: a group passes if and only if all its rows do.
func sinkFilter(f *Filter) Query {
	agg, ok := f.Input.(*Aggregate)
	if !ok {
		return f
	}
	var sunk, kept []Expr
	for _, c := range Conjuncts(f.Pred) {
		if onKeys(c, agg.By) {
			sunk = append(sunk, c)
		} else {
			kept = append(kept, c)
		}
	}
	if len(sunk) == 0 {
		return f
	}
	below := *agg
	below.Input = sinkFilter(&Filter{Span: f.Span, Input: agg.Input, Pred: NewLogic(f.Span, And, sunk...)})
	if len(kept) == 0 {
		return &below
	}
	return &Filter{Span: f.Span, Input: &below, Pred: NewLogic(f.Span, And, kept...)}
}

func onKeys(e Expr, by []*Col) bool {
	fields := Fields(e)
	whole := false // of the event, which a group no longer is
	WalkExpr(e, func(e Expr) bool {
		switch e.(type) {
		case *Keyword, *Macro:
			whole = true
		}
		return true
	})
	return !whole && len(fields) > 0 && !slices.ContainsFunc(fields, func(f *Field) bool {
		return !slices.ContainsFunc(by, func(c *Col) bool {
			key, ok := c.X.(*Field)
			return ok && key.Name == f.Name && c.As == f.Name
		})
	})
}

// Conjuncts are the arguments of an And, or the expression alone.
func Conjuncts(e Expr) []Expr {
	if l, ok := e.(*Logic); ok && l.Op == And {
		return l.Args
	}
	return []Expr{e}
}

func canonicalCols(cols []*Col) []*Col {
	out := make([]*Col, len(cols))
	for i, c := range cols {
		out[i] = &Col{Span: c.Span, As: c.As, X: CanonicalExpr(c.X)}
	}
	return out
}

func untyped(fields []*Field) []*Field {
	out := make([]*Field, len(fields))
	for i, f := range fields {
		out[i] = &Field{Name: f.Name}
	}
	return out
}

func untypedKeys(keys []*SortKey) []*SortKey {
	out := make([]*SortKey, len(keys))
	for i, k := range keys {
		out[i] = &SortKey{Span: k.Span, X: &Field{Name: k.X.Name}, Desc: k.Desc}
	}
	return out
}

// CanonicalExpr is Canonical for one expression.
func CanonicalExpr(e Expr) Expr {
	e = MapExpr(Simplify(e), func(e Expr) Expr {
		switch e := e.(type) {
		case *Field:
			return &Field{Name: e.Name}
		case *Exists:
			return &Exists{X: &Field{Name: e.X.Name}}
		case *FieldMatch:
			return &FieldMatch{X: &Field{Name: e.X.Name}, Y: &Field{Name: e.Y.Name}, Kind: e.Kind, Cased: e.Cased}
		case *Foreign:
			return &Foreign{Text: e.Text}
		case *Compare:
			if e.Cased && (notText(e.L) || notText(e.R)) {
				c := *e
				c.Cased = false
				return &c
			}
		case *Match:
			return canonicalMatch(e.X, e.Any, e.Cased)
		case *Term:
			m := canonicalMatch(e.X, e.Any, e.Cased)
			return &Term{X: m.X, Any: m.Any, Cased: m.Cased}
		case *Logic:
			return canonicalLogic(e)
		case *Call:
			return onePart(e)
		}
		return e
	})
	return Simplify(e)
}

// onePart writes a part of a text that is taken out of the list of all as Split
// has it, all of them joined again as Replace, and the text of an element as
// Item.
func onePart(e *Call) *Call {
	if e.Func != Item && e.Func != Joined && e.Func != ToString || len(e.Args) == 0 {
		return e
	}
	c, ok := e.Args[0].(*Call)
	switch {
	case !ok:
	case e.Func == ToString && c.Func == At:
		return onePart(&Call{Span: e.Span, Func: Item, Args: c.Args})
	case e.Func == Joined && c.Func == Parts:
		return &Call{Span: e.Span, Func: Replace, Args: []Expr{c.Args[0], c.Args[1], e.Args[1]}}
	case e.Func == Item && c.Func == Parts:
		n, isLit := e.Args[1].(*Lit)
		if !isLit {
			return e
		}
		if v, isInt := n.Value.(int64); isInt && v >= 0 {
			return &Call{Span: e.Span, Func: Split, Args: []Expr{c.Args[0], c.Args[1], n}}
		}
	}
	return e
}

// notText reports whether a value is a constant that has no case.
func notText(x Expr) bool {
	lit, ok := x.(*Lit)
	if !ok {
		return false
	}
	_, text := lit.Value.(string)
	return !text
}

func canonicalMatch(x Expr, any []Pattern, cased bool) *Match {
	keyed := make([]keyedPattern, len(any))
	for i, p := range any {
		q := Pattern{}
		for _, part := range p.Parts {
			if !cased {
				part.Text = strings.Map(FoldRune, part.Text)
			}
			q.Append(part)
		}
		keyed[i] = keyedPattern{q.String(), q}
	}
	slices.SortFunc(keyed, func(a, b keyedPattern) int { return strings.Compare(a.key, b.key) })
	keyed = slices.CompactFunc(keyed, func(a, b keyedPattern) bool { return a.key == b.key })
	m := &Match{X: x, Cased: cased}
	for _, k := range keyed {
		m.Any = append(m.Any, k.p)
	}
	return m
}

type keyedPattern struct {
	key string
	p   Pattern
}

func canonicalLogic(e *Logic) Expr {
	joined := NewLogic(e.Span, e.Op, e.Args...)
	flat, ok := joined.(*Logic)
	if !ok {
		return joined
	}
	args := slices.Clone(flat.Args)
	if e.Op == Or {
		args = mergeMatches(args)
	}
	args = dropPresence(args, e.Op)
	type keyed struct {
		key string
		e   Expr
	}
	list := make([]keyed, len(args))
	for i, a := range args {
		list[i] = keyed{FormatExpr(a), a}
	}
	slices.SortFunc(list, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	list = slices.CompactFunc(list, func(a, b keyed) bool { return a.key == b.key })
	args = args[:0]
	for _, k := range list {
		args = append(args, k.e)
	}
	return NewLogic(diag.Span{}, e.Op, args...)
}

func mergeMatches(args []Expr) []Expr {
	var out []Expr
	for _, a := range args {
		if t, ok := a.(*Term); ok {
			i := slices.IndexFunc(out, func(b Expr) bool {
				u, ok := b.(*Term)
				return ok && u.Cased == t.Cased && FormatExpr(u.X) == FormatExpr(t.X)
			})
			if i < 0 {
				out = append(out, a)
				continue
			}
			u := out[i].(*Term)
			m := canonicalMatch(u.X, slices.Concat(u.Any, t.Any), u.Cased)
			out[i] = &Term{X: m.X, Any: m.Any, Cased: m.Cased}
			continue
		}
		m, ok := a.(*Match)
		if !ok {
			out = append(out, a)
			continue
		}
		i := slices.IndexFunc(out, func(b Expr) bool {
			n, ok := b.(*Match)
			return ok && n.Cased == m.Cased && FormatExpr(n.X) == FormatExpr(m.X)
		})
		if i < 0 {
			out = append(out, a)
			continue
		}
		n := out[i].(*Match)
		out[i] = canonicalMatch(n.X, slices.Concat(n.Any, m.Any), n.Cased)
	}
	return out
}

// dropPresence removes exists(f) beside P(f) in an And, and not exists(f)
// beside not P(f) in an Or.
func dropPresence(args []Expr, op LogicOp) []Expr {
	bare := func(e Expr) (Expr, bool) {
		if op == And {
			return e, true
		}
		n, ok := e.(*Not)
		if !ok {
			return nil, false
		}
		return n.X, true
	}
	var out []Expr
	for i, a := range args {
		x, ok := bare(a)
		ex, isExists := x.(*Exists)
		implied := ok && isExists && slices.ContainsFunc(slices.Concat(args[:i], args[i+1:]), func(b Expr) bool {
			y, ok := bare(b)
			return ok && FormatExpr(y) != FormatExpr(ex) && Requires(y, ex.X.Name)
		})
		if !implied {
			out = append(out, a)
		}
	}
	return out
}

// Requires reports whether e can be true only where the field is present.
// It may say false where the truth is hard to see.
func Requires(e Expr, field string) bool {
	is := func(x Expr) bool {
		// A missing argument makes a missing result, but for the functions that
		// choose between their arguments.
		found := false
		WalkExpr(x, func(y Expr) bool {
			switch y := y.(type) {
			case *Field:
				found = found || y.Name == field
			case *Call:
				return y.Func != If && y.Func != Coalesce
			}
			return true
		})
		return found
	}
	switch e := e.(type) {
	case *Logic:
		if e.Op == And {
			return slices.ContainsFunc(e.Args, func(a Expr) bool { return Requires(a, field) })
		}
		for _, a := range e.Args {
			if !Requires(a, field) {
				return false
			}
		}
		return len(e.Args) > 0
	case *Compare:
		return is(e.L) || is(e.R)
	case *Match:
		return is(e.X)
	case *Term:
		return is(e.X)
	case *Regexp:
		return is(e.X)
	case *InCIDR:
		return is(e.X)
	case *FieldMatch:
		return e.X.Name == field || e.Y.Name == field
	case *Exists:
		return e.X.Name == field
	}
	return false
}
