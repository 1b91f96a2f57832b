// Package kql is the syntax of the Kusto query language as far as Defender
// XDR hunts need it: nodes, a parser and one printer with one quoting rule and
// one precedence rule. Parse(Print(x)) is x. It knows nothing of hunts or of
// Defender's tables.
package kql

import "github.com/huntc/huntc/diag"

// Query is one statement: a source and the operators piped after it.
type Query struct {
	diag.Span
	Source Source
	Ops    []Op
}

// Source is where a query starts. It is sealed; its members are *Table *UnionSource.
type Source interface {
	diag.Node
	isSource()
}

type (
	// Table is a table by name.
	Table struct {
		diag.Span
		Name string
	}
	// UnionSource is "union A, (B | where ...)".
	UnionSource struct {
		diag.Span
		Inputs []*Query
	}
)

func (*Table) isSource()       {}
func (*UnionSource) isSource() {}

// Op is one operator of a pipe. It is sealed; its members are *Where *Extend
// *Project *ProjectAway *Summarize *Distinct *Sort *Top *Take *Serialize
// *JoinOp *UnionOp.
type Op interface {
	diag.Node
	isOp()
}

type (
	// Where is | where PRED.
	Where struct {
		diag.Span
		Pred Expr
	}
	// Extend is | extend A = X, ...
	Extend struct {
		diag.Span
		Cols []NamedExpr
	}
	// Project is | project A, B = X, ...
	Project struct {
		diag.Span
		Cols []NamedExpr
	}
	// ProjectAway is | project-away A, B.
	ProjectAway struct {
		diag.Span
		Names []string
	}
	// Summarize is | summarize AGGS by KEYS.
	Summarize struct {
		diag.Span
		Aggs []NamedExpr
		By   []NamedExpr
	}
	// Distinct is | distinct A, B.
	Distinct struct {
		diag.Span
		Names []string
	}
	// Sort is | sort by A asc, B desc; the printer always writes the direction.
	Sort struct {
		diag.Span
		Keys []SortKey
	}
	// Top is | top N by A desc.
	Top struct {
		diag.Span
		N   int64
		Key SortKey
	}
	// Take is | take N.
	Take struct {
		diag.Span
		N int64
	}
	// Serialize is | serialize.
	Serialize struct{ diag.Span }
	// JoinOp is | join kind=KIND (RIGHT) on A, B. Kind is never empty: the
	// default of the language drops rows.
	JoinOp struct {
		diag.Span
		Kind  string
		Right *Query
		On    []string
	}
	// UnionOp is | union (B), ...
	UnionOp struct {
		diag.Span
		Inputs []*Query
	}
)

func (*Where) isOp()       {}
func (*Extend) isOp()      {}
func (*Project) isOp()     {}
func (*ProjectAway) isOp() {}
func (*Summarize) isOp()   {}
func (*Distinct) isOp()    {}
func (*Sort) isOp()        {}
func (*Top) isOp()         {}
func (*Take) isOp()        {}
func (*Serialize) isOp()   {}
func (*JoinOp) isOp()      {}
func (*UnionOp) isOp()     {}

// NamedExpr is NAME = X, or X alone where Name is empty.
type NamedExpr struct {
	diag.Span
	Name string
	X    Expr
}

// SortKey is one key of sort or top.
type SortKey struct {
	diag.Span
	X    Expr
	Desc bool
}

// Expr is a scalar expression. It is sealed; its members are *Column *String
// *Number *Bool *Timespan *Datetime *Dynamic *Binary *In *Between *Call *Path
// *Index *Neg.
type Expr interface {
	diag.Node
	isExpr()
}

type (
	// Column is a column (or a let name); the printer quotes odd names with ['...'].
	Column struct {
		diag.Span
		Name string
	}
	// String is a string, unescaped. The printer writes @"..." where the text
	// has a backslash and no control character, "..." otherwise.
	String struct {
		diag.Span
		Value string
	}
	// Number is an integer or real as written: 42, 30.0.
	Number struct {
		diag.Span
		Text string
	}
	// Bool is true or false.
	Bool struct {
		diag.Span
		Value bool
	}
	// Timespan is a literal such as 1d, 5s; Text as written.
	Timespan struct {
		diag.Span
		Text string
	}
	// Datetime is datetime(TEXT).
	Datetime struct {
		diag.Span
		Text string
	}
	// Dynamic is dynamic([...]) with scalar elements.
	Dynamic struct {
		diag.Span
		Items []Expr
	}
	// Binary is L OP R: and or == != < <= > >= + - * / % =~ !~ has !has
	// contains !contains startswith !startswith endswith !endswith, their
	// _cs forms, hasprefix hassuffix, "matches regex". Chains of and, and of
	// or, lean left.
	Binary struct {
		diag.Span
		Op   string
		L, R Expr
	}
	// In is X OP (A, B): in !in in~ !in~ has_any has_all.
	In struct {
		diag.Span
		Op     string
		X      Expr
		Values []Expr
	}
	// Between is X between (A .. B), or !between.
	Between struct {
		diag.Span
		Negated bool
		X, A, B Expr
	}
	// Call is NAME(ARGS); not(x) is a call.
	Call struct {
		diag.Span
		Name string
		Args []Expr
	}
	// Path is X.NAME on a dynamic value.
	Path struct {
		diag.Span
		X    Expr
		Name string
	}
	// Index is X[I] on a dynamic value.
	Index struct {
		diag.Span
		X, I Expr
	}
	// Neg is -X.
	Neg struct {
		diag.Span
		X Expr
	}
)

func (*Column) isExpr()   {}
func (*String) isExpr()   {}
func (*Number) isExpr()   {}
func (*Bool) isExpr()     {}
func (*Timespan) isExpr() {}
func (*Datetime) isExpr() {}
func (*Dynamic) isExpr()  {}
func (*Binary) isExpr()   {}
func (*In) isExpr()       {}
func (*Between) isExpr()  {}
func (*Call) isExpr()     {}
func (*Path) isExpr()     {}
func (*Index) isExpr()    {}
func (*Neg) isExpr()      {}
