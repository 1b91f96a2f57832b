package briefing

import (
	"regexp"
	"strings"
)

// block is a piece of the file: a heading, a fenced text or a line of text.
type block struct {
	kind  blockKind
	line  int // index of its first line
	end   int // index behind its last line
	level int // of a heading
	text  string
	// Of a fence: the language in lower case, the lines of its content, and
	// whether it has its closing line.
	lang     string
	from, to int
	closed   bool
}

type blockKind int

const (
	textBlock blockKind = iota
	headingBlock
	fenceBlock
)

// A hunt's own lines, which never stand inside the text of a query.
var (
	huntHeader = regexp.MustCompile("^`(UC_[A-Za-z0-9_]+)`")
	huntLabel  = regexp.MustCompile(`^\*\*(?i:(Splunk|SPL)|(Defender|KQL))\b[^*]*\*\*:?\s*$`)
)

// split takes the file apart. A fence ends at its closing line; a fence that
// has none ends before the next line that can only stand outside: a section
// of a known name, a hunt's heading or label, the start of another query.
func (s *source) split() []block {
	var out []block
	for i := 0; i < len(s.lines); {
		text := s.lines[i].text
		if mark, info, ok := fenceOpening(text); ok {
			b := block{kind: fenceBlock, line: i, from: i + 1}
			if words := strings.Fields(info); len(words) > 0 {
				b.lang = strings.ToLower(strings.Trim(words[0], "{}."))
			}
			j := i + 1
			for j < len(s.lines) && !fenceClosing(s.lines[j].text, mark) && !s.outside(j) {
				j++
			}
			b.to, b.end = j, j
			if j < len(s.lines) && fenceClosing(s.lines[j].text, mark) {
				b.closed, b.end = true, j+1
			}
			out = append(out, b)
			i = b.end
			continue
		}
		b := block{kind: textBlock, line: i, end: i + 1, text: text}
		if level, title, ok := heading(text); ok {
			b.kind, b.level, b.text = headingBlock, level, title
		}
		out = append(out, b)
		i++
	}
	return out
}

// fenceOpening reads the opening line of a fenced block. An information text
// with a backtick in it is none: a comment of SPL on one line is not a fence.
func fenceOpening(text string) (mark, info string, ok bool) {
	t := strings.TrimLeft(text, " ")
	if len(text)-len(t) > 3 || len(t) < 3 {
		return "", "", false
	}
	n := 0
	for n < len(t) && t[n] == t[0] {
		n++
	}
	switch {
	case n < 3 || t[0] != '`' && t[0] != '~':
		return "", "", false
	case t[0] == '`' && strings.IndexByte(t[n:], '`') >= 0:
		return "", "", false
	}
	return t[:n], strings.TrimSpace(t[n:]), true
}

// fenceClosing reports whether a line closes a fence. For three backticks it
// is a line of exactly these: comments of SPL start with three as well.
func fenceClosing(text, mark string) bool {
	t := strings.TrimRight(text, " \t")
	if mark == "```" {
		return t == mark
	}
	t = strings.TrimLeft(t, " ")
	return len(t) >= len(mark) && strings.Trim(t, mark[:1]) == ""
}

// outside reports whether a line cannot be the content of a fence.
func (s *source) outside(i int) bool {
	text := s.lines[i].text
	if text == "" {
		return false
	}
	switch text[0] {
	case '#':
		level, title, ok := heading(text)
		switch {
		case !ok:
			return false
		case level == 2:
			_, known := sectionOf(title)
			return known
		case level == 3:
			next := i + 1
			for next < len(s.lines) && s.lines[next].blank() {
				next++
			}
			return next < len(s.lines) && huntHeader.MatchString(s.lines[next].text)
		}
	case '*':
		return huntLabel.MatchString(text)
	case '`':
		t := strings.TrimRight(text, " \t")
		return t == "```spl" || t == "```kql"
	}
	return false
}

// heading reads "## title".
func heading(text string) (level int, title string, ok bool) {
	for level < len(text) && level < 7 && text[level] == '#' {
		level++
	}
	if level == 0 || level > 6 || level == len(text) || text[level] != ' ' && text[level] != '\t' {
		return 0, "", false
	}
	title = strings.TrimSpace(text[level:])
	if t := strings.TrimRight(title, "#"); t != title && (t == "" || strings.HasSuffix(t, " ")) {
		title = strings.TrimSpace(t)
	}
	return level, title, true
}

// sectionOf gives the kind of a section by the name in its heading.
func sectionOf(title string) (SectionKind, bool) {
	switch t := strings.ToLower(title); {
	case t == "threat profile":
		return SectionProfile, true
	case t == "indicators of compromise", t == "indicators of compromise (high-fidelity only)", t == "iocs":
		return SectionIOCs, true
	case t == "mitre att&ck", strings.HasPrefix(t, "mitre att&ck techniques"), strings.HasPrefix(t, "mitre att&ck ("):
		return SectionTechniques, true
	case t == "kill chain phases observed", t == "kill chain":
		return SectionKillChain, true
	case t == "recommended hunts":
		return SectionHunts, true
	case strings.HasPrefix(t, "recommended soc actions"), t == "soc / ir actions":
		return SectionActions, true
	case t == "why this matters", t == "why this matters for your soc":
		return SectionWhy, true
	case t == "source body":
		return SectionSource, true
	case isTemplatesTitle(t):
		return SectionTemplates, true
	}
	if lang, _, ok := halfTitle(title); ok {
		return lang, true
	}
	return "", false
}

func isTemplatesTitle(title string) bool {
	return strings.HasPrefix(strings.ToLower(title), "ioc-driven hunts")
}

var dashes = []string{"—", "–", "-", ":"}

// halfTitle reads the heading of a curated hunt's half, "Splunk SPL — x".
func halfTitle(title string) (kind SectionKind, rest string, ok bool) {
	for _, l := range []struct {
		prefix string
		kind   SectionKind
	}{{"splunk spl", SectionSPL}, {"defender kql", SectionKQL}} {
		if len(title) < len(l.prefix) || !strings.EqualFold(title[:len(l.prefix)], l.prefix) {
			continue
		}
		after := strings.TrimSpace(title[len(l.prefix):])
		for _, d := range dashes {
			if t, found := strings.CutPrefix(after, d); found {
				return l.kind, strings.TrimSpace(t), true
			}
		}
		if after == "" {
			return l.kind, title, true
		}
	}
	return "", "", false
}
