package schema

import (
	"cmp"
	"maps"
	"regexp/syntax"
	"slices"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Defender stores a missing text as the empty one. What that means for a stored
// column is said where its predicates are resolved. A text that the query makes
// can be empty too, without being missing, and what stands above a union or a
// group is not a stored column any more: where such a text meets something that
// tells the two apart, the reason is given here.

// blank says of a column what is not so of every stored one.
type blank struct {
	above bool // it is not a stored column any more
	made  bool // a function may have made it empty
	sent  bool // a device may have sent it empty
}

type blanks struct {
	r *resolver
	q ir.Query
	// of are the columns at a point of the query; one that is not in it is a
	// stored one.
	of map[string]blank
	// valued says that a predicate is a part of a value, which is another one
	// where it holds too often or too seldom.
	valued bool
	// both are the fields of which the predicate around accepts both the empty
	// and the missing value.
	both []string
}

// noteBlanks gives the reasons for what q, as resolved for Defender, does not
// tell apart, and returns what it says of its columns.
func (r *resolver) noteBlanks(q ir.Query) map[string]blank {
	b := &blanks{r: r, q: q}
	if in := ir.Inputs(q); len(in) > 0 {
		if _, union := q.(*ir.Union); !union {
			b.of = r.noteBlanks(in[0])
		}
	}
	switch q := q.(type) {
	case *ir.Scan:
		return nil
	case *ir.Filter:
		b.pred(q.Pred, false)
	case *ir.Extend:
		_, stored := q.Input.(*ir.Scan) // these are columns that the schema computes
		out := b.clone()
		for _, c := range q.Cols {
			b.value(c.X)
			if !stored {
				out[c.As] = b.column(c.X)
			}
		}
		return out
	case *ir.Project:
		out := map[string]blank{}
		for _, c := range q.Cols {
			b.value(c.X)
			out[c.As] = b.column(c.X)
		}
		return out
	case *ir.Aggregate:
		out := map[string]blank{}
		for _, c := range q.By {
			b.value(c.X)
			b.key(c, c.X)
			out[c.As] = b.column(c.X)
		}
		for _, a := range q.Aggs {
			if a.X == nil {
				continue
			}
			b.value(a.X)
			if a.Func != ir.CountIf {
				b.key(a, a.X)
				out[a.As] = b.column(a.X)
			}
		}
		return out
	case *ir.Distinct:
		out := map[string]blank{}
		for _, f := range q.By {
			b.key(f, f)
			out[f.Name] = b.column(f)
		}
		return out
	case *ir.Window:
		b.keys(q.By)
	case *ir.Session:
		b.keys(q.By)
	case *ir.Lag:
		b.keys(q.By)
		return b.with(q.As, b.column(q.X))
	case *ir.Rank:
		b.keys(q.By)
		b.order(q.Keys)
	case *ir.Sort:
		b.order(q.Keys)
	case *ir.Union:
		out := map[string]blank{}
		for _, in := range q.Inputs {
			for name, c := range r.noteBlanks(in) {
				out[name] = blank{true, out[name].made || c.made, out[name].sent || c.sent}
			}
		}
		return out
	case *ir.Join:
		if t, lookup := q.Right.(*ir.Table); lookup {
			for _, name := range t.Cols {
				if !ir.HasField(q.On, name) && q.Kind != ir.Anti {
					b.of = b.with(name, blank{above: true})
				}
			}
			return b.of
		}
		right := &blanks{r: r, q: q.Right, of: r.noteBlanks(q.Right)}
		b.keys(q.On)
		right.keys(q.On)
		if q.Kind != ir.Anti {
			for name, c := range right.of {
				if _, taken := b.of[name]; !taken && !ir.HasField(q.On, name) {
					b.of = b.with(name, blank{true, c.made, c.sent})
				}
			}
		}
	}
	return b.of
}

// get is what is known of a column.
func (b *blanks) get(name string) blank {
	if c, ok := b.of[name]; ok {
		return c
	}
	return blank{sent: slices.ContainsFunc(ir.Scans(b.q), func(scan *ir.Scan) bool { return b.r.mayBeSentEmpty(scan, name) })}
}

// mayBeSentEmpty reports whether a device may have sent an empty text for a
// stored column.
func (r *resolver) mayBeSentEmpty(scan *ir.Scan, name string) bool {
	if scan.Physical == nil {
		return false
	}
	b := &base{r: r, ds: r.schema.Dataset(scan.Physical.Dataset)}
	for field, c := range b.ds.Mapping(r.view).Columns {
		closed := len(c.Values) > 0 && !c.Open
		if c.Name == name && !closed && b.mayBeEmpty(&ir.Field{Name: field}, c) {
			return true
		}
	}
	return false
}

func (b *blanks) with(name string, c blank) map[string]blank {
	out := b.clone()
	out[name] = c
	return out
}

func (b *blanks) clone() map[string]blank {
	if b.of == nil {
		return map[string]blank{}
	}
	return maps.Clone(b.of)
}

func (b *blanks) column(x ir.Expr) blank {
	c := blank{above: true, made: b.empty(x)}
	if f, ok := x.(*ir.Field); ok {
		c.sent = b.get(f.Name).sent
	}
	return c
}

// empty reports whether a value may be the empty text although nothing that it
// is made of was empty or missing.
func (b *blanks) empty(x ir.Expr) bool {
	switch x := x.(type) {
	case *ir.Field:
		return b.get(x.Name).made
	case *ir.Lit:
		return x.Value == ""
	case *ir.Call:
		any := func(args []ir.Expr) bool { return slices.ContainsFunc(args, b.empty) }
		switch x.Func {
		case ir.Substring:
			start, _ := x.Args[1].(*ir.Lit)
			if start == nil || start.Value != int64(0) || len(x.Args) == 3 && isZero(x.Args[2]) {
				return true
			}
			return b.empty(x.Args[0])
		case ir.Replace:
			by, _ := x.Args[2].(*ir.Lit)
			return by == nil || by.Value == "" || b.empty(x.Args[0])
		case ir.Split, ir.Item, ir.Joined, ir.Prop, ir.At:
			return true
		case ir.Extract:
			return groupMayBeEmpty(x)
		case ir.Lower, ir.Upper:
			return b.empty(x.Args[0])
		case ir.Concat:
			return !slices.ContainsFunc(x.Args, func(a ir.Expr) bool { return !b.empty(a) })
		case ir.If:
			if address := unmappedOf(x); address != nil {
				return b.empty(address)
			}
			return any(x.Args[1:])
		case ir.Coalesce:
			return any(x.Args)
		}
	}
	return false
}

// unmappedOf is the address of which c is the IPv4 form, as unmapped writes it;
// nil if c is something else.
func unmappedOf(c *ir.Call) ir.Expr {
	if m, ok := c.Args[0].(*ir.Match); ok && ir.FormatExpr(c) == ir.FormatExpr(unmapped(c.Span, m.X)) {
		return m.X
	}
	return nil
}

func isZero(x ir.Expr) bool {
	lit, ok := x.(*ir.Lit)
	return ok && lit.Value == int64(0)
}

// groupMayBeEmpty reports whether the group that an Extract takes can match
// nothing at all. It may say true where that is hard to see.
func groupMayBeEmpty(c *ir.Call) bool {
	source, ok1 := c.Args[1].(*ir.Lit)
	group, ok2 := c.Args[2].(*ir.Lit)
	if !ok1 || !ok2 {
		return true
	}
	text, _ := source.Value.(string)
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return true
	}
	n, _ := group.Value.(int64)
	found := re
	if n > 0 {
		found = nil
		var walk func(re *syntax.Regexp)
		walk = func(re *syntax.Regexp) {
			if re.Op == syntax.OpCapture && int64(re.Cap) == n {
				found = re
			}
			for _, sub := range re.Sub {
				walk(sub)
			}
		}
		walk(re)
	}
	return found == nil || leastLength(found) == 0
}

// leastLength is how many characters a match has at least, as far as it is easy
// to see.
func leastLength(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1
	case syntax.OpCapture, syntax.OpPlus:
		return leastLength(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min * leastLength(re.Sub[0])
	case syntax.OpConcat:
		n := 0
		for _, sub := range re.Sub {
			n += leastLength(sub)
		}
		return n
	case syntax.OpAlternate:
		n := leastLength(re.Sub[0])
		for _, sub := range re.Sub[1:] {
			n = min(n, leastLength(sub))
		}
		return n
	}
	return 0
}

// blurred reports whether the target cannot tell whether a value is there: it
// can where that follows from what the value is made of.
func (b *blanks) blurred(x ir.Expr, sent bool) bool {
	c, ok := x.(*ir.Call)
	if !ok {
		f, ok := x.(*ir.Field)
		return ok && (b.get(f.Name).made || sent && b.get(f.Name).sent)
	}
	among := func(args []ir.Expr) bool {
		return slices.ContainsFunc(args, func(a ir.Expr) bool { return b.blurred(a, sent) })
	}
	switch {
	case c.Func == ir.Split || c.Func == ir.Item || c.Func == ir.Joined || c.Func == ir.Prop || c.Func == ir.At ||
		c.Func == ir.Extract || c.Func == ir.Coalesce || c.Func == ir.If && len(c.Args) == 3:
		return b.empty(c)
	case c.Func == ir.If:
		return b.blurred(c.Args[1], sent)
	case c.Func == ir.Concat:
		return slices.ContainsFunc(c.Args, func(a ir.Expr) bool { return !isFilled(a) && b.blurred(a, sent) })
	}
	return among(c.Args)
}

// isFilled reports whether e is the empty text where it would be missing.
func isFilled(e ir.Expr) bool {
	c, ok := e.(*ir.Call)
	if !ok || c.Func != ir.Coalesce || len(c.Args) != 2 {
		return false
	}
	lit, ok := c.Args[1].(*ir.Lit)
	return ok && lit.Value == ""
}

// say gives the reason. x is what may be empty or missing.
func (b *blanks) say(at diag.Node, effect ir.Fidelity, neg bool, x ir.Expr) {
	if b.valued {
		effect = ir.Mixed
	}
	what := "text"
	if f, ok := x.(*ir.Field); ok {
		what = f.Name
	}
	b.r.reason(at, codeEmpty, effect, neg, "", "%s does not tell an empty %s from a missing one", b.r.target(), what)
}

func (b *blanks) keys(fields []*ir.Field) {
	for _, f := range fields {
		b.key(f, f)
	}
}

// key is a value by which rows are told apart, or of which those that are
// missing do not count.
func (b *blanks) key(at diag.Node, x ir.Expr) {
	if b.empty(x) {
		b.say(at, ir.Mixed, false, x)
	}
}

// order notes keys between whose empty and missing values a further key decides.
func (b *blanks) order(keys []*ir.SortKey) {
	for i, k := range keys {
		if i+1 < len(keys) {
			b.key(k, k.X)
		}
	}
}

// value looks at what stands in a value.
func (b *blanks) value(e ir.Expr) {
	c, ok := e.(*ir.Call)
	if !ok {
		switch e.(type) {
		case *ir.Field, *ir.Lit, *ir.Foreign:
		default:
			outer := *b
			b.valued, b.both = true, nil
			b.pred(e, false)
			b.valued, b.both = outer.valued, outer.both
		}
		return
	}
	for i, a := range c.Args {
		b.value(a)
		switch c.Func {
		case ir.Coalesce:
			if i+1 < len(c.Args) && b.empty(a) {
				b.say(c, ir.Mixed, false, a)
			}
		case ir.Concat, ir.StrLen, ir.Tuple:
			if !isFilled(a) && b.blurred(a, false) {
				b.say(c, ir.Mixed, false, a)
			}
		}
	}
}

// pred looks at a predicate; neg says that it stands below an odd number of Nots.
func (b *blanks) pred(e ir.Expr, neg bool) {
	switch e := e.(type) {
	case *ir.Logic:
		outer := b.both
		b.both = append(slices.Clip(outer), emptyOrMissing(e)...)
		for _, a := range e.Args {
			b.pred(a, neg)
		}
		b.both = outer
	case *ir.Not:
		b.pred(e.X, !neg)
	case *ir.Match:
		b.value(e.X)
		for _, p := range e.Any {
			switch {
			case isAny(p):
				b.presence(e, e.X, neg)
			case len(p.Parts) == 0 && b.asks(e.X):
				b.say(cmp.Or(p.Span, e.Span), ir.Over, neg, e.X)
			}
		}
	case *ir.Term:
		b.value(e.X)
	case *ir.Regexp:
		b.value(e.X)
		if ir.RegexpMayMatch(e.Source, "") {
			b.presence(e, e.X, neg)
		}
	case *ir.Exists:
		b.presence(e, e.X, neg)
	case *ir.FieldMatch:
		if b.blurred(e.Y, false) {
			b.say(e, ir.Under, neg, e.Y)
		}
	case *ir.Compare:
		b.value(e.L)
		b.value(e.R)
		if ir.TypeOf(e.L) != ir.String || ir.TypeOf(e.R) != ir.String {
			return
		}
		for _, x := range []ir.Expr{e.L, e.R} {
			if b.blurred(x, false) && (e.Op == ir.Ne || b.empty(e.L) && b.empty(e.R)) {
				b.say(e, ir.Under, neg, x)
				break
			}
		}
	case *ir.InCIDR:
		b.value(e.X)
	case *ir.Field, *ir.Lit, *ir.Call:
		b.value(e)
	}
}

// presence is a test for a value that an empty text has as well.
func (b *blanks) presence(at diag.Node, x ir.Expr, neg bool) {
	if f, ok := x.(*ir.Field); ok && (!b.get(f.Name).above || slices.Contains(b.both, f.Name)) {
		return // which has been noted, or does not matter
	}
	if b.blurred(x, true) {
		b.say(at, ir.Under, neg, x)
	}
}

// asks reports whether a test for the empty text finds missing ones too.
func (b *blanks) asks(x ir.Expr) bool {
	if f, ok := x.(*ir.Field); ok {
		return b.get(f.Name).above && !slices.Contains(b.both, f.Name)
	}
	if c, ok := x.(*ir.Call); ok {
		switch {
		case c.Func == ir.Split, c.Func == ir.Item, c.Func == ir.Joined, c.Func == ir.Extract, c.Func == ir.Coalesce, c.Func == ir.If && len(c.Args) == 3:
			return ir.TypeOf(c) == ir.String // whether it is there can be told by itself only
		}
	}
	return b.blurred(x, true)
}
