package sigma

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

const (
	maxTitle       = 256
	maxDescription = 65_535
)

// meta reads what the document says of itself.
func (d *document) meta() {
	m := &d.hunt.Meta
	if n := d.get(keyTitle); n == nil {
		d.diags.Errorf(codeMissingKey, d.span, "Start it with \"title: …\".", "the document has no \"title\"")
	} else if t, ok := d.textOf("title", n); ok {
		m.TitleSpan = d.src.span(resolve(n))
		m.Title = t
		d.checkTitle(t, m.TitleSpan)
	}
	if n := d.get(keyID); n != nil {
		if v, ok := d.textOf("id", n); ok {
			m.ID = v
			d.entry.id = d.src.span(resolve(n))
			if !isUUID(v) {
				d.diags.Errorf(codeID, d.entry.id, "Write a version 4 UUID, such as uuidgen prints.", "the id %q is not a UUID", v)
			}
		}
	}
	if n := d.get(keyName); n != nil {
		if v, ok := d.textOf("name", n); ok {
			m.Name = v
			d.entry.name = d.src.span(resolve(n))
			if v == "" || strings.ContainsFunc(v, unicode.IsControl) {
				d.diags.Errorf(codeTitle, d.entry.name, "Give it a short name of letters, digits and underscores.", "the name is empty or holds a control character")
			}
		}
	}
	m.Status = d.enum(keyStatus, statuses)
	m.Level = d.enum(keyLevel, levels)
	m.Description = d.string(keyDescription)
	if n := utf8.RuneCountInString(m.Description); n > maxDescription {
		d.diags.Warnf(codeTooLong, d.src.span(resolve(d.get(keyDescription))), "Shorten it.", "the description has %d characters; Sigma allows %d", n, maxDescription)
	}
	m.Author = d.string(keyAuthor)
	m.License = d.string(keyLicense)
	m.Date = d.date(keyDate)
	m.Modified = d.date(keyModified)
	m.References = d.list(keyReferences, 1)
	m.FalsePos = d.list(keyFalsepositives, 2)
	m.Tags = d.list(keyTags, 1)
	m.Scope = d.list(keyScope, 2)
	if n := d.get(keyTags); n != nil {
		for i, t := range m.Tags {
			if !isTag(t) {
				at := resolve(n)
				if at.Kind == yaml.SequenceNode && i < len(at.Content) {
					at = resolve(at.Content[i])
				}
				d.diags.Warnf(codeTag, d.src.span(at), "A tag is namespace.name in lower case, for example attack.t1059.001.", "%q is not a tag", t)
			}
		}
	}
	if n := d.get(keyRelated); n != nil {
		d.related(n)
	}
	if n := d.get(keyFields); n != nil {
		for _, f := range d.texts("fields", n, true) {
			if d.checkField(f.text, f.Span) {
				d.hunt.Fields = append(d.hunt.Fields, &ir.Field{Span: f.Span, Name: f.text})
			}
		}
	}
}

// checkTitle keeps titles to one line: they stand in comments and file names
// of what is generated.
func (l *loader) checkTitle(t string, at diag.Span) {
	switch {
	case strings.TrimSpace(t) == "":
		l.diags.Errorf(codeTitle, at, "Say in a few words what it detects.", "the title is empty")
	case strings.ContainsFunc(t, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }):
		l.diags.Errorf(codeTitle, at, "Put the rest into \"description\".", "the title is not a single line of text")
	case len(t) > maxTitle && utf8.RuneCountInString(t) > maxTitle:
		l.diags.Errorf(codeTitle, at, "Put the rest into \"description\".", "the title has %d characters; Sigma allows %d", utf8.RuneCountInString(t), maxTitle)
	}
}

// string reads an optional text.
func (d *document) string(k topKey) string {
	n := d.get(k)
	if n == nil || resolve(n).Kind == yaml.ScalarNode && resolve(n).ShortTag() == "!!null" {
		return ""
	}
	v, _ := d.textOf(topKeys[k], n)
	return v
}

// enum reads an optional word of a closed set.
func (d *document) enum(k topKey, known []string) string {
	v := d.string(k)
	if v != "" {
		d.word(topKeys[k], v, resolve(d.get(k)), known)
	}
	return v
}

// word checks a value against a closed set.
func (l *loader) word(key, v string, at *yaml.Node, known []string) bool {
	if slices.Contains(known, v) {
		return true
	}
	hint := "Write one of " + strings.Join(known, ", ") + "."
	if near := nearest(v, known); near != "" {
		hint = fmt.Sprintf("Did you mean %q?", near)
	}
	l.diags.Errorf(codeEnum, l.src.span(at), hint, "%q is no %s", v, key)
	return false
}

// list reads an optional list of texts that has no repeats and no entry
// shorter than least.
func (d *document) list(k topKey, least int) []string {
	n := d.get(k)
	if n == nil {
		return nil
	}
	items := d.texts(topKeys[k], n, true)
	out := make([]string, len(items))
	for i, e := range items {
		out[i] = e.text
		if slices.Contains(out[:i], e.text) {
			d.diags.Warnf(codeListEntry, e, "Remove one of them.", "%q lists %q twice", topKeys[k], e.text)
		} else if utf8.RuneCountInString(e.text) < least {
			d.diags.Warnf(codeListEntry, e, "Say more, or remove the entry.", "an entry of %q has at least %d characters", topKeys[k], least)
		}
	}
	return out
}

// date reads YYYY-MM-DD and, with a remark, the older YYYY/MM/DD, which is
// returned in the new form.
func (d *document) date(k topKey) string {
	v := d.string(k)
	if v == "" {
		return ""
	}
	if validDate(v, '-') {
		return v
	}
	if validDate(v, '/') {
		v = strings.ReplaceAll(v, "/", "-")
		d.diags.Infof(codeOldDate, d.src.span(resolve(d.get(k))), "Write "+v+".", "%q is in the form of old Sigma versions", topKeys[k])
		return v
	}
	d.diags.Warnf(codeDate, d.src.span(resolve(d.get(k))), "Write it as YYYY-MM-DD.", "%q is not a date", topKeys[k])
	return v
}

func validDate(v string, sep byte) bool {
	if len(v) != 10 || v[4] != sep || v[7] != sep {
		return false
	}
	_, err := time.Parse("2006-01-02", v[:4]+"-"+v[5:7]+"-"+v[8:])
	return err == nil
}

// isTag reports whether t has the form namespace.name.
func isTag(t string) bool {
	ns, name, ok := strings.Cut(t, ".")
	return ok && ns != "" && name != "" && lowerWord(ns, "_-") && lowerWord(name, "._-")
}

// lowerWord reports whether s has only lower-case letters, digits and extra.
func lowerWord(s, extra string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return true
}

// isUUID reports whether s has the form of a UUID.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return false
			}
		}
	}
	return true
}

// related reads the links to other documents.
func (d *document) related(n *yaml.Node) {
	n = resolve(n)
	if n.Kind != yaml.SequenceNode {
		d.diags.Errorf(codeWrongType, d.src.span(n), "Write a list of {id, type}.", "\"related\" has to be a list, and this is %s", kindOf(n))
		return
	}
	for _, e := range n.Content {
		e = resolve(e)
		if e.Kind != yaml.MappingNode {
			d.diags.Errorf(codeWrongType, d.src.span(e), "Write {id, type}.", "an entry of \"related\" has to be a map, and this is %s", kindOf(e))
			continue
		}
		r := ir.Related{Span: d.src.span(e)}
		for _, p := range d.pairs(e) {
			switch p.key.Value {
			case "id":
				if v, ok := d.textOf("id", p.value); ok {
					r.ID = v
					if !isUUID(v) {
						d.diags.Errorf(codeID, d.src.span(resolve(p.value)), "", "the id %q is not a UUID", v)
					}
				}
			case "type":
				if v, ok := d.textOf("type", p.value); ok {
					r.Type = v
					d.word("type of a relation", v, resolve(p.value), relatedTypes)
				}
			default:
				d.unknownKey("related", p.key, relatedKeys)
			}
		}
		if r.ID == "" || r.Type == "" {
			d.diags.Errorf(codeMissingKey, r.Span, "", "an entry of \"related\" needs \"id\" and \"type\"")
		}
		d.hunt.Meta.Related = append(d.hunt.Meta.Related, r)
	}
}
