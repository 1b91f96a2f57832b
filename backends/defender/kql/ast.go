// Package kql is the syntax of the Kusto query language as far as Defender
// XDR hunts need it: nodes, a parser and one printer with one quoting rule and
// one precedence rule. Parse(Print(x)) is x. It knows nothing of hunts or of
// Defender's tables.
package kql

import (
	"math"
	"strconv"
	"strings"

	"github.com/huntc/huntc/diag"
)

// The conventions of the nodes:
//
//   - An and/or tree is an n-ary Logic; the parser flattens it, and a tree that
//     is to survive Parse(Print(x)) is flat: no argument of a Logic is a Logic
//     of the same operator, and it has two or more of them. NewLogic builds one.
//   - There is no node for parentheses; they are the printer's business.
//   - Names and strings are unescaped text. Whatever text they hold, the
//     printer quotes it so that it stays one name or one string. A string that
//     is not valid UTF-8 cannot be said in Kusto; its bad bytes print as U+FFFD.
//   - Number, Timespan, Datetime and Typed hold the literal as Kusto spells it,
//     and operators and functions are plain words. These print as they are, so
//     the printer panics on one that is not in its vocabulary: a builder of
//     trees must never put a document's text there.
//   - Fields tagged "parser" are the grammar of that operator (see parse.go).

// Query is a source and the operators piped after it. Lets are the statements
// in front of it; a query within another one has none.
type Query struct {
	diag.Span
	Lets   []*Let
	Source Source
	Ops    []Op
}

// Let is "let NAME = QUERY;": a name for rows.
type Let struct {
	diag.Span
	Name  string
	Query *Query
}

// Source is where a query starts. It is sealed; its members are *Table
// *UnionSource *Datatable *Apply.
type Source interface {
	diag.Node
	isSource()
}

type (
	// Table is a table by name, or a let name.
	Table struct {
		diag.Span
		Name string
	}
	// UnionSource is "union A, (B | where ...)".
	UnionSource struct {
		diag.Span
		Params []*Param `parser:"'union' @@*"`
		Inputs []*Query `parser:"@@ (',' @@)*"`
	}
	// Apply is NAME(ARGS) where it gives rows: a function of a let statement, or
	// one that the service has. An argument that is a query is a SubQuery.
	Apply struct {
		diag.Span
		Name string
		Args []Expr
	}
	// Datatable is datatable(A: string, B: long) [VALUES]: rows that stand in
	// the query, their values one after another. A value is a literal; there are
	// as many as columns, or a multiple of it.
	Datatable struct {
		diag.Span
		Cols   []ColumnDecl
		Values []Expr
	}
)

func (*Table) isSource()       {}
func (*UnionSource) isSource() {}
func (*Datatable) isSource()   {}
func (*Apply) isSource()       {}

// ColumnDecl is NAME: TYPE.
type ColumnDecl struct {
	diag.Span
	Name, Type string
}

// Op is one operator of a pipe. It is sealed; its members are *Where *Extend
// *Project *ProjectAway *ProjectKeep *ProjectRename *ProjectReorder *Summarize *Distinct *Sort *Top *Take *Serialize
// *JoinOp *Lookup *UnionOp *Unknown.
type Op interface {
	diag.Node
	isOp()
}

type (
	// Where is | where PRED.
	Where struct {
		diag.Span
		Pred Expr `parser:"('where' | 'filter') @@"`
	}
	// Extend is | extend A = X, ...
	Extend struct {
		diag.Span
		Cols []NamedExpr `parser:"'extend' @@ (',' @@)*"`
	}
	// Project is | project A, B = X, ...
	Project struct {
		diag.Span
		Cols []NamedExpr `parser:"'project' @@ (',' @@)*"`
	}
	// ProjectAway is | project-away A, B.
	ProjectAway struct {
		diag.Span
		Names []*Column `parser:"'project-away' @@ (',' @@)*"`
	}
	// ProjectKeep is | project-keep A, B*.
	ProjectKeep struct {
		diag.Span
		Names []*Column `parser:"'project-keep' @@ (',' @@)*"`
	}
	// ProjectReorder is | project-reorder A, B: these columns first.
	ProjectReorder struct {
		diag.Span
		Names []*Column `parser:"'project-reorder' @@ (',' @@)*"`
	}
	// ProjectRename is | project-rename NEW = OLD, ...
	ProjectRename struct {
		diag.Span
		Cols []NamedExpr `parser:"'project-rename' @@ (',' @@)*"`
	}
	// Summarize is | summarize AGGS by KEYS. One of the two may be empty.
	Summarize struct {
		diag.Span
		Aggs []NamedExpr `parser:"'summarize' ((?! 'by') @@ (',' @@)*)?"`
		By   []NamedExpr `parser:"('by' @@ (',' @@)*)?"`
	}
	// Distinct is | distinct A, B.
	Distinct struct {
		diag.Span
		Names []*Column `parser:"'distinct' @@ (',' @@)*"`
	}
	// Sort is | sort by A asc, B desc; the printer always writes the direction.
	Sort struct {
		diag.Span
		Keys []SortKey `parser:"('sort' | 'order') 'by' @@ (',' @@)*"`
	}
	// Top is | top N by A desc.
	Top struct {
		diag.Span
		N   int64   `parser:"'top' @Number"`
		Key SortKey `parser:"'by' @@"`
	}
	// Take is | take N.
	Take struct {
		diag.Span
		N int64 `parser:"('take' | 'limit') @Number"`
	}
	// Serialize is | serialize, or | serialize A = X, ...
	Serialize struct {
		diag.Span
		Cols []NamedExpr `parser:"'serialize' (@@ (',' @@)*)?"`
	}
	// JoinOp is | join kind=KIND (RIGHT) on A, B. The printer always writes the
	// kind; an empty one is read and printed as innerunique, Kusto's default,
	// which drops rows of the left side whose keys repeat.
	JoinOp struct {
		diag.Span
		Kind  string    `parser:"'join' ('kind' '=' @Ident)?"`
		Right *Query    `parser:"@@"`
		On    []JoinKey `parser:"'on' @@ (',' @@)*"`
	}
	// Lookup is | lookup kind=KIND (RIGHT) on A, B: a join that adds the columns
	// of a small right side but for the keys. The printer always writes the kind,
	// inner or leftouter; an empty one is leftouter, Kusto's default.
	Lookup struct {
		diag.Span
		Kind  string    `parser:"'lookup' ('kind' '=' @Ident)?"`
		Right *Query    `parser:"@@"`
		On    []JoinKey `parser:"'on' @@ (',' @@)*"`
	}
	// UnionOp is | union (B), ...
	UnionOp struct {
		diag.Span
		Params []*Param `parser:"'union' @@*"`
		Inputs []*Query `parser:"@@ (',' @@)*"`
	}
	// Unknown is an operator that this package does not read, kept as its text
	// from the operator's name to its last token, so that the operators around
	// it are read nevertheless. Only the parser makes one.
	Unknown struct {
		diag.Span
		Name string
		Text string
	}
)

// Refused reports whether the operator is one that this package reads, but not
// as it is written: the parser has said why.
func (u *Unknown) Refused() bool { return opReaders[u.Name] }

func (*Where) isOp()          {}
func (*Extend) isOp()         {}
func (*Project) isOp()        {}
func (*ProjectAway) isOp()    {}
func (*ProjectKeep) isOp()    {}
func (*ProjectReorder) isOp() {}
func (*ProjectRename) isOp()  {}
func (*Summarize) isOp()      {}
func (*Distinct) isOp()       {}
func (*Sort) isOp()           {}
func (*Top) isOp()            {}
func (*Take) isOp()           {}
func (*Serialize) isOp()      {}
func (*JoinOp) isOp()         {}
func (*Lookup) isOp()         {}
func (*UnionOp) isOp()        {}
func (*Unknown) isOp()        {}

// NamedExpr is NAME = X, or X alone where Name is empty. Names, if there are
// any, stand in place of Name: (A, B) = X names the columns of a function that
// yields several, such as arg_max.
type NamedExpr struct {
	diag.Span
	Name  string
	Names []string
	X     Expr
}

// SortKey is one key of sort or top. Nulls is "first", "last", or empty for
// Kusto's default: first when ascending, last when descending.
type SortKey struct {
	diag.Span
	X     Expr
	Desc  bool
	Nulls string
}

// JoinKey is a pair of columns that must be equal: A where both have one name,
// $left.A == $right.B otherwise.
type JoinKey struct {
	diag.Span
	Left, Right *Column
}

// Param is NAME=VALUE between the word union and its inputs: kind=outer,
// withsource=Source, isfuzzy=true. The value is a word.
type Param struct {
	diag.Span
	Name  string `parser:"@('kind' | 'withsource' | 'isfuzzy') '='"`
	Value string `parser:"@Ident"`
}

// Expr is a scalar expression. It is sealed; its members are *Column *Star
// *String *Number *Bool *Timespan *Datetime *Typed *Dynamic *Logic *Binary *In
// *Between *Call *Path *Index *SubQuery *Neg.
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
	// Star is * as in arg_max(Timestamp, *) and * has "x".
	Star struct{ diag.Span }
	// String is a string, unescaped. The printer writes @"..." where the text
	// has a backslash and no control character, "..." otherwise.
	String struct {
		diag.Span
		Value string
	}
	// Number is an unsigned integer or real as written: 42, 30.0, 1e6. Int and
	// Real make one from a value, with its sign.
	Number struct {
		diag.Span
		Text string
	}
	// Bool is true or false.
	Bool struct {
		diag.Span
		Value bool
	}
	// Timespan is a literal such as 1d, 5s; or, printed as timespan(TEXT), a
	// text such as 1.02:03:04.
	Timespan struct {
		diag.Span
		Text string
	}
	// Datetime is datetime(TEXT).
	Datetime struct {
		diag.Span
		Text string
	}
	// Typed is a literal of a named type: long(5), real(nan), bool(null),
	// guid(...). Text is what stands between the parentheses.
	Typed struct {
		diag.Span
		Type string
		Text string
	}
	// Dynamic is dynamic([...]) with literal elements.
	Dynamic struct {
		diag.Span
		Items []Expr
	}
	// Logic is A and B and ..., or A or B or ...; Op is "and" or "or".
	Logic struct {
		diag.Span
		Op   string
		Args []Expr
	}
	// Binary is L OP R: == != < <= > >= + - * / % =~ !~ has !has contains
	// !contains startswith !startswith endswith !endswith, their _cs forms,
	// hasprefix hassuffix and theirs, "matches regex".
	Binary struct {
		diag.Span
		Op   string
		L, R Expr
	}
	// In is X OP (A, B): in !in in~ !in~ has_any has_all. Kusto has no empty
	// list; an empty one prints as the truth value that it means.
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
	// SubQuery is a query in the place of a list or of a value: in (T | project
	// A), toscalar(T | count).
	SubQuery struct {
		diag.Span
		Query *Query
	}
	// Neg is -X.
	Neg struct {
		diag.Span
		X Expr
	}
)

func (*Column) isExpr()   {}
func (*Star) isExpr()     {}
func (*String) isExpr()   {}
func (*Number) isExpr()   {}
func (*Bool) isExpr()     {}
func (*Timespan) isExpr() {}
func (*Datetime) isExpr() {}
func (*Typed) isExpr()    {}
func (*Dynamic) isExpr()  {}
func (*Logic) isExpr()    {}
func (*Binary) isExpr()   {}
func (*In) isExpr()       {}
func (*Between) isExpr()  {}
func (*Call) isExpr()     {}
func (*Path) isExpr()     {}
func (*Index) isExpr()    {}
func (*SubQuery) isExpr() {}
func (*Neg) isExpr()      {}

// Operators of Logic.
const (
	And = "and"
	Or  = "or"
)

// NewLogic joins conditions with And or Or, flattening arguments of the same
// operator and unwrapping a single one. Of none it is true, or false.
func NewLogic(at diag.Span, op string, args ...Expr) Expr {
	flat := make([]Expr, 0, len(args))
	for _, a := range args {
		if l, ok := a.(*Logic); ok && l.Op == op {
			flat = append(flat, l.Args...)
			continue
		}
		flat = append(flat, a)
	}
	switch len(flat) {
	case 0:
		return &Bool{Span: at, Value: op == And}
	case 1:
		return flat[0]
	}
	return &Logic{Span: at, Op: op, Args: flat}
}

// Int is the literal of n; its sign, if any, is a Neg.
func Int(at diag.Span, n int64) Expr {
	switch {
	case n == math.MinInt64: // has no positive counterpart to negate
		return &Typed{Span: at, Type: "long", Text: "-9223372036854775808"}
	case n < 0:
		return &Neg{Span: at, X: &Number{Span: at, Text: strconv.FormatInt(-n, 10)}}
	}
	return &Number{Span: at, Text: strconv.FormatInt(n, 10)}
}

// Real is the literal of f, always with a point or an exponent so that Kusto
// takes it for a real.
func Real(at diag.Span, f float64) Expr {
	switch {
	case math.IsNaN(f):
		return &Typed{Span: at, Type: "real", Text: "nan"}
	case math.IsInf(f, 1):
		return &Typed{Span: at, Type: "real", Text: "+inf"}
	case math.IsInf(f, -1):
		return &Typed{Span: at, Type: "real", Text: "-inf"}
	}
	text := strconv.FormatFloat(math.Abs(f), 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	n := &Number{Span: at, Text: text}
	if math.Signbit(f) {
		return &Neg{Span: at, X: n}
	}
	return n
}

// Not is not(x).
func Not(at diag.Span, x Expr) Expr { return &Call{Span: at, Name: "not", Args: []Expr{x}} }
