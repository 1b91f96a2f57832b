package sigma_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/ir"
)

// show prints an expression compactly, for tables of tests. A pattern shows
// as "text", its wildcards as * and ? outside the quotes.
func show(e ir.Expr) string {
	list := func(args []ir.Expr, sep string) string {
		var out []string
		for _, a := range args {
			out = append(out, show(a))
		}
		return strings.Join(out, sep)
	}
	cased := func(c bool) string {
		if c {
			return "!cased"
		}
		return ""
	}
	switch e := e.(type) {
	case nil:
		return "<nil>"
	case *ir.Field:
		return e.Name
	case *ir.Lit:
		if s, ok := e.Value.(string); ok {
			return fmt.Sprintf("%q", s)
		}
		return fmt.Sprint(e.Value)
	case *ir.Logic:
		if len(e.Args) == 0 {
			return map[ir.LogicOp]string{ir.And: "true", ir.Or: "false"}[e.Op]
		}
		return "(" + list(e.Args, " "+string(e.Op)+" ") + ")"
	case *ir.Not:
		return "not " + show(e.X)
	case *ir.Compare:
		return show(e.L) + " " + string(e.Op) + cased(e.Cased) + " " + show(e.R)
	case *ir.Match:
		var out []string
		for _, p := range e.Any {
			out = append(out, pattern(p))
		}
		return show(e.X) + " ~" + cased(e.Cased) + " " + strings.Join(out, "|")
	case *ir.Term:
		var out []string
		for _, p := range e.Any {
			out = append(out, pattern(p))
		}
		return show(e.X) + " has" + cased(e.Cased) + " " + strings.Join(out, "|")
	case *ir.Regexp:
		return show(e.X) + " re /" + e.Source + "/"
	case *ir.InCIDR:
		return show(e.X) + " in " + e.Prefix.String()
	case *ir.FieldMatch:
		return show(e.X) + " " + string(e.Kind) + cased(e.Cased) + " " + show(e.Y)
	case *ir.Keyword:
		return "keyword" + cased(e.Cased) + " " + pattern(e.Pattern)
	case *ir.Exists:
		return "exists " + e.X.Name
	case *ir.Call:
		return string(e.Func) + "(" + list(e.Args, ", ") + ")"
	}
	return fmt.Sprintf("%T", e)
}

func pattern(p ir.Pattern) string {
	if len(p.Parts) == 0 {
		return `""`
	}
	var b strings.Builder
	for _, part := range p.Parts {
		switch part.Wild {
		case ir.Many:
			b.WriteByte('*')
		case ir.One:
			b.WriteByte('?')
		case ir.Text:
			b.WriteString(`"` + part.Text + `"`)
		default:
			fmt.Fprintf(&b, "<wild %d>", part.Wild)
		}
	}
	return b.String()
}

// showQuery prints a query, one node a line, inputs first.
func showQuery(q ir.Query) string {
	var b strings.Builder
	writeQuery(&b, q, "")
	return b.String()
}

func writeQuery(b *strings.Builder, q ir.Query, indent string) {
	fields := func(in []*ir.Field) string {
		var out []string
		for _, f := range in {
			out = append(out, f.Name)
		}
		return strings.Join(out, ", ")
	}
	cols := func(in []*ir.Col) string {
		var out []string
		for _, c := range in {
			if x := show(c.X); x == c.As {
				out = append(out, x)
			} else {
				out = append(out, c.As+" = "+x)
			}
		}
		return strings.Join(out, ", ")
	}
	line := func(in ir.Query, format string, args ...any) {
		if in != nil {
			writeQuery(b, in, indent)
		}
		b.WriteString(indent + strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
	}
	switch q := q.(type) {
	case nil:
		line(nil, "<nil>")
	case *ir.Scan:
		line(nil, "scan %s/%s/%s", q.Source.Category, q.Source.Product, q.Source.Service)
	case *ir.Filter:
		line(q.Input, "where %s", show(q.Pred))
	case *ir.Extend:
		line(q.Input, "extend %s", cols(q.Cols))
	case *ir.Aggregate:
		var aggs []string
		for _, a := range q.Aggs {
			x := ""
			if a.X != nil {
				x = show(a.X)
			}
			if a.Of != nil {
				x = a.Of.Name + ", " + x
			}
			aggs = append(aggs, a.As+" = "+string(a.Func)+"("+x+")")
		}
		line(q.Input, "summarize %s by %s", strings.Join(aggs, ", "), cols(q.By))
	case *ir.Window:
		back := ""
		if q.Offset > 0 {
			back = fmt.Sprintf(" back %d", q.Offset)
		}
		line(q.Input, "gaps of %s as %s by %s%s", q.Of.Name, q.As, fields(q.By), back)
	case *ir.Session:
		line(q.Input, "sessions of %s as %s by %s gap %s", q.Of.Name, q.As, fields(q.By), q.Gap)
	case *ir.Lag:
		line(q.Input, "prev of %s as %s by %s along %s", q.X.Name, q.As, fields(q.By), q.Of.Name)
	case *ir.Rank:
		var keys []string
		for _, k := range q.Keys {
			keys = append(keys, k.X.Name+map[bool]string{false: " asc", true: " desc"}[k.Desc])
		}
		line(q.Input, "rank as %s by %s per %s", q.As, strings.Join(keys, ", "), fields(q.By))
	case *ir.Table:
		line(nil, "lookup %s (%s) %q", q.Name, strings.Join(q.Cols, ", "), q.Rows)
	case *ir.Union:
		line(nil, "union")
		for _, in := range q.Inputs {
			writeQuery(b, in, indent+"  ")
			b.WriteString(indent + "  --\n")
		}
	case *ir.Join:
		writeQuery(b, q.Left, indent)
		line(nil, "join %s on %s", q.Kind, fields(q.On))
		writeQuery(b, q.Right, indent+"  ")
	case *ir.Project:
		line(q.Input, "project %s", cols(q.Cols))
	case *ir.Distinct:
		line(q.Input, "distinct %s", fields(q.By))
	case *ir.Sort:
		var keys []string
		for _, k := range q.Keys {
			dir := " asc"
			if k.Desc {
				dir = " desc"
			}
			keys = append(keys, k.X.Name+dir)
		}
		line(q.Input, "sort by %s", strings.Join(keys, ", "))
	case *ir.Limit:
		line(q.Input, "limit %d", q.N)
	default:
		line(nil, "%T", q)
	}
}

// load reads one document that has to be free of errors.
func load(t *testing.T, src string, opts *sigma.Options) (*ir.Hunt, diag.List) {
	t.Helper()
	file, diags := sigma.Load("test.yml", []byte(src), opts)
	if diags.HasErrors() || len(file.Hunts) != 1 {
		t.Fatalf("%d hunts, %s\n%s", len(file.Hunts), list(diags), src)
	}
	return file.Hunts[0], diags
}

func list(diags diag.List) string {
	var out []string
	for _, d := range diags {
		out = append(out, fmt.Sprintf("%d:%d %s %s %s (%s)", d.Pos.Line, d.Pos.Column, d.Severity, d.Code, d.Message, d.Hint))
	}
	return strings.Join(out, "\n")
}

// rule is a document with this detection, whose lines are indented by the
// function.
func rule(detection string) string {
	return "title: Test\nlogsource: {category: test}\ndetection:\n    " + strings.ReplaceAll(strings.TrimSpace(detection), "\n", "\n    ") + "\n"
}

// predicate is what the detection selects.
func predicate(t *testing.T, detection string, opts *sigma.Options) string {
	t.Helper()
	h, _ := load(t, rule(detection), opts)
	return show(h.Query.(*ir.Filter).Pred)
}

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
