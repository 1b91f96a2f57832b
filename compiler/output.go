package compiler

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/huntc/huntc/diag"
)

// assignFiles names the file of every query: TARGET/<path>.ext mirrors the
// tree of documents; where a file has several hunts it is
// TARGET/<path>.<name>.ext. A name that is taken, on a file system that does
// not tell cases apart as well, gets a number; who comes first by path and
// line keeps it. A name that a document of its own has beside the file is
// taken also when the build does not see that document.
func (r *Result) assignFiles() {
	perFile := map[string]int{}
	for _, s := range r.broken {
		perFile[s.rel]++
	}
	for _, h := range r.Hunts {
		perFile[h.rel]++
	}
	taken := map[string]bool{}
	for _, h := range r.Hunts {
		stem := strings.TrimSuffix(h.rel, path.Ext(h.rel))
		if perFile[h.rel] > 1 {
			stem += "." + cmp.Or(fileName(h.Name), fileName(h.Title), fileName(h.ID), "hunt")
		}
		base := stem
		beside := func() bool {
			return perFile[h.rel] > 1 && isBeside(h.Path, path.Base(base))
		}
		for n := 2; taken[strings.ToLower(base)] || beside(); n++ {
			base = stem + "-" + strconv.Itoa(n)
		}
		taken[strings.ToLower(base)] = true
		h.Stem = base
		for i := range h.Outputs {
			if h.Counted {
				continue // the name is taken, so that others do not depend on "generate"
			}
			h.Outputs[i].File = r.targets[i].name + "/" + base + r.targets[i].ext
		}
	}
}

// isBeside reports whether a document of that name, without its ending, is in
// the folder of the file.
func isBeside(file, name string) bool {
	for _, ext := range []string{".yml", ".yaml"} {
		if _, err := os.Stat(filepath.Join(filepath.Dir(filepath.FromSlash(file)), name+ext)); err == nil {
			return true
		}
	}
	return false
}

// fileName makes a part of a file name of what a document calls itself.
func fileName(s string) string {
	clean := func(c rune) rune {
		if c < 0x80 && (unicode.IsLetter(c) || unicode.IsDigit(c)) || c == '_' || c == '-' {
			return c
		}
		return '_'
	}
	s = strings.Trim(strings.Map(clean, s), "_")
	return s[:min(len(s), 80)]
}

// tempPrefix starts the name of a file that is being written. It starts with
// a dot, so that no glob and no build takes it for a document.
const tempPrefix = ".huntc-tmp-"

// WriteFile gives a file what write writes, all at once: whoever reads it, and
// whenever the build is killed, there is the old text or the new one. A
// leftover of a killed build is removed by the next Update. A link stays, and
// what it names is written. What is there and is no file, a pipe or a device,
// is written to as it is.
func WriteFile(name string, write func(io.Writer) error) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return writeThrough(name, os.O_WRONLY, write)
	}
	given := name
	if info, err := os.Lstat(name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if name, err = filepath.EvalSymlinks(name); err != nil { // it names what is not there yet
			return writeThrough(given, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, write)
		}
	}
	f, err := os.CreateTemp(filepath.Dir(name), tempPrefix)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", given, rootCause(err))
	}
	buf := bufio.NewWriter(f)
	err = cmp.Or(write(buf), buf.Flush(), f.Chmod(0o644))
	if err = cmp.Or(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("cannot write %s: %w", given, rootCause(err))
	}
	return nil
}

func writeThrough(name string, how int, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, how, 0o644)
	if err == nil {
		buf := bufio.NewWriter(f)
		err = cmp.Or(write(buf), buf.Flush())
		err = cmp.Or(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", name, rootCause(err))
	}
	return nil
}

// written is one output with a query.
type written struct {
	hunt *Hunt
	out  *Output
}

func (r *Result) written() []written {
	var all []written
	for _, h := range r.Hunts {
		for i := range h.Outputs {
			if h.Outputs[i].Status == OK && !h.Counted {
				all = append(all, written{h, &h.Outputs[i]})
			}
		}
	}
	slices.SortFunc(all, func(a, b written) int { return cmp.Compare(a.out.File, b.out.File) })
	return all
}

// Write writes every query below dir, and what the queries need beside them. A
// file that has its text already is left alone.
func (r *Result) Write(dir string, jobs int) error {
	if err := r.writeQueries(dir, jobs); err != nil {
		return err
	}
	for _, t := range r.targets {
		if t.beside == nil || r.config == nil {
			continue
		}
		for _, f := range t.beside(r.config) {
			name := filepath.Join(dir, t.name, filepath.FromSlash(f.name))
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				return fmt.Errorf("cannot make the folder %s: %w", filepath.Dir(name), rootCause(err))
			}
			if err := writeChanged(name, f.text); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeChanged writes a file unless it has the text already.
func writeChanged(name string, text []byte) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, text) {
		return nil
	}
	return WriteFile(name, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

func (r *Result) writeQueries(dir string, jobs int) error {
	all := r.written()
	made := map[string]bool{}
	for _, w := range all {
		folder := path.Dir(w.out.File)
		if made[folder] {
			continue
		}
		made[folder] = true
		name := filepath.Join(dir, filepath.FromSlash(folder))
		if err := os.MkdirAll(name, 0o755); err != nil {
			return fmt.Errorf("cannot make the folder %s: %w", name, rootCause(err))
		}
	}
	errs := make([]error, len(all))
	each(jobs, len(all), func(i int) {
		errs[i] = writeChanged(filepath.Join(dir, filepath.FromSlash(all[i].out.File)), []byte(all[i].out.Text()))
	})
	return cmp.Or(errs...)
}

// Update makes dir the goldens of this build: it writes every query, and deletes what no hunt
// compiles to any more. It touches only what the build's paths stand for.
func (r *Result) Update(dir string, jobs int) error {
	if err := r.writeQueries(dir, jobs); err != nil {
		return err
	}
	orphans, temps, err := r.orphans(dir)
	if err != nil {
		return err
	}
	for _, rel := range slices.Concat(orphans, temps) {
		name := filepath.Join(dir, filepath.FromSlash(rel))
		if err := os.Remove(name); err != nil {
			return fmt.Errorf("cannot delete %s: %w", name, rootCause(err))
		}
		// The folders that this empties go too; Remove refuses one that is
		// not empty, which ends the loop.
		for d := path.Dir(rel); strings.Contains(d, "/"); d = path.Dir(d) {
			if os.Remove(filepath.Join(dir, filepath.FromSlash(d))) != nil {
				break
			}
		}
	}
	return nil
}

// Check compares the goldens in dir with what the hunts compile to. It
// returns what is wrong with them, sorted, and the differences as text.
func (r *Result) Check(dir string, jobs int) (diag.List, []byte, error) {
	all := r.written()
	var mu sync.Mutex
	var diags diag.List
	diffs := make([][]byte, len(all))
	errs := make([]error, len(all))
	each(jobs, len(all), func(i int) {
		w := all[i]
		name := filepath.Join(dir, filepath.FromSlash(w.out.File))
		shown := filepath.ToSlash(name)
		old, err := os.ReadFile(name)
		text := []byte(w.out.Text())
		if err == nil && bytes.Equal(old, text) {
			return
		}
		at := diag.Span{Pos: diag.Pos{Filename: w.hunt.Path, Line: w.hunt.Line, Column: 1}}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case errors.Is(err, fs.ErrNotExist):
			diags.Errorf(codeMissing, at, "Run \"huntc build --update\" to write it.", "there is no golden %s", shown)
		case err != nil:
			errs[i] = fmt.Errorf("cannot read %s: %w", name, rootCause(err))
		default:
			diags.Errorf(codeStale, at, "If the new query is right, run \"huntc build --update\" to write it.", "the golden %s differs from what the hunt compiles to", shown)
			diffs[i] = diff.Diff(shown, old, shown+" (compiled)", text)
		}
	})
	if err := cmp.Or(errs...); err != nil {
		return nil, nil, err
	}
	orphans, _, err := r.orphans(dir)
	if err != nil {
		return nil, nil, err
	}
	for _, rel := range orphans {
		diags.Errorf(codeOrphan, place(filepath.Join(dir, filepath.FromSlash(rel))), "Run \"huntc build --update\" to delete it; if its document is gone by mistake, bring that back.", "no hunt compiles to this file")
	}
	diags.Sort()
	return diags, bytes.Join(diffs, nil), nil
}

// orphans lists the files of dir, in this build's targets and below its
// paths, that no hunt compiles to; and what killed builds left. The files of
// a document that has an error of its own are not orphans: what they should
// be is not known. Nor is what huntc did not write: only a file with the
// target's extension that starts as Output.Text does.
func (r *Result) orphans(dir string) (orphans, temps []string, err error) {
	known := map[string]bool{}
	var failed []string // documents whose files are left alone
	for _, s := range r.broken {
		failed = append(failed, s.rel)
	}
	for _, h := range r.Hunts {
		for _, o := range h.Outputs {
			switch {
			case h.Counted:
			case o.Status == OK:
				known[o.File] = true
			case o.Status == Failed:
				failed = append(failed, h.rel)
			}
		}
	}
	for i, target := range r.Targets {
		ext := r.targets[i].ext
		top := filepath.Join(dir, target)
		err := filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) && name == top {
				return nil
			}
			if err != nil {
				return fmt.Errorf("cannot read %s: %w", name, rootCause(err))
			}
			rel, err := filepath.Rel(top, name)
			if err != nil || d.IsDir() {
				return err
			}
			rel = filepath.ToSlash(rel)
			file := path.Join(target, rel)
			switch {
			case strings.HasPrefix(d.Name(), tempPrefix):
				temps = append(temps, file)
			case strings.HasPrefix(d.Name(), "."), known[file], path.Ext(rel) != ext, !d.Type().IsRegular():
			case r.covers(rel) && !slices.ContainsFunc(failed, func(doc string) bool { return owns(doc, rel) }):
				ours, err := hasHeader(name)
				if err != nil {
					return fmt.Errorf("cannot read %s: %w", name, rootCause(err))
				}
				if ours {
					orphans = append(orphans, file)
				}
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return orphans, temps, nil
}

// headerStart is how the comment of header begins, in a target's own way to
// write comments.
var headerStart = regexp.MustCompile(`\A\S+ .*\n(\S+ id: .*\n)?\S+ source: .*\n\S+ form: .*\n\S+ fidelity: `)

// hasHeader reports whether a file starts as those that huntc writes.
func hasHeader(name string) (bool, error) {
	f, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	start, err := io.ReadAll(io.LimitReader(f, 64<<10))
	return headerStart.Match(start), err
}

// suffix is what may stand between a document's path and the extension in the
// name of a query's file: the hunt's name, and a number.
var suffix = regexp.MustCompile(`^(\.[A-Za-z0-9_-]+)?(-[0-9]+)?$`)

// owns reports whether the document could compile to the file.
func owns(doc, rel string) bool {
	rest, ok := strings.CutPrefix(strings.TrimSuffix(rel, path.Ext(rel)), strings.TrimSuffix(doc, path.Ext(doc)))
	return ok && suffix.MatchString(rest)
}

// Covers reports whether what is called so, below the folder of its kind and
// without an ending, would be of a hunt under the build's paths.
func (r *Result) Covers(stem string) bool { return r.covers(stem + ".") }

// covers reports whether a file of the mirrored tree is this build's business.
func (r *Result) covers(rel string) bool {
	return slices.ContainsFunc(r.scopes, func(s scope) bool {
		if s.file == "" {
			return s.dir == "." || strings.HasPrefix(rel, s.dir+"/")
		}
		return owns(s.file, rel) && !s.hasOther(rel)
	})
}

// hasOther reports whether a file of the mirrored tree belongs to another
// document than the scope's own: a.b.spl may come from a.yml or from a.b.yml.
func (s scope) hasOther(rel string) bool {
	stem := strings.TrimSuffix(rel, path.Ext(rel))
	if stem == strings.TrimSuffix(s.file, path.Ext(s.file)) {
		return false
	}
	for _, ext := range []string{".yml", ".yaml"} {
		if _, err := os.Stat(filepath.Join(s.root, filepath.FromSlash(stem+ext))); err == nil {
			return true
		}
	}
	return false
}
