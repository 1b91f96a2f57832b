package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

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
	case *ir.Lit:
		return e
	case *ir.Call:
		c := *e
		c.Args = make([]ir.Expr, len(e.Args))
		for i, a := range e.Args {
			c.Args[i] = r.expr(sc, a)
		}
		return &c
	}
	return r.pred(sc, e, false)
}

// pred resolves a predicate. neg says that it stands below an odd number of
// Nots, which turns the effect of every deviation around.
func (r *resolver) pred(sc scope, e ir.Expr, neg bool) ir.Expr {
	switch e := e.(type) {
	case *ir.Logic:
		c := *e
		c.Args = make([]ir.Expr, len(e.Args))
		outer := r.emptyOrMissing
		both := emptyOrMissing(e)
		r.emptyOrMissing = append(slices.Clone(outer), both...)
		if e.Op == ir.Or && !neg {
			c.Args = r.alternatives(sc, e.Args)
		} else {
			for i, a := range e.Args {
				c.Args[i] = r.pred(sc, a, neg)
			}
		}
		r.emptyOrMissing = outer
		if len(both) > 0 {
			c.Args = distinct(c.Args)
		}
		return &c
	case *ir.Not:
		return &ir.Not{Span: e.Span, X: r.pred(sc, e.X, !neg)}
	case *ir.Match:
		if f, ok := e.X.(*ir.Field); ok {
			if b := sc.origin(f.Name); b != nil {
				return b.match(e, f, e.Any, neg)
			}
		}
		return typedMatch(e.Span, r.expr(sc, e.X), e.Any, e.Cased)
	case *ir.Compare:
		return r.compare(sc, e, neg)
	case *ir.Regexp:
		c := *e
		c.X = r.text(sc, e.X, neg, func(b *base, col *Column, f *ir.Field) { b.checkRegexp(e, col, f, neg) })
		return r.guard(sc, e.X, c.X, &c, func(s string) bool { return ir.RegexpMayMatch(e.Source, s) })
	case *ir.InCIDR:
		c := *e
		c.X = r.text(sc, e.X, neg, nil)
		return &c
	case *ir.FieldMatch:
		c := *e
		c.X, c.Y = r.field(sc, e.X), r.field(sc, e.Y)
		r.test(sc, e.X, e.Y)
		return r.bothPresent(sc, e.X, e.Y, &c)
	case *ir.Keyword:
		if r.view != Raw {
			r.diags.Errorf(codeKeyword, e, "Name the fields that hold the words, or name splunk alone in hunt.targets.",
				"%s cannot search a whole event for a keyword; it has columns only", r.target())
		}
		return e
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
		if e.Op == ir.And {
			a = negated(a)
		}
		switch a := a.(type) {
		case *ir.Match:
			if f, ok := a.X.(*ir.Field); ok && slices.ContainsFunc(a.Any, func(p ir.Pattern) bool { return len(p.Parts) == 0 }) {
				empty = append(empty, f.Name)
			}
		case *ir.Not:
			if x, ok := a.X.(*ir.Exists); ok {
				missing = append(missing, x.X.Name)
			}
		}
	}
	return slices.DeleteFunc(empty, func(f string) bool { return !slices.Contains(missing, f) })
}

// negated is what e denies, or the denial of e.
func negated(e ir.Expr) ir.Expr {
	if n, ok := e.(*ir.Not); ok {
		return n.X
	}
	return &ir.Not{Span: e.At(), X: e}
}

// distinct drops arguments that say the same as an earlier one. It is for the
// few that arise where two questions have one answer on the target.
func distinct(args []ir.Expr) []ir.Expr {
	var out []ir.Expr
	for _, a := range args {
		text := ir.FormatExpr(a)
		if !slices.ContainsFunc(out, func(b ir.Expr) bool { return ir.FormatExpr(b) == text }) {
			out = append(out, a)
		}
	}
	return out
}

// test notes stored columns that the query tests, which makes them worth
// showing.
func (r *resolver) test(sc scope, fields ...*ir.Field) {
	for _, f := range fields {
		if b := sc.origin(f.Name); b != nil {
			for _, c := range b.show(f.Name) {
				b.note(c)
			}
		}
	}
}

func (b *base) note(f *ir.Field) *ir.Field {
	if !ir.HasField(b.tested, f.Name) {
		b.tested = append(b.tested, f)
	}
	return f
}

// text resolves the operand of a text predicate; check sees the column of a
// field that the Scan stores.
func (r *resolver) text(sc scope, x ir.Expr, neg bool, check func(*base, *Column, *ir.Field)) ir.Expr {
	if f, ok := x.(*ir.Field); ok {
		if b := sc.origin(f.Name); b != nil {
			col, ok := b.column(f)
			if !ok {
				return x
			}
			b.differs(f, col, neg)
			if check != nil {
				check(b, col, f)
			}
			v := b.whole(f, col)
			if v == nil {
				return x
			}
			for _, stored := range ir.Fields(v) {
				b.note(stored)
			}
			x = v
		} else {
			x = r.expr(sc, f)
		}
	} else {
		x = r.expr(sc, x)
	}
	if t := ir.TypeOf(x); t.Numeric() || t == ir.Bool || t == ir.Dynamic {
		return &ir.Call{Span: x.At(), Func: ir.ToString, Args: []ir.Expr{x}}
	}
	return x
}

func (b *base) differs(f *ir.Field, c *Column, neg bool) {
	if d := c.Differs; d != nil {
		b.r.reason(f, codeColumn, ir.Fidelity(d.Effect), neg, "", "%s is read from %s: %s", f.Name, c.Name, d.Why)
	}
}

func (b *base) checkRegexp(e *ir.Regexp, c *Column, f *ir.Field, neg bool) {
	switch {
	case len(c.Values) > 0 && !c.Open:
		b.r.diags.Errorf(codeNoValue, e, "Compare with the values themselves instead of a regular expression.",
			"%s writes the values of %s in words of its own, which a regular expression cannot follow", b.where(), f.Name)
	case c.Kind == "regdata":
		b.r.reason(e, codeNotation, ir.Mixed, neg, "Compare with whole values, such as DWORD (0x00000001): they are translated.",
			"%s writes numbers differently from %s, and a regular expression is not translated", c.Name, f.Name)
	}
	if b.r.view != XDR && b.ds.fromXML() && strings.ContainsAny(strings.NewReplacer("(?<", "", "(?P<", "").Replace(e.Source), "&<>") {
		b.r.reason(e, codeEntities, ir.Mixed, neg, "Compare with |contains, |startswith or |endswith: both spellings are sought then.",
			"in events that Splunk reads from XML, & < and > may be written as entities (&amp; &lt; &gt;), which a regular expression does not match")
	}
	for _, key := range slices.Concat(sortedKeys(c.Prefixes), sortedKeys(c.Infixes)) {
		if strings.Contains(strings.ToLower(e.Source), strings.ToLower(strings.TrimSuffix(key, `\`))) {
			b.r.reason(e, codeColumn, ir.Mixed, neg, "Compare with |contains, |startswith or |endswith: they are translated.",
				"%s is written differently in %s, and a regular expression is not translated", key, c.Name+c.Key)
			return
		}
	}
}

// guard adds to a predicate on x the test that x is present, where the text
// that stands for a missing value would pass it.
func (r *resolver) guard(sc scope, logical, x, pred ir.Expr, passes func(string) bool) ir.Expr {
	f, ok := logical.(*ir.Field)
	if !ok {
		return pred
	}
	b := sc.origin(f.Name)
	g, ok := x.(*ir.Field)
	if b == nil || !ok {
		return pred
	}
	if fill, ok := b.fill(g); ok && passes(fill) {
		return ir.NewLogic(pred.At(), ir.And, b.present(pred.At(), g), pred)
	}
	return pred
}

// fill is the text that the column holds where the event has no value; false
// where it is null then.
func (b *base) fill(f *ir.Field) (string, bool) {
	switch b.r.view {
	case XDR:
		return "", f.T == ir.String
	case CIM:
		info, ok := b.r.schema.Column(CIM, b.m.Table, f.Name)
		return info.Fill, ok && info.Fill != "" && info.Fill != FillOther
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

func (r *resolver) bothPresent(sc scope, x, y *ir.Field, pred ir.Expr) ir.Expr {
	args := []ir.Expr{}
	for _, f := range []*ir.Field{x, y} {
		b := sc.origin(f.Name)
		if b == nil {
			continue
		}
		g := r.field(sc, f)
		if _, ok := b.fill(g); ok {
			args = append(args, b.present(pred.At(), g))
		}
	}
	return ir.NewLogic(pred.At(), ir.And, append(args, pred)...)
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
		cols = []*ir.Field{b.stored(e.Span, firstOf(c.Name, c.File))}
	case "account":
		cols = []*ir.Field{b.stored(e.Span, c.Name)}
	case "registry":
		cols = []*ir.Field{b.stored(e.Span, firstOf(c.Name, c.Key))}
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
		if info, ok := b.r.schema.Column(CIM, b.m.Table, f.Name); ok && b.r.view == CIM && info.Fill == FillOther {
			b.r.reason(e, codeEmpty, ir.Over, neg, "", "%s puts another value in the place of a missing %s, so that it always exists", b.where(), e.X.Name)
			return ir.True(e.Span)
		}
		any = append(any, b.present(e.Span, f))
	}
	return ir.NewLogic(e.Span, ir.Or, any...)
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
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
		c.L, c.R = r.expr(sc, e.L), r.expr(sc, e.R)
		x, xok := e.L.(*ir.Field)
		y, yok := e.R.(*ir.Field)
		if xok && yok {
			r.test(sc, x, y)
			return r.bothPresent(sc, x, y, &c)
		}
		return &c
	}
	b := sc.origin(f.Name)
	if b == nil || f.Name == ir.Timestamp {
		c := *e
		c.L, c.Op, c.R = r.expr(sc, f), op, lit
		return c2(&c)
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
	b.differs(f, col, neg)
	x := b.whole(f, col)
	if x == nil {
		return e
	}
	for _, stored := range ir.Fields(x) {
		b.note(stored)
	}
	c := *e
	c.Op, c.L, c.R = op, x, lit
	if t := ir.TypeOf(x); t == ir.String || t == ir.Unknown && r.view != Raw {
		c.L = &ir.Call{Span: f.Span, Func: ir.ToNumber, Args: []ir.Expr{x}}
	}
	return &c
}

// c2 turns an equality between a column of text and a string into a Match.
func c2(c *ir.Compare) ir.Expr {
	lit, ok := c.R.(*ir.Lit)
	if !ok {
		return c
	}
	s, ok := lit.Value.(string)
	if !ok || c.Op != ir.Eq && c.Op != ir.Ne {
		return c
	}
	m := &ir.Match{Span: c.Span, X: c.L, Any: []ir.Pattern{ir.TextPattern(lit.Span, s)}, Cased: c.Cased}
	if c.Op == ir.Ne {
		return &ir.Not{Span: c.Span, X: m}
	}
	return m
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
	b.differs(f, c, neg)

	// A lone * asks for presence, whatever the column looks like.
	rest := slices.DeleteFunc(slices.Clone(patterns), isAny)
	var any []ir.Expr
	if len(rest) < len(patterns) {
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
			x = leaf.plain(g, rest)
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
	mapped := l.values(patterns)
	mapped = rewrite(mapped, l.c.Prefixes, true)
	mapped = rewrite(mapped, l.c.Infixes, false)
	if len(mapped) == 0 {
		return nil
	}
	cased := l.cased
	if info, ok := l.r.schema.Column(l.r.view, l.m.Table, f.Name); ok && info.Lower && cased {
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
	if l.r.view == XDR && l.ds.Fields[l.f.Name].Type == "ip" {
		mapped = withMappedForm(mapped)
	}
	fill, filled := l.fill(f)
	guard := false
	for i, p := range mapped {
		s, literal := p.Literal()
		if literal && filled && s != "" && strings.EqualFold(s, fill) {
			l.r.reason(p, codeEmpty, ir.Over, l.neg, "", "%s writes %q where %s is missing, so that those events match too", l.where(), fill, l.f.Name)
			continue
		}
		if literal && s == "" && filled {
			if !slices.Contains(l.r.emptyOrMissing, l.f.Name) {
				l.r.reason(p, codeEmpty, ir.Over, l.neg, "", "%s does not tell an empty %s from a missing one", l.where(), l.f.Name)
			}
			mapped[i] = ir.TextPattern(p.Span, fill)
			continue
		}
		guard = guard || filled && matches(p, fill)
	}
	m := &ir.Match{Span: l.at, X: f, Any: dedupe(mapped), Cased: cased}
	if guard {
		return ir.NewLogic(l.at, ir.And, m, l.present(l.at, f))
	}
	return m
}

// withMappedForm adds to each IPv4 address, or start of one, its form as an
// IPv6 address, which Defender writes for sockets that speak both.
func withMappedForm(patterns []ir.Pattern) []ir.Pattern {
	out := slices.Clone(patterns)
	for _, p := range patterns {
		if len(p.Parts) == 0 || p.Parts[0].Wild != ir.Text {
			continue
		}
		if first, _, ok := strings.Cut(p.Parts[0].Text, "."); ok && isOctet(first) {
			mapped := ir.TextPattern(p.Span, "::ffff:")
			for _, part := range p.Parts {
				mapped.Append(part)
			}
			out = append(out, mapped)
		}
	}
	return out
}

func isOctet(s string) bool {
	n, err := strconv.ParseUint(s, 10, 8)
	return err == nil && strconv.FormatUint(n, 10) == s
}

// raw matches a field of raw events. An empty element of an XML event makes no
// field at all.
func (l *leaf) raw(f *ir.Field, patterns []ir.Pattern, cased bool) ir.Expr {
	m := &ir.Match{Span: l.at, X: f, Any: dedupe(patterns), Cased: cased}
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

// dedupe drops patterns that differ from an earlier one in case alone.
func dedupe(in []ir.Pattern) []ir.Pattern {
	const few = 24
	if len(in) < 2 {
		return in
	}
	out := make([]ir.Pattern, 0, len(in))
	var seen map[string]bool
	if len(in) > few {
		seen = make(map[string]bool, len(in))
	}
	for _, p := range in {
		if seen != nil {
			key := strings.ToLower(p.String())
			if seen[key] {
				continue
			}
			seen[key] = true
		} else if slices.ContainsFunc(out, func(q ir.Pattern) bool { return sameFold(p, q) }) {
			continue
		}
		out = append(out, p)
	}
	return out
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
		any = append(any, &ir.Compare{Span: p.Span, Op: ir.Eq, L: f, R: lit})
	}
	if len(globs) > 0 {
		any = append(any, typedMatch(l.at, f, globs, l.cased))
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
	var out []ir.Pattern
	for _, p := range patterns {
		n := len(out)
		for _, logical := range sortedKeys(l.c.Values) {
			if matches(p, logical) {
				for _, v := range l.c.Values[logical] {
					out = append(out, ir.TextPattern(p.Span, v))
				}
			}
		}
		_, literal := p.Literal()
		switch {
		case l.c.Open && (len(out) == n || !literal):
			out = append(out, p)
		case len(out) == n:
			l.drop(p, codeNoValue, fmt.Sprintf("no event of %s has the value %q there", l.m.Table, p.String()),
				"The values it knows are "+strings.Join(sortedKeys(l.c.Values), ", ")+".")
		}
	}
	return out
}

// rewrite replaces texts, all alternatives side by side: at the start of the
// pattern's first text, or anywhere.
func rewrite(patterns []ir.Pattern, table map[string][]string, prefix bool) []ir.Pattern {
	if len(table) == 0 {
		return patterns
	}
	keys := sortedKeys(table)
	out := make([]ir.Pattern, 0, len(patterns))
	for _, p := range patterns {
		variants := []ir.Pattern{p}
		for _, key := range keys {
			if s, ok := p.Literal(); ok && prefix && strings.EqualFold(s+`\`, key) {
				// The hive alone, where a key and a value's name were split.
				variants = nil
				for _, alt := range table[key] {
					variants = append(variants, ir.TextPattern(p.Span, strings.TrimSuffix(alt, `\`)))
				}
				break
			}
			if !occurs(p, key, prefix) {
				continue
			}
			variants = nil
			for _, alt := range table[key] {
				variants = append(variants, mapTexts(p, func(i int, s string) string {
					if prefix {
						if i == firstText(p) {
							return alt + s[len(key):]
						}
						return s
					}
					return replaceFold(s, key, alt)
				}))
			}
			break
		}
		out = append(out, variants...)
	}
	return out
}

func firstText(p ir.Pattern) int {
	return slices.IndexFunc(p.Parts, func(part ir.Part) bool { return part.Wild == ir.Text })
}

func occurs(p ir.Pattern, key string, prefix bool) bool {
	if prefix {
		i := firstText(p)
		return i >= 0 && i <= 1 && len(p.Parts[i].Text) >= len(key) && strings.EqualFold(p.Parts[i].Text[:len(key)], key)
	}
	return slices.ContainsFunc(p.Parts, func(part ir.Part) bool {
		return part.Wild == ir.Text && indexFold(part.Text, key) >= 0
	})
}

// indexFold and replaceFold ignore the case of ASCII letters only, so that
// offsets stay those of s.
func indexFold(s, key string) int {
	for i := 0; i+len(key) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(key)], key) {
			return i
		}
	}
	return -1
}

func replaceFold(s, key, with string) string {
	i := indexFold(s, key)
	if i < 0 {
		return s
	}
	return s[:i] + with + replaceFold(s[i+len(key):], key, with)
}
