package sigma_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/ir"
)

// sameMeaning wants that two texts of a file load alike, and draw the same
// diagnostics but for their places.
func sameMeaning(t testing.TB, path string, before, after []byte) {
	t.Helper()
	if string(before) == string(after) {
		return
	}
	was, wasDiags := sigma.Load(path, before, nil)
	is, isDiags := sigma.Load(path, after, nil)
	opts := []cmp.Option{cmpopts.IgnoreTypes(diag.Span{}), cmpopts.IgnoreFields(ir.Attribute{}, "Span"),
		cmpopts.IgnoreUnexported(sigma.File{}, sigma.Filter{}), cmpopts.EquateEmpty(),
		cmpopts.EquateComparable(netip.Prefix{})}
	if d := cmp.Diff(was, is, opts...); d != "" {
		t.Fatalf("%s: loads otherwise (-before +after)\n%s\n%s", path, d, after)
	}
	texts := func(list diag.List) (out []string) {
		for _, d := range list {
			// A message may name a line, and the order of keys.
			out = append(out, string(d.Code)+" "+d.Severity.String())
		}
		slices.Sort(out)
		return out
	}
	if d := cmp.Diff(texts(wasDiags), texts(isDiags)); d != "" {
		t.Fatalf("%s: other diagnostics (-before +after)\n%s\n%s", path, d, after)
	}
}

// format lays a file out, and holds the result to the laws: the meaning and
// all comments stay, and doing it twice is doing it once.
func format(t testing.TB, path string, src []byte) (out []byte, left diag.List) {
	t.Helper()
	out, diags := sigma.Format(path, src)
	if diags.HasErrors() {
		if string(out) != string(src) {
			t.Fatalf("%s: changed in spite of an error: %v", path, diags)
		}
		return out, diags
	}
	sameMeaning(t, path, src, out)
	again, _ := sigma.Format(path, out)
	if string(again) != string(out) {
		t.Fatalf("%s: changes again\n%s", path, cmp.Diff(string(out), string(again)))
	}
	if a, b := strings.Count(string(src), "#"), strings.Count(string(out), "#"); a != b {
		t.Fatalf("%s: %d number signs became %d", path, a, b)
	}
	return out, diags
}

// TestFormatCorpus: every rule that people wrote is laid out without loss.
func TestFormatCorpus(t *testing.T) {
	n, same, left := 0, 0, 0
	for _, doc := range corpus(t, append(slices.Clone(counted), "unsupported", "rules-placeholder")...) {
		out, diags := format(t, doc.path, doc.src)
		n++
		if string(out) == string(doc.src) {
			same++
		}
		for _, d := range diags {
			left++
			t.Logf("%s: %s %s", doc.path, d.Code, d.Message)
		}
	}
	t.Logf("%d files, %d of them unchanged, %d left alone", n, same, left)
	if left > 0 {
		t.Errorf("%d documents are left as they are", left)
	}
}

// TestFormatOwn: the project's own detections have the layout.
func TestFormatOwn(t *testing.T) {
	for _, doc := range own(t) {
		if out, diags := format(t, doc.path, doc.src); string(out) != string(doc.src) || len(diags) > 0 {
			t.Errorf("%s is not as \"huntc fmt\" writes it: %v\n%s", doc.path, diags, cmp.Diff(string(doc.src), string(out)))
		}
	}
}

// formatTests show what the layout is, a text before and after.
var formatTests = []struct{ name, in, out string }{
	{"order of keys", `level: low
hunt: {window: 1d}
title: A
mine: 1
logsource: {product: windows, category: process_creation}
detection:
  condition: sel
  sel: {Image: a}
`, `title: A
logsource:
    category: process_creation
    product: windows
detection:
    sel:
        Image: a
    condition: sel
level: low
mine: 1
hunt:
    window: 1d
`},
	{"comments move with what they stand before and behind", `# yaml-language-server: $schema=x

# of the level
level: low   # why low
title: A
# of the detection
detection:
    # of the selection
    sel: # behind it
      - a    # one
      # between

      - "b"
      # after the list
    # of the condition
    condition: sel

# the end
`, `# yaml-language-server: $schema=x

# of the level
title: A
# of the detection
detection:
    # of the selection
    sel: # behind it
        - a    # one
        # between

        - 'b'
        # after the list
    # of the condition
    condition: sel
level: low   # why low

# the end
`},
	{"lists", `title: A
tags: [attack.execution, 'attack.t1059']
references:
- https://example.com/#a
detection:
    sel:
        - {Image|endswith: ['\a.exe', "\\b.exe"], User: x}
        - Image:
            - c
    condition: sel
correlation:
    rules: [ a,b ]
    aliases: {x: {a: b}}
`, `title: A
references:
    - https://example.com/#a
tags:
    - attack.execution
    - 'attack.t1059'
detection:
    sel:
        - Image|endswith:
              - '\a.exe'
              - '\b.exe'
          User: x
        - Image:
              - c
    condition: sel
correlation:
    rules: [a, b]
    aliases:
        x:
            a: b
`},
	{"texts", `title: "A \u0041 \"quoted\""
description: >-
  folded
    text

  goes on
author: several
  lines "of
  text"
detection:
    sel:
        A: "it's"
        B: "\\\\host"
        C: 'x

          y'
        D: |
          one
            two
    condition:
      sel and
        (sel or
        sel)
hunt:
    pipeline: "where a = 1\n| limit 1\n"
`, `title: "A \u0041 \"quoted\""
description: >-
    folded
      text

    goes on
author: several
    lines "of
    text"
detection:
    sel:
        A: "it's"
        B: '\\host'
        C: 'x

            y'
        D: |
            one
              two
    condition:
        sel and
          (sel or
          sel)
hunt:
    pipeline: |
        where a = 1
        | limit 1
`},
	{"anchors stay before their aliases", `detection:
    sel: &sel
        A: &v [x, y]
    other:
        <<: *sel
        B: *v
    condition: sel
title: A
`, `title: A
detection:
    sel: &sel
        A: &v
            - x
            - y
    other:
        <<: *sel
        B: *v
    condition: sel
`},
	{"an anchor that other keys need keeps all in order", `level: &l low
title: *l
`, `level: &l low
title: *l
`},
	{"documents", "---\ntitle: A\n---\n# two\nlevel: low\ntitle: B\n", "---\ntitle: A\n---\n# two\ntitle: B\nlevel: low\n"},
	{"line breaks of Windows", "title: A\r\ntags: [a.b]\r\n", "title: A\ntags:\n    - a.b\n"},
	{"no line break at the end", "title: A\nhunt:\n  pipeline: |\n    limit 1", "title: A\nhunt:\n    pipeline: |-\n        limit 1\n"},
	{"empty values", "title:\ndetection:\n  a:\n  - \n  - b\n  condition: {}\n", "title:\ndetection:\n    a:\n        -\n        - b\n    condition: {}\n"},
}

func TestFormat(t *testing.T) {
	for _, tt := range formatTests {
		out, diags := format(t, tt.name, []byte(tt.in))
		if d := cmp.Diff(tt.out, string(out)); d != "" || len(diags) > 0 {
			t.Errorf("%s: %v (-want +have)\n%s", tt.name, diags, d)
		}
	}
}

// leftAlone are documents that no layout could keep.
var leftAlone = []struct{ name, in, at, why string }{
	{"question mark", "title: A\n? level\n: low\n", "2:1", "the document is left as it is: the character '?' stands where it is not understood"},
	{"directive", "%YAML 1.1\n---\ntitle: A\n", "1:1", "the document is left as it is: it has a directive"},
	{"end of document", "title: A\n...\n", "2:1", "the document is left as it is: it has a line \"...\""},
	{"list", "- a\n", "1:1", "the document is left as it is: it is not a map of keys"},
	{"braces", "{title: A}\n", "1:1", "the document is left as it is: it is not a map of keys"},
	{"second of a file of Windows", "title: A\r\n---\r\ntitle: B\r\n? level\r\n: low\r\n", "4:1", "the document is left as it is: the character '?' stands where it is not understood"},
	{"comment between key and value", "title:\n    # why\n    A\n", "3:5", "the document is left as it is: a comment stands between a key and its value"},
}

func TestFormatLeavesAlone(t *testing.T) {
	for _, tt := range leftAlone {
		out, diags := format(t, tt.name, []byte(tt.in))
		if string(out) != tt.in && !strings.Contains(tt.in, "\r") {
			t.Errorf("%s: became\n%s", tt.name, out)
		}
		if len(diags) == 0 || diags[0].Code != "HC0454" || diags[0].Message != tt.why || fmt.Sprintf("%d:%d", diags[0].Pos.Line, diags[0].Pos.Column) != tt.at {
			t.Errorf("%s: %v", tt.name, diags)
		}
	}
	// Others of the file are laid out all the same.
	out, _ := format(t, "two", []byte("? title\n: A\n---\nlevel: low\ntitle: B\n"))
	if want := "? title\n: A\n---\ntitle: B\nlevel: low\n"; string(out) != want {
		t.Errorf("%q, want %q", out, want)
	}
}

// FuzzFormat: whatever the file, it keeps its meaning and its comments, and is
// laid out once and for all.
func FuzzFormat(f *testing.F) {
	for _, tt := range formatTests {
		f.Add(tt.in)
		f.Add(tt.out)
	}
	for _, tt := range leftAlone {
		f.Add(tt.in)
	}
	for _, doc := range own(f) {
		f.Add(string(doc.src))
	}
	f.Fuzz(func(t *testing.T, src string) {
		out, diags := sigma.Format("fuzz.yml", []byte(src))
		if diags.HasErrors() {
			if string(out) != src {
				t.Fatalf("changed in spite of an error: %v", diags)
			}
			return
		}
		sameMeaning(t, "fuzz.yml", []byte(src), out)
		if again, _ := sigma.Format("fuzz.yml", out); string(again) != string(out) {
			t.Fatalf("changes again\n%s", cmp.Diff(string(out), string(again)))
		}
	})
}

func BenchmarkFormatCorpus(b *testing.B) {
	docs := corpus(b, counted...)
	size := 0
	for _, d := range docs {
		size += len(d.src)
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		for _, d := range docs {
			sigma.Format(d.path, d.src)
		}
	}
}
