package article

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A page is read by its tags alone, without a tree: what a browser would mend,
// like a tag that is not closed, costs no more than a break too many.

// tag is one tag of a page; the text between two tags is a tag without a name.
type tag struct {
	name     string // lower case
	end      bool   // </name>
	attrs    string // what stands behind the name
	from, to int    // in the file
	skipTo   int    // index of the tag that ends what is not read; 0 if it is read
}

// rawText names the elements whose content is no markup; what they hold is
// never text of an article, but for the title.
var rawText = map[string]bool{"script": true, "style": true, "textarea": true, "title": true, "noscript": false, "xmp": true, "iframe": true, "noembed": true}

// aside names the parts of a page that are the site's and not the article's.
var asideParts = map[string]bool{"nav": true, "footer": true, "aside": true, "form": true, "svg": true, "template": true, "select": true, "button": true}

var breaks = map[string]bool{
	"address": true, "article": true, "blockquote": true, "body": true, "dd": true, "details": true, "div": true, "dl": true, "dt": true,
	"fieldset": true, "figcaption": true, "figure": true, "h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true,
	"head": true, "header": true, "hr": true, "html": true, "li": true, "main": true, "ol": true, "p": true, "pre": true, "section": true,
	"summary": true, "table": true, "tbody": true, "thead": true, "tr": true, "ul": true,
}

// tags cuts a page into tags and texts.
func tags(text string) []tag {
	var out []tag
	// closing[name] has where the next end of an element of raw text is sought
	// in vain, so that it is sought once.
	missing := map[string]bool{}
	limit := maxTag
	pos := 0
	flush := func(to int) {
		if to > pos {
			out = append(out, tag{from: pos, to: to})
		}
	}
	for i := 0; i < len(text); {
		lt := strings.IndexByte(text[i:], '<')
		if lt < 0 {
			break
		}
		i += lt
		rest := text[i:]
		if len(rest) < 2 {
			break
		}
		if strings.HasPrefix(rest, "<!--") {
			end := -1
			if !missing["-->"] {
				end = strings.Index(rest[4:], "-->")
			}
			flush(i)
			if end < 0 {
				missing["-->"] = true
				out = append(out, tag{name: "!", from: i, to: i + 4})
				pos, i = i+4, i+4
				continue
			}
			out = append(out, tag{name: "!--", from: i, to: i + 4 + end + 3})
			i += 4 + end + 3
			pos = i
			continue
		}
		c := rest[1]
		isEnd := c == '/'
		nameAt := 1
		if isEnd {
			nameAt = 2
		}
		if c != '!' && c != '?' && (nameAt >= len(rest) || !isLetter(rest[nameAt])) {
			i++
			continue
		}
		end, seen := tagEnd(rest[:min(len(rest), limit)])
		if end < 0 {
			if seen > brokenTag {
				limit = brokenTag
			}
			i++
			continue
		}
		n := nameAt
		for n < end && !isSpace(rest[n]) && rest[n] != '>' && rest[n] != '/' {
			n++
		}
		flush(i)
		t := tag{name: strings.ToLower(rest[nameAt:n]), end: isEnd, attrs: rest[n:end], from: i, to: i + end + 1}
		out = append(out, t)
		i = t.to
		pos = i
		if raw := rawText[t.name]; raw && !isEnd && !missing[t.name] {
			j := indexFold(text[i:], "</"+t.name)
			if j < 0 {
				missing[t.name] = true
				continue
			}
			flush(i + j)
			i += j
			pos = i
		}
	}
	flush(len(text))
	return out
}

// maxTag is how long a tag can be: a "<" that no ">" follows is text. Once one
// of more than brokenTag bytes has turned out to be none, none may be so long:
// work stays in proportion to the page.
const (
	maxTag    = 1 << 16
	brokenTag = 256
)

// tagEnd finds the ">" of a tag, past those in quotes, or -1; seen is how many
// bytes it looked at.
func tagEnd(s string) (end, seen int) {
	quote := byte(0)
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '>':
			return i, i
		case (c == '"' || c == '\'') && s[i-1] == '=':
			quote = c
		case c == '<' && i > 1:
			return -1, i
		}
	}
	return -1, len(s)
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

// indexFold is strings.Index for a lower-case ASCII needle, whatever the case.
func indexFold(s, needle string) int {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], needle[0])
		if i < 0 || from+i+len(needle) > len(s) {
			return -1
		}
		if strings.EqualFold(s[from+i:from+i+len(needle)], needle) {
			return from + i
		}
		from += i + 1
	}
}

// attr reads an attribute of a tag, and where its value stands in it.
func attr(attrs, name string) (value string, at int, ok bool) {
	for i := 0; i < len(attrs); {
		for i < len(attrs) && (isSpace(attrs[i]) || attrs[i] == '/') {
			i++
		}
		start := i
		for i < len(attrs) && !isSpace(attrs[i]) && attrs[i] != '=' && attrs[i] != '/' {
			i++
		}
		key := attrs[start:i]
		for i < len(attrs) && isSpace(attrs[i]) {
			i++
		}
		if i >= len(attrs) || attrs[i] != '=' {
			if i == start {
				i++
			}
			continue
		}
		i++
		for i < len(attrs) && isSpace(attrs[i]) {
			i++
		}
		var v string
		at := i
		if i < len(attrs) && (attrs[i] == '"' || attrs[i] == '\'') {
			at = i + 1
			end := strings.IndexByte(attrs[at:], attrs[i])
			if end < 0 {
				end = len(attrs) - at
			}
			v = attrs[at : at+end]
			i = at + end + 1
		} else {
			for i < len(attrs) && !isSpace(attrs[i]) {
				i++
			}
			v = attrs[at:i]
		}
		if strings.EqualFold(key, name) {
			return v, at, true
		}
	}
	return "", 0, false
}

// skips marks the parts that are not read. One that is never closed is read:
// better too much than the rest of the page lost.
func skips(list []tag) {
	open := map[string][]int{}
	for i := range list {
		t := &list[i]
		if !asideParts[t.name] {
			continue
		}
		if !t.end {
			if !strings.HasSuffix(t.attrs, "/") {
				open[t.name] = append(open[t.name], i)
			}
			continue
		}
		if n := len(open[t.name]); n > 0 {
			list[open[t.name][n-1]].skipTo = i
			open[t.name] = open[t.name][:n-1]
		}
	}
}

// page reads a page into blocks.
type page struct {
	*reader
	b        builder
	pre      int
	inCode   int
	codeAt   int
	literals []run
	links    []link
	link     *link
	items    int
	rows     int
	level    int
	space    bool // a blank is owed
	spaceAt  int
}

func (r *reader) html() {
	p := &page{reader: r}
	list := tags(r.src.text)
	skips(list)
	for i := 0; i < len(list); i++ {
		t := list[i]
		switch {
		case t.name == "":
			p.text(t.from, t.to)
		case t.name == "!":
			r.list.Warnf(codeNotRead, r.src.span(t.from, t.to), "Look at what follows it in the draft: it was not meant to be seen.",
				"The comment is never closed; what follows it is read as text")
		case t.skipTo > 0:
			p.flush()
			if words := visible(list[i : t.skipTo+1]); words > 0 {
				r.list.Infof(codeNotRead, r.src.span(t.from, list[t.skipTo].to), "If it belongs to the article, take it out of this element.",
					"The element %q of the page is the site's, not the article's; it is not read", t.name)
			}
			i = t.skipTo
		case rawText[t.name] && !t.end:
			closed := i+2 < len(list) && list[i+1].name == "" && list[i+2].name == t.name && list[i+2].end
			empty := i+1 < len(list) && list[i+1].name == t.name && list[i+1].end
			if closed {
				if t.name == "title" && r.pageTitle.Text == "" {
					r.pageTitle = r.fact(list[i+1].from, list[i+1].to, html.UnescapeString(r.src.text[list[i+1].from:list[i+1].to]))
				}
				i += 2
			} else if !empty {
				r.list.Warnf(codeNotRead, r.src.span(t.from, t.to), "Look at what follows it in the draft: it may be code.",
					"The element %q is never closed; what follows it is read as text", t.name)
			}
		default:
			p.tag(t)
		}
	}
	p.flush()
}

// visible counts the texts between tags that are not only blanks.
func visible(list []tag) int {
	n := 0
	for _, t := range list {
		if t.name == "" && t.to-t.from > 1 {
			n++
		}
	}
	return n
}

func (p *page) tag(t tag) {
	step := 1
	if t.end {
		step = -1
	}
	switch t.name {
	case "meta", "link", "time":
		if !t.end {
			p.meta(t)
		}
	case "br":
		if p.pre > 0 {
			p.b.add("\n", t.from, t.to-t.from)
		} else {
			p.blank(t.from)
		}
	case "td", "th":
		if !t.end && p.b.len() > 0 {
			p.space = false
			p.b.add(" | ", t.from, t.to-t.from)
		}
	case "code", "kbd", "samp", "tt":
		if !t.end {
			if p.inCode == 0 {
				p.settleSpace()
				p.codeAt = p.b.len()
			}
			p.inCode++
		} else if p.inCode > 0 {
			p.inCode--
			if p.inCode == 0 {
				p.endCode()
			}
		}
	case "a":
		p.endLink()
		if href, at, ok := attr(t.attrs, "href"); ok && !t.end {
			src := t.to - 1 - len(t.attrs) + at
			p.settleSpace()
			p.link = &link{run: run{from: p.b.len()}, target: html.UnescapeString(href), src: src, end: src + len(href)}
		}
	default:
		if breaks[t.name] {
			p.flush()
		}
		switch t.name {
		case "pre":
			p.pre = max(0, p.pre+step)
		case "li":
			p.items = max(0, p.items+step)
		case "tr":
			p.rows = max(0, p.rows+step)
		case "h1", "h2", "h3", "h4", "h5", "h6":
			p.level = 0
			if !t.end {
				p.level = int(t.name[1] - '0')
			}
		}
	}
}

func (p *page) endCode() {
	if p.pre == 0 && p.b.len() > p.codeAt {
		p.literals = append(p.literals, run{p.codeAt, p.b.len()})
	}
}

func (p *page) endLink() {
	if p.link != nil {
		p.link.to = p.b.len()
		p.links = append(p.links, *p.link)
		p.link = nil
	}
}

// blank owes a blank: those at the ends of a block are never paid.
func (p *page) blank(at int) {
	if !p.space {
		p.space, p.spaceAt = true, at
	}
}

func (p *page) settleSpace() {
	if p.space && p.b.len() > 0 {
		p.b.add(" ", p.spaceAt, 1)
	}
	p.space = false
}

// text adds the text of a stretch of the file.
func (p *page) text(from, to int) {
	s := p.src.text
	for i := from; i < to; {
		r, n := utf8.DecodeRuneInString(s[i:to])
		switch {
		case r == '&':
			end := strings.IndexByte(s[i:min(to, i+40)], ';')
			if end < 0 {
				break
			}
			raw := s[i : i+end+1]
			dec := html.UnescapeString(raw)
			if dec == raw {
				break
			}
			n = len(raw)
			switch {
			case strings.TrimSpace(dec) == "" && p.pre == 0:
				p.blank(i)
			case !invisible(dec):
				p.settleSpace()
				p.b.add(dec, i, n)
			}
			i += n
			continue
		case p.pre == 0 && unicode.IsSpace(r):
			p.blank(i)
			i += n
			continue
		case invisible(s[i : i+n]):
			i += n
			continue
		}
		p.settleSpace()
		p.b.verbatim(s[i:i+n], i)
		i += n
	}
}

// invisible reports whether a character is there for line breaks only: pages
// put them into long values.
func invisible(s string) bool {
	switch s {
	case "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\r":
		return true
	}
	return false
}

func (p *page) flush() {
	p.endLink()
	if p.inCode > 0 {
		p.endCode()
		p.codeAt = 0
	}
	p.space = false
	if p.b.len() > 0 {
		b := block{text: p.b.buf.String(), pieces: p.b.pieces, literals: p.literals, links: p.links}
		switch {
		case p.pre > 0:
			b.kind = code
		case p.level > 0:
			b.kind, b.level = heading, p.level
		case p.rows > 0:
			b.kind = row
		case p.items > 0:
			b.kind = item
		}
		p.add(b)
	} else if len(p.links) > 0 {
		p.add(block{links: p.links, pieces: []piece{{src: p.links[0].src}}})
	}
	p.b, p.literals, p.links = builder{}, nil, nil
}
