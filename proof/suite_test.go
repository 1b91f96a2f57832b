package proof

import (
	"strings"
	"testing"

	"github.com/huntc/huntc/compiler"
)

// own tests the project's own detections.
func own(tb testing.TB, t TestOptions) *Report {
	tb.Helper()
	tb.Chdir("..")
	config, err := compiler.FindConfig("detections")
	if err != nil {
		tb.Fatal(err)
	}
	c, _, err := compiler.LoadConfig(config)
	if err != nil {
		tb.Fatal(err)
	}
	lab, err := New(c)
	if err != nil {
		tb.Fatal(err)
	}
	t.Dir = "fixtures"
	rep, err := lab.Test(compiler.Options{Paths: []string{"detections"}}, t)
	if err != nil {
		tb.Fatal(err)
	}
	return rep
}

// TestOwnDetections: each of the project's own detections has fixtures, and does
// what they say on all engines that have a query; and they notice at least nine of
// ten weakenings of it.
func TestOwnDetections(t *testing.T) {
	rep := own(t, TestOptions{Mutate: true, RequireFixtures: true})
	var b strings.Builder
	text := &textReport{w: &b, src: rep.Source}
	for _, h := range rep.Hunts {
		for _, c := range h.Cases {
			if c.Failed() {
				text.failed(c)
			}
		}
	}
	if err := rep.WriteDiagnostics(&b, false); err != nil {
		t.Fatal(err)
	}
	if rep.Failed() {
		t.Error(b.String())
	}
	for _, d := range rep.Diagnostics {
		if d.Code == codeNotRun {
			t.Error(d.Message)
		}
	}
	for _, h := range rep.Hunts {
		if weaker, _ := h.Mutation(); weaker.Percent() < 90 {
			t.Errorf("%s: the fixtures notice %s of the weakenings; \"huntc test --mutate\" names the others", h.Hunt.Stem, weaker)
		}
	}
	s := rep.Totals()
	t.Logf("%d hunts, %d fixtures, weaker %s, tighter %s", s.Hunts, s.Fixtures, s.Weaker, s.Tighter)
}

// BenchmarkOwnDetections is all that "huntc test" does on the project's own
// detections, from the files on.
func BenchmarkOwnDetections(b *testing.B) {
	own(b, TestOptions{})
	lab, err := New(nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if lab, err = New(nil); err != nil {
			b.Fatal(err)
		}
		if _, err := lab.Test(compiler.Options{Paths: []string{"detections"}}, TestOptions{Dir: "fixtures"}); err != nil {
			b.Fatal(err)
		}
	}
}
