package defender

import (
	"maps"
	"slices"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// Rows implements backends.Shower.
func (b *Backend) Rows(h *ir.Hunt) backends.Rows {
	q := b.planned(h)
	if q == nil {
		return backends.Rows{}
	}
	columns, known := backends.Columns(q)
	if !known {
		columns = b.tableColumns(q)
	}
	return backends.RowsOf(columns, b.schema.Shower(h, schema.XDR))
}

// planned is the query that Compile writes; of the author's own text what is
// understood of it. It is nil where there is none.
func (b *Backend) planned(h *ir.Hunt) ir.Query {
	for _, n := range h.Natives {
		if n.Target == b.Name() {
			l := b.LiftText(n.Pos.Filename, n.Text)
			if !l.Full() || len(l.Queries) != 1 {
				return nil
			}
			return l.Queries[0].Query
		}
	}
	res := b.schema.Resolve(h, schema.XDR)
	if res.Diagnostics.HasErrors() {
		return nil
	}
	q, diags := b.Plan(res.Query, res.Fields)
	if diags.HasErrors() {
		return nil
	}
	return q
}

// tableColumns are the columns of a query that shows all of its table: native
// text that chooses none.
func (b *Backend) tableColumns(q ir.Query) []string {
	var out []string
	for _, s := range ir.Scans(q) {
		if t := b.schema.Table(schema.XDR, s.Physical.Table); t != nil {
			for _, name := range slices.Sorted(maps.Keys(t.Columns)) {
				if _, _, ok := b.column(q, name); ok {
					out = append(out, name)
				}
			}
		}
	}
	more, _ := backends.Columns(q)
	return append(out, more...)
}
