package compiler_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// kustoTable runs the operators that the Defender backend emits as Kusto
// defines them (the pages of sort, prev, summarize, join and union, and of the
// aggregates).
func kustoTable(q *kql.Query, tables map[string][]map[string]any) []map[string]any {
	if len(q.Lets) > 0 {
		tables = maps.Clone(tables)
		for _, l := range q.Lets {
			tables[l.Name] = kustoTable(l.Query, tables)
		}
	}
	var rows []map[string]any
	switch src := q.Source.(type) {
	case *kql.Datatable:
		for i, v := range src.Values {
			if i%len(src.Cols) == 0 {
				rows = append(rows, map[string]any{})
			}
			rows[len(rows)-1][src.Cols[i%len(src.Cols)].Name] = kustoValue(v, nil)
		}
	case *kql.Table:
		rows = slices.Clone(tables[src.Name])
	case *kql.UnionSource:
		var names []string
		for _, in := range src.Inputs {
			rows = append(rows, kustoTable(in, tables)...)
			names = append(names, kustoColumns(in)...)
		}
		rows = kustoFilled(rows, names, tables)
	}
	for _, op := range q.Ops {
		rows = kustoOp(op, rows, tables)
	}
	return rows
}

// kustoTexts is beside the tables a row of the names of which the columns are
// texts, where that is known: what an input of a union or the right side of a
// join lacks is the empty text in them, and null in others.
const kustoTexts = "\x00texts"

func kustoFilled(rows []map[string]any, names []string, tables map[string][]map[string]any) []map[string]any {
	if tables[kustoTexts] == nil {
		return rows
	}
	out := make([]map[string]any, len(rows))
	for i, r := range rows {
		out[i] = maps.Clone(r)
		for _, name := range names {
			if _, text := tables[kustoTexts][0][name]; text && r[name] == nil {
				out[i][name] = ""
			}
		}
	}
	return out
}

// kustoColumns are the columns that a query names last.
func kustoColumns(q *kql.Query) []string {
	var names []string
	for _, op := range q.Ops {
		switch op := op.(type) {
		case *kql.Project:
			names = nil
			for _, c := range op.Cols {
				names = append(names, kustoName(c))
			}
		case *kql.Extend:
			for _, c := range op.Cols {
				names = append(names, kustoName(c))
			}
		case *kql.Summarize:
			names = nil
			for _, c := range append(slices.Clone(op.By), op.Aggs...) {
				if len(c.Names) > 0 {
					names = append(names, c.Names...)
				} else {
					names = append(names, kustoName(c))
				}
			}
		case *kql.Distinct:
			names = nil
			for _, n := range op.Names {
				names = append(names, n.Name)
			}
		}
	}
	if src, ok := q.Source.(*kql.Datatable); ok {
		for _, c := range src.Cols {
			names = append(names, c.Name)
		}
	}
	return names
}

func kustoOp(op kql.Op, rows []map[string]any, tables map[string][]map[string]any) []map[string]any {
	var out []map[string]any
	switch op := op.(type) {
	case *kql.Where:
		if list, ok := op.Pred.(*kql.In); ok {
			if name, ok := list.Values[0].(*kql.Column); ok && tables[name.Name] != nil {
				return kustoListed(list, rows, tables[name.Name])
			}
			if sub, ok := list.Values[0].(*kql.SubQuery); ok {
				return kustoListed(list, rows, kustoTable(sub.Query, tables))
			}
		}
		for i, r := range rows {
			if kustoWindowed(op.Pred, rows, i) == true {
				out = append(out, r)
			}
		}
	case *kql.Serialize:
		return kustoOp(&kql.Extend{Cols: op.Cols}, rows, tables)
	case *kql.Extend:
		for i, r := range rows {
			c := map[string]any{}
			for k, v := range r {
				c[k] = v
			}
			for _, col := range op.Cols {
				c[kustoName(col)] = kustoWindowed(col.X, rows, i)
			}
			out = append(out, c)
		}
	case *kql.Project:
		for i := range rows {
			c := map[string]any{}
			for _, col := range op.Cols {
				c[kustoName(col)] = kustoWindowed(col.X, rows, i)
			}
			out = append(out, c)
		}
	case *kql.ProjectAway:
		for _, r := range rows {
			c := map[string]any{}
			for k, v := range r {
				if !slices.ContainsFunc(op.Names, func(n *kql.Column) bool { return n.Name == k }) {
					c[k] = v
				}
			}
			out = append(out, c)
		}
	case *kql.Sort:
		return kustoSorted(rows, op.Keys)
	case *kql.Top:
		rows = kustoSorted(rows, []kql.SortKey{op.Key})
		return rows[:min(len(rows), int(op.N))]
	case *kql.Take:
		return rows[:min(len(rows), int(op.N))]
	case *kql.Distinct:
		seen := map[string]bool{}
		for _, r := range rows {
			c := map[string]any{}
			key := ""
			for _, n := range op.Names {
				c[n.Name] = r[n.Name]
				key += fmt.Sprintf("%#v|", r[n.Name])
			}
			if !seen[key] {
				seen[key] = true
				out = append(out, c)
			}
		}
	case *kql.Summarize:
		return kustoFilled(kustoSummarize(op, rows), kustoColumns(&kql.Query{Ops: []kql.Op{op}}), tables)
	case *kql.Lookup:
		// A join that does not repeat the keys; what has no partner has empty
		// texts in the columns of the right side, which are texts here.
		out = kustoOp(&kql.JoinOp{Kind: op.Kind, Right: op.Right, On: op.On}, rows, tables)
		for i, r := range out {
			out[i] = maps.Clone(r)
			for _, k := range op.On {
				delete(out[i], k.Right.Name+"1")
			}
		}
	case *kql.JoinOp:
		right := kustoTable(op.Right, tables)
		if kind, ok := strings.CutPrefix(op.Kind, "right"); ok || op.Kind == "fullouter" {
			return kustoRightJoin(op, kind, rows, right, tables)
		}
		if op.Kind == "" || op.Kind == "innerunique" {
			// Which row of the left side stays is open; the first is taken here.
			seen := map[string]bool{}
			rows = slices.DeleteFunc(slices.Clone(rows), func(r map[string]any) bool {
				key := ""
				for _, k := range op.On {
					key += fmt.Sprintf("%#v|", r[k.Left.Name])
				}
				fresh := !seen[key]
				seen[key] = true
				return !fresh
			})
			op = &kql.JoinOp{Kind: "inner", Right: op.Right, On: op.On}
		}
		for _, l := range rows {
			found := false
			for _, r := range right {
				same := true
				for _, k := range op.On {
					// Null equals nothing; an empty text equals another.
					same = same && kustoCompare("==", l[k.Left.Name], r[k.Right.Name]) == true
				}
				if !same {
					continue
				}
				if op.Kind == "leftsemi" {
					if !found {
						out = append(out, l)
					}
					found = true
					continue
				}
				found = true
				if op.Kind != "leftanti" {
					c := map[string]any{}
					for k, v := range r {
						if _, taken := l[k]; taken {
							k += "1"
						}
						c[k] = v
					}
					for k, v := range l {
						c[k] = v
					}
					out = append(out, c)
				}
			}
			if !found && op.Kind != "inner" && op.Kind != "leftsemi" {
				if op.Kind == "leftouter" {
					names := kustoColumns(op.Right)
					if len(names) == 0 && len(right) > 0 {
						names = slices.Sorted(maps.Keys(right[0]))
					}
					l = kustoFilled([]map[string]any{l}, names, tables)[0]
				}
				out = append(out, l)
			}
		}
	case *kql.Unknown:
		if strings.TrimSpace(op.Text) == "count" {
			return []map[string]any{{"Count": int64(len(rows))}}
		}
		panic("not run here: " + op.Text)
	default:
		panic(fmt.Sprintf("not run here: %T", op))
	}
	return out
}

// kustoRightJoin is a join that keeps rows of the right side: the rows of the
// other side that have or lack a partner, under the names that a join gives.
func kustoRightJoin(op *kql.JoinOp, kind string, left, right []map[string]any, tables map[string][]map[string]any) []map[string]any {
	paired := func(l, r map[string]any) bool {
		for _, k := range op.On {
			if kustoCompare("==", l[k.Left.Name], r[k.Right.Name]) != true {
				return false
			}
		}
		return true
	}
	var out []map[string]any
	if kind == "outer" {
		out = kustoOp(&kql.JoinOp{Kind: "inner", Right: op.Right, On: op.On}, left, tables)
	} else if op.Kind == "fullouter" {
		out = kustoOp(&kql.JoinOp{Kind: "leftouter", Right: op.Right, On: op.On}, left, tables)
	}
	names := map[string]bool{}
	for _, l := range left {
		for n := range l {
			names[n] = true
		}
	}
	for _, r := range right {
		found := slices.ContainsFunc(left, func(l map[string]any) bool { return paired(l, r) })
		switch {
		case kind == "semi" && found, kind == "anti" && !found:
			out = append(out, r)
		case (kind == "outer" || op.Kind == "fullouter") && !found:
			c := map[string]any{}
			for n, v := range r {
				if names[n] {
					n += "1"
				}
				c[n] = v
			}
			out = append(out, c)
		}
	}
	return out
}

// kustoListed keeps the rows whose value is one of the only column of a table.
func kustoListed(list *kql.In, rows, table []map[string]any) []map[string]any {
	var out []map[string]any
	for _, r := range rows {
		found := slices.ContainsFunc(table, func(t map[string]any) bool {
			for _, v := range t {
				return kustoCompare("==", kustoValue(list.X, r), v) == true
			}
			return false
		})
		if found == (list.Op == "in") {
			out = append(out, r)
		}
	}
	return out
}

func kustoName(c kql.NamedExpr) string {
	if c.Name != "" {
		return c.Name
	}
	switch x := c.X.(type) {
	case *kql.Column:
		return x.Name
	case *kql.Call:
		switch x.Name {
		case "count", "countif":
			return x.Name + "_"
		case "make_set":
			return "set_" + x.Args[0].(*kql.Column).Name
		}
	}
	panic("not run here: the name of " + kql.PrintExpr(c.X))
}

// kustoWindowed evaluates an expression that may look at the rows before.
func kustoWindowed(x kql.Expr, rows []map[string]any, i int) any {
	known := map[*kql.Call]any{}
	kql.Walk(x, func(n diag.Node) bool {
		c, ok := n.(*kql.Call)
		if !ok {
			return true
		}
		switch c.Name {
		case "prev":
			known[c] = kustoPrev(c, rows, i)
			return false
		case "row_window_session":
			known[c] = kustoSession(c, rows, i)
			return false
		case "row_number":
			n := int64(0)
			for j := range i + 1 {
				if n++; len(c.Args) == 2 && kustoWindowed(c.Args[1], rows, j) == true {
					n = kustoValue(c.Args[0], nil).(int64)
				}
			}
			known[c] = n
			return false
		}
		return true
	})
	if len(known) == 0 {
		return kustoValue(x, rows[i])
	}
	row := maps.Clone(rows[i])
	row[""] = known
	return kustoValue(x, row)
}

// kustoPrev is null before the first row, which for text is the empty text.
func kustoPrev(c *kql.Call, rows []map[string]any, i int) any {
	offset := 1
	if len(c.Args) >= 2 {
		offset = int(kustoValue(c.Args[1], nil).(int64))
	}
	if i >= offset {
		return kustoValue(c.Args[0], rows[i-offset])
	}
	if len(c.Args) == 3 {
		return kustoValue(c.Args[2], rows[i])
	}
	if _, ok := kustoValue(c.Args[0], rows[0]).(string); ok {
		return ""
	}
	return nil
}

// kustoSession is row_window_session as its page defines it: there is a new
// session at the first row, where the time is not less than the session's
// first by the one length or than the time before by the other, and where the
// condition holds.
func kustoSession(c *kql.Call, rows []map[string]any, i int) any {
	var start any
	for j := range i + 1 {
		at := kustoValue(c.Args[0], rows[j])
		fresh := start == nil ||
			kustoCompare(">=", kustoCompare("-", at, start), kustoValue(c.Args[1], nil)) == true ||
			kustoCompare(">=", kustoCompare("-", at, kustoValue(c.Args[0], rows[j-1])), kustoValue(c.Args[2], nil)) == true ||
			len(c.Args) == 4 && kustoWindowed(c.Args[3], rows, j) == true
		if fresh {
			start = at
		}
	}
	return start
}

func kustoSorted(rows []map[string]any, keys []kql.SortKey) []map[string]any {
	out := slices.Clone(rows)
	slices.SortStableFunc(out, func(a, b map[string]any) int {
		for _, k := range keys {
			l, r := kustoValue(k.X, a), kustoValue(k.X, b)
			c := 0
			first := -1 // nulls are first when ascending, last when descending
			if k.Nulls == "last" || k.Nulls == "" && k.Desc {
				first = 1
			}
			switch {
			case l == nil && r == nil:
			case l == nil:
				c = first
			case r == nil:
				c = -first
			default:
				if c = kustoOrder(l, r); k.Desc {
					c = -c
				}
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	return out
}

func kustoSummarize(op *kql.Summarize, rows []map[string]any) []map[string]any {
	type group struct {
		key  map[string]any
		rows []map[string]any
	}
	var groups []*group
	index := map[string]*group{}
	for i, r := range rows {
		key := map[string]any{}
		text := ""
		for _, c := range op.By {
			key[kustoName(c)] = kustoWindowed(c.X, rows, i)
			text += fmt.Sprintf("%#v|", key[kustoName(c)])
		}
		if index[text] == nil {
			index[text] = &group{key: key}
			groups = append(groups, index[text])
		}
		index[text].rows = append(index[text].rows, r)
	}
	if len(rows) == 0 && len(op.By) == 0 {
		groups = []*group{{key: map[string]any{}}}
	}
	var out []map[string]any
	for _, g := range groups {
		for _, a := range op.Aggs {
			if len(a.Names) > 0 {
				c := a.X.(*kql.Call)
				g.key[a.Names[0]], g.key[a.Names[1]] = kustoExtreme(c, g.rows)
				if _, best := kustoExtremeRow(c, g.rows); best != nil {
					for i, n := range a.Names[2:] {
						g.key[n] = kustoValue(c.Args[2+i], best)
					}
				}
				continue
			}
			if c, ok := a.X.(*kql.Call); ok && a.Name == "" && (c.Name == "arg_max" || c.Name == "arg_min") {
				kustoExtremes(c, g.rows, g.key)
				continue
			}
			name := kustoName(a)
			for n := 1; ; n++ {
				if _, taken := g.key[name]; !taken {
					break
				}
				name = fmt.Sprintf("%s%d", kustoName(a), n)
			}
			g.key[name] = kustoAggregate(a.X, g.rows)
		}
		out = append(out, g.key)
	}
	return out
}

// kustoExtreme is arg_min or arg_max: rows in which the first expression is null
// are skipped, unless it is in all of them; then any row will do.
func kustoExtreme(c *kql.Call, rows []map[string]any) (of, x any) {
	of, best := kustoExtremeRow(c, rows)
	if best == nil {
		return nil, nil
	}
	return of, kustoValue(c.Args[1], best)
}

// kustoExtremes is arg_min or arg_max without names: the columns keep theirs.
func kustoExtremes(c *kql.Call, rows []map[string]any, out map[string]any) {
	of, best := kustoExtremeRow(c, rows)
	out[c.Args[0].(*kql.Column).Name] = of
	for _, a := range c.Args[1:] {
		if col, ok := a.(*kql.Column); ok {
			out[col.Name] = best[col.Name]
			continue
		}
		for n, v := range best {
			if _, taken := out[n]; !taken {
				out[n] = v
			}
		}
	}
}

func kustoExtremeRow(c *kql.Call, rows []map[string]any) (of any, best map[string]any) {
	for _, r := range rows {
		v := kustoValue(c.Args[0], r)
		switch {
		case v == nil:
			if best == nil {
				best = r
			}
		case of == nil, c.Name == "arg_max" && kustoOrder(v, of) > 0, c.Name == "arg_min" && kustoOrder(v, of) < 0:
			best, of = r, v
		}
	}
	return of, best
}

// kustoAggregate evaluates an expression over the aggregates of some rows.
func kustoAggregate(x kql.Expr, rows []map[string]any) any {
	known := map[*kql.Call]any{}
	kql.Walk(x, func(n diag.Node) bool {
		c, ok := n.(*kql.Call)
		if !ok {
			return true
		}
		switch c.Name {
		case "iff", "case", "tostring", "tolong", "todouble", "todatetime", "array_sort_asc", "array_length", "toint", "ceiling":
			return true
		}
		known[c] = kustoAggregateOf(c, rows)
		return false
	})
	return kustoValue(x, map[string]any{"": known})
}

func kustoAggregateOf(c *kql.Call, rows []map[string]any) any {
	var vals []any
	for _, r := range rows {
		switch {
		case len(c.Args) == 0:
			vals = append(vals, true)
			continue
		case c.Name == "countif":
			if kustoValue(c.Args[0], r) == true {
				vals = append(vals, true)
			}
			continue
		case c.Name == "percentile":
		case len(c.Args) == 2 && kustoValue(c.Args[1], r) != true:
			continue
		}
		if v := kustoValue(c.Args[0], r); v != nil { // nulls are ignored
			vals = append(vals, v)
		}
	}
	sum := func() (total float64) {
		for _, v := range vals {
			total += kustoFloat(v)
		}
		return total
	}
	set := func() []any {
		var out []any
		for _, v := range vals {
			if !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
		return out
	}
	switch c.Name {
	case "count", "countif":
		return int64(len(vals))
	case "count_distinct", "count_distinctif", "dcount": // an estimate, but of few values
		return int64(len(set()))
	case "make_set", "make_set_if":
		return set()
	case "make_list", "make_list_if":
		return vals
	case "sum", "sumif":
		return sum()
	case "avg", "avgif":
		if len(vals) == 0 { // the example of summarize-operator.md
			return math.NaN()
		}
	case "stdev", "stdevif":
		if len(vals) < 2 {
			return 0.0
		}
		mean := sum() / float64(len(vals))
		squares := 0.0
		for _, v := range vals {
			squares += (kustoFloat(v) - mean) * (kustoFloat(v) - mean)
		}
		return math.Sqrt(squares / float64(len(vals)-1))
	}
	if len(vals) == 0 {
		return nil
	}
	switch c.Name {
	case "percentile": // the nearest rank, which is an estimate of many values
		slices.SortFunc(vals, kustoOrder)
		rank := math.Ceil(kustoFloat(kustoValue(c.Args[1], nil)) / 100 * float64(len(vals)))
		return vals[max(int(rank), 1)-1]
	case "take_any": // any value, but of those that are not empty if there are such
		if i := slices.IndexFunc(vals, func(v any) bool { return v != "" }); i >= 0 {
			return vals[i]
		}
		return vals[0]
	case "avg", "avgif":
		return sum() / float64(len(vals))
	case "min", "minif":
		return slices.MinFunc(vals, kustoOrder)
	case "max", "maxif":
		return slices.MaxFunc(vals, kustoOrder)
	}
	panic("not run here: " + c.Name)
}

// comparable shows rows as text: missing and empty are one, lengths of time
// are seconds, sets are in order.
func comparable(names []string, get func(name string) any) string {
	var parts []string
	for _, name := range names {
		var text string
		switch v := get(name).(type) {
		case nil:
		case time.Duration:
			text = fmt.Sprintf("%.6f", v.Seconds())
		case float64:
			text = fmt.Sprintf("%.6f", v)
		case int64:
			text = fmt.Sprintf("%.6f", float64(v))
		case []any:
			var items []string
			for _, x := range v {
				items = append(items, fmt.Sprint(x))
			}
			slices.Sort(items)
			text = strings.Join(items, "+")
		default:
			text = fmt.Sprint(v)
		}
		parts = append(parts, name+"="+text)
	}
	return strings.Join(parts, " ")
}

// TestDefenderPipelinesKeepMeaning is law 3 for whole hunts: the emitted query,
// run as Kusto runs it over rows as Defender stores them, gives the rows that
// the IR gives.
func TestDefenderPipelinesKeepMeaning(t *testing.T) {
	pipelines := []string{
		"gaps of Timestamp as d by SourceIp, DestinationPort\nwhere d > 90s",
		"gaps of Timestamp as d by DestinationIp\nsummarize n = count(), m = avg(d), s = stdev(d), lo = min(d), hi = max(d) by DestinationIp\nwhere s < 2h",
		"gaps of Timestamp as d by DestinationPort\nsummarize n = count(), s = stdev(d) by DestinationPort\nwhere n > 1 and s >= 0s",
		"summarize n = count(), v = values(DestinationIp), c = dcount(DestinationIp), p = dcount(DestinationPort), t = sum(DestinationPort), s = stdev(DestinationPort), a = avg(DestinationPort) by Computer",
		"summarize lo = min(DestinationIp), hi = max(DestinationIp), f = first(DestinationIp), l = last(DestinationPort), ft = first(Timestamp) by Computer, h = bin(Timestamp, 1h)",
		"where DestinationPort > 5\nsummarize s = sum(SourcePort), n = count()",
		"where SourcePort > 70000\nsummarize s = sum(SourcePort), n = count(), d = stdev(SourcePort)",
		"distinct Computer, DestinationPort\nsort by Computer asc, DestinationPort desc",
		"summarize n = count() by Computer\ntop 2 by n desc, Computer asc",
		"summarize n = count() by DestinationPort\nsort by DestinationPort desc\nlimit 2",
		"extend d = DestinationPort / 7, q = DestinationPort * 2 - 1\nwhere not (d > 6) and q != 3\nproject Computer, d, q",
		"join kind=inner other on Computer, DestinationPort\nsummarize n = count() by Computer, Port",
		"join kind=left other on Computer\nsummarize n = count(), p = max(Port) by Computer",
		"join kind=anti other on Computer, DestinationPort\nsummarize n = count() by Computer, DestinationPort",
		"union other\nsummarize n = count() by Computer, DestinationPort",
		"summarize v = values(SourceIp) by DestinationPort\nwhere exists(v)\nproject DestinationPort",
		"summarize v = values(SourceIp) by DestinationPort\nwhere not exists(v)\nproject DestinationPort",
		"summarize v = values(SourceIp), t = max(Timestamp) by DestinationPort, Computer\nsort by t asc\nextend p = if(exists(v), 'some', 'none')\nproject Computer, p",
		"extend c = concat(SourceIp, 'x', DestinationPort)\nsummarize n = count() by c",
		"extend c = concat(SourceIp, 'x', DestinationPort)\nproject Timestamp, c",
		"where concat(SourceIp, 'x', Computer) like '*'\nsummarize n = count() by SourceIp, Computer",
		"where not (concat(SourceIp, Computer) startswith '1')\nsummarize n = count() by SourceIp, Computer",
		"where concat('x', SourceIp) matches regex '^x?'\nsummarize n = count() by SourceIp",
		"where strlen(concat(SourceIp, 'x')) < 3\nsummarize n = count() by SourceIp",
		"where not (strlen(concat(SourceIp, 'x')) > 3)\nsummarize n = count() by SourceIp",
		"summarize n = count() by SourceIp\nwhere concat(SourceIp, '!') = concat(SourceIp, '!')",
		"summarize n = dcount(concat(SourceIp, Computer)), v = values(concat(SourceIp, Computer)) by DestinationPort",
		"summarize n = count() by SourceIp, Computer\nwhere substring(SourceIp, 50) = ''",
		"summarize n = count() by SourceIp, Computer\nwhere not (substring(SourceIp, 50) = '')",
		"summarize n = count() by SourceIp, Computer\nwhere substring(SourceIp, 50) like '*'",
		"summarize n = count() by SourceIp, Computer\nwhere SourceIp matches regex '^[0-9]*'",
		"where tostring(coalesce(SourcePort, DestinationPort)) like '*'\nsummarize n = count() by SourcePort, DestinationPort",
		"where not (tostring(if(SourcePort > 45, DestinationPort)) like '*')\nsummarize n = count() by SourcePort, DestinationPort",
		"extend p = joined(parts(SourceIp, '.'), '-'), last = item(parts(SourceIp, '.'), -1), second = item(parts(SourceIp, '.'), 1)\nsummarize n = count() by p, last, second",
		"extend n = size(parts(SourceIp, '.'))\nsummarize rows = count() by n",
		"where size(parts(SourceIp, '.')) = 4\nsummarize n = count() by SourceIp",
		"where not (item(parts(SourceIp, '.'), 7) like '*')\nsummarize n = count() by SourceIp",
		"extend who = json(concat('{\"a\": {\"b\": \"', Computer, '\"}, \"l\": [7, \"x\"]}'))\nextend b = tostring(property(who, 'a', 'b')), x = tostring(element(property(who, 'l'), 1)), y = tostring(property(who, 'A'))\nsummarize n = count() by b, x, y",
		"where property(json(concat('{\"b\": \"', Computer, '\"}')), 'b') in ('A', 'c')\nsummarize n = count() by Computer",
		"extend a = toint('12'), b = tolong(DestinationPort), c = tolong(concat('1', SourceIp))\nsummarize n = count() by a, b, c",
		"where Timestamp > instant('2026-01-02') and Timestamp < instant('2026-01-03')\nsummarize n = count() by SourceIp",
		"extend odd = if(SourceIp startswith '1' or DestinationPort > 50, true, false)\nsummarize n = count() by odd",
		"extend odd = if(DestinationPort > 50, true, false)\nwhere odd = true\nsummarize n = count() by SourceIp",
	}
	const doc = `title: A pipeline of a test
status: test
author: test
level: low
taxonomy: huntc
logsource: {category: network_connection}
detection:
  s: {DestinationIp|contains: '.'}
  f: {SourcePort|lt: 0}
  condition: s and not f
hunt:
  branches:
    other:
      logsource: {category: network_connection}
      detection: {s: {SourcePort: 44}, condition: s}
      output: [Computer, DestinationPort, Port]
  pipeline: |
`
	b, s := defenderBackend(t)
	r := rand.New(rand.NewPCG(5, 6))
	for _, pipeline := range pipelines {
		text := strings.Replace(doc, ", Port]", "]", 1)
		if strings.Contains(pipeline, "Port = ") || strings.Contains(pipeline, "Port)") || strings.Contains(pipeline, ", Port") {
			text = strings.Replace(doc, ", Port]", ", SourcePort]", 1)
			pipeline = strings.ReplaceAll(strings.ReplaceAll(pipeline, "max(Port)", "max(SourcePort)"), ", Port", ", SourcePort")
		}
		if !strings.Contains(pipeline, "other") {
			i, j := strings.Index(text, "  branches:"), strings.Index(text, "  pipeline:")
			text = text[:i] + text[j:]
		}
		text += indent(indent(pipeline))
		file, diags := sigma.Load("hunt.yml", []byte(text), nil)
		if len(file.Hunts) != 1 {
			t.Fatalf("%s: %v", pipeline, diags)
		}
		checkDefenderHunt(t, b, s, text)
		res := s.Resolve(file.Hunts[0], schema.XDR)
		if res.Query == nil {
			t.Fatalf("%s: %v", pipeline, res.Diagnostics)
		}
		plan, _ := b.Plan(res.Query, nil)
		query := b.Lower(plan)
		for range 20 {
			rows, maps := connectionRows(r, 25)
			want, err := eval.Runner{Now: kustoNow, Source: func(*ir.Scan) ([]eval.Row, error) { return rows, nil }}.Run(res.Query)
			if err != nil {
				t.Fatal(err)
			}
			got := kustoTable(query, map[string][]map[string]any{"DeviceNetworkEvents": maps})
			names := resultColumns(res.Query)
			var wantText, gotText []string
			for _, row := range want {
				wantText = append(wantText, comparable(names, row.Get))
			}
			for _, row := range got {
				gotText = append(gotText, comparable(names, func(name string) any { return row[name] }))
			}
			if !isOrdered(res.Query) {
				slices.Sort(wantText)
				slices.Sort(gotText)
			}
			if !slices.Equal(wantText, gotText) {
				t.Fatalf("%s\nwant\n%s\ngot\n%s\nfrom\n%s", pipeline, strings.Join(wantText, "\n"), strings.Join(gotText, "\n"), kql.Print(query))
			}
		}
	}
}

// resultColumns are the columns that the hunt itself names; a query over plain
// events is compared by what tells rows apart.
func resultColumns(q ir.Query) []string {
	var names []string
	switch q := q.(type) {
	case *ir.Aggregate:
		for _, c := range q.By {
			names = append(names, c.As)
		}
		for _, a := range q.Aggs {
			names = append(names, a.As)
		}
	case *ir.Project:
		for _, c := range q.Cols {
			names = append(names, c.As)
		}
	case *ir.Distinct:
		for _, f := range q.By {
			names = append(names, f.Name)
		}
	case *ir.Scan:
		names = []string{"ReportId"}
	case *ir.Window:
		names = append(resultColumns(q.Input), q.As)
	case *ir.Lag:
		names = append(resultColumns(q.Input), q.As)
	case *ir.Rank:
		names = append(resultColumns(q.Input), q.As)
	default:
		return resultColumns(ir.Inputs(q)[0])
	}
	return names
}

func isOrdered(q ir.Query) bool {
	switch q := q.(type) {
	case *ir.Sort:
		return true
	case *ir.Limit:
		return isOrdered(q.Input)
	}
	return false
}

// connectionRows are rows of DeviceNetworkEvents with times apart, so that no
// order depends on ties.
func connectionRows(r *rand.Rand, n int) ([]eval.Row, []map[string]any) {
	names := []string{"Timestamp", "DeviceId", "DeviceName", "ReportId", "ActionType", "LocalIP", "LocalPort", "RemoteIP", "RemotePort",
		"InitiatingProcessAccountDomain", "InitiatingProcessAccountName"}
	pick := func(list ...any) any { return list[r.IntN(len(list))] }
	at := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	var rows []eval.Row
	var maps []map[string]any
	for i := range n {
		at = at.Add(time.Duration(1+r.IntN(3000)) * time.Second)
		vals := []any{at, "d", pick("", "a", "b", "c"), int64(i), pick("ConnectionSuccess", "ConnectionFailed", "ListeningConnectionCreated"),
			pick("10.0.0.1", "10.0.0.2", ""), pick(nil, int64(44), int64(50)), pick("1.1.1.1", "2.2.2.2", "", "fe80::1"), pick(nil, int64(44), int64(443), int64(2)), "", ""}
		m := map[string]any{}
		for j, name := range names {
			m[name] = vals[j]
		}
		maps = append(maps, m)
		for j, v := range vals {
			if v == "" {
				vals[j] = nil // what Defender stores for a missing text
			}
		}
		rows = append(rows, eval.NewRow(names, vals...))
	}
	order := r.Perm(n)
	shuffled := make([]eval.Row, n)
	shuffledMaps := make([]map[string]any, n)
	for i, j := range order {
		shuffled[i], shuffledMaps[i] = rows[j], maps[j]
	}
	return shuffled, shuffledMaps
}
