package compiler

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/huntc/huntc/diag"
)

// maxFile is the size above which a file is refused unread: more than the
// whole SigmaHQ rule set in one file.
const maxFile = 8 << 20

// usualFile is a size that documents do not reach: their size is not asked
// for before they are read.
const usualFile = 64 << 10

// source is one file with documents.
type source struct {
	path string // as diagnostics name it: the PATH as given, with forward slashes
	rel  string // below the root of the tree that outputs mirror
}

// scope is the part of a mirrored tree that one PATH stands for: all below
// dir, or the one file rel.
type scope struct {
	root string // the folder that the tree mirrors
	dir  string // "." is everything; "" if the PATH is a file
	file string // rel of the PATH if it is a file
}

// find lists the documents under paths in the order of their names. It
// follows a link that names a file or folder once: a folder that is its own
// ancestor is not entered again. Hidden files and folders and huntc.yaml
// itself are no documents. The error is about the paths themselves.
func find(paths []string, home string) ([]source, []scope, diag.List, error) {
	var f finder
	roots, err := roots(paths, home)
	if err != nil {
		return nil, nil, nil, err
	}
	var scopes []scope
	for i, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("cannot read %s: %w", p, rootCause(err))
		}
		rel, err := below(roots[i], p)
		if err != nil {
			return nil, nil, nil, err
		}
		if !info.IsDir() {
			scopes = append(scopes, scope{root: roots[i], file: rel})
			f.file(p, rel, info)
			continue
		}
		scopes = append(scopes, scope{root: roots[i], dir: rel})
		before := len(f.sources)
		f.dir(p, rel, nil)
		if len(f.sources) == before {
			f.diags.Warnf(codeNoDocuments, place(p), "Name a folder that holds .yml files, or one such file.",
				"there is no document under %s: nothing was compiled", filepath.ToSlash(p))
		}
	}
	slices.SortFunc(f.sources, func(a, b source) int { return cmp.Compare(a.path, b.path) })
	f.sources = slices.CompactFunc(f.sources, func(a, b source) bool { return a.path == b.path })
	return f.sources, scopes, f.diags, nil
}

type finder struct {
	sources []source
	diags   diag.List
}

// dir walks one folder; parents are the folders that it is in, as the system
// identifies them.
func (f *finder) dir(name, rel string, parents []os.FileInfo) {
	info, err := os.Stat(name)
	if err == nil && slices.ContainsFunc(parents, func(p os.FileInfo) bool { return os.SameFile(p, info) }) {
		return
	}
	entries, rerr := os.ReadDir(name)
	if err = cmp.Or(err, rerr); err != nil {
		f.unreadable(name, err)
		return
	}
	parents = append(slices.Clone(parents), info)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		child, childRel := filepath.Join(name, e.Name()), path.Join(rel, e.Name())
		mode := e.Type()
		isDoc := isDocument(e.Name())
		switch {
		case mode.IsDir():
			f.dir(child, childRel, parents)
		case mode.IsRegular():
			if isDoc {
				f.add(child, childRel)
			}
		case mode&fs.ModeSymlink != 0:
			target, err := os.Stat(child)
			switch {
			case err != nil && isDoc:
				f.unreadable(child, err)
			case err == nil && target.IsDir():
				f.dir(child, childRel, parents)
			case err == nil && isDoc:
				f.file(child, childRel, target)
			}
		case isDoc:
			f.file(child, childRel, fileMode(mode))
		}
	}
}

// moder is what file asks of a file's description.
type moder interface{ Mode() fs.FileMode }

type fileMode fs.FileMode

func (m fileMode) Mode() fs.FileMode { return fs.FileMode(m) }

// file adds one file; a pipe would make the build wait for ever.
func (f *finder) file(name, rel string, info moder) {
	if !info.Mode().IsRegular() {
		f.diags.Errorf(codeNotRegular, place(name), "Move it out of the folder, or give it a name that does not end in .yml.",
			"this is no regular file and was not read")
		return
	}
	f.add(name, rel)
}

// add adds a document. One whose query files would be those of another one
// beside it is refused, also when a build does not see the other: the name of
// an output depends on its document alone.
func (f *finder) add(name, rel string) {
	ext := filepath.Ext(name)
	if usual := strings.TrimSuffix(name, ext) + ".yml"; ext != ".yml" {
		if _, err := os.Stat(usual); err == nil && !sameFile(name, usual) {
			f.diags.Errorf(codeSameOutput, place(name), "Give one of them another name, or delete the one that is old.",
				"this would compile to the same files as %s beside it", filepath.ToSlash(usual))
			return
		}
	}
	f.sources = append(f.sources, source{filepath.ToSlash(name), rel})
}

// sameFile reports whether two names are those of one file, as a.YML and
// a.yml are where case does not count.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	y, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(x, y)
}

func (f *finder) unreadable(name string, err error) {
	f.diags.Errorf(codeUnreadable, place(name), "Make it readable, or leave it out of the paths.", "cannot be read: %v", rootCause(err))
}

func isDocument(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	return (ext == ".yml" || ext == ".yaml") && name != configName
}

// place is a file as a whole.
func place(name string) diag.Span {
	return diag.Span{Pos: diag.Pos{Filename: filepath.ToSlash(name)}}
}

// rootCause drops the operation and the path that a file error repeats.
func rootCause(err error) error {
	if pe, ok := err.(*fs.PathError); ok {
		return pe.Err
	}
	return err
}

// roots gives for each path the folder that outputs mirror: home, the
// project's own folder of detections, for what lies in it, so that a part of
// the project compiles to the same files as the whole; else the path itself,
// or, for several paths, the folder that they have in common, so that equal
// names below them stay apart.
func roots(paths []string, home string) ([]string, error) {
	abs := make([]string, len(paths))
	var outside []string
	for i, p := range paths {
		a, err := filepath.Abs(p)
		if err != nil {
			return nil, fmt.Errorf("cannot find the folder that %s is in: %w", p, err)
		}
		abs[i] = a
		if !within(home, a) && !slices.Contains(outside, a) {
			outside = append(outside, a)
		}
	}
	common := ""
	for i, a := range outside {
		dir := a
		if info, err := os.Stat(a); err == nil && !info.IsDir() || len(outside) > 1 {
			dir = filepath.Dir(a)
		}
		if i == 0 {
			common = dir
		}
		for !within(common, dir) {
			common = filepath.Dir(common)
		}
	}
	out := make([]string, len(paths))
	for i, a := range abs {
		out[i] = common
		if within(home, a) {
			out[i] = home
		}
	}
	return out, nil
}

// within reports whether an absolute path is dir or below it.
func within(dir, name string) bool {
	if dir == "" {
		return false
	}
	rel, err := filepath.Rel(dir, name)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func below(root, name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(root, abs)
	if err != nil {
		return "", err
	}
	return filepath.ToSlash(rel), nil
}

// buffers are for files on their way: most are hashed and forgotten.
var buffers = sync.Pool{New: func() any { return &bytes.Buffer{} }}

// withFile calls f with the text of a file, which f may not keep. A file that
// cannot be read, or is of an absurd size, is diagnosed instead.
func withFile(name string, f func(src []byte)) diag.List {
	buf := buffers.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= 4*usualFile {
			buffers.Put(buf)
		}
	}()
	buf.Reset()
	var diags diag.List
	switch size, err := readInto(buf, filepath.FromSlash(name)); {
	case err != nil:
		diags.Errorf(codeUnreadable, place(name), "Make it readable, or leave it out of the paths.", "cannot be read: %v", rootCause(err))
	case size > maxFile:
		at := place(name)
		at.Pos.Line, at.Pos.Column = 1, 1
		diags.Errorf(codeTooLarge, at, "A detection is a few kilobytes: split the file, or leave it out of the paths.",
			"the file has %d bytes, more than the %d that huntc reads", size, maxFile)
	default:
		f(buf.Bytes())
	}
	return diags
}

// readInto reads a file unless it is above the cap, and returns its size.
func readInto(buf *bytes.Buffer, name string) (int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	size, err := buf.ReadFrom(io.LimitReader(f, usualFile))
	if err != nil || size < usualFile {
		return size, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() > maxFile {
		return info.Size(), nil
	}
	more, err := buf.ReadFrom(io.LimitReader(f, maxFile+1-size)) // it may grow meanwhile
	return size + more, err
}
