package eval

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/huntc/huntc/ir"
)

// naiveMatch is the definition of a match, by cases and without any cleverness.
func naiveMatch(parts []ir.Part, s []string, cased bool) bool {
	if len(parts) == 0 {
		return len(s) == 0
	}
	switch parts[0].Wild {
	case ir.Many:
		for i := 0; i <= len(s); i++ {
			if naiveMatch(parts[1:], s[i:], cased) {
				return true
			}
		}
		return false
	case ir.One:
		return len(s) > 0 && naiveMatch(parts[1:], s[1:], cased)
	}
	want := characters(parts[0].Text)
	if len(s) < len(want) {
		return false
	}
	for i, c := range want {
		if c != s[i] && (cased || !sameLetter(c, s[i])) {
			return false
		}
	}
	return naiveMatch(parts[1:], s[len(want):], cased)
}

func characters(s string) []string {
	var out []string
	for len(s) > 0 {
		_, n := utf8.DecodeRuneInString(s)
		out = append(out, s[:n])
		s = s[n:]
	}
	return out
}

func sameLetter(a, b string) bool {
	x, n := utf8.DecodeRuneInString(a)
	y, m := utf8.DecodeRuneInString(b)
	if x == utf8.RuneError && n == 1 || y == utf8.RuneError && m == 1 {
		return false
	}
	for o := unicode.SimpleFold(x); o != x; o = unicode.SimpleFold(o) {
		if o == y {
			return true
		}
	}
	return x == y
}

// parsePattern reads * as Many, ? as One, and a backslash as taking the next
// character literally.
func parsePattern(s string) ir.Pattern {
	var p ir.Pattern
	escaped := false
	for _, c := range characters(s) {
		switch {
		case escaped:
			p.Append(ir.Part{Text: c})
			escaped = false
		case c == `\`:
			escaped = true
		case c == "*":
			p.Append(ir.Part{Wild: ir.Many})
		case c == "?":
			p.Append(ir.Part{Wild: ir.One})
		default:
			p.Append(ir.Part{Text: c})
		}
	}
	return p
}

func checkMatch(t *testing.T, pattern, s string) {
	t.Helper()
	p := parsePattern(pattern)
	for _, cased := range []bool{false, true} {
		pred, err := CompilePred(&ir.Match{X: &ir.Field{Name: "f"}, Any: []ir.Pattern{p}, Cased: cased})
		if err != nil {
			t.Fatal(err)
		}
		row := NewRow([]string{"f"}, s)
		want := naiveMatch(p.Parts, characters(s), cased)
		if got := pred(row); got != want {
			t.Errorf("match(%q, %q, cased %v) = %v, want %v", s, pattern, cased, got, want)
		}
		if got := pred(row.Prepare()); got != want {
			t.Errorf("match(%q, %q, cased %v) on a prepared row = %v, want %v", s, pattern, cased, got, want)
		}
	}
}

var matchSeeds = []struct{ pattern, text string }{
	{"", ""}, {"", "a"}, {"*", ""}, {"?", ""}, {"?", "é"}, {"a", "A"}, {"a*", "ABC"}, {"*c", "ABC"}, {"*b*", "ABC"},
	{"a*b*c", "aXbXXc"}, {"a*bc", "abcbc"}, {"a*b?c", "abbbc"}, {"*?b", "ab"}, {"??*", "a"}, {"*a?*b", "aab"}, {"*?*?*", "a"},
	{`\*`, "*"}, {`\*`, "x"}, {`*\?*`, "a?b"}, {"*a*a*a", "aa"}, {"*aab*", "aaab"}, {"*?aab", "aaab"}, {"?*?", "ab"},
	{"k", "\u212a"}, {"ſ*", "S"}, {"İ", "i"}, {"*ß", "ẞ"}, {"Σ", "ς"}, {"?", "\xff"}, {"*a", "\xffa"}, {"a?b", "a\xe2b"}, {"a", "\xc1"},
	{"ss", "ß"}, {"ı", "I"}, {"*\u0130*", "\u0130x"}, {"x*", "X\x00"}, {"a\nb", "A\nB"},
}

func TestMatch(t *testing.T) {
	for _, s := range matchSeeds {
		checkMatch(t, s.pattern, s.text)
	}
}

func FuzzMatch(f *testing.F) {
	for _, s := range matchSeeds {
		f.Add(s.pattern, s.text)
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		// The definition is exponential in the number of *, and documents
		// hold nothing but UTF-8.
		if len(pattern) > 16 || strings.Count(pattern, "*") > 5 || len(s) > 24 || !utf8.ValidString(pattern) {
			t.Skip()
		}
		checkMatch(t, pattern, s)
	})
}

func TestFold(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		s := string(r)
		if got, want := fold(s), string(ir.FoldRune(r)); got != want {
			t.Fatalf("fold(%q) = %q, want %q", s, got, want)
		}
		for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
			if fold(s) != fold(string(o)) {
				t.Fatalf("%q and %q fold to %q and %q", s, string(o), fold(s), fold(string(o)))
			}
		}
		if fold(fold(s)) != fold(s) {
			t.Fatalf("fold(fold(%q)) = %q", s, fold(fold(s)))
		}
	}
}
