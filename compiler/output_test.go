package compiler

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func update(t *testing.T, paths ...string) {
	t.Helper()
	if err := run(t, Options{Paths: paths}).Update("golden", 2); err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, paths ...string) ([]string, string) {
	t.Helper()
	diags, diff, err := run(t, Options{Paths: paths}).Check("golden", 2)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range diags {
		got = append(got, d.Pos.Filename+" "+string(d.Code))
	}
	return got, string(diff)
}

// oldGolden is a file that some earlier build wrote.
const oldGolden = "# gone\n# source: gone.yml\n# form: tstats\n# fidelity: exact\nquery\n"

func TestGoldens(t *testing.T) {
	tree(t, map[string]string{"d/a.yml": "title: a", "d/sub/b.yml": "title: b", "d/sub/many.yml": "name: x\n---\nname: y"})
	if got, _ := check(t, "d"); len(got) != 8 {
		t.Errorf("without goldens: %v", got)
	}
	update(t, "d")
	want := []string{"golden/defender/a.kql", "golden/defender/sub/b.kql", "golden/defender/sub/many.x.kql", "golden/defender/sub/many.y.kql",
		"golden/splunk/a.spl", "golden/splunk/sub/b.spl", "golden/splunk/sub/many.x.spl", "golden/splunk/sub/many.y.spl"}
	if diff := cmp.Diff(want, ls(t, "golden")); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
	if got, diff := check(t, "d"); got != nil || diff != "" {
		t.Errorf("fresh goldens: %v\n%s", got, diff)
	}

	put(t, "d/a.yml", "title: changed")
	got, diff := check(t, "d")
	if d := cmp.Diff([]string{"d/a.yml HC0610", "d/a.yml HC0610"}, got); d != "" {
		t.Error(d)
	}
	for _, line := range []string{"--- golden/splunk/a.spl", "+++ golden/splunk/a.spl (compiled)", "-splunk a  filters=0", "+splunk changed  filters=0"} {
		if !strings.Contains(diff, "\n"+line+"\n") {
			t.Errorf("no line %q in\n%s", line, diff)
		}
	}
	update(t, "d/a.yml")
	if got, _ := check(t, "d"); got != nil {
		t.Errorf("after an update of the one file: %v", got)
	}

	// What is left of deleted documents, also in folders of their own.
	remove(t, "d/sub/b.yml")
	put(t, "d/sub/many.yml", "name: x\n---\nname: z")
	put(t, "golden/splunk/gone/deep/c.spl", oldGolden)
	put(t, "golden/splunk/"+tempPrefix+"1", "half")
	put(t, "golden/notes.md", "mine")
	got, _ = check(t, "d")
	if d := cmp.Diff([]string{"d/sub/many.yml HC0611", "d/sub/many.yml HC0611", "golden/defender/sub/b.kql HC0612", "golden/defender/sub/many.y.kql HC0612",
		"golden/splunk/gone/deep/c.spl HC0612", "golden/splunk/sub/b.spl HC0612", "golden/splunk/sub/many.y.spl HC0612"}, got); d != "" {
		t.Error(d)
	}
	update(t, "d")
	want = []string{"golden/defender/a.kql", "golden/defender/sub/many.x.kql", "golden/defender/sub/many.z.kql", "golden/notes.md",
		"golden/splunk/a.spl", "golden/splunk/sub/many.x.spl", "golden/splunk/sub/many.z.spl"}
	if diff := cmp.Diff(want, ls(t, "golden")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := os.Stat("golden/splunk/gone"); err == nil {
		t.Error("an emptied folder is left")
	}
}

// A build of a part neither reports nor deletes the goldens of the rest.
func TestGoldensOfAPart(t *testing.T) {
	tree(t, map[string]string{"detections/a.yml": "title: a", "detections/a.b.yml": "title: ab", "detections/sub/c.yml": "title: c", "detections/sub2/d.yml": "title: d"})
	cfg, _, err := LoadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	build := func(paths ...string) *Result { return run(t, Options{Paths: paths, Config: cfg}) }
	if err := build("detections").Update("golden", 1); err != nil {
		t.Fatal(err)
	}
	all := ls(t, "golden")
	for _, part := range []string{"detections/a.yml", "detections/sub", "detections/a.b.yml"} {
		r := build(part)
		if diags, _, err := r.Check("golden", 1); err != nil || len(diags) > 0 {
			t.Errorf("%s: %v %v", part, diags, err)
		}
		if err := r.Update("golden", 1); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(all, ls(t, "golden")); diff != "" {
			t.Errorf("%s (-want +got)\n%s", part, diff)
		}
	}
	one := run(t, Options{Paths: []string{"detections"}, Config: cfg, Targets: []string{"splunk"}})
	if diags, _, err := one.Check("golden", 1); err != nil || len(diags) > 0 {
		t.Errorf("one target: %v %v", diags, err)
	}
	put(t, "golden/splunk/a.old.spl", oldGolden)
	diags, _, err := build("detections/a.yml").Check("golden", 1)
	if err != nil || len(diags) != 1 || diags[0].Code != codeOrphan {
		t.Errorf("its own orphan: %v %v", diags, err)
	}
}

// What huntc did not write is neither reported nor deleted, wherever it lies.
func TestGoldensAmongOtherFiles(t *testing.T) {
	tree(t, map[string]string{"d/a.yml": "title: a"})
	update(t, "d")
	others := map[string]string{
		"golden/splunk/app.conf": "[ui]\n", "golden/splunk/notes.txt": oldGolden, "golden/splunk/sub/notes.md": "# source: x\n", "golden/splunk/mine.spl": "index=main\n",
		"golden/splunk/empty.spl": "", "golden/splunk/other.kql": oldGolden, "golden/defender/mine.kql": "// my own\nDeviceEvents\n", "golden/defender/.hidden.kql": oldGolden,
		"golden/splunk/late.spl": "index=main\n" + oldGolden, "golden/splunk/comment.spl": "``` source: mine ```\nindex=main\n",
	}
	for name, text := range others {
		put(t, name, text)
	}
	if err := os.Symlink("../splunk/notes.txt", "golden/splunk/link.spl"); err != nil {
		t.Fatal(err)
	}
	all := ls(t, "golden")
	if got, _ := check(t, "d"); got != nil {
		t.Errorf("%v", got)
	}
	update(t, "d")
	if diff := cmp.Diff(all, ls(t, "golden")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The targets' own comments are recognised as the fakes' are.
func TestHeaderOfEveryTarget(t *testing.T) {
	tree(t, map[string]string{"d/a.yml": "title: Good\nlogsource: {category: process_creation, product: windows}\ndetection:\n  s: {Image|endswith: '\\a.exe'}\n  condition: s\n"})
	for _, id := range []string{"", "id: 5f3b7f0a-4b0a-4a53-9f0c-5b5f4c6f2d10\n"} {
		text, err := os.ReadFile("d/a.yml")
		if err != nil {
			t.Fatal(err)
		}
		put(t, "d/a.yml", string(text)+id)
		r, err := Run(Options{Paths: []string{"d"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Write("out", 1); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"out/splunk/a.spl", "out/defender/a.kql"} {
			if ours, err := hasHeader(name); err != nil || !ours {
				t.Errorf("%s: %v %v", name, ours, err)
			}
		}
	}
}

// Writing a file replaces a file, and nothing else.
func TestWriteFileKeepsWhatIsThere(t *testing.T) {
	tree(t, map[string]string{"real": "old"})
	write := func(name string) error {
		return WriteFile(name, func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err })
	}
	for _, link := range [][2]string{{"real", "link"}, {"later", "dangling"}} {
		if err := os.Symlink(link[0], link[1]); err != nil {
			t.Fatal(err)
		}
		if err := write(link[1]); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(link[1])
		if err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("%s is no link any more (%v)", link[1], err)
		}
		if got, err := os.ReadFile(link[0]); err != nil || string(got) != "new" {
			t.Errorf("%s: %q %v", link[0], got, err)
		}
	}
	if err := write("/dev/null"); err != nil {
		t.Error(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("/dev/fd/%d", w.Fd())
	if _, err := os.Stat(name); err != nil {
		t.Skip("no /dev/fd here")
	}
	if err := write(name); err != nil {
		t.Error(err)
	}
	w.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != "new" {
		t.Errorf("through the pipe: %q %v", got, err)
	}
	if got := ls(t, "."); !cmp.Equal(got, []string{"dangling", "later", "link", "real"}) {
		t.Errorf("left: %v", got)
	}
}

// The name of a query's file depends on its document alone, not on what else
// is built.
func TestNamesDoNotDependOnTheBuild(t *testing.T) {
	tree(t, map[string]string{
		"detections/a.yml": "title: a\nname: b\n---\nname: c", "detections/a.b.yml": "title: ab", "detections/a.c.yaml": "title: ac",
		"detections/x.yml": "title: x", "detections/x.yaml": "title: x2", "detections/y.yaml": "title: y",
	})
	cfg, _, err := LoadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	names := func(paths ...string) []string {
		return files(run(t, Options{Paths: paths, Config: cfg, Targets: []string{"splunk"}}))
	}
	want := []string{"splunk/a.b-2.spl", "splunk/a.b.spl", "splunk/a.c-2.spl", "splunk/a.c.spl", "splunk/x.spl", "splunk/y.spl"}
	if diff := cmp.Diff(want, names("detections")); diff != "" {
		t.Errorf("all (-want +got)\n%s", diff)
	}
	for file, want := range map[string][]string{
		"a.yml": {"splunk/a.b-2.spl", "splunk/a.c-2.spl"}, "a.b.yml": {"splunk/a.b.spl"}, "x.yml": {"splunk/x.spl"}, "x.yaml": {}, "y.yaml": {"splunk/y.spl"},
	} {
		if diff := cmp.Diff(want, names("detections/"+file)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", file, diff)
		}
	}
	for _, path := range []string{"detections", "detections/x.yaml"} {
		r := run(t, Options{Paths: []string{path}, Config: cfg})
		if all := r.All(); len(all) != 1 || all[0].Code != codeSameOutput || all[0].Pos.Filename != "detections/x.yaml" {
			t.Errorf("%s: %v", path, all)
		}
		for _, s := range r.Summary().Targets {
			if s.Error != 1 {
				t.Errorf("%s: %d in error on %s, want 1", path, s.Error, s.Target)
			}
		}
	}
}

// A document that does not parse today keeps its goldens: what they should be
// is not known.
func TestGoldensOfABrokenDocument(t *testing.T) {
	tree(t, map[string]string{"d/a.yml": "name: x\n---\nname: y", "d/b.yml": "title: b"})
	update(t, "d")
	all := ls(t, "golden")
	for _, doc := range []string{"lost: bad", "name: x\n---\nlost: bad", "name: x\n---\nname: y\nbroken: bad", "panic: x", "name: x\n---\nname: y\ntext: wrong"} {
		put(t, "d/a.yml", doc)
		if got, _ := check(t, "d"); got != nil {
			t.Errorf("%q: %v", doc, got)
		}
		update(t, "d")
		if diff := cmp.Diff(all, ls(t, "golden")); diff != "" {
			t.Errorf("%q (-want +got)\n%s", doc, diff)
		}
	}
	put(t, "d/a.yml", "name: x\n---\nname: y\ntext: no-splunk")
	if got, _ := check(t, "d"); len(got) != 2 { // y: stale for Defender, gone for Splunk
		t.Errorf("unsupported now: %v", got)
	}
}

func TestWriteLeavesEqualFilesAlone(t *testing.T) {
	tree(t, map[string]string{"d/a.yml": "title: a", "d/b.yml": "title: b"})
	update(t, "d")
	before, err := os.Stat("golden/splunk/a.spl")
	if err != nil {
		t.Fatal(err)
	}
	put(t, "d/b.yml", "title: b2")
	update(t, "d")
	after, err := os.Stat("golden/splunk/a.spl")
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("a.spl was written again (%v)", err)
	}
	if mode := after.Mode().Perm(); mode != 0o644 {
		t.Errorf("mode %o", mode)
	}
}

func TestUnwritable(t *testing.T) {
	tree(t, map[string]string{"d/a.yml": "title: a", "file": "x", "golden/splunk/a.spl/is/a/folder": ""})
	r := run(t, Options{Paths: []string{"d"}})
	if err := r.Write("file", 1); err == nil || err.Error() != "cannot make the folder file/defender: not a directory" {
		t.Errorf("%v", err)
	}
	if err := r.Write("golden", 1); err == nil || !strings.HasPrefix(err.Error(), "cannot write golden/splunk/a.spl: ") {
		t.Errorf("%v", err)
	}
	for _, f := range ls(t, "golden") {
		if strings.Contains(f, tempPrefix) {
			t.Errorf("%s is left", f)
		}
	}
	if _, _, err := r.Check("golden", 1); err == nil || !strings.HasPrefix(err.Error(), "cannot read golden/splunk/a.spl: ") {
		t.Errorf("%v", err)
	}
}
