package compiler_test

import (
	"testing"
	"time"

	"github.com/huntc/huntc/backends/splunk"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/internal/splmodel"
	"github.com/huntc/huntc/ir"
)

// runSPL runs a search over tables and gives the columns of like.
func runSPL(t *testing.T, s *spl.Search, tables map[string][]eval.Row, like []eval.Row) []eval.Row {
	t.Helper()
	var names []string
	if len(like) > 0 {
		names = like[0].Columns()
	}
	return runSPLAt(t, s, nil, time.Time{}, func(model string) []eval.Row { return tables[model] }, names)
}

// runSPLAt runs the search of a plan at a time, and gives the columns of these
// names. The rows of the events hold times as seconds.
func runSPLAt(t testing.TB, s *spl.Search, plan ir.Query, now time.Time, events func(source string) []eval.Row, names []string) []eval.Row {
	t.Helper()
	m := &splmodel.Model{T: t, Events: func(source string) []splmodel.Row { return splRows(events(source)) }}
	if !now.IsZero() {
		m.Now = float64(now.UnixMicro()) / 1e6
	}
	m.Lookups = func(file string) []splmodel.Row {
		var out []splmodel.Row
		if plan == nil {
			return nil
		}
		ir.WalkQuery(plan, func(q ir.Query) {
			table, ok := q.(*ir.Table)
			if !ok || splunk.LookupFile(table.Name) != file || out != nil {
				return
			}
			for _, cells := range table.Rows {
				row := splmodel.Row{}
				for i, c := range cells {
					if c != "" {
						row[table.Cols[i]] = c
					}
				}
				out = append(out, row)
			}
		})
		return out
	}
	rows := m.Run(s)
	table := make([][]any, len(rows))
	for i, r := range rows {
		for _, n := range names {
			v, ok := r[n]
			if !ok && n == "Timestamp" {
				v = r["_time"] // Splunk's own name for it
			}
			table[i] = append(table[i], v)
		}
	}
	return eval.NewTable(names, table...)
}

func splRows(rows []eval.Row) []splmodel.Row {
	var out []splmodel.Row
	for _, row := range rows {
		r := splmodel.Row{}
		for _, c := range row.Columns() {
			switch v := row.Get(c).(type) {
			case nil:
			case int64:
				r[c] = float64(v)
			case time.Time:
				r[c] = float64(v.UnixMicro()) / 1e6
			case bool:
				r[c] = map[bool]string{false: "false", true: "true"}[v]
			default:
				r[c] = v
			}
		}
		out = append(out, r)
	}
	return out
}
