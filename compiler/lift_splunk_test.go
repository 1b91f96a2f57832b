package compiler_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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
	why := map[diag.Code]int{}
	for _, text := range texts {
		l := b.LiftText("search", text)
		if l.Full() {
			full++
			checkLiftedSearch(t, b, l.Queries[0].Query)
			continue
		}
		codes := map[diag.Code]bool{}
		for _, d := range l.Diagnostics {
			if d.Severity == diag.Error {
				codes[d.Code] = true
			}
		}
		if len(codes) == 0 {
			t.Errorf("no query and no reason for\n%s", text)
		}
		for c := range codes {
			why[c]++
		}
	}
	var reasons []string
	for _, c := range slices.Sorted(maps.Keys(why)) {
		reasons = append(reasons, fmt.Sprintf("%s %d", c, why[c]))
	}
	t.Logf("%d of %d searches are read fully; %s", full, len(texts), strings.Join(reasons, ", "))
	if full*1000 < len(texts)*920 {
		t.Errorf("%d of %d searches are read fully, want 92 %%", full, len(texts))
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
