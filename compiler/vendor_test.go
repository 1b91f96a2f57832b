package compiler_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/ir"
)

// vendorExample is a behaviour that a vendor's documentation shows by an example
// or states as a rule: a query, the rows that it is given, and the rows that it
// gives by that page. The queries and values are written anew.
type vendorExample struct {
	source string // the page
	name   string
	query  string
	// rows and right are the rows of the first and of the second table: a line
	// each, of cells NAME=VALUE behind each other, with a ; between. A name without
	// a value is an empty text, and a column that is not named is missing.
	rows, right string
	// want are the rows that come out, in any order unless ordered; only the
	// columns that are named are looked at. A missing value is an empty one here.
	want    string
	ordered bool
	// shown says that the order is only how rows are shown, which what is read of
	// the query leaves open: the model alone is held to it.
	shown bool
	// unread says that the query is not read, with a code: then only the model of
	// the language is held to the example.
	unread bool
}

const asRead = "as it is read"

// vendorTally counts in how many ways the examples were held.
type vendorTally struct{ examples, run, modelled, unread, notRun, unmodelled int }

func (v vendorTally) String() string {
	return fmt.Sprintf("%d examples: %d run as they are read, %d by the model of the language; %d are not read, %d read and not run, %d beyond the model",
		v.examples, v.run, v.modelled, v.unread, v.notRun, v.unmodelled)
}

// cells are the cells of a line in order.
func cells(line string) (names, values []string) {
	for _, cell := range strings.Split(line, ";") {
		if strings.TrimSpace(cell) == "" {
			continue
		}
		name, value, _ := strings.Cut(cell, "=")
		names, values = append(names, strings.TrimSpace(name)), append(values, strings.TrimSpace(value))
	}
	return names, values
}

func vendorLines(text string) []string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) != "" {
			out = append(out, line)
		}
	}
	return out
}

// vendorText shows a value as the examples write it.
func vendorText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05Z")
	case []any:
		var parts []string
		for _, x := range v {
			parts = append(parts, vendorText(x))
		}
		if len(parts) == 1 { // one value and a list of it are one here
			return parts[0]
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	return strings.TrimSpace(fmt.Sprint(v))
}

// hold compares rows with those that the example wants; what ran them names
// the other side.
func (e vendorExample) hold(t *testing.T, what string, n int, get func(i int, name string) any, more ...any) {
	t.Helper()
	var want, got []string
	for _, line := range vendorLines(e.want) {
		names, values := cells(line)
		var b strings.Builder
		for i, n := range names {
			fmt.Fprintf(&b, "%s=%s; ", n, values[i])
		}
		want = append(want, strings.TrimSuffix(b.String(), "; "))
	}
	var names []string
	if lines := vendorLines(e.want); len(lines) > 0 {
		names, _ = cells(lines[0])
	}
	for i := range n {
		var b strings.Builder
		for _, name := range names {
			fmt.Fprintf(&b, "%s=%s; ", name, vendorText(get(i, name)))
		}
		got = append(got, strings.TrimSuffix(b.String(), "; "))
	}
	if !e.ordered || e.shown && what == asRead {
		slices.Sort(want)
		slices.Sort(got)
	}
	if !slices.Equal(want, got) {
		t.Errorf("%s: %s\n%s\ngives\n  %s\nthe documentation says\n  %s\n%v", what, e.source, e.query, strings.Join(got, "\n  "), strings.Join(want, "\n  "), more)
	}
}

// holdLifted runs an example as it is read.
func (e vendorExample) holdLifted(t *testing.T, tally *vendorTally, lifted backends.Lifted, run eval.Runner) {
	t.Helper()
	if !lifted.Full() {
		if !e.unread {
			t.Errorf("%s: not read: %v\n%s", e.source, lifted.Diagnostics, e.query)
		}
		if !lifted.Diagnostics.HasErrors() {
			t.Errorf("%s: neither read nor an error\n%s", e.source, e.query)
		}
		tally.unread++
		return
	}
	if e.unread {
		t.Errorf("%s: is read by now; take the mark off\n%s", e.source, e.query)
	}
	q := lifted.Queries[len(lifted.Queries)-1].Query
	rows, err := run.Run(q)
	if no := (*eval.NotEvaluable)(nil); errors.As(err, &no) {
		t.Logf("%s: %s is read and cannot be run: %v", e.source, e.name, err)
		tally.notRun++
		return
	}
	if err != nil {
		t.Errorf("%s: %v\n%s", e.source, err, e.query)
		return
	}
	tally.run++
	e.hold(t, asRead, len(rows), func(i int, name string) any { return rows[i].Get(name) }, ir.Format(q))
}
