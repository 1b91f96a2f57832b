package sigma

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/ir"
)

// tests reads "hunt: tests": events, and what the hunt has to make of them.
func (d *document) tests(p pair) {
	n := resolve(p.value)
	if n.Kind != yaml.SequenceNode {
		d.diags.Errorf(codeWrongType, d.src.span(n), "Write one test after each \"- \".", "\"tests\" has to be a list, and this is %s", kindOf(n))
		return
	}
	for _, e := range n.Content {
		if d.isMap("tests", e) {
			d.test(resolve(e))
		}
	}
}

func (d *document) test(n *yaml.Node) {
	before := d.errors()
	t := ir.Test{Span: d.src.span(n)}
	var hit, miss, rows *yaml.Node
	for _, p := range d.pairs(n) {
		switch p.key.Value {
		case "name":
			t.Name, _ = d.textOf("name", p.value)
		case "hit":
			hit, t.Events = p.key, d.examples("hit", p.value)
		case "miss":
			miss, t.Events = p.key, d.examples("miss", p.value)
		case "rows":
			rows, t.Rows = p.key, d.examples("rows", p.value)
		default:
			d.unknownKey("tests", p.key, testKeys)
		}
	}
	t.Hit = hit != nil
	switch {
	case hit == nil && miss == nil && d.errors() == before:
		d.diags.Errorf(codeTest, t, "Add \"hit\" or \"miss\" with a list of events.", "the test has no events")
	case hit != nil && miss != nil:
		d.diags.Errorf(codeTest, d.src.span(miss), "Make two tests of it.", "a test has events of one kind: \"hit\" or \"miss\"")
	case rows != nil && hit == nil:
		d.diags.Errorf(codeTest, d.src.span(rows), "Remove it: a miss has no rows.", "\"rows\" belongs to \"hit\"")
	}
	if d.errors() == before {
		d.hunt.Tests = append(d.hunt.Tests, t)
	}
}

// examples reads a list of events or rows: maps, or JSON objects as text.
func (l *loader) examples(key string, n *yaml.Node) []ir.Example {
	n = resolve(n)
	if n.Kind != yaml.SequenceNode {
		l.diags.Errorf(codeWrongType, l.src.span(n), "Write one after each \"- \".", "%q has to be a list, and this is %s", key, kindOf(n))
		return nil
	}
	if len(n.Content) == 0 {
		l.diags.Errorf(codeTest, l.src.span(n), "Name at least one, or remove the test.", "the list %q is empty", key)
		return nil
	}
	out := make([]ir.Example, 0, len(n.Content))
	for _, e := range n.Content {
		e = resolve(e)
		x := ir.Example{Span: l.src.span(e)}
		switch {
		case e.Kind == yaml.MappingNode:
			var b bytes.Buffer
			if !l.writeJSON(&b, e) {
				continue
			}
			x.JSON = b.String()
		case isText(e):
			if problem := objectProblem(e.Value); problem != "" {
				l.diags.Errorf(codeTest, x, "Write it as a map, or as one JSON object in single quotes.", "this is no JSON object: %s", problem)
				continue
			}
			x.JSON = strings.TrimSpace(e.Value)
		default:
			l.diags.Errorf(codeTest, x, "Write it as a map of fields, or as one JSON object in single quotes.", "an event or a row is a map, and this is %s", kindOf(e))
			continue
		}
		out = append(out, x)
	}
	return out
}

// objectProblem says why a text is not one JSON object, or nothing.
func objectProblem(s string) string {
	dec := json.NewDecoder(strings.NewReader(s))
	var o map[string]json.RawMessage
	if err := dec.Decode(&o); err != nil {
		var syntax *json.SyntaxError
		var typ *json.UnmarshalTypeError
		switch {
		case errors.As(err, &syntax):
			return fmt.Sprintf("%s, at its character %d", syntax.Error(), syntax.Offset)
		case errors.As(err, &typ):
			return "it is another JSON value"
		}
		return "it ends too early"
	}
	if o == nil {
		return "it is null"
	}
	if _, err := dec.Token(); err != io.EOF {
		return "something follows it"
	}
	return ""
}

// writeJSON writes a YAML value as JSON, keys in the author's order. A number
// that JSON writes otherwise stays as the author wrote it, as text.
func (l *loader) writeJSON(b *bytes.Buffer, n *yaml.Node) bool {
	n = resolve(n)
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		before := l.errors()
		for i, p := range l.pairs(n) {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSONText(b, p.key.Value)
			b.WriteByte(':')
			if !l.writeJSON(b, p.value) {
				return false
			}
		}
		b.WriteByte('}')
		return l.errors() == before
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, e := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if !l.writeJSON(b, e) {
				return false
			}
		}
		b.WriteByte(']')
		return true
	}
	switch n.ShortTag() {
	case "!!null":
		b.WriteString("null")
	case "!!bool":
		v, err := strconv.ParseBool(strings.ToLower(n.Value))
		if err != nil { // yes, on and their like are text in YAML 1.2
			writeJSONText(b, n.Value)
			break
		}
		b.WriteString(strconv.FormatBool(v))
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			b.WriteString(n.Value)
			break
		}
		writeJSONText(b, n.Value)
	default:
		writeJSONText(b, n.Value)
	}
	return true
}

func writeJSONText(b *bytes.Buffer, s string) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a text can be written, to memory too
	b.Truncate(b.Len() - 1)
}

// tests writes the tests of a document.
func (w *writer) tests() {
	if len(w.h.Tests) == 0 {
		return
	}
	y := &w.out
	y.line(1, "tests:")
	for _, t := range w.h.Tests {
		start := "- "
		item := func(s string) {
			y.line(2, start+s)
			start = "  "
		}
		list := func(key string, examples []ir.Example) {
			if len(examples) == 0 {
				return
			}
			item(key + ":")
			for _, e := range examples {
				y.line(3, "  - "+yamlScalar(e.JSON, false))
			}
		}
		if t.Name != "" {
			item("name: " + yamlScalar(t.Name, false))
		}
		kind := "miss"
		if t.Hit {
			kind = "hit"
		}
		list(kind, t.Events)
		list("rows", t.Rows)
	}
}

// testsText shows tests for a comparison.
func testsText(tests []ir.Test) string {
	var b strings.Builder
	for _, t := range tests {
		fmt.Fprintf(&b, "test %q %t\n", t.Name, t.Hit)
		for _, e := range t.Events {
			fmt.Fprintf(&b, "event %s\n", e.JSON)
		}
		for _, e := range t.Rows {
			fmt.Fprintf(&b, "row %s\n", e.JSON)
		}
	}
	return b.String()
}
