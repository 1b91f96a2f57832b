package sigma_test

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/internal/irgen"
	"github.com/huntc/huntc/ir"
)

// own reads the project's own detections and the shipped templates.
func own(t testing.TB) []document {
	t.Helper()
	var out []document
	for _, pattern := range []string{"../../detections/*.yml", "templates/*.yml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatal(pattern, err)
		}
		for _, p := range paths {
			src, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, document{filepath.ToSlash(p), src})
		}
	}
	return out
}

// sameHunt compares two hunts but for positions and for what a hunt does not
// keep.
func sameHunt(t *testing.T, path, text string, want, have *ir.Hunt) {
	t.Helper()
	opts := []cmp.Option{cmpopts.IgnoreTypes(diag.Span{}), cmpopts.EquateEmpty()}
	if d := cmp.Diff(want.Meta, have.Meta, append(opts, cmpopts.IgnoreFields(ir.Meta{}, "Custom"))...); d != "" {
		t.Errorf("%s: %s: metadata (-want +have)\n%s", path, want.Meta.Title, d)
	}
	if want.Kind == ir.KindHunt && !strings.Contains(text, "taxonomy: huntc") {
		// What a template brings is a rule of its own.
		c := *want
		c.Kind = ir.KindRule
		want = &c
	}
	if d := cmp.Diff(want, have, append(opts, cmpopts.IgnoreFields(ir.Hunt{}, "Meta", "Query", "Correlation", "Inherited"))...); d != "" {
		t.Errorf("%s: %s: (-want +have)\n%s", path, want.Meta.Title, d)
	}
	if d := cmp.Diff(want.Correlation, have.Correlation, append(opts, cmpopts.IgnoreFields(ir.Correlation{}, "Rows"))...); d != "" {
		t.Errorf("%s: %s: correlation (-want +have)\n%s", path, want.Meta.Title, d)
	}
	if (want.Query == nil) != (have.Query == nil) {
		t.Errorf("%s: %s: one has a query", path, want.Meta.Title)
	} else if want.Query != nil {
		if d := cmp.Diff(ir.Format(ir.Canonical(want.Query)), ir.Format(ir.Canonical(have.Query))); d != "" {
			t.Errorf("%s: %s: query (-want +have)\n%s", path, want.Meta.Title, d)
		}
	}
}

// writeAll writes the hunts of a file, which the loader then reads alike.
func writeAll(t *testing.T, doc document) string {
	t.Helper()
	file, diags := sigma.Load(doc.path, doc.src, nil)
	diags = append(diags, sigma.Link([]*sigma.File{file})...)
	if diags.HasErrors() {
		t.Fatalf("%s: %v", doc.path, diags)
	}
	var texts []string
	for _, h := range file.Hunts {
		text, diags := sigma.Write(h)
		for _, d := range diags {
			if d.Code != "HC0452" {
				t.Errorf("%s: %s: %s %s (%s)", doc.path, h.Meta.Title, d.Code, d.Message, d.Hint)
			}
		}
		texts = append(texts, string(text))
	}
	out := strings.Join(texts, "---\n")
	if t.Failed() {
		return out
	}
	again, diags := sigma.Load(doc.path, []byte(out), nil)
	diags = append(diags, sigma.Link([]*sigma.File{again})...)
	if diags.HasErrors() || len(again.Hunts) != len(file.Hunts) {
		t.Errorf("%s: %d hunts, %v\n%s", doc.path, len(again.Hunts), diags, out)
		return out
	}
	for i, h := range file.Hunts {
		sameHunt(t, doc.path, texts[i], h, again.Hunts[i])
	}
	return out
}

// TestWriteOwn: the project's own detections come back.
func TestWriteOwn(t *testing.T) {
	for _, doc := range own(t) {
		if !strings.Contains(doc.path, "template") {
			t.Run(filepath.Base(doc.path), func(t *testing.T) {
				text := writeAll(t, doc)
				if t.Failed() {
					t.Log(text)
				}
			})
		}
	}
}

// TestWriteCorpus: so does every rule of the corpus.
func TestWriteCorpus(t *testing.T) {
	n := 0
	for _, doc := range corpus(t, counted...) {
		if slices.Contains(unfilled, doc.path) {
			continue
		}
		text := writeAll(t, doc)
		n++
		if t.Failed() {
			t.Fatalf("%s\n%s", doc.src, text)
		}
		if dir := os.Getenv("HUNTC_WRITE_DIR"); dir != "" {
			name := filepath.Join(dir, doc.path)
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d documents written and read", n)
}

var quotedPart = regexp.MustCompile(`(?s)".*"|-?[0-9]+[hms0-9]*`)

// writeHunt writes a hunt with a query; what comes back is the same. It
// reports whether the language has words for it.
func writeHunt(t *testing.T, kind ir.HuntKind, q ir.Query, codes map[string]int) bool {
	t.Helper()
	h := &ir.Hunt{Path: "random.yml", Kind: kind, Meta: ir.Meta{Title: "Random"}, Query: q}
	text, diags := sigma.Write(h)
	for _, d := range diags {
		switch d.Code {
		case "HC0451":
			codes[quotedPart.ReplaceAllString(d.Message, "…")]++
		case "HC0452":
		default:
			t.Errorf("%s %s\n%s", d.Code, d.Message, ir.Format(q))
		}
	}
	if text == nil {
		if !diags.HasErrors() {
			t.Error("no document, and no error")
		}
		return false
	}
	laidOut, diags := sigma.Format("random.yml", text)
	if len(diags) > 0 || string(laidOut) != string(text) {
		t.Errorf("not in the layout of Format: %v\n%s", diags, cmp.Diff(string(text), string(laidOut)))
	}
	return true
}

// TestWriteRandomDetections: every predicate that a detection can say comes
// back.
func TestWriteRandomDetections(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	fields := slices.DeleteFunc(irgen.Fields(), func(f *ir.Field) bool {
		return f.T == ir.Bool || f.T == ir.Time || f.T == ir.Duration
	})
	written, codes := 0, map[string]int{}
	const n = 4000
	for range n {
		scan := &ir.Scan{Source: ir.Logsource{Category: "process_creation"}}
		pred := irgen.Options{Sigma: true, Keywords: true}.Pred(r, fields)
		if writeHunt(t, ir.KindRule, &ir.Filter{Input: scan, Pred: pred}, codes) {
			written++
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d of %d written; %v", written, n, codes)
	if written < n*95/100 {
		t.Errorf("only %d of %d predicates of detections were written", written, n)
	}
}

// TestWriteRandomQueries: of any query either the same comes back, or what the
// language has no words for is named.
func TestWriteRandomQueries(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	written, codes := 0, map[string]int{}
	const n = 4000
	for range n {
		q, _ := irgen.Options{}.Program(r,
			irgen.Source{Logsource: ir.Logsource{Category: "process_creation"}, Fields: irgen.Fields()},
			irgen.Source{Logsource: ir.Logsource{Product: "windows", Service: "security"}, Fields: irgen.Fields()})
		if writeHunt(t, ir.KindHunt, q, codes) {
			written++
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d of %d written", written, n)
	for _, c := range slices.SortedFunc(maps.Keys(codes), func(a, b string) int { return codes[b] - codes[a] }) {
		t.Logf("%5d %s", codes[c], c)
	}
}

// TestEveryEvent: a hunt may take every event of its logsource, if it says so
// and no other tool takes it for a rule.
func TestEveryEvent(t *testing.T) {
	const hunt = "title: A\ntaxonomy: huntc\nlogsource:\n    category: process_creation\ndetection:\n    condition: true\nhunt:\n    pipeline: |\n        limit 1\n"
	file, diags := sigma.Load("a.yml", []byte(hunt), nil)
	if len(diags) > 0 || len(file.Hunts) != 1 {
		t.Fatal(diags)
	}
	if have, want := ir.Format(ir.Normalize(file.Hunts[0].Query)), "scan process_creation/-/-\nlimit 1\n"; have != want {
		t.Errorf("%s, want %s", have, want)
	}
	if text, diags := sigma.Write(file.Hunts[0]); string(text) != hunt {
		t.Errorf("%v\n%s", diags, text)
	}
	for _, bad := range []string{
		strings.Replace(hunt, "taxonomy: huntc\n", "", 1),
		strings.Replace(hunt, "    condition: true", "    a: {Image: x}\n    condition: true", 1),
		strings.Replace(hunt, "condition: true", "condition: false", 1),
	} {
		_, diags := sigma.Load("a.yml", []byte(bad), nil)
		if !slices.ContainsFunc(diags, func(d diag.Diagnostic) bool { return d.Code == "HC0203" }) {
			t.Errorf("%v\n%s", diags, bad)
		}
	}
}

// FuzzWrite: whatever loads is written so that it loads alike, or is refused
// with the name of what cannot be said.
func FuzzWrite(f *testing.F) {
	for _, doc := range own(f) {
		f.Add(string(doc.src))
	}
	for _, sel := range []string{
		`{A|contains|windash: " -enc", B|re|i|s: 'a.*', C|cidr: 10.0.0.0/8, D|gte: 5, E|exists: false, F: null, G|fieldref|endswith: H}`,
		`[{A: ['*\x', "y*", 'a?b\*']}, {B|contains|all: [a, b], C|cased: D}, word]`,
		`{'|all': [a, b], Timestamp|hour|lt: 6, A|neq: [1, 2.5, x], B|base64offset|contains: http}`,
	} {
		f.Add("title: A\nlogsource: {category: process_creation}\ndetection:\n  a: " + sel + "\n  b: {X: 1}\n  c: {Y: 2, Z: 3}\n  condition: a and not (b or c) or 1 of *\n")
	}
	f.Fuzz(func(t *testing.T, src string) {
		file, diags := sigma.Load("fuzz.yml", []byte(src), nil)
		if sigma.Link([]*sigma.File{file}).HasErrors() || diags.HasErrors() {
			return
		}
		for _, h := range file.Hunts {
			text, diags := sigma.Write(h)
			for _, d := range diags {
				if d.Code != "HC0451" && d.Code != "HC0452" {
					t.Fatalf("%s %s", d.Code, d.Message)
				}
			}
			if out, diags := sigma.Format("fuzz.yml", text); text != nil && (string(out) != string(text) || len(diags) > 0) {
				t.Fatalf("not in the layout of Format: %v\n%s", diags, cmp.Diff(string(text), string(out)))
			}
		}
	})
}
