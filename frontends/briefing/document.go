package briefing

import (
	"strings"
	"unicode/utf8"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/internal/ioc"
)

// Form is the order of sections that a briefing follows.
type Form string

const (
	FormKEV      Form = "kev"      // a catalogue entry: one CVE, a template, the entry's text
	FormStandard Form = "standard" // automatic sections, hunts under "Recommended hunts"
	FormAdvisory Form = "advisory" // the same with headings of the quoted advisory between them
	FormCurated  Form = "curated"  // an analyst's sections, one for each query
	FormHybrid   Form = "hybrid"   // an analyst's sections, then the automatic ones
)

// Document is one briefing.
type Document struct {
	Path      string
	Form      Form
	Marked    bool   // the first line says curated:true
	Severity  string // CRIT, HIGH, MED or LOW; "" if the title has no tag
	Title     string // without the tag
	TitleSpan diag.Span
	Sources   []string
	Published string // YYYY-MM-DD, "" if absent or no date
	Article   string // address of the article
	Curated   string // what the line "Curated" says, "" without it

	Sections   []Section
	IOCs       []IOC // indicators to use, in the order of the file, repeats kept
	Excluded   []IOC // values that must not be used, each with its reason; those of template references stand there
	Techniques []Technique
	KillChain  []string
	// Hunts are in the order of their first heading. Every heading of a hunt
	// belongs to exactly one of them: see Headings.
	Hunts     []Hunt
	Headings  []Heading
	Templates []TemplateRef
}

// SectionKind says what a section of a known name is for.
type SectionKind string

const (
	SectionProfile    SectionKind = "profile"
	SectionIOCs       SectionKind = "indicators"
	SectionTechniques SectionKind = "techniques"
	SectionKillChain  SectionKind = "kill chain"
	SectionHunts      SectionKind = "hunts"
	SectionActions    SectionKind = "actions"
	SectionSPL        SectionKind = "spl" // a curated hunt's half
	SectionKQL        SectionKind = "kql"
	SectionTemplates  SectionKind = "templates"
	SectionWhy        SectionKind = "why"
	SectionSource     SectionKind = "source"
	SectionOther      SectionKind = "other" // a name that is not known, not inside quoted prose
)

// Section is a part of a briefing under a heading that is known. Its span is
// that of the heading, Body the text below it.
type Section struct {
	diag.Span
	Kind  SectionKind
	Title string
	Body  string
}

// Heading announces a hunt, one half of a hunt, or the template references.
type Heading struct {
	diag.Span
	Kind  HeadingKind
	Title string // as written, without the marks of the heading
	Hunt  int    // index in Document.Hunts; -1 for template references
}

// HeadingKind says what stands under a heading.
type HeadingKind string

const (
	HeadingHunt      HeadingKind = "hunt"      // both halves
	HeadingSPL       HeadingKind = "spl"       // the SPL half of a curated hunt
	HeadingKQL       HeadingKind = "kql"       // the KQL half of a curated hunt
	HeadingTemplates HeadingKind = "templates" // references to shared templates
	HeadingNone      HeadingKind = "none"      // no heading of a hunt at all: the query stood alone
)

// Origin says who wrote a hunt.
type Origin string

const (
	OriginCatalogue Origin = "catalogue" // a named UC id, repeated over many briefings
	OriginLLM       Origin = "llm"       // the title says [LLM]
	OriginArticle   Origin = "article"   // generated from the article's names
	OriginCurated   Origin = "curated"   // an analyst's
	OriginUnknown   Origin = "unknown"
)

// Pairing says how the two halves of a hunt came together.
type Pairing string

const (
	PairWritten Pairing = "written" // under one heading
	PairTitle   Pairing = "title"   // two sections whose titles are equal: a guess
	PairTokens  Pairing = "tokens"  // two sections whose titles share words: a guess
	PairNone    Pairing = ""        // there is one half only
)

// Guessed reports whether nothing in the briefing says that the two halves
// belong together.
func (p Pairing) Guessed() bool { return p == PairTitle || p == PairTokens }

// Hunt is one hunt. Its span runs from its (first) heading to the end of what
// stands under it.
type Hunt struct {
	diag.Span
	Title      string // without [LLM]
	ID         string // UC_…, "" for curated hunts
	Phase      string // as written, "" for curated hunts
	Confidence string
	Origin     Origin
	Pairing    Pairing
	Overlap    float64 // share of words in common where Pairing is guessed, else 0
	SPL        []Query
	KQL        []Query
	Headings   []int // indices in Document.Headings
}

// Query is the text of one query, lines ended by LF, without blank lines
// around it. Its span is the text's in the file.
type Query struct {
	diag.Span
	Text string
	// Block counts the fenced blocks of the hunt in this language from 0; the
	// queries of one block follow each other, Part counts them from 0.
	Block, Part int
	// Lines has the byte offset in the file of each line of the text.
	Lines []int
}

// PosAt is the place in the file of a byte offset in the text.
func (q *Query) PosAt(off int) diag.Pos {
	off = max(0, min(off, len(q.Text)))
	before := q.Text[:off]
	line := strings.Count(before, "\n")
	start := strings.LastIndexByte(before, '\n') + 1
	pos := diag.Pos{Filename: q.Pos.Filename, Offset: q.Pos.Offset, Line: q.Pos.Line + line, Column: 1}
	if line == 0 {
		pos.Column = q.Pos.Column
	}
	if line < len(q.Lines) {
		pos.Offset = q.Lines[line]
	}
	pos.Offset += off - start
	pos.Column += utf8.RuneCountInString(before[start:])
	return pos
}

// Kind is the type of an indicator.
type Kind = ioc.Kind

const (
	CVE    = ioc.CVE
	IPv4   = ioc.IPv4
	IPv6   = ioc.IPv6
	Domain = ioc.Domain
	URL    = ioc.URL
	SHA256 = ioc.SHA256
	SHA1   = ioc.SHA1
	MD5    = ioc.MD5
)

// Kinds lists all kinds in the order in which reports name them.
var Kinds = []Kind{CVE, IPv4, IPv6, Domain, URL, SHA256, SHA1, MD5}

// Reason says why a value must not be used as an indicator.
type Reason = ioc.Reason

const (
	ReasonAuthor    = ioc.ReasonAuthor    // the briefing says so: DO NOT block, a false positive
	ReasonMention   = ioc.ReasonMention   // free text names it, no list of indicators does
	ReasonCommit    = ioc.ReasonCommit    // a git commit id under the label of a hash
	ReasonReserved  = ioc.ReasonReserved  // an address that nobody can own
	ReasonFileName  = ioc.ReasonFileName  // shaped like a domain
	ReasonSuffix    = ioc.ReasonSuffix    // a public suffix: everybody's
	ReasonMalformed = ioc.ReasonMalformed // of no kind that is known
)

// IOC is one value of a list of indicators at one place.
type IOC struct {
	diag.Span
	Kind Kind // "" only for values that are malformed
	// Value is refanged and in the spelling that data has: hashes, domains in
	// lower case, CVE in upper. An address may have a prefix length.
	Value    string
	Raw      string // as written, between the backticks
	Port     int    // of an address or domain that was written with one, else 0
	Wildcard bool   // "*.domain": the value is the domain
	Reason   Reason // of Document.Excluded, else ""
	// Doubt says why a value that is used may be wrong; "" if nothing does.
	Doubt string
}

// Technique is one ATT&CK technique or sub-technique.
type Technique struct {
	diag.Span
	ID     string // T1059.001
	Name   string // as written
	Tactic string // ATT&CK's name of it in lower case, "" where none is written
	Note   string // the remark behind the name
}

// TemplateRef asks for a shared template to be filled with values.
type TemplateRef struct {
	diag.Span
	Title      string
	Anchor     string // the template's, without #
	Phase      string
	Confidence string
	CVEs       []IOC
	IPs        []IOC
	Domains    []IOC
	URLs       []IOC
	Hashes     []IOC
	Excluded   []IOC // values that must not be used
	Elsewhere  bool  // the values stand in another file
}

// Indicators returns the indicators to use, each value once, where it stands
// first.
func (d *Document) Indicators() []IOC {
	seen := map[[2]string]bool{}
	var out []IOC
	for _, i := range d.IOCs {
		key := [2]string{string(i.Kind), i.Value}
		if !seen[key] {
			seen[key] = true
			out = append(out, i)
		}
	}
	return out
}

// Unlisted returns the headings that no hunt answers for. It is empty: the
// count of hunts' headings is the proof that none was lost.
func (d *Document) Unlisted() []Heading {
	owned := make([]int, len(d.Headings))
	for _, h := range d.Hunts {
		for _, i := range h.Headings {
			owned[i]++
		}
	}
	var out []Heading
	for i, h := range d.Headings {
		if h.Kind != HeadingTemplates && owned[i] != 1 {
			out = append(out, h)
		}
	}
	return out
}

// Count is how many headings of a kind there are.
func (d *Document) Count(kind HeadingKind) int {
	n := 0
	for _, h := range d.Headings {
		if h.Kind == kind {
			n++
		}
	}
	return n
}
