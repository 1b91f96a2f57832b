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

// FuzzCall: whatever the constants of functions and the cells of a lookup, what is
// emitted is read back as exactly the columns that it was written for.
func FuzzCall(f *testing.F) {
	for i, v := range hostile {
		f.Add(v, hostile[(i+7)%len(hostile)], uint8(i))
		f.Add("(?i)-e("+v+")", `\1`, uint8(1))
	}
	for _, re := range []string{`([^\\]+)\.exe$`, `[]()](a)`, `[^]](b)`, `[[:alpha:](](c)`, `(?P<n>a)(?<m>b)`, `\Q(\E(x)`, `\((a)`, `(a)?b`, `a(b*)`, "(?m)^(a|``` b)$"} {
		for n := range uint8(3) {
			f.Add(re, "x", n)
		}
	}
	b := testBackend(f)
	f.Fuzz(func(t *testing.T, one, two string, n uint8) {
		x := &ir.Field{Name: "process", T: ir.String}
		call := func(f ir.FuncID, args ...any) *ir.Call {
			c := &ir.Call{Func: f, Args: []ir.Expr{x}}
			for _, a := range args {
				c.Args = append(c.Args, &ir.Lit{Value: a})
			}
			return c
		}
		calls := []*ir.Call{
			call(ir.Replace, one, two), call(ir.Split, one, int64(n)), call(ir.Extract, one, int64(n)),
			call(ir.Substring, int64(n)), call(ir.Coalesce, one, two), call(ir.Concat, one, two),
		}
		for _, form := range []backends.Form{backends.Tstats, backends.RawEvents} {
			view, table := schema.CIM, "Endpoint.Processes"
			if form == backends.RawEvents {
				view, table = schema.Raw, "huntc_process_creation"
			}
			scan := &ir.Filter{Input: &ir.Scan{Physical: &ir.Physical{View: string(view), Table: table}}, Pred: ir.True(diag.Span{})}
			rows := &ir.Table{Name: "t", Cols: []string{"process", "made"}, Rows: [][]string{{one, two}, {two + "-", one}}}
			queries := []ir.Query{
				&ir.Join{Left: scan, Right: rows, Kind: ir.LeftOuter, On: []*ir.Field{x}},
				&ir.Join{Left: scan, Right: rows, Kind: ir.Anti, On: []*ir.Field{x}},
			}
			for _, c := range calls {
				queries = append(queries, &ir.Extend{Input: scan, Cols: []*ir.Col{{As: "made", X: c}}},
					&ir.Filter{Input: scan, Pred: &ir.Not{X: &ir.Match{X: c, Any: []ir.Pattern{ir.TextPattern(diag.Span{}, two)}, Cased: n%2 == 0}}})
			}
			for _, q := range queries {
				pl := b.plan(&ir.Hunt{}, q, []*ir.Field{x}, form)
				if pl.why != "" || pl.diags.HasErrors() {
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
