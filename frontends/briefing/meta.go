package briefing

import (
	"regexp"
	"strings"
	"time"

	"github.com/huntc/huntc/diag"
)

var metaLine = regexp.MustCompile(`^\*\*([A-Za-z][A-Za-z /()-]{0,40}):\*\*\s*(.*)$`)

// metadata reads a line above the first section.
func (p *parser) metadata(i int, text string) {
	m := metaLine.FindStringSubmatchIndex(text)
	if m == nil {
		return
	}
	start := p.src.lines[i].start
	name, value := text[m[2]:m[3]], strings.TrimSpace(text[m[4]:m[5]])
	at := p.src.span(start+m[4], start+len(strings.TrimRight(text, " \t")))
	key := strings.ToLower(name)
	switch key {
	case "source", "sources", "source(s)":
		key = "source"
	case "article", "articles", "article(s)", "link", "url":
		key = "article"
	case "published", "date":
		key = "published"
	case "curated":
	default:
		p.list.Infof(codeMetadata, p.src.lineSpan(i), "Known are Source, Published, Article and Curated.", "%q is no metadata of a briefing; the line is not read", name)
		return
	}
	if p.meta[key] {
		p.list.Warnf(codeMetadata, at, "Leave one of them.", "%s stands twice; the first is used", name)
		return
	}
	p.meta[key] = true
	switch key {
	case "source":
		for _, s := range strings.Split(value, ", ") {
			if s = strings.TrimSpace(s); s != "" {
				p.doc.Sources = append(p.doc.Sources, s)
			}
		}
	case "article":
		p.doc.Article = linkTarget(value)
	case "curated":
		p.doc.Curated = value
	case "published":
		if _, err := time.Parse(time.DateOnly, value); err != nil {
			p.list.Warnf(codeMetadata, at, "Write the date as YYYY-MM-DD.", "%q is no date", value)
			return
		}
		p.doc.Published = value
	}
}

// linkTarget takes the address out of "[text](address)" and "<address>".
func linkTarget(v string) string {
	if i := strings.LastIndex(v, "]("); i >= 0 && strings.HasSuffix(v, ")") {
		return v[i+2 : len(v)-1]
	}
	return strings.TrimSuffix(strings.TrimPrefix(v, "<"), ">")
}

func (p *parser) checkMeta() {
	for _, key := range []string{"source", "published", "article"} {
		if !p.meta[key] {
			at := p.doc.TitleSpan
			if !at.Pos.IsValid() {
				at = diag.Span{Pos: diag.Pos{Filename: p.src.path, Line: 1, Column: 1}}
			}
			name := strings.ToUpper(key[:1]) + key[1:]
			p.list.Warnf(codeMetadata, at, "Write **"+name+":** below the title.", "The briefing has no line %q", name)
		}
	}
}

// arrows separate phases that stand in one line.
var arrows = regexp.MustCompile(`\s*(?:→|->|>|,)\s*`)

// killChain reads one line of the phases: a bullet, or several with arrows
// between them.
func (p *parser) killChain(text string) {
	_, at, _ := bullet(text)
	t := strings.TrimSpace(text[at:])
	if strings.HasPrefix(t, "_") && strings.HasSuffix(t, "_") {
		return // a note that there are none
	}
	for _, phase := range arrows.Split(t, -1) {
		if phase = strings.Trim(phase, "*`_ "); phase != "" {
			p.doc.KillChain = append(p.doc.KillChain, phase)
		}
	}
}
