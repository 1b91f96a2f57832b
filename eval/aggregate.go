package eval

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/huntc/huntc/ir"
)

// aggregate adds up the rows of each group: of those that are found already, else
// of those that the keys make.
func (r Runner) aggregate(q *ir.Aggregate, in []Row, found []*group) ([]Row, error) {
	by, err := r.columns(q.By)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range by {
		names = append(names, c.as)
	}
	args := make([]Value, len(q.Aggs))
	for i, a := range q.Aggs {
		names = append(names, a.As)
		if a.Native != "" && !r.kustoOwn(a) && !Estimated(a) || a.Func == ir.Any || a.Func == ir.List {
			return nil, &NotEvaluable{a.Span, "the aggregate " + cmp.Or(a.Native, string(a.Func)) + " (as " + a.As + ") is a target's own, so it cannot be run here"}
		}
		if a.X == nil {
			continue
		}
		if args[i], err = r.environment().value(a.X); err != nil {
			return nil, err
		}
	}
	s := newShape(names)

	keys := func(row Row) ([]any, error) {
		vals := make([]any, len(by), len(names))
		for i, c := range by {
			if vals[i], err = c.value(row); err != nil {
				return nil, err
			}
		}
		return vals, nil
	}
	var keyErr error
	if found == nil {
		found = groups(in, func(b []byte, row Row) []byte {
			vals, err := keys(row)
			if err != nil {
				keyErr = err
			}
			for _, v := range vals {
				b = appendKey(b, v)
			}
			return b
		})
	}
	if keyErr != nil {
		return nil, keyErr
	}
	if len(found) == 0 && len(by) == 0 {
		found = []*group{{}}
	}
	out := make([]Row, len(found))
	for i, g := range found {
		var vals []any
		if len(g.rows) > 0 {
			if vals, err = keys(g.key()); err != nil {
				return nil, err
			}
		}
		for j, a := range q.Aggs {
			v := aggregateOne(a, args[j], g.rows, r.splunk())
			if v == nil && r.kustoOwn(a) {
				v = int64(0)
			}
			vals = append(vals, v)
		}
		out[i] = Row{shape: s, vals: vals, events: together(g.rows...)}
	}
	return out, nil
}

// Estimated reports whether an aggregate is one that a target estimates, and that
// is counted exactly here: Kusto's dcount (dcount-aggregation-function.md).
func Estimated(a *ir.Agg) bool {
	return a.Func == ir.DCount && a.Native == "dcount" && len(a.More) == 0
}

// kustoOwn reports whether an aggregate is Kusto's own sum or deviation, which are
// 0 where there is too little to add up or to compare (summarize-operator.md). Of
// its others, an empty text is a value.
func (r Runner) kustoOwn(a *ir.Agg) bool {
	return r.Empty == MissingIsEmpty && (a.Native == "stdev" && a.Func == ir.Stdev || a.Native == "sum" && a.Func == ir.Sum)
}

// splunk reports whether rows are Splunk's, whose aggregates differ in two ways:
// the deviation of one value is 0, and values are in the order of texts, numbers
// too (Search Reference: the example of mean(), values). What is compiled for
// Splunk makes up for the one where it matters, and for the other nothing has to.
func (r Runner) splunk() bool { return r.Seconds && r.Empty == EmptyIsText }

// aggregateOne is one aggregate of one group. All but the counts are
// missing where no row has a value for them.
func aggregateOne(a *ir.Agg, arg Value, rows []Row, splunk bool) any {
	f := a.Func
	switch f {
	case ir.Count:
		return int64(len(rows))
	case ir.CountIf:
		n := int64(0)
		for _, row := range rows {
			if arg(row) == true {
				n++
			}
		}
		return n
	case ir.ArgMin, ir.ArgMax:
		return extreme(a, arg, rows)
	}
	var vals []any // one by one: a field with several values counts as several
	var at []Row   // the row of each
	for _, row := range rows {
		switch v := arg(row).(type) {
		case nil:
		case []any:
			for _, x := range v {
				vals, at = append(vals, x), append(at, row)
			}
		default:
			vals, at = append(vals, v), append(at, row)
		}
	}
	switch f {
	case ir.DCount:
		seen := map[string]bool{}
		for _, v := range vals {
			seen[string(appendKey(nil, v))] = true
		}
		return int64(len(seen))
	case ir.Values:
		if splunk {
			slices.SortStableFunc(vals, func(a, b any) int { return strings.Compare(text(a), text(b)) })
		} else {
			slices.SortStableFunc(vals, compareTotal)
		}
		seen := map[string]bool{}
		var list []any
		for _, v := range vals {
			if k := string(appendKey(nil, v)); !seen[k] {
				seen[k] = true
				list = append(list, v)
			}
		}
		return normal(list)
	case ir.First, ir.Last:
		return edge(f, vals, at)
	}
	if len(vals) == 0 {
		return nil
	}
	if f == ir.Stdev && splunk && len(vals) == 1 {
		if _, ok := toNumber(vals[0]); ok {
			return int64(0)
		}
	}
	switch f {
	case ir.Min:
		return slices.MinFunc(vals, compareTotal)
	case ir.Max:
		return slices.MaxFunc(vals, compareTotal)
	case ir.Percentile:
		slices.SortStableFunc(vals, compareTotal)
		rank := int(math.Ceil(a.P * float64(len(vals)) / 100))
		return vals[min(max(rank, 1), len(vals))-1]
	case ir.Sum, ir.Avg, ir.Stdev:
		return moments(f, vals)
	}
	panic("eval: unhandled aggregate " + string(f))
}

// extreme is the value at the smallest or largest value of another column, in
// the first such row; a row without either has no part in it.
func extreme(a *ir.Agg, arg Value, rows []Row) any {
	var best, key any
	for _, row := range rows {
		v, k := arg(row), row.Get(a.Of.Name)
		if v == nil || k == nil {
			continue
		}
		c := -1
		if best != nil {
			c = compareTotal(k, key)
			if a.Func == ir.ArgMax {
				c = -c
			}
		}
		if c < 0 {
			best, key = v, k
		}
	}
	return best
}

// edge is the value at the smallest or largest time; of several at that time
// it is the first or the last in the order of the rows. Rows without a time
// have no place in it.
func edge(f ir.AggFunc, vals []any, at []Row) any {
	var best any
	var bestTime time.Time
	for i, v := range vals {
		t, ok := timestamp(at[i])
		if !ok {
			continue
		}
		if best == nil || f == ir.First && t.Before(bestTime) || f == ir.Last && !t.Before(bestTime) {
			best, bestTime = v, t
		}
	}
	return best
}

// moments are sum, mean and sample standard deviation, of numbers or of
// lengths of time; anything else among the values is left out, and so are
// lengths of time where there are numbers.
func moments(f ir.AggFunc, vals []any) any {
	var nums []number
	var durs []number
	for _, v := range vals {
		if d, ok := v.(time.Duration); ok {
			durs = append(durs, number{isInt: true, i: int64(d)})
		} else if n, ok := toNumber(v); ok {
			nums = append(nums, n)
		}
	}
	if len(nums) > 0 {
		return momentsOf(f, nums)
	}
	switch v := momentsOf(f, durs).(type) {
	case int64:
		return time.Duration(v)
	case float64:
		return scale(1, v)
	}
	return nil
}

func momentsOf(f ir.AggFunc, nums []number) any {
	if len(nums) == 0 {
		return nil
	}
	total := any(int64(0))
	mean := 0.0
	for i, n := range nums {
		t, ok := toNumber(total)
		if !ok { // the sum has left the range of numbers
			return nil
		}
		total = numeric(ir.Add, t, n)
		mean += (n.float() - mean) / float64(i+1)
	}
	switch f {
	case ir.Sum:
		return total
	case ir.Avg:
		if t, ok := toNumber(total); ok {
			return normal(t.float() / float64(len(nums)))
		}
		return normal(mean)
	}
	if len(nums) < 2 {
		return nil
	}
	squares := 0.0
	for _, n := range nums {
		d := n.float() - mean
		squares += d * d
	}
	return normal(math.Sqrt(squares / float64(len(nums)-1)))
}
