package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// liftFlags are the flags of "huntc lift".
type liftFlags struct {
	from, to, format, title, config string
	jsonl                           bool
}

func liftCommand(a *app) *cobra.Command {
	var f liftFlags
	cmd := &cobra.Command{
		Use:   "lift --from spl|kql [FILE|-]",
		Short: "Read a Splunk or Kusto query, and say what it looks for",
		Long: `Read the query in FILE, or on standard input, and write what it means: as the
tables, columns and operators of its own target (--format ir or json), as a
document in the terms of Sigma (--format yaml), or as a query of the other
language (--to). With --to its own language, the query is written again in the
layout of huntc.

What is not understood is named with its line and column, and nothing is guessed.
With --jsonl each line has its own result, also one that is no such object.

Exit code 0: read in full. 1: a part is not understood, or cannot be said.
2: wrong usage, or something cannot be read or written.`,
		Example: `  huntc lift --from spl search.spl
  huntc lift --from kql --format yaml <query.kql
  huntc lift --from spl --to kql search.spl
  huntc lift --from spl --jsonl <searches.jsonl     one {"id","text"} a line`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.lift(f, args) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.from, "from", "", "language of the query: spl or kql")
	fl.StringVar(&f.to, "to", "", "translate it to this language: spl or kql")
	fl.StringVar(&f.format, "format", "ir", "what to write: ir, json or yaml")
	fl.StringVar(&f.title, "title", "", "title of the document that --format yaml writes")
	fl.StringVar(&f.config, "config", "", "settings of the project (default: huntc.yaml here or above)")
	fl.BoolVar(&f.jsonl, "jsonl", false, "read and write one JSON object a line")
	return cmd
}

var liftFormats = []string{"ir", "json", "yaml"}

func (a *app) lift(f liftFlags, args []string) error {
	switch {
	case f.from == "":
		return errors.New("--from says the language of the query: spl or kql")
	case !slices.Contains(compiler.Languages(), f.from):
		return fmt.Errorf("there is no language %q: %s", f.from, diag.DidYouMean(f.from, compiler.Languages()))
	case f.to != "" && !slices.Contains(compiler.Languages(), f.to):
		return fmt.Errorf("there is no language %q: %s", f.to, diag.DidYouMean(f.to, compiler.Languages()))
	case !slices.Contains(liftFormats, f.format):
		return fmt.Errorf("there is no format %q: %s", f.format, diag.DidYouMean(f.format, liftFormats))
	}
	l, err := a.lifter(f.config)
	if err != nil {
		return err
	}
	in, name := a.in, stdinName
	if len(args) == 1 && args[0] != "-" {
		file, err := os.Open(args[0])
		if err != nil {
			return fmt.Errorf("cannot read %s: %w", args[0], pathCause(err))
		}
		defer file.Close()
		in, name = file, args[0]
	}
	if f.jsonl {
		return a.liftLines(f, l, in)
	}
	raw, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", name, pathCause(err))
	}
	text, diags, ok, err := liftOne(f, l, name, string(raw))
	if err != nil {
		return err
	}
	read := func(string) ([]byte, bool) { return raw, true }
	if err := a.print(diags, diag.Source(read)); err != nil {
		return err
	}
	if _, err := io.WriteString(a.out, text); err != nil {
		return err
	}
	if !ok {
		return errFindings
	}
	return nil
}

// lifter is one with the project's settings.
func (a *app) lifter(config string) (*compiler.Lifter, error) {
	if config == "" {
		found, err := compiler.FindConfig(".")
		if err != nil {
			return nil, err
		}
		config = found
	}
	c, diags, err := compiler.LoadConfig(config)
	if err != nil {
		return nil, err
	}
	if len(diags) > 0 {
		if err := a.print(diags, readSource); err != nil {
			return nil, err
		}
		if diags.HasErrors() {
			return nil, errors.New("the project's settings have errors")
		}
	}
	return compiler.NewLifter(c)
}

// liftOne lifts a text and writes it in the form that is asked for.
func liftOne(f liftFlags, l *compiler.Lifter, name, text string) (out string, diags diag.List, ok bool, err error) {
	switch {
	case f.to == f.from:
		out, lifting, err := l.Reprint(f.from, name, text)
		if err != nil {
			return "", nil, false, err
		}
		return out, lifting.Diagnostics, out != "", nil
	case f.to != "":
		t, err := l.Translate(f.from, f.to, name, text)
		if err != nil {
			return "", nil, false, err
		}
		if t.Query == "" {
			return "", t.Diagnostics, false, nil
		}
		return strings.TrimSuffix(t.Query, "\n") + "\n", t.Diagnostics, true, nil
	case f.format == "yaml":
		title := f.title
		if title == "" {
			title = "Lifted " + strings.ToUpper(f.from)
		}
		h, lifting, err := l.Hunt(f.from, name, text, ir.Meta{Title: title})
		if err != nil || h == nil {
			return "", lifting.Diagnostics, false, err
		}
		doc, more := compiler.Document(f.from, h, lifting)
		return string(doc), append(lifting.Diagnostics, more...), !more.HasErrors(), nil
	}
	lifting, err := l.Lift(f.from, name, text)
	if err != nil {
		return "", nil, false, err
	}
	var b strings.Builder
	var trees []any
	for _, q := range lifting.Queries {
		if q == nil {
			continue
		}
		if f.format == "json" {
			trees = append(trees, ir.JSON(q))
			continue
		}
		if b.Len() > 0 {
			b.WriteString("--\n")
		}
		b.WriteString(ir.Format(q))
	}
	if f.format == "json" {
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(map[string]any{"status": lifting.Status, "queries": trees, "opaque": lifting.Opaque}); err != nil {
			return "", nil, false, err
		}
	}
	return b.String(), lifting.Diagnostics, lifting.Status == compiler.LiftOK, nil
}

// liftLine is one text of a list, and what became of it.
type (
	liftLine struct {
		ID   string `json:"id"`
		Text string `json:"text"`
	}
	liftedLine struct {
		ID          string              `json:"id"`
		Status      compiler.LiftStatus `json:"status"`
		IR          any                 `json:"ir,omitempty"`
		Text        string              `json:"text,omitempty"` // with --to, or as yaml
		Diagnostics []liftDiagnostic    `json:"diagnostics"`
	}
	liftDiagnostic struct {
		Code     string `json:"code"`
		Severity string `json:"severity"`
		Message  string `json:"message"`
		Line     int    `json:"line"`
		Column   int    `json:"column"`
		Hint     string `json:"hint"`
	}
)

// codeLine says that a line of --jsonl is not what it should be.
const codeLine diag.Code = "HC0632"

// read takes a line apart; bad says what is wrong with it.
func (l *liftLine) read(raw []byte) (bad string) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return "it is no object of JSON"
	}
	if err := json.Unmarshal(fields["id"], &l.ID); err != nil && fields["id"] != nil {
		return "its \"id\" is no string"
	}
	if err := json.Unmarshal(fields["text"], &l.Text); err != nil {
		return "it has no string \"text\""
	}
	return ""
}

// maxLine is the longest line of --jsonl.
const maxLine = 16 << 20

func (a *app) liftLines(f liftFlags, l *compiler.Lifter, in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	out := bufio.NewWriter(a.out)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	findings := false
	for n := 1; lines.Scan(); n++ {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var line liftLine
		if bad := line.read(lines.Bytes()); bad != "" {
			findings = true
			err := enc.Encode(liftedLine{ID: line.ID, Status: compiler.LiftError, Diagnostics: []liftDiagnostic{{
				Code: string(codeLine), Severity: diag.Error.String(), Line: n, Column: 1,
				Message: fmt.Sprintf("line %d of the input is no text: %s", n, bad),
				Hint:    "Write one object with \"id\" and \"text\" on each line.",
			}}})
			if err != nil {
				return err
			}
			continue
		}
		lifting, err := l.Lift(f.from, line.ID, line.Text)
		if err != nil {
			return err
		}
		done := liftedLine{ID: line.ID, Status: lifting.Status, Diagnostics: []liftDiagnostic{}}
		diags := lifting.Diagnostics
		if f.to != "" || f.format == "yaml" {
			var ok bool
			if done.Text, diags, ok, err = liftOne(f, l, line.ID, line.Text); err != nil {
				return err
			}
			if !ok && done.Status == compiler.LiftOK {
				done.Status = compiler.LiftUnsupported
			}
		} else {
			var trees []any
			for _, q := range lifting.Queries {
				if q != nil {
					trees = append(trees, ir.JSON(q))
				}
			}
			if done.Status == compiler.LiftOK && len(trees) == 1 {
				done.IR = trees[0]
			} else if len(trees) > 0 {
				done.IR = trees
			}
		}
		for _, d := range diags {
			done.Diagnostics = append(done.Diagnostics, liftDiagnostic{string(d.Code), d.Severity.String(), d.Message, d.Pos.Line, d.Pos.Column, d.Hint})
		}
		findings = findings || done.Status != compiler.LiftOK
		if err := enc.Encode(done); err != nil {
			return err
		}
	}
	if err := errors.Join(lines.Err(), out.Flush()); err != nil {
		return err
	}
	if findings {
		return errFindings
	}
	return nil
}

// pathCause drops the operation and the path that a file error repeats.
func pathCause(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
