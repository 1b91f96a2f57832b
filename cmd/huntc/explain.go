package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diag"
)

var codeName = regexp.MustCompile(`^(?i:HC)[0-9]+$`)

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
		hint := "a code is HC and four digits, and stands in every message"
		if near := diag.Closest(string(code), toCompletions(diag.Codes())); near != "" {
			hint = "did you mean " + near + "?"
		}
		return fmt.Errorf("there is no code %s: %s", code, hint)
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
	var found []*compiler.Hunt
	var called []string
	for _, h := range res.Hunts {
		names := []string{h.ID, h.Name, h.Title, h.Path}
		if slices.Contains(names, id) {
			found = append(found, h)
		}
		called = append(called, names...)
	}
	if len(found) == 0 {
		hint := ""
		if near := diag.Closest(id, called); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		return fmt.Errorf("no hunt under %s has the id, name, title or path %q%s", strings.Join(opts.Paths, ", "), id, hint)
	}
	if len(found) > 1 {
		var b strings.Builder
		fmt.Fprintf(&b, "%d hunts are called that:\n", len(found))
		for _, h := range found {
			fmt.Fprintf(&b, "  %s:%d  %s\n", h.Path, h.Line, h.Title)
		}
		if _, err := fmt.Fprintln(a.out, b.String()); err != nil {
			return err
		}
	}
	for _, h := range found {
		if err := a.explainOne(res, h); err != nil {
			return err
		}
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
