package proof

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Limits on fixtures. A scenario that people can still judge is far below them.
const (
	maxFixture = 8 << 20 // bytes of a file
	maxEvents  = 10_000  // events of a scenario
)

// Fixture is one scenario: events that are all that has happened, and what a
// hunt has to make of them.
type Fixture struct {
	diag.Span // the file as a whole, or the test in the document
	// Name is that of the file without its ending, or of the test in the
	// document.
	Name string
	Hit  bool // the hunt fires; else it stays quiet
	// Events are JSON objects, at their places.
	Events []Line
	// Rows are the rows that have to come out, in no order; they count if
	// HasRows.
	Rows    []Line
	HasRows bool
	// RowsFile is where the rows stand, or would; "" for a test in a document.
	RowsFile string
}

// Line is one JSON object of a fixture.
type Line struct {
	diag.Span
	JSON []byte
}

// Folder is what stands in one folder of fixtures.
type Folder struct {
	Stem     string // below the folder of all fixtures: the hunt's path without its ending
	Path     string // as diagnostics name it
	Fixtures []*Fixture
	// Broken: a file of the folder could not be used, so that its hunt is not
	// without fixtures for want of any.
	Broken bool
}

var (
	fixtureName = regexp.MustCompile(`^(hit|miss)(_[A-Za-z0-9_.-]+)?\.jsonl$`)
	rowsEnding  = ".rows.jsonl"
)

// ReadFixtures reads all fixtures below a folder, sorted by folder and name.
// Where there is no such folder there are none. The error is about the folder
// itself.
func ReadFixtures(dir string) ([]*Folder, diag.List, error) {
	r := &fixtureReader{}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, nil
	case err != nil:
		return nil, nil, fmt.Errorf("cannot read %s: %w", dir, rootCause(err))
	case !info.IsDir():
		return nil, nil, fmt.Errorf("%s is no folder of fixtures", dir)
	}
	r.folder(dir, "")
	r.diags.Sort()
	return r.folders, r.diags, nil
}

type fixtureReader struct {
	folders []*Folder
	diags   diag.List
}

func whole(name string) diag.Span { return diag.Span{Pos: diag.Pos{Filename: filepath.ToSlash(name)}} }

// folder reads one folder and those in it.
func (r *fixtureReader) folder(dir, stem string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		r.diags.Errorf(codeFixtureFile, whole(dir), "Make it readable.", "the folder cannot be read: %v", rootCause(err))
		return
	}
	f := &Folder{Stem: stem, Path: filepath.ToSlash(dir)}
	before := len(r.diags)
	var rows []string
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		info, err := os.Stat(name)
		switch {
		case strings.HasPrefix(e.Name(), "."), strings.EqualFold(path.Ext(e.Name()), ".md"):
		case err != nil:
			r.diags.Errorf(codeFixtureFile, whole(name), "Make it readable, or remove it.", "the fixture cannot be read: %v", rootCause(err))
		case info.IsDir():
		case strings.HasSuffix(e.Name(), rowsEnding):
			rows = append(rows, e.Name())
		case !fixtureName.MatchString(e.Name()):
			r.diags.Errorf(codeFixtureName, whole(name), "Call it hit_<what>.jsonl or miss_<what>.jsonl, with letters, digits, _, - and . in <what>.",
				"a file of this name is no fixture, and no test reads it")
		case stem == "":
			r.diags.Errorf(codeFixtureName, whole(name), "Move it into the folder of its hunt, which is called as the document is, without .yml.",
				"the fixture belongs to no hunt")
		case !info.Mode().IsRegular():
			r.diags.Errorf(codeFixtureFile, whole(name), "Remove it.", "this is no regular file and was not read")
		case info.Size() > maxFixture:
			r.diags.Errorf(codeFixtureFile, whole(name), "Keep what the hunt leans on.", "the fixture has %d bytes, more than the %d that a test reads", info.Size(), maxFixture)
		default:
			lines, ok := r.lines(name)
			if !ok {
				continue
			}
			if len(lines) == 0 {
				r.diags.Errorf(codeFixtureFile, whole(name), "Write an event into it, one JSON object a line.", "the fixture holds no event")
				continue
			}
			if len(lines) > maxEvents {
				r.diags.Errorf(codeFixtureFile, lines[maxEvents], "Keep what the hunt leans on.", "the fixture holds more than %d events", maxEvents)
				continue
			}
			base := strings.TrimSuffix(e.Name(), ".jsonl")
			f.Fixtures = append(f.Fixtures, &Fixture{Span: whole(name), Name: base, Hit: strings.HasPrefix(base, "hit"), Events: lines,
				RowsFile: filepath.ToSlash(filepath.Join(dir, base+rowsEnding))})
		}
	}
	for _, name := range rows {
		r.rows(f, filepath.Join(dir, name), strings.TrimSuffix(name, rowsEnding))
	}
	f.Broken = len(r.diags) > before
	if f.Broken || len(f.Fixtures) > 0 {
		r.folders = append(r.folders, f)
	}
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && info.IsDir() && e.Type()&fs.ModeSymlink == 0 && !strings.HasPrefix(e.Name(), ".") {
			r.folder(filepath.Join(dir, e.Name()), path.Join(stem, e.Name()))
		}
	}
	slices.SortFunc(r.folders, func(a, b *Folder) int { return cmp.Compare(a.Stem, b.Stem) })
}

// rows reads the file of rows that belongs to a hit.
func (r *fixtureReader) rows(f *Folder, name, base string) {
	i := slices.IndexFunc(f.Fixtures, func(x *Fixture) bool { return x.Name == base })
	switch {
	case strings.HasPrefix(base, "miss"):
		r.diags.Errorf(codeFixtureName, whole(name), "Remove it, or call the scenario a hit.", "a miss has no rows")
		return
	case i < 0 && f.Broken:
		return // of a hit that is in error itself
	case i < 0:
		r.diags.Errorf(codeFixtureName, whole(name), "Remove it, or bring back the events.", "there is no %s.jsonl beside the rows", base)
		return
	}
	lines, ok := r.lines(name)
	if !ok {
		return
	}
	f.Fixtures[i].Rows, f.Fixtures[i].HasRows = lines, true
}

// lines reads JSON objects, one a line.
func (r *fixtureReader) lines(name string) ([]Line, bool) {
	src, err := os.ReadFile(name)
	if err != nil {
		r.diags.Errorf(codeFixtureFile, whole(name), "Make it readable, or remove it.", "the fixture cannot be read: %v", rootCause(err))
		return nil, false
	}
	lines, diags := ParseLines(filepath.ToSlash(name), src)
	r.diags = append(r.diags, diags...)
	return lines, !diags.HasErrors()
}

// ParseLines cuts a text into JSON objects, one a line. Empty lines and lines
// that start with # are left out.
func ParseLines(name string, src []byte) ([]Line, diag.List) {
	var out []Line
	var diags diag.List
	rest := bytes.TrimPrefix(src, []byte("\ufeff"))
	offset := len(src) - len(rest)
	for n := 1; len(rest) > 0; n++ {
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		start := offset
		offset = len(src) - len(rest)
		text := bytes.TrimRight(line, " \t\r")
		skip := len(text) - len(bytes.TrimLeft(text, " \t"))
		if skip == len(text) || text[skip] == '#' {
			continue
		}
		at := func(i int) diag.Pos {
			return diag.Pos{Filename: name, Offset: start + i, Line: n, Column: 1 + utf8.RuneCount(text[:i])}
		}
		if !utf8.Valid(text) {
			diags.Errorf(codeFixtureJSON, diag.Span{Pos: at(skip)}, "Save the file as UTF-8.", "the line is not UTF-8")
			continue
		}
		if problem, i := objectProblem(text[skip:]); problem != "" {
			diags.Errorf(codeFixtureJSON, diag.Span{Pos: at(min(skip+i, len(text)))}, "Each line is one JSON object; a backslash in a text is written twice.",
				"this line is no JSON object: %s", problem)
			continue
		}
		out = append(out, Line{Span: diag.Span{Pos: at(skip), EndPos: at(len(text))}, JSON: bytes.Clone(text[skip:])})
	}
	return out, diags
}

// objectProblem says why a text is not one JSON object, and at which byte, or
// nothing. A key that stands there twice is a problem: one of its values would
// be lost.
func objectProblem(text []byte) (problem string, at int) {
	var raw json.RawMessage
	var syntax *json.SyntaxError
	switch err := json.Unmarshal(text, &raw); {
	case errors.As(err, &syntax) && int(syntax.Offset) >= len(text) && !strings.HasPrefix(syntax.Error(), "invalid"):
		return "it ends too early", len(text)
	case errors.As(err, &syntax):
		return syntax.Error(), max(0, int(syntax.Offset)-1)
	case err != nil:
		return err.Error(), 0
	case text[0] != '{':
		return "it is another JSON value", 0
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	type level struct {
		object, key bool // key: a key comes next
		keys        map[string]bool
	}
	var open []*level
	for {
		before := int(dec.InputOffset())
		tok, err := dec.Token()
		if err != nil {
			return "", 0 // the end: the text is valid
		}
		in := &level{}
		if len(open) > 0 {
			in = open[len(open)-1]
		}
		if k, ok := tok.(string); ok && in.object && in.key {
			if in.keys[k] {
				for strings.IndexByte(" \t,", text[before]) >= 0 {
					before++
				}
				return fmt.Sprintf("the key %q stands there twice", k), before
			}
			if in.keys == nil {
				in.keys = map[string]bool{}
			}
			in.keys[k], in.key = true, false
			continue
		}
		in.key = in.object
		switch tok {
		case json.Delim('{'), json.Delim('['):
			open = append(open, &level{object: tok == json.Delim('{'), key: tok == json.Delim('{')})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
			if len(open) > 0 {
				open[len(open)-1].key = open[len(open)-1].object
			}
		}
	}
}

// InlineFixtures are the tests that stand in the document.
func InlineFixtures(h *ir.Hunt) []*Fixture {
	lines := func(examples []ir.Example) []Line {
		var out []Line
		for _, e := range examples {
			out = append(out, Line{e.Span, []byte(e.JSON)})
		}
		return out
	}
	var out []*Fixture
	for i, t := range h.Tests {
		out = append(out, &Fixture{Span: t.Span, Name: cmp.Or(t.Name, fmt.Sprintf("test %d", i+1)), Hit: t.Hit,
			Events: lines(t.Events), Rows: lines(t.Rows), HasRows: len(t.Rows) > 0})
	}
	return out
}

// rootCause drops the operation and the path that a file error repeats.
func rootCause(err error) error {
	if pe, ok := err.(*fs.PathError); ok {
		return pe.Err
	}
	return err
}
