package compiler_test

import (
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends"
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

// TestSplunkCorpusColumns: what is searched for in a data model, and tested and
// shown of its events, are columns of it, or such as the query makes. No field
// keeps the name that Sigma has for it.
func TestSplunkCorpusColumns(t *testing.T) {
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	b := splunk.New(s, splunk.Config{})
	for _, h := range realHunts(t) {
		if h.Query == nil {
			continue
		}
		plan, form, _ := b.Plan(h)
		if plan == nil || form == backends.RawEvents {
			continue
		}
		for _, q := range []ir.Query{s.Resolve(h, schema.CIM).Query, plan} {
			checkColumns(t, s, h, q)
		}
	}
}

// checkColumns walks from the sources up; made are the columns that a query
// below made.
func checkColumns(t *testing.T, s *schema.Schema, h *ir.Hunt, q ir.Query) {
	made := map[string]bool{"_time": true}
	var tables []string
	check := func(at ir.Query, exprs ...ir.Expr) {
		for _, f := range ir.Fields(exprs...) {
			stored := slices.ContainsFunc(tables, func(table string) bool { _, ok := s.Column(schema.CIM, table, f.Name); return ok })
			if !stored && !made[f.Name] {
				t.Errorf("%s: %s is no column of %s\n%s", h.Path, f.Name, strings.Join(tables, ", "), ir.Format(at))
			}
		}
	}
	cols := func(at ir.Query, list []*ir.Col) {
		for _, c := range list {
			check(at, c.X) // an expression of the schema's names its columns as text
		}
		for _, c := range list {
			made[c.As] = true
		}
	}
	ir.WalkQuery(q, func(q ir.Query) {
		switch q := q.(type) {
		case *ir.Scan:
			tables = append(tables, q.Physical.Table)
		case *ir.Filter:
			check(q, q.Pred)
		case *ir.Extend:
			cols(q, q.Cols)
		case *ir.Project:
			cols(q, q.Cols)
		case *ir.Aggregate:
			cols(q, q.By)
			for _, a := range q.Aggs {
				if a.X != nil {
					check(q, a.X)
				}
				made[a.As] = true
			}
		}
	})
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
