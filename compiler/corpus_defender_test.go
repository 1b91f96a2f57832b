package compiler_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/backends/defender"
	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/internal/kustotest"
	"github.com/huntc/huntc/internal/sharedtest"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// realFolders are the folders of real rules that count.
var realFolders = []string{"rules", "rules-compliance", "rules-emerging-threats", "rules-threat-hunting"}

var realCache struct {
	once  sync.Once
	hunts []*ir.Hunt
	err   error
}

// realHunts loads all real rules that load.
func realHunts(t testing.TB) []*ir.Hunt {
	t.Helper()
	root := sharedtest.Path(t, "corpus", "sigma")
	c := &realCache
	c.once.Do(func() {
		for _, folder := range realFolders {
			err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yml") {
					return err
				}
				raw, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				rel, err := filepath.Rel(root, path)
				if err != nil {
					return err
				}
				file, _ := sigma.Load(filepath.ToSlash(rel), raw, nil)
				c.hunts = append(c.hunts, file.Hunts...)
				return nil
			})
			if err != nil {
				c.err = err
			}
		}
	})
	if c.err != nil {
		t.Fatal(c.err)
	}
	return c.hunts
}

func defenderBackend(t testing.TB) (*defender.Backend, *schema.Schema) {
	t.Helper()
	s, err := schema.New(yaml.Node{})
	if err != nil {
		t.Fatal(err)
	}
	return defender.New(s), s
}

// TestDefenderCorpusOracle holds everything that is emitted against
// Microsoft's own language service.
func TestDefenderCorpusOracle(t *testing.T) {
	b, _ := defenderBackend(t)
	var queries []kustotest.Query
	for _, h := range realHunts(t) {
		if h.Query == nil {
			continue
		}
		if a := b.Compile(h); a.Query != "" {
			queries = append(queries, kustotest.Query{ID: h.Path, Text: a.Query})
		}
	}
	t.Logf("%d queries", len(queries))
	kustotest.NoFindings(t, queries)
}

// TestDefenderCorpusRoundTrip: the text is read back as the tree that it was
// printed from, and the tree as the IR that it was lowered from.
func TestDefenderCorpusRoundTrip(t *testing.T) {
	b, s := defenderBackend(t)
	n := 0
	for _, h := range realHunts(t) {
		if h.Query == nil {
			continue
		}
		res := s.Resolve(h, schema.XDR)
		if res.Query == nil {
			continue
		}
		plan, diags := b.Plan(res.Query, res.Fields)
		if plan == nil {
			t.Logf("%s: %v", h.Path, diags)
			continue
		}
		n++
		checkDefenderLaws(t, b, h.Path, plan)
	}
	if min := 1900; n < min {
		t.Errorf("%d queries, want %d or more", n, min)
	}
}

// checkDefenderLaws is law 2 for one planned query.
func checkDefenderLaws(t *testing.T, b *defender.Backend, name string, plan ir.Query) {
	t.Helper()
	text := kql.Print(b.Lower(plan))
	parsed, diags := kql.Parse(name, text)
	if len(diags) > 0 {
		t.Errorf("%s: %v\n%s", name, diags, text)
		return
	}
	if again := kql.Print(parsed); again != text {
		t.Errorf("%s: printed again:\n%s\nwas\n%s", name, again, text)
	}
	lifted, diags := b.Lift(parsed)
	if lifted == nil {
		t.Errorf("%s: %v\n%s", name, diags, text)
		return
	}
	want, got := ir.Format(ir.Canonical(plan)), ir.Format(ir.Canonical(lifted))
	if want != got {
		t.Errorf("%s: lifted back\n%s\nwas\n%s\nfrom\n%s", name, got, want, text)
	}
}

// BenchmarkDefenderCorpus compiles all real rules.
func BenchmarkDefenderCorpus(b *testing.B) {
	backend, _ := defenderBackend(b)
	hunts := realHunts(b)
	b.ReportAllocs()
	for b.Loop() {
		for _, h := range hunts {
			if h.Query != nil {
				backend.Compile(h)
			}
		}
	}
}
