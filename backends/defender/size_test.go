package defender

import (
	"strings"
	"testing"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// TestLongQuery: a lookup whose texts grow as they are escaped is refused, at
// the join, before there is a query that cannot be read again.
func TestLongQuery(t *testing.T) {
	table := &ir.Table{Name: "T", Cols: []string{"Image", "note"}}
	for i := range 128 {
		table.Rows = append(table.Rows, []string{strings.Repeat("a", i+1), strings.Repeat("\x01", 2048)})
	}
	h := hunt(match("Image", false, text("a"), many))
	h.Query = &ir.Join{Left: h.Query, Right: table, Kind: ir.LeftOuter, On: []*ir.Field{logical("Image")}}
	a := testBackend(t).Compile(h)
	found := false
	for _, d := range a.Diagnostics {
		found = found || d.Code == codeSize && d.Severity == diag.Error && strings.Contains(d.Hint, "lookup T")
	}
	if a.Query != "" || !found {
		t.Errorf("%d bytes, %v", len(a.Query), a.Diagnostics)
	}
	table.Rows = table.Rows[:64]
	if a := testBackend(t).Compile(h); a.Query == "" {
		t.Error(a.Diagnostics)
	}
}
