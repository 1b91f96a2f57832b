package compiler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	sigmago "github.com/bradleyjkemp/sigma-go"
	"github.com/bradleyjkemp/sigma-go/evaluator"

	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/internal/sharedtest"
	"github.com/huntc/huntc/ir"
	"github.com/huntc/huntc/schema"
)

// corpusRule is one rule of the SigmaHQ corpus.
type corpusRule struct {
	path string // below the corpus, with slashes
	src  []byte
	hunt *ir.Hunt // nil for a document with errors
	pred ir.Expr  // what its one Filter asks; nil without
}

var corpusFolders = []string{"rules", "rules-emerging-threats", "rules-threat-hunting", "rules-compliance"}

var readCorpus = sync.OnceValues(func() ([]corpusRule, error) {
	root := corpusRoot
	var out []corpusRule
	for _, folder := range corpusFolders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".yml") {
				return err
			}
			src, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, name)
			if err != nil {
				return err
			}
			rule := corpusRule{path: filepath.ToSlash(rel), src: src}
			file, _ := sigma.Load(rule.path, src, nil)
			if len(file.Hunts) == 1 {
				rule.hunt = file.Hunts[0]
				if f, ok := rule.hunt.Query.(*ir.Filter); ok {
					rule.pred = f.Pred
				}
			}
			out = append(out, rule)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
})

var corpusRoot string

func corpusRules(t testing.TB) []corpusRule {
	t.Helper()
	corpusRoot = sharedtest.Path(t, "corpus", "sigma")
	rules, err := readCorpus()
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func corpusEvents(t testing.TB) []eval.Row {
	t.Helper()
	raw, err := os.ReadFile(sharedtest.Path(t, "corpus", "sigma", "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := eval.ReadAll(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		rows[i] = rows[i].Prepare()
	}
	return rows
}

// pairs are the events, by number, that each rule matches, by path.
type pairs map[string][]int

func readPairs(t *testing.T, file, key string) pairs {
	t.Helper()
	raw, err := os.ReadFile(sharedtest.Path(t, "corpus", "sigma", file))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	var out pairs
	if err := json.Unmarshal(all[key], &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// notEvaluable are the rules of the corpus that cannot be run, each with the
// reason.
var notEvaluable = map[string]string{
	"rules-emerging-threats/2026/Exploits/CVE-2026-54121/win_security_adcs_certighost_cdc_chase_request.yml":     "asks for the values of a placeholder",
	"rules-emerging-threats/2026/Exploits/CVE-2026-54121/win_security_adcs_certighost_cert_issued_via_chase.yml": "asks for the values of a placeholder",
}

// TestMatrix holds the evaluator to an independent one: every rule of the
// corpus on every event, with no regard to the logsource.
func TestMatrix(t *testing.T) {
	want := readPairs(t, "matrix.json", "matches")
	events := corpusEvents(t)
	rules := corpusRules(t)
	evaluated, matched, skipped := 0, 0, 0
	seen := map[string]bool{}
	for _, rule := range rules {
		seen[rule.path] = true
		if _, known := notEvaluable[rule.path]; known != (rule.pred == nil) {
			t.Errorf("%s can be run: %v", rule.path, rule.pred != nil)
		}
		if rule.pred == nil {
			skipped++
			continue
		}
		pred, err := eval.CompilePred(rule.pred)
		if err != nil {
			t.Errorf("%s: %v", rule.path, err)
			continue
		}
		var got []int
		for i, e := range events {
			evaluated++
			if pred(e) {
				matched++
				got = append(got, i)
			}
		}
		if !slices.Equal(got, want[rule.path]) {
			t.Errorf("%s\n got %v\nwant %v\n%s", rule.path, got, want[rule.path], ir.FormatExpr(rule.pred))
		}
	}
	for path := range want {
		if !seen[path] {
			t.Errorf("%s is in the matrix, but not in the corpus", path)
		}
	}
	t.Logf("%d rules, %d pairs evaluated, %d true, %d rules skipped", len(rules), evaluated, matched, skipped)
}

// noOwnEvent are rules that do not match an event recorded for them, each with
// the reason.
var noOwnEvent = map[string]string{
	"rules-emerging-threats/2026/Exploits/RedSun/win_defender_exploit_redsun_tiering_engine_detected_as_eicar.yml": "the event has \"Threat Name\" and \"Process Name\", the rule ThreatName and ProcessName: SigmaHQ's own runner renames the keys",
}

// TestOwnEvents: a rule of SigmaHQ matches the events that were recorded for it.
func TestOwnEvents(t *testing.T) {
	own := readPairs(t, "positive.json", "events")
	events := corpusEvents(t)
	n := 0
	for _, rule := range corpusRules(t) {
		if len(own[rule.path]) == 0 {
			continue
		}
		pred, err := eval.CompilePred(rule.pred)
		if err != nil {
			t.Errorf("%s: %v", rule.path, err)
			continue
		}
		hit := slices.ContainsFunc(own[rule.path], func(i int) bool { return pred(events[i]) })
		n++
		if _, known := noOwnEvent[rule.path]; hit == known {
			t.Errorf("%s: one of its own events matches: %v", rule.path, hit)
		}
	}
	t.Logf("%d rules", n)
}

// sigmaGoDiffers are the rules on which sigma-go's evaluator disagrees, each
// with the reason.
var sigmaGoDiffers = map[string]string{
	"rules-threat-hunting/windows/process_creation/proc_creation_win_cmd_redirect.yml": "sigma-go reads a missing field as the text <nil>, which contains >",
	"rules/windows/process_creation/proc_creation_win_certutil_ntlm_coercion.yml":      "sigma-go takes four backslashes for four, and Sigma for two",
	"rules/windows/process_creation/proc_creation_win_findstr_recon_pipe_output.yml":   "sigma-go takes * literally",
	"rules/windows/process_creation/proc_creation_win_wmic_namespace_defender.yml":     "sigma-go takes two backslashes for two, and Sigma for one",
	"rules/windows/registry/registry_set/registry_set_susp_keyboard_layout_load.yml":   "sigma-go reads the unquoted 00000429 as the number 429",
}

// TestSigmaGo holds the evaluator to that of sigma-go, on every rule that
// sigma-go evaluates without an error: on the recorded events, and, for rules
// that it reads as Sigma means them, on events made to satisfy the rule and near
// misses of these. Sigma-go reads a missing field as the text <nil>, so made
// events have all the fields of the rule.
func TestSigmaGo(t *testing.T) {
	recorded := corpusEvents(t)
	held, misreads, pairs, hits, refused := 0, 0, 0, 0, 0
rules:
	for _, rule := range corpusRules(t) {
		if rule.pred == nil {
			continue
		}
		refused++ // until the end of the loop
		theirs, err := sigmago.ParseRule(rule.src)
		if err != nil {
			continue
		}
		pred, err := eval.CompilePred(rule.pred)
		if err != nil {
			t.Errorf("%s: %v", rule.path, err)
			continue
		}
		asked := ir.Fields(rule.pred)
		var made []eval.Row
		plain := !misread(theirs)
		if plain {
			made = madeFor(rule, &schema.Mapping{})
		}
		made = slices.DeleteFunc(made, func(e eval.Row) bool {
			return slices.ContainsFunc(asked, func(f *ir.Field) bool { return e.Get(f.Name) == nil })
		})
		ev := evaluator.ForRule(theirs)
		var differs []string
		for _, e := range slices.Concat(recorded, made) {
			res, err := ev.Matches(context.Background(), forSigmaGo(e))
			if err != nil {
				continue rules
			}
			ours := pred(e)
			if ours != res.Match {
				differs = append(differs, e.String())
			}
			if ours {
				hits++
			}
			pairs++
		}
		held++
		refused--
		if !plain {
			misreads++
		}
		_, known := sigmaGoDiffers[rule.path]
		if known != (differs != nil) {
			t.Errorf("%s: sigma-go says otherwise of %d events, such as %s", rule.path, len(differs), first(differs))
		}
	}
	t.Logf("%d rules, %d pairs, %d of them true; sigma-go misreads %d of the rules and refuses %d others", held, pairs, hits, misreads, refused)
}

// misread reports whether sigma-go takes something in the rule for another
// thing than Sigma does, without an error: it reads wildcards and escapes
// literally, and the words under '|all' as those of a field without a name.
func misread(rule sigmago.Rule) bool {
	for _, search := range rule.Detection.Searches {
		for _, matcher := range search.EventMatchers {
			for _, f := range matcher {
				if f.Field == "" {
					return true
				}
				for _, v := range f.Values {
					s, ok := v.(string)
					if ok && !slices.Contains(f.Modifiers, "re") && (strings.ContainsAny(s, "*?") || strings.Contains(s, `\\`)) {
						return true
					}
				}
			}
		}
	}
	return false
}

// forSigmaGo is the event as sigma-go wants it; it compares numbers of the
// type int only.
func forSigmaGo(e eval.Row) map[string]any {
	out := map[string]any{}
	for _, name := range e.Columns() {
		v := e.Get(name)
		if n, ok := v.(int64); ok {
			v = int(n)
		}
		if v != nil {
			out[name] = v
		}
	}
	return out
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// BenchmarkEvalCorpus is one event against all rules of the corpus, one predicate
// after the other.
func BenchmarkEvalCorpus(b *testing.B) {
	var preds []eval.Pred
	for _, rule := range corpusRules(b) {
		if rule.pred == nil {
			continue
		}
		p, err := eval.CompilePred(rule.pred)
		if err != nil {
			b.Fatal(err)
		}
		preds = append(preds, p)
	}
	events := corpusEvents(b)
	n := 0
	for b.Loop() {
		e := events[n%len(events)]
		n++
		for _, p := range preds {
			p(e)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
