package compiler_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/internal/sharedtest"
)

// corpus are the folders of real rules that count.
func corpus(t testing.TB) []string {
	var paths []string
	for _, dir := range realFolders {
		paths = append(paths, sharedtest.Path(t, "corpus", "sigma", dir))
	}
	return paths
}

func ruleFiles(t testing.TB, paths []string) []string {
	t.Helper()
	var files []string
	for _, p := range paths {
		err := filepath.WalkDir(p, func(path string, d os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".yml") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func build(t testing.TB, opts compiler.Options) *compiler.Result {
	t.Helper()
	res, err := compiler.Run(opts)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// says is everything that a build says, its report and its diagnostics.
func says(t testing.TB, res *compiler.Result) string {
	t.Helper()
	var buf bytes.Buffer
	if err := res.WriteReport(&buf); err != nil {
		t.Fatal(err)
	}
	if err := diag.Render(&buf, res.All(), nil, false); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

var code = regexp.MustCompile(`^HC[0-9]{4}$`)

// Every real rule ends as a query or as a coded diagnostic at its place, and
// so many as these end as a query. The shares may only grow.
func TestCorpusCompiles(t *testing.T) {
	res := build(t, compiler.Options{Paths: corpus(t)})
	if res.Documents < 3000 {
		t.Fatalf("%d documents: the corpus is not whole", res.Documents)
	}
	checkDiagnosed(t, res)
	for _, s := range res.Summary().Targets {
		least := map[string]int{"splunk": 99, "defender": 65}[s.Target]
		if share := 100 * s.OK / res.Documents; share < least {
			t.Errorf("%s: %d of %d rules compile, want %d %%", s.Target, s.OK, res.Documents, least)
		}
		if s.Target == "splunk" {
			if share := 100 * s.Forms[0].N / res.Documents; share < 56 {
				t.Errorf("splunk: %d of %d rules in %s form, want 56 %%", s.Forms[0].N, res.Documents, s.Forms[0].Form)
			}
		}
		t.Logf("%+v", s)
	}
}

// Of documents that nobody expects to compile, each still ends well.
func TestCorpusOfOddDocuments(t *testing.T) {
	for _, dir := range []string{"unsupported", "rules-placeholder"} {
		checkDiagnosed(t, build(t, compiler.Options{Paths: []string{sharedtest.Path(t, "corpus", "sigma", dir)}}))
	}
}

// checkDiagnosed wants a query, or an error that says where and why there is
// none, of every document and target.
func checkDiagnosed(t *testing.T, res *compiler.Result) {
	t.Helper()
	failed := map[string]bool{}
	for _, d := range res.All() {
		switch {
		case d.Code == "HC0699":
			t.Errorf("%s: %s", diag.Place(d.Pos), d.Message)
		case !code.MatchString(string(d.Code)) || !d.Pos.IsValid() || d.Pos.Column < 1 || d.Message == "":
			t.Errorf("%s: badly formed: %+v", diag.Place(d.Pos), d)
		}
		if d.Severity == diag.Error {
			failed[d.Pos.Filename] = true
		}
	}
	seen := map[string]bool{}
	for _, h := range res.Hunts {
		seen[h.Path] = true
		for _, o := range h.Outputs {
			if (o.Status == compiler.OK) != (o.Query != "") {
				t.Errorf("%s: %s is %s with %d bytes of query", h.Path, o.Target, o.Status, len(o.Query))
			}
			if o.Status != compiler.OK && !failed[h.Path] {
				t.Errorf("%s: %s is %s without an error", h.Path, o.Target, o.Status)
			}
		}
	}
	for _, f := range res.Files {
		if !seen[f] && !failed[f] {
			t.Errorf("%s: neither a hunt nor an error", f)
		}
	}
}

// The same bytes, whatever the number of workers, the order of the files, and
// whether anything was kept from an earlier build.
func TestCorpusIsDeterministic(t *testing.T) {
	paths := corpus(t)
	want := says(t, build(t, compiler.Options{Paths: paths, Jobs: 1}))
	differs := func(what string, opts compiler.Options) {
		t.Helper()
		if got := says(t, build(t, opts)); got != want {
			t.Errorf("%s: %s", what, cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
		}
	}
	differs("-j 8", compiler.Options{Paths: paths, Jobs: 8})
	cache := t.TempDir()
	differs("first with a cache", compiler.Options{Paths: paths, CacheDir: cache})
	differs("with everything kept", compiler.Options{Paths: paths, CacheDir: cache})

	files := ruleFiles(t, paths)
	slices.Reverse(files)
	for i := range files { // a fixed shuffle
		j := i * 7919 % len(files)
		files[i], files[j] = files[j], files[i]
	}
	differs("files named one by one, shuffled", compiler.Options{Paths: files, Jobs: 8})
}
