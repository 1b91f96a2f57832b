package splunk

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

var hostile = []string{
	"", "a", `"`, `\`, `\\`, `\"`, "'", "`", "``", "```", "````", "`m(x)`", "|", "| delete", "]", "[", "[search index=*]", "*", "?", "%", "$x$",
	"\n", "\r\n", "\t", "\x00", "\xff", "\u2028", "a b", " a ", "OR", "NOT", ") OR (", `" OR a="b`, "10.0.0.0/8", "1", "1e3", "-", "--", "(?i)", `\E`, `\Q`, "=", "<", ",", "日本", "ſ",
}

// FuzzValue: whatever the value and the name of the field, what is emitted is
// read back as exactly the condition that it was written for, so no value
// becomes part of the query's structure.
func FuzzValue(f *testing.F) {
	for _, v := range hostile {
		f.Add(v, "process", false)
		f.Add("x", v, true)
	}
	b := testBackend(f)
	f.Fuzz(func(t *testing.T, value, field string, cased bool) {
		for _, form := range []backends.Form{backends.Tstats, backends.Datamodel, backends.RawEvents} {
			view, table := schema.CIM, "Endpoint.Processes"
			if form == backends.RawEvents {
				view, table = schema.Raw, "huntc_process_creation"
			} else if field != "process" {
				continue // a data model has the fields that it has
			}
			x := &ir.Field{Name: field}
			text := func(parts ...ir.Part) ir.Pattern {
				var p ir.Pattern
				for _, part := range parts {
					p.Append(part)
				}
				return p
			}
			preds := []ir.Expr{
				&ir.Match{X: x, Any: []ir.Pattern{text(ir.Part{Text: value})}, Cased: cased},
				&ir.Not{X: &ir.Match{X: x, Any: []ir.Pattern{text(ir.Part{Wild: ir.Many}, ir.Part{Text: value}), text(ir.Part{Text: value}, ir.Part{Wild: ir.One})}, Cased: cased}},
				&ir.Regexp{X: x, Source: regexp.QuoteMeta(value)},
				&ir.Compare{Op: ir.Eq, L: x, R: &ir.Lit{Value: value}, Cased: cased},
			}
			if form == backends.RawEvents {
				preds = append(preds, &ir.Keyword{Pattern: text(ir.Part{Text: value}), Cased: cased}, &ir.Not{X: &ir.Keyword{Pattern: text(ir.Part{Text: value})}})
			}
			for _, pred := range preds {
				scan := &ir.Scan{Physical: &ir.Physical{View: string(view), Table: table}}
				pl := b.plan(&ir.Hunt{}, &ir.Filter{Input: scan, Pred: pred}, nil, form)
				if pl.diags.HasErrors() {
					continue
				}
				checkText(t, b, pl, b.lower(pl, form))
			}
		}
	})
}

// FuzzComment: no line of a comment gets out of it.
func FuzzComment(f *testing.F) {
	for _, v := range hostile {
		f.Add(v)
	}
	const query = "| tstats `summariesonly` count\n    from datamodel=Endpoint.Processes"
	want, _ := spl.Parse("", query)
	b := &Backend{}
	f.Fuzz(func(t *testing.T, line string) {
		text := b.Comment([]string{line, "x" + line}) + query
		got, diags := spl.Parse("", text)
		if len(diags) > 0 {
			t.Fatalf("%q: %v", text, diags)
		}
		ignore := cmp.Transformer("place", func(diag.Span) string { return "" })
		if diff := cmp.Diff(want, got, ignore); diff != "" {
			t.Fatalf("%q: %s", text, diff)
		}
	})
}
