package schema

import (
	"slices"
	"strings"

	"github.com/huntc/huntc/ir"
)

// respell rewrites patterns for a path of which the column writes parts in other
// words: the start, and components within. The result matches what the column
// holds if and only if the pattern matches the path that it stands for, also
// where a wildcard cuts through such a word; where that cannot be had, a reason
// says so.
//
// The names of components after the first that the schema lists for one are
// further names of the same thing: they are looked for where a pattern names it.
func (l *leaf) respell(patterns []ir.Pattern) []ir.Pattern {
	if len(l.c.Prefixes)+len(l.c.Infixes) == 0 {
		return patterns
	}
	if l.cased {
		l.r.reason(l.at, codeColumn, ir.Mixed, l.neg, "Compare without |cased.",
			"%s writes parts of %s in other words, of which the case is not known", l.where(), l.f.Name)
	}
	out := make([]ir.Pattern, 0, len(patterns))
	for _, p := range patterns {
		// With a separator at the end, every component has one behind it.
		q := ir.Pattern{Span: p.Span, Parts: append([]ir.Part(nil), p.Parts...)}
		q.Append(ir.Part{Text: separatorText})
		for _, start := range respellStart(q, l.c.Prefixes) {
			spelt, over := respellWithin(start, l.c.Infixes)
			if over {
				l.r.reason(p, codeColumn, ir.Over, l.neg, "",
					"%s has further names for parts of %s, of which %q speaks by one only", l.where(), l.f.Name, p.String())
			}
			for _, s := range spelt {
				out = append(out, withoutSeparator(s))
			}
		}
	}
	return out
}

const separatorText = `\`

func withoutSeparator(p ir.Pattern) ir.Pattern {
	last := len(p.Parts) - 1
	if p.Parts[last].Text = strings.TrimSuffix(p.Parts[last].Text, separatorText); p.Parts[last].Text == "" {
		p.Parts = p.Parts[:last]
	}
	return p
}

// respellStart rewrites a pattern for texts that begin with one of the keys of
// the table: in their place the column has one of the words listed for it.
//
// The pattern stays where it treats every key as it does the first word for it,
// and names none: a key stands nowhere but at the start.
func respellStart(p ir.Pattern, table map[string][]string) []ir.Pattern {
	if len(table) == 0 {
		return []ir.Pattern{p}
	}
	type start struct {
		words        []string
		named        bool
		have, stored []place
	}
	starts := make([]start, 0, len(table))
	stays, possible, named := true, false, false
	for _, key := range sortedKeys(table) {
		words := table[key]
		s := start{words, names(p, key), consume(nil, p.Parts, place{}, key, sameLetter), consume(nil, p.Parts, place{}, words[0], sameLetter)}
		possible = possible || len(s.stored) > 0
		stays = stays && within(s.stored, s.have)
		named = named || s.named
		starts = append(starts, s)
	}
	var out []ir.Pattern
	if stays && possible && !named {
		out = append(out, p)
	}
	for _, s := range starts {
		for _, to := range s.have {
			if stays && slices.Contains(s.stored, to) || named && (!s.named || to == place{}) {
				continue
			}
			for i, word := range s.words {
				if i > 0 && to == (place{}) {
					break // the pattern does not name the start
				}
				out = append(out, appendFrom(ir.TextPattern(p.Span, word), p, to))
			}
		}
	}
	if len(out) == 0 {
		return []ir.Pattern{p} // it names no start that there is
	}
	return out
}

// respellWithin adds patterns for the other words that the column may have in
// the place of components that are keys of the table. over says that the pattern
// matches such a word where it does not match the component.
func respellWithin(p ir.Pattern, table map[string][]string) (out []ir.Pattern, over bool) {
	out = []ir.Pattern{p}
	for _, key := range sortedKeys(table) {
		have := cuts(p, separatorText+key+separatorText)
		for _, word := range table[key] {
			if strings.EqualFold(word, key) {
				continue
			}
			word = separatorText + word + separatorText
			stored := cuts(p, word)
			for _, c := range stored {
				// The component stands in a path once.
				over = over || !slices.Contains(have, c) && !names(c.replace(p, word), separatorText+key)
			}
			for _, c := range have {
				if !slices.Contains(stored, c) {
					out = append(out, c.replace(p, word))
				}
			}
		}
	}
	return out, over
}

// names reports whether a text of the pattern holds the word.
func names(p ir.Pattern, word string) bool {
	return slices.ContainsFunc(p.Parts, func(part ir.Part) bool {
		for i := 0; i+len(word) <= len(part.Text); i++ {
			if strings.EqualFold(part.Text[i:i+len(word)], word) {
				return true
			}
		}
		return false
	})
}

func within[T comparable](list, in []T) bool {
	for _, e := range list {
		if !slices.Contains(in, e) {
			return false
		}
	}
	return true
}
