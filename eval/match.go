package eval

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/huntc/huntc/ir"
)

// matcher tests one text against a list of patterns. For patterns without
// case both are folded: the caller folds the text.
type matcher struct {
	any      bool
	exact    []string
	exactSet map[string]struct{} // in place of a long exact
	prefix   []string
	suffix   []string
	contains []string
	globs    []glob
}

// longList is the length from which a set is faster than a walk.
const longList = 8

func newMatcher(patterns []ir.Pattern, cased bool) *matcher {
	m := &matcher{}
	for _, p := range patterns {
		if !cased {
			p = foldPattern(p)
		}
		shape, s := p.Shape()
		switch shape {
		case ir.ShapeAny:
			m.any = true
		case ir.ShapeExact:
			m.exact = append(m.exact, s)
		case ir.ShapePrefix:
			m.prefix = append(m.prefix, s)
		case ir.ShapeSuffix:
			m.suffix = append(m.suffix, s)
		case ir.ShapeContains:
			m.contains = append(m.contains, s)
		default:
			m.globs = append(m.globs, newGlob(p))
		}
	}
	if len(m.exact) >= longList {
		m.exactSet = make(map[string]struct{}, len(m.exact))
		for _, s := range m.exact {
			m.exactSet[s] = struct{}{}
		}
		m.exact = nil
	}
	return m
}

func foldPattern(p ir.Pattern) ir.Pattern {
	out := ir.Pattern{Span: p.Span}
	for _, part := range p.Parts {
		part.Text = fold(part.Text)
		out.Append(part)
	}
	return out
}

func (m *matcher) match(s string) bool {
	if m.any {
		return true
	}
	for _, t := range m.exact {
		if s == t {
			return true
		}
	}
	if m.exactSet != nil {
		if _, ok := m.exactSet[s]; ok {
			return true
		}
	}
	for _, t := range m.suffix {
		if strings.HasSuffix(s, t) {
			return true
		}
	}
	for _, t := range m.prefix {
		if strings.HasPrefix(s, t) {
			return true
		}
	}
	for _, t := range m.contains {
		if strings.Contains(s, t) {
			return true
		}
	}
	for _, g := range m.globs {
		if g.match(s) {
			return true
		}
	}
	return false
}

// glob is a pattern cut at its Many wildcards into runs of text and One
// wildcards. The first run stands at the start, the last at the end, and
// those between follow each other anywhere.
type glob struct {
	runs [][]ir.Part
}

func newGlob(p ir.Pattern) glob {
	g := glob{runs: [][]ir.Part{nil}}
	for _, part := range p.Parts {
		if part.Wild == ir.Many {
			g.runs = append(g.runs, nil)
			continue
		}
		last := &g.runs[len(g.runs)-1]
		*last = append(*last, part)
	}
	return g
}

// match is the usual greedy match: to take the first place where a middle run
// fits leaves the most text to the runs after it, so nothing is lost by never
// going back.
func (g glob) match(s string) bool {
	n, ok := runAt(g.runs[0], s)
	if !ok {
		return false
	}
	if len(g.runs) == 1 {
		return n == len(s)
	}
	s = s[n:]
	last := len(g.runs) - 1
	for _, run := range g.runs[1:last] {
		end, ok := findRun(run, s)
		if !ok {
			return false
		}
		s = s[end:]
	}
	return endsWith(g.runs[last], s)
}

// runAt is the length of the start of s that the run fits.
func runAt(run []ir.Part, s string) (int, bool) {
	n := 0
	for _, part := range run {
		if part.Wild == ir.One {
			if n == len(s) {
				return 0, false
			}
			_, w := utf8.DecodeRuneInString(s[n:])
			n += w
			continue
		}
		if !strings.HasPrefix(s[n:], part.Text) {
			return 0, false
		}
		n += len(part.Text)
	}
	return n, true
}

// findRun is the end of the first place in s that the run fits.
func findRun(run []ir.Part, s string) (int, bool) {
	for at := 0; ; {
		if len(run) > 0 && run[0].Wild == ir.Text {
			i := strings.Index(s[at:], run[0].Text)
			if i < 0 {
				return 0, false
			}
			at += i
		}
		if n, ok := runAt(run, s[at:]); ok {
			return at + n, true
		}
		if at == len(s) {
			return 0, false
		}
		_, w := utf8.DecodeRuneInString(s[at:])
		at += w
	}
}

// endsWith fits the run to the end of s, from behind.
func endsWith(run []ir.Part, s string) bool {
	for _, part := range slices.Backward(run) {
		if part.Wild == ir.One {
			if s == "" {
				return false
			}
			_, w := utf8.DecodeLastRuneInString(s)
			s = s[:len(s)-w]
			continue
		}
		if !strings.HasSuffix(s, part.Text) {
			return false
		}
		s = s[:len(s)-len(part.Text)]
	}
	return true
}
