package schema

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// A view may write the values of a field in other words than the field has.
// Comparisons with constants are translated. What looks into a value, orders it
// or tells it from others sees the view's words: there the field's own words are
// computed where they follow from them, and a reason is given where not.

// holding is a stored column, the values of which a column of the query has.
type holding struct {
	b *base
	c *Column
	// logical is the name of the stored field, field what is used of it where.
	logical string
	field   *ir.Field
	// grouped says that the values tell groups apart already, and what is lost
	// by that has been said.
	grouped bool
	// several says that rows of different origin write the values differently.
	several bool
}

// held is what a column that is set to x holds: what x does, where x is a field.
func held(sc scope, x ir.Expr) *holding {
	if f, ok := x.(*ir.Field); ok {
		return sc.holds(f)
	}
	return nil
}

// inGroups is the same below an operator that leaves one row a value.
func (h *holding) inGroups() *holding {
	if h == nil {
		return nil
	}
	g := *h
	g.grouped = true
	return &g
}

// oneOf is what a column holds whose rows come from two inputs.
func oneOf(a, b *holding) *holding {
	if sameSpelling(a, b) {
		return a
	}
	h := a
	if a == nil || a.plain() {
		h = b
	}
	c := *h
	c.several = true
	return &c
}

// plain reports whether the values are in the field's own words.
func (h *holding) plain() bool {
	_, why, _ := h.b.unlike(h.logical, h.c)
	return why == ""
}

// sameSpelling reports whether two columns write one value in the same way.
func sameSpelling(a, b *holding) bool {
	if a == nil || b == nil || a.plain() || b.plain() {
		return (a == nil || a.plain()) && (b == nil || b.plain())
	}
	alike := func(x, y map[string][]string) bool { return maps.EqualFunc(x, y, slices.Equal) }
	return a.several == b.several && a.c.Kind == b.c.Kind && (a.c.Domain == "") == (b.c.Domain == "") && a.c.Notation == b.c.Notation &&
		alike(a.c.Values, b.c.Values) && alike(a.c.Prefixes, b.c.Prefixes) && alike(a.c.Infixes, b.c.Infixes)
}

// words are how the listed values of a column relate to the view's words.
type words uint8

const (
	sameWords   words = iota // the column has none of its own
	otherWords               // one for each value
	severalWord              // several for a value, none for two
	sharedWords              // one for several values
)

func (c *Column) words() words {
	kind := sameWords
	owner := map[string]string{}
	for _, value := range sortedKeys(c.Values) {
		for _, word := range c.Values[value] {
			if other, taken := owner[strings.ToLower(word)]; taken && other != value {
				return sharedWords
			}
			owner[strings.ToLower(word)] = value
			if !strings.EqualFold(word, value) {
				kind = max(kind, otherWords)
			}
		}
		if len(c.Values[value]) > 1 {
			kind = severalWord
		}
	}
	return kind
}

// translatable reports whether the field's own words follow from the column's.
// Of an open list that has one word a value they do not: the word may be the
// field's own as well.
func (c *Column) translatable() bool {
	w := c.words()
	return c.Kind == "" && (w == severalWord || w == otherWords && !c.Open)
}

func (h *holding) translatable() bool { return !h.several && h.c.translatable() }

// ownWords is the value of a translatable column in the field's own words. A
// word that is not listed stays.
func (h *holding) ownWords(at diag.Span, x ir.Expr) ir.Expr {
	out := asText(x)
	keys := sortedKeys(h.c.Values)
	slices.Reverse(keys)
	for _, value := range keys {
		var any []ir.Pattern
		for _, word := range h.c.Values[value] {
			any = append(any, ir.TextPattern(at, word))
		}
		out = &ir.Call{Span: at, Func: ir.If, Args: []ir.Expr{
			typedMatch(at, x, any, false), &ir.Lit{Span: at, Value: value}, out}}
	}
	return out
}

// mapped reports whether the view may write IPv4 addresses in IPv6 form.
func (h *holding) mapped() bool { return h.b.mayMap(h.logical) }

func (b *base) mayMap(f string) bool { return b.r.view == XDR && b.ds.Fields[f].Type == "ip" }

// mappedForm begins an IPv4 address in IPv6 form: ::ffff:10.0.0.1.
const mappedForm = "::ffff:"

// unmapped is an address that has IPv4 form if it can have it.
func unmapped(at diag.Span, x ir.Expr) ir.Expr {
	p := ir.TextPattern(at, mappedForm)
	p.Append(ir.Part{Wild: ir.Many})
	p.Append(ir.Part{Text: "."})
	p.Append(ir.Part{Wild: ir.Many})
	return &ir.Call{Span: at, Func: ir.If, Args: []ir.Expr{
		&ir.Match{Span: at, X: x, Any: []ir.Pattern{p}},
		&ir.Call{Span: at, Func: ir.Substring, Args: []ir.Expr{x, &ir.Lit{Span: at, Value: int64(len(mappedForm))}}},
		x}}
}

// unlike says how the values of a column as a whole differ from those of the
// field, with a place for the field's name; "" if they do not. The hint is about
// comparisons.
func (b *base) unlike(f string, c *Column) (code diag.Code, why, hint string) {
	switch {
	case c.Kind == "regdata":
		return codeNotation, "writes numbers differently from %s", "Compare with whole values, such as DWORD (0x00000001): they are translated."
	case len(c.Values) > 0 && c.words() != sameWords:
		return codeColumn, "writes values of %s in words of its own", ""
	case c.Kind == "account" && c.Domain == "":
		return codeHalf, "keeps only the name of an account, so %s lacks its domain", ""
	case len(c.Prefixes)+len(c.Infixes) > 0:
		return codeColumn, "writes parts of %s in other words", "Compare with |contains, |startswith or |endswith: they are translated."
	case b.mayMap(f):
		return codeColumn, "may write the IPv4 addresses of %s in IPv6 form", "Compare with |cidr, |startswith or whole addresses: both forms are sought then."
	}
	return "", "", ""
}

// argument resolves a value into which something looks: a function, an order, a
// key of a lookup. what names it.
func (r *resolver) argument(sc scope, e ir.Expr, what string) ir.Expr {
	if h := held(sc, e); h != nil && h.c.Differs != nil && sc.origin(h.field.Name) != nil {
		r.reason(e, codeColumn, ir.Mixed, false, "", "%s is read from %s: %s", h.field.Name, h.c.Name, h.c.Differs.Why)
	}
	return r.inOwnWords(sc, e, what)
}

// inOwnWords resolves a value and has it in the words of the field, or gives a
// reason why not.
func (r *resolver) inOwnWords(sc scope, e ir.Expr, what string) ir.Expr {
	x := r.expr(sc, e)
	h := held(sc, e)
	if h == nil {
		return x
	}
	_, stored := x.(*ir.Field)
	if stored && h.translatable() {
		return h.ownWords(e.At(), x)
	}
	code, why, _ := h.b.unlike(h.logical, h.c)
	switch {
	case why == "":
		return x
	case stored && h.mapped() && !h.several:
		return unmapped(e.At(), x)
	}
	if code == codeColumn {
		code = codeSpelling
	}
	r.reason(e, code, ir.Mixed, false, "Compare the field itself with constants: they are translated.",
		"%s "+why+", and %s takes what is stored", h.b.where(), h.field.Name, what)
	return x
}

// key resolves a value by which rows are told apart: a key of groups, or what is
// counted. One that is a field only is a column of its own right above the Scan
// where its words have to be put together.
func (r *resolver) key(sc scope, e ir.Expr) ir.Expr {
	h := held(sc, e)
	if h == nil {
		return r.expr(sc, e)
	}
	r.noteKey(sc, e, h)
	x := r.expr(sc, e)
	if _, stored := x.(*ir.Field); stored && h.translatable() && h.c.words() == severalWord {
		return h.ownWords(e.At(), x)
	}
	return x
}

// noteKey says what a view loses of a key.
func (r *resolver) noteKey(sc scope, e ir.Expr, h *holding) {
	if h.grouped {
		return
	}
	if d := h.c.Differs; d != nil {
		r.reason(e, codeColumn, ir.Mixed, false, "", "%s is read from %s: %s", h.field.Name, h.c.Name, d.Why)
	}
	switch {
	case h.half():
		if r.view == CIM {
			r.reason(e, codeHalf, ir.Mixed, false, "", "%s keeps only the name of an account, so accounts of the same name in different domains are one", h.b.where())
		}
	case len(h.c.Values) > 0 && h.c.words() == sharedWords:
		r.reason(e, codeSpelling, ir.Mixed, false, "Take a field of which the values have words of their own.",
			"%s has one word for several values of %s, so those are one", h.b.where(), h.field.Name)
	case h.mapped():
		r.diags.Infof(codeColumn, e, "Where both may occur, make one of them first: extend address = concat("+h.field.Name+", '') has the IPv4 form.",
			"%s may write an IPv4 address of %s in IPv6 form too, and tells the two apart", h.b.where(), h.field.Name)
	default:
		r.noteShown(e, h)
	}
}

// noteShown says that a result has the view's words.
func (r *resolver) noteShown(e ir.Expr, h *holding) {
	if h.grouped || h.translatable() && h.c.words() == severalWord {
		return
	}
	if h.half() {
		r.diags.Infof(codeShown, e, "The rows are the same.", "%s keeps only the name of an account, and the result shows %s without its domain", h.b.where(), h.field.Name)
		return
	}
	if code, why, _ := h.b.unlike(h.logical, h.c); code == codeColumn || code == codeNotation {
		if h.mapped() {
			return
		}
		r.diags.Infof(codeShown, e, "The rows are the same; comparisons in later stages are translated.", "%s "+why+", and the result shows them as they are", h.b.where(), h.field.Name)
	}
}

// half reports whether the view keeps only the name of an account, where the
// field has its domain as well.
func (h *holding) half() bool { return h.c.Kind == "account" && h.c.Domain == "" && h.b.domains() }

// shown resolves a value that an aggregate shows.
func (r *resolver) shown(sc scope, e ir.Expr) ir.Expr {
	x := r.expr(sc, e)
	h := held(sc, e)
	if h == nil {
		return x
	}
	r.noteShown(e, h)
	if _, stored := x.(*ir.Field); stored && h.translatable() && h.c.words() == severalWord {
		return h.ownWords(e.At(), x)
	}
	return x
}

// after is what the column holds that a key or an aggregate made of x, a field;
// nil where it has the field's own words.
func after(h *holding, x ir.Expr) *holding {
	if _, call := x.(*ir.Call); call && h != nil && h.translatable() {
		return nil
	}
	return h
}

// match compares a column that holds stored values with constants. x is the
// column.
func (h *holding) match(at diag.Span, x ir.Expr, patterns []ir.Pattern, cased, neg bool) ir.Expr {
	b := h.b
	l := &leaf{base: b, f: h.field, c: h.c, at: at, cased: cased, neg: neg}
	var stars, rest []ir.Pattern
	for _, p := range patterns {
		if isAny(p) {
			stars = append(stars, p)
		} else {
			rest = append(rest, p)
		}
	}
	code, why, _ := b.unlike(h.logical, h.c)
	if h.several {
		code = codeSpelling
	}
	if code == codeHalf || code == codeNotation || h.several {
		b.r.reason(at, code, ir.Mixed, neg, "Compare in the detection: there it is translated.", "%s "+why+", and this comparison is not translated", b.where(), h.field.Name)
	} else {
		if len(rest) > 0 {
			mapped := l.values(rest)
			l.reportDropped(len(rest))
			rest = l.respell(mapped)
		}
		if h.mapped() {
			rest = l.withMappedForm(rest)
		}
	}
	if b.r.view != XDR && b.ds.fromXML() {
		rest = withEntities(rest)
	}
	if cased && b.info(h.c.Name).Lower {
		b.r.reason(at, codeLowerCased, ir.Over, neg, "", "%s holds %s in lower case, so its case cannot be compared", h.c.Name, h.field.Name)
		cased = false
	}
	return typedMatch(at, x, dedupe(append(stars, rest...), cased), cased)
}

// regexp searches a column that holds stored values. x is the column.
func (h *holding) regexp(e *ir.Regexp, x ir.Expr, neg bool) ir.Expr {
	b := h.b
	if len(h.c.Values) > 0 && !h.c.Open && !h.several {
		if values := b.valuesMatched(e, h.field, h.c); values != nil {
			return h.match(e.Span, x, values, false, neg)
		}
		return e
	}
	if code, why, hint := b.unlike(h.logical, h.c); why != "" {
		b.r.reason(e, code, ir.Mixed, neg, hint, "%s "+why+", and this comparison is not translated", b.where(), h.field.Name)
	}
	b.caseless(e, h.field, h.c, !ignoresCase(e.Source), neg)
	b.noteEntities(e, neg)
	c := *e
	c.X = asText(x)
	return &c
}

// lastPart is the regular expression for the file name of a path.
const lastPart = `[^\\/]+$`

// keyPart is the regular expression of which group 1 is the key of a registry
// value.
const keyPart = `^(.*)\\[^\\]*$`

// fileName resolves Extract(path, lastPart, 0) to the column of the file name,
// and of an account to that of its name, and Extract(registry value, keyPart, 1)
// to the column of the key; nil if e is something else or there is no such column.
func (r *resolver) fileName(sc scope, e *ir.Call) ir.Expr {
	if e.Func != ir.Extract || len(e.Args) != 3 {
		return nil
	}
	f, ok := e.Args[0].(*ir.Field)
	regex, isLit := e.Args[1].(*ir.Lit)
	group, isGroup := e.Args[2].(*ir.Lit)
	if !ok || !isLit || !isGroup {
		return nil
	}
	last := regex.Value == lastPart && group.Value == int64(0)
	key := regex.Value == keyPart && group.Value == int64(1)
	b := sc.origin(f.Name)
	if b == nil {
		return nil
	}
	c := b.lookup(f.Name)
	switch {
	case c == nil:
		return nil
	case last && c.Kind == "path" && c.File != "":
	case last && c.Kind == "account" && c.Domain != "" && b.domains():
	case key && c.Kind == "registry" && !c.KeyAlone:
	default:
		return nil
	}
	if c, ok = b.column(f); !ok {
		return e
	}
	b.differs(f, c, false)
	switch c.Kind {
	case "account":
		return b.stored(e.Span, c.Name)
	case "registry":
		return b.stored(e.Span, c.Key)
	}
	return b.stored(e.Span, c.File)
}

// noteConstants gives a reason where a function looks for a text in a column
// that writes it in another way.
func (r *resolver) noteConstants(sc scope, e *ir.Call) {
	if e.Func != ir.Replace && e.Func != ir.Split && e.Func != ir.Extract || len(e.Args) < 2 {
		return
	}
	h := held(sc, e.Args[0])
	lit, ok := e.Args[1].(*ir.Lit)
	if h == nil || !ok {
		return
	}
	text := literalText(lit)
	if r.view != XDR && h.b.ds.fromXML() && strings.ContainsAny(withoutGroups(text), "&<>") {
		r.reason(e, codeEntities, ir.Mixed, false, "", "in events that Splunk reads from XML, & < and > may be written as entities (&amp; &lt; &gt;), in which %q does not find %s", e.Func, strconv.Quote(text))
	}
	if h.b.info(h.c.Name).Lower && strings.ToLower(text) != text && !(e.Func == ir.Extract && ignoresCase(text)) {
		r.reason(e, codeLowerCased, ir.Mixed, false, "", "%s holds %s in lower case, in which %q does not find %s", h.c.Name, h.field.Name, e.Func, strconv.Quote(text))
	}
}

// withoutGroups is a regular expression without what names a group in it.
func withoutGroups(source string) string {
	return strings.NewReplacer("(?<", "", "(?P<", "").Replace(source)
}
