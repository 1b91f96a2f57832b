package compiler

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Whatever changes between two builds, the second says exactly what a build
// without a cache says, and does again only what it must.
func TestKeptResultsAreTheSame(t *testing.T) {
	tree(t, map[string]string{
		"d/a.yml": "title: a\nname: a\ntext: over", "d/b.yml": "title: b\nname: b", "d/c.yml": "title: c\nname: c\n---\ntext: no-splunk",
		"d/e.yml": "lost: bad", "d/huge.yml": strings.Repeat("#", maxFile+1),
	})
	opts := Options{Paths: []string{"d"}}
	cached := opts
	cached.CacheDir = t.TempDir()
	steps := []struct {
		name   string
		change func()
		reused int // files
		opts   func()
	}{
		{name: "first", change: func() {}, reused: 0},
		{name: "nothing changed", change: func() {}, reused: 4},
		{name: "a rule's text", change: func() { put(t, "d/a.yml", "title: a2\nname: a\ntext: over") }, reused: 3},
		{name: "a rule's name becomes another's", change: func() { put(t, "d/a.yml", "title: a2\nname: b\ntext: over") }, reused: 2},
		{name: "... and the other's text changes", change: func() { put(t, "d/b.yml", "title: b\nname: b\nmore: x") }, reused: 2},
		{name: "... and no more", change: func() { put(t, "d/a.yml", "title: a2\nname: a") }, reused: 2},
		{name: "a correlation of a rule", change: func() { put(t, "d/k.yml", "counts: a\nname: k") }, reused: 0},
		{name: "nothing", change: func() {}, reused: 5},
		{name: "the rule that it counts is renamed", change: func() { put(t, "d/a.yml", "title: a2\nname: aa") }, reused: 3},
		{name: "and back", change: func() { put(t, "d/a.yml", "title: a2\nname: a") }, reused: 3},
		{name: "another rule", change: func() { put(t, "d/b.yml", "title: b3\nname: b") }, reused: 4},
		{name: "a filter comes", change: func() { put(t, "d/f.yml", "filter: x") }, reused: 0},
		{name: "a rule beside a filter", change: func() { put(t, "d/b.yml", "title: b4\nname: b") }, reused: 5},
		{name: "the filter goes", change: func() { remove(t, "d/f.yml") }, reused: 0},
		{name: "a rule moves", change: func() {
			if err := os.Rename("d/b.yml", "d/b2.yml"); err != nil {
				t.Fatal(err)
			}
		}, reused: 3},
		{name: "a rule goes", change: func() { remove(t, "d/b2.yml") }, reused: 3},
		{name: "settings change", change: func() {}, reused: 0, opts: func() { cached.Config = &Config{Path: "huntc.yaml", raw: []byte("x")} }},
		{name: "exactness is required", change: func() {}, reused: 0, opts: func() { cached.RequireExact, opts.RequireExact = true, true }},
		{name: "nothing again", change: func() {}, reused: 4},
	}
	for _, s := range steps {
		s.change()
		if s.opts != nil {
			s.opts()
		}
		warm := run(t, cached)
		if diff := cmp.Diff(text(t, run(t, opts)), text(t, warm)); diff != "" {
			t.Fatalf("%s: (-cold +warm)\n%s", s.name, diff)
		}
		if got := warm.Reused; got != s.reused {
			t.Errorf("%s: %d files reused, want %d", s.name, got, s.reused)
		}
	}
}

// A pack that is damaged in any way is as good as none.
func TestDamagedPack(t *testing.T) {
	tree(t, map[string]string{"d/a.yml": "title: a\ntext: over", "d/b.yml": "lost: b"})
	opts := Options{Paths: []string{"d"}, CacheDir: t.TempDir()}
	want := text(t, run(t, opts))
	packs, _ := filepath.Glob(filepath.Join(opts.CacheDir, "*.pack"))
	if len(packs) != 1 {
		t.Fatalf("packs: %v", packs)
	}
	good, err := os.ReadFile(packs[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(good); i += 7 {
		bad := append([]byte(nil), good...)
		bad[i] ^= 0x55
		for _, content := range [][]byte{bad, good[:i]} {
			if err := os.WriteFile(packs[0], content, 0o600); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, text(t, run(t, opts))); diff != "" {
				t.Fatalf("byte %d: (-want +got)\n%s", i, diff)
			}
		}
	}
}

func TestCacheFolderThatCannotBe(t *testing.T) {
	tree(t, map[string]string{"d/a.yml": "title: a", "file": ""})
	if r := run(t, Options{Paths: []string{"d"}, CacheDir: "file/cache"}); len(files(r)) != 2 {
		t.Errorf("%v", files(r))
	}
}

// FuzzDecode holds the decoder to never panicking and never allocating more
// than its input asks for.
func FuzzDecode(f *testing.F) {
	var e encoder
	at := diag.Span{Pos: diag.Pos{Filename: "a", Line: 1, Column: 2}}
	e.fileResult(&fileResult{documents: 1, diags: diag.List{{Span: at, Code: "HC0101", Message: "m"}}, hunts: []*Hunt{{
		Path: "a", Line: 3, Kind: ir.KindRule, Outputs: []Output{{Target: "splunk", Status: OK, Query: "q"}},
	}}})
	f.Add(string(e.buf))
	f.Add("")
	f.Add("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	f.Fuzz(func(t *testing.T, s string) {
		d := &decoder{rest: s}
		r := d.fileResult()
		if d.bad {
			return
		}
		var again encoder
		again.fileResult(r)
		d2 := &decoder{rest: string(again.buf)}
		if diff := cmp.Diff(r, d2.fileResult(), cmp.AllowUnexported(fileResult{}, Hunt{}, Output{})); diff != "" {
			t.Errorf("(-first +second)\n%s", diff)
		}
	})
}
