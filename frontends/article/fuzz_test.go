package article

import (
	"strings"
	"testing"

	"github.com/huntc/huntc/diag"
)

// holds checks what is true of every draft, whatever the bytes.
func holds(t *testing.T, d *Draft, list diag.List, src []byte) {
	t.Helper()
	place := func(what string, s diag.Span, q *Quote, raw string) {
		if !s.Pos.IsValid() || s.Pos.Offset < 0 || s.EndPos.Offset > len(src) || s.EndPos.Offset <= s.Pos.Offset {
			t.Errorf("%s %q: span %v", what, raw, s)
			return
		}
		// In plain text a value is what stands at its place.
		if got := string(src[s.Pos.Offset:s.EndPos.Offset]); d.Format == Text && raw != "" && got != raw {
			t.Errorf("%s: the span of %q holds %q", what, raw, got)
		}
		linked := s.Pos.Offset > 0 && strings.IndexByte("(<\"'= \t", src[s.Pos.Offset-1]) >= 0 // the sentence is that of the link's text
		if q != nil && q.Sentence != "" && !linked && !strings.Contains(q.Sentence, raw) {
			t.Errorf("%s: the sentence %q does not have %q", what, q.Sentence, raw)
		}
		if q != nil && len(q.Sentence) > maxSentence+len(raw)+20 {
			t.Errorf("%s: a sentence of %d bytes", what, len(q.Sentence))
		}
	}
	said := map[diag.Pos]map[diag.Code]bool{}
	for _, x := range list {
		if said[x.Pos] == nil {
			said[x.Pos] = map[diag.Code]bool{}
		}
		said[x.Pos][x.Code] = true
	}
	for _, list := range [][]Indicator{d.Indicators, d.CVEs} {
		for _, i := range list {
			place("indicator", i.Span, &i.Quote, i.Raw)
			if i.Reason != "" || i.Kind == "" || i.Value == "" {
				t.Errorf("%q of kind %q is used and has the reason %q", i.Raw, i.Kind, i.Reason)
			}
			if i.Doubt != "" && !said[i.Pos][codeDoubtful] {
				t.Errorf("the doubt of %q is not said", i.Raw)
			}
		}
	}
	for _, i := range d.Excluded {
		if i.Code == codeLink {
			place("link", i.Span, nil, i.Raw)
		} else {
			place("excluded", i.Span, &i.Quote, i.Raw)
		}
		if i.Reason == "" || i.Why == "" || !said[i.Pos][i.Code] {
			t.Errorf("%q is excluded without a finding: %q %q %q", i.Raw, i.Reason, i.Code, i.Why)
		}
	}
	for _, m := range d.Mechanics {
		place("mechanic", m.Span, &m.Quote, m.Raw)
		if m.Value == "" || m.Reason != "" {
			t.Errorf("mechanic %q of kind %q is used and has the reason %q", m.Value, m.Kind, m.Reason)
		}
		if (m.Selection.Field == "") != (len(m.Selection.Values) == 0) || m.Selection.Field == "" && !said[m.Pos][codeNoSource] {
			t.Errorf("selection of %q: %+v", m.Value, m.Selection)
		}
	}
	for _, m := range d.Unused {
		place("unused", m.Span, &m.Quote, m.Raw)
		if m.Reason == "" || !said[m.Pos][m.Code] {
			t.Errorf("mechanic %q is not used, without a finding", m.Value)
		}
	}
	for _, x := range d.Techniques {
		place("technique", x.Span, &x.Quote, "")
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range formats {
		f.Add([]byte(c.text))
	}
	for _, s := range []string{"", "\ufeff", "\xff", "---\n", "---\ntitle: x\n---\n", "```\na", "~~~", "[a](b", "[.](http://a[.]b)", "<!--", "<script>", "<pre>\n\\\\.\\pipe\\x",
		"# IOCs\n- (a[.]b)", "`` ` ``", "HKLM\\", "C:\\", "%a%\\x", "\\\\a\\b", "#!/usr/bin/env", "port 1,2 and 99999", "T1059/001", "a@b[.]c",
		"<a href=hxxp://x[.]y>", "<td>a<td>b", "&#0;&amp;&nbsp;", "*a* **b** ~~c~~ \\[", "'a'b'c'", "“x”", "\\\\r\\pipe\\\\", "schtasks /tn \"a\"", "::1 [::]:80 1::2:3:4"} {
		f.Add([]byte(s))
		f.Add([]byte("<p>" + s + "</p></p>"))
		f.Add([]byte("# x\n\n" + s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		d, list := Parse("f", src)
		holds(t, d, list, src)
	})
}

// Texts that make a reader go over the same bytes again and again, if it can be
// made to: work in proportion to the square of their size would not end soon.
func TestHostileTextsEnd(t *testing.T) {
	const size = 1 << 14
	for _, unit := range []string{"a", " ", "\n", "`", "[", "](", "[](", "[.](", "<", "<a", "<a =\"", "<!--", "<script>", "<title>", "<nav>", "</nav>", "*", " *a", "\"", "'", " 'a", "“",
		"a.", ".a ", "1.", "a[.]", "\\", "C:\\", "\\\\", "HKLM\\", "/", "/tmp/", "%a", "(", ")", "{", "port 1,", "1, ", "T1059 ", "a@", "=", ":", "a:", "&", "&amp;", "> ", "- ", "  - ", "# ", "#", "|", "| ", "~~~\n", "```\n",
		"`a` ", "service `a`, ", "ab.com ", "version 1.2.3.4, ", "CVE-2026-1234 ", "\u200b", "é", "curl -s x\n", "x:\n\n- a\n\n", "www.ab.com/", "....exe ", "a.exe", "<code>", "<li>", "<td>", "<pre>"} {
		for _, head := range []string{"", "<p>", "# a\n\n```\n"} {
			src := []byte(head + strings.Repeat(unit, size/len(unit)))
			d, list := Parse("f", src)
			holds(t, d, list, src)
		}
	}
}
