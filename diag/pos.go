package diag

// Pos is a place in a source file. It has exactly the fields of participle's
// lexer.Position, so that a grammar fills it without this package knowing
// participle. Line and Column count from 1, Column in runes, Offset in bytes
// from 0. Line 0 means that the place is unknown.
type Pos struct {
	Filename string
	Offset   int
	Line     int
	Column   int
}

// IsValid reports whether the place is known.
func (p Pos) IsValid() bool { return p.Line > 0 }

// Span is a stretch of source text; EndPos is exclusive. It is embedded first
// in every syntax and IR node. A zero EndPos means that only the start is
// known.
type Span struct {
	Pos    Pos
	EndPos Pos
}

// At returns the span itself: embedding a Span gives a node its At method.
func (s Span) At() Span { return s }

// Node is anything with a place in a source file.
type Node interface{ At() Span }
