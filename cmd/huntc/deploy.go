package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/deploy/defender"
	"github.com/huntc/huntc/deploy/reconcile"
	"github.com/huntc/huntc/deploy/rest"
	"github.com/huntc/huntc/deploy/splunk"
	"github.com/huntc/huntc/diag"
)

// deployFlags are the flags of "huntc deploy".
type deployFlags struct {
	config, plan, format string
	jobs, requests       int
	prune, check         bool
	validate, verbose    bool
}

const deployEnvironment = `The endpoints stand in huntc.yaml; the environment overrides them, and alone has the
secrets: HUNTC_SPLUNK_URL, HUNTC_SPLUNK_APP, HUNTC_SPLUNK_TOKEN; HUNTC_GRAPH_URL, and
HUNTC_GRAPH_TOKEN or HUNTC_GRAPH_TENANT, HUNTC_GRAPH_CLIENT_ID and
HUNTC_GRAPH_CLIENT_SECRET (with HUNTC_LOGIN_URL where tokens come from elsewhere).`

func deployCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deploy",
		Short: "Plan and apply what servers are to hold",
		Long:  "Make the searches of a Splunk app, or the custom detections of a Defender tenant, what\nthe documents say. docs/deploying.md says what is compared, and what is never touched.\n\n" + deployEnvironment,
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return errors.New("say what to do: plan or apply") },
	}
	for _, apply := range []bool{false, true} {
		var f deployFlags
		sub := &cobra.Command{Use: "plan", Short: "Show what would be created, updated and deleted, and what was changed by hand",
			Long: "Compile every document under PATH, by default \"detections\", read the server, and show\nthe difference. Nothing is changed.\n\n" + deployEnvironment + `

Exit code 0: the plan is made; with --check, there is nothing to do. 1: documents have
errors, names are in conflict, the server does not understand a query (--validate), or
there is something to do (--check). 2: wrong usage, or the server cannot be reached.`}
		if apply {
			sub = &cobra.Command{Use: "apply", Short: "Do what a plan says",
				Long: "Do exactly what a saved plan says (--plan), or plan and do it. If the documents or the\nserver have changed since the plan was made, nothing is done. A run that was stopped is\nfinished by running it again.\n\n" + deployEnvironment + `

Exit code 0: the server holds what the documents say. 1: it does not: a step failed, the
server has moved, or nothing was begun because of an error or a conflict. 2: wrong usage,
or the server cannot be reached.`}
		}
		sub.Args = cobra.NoArgs
		sub.RunE = func(*cobra.Command, []string) error {
			return errors.New("name what is deployed to: splunk or defender")
		}
		for _, target := range []string{"splunk", "defender"} {
			one := &cobra.Command{
				Use: target + " [PATH...]", Short: map[string]string{"splunk": "The saved searches of a Splunk app", "defender": "The custom detections of a Defender tenant"}[target],
				Long: sub.Long, Example: fmt.Sprintf("  huntc deploy %s %s --plan plan.json", sub.Use, target),
				RunE: func(_ *cobra.Command, args []string) error { return a.deploy(target, apply, f, args) },
			}
			fl := one.Flags()
			fl.StringVar(&f.config, "config", "", "the project's settings (default: huntc.yaml in the folder of the first PATH or above it)")
			fl.IntVarP(&f.jobs, "jobs", "j", 0, "number of workers (default: one a processor)")
			fl.IntVar(&f.requests, "requests", 4, "how many requests run at once")
			fl.BoolVar(&f.prune, "prune", false, "delete objects that no document stands for any more")
			fl.BoolVar(&f.validate, "validate", false, "ask the server whether it understands each query that is new or changed")
			fl.BoolVarP(&f.verbose, "verbose", "v", false, "print informations too")
			fl.StringVar(&f.format, "format", "text", "text, markdown or json")
			if apply {
				fl.StringVar(&f.plan, "plan", "", "file with the plan that is applied")
			} else {
				fl.StringVar(&f.plan, "plan", "", "file to save the plan in")
				fl.BoolVar(&f.check, "check", false, "exit with 1 if there is something to do")
			}
			sub.AddCommand(one)
		}
		cmd.AddCommand(sub)
	}
	return cmd
}

// deployment is what a target needs to be deployed to.
type deployment struct {
	remote reconcile.Remote
	wanted []reconcile.Object
	opt    reconcile.Options
	result *compiler.Result
	failed bool // documents have errors
}

func (a *app) deploy(target string, apply bool, f deployFlags, paths []string) error {
	if !slices.Contains([]string{"text", "markdown", "json"}, f.format) {
		return fmt.Errorf("--format %s: text, markdown or json", f.format)
	}
	if f.requests < 1 {
		return fmt.Errorf("--requests %d: at least one", f.requests)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var saved *reconcile.Plan
	if apply && f.plan != "" {
		raw, err := os.ReadFile(f.plan)
		if err != nil {
			return fmt.Errorf("cannot read the plan %s: %w", f.plan, pathCause(err))
		}
		if saved, err = reconcile.Decode(raw); err != nil {
			return fmt.Errorf("%s: %w", f.plan, err)
		}
	}
	d, err := a.deployment(target, f, paths)
	if err != nil {
		return err
	}
	if d.failed && f.prune {
		return a.finding("nothing is deleted while documents have errors: it cannot be told what is gone from what is broken")
	}
	held, err := d.remote.List(ctx)
	if err != nil {
		return err
	}
	p := saved
	switch {
	case saved == nil:
		p, err = reconcile.Make(d.wanted, held, d.opt)
	case p.Target != target || p.Place != d.opt.Place || p.Project != d.opt.Project:
		return fmt.Errorf("the plan is for %s at %s, project %s, and this is %s at %s, project %s", p.Target, p.Place, p.Project, target, d.opt.Place, d.opt.Project)
	case p.Wanted != reconcile.Hash(d.wanted):
		return a.finding("the documents have changed since the plan was made; plan again")
	default:
		err = p.Confirm(d.wanted, held, d.opt)
	}
	if err != nil {
		return a.refused(err)
	}
	if f.validate {
		if bad := p.Validate(ctx, d.remote, f.requests); len(bad) > 0 {
			for _, v := range bad {
				fmt.Fprintf(a.err, "%s: error: the server does not understand the query: %v\n", v.Object.Source, v.Err)
			}
			return errFindings
		}
	}
	if apply {
		return a.apply(ctx, d, p, f)
	}
	if f.plan != "" {
		text, err := p.Encode()
		if err != nil {
			return err
		}
		if err := compiler.WriteFile(f.plan, func(w io.Writer) error { _, err := w.Write(text); return err }); err != nil {
			return err
		}
	}
	if err := a.showPlan(p, f.format); err != nil {
		return err
	}
	if d.failed || len(p.Conflicts()) > 0 || f.check && !p.Empty() {
		return errFindings
	}
	return nil
}

// refused is the end of a command whose plan cannot be made or done.
func (a *app) refused(err error) error {
	var limit *reconcile.PruneError
	var moved *reconcile.MovedError
	var tampered *reconcile.TamperedError
	var conflict *reconcile.ConflictError
	if errors.As(err, &limit) || errors.As(err, &moved) || errors.As(err, &tampered) || errors.As(err, &conflict) {
		return a.finding("nothing was changed: " + err.Error())
	}
	return err
}

// finding ends a command with a message that no document is to blame for.
func (a *app) finding(text string) error {
	if _, err := fmt.Fprintf(a.err, "huntc: %s\n", text); err != nil {
		return err
	}
	return errFindings
}

func (a *app) showPlan(p *reconcile.Plan, format string) error {
	switch format {
	case "markdown":
		return p.Markdown(a.out)
	case "json":
		text, err := p.Encode()
		if err != nil {
			return err
		}
		_, err = a.out.Write(text)
		return err
	}
	return p.Text(a.out)
}

func (a *app) apply(ctx context.Context, d *deployment, p *reconcile.Plan, f deployFlags) error {
	opt := reconcile.ApplyOptions{Jobs: f.requests, Kept: d.opt.Kept}
	if colorful(a.err) { // a terminal, where somebody waits
		n := 0
		opt.Log = func(reconcile.Result) {
			n++
			fmt.Fprintf(a.err, "\r%d done", n)
		}
		defer fmt.Fprintln(a.err)
	}
	done, err := p.Apply(ctx, d.remote, opt)
	if err != nil {
		return a.refused(err)
	}
	if err := done.Write(a.out, f.format); err != nil {
		return err
	}
	if !done.Complete() || d.failed {
		return errFindings
	}
	return nil
}

// deployment compiles, and reaches the server.
func (a *app) deployment(target string, f deployFlags, paths []string) (*deployment, error) {
	opts, err := a.options(common{config: f.config, jobs: f.jobs, noCache: true}, paths)
	if err != nil {
		return nil, err
	}
	settings := opts.Config.Deploy
	d := &deployment{opt: reconcile.Options{Target: target, Project: settings.Project, Prune: f.prune, MaxPrune: settings.PruneMax, MaxShare: settings.PruneShare}}
	if len(paths) > 0 && !slices.ContainsFunc(paths, func(p string) bool {
		abs, err := filepath.Abs(p)
		return err == nil && abs == opts.Config.Home
	}) {
		d.opt.Partial = true
		if f.prune {
			return nil, errors.New("--prune needs all documents of the project: leave PATH out")
		}
	}
	var remote func() error
	switch target {
	case "splunk":
		url := cmp.Or(os.Getenv("HUNTC_SPLUNK_URL"), settings.Splunk.URL)
		appID := cmp.Or(os.Getenv("HUNTC_SPLUNK_APP"), settings.Splunk.App)
		if url == "" {
			return nil, errors.New("where is Splunk? Set deploy.splunk.url in huntc.yaml, or HUNTC_SPLUNK_URL")
		}
		d.opt.Place = url + " " + appID
		remote = func() error {
			ca := settings.Splunk.CA
			if ca != "" && !filepath.IsAbs(ca) {
				ca = filepath.Join(filepath.Dir(opts.Config.Path), ca)
			}
			c, err := rest.New(url, ca)
			if err != nil {
				return err
			}
			r, err := splunk.NewRemote(c, appID, os.Getenv("HUNTC_SPLUNK_TOKEN"))
			d.remote, d.opt.Kept, d.opt.Renames = r, splunk.Kept(settings.Kept), r.Renames()
			return err
		}
	case "defender":
		url := cmp.Or(os.Getenv("HUNTC_GRAPH_URL"), settings.Defender.URL)
		d.opt.Place = url
		remote = func() error {
			c, err := rest.New(url, "")
			if err != nil {
				return err
			}
			login, err := rest.New(cmp.Or(os.Getenv("HUNTC_LOGIN_URL"), settings.Defender.Login), "")
			if err != nil {
				return err
			}
			r, err := defender.NewRemote(c, settings.Defender.API, defender.Credentials{Token: os.Getenv("HUNTC_GRAPH_TOKEN"), Tenant: os.Getenv("HUNTC_GRAPH_TENANT"),
				Client: os.Getenv("HUNTC_GRAPH_CLIENT_ID"), Secret: os.Getenv("HUNTC_GRAPH_CLIENT_SECRET"), Login: login})
			d.remote, d.opt.Kept, d.opt.Renames = r, defender.Kept(settings.Kept), r.Renames()
			return err
		}
	}
	// What is wrong with the credentials is said before the documents are compiled.
	if err := remote(); err != nil {
		return nil, err
	}
	r, items, err := compiler.Items(opts, target)
	if err != nil {
		return nil, err
	}
	sources := map[string]string{}
	for _, it := range items {
		pos := it.Hunt.Span.Pos
		sources[it.ID()] = fmt.Sprintf("%s:%d", pos.Filename, pos.Line)
	}
	var objects []*deploy.Object
	var diags diag.List
	wanted := splunk.Wanted
	if target == "splunk" {
		objects, diags = splunk.Searches(items, settings.Splunk.Label)
	} else {
		objects, diags = defender.Rules(items)
		wanted = defender.Wanted
	}
	for _, o := range objects {
		d.wanted = append(d.wanted, wanted(o, sources[o.ID]))
	}
	list := append(r.All(), diags...)
	list.Sort()
	d.result, d.failed = r, list.HasErrors()
	if d.failed {
		d.opt.Broken = map[string]bool{}
		for _, h := range r.Hunts {
			d.opt.Broken[strings.ToLower(h.ID)] = true
		}
	}
	if target == "splunk" && len(opts.Config.Lookups) > 0 {
		fmt.Fprintln(a.err, "huntc: note: lookups are a part of the app; where they have changed, install what \"huntc package splunk\" writes")
	}
	if !f.verbose {
		list = slices.DeleteFunc(list, func(x diag.Diagnostic) bool { return x.Severity == diag.Info })
	}
	return d, a.print(list, r.Source)
}
