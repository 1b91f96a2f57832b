package backends

import (
	"slices"

	"github.com/huntc/huntc/ir"
)

// Rows says which columns the rows of a compiled query have.
type Rows struct {
	// Known is false for native text that is not understood; Columns is nil
	// then, and Of has nothing to say.
	Known   bool
	Columns []string
	// Of lists the columns that show what a document calls by a name: a field
	// of its logsource, or a column of its pipeline. None, if the rows lack it.
	Of func(name string) []string
}

// Shower is a backend that can say which columns its queries have.
type Shower interface {
	// Rows describes the query that Compile makes of a hunt; it is meant for
	// hunts that compile without an error.
	Rows(h *ir.Hunt) Rows
}

// RowsOf are rows with these columns. shown lists the columns that show a
// name, of which some may have been left out of the query.
func RowsOf(columns []string, shown func(name string) []string) Rows {
	return Rows{Known: true, Columns: columns, Of: func(name string) []string {
		out := slices.DeleteFunc(shown(name), func(c string) bool { return !slices.Contains(columns, c) })
		if len(out) == 0 && slices.Contains(columns, name) {
			return []string{name}
		}
		return out
	}}
}

// Columns lists the columns of a planned query; known is false where a part of
// it shows whatever its table has.
func Columns(q ir.Query) (names []string, known bool) {
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch q := q.(type) {
	case *ir.Scan:
		return nil, false
	case *ir.Table:
		return q.Cols, true
	case *ir.Project:
		for _, c := range q.Cols {
			add(c.As)
		}
		return names, true
	case *ir.Aggregate:
		for _, c := range q.By {
			add(c.As)
		}
		for _, a := range q.Aggs {
			add(a.As)
		}
		return names, true
	case *ir.Distinct:
		if q.Whole {
			return Columns(q.Input)
		}
		for _, f := range q.By {
			add(f.Name)
		}
		return names, true
	case *ir.Union:
		known = true
		for _, in := range q.Inputs {
			more, ok := Columns(in)
			known = known && ok
			for _, name := range more {
				add(name)
			}
		}
		if q.Source != "" {
			add(q.Source)
		}
		return names, known
	case *ir.Join:
		names, known = Columns(q.Left)
		names = slices.Clone(names)
		if q.Kind == ir.Anti || q.Kind == ir.Semi {
			return names, known
		}
		more, ok := Columns(q.Right)
		for _, name := range more {
			add(name)
		}
		return names, known && ok
	}
	names, known = Columns(ir.Inputs(q)[0])
	names = slices.Clone(names)
	switch q := q.(type) {
	case *ir.Extend:
		for _, c := range q.Cols {
			add(c.As)
		}
	case *ir.Window:
		add(q.As)
	case *ir.Session:
		add(q.As)
	case *ir.Lag:
		add(q.As)
	case *ir.Rank:
		add(q.As)
	}
	return names, known
}
