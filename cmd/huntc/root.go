package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/huntc/huntc/diag"
)

// Exit codes; scripts rely on them.
const (
	exitOK       = 0 // nothing wrong
	exitFindings = 1 // errors in documents, stale goldens
	exitUsage    = 2 // wrong usage, or an environment that does not let us work
)

// errFindings ends a command with exitFindings; what was found is printed by
// then.
var errFindings = errors.New("there are findings")

// app is what every command works with.
type app struct {
	in       io.Reader
	out, err io.Writer
}

// Run runs one command line, without the program's name, and returns the exit
// code.
func Run(args []string, in io.Reader, out, err io.Writer) int {
	// Not everything that writes looks at the error: cobra's help does not.
	stdout := &sink{w: out}
	out = stdout
	a := &app{in: in, out: out, err: err}
	root := &cobra.Command{
		Use:           "huntc",
		Short:         "Compile detections to Splunk and Defender XDR searches",
		Long:          "huntc compiles detections, written as Sigma documents, to Splunk tstats searches and\nDefender XDR advanced hunting queries, and says what a target cannot say.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.AddCommand(initCommand(a), buildCommand(a), fmtCommand(a), liftCommand(a), importCommand(a), agreeCommand(a), packageCommand(a), deployCommand(a), explainCommand(a), testCommand(a), runCommand(a), eventsCommand(a), versionCommand(a))
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(err)
	e := root.Execute()
	if stdout.err != nil {
		e = fmt.Errorf("cannot write to standard output: %w", stdout.err)
	}
	switch {
	case e == nil:
		return exitOK
	case errors.Is(e, errFindings):
		return exitFindings
	default:
		fmt.Fprintf(err, "huntc: %v\n", e)
		return exitUsage
	}
}

// sink remembers the first error of writing.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil && s.err == nil {
		s.err = err
		if pe, ok := err.(*fs.PathError); ok {
			s.err = pe.Err // the name of standard output is no help
		}
	}
	return n, err
}

// colorful reports whether a stream is a terminal that wants colours.
func colorful(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("CI") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// print writes diagnostics as people read them.
func (a *app) print(list diag.List, src diag.Source) error {
	return diag.Render(a.err, list, src, colorful(a.err))
}

func readSource(name string) ([]byte, bool) {
	raw, err := os.ReadFile(name)
	return raw, err == nil
}
