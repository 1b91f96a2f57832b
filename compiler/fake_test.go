package compiler

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/huntc/huntc/backends"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// The tests of this file's package that are about the machinery, not about
// Sigma, use a frontend of "key: value" lines and backends that echo them:
// so they can make either fail in any way.

func fakeLoad(path string, src []byte) (*document, diag.List) {
	d := &document{broken: map[*ir.Hunt]bool{}}
	var diags diag.List
	line := 1
	for _, part := range strings.SplitAfter(string(src), "---\n") {
		h := &ir.Hunt{Path: path, Kind: ir.KindRule}
		h.Pos = diag.Pos{Filename: path, Line: line, Column: 1}
		h.EndPos = diag.Pos{Filename: path, Line: line + strings.Count(strings.TrimSuffix(part, "\n"), "\n"), Column: 1}
		line += strings.Count(part, "\n")
		d.documents++
		lost, filter := false, false
		for _, l := range strings.Split(strings.TrimSuffix(part, "---\n"), "\n") {
			k, v, _ := strings.Cut(strings.TrimSpace(l), ": ")
			switch k {
			case "title":
				h.Meta.Title = v
			case "id":
				h.Meta.ID = v
			case "name":
				h.Meta.Name = v
			case "text":
				h.Meta.Description = v
			case "targets":
				h.Targets = strings.Split(v, ",")
			case "allow":
				h.Allow = append(h.Allow, ir.Allowed{Span: h.Span, Code: diag.Code(v)})
			case "counts":
				h.Kind = ir.KindCorrelation
				h.Correlation = &ir.Correlation{Span: h.Span, Type: "event_count", Rules: []ir.CorrelationRef{{Name: v}}}
			case "filter":
				filter = true
			case "panic":
				panic("load " + v)
			case "broken":
				diags.Errorf("HC0101", h, "", "%s", v)
				d.broken[h] = true
			case "lost":
				diags.Errorf("HC0101", h, "", "%s", v)
				lost = true
			}
		}
		switch {
		case filter:
			d.filters++
		case !lost:
			d.hunts = append(d.hunts, h)
		}
	}
	return d, diags
}

// fakeLink says who has the same name, and appends to every rule the number
// of filters: so results depend on other files.
func fakeLink(docs []*document) diag.List {
	var diags diag.List
	filters := 0
	seen := map[string]string{}
	for _, d := range docs {
		filters += d.filters
		for _, h := range d.hunts {
			if h.Meta.Title == "link panics" {
				panic("link")
			}
			if other := seen[h.Meta.Name]; other != "" && h.Meta.Name != "" {
				diags.Warnf("HC0101", h, "", "%s is the name of %s", h.Meta.Name, other)
			}
			seen[h.Meta.Name] = h.Path
		}
	}
	for _, d := range docs {
		for _, h := range d.hunts {
			h.Meta.Description += fmt.Sprintf(" filters=%d", filters)
			if h.Correlation != nil && seen[h.Correlation.Rules[0].Name] == "" {
				diags.Errorf("HC0144", h, "", "no rule %s", h.Correlation.Rules[0].Name)
				d.broken[h] = true
			}
		}
	}
	return diags
}

type fakeBackend struct{ target }

func (f fakeBackend) Name() string { return f.name }
func (f fakeBackend) Ext() string  { return f.ext }
func (f fakeBackend) Comment(lines []string) string {
	return "# " + strings.Join(lines, "\n# ") + "\n"
}
func (f fakeBackend) Compile(h *ir.Hunt) backends.Artifact {
	a := backends.Artifact{Query: f.name + " " + h.Meta.Title + " " + h.Meta.Description, Form: f.forms[0]}
	for _, word := range strings.Fields(h.Meta.Description) {
		switch word {
		case "panic":
			var none []int
			_ = none[len(h.Path)]
		case "over":
			a.Reasons = append(a.Reasons, ir.Reason{Span: h.Span, Code: "HC0310", Effect: ir.Over, Message: "matches more on " + f.name})
		case "no-" + f.name:
			a.Query = ""
			a.Diagnostics.Errorf("HC0301", h, "", "%s cannot say it", f.name)
		case "wrong":
			a.Query = ""
			a.Diagnostics.Errorf("HC0215", h, "", "bad regex")
		}
	}
	return a
}

// run builds with the fakes.
func run(t *testing.T, opts Options) *Result {
	t.Helper()
	b, err := newBuilder(opts)
	if err != nil {
		t.Fatal(err)
	}
	b.frontend = frontend{fakeLoad, fakeLink}
	b.backends = sync.OnceValues(func() ([]backends.Backend, error) {
		var made []backends.Backend
		for _, t := range b.targets {
			made = append(made, fakeBackend{t})
		}
		return made, nil
	})
	r, err := b.run()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// text is everything that a build says.
func text(t *testing.T, r *Result) string {
	t.Helper()
	var buf bytes.Buffer
	if err := r.WriteReport(&buf); err != nil {
		t.Fatal(err)
	}
	if err := diag.Render(&buf, r.All(), nil, false); err != nil {
		t.Fatal(err)
	}
	for _, w := range r.written() {
		buf.WriteString(w.out.File + "\n" + w.out.Text())
	}
	return buf.String()
}

// tree writes files below a new folder and makes it the working directory.
func tree(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		put(t, name, content)
	}
}

func put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

// ls lists the files below a folder.
func ls(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, filepath.ToSlash(path))
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return names
}
