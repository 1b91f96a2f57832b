package sigma_test

import (
	"strings"
	"testing"

	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/ir"
)

// TestValues is the table of what values and modifiers mean: the entry of a
// selection on the left, its predicate on the right.
func TestValues(t *testing.T) {
	opts := &sigma.Options{Placeholders: []sigma.Placeholder{
		{Name: "admins", Values: []string{"root", "adm-*"}},
		{Name: "internal", Values: []string{"10.0.0.0/8", "192.168.0.0/16"}},
	}}
	tests := []struct{ item, want string }{
		// Strings, wildcards and their escapes.
		{`F: abc`, `F ~ "abc"`},
		{`F: 'it''s'`, `F ~ "it's"`},
		{`F: ''`, `F ~ ""`},
		{`F: "a\tb"`, "F ~ \"a\tb\""},
		{`F: a*b?c`, `F ~ "a"*"b"?"c"`},
		{`F: '*'`, `F ~ *`},
		{`F: '**a'`, `F ~ *"a"`},
		{`F: 'C:\Windows\x.exe'`, `F ~ "C:\Windows\x.exe"`},
		{`F: 'a\b'`, `F ~ "a\b"`},
		{`F: 'a\\b'`, `F ~ "a\b"`},
		{`F: 'a\\\\b'`, `F ~ "a\\b"`},
		{`F: 'a\*b'`, `F ~ "a*b"`},
		{`F: 'a\?b'`, `F ~ "a?b"`},
		{`F: 'a\\*b'`, `F ~ "a\"*"b"`},
		{`F: 'a\\\*b'`, `F ~ "a\*b"`},
		{`F: 'a\\?'`, `F ~ "a\"?`},
		{`F: 'a\'`, `F ~ "a\"`},
		{`F: 'a\\'`, `F ~ "a\"`},
		{`F: '\\server\share'`, `F ~ "\server\share"`},
		{`F: '\\\\server\share'`, `F ~ "\\server\share"`},
		{`F: [a, b]`, `F ~ "a"|"b"`},
		{`F: 2020-01-02`, `F ~ "2020-01-02"`},
		{`F: yes`, `F ~ "yes"`},

		// Numbers, booleans, null.
		{`F: 4688`, `F = 4688`},
		{`F: -1`, `F = -1`},
		{`F: 1.5`, `F = 1.5`},
		{`F: '4688'`, `F ~ "4688"`},
		{`F: [1, 2]`, `(F = 1 or F = 2)`},
		{`F: [a, 1, b]`, `(F ~ "a" or F = 1 or F ~ "b")`},
		{`F: true`, `F = true`},
		{`F: null`, `not exists F`},
		{`F:`, `not exists F`},
		{`F: ~`, `not exists F`},
		{`F: [null, a]`, `(not exists F or F ~ "a")`},
		{`F: 99999999999999999999`, `F ~ "99999999999999999999"`},

		// contains, startswith, endswith.
		{`F|contains: a`, `F ~ *"a"*`},
		{`F|startswith: a`, `F ~ "a"*`},
		{`F|endswith: a`, `F ~ *"a"`},
		{`F|contains: ''`, `F ~ *`},
		{`F|contains: '*a*'`, `F ~ *"a"*`},
		{`F|endswith: '\a.exe'`, `F ~ *"\a.exe"`},
		{`F|startswith: 'C:\'`, `F ~ "C:\"*`},
		{`F|contains: 445`, `F ~ *"445"*`},
		{`F|contains: [a, b]`, `F ~ *"a"*|*"b"*`},

		// all, neq, cased.
		{`F|contains|all: [a, b]`, `(F ~ *"a"* and F ~ *"b"*)`},
		{`F|all|contains: [a, b]`, `(F ~ *"a"* and F ~ *"b"*)`},
		{`F|neq: a`, `not F ~ "a"`},
		{`F|neq: [a, 1]`, `not (F ~ "a" or F = 1)`},
		{`F|contains|neq: [a, b]`, `not F ~ *"a"*|*"b"*`},
		{`F|contains|all|neq: [a, b]`, `not (F ~ *"a"* and F ~ *"b"*)`},
		{`F|neq: null`, `not not exists F`},
		{`F|cased: a`, `F ~!cased "a"`},
		{`F|contains|cased: [a, b]`, `F ~!cased *"a"*|*"b"*`},
		{`F|cased|contains: a`, `F ~!cased *"a"*`},

		// exists.
		{`F|exists: true`, `exists F`},
		{`F|exists: false`, `not exists F`},

		// Regular expressions.
		{`F|re: '^a.*b$'`, `F re /^a.*b$/`},
		{`F|re|i: a`, `F re /(?i)a/`},
		{`F|re|ignorecase|multiline|dotall: a`, `F re /(?ims)a/`},
		{`F|re|s|i: a`, `F re /(?is)a/`},
		{`F|re: [a, b]`, `(F re /a/ or F re /b/)`},
		{`F|re|all: [a, b]`, `(F re /a/ and F re /b/)`},
		{`F|re|neq: a`, `not F re /a/`},
		{`F|re|contains: a`, `F re /a/`},
		{`F|re|startswith: a|b`, `F re /\A(?:a|b)/`},
		{`F|re|i|endswith: a`, `F re /(?i)(?:a)\z/`},
		{`F|re: '\\\*'`, `F re /\\\*/`},
		{`F|re: '(?<=a)b(?!c)\1++'`, `F re /(?<=a)b(?!c)\1++/`},
		{`F|re: '(?>a)\h[]\h]'`, `F re /(?>a)\h[]\h]/`},

		// windash: all five, in front of words only.
		{`F|windash: ' -a'`, `F ~ " -a"|" /a"|" –a"|" —a"|" ―a"`},
		{`F|windash: ' /a'`, `F ~ " -a"|" /a"|" –a"|" —a"|" ―a"`},
		{`F|contains|windash: '-a'`, `F ~ *"-a"*|*"/a"*|*"–a"*|*"—a"*|*"―a"*`},
		{`F|windash|contains: '-a'`, `F ~ *"-a"*|*"/a"*|*"–a"*|*"—a"*|*"―a"*`},
		{`F|windash: 'a-b'`, `F ~ "a-b"`},
		{`F|windash: '- a'`, `F ~ "- a"`},
		{`F|windash: 'x - '`, `F ~ "x - "`},

		// Encodings.
		{`F|base64: foobar`, `F ~!cased "Zm9vYmFy"`},
		{`F|base64|contains: foobar`, `F ~!cased *"Zm9vYmFy"*`},
		{`F|base64offset|contains: foobar`, `F ~!cased *"Zm9vYmFy"*|*"Zvb2Jhc"*|*"mb29iYX"*`},
		{`F|wide|base64: ab`, `F ~!cased "YQBiAA=="`},
		{`F|utf16le|base64: ab`, `F ~!cased "YQBiAA=="`},
		{`F|utf16be|base64: ab`, `F ~!cased "AGEAYg=="`},
		{`F|utf16|base64: ab`, `F ~!cased "//5hAGIA"`},
		{`F|wide|base64offset|contains: ab`, `F ~!cased *"YQBiA"*|*"EAYg"*|*"hAGIA"*`},
		{`F|base64: 'a\*b'`, `F ~!cased "YSpi"`},

		// Numbers and dates.
		{`F|lt: 5`, `F < 5`},
		{`F|lte: 5`, `F <= 5`},
		{`F|gt: 5.5`, `F > 5.5`},
		{`F|gte: -5`, `F >= -5`},
		{`F|gt|neq: 5`, `not F > 5`},
		{`F|minute: 5`, `minute(F) = 5`},
		{`F|hour|gte: 8`, `hour(F) >= 8`},
		{`F|day: [1, 31]`, `(day(F) = 1 or day(F) = 31)`},
		{`F|week|lt: 2`, `week(F) < 2`},
		{`F|month: 12`, `month(F) = 12`},
		{`F|year|gt: 2020`, `year(F) > 2020`},

		// Networks.
		{`F|cidr: 10.0.0.0/8`, `F in 10.0.0.0/8`},
		{`F|cidr: [10.0.0.0/8, '2001:db8::/32']`, `(F in 10.0.0.0/8 or F in 2001:db8::/32)`},
		{`F|cidr: 127.0.0.1`, `F in 127.0.0.1/32`},
		{`F|cidr: '::1'`, `F in ::1/128`},
		{`F|cidr: 10.1.2.3/8`, `F in 10.0.0.0/8`},
		{`F|cidr|neq: 10.0.0.0/8`, `not F in 10.0.0.0/8`},

		// Placeholders.
		{`F|expand: '%admins%'`, `F ~ "root"|"adm-"*`},
		{`F|expand: 'x\%admins%y'`, `F ~ "x%admins%y"`},
		{`F|expand: 'x%admins%y'`, `F ~ "xrooty"|"xadm-"*"y"`},
		{`F|expand: '%admins%-%admins%'`, `F ~ "root-root"|"root-adm-"*|"adm-"*"-root"|"adm-"*"-adm-"*`},
		{`F|expand: '100%'`, `F ~ "100%"`},
		{`F|expand: '% admins%'`, `F ~ "% admins%"`},
		{`F|contains|expand: '%admins%'`, `F ~ *"root"*|*"adm-"*`},
		{`F|expand|contains: '%admins%'`, `F ~ *"root"*|*"adm-"*`},
		{`F|expand: ['%admins%', other]`, `F ~ "root"|"adm-"*|"other"`},
		{`F|cidr|expand: '%internal%'`, `(F in 10.0.0.0/8 or F in 192.168.0.0/16)`},
		{`F|expand|cidr: '%internal%'`, `(F in 10.0.0.0/8 or F in 192.168.0.0/16)`},
		{`F: '%admins%'`, `F ~ "%admins%"`},

		// Other fields.
		{`F|fieldref: G`, `F = G`},
		{`F|fieldref|neq: G`, `not F = G`},
		{`F|fieldref|cased: G`, `F =!cased G`},
		{`F|fieldref: [G, H]`, `(F = G or F = H)`},
		{`F|fieldref|startswith: G`, `F startswith G`},
		{`F|fieldref|endswith: G`, `F endswith G`},
		{`F|fieldref|contains: G`, `F contains G`},

		// Names of fields.
		{`actor.alternateId: a`, `actor.alternateId ~ "a"`},
		{`cs-uri-stem|contains: a`, `cs-uri-stem ~ *"a"*`},
		{`'Geräte Name': a`, `Geräte Name ~ "a"`},
		{`a*b: c`, `a*b ~ "c"`},
	}
	for _, tt := range tests {
		t.Run(tt.item, func(t *testing.T) {
			got := predicate(t, "s:\n    "+tt.item+"\ncondition: s", opts)
			if got != tt.want {
				t.Errorf("\nhave %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestWindashAll: two flags make 25 values, in a fixed order, and "all" keeps
// the values of each original together.
func TestWindashAll(t *testing.T) {
	got := predicate(t, "s: {F|windash: ' -a /b'}\ncondition: s", nil)
	if n := strings.Count(got, "|") + 1; n != 25 {
		t.Errorf("%d values: %s", n, got)
	}
	if want := `F ~ " -a -b"|" -a /b"|" -a –b"|`; !strings.HasPrefix(got, want) {
		t.Errorf("%s does not start with %s", got, want)
	}
	got = predicate(t, "s: {F|contains|all|windash: [-a, b]}\ncondition: s", nil)
	if want := `(F ~ *"-a"*|*"/a"*|*"–a"*|*"—a"*|*"―a"* and F ~ *"b"*)`; got != want {
		t.Error(got)
	}
}

// TestBase64OffsetFinds: each of the variants is in the base64 of the text
// after a prefix of its length, whatever stands around it.
func TestBase64OffsetFinds(t *testing.T) {
	for _, text := range []string{"foo", "foob", "fooba", "Invoke-Expression"} {
		h, _ := load(t, rule("s: {F|base64offset: "+text+"}\ncondition: s"), nil)
		variants := h.Query.(*ir.Filter).Pred.(*ir.Match).Any
		if len(variants) != 3 {
			t.Fatalf("%d variants", len(variants))
		}
		for i, v := range variants {
			part, _ := v.Literal()
			for _, before := range []string{"AAA"[:i], "\xff\xff\xff"[:i], "zzzzzz"[:3+i]} {
				for _, after := range []string{"", "A", "\xff\xff", "zzz"} {
					if enc := base64Of(before + text + after); !strings.Contains(enc, part) {
						t.Errorf("%q at %d: %s is not in %s", text, i, part, enc)
					}
				}
			}
		}
	}
}

// TestSelections is the table of what selections and conditions mean.
func TestSelections(t *testing.T) {
	tests := []struct{ name, detection, want string }{
		{"map is and", "s: {A: 1, B: 2}\ncondition: s", `(A = 1 and B = 2)`},
		{"list of maps is or", "s: [{A: 1, B: 2}, {C: 3}]\ncondition: s", `((A = 1 and B = 2) or C = 3)`},
		{"keywords", "s: [a, 'b*c', 5, true]\ncondition: s", `(keyword "a" or keyword "b"*"c" or keyword "5" or keyword "true")`},
		{"one keyword", "s: a\ncondition: s", `keyword "a"`},
		{"all keywords", "s: {'|all': [a, 200]}\ncondition: s", `(keyword "a" and keyword "200")`},
		{"keywords of a map", "s: {'|contains': [a, b]}\ncondition: s", `(keyword "a" or keyword "b")`},
		{"cased keyword", "s: {'|cased': a}\ncondition: s", `keyword!cased "a"`},
		{"encoded keyword", "s: {'|base64|contains': foobar}\ncondition: s", `keyword!cased "Zm9vYmFy"`},
		{"all keywords in variants", "s: {'|all|windash': [-a, b]}\ncondition: s",
			`((keyword "-a" or keyword "/a" or keyword "–a" or keyword "—a" or keyword "―a") and keyword "b")`},
		{"mixed list", "s: [a, {B: c}]\ncondition: s", `(keyword "a" or B ~ "c")`},
		{"precedence", "a: {A: 1}\nb: {B: 1}\nc: {C: 1}\ncondition: a or b and not c", `(A = 1 or (B = 1 and not C = 1))`},
		{"parentheses", "a: {A: 1}\nb: {B: 1}\nc: {C: 1}\ncondition: (a or b) and not (c or a)", `((A = 1 or B = 1) and not (C = 1 or A = 1))`},
		{"case of words", "a: {A: 1}\nb: {B: 1}\ncondition: a AND NOT b Or a", `((A = 1 and not B = 1) or A = 1)`},
		{"not not", "a: {A: 1}\ncondition: not not a", `not not A = 1`},
		{"1 of", "s_1: {A: 1}\ns_2: {B: 1}\ncondition: 1 of s_*", `(A = 1 or B = 1)`},
		{"any of", "s_1: {A: 1}\ns_2: {B: 1}\ncondition: any of s_*", `(A = 1 or B = 1)`},
		{"all of", "s_1: {A: 1}\ns_2: {B: 1}\ncondition: all of s_*", `(A = 1 and B = 1)`},
		{"them", "s_1: {A: 1}\ns_2: {B: 1}\ncondition: all of them", `(A = 1 and B = 1)`},
		{"them leaves out", "a: {A: 1}\n_b: {B: 1}\ncondition: 1 of them and not _b", `(A = 1 and not B = 1)`},
		{"pattern leaves out", "a: {A: 1}\n_a: {B: 1}\ncondition: 1 of *a and not 1 of _*", `(A = 1 and not B = 1)`},
		{"star in front", "a_x: {A: 1}\nb_x: {B: 1}\ncondition: 1 of *_x", `(A = 1 or B = 1)`},
		{"star within", "sel_a_x: {A: 1}\nsel_b_x: {B: 1}\ncondition: all of sel_*_x", `(A = 1 and B = 1)`},
		{"pattern without star", "a: {A: 1}\ncondition: 1 of a", `A = 1`},
		{"words within names", "not-a: {A: 1}\nall_of: {B: 1}\nthem-x: {C: 1}\nOrder: {D: 1}\ncondition: not-a or all_of or them-x or Order", `(A = 1 or B = 1 or C = 1 or D = 1)`},
		{"digits as name", "4688: {A: 1}\n1: {B: 1}\ncondition: 4688 and 1", `(A = 1 and B = 1)`},
		{"list of conditions", "a: {A: 1}\nb: {B: 1}\ncondition: [a, not b]", `(A = 1 or not B = 1)`},
		{"block", "a: {A: 1}\nb: {B: 1}\ncondition: |\n    a and\n    (\n        b\n    )", `(A = 1 and B = 1)`},
		{"folded", "a: {A: 1}\nb: {B: 1}\ncondition: >\n    a and\n    b", `(A = 1 and B = 1)`},
		{"plain over lines", "a: {A: 1}\nb: {B: 1}\ncondition: a and\n    b", `(A = 1 and B = 1)`},
		{"anchors", "a: {A: &v [x, y], B: *v}\ncondition: a", `(A ~ "x"|"y" and B ~ "x"|"y")`},
		{"merge", "a: &a {A: 1, B: 2}\nb: {<<: *a, B: 3}\ncondition: a or b", `((A = 1 and B = 2) or (B = 3 and A = 1))`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := predicate(t, tt.detection, nil); got != tt.want {
				t.Errorf("\nhave %s\nwant %s", got, tt.want)
			}
		})
	}
}
