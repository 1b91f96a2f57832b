package splunk

import (
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// defaultSort is how many rows sort keeps if nobody says otherwise (Search
// Reference, "sort").
const defaultSort = 10000

// command reads the next stage and says of how many commands it consists. The
// query is nil if it is not understood.
func (r *reading) command(q ir.Query, cmds []spl.Command) (ir.Query, int) {
	switch c := cmds[0].(type) {
	case *spl.MacroCmd:
		return r.macro(q, c), 1
	case *spl.SearchCmd:
		name := func(at diag.Span, name string) *ir.Field { return r.read(q, at, name) }
		r.rows = q
		return filter(c, q, r.searchExpr(c.Expr, name)), 1
	case *spl.Where:
		if s, ok := q.(*ir.Scan); ok && s.LookBack == 0 {
			if d, ok := lookBack(c.Expr); ok {
				scan := *s
				scan.LookBack = d
				return &scan, 1
			}
		}
		if e := r.where(q, c.Expr); e != nil {
			return filter(c, q, e), 1
		}
		return nil, 1
	case *spl.Regex:
		return r.regex(q, c), 1
	case *spl.Eval:
		return r.eval(q, c), 1
	case *spl.Rex:
		return r.rex(q, c), 1
	case *spl.Fillnull:
		return r.fillnull(q, c), 1
	case *spl.Bin:
		return r.bin(q, c), 1
	case *spl.Stats:
		return r.stats(q, c, nil), 1
	case *spl.Sort:
		return r.sort(q, cmds)
	case *spl.Streamstats:
		return r.stream(q, nil, cmds)
	case *spl.Head:
		return &ir.Limit{Span: c.Span, Input: q, N: c.N}, 1
	case *spl.Dedup:
		by := make([]*ir.Field, len(c.Names))
		for i, n := range c.Names {
			by[i] = r.read(q, r.at(c, n), n)
		}
		return &ir.Distinct{Span: c.Span, Input: r.whereAll(c, q, by), By: by, Whole: true}, 1
	case *spl.Rename:
		return r.rename(q, c, cmds)
	case *spl.Table:
		return r.table(q, c, c.Names, nil), 1
	case *spl.Fields:
		return r.fields(q, c), 1
	case *spl.Append:
		in, _ := r.subsearch(c.Search)
		for _, o := range c.Options {
			r.note(r.at(c, o.Name), "The subsearch is bounded by "+o.Name+"="+o.Value+".")
		}
		if in == nil {
			return nil, 1
		}
		if u, ok := q.(*ir.Union); ok {
			return &ir.Union{Span: u.Span, Inputs: append(slices.Clone(u.Inputs), in)}, 1
		}
		return &ir.Union{Span: c.Span, Inputs: []ir.Query{q, in}}, 1
	case *spl.Join:
		return r.join(q, c, cmds)
	case *spl.Lookup:
		return r.lookup(q, c, cmds)
	case *spl.Convert:
		return r.convert(q, c), 1
	case *spl.Unknown:
		if out := r.located(q, c); out != nil {
			return out, 1
		}
		r.unknown(c)
		return nil, 1
	case *spl.Mvexpand:
		r.fail(codeNoCommand, c, unreadCommands["mvexpand"], "the command mvexpand is not read")
		return nil, 1
	case *spl.Tstats, *spl.From:
		r.fail(codeNoForm, c, "Put it into the brackets of append or join, or at the beginning.", "a command that generates rows stands first in a search")
		return nil, 1
	}
	r.fail(codeNoForm, cmds[0], "", "this command is not read in this place")
	return nil, 1
}

func filter(at diag.Node, q ir.Query, pred ir.Expr) ir.Query {
	if pred == nil {
		return nil
	}
	return &ir.Filter{Span: at.At(), Input: q, Pred: pred}
}

// whereAll keeps the rows that have all of the fields.
func (r *reading) whereAll(at diag.Node, q ir.Query, fields []*ir.Field) ir.Query {
	var tests []ir.Expr
	for _, f := range fields {
		if !r.b.present(q, f.Name) {
			tests = append(tests, &ir.Exists{Span: f.Span, X: f})
		}
	}
	if len(tests) == 0 {
		return q
	}
	return ir.Normalize(&ir.Filter{Span: at.At(), Input: q, Pred: ir.NewLogic(at.At(), ir.And, tests...)})
}

// macro reads a macro that stands for commands.
func (r *reading) macro(q ir.Query, c *spl.MacroCmd) ir.Query {
	args := make([]string, len(c.Macro.Args))
	for i, a := range c.Macro.Args {
		args[i] = strings.Trim(a, `"`)
	}
	switch {
	case c.Macro.Name == "comment":
		return q
	case c.Macro.Name == dropMacro && len(args) == 1:
		prefix := args[0] + "."
		return r.renamed(c, q, func(name string) string {
			if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" {
				return rest
			}
			return name
		})
	case c.Macro.Name == "security_content_ctime" && len(args) == 1:
		r.show(c, q, args[0], timeFormat)
		return q
	}
	r.opaque(c, c.Macro)
	return &ir.Filter{Span: c.Span, Input: q, Pred: &ir.Macro{Span: c.Span, Name: c.Macro.Name, Args: c.Macro.Args, Command: true}}
}

// show marks a column as one that shows times as text from now on.
func (r *reading) show(at diag.Node, q ir.Query, column, format string) {
	if cols := ir.Columns(q); cols != nil && !known(cols, column) {
		return // nothing is there to be shown
	}
	r.shown = slices.DeleteFunc(r.shown, func(s shownTime) bool { return s.column == column })
	r.shown = append(r.shown, shownTime{column, format})
	r.note(at, "Shows "+column+" as the text of a time, "+format+".")
}

// sortsAlike reports whether texts of that format sort as their times do.
func sortsAlike(format string) bool {
	return strings.HasPrefix(format, "%Y-%m-%d") || strings.HasPrefix(format, "%F")
}

func (r *reading) convert(q ir.Query, c *spl.Convert) ir.Query {
	format := "%m/%d/%Y %H:%M:%S"
	for _, o := range c.Options {
		if o.Name != "timeformat" {
			r.fail(codeNoForm, r.at(c, o.Name), "", "the option %s of convert is not read", o.Name)
			return nil
		}
		format = o.Value
	}
	for i := range c.Funcs {
		f := &c.Funcs[i]
		if f.Func != "ctime" || f.Arg == "" || strings.Contains(f.Arg, "*") {
			r.fail(codeNoFunction, f, "Only ctime of a field is read.", "the function %s of convert is not read", f.Func)
			return nil
		}
		column := f.Arg
		if f.As != "" && f.As != f.Arg {
			q = &ir.Extend{Span: f.Span, Input: q, Cols: []*ir.Col{{Span: f.Span, As: f.As, X: r.read(q, f.Span, f.Arg)}}}
			column = f.As
		}
		r.show(f, q, column, format)
	}
	return q
}

func (r *reading) regex(q ir.Query, c *spl.Regex) ir.Query {
	name := c.Field
	if name == "" {
		name = "_raw"
	}
	if !r.portable(c, c.Pattern) {
		return nil
	}
	f := r.read(q, r.at(c, name), name)
	var e ir.Expr = &ir.Regexp{Span: c.Span, X: f, Source: c.Pattern}
	if c.Negated {
		if !r.b.present(q, name) {
			r.fail(codeNoForm, c, "Write | where NOT match(...), which drops rows without the field.", "what regex with != does with rows that lack %s is not documented", name)
			return nil
		}
		e = &ir.Not{Span: c.Span, X: e}
	}
	return filter(c, q, e)
}

// portable reports a regular expression that only PCRE knows.
func (r *reading) portable(at diag.Node, source string) bool {
	if _, err := syntax.Parse(source, syntax.Perl); err != nil {
		r.fail(codeNoRegex, at, "Say it without looking ahead or back, and without references.", "the regular expression %q has no counterpart on other targets: %v", source, err)
		return false
	}
	return true
}

// eval reads assignments, each of which sees those before it: one that reads
// such a column begins a new Extend.
// addressParts are the columns that iplocation adds, and what each is.
var addressParts = []struct{ column, what string }{
	{"City", "city"}, {"Country", "country"}, {"Region", "state"}, {"lat", "latitude"}, {"lon", "longitude"},
}

const iplocation = "iplocation"

// located reads iplocation FIELD; nil if c is another command, or if there may
// be such columns already: what becomes of them is not documented.
func (r *reading) located(q ir.Query, c *spl.Unknown) ir.Query {
	name, known := strings.TrimSpace(c.Raw), ir.Columns(q)
	if c.Name != iplocation || known == nil || !plainColumn(name) {
		return nil
	}
	at := r.at(c, name)
	out := &ir.Extend{Span: c.Span, Input: q}
	for _, p := range addressParts {
		if slices.Contains(known, p.column) {
			return nil
		}
		x := &ir.Call{Span: at, Func: ir.Place, Args: []ir.Expr{r.read(q, at, name), &ir.Lit{Span: at, Value: p.what}}}
		out.Cols = append(out.Cols, &ir.Col{Span: at, As: p.column, X: x})
	}
	return out
}

// plainColumn reports whether a name is one word.
func plainColumn(s string) bool {
	for i := 0; i < len(s); i++ {
		if !nameByte(s[i]) {
			return false
		}
	}
	return s != ""
}

// locating is the iplocation that adds the columns of q, and the columns that it
// does not; nil if it adds none.
func locating(q *ir.Extend) (*spl.Unknown, []*ir.Col) {
	var of *ir.Field
	var rest []*ir.Col
	found := 0
	for _, c := range q.Cols {
		x, ok := c.X.(*ir.Call)
		if !ok || x.Func != ir.Place {
			rest = append(rest, c)
			continue
		}
		f, isField := x.Args[0].(*ir.Field)
		what, isLit := x.Args[1].(*ir.Lit)
		if !isField || !isLit || found == len(addressParts) || of != nil && of.Name != f.Name || c.As != addressParts[found].column || what.Value != addressParts[found].what {
			return nil, nil
		}
		of = f
		found++
	}
	if found < len(addressParts) || !plainColumn(of.Name) {
		return nil, nil
	}
	return &spl.Unknown{Name: iplocation, Raw: of.Name}, rest
}

func (r *reading) eval(q ir.Query, c *spl.Eval) ir.Query {
	out := &ir.Extend{Span: c.Span, Input: q}
	ok := true
	for i := range c.Assign {
		a := &c.Assign[i]
		seen := slices.ContainsFunc(out.Cols, func(col *ir.Col) bool {
			return col.As == a.Name || ir.HasField(ir.Fields(col.X), a.Name) || readsField(a.Expr, col.As)
		})
		if seen {
			out = &ir.Extend{Span: a.Span, Input: out}
		}
		in := out.Input
		shown := ""
		x := a.Expr
		if args := uncall("strftime", 2)(x); args != nil {
			if _, isField := args[0].(*spl.FieldRef); isField {
				if s, isText := args[1].(*spl.StringLit); isText {
					shown, x = s.Value, args[0]
				}
			}
		}
		v := r.value(in, x)
		r.shown = slices.DeleteFunc(r.shown, func(s shownTime) bool { return s.column == a.Name })
		if v == nil {
			ok = false
			continue
		}
		if f, isField := v.(*ir.Field); shown == "" || !isField || f.Name != a.Name {
			out.Cols = append(out.Cols, &ir.Col{Span: a.Span, As: a.Name, X: v})
		}
		if shown != "" {
			r.show(a, out, a.Name, shown)
		}
	}
	if !ok {
		return nil
	}
	if len(out.Cols) == 0 {
		return out.Input
	}
	return out
}

func readsField(e spl.Expr, name string) bool {
	found := false
	spl.Walk(e, func(n diag.Node) bool {
		f, ok := n.(*spl.FieldRef)
		found = found || ok && f.Name == name
		return !found
	})
	return found
}

// rex reads the groups with a name as columns. It leaves a column as it is
// where the text has no match.
func (r *reading) rex(q ir.Query, c *spl.Rex) ir.Query {
	if len(c.Options) > 0 {
		o := c.Options[0]
		r.fail(codeNoForm, r.at(c, o.Name), "Only field= is read.", "the option %s of rex is not read", o.Name)
		return nil
	}
	if !r.portable(c, c.Pattern) {
		return nil
	}
	name := c.Field
	if name == "" {
		name = "_raw"
	}
	f := r.read(q, r.at(c, name), name)
	re, _ := syntax.Parse(c.Pattern, syntax.Perl)
	cols := ir.Columns(q)
	out := &ir.Extend{Span: c.Span, Input: q}
	for i, group := range re.CapNames() {
		if group == "" {
			continue
		}
		if group == name || slices.ContainsFunc(out.Cols, func(c *ir.Col) bool { return c.As == group }) || spl.ExpressibleName(group) != nil {
			r.fail(codeNoForm, c, "Give the group another name.", "a group of rex that is called %s is not read here", group)
			return nil
		}
		var x ir.Expr = &ir.Call{Span: c.Span, Func: ir.Extract, Args: []ir.Expr{f,
			&ir.Lit{Span: c.Span, Value: groupsOnly(c.Pattern)}, &ir.Lit{Span: c.Span, Value: int64(i)}}}
		if cols == nil || known(cols, group) {
			x = &ir.Call{Span: c.Span, Func: ir.Coalesce, Args: []ir.Expr{x, &ir.Field{Span: c.Span, Name: group}}}
		}
		out.Cols = append(out.Cols, &ir.Col{Span: c.Span, As: group, X: x})
	}
	if len(out.Cols) == 0 {
		r.fail(codeNoForm, c, "Write (?<name>...).", "rex has no group with a name")
		return nil
	}
	return out
}

func (r *reading) fillnull(q ir.Query, c *spl.Fillnull) ir.Query {
	names := c.Names
	if len(names) == 0 {
		if names = ir.Columns(q); names == nil {
			r.fail(codeNoColumnList, c, "Name the fields.", "which fields fillnull fills is not known here")
			return nil
		}
	}
	all := *c
	all.Names = names
	return &ir.Extend{Span: c.Span, Input: q, Cols: fillCols(&all)}
}

func (r *reading) bin(q ir.Query, c *spl.Bin) ir.Query {
	var d time.Duration
	ok := len(c.Options) == 1 && c.Options[0].Name == "span"
	if ok {
		d, ok = parseSpan(c.Options[0].Value)
	}
	if !ok || c.Field != timeColumn {
		r.fail(codeNoForm, c, "bin _time span=5m is read.", "this form of bin is not read")
		return nil
	}
	as := c.As
	if as == "" {
		as = c.Field
	}
	return &ir.Extend{Span: c.Span, Input: q, Cols: []*ir.Col{{Span: c.Span, As: as, X: &ir.Call{Span: c.Span, Func: ir.Bin,
		Args: []ir.Expr{r.read(q, r.at(c, c.Field), c.Field), seconds(c.Span, d)}}}}}
}

// stats reads a grouping, of rows in the order of a column if it is not nil.
func (r *reading) stats(q ir.Query, c *spl.Stats, of *ir.Field) ir.Query {
	if c.Event {
		return r.eventstats(q, c)
	}
	out := &ir.Aggregate{Span: c.Span, Input: q}
	ok := true
	for _, name := range c.By {
		f := r.key(q, r.at(c, name), name)
		out.By = append(out.By, &ir.Col{Span: f.Span, As: name, X: f})
	}
	aggs, all := r.aggsOf(q, c)
	if !all {
		return nil
	}
	for i := range aggs {
		if positional(aggs[i]) && of == nil {
			r.fail(codeNoOrder, &aggs[i], "Sort by one field right before, or use earliest and latest.", "%s goes by the order of the rows, which is not known here", aggs[i].Func)
			ok = false
			continue
		}
		a := r.agg(&aggs[i], len(c.By) > 0, r.plain, q)
		if a == nil {
			ok = false
			continue
		}
		if positional(aggs[i]) {
			a.Of = of
		}
		out.Aggs = append(out.Aggs, a)
	}
	if !ok {
		return nil
	}
	// The columns are new ones, but for times that are keys.
	r.shown = slices.DeleteFunc(r.shown, func(s shownTime) bool { return !slices.Contains(c.By, s.column) })
	return r.dropMissing(c, out)
}

// aggsOf are the aggregates, with those of all columns that match a name with a
// star written out.
func (r *reading) aggsOf(q ir.Query, c *spl.Stats) ([]spl.Agg, bool) {
	var out []spl.Agg
	cols := ir.Columns(q)
	for _, a := range c.Aggs {
		before, after, star := strings.Cut(a.Arg, "*")
		if !star {
			out = append(out, a)
			continue
		}
		asBefore, asAfter, asStar := strings.Cut(a.As, "*")
		if cols == nil || strings.Contains(after, "*") || a.As != "" && !asStar {
			r.fail(codeNoColumnList, &a, "Name the fields.", "%s(%s) is read only where the columns are known, with a name with a star", a.Func, a.Arg)
			return nil, false
		}
		for _, n := range cols {
			if !starMatch(a.Arg, n) || slices.Contains(c.By, n) {
				continue
			}
			one := a
			one.Arg = n
			if one.As != "" {
				one.As = asBefore + strings.TrimSuffix(strings.TrimPrefix(n, before), after) + asAfter
			}
			out = append(out, one)
		}
	}
	return out, true
}

// key is a column to group by; a time may well have become text before.
func (r *reading) key(q ir.Query, at diag.Span, name string) *ir.Field {
	if slices.ContainsFunc(r.shown, func(s shownTime) bool { return s.column == name }) {
		return &ir.Field{Span: at, Name: name}
	}
	return r.read(q, at, name)
}

// eventstats reads aggregates that go to each row of their group: the rows
// joined with the grouping of themselves.
func (r *reading) eventstats(q ir.Query, c *spl.Stats) ir.Query {
	if len(c.By) == 0 {
		r.fail(codeNoForm, c, "Group by a field.", "eventstats of all rows is not read")
		return nil
	}
	size := 0
	ir.WalkQuery(q, func(ir.Query) { size++ })
	if size > mostSteps {
		// Each eventstats has the rows below it twice.
		r.fail(codeTooLong, c, "Take the search apart.", "so many eventstats, one above the other, are not read")
		return nil
	}
	plain := *c
	plain.Event = false
	shown := slices.Clone(r.shown)
	right := r.stats(q, &plain, nil)
	r.shown = shown
	if right == nil {
		return nil
	}
	cols := ir.Columns(q)
	for _, a := range c.Aggs {
		if cols == nil || a.As == "" || known(cols, a.As) {
			r.fail(codeNoColumnList, c, "Give each a new name with \"as\", behind tstats, stats or table.", "eventstats is read only where it makes new columns beside known ones")
			return nil
		}
	}
	return &ir.Join{Span: c.Span, Left: q, Right: right, Kind: ir.LeftOuter, On: fields(c.Span, c.By)}
}

// sort reads a sort, with what belongs to it: an aggregate of the first or last
// row, or an operator that goes from row to row.
func (r *reading) sort(q ir.Query, cmds []spl.Command) (ir.Query, int) {
	c := cmds[0].(*spl.Sort)
	if len(cmds) > 1 && c.Limit == 0 {
		if stats, ok := cmds[1].(*spl.Stats); ok && len(c.Keys) == 1 && !c.Keys[0].Desc && !stats.Event && slices.ContainsFunc(stats.Aggs, positional) {
			return r.stats(q, stats, r.read(q, c.Span, c.Keys[0].Field)), 2
		}
		if w, n := inTimeOrder(q, cmds); n > 0 {
			return w, n
		}
		if stream, ok := cmds[1].(*spl.Streamstats); ok && sortsBy(c, stream.By) {
			out, n := r.stream(q, c, cmds[1:])
			return out, n + 1
		}
	}
	out := &ir.Sort{Span: c.Span, Input: q}
	for _, k := range c.Keys {
		at := r.at(c, k.Field)
		if i := slices.IndexFunc(r.shown, func(s shownTime) bool { return s.column == k.Field }); i >= 0 {
			if !sortsAlike(r.shown[i].format) {
				r.diags.Warnf(codeTimeAsText, at, "Sort before the times become text.", "sorts by the text of a time, %s, which has another order than the times; read as the order of the times", r.shown[i].format)
			}
			out.Keys = append(out.Keys, &ir.SortKey{Span: at, X: &ir.Field{Span: at, Name: k.Field}, Desc: k.Desc})
			continue
		}
		out.Keys = append(out.Keys, &ir.SortKey{Span: at, X: r.read(q, at, k.Field), Desc: k.Desc})
	}
	switch {
	case c.Limit == 0:
		return out, 1
	case c.Limit < 0:
		return &ir.Limit{Span: c.Span, Input: out, N: defaultSort}, 1
	}
	return &ir.Limit{Span: c.Span, Input: out, N: c.Limit}, 1
}

// sortsBy reports whether rows that are sorted so lie group by group.
func sortsBy(c *spl.Sort, by []string) bool {
	if len(c.Keys) <= len(by) {
		return false
	}
	for _, k := range c.Keys[:len(by)] {
		if k.Desc || !slices.Contains(by, k.Field) {
			return false
		}
	}
	return true
}

// stream reads what goes from row to row, in the order of a sort or, without
// one, in that of the times of tstats.
func (r *reading) stream(q ir.Query, sort *spl.Sort, cmds []spl.Command) (ir.Query, int) {
	c := cmds[0].(*spl.Streamstats)
	if sort == nil {
		if have := orderOf(q); have != nil {
			sort = have
			both := append([]spl.Command{sort}, cmds...)
			if w, n := inTimeOrder(q, both); n > 0 {
				return w, n - 1
			}
		}
	}
	if len(c.Aggs) != 1 {
		r.fail(codeNoForm, c, "Write one streamstats for each.", "streamstats with several functions is not read")
		return nil, 1
	}
	a := &c.Aggs[0]
	by := make([]*ir.Field, len(c.By))
	for i, n := range c.By {
		by[i] = r.key(q, r.at(c, n), n)
	}
	var keys []*ir.SortKey
	if sort != nil {
		keys = sortKeys(sort.Span, sort.Keys[len(by):])
	} else if cols := ir.Columns(q); timeOrdered(q) && known(cols, timeColumn) && !slices.Contains(c.By, timeColumn) {
		r.diags.Warnf(codeNoOrder, c, "Write | sort 0 "+strings.Join(append(slices.Clone(c.By), timeColumn), " ")+" before it.", "in which order rows of tstats come is not documented; read as the order of _time")
		keys = []*ir.SortKey{{Span: c.Span, X: &ir.Field{Span: c.Span, Name: timeColumn}}}
	} else {
		r.fail(codeNoOrder, c, "Write | sort 0 with the fields of \"by\" and then the order right before it.", "streamstats goes by the order of the rows, which is not known here")
		return nil, 1
	}
	in := r.whereAll(c, q, by)
	switch opts := streamOptions(c); {
	case a.Func == "count" && a.Arg == "" && a.Eval == nil && a.As != "" && len(c.Options) == 0:
		return &ir.Rank{Span: c.Span, Input: in, By: by, Keys: keys, As: a.As}, 1
	case a.Func == "last" && a.Arg != "" && a.As != "" && len(keys) == 1 && !keys[0].Desc &&
		(opts == "current=f window=1 global=f" || opts == "current=f" && r.b.present(in, a.Arg) || opts == "current=f window=1" && len(by) == 0):
		of := keys[0].X
		return &ir.Lag{Span: c.Span, Input: r.whereAll(c, in, []*ir.Field{of}), By: by, Of: of, X: r.read(q, r.at(c, a.Arg), a.Arg), As: a.As}, 1
	}
	r.fail(codeNoForm, c, "current=f last(field) as name, and count as name, are read.", "this form of streamstats is not read")
	return nil, 1
}

func streamOptions(c *spl.Streamstats) string {
	parts := make([]string, len(c.Options))
	for i, o := range c.Options {
		v := strings.ToLower(o.Value)
		if v == "false" {
			v = "f"
		}
		parts[i] = o.Name + "=" + v
	}
	return strings.Join(parts, " ")
}

// timeOrdered reports whether rows are those of tstats, as they come.
func timeOrdered(q ir.Query) bool {
	for {
		switch x := q.(type) {
		case *ir.Filter:
			q = x.Input
		case *ir.Extend:
			q = x.Input
		case *ir.Aggregate:
			if f, ok := x.Input.(*ir.Filter); ok {
				_, ok = f.Input.(*ir.Scan)
				return ok
			}
			_, ok := x.Input.(*ir.Scan)
			return ok
		default:
			return false
		}
	}
}

func (r *reading) fields(q ir.Query, c *spl.Fields) ir.Query {
	if !c.Remove {
		return r.table(q, c, c.Names, internal(q))
	}
	cols := ir.Columns(q)
	if cols == nil {
		r.fail(codeNoColumnList, c, "Name the fields to keep, with table.", "which fields are left is not known here")
		return nil
	}
	out := &ir.Project{Span: c.Span, Input: q}
	for _, name := range cols {
		if !slices.ContainsFunc(c.Names, func(p string) bool { return starMatch(p, name) }) {
			out.Cols = append(out.Cols, fieldCol(c.Span, name))
		}
	}
	if len(out.Cols) == 0 {
		r.fail(codeNoForm, c, "", "no field is left")
		return nil
	}
	return out
}

// internal are the fields that "fields" keeps without being asked.
func internal(q ir.Query) []string {
	cols := ir.Columns(q)
	if cols == nil {
		return []string{timeColumn, "_raw"}
	}
	return slices.DeleteFunc(slices.Clone(cols), func(n string) bool { return !strings.HasPrefix(n, "_") })
}

// table keeps columns, in that order, and those of more behind them.
func (r *reading) table(q ir.Query, c diag.Node, names, more []string) ir.Query {
	cols := ir.Columns(q)
	out := &ir.Project{Span: c.At(), Input: q}
	add := func(at diag.Span, name string) {
		if !slices.ContainsFunc(out.Cols, func(c *ir.Col) bool { return c.As == name }) {
			out.Cols = append(out.Cols, fieldCol(at, name))
		}
	}
	for _, n := range names {
		at := r.at(c, n)
		if !strings.Contains(n, "*") {
			r.key0(q, at, n)
			add(at, n)
			continue
		}
		if cols == nil {
			r.fail(codeNoColumnList, at, "Name the fields.", "which fields match %s is not known here", n)
			return nil
		}
		for _, col := range cols {
			if starMatch(n, col) {
				add(at, col)
			}
		}
	}
	for _, n := range more {
		add(c.At(), n)
	}
	if len(out.Cols) == 0 {
		r.fail(codeNoForm, c, "", "no field is left")
		return nil
	}
	return out
}

// key0 reports a column that is not there; to show the text of a time is what
// the text is for.
func (r *reading) key0(q ir.Query, at diag.Span, name string) { r.key(q, at, name) }

// starMatch is a name against a name with stars.
func starMatch(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	rest, ok := strings.CutPrefix(name, parts[0])
	if !ok {
		return false
	}
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, p)
		if i < 0 {
			return false
		}
		rest = rest[i+len(p):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// --- names ---

func (r *reading) rename(q ir.Query, c *spl.Rename, cmds []spl.Command) (ir.Query, int) {
	to := func(name string) string {
		for _, p := range c.Pairs {
			if before, after, star := strings.Cut(p.From, "*"); star {
				toBefore, toAfter, _ := strings.Cut(p.To, "*")
				if len(name) > len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after) {
					return toBefore + name[len(before):len(name)-len(after)] + toAfter
				}
			} else if p.From == name {
				return p.To
			}
		}
		return name
	}
	cols := ir.Columns(q)
	for _, p := range c.Pairs {
		if strings.Count(p.From, "*") > 1 || strings.Count(p.From, "*") != strings.Count(p.To, "*") {
			r.fail(codeNoForm, r.at(c, p.From), "", "a rename of %s as %s is not read", p.From, p.To)
			return nil, 1
		}
		if cols != nil && !strings.Contains(p.From, "*") && !known(cols, p.From) {
			r.key(q, r.at(c, p.From), p.From)
		}
	}
	if cols == nil && len(cmds) > 1 {
		// Events with names of their own, of which a list is kept.
		var names, more []string
		switch next := cmds[1].(type) {
		case *spl.Table:
			names = next.Names
		case *spl.Fields:
			if !next.Remove {
				names, more = next.Names, internal(q)
			}
		}
		if names != nil && !slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "*") }) &&
			!slices.ContainsFunc(c.Pairs, func(p spl.RenamePair) bool { return strings.Contains(p.From, "*") }) {
			all := append(slices.Clone(names), more...)
			return project(q, c, &spl.Table{Span: c.Span, Names: slices.Compact(all)}), 2
		}
	}
	return r.renamed(c, q, to), 1
}

// renamed gives columns other names: where they are made, if that can be, else
// by a Project.
func (r *reading) renamed(c diag.Node, q ir.Query, to func(string) string) ir.Query {
	cols := ir.Columns(q)
	if cols == nil {
		if m, ok := c.(*spl.MacroCmd); ok && m.Macro.Name == dropMacro {
			return q // events of a model, read by their own names
		}
		r.fail(codeNoColumnList, c, "Rename behind stats or table.", "which fields there are is not known here")
		return nil
	}
	change := false
	taken := map[string]bool{}
	clash := false
	for _, n := range cols {
		m := to(n)
		change = change || m != n
		clash = clash || taken[m]
		taken[m] = true
		if spl.ExpressibleName(m) != nil {
			r.fail(codeNoForm, c, "", "the name %q cannot be written", m)
			return nil
		}
	}
	if !change {
		return q
	}
	for i, s := range r.shown {
		r.shown[i].column = to(s.column)
	}
	if !clash {
		if out := renamedBelow(q, to); out != nil {
			return out
		}
	}
	return renameAll(c.At(), q, to)
}

// renameAll shows all columns under new names. A column whose name another
// takes is gone.
func renameAll(at diag.Span, q ir.Query, to func(string) string) *ir.Project {
	cols := ir.Columns(q)
	out := &ir.Project{Span: at, Input: q}
	for _, n := range cols {
		m := to(n)
		if m == n && slices.ContainsFunc(cols, func(o string) bool { return o != n && to(o) == n }) {
			continue
		}
		if !slices.ContainsFunc(out.Cols, func(c *ir.Col) bool { return c.As == m }) {
			out.Cols = append(out.Cols, &ir.Col{Span: at, As: m, X: &ir.Field{Span: at, Name: n}})
		}
	}
	return out
}

// renamedBelow renames the columns of q where they are made; nil if they are not made
// by a grouping below nothing but operators that keep rows as they are. No two
// columns have one new name.
func renamedBelow(q ir.Query, to func(string) string) ir.Query {
	switch q := q.(type) {
	case *ir.Aggregate:
		for _, a := range q.Aggs {
			for _, c := range q.By {
				// stats would make two columns of one name, before one is renamed.
				if f, ok := c.X.(*ir.Field); ok && f.Name == to(a.As) {
					return nil
				}
			}
		}
		out := *q
		out.By = slices.Clone(q.By)
		for i, c := range q.By {
			out.By[i] = &ir.Col{Span: c.Span, As: to(c.As), X: c.X}
		}
		out.Aggs = slices.Clone(q.Aggs)
		for i, a := range q.Aggs {
			b := *a
			b.As = to(a.As)
			out.Aggs[i] = &b
		}
		return &out
	case *ir.Filter:
		if captured(ir.Columns(q.Input), ir.Fields(q.Pred), to) {
			return nil
		}
		if in := renamedBelow(q.Input, to); in != nil {
			return &ir.Filter{Span: q.Span, Input: in, Pred: renameFields(q.Pred, to)}
		}
	case *ir.Sort:
		keys := make([]*ir.Field, len(q.Keys))
		for i, k := range q.Keys {
			keys[i] = k.X
		}
		if captured(ir.Columns(q.Input), keys, to) {
			return nil
		}
		if in := renamedBelow(q.Input, to); in != nil {
			out := &ir.Sort{Span: q.Span, Input: in}
			for _, k := range q.Keys {
				out.Keys = append(out.Keys, &ir.SortKey{Span: k.Span, X: renamedField(k.X, to), Desc: k.Desc})
			}
			return out
		}
	case *ir.Limit:
		if in := renamedBelow(q.Input, to); in != nil {
			return &ir.Limit{Span: q.Span, Input: in, N: q.N}
		}
	case *ir.Union:
		out := &ir.Union{Span: q.Span}
		for _, i := range q.Inputs {
			cols := ir.Columns(i)
			taken := map[string]bool{}
			for _, c := range cols {
				if taken[to(c)] {
					return nil
				}
				taken[to(c)] = true
			}
			in := renamedBelow(i, to)
			if in == nil {
				return nil
			}
			out.Inputs = append(out.Inputs, in)
		}
		return out
	}
	return nil
}

// captured reports whether a field that is not among the columns would be one
// of them under its new name.
func captured(cols []string, fields []*ir.Field, to func(string) string) bool {
	return slices.ContainsFunc(fields, func(f *ir.Field) bool {
		return !known(cols, f.Name) && slices.ContainsFunc(cols, func(c string) bool { return to(c) == to(f.Name) })
	})
}

func renamedField(f *ir.Field, to func(string) string) *ir.Field {
	return &ir.Field{Span: f.Span, Name: to(f.Name), T: f.T}
}

func renameFields(e ir.Expr, to func(string) string) ir.Expr {
	return ir.MapExpr(e, func(e ir.Expr) ir.Expr {
		switch e := e.(type) {
		case *ir.Field:
			return renamedField(e, to)
		case *ir.Exists:
			return &ir.Exists{Span: e.Span, X: renamedField(e.X, to)}
		case *ir.FieldMatch:
			return &ir.FieldMatch{Span: e.Span, X: renamedField(e.X, to), Y: renamedField(e.Y, to), Kind: e.Kind, Cased: e.Cased}
		}
		return e
	})
}

// --- joins ---

func (r *reading) join(q ir.Query, c *spl.Join, cmds []spl.Command) (ir.Query, int) {
	out := &ir.Join{Span: c.Span, Kind: ir.Inner}
	most := "1" // rows of the right side for one of the left
	for _, o := range c.Options {
		switch v := strings.ToLower(o.Value); {
		case o.Name == "type" && v == "inner":
		case o.Name == "type" && (v == "left" || v == "outer"):
			out.Kind = ir.LeftOuter
		case o.Name == "max" && (v == "0" || v == "1"):
			most = v
		default:
			r.fail(codeNoForm, r.at(c, o.Name), "type=inner, type=left, max=0 and max=1 are read.", "join with %s=%s is not read", o.Name, o.Value)
			return nil, 1
		}
	}
	right := c.Search
	if k := len(right.Commands) - 1; k > 0 && len(cmds) > 2 && out.Kind == ir.LeftOuter && most == "1" {
		if e, ok := right.Commands[k].(*spl.Eval); ok && isAnti(e, cmds[1], cmds[2]) {
			in, _ := r.subsearch(&spl.Search{Span: right.Span, Commands: right.Commands[:k]})
			if in == nil {
				return nil, 3
			}
			return &ir.Join{Span: c.Span, Left: q, Right: in, Kind: ir.Anti, On: fields(c.Span, c.On)}, 3
		}
	}
	in, sub := r.subsearch(right)
	if in == nil {
		return nil, 1
	}
	left, rows := ir.Columns(q), ir.Columns(in)
	if left == nil || rows == nil {
		r.fail(codeNoColumnList, c, "Group both sides, or choose their columns with table, before the join.", "which columns the two sides of the join have is not known")
		return nil, 1
	}
	on := c.On
	if len(on) == 0 {
		for _, n := range left {
			if known(rows, n) {
				on = append(on, n)
			}
		}
	}
	for _, n := range on {
		at := r.at(c, n)
		r.read(q, at, n)
		sub.read(in, at, n)
	}
	if len(on) == 0 {
		r.fail(codeNoForm, c, "Name the fields.", "the two sides of the join have no field in common")
		return nil, 1
	}
	out.On = fields(c.Span, on)
	if most == "1" && !unique(in, on) {
		in = &ir.Distinct{Span: c.Span, Input: in, By: fields(c.Span, on), Whole: true}
	}
	// A column that both sides have is that of the right side where it has one.
	var both []string
	for _, n := range left {
		if known(rows, n) && !slices.Contains(on, n) {
			both = append(both, n)
		}
	}
	r.shown = append(slices.DeleteFunc(r.shown, func(s shownTime) bool { return slices.Contains(both, s.column) }), slices.DeleteFunc(sub.shown, func(s shownTime) bool { return slices.Contains(on, s.column) })...)
	if len(both) == 0 {
		out.Left, out.Right = q, in
		return out, 1
	}
	if out.Kind == ir.Inner && len(both) < len(left) && !slices.ContainsFunc(both, func(n string) bool { return !r.b.present(in, n) }) {
		keep := &ir.Project{Span: c.Span, Input: q}
		for _, n := range left {
			if !slices.Contains(both, n) {
				keep.Cols = append(keep.Cols, fieldCol(c.Span, n))
			}
		}
		out.Left, out.Right = keep, in
		return out, 1
	}
	other := func(n string) string {
		if slices.Contains(both, n) {
			return "right_" + n
		}
		return n
	}
	for _, n := range both {
		if known(left, other(n)) || known(rows, other(n)) {
			r.fail(codeNoForm, c, "Rename it on one side.", "both sides of the join have a column %s", n)
			return nil, 1
		}
	}
	out.Left = q
	if d, ok := in.(*ir.Distinct); ok && d.Whole {
		out.Right = &ir.Distinct{Span: d.Span, Input: named(c.Span, d.Input, other), By: d.By, Whole: true}
	} else {
		out.Right = named(c.Span, in, other)
	}
	ext := &ir.Extend{Span: c.Span, Input: out}
	for _, n := range both {
		ext.Cols = append(ext.Cols, &ir.Col{Span: c.Span, As: n, X: &ir.Call{Span: c.Span, Func: ir.Coalesce,
			Args: []ir.Expr{&ir.Field{Span: c.Span, Name: other(n)}, &ir.Field{Span: c.Span, Name: n}}}})
	}
	keep := &ir.Project{Span: c.Span, Input: ext}
	for _, n := range ir.Columns(ext) {
		if !strings.HasPrefix(n, "right_") || !slices.Contains(both, n[len("right_"):]) {
			keep.Cols = append(keep.Cols, fieldCol(c.Span, n))
		}
	}
	return keep, 1
}

func named(at diag.Span, q ir.Query, to func(string) string) ir.Query {
	if out := renamedBelow(q, to); out != nil {
		return out
	}
	return renameAll(at, q, to)
}

// isAnti recognises how Lower writes rows without a partner.
func isAnti(e *spl.Eval, where, drop spl.Command) bool {
	w, ok1 := where.(*spl.Where)
	f, ok2 := drop.(*spl.Fields)
	if !ok1 || !ok2 || len(e.Assign) != 1 || e.Assign[0].Name != matchedColumn || !f.Remove || !slices.Equal(f.Names, []string{matchedColumn}) {
		return false
	}
	args := uncall("isnull", 1)(w.Expr)
	if args == nil {
		return false
	}
	ref, ok := args[0].(*spl.FieldRef)
	return ok && ref.Name == matchedColumn
}

// unique reports whether no two rows of q are equal in all of the columns.
func unique(q ir.Query, on []string) bool {
	switch q := q.(type) {
	case *ir.Aggregate:
		return !slices.ContainsFunc(q.By, func(c *ir.Col) bool { return !slices.Contains(on, c.As) })
	case *ir.Distinct:
		return !slices.ContainsFunc(q.By, func(f *ir.Field) bool { return !slices.Contains(on, f.Name) })
	case *ir.Filter:
		return unique(q.Input, on)
	case *ir.Sort:
		return unique(q.Input, on)
	case *ir.Limit:
		return unique(q.Input, on)
	case *ir.Extend:
		return !slices.ContainsFunc(q.Cols, func(c *ir.Col) bool { return slices.Contains(on, c.As) }) && unique(q.Input, on)
	}
	return false
}

// lookup reads a lookup in one of huntc's own files.
func (r *reading) lookup(q ir.Query, c *spl.Lookup, cmds []spl.Command) (ir.Query, int) {
	if strings.HasPrefix(c.Table, lookupPrefix) && strings.HasSuffix(c.Table, lookupSuffix) {
		l := &lifter{b: r.b}
		if out, n := l.lookup(q, c, cmds); out != nil && !l.diags.HasErrors() {
			return out, n
		}
	}
	r.fail(codeNoLookup, r.at(c, c.Table), "Give the list to the hunt as a lookup of its own.", "what the lookup %s holds is not known here", c.Table)
	return nil, 1
}
