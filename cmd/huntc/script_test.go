package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"huntc": main})
}

// The scripts of testdata/script run the program as a user would, in a folder
// of its own each. HUNTC_TEST_UPDATE=1 writes what "cmp" compares with anew.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: os.Getenv("HUNTC_TEST_UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			// Nobody's own settings or cache.
			env.Setenv("HUNTC_CACHE", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("CI", "")
			return os.Mkdir(filepath.Join(env.WorkDir, ".git"), 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    cmdExits,
			"jsonkeys": cmdJSONKeys,
		},
	})
}

// cmdExits runs huntc and wants an exit code: exits 2 huntc build nowhere.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// cmdJSONKeys wants that the object at a path of a JSON file has exactly these
// keys: jsonkeys report.json hunts.0.targets splunk defender.
func cmdJSONKeys(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: jsonkeys FILE PATH KEY...")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &v))
	for _, step := range strings.FieldsFunc(args[1], func(c rune) bool { return c == '.' }) {
		switch x := v.(type) {
		case map[string]any:
			v = x[step]
		case []any:
			i := int(step[0] - '0')
			if i >= len(x) {
				ts.Fatalf("%s: %d elements", args[1], len(x))
			}
			v = x[i]
		}
	}
	m, ok := v.(map[string]any)
	if !ok {
		ts.Fatalf("%s is no object: %v", args[1], v)
	}
	var got []string
	for k := range m {
		got = append(got, k)
	}
	slices.Sort(got)
	want := slices.Sorted(slices.Values(args[2:]))
	if !slices.Equal(got, want) {
		ts.Fatalf("%s has the keys %v, want %v", args[1], got, want)
	}
}

// run is one command line in process.
func run(args ...string) (code int, out, err string) {
	var o, e bytes.Buffer
	code = Run(args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// What cannot be written is not lost without a word: exit code 2, whatever
// else there is to say.
func TestFullDisk(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("HUNTC_CACHE", t.TempDir())
	write(t, "good/a.yml", goodRule)
	write(t, "bad/a.yml", "title: [")
	for _, args := range [][]string{
		{"build", "good"}, {"build", "bad"}, {"build", "good", "--report", "-"}, {"build", "bad", "--report", "-"}, {"build", "good", "--format", "json"},
		{"build", "bad", "--format", "sarif"}, {"build", "bad", "--format", "github"}, {"build", "good", "--format", "junit"}, {"explain", "HC0310"}, {"explain", "Good", "good"},
		{"version"}, {"--help"}, {"build", "--help"}, {},
	} {
		var stderr bytes.Buffer
		if code := Run(args, strings.NewReader(""), fullDisk{}, &stderr); code != 2 {
			t.Errorf("%q: exit code %d, want 2", args, code)
		}
		if !strings.HasSuffix(stderr.String(), "huntc: cannot write to standard output: no space left\n") {
			t.Errorf("%q: %s", args, stderr.String())
		}
	}
	if _, err := os.Stat("/dev/full"); err == nil {
		if code, _, stderr := run("build", "good", "--report", "/dev/full"); code != 2 || !strings.Contains(stderr, "huntc: cannot write /dev/full: no space left on device\n") {
			t.Errorf("exit code %d: %s", code, stderr)
		}
	}
}
