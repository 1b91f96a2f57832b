package splunk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// LowerText writes a query that LiftText has read. LiftText reads the text as
// the same query. Queries of other origin go through Compile, which plans them
// first; what is not in the shape of such a plan is an error here.
func (b *Backend) LowerText(q ir.Query) (text string, err error) {
	l := &lowerer{b: b, form: backends.Tstats, written: true}
	if err := l.checked(q); err != nil {
		return "", err
	}
	s := l.search(q)
	if l.err != nil {
		return "", l.err
	}
	if err := spl.Validate(s); err != nil {
		return "", err
	}
	return spl.Print(s), nil
}

// checked reports the conditions and values of a query that no command says.
func (l *lowerer) checked(q ir.Query) error {
	var err error
	ir.WalkQuery(q, func(q ir.Query) {
		if err != nil {
			return
		}
		switch q := q.(type) {
		case *ir.Scan:
			if q.Physical == nil || q.Physical.View == string(schema.XDR) {
				err = errors.New("the query does not read events of Splunk")
			}
		case *ir.Filter:
			for _, c := range ir.Conjuncts(q.Pred) {
				if m, ok := c.(*ir.Macro); ok && m.Command {
					continue
				}
				if !searchSays(c) && !whereSays(c) {
					err = fmt.Errorf("no command says %s", ir.FormatExpr(c))
				}
			}
		case *ir.Extend:
			for _, c := range q.Cols {
				if !evalSays(c.X) {
					err = fmt.Errorf("eval does not say %s", ir.FormatExpr(c.X))
				}
			}
		case *ir.Aggregate:
			for _, a := range q.Aggs {
				if a.Func == ir.CountIf && !whereSays(a.X) || a.Func != ir.CountIf && a.X != nil && !evalSays(a.X) {
					err = fmt.Errorf("stats does not say %s", ir.FormatExpr(a.X))
				}
				if splAgg(a) == "" && a.Func != ir.CountIf {
					err = fmt.Errorf("stats does not have %s", a.Func)
				}
			}
		case *ir.Project:
			for _, c := range q.Cols {
				if _, ok := c.X.(*ir.Field); !ok {
					err = fmt.Errorf("table does not say %s", ir.FormatExpr(c.X))
				}
			}
		}
	})
	return err
}

// searchSays reports whether search says a condition with its own meaning:
// case does not count in it.
func searchSays(e ir.Expr) bool {
	switch e := e.(type) {
	case *ir.Logic:
		return len(e.Args) > 0 && !slices.ContainsFunc(e.Args, func(a ir.Expr) bool { return !searchSays(a) })
	case *ir.Not:
		return searchSays(e.X)
	case *ir.Match:
		_, ok := e.X.(*ir.Field)
		return ok && !e.Cased && !slices.ContainsFunc(e.Any, func(p ir.Pattern) bool { return !searchPattern(p) })
	case *ir.Compare:
		_, ok := e.L.(*ir.Field)
		return ok && !e.Cased && isNumber(e.R)
	case *ir.InCIDR:
		_, ok := e.X.(*ir.Field)
		return ok
	case *ir.Keyword:
		return searchPattern(e.Pattern)
	case *ir.Macro:
		return !e.Command
	case *ir.Exists:
		return true
	}
	return false
}

func searchPattern(p ir.Pattern) bool {
	return !slices.ContainsFunc(p.Parts, func(part ir.Part) bool {
		return part.Wild == ir.One || spl.ExpressibleSearch(part.Text) != nil
	})
}

// whereSays reports whether where says a condition.
func whereSays(e ir.Expr) bool {
	switch e := e.(type) {
	case *ir.Logic:
		return !slices.ContainsFunc(e.Args, func(a ir.Expr) bool { return !whereSays(a) })
	case *ir.Not:
		return whereSays(e.X)
	case *ir.Match:
		if !evalSays(e.X) {
			return false
		}
		return !slices.ContainsFunc(e.Any, func(p ir.Pattern) bool {
			s, ok := p.Literal()
			return !e.Cased && (!ok || !ascii(s))
		})
	case *ir.Compare:
		return evalSays(e.L) && evalSays(e.R)
	case *ir.Regexp:
		return evalSays(e.X)
	case *ir.InCIDR:
		return evalSays(e.X)
	case *ir.FieldMatch, *ir.Exists:
		return true
	}
	return false
}

// evalSays reports whether eval says a value.
func evalSays(e ir.Expr) bool {
	switch e := e.(type) {
	case *ir.Field:
		return true
	case *ir.Lit:
		switch e.Value.(type) {
		case string, int64, float64, bool:
			return true
		}
		return false
	case *ir.Call:
		for i, a := range e.Args {
			if e.Func == ir.If && i == 0 {
				if !whereSays(a) {
					return false
				}
			} else if !evalSays(a) {
				return false
			}
		}
		return true
	case *ir.Foreign:
		return true
	}
	return false
}

func literal(any []ir.Pattern) bool {
	return !slices.ContainsFunc(any, func(p ir.Pattern) bool { _, ok := p.Literal(); return !ok })
}

// likes writes a match of patterns that minds case.
func (l *lowerer) likes(e *ir.Match) spl.Expr {
	var out spl.Expr
	for _, p := range e.Any {
		var one spl.Expr
		if s, ok := p.Literal(); ok {
			one = &spl.Binary{Op: "=", L: l.value(e.X), R: &spl.StringLit{Value: s}}
		} else {
			var b strings.Builder
			for _, part := range p.Parts {
				switch part.Wild {
				case ir.One:
					b.WriteByte('_')
				case ir.Many:
					b.WriteByte('%')
				default:
					if strings.ContainsAny(part.Text, "%_") {
						l.err = fmt.Errorf("like has no way to say the text %q", part.Text)
					}
					b.WriteString(part.Text)
				}
			}
			one = &spl.CallExpr{Name: "like", Args: []spl.Expr{l.value(e.X), &spl.StringLit{Value: b.String()}}}
		}
		if out == nil {
			out = one
		} else {
			out = &spl.Binary{Op: "OR", L: out, R: one}
		}
	}
	return out
}

// textQuery writes the operators that LiftText reads in another way than Lift;
// nil leaves the operator to query.
func (l *lowerer) textQuery(q ir.Query) []spl.Command {
	switch q := q.(type) {
	case *ir.Scan:
		return l.textScan(q, ir.True(q.Span))
	case *ir.Filter:
		if s, ok := q.Input.(*ir.Scan); ok {
			return l.textScan(s, q.Pred)
		}
		return append(l.query(q.Input), l.textFilter(q.Input, q.Pred)...)
	case *ir.Aggregate:
		return l.textAggregate(q)
	case *ir.Distinct:
		return append(l.query(l.b.withoutTests(q.Input, q.By)), &spl.Dedup{Names: names(q.By)})
	case *ir.Limit:
		if s, ok := q.Input.(*ir.Sort); ok && q.N == defaultSort {
			out := l.query(s)
			last := *out[len(out)-1].(*spl.Sort)
			last.Limit = -1
			return append(out[:len(out)-1], &last)
		}
	case *ir.Project:
		all := func(name string) string {
			for _, c := range q.Cols {
				if f := c.X.(*ir.Field); f.Name == name {
					return c.As
				}
			}
			return name
		}
		if cols := l.project(q); len(cols) == 2 && ir.Columns(q.Input) != nil &&
			ir.Format(renameAll(q.Span, q.Input, all)) == ir.Format(q) {
			return append(l.query(q.Input), cols[0])
		}
	case *ir.Extend:
		if c, rest := locating(q); c != nil {
			out := append(l.query(q.Input), c)
			if len(rest) > 0 {
				out = append(out, l.textExtend(&ir.Extend{Span: q.Span, Input: q.Input, Cols: rest}))
			}
			return out
		}
		return append(l.query(q.Input), l.textExtend(q))
	case *ir.Join:
		return l.textJoin(q)
	}
	return nil
}

// withoutTests leaves out tests for columns that LiftText finds again, because
// an operator by these columns drops rows without them.
func (b *Backend) withoutTests(in ir.Query, by []*ir.Field) ir.Query {
	f, ok := in.(*ir.Filter)
	if !ok {
		return in
	}
	var rest, tests []ir.Expr
	for _, e := range ir.Conjuncts(f.Pred) {
		if ex, ok := e.(*ir.Exists); ok && ir.HasField(by, ex.X.Name) {
			tests = append(tests, e)
		} else {
			rest = append(rest, e)
		}
	}
	for _, e := range tests {
		below := &ir.Filter{Span: f.Span, Input: f.Input, Pred: ir.NewLogic(f.Span, ir.And, rest...)}
		if b.present(below, e.(*ir.Exists).X.Name) {
			rest = append(rest, e)
		}
	}
	if len(rest) == 0 {
		return f.Input
	}
	return &ir.Filter{Span: f.Span, Input: f.Input, Pred: ir.NewLogic(f.Span, ir.And, rest...)}
}

// split puts the parts of a condition where they are said.
func split3(pred ir.Expr) (search, test []ir.Expr, macros []*ir.Macro) {
	for _, c := range ir.Conjuncts(pred) {
		m, isMacro := c.(*ir.Macro)
		_, isExists := c.(*ir.Exists)
		switch {
		case isMacro && m.Command:
			macros = append(macros, m)
		case ir.IsTrue(c):
		case searchSays(c) && !(whereSays(c) && (isExists || onlyTests(c))):
			search = append(search, c)
		default:
			test = append(test, c)
		}
	}
	return search, test, macros
}

// onlyTests reports whether nothing in a condition is of the search language
// alone.
func onlyTests(e ir.Expr) bool {
	ok := true
	ir.WalkExpr(e, func(e ir.Expr) bool {
		switch e := e.(type) {
		case *ir.Match:
			ok = ok && e.Cased
		case *ir.Compare:
			ok = ok && e.Cased
		case *ir.Not: // of a missing field
			_, exists := e.X.(*ir.Exists)
			ok = ok && exists
		}
		return ok
	})
	return ok
}

func (l *lowerer) textFilter(in ir.Query, pred ir.Expr) []spl.Command {
	search, test, macros := split3(pred)
	var out []spl.Command
	if len(search) > 0 {
		out = append(out, &spl.SearchCmd{Expr: searchAnd(l.searchAll(search, plainName))})
	}
	if len(test) > 0 {
		out = append(out, &spl.Where{Expr: l.pred(l.b.tidyTest(&ir.Filter{Input: in, Pred: ir.NewLogic(pred.At(), ir.And, search...)}, ir.NewLogic(pred.At(), ir.And, test...)))})
	}
	for _, m := range macros {
		out = append(out, &spl.MacroCmd{Macro: spl.Macro{Name: m.Name, Args: m.Args}})
	}
	if len(out) == 0 {
		out = append(out, &spl.Where{Expr: &spl.CallExpr{Name: "true"}})
	}
	return out
}

// searchAll writes the parts of a conjunction; a field that has to be there
// and not to be equal is written with !=.
func (l *lowerer) searchAll(list []ir.Expr, name func(string) string) []spl.SearchExpr {
	isUnequal := func(e ir.Expr) (*ir.Match, bool) {
		n, ok := e.(*ir.Not)
		if !ok {
			return nil, false
		}
		m, ok := n.X.(*ir.Match)
		return m, ok && len(m.Any) == 1
	}
	there := map[string]bool{}
	for _, e := range list {
		if ex, ok := e.(*ir.Exists); ok {
			there[ex.X.Name] = true
		}
	}
	unequal := map[string]bool{}
	for _, e := range list {
		if m, ok := isUnequal(e); ok && there[m.X.(*ir.Field).Name] {
			unequal[m.X.(*ir.Field).Name] = true
		}
	}
	var out []spl.SearchExpr
	for _, e := range list {
		if ex, ok := e.(*ir.Exists); ok && unequal[ex.X.Name] {
			continue
		}
		if m, ok := isUnequal(e); ok && unequal[m.X.(*ir.Field).Name] {
			out = append(out, &spl.SearchCompare{Field: name(m.X.(*ir.Field).Name), Op: "!=", Value: searchValue(m.Any[0])})
			continue
		}
		out = append(out, l.searchExpr(e, name))
	}
	return out
}

// tidyTest leaves out the test for a field beside the NOT of a comparison of
// it, which is null, and so not true, without it; unless the rows in, or what
// stands beside it, have the field anyway, where LiftText would not find the
// test again.
func (b *Backend) tidyTest(in ir.Query, e ir.Expr) ir.Expr {
	l, ok := e.(*ir.Logic)
	if !ok {
		return e
	}
	args := make([]ir.Expr, 0, len(l.Args))
	for i, a := range l.Args {
		if ex, ok := a.(*ir.Exists); ok && l.Op == ir.And {
			name := ex.X.Name
			others := slices.Concat(l.Args[:i], l.Args[i+1:])
			found := slices.ContainsFunc(others, func(o ir.Expr) bool {
				n, ok := o.(*ir.Not)
				return ok && isLeaf(n.X) && ir.Requires(n.X, name)
			})
			if found && !b.present(&ir.Filter{Input: in, Pred: ir.NewLogic(l.Span, ir.And, others...)}, name) {
				continue
			}
		}
		if _, inner := a.(*ir.Logic); !inner {
			args = append(args, a)
		} else if l.Op == ir.And {
			args = append(args, b.tidyTest(&ir.Filter{Input: in, Pred: ir.NewLogic(l.Span, ir.And, slices.Concat(l.Args[:i], l.Args[i+1:])...)}, a))
		} else {
			args = append(args, b.tidyTest(in, a))
		}
	}
	return ir.NewLogic(l.Span, l.Op, args...)
}

func isLeaf(e ir.Expr) bool {
	switch e := e.(type) {
	case *ir.Match:
		_, ok := e.X.(*ir.Field)
		return ok
	case *ir.Regexp:
		_, ok := e.X.(*ir.Field)
		return ok
	case *ir.InCIDR:
		_, ok := e.X.(*ir.Field)
		return ok
	}
	return false
}

// textScan writes events, of a data model or raw ones, and what is asked of
// them.
func (l *lowerer) textScan(s *ir.Scan, pred ir.Expr) []spl.Command {
	search, test, macros := split3(pred)
	// A test for a field is said by both, and search is nearer to the events.
	for i := 0; i < len(test); {
		if searchSays(test[i]) && onlyPresence(test[i]) {
			search = append(search, test[i])
			test = slices.Delete(test, i, i+1)
		} else {
			i++
		}
	}
	args := l.searchAll(search, plainName)
	var out []spl.Command
	if s.Physical.View == string(schema.Raw) {
		var head []spl.SearchExpr
		if s.Physical.Table != "" {
			head = append(head, &spl.SearchMacro{Macro: spl.Macro{Name: s.Physical.Table}})
		}
		if s.LookBack != 0 {
			head = append(head, earliest(s.LookBack))
		}
		if args = append(head, args...); len(args) == 0 {
			args = []spl.SearchExpr{&spl.SearchTerm{Value: spl.SearchValue{Parts: []string{"", ""}}}}
		}
		out = append(out, &spl.SearchCmd{Expr: searchAnd(args)})
	} else {
		out = append(out, &spl.From{Model: s.Physical.Table})
		if s.LookBack != 0 {
			out = append(out, &spl.Where{Expr: &spl.Binary{Op: ">=", L: &spl.FieldRef{Name: timeColumn}, R: &spl.CallExpr{
				Name: "relative_time", Args: []spl.Expr{&spl.CallExpr{Name: "now"}, &spl.StringLit{Value: "-" + spanText(int64(s.LookBack/time.Second))}}}}})
		}
		if len(args) > 0 {
			out = append(out, &spl.SearchCmd{Expr: searchAnd(args)})
		}
	}
	if len(test) > 0 {
		out = append(out, &spl.Where{Expr: l.pred(l.b.tidyTest(&ir.Filter{Input: s, Pred: ir.NewLogic(pred.At(), ir.And, search...)}, ir.NewLogic(pred.At(), ir.And, test...)))})
	}
	for _, m := range macros {
		out = append(out, &spl.MacroCmd{Macro: spl.Macro{Name: m.Name, Args: m.Args}})
	}
	return out
}

func onlyPresence(e ir.Expr) bool {
	if n, ok := e.(*ir.Not); ok {
		e = n.X
	}
	_, ok := e.(*ir.Exists)
	return ok
}

// textAggregate writes a grouping: of a data model's events by tstats, if
// that can say it, else by stats.
func (l *lowerer) textAggregate(q *ir.Aggregate) []spl.Command {
	if list := l.b.branches(q); list != nil {
		return l.appended(q, list)
	}
	var by []*ir.Field
	for _, k := range q.By {
		if f, ok := k.X.(*ir.Field); ok {
			by = append(by, f)
		}
	}
	in := l.b.withoutTests(q.Input, by)
	s, isScan := in.(*ir.Scan)
	pred := ir.Expr(ir.True(q.Span))
	if f, ok := in.(*ir.Filter); ok {
		s, isScan = f.Input.(*ir.Scan)
		pred = f.Pred
	}
	if isScan && s.Physical.View == string(schema.CIM) {
		search, test, macros := split3(pred)
		for _, t := range test {
			if searchSays(t) && onlyPresence(t) {
				search = append(search, t)
			} else {
				macros = append(macros, nil)
			}
		}
		if len(macros) == 0 && grouped(q) {
			return l.textTstats(q, s, search)
		}
	}
	cmd := &spl.Stats{}
	for _, a := range q.Aggs {
		cmd.Aggs = append(cmd.Aggs, l.textAgg(a, len(q.By) > 0, plainName))
	}
	var pairs []spl.RenamePair
	for _, k := range q.By {
		f, ok := k.X.(*ir.Field)
		if !ok {
			l.err = fmt.Errorf("stats does not group by %s", ir.FormatExpr(k.X))
			continue
		}
		cmd.By = append(cmd.By, f.Name)
		if f.Name != k.As {
			pairs = append(pairs, spl.RenamePair{From: f.Name, To: k.As})
		}
	}
	out := l.query(in)
	if of := orderedBy(q.Aggs); of != nil {
		out = append(out, inOrder(nil, of))
	}
	out = append(out, cmd)
	if len(pairs) > 0 {
		out = append(out, &spl.Rename{Pairs: inRenameOrder(pairs)})
	}
	return out
}

// grouped reports whether tstats can say the keys and the aggregates.
func grouped(q *ir.Aggregate) bool {
	fills := map[string]bool{}
	for _, k := range q.By {
		switch x := k.X.(type) {
		case *ir.Field:
			if x.Name != timeColumn {
				fills[""] = true
			}
		case *ir.Call:
			f, isField := x.Args[0].(*ir.Field)
			if !isField {
				return false
			}
			switch x.Func {
			case ir.Bin:
				n, ok := x.Args[1].(*ir.Lit)
				if !ok || f.Name != timeColumn {
					return false
				}
				if _, ok := n.Value.(int64); !ok {
					return false
				}
			case ir.Coalesce:
				lit, ok := x.Args[1].(*ir.Lit)
				if !ok || len(x.Args) != 2 {
					return false
				}
				fills[fmt.Sprint("x", lit.Value)] = true
			default:
				return false
			}
		}
	}
	if len(fills) > 1 || len(q.Aggs) == 0 {
		return false
	}
	for _, a := range q.Aggs {
		if _, isField := a.X.(*ir.Field); a.Of != nil || a.X != nil && !isField && presentField(a, len(q.By) > 0) == nil && countedField(a) == nil {
			return false
		}
	}
	return true
}

// countedField is the field of a count of values without groups.
func countedField(a *ir.Agg) *ir.Field {
	if ex, ok := a.X.(*ir.Exists); ok && a.Func == ir.CountIf {
		return ex.X
	}
	return nil
}

func (l *lowerer) textAgg(a *ir.Agg, grouped bool, name func(string) string) spl.Agg {
	if f := countedField(a); f != nil && !grouped {
		return spl.Agg{Func: "count", Arg: name(f.Name), As: a.As}
	}
	out := l.agg(a, grouped, name)
	if out.As == out.Func+"("+out.Arg+")" {
		out.As = ""
	}
	return out
}

func (l *lowerer) textTstats(q *ir.Aggregate, s *ir.Scan, search []ir.Expr) []spl.Command {
	table := s.Physical.Table
	name := func(f string) string {
		if indexField(f) || strings.Contains(f, ".") {
			return f
		}
		return l.qualified(table, f)
	}
	cmd := &spl.Tstats{Macros: []spl.Macro{{Name: l.b.cfg.SummariesOnly}}, Model: table}
	var full []string
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
		full = append(full, name(x.(*ir.Field).Name))
	}
	cmd.By = full
	for _, a := range q.Aggs {
		cmd.Aggs = append(cmd.Aggs, l.textAgg(a, len(q.By) > 0, name))
	}
	args := l.searchAll(search, name)
	if s.LookBack != 0 {
		args = append([]spl.SearchExpr{earliest(s.LookBack)}, args...)
	}
	if len(args) > 0 {
		cmd.Where = searchAnd(args)
	}
	return append([]spl.Command{cmd}, shortened(q, full)...)
}

// shortened are the commands that give the keys of tstats their names: macros
// that take off a prefix, if they do, else a rename.
func shortened(q *ir.Aggregate, full []string) []spl.Command {
	var prefixes []string
	var pairs []spl.RenamePair
	for i, k := range q.By {
		if full[i] == k.As {
			continue
		}
		pairs = append(pairs, spl.RenamePair{From: full[i], To: k.As})
		prefix, ok := strings.CutSuffix(full[i], "."+k.As)
		if ok && !slices.Contains(prefixes, prefix) {
			prefixes = append(prefixes, prefix)
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	// The longest prefix first: a shorter one would leave half of it behind.
	slices.SortStableFunc(prefixes, func(a, b string) int { return len(b) - len(a) })
	by := slices.Clone(full)
	others := make([]string, len(q.Aggs))
	for i, a := range q.Aggs {
		others[i] = a.As
	}
	var out []spl.Command
	same := true
	for _, prefix := range prefixes {
		out = append(out, &spl.MacroCmd{Macro: spl.Macro{Name: dropMacro, Args: []string{prefix}}})
		for i := range by {
			by[i] = strings.TrimPrefix(by[i], prefix+".")
		}
		same = same && macroName(prefix) && !slices.ContainsFunc(others, func(n string) bool { return strings.HasPrefix(n, prefix+".") })
	}
	for i, k := range q.By {
		same = same && by[i] == k.As
	}
	if !same {
		return []spl.Command{&spl.Rename{Pairs: inRenameOrder(pairs)}}
	}
	return out
}

func (l *lowerer) textExtend(q *ir.Extend) spl.Command {
	if c := rexOf(q); c != nil {
		return c
	}
	if len(q.Cols) == 1 {
		if x, ok := q.Cols[0].X.(*ir.Call); ok && x.Func == ir.Bin {
			f, isField := x.Args[0].(*ir.Field)
			n, isLit := x.Args[1].(*ir.Lit)
			if isField && isLit && f.Name == timeColumn {
				if secs, ok := n.Value.(int64); ok {
					c := &spl.Bin{Field: f.Name, Options: []spl.Option{{Name: "span", Value: spanText(secs)}}, As: q.Cols[0].As}
					if c.As == c.Field {
						c.As = ""
					}
					return c
				}
			}
		}
	}
	return l.extend(q)[0]
}

// rexOf is the rex that makes the columns of q; nil if none does.
func rexOf(q *ir.Extend) *spl.Rex {
	out := &spl.Rex{}
	source := ""
	known := ir.Columns(q.Input)
	var at []int64
	for i, c := range q.Cols {
		x, ok := c.X.(*ir.Call)
		if ok && x.Func == ir.Coalesce && len(x.Args) == 2 {
			old, isField := x.Args[1].(*ir.Field)
			if !isField || old.Name != c.As || known != nil && !slices.Contains(known, c.As) {
				return nil
			}
			x, ok = x.Args[0].(*ir.Call)
		} else if known == nil || slices.Contains(known, c.As) {
			return nil
		}
		if !ok || x.Func != ir.Extract {
			return nil
		}
		f, ok1 := x.Args[0].(*ir.Field)
		s, ok2 := x.Args[1].(*ir.Lit)
		n, ok3 := x.Args[2].(*ir.Lit)
		if !ok1 || !ok2 || !ok3 || f.Name == c.As {
			return nil
		}
		text, _ := s.Value.(string)
		if i > 0 && (f.Name != out.Field || text != source) {
			return nil
		}
		out.Field, source = f.Name, text
		group, _ := n.Value.(int64)
		if group < 1 || len(at) > 0 && group <= at[len(at)-1] {
			return nil
		}
		at = append(at, group)
	}
	all := captures(source)
	last := 0
	for i, n := range at {
		if int(n) > len(all) || !macroName(q.Cols[i].As) || strings.ContainsAny(q.Cols[i].As, "-.:") {
			return nil
		}
		g := all[n-1]
		out.Pattern += source[last:g.at] + "(?<" + q.Cols[i].As + ">"
		last = g.at + g.open
	}
	out.Pattern += source[last:]
	return out
}

// textJoin writes a join: eventstats, where the rows are joined with a
// grouping of themselves.
func (l *lowerer) textJoin(q *ir.Join) []spl.Command {
	if _, ok := q.Right.(*ir.Table); ok || q.Kind == ir.Anti {
		return nil
	}
	if agg, ok := q.Right.(*ir.Aggregate); ok && q.Kind == ir.LeftOuter && len(agg.By) == len(q.On) {
		same := true
		for i, k := range agg.By {
			f, isField := k.X.(*ir.Field)
			same = same && isField && f.Name == k.As && k.As == q.On[i].Name
		}
		if same && ir.Format(ir.Normalize(l.b.withoutTests(agg.Input, q.On))) == ir.Format(ir.Normalize(l.b.withoutTests(q.Left, q.On))) {
			stats := &spl.Stats{Event: true, By: names(q.On)}
			for _, a := range agg.Aggs {
				stats.Aggs = append(stats.Aggs, l.textAgg(a, true, plainName))
			}
			return append(l.query(q.Left), stats)
		}
	}
	kind := ""
	switch q.Kind {
	case ir.Inner:
		kind = "inner"
	case ir.LeftOuter:
		kind = "left"
	default:
		l.err = fmt.Errorf("join has no type for %s", q.Kind)
		return append(l.query(q.Left), &spl.Join{})
	}
	cmd := &spl.Join{On: names(q.On), Options: []spl.Option{{Name: "type", Value: kind}}}
	right := q.Right
	if d, ok := right.(*ir.Distinct); ok && d.Whole && slices.Equal(names(d.By), cmd.On) {
		right = l.b.withoutTests(d.Input, d.By)
	} else if !unique(right, cmd.On) {
		cmd.Options = append(cmd.Options, spl.Option{Name: "max", Value: "0"})
	}
	cmd.Search = l.search(right)
	return append(l.query(q.Left), cmd)
}
