package ir

// FuncID names a scalar function.
type FuncID string

const (
	Minute  FuncID = "minute" // parts of a date, UTC
	Hour    FuncID = "hour"
	Day     FuncID = "day"
	Week    FuncID = "week" // of ISO 8601
	Month   FuncID = "month"
	Year    FuncID = "year"
	Weekday FuncID = "weekday" // 0 is Sunday, 6 is Saturday; UTC
	// Now is the instant at which the query runs, the same in all its rows.
	Now FuncID = "now"

	Add FuncID = "+"
	Sub FuncID = "-"
	Mul FuncID = "*"
	Div FuncID = "/"
	// Bin(v, size) is the largest multiple of size not above v.
	Bin     FuncID = "bin"
	Abs     FuncID = "abs"
	Floor   FuncID = "floor"   // the largest whole number not above a number
	Ceiling FuncID = "ceiling" // the smallest whole number not below a number

	Concat FuncID = "concat"
	Lower  FuncID = "lower"
	Upper  FuncID = "upper"
	// StrLen is the number of characters of a text.
	StrLen FuncID = "strlen"
	// Substring(x, start) is the text from the character start on, counted from
	// 0; Substring(x, start, n) at most n characters of it. It is empty past
	// the end.
	Substring FuncID = "substring"
	// Replace(x, old, new) has new in the place of each old, from left to right;
	// case counts.
	Replace FuncID = "replace"
	// Split(x, by, n) is the part n of a text cut at each by, counted from 0;
	// missing if there are not so many. Case counts.
	Split FuncID = "split"
	// Extract(x, regex, group) is the text of a group of the first match, of the
	// whole match for group 0; missing if nothing matches or the group is not
	// part of the match.
	Extract FuncID = "extract"

	// If(p, x, y) is x where the predicate p holds, else y; without y it is
	// missing there.
	If FuncID = "if"
	// Tuple joins values to one that equals another if and only if they are
	// equal one by one; it is missing where one of them is. DCount counts it.
	Tuple FuncID = "tuple"
	// Coalesce is the first of its arguments that is not missing.
	Coalesce FuncID = "coalesce"
	// ToString is the text of a number; ToNumber the number that a text
	// spells, missing if it spells none.
	ToString FuncID = "tostring"
	ToNumber FuncID = "tonumber"

	// Round(n, digits) is the number of so many digits behind the point that is
	// nearest to n; which of two that are as near, targets differ in.
	Round FuncID = "round"
	// Joined(x, by) is the text of the values of a list, with by between them.
	// One value is a list of one.
	Joined FuncID = "joined"
	// Item(x, n) is the text of a value of a list, counted from 0, or from -1 at
	// the end backwards; missing past either end.
	Item FuncID = "item"
	// Parts(x, by) is the list of what a text is cut into at each by. Case counts.
	Parts FuncID = "parts"

	// Json(x) is what a text spells in JSON: an object, a list or a value; the
	// text itself if it spells none.
	Json FuncID = "json"
	// Prop(x, name) is the value that an object of JSON has by a name; missing if
	// it has none, and of what is no object. Case counts.
	Prop FuncID = "prop"
	// At(x, n) is a value of a list as it is, counted as in Item.
	At FuncID = "at"
	// URL(x) is an object of the parts of a web address: Scheme, Host, Port, Path,
	// Username, Password, Fragment, and Query Parameters, an object.
	URL FuncID = "url"
	// Place(x, what) is what the target's own database of addresses says of where
	// an address is: its country, state, city, latitude or longitude. Databases
	// differ.
	Place FuncID = "place"

	// ToInt and ToLong are the whole number of 32 or of 64 bits that a text
	// spells, or a number without what is behind its point; missing if there is
	// none, or if it does not fit.
	ToInt  FuncID = "toint"
	ToLong FuncID = "tolong"
	// Instant(text) is the instant that a text spells as ISO 8601 has it, in UTC
	// if it does not say: 2026-03-05, 2026-03-05T04:32:00Z.
	Instant FuncID = "instant"
	// DateDiff(unit, a, b) is how many borders between units of time, in UTC, lie
	// between b and a: second, minute, hour, day, week (from Sunday), month,
	// quarter, year, or a fraction of a second. It is below zero if a is earlier.
	DateDiff FuncID = "datediff"
	// Size is how many values a list has; missing where it is.
	Size FuncID = "size"
)

// Param is what a function takes at one place.
type Param uint8

const (
	AnyValue         Param = iota // a value of any type
	Predicate                     // a condition
	TextValue                     // a text
	NumberValue                   // a number or a length of time
	OrdinalValue                  // a number, a length of time or an instant
	TimeValue                     // an instant
	TextConst                     // a literal text that is not empty
	TextConstOrEmpty              // a literal text
	RegexConst                    // a literal regular expression
	CountConst                    // a literal whole number from 0 to 1,000,000
	SizeConst                     // a literal number or length of time above zero
	PlaceConst                    // a literal whole number from -1,000,000 to 1,000,000
)

// Func is a row of the table of functions.
type Func struct {
	ID     FuncID
	Params []Param
	// Optional is how many of the last parameters may be left out.
	Optional int
	// Variadic says that the last parameter may repeat.
	Variadic bool
	// Result is the type of the result; Unknown where it follows from the
	// arguments.
	Result Type
}

// Funcs are the scalar functions. How each target says one stands in a table
// of that backend, and what it computes in one of the evaluator.
var Funcs = []Func{
	{ID: Minute, Params: []Param{TimeValue}, Result: Int},
	{ID: Hour, Params: []Param{TimeValue}, Result: Int},
	{ID: Day, Params: []Param{TimeValue}, Result: Int},
	{ID: Week, Params: []Param{TimeValue}, Result: Int},
	{ID: Month, Params: []Param{TimeValue}, Result: Int},
	{ID: Year, Params: []Param{TimeValue}, Result: Int},
	{ID: Weekday, Params: []Param{TimeValue}, Result: Int},
	{ID: Now, Result: Time},
	{ID: Add, Params: []Param{OrdinalValue, OrdinalValue}},
	{ID: Sub, Params: []Param{OrdinalValue, OrdinalValue}},
	{ID: Mul, Params: []Param{NumberValue, NumberValue}},
	{ID: Div, Params: []Param{NumberValue, NumberValue}},
	{ID: Bin, Params: []Param{OrdinalValue, SizeConst}},
	{ID: Abs, Params: []Param{NumberValue}},
	{ID: Floor, Params: []Param{NumberValue}, Result: Float},
	{ID: Ceiling, Params: []Param{NumberValue}, Result: Float},
	{ID: Concat, Params: []Param{AnyValue, AnyValue}, Variadic: true, Result: String},
	{ID: Lower, Params: []Param{TextValue}, Result: String},
	{ID: Upper, Params: []Param{TextValue}, Result: String},
	{ID: StrLen, Params: []Param{TextValue}, Result: Int},
	{ID: Substring, Params: []Param{TextValue, CountConst, CountConst}, Optional: 1, Result: String},
	{ID: Replace, Params: []Param{TextValue, TextConst, TextConstOrEmpty}, Result: String},
	{ID: Split, Params: []Param{TextValue, TextConst, CountConst}, Result: String},
	{ID: Extract, Params: []Param{TextValue, RegexConst, CountConst}, Result: String},
	{ID: If, Params: []Param{Predicate, AnyValue, AnyValue}, Optional: 1},
	{ID: Tuple, Params: []Param{AnyValue}, Variadic: true, Result: String},
	{ID: Coalesce, Params: []Param{AnyValue, AnyValue}, Variadic: true},
	{ID: ToString, Params: []Param{AnyValue}, Result: String},
	{ID: ToNumber, Params: []Param{AnyValue}, Result: Float},
	{ID: ToInt, Params: []Param{AnyValue}, Result: Int},
	{ID: ToLong, Params: []Param{AnyValue}, Result: Int},
	{ID: Parts, Params: []Param{TextValue, TextConst}, Result: Dynamic},
	{ID: Joined, Params: []Param{AnyValue, TextConstOrEmpty}, Result: String},
	{ID: Item, Params: []Param{AnyValue, PlaceConst}, Result: String},
	{ID: Size, Params: []Param{AnyValue}, Result: Int},
	{ID: Json, Params: []Param{AnyValue}, Result: Dynamic},
	{ID: Prop, Params: []Param{AnyValue, TextConst}, Result: Dynamic},
	{ID: At, Params: []Param{AnyValue, PlaceConst}, Result: Dynamic},
	{ID: URL, Params: []Param{TextValue}, Result: Dynamic},
	{ID: Place, Params: []Param{TextValue, TextConst}, Result: String},
	{ID: Instant, Params: []Param{TextConst}, Result: Time},
}

// LiftedFuncs are the functions that no document has: they come from the text
// of a target.
var LiftedFuncs = []Func{
	{ID: Round, Params: []Param{NumberValue, CountConst}, Optional: 1, Result: Float},
	{ID: DateDiff, Params: []Param{TextConst, TimeValue, TimeValue}, Result: Int},
}

// FuncOf is the row of a function, of either table.
func FuncOf(id FuncID) *Func {
	for _, table := range [][]Func{Funcs, LiftedFuncs} {
		for i := range table {
			if table[i].ID == id {
				return &table[i]
			}
		}
	}
	panic("ir: unhandled function " + string(id))
}

// Takes reports whether the function takes n arguments.
func (f *Func) Takes(n int) bool {
	return n >= len(f.Params)-f.Optional && (n <= len(f.Params) || f.Variadic)
}

// Param is what the function takes as its argument i.
func (f *Func) Param(i int) Param { return f.Params[min(i, len(f.Params)-1)] }
