package irgen_test

import (
	"math/rand/v2"
	"testing"

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
