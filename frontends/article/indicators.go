package article

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/internal/ioc"
)

// finder collects the indicators of the whole article.
type finder struct {
	all     []Indicator
	index   map[[2]string]int // kind and value -> in all
	commits bool              // the article talks of commits
}

// maxToken is how long a value can be.
const maxToken = 2100

// between are the characters that part values; brackets do not, because
// defanged values have them.
func between(r rune) bool {
	switch r {
	case '"', '\'', '`', '<', '>', '|', ',', ';', '“', '”', '‘', '’', '«', '»', '•', '→', '—', '…', '\u00a0':
		return true
	}
	return r <= ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' || r == '\u3000'
}

var (
	fanged     = regexp.MustCompile(`(?i)\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)|\[:\]|\[://\]|\[/\]|\[@\]|\[at\]|\[\.|\.\]|^h(?:xx|\*\*|tt\[?x)ps?\b|^fxps?://`)
	strongFang = regexp.MustCompile(`(?i)\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)|^hxxps?`)
	labelled   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_ -]{0,19}[:=]`)
	mailShape  = regexp.MustCompile(`^[A-Za-z0-9._%+-]{1,64}@((?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24})$`)
	hexOnly    = regexp.MustCompile(`^[0-9A-Fa-f]{32,}$`)
	digest     = regexp.MustCompile(`(?i)@?sha256:$`)
	commitTalk = regexp.MustCompile(`(?i)\bcommits?\b|\bgithub actions?\b|\bpull requests?\b`)
)

// indicators reads the values of a block, token by token.
func (c *cursor) indicators() {
	text := c.text
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if between(r) {
			i += n
			continue
		}
		from := i
		for i < len(text) {
			r, n = utf8.DecodeRuneInString(text[i:])
			if between(r) {
				break
			}
			i += n
		}
		if i-from >= 4 && i-from <= maxToken {
			c.token(from, i)
		}
	}
}

// trim takes off what stands around a token and does not belong to it.
func trim(text string, from, to int) (int, int) {
	t := text[from:to]
	depth := map[byte]int{}
	for i := 0; i < len(t); i++ {
		switch t[i] {
		case '(', '[', '{':
			depth[t[i]]++
		case ')':
			depth['(']--
		case ']':
			depth['[']--
		case '}':
			depth['{']--
		}
	}
	for from < to {
		c := text[from]
		if strings.IndexByte("*_~=#:.,", c) >= 0 && !strings.HasPrefix(text[from:to], "*.") && !strings.HasPrefix(text[from:to], "*[.]") && !strings.HasPrefix(text[from:to], "::") {
			from++
			continue
		}
		if (c == '(' || c == '[' || c == '{') && (depth[c] > 0 || closes(text[to-1]) == c && depth[c] == 0) {
			if c == '[' && depth[c] == 0 && strings.Contains(text[from:to], ":") && text[to-1] == ']' && strings.Count(text[from:to], ":") > 1 {
				break // [2a00::1]
			}
			depth[c]--
			from++
			continue
		}
		break
	}
	for to > from {
		c := text[to-1]
		if strings.IndexByte(".,:;!?*~\\", c) >= 0 {
			to--
			continue
		}
		if open := closes(c); open != 0 && depth[open] < 0 {
			depth[open]++
			to--
			continue
		}
		break
	}
	return from, to
}

func closes(c byte) byte {
	switch c {
	case ')':
		return '('
	case ']':
		return '['
	case '}':
		return '{'
	}
	return 0
}

// token reads one word.
func (c *cursor) token(from, to int) {
	from, to = trim(c.text, from, to)
	if to-from < 4 {
		return
	}
	raw := c.text[from:to]
	if len(raw) < 32 && !strings.ContainsAny(raw, ".:@=") && !strings.Contains(raw, "dot") && !(len(raw) >= 13 && strings.EqualFold(raw[:4], "CVE-")) || !c.free(from, to) {
		return // a word, as most are
	}
	// The longest reading first; a label or an assignment in front goes next.
	for n := 0; n < 3; n++ {
		if c.value(from, to, raw) {
			return
		}
		m := labelled.FindString(raw)
		if at := strings.IndexByte(raw, '@'); m == "" && at > 0 && hexOnly.MatchString(raw[at+1:]) {
			m = raw[:at+1]
		} else if m == "" && at > 0 {
			if k := strings.LastIndexAny(raw[at:], "=:"); k > 0 && hexOnly.MatchString(raw[at+k+1:]) {
				m = raw[:at+k+1]
			}
		}
		if m == "" || len(m) == len(raw) || strings.HasPrefix(raw[len(m):], "//") || strings.HasPrefix(strings.ToLower(raw), "hxxp") || strings.HasPrefix(strings.ToLower(raw), "http") {
			break
		}
		from += len(m)
		if from, to = trim(c.text, from, to); to-from < 4 {
			return
		}
		raw = c.text[from:to]
	}
	raw = c.text[from:to]
	if strongFang.MatchString(raw) && !strings.ContainsAny(raw, `\`) && len(raw) > 5 && strings.ContainsAny(raw, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") {
		c.take(from, to)
		c.file(Indicator{Raw: raw, Value: ioc.Refang(raw)}, from, to, ioc.ReasonMalformed, codeMalformed,
			fmt.Sprintf("%q is written like an address that must not be clicked on, and is none", raw), "Look it up in the article and add it by hand, if it is one.")
	}
}

// value files a token, if it is one of a known kind.
func (c *cursor) value(from, to int, raw string) bool {
	defanged := fanged.MatchString(raw)
	if strings.Contains(raw, "@") && !strings.Contains(raw, "://") {
		plain := ioc.Refang(raw)
		m := mailShape.FindStringSubmatch(plain)
		if m == nil || !defanged && !ioc.KnownTLD(strings.ToLower(m[1])) {
			return false
		}
		c.take(from, to)
		ind := Indicator{Kind: ioc.Email, Value: strings.ToLower(plain), Raw: raw}
		c.decide(ind, from, to, defanged)
		return true
	}
	v, ok := ioc.Classify(raw)
	if !ok {
		return false
	}
	ind := Indicator{Kind: v.Kind, Value: v.Value, Raw: raw, Port: v.Port, Wildcard: v.Wildcard, Doubt: v.Doubt}
	switch v.Kind {
	case ioc.Domain:
		if !c.domainLike(from, to, raw, v, defanged) {
			return false
		}
	case ioc.URL:
		if !strings.Contains(v.Value, "://") {
			host, _, _ := strings.Cut(v.Value, "/")
			host, _, _ = strings.Cut(strings.ToLower(host), ":")
			if !defanged && (!ioc.KnownTLD(host) || strings.Count(host, ".") == 0 || c.kind == code && !c.inQuotes(from, to)) {
				return false
			}
		} else if scheme, _, _ := strings.Cut(strings.ToLower(v.Value), ":"); !slices.Contains([]string{"http", "https", "ftp", "ftps", "sftp", "tcp", "udp", "ws", "wss", "ldap", "ldaps", "rmi", "dns", "smb", "ssh", "stratum+tcp", "stratum+ssl", "git", "file", "socks5"}, scheme) {
			return false
		}
	case ioc.IPv6:
		if strings.Count(v.Value, ":") < 3 && !strings.ContainsAny(v.Value, "0123456789") || strings.HasSuffix(raw, "::") && len(raw) < 8 || strings.HasPrefix(raw, "::") && len(raw) < 6 {
			return false
		}
	}
	c.take(from, to)
	c.decide(ind, from, to, defanged)
	return true
}

// domainLike reports whether a name that may be a domain's is one to speak of:
// prose and code have full stops between words for other reasons.
func (c *cursor) domainLike(from, to int, raw string, v ioc.Value, defanged bool) bool {
	if defanged || v.Wildcard {
		return true
	}
	last := raw[strings.LastIndexByte(raw, '.')+1:]
	switch {
	case ioc.FileEnd(strings.ToLower(last)) && strings.Count(v.Value, ".") < 3:
		return false // read as a file
	case !ioc.KnownTLD(v.Value) && v.Reason != ioc.ReasonReserved:
		return false
	case last != strings.ToLower(last) && raw != strings.ToUpper(raw):
		return false // a sentence without a blank behind it, or a type's name
	case c.kind == code && !c.inQuotes(from, to) && !c.command(from):
		return false // a member of an object
	}
	return true
}

// inQuotes reports whether a stretch of code stands in quotes.
func (c *cursor) inQuotes(from, to int) bool {
	return from > 0 && to < len(c.text) && strings.IndexByte("\"'`", c.text[from-1]) >= 0 && strings.IndexByte("\"'`", c.text[to]) >= 0
}

// command reports whether the line of code that an offset is in is a command.
func (c *cursor) command(off int) bool {
	s := c.sentences[c.sentence(off)]
	_, ok := commandOf(strings.TrimSpace(c.text[s.from:s.to]), true)
	return ok || !strings.ContainsAny(strings.TrimSpace(c.text[s.from:s.to]), " \t(=")
}

// whole reports whether a stretch is all of a literal.
func (c *cursor) whole(from, to int) bool {
	i, found := slices.BinarySearchFunc(c.literals, from, func(l literal, from int) int { return l.from - from })
	return found && c.literals[i].to == to
}

// inCode reports whether a stretch is part of code within prose.
func (c *cursor) inCode(from int) bool {
	i, found := slices.BinarySearchFunc(c.literals, from, func(l literal, from int) int { return l.from - from })
	if !found {
		i--
	}
	return i >= 0 && c.literals[i].code && c.literals[i].to > from
}

// decide says whether a value is used.
func (c *cursor) decide(ind Indicator, from, to int, defanged bool) {
	before, after := c.around(from, to)
	st := c.says(from)
	listed := c.listing && (c.kind == item || c.kind == row || c.kind == code || strings.TrimSpace(c.text) == c.text[from:to])
	if c.rejected || st.rejects {
		c.file(ind, from, to, ioc.ReasonAuthor, codeAuthor, fmt.Sprintf("The article says not to use %s %s", ind.Kind.Name(), ind.Value), "")
		return
	}
	if ex, no := ioc.LintIn(ind.Kind, ind.Raw, before, after); no && !(listed && ex.Reason == ioc.ReasonVersion && ioc.Defanged(ind.Raw)) {
		c.file(ind, from, to, ex.Reason, ex.Code, ex.Message, ex.Hint)
		return
	}
	name := ind.Kind.Name() + " " + ind.Value
	switch ind.Kind {
	case ioc.CVE:
		c.use(ind, from, to)
		return
	case ioc.Domain, ioc.URL, ioc.Email:
		if host := c.publisherHost(); host != "" && (ind.Value == host || strings.HasSuffix(hostOf(ind), "."+host) || hostOf(ind) == host) && !defanged {
			c.file(ind, from, to, ioc.ReasonInfrastructure, ioc.CodeInfrastructure, name+" is the publisher's own", "")
			return
		}
		if ind.Kind == ioc.Domain && !defanged && ioc.ProseFile(ind.Value) && !listed {
			c.file(ind, from, to, ioc.ReasonFileName, ioc.CodeFileName, name+" is rather the name of a file", "If a domain is meant, write it defanged.")
			return
		}
		literal := c.whole(from, to) || c.inCode(from) || c.kind == code
		switch {
		case defanged || listed:
		case st.network || literal && ind.Kind != ioc.Email:
			ind.Doubt = "it is not defanged, as indicators are"
		default:
			c.file(ind, from, to, ioc.ReasonMention, codeMention, name+" is only mentioned: it is not defanged, and its sentence says nothing bad of it",
				"If it is an indicator, write it defanged or put it into a list of indicators.")
			return
		}
	case ioc.IPv4, ioc.IPv6:
		if !defanged && !listed && !st.network && ind.Doubt == "" {
			ind.Doubt = "it is not defanged, and its sentence says nothing of a connection"
		}
	case ioc.MD5, ioc.SHA1, ioc.SHA256:
		switch {
		case digest.MatchString(before) && strings.Contains(before, "@"):
			ind.Doubt = "it is the digest of an image of a container, not of a file"
		case listed || st.hash:
		case ind.Kind == ioc.SHA1 && c.found.commits:
			ind.Doubt = "it may be a git commit id: the article is about commits"
		default:
			ind.Doubt = "nothing in its sentence says that it is the hash of a file"
		}
	}
	c.use(ind, from, to)
	if host, ok := hostIndicator(ind); ok {
		c.use(host, from, to)
	}
}

// hostIndicator is the host of a URL that is used: who looks up names, or records
// connections, sees no more of it.
func hostIndicator(of Indicator) (Indicator, bool) {
	kind, host := ioc.HostOf(of.Kind, of.Value)
	return Indicator{Kind: kind, Value: host, Raw: of.Raw, Doubt: of.Doubt}, host != ""
}

func hostOf(i Indicator) string {
	switch i.Kind {
	case ioc.Email:
		_, host, _ := strings.Cut(i.Value, "@")
		return host
	case ioc.URL:
		return ioc.URLHost(i.Value)
	}
	return i.Value
}

// publisherHost is the host that the article came from, without www.
func (r *reader) publisherHost() string {
	if r.draft.URL.Text == "" {
		return ""
	}
	u, err := url.Parse(r.draft.URL.Text)
	if err != nil {
		return ""
	}
	host := strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")
	if _, shared := ioc.Lint(ioc.Domain, host); shared {
		return "" // known to everybody as it is, or a host of many
	}
	return host
}

func (c *cursor) use(ind Indicator, from, to int) { c.file(ind, from, to, "", "", "", "") }

// file files a value. The first place that uses it counts; what the author
// rejects, or what is a version or a commit at one place, is so at all.
func (c *cursor) file(ind Indicator, from, to int, reason ioc.Reason, code diag.Code, why, hint string) {
	ind.Span, ind.Quote = c.place(from, to), c.quote(from, to)
	ind.Reason, ind.Code, ind.Why = reason, code, why
	if reason != "" {
		ind.Doubt = ""
	}
	c.fileAt(ind, hint)
}

func (r *reader) fileAt(ind Indicator, hint string) {
	ind.Count = 1
	if r.found.index == nil {
		r.found.index = map[[2]string]int{}
	}
	key := [2]string{string(ind.Kind), ind.Value}
	i, have := r.found.index[key]
	if !have {
		r.found.index[key] = len(r.found.all)
		r.found.all = append(r.found.all, ind)
		r.finding(ind, hint)
		return
	}
	old := &r.found.all[i]
	ind.Count = old.Count + 1
	final := func(reason ioc.Reason) bool {
		return reason == ioc.ReasonAuthor || reason == ioc.ReasonVersion || reason == ioc.ReasonCommit
	}
	switch {
	case old.Reason == ind.Reason && (old.Doubt == "" || ind.Doubt != ""), final(old.Reason), !final(ind.Reason) && ind.Reason != "":
		old.Count++
		return
	}
	// The other place says more: the value is used after all, or without a
	// doubt, or it must not be.
	r.found.all[i] = ind
	r.finding(ind, hint)
}

// finding reports a value that is not used. Those that are used with a doubt
// are reported in the end, when no other place can take it away.
func (r *reader) finding(ind Indicator, hint string) {
	switch ind.Reason {
	case "":
	case ioc.ReasonMalformed:
		r.list.Warnf(ind.Code, ind, hint, "%s", ind.Why)
	default:
		r.list.Infof(ind.Code, ind, hint, "%s", ind.Why)
	}
}

// references files the targets of links: an article refers to other pages, and
// does not make what is bad a link.
func (c *cursor) references() {
	for _, l := range c.links {
		if !strings.Contains(l.target, "://") || len(l.target) > maxToken {
			continue
		}
		v, ok := ioc.Classify(l.target)
		if !ok || v.Kind != ioc.URL {
			continue
		}
		text := ""
		if l.to > l.from && l.to <= len(c.text) {
			text = strings.TrimSpace(c.text[l.from:l.to])
		}
		if text == l.target {
			continue // was read as text
		}
		ind := Indicator{Kind: ioc.URL, Value: v.Value, Raw: l.target, Reason: ioc.ReasonLink, Code: codeLink,
			Why: "The target of a link is a reference: " + hostOf(Indicator{Kind: ioc.URL, Value: v.Value})}
		ind.Span = c.src.span(l.src, l.end)
		hint := "If it is an indicator, write it as text, defanged."
		if fanged.MatchString(l.target) {
			if _, no := ioc.Lint(ioc.URL, l.target); !no && !c.rejected {
				ind.Reason, ind.Code, ind.Why = "", "", ""
			}
		}
		if len(c.text) > 0 {
			ind.Quote = c.quote(min(l.from, len(c.text)-1), min(l.to, len(c.text)))
		}
		c.fileAt(ind, hint)
		if host, ok := hostIndicator(ind); ok && ind.Reason == "" {
			host.Span, host.Quote = ind.Span, ind.Quote
			c.fileAt(host, hint)
		}
	}
}

// settle sorts what was found into the draft.
func (r *reader) settle() {
	d := r.draft
	for _, ind := range r.found.all {
		switch {
		case ind.Reason != "":
			d.Excluded = append(d.Excluded, ind)
			continue
		case ind.Kind == ioc.CVE:
			d.CVEs = append(d.CVEs, ind)
		default:
			d.Indicators = append(d.Indicators, ind)
		}
		if ind.Doubt != "" {
			r.list.Warnf(codeDoubtful, ind, "Look it up in the article before it is used.", "%s %s is used, but %s", ind.Kind.Name(), ind.Value, ind.Doubt)
		}
		if ind.Kind == ioc.Email {
			r.list.Infof(codeNoSource, ind, "Look for it in the logs of your mail gateway.", "Sigma has no log source for the %s %s", ind.Kind.Name(), ind.Value)
		}
	}
	for _, m := range r.all {
		if m.Reason != "" {
			d.Unused = append(d.Unused, m)
			continue
		}
		d.Mechanics = append(d.Mechanics, m)
		if m.Doubt != "" {
			r.list.Infof(codeDoubtful, m, "Use it together with something that only the attack has.", "The %s %q alone says nothing: %s", m.Kind, cut(m.Value, 120), m.Doubt)
		}
		if m.Selection.Field == "" {
			r.list.Infof(codeNoSource, m, "Look for what makes it: a process, a file or a command line.", "Sigma has no log source for the %s %q", m.Kind, cut(m.Value, 120))
		}
	}
	byPlace := func(a, b Indicator) int { return a.Pos.Offset - b.Pos.Offset }
	slices.SortStableFunc(d.Indicators, byPlace)
	slices.SortStableFunc(d.CVEs, byPlace)
	slices.SortStableFunc(d.Excluded, byPlace)
	slices.SortStableFunc(d.Mechanics, func(a, b Mechanic) int { return a.Pos.Offset - b.Pos.Offset })
	slices.SortStableFunc(d.Unused, func(a, b Mechanic) int { return a.Pos.Offset - b.Pos.Offset })
}
