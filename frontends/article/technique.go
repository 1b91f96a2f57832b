package article

import (
	"regexp"
	"strings"
)

var (
	techniqueID  = regexp.MustCompile(`\bT[01][0-9]{3}(?:[./][0-9]{3})?\b`)
	nameBehind   = regexp.MustCompile(`^[*\])` + "`" + `]*\s*(?:\||—|–|--|-|:)\s*[*` + "`" + `]*([A-Z][A-Za-z0-9/&' :-]{2,80})`)
	nameInParens = regexp.MustCompile(`^[*\]` + "`" + `]*\s*\(([A-Z][A-Za-z0-9/&' :-]{2,80})\)`)
	nameBefore   = regexp.MustCompile(`([A-Z][A-Za-z0-9/&'-]*(?:[: ]+(?:(?:of|or|and|the|to|in|on|for|via|with|over)[ ]+)?[A-Z0-9][A-Za-z0-9/&'-]*){0,7})\s*[(\[|—–-]+\s*[*` + "`" + `\[]*$`)
	nameEnd      = regexp.MustCompile(`\s*(?:\||[.;,]|\bT[01][0-9]{3}).*$`)
)

// techniques finds the technique numbers of a block and the names beside them.
func (c *cursor) techniques() {
	ids := techniqueID.FindAllStringIndex(c.text, -1)
	for n, m := range ids {
		if m[0] > 0 && strings.IndexByte(`/-_.\=`, c.text[m[0]-1]) >= 0 {
			continue // part of an address or of a longer name
		}
		s := c.sentences[c.sentence(m[0])]
		end := min(max(s.to, m[1]), m[1]+160)
		if n+1 < len(ids) {
			end = min(end, max(m[1], ids[n+1][0]))
		}
		start := max(s.from, m[0]-160)
		if n > 0 {
			start = max(start, ids[n-1][1])
		}
		name := techniqueName(c.text[min(start, m[0]):m[0]], c.text[m[1]:end])
		c.take(m[0], m[1])
		c.draft.Techniques = append(c.draft.Techniques, Technique{
			Span: c.place(m[0], m[1]), Quote: c.quote(m[0], m[1]),
			ID: strings.ReplaceAll(c.text[m[0]:m[1]], "/", "."), Name: name,
		})
	}
}

func techniqueName(before, after string) string {
	if m := nameInParens.FindStringSubmatch(after); m != nil {
		return strings.TrimSpace(m[1])
	}
	if m := nameBehind.FindStringSubmatch(after); m != nil {
		return strings.TrimRight(nameEnd.ReplaceAllString(m[1], ""), " -:")
	}
	if m := nameBefore.FindStringSubmatch(before); m != nil {
		name := strings.TrimSpace(m[1])
		for _, lead := range []string{"MITRE", "ATT&CK", "ID", "Technique", "The"} {
			name = strings.TrimSpace(strings.TrimPrefix(name, lead+" "))
		}
		return name
	}
	return ""
}
