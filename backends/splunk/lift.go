package splunk

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// Lift reads a search that Lower wrote back into IR. Anything else is
// reported at its place, and the query is nil then.
func (b *Backend) Lift(s *spl.Search) (ir.Query, diag.List) {
	l := &lifter{b: b}
	q := l.search(s)
	if l.diags.HasErrors() {
		return nil, l.diags
	}
	return q, l.diags
}

type lifter struct {
	b     *Backend
	diags diag.List
}

func (l *lifter) fail(at diag.Node, format string, args ...any) {
	l.diags.Errorf(codeNotLiftable, at, "", format, args...)
}

// search reads commands one after the other; some of them mean something only
// together.
func (l *lifter) search(s *spl.Search) ir.Query {
	cmds := s.Commands
	if len(cmds) == 0 {
		l.fail(s, "the search has no commands")
		return nil
	}
	var q ir.Query
	n := 1
	if t, ok := cmds[0].(*spl.Tstats); ok && prestats(t) {
		q, n = l.appended(cmds)
	} else {
		q = l.source(cmds[0])
	}
	if q == nil {
		return nil
	}
	cmds = cmds[n:]
	for len(cmds) > 0 && q != nil {
		var n int
		q, n = l.command(q, cmds)
		cmds = cmds[n:]
	}
	return q
}

// prestats reports whether tstats leaves its rows for stats to read.
func prestats(c *spl.Tstats) bool {
	return slices.ContainsFunc(c.Options, func(o spl.Option) bool { return o.Name == "prestats" })
}

// appended reads groupings by tstats under each other and the stats that adds
// them up, and says how many commands they are.
func (l *lifter) appended(cmds []spl.Command) (ir.Query, int) {
	u := &ir.Union{Span: cmds[0].At()}
	var evals []*spl.Eval
	n := 0
	for n < len(cmds) {
		t, ok := cmds[n].(*spl.Tstats)
		if !ok || !prestats(t) {
			break
		}
		plain := *t
		plain.Options = slices.DeleteFunc(slices.Clone(t.Options), func(o spl.Option) bool { return o.Name == "prestats" || o.Name == "append" })
		agg, ok := l.tstats(&plain).(*ir.Aggregate)
		if !ok || len(agg.Aggs) > len(innerAggs) {
			l.fail(t, "this form of tstats with prestats is not read")
			return nil, 1
		}
		for i := range agg.Aggs {
			agg.Aggs[i].As = innerAggs[i].as
		}
		n++
		eval := &spl.Eval{}
		if n < len(cmds) {
			if e, ok := cmds[n].(*spl.Eval); ok {
				eval = e
				n++
			}
		}
		u.Inputs = append(u.Inputs, &ir.Project{Span: t.Span, Input: agg})
		evals = append(evals, eval)
	}
	var stats *spl.Stats
	if n < len(cmds) {
		stats, _ = cmds[n].(*spl.Stats)
	}
	if stats == nil || stats.Event || len(stats.Aggs) > len(innerAggs) {
		l.fail(cmds[0], "tstats with prestats is not read without the stats that belongs to it")
		return nil, 1
	}
	out := &ir.Aggregate{Span: stats.Span, Input: u}
	for _, name := range stats.By {
		out.By = append(out.By, fieldCol(stats.Span, name))
	}
	for i := range stats.Aggs {
		as := innerAggs[i].as
		out.Aggs = append(out.Aggs, &ir.Agg{Span: stats.Span, As: as, Func: innerAggs[i].outer, X: &ir.Field{Span: stats.Span, Name: as}})
	}
	for i, in := range u.Inputs {
		proj := in.(*ir.Project)
		table := ir.Scans(proj)[0].Physical.Table
		for _, name := range stats.By {
			c := fieldCol(stats.Span, name)
			if name != timeColumn {
				if c.X = l.branchColumn(evals[i], name, table); c.X == nil {
					l.fail(stats, "the column %s of one of the searches is not read", name)
					return nil, 1
				}
			}
			proj.Cols = append(proj.Cols, c)
		}
		for _, a := range out.Aggs {
			proj.Cols = append(proj.Cols, fieldCol(stats.Span, a.As))
		}
	}
	return out, n + 1
}

// branchColumn reads what a column of a branch is; nil if that is not known.
func (l *lifter) branchColumn(e *spl.Eval, name, table string) ir.Expr {
	for _, a := range e.Assign {
		if a.Name != name {
			continue
		}
		x := a.Expr
		if args := uncall("coalesce", 2)(x); args != nil {
			x = args[1]
		}
		if f, ok := x.(*spl.FieldRef); ok {
			if column, ok := l.b.columnNames(table).byQualified[f.Name]; ok {
				return &ir.Field{Span: f.Span, Name: column}
			}
			return nil
		}
		v, _ := l.b.liftValue(x)
		return v
	}
	return nil
}

// source reads the command that produces rows.
func (l *lifter) source(c spl.Command) ir.Query {
	switch c := c.(type) {
	case *spl.Tstats:
		return l.tstats(c)
	case *spl.From:
		return &ir.Scan{Span: c.Span, Physical: &ir.Physical{View: string(schema.CIM), Table: c.Model}}
	case *spl.SearchCmd:
		args := []spl.SearchExpr{c.Expr}
		if and, ok := c.Expr.(*spl.SearchLogic); ok && !and.Or {
			args = and.Args
		}
		m, ok := args[0].(*spl.SearchMacro)
		if !ok || len(m.Macro.Args) > 0 {
			l.fail(c, "the search does not begin with the macro of a dataset")
			return nil
		}
		s := &ir.Scan{Span: c.Span, Physical: &ir.Physical{View: string(schema.Raw), Table: m.Macro.Name}}
		return l.scanFilter(c, s, args[1:], plainName)
	}
	l.fail(c, "a search that begins with this command is not read")
	return nil
}

// scanFilter reads the conjuncts of a search over a Scan.
func (l *lifter) scanFilter(at diag.Node, s *ir.Scan, args []spl.SearchExpr, name func(string) string) ir.Query {
	var all []ir.Expr
	for _, a := range args {
		if c, ok := a.(*spl.SearchCompare); ok && c.Field == "earliest" && len(c.Value.Parts) == 1 {
			d, ok := parseSpan(strings.TrimPrefix(c.Value.Parts[0], "-"))
			if !ok {
				l.fail(c, "the time %q is not read", c.Value.Parts[0])
			}
			s.LookBack = d
			continue
		}
		all = append(all, l.searchExpr(a, name))
	}
	if len(all) == 0 {
		return s
	}
	return &ir.Filter{Span: at.At(), Input: s, Pred: ir.NewLogic(at.At(), ir.And, all...)}
}

func parseSpan(s string) (time.Duration, bool) {
	if s == "" {
		return 0, false
	}
	unit := map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute, 's': time.Second}[s[len(s)-1]]
	n, err := strconv.ParseInt(s[:len(s)-1], 10, 64)
	return time.Duration(n) * unit, err == nil && unit != 0 && n > 0
}

// columnNames maps the qualified names of a CIM dataset to its columns.
type columnNames struct{ byQualified map[string]string }

func (b *Backend) columnNames(table string) *columnNames {
	if c, ok := b.columns.Load(table); ok {
		return c.(*columnNames)
	}
	c := &columnNames{byQualified: map[string]string{}}
	if t := b.schema.Table(schema.CIM, table); t != nil {
		for name, info := range t.Columns {
			c.byQualified[info.Qualified] = name
		}
	}
	b.columns.Store(table, c)
	return c
}

func (l *lifter) tstats(c *spl.Tstats) ir.Query {
	if len(c.Macros) != 1 || c.Macros[0].Name != l.b.cfg.SummariesOnly {
		l.fail(c, "tstats without the macro %s is not read", l.b.cfg.SummariesOnly)
		return nil
	}
	fill := ""
	for _, o := range c.Options {
		if o.Name != "fillnull_value" {
			l.fail(c, "the option %s of tstats is not read", o.Name)
			return nil
		}
		fill = o.Value
	}
	names := l.b.columnNames(c.Model)
	column := func(full string) string {
		if full == timeColumn {
			return full
		}
		name, ok := names.byQualified[full]
		if !ok {
			l.fail(c, "the data model %s has no field %s", c.Model, full)
			return full
		}
		return name
	}
	s := &ir.Scan{Span: c.Span, Physical: &ir.Physical{View: string(schema.CIM), Table: c.Model}}
	out := &ir.Aggregate{Span: c.Span}
	var args []spl.SearchExpr
	if c.Where != nil {
		args = []spl.SearchExpr{c.Where}
		if and, ok := c.Where.(*spl.SearchLogic); ok && !and.Or {
			args = and.Args
		}
	}
	out.Input = l.scanFilter(c, s, args, column)
	for _, full := range c.By {
		f := &ir.Field{Span: c.Span, Name: column(full)}
		col := &ir.Col{Span: c.Span, As: f.Name, X: f}
		switch {
		case full == timeColumn:
			d, ok := parseSpan(c.BySpan)
			if !ok {
				l.fail(c, "the span %q is not read", c.BySpan)
			}
			col.X = &ir.Call{Span: c.Span, Func: ir.Bin, Args: []ir.Expr{f, seconds(c.Span, d)}}
		case fill != "":
			col.X = &ir.Call{Span: c.Span, Func: ir.Coalesce, Args: []ir.Expr{f, &ir.Lit{Span: c.Span, Value: fill}}}
		}
		out.By = append(out.By, col)
	}
	for i := range c.Aggs {
		out.Aggs = append(out.Aggs, l.agg(c, &c.Aggs[i], column))
	}
	return out
}

func (l *lifter) agg(at diag.Node, a *spl.Agg, name func(string) string) *ir.Agg {
	out, ok := irAgg(a.Func)
	if !ok {
		l.fail(at, "the function %s is not read", a.Func)
		return &ir.Agg{Span: a.Span, As: a.As}
	}
	out.Span, out.As = a.Span, a.As
	switch {
	case out.Func == ir.Count && a.Eval != nil:
		if out.Func, out.X = ir.CountIf, l.b.liftPred(a.Eval); out.X == nil {
			l.fail(at, "the condition of %s is not read", a.Func)
		}
	case out.Func == ir.Count && a.Arg != "":
		out.Func, out.X = ir.Sum, present(a.Span, &ir.Field{Span: a.Span, Name: name(a.Arg)})
	case a.Eval != nil:
		x, ok := l.b.liftValue(a.Eval)
		if !ok {
			l.fail(at, "the argument of %s is not read", a.Func)
		}
		out.X = x
	case a.Arg != "":
		out.X = &ir.Field{Span: a.Span, Name: name(a.Arg)}
	}
	if out.As == "" {
		out.As = a.Func
	}
	return out
}

// command reads the next stage and says of how many commands it consists.
func (l *lifter) command(q ir.Query, cmds []spl.Command) (ir.Query, int) {
	switch c := cmds[0].(type) {
	case *spl.MacroCmd:
		if c.Macro.Name == dropMacro {
			return q, 1 // names are read without their prefix already
		}
	case *spl.SearchCmd:
		args := []spl.SearchExpr{c.Expr}
		return &ir.Filter{Span: c.Span, Input: q, Pred: l.searchExpr(args[0], plainName)}, 1
	case *spl.Where:
		if s, ok := q.(*ir.Scan); ok && s.LookBack == 0 {
			if d, ok := lookBack(c.Expr); ok {
				scan := *s
				scan.LookBack = d
				return &scan, 1
			}
		}
		return &ir.Filter{Span: c.Span, Input: q, Pred: l.pred(c.Expr)}, 1
	case *spl.Eval:
		out := &ir.Extend{Span: c.Span, Input: q}
		for _, a := range c.Assign {
			out.Cols = append(out.Cols, &ir.Col{Span: a.Span, As: a.Name, X: l.b.liftColumn(a.Expr)})
		}
		return out, 1
	case *spl.Rex:
		if col := liftRex(c); col != nil {
			return &ir.Extend{Span: c.Span, Input: q, Cols: []*ir.Col{col}}, 1
		}
	case *spl.Fillnull:
		return &ir.Extend{Span: c.Span, Input: q, Cols: fillCols(c)}, 1
	case *spl.Stats:
		return l.stats(q, c, nil), 1
	case *spl.Streamstats:
		if sort := orderOf(q); sort != nil {
			both := append([]spl.Command{sort}, cmds...)
			if w, n := inTimeOrder(q, both); n > 0 {
				return w, n - 1
			}
			if r := inRows(q, both); r != nil {
				return r, 1
			}
		}
	case *spl.Sort:
		if len(cmds) > 1 && len(c.Keys) == 1 && !c.Keys[0].Desc && c.Limit == 0 {
			if stats, ok := cmds[1].(*spl.Stats); ok && slices.ContainsFunc(stats.Aggs, positional) {
				return l.stats(q, stats, &ir.Field{Span: c.Span, Name: c.Keys[0].Field}), 2
			}
		}
		if w, n := inTimeOrder(q, cmds); n > 0 {
			return w, n
		}
		if r := inRows(q, cmds); r != nil {
			return r, 2
		}
		if c.Limit != 0 {
			break
		}
		return &ir.Sort{Span: c.Span, Input: q, Keys: sortKeys(c.Span, c.Keys)}, 1
	case *spl.Head:
		return &ir.Limit{Span: c.Span, Input: q, N: c.N}, 1
	case *spl.Dedup:
		out := &ir.Distinct{Span: c.Span, Input: q, By: fields(c.Span, c.Names), Whole: true}
		if len(cmds) > 1 {
			if t, ok := cmds[1].(*spl.Table); ok && slices.Equal(t.Names, c.Names) {
				out.Whole = false // no other column is shown, so none is kept
			}
		}
		return out, 1
	case *spl.Rename:
		if len(cmds) > 1 {
			if t, ok := cmds[1].(*spl.Table); ok {
				return project(q, c, t), 2
			}
		}
	case *spl.Table:
		return project(q, nil, c), 1
	case *spl.Append:
		if len(c.Options) > 0 {
			break
		}
		in := l.search(c.Search)
		if in == nil {
			return nil, 1
		}
		if u, ok := q.(*ir.Union); ok {
			return &ir.Union{Span: u.Span, Inputs: append(slices.Clone(u.Inputs), in)}, 1
		}
		return &ir.Union{Span: c.Span, Inputs: []ir.Query{q, in}}, 1
	case *spl.Join:
		return l.join(q, c, cmds)
	case *spl.Lookup:
		return l.lookup(q, c, cmds)
	case *spl.Convert:
		if len(cmds) == 1 && !slices.ContainsFunc(c.Funcs, func(f spl.Agg) bool { return f.Func != "ctime" || f.As != "" }) {
			return q, 1 // shows times as text at the very end; the rows are the same
		}
	}
	l.fail(cmds[0], "this command, or this form of it, is not read")
	return nil, 1
}

// stats reads a grouping, of rows in the order of a column if it is not nil.
func (l *lifter) stats(q ir.Query, c *spl.Stats, of *ir.Field) ir.Query {
	if c.Event || of == nil && slices.ContainsFunc(c.Aggs, positional) {
		l.fail(c, "this form of stats is not read")
		return nil
	}
	out := &ir.Aggregate{Span: c.Span, Input: q}
	for _, name := range c.By {
		out.By = append(out.By, fieldCol(c.Span, name))
	}
	for i := range c.Aggs {
		a := l.agg(c, &c.Aggs[i], plainName)
		if positional(c.Aggs[i]) {
			a.Of = of
		}
		out.Aggs = append(out.Aggs, a)
	}
	return out
}

// positional reports an aggregate of the first or the last row.
func positional(a spl.Agg) bool { return a.Func == "first" || a.Func == "last" }

func fieldCol(at diag.Span, name string) *ir.Col {
	return &ir.Col{Span: at, As: name, X: &ir.Field{Span: at, Name: name}}
}

func fields(at diag.Span, names []string) []*ir.Field {
	out := make([]*ir.Field, len(names))
	for i, n := range names {
		out[i] = &ir.Field{Span: at, Name: n}
	}
	return out
}

func fillCols(c *spl.Fillnull) []*ir.Col {
	var out []*ir.Col
	for _, name := range c.Names {
		out = append(out, &ir.Col{Span: c.Span, As: name, X: &ir.Call{Span: c.Span, Func: ir.Coalesce, Args: []ir.Expr{
			&ir.Field{Span: c.Span, Name: name}, &ir.Lit{Span: c.Span, Value: c.Value}}}})
	}
	return out
}

// lookBack reads _time >= relative_time(now(), "-1d").
func lookBack(e spl.Expr) (time.Duration, bool) {
	b, ok := e.(*spl.Binary)
	if !ok || b.Op != ">=" {
		return 0, false
	}
	f, ok := b.L.(*spl.FieldRef)
	args := uncall("relative_time", 2)(b.R)
	if !ok || f.Name != timeColumn || args == nil {
		return 0, false
	}
	s, ok := args[1].(*spl.StringLit)
	if !ok {
		return 0, false
	}
	return parseSpan(strings.TrimPrefix(s.Value, "-"))
}

// inRows reads the commands of a Lag or a Rank; nil if they are neither.
func inRows(q ir.Query, cmds []spl.Command) ir.Query {
	if len(cmds) < 2 {
		return nil
	}
	sort, _ := cmds[0].(*spl.Sort)
	stream, ok := cmds[1].(*spl.Streamstats)
	if !ok || sort.Limit != 0 || len(stream.Aggs) != 1 || len(sort.Keys) <= len(stream.By) {
		return nil
	}
	for i, name := range stream.By {
		if sort.Keys[i] != (spl.SortKey{Field: name}) {
			return nil
		}
	}
	by, keys, a := fields(stream.Span, stream.By), sort.Keys[len(stream.By):], stream.Aggs[0]
	if a.Func == "count" && a.Arg == "" && a.Eval == nil && len(stream.Options) == 0 {
		return &ir.Rank{Span: sort.Span, Input: q, By: by, Keys: sortKeys(sort.Span, keys), As: a.As}
	}
	want := valueBefore(by, a.Arg, a.As)
	if a.Func != "last" || a.Arg == "" || len(keys) != 1 || keys[0].Desc || !slices.Equal(stream.Options, want.Options) {
		return nil
	}
	return &ir.Lag{Span: sort.Span, Input: q, By: by, Of: &ir.Field{Span: sort.Span, Name: keys[0].Field},
		X: &ir.Field{Span: stream.Span, Name: a.Arg}, As: a.As}
}

func sortKeys(at diag.Span, in []spl.SortKey) []*ir.SortKey {
	out := make([]*ir.SortKey, len(in))
	for i, k := range in {
		out[i] = &ir.SortKey{Span: at, X: &ir.Field{Span: at, Name: k.Field}, Desc: k.Desc}
	}
	return out
}

// inTimeOrder reads the commands of a Window or a Session and says how many they
// are; 0 if they are none.
func inTimeOrder(q ir.Query, cmds []spl.Command) (ir.Query, int) {
	if len(cmds) < 4 {
		return nil, 0
	}
	sort, ok0 := cmds[0].(*spl.Sort)
	stream, ok1 := cmds[1].(*spl.Streamstats)
	if !ok0 || !ok1 || sort.Limit != 0 || len(stream.Aggs) == 0 || len(sort.Keys) != len(stream.By)+1 {
		return nil, 0
	}
	of := stream.Aggs[0].Arg
	if sort.Keys[len(stream.By)].Field != of {
		return nil, 0
	}
	by := fields(stream.Span, stream.By)
	field := &ir.Field{Span: stream.Span, Name: of}
	if n, ok := places(stream); ok {
		where, ok2 := cmds[2].(*spl.Where)
		drop, ok3 := cmds[3].(*spl.Fields)
		if !ok2 || !ok3 || !drop.Remove || spl.PrintExpr(where.Expr) != spl.PrintExpr(full(stream.Aggs[1].As, n+1)) {
			return nil, 0
		}
		return &ir.Window{Span: sort.Span, Input: q, By: by, Of: field, Offset: n, As: stream.Aggs[0].As}, 4
	}
	if len(cmds) < 5 || stream.Aggs[0].Func != "last" || len(stream.Aggs) != 1 {
		return nil, 0
	}
	eval, ok2 := cmds[2].(*spl.Eval)
	drop, ok4 := cmds[4].(*spl.Fields)
	if !ok2 || !ok4 || len(eval.Assign) != 1 || !drop.Remove {
		return nil, 0
	}
	as := eval.Assign[0].Name
	if where, ok := cmds[3].(*spl.Where); ok {
		if args := uncall("isnotnull", 1)(where.Expr); args == nil || spl.PrintExpr(args[0]) != spl.PrintExpr(&spl.FieldRef{Name: as}) {
			return nil, 0
		}
		return &ir.Window{Span: sort.Span, Input: q, By: by, Of: field, As: as}, 5
	}
	if _, ok := cmds[3].(*spl.Filldown); !ok {
		return nil, 0
	}
	gap, ok := sessionGap(eval.Assign[0].Expr)
	if !ok {
		return nil, 0
	}
	return &ir.Session{Span: sort.Span, Input: q, By: by, Of: field, Gap: gap, As: as}, 5
}

// places is how many rows back a streamstats with a window looks.
func places(s *spl.Streamstats) (int, bool) {
	for _, o := range s.Options {
		if n, err := strconv.Atoi(o.Value); o.Name == "window" && err == nil {
			return n - 1, n > 1 && len(s.Aggs) == 2 && s.Aggs[0].Func == "range"
		}
	}
	return 0, false
}

// sessionGap reads if(isnull(p) OR t - p > gap, t, null()).
func sessionGap(e spl.Expr) (time.Duration, bool) {
	args := uncall("if", 3)(e)
	if args == nil {
		return 0, false
	}
	or, ok := args[0].(*spl.Binary)
	if !ok || or.Op != "OR" {
		return 0, false
	}
	longer, ok := or.R.(*spl.Binary)
	if !ok || longer.Op != ">" {
		return 0, false
	}
	n, ok := longer.R.(*spl.NumberLit)
	if !ok {
		return 0, false
	}
	s, err := strconv.ParseFloat(n.Text, 64)
	return time.Duration(math.Round(s * float64(time.Second))), err == nil
}

func project(q ir.Query, r *spl.Rename, t *spl.Table) ir.Query {
	out := &ir.Project{Span: t.Span, Input: q}
	for _, name := range t.Names {
		from := name
		if r != nil {
			for i := len(r.Pairs) - 1; i >= 0; i-- {
				if r.Pairs[i].To == from {
					from = r.Pairs[i].From
				}
			}
		}
		out.Cols = append(out.Cols, &ir.Col{Span: t.Span, As: name, X: &ir.Field{Span: t.Span, Name: from}})
	}
	return out
}

func (l *lifter) join(q ir.Query, c *spl.Join, cmds []spl.Command) (ir.Query, int) {
	out := &ir.Join{Span: c.Span, Left: q, Kind: ir.Inner, On: fields(c.Span, c.On)}
	n := 1
	for _, o := range c.Options {
		if o.Name == "type" && o.Value == "left" {
			out.Kind = ir.LeftOuter
		}
	}
	right := c.Search
	if k := len(right.Commands) - 1; k > 0 && len(cmds) > 2 {
		if e, ok := right.Commands[k].(*spl.Eval); ok && len(e.Assign) == 1 && e.Assign[0].Name == matchedColumn {
			right = &spl.Search{Span: right.Span, Commands: right.Commands[:k]}
			out.Kind, n = ir.Anti, 3
		}
	}
	if out.Right = l.search(right); out.Right == nil {
		return nil, n
	}
	return out, n
}

// --- search expressions ---

func (l *lifter) searchExpr(e spl.SearchExpr, name func(string) string) ir.Expr {
	at := e.At()
	switch e := e.(type) {
	case *spl.SearchLogic:
		op := ir.And
		if e.Or {
			op = ir.Or
		}
		out := &ir.Logic{Span: at, Op: op}
		for _, a := range e.Args {
			out.Args = append(out.Args, l.searchExpr(a, name))
		}
		return out
	case *spl.SearchNot:
		return &ir.Not{Span: at, X: l.searchExpr(e.X, name)}
	case *spl.SearchCompare:
		f := &ir.Field{Span: at, Name: name(e.Field)}
		if e.Value.Number {
			return l.numberCompare(e, f, ir.CmpOp(e.Op), e.Value)
		}
		if e.Op != "=" {
			break
		}
		p := pattern(at, e.Value)
		if shape, _ := p.Shape(); shape == ir.ShapeAny {
			return &ir.Exists{Span: at, X: f}
		}
		return &ir.Match{Span: at, X: f, Any: []ir.Pattern{p}}
	case *spl.SearchIn:
		f := &ir.Field{Span: at, Name: name(e.Field)}
		or := &ir.Logic{Span: at, Op: ir.Or}
		m := &ir.Match{Span: at, X: f}
		for _, v := range e.Values {
			if v.Number {
				or.Args = append(or.Args, l.numberCompare(e, f, ir.Eq, v))
				continue
			}
			m.Any = append(m.Any, pattern(at, v))
		}
		if len(m.Any) > 0 {
			or.Args = append(or.Args, m)
		}
		return ir.NewLogic(at, ir.Or, or.Args...)
	case *spl.SearchTerm:
		if p := e.Value.Parts; e.Func == "" && len(p) == 3 && p[0] == "" && p[2] == "" {
			return &ir.Keyword{Span: at, Pattern: ir.TextPattern(at, p[1])}
		}
	}
	l.fail(e, "this condition of a search is not read")
	return ir.True(at)
}

func (l *lifter) numberCompare(at diag.Node, f *ir.Field, op ir.CmpOp, v spl.SearchValue) ir.Expr {
	n, ok := parseNumber(v.Parts[0])
	if !ok || len(v.Parts) != 1 {
		l.fail(at, "the number %q is not read", v.Parts[0])
	}
	return &ir.Compare{Span: at.At(), Op: op, L: f, R: &ir.Lit{Span: at.At(), Value: n}}
}

func parseNumber(s string) (any, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil
}

func pattern(at diag.Span, v spl.SearchValue) ir.Pattern {
	p := ir.Pattern{Span: at}
	for i, s := range v.Parts {
		if i > 0 {
			p.Append(ir.Part{Wild: ir.Many})
		}
		p.Append(ir.Part{Text: s})
	}
	return p
}

// --- eval expressions ---

func (l *lifter) pred(e spl.Expr) ir.Expr {
	if x := l.b.liftPred(e); x != nil {
		return x
	}
	l.fail(e, "this condition is not read: %s", spl.PrintExpr(e))
	return ir.True(e.At())
}

// liftPred reads a condition of where; nil if it is none that Lower writes.
func (b *Backend) liftPred(e spl.Expr) ir.Expr {
	at := e.At()
	switch e := e.(type) {
	case *spl.Unary:
		if e.Op != "NOT" {
			return nil
		}
		if x := b.liftPred(e.X); x != nil {
			return &ir.Not{Span: at, X: x}
		}
	case *spl.Binary:
		switch e.Op {
		case "AND", "OR":
			l, r := b.liftPred(e.L), b.liftPred(e.R)
			if l == nil || r == nil {
				return nil
			}
			op := ir.And
			if e.Op == "OR" {
				op = ir.Or
			}
			return ir.NewLogic(at, op, l, r)
		case "=", "!=", "<", "<=", ">", ">=":
			return b.liftCompare(e)
		}
	case *spl.CallExpr:
		return b.liftTest(e)
	case *spl.InExpr:
		return b.liftIn(e)
	}
	return nil
}

// liftIn reads a value among texts, or a field among numbers.
func (b *Backend) liftIn(e *spl.InExpr) ir.Expr {
	x, ok := b.liftValue(e.X)
	m := &ir.Match{Span: e.Span, X: x, Cased: true}
	for _, v := range e.Values {
		if s, isText := v.(*spl.StringLit); isText {
			m.Any = append(m.Any, ir.TextPattern(s.Span, s.Value))
		}
	}
	if ok && len(m.Any) == len(e.Values) {
		return m
	}
	var any []ir.Expr
	for _, v := range e.Values {
		n, isNum := v.(*spl.NumberLit)
		if !ok || !isNum {
			return nil
		}
		y, _ := b.liftValue(n)
		any = append(any, &ir.Compare{Span: e.Span, Op: ir.Eq, L: x, R: y, Cased: true})
	}
	return ir.NewLogic(e.Span, ir.Or, any...)
}

func (b *Backend) liftTest(e *spl.CallExpr) ir.Expr {
	at := e.At()
	switch {
	case e.Name == "true" && len(e.Args) == 0:
		return ir.True(at)
	case e.Name == "false" && len(e.Args) == 0:
		return ir.False(at)
	case e.Name == "isnotnull" && len(e.Args) == 1:
		if f, ok := e.Args[0].(*spl.FieldRef); ok {
			return &ir.Exists{Span: at, X: &ir.Field{Span: at, Name: f.Name}}
		}
	case e.Name == "isnull" && len(e.Args) == 1:
		if f, ok := e.Args[0].(*spl.FieldRef); ok {
			return &ir.Not{Span: at, X: &ir.Exists{Span: at, X: &ir.Field{Span: at, Name: f.Name}}}
		}
	case e.Name == "match" && len(e.Args) == 2:
		x, ok := b.liftValue(e.Args[0])
		s, isText := e.Args[1].(*spl.StringLit)
		if ok && isText {
			return &ir.Regexp{Span: at, X: x, Source: s.Value}
		}
	case e.Name == "cidrmatch" && len(e.Args) == 2:
		x, ok := b.liftValue(e.Args[1])
		s, isText := e.Args[0].(*spl.StringLit)
		if ok && isText {
			if p, err := netip.ParsePrefix(s.Value); err == nil {
				return &ir.InCIDR{Span: at, X: x, Prefix: p}
			}
		}
	}
	return nil
}

func (b *Backend) liftCompare(e *spl.Binary) ir.Expr {
	at := e.At()
	if fm := liftFieldMatch(e); fm != nil {
		return fm
	}
	left, lower := uncase(e.L)
	if s, ok := e.R.(*spl.StringLit); ok && (e.Op == "=" || e.Op == "!=") {
		x, ok := b.liftValue(left)
		if !ok {
			return nil
		}
		m := &ir.Match{Span: at, X: x, Any: []ir.Pattern{ir.TextPattern(at, s.Value)}, Cased: !lower}
		if e.Op == "!=" {
			return &ir.Not{Span: at, X: m}
		}
		return m
	}
	right := e.R
	cased := true
	if r, ok := uncase(e.R); ok && lower {
		right, cased = r, false
	} else {
		left = e.L
	}
	x, ok1 := b.liftValue(left)
	y, ok2 := b.liftValue(right)
	if !ok1 || !ok2 {
		return nil
	}
	return &ir.Compare{Span: at, Op: ir.CmpOp(e.Op), L: x, R: y, Cased: cased}
}

// uncase takes lower() off.
func uncase(e spl.Expr) (spl.Expr, bool) {
	if args := uncall("lower", 1)(e); args != nil {
		return args[0], true
	}
	return e, false
}

func liftFieldMatch(e *spl.Binary) ir.Expr {
	at := e.At()
	field := func(e spl.Expr) (f *ir.Field, lower bool) {
		x, lower := uncase(e)
		ref, ok := x.(*spl.FieldRef)
		if !ok {
			return nil, false
		}
		return &ir.Field{Span: at, Name: ref.Name}, lower
	}
	make := func(kind ir.FieldMatchKind, x, y spl.Expr) ir.Expr {
		f, lower := field(x)
		g, _ := field(y)
		if f == nil || g == nil {
			return nil
		}
		return &ir.FieldMatch{Span: at, X: f, Y: g, Kind: kind, Cased: !lower}
	}
	isLen := func(e, of spl.Expr) bool {
		args := uncall("len", 1)(e)
		return args != nil && spl.PrintExpr(args[0]) == spl.PrintExpr(of)
	}
	if args := uncall("substr", 3)(e.L); args != nil && e.Op == "=" && isNumberLit(args[1], "1") && isLen(args[2], e.R) {
		return make(ir.FieldPrefix, args[0], e.R)
	}
	if args := uncall("substr", 2)(e.L); args != nil && e.Op == "=" {
		if minus, ok := args[1].(*spl.Unary); ok && minus.Op == "-" && isLen(minus.X, e.R) {
			return make(ir.FieldSuffix, args[0], e.R)
		}
	}
	if args := uncall("mvcount", 1)(e.L); args != nil && e.Op == ">" {
		if in := uncall("split", 2)(args[0]); in != nil {
			return make(ir.FieldContains, in[0], in[1])
		}
	}
	return nil
}

// liftValue reads a value of eval; false if it is none that Lower writes.
func (b *Backend) liftValue(e spl.Expr) (ir.Expr, bool) {
	at := e.At()
	switch e := e.(type) {
	case *spl.FieldRef:
		return &ir.Field{Span: at, Name: e.Name}, true
	case *spl.StringLit:
		return &ir.Lit{Span: at, Value: e.Value}, true
	case *spl.NumberLit:
		n, ok := parseNumber(e.Text)
		return &ir.Lit{Span: at, Value: n}, ok
	}
	if x, ok := b.liftConditional(e); ok {
		return x, true
	}
	for _, f := range scalarFuncs {
		args := f.lift(e)
		if args == nil || !ir.FuncOf(f.ir).Takes(len(args)) || !constantsFit(f.ir, args) {
			continue
		}
		call := &ir.Call{Span: at, Func: f.ir, Args: make([]ir.Expr, len(args))}
		ok := true
		for i, a := range args {
			x, good := b.liftValue(a)
			call.Args[i], ok = x, ok && good
		}
		if ok {
			return call, true
		}
	}
	return nil, false
}

// liftColumn reads the value of a new column; what it does not know stays as
// text.
func (b *Backend) liftColumn(e spl.Expr) ir.Expr {
	if x, ok := b.liftValue(e); ok {
		return x
	}
	return &ir.Foreign{Span: e.At(), Text: spl.PrintExpr(e)}
}

// foreignExpr is a foreign expression as syntax and as Lift would read it.
type foreignExpr struct {
	syntax spl.Expr
	value  ir.Expr
	err    error
}

func (b *Backend) foreign(text string) *foreignExpr {
	if f, ok := b.foreigns.Load(text); ok {
		return f.(*foreignExpr)
	}
	f := &foreignExpr{}
	f.syntax, f.err = spl.ParseExpr(text)
	if f.err == nil {
		if f.err = spl.ValidateExpr(f.syntax); f.err == nil {
			f.value = b.liftColumn(f.syntax)
		}
	}
	b.foreigns.Store(text, f)
	return f
}

// foreign is the value of a column that the schema computes.
func (p *planner) foreign(e *ir.Foreign) ir.Expr {
	f := p.b.foreign(e.Text)
	if f.err != nil {
		p.diags.Errorf(codeUnsayable, e, "Correct the expression in huntc.yaml.", "the expression of a computed column is not SPL: %v", f.err)
		return e
	}
	if x, ok := f.value.(*ir.Foreign); ok {
		return &ir.Foreign{Span: e.Span, Text: x.Text, Needs: e.Needs, T: e.T}
	}
	return f.value
}
