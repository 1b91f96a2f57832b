package briefing

import (
	"slices"
	"strings"
	"unicode"

	"github.com/huntc/huntc/diag"
)

// minOverlap is the share of words that two titles must have in common for
// their halves to be taken for one hunt.
const minOverlap = 0.34

// maxTitle is how many bytes of a title are compared.
const maxTitle = 400

// pair joins the halves of curated hunts by their titles and files all hunts.
// Nothing in a briefing says which halves belong together, so each pair is
// reported. Equal titles come first, then the greatest overlap; of equals the
// first in the file.
func (p *parser) pair() {
	type match struct {
		spl, kql int
		overlap  float64
	}
	words := make([][]string, len(p.halves))
	for i, h := range p.halves {
		words[i] = titleWords(h.hunt.Title)
	}
	var matches []match
	for i, a := range p.halves {
		for j, b := range p.halves {
			if a.lang != SectionSPL || b.lang != SectionKQL || len(a.hunt.KQL) > 0 || len(b.hunt.SPL) > 0 {
				continue
			}
			o := overlap(words[i], words[j])
			if strings.EqualFold(a.hunt.Title, b.hunt.Title) {
				o = 2 // before any overlap of words
			}
			if o >= minOverlap {
				matches = append(matches, match{i, j, o})
			}
		}
	}
	slices.SortStableFunc(matches, func(a, b match) int {
		switch {
		case a.overlap > b.overlap:
			return -1
		case a.overlap < b.overlap:
			return 1
		}
		return 0
	})
	joined := map[*Hunt]bool{} // halves that are part of another's hunt
	taken := make([]bool, len(p.halves))
	for _, m := range matches {
		if taken[m.spl] || taken[m.kql] {
			continue
		}
		taken[m.spl], taken[m.kql] = true, true
		a, b := p.halves[m.spl].hunt, p.halves[m.kql].hunt
		a.KQL, a.Headings = b.KQL, append(a.Headings, b.Headings...)
		a.Pairing, a.Overlap = PairTokens, m.overlap
		if m.overlap > 1 {
			a.Pairing, a.Overlap = PairTitle, 1
		}
		joined[b] = true
		p.list.Infof(codeGuessedPair, p.doc.Headings[b.Headings[0]], "Compare the two before they are used as one hunt.",
			"This half is taken for the same hunt as line %d, by its title: %.0f %% of the words are common", a.Pos.Line, 100*a.Overlap)
	}
	seen := map[string]int{}
	for _, h := range p.hunts {
		if joined[h] {
			continue
		}
		if h.Pairing == PairNone && len(h.SPL) > 0 && len(h.KQL) > 0 {
			h.Pairing = PairWritten
		}
		if first := seen[h.ID]; h.ID != "" && first > 0 {
			p.list.Warnf(codeTwiceID, diag.Span{Pos: h.Pos}, "", "Line %d has a hunt with the id %s already", first, h.ID)
		} else if h.ID != "" {
			seen[h.ID] = h.Pos.Line
		}
		p.doc.Hunts = append(p.doc.Hunts, *h)
	}
	for n, h := range p.doc.Hunts {
		for _, i := range h.Headings {
			p.doc.Headings[i].Hunt = n
		}
	}
}

// titleWords are the words of a title in lower case, each once, sorted.
func titleWords(title string) []string {
	if len(title) > maxTitle {
		title = title[:maxTitle]
	}
	words := strings.FieldsFunc(strings.ToLower(title), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	slices.Sort(words)
	return slices.Compact(words)
}

// overlap is the share of the words of both titles that both have.
func overlap(a, b []string) float64 {
	common := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			common++
			i++
			j++
		case a[i] < b[j]:
			i++
		default:
			j++
		}
	}
	if common == 0 {
		return 0
	}
	return float64(common) / float64(len(a)+len(b)-common)
}
