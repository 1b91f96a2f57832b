package splunk

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// pusher splits predicates into what a search expression can say ("tstats
// where" and search take the same language) and a residual for "where".
//
// A search expression has no regular expressions, no case, no single-character
// wildcard, no literal *, no arithmetic and no comparison of two fields. Where
// e is not sayable, widen(e) is the narrowest sayable predicate found that e
// implies, and narrow(e) one that implies e: Not turns one into the other.
// Filtering by widen(e) and then by e selects what e selects.
type pusher struct {
	tstats bool // "tstats where", with the limits that search has not
	raw    bool // events behind a macro: keywords can be searched
	// stored reports whether the name is a stored column and whether it may be
	// null in an event; computed columns cannot be searched for.
	stored func(name string) (nullable, ok bool)
	// counts reports whether the column holds a number in every event.
	counts func(name string) bool
}

// split returns the part of a conjunct to search for and the part to filter
// by afterwards; either may be nil.
func (p *pusher) split(e ir.Expr) (push, rest ir.Expr) {
	if p.exact(e, false) {
		return e, nil
	}
	w := ir.Simplify(p.widen(e, false))
	if ir.IsTrue(w) || ir.IsFalse(w) {
		return nil, e // a search expression has no word for false
	}
	return w, e
}

// conjuncts are the predicates that all have to hold: a Not over an Or is the
// Nots of its arguments.
func conjuncts(e ir.Expr) []ir.Expr {
	switch x := e.(type) {
	case *ir.Logic:
		if x.Op == ir.And {
			var out []ir.Expr
			for _, a := range x.Args {
				out = append(out, conjuncts(a)...)
			}
			return out
		}
	case *ir.Not:
		if or, ok := x.X.(*ir.Logic); ok && or.Op == ir.Or {
			var out []ir.Expr
			for _, a := range or.Args {
				out = append(out, conjuncts(ir.Simplify(&ir.Not{Span: a.At(), X: a}))...)
			}
			return out
		}
	}
	return []ir.Expr{e}
}

// splitAll splits a whole predicate. Conjuncts that are searchable as they
// stand are pushed whole; of the others, a negated Or is taken apart.
func (p *pusher) splitAll(e ir.Expr) (push, rest []ir.Expr) {
	for _, c := range ir.Conjuncts(e) {
		if ir.IsTrue(c) {
			continue
		}
		if p.exact(c, false) {
			push = append(push, c)
			continue
		}
		var pushed, left []ir.Expr
		for _, part := range conjuncts(c) {
			a, b := p.split(part)
			if a != nil {
				pushed = append(pushed, a)
			}
			if b != nil {
				left = append(left, b)
			}
		}
		push = append(push, joinNots(c.At(), pushed)...)
		rest = append(rest, joinNots(c.At(), left)...)
	}
	return push, rest
}

// joinNots puts Nots that were one negated Or together again.
func joinNots(at diag.Span, list []ir.Expr) []ir.Expr {
	var nots, out []ir.Expr
	for _, e := range list {
		if n, ok := e.(*ir.Not); ok {
			nots = append(nots, n.X)
		} else {
			out = append(out, e)
		}
	}
	if len(nots) < 2 {
		return list
	}
	return append(out, &ir.Not{Span: at, X: ir.NewLogic(at, ir.Or, nots...)})
}

// exact reports whether a search expression can say e as it is; below says
// that e stands below a Not.
func (p *pusher) exact(e ir.Expr, below bool) bool {
	switch e := e.(type) {
	case *ir.Logic:
		for _, a := range e.Args {
			if !p.exact(a, below) {
				return false
			}
		}
		return len(e.Args) > 0
	case *ir.Not:
		return p.exact(e.X, true)
	case *ir.Match:
		f, ok := p.column(e.X)
		if !ok || e.Cased {
			return false
		}
		for _, pat := range e.Any {
			if !searchable(pat) || below && numeric(pat) && p.leavesOut(f) {
				return false
			}
		}
		return true
	case *ir.Compare:
		f, ok := e.L.(*ir.Field)
		if !ok || !isNumber(e.R) {
			return false
		}
		if _, ok := p.column(f); !ok {
			return false
		}
		return !below && e.Op != ir.Ne || !p.leavesOut(f)
	case *ir.Exists:
		_, ok := p.column(e.X)
		return ok
	case *ir.Keyword:
		return p.raw && !e.Cased && wholeToken(e.Pattern)
	}
	return false
}

// leavesOut reports whether a filter by a number that stands below a Not may
// leave out events that it should keep: tstats omits events whose value is
// missing or no number (limits.conf,
// include_events_omitted_when_filtering_numeric_values).
func (p *pusher) leavesOut(f *ir.Field) bool { return p.tstats && !p.counts(f.Name) }

// column is the stored column that x reads as text: a field, or the text of a
// number, which in Splunk is the same.
func (p *pusher) column(x ir.Expr) (*ir.Field, bool) {
	if c, ok := x.(*ir.Call); ok && c.Func == ir.ToString && len(c.Args) == 1 {
		x = c.Args[0]
	}
	f, ok := x.(*ir.Field)
	if !ok || spl.ExpressibleName(f.Name) != nil || p.raw && modifier(f.Name) {
		return nil, false
	}
	_, ok = p.stored(f.Name)
	return f, ok
}

// modifier reports names that search reads as something other than a field.
func modifier(name string) bool {
	switch strings.ToLower(name) {
	case "earliest", "latest", "_index_earliest", "_index_latest", "index_earliest", "index_latest", "timeformat",
		"starttime", "endtime", "starttimeu", "endtimeu", "startdaysago", "enddaysago", "daysago", "starthoursago", "endhoursago", "hoursago",
		"startminutesago", "endminutesago", "minutesago", "startmonthsago", "endmonthsago", "monthsago", "startdays", "searchtimespandays",
		"savedsearch", "savedsplunk", "eventtypetag", "hosttag", "sourcetypetag", "readlevel", "maxresults", "select":
		return true
	}
	return false
}

func isNumber(e ir.Expr) bool {
	l, ok := e.(*ir.Lit)
	if !ok {
		return false
	}
	switch l.Value.(type) {
	case int64, float64:
		return true
	}
	return false
}

// searchable reports whether a search expression can say the pattern: it has
// no ? and no literal *, and search would not read it as a network.
func searchable(p ir.Pattern) bool {
	for _, part := range p.Parts {
		if part.Wild == ir.One || part.Wild == ir.Text && spl.ExpressibleSearch(part.Text) != nil {
			return false
		}
	}
	if s, ok := p.Literal(); ok && strings.IndexByte(s, '/') > 0 {
		if _, err := netip.ParsePrefix(s); err == nil {
			return false
		}
	}
	return true
}

func numeric(p ir.Pattern) bool {
	s, ok := p.Literal()
	if !ok {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// widen is a sayable predicate that e implies; True if none is known. below
// says that it is to stand below a Not.
func (p *pusher) widen(e ir.Expr, below bool) ir.Expr {
	if p.exact(e, below) {
		return e
	}
	switch e := e.(type) {
	case *ir.Logic:
		return p.each(e, func(a ir.Expr) ir.Expr { return p.widen(a, below) })
	case *ir.Not:
		return &ir.Not{Span: e.Span, X: p.narrow(e.X)}
	case *ir.Match:
		if f, ok := p.column(e.X); ok {
			return p.widenMatch(e, f, below)
		}
	case *ir.Regexp:
		f, ok := p.column(e.X)
		if !ok {
			break
		}
		texts := implied(e.Source)
		if len(texts) == 0 {
			return p.present(e, f)
		}
		m := &ir.Match{Span: e.Span, X: f}
		for _, s := range texts {
			if spl.ExpressibleSearch(s) != nil {
				return p.present(e, f)
			}
			m.Any = append(m.Any, contains(e.Span, s))
		}
		return m
	case *ir.InCIDR:
		if f, ok := p.column(e.X); ok {
			return &ir.Match{Span: e.Span, X: f, Any: octets(e.Span, e.Prefix)}
		}
	case *ir.FieldMatch:
		return p.bothPresent(e, e.X, e.Y)
	case *ir.Compare:
		if x, ok := e.L.(*ir.Call); ok && x.Func == ir.ToNumber && isNumber(e.R) && e.Op != ir.Ne && !below {
			// A text that spells a number is compared as a number.
			if f, ok := p.column(x.Args[0]); ok {
				return &ir.Compare{Span: e.Span, Op: e.Op, L: f, R: e.R}
			}
		}
		x, xok := e.L.(*ir.Field)
		y, yok := e.R.(*ir.Field)
		switch {
		case xok && yok:
			return p.bothPresent(e, x, y)
		case xok:
			if _, ok := p.column(x); ok {
				return p.present(e, x)
			}
		}
	case *ir.Keyword:
		if p.raw {
			return widenKeyword(e)
		}
	}
	return ir.True(e.At())
}

// narrow is a sayable predicate that implies e; False if none is known.
func (p *pusher) narrow(e ir.Expr) ir.Expr {
	// What narrow returns is to stand below a Not.
	if p.exact(e, true) {
		return e
	}
	switch e := e.(type) {
	case *ir.Logic:
		return p.each(e, p.narrow)
	case *ir.Not:
		return &ir.Not{Span: e.Span, X: p.widen(e.X, true)}
	case *ir.Match:
		if f, ok := p.column(e.X); ok && !e.Cased {
			m := &ir.Match{Span: e.Span, X: f}
			for _, pat := range e.Any {
				if searchable(pat) && !(numeric(pat) && p.leavesOut(f)) {
					m.Any = append(m.Any, pat)
				}
			}
			if len(m.Any) > 0 {
				return m
			}
		}
	}
	return ir.False(e.At())
}

func (p *pusher) each(e *ir.Logic, f func(ir.Expr) ir.Expr) ir.Expr {
	args := make([]ir.Expr, len(e.Args))
	for i, a := range e.Args {
		args[i] = f(a)
	}
	return ir.Simplify(ir.NewLogic(e.Span, e.Op, args...))
}

func (p *pusher) present(at ir.Expr, f *ir.Field) ir.Expr {
	if nullable, ok := p.stored(f.Name); !ok || !nullable {
		return ir.True(at.At())
	}
	return &ir.Exists{Span: at.At(), X: f}
}

func (p *pusher) bothPresent(at ir.Expr, fields ...*ir.Field) ir.Expr {
	var all []ir.Expr
	for _, f := range fields {
		if _, ok := p.column(f); ok {
			all = append(all, p.present(at, f))
		}
	}
	return ir.Simplify(ir.NewLogic(at.At(), ir.And, all...))
}

// widenMatch forgets case and writes a * for what a search cannot say.
func (p *pusher) widenMatch(e *ir.Match, f *ir.Field, below bool) ir.Expr {
	m := &ir.Match{Span: e.Span, X: f}
	seen := map[string]bool{}
	for _, pat := range e.Any {
		w := pat
		if !searchable(pat) {
			w = widenPattern(pat)
		}
		if shape, _ := w.Shape(); shape == ir.ShapeAny || below && numeric(w) && p.leavesOut(f) {
			return p.present(e, f)
		}
		if key := strings.ToLower(w.String()); !seen[key] {
			seen[key] = true
			m.Any = append(m.Any, w)
		}
	}
	return m
}

func widenPattern(pat ir.Pattern) ir.Pattern {
	w := ir.Pattern{Span: pat.Span}
	many := ir.Part{Wild: ir.Many}
	if s, ok := pat.Literal(); ok && strings.IndexByte(s, '/') > 0 && spl.ExpressibleSearch(s) == nil {
		w.Append(ir.Part{Text: s})
		w.Append(many) // so that it is no network
		return w
	}
	for _, part := range pat.Parts {
		if part.Wild != ir.Text {
			w.Append(many)
			continue
		}
		rest := part.Text
		for rest != "" {
			if spl.ExpressibleSearch(rest) == nil {
				w.Append(ir.Part{Text: rest})
				break
			}
			// the longest prefix that can be said, then a wildcard for the next character
			n := 0
			for i, r := range rest {
				end := i + len(string(r))
				if end > len(rest) || spl.ExpressibleSearch(rest[:end]) != nil {
					break
				}
				n = end
			}
			w.Append(ir.Part{Text: rest[:n]})
			w.Append(many)
			rest = skipRune(rest[n:])
		}
	}
	return w
}

func skipRune(s string) string {
	for i := range s {
		if i > 0 {
			return s[i:]
		}
	}
	return ""
}

func contains(at diag.Span, s string) ir.Pattern {
	return ir.Pattern{Span: at, Parts: []ir.Part{{Wild: ir.Many}, {Text: s}, {Wild: ir.Many}}}
}

// octets are patterns that every address of the network matches. Whether
// "tstats where" reads a network as a value is not documented, so it is never
// asked to.
func octets(at diag.Span, p netip.Prefix) []ir.Pattern {
	if !p.Addr().Is4() {
		return []ir.Pattern{contains(at, ":")}
	}
	prefix := func(a []byte) ir.Pattern {
		var b strings.Builder
		for i, o := range a {
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(strconv.Itoa(int(o)))
		}
		if len(a) == 4 {
			return ir.TextPattern(at, b.String())
		}
		if len(a) > 0 {
			b.WriteByte('.')
		}
		pat := ir.TextPattern(at, b.String())
		pat.Append(ir.Part{Wild: ir.Many})
		return pat
	}
	addr := p.Masked().Addr().As4()
	whole, extra := p.Bits()/8, p.Bits()%8
	switch {
	case whole == 0 && extra < 4:
		return []ir.Pattern{contains(at, ".")}
	case extra == 0:
		return []ir.Pattern{prefix(addr[:whole])}
	case extra < 4:
		return []ir.Pattern{prefix(addr[:whole])}
	}
	var out []ir.Pattern
	for i := range 1 << (8 - extra) {
		next := slices.Clone(addr[:whole+1])
		next[whole] |= byte(i)
		out = append(out, prefix(next))
	}
	return out
}

// wholeToken reports whether a keyword is a text that no breaker of Splunk's
// segmentation splits: *text* then finds exactly the events that hold it.
func wholeToken(p ir.Pattern) bool {
	s, ok := p.Literal()
	return ok && s != "" && strings.IndexFunc(s, notToken) < 0 && percentCode(s) == 0
}

// notToken reports characters that are, or could be, breakers, major or minor
// (segmenters.conf); beyond ASCII it claims nothing.
func notToken(r rune) bool {
	return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
}

// percentCode is the length of the code at the start of s that breaks segments
// where a percent sign stands before it: %20 and its kin (segmenters.conf).
func percentCode(s string) int {
	for _, code := range [...]string{"2526", "2520", "21", "26", "3b", "7c", "20", "2b", "3d", "5d", "5b", "3a", "0a", "2c", "28", "29"} {
		if len(s) >= len(code) && strings.EqualFold(s[:len(code)], code) {
			return len(code)
		}
	}
	return 0
}

// widenKeyword looks for the pieces between breakers: each stands inside one
// segment of an event that holds the whole.
func widenKeyword(e *ir.Keyword) ir.Expr {
	var all []string
	for _, part := range e.Pattern.Parts {
		if part.Wild != ir.Text {
			continue
		}
		for _, span := range tokens(part.Text) {
			piece := part.Text[span[0]:span[1]]
			// What stands before the piece may be a percent sign: it does, or nothing is known of it.
			if span[0] == 0 || part.Text[span[0]-1] == '%' {
				piece = piece[percentCode(piece):]
			}
			if len(piece) > 1 {
				all = append(all, piece)
			}
		}
	}
	// Short pieces are in most events: they cost more than they narrow.
	if slices.ContainsFunc(all, func(s string) bool { return len(s) >= minLiteral }) {
		all = slices.DeleteFunc(all, func(s string) bool { return len(s) < minLiteral })
	}
	var words []ir.Expr
	for _, s := range all {
		words = append(words, &ir.Keyword{Span: e.Span, Pattern: ir.TextPattern(e.Span, s)})
	}
	return ir.Simplify(ir.NewLogic(e.Span, ir.And, words...))
}

// tokens are the runs of token characters in s, as offsets.
func tokens(s string) [][2]int {
	var out [][2]int
	for i := 0; i < len(s); {
		if notToken(rune(s[i])) {
			i++
			continue
		}
		j := i
		for j < len(s) && !notToken(rune(s[j])) {
			j++
		}
		out = append(out, [2]int{i, j})
		i = j
	}
	return out
}
