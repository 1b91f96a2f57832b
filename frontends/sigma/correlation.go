package sigma

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// correlationType is what a type of correlation takes.
type correlationType struct {
	name      string
	field     bool // needs condition.field
	fields    bool // the field may be a list
	threshold bool // needs a comparison
	expr      bool // the condition may name rules with and, or, not
	ordered   bool // the rules match one after the other
}

// correlationTypes are those of Sigma 2.1, and of the drafts of 2.2 that
// pySigma has.
var correlationTypes = []correlationType{
	{name: "event_count", threshold: true},
	{name: "value_count", field: true, fields: true, threshold: true},
	{name: "value_sum", field: true, threshold: true},
	{name: "value_avg", field: true, threshold: true},
	{name: "value_percentile", field: true, threshold: true},
	{name: "value_median", field: true, threshold: true},
	{name: "temporal", expr: true},
	{name: "temporal_ordered", expr: true, ordered: true},
	{name: "temporal_extended", expr: true},
	{name: "temporal_ordered_extended", expr: true, ordered: true},
}

func correlationTypeNames() []string {
	out := make([]string, len(correlationTypes))
	for i, t := range correlationTypes {
		out[i] = t.name
	}
	return out
}

// correlation reads a correlation document.
func (d *document) correlation() {
	h := d.huntBlock()
	if k := h.key("template"); k != nil {
		d.diags.Errorf(codeUnknownKey, d.src.span(k), "Remove it.", "a correlation has no \"hunt: template\"")
	}
	d.hunt.Kind = ir.KindCorrelation
	if h.pipeline != nil || len(h.output) > 0 || len(h.branches) > 0 {
		d.entry.after = func(rows ir.Query) (ir.Query, diag.List) { return d.rowsThrough(h, rows) }
	}
	for _, k := range []topKey{keyLogsource, keyDetection, keyFilter} {
		if d.get(k) != nil {
			d.diags.Errorf(codeNoDetection, d.src.span(d.keys[k].key), "Write it as a document of its own and name it in \"rules\".", "a correlation has no %q", topKeys[k])
		}
	}
	n := resolve(d.get(keyCorrelation))
	if !d.isMap("correlation", n) {
		return
	}
	c := &ir.Correlation{Span: d.src.span(n)}
	pairs := d.pairs(n)
	var typ *correlationType
	var condition *yaml.Node
	for _, p := range pairs {
		v := resolve(p.value)
		switch key := p.key.Value; key {
		case "type":
			if t, ok := d.textOf(key, v); ok && d.correlationWord(t, v) {
				c.Type = t
				typ = &correlationTypes[slices.IndexFunc(correlationTypes, func(k correlationType) bool { return k.name == t })]
			}
		case "rules":
			for _, e := range d.texts(key, v, true) {
				if slices.ContainsFunc(c.Rules, func(r ir.CorrelationRef) bool { return r.Name == e.text }) {
					d.diags.Warnf(codeListEntry, e, "Remove one of them.", "\"rules\" lists %q twice", e.text)
					continue
				}
				c.Rules = append(c.Rules, ir.CorrelationRef{Span: e.Span, Name: e.text})
			}
			if len(c.Rules) == 0 {
				d.diags.Errorf(codeCorrRule, d.src.span(v), "List ids or names.", "\"rules\" names no document")
			}
		case "group-by":
			for _, e := range d.texts(key, v, true) {
				if d.checkField(e.text, e.Span) {
					c.GroupBy = append(c.GroupBy, &ir.Field{Span: e.Span, Name: e.text})
				}
			}
		case "timespan", "timeframe":
			if key == "timeframe" {
				d.diags.Errorf(codeCorrTimespan, d.src.span(p.key), "Write \"timespan\".", "the window of a correlation is called \"timespan\"")
			}
			d.timespan(c, key, v)
		case "aliases":
			d.aliases(c, v)
		case "condition":
			condition = v
		case "generate":
			c.Generate = d.boolean(key, v)
		default:
			d.unknownKey("correlation", p.key, correlationKeys)
		}
	}
	if g := d.get(keyGenerate); g != nil {
		c.Generate = d.boolean("generate", g)
	}
	for _, need := range []struct{ key, hint string }{
		{"type", "Say what it computes, for example \"type: event_count\"."},
		{"rules", "Name the rules that it counts, by id or name."},
	} {
		if findPair(pairs, need.key) == nil {
			d.diags.Errorf(codeMissingKey, c.Span, need.hint, "the correlation has no %q", need.key)
		}
	}
	if findPair(pairs, "timespan") == nil && findPair(pairs, "timeframe") == nil {
		d.diags.Errorf(codeMissingKey, c.Span, "Say within what time, for example \"timespan: 5m\".", "the correlation has no \"timespan\"")
	}
	if typ != nil {
		d.correlationCondition(c, typ, condition)
	}
	for _, a := range c.Aliases {
		if !ir.HasField(c.GroupBy, a.Name) {
			d.diags.Warnf(codeCorrAlias, a, "Add it to \"group-by\", or remove it.", "\"group-by\" does not use the alias %q", a.Name)
		}
		for _, f := range a.Fields {
			if !slices.ContainsFunc(c.Rules, func(r ir.CorrelationRef) bool { return r.Name == f.Rule }) {
				d.diags.Errorf(codeCorrAlias, f, "Write the rule as in \"rules\".", "the alias %q has a field for %q, which \"rules\" does not name", a.Name, f.Rule)
			}
		}
	}
	c.Windowing = d.windowing
	c.Piped = d.entry.after != nil
	d.hunt.Correlation = c
}

func (d *document) correlationWord(t string, at *yaml.Node) bool {
	names := correlationTypeNames()
	if slices.Contains(names, t) {
		return true
	}
	hint := "The types are " + strings.Join(names, ", ") + "."
	if near := nearest(t, names); near != "" {
		hint = fmt.Sprintf("Did you mean %q?", near)
	}
	d.diags.Errorf(codeCorrType, d.src.span(at), hint, "there is no correlation of the type %q", t)
	return false
}

func (d *document) boolean(key string, n *yaml.Node) bool {
	n = resolve(n)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		d.diags.Errorf(codeWrongType, d.src.span(n), "", "%q is true or false, and this is %s", key, kindOf(n))
		return false
	}
	return isTrue(n.Value)
}

func (d *document) timespan(c *ir.Correlation, key string, v *yaml.Node) {
	t, ok := d.textOf(key, v)
	if !ok {
		return
	}
	dur, ok := parseDuration(t)
	if !ok || dur <= 0 || strings.HasSuffix(t, "ms") {
		hint := "Write a number and s, m, h, d or w, such as 5m."
		if strings.HasSuffix(t, "M") || strings.HasSuffix(t, "y") {
			hint = "Months and years differ in length: write days, such as 30d."
		}
		d.diags.Errorf(codeCorrTimespan, d.src.span(v), hint, "%q is not a length of time", t)
		return
	}
	c.Timespan = dur
}

func (d *document) aliases(c *ir.Correlation, n *yaml.Node) {
	if !d.isMap("aliases", n) {
		return
	}
	for _, p := range d.pairs(n) {
		a := ir.Alias{Span: d.src.span(p.key), Name: p.key.Value}
		if !d.isMap(a.Name, p.value) {
			continue
		}
		for _, q := range d.pairs(p.value) {
			if t, ok := d.textOf(q.key.Value, q.value); ok && d.checkField(t, d.src.span(resolve(q.value))) {
				a.Fields = append(a.Fields, ir.AliasField{Span: d.src.span(q.key), Rule: q.key.Value, Field: t})
			}
		}
		c.Aliases = append(c.Aliases, a)
	}
}

var corrOps = map[string]ir.CmpOp{"gt": ir.Gt, "gte": ir.Ge, "lt": ir.Lt, "lte": ir.Le, "eq": ir.Eq, "neq": ir.Ne}

func (d *document) correlationCondition(c *ir.Correlation, typ *correlationType, n *yaml.Node) {
	switch {
	case n == nil && (typ.threshold || typ.field):
		d.diags.Errorf(codeCorrCondition, c.Span, "Add for example \"condition: {gte: 10}\".", "a correlation of the type %q needs a condition", typ.name)
		return
	case n == nil:
		return
	case n.Kind == yaml.ScalarNode && typ.expr:
		d.correlationExpr(c, typ, n)
		return
	case !d.isMap("condition", n):
		return
	}
	hasPercentile := false
	before := d.errors()
	for _, p := range d.pairs(n) {
		v := resolve(p.value)
		switch key := p.key.Value; {
		case corrOps[key] != "":
			f, err := strconv.ParseFloat(v.Value, 64)
			if v.Kind != yaml.ScalarNode || err != nil || v.ShortTag() != "!!int" && v.ShortTag() != "!!float" {
				d.diags.Errorf(codeCorrCondition, d.src.span(v), "Write a number without quotes.", "%q compares with a number, and this is %s", key, kindOf(v))
				continue
			}
			c.Conditions = append(c.Conditions, ir.CorrelationCond{Span: d.src.span(p.key), Op: corrOps[key], Value: f})
		case key == "field":
			if !typ.field {
				d.diags.Errorf(codeCorrCondition, d.src.span(p.key), "Remove it; value_count counts the values of a field.", "a correlation of the type %q has no field", typ.name)
				continue
			}
			if v.Kind == yaml.SequenceNode && !typ.fields {
				d.diags.Errorf(codeCorrCondition, d.src.span(v), "Name one field.", "a correlation of the type %q has one field", typ.name)
				continue
			}
			for _, e := range d.texts(key, v, true) {
				if d.checkField(e.text, e.Span) {
					c.Fields = append(c.Fields, &ir.Field{Span: e.Span, Name: e.text})
				}
			}
		case key == "percentile":
			f, err := strconv.ParseFloat(v.Value, 64)
			if typ.name != "value_percentile" || err != nil || f < 0 || f > 100 {
				d.diags.Errorf(codeCorrPercentile, d.src.span(p.key), "", "\"percentile\" is a number from 0 to 100, for the type value_percentile")
				continue
			}
			c.Percentile, hasPercentile = f, true
		default:
			d.unknownKey("condition", p.key, corrCondKeys)
		}
	}
	if typ.threshold && len(c.Conditions) == 0 && d.errors() == before {
		d.diags.Errorf(codeCorrCondition, d.src.span(n), "Add one of gt, gte, lt, lte, eq and neq.", "the condition compares with nothing")
	}
	if typ.field && len(c.Fields) == 0 && d.errors() == before {
		d.diags.Errorf(codeCorrCondition, d.src.span(n), "Add \"field\".", "a correlation of the type %q needs a field", typ.name)
	}
	if typ.name == "value_percentile" && !hasPercentile {
		d.diags.Errorf(codeCorrPercentile, d.src.span(n), "Add for example \"percentile: 95\".", "the condition does not say which percentile, so there is nothing to compute")
	}
	if typ.expr && len(c.Conditions) > 0 && d.errors() == before {
		switch {
		case wantsAll(c):
			c.Conditions = nil // which is what the type says
		case typ.ordered:
			d.diags.Errorf(codeCorrCondition, d.src.span(n), notInOrder, "an order of some of the rules is not one that the document gives, so the condition has to ask for all %d of them", len(c.Rules))
		}
	}
}

// wantsAll reports whether a condition on the number of rules holds for all of
// them, and for no fewer.
func wantsAll(c *ir.Correlation) bool {
	for n := range len(c.Rules) + 1 {
		holds := !slices.ContainsFunc(c.Conditions, func(cond ir.CorrelationCond) bool { return !cond.Holds(float64(n)) })
		if holds != (n == len(c.Rules)) {
			return false
		}
	}
	return true
}

const notInOrder = "Remove the condition; or choose the type temporal, if the order does not matter."

// correlationExpr checks a condition that names rules.
func (d *document) correlationExpr(c *ir.Correlation, typ *correlationType, n *yaml.Node) {
	at := d.src.textMap(n)
	parsed := parseCondition(n.Value)
	if e := parsed.err; e != nil {
		d.diags.Errorf(e.code, at.span(e.from, e.to), e.hint, "%s", e.message)
		return
	}
	var walk func(*cond)
	walk = func(x *cond) {
		if x.op == condOpName && !slices.ContainsFunc(c.Rules, func(r ir.CorrelationRef) bool { return r.Name == x.name }) {
			d.diags.Errorf(codeCorrCondition, at.span(x.from, x.to), "Add it to \"rules\".", "\"rules\" does not name %q", x.name)
		}
		if x.op == condOpOf && x.name != "" && !slices.ContainsFunc(c.Rules, func(r ir.CorrelationRef) bool { return globMatch(x.name, r.Name) }) {
			d.diags.Errorf(codeCorrCondition, at.span(x.from, x.to), "", "the pattern %q matches no rule", x.name)
		}
		for _, a := range x.args {
			walk(a)
		}
	}
	before := d.errors()
	walk(parsed.root)
	switch {
	case d.errors() > before:
	case parsed.root.joins(c.Rules):
		return // which is what the type says
	case typ.ordered:
		d.diags.Errorf(codeCorrCondition, d.src.span(n), notInOrder, "only rules that all have to match have an order, so the condition has to join all %d of them with \"and\"", len(c.Rules))
	}
	c.Expr = n.Value
}

// joins reports whether a condition asks for all the rules, and for nothing else.
func (c *cond) joins(rules []ir.CorrelationRef) bool {
	named := map[string]bool{}
	var walk func(*cond) bool
	walk = func(x *cond) bool {
		switch x.op {
		case condOpName:
			named[x.name] = true
			return true
		case condOpOf:
			for _, r := range rules {
				if x.name == "" || globMatch(x.name, r.Name) {
					named[r.Name] = true
				}
			}
			return x.all
		case condOpAnd:
			return !slices.ContainsFunc(x.args, func(a *cond) bool { return !walk(a) })
		}
		return false
	}
	return walk(c) && len(named) == len(rules)
}

// obsoleteAction recognises the collections of Sigma v1.
func (d *document) obsoleteAction() bool {
	if d.afterGlobal {
		return true // said once, at the document that the others lean on
	}
	n := d.get(keyAction)
	if n == nil {
		return false
	}
	v := resolve(n)
	switch v.Value {
	case "global", "reset", "repeat":
		d.loader.afterGlobal = true
		d.diags.Errorf(codeAction, diag.Span{Pos: d.src.span(d.keys[keyAction].key).Pos, EndPos: d.src.span(v).EndPos},
			"Write each document out in full; what they share can stand behind a YAML anchor (&name, *name) within one document.",
			"\"action: %s\" is gone from Sigma since version 2", v.Value)
		return true
	}
	return false
}

// rowsThrough puts the rows of a correlation through the output and the
// pipeline of its document. Which columns they have is known once the rules are.
func (d *document) rowsThrough(h *hunt, rows ir.Query) (ir.Query, diag.List) {
	before := len(d.diags)
	d.hunt.Correlation.Rows = rows
	q := d.assemble(h, rows)
	return q, d.diags[before:]
}
