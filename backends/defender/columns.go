package defender

import (
	"fmt"
	"slices"

	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// column finds the column called name in the rows of q: its type, and whether
// it can be null. Strings never are in Kusto: a missing one is empty.
func (b *Backend) column(q ir.Query, name string) (t ir.Type, nullable, ok bool) {
	switch q := q.(type) {
	case *ir.Table:
		return ir.String, false, slices.Contains(q.Cols, name)
	case *ir.Scan:
		info, ok := b.schema.Column(schema.XDR, q.Physical.Table, name)
		if !ok {
			return ir.Unknown, true, false
		}
		t := kustoType(info.Type)
		return t, t != ir.String && name != timestamp, true
	case *ir.Extend:
		for _, c := range q.Cols {
			if c.As == name {
				return b.exprColumn(q.Input, c.X)
			}
		}
		return b.column(q.Input, name)
	case *ir.Aggregate:
		for _, c := range q.By {
			if c.As == name {
				return b.exprColumn(q.Input, c.X)
			}
		}
		for _, a := range q.Aggs {
			if a.As == name {
				t := a.Type()
				never := t == ir.String || a.Func == ir.Count || a.Func == ir.CountIf || a.Func == ir.DCount || a.Func == ir.Values ||
					a.Func != ir.Stdev && len(q.By) > 0 && !b.nullable(q.Input, a.X) && (a.Of == nil || !b.nullable(q.Input, a.Of))
				return t, !never, true
			}
		}
		return ir.Unknown, true, false
	case *ir.Window:
		if q.As == name {
			return ir.Float, false, true
		}
		return b.column(q.Input, name)
	case *ir.Session:
		if q.As == name {
			return ir.Time, false, true
		}
		return b.column(q.Input, name)
	case *ir.Lag:
		if q.As == name {
			t, _, ok := b.column(q.Input, q.X.Name)
			return t, t != ir.String, ok
		}
		return b.column(q.Input, name)
	case *ir.Rank:
		if q.As == name {
			return ir.Int, false, true
		}
		return b.column(q.Input, name)
	case *ir.Project:
		for _, c := range q.Cols {
			if c.As == name {
				return b.exprColumn(q.Input, c.X)
			}
		}
		return ir.Unknown, true, false
	case *ir.Distinct:
		if !ir.HasField(q.By, name) {
			return ir.Unknown, true, false
		}
		return b.column(q.Input, name)
	case *ir.Union:
		// An input without the column has null there.
		for _, in := range q.Inputs {
			u, null, has := b.column(in, name)
			if has && !ok {
				t, ok = u, true
			}
			nullable = nullable || null || !has
		}
		return t, t != ir.String && nullable, ok
	case *ir.Join:
		if t, nullable, ok := b.column(q.Left, name); ok {
			return t, nullable, ok
		}
		if q.Kind == ir.Anti {
			return ir.Unknown, true, false
		}
		t, nullable, ok := b.column(q.Right, name)
		return t, t != ir.String && (nullable || q.Kind == ir.LeftOuter), ok
	case *ir.Filter:
		return b.column(q.Input, name)
	case *ir.Sort:
		return b.column(q.Input, name)
	case *ir.Limit:
		return b.column(q.Input, name)
	}
	panic(fmt.Sprintf("defender: unhandled query %T", q))
}

func (b *Backend) exprColumn(in ir.Query, x ir.Expr) (t ir.Type, nullable, ok bool) {
	return ir.TypeOf(x), b.nullable(in, x), true
}

// nullable reports whether the value of x over the rows of in can be null.
func (b *Backend) nullable(in ir.Query, x ir.Expr) bool {
	if ir.TypeOf(x) == ir.String {
		return false
	}
	switch x := x.(type) {
	case *ir.Lit:
		return false
	case *ir.Field:
		_, nullable, ok := b.column(in, x.Name)
		return (nullable || !ok) && !present(in, x.Name)
	case *ir.Call:
		args := x.Args
		switch x.Func {
		case ir.ToNumber, ir.ToInt, ir.ToLong:
			return true // text that is no number
		case ir.Prop, ir.At, ir.Item, ir.Place:
			return true // it has no such value
		case ir.Div:
			if lit, ok := args[1].(*ir.Lit); !ok || isZero(lit) {
				return true
			}
		case ir.If:
			if len(args) == 2 {
				return true
			}
			args = args[1:]
		case ir.Coalesce:
			return !slices.ContainsFunc(args, func(a ir.Expr) bool { return !b.nullable(in, a) })
		}
		return slices.ContainsFunc(args, func(a ir.Expr) bool { return b.nullable(in, a) })
	case *ir.Foreign:
		return true
	}
	return false // a predicate; Plan makes those in values exact
}

// isList reports whether the value of x over the rows of in is a list of
// values, which an aggregate has made; a stored dynamic value is one value.
func (b *Backend) isList(in ir.Query, x ir.Expr) bool {
	f, ok := x.(*ir.Field)
	if !ok {
		return false
	}
	ofCols := func(cols []*ir.Col, in ir.Query) (list, found bool) {
		for _, c := range cols {
			if c.As == f.Name {
				return b.isList(in, c.X), true
			}
		}
		return false, false
	}
	switch q := in.(type) {
	case *ir.Scan, *ir.Table:
		return false
	case *ir.Extend:
		if list, found := ofCols(q.Cols, q.Input); found {
			return list
		}
	case *ir.Project:
		list, _ := ofCols(q.Cols, q.Input)
		return list
	case *ir.Aggregate:
		list, _ := ofCols(q.By, q.Input)
		return list || slices.ContainsFunc(q.Aggs, func(a *ir.Agg) bool { return a.As == f.Name && a.Func == ir.Values })
	case *ir.Lag:
		if q.As == f.Name {
			return b.isList(q.Input, q.X)
		}
	}
	return slices.ContainsFunc(ir.Inputs(in), func(in ir.Query) bool { return b.isList(in, x) })
}

// isZero reports whether division by the constant is undefined.
func isZero(lit *ir.Lit) bool {
	switch v := lit.Value.(type) {
	case int64:
		return v == 0
	case float64:
		return v == 0
	}
	return false
}

// kustoType is the IR's type for one of Defender's.
func kustoType(t string) ir.Type {
	switch t {
	case "int", "long":
		return ir.Int
	case "real":
		return ir.Float
	case "bool":
		return ir.Bool
	case "datetime":
		return ir.Time
	case "dynamic":
		return ir.Dynamic
	}
	return ir.String
}
