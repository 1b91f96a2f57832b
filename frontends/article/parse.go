package article

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/internal/ioc"
)

// MaxSize is the size of the largest article that is read, in bytes. A page
// with its scripts has some hundreds of kilobytes.
const MaxSize = 4 << 20

// reader reads one article.
type reader struct {
	src    *source
	draft  *Draft
	list   diag.List
	blocks []block
	inList bool

	pageTitle, author, firstHeading Fact
	// What holds for the blocks that follow.
	openSection               string
	sectionLevel              int
	openListing, openRejected bool
	openLead, openHead        string

	found     finder
	mechanics map[[2]string]int // kind and value -> index in all
	all       []Mechanic
}

// Parse drafts what an article says. The draft is never nil; it is empty where
// the list has an error.
func Parse(path string, src []byte) (*Draft, diag.List) {
	r := &reader{draft: &Draft{Path: path}, mechanics: map[[2]string]int{}}
	start := diag.Span{Pos: diag.Pos{Filename: path, Line: 1, Column: 1}}
	if len(src) > MaxSize {
		r.list.Errorf(codeTooLarge, start, "Save the article's text alone, without the rest of the page.",
			"The file has %d bytes; an article has at most %d", len(src), MaxSize)
		return r.draft, r.list
	}
	text := string(src)
	r.src = newSource(path, text)
	if !utf8.ValidString(text) {
		good := 0
		for good < len(text) {
			c, n := utf8.DecodeRuneInString(text[good:])
			if c == utf8.RuneError && n <= 1 {
				break
			}
			good += n
		}
		r.list.Errorf(codeNotUTF8, diag.Span{Pos: r.src.at(good)}, "Save the article as UTF-8 text, Markdown or HTML.", "The file is not UTF-8")
		return r.draft, r.list
	}
	r.draft.Format = formatOf(text)
	switch r.draft.Format {
	case HTML:
		r.html()
	default:
		r.lined(r.draft.Format == Markdown)
	}
	r.titles()
	r.found.commits = commitTalk.MatchString(text)
	for i := range r.blocks {
		r.read(&r.blocks[i])
	}
	r.settle()
	d := r.draft
	if len(d.Indicators)+len(d.CVEs)+len(d.Techniques)+len(d.Mechanics) == 0 {
		r.list.Warnf(CodeNothing, start, "Give the article itself, not a page that loads it.", "The article names no indicator, no technique and no behaviour that leaves a trace")
	}
	r.list.Sort()
	return d, r.list
}

var (
	htmlStart    = regexp.MustCompile(`(?i)^(?:<\?xml[^>]{0,200}>\s*)?<(?:!doctype\s+html|html|head|body|article|main|section|div|p|h[1-6]|table|ul|ol|pre|span|meta|title)\b`)
	htmlMark     = regexp.MustCompile(`(?i)</(?:p|div|body|html|h[1-6]|table|ul|ol|article)>`)
	markdownMark = regexp.MustCompile("(?m)^ {0,3}#{1,6} \\S|^ {0,3}(?:```|~~~)|\\]\\((?:https?:|/|#)|\\*\\*[^*\\n]{1,200}\\*\\*|^\\|[ \\t:|-]*-[ \\t:|-]*\\|[ \\t]*\\r?$|`[^`\\n]{1,200}`|^---\\r?\\n[A-Za-z_]+:|^[=]{3,}\\r?$|\\A\\s*<!--")
)

// formatOf tells the format by what the text holds.
func formatOf(text string) Format {
	t := strings.TrimLeft(strings.TrimPrefix(text, "\ufeff"), " \t\r\n")
	for strings.HasPrefix(t, "<!--") {
		_, rest, ok := strings.Cut(t, "-->")
		if !ok {
			break
		}
		t = strings.TrimLeft(rest, " \t\r\n")
	}
	if htmlStart.MatchString(t[:min(len(t), 1000)]) {
		return HTML
	}
	if len(t) > 0 && t[0] == '<' && len(htmlMark.FindAllStringIndex(t, 2)) == 2 {
		return HTML
	}
	if markdownMark.MatchString(text) {
		return Markdown
	}
	return Text
}

var (
	listingTitle = regexp.MustCompile(`(?i)\bindicators?\b|\biocs?\b|\bobservables?\b|\bhash(?:es)?\b|\bsamples?\b|\bc2\b|\bc&c\b|\bcommand[- ]and[- ]control (?:servers?|domains?|infrastructure|address(?:es)?)\b|\b(?:malicious|attacker|network) (?:domains?|urls?|ips?|infrastructure|address(?:es)?)\b|^(?:domains?|urls?|ip address(?:es)?|ips?|ipv4|ipv6|sha-?256|sha-?1|md5|network|files?)\b:?$`)
	rejectTitle  = regexp.MustCompile(`(?i)\blegitimate\b|\b(?:allow|white|safe)-?list|\bbenign\b|\bknown[- ]good\b|\bfalse[- ]positives?\b|\breferences?$|\bfurther reading$`)
	notListing   = regexp.MustCompile(`(?i)\bno indicators?\b`)
)

// add files a block under its section, with the sentence that leads to it.
func (r *reader) add(b block) {
	if strings.TrimSpace(b.text) == "" && len(b.links) == 0 {
		return
	}
	text := strings.TrimSpace(b.text)
	if b.kind == heading {
		r.openLead = ""
		title := r.firstHeading.Text == ""
		if title {
			from, to := b.offsets(0, len(b.text))
			r.firstHeading = r.fact(from, to, text)
		}
		below := b.level > r.sectionLevel && r.openSection != ""
		listing := listingTitle.MatchString(text) && !notListing.MatchString(text)
		rejected := rejectTitle.MatchString(text) || ioc.Rejects(text)
		if title && len(r.blocks) == 0 && len(text) > 40 {
			listing, rejected = false, false // what the article is about, not what a list holds
		}
		// What a heading says holds for the headings below it.
		r.openListing = listing || below && r.openListing
		r.openRejected = rejected || below && r.openRejected && !listing
		if !below {
			r.sectionLevel = b.level
		}
		r.openSection = cut(text, maxSentence)
	}
	b.section, b.listing, b.rejected = r.openSection, r.openListing && !r.openRejected, r.openRejected
	if b.kind == item || b.kind == row || b.kind == code {
		b.lead = r.openLead
	}
	if b.kind == row {
		if n := len(r.blocks); n == 0 || r.blocks[n-1].kind != row {
			r.openHead = ""
			if len(text) <= maxSentence && !hexRun.MatchString(text) {
				r.openHead = text
			}
		}
		b.head = r.openHead
	}
	if b.kind == prose && text != "" {
		r.openLead = ""
		if strings.HasSuffix(text, ":") {
			ss := sentences(&b)
			last := ss[len(ss)-1]
			r.openLead = cutLeft(strings.TrimSpace(b.text[last.from:last.to]), maxSentence)
		}
	}
	r.blocks = append(r.blocks, b)
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

func cutLeft(s string, n int) string {
	if len(s) <= n {
		return s
	}
	from := len(s) - n
	for from < len(s) && !utf8.RuneStart(s[from]) {
		from++
	}
	return "…" + s[from:]
}

func (r *reader) fact(from, to int, text string) Fact {
	return Fact{r.src.span(from, to), strings.Join(strings.Fields(text), " ")}
}

// read takes the values and the mechanics out of one block.
func (r *reader) read(b *block) {
	c := &cursor{reader: r, block: b, sentences: sentences(b), taken: make([]bool, len(b.text))}
	c.literals = quoted(b)
	c.techniques()
	c.paths()
	c.indicators()
	c.references()
	c.mechanics()
}

// cursor reads one block.
type cursor struct {
	*reader
	*block
	sentences []run
	literals  []literal
	taken     []bool // bytes that belong to a value already
	known     map[int]*stance
}

// stance is what a sentence says of the values in it.
type stance struct {
	network, hash, rejects bool
}

// sentence finds the index of the sentence that an offset is in.
func (c *cursor) sentence(off int) int {
	lo, hi := 0, len(c.sentences)-1
	for lo < hi {
		mid := (lo + hi + 1) / 2
		if c.sentences[mid].from <= off {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo
}

// maxSentence is how much of a sentence is quoted, in bytes.
const maxSentence = 600

func (c *cursor) quote(from, to int) Quote {
	s := c.sentences[c.sentence(from)]
	start, end := s.from, s.to
	for start < from && isSpace(c.text[start]) {
		start++
	}
	for end > to && isSpace(c.text[end-1]) {
		end--
	}
	end = max(end, to)
	q := Quote{Lead: c.lead, Section: c.block.section}
	if end-start <= maxSentence {
		q.Sentence = c.text[start:end]
		return q
	}
	a, z := max(start, from-maxSentence/2), min(end, to+maxSentence/2)
	for a > start && !utf8.RuneStart(c.text[a]) {
		a--
	}
	for z < end && !utf8.RuneStart(c.text[z]) {
		z++
	}
	q.Sentence = c.text[a:z]
	if a > start {
		q.Sentence = "…" + q.Sentence
	}
	if z < end {
		q.Sentence += "…"
	}
	return q
}

func (c *cursor) place(from, to int) diag.Span {
	src, end := c.offsets(from, to)
	return c.src.span(src, end)
}

// around is what stands before and after a value in its sentence.
func (c *cursor) around(from, to int) (before, after string) {
	s := c.sentences[c.sentence(from)]
	a, z := max(s.from, from-200), min(max(s.to, to), to+200)
	return c.text[min(a, from):from], c.text[to:max(z, to)]
}

func (c *cursor) free(from, to int) bool {
	for i := from; i < to; i++ {
		if c.taken[i] {
			return false
		}
	}
	return true
}

func (c *cursor) take(from, to int) {
	for i := from; i < to; i++ {
		c.taken[i] = true
	}
}

var (
	networkTalk = regexp.MustCompile(`(?i)\bc2\b|\bc&c\b|\bcommand[- ](?:and|&)[- ]control\b|\bbeacon|\bexfiltrat|\bmalicious\b|\battackers?\b|\bthreat actors?\b|\bphishing\b|\bcontact(?:s|ed)\b|\bconnect(?:s|ed|ing)?\b|\bcommunicat|\bcall(?:s|ed)? (?:home|out)\b|\bresolv|\bdownload|\bfetch|\bpayload|\bdropp(?:er|ed)\b|\bredirect|\bhosted\b|\bposts?\b|\bupload|\btyposquat|\blookalike\b|\bindicators?\b|\biocs?\b|\bdomains?\b|\bservers?\b|\bmining pool|\bsends?\b|\bstage[rd]?\b|\bcurl\b|\bwget\b`)
	hashTalk    = regexp.MustCompile(`(?i)\bsha-?(?:1|256)\b|\bmd5\b|\bhash(?:es)?\b|\bsamples?\b|\bchecksums?\b|\bdigests?\b|\bfiles?\b|\bbinar(?:y|ies)\b|\bpayloads?\b`)
)

// hexRun is a value, which no head of a table has.
var hexRun = regexp.MustCompile(`[0-9A-Fa-f]{32}`)

// says reads the sentence around an offset, once.
func (c *cursor) says(off int) *stance {
	i := c.sentence(off)
	if s := c.known[i]; s != nil {
		return s
	}
	s := c.sentences[i]
	text := c.text[s.from:s.to]
	st := &stance{
		network: networkTalk.MatchString(text) || networkTalk.MatchString(c.lead) || networkTalk.MatchString(c.head),
		hash:    hashTalk.MatchString(text) || hashTalk.MatchString(c.lead) || hashTalk.MatchString(c.head),
		rejects: ioc.RejectsPlainly(text) || ioc.Rejects(c.lead) || c.listing && ioc.Rejects(text),
	}
	if c.known == nil {
		c.known = map[int]*stance{}
	}
	c.known[i] = st
	return st
}
