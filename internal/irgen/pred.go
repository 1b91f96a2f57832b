package irgen

import (
	"math/rand/v2"
	"slices"

	"github.com/huntc/huntc/ir"
)

// Pred is a random predicate over the fields.
func (o Options) Pred(r *rand.Rand, fields []*ir.Field) ir.Expr { return o.pred(r, fields, 3) }

func (o Options) pred(r *rand.Rand, fields []*ir.Field, depth int) ir.Expr {
	if depth > 0 {
		switch n := r.IntN(10); {
		case n < 2:
			return &ir.Not{X: o.pred(r, fields, depth-1)}
		case n < 6:
			l := &ir.Logic{Op: pick(r, []ir.LogicOp{ir.And, ir.Or})}
			sizes := []int{0, 1, 2, 2, 2, 3, 3, 4}
			if o.Sigma {
				sizes = sizes[2:]
			}
			for range pick(r, sizes) {
				l.Args = append(l.Args, o.pred(r, fields, depth-1))
			}
			return l
		}
	}
	if o.Keywords && r.IntN(12) == 0 {
		return &ir.Keyword{Pattern: Pattern(r), Cased: r.IntN(3) == 0}
	}
	return o.leaf(r, fields)
}

func (o Options) leaf(r *rand.Rand, fields []*ir.Field) ir.Expr {
	f := pick(r, fields)
	if r.IntN(10) == 0 {
		return &ir.Exists{X: clone(f)}
	}
	cased := r.IntN(3) == 0
	if o.Sigma {
		return o.sigmaLeaf(r, fields, f, cased)
	}
	if r.IntN(2) == 0 {
		return o.computed(r, fields, f, cased)
	}
	switch f.T {
	case ir.String, ir.Unknown:
		switch r.IntN(10) {
		case 0:
			if g := other(r, fields, f); g != nil {
				kind := pick(r, []ir.FieldMatchKind{ir.FieldPrefix, ir.FieldSuffix, ir.FieldContains})
				return &ir.FieldMatch{X: clone(f), Y: clone(g), Kind: kind, Cased: cased}
			}
		case 1:
			if g := other(r, fields, f); g != nil {
				return &ir.Compare{Op: pick(r, []ir.CmpOp{ir.Eq, ir.Ne}), L: clone(f), R: clone(g), Cased: cased}
			}
		case 2:
			return &ir.Regexp{X: clone(f), Source: Regexp(r)}
		case 3:
			if g := other(r, fields, f); g != nil {
				return o.match(r, f, &ir.Call{Func: ir.Concat, Args: []ir.Expr{clone(f), &ir.Lit{Value: Text(r)}, clone(g)}}, cased)
			}
		}
		return o.match(r, f, clone(f), cased)
	case ir.IP:
		if r.IntN(2) == 0 {
			return &ir.InCIDR{X: clone(f), Prefix: Prefix(r)}
		}
		return o.match(r, f, clone(f), cased)
	case ir.Bool:
		return &ir.Compare{Op: pick(r, []ir.CmpOp{ir.Eq, ir.Ne}), L: clone(f), R: &ir.Lit{Value: r.IntN(2) == 0}}
	case ir.Int, ir.Float:
		if r.IntN(8) == 0 {
			return o.match(r, f, &ir.Call{Func: ir.ToString, Args: []ir.Expr{clone(f)}}, cased)
		}
		return &ir.Compare{Op: cmpOp(r), L: numeric(r, fields, f), R: numericRight(r, fields, f)}
	case ir.Time:
		switch g := other(r, fields, f); {
		case g != nil && r.IntN(3) == 0:
			return &ir.Compare{Op: cmpOp(r), L: clone(f), R: clone(g)}
		case g != nil && r.IntN(3) == 0:
			diff := &ir.Call{Func: ir.Sub, Args: []ir.Expr{clone(f), clone(g)}}
			return &ir.Compare{Op: cmpOp(r), L: diff, R: &ir.Lit{Value: duration(r)}}
		}
		part := pick(r, []ir.FuncID{ir.Minute, ir.Hour, ir.Day, ir.Week, ir.Month, ir.Year})
		return &ir.Compare{Op: cmpOp(r), L: &ir.Call{Func: part, Args: []ir.Expr{clone(f)}}, R: &ir.Lit{Value: int64(r.IntN(30))}}
	case ir.Duration:
		return &ir.Compare{Op: cmpOp(r), L: clone(f), R: &ir.Lit{Value: duration(r)}}
	}
	return &ir.Exists{X: clone(f)}
}

// sigmaLeaf is what an entry of a detection with one field becomes.
func (o Options) sigmaLeaf(r *rand.Rand, fields []*ir.Field, f *ir.Field, cased bool) ir.Expr {
	n := r.IntN(10)
	g := other(r, fields, f)
	switch {
	case f.T.Numeric() && n < 6:
		op := pick(r, []ir.CmpOp{ir.Eq, ir.Lt, ir.Le, ir.Gt, ir.Ge})
		return &ir.Compare{Op: op, L: clone(f), R: &ir.Lit{Value: int64(r.IntN(14) - 2)}}
	case f.T == ir.IP && n < 6:
		return &ir.InCIDR{X: clone(f), Prefix: Prefix(r)}
	case n == 0 && g != nil && f.T == ir.String:
		kind := pick(r, []ir.FieldMatchKind{ir.FieldPrefix, ir.FieldSuffix, ir.FieldContains})
		return &ir.FieldMatch{X: clone(f), Y: clone(g), Kind: kind, Cased: cased}
	case n == 1 && g != nil:
		return &ir.Compare{Op: ir.Eq, L: clone(f), R: clone(g), Cased: cased}
	case n == 2:
		return &ir.Regexp{X: clone(f), Source: o.regexp(r, f)}
	}
	return o.match(r, f, clone(f), cased)
}

// computed compares values that functions make of fields; f says of what type
// they are.
func (o Options) computed(r *rand.Rand, fields []*ir.Field, f *ir.Field, cased bool) ir.Expr {
	switch f.T {
	case ir.String, ir.Unknown, ir.IP:
		x := o.Expr(r, fields, ir.String, 2)
		switch {
		case x == nil:
		case r.IntN(6) == 0:
			return &ir.Regexp{X: x, Source: o.regexp(r, f)}
		case r.IntN(6) == 0:
			return &ir.Compare{Op: pick(r, []ir.CmpOp{ir.Eq, ir.Ne}), L: x, R: or(o.Expr(r, fields, ir.String, 1), x), Cased: cased}
		default:
			return o.match(r, f, x, cased)
		}
	case ir.Int, ir.Float:
		if x := o.Expr(r, fields, pick(r, []ir.Type{ir.Int, ir.Int, ir.Float}), 2); x != nil {
			y := ir.Expr(&ir.Lit{Value: int64(r.IntN(14) - 2)})
			if r.IntN(4) == 0 {
				y = or(o.Expr(r, fields, ir.Int, 1), y)
			}
			return &ir.Compare{Op: cmpOp(r), L: x, R: y}
		}
	case ir.Time:
		if r.IntN(3) == 0 {
			if d := o.Expr(r, fields, ir.Duration, 2); d != nil {
				return &ir.Compare{Op: cmpOp(r), L: d, R: &ir.Lit{Value: duration(r)}}
			}
		}
		if x := o.Expr(r, fields, ir.Time, 1); x != nil {
			return &ir.Compare{Op: cmpOp(r), L: x, R: or(o.Expr(r, fields, ir.Time, 2), x)}
		}
	case ir.Duration:
		if x := o.Expr(r, fields, ir.Duration, 2); x != nil {
			return &ir.Compare{Op: cmpOp(r), L: x, R: &ir.Lit{Value: duration(r)}}
		}
	}
	return &ir.Exists{X: clone(f)}
}

// match matches x, which is made of f.
func (o Options) match(r *rand.Rand, f *ir.Field, x ir.Expr, cased bool) ir.Expr {
	m := &ir.Match{X: x, Cased: cased}
	for range pick(r, []int{1, 1, 1, 2, 3, 10}) {
		m.Any = append(m.Any, o.pattern(r, f))
	}
	return m
}

func numeric(r *rand.Rand, fields []*ir.Field, f *ir.Field) ir.Expr {
	if r.IntN(4) > 0 {
		return clone(f)
	}
	op := pick(r, []ir.FuncID{ir.Add, ir.Sub, ir.Mul, ir.Div, ir.Bin, ir.ToNumber})
	switch op {
	case ir.ToNumber:
		texts := slices.DeleteFunc(slices.Clone(fields), func(f *ir.Field) bool { return f.T != ir.String })
		if len(texts) == 0 {
			return clone(f)
		}
		return &ir.Call{Func: op, Args: []ir.Expr{clone(pick(r, texts))}}
	case ir.Bin:
		return &ir.Call{Func: op, Args: []ir.Expr{clone(f), &ir.Lit{Value: int64(1 + r.IntN(10))}}}
	}
	return &ir.Call{Func: op, Args: []ir.Expr{clone(f), numericRight(r, fields, f)}}
}

func numericRight(r *rand.Rand, fields []*ir.Field, f *ir.Field) ir.Expr {
	if g := other(r, fields, f); g != nil && r.IntN(4) == 0 {
		return clone(g)
	}
	if f.T == ir.Float && r.IntN(2) == 0 {
		return &ir.Lit{Value: float64(r.IntN(40))/4 - 2}
	}
	return &ir.Lit{Value: int64(r.IntN(14) - 2)}
}

func cmpOp(r *rand.Rand) ir.CmpOp {
	return pick(r, []ir.CmpOp{ir.Eq, ir.Ne, ir.Lt, ir.Le, ir.Gt, ir.Ge})
}
