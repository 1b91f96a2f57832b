package briefing

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/huntc/huntc/diag"
)

// Caps on what one file may hold. A briefing has some tens of kilobytes and
// some tens of hunts.
const (
	MaxSize     = 4 << 20 // bytes
	MaxHeadings = 1000    // of hunts and their halves
	maxNesting  = 32      // of bullets
)

// Parse reads one briefing. There is always a document, with as much as could
// be read; only errors in the list (not UTF-8, too large, not a briefing) mean
// that it must not be used.
func Parse(path string, src []byte) (*Document, diag.List) {
	p := &parser{doc: &Document{Path: path}, half: -1}
	at := diag.Span{Pos: diag.Pos{Filename: path, Line: 1, Column: 1}}
	if len(src) > MaxSize {
		p.list.Errorf(codeTooLarge, at, "Split the file; a briefing is about one article.",
			"The file has %d bytes; a briefing has at most %d", len(src), MaxSize)
		return p.doc, p.list
	}
	text := string(src)
	if !utf8.ValidString(text) {
		good := len(text)
		for i, r := range text {
			if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd") {
				good = i
				break
			}
		}
		s := newSource(path, text)
		p.list.Errorf(codeNotUTF8, diag.Span{Pos: s.at(good)}, "Save the file as UTF-8.", "The file is not UTF-8")
		return p.doc, p.list
	}
	p.src = newSource(path, text)
	p.read()
	p.list.Sort()
	return p.doc, p.list
}

// parser takes the blocks of a file one by one.
type parser struct {
	src  *source
	doc  *Document
	list diag.List

	section  SectionKind // "" before the first
	titled   bool        // the title was read
	meta     map[string]bool
	hunt     *Hunt  // that text and fences belong to, nil outside hunts
	half     int    // index of the curated half that is open, -1 if none is
	label    string // language that the last label names, "" without one
	huntHead bool   // the hunt's header line was read
	near     string // title of the nearest heading, for queries outside hunts
	nearSpan diag.Span

	hunts  []*Hunt
	halves []*half
	iocs   *iocList
	refs   refReader

	candidates []candidate
	mentions   []IOC
	rejected   []IOC // values that prose outside lists rejects
}

// half is one half of a curated hunt.
type half struct {
	hunt *Hunt // with one heading, of one language
	lang SectionKind
}

func (p *parser) read() {
	p.meta = map[string]bool{}
	p.refs.p = p
	p.refs.open = -1
	if len(p.src.lines) > 0 && strings.Contains(strings.ToLower(p.src.lines[0].text), "<!-- curated:true") {
		p.doc.Marked = true
	}
	blocks := p.src.split()
	if p.tooManyHeadings(blocks) {
		return
	}
	for _, b := range blocks {
		switch b.kind {
		case headingBlock:
			p.heading(b)
		case fenceBlock:
			p.fence(b)
		default:
			p.line(b.line)
		}
	}
	p.endHunt(len(p.src.lines))
	p.endSection(len(p.src.text))
	if len(p.doc.Sections) == 0 {
		p.list.Errorf(codeNotBriefing, diag.Span{Pos: diag.Pos{Filename: p.src.path, Line: 1, Column: 1}},
			"A briefing has sections such as \"## Threat Profile\" and \"## Recommended hunts\".",
			"This is not a briefing: it has none of the sections of one")
		return
	}
	if !p.titled {
		p.list.Warnf(codeSeverity, diag.Span{Pos: diag.Pos{Filename: p.src.path, Line: 1, Column: 1}},
			"Begin the file with \"# [HIGH] title\".", "The briefing has no title")
	}
	p.form()
	p.pair()
	p.checkMeta()
	p.settle()
	p.checkTemplates()
}

// tooManyHeadings stops files that are made to be slow: pairing looks at each
// half with each other.
func (p *parser) tooManyHeadings(blocks []block) bool {
	n := 0
	for _, b := range blocks {
		if b.kind == headingBlock && b.level > 1 || b.kind == fenceBlock && queryLanguage(b.lang) != "" {
			if n++; n > MaxHeadings {
				p.list.Errorf(codeTooLarge, p.src.lineSpan(b.line), "Split the file; a briefing is about one article.",
					"The file has more than %d headings and queries", MaxHeadings)
				return true
			}
		}
	}
	return false
}

func (p *parser) heading(b block) {
	span := p.src.lineSpan(b.line)
	p.near, p.nearSpan = b.text, span
	switch {
	case b.level == 1 && !p.titled && p.section == "":
		p.title(b.text, span)
	case b.level == 1:
		p.foreign(b.text, span)
	case b.level == 2:
		kind, known := sectionOf(b.text)
		if !known {
			p.foreignSection(b, span)
			return
		}
		p.startSection(kind, b, span)
	case b.level == 3 && p.section == SectionHunts:
		p.endHunt(b.line)
		p.refs.close()
		if isTemplatesTitle(b.text) {
			p.doc.Headings = append(p.doc.Headings, Heading{span, HeadingTemplates, b.text, -1})
			return
		}
		p.startHunt(HeadingHunt, b.text, b.text, span)
		p.huntHead = false
	case p.section == SectionIOCs:
		p.iocs.heading(b.text)
	}
}

var severityTag = regexp.MustCompile(`^\[([A-Za-z]+)\]\s*`)

func (p *parser) title(text string, span diag.Span) {
	p.titled = true
	p.doc.Title, p.doc.TitleSpan = text, span
	if m := severityTag.FindStringSubmatch(text); m != nil {
		switch tag := strings.ToUpper(m[1]); tag {
		case "CRIT", "HIGH", "MED", "LOW":
			p.doc.Severity, p.doc.Title = tag, text[len(m[0]):]
			return
		}
	}
	p.list.Warnf(codeSeverity, span, "Begin the title with [CRIT], [HIGH], [MED] or [LOW].", "The title has no tag of severity")
}

func (p *parser) foreign(title string, span diag.Span) {
	p.list.Infof(codeForeign, span, "", "The heading %q belongs to quoted text; it starts no section", title)
}

// foreignSection reads a section of no known name. Inside prose it is a part
// of what is quoted there; after it nothing is taken for a list or a hunt.
func (p *parser) foreignSection(b block, span diag.Span) {
	switch p.section {
	case SectionProfile, SectionSource, SectionWhy, SectionActions:
		p.foreign(b.text, span)
	case "":
		p.foreign(b.text, span)
	default:
		p.list.Warnf(codeForeign, span, "If hunts or indicators stand under it, put them under a section of a known name.",
			"No section of a briefing has the name %q; nothing under it is read but queries", b.text)
		p.endHunt(b.line)
		p.endSection(p.src.lines[b.line].start)
		p.section = SectionOther
		p.doc.Sections = append(p.doc.Sections, Section{Span: span, Kind: SectionOther, Title: b.text, Body: ""})
	}
}

func (p *parser) startSection(kind SectionKind, b block, span diag.Span) {
	p.endHunt(b.line)
	p.endSection(p.src.lines[b.line].start)
	if kind != SectionSPL && kind != SectionKQL {
		for _, s := range p.doc.Sections {
			if s.Kind == kind {
				p.list.Infof(codeTwiceSection, span, "", "There is a section of %s in line %d already; both are read", kind, s.Pos.Line)
				break
			}
		}
	}
	p.section = kind
	p.doc.Sections = append(p.doc.Sections, Section{Span: span, Kind: kind, Title: b.text})
	switch kind {
	case SectionIOCs:
		p.iocs = &iocList{p: p}
	case SectionSPL, SectionKQL:
		_, title, _ := halfTitle(b.text)
		heading := HeadingSPL
		if kind == SectionKQL {
			heading = HeadingKQL
		}
		p.startHunt(heading, b.text, title, span)
		p.half = len(p.halves)
		p.halves = append(p.halves, &half{p.hunt, kind})
	case SectionTemplates:
		p.doc.Headings = append(p.doc.Headings, Heading{span, HeadingTemplates, b.text, -1})
	}
}

// endSection gives the section that ends its text.
func (p *parser) endSection(end int) {
	p.refs.close()
	if n := len(p.doc.Sections); n > 0 {
		s := &p.doc.Sections[n-1]
		if from := min(s.EndPos.Offset, end); s.Body == "" {
			s.Body = strings.Trim(p.src.text[from:end], "\r\n \t")
		}
	}
}

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

var (
	metaLine   = regexp.MustCompile(`^\*\*([A-Za-z][A-Za-z /()-]{0,40}):\*\*\s*(.*)$`)
	phaseField = regexp.MustCompile(`(?i)\bphase:\s*\*\*([^*]*)\*\*`)
	confField  = regexp.MustCompile(`(?i)\bconfidence:\s*\*\*([^*]*)\*\*`)
	huntID     = regexp.MustCompile(`^UC_[0-9]`)
	other      = regexp.MustCompile(`(?i)\bpaired\b[^.` + "`" + `]{0,60}\bbriefing\b|\bbriefings/[A-Za-z0-9_./-]{1,300}\.md\b`)
)

var phases = []string{"recon", "weapon", "delivery", "exploit", "install", "c2", "actions"}

var confidences = []string{"High", "Medium", "Low"}

// line reads one line of text outside fences.
func (p *parser) line(i int) {
	text := p.src.lines[i].text
	if m := other.FindStringIndex(text); m != nil && p.section != "" {
		start := p.src.lines[i].start
		p.list.Infof(codeOtherBriefing, p.src.span(start+m[0], start+m[1]), "Import that briefing too.", "This line refers to another briefing, which is not read here")
	}
	if p.section != SectionIOCs && p.section != "" && plainExcludes.MatchString(text) && !notExcludes.MatchString(text) {
		p.reject(i)
	}
	if p.hunt != nil && p.huntLine(i, text) {
		return
	}
	switch p.section {
	case "":
		p.metadata(i, text)
	case SectionIOCs:
		p.iocs.line(i)
	case SectionTechniques:
		p.technique(i, text)
	case SectionKillChain:
		p.killChain(text)
	case SectionHunts, SectionTemplates, SectionSPL, SectionKQL:
		p.refs.line(i)
	}
}

// reject notes the values that a line of prose forbids.
func (p *parser) reject(i int) {
	ln := p.src.lines[i]
	l := &iocList{p: p}
	l.each(ln.start, ln.text, func(ioc IOC, ok bool) {
		if ok && ioc.Reason == "" {
			p.rejected = append(p.rejected, ioc)
		}
	})
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
	if h.Origin == OriginUnknown && !huntID.MatchString(h.ID) {
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

func (p *parser) killChain(text string) {
	_, at, ok := bullet(text)
	if !ok {
		return
	}
	if t := strings.Trim(strings.TrimSpace(text[at:]), "*`_"); t != "" {
		p.doc.KillChain = append(p.doc.KillChain, t)
	}
}

// form names the order of sections.
func (p *parser) form() {
	curated, automatic, foreign, source := false, false, false, false
	for _, s := range p.doc.Sections {
		switch s.Kind {
		case SectionSPL, SectionKQL, SectionActions:
			curated = true
		case SectionHunts, SectionKillChain:
			automatic = true
		case SectionSource:
			source = true
		}
	}
	for _, d := range p.list {
		foreign = foreign || d.Code == codeForeign
	}
	switch {
	case curated && automatic:
		p.doc.Form = FormHybrid
	case curated:
		p.doc.Form = FormCurated
	case source:
		p.doc.Form = FormKEV
	case foreign:
		p.doc.Form = FormAdvisory
	default:
		p.doc.Form = FormStandard
	}
}
