package briefing

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/internal/ioc"
)

// iocList reads the lines of one section of indicators. Bullets nest; what a
// bullet says of the values below it holds for them.
type iocList struct {
	p     *parser
	para  listContext // of the paragraph or heading above the list
	stack []listContext
	last  listContext // of the bullet that a line without a mark goes on
	open  bool        // there is such a bullet
}

// listContext is what a line says of the values on it and below it.
type listContext struct {
	indent  int
	kinds   []Kind // that its label names; nil if it names none
	listing bool   // values here are indicators
	exclude bool   // the author says that they are not
}

func (l *iocList) context() listContext {
	if n := len(l.stack); n > 0 {
		return l.stack[n-1]
	}
	return l.para
}

var (
	labelExcludes  = regexp.MustCompile(`(?i)\blegitimate\b|\b(?:allow|white|safe)-?list|\bbenign\b|\bknown[- ]good\b`)
	elsewhereShape = regexp.MustCompile("(?i)\\b(?:see|pull|from|in)\\b[^`]*`[^`]*\\.(?:csv|json|xml|txt)`")
	boldLabel      = regexp.MustCompile(`^\*\*([^*]+)\*\*\s*:?`)
	plainLabel     = regexp.MustCompile("^([A-Za-z0-9][^:`*]{0,60}):(?:\\s|$)")
	codeSpan       = regexp.MustCompile("`([^`]+)`")
	bareValue      = regexp.MustCompile(`(?i)CVE-[0-9]{4}-[0-9]{4,19}\b|[^\s` + "`" + `()<>"',;|*]*(?:\[\.\]|\[dot\]|hxxps?://)[^\s` + "`" + `()<>"',;|*]*`)
	remark         = regexp.MustCompile(` (?:—|–|--|-) `)
	nothingNote    = regexp.MustCompile(`^_(?i:no |\(?none)`)
)

// labelKinds reads which kinds a label announces.
func labelKinds(label string) []Kind {
	t := strings.ToLower(label)
	var kinds []Kind
	for _, k := range []struct {
		words []string
		kinds []Kind
	}{
		{[]string{"cve"}, []Kind{CVE}},
		{[]string{"ipv6"}, []Kind{IPv6}},
		{[]string{"ipv4"}, []Kind{IPv4}},
		{[]string{"ip", "c2", "c&c"}, []Kind{IPv4, IPv6}},
		{[]string{"domain", "fqdn", "hostname", "c2", "c&c"}, []Kind{Domain}},
		{[]string{"url", "uri", "c2", "c&c"}, []Kind{URL}},
		{[]string{"sha256", "sha-256"}, []Kind{SHA256}},
		{[]string{"sha1", "sha-1"}, []Kind{SHA1}},
		{[]string{"md5"}, []Kind{MD5}},
		{[]string{"hash"}, []Kind{SHA256, SHA1, MD5}},
	} {
		for _, w := range k.words {
			if hasWord(t, w) {
				kinds = append(kinds, k.kinds...)
				break
			}
		}
	}
	return kinds
}

// hasWord reports whether a word, or its plural, stands in a text.
func hasWord(text, word string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(word)
		rest := strings.TrimPrefix(strings.TrimPrefix(text[end:], "es"), "s")
		if (i == 0 || !isWordByte(text[i-1])) && (rest == "" || !isWordByte(rest[0])) {
			return true
		}
		from = i + 1
	}
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// bullet reads the mark of a list's item; at is the offset of its text.
func bullet(text string) (indent, at int, ok bool) {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t') {
		indent++
		if text[at] == '\t' {
			indent += 3
		}
		at++
	}
	rest := text[at:]
	switch {
	case len(rest) >= 2 && (rest[0] == '-' || rest[0] == '*' || rest[0] == '+') && (rest[1] == ' ' || rest[1] == '\t'):
		at++
	default:
		n := 0
		for n < len(rest) && n < 4 && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		if n == 0 || n+1 >= len(rest) || rest[n] != '.' && rest[n] != ')' || rest[n+1] != ' ' {
			return 0, 0, false
		}
		at += n + 1
	}
	for at < len(text) && (text[at] == ' ' || text[at] == '\t') {
		at++
	}
	return indent, at, true
}

// heading starts a new list under a heading inside the section.
func (l *iocList) heading(title string) {
	l.stack, l.open = nil, false
	kinds := labelKinds(title)
	l.para = listContext{kinds: kinds, exclude: ioc.Rejects(title) || labelExcludes.MatchString(title)}
	l.para.listing = len(kinds) > 0
}

// line reads one line of the section.
func (l *iocList) line(i int) {
	ln := l.p.src.lines[i]
	if ln.blank() {
		return
	}
	indent, at, ok := bullet(ln.text)
	if !ok {
		body := strings.TrimSpace(ln.text)
		at = len(ln.text) - len(strings.TrimLeftFunc(ln.text, unicode.IsSpace))
		if l.open && at > 0 {
			l.values(i, ln.start+at, body, l.last)
			return
		}
		l.stack, l.open = nil, false
		l.para = listContext{exclude: ioc.Rejects(body) || labelExcludes.MatchString(body) && strings.HasSuffix(body, ":")}
		if m := plainLabel.FindStringSubmatch(body); m != nil && strings.HasSuffix(body, ":") {
			l.para.kinds = labelKinds(m[1])
			l.para.listing = len(l.para.kinds) > 0
		}
		if l.para.listing || l.para.exclude {
			l.values(i, ln.start+at, body, l.para)
			return
		}
		l.freeText(i, ln.start+at, body, false)
		return
	}
	for n := len(l.stack); n > 0 && l.stack[n-1].indent >= indent; n-- {
		l.stack = l.stack[:n-1]
	}
	if len(l.stack) > maxNesting {
		l.stack = l.stack[len(l.stack)-maxNesting:]
	}
	ctx := l.context()
	ctx.indent = indent
	body := ln.text[at:]
	off := ln.start + at
	label, rest := splitLabel(body)
	ctx.exclude = ctx.exclude || ioc.Rejects(body) || labelExcludes.MatchString(label)
	if kinds := labelKinds(label); len(kinds) > 0 {
		ctx.kinds, ctx.listing = kinds, true
	}
	l.last, l.open = ctx, true
	l.stack = append(l.stack, ctx)
	off += len(body) - len(rest)
	if label == "" && !ctx.listing {
		ctx.listing = startsWithValue(rest)
	}
	l.values(i, off, rest, ctx)
}

// splitLabel cuts a bullet's label off: "**Label:** rest" or "Label: rest".
func splitLabel(body string) (label, rest string) {
	m := boldLabel.FindStringSubmatchIndex(body)
	if m == nil {
		m = plainLabel.FindStringSubmatchIndex(body)
	}
	if m == nil {
		return "", body
	}
	return strings.TrimSuffix(body[m[2]:m[3]], ":"), body[m[1]:]
}

// startsWithValue reports whether a bullet begins with the indicator itself.
func startsWithValue(body string) bool {
	if m := codeSpan.FindStringSubmatchIndex(body); m != nil && m[0] == 0 {
		ioc, ok := classify(body[m[2]:m[3]])
		return ok && ioc.Reason != ReasonFileName
	}
	m := bareValue.FindStringIndex(body)
	return m != nil && m[0] == 0
}

// values reads the values of one bullet. In a listing those before the first
// remark are indicators; all others are only mentioned.
func (l *iocList) values(i, off int, body string, ctx listContext) {
	if elsewhereShape.MatchString(body) {
		l.p.list.Infof(codeElsewhere, l.p.src.lineSpan(i), "Take them from there; a briefing on its own does not have them.",
			"The indicators of this line stand in another file")
		l.each(off, body, func(ioc IOC, ok bool) {
			if ok {
				l.take(ioc, ctx, ctx.listing)
			}
		})
		return
	}
	if !ctx.listing {
		l.freeText(i, off, body, ctx.exclude)
		return
	}
	if ctx.exclude {
		l.each(off, body, func(ioc IOC, ok bool) {
			if ok {
				l.take(ioc, ctx, true)
			}
		})
		return
	}
	found, listed := 0, true
	prev := off
	l.each(off, body, func(ioc IOC, ok bool) {
		between := body[max(0, prev-off):max(0, min(ioc.Pos.Offset-off, len(body)))]
		if found > 0 && remark.MatchString(between) {
			listed = false
		}
		prev = ioc.EndPos.Offset
		found++
		switch {
		case ok:
			l.take(ioc, ctx, listed)
		case listed:
			l.p.exclude(ioc, ReasonMalformed, codeWrongKind, "Correct it in the briefing, or leave it out.",
				"%q is no CVE, IP address, domain, URL or hash", ioc.Raw)
		}
	})
	if t := strings.TrimSpace(body); found == 0 && t != "" && !strings.HasSuffix(t, ":") && !nothingNote.MatchString(t) {
		l.p.list.Infof(codeFreeText, l.p.src.lineSpan(i), "", "This line of the indicators is free text; nothing is read from it")
	}
}

// each calls f for the code spans of a text and, between them, for values that
// stand without backticks and cannot be anything else.
func (l *iocList) each(off int, body string, f func(ioc IOC, ok bool)) {
	at := func(from, to int) {
		ioc, ok := classify(body[from:to])
		ioc.Span = l.p.src.span(off+from, off+to)
		f(ioc, ok)
	}
	bare := func(from, to int) {
		for _, m := range bareValue.FindAllStringIndex(body[from:to], -1) {
			text := strings.TrimRight(body[from+m[0]:from+m[1]], ".:")
			if ioc, ok := classify(text); ok {
				ioc.Span = l.p.src.span(off+from+m[0], off+from+m[0]+len(text))
				f(ioc, true)
			}
		}
	}
	from := 0
	for _, m := range codeSpan.FindAllStringSubmatchIndex(body, -1) {
		bare(from, m[0])
		at(m[2], m[3])
		from = m[1]
	}
	bare(from, len(body))
}

// freeText reports a line that lists no indicators, and the values in it.
func (l *iocList) freeText(i, off int, body string, exclude bool) {
	if nothingNote.MatchString(body) {
		return
	}
	typed := 0
	l.each(off, body, func(ioc IOC, ok bool) {
		if !ok || ioc.Reason == ReasonFileName {
			return
		}
		typed++
		l.take(ioc, listContext{exclude: exclude}, false)
	})
	if typed == 0 {
		l.p.list.Infof(codeFreeText, l.p.src.lineSpan(i), "", "This line of the indicators is free text; nothing is read from it")
	}
}

// take files one value of a known kind.
func (l *iocList) take(ioc IOC, ctx listContext, listed bool) {
	switch {
	case ctx.exclude:
		l.p.exclude(ioc, ReasonAuthor, codeAuthorExclude, "", "The briefing says not to use %s", describe(ioc))
	case !listed:
		l.p.mentions = append(l.p.mentions, ioc)
	default:
		l.p.candidate(ioc, ctx.kinds, nil)
	}
}

func describe(i IOC) string {
	name := i.Kind.Name()
	if i.Kind == "" {
		name = "domain"
	}
	return name + " " + i.Value
}

// candidate is a value that a list gives as an indicator; ref is the index of
// the template reference whose list it is, or nil.
type candidate struct {
	ioc IOC
	ref *int
}

// candidate files a value of a list. Kinds are those that the label names.
func (p *parser) candidate(ioc IOC, kinds []Kind, ref *int) {
	fits := len(kinds) == 0
	for _, k := range kinds {
		fits = fits || k == ioc.Kind || k == Domain && ioc.Kind == URL || k == URL && ioc.Kind == Domain
	}
	if !fits {
		p.list.Warnf(codeWrongKind, ioc, "It is used as what it looks like; correct the label.",
			"%q stands under the label of another kind: it is of kind %s", ioc.Raw, ioc.Kind)
	}
	p.candidates = append(p.candidates, candidate{ioc, ref})
}

// exclude files a value that must not be used, with the finding that says so.
func (p *parser) exclude(ioc IOC, reason Reason, code diag.Code, hint, format string, args ...any) {
	ioc.Reason = reason
	if reason == ReasonAuthor || reason == ReasonMention {
		p.list.Infof(code, ioc, hint, format, args...)
	} else {
		p.list.Warnf(code, ioc, hint, format, args...)
	}
	p.doc.Excluded = append(p.doc.Excluded, ioc)
}

var (
	hexRun     = regexp.MustCompile(`[0-9A-Fa-f]{40,}`)
	commitLead = regexp.MustCompile(`(?i)(?:\bcommits?\b[ /:=` + "`" + `"'(]{1,4}|@|/(?:commit|tree|blob|raw|archive)/|github(?:usercontent)?\.com/[A-Za-z0-9._-]+/[A-Za-z0-9._-]+/)$`)
	commitTalk = regexp.MustCompile(`(?i)\bcommits?\b|\bgithub actions?\b|\b[a-z0-9]+-actions\b|\bpull requests?\b|\bpwn request\b|\bGHSA-[0-9a-z]{4}-`)
)

// maxLead is how many bytes before a commit id are looked at for what it is.
const maxLead = 160

// commits finds which of the hashes stand somewhere as git commit ids, and
// whether the briefing is about commits at all.
func (p *parser) commits(hashes map[string]bool) (ids map[string]bool, talk bool) {
	ids = map[string]bool{}
	if len(hashes) == 0 {
		return ids, false
	}
	for _, m := range hexRun.FindAllStringIndex(p.src.text, -1) {
		id := strings.ToLower(p.src.text[m[0]:m[1]])
		if hashes[id] && !ids[id] && commitLead.MatchString(p.src.text[max(0, m[0]-maxLead):m[0]]) {
			ids[id] = true
		}
	}
	talk = commitTalk.MatchString(p.doc.Title) || commitTalk.MatchString(p.doc.Article)
	for _, s := range p.doc.Sections {
		if s.Kind == SectionProfile || s.Kind == SectionSource {
			talk = talk || commitTalk.MatchString(s.Body)
		}
	}
	return ids, talk
}

// settle decides about the candidates, now that the whole briefing is known:
// what the author rejects at one place is not used at another.
func (p *parser) settle() {
	rejected := map[string]diag.Pos{}
	key := func(i IOC) string { return string(i.Kind) + " " + i.Value }
	for _, e := range p.doc.Excluded {
		if e.Reason == ReasonAuthor {
			if _, have := rejected[key(e)]; !have {
				rejected[key(e)] = e.Pos
			}
		}
	}
	for _, e := range p.rejected {
		if _, have := rejected[key(e)]; !have {
			rejected[key(e)] = e.Pos
		}
	}
	domains, sha1 := map[string]bool{}, map[string]bool{}
	for _, c := range p.candidates {
		switch c.ioc.Kind {
		case SHA1:
			sha1[c.ioc.Value] = true
		case Domain:
			domains[c.ioc.Value] = true
		}
	}
	commits, talk := p.commits(sha1)
	// longer has each name that a country code makes a longer name of the list.
	longer := map[string]string{}
	for d := range domains {
		if i := strings.LastIndexByte(d, '.'); len(d)-i-1 == 2 && domains[d[:i]] {
			longer[d[:i]] = max(longer[d[:i]], d)
		}
	}
	used := map[string]bool{}
	for _, c := range p.candidates {
		ioc := c.ioc
		before := len(p.doc.Excluded)
		switch pos, no := rejected[key(ioc)]; {
		case no:
			p.exclude(ioc, ReasonAuthor, codeAuthorExclude, "", "The briefing says in line %d not to use %s", pos.Line, describe(ioc))
		case ioc.Reason == ReasonReserved:
			p.exclude(ioc, ReasonReserved, codeNoIndicator, "", "%q is reserved: nobody's in particular, so it points at nobody", ioc.Value)
		case ioc.Reason == ReasonFileName:
			p.exclude(ioc, ReasonFileName, codeNoIndicator, "If it is a file to look for, write it as one.", "%q is the name of a file and not a domain", ioc.Value)
		case ioc.Reason == ReasonSuffix:
			p.exclude(ioc, ReasonSuffix, codeNoIndicator, "The domain was probably cut off; look it up in the article.", "%q is a public suffix, under which everybody has domains", ioc.Value)
		case ioc.Kind == SHA1 && commits[ioc.Value]:
			p.exclude(ioc, ReasonCommit, codeCommit, "A commit id matches no file; hunt for it in command lines and URLs.",
				"%s is a git commit id elsewhere in this briefing, not the hash of a file", ioc.Value)
		}
		if len(p.doc.Excluded) > before {
			if c.ref != nil {
				t := &p.doc.Templates[*c.ref]
				t.Excluded = append(t.Excluded, p.doc.Excluded[before])
				p.doc.Excluded = p.doc.Excluded[:before]
			}
			continue
		}
		switch {
		case ioc.Kind == SHA1 && talk && ioc.Raw == strings.ToLower(ioc.Raw):
			ioc.Doubt = "it may be a git commit id: the briefing is about commits"
		case ioc.Kind == Domain && longer[ioc.Value] != "":
			ioc.Doubt = "it may be " + longer[ioc.Value] + " cut off"
		}
		if ioc.Doubt != "" {
			p.list.Warnf(codeDoubtful, ioc, "Look it up in the article before it is used to block.", "%s is used, but %s", describe(ioc), ioc.Doubt)
		}
		used[key(ioc)] = true
		if c.ref == nil {
			p.doc.IOCs = append(p.doc.IOCs, ioc)
			continue
		}
		t := &p.doc.Templates[*c.ref]
		switch ioc.Kind {
		case CVE:
			t.CVEs = append(t.CVEs, ioc)
		case IPv4, IPv6:
			t.IPs = append(t.IPs, ioc)
		case Domain:
			t.Domains = append(t.Domains, ioc)
		case URL:
			t.URLs = append(t.URLs, ioc)
		default:
			t.Hashes = append(t.Hashes, ioc)
		}
	}
	for _, m := range p.mentions {
		if !used[key(m)] {
			p.exclude(m, ReasonMention, codeMention, "If it is an indicator, give it a bullet with its kind as label.",
				"%s is only mentioned, not listed as an indicator", describe(m))
		}
	}
}
