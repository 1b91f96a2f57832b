package diag

import (
	"embed"
	"strings"
)

// codes/ has a page for every code, HCnnnn.md.
//
//go:embed codes
var pages embed.FS

// Explain returns the page of a code: a title line "# HCnnnn: title", what
// the code means, an example and what to do.
func Explain(c Code) (page string, ok bool) {
	raw, err := pages.ReadFile("codes/" + string(c) + ".md")
	return string(raw), err == nil
}

// Title is the title of a code's page without the code.
func Title(c Code) string {
	page, _ := Explain(c)
	line, _, _ := strings.Cut(page, "\n")
	return strings.TrimPrefix(line, "# "+string(c)+": ")
}

// Codes lists every code that has a page, sorted.
func Codes() []Code {
	entries, err := pages.ReadDir("codes")
	if err != nil {
		panic("diag: embedded pages: " + err.Error())
	}
	var codes []Code
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".md"); ok {
			codes = append(codes, Code(name))
		}
	}
	return codes
}
