package eval

import (
	"time"

	"github.com/huntc/huntc/ir"
)

// Chain is a query that makes of each row of one Scan a row or none, whatever the
// other rows are: Filter, Extend and Project over it.
type Chain struct {
	Scan *ir.Scan
	// Pred is what the Filters directly above the Scan ask for; nil for nothing.
	Pred ir.Expr

	run   Runner
	above []ir.Query // from below
}

// NewChain takes a query for a chain, if it is one.
func (r Runner) NewChain(q ir.Query) (*Chain, bool) {
	c := &Chain{run: r}
	for {
		switch n := q.(type) {
		case *ir.Scan:
			c.Scan = n
			var preds []ir.Expr
			for len(c.above) > 0 {
				f, ok := c.above[len(c.above)-1].(*ir.Filter)
				if !ok {
					break
				}
				preds = append(preds, f.Pred)
				c.above = c.above[:len(c.above)-1]
			}
			if len(preds) > 0 {
				c.Pred = ir.NewLogic(n.Span, ir.And, preds...)
			}
			return c, true
		case *ir.Filter, *ir.Extend, *ir.Project:
			c.above = append(c.above, q)
			q = ir.Inputs(q)[0]
		default:
			return nil, false
		}
	}
}

// Within reports whether a row is within the time that the Scan looks back.
func (c *Chain) Within(row Row) bool { return within(row, c.Scan.LookBack, c.run.Now) }

// within reports whether a row is in the time before now; one without a time is.
func within(row Row, back time.Duration, now time.Time) bool {
	if back == 0 || now.IsZero() {
		return true
	}
	t, ok := timestamp(row)
	return !ok || t.After(now.Add(-back)) && !t.After(now)
}

// Compile compiles what is above the Scan and Pred: what becomes of a row that
// satisfies Pred. The function is for one goroutine.
func (c *Chain) Compile() (func(Row) (Row, bool, error), error) {
	type step func(Row) (Row, bool, error)
	var steps []step
	for i := len(c.above) - 1; i >= 0; i-- {
		switch q := c.above[i].(type) {
		case *ir.Filter:
			p, err := c.run.environment().pred(q.Pred)
			if err != nil {
				return nil, err
			}
			steps = append(steps, func(r Row) (Row, bool, error) { return r, p(r), nil })
		case *ir.Extend:
			f, err := c.run.extender(q)
			if err != nil {
				return nil, err
			}
			steps = append(steps, func(r Row) (Row, bool, error) { r, err := f(r); return r, true, err })
		case *ir.Project:
			f, err := c.run.projector(q)
			if err != nil {
				return nil, err
			}
			steps = append(steps, func(r Row) (Row, bool, error) { r, err := f(r); return r, true, err })
		}
	}
	return func(r Row) (Row, bool, error) {
		for _, s := range steps {
			var ok bool
			var err error
			if r, ok, err = s(r); err != nil || !ok {
				return r, false, err
			}
		}
		return r, true, nil
	}, nil
}

// Whole reports whether the rows that satisfy Pred are the result as they are.
func (c *Chain) Whole() bool { return len(c.above) == 0 }
