package compiler_test

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/eval"
)

// A small model of Splunk's commands, written from Splunk's Search Reference
// and with no regard to this repository's planner or lifter: it runs the text
// that is emitted. Values are numbers, texts, truth values and null.

type splRow map[string]any

type splModel struct {
	t *testing.T
	// rows are the events of a data model, by its name.
	rows func(model string) []splRow
}

func (m *splModel) search(s *spl.Search) []splRow {
	var rows []splRow
	for _, c := range s.Commands {
		rows = m.command(c, rows)
	}
	return rows
}

// bare takes the name of the dataset off a field.
func bare(f string) string { return f[strings.LastIndexByte(f, '.')+1:] }

func (m *splModel) command(c spl.Command, rows []splRow) []splRow {
	switch c := c.(type) {
	case *spl.Tstats:
		return m.tstats(c, rows)
	case *spl.From:
		return m.rows(c.Model)
	case *spl.MacroCmd, *spl.Convert:
		if mc, ok := c.(*spl.MacroCmd); ok {
			return m.each(rows, func(r splRow) splRow {
				out := splRow{}
				for k, v := range r {
					out[strings.TrimPrefix(k, mc.Macro.Args[0]+".")] = v
				}
				return out
			})
		}
		return rows
	case *spl.SearchCmd:
		return slices.DeleteFunc(slices.Clone(rows), func(r splRow) bool { return !m.match(c.Expr, r) })
	case *spl.Where:
		return slices.DeleteFunc(slices.Clone(rows), func(r splRow) bool { return m.expr(c.Expr, r) != true })
	case *spl.Eval:
		return m.each(rows, func(r splRow) splRow {
			for _, a := range c.Assign {
				r[a.Name] = m.expr(a.Expr, r)
			}
			return r
		})
	case *spl.Fillnull:
		return m.each(rows, func(r splRow) splRow {
			for _, n := range c.Names {
				if r[n] == nil {
					r[n] = c.Value
				}
			}
			return r
		})
	case *spl.Filldown:
		last := map[string]any{}
		return m.each(rows, func(r splRow) splRow {
			for _, n := range c.Names {
				if r[n] == nil {
					r[n] = last[n]
				}
				last[n] = r[n]
			}
			return r
		})
	case *spl.Rename:
		return m.each(rows, func(r splRow) splRow {
			for _, p := range c.Pairs {
				r[p.To] = r[p.From]
				delete(r, p.From)
			}
			return r
		})
	case *spl.Table:
		return m.each(rows, func(r splRow) splRow {
			out := splRow{}
			for _, n := range c.Names {
				out[n] = r[n]
			}
			return out
		})
	case *spl.Fields:
		return m.each(rows, func(r splRow) splRow {
			for _, n := range c.Names {
				delete(r, n)
			}
			return r
		})
	case *spl.Sort:
		out := slices.Clone(rows)
		slices.SortStableFunc(out, func(a, b splRow) int {
			for _, k := range c.Keys {
				if d := splCompare(a[k.Field], b[k.Field]); d != 0 {
					if k.Desc {
						return -d
					}
					return d
				}
			}
			return 0
		})
		return out
	case *spl.Streamstats:
		return m.streamstats(c, rows)
	case *spl.Stats:
		return m.stats(c, rows)
	case *spl.Append:
		return append(slices.Clone(rows), m.search(c.Search)...)
	case *spl.Dedup:
		seen := map[string]bool{}
		var out []splRow
		for _, r := range rows {
			key, ok := splKey(r, c.Names)
			if ok && !seen[key] {
				out = append(out, r)
			}
			seen[key] = true
		}
		return out
	case *spl.Head:
		return rows[:min(len(rows), c.N)]
	case *spl.Join:
		return m.join(c, rows, m.search(c.Search))
	}
	m.t.Fatalf("the model does not know the command %T", c)
	return nil
}

func (m *splModel) each(rows []splRow, f func(splRow) splRow) []splRow {
	out := make([]splRow, len(rows))
	for i, r := range rows {
		c := splRow{}
		for k, v := range r {
			c[k] = v
		}
		out[i] = f(c)
	}
	return out
}

// splKey is the key of a row; false if a field of it is null.
func splKey(r splRow, by []string) (string, bool) {
	key, ok := "", true
	for _, k := range by {
		ok = ok && r[k] != nil
		key += fmt.Sprintf("%d:%s;", len(splText(r[k])), splText(r[k]))
	}
	return key, ok
}

func (m *splModel) join(c *spl.Join, left, right []splRow) []splRow {
	options := map[string]string{}
	for _, o := range c.Options {
		options[o.Name] = o.Value
	}
	var out []splRow
	for _, l := range left {
		n := 0
		lk, lok := splKey(l, c.On)
		for _, r := range right {
			rk, rok := splKey(r, c.On)
			if !lok || !rok || lk != rk || options["max"] == "1" && n == 1 {
				continue
			}
			n++
			both := splRow{}
			for k, v := range l {
				both[k] = v
			}
			for k, v := range r {
				both[k] = v // overwrite=true is the default
			}
			out = append(out, both)
		}
		if n == 0 && options["type"] == "left" {
			out = append(out, l)
		}
	}
	return out
}

// tstats groups events; in the mode prestats it leaves them as they are, each
// with its keys, for stats to count.
func (m *splModel) tstats(c *spl.Tstats, before []splRow) []splRow {
	options := map[string]string{}
	for _, o := range c.Options {
		options[o.Name] = o.Value
	}
	span, unit := 0.0, map[byte]float64{'s': 1, 'm': 60, 'h': 3600, 'd': 86400}
	if n := len(c.BySpan); n > 0 {
		size, err := strconv.Atoi(c.BySpan[:n-1])
		if err != nil {
			m.t.Fatal(err)
		}
		span = float64(size) * unit[c.BySpan[n-1]]
	}
	var events []splRow
	for _, e := range m.rows(c.Model) {
		if c.Where != nil && !m.match(c.Where, e) {
			continue
		}
		r := splRow{"\x00time": e["_time"]}
		for _, a := range c.Aggs {
			if a.Arg != "" && a.Arg != "_time" {
				r["\x00"+a.Arg] = e[bare(a.Arg)]
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

// stats reads what tstats has left for it as it would the events.
func (m *splModel) stats(c *spl.Stats, rows []splRow) []splRow {
	events := false
	if len(rows) > 0 {
		_, events = rows[0]["\x00time"]
	}
	return m.group(c.By, c.Aggs, rows, events)
}

// group is stats and tstats: rows without a key are left out. events says that
// the arguments of functions are kept beside the keys.
func (m *splModel) group(by []string, aggs []spl.Agg, rows []splRow, events bool) []splRow {
	groups := map[string][]splRow{}
	var order []string
	for _, r := range rows {
		key, ok := splKey(r, by)
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
	var out []splRow
	for _, key := range order {
		g := groups[key]
		row := splRow{}
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

func (m *splModel) aggregate(a spl.Agg, rows []splRow, events bool) any {
	var vals []any
	for _, r := range rows {
		var v any
		switch {
		case a.Eval != nil:
			v = m.expr(a.Eval, r)
		case a.Arg == "":
			v = 1.0
		case events && a.Arg == "_time":
			v = r["\x00time"]
		case events:
			v = r["\x00"+a.Arg]
		default:
			v = r[a.Arg]
		}
		if v != nil {
			vals = append(vals, v)
		}
	}
	switch a.Func {
	case "count":
		return float64(len(vals))
	case "dc":
		seen := map[string]bool{}
		for _, v := range vals {
			seen[splText(v)] = true
		}
		return float64(len(seen))
	}
	if len(vals) == 0 {
		return nil
	}
	slices.SortStableFunc(vals, splCompare)
	sum := 0.0
	var nums []float64
	for _, v := range vals {
		if x, ok := splNumber(v); ok {
			nums = append(nums, x)
			sum += x
		}
	}
	switch a.Func {
	case "min":
		return vals[0]
	case "max":
		return vals[len(vals)-1]
	case "sum":
		return sum
	case "avg":
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
			m.t.Fatal(err)
		}
		rank := max(1, int(math.Ceil(f/100*float64(len(nums)))))
		return nums[rank-1]
	}
	m.t.Fatalf("the model does not know the function %s", a.Func)
	return nil
}

func (m *splModel) streamstats(c *spl.Streamstats, rows []splRow) []splRow {
	current, global, window := true, true, 0
	for _, o := range c.Options {
		switch o.Name {
		case "current":
			current = o.Value == "t"
		case "global":
			global = o.Value == "t"
		case "window":
			window, _ = strconv.Atoi(o.Value)
		}
	}
	if window > 0 && global && len(c.By) > 0 {
		m.t.Fatal("a window of rows of all groups is meant by nobody")
	}
	seen := map[string][]splRow{}
	return m.each(rows, func(r splRow) splRow {
		k, ok := splKey(r, c.By)
		if !ok {
			return r // rows without a key are ignored
		}
		in := seen[k]
		whole := splRow{}
		for f, v := range r {
			whole[f] = v
		}
		seen[k] = append(in, whole)
		if current {
			in = seen[k]
		}
		if window > 0 {
			in = in[max(0, len(in)-window):]
		}
		for _, a := range c.Aggs {
			if a.Func == "last" {
				r[a.As] = nil
				for _, p := range in {
					if p[a.Arg] != nil {
						r[a.As] = p[a.Arg]
					}
				}
				continue
			}
			r[a.As] = m.aggregate(a, in, false)
		}
		return r
	})
}

// match evaluates a search expression, which ignores case.
func (m *splModel) match(e spl.SearchExpr, r splRow) bool {
	switch e := e.(type) {
	case *spl.SearchLogic:
		for _, a := range e.Args {
			if m.match(a, r) == e.Or {
				return e.Or
			}
		}
		return !e.Or
	case *spl.SearchNot:
		return !m.match(e.X, r)
	case *spl.SearchIn:
		return slices.ContainsFunc(e.Values, func(v spl.SearchValue) bool { return searchTest(r[bare(e.Field)], "=", v) })
	case *spl.SearchCompare:
		return searchTest(r[bare(e.Field)], e.Op, e.Value)
	}
	m.t.Fatalf("the model does not know the condition %T", e)
	return false
}

func searchTest(v any, op string, w spl.SearchValue) bool {
	if v == nil {
		return false
	}
	if op == "=" {
		parts := make([]string, len(w.Parts))
		for i, p := range w.Parts {
			parts[i] = regexp.QuoteMeta(p)
		}
		return regexp.MustCompile(`(?is)\A` + strings.Join(parts, ".*") + `\z`).MatchString(splText(v))
	}
	x, xok := splNumber(v)
	y, yok := splNumber(w.Parts[0])
	return xok && yok && map[string]bool{"<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y}[op]
}

func splNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		x, err := strconv.ParseFloat(v, 64)
		return x, err == nil
	}
	return 0, false
}

func splText(v any) string {
	switch v := v.(type) {
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		return v
	}
	return ""
}

func splCompare(a, b any) int {
	x, xok := splNumber(a)
	y, yok := splNumber(b)
	switch {
	case xok && yok && x < y:
		return -1
	case xok && yok && x > y:
		return 1
	case xok && yok:
		return 0
	}
	return strings.Compare(splText(a), splText(b))
}

// expr evaluates an expression of eval and where, which is three-valued.
func (m *splModel) expr(e spl.Expr, r splRow) any {
	switch e := e.(type) {
	case *spl.FieldRef:
		return r[e.Name]
	case *spl.StringLit:
		return e.Value
	case *spl.NumberLit:
		x, err := strconv.ParseFloat(e.Text, 64)
		if err != nil {
			m.t.Fatal(err)
		}
		return x
	case *spl.Unary:
		if x, ok := m.expr(e.X, r).(bool); ok && e.Op == "NOT" {
			return !x
		}
		return nil
	case *spl.Binary:
		return m.binary(e.Op, m.expr(e.L, r), m.expr(e.R, r))
	case *spl.CallExpr:
		return m.function(e, r)
	}
	m.t.Fatalf("the model does not know the expression %T", e)
	return nil
}

func (m *splModel) binary(op string, l, r any) any {
	switch op {
	case "AND", "OR":
		stop := op == "OR"
		if l == stop || r == stop {
			return stop
		}
		if l == nil || r == nil {
			return nil
		}
		return !stop
	}
	if l == nil || r == nil {
		return nil
	}
	x, xok := splNumber(l)
	y, yok := splNumber(r)
	switch op {
	case ".":
		return splText(l) + splText(r)
	case "=", "!=", "<", "<=", ">", ">=":
		_, lt := l.(string)
		_, rt := r.(string)
		d := strings.Compare(splText(l), splText(r))
		if xok && yok && !(lt && rt) {
			d = splCompare(x, y)
		}
		return map[string]bool{"=": d == 0, "!=": d != 0, "<": d < 0, "<=": d <= 0, ">": d > 0, ">=": d >= 0}[op]
	}
	if !xok || !yok {
		return nil
	}
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "/":
		if y == 0 {
			return nil
		}
		return x / y
	}
	m.t.Fatalf("the model does not know the operator %s", op)
	return nil
}

func (m *splModel) function(e *spl.CallExpr, r splRow) any {
	args := make([]any, len(e.Args))
	for i, a := range e.Args {
		args[i] = m.expr(a, r)
	}
	switch e.Name {
	case "null":
		return nil
	case "isnull":
		return args[0] == nil
	case "isnotnull":
		return args[0] != nil
	case "if":
		if args[0] == true {
			return args[1]
		}
		return args[2]
	case "coalesce":
		for _, a := range args {
			if a != nil {
				return a
			}
		}
		return nil
	}
	if slices.Contains(args, nil) {
		return nil
	}
	switch e.Name {
	case "floor":
		x, _ := splNumber(args[0])
		return math.Floor(x)
	case "len":
		return float64(len([]rune(splText(args[0]))))
	case "lower":
		return strings.ToLower(splText(args[0]))
	case "match":
		return regexp.MustCompile(splText(args[1])).MatchString(splText(args[0]))
	}
	m.t.Fatalf("the model does not know the function %s", e.Name)
	return nil
}

// runSPL runs a search over tables and gives the columns of like.
func runSPL(t *testing.T, s *spl.Search, tables map[string][]eval.Row, like []eval.Row) []eval.Row {
	t.Helper()
	m := &splModel{t: t, rows: func(model string) []splRow {
		var out []splRow
		for _, row := range tables[model] {
			r := splRow{}
			for _, c := range row.Columns() {
				switch v := row.Get(c).(type) {
				case nil:
				case int64:
					r[c] = float64(v)
				default:
					r[c] = v
				}
			}
			out = append(out, r)
		}
		return out
	}}
	rows := m.search(s)
	var names []string
	if len(like) > 0 {
		names = like[0].Columns()
	}
	table := make([][]any, len(rows))
	for i, r := range rows {
		for _, n := range names {
			v, ok := r[n]
			if !ok && n == "Timestamp" {
				v = r["_time"] // Splunk's own name for it
			}
			table[i] = append(table[i], v)
		}
	}
	return eval.NewTable(names, table...)
}
