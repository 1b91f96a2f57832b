package proof_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/internal/sharedtest"
	"github.com/huntc/huntc/proof"
)

// noOwnEvent are rules that do not find an event recorded for them, each with the
// engines and the reason.
var noOwnEvent = map[string]string{
	"rules-emerging-threats/2026/Exploits/RedSun/win_defender_exploit_redsun_tiering_engine_detected_as_eicar.yml": "ir, splunk: the event has \"Threat Name\" and \"Process Name\", the rule ThreatName and ProcessName: SigmaHQ's own runner renames the keys",
}

// TestOwnEvents: a rule of SigmaHQ finds the events that were recorded for it, as
// it is meant and as each target's text reads.
func TestOwnEvents(t *testing.T) {
	l, hunts := corpus(t)
	var own struct{ Events map[string][]int }
	raw, err := os.ReadFile(sharedtest.Path(t, "corpus", "sigma", "positive.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &own); err != nil {
		t.Fatal(err)
	}
	recorded, err := eval.NewEventReader(l.Classifier(), "events.jsonl", bytes.NewReader(corpusText(t))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rules, ran, without, events := 0, map[proof.Engine]int{}, map[proof.Engine]int{}, map[proof.Engine]int{}
	for _, h := range hunts {
		_, path, _ := strings.Cut(h.Path, "corpus/sigma/")
		numbers := own.Events[path]
		if len(numbers) == 0 {
			continue
		}
		rules++
		var in []eval.Event
		for _, n := range numbers {
			in = append(in, recorded[n])
		}
		var meant []int
		for _, e := range proof.Engines() {
			p := h.Program(e)
			if p.Err != nil {
				if !p.Err.Unsupported {
					t.Errorf("%s: %s cannot be run: %v\n%s", path, e, p.Err, h.Output(e).Query)
				}
				without[e]++
				continue
			}
			rows, err := p.Run(in, proof.Options{})
			if err != nil {
				t.Errorf("%s: %s: %v", path, e, err)
				continue
			}
			ran[e]++
			var found []int
			for _, r := range rows {
				found = append(found, r.Events...)
			}
			slices.Sort(found)
			found = slices.Compact(found)
			events[e] += len(found)
			if e == proof.IR {
				meant = found
			} else if !slices.Equal(found, meant) {
				t.Errorf("%s: %s finds %v, the rule %v\n%s", path, e, found, meant, query(h, e))
			}
			if _, known := noOwnEvent[path]; known == (len(found) > 0) {
				t.Errorf("%s: %s finds %v of %v\n%s\n%v", path, e, found, numbers, query(h, e), in[0].Row)
			}
		}
	}
	for _, e := range proof.Engines() {
		t.Logf("%s: %d rules, %d run, %d without a query; %d of the events found", e, rules, ran[e], without[e], events[e])
	}
}

func query(h *proof.Hunt, e proof.Engine) string {
	if o := h.Output(e); o != nil {
		return o.Query
	}
	return ""
}
