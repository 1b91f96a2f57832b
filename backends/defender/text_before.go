package defender

import (
	"slices"

	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// The rows before, as people write them: prev(Column, n, default) anywhere in
// an expression, over rows that a sort has put in an order.
//
// Rows get their place in that order as a number, and a Lag along it: rows that
// are equal in all keys of the sort have places of their own, any of which the
// text allows as well, and all values of the row before are of one row.

// maxBefore is how many rows back is read.
const maxBefore = 16

// lagged is a column of a row before, and the column that has its values.
type lagged struct {
	of *ir.Field
	n  int
	as string
}

// places are what is known of the rows before where an operator is read.
type places struct {
	row  *ir.Field
	cols []lagged
}

// find is the column that has what X is in the row n rows before.
func (p *places) find(x string, n int) *lagged {
	for i := range p.cols {
		if p.cols[i].of.Name == x && p.cols[i].n == n {
			return &p.cols[i]
		}
	}
	return nil
}

// prevCall reads prev(Column), prev(Column, n) or prev(Column, n, default).
func prevCall(x kql.Expr) (col *kql.Column, n int, otherwise kql.Expr) {
	c, ok := x.(*kql.Call)
	if !ok || c.Name != "prev" || len(c.Args) == 0 || len(c.Args) > 3 {
		return nil, 0, nil
	}
	n = 1
	if len(c.Args) > 1 {
		lit := liftLiteral(c.Args[1])
		if lit == nil {
			return nil, 0, nil
		}
		v, ok := lit.Value.(int64)
		if !ok || v < 1 || v > maxBefore {
			return nil, 0, nil
		}
		n = int(v)
	}
	if len(c.Args) > 2 {
		otherwise = c.Args[2]
	}
	col, _ = c.Args[0].(*kql.Column)
	return col, n, otherwise
}

// prev is the value of a row before; nil if it is not known here.
func (t *textReader) prev(in rows, x *kql.Call) ir.Expr {
	if t.places == nil {
		return nil
	}
	col, n, otherwise := prevCall(x)
	if col == nil {
		return nil
	}
	c := t.places.find(col.Name, n)
	if c == nil {
		return nil
	}
	value := ir.Expr(&ir.Field{Span: x.Span, Name: c.as, T: c.of.T})
	if otherwise != nil {
		far := &ir.Compare{Span: x.Span, Op: ir.Gt, L: t.places.row, R: &ir.Lit{Span: x.Span, Value: int64(n)}, Cased: true}
		value = &ir.Call{Span: x.Span, Func: ir.If, Args: []ir.Expr{far, value, t.value(in, otherwise)}}
	}
	return value
}

// stored is the column that a value is, or that has the value of a row before;
// nil if there is none.
func (t *textReader) stored(in rows, x kql.Expr) *ir.Field {
	switch x := x.(type) {
	case *kql.Column:
		return t.field(in, x)
	case *kql.Call:
		f, _ := t.prev(in, x).(*ir.Field)
		return f
	}
	return nil
}

// orderKeys are the keys of the order in which rows come; nil if they come in
// none, or the columns have changed since.
func orderKeys(q ir.Query) []*ir.SortKey {
	var made []string
	kept := func(keys []*ir.SortKey) []*ir.SortKey {
		if slices.ContainsFunc(keys, func(k *ir.SortKey) bool { return slices.Contains(made, k.X.Name) }) {
			return nil
		}
		return keys
	}
	for {
		switch n := q.(type) {
		case *ir.Filter:
			q = n.Input
		case *ir.Limit:
			q = n.Input
		case *ir.Extend:
			for _, c := range n.Cols {
				made = append(made, c.As)
			}
			q = n.Input
		case *ir.Sort:
			return kept(n.Keys)
		case *ir.Lag:
			if len(n.By) > 0 {
				return nil
			}
			return kept([]*ir.SortKey{{Span: n.Span, X: &ir.Field{Span: n.Span, Name: n.Of.Name, T: n.Of.T}}})
		case *ir.Rank:
			if len(n.By) > 0 || len(n.Keys) == 0 {
				return nil
			}
			return kept([]*ir.SortKey{{Span: n.Span, X: &ir.Field{Span: n.Span, Name: n.As, T: ir.Int}}})
		default:
			return nil
		}
	}
}

// numberedBy is the column that has the place of each row in the order of the
// keys, be it with gaps; nil if there is none.
func numberedBy(q ir.Query, keys []*ir.SortKey) *ir.Field {
	if len(keys) != 1 || keys[0].Desc {
		return nil
	}
	for {
		switch n := q.(type) {
		case *ir.Rank:
			if n.As == keys[0].X.Name && len(n.By) == 0 {
				return keys[0].X
			}
			q = n.Input
		case *ir.Lag:
			q = n.Input
		case *ir.Filter:
			q = n.Input
		case *ir.Sort:
			q = n.Input
		case *ir.Limit:
			q = n.Input
		case *ir.Extend:
			if slices.ContainsFunc(n.Cols, func(c *ir.Col) bool { return c.As == keys[0].X.Name }) {
				return nil
			}
			q = n.Input
		default:
			return nil
		}
	}
}

// before reads an operator that looks at rows before; ok is false if it does
// not, or does in a way that is not read.
func (t *textReader) before(in rows, ops []kql.Op, s *scope) (out rows, ok bool) {
	op := ops[0]
	var named []kql.NamedExpr // of extend, each of which may be the column itself
	switch o := op.(type) {
	case *kql.Extend:
		named = t.inlineNamed(o.Cols, in, s)
		op = &kql.Extend{Span: o.Span, Cols: named}
	case *kql.Serialize:
		if len(o.Cols) == 0 {
			return in, false
		}
		named = t.inlineNamed(o.Cols, in, s)
		op = &kql.Extend{Span: o.Span, Cols: named} // the rows are in an order
	case *kql.Where:
		op = &kql.Where{Span: o.Span, Pred: t.inline(o.Pred, in, s)}
	case *kql.Project:
		op = &kql.Project{Span: o.Span, Cols: t.inlineNamed(o.Cols, in, s)}
	default:
		return in, false
	}
	if in.open {
		return in, false // which columns there are is not known
	}
	keys := orderKeys(in.q)
	if keys == nil {
		return in, false
	}
	calls, readable := prevCalls(op)
	if len(calls) == 0 || !readable {
		return in, false
	}
	direct := func(c kql.NamedExpr) bool {
		col, _, otherwise := prevCall(c.X)
		_, taken := in.column(c.Name)
		return col != nil && otherwise == nil && c.Name != "" && len(c.Names) == 0 && !taken
	}
	p := &places{row: numberedBy(in.q, keys)}
	var hidden []string
	anew := p.row == nil || slices.ContainsFunc(calls, func(c *kql.Call) bool { _, _, otherwise := prevCall(c); return otherwise != nil })
	if anew {
		p.row = &ir.Field{Span: op.At(), Name: t.hide(in, "row"), T: ir.Int}
		hidden = append(hidden, p.row.Name)
	}
	for _, c := range calls {
		col, n, _ := prevCall(c)
		if p.find(col.Name, n) != nil {
			continue
		}
		as := ""
		for _, d := range named {
			if x, m, _ := prevCall(d.X); as == "" && direct(d) && x.Name == col.Name && m == n {
				as = d.Name
			}
		}
		if as == "" {
			as = t.hide(in, "prev_"+col.Name)
			hidden = append(hidden, as)
		}
		p.cols = append(p.cols, lagged{t.field(in, col), n, as})
	}
	unknown := func(name string) bool { _, ok := in.column(name); return !ok }
	if anew && numberedBy(in.q, keys) == nil && slices.ContainsFunc(keys, func(k *ir.SortKey) bool { return unknown(k.X.Name) }) ||
		slices.ContainsFunc(p.cols, func(c lagged) bool { return unknown(c.of.Name) }) {
		return in, false // nor is its type
	}
	at := op.At()
	work := in
	if sort, ok := in.q.(*ir.Sort); ok {
		work.q = sort.Input
	}
	if anew {
		work.q = &ir.Rank{Span: at, Input: work.q, Keys: keys, As: p.row.Name}
	}
	for _, c := range p.cols {
		work.q = t.far(in, work.q, at, p.row, nil, c, &hidden)
		if !slices.Contains(hidden, c.as) {
			work.put(c.as, c.of.T)
		}
	}
	if e, ok := op.(*kql.Extend); ok {
		e.Cols = slices.DeleteFunc(slices.Clone(named), func(d kql.NamedExpr) bool {
			col, n, _ := prevCall(d.X)
			return direct(d) && p.find(col.Name, n).as == d.Name
		})
		if len(e.Cols) == 0 {
			op = nil
		}
	}
	out = work
	if op != nil {
		outer := t.places
		t.places = p
		out, _ = t.op(work, []kql.Op{op}, s)
		t.places = outer
	}
	if _, chosen := ops[0].(*kql.Project); !chosen {
		out.hidden = out.hidden || len(hidden) > 0
		if !orderless(ops[1:]) {
			out.q = &ir.Sort{Span: at, Input: out.q, Keys: []*ir.SortKey{{Span: at, X: p.row}}}
		}
	}
	return out, true
}

// far adds the column of a row so many rows before, by way of those between.
func (t *textReader) far(in rows, q ir.Query, at diag.Span, row *ir.Field, by []*ir.Field, c lagged, hidden *[]string) ir.Query {
	x := c.of
	for i := range c.n {
		as := c.as
		if i < c.n-1 {
			as = t.hide(in, "prev_"+c.of.Name)
			*hidden = append(*hidden, as)
		}
		q = &ir.Lag{Span: at, Input: q, By: by, Of: row, X: x, As: as}
		x = &ir.Field{Span: at, Name: as, T: c.of.T}
	}
	return q
}

// shown are the rows without the columns that the text does not have.
func (r rows) shown() rows {
	if !r.hidden {
		return r
	}
	p := &ir.Project{Span: r.q.At(), Input: r.q}
	for _, c := range r.cols {
		p.Cols = append(p.Cols, &ir.Col{Span: p.Span, As: c.name, X: &ir.Field{Span: p.Span, Name: c.name, T: c.t}})
	}
	r.q, r.hidden = p, false
	return r
}

// addsOnly reports whether an operator keeps all columns and names no others,
// or names all that it keeps, so that it does not matter which there are.
func addsOnly(op kql.Op) bool {
	star := false
	kql.Walk(op, func(n diag.Node) bool {
		if _, ok := n.(*kql.Star); ok {
			star = true
		}
		return !star
	})
	switch op.(type) {
	case *kql.Where, *kql.Extend, *kql.Sort, *kql.Top, *kql.Take, *kql.Serialize, *kql.Summarize, *kql.Project, *kql.Distinct:
		return !star
	}
	return false
}

// hide is a name for a column that the text does not have.
func (t *textReader) hide(in rows, name string) string {
	for {
		n := in.free(name)
		if !slices.Contains(t.hidden, n) {
			t.hidden = append(t.hidden, n)
			return n
		}
		in.put(n, ir.Unknown)
	}
}

// prevCalls are the calls of prev in an operator; readable is false if one of
// them is not as prevCall reads it, or another function looks at other rows.
func prevCalls(op kql.Op) (calls []*kql.Call, readable bool) {
	readable = true
	kql.Walk(op, func(n diag.Node) bool {
		c, ok := n.(*kql.Call)
		if !ok {
			return true
		}
		switch c.Name {
		case "prev":
			col, _, otherwise := prevCall(c)
			if col == nil || otherwise != nil && usesOrder(otherwise) {
				readable = false
			}
			calls = append(calls, c)
		case "next", "row_number", "row_cumsum", "row_rank_dense", "row_rank_min", "row_window_session":
			readable = false
		}
		return true
	})
	return calls, readable
}

// leaving reports whether columns of these names would be seen: whether
// something that follows names them, or nothing chooses columns by name.
func (t *textReader) leaving(rest []kql.Op, names []string) bool {
	for _, op := range rest {
		named := false
		kql.Walk(op, func(n diag.Node) bool {
			if c, ok := n.(*kql.Column); ok && slices.Contains(names, c.Name) {
				named = true
			}
			return !named
		})
		if named || !addsOnly(op) {
			return true
		}
		switch op.(type) {
		case *kql.Summarize, *kql.Project, *kql.Distinct:
			return false
		}
	}
	return true
}

// orderless reports whether what follows does not let the order of the rows be
// seen.
func orderless(rest []kql.Op) bool {
	for _, op := range rest {
		switch op := op.(type) {
		case *kql.Sort, *kql.Top, *kql.Distinct:
			return true
		case *kql.Summarize:
			lists := false
			kql.Walk(op, func(n diag.Node) bool {
				if c, ok := n.(*kql.Call); ok && (c.Name == listOf.plain || c.Name == listOf.conditional) {
					lists = true
				}
				return !lists
			})
			return !lists
		case *kql.Where, *kql.Extend, *kql.Project:
			if calls, readable := prevCalls(op); len(calls) > 0 || !readable {
				return false
			}
		default:
			return false
		}
	}
	return false
}

// grouped reads rows in an order by some keys first, of which those are kept
// that follow a row with the same keys: sort, extend with prev of columns, where
// with KEY == KEY-before for each of the keys. That is the row before within the
// group, for rows of a group lie together. n is how many operators it is, 0 if
// it is something else.
//
// An empty text equals another, so a missing text is a key like any other, as in
// a Lag; another missing value equals nothing. It also equals the text that the
// row before the first does not have: where all keys may be empty texts, the
// first row of all is kept, and that is not read so. Each event of a device has
// the device's id.
func (t *textReader) grouped(in rows, ops []kql.Op, s *scope) (out rows, n int) {
	sort, ok := ops[0].(*kql.Sort)
	if !ok || in.open {
		return in, 0
	}
	i := 1
	if i < len(ops) {
		if z, ok := ops[i].(*kql.Serialize); ok && len(z.Cols) == 0 {
			i++
		}
	}
	if len(ops) < i+2 {
		return in, 0
	}
	ext, isExtend := ops[i].(*kql.Extend)
	where, isWhere := ops[i+1].(*kql.Where)
	if !isExtend || !isWhere {
		return in, 0
	}
	rest := ops[i+2:]
	cols := t.inlineNamed(ext.Cols, in, s)
	names := map[string]string{} // of the columns that have the row before
	for _, c := range cols {
		col, back, otherwise := prevCall(c.X)
		_, taken := in.column(c.Name)
		if col == nil || back != 1 || otherwise != nil || c.Name == "" || len(c.Names) > 0 || taken || names[col.Name] != "" {
			return in, 0
		}
		if _, there := in.column(col.Name); !there {
			return in, 0
		}
		names[col.Name] = c.Name
	}
	pred := t.inline(where.Pred, in, s)
	conds := []kql.Expr{pred}
	if and, ok := pred.(*kql.Logic); ok && and.Op == kql.And {
		conds = and.Args
	}
	same := func(key string) int {
		return slices.IndexFunc(conds, func(c kql.Expr) bool {
			b, ok := c.(*kql.Binary)
			if !ok || b.Op != "==" || names[key] == "" {
				return false
			}
			return isColumn([]kql.Expr{b.L}, key) && isColumn([]kql.Expr{b.R}, names[key]) ||
				isColumn([]kql.Expr{b.R}, key) && isColumn([]kql.Expr{b.L}, names[key])
		})
	}
	at := where.Span
	var by []*ir.Field
	first := false // whether the first row of all is one of the dropped ones
	var keys []*ir.SortKey
	var kept []kql.Expr // what else is asked
	used := map[int]bool{}
	for _, k := range sort.Keys {
		c, ok := k.X.(*kql.Column)
		if !ok || k.Nulls == "first" && k.Desc || k.Nulls == "last" && !k.Desc {
			return in, 0
		}
		if _, there := in.column(c.Name); !there {
			return in, 0
		}
		if i := same(c.Name); i >= 0 && len(keys) == 0 && !used[i] {
			f := t.field(in, c)
			switch f.T {
			case ir.String, ir.Int, ir.Bool, ir.Time:
				first = first || f.T != ir.String || f.Name == deviceID || present(in.q, f.Name)
				by = append(by, f)
				used[i] = true
				continue
			}
		}
		keys = append(keys, &ir.SortKey{Span: k.Span, X: t.field(in, c), Desc: k.Desc})
	}
	for i, c := range conds {
		if !used[i] {
			kept = append(kept, c)
		}
	}
	if len(by) == 0 || len(keys) == 0 || !first {
		return in, 0
	}
	var lags []lagged
	var again []*ir.Col // of the keys, which are what they were in the row before
	for _, c := range cols {
		col, _, _ := prevCall(c.X)
		f := t.field(in, col)
		if ir.HasField(by, f.Name) {
			if t.leaving(rest, []string{c.Name}) || mentions(kept, c.Name) {
				again = append(again, &ir.Col{Span: c.Span, As: c.Name, X: f})
			}
			continue
		}
		lags = append(lags, lagged{f, 1, c.Name})
	}
	out = in
	var preds []ir.Expr
	var hidden []string
	if len(lags) == 1 && len(keys) == 1 && !keys[0].Desc && keys[0].X.Name == timestamp && lags[0].of.Name == timestamp && present(in.q, timestamp) {
		// Each event has a time, and of rows at the same one any may be the one
		// before: it is the same time.
		out.q = &ir.Lag{Span: at, Input: in.q, By: by, Of: keys[0].X, X: lags[0].of, As: lags[0].as}
		preds = append(preds, &ir.Exists{Span: at, X: &ir.Field{Span: at, Name: lags[0].as, T: lags[0].of.T}})
	} else {
		row := &ir.Field{Span: at, Name: t.hide(in, "row"), T: ir.Int}
		hidden = append(hidden, row.Name)
		out.q = &ir.Rank{Span: at, Input: in.q, By: by, Keys: keys, As: row.Name}
		for _, c := range lags {
			out.q = t.far(in, out.q, at, row, by, c, &hidden)
		}
		preds = append(preds, &ir.Compare{Span: at, Op: ir.Gt, L: row, R: &ir.Lit{Span: at, Value: int64(1)}, Cased: true})
	}
	for _, c := range lags {
		out.put(c.as, c.of.T)
	}
	for _, f := range by {
		if f.T != ir.String {
			preds = append(preds, &ir.Exists{Span: at, X: f})
		}
	}
	out.q = &ir.Filter{Span: at, Input: out.q, Pred: ir.NewLogic(at, ir.And, preds...)}
	if len(again) > 0 {
		out.q = &ir.Extend{Span: ext.Span, Input: out.q, Cols: again}
		for _, c := range again {
			out.put(c.As, ir.TypeOf(c.X))
		}
	}
	for _, c := range kept {
		out = t.where(out, &kql.Where{Span: where.Span, Pred: c}, s)
	}
	if !orderless(rest) {
		q := &ir.Sort{Span: sort.Span, Input: out.q}
		for _, k := range sort.Keys {
			q.Keys = append(q.Keys, t.sortKey(in, k))
		}
		out.q = q
	}
	out.hidden = out.hidden || len(hidden) > 0
	return out, i + 2
}

// mentions reports whether a column of that name is in the expressions.
func mentions(xs []kql.Expr, name string) bool {
	found := false
	for _, x := range xs {
		kql.Walk(x, func(n diag.Node) bool {
			if c, ok := n.(*kql.Column); ok && c.Name == name {
				found = true
			}
			return !found
		})
	}
	return found
}
