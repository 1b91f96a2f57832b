package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const goodRule = `title: Good
logsource: {category: process_creation, product: windows}
detection:
  selection: {Image|endswith: '\good.exe'}
  condition: selection
`

// rule is a rule around a selection.
func rule(selection string) string {
	return "title: Test\nlogsource: {category: process_creation, product: windows}\ndetection:\n  selection:\n    " +
		strings.ReplaceAll(selection, "\n", "\n    ") + "\n  condition: selection\n"
}

// correlation is a correlation with these lines.
func correlation(lines ...string) string {
	return "title: Bad\ncorrelation:\n  " + strings.Join(lines, "\n  ") + "\nname: bad\n"
}

var line = regexp.MustCompile(`(?m)^d/bad\.yml(:[0-9]+:[0-9]+)?: (error|warning|info) (HC[0-9]{4}) (.*)$`)

// Bad input of every kind ends in a coded diagnostic at its place, soon, and
// the document beside it is compiled.
func TestBadInput(t *testing.T) {
	deep := strings.Repeat("(", 10000) + "selection" + strings.Repeat(")", 10000)
	tests := []struct {
		name  string
		src   string
		code  string // of the first error
		place string // its line and column; "" for the file as a whole
	}{
		{"not YAML", "title: [a, b\ndetection: }", "HC0005", "1:1"},
		{"a tab as indent", "title: x\ndetection:\n\tselection: a\n", "HC0005", "3:1"},
		{"not UTF-8", "title: caf\xe9\n", "HC0001", "1:11"},
		{"UTF-16", "\xff\xfet\x00i\x00t\x00l\x00e\x00", "HC0001", "1:1"},
		{"binary", "\x7fELF\x02\x01\x01\x00\x00\x00", "HC0002", "1:1"},
		{"empty", "", "HC0003", "1:1"},
		{"only a comment", "# nothing\n", "HC0003", "1:1"},
		{"a list", "- a\n- b\n", "HC0008", "1:1"},
		{"a text", "just text\n", "HC0008", "1:1"},
		{"80 MB", strings.Repeat("# 80 MB of comments\n", 80<<20/20), "HC0601", "1:1"},
		{"10,000 nested parentheses", strings.Replace(goodRule, "condition: selection", "condition: "+deep, 1), "HC0202", "5:14"},
		{"10,000 nested lists", "title: " + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + "\n", "HC0103", "1:1"},
		{"alias bomb", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n" +
			"e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: &h [*g,*g,*g,*g,*g,*g,*g,*g,*g]\ntitle: *h\n", "HC0007", "6:11"},
		{"alias of itself", "title: x\ndetection: &d\n  selection: *d\n", "HC0007", "3:14"},
		{"duplicate key", "title: One\ntitle: Two\n" + strings.TrimPrefix(goodRule, "title: Good\n"), "HC0006", "2:1"},
		{"misspelt key", strings.Replace(goodRule, "detection", "detecton", 1), "HC0119", "1:1"},
		{"no such selection", strings.Replace(goodRule, "condition: selection", "condition: selektion", 1), "HC0203", "5:14"},
		{"unknown modifier", rule(`Image|endwith: '\a.exe'`), "HC0210", "5:11"},
		{"not a regex", rule(`CommandLine|re: '(['`), "HC0215", "5:22"},
		{"a regex that RE2 has not", rule(`CommandLine|re: '(?<!x)y'`), "HC0361", "5:5"},
		{"a correlation that is a number", "title: x\ncorrelation: 5\n", "HC0104", "2:14"},
		{"a correlation that is a list", "title: x\ncorrelation: []\n", "HC0104", "2:14"},
		{"an empty correlation", "title: x\ncorrelation:\n", "HC0104", "2:13"},
		{"a correlation of nothing", "title: x\ncorrelation: {}\n", "HC0103", "2:14"},
		{"a misspelt type", correlation("type: event_cnt", "rules: [counted]", "timespan: 5m", "condition: {gte: 3}"), "HC0141", "3:9"},
		{"no rules", correlation("type: event_count", "timespan: 5m", "condition: {gte: 3}"), "HC0103", "3:3"},
		{"rules of no document", correlation("type: event_count", "rules: []", "timespan: 5m", "condition: {gte: 3}"), "HC0144", "4:10"},
		{"a rule that is not there", correlation("type: event_count", "rules: [goood]", "timespan: 5m", "condition: {gte: 3}"), "HC0144", "4:11"},
		{"no condition", correlation("type: event_count", "rules: [counted]", "timespan: 5m"), "HC0142", "3:3"},
		{"a condition that is a text", correlation("type: event_count", "rules: [counted]", "timespan: 5m", "condition: many"), "HC0104", "6:14"},
		{"a timespan of no length", correlation("type: event_count", "rules: [counted]", "timespan: soon", "condition: {gte: 3}"), "HC0143", "5:13"},
		{"aliases of no rule", correlation("type: event_count", "rules: [counted]", "timespan: 5m", "condition: {gte: 3}", "aliases: {x: 1}"), "HC0104", "7:16"},
		{"aliases that are a list", correlation("type: event_count", "rules: [counted]", "timespan: 5m", "condition: {gte: 3}", "aliases: [x]"), "HC0104", "7:12"},
		{"a circle", correlation("type: event_count", "rules: [bad]", "timespan: 5m", "condition: {gte: 3}"), "HC0145", "3:3"},
		{"a title with a newline", strings.Replace(goodRule, "Good", `"two\nlines"`, 1), "HC0105", "1:9"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			t.Setenv("HUNTC_CACHE", t.TempDir())
			write(t, "d/bad.yml", tt.src)
			write(t, "d/good.yml", goodRule+"name: good\n")
			write(t, "d/counted.yml", goodRule+"name: counted\n")
			start := time.Now()
			code, _, stderr := run("build", "d", "--out", "out")
			if d := time.Since(start); d > 20*time.Second {
				t.Errorf("took %v", d)
			}
			if code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			var first []string
			for _, m := range line.FindAllStringSubmatch(stderr, -1) {
				if m[2] == "error" {
					first = m
					break
				}
			}
			place := ""
			if tt.place != "" {
				place = ":" + tt.place
			}
			if first == nil || first[3] != tt.code || first[1] != place {
				t.Errorf("first error %q, want %s at %q, in:\n%.2000s", first, tt.code, tt.place, stderr)
			}
			if strings.Contains(stderr, "HC0699") || len(stderr) > 10000 {
				t.Errorf("%d bytes of diagnostics:\n%.2000s", len(stderr), stderr)
			}
			for _, f := range []string{"out/splunk/good.spl", "out/defender/good.kql"} {
				if _, err := os.Stat(f); err != nil {
					t.Errorf("the document beside it: %v", err)
				}
			}
		})
	}
}

// No value can break out of where it stands, in the query or in the comment
// before it; the queries' own parsers hold the query to that, here the files
// are held to their shape.
func TestHostileText(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("HUNTC_CACHE", t.TempDir())
	write(t, "d/title.yml", strings.Replace(goodRule, "title: Good", `title: "one | delete`+"```"+` */ two // x"`, 1))
	write(t, "d/value.yml", rule(`CommandLine|contains:
  - "quote \" backslash \\ backtick `+"`x`"+`"
  - "new\nline"
  - 'pipe | bracket ] [ | delete'
  - "tab\tand \u202e"`))
	code, _, stderr := run("build", "d", "--out", "out")
	if strings.Contains(stderr, "HC0699") {
		t.Fatal(stderr)
	}
	if code > 1 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	for _, f := range []string{"out/splunk/title.spl", "out/defender/title.kql"} {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatalf("%v\n%s", err, stderr)
		}
		good, err := os.ReadFile(strings.Replace(f, "title", "plain", 1))
		if err != nil {
			write(t, "d/plain.yml", goodRule)
			run("build", "d", "--out", "out")
			if good, err = os.ReadFile(strings.Replace(f, "title", "plain", 1)); err != nil {
				t.Fatal(err)
			}
		}
		// A hostile title changes the first line and nothing else.
		a, b := strings.SplitN(string(raw), "\n", 2), strings.SplitN(strings.ReplaceAll(string(good), "plain.yml", "title.yml"), "\n", 2)
		if diff := cmp.Diff(b[1], a[1]); diff != "" {
			t.Errorf("%s (-plain title +hostile title)\n%s", f, diff)
		}
	}
}

// Killed at any moment, an update leaves each golden as it was or as it
// should be.
func TestKilledUpdate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED on Windows: a process cannot be killed by signal there")
	}
	t.Chdir(t.TempDir())
	t.Setenv("HUNTC_CACHE", t.TempDir())
	const n = 300
	name := func(i int) string {
		return "r" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/26)
	}
	docs := func(version string) {
		for i := range n {
			write(t, filepath.Join("detections", name(i)+".yml"), strings.ReplaceAll(strings.Replace(goodRule, "Good", "Good "+version, 1), "good.exe", version+".exe"))
		}
	}
	goldens := func() map[string]string {
		all := map[string]string{}
		err := filepath.WalkDir("golden", func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && !strings.HasPrefix(d.Name(), ".") {
				var raw []byte
				if raw, err = os.ReadFile(path); err == nil {
					all[path] = string(raw)
				}
			}
			return err
		})
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return all
	}
	update := func() map[string]string {
		if code, _, stderr := run("build", "--update"); code != 0 {
			t.Fatalf("exit code %d\n%s", code, stderr)
		}
		return goldens()
	}
	docs("two")
	after := update()
	docs("one")
	before := update()
	if len(before) != 2*n {
		t.Fatalf("%d goldens, want %d", len(before), 2*n)
	}
	docs("two")
	mixed := 0
	for i := range 12 {
		cmd := exec.Command("huntc", "build", "--update", "--no-cache") // on the PATH by TestMain
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i) * 15 * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed, as it should be
		old, done := 0, 0
		for path, text := range goldens() {
			switch text {
			case before[path]:
				old++
			case after[path]:
				done++
			default:
				t.Fatalf("%s is neither the old text nor the new:\n%q", path, text)
			}
		}
		if old+done != 2*n {
			t.Fatalf("%d goldens of %d", old+done, 2*n)
		}
		if old > 0 && done > 0 {
			mixed++
		}
	}
	t.Logf("%d of 12 kills came in the middle of the writing", mixed)
	if diff := cmp.Diff(after, update()); diff != "" {
		t.Errorf("the next update does not mend it (-want +got)\n%s", diff)
	}
	left, err := filepath.Glob(filepath.Join("golden", "*", ".huntc-tmp-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("leftovers: %v %v", left, err)
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
