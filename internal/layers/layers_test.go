// Package layers holds the repository to its import directions.
package layers

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/huntc/huntc"

// layer of each package: it imports lower ones only, never one of its own
// layer. A new package has to be entered here, so that somebody decides.
var layer = map[string]int{
	"diag": 1,

	"ir":                    2,
	"backends/splunk/spl":   2,
	"backends/defender/kql": 2,
	"internal/ioc":          2,
	"deploy/reconcile":      2,
	"deploy/rest":           2,
	"scaffold":              2,

	"backends": 3,
	"schema":   3,
	"deploy":   3,

	"frontends/sigma":    4,
	"frontends/briefing": 4,
	"frontends/article":  4,
	"backends/splunk":    4,
	"backends/defender":  4,
	"eval":               4,
	"diff":               4,
	"deploy/splunk":      4,
	"deploy/defender":    4,

	"compiler": 5,

	"proof": 6,

	"cmd/huntc": 7,
}

// tools may import anything below cmd; nothing but a test imports a test
// helper.
var tools = map[string]bool{"internal/catalog": true}

// outside says who may import a module that is not ours, by prefix; a module
// that is not here is allowed nowhere.
var outside = []struct {
	module  string
	allowed []string
	inTests bool // tests may everywhere
}{
	{module: "github.com/alecthomas/participle", allowed: []string{"frontends/sigma", "backends/splunk/spl", "backends/defender/kql"}},
	{module: "gopkg.in/yaml.v3", allowed: []string{"frontends/sigma", "schema", "compiler", "eval", "internal/ioc", "deploy", "deploy/defender"}, inTests: true},
	{module: "github.com/spf13/cobra", allowed: []string{"cmd/huntc"}},
	{module: "github.com/rogpeppe/go-internal/diff", allowed: []string{"compiler", "deploy/reconcile"}, inTests: true},
	{module: "github.com/rogpeppe/go-internal", inTests: true},
	{module: "github.com/google/go-cmp", inTests: true},
	{module: "github.com/bradleyjkemp/sigma-go", inTests: true},
	// A compiler that could open a connection would have to be trusted more
	// than one that cannot: one package does.
	{module: "net/http", allowed: []string{"deploy/rest"}, inTests: true},
	{module: "net/rpc"},
	{module: "os/exec", allowed: []string{"internal/kustotest"}, inTests: true},
	{module: "unsafe"},
}

func TestImportDirections(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != root && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(rel))
		seen[pkg] = true
		check(t, pkg, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range layer {
		if _, err := os.Stat(filepath.Join(root, pkg)); err == nil && !seen[pkg] {
			t.Errorf("%s has no Go files: take it out of the table", pkg)
		}
	}
}

func check(t *testing.T, pkg, file string) {
	isTest := strings.HasSuffix(file, "_test.go")
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Errorf("%s: %v", file, err)
		return
	}
	own, known := layer[pkg]
	if !known && !strings.HasPrefix(pkg, "internal/") {
		t.Errorf("%s: package %s has no layer: enter it in the table of internal/layers", file, pkg)
		return
	}
	for _, spec := range f.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		dep, ours := strings.CutPrefix(name, module+"/")
		if !ours {
			if !allowedOutside(name, pkg, isTest) {
				t.Errorf("%s imports %s, which only some packages may: see internal/layers", file, name)
			}
			continue
		}
		depLayer, depKnown := layer[dep]
		switch {
		case isTest || !known && tools[pkg]:
			// Tests compare whole layers with each other.
		case !depKnown:
			t.Errorf("%s imports %s, which only tests and tools may", file, dep)
		case known && depLayer >= own:
			t.Errorf("%s (layer %d) imports %s (layer %d): imports point down", pkg, own, dep, depLayer)
		}
	}
}

func allowedOutside(name, pkg string, isTest bool) bool {
	for _, o := range outside {
		if name != o.module && !strings.HasPrefix(name, o.module+"/") {
			continue
		}
		if o.inTests && (isTest || strings.HasPrefix(pkg, "internal/")) {
			return true
		}
		for _, a := range o.allowed {
			if a == pkg {
				return true
			}
		}
		return false
	}
	return !strings.Contains(strings.Split(name, "/")[0], ".") // the standard library
}
