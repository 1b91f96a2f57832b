package sigma_test

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/internal/sharedtest"
)

type document struct {
	path string
	src  []byte
}

// counted are the folders of the corpus whose documents all have to load.
var counted = []string{"rules", "rules-emerging-threats", "rules-threat-hunting", "rules-compliance"}

// corpus reads folders of real rules, sorted by path.
func corpus(t testing.TB, folders ...string) []document {
	t.Helper()
	var out []document
	root := sharedtest.Path(t, "corpus", "sigma")
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yml") {
				return err
			}
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, path)
			out = append(out, document{filepath.ToSlash(rel), src})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// unfilled are documents with a placeholder that only the reader can fill.
var unfilled = []string{
	"rules-emerging-threats/2026/Exploits/CVE-2026-54121/win_security_adcs_certighost_cdc_chase_request.yml",
	"rules-emerging-threats/2026/Exploits/CVE-2026-54121/win_security_adcs_certighost_cert_issued_via_chase.yml",
}

// misplacedModifier is a rule that puts a modifier behind a selection's name.
const misplacedModifier = "proc_creation_macos_file_and_directory_discovery.yml"

// TestCorpusLoads: every document is a hunt, without a word of warning.
func TestCorpusLoads(t *testing.T) {
	var files []*sigma.File
	for _, doc := range corpus(t, counted...) {
		file, diags := sigma.Load(doc.path, doc.src, nil)
		files = append(files, file)
		if slices.Contains(unfilled, doc.path) {
			if len(diags) != 1 || diags[0].Code != "HC0218" {
				t.Errorf("%s: want one HC0218, have %v", doc.path, diags)
			}
			continue
		}
		if strings.HasSuffix(doc.path, misplacedModifier) {
			if len(diags) != 1 || diags[0].Code != "HC0226" {
				t.Errorf("%s: want one HC0226, have %v", doc.path, diags)
			}
			continue
		}
		for _, d := range diags {
			t.Errorf("%s:%d:%d: %s %s %s", doc.path, d.Pos.Line, d.Pos.Column, d.Severity, d.Code, d.Message)
		}
		if len(file.Hunts) != 1 {
			t.Errorf("%s: %d hunts", doc.path, len(file.Hunts))
		}
	}
	for _, d := range sigma.Link(files) {
		t.Errorf("%s:%d: %s", d.Pos.Filename, d.Pos.Line, d.Message)
	}
	if len(files) < 3000 {
		t.Errorf("only %d files in the corpus", len(files))
	}
}

// TestCorpusUnsupported: of rules that older versions of Sigma could say, and
// of rules whose placeholders nobody fills, each is a hunt or has an error
// with a place.
func TestCorpusUnsupported(t *testing.T) {
	kinds := map[diag.Code]int{}
	for _, doc := range corpus(t, "unsupported", "rules-placeholder") {
		file, diags := sigma.Load(doc.path, doc.src, nil)
		if diags.HasErrors() == (len(file.Broken) == 0) {
			t.Errorf("%s: %d broken, %v", doc.path, len(file.Broken), diags)
		}
		for _, d := range diags {
			if !d.Pos.IsValid() {
				t.Errorf("%s: no place: %s", doc.path, d.Message)
			}
			if d.Severity == diag.Error {
				kinds[d.Code]++
				if testing.Verbose() {
					t.Logf("%s:%d:%d: %s %s (%s)", doc.path, d.Pos.Line, d.Pos.Column, d.Code, d.Message, d.Hint)
				}
			}
		}
	}
	t.Log(kinds)
}

func BenchmarkLoadCorpus(b *testing.B) {
	docs := corpus(b, counted...)
	size := 0
	for _, d := range docs {
		size += len(d.src)
	}
	b.Run("load", func(b *testing.B) {
		b.SetBytes(int64(size))
		b.ReportAllocs()
		for b.Loop() {
			for _, d := range docs {
				sigma.Load(d.path, d.src, nil)
			}
		}
	})
	b.Run("yaml", func(b *testing.B) {
		b.SetBytes(int64(size))
		b.ReportAllocs()
		for b.Loop() {
			for _, d := range docs {
				dec := yaml.NewDecoder(bytes.NewReader(d.src))
				for {
					var n yaml.Node
					if err := dec.Decode(&n); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
			}
		}
	})
	b.Run("link", func(b *testing.B) {
		var files []*sigma.File
		for _, d := range docs {
			f, _ := sigma.Load(d.path, d.src, nil)
			files = append(files, f)
		}
		b.ReportAllocs()
		for b.Loop() {
			sigma.Link(slices.Clone(files))
		}
	})
}
