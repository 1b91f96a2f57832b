package compiler

import (
	"cmp"
	"crypto/sha1"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/diff"
	"github.com/huntc/huntc/frontends/article"
	"github.com/huntc/huntc/frontends/briefing"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/internal/ioc"
	"github.com/huntc/huntc/ir"
)

// Imported is a briefing or an article as documents.
type Imported struct {
	Path     string
	Headings int // of hunts in the briefing
	// Paired counts the headings that are the other half of a hunt that has one
	// already: Headings - Paired is the number of Hunts.
	Paired    int
	Hunts     []ImportedHunt
	Templates []ImportedHunt // indicators that a template looks for
	// Draft is what an article says, nil for a briefing; Drafts are the documents
	// that were made of it.
	Draft       *article.Draft
	Drafts      []ImportedHunt
	Diagnostics diag.List
}

// ImportedHunt is one hunt of a briefing, with the document that was made of
// it.
type ImportedHunt struct {
	diag.Span
	Title, ID string
	File      string // name of the document, below the folder of outputs
	Document  []byte // nil if it could not be written
	// Basis is the half that the document says: "spl", "kql", "native" where
	// neither half could be read in full, "template", or "draft" of an article;
	// "none" if there is no document.
	Basis      string
	SPL, KQL   Half
	Comparison *diff.Comparison // nil unless both halves have a logical form
	unsaid     []string         // halves that have one and no document, each with the reason
}

// Half is one language's side of a hunt.
type Half struct {
	Queries int        // 0 if the hunt has no such half
	Status  LiftStatus // "" without a query
	Logical bool       // the half has a form in the terms of documents
	Reason  string     // the first error, with its code
	Texts   []HalfText // the queries, as they are written
	// Diagnostics are what is said of the queries, at their places in the file.
	Diagnostics diag.List
	// Lost is what the logical form of the half does not say as the text does.
	Lost []Loss
}

// HalfText is one query of a half, and where it begins.
type HalfText struct {
	Pos  diag.Pos
	Text string
}

// Import makes a document of every hunt of a briefing, and of every list of
// indicators that it sends to a template. No hunt is lost: one that cannot be
// read keeps its texts as they are. What is no briefing is read as an article,
// and makes drafts. A name that is in taken already goes to no further document;
// Import adds those that it gives.
func (l *Lifter) Import(file string, src []byte, taken map[string]bool) *Imported {
	doc, diags := briefing.Parse(file, src)
	out := &Imported{Path: file, Diagnostics: diags}
	if slices.ContainsFunc(diags, func(d diag.Diagnostic) bool { return d.Code == briefing.CodeNotBriefing }) {
		l.importArticle(file, src, out, taken)
		return out
	}
	if diags.HasErrors() {
		return out
	}
	for _, h := range doc.Headings {
		if h.Hunt >= 0 {
			out.Headings++
		}
	}
	for _, h := range doc.Hunts {
		out.Paired += len(h.Headings) - 1
	}
	names := map[string]bool{}
	folder := freeFolder(taken, file)
	for i := range doc.Hunts {
		h := l.importHunt(doc, &doc.Hunts[i], out, taken)
		h.File = freeName(names, folder, h.Title)
		out.Hunts = append(out.Hunts, h)
	}
	importTemplates(doc, out, taken, func(title string) string { return freeName(names, folder, title) })
	out.Diagnostics.Sort()
	return out
}

// freeFolder is a folder for the documents of a file that no other file has.
func freeFolder(taken map[string]bool, file string) string {
	base := cmp.Or(slug(strings.TrimSuffix(path.Base(file), path.Ext(file))), "article")
	name := base
	for n := 2; taken[name+"/"]; n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	taken[name+"/"] = true
	return name
}

// freeName is a file name for a title that is not taken yet.
func freeName(taken map[string]bool, folder, title string) string {
	base := folder + "/" + cmp.Or(slug(title), "hunt")
	name := base
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	taken[name] = true
	return name + ".yml"
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

// slug is a title as part of a file name.
func slug(s string) string {
	s = strings.Trim(notSlug.ReplaceAllString(strings.ToLower(s), "_"), "_")
	return strings.Trim(s[:min(len(s), 60)], "_")
}

// side is one half on its way.
type side struct {
	half  Half
	hunt  *ir.Hunt
	text  string
	facts []*diff.Facts // of each query
}

func (l *Lifter) importHunt(doc *briefing.Document, h *briefing.Hunt, out *Imported, taken map[string]bool) ImportedHunt {
	in := ImportedHunt{Span: h.Span, Title: h.Title, ID: h.ID, Basis: "native"}
	meta := importedMeta(doc, h.Title, h.ID, h.Phase, h.Confidence)
	meta.ID = freeID(taken, meta.ID)
	if taken[meta.Name] {
		meta.Name = ""
	} else if meta.Name != "" {
		taken[meta.Name] = true
	}
	spl, kql := l.side("spl", h.SPL, meta, out), l.side("kql", h.KQL, meta, out)
	in.SPL, in.KQL = spl.half, kql.half
	in.compare(spl, kql)
	halves := []struct {
		name  string
		this  side
		other side
		of    string
	}{{"spl", spl, kql, "defender"}, {"kql", kql, spl, "splunk"}}
	if len(spl.half.Lost) > 0 && kql.hunt != nil && len(kql.half.Lost) == 0 {
		slices.Reverse(halves)
	}
	for _, s := range halves {
		if s.this.hunt == nil {
			continue
		}
		hunt := *s.this.hunt
		if s.other.half.Queries > 0 && s.other.hunt == nil {
			hunt.Natives = []*ir.Native{{Span: h.Span, Target: s.of, Text: s.other.text}}
		}
		text, why := l.written(&hunt, in.remarks(s.name))
		if text != nil {
			in.Basis, in.Document = s.name, text
			return in
		}
		in.unsaid = append(in.unsaid, strings.ToUpper(s.name)+": no document can say it: "+why)
		out.Diagnostics.Warnf(codeImport, h, "The text is kept as it is.", "no document can say what the %s of the hunt %q says: %s", strings.ToUpper(s.name), h.Title, why)
	}
	hunt := &ir.Hunt{Kind: ir.KindHunt, Meta: meta}
	for _, s := range []struct {
		target string
		side   side
	}{{"splunk", spl}, {"defender", kql}} {
		if s.side.half.Queries > 0 {
			hunt.Natives = append(hunt.Natives, &ir.Native{Span: h.Span, Target: s.target, Text: s.side.text})
			hunt.Targets = append(hunt.Targets, s.target)
		}
	}
	if len(hunt.Targets) == 2 {
		hunt.Targets = nil
	}
	text, why := l.written(hunt, in.remarks("native"))
	if in.Document = text; text == nil {
		in.Basis = "none"
		out.Diagnostics.Errorf(codeImport, h, "Write the document by hand.", "no document can be made of the hunt %q: %s", h.Title, why)
	}
	return in
}

// written is the document of a hunt, behind remarks; nil and the reason if it
// cannot be written or read again.
func (l *Lifter) written(h *ir.Hunt, remarks []string) (text []byte, why string) {
	defer func() {
		if e := recover(); e != nil {
			text, why = nil, fmt.Sprintf("%s a defect of huntc: %v", codeInternal, e) // the texts themselves still are a document
		}
	}()
	body, diags := sigma.Write(h)
	for _, d := range append(diags, l.schema.Check(h)...) {
		if d.Severity == diag.Error {
			return nil, string(d.Code) + " " + d.Message
		}
	}
	return append(remarked(remarks), body...), ""
}

// remarked are remarks as comments of a document.
func remarked(remarks []string) []byte {
	var b strings.Builder
	for _, r := range remarks {
		b.WriteString("# " + strings.Join(strings.Fields(shown(r)), " ") + "\n")
	}
	return []byte(b.String())
}

// withLookBack is the query of a hunt with its look-back at its sources.
func withLookBack(h *ir.Hunt) ir.Query {
	return ir.MapQuery(h.Query, func(q ir.Query) ir.Query {
		if s, ok := q.(*ir.Scan); ok && s.LookBack == 0 {
			c := *s
			c.LookBack = h.LookBack
			return &c
		}
		return q
	})
}

// side reads one half of a hunt, whose queries are read as one.
func (l *Lifter) side(lang string, queries []briefing.Query, meta ir.Meta, out *Imported) side {
	s := side{half: Half{Queries: len(queries)}}
	if len(queries) == 0 {
		return s
	}
	g, err := l.language(lang)
	if err != nil {
		panic(err) // the language is one of ours
	}
	var texts []string
	var rows []ir.Query
	var diags diag.List
	s.half.Status, s.half.Logical = LiftOK, true
	for i := range queries {
		q := &queries[i]
		texts = append(texts, q.Text)
		s.half.Texts = append(s.half.Texts, HalfText{q.Pos, q.Text})
		one := g.read(q.Pos.Filename, q.Text)
		if one.Status != LiftOK && s.half.Status != LiftError {
			s.half.Status = one.Status
		}
		var hunt *ir.Hunt
		if one.Status == LiftOK {
			hunt = l.raise(g, one, meta)
		}
		inFile(one.Diagnostics, q)
		diags = append(diags, one.Diagnostics...)
		if hunt == nil {
			s.half.Logical = false
			continue
		}
		rows = append(rows, withLookBack(hunt))
		facts := diff.FactsOf(l.schema.Broaden(rows[len(rows)-1]), func(p diag.Pos) diag.Pos { return q.PosAt(p.Offset) })
		for _, loss := range one.Lost {
			if loss.Pos.Line > 0 {
				loss.Pos = q.PosAt(loss.Pos.Offset)
			}
			s.half.Lost = append(s.half.Lost, loss)
			facts.Lose(diff.Loss{Item: diff.Item{Pos: loss.Pos, Text: loss.Message}, More: loss.More, Less: loss.Less})
		}
		s.facts = append(s.facts, facts)
	}
	s.text = strings.Join(texts, "\n\n")
	if s.half.Logical {
		s.hunt = &ir.Hunt{Kind: ir.KindHunt, Meta: meta, Query: rows[0]}
		if len(rows) > 1 {
			s.hunt.Query = &ir.Union{Inputs: rows}
		}
		hoistLookBack(s.hunt)
	}
	s.half.Diagnostics = diags
	for _, d := range diags {
		if d.Severity == diag.Error && s.half.Reason == "" {
			s.half.Reason = string(d.Code) + " " + d.Message
		}
		if d.Severity == diag.Error {
			d.Severity = diag.Warning // the hunt is kept as it is
		}
		out.Diagnostics = append(out.Diagnostics, d)
	}
	return s
}

// inFile moves places in a query's text to where they stand in the briefing.
func inFile(list diag.List, q *briefing.Query) {
	for i := range list {
		d := &list[i]
		if d.Pos.Line > 0 {
			d.Pos = q.PosAt(d.Pos.Offset)
		}
		if d.EndPos.Line > 0 {
			d.EndPos = q.PosAt(d.EndPos.Offset)
		}
	}
}

// remarks say in the document what became of the two halves.
func (h *ImportedHunt) remarks(basis string) []string {
	half := func(name string, s Half) string {
		switch {
		case s.Queries == 0:
			return name + ": the briefing has none"
		case s.Logical && len(s.Lost) > 0:
			return name + ": read in full; not all of it has a form in the terms of documents"
		case s.Logical:
			return name + ": read in full"
		case s.Status == LiftOK:
			return name + ": read, but without a form in the terms of documents: " + s.Reason
		}
		return name + ": not read in full: " + s.Reason
	}
	out := []string{half("SPL", h.SPL), half("KQL", h.KQL)}
	if h.Comparison != nil {
		out = append(out, "the two halves: "+h.Comparison.Text("SPL", "KQL"))
		for _, d := range h.Comparison.Differences {
			out = append(out, "  "+d.Text("SPL", "KQL"))
		}
	}
	name, of := "SPL", h.SPL
	switch basis {
	case "native":
		return append(append(out, h.unsaid...), "the texts are kept as they are")
	case "kql":
		name, of = "KQL", h.KQL
	}
	return append(out, whatItSays(name, of.Diagnostics, of.Lost)...)
}

// whatItSays says how far a document says what a text says.
func whatItSays(name string, list diag.List, losses []Loss) []string {
	lost, noted := departures(list, losses)
	switch {
	case len(lost) > 0 && len(noted) > 0:
		return slices.Concat([]string{"this document does NOT say all that the " + name + " says:"}, lost, []string{"nor is it the same in:"}, noted)
	case len(lost) > 0:
		return append([]string{"this document does NOT say all that the " + name + " says:"}, lost...)
	case len(noted) > 0:
		return append([]string{"this document says what the " + name + " says, but for:"}, noted...)
	}
	return []string{"this document says what the " + name + " says"}
}

// departures are the places at which a logical form is not quite its text, in
// words, each once: what is lost of it, and what is noted of it.
func departures(list diag.List, losses []Loss) (lost, noted []string) {
	for _, d := range list {
		text := fmt.Sprintf("  line %d: %s", d.Pos.Line, d.Message)
		switch {
		case slices.Contains(lost, text) || slices.Contains(noted, text):
		case slices.ContainsFunc(losses, func(l Loss) bool { return l.Code == d.Code && l.Pos == d.Pos && l.Message == d.Message }):
			lost = append(lost, text)
		case d.Code == codeNarrower || d.Code == codeReworded || d.Code == codeNotThere:
			noted = append(noted, text)
		}
	}
	return lost, noted
}

var levels = map[string]string{"CRIT": "critical", "HIGH": "high", "MED": "medium", "LOW": "low"}

var techniqueID = regexp.MustCompile(`^T\d{4}(\.\d{3})?$`)

// importedMeta is what a briefing says of a hunt.
func importedMeta(doc *briefing.Document, title, id, phase, confidence string) ir.Meta {
	title = strings.Join(strings.Fields(title), " ")
	m := ir.Meta{Title: cut(title, 256), Status: "experimental", Level: levels[doc.Severity]}
	m.ID = nameUUID(doc.Article + "\n" + doc.Title + "\n" + id + "\n" + title)
	if clean := strings.Trim(id, " `"); clean != "" {
		m.Name = clean
	}
	m.Phase = word(phase, "recon", "weapon", "delivery", "exploit", "install", "c2", "actions")
	m.Confidence = word(confidence, "low", "medium", "high")
	for _, t := range doc.Techniques {
		tag := "attack." + strings.ToLower(t.ID)
		if techniqueID.MatchString(t.ID) && !slices.Contains(m.Tags, tag) {
			m.Tags = append(m.Tags, tag)
		}
	}
	m.Article = &ir.Article{Title: cut(strings.Join(strings.Fields(doc.Title), " "), 256), URL: doc.Article, Published: doc.Published,
		Publisher: strings.Join(doc.Sources, ", "), Severity: levels[doc.Severity]}
	return m
}

func cut(s string, n int) string {
	r := []rune(s)
	return string(r[:min(len(r), n)])
}

// word is a word of a closed list in the case of the list; "" if it is none.
func word(s string, list ...string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if slices.Contains(list, s) {
		return s
	}
	return ""
}

// nameUUID is the UUID of version 5 of a name (RFC 9562) in a namespace of
// huntc's own: the same hunt of the same article has the same id each time.
func nameUUID(name string) string {
	h := sha1.Sum([]byte("https://github.com/huntc/huntc/import\n" + name))
	h[6] = h[6]&0x0f | 0x50
	h[8] = h[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// freeID is an id for what is named like something else that is imported with it:
// a name's own for the first, then one with the number of the name.
func freeID(taken map[string]bool, id string) string {
	free := id
	for n := 2; taken["id "+free]; n++ {
		free = nameUUID(fmt.Sprintf("%s\n%d", id, n))
	}
	taken["id "+free] = true
	return free
}

// importTemplates makes documents of the indicators that a briefing sends to
// templates, and of those that it only lists.
func importTemplates(doc *briefing.Document, out *Imported, taken map[string]bool, file func(title string) string) {
	sent := map[[2]string]bool{}
	for i := range doc.Templates {
		t := &doc.Templates[i]
		all := slices.Concat(t.CVEs, t.IPs, t.Domains, t.URLs, t.Hashes)
		for _, v := range all {
			sent[[2]string{string(v.Kind), v.Value}] = true
		}
		meta := importedMeta(doc, cmp.Or(t.Title, doc.Title), "", t.Phase, t.Confidence)
		fillTemplates(doc, t.Span, meta, false, all, out, taken, file)
	}
	var rest []briefing.IOC
	for _, v := range doc.Indicators() {
		if !sent[[2]string{string(v.Kind), v.Value}] {
			rest = append(rest, v)
		}
	}
	if len(rest) > 0 {
		fillTemplates(doc, rest[0].Span, importedMeta(doc, doc.Title, "", "", ""), true, rest, out, taken, file)
	}
}

// fillTemplates files a document for each template that looks for some of the
// indicators. Only one title can go without the name of the part.
func fillTemplates(doc *briefing.Document, at diag.Span, meta ir.Meta, named bool, all []briefing.IOC, out *Imported, taken map[string]bool, file func(title string) string) {
	lists := map[string]*indicatorList{}
	add := func(kind ioc.Kind, value, doubt string) {
		_, name := templateOf(kind)
		if lists[name] == nil {
			lists[name] = &indicatorList{name: name}
		}
		lists[name].add(value, "", doubt)
	}
	for _, v := range all {
		if kind, host := ioc.HostOf(v.Kind, v.Value); host != "" {
			out.Diagnostics.Warnf(codeNoTemplate, v, "Write a document of your own for the rest of it.", "no shipped template looks for the %s %s: only its host is looked for", v.Kind.Name(), v.Value)
			add(kind, host, v.Doubt)
			continue
		}
		_, name := templateOf(v.Kind)
		if name == "" {
			out.Diagnostics.Warnf(codeNoTemplate, v, "Write a document of your own for it.", "no shipped template looks for the %s %s", v.Kind.Name(), v.Value)
			continue
		}
		if ex, excluded := ioc.Lint(v.Kind, v.Value); excluded {
			out.Diagnostics.Warnf(ex.Code, v, ex.Hint, "%s; it is left out", ex.Message)
			continue
		}
		add(v.Kind, v.Value, v.Doubt)
	}
	for _, p := range templateParts {
		var have []indicatorList
		for _, name := range p.lists {
			if l := lists[name]; l != nil {
				have = append(have, *l)
			}
		}
		for i, part := range portions(have) {
			m := meta
			if named {
				m.Title = cut(meta.Title, 240-len(p.title)) + ": " + numbered(p.title, " ", i)
				m.ID = nameUUID(doc.Article + "\n" + doc.Title + "\n\n" + m.Title)
			}
			named = true
			m.ID = freeID(taken, m.ID)
			h := ImportedHunt{Span: at, Title: m.Title, Basis: "template", File: file(m.Title)}
			h.Document = templateDocument(p.template, m, nil, part)
			out.Templates = append(out.Templates, h)
		}
	}
}
