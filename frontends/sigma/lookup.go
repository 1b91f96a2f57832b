package sigma

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Lookup is a list of rows that documents join with, by name.
type Lookup struct {
	Name string
	Cols []string
	Rows [][]string
}

// Limits on one lookup.
const (
	maxLookupRows  = 10_000
	maxLookupBytes = 512 << 10
)

// ReadLookup reads a lookup from a CSV file (RFC 4180) with a line of names. A
// message says what is wrong, and in which line.
func ReadLookup(name string, text []byte) (l Lookup, line int, message, hint string) {
	l.Name = name
	if len(text) > maxLookupBytes {
		return l, 0, fmt.Sprintf("the file has %d bytes, and a lookup may have %d", len(text), maxLookupBytes), "A longer list belongs into the target itself."
	}
	if !utf8.Valid(text) {
		return l, 0, "the file is not UTF-8", ""
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	records, err := r.ReadAll()
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		if errors.Is(bad.Err, csv.ErrFieldCount) {
			return l, bad.Line, "the line has another number of values than the first one", ""
		}
		return l, bad.Line, "the line is not CSV: " + bad.Err.Error(), `A value with a comma or a quote stands in quotes, and a quote in it is doubled: "a ""b"", c".`
	}
	if len(records) < 2 {
		return l, 1, "the file has no rows", "The first line names the columns; the rows follow."
	}
	if len(records)-1 > maxLookupRows {
		return l, 0, fmt.Sprintf("the file has %d rows, and a lookup may have %d", len(records)-1, maxLookupRows), "A longer list belongs into the target itself."
	}
	l.Cols, l.Rows = records[0], records[1:]
	for i, c := range l.Cols {
		if !branchName.MatchString(c) {
			return l, 1, fmt.Sprintf("%q cannot be the name of a column", c), "Use letters, digits and underscores, and start with a letter."
		}
		if slices.Contains(l.Cols[:i], c) {
			return l, 1, fmt.Sprintf("there are two columns %q", c), "Rename one."
		}
	}
	for i, row := range l.Rows {
		for _, v := range row {
			if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				return l, i + 2, "a value holds a line break or a control character", "Every row is one line of plain text."
			}
		}
	}
	return l, 0, "", ""
}

// isLookup reports whether a name is that of a lookup. A branch of the document
// comes first.
func (p *pipeline) isLookup(name string) bool {
	return slices.ContainsFunc(p.opts.Lookups, func(l Lookup) bool { return l.Name == name }) &&
		!slices.ContainsFunc(p.branches, func(b *branch) bool { return b.name == name })
}

// lookup is the table of that name; nil after an error. Each combination of
// the columns that are joined on has one row at most.
func (p *pipeline) lookup(name string, at diag.Span, on []*ir.Field) *ir.Table {
	l := p.opts.Lookups[slices.IndexFunc(p.opts.Lookups, func(l Lookup) bool { return l.Name == name })]
	var keys []int
	for _, f := range on {
		if k := slices.Index(l.Cols, f.Name); k >= 0 {
			keys = append(keys, k)
		}
	}
	t := &ir.Table{Span: at, Name: name, Cols: l.Cols, Rows: l.Rows}
	if len(keys) < len(on) {
		return t // of which the columns are then said to be missing
	}
	t.Rows = nil
	seen := map[string]int{}
	for n, row := range l.Rows {
		parts := make([]string, len(keys))
		empty := false
		for j, k := range keys {
			parts[j] = row[k]
			empty = empty || row[k] == ""
		}
		if empty {
			continue // a missing key equals nothing
		}
		id := fmt.Sprintf("%q", parts)
		if first := seen[id]; first > 0 {
			p.diags.Errorf(codeLookup, at, "Leave one row for each in the file, or join on more columns.",
				"the lookup %q has %s twice, in its rows %d and %d", name, strings.Join(parts, ", "), first, n+1)
			return nil
		}
		seen[id] = n + 1
		t.Rows = append(t.Rows, row)
	}
	if len(t.Rows) == 0 {
		p.diags.Errorf(codeLookup, at, "Fill the columns that are joined on.", "the lookup %q has no row to join with", name)
		return nil
	}
	return t
}
