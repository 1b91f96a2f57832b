package splunk

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// column is what is known of a column at one point of a pipeline.
type column struct {
	name string
	t    ir.Type
	// nullable: null in some rows, which makes a comparison in "where" null,
	// and its NOT null as well.
	nullable bool
	// fill is the text that stands for a missing value because this package
	// put it there; "" if none does.
	fill string
	// own is the text that the data model puts in the place of a missing
	// value. schema.Resolve keeps predicates on the events themselves clear of
	// it; above an operator that makes columns of its own, it counts as fill.
	own string
	// hidden columns are read on the way and not shown.
	hidden bool
	// many: an event may have several values in it.
	many bool
	// epoch: a time in seconds since 1970, which nobody can read.
	epoch bool
}

// epoch reports whether a value is a time in seconds since 1970.
func epoch(e ir.Expr, sc scope) bool {
	switch e := e.(type) {
	case *ir.Field:
		c, _ := sc.find(e.Name)
		return c.epoch
	case *ir.Call:
		args := e.Args
		switch e.Func {
		case ir.Now:
			return true
		case ir.If:
			args = args[1:]
		case ir.Coalesce:
		case ir.Bin:
			args = args[:1]
		case ir.Add, ir.Sub:
			// A time and a length of time; two times are a length of time apart.
			if ir.TypeOf(e) != ir.Time {
				return false
			}
			args = slices.DeleteFunc(slices.Clone(args), func(a ir.Expr) bool { return ir.TypeOf(a) == ir.Duration })
		default:
			return false
		}
		return !slices.ContainsFunc(args, func(a ir.Expr) bool { return !epoch(a, sc) })
	}
	return false
}

// scope lists the columns of the rows, in order.
type scope []column

func (s scope) find(name string) (column, bool) {
	for _, c := range s {
		if c.name == name {
			return c, true
		}
	}
	return column{name: name, nullable: true}, false
}

// with adds a column, in the place of one of the same name.
func (s scope) with(c column) scope {
	out := make(scope, 0, len(s)+1)
	for _, o := range s {
		if o.name != c.name {
			out = append(out, o)
		}
	}
	return append(out, c)
}

// passing is the scope of the rows that pass conditions, some of which need a
// column to have a value.
func (s scope) passing(preds ...ir.Expr) scope {
	var out scope
	for i, c := range s {
		if !c.nullable || !slices.ContainsFunc(preds, func(e ir.Expr) bool { return ir.Requires(e, c.name) }) {
			continue
		}
		if out == nil {
			out = slices.Clone(s)
		}
		out[i].nullable = false
	}
	if out == nil {
		return s
	}
	return out
}

// made is the scope in which no column is known to be kept clear of the data
// model's text for a missing value.
func (s scope) made() scope {
	out := make(scope, len(s))
	for i, c := range s {
		out[i] = c.derived(c.name)
	}
	return out
}

// derived is the column as one that an operator has made.
func (c column) derived(name string) column {
	c.name = name
	if c.fill == "" {
		c.fill = c.own
	}
	return c
}

// where rewrites a predicate into one that "where" evaluates as the IR means
// it. Eval is three-valued: a comparison with a null is null, NOT of null is
// null, and where drops the row. So NOT is carried inward to the comparisons
// that may be null and joined there with a test for presence. A text that
// stands for a missing value ("unknown") is taken out of every comparison that
// it would pass.
func (p *planner) where(e ir.Expr, sc scope) ir.Expr {
	return ir.Simplify(p.positive(p.unfold(e), sc))
}

// unfold writes a test of a conditional value as a condition on either branch:
// null comes out of one branch only, and the test of presence that NOT needs
// would have to ask which.
func (p *planner) unfold(e ir.Expr) ir.Expr {
	return ir.MapExpr(e, func(e ir.Expr) ir.Expr {
		switch e.(type) {
		case *ir.Compare, *ir.Match, *ir.Regexp, *ir.InCIDR:
		default:
			return e
		}
		var c *ir.Call
		ir.WalkExpr(e, func(x ir.Expr) bool {
			call, ok := x.(*ir.Call)
			if ok && call.Func == ir.If && c == nil {
				c = call
			}
			// Coalesce has another value for the branch that is null.
			return c == nil && !(ok && call.Func == ir.Coalesce)
		})
		if c == nil || len(c.Args) < 2 {
			return e
		}
		with := func(x ir.Expr) ir.Expr {
			branch := ir.MapExpr(e, func(y ir.Expr) ir.Expr {
				if y == ir.Expr(c) {
					return x
				}
				return y
			})
			if p.unfolded == nil {
				p.unfolded = map[ir.Expr]bool{}
			}
			p.unfolded[branch] = true
			return p.unfold(branch)
		}
		then := ir.NewLogic(e.At(), ir.And, c.Args[0], with(c.Args[1]))
		if len(c.Args) == 2 {
			return then
		}
		return ir.NewLogic(e.At(), ir.Or, then, ir.NewLogic(e.At(), ir.And, &ir.Not{Span: e.At(), X: c.Args[0]}, with(c.Args[2])))
	})
}

func (p *planner) positive(e ir.Expr, sc scope) ir.Expr {
	switch e := e.(type) {
	case *ir.Logic:
		args := make([]ir.Expr, len(e.Args))
		for i, a := range e.Args {
			args[i] = p.positive(a, sc)
		}
		return &ir.Logic{Span: e.Span, Op: e.Op, Args: args}
	case *ir.Not:
		return p.negative(e, e.X, sc)
	}
	return p.leaf(e, sc)
}

func (p *planner) negative(not *ir.Not, e ir.Expr, sc scope) ir.Expr {
	if !mayBeNull(e, sc) {
		return &ir.Not{Span: not.Span, X: p.positive(e, sc)}
	}
	if f := onlyNull(e, sc); f != nil {
		// Where f is missing, e is false; where it is not, e is not null.
		return ir.NewLogic(not.Span, ir.Or,
			&ir.Not{Span: not.Span, X: &ir.Exists{Span: not.Span, X: f}},
			&ir.Not{Span: not.Span, X: p.positive(e, sc)})
	}
	switch e := e.(type) {
	case *ir.Logic:
		op, parts := ir.Or, e.Args
		if e.Op == ir.Or {
			op, parts = ir.And, byNullField(e, sc)
		}
		args := make([]ir.Expr, len(parts))
		for i, a := range parts {
			args[i] = p.negative(not, a, sc)
		}
		return &ir.Logic{Span: e.Span, Op: op, Args: args}
	case *ir.Not:
		return p.positive(e.X, sc)
	}
	leaf := p.leaf(e, sc)
	if _, ok := leaf.(*ir.Exists); ok {
		return &ir.Not{Span: not.Span, X: leaf}
	}
	if failsByItself(leaf) {
		// Which fields make it null is not seen; if() takes null for false.
		choice := &ir.Call{Span: not.Span, Func: ir.If, Args: []ir.Expr{leaf, &ir.Lit{Span: not.Span, Value: int64(1)}, &ir.Lit{Span: not.Span, Value: int64(0)}}}
		return &ir.Compare{Span: not.Span, Op: ir.Eq, L: choice, R: &ir.Lit{Span: not.Span, Value: int64(0)}, Cased: true}
	}
	var any []ir.Expr
	for _, f := range ir.Fields(leaf) {
		if c, _ := sc.find(f.Name); c.nullable {
			any = append(any, &ir.Not{Span: not.Span, X: &ir.Exists{Span: not.Span, X: f}})
		}
	}
	// Where the text of a field is read as a number, a text that spells none is
	// null as well.
	ir.WalkExpr(leaf, func(x ir.Expr) bool {
		if c, ok := x.(*ir.Call); ok && c.Func == ir.ToNumber {
			any = append(any, &ir.Not{Span: not.Span, X: &ir.Regexp{Span: not.Span, X: c.Args[0], Source: numberRegexp}})
		}
		return true
	})
	return ir.NewLogic(not.Span, ir.Or, append(any, &ir.Not{Span: not.Span, X: leaf})...)
}

// failsByItself reports whether a comparison may be null although all its
// fields have values, or have a value although one of them is null; but for the
// texts that spell no number, of which negative knows.
func failsByItself(e ir.Expr) bool {
	found := false
	ir.WalkExpr(e, func(x ir.Expr) bool {
		if c, ok := x.(*ir.Call); ok && c.Func != ir.ToNumber {
			found = found || mayFail(c) || c.Func == ir.If
		}
		return !found
	})
	return found
}

// onlyNull is the one field by which e may be null, if e cannot be true
// without it; else nil.
func onlyNull(e ir.Expr, sc scope) *ir.Field {
	var only *ir.Field
	ok := true
	ir.WalkExpr(e, func(x ir.Expr) bool {
		switch x := x.(type) {
		case *ir.Field:
			if c, _ := sc.find(x.Name); c.nullable {
				ok = ok && (only == nil || only.Name == x.Name)
				only = x
			}
		case *ir.Call:
			ok = ok && !mayFail(x) && x.Func != ir.If
		case *ir.Keyword:
			ok = false
		}
		return true
	})
	if !ok || only == nil || !ir.Requires(e, only.Name) {
		return nil
	}
	if _, isExists := e.(*ir.Exists); isExists {
		return nil
	}
	return only
}

// byNullField puts the arguments of an Or together that may be null by the
// same field only, so that one test for its presence serves them all.
func byNullField(e *ir.Logic, sc scope) []ir.Expr {
	type group struct {
		field string
		args  []ir.Expr
	}
	var groups []group
	for _, a := range e.Args {
		name := ""
		if f := onlyNull(a, sc); f != nil {
			name = f.Name
		}
		i := slices.IndexFunc(groups, func(g group) bool { return name != "" && g.field == name })
		if i < 0 {
			groups = append(groups, group{field: name})
			i = len(groups) - 1
		}
		groups[i].args = append(groups[i].args, a)
	}
	out := make([]ir.Expr, len(groups))
	for i, g := range groups {
		out[i] = ir.NewLogic(e.Span, ir.Or, g.args...)
	}
	return out
}

// numberRegexp matches texts that tonumber can read.
const numberRegexp = `^-?[0-9]+(\.[0-9]+)?$`

func mayBeNull(e ir.Expr, sc scope) bool {
	null := false
	ir.WalkExpr(e, func(x ir.Expr) bool {
		switch x := x.(type) {
		case *ir.Field:
			c, _ := sc.find(x.Name)
			null = null || c.nullable
		case *ir.Call:
			if x.Func == ir.If { // of which the condition may well be null
				null = null || len(x.Args) < 3 || mayBeNull(x.Args[1], sc) || mayBeNull(x.Args[2], sc)
				return false
			}
			if x.Func == ir.Coalesce { // null where all of its arguments are
				null = null || !slices.ContainsFunc(x.Args, func(a ir.Expr) bool { return !mayBeNull(a, sc) && !mayBeFill(a, sc) })
				return false
			}
			null = null || mayFail(x)
		case *ir.Exists:
			return false // never null itself
		}
		return true
	})
	return null
}

// mayBeFill reports whether a text that stands for a missing value goes into a
// value, so that it may be null once that is cleared.
func mayBeFill(e ir.Expr, sc scope) bool {
	return slices.ContainsFunc(ir.Fields(e), func(f *ir.Field) bool { return notFill(f, sc) != nil })
}

// leaf rewrites one comparison.
func (p *planner) leaf(e ir.Expr, sc scope) ir.Expr {
	if p.unfolded[e] || !p.onEvents && ofText(e) != nil {
		sc = sc.made()
	}
	switch e := e.(type) {
	case *ir.Match:
		return p.guard(p.match(e, sc), sc)
	case *ir.Regexp:
		src, err := p.portable(e, e.Source)
		if err != nil {
			return e
		}
		return p.guard(&ir.Regexp{Span: e.Span, X: p.operand(e.X, sc), Source: src}, sc)
	case *ir.InCIDR:
		return &ir.InCIDR{Span: e.Span, X: p.operand(e.X, sc), Prefix: e.Prefix}
	case *ir.FieldMatch:
		p.name(e.X)
		p.name(e.Y)
		// What substr and split do with an empty second text is not documented:
		// any text that is there begins with it, ends in it and holds it.
		empty := ir.NewLogic(e.Span, ir.And, isText(e.Span, e.Y, ""), p.exists(&ir.Exists{Span: e.Span, X: e.X}, sc))
		return p.guardFill(ir.NewLogic(e.Span, ir.Or, ir.Simplify(empty), e), sc, p.filled(e, sc)...)
	case *ir.Exists:
		return p.exists(e, sc)
	case *ir.Keyword:
		raw := &ir.Field{Span: e.Span, Name: "_raw", T: ir.String}
		return &ir.Regexp{Span: e.Span, X: raw, Source: keywordRegexp(e)}
	case *ir.Compare:
		return p.compare(e, sc)
	case *ir.Field:
		// A truth value by itself.
		return p.match(&ir.Match{Span: e.Span, X: e, Any: []ir.Pattern{ir.TextPattern(e.Span, "true")}}, sc)
	}
	p.diags.Errorf(codeUnsayable, e, "Compare it with a value.", "%s is not a condition", ir.FormatExpr(e))
	return e
}

// ofText is the field of which a test takes the text; nil if it takes none.
// schema.Resolve does not keep such a test clear of the data model's text for a
// missing value.
func ofText(e ir.Expr) *ir.Field {
	var x ir.Expr
	switch e := e.(type) {
	case *ir.Match:
		x = e.X
	case *ir.Regexp:
		x = e.X
	}
	if c, ok := x.(*ir.Call); ok && c.Func == ir.ToString {
		f, _ := c.Args[0].(*ir.Field)
		return f
	}
	return nil
}

// portable is a regular expression that spl can write; the error is reported.
func (p *planner) portable(at diag.Node, source string) (string, error) {
	out, ok := portable(source)
	if !ok {
		p.diags.Errorf(codeValue, at, "Write the control characters in it as \\x escapes and leave out \\Q.",
			"the regular expression %q holds characters that SPL cannot write", source)
		return source, spl.Expressible(source)
	}
	return out, nil
}

// operand is a value to compare. A text that stands for a missing value is
// taken out of a Coalesce at once, which has another value to look at then; of
// other values the guard of the comparison takes care.
func (p *planner) operand(e ir.Expr, sc scope) ir.Expr {
	x := p.value(e, sc)
	if hasCall(x, ir.Coalesce) {
		return cleared(x, sc)
	}
	return x
}

// keywordRegexp finds the keyword anywhere in the text of the event.
func keywordRegexp(e *ir.Keyword) string {
	pat := ir.Pattern{Span: e.Pattern.Span}
	pat.Append(ir.Part{Wild: ir.Many})
	for _, part := range e.Pattern.Parts {
		pat.Append(part)
	}
	pat.Append(ir.Part{Wild: ir.Many})
	return patternsRegexp([]ir.Pattern{pat}, e.Cased)
}

// match turns a Match into an equality, which Lower writes as = between
// texts, or into a regular expression. The texts of equalities are ASCII: how
// lower() folds other letters is not documented.
func (p *planner) match(e *ir.Match, sc scope) ir.Expr {
	x := p.operand(e.X, sc)
	if c, ok := x.(*ir.Call); ok && c.Func == ir.ToString {
		x = c.Args[0]
	}
	e = foldedMatch(x, e)
	x = e.X
	for _, pat := range e.Any {
		if shape, _ := pat.Shape(); shape == ir.ShapeAny {
			if f, ok := x.(*ir.Field); ok {
				return p.exists(&ir.Exists{Span: e.Span, X: f}, sc)
			}
		}
	}
	if len(e.Any) == 1 {
		if s, ok := e.Any[0].Literal(); ok && spl.Expressible(s) == nil && (e.Cased || ascii(s)) {
			if e.Cased && isFunc(x, ir.Lower) {
				// lower(x) = "..." is how a comparison without case is written.
				return &ir.Regexp{Span: e.Span, X: x, Source: patternsRegexp(e.Any, true)}
			}
			return &ir.Match{Span: e.Span, X: x, Any: e.Any, Cased: e.Cased || !hasLetter(s)}
		}
	} else if !slices.ContainsFunc(e.Any, func(pat ir.Pattern) bool {
		s, ok := pat.Literal()
		return !ok || spl.Expressible(s) != nil || !e.Cased && (hasLetter(s) || !ascii(s))
	}) {
		return &ir.Match{Span: e.Span, X: x, Any: e.Any, Cased: true}
	}
	return &ir.Regexp{Span: e.Span, X: x, Source: patternsRegexp(e.Any, e.Cased)}
}

func isFunc(e ir.Expr, f ir.FuncID) bool {
	c, ok := e.(*ir.Call)
	return ok && c.Func == f
}

// foldedMatch is a match of x, without the Lower around x where case is no
// matter to the one text that it asks for.
func foldedMatch(x ir.Expr, e *ir.Match) *ir.Match {
	out := &ir.Match{Span: e.Span, X: x, Any: e.Any, Cased: e.Cased}
	if !isFunc(x, ir.Lower) || len(e.Any) != 1 {
		return out
	}
	s, ok := e.Any[0].Literal()
	if ok && ascii(s) && (!e.Cased || strings.ToLower(s) == s) {
		out.X, out.Cased = x.(*ir.Call).Args[0], !hasLetter(s)
		return foldedMatch(out.X, out)
	}
	return out
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func hasLetter(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i] | 0x20; c >= 'a' && c <= 'z' {
			return true
		}
	}
	return false
}

// guard excludes the text that stands for a missing value from a text test
// that it would pass.
func (p *planner) guard(e ir.Expr, sc scope) ir.Expr {
	var x ir.Expr
	switch e := e.(type) {
	case *ir.Match:
		x = e.X
	case *ir.Regexp:
		x = e.X
	}
	f, ok := x.(*ir.Field)
	if !ok {
		return p.guardFill(e, sc, p.filled(e, sc)...)
	}
	c, _ := sc.find(f.Name)
	if c.fill == "" || !passes(e, c.fill) {
		return e
	}
	return p.guardFill(e, sc, f)
}

// guardFill excludes it whatever the test.
func (p *planner) guardFill(e ir.Expr, sc scope, fields ...*ir.Field) ir.Expr {
	var all []ir.Expr
	for _, f := range fields {
		if c, _ := sc.find(f.Name); c.fill != "" {
			all = append(all, &ir.Not{Span: e.At(), X: isText(e.At(), f, c.fill)})
		} else if not := notFill(f, sc); not != nil {
			all = append(all, not)
		}
	}
	return ir.NewLogic(e.At(), ir.And, append(all, e)...)
}

func isText(at diag.Span, f *ir.Field, s string) ir.Expr {
	return &ir.Match{Span: at, X: f, Any: []ir.Pattern{ir.TextPattern(at, s)}, Cased: true}
}

// passes evaluates a test on one text.
func passes(e ir.Expr, s string) bool {
	switch e := e.(type) {
	case *ir.Match:
		return slices.ContainsFunc(e.Any, func(pat ir.Pattern) bool {
			t, ok := pat.Literal()
			return ok && (t == s || !e.Cased && strings.EqualFold(t, s))
		})
	case *ir.Regexp:
		return ir.RegexpMayMatch(e.Source, s)
	}
	return true
}

func (p *planner) exists(e *ir.Exists, sc scope) ir.Expr {
	p.name(e.X)
	c, _ := sc.find(e.X.Name)
	switch {
	case c.fill != "" && c.nullable:
		return ir.NewLogic(e.Span, ir.And, e, &ir.Not{Span: e.Span, X: isText(e.Span, e.X, c.fill)})
	case c.fill != "":
		return &ir.Not{Span: e.Span, X: isText(e.Span, e.X, c.fill)}
	case !c.nullable:
		return ir.True(e.Span)
	}
	return e
}

func (p *planner) compare(e *ir.Compare, sc scope) ir.Expr {
	if t := truth(e); t != ir.Expr(e) {
		return p.positive(t, sc)
	}
	l, r := p.operand(e.L, sc), p.operand(e.R, sc)
	if lit, ok := r.(*ir.Lit); ok {
		if v, ok := lit.Value.(string); ok {
			if e.Op == ir.Eq || e.Op == ir.Ne {
				m := p.guard(p.match(&ir.Match{Span: e.Span, X: l, Any: []ir.Pattern{ir.TextPattern(lit.Span, v)}, Cased: e.Cased}, sc), sc)
				if e.Op == ir.Ne {
					return p.present(e.Span, l, sc, &ir.Not{Span: e.Span, X: m})
				}
				return m
			}
		}
	}
	p.secondsApart(e)
	if e.Op != ir.Eq && e.Op != ir.Ne {
		l, r = asNumber(l), asNumber(r)
	}
	cmp := &ir.Compare{Span: e.Span, Op: e.Op, L: l, R: r, Cased: e.Cased || textless(l, r) || e.Op != ir.Eq && e.Op != ir.Ne && ir.TypeOf(l) != ir.String && ir.TypeOf(r) != ir.String}
	if cmp.Cased && isFunc(l, ir.Lower) && isFunc(r, ir.Lower) {
		// lower(x) = lower(y) is how a comparison without case is written.
		cmp.L, cmp.R, cmp.Cased = l.(*ir.Call).Args[0], r.(*ir.Call).Args[0], false
	}
	return p.guardFill(cmp, sc, p.filled(cmp, sc)...)
}

// asNumber reads a value that may be a text as a number: texts have no order in
// a hunt, so it is asked for the order of the numbers that they spell, while
// Splunk would go by the alphabet.
func asNumber(e ir.Expr) ir.Expr {
	if _, ok := e.(*ir.Lit); ok || isNumeric(e) {
		return e
	}
	return &ir.Call{Span: e.At(), Func: ir.ToNumber, Args: []ir.Expr{e}}
}

// isNumeric reports a value that eval takes for a number where it is not null.
func isNumeric(e ir.Expr) bool {
	if t := ir.TypeOf(e); t.Numeric() || t == ir.Time || t == ir.Duration || t == ir.Bool {
		return true
	}
	c, ok := e.(*ir.Call)
	if !ok {
		return false
	}
	switch c.Func {
	case ir.Add, ir.Sub, ir.Mul, ir.Div, ir.Bin, ir.Abs:
		return true
	case ir.If:
		return !slices.ContainsFunc(c.Args[1:], func(a ir.Expr) bool { return !isNumeric(a) })
	case ir.Coalesce:
		return !slices.ContainsFunc(c.Args, func(a ir.Expr) bool { return !isNumeric(a) })
	}
	return false
}

// textless reports that case is no matter between the two sides.
func textless(l, r ir.Expr) bool {
	return isNumeric(l) || isNumeric(r)
}

// filled are the fields of e in which a text stands for a missing value and may
// pass the test. Of the data model's own texts, schema.Resolve has kept a test
// of the field itself clear, and clearOfFill those by size on events.
func (p *planner) filled(e ir.Expr, sc scope) []*ir.Field {
	var out []*ir.Field
	sides := []ir.Expr{e}
	if cmp, ok := e.(*ir.Compare); ok {
		sides = []ir.Expr{cmp.L, cmp.R}
	}
	var read []*ir.Field
	for _, x := range sides {
		if !hasCall(x, ir.Coalesce) { // of which operand has taken care
			read = union(read, ir.Fields(x))
		}
	}
	var made []*ir.Field // what functions read
	ir.WalkExpr(e, func(x ir.Expr) bool {
		c, ok := x.(*ir.Call)
		if ok && c.Func != ir.ToString && c.Func != ir.ToNumber {
			made = union(made, ir.Fields(c))
		}
		return true
	})
	bySize := false
	if cmp, ok := e.(*ir.Compare); ok {
		bySize = cmp.Op != ir.Eq && isNumber(cmp.R)
		_, constant := cmp.R.(*ir.Lit)
		_, left := cmp.L.(*ir.Field)
		_, right := cmp.R.(*ir.Field)
		if !constant && !(left && right) {
			made = ir.Fields(cmp)
		}
	}
	for _, f := range read {
		switch c, _ := sc.find(f.Name); {
		case c.fill != "":
			out = append(out, f)
		case c.own == "" || bySize && p.onEvents:
		case ir.HasField(made, f.Name) && !failsCased(e, c.own), bySize:
			out = append(out, f)
		}
	}
	return out
}

// failsCased reports whether a test of a field in other letters fails for a text.
func failsCased(e ir.Expr, s string) bool {
	var x ir.Expr
	switch e := e.(type) {
	case *ir.Match:
		x = e.X
	case *ir.Regexp:
		x = e.X
	}
	var funcs []ir.FuncID
	for isFunc(x, ir.Lower) || isFunc(x, ir.Upper) {
		c := x.(*ir.Call)
		funcs, x = append(funcs, c.Func), c.Args[0]
	}
	for _, f := range slices.Backward(funcs) {
		if s = strings.ToLower(s); f == ir.Upper {
			s = strings.ToUpper(s)
		}
	}
	_, plain := x.(*ir.Field)
	return plain && !passes(e, s)
}

func (p *planner) present(at diag.Span, x ir.Expr, sc scope, e ir.Expr) ir.Expr {
	var all []ir.Expr
	for _, f := range ir.Fields(x) {
		all = append(all, p.exists(&ir.Exists{Span: at, X: f}, sc))
	}
	return ir.NewLogic(at, ir.And, append(all, e)...)
}

// value rewrites an operand: lengths of time are numbers of seconds in Splunk.
func (p *planner) value(e ir.Expr, sc scope) ir.Expr {
	switch e := e.(type) {
	case *ir.Field:
		p.name(e)
		return e
	case *ir.Lit:
		if d, ok := e.Value.(time.Duration); ok {
			return seconds(e.Span, d)
		}
		if s, ok := e.Value.(string); ok && spl.Expressible(s) != nil {
			p.diags.Errorf(codeValue, e, "Compare it with a pattern or a regular expression instead.",
				"the value %q cannot be written in SPL", s)
		}
		return e
	case *ir.Call:
		c := *e
		c.Args = make([]ir.Expr, len(e.Args))
		for i, a := range e.Args {
			if f, ok := a.(*ir.Field); ok {
				if col, _ := sc.find(f.Name); col.many && !p.onEvents { // manyValues looks at those
					p.takesMany(f)
				}
			}
			switch ir.FuncOf(e.Func).Param(i) {
			case ir.Predicate:
				c.Args[i] = p.where(a, sc)
			case ir.TextConst, ir.TextConstOrEmpty, ir.RegexConst:
				c.Args[i] = a // call looks at what can be written of it
			default:
				c.Args[i] = p.value(a, sc)
			}
		}
		return p.call(&c)
	}
	p.diags.Errorf(codeUnsayable, e, "Choose between two values by it, with \"if\".", "a condition cannot be a value in Splunk")
	return e
}

// cleared is a planned value that is missing wherever the IR's is: a text that
// stands for a missing value passes for none.
func cleared(e ir.Expr, sc scope) ir.Expr {
	var there []ir.Expr
	var fields []*ir.Field
	var clear func(e ir.Expr) ir.Expr
	clear = func(e ir.Expr) ir.Expr {
		switch e := e.(type) {
		case *ir.Field:
			if not := notFill(e, sc); not != nil && !ir.HasField(fields, e.Name) {
				fields, there = append(fields, e), append(there, not)
			}
		case *ir.Call:
			c := *e
			c.Args = slices.Clone(e.Args)
			for i, a := range e.Args {
				switch {
				case e.Func == ir.Coalesce:
					c.Args[i] = cleared(a, sc)
				case e.Func == ir.Extract && i == 0 && extractsNothing(&c, sc):
				case e.Func != ir.If:
					c.Args[i] = clear(a)
				case i > 0:
					c.Args[i] = cleared(a, sc)
				}
			}
			return &c
		}
		return e
	}
	x := clear(e)
	if len(there) == 0 {
		return x
	}
	return &ir.Call{Span: e.At(), Func: ir.If, Args: []ir.Expr{ir.NewLogic(e.At(), ir.And, there...), x}}
}

// extractsNothing reports whether the text that stands for a missing value has
// no match, so that what is extracted from it is missing anyway.
func extractsNothing(c *ir.Call, sc scope) bool {
	f, ok := c.Args[0].(*ir.Field)
	if !ok {
		return false
	}
	info, _ := sc.find(f.Name)
	source, _ := c.Args[1].(*ir.Lit).Value.(string)
	for _, text := range []string{info.fill, info.own} {
		if text != "" && ir.RegexpMayMatch(source, text) {
			return false
		}
	}
	return true
}

// notFill says that the field does not hold the text that stands for a missing
// value; nil if none does.
func notFill(f *ir.Field, sc scope) ir.Expr {
	c, _ := sc.find(f.Name)
	text := c.fill
	if text == "" {
		text = c.own
	}
	if text == "" {
		return nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && f.T.Numeric() {
		return &ir.Not{Span: f.Span, X: &ir.Compare{Span: f.Span, Op: ir.Eq, L: f, R: &ir.Lit{Span: f.Span, Value: n}, Cased: true}}
	}
	return &ir.Not{Span: f.Span, X: isText(f.Span, f, text)}
}

// hasValue says when a planned value is not missing; ok is false where that is
// not known.
func hasValue(e ir.Expr, sc scope) (there ir.Expr, ok bool) {
	switch e := e.(type) {
	case *ir.Lit:
		return ir.True(e.Span), true
	case *ir.Field:
		there := ir.True(e.Span)
		if c, _ := sc.find(e.Name); c.nullable {
			there = &ir.Exists{Span: e.Span, X: e}
		}
		if not := notFill(e, sc); not != nil {
			there = ir.Simplify(ir.NewLogic(e.Span, ir.And, there, not))
		}
		return there, true
	case *ir.Call:
		var all []ir.Expr
		for i, a := range e.Args {
			if e.Func == ir.If && i == 0 {
				if len(e.Args) == 2 {
					all = append(all, a)
				}
				continue
			}
			x, ok := hasValue(a, sc)
			if !ok || e.Func == ir.If && len(e.Args) == 3 && !ir.IsTrue(x) {
				return nil, false
			}
			all = append(all, x)
		}
		return ir.Simplify(ir.NewLogic(e.Span, ir.And, all...)), !mayFail(e)
	}
	return nil, false
}

func seconds(at diag.Span, d time.Duration) *ir.Lit {
	if d%time.Second == 0 {
		return &ir.Lit{Span: at, Value: int64(d / time.Second)}
	}
	return &ir.Lit{Span: at, Value: d.Seconds()}
}

// name reports a field name that SPL cannot write.
func (p *planner) name(f *ir.Field) {
	if err := spl.ExpressibleName(f.Name); err != nil {
		p.diags.Errorf(codeFieldName, f, "Map the field to a column with another name in huntc.yaml.",
			"the field name %q cannot be written in SPL", f.Name)
	}
}
