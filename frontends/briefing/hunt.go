package briefing

import (
	"regexp"
	"strings"

	"github.com/huntc/huntc/diag"
)

var (
	phaseField = regexp.MustCompile(`(?i)\bphase:\s*\*\*([^*]*)\*\*`)
	confField  = regexp.MustCompile(`(?i)\bconfidence:\s*\*\*([^*]*)\*\*`)
	numericID  = regexp.MustCompile(`^UC_[0-9]`)

	phases      = []string{"recon", "weapon", "delivery", "exploit", "install", "c2", "actions"}
	confidences = []string{"High", "Medium", "Low"}
)

// startHunt begins a hunt under a heading. Title is without the words that
// every such heading has.
func (p *parser) startHunt(kind HeadingKind, heading, title string, span diag.Span) {
	h := &Hunt{Span: span, Title: title, Origin: OriginCurated, Headings: []int{len(p.doc.Headings)}}
	if kind == HeadingHunt {
		h.Origin = OriginUnknown
		if rest, ok := strings.CutPrefix(title, "[LLM]"); ok {
			h.Title, h.Origin = strings.TrimSpace(rest), OriginLLM
		} else if strings.HasPrefix(title, "Article-specific") {
			h.Origin = OriginArticle
		}
	}
	p.doc.Headings = append(p.doc.Headings, Heading{span, kind, heading, -1})
	p.hunt, p.label, p.half, p.huntHead = h, "", -1, true
	p.hunts = append(p.hunts, h)
}

// endHunt closes the hunt that is open before a line.
func (p *parser) endHunt(before int) {
	h := p.hunt
	if h == nil {
		return
	}
	for before > 0 && p.src.lines[before-1].blank() {
		before--
	}
	if before > 0 {
		h.EndPos = p.src.at(p.src.lines[before-1].end())
	}
	if len(h.SPL)+len(h.KQL) == 0 {
		p.list.Warnf(codeNoQuery, diag.Span{Pos: h.Pos}, "", "The hunt %q has no query", h.Title)
	}
	if !p.huntHead {
		p.list.Warnf(codeHuntHeader, diag.Span{Pos: h.Pos}, "Under the heading goes `UC_NAME` · phase: **x** · confidence: **y**.",
			"The hunt %q has no line with its id, phase and confidence", h.Title)
	}
	p.hunt, p.half, p.label = nil, -1, ""
}

// huntLine reads a line under a hunt's heading that says something about it.
func (p *parser) huntLine(i int, text string) bool {
	if m := huntLabel.FindStringSubmatch(text); m != nil {
		p.label = "kql"
		if m[1] != "" {
			p.label = "spl"
		}
		return true
	}
	m := huntHeader.FindStringSubmatch(text)
	if m == nil || p.half >= 0 || p.huntHead {
		return false
	}
	p.huntHead = true
	h := p.hunt
	h.ID = m[1]
	if h.Origin == OriginUnknown && !numericID.MatchString(h.ID) {
		h.Origin = OriginCatalogue
	}
	span := p.src.lineSpan(i)
	h.Phase = p.field(span, text, "phase", phaseField, phases)
	h.Confidence = p.field(span, text, "confidence", confField, confidences)
	return true
}

// field reads "name: **value**", one of a few values.
func (p *parser) field(at diag.Span, text, name string, shape *regexp.Regexp, known []string) string {
	m := shape.FindStringSubmatch(text)
	if m == nil {
		p.list.Warnf(codeHuntHeader, at, "Write it as "+name+": **value**.", "The line has no %s", name)
		return ""
	}
	value := strings.TrimSpace(m[1])
	for _, k := range known {
		if strings.EqualFold(k, value) {
			return value
		}
	}
	p.list.Warnf(codeHuntHeader, at, diag.DidYouMean(value, known), "%q is no known %s", value, name)
	return value
}

// fence reads a fenced block.
func (p *parser) fence(b block) {
	opening := p.src.lineSpan(b.line)
	if !b.closed {
		p.list.Warnf(codeOpenFence, opening, "End it with a line of exactly three backticks.",
			"The fence has no closing line; what follows is read from line %d on", b.end+1)
	}
	lang := queryLanguage(b.lang)
	if lang == "" && b.lang == "" && p.hunt != nil {
		if lang = p.expected(); lang != "" {
			p.list.Warnf(codeBlockLanguage, opening, "Write ```"+lang+".", "The block does not say its language; it is read as %s, as its heading says", lang)
		}
	}
	if lang == "" {
		if p.hunt != nil {
			p.list.Warnf(codeBlockLanguage, opening, "Only spl and kql are read.", "A block in %q is no query of this hunt", b.lang)
		}
		return
	}
	if want := p.expected(); want != "" && want != lang {
		p.list.Warnf(codeBlockLanguage, opening, "Correct the label or the block's language.", "The block says %s, what stands above it says %s; it is read as %s", lang, want, lang)
	}
	if p.hunt == nil {
		p.list.Warnf(codeOrphanQuery, opening, "Put it under a heading of its own in \"Recommended hunts\".", "This query stands outside of any hunt; it becomes one of its own")
		title := p.near
		if title == "" {
			title = p.doc.Title
		}
		p.startHunt(HeadingNone, "", title, opening)
		p.hunt.Origin = OriginUnknown
		p.addQueries(b, lang)
		p.endHunt(b.end)
		return
	}
	p.addQueries(b, lang)
}

// expected is the language that a label or a curated heading announces.
func (p *parser) expected() string {
	switch {
	case p.label != "":
		return p.label
	case p.half < 0:
		return ""
	case p.halves[p.half].lang == SectionSPL:
		return "spl"
	}
	return "kql"
}

func queryLanguage(lang string) string {
	switch lang {
	case "spl", "splunk":
		return "spl"
	case "kql", "kusto":
		return "kql"
	}
	return ""
}

func (p *parser) addQueries(b block, lang string) {
	parts := [][2]int{{b.from, b.to}}
	into := &p.hunt.SPL
	if lang == "kql" {
		parts, into = p.statements(b.from, b.to), &p.hunt.KQL
	}
	number := 0
	if n := len(*into); n > 0 {
		number = (*into)[n-1].Block + 1
	}
	part := 0
	for _, r := range parts {
		q, ok := p.query(r[0], r[1])
		if !ok {
			continue
		}
		q.Block, q.Part = number, part
		part++
		*into = append(*into, q)
	}
	switch {
	case part == 0:
		p.list.Warnf(codeNoQuery, p.src.lineSpan(b.line), "", "The block of the hunt %q is empty", p.hunt.Title)
	case part > 1:
		p.list.Infof(codeSplitBlock, p.src.lineSpan(b.line), "", "The block holds %d queries, separated by blank lines; each is read on its own", part)
	}
}

// query cuts lines out as one text.
func (p *parser) query(from, to int) (Query, bool) {
	for from < to && p.src.lines[from].blank() {
		from++
	}
	for from < to && p.src.lines[to-1].blank() {
		to--
	}
	if from == to {
		return Query{}, false
	}
	var b strings.Builder
	q := Query{Span: p.src.span(p.src.lines[from].start, p.src.lines[to-1].end())}
	for i, l := range p.src.lines[from:to] {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(l.text)
		q.Lines = append(q.Lines, l.start)
	}
	q.Text = b.String()
	return q, true
}

// statements cuts a KQL block where a blank line ends a query. A blank line
// inside a query stays inside: where the text before it goes on (its last
// character says so: the ";" of a let, an open bracket, a comma) or the text
// behind it does (it is indented, or begins with a pipe or a closing bracket).
// Comments belong to what follows them.
func (p *parser) statements(from, to int) [][2]int {
	var out [][2]int
	start := from
	last := "" // the last line of the query so far that is no comment
	for i := from; i < to; i++ {
		if p.src.lines[i].blank() && last != "" && !goesOn(last) {
			next := i
			for next < to && (p.src.lines[next].blank() || isComment(p.src.lines[next].text)) {
				next++
			}
			if next < to && !continues(p.src.lines[next].text) {
				out = append(out, [2]int{start, i})
				start, last = i, ""
			}
			i = max(i, next-1)
			continue
		}
		if t := p.src.lines[i].text; !p.src.lines[i].blank() && !isComment(t) {
			last = t
		}
	}
	return append(out, [2]int{start, to})
}

func isComment(text string) bool {
	return strings.HasPrefix(strings.TrimLeft(text, " \t"), "//")
}

func goesOn(text string) bool {
	t := strings.TrimSpace(text)
	if i := strings.LastIndex(t, " //"); i > 0 && !strings.Contains(t[i:], `"`) {
		t = strings.TrimSpace(t[:i])
	}
	return t != "" && strings.ContainsRune(";,([{|=", rune(t[len(t)-1]))
}

func continues(text string) bool {
	return strings.ContainsRune(" \t|)]},;", rune(text[0]))
}
