package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/deploy/defender"
	"github.com/huntc/huntc/deploy/splunk"
	"github.com/huntc/huntc/diag"
)

// packageFlags are the flags of "huntc package".
type packageFlags struct {
	config, out string
	jobs        int
	verbose     bool
	app         splunk.App
}

func packageCommand(a *app) *cobra.Command {
	var f packageFlags
	cmd := &cobra.Command{
		Use:   "package",
		Short: "Write what can be installed: a Splunk app, Defender rules, Sentinel rules",
		Long: `Compile every document under PATH, by default "detections", and write what a
server takes: saved searches of a Splunk app, custom detections of Defender, or
analytics rules of Sentinel. docs/deploying.md says what becomes of the keys of a
document, and which defaults there are.

Exit code 0: all hunts are in the package. 1: some are not, for they have an error.
2: wrong usage, or something cannot be read or written.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	kind := func(use, short, example string, write func(opts compiler.Options, f packageFlags) (*compiler.Result, diag.List, string, error)) *cobra.Command {
		sub := &cobra.Command{Use: use + " [PATH...]", Short: short, Example: example, RunE: func(_ *cobra.Command, args []string) error {
			return a.pack(f, args, write)
		}}
		fl := sub.Flags()
		fl.StringVar(&f.out, "out", "", "folder to write to (required)")
		fl.StringVar(&f.config, "config", "", "the project's settings (default: huntc.yaml in the folder of the first PATH or above it)")
		fl.IntVarP(&f.jobs, "jobs", "j", 0, "number of workers (default: one a processor)")
		fl.BoolVarP(&f.verbose, "verbose", "v", false, "print informations too")
		return sub
	}
	spl := kind("splunk", "Write a Splunk app: a folder, and the same as .tar.gz", "  huntc package splunk --out dist\n  huntc package splunk --out dist --app acme_detections --label Acme --app-version 1.4.0", packSplunk)
	fl := spl.Flags()
	fl.StringVar(&f.app.ID, "app", "", "id of the app, which is its folder (default: $HUNTC_SPLUNK_APP, else that of the settings, else huntc_detections)")
	fl.StringVar(&f.app.Label, "label", "", "label of the app; the names of the searches start with it (default: that of the settings, else huntc)")
	fl.StringVar(&f.app.Version, "app-version", "1.0.0", "version of the app, three numbers")
	fl.StringVar(&f.app.Author, "author", "", "author of the app")
	cmd.AddCommand(spl,
		kind("defender", "Write custom detections for Microsoft Graph, and hunting queries", "  huntc package defender --out dist", packDefender),
		kind("sentinel", "Write analytics rules and hunting queries for Sentinel", "  huntc package sentinel --out dist", packSentinel))
	return cmd
}

func (a *app) pack(f packageFlags, paths []string, write func(compiler.Options, packageFlags) (*compiler.Result, diag.List, string, error)) error {
	if f.out == "" {
		return errors.New("--out names the folder to write to")
	}
	opts, err := a.options(common{config: f.config, jobs: f.jobs, noCache: true}, paths)
	if err != nil {
		return err
	}
	r, diags, said, err := write(opts, f)
	if err != nil {
		return err
	}
	list := append(r.All(), diags...)
	list.Sort()
	failed := list.HasErrors()
	if !f.verbose {
		list = slices.DeleteFunc(list, func(d diag.Diagnostic) bool { return d.Severity == diag.Info })
	}
	if err := a.print(list, r.Source); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(a.out, said); err != nil {
		return err
	}
	if failed {
		return errFindings
	}
	return nil
}

// deployable says what keeps a hunt from being a detection on its target.
func deployable(it *deploy.Item) diag.List {
	var diags diag.List
	if it.Target == "defender" {
		_, diags = defender.Rules([]*deploy.Item{it})
	} else {
		_, diags = splunk.Searches([]*deploy.Item{it}, "huntc")
	}
	return slices.DeleteFunc(diags, func(d diag.Diagnostic) bool { return d.Severity == diag.Info })
}

func packSplunk(opts compiler.Options, f packageFlags) (*compiler.Result, diag.List, string, error) {
	app, settings := f.app, opts.Config.Deploy
	app.ID = cmp.Or(app.ID, os.Getenv("HUNTC_SPLUNK_APP"), settings.Splunk.App)
	app.Label, app.Project = cmp.Or(app.Label, settings.Splunk.Label), settings.Project
	app.Author = cmp.Or(app.Author, app.Label)
	if err := app.Check(); err != nil {
		return nil, nil, "", err
	}
	r, items, err := compiler.Items(opts, "splunk")
	if err != nil {
		return nil, nil, "", err
	}
	macros, err := compiler.Macros(opts.Config)
	if err != nil {
		return nil, nil, "", err
	}
	for _, m := range macros {
		app.Macros = append(app.Macros, splunk.Macro(m))
	}
	for _, l := range compiler.LookupFiles(opts.Config) {
		app.Lookups = append(app.Lookups, splunk.File(l))
	}
	files, diags := app.Files(items)
	var written []writtenFile
	searches := 0
	for _, file := range files {
		written = append(written, writtenFile{Name: app.ID + "/" + file.Name, text: file.Text})
		if file.Name == "default/savedsearches.conf" {
			searches = bytes.Count(file.Text, []byte("\nenableSched = "))
		}
	}
	var archive bytes.Buffer
	if err := app.Archive(&archive, files); err != nil {
		return nil, nil, "", err
	}
	name := app.ID + "-" + app.Version + ".tar.gz"
	written = append(written, writtenFile{Name: name, text: archive.Bytes()})
	said := fmt.Sprintf("%s: %s", filepath.ToSlash(filepath.Join(f.out, name)), searchCount(searches))
	return r, diags, said, writePackage(f.out, "splunk", written)
}

func searchCount(n int) string {
	if n == 1 {
		return "1 saved search"
	}
	return fmt.Sprintf("%d saved searches", n)
}

func packDefender(opts compiler.Options, f packageFlags) (*compiler.Result, diag.List, string, error) {
	r, items, err := compiler.Items(opts, "defender")
	if err != nil {
		return nil, nil, "", err
	}
	var written []writtenFile
	byID := map[string]*deploy.Item{}
	for _, it := range items {
		byID[it.ID()] = it
	}
	rules, diags := defender.Rules(items)
	for _, o := range rules {
		written = append(written, writtenFile{Name: "defender/detections/" + byID[o.ID].File + ".json", ID: o.ID, Title: o.Name, text: defender.JSON(o, opts.Config.Deploy.Project)})
	}
	hunting := defender.Hunting(items)
	for _, it := range hunting {
		written = append(written, writtenFile{Name: "defender/hunting/" + it.File + ".kql", ID: it.ID(), Title: it.Hunt.Meta.Title, text: defender.HuntingQuery(it)})
	}
	said := fmt.Sprintf("%s: %s, %s", filepath.ToSlash(filepath.Join(f.out, "defender")), count(len(rules), "custom detection"), queryCount(len(hunting)))
	return r, diags, said, writePackage(f.out, "defender", written)
}

func queryCount(n int) string {
	if n == 1 {
		return "1 hunting query"
	}
	return fmt.Sprintf("%d hunting queries", n)
}

func packSentinel(opts compiler.Options, f packageFlags) (*compiler.Result, diag.List, string, error) {
	r, items, err := compiler.Items(opts, "defender")
	if err != nil {
		return nil, nil, "", err
	}
	rules, diags := defender.Sentinel(items)
	var written []writtenFile
	hunting := defender.Hunting(items)
	for _, rule := range rules {
		folder := "sentinel/analytics/"
		if slices.Contains(hunting, rule.Item) {
			folder = "sentinel/hunting/"
		}
		written = append(written, writtenFile{Name: folder + rule.Item.File + ".yaml", ID: rule.Item.ID(), Title: rule.Item.Hunt.Meta.Title, text: rule.YAML})
	}
	n := 0
	for _, w := range written {
		if strings.HasPrefix(w.Name, "sentinel/analytics/") {
			n++
		}
	}
	said := fmt.Sprintf("%s: %s, %s", filepath.ToSlash(filepath.Join(f.out, "sentinel")), count(n, "analytics rule"), queryCount(len(written)-n))
	return r, diags, said, writePackage(f.out, "sentinel", written)
}

// writtenFile is a file of a package, by its name below the folder of outputs.
type writtenFile struct {
	Name  string `json:"file"`
	ID    string `json:"id,omitempty"`
	Title string `json:"title,omitempty"`
	text  []byte
}

// packageIndex lists the files of a package, so that the next one can delete
// those that it does not have any more, and no others.
type packageIndex struct {
	Version int           `json:"version"`
	Files   []writtenFile `json:"files"`
}

// writePackage writes the files of a package, and deletes those of the one
// before it that are not among them.
func writePackage(dir, kind string, files []writtenFile) error {
	slices.SortFunc(files, func(a, b writtenFile) int { return strings.Compare(a.Name, b.Name) })
	index := filepath.Join(dir, kind+".index.json")
	var before packageIndex
	if raw, err := os.ReadFile(index); err == nil {
		if err := json.Unmarshal(raw, &before); err != nil {
			return fmt.Errorf("cannot read %s: it is not the list of files that a package has; delete it, and what is left of the package", index)
		}
	}
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("cannot make the folder %s: %w", filepath.Dir(name), pathCause(err))
		}
		if err := compiler.WriteFile(name, func(w io.Writer) error { _, err := w.Write(f.text); return err }); err != nil {
			return err
		}
	}
	for _, f := range before.Files {
		if !filepath.IsLocal(filepath.FromSlash(f.Name)) || slices.ContainsFunc(files, func(w writtenFile) bool { return w.Name == f.Name }) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(f.Name))); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("cannot delete %s: %w", f.Name, pathCause(err))
		}
		// The folders that this empties go too; Remove refuses one that is not.
		for d := path.Dir(f.Name); d != "."; d = path.Dir(d) {
			if os.Remove(filepath.Join(dir, filepath.FromSlash(d))) != nil {
				break
			}
		}
	}
	text, err := json.MarshalIndent(packageIndex{1, append([]writtenFile{}, files...)}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the folder %s: %w", dir, pathCause(err))
	}
	return compiler.WriteFile(index, func(w io.Writer) error { _, err := w.Write(append(text, '\n')); return err })
}
