package splunk

import (
	"maps"
	"slices"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// native takes the author's own text as it is. What can be read of it is held
// against the data models.
func (b *Backend) native(n *ir.Native) backends.Artifact {
	art := backends.Artifact{Form: backends.NativeTxt, Query: n.Text, Reasons: []ir.Reason{{
		Span: n.Span, Code: codeNative, Effect: ir.Opaque,
		Message: "The search for Splunk is the document's own text, so what it finds is not checked.",
	}}}
	s, diags := spl.Parse(n.Pos.Filename, n.Text)
	for _, d := range diags {
		art.Diagnostics.Warnf(codeNativeText, n, d.Hint, "line %d of the native search: %s", d.Pos.Line, d.Message)
	}
	if s != nil {
		c := nativeChecker{b: b, n: n, diags: &art.Diagnostics}
		c.search(s)
	}
	return art
}

type nativeChecker struct {
	b     *Backend
	n     *ir.Native
	diags *diag.List
}

func (c *nativeChecker) search(s *spl.Search) {
	for _, cmd := range s.Commands {
		switch cmd := cmd.(type) {
		case *spl.Tstats:
			c.tstats(cmd)
		case *spl.From:
			c.model(cmd, cmd.Model)
		case *spl.Append:
			c.search(cmd.Search)
		case *spl.Join:
			c.search(cmd.Search)
		}
	}
}

func (c *nativeChecker) model(at diag.Node, name string) *schema.Table {
	t := c.b.schema.Table(schema.CIM, name)
	if t == nil {
		c.diags.Warnf(codeNativeText, c.n, diag.DidYouMean(name, schema.Tables(schema.CIM)),
			"line %d of the native search: CIM has no dataset %s", at.At().Pos.Line, name)
	}
	return t
}

// tstats checks the fields of a search over a data model. Fields of the index
// stand beside those of the model.
func (c *nativeChecker) tstats(cmd *spl.Tstats) {
	if cmd.Model == "" {
		return
	}
	t := c.model(cmd, cmd.Model)
	if t == nil {
		return
	}
	known := []string{"_time", "_indextime", "earliest", "latest", "host", "index", "nodename", "source", "sourcetype", "splunk_server"}
	for _, name := range slices.Sorted(maps.Keys(t.Columns)) {
		known = append(known, t.Columns[name].Qualified)
	}
	var used []string
	used = append(used, searchFields(cmd.Where)...)
	used = append(used, cmd.By...)
	for _, a := range cmd.Aggs {
		if a.Arg != "" {
			used = append(used, a.Arg)
		}
	}
	for i, name := range used {
		if !slices.Contains(known, name) && !slices.Contains(used[:i], name) {
			c.diags.Warnf(codeNativeText, c.n, diag.DidYouMean(name, known),
				"line %d of the native search: the dataset %s has no field %s", cmd.Pos.Line, cmd.Model, name)
		}
	}
}

func searchFields(e spl.SearchExpr) []string {
	switch e := e.(type) {
	case *spl.SearchLogic:
		var out []string
		for _, a := range e.Args {
			out = append(out, searchFields(a)...)
		}
		return out
	case *spl.SearchNot:
		return searchFields(e.X)
	case *spl.SearchCompare:
		return []string{e.Field}
	case *spl.SearchIn:
		return []string{e.Field}
	}
	return nil
}
