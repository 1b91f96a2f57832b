// Package scaffold holds the files that a new content repository starts with:
// settings, a detection with its fixtures, the script that continuous integration
// runs, and the pipelines of GitHub and GitLab that run it. The files are data:
// they stand below files/ as they are written, with names that say where.
package scaffold

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"text/template"
)

//go:embed all:files
var files embed.FS

// File is a file of a new repository.
type File struct {
	Name       string // with slashes, below the repository's root
	Text       []byte
	Executable bool
}

// Values are what the files say that is not the same everywhere.
type Values struct {
	// Project is what the repository calls itself.
	Project string
	// Version is huntc's, as "go install" takes it: v1.2.3, a commit, or latest.
	Version string
}

// Files are the files of a new repository, sorted by name. Names that start
// with "dot-" start with a dot in the repository, so that nothing takes the ones
// here for its own.
func Files(v Values) ([]File, error) {
	var out []File
	err := fs.WalkDir(files, "files", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		// The brackets are none that YAML, shells or GitHub's expressions use.
		t, err := template.New(name).Delims("[%", "%]").Option("missingkey=error").Parse(string(src))
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, v); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		parts := strings.Split(strings.TrimPrefix(name, "files/"), "/")
		for i, p := range parts {
			if rest, ok := strings.CutPrefix(p, "dot-"); ok {
				parts[i] = "." + rest
			}
		}
		out = append(out, File{Name: strings.Join(parts, "/"), Text: b.Bytes(), Executable: strings.HasSuffix(name, ".sh")})
		return nil
	})
	slices.SortFunc(out, func(x, y File) int { return strings.Compare(x.Name, y.Name) })
	return out, err
}
