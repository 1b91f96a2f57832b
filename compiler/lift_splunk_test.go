package compiler_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/backends/splunk"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// checkLiftedSearch is law 2 for a text: what is read of it, written again, is
// read as the same query.
func checkLiftedSearch(t *testing.T, b *splunk.Backend, q ir.Query) {
	t.Helper()
	text, err := b.LowerText(q)
	if err != nil {
		t.Errorf("%v\n%s", err, ir.Format(q))
		return
	}
	again := b.LiftText("again", text)
	if !again.Full() {
		t.Errorf("%v\n%s", again.Diagnostics, text)
		return
	}
	if d := cmp.Diff(ir.Format(ir.Canonical(q)), ir.Format(ir.Canonical(again.Queries[0].Query))); d != "" {
		t.Errorf("%s\n%s", d, text)
	}
}

// TestLiftBriefingSearches holds how many of the briefings' searches are read
// fully, and why the others are not.
func TestLiftBriefingSearches(t *testing.T) {
	b := splunkBackend(t)
	texts, _ := briefingTexts(t)
	full := 0
	why, words := counts{}, counts{}
	for _, text := range texts {
		l := b.LiftText("search", text)
		if l.Full() {
			kept := foreigners(l.Queries[0].Query)
			for _, f := range kept {
				words[f.Text]++
			}
			if len(kept) == 0 {
				full++
			}
			checkLiftedSearch(t, b, l.Queries[0].Query)
			continue
		}
		said := counts{}
		for _, d := range l.Diagnostics {
			if d.Severity == diag.Error {
				said[string(d.Code)+" "+d.Message] = 1
			}
		}
		if len(said) == 0 {
			t.Errorf("no query and no reason for\n%s", text)
		}
		for reason := range said {
			why[reason]++
		}
	}
	t.Logf("%d of %d searches are read with nothing opaque but what has a name", full, len(texts))
	why.log(t, "reasons of the others", 40)
	words.log(t, "values in Splunk's own words", 30)
	if share := float64(full) / float64(len(texts)); share < 0.933 {
		t.Errorf("%.1f %% are", 100*share)
	}
}

// TestLiftOwnSearches: what is compiled for Splunk is read fully as well, but
// for columns that the schema computes with functions of Splunk's own.
func TestLiftOwnSearches(t *testing.T) {
	b := splunkBackend(t)
	for _, h := range realHunts(t) {
		a := b.Compile(h)
		if a.Query == "" {
			continue
		}
		l := b.LiftText(h.Path, a.Query)
		if l.Full() {
			checkLiftedSearch(t, b, l.Queries[0].Query)
			continue
		}
		plan, _, _ := b.Plan(h)
		foreign := false
		ir.WalkQuery(plan, func(q ir.Query) {
			if e, ok := q.(*ir.Extend); ok {
				for _, c := range e.Cols {
					_, is := c.X.(*ir.Foreign)
					foreign = foreign || is
				}
			}
		})
		if !foreign {
			t.Errorf("%v\n%s", l.Diagnostics, a.Query)
		}
	}
}

func BenchmarkLiftBriefingSearches(b *testing.B) {
	s := splunkBackend(b)
	texts, _ := briefingTexts(b)
	for b.Loop() {
		for _, text := range texts {
			s.LiftText("search", text)
		}
	}
}
