package compiler

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/article"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/internal/ioc"
	"github.com/huntc/huntc/ir"
)

// quotedValue is a value of a document with what was said of it.
type quotedValue struct {
	text    string // as YAML
	key     string // in lower case, to tell repeats
	comment string // where it stands, and in which words; "" for nothing
	doubt   string
}

// quotedList has each value once.
type quotedList struct {
	values []quotedValue
	have   map[string]bool
}

func (l *quotedList) add(v quotedValue) {
	if l.have == nil {
		l.have = map[string]bool{}
	}
	if !l.have[v.key] {
		l.have[v.key] = true
		l.values = append(l.values, v)
	}
}

// indicatorList is a list of hunt.iocs.
type indicatorList struct {
	name string
	quotedList
}

func (l *indicatorList) add(value, comment, doubt string) {
	l.quotedList.add(quotedValue{quoteSeen(value), strings.ToLower(value), comment, doubt})
}

// maxListed is how many values of a list one document gets: the language caps
// what a placeholder is filled with.
const maxListed = 2500

// portions cuts lists that are longer than one document takes.
func portions(lists []indicatorList) [][]indicatorList {
	var out [][]indicatorList
	for from := 0; ; from += maxListed {
		var part []indicatorList
		for _, l := range lists {
			if from < len(l.values) {
				part = append(part, indicatorList{l.name, quotedList{values: l.values[from:min(from+maxListed, len(l.values))]}})
			}
		}
		if part == nil {
			return out
		}
		out = append(out, part)
	}
}

// numbered is a name, with its number behind it unless it is the first.
func numbered(name, between string, i int) string {
	if i == 0 {
		return name
	}
	return fmt.Sprintf("%s%s%d", name, between, i+1)
}

// draftText collects the lines of a document that has comments.
type draftText struct{ strings.Builder }

func (t *draftText) line(depth int, s string) {
	t.WriteString(strings.Repeat("    ", depth) + s + "\n")
}

func (t *draftText) text(depth int, key, v string) {
	if v != "" {
		t.line(depth, key+": "+quoteSeen(v))
	}
}

// quoteSeen writes a text as a YAML value of which every character is seen: one
// that turns the direction of the line, or has no width, is written out.
func quoteSeen(s string) string {
	hidden := func(r rune) bool { return r > 0x7f && !unicode.IsPrint(r) && !unicode.IsSpace(r) }
	if !strings.ContainsFunc(s, hidden) {
		return sigma.QuoteScalar(s)
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return `"` + b.String() + `"`
}

// commentWidth is where comments are broken into lines.
const commentWidth = 100

// comment writes words that may come from anywhere: no character of them ends
// the comment or changes how a terminal shows the lines around it.
func (t *draftText) comment(depth int, s string) {
	indent := strings.Repeat("    ", depth) + "#"
	line, width := indent, len(indent)
	for _, w := range strings.Fields(shown(s)) {
		if n := utf8.RuneCountInString(w); width > len(indent) && width+1+n > commentWidth {
			t.WriteString(line + "\n")
			line, width = indent+" "+w, len(indent)+1+n
		} else {
			line, width = line+" "+w, width+1+n
		}
	}
	t.WriteString(line + "\n")
}

// shown is a text with the characters that are not seen written out.
func shown(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "<U+%04X>", r)
		}
	}
	return b.String()
}

// values writes the entries of a list, below what was said of each; what was
// said of several that follow each other stands there once.
func (t *draftText) values(depth int, list []quotedValue) {
	last := ""
	for _, v := range list {
		if v.comment != "" && v.comment != last {
			t.comment(depth, v.comment)
		}
		last = v.comment
		if v.doubt != "" {
			t.comment(depth, "doubtful: "+v.doubt)
			last = "" // the next one needs its own
		}
		t.line(depth, "- "+v.text)
	}
}

func (t *draftText) article(a *ir.Article) {
	if a == nil || *a == (ir.Article{}) {
		return
	}
	t.line(1, "article:")
	t.text(2, "title", a.Title)
	t.text(2, "url", a.URL)
	t.text(2, "publisher", a.Publisher)
	if published := a.Published; published != "" {
		t.line(2, "published: "+plainDate(published))
	}
	t.text(2, "severity", a.Severity)
}

// plainDate is a date as documents have it, without quotes.
func plainDate(s string) string {
	for i, c := range s {
		if len(s) != 10 || (i == 4 || i == 7) != (c == '-') || c != '-' && (c < '0' || c > '9') {
			return quoteSeen(s)
		}
	}
	return s
}

func (t *draftText) iocs(lists []indicatorList) {
	if len(lists) == 0 {
		return
	}
	t.line(1, "iocs:")
	for _, l := range lists {
		t.line(2, l.name+":")
		t.values(3, l.values)
	}
}

func (t *draftText) head(m *ir.Meta) {
	t.text(0, "title", m.Title)
	t.text(0, "id", m.ID)
	t.line(0, "taxonomy: huntc")
	t.text(0, "status", m.Status)
	t.text(0, "description", m.Description)
	if len(m.References) > 0 {
		t.line(0, "references:")
		for _, r := range m.References {
			t.line(1, "- "+quoteSeen(r))
		}
	}
	if len(m.Tags) > 0 {
		t.line(0, "tags:")
		t.comment(1, "of the whole article; keep those of what this document looks for")
		for _, tag := range m.Tags {
			t.line(1, "- "+tag)
		}
	}
}

// templateDocument is a document that fills a shipped template.
func templateDocument(name string, m ir.Meta, remarks []string, lists []indicatorList) []byte {
	var t draftText
	for _, r := range remarks {
		t.comment(0, r)
	}
	t.head(&m)
	t.text(0, "level", m.Level)
	t.line(0, "hunt:")
	t.line(1, "template: "+name)
	t.text(1, "phase", m.Phase)
	t.text(1, "confidence", m.Confidence)
	t.article(m.Article)
	t.iocs(lists)
	return []byte(t.String())
}

// templateOf is the template that looks for a kind of indicator, and the list
// that it takes them from; "" where there is none.
func templateOf(k ioc.Kind) (template, list string) {
	switch k {
	case ioc.CVE:
		return "asset_exposure", "cves"
	case ioc.IPv4, ioc.IPv6:
		return "network_ioc", "ips"
	case ioc.Domain:
		return "network_ioc", "domains"
	case ioc.MD5, ioc.SHA1, ioc.SHA256:
		return "hash_ioc", "hashes"
	}
	return "", ""
}

// templateParts are the shipped templates with the lists that each takes.
var templateParts = []struct {
	template, file, title, looksFor string
	lists                           []string
}{
	{"network_ioc", "network_indicators", "addresses and domains", "connections to the addresses and domains that the article names", []string{"ips", "domains"}},
	{"hash_ioc", "file_hashes", "file hashes", "files and processes with the hashes that the article names", []string{"hashes"}},
	{"asset_exposure", "exposed_devices", "exposed devices", "devices with the vulnerabilities that the article names", []string{"cves"}},
}

// importArticle drafts documents from what is no briefing.
func (l *Lifter) importArticle(file string, src []byte, out *Imported, taken map[string]bool) {
	d, list := article.Parse(file, src)
	for i := range list {
		if list[i].Code == article.CodeNothing {
			list[i].Severity = diag.Error // nothing was imported
		}
	}
	out.Draft, out.Diagnostics = d, list
	start := diag.Span{Pos: diag.Pos{Filename: file, Line: 1, Column: 1}}
	if list.HasErrors() {
		return
	}
	out.Diagnostics.Infof(codeDraft, start, "Complete each document before it is used.", "the file is no briefing: it is read as an article, and its documents are drafts")
	w := &drafter{lifter: l, draft: d, out: out, base: path.Base(file), folder: freeFolder(taken, file), taken: taken}
	w.meta()
	w.indicators()
	w.mechanics()
	out.Diagnostics.Sort()
}

// drafter makes the documents of one article.
type drafter struct {
	lifter       *Lifter
	draft        *article.Draft
	out          *Imported
	base, folder string
	taken        map[string]bool
	title, key   string
	tags         []string
	article      ir.Article
}

func (w *drafter) meta() {
	d := w.draft
	w.title = oneLine(d.Title.Text)
	if w.title == "" {
		w.title = oneLine(strings.TrimSuffix(w.base, path.Ext(w.base)))
	}
	w.key = d.URL.Text
	if w.key == "" {
		w.key = w.base
	}
	w.article = ir.Article{Title: cut(w.title, 256), URL: oneLine(d.URL.Text), Publisher: oneLine(d.Publisher.Text), Published: d.Published.Text}
	for _, t := range d.Techniques {
		tag := "attack." + strings.ToLower(t.ID)
		if techniqueID.MatchString(t.ID) && !slices.Contains(w.tags, tag) {
			w.tags = append(w.tags, tag)
		}
	}
}

// oneLine is a text without breaks and control characters.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == 0xfeff }), " ")
}

// metaOf is what the document of one part says of itself.
func (w *drafter) metaOf(part, looksFor string) ir.Meta {
	title := cut(w.title, 240-len(part)) + ": " + part
	m := ir.Meta{Title: title, Status: "experimental", ID: freeID(w.taken, nameUUID(w.key+"\n"+w.title+"\ndraft\n"+part))}
	m.Description = "Draft made from an article, to be completed. Looks for " + looksFor + "."
	if w.article.URL != "" {
		m.References = []string{w.article.URL}
	}
	a := w.article
	m.Article = &a
	return m
}

// says is where a value stands, and in which words.
func (w *drafter) says(at diag.Span, q *article.Quote, raw string) string {
	s := fmt.Sprintf("%s:%d", w.base, at.Pos.Line)
	sentence := strings.TrimSpace(q.Sentence)
	bare := strings.Trim(strings.TrimSpace(sentence), "-*•|`\"' ") == strings.Trim(raw, "`\"' ")
	switch {
	case bare && q.Lead != "":
		return s + ": " + strings.TrimSpace(q.Lead) + " " + sentence
	case bare && q.Section != "":
		return s + ", under " + fmt.Sprintf("%q", oneLine(q.Section)) + ": " + sentence
	}
	return s + ": " + sentence
}

func (w *drafter) indicators() {
	lists := map[string]*indicatorList{}
	for _, i := range slices.Concat(w.draft.CVEs, w.draft.Indicators) {
		_, name := templateOf(i.Kind)
		if name == "" {
			continue // URLs are in web_requests; of others the article's findings say that nothing looks for them
		}
		if lists[name] == nil {
			lists[name] = &indicatorList{name: name}
		}
		lists[name].add(i.Value, w.says(i.Span, &i.Quote, i.Raw), i.Doubt)
	}
	for _, p := range templateParts {
		var have []indicatorList
		for _, name := range p.lists {
			if l := lists[name]; l != nil {
				have = append(have, *l)
			}
		}
		for i, part := range portions(have) {
			w.file(numbered(p.file, "_", i), templateDocument(p.template, w.metaOf(numbered(p.title, " ", i), p.looksFor), nil, part))
		}
	}
}

// file keeps a document that can be read again.
func (w *drafter) file(name string, text []byte) {
	h := ImportedHunt{Span: diag.Span{Pos: diag.Pos{Filename: w.draft.Path, Line: 1, Column: 1}}, Basis: "draft", File: w.folder + "/" + name + ".yml"}
	f, diags := sigma.Load(h.File, text, nil)
	for _, hunt := range f.Hunts {
		h.Title = hunt.Meta.Title
		diags = append(diags, w.lifter.schema.Check(hunt)...)
	}
	for _, x := range diags {
		if x.Severity == diag.Error {
			w.out.Diagnostics.Errorf(codeImport, h, "Write the document by hand.", "no document can be made of %s: %s", name, x.Message)
			return
		}
	}
	h.Document = text
	w.out.Drafts = append(w.out.Drafts, h)
}

// draftParts are the documents for what leaves traces, by log source.
var draftParts = []struct {
	category, service, file, title, looksFor string
}{
	{"process_creation", "", "processes", "processes", "the programs and command lines that the article names"},
	{"file_event", "", "files", "files", "the files that the article names, as they are written"},
	{"registry_set", "", "registry", "registry", "the registry keys that the article names"},
	{"", "security", "scheduled_tasks", "scheduled tasks", "the scheduled tasks that the article names, as they are made"},
	{"", "system", "services", "services", "the services that the article names, as they are installed"},
	{"pipe_created", "", "named_pipes", "named pipes", "the named pipes that the article names"},
	{"proxy", "", "web_requests", "web requests", "requests for the addresses, paths and user agents that the article names"},
	{"network_connection", "", "ports", "ports", "connections to the ports that the article names"},
}

// selectionNames are the names of selections by what they test.
var selectionNames = []struct{ field, modifier, name string }{
	{"CommandLine", "contains", "command_lines"}, {"Image", "endswith", "programs"}, {"Image", "", "program_paths"}, {"Image", "contains", "program_folders"},
	{"TargetFilename", "endswith", "files"}, {"TargetFilename", "", "file_paths"}, {"TargetFilename", "contains", "folders"}, {"TargetObject", "contains", "keys"},
	{"TaskName", "endswith", "tasks"}, {"ServiceName", "", "services"}, {"PipeName", "", "pipes"}, {"c-useragent", "", "user_agents"}, {"c-uri", "contains", "paths"},
	{"DestinationPort", "", "ports"},
}

// draftSelection is one selection of a draft.
type draftSelection struct {
	article.Selection
	quotedList
}

func (w *drafter) mechanics() {
	for _, p := range draftParts {
		part := p
		var selections []*draftSelection
		var remarks []string
		product, products := "", 0
		for i := range w.draft.Mechanics {
			m := &w.draft.Mechanics[i]
			s := &m.Selection
			if s.Field == "" || s.Category != part.category || s.Service != part.service {
				continue
			}
			if m.Doubt != "" {
				remarks = append(remarks, fmt.Sprintf("%s %s, because %s (%s)", m.Kind, m.Value, m.Doubt, w.says(m.Span, &m.Quote, m.Raw)))
				continue
			}
			if products == 0 || s.Product != product {
				product = s.Product
				products++
			}
			comment := w.says(m.Span, &m.Quote, m.Raw)
			to := w.selection(&selections, s)
			for _, v := range s.Values {
				text := quoteSeen(sigmaText(v, s.Wildcards))
				if m.Kind == article.Port {
					text = v
				}
				to.add(quotedValue{text, strings.ToLower(v), comment, ""})
			}
		}
		var urls indicatorList
		if part.category == "proxy" {
			urls.name = "urls"
			for _, i := range w.draft.Indicators {
				if i.Kind == ioc.URL {
					scheme, rest, ok := strings.Cut(i.Value, "://")
					if !ok {
						scheme, rest = "http", i.Value
					}
					if !slices.Contains([]string{"http", "https", "ws", "wss", "ftp"}, strings.ToLower(scheme)) {
						w.out.Diagnostics.Warnf(codeNoTemplate, i, "Write a document of your own for it.", "no proxy sees the URL %s: at most its host is looked for", i.Value)
						continue
					}
					urls.add(rest, w.says(i.Span, &i.Quote, i.Raw), i.Doubt)
				}
			}
		}
		if len(selections)+len(urls.values) == 0 {
			continue // what is doubtful, a finding names
		}
		if products > 1 {
			product = ""
		}
		if len(remarks) > 0 {
			remarks = append([]string{"Named in the article and not looked for, because alone it says nothing:"}, remarks...)
		}
		if part.category == "proxy" {
			remarks = append(remarks, splunkOnly)
		}
		lists := portions([]indicatorList{urls})
		if len(lists) == 0 {
			lists = [][]indicatorList{nil}
		}
		for i, list := range lists {
			if i > 0 {
				selections = nil
			}
			w.file(numbered(part.file, "_", i), w.detection(part.category, product, part.service, w.metaOf(numbered(part.title, " ", i), part.looksFor), remarks, selections, list))
		}
	}
}

// splunkOnly says why a draft is not for Defender.
const splunkOnly = "Defender records hosts of requests and neither paths nor user agents: this draft is for Splunk."

// selection finds the selection that tests the same as s, or begins one.
func (w *drafter) selection(list *[]*draftSelection, s *article.Selection) *draftSelection {
	for _, o := range *list {
		if o.Field == s.Field && o.Modifier == s.Modifier && slices.Equal(o.Fixed, s.Fixed) {
			return o
		}
	}
	*list = append(*list, &draftSelection{Selection: *s})
	return (*list)[len(*list)-1]
}

// detection is a document of which each selection is enough.
func (w *drafter) detection(category, product, service string, m ir.Meta, remarks []string, selections []*draftSelection, urls []indicatorList) []byte {
	var t draftText
	for _, r := range remarks {
		t.comment(0, r)
	}
	m.Tags = w.tags
	t.head(&m)
	t.line(0, "logsource:")
	t.text(1, "category", category)
	t.text(1, "product", product)
	t.text(1, "service", service)
	t.line(0, "detection:")
	var names []string
	if len(urls) > 0 {
		names = append(names, "urls")
		t.line(1, "urls:")
		t.line(2, "c-uri|contains|expand: '%urls%'")
	}
	for _, s := range selections {
		name := "values"
		if len(s.Fixed) > 0 && s.Field == "Image" {
			name = "child_processes"
		}
		for _, n := range selectionNames {
			if name == "values" && n.field == s.Field && n.modifier == s.Modifier {
				name = n.name
			}
		}
		for n, base := 2, name; slices.Contains(names, name); n++ {
			name = fmt.Sprintf("%s_%d", base, n)
		}
		names = append(names, name)
		t.line(1, name+":")
		for _, f := range s.Fixed {
			v := quoteSeen(f.Value)
			if digitsOnly(f.Value) {
				v = f.Value
			}
			t.line(2, f.Field+": "+v)
		}
		key := s.Field
		if s.Modifier != "" {
			key += "|" + s.Modifier
		}
		t.line(2, key+":")
		t.values(3, s.values)
	}
	condition := "1 of them"
	if len(names) == 1 {
		condition = names[0]
	}
	t.line(1, "condition: "+condition)
	t.line(0, "hunt:")
	if category == "proxy" {
		t.line(1, "targets: [splunk]")
	}
	t.article(m.Article)
	t.iocs(urls)
	return []byte(t.String())
}

func digitsOnly(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// sigmaText writes a value so that a detection reads the same text: * and ?
// stand for themselves, unless stars are wildcards; a backslash is doubled
// only where it would mean something.
func sigmaText(v string, stars bool) string {
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case c == '*' && stars:
			b.WriteByte(c)
		case c == '*' || c == '?':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\\':
			n := i
			for n < len(v) && v[n] == '\\' {
				n++
			}
			if run := n - i; run > 1 || n < len(v) && (v[n] == '*' || v[n] == '?') {
				b.WriteString(strings.Repeat(`\\`, run))
			} else {
				b.WriteByte('\\')
			}
			i = n - 1
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
