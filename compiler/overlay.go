package compiler

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/schema"
)

// checkDatasets holds what the settings say of datasets to the catalogue of
// each target: a column that a target does not have makes every query that
// reads it one that does not run. Raw events have no catalogue.
func (c *Config) checkDatasets(at func(*yaml.Node) diag.Span, diags *diag.List) {
	s, err := schema.New(c.Datasets)
	if err != nil {
		diags.Errorf(codeConfigValue, at(&c.Datasets), "The keys are those of the files in schema/data; see docs/config.md.", "datasets: %v", err)
		return
	}
	eachPair(&c.Datasets, func(name, body *yaml.Node) {
		eachPair(body, func(view, mapping *yaml.Node) {
			v := schema.View(view.Value)
			if v != schema.CIM && v != schema.XDR {
				return
			}
			m := s.Dataset(name.Value).Mapping(v)
			if m == nil {
				return
			}
			t := overlaid{s: s, view: v, table: m.Table, at: at, diags: diags}
			if s.Table(v, m.Table) == nil {
				where := view
				eachPair(mapping, func(key, val *yaml.Node) {
					if key.Value == "table" {
						where = val
					}
				})
				diags.Errorf(codeConfigValue, at(where), diag.DidYouMean(m.Table, schema.Tables(v)), "the dataset %q reads %q, and there is no such table", name.Value, m.Table)
				return
			}
			eachPair(mapping, func(key, val *yaml.Node) {
				switch key.Value {
				case "columns":
					eachPair(val, func(_, col *yaml.Node) { t.column(col) })
				case "where":
					eachPair(val, func(col, _ *yaml.Node) { t.name(col) })
				case "output":
					t.name(val)
				}
			})
		})
	})
}

// overlaid is a table that the settings map fields to.
type overlaid struct {
	s     *schema.Schema
	view  schema.View
	table string
	at    func(*yaml.Node) diag.Span
	diags *diag.List
}

// columnKeys are those keys of a column whose values are columns of the table.
var columnKeys = []string{"column", "file", "domain", "key", "value", "valueType", "needs", "within"}

func (t overlaid) column(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		t.name(n)
		return
	}
	eachPair(n, func(key, val *yaml.Node) {
		switch {
		case key.Value == "algorithms":
			eachPair(val, func(_, col *yaml.Node) { t.name(col) })
		case slices.Contains(columnKeys, key.Value):
			t.name(val)
		}
	})
}

// name checks a name of a column, or a list of them.
func (t overlaid) name(n *yaml.Node) {
	if n.Kind == yaml.SequenceNode {
		for _, e := range n.Content {
			t.name(deref(e))
		}
		return
	}
	if _, ok := t.s.Column(t.view, t.table, n.Value); ok || n.Kind != yaml.ScalarNode || n.Value == "" {
		return
	}
	var known []string
	for name := range t.s.Table(t.view, t.table).Columns {
		known = append(known, name)
	}
	slices.Sort(known)
	hint := "Name a column that the table has, or map the field for raw events."
	if near := diag.Closest(n.Value, known); near != "" {
		hint = fmt.Sprintf("Did you mean %q?", near)
	}
	t.diags.Errorf(codeConfigValue, t.at(n), hint, "%s has no column %q", t.table, n.Value)
}

// eachPair calls f for the keys and values of a map.
func eachPair(n *yaml.Node, f func(key, val *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		f(n.Content[i], deref(n.Content[i+1]))
	}
}

// canAllow reports whether a code is one of a departure from exactness, or of
// another remark on a query that there is: those of lowering (HC03xx), but for
// what a target has not at all, and of correlations.
func canAllow(code diag.Code) bool {
	switch code {
	case "HC0149", "HC0150":
		return true
	case "HC0300", "HC0301":
		return false
	}
	return code[:4] == "HC03"
}
