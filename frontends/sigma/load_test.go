package sigma_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/ir"
)

// TestBadFiles: what is no document at all has one diagnostic, at its place.
func TestBadFiles(t *testing.T) {
	good := "title: T\nlogsource: {category: x}\ndetection:\n    s: {A: 1}\n    condition: s\n"
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'i'; c++ {
		bomb += fmt.Sprintf("%c: &%[1]c [*%[2]c, *%[2]c, *%[2]c, *%[2]c, *%[2]c, *%[2]c, *%[2]c, *%[2]c, *%[2]c, *%[2]c]\n", c, c-1)
	}
	tests := []struct {
		name, src string
		want      string
		message   string
	}{
		{"empty", "", "1:1 HC0003", ""},
		{"white space", " \n\n", "1:1 HC0003", ""},
		{"comment", "# title: x\n", "1:1 HC0003", ""},
		{"separators", "---\n---\n", "1:1 HC0003", ""},
		{"NUL", "title: a\x00b\n", "1:9 HC0002", "0x00"},
		{"program", "\x7fELF\x02\x01\x01\x00", "1:1 HC0002", ""},
		{"escape", "a: b\nc: \x1b[31m\n", "2:4 HC0002", "0x1b"},
		{"Latin-1", "title: é\xe9\n", "1:9 HC0001", "0xe9"},
		{"UTF-16", "\xff\xfet\x00", "1:1 HC0001", "UTF-16"},
		{"quote", "title: T\nid: 'open\nstatus: x\n", "2:1 HC0005", "within quotes"},
		{"tab", "title: T\ndetection:\n\ts: 1\n", "3:1 HC0005", ""},
		{"indentation", "title: T\nlogsource:\n    category: x\n  product: y\n", "4:3 HC0005", "does not fit"},
		{"colon", "title: a: b\n", "1:1 HC0005", "second"},
		{"bracket", "title: T\ntags: [a, b\nlevel: low\n", "2:1 HC0005", "bracket"},
		{"escape in quotes", "title: T\nx: \"C:\\Windows\"\n", "2:1 HC0005", "backslash"},
		{"alias", "title: *x\n", "1:1 HC0005", "no anchor"},
		{"second document", good + "---\ntitle: 'x\n", "7:1 HC0005", ""},
		{"bomb", "title: T\n" + bomb, "6:44 HC0007", "too large"},
		{"cycle", "title: T\nlogsource: {category: x}\ndetection: &d {s: *d, condition: s}\n", "3:19 HC0007", "d"},
		{"deep parentheses", strings.Replace(good, "condition: s", "condition: "+strings.Repeat("(", 10_000)+"s"+strings.Repeat(")", 10_000), 1), "5:16 HC0202", ""},
		{"deep enough parentheses", strings.Replace(good, "condition: s", "condition: "+strings.Repeat("(", 5_000)+"s"+strings.Repeat(")", 5_000), 1), "5:116 HC0202", "100 deep"},
		{"long condition", strings.Replace(good, "condition: s", "condition: s"+strings.Repeat(" and s", 5_000), 1), "5:16 HC0202", ""},
		{"deep YAML", strings.Repeat("[", 20_000), "1:1 HC0005", "nested"},
		{"exploding condition", "title: T\nlogsource: {category: x}\ndetection:\n    condition: 1 of them" + strings.Repeat(" and (1 of them or 1 of them)", 200) + "\n" + selections(1000), "4:727 HC0202", "terms"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			file, diags := sigma.Load("x.yml", []byte(tt.src), nil)
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %s", d)
			}
			if len(diags) == 0 {
				t.Fatal("no diagnostic")
			}
			d := diags[0]
			if got := fmt.Sprintf("%d:%d %s", d.Pos.Line, d.Pos.Column, d.Code); got != tt.want || !strings.Contains(d.Message, tt.message) {
				t.Errorf("have %s, want %s %s", list(diags), tt.want, tt.message)
			}
			if len(diags) > 1 || len(file.Hunts) > 0 {
				t.Errorf("%d diagnostics, %d hunts: %s", len(diags), len(file.Hunts), list(diags))
			}
		})
	}
}

func selections(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "    s%d: {A: %d}\n", i, i)
	}
	return b.String()
}

// TestBrokenDocuments: a document with an error is no hunt, and the others of
// its file are.
func TestBrokenDocuments(t *testing.T) {
	src := "title: One\nlogsource: {category: x}\ndetection: {s: {A: 1}, condition: s}\n---\n" +
		"title: Two\nname: two\nlogsource: {category: x}\ndetection: {s: {A: 1}, condition: t}\n---\n" +
		"title: Three\nlogsource: {category: x}\ndetection: {s: {A: 1}, condition: s}\n"
	file, diags := sigma.Load("x.yml", []byte(src), nil)
	if len(diags) != 1 || file.Documents != 3 || len(file.Hunts) != 2 || len(file.Broken) != 1 {
		t.Fatalf("%d documents, %d hunts, %d broken: %s", file.Documents, len(file.Hunts), len(file.Broken), list(diags))
	}
	if b := file.Broken[0]; b.Meta.Title != "Two" || b.Query != nil || b.Pos.Line != 5 {
		t.Errorf("%+v", b)
	}
}

// TestMeta: everything that a document says of itself is kept.
func TestMeta(t *testing.T) {
	h, diags := load(t, `title: T
id: c0ffee00-0000-4000-8000-000000000000
name: n
related:
    - {id: c0ffee00-0000-4000-8000-000000000001, type: derived}
status: test
description: |
    Two
    lines
license: MIT
author: A, B
references: [https://example.org]
date: 2024/01/02
modified: 2024-02-03
tags: [attack.execution, attack.t1059.001]
scope: [servers]
fields: [Image, 'cs-uri']
falsepositives: [Administrators]
level: high
custom: {a: b}
logsource: {category: c, product: p, service: s, definition: d}
detection: {s: {A: 1}, condition: s}
hunt:
    window: 7d
    phase: install
    confidence: high
    allow: [HC0310]
    targets: [splunk]
    article: {title: AT, url: https://example.org/a, publisher: P, published: 2024-01-01, severity: CRIT}
`, nil)
	if len(diags) != 1 || diags[0].Code != "HC0109" || diags[0].Severity != diag.Info {
		t.Error(list(diags))
	}
	want := ir.Meta{
		Title: "T", ID: "c0ffee00-0000-4000-8000-000000000000", Name: "n", Status: "test", Level: "high",
		Description: "Two\nlines\n", Author: "A, B", Date: "2024-01-02", Modified: "2024-02-03",
		Tags: []string{"attack.execution", "attack.t1059.001"}, References: []string{"https://example.org"},
		FalsePos: []string{"Administrators"}, Phase: "install", Confidence: "high", License: "MIT", Scope: []string{"servers"},
		Article: &ir.Article{Title: "AT", URL: "https://example.org/a", Publisher: "P", Published: "2024-01-01", Severity: "CRIT"},
		Related: []ir.Related{{ID: "c0ffee00-0000-4000-8000-000000000001", Type: "derived"}},
		Custom:  []ir.Attribute{{Name: "custom"}},
	}
	got := h.Meta
	got.TitleSpan = diag.Span{}
	got.Related[0].Span, got.Custom[0].Span = diag.Span{}, diag.Span{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if h.LookBack != 7*24*time.Hour || h.Targets[0] != "splunk" || h.Allow[0].Code != "HC0310" || h.Kind != ir.KindRule ||
		len(h.Fields) != 2 || h.Fields[1].Name != "cs-uri" || h.Path != "test.yml" || h.Pos.Line != 1 {
		t.Errorf("%+v", h)
	}
	if s := h.Query.(*ir.Filter).Input.(*ir.Scan).Source; s.Category != "c" || s.Product != "p" || s.Service != "s" {
		t.Errorf("%+v", s)
	}
}

// TestConcurrent: files load in parallel with the same result.
func TestConcurrent(t *testing.T) {
	paths, err := filepath.Glob("testdata/bad/*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatal(err)
	}
	results := make([][]string, 4)
	var wg sync.WaitGroup
	for i := range results {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for _, p := range paths {
				src, err := os.ReadFile(p)
				if err != nil {
					t.Error(err)
					return
				}
				_, diags := sigma.Load(p, src, nil)
				results[i] = append(results[i], list(diags))
			}
		}()
	}
	wg.Wait()
	for _, r := range results[1:] {
		if diff := cmp.Diff(results[0], r); diff != "" {
			t.Error(diff)
		}
	}
}

// TestTemplates: every shipped template is a valid document once its
// placeholders have values.
func TestTemplates(t *testing.T) {
	iocs := "{cves: [CVE-2024-3400], ips: [198.51.100.7, 203.0.113.0/24], domains: [evil.example], hashes: [" +
		strings.Repeat("0a", 16) + ", " + strings.Repeat("0b", 20) + ", " + strings.Repeat("0c", 32) + "]}"
	for _, name := range sigma.Templates() {
		src := "title: T\ntaxonomy: huntc\nhunt:\n    template: " + name + "\n    iocs: " + iocs + "\n"
		h, diags := load(t, src, nil)
		for _, d := range diags {
			if d.Code != "HC0406" {
				t.Errorf("%s: %s", name, list(diag.List{d}))
			}
		}
		if h.Meta.Title != "T" || h.Meta.Level == "" || h.Meta.Phase == "" || h.Kind != ir.KindHunt {
			t.Errorf("%s: %+v", name, h.Meta)
		}
		ir.WalkQuery(h.Query, func(q ir.Query) {
			if at := q.At(); at.Pos.Filename != "test.yml" || at.Pos.Line != 4 {
				t.Errorf("%s: %T at %+v", name, q, at.Pos)
			}
		})
	}
}

func addSeeds(f *testing.F) {
	paths, err := filepath.Glob("testdata/bad/*.yml")
	if err != nil {
		f.Fatal(err)
	}
	more, err := filepath.Glob("templates/*.yml")
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range append(paths, more...) {
		src, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		for _, doc := range bytes.Split(src, []byte("\n---\n")) {
			f.Add(doc)
		}
	}
}

// FuzzLoad: no file brings the loader down; a document is a hunt, a filter or
// has an error; every diagnostic has a place within the file and a page.
func FuzzLoad(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		file, diags := sigma.Load("x.yml", src, &sigma.Options{Placeholders: []sigma.Placeholder{{Name: "a", Values: []string{"x*", "y"}}}})
		checkDiags(t, src, diags)
		if n := len(file.Hunts) + len(file.Filters) + len(file.Broken); n == 0 && !diags.HasErrors() {
			t.Fatal("nothing, and no error")
		}
		checkDiags(t, src, sigma.Link([]*sigma.File{file}))
		for _, h := range file.Hunts {
			if h.Query == nil && h.Correlation == nil && len(h.Natives) == 0 {
				t.Fatal("a hunt without a query")
			}
		}
	})
}

func checkDiags(t *testing.T, src []byte, diags diag.List) {
	t.Helper()
	for _, d := range diags {
		if d.Pos.Line < 1 || d.Pos.Column < 1 || d.Pos.Offset < 0 || d.Pos.Offset > len(src) ||
			d.EndPos.IsValid() && (d.EndPos.Offset < d.Pos.Offset || d.EndPos.Offset > len(src)) {
			t.Fatalf("%s: %+v", list(diag.List{d}), d.Span)
		}
		if _, ok := diag.Explain(d.Code); !ok || d.Message == "" {
			t.Fatalf("%+v", d)
		}
	}
}

// FuzzPipeline: no pipeline brings the loader down; what has no error is a query.
func FuzzPipeline(f *testing.F) {
	for _, s := range []string{
		"where n > 30 and avg between 30s and 10m", "extend a = (b + 1) * -2 / 3, c = bin(Timestamp, 5m)",
		"summarize n = count(), values(User) by A, W = bin(Timestamp, 1h)\nsort by n desc, A asc",
		"gaps of Timestamp as delta by A, B | where delta < 5s", "top 10 by a desc", "limit 5", "distinct A, ['b c']",
		"project A, b = hour(C)", "union other", "join kind=left other on A", "where A in (1, \"x\") or not exists(B)\n    and C matches regex \"a\\b\"",
		"where A contains 'x' // comment", "// nothing", "where ((((A = 1))))", "where \"", "where 'a", "|", "where A != \"x\" | limit 1", "extend",
		"extend a = case(A > 1, \"x\", cidr(B, \"10.0.0.0/8\"), lower(B), 3), b = extract(C, \"a(b)\"), c = split(C, \",\", 1)",
		"prev of A as b by C along D\nrank as r by b desc per C | top 3 by b asc per C", "summarize countif(A > 1), x = arg_max(A, B), p = percentile(A, 95) by C",
		"join kind=inner other on A within 5m after", "where Timestamp > ago(1d) and A contains B and filename(C) = \"x\"",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\r\u0085\u2028\u2029") {
			return // YAML would fold these; FuzzLoad has them
		}
		src := "title: T\ntaxonomy: huntc\nlogsource: {category: x}\ndetection: {s: {A: 1}, condition: s}\nhunt:\n" +
			"    branches:\n        other:\n            logsource: {category: x}\n            detection: {s: {A: 1}, condition: s}\n            output: [A, Z]\n" +
			"    pipeline: |2\n        " + strings.ReplaceAll(text, "\n", "\n        ") + "\n"
		file, diags := sigma.Load("x.yml", []byte(src), nil)
		checkDiags(t, []byte(src), diags)
		if !diags.HasErrors() && (len(file.Hunts) != 1 || file.Hunts[0].Query == nil) {
			t.Fatalf("no query and no error: %q", text)
		}
	})
}
