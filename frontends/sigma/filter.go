package sigma

import (
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/ir"
)

// filter reads a filter document.
func (d *document) filter() *Filter {
	h := d.huntBlock()
	for _, p := range h.keys {
		if p.key.Value != "intent" && slices.Contains(huntKeys, p.key.Value) {
			d.diags.Errorf(codeUnknownKey, d.src.span(p.key), "Remove it.", "a filter has no \"hunt: %s\"", p.key.Value)
		}
	}
	f := &Filter{Span: d.span, Path: d.file.Path, Meta: d.hunt.Meta, id: d.entry.id, name: d.entry.name}
	if d.get(keyDetection) != nil {
		d.diags.Errorf(codeNoDetection, d.src.span(d.keys[keyDetection].key), "Put the selections under \"filter\".", "a filter has no \"detection\"")
	}
	if src := d.get(keyLogsource); src != nil {
		f.Logsource = d.logsource(src)
	} else {
		d.diags.Errorf(codeMissingKey, d.span, "Give it the logsource of the rules that it filters.", "the filter has no \"logsource\"")
	}
	n := resolve(d.get(keyFilter))
	if !d.isMap("filter", n) {
		return f
	}
	var rest []pair
	pairs := d.pairs(n)
	for _, p := range pairs {
		if p.key.Value != "rules" {
			rest = append(rest, p)
			continue
		}
		v := resolve(p.value)
		if v.Kind == yaml.ScalarNode && v.Value == "any" {
			f.Any = true
			continue
		}
		for _, e := range d.texts("rules", v, true) {
			f.Rules = append(f.Rules, ir.CorrelationRef{Span: e.Span, Name: e.text})
		}
		if len(f.Rules) == 0 {
			d.diags.Errorf(codeFilterRule, d.src.span(v), "List ids or names, or write \"rules: any\".", "\"rules\" names no document")
		}
	}
	if findPair(pairs, "rules") == nil {
		d.diags.Errorf(codeMissingKey, d.src.span(d.keys[keyFilter].key), "List ids or names, or write \"rules: any\".", "the filter has no \"rules\"")
	}
	f.Pred = d.detectionPairs("filter", n, rest)
	if f.Pred != nil && !h.narrow && !slices.ContainsFunc(d.conditions, (*cond).negative) {
		at := resolve(findPair(pairs, "condition").value)
		d.diags.Errorf(codeFilterPositive, d.src.span(at), "Write \"not\" in front of what is to be left out. If only what the filter selects is to remain, say so: hunt: {intent: narrow}.",
			"a filter is added to its rules with \"and\", so this one leaves only the events that it selects")
	}
	return f
}

// negative reports whether a condition leaves out what it names.
func (c *cond) negative() bool {
	switch c.op {
	case condOpNot:
		return !c.args[0].negative()
	case condOpAnd:
		return !slices.ContainsFunc(c.args, func(a *cond) bool { return !a.negative() })
	case condOpOr:
		return slices.ContainsFunc(c.args, (*cond).negative)
	}
	return false
}
