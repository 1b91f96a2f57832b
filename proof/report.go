package proof

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/ir"
)

// Totals count fixtures, and what else a report has.
type Totals struct {
	Hunts    int
	Without  int // hunts without a fixture, or without a hit or a miss
	Fixtures int
	Allowed  int // fixtures that do not fail, and on which a target departs from the hunt
	Failed   int // fixtures
	Engines  []EngineSummary
	Points   int
	Covered  int
	Weaker   Score
	Tighter  Score
}

// EngineSummary counts the fixtures of one engine.
type EngineSummary struct {
	Engine Engine
	Run    int
	// Allowed are those on which it departs from the hunt as its verdict says.
	Allowed int
	None    int // without a query
	Skip    int // with a query that cannot be run here
	Failed  int
}

// Score counts mutants.
type Score struct{ Mutants, Noticed int }

// Percent is the share of what was noticed, rounded down, so that 100 means all;
// 100 of nothing.
func (s Score) Percent() int {
	if s.Mutants == 0 {
		return 100
	}
	return 100 * s.Noticed / s.Mutants
}

func (s *Score) add(noticed bool) {
	s.Mutants++
	if noticed {
		s.Noticed++
	}
}

// Totals count all hunts.
func (r *Report) Totals() Totals {
	s := Totals{Hunts: len(r.Hunts)}
	for _, e := range Engines() {
		s.Engines = append(s.Engines, EngineSummary{Engine: e})
	}
	for _, d := range r.Diagnostics {
		if d.Code == codeNoFixtures {
			s.Without++
		}
	}
	for _, h := range r.Hunts {
		for _, c := range h.Cases {
			s.Fixtures++
			switch {
			case c.Failed():
				s.Failed++
			case c.Allowed():
				s.Allowed++
			}
			for i := range s.Engines {
				e := &s.Engines[i]
				switch c.Verdicts[i].Outcome {
				case OutcomeNone:
					e.None++
				case OutcomeSkip:
					e.Skip++
				default:
					e.Run++
				}
				switch {
				case c.failedOn(e.Engine):
					e.Failed++
				case c.Verdicts[i].Allowed:
					e.Allowed++
				}
			}
		}
		points, covered := h.Coverage()
		s.Points += points
		s.Covered += covered
		weaker, tighter := h.Mutation()
		s.Weaker.Mutants += weaker.Mutants
		s.Weaker.Noticed += weaker.Noticed
		s.Tighter.Mutants += tighter.Mutants
		s.Tighter.Noticed += tighter.Noticed
	}
	return s
}

func (c *Case) failedOn(e Engine) bool {
	for _, f := range c.Failures {
		for _, x := range f.Engines {
			if x == e {
				return true
			}
		}
	}
	return false
}

// Coverage counts what fixtures can exercise of the hunt, and what they do.
func (h *HuntReport) Coverage() (points, covered int) {
	for _, p := range h.Points {
		if p.Covered {
			covered++
		}
	}
	return len(h.Points), covered
}

// Mutation counts the mutants of the hunt that fire more often, and those that
// fire less often.
func (h *HuntReport) Mutation() (weaker, tighter Score) {
	for _, m := range h.Mutants {
		if m.Weaker {
			weaker.add(m.Noticed)
		} else {
			tighter.add(m.Noticed)
		}
	}
	return weaker, tighter
}

// Failed reports whether a fixture fails, or anything else is in error.
func (r *Report) Failed() bool {
	for _, h := range r.Hunts {
		for _, c := range h.Cases {
			if c.Failed() {
				return true
			}
		}
	}
	return r.Diagnostics.HasErrors()
}

// label is what a case is called in lists.
func (c *Case) label() string { return plain(c.Hunt.Stem + "/" + c.Name) }

// WriteDiagnostics writes what is wrong beside the fixtures for people. Of a hunt
// without a fixture there is no line to show.
func (r *Report) WriteDiagnostics(w io.Writer, color bool) error {
	for _, d := range r.Diagnostics {
		src := r.Source
		if d.Code == codeNoFixtures {
			src = nil
		}
		if err := diag.Render(w, diag.List{d}, src, color); err != nil {
			return err
		}
	}
	return nil
}

// WriteText writes the report for people: what fails, and a summary; with
// verbose every fixture. Diagnostics are not part of it.
func (r *Report) WriteText(w io.Writer, color, verbose bool) error {
	t := &textReport{w: w, color: color, src: r.Source}
	for _, h := range r.Hunts {
		for _, c := range h.Cases {
			if c.Failed() {
				t.failed(c)
			} else if verbose {
				t.passed(c)
			}
		}
	}
	coverage, mutation := false, false
	for _, h := range r.Hunts {
		coverage = coverage || h.Points != nil
		mutation = mutation || h.Mutants != nil
	}
	if coverage {
		t.coverage(r)
	}
	if mutation {
		t.mutation(r)
	}
	for _, f := range r.Updated {
		t.line("wrote %s", plain(f))
	}
	t.summary(r.Totals())
	return t.err
}

type textReport struct {
	w     io.Writer
	color bool
	src   diag.Source
	err   error
}

func (t *textReport) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format+"\n", args...)
	}
}

func (t *textReport) diagnostic(d diag.Diagnostic, src diag.Source) {
	if t.err == nil {
		t.err = diag.Render(t.w, diag.List{d}, src, t.color)
	}
}

func (t *textReport) paint(color, s string) string {
	if !t.color {
		return s
	}
	return color + s + "\x1b[0m"
}

func (t *textReport) passed(c *Case) {
	parts := []string{}
	for _, v := range c.Verdicts {
		parts = append(parts, fmt.Sprintf("%s %s", v.Engine, v.Outcome))
	}
	word := t.paint("\x1b[32m", "ok  ")
	if c.Allowed() {
		word = t.paint("\x1b[33m", "may ")
	}
	t.line("%s  %s: %s", word, c.label(), strings.Join(parts, ", "))
	for _, v := range c.Verdicts {
		if v.Why != "" {
			t.line("        %s: %s", v.Engine, plain(v.Why))
		}
	}
}

func (t *textReport) failed(c *Case) {
	t.line("%s  %s: %s", t.paint("\x1b[31m", "FAIL"), c.label(), plain(c.Hunt.Title))
	for _, f := range c.Failures {
		t.failure(c, f)
	}
	t.line("")
}

// failure shows what is wrong, the event, what each engine makes of it, and why.
func (t *textReport) failure(c *Case, f Failure) {
	t.diagnostic(f.Diagnostic, nil)
	if f.Event != "" {
		t.line("       event     %s", plain(f.Event))
	}
	for i, m := range f.Marks {
		v := c.Verdicts[i]
		said := string(m)
		if o := c.Hunt.Output(v.Engine); o != nil && o.Fidelity != ir.Exact && v.err == nil {
			said += fmt.Sprintf("  (%s)", o.Fidelity)
		}
		if v.err != nil {
			said += "  " + plain(v.Why)
		}
		t.line("       %-9s %s", v.Engine, said)
	}
	for _, r := range f.Rows {
		t.line("       %s", plain(r))
	}
	for _, b := range f.Because {
		t.diagnostic(b.diagnostic(f.Code), t.src)
	}
}

func (b Because) diagnostic(code diag.Code) diag.Diagnostic {
	return diag.Diagnostic{Span: b.Span, Severity: diag.Info, Code: code, Message: b.Text, Hint: b.Have}
}

func (t *textReport) coverage(r *Report) {
	t.line("coverage:")
	for _, h := range r.Hunts {
		points, covered := h.Coverage()
		if points == 0 {
			continue
		}
		t.line("  %-50s %d of %d", plain(h.Hunt.Stem), covered, points)
		for _, p := range h.Points {
			if !p.Covered {
				t.line("    %s: %s %s", diag.Place(p.Pos), codeUncovered, plain(p.Text))
			}
		}
	}
}

func (t *textReport) mutation(r *Report) {
	t.line("mutants that no fixture notices:")
	for _, h := range r.Hunts {
		weaker, tighter := h.Mutation()
		if weaker.Mutants+tighter.Mutants == 0 {
			continue
		}
		t.line("  %-50s weaker %s, tighter %s", plain(h.Hunt.Stem), weaker, tighter)
		for _, m := range h.Mutants {
			if !m.Noticed {
				t.line("    %s: %s %s: %s", diag.Place(m.Pos), codeUnnoticed, m.strength(), plain(m.Change))
			}
		}
	}
}

// strength says what a mutant does to how often the hunt fires.
func (m Mutant) strength() string {
	if m.Weaker {
		return "weaker"
	}
	return "tighter"
}

// String shows a score: 95% (38 of 40).
func (s Score) String() string {
	return fmt.Sprintf("%d%% (%d of %d)", s.Percent(), s.Noticed, s.Mutants)
}

func (t *textReport) summary(s Totals) {
	allowed := func(n int) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprintf(" %d allowed,", n)
	}
	t.line("%s, %s: %d pass,%s %d fail", counted(s.Hunts, "hunt"), counted(s.Fixtures, "fixture"), s.Fixtures-s.Failed-s.Allowed, allowed(s.Allowed), s.Failed)
	for _, e := range s.Engines {
		more := ""
		if e.None > 0 {
			more += fmt.Sprintf(", %d – (no query)", e.None)
		}
		if e.Skip > 0 {
			more += fmt.Sprintf(", %d ? (cannot be run here)", e.Skip)
		}
		t.line("%-9s %d pass,%s %d fail%s", e.Engine, e.Run-e.Failed-e.Allowed, allowed(e.Allowed), e.Failed, more)
	}
	if s.Allowed > 0 {
		t.line("allowed: a target departs from the hunt where its verdict says that it does; -v shows why")
	}
	if s.Without > 0 {
		t.line("%s without a hit or a miss", counted(s.Without, "hunt"))
	}
	if s.Points > 0 {
		t.line("coverage  %d%% (%d of %d)", 100*s.Covered/s.Points, s.Covered, s.Points)
	}
	if s.Weaker.Mutants+s.Tighter.Mutants > 0 {
		t.line("noticed   weaker %s, tighter %s", s.Weaker, s.Tighter)
	}
}

// The JSON form of a report.
type (
	jsonReport struct {
		Version     int         `json:"version"`
		Summary     jsonSummary `json:"summary"`
		Hunts       []jsonHunt  `json:"hunts"`
		Updated     []string    `json:"updated"`
		Diagnostics []diag.Wire `json:"diagnostics"`
	}
	jsonSummary struct {
		Hunts    int                   `json:"hunts"`
		Without  int                   `json:"withoutFixtures"`
		Fixtures int                   `json:"fixtures"`
		Passed   int                   `json:"passed"`
		Allowed  int                   `json:"allowed"`
		Failed   int                   `json:"failed"`
		Engines  map[Engine]jsonEngine `json:"engines"`
		Coverage *jsonCoverage         `json:"coverage,omitempty"`
		Mutation *jsonMutation         `json:"mutation,omitempty"`
	}
	jsonEngine struct {
		Passed  int `json:"passed"`
		Allowed int `json:"allowed"`
		Failed  int `json:"failed"`
		None    int `json:"none"`
		Skip    int `json:"notRunnable"`
	}
	jsonHunt struct {
		Path     string        `json:"path"`
		Line     int           `json:"line"`
		ID       string        `json:"id"`
		Name     string        `json:"name"`
		Title    string        `json:"title"`
		Folder   string        `json:"folder"`
		Fixtures []jsonCase    `json:"fixtures"`
		Coverage *jsonCoverage `json:"coverage,omitempty"`
		Mutation *jsonMutation `json:"mutation,omitempty"`
	}
	jsonCase struct {
		Name     string                 `json:"name"`
		File     string                 `json:"file"`
		Line     int                    `json:"line"`
		Expect   Outcome                `json:"expect"`
		Passed   bool                   `json:"passed"` // not if it is allowed only
		Allowed  bool                   `json:"allowed"`
		Engines  map[Engine]jsonVerdict `json:"engines"`
		Failures []jsonFailure          `json:"failures"`
	}
	jsonVerdict struct {
		Outcome string `json:"outcome"` // hit, miss, none or notRunnable
		Rows    int    `json:"rows"`
		Allowed bool   `json:"allowed"`
		Why     string `json:"why"`
	}
	jsonFailure struct {
		diag.Wire
		Engines []Engine    `json:"engines"`
		Event   string      `json:"event"`
		Rows    []string    `json:"rows"`
		Because []diag.Wire `json:"because"`
	}
	jsonCoverage struct {
		Points  int         `json:"points"`
		Covered int         `json:"covered"`
		Missing []diag.Wire `json:"missing,omitempty"`
	}
	jsonMutation struct {
		Weaker    jsonScore   `json:"weaker"`
		Tighter   jsonScore   `json:"tighter"`
		Unnoticed []diag.Wire `json:"unnoticed,omitempty"`
	}
	jsonScore struct {
		Mutants int `json:"mutants"`
		Noticed int `json:"noticed"`
	}
)

func outcomeWord(o Outcome) string {
	switch o {
	case OutcomeNone:
		return "none"
	case OutcomeSkip:
		return "notRunnable"
	}
	return string(o)
}

func info(at diag.Span, code diag.Code, text, hint string) diag.Wire {
	return diag.Diagnostic{Span: at, Severity: diag.Info, Code: code, Message: text, Hint: hint}.Wire()
}

// WriteJSON writes the report for programs: all of it.
func (r *Report) WriteJSON(w io.Writer) error {
	s := r.Totals()
	out := jsonReport{Version: 1, Hunts: []jsonHunt{}, Updated: append([]string{}, r.Updated...), Diagnostics: r.Diagnostics.Wire(),
		Summary: jsonSummary{Hunts: s.Hunts, Without: s.Without, Fixtures: s.Fixtures, Passed: s.Fixtures - s.Failed - s.Allowed, Allowed: s.Allowed, Failed: s.Failed, Engines: map[Engine]jsonEngine{}}}
	for _, e := range s.Engines {
		out.Summary.Engines[e.Engine] = jsonEngine{e.Run - e.Failed - e.Allowed, e.Allowed, e.Failed, e.None, e.Skip}
	}
	for _, h := range r.Hunts {
		j := jsonHunt{Path: h.Hunt.Path, Line: h.Hunt.Line, ID: h.Hunt.ID, Name: h.Hunt.Name, Title: h.Hunt.Title, Folder: h.Folder, Fixtures: []jsonCase{}}
		for _, c := range h.Cases {
			j.Fixtures = append(j.Fixtures, c.json())
		}
		if h.Points != nil {
			j.Coverage = &jsonCoverage{}
			j.Coverage.Points, j.Coverage.Covered = h.Coverage()
			for _, p := range h.Points {
				if !p.Covered {
					j.Coverage.Missing = append(j.Coverage.Missing, info(p.Span, codeUncovered, p.Text, ""))
				}
			}
			out.Summary.Coverage = &jsonCoverage{Points: s.Points, Covered: s.Covered}
		}
		if h.Mutants != nil {
			weaker, tighter := h.Mutation()
			j.Mutation = &jsonMutation{Weaker: jsonScore(weaker), Tighter: jsonScore(tighter)}
			for _, m := range h.Mutants {
				if !m.Noticed {
					j.Mutation.Unnoticed = append(j.Mutation.Unnoticed, info(m.Span, codeUnnoticed, m.strength()+": "+m.Change, ""))
				}
			}
			out.Summary.Mutation = &jsonMutation{Weaker: jsonScore(s.Weaker), Tighter: jsonScore(s.Tighter)}
		}
		out.Hunts = append(out.Hunts, j)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(out)
}

func (c *Case) json() jsonCase {
	out := jsonCase{Name: c.Name, File: c.Pos.Filename, Line: c.Pos.Line, Expect: OutcomeMiss, Passed: !c.Failed() && !c.Allowed(), Allowed: !c.Failed() && c.Allowed(), Engines: map[Engine]jsonVerdict{}, Failures: []jsonFailure{}}
	if c.Hit {
		out.Expect = OutcomeHit
	}
	for _, v := range c.Verdicts {
		out.Engines[v.Engine] = jsonVerdict{outcomeWord(v.Outcome), len(v.Results), v.Allowed, v.Why}
	}
	for _, f := range c.Failures {
		j := jsonFailure{Wire: f.Wire(), Engines: f.Engines, Event: f.Event, Rows: append([]string{}, f.Rows...), Because: []diag.Wire{}}
		for _, b := range f.Because {
			j.Because = append(j.Because, b.diagnostic(f.Code).Wire())
		}
		out.Failures = append(out.Failures, j)
	}
	return out
}

// The JUnit form of a report, as continuous integration reads it.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr,omitempty"`
		Failure *junitFailure `xml:"failure"`
		Skipped *junitSkipped `xml:"skipped"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string    `xml:"message,attr"`
		Type    diag.Code `xml:"type,attr"`
		Text    string    `xml:",chardata"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
)

// fail adds a failure: a case has one, with the message of the first.
func (c *junitCase) fail(f junitFailure) {
	if c.Failure == nil {
		c.Failure = &f
		return
	}
	c.Failure.Text += "\n" + f.Text
}

func (s *junitSuites) add(x junitSuite) {
	x.Tests = len(x.Cases)
	for _, c := range x.Cases {
		if c.Failure != nil {
			x.Failures++
		}
		if c.Skipped != nil {
			x.Skipped++
		}
	}
	s.Tests += x.Tests
	s.Failures += x.Failures
	s.Skipped += x.Skipped
	s.Suites = append(s.Suites, x)
}

// WriteJUnit writes a test suite for each hunt, with a case for each fixture; a
// hunt without any has one case that is skipped. What else is wrong is a suite
// of its own, with a case for each file.
func (r *Report) WriteJUnit(w io.Writer) error {
	var out junitSuites
	for _, h := range r.Hunts {
		x := junitSuite{Name: plain(h.Hunt.Stem)}
		for _, c := range h.Cases {
			j := junitCase{Name: plain(c.Name), Class: x.Name, File: plain(c.Pos.Filename)}
			for _, f := range c.Failures {
				var b strings.Builder
				t := &textReport{w: &b, src: r.Source}
				t.failure(c, f)
				j.fail(junitFailure{plain(f.Message), f.Code, xmlText(b.String())})
			}
			var notes []string
			for _, v := range c.Verdicts {
				note := fmt.Sprintf("%s %s", v.Engine, v.Outcome)
				if v.Why != "" {
					note += ": " + plain(v.Why)
				}
				notes = append(notes, note)
			}
			j.Out = strings.Join(notes, "\n")
			if c.Allowed() && !c.Failed() {
				var departs []string
				for _, v := range c.Verdicts {
					if v.Allowed {
						departs = append(departs, fmt.Sprintf("%s %s", v.Engine, v.Outcome))
					}
				}
				j.Skipped = &junitSkipped{"allowed: " + strings.Join(departs, ", ")}
			}
			x.Cases = append(x.Cases, j)
		}
		if len(h.Cases) == 0 {
			x.Cases = append(x.Cases, junitCase{Name: "fixtures", Class: x.Name, File: plain(filepath.ToSlash(h.Hunt.Path)), Skipped: &junitSkipped{"the hunt has no fixture of its own"}})
		}
		out.add(x)
	}
	files := junitSuite{Name: "files"}
	for _, d := range r.Diagnostics {
		if d.Severity != diag.Error {
			continue
		}
		var b strings.Builder
		if err := diag.Render(&b, diag.List{d}, r.Source, false); err != nil {
			return err
		}
		failure := junitFailure{plain(d.Message), d.Code, xmlText(b.String())}
		if n := len(files.Cases); n > 0 && files.Cases[n-1].Name == plain(d.Pos.Filename) {
			files.Cases[n-1].fail(failure)
			continue
		}
		files.Cases = append(files.Cases, junitCase{Name: plain(d.Pos.Filename), Class: "files", Failure: &failure})
	}
	if len(files.Cases) > 0 {
		out.add(files)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", " ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// xmlText keeps the lines of a text, and nothing else that is not printable.
func xmlText(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = plain(strings.ReplaceAll(l, "\t", "    "))
	}
	return strings.Join(lines, "\n")
}
