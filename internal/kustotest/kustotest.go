// Package kustotest holds queries against Microsoft's own Kusto language
// service: the tool of tools/kusto-oracle, run once for many queries. It is for
// tests; they need Node.js and npm, and the first run needs the npm registry.
package kustotest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// Query is a text to check. With SyntaxOnly the names of tables, columns and
// functions are not resolved and no types are checked.
type Query struct {
	ID         string
	Text       string
	SyntaxOnly bool
}

// Finding is one diagnostic of the language service. Start and Length count
// UTF-16 units of the query's text.
type Finding struct {
	Query    Query
	Code     string // KS and three digits
	Severity string // error, warning, suggestion, information
	Message  string
	Start    int
	Length   int
}

// String names the query, the diagnostic and the text that it is about.
func (f Finding) String() string {
	text := utf16.Encode([]rune(f.Query.Text))
	start := min(f.Start, len(text))
	before := utf16.Decode(text[:start])
	line := 1 + strings.Count(string(before), "\n")
	about := string(utf16.Decode(text[start:min(start+max(f.Length, 1), len(text))]))
	return fmt.Sprintf("%s: line %d: %s %s: %s (at %q)", f.Query.ID, line, f.Severity, f.Code, f.Message, about)
}

// Check returns everything that the language service says about the queries,
// in their order. Where Node.js or the service cannot be had, the test is
// skipped with a line that says so; where CI is set it fails instead, because
// there it has to run.
func Check(t testing.TB, queries []Query) []Finding {
	t.Helper()
	s := find(t)
	// One process starts in half a second and then needs some milliseconds for
	// each query, so that many queries are shared out.
	parts := max(1, min(runtime.GOMAXPROCS(0), len(queries)/500))
	found := make([][]Finding, parts)
	errs := make([]error, parts)
	var all sync.WaitGroup
	for i := range parts {
		all.Go(func() {
			found[i], errs[i] = s.run(queries[i*len(queries)/parts : (i+1)*len(queries)/parts])
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return slices.Concat(found...)
}

// Keywords are the words that mean something to the service's parser, in
// alphabetical order. It skips and fails as Check does.
func Keywords(t testing.TB) []string {
	t.Helper()
	s := find(t)
	out, err := s.command("--keywords").Output()
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	if err := json.Unmarshal(out, &words); err != nil {
		t.Fatal(err)
	}
	return words
}

// service is what it takes to run the tool.
type service struct{ node, tool, root string }

// find installs the tool; where that fails it skips the test, or fails it where
// CI is set.
func find(t testing.TB) service {
	t.Helper()
	root := repository(t)
	tool := filepath.Join(root, "tools", "kusto-oracle")
	node, err := install(tool)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the Kusto language service has to run in CI: %v", err)
		}
		t.Skipf("SKIPPED, nothing was checked against the Kusto language service: %v", err)
	}
	return service{node, tool, root}
}

func (s service) command(args ...string) *exec.Cmd {
	return exec.Command(s.node, append([]string{filepath.Join(s.tool, "oracle.mjs"), s.root}, args...)...)
}

// NoFindings fails the test for each thing that the language service says.
func NoFindings(t testing.TB, queries []Query) {
	t.Helper()
	for _, f := range Check(t, queries) {
		t.Errorf("%s\n%s", f, f.Query.Text)
	}
}

// The line of the tool's protocol, in and out.
type (
	request struct {
		ID         int    `json:"id"`
		Text       string `json:"text"`
		SyntaxOnly bool   `json:"syntaxOnly,omitempty"`
	}
	answer struct {
		ID          int `json:"id"`
		Diagnostics []struct {
			Code, Severity, Message string
			Start, Length           int
		} `json:"diagnostics"`
	}
)

func (s service) run(queries []Query) ([]Finding, error) {
	var in, out, problems bytes.Buffer
	enc := json.NewEncoder(&in)
	for i, q := range queries {
		if err := enc.Encode(request{ID: i, Text: q.Text, SyntaxOnly: q.SyntaxOnly}); err != nil {
			return nil, err
		}
	}
	cmd := s.command()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &problems
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("oracle.mjs: %w\n%s", err, problems.Bytes())
	}
	var findings []Finding
	answers := 0
	dec := json.NewDecoder(bufio.NewReader(&out))
	for dec.More() {
		var a answer
		if err := dec.Decode(&a); err != nil {
			return nil, fmt.Errorf("oracle.mjs: answer %d: %w", answers, err)
		}
		if a.ID != answers || a.ID >= len(queries) {
			return nil, fmt.Errorf("oracle.mjs: answer %d names query %d", answers, a.ID)
		}
		answers++
		for _, d := range a.Diagnostics {
			findings = append(findings, Finding{
				Query: queries[a.ID], Code: d.Code, Severity: d.Severity, Message: d.Message, Start: d.Start, Length: d.Length,
			})
		}
	}
	if answers != len(queries) {
		return nil, fmt.Errorf("oracle.mjs: %d queries, %d answers\n%s", len(queries), answers, problems.Bytes())
	}
	return findings, nil
}

// install returns the path of node once the packages of the lock file stand in
// tool/node_modules. Tests of several packages run at once, so that one at a
// time looks and installs.
func install(tool string) (node string, err error) {
	node, err = exec.LookPath("node")
	if err != nil {
		return "", err
	}
	h := fnv.New64a()
	h.Write([]byte(tool))
	lock := filepath.Join(os.TempDir(), fmt.Sprintf("huntc-kusto-oracle-%x.lock", h.Sum64()))
	unlock, err := lockedfile.MutexAt(lock).Lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	if installed(tool) {
		return node, nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", err
	}
	cmd := exec.Command(npm, "ci")
	cmd.Dir = tool
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci in %s: %w\n%s", tool, err, out)
	}
	return node, nil
}

// installed compares the lock file with the one that npm leaves in
// node_modules.
func installed(tool string) bool {
	want, err1 := packages(filepath.Join(tool, "package-lock.json"))
	got, err2 := packages(filepath.Join(tool, "node_modules", ".package-lock.json"))
	if err1 != nil || err2 != nil {
		return false
	}
	for name, p := range want {
		if name != "" && got[name] != p {
			return false
		}
	}
	return true
}

type lockedPackage struct{ Version, Integrity string }

func packages(file string) (map[string]lockedPackage, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var lock struct{ Packages map[string]lockedPackage }
	err = json.Unmarshal(data, &lock)
	return lock.Packages, err
}

// repository is the folder above the test's own that holds go.mod.
func repository(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = parent
	}
}
