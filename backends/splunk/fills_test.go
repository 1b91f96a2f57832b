package splunk

import (
	"strings"
	"testing"

	"github.com/huntc/huntc/ir"
)

// TestFillsBelowFunctions: a function of a column does not take the data
// model's word for a missing value for one, and the order of what may be a text
// is that of numbers.
func TestFillsBelowFunctions(t *testing.T) {
	b := testBackend(t)
	port := func(name string) *ir.Field { return &ir.Field{Span: at(2), Name: name, T: ir.Int} }
	compare := func(op ir.CmpOp, l, r ir.Expr) ir.Expr { return &ir.Compare{Span: at(2), Op: op, L: l, R: r} }
	source, dest := port("SourcePort"), port("DestinationPort") // a text and a number in CIM
	four := lit(int64(4))
	first := call1(ir.Coalesce, source, dest)
	sum := call1(ir.Add, dest, four)
	for _, tt := range []struct {
		pred ir.Expr
		want string
	}{
		{compare(ir.Le, source, call1(ir.Bin, source, four)), `src_port != "0" AND tonumber(src_port) <= floor(src_port / 4) * 4`},
		{&ir.Not{Span: at(2), X: compare(ir.Le, source, call1(ir.Bin, source, four))}, `if(src_port != "0" AND tonumber(src_port) <= floor(src_port / 4) * 4, 1, 0) = 0`},
		{compare(ir.Eq, sum, four), `NOT (dest_port = 0) AND dest_port + 4 = 4`},
		{compare(ir.Eq, sum, source), `NOT (dest_port = 0) AND src_port != "0" AND dest_port + 4 = src_port`},
		{compare(ir.Lt, first, four), `tonumber(coalesce(if(src_port != "0", src_port, null()), if(NOT (dest_port = 0), dest_port, null()))) < 4`},
		{compare(ir.Eq, call1(ir.StrLen, logical("DestinationIp")), call1(ir.StrLen, logical("SourceIp"))), `dest_ip != "unknown" AND src_ip != "unknown" AND len(dest_ip) = len(src_ip)`},
	} {
		a := b.Compile(&ir.Hunt{Query: &ir.Aggregate{Span: at(3), Input: events("network_connection", tt.pred), Aggs: []*ir.Agg{{Span: at(3), As: "n", Func: ir.Count}}}})
		got := strings.NewReplacer("( ", "(", " )", ")").Replace(strings.Join(strings.Fields(a.Query), " "))
		if !strings.Contains(got, "| where "+tt.want+" |") {
			t.Errorf("%s: no\n%s\nin\n%s\n%v", ir.FormatExpr(tt.pred), tt.want, a.Query, a.Diagnostics)
		}
	}
}
