package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/proof"
	"github.com/huntc/huntc/schema"
)

func eventsCommand(a *app) *cobra.Command {
	var as, config string
	cmd := &cobra.Command{
		Use:   "events --as cim|xdr FILE",
		Short: "Show recorded events as the rows that a target would hold",
		Long: `Read the events in FILE (- for standard input), one JSON object a line, and write
the rows that Splunk's data models (cim) or Defender's tables (xdr) would hold of
them, one JSON object a line:

  {"event":0,"dataset":"Endpoint.Processes","row":{...}}

An event of which the target has no row is named on standard error.

Exit code 0: nothing wrong. 1: a line is no event. 2: wrong usage, or something
cannot be read or written.`,
		Example: `  huntc events --as cim events.jsonl
  huntc events --as xdr - <events.jsonl`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.events(as, config, args[0]) },
	}
	cmd.Flags().StringVar(&as, "as", "", "whose rows: cim (Splunk's data models) or xdr (Defender's tables)")
	cmd.Flags().StringVar(&config, "config", "", "the project's settings (default: huntc.yaml here or above)")
	_ = cmd.RegisterFlagCompletionFunc("as", cobra.FixedCompletions([]cobra.Completion{"cim", "xdr"}, cobra.ShellCompDirectiveNoFileComp)) // the flag exists
	return cmd
}

func (a *app) events(as, config, name string) error {
	view := schema.View(as)
	if view != schema.CIM && view != schema.XDR {
		if as == "" {
			return errors.New("--as says whose rows to show: cim or xdr")
		}
		return fmt.Errorf("there are no rows of %q: %s", as, diag.DidYouMean(as, []string{"cim", "xdr"}))
	}
	c, err := a.settings(config)
	if err != nil {
		return err
	}
	lab, err := proof.New(c)
	if err != nil {
		return err
	}
	in, shown, done, err := a.open(name)
	if err != nil {
		return err
	}
	defer done()
	out := bufio.NewWriter(a.out)
	rows := lab.Rows(view)
	events := eval.NewEventReader(lab.Classifier(), shown, in)
	var without proof.RowlessEvents
	for {
		e, err := events.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("cannot read %s: %w", shown, err)
		}
		found := rows.Of(e)
		if len(found) == 0 {
			without.Add(shown, e, view)
		}
		for _, r := range found {
			table, err := json.Marshal(r.Table)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "{\"event\":%d,\"dataset\":%s,\"row\":%s}\n", e.N, table, r.Row)
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	list := append(events.Diagnostics, without.List...)
	list.Sort()
	if err := a.print(list, nil); err != nil {
		return err
	}
	if len(events.Diagnostics) > 0 {
		return errFindings
	}
	return nil
}

// settings are those of a project file, or of the one that is found from here.
func (a *app) settings(config string) (*compiler.Config, error) {
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
	if err := a.print(diags, readSource); err != nil {
		return nil, err
	}
	if diags.HasErrors() {
		return nil, errors.New("the project's settings have errors")
	}
	return c, nil
}
