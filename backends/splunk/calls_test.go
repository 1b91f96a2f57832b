package splunk

import (
	"strings"
	"testing"

	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/ir"
)

// TestOtherwise: what Plan makes of functions that Splunk has not, and how it
// refuses those of which it makes nothing.
func TestOtherwise(t *testing.T) {
	when := &ir.Field{Name: "_time", T: ir.Time}
	text := &ir.Field{Name: "x", T: ir.String}
	num := &ir.Field{Name: "n", T: ir.Int}
	instant := call1(ir.Instant, lit("2026-03-05T04:32:00Z"))
	tests := []struct {
		e             ir.Expr
		want, refused string
	}{
		{instant, "1772685120", ""},
		{call1(ir.Instant, lit("soon")), "", `"soon" spells no time`},
		{call1(ir.DateDiff, lit("Hour"), when, instant), "floor(_time / 3600) - floor(1772685120 / 3600)", ""},
		{call1(ir.DateDiff, lit("month"), when, instant), "", `the borders of "month"`},
		{call1(ir.ToInt, num), "n", ""},
		{call1(ir.ToLong, text), "", "Splunk has no whole numbers, which tolong makes"},
		{call1(ir.Prop, call1(ir.Json, text), lit("a.b")), `json_extract_exact(x, "a.b")`, ""},
		{call1(ir.At, call1(ir.Json, text), lit(int64(2))), `json_extract(x, "{2}")`, ""},
		{call1(ir.At, call1(ir.Json, text), lit(int64(-1))), "", "does not count the values of JSON from the end"},
		{call1(ir.Item, call1(ir.Parts, text, lit("/")), lit(int64(-1))), `mvindex(split(x, "/"), -1)`, ""},
		{call1(ir.Json, text), "coalesce(json(x), x)", ""},
		{call1(ir.URL, text), "", "takes a web address apart"},
		{call1(ir.Place, text, lit("city")), "", "a command does"},
	}
	b := testBackend(t)
	sc := scope{{name: "x", t: ir.String}, {name: "n", t: ir.Int}, {name: "_time", t: ir.Time}}
	for _, tt := range tests {
		p := &planner{b: b, hunt: &ir.Hunt{}}
		plan := p.value(tt.e, sc)
		if tt.refused != "" {
			if len(p.diags) != 1 || !strings.Contains(p.diags[0].Message, tt.refused) || p.diags[0].Code != codeUnsayable {
				t.Errorf("%s: %v", ir.FormatExpr(tt.e), p.diags)
			}
			continue
		}
		if got := spl.PrintExpr((&lowerer{b: b}).value(plan)); got != tt.want || len(p.diags) > 0 {
			t.Errorf("%s is %s, want %s; %v", ir.FormatExpr(tt.e), got, tt.want, p.diags)
		}
	}
}
