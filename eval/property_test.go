package eval_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/internal/irgen"
	"github.com/huntc/huntc/ir"
)

func compile(t testing.TB, e ir.Expr) eval.Pred {
	t.Helper()
	p, err := eval.CompilePred(e)
	if err != nil {
		t.Fatalf("%s: %v", ir.FormatExpr(e), err)
	}
	return p
}

// TestSimplifyKeepsMeaning holds Simplify and CanonicalExpr to what they
// promise, and a prepared row to the row that it was made of.
func TestSimplifyKeepsMeaning(t *testing.T) {
	gen := irgen.Options{Keywords: true, Multi: true}
	fields := irgen.Fields()
	hits, pairs := 0, 0
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 1))
		rows := gen.Rows(r, fields, 25)
		e := gen.Pred(r, fields)
		simple, canonical := ir.Simplify(e), ir.CanonicalExpr(e)
		prepared := make([]eval.Row, len(rows))
		for i, row := range rows {
			prepared[i] = row.Prepare()
		}
		want, gotSimple, gotCanonical, gotPrepared := truth(t, e, rows), truth(t, simple, rows), truth(t, canonical, rows), truth(t, e, prepared)
		for i, row := range rows {
			w := want[i]
			if w {
				hits++
			}
			pairs++
			for _, c := range []struct {
				what string
				got  bool
				e    ir.Expr
			}{{"simplified", gotSimple[i], simple}, {"canonical", gotCanonical[i], canonical}, {"prepared", gotPrepared[i], e}} {
				if c.got != w {
					t.Fatalf("seed %d: %s\nis %v, but %s\n%s\nis %v, on\n%s", seed, ir.FormatExpr(e), w, c.what, ir.FormatExpr(c.e), c.got, row)
				}
			}
		}
	}
	t.Logf("%d pairs, %d of them true", pairs, hits)
}

// TestRequires: where Requires says so, no row without the field satisfies
// the predicate.
func TestRequires(t *testing.T) {
	fields := irgen.Fields()
	said := 0
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 2))
		e := irgen.Pred(r, fields)
		for i, f := range fields {
			if !ir.Requires(e, f.Name) {
				continue
			}
			said++
			without := slices.Delete(slices.Clone(fields), i, i+1)
			rows := irgen.Rows(r, without, 10)
			for i, holds := range truth(t, e, rows) {
				if row := rows[i]; holds {
					t.Fatalf("seed %d: %s\nneeds %s, but is true on\n%s", seed, ir.FormatExpr(e), f.Name, row)
				}
			}
		}
	}
	t.Logf("%d requirements", said)
}

// TestNormalizeKeepsMeaning runs random queries as they are, normalised and
// in canonical form, over random tables.
func TestNormalizeKeepsMeaning(t *testing.T) {
	fields := irgen.Fields()
	rows := 0
	for seed := range uint64(6000) {
		r := rand.New(rand.NewPCG(seed, 3))
		tables := map[string][]eval.Row{
			"process_creation/-/-": irgen.Rows(r, fields, 15),
			"-/windows/security":   irgen.Rows(r, fields, 10),
		}
		q := irgen.Query(r, fields)
		want := run(t, q, tables)
		rows += len(want)
		for _, c := range []struct {
			what string
			q    ir.Query
		}{{"normalised", ir.Normalize(q)}, {"canonical", withRows(ir.Canonical(q), q)}} {
			if got := run(t, c.q, tables); !slices.Equal(got, want) {
				t.Fatalf("seed %d:\n%s\ngives\n%q\nbut %s\n%s\ngives\n%q", seed, ir.Format(q), want, c.what, ir.Format(c.q), got)
			}
		}
	}
	t.Logf("%d rows of results", rows)
}

// withRows gives the tables of a canonical query the rows that it leaves to
// files.
func withRows(canonical, q ir.Query) ir.Query {
	tables := map[string]*ir.Table{}
	ir.WalkQuery(q, func(q ir.Query) {
		if t, ok := q.(*ir.Table); ok {
			tables[t.Name] = t
		}
	})
	return ir.MapQuery(canonical, func(q ir.Query) ir.Query {
		if t, ok := q.(*ir.Table); ok {
			return tables[t.Name]
		}
		return q
	})
}

// truth is what a predicate says of each row, at a time at which it can ask
// for the present.
func truth(t testing.TB, e ir.Expr, rows []eval.Row) []bool {
	t.Helper()
	source := func(*ir.Scan) ([]eval.Row, error) { return rows, nil }
	found, err := eval.Runner{Source: source, Now: irgen.Now}.Run(&ir.Project{Input: &ir.Scan{}, Cols: []*ir.Col{{As: "p", X: e}}})
	if err != nil {
		t.Fatalf("%s: %v", ir.FormatExpr(e), err)
	}
	out := make([]bool, len(found))
	for i, row := range found {
		out[i] = row.Get("p") == true
	}
	return out
}

func run(t testing.TB, q ir.Query, tables map[string][]eval.Row) []string {
	t.Helper()
	rows, err := eval.Runner{Now: irgen.Now, Source: func(s *ir.Scan) ([]eval.Row, error) {
		in, ok := tables[s.Source.String()]
		if !ok {
			return nil, fmt.Errorf("no table for %s", s.Source)
		}
		return in, nil
	}}.Run(q)
	if err != nil {
		t.Fatalf("%s\n%v", ir.Format(q), err)
	}
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r.String()
	}
	return out
}
