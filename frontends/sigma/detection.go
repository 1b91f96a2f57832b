package sigma

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// detection is a block of selections with a condition: "detection" of a rule
// or a branch, and "filter".
type detection struct {
	*document
	selections []selection
	tooLarge   bool
}

// selection is a named search.
type selection struct {
	diag.Span // of its name
	name      string
	expr      ir.Expr // nil where it has an error
	used      bool
}

// detection reads a block into one predicate; nil where it has an error.
func (d *document) detection(block string, n *yaml.Node) ir.Expr {
	if !d.isMap(block, n) {
		return nil
	}
	return d.detectionPairs(block, n, d.pairs(n))
}

func (d *document) detectionPairs(block string, n *yaml.Node, pairs []pair) ir.Expr {
	det := &detection{document: d}
	before := d.errors()
	d.conditions = nil
	var condition *yaml.Node
	for _, p := range pairs {
		switch p.key.Value {
		case "condition":
			condition = p.value
		case "timeframe":
			d.diags.Errorf(codeTimeframe, d.src.span(p.key), "Remove it; in a correlation document the same is \"timespan\". A look-back is \"hunt: {window: …}\".",
				"\"timeframe\" is gone from Sigma since version 2")
		default:
			if name, modifier, ok := strings.Cut(p.key.Value, "|"); ok {
				d.diags.Warnf(codeSelectionModifier, d.src.span(p.key), fmt.Sprintf("Put it behind the fields: \"Field|%s\".", modifier),
					"the modifier behind the selection %q has no effect: modifiers belong to fields", name)
			}
			det.selections = append(det.selections, selection{Span: d.src.span(p.key), name: p.key.Value, expr: det.selection(p.key, p.value)})
		}
	}
	if condition == nil {
		hint := "Say how the selections combine, for example \"condition: selection\"."
		for _, s := range det.selections {
			if nearest(s.name, []string{"condition"}) != "" {
				hint = fmt.Sprintf("Did you mean \"condition\" by %q?", s.name)
			}
		}
		d.diags.Errorf(codeMissingKey, d.src.span(resolve(n)), hint, "%q has no \"condition\"", block)
		return nil
	}
	if len(det.selections) == 0 && d.everyEvent(block, condition) {
		return ir.True(d.src.span(resolve(condition)))
	}
	x := det.condition(condition)
	if d.errors() == before {
		for _, s := range det.selections {
			if !s.used {
				d.diags.Warnf(codeUnusedSelection, s, "Use it in the condition, or remove it.", "the condition does not use the selection %q", s.name)
			}
		}
	}
	if d.errors() > before {
		return nil
	}
	return x
}

// everyEvent reports whether a condition without selections takes every event
// of the logsource: "condition: true". Only a hunt may say so, which another
// tool refuses by its taxonomy.
func (d *document) everyEvent(block string, condition *yaml.Node) bool {
	tax := d.get(keyTaxonomy)
	return block == "detection" && resolve(condition).Value == "true" && tax != nil && resolve(tax).Value == "huntc"
}

// condition reads one condition, or a list of them, any of which is enough.
func (d *detection) condition(n *yaml.Node) ir.Expr {
	n = resolve(n)
	if n.Kind == yaml.SequenceNode {
		if len(n.Content) == 0 {
			d.diags.Errorf(codeCondition, d.src.span(n), "Name a selection.", "the list of conditions is empty")
			return nil
		}
		low := &lowering{d: d}
		args := make([]ir.Expr, 0, len(n.Content))
		for _, c := range n.Content {
			if x := d.oneCondition(resolve(c)); x != nil {
				args = append(args, x)
			}
		}
		return low.logic(d.src.span(n), ir.Or, args)
	}
	return d.oneCondition(n)
}

func (d *detection) oneCondition(n *yaml.Node) ir.Expr {
	if !isText(n) {
		d.diags.Errorf(codeCondition, d.src.span(n), "Name a selection, for example \"selection and not filter\".", "a condition has to be text, and this is %s", kindOf(n))
		return nil
	}
	at := d.src.textMap(n)
	parsed := parseCondition(n.Value)
	if e := parsed.err; e != nil {
		d.diags.Errorf(e.code, at.span(e.from, e.to), e.hint, "%s", e.message)
		return nil
	}
	d.conditions = append(d.conditions, parsed.root)
	return (&lowering{d: d, at: at}).expr(parsed.root)
}

// noSelection reports a name that the condition uses and no selection has.
func (d *detection) noSelection(name string, at diag.Span) {
	names := make([]string, len(d.selections))
	for i, s := range d.selections {
		names[i] = s.name
	}
	hint := "It has " + strings.Join(names, ", ") + "."
	if len(names) == 0 {
		hint = ""
	} else if near := nearest(name, names); near != "" {
		hint = fmt.Sprintf("Did you mean %q?", near)
	} else if len(names) > 12 {
		hint = "Add it beside the others."
	}
	d.diags.Errorf(codeNoSelection, at, hint, "there is no selection %q", name)
}

// prefixes lists what stands before the last underscore of each selection, for hints.
func (d *detection) prefixes() []string {
	var out []string
	for _, s := range d.selections {
		out = append(out, s.name)
		if i := strings.LastIndexByte(s.name, '_'); i > 0 {
			out = append(out, s.name[:i+1])
		}
	}
	return out
}

// selection reads what one named search looks for.
func (d *detection) selection(k, n *yaml.Node) ir.Expr {
	n = resolve(n)
	span := d.src.span(n)
	switch n.Kind {
	case yaml.MappingNode:
		return d.itemMap(n)
	case yaml.SequenceNode:
		if len(n.Content) == 0 {
			d.diags.Errorf(codeSelection, d.src.span(k), "Remove it, or say what to look for.", "the selection %q is empty", k.Value)
			return nil
		}
		args := make([]ir.Expr, 0, len(n.Content))
		ok := true
		for _, e := range n.Content {
			e = resolve(e)
			var x ir.Expr
			switch e.Kind {
			case yaml.MappingNode:
				x = d.itemMap(e)
			case yaml.ScalarNode:
				x = d.keyword(e)
			default:
				d.diags.Errorf(codeSelection, d.src.span(e), "Use one list of maps or of keywords.", "a selection cannot hold a list within a list")
			}
			if x == nil {
				ok = false
				continue
			}
			args = append(args, x)
		}
		if !ok {
			return nil
		}
		span.EndPos = args[len(args)-1].At().EndPos
		return ir.NewLogic(span, ir.Or, args...)
	}
	if !isText(n) {
		d.diags.Errorf(codeSelection, d.src.span(k), "Remove it, or say what to look for.", "the selection %q is empty", k.Value)
		return nil
	}
	return d.keyword(n)
}

// itemMap reads a map of fields, all of which have to match.
func (d *detection) itemMap(n *yaml.Node) ir.Expr {
	span := d.src.span(n)
	pairs := d.pairs(n)
	if len(pairs) == 0 {
		d.diags.Errorf(codeSelection, span, "Remove it, or say what to look for.", "this map of fields is empty")
		return nil
	}
	args := make([]ir.Expr, 0, len(pairs))
	for _, p := range pairs {
		if x := d.item(p.key, p.value); x != nil {
			args = append(args, x)
		}
	}
	if len(args) < len(pairs) {
		return nil
	}
	span.EndPos = args[len(args)-1].At().EndPos
	return ir.NewLogic(span, ir.And, args...)
}

// keyword reads a bare value: a search through the whole event.
func (d *detection) keyword(n *yaml.Node) ir.Expr {
	return d.itemValues(&itemContext{key: d.src.span(n), chain: plainChain}, n, []*yaml.Node{n})
}

// item reads one "Field|modifiers: values".
func (d *detection) item(k, v *yaml.Node) ir.Expr {
	keySpan := d.src.span(k)
	name, mods, _ := strings.Cut(k.Value, "|")
	c := &itemContext{key: keySpan}
	if name != "" {
		fieldSpan := keySpan
		if len(name) < len(k.Value) && fieldSpan.EndPos.Offset-fieldSpan.Pos.Offset == len(k.Value) {
			fieldSpan.EndPos = fieldSpan.Pos
			fieldSpan.EndPos.Offset += len(name)
			fieldSpan.EndPos.Column += utf8.RuneCountInString(name)
		}
		if !d.checkField(name, fieldSpan) {
			return nil
		}
		c.field = &ir.Field{Span: fieldSpan, Name: name}
	}
	if c.chain = d.modifiers(k, mods, len(k.Value)-len(mods)); c.chain == nil {
		return nil
	}
	v = resolve(v)
	switch v.Kind {
	case yaml.SequenceNode:
		if len(v.Content) == 0 {
			d.diags.Errorf(codeValueShape, d.src.span(v), "Give a value, or remove the field. \"Field: ''\" looks for an empty field, \"Field: null\" for an absent one.", "the list of values is empty")
			return nil
		}
		c.list = true
		return d.itemValues(c, v, v.Content)
	case yaml.MappingNode:
		d.diags.Errorf(codeValueShape, d.src.span(v), "For a field within a field write the path as one key: outer.inner: value.", "the value of %q is a map", k.Value)
		return nil
	}
	return d.itemValues(c, v, []*yaml.Node{v})
}

// checkField refuses names that no field can have.
func (l *loader) checkField(name string, at diag.Span) bool {
	if strings.TrimSpace(name) == "" || len(name) > 512 || strings.ContainsFunc(name, unicode.IsControl) {
		l.diags.Errorf(codeFieldName, at, "", "%q cannot be the name of a field", name)
		return false
	}
	return true
}
