package compiler

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/frontends/sigma"
)

// Layout is a file before and after its documents are laid out anew.
type Layout struct {
	Path          string
	Before, After []byte
}

// Changed reports whether the file is not laid out yet.
func (l *Layout) Changed() bool { return !bytes.Equal(l.Before, l.After) }

// Diff shows what would change.
func (l *Layout) Diff() []byte {
	return diff.Diff(l.Path, l.Before, l.Path+" (formatted)", l.After)
}

// Write puts the new text in the place of the old one; the file keeps its
// permissions.
func (l *Layout) Write() error {
	info, err := os.Stat(l.Path)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", l.Path, rootCause(err))
	}
	if err := WriteFile(l.Path, func(w io.Writer) error {
		_, err := w.Write(l.After)
		return err
	}); err != nil {
		return err
	}
	if err := os.Chmod(l.Path, info.Mode().Perm()); err != nil {
		return fmt.Errorf("cannot write %s: %w", l.Path, rootCause(err))
	}
	return nil
}

// LayoutOf lays out the documents of one text.
func LayoutOf(path string, src []byte) (*Layout, diag.List) {
	after, diags := sigma.Format(path, src)
	return &Layout{Path: path, Before: src, After: after}, diags
}

// Layouts lays out the documents under paths, in memory, in the order of their
// names. A file that is not YAML, or cannot be read, is in the list of
// diagnostics, and its text stays.
func Layouts(paths []string) ([]*Layout, diag.List, error) {
	sources, _, diags, err := find(paths, "")
	if err != nil {
		return nil, nil, err
	}
	var out []*Layout
	for _, s := range sources {
		diags = append(diags, withFile(s.path, func(src []byte) {
			l, found := LayoutOf(s.path, slices.Clone(src))
			diags = append(diags, found...)
			out = append(out, l)
		})...)
	}
	diags.Sort()
	return out, diags, nil
}
