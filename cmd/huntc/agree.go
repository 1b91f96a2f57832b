package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/huntc/huntc/diff"
)

func agreeCommand(a *app) *cobra.Command {
	f := importFlags{quiet: true}
	format := "text"
	cmd := &cobra.Command{
		Use:   "agree BRIEFING.md...",
		Short: "Say of published pairs whether the SPL and the KQL look for the same",
		Long: `Read briefings, and hold the two halves of each hunt against each other: what
events they read, which values they look for and leave out, how far back, and how
much of it is too much.

equal: the same in every respect. alike: the same parts, combined in other ways.
different: the differences are listed. not compared: a half is missing, or cannot
be read in full; the reason is listed.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			done, err := a.imported(f, args)
			if err != nil {
				return err
			}
			report := importReport(done)
			switch format {
			case "json":
				return a.writeJSON("-", report)
			case "text":
				_, err = io.WriteString(a.out, agreement(report))
				return err
			}
			return fmt.Errorf("there is no format %q: the formats are text and json", format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	cmd.Flags().StringVar(&f.config, "config", "", "settings of the project (default: huntc.yaml here or above)")
	return cmd
}

// agreement is the report as text: the counts, then every hunt that is not
// equal.
func agreement(s importSummary) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d briefings, %d hunts\n", s.Briefings, s.Hunts)
	for _, v := range []string{string(diff.Equal), string(diff.Alike), string(diff.Narrower), string(diff.Overlapping), string(diff.Apart), notCompared} {
		fmt.Fprintf(&b, "%6d %s\n", s.Verdicts[v], v)
	}
	for _, h := range s.List {
		if h.Basis == "template" || h.Verdict == string(diff.Equal) {
			continue
		}
		fmt.Fprintf(&b, "\n%s:%d: %s: %s\n", h.Path, h.Line, h.Verdict, h.Title)
		for _, d := range h.Differences {
			fmt.Fprintf(&b, "    %s\n", d.Kind)
		}
		if h.Verdict != notCompared {
			continue
		}
		for _, half := range []struct {
			name string
			h    reportedHalf
		}{{"SPL", h.SPL}, {"KQL", h.KQL}} {
			switch {
			case half.h.Queries == 0:
				fmt.Fprintf(&b, "    there is no %s\n", half.name)
			case !half.h.Logical:
				fmt.Fprintf(&b, "    %s: %s\n", half.name, half.h.Reason)
			}
		}
	}
	return b.String()
}

type (
	reportedItem struct {
		Text string `json:"text"`
		Line int    `json:"line,omitempty"`
	}
	reportedDifference struct {
		Kind  string         `json:"kind"`
		Left  []reportedItem `json:"spl,omitempty"`
		Right []reportedItem `json:"kql,omitempty"`
	}
)

func reportDifferences(c *diff.Comparison) []reportedDifference {
	items := func(list []diff.Item) []reportedItem {
		var out []reportedItem
		for _, i := range list {
			out = append(out, reportedItem{i.Text, i.Pos.Line})
		}
		return out
	}
	var out []reportedDifference
	for _, d := range c.Differences {
		out = append(out, reportedDifference{string(d.Kind), items(d.Left), items(d.Right)})
	}
	return out
}
