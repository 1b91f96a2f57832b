package schema

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/huntc/huntc/ir"
)

func isAny(p ir.Pattern) bool {
	shape, _ := p.Shape()
	return shape == ir.ShapeAny
}

// halves is a pattern for the text left of a separator and one for the text
// right of it.
type halves struct{ left, right ir.Pattern }

// splitLast splits a pattern for left + sep + right, where right holds no
// separator, into all pairs of patterns that together match the same texts:
// the pattern matches the whole if and only if some pair matches both halves.
//
// The separator of the whole is either the last one in the pattern's text, or
// it is swallowed by a wildcard behind that.
func splitLast(p ir.Pattern, sep byte) []halves {
	var out []halves
	add := func(left, right ir.Pattern) {
		h := halves{left, right}
		if !slices.ContainsFunc(out, func(o halves) bool {
			return o.left.Equal(left) && o.right.Equal(right)
		}) {
			out = append(out, h)
		}
	}
	build := func(parts ...[]ir.Part) ir.Pattern {
		q := ir.Pattern{Span: p.Span}
		for _, list := range parts {
			for _, part := range list {
				q.Append(part)
			}
		}
		return q
	}
	many := []ir.Part{{Wild: ir.Many}}
	for i := len(p.Parts) - 1; i >= 0; i-- {
		part := p.Parts[i]
		before, after := p.Parts[:i], p.Parts[i+1:]
		switch part.Wild {
		case ir.Many:
			add(build(before, many), build(many, after))
		case ir.One:
			add(build(before), build(after))
		case ir.Text:
			if at := strings.LastIndexByte(part.Text, sep); at >= 0 {
				add(build(before, text(part.Text[:at])), build(text(part.Text[at+1:]), after))
				slices.Reverse(out)
				return out
			}
		}
	}
	slices.Reverse(out)
	return out
}

func text(s string) []ir.Part { return []ir.Part{{Text: s}} }

// fileName turns a pattern for an absolute path into one for the path's last
// component, where the two match the same paths: *\x.exe becomes x.exe, and
// *x.exe stays; anything that names a folder has no such form.
func fileName(p ir.Pattern) (ir.Pattern, bool) {
	shape, s := p.Shape()
	if shape != ir.ShapeSuffix {
		return ir.Pattern{}, false
	}
	switch sep := strings.LastIndexAny(s, `\/`); {
	case sep < 0:
		return p, true
	case sep == 0 && len(s) > 1:
		return ir.TextPattern(p.Span, s[1:]), true
	}
	return ir.Pattern{}, false
}

// matches reports whether the pattern matches s, without case.
func matches(p ir.Pattern, s string) bool { return matchesAs(p, s, false) }

func matchesAs(p ir.Pattern, s string, cased bool) bool {
	same := sameLetter
	if cased {
		same = func(a, b rune) bool { return a == b }
	}
	return matchesBy(p, s, same)
}

// matchesBy reports whether the pattern matches s by some idea of which of its
// characters matches which of s.
func matchesBy(p ir.Pattern, s string, same func(a, b rune) bool) bool {
	var buf [8]place
	return slices.ContainsFunc(consume(buf[:0], p.Parts, place{}, s, same), func(end place) bool {
		return end.part == len(p.Parts) || end.part == len(p.Parts)-1 && p.Parts[end.part].Wild == ir.Many
	})
}

// place is a place within a pattern: before a wildcard, before the byte at of a
// text, or at the end. What stands behind it is a pattern as well.
type place struct{ part, at int }

// consume adds to found the places to which a pattern can have come when it has
// matched exactly word from a place on: from there it matches word + x if and
// only if what stands behind one of them matches x.
func consume(found []place, parts []ir.Part, from place, word string, same func(a, b rune) bool) []place {
	for word != "" {
		if from.part == len(parts) {
			return found
		}
		r, size := utf8.DecodeRuneInString(word)
		switch part := parts[from.part]; part.Wild {
		case ir.Many:
			found = consume(found, parts, place{from.part + 1, 0}, word, same)
		case ir.One:
			from = place{from.part + 1, 0}
		default:
			c, n := utf8.DecodeRuneInString(part.Text[from.at:])
			if !same(c, r) {
				return found
			}
			if from.at += n; from.at == len(part.Text) {
				from = place{from.part + 1, 0}
			}
		}
		word = word[size:]
	}
	if !slices.Contains(found, from) {
		found = append(found, from)
	}
	return found
}

// sameLetter reports whether simple case folding makes two characters equal.
func sameLetter(a, b rune) bool {
	if a < utf8.RuneSelf && b < utf8.RuneSelf {
		return a == b || a|0x20 == b|0x20 && 'a' <= a|0x20 && a|0x20 <= 'z'
	}
	for r := unicode.SimpleFold(a); r != a; r = unicode.SimpleFold(r) {
		if r == b {
			return true
		}
	}
	return a == b
}

// cut is a way in which a pattern matches a text that holds a word.
type cut struct{ from, to place }

// cuts are all ways in which a pattern can match a text that holds the word: it
// matches a + word + b if and only if for one of them what stands before from
// matches a, and what stands behind to matches b. A wildcard for any text that
// stands at from belongs to what is before it as well.
func cuts(p ir.Pattern, word string) []cut {
	var out []cut
	var ends []place
	start := func(from place) {
		ends = consume(ends[:0], p.Parts, from, word, sameLetter)
		for _, to := range ends {
			out = append(out, cut{from, to})
		}
	}
	first, _ := utf8.DecodeRuneInString(word)
	for i, part := range p.Parts {
		if part.Wild != ir.Text {
			start(place{i, 0})
			continue
		}
		for at, r := range part.Text {
			if sameLetter(r, first) && (at > 0 || i == 0 || p.Parts[i-1].Wild != ir.Many) {
				start(place{i, at})
			}
		}
	}
	return out
}

// replace is the pattern with other text in the place that the cut leaves out.
func (c cut) replace(p ir.Pattern, with string) ir.Pattern {
	q := ir.Pattern{Span: p.Span}
	for i := 0; i < len(p.Parts) && i <= c.from.part; i++ {
		part := p.Parts[i]
		if i == c.from.part {
			if part.Wild == ir.One {
				break
			}
			if part.Wild == ir.Text {
				part.Text = part.Text[:c.from.at]
			}
		}
		q.Append(part)
	}
	q.Append(ir.Part{Text: with})
	return appendFrom(q, p, c.to)
}

// appendFrom puts behind q what stands behind a place of p.
func appendFrom(q, p ir.Pattern, from place) ir.Pattern {
	for i := from.part; i < len(p.Parts); i++ {
		part := p.Parts[i]
		if i == from.part && part.Wild == ir.Text {
			part.Text = part.Text[from.at:]
		}
		q.Append(part)
	}
	return q
}

// mapTexts applies f to each text of a pattern: i is the index of the part.
func mapTexts(p ir.Pattern, f func(i int, s string) string) ir.Pattern {
	q := ir.Pattern{Span: p.Span}
	for i, part := range p.Parts {
		if part.Wild == ir.Text {
			part.Text = f(i, part.Text)
		}
		q.Append(part)
	}
	return q
}
