// Package diff says in what two hunts differ: which events they read, which
// values they look for, in which fields, over which time, and what they count.
package diff

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Test is one comparison that a hunt makes, apart from how it is combined with
// others.
type Test struct {
	diag.Span
	Field string // or what is computed
	Not   bool   // below an odd number of negations
	Op    string
	Value string
}

// String shows the test as a condition.
func (t Test) String() string {
	s := strings.TrimSpace(t.Field + " " + t.Op + " " + t.Value)
	if t.Not {
		return "not " + s
	}
	return s
}

// same reports whether two tests look for the same value in the same place,
// whatever the operator.
func (t Test) same(o Test) bool { return t.Field == o.Field && t.Not == o.Not && t.Value == o.Value }

// Facts are what a hunt looks for, taken apart.
type Facts struct {
	Sources    []string        // logsources, sorted
	LookBacks  []time.Duration // of the sources, sorted, without repeats
	Tests      []Test          // on events
	Thresholds []Test          // on what is computed of several events
	Groups     []string        // keys of groups
	Joins      []string
	Named      []string // conditions that only their names are known of
	// selection is the condition of each source, in one form for all ways to
	// write it.
	selection []string
}

// FactsOf takes a logical query apart.
func FactsOf(q ir.Query) *Facts {
	f := &Facts{}
	if q != nil {
		f.query(ir.Canonical(q))
	}
	slices.Sort(f.Sources)
	f.Sources = slices.Compact(f.Sources)
	slices.Sort(f.LookBacks)
	f.LookBacks = slices.Compact(f.LookBacks)
	slices.Sort(f.Groups)
	f.Groups = slices.Compact(f.Groups)
	slices.Sort(f.Named)
	f.Named = slices.Compact(f.Named)
	slices.Sort(f.selection)
	f.Tests, f.Thresholds = distinct(f.Tests), distinct(f.Thresholds)
	return f
}

func distinct(tests []Test) []Test {
	slices.SortStableFunc(tests, func(a, b Test) int { return strings.Compare(a.String(), b.String()) })
	return slices.CompactFunc(tests, func(a, b Test) bool { return a.String() == b.String() })
}

// rows is what is known of the rows at one point of a query.
type rows struct {
	// made are the columns that are not those of events: what each is computed
	// of.
	made map[string]ir.Expr
	// grouped says that a row stands for several events.
	grouped bool
	source  string
	preds   []ir.Expr
}

// query notes what a query does, and says what its rows are.
func (f *Facts) query(q ir.Query) rows {
	switch q := q.(type) {
	case *ir.Scan:
		f.Sources = append(f.Sources, q.Source.String())
		f.LookBacks = append(f.LookBacks, q.LookBack)
		f.selection = append(f.selection, q.Source.String())
		return rows{made: map[string]ir.Expr{}, source: q.Source.String()}
	case *ir.Table:
		return rows{made: map[string]ir.Expr{}, grouped: true}
	case *ir.Union:
		out := rows{made: map[string]ir.Expr{}}
		for _, in := range q.Inputs {
			r := f.query(in)
			out.grouped = out.grouped || r.grouped
			for name, x := range r.made {
				out.made[name] = x
			}
		}
		return out
	case *ir.Join:
		left := f.query(q.Left)
		right := f.query(q.Right)
		var on []string
		for _, k := range q.On {
			on = append(on, left.name(k))
		}
		slices.Sort(on)
		f.Joins = append(f.Joins, string(q.Kind)+" on "+strings.Join(on, ", "))
		for name, x := range right.made {
			if _, there := left.made[name]; !there {
				left.made[name] = x
			}
		}
		left.grouped = left.grouped || right.grouped
		return left
	}
	in := f.query(ir.Inputs(q)[0])
	switch q := q.(type) {
	case *ir.Filter:
		pred := in.resolve(q.Pred)
		if in.grouped || computed(pred) {
			f.tests(&f.Thresholds, pred, false)
		} else {
			f.tests(&f.Tests, pred, false)
			f.selection = append(f.selection, in.source+" "+ir.FormatExpr(ir.CanonicalExpr(pred)))
		}
	case *ir.Extend:
		for _, c := range q.Cols {
			in.made[c.As] = in.resolve(c.X)
		}
	case *ir.Project:
		for _, c := range q.Cols {
			if g, ok := c.X.(*ir.Field); ok && g.Name == c.As {
				continue
			}
			in.made[c.As] = in.resolve(c.X)
		}
	case *ir.Aggregate:
		made := map[string]ir.Expr{}
		for _, c := range q.By {
			x := in.resolve(c.X)
			f.Groups = append(f.Groups, ir.FormatExpr(x))
			made[c.As] = x
		}
		for _, a := range q.Aggs {
			name := string(a.Func)
			args := []ir.Expr{}
			if a.X != nil {
				args = append(args, in.resolve(a.X))
			}
			made[a.As] = &ir.Call{Span: a.Span, Func: ir.FuncID(name), Args: args}
		}
		in.made, in.grouped = made, true
	case *ir.Window:
		in.made[q.As] = &ir.Call{Span: q.Span, Func: "gap", Args: []ir.Expr{q.Of}}
	case *ir.Session:
		in.made[q.As] = &ir.Call{Span: q.Span, Func: "session", Args: []ir.Expr{q.Of}}
	case *ir.Lag:
		in.made[q.As] = &ir.Call{Span: q.Span, Func: "prev", Args: []ir.Expr{in.resolve(q.X)}}
	case *ir.Rank:
		in.made[q.As] = &ir.Call{Span: q.Span, Func: "rank"}
	case *ir.Distinct, *ir.Sort, *ir.Limit:
	default:
		panic(fmt.Sprintf("diff: unhandled query %T", q))
	}
	return in
}

// resolve writes an expression in terms of the fields of events.
func (r rows) resolve(x ir.Expr) ir.Expr {
	return ir.MapExpr(x, func(e ir.Expr) ir.Expr {
		if f, ok := e.(*ir.Field); ok {
			if made, ok := r.made[f.Name]; ok {
				return made
			}
		}
		return e
	})
}

func (r rows) name(f *ir.Field) string { return ir.FormatExpr(r.resolve(f)) }

// aggregates are the functions that an aggregate or an order of rows makes a
// column with, as query writes them.
var aggregates = []ir.FuncID{
	ir.FuncID(ir.Count), ir.FuncID(ir.CountIf), ir.FuncID(ir.DCount), ir.FuncID(ir.Min), ir.FuncID(ir.Max), ir.FuncID(ir.Sum), ir.FuncID(ir.Avg),
	ir.FuncID(ir.Stdev), ir.FuncID(ir.Values), ir.FuncID(ir.First), ir.FuncID(ir.Last), ir.FuncID(ir.ArgMin), ir.FuncID(ir.ArgMax), ir.FuncID(ir.Percentile),
	"gap", "session", "prev", "rank",
}

// computed reports whether an expression asks for what several rows say.
func computed(x ir.Expr) bool {
	found := false
	ir.WalkExpr(x, func(e ir.Expr) bool {
		c, ok := e.(*ir.Call)
		found = found || ok && slices.Contains(aggregates, c.Func)
		return true
	})
	return found
}

// tests takes a condition apart.
func (f *Facts) tests(to *[]Test, e ir.Expr, not bool) {
	add := func(at diag.Node, field ir.Expr, op, value string) {
		*to = append(*to, Test{Span: at.At(), Field: ir.FormatExpr(field), Not: not, Op: op, Value: value})
	}
	cased := func(op string, c bool) string {
		if c {
			return op + "_cs"
		}
		return op
	}
	switch e := e.(type) {
	case *ir.Logic:
		for _, a := range e.Args {
			f.tests(to, a, not)
		}
	case *ir.Not:
		f.tests(to, e.X, !not)
	case *ir.Compare:
		op := e.Op
		if lit, ok := e.R.(*ir.Lit); ok {
			add(e, e.L, cased(string(op), e.Cased), litText(lit))
			return
		}
		add(e, e.L, cased(string(op), e.Cased), ir.FormatExpr(e.R))
	case *ir.Match:
		for _, p := range e.Any {
			op, value := matchOp(p, false)
			add(e, e.X, cased(op, e.Cased), strings.ToLower(value))
		}
	case *ir.Regexp:
		add(e, e.X, "matches regex", strconv.Quote(e.Source))
	case *ir.InCIDR:
		add(e, e.X, "in", e.Prefix.String())
	case *ir.FieldMatch:
		add(e, e.X, cased(string(e.Kind), e.Cased), e.Y.Name)
	case *ir.Keyword:
		*to = append(*to, Test{Span: e.Span, Not: not, Op: "any field contains", Value: e.Pattern.String()})
	case *ir.Exists:
		add(e, e.X, "exists", "")
	case *ir.Macro:
		f.Named = append(f.Named, e.Name)
	default:
		*to = append(*to, Test{Span: e.At(), Not: not, Field: ir.FormatExpr(e)})
	}
}

// matchOp is the word for a pattern, and its text.
func matchOp(p ir.Pattern, terms bool) (op, value string) {
	shape, text := p.Shape()
	op = map[ir.Shape]string{ir.ShapeExact: "=", ir.ShapePrefix: "startswith", ir.ShapeSuffix: "endswith", ir.ShapeContains: "contains", ir.ShapeAny: "like", ir.ShapeGlob: "like"}[shape]
	if terms {
		op = "has"
	}
	if shape == ir.ShapeAny || shape == ir.ShapeGlob {
		text = p.String()
	}
	return op, text
}

func litText(l *ir.Lit) string {
	if s, ok := l.Value.(string); ok {
		return strings.ToLower(s)
	}
	return fmt.Sprint(l.Value)
}
