package proof

import (
	"fmt"
	"slices"
	"strings"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// codeNoRow: a target has no row of an event.
const codeNoRow diag.Code = "HC0642"

// Rows shows events as the rows of a view. It is for one goroutine.
type Rows struct {
	view   schema.View
	source *rowSource
}

// Rows makes the rows of a view.
func (l *Lab) Rows(v schema.View) *Rows { return &Rows{v, l.rows()} }

// TableRow is a row of a table.
type TableRow struct {
	Table string
	Row   eval.Row
}

// Of are the rows that the view's tables hold of an event, by table. There is none
// of an event of which nothing tells what it is.
func (r *Rows) Of(e eval.Event) []TableRow {
	var tables []string
	for _, ds := range e.Class.Datasets() {
		if m := ds.Mapping(r.view); m != nil && e.In(ds) && !slices.Contains(tables, m.Table) {
			tables = append(tables, m.Table)
		}
	}
	slices.Sort(tables)
	var out []TableRow
	for _, table := range tables {
		if row, ok := r.source.of(e, &ir.Physical{View: string(r.view), Table: table}, nil); ok {
			out = append(out, TableRow{table, row.Visible()})
		}
	}
	return out
}

// RowlessEvents are the diagnostics about events of which a view has no row; after
// the first hundred it only counts.
type RowlessEvents struct {
	List diag.List
	n    int
}

// Add adds an event.
func (r *RowlessEvents) Add(file string, e eval.Event, v schema.View) {
	const most = 100
	r.n++
	if r.n > most+1 {
		return
	}
	target := map[schema.View]string{schema.CIM: "Splunk's data models have", schema.XDR: "Defender has"}[v]
	why, hint := "", ""
	switch {
	case !e.Class.Known():
		why = "nothing tells what it is"
		hint = `Give it the Channel and the EventID that it has in the log, or say what it is: "logsource": {"category": "process_creation"}.`
	default:
		var reasons []string
		for _, ds := range e.Class.Datasets() {
			if !e.In(ds) {
				continue
			}
			if s := strings.TrimSuffix(ds.Without[v], "."); s != "" && !slices.Contains(reasons, s) {
				reasons = append(reasons, s)
			}
		}
		why = "it has a value that none of the tables for such events can hold"
		if len(reasons) > 0 {
			why = strings.Join(reasons, "; ")
		}
	}
	message := fmt.Sprintf("%s no row of event %d: %s", target, e.N, why)
	if r.n == most+1 {
		message += "; more events without a row are not listed"
	}
	r.List.Warnf(codeNoRow, diag.Span{Pos: diag.Pos{Filename: file, Line: e.Line, Column: 1}}, hint, "%s", message)
}
