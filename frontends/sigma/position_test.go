package sigma_test

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/ir"
)

// cut is the text of a span, after a check that offset, line and column are
// the same place.
func cut(t *testing.T, src string, at diag.Span) string {
	t.Helper()
	for _, p := range []diag.Pos{at.Pos, at.EndPos} {
		start := strings.LastIndexByte(src[:p.Offset], '\n') + 1
		if line := 1 + strings.Count(src[:p.Offset], "\n"); line != p.Line {
			t.Errorf("offset %d is on line %d, not %d", p.Offset, line, p.Line)
		}
		if col := 1 + utf8.RuneCountInString(strings.TrimPrefix(src[start:p.Offset], "\ufeff")); col != p.Column {
			t.Errorf("%d:%d: offset %d is in column %d", p.Line, p.Column, p.Offset, col)
		}
	}
	return src[at.Pos.Offset:at.EndPos.Offset]
}

// TestPlaces: the span of a value is its text, however it is written.
func TestPlaces(t *testing.T) {
	src := "\ufefftitle: Plätze\r\n" + `logsource: {category: test}
detection:
    s:
        ä|contains: plain wörd # x
        'B b|contains': 'sing''le'
        "C": "dou\"ble\x41"
        D: !!str &anchor tagged
        E: [ein, 'zwei', "drei"]
        F:
            - |
                block
                  text
            - >-
                folded
            - >
        G: plain over
            lines
        H|re: 'a.*b'
        I|fieldref: J
        K: 42
    condition: |
        s and
            not
        1 of s
`
	src = strings.Replace(src, "            - >\n", "", 1)
	h, _ := load(t, src, nil)
	var got []string
	walkExprs(h.Query.(*ir.Filter).Pred, func(e ir.Expr) { // a field comes after the values compared with it
		switch e := e.(type) {
		case *ir.Field:
			got = append(got, "field "+cut(t, src, e.Span))
		case *ir.Lit:
			got = append(got, "lit "+cut(t, src, e.Span))
		case *ir.Regexp:
			got = append(got, "regexp "+cut(t, src, e.Span))
		case *ir.Not:
			got = append(got, "not "+cut(t, src, e.Span))
		case *ir.Match:
			for _, p := range e.Any {
				if p.EndPos.IsValid() {
					got = append(got, "pattern "+cut(t, src, p.Span))
				} else {
					got = append(got, "pattern at "+src[p.Pos.Offset:p.Pos.Offset+2])
				}
			}
		}
	})
	want := []string{
		"pattern plain wörd", "field ä",
		"pattern sing''le", "field B b",
		`pattern dou\"ble\x41`, "field C",
		"pattern tagged", "field D",
		"pattern ein", "pattern zwei", "pattern drei", "field E",
		"pattern block\n                  text", "pattern at >-", "field F",
		"pattern at pl", "field G",
		"regexp H|re: 'a.*b", "field H",
		"field I", "field J",
		"field K", "lit 42",
	}
	if !reflect.DeepEqual(got[:len(want)], want) {
		t.Errorf("have %q\nwant %q", got[:len(want)], want)
	}
	if i := len(want); !strings.HasPrefix(got[i], "not not\n        1 of s") {
		t.Errorf("%q", got[i])
	}
}

func walkExprs(e ir.Expr, f func(ir.Expr)) {
	f(e)
	switch e := e.(type) {
	case *ir.Logic:
		for _, a := range e.Args {
			walkExprs(a, f)
		}
	case *ir.Not:
		walkExprs(e.X, f)
	case *ir.Compare:
		walkExprs(e.L, f)
		walkExprs(e.R, f)
	case *ir.Match:
		walkExprs(e.X, f)
	case *ir.Regexp:
		walkExprs(e.X, f)
	case *ir.InCIDR:
		walkExprs(e.X, f)
	case *ir.FieldMatch:
		f(e.X)
		f(e.Y)
	case *ir.Exists:
		f(e.X)
	case *ir.Call:
		for _, a := range e.Args {
			walkExprs(a, f)
		}
	}
}

// TestCorpusPlaces: in real rules, the span of every field is its name, and
// that of every pattern the text that it came from.
func TestCorpusPlaces(t *testing.T) {
	// What windash, escapes and quotes may change.
	same := strings.NewReplacer(`\`, "", "*", "", "?", "", "'", "", "–", "-", "—", "-", "―", "-", "/", "-")
	patterns := 0
	for _, doc := range corpus(t, counted...) {
		src := string(doc.src)
		file, _ := sigma.Load(doc.path, doc.src, nil)
		for _, h := range file.Hunts {
			if got := cut(t, src, h.Meta.TitleSpan); got != h.Meta.Title && strings.IndexByte(got, '\'') < 0 {
				t.Errorf("%s: title %q", doc.path, got)
			}
			walkExprs(h.Query.(*ir.Filter).Pred, func(e ir.Expr) {
				switch e := e.(type) {
				case *ir.Field:
					if got := cut(t, src, e.Span); got != e.Name {
						t.Errorf("%s:%d:%d: field %s has the text %q", doc.path, e.Pos.Line, e.Pos.Column, e.Name, got)
					}
				case *ir.Match:
					for _, p := range e.Any {
						if e.Cased || !p.EndPos.IsValid() {
							continue
						}
						patterns++
						text := ""
						for _, part := range p.Parts {
							text += part.Text
						}
						if got := cut(t, src, p.Span); same.Replace(got) != same.Replace(text) && !strings.Contains(got, `\u`) {
							t.Errorf("%s:%d:%d: pattern %s has the text %q", doc.path, p.Pos.Line, p.Pos.Column, p, got)
						}
					}
				}
				if at := e.At(); at.Pos.Line == 0 {
					t.Errorf("%s: no place: %s", doc.path, show(e))
				}
			})
		}
	}
	if patterns < 20_000 {
		t.Errorf("only %d patterns", patterns)
	}
}
