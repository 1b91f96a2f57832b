package ir

import (
	"time"

	"github.com/huntc/huntc/diag"
)

// Query is a relational node. It is sealed; its members are
// *Scan *Table *Filter *Extend *Aggregate *Window *Session *Stretches *Lag *Rank *Union
// *Join *Project *Distinct *Sort *Limit.
type Query interface {
	diag.Node
	isQuery()
}

type (
	// Scan reads the events of a logsource, those of the last LookBack only if
	// it is not 0. Physical is nil in a logical query; schema.Resolve fills it
	// for one target.
	Scan struct {
		diag.Span
		Source   Logsource
		LookBack time.Duration
		Physical *Physical
	}
	// Table is a list of rows that comes with the hunt; it stands only as the
	// Right of a Join. Its columns are texts, and an empty text in it is a
	// missing value. Name is what a target calls it that keeps it in a file.
	Table struct {
		diag.Span
		Name string
		Cols []string
		Rows [][]string
	}
	// Filter keeps the rows for which Pred is true.
	Filter struct {
		diag.Span
		Input Query
		Pred  Expr
	}
	// Extend adds columns; a column may not use one added beside it.
	Extend struct {
		diag.Span
		Input Query
		Cols  []*Col
	}
	// Aggregate groups by By and yields one row a group: the keys, then the
	// aggregates. Without By it yields one row. A missing value is a key like
	// any other.
	Aggregate struct {
		diag.Span
		Input Query
		By    []*Col
		Aggs  []*Agg
	}
	// Window looks from each row at the row Offset places before it within
	// the group By, in ascending order of Of, and adds As: the time since that
	// row. Rows that have no row there are dropped, so n events of a group
	// yield n-Offset rows. An Offset of 0 means 1.
	Window struct {
		diag.Span
		Input  Query
		By     []*Field
		Of     *Field
		Offset int
		As     string
	}
	// Session cuts each group By, in ascending order of Of, into sessions: a
	// row more than Gap after the row before it starts a new one. It adds As:
	// the time of the session's first row.
	Session struct {
		diag.Span
		Input Query
		By    []*Field
		Of    *Field
		Gap   time.Duration
		As    string
	}
	// Stretches has each row once for every stretch of time of a Length that it
	// lies in: within each group By, the stretches are the different sets of rows
	// of which Of lies in an interval of the Length, both its ends included,
	// wherever that starts. It adds As: the number of the stretch in its group, from
	// 0. A row without Of lies in none. No target has such rows: it is in what a
	// hunt means only.
	Stretches struct {
		diag.Span
		Input  Query
		By     []*Field
		Of     *Field
		Length time.Duration
		As     string
	}
	// Lag adds As: the value that X has in the row before within the group By,
	// in ascending order of Of; missing in the first row of a group. A row
	// without Of has no place in the order and is dropped.
	Lag struct {
		diag.Span
		Input Query
		By    []*Field
		Of    *Field
		X     *Field
		As    string
	}
	// Rank adds As: the place of a row, from 1, within the group By in the
	// order of Keys. Rows that are equal in all Keys have different places, in
	// any order.
	Rank struct {
		diag.Span
		Input Query
		By    []*Field
		Keys  []*SortKey
		As    string
	}
	// Union is a bag union. Columns are aligned by name; a column that an
	// input lacks is missing in its rows. Source, if it is not empty, is a
	// column with what the target calls the input that a row is from.
	Union struct {
		diag.Span
		Inputs []Query
		Source string
	}
	// Join pairs the rows of Left and Right whose On columns are equal;
	// a missing key equals nothing. RightOn, if it is not nil, are the keys by
	// the names that they have in Right. A column of Right that has the name of
	// one of Left is not in the rows; with Repeat it is, the keys too, under its
	// name and a 1, or as many as tell it from the others.
	Join struct {
		diag.Span
		Left, Right Query
		Kind        JoinKind
		On, RightOn []*Field
		Repeat      bool
	}
	// Project keeps exactly these columns, in this order.
	Project struct {
		diag.Span
		Input Query
		Cols  []*Col
	}
	// Distinct keeps one row for each combination of By: its columns By, or
	// all its columns if Whole, which are then those of any one of the rows. A
	// row above a Sort is the first one.
	Distinct struct {
		diag.Span
		Input Query
		By    []*Field
		Whole bool
	}
	// Sort orders rows by its keys; a missing value sorts as the smallest.
	Sort struct {
		diag.Span
		Input Query
		Keys  []*SortKey
	}
	// Limit keeps the first N rows.
	Limit struct {
		diag.Span
		Input Query
		N     int
	}
)

func (*Scan) isQuery()      {}
func (*Table) isQuery()     {}
func (*Filter) isQuery()    {}
func (*Extend) isQuery()    {}
func (*Aggregate) isQuery() {}
func (*Window) isQuery()    {}
func (*Session) isQuery()   {}
func (*Stretches) isQuery() {}
func (*Lag) isQuery()       {}
func (*Rank) isQuery()      {}
func (*Union) isQuery()     {}
func (*Join) isQuery()      {}
func (*Project) isQuery()   {}
func (*Distinct) isQuery()  {}
func (*Sort) isQuery()      {}
func (*Limit) isQuery()     {}

// InlineRows is how many rows a Table may have to stand in a query itself on
// every target.
const InlineRows = 100

// Physical is where a target stores the rows of a Scan. Above such a Scan
// all Field names are physical columns.
type Physical struct {
	View    string // the schema's view: cim, raw or xdr
	Dataset string // the logical dataset, for reports
	Table   string // CIM dataset, macro of raw events, or Defender table
	// Columns are the physical columns worth showing, in order: those that
	// identify a row, those that the query tests, those that an analyst wants.
	Columns []*Field
}

// Logsource is Sigma's routing key: which stream of events a rule reads.
type Logsource struct {
	diag.Span
	Category, Product, Service string
}

// Col is an expression with a name. Where the author gave no name, As is the
// name of the field.
type Col struct {
	diag.Span
	As string
	X  Expr
}

// AggFunc is an aggregate function.
type AggFunc string

const (
	Count AggFunc = "count" // rows; X is nil
	// CountIf counts the rows for which the predicate X holds.
	CountIf AggFunc = "countif"
	DCount  AggFunc = "dcount" // distinct values that are not missing, exactly
	Min     AggFunc = "min"
	Max     AggFunc = "max"
	Sum     AggFunc = "sum"
	Avg     AggFunc = "avg"
	Stdev   AggFunc = "stdev" // sample standard deviation (n-1); missing for one row
	Values  AggFunc = "values"
	First   AggFunc = "first" // the value at the smallest Timestamp
	Last    AggFunc = "last"  // the value at the largest Timestamp
	// ArgMin and ArgMax are the value of X at the smallest and at the largest
	// value of Of, among the rows that have both; of several such rows any.
	ArgMin AggFunc = "arg_min"
	ArgMax AggFunc = "arg_max"
	// Percentile is the smallest value that at least P percent of the values
	// do not exceed (nearest rank); targets estimate it.
	Percentile AggFunc = "percentile"
	// Any is one of the values, List all of them, in no order.
	Any  AggFunc = "any"
	List AggFunc = "list"
)

// Agg is one aggregate; all but Count skip rows where X is missing.
//
// Native, if it is not empty, is a target's own aggregate function, which does
// about what Func says but counts an empty text as a value, or has a value for
// no rows at all, or estimates. More are its further arguments.
type Agg struct {
	diag.Span
	As   string
	Func AggFunc
	X    Expr
	Of   *Field  // ArgMin, ArgMax
	P    float64 // Percentile: 0 to 100

	Native string
	More   []Expr
}

// SortKey is one key of a Sort.
type SortKey struct {
	diag.Span
	X    *Field
	Desc bool
}

// JoinKind says which rows of Left a Join keeps.
type JoinKind string

const (
	Inner     JoinKind = "inner"
	LeftOuter JoinKind = "left"
	Anti      JoinKind = "anti" // rows of Left without a partner

	// Those that only lifted queries have, as yet. InnerUnique takes one row of
	// Left for each key, any one.
	InnerUnique JoinKind = "innerunique"
	Semi        JoinKind = "semi" // rows of Left with a partner
	RightOuter  JoinKind = "right"
	FullOuter   JoinKind = "full"
	RightAnti   JoinKind = "rightanti"
	RightSemi   JoinKind = "rightsemi"
)

// Timestamp is the logical name of the event time in every dataset.
const Timestamp = "Timestamp"

// Hunt is one document: what to look for, and what its author says of it.
type Hunt struct {
	diag.Span
	Path string // as the author named the file, with forward slashes
	Kind HuntKind
	Meta Meta

	Query Query // nil for a hunt with only native text
	// Meaning is what the document means where Query is what stands in for it on
	// every target, with a reason; nil where Query says it. It is run, and never
	// compiled.
	Meaning     Query
	Correlation *Correlation // for KindCorrelation
	// Inherited is what the documents that a correlation counts allow.
	Inherited []Inherited
	// CountedBy is the title of a correlation that the document is there for:
	// its query is not meant to be run by itself. Empty if it is.
	CountedBy string

	LookBack time.Duration // hunt.window; 0 = the default of the target
	Fields   []*Field      // columns the author asked for ("fields", "hunt.output")
	Targets  []string      // hunt.targets; empty = every target asked for
	Allow    []Allowed     // codes of accepted infidelities
	Natives  []*Native     // hunt.native, in the author's order
	Tests    []Test        // hunt.tests; they never change which rows match
	Reasons  []Reason      // infidelities that hold on every target
}

// HuntKind says what sort of document a hunt came from.
type HuntKind string

const (
	KindRule        HuntKind = "rule"        // plain Sigma
	KindCorrelation HuntKind = "correlation" // Sigma correlation
	KindHunt        HuntKind = "hunt"        // has a pipeline, branches or native text
)

// Allowed is one code of hunt.allow.
type Allowed struct {
	diag.Span
	Code diag.Code
}

// Inherited is a code that is allowed where it comes from certain lines of a
// file: those of a document that allows it, and of filters added to it.
type Inherited struct {
	Code     diag.Code
	Path     string
	From, To int // To is the line behind the last; 0 is the end of the file
}

// Covers reports whether a diagnostic is such a one.
func (i Inherited) Covers(code diag.Code, at diag.Pos) bool {
	return i.Code == code && i.Path == at.Filename && at.Line >= i.From && (i.To == 0 || at.Line < i.To)
}

// Native is query text for one target, kept as the author wrote it.
type Native struct {
	diag.Span
	Target string
	Text   string
}

// Test is a test that stands in the document: events, and what the hunt has to
// make of them.
type Test struct {
	diag.Span
	Name   string    // "" if the author gave none
	Hit    bool      // the hunt fires; else it stays quiet
	Events []Example // at least one
	Rows   []Example // with Hit: exactly these come out; nil if the author does not say
}

// Example is an event or a row of a test, as one JSON object.
type Example struct {
	diag.Span
	JSON string
}

// Meta is what a document says about itself; it never changes which rows match.
type Meta struct {
	Title       string
	TitleSpan   diag.Span
	ID          string
	Name        string
	Status      string
	Level       string
	Description string
	Author      string
	Date        string
	Modified    string
	Tags        []string
	References  []string
	FalsePos    []string
	Phase       string
	Confidence  string
	Article     *Article
	License     string
	Scope       []string
	Related     []Related
	Custom      []Attribute // top-level keys that Sigma does not define
	IOCs        []Indicators
	Deployment  *Deployment // nil if the document says nothing
}

// Indicators is a named list of indicators of a document.
type Indicators struct {
	Name   string
	Values []string
}

// Related links a document to another.
type Related struct {
	diag.Span
	ID, Type string
}

// Attribute is a top-level key that Sigma does not define, at its place.
type Attribute struct {
	diag.Span
	Name string
}

// Article is the published text that a hunt was derived from.
type Article struct {
	Title, URL, Publisher, Published, Severity string
}

// Correlation is a Sigma correlation document. Rules refer to documents by id
// or name.
type Correlation struct {
	diag.Span
	Type       string
	Rules      []CorrelationRef
	GroupBy    []*Field
	Timespan   time.Duration
	Fields     []*Field  // the field of value_count and its kin
	Percentile float64   // value_percentile only, 0 to 100
	Windowing  Windowing // "" if the document does not say
	Conditions []CorrelationCond
	Expr       string // boolean temporal condition, as written
	Aliases    []Alias
	Generate   bool

	// Piped says that the document does something with the rows: chooses
	// columns, or has a pipeline. Rows are those rows; nil before linking.
	Piped bool
	Rows  Query
}

// Windowing is how the windows of a correlation lie.
type Windowing string

const (
	Tumbling Windowing = "tumbling" // side by side, from multiples of their length
	Sliding  Windowing = "sliding"  // anywhere
	Sessions Windowing = "session"  // as long as no gap is longer than the timespan
)

// CorrelationRef names a document that a correlation counts.
type CorrelationRef struct {
	diag.Span
	Name string
}

// CorrelationCond is one comparison of a correlation's condition; several hold together.
type CorrelationCond struct {
	diag.Span
	Op    CmpOp
	Value float64
}

// Holds reports whether a value satisfies the comparison.
func (c CorrelationCond) Holds(v float64) bool {
	switch c.Op {
	case Lt:
		return v < c.Value
	case Le:
		return v <= c.Value
	case Gt:
		return v > c.Value
	case Ge:
		return v >= c.Value
	case Eq:
		return v == c.Value
	}
	return v != c.Value
}

// Alias maps a group-by name to each rule's own field.
type Alias struct {
	diag.Span
	Name   string
	Fields []AliasField
}

// AliasField is the field that stands for an alias in one rule.
type AliasField struct {
	diag.Span
	Rule, Field string
}
