package sigma

import (
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

//go:embed templates/*.yml
var templateFiles embed.FS

// template is a shipped document whose placeholders a hunt fills from its own
// indicators.
type template struct {
	name string
	src  *source
	root *yaml.Node
	uses []string // the placeholders in it
}

var placeholderName = regexp.MustCompile(`%([A-Za-z0-9_]+)%`)

// templates are the shipped ones, sorted by name. They are part of the
// program; a test keeps them valid.
var templates = sync.OnceValue(func() []*template {
	entries, err := templateFiles.ReadDir("templates")
	if err != nil {
		panic(err)
	}
	var out []*template
	for _, e := range entries {
		raw, err := templateFiles.ReadFile("templates/" + e.Name())
		if err != nil {
			panic(err)
		}
		docs, err := decodeAll(raw)
		if err != nil || len(docs) != 1 {
			panic(fmt.Sprintf("template %s: %d documents, %v", e.Name(), len(docs), err))
		}
		t := &template{name: strings.TrimSuffix(e.Name(), ".yml"), src: newSource(e.Name(), string(raw)), root: docs[0]}
		for _, m := range placeholderName.FindAllStringSubmatch(string(raw), -1) {
			if !slices.Contains(t.uses, m[1]) {
				t.uses = append(t.uses, m[1])
			}
		}
		out = append(out, t)
	}
	return out
})

// Templates lists the names of the shipped templates.
func Templates() []string {
	var out []string
	for _, t := range templates() {
		out = append(out, t.name)
	}
	return out
}

func (l *loader) findTemplate(name string, at diag.Span) *template {
	for _, t := range templates() {
		if t.name == name {
			return &template{name: name, src: t.src.fixedAt(at), root: t.root, uses: t.uses}
		}
	}
	hint := "The templates are " + strings.Join(Templates(), ", ") + "."
	if near := nearest(name, Templates()); near != "" {
		hint = fmt.Sprintf("Did you mean %q?", near)
	}
	l.diags.Errorf(codeTemplate, at, hint, "there is no template %q", name)
	return nil
}

// fromTemplate reads the template's detection and pipeline in place of the
// document's own. Everything in it has the place where the document names the
// template: the author can change nothing else.
func (d *document) fromTemplate(h *hunt) {
	t := h.template
	at := t.src.fixed
	before := d.errors()
	for _, k := range []topKey{keyLogsource, keyDetection} {
		if d.get(k) != nil {
			d.diags.Errorf(codeTemplate, d.src.span(d.keys[k].key), "Remove it, or write the hunt without the template.", "the template %q brings its own %q", t.name, topKeys[k])
		}
	}
	for _, name := range []string{"pipeline", "branches"} {
		if k := h.key(name); k != nil {
			d.diags.Errorf(codeTemplate, d.src.span(k), "Remove it, or write the hunt without the template.", "the template %q brings its own %q", t.name, name)
		}
	}
	d.templateIOCs(t, at)
	if d.errors() > before {
		return
	}

	own, ownKeys := d.hunt.Meta, d.keys
	src := d.src
	d.template, d.loader.src = t, t.src
	defer func() { d.loader.src, d.keys = src, ownKeys }()

	d.keys = [len(topKeys)]pair{}
	d.hunt.Meta = ir.Meta{}
	fields := d.hunt.Fields
	d.hunt.Fields = nil
	root := d.root
	d.root = t.root
	entry := d.entry
	d.layOut()
	d.meta()
	d.root = root
	d.entry.id, d.entry.name = entry.id, entry.name
	th := &hunt{}
	if n := d.get(keyHunt); n != nil {
		th.keys = d.pairs(n)
		for _, p := range th.keys {
			d.huntKey(th, p)
		}
	}
	d.hunt.Meta = mergeMeta(own, d.hunt.Meta)
	if len(fields) > 0 {
		d.hunt.Fields = fields
	}
	if len(h.output) > 0 {
		th.output = h.output
	}
	if main := d.source("detection", d.get(keyLogsource), d.get(keyDetection)); main != nil {
		d.hunt.Query = d.assemble(th, main)
	}
	if d.hunt.Query != nil {
		d.hunt.Query = dropEmpty(d.hunt.Query)
	}
}

// templateIOCs checks that the document has something for the template to
// look for, and nothing that it overlooks.
func (d *document) templateIOCs(t *template, at diag.Span) {
	found := false
	for i := range d.iocs {
		list := &d.iocs[i]
		if slices.Contains(t.uses, list.name) {
			list.used, found = true, true
		}
	}
	var wants []string
	for _, u := range t.uses {
		switch u {
		case "md5", "sha1", "sha256":
			u = "hashes"
		case "addresses", "networks":
			u = "ips"
		}
		if !slices.Contains(wants, u) {
			wants = append(wants, u)
		}
	}
	if !found {
		d.diags.Errorf(codeTemplateIOC, at, "Add hunt: {iocs: {"+wants[0]+": […]}}.", "the template %q looks for %s, and the document gives none", t.name, strings.Join(wants, " and "))
	}
	for _, list := range d.iocs {
		if !list.derived && !list.used && !slices.Contains(wants, list.name) {
			d.diags.Warnf(codeTemplateIOC, list, "Write a further document with a template that does, or remove the list.", "the template %q does not look for %q", t.name, list.name)
		}
	}
}

// mergeMeta fills what the document leaves out from the template.
func mergeMeta(own, from ir.Meta) ir.Meta {
	fill := func(to *string, v string) {
		if *to == "" {
			*to = v
		}
	}
	fill(&own.Level, from.Level)
	fill(&own.Status, from.Status)
	fill(&own.Description, from.Description)
	fill(&own.Phase, from.Phase)
	fill(&own.Confidence, from.Confidence)
	if len(own.Tags) == 0 {
		own.Tags = from.Tags
	}
	if len(own.FalsePos) == 0 {
		own.FalsePos = from.FalsePos
	}
	return own
}

// dropEmpty removes the inputs of unions that select nothing because the
// document gives no indicator of their sort.
func dropEmpty(q ir.Query) ir.Query {
	switch q := q.(type) {
	case *ir.Filter:
		if isFalse(q.Pred) {
			return nil
		}
		in := dropEmpty(q.Input)
		if in == nil {
			return nil
		}
		q.Input = in
		return q
	case *ir.Project:
		in := dropEmpty(q.Input)
		if in == nil {
			return nil
		}
		q.Input = in
		return q
	case *ir.Union:
		var keep []ir.Query
		for _, u := range q.Inputs {
			if u = dropEmpty(u); u != nil {
				keep = append(keep, u)
			}
		}
		switch len(keep) {
		case 0:
			return nil
		case 1:
			return keep[0]
		}
		q.Inputs = keep
		return q
	}
	return q
}

// isFalse reports whether a predicate is false whatever the event, because
// the lists that it looks for are empty.
func isFalse(x ir.Expr) bool {
	l, ok := x.(*ir.Logic)
	if !ok {
		return false
	}
	if l.Op == ir.And {
		return slices.ContainsFunc(l.Args, isFalse)
	}
	for _, a := range l.Args {
		if !isFalse(a) {
			return false
		}
	}
	return true
}
