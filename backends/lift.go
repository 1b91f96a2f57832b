package backends

import (
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Lifted is what a target's text means. Every text yields a LiftedQuery for
// each of its statements that gives rows.
type Lifted struct {
	Queries     []LiftedQuery
	Diagnostics diag.List
}

// Full reports whether every statement of the text is understood, but for the
// macros and functions that it names.
func (l Lifted) Full() bool {
	for _, q := range l.Queries {
		if q.Query == nil {
			return false
		}
	}
	return len(l.Queries) > 0 && !l.Diagnostics.HasErrors()
}

// LiftedQuery is one statement of a text.
type LiftedQuery struct {
	diag.Span
	// Query is physical, and in the shape that its target can say; nil where a
	// part of the text is not understood, which the diagnostics say.
	Query ir.Query
	// Form is how the text reads its data.
	Form Form
	// Notes say what the text has beside what it selects: how times are shown,
	// which summaries are read.
	Notes []Note
	// Opaque are the names in the text whose meaning is not known here.
	Opaque []Named
}

// Note is a remark about a place in the text.
type Note struct {
	diag.Span
	Message string
}

// Named is a use of a macro or function by its name.
type Named struct {
	diag.Span
	Name string
	Args []string
}
