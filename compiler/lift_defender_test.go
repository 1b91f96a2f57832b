package compiler_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/backends/splunk"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/internal/kustotest"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// relift holds law 2 on what was lifted: each query, printed and lifted again,
// is the same. It returns the texts.
func relift(t testing.TB, b *defender.Backend, l backends.Lifted) []string {
	t.Helper()
	var printed []string
	for _, q := range l.Queries {
		text := kql.Print(b.Lower(q.Query))
		printed = append(printed, text)
		again := b.LiftText("", text)
		if !again.Full() || len(again.Queries) != 1 {
			t.Errorf("what was lifted is not lifted again: %v\n%s", again.Diagnostics, text)
			continue
		}
		want, got := ir.Format(ir.Canonical(q.Query)), ir.Format(ir.Canonical(again.Queries[0].Query))
		if want != got {
			t.Errorf("lifted again it is another query:\n%s\nwant\n%s\ngot\n%s", text, want, got)
		}
	}
	return printed
}

// foreigners are the values of a query that are kept in a target's own language.
func foreigners(q ir.Query) []*ir.Foreign {
	var out []*ir.Foreign
	visit := func(e ir.Expr) {
		if e == nil {
			return
		}
		ir.WalkExpr(e, func(e ir.Expr) bool {
			if f, ok := e.(*ir.Foreign); ok {
				out = append(out, f)
			}
			return true
		})
	}
	cols := func(cols []*ir.Col) {
		for _, c := range cols {
			visit(c.X)
		}
	}
	ir.WalkQuery(q, func(q ir.Query) {
		switch q := q.(type) {
		case *ir.Filter:
			visit(q.Pred)
		case *ir.Extend:
			cols(q.Cols)
		case *ir.Project:
			cols(q.Cols)
		case *ir.Aggregate:
			cols(q.By)
			for _, a := range q.Aggs {
				visit(a.X)
				for _, m := range a.More {
					visit(m)
				}
			}
		}
	})
	return out
}

// TestLiftBriefingsKQL lifts the KQL of the briefings: how many texts are
// understood with nothing opaque but what has a name may not fall, every other has its reason, law 2 holds, and
// printed again none gets a new diagnostic from Microsoft's language service.
func TestLiftBriefingsKQL(t *testing.T) {
	_, texts := briefingTexts(t)
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	b := defender.New(s)
	full, opaque := 0, 0 // texts
	reasons, words, warned := counts{}, counts{}, counts{}
	var queries []kustotest.Query
	had := map[string][]string{} // by the text's number, what is said of it as written
	for i, text := range texts {
		l := b.LiftText("briefing.kql", text)
		count := reasons
		if l.Full() {
			full++
			count = warned
		} else if !l.Diagnostics.HasErrors() {
			t.Errorf("not lifted, and no reason given:\n%s", text)
		}
		seen := map[string]bool{}
		for _, d := range l.Diagnostics {
			if d.Severity == diag.Error || l.Full() {
				key := string(d.Code) + " " + d.Message
				if l.Full() {
					key = string(d.Code)
				}
				if !seen[key] {
					count[key]++
				}
				seen[key] = true
			}
			if !d.Pos.IsValid() {
				t.Errorf("%s has no place: %s", d.Code, d.Message)
			}
		}
		if !l.Full() {
			continue
		}
		kept := false
		for _, q := range l.Queries {
			for _, f := range foreigners(q.Query) {
				words["a value in Kusto's own words: "+f.Text]++
				kept = true
			}
		}
		if kept {
			opaque++
		}
		id := fmt.Sprintf("text %d", i)
		for _, d := range l.Diagnostics {
			if _, name, ok := strings.Cut(d.Message, "no column "); ok && d.Code == "HC0843" {
				// The service may not have come to the columns, for the text has a slip.
				name, _, _ = strings.Cut(name, ",")
				had[id] = append(had[id], "KS142The name '"+name+"' does not refer to any known column, table, variable or function.")
			}
		}
		queries = append(queries, kustotest.Query{ID: id + " as written", Text: text})
		for _, p := range relift(t, b, l) {
			queries = append(queries, kustotest.Query{ID: id + " printed", Text: p})
		}
	}
	t.Logf("%d of %d texts are lifted in full, %d of them but for values in Kusto's own words", full, len(texts), opaque)
	reasons.log(t, "reasons of the texts that are not lifted", 30)
	words.log(t, "values in Kusto's own words", 30)
	warned.log(t, "warnings of the texts that are", 30)
	if share := float64(full-opaque) / float64(len(texts)); share < 0.978 {
		t.Errorf("%.1f %% are lifted with nothing opaque but what has a name", 100*share)
	}
	for _, f := range kustotest.Check(t, queries) {
		id := strings.TrimSuffix(strings.TrimSuffix(f.Query.ID, " as written"), " printed")
		what := f.Code + f.Message
		if strings.HasSuffix(f.Query.ID, " as written") {
			had[id] = append(had[id], what)
		} else if !slices.Contains(had[id], what) {
			t.Errorf("%s\n%s", f, f.Query.Text)
		}
	}
}

func BenchmarkLiftBriefingQueries(b *testing.B) {
	s, err := schema.New(yaml.Node{})
	if err != nil {
		b.Fatal(err)
	}
	d := defender.New(s)
	_, texts := briefingTexts(b)
	for b.Loop() {
		for _, text := range texts {
			d.LiftText("query", text)
		}
	}
}

// BenchmarkLiftBriefings lifts all the texts of the briefings, of both
// languages, as many at a time as there are processors.
func BenchmarkLiftBriefings(b *testing.B) {
	s, err := schema.New(yaml.Node{})
	if err != nil {
		b.Fatal(err)
	}
	searches, queries := briefingTexts(b)
	type backend interface {
		LiftText(name, text string) backends.Lifted
	}
	for b.Loop() {
		var work sync.WaitGroup
		next := atomic.Int64{}
		splunk, defender := splunk.New(s, splunk.Config{}), defender.New(s) // with nothing remembered
		for range runtime.GOMAXPROCS(0) {
			work.Go(func() {
				for {
					i := int(next.Add(1)) - 1
					var to backend = splunk
					all := searches
					if i >= len(searches) {
						to, all, i = defender, queries, i-len(searches)
					}
					if i >= len(all) {
						return
					}
					to.LiftText("text", all[i])
				}
			})
		}
		work.Wait()
	}
	b.ReportMetric(float64(len(searches)+len(queries)), "texts/op")
}
