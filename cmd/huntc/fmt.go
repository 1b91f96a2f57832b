package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diag"
)

// fmtFlags are the flags of "huntc fmt".
type fmtFlags struct {
	check, diff bool
}

// stdinName is how positions in standard input are named.
const stdinName = "<stdin>"

func fmtCommand(a *app) *cobra.Command {
	var f fmtFlags
	cmd := &cobra.Command{
		Use:   "fmt [PATH...]",
		Short: "Lay documents out in one way",
		Long: `Lay out every document (.yml, .yaml) under PATH, by default "detections", in one
way: order of keys, indentation, lists, quotes. Comments and meaning stay; what
cannot be laid out without loss stays as it is, and huntc says why.

Files are written in place. With - the document is read from standard input and
written to standard output.

Exit code 0: done; with --check or --diff: nothing would change. 1: a file is not
YAML; with --check or --diff: a file would change. 2: wrong usage, or something
cannot be read or written.`,
		Example: `  huntc fmt                 lay out what is in detections
  huntc fmt --check         ... only say which files are not laid out: for pull requests
  huntc fmt --diff a.yml    ... only show what would change
  huntc fmt - <a.yml        for editors`,
		RunE: func(_ *cobra.Command, args []string) error { return a.format(f, args) },
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.check, "check", false, "write nothing; list the files that are not laid out, and exit with 1 if there are any")
	fl.BoolVar(&f.diff, "diff", false, "write nothing; show what would change, and exit with 1 if anything would")
	return cmd
}

func (a *app) format(f fmtFlags, paths []string) error {
	if slices.Contains(paths, "-") {
		if len(paths) > 1 {
			return errors.New("- is standard input, and stands alone")
		}
		return a.formatInput(f)
	}
	if len(paths) == 0 {
		paths = []string{"detections"}
		if _, err := os.Stat("detections"); err != nil {
			return errors.New("there is no folder \"detections\" here: name the files or folders to lay out")
		}
	}
	files, diags, err := compiler.Layouts(paths)
	if err != nil {
		return err
	}
	if err := a.print(diags, readSource); err != nil {
		return err
	}
	changed := false
	for _, l := range files {
		if !l.Changed() {
			continue
		}
		changed = true
		if err := a.formatted(f, l); err != nil {
			return err
		}
	}
	if diags.HasErrors() || changed && (f.check || f.diff) {
		return errFindings
	}
	return nil
}

// formatted shows or writes one file that changes.
func (a *app) formatted(f fmtFlags, l *compiler.Layout) error {
	if f.diff {
		_, err := a.out.Write(l.Diff())
		return err
	}
	if !f.check {
		if err := l.Write(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(a.out, l.Path)
	return err
}

func (a *app) formatInput(f fmtFlags) error {
	src, err := io.ReadAll(a.in)
	if err != nil {
		return fmt.Errorf("cannot read standard input: %w", err)
	}
	l, diags := compiler.LayoutOf(stdinName, src)
	read := func(string) ([]byte, bool) { return src, true }
	if err := a.print(diags, diag.Source(read)); err != nil {
		return err
	}
	switch {
	case f.diff:
		_, err = a.out.Write(l.Diff())
	case f.check && l.Changed():
		_, err = fmt.Fprintln(a.out, l.Path)
	case !f.check:
		_, err = a.out.Write(l.After)
	}
	if err != nil {
		return err
	}
	if diags.HasErrors() || l.Changed() && (f.check || f.diff) {
		return errFindings
	}
	return nil
}
