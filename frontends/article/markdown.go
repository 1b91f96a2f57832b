package article

import (
	"regexp"
	"strings"
)

// line is one line of the file without its end.
type line struct {
	at   int
	text string
}

func (r *reader) readLines() []line {
	var out []line
	s := r.src.text
	start := 0
	if strings.HasPrefix(s, "\ufeff") {
		start = len("\ufeff")
	}
	for start < len(s) {
		end := strings.IndexByte(s[start:], '\n')
		next := start + end + 1
		if end < 0 {
			end = len(s) - start
			next = len(s)
		}
		out = append(out, line{start, strings.TrimSuffix(s[start:start+end], "\r")})
		start = next
	}
	return out
}

var (
	atxHeading  = regexp.MustCompile(`^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$`)
	fenceOpen   = regexp.MustCompile("^[ \t]{0,12}(`{3,40}|~{3,40})([^`]*)$")
	itemMark    = regexp.MustCompile(`^[ \t]*(?:[-*+•‣◦·▪–]|[0-9]{1,4}[.)])[ \t]+`)
	quoteMark   = regexp.MustCompile(`^ {0,3}(?:> ?)+`)
	tableRule   = regexp.MustCompile(`^[ \t]*\|?[ \t:|+-]*-[ \t:|+-]*$`)
	rule        = regexp.MustCompile(`^[ \t]*(?:[-*_=][ \t]*){3,}$`)
	definition  = regexp.MustCompile(`^ {0,3}\[[^\]]{1,200}\]:[ \t]*(\S+)`)
	markComment = regexp.MustCompile(`<!--|-->`)
)

// short reports whether each line is too short for a sentence.
func short(lines []line) bool {
	for _, l := range lines {
		if len(strings.Fields(l.text)) > 6 {
			return false
		}
	}
	return true
}

// lined reads Markdown, or plain text, which has the same breaks and no marks.
func (r *reader) lined(marks bool) {
	lines := r.readLines()
	i := 0
	if marks {
		i = r.frontMatter(lines)
	}
	var para []line // of the block that is open
	kind := prose
	flush := func() {
		if !marks && kind == prose && len(para) > 1 && strings.HasSuffix(strings.TrimSpace(para[0].text), ":") && short(para[1:]) {
			r.paragraph(para[:1], prose, marks)
			para, kind = para[1:], item
		}
		if !marks && len(para) > 0 && (kind == item || kind == prose && len(para) > 1 && r.openListing) && short(para) {
			for i := range para { // a list that has no marks
				r.paragraph(para[i:i+1], item, marks)
			}
		} else if len(para) > 0 {
			r.paragraph(para, kind, marks)
		}
		para, kind = nil, prose
	}
	noFence := map[byte]int{}
	comment, lastClose := false, strings.LastIndex(r.src.text, "-->") // a comment that never ends is text
	blank := true
	for ; i < len(lines); i++ {
		l := lines[i]
		if marks && (comment || strings.Contains(l.text, "<!--")) {
			var keep string
			l, keep, comment = uncomment(l, comment, lastClose)
			if strings.TrimSpace(keep) == "" {
				continue
			}
		}
		if marks {
			if m := quoteMark.FindStringIndex(l.text); m != nil {
				l = line{l.at + m[1], l.text[m[1]:]}
			}
		}
		trimmed := strings.TrimSpace(l.text)
		if trimmed == "" {
			flush()
			blank = true
			continue
		}
		if marks {
			if m := fenceOpen.FindStringSubmatch(l.text); m != nil && !(noFence[m[1][0]] > 0 && len(m[1]) >= noFence[m[1][0]]) {
				if end := closing(lines, i+1, m[1]); end > 0 {
					flush()
					r.code(lines[i+1 : end])
					i, blank = end, true
					continue
				}
				noFence[m[1][0]] = len(m[1])
				r.list.Infof(codeNotRead, r.src.span(l.at, l.at+len(l.text)), "Close the fence, so that code is read as code.",
					"The fence is never closed; what follows it is read as text")
				flush()
				continue
			}
			if m := atxHeading.FindStringSubmatchIndex(l.text); m != nil {
				flush()
				if m[4] >= 0 {
					r.heading(line{l.at + m[4], l.text[m[4]:m[5]]}, m[3]-m[2], marks)
				}
				blank = true
				continue
			}
			if m := definition.FindStringSubmatchIndex(l.text); m != nil && strings.Contains(l.text[m[2]:m[3]], "://") {
				flush()
				r.add(block{links: []link{{target: l.text[m[2]:m[3]], src: l.at + m[2], end: l.at + m[3]}}, pieces: []piece{{src: l.at}}})
				continue
			}
			if len(para) == 1 && kind == prose && (strings.Trim(trimmed, "=") == "" || len(trimmed) > 2 && strings.Trim(trimmed, "-") == "") {
				level := 1
				if trimmed[0] == '-' {
					level = 2
				}
				h := para[0]
				para = nil
				r.heading(h, level, marks)
				blank = true
				continue
			}
			if blank && len(para) == 0 && (strings.HasPrefix(l.text, "    ") || strings.HasPrefix(l.text, "\t")) && !itemMark.MatchString(l.text) && !r.inList {
				end := i
				for end+1 < len(lines) && (strings.HasPrefix(lines[end+1].text, "    ") || strings.HasPrefix(lines[end+1].text, "\t")) {
					end++
				}
				r.code(lines[i : end+1])
				i = end
				continue
			}
		} else if len(para) == 0 && blank && (i+1 >= len(lines) || strings.TrimSpace(lines[i+1].text) == "" || strings.HasSuffix(trimmed, ":")) && plainHeading(trimmed) {
			r.heading(line{l.at + strings.Index(l.text, trimmed), trimmed}, 2, false)
			continue
		}
		blank = false
		switch m := itemMark.FindStringIndex(l.text); {
		case strings.HasPrefix(trimmed, "|") || !marks && strings.Contains(trimmed, "\t"):
			flush()
			if !tableRule.MatchString(l.text) {
				para, kind = []line{l}, row
				flush()
			}
			continue
		case rule.MatchString(l.text):
			flush()
			continue
		case m != nil:
			flush()
			para, kind = []line{{l.at + m[1], l.text[m[1]:]}}, item
			r.inList = true
			continue
		case !strings.ContainsAny(trimmed, " \t") && len(para) == 0:
			// One word on a line of its own: a list of values without marks.
			para, kind = []line{l}, item
			if i+1 < len(lines) && strings.ContainsAny(strings.TrimSpace(lines[i+1].text), " \t") && !itemMark.MatchString(lines[i+1].text) {
				kind = prose
				continue
			}
			flush()
			continue
		}
		if len(para) == 0 && l.text == strings.TrimLeft(l.text, " \t") {
			r.inList = false
		}
		para = append(para, l)
	}
	flush()
}

// uncomment blanks the parts of a line that are comments, byte for byte.
func uncomment(l line, open bool, lastClose int) (line, string, bool) {
	out := []byte(l.text)
	at := 0
	for _, m := range markComment.FindAllStringIndex(l.text, -1) {
		if l.text[m[0]] == '<' && !open && l.at+m[0] < lastClose {
			open, at = true, m[0]
		} else if l.text[m[0]] == '-' && open {
			for i := at; i < m[1]; i++ {
				out[i] = ' '
			}
			open = false
		}
	}
	if open {
		for i := at; i < len(out); i++ {
			out[i] = ' '
		}
	}
	return line{l.at, string(out)}, string(out), open
}

// closing finds the line that closes a fence: one with the same marks, no fewer
// of them, and nothing else.
func closing(lines []line, from int, open string) int {
	for i := from; i < len(lines); i++ {
		t := lines[i].text
		j := 0
		for j < len(t) && (t[j] == ' ' || t[j] == '\t' || t[j] == '>') {
			j++
		}
		n := j
		for n < len(t) && t[n] == open[0] {
			n++
		}
		if n-j >= len(open) && strings.TrimSpace(t[n:]) == "" {
			return i
		}
	}
	return 0
}

// plainHeading reports whether a line of plain text that stands alone, or ends
// in a colon, is a heading.
func plainHeading(text string) bool {
	return len(text) <= 80 && !strings.ContainsAny(text, "\t`\\/@") && !strings.HasSuffix(text, ".") && !itemMark.MatchString(text) &&
		strings.Count(text, " ") <= 9 && !dotted.MatchString(text) && text[0] >= 'A' && text[0] <= 'Z' && !labelLine.MatchString(text)
}

var dotted = regexp.MustCompile(`[A-Za-z0-9](?:\.|\[\.\])[A-Za-z0-9]`)

func (r *reader) heading(l line, level int, marks bool) {
	b := r.join([]line{l}, marks)
	b.kind, b.level = heading, level
	r.inList = false
	r.add(b)
}

// paragraph adds the block of lines that belong together.
func (r *reader) paragraph(lines []line, kind blockKind, marks bool) {
	b := r.join(lines, marks)
	b.kind = kind
	r.add(b)
}

// code adds a block of code, line by line as it stands.
func (r *reader) code(lines []line) {
	var b builder
	for _, l := range lines {
		if b.len() > 0 {
			b.add("\n", l.at-1, 1)
		}
		b.verbatim(l.text, l.at)
	}
	r.add(block{kind: code, text: b.buf.String(), pieces: b.pieces})
}

// ownLine is the begin of a line that says something of its own, whatever stands
// above it: a label, or an order not to use what follows.
var ownLine = regexp.MustCompile(`^(?:\*\*|__)?(?:[A-Z][A-Za-z0-9&/()_-]*(?: [A-Za-z0-9&/()_-]+){0,5}(?:\*\*|__)?:(?:\*\*|__)?[ \t]+\S|(?:Please )?(?:D(?:o not|O NOT|on['’]t)|N(?:ever|EVER)|A(?:void|VOID)) (?i:block|use|alert|hunt)(?i:ing)?\b)`)

// join puts lines together with blanks, or with a line break before a line that
// says something of its own, and takes the marks out.
func (r *reader) join(lines []line, marks bool) block {
	var raw builder
	for i, l := range lines {
		text := strings.TrimRight(l.text, " \t")
		lead := len(text) - len(strings.TrimLeft(text, " \t"))
		between := " "
		if ownLine.MatchString(text[lead:]) {
			between = "\n"
		}
		if i > 0 {
			raw.add(between, l.at-1, 1)
		}
		raw.verbatim(text[lead:], l.at+lead)
	}
	whole := block{text: raw.buf.String(), pieces: raw.pieces}
	if !marks {
		return whole
	}
	return inline(&whole)
}

var (
	inlineTag = regexp.MustCompile(`^</?[A-Za-z][A-Za-z0-9]{0,15}(?:\s[^<>]{0,500})?/?>`)
	autolink  = regexp.MustCompile(`^<[a-z]{3,8}://[^<>\s]{1,1000}>`)
)

// inline takes the marks of Markdown out of a block: code spans, links,
// emphasis, escapes, tags.
func inline(whole *block) block {
	s := whole.text
	var opens []int          // brackets that are open
	ticks := map[int][]int{} // where runs of so many backticks stand
	literal := map[int]int{} // start of a span of code -> its end, in s
	closer := map[int]int{}  // where a link's text ends -> where its target does
	linkOf := map[int]int{}  // where a link's text begins -> where it ends
	for i := 0; i < len(s); {
		if s[i] != '`' {
			i++
			continue
		}
		n := i
		for n < len(s) && s[n] == '`' {
			n++
		}
		ticks[n-i] = append(ticks[n-i], i)
		i = n
	}
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '`':
			n := i
			for n < len(s) && s[n] == '`' {
				n++
			}
			size := n - i
			at := ticks[size]
			for len(at) > 0 && at[0] <= i {
				at = at[1:]
			}
			ticks[size] = at
			if len(at) == 0 {
				i = n
				continue
			}
			literal[n] = at[0]
			i = at[0] + size
			continue
		case c == '\\' && i+1 < len(s) && strings.IndexByte("[]()*_#<>~|`", s[i+1]) >= 0:
			i += 2
			continue
		case c == '[':
			opens = append(opens, i)
		case c == ']' && len(opens) > 0:
			open := opens[len(opens)-1]
			opens = opens[:len(opens)-1]
			if i+1 < len(s) && s[i+1] == '(' {
				if end := targetEnd(s, i+2); end > 0 {
					closer[i] = end
					linkOf[open] = i
					i = end + 1
					continue
				}
			}
		}
		i++
	}
	out := block{}
	var b builder
	put := func(from, to int) { whole.copy(&b, from, to) }
	starts := map[int]int{} // where a link's text ends in s -> where it begins in b
	starred := false
	for i := 0; i < len(s); {
		c := s[i]
		if c == '`' {
			n := i
			for n < len(s) && s[n] == '`' {
				n++
			}
			end, ok := literal[n]
			if !ok {
				put(i, n)
				i = n
				continue
			}
			at := b.len()
			put(n, end)
			if b.len() > at {
				out.literals = append(out.literals, run{at, b.len()})
			}
			i = end + (n - i)
			continue
		}
		if end, ok := linkOf[i]; ok {
			starts[end] = b.len()
			i++
			continue
		}
		if end, ok := closer[i]; ok {
			target := strings.TrimSpace(s[i+2 : end])
			target, _, _ = strings.Cut(target, " ")
			bare := strings.Trim(target, "<>")
			at := i + 2 + strings.Index(s[i+2:end], bare)
			src, srcEnd := whole.offsets(at, at+len(bare))
			out.links = append(out.links, link{run: run{starts[i], b.len()}, target: bare, src: src, end: srcEnd})
			i = end + 1
			continue
		}
		switch {
		case c == '\\' && i+1 < len(s) && strings.IndexByte("[]()*_#<>~|`", s[i+1]) >= 0:
			put(i+1, i+2)
			i += 2
			continue
		case c == '<':
			rest := s[i:min(len(s), i+2100)]
			if m := autolink.FindString(rest); m != "" {
				put(i+1, i+len(m)-1)
				i += len(m)
				continue
			}
			if m := inlineTag.FindString(rest); m != "" && !strings.HasSuffix(m, "://>") && knownInline(m) {
				if strings.HasPrefix(m, "<br") {
					put(i, i)
					src, end := whole.offsets(i, i+len(m))
					b.add(" ", src, end-src)
				}
				i += len(m)
				continue
			}
		case c == '*' && strings.HasPrefix(s[i:], "**") || c == '~' && strings.HasPrefix(s[i:], "~~"):
			i += 2
			continue
		case c == '*':
			// One star opens before a word, if one closes behind a word.
			before := i > 0 && !isSpace(s[i-1])
			after := i+1 < len(s) && !isSpace(s[i+1]) && s[i+1] != '.'
			if starred && before {
				starred = false
				i++
				continue
			}
			if !starred && !before && after && starCloses(s[i+1:min(len(s), i+300)]) {
				starred = true
				i++
				continue
			}
		}
		put(i, i+1)
		i++
	}
	out.text, out.pieces = b.buf.String(), b.pieces
	return out
}

// starCloses reports whether emphasis that begins here ends soon.
func starCloses(s string) bool {
	for i := 1; i < len(s); i++ {
		if s[i] == '*' && !isSpace(s[i-1]) && (i+1 == len(s) || !isWord(s[i+1])) {
			return true
		}
	}
	return false
}

func isWord(c byte) bool { return isLetter(c) || c >= '0' && c <= '9' || c == '_' }

// knownInline tells a tag from a placeholder such as <user>.
func knownInline(tag string) bool {
	name := strings.ToLower(strings.Trim(tag, "</>"))
	name, _, _ = strings.Cut(name, " ")
	switch name {
	case "a", "b", "i", "u", "s", "em", "strong", "br", "code", "kbd", "sub", "sup", "span", "div", "p", "img", "details", "summary", "hr",
		"center", "font", "small", "mark", "del", "ins", "table", "tr", "td", "th", "tbody", "thead", "ul", "ol", "li", "h1", "h2", "h3", "h4":
		return true
	}
	return false
}

// targetEnd finds the ")" of a link's target.
func targetEnd(s string, from int) int {
	depth := 0
	for i := from; i < len(s) && i < from+2100 && depth < 5; i++ {
		switch s[i] {
		case '[':
			if !strings.HasPrefix(s[i:], "[.]") && !strings.HasPrefix(s[i:], "[:]") {
				return 0
			}
			i += 2
		case '(':
			depth++
		case ')':
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return 0
}

// copy adds a stretch of a block's text, where it stands in the file.
func (b *block) copy(to *builder, from, end int) {
	if from >= end {
		return
	}
	src, srcEnd := b.offsets(from, end)
	if srcEnd-src == end-from {
		to.add(b.text[from:end], src, srcEnd-src)
		return
	}
	for i := from; i < end; i++ {
		src, srcEnd := b.offsets(i, i+1)
		to.add(b.text[i:i+1], src, srcEnd-src)
	}
}
