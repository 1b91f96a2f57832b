package defender

import (
	"regexp/syntax"
	"strings"
	"testing"
)

var regexpCases = []struct{ in, want string }{
	{`net\s+user`, `net[\t\n\f\r ]+user`},
	{`\d{1,3}\.\d+`, `[0-9]{1,3}\.[0-9]+`},
	{`[\w\-.]+@\w`, `[0-9A-Za-z_\-.]+@[0-9A-Za-z_]`},
	{`\D\S\W`, `[^0-9][^\t\n\f\r ][^0-9A-Za-z_]`},
	{`[\s\S]*x`, `(?s:.)*x`},
	{`[^\S]`, `[\x{9}-\x{a}\x{c}-\x{d}\x{20}]`},
	{`a{2}b{x}c{,3}d{01}`, `a{2}b\{x}c\{,3}d\{01}`},
	{`\Qa.b\E+`, `a\.b+`},
	{`\Q[`, `\[`},
	{`[[a]`, `[\[a]`},
	{`[]a]`, `[\]a]`},
	{`[a&&b]`, `[a\&\&b]`},
	{`[+--]`, `[+-\-]`},
	{`[--/]`, `[\--/]`},
	{`[-a]`, `[\-a]`},
	{`[a-]`, `[a\-]`},
	{`[^-a]`, `[^\-a]`},
	{`[[:alpha:]_]`, `[[:alpha:]_]`},
	{`\<\>`, `<>`},
	{`\123\0`, `\x{53}\x{0}`},
	{`\p{^Greek}\pL\P{^L}`, `\P{Greek}\pL\p{L}`},
	{`(?i)\bfoo\b`, `(?i)\bfoo\b`},
	{`(?P<x>a)(?P<1>b)`, `(?P<x>a)(b)`},
	{strings.Repeat(`(a)`, 17), strings.Repeat(`(?:a)`, 17)},
	{`\x41\x{42}`, `\x41\x{42}`},
	{`C:\\Users\\`, `C:\\Users\\`},
	{"[\x60'\"]", "[\x60'\"]"},
	{`é\.ü[é-ü]`, `é\.ü[é-ü]`},
}

func TestKustoRegexp(t *testing.T) {
	for _, c := range regexpCases {
		got, _, err := kustoRegexp(c.in)
		if err != nil || got != c.want {
			t.Errorf("kustoRegexp(%q) = %q, %v, want %q", c.in, got, err, c.want)
		}
	}
}

func TestKustoRegexpRefuses(t *testing.T) {
	for in, want := range map[string]string{
		`a(?=b)`:    "looks ahead",
		`(?<!a)b`:   "looks ahead or behind",
		`(?<=a)b`:   "looks ahead or behind",
		`(a)\1`:     "refers back",
		`(?>a)`:     "atomic",
		`a++`:       "repetitions in a row",
		`a{2000}`:   "too often",
		`(a`:        "not valid",
		`[z-a]`:     "not valid",
		`a**`:       "repetitions in a row",
		"\xff":      "not valid",
		`(?P<n>a)(`: "not valid",
	} {
		_, hint, err := kustoRegexp(in)
		if err == nil || !strings.Contains(err.Error(), want) || hint == "" {
			t.Errorf("kustoRegexp(%q): %v (hint %q), want %q", in, err, hint, want)
		}
	}
}

// sameRegexp fails where the rewritten expression is another one to RE2.
func sameRegexp(t *testing.T, src string) {
	t.Helper()
	out, _, err := kustoRegexp(src)
	if err != nil {
		return
	}
	parse := func(s string) string {
		re, err := syntax.Parse(s, syntax.Perl)
		if err != nil {
			t.Fatalf("%q became %q: %v", src, out, err)
		}
		prog, err := syntax.Compile(uncapture(re).Simplify())
		if err != nil {
			t.Skip(err)
		}
		return prog.String()
	}
	if a, b := parse(src), parse(out); a != b {
		t.Fatalf("%q became %q: %s is not %s", src, out, b, a)
	}
	if again, _, err := kustoRegexp(out); err != nil || again != out {
		t.Fatalf("%q became %q, and that %q, %v", src, out, again, err)
	}
	if back := goBoundaries(rustBoundaries(out)); back != out {
		t.Fatalf("the boundaries of %q come back as %q", out, back)
	}
}

func uncapture(re *syntax.Regexp) *syntax.Regexp {
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	for i, sub := range re.Sub {
		re.Sub[i] = uncapture(sub)
	}
	return re
}

func FuzzKustoRegexp(f *testing.F) {
	for _, c := range regexpCases {
		f.Add(c.in)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) < 200 {
			sameRegexp(t, src)
		}
	})
}
