package compiler_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/ir"
)

// TestGrows: where a correlation is said to grow with its events, no group is
// lost as there are more of them; and those that do not are among those that
// are said not to.
func TestGrows(t *testing.T) {
	var doc strings.Builder
	doc.WriteString(specRules)
	cases := specCases()
	for i, c := range cases {
		doc.WriteString("---\n" + c.text(fmt.Sprintf("case_%d", i)))
	}
	file, diags := sigma.Load("spec.yml", []byte(doc.String()), nil)
	diags = append(diags, sigma.Link([]*sigma.File{file})...)
	if len(file.Hunts) < 1000 {
		t.Fatal(diags)
	}
	r := rand.New(rand.NewPCG(3, 4))
	grows, shrank := map[bool]int{}, 0
	for i, h := range file.Hunts[5:] {
		if i%4 > 0 && testing.Short() {
			continue
		}
		g := ir.Grows(h.Query)
		grows[g]++
		var keys []string
		for _, f := range h.Correlation.GroupBy {
			keys = append(keys, f.Name)
		}
		if h.Correlation.Windowing != ir.Sliding && h.Correlation.Windowing != ir.Sessions {
			keys = append(keys, "window")
		}
		found := func(words []string) []string {
			events := store(t, strings.Join(words, " "))
			rows, err := eval.Run(h.Query, func(s *ir.Scan) ([]eval.Row, error) { return events.logical[s.Source.Category], nil })
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, row := range rows {
				var values []any
				for _, k := range keys {
					values = append(values, row.Get(k))
				}
				out = append(out, fmt.Sprint(values...))
			}
			return out
		}
		var words []string
		for range 14 {
			words = append(words, fmt.Sprintf("%d:%s:%s:%s", r.IntN(2000), pick(r, []string{"shell", "command", "both", "connect"}), pick(r, []string{"a", "b"}), pick(r, []string{"u", "v", "-"})))
		}
		more := found(words)
		for _, k := range found(words[:5+r.IntN(8)]) {
			if slices.Contains(more, k) {
				continue
			}
			shrank++
			if g {
				t.Fatalf("%s is found no more with more events:\n%s\n%s", k, ir.Format(h.Query), strings.Join(words, " "))
			}
		}
	}
	t.Logf("%d grow, %d are not said to; %d groups were lost", grows[true], grows[false], shrank)
	if !testing.Short() && (grows[true] < 500 || grows[false] < 500 || shrank < 20) {
		t.Error("that is too few to say much")
	}
}

// TestGrowsTable: the stages of pipelines.
func TestGrowsTable(t *testing.T) {
	for _, tt := range []struct {
		pipeline string
		want     bool
	}{
		{"where DestinationPort > 5", true},
		{"summarize n = count() by SourceIp\nwhere n > 5", true},
		{"summarize n = count() by SourceIp\nwhere 5 <= n", true},
		{"summarize n = count() by SourceIp\nwhere n < 5", false},
		{"summarize n = count() by SourceIp\nwhere not n < 5", true},
		{"summarize n = count() by SourceIp\nwhere n = 5", false},
		{"summarize n = dcount(DestinationIp), m = count() by SourceIp\nwhere n > 5 or m > 100", true},
		{"summarize first = min(Timestamp), last = max(Timestamp) by SourceIp\nwhere last - first > 1h", true},
		{"summarize first = min(Timestamp), last = max(Timestamp) by SourceIp\nwhere last - first < 1h", false},
		{"summarize mean = avg(DestinationPort) by SourceIp\nwhere mean > 5", false},
		{"summarize n = count() by SourceIp\nsummarize m = count() by n", false},
		{"summarize n = count() by SourceIp\nsummarize m = max(n) by SourceIp\nwhere m > 3", true},
		{"gaps of Timestamp as d by SourceIp\nwhere d < 5m", true},
		{"gaps of Timestamp as d by SourceIp\nwhere d > 5m", false},
		{"top 10 by DestinationPort desc", false},
		{"distinct SourceIp", true},
		{"summarize n = count() by SourceIp\njoin kind=inner others on SourceIp", true},
		{"summarize n = count() by SourceIp\njoin kind=anti others on SourceIp", false},
		{"summarize n = count() by SourceIp\njoin kind=left others on SourceIp", false},
	} {
		h := huntOf(t, "{s: {Action: allowed}, condition: s}", tt.pipeline)
		if got := ir.Grows(h.Query); got != tt.want {
			t.Errorf("%q: %v, want %v", tt.pipeline, got, tt.want)
		}
	}
}
