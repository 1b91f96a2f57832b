package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diag"
)

var codeName = regexp.MustCompile(`^(?i:HC)[0-9]{4}$`)

func explainCommand(a *app) *cobra.Command {
	var c common
	cmd := &cobra.Command{
		Use:   "explain CODE | ID [PATH...]",
		Short: "Explain a diagnostic code, or what a hunt compiles to and why",
		Long: `With a code (HC0310): what the diagnostic means and what to do.

With the id, name, title or path of a hunt: what it compiles to on each target,
how faithful that is, and every reason. PATH is where to look for it, by default
"detections".`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if codeName.MatchString(args[0]) {
				return a.explainCode(diag.Code(strings.ToUpper(args[0])))
			}
			return a.explainHunt(c, args[0], args[1:])
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return toCompletions(diag.Codes()), cobra.ShellCompDirectiveNoFileComp
		},
	}
	c.register(cmd)
	return cmd
}

func (a *app) explainCode(code diag.Code) error {
	page, ok := diag.Explain(code)
	if !ok {
		return fmt.Errorf("there is no code %s: %s", code, diag.DidYouMean(string(code), toCompletions(diag.Codes())))
	}
	_, err := fmt.Fprint(a.out, page)
	return err
}

func (a *app) explainHunt(c common, id string, paths []string) error {
	opts, err := a.options(c, paths)
	if err != nil {
		return err
	}
	res, err := compiler.Run(opts)
	if err != nil {
		return err
	}
	found := false
	for _, h := range res.Hunts {
		if id != h.ID && id != h.Name && id != h.Path && id != h.Title {
			continue
		}
		found = true
		if err := a.explainOne(res, h); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("no hunt under %s has the id, name, title or path %q", strings.Join(opts.Paths, ", "), id)
	}
	return nil
}

func (a *app) explainOne(res *compiler.Result, h *compiler.Hunt) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s:%d  %s", h.Title, h.Path, h.Line, h.Kind)
	for _, s := range []string{h.Name, h.ID} {
		if s != "" {
			b.WriteString("  " + s)
		}
	}
	b.WriteByte('\n')
	var about diag.List
	for _, d := range res.Diagnostics {
		if d.Pos.Filename == h.Path {
			about = append(about, d)
		}
	}
	if err := diag.Render(&b, about, res.Source, false); err != nil {
		return err
	}
	for _, o := range h.Outputs {
		fmt.Fprintf(&b, "\n%s: %s", o.Target, o.Status)
		if o.Status == compiler.OK {
			fmt.Fprintf(&b, ", %s, reads %s", o.Fidelity, o.Form)
			if o.FormReason != "" {
				fmt.Fprintf(&b, " (%s)", o.FormReason)
			}
		}
		b.WriteByte('\n')
		if err := diag.Render(&b, o.Diagnostics, res.Source, false); err != nil {
			return err
		}
		if o.Query != "" {
			b.WriteString("\n" + strings.TrimSuffix(o.Query, "\n") + "\n")
		}
	}
	b.WriteByte('\n')
	_, err := fmt.Fprint(a.out, b.String())
	return err
}
