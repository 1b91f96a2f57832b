package briefing

import (
	"regexp"
	"strings"
)

// refReader reads the references to shared templates.
type refReader struct {
	p    *parser
	open int // index in Document.Templates that values belong to, -1 if none
	// first is the first line of the paragraph, for the title of a reference
	// in prose.
	first string
}

var (
	refBullet = regexp.MustCompile(`^\*\*([^*]+)\*\*\s*\(\[[^\]]*\]\([^)\s]*_TEMPLATES\.md#([A-Za-z0-9_-]+)\)\)`)
	refLink   = regexp.MustCompile(`\]\([^)\s]*_TEMPLATES\.md#([A-Za-z0-9_-]+)\)`)
)

func (r *refReader) close() { r.open, r.first = -1, "" }

// line reads a line of the hunts that is neither a heading nor a fence.
func (r *refReader) line(i int) {
	p := r.p
	ln := p.src.lines[i]
	if ln.blank() {
		r.first = ""
		return
	}
	_, at, isBullet := bullet(ln.text)
	body := ln.text[at:]
	span := p.src.lineSpan(i)
	switch {
	case !isBullet:
		if r.first == "" { // a new paragraph
			r.open, r.first = -1, strings.TrimSpace(ln.text)
		}
		if m := refLink.FindStringSubmatch(ln.text); m != nil {
			title, _, _ := strings.Cut(r.first, " — ")
			r.start(TemplateRef{Span: span, Title: title, Anchor: m[1]})
		}
		return
	case refBullet.MatchString(body):
		m := refBullet.FindStringSubmatch(body)
		ref := TemplateRef{Span: span, Title: strings.TrimSpace(m[1]), Anchor: m[2]}
		ref.Phase = p.field(span, body, "phase", phaseField, phases)
		ref.Confidence = p.field(span, body, "confidence", confField, confidences)
		r.start(ref)
		return
	case r.open < 0:
		if p.hunt == nil { // under a hunt it is prose about the hunt
			l := &iocList{p: p}
			l.each(ln.start+at, body, func(ioc IOC, ok bool) {
				if ok && ioc.Reason == "" {
					l.take(ioc, listContext{}, false)
				}
			})
		}
		return
	}
	ref := &p.doc.Templates[r.open]
	ref.EndPos = span.EndPos
	label, rest := splitLabel(body)
	if elsewhereShape.MatchString(body) {
		ref.Elsewhere = true
		p.list.Infof(codeElsewhere, span, "Take them from there; a briefing on its own does not have them.", "The indicators of this line stand in another file")
		return
	}
	kinds := labelKinds(label)
	open := r.open
	off := ln.start + at + len(body) - len(rest)
	l := &iocList{p: p}
	l.each(off, rest, func(ioc IOC, ok bool) {
		if !ok {
			p.list.Warnf(codeWrongKind, ioc, "Correct it in the briefing, or leave it out.", "%q is no CVE, IP address, domain, URL or hash", ioc.Raw)
			ioc.Reason = ReasonMalformed
			ref := &p.doc.Templates[open]
			ref.Excluded = append(ref.Excluded, ioc)
			return
		}
		p.candidate(ioc, kinds, &open)
	})
}

func (r *refReader) start(ref TemplateRef) {
	r.open = len(r.p.doc.Templates)
	r.p.doc.Templates = append(r.p.doc.Templates, ref)
}

// checkTemplates reports references that nothing can be filled into.
func (p *parser) checkTemplates() {
	for i := range p.doc.Templates {
		t := &p.doc.Templates[i]
		if len(t.CVEs)+len(t.IPs)+len(t.Domains)+len(t.URLs)+len(t.Hashes) == 0 && !t.Elsewhere {
			p.list.Warnf(codeTemplate, t, "", "The reference to the template %q has no value to fill in", t.Anchor)
		}
	}
}
