package irgen_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/internal/irgen"
	"github.com/huntc/huntc/ir"
)

// TestWitness: what is handed out as a witness is one, and for most
// predicates there is one.
func TestWitness(t *testing.T) {
	found := 0
	const n = 2000
	for seed := range uint64(n) {
		r := rand.New(rand.NewPCG(seed, 4))
		e := irgen.Pred(r, irgen.Fields())
		row, ok := irgen.Witness(r, e, 20, nil)
		if !ok {
			continue
		}
		found++
		p, err := eval.CompilePred(e)
		if err != nil || !p(row) {
			t.Fatalf("seed %d: %s is not true on %s (%v)", seed, ir.FormatExpr(e), row, err)
		}
		irgen.Mutate(r, row)
	}
	t.Logf("%d of %d", found, n)
	if found < n/2 {
		t.Errorf("witnesses for %d of %d predicates only", found, n)
	}
}

// TestDeterminism: one seed gives one hunt, on every machine.
func TestDeterminism(t *testing.T) {
	gen := func() string {
		r := rand.New(rand.NewPCG(7, 7))
		return ir.Format(irgen.Query(r, irgen.Fields())) + irgen.Rows(r, irgen.Fields(), 3)[2].String()
	}
	if a, b := gen(), gen(); a != b {
		t.Errorf("%s\n%s", a, b)
	}
}

// TestEverythingIsMade: each function, operator and aggregate of the IR comes
// up, and functions get what they take.
func TestEverythingIsMade(t *testing.T) {
	made := map[string]int{}
	for seed := range uint64(3000) {
		q := irgen.Query(rand.New(rand.NewPCG(seed, 8)), irgen.Fields())
		ir.WalkQuery(q, func(q ir.Query) {
			made[strings.TrimPrefix(fmt.Sprintf("%T", q), "*ir.")]++
			var exprs []ir.Expr
			cols := func(list []*ir.Col) {
				for _, c := range list {
					exprs = append(exprs, c.X)
				}
			}
			switch q := q.(type) {
			case *ir.Filter:
				exprs = append(exprs, q.Pred)
			case *ir.Extend:
				cols(q.Cols)
			case *ir.Project:
				cols(q.Cols)
			case *ir.Join:
				made[string(q.Kind)]++
			case *ir.Aggregate:
				cols(q.By)
				for _, a := range q.Aggs {
					made[string(a.Func)]++
					if a.X != nil {
						exprs = append(exprs, a.X)
					}
				}
			}
			for _, e := range exprs {
				ir.WalkExpr(e, func(e ir.Expr) bool {
					if c, ok := e.(*ir.Call); ok {
						made[string(c.Func)]++
						checkCall(t, seed, c)
					}
					return true
				})
			}
		})
	}
	want := []string{"Scan", "Table", "Filter", "Extend", "Aggregate", "Window", "Session", "Lag", "Rank", "Union", "Join", "Project", "Distinct", "Sort", "Limit"}
	for _, f := range ir.Funcs {
		switch f.ID {
		case ir.Json, ir.Prop, ir.At, ir.URL, ir.Place, ir.ToInt, ir.ToLong, ir.Parts, ir.Joined, ir.Item, ir.Size, ir.Instant:
			continue // targets differ in them, or the texts here spell nothing in JSON
		}
		want = append(want, string(f.ID))
	}
	for _, f := range []ir.AggFunc{ir.Count, ir.CountIf, ir.DCount, ir.Min, ir.Max, ir.Sum, ir.Avg, ir.Stdev, ir.Values, ir.First, ir.Last, ir.ArgMin, ir.ArgMax, ir.Percentile} {
		want = append(want, string(f))
	}
	for _, k := range []ir.JoinKind{ir.Inner, ir.LeftOuter, ir.Anti} {
		want = append(want, string(k))
	}
	for _, name := range want {
		if made[name] < 10 {
			t.Errorf("%s comes up %d times", name, made[name])
		}
	}
}

func checkCall(t *testing.T, seed uint64, c *ir.Call) {
	t.Helper()
	f := ir.FuncOf(c.Func)
	if !f.Takes(len(c.Args)) {
		t.Fatalf("seed %d: %s has %d arguments", seed, ir.FormatExpr(c), len(c.Args))
	}
	for i, a := range c.Args {
		lit, _ := a.(*ir.Lit)
		typ := ir.TypeOf(a)
		ok := true
		switch f.Param(i) {
		case ir.Predicate:
			ok = typ == ir.Bool
		case ir.TextValue:
			ok = typ == ir.String
		case ir.NumberValue:
			ok = typ.Numeric() || typ == ir.Duration
		case ir.OrdinalValue:
			ok = typ.Numeric() || typ == ir.Duration || typ == ir.Time
		case ir.TimeValue:
			ok = typ == ir.Time
		case ir.TextConst:
			ok = lit != nil && typ == ir.String && lit.Value != ""
		case ir.TextConstOrEmpty, ir.RegexConst:
			ok = lit != nil && typ == ir.String
		case ir.CountConst:
			ok = lit != nil && typ == ir.Int
		case ir.SizeConst:
			ok = lit != nil && (typ.Numeric() || typ == ir.Duration)
		}
		if !ok {
			t.Fatalf("seed %d: %s does not take %s as argument %d", seed, c.Func, ir.FormatExpr(a), i+1)
		}
	}
}

// TestOrderDoesNotShow: the result of a random hunt is the same whatever the
// order of the rows that it reads, so that any two forms of it can be compared.
func TestOrderDoesNotShow(t *testing.T) {
	fields := irgen.Fields()
	found := 0
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 9))
		q, shows := irgen.Options{}.Program(r, irgen.Source{Fields: fields})
		rows := irgen.Rows(r, fields, 25)
		rows = eval.WithColumn(rows, ir.Timestamp, func(i int) any { return irgen.Now.Add(-time.Duration(i) * time.Hour) })
		run := func() []string {
			rows, err := eval.Runner{Source: func(*ir.Scan) ([]eval.Row, error) { return rows, nil }, Now: irgen.Now}.Run(q)
			if err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, ir.Format(q))
			}
			var out []string
			for _, row := range rows {
				out = append(out, shown(row, shows))
			}
			slices.Sort(out)
			return out
		}
		want := run()
		found += len(want)
		rows = slices.Clone(rows)
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		if got := run(); !slices.Equal(got, want) {
			t.Fatalf("seed %d:\n%s\ngives\n%s\nand, in another order of the rows,\n%s", seed, ir.Format(q), strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
	}
	t.Logf("%d rows", found)
}

// shown are columns of a row as text; sums of numbers in another order differ
// in their last digits.
func shown(row eval.Row, fields []*ir.Field) string {
	var b strings.Builder
	for _, f := range fields {
		v := row.Get(f.Name)
		if x, ok := v.(float64); ok {
			v = fmt.Sprintf("%.6g", x)
		}
		if v != nil {
			fmt.Fprintf(&b, "%s=%q ", f.Name, fmt.Sprint(v))
		}
	}
	return b.String()
}
