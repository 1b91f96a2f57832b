// Package spl is the syntax of Splunk's search language: nodes, a parser and
// one printer with one quoting rule and one precedence rule. Parse(Print(x))
// is x. It knows nothing of hunts, data models or the meaning of a command.
package spl

import "github.com/huntc/huntc/diag"

// Search is a pipeline: commands joined by "|". A search whose first command
// is not a *SearchCmd prints with a leading bar.
type Search struct {
	diag.Span
	Commands []Command
}

// Command is one stage. It is sealed; its members are *Tstats *From
// *SearchCmd *Where *Regex *Eval *Stats *Streamstats *Rename *Fields *Table
// *Sort *Head *Dedup *Append *Join *Lookup *Fillnull *Filldown *Rex *Bin *Convert
// *Mvexpand *MacroCmd *Unknown.
type Command interface {
	diag.Node
	isCommand()
}

type (
	// Tstats is | tstats MACROS OPTIONS AGGS from datamodel=MODEL where ... by ... span=...
	Tstats struct {
		diag.Span
		Macros  []Macro  // options given by a macro: `summariesonly`
		Options []Option // prestats=t, fillnull_value="unknown"
		Aggs    []Agg
		Model   string     // Endpoint.Processes; empty for raw indexes, without "from"
		Where   SearchExpr // nil if absent
		By      []string   // qualified fields, also _time
		BySpan  string     // span of _time: 1s; empty if _time is not in By
	}
	// From is | from datamodel:"MODEL".
	From struct {
		diag.Span
		Model string
	}
	// SearchCmd is the search command: implicit as the first command of a
	// search, "search ..." elsewhere.
	SearchCmd struct {
		diag.Span
		Expr SearchExpr
	}
	// Where is | where EXPR.
	Where struct {
		diag.Span
		Expr Expr
	}
	// Regex is | regex FIELD="..." or FIELD!="..."; an empty Field is _raw.
	Regex struct {
		diag.Span
		Field   string
		Negated bool
		Pattern string
	}
	// Eval is | eval a=..., b=...; each assignment sees those before it.
	Eval struct {
		diag.Span
		Assign []Assign
	}
	// Stats is | stats AGGS by FIELDS (or eventstats).
	Stats struct {
		diag.Span
		Event bool // eventstats
		Aggs  []Agg
		By    []string
	}
	// Streamstats is | streamstats OPTIONS AGGS by FIELDS.
	Streamstats struct {
		diag.Span
		Options []Option
		Aggs    []Agg
		By      []string
	}
	// Rename is | rename a as b, ...
	Rename struct {
		diag.Span
		Pairs []RenamePair
	}
	// Fields is | fields [-] a, b.
	Fields struct {
		diag.Span
		Remove bool
		Names  []string
	}
	// Table is | table a, b.
	Table struct {
		diag.Span
		Names []string
	}
	// Sort is | sort LIMIT -a, +b. Limit 0 is no limit; -1 leaves it out,
	// which Splunk reads as 10,000.
	Sort struct {
		diag.Span
		Limit int
		Keys  []SortKey
	}
	// Head is | head N.
	Head struct {
		diag.Span
		N int
	}
	// Dedup is | dedup a, b.
	Dedup struct {
		diag.Span
		Names []string
	}
	// Append is | append OPTIONS [ SEARCH ].
	Append struct {
		diag.Span
		Options []Option
		Search  *Search
	}
	// Join is | join type=inner max=0 a, b [ SEARCH ].
	Join struct {
		diag.Span
		Options []Option
		On      []string
		Search  *Search
	}
	// Lookup is | lookup OPTIONS TABLE KEY as FIELD, ... output COLUMN as FIELD, ...;
	// From is the name in the table, To that in the rows. Without Output every
	// column of the table is taken. New says outputnew, which leaves values
	// that are there alone.
	Lookup struct {
		diag.Span
		Options []Option
		Table   string
		Keys    []RenamePair
		New     bool
		Output  []RenamePair
	}
	// Fillnull is | fillnull value=X a, b.
	Fillnull struct {
		diag.Span
		Value string
		Names []string
	}
	// Filldown is | filldown a, b: a null takes the last value above it.
	Filldown struct {
		diag.Span
		Names []string
	}
	// Rex is | rex field=F OPTIONS "..."; an empty Field is _raw. Pattern is a
	// sed expression if the options say mode=sed.
	Rex struct {
		diag.Span
		Field   string
		Options []Option
		Pattern string
	}
	// Bin is | bin FIELD span=5m as ALIAS.
	Bin struct {
		diag.Span
		Options []Option
		Field   string
		As      string
	}
	// Convert is | convert timeformat="..." ctime(f) ...
	Convert struct {
		diag.Span
		Options []Option
		Funcs   []Agg
	}
	// Mvexpand is | mvexpand FIELD limit=N; Limit 0 leaves it out.
	Mvexpand struct {
		diag.Span
		Field string
		Limit int
	}
	// MacroCmd is a macro that stands for whole commands: | `drop_dm_object_name(X)`.
	MacroCmd struct {
		diag.Span
		Macro Macro
	}
	// Unknown is a command whose arguments this package cannot take apart:
	// one that it does not know, or a form of a known one that it does not
	// know (Parse then reports the place). Name is in lower case, or a macro
	// in its backticks where a macro stands for the beginning of a command.
	// Raw is the text after the name as written, trimmed.
	Unknown struct {
		diag.Span
		Name string
		Raw  string
	}
)

func (*Tstats) isCommand()      {}
func (*From) isCommand()        {}
func (*SearchCmd) isCommand()   {}
func (*Where) isCommand()       {}
func (*Regex) isCommand()       {}
func (*Eval) isCommand()        {}
func (*Stats) isCommand()       {}
func (*Streamstats) isCommand() {}
func (*Rename) isCommand()      {}
func (*Fields) isCommand()      {}
func (*Table) isCommand()       {}
func (*Sort) isCommand()        {}
func (*Head) isCommand()        {}
func (*Dedup) isCommand()       {}
func (*Append) isCommand()      {}
func (*Join) isCommand()        {}
func (*Lookup) isCommand()      {}
func (*Fillnull) isCommand()    {}
func (*Filldown) isCommand()    {}
func (*Rex) isCommand()         {}
func (*Bin) isCommand()         {}
func (*Convert) isCommand()     {}
func (*Mvexpand) isCommand()    {}
func (*MacroCmd) isCommand()    {}
func (*Unknown) isCommand()     {}

// Option is name=value; Value is unquoted here and quoted by the printer
// where it has to be.
type Option struct{ Name, Value string }

// Agg is an aggregate, or a function of convert: count, count as n, min(_time) as firstTime,
// stdev(delta) as sd. Arg is a field name; empty for plain count. Eval, where
// set, is the argument of eval(...) and Arg is empty.
type Agg struct {
	diag.Span
	Func string
	Arg  string
	Eval Expr
	As   string
}

// Assign is one name=expression of eval.
type Assign struct {
	diag.Span
	Name string
	Expr Expr
}

// RenamePair is one "a as b"; either side may hold a *.
type RenamePair struct{ From, To string }

// SortKey is one key of sort.
type SortKey struct {
	Field string
	Desc  bool
}

// Macro is a call in backticks; Args are the raw arguments, trimmed, with the
// quotes that they have.
type Macro struct {
	Name string
	Args []string
}

// SearchExpr is an expression of the search language, as search and
// "tstats where" take it: case-insensitive values, * is a wildcard. It is
// sealed; its members are *SearchLogic *SearchNot *SearchCompare *SearchIn
// *SearchTerm *SearchMacro.
type SearchExpr interface {
	diag.Node
	isSearchExpr()
}

type (
	// SearchLogic is an n-ary AND or OR (at least two arguments). The printer
	// puts parentheses around every SearchLogic below another node.
	SearchLogic struct {
		diag.Span
		Or   bool
		Args []SearchExpr
	}
	// SearchNot is NOT X.
	SearchNot struct {
		diag.Span
		X SearchExpr
	}
	// SearchCompare is FIELD OP VALUE; Op is = != < <= > >=.
	SearchCompare struct {
		diag.Span
		Field string
		Op    string
		Value SearchValue
	}
	// SearchIn is FIELD IN (VALUE, ...).
	SearchIn struct {
		diag.Span
		Field  string
		Values []SearchValue
	}
	// SearchTerm is a bare word or quoted phrase looked for in the event.
	// Func is "" or TERM or CASE.
	SearchTerm struct {
		diag.Span
		Func  string
		Value SearchValue
	}
	// SearchMacro is a macro that stands for a search expression.
	SearchMacro struct {
		diag.Span
		Macro Macro
	}
)

func (*SearchLogic) isSearchExpr()   {}
func (*SearchNot) isSearchExpr()     {}
func (*SearchCompare) isSearchExpr() {}
func (*SearchIn) isSearchExpr()      {}
func (*SearchTerm) isSearchExpr()    {}
func (*SearchMacro) isSearchExpr()   {}

// SearchValue is a value of the search language in unescaped parts: the texts
// between its wildcards. {"a"} is a, {"", "b", ""} is *b*. A literal * cannot
// be written in this language, so no part may contain one. Number marks a
// value that prints bare.
type SearchValue struct {
	Parts  []string
	Number bool
}

// Expr is an expression of eval and where: case-sensitive, no wildcards. It is
// sealed; its members are *FieldRef *StringLit *NumberLit *CallExpr *Binary
// *Unary *InExpr.
type Expr interface {
	diag.Node
	isExpr()
}

type (
	// FieldRef is a field; the printer quotes names other than letters, digits
	// and _ with '...', because a bare dot concatenates.
	FieldRef struct {
		diag.Span
		Name string
	}
	// StringLit is a string, unescaped.
	StringLit struct {
		diag.Span
		Value string
	}
	// NumberLit is a number as written; a minus sign before digits belongs to it.
	NumberLit struct {
		diag.Span
		Text string
	}
	// CallExpr is NAME(ARGS).
	CallExpr struct {
		diag.Span
		Name string
		Args []Expr
	}
	// Binary is L OP R; Op is AND OR XOR = == != < <= > >= + - * / % . LIKE.
	// Chains of AND and of OR lean left.
	Binary struct {
		diag.Span
		Op   string
		L, R Expr
	}
	// Unary is NOT X or -X.
	Unary struct {
		diag.Span
		Op string
		X  Expr
	}
	// InExpr is X IN (A, B).
	InExpr struct {
		diag.Span
		X      Expr
		Values []Expr
	}
)

func (*FieldRef) isExpr()  {}
func (*StringLit) isExpr() {}
func (*NumberLit) isExpr() {}
func (*CallExpr) isExpr()  {}
func (*Binary) isExpr()    {}
func (*Unary) isExpr()     {}
func (*InExpr) isExpr()    {}
