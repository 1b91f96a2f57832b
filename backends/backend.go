package backends

import (
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Form says how a query reads its data.
type Form string

const (
	Tstats    Form = "tstats"    // accelerated data model
	Datamodel Form = "datamodel" // data model, event by event
	RawEvents Form = "raw"       // raw events behind a macro
	Table     Form = "table"     // an advanced-hunting table
	NativeTxt Form = "native"    // the author's own text
)

// Artifact is the result of lowering one hunt to one target. Query is empty
// if and only if Diagnostics has an error.
type Artifact struct {
	Query       string
	Form        Form
	FormReason  string // why a worse form than the best had to be used
	Reasons     []ir.Reason
	Diagnostics diag.List
}

// Backend lowers hunts to one target. Compile is safe for concurrent use.
type Backend interface {
	// Name is the target as the command line names it.
	Name() string
	// Ext is the extension of a compiled query's file, with the dot.
	Ext() string
	Compile(h *ir.Hunt) Artifact
	// Comment renders lines as a comment of the target's language that no
	// line can break out of; it ends in a newline.
	Comment(lines []string) string
}
