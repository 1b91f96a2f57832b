package compiler_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/huntc/huntc/backends/defender/kql"
	"github.com/huntc/huntc/backends/splunk/spl"
	"github.com/huntc/huntc/compiler"
	"github.com/huntc/huntc/diff"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/internal/sharedtest"
	"github.com/huntc/huntc/ir"
)

// difference is a fact that only the briefing's query or only ours states, and
// why ours is right not to state it, or to.
type difference struct{ fact, why string }

// TestBriefing holds our queries against those of the briefing that the
// project's detections are derived from, fact by fact: sources, conditions,
// keys, aggregates, thresholds, order. Every difference has to stand here with
// its reason, and every reason has to name a difference that is there.
func TestBriefing(t *testing.T) {
	raw, err := os.ReadFile(firstSeed(t))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)`(UC_[A-Z0-9_]+)`.*?```spl\n(.*?)\n```\n.*?```kql\n(.*?)\n```\n").FindAllStringSubmatch(string(raw), -1)
	theirs := map[string][2]string{}
	for _, b := range blocks {
		theirs[b[1]] = [2]string{b[2], b[3]}
	}
	for _, tt := range briefingHunts {
		t.Run(tt.hunt, func(t *testing.T) {
			text, ok := theirs[tt.hunt]
			if !ok {
				t.Fatalf("the briefing has no hunt %s", tt.hunt)
			}
			golden := func(folder, ext string) string {
				text, err := os.ReadFile(filepath.Join("..", "golden", folder, tt.file+ext))
				if err != nil {
					t.Fatal(err)
				}
				return string(text)
			}
			compare(t, "splunk", splFacts(t, text[0]), splFacts(t, golden("splunk", ".spl")), tt.splunk)
			var kqlTheirs []string
			for _, q := range strings.Split(text[1], "\n\n") { // queries stand apart by a blank line
				kqlTheirs = append(kqlTheirs, kqlFacts(t, q)...)
			}
			compare(t, "defender", kqlTheirs, kqlFacts(t, golden("defender", ".kql")), tt.defender)
		})
	}
}

func firstSeed(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(sharedtest.Path(t, "seeds"), "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no seed briefing: %v", err)
	}
	return files[0]
}

// explained are the accepted differences of one query.
type explained struct{ theirs, ours []difference }

func compare(t *testing.T, target string, theirs, ours []string, want explained) {
	t.Helper()
	check := func(who string, in, other []string, list []difference) {
		for _, f := range in {
			if slices.Contains(other, f) || who == "ours" && strings.HasPrefix(f, "show ") {
				continue // to show more is no difference
			}
			if !slices.ContainsFunc(list, func(d difference) bool { return d.fact == f }) {
				t.Errorf("%s: only %s has %q, and no reason is given", target, who, f)
			}
		}
		for _, d := range list {
			if d.why == "" {
				t.Errorf("%s: no reason for %q", target, d.fact)
			}
			if !slices.Contains(in, d.fact) || slices.Contains(other, d.fact) {
				t.Errorf("%s: a reason is given for %q, but it is not something that only %s has", target, d.fact, who)
			}
		}
	}
	check("the briefing", theirs, ours, want.theirs)
	check("ours", ours, theirs, want.ours)
}

// splFacts says what a search looks for: where, which rows, within which time,
// grouped and kept by what, in which order, and which fields it shows. How the
// gaps between rows are computed, and the dressing of the result, are left out.
// The name of a result is replaced by what it stands for.
func splFacts(t *testing.T, text string) []string {
	t.Helper()
	s, diags := spl.Parse("briefing.spl", text)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	f := newFacts()
	aggregates := func(in []spl.Agg) {
		for _, a := range in {
			what := a.Func
			if a.Arg != "" {
				what += "(" + f.named(a.Arg) + ")"
			}
			what = strings.NewReplacer("earliest(_time)", "min(_time)", "latest(_time)", "max(_time)").Replace(what)
			f.add("aggregate %s", what)
			if a.As != "" {
				f.names[a.As] = what
			}
		}
	}
	var search func(s *spl.Search)
	search = func(s *spl.Search) {
		stats := slices.ContainsFunc(s.Commands, func(c spl.Command) bool { _, ok := c.(*spl.Stats); return ok })
		for _, c := range s.Commands {
			switch c := c.(type) {
			case *spl.Tstats:
				f.add("from %s", c.Model)
				for _, m := range c.Macros {
					f.add("macro %s", m.Name)
				}
				for _, o := range c.Options {
					f.add("option %s=%s", o.Name, o.Value)
				}
				if !stats {
					aggregates(c.Aggs)
				}
				args := []spl.SearchExpr{c.Where}
				if l, ok := c.Where.(*spl.SearchLogic); ok && !l.Or {
					args = l.Args
				}
				for _, a := range args {
					f.add("where %s", strings.ReplaceAll(spl.PrintSearchExpr(a), `"`, ""))
				}
				for _, name := range c.By {
					if !stats {
						f.add("show %s", name[strings.LastIndexByte(name, '.')+1:])
					}
				}
				if c.BySpan != "" {
					f.add("span %s", c.BySpan)
				}
			case *spl.Streamstats:
				for _, a := range c.Aggs {
					f.names[a.As] = "previous"
				}
			case *spl.Eval:
				for _, a := range c.Assign {
					if x := f.named(spl.PrintExpr(a.Expr)); x == "_time - previous" {
						f.names[a.Name] = "gap"
					}
				}
			case *spl.Where:
				for _, e := range splConjuncts(c.Expr) {
					f.add("keep %s", f.named(spl.PrintExpr(e)))
				}
			case *spl.Stats:
				aggregates(c.Aggs)
				for _, k := range c.By {
					f.add("by %s", k)
				}
			case *spl.Append:
				search(c.Search)
			}
		}
		if last, ok := s.Commands[len(s.Commands)-1].(*spl.Sort); ok {
			for _, k := range last.Keys {
				f.add("order %s desc=%v", f.named(k.Field), k.Desc)
			}
			f.add("at most %d rows", last.Limit)
		}
	}
	search(s)
	return f.list
}

// facts collects statements about a query.
type facts struct {
	list  []string
	names map[string]string // of a result: what it stands for
}

func newFacts() *facts { return &facts{names: map[string]string{}} }

func (f *facts) add(format string, args ...any) {
	f.list = append(f.list, fmt.Sprintf(format, args...))
}

// named puts what they stand for in the place of names, and writes on one line.
func (f *facts) named(s string) string {
	for _, name := range slices.Sorted(maps.Keys(f.names)) {
		s = regexp.MustCompile(`\b`+regexp.QuoteMeta(name)+`\b`).ReplaceAllString(s, f.names[name])
	}
	return strings.Join(strings.Fields(s), " ")
}

func splConjuncts(e spl.Expr) []spl.Expr {
	if b, ok := e.(*spl.Binary); ok && b.Op == "AND" {
		return append(splConjuncts(b.L), splConjuncts(b.R)...)
	}
	return []spl.Expr{e}
}

// kqlFacts is splFacts for KQL. Values are compared without case on both sides
// where that changes nothing: Defender writes each ActionType in one way.
func kqlFacts(t *testing.T, text string) []string {
	t.Helper()
	q, diags := kql.Parse("briefing.kql", text)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	f := newFacts()
	plain := strings.NewReplacer(" =~ ", " == ", " in~ ", " in ")
	var query func(q *kql.Query)
	query = func(q *kql.Query) {
		switch s := q.Source.(type) {
		case *kql.Table:
			f.add("from %s", s.Name)
		case *kql.UnionSource:
			for _, in := range s.Inputs {
				query(in)
			}
		}
		window := slices.ContainsFunc(q.Ops, func(op kql.Op) bool { _, ok := op.(*kql.Summarize); return ok })
		for _, op := range q.Ops {
			switch op := op.(type) {
			case *kql.Where:
				args := []kql.Expr{op.Pred}
				if l, ok := op.Pred.(*kql.Logic); ok && l.Op == kql.And {
					args = l.Args
				}
				for _, a := range args {
					if text := plain.Replace(f.named(kql.PrintExpr(a))); !strings.Contains(text, "previous") {
						f.add("where %s", text)
					}
				}
			case *kql.Extend:
				for _, c := range op.Cols {
					x := f.named(kql.PrintExpr(c.X))
					switch {
					case strings.HasPrefix(x, "prev("):
						f.names[c.Name] = "previous"
					case strings.Contains(x, "previous"):
						f.names[c.Name] = "gap"
						f.add("gap %s", x)
					}
				}
			case *kql.Summarize:
				for _, a := range op.Aggs {
					what := f.named(kql.PrintExpr(a.X))
					f.add("aggregate %s", what)
					f.names[a.Name] = what
				}
				for _, k := range op.By {
					f.add("by %s", kql.PrintExpr(k.X))
				}
			case *kql.Project:
				for _, c := range op.Cols {
					if !window {
						f.add("show %s", kql.PrintExpr(c.X))
					}
				}
			}
		}
		if last, ok := q.Ops[len(q.Ops)-1].(*kql.Sort); ok {
			for _, k := range last.Keys {
				f.add("order %s desc=%v", f.named(kql.PrintExpr(k.X)), k.Desc)
			}
		}
	}
	query(q)
	return f.list
}

// Reasons that several hunts share.
const (
	fill         = "tstats drops rows in which a grouping field is null, so the briefing's search loses the events without it; ours fills the field"
	window       = "the briefing leaves the time to the time picker, its KQL says it; ours says it in both"
	created      = "DeviceProcessEvents is only about created processes today; the condition costs nothing and keeps it so"
	wholePath    = "ours shows the whole path, of which this is the end"
	wholeAccount = "ours shows the domain with the name"
)

// briefingHunts are the hunts of the briefing with a query of their own. Its
// fourth, the exposure by CVE, is only a reference to a template there.
var briefingHunts = []struct {
	hunt, file       string
	splunk, defender explained
}{
	{hunt: "UC_BEACONING", file: "beaconing",
		splunk: explained{
			theirs: []difference{
				{"where All_Traffic.dest_category!=internal", "never true without Splunk ES, whose asset list alone fills dest_category: an absent field passes no !=. We follow the KQL half, which asks whether the address is public"},
				{"span 10s", "gaps would be multiples of ten seconds, and a deviation below 5 then means that nearly all are equal"},
				{"by src", "src may hold a name or an address; src_ip is the address"},
				{"by dest", "dest may hold a name or an address; dest_ip is the address"},
				{"at most -1 rows", "sort alone keeps 10,000 rows"},
			},
			ours: []difference{
				{"option fillnull_value=unknown", fill},
				{"where earliest=-1d", window},
				{"span 1s", "as fine as tstats tells times apart with a span of whole seconds"},
				{`keep lower(DestinationZone) = "external"`, "what the KQL half asks with RemoteIPType, from the ranges of addresses"},
				{"keep isnotnull(gap)", "the first connection of a group has no gap"},
				{"by src_ip", "see src"},
				{"by dest_ip", "see dest"},
				{"by dest_port", "the halves disagree: the KQL groups by port. Two services of one destination are two timers"},
				{"at most 0 rows", "sort 0 keeps all rows"},
			},
		},
		defender: explained{
			theirs: []difference{
				{`where RemoteIPType == "Public"`, "leaves out public addresses that Defender shows in IPv6 form"},
				{`gap datetime_diff("second", Timestamp, previous)`, "counts the seconds' boundaries between the two, which is off by up to a second"},
				{"by DeviceName", "the halves disagree: the SPL groups by source address; a device behind two addresses runs two timers"},
			},
			ours: []difference{
				{`where RemoteIPType in ("Public", "Teredo", "FourToSixMapping")`, "see RemoteIPType"},
				{"gap (Timestamp - previous) / 1s", "the exact number of seconds"},
				{"by LocalIP", "see DeviceName"},
			},
		}},
	{hunt: "UC_SUPPLY_CHAIN", file: "installer_unusual_child",
		splunk: explained{
			ours: []difference{
				{"option fillnull_value=unknown", fill},
				{"where earliest=-7d", window},
			},
		},
		defender: explained{
			theirs: []difference{
				{`where AccountName !endswith "$"`, "the halves disagree: the SPL has no such condition. An updater that runs as the machine's account is what the hunt is about, so we follow the SPL"},
			},
			ours: []difference{{`where ActionType == "ProcessCreated"`, created}},
		}},
	{hunt: "UC_1825_3", file: "npm_named_files",
		splunk: explained{
			theirs: []difference{
				{"aggregate min(_time)", "ours shows each event with its time, as the KQL half does"},
				{"aggregate max(_time)", "ours shows each event with its time, as the KQL half does"},
				{"show process_name", wholePath},
				{"show parent_process_name", wholePath},
				{"show file_name", wholePath},
			},
			ours: []difference{
				{"option fillnull_value=unknown", fill},
				{"where earliest=-30d", window},
				{"span 1s", "each event with its time"},
				{"order _time desc=true", "as the KQL half orders"},
				{"at most 0 rows", "sort 0 keeps all rows"},
			},
		},
		defender: explained{
			theirs: []difference{
				{"show AccountName", wholeAccount},
				{"show FileName", wholePath},
				{"show InitiatingProcessFileName", wholePath},
				{"show InitiatingProcessCommandLine", "the SPL half has no such column, and no data model has it for files"},
				{"show ActionType", "the SPL half has no such column"},
				{`where FolderPath has_any ("/usr/bin/env") or FileName in ("node.js", "test.js")`, "has on a text with slashes is not defined by the documentation; the SPL half looks for the text anywhere"},
			},
			ours: []difference{
				{`where ActionType == "ProcessCreated"`, created},
				{`where FolderPath contains "/usr/bin/env" or FileName in ("node.js", "test.js")`, "see has_any"},
			},
		}},
}

// TestImportSeed imports the briefing that the project's detections are derived
// from, and holds the documents that come out against the detections. Each
// difference has to stand here with its reason, and each reason has to name a
// difference that is there; what the hunts say about themselves is the same.
func TestImportSeed(t *testing.T) {
	raw, err := os.ReadFile(firstSeed(t))
	if err != nil {
		t.Fatal(err)
	}
	l, err := compiler.NewLifter(nil)
	if err != nil {
		t.Fatal(err)
	}
	in := l.Import("seed.md", raw, map[string]bool{})
	if in.Headings != len(in.Hunts) {
		t.Errorf("%d hunts are imported of %d headings", len(in.Hunts), in.Headings)
	}
	documents := slices.Concat(in.Hunts, in.Templates)
	if len(documents) != len(importedHunts) {
		t.Errorf("%d documents are imported, want %d", len(documents), len(importedHunts))
	}
	load := func(file string, text []byte) *ir.Hunt {
		f, diags := sigma.Load(file, text, nil)
		if diags.HasErrors() || len(f.Hunts) != 1 {
			t.Fatalf("%s: %v\n%s", file, diags, text)
		}
		return f.Hunts[0]
	}
	for _, tt := range importedHunts {
		t.Run(tt.file, func(t *testing.T) {
			i := slices.IndexFunc(documents, func(h compiler.ImportedHunt) bool { return h.ID == tt.id && h.Basis == tt.basis })
			if i < 0 {
				t.Fatalf("no document says %q by its %s", tt.id, tt.basis)
			}
			theirs := load(documents[i].File, documents[i].Document)
			path := filepath.Join("..", "detections", tt.file+".yml")
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			ours := load(path, text)
			if theirs.Meta.Phase != cmp.Or(ours.Meta.Phase, theirs.Meta.Phase) || theirs.Meta.Confidence != cmp.Or(theirs.Meta.Confidence, ours.Meta.Confidence) {
				t.Errorf("phase %s and confidence %s, want %s and %s", theirs.Meta.Phase, theirs.Meta.Confidence, ours.Meta.Phase, ours.Meta.Confidence)
			}
			if a, b := theirs.Meta.Article, ours.Meta.Article; a.Title != b.Title || a.URL != b.URL || a.Publisher != b.Publisher || a.Published != b.Published || a.Severity != b.Severity {
				t.Errorf("the article is %+v, want %+v", a, b)
			}
			c := diff.Compare(diff.FactsOf(lookingBack(theirs), nil), diff.FactsOf(lookingBack(ours), nil))
			var got []string
			for _, d := range c.Differences {
				got = append(got, d.Text("the briefing", "ours"))
			}
			for _, d := range got {
				if !slices.ContainsFunc(tt.differences, func(w difference) bool { return w.fact == d }) {
					t.Errorf("they differ in %q, and no reason is given", d)
				}
			}
			for _, w := range tt.differences {
				if !slices.Contains(got, w.fact) || w.why == "" {
					t.Errorf("a reason is given for %q, in which they do not differ", w.fact)
				}
			}
		})
	}
}

// lookingBack is the query of a hunt with its look-back at its sources.
func lookingBack(h *ir.Hunt) ir.Query {
	return ir.MapQuery(h.Query, func(q ir.Query) ir.Query {
		if s, ok := q.(*ir.Scan); ok && s.LookBack == 0 {
			c := *s
			c.LookBack = h.LookBack
			return &c
		}
		return q
	})
}

// importedHunts are the documents that importing the briefing gives. Its hunts
// are said by their SPL halves; ours follow the better half of each, see
// briefingHunts.
var importedHunts = []struct {
	id, basis, file string
	differences     []difference
}{
	{id: "UC_BEACONING", basis: "spl", file: "beaconing", differences: []difference{
		{"time (only the briefing: not said | only ours: 1d)", window},
		{"value (only ours: DestinationZone = external)", "what the KQL half asks with RemoteIPType, from the ranges of addresses"},
		{"exclusion (only the briefing: not DestinationCategory = internal)", "never true without Splunk ES, whose asset list alone fills dest_category"},
		{"presence (only the briefing: DestinationCategory exists)", "an absent field passes no != in SPL"},
		{"threshold (only the briefing: avg(-(bin(Timestamp, 10s), prev(bin(Timestamp, 10s)))) <= 10m; avg(-(bin(Timestamp, 10s), prev(bin(Timestamp, 10s)))) >= 30s; stdev(-(bin(Timestamp, 10s), prev(bin(Timestamp, 10s)))) < 5s | only ours: avg(gap(Timestamp)) <= 10m; avg(gap(Timestamp)) >= 30s; stdev(gap(Timestamp)) < 5s)",
			"the same gaps and bounds; ours takes the gaps between the connections themselves, not between spans of ten seconds"},
		{"group (only the briefing: DestinationHostname; SourceHostname | only ours: DestinationIp; DestinationPort; SourceIp)",
			"src and dest may hold a name or an address, ours takes the addresses; the KQL half groups by port"},
	}},
	{id: "UC_SUPPLY_CHAIN", basis: "spl", file: "installer_unusual_child", differences: []difference{
		{"source (only the briefing: process_creation | only ours: windows process_creation)", "the names of its programs are those of Windows, which the briefing does not say"},
		{"time (only the briefing: not said | only ours: 7d)", window},
	}},
	{id: "UC_1825_3", basis: "spl", file: "npm_named_files", differences: []difference{
		{"time (only the briefing: not said | only ours: 30d)", window},
		{"presence (only the briefing: Image exists)", "tstats drops rows in which a grouping field is null, and the briefing's search groups by process_path"},
	}},
	{id: "", basis: "template", file: "asset_exposure_cve_2022_23812"},
}
