package sigma

import "github.com/huntc/huntc/ir"

// argKind is what a function takes at one place.
type argKind uint8

const (
	argValue  argKind = iota // any value
	argField                 // a column
	argNumber                // a value that is no text
	argSize                  // a literal number or length of time
)

// function is a scalar function of pipelines. A new one is one row here, one
// in the IR's table and one in each backend's.
type function struct {
	name string
	id   ir.FuncID
	args []argKind
}

var functions = []function{
	{"bin", ir.Bin, []argKind{argNumber, argSize}},
	{"minute", ir.Minute, []argKind{argField}},
	{"hour", ir.Hour, []argKind{argField}},
	{"day", ir.Day, []argKind{argField}},
	{"week", ir.Week, []argKind{argField}},
	{"month", ir.Month, []argKind{argField}},
	{"year", ir.Year, []argKind{argField}},
}

// aggregateFunc is a function of "summarize".
type aggregateFunc struct {
	name string
	id   ir.AggFunc
	args []argKind
}

var aggregateFuncs = []aggregateFunc{
	{"count", ir.Count, nil},
	{"dcount", ir.DCount, []argKind{argValue}},
	{"min", ir.Min, []argKind{argValue}},
	{"max", ir.Max, []argKind{argValue}},
	{"sum", ir.Sum, []argKind{argNumber}},
	{"avg", ir.Avg, []argKind{argNumber}},
	{"stdev", ir.Stdev, []argKind{argNumber}},
	{"values", ir.Values, []argKind{argValue}},
	{"first", ir.First, []argKind{argValue}},
	{"last", ir.Last, []argKind{argValue}},
}

func functionNames() []string {
	out := []string{"exists"}
	for _, f := range functions {
		out = append(out, f.name)
	}
	return out
}

func aggregateNames() []string {
	var out []string
	for _, f := range aggregateFuncs {
		out = append(out, f.name)
	}
	return out
}
