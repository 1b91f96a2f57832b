package proof_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/huntc/huntc/proof"
)

// point is an event on a line of time: a port that a host was reached on.
type point struct {
	second int
	host   string
	port   int
	rule   int // 0 for a, 1 for b, 2 for c
}

// inSequence reports whether events of the rules 0 to n-1 follow each other.
func inSequence(in []point, n int) bool {
	next, at := 0, -1
	for next < n {
		found := -1
		for _, p := range in {
			if p.rule == next && p.second >= at && (found < 0 || p.second < found) {
				found = p.second
			}
		}
		if found < 0 {
			return false
		}
		next, at = next+1, found
	}
	return true
}

func ports(in []point) []int {
	var out []int
	for _, p := range in {
		out = append(out, p.port)
	}
	slices.Sort(out)
	return out
}

func sum(in []int) (n int) {
	for _, v := range in {
		n += v
	}
	return n
}

func has(in []point, rule int) bool {
	return slices.ContainsFunc(in, func(p point) bool { return p.rule == rule })
}

// TestWindowsMeaning: what targets answer by windows side by side only, the engine
// ir runs as the document means it: it finds the groups that a search over all
// intervals finds.
func TestWindowsMeaning(t *testing.T) {
	const span = 4 // seconds
	rule := func(name string, rule int) string {
		return fmt.Sprintf("title: %s\nname: %[1]s\nstatus: test\nlogsource: {category: network_connection, product: windows}\ndetection: {s: {Protocol: r%d}, condition: s}\n---\n", name, rule)
	}
	rules := rule("a", 0) + rule("b", 1) + rule("c", 2)
	for _, tt := range []struct {
		name, windows, correlation string
		alone                      bool // without group-by
		holds                      func([]point) bool
	}{
		{"different values", "sliding", "{type: value_count, rules: [a, b, c], group-by: [SourceIp], timespan: 4s, condition: {gte: 3, field: DestinationPort}}", false,
			func(in []point) bool { return len(slices.Compact(ports(in))) >= 3 }},
		{"sum", "sliding", "{type: value_sum, rules: [a, b, c], group-by: [SourceIp], timespan: 4s, condition: {gte: 11, field: DestinationPort}}", false,
			func(in []point) bool { return sum(ports(in)) >= 11 }},
		{"mean between bounds", "sliding", "{type: value_avg, rules: [a, b, c], group-by: [SourceIp], timespan: 4s, condition: {gt: 2, lt: 3, field: DestinationPort}}", false,
			func(in []point) bool { s := sum(ports(in)); return s > 2*len(in) && s < 3*len(in) }},
		{"median", "sliding", "{type: value_median, rules: [a, b, c], group-by: [SourceIp], timespan: 4s, condition: {gte: 5, field: DestinationPort}}", false,
			func(in []point) bool { return ports(in)[(len(in)+1)/2-1] >= 5 }},
		{"so many events and no more", "sliding", "{type: event_count, rules: [a, b, c], group-by: [SourceIp], timespan: 4s, condition: {gte: 3, lte: 3}}", false,
			func(in []point) bool { return len(in) == 3 }},
		{"one and not another", "sliding", "{type: temporal, rules: [a, b, c], group-by: [SourceIp], timespan: 4s, condition: a and b and not c}", false,
			func(in []point) bool { return has(in, 0) && has(in, 1) && !has(in, 2) }},
		{"all without a group", "sliding", "{type: temporal, rules: [a, b, c], timespan: 4s}", true,
			func(in []point) bool { return has(in, 0) && has(in, 1) && has(in, 2) }},
		{"an order without a group", "sliding", "{type: temporal_ordered, rules: [a, b, c], timespan: 4s}", true,
			func(in []point) bool { return inSequence(in, 3) }},
		{"an order in a session", "session", "{type: temporal_ordered, rules: [a, b, c], group-by: [SourceIp], timespan: 4s}", false,
			func(in []point) bool { return inSequence(in, 3) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := lab(t)
			hunts := build(t, l, map[string]string{"a.yml": rules + "title: counted\nname: counted\nstatus: test\ncorrelation: " + tt.correlation + "\nhunt: {windows: " + tt.windows + "}\n"})
			h := hunts[len(hunts)-1]
			r := rand.New(rand.NewPCG(3, 4))
			hits, apart := 0, 0
			for range 150 {
				var all []point
				for range r.IntN(9) {
					all = append(all, point{r.IntN(14), []string{"10.0.0.1", "10.0.0.2"}[r.IntN(2)], 1 + r.IntN(6), r.IntN(3)})
				}
				slices.SortFunc(all, func(a, b point) int { return a.second - b.second })
				want := map[string]bool{}
				for _, host := range []string{"10.0.0.1", "10.0.0.2"} {
					group, key := all, ""
					if !tt.alone {
						key = host
						group = slices.DeleteFunc(slices.Clone(all), func(p point) bool { return p.host != host })
					}
					for _, in := range intervals(group, span, tt.windows == "session") {
						if tt.holds(in) {
							want[key] = true
						}
					}
				}
				var text strings.Builder
				for _, p := range all {
					fmt.Fprintf(&text, `{"Timestamp":"2026-03-01T10:00:%02dZ","SourceIp":%q,"DestinationPort":%d,"Protocol":"r%d"}`+"\n", p.second, p.host, p.port, p.rule)
				}
				in := events(t, l, text.String())
				found := func(e proof.Engine) map[string]bool {
					rows, err := h.Program(e).Run(in, proof.Options{})
					if err != nil {
						t.Fatal(err)
					}
					got := map[string]bool{}
					for _, row := range rows {
						key, _ := row.Row.Get("SourceIp").(string)
						got[key] = true
					}
					return got
				}
				if got := found(proof.IR); !maps.Equal(got, want) {
					t.Fatalf("ir finds %v, all intervals %v, of\n%s", got, want, text.String())
				}
				hits += len(want)
				if target := found(proof.Defender); len(target) != len(want) {
					apart++
				}
			}
			if hits == 0 || apart == 0 {
				t.Errorf("%d groups are found, and Defender finds others in %d runs: the events show nothing", hits, apart)
			}
		})
	}
}

// intervals are the events in each interval of a length, or each session.
func intervals(in []point, span int, sessions bool) [][]point {
	var out [][]point
	if sessions {
		for i, p := range in {
			if i == 0 || p.second-in[i-1].second > span {
				out = append(out, nil)
			}
			out[len(out)-1] = append(out[len(out)-1], p)
		}
		return out
	}
	for start := -20; start < 40; start++ { // half seconds
		var within []point
		for _, p := range in {
			if 2*p.second >= start && 2*p.second <= start+2*span {
				within = append(within, p)
			}
		}
		if len(within) > 0 {
			out = append(out, within)
		}
	}
	return out
}
