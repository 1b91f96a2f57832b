package compiler_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/internal/sharedtest"
)

// Every hunt of every briefing becomes a document that can be read again, and
// the same one each time.
func TestImportBriefings(t *testing.T) {
	root := sharedtest.Path(t, "corpus", "briefings")
	l, err := compiler.NewLifter(nil)
	if err != nil {
		t.Fatal(err)
	}
	basis, verdicts := counts{}, counts{}
	hunts, briefings := 0, 0
	taken, again := map[string]bool{}, map[string]bool{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".md") || strings.HasPrefix(d.Name(), "_") || d.Name() == "INDEX.md" {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		briefings++
		in := l.Import(path, raw, taken)
		if in.Diagnostics.HasErrors() {
			t.Errorf("%s: %s", path, firstError(in.Diagnostics))
		}
		twice := l.Import(path, raw, again)
		halves := 0
		for i, h := range in.Hunts {
			hunts++
			basis[h.Basis]++
			if h.Comparison != nil {
				verdicts[string(h.Comparison.Verdict)]++
			}
			if h.SPL.Queries > 0 {
				halves++
			}
			if h.KQL.Queries > 0 {
				halves++
			}
			if !bytes.Equal(h.Document, twice.Hunts[i].Document) {
				t.Errorf("%s: %q is written in two ways", path, h.Title)
			}
		}
		if halves < len(in.Hunts) {
			t.Errorf("%s: a hunt without a query", path)
		}
		for _, h := range append(in.Hunts, in.Templates...) {
			f, diags := sigma.Load(h.File, h.Document, nil)
			if diags.HasErrors() || len(f.Hunts) != 1 {
				t.Errorf("%s: %q: %v\n%s", path, h.Title, diags, h.Document)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d briefings, %d hunts; documents say %v; halves %v", briefings, hunts, basis, verdicts)
	if hunts == 0 || basis["native"]*10 > hunts*3 {
		t.Errorf("of %d hunts %d are kept as native text", hunts, basis["native"])
	}
}
