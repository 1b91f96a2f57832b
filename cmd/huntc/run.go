package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/proof"
)

// runFlags are the flags of "huntc run".
type runFlags struct {
	config, events, engine, now string
	anyLogsource                bool
	jobs                        int
}

func runCommand(a *app) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [PATH...] --events FILE",
		Short: "Run hunts on recorded events",
		Long: `Compile every document under PATH, by default "detections", and run the hunts on
the events in FILE (- for standard input), one JSON object a line: in Sigma's field
names, or as Windows' event logs are written as JSON. Nothing is sent anywhere.

What a hunt finds is written as one JSON object a line, sorted by hunt and events:

  {"hunt":"ID","row":{...},"events":[0,3]}

ID is the document's id, else its name, else its path; events are numbered from 0.
A hunt sees the events of its logsource. What an event is, its channel and number
say, or a key "logsource" in it; one of which nothing tells is seen by every hunt.

The engine says what runs: the hunt as it is meant (ir), or the text that it is
compiled to, read back, on the rows that the target would hold of the events
(splunk, defender). A hunt that has no query there is named on standard error.

The present time is --now, else the latest time among the events.

Exit code 0: nothing wrong. 1: a document has an error, or a line is no event.
2: wrong usage, or something cannot be read or written.`,
		Example: `  huntc run --events events.jsonl
  huntc run rules --events - --engine defender <events.jsonl
  huntc run rules/one.yml --events events.jsonl --now 2026-01-31T12:00:00Z`,
		RunE: func(_ *cobra.Command, args []string) error { return a.run(f, args) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.events, "events", "", "file of events (- for standard input)")
	fl.StringVar(&f.engine, "engine", string(proof.IR), "what runs: ir, splunk or defender")
	fl.StringVar(&f.now, "now", "", "the present time, as 2026-01-31T12:00:00Z (default: the latest time among the events)")
	fl.BoolVar(&f.anyLogsource, "any-logsource", false, "let every hunt see every event (engine ir only)")
	fl.StringVar(&f.config, "config", "", "the project's settings (default: huntc.yaml in the folder of the first PATH or above it)")
	fl.IntVarP(&f.jobs, "jobs", "j", 0, "number of workers (default: one a processor)")
	_ = cmd.RegisterFlagCompletionFunc("engine", cobra.FixedCompletions(toCompletions(proof.Engines()), cobra.ShellCompDirectiveNoFileComp)) // the flag exists
	return cmd
}

func (a *app) run(f runFlags, paths []string) error {
	engine := proof.Engine(f.engine)
	o := proof.StreamOptions{Options: proof.Options{AnyLogsource: f.anyLogsource}, Jobs: f.jobs, Text: true}
	switch {
	case f.events == "":
		return errors.New("--events says which events to run on (- for standard input)")
	case !slices.Contains(proof.Engines(), engine):
		return fmt.Errorf("there is no engine %q: %s", f.engine, diag.DidYouMean(f.engine, toCompletions(proof.Engines())))
	case f.anyLogsource && engine != proof.IR:
		return errors.New("--any-logsource is for the engine ir: a target's table has the events of its dataset only")
	}
	if f.now != "" {
		now, err := time.Parse(time.RFC3339, f.now)
		if err != nil {
			return fmt.Errorf("--now %q is no time: write it as 2026-01-31T12:00:00Z", f.now)
		}
		o.Now = now
	}
	opts, err := a.options(common{config: f.config, jobs: f.jobs, noCache: true}, paths)
	if err != nil {
		return err
	}
	opts.Targets = []string{string(engine)}
	if engine == proof.IR {
		opts.Targets = compiler.Targets()[:1]
	}
	lab, err := proof.New(opts.Config)
	if err != nil {
		return err
	}
	hunts, res, err := lab.Build(opts)
	if err != nil {
		return err
	}
	bad := onlyErrors(res.Diagnostics)
	if err := a.print(bad, res.Source); err != nil {
		return err
	}
	in, name, done, err := a.open(f.events)
	if err != nil {
		return err
	}
	defer done()
	o.Name = name
	hunts = slices.DeleteFunc(hunts, func(h *proof.Hunt) bool { return h.Counted })
	lines, err := a.runHunts(hunts, engine, in, o)
	if err != nil {
		return err
	}
	if len(bad) > 0 || len(lines) > 0 {
		return errFindings
	}
	return nil
}

// runHunts writes what hunts find in a stream, and gives the diagnostics about
// its lines, which it has printed.
func (a *app) runHunts(hunts []*proof.Hunt, engine proof.Engine, in io.Reader, o proof.StreamOptions) (diag.List, error) {
	programs := make([]*proof.Program, len(hunts))
	idents := make([]string, len(hunts))
	for i, h := range hunts {
		programs[i], idents[i] = h.Program(engine), h.Ident
	}
	results := proof.NewSorter(idents)
	defer results.Close()
	sum, err := proof.Stream(programs, in, o, func(f proof.Found) error {
		return results.Add(idents[f.Program], f.Events, f.Text)
	})
	if err != nil {
		return nil, err
	}
	out := bufio.NewWriterSize(a.out, 1<<16)
	names := map[string][]byte{}
	var line []byte
	err = results.Each(func(ident string, events []int, text string) error {
		if names[ident] == nil {
			quoted, err := json.Marshal(ident)
			if err != nil {
				return err
			}
			names[ident] = quoted
		}
		line = append(append(line[:0], `{"hunt":`...), names[ident]...)
		line = append(append(line, `,"row":`...), text...)
		line = append(line, `,"events":[`...)
		for i, e := range events {
			if i > 0 {
				line = append(line, ',')
			}
			line = strconv.AppendInt(line, int64(e), 10)
		}
		_, err := out.Write(append(line, "]}\n"...))
		return err
	})
	if err = errors.Join(err, out.Flush()); err != nil {
		return nil, err
	}
	for i, h := range hunts {
		if e := sum.Errs[i]; e != nil && h.Logical != nil {
			what := "cannot be run here"
			if e.Unsupported {
				what = "there is no query"
			}
			fmt.Fprintf(a.err, "%s: %s: %s: %s: %s\n", h.Path, h.Ident, engine, what, e.Why)
		}
	}
	return sum.Bad, a.print(sum.Bad, nil)
}

func onlyErrors(l diag.List) diag.List {
	return slices.DeleteFunc(slices.Clone(l), func(d diag.Diagnostic) bool { return d.Severity != diag.Error })
}

// open opens a file, or standard input for -, and says what to call it.
func (a *app) open(name string) (in io.Reader, shown string, done func(), err error) {
	if name == "-" {
		return a.in, stdinName, func() {}, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, "", nil, fmt.Errorf("cannot read %s: %w", name, pathCause(err))
	}
	return file, name, func() { file.Close() }, nil
}
