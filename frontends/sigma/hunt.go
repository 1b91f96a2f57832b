package sigma

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// hunt is the "hunt" block: what a hunt has and Sigma has not.
type hunt struct {
	template *template
	// templated: a template is named, whether there is one of that name or not.
	templated bool
	pipeline  *yaml.Node
	branches  []*branch
	output    []item
	narrow    bool
	keys      []pair
}

// branch is a further source of a hunt's pipeline.
type branch struct {
	diag.Span
	name     string
	base     *ir.Filter
	output   []item
	pipeline *yaml.Node
	used     bool
}

// key is the key node of an entry, or nil.
func (h *hunt) key(name string) *yaml.Node {
	if p := findPair(h.keys, name); p != nil {
		return p.key
	}
	return nil
}

// huntBlock reads the block and the taxonomy, which says whether another
// Sigma tool may read the document without the block.
func (d *document) huntBlock() *hunt {
	h := &hunt{}
	n := d.get(keyHunt)
	if n != nil && d.isMap("hunt", n) {
		h.keys = d.pairs(n)
		for _, p := range h.keys {
			d.huntKey(h, p)
		}
	}
	d.taxonomy(h)
	return h
}

func (d *document) taxonomy(h *hunt) {
	tax := d.get(keyTaxonomy)
	value := "sigma"
	if tax != nil {
		v, ok := d.textOf("taxonomy", tax)
		if !ok {
			return
		}
		value = v
	}
	if value != "sigma" && value != "huntc" {
		d.diags.Errorf(codeTaxonomy, d.src.span(resolve(tax)), "Rename the fields to Sigma's own and leave \"taxonomy\" out; \"taxonomy: huntc\" is for documents with a pipeline.",
			"the taxonomy %q is not known here, so the meaning of the fields is not either", value)
		return
	}
	if value == "huntc" {
		return
	}
	for _, name := range []string{"pipeline", "branches", "template", "native"} {
		if k := h.key(name); k != nil {
			d.diags.Errorf(codeNeedsTaxonomy, d.src.span(k), "Add \"taxonomy: huntc\", so that another Sigma tool does not take the detection alone for the whole.",
				"a document with \"hunt: %s\" has to say \"taxonomy: huntc\"", name)
			return
		}
	}
}

func (d *document) huntKey(h *hunt, p pair) {
	m := &d.hunt.Meta
	v := resolve(p.value)
	switch key := p.key.Value; key {
	case "window":
		if t, ok := d.textOf(key, v); ok {
			dur, ok := parseDuration(t)
			if !ok || dur <= 0 {
				d.diags.Errorf(codeDuration, d.src.span(v), "Write a number and s, m, h, d or w, such as 30m or 7d.", "%q is not a length of time", t)
			}
			d.hunt.LookBack = dur
		}
	case "windows":
		t, ok := d.textOf(key, v)
		if d.get(keyCorrelation) == nil {
			d.diags.Errorf(codeWindowing, d.src.span(p.key), "Remove it; a pipeline says its windows itself, with bin and gaps.", "\"windows\" belongs to correlations")
		} else if ok && d.word("windows", t, v, windowings) {
			d.windowing = ir.Windowing(t)
		}
	case "phase":
		if t, ok := d.textOf(key, v); ok && d.word("phase", t, v, phases) {
			m.Phase = t
		}
	case "confidence":
		if t, ok := d.textOf(key, v); ok && d.word("confidence", t, v, confidences) {
			m.Confidence = t
		}
	case "article":
		d.article(v)
	case "iocs":
		d.readIOCs(v)
	case "allow":
		for _, e := range d.texts(key, v, true) {
			if !allowCode.MatchString(e.text) {
				d.diags.Errorf(codeAllow, e, "Write the code of the diagnostic, such as HC0310.", "%q is not a code", e.text)
				continue
			}
			if _, known := diag.Explain(diag.Code(e.text)); !known {
				d.diags.Errorf(codeAllow, e, "Copy the code from the diagnostic that is to be accepted.", "there is no code %s", e.text)
				continue
			}
			d.hunt.Allow = append(d.hunt.Allow, ir.Allowed{Span: e.Span, Code: diag.Code(e.text)})
		}
	case "output":
		h.output = d.columns(key, v)
	case "targets":
		if v.Kind == yaml.SequenceNode && len(v.Content) == 0 {
			d.diags.Errorf(codeTarget, d.src.span(v), "Name splunk, defender or both, or remove the key to compile for every target.", "\"targets\" names no target")
		}
		for _, e := range d.texts(key, v, true) {
			if d.target(e) {
				if slices.Contains(d.hunt.Targets, e.text) {
					d.diags.Errorf(codeTarget, e, "Remove one.", "the target %q stands there twice", e.text)
				}
				d.hunt.Targets = append(d.hunt.Targets, e.text)
			}
		}
	case "native":
		d.hunt.Kind = ir.KindHunt
		if !d.isMap(key, v) {
			return
		}
		for _, t := range d.pairs(v) {
			if !d.target(item{d.src.span(t.key), t.key.Value, t.key}) {
				continue
			}
			n := resolve(t.value)
			text, ok := d.textOf(t.key.Value, n)
			if ok && strings.TrimSpace(text) == "" {
				d.diags.Errorf(codeNative, d.src.span(n), "Write the query as a block: splunk: |", "the query is empty")
			}
			d.hunt.Natives = append(d.hunt.Natives, &ir.Native{Span: d.src.span(n), Target: t.key.Value, Text: text})
		}
	case "pipeline":
		d.hunt.Kind = ir.KindHunt
		h.pipeline = v
	case "branches":
		d.hunt.Kind = ir.KindHunt
		d.readBranches(h, v)
	case "template":
		d.hunt.Kind = ir.KindHunt
		if t, ok := d.textOf(key, v); ok {
			h.templated = true
			h.template = d.findTemplate(t, d.src.span(v))
		}
	case "intent":
		t, ok := d.textOf(key, v)
		switch {
		case !ok:
		case d.get(keyFilter) == nil:
			d.diags.Errorf(codeIntent, d.src.span(p.key), "Remove it.", "\"intent\" belongs to filters")
		case t != "narrow":
			d.diags.Errorf(codeIntent, d.src.span(v), "Write \"intent: narrow\" for a filter that keeps only what it selects.", "%q is no intent", t)
		default:
			h.narrow = true
		}
	case "tests":
		d.tests(p)
	case "alert", "schedule", "throttle", "finding", "risk", "entities", "response":
		d.deployment(p)
	default:
		d.unknownKey("hunt", p.key, huntKeys)
	}
}

var allowCode = regexp.MustCompile(`^HC[0-9]{4}$`)

func (l *loader) target(e item) bool {
	if slices.Contains(targets, e.text) {
		return true
	}
	l.diags.Errorf(codeTarget, e, "The targets are splunk and defender.", "there is no target %q", e.text)
	return false
}

// columns reads a list of column names without repeats.
func (l *loader) columns(key string, n *yaml.Node) []item {
	var out []item
	before := l.errors()
	for _, e := range l.texts(key, n, true) {
		if !l.checkField(e.text, e.Span) {
			continue
		}
		if slices.ContainsFunc(out, func(o item) bool { return o.text == e.text }) {
			l.diags.Errorf(codeDuplicateCol, e, "Remove one.", "the column %q stands there twice", e.text)
			continue
		}
		out = append(out, e)
	}
	if len(out) == 0 && l.errors() == before {
		l.diags.Errorf(codeWrongType, l.src.span(resolve(n)), "List the columns, or remove the key.", "%q names no column", key)
	}
	return out
}

func (d *document) article(n *yaml.Node) {
	if !d.isMap("article", n) {
		return
	}
	a := &ir.Article{}
	for _, p := range d.pairs(n) {
		var to *string
		switch p.key.Value {
		case "title":
			to = &a.Title
		case "url":
			to = &a.URL
		case "publisher":
			to = &a.Publisher
		case "published":
			to = &a.Published
		case "severity":
			to = &a.Severity
		default:
			d.unknownKey("article", p.key, articleKeys)
			continue
		}
		v, ok := d.textOf(p.key.Value, p.value)
		if !ok {
			continue
		}
		*to = v
		switch p.key.Value {
		case "published":
			if !validDate(v, '-') {
				d.diags.Warnf(codeDate, d.src.span(resolve(p.value)), "Write it as YYYY-MM-DD.", "\"published\" is not a date")
			}
		case "title":
			d.checkTitle(v, d.src.span(resolve(p.value)))
		}
	}
	d.hunt.Meta.Article = a
}

// iocList is a named list of indicators. Derived ones come from another list.
type iocList struct {
	diag.Span
	name    string
	values  []item
	derived bool
	used    bool
}

func (d *document) readIOCs(n *yaml.Node) {
	if !d.isMap("iocs", n) {
		return
	}
	for _, p := range d.pairs(n) {
		name := p.key.Value
		if name == "" || strings.IndexFunc(name, func(r rune) bool { return r > 0x7f || !isNameByte(byte(r)) }) >= 0 {
			d.diags.Errorf(codeIOC, d.src.span(p.key), "Use letters, digits and underscores.", "%q cannot be the name of a list", name)
			continue
		}
		list := iocList{Span: d.src.span(p.key), name: name}
		for _, e := range d.texts(name, p.value, true) {
			if message, hint := checkIOC(name, e.text); message != "" {
				d.diags.Errorf(codeIOC, e, hint, "%s", message)
				continue
			}
			if slices.ContainsFunc(list.values, func(o item) bool { return strings.EqualFold(o.text, e.text) }) {
				d.diags.Warnf(codeListEntry, e, "Remove one of them.", "%q lists %q twice", name, e.text)
				continue
			}
			list.values = append(list.values, e)
		}
		if len(list.values) == 0 {
			if resolve(p.value).Kind != yaml.SequenceNode || len(resolve(p.value).Content) == 0 {
				d.diags.Errorf(codeIOC, list.Span, "Give it values, or remove it.", "the list %q is empty", name)
			}
			continue
		}
		d.iocs = append(d.iocs, list)
		known := ir.Indicators{Name: name}
		for _, v := range list.values {
			known.Values = append(known.Values, v.text)
		}
		d.hunt.Meta.IOCs = append(d.hunt.Meta.IOCs, known)
	}
	d.deriveIOCs()
}

// deriveIOCs sorts hashes by algorithm and addresses from networks, as
// templates need them.
func (d *document) deriveIOCs() {
	split := func(of iocList, name string, keep func(string) bool) {
		if slices.ContainsFunc(d.iocs, func(l iocList) bool { return l.name == name }) {
			return
		}
		list := iocList{Span: of.Span, name: name, derived: true}
		for _, v := range of.values {
			if keep(v.text) {
				list.values = append(list.values, v)
			}
		}
		if len(list.values) > 0 {
			d.iocs = append(d.iocs, list)
		}
	}
	for _, of := range slices.Clone(d.iocs) {
		switch of.name {
		case "hashes":
			for _, alg := range hashLengths {
				split(of, alg.name, func(v string) bool { return len(v) == alg.length })
			}
		case "ips":
			split(of, "addresses", func(v string) bool { return !strings.Contains(v, "/") })
			split(of, "networks", func(v string) bool { return strings.Contains(v, "/") })
		}
	}
}

var hashLengths = []struct {
	name   string
	length int
}{{"md5", 32}, {"sha1", 40}, {"sha256", 64}}

var (
	cvePattern    = regexp.MustCompile(`^(?i:CVE)-\d{4}-\d{4,}$`)
	hexPattern    = regexp.MustCompile(`^[0-9a-fA-F]+$`)
	domainPattern = regexp.MustCompile(`^(?:[\pL\pN_](?:[\pL\pN_-]*[\pL\pN_])?\.)+[\pL][\pL\pN-]*[\pL\pN]$`)
	defanged      = regexp.MustCompile(`(?i)\[\.\]|\(\.\)|\[dot\]|\[:\]|^hxxps?:|\[at\]`)
)

// checkIOC says what is wrong with an indicator of a list whose name says
// what it holds.
func checkIOC(list, v string) (message, hint string) {
	switch {
	case strings.TrimSpace(v) == "" || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "an indicator is a single line of text", ""
	case defanged.MatchString(v):
		return strconv.Quote(v) + " is defanged, and would match nothing", "Write it as it stands in events: 198.51.100.7, evil.example."
	}
	switch list {
	case "cves":
		if !cvePattern.MatchString(v) {
			return strconv.Quote(v) + " is not a CVE identifier", "Write it like CVE-2024-3400."
		}
	case "ips":
		if _, err := netip.ParseAddr(v); err != nil {
			if _, err := netip.ParsePrefix(v); err != nil {
				return strconv.Quote(v) + " is neither an address nor a network", "Domains go into the list \"domains\"."
			}
		}
	case "domains":
		if !domainPattern.MatchString(v) || len(v) > 253 {
			return strconv.Quote(v) + " is not the name of a domain", "Addresses go into \"ips\", whole URLs into \"urls\"."
		}
	case "hashes", "md5", "sha1", "sha256":
		for _, alg := range hashLengths {
			if len(v) == alg.length && hexPattern.MatchString(v) && (list == "hashes" || list == alg.name) {
				return "", ""
			}
		}
		return strconv.Quote(v) + " is not a hash of this list", "MD5 has 32, SHA1 40 and SHA256 64 hexadecimal digits."
	}
	return "", ""
}

// parseDuration reads a number and a unit: 500ms, 30s, 5m, 1h, 1d, 1w.
func parseDuration(s string) (time.Duration, bool) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	unit, ok := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[s[i:]]
	if !ok || i == 0 || i > 9 {
		return 0, false
	}
	n, err := strconv.ParseInt(s[:i], 10, 64)
	if err != nil || n > int64(1<<62)/int64(unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

func (d *document) readBranches(h *hunt, n *yaml.Node) {
	if !d.isMap("branches", n) {
		return
	}
	for _, p := range d.pairs(n) {
		b := &branch{Span: d.src.span(p.key), name: p.key.Value}
		if !branchName.MatchString(b.name) {
			d.diags.Errorf(codeBranchUnknown, b, "Use letters, digits and underscores, and start with a letter.", "%q cannot be the name of a branch", b.name)
			continue
		}
		if !d.isMap(b.name, p.value) {
			continue
		}
		var src, det *yaml.Node
		for _, q := range d.pairs(p.value) {
			switch q.key.Value {
			case "logsource":
				src = q.value
			case "detection":
				det = q.value
			case "output":
				b.output = d.columns("output", q.value)
			case "pipeline":
				b.pipeline = resolve(q.value)
			default:
				d.unknownKey(b.name, q.key, branchKeys)
			}
		}
		if src == nil || det == nil {
			d.diags.Errorf(codeMissingKey, b, "Give it both.", "the branch %q needs \"logsource\" and \"detection\"", b.name)
			continue
		}
		b.base = d.source("detection", src, det)
		h.branches = append(h.branches, b)
	}
}

var branchName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// assemble builds the query: the rows of the main source, their output, the
// pipeline. It is nil after an error.
func (d *document) assemble(h *hunt, main ir.Query) ir.Query {
	before := d.errors()
	p := &pipeline{document: d, branches: h.branches}
	p.start(main, h.output)
	if h.pipeline != nil {
		p.run(h.pipeline)
	}
	if d.errors() > before {
		return nil
	}
	for _, b := range h.branches {
		if !b.used {
			d.diags.Errorf(codeBranchUnused, b, "Add \"union "+b.name+"\" or a join to the pipeline, or remove the branch.", "no stage of the pipeline uses the branch %q", b.name)
		}
	}
	return p.query
}
