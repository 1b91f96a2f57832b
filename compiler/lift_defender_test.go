package compiler_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/backends/defender/kql"
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

// TestLiftBriefingsKQL lifts the KQL of the briefings: how many texts are
// understood in full may not fall, every other has its reason, law 2 holds, and
// printed again none gets a new diagnostic from Microsoft's language service.
func TestLiftBriefingsKQL(t *testing.T) {
	_, texts := briefingTexts(t)
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	b := defender.New(s)
	full, foreign := 0, 0 // texts
	reasons, warned := map[string]int{}, map[string]int{}
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
				if os.Getenv("HUNTC_SHOW") == "" {
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
		hasForeign := false
		for _, q := range l.Queries {
			ir.WalkQuery(q.Query, func(n ir.Query) {
				hasForeign = hasForeign || strings.Contains(ir.Format(ir.WithInputs(n, ir.Inputs(n))), "foreign(")
			})
		}
		if hasForeign {
			foreign++
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
	t.Logf("%d of %d texts are lifted in full, %d of them with values in Kusto's own words; reasons of the rest: %v; warnings of those: %v", full, len(texts), foreign, reasons, warned)
	if share := float64(full) / float64(len(texts)); share < 0.92 {
		t.Errorf("%.1f %% are lifted in full", 100*share)
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
