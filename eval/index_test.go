package eval_test

import (
	"math/rand/v2"
	"testing"

	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/internal/irgen"
	"github.com/huntc/huntc/ir"
)

// TestIndex: an index finds what evaluating every predicate finds, for each of the
// ways in which a run takes empty and missing texts, and whatever its sample is.
func TestIndex(t *testing.T) {
	gen := irgen.Options{Keywords: true, Multi: true}
	fields := irgen.Fields()
	hits, candidates, pairs := 0, 0, 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 4))
		preds := make([]ir.Expr, 1+r.IntN(60))
		for i := range preds {
			preds[i] = gen.Pred(r, fields)
		}
		run := eval.Runner{Now: irgen.Now, Seconds: r.IntN(2) == 0, Empty: eval.Empty(r.IntN(3))}
		rows := gen.Rows(r, fields, 40)
		if run.Empty != eval.EmptyIsText {
			for i := range rows {
				rows[i] = rows[i].WithoutBlanks()
			}
		}
		ix, errs := run.Index(preds, rows[:r.IntN(len(rows))])
		m := ix.Matcher()
		for _, row := range rows {
			got := map[int32]bool{}
			last := int32(-1)
			for _, i := range m.Match(row) {
				if i <= last {
					t.Fatalf("seed %d: %d after %d", seed, i, last)
				}
				last = i
				got[i] = true
			}
			hits += len(got)
			for i, e := range preds {
				if errs[i] != nil {
					if got[int32(i)] {
						t.Fatalf("seed %d: %s cannot be run, and is found", seed, ir.FormatExpr(e))
					}
					continue
				}
				pairs++
				one := run
				one.Source = func(*ir.Scan) ([]eval.Row, error) { return []eval.Row{row}, nil }
				rows, err := one.Run(&ir.Filter{Input: &ir.Scan{}, Pred: e})
				if err != nil {
					t.Fatal(err)
				}
				if want := len(rows) == 1; got[int32(i)] != want {
					t.Fatalf("seed %d: found %v, but it is %v: %s\non\n%s", seed, got[int32(i)], want, ir.FormatExpr(e), row)
				}
			}
		}
		candidates += m.Candidates
	}
	t.Logf("%d pairs, %d of them true, %d evaluated", pairs, hits, candidates)
}
