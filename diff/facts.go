// Package diff says how two hunts stand to each other, and in what they differ:
// which events they read, which values they look for, in which fields, over
// which time, and what they count.
package diff

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Test is one comparison that a hunt makes, apart from how it is combined with
// others.
type Test struct {
	Pos   diag.Pos // where it is written; zero if that is not known
	Field string   // or what is computed
	Not   bool     // below an odd number of negations
	Op    string
	Value string
}

// String shows the test as a condition.
func (t Test) String() string {
	s := strings.Join(slices.DeleteFunc([]string{t.Field, t.Op, t.Value}, func(s string) bool { return s == "" }), " ")
	if t.Not {
		return "not " + s
	}
	return s
}

// same reports whether two tests look for the same value in the same place,
// whatever the operator.
func (t Test) same(o Test) bool {
	return t.Field == o.Field && t.Not == o.Not && strings.EqualFold(t.Value, o.Value)
}

// Facts are what a hunt looks for, taken apart.
type Facts struct {
	Tests      []Test // on events
	Thresholds []Test // on what is computed of several events
	Groups     []Item // keys of the groups that thresholds are about
	Joins      []Item
	Named      []Item // conditions that only their names are known of

	branches []*branch
	lost     []Loss
	place    func(diag.Pos) diag.Pos
}

// Loss is a part of a text that its logical form does not say as it is.
type Loss struct {
	Item
	More bool // the text may find what the form does not
	Less bool // the text may not find all that the form does
}

// Lose notes what the logical form of the hunt does not say of its text.
func (f *Facts) Lose(l Loss) { f.lost = append(f.lost, l) }

func (f *Facts) unsaid() []Item {
	var out []Item
	for _, l := range f.lost {
		out = append(out, l.Item)
	}
	return out
}

// branch is one source of a hunt, with the condition on its events.
type branch struct {
	pos    diag.Pos
	source string
	back   time.Duration // 0 = not said
	pred   ir.Expr       // as plain writes it
}

// FactsOf takes a logical query apart. place says where a position in the
// query's text stands; nil leaves it as it is.
func FactsOf(q ir.Query, place func(diag.Pos) diag.Pos) *Facts {
	if place == nil {
		place = func(p diag.Pos) diag.Pos { return p }
	}
	f := &Facts{place: place}
	if q != nil {
		f.query(ir.Normalize(q))
	}
	for _, b := range f.branches {
		f.tests(&f.Tests, b.pred, false)
	}
	return Together(f)
}

// Together are the facts of a hunt that finds whatever one of several finds.
func Together(all ...*Facts) *Facts {
	out := &Facts{}
	for _, f := range all {
		out.Tests = append(out.Tests, f.Tests...)
		out.Thresholds = append(out.Thresholds, f.Thresholds...)
		out.Groups = append(out.Groups, f.Groups...)
		out.Joins = append(out.Joins, f.Joins...)
		out.Named = append(out.Named, f.Named...)
		out.lost = append(out.lost, f.lost...)
		for _, b := range f.branches {
			out.merge(b)
		}
	}
	out.Tests, out.Thresholds = distinct(out.Tests, Test.String), distinct(out.Thresholds, Test.String)
	text := func(i Item) string { return i.Text }
	out.Groups, out.Joins, out.Named = distinct(out.Groups, text), distinct(out.Joins, text), distinct(out.Named, text)
	out.lost = distinct(out.lost, func(l Loss) string { return fmt.Sprint(l.Text, l.More, l.Less) })
	return out
}

// merge adds a branch; two of one source and time are one, with either
// condition.
func (f *Facts) merge(b *branch) {
	for _, o := range f.branches {
		if o.source == b.source && o.back == b.back {
			o.pred = ir.NewLogic(diag.Span{}, ir.Or, o.pred, b.pred)
			return
		}
	}
	c := *b
	f.branches = append(f.branches, &c)
}

// distinct sorts a list by its texts, and drops those that are there twice.
func distinct[T any](list []T, text func(T) string) []T {
	slices.SortStableFunc(list, func(a, b T) int { return strings.Compare(text(a), text(b)) })
	return slices.CompactFunc(list, func(a, b T) bool { return text(a) == text(b) })
}

// Sources are the logsources that the hunt reads, each once, sorted.
func (f *Facts) Sources() []Item {
	var out []Item
	for _, b := range f.branches {
		out = append(out, Item{b.pos, b.source})
	}
	return distinct(out, func(i Item) string { return i.Text })
}

// lookBacks are how far back the hunt looks, each length once, ascending.
func (f *Facts) lookBacks() []time.Duration {
	var out []time.Duration
	for _, b := range f.branches {
		out = append(out, b.back)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// plainly reports whether the hunt finds just the events of its branches.
func (f *Facts) plainly() bool {
	return len(f.Thresholds)+len(f.Joins)+len(f.Named) == 0
}

// sourceName is a logsource in a word or two.
func sourceName(l ir.Logsource) string {
	parts := slices.DeleteFunc([]string{l.Product, l.Category, l.Service}, func(s string) bool { return s == "" })
	if len(parts) == 0 {
		return "any events"
	}
	return strings.Join(parts, " ")
}

// stream is the rows at one point of a query that come from one branch.
type stream struct {
	branch *branch
	// made are the columns that are not those of events: what each is computed
	// of.
	made map[string]ir.Expr
	// keys are the columns by which rows were grouped, nil while each row is an
	// event: a group passes a condition on its keys if and only if its events do.
	keys []string
	// groups are what the rows were last grouped by, in words.
	groups []Item
	// beside are joins that so far only add columns.
	beside []*beside
}

// beside is the right side of a left outer join: it takes no row away, and
// where none of its columns is asked for it only shows more.
type beside struct {
	cols  []string
	facts *Facts
	used  bool
}

func (s *stream) copy() *stream {
	c := *s
	c.made = map[string]ir.Expr{}
	for name, x := range s.made {
		c.made[name] = x
	}
	return &c
}

// query notes what a query does, and says what its rows are.
func (f *Facts) query(q ir.Query) []*stream {
	switch q := q.(type) {
	case *ir.Scan:
		b := &branch{pos: f.at(q.Span), source: sourceName(q.Source), back: q.LookBack, pred: ir.True(q.Span)}
		f.branches = append(f.branches, b)
		return []*stream{{branch: b, made: map[string]ir.Expr{}}}
	case *ir.Table:
		return []*stream{{branch: &branch{pred: ir.True(q.Span)}, made: map[string]ir.Expr{}}}
	case *ir.Union:
		var out []*stream
		for _, in := range q.Inputs {
			out = append(out, f.query(in)...)
		}
		return out
	case *ir.Join:
		return f.join(q)
	}
	in := f.query(ir.Inputs(q)[0])
	for _, s := range in {
		f.step(s, q)
	}
	return in
}

func (f *Facts) join(q *ir.Join) []*stream {
	left := f.query(q.Left)
	rightFacts := &Facts{place: f.place}
	right := rightFacts.query(q.Right)
	var on []string
	for _, k := range q.On {
		on = append(on, fieldText(left[0].resolve(k)))
	}
	slices.Sort(on)
	rightFacts.Joins = append(rightFacts.Joins, Item{f.at(q.Span), string(q.Kind) + " on " + strings.Join(on, ", ")})
	adds := &beside{cols: ir.Columns(q.Right), facts: rightFacts}
	if q.Kind != ir.LeftOuter || adds.cols == nil {
		f.use(adds)
	} else {
		adds.cols = slices.DeleteFunc(slices.Clone(adds.cols), func(c string) bool { return ir.HasField(q.On, c) || ir.HasField(q.RightOn, c) })
	}
	for i, l := range left {
		l = l.copy()
		left[i] = l
		for _, r := range right {
			for name, x := range r.made {
				if _, there := l.made[name]; !there {
					l.made[name] = x
				}
			}
		}
		l.beside = append(slices.Clip(l.beside), adds)
	}
	return left
}

// use counts what the right side of a join looks for.
func (f *Facts) use(b *beside) {
	if b.used {
		return
	}
	b.used = true
	f.branches = append(f.branches, b.facts.branches...)
	f.Thresholds = append(f.Thresholds, b.facts.Thresholds...)
	f.Groups = append(f.Groups, b.facts.Groups...)
	f.Joins = append(f.Joins, b.facts.Joins...)
	f.Named = append(f.Named, b.facts.Named...)
}

// asks counts the joins whose columns an expression asks for.
func (f *Facts) asks(s *stream, x ir.Expr) {
	fields := ir.Fields(x, s.resolve(x))
	for _, b := range s.beside {
		if slices.ContainsFunc(b.cols, func(c string) bool { return ir.HasField(fields, c) }) {
			f.use(b)
		}
	}
}

// step does one operator to the rows of a stream.
func (f *Facts) step(s *stream, q ir.Query) {
	call := func(at diag.Span, fn ir.FuncID, args ...ir.Expr) ir.Expr {
		return &ir.Call{Span: at, Func: fn, Args: args}
	}
	switch q := q.(type) {
	case *ir.Filter:
		f.asks(s, q.Pred)
		for _, c := range ir.Conjuncts(q.Pred) {
			pred := plain(s.resolve(c))
			if anyCount(pred) {
				continue
			}
			if len(s.beside) > 0 && betweenRows(pred) {
				f.threshold(s, plain(c))
				continue
			}
			if computed(pred) || s.keys != nil && slices.ContainsFunc(ir.Fields(c), func(g *ir.Field) bool { return !slices.Contains(s.keys, g.Name) }) {
				f.threshold(s, pred)
				continue
			}
			s.branch.pred = ir.NewLogic(q.Span, ir.And, s.branch.pred, pred)
		}
	case *ir.Extend:
		made := map[string]ir.Expr{}
		for _, c := range q.Cols {
			made[c.As] = s.resolve(c.X)
		}
		for name, x := range made {
			s.made[name] = x
		}
	case *ir.Project:
		made := map[string]ir.Expr{}
		for _, c := range q.Cols {
			if x := s.resolve(c.X); !isField(x, c.As) {
				made[c.As] = x
			}
		}
		var keys []string
		for _, c := range q.Cols {
			if g, ok := c.X.(*ir.Field); ok && slices.Contains(s.keys, g.Name) {
				keys = append(keys, c.As)
			}
		}
		s.made = made
		if s.keys != nil {
			s.keys = append([]string{}, keys...)
		}
	case *ir.Aggregate:
		made := map[string]ir.Expr{}
		keys := []string{}
		s.groups = nil // of groups of groups, the larger count
		for _, c := range q.By {
			x := s.resolve(c.X)
			f.asks(s, c.X)
			s.groups = append(s.groups, Item{f.at(c.Span), fieldText(x)})
			if !isField(x, c.As) {
				made[c.As] = x
			}
			if s.keys == nil || !slices.ContainsFunc(ir.Fields(c.X), func(g *ir.Field) bool { return !slices.Contains(s.keys, g.Name) }) {
				keys = append(keys, c.As)
			}
		}
		for _, a := range q.Aggs {
			var args []ir.Expr
			if a.X != nil {
				args = append(args, s.resolve(a.X))
			}
			made[a.As] = call(a.Span, ir.FuncID(a.Func), args...)
		}
		s.made, s.keys = made, keys
	case *ir.Window:
		s.made[q.As] = call(q.Span, "gap", q.Of)
	case *ir.Session:
		s.made[q.As] = call(q.Span, "session", q.Of)
	case *ir.Lag:
		s.made[q.As] = call(q.Span, "prev", s.resolve(q.X))
	case *ir.Rank:
		s.made[q.As] = call(q.Span, "rank")
	case *ir.Distinct, *ir.Sort, *ir.Limit:
	default:
		panic(fmt.Sprintf("diff: unhandled query %T", q))
	}
}

func isField(x ir.Expr, name string) bool {
	f, ok := x.(*ir.Field)
	return ok && f.Name == name
}

// resolve writes an expression in terms of the fields of events.
func (s *stream) resolve(x ir.Expr) ir.Expr {
	return ir.MapExpr(x, func(e ir.Expr) ir.Expr {
		switch e := e.(type) {
		case *ir.Field:
			if made, ok := s.made[e.Name]; ok {
				return made
			}
		case *ir.Exists:
			if made, ok := s.made[e.X.Name]; ok {
				if g, ok := made.(*ir.Field); ok {
					return &ir.Exists{Span: e.Span, X: g}
				}
				return &ir.Call{Span: e.Span, Func: "exists", Args: []ir.Expr{made}}
			}
		}
		return e
	})
}

// at is where a span begins, in the file.
func (f *Facts) at(s diag.Span) diag.Pos {
	if s.Pos.Line == 0 {
		return diag.Pos{}
	}
	return f.place(s.Pos)
}

// fieldText names what is compared.
func fieldText(x ir.Expr) string {
	x = plainValue(x)
	if f, ok := x.(*ir.Field); ok {
		return f.Name
	}
	return ir.FormatExpr(x)
}

// aggregates are the functions that an aggregate or an order of rows makes a
// column with, as step writes them.
var aggregates = []ir.FuncID{
	ir.FuncID(ir.Count), ir.FuncID(ir.CountIf), ir.FuncID(ir.DCount), ir.FuncID(ir.Min), ir.FuncID(ir.Max), ir.FuncID(ir.Sum), ir.FuncID(ir.Avg),
	ir.FuncID(ir.Stdev), ir.FuncID(ir.Values), ir.FuncID(ir.First), ir.FuncID(ir.Last), ir.FuncID(ir.ArgMin), ir.FuncID(ir.ArgMax), ir.FuncID(ir.Percentile),
	ir.FuncID(ir.Any), ir.FuncID(ir.List), "gap", "session", "prev", "rank",
}

// threshold notes a condition on what several events come to.
func (f *Facts) threshold(s *stream, pred ir.Expr) {
	f.tests(&f.Thresholds, pred, false)
	f.Groups = append(f.Groups, s.groups...)
}

// betweenRows reports whether a condition above a join compares the two sides:
// one field with itself.
func betweenRows(x ir.Expr) bool {
	found := false
	ir.WalkExpr(x, func(e ir.Expr) bool {
		if c, ok := e.(*ir.Compare); ok {
			right := ir.Fields(c.R)
			found = found || slices.ContainsFunc(ir.Fields(c.L), func(g *ir.Field) bool { return ir.HasField(right, g.Name) })
		}
		return true
	})
	return found
}

// anyCount reports whether a condition asks for at least one row, of which a
// group always has one.
func anyCount(x ir.Expr) bool {
	c, ok := x.(*ir.Compare)
	if !ok {
		return false
	}
	of, ok := plainValue(c.L).(*ir.Call)
	lit, isLit := c.R.(*ir.Lit)
	if !ok || !isLit || of.Func != ir.FuncID(ir.Count) {
		return false
	}
	return c.Op == ir.Ge && lit.Value == int64(1) || c.Op == ir.Gt && lit.Value == int64(0)
}

// computed reports whether an expression asks for what several rows say.
func computed(x ir.Expr) bool {
	found := false
	ir.WalkExpr(x, func(e ir.Expr) bool {
		c, ok := e.(*ir.Call)
		found = found || ok && slices.Contains(aggregates, c.Func)
		return true
	})
	return found
}

// tests takes a condition apart.
func (f *Facts) tests(to *[]Test, e ir.Expr, not bool) {
	add := func(at diag.Span, field ir.Expr, op, value string) {
		*to = append(*to, Test{Pos: f.at(at), Field: fieldText(field), Not: not, Op: op, Value: value})
	}
	cased := func(op string, c bool) string {
		if c {
			return op + " (case counts)"
		}
		return op
	}
	switch e := e.(type) {
	case *ir.Logic:
		for _, a := range e.Args {
			f.tests(to, a, not)
		}
	case *ir.Not:
		f.tests(to, e.X, !not)
	case *ir.Compare:
		_, text := e.R.(*ir.Field)
		text = text && (e.Op == ir.Eq || e.Op == ir.Ne)
		value := fieldText(e.R)
		if lit, ok := e.R.(*ir.Lit); ok {
			value = litText(lit)
			_, text = lit.Value.(string)
		}
		add(e.Span, e.L, cased(string(e.Op), e.Cased && text), value)
	case *ir.Match:
		for _, p := range e.Any {
			op, value := matchOp(p)
			add(inside(p.Span, e.Span), e.X, cased(op, e.Cased), folded(value, e.Cased))
		}
	case *ir.Term:
		for _, p := range e.Any {
			value, ok := p.Literal()
			if !ok {
				value = p.String()
			}
			add(inside(p.Span, e.Span), e.X, cased("has", e.Cased), folded(value, e.Cased))
		}
	case *ir.Regexp:
		add(e.Span, e.X, "matches regex", strconv.Quote(e.Source))
	case *ir.InCIDR:
		add(e.Span, e.X, "in", e.Prefix.String())
	case *ir.FieldMatch:
		add(e.Span, e.X, cased(string(e.Kind), e.Cased), e.Y.Name)
	case *ir.Keyword:
		op := "any field contains"
		if e.Terms {
			op = "any field has"
		}
		*to = append(*to, Test{Pos: f.at(e.Span), Not: not, Op: op, Value: e.Pattern.String()})
	case *ir.Exists:
		add(e.Span, e.X, opExists, "")
	case *ir.Macro:
		f.Named = append(f.Named, Item{f.at(e.Span), e.Name})
	default:
		*to = append(*to, Test{Pos: f.at(e.At()), Not: not, Field: ir.FormatExpr(e)})
	}
}

// opExists is the operator of tests that a field is there at all.
const opExists = "exists"

// inside is the narrower of two places, if it is known.
func inside(s, whole diag.Span) diag.Span {
	if s.Pos.Line == 0 {
		return whole
	}
	return s
}

// folded is a value as it is shown: case only where it counts, and blanks at its
// ends in quotes.
func folded(s string, cased bool) string {
	if !cased {
		s = strings.Map(ir.FoldRune, s)
	}
	if s != strings.TrimSpace(s) {
		return strconv.Quote(s)
	}
	return s
}

// matchOp is the word for a pattern, and its text.
func matchOp(p ir.Pattern) (op, value string) {
	shape, text := p.Shape()
	switch shape {
	case ir.ShapeExact:
		return "=", text
	case ir.ShapePrefix:
		return "startswith", text
	case ir.ShapeSuffix:
		return "endswith", text
	case ir.ShapeContains:
		return "contains", text
	}
	return "like", p.String()
}

func litText(l *ir.Lit) string {
	switch v := l.Value.(type) {
	case string:
		return v
	case time.Duration:
		return ir.SpanText(v)
	}
	return fmt.Sprint(l.Value)
}
