package sigma_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/sigma"
)

// wanted is a diagnostic that a comment of the form
//
//	# want HC0203 5 "message" "hint"
//
// asks for on its line: the code, the column, and patterns for the message and
// the hint, which may be left out. "want+2" asks for it two lines below.
type wanted struct {
	line, column int
	code         diag.Code
	message      *regexp.Regexp
	hint         *regexp.Regexp
}

var wantComment = regexp.MustCompile(`(?:#|//) want([+-]\d+)? (HC\d{4}) (\d+)((?: "[^"]*")*)`)

func wants(t *testing.T, src string) []wanted {
	var out []wanted
	for i, line := range strings.Split(src, "\n") {
		for _, m := range wantComment.FindAllStringSubmatch(line, -1) {
			w := wanted{line: i + 1 + atoi(m[1]), code: diag.Code(m[2]), column: atoi(m[3])}
			texts := regexp.MustCompile(`"([^"]*)"`).FindAllStringSubmatch(m[4], -1)
			w.message, w.hint = regexp.MustCompile(""), regexp.MustCompile("")
			if len(texts) > 0 {
				w.message = regexp.MustCompile(texts[0][1])
			}
			if len(texts) > 1 {
				w.hint = regexp.MustCompile(texts[1][1])
			}
			out = append(out, w)
		}
	}
	return out
}

func atoi(s string) int {
	n, neg := 0, false
	for _, c := range s {
		switch {
		case c == '-':
			neg = true
		case c >= '0' && c <= '9':
			n = 10*n + int(c-'0')
		}
	}
	if neg {
		return -n
	}
	return n
}

// TestBad: each file under testdata/bad gives exactly the diagnostics that its
// comments ask for.
func TestBad(t *testing.T) {
	paths, err := filepath.Glob("testdata/bad/*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatal("no files", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yml"), func(t *testing.T) {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			file, diags := sigma.Load(path, src, nil)
			diags = append(diags, sigma.Link([]*sigma.File{file})...)
			checkWanted(t, wants(t, string(src)), diags)
		})
	}
}

func checkWanted(t *testing.T, want []wanted, have diag.List) {
	t.Helper()
	met := make([]bool, len(have))
next:
	for _, w := range want {
		for i, d := range have {
			if !met[i] && d.Code == w.code && d.Pos.Line == w.line && d.Pos.Column == w.column && w.message.MatchString(d.Message) && w.hint.MatchString(d.Hint) {
				met[i] = true
				continue next
			}
		}
		t.Errorf("missing: %d:%d %s %s (%s)", w.line, w.column, w.code, w.message, w.hint)
	}
	for i, d := range have {
		if !met[i] {
			t.Errorf("unexpected: %s", list(diag.List{d}))
		}
		if d.EndPos.IsValid() && (d.EndPos.Offset < d.Pos.Offset || d.EndPos.Line < d.Pos.Line) {
			t.Errorf("ends before it starts: %s", list(diag.List{d}))
		}
	}
}
