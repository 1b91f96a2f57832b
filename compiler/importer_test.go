package compiler_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/briefing"
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
	hunts, briefings, headings, paired, listed := 0, 0, 0, 0, 0
	taken, again, ids := map[string]bool{}, map[string]bool{}, map[string]string{}
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
		if in.Diagnostics.HasErrors() || in.Draft != nil {
			t.Errorf("%s: read as an article: %t: %s", path, in.Draft != nil, firstError(in.Diagnostics))
		}
		if in.Headings-in.Paired != len(in.Hunts) {
			t.Errorf("%s: %d headings, of which %d are second halves, and %d hunts", path, in.Headings, in.Paired, len(in.Hunts))
		}
		headings += in.Headings
		paired += in.Paired
		doc, _ := briefing.Parse(path, raw)
		for _, i := range doc.Indicators() {
			listed++
			if !slices.ContainsFunc(in.Templates, func(h compiler.ImportedHunt) bool {
				return bytes.Contains(h.Document, []byte("- "+sigma.QuoteScalar(i.Value)+"\n"))
			}) && !slices.ContainsFunc(in.Diagnostics, func(d diag.Diagnostic) bool { return strings.Contains(d.Message, i.Value) }) {
				t.Errorf("%s:%d: no document looks for %s, and nothing says so", path, i.Pos.Line, i.Value)
			}
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
				continue
			}
			id := f.Hunts[0].Meta.ID
			if other := ids[id]; other != "" {
				t.Errorf("%s: %q has the id of %s", path, h.Title, other)
			}
			ids[id] = path + ": " + h.Title
			// Its remarks are true.
			half := map[string]compiler.Half{"spl": h.SPL, "kql": h.KQL}[h.Basis]
			if says := bytes.Contains(h.Document, []byte("# this document does NOT say all that")); says != (len(half.Lost) > 0) {
				t.Errorf("%s: %q: %d losses, and the document says so: %t", path, h.Title, len(half.Lost), says)
			}
			if all := bytes.Contains(h.Document, []byte(" says\n")) && bytes.Contains(h.Document, []byte("# this document says what the")); all && slices.ContainsFunc(half.Diagnostics, func(d diag.Diagnostic) bool { return d.Code == "HC0522" || d.Code == "HC0525" || d.Code == "HC0526" }) {
				t.Errorf("%s: %q does not say what of the text it does not say", path, h.Title)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d headings, of which %d are second halves; %d indicators listed", headings, paired, listed)
	t.Logf("%d briefings, %d hunts; documents say %v; halves %v", briefings, hunts, basis, verdicts)
	if hunts == 0 || basis["native"]*100 > hunts*4 {
		t.Errorf("of %d hunts %d are kept as native text", hunts, basis["native"])
	}
}

// Two hunts of one name have ids of their own, the same ones each time; a hunt
// without a query has no document, and that is counted.
func TestImportSameTitles(t *testing.T) {
	const briefing = `# [HIGH] Otters

**Article:** https://labs.example/otters

## Recommended hunts

### Otter runs

` + "```kql\nDeviceProcessEvents | where FileName =~ \"otter.exe\"\n```" + `

### Otter runs

` + "```kql\nDeviceProcessEvents | where FileName =~ \"otter2.exe\"\n```" + `

### Otter sleeps

Nothing is known of it.
`
	l, err := compiler.NewLifter(nil)
	if err != nil {
		t.Fatal(err)
	}
	ids := func() (out []string) {
		in := l.Import("b.md", []byte(briefing), map[string]bool{})
		for _, h := range in.Hunts {
			if h.Document == nil {
				out = append(out, h.Basis)
				continue
			}
			f, diags := sigma.Load(h.File, h.Document, nil)
			if len(f.Hunts) != 1 {
				t.Fatal(diags)
			}
			out = append(out, f.Hunts[0].Meta.ID)
		}
		return out
	}
	one, two := ids(), ids()
	if len(one) != 3 || one[0] == one[1] || one[2] != "none" || !slices.Equal(one, two) {
		t.Errorf("%q, %q", one, two)
	}
}
