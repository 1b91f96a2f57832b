package main

import (
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
)

// importFlags are the flags of "huntc import" and "huntc agree".
type importFlags struct {
	out, report, config string
	quiet               bool
}

func importCommand(a *app) *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import BRIEFING.md...",
		Short: "Make documents of the hunts of a briefing",
		Long: `Read briefings (Markdown), and write one document for each hunt and for each list
of indicators that a template looks for. The document says what the hunt's SPL
says, or its KQL where the SPL cannot be read; what neither says is kept as
native text. Remarks at the top of each document say how the two halves differ.

Without -o the documents go to standard output, one after the other.

Exit code 0: every hunt is in a document. 1: a file is no briefing, or a hunt
could not be written. 2: wrong usage, or something cannot be read or written.`,
		Example: `  huntc import -o detections/imported briefing.md
  huntc import --report report.json briefings`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.importBriefings(f, args) },
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.out, "out", "o", "", "folder for the documents")
	fl.StringVar(&f.report, "report", "", "write what became of every hunt, as JSON, to this file; - is standard output")
	fl.StringVar(&f.config, "config", "", "settings of the project (default: huntc.yaml here or above)")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "do not print findings")
	return cmd
}

// briefings are the Markdown files under paths, each once, sorted.
func briefings(paths []string) ([]string, error) {
	var out []string
	for _, p := range paths {
		err := filepath.WalkDir(p, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return fmt.Errorf("cannot read %s: %w", name, pathCause(err))
			}
			base := d.Name()
			shared := strings.HasPrefix(base, "_") || base == "INDEX.md" // lists of the collection
			if !d.IsDir() && (name == p || strings.HasSuffix(base, ".md") && !shared) {
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
		for _, h := range slices.Concat(b.Hunts, b.Templates) {
			if h.Document == nil {
				continue
			}
			if f.out == "" {
				if f.report != "-" {
					if _, err := fmt.Fprintf(a.out, "---\n%s", h.Document); err != nil {
						return err
					}
				}
				continue
			}
			name := filepath.Join(f.out, filepath.FromSlash(h.File))
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				return fmt.Errorf("cannot make the folder %s: %w", filepath.Dir(name), pathCause(err))
			}
			if err := compiler.WriteFile(name, func(w io.Writer) error { _, err := w.Write(h.Document); return err }); err != nil {
				return err
			}
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

// imported reads and imports all briefings under paths.
func (a *app) imported(f importFlags, paths []string) ([]*compiler.Imported, error) {
	files, err := briefings(paths)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, errors.New("there is no briefing (.md) under these paths")
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
	importSummary struct {
		Version   int            `json:"version"`
		Briefings int            `json:"briefings"`
		Headings  int            `json:"headings"`
		Hunts     int            `json:"hunts"`
		Templates int            `json:"templates"`
		Documents int            `json:"documents"`
		Basis     map[string]int `json:"basis"`
		Verdicts  map[string]int `json:"verdicts"`
		// Queries and Faults say what is wrong with the queries themselves.
		Queries []reportedLanguage `json:"queries"`
		Faults  []reportedFault    `json:"faults"`
		List    []reportedHunt     `json:"list"`
	}
)

// notCompared is the verdict on hunts of which a half is missing, or has no
// form in the terms of documents.
const notCompared = "not compared"

func importReport(done []*compiler.Imported) importSummary {
	s := importSummary{Version: 1, Briefings: len(done), Basis: map[string]int{}, Verdicts: map[string]int{}, List: []reportedHunt{}}
	faults := faultCount{seen: map[string]bool{}}
	half := func(h compiler.Half) reportedHalf {
		return reportedHalf{h.Queries, string(h.Status), h.Logical, h.Reason}
	}
	for _, b := range done {
		s.Headings += b.Headings
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
