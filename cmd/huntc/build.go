package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diag"
)

// buildFlags are the flags of "huntc build".
type buildFlags struct {
	common
	out, golden   string
	check, update bool
	report        string
	require       string
	format        string
	verbose       bool
}

// common are the flags of every command that compiles.
type common struct {
	config  string
	targets []string
	jobs    int
	noCache bool
}

func (c *common) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.config, "config", "", "the project's settings (default: huntc.yaml in the folder of the first PATH or above it)")
	f.StringSliceVar(&c.targets, "target", nil, "targets to compile to (default: "+strings.Join(compiler.Targets(), ",")+")")
	f.IntVarP(&c.jobs, "jobs", "j", 0, "number of workers (default: one a processor)")
	f.BoolVar(&c.noCache, "no-cache", false, "compile everything, and keep nothing for the next build")
	_ = cmd.RegisterFlagCompletionFunc("target", cobra.FixedCompletions(toCompletions(compiler.Targets()), cobra.ShellCompDirectiveNoFileComp)) // the flag exists
}

func toCompletions[S ~string](list []S) []cobra.Completion {
	var out []cobra.Completion
	for _, s := range list {
		out = append(out, string(s))
	}
	return out
}

func buildCommand(a *app) *cobra.Command {
	var f buildFlags
	cmd := &cobra.Command{
		Use:   "build [PATH...]",
		Short: "Compile documents, compare with the goldens, write queries",
		Long: `Compile every document (.yml, .yaml) under PATH, by default "detections".

Exit code 0: nothing wrong. 1: a document has an error or a target cannot say it,
or a golden differs. 2: wrong usage, or something cannot be read or written.`,
		Example: `  huntc build                                  compile, and say what is wrong
  huntc build --check                          ... and compare with the goldens
  huntc build --update                         ... and write the goldens anew
  huntc build rules --target splunk --out out  write one .spl file a hunt`,
		RunE: func(_ *cobra.Command, args []string) error { return a.build(f, args) },
	}
	f.register(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.out, "out", "", "write every query below this folder")
	fl.StringVar(&f.golden, "golden", "golden", "folder of the goldens")
	fl.BoolVar(&f.check, "check", false, "compare with the goldens; print differences and exit with 1")
	fl.BoolVar(&f.update, "update", false, "write the goldens anew, delete those without a hunt")
	fl.StringVar(&f.report, "report", "", "write a JSON report to this file (- for standard output)")
	fl.StringVar(&f.require, "require", "", "\"exact\": every departure from exactness that a document does not allow is an error")
	fl.StringVar(&f.format, "format", string(diag.Text), "how to write diagnostics: text (to standard error), or json, sarif, github, junit (to standard output)")
	fl.BoolVarP(&f.verbose, "verbose", "v", false, "print informations too: allowed departures, targets that a document leaves out")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(toCompletions(diag.Formats), cobra.ShellCompDirectiveNoFileComp)) // the flag exists
	return cmd
}

// load resolves paths and settings to the options of a build.
func (a *app) options(c common, paths []string) (compiler.Options, error) {
	opts := compiler.Options{Paths: paths, Targets: c.targets, Jobs: c.jobs, Deployable: deployable}
	if len(paths) == 0 {
		opts.Paths = []string{"detections"}
		if _, err := os.Stat("detections"); err != nil {
			return opts, errors.New("there is no folder \"detections\" here: name the files or folders to compile")
		}
	}
	if c.jobs < 0 {
		return opts, fmt.Errorf("-j %d: the number of workers cannot be negative", c.jobs)
	}
	config := c.config
	if config == "" {
		var err error
		if config, err = compiler.FindConfig(opts.Paths[0]); err != nil {
			return opts, err
		}
	}
	cfg, diags, err := compiler.LoadConfig(config)
	if err != nil {
		return opts, err
	}
	if err := a.print(diags, readSource); err != nil {
		return opts, err
	}
	if diags.HasErrors() {
		return opts, errors.New("nothing was compiled: mend the settings first")
	}
	opts.Config = cfg
	if !c.noCache {
		opts.CacheDir = cacheDir()
	}
	return opts, nil
}

// cacheDir is where work is kept; "" where the system has no place for it.
func cacheDir() string {
	if dir := os.Getenv("HUNTC_CACHE"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "huntc")
}

func (a *app) build(f buildFlags, paths []string) error {
	format := diag.Format(f.format)
	switch {
	case f.check && f.update:
		return errors.New("--check and --update exclude each other")
	case f.require != "" && f.require != "exact":
		return fmt.Errorf("--require %s: the only thing to require is \"exact\"", f.require)
	case !slices.Contains(diag.Formats, format):
		return fmt.Errorf("--format %s: %s", f.format, diag.DidYouMean(f.format, toCompletions(diag.Formats)))
	case f.report == "-" && format != diag.Text:
		return errors.New("--report - and --format " + f.format + " both want standard output: write the report to a file")
	}
	opts, err := a.options(f.common, paths)
	if err != nil {
		return err
	}
	opts.RequireExact = f.require == "exact"
	res, err := compiler.Run(opts)
	if err != nil {
		return err
	}
	list := res.All()
	if f.out != "" {
		if err := res.Write(f.out, f.jobs); err != nil {
			return err
		}
	}
	var diffs []byte
	switch {
	case f.update:
		if err := res.Update(f.golden, f.jobs); err != nil {
			return err
		}
	case f.check:
		stale, text, err := res.Check(f.golden, f.jobs)
		if err != nil {
			return err
		}
		list, diffs = append(list, stale...), text
		list.Sort()
	}
	if f.report != "" {
		if err := a.report(f.report, res); err != nil {
			return err
		}
	}
	if err := a.show(f, format, res, list, diffs); err != nil {
		return err
	}
	if list.HasErrors() {
		return errFindings
	}
	return nil
}

func (a *app) report(file string, res *compiler.Result) error {
	if file == "-" {
		return res.WriteReport(a.out)
	}
	return compiler.WriteFile(file, res.WriteReport)
}

// show prints what was found: for people the diagnostics to standard error,
// the differences and a summary to standard output; for programs only their
// format to standard output.
func (a *app) show(f buildFlags, format diag.Format, res *compiler.Result, list diag.List, diffs []byte) error {
	if format != diag.Text {
		if _, err := a.err.Write(diffs); err != nil {
			return err
		}
		return diag.Write(a.out, format, list, diag.Run{Version: version(), Files: res.Files})
	}
	if !f.verbose {
		list = slices.DeleteFunc(slices.Clone(list), func(d diag.Diagnostic) bool { return d.Severity == diag.Info })
	}
	if err := a.print(list, res.Source); err != nil {
		return err
	}
	out := a.out
	if f.report == "-" {
		out = a.err
	}
	if _, err := out.Write(diffs); err != nil {
		return err
	}
	_, err := fmt.Fprint(out, summary(res.Summary()))
	return err
}

// summary says in a line a target what became of the documents.
func summary(s compiler.Summary) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s", count(s.Documents, "document"), count(s.Hunts, "hunt"))
	if s.Counted > 0 {
		fmt.Fprintf(&b, " (%d only counted by correlations)", s.Counted)
	}
	b.WriteByte('\n')
	for _, t := range s.Targets {
		fmt.Fprintf(&b, "%-9s %d ok (%d exact", t.Target, t.OK, t.Exact)
		for _, form := range t.Forms {
			if form.N > 0 {
				fmt.Fprintf(&b, ", %d %s", form.N, form.Form)
			}
		}
		fmt.Fprintf(&b, "), %d unsupported, %d in error\n", t.Unsupported, t.Error)
	}
	return b.String()
}

// count is a number of things in English.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
