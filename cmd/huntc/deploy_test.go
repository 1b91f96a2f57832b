package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/huntc/huntc/internal/graphserver"
	"github.com/huntc/huntc/internal/splunkserver"
)

const (
	deployApp   = "soc_content"
	deployToken = "t0ken-of-the-tests"
)

type servers struct {
	splunk *splunkserver.Server
	graph  *graphserver.Server
}

// TestDeploy runs the scripts of testdata/deploy, each with a search head and a
// tenant of its own.
func TestDeploy(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "deploy"),
		UpdateScripts: os.Getenv("HUNTC_TEST_UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			s := &servers{splunkserver.New(deployToken, deployApp), graphserver.New(deployToken)}
			env.Defer(s.splunk.Close)
			env.Defer(s.graph.Close)
			s.graph.BadQuery = func(q string) string {
				if strings.Contains(q, "wehre") {
					return "Query could not be parsed at 'wehre'"
				}
				return ""
			}
			env.Values["servers"] = s
			env.Setenv("CI", "")
			env.Setenv("HUNTC_SPLUNK_URL", s.splunk.URL)
			env.Setenv("HUNTC_SPLUNK_APP", deployApp)
			env.Setenv("HUNTC_SPLUNK_TOKEN", deployToken)
			env.Setenv("HUNTC_GRAPH_URL", s.graph.URL)
			env.Setenv("HUNTC_LOGIN_URL", s.graph.URL)
			env.Setenv("HUNTC_GRAPH_TOKEN", deployToken)
			return os.Mkdir(filepath.Join(env.WorkDir, ".git"), 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  cmdExits,
			"splunk": cmdSplunk,
			"graph":  cmdGraph,
		},
	})
}

// answers makes the next n requests that change something be answered by a
// status, and the rest as before.
func answers(args []string) (func(w http.ResponseWriter, r *http.Request) bool, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("usage: fail N STATUS")
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return nil, err
	}
	status, err := strconv.Atoi(args[1])
	if err != nil {
		return nil, err
	}
	var seen atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet || int(seen.Add(1)) > n {
			return false
		}
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":{"code":"Test","message":"the test says so"},"messages":[{"type":"ERROR","text":"the test says so"}]}`)
		return true
	}, nil
}

// cmdSplunk acts on the search head: splunk put NAME KEY VALUE, splunk delete
// NAME, splunk fail N STATUS, splunk list FILE KEY....
func cmdSplunk(ts *testscript.TestScript, neg bool, args []string) {
	s := ts.Value("servers").(*servers).splunk
	switch {
	case len(args) == 4 && args[0] == "put":
		s.Put(args[1], deployApp, map[string]string{args[2]: args[3]})
	case len(args) == 2 && args[0] == "delete":
		s.Put(args[1], deployApp, nil)
	case len(args) > 1 && args[0] == "fail":
		f, err := answers(args[1:])
		ts.Check(err)
		s.Before = f
	case len(args) >= 2 && args[0] == "list":
		var b strings.Builder
		for _, x := range s.Searches() {
			b.WriteString(x.Name)
			for _, k := range args[2:] {
				fmt.Fprintf(&b, " | %s=%s", k, x.Content[k])
			}
			b.WriteByte('\n')
		}
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o644))
	default:
		ts.Fatalf("usage: splunk put|delete|fail|list")
	}
}

// cmdGraph acts on the tenant: graph edit NAME KEY VALUE, graph delete NAME,
// graph fail N STATUS, graph list FILE.
func cmdGraph(ts *testscript.TestScript, neg bool, args []string) {
	s := ts.Value("servers").(*servers).graph
	switch {
	case len(args) == 4 && args[0] == "edit":
		s.Edit(args[1], func(rule map[string]any) {
			at := rule
			path := strings.Split(args[2], ".")
			for _, p := range path[:len(path)-1] {
				at = at[p].(map[string]any)
			}
			at[path[len(path)-1]] = args[3]
		})
	case len(args) == 2 && args[0] == "delete":
		s.Edit(args[1], nil)
	case len(args) > 1 && args[0] == "fail":
		f, err := answers(args[1:])
		ts.Check(err)
		s.Before = f
	case len(args) == 2 && args[0] == "list":
		var lines []string
		for _, text := range s.Rules() {
			var x struct {
				DisplayName string
				IsEnabled   bool
				Schedule    struct{ Period string }
			}
			ts.Check(json.Unmarshal([]byte(text), &x))
			lines = append(lines, fmt.Sprintf("%s | %v | %s\n", x.DisplayName, x.IsEnabled, x.Schedule.Period))
		}
		slices.Sort(lines) // several are made at once
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(lines, "")), 0o644))
	default:
		ts.Fatalf("usage: graph edit|delete|fail|list")
	}
}

// TestDeployKilled kills an apply in the middle, as kill -9 does, and runs the
// same plan again: everything is there once.
func TestDeployKilled(t *testing.T) {
	huntc, err := exec.LookPath("huntc")
	if err != nil {
		t.Fatal(err)
	}
	s := splunkserver.New(deployToken, deployApp)
	defer s.Close()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "detections"), 0o755); err != nil {
		t.Fatal(err)
	}
	const n = 25
	for i := range n {
		text := fmt.Sprintf("title: Hunt %d\nid: 00000000-0000-4000-8000-%012d\nstatus: test\nlogsource: {category: process_creation, product: windows}\ndetection: {s: {Image|endswith: '\\a%d.exe'}, condition: s}\nlevel: high\n", i, i, i)
		if err := os.WriteFile(filepath.Join(dir, "detections", fmt.Sprintf("h%d.yml", i)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), huntc, append([]string{"deploy"}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HUNTC_SPLUNK_URL="+s.URL, "HUNTC_SPLUNK_APP="+deployApp, "HUNTC_SPLUNK_TOKEN="+deployToken)
		return cmd
	}
	if out, err := run("plan", "splunk", "--plan", "plan.json").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	first := run("apply", "splunk", "--plan", "plan.json", "--requests", "2")
	var posts atomic.Int32
	s.Lose = func(r *http.Request) bool {
		if r.Method == http.MethodPost && posts.Add(1) == 10 {
			_ = first.Process.Kill()
			return true // what was asked for is done, and nobody hears of it
		}
		return false
	}
	if err := first.Run(); err == nil {
		t.Fatal("the first run was not killed")
	}
	s.Lose = nil
	if got := len(s.Searches()); got < 8 || got >= n {
		t.Fatalf("%d searches after the kill", got)
	}
	out, err := run("apply", "splunk", "--plan", "plan.json").CombinedOutput()
	if err != nil || len(s.Searches()) != n {
		t.Fatalf("%v, %d searches\n%s", err, len(s.Searches()), out)
	}
	if out, err := run("plan", "splunk", "--check").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
