package schema

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// leaf raises the comparison of one stored column with constants. orig is the
// comparison, patterns are its constants.
func (z *raiser) leaf(l *level, orig ir.Expr, f *ir.Field, patterns []ir.Pattern, cased bool, sib *siblings) ir.Expr {
	s := l.scan
	if s.isTime(f.Name) {
		return z.general(l, orig, sib)
	}
	want := orig
	if s.closed(f.Name) && cased {
		// The target writes these words itself, so their case says nothing.
		cased, want = false, uncased(orig)
	}
	if _, number := orig.(*ir.Compare); number && s.b.r.view == Raw && !s.b.stored(f.Span, f.Name).T.Numeric() {
		// A number equals a text that spells it.
		want = &ir.Match{Span: orig.At(), X: f, Any: patterns}
	}
	var best ir.Expr
	var bestFit fit
	fewest := 0
	take := func(x ir.Expr, p part, worse closeness) {
		got, reasons, ok := s.try(s.b, x)
		if !ok {
			return
		}
		fit := s.fits(want, got, []*ir.Field{f})
		if fit.rank == far && p == whole && s.sameFile(f.Name, got, patterns) {
			fit.rank = exact
		}
		if fit.rank == respelt && worse == wider {
			fit.rank = wider
		}
		if fit.rank == far {
			if bestFit.got == nil {
				bestFit.got = got
			}
			return
		}
		if best == nil || fit.rank > bestFit.rank || fit.rank == bestFit.rank && reasons < fewest {
			best, bestFit, fewest = x, fit, reasons
		}
	}
	for _, r := range s.rolesFor(f.Name) {
		worse := respelt
		if r.part == keyOfRegistry || len(r.c.Values) > 0 {
			worse = wider
		}
		for _, list := range s.inverse(r, patterns) {
			if len(list) > 0 {
				take(&ir.Match{Span: orig.At(), X: &ir.Field{Span: f.Span, Name: r.field}, Any: list, Cased: cased}, r.part, worse)
			}
			if bestFit.rank == exact && fewest == 0 {
				break
			}
		}
		if bestFit.rank == exact && fewest == 0 {
			break
		}
	}
	if best != nil && bestFit.rank != wider {
		z.noteFit(s, orig, bestFit, sib)
		return s.minimal(best)
	}
	for _, x := range s.forms(f) {
		if call, ok := x.(*ir.Call); ok && s.inOwnWords(f.Name, patterns) {
			take(&ir.Match{Span: orig.At(), X: call, Any: patterns, Cased: cased}, fileOfPath, respelt)
		}
	}
	if best != nil {
		z.noteFit(s, orig, bestFit, sib)
		return s.minimal(best)
	}
	g := z.bind(s, f)
	bound := &ir.Match{Span: orig.At(), X: g, Any: patterns, Cased: cased}
	take(bound, whole, respelt)
	z.noteFit(s, orig, bestFit, sib)
	return bound
}

// inOwnWords reports whether constants for a column are in no words of the
// view's own, so that they may be compared with what is cut out of its field.
func (s *raisedScan) inOwnWords(column string, patterns []ir.Pattern) bool {
	return !slices.ContainsFunc(s.roles[column], func(r role) bool {
		return len(r.c.Prefixes)+len(r.c.Infixes) > 0 && !slices.EqualFunc(s.unspell(r.c, patterns), patterns, ir.Pattern.Equal)
	})
}

// closed reports whether the words of a column are all listed.
func (s *raisedScan) closed(column string) bool {
	return slices.ContainsFunc(s.roles[column], func(r role) bool { return r.part == whole && len(r.c.Values) > 0 && !r.c.Open }) ||
		s.b.m.Where[column] != nil
}

// sameFile reports whether what the text asks of the end of a path is what
// Resolve asks of the file name.
func (s *raisedScan) sameFile(column string, got ir.Expr, patterns []ir.Pattern) bool {
	for _, r := range s.roles[column] {
		if r.part != whole || r.c.Kind != "path" || r.c.File == "" {
			continue
		}
		var names, paths []ir.Pattern
		for _, p := range patterns {
			if name, ok := fileName(p); ok {
				names = append(names, name)
			} else {
				paths = append(paths, p)
			}
		}
		if len(names) == 0 {
			return false
		}
		cased := false
		ir.WalkExpr(got, func(e ir.Expr) bool {
			if m, ok := e.(*ir.Match); ok {
				cased = m.Cased
			}
			return true
		})
		want := []ir.Expr{&ir.Match{X: &ir.Field{Name: r.c.File}, Any: names, Cased: cased}}
		if len(paths) > 0 {
			want = append(want, &ir.Match{X: &ir.Field{Name: r.c.Name}, Any: paths, Cased: cased})
		}
		return normKey(ir.NewLogic(diag.Span{}, ir.Or, want...)) == normKey(got)
	}
	return false
}

// minimal leaves out the constants of a match that say nothing new.
func (s *raisedScan) minimal(e ir.Expr) ir.Expr {
	m, ok := e.(*ir.Match)
	if !ok || len(m.Any) < 2 || len(m.Any) > 40 {
		return e
	}
	f, ok := m.X.(*ir.Field)
	if !ok || s.b.m.Columns[f.Name] == nil || len(s.b.m.Columns[f.Name].Prefixes)+len(s.b.m.Columns[f.Name].Infixes) == 0 && s.b.m.Columns[f.Name].Kind != "registry" {
		return e
	}
	got, _, _ := s.try(s.b, m)
	key := normKey(got)
	for i := len(m.Any) - 1; i >= 0 && len(m.Any) > 1; i-- {
		less := *m
		less.Any = slices.Delete(slices.Clone(m.Any), i, i+1)
		if got, _, ok := s.try(s.b, &less); ok && normKey(got) == key {
			m = &less
		}
	}
	return m
}

// inverse are the lists of constants of a field from which Resolve may make the
// given ones of a column, best first.
func (s *raisedScan) inverse(r role, patterns []ir.Pattern) [][]ir.Pattern {
	patterns = s.withoutVariants(r, patterns)
	each := func(f func(p ir.Pattern) []ir.Pattern) []ir.Pattern {
		var out []ir.Pattern
		for _, p := range patterns {
			list := f(p)
			if list == nil {
				return nil
			}
			for _, q := range list {
				if !slices.ContainsFunc(out, q.Equal) {
					out = append(out, q)
				}
			}
		}
		return out
	}
	one := func(p ir.Pattern) []ir.Pattern { return []ir.Pattern{p} }
	lead := func(text string) func(p ir.Pattern) []ir.Pattern {
		return func(p ir.Pattern) []ir.Pattern {
			return one(patternOf(p.Span, []ir.Part{{Wild: ir.Many}, {Text: text}}, p.Parts))
		}
	}
	switch r.part {
	case fileOfPath:
		return [][]ir.Pattern{each(func(p ir.Pattern) []ir.Pattern {
			if name, ok := p.Literal(); ok && name != "" && !strings.ContainsAny(name, `\/`) {
				windows := lead(`\`)(p)[0]
				if isWindowsFile(name) {
					return one(windows)
				}
				return []ir.Pattern{windows, lead(`/`)(p)[0]}
			}
			if shape, text := p.Shape(); shape == ir.ShapeSuffix && !strings.ContainsAny(text, `\/`) {
				return one(p)
			}
			return nil
		})}
	case nameOfAccount:
		return [][]ir.Pattern{each(func(p ir.Pattern) []ir.Pattern {
			if name, ok := p.Literal(); ok && (name == "" || name == "-") || hasText(p, `\`) {
				return one(p)
			}
			return lead(`\`)(p)
		})}
	case domainOfAccount:
		return [][]ir.Pattern{each(func(p ir.Pattern) []ir.Pattern {
			return one(patternOf(p.Span, p.Parts, []ir.Part{{Text: `\`}, {Wild: ir.Many}}))
		})}
	case digest:
		return [][]ir.Pattern{each(func(p ir.Pattern) []ir.Pattern {
			shape, text := p.Shape()
			if shape != ir.ShapeExact && shape != ir.ShapePrefix || text == "" {
				return nil
			}
			return one(patternOf(p.Span, []ir.Part{{Wild: ir.Many}, {Text: r.alg + "=" + text}, {Wild: ir.Many}}))
		})}
	case keyOfRegistry:
		lists := [][]ir.Pattern{}
		patterns = s.unspell(r.c, patterns)
		for _, tail := range [][]ir.Part{{{Text: `\`}, {Wild: ir.Many}}} {
			lists = append(lists, each(func(p ir.Pattern) []ir.Pattern { return one(patternOf(p.Span, p.Parts, tail)) }))
		}
		// k and k\* are what is left of k\*.
		lists = append(lists, each(func(p ir.Pattern) []ir.Pattern {
			if n := len(p.Parts); n > 1 && p.Parts[n-1].Wild == ir.Many && p.Parts[n-2].Wild == ir.Text && strings.HasSuffix(p.Parts[n-2].Text, `\`) {
				return one(p)
			}
			return one(patternOf(p.Span, p.Parts, []ir.Part{{Text: `\`}, {Wild: ir.Many}}))
		}))
		return lists
	case valueOfRegistry:
		return [][]ir.Pattern{each(lead(`\`))}
	case typeOfData:
		return [][]ir.Pattern{each(func(p ir.Pattern) []ir.Pattern {
			word, _ := p.Literal()
			switch strings.ToLower(word) {
			case "dword":
				return one(starred(p.Span, "DWORD*"))
			case "qword":
				return one(starred(p.Span, "QWORD*"))
			case "binary":
				return one(ir.TextPattern(p.Span, "Binary Data"))
			}
			return nil
		})}
	}
	if r.c.Kind == "regdata" {
		return [][]ir.Pattern{each(func(p ir.Pattern) []ir.Pattern {
			if q, ok := sysmonNumber(r.c, p); ok {
				return one(q)
			}
			if len(p.Parts) == 0 {
				if words := s.words(r.c, []ir.Pattern{p}, false); len(words) > 0 {
					return words
				}
			}
			return one(p)
		}), patterns}
	}
	if len(r.c.Values) > 0 {
		lists := [][]ir.Pattern{s.words(r.c, patterns, false)}
		if r.c.Open {
			lists = append(lists, patterns)
			if len(lists[0]) > len(patterns) {
				slices.Reverse(lists)
			}
		} else {
			lists = append(lists, s.words(r.c, patterns, true))
		}
		return lists
	}
	if len(r.c.Prefixes)+len(r.c.Infixes) > 0 {
		patterns = s.unspell(r.c, patterns)
	}
	return [][]ir.Pattern{patterns}
}

// patternOf is the pattern of some parts after each other.
func patternOf(at diag.Span, parts ...[]ir.Part) ir.Pattern {
	q := ir.Pattern{Span: at}
	for _, list := range parts {
		for _, part := range list {
			q.Append(part)
		}
	}
	return q
}

// isWindowsFile reports whether only Windows has files of such a name.
func isWindowsFile(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".exe", ".dll", ".sys", ".com", ".bat", ".cmd", ".ps1", ".psm1", ".vbs", ".vbe", ".jse", ".wsf", ".hta", ".msi", ".msp", ".scr", ".cpl", ".lnk", ".ocx", ".pif":
		return true
	}
	return false
}

// sysmonNumber is a number in the registry as Sysmon writes it.
func sysmonNumber(c *Column, p ir.Pattern) (ir.Pattern, bool) {
	text, ok := p.Literal()
	if !ok || text == "" {
		return p, false
	}
	if c.Notation == "hex" {
		switch {
		case dword.MatchString(text) && len(text) == 10:
			return ir.TextPattern(p.Span, "DWORD ("+text+")"), true
		case qword.MatchString(text) && len(text) == 21:
			return ir.TextPattern(p.Span, "QWORD ("+text+")"), true
		}
		return p, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	switch {
	case err != nil || strconv.FormatUint(n, 10) != text:
		return p, false
	case n < 1<<32:
		return ir.TextPattern(p.Span, fmt.Sprintf("DWORD (0x%08x)", n)), true
	}
	return ir.TextPattern(p.Span, fmt.Sprintf("QWORD (0x%08x-0x%08x)", n>>32, n&(1<<32-1))), true
}

// words are the values of a field that the column has the given words for: all
// values whose words are among them; loosely, those that have one among them. It
// is empty where a word is left over.
func (s *raisedScan) words(c *Column, patterns []ir.Pattern, loosely bool) []ir.Pattern {
	given := func(word string) int {
		return slices.IndexFunc(patterns, func(p ir.Pattern) bool {
			text, ok := p.Literal()
			return ok && strings.EqualFold(text, word)
		})
	}
	served := make([]bool, len(patterns))
	var out []ir.Pattern
	for _, value := range sortedKeys(c.Values) {
		var found []int
		for _, word := range c.Values[value] {
			if i := given(word); i >= 0 {
				found = append(found, i)
			}
		}
		if len(found) == 0 || len(found) < len(c.Values[value]) && !loosely {
			continue
		}
		for _, i := range found {
			served[i] = true
		}
		out = append(out, ir.TextPattern(patterns[found[0]].Span, value))
	}
	for i, p := range patterns {
		if served[i] {
			continue
		}
		if !c.Open {
			return nil
		}
		out = append(out, p)
	}
	return out
}

// unspell gives the starts and components of paths that the column writes in
// other words back their own.
func (s *raisedScan) unspell(c *Column, patterns []ir.Pattern) []ir.Pattern {
	var out []ir.Pattern
	for _, p := range patterns {
		q := p
		if len(q.Parts) > 0 && q.Parts[0].Wild == ir.Text {
			text, longest := q.Parts[0].Text+`\`, 0
			for _, key := range sortedKeys(c.Prefixes) {
				for _, word := range c.Prefixes[key] {
					if len(word) > longest && len(text) >= len(word) && strings.EqualFold(text[:len(word)], word) {
						longest = len(word)
						q = patternOf(p.Span, []ir.Part{{Text: strings.TrimSuffix(key+text[len(word):], `\`)}}, p.Parts[1:])
						if strings.HasSuffix(p.Parts[0].Text, `\`) && len(text[len(word):]) > 0 {
							q = patternOf(p.Span, []ir.Part{{Text: key + text[len(word):len(text)-1]}}, p.Parts[1:])
						}
					}
				}
			}
		}
		for _, key := range sortedKeys(c.Infixes) {
			for _, word := range c.Infixes[key] {
				if strings.EqualFold(word, key) {
					continue
				}
				q = mapTexts(q, func(_ int, text string) string { return replaceComponent(text, word, key) })
			}
		}
		if !slices.ContainsFunc(out, q.Equal) {
			out = append(out, q)
		}
	}
	return out
}

// replaceComponent puts another name in the place of a component of a path.
func replaceComponent(text, word, with string) string {
	parts := strings.Split(text, `\`)
	for i, part := range parts {
		if strings.EqualFold(part, word) {
			parts[i] = with
		}
	}
	return strings.Join(parts, `\`)
}

// withoutVariants drops constants that Resolve adds for another one: addresses
// in IPv6 form, characters as XML entities.
func (s *raisedScan) withoutVariants(r role, patterns []ir.Pattern) []ir.Pattern {
	has := func(q ir.Pattern) bool {
		return slices.ContainsFunc(patterns, func(p ir.Pattern) bool { return sameFold(p, q) })
	}
	var out []ir.Pattern
	for _, p := range patterns {
		if len(p.Parts) > 0 && p.Parts[0].Wild == ir.Text && s.b.mayMap(r.field) {
			if text := p.Parts[0].Text; len(text) >= len(mappedForm) && strings.EqualFold(text[:len(mappedForm)], mappedForm) {
				if has(patternOf(p.Span, []ir.Part{{Text: text[len(mappedForm):]}}, p.Parts[1:])) {
					continue
				}
			}
		}
		if s.b.r.view != XDR && s.ds.fromXML() {
			plain := mapTexts(p, func(_ int, text string) string { return unescaped.Replace(text) })
			if !plain.Equal(p) && has(plain) {
				continue
			}
		}
		out = append(out, p)
	}
	return out
}

var unescaped = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">")

// madeMatch raises a match on a column that the query made of a stored one.
func (z *raiser) madeMatch(e *ir.Match, m *raisedColumn) ir.Expr {
	c, r := m.h.c, m.h.b.r
	g := &ir.Field{Span: e.X.At(), Name: m.logical}
	same := &ir.Match{Span: e.Span, X: g, Any: e.Any, Cased: e.Cased && (len(c.Values) == 0 || c.Open)}
	s := &raisedScan{z: z, ds: m.h.b.ds, b: m.h.b}
	var own []ir.Pattern
	switch {
	case len(c.Values) > 0:
		own = s.words(c, e.Any, false)
	case len(c.Prefixes)+len(c.Infixes) > 0:
		own = s.unspell(c, e.Any)
	default:
		own = s.withoutVariants(role{field: m.h.logical, c: c}, e.Any)
	}
	for _, list := range [][]ir.Pattern{own, e.Any} {
		if len(list) == 0 {
			continue
		}
		r.diags, r.reasons = nil, nil
		h := *m.h
		h.field = g
		got := h.match(e.Span, g, list, same.Cased, false)
		if !r.diags.HasErrors() && normKey(got) == normKey(same) {
			out := *same
			out.Any = list
			return &out
		}
	}
	z.diags.Infof(codeReworded, e, "", "%s has words of its own for values of %s, and what is compared here is none of them", m.h.b.where(), m.logical)
	return same
}
