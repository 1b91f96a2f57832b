package compiler_test

import (
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends/splunk"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

func splunkBackend(t testing.TB) *splunk.Backend {
	t.Helper()
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	return splunk.New(s, splunk.Config{})
}

// checkSplunkLaws is law 2 for one hunt: its text is read back as the tree
// that it was printed from, and the tree as the plan that it was lowered from.
func checkSplunkLaws(t *testing.T, b *splunk.Backend, h *ir.Hunt) {
	t.Helper()
	plan, _, diags := b.Plan(h)
	if plan == nil {
		t.Errorf("%s: %v", h.Path, diags)
		return
	}
	text := b.Compile(h).Query
	parsed, diags := spl.Parse(h.Path, text)
	if len(diags) > 0 {
		t.Errorf("%s: %v\n%s", h.Path, diags, text)
		return
	}
	if again := spl.Print(parsed); again != text {
		t.Errorf("%s: printed again:\n%s\nwas\n%s", h.Path, again, text)
	}
	lifted, diags := b.Lift(parsed)
	if lifted == nil {
		t.Errorf("%s: %v\n%s", h.Path, diags, text)
		return
	}
	if want, got := ir.Format(ir.Canonical(plan)), ir.Format(ir.Canonical(lifted)); want != got {
		t.Errorf("%s: lifted back\n%s\nwas\n%s\nfrom\n%s", h.Path, got, want, text)
	}
}

// TestSplunkCorpusRoundTrip holds law 2 for all that is emitted for real rules.
func TestSplunkCorpusRoundTrip(t *testing.T) {
	b := splunkBackend(t)
	for _, h := range realHunts(t) {
		if h.Query != nil {
			checkSplunkLaws(t, b, h)
		}
	}
}

// BenchmarkSplunkCorpus compiles all real rules, once loaded.
func BenchmarkSplunkCorpus(b *testing.B) {
	hunts := realHunts(b)
	backend := splunkBackend(b)
	b.ReportAllocs()
	for b.Loop() {
		for _, h := range hunts {
			if h.Query != nil {
				backend.Compile(h)
			}
		}
	}
}
