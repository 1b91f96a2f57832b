package defender

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// Columns that the tables of events have in common. A custom detection needs
// Timestamp, DeviceId and ReportId of every row.
const (
	timestamp  = "Timestamp"
	deviceID   = "DeviceId"
	deviceName = "DeviceName"
	reportID   = "ReportId"
	actionType = "ActionType"
)

// maxNesting is how deep a predicate may be nested. Microsoft's parser gives up
// on 123 nested calls of not() and on 490 nested parentheses.
const maxNesting = 100

// maxGap and forever bound the sessions: no two events are as far apart.
const (
	maxGap  = 36500 * 24 * time.Hour
	forever = "36500d"
)

// Plan rewrites a physical query, as schema.Resolve yields it, so that each of
// its nodes has an exact counterpart in Kusto. What the planned query holds to:
//
//   - Match has patterns of the shapes exact, prefix, suffix and contains only,
//     over text; others have become Regexp, whose Source is Kusto's.
//   - Ne is gone; below a Not no predicate can be null but those that Lower
//     wraps in coalesce (see predicate.go).
//   - Lengths of time are numbers of seconds, except constants beside a time.
//   - Grouping keys and join keys are not dynamic, the right side of a Join has
//     no rows with a missing key, and no two inputs of a Union differ in the
//     type of a column.
//   - The keys of a Table are what the left side's column can hold, and its name
//     means nothing else in the query.
//   - Filters on stored columns stand below the Extend of computed ones, and one
//     that says how long ago an event may be is the LookBack of the Scan.
//   - The rows show fields and, unless the query aggregates, the columns that a
//     custom detection needs.
//
// Where something cannot be said the diagnostics have an error at its place
// and the query is nil.
func (b *Backend) Plan(q ir.Query, fields []*ir.Field) (ir.Query, diag.List) {
	p := &planner{backend: b}
	q = ir.Normalize(p.query(q))
	q = ir.MapQuery(prune(p.present(q, fields)), lookBackOf)
	if p.diags.HasErrors() {
		return nil, p.diags
	}
	return p.nameTables(q), p.diags
}

// lookBackOf makes the LookBack of a Scan of the condition that says the same.
func lookBackOf(q ir.Query) ir.Query {
	f, ok := q.(*ir.Filter)
	if !ok {
		return q
	}
	scan, ok := f.Input.(*ir.Scan)
	if !ok || scan.LookBack != 0 {
		return q
	}
	conds := slices.Clone(ir.Conjuncts(f.Pred))
	for i, c := range conds {
		c, ok := c.(*ir.Compare)
		if !ok || c.Op != ir.Gt {
			continue
		}
		at, ok1 := c.L.(*ir.Field)
		since, ok2 := c.R.(*ir.Call)
		if !ok1 || !ok2 || at.Name != timestamp || !isAgo(since) {
			continue
		}
		d := since.Args[1].(*ir.Lit).Value.(time.Duration)
		if d <= 0 {
			continue
		}
		recent := *scan
		recent.LookBack = d
		if conds = slices.Delete(conds, i, i+1); len(conds) == 0 {
			return &recent
		}
		return &ir.Filter{Span: f.Span, Input: &recent, Pred: ir.NewLogic(f.Span, ir.And, conds...)}
	}
	return q
}

type planner struct {
	backend *Backend
	diags   diag.List
}

func (p *planner) query(q ir.Query) ir.Query {
	switch q := q.(type) {
	case *ir.Scan:
		return q
	case *ir.Filter:
		return p.filter(q)
	case *ir.Extend:
		in := p.query(q.Input)
		return &ir.Extend{Span: q.Span, Input: in, Cols: p.cols(in, q.Cols)}
	case *ir.Project:
		in := p.query(q.Input)
		return &ir.Project{Span: q.Span, Input: in, Cols: p.cols(in, q.Cols)}
	case *ir.Aggregate:
		return p.aggregate(q)
	case *ir.Window:
		return p.window(q)
	case *ir.Session:
		return p.session(q)
	case *ir.Lag:
		return p.lag(q)
	case *ir.Rank:
		return p.rank(q)
	case *ir.Union:
		return p.union(q)
	case *ir.Join:
		return p.join(q)
	case *ir.Distinct:
		if q.Whole {
			p.diags.Errorf(codeAggregate, q, "Give the rows their places with \"rank\", and keep the first.", "Defender has no distinct that keeps the other columns")
		}
		in := p.query(q.Input)
		by := make([]*ir.Field, len(q.By))
		for i, f := range q.By {
			by[i] = p.key(in, f)
		}
		return &ir.Distinct{Span: q.Span, Input: in, By: by}
	case *ir.Sort:
		in := p.query(q.Input)
		for _, k := range q.Keys {
			p.key(in, k.X)
		}
		return &ir.Sort{Span: q.Span, Input: in, Keys: q.Keys}
	case *ir.Limit:
		return &ir.Limit{Span: q.Span, Input: p.query(q.Input), N: q.N}
	}
	panic(fmt.Sprintf("defender: unhandled query %T", q))
}

// filter plans the conditions one by one, those on stored columns below the
// Extend that computes others.
func (p *planner) filter(q *ir.Filter) ir.Query {
	p.checkNesting(q.Pred)
	in := p.query(q.Input)
	var below, above []ir.Expr
	ext, _ := in.(*ir.Extend)
	var planned []ir.Expr
	for _, c := range narrow(given(conjuncts(q.Pred))) {
		planned = append(planned, ir.Conjuncts(ir.Simplify(p.pred(in, c, false)))...)
	}
	for _, c := range distinct(planned) {
		if needless(in, c) {
			continue
		}
		if ext != nil && uses(c, ext.Cols) {
			c = byName(c, ext.Cols)
		}
		if ext != nil && !uses(c, ext.Cols) {
			below = append(below, c)
		} else {
			above = append(above, c)
		}
	}
	var late []*ir.Col
	if ext != nil {
		early := ext.Cols
		early, late = splitCols(ext.Cols, above)
		in = ext.Input
		if len(below) > 0 {
			in = &ir.Filter{Span: q.Span, Input: in, Pred: ir.NewLogic(q.Span, ir.And, below...)}
		}
		if len(early) > 0 {
			in = &ir.Extend{Span: ext.Span, Input: in, Cols: early}
		}
	}
	if len(above) > 0 {
		in = &ir.Filter{Span: q.Span, Input: in, Pred: ir.NewLogic(q.Span, ir.And, above...)}
	}
	if len(late) > 0 {
		in = &ir.Extend{Span: ext.Span, Input: in, Cols: late}
	}
	return in
}

// byName is the condition with the columns of an Extend in place of what they
// are computed from, where it names one of them anyway.
func byName(e ir.Expr, cols []*ir.Col) ir.Expr {
	return ir.MapExpr(e, func(e ir.Expr) ir.Expr {
		c, ok := e.(*ir.Call)
		if !ok {
			return e
		}
		for _, col := range cols {
			if same(c, col.X) {
				return &ir.Field{Span: c.Span, Name: col.As, T: ir.TypeOf(c)}
			}
		}
		return e
	})
}

// splitCols parts the columns of an Extend into those that the conditions above
// it need and those of the schema that are only shown: to compute them for the
// rows that are left is enough.
func splitCols(cols []*ir.Col, above []ir.Expr) (early, late []*ir.Col) {
	for _, c := range cols {
		f, ok := c.X.(*ir.Foreign)
		alone := ok && !slices.ContainsFunc(above, func(e ir.Expr) bool { return uses(e, []*ir.Col{c}) }) &&
			!slices.ContainsFunc(cols, func(o *ir.Col) bool { return slices.Contains(f.Needs, o.As) })
		if alone {
			late = append(late, c)
		} else {
			early = append(early, c)
		}
	}
	return early, late
}

func uses(e ir.Expr, cols []*ir.Col) bool {
	for _, f := range ir.Fields(e) {
		if slices.ContainsFunc(cols, func(c *ir.Col) bool { return c.As == f.Name }) {
			return true
		}
	}
	return false
}

// checkNesting refuses what Microsoft's parser would give up on.
func (p *planner) checkNesting(e ir.Expr) {
	var walk func(e ir.Expr, depth int) bool
	walk = func(e ir.Expr, depth int) bool {
		if depth > maxNesting {
			p.diags.Errorf(codeDepth, e, "Split the condition, or write it with fewer parentheses inside each other.",
				"the condition is nested more than %d levels deep, which Defender's parser refuses", maxNesting)
			return false
		}
		switch e := e.(type) {
		case *ir.Logic:
			for _, a := range e.Args {
				if !walk(a, depth+1) {
					return false
				}
			}
		case *ir.Not:
			return walk(e.X, depth+1)
		}
		return true
	}
	walk(e, 0)
}

func (p *planner) cols(in ir.Query, cols []*ir.Col) []*ir.Col {
	out := make([]*ir.Col, len(cols))
	for i, c := range cols {
		out[i] = &ir.Col{Span: c.Span, As: c.As, X: p.plain(in, c.X)}
	}
	return out
}

// plain plans an expression whose value is kept in a column: a constant length
// of time is a number of seconds there, and a truth value is a predicate.
func (p *planner) plain(in ir.Query, e ir.Expr) ir.Expr {
	x := inSecondsExact(p.value(in, e))
	if lit, ok := x.(*ir.Lit); ok {
		switch lit.Value {
		case true:
			return ir.True(lit.Span)
		case false:
			return ir.False(lit.Span)
		}
	}
	return x
}

// key refuses a column that Kusto does not group or sort by.
func (p *planner) key(in ir.Query, f *ir.Field) *ir.Field {
	if t, _, ok := p.backend.column(in, f.Name); ok && t == ir.Dynamic {
		p.diags.Errorf(codeTypes, f, "Take one value out of it first, with \"extend\".", "Defender cannot group or sort by %s, which holds a list or object", f.Name)
	}
	return f
}

// value plans an expression for its value.
func (p *planner) value(in ir.Query, e ir.Expr) ir.Expr {
	switch e := e.(type) {
	case *ir.Field:
		t, _, ok := p.backend.column(in, e.Name)
		if !ok {
			p.diags.Errorf(codeColumn, e, "Look at what the stages above leave over: a project or summarize drops all other columns.", "there is no column %s at this point of the query", e.Name)
			return e
		}
		if t != e.T {
			return &ir.Field{Span: e.Span, Name: e.Name, T: t}
		}
		return e
	case *ir.Lit:
		if s, ok := e.Value.(string); ok && !utf8.ValidString(s) {
			p.diags.Errorf(codeTypes, e, "Leave the bytes out.", "the value is not valid UTF-8, and Kusto's strings are")
		}
		return e
	case *ir.Foreign:
		return p.foreign(in, e)
	case *ir.Call:
		return p.call(in, e)
	}
	return p.pred(in, e, true)
}

// foreign brings the text into the form that Lift finds again: IR if Lift
// understands it, else the text as the printer writes it.
func (p *planner) foreign(in ir.Query, e *ir.Foreign) ir.Expr {
	f := p.backend.foreign(e.Text)
	if f.err != nil {
		p.diags.Errorf(codeSyntax, e, "Mend the expression in huntc.yaml.", "the expression %q of the schema is not Kusto: %s", e.Text, f.err)
		return e
	}
	if f.lifted != nil {
		return p.value(in, f.lifted)
	}
	c := *e
	c.Text = f.text
	return &c
}

// call plans a function. Lengths of time become seconds.
func (p *planner) call(in ir.Query, e *ir.Call) ir.Expr {
	switch e.Func {
	case ir.If:
		return p.conditional(in, e)
	case ir.Tuple:
		return p.tuple(in, e)
	}
	c := *e
	c.Args = make([]ir.Expr, len(e.Args))
	for i, a := range e.Args {
		c.Args[i] = p.argument(in, e, i, a)
	}
	second := &ir.Lit{Span: e.Span, Value: time.Second}
	typ := func(i int) ir.Type { return ir.TypeOf(c.Args[i]) }
	switch e.Func {
	case ir.Add, ir.Sub:
		l, r := typ(0), typ(1)
		switch {
		case l == ir.Time && r == ir.Time && e.Func == ir.Sub:
			return &ir.Call{Span: e.Span, Func: ir.Div, Args: []ir.Expr{&c, second}}
		case l == ir.Time && r.Numeric():
			// A time and a number of seconds.
			c.Args[1] = &ir.Call{Span: e.Span, Func: ir.Mul, Args: []ir.Expr{c.Args[1], second}}
		case l == ir.Time || r == ir.Time:
		default:
			c.Args[0], c.Args[1] = p.number(c.Args[0]), p.number(c.Args[1])
		}
	case ir.Mul, ir.Div:
		if apart := timesApart(c.Args[0]); apart != nil && e.Func == ir.Div && isLength(c.Args[1]) {
			c.Args[0] = apart // how often one length of time is in another
			return &c
		}
		c.Args[0], c.Args[1] = p.number(c.Args[0]), p.number(c.Args[1])
		if e.Func == ir.Div && typ(0) == ir.Int && typ(1) == ir.Int {
			// Kusto divides whole numbers without remainder.
			c.Args[0] = &ir.Call{Span: e.Span, Func: ir.ToNumber, Args: []ir.Expr{c.Args[0]}}
		}
	case ir.Bin:
		if typ(0) != ir.Time {
			c.Args[0], c.Args[1] = p.number(c.Args[0]), p.number(c.Args[1])
		}
	case ir.Abs:
		c.Args[0] = p.number(c.Args[0])
	case ir.Floor, ir.Ceiling:
		if c.Args[0] = p.number(c.Args[0]); typ(0) == ir.Int {
			return asFloat(c.Args[0]) // which is whole, and now of the type that it has to be
		}
	case ir.Coalesce:
		p.coalesce(in, &c)
		nest(&c)
	case ir.Concat:
		var parts, texts []ir.Expr
		for i, a := range c.Args {
			if x, ok := orEmpty(e.Args[i]); ok {
				texts = append(texts, asText(p.value(in, x)))
				continue
			}
			parts = append(parts, a)
			if joined, ok := bare(a).(*ir.Call); ok && joined.Func == ir.Concat {
				texts = append(texts, joined.Args...)
			} else {
				texts = append(texts, asText(a))
			}
		}
		c.Args = texts
		nest(&c)
		// Kusto puts nothing in the place of a missing part.
		return p.ifPresent(in, &c, parts)
	case ir.StrLen:
		// Kusto's length of a missing text is 0.
		parts := slices.Clone(c.Args)
		c.Args[0] = bare(c.Args[0])
		return p.ifPresent(in, &c, parts)
	case ir.Joined, ir.Item, ir.Size:
		return p.ofList(in, &c)
	}
	return &c
}

// ofList plans a function of a list, whose argument is planned. Kusto's own take
// nothing but lists, where one value is a list of one.
func (p *planner) ofList(in ir.Query, c *ir.Call) ir.Expr {
	x := c.Args[0]
	if t := ir.TypeOf(x); t != ir.Dynamic && t != ir.Unknown {
		switch c.Func {
		case ir.Size:
			return p.ifPresent(in, &ir.Lit{Span: c.Span, Value: int64(1)}, []ir.Expr{x})
		case ir.Item:
			if n, ok := c.Args[1].(*ir.Lit); !ok || n.Value != int64(0) && n.Value != int64(-1) {
				return &ir.Call{Span: c.Span, Func: ir.If, Args: []ir.Expr{ir.False(c.Span), asText(x)}}
			}
		}
		return asText(x)
	}
	if parts, ok := x.(*ir.Call); ok && c.Func == ir.Size && parts.Func == ir.Parts {
		// Kusto cuts a missing text into one empty part.
		return p.ifPresent(in, c, parts.Args[:1])
	}
	return c
}

// isLength reports whether x is a constant length of time that Kusto can tell,
// and not none.
func isLength(x ir.Expr) bool {
	lit, ok := x.(*ir.Lit)
	if !ok {
		return false
	}
	d, ok := lit.Value.(time.Duration)
	return ok && d > 0 && d%tick == 0
}

// argument plans the argument i of a function.
func (p *planner) argument(in ir.Query, e *ir.Call, i int, a ir.Expr) ir.Expr {
	x := p.value(in, a)
	if (e.Func == ir.ToString || e.Func == ir.Concat) && p.backend.isList(in, x) {
		p.diags.Errorf(codeTypes, e, "Compare the values before they are summarized: countif(...) says whether one of them passes.", "Defender has no text of a list of values")
	}
	switch t := ir.TypeOf(x); ir.FuncOf(e.Func).Param(i) {
	case ir.TimeValue:
		if t != ir.Time && t != ir.Unknown {
			p.diags.Errorf(codeTypes, e, "Take a part of a time, such as Timestamp.", "a %s has no %s", typeWord(t), e.Func)
		}
	case ir.TextValue:
		if p.backend.isList(in, x) {
			p.diags.Errorf(codeTypes, e, "Take the values before they are summarized.", "%s is of one text, and this is a list of values", e.Func)
		}
		x = asText(x)
	case ir.RegexConst:
		return p.extracted(e, x)
	}
	return x
}

// wholly is what Plan makes of a text put together that is missing where a part
// is; nil if x is none.
func wholly(x ir.Expr) *ir.Call {
	if c := choice(x); c != nil {
		if joined, ok := c.Args[1].(*ir.Call); ok && joined.Func == ir.Concat {
			return c
		}
	}
	return nil
}

// orEmpty is x of an expression that is the empty text where x is missing, which
// on Defender x is itself.
func orEmpty(e ir.Expr) (x ir.Expr, ok bool) {
	c, ok := e.(*ir.Call)
	if !ok || c.Func != ir.Coalesce || len(c.Args) != 2 || !isEmptyText(c.Args[1]) || ir.TypeOf(c.Args[0]) != ir.String {
		return nil, false
	}
	return c.Args[0], true
}

// bare is a text put together without the condition that all its parts are
// there, for those who ask for it themselves.
func bare(x ir.Expr) ir.Expr {
	if c := wholly(x); c != nil {
		return c.Args[1]
	}
	return x
}

// extracted brings the regular expression of an Extract into Kusto's form.
func (p *planner) extracted(e *ir.Call, x ir.Expr) ir.Expr {
	lit, ok := x.(*ir.Lit)
	src, isText := "", false
	if ok {
		src, isText = lit.Value.(string)
	}
	group, ok := e.Args[2].(*ir.Lit)
	n, isNumber := int64(0), false
	if ok {
		n, isNumber = group.Value.(int64)
	}
	if !isText || !isNumber {
		p.diags.Errorf(codeRegexp, e, "Write them out.", "the regular expression and its group have to be constants")
		return x
	}
	groups, err := syntax.Parse(src, syntax.Perl)
	switch {
	case err != nil:
	case n > int64(groups.MaxCap()):
		p.diags.Errorf(codeRegexp, e, "Take group 0 for the whole match.", "the regular expression has no group %d", n)
		return x
	case n > 0 && groups.MaxCap() > maxGroups:
		p.diags.Errorf(codeRegexp, e, "Write (?:...) for the groups that are not taken.", "the regular expression has %d groups, and Defender counts %d at most", groups.MaxCap(), maxGroups)
		return x
	}
	out, hint, err := kustoRegexp(src)
	if err != nil {
		p.diags.Errorf(codeRegexp, e, hint, "the regular expression %s", err)
		return x
	}
	return &ir.Lit{Span: lit.Span, Value: out}
}

// nest makes calls within calls of one with more arguments than Kusto takes.
func nest(c *ir.Call) {
	if len(c.Args) <= mostArguments {
		return
	}
	rest := &ir.Call{Span: c.Span, Func: c.Func, Args: c.Args[mostArguments-1:]}
	nest(rest)
	c.Args = append(slices.Clone(c.Args[:mostArguments-1]), rest)
}

// coalesce gives the arguments of a planned Coalesce one type.
func (p *planner) coalesce(in ir.Query, c *ir.Call) {
	first, mixed := ir.TypeOf(c.Args[0]), false
	for i, a := range c.Args {
		a = inSecondsExact(a)
		c.Args[i] = a
		t := ir.TypeOf(a)
		mixed = mixed || t != first
		if t == ir.Bool || t != first && !(t.Numeric() && first.Numeric()) {
			p.diags.Errorf(codeTypes, c, "Give all of them one type, of texts, numbers or times.", "Defender cannot take the first that is there of a %s and a %s", typeWord(first), typeWord(t))
			return
		}
	}
	for i, a := range c.Args {
		if mixed {
			c.Args[i] = asFloat(a)
		}
	}
}

// conditional plans If: two values of one type, or one and nothing.
func (p *planner) conditional(in ir.Query, e *ir.Call) ir.Expr {
	p.checkNesting(e.Args[0])
	pred := ir.Simplify(p.pred(in, e.Args[0], true))
	args := make([]ir.Expr, 0, 2)
	for _, a := range e.Args[1:] {
		x := p.plain(in, a)
		if ir.TypeOf(x) == ir.Dynamic {
			x = asText(x)
		}
		args = append(args, x)
	}
	switch {
	case ir.IsTrue(pred):
		return args[0]
	case len(args) == 1:
	case ir.IsFalse(pred):
		return args[1]
	default:
		x, y := ir.TypeOf(args[0]), ir.TypeOf(args[1])
		switch {
		case x.Numeric() && y.Numeric() && x != y:
			args[0], args[1] = asFloat(args[0]), asFloat(args[1])
		case x != y && x != ir.Unknown && y != ir.Unknown:
			p.diags.Errorf(codeTypes, e, "Give both results one type.", "Defender cannot choose between a %s and a %s", typeWord(x), typeWord(y))
		}
		if isEmptyText(args[1]) {
			args = args[:1] // which is how Defender stores a missing text
		}
	}
	return &ir.Call{Span: e.Span, Func: ir.If, Args: append([]ir.Expr{pred}, args...)}
}

func isEmptyText(x ir.Expr) bool {
	lit, ok := x.(*ir.Lit)
	return ok && lit.Value == ""
}

// asFloat is a number as one with a fraction.
func asFloat(x ir.Expr) ir.Expr {
	if ir.TypeOf(x) != ir.Int {
		return x
	}
	if lit, ok := x.(*ir.Lit); ok {
		return &ir.Lit{Span: lit.Span, Value: float64(lit.Value.(int64))}
	}
	return &ir.Call{Span: x.At(), Func: ir.ToNumber, Args: []ir.Expr{x}}
}

// tuple plans Tuple: its text where all values are present, missing elsewhere.
func (p *planner) tuple(in ir.Query, e *ir.Call) ir.Expr {
	c := *e
	c.Args = make([]ir.Expr, len(e.Args))
	for i, a := range e.Args {
		c.Args[i] = p.plain(in, a)
	}
	return p.ifPresent(in, &c, c.Args)
}

// ifPresent is x where all parts have a value, missing elsewhere.
func (p *planner) ifPresent(in ir.Query, x ir.Expr, parts []ir.Expr) ir.Expr {
	var present []ir.Expr
	for _, part := range parts {
		present = append(present, p.presence(in, part)...)
	}
	if len(present) == 0 {
		return x
	}
	return &ir.Call{Span: x.At(), Func: ir.If, Args: []ir.Expr{ir.NewLogic(x.At(), ir.And, distinct(present)...), x}}
}

// presence lists what must hold for x to have a value; nothing if it always has.
func (p *planner) presence(in ir.Query, x ir.Expr) []ir.Expr {
	switch x := x.(type) {
	case *ir.Lit:
		return nil
	case *ir.Field:
		if e := p.exists(in, &ir.Exists{Span: x.Span, X: x}); !ir.IsTrue(e) {
			return []ir.Expr{e}
		}
		return nil
	case *ir.Call:
		switch {
		case choice(x) != nil:
			return append(slices.Clone(conjuncts(x.Args[0])), p.presence(in, x.Args[1])...)
		case x.Func == ir.Concat:
			return nil // where a part may be missing it stands in an If
		case x.Func == ir.Tuple:
			var out []ir.Expr
			for _, a := range x.Args {
				out = append(out, p.presence(in, a)...)
			}
			return out
		case x.Func == ir.ToString && !isStringly(x.Args[0]):
			return p.presence(in, x.Args[0])
		case x.Func == ir.Lower, x.Func == ir.Upper, x.Func == ir.Substring, x.Func == ir.Replace:
			// Of a text that is there, also if nothing of it is left.
			return p.presence(in, x.Args[0])
		}
	}
	switch {
	case ir.TypeOf(x) == ir.String:
		return []ir.Expr{isNotEmpty(x.At(), x)}
	case p.backend.nullable(in, x):
		// The text of a number is empty where there is none.
		return []ir.Expr{isNotEmpty(x.At(), asText(x))}
	}
	return nil
}

// number is an operand of arithmetic: a length of time in seconds, and text as
// the number that it spells.
func (p *planner) number(x ir.Expr) ir.Expr {
	x = inSecondsExact(x)
	switch t := ir.TypeOf(x); t {
	case ir.String, ir.Dynamic:
		return &ir.Call{Span: x.At(), Func: ir.ToNumber, Args: []ir.Expr{x}}
	case ir.Bool, ir.Time:
		p.diags.Errorf(codeTypes, x, "Calculate with numbers.", "Defender cannot calculate with a %s here", typeWord(t))
	}
	return x
}

// inSecondsExact is inSeconds for a length of time only.
func inSecondsExact(x ir.Expr) ir.Expr {
	if lit, ok := x.(*ir.Lit); ok {
		if _, ok := lit.Value.(time.Duration); ok {
			return inSeconds(x)
		}
	}
	return x
}

// aggregate plans keys and aggregates.
func (p *planner) aggregate(q *ir.Aggregate) ir.Query {
	in := p.query(q.Input)
	if i := slices.IndexFunc(q.Aggs, isEdge); i >= 0 {
		if t, _, ok := p.backend.column(in, timestamp); !ok || t != ir.Time {
			p.diags.Errorf(codeAggregate, q.Aggs[i], "Keep Timestamp in the stages above.", "%s needs the Timestamp of the rows, which is not there any more", q.Aggs[i].Func)
		}
		// Lower takes an end of the list of values, which is in this order.
		at := q.Span
		in = &ir.Sort{Span: at, Input: in, Keys: []*ir.SortKey{{Span: at, X: &ir.Field{Span: at, Name: timestamp, T: ir.Time}}}}
	}
	out := &ir.Aggregate{Span: q.Span, Input: in}
	for _, c := range q.By {
		x := p.plain(in, c.X)
		if ir.TypeOf(x) == ir.Dynamic {
			x = asText(x) // Kusto does not group by dynamic values
		}
		out.By = append(out.By, &ir.Col{Span: c.Span, As: c.As, X: x})
	}
	for _, a := range q.Aggs {
		b := *a
		if !plannable(a) {
			p.diags.Errorf(codeAggregate, a, "Take the smallest or the largest value, or the set of values.", "the aggregate %s is none of documents", a.Func)
			continue
		}
		switch {
		case a.X == nil:
		case a.Func == ir.CountIf:
			p.checkNesting(a.X)
			if b.X = ir.Simplify(p.pred(in, a.X, false)); ir.IsTrue(b.X) {
				b.Func, b.X = ir.Count, nil
			}
		default:
			if a.Of != nil {
				b.Of = p.chosenBy(in, a)
			}
			b.X = p.plain(in, a.X)
			p.checkAggregate(&b)
			b.X = p.counted(in, b.X, b.Of)
		}
		out.Aggs = append(out.Aggs, &b)
	}
	return out
}

// plannable reports whether an aggregate is one of documents, complete.
func plannable(a *ir.Agg) bool {
	switch a.Func {
	case ir.Count:
		return a.Native == "" && a.X == nil
	case ir.ArgMin, ir.ArgMax:
		return a.Native == "" && len(a.More) == 0 && a.X != nil && a.Of != nil
	case ir.CountIf, ir.First, ir.Last, ir.Percentile:
	default:
		if !slices.ContainsFunc(aggregateNames, func(n aggregateName) bool { return n.id == a.Func }) {
			return false
		}
	}
	return a.Native == "" && len(a.More) == 0 && a.X != nil && a.Of == nil
}

// counted is the operand of an aggregate, which skips missing values: what an
// If chooses counts on its condition, which need not ask for the value itself. of is a column that
// the aggregate asks for itself, or nil.
func (p *planner) counted(in ir.Query, x ir.Expr, of *ir.Field) ir.Expr {
	var conds []ir.Expr
	at := x.At()
	for c := choice(x); c != nil; c = choice(x) {
		conds, x = append(conds, conjuncts(c.Args[0])...), c.Args[1]
	}
	var implied []ir.Expr
	if of != nil {
		implied = p.presence(in, of)
	}
	if !isMade(x) {
		implied = append(implied, p.presence(in, x)...)
	}
	if len(implied) > 0 {
		conds = slices.DeleteFunc(conds, func(c ir.Expr) bool {
			return slices.ContainsFunc(implied, func(d ir.Expr) bool { return same(c, d) })
		})
	}
	if len(conds) == 0 {
		return x
	}
	return &ir.Call{Span: at, Func: ir.If, Args: []ir.Expr{ir.NewLogic(at, ir.And, distinct(conds)...), x}}
}

// choice is an If without a second value, nil if x is none.
func choice(x ir.Expr) *ir.Call {
	if c, ok := x.(*ir.Call); ok && c.Func == ir.If && len(c.Args) == 2 {
		return c
	}
	return nil
}

// chosenBy is the column by whose order ArgMin and ArgMax choose.
func (p *planner) chosenBy(in ir.Query, a *ir.Agg) *ir.Field {
	of, ok := p.value(in, a.Of).(*ir.Field)
	if !ok {
		return a.Of
	}
	if t := of.T; t != ir.Unknown && t != ir.Time && !t.Numeric() {
		p.diags.Errorf(codeAggregate, a, "Go by a number or a time.", "Defender has no %s by a %s", a.Func, typeWord(t))
	}
	return of
}

// isEdge reports whether the aggregate takes the first or the last value.
func isEdge(a *ir.Agg) bool { return a.Func == ir.First || a.Func == ir.Last }

func (p *planner) checkAggregate(a *ir.Agg) {
	t := ir.TypeOf(a.X)
	switch a.Func {
	case ir.Percentile:
		switch {
		case t == ir.String || t == ir.Dynamic:
			a.X = p.number(a.X)
		case t == ir.Bool:
			p.diags.Errorf(codeAggregate, a, "Count the rows where it is true.", "Defender has no %s of a truth value", a.Func)
		}
		switch {
		case a.P <= 0:
			a.Func, a.P = ir.Min, 0
		case a.P >= 100:
			a.Func, a.P = ir.Max, 0
		}
	case ir.Sum, ir.Avg, ir.Stdev:
		switch t {
		case ir.String, ir.Dynamic:
			a.X = p.number(a.X)
		case ir.Bool, ir.Time:
			p.diags.Errorf(codeAggregate, a, "Aggregate a number, or count rows.", "Defender has no %s of a %s", a.Func, typeWord(t))
		}
	case ir.Min, ir.Max, ir.DCount, ir.Values, ir.First, ir.Last, ir.ArgMin, ir.ArgMax:
		if t == ir.Dynamic {
			a.X = asText(a.X)
		}
		if t == ir.Bool && (a.Func == ir.Min || a.Func == ir.Max) {
			p.diags.Errorf(codeAggregate, a, "Count the rows where it is true.", "Defender has no %s of a truth value", a.Func)
		}
	}
}

// window makes sure that the rows have a time to stand at.
func (p *planner) window(q *ir.Window) ir.Query {
	in, of, by := p.ordered(q, p.query(q.Input), q.Of, q.By)
	if of.T != ir.Time && of.T != ir.Unknown && !of.T.Numeric() {
		p.diags.Errorf(codeTypes, q.Of, "Take the gaps of Timestamp.", "%s is a %s; gaps are between times", of.Name, typeWord(of.T))
	}
	return &ir.Window{Span: q.Span, Input: in, By: by, Of: of, Offset: max(1, q.Offset), As: q.As}
}

// session does the same for sessions, which are of times only.
func (p *planner) session(q *ir.Session) ir.Query {
	in, of, by := p.ordered(q, p.query(q.Input), q.Of, q.By)
	if of.T != ir.Time && of.T != ir.Unknown {
		p.diags.Errorf(codeTypes, q.Of, "Take the sessions of Timestamp.", "%s is a %s; sessions are of times", of.Name, typeWord(of.T))
	}
	if q.Gap < 0 || q.Gap >= maxGap {
		p.diags.Errorf(codeTypes, q, "Name a shorter time.", "a gap of %s between sessions is longer than any time that Defender can tell", q.Gap)
	}
	return &ir.Session{Span: q.Span, Input: in, By: by, Of: of, Gap: q.Gap, As: q.As}
}

// lag makes sure of the same.
func (p *planner) lag(q *ir.Lag) ir.Query {
	in, of, by := p.ordered(q, p.query(q.Input), q.Of, q.By)
	if of.T != ir.Time && of.T != ir.Unknown && !of.T.Numeric() {
		p.diags.Errorf(codeTypes, q.Of, "Go along Timestamp, or along a number.", "%s is a %s; the rows of a group have an order by a time or a number", of.Name, typeWord(of.T))
	}
	x, ok := p.value(in, q.X).(*ir.Field)
	if !ok {
		x = q.X
	}
	return &ir.Lag{Span: q.Span, Input: in, By: by, Of: of, X: x, As: q.As}
}

// rank leaves out the keys that are the same in all rows that they would order.
func (p *planner) rank(q *ir.Rank) ir.Query {
	in := p.query(q.Input)
	out := &ir.Rank{Span: q.Span, Input: in, By: p.groups(in, q.By), As: q.As}
	for _, k := range q.Keys {
		p.value(in, k.X)
		p.key(in, k.X)
		if !ir.HasField(q.By, k.X.Name) && !slices.ContainsFunc(out.Keys, func(o *ir.SortKey) bool { return o.X.Name == k.X.Name }) {
			out.Keys = append(out.Keys, k)
		}
	}
	return out
}

// ordered plans the rows, the order and the groups of a Window, Session or Lag.
// Rows without a place in the order are left out.
func (p *planner) ordered(at diag.Node, in ir.Query, of *ir.Field, by []*ir.Field) (ir.Query, *ir.Field, []*ir.Field) {
	t, nullable, ok := p.backend.column(in, of.Name)
	if !ok {
		p.diags.Errorf(codeColumn, of, "Look at what the stages above leave over: a project or summarize drops all other columns.", "there is no column %s at this point of the query", of.Name)
	}
	of = &ir.Field{Span: of.Span, Name: of.Name, T: t}
	if ok && nullable {
		in = &ir.Filter{Span: at.At(), Input: in, Pred: &ir.Exists{Span: at.At(), X: of}}
	}
	return in, of, p.groups(in, by)
}

// groups plans the columns whose values part rows into groups.
func (p *planner) groups(in ir.Query, by []*ir.Field) []*ir.Field {
	keys := make([]*ir.Field, len(by))
	for i, f := range by {
		t, nullable, _ := p.backend.column(in, f.Name)
		p.key(in, f)
		if !nullable {
			t = ir.String // nothing that Lower has to compare with care
		}
		keys[i] = &ir.Field{Span: f.Span, Name: f.Name, T: t}
	}
	return keys
}

// union gives the columns of one name one type: Kusto makes two columns of
// them otherwise, X_long and X_string.
func (p *planner) union(q *ir.Union) ir.Query {
	ins := make([]*ir.Project, len(q.Inputs))
	for i, u := range q.Inputs {
		planned := p.query(u)
		proj, ok := planned.(*ir.Project)
		if !ok {
			proj = &ir.Project{Span: u.At(), Input: planned}
			for _, f := range p.visible(planned) {
				proj.Cols = append(proj.Cols, &ir.Col{Span: f.Span, As: f.Name, X: f})
			}
		}
		ins[i] = identityFirst(proj)
	}
	// cast says for each name how its columns have to be written, if at all.
	type kind struct{ name, kusto string }
	var seen []kind
	cast := map[string]ir.FuncID{}
	for _, in := range ins {
		for _, c := range in.Cols {
			k := kind{c.As, p.backend.kustoTypeOf(in.Input, c.X)}
			i := slices.IndexFunc(seen, func(s kind) bool { return s.name == k.name })
			if i < 0 {
				seen = append(seen, k)
				continue
			}
			if seen[i].kusto == k.kusto || cast[k.name] == ir.ToString {
				continue
			}
			cast[k.name] = ir.ToString
			if isNumber(seen[i].kusto) && isNumber(k.kusto) {
				cast[k.name] = ir.ToNumber
			}
		}
	}
	out := &ir.Union{Span: q.Span}
	for _, in := range ins {
		if len(cast) > 0 {
			c := *in
			c.Cols = slices.Clone(in.Cols)
			for i, col := range c.Cols {
				if f := cast[col.As]; f != "" && !(f == ir.ToString && ir.TypeOf(col.X) == ir.String) {
					c.Cols[i] = &ir.Col{Span: col.Span, As: col.As, X: &ir.Call{Span: col.Span, Func: f, Args: []ir.Expr{col.X}}}
				}
			}
			in = &c
		}
		out.Inputs = append(out.Inputs, in)
	}
	return out
}

// identityFirst puts the columns that tell which row it is in front.
func identityFirst(p *ir.Project) *ir.Project {
	c := *p
	c.Cols = nil
	for _, name := range []string{timestamp, deviceID, deviceName, reportID} {
		for _, col := range p.Cols {
			if col.As == name {
				c.Cols = append(c.Cols, col)
			}
		}
	}
	for _, col := range p.Cols {
		if !isIdentity(col.As) {
			c.Cols = append(c.Cols, col)
		}
	}
	return &c
}

func isNumber(kusto string) bool { return kusto == "int" || kusto == "long" || kusto == "real" }

// kustoTypeOf is Kusto's own name for the type of x over the rows of in: the
// IR does not tell int from long, a union does.
func (b *Backend) kustoTypeOf(in ir.Query, x ir.Expr) string {
	if f, ok := x.(*ir.Field); ok {
		switch q := in.(type) {
		case *ir.Scan:
			info, _ := b.schema.Column(schema.XDR, q.Physical.Table, f.Name)
			return info.Type
		case *ir.Extend:
			for _, c := range q.Cols {
				if c.As == f.Name {
					return b.kustoTypeOf(q.Input, c.X)
				}
			}
			return b.kustoTypeOf(q.Input, x)
		case *ir.Project:
			for _, c := range q.Cols {
				if c.As == f.Name {
					return b.kustoTypeOf(q.Input, c.X)
				}
			}
		case *ir.Filter, *ir.Sort, *ir.Limit, *ir.Distinct:
			return b.kustoTypeOf(ir.Inputs(q)[0], x)
		case *ir.Window:
			if q.As != f.Name {
				return b.kustoTypeOf(q.Input, x)
			}
		case *ir.Session:
			if q.As != f.Name {
				return b.kustoTypeOf(q.Input, x)
			}
		case *ir.Lag:
			if q.As != f.Name {
				return b.kustoTypeOf(q.Input, x)
			}
			if len(q.By) == 0 {
				return b.kustoTypeOf(q.Input, q.X)
			}
		case *ir.Rank:
			if q.As != f.Name {
				return b.kustoTypeOf(q.Input, x)
			}
		case *ir.Join:
			if _, _, ok := b.column(q.Left, f.Name); ok {
				return b.kustoTypeOf(q.Left, x)
			}
			return b.kustoTypeOf(q.Right, x)
		case *ir.Union:
			for _, u := range q.Inputs {
				if _, _, ok := b.column(u, f.Name); ok {
					return b.kustoTypeOf(u, x)
				}
			}
		case *ir.Aggregate:
			for _, c := range q.By {
				if c.As == f.Name {
					return b.kustoTypeOf(q.Input, c.X)
				}
			}
			for _, a := range q.Aggs {
				if a.As == f.Name && (a.Func == ir.Min || a.Func == ir.Max) {
					return b.kustoTypeOf(q.Input, chosenValue(a.X))
				}
				if a.As == f.Name && a.Of != nil && choice(a.X) == nil && !b.nullable(q.Input, a.Of) {
					return b.kustoTypeOf(q.Input, a.X)
				}
			}
		}
		t, _, _ := b.column(in, f.Name)
		return kustoName(t)
	}
	if c, ok := x.(*ir.Call); ok {
		switch c.Func {
		case ir.If:
			// With a missing value, which is long(null), it is long.
			if len(c.Args) == 3 && b.kustoTypeOf(in, c.Args[1]) == "int" && b.kustoTypeOf(in, c.Args[2]) == "int" {
				return "int"
			}
		case ir.Minute, ir.Hour, ir.Day, ir.Week, ir.Month, ir.Year, ir.Weekday:
			return "int"
		}
	}
	return kustoName(ir.TypeOf(x))
}

// chosenValue is the value of an If that has one only, or x itself.
func chosenValue(x ir.Expr) ir.Expr {
	if c := choice(x); c != nil {
		return c.Args[1]
	}
	return x
}

func kustoName(t ir.Type) string {
	switch t {
	case ir.Int:
		return "long"
	case ir.Float, ir.Duration:
		return "real"
	case ir.Bool:
		return "bool"
	case ir.Time:
		return "datetime"
	case ir.Dynamic:
		return "dynamic"
	}
	return "string"
}

// join keeps rows with a missing key from finding a partner: Kusto compares an
// empty string like any other.
func (p *planner) join(q *ir.Join) ir.Query {
	left := p.query(q.Left)
	t := tableOf(q.Right)
	known := q.Kind == ir.Inner || q.Kind == ir.LeftOuter || q.Kind == ir.Anti || t == nil && (q.Kind == ir.Semi || q.Kind == ir.InnerUnique)
	if !known || q.RightOn != nil || q.Repeat {
		p.diags.Errorf(codeColumn, q, "Write an inner, left or anti join, with keys of one name on both sides.", "a join of the kind %q is not planned with these keys and columns", q.Kind)
		return q
	}
	if t != nil {
		return p.lookup(q, left, t)
	}
	right := p.query(q.Right)
	proj, ok := right.(*ir.Project)
	if !ok {
		proj = &ir.Project{Span: q.Span, Input: right}
		for _, f := range p.visible(right) {
			proj.Cols = append(proj.Cols, &ir.Col{Span: f.Span, As: f.Name, X: f})
		}
	}
	c := *proj
	c.Cols = slices.Clone(proj.Cols)
	var present []ir.Expr
	for _, key := range q.On {
		p.key(left, key)
		i := slices.IndexFunc(c.Cols, func(c *ir.Col) bool { return c.As == key.Name })
		if i < 0 {
			p.diags.Errorf(codeColumn, key, "Keep it in the project of the right side.", "the right side of the join has no column %s", key.Name)
			continue
		}
		l, _, _ := p.backend.column(left, key.Name)
		r := ir.TypeOf(c.Cols[i].X)
		if l != r && !(l.Numeric() && r.Numeric()) {
			p.diags.Errorf(codeTypes, key, "Convert one of the two with \"extend\".", "%s is a %s on the left and a %s on the right of the join", key.Name, typeWord(l), typeWord(r))
		}
		present = append(present, p.exists(&c, &ir.Exists{Span: key.Span, X: &ir.Field{Span: key.Span, Name: key.Name, T: r}}))
	}
	for _, col := range c.Cols {
		if _, _, taken := p.backend.column(left, col.As); taken && !oneSided(q.Kind) &&
			!slices.ContainsFunc(q.On, func(k *ir.Field) bool { return k.Name == col.As }) {
			p.diags.Errorf(codeColumn, col, "Give it another name in the right side's project.", "both sides of the join have a column %s", col.As)
		}
	}
	right = ir.Query(&c)
	if pred := ir.Simplify(ir.NewLogic(q.Span, ir.And, present...)); !ir.IsTrue(pred) {
		right = &ir.Filter{Span: q.Span, Input: right, Pred: pred}
	}
	return &ir.Join{Span: q.Span, Left: left, Right: right, Kind: q.Kind, On: q.On}
}

// tableOf is the Table that q is, also with some of its columns only or with
// other names for them; nil if it is none.
func tableOf(q ir.Query) *ir.Table {
	switch q := q.(type) {
	case *ir.Table:
		return q
	case *ir.Project:
		t := tableOf(q.Input)
		if t == nil {
			return nil
		}
		places := make([]int, len(q.Cols))
		cols := make([]string, len(q.Cols))
		for i, c := range q.Cols {
			f, ok := c.X.(*ir.Field)
			if !ok {
				return nil
			}
			if places[i] = slices.Index(t.Cols, f.Name); places[i] < 0 {
				return nil
			}
			cols[i] = c.As
		}
		return withColumns(t, places, cols)
	}
	return nil
}

// withColumns is the table with the columns at these places, under these names.
func withColumns(t *ir.Table, places []int, names []string) *ir.Table {
	out := &ir.Table{Span: t.Span, Name: t.Name, Cols: names}
	for _, row := range t.Rows {
		cells := make([]string, len(places))
		for i, place := range places {
			cells[i] = row[place]
		}
		out.Rows = append(out.Rows, cells)
	}
	return out
}

// lookup plans a join with a table: the rows of it whose keys the left side can
// have. Keys are compared as texts; a text that a number never has is left out.
func (p *planner) lookup(q *ir.Join, left ir.Query, t *ir.Table) ir.Query {
	out := &ir.Join{Span: q.Span, Left: left, Kind: q.Kind}
	rows := t.Rows
	for _, key := range q.On {
		f, ok := p.value(left, key).(*ir.Field)
		if !ok {
			return q
		}
		out.On = append(out.On, f)
		p.key(left, f)
		place := slices.Index(t.Cols, key.Name)
		if place < 0 {
			p.diags.Errorf(codeColumn, key, "The first line of the file names the columns.", "the lookup %s has no column %s", t.Name, key.Name)
			return q
		}
		bits := 64
		switch f.T {
		case ir.String, ir.Unknown, ir.Dynamic:
			bits = 0
		case ir.Int:
			if p.backend.kustoTypeOf(left, f) == "int" {
				bits = 32
			}
		default:
			p.diags.Errorf(codeTypes, key, `Make a text of it first: extend key = tostring(...).`, "%s is a %s, and a lookup holds texts", key.Name, typeWord(f.T))
		}
		rows = slices.DeleteFunc(slices.Clone(rows), func(row []string) bool {
			if bits == 0 {
				return row[place] == ""
			}
			n, err := strconv.ParseInt(row[place], 10, bits)
			return err != nil || strconv.FormatInt(n, 10) != row[place]
		})
	}
	for _, name := range t.Cols {
		if _, _, taken := p.backend.column(left, name); taken && q.Kind != ir.Anti && !ir.HasField(q.On, name) {
			p.diags.Errorf(codeColumn, q, "Give it another name in the first line of the file.", "both the rows and the lookup %s have a column %s", t.Name, name)
		}
	}
	for _, row := range rows {
		for _, cell := range row {
			if !utf8.ValidString(cell) {
				p.diags.Errorf(codeTypes, q, "Leave the bytes out.", "a value of the lookup %s is not valid UTF-8, and Kusto's strings are", t.Name)
				return q
			}
		}
	}
	out.Right = &ir.Table{Span: t.Span, Name: t.Name, Cols: t.Cols, Rows: rows}
	return out
}

// nameTables gives the tables names that mean nothing else in the query: no
// other table, column or function of it. A name that a let statement shares
// with one of these hides it, or is hidden.
func (p *planner) nameTables(q ir.Query) ir.Query {
	type named struct{ name, content string }
	var seen []named
	// At first each has a name that nothing else can have.
	unnamed := ir.MapQuery(q, func(q ir.Query) ir.Query {
		j, ok := q.(*ir.Join)
		if !ok {
			return q
		}
		t, ok := j.Right.(*ir.Table)
		if !ok {
			return q
		}
		var content strings.Builder
		for _, name := range t.Cols {
			content.WriteString(p.backend.tableType(j, name) + " ")
		}
		content.WriteString(ir.Format(t))
		n := named{t.Name, content.String()}
		i := slices.Index(seen, n)
		if i < 0 {
			i = len(seen)
			seen = append(seen, n)
		}
		c := *t
		c.Name = "\x00" + strconv.Itoa(i)
		k := *j
		k.Right = &c
		return &k
	})
	if len(seen) == 0 {
		return q
	}
	var taken []string
	kql.Walk(p.backend.Lower(unnamed), func(n diag.Node) bool {
		switch n := n.(type) {
		case *kql.Table:
			taken = append(taken, n.Name)
		case *kql.Column:
			taken = append(taken, n.Name)
		case *kql.ColumnDecl:
			taken = append(taken, n.Name)
		case *kql.NamedExpr:
			taken = append(append(taken, n.Name), n.Names...)
		case *kql.Call:
			taken = append(taken, n.Name)
		}
		return true
	})
	names := make([]string, len(seen))
	for i, n := range seen {
		name := n.name
		for slices.Contains(taken, name) || slices.Contains(names, name) || slices.ContainsFunc(ir.Scans(q), func(s *ir.Scan) bool {
			_, stored := p.backend.schema.Column(schema.XDR, s.Physical.Table, name)
			return stored
		}) {
			name += "_"
		}
		names[i] = name
	}
	return ir.MapQuery(unnamed, func(q ir.Query) ir.Query {
		t, ok := q.(*ir.Table)
		if !ok {
			return q
		}
		i, _ := strconv.Atoi(t.Name[1:])
		c := *t
		c.Name = names[i]
		return &c
	})
}

// visible lists the columns that a query shows where nobody has chosen them.
func (p *planner) visible(q ir.Query) []*ir.Field {
	var out []*ir.Field
	add := func(at diag.Span, name string) {
		if !ir.HasField(out, name) {
			t, _, _ := p.backend.column(q, name)
			out = append(out, &ir.Field{Span: at, Name: name, T: t})
		}
	}
	var walk func(q ir.Query)
	walk = func(q ir.Query) {
		switch q := q.(type) {
		case *ir.Scan:
			for _, f := range q.Physical.Columns {
				add(q.Span, f.Name)
			}
		case *ir.Filter:
			walk(q.Input)
			for _, f := range varying(q.Pred) {
				add(q.Span, f.Name)
			}
		case *ir.Extend:
			walk(q.Input)
			for _, c := range q.Cols {
				if _, foreign := c.X.(*ir.Foreign); !foreign {
					add(c.Span, c.As)
				}
			}
		case *ir.Aggregate:
			for _, c := range q.By {
				add(c.Span, c.As)
			}
			for _, a := range q.Aggs {
				add(a.Span, a.As)
			}
		case *ir.Window:
			walk(q.Input)
			add(q.Span, q.As)
		case *ir.Session:
			walk(q.Input)
			add(q.Span, q.As)
		case *ir.Lag:
			walk(q.Input)
			add(q.Span, q.As)
		case *ir.Rank:
			walk(q.Input)
			add(q.Span, q.As)
		case *ir.Table:
			for _, name := range q.Cols {
				add(q.Span, name)
			}
		case *ir.Project:
			for _, c := range q.Cols {
				add(c.Span, c.As)
			}
		case *ir.Distinct:
			for _, f := range q.By {
				add(f.Span, f.Name)
			}
		case *ir.Sort:
			walk(q.Input)
			for _, k := range q.Keys {
				add(k.Span, k.X.Name)
			}
		case *ir.Union:
			for _, in := range q.Inputs {
				walk(in)
			}
		case *ir.Join:
			walk(q.Left)
			if q.Kind != ir.Anti {
				walk(q.Right)
			}
		case *ir.Limit:
			walk(q.Input)
		}
	}
	walk(q)
	// What happened belongs beside which row it is.
	if i := slices.IndexFunc(out, func(f *ir.Field) bool { return f.Name == actionType }); i > 0 {
		action := out[i]
		out = slices.Delete(out, i, i+1)
		j := 0
		for j < len(out) && isIdentity(out[j].Name) {
			j++
		}
		out = slices.Insert(out, j, action)
	}
	return out
}

// isIdentity reports whether the column tells which row it is.
func isIdentity(name string) bool {
	switch name {
	case timestamp, deviceID, deviceName, reportID:
		return true
	}
	return false
}

// present adds the projection that shows rows: below the Sort and Limit that
// end the query, unless the query says itself which columns it has.
func (p *planner) present(q ir.Query, fields []*ir.Field) ir.Query {
	switch q := q.(type) {
	case *ir.Sort:
		return ir.WithInputs(q, []ir.Query{p.present(q.Input, withKeys(fields, q.Keys))})
	case *ir.Limit:
		return ir.WithInputs(q, []ir.Query{p.present(q.Input, fields)})
	}
	if shaped(q) {
		if isEvents(q) {
			return p.keepIdentity(q)
		}
		return q
	}
	cols := p.visible(q)
	if len(fields) > 0 {
		cols = p.chosen(q, cols, fields)
	}
	if len(cols) == 0 {
		return q
	}
	proj := &ir.Project{Span: q.At(), Input: q}
	for _, f := range cols {
		proj.Cols = append(proj.Cols, &ir.Col{Span: f.Span, As: f.Name, X: &ir.Field{Span: f.Span, Name: f.Name, T: f.T}})
	}
	return proj
}

func withKeys(fields []*ir.Field, keys []*ir.SortKey) []*ir.Field {
	if len(fields) == 0 {
		return nil
	}
	out := slices.Clone(fields)
	for _, k := range keys {
		if !ir.HasField(out, k.X.Name) {
			out = append(out, k.X)
		}
	}
	return out
}

// chosen is what the author asked for, after the columns that tell which row
// it is, and before those that the query tests.
func (p *planner) chosen(q ir.Query, visible, fields []*ir.Field) []*ir.Field {
	var out []*ir.Field
	add := func(f *ir.Field) {
		if t, _, ok := p.backend.column(q, f.Name); ok && !ir.HasField(out, f.Name) {
			out = append(out, &ir.Field{Span: f.Span, Name: f.Name, T: t})
		}
	}
	for _, f := range visible {
		if isIdentity(f.Name) {
			add(f)
		}
	}
	for _, f := range fields {
		add(f)
	}
	for _, f := range tested(q) {
		add(f)
	}
	return out
}

// tested lists the fields of the query's own predicates, and its own columns.
func tested(q ir.Query) []*ir.Field {
	var out []*ir.Field
	ir.WalkQuery(q, func(q ir.Query) {
		switch q := q.(type) {
		case *ir.Filter:
			out = append(out, varying(q.Pred)...)
		case *ir.Window:
			out = append(out, &ir.Field{Span: q.Span, Name: q.As})
		case *ir.Session:
			out = append(out, &ir.Field{Span: q.Span, Name: q.As})
		case *ir.Lag:
			out = append(out, &ir.Field{Span: q.Span, Name: q.As})
		case *ir.Rank:
			out = append(out, &ir.Field{Span: q.Span, Name: q.As})
		}
	})
	return out
}

// varying lists the fields of a predicate but for those that it fixes to one
// value.
func varying(pred ir.Expr) []*ir.Field {
	var out []*ir.Field
	for _, c := range ir.Conjuncts(pred) {
		if m, ok := c.(*ir.Match); !ok || len(m.Any) > 1 || !isList(m) {
			out = append(out, ir.Fields(c)...)
		}
	}
	return out
}

// shaped reports whether the query has chosen its columns.
func shaped(q ir.Query) bool {
	switch q := q.(type) {
	case *ir.Aggregate, *ir.Project, *ir.Distinct, *ir.Union:
		return true
	case *ir.Filter, *ir.Extend, *ir.Window, *ir.Session, *ir.Lag, *ir.Rank, *ir.Sort, *ir.Limit:
		return shaped(ir.Inputs(q)[0])
	case *ir.Join:
		return shaped(q.Left)
	}
	return false
}

// isEvents reports whether each row of the query still is an event.
func isEvents(q ir.Query) bool {
	switch q := q.(type) {
	case *ir.Scan:
		return true
	case *ir.Aggregate, *ir.Distinct, *ir.Union:
		return false
	case *ir.Join:
		return isEvents(q.Left)
	default:
		return isEvents(ir.Inputs(q)[0])
	}
}

// keepIdentity adds to a hunt's own projection of events the columns that a
// custom detection needs.
func (p *planner) keepIdentity(q ir.Query) ir.Query {
	switch q := q.(type) {
	case *ir.Filter, *ir.Extend, *ir.Window, *ir.Session, *ir.Lag, *ir.Rank, *ir.Sort, *ir.Limit:
		return ir.WithInputs(q, []ir.Query{p.keepIdentity(ir.Inputs(q)[0])})
	case *ir.Join:
		return ir.WithInputs(q, []ir.Query{p.keepIdentity(q.Left), q.Right})
	case *ir.Project:
		in := q.Input
		if shaped(in) {
			in = p.keepIdentity(in)
		}
		out := &ir.Project{Span: q.Span, Input: in}
		for _, name := range []string{timestamp, deviceID, reportID} {
			t, _, ok := p.backend.column(in, name)
			if ok && !slices.ContainsFunc(q.Cols, func(c *ir.Col) bool { return c.As == name }) {
				out.Cols = append(out.Cols, &ir.Col{Span: q.Span, As: name, X: &ir.Field{Span: q.Span, Name: name, T: t}})
			}
		}
		if len(out.Cols) == 0 && in == q.Input {
			return q
		}
		out.Cols = append(out.Cols, q.Cols...)
		return out
	}
	return q
}
