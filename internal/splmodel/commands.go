// Package splmodel is a small model of what Splunk does with a search, for
// tests: it runs the text that is emitted over rows. It is written from
// Splunk's Search Reference and Search Manual and with no regard to this
// repository's planner, lifter or evaluator, so that what they have in common
// does not hide in it.
//
// Search expressions are two-valued and ignore case; eval expressions are
// three-valued and do not. What the documentation leaves open, and what is
// taken here, stands at its place.
package splmodel

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/diag"
)

// Row maps columns to values: float64, string, bool, []any for several values,
// and nil, or no entry, for null.
type Row map[string]any

// Model runs searches.
type Model struct {
	T testing.TB
	// Events are the rows of a data model, or of the macro that a search of raw
	// events begins with, by its name.
	Events func(source string) []Row
	// Lookups are the rows of a lookup file, by its name.
	Lookups func(file string) []Row
	// Now is when the search runs, in seconds since 1970.
	Now float64
}

// Columns of events on their way from tstats to stats, with names that no
// search has.
const (
	hidden   = "\x00"
	timeKept = hidden + "time"
)

// Run gives the rows of a search.
func (m *Model) Run(s *spl.Search) []Row {
	m.T.Helper()
	var rows []Row
	for i, c := range s.Commands {
		rows = m.command(c, rows, i == 0)
	}
	return rows
}

// bare takes the name of the dataset off a field.
func bare(f string) string { return f[strings.LastIndexByte(f, '.')+1:] }

func (m *Model) keep(rows []Row, f func(Row) bool) []Row {
	return slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return !f(r) })
}

// each gives every row to f as a copy.
func (m *Model) each(rows []Row, f func(Row) Row) []Row {
	out := make([]Row, len(rows))
	for i, r := range rows {
		out[i] = f(maps.Clone(r))
	}
	return out
}

func (m *Model) command(c spl.Command, rows []Row, first bool) []Row {
	switch c := c.(type) {
	case *spl.Tstats:
		return m.tstats(c, rows)
	case *spl.From:
		return m.Events(c.Model)
	case *spl.MacroCmd: // drop_dm_object_name
		return m.each(rows, func(r Row) Row {
			out := Row{}
			for k, v := range r {
				out[strings.TrimPrefix(k, c.Macro.Args[0]+".")] = v
			}
			return out
		})
	case *spl.Convert:
		return rows // the form in which times are shown
	case *spl.SearchCmd:
		if first {
			rows = m.Events(sourceMacro(c.Expr))
		}
		return m.keep(rows, func(r Row) bool { return m.match(c.Expr, r, false) })
	case *spl.Where:
		return m.keep(rows, func(r Row) bool { return m.Eval(c.Expr, r) == true })
	case *spl.Eval:
		return m.each(rows, func(r Row) Row {
			for _, a := range c.Assign {
				r[a.Name] = m.Eval(a.Expr, r)
			}
			return r
		})
	case *spl.Fillnull:
		names := c.Names
		if len(names) == 0 { // all that some row has
			seen := map[string]bool{}
			for _, r := range rows {
				for n, v := range r {
					seen[n] = seen[n] || v != nil
				}
			}
			for n, has := range seen {
				if has {
					names = append(names, n)
				}
			}
		}
		return m.each(rows, func(r Row) Row {
			for _, n := range names {
				if r[n] == nil {
					r[n] = c.Value
				}
			}
			return r
		})
	case *spl.Filldown:
		last := map[string]any{}
		return m.each(rows, func(r Row) Row {
			for _, n := range c.Names {
				if r[n] == nil {
					r[n] = last[n]
				}
				last[n] = r[n]
			}
			return r
		})
	case *spl.Rename:
		return m.each(rows, func(r Row) Row {
			for _, p := range c.Pairs {
				r[p.To] = r[p.From]
				delete(r, p.From)
			}
			return r
		})
	case *spl.Table:
		return m.each(rows, func(r Row) Row {
			out := Row{}
			for _, n := range c.Names {
				out[n] = r[n]
			}
			return out
		})
	case *spl.Fields:
		if !c.Remove {
			break
		}
		return m.each(rows, func(r Row) Row {
			for _, n := range c.Names {
				delete(r, n)
			}
			return r
		})
	case *spl.Sort:
		rows = sorted(c, rows)
		switch {
		case c.Limit < 0: // none is given
			return rows[:min(len(rows), 10_000)]
		case c.Limit > 0:
			return rows[:min(len(rows), c.Limit)]
		}
		return rows
	case *spl.Regex:
		return m.keep(rows, func(r Row) bool {
			if r[c.Field] == nil {
				if c.Negated {
					m.T.Fatalf("what regex != does with rows without the field is not documented")
				}
				return false
			}
			return m.regexp(c.Pattern).MatchString(text(r[c.Field])) != c.Negated
		})
	case *spl.Bin:
		span, ok := m.span(optionsOf(c.Options)["span"])
		if !ok || len(c.Options) != 1 {
			m.T.Fatalf("the model knows bin with a span only")
		}
		return m.each(rows, func(r Row) Row {
			if x, ok := number(r[c.Field]); ok {
				as := c.As
				if as == "" {
					as = c.Field
				}
				r[as] = math.Floor(x/span) * span
			}
			return r
		})
	case *spl.Streamstats:
		return m.streamstats(c, rows)
	case *spl.Stats:
		return m.stats(c, rows)
	case *spl.Append:
		return append(slices.Clone(rows), m.Run(c.Search)...)
	case *spl.Dedup:
		seen := map[string]bool{}
		return m.keep(rows, func(r Row) bool {
			key, ok := rowKey(r, c.Names)
			fresh := ok && !seen[key]
			seen[key] = true
			return fresh
		})
	case *spl.Head:
		return rows[:min(len(rows), c.N)]
	case *spl.Join:
		return m.join(c, rows, m.Run(c.Search))
	case *spl.Lookup:
		return m.lookup(c, rows)
	case *spl.Rex:
		return m.rex(c, rows)
	}
	m.T.Fatalf("the model does not know the command %T", c)
	return nil
}

func sourceMacro(e spl.SearchExpr) string {
	name := ""
	spl.Walk(e, func(n diag.Node) bool {
		if m, ok := n.(*spl.SearchMacro); ok && name == "" {
			name = m.Macro.Name
		}
		return true
	})
	return name
}

// sorted keeps the order of rows that are equal. A result without the field has
// the largest value if the order is ascending and the smallest if it is
// descending (Search Reference, sort): it is last in both.
func sorted(c *spl.Sort, rows []Row) []Row {
	out := slices.Clone(rows)
	slices.SortStableFunc(out, func(a, b Row) int {
		for _, k := range c.Keys {
			x, y := a[k.Field], b[k.Field]
			switch {
			case x == nil && y == nil:
				continue
			case x == nil:
				return 1
			case y == nil:
				return -1
			}
			if d := compareSorted(x, y); d != 0 {
				if k.Desc {
					return -d
				}
				return d
			}
		}
		return 0
	})
	return out
}

// rowKey is the key of a row; false if a field of it is null.
func rowKey(r Row, by []string) (string, bool) {
	key, ok := "", true
	for _, k := range by {
		ok = ok && r[k] != nil
		key += fmt.Sprintf("%d:%s;", len(text(r[k])), text(r[k]))
	}
	return key, ok
}

func optionsOf(list []spl.Option) map[string]string {
	out := map[string]string{}
	for _, o := range list {
		out[o.Name] = o.Value
	}
	return out
}

func (m *Model) join(c *spl.Join, left, right []Row) []Row {
	options := optionsOf(c.Options)
	var out []Row
	for _, l := range left {
		n := 0
		lk, lok := rowKey(l, c.On)
		for _, r := range right {
			rk, rok := rowKey(r, c.On)
			if !lok || !rok || lk != rk || options["max"] == "1" && n == 1 {
				continue
			}
			n++
			both := maps.Clone(l)
			maps.Copy(both, r) // overwrite=true is the default
			out = append(out, both)
		}
		if n == 0 && options["type"] == "left" {
			out = append(out, l)
		}
	}
	return out
}

// lookup compares texts with their case, as a CSV file without a definition
// does (transforms.conf: case_sensitive_match is true), and fails the test
// where a row has two partners, which would be several values. What is put out
// replaces what was there; an empty cell is null.
func (m *Model) lookup(c *spl.Lookup, rows []Row) []Row {
	table := m.Lookups(c.Table)
	return m.each(rows, func(r Row) Row {
		var found Row
		for _, t := range table {
			same := true
			for _, k := range c.Keys {
				same = same && r[k.To] != nil && t[k.From] != nil && text(r[k.To]) == text(t[k.From])
			}
			if !same {
				continue
			}
			if found != nil {
				m.T.Fatalf("the lookup %s has two rows for %v", c.Table, r)
			}
			found = t
		}
		for _, o := range c.Output {
			r[o.To] = found[o.From]
		}
		return r
	})
}

// rex makes the fields of the groups that took part in the first match; the
// others keep what they have.
func (m *Model) rex(c *spl.Rex, rows []Row) []Row {
	if len(c.Options) > 0 {
		m.T.Fatalf("the model does not know options of rex")
	}
	re := m.regexp(c.Pattern)
	return m.each(rows, func(r Row) Row {
		v := r[c.Field]
		if v == nil {
			return r
		}
		s := text(v)
		found := re.FindStringSubmatchIndex(s)
		for i, name := range re.SubexpNames() {
			if found == nil || name == "" || found[2*i] < 0 {
				continue
			}
			if found[2*i] == found[2*i+1] {
				m.T.Fatalf("what rex does with an empty group is not documented: %s", c.Pattern)
			}
			r[name] = s[found[2*i]:found[2*i+1]]
		}
		return r
	})
}

// tstats groups events; in the mode prestats it leaves them as they are, each
// with its keys, for stats to count.
func (m *Model) tstats(c *spl.Tstats, before []Row) []Row {
	options := optionsOf(c.Options)
	span, _ := m.span(c.BySpan)
	var events []Row
	for _, e := range m.Events(c.Model) {
		if c.Where != nil && !m.match(c.Where, e, true) {
			continue
		}
		r := Row{timeKept: e["_time"]}
		for _, a := range c.Aggs {
			if a.Arg != "" && a.Arg != "_time" {
				r[hidden+a.Arg] = e[bare(a.Arg)]
			}
		}
		ok := true
		for _, k := range c.By {
			v := e[bare(k)]
			if k == "_time" {
				v = math.Floor(v.(float64)/span) * span
			}
			if v == nil {
				if fill, has := options["fillnull_value"]; has {
					v = fill
				} else {
					ok = false
				}
			}
			r[k] = v
		}
		if ok {
			events = append(events, r)
		}
	}
	if options["prestats"] == "t" {
		if options["append"] == "t" {
			return append(slices.Clone(before), events...)
		}
		return events
	}
	return m.group(c.By, c.Aggs, events, true)
}

// span is a length of time in seconds: 5m.
func (m *Model) span(s string) (float64, bool) {
	if s == "" {
		return 0, false
	}
	unit, ok := map[byte]float64{'s': 1, 'm': 60, 'h': 3600, 'd': 86400}[s[len(s)-1]]
	n, err := strconv.Atoi(s[:len(s)-1])
	if !ok || err != nil {
		m.T.Fatalf("the model does not know the length of time %q", s)
	}
	return float64(n) * unit, true
}

// stats reads what tstats has left for it as it would the events.
func (m *Model) stats(c *spl.Stats, rows []Row) []Row {
	if c.Event {
		return m.eventstats(c, rows)
	}
	events := false
	if len(rows) > 0 {
		_, events = rows[0][timeKept]
	}
	return m.group(c.By, c.Aggs, rows, events)
}

// eventstats puts the aggregates of a group beside each of its rows. Rows without
// a key are let through as they are.
func (m *Model) eventstats(c *spl.Stats, rows []Row) []Row {
	groups := map[string][]Row{}
	for _, r := range rows {
		if k, ok := rowKey(r, c.By); ok {
			groups[k] = append(groups[k], r)
		}
	}
	return m.each(rows, func(r Row) Row {
		if k, ok := rowKey(r, c.By); ok {
			for _, a := range c.Aggs {
				r[a.As] = m.aggregate(a, groups[k], false)
			}
		}
		return r
	})
}

// group is stats and tstats: rows without a key are left out. events says that
// the arguments of functions are kept beside the keys.
func (m *Model) group(by []string, aggs []spl.Agg, rows []Row, events bool) []Row {
	groups := map[string][]Row{}
	var order []string
	for _, r := range rows {
		key, ok := rowKey(r, by)
		if !ok {
			continue
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], r)
	}
	if len(by) == 0 && len(order) == 0 {
		order = []string{""}
	}
	var out []Row
	for _, key := range order {
		g := groups[key]
		row := Row{}
		for _, k := range by {
			row[k] = g[0][k]
		}
		for _, a := range aggs {
			as := a.As
			if as == "" {
				as = a.Func
			}
			row[as] = m.aggregate(a, g, events)
		}
		out = append(out, row)
	}
	return out
}

// aggregate leaves out rows without a value, and of several values counts each.
func (m *Model) aggregate(a spl.Agg, rows []Row, events bool) any {
	var vals []any
	var times []float64
	for _, r := range rows {
		var v any
		switch {
		case a.Eval != nil:
			// count(eval(p)) counts where p is true.
			if v = m.Eval(a.Eval, r); v == false {
				v = nil
			}
		case a.Arg == "":
			v = 1.0
		case events && a.Arg == "_time":
			v = r[timeKept]
		case events:
			v = r[hidden+a.Arg]
		default:
			v = r[a.Arg]
		}
		at, ok := number(r["_time"])
		if events {
			at, ok = number(r[timeKept])
		}
		if !ok && (a.Func == "earliest" || a.Func == "latest") {
			m.T.Fatalf("%s needs the time of the rows", a.Func)
		}
		list, several := v.([]any)
		if !several && v != nil {
			list = []any{v}
		}
		for _, v := range list {
			vals, times = append(vals, v), append(times, at)
		}
	}
	switch a.Func {
	case "count":
		return float64(len(vals))
	case "dc":
		seen := map[string]bool{}
		for _, v := range vals {
			seen[text(v)] = true
		}
		return float64(len(seen))
	}
	if len(vals) == 0 {
		return nil
	}
	switch a.Func {
	case "first":
		return vals[0]
	case "last":
		return vals[len(vals)-1]
	case "earliest":
		return vals[slices.Index(times, slices.Min(times))]
	case "latest":
		return vals[slices.Index(times, slices.Max(times))]
	}
	if a.Func == "values" { // in the order of texts, numbers too (Search Reference, values)
		slices.SortStableFunc(vals, func(a, b any) int { return strings.Compare(text(a), text(b)) })
		list := slices.CompactFunc(slices.Clone(vals), func(a, b any) bool { return text(a) == text(b) })
		if len(list) == 1 {
			return list[0]
		}
		return list
	}
	slices.SortStableFunc(vals, compareSorted)
	sum := 0.0
	var nums []float64
	for _, v := range vals {
		if x, ok := number(v); ok {
			nums = append(nums, x)
			sum += x
		}
	}
	switch a.Func {
	case "min":
		return vals[0]
	case "max":
		return vals[len(vals)-1]
	}
	if len(nums) == 0 {
		return nil
	}
	switch a.Func {
	case "sum":
		return sum
	case "avg", "mean":
		return sum / float64(len(nums))
	case "range":
		return nums[len(nums)-1] - nums[0]
	case "stdev":
		if len(nums) < 2 {
			return 0.0 // as in the example of mean() in the Search Reference
		}
		squares := 0.0
		for _, x := range nums {
			squares += (x - sum/float64(len(nums))) * (x - sum/float64(len(nums)))
		}
		return math.Sqrt(squares / float64(len(nums)-1))
	}
	if p, ok := strings.CutPrefix(a.Func, "exactperc"); ok {
		f, err := strconv.ParseFloat(p, 64)
		if err != nil {
			m.T.Fatal(err)
		}
		rank := max(1, int(math.Ceil(f/100*float64(len(nums)))))
		return nums[rank-1]
	}
	m.T.Fatalf("the model does not know the function %s", a.Func)
	return nil
}

// streamstats looks at the rows before a row, and the row itself unless
// current=f; of them at the last so many if there is a window, which spans all
// groups unless global=f. Rows without a key are let through as they are.
func (m *Model) streamstats(c *spl.Streamstats, rows []Row) []Row {
	options := optionsOf(c.Options)
	current, global := options["current"] != "f", options["global"] != "f"
	window, _ := strconv.Atoi(options["window"])
	if window > 0 && global && len(c.By) > 0 {
		m.T.Fatal("a window of rows of all groups is meant by nobody")
	}
	seen := map[string][]Row{}
	return m.each(rows, func(r Row) Row {
		k, ok := rowKey(r, c.By)
		if !ok {
			return r
		}
		in := seen[k]
		seen[k] = append(in, maps.Clone(r))
		if current {
			in = seen[k]
		}
		if window > 0 {
			in = in[max(0, len(in)-window):]
		}
		for _, a := range c.Aggs {
			// A null does not replace what the row has.
			if v := m.aggregate(a, in, false); v != nil || r[a.As] == nil {
				r[a.As] = v
			}
		}
		return r
	})
}
