package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/proof"
)

// testFlags are the flags of "huntc test".
type testFlags struct {
	common
	fixtures         string
	run              string
	update           bool
	format           string
	coverage, mutate bool
	require          bool
	now              string
	verbose          bool
}

var testFormats = []string{"text", "json", "junit"}

func testCommand(a *app) *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test [PATH...]",
		Short: "Run hunts and their queries on the events of fixtures",
		Long: `Run every hunt under PATH, by default "detections", on the events that stand in
its folder of fixtures and in the document itself: as the document means it, as
the Splunk search reads, and as the Defender query reads. All three have to do
what the fixture says. docs/testing.md says how fixtures are written.

Exit code 0: all pass. 1: a fixture fails, or a fixture or document is wrong.
2: wrong usage, or something cannot be read or written.`,
		Example: `  huntc test                            all hunts
  huntc test --run 'web_server|beacon'  hunts or fixtures that are called so
  huntc test --update                   write the rows that hits give
  huntc test --coverage --mutate        what no fixture exercises, what none notices`,
		RunE: func(_ *cobra.Command, args []string) error { return a.test(f, args) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.config, "config", "", "the project's settings (default: huntc.yaml in the folder of the first PATH or above it)")
	fl.IntVarP(&f.jobs, "jobs", "j", 0, "number of workers (default: one a processor)")
	fl.StringVar(&f.fixtures, "fixtures", "fixtures", "folder of the fixtures")
	fl.StringVar(&f.run, "run", "", "only hunts whose path, id, name or title, and fixtures whose HUNT/FIXTURE matches this regular expression")
	fl.BoolVar(&f.update, "update", false, "write the rows that hits give into their files")
	fl.StringVar(&f.format, "format", "text", "how to write the results: text, json, junit")
	fl.BoolVar(&f.coverage, "coverage", false, "list values, tests and branches that no fixture exercises")
	fl.BoolVar(&f.mutate, "mutate", false, "list changes of the detections that no fixture notices")
	fl.BoolVar(&f.require, "require-fixtures", false, "a hunt without a hit or without a miss is an error")
	fl.StringVar(&f.now, "now", "", "the present time of every run, such as 2026-03-01T12:00:00Z (default: that of its latest event)")
	fl.BoolVarP(&f.verbose, "verbose", "v", false, "show every fixture, and why a departure is allowed")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(toCompletions(testFormats), cobra.ShellCompDirectiveNoFileComp)) // the flag exists
	return cmd
}

func (a *app) test(f testFlags, paths []string) error {
	opts := proof.TestOptions{Dir: f.fixtures, Update: f.update, Coverage: f.coverage, Mutate: f.mutate, RequireFixtures: f.require, Jobs: f.jobs}
	if !slices.Contains(testFormats, f.format) {
		return fmt.Errorf("--format %s: %s", f.format, diag.DidYouMean(f.format, testFormats))
	}
	if f.run != "" {
		re, err := regexp.Compile(f.run)
		if err != nil {
			return fmt.Errorf("--run %s: this is no regular expression: %v", f.run, err)
		}
		opts.Match = re
	}
	if f.now != "" {
		now, err := time.Parse(time.RFC3339, f.now)
		if err != nil {
			return fmt.Errorf("--now %s: write it like 2026-03-01T12:00:00Z", f.now)
		}
		opts.Now = now
	}
	f.noCache = true
	build, err := a.options(f.common, paths)
	if err != nil {
		return err
	}
	if _, err := os.Stat(f.fixtures); err != nil && f.fixtures != "fixtures" {
		return fmt.Errorf("there is no folder %s", f.fixtures)
	}
	lab, err := proof.New(build.Config)
	if err != nil {
		return err
	}
	show := a.progress()
	opts.Progress = show.step
	rep, err := lab.Test(build, opts)
	show.end()
	if err != nil {
		return err
	}
	if opts.Match != nil && len(rep.Hunts) == 0 {
		return errors.New("--run " + f.run + ": no hunt and no fixture is called that")
	}
	switch f.format {
	case "json":
		err = rep.WriteJSON(a.out)
	case "junit":
		err = rep.WriteJUnit(a.out)
	default:
		if err := rep.WriteDiagnostics(a.err, colorful(a.err)); err != nil {
			return err
		}
		err = rep.WriteText(a.out, colorful(a.out), f.verbose)
	}
	if err != nil {
		return err
	}
	if rep.Failed() {
		return errFindings
	}
	return nil
}

// progress shows on a terminal how far a long run is.
type progress struct {
	w     io.Writer
	mu    sync.Mutex
	since time.Time
	shown int // width of what stands there
}

// patience is how long a run may be silent.
const patience = 2 * time.Second

// progress returns one that shows nothing where standard error is no terminal.
func (a *app) progress() *progress {
	if !colorful(a.err) {
		return &progress{}
	}
	return &progress{w: a.err, since: time.Now()}
}

func (p *progress) step(done, of int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w == nil || time.Since(p.since) < patience {
		return
	}
	text := fmt.Sprintf("%d of %d hunts", done, of)
	p.write(text)
}

func (p *progress) write(text string) {
	fmt.Fprintf(p.w, "\r%s\r%s", strings.Repeat(" ", p.shown), text)
	p.shown = len(text)
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown > 0 {
		p.write("")
	}
}
