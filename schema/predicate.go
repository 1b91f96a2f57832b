package schema

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// reason records an infidelity; effect is the one that the deviation has where
// it stands, neg says that it stands below an odd number of Nots.
func (r *resolver) reason(at diag.Node, code diag.Code, effect ir.Fidelity, neg bool, hint, format string, args ...any) {
	if neg {
		effect = effect.Negate()
	}
	r.reasons = append(r.reasons, ir.Reason{Span: at.At(), Code: code, Effect: effect, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// expr resolves any expression.
func (r *resolver) expr(sc scope, e ir.Expr) ir.Expr {
	switch e := e.(type) {
	case *ir.Field:
		if x := sc.value(e); x != nil {
			return x
		}
		return e
	case *ir.Lit, *ir.Foreign:
		return e
	case *ir.Call:
		if x := r.fileName(sc, e); x != nil {
			return x
		}
		r.noteConstants(sc, e)
		f := ir.FuncOf(e.Func)
		c := *e
		c.Args = make([]ir.Expr, len(e.Args))
		for i, a := range e.Args {
			switch p := f.Param(i); {
			case p == ir.Predicate:
				c.Args[i] = r.inner(sc, a)
			case e.Func == ir.Tuple:
				c.Args[i] = r.key(sc, a)
			default:
				c.Args[i] = r.argument(sc, a, strconv.Quote(string(e.Func)))
				if p == ir.TimeValue && ir.TypeOf(c.Args[i]) != ir.Time {
					r.diags.Errorf(codeNotTime, e, "Take the part of Timestamp, the time of the event: Timestamp|"+string(c.Func)+".",
						"%s is text on the target, not a time, so it has no %s", ir.FormatExpr(a), c.Func)
				}
			}
		}
		return &c
	}
	return r.inner(sc, e)
}

// inner resolves a predicate that is a part of a value: a condition, or what is
// counted. Where it holds too often or too seldom, the value is another one.
func (r *resolver) inner(sc scope, e ir.Expr) ir.Expr {
	outer, before := r.emptyOrMissing, len(r.reasons)
	r.emptyOrMissing = nil
	x := r.pred(sc, e, false)
	for i := before; i < len(r.reasons); i++ {
		if effect := &r.reasons[i].Effect; *effect == ir.Over || *effect == ir.Under {
			*effect = ir.Mixed
		}
	}
	r.emptyOrMissing = outer
	return x
}

// pred resolves a predicate. neg says that it stands below an odd number of
// Nots, which turns the effect of every deviation around.
func (r *resolver) pred(sc scope, e ir.Expr, neg bool) ir.Expr {
	switch e := e.(type) {
	case *ir.Logic:
		c := *e
		c.Args = make([]ir.Expr, len(e.Args))
		outer := r.emptyOrMissing
		r.emptyOrMissing = append(slices.Clip(outer), emptyOrMissing(e)...)
		if e.Op == ir.Or && !neg {
			c.Args = r.alternatives(sc, e.Args)
		} else {
			for i, a := range e.Args {
				c.Args[i] = r.pred(sc, a, neg)
			}
		}
		r.emptyOrMissing = outer
		return &c
	case *ir.Not:
		return &ir.Not{Span: e.Span, X: r.pred(sc, e.X, !neg)}
	case *ir.Match:
		if f, ok := e.X.(*ir.Field); ok {
			if b := sc.origin(f.Name); b != nil {
				return b.match(e, f, e.Any, neg)
			}
			if h := sc.holds(f); h != nil {
				return h.match(e.Span, r.expr(sc, f), e.Any, e.Cased, neg)
			}
		}
		return typedMatch(e.Span, r.expr(sc, e.X), e.Any, e.Cased)
	case *ir.Compare:
		return r.compare(sc, e, neg)
	case *ir.Regexp:
		return r.regexp(sc, e, neg)
	case *ir.Term:
		return r.term(sc, e, neg)
	case *ir.InCIDR:
		c := *e
		c.X = r.text(sc, e.X, neg)
		return &c
	case *ir.FieldMatch:
		c := *e
		c.X, c.Y = r.field(sc, e.X), r.field(sc, e.Y)
		return r.between(sc, &c, e.X, e.Y, true, e.Cased, neg, func(_, y bool) bool { return y })
	case *ir.Keyword:
		if r.view != Raw {
			r.diags.Errorf(codeKeyword, e, "Name the fields that hold the words, or name splunk alone in hunt.targets.",
				"%s cannot search a whole event for a keyword; it has columns only", r.target())
		}
		return e
	case *ir.Macro:
		return e // of the target's own language; the target knows it or refuses it
	case *ir.Exists:
		if b := sc.origin(e.X.Name); b != nil {
			return b.exists(e, neg)
		}
		return &ir.Exists{Span: e.Span, X: r.field(sc, e.X)}
	case *ir.Field, *ir.Lit, *ir.Call, *ir.Foreign:
		return r.expr(sc, e)
	}
	panic(fmt.Sprintf("schema: unhandled expression %T", e))
}

// alternatives resolves the arguments of an Or that stands below no Not. One
// that the view cannot say is left out, with a reason, as long as another is
// left: the rule still finds what it finds by the others.
func (r *resolver) alternatives(sc scope, args []ir.Expr) []ir.Expr {
	var out []ir.Expr
	var lost []func()
	var errors diag.List
	for _, a := range args {
		diags, reasons := len(r.diags), len(r.reasons)
		x := r.pred(sc, a, false)
		added := slices.Clone(r.diags[diags:])
		if !added.HasErrors() {
			out = append(out, x)
			continue
		}
		r.diags, r.reasons = r.diags[:diags], r.reasons[:reasons]
		errors = append(errors, added...)
		first := added[slices.IndexFunc(added, func(d diag.Diagnostic) bool { return d.Severity == diag.Error })]
		lost = append(lost, func() {
			r.reason(first, codeDropped, ir.Under, false, first.Hint, "an alternative is left out: %s", first.Message)
		})
	}
	if len(lost) == 0 {
		return out
	}
	if len(out) == 0 || !r.mayNarrow() {
		r.diags = append(r.diags, errors...)
		return args
	}
	for _, f := range lost {
		f()
	}
	return out
}

// mayNarrow reports whether an alternative without equivalent may be left out.
// In a data model it may not: the raw events behind it have what is missing.
func (r *resolver) mayNarrow() bool { return r.view != CIM }

// emptyOrMissing lists the fields of which an Or accepts both the empty and
// the missing value, or an And neither: there it does no harm that a target
// stores one for both.
func emptyOrMissing(e *ir.Logic) []string {
	var empty, missing []string
	for _, a := range e.Args {
		denied := e.Op == ir.And
		if n, ok := a.(*ir.Not); ok {
			a, denied = n.X, !denied
		}
		switch a := a.(type) {
		case *ir.Match:
			if f, ok := a.X.(*ir.Field); ok && !denied && slices.ContainsFunc(a.Any, func(p ir.Pattern) bool { return len(p.Parts) == 0 }) {
				empty = append(empty, f.Name)
			}
		case *ir.Exists:
			if denied {
				missing = append(missing, a.X.Name)
			}
		}
	}
	return slices.DeleteFunc(empty, func(f string) bool { return !slices.Contains(missing, f) })
}

// note notes a stored column that the query tests, which makes it worth showing.
func (b *base) note(f *ir.Field) *ir.Field {
	if !ir.HasField(b.tested, f.Name) {
		b.tested = append(b.tested, f)
	}
	return f
}

// text resolves the operand of a text predicate.
func (r *resolver) text(sc scope, x ir.Expr, neg bool) ir.Expr {
	f, ok := x.(*ir.Field)
	if !ok {
		return asText(r.expr(sc, x))
	}
	b := sc.origin(f.Name)
	if b == nil {
		return asText(r.expr(sc, f))
	}
	if col, ok := b.column(f); ok {
		if v := b.operand(f, col, neg); v != nil {
			return asText(v)
		}
	}
	return x
}

func asText(x ir.Expr) ir.Expr {
	if t := ir.TypeOf(x); t.Numeric() || t == ir.Bool || t == ir.Dynamic {
		return &ir.Call{Span: x.At(), Func: ir.ToString, Args: []ir.Expr{x}}
	}
	return x
}

// operand is a stored field as a whole; nil, with a diagnostic, if the view
// keeps parts of it only.
func (b *base) operand(f *ir.Field, c *Column, neg bool) ir.Expr {
	b.differs(f, c, neg)
	x := b.whole(f, c)
	for _, stored := range ir.Fields(x) {
		b.note(stored)
	}
	return x
}

func (b *base) differs(f *ir.Field, c *Column, neg bool) {
	if d := c.Differs; d != nil {
		b.r.reason(f, codeColumn, ir.Fidelity(d.Effect), neg, "", "%s is read from %s: %s", f.Name, c.Name, d.Why)
	}
}

// spelling gives a reason where the text of a field as a whole is not what the
// field says, so that a predicate which is not translated sees something else:
// a regular expression, an order, a comparison with another field.
func (b *base) spelling(at diag.Node, f *ir.Field, c *Column, cased, neg bool) {
	if code, why, hint := b.unlike(f.Name, c); why != "" {
		b.r.reason(at, code, ir.Mixed, neg, hint, "%s "+why+", and this comparison is not translated", b.where(), f.Name)
	}
	b.caseless(at, f, c, cased, neg)
}

// caseless gives a reason where the case of a value is compared that the view
// has lost.
func (b *base) caseless(at diag.Node, f *ir.Field, c *Column, cased, neg bool) {
	if cased && b.info(c.Name).Lower {
		b.r.reason(at, codeLowerCased, ir.Mixed, neg, "", "%s holds %s in lower case, so its case cannot be compared", c.Name, f.Name)
	}
}

// regexp resolves a search with a regular expression.
func (r *resolver) regexp(sc scope, e *ir.Regexp, neg bool) ir.Expr {
	c := *e
	f, isField := e.X.(*ir.Field)
	var b *base
	if isField {
		b = sc.origin(f.Name)
	}
	if b == nil {
		if isField {
			if h := sc.holds(f); h != nil {
				return h.regexp(e, r.expr(sc, f), neg)
			}
		}
		c.X = r.text(sc, e.X, neg)
		return &c
	}
	col, ok := b.column(f)
	if !ok {
		return e
	}
	if len(col.Values) > 0 && !col.Open {
		if values := b.valuesMatched(e, f, col); values != nil {
			return b.match(&ir.Match{Span: e.Span, X: f}, f, values, neg)
		}
		return e
	}
	if !b.takesConstants(f, col, nil) {
		return e
	}
	x := b.operand(f, col, neg)
	if x == nil {
		return e
	}
	b.spelling(e, f, col, !ignoresCase(e.Source), neg)
	b.noteEntities(e, neg)
	c.X = asText(x)
	fill, present := b.absent(f, col, x)
	if present == nil {
		return &c
	}
	if b.mayBeEmpty(f, col) && ir.RegexpMayMatch(e.Source, "") {
		r.reason(e, codeEmpty, ir.Under, neg, "", "%s does not tell an empty %s from a missing one", b.where(), f.Name)
	}
	if !ir.RegexpMayMatch(e.Source, fill) {
		return &c
	}
	return ir.NewLogic(e.Span, ir.And, present, &c)
}

// term resolves the search for whole terms.
func (r *resolver) term(sc scope, e *ir.Term, neg bool) ir.Expr {
	c := *e
	f, isField := e.X.(*ir.Field)
	var b *base
	if isField {
		b = sc.origin(f.Name)
	}
	if b == nil {
		c.X = r.text(sc, e.X, neg)
		return &c
	}
	col, ok := b.column(f)
	if !ok {
		return e
	}
	if !b.takesConstants(f, col, e.Any) {
		return e
	}
	x := b.operand(f, col, neg)
	if x == nil {
		return e
	}
	b.spelling(e, f, col, e.Cased, neg)
	c.X = asText(x)
	fill, present := b.absent(f, col, x)
	if present == nil || !slices.ContainsFunc(e.Any, func(p ir.Pattern) bool { return matches(p, fill) }) {
		return &c
	}
	return ir.NewLogic(e.Span, ir.And, present, &c)
}

// noteEntities gives a reason where a regular expression looks for characters
// that the events may hold as entities.
func (b *base) noteEntities(e *ir.Regexp, neg bool) {
	if b.r.view != XDR && b.ds.fromXML() && strings.ContainsAny(withoutGroups(e.Source), "&<>") {
		b.r.reason(e, codeEntities, ir.Mixed, neg, "Compare with |contains, |startswith or |endswith: both spellings are sought then.",
			"in events that Splunk reads from XML, & < and > may be written as entities (&amp; &lt; &gt;), which a regular expression does not match")
	}
}

// takesConstants refuses to compare the name of a device with a constant that is
// the identifier of another target. Whether there is a value may be asked.
func (b *base) takesConstants(f *ir.Field, c *Column, patterns []ir.Pattern) bool {
	presence := func(p ir.Pattern) bool { return isAny(p) || len(p.Parts) == 0 }
	if c.Kind != "device" || len(patterns) > 0 && !slices.ContainsFunc(patterns, func(p ir.Pattern) bool { return !presence(p) }) {
		return true
	}
	b.r.diags.Errorf(codeNoValue, f, "Compare Computer, the name of the device.", "%s knows devices by their names, which no value of %s is", b.where(), f.Name)
	return false
}

// ignoresCase reports whether a regular expression begins with the flag i.
func ignoresCase(source string) bool {
	flags, ok := strings.CutPrefix(source, "(?")
	end := strings.IndexByte(flags, ')')
	return ok && end >= 0 && strings.Contains(flags[:end], "i") && !strings.ContainsAny(flags[:end], "-:<=!P")
}

// valuesMatched are those of the known values of a column that the regular
// expression matches; nil, with a diagnostic, if there are none.
func (b *base) valuesMatched(e *ir.Regexp, f *ir.Field, c *Column) []ir.Pattern {
	re, err := regexp.Compile(e.Source)
	if err != nil {
		b.r.diags.Errorf(codeNoValue, e, "Compare with the values themselves instead of a regular expression.",
			"%s writes the values of %s in words of its own, which this regular expression cannot be held to", b.where(), f.Name)
		return nil
	}
	var values []ir.Pattern
	for _, v := range sortedKeys(c.Values) {
		if re.MatchString(v) {
			values = append(values, ir.TextPattern(e.Span, v))
		}
	}
	if len(values) == 0 {
		b.r.diags.Errorf(codeNoValue, e, "The values it knows are "+strings.Join(sortedKeys(c.Values), ", ")+".",
			"%s: no event of %s has a value that %s matches there", f.Name, b.m.Table, strconv.Quote(e.Source))
	}
	return values
}

// absent is the text that x, a field as a whole, has where the field is missing,
// and the test that it is not; nil if x is null then.
func (b *base) absent(f *ir.Field, c *Column, x ir.Expr) (string, ir.Expr) {
	if c.Kind == "account" && c.Domain != "" {
		name := b.stored(f.Span, c.Name)
		if fill, ok := b.fill(name); ok {
			domain, _ := b.fill(b.stored(f.Span, c.Domain))
			return domain + `\` + fill, b.present(f.Span, name)
		}
		return "", nil
	}
	if g, ok := x.(*ir.Field); ok {
		if fill, ok := b.fill(g); ok {
			return fill, b.present(f.Span, g)
		}
	}
	return "", nil
}

// mayBeEmpty reports whether a device can write an empty text for the field.
func (b *base) mayBeEmpty(f *ir.Field, c *Column) bool {
	switch c.Kind {
	case "path", "account", "registry", "hashes":
		return false
	}
	t := ir.Type(b.ds.Fields[f.Name].Type)
	return !t.Numeric() && t != ir.Bool && t != ir.Time
}

// fill is the text that the column holds where the event has no value; false
// where it is null then.
func (b *base) fill(f *ir.Field) (string, bool) {
	switch b.r.view {
	case XDR:
		return "", f.T == ir.String
	case CIM:
		fill := b.info(f.Name).Fill
		return fill, fill != "" && fill != FillOther
	}
	return "", false
}

// present is the test that the column has a value.
func (b *base) present(at diag.Span, f *ir.Field) ir.Expr {
	if fill, ok := b.fill(f); ok {
		if f.T.Numeric() {
			return &ir.Not{Span: at, X: &ir.Compare{Span: at, Op: ir.Eq, L: f, R: number(at, fill)}}
		}
		return &ir.Not{Span: at, X: &ir.Match{Span: at, X: f, Any: []ir.Pattern{ir.TextPattern(at, fill)}}}
	}
	if f.T == ir.Dynamic || f.T == ir.Unknown || f.T == ir.String || f.T.Numeric() || f.T == ir.Bool || f.T == ir.Time {
		return &ir.Exists{Span: at, X: f}
	}
	return ir.True(at)
}

// between guards a comparison of two fields with the test that both have a value,
// where the view has a text in the place of a missing one. parts says that parts
// of the values are compared, as they are stored. lost says of which combinations
// of what may be empty the comparison can be true.
func (r *resolver) between(sc scope, pred ir.Expr, x, y *ir.Field, parts, cased, neg bool, lost func(x, y bool) bool) ir.Expr {
	args := []ir.Expr{pred}
	empty := [2]bool{true, true}
	for i, f := range []*ir.Field{x, y} {
		b := sc.origin(f.Name)
		if b == nil {
			if h := sc.holds(f); h != nil && parts {
				h.b.spelling(pred, f, h.c, cased, neg)
			}
			continue
		}
		col := b.lookup(f.Name)
		if col == nil {
			continue // which has been reported
		}
		b.differs(f, col, neg)
		if parts {
			b.spelling(pred, f, col, cased, neg)
		} else {
			b.caseless(pred, f, col, cased, neg)
		}
		for _, c := range b.show(f.Name) {
			b.note(c)
		}
		empty[i] = b.mayBeEmpty(f, col)
		if _, present := b.absent(f, col, b.whole(f, col)); present != nil {
			args = append(args, present)
		}
	}
	if len(args) > 1 && lost(empty[0], empty[1]) {
		r.reason(pred, codeEmpty, ir.Under, neg, "", "%s does not tell an empty value from a missing one, so empty ones are not compared", r.target())
	}
	return ir.NewLogic(pred.At(), ir.And, append(args[1:], pred)...)
}

// exists resolves the test for presence.
func (b *base) exists(e *ir.Exists, neg bool) ir.Expr {
	if e.X.Name == ir.Timestamp {
		return ir.True(e.Span)
	}
	c, ok := b.column(e.X)
	if !ok {
		return e
	}
	var cols []*ir.Field
	switch c.Kind {
	case "path":
		// The path, where there is one: data models derive the file name from
		// the command line where the path is missing.
		cols = []*ir.Field{b.stored(e.Span, cmp.Or(c.Name, c.File))}
	case "account":
		cols = []*ir.Field{b.stored(e.Span, c.Name)}
	case "registry":
		cols = []*ir.Field{b.stored(e.Span, cmp.Or(c.Name, c.Key))}
	case "hashes":
		if c.Name != "" {
			cols = []*ir.Field{b.stored(e.Span, c.Name)}
			break
		}
		for _, alg := range sortedKeys(c.Algorithms) {
			cols = append(cols, b.stored(e.Span, c.Algorithms[alg]))
		}
	case "computed":
		f, _ := b.whole(e.X, c).(*ir.Field)
		cols = []*ir.Field{f}
	default:
		cols = []*ir.Field{b.stored(e.Span, c.Name)}
	}
	var any []ir.Expr
	for _, f := range cols {
		b.note(f)
		if _, filled := b.fill(f); filled && !slices.Contains(b.r.emptyOrMissing, e.X.Name) {
			b.r.reason(e, codeEmpty, ir.Under, neg, "", "%s does not tell an empty %s from a missing one", b.where(), e.X.Name)
		}
		if b.r.view == CIM && b.info(f.Name).Fill == FillOther {
			b.r.reason(e, codeEmpty, ir.Over, neg, "", "%s puts another value in the place of a missing %s, so that it always exists", b.where(), e.X.Name)
			return ir.True(e.Span)
		}
		any = append(any, b.present(e.Span, f))
	}
	return ir.NewLogic(e.Span, ir.Or, any...)
}

// compare resolves a comparison.
func (r *resolver) compare(sc scope, e *ir.Compare, neg bool) ir.Expr {
	l, r2 := e.L, e.R
	op := e.Op
	if _, ok := l.(*ir.Lit); ok {
		l, r2, op = r2, l, flip[op]
	}
	f, isField := l.(*ir.Field)
	lit, isLit := r2.(*ir.Lit)
	if !isField || !isLit {
		c := *e
		c.L, c.R = r.inOwnWords(sc, e.L, "this comparison"), r.inOwnWords(sc, e.R, "this comparison")
		x, xok := e.L.(*ir.Field)
		y, yok := e.R.(*ir.Field)
		if xok && yok {
			return r.between(sc, &c, x, y, false, e.Cased, neg, func(x, y bool) bool {
				return e.Op == ir.Eq && x && y || e.Op == ir.Ne && (x || y)
			})
		}
		return &c
	}
	b := sc.origin(f.Name)
	if b == nil || f.Name == ir.Timestamp {
		c := *e
		c.L, c.Op, c.R = r.expr(sc, f), op, lit
		h := sc.holds(f)
		if h == nil || h.plain() {
			return textEquality(&c)
		}
		any := []ir.Pattern{ir.TextPattern(lit.Span, literalText(lit))}
		switch op {
		case ir.Eq:
			return h.match(e.Span, c.L, any, e.Cased, neg)
		case ir.Ne:
			equal := h.match(e.Span, c.L, any, e.Cased, !neg)
			if g, ok := c.L.(*ir.Field); ok {
				return ir.NewLogic(e.Span, ir.And, &ir.Exists{Span: e.Span, X: g}, &ir.Not{Span: e.Span, X: equal})
			}
			return &ir.Not{Span: e.Span, X: equal}
		}
		c.L = r.inOwnWords(sc, f, "this comparison")
		return &c
	}
	switch op {
	case ir.Eq:
		return b.equal(e, f, lit, neg)
	case ir.Ne:
		return ir.NewLogic(e.Span, ir.And,
			b.exists(&ir.Exists{Span: e.Span, X: f}, neg),
			&ir.Not{Span: e.Span, X: b.equal(e, f, lit, !neg)})
	}
	col, ok := b.column(f)
	if !ok {
		return e
	}
	x := b.operand(f, col, neg)
	if x == nil {
		return e
	}
	if h := sc.holds(f); h.translatable() {
		x = h.ownWords(f.Span, x)
	} else {
		b.spelling(e, f, col, false, neg)
	}
	c := *e
	c.Op, c.L, c.R = op, x, lit
	if t := ir.TypeOf(x); t == ir.String || t == ir.Unknown && r.view != Raw {
		c.L = &ir.Call{Span: f.Span, Func: ir.ToNumber, Args: []ir.Expr{x}}
	}
	return &c
}

// textEquality turns an equality between a column of text and a string into a
// Match.
func textEquality(c *ir.Compare) ir.Expr {
	lit, ok := c.R.(*ir.Lit)
	if !ok {
		return c
	}
	s, ok := lit.Value.(string)
	if !ok || c.Op != ir.Eq && c.Op != ir.Ne {
		return c
	}
	m := &ir.Match{Span: c.Span, X: c.L, Any: []ir.Pattern{ir.TextPattern(lit.Span, s)}, Cased: c.Cased}
	if c.Op == ir.Eq {
		return m
	}
	differs := &ir.Not{Span: c.Span, X: m}
	if f, ok := c.L.(*ir.Field); ok {
		return ir.NewLogic(c.Span, ir.And, &ir.Exists{Span: c.Span, X: f}, differs)
	}
	return differs
}

var flip = map[ir.CmpOp]ir.CmpOp{ir.Eq: ir.Eq, ir.Ne: ir.Ne, ir.Lt: ir.Gt, ir.Le: ir.Ge, ir.Gt: ir.Lt, ir.Ge: ir.Le}

// equal resolves field = constant.
func (b *base) equal(e *ir.Compare, f *ir.Field, lit *ir.Lit, neg bool) ir.Expr {
	return b.match(&ir.Match{Span: e.Span, X: f, Cased: e.Cased}, f, []ir.Pattern{ir.TextPattern(lit.Span, literalText(lit))}, neg)
}

func literalText(l *ir.Lit) string {
	switch v := l.Value.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return fmt.Sprint(l.Value)
}

// match resolves "field matches one of the patterns" for a stored field.
func (b *base) match(e *ir.Match, f *ir.Field, patterns []ir.Pattern, neg bool) ir.Expr {
	if f.Name == ir.Timestamp {
		return typedMatch(e.Span, b.value(f), patterns, e.Cased)
	}
	c, ok := b.column(f)
	if !ok {
		return e
	}
	if !b.takesConstants(f, c, patterns) {
		return e
	}
	b.differs(f, c, neg)

	// A lone * asks for presence, whatever the column looks like.
	rest := patterns
	var any []ir.Expr
	if slices.ContainsFunc(patterns, isAny) {
		rest = slices.DeleteFunc(slices.Clone(patterns), isAny)
		any = append(any, b.exists(&ir.Exists{Span: e.Span, X: f}, neg))
	}
	if len(rest) > 0 {
		leaf := &leaf{base: b, f: f, c: c, at: e.Span, cased: e.Cased, neg: neg}
		var x ir.Expr
		switch c.Kind {
		case "path":
			x = leaf.path(rest)
		case "account":
			x = leaf.account(rest)
		case "registry":
			x = leaf.registry(rest)
		case "regdata":
			x = leaf.registryData(rest)
		case "hashes":
			x = leaf.hashes(rest)
		case "computed":
			g, _ := b.whole(f, c).(*ir.Field)
			x = leaf.within(leaf.plain(g, rest), rest)
		default:
			x = leaf.plain(b.stored(f.Span, c.Name), rest)
		}
		leaf.reportDropped(len(rest))
		if x != nil {
			any = append(any, x)
		}
	}
	return ir.NewLogic(e.Span, ir.Or, any...)
}

// leaf is one match on one stored field while it is being resolved.
type leaf struct {
	*base
	f       *ir.Field
	c       *Column
	at      diag.Span
	cased   bool
	neg     bool
	dropped []droppedValue
}

type droppedValue struct {
	p    ir.Pattern
	why  string
	hint string
	code diag.Code
}

func (l *leaf) drop(p ir.Pattern, code diag.Code, why, hint string) {
	l.dropped = append(l.dropped, droppedValue{p, why, hint, code})
}

// reportDropped says what has become of values that have no equivalent: an
// error if none of the list's values has one or nothing may be left out, else a
// narrower list.
func (l *leaf) reportDropped(of int) {
	all := len(l.dropped) >= of || !l.r.mayNarrow()
	for _, d := range l.dropped {
		at := d.p.Span
		if !at.Pos.IsValid() {
			at = l.at
		}
		if all {
			l.r.diags.Errorf(d.code, at, d.hint, "%s: %s", l.f.Name, d.why)
		} else {
			l.r.reason(at, codeDropped, ir.Under, l.neg, d.hint, "%s leaves %q out: %s", l.f.Name, d.p.String(), d.why)
		}
	}
}

// plain matches a single stored column.
func (l *leaf) plain(f *ir.Field, patterns []ir.Pattern) ir.Expr {
	l.note(f)
	mapped := l.respell(l.values(patterns))
	if len(mapped) == 0 {
		return nil
	}
	cased := l.cased
	if cased && l.info(f.Name).Lower {
		l.r.reason(l.at, codeLowerCased, ir.Over, l.neg, "", "%s holds %s in lower case, so its case cannot be compared", f.Name, l.f.Name)
		cased = false
	}
	if f.T.Numeric() || f.T == ir.Bool {
		return l.number(f, mapped)
	}
	if l.r.view != XDR && l.ds.fromXML() {
		mapped = withEntities(mapped)
	}
	if l.r.view == Raw {
		return l.raw(f, mapped, cased)
	}
	if l.mayMap(l.f.Name) {
		mapped = l.withMappedForm(mapped)
	}
	fill, filled := l.fill(f)
	guard, asked := false, false
	for i, p := range mapped {
		s, literal := p.Literal()
		switch {
		case !filled:
		case literal && s == "":
			if !slices.Contains(l.r.emptyOrMissing, l.f.Name) {
				l.r.reason(p, codeEmpty, ir.Over, l.neg, "", "%s does not tell an empty %s from a missing one", l.where(), l.f.Name)
			}
			mapped = slices.Clone(mapped)
			mapped[i] = ir.TextPattern(p.Span, fill)
			asked = true
		case literal && strings.EqualFold(s, fill):
			l.r.reason(p, codeEmpty, ir.Over, l.neg, "", "%s writes %q where %s is missing, so that those events match too", l.where(), fill, l.f.Name)
			asked = true
		default:
			guard = guard || matches(p, fill)
		}
	}
	m := &ir.Match{Span: l.at, X: f, Any: dedupe(mapped, cased), Cased: cased}
	if guard && !asked {
		return ir.NewLogic(l.at, ir.And, m, l.present(l.at, f))
	}
	// Where the text for a missing value is asked for, no guard is needed.
	return m
}

// withMappedForm adds to each pattern that an IPv4 address can match its form
// for addresses in IPv6 form, which Defender writes for sockets that speak both.
func (l *leaf) withMappedForm(patterns []ir.Pattern) []ir.Pattern {
	out := slices.Clone(patterns)
	for _, p := range patterns {
		ends := consume(nil, p.Parts, place{}, mappedForm, sameLetter)
		if !slices.Contains(ends, place{}) && mayBeIPv4(p) {
			out = append(out, appendFrom(ir.TextPattern(p.Span, mappedForm), p, place{}))
		}
		if slices.ContainsFunc(ends, func(to place) bool { return to != place{} && mayBeIPv4(appendFrom(ir.Pattern{}, p, to)) }) {
			l.r.reason(p, codeColumn, ir.Over, l.neg, "",
				"%s may write the IPv4 addresses of %s in IPv6 form, which %q matches as well", l.where(), l.f.Name, p.String())
		}
	}
	return out
}

// mayBeIPv4 reports whether the pattern can match an IPv4 address.
func mayBeIPv4(p ir.Pattern) bool {
	if s, ok := p.Literal(); ok {
		a, err := netip.ParseAddr(s)
		return err == nil && a.Is4()
	}
	return onlyOf(p, "0123456789.")
}

// onlyOf reports whether all texts of a pattern are made of some characters.
func onlyOf(p ir.Pattern, characters string) bool {
	for _, part := range p.Parts {
		if strings.Trim(part.Text, characters) != "" {
			return false
		}
	}
	return true
}

// raw matches a field of raw events. An empty element of an XML event makes no
// field at all.
func (l *leaf) raw(f *ir.Field, patterns []ir.Pattern, cased bool) ir.Expr {
	m := &ir.Match{Span: l.at, X: f, Any: dedupe(patterns, cased), Cased: cased}
	i := slices.IndexFunc(m.Any, func(p ir.Pattern) bool { return len(p.Parts) == 0 })
	if i < 0 || !l.ds.fromXML() || slices.Contains(l.r.emptyOrMissing, l.f.Name) {
		return m
	}
	l.r.reason(m.Any[i], codeEmpty, ir.Over, l.neg, "", "an empty element of an XML event makes no field, so an empty %s cannot be told from a missing one", l.f.Name)
	return ir.NewLogic(l.at, ir.Or, m, &ir.Not{Span: l.at, X: &ir.Exists{Span: l.at, X: f}})
}

// fromXML reports whether the dataset's events reach Splunk as XML, from which
// Splunk's add-ons take values as they are written there.
func (d *Dataset) fromXML() bool {
	return d.Raw != nil && strings.Contains(d.Raw.Definition, "XmlWinEventLog")
}

// entities are written in XML for characters that cannot stand in it. Whether
// an index decodes them depends on how it reads the events, so both are sought.
var entities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func withEntities(patterns []ir.Pattern) []ir.Pattern {
	out := patterns
	for _, p := range patterns {
		if slices.ContainsFunc(p.Parts, func(part ir.Part) bool { return strings.ContainsAny(part.Text, "&<>") }) {
			out = append(slices.Clip(out), mapTexts(p, func(_ int, s string) string { return entities.Replace(s) }))
		}
	}
	return out
}

// typedMatch matches a column that the query itself made.
func typedMatch(at diag.Span, x ir.Expr, patterns []ir.Pattern, cased bool) ir.Expr {
	if t := ir.TypeOf(x); t.Numeric() || t == ir.Bool || t == ir.Dynamic {
		x = &ir.Call{Span: x.At(), Func: ir.ToString, Args: []ir.Expr{x}}
	}
	return &ir.Match{Span: at, X: x, Any: patterns, Cased: cased}
}

// dedupe drops patterns that match the same as an earlier one.
func dedupe(in []ir.Pattern, cased bool) []ir.Pattern {
	const few = 24
	same := sameFold
	if cased {
		same = ir.Pattern.Equal
	}
	var firsts map[uint64]int // by hash; of lists that are too long to compare all
	if len(in) > few {
		firsts = make(map[uint64]int, len(in))
	}
	var out []ir.Pattern
	for i, p := range in {
		among := in[:i]
		if firsts != nil {
			h := hash(p)
			if j, ok := firsts[h]; ok {
				among = in[j : j+1]
			} else {
				firsts[h], among = i, nil
			}
		}
		again := slices.ContainsFunc(among, func(q ir.Pattern) bool { return same(p, q) })
		switch {
		case again && out == nil:
			out = slices.Clone(in[:i])
		case !again && out != nil:
			out = append(out, p)
		}
	}
	if out == nil {
		return in
	}
	return out
}

// hash is FNV-1a of the ASCII in a pattern, without case.
func hash(p ir.Pattern) uint64 {
	h := uint64(14695981039346656037)
	for _, part := range p.Parts {
		h = (h ^ uint64(part.Wild)) * 1099511628211
		for i := 0; i < len(part.Text); i++ {
			c := part.Text[i]
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			if c < utf8.RuneSelf {
				h = (h ^ uint64(c)) * 1099511628211
			}
		}
	}
	return h
}

func sameFold(p, q ir.Pattern) bool {
	return slices.EqualFunc(p.Parts, q.Parts, func(a, b ir.Part) bool {
		return a.Wild == b.Wild && len(a.Text) == len(b.Text) && strings.EqualFold(a.Text, b.Text)
	})
}

// number compares a number or truth value by type: a text with a wildcard
// matches the number as written, any other text has to spell a value.
func (l *leaf) number(f *ir.Field, patterns []ir.Pattern) ir.Expr {
	var any []ir.Expr
	var globs []ir.Pattern
	fill, filled := l.fill(f)
	for _, p := range patterns {
		s, ok := p.Literal()
		if !ok {
			globs = append(globs, p)
			continue
		}
		if s == "" {
			// A number is never empty; a missing one is what the rule can mean.
			l.r.reason(p, codeEmpty, ir.Over, l.neg, "", "%s is a number, so an empty %s is a missing one", f.Name, l.f.Name)
			any = append(any, &ir.Not{Span: p.Span, X: l.present(p.Span, f)})
			continue
		}
		var lit *ir.Lit
		if f.T == ir.Bool {
			if v, err := strconv.ParseBool(s); err == nil {
				lit = &ir.Lit{Span: p.Span, Value: v}
			}
		} else {
			lit = number(p.Span, s)
		}
		if lit == nil {
			l.drop(p, codeNotNumber, fmt.Sprintf("%s is a %s, which %q does not spell", f.Name, typeWord(f.T), s),
				"Write the value as the target stores it, or map it in huntc.yaml.")
			continue
		}
		if written := literalText(lit); written != s && !strings.HasPrefix(strings.ToLower(s), "0x") {
			l.r.reason(p, codeNotNumber, ir.Over, l.neg, "", "%s is a number, so %q is compared as %s", f.Name, s, written)
		}
		if filled && lit.Value == number(p.Span, fill).Value {
			l.r.reason(p, codeEmpty, ir.Over, l.neg, "", "%s writes %s where %s is missing, so that those events match too", l.where(), fill, l.f.Name)
		}
		any = append(any, &ir.Compare{Span: p.Span, Op: ir.Eq, L: f, R: lit})
	}
	if len(globs) > 0 {
		x := typedMatch(l.at, f, globs, l.cased)
		if filled && slices.ContainsFunc(globs, func(p ir.Pattern) bool { return matches(p, fill) }) {
			x = ir.NewLogic(l.at, ir.And, x, l.present(l.at, f))
		}
		any = append(any, x)
	}
	if len(any) == 0 {
		return nil
	}
	return ir.NewLogic(l.at, ir.Or, any...)
}

func typeWord(t ir.Type) string {
	if t == ir.Bool {
		return "truth value"
	}
	return "number"
}

// number reads a decimal or 0x hexadecimal number; nil if s is none.
func number(at diag.Span, s string) *ir.Lit {
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		return &ir.Lit{Span: at, Value: v}
	}
	if rest, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		if v, err := strconv.ParseInt(rest, 16, 64); err == nil {
			return &ir.Lit{Span: at, Value: v}
		}
	}
	if v, err := strconv.ParseFloat(s, 64); err == nil && !strings.ContainsAny(s, "xXnNpP_") {
		return &ir.Lit{Span: at, Value: v}
	}
	return nil
}

// values translates the values that the column writes in words of its own.
func (l *leaf) values(patterns []ir.Pattern) []ir.Pattern {
	if len(l.c.Values) == 0 {
		return patterns
	}
	if l.c.Open && l.cased {
		l.r.reason(l.at, codeColumn, ir.Mixed, l.neg, "Compare without |cased.",
			"%s writes values of %s in words of its own, of which the case is not known", l.where(), l.f.Name)
	}
	var out []ir.Pattern
	for _, p := range patterns {
		n := len(out)
		for _, logical := range sortedKeys(l.c.Values) {
			if matchesAs(p, logical, l.cased) {
				for _, v := range l.c.Values[logical] {
					out = append(out, ir.TextPattern(p.Span, v))
				}
			}
		}
		_, literal := p.Literal()
		switch {
		case l.c.Open && !literal:
			if word := l.anotherWord(p, out[n:]); word != "" {
				l.r.reason(p, codeColumn, ir.Over, l.neg, "", "%s writes %q for other values of %s, which %q matches", l.where(), word, l.f.Name, p.String())
			}
			out = append(out, p)
		case l.c.Open && len(out) == n:
			out = append(out, p)
		case len(out) == n:
			l.drop(p, codeNoValue, fmt.Sprintf("no event of %s has the value %q there", l.m.Table, p.String()),
				"The values it knows are "+strings.Join(sortedKeys(l.c.Values), ", ")+".")
		}
	}
	return out
}

// anotherWord is a word of the column that the pattern matches although it
// matches none of the values for which the column has the word; "" if there is
// none.
func (l *leaf) anotherWord(p ir.Pattern, own []ir.Pattern) string {
	for _, logical := range sortedKeys(l.c.Values) {
		for _, word := range l.c.Values[logical] {
			if matches(p, word) && !slices.ContainsFunc(own, func(o ir.Pattern) bool { return matches(o, word) }) {
				return word
			}
		}
	}
	return ""
}
