package schema

import (
	"slices"

	"github.com/huntc/huntc/ir"
)

// wholeRows leaves out projections of events by which a text only takes columns
// away: what is left are columns that it does not name, and a hunt that names no
// columns shows those that its dataset has to show.
func (z *raiser) wholeRows(q ir.Query) ir.Query {
	return ir.MapQuery(q, func(q ir.Query) ir.Query {
		p, ok := q.(*ir.Project)
		if !ok || p.Span.Pos.Line == 0 || len(p.Cols) < 2 || !onlyEvents(p.Input) {
			return q
		}
		for _, c := range p.Cols {
			f, plain := c.X.(*ir.Field)
			if !plain || f.Name != c.As || c.Span != p.Span {
				return q
			}
		}
		z.diags.Infof(codeReworded, p, "Name the columns that are wanted, with project.",
			"the text shows all columns but some; the hunt shows those that its dataset has to show")
		return p.Input
	})
}

// shownUnion is the union of which the rows are shown as they are; nil if there
// is none.
func shownUnion(q ir.Query) *ir.Union {
	switch q := q.(type) {
	case *ir.Union:
		return q
	case *ir.Filter, *ir.Sort, *ir.Limit, *ir.Extend, *ir.Window, *ir.Rank, *ir.Lag, *ir.Session:
		return shownUnion(ir.Inputs(q)[0])
	}
	return nil
}

// shownColumns are the columns that tell the rows of the dataset apart for a
// reader: their time, and what the dataset has to show on every target. Those of
// one target would keep the hunt from the data models of the other.
func (s *raisedScan) shownColumns() []string {
	var out []string
	if t := s.b.time(s.b.scan.Span); t != nil {
		out = append(out, t.Name)
	}
	for _, field := range s.ds.Output {
		c := s.b.lookup(field)
		everywhere := true
		for _, v := range []View{CIM, XDR} {
			m := s.ds.Mapping(v)
			everywhere = everywhere && (m == nil || m.Columns[field] != nil)
		}
		if c == nil || !everywhere {
			continue
		}
		for _, name := range []string{c.Name, c.Key, c.Value} {
			if name != "" && s.has(name) && len(s.roles[name]) > 0 && c.Kind != "computed" {
				out = append(out, name)
			}
		}
	}
	return out
}

// sinkKeys moves below a grouping what a text asks of a key that documents have
// another text for than the target: of the events, both say the same of it. In a
// column that was made of it, the target's text is compared as it is.
func (z *raiser) sinkKeys(f *ir.Filter) ir.Query {
	var above []ir.Expr
	var in ir.Query = f.Input
	for _, c := range ir.Conjuncts(f.Pred) {
		fields := ir.Fields(c)
		if len(fields) == 1 && plainTest(c) {
			if moved, ok := z.belowGroups(in, c, fields[0].Name); ok {
				in = moved
				continue
			}
		}
		above = append(above, c)
	}
	if len(above) == 0 {
		return in
	}
	return &ir.Filter{Span: f.Span, Input: in, Pred: ir.NewLogic(f.Span, ir.And, above...)}
}

// plainTest reports whether e compares texts with constants only.
func plainTest(e ir.Expr) bool {
	switch e := e.(type) {
	case *ir.Match:
		_, field := e.X.(*ir.Field)
		return field
	case *ir.Not:
		return plainTest(e.X)
	case *ir.Logic:
		return !slices.ContainsFunc(e.Args, func(a ir.Expr) bool { return !plainTest(a) })
	}
	return false
}

// belowGroups puts a test of one column below the grouping of which the column is
// a key that holds an account or the data of the registry; false if it is none.
func (z *raiser) belowGroups(q ir.Query, e ir.Expr, name string) (ir.Query, bool) {
	down := func(in ir.Query, name string) (ir.Query, bool) {
		in, ok := z.belowGroups(in, e, name)
		if !ok {
			return nil, false
		}
		return ir.WithInputs(q, []ir.Query{in}), true
	}
	key := func(cols []*ir.Col) string {
		for _, c := range cols {
			if f, ok := c.X.(*ir.Field); ok && c.As == name {
				return f.Name
			}
		}
		return ""
	}
	switch q := q.(type) {
	case *ir.Filter:
		return down(q.Input, name)
	case *ir.Sort:
		return down(q.Input, name)
	case *ir.Extend:
		if !slices.ContainsFunc(q.Cols, func(c *ir.Col) bool { return c.As == name }) {
			return down(q.Input, name)
		}
	case *ir.Project:
		if from := key(q.Cols); from != "" {
			return down(q.Input, from)
		}
	case *ir.Aggregate:
		from := key(q.By)
		if from == "" {
			return nil, false
		}
		if !onlyEvents(q.Input) {
			return down(q.Input, from)
		}
		scan := ir.Scans(q.Input)[0]
		if !z.spelledApart(scan.Physical, from) {
			return nil, false
		}
		pred := ir.MapExpr(e, func(e ir.Expr) ir.Expr {
			if f, ok := e.(*ir.Field); ok {
				return &ir.Field{Span: f.Span, Name: from, T: f.T}
			}
			return e
		})
		return ir.WithInputs(q, []ir.Query{&ir.Filter{Span: e.At(), Input: q.Input, Pred: pred}}), true
	}
	return nil, false
}

// spelledApart reports whether a column holds a part of what documents call an
// account, or the data of the registry in a notation of its own.
func (z *raiser) spelledApart(p *ir.Physical, column string) bool {
	if p == nil {
		return false
	}
	for _, ds := range z.schema.Datasets() {
		m := ds.Mapping(View(p.View))
		if m == nil || m.Table != p.Table {
			continue
		}
		for _, field := range sortedKeys(m.Columns) {
			if c := m.Columns[field]; c.Name == column && (c.Kind == "account" && c.Domain == "" || c.Kind == "regdata") {
				return true
			}
		}
	}
	return false
}
