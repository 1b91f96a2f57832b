package briefing

import (
	"strings"
	"testing"

	"github.com/huntc/huntc/diag"
)

// holds checks what is true of every document, whatever the bytes.
func holds(t *testing.T, doc *Document, src []byte) {
	t.Helper()
	if lost := doc.Unlisted(); len(lost) > 0 {
		t.Errorf("no hunt answers for the headings %v", lost)
	}
	for _, h := range doc.Headings {
		if h.Kind != HeadingTemplates && (h.Hunt < 0 || h.Hunt >= len(doc.Hunts)) && len(doc.Hunts) > 0 {
			t.Errorf("heading %q has no hunt", h.Title)
		}
	}
	inside := func(what string, s diag.Span) {
		if s.Pos.Offset < 0 || s.EndPos.Offset > len(src) || s.Pos.Offset > s.EndPos.Offset || !s.Pos.IsValid() {
			t.Errorf("%s: span %v", what, s)
		}
	}
	for _, list := range [][]IOC{doc.IOCs, doc.Excluded} {
		for _, i := range list {
			inside(i.Raw, i.Span)
			if got := string(src[i.Pos.Offset:i.EndPos.Offset]); got != i.Raw {
				t.Errorf("the span of %q holds %q", i.Raw, got)
			}
		}
	}
	for _, i := range doc.IOCs {
		if i.Reason != "" || i.Kind == "" {
			t.Errorf("%q is used and has the reason %q", i.Raw, i.Reason)
		}
	}
	for _, i := range doc.Excluded {
		if i.Reason == "" {
			t.Errorf("%q is excluded without a reason", i.Raw)
		}
	}
	for _, x := range doc.Techniques {
		if got := string(src[x.Pos.Offset:x.EndPos.Offset]); got != x.ID {
			t.Errorf("the span of %s holds %q", x.ID, got)
		}
	}
	for _, h := range doc.Hunts {
		inside(h.Title, h.Span)
		for _, q := range append(append([]Query{}, h.SPL...), h.KQL...) {
			inside(q.Text, q.Span)
			if got := strings.ReplaceAll(string(src[q.Pos.Offset:q.EndPos.Offset]), "\r\n", "\n"); got != q.Text {
				t.Errorf("the span of the query %q holds %q", q.Text, got)
			}
			if q.PosAt(0) != q.Pos {
				t.Errorf("the text begins at %v, its span at %v", q.PosAt(0), q.Pos)
			}
			if q.PosAt(len(q.Text)) != q.EndPos {
				t.Errorf("the text ends at %v, its span at %v", q.PosAt(len(q.Text)), q.EndPos)
			}
		}
	}
}

// blocksOf counts the blocks that are not empty: those that say their language,
// which have to be in the hunts, and those that say none, which may be.
func blocksOf(src []byte) (must, may int) {
	s := newSource("", string(src))
	for _, b := range s.split() {
		if b.kind != fenceBlock || b.lang != "" && queryLanguage(b.lang) == "" {
			continue
		}
		for _, l := range s.lines[b.from:b.to] {
			if l.blank() {
				continue
			}
			if b.lang == "" {
				may++
			} else {
				must++
			}
			break
		}
	}
	return must, may
}

func blocksIn(doc *Document) int {
	n := 0
	for _, h := range doc.Hunts {
		for _, qs := range [][]Query{h.SPL, h.KQL} {
			for _, q := range qs {
				if q.Part == 0 {
					n++
				}
			}
		}
	}
	return n
}

// No bytes make the reader panic, lose a hunt, or point outside the file.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", standard + hunts, curatedHead, "\ufeff" + strings.ReplaceAll(standard+hunts, "\n", "\r\n"),
		curatedHead + "## Splunk SPL — a b\n" + splBlock + "## Defender KQL — a b\n" + kqlBlock + "## Defender KQL — a\n" + kqlBlock,
		standard + "## Recommended hunts\n### A\n```kql\nT\n\nU\n\n// x\n```\n### B\n```spl\n``` c ```\n",
		head + "## Indicators of Compromise\n\n- **3 domains**:\n\t- `*.a[.]net`\n  - `b.net` — like `c.net`\n- DO NOT block\n  1. `d.net`\n- see `x.csv`\n",
		head + "## Recommended hunts\n\nX — [t](../_TEMPLATES.md#a).\n\n- **CVE:** `CVE-2026-1001`\n- **T** ([t](_TEMPLATES.md#b)) — phase: **c2**\n  - IP / domain IOC(s): `1.2.3[.]4`, ``, `[`\n",
		"# [LOW] x\n## MITRE ATT&CK\n| T1059 | a | Execution |\n- (T1059)\n- T1059/T1060 — **x** y\n## Kill chain\na → b\n",
		"## Threat Profile\n~~~~js\n```spl\n~~~\n~~~~\n````\n```\n````\n# x\n## y\n### z\n```kql\nT\n",
		"## \xff\n", "`UC_A`\n### \n```", "## Recommended hunts\n###  #\n``` spl\nx\n```\n", "\ufeff", "\r", "\r\n\r\n",
		"## Indicators of Compromise\n- `\u212a.net` \u2014 hxxp://\u0130.net [.] (.)\n- **SHA1:** `" + strings.Repeat("a", 40) + "`\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		doc, list := Parse("b.md", src)
		holds(t, doc, src)
		for _, d := range list {
			if d.Pos.Filename != "b.md" || !d.Pos.IsValid() || d.Message == "" {
				t.Errorf("a finding without a place: %+v", d)
			}
		}
		if !list.HasErrors() {
			if must, may := blocksOf(src); blocksIn(doc) < must || blocksIn(doc) > must+may {
				t.Errorf("%d blocks of queries and %d without a language, %d in the hunts", must, may, blocksIn(doc))
			}
		}
	})
}
