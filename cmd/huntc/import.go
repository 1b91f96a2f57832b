package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diag"
)

// importFlags are the flags of "huntc import" and "huntc agree".
type importFlags struct {
	out, report, config string
	quiet, force        bool
	ends                []string // of the names of files that folders are searched for
}

func importCommand(a *app) *cobra.Command {
	f := importFlags{ends: articleEnds}
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Make documents of the hunts of a briefing, drafts of an article",
		Long: `Read briefings (Markdown), and write one document for each hunt and for each list
of indicators that a template looks for. The document says what the hunt's SPL
says, or its KQL where the SPL cannot be read; what neither says is kept as
native text. Remarks at the top of each document say how the two halves differ.

A file that is no briefing (Markdown, HTML or text) is read as an article. Its
documents are drafts, to be completed: the indicators, filled into the templates
that look for them, and what else leaves traces in logs, each with its sentence.
What is left out is named with the reason.

Without -o the documents go to standard output, one after the other. With -o no
file is written over that is there already and reads otherwise, unless --force
says so.

Exit code 0: every hunt is in a document. 1: nothing was found in a file, a hunt
could not be written, or a file is there already. 2: wrong usage, or something
cannot be read or written.`,
		Example: `  huntc import -o detections/imported briefing.md
  huntc import -o drafts article.html
  huntc import --report report.json briefings`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.importBriefings(f, args) },
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.out, "out", "o", "", "folder for the documents")
	fl.BoolVar(&f.force, "force", false, "write over files of the folder that read otherwise")
	fl.StringVar(&f.report, "report", "", "write what became of every hunt, as JSON, to this file; - is standard output")
	fl.StringVar(&f.config, "config", "", "settings of the project (default: huntc.yaml here or above)")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "do not print findings")
	return cmd
}

// Briefings are Markdown, articles text of any sort.
var (
	briefingEnds = []string{".md"}
	articleEnds  = []string{".md", ".markdown", ".html", ".htm", ".txt"}
)

// briefings are the files under paths, each once, sorted. In folders, those
// count whose names have one of the ends, .md if there are none.
func briefings(paths []string, ends ...string) ([]string, error) {
	if len(ends) == 0 {
		ends = briefingEnds
	}
	var out []string
	for _, p := range paths {
		err := filepath.WalkDir(p, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return fmt.Errorf("cannot read %s: %w", name, pathCause(err))
			}
			base := d.Name()
			shared := strings.HasPrefix(base, "_") || base == "INDEX.md" // lists of the collection
			if !d.IsDir() && (name == p || slices.Contains(ends, strings.ToLower(filepath.Ext(base))) && !shared) {
				out = append(out, name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (a *app) importBriefings(f importFlags, paths []string) error {
	done, err := a.imported(f, paths)
	if err != nil {
		return err
	}
	failed := false
	for _, b := range done {
		failed = failed || b.Diagnostics.HasErrors()
		for _, h := range slices.Concat(b.Hunts, b.Templates, b.Drafts) {
			if h.Document == nil || f.out == "" && f.report == "-" {
				continue
			}
			if f.out == "" {
				if _, err := fmt.Fprintf(a.out, "---\n%s", h.Document); err != nil {
					return err
				}
				continue
			}
			kept, err := a.writeImported(f, filepath.Join(f.out, filepath.FromSlash(h.File)), h.Document)
			if err != nil {
				return err
			}
			failed = failed || kept
		}
	}
	if f.report != "" {
		if err := a.writeJSON(f.report, importReport(done)); err != nil {
			return err
		}
	}
	if failed {
		return errFindings
	}
	return nil
}

// codeKept says that a document was not written, because a file is there.
const codeKept diag.Code = "HC0631"

// writeImported writes one document. A file that reads otherwise may hold
// somebody's work: it is kept unless --force says otherwise, and that is said.
func (a *app) writeImported(f importFlags, name string, text []byte) (kept bool, err error) {
	at := diag.Span{Pos: diag.Pos{Filename: filepath.ToSlash(name), Line: 1, Column: 1}}
	old, err := os.ReadFile(name)
	switch {
	case err == nil && bytes.Equal(old, text):
		return false, nil
	case err == nil:
		var list diag.List
		if !f.force {
			list.Errorf(codeKept, at, "Import into another folder and take over what is new, or write over it with --force.",
				"the file is there already and reads otherwise than what is imported; it is left as it is")
			return true, a.print(list, readSource)
		}
		list.Infof(codeKept, at, "", "the file read otherwise, and was written over")
		if !f.quiet {
			if err := a.print(list, readSource); err != nil {
				return false, err
			}
		}
	case !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("cannot read %s: %w", name, pathCause(err))
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return false, fmt.Errorf("cannot make the folder %s: %w", filepath.Dir(name), pathCause(err))
	}
	return false, compiler.WriteFile(name, func(w io.Writer) error { _, err := w.Write(text); return err })
}

// imported reads and imports all briefings under paths.
func (a *app) imported(f importFlags, paths []string) ([]*compiler.Imported, error) {
	files, err := briefings(paths, f.ends...)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, errors.New("there is no briefing and no article (.md, .html, .txt) under these paths")
	}
	l, err := a.lifter(f.config)
	if err != nil {
		return nil, err
	}
	var done []*compiler.Imported
	taken := map[string]bool{}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", name, pathCause(err))
		}
		b := l.Import(filepath.ToSlash(name), raw, taken)
		if !f.quiet {
			if err := a.print(b.Diagnostics, readSource); err != nil {
				return nil, err
			}
		}
		done = append(done, b)
	}
	return done, nil
}

func (a *app) writeJSON(name string, v any) error {
	write := func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	if name == "-" {
		return write(a.out)
	}
	return compiler.WriteFile(name, write)
}

type (
	reportedHalf struct {
		Queries int    `json:"queries"`
		Status  string `json:"status,omitempty"`
		Logical bool   `json:"logical"`
		Reason  string `json:"reason,omitempty"`
	}
	reportedHunt struct {
		Title       string               `json:"title"`
		ID          string               `json:"id,omitempty"`
		Path        string               `json:"path"`
		Line        int                  `json:"line"`
		File        string               `json:"file,omitempty"`
		Basis       string               `json:"basis"`
		SPL         reportedHalf         `json:"spl"`
		KQL         reportedHalf         `json:"kql"`
		Verdict     string               `json:"verdict"`
		Differences []reportedDifference `json:"differences,omitempty"`
	}
	// reportedArticle is what an article's draft has, by kind, and what is left
	// out, by the code of the reason.
	reportedArticle struct {
		Path       string         `json:"path"`
		Title      string         `json:"title"`
		Format     string         `json:"format"`
		Indicators map[string]int `json:"indicators"`
		Mechanics  map[string]int `json:"mechanics"`
		Techniques int            `json:"techniques"`
		Doubtful   int            `json:"doubtful"`
		LeftOut    map[string]int `json:"left_out"`
		Files      []string       `json:"files"`
	}
	importSummary struct {
		Version   int `json:"version"`
		Briefings int `json:"briefings"`
		// Headings that hunts have; Paired of them are the other half of a hunt
		// that has one already, so that Headings - Paired equals Hunts.
		Headings  int `json:"headings"`
		Paired    int `json:"paired"`
		Hunts     int `json:"hunts"`
		Templates int `json:"templates"`
		Drafts    int `json:"drafts"`
		Documents int `json:"documents"`
		// Without counts the hunts of which there is no document.
		Without  int            `json:"withoutDocument"`
		Basis    map[string]int `json:"basis"`
		Verdicts map[string]int `json:"verdicts"`
		// Queries and Faults say what is wrong with the queries themselves.
		Queries  []reportedLanguage `json:"queries"`
		Faults   []reportedFault    `json:"faults"`
		List     []reportedHunt     `json:"list"`
		Articles []reportedArticle  `json:"articles"`
	}
)

// notCompared is the verdict on hunts of which a half is missing, or has no
// form in the terms of documents.
const notCompared = "not compared"

func importReport(done []*compiler.Imported) importSummary {
	s := importSummary{Version: 1, Articles: []reportedArticle{}, Basis: map[string]int{}, Verdicts: map[string]int{}, List: []reportedHunt{}}
	faults := faultCount{seen: map[string]bool{}}
	half := func(h compiler.Half) reportedHalf {
		return reportedHalf{h.Queries, string(h.Status), h.Logical, h.Reason}
	}
	for _, b := range done {
		if b.Draft != nil {
			r := reportOfArticle(b)
			s.Articles = append(s.Articles, r)
			s.Drafts += len(r.Files)
			s.Documents += len(r.Files)
			continue
		}
		s.Briefings++
		s.Headings += b.Headings
		s.Paired += b.Paired
		s.Hunts += len(b.Hunts)
		s.Templates += len(b.Templates)
		for _, h := range slices.Concat(b.Hunts, b.Templates) {
			r := reportedHunt{Title: h.Title, ID: h.ID, Path: b.Path, Line: h.Pos.Line, File: h.File, Basis: h.Basis, SPL: half(h.SPL), KQL: half(h.KQL), Verdict: notCompared}
			if c := h.Comparison; c != nil {
				r.Verdict = string(c.Verdict)
				r.Differences = reportDifferences(c)
			}
			if h.Document != nil {
				s.Documents++
			} else {
				s.Without++
			}
			s.Basis[h.Basis]++
			if h.Basis != "template" {
				s.Verdicts[r.Verdict]++
			}
			s.List = append(s.List, r)
		}
		for _, h := range b.Hunts {
			faults.add("spl", h.SPL)
			faults.add("kql", h.KQL)
		}
	}
	s.Queries, s.Faults = faults.languages, faults.sorted()
	return s
}

func reportOfArticle(b *compiler.Imported) reportedArticle {
	d := b.Draft
	r := reportedArticle{Path: b.Path, Title: d.Title.Text, Format: string(d.Format), Techniques: len(d.Techniques),
		Indicators: map[string]int{}, Mechanics: map[string]int{}, LeftOut: map[string]int{}, Files: []string{}}
	for _, i := range slices.Concat(d.CVEs, d.Indicators) {
		r.Indicators[string(i.Kind)]++
		if i.Doubt != "" {
			r.Doubtful++
		}
	}
	for _, m := range d.Mechanics {
		r.Mechanics[string(m.Kind)]++
		if m.Doubt != "" {
			r.Doubtful++
		}
	}
	for _, i := range d.Excluded {
		r.LeftOut[string(i.Code)]++
	}
	for _, m := range d.Unused {
		r.LeftOut[string(m.Code)]++
	}
	for _, h := range b.Drafts {
		r.Files = append(r.Files, h.File)
	}
	return r
}
