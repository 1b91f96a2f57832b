package eval

import (
	"fmt"
	"slices"
	"time"

	"github.com/huntc/huntc/ir"
)

// Limits on what stretches hold together: each is looked at by itself, so a group
// with many rows within its length costs their square.
const (
	maxStretched = 20_000_000 // rows that an Aggregate adds up
	maxSpread    = 2_000_000  // rows that are laid out one by one
)

// stretch is one set of neighbours in a group: from lo, and up to hi without it.
type stretch struct{ lo, hi int }

// stretchesOf are the different sets of times, which ascend, that an interval of a
// length holds as it moves over them; an interval includes both its ends.
func stretchesOf(times []time.Time, length time.Duration) []stretch {
	var out []stretch
	// A time enters where the interval starts a length before it, and leaves
	// behind the start that it is itself.
	lo, hi := 0, 0
	for lo < len(times) {
		if hi < len(times) && !times[hi].Add(-length).After(times[lo]) || lo == hi {
			at := times[hi]
			for hi < len(times) && times[hi].Equal(at) {
				hi++
			}
			// What leaves at the same start leaves behind it, so this is a set.
		} else {
			at := times[lo]
			for lo < hi && times[lo].Equal(at) {
				lo++
			}
			if lo == hi {
				continue
			}
		}
		out = append(out, stretch{lo, hi})
	}
	return out
}

// stretched calls f for each stretch, with its rows and its number, until f has
// more rows than most.
func stretched(q *ir.Stretches, in []Row, most int, f func(rows []Row, number int)) error {
	total := 0
	for _, g := range ordered(in, q.By, q.Of.Name) {
		var rows []Row
		var times []time.Time
		for _, row := range g.rows {
			if t, ok := toInstant(row.Get(q.Of.Name)); ok {
				rows, times = append(rows, row), append(times, t)
			}
		}
		if !slices.IsSortedFunc(times, time.Time.Compare) {
			return &NotEvaluable{q.Span, "what orders the rows is no time"}
		}
		for n, s := range stretchesOf(times, q.Length) {
			if total += s.hi - s.lo; total > most {
				return &NotEvaluable{q.Span, fmt.Sprintf("so many events lie within %s of each other that the sliding windows hold more than %d rows", ir.SpanText(q.Length), most)}
			}
			f(rows[s.lo:s.hi], n)
		}
	}
	return nil
}

// spread has each row once for every stretch that it lies in.
func spread(q *ir.Stretches, in []Row) ([]Row, error) {
	widen := widener([]string{q.As})
	var out []Row
	err := stretched(q, in, maxSpread, func(rows []Row, number int) {
		for _, row := range rows {
			w := widen(row)
			w.vals[w.shape.index[q.As]] = int64(number)
			out = append(out, w)
		}
	})
	return out, err
}

// stretchGroups are the groups of an Aggregate over stretches, if each stretch is
// one of them.
func stretchGroups(q *ir.Aggregate, in []Row) (found []*group, ok bool, err error) {
	s, ok := q.Input.(*ir.Stretches)
	if !ok {
		return nil, false, nil
	}
	for _, name := range append([]string{s.As}, names(s.By)...) {
		if !slices.ContainsFunc(q.By, func(c *ir.Col) bool { f, ok := c.X.(*ir.Field); return ok && f.Name == name }) {
			return nil, false, nil
		}
	}
	for _, a := range q.Aggs {
		if a.X != nil && ir.HasField(ir.Fields(a.X), s.As) {
			return nil, false, nil
		}
	}
	widen := widener([]string{s.As})
	err = stretched(s, in, maxStretched, func(rows []Row, number int) {
		head := widen(rows[0])
		head.vals[head.shape.index[s.As]] = int64(number)
		found = append(found, &group{rows: rows, head: head})
	})
	return found, true, err
}

func names(fields []*ir.Field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Name
	}
	return out
}
