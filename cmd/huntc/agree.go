package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diag"
	"github.com/huntc/huntc/diff"
)

func agreeCommand(a *app) *cobra.Command {
	f := importFlags{quiet: true}
	format := "text"
	cmd := &cobra.Command{
		Use:   "agree PATH...",
		Short: "Say of published pairs whether the SPL and the KQL look for the same",
		Long: `Read briefings (.md), and pairs of files (x.spl and x.kql) of folders, and hold
the two halves of each hunt against each other: what events they read, which
values they look for and leave out, how far back, and how much of it is too much.
An SPL file and a KQL file alone are a pair whatever their names.

equal: proved to find the same. alike: the same, but for how texts are compared
(as whole terms or anywhere, by case or not) and for events that lack a field.
narrower: one finds nothing, but for that, that the other does not find.
overlapping: some values in common. elsewhere: values in common, and no source.
apart: no value in common. not compared: a half is missing, or cannot be read in
full; the reason is listed.

Exit code 0: the table is printed, whatever it says. 1: a file is no briefing.
2: wrong usage, or something cannot be read or written.`,
		Example: `  huntc agree briefings
  huntc agree --format html briefings >agreement.html
  huntc agree search.spl query.kql`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.agree(f, format, args) },
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, json or html")
	cmd.Flags().StringVar(&f.config, "config", "", "settings of the project (default: huntc.yaml here or above)")
	return cmd
}

var agreeFormats = []string{"text", "json", "html"}

func (a *app) agree(f importFlags, format string, args []string) error {
	if !slices.Contains(agreeFormats, format) {
		return fmt.Errorf("there is no format %q: %s", format, diag.DidYouMean(format, agreeFormats))
	}
	pairs, rest, err := findPairs(args)
	if err != nil {
		return err
	}
	var done []*compiler.Imported
	files, err := briefings(rest)
	if err != nil {
		return err
	}
	if len(files) > 0 {
		if done, err = a.imported(f, rest); err != nil {
			return err
		}
	}
	if len(files)+len(pairs) == 0 {
		return errors.New("there is neither a briefing (.md) nor a pair of .spl and .kql under these paths")
	}
	if len(pairs) > 0 {
		l, err := a.lifter(f.config)
		if err != nil {
			return err
		}
		for _, p := range pairs {
			read := func(name string) (*compiler.PairText, error) {
				if name == "" {
					return nil, nil
				}
				raw, err := os.ReadFile(name)
				if err != nil {
					return nil, fmt.Errorf("cannot read %s: %w", name, pathCause(err))
				}
				return &compiler.PairText{File: filepath.ToSlash(name), Text: string(raw)}, nil
			}
			spl, err := read(p.spl)
			if err != nil {
				return err
			}
			kql, err := read(p.kql)
			if err != nil {
				return err
			}
			done = append(done, l.Pair(p.title, spl, kql))
		}
	}
	failed := false
	for _, b := range done {
		failed = failed || b.Diagnostics.HasErrors()
		if err := a.print(errorsOf(b.Diagnostics), readSource); err != nil {
			return err
		}
	}
	report := agreementOf(done)
	switch format {
	case "json":
		err = a.writeJSON("-", report)
	case "html":
		err = writeAgreementHTML(a.out, report)
	default:
		_, err = io.WriteString(a.out, report.text())
	}
	if err != nil {
		return err
	}
	if failed {
		return errFindings
	}
	return nil
}

func errorsOf(l diag.List) diag.List {
	var out diag.List
	for _, d := range l {
		if d.Severity == diag.Error {
			out = append(out, d)
		}
	}
	return out
}

// pairFiles are the two files of a pair; one may be missing.
type pairFiles struct{ title, spl, kql string }

// findPairs takes the pairs of query files out of the paths: in one folder by
// their names, else those of one name in different folders, if there is one of
// each language. rest are the paths that may have briefings.
func findPairs(paths []string) (pairs []pairFiles, rest []string, err error) {
	var spl, kql []string
	for _, p := range paths {
		switch filepath.Ext(p) {
		case ".spl":
			spl = append(spl, p)
			continue
		case ".kql":
			kql = append(kql, p)
			continue
		}
		found := false
		err := filepath.WalkDir(p, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return fmt.Errorf("cannot read %s: %w", name, pathCause(err))
			}
			switch ext := filepath.Ext(name); {
			case d.IsDir():
			case ext == ".spl":
				spl, found = append(spl, name), true
			case ext == ".kql":
				kql, found = append(kql, name), true
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
		if list, err := briefings([]string{p}); err != nil {
			return nil, nil, err
		} else if len(list) > 0 || !found {
			rest = append(rest, p)
		}
	}
	slices.Sort(spl)
	slices.Sort(kql)
	spl, kql = slices.Compact(spl), slices.Compact(kql)
	stem := func(name string) string { return strings.TrimSuffix(filepath.ToSlash(name), filepath.Ext(name)) }
	base := func(name string) string { return filepath.Base(stem(name)) }
	if len(spl) == 1 && len(kql) == 1 {
		return []pairFiles{{base(spl[0]), spl[0], kql[0]}}, rest, nil
	}
	join := func(key func(string) string) {
		var left []string
		for _, s := range spl {
			same := func(list []string) []int {
				var at []int
				for i, name := range list {
					if key(name) == key(s) {
						at = append(at, i)
					}
				}
				return at
			}
			k := same(kql)
			if len(k) != 1 || len(same(spl)) != 1 {
				left = append(left, s)
				continue
			}
			pairs = append(pairs, pairFiles{base(s), s, kql[k[0]]})
			kql = slices.Delete(slices.Clone(kql), k[0], k[0]+1)
		}
		spl = left
	}
	join(stem)
	join(base)
	for _, s := range spl {
		pairs = append(pairs, pairFiles{title: base(s), spl: s})
	}
	for _, k := range kql {
		pairs = append(pairs, pairFiles{title: base(k), kql: k})
	}
	slices.SortStableFunc(pairs, func(x, y pairFiles) int {
		return cmp.Or(strings.Compare(x.title, y.title), strings.Compare(x.spl+x.kql, y.spl+y.kql))
	})
	return pairs, rest, nil
}

type (
	agreementReport struct {
		Version   int                `json:"version"`
		Files     int                `json:"files"`
		Hunts     int                `json:"hunts"`
		Different int                `json:"differentTexts"` // pairs of texts, each counted once
		Verdicts  []reportedVerdict  `json:"verdicts"`
		Kinds     []reportedKind     `json:"differences"`
		Faults    []reportedFault    `json:"faults"`
		Queries   []reportedLanguage `json:"queries"`
		List      []reportedPair     `json:"list"`
	}
	reportedVerdict struct {
		Verdict   string `json:"verdict"`
		Hunts     int    `json:"hunts"`
		Different int    `json:"differentTexts"`
	}
	reportedKind struct {
		Kind      string `json:"kind"`
		Hunts     int    `json:"hunts"`
		Different int    `json:"differentTexts"`
	}
	// reportedLanguage counts the queries of a language, each text once.
	reportedLanguage struct {
		Language string `json:"language"`
		Queries  int    `json:"queries"`
		Texts    int    `json:"differentTexts"`
		Failing  int    `json:"failing"` // texts that fail, or of which a part finds nothing
		Faulty   int    `json:"faulty"`  // texts with any fault
	}
	reportedFault struct {
		Language string    `json:"language"`
		Code     diag.Code `json:"code"`
		Title    string    `json:"title"`
		Fails    bool      `json:"fails"`
		Texts    int       `json:"differentTexts"`
	}
	reportedPair struct {
		Title       string               `json:"title"`
		ID          string               `json:"id,omitempty"`
		Path        string               `json:"path"`
		Line        int                  `json:"line"`
		Verdict     string               `json:"verdict"`
		Narrower    string               `json:"narrower,omitempty"` // spl or kql
		Proved      bool                 `json:"strictly,omitempty"`
		SPL         reportedSide         `json:"spl"`
		KQL         reportedSide         `json:"kql"`
		Differences []reportedDifference `json:"differences,omitempty"`
	}
	reportedSide struct {
		Queries  int               `json:"queries"`
		Status   string            `json:"status,omitempty"`
		Logical  bool              `json:"logical"`
		Reason   string            `json:"reason,omitempty"`
		Findings []reportedFinding `json:"faults,omitempty"`
		texts    []compiler.HalfText
	}
	reportedFinding struct {
		Code    diag.Code `json:"code"`
		Message string    `json:"message"`
		Line    int       `json:"line,omitempty"`
	}
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

// sameText is a text without regard to how it is laid out.
func sameText(texts []compiler.HalfText) string {
	var b strings.Builder
	for _, t := range texts {
		b.WriteString(strings.Join(strings.Fields(t.Text), " ") + "\n")
	}
	return b.String()
}

func agreementOf(done []*compiler.Imported) *agreementReport {
	r := &agreementReport{Version: 1, Files: len(done), Faults: []reportedFault{}, List: []reportedPair{}}
	for _, v := range diff.Verdicts() {
		r.Verdicts = append(r.Verdicts, reportedVerdict{Verdict: string(v)})
	}
	r.Verdicts = append(r.Verdicts, reportedVerdict{Verdict: notCompared})
	for _, k := range diff.Kinds() {
		r.Kinds = append(r.Kinds, reportedKind{Kind: string(k)})
	}
	faults := faultCount{seen: map[string]bool{}}
	seen := map[string]bool{}
	for _, b := range done {
		for _, h := range b.Hunts {
			p := reportedPair{Title: h.Title, ID: h.ID, Path: b.Path, Line: h.Pos.Line, Verdict: notCompared, SPL: sideOf(h.SPL), KQL: sideOf(h.KQL)}
			if c := h.Comparison; c != nil {
				p.Verdict, p.Proved = string(c.Verdict), c.Strict
				p.Narrower = map[diff.Side]string{diff.Left: "spl", diff.Right: "kql"}[c.Within]
				p.Differences = reportDifferences(c)
			}
			faults.add("spl", h.SPL)
			faults.add("kql", h.KQL)
			key := sameText(h.SPL.Texts) + "\x00" + sameText(h.KQL.Texts)
			first := 0
			if !seen[key] {
				seen[key], first = true, 1
			}
			r.Hunts++
			r.Different += first
			for i := range r.Verdicts {
				if v := &r.Verdicts[i]; v.Verdict == p.Verdict {
					v.Hunts++
					v.Different += first
				}
			}
			for i := range r.Kinds {
				k := &r.Kinds[i]
				if slices.ContainsFunc(p.Differences, func(d reportedDifference) bool { return d.Kind == k.Kind }) {
					k.Hunts++
					k.Different += first
				}
			}
			r.List = append(r.List, p)
		}
	}
	r.Faults = append(r.Faults, faults.sorted()...)
	r.Queries = faults.languages
	return r
}

func sideOf(h compiler.Half) reportedSide {
	s := reportedSide{Queries: h.Queries, Status: string(h.Status), Logical: h.Logical, Reason: h.Reason, texts: h.Texts}
	for _, d := range h.Diagnostics {
		if _, ok := compiler.FaultOf(d.Code); ok {
			s.Findings = append(s.Findings, reportedFinding{d.Code, d.Message, d.Pos.Line})
		}
	}
	return s
}

// faultCount counts faults by text.
type faultCount struct {
	seen      map[string]bool
	list      []reportedFault
	languages []reportedLanguage
}

func (c *faultCount) add(language string, h compiler.Half) {
	i := slices.IndexFunc(c.languages, func(l reportedLanguage) bool { return l.Language == language })
	if i < 0 {
		c.languages = append(c.languages, reportedLanguage{Language: language})
		i = len(c.languages) - 1
	}
	l := &c.languages[i]
	if h.Queries == 0 {
		return
	}
	l.Queries++
	key := language + "\x00" + sameText(h.Texts)
	if c.seen[key] {
		return
	}
	c.seen[key] = true
	l.Texts++
	faulty, failing := 0, 0
	var codes []diag.Code
	for _, d := range h.Diagnostics {
		f, ok := compiler.FaultOf(d.Code)
		if !ok || slices.Contains(codes, d.Code) {
			continue
		}
		codes = append(codes, d.Code)
		faulty = 1
		if f.Fails {
			failing = 1
		}
		i := slices.IndexFunc(c.list, func(r reportedFault) bool { return r.Language == language && r.Code == d.Code })
		if i < 0 {
			c.list = append(c.list, reportedFault{language, d.Code, diag.Title(d.Code), f.Fails, 0})
			i = len(c.list) - 1
		}
		c.list[i].Texts++
	}
	l.Faulty += faulty
	l.Failing += failing
}

// sorted are the faults of each language, those that make it fail first, the
// most frequent first.
func (c *faultCount) sorted() []reportedFault {
	rank := func(f reportedFault) int {
		if f.Fails {
			return 0
		}
		return 1
	}
	slices.SortFunc(c.list, func(a, b reportedFault) int {
		return cmp.Or(-strings.Compare(a.Language, b.Language), rank(a)-rank(b), b.Texts-a.Texts, strings.Compare(string(a.Code), string(b.Code)))
	})
	return c.list
}

// verdictText is the verdict in words.
func (p reportedPair) verdictText() string {
	name := strings.ToUpper(p.Narrower)
	switch {
	case p.Verdict == string(diff.Narrower):
		return name + " narrower"
	case name != "":
		return p.Verdict + ", " + name + " narrower"
	}
	return p.Verdict
}

// text is the report as text: the counts, then every hunt that is not equal.
func (r *agreementReport) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d files, %d hunts, %d of them with texts of their own\n\n", r.Files, r.Hunts, r.Different)
	b.WriteString("verdict          hunts  different texts\n")
	for _, v := range r.Verdicts {
		fmt.Fprintf(&b, "%-15s %6d %16d\n", v.Verdict, v.Hunts, v.Different)
	}
	b.WriteString("\ndifference in    hunts  different texts\n")
	for _, k := range r.Kinds {
		if k.Hunts > 0 {
			fmt.Fprintf(&b, "%-15s %6d %16d\n", k.Kind, k.Hunts, k.Different)
		}
	}
	for _, l := range r.Queries {
		fmt.Fprintf(&b, "\n%s: %d different texts, %d of them fail or ask for what is not there, %d have any fault\n", strings.ToUpper(l.Language), l.Texts, l.Failing, l.Faulty)
		for _, f := range r.Faults {
			if f.Language == l.Language {
				fmt.Fprintf(&b, "%6d %s %s\n", f.Texts, f.Code, f.Title)
			}
		}
	}
	for _, p := range r.List {
		if p.Verdict == string(diff.Equal) {
			continue
		}
		fmt.Fprintf(&b, "\n%s:%d: %s: %s\n", p.Path, p.Line, p.verdictText(), p.Title)
		for _, d := range p.Differences {
			for _, side := range []struct {
				name string
				list []reportedItem
			}{{"SPL", d.Left}, {"KQL", d.Right}} {
				for _, item := range side.list {
					fmt.Fprintf(&b, "    %-11s %s%s  %s\n", d.Kind, side.name, lineText(item.Line), item.Text)
				}
			}
			if len(d.Left)+len(d.Right) == 0 {
				fmt.Fprintf(&b, "    %s\n", d.Kind)
			}
		}
		for _, side := range []struct {
			name string
			h    reportedSide
		}{{"SPL", p.SPL}, {"KQL", p.KQL}} {
			if p.Verdict == notCompared {
				if why := side.h.why(); why != "" {
					fmt.Fprintf(&b, "    %s: %s\n", side.name, why)
				}
			}
		}
	}
	return b.String()
}

func lineText(line int) string {
	if line == 0 {
		return ""
	}
	return fmt.Sprintf(" line %d", line)
}

// why says why a half cannot be compared; "" if it can.
func (h reportedSide) why() string {
	switch {
	case h.Queries == 0:
		return "there is none"
	case !h.Logical:
		return h.Reason
	}
	return ""
}
