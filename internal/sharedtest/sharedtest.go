// Package sharedtest finds the reference and corpus data that some tests
// compare against. The data lives outside the repository.
package sharedtest

import (
	"os"
	"path/filepath"
	"testing"
)

// Path returns the path of a file or folder below the shared data: the folder
// named by HUNTC_SHARED, else "shared" beside the repository. Where the data
// is absent the test is skipped with a line that says so; where CI is set it
// fails instead, because there it has to run.
func Path(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv("HUNTC_SHARED")
	if root == "" {
		root = filepath.Join(repository(t), "..", "shared")
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("needs ../shared, and CI must have it: %v", err)
		}
		t.Skipf("SKIPPED, needs ../shared (or HUNTC_SHARED): %v", err)
	}
	return path
}

// repository is the folder above the test's own that holds go.mod.
func repository(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = parent
	}
}
