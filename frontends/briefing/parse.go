package briefing

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/internal/ioc"
)

// Caps on what one file may hold. A briefing has some tens of kilobytes and
// some tens of hunts.
const (
	MaxSize     = 1 << 20 // bytes
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
	p.pair()
	if !p.telling() {
		p.list = nil // what was said of an article read as a briefing is of no use
		p.list.Errorf(CodeNotBriefing, diag.Span{Pos: diag.Pos{Filename: p.src.path, Line: 1, Column: 1}},
			"A briefing has sections such as \"## Threat Profile\" and \"## Recommended hunts\".",
			"This is not a briefing: it has none of the sections that only briefings have")
		return
	}
	if !p.titled {
		p.list.Warnf(codeSeverity, diag.Span{Pos: diag.Pos{Filename: p.src.path, Line: 1, Column: 1}},
			"Begin the file with \"# [HIGH] title\".", "The briefing has no title")
	}
	p.form()
	p.checkMeta()
	p.settle()
	p.checkTemplates()
	slices.SortStableFunc(p.doc.Excluded, func(a, b IOC) int { return a.Pos.Offset - b.Pos.Offset })
	slices.SortStableFunc(p.doc.IOCs, func(a, b IOC) int { return a.Pos.Offset - b.Pos.Offset })
}

// telling reports whether there is something that only briefings have. Articles
// have lists of indicators and of techniques too, under the same headings.
func (p *parser) telling() bool {
	for _, s := range p.doc.Sections {
		switch s.Kind {
		case SectionIOCs, SectionTechniques, SectionWhy, SectionOther:
			if p.doc.Severity != "" || p.doc.Marked {
				return true
			}
		default:
			return true
		}
	}
	return false
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

// otherBriefing is a reference to a file that is not read here.
var otherBriefing = regexp.MustCompile(`(?i)\bpaired\b[^.` + "`" + `]{0,60}\bbriefing\b|\bbriefings/[A-Za-z0-9_./-]{1,300}\.md\b`)

// line reads one line of text outside fences.
func (p *parser) line(i int) {
	text := p.src.lines[i].text
	if m := otherBriefing.FindStringIndex(text); m != nil && p.section != "" {
		start := p.src.lines[i].start
		p.list.Infof(codeOtherBriefing, p.src.span(start+m[0], start+m[1]), "Import that briefing too.", "This line refers to another briefing, which is not read here")
	}
	if p.section != SectionIOCs && p.section != "" && ioc.RejectsPlainly(text) {
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
