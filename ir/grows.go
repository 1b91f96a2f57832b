package ir

// Grows reports whether more events in the scans of a query never take away
// what it finds: a group or row may have other values then, and sessions may
// run into each other, but nothing that was found is missing. It is false
// where that is not certain. It says what becomes of a scan that reads too
// many events or too few: where the query grows, it finds too much or too
// little just so; where not, either can lead to both.
func Grows(q Query) bool { return trendsOf(q).grows }

// trend is how a column of a row changes as there are more events.
type trend uint8

const (
	steady trend = iota
	rising
	falling
	wild
)

func (t trend) opposite() trend {
	switch t {
	case rising:
		return falling
	case falling:
		return rising
	}
	return t
}

// with is the trend of a sum, or of a column that is one or the other.
func (t trend) with(u trend) trend {
	switch {
	case t == steady:
		return u
	case u == steady || t == u:
		return t
	}
	return wild
}

// trends are those of the columns of a query; a column that is not in it is
// steady.
type trends struct {
	grows bool
	of    map[string]trend
}

func (t trends) set(name string, tr trend) {
	if tr == steady {
		delete(t.of, name)
		return
	}
	t.of[name] = tr
}

func (t trends) steady(fields ...*Field) bool {
	for _, f := range fields {
		if t.of[f.Name] != steady {
			return false
		}
	}
	return true
}

func trendsOf(q Query) trends {
	switch q := q.(type) {
	case *Scan, *Table:
		return trends{true, map[string]trend{}}
	case *Filter:
		t := trendsOf(q.Input)
		t.grows = t.grows && t.keeps(q.Pred, true)
		return t
	case *Extend:
		t := trendsOf(q.Input)
		made := make([]trend, len(q.Cols))
		for i, c := range q.Cols {
			made[i] = t.expr(c.X)
		}
		for i, c := range q.Cols {
			t.set(c.As, made[i])
		}
		return t
	case *Project:
		t := trendsOf(q.Input)
		out := trends{t.grows, map[string]trend{}}
		for _, c := range q.Cols {
			out.set(c.As, t.expr(c.X))
		}
		return out
	case *Aggregate:
		t := trendsOf(q.Input)
		out := trends{t.grows, map[string]trend{}}
		for _, k := range q.By {
			out.grows = out.grows && t.expr(k.X) == steady
		}
		for _, a := range q.Aggs {
			out.set(a.As, t.agg(a))
		}
		return out
	case *Window:
		t := trendsOf(q.Input)
		t.grows = t.grows && t.steady(append(q.By[:len(q.By):len(q.By)], q.Of)...)
		t.set(q.As, falling) // the row so many places before comes closer
		return t
	case *Session:
		t := trendsOf(q.Input)
		t.grows = t.grows && t.steady(append(q.By[:len(q.By):len(q.By)], q.Of)...)
		t.set(q.As, steady)
		return t
	case *Stretches:
		t := trendsOf(q.Input)
		t.grows = t.grows && t.steady(append(q.By[:len(q.By):len(q.By)], q.Of)...)
		t.set(q.As, wild)
		return t
	case *Lag:
		t := trendsOf(q.Input)
		t.grows = t.grows && t.steady(q.Of)
		t.set(q.As, wild)
		return t
	case *Rank:
		t := trendsOf(q.Input)
		t.set(q.As, wild)
		return t
	case *Union:
		out := trends{true, map[string]trend{}}
		for _, in := range q.Inputs {
			t := trendsOf(in)
			out.grows = out.grows && t.grows
			for name, tr := range t.of {
				out.of[name] = out.of[name].with(tr)
			}
		}
		return out
	case *Join:
		l, r := trendsOf(q.Left), trendsOf(q.Right)
		l.grows = l.grows && r.grows && l.steady(q.On...) && r.steady(q.On...)
		if q.Kind != Inner && len(Scans(q.Right)) > 0 {
			l.grows = false // a row without a partner may get one
		}
		for name, tr := range r.of {
			l.of[name] = l.of[name].with(tr)
		}
		return l
	case *Distinct:
		t := trendsOf(q.Input)
		t.grows = t.grows && t.steady(q.By...)
		return t
	case *Sort:
		return trendsOf(q.Input)
	case *Limit:
		t := trendsOf(q.Input)
		t.grows = false // a row can be pushed out
		return t
	}
	return trends{false, map[string]trend{}}
}

func (t trends) agg(a *Agg) trend {
	x := steady
	if a.X != nil {
		x = t.expr(a.X)
	}
	switch a.Func {
	case Count:
		return rising
	case CountIf:
		if t.keeps(a.X, true) {
			return rising
		}
	case DCount:
		if x == steady {
			return rising
		}
	case Max:
		return rising.with(x)
	case Min:
		return falling.with(x)
	}
	return wild
}

func (t trends) expr(e Expr) trend {
	switch e := e.(type) {
	case *Field:
		return t.of[e.Name]
	case *Call:
		if len(e.Args) == 2 && e.Func == Add {
			return t.expr(e.Args[0]).with(t.expr(e.Args[1]))
		}
		if len(e.Args) == 2 && e.Func == Sub {
			return t.expr(e.Args[0]).with(t.expr(e.Args[1]).opposite())
		}
	}
	if t.steady(Fields(e)...) {
		return steady
	}
	return wild
}

// keeps reports whether a predicate that is true stays so as there are more
// events; or, if not want, one that is false.
func (t trends) keeps(e Expr, want bool) bool {
	switch e := e.(type) {
	case *Logic:
		for _, a := range e.Args {
			if !t.keeps(a, want) {
				return false
			}
		}
		return true
	case *Not:
		return t.keeps(e.X, !want)
	case *Compare:
		up := t.expr(e.L).with(t.expr(e.R).opposite()) // how far the left side is ahead
		switch e.Op {
		case Gt, Ge:
			return up == steady || want && up == rising || !want && up == falling
		case Lt, Le:
			return up == steady || want && up == falling || !want && up == rising
		}
		return up == steady && t.steady(Fields(e)...)
	}
	return t.steady(Fields(e)...)
}
