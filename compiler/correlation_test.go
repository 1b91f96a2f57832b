package compiler_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/huntc/huntc/eval"
	"github.com/huntc/huntc/frontends/sigma"
	"github.com/huntc/huntc/ir"
)

const correlated = `
title: A
name: a
logsource: {category: test}
detection: {s: {Kind: a}, condition: s}
---
title: B
name: b
logsource: {category: test}
detection: {s: {Kind: b}, condition: s}
---
title: C
name: c
logsource: {category: test}
detection: {s: {Kind: c}, condition: s}
---
title: Inner
name: inner
correlation: {type: event_count, rules: [a], group-by: [User], timespan: 1m, condition: {gte: 2}}
hunt: {windows: tumbling}
---
title: Burst
name: burst
correlation: {type: event_count, rules: [a], group-by: [User], timespan: 1m, condition: {gte: 2}}
hunt: {windows: sliding}
---
title: Tested
name: tested
correlation:
`

// A correlation finds the groups that its text says, in windows that lie as
// its text says. Events are written as second:kind:user[:value].
func TestCorrelationMeaning(t *testing.T) {
	const none = ""
	for _, tt := range []struct {
		name, correlation, windows, events, want string
	}{
		{"two within a window", "{type: event_count, rules: [a], group-by: [User], timespan: 1m, condition: {gte: 2}}", "tumbling",
			"1:a:u 50:a:u 3:a:v 10:b:v", "u 0 2"},
		{"a pair that straddles a boundary is not in one tumbling window", "{type: event_count, rules: [a], group-by: [User], timespan: 1m, condition: {gte: 2}}", "tumbling",
			"59:a:u 61:a:u", none},
		{"the pair is in one sliding window", "{type: event_count, rules: [a], group-by: [User], timespan: 1m, condition: {gte: 2}}", "sliding",
			"59:a:u 61:a:u", "u 61 1"},
		{"a sliding window includes both its ends", "{type: event_count, rules: [a], group-by: [User], timespan: 1m, condition: {gte: 2}}", "sliding",
			"0:a:u 60:a:u 200:a:v 261:a:v", "u 60 1"},
		{"three in a sliding window", "{type: event_count, rules: [a], group-by: [User], timespan: 1m, condition: {gt: 2}}", "sliding",
			"0:a:u 40:a:u 70:a:u 95:a:u 0:a:v 30:a:v 61:a:v", "u 95 1"},
		{"a session goes on while gaps are short", "{type: event_count, rules: [a], group-by: [User], timespan: 1m, condition: {gte: 3}}", "session",
			"0:a:u 50:a:u 100:a:u 0:a:v 50:a:v 120:a:v", "u 0 3"},
		{"a range", "{type: event_count, rules: [a], group-by: [User], timespan: 1m, condition: {gt: 1, lt: 3}}", "tumbling",
			"0:a:u 1:a:u 0:a:v 0:a:w 1:a:w 2:a:w", "u 0 2"},
		{"events without the group's field, or an empty one, belong to no group", "{type: event_count, rules: [a], group-by: [User], timespan: 1m, condition: {gte: 2}}", "tumbling",
			"1:a 2:a 3:a: 4:a:", none},
		{"without groups all events count together", "{type: event_count, rules: [a, b], timespan: 1m, condition: {gte: 3}}", "tumbling",
			"1:a:u 2:a:v 3:b:w 70:a:u", "0 3"},
		{"distinct values", "{type: value_count, rules: [a], group-by: [User], timespan: 1m, condition: {gte: 2, field: Value}}", "tumbling",
			"1:a:u:1 2:a:u:2 1:a:v:1 2:a:v:1 3:a:v", "u 0 2"},
		{"distinct pairs of values", "{type: value_count, rules: [a], group-by: [User], timespan: 1m, condition: {gte: 3, field: [Value, Kind]}}", "tumbling",
			"1:a:u:1 2:a:u:2 3:a:u:3 1:a:v:1 2:a:v:1", "u 0 3"},
		{"a sum", "{type: value_sum, rules: [a], group-by: [User], timespan: 1m, condition: {gt: 10, field: Value}}", "tumbling",
			"1:a:u:5 2:a:u:6 1:a:v:5 2:a:v:5", "u 0 11"},
		{"a mean", "{type: value_avg, rules: [a], group-by: [User], timespan: 1m, condition: {gte: 5, field: Value}}", "tumbling",
			"1:a:u:4 2:a:u:6 1:a:v:4 2:a:v:5", "u 0 5"},
		{"a median", "{type: value_median, rules: [a], group-by: [User], timespan: 1m, condition: {gte: 5, field: Value}}", "tumbling",
			"1:a:u:1 2:a:u:5 3:a:u:9 1:a:v:1 2:a:v:2 3:a:v:9", "u 0 5"},
		{"all of two rules", "{type: temporal, rules: [a, b], group-by: [User], timespan: 1m}", "tumbling",
			"1:b:u 2:a:u 1:a:v 61:b:v", "u 0 2"},
		{"all of two rules, anywhere", "{type: temporal, rules: [a, b], group-by: [User], timespan: 1m}", "sliding",
			"1:b:u 2:a:u 50:a:v 61:b:v 0:a:w 61:b:w", "u - 1\nv - 1"},
		{"all of three rules, anywhere", "{type: temporal, rules: [a, b, c], group-by: [User], timespan: 1m}", "sliding",
			"50:b:u 61:a:u 70:c:u 0:a:w 40:b:w 61:c:w", "u - 1"},
		{"in order", "{type: temporal_ordered, rules: [a, b], group-by: [User], timespan: 1m}", "tumbling",
			"1:a:u 2:b:u 1:b:v 2:a:v", "u 0"},
		{"equal times are in order", "{type: temporal_ordered, rules: [a, b], group-by: [User], timespan: 1m}", "tumbling",
			"1:b:u 1:a:u", "u 0"},
		{"three in order", "{type: temporal_ordered, rules: [a, b, c], group-by: [User], timespan: 1m}", "tumbling",
			"1:c:u 2:a:u 3:a:u 4:b:u 5:c:u 1:a:v 2:c:v 3:b:v", "u 0"},
		{"in order, anywhere", "{type: temporal_ordered, rules: [a, b], group-by: [User], timespan: 1m}", "sliding",
			"59:a:u 61:b:u 59:b:v 61:a:v 0:a:w 61:b:w", "u - 1"},
		{"in order, in a session", "{type: temporal_ordered, rules: [a, b], group-by: [User], timespan: 1m}", "session",
			"0:a:u 50:b:u 0:b:v 10:a:v 0:a:w 61:b:w", "u 0"},
		{"a condition on rules", "{type: temporal, rules: [a, b, c], group-by: [User], timespan: 1m, condition: a and b and not c}", "tumbling",
			"1:a:u 2:b:u 1:a:v 2:b:v 3:c:v 1:a:w", "u 0"},
		{"one of", "{type: temporal, rules: [a, b, c], group-by: [User], timespan: 1m, condition: a and (b or c)}", "tumbling",
			"1:a:u 2:c:u 1:b:v 3:c:v", "u 0"},
		{"at least two of three rules", "{type: temporal, rules: [a, b, c], group-by: [User], timespan: 1m, condition: {gte: 2}}", "tumbling",
			"1:a:u 2:c:u 1:b:v 3:b:v", "u 0 2"},
		{"a correlation of a correlation", "{type: temporal, rules: [inner, b], group-by: [User], timespan: 10m}", "tumbling",
			"1:a:u 2:a:u 300:b:u 1:a:v 300:b:v", "u 0 2"},
		{"two bursts are two rows", "{type: event_count, rules: [a], group-by: [User], timespan: 1m, condition: {gte: 2}}", "sliding",
			"0:a:u 10:a:u 20:a:u 500:a:u 510:a:u", "u 10 2\nu 510 1"},
		{"a correlation of bursts", "{type: temporal_ordered, rules: [burst, b], group-by: [User], timespan: 1m}", "sliding",
			"0:a:u 10:a:u 30:b:u 5000:a:u 5010:a:u 0:a:v 10:a:v 200:b:v", "u - 1"},
		{"aliases", "{type: temporal, rules: [a, b], group-by: [who], timespan: 1m, aliases: {who: {a: User, b: Value}}}", "tumbling",
			"1:a:u 2:b:x:u 1:a:v 2:b:v:x", "u 0 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := correlated + "    " + strings.TrimSpace(tt.correlation) + "\nhunt: {windows: " + tt.windows + "}\n"
			file, diags := sigma.Load("c.yml", []byte(strings.Replace(text, "correlation:\n    {", "correlation: {", 1)), nil)
			diags = append(diags, sigma.Link([]*sigma.File{file})...)
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			h := file.Hunts[len(file.Hunts)-1]
			if len(h.Reasons) > 0 {
				t.Fatal(h.Reasons)
			}
			table := correlationEvents(t, tt.events)
			rows, err := eval.Run(ir.Normalize(h.Query), func(*ir.Scan) ([]eval.Row, error) { return table, nil })
			if err != nil {
				t.Fatalf("%v in\n%s", err, ir.Format(h.Query))
			}
			var got []string
			for _, r := range rows {
				var parts []string
				for _, name := range []string{"User", "who"} {
					if v := r.Get(name); v != nil {
						parts = append(parts, fmt.Sprint(v))
					}
				}
				if w, ok := r.Get("window").(time.Time); ok {
					parts = append(parts, fmt.Sprint(w.Unix()))
				} else {
					parts = append(parts, "-")
				}
				if v := r.Get("value"); v != nil {
					parts = append(parts, fmt.Sprint(v))
				}
				got = append(got, strings.Join(parts, " "))
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("(-want +got)\n%s\n%s", diff, ir.Format(h.Query))
			}
		})
	}
}

func correlationEvents(t *testing.T, text string) []eval.Row {
	t.Helper()
	var rows [][]any
	for _, e := range strings.Fields(text) {
		parts := strings.Split(e, ":")
		seconds, err := time.ParseDuration(parts[0] + "s")
		if err != nil {
			t.Fatal(err)
		}
		row := []any{time.Unix(0, 0).UTC().Add(seconds), parts[1], nil, nil}
		if len(parts) > 2 {
			row[2] = parts[2]
		}
		if len(parts) > 3 {
			row[3] = parts[3]
			var n int64
			if _, err := fmt.Sscan(parts[3], &n); err == nil {
				row[3] = n
			}
		}
		rows = append(rows, row)
	}
	return eval.NewTable([]string{"Timestamp", "Kind", "User", "Value"}, rows...)
}
