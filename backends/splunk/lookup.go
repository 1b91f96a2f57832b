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
	n = n.plus(q.On...)
	shown := n
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
		in := inline{q: q, t: t, missing: func(f *ir.Field) string {
			info, _ := p.b.schema.Column(schema.View(scan.View), scan.Table, f.Name)
			return ownFill(info)
		}}
		out := q.Left
		if pred := in.condition(); pred != nil {
			out = &ir.Filter{Span: q.Span, Input: out, Pred: pred}
		}
		if len(cols) > 0 {
			out = &ir.Extend{Span: q.Span, Input: out, Cols: in.columns(cols)}
		}
		return p.events(out, shown)
	}
	r := p.query(q.Left, n)
	for _, c := range cols {
		if hasColumn(r.scope, c) {
			p.clash(q, c)
		}
	}
	in := inline{q: q, t: t, missing: func(f *ir.Field) string {
		c, _ := r.scope.find(f.Name)
		return c.derived(f.Name).fill
	}}
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

func (p *planner) clash(q *ir.Join, column string) {
	p.diags.Errorf(codeNameClash, q, "Rename it on one side with \"project\" or \"extend\".", "both sides of the join have a column %s, and Splunk would keep one of them only", column)
}

// inline is a short table as conditions on the keys.
type inline struct {
	q *ir.Join
	t *ir.Table
	// missing is the text that stands for a missing value of a key, which
	// equals nothing; "" if none does.
	missing func(*ir.Field) string
}

// condition says which rows are kept; nil if all are.
func (in inline) condition() ir.Expr {
	if in.q.Kind == ir.LeftOuter {
		return nil
	}
	listed := in.among(in.t.Rows)
	if in.q.Kind == ir.Anti {
		return &ir.Not{Span: in.q.Span, X: listed}
	}
	return listed
}

// among says that the keys are those of one of the rows.
func (in inline) among(list [][]string) ir.Expr {
	at := in.q.Span
	x := make([]ir.Expr, len(in.q.On))
	place := make([]int, len(in.q.On))
	missing := make([]string, len(in.q.On))
	for i, f := range in.q.On {
		x[i] = asText(f)
		place[i] = slices.Index(in.t.Cols, f.Name)
		missing[i] = in.missing(f)
	}
	any := &ir.Logic{Span: at, Op: ir.Or}
	one := &ir.Match{Span: at, X: x[0], Cased: true}
	for _, row := range list {
		all := &ir.Logic{Span: at, Op: ir.And}
		for i := range x {
			key := row[place[i]]
			if key == "" || key == missing[i] {
				break
			}
			all.Args = append(all.Args, &ir.Match{Span: at, X: x[i], Any: []ir.Pattern{ir.TextPattern(at, key)}, Cased: true})
		}
		switch {
		case len(all.Args) < len(x):
		case len(x) == 1:
			one.Any = append(one.Any, all.Args[0].(*ir.Match).Any...)
		default:
			any.Args = append(any.Args, all)
		}
	}
	if len(one.Any) > 0 {
		return one
	}
	return any
}

// columns are columns of the table. Rows with one value are one choice.
func (in inline) columns(names []string) []*ir.Col {
	at := in.q.Span
	out := make([]*ir.Col, len(names))
	for i, name := range names {
		j := slices.Index(in.t.Cols, name)
		var values []string
		for _, row := range in.t.Rows {
			if row[j] != "" && !slices.Contains(values, row[j]) {
				values = append(values, row[j])
			}
		}
		x := &ir.Call{Span: at, Func: ir.If, Args: []ir.Expr{ir.False(at), &ir.Lit{Span: at, Value: ""}}}
		for k := len(values) - 1; k >= 0; k-- {
			list := slices.DeleteFunc(slices.Clone(in.t.Rows), func(row []string) bool { return row[j] != values[k] })
			choice := &ir.Call{Span: at, Func: ir.If, Args: []ir.Expr{in.among(list), &ir.Lit{Span: at, Value: values[k]}}}
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
