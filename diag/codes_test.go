package diag_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/huntc/huntc/diag"
)

var (
	quotedCode = regexp.MustCompile(`"(HC[0-9]{4})"`)
	titleLine  = regexp.MustCompile(`^# (HC[0-9]{4}): \S.*[^.]$`)
)

// Every code that the source uses has a page, and every page has a use.
func TestPagesMatchCodes(t *testing.T) {
	used := map[diag.Code]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() != ".." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range quotedCode.FindAllSubmatch(src, -1) {
			used[diag.Code(m[1])] = path
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for code, path := range used {
		if _, ok := diag.Explain(code); !ok {
			t.Errorf("%s uses %s, which has no page: write diag/codes/%s.md", path, code, code)
		}
	}
	for _, code := range diag.Codes() {
		if used[code] == "" {
			t.Errorf("diag/codes/%s.md explains a code that no source uses", code)
		}
	}
}

// A page has a title, says what the code means, shows an example and says
// what to do, in that order.
func TestPageShape(t *testing.T) {
	for _, code := range diag.Codes() {
		page, _ := diag.Explain(code)
		lines := strings.Split(page, "\n")
		if m := titleLine.FindStringSubmatch(lines[0]); m == nil || m[1] != string(code) {
			t.Errorf("%s: first line %q, want \"# %s: title without a full stop\"", code, lines[0], code)
		}
		if !strings.HasSuffix(page, "\n") || strings.HasSuffix(page, "\n\n") {
			t.Errorf("%s: the page must end in exactly one newline", code)
		}
		if len(lines) < 8 || len(lines) > 45 {
			t.Errorf("%s: %d lines; a page has between 8 and 45", code, len(lines))
		}
		if diag.Title(code) == "" {
			t.Errorf("%s has no title", code)
		}
		example := slices.IndexFunc(lines, func(l string) bool {
			return strings.HasPrefix(l, "    ") || strings.HasPrefix(l, "```")
		})
		advice := strings.Contains(strings.ToLower(page), "what to do") || strings.Contains(page, "To do:")
		if example < 0 {
			t.Errorf("%s: no example (an indented or fenced block)", code)
		}
		if !advice {
			t.Errorf("%s: no \"What to do\"", code)
		}
	}
}

func TestExplainUnknown(t *testing.T) {
	for _, code := range []diag.Code{"HC9999", "", "../codes_test", "hc0610"} {
		if page, ok := diag.Explain(code); ok {
			t.Errorf("Explain(%q) = %q", code, page)
		}
	}
}
