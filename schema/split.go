package schema

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/huntc/huntc/ir"
)

// anyText is the pattern that every text matches.
var anyText = ir.Pattern{Parts: []ir.Part{{Wild: ir.Many}}}

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
			return o.left.String() == left.String() && o.right.String() == right.String()
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
func matches(p ir.Pattern, s string) bool { return glob(p.Parts, s) }

func glob(parts []ir.Part, s string) bool {
	if len(parts) == 0 {
		return s == ""
	}
	switch part := parts[0]; part.Wild {
	case ir.Text:
		return hasPrefixFold(s, part.Text) && glob(parts[1:], s[len(part.Text):])
	case ir.One:
		if s == "" {
			return false
		}
		_, size := utf8.DecodeRuneInString(s)
		return glob(parts[1:], s[size:])
	default:
		if len(parts) == 1 {
			return true
		}
		for i := 0; i <= len(s); i++ {
			if glob(parts[1:], s[i:]) {
				return true
			}
		}
		return false
	}
}

// hasPrefixFold takes texts of the same length in bytes for comparable, which
// holds for the words that targets use for missing values and their like.
func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
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
