package splunk

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// lowerer writes a planned query as SPL syntax, node by node. What it cannot
// write is a fault of the planner, so it panics there.
type lowerer struct {
	b       *Backend
	form    backends.Form
	written bool  // what LiftText read, not a plan
	err     error // of LowerText
}

func (l *lowerer) search(q ir.Query) *spl.Search { return &spl.Search{Commands: l.query(q)} }

func (l *lowerer) query(q ir.Query) []spl.Command {
	if l.written {
		if out := l.textQuery(q); out != nil {
			return out
		}
	}
	switch q := q.(type) {
	case *ir.Filter:
		if s, ok := q.Input.(*ir.Scan); ok {
			return l.scan(s, q.Pred)
		}
		return append(l.query(q.Input), &spl.Where{Expr: l.pred(q.Pred)})
	case *ir.Extend:
		return append(l.query(q.Input), l.extend(q)...)
	case *ir.Aggregate:
		if f, ok := q.Input.(*ir.Filter); ok && l.form == backends.Tstats {
			if s, ok := f.Input.(*ir.Scan); ok {
				return l.tstats(q, s, f.Pred)
			}
		}
		if l.form == backends.Tstats {
			if list := l.b.branches(q); list != nil {
				return l.appended(q, list)
			}
		}
		cmd := &spl.Stats{}
		for _, a := range q.Aggs {
			cmd.Aggs = append(cmd.Aggs, l.agg(a, len(q.By) > 0, plainName))
		}
		for _, k := range q.By {
			cmd.By = append(cmd.By, k.As)
		}
		out := l.query(q.Input)
		if of := orderedBy(q.Aggs); of != nil {
			out = append(out, inOrder(nil, of))
		}
		return append(out, cmd)
	case *ir.Window:
		return append(l.sorted(q.Input, inOrder(q.By, q.Of)), l.window(q)...)
	case *ir.Session:
		return append(l.sorted(q.Input, inOrder(q.By, q.Of)), l.session(q)...)
	case *ir.Lag:
		return append(l.sorted(q.Input, inOrder(q.By, q.Of)), valueBefore(q.By, q.X.Name, q.As))
	case *ir.Rank:
		return append(l.sorted(q.Input, rankOrder(q)), rank(q))
	case *ir.Project:
		return append(l.query(q.Input), l.project(q)...)
	case *ir.Distinct:
		return append(l.query(q.Input), &spl.Dedup{Names: names(q.By)})
	case *ir.Sort:
		cmd := &spl.Sort{}
		for _, k := range q.Keys {
			cmd.Keys = append(cmd.Keys, spl.SortKey{Field: k.X.Name, Desc: k.Desc})
		}
		return append(l.query(q.Input), cmd)
	case *ir.Limit:
		return append(l.query(q.Input), &spl.Head{N: q.N})
	case *ir.Union:
		out := l.query(q.Inputs[0])
		for _, u := range q.Inputs[1:] {
			out = append(out, &spl.Append{Search: l.search(u)})
		}
		return out
	case *ir.Join:
		if t, ok := q.Right.(*ir.Table); ok {
			return append(l.query(q.Left), l.lookup(q, t)...)
		}
		return append(l.query(q.Left), l.join(q)...)
	}
	panic(fmt.Sprintf("splunk: no command for %T", q))
}

func names(fields []*ir.Field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Name
	}
	return out
}

func plainName(f string) string { return f }

// scan reads events: behind a macro, or from a data model.
func (l *lowerer) scan(s *ir.Scan, pred ir.Expr) []spl.Command {
	args := l.searchArgs(pred, plainName)
	if s.Physical.View == string(schema.Raw) {
		head := []spl.SearchExpr{&spl.SearchMacro{Macro: spl.Macro{Name: s.Physical.Table}}}
		if s.LookBack != 0 {
			head = append(head, earliest(s.LookBack))
		}
		return []spl.Command{&spl.SearchCmd{Expr: searchAnd(append(head, args...))}}
	}
	out := []spl.Command{&spl.From{Model: s.Physical.Table}}
	if s.LookBack != 0 {
		out = append(out, &spl.Where{Expr: &spl.Binary{Op: ">=", L: &spl.FieldRef{Name: timeColumn}, R: &spl.CallExpr{
			Name: "relative_time", Args: []spl.Expr{&spl.CallExpr{Name: "now"}, &spl.StringLit{Value: "-" + spanText(int64(s.LookBack/time.Second))}}}}})
	}
	if len(args) > 0 {
		out = append(out, &spl.SearchCmd{Expr: searchAnd(args)})
	}
	return out
}

// earliest is the time modifier that overrides the time range of the search.
func earliest(d time.Duration) spl.SearchExpr {
	return &spl.SearchCompare{Field: "earliest", Op: "=", Value: spl.SearchValue{Parts: []string{"-" + spanText(int64(d/time.Second))}}}
}

// spanText is a length of time as Splunk writes it, in the largest unit that
// needs no fraction.
func spanText(seconds int64) string {
	for _, u := range [...]struct {
		size int64
		name string
	}{{86400, "d"}, {3600, "h"}, {60, "m"}} {
		if seconds%u.size == 0 && seconds != 0 {
			return strconv.FormatInt(seconds/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(seconds, 10) + "s"
}

// qualified is the name of a data model's field in tstats.
func (l *lowerer) qualified(table, name string) string {
	if name == timeColumn {
		return name
	}
	return l.b.schema.Qualified(table, name)
}

// tstats writes a grouping of an accelerated data model's events.
func (l *lowerer) tstats(q *ir.Aggregate, s *ir.Scan, pred ir.Expr) []spl.Command {
	table := s.Physical.Table
	name := func(f string) string { return l.qualified(table, f) }
	cmd := &spl.Tstats{Macros: []spl.Macro{{Name: l.b.cfg.SummariesOnly}}, Model: table}
	var prefixes []string
	for _, k := range q.By {
		x := k.X
		if c, ok := x.(*ir.Call); ok {
			switch c.Func {
			case ir.Coalesce:
				cmd.Options = []spl.Option{{Name: "fillnull_value", Value: c.Args[1].(*ir.Lit).Value.(string)}}
			case ir.Bin:
				cmd.BySpan = spanText(c.Args[1].(*ir.Lit).Value.(int64))
			}
			x = c.Args[0]
		}
		field := x.(*ir.Field).Name
		full := name(field)
		cmd.By = append(cmd.By, full)
		if prefix, ok := strings.CutSuffix(full, "."+field); ok && !slices.Contains(prefixes, prefix) {
			prefixes = append(prefixes, prefix)
		}
	}
	for _, a := range q.Aggs {
		cmd.Aggs = append(cmd.Aggs, l.agg(a, len(q.By) > 0, name))
	}
	args := l.searchArgs(pred, name)
	if s.LookBack != 0 {
		args = append([]spl.SearchExpr{earliest(s.LookBack)}, args...)
	}
	if len(args) > 0 {
		cmd.Where = searchAnd(args)
	}
	out := []spl.Command{cmd}
	// The longest prefix first: a shorter one would leave half of it behind.
	slices.SortStableFunc(prefixes, func(a, b string) int { return len(b) - len(a) })
	for _, prefix := range prefixes {
		out = append(out, &spl.MacroCmd{Macro: spl.Macro{Name: dropMacro, Args: []string{prefix}}})
	}
	return out
}

// appended writes groupings by tstats under each other, and adds them up.
func (l *lowerer) appended(q *ir.Aggregate, list []branch) []spl.Command {
	var out []spl.Command
	for i, br := range list {
		cmd := l.tstats(br.agg, br.scan, br.pred)[0].(*spl.Tstats)
		mode := []spl.Option{{Name: "prestats", Value: "t"}}
		if i > 0 {
			mode = append(mode, spl.Option{Name: "append", Value: "t"})
		}
		cmd.Options = append(mode, cmd.Options...)
		for k := range cmd.Aggs {
			cmd.Aggs[k].As = "" // which this mode does not take
		}
		out = append(out, cmd)
		eval := &spl.Eval{}
		for _, c := range br.cols {
			if c.As == timeColumn {
				continue
			}
			x := l.value(c.X)
			if f, ok := c.X.(*ir.Field); ok {
				x = &spl.FieldRef{Name: l.qualified(br.scan.Physical.Table, f.Name)}
			}
			if i > 0 { // rows of the branches before have theirs
				x = &spl.CallExpr{Name: "coalesce", Args: []spl.Expr{&spl.FieldRef{Name: c.As}, x}}
			}
			eval.Assign = append(eval.Assign, spl.Assign{Name: c.As, Expr: x})
		}
		if len(eval.Assign) > 0 {
			out = append(out, eval)
		}
	}
	stats := &spl.Stats{}
	for _, k := range q.By {
		stats.By = append(stats.By, k.As)
	}
	for i, a := range list[0].agg.Aggs {
		agg := l.agg(a, true, plainName)
		if i > 0 {
			agg.As = q.Aggs[i].As
		}
		stats.Aggs = append(stats.Aggs, agg)
	}
	return append(out, stats)
}

// dropMacro is Splunk_SA_CIM's macro that takes the prefix off field names.
const dropMacro = "drop_dm_object_name"

func (l *lowerer) agg(a *ir.Agg, grouped bool, name func(string) string) spl.Agg {
	if f := presentField(a, grouped); f != nil {
		return spl.Agg{Func: "count", Arg: name(f.Name), As: a.As}
	}
	if a.Func == ir.CountIf {
		return spl.Agg{Func: "count", Eval: l.pred(a.X), As: a.As}
	}
	out := spl.Agg{Func: splAgg(a), As: a.As}
	if out.Func == "" {
		panic(fmt.Sprintf("splunk: no aggregate for %q", a.Func))
	}
	switch x := a.X.(type) {
	case nil:
	case *ir.Field:
		out.Arg = name(x.Name)
	default:
		out.Eval = l.value(x)
	}
	if out.Func == out.As && a.X == nil {
		out.As = ""
	}
	return out
}

func (l *lowerer) extend(q *ir.Extend) []spl.Command {
	if l.form == backends.Tstats && len(q.Cols) == 1 {
		if c := rex(q.Cols[0]); c != nil {
			return []spl.Command{c}
		}
	}
	// Columns that are all filled with one text in their own place are a fillnull.
	fill := &spl.Fillnull{}
	eval := &spl.Eval{}
	for _, c := range q.Cols {
		if text, ok := filling(c); ok && (len(fill.Names) == 0 || text == fill.Value) {
			fill.Value = text
			fill.Names = append(fill.Names, c.As)
		}
		eval.Assign = append(eval.Assign, spl.Assign{Name: c.As, Expr: l.value(c.X)})
	}
	if len(fill.Names) == len(q.Cols) {
		return []spl.Command{fill}
	}
	return []spl.Command{eval}
}

func filling(c *ir.Col) (string, bool) {
	x, ok := c.X.(*ir.Call)
	if !ok || x.Func != ir.Coalesce {
		return "", false
	}
	f, fok := x.Args[0].(*ir.Field)
	lit, lok := x.Args[1].(*ir.Lit)
	if len(x.Args) != 2 || !fok || !lok || f.Name != c.As {
		return "", false
	}
	s, ok := lit.Value.(string)
	return s, ok
}

// inOrder sorts the rows of each group by time: events come newest first, and
// rows of tstats in no documented order. Sorting by the group first puts the
// row before next to each row.
func inOrder(by []*ir.Field, of *ir.Field) *spl.Sort {
	sort := &spl.Sort{}
	for _, f := range append(slices.Clone(by), of) {
		sort.Keys = append(sort.Keys, spl.SortKey{Field: f.Name})
	}
	return sort
}

// lastOf takes the time of the row before from streamstats. A window of one row
// is not asked for: with "by" it would span all groups.
func lastOf(by []*ir.Field, of, as string) *spl.Streamstats {
	return &spl.Streamstats{Options: []spl.Option{{Name: "current", Value: "f"}}, Aggs: []spl.Agg{{Func: "last", Arg: of, As: as}}, By: names(by)}
}

// valueBefore takes a value from the row before, also where it has none: a
// window of one row, of the rows of the group alone.
func valueBefore(by []*ir.Field, x, as string) *spl.Streamstats {
	return &spl.Streamstats{Options: []spl.Option{{Name: "current", Value: "f"}, {Name: "window", Value: "1"}, {Name: "global", Value: "f"}},
		Aggs: []spl.Agg{{Func: "last", Arg: x, As: as}}, By: names(by)}
}

// sorted writes a query and then a sort, which is left out where operators that
// go from row to row have left the rows in that very order.
func (l *lowerer) sorted(q ir.Query, sort *spl.Sort) []spl.Command {
	out := l.query(q)
	if have := orderOf(q); have != nil && slices.Equal(have.Keys, sort.Keys) {
		return out
	}
	return append(out, sort)
}

// orderOf is the sort in whose order an operator that goes from row to row has
// left the rows of q; nil if none has. A Sort of the hunt's own does not count:
// Lift would not find it again.
func orderOf(q ir.Query) *spl.Sort {
	kept := func(in ir.Query, names ...string) *spl.Sort {
		sort := orderOf(in)
		if sort != nil && slices.ContainsFunc(sort.Keys, func(k spl.SortKey) bool { return slices.Contains(names, k.Field) }) {
			return nil
		}
		return sort
	}
	var sort *spl.Sort
	var made string
	switch q := q.(type) {
	case *ir.Filter:
		return orderOf(q.Input)
	case *ir.Extend:
		made := make([]string, len(q.Cols))
		for i, c := range q.Cols {
			made[i] = c.As
		}
		return kept(q.Input, made...)
	case *ir.Lag:
		sort, made = inOrder(q.By, q.Of), q.As
	case *ir.Window:
		sort, made = inOrder(q.By, q.Of), q.As
	case *ir.Session:
		sort, made = inOrder(q.By, q.Of), q.As
	case *ir.Rank:
		sort, made = rankOrder(q), q.As
	default:
		return nil
	}
	if slices.ContainsFunc(sort.Keys, func(k spl.SortKey) bool { return k.Field == made }) {
		return nil
	}
	return sort
}

// rankOrder sorts rows by the group and the keys of a Rank.
func rankOrder(q *ir.Rank) *spl.Sort {
	sort := &spl.Sort{}
	for _, f := range q.By {
		sort.Keys = append(sort.Keys, spl.SortKey{Field: f.Name})
	}
	for _, k := range q.Keys {
		sort.Keys = append(sort.Keys, spl.SortKey{Field: k.X.Name, Desc: k.Desc})
	}
	return sort
}

// rank counts the rows of each group.
func rank(q *ir.Rank) spl.Command {
	return &spl.Streamstats{Aggs: []spl.Agg{{Func: "count", As: q.As}}, By: names(q.By)}
}

// window takes the time of a row before from streamstats. For a row further
// back than one it asks for the range of times among as many rows of the group,
// the row itself with them: rows that have no row there see fewer.
func (l *lowerer) window(q *ir.Window) []spl.Command {
	if q.Offset > 1 {
		count := helper("rows", q.As)
		stream := &spl.Streamstats{Options: []spl.Option{{Name: "global", Value: "f"}, {Name: "window", Value: strconv.Itoa(q.Offset + 1)}},
			Aggs: []spl.Agg{{Func: "range", Arg: q.Of.Name, As: q.As}, {Func: "count", As: count}}, By: names(q.By)}
		return []spl.Command{
			stream,
			&spl.Where{Expr: full(count, q.Offset+1)},
			&spl.Fields{Remove: true, Names: []string{count}},
		}
	}
	prev := helper(previous(q.Of.Name), q.As)
	return []spl.Command{
		lastOf(q.By, q.Of.Name, prev),
		&spl.Eval{Assign: []spl.Assign{{Name: q.As, Expr: since(q.Of.Name, prev)}}},
		&spl.Where{Expr: &spl.CallExpr{Name: "isnotnull", Args: []spl.Expr{&spl.FieldRef{Name: q.As}}}},
		&spl.Fields{Remove: true, Names: []string{prev}},
	}
}

// full says that a window holds as many rows as it can.
func full(count string, size int) spl.Expr {
	return &spl.Binary{Op: "=", L: &spl.FieldRef{Name: count}, R: number(int64(size))}
}

func since(of, prev string) spl.Expr {
	return &spl.Binary{Op: "-", L: &spl.FieldRef{Name: of}, R: &spl.FieldRef{Name: prev}}
}

// session gives the first row of each session its own time and the others that
// of the row above: every group begins with such a row.
func (l *lowerer) session(q *ir.Session) []spl.Command {
	prev := helper(previous(q.Of.Name), q.As)
	starts := &spl.Binary{Op: "OR",
		L: &spl.CallExpr{Name: "isnull", Args: []spl.Expr{&spl.FieldRef{Name: prev}}},
		R: &spl.Binary{Op: ">", L: since(q.Of.Name, prev), R: l.value(seconds(q.Span, q.Gap))}}
	return []spl.Command{
		lastOf(q.By, q.Of.Name, prev),
		&spl.Eval{Assign: []spl.Assign{{Name: q.As, Expr: &spl.CallExpr{Name: "if", Args: []spl.Expr{starts, &spl.FieldRef{Name: q.Of.Name}, &spl.CallExpr{Name: "null"}}}}}},
		&spl.Filldown{Names: []string{q.As}},
		&spl.Fields{Remove: true, Names: []string{prev}},
	}
}

func previous(field string) string { return "previous" + strings.Replace("_"+field, "__", "_", 1) }

// helper is a name for a column on the way that is not the result's.
func helper(name, result string) string {
	if name == result {
		return name + "_"
	}
	return name
}

// project renames and keeps columns.
func (l *lowerer) project(q *ir.Project) []spl.Command {
	var pairs []spl.RenamePair
	table := &spl.Table{}
	for _, c := range q.Cols {
		table.Names = append(table.Names, c.As)
		if f := c.X.(*ir.Field); f.Name != c.As {
			pairs = append(pairs, spl.RenamePair{From: f.Name, To: c.As})
		}
	}
	if len(pairs) == 0 {
		return []spl.Command{table}
	}
	return []spl.Command{&spl.Rename{Pairs: inRenameOrder(pairs)}, table}
}

// inRenameOrder takes a name only after the column that had it has been
// renamed.
func inRenameOrder(pairs []spl.RenamePair) []spl.RenamePair {
	var out []spl.RenamePair
	for len(pairs) > 0 {
		i := slices.IndexFunc(pairs, func(p spl.RenamePair) bool {
			return !slices.ContainsFunc(pairs, func(o spl.RenamePair) bool { return o.From == p.To })
		})
		i = max(i, 0)
		out = append(out, pairs[i])
		pairs = slices.Delete(pairs, i, i+1)
	}
	return out
}

// matchedColumn marks rows of the right side of an anti join.
const matchedColumn = "matched"

func (l *lowerer) join(q *ir.Join) []spl.Command {
	kind := ""
	switch q.Kind {
	case ir.Inner:
		kind = "inner"
	case ir.LeftOuter, ir.Anti:
		kind = "left"
	default:
		panic(fmt.Sprintf("splunk: no join for %q", q.Kind))
	}
	cmd := &spl.Join{On: names(q.On), Search: l.search(q.Right),
		Options: []spl.Option{{Name: "type", Value: kind}, {Name: "max", Value: "0"}}}
	if q.Kind != ir.Anti {
		return []spl.Command{cmd}
	}
	cmd.Options[1].Value = "1"
	cmd.Search.Commands = append(cmd.Search.Commands, &spl.Eval{Assign: []spl.Assign{{Name: matchedColumn, Expr: number(1)}}})
	return []spl.Command{
		cmd,
		&spl.Where{Expr: &spl.CallExpr{Name: "isnull", Args: []spl.Expr{&spl.FieldRef{Name: matchedColumn}}}},
		&spl.Fields{Remove: true, Names: []string{matchedColumn}},
	}
}

// --- search expressions ---

func searchAnd(args []spl.SearchExpr) spl.SearchExpr {
	if len(args) == 1 {
		return args[0]
	}
	return &spl.SearchLogic{Args: args}
}

// searchArgs are the conjuncts of a predicate; none for True.
func (l *lowerer) searchArgs(e ir.Expr, name func(string) string) []spl.SearchExpr {
	if ir.IsTrue(e) {
		return nil
	}
	if and, ok := e.(*ir.Logic); ok && and.Op == ir.And {
		out := make([]spl.SearchExpr, len(and.Args))
		for i, a := range and.Args {
			out[i] = l.searchExpr(a, name)
		}
		return out
	}
	return []spl.SearchExpr{l.searchExpr(e, name)}
}

func (l *lowerer) searchExpr(e ir.Expr, name func(string) string) spl.SearchExpr {
	switch e := e.(type) {
	case *ir.Logic:
		args := e.Args
		if e.Op == ir.Or {
			args = gather(args)
		}
		if len(args) == 1 {
			return l.searchExpr(args[0], name)
		}
		out := &spl.SearchLogic{Or: e.Op == ir.Or}
		for _, a := range args {
			out.Args = append(out.Args, l.searchExpr(a, name))
		}
		return out
	case *ir.Not:
		return &spl.SearchNot{X: l.searchExpr(e.X, name)}
	case *ir.Match:
		f := name(e.X.(*ir.Field).Name)
		if len(e.Any) == 1 {
			return &spl.SearchCompare{Field: f, Op: "=", Value: searchValue(e.Any[0])}
		}
		in := &spl.SearchIn{Field: f}
		for _, p := range e.Any {
			in.Values = append(in.Values, searchValue(p))
		}
		return in
	case *ir.Compare:
		return &spl.SearchCompare{Field: name(e.L.(*ir.Field).Name), Op: string(e.Op), Value: numberValue(e.R.(*ir.Lit))}
	case *numbers:
		in := &spl.SearchIn{Field: name(e.field.Name)}
		for _, n := range e.values {
			in.Values = append(in.Values, numberValue(n))
		}
		return in
	case *ir.Exists:
		return &spl.SearchCompare{Field: name(e.X.Name), Op: "=", Value: spl.SearchValue{Parts: []string{"", ""}}}
	case *ir.InCIDR:
		return &spl.SearchCompare{Field: name(e.X.(*ir.Field).Name), Op: "=", Value: spl.SearchValue{Parts: []string{e.Prefix.String()}}}
	case *ir.Macro:
		return &spl.SearchMacro{Macro: spl.Macro{Name: e.Name, Args: e.Args}}
	case *ir.Keyword:
		if e.Terms {
			t := &spl.SearchTerm{Value: searchValue(e.Pattern)}
			if e.Cased {
				t.Func = "CASE"
			}
			return t
		}
		s, _ := e.Pattern.Literal()
		return &spl.SearchTerm{Value: spl.SearchValue{Parts: []string{"", s, ""}}}
	}
	panic(fmt.Sprintf("splunk: no search expression for %T", e))
}

// numbers is "the field equals one of these numbers", gathered for IN.
type numbers struct {
	ir.Expr
	field  *ir.Field
	values []*ir.Lit
}

// gather joins the arguments of an Or that test one field for values.
func gather(args []ir.Expr) []ir.Expr {
	var out []ir.Expr
	for _, a := range args {
		merged := false
		for i, o := range out {
			if j := gatherTwo(o, a); j != nil {
				out[i], merged = j, true
				break
			}
		}
		if !merged {
			out = append(out, a)
		}
	}
	return out
}

func gatherTwo(a, b ir.Expr) ir.Expr {
	switch b := b.(type) {
	case *ir.Match:
		x, ok := a.(*ir.Match)
		if !ok || x.X.(*ir.Field).Name != b.X.(*ir.Field).Name {
			return nil
		}
		return &ir.Match{Span: x.Span, X: x.X, Any: slices.Concat(x.Any, b.Any)}
	case *ir.Compare:
		if b.Op != ir.Eq {
			return nil
		}
		name := b.L.(*ir.Field).Name
		switch a := a.(type) {
		case *ir.Compare:
			if a.Op != ir.Eq || a.L.(*ir.Field).Name != name {
				return nil
			}
			return &numbers{Expr: a, field: a.L.(*ir.Field), values: []*ir.Lit{a.R.(*ir.Lit), b.R.(*ir.Lit)}}
		case *numbers:
			if a.field.Name != name {
				return nil
			}
			return &numbers{Expr: a.Expr, field: a.field, values: append(slices.Clone(a.values), b.R.(*ir.Lit))}
		}
	}
	return nil
}

func searchValue(p ir.Pattern) spl.SearchValue {
	parts := []string{""}
	for _, part := range p.Parts {
		if part.Wild == ir.Many {
			parts = append(parts, "")
			continue
		}
		parts[len(parts)-1] += part.Text
	}
	return spl.SearchValue{Parts: parts}
}

func numberValue(l *ir.Lit) spl.SearchValue {
	return spl.SearchValue{Parts: []string{numberText(l.Value)}, Number: true}
}

func numberText(v any) string {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	panic(fmt.Sprintf("splunk: %T is no number", v))
}

// --- eval expressions ---

func (l *lowerer) pred(e ir.Expr) spl.Expr {
	switch e := e.(type) {
	case *ir.Logic:
		return l.chain(e)
	case *ir.Not:
		switch x := e.X.(type) {
		case *ir.Exists:
			return &spl.CallExpr{Name: "isnull", Args: []spl.Expr{&spl.FieldRef{Name: x.X.Name}}}
		case *ir.Match:
			if x.Cased && len(x.Any) == 1 && literal(x.Any) {
				return &spl.Binary{Op: "!=", L: l.value(x.X), R: l.text(x)}
			}
		}
		return &spl.Unary{Op: "NOT", X: l.pred(e.X)}
	case *ir.Match:
		if l.written && !literal(e.Any) {
			return l.likes(e)
		}
		if len(e.Any) > 1 && e.Cased {
			in := &spl.InExpr{X: l.value(e.X)}
			for _, pat := range e.Any {
				s, _ := pat.Literal()
				in.Values = append(in.Values, &spl.StringLit{Value: s})
			}
			return in
		}
		if len(e.Any) > 1 {
			// Equalities that ir.Simplify has joined.
			or := &ir.Logic{Op: ir.Or}
			for _, pat := range e.Any {
				or.Args = append(or.Args, &ir.Match{X: e.X, Any: []ir.Pattern{pat}, Cased: e.Cased})
			}
			return l.chain(or)
		}
		if e.Cased {
			return &spl.Binary{Op: "=", L: l.value(e.X), R: l.text(e)}
		}
		return &spl.Binary{Op: "=", L: lowerCase(l.value(e.X)), R: l.text(e)}
	case *ir.Regexp:
		return &spl.CallExpr{Name: "match", Args: []spl.Expr{l.value(e.X), &spl.StringLit{Value: e.Source}}}
	case *ir.InCIDR:
		return &spl.CallExpr{Name: "cidrmatch", Args: []spl.Expr{&spl.StringLit{Value: e.Prefix.String()}, l.value(e.X)}}
	case *ir.Exists:
		return &spl.CallExpr{Name: "isnotnull", Args: []spl.Expr{&spl.FieldRef{Name: e.X.Name}}}
	case *ir.FieldMatch:
		return l.fieldMatch(e)
	case *numbers:
		in := &spl.InExpr{X: &spl.FieldRef{Name: e.field.Name}}
		for _, n := range e.values {
			in.Values = append(in.Values, l.value(n))
		}
		return in
	case *ir.Compare:
		left, right := l.value(e.L), l.value(e.R)
		if !e.Cased {
			left, right = lowerCase(left), lowerCase(right)
		}
		return &spl.Binary{Op: string(e.Op), L: left, R: right}
	}
	panic(fmt.Sprintf("splunk: no condition for %T", e))
}

func lowerCase(e spl.Expr) spl.Expr { return &spl.CallExpr{Name: "lower", Args: []spl.Expr{e}} }

// text is the one text that a planned Match compares with.
func (l *lowerer) text(m *ir.Match) spl.Expr {
	s, _ := m.Any[0].Literal()
	if !m.Cased {
		s = strings.ToLower(s)
	}
	return &spl.StringLit{Value: s}
}

func (l *lowerer) chain(e *ir.Logic) spl.Expr {
	op := "AND"
	if e.Op == ir.Or {
		op = "OR"
	}
	if len(e.Args) == 0 {
		return &spl.CallExpr{Name: map[string]string{"AND": "true", "OR": "false"}[op]}
	}
	args := e.Args
	if e.Op == ir.Or {
		args = gatherNumbers(args)
	}
	out := l.pred(args[0])
	for _, a := range args[1:] {
		out = &spl.Binary{Op: op, L: out, R: l.pred(a)}
	}
	return out
}

// gatherNumbers joins the arguments of an Or that compare one field with a
// number each.
func gatherNumbers(args []ir.Expr) []ir.Expr {
	isTest := func(e ir.Expr) bool {
		c, ok := e.(*ir.Compare)
		if !ok || c.Op != ir.Eq || !isNumber(c.R) {
			return false
		}
		_, ok = c.L.(*ir.Field)
		return ok
	}
	var out []ir.Expr
	for _, a := range args {
		merged := false
		for i, o := range out {
			if _, ok := o.(*numbers); !isTest(a) || !ok && !isTest(o) {
				continue
			}
			if j := gatherTwo(o, a); j != nil {
				out[i], merged = j, true
				break
			}
		}
		if !merged {
			out = append(out, a)
		}
	}
	return out
}

func (l *lowerer) fieldMatch(e *ir.FieldMatch) spl.Expr {
	var x, y spl.Expr = &spl.FieldRef{Name: e.X.Name}, &spl.FieldRef{Name: e.Y.Name}
	if !e.Cased {
		x, y = lowerCase(x), lowerCase(y)
	}
	size := &spl.CallExpr{Name: "len", Args: []spl.Expr{y}}
	switch e.Kind {
	case ir.FieldPrefix:
		return &spl.Binary{Op: "=", L: &spl.CallExpr{Name: "substr", Args: []spl.Expr{x, number(1), size}}, R: y}
	case ir.FieldSuffix:
		return &spl.Binary{Op: "=", L: &spl.CallExpr{Name: "substr", Args: []spl.Expr{x, &spl.Unary{Op: "-", X: size}}}, R: y}
	}
	return &spl.Binary{Op: ">", L: &spl.CallExpr{Name: "mvcount", Args: []spl.Expr{&spl.CallExpr{Name: "split", Args: []spl.Expr{x, y}}}}, R: number(1)}
}

func (l *lowerer) value(e ir.Expr) spl.Expr {
	switch e := e.(type) {
	case *ir.Field:
		return &spl.FieldRef{Name: e.Name}
	case *ir.Lit:
		switch v := e.Value.(type) {
		case string:
			return &spl.StringLit{Value: v}
		case bool:
			return &spl.StringLit{Value: strconv.FormatBool(v)}
		}
		return &spl.NumberLit{Text: numberText(e.Value)}
	case *ir.Foreign:
		return l.b.foreign(e.Text).syntax
	case *ir.Call:
		if e.Func == ir.If {
			return l.conditional(e)
		}
		args := make([]spl.Expr, len(e.Args))
		for i, a := range e.Args {
			args[i] = l.value(a)
		}
		for _, f := range scalarFuncs {
			if f.ir == e.Func {
				return f.lower(args)
			}
		}
	}
	panic(fmt.Sprintf("splunk: no expression for %T", e))
}
