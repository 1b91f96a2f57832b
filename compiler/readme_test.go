package compiler_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each block of the README that claims to be part of a file is part of it.
func TestReadmeShowsWhatIs(t *testing.T) {
	raw, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)<!-- part of (\\S+) -->\n```\\w*\n(.*?)```\n").FindAllStringSubmatch(string(raw), -1)
	if len(blocks) < 4 {
		t.Fatalf("the README shows %d files, it used to be four", len(blocks))
	}
	for _, b := range blocks {
		file, err := os.ReadFile(filepath.Join("..", b[1]))
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.Contains(string(file), strings.TrimRight(b[2], "\n")) {
			t.Errorf("the README shows as part of %s what is not in it:\n%s", b[1], b[2])
		}
	}
}
