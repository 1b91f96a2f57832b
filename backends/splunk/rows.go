package splunk

import (
	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// Rows implements backends.Shower.
func (b *Backend) Rows(h *ir.Hunt) backends.Rows {
	for _, n := range h.Natives {
		if n.Target == b.Name() {
			return nativeRows(b.LiftText(n.Pos.Filename, n.Text))
		}
	}
	c := b.choose(h)
	view := schema.CIM
	if c.form == backends.RawEvents {
		view = schema.Raw
	}
	return backends.RowsOf(c.plan.columns, b.schema.Shower(h, view))
}

// nativeRows are those of the author's own text, as far as it is understood.
func nativeRows(l backends.Lifted) backends.Rows {
	if !l.Full() || len(l.Queries) != 1 {
		return backends.Rows{}
	}
	columns, known := backends.Columns(l.Queries[0].Query)
	if !known {
		return backends.Rows{}
	}
	return backends.RowsOf(columns, func(string) []string { return nil })
}
