package reconcile

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// signs stand in front of steps.
var signs = map[Action]string{Create: "+", Update: "~", Drift: "!", Delete: "-", Leftover: "?", Kept: "=", Conflict: "x"}

// actions in the order in which a summary counts them.
var actions = []Action{Create, Update, Drift, Delete, Conflict, Leftover, Kept}

// Summary is one line that counts the steps.
func (p *Plan) Summary() string {
	var parts []string
	for _, a := range actions {
		if n := p.Count(a); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, a))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing to do"}
	}
	return fmt.Sprintf("%s: %s; %d as they should be, %d of others", p.Target, strings.Join(parts, ", "), p.Same, p.Foreign)
}

// Text writes a plan for people.
func (p *Plan) Text(w io.Writer) error {
	out := &strings.Builder{}
	for _, s := range p.Steps {
		fmt.Fprintf(out, "%s %s %s\n", signs[s.Action], s.Action, s.title())
		if s.Why != "" {
			fmt.Fprintf(out, "    %s\n", oneLine(s.Why))
		}
		if s.Action == Create {
			continue // all of it is new, and stands in the golden file
		}
		for _, c := range s.Changes {
			out.WriteString(indent(c.lines(), "    "))
		}
	}
	fmt.Fprintln(out, p.Summary())
	_, err := io.WriteString(w, out.String())
	return err
}

// Markdown writes a plan as a comment of a pull request.
func (p *Plan) Markdown(w io.Writer) error {
	out := &strings.Builder{}
	fmt.Fprintf(out, "### Deployment to %s\n\n%s\n", mdText(p.Target), mdText(p.Summary()))
	if len(p.Steps) > 0 {
		out.WriteString("\n| | hunt | id | |\n|---|---|---|---|\n")
	}
	for _, s := range p.Steps {
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", s.Action, mdText(s.shown()), mdText(s.ID), mdText(s.Why))
	}
	for _, s := range p.Steps {
		if s.Action == Create || len(s.Changes) == 0 {
			continue
		}
		body := &strings.Builder{}
		for _, c := range s.Changes {
			body.WriteString(c.lines())
		}
		fence := strings.Repeat("`", max(3, longestRun(body.String(), '`')+1))
		fmt.Fprintf(out, "\n<details><summary>%s %s</summary>\n\n%sdiff\n%s%s\n\n</details>\n", s.Action, mdText(s.shown()), fence, body, fence)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// Summary is one line that counts the outcomes.
func (a *Applied) Summary() string {
	var parts []string
	for _, o := range []Outcome{Done, Already, Failed, Moved, Skipped} {
		if n := a.Count(o); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, outcomes[o]))
		}
	}
	switch {
	case len(parts) == 0:
		return "nothing to do"
	case a.Complete():
		return "all is as the documents say: " + strings.Join(parts, ", ")
	case a.Count(Done)+a.Count(Already) == 0:
		return "nothing was changed: " + strings.Join(parts, ", ")
	}
	return "partly done, run it again to go on: " + strings.Join(parts, ", ")
}

var outcomes = map[Outcome]string{Done: "done", Already: "there already", Failed: "failed", Moved: "changed by others meanwhile", Skipped: "not begun"}

// Write shows what became of a plan, as "text", "markdown" or "json".
func (a *Applied) Write(w io.Writer, format string) error {
	out := &strings.Builder{}
	switch format {
	case "json":
		type line struct {
			Action  Action  `json:"action"`
			ID      string  `json:"id"`
			Name    string  `json:"name"`
			Outcome Outcome `json:"outcome"`
			Error   string  `json:"error,omitempty"`
		}
		all := struct {
			Complete bool   `json:"complete"`
			Steps    []line `json:"steps"`
		}{a.Complete(), []line{}}
		for _, r := range a.Results {
			l := line{r.Action, r.ID, r.Name, r.Outcome, ""}
			if r.Err != nil {
				l.Error = r.Err.Error()
			}
			all.Steps = append(all.Steps, l)
		}
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(all)
	case "markdown":
		fmt.Fprintf(out, "### Deployment\n\n%s\n", mdText(a.Summary()))
		if len(a.Results) > 0 {
			out.WriteString("\n| | hunt | id | | |\n|---|---|---|---|---|\n")
		}
		for _, r := range a.Results {
			fmt.Fprintf(out, "| %s | %s | %s | %s | %s |\n", r.Action, mdText(r.shown()), mdText(r.ID), outcomes[r.Outcome], mdText(reason(r.Err)))
		}
	default:
		for _, r := range a.Results {
			fmt.Fprintf(out, "%s %s %s  %s\n", signs[r.Action], r.Action, r.title(), outcomes[r.Outcome])
			if r.Err != nil {
				fmt.Fprintf(out, "    %s\n", oneLine(reason(r.Err)))
			}
		}
		fmt.Fprintln(out, a.Summary())
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func reason(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (s Step) shown() string {
	switch {
	case s.Was != "":
		return fmt.Sprintf("%s (was %s)", s.Name, s.Was)
	case s.There != "":
		return fmt.Sprintf("%s (on the server %s)", s.Name, s.There)
	}
	return s.Name
}

func (s Step) title() string {
	return fmt.Sprintf("%s  %s", oneLine(s.shown()), oneLine(s.ID))
}

// lines shows one change: a line for a short value, a difference by lines for a
// query.
func (c Change) lines() string {
	c.After = visible(c.After)
	if c.Before != nil {
		before := visible(*c.Before)
		c.Before = &before
	}
	switch {
	case c.Kept:
		before := ""
		if c.Before != nil {
			before = *c.Before
		}
		return fmt.Sprintf("= %s = %s  (kept, for the server decides it; the documents say %s)\n", c.Key, oneLine(before), oneLine(c.After))
	case c.Before == nil:
		if !strings.Contains(c.After, "\n") {
			return fmt.Sprintf("+ %s = %s\n", c.Key, oneLine(c.After))
		}
		return string(diff.Diff(c.Key, nil, c.Key+" (planned)", []byte(lineEnded(c.After))))
	case strings.Contains(c.After, "\n") || strings.Contains(*c.Before, "\n"):
		d := string(diff.Diff(c.Key, []byte(lineEnded(*c.Before)), c.Key+" (planned)", []byte(lineEnded(c.After))))
		if d != "" {
			return d
		}
	}
	return fmt.Sprintf("- %s = %s\n+ %s = %s\n", c.Key, oneLine(*c.Before), c.Key, oneLine(c.After))
}

func lineEnded(s string) string { return strings.TrimSuffix(s, "\n") + "\n" }

// visible is a text whose control characters cannot act on a terminal.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return '\uFFFD'
		}
		return r
	}, s)
}

// oneLine is the text with what would break out of its line made visible.
func oneLine(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' }) {
		return fmt.Sprintf("%q", s)
	}
	return s
}

func indent(s, by string) string {
	lines := strings.SplitAfter(s, "\n")
	for i, l := range lines {
		if l != "" {
			lines[i] = by + l
		}
	}
	return strings.Join(lines, "")
}

// mdText is text that Markdown and its HTML show as it is.
func mdText(s string) string {
	var b strings.Builder
	for _, r := range oneLine(s) {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '&':
			b.WriteString("&amp;")
		case strings.ContainsRune("\\`*_[]|~#@!", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func longestRun(s string, of rune) int {
	longest, run := 0, 0
	for _, r := range s {
		if r == of {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	return longest
}
