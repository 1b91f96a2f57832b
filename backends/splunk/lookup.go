package splunk

import (
	"slices"
	"strings"

	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// A join with a table of rows that comes with the hunt is written in one of two
// ways. A short table stands in the search: its keys are a condition, which
// tstats can search for, and a column of it is a choice by the keys. A long one
// is a lookup file beside the searches. Both compare whole texts with their
// case, and neither is a subsearch with its limits.

// LookupFile is the name of the file that holds a long table.
func LookupFile(name string) string { return lookupPrefix + name + lookupSuffix }

const lookupPrefix, lookupSuffix = "huntc_", ".csv"

// lookup plans a join with a table.
func (p *planner) lookup(q *ir.Join, t *ir.Table, n need) rows {
	chain := n
	n = n.plus(q.On...)
	var cols []string
	if q.Kind != ir.Anti {
		for _, c := range t.Cols {
			if !ir.HasField(q.On, c) {
				cols = append(cols, c)
				p.name(&ir.Field{Span: t.Span, Name: c})
				n = n.without([]*ir.Col{{As: c}})
			}
		}
	}
	if len(t.Rows) > ir.InlineRows {
		return p.lookupFile(q, t, cols, n)
	}
	if isChain(q.Left) {
		scan := ir.Scans(q.Left)[0].Physical
		below := union(chainFields(q.Left), q.On)
		if n.show {
			below = union(below, scan.Columns)
		}
		for _, c := range cols {
			if ir.HasField(below, c) {
				p.clash(q, c)
			}
		}
		key := func(f *ir.Field) *ir.Field { return aliased(q.Left, f) }
		in := inlinedTable(q, t, key, func(f *ir.Field) string {
			info, _ := p.b.schema.Column(schema.View(scan.View), scan.Table, f.Name)
			return ownFill(info)
		})
		out := q.Left
		if pred := in.condition(); pred != nil {
			out = &ir.Filter{Span: q.Span, Input: out, Pred: pred}
		}
		if len(cols) > 0 {
			out = &ir.Extend{Span: q.Span, Input: out, Cols: in.columns(cols)}
		}
		return p.events(out, chain)
	}
	r := p.query(q.Left, n)
	for _, c := range cols {
		if hasColumn(r.scope, c) {
			p.clash(q, c)
		}
	}
	in := inlinedTable(q, t, func(f *ir.Field) *ir.Field { return f }, func(f *ir.Field) string {
		c, _ := r.scope.find(f.Name)
		return c.derived(f.Name).fill
	})
	if pred := in.condition(); pred != nil {
		r.query = p.filter(q.Span, r.query, pred, r.scope)
		r.scope = r.scope.passing(pred)
	}
	if len(cols) > 0 {
		r = p.extend(&ir.Extend{Span: q.Span, Cols: in.columns(cols)}, r)
	}
	return r
}

// chainFields are the fields that the operators of a chain read and make.
func chainFields(q ir.Query) []*ir.Field {
	var out []*ir.Field
	ir.WalkQuery(q, func(q ir.Query) {
		switch q := q.(type) {
		case *ir.Filter:
			out = union(out, ir.Fields(q.Pred))
		case *ir.Extend:
			out = union(out, colFields(q.Cols))
			for _, c := range q.Cols {
				out = union(out, []*ir.Field{{Name: c.As}})
			}
		}
	})
	return out
}

// aliased is the column of a chain's events that a column is another name for,
// or the column itself: tstats can search for what is stored.
func aliased(q ir.Query, f *ir.Field) *ir.Field {
	var made []string // above
	own := f
	for {
		switch x := q.(type) {
		case *ir.Filter:
			q = x.Input
		case *ir.Extend:
			for _, c := range x.Cols {
				if c.As != f.Name {
					continue
				}
				g, ok := c.X.(*ir.Field)
				if !ok {
					return own
				}
				f = &ir.Field{Span: f.Span, Name: g.Name, T: g.T}
				break
			}
			for _, c := range x.Cols {
				made = append(made, c.As)
			}
			q = x.Input
		default:
			if slices.Contains(made, f.Name) {
				return own
			}
			return f
		}
	}
}

func (p *planner) clash(q *ir.Join, column string) {
	p.diags.Errorf(codeNameClash, q, "Rename it on one side with \"project\" or \"extend\".", "both sides of the join have a column %s, and Splunk would keep one of them only", column)
}

// inline is a short table as conditions on the keys.
type inline struct {
	q    *ir.Join
	keys []ir.Expr // the columns of the rows, as texts
	cols []string
	rows []inlineRow
}

type inlineRow struct{ keys, cells []string }

// inlinedTable takes the rows of a table that a row may be joined with: a key that is
// missing equals nothing. key is the column to read for one of the join, and
// missing the text that stands for a missing value of it; "" if none does.
func inlinedTable(q *ir.Join, t *ir.Table, key func(*ir.Field) *ir.Field, missing func(*ir.Field) string) inline {
	in := inline{q: q, cols: t.Cols}
	place := make([]int, len(q.On))
	none := make([]string, len(q.On))
	for i, f := range q.On {
		column := key(f)
		in.keys = append(in.keys, asText(column))
		place[i] = slices.Index(t.Cols, f.Name)
		none[i] = missing(column)
	}
	for _, cells := range t.Rows {
		row := inlineRow{cells: cells}
		for i, j := range place {
			if cells[j] != "" && cells[j] != none[i] {
				row.keys = append(row.keys, cells[j])
			}
		}
		if len(row.keys) == len(place) {
			in.rows = append(in.rows, row)
		}
	}
	return in
}

// condition says which rows are kept; nil if all are.
func (in inline) condition() ir.Expr {
	switch in.q.Kind {
	case ir.LeftOuter:
		return nil
	case ir.Anti:
		return &ir.Not{Span: in.q.Span, X: in.among(in.rows)}
	}
	return in.among(in.rows)
}

// among says that the keys are those of one of the rows.
func (in inline) among(rows []inlineRow) ir.Expr {
	at := in.q.Span
	is := func(i int, row inlineRow) *ir.Match {
		return &ir.Match{Span: at, X: in.keys[i], Any: []ir.Pattern{ir.TextPattern(at, row.keys[i])}, Cased: true}
	}
	if len(in.keys) == 1 && len(rows) > 0 {
		out := is(0, rows[0])
		for _, row := range rows[1:] {
			out.Any = append(out.Any, is(0, row).Any...)
		}
		return out
	}
	any := &ir.Logic{Span: at, Op: ir.Or}
	for _, row := range rows {
		all := &ir.Logic{Span: at, Op: ir.And}
		for i := range in.keys {
			all.Args = append(all.Args, is(i, row))
		}
		any.Args = append(any.Args, all)
	}
	return any
}

// columns are columns of the table. Rows with one value are one choice.
func (in inline) columns(names []string) []*ir.Col {
	at := in.q.Span
	out := make([]*ir.Col, len(names))
	for i, name := range names {
		j := slices.Index(in.cols, name)
		var values []string
		for _, row := range in.rows {
			if v := row.cells[j]; v != "" && !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		x := &ir.Call{Span: at, Func: ir.If, Args: []ir.Expr{ir.False(at), &ir.Lit{Span: at, Value: ""}}}
		for k := len(values) - 1; k >= 0; k-- {
			rows := slices.DeleteFunc(slices.Clone(in.rows), func(row inlineRow) bool { return row.cells[j] != values[k] })
			choice := &ir.Call{Span: at, Func: ir.If, Args: []ir.Expr{in.among(rows), &ir.Lit{Span: at, Value: values[k]}}}
			if k < len(values)-1 {
				choice.Args = append(choice.Args, x)
			}
			x = choice
		}
		out[i] = &ir.Col{Span: at, As: name, X: x}
	}
	return out
}

// lookupFile plans a join with a table in a file.
func (p *planner) lookupFile(q *ir.Join, t *ir.Table, cols []string, n need) rows {
	if !macroName(t.Name) {
		p.diags.Errorf(codeUnsayable, q, "Use letters, digits and underscores.", "the lookup %q cannot be the name of a file", t.Name)
	}
	r := p.query(q.Left, n)
	if q.Kind == ir.LeftOuter && len(cols) == 0 {
		return r
	}
	for _, f := range q.On {
		p.name(f)
		c, _ := r.scope.find(f.Name)
		if text := c.derived(f.Name).fill; text != "" {
			j := slices.Index(t.Cols, f.Name)
			if slices.ContainsFunc(t.Rows, func(row []string) bool { return row[j] == text }) {
				p.diags.Errorf(codeUnsayable, q, "Leave it out.", "the lookup %s has a row for %q, which stands for a missing value of %s in Splunk, and a missing value equals nothing", t.Name, text, f.Name)
			}
		}
	}
	for _, c := range cols {
		if hasColumn(r.scope, c) {
			p.clash(q, c)
		}
	}
	if q.Kind != ir.LeftOuter {
		p.unused(q, r, matchedColumn)
	}
	// The keys first, as the command has them.
	sorted := &ir.Table{Span: t.Span, Name: t.Name}
	for _, f := range q.On {
		sorted.Cols = append(sorted.Cols, f.Name)
	}
	sorted.Cols = append(sorted.Cols, cols...)
	for _, row := range t.Rows {
		cells := make([]string, len(sorted.Cols))
		for i, c := range sorted.Cols {
			cells[i] = row[slices.Index(t.Cols, c)]
		}
		sorted.Rows = append(sorted.Rows, cells)
	}
	r.query = &ir.Join{Span: q.Span, Left: r.query, Right: sorted, Kind: q.Kind, On: q.On}
	for _, c := range cols {
		r.scope = r.scope.with(column{name: c, t: ir.String, nullable: true})
	}
	return r
}

// lookup writes a join with a table in a file. Which rows have a partner, a key
// under another name tells: every row of the table has its keys.
func (l *lowerer) lookup(q *ir.Join, t *ir.Table) []spl.Command {
	cmd := &spl.Lookup{Table: LookupFile(t.Name)}
	for _, f := range q.On {
		cmd.Keys = append(cmd.Keys, spl.RenamePair{From: f.Name, To: f.Name})
	}
	if q.Kind != ir.LeftOuter {
		cmd.Output = append(cmd.Output, spl.RenamePair{From: q.On[0].Name, To: matchedColumn})
	}
	for _, c := range t.Cols[len(q.On):] {
		cmd.Output = append(cmd.Output, spl.RenamePair{From: c, To: c})
	}
	test := "isnotnull"
	switch q.Kind {
	case ir.LeftOuter:
		return []spl.Command{cmd}
	case ir.Anti:
		test = "isnull"
	}
	return []spl.Command{cmd,
		&spl.Where{Expr: &spl.CallExpr{Name: test, Args: []spl.Expr{&spl.FieldRef{Name: matchedColumn}}}},
		&spl.Fields{Remove: true, Names: []string{matchedColumn}}}
}

// lookup reads such a join, without the rows of the table, and says of how many
// commands it consists.
func (l *lifter) lookup(q ir.Query, c *spl.Lookup, cmds []spl.Command) (ir.Query, int) {
	name, ok1 := strings.CutPrefix(c.Table, lookupPrefix)
	name, ok2 := strings.CutSuffix(name, lookupSuffix)
	if !ok1 || !ok2 || len(c.Keys) == 0 || len(c.Output) == 0 {
		l.fail(c, "this lookup, or this form of it, is not read")
		return nil, 1
	}
	t := &ir.Table{Span: c.Span, Name: name}
	out := &ir.Join{Span: c.Span, Left: q, Right: t, Kind: ir.LeftOuter}
	for _, k := range c.Keys {
		t.Cols = append(t.Cols, k.From)
		out.On = append(out.On, &ir.Field{Span: c.Span, Name: k.To})
	}
	output := c.Output
	if output[0] == (spl.RenamePair{From: c.Keys[0].From, To: matchedColumn}) {
		output = output[1:]
		out.Kind = ir.Inner
		if len(cmds) > 1 {
			if w, ok := cmds[1].(*spl.Where); ok && uncall("isnull", 1)(w.Expr) != nil {
				out.Kind = ir.Anti
			}
		}
	}
	for _, o := range output {
		t.Cols = append(t.Cols, o.From)
	}
	n := 1
	if out.Kind != ir.LeftOuter {
		n = 3
	}
	want := (&lowerer{}).lookup(out, t)
	if len(cmds) < n || len(want) != n || spl.Print(&spl.Search{Commands: cmds[:n]}) != spl.Print(&spl.Search{Commands: want}) {
		l.fail(c, "this lookup, or this form of it, is not read")
		return nil, 1
	}
	return out, n
}
