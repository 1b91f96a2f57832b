package splunk

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/huntc/huntc/deploy"
	"github.com/huntc/huntc/ir"
)

// lag is how long events take to be searchable: a search that looks at each
// event once looks at those that are older.
const lag = 10 * time.Minute

// often is how often a continuous hunt runs.
const often = 5 * time.Minute

// handBack is how far back a hunt looks that people run and that does not say
// so itself.
const handBack = 24 * time.Hour

// timing is when a search runs and which time it looks at.
type timing struct {
	cron             string
	between          time.Duration // the longest time between two runs
	earliest, latest string
	// again is how long after a run another can see one of its events; 0 if none
	// does.
	again time.Duration
}

// timingOf derives the times of a search from the settings. A hunt that says
// how far back it looks does so at each run; any other looks at what came since
// the run before, lag later, and sums up over span at least. One that people run
// looks at a day.
func timingOf(id string, s *deploy.Settings, span time.Duration) timing {
	t := timing{cron: s.Cron, between: deploy.Interval(s.Every)}
	shortest := t.between
	switch {
	case s.Cron != "":
		shortest, t.between = gaps(s.Cron)
	case s.Every == ir.Continuous:
		t.cron, t.between, shortest = "*/5 * * * *", often, often
	default:
		t.cron = spread(id, t.between)
	}
	back := s.LookBack
	switch {
	case back > 0:
		t.earliest, t.latest = "-"+splunkSpan(back), "now"
	case !s.Alert:
		back = max(handBack, span)
		t.earliest, t.latest = "-"+splunkSpan(back), "now"
	default:
		back = t.between + span
		t.earliest, t.latest = "-"+splunkSpan(back+lag)+"@m", "-"+splunkSpan(lag)+"@m"
	}
	// Where two runs can be closer than what each looks at, the later one sees
	// events of the earlier one, the last time shortly before they leave sight.
	if back > shortest {
		t.again = back
	}
	return t
}

// splunkSpan writes a length of time as a relative time of Splunk. Days are
// written in hours: a day of Splunk's has 23 or 25 hours twice a year.
func splunkSpan(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	case d%time.Minute == 0:
		return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
	}
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10) + "s"
}

// spread chooses the minute of a run, and the hour of a rare one, by the
// document's id: so searches do not all run at once, and one always runs at the
// same time.
func spread(id string, every time.Duration) string {
	h := fnv.New32a()
	h.Write([]byte(strings.ToLower(id)))
	n := h.Sum32()
	minute := n % 60
	hours := uint32(every / time.Hour)
	first := n / 60 % hours
	switch {
	case hours == 1:
		return fmt.Sprintf("%d * * * *", minute)
	case hours == 24:
		return fmt.Sprintf("%d %d * * *", minute, first)
	}
	return fmt.Sprintf("%d %d-23/%d * * *", minute, first, hours)
}

// gapYears are as many as it takes a schedule to come round: 29 February is in
// every fourth.
const gapYears = 9

// gaps are the shortest and the longest time between two runs of a schedule that
// runs at all.
func gaps(cron string) (shortest, longest time.Duration) {
	f := strings.Fields(cron)
	var sets [5]map[int]bool
	for i, bounds := range [5][2]int{{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}} {
		sets[i] = cronValues(f[i], bounds[0], bounds[1])
	}
	if sets[4][7] {
		sets[4][0] = true
	}
	gap := func(d time.Duration) {
		if shortest == 0 || d < shortest {
			shortest = d
		}
		longest = max(longest, d)
	}
	var runs []time.Duration // of a day, from its start
	for h := range 24 {
		for m := range 60 {
			if sets[1][h] && sets[0][m] {
				runs = append(runs, time.Duration(h)*time.Hour+time.Duration(m)*time.Minute)
			}
		}
	}
	for i := 1; i < len(runs); i++ {
		gap(runs[i] - runs[i-1])
	}
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC) // a leap year
	last := time.Time{}
	for day := start; day.Before(start.AddDate(gapYears, 0, 0)); day = day.AddDate(0, 0, 1) {
		// Where both days are given, either of them is enough.
		onDay, onWeekday := sets[2][day.Day()], sets[4][int(day.Weekday())]
		on := onDay && onWeekday
		if f[2] != "*" && f[4] != "*" {
			on = onDay || onWeekday
		}
		if !on || !sets[3][int(day.Month())] {
			continue
		}
		if !last.IsZero() {
			gap(day.Add(runs[0]).Sub(last))
		}
		last = day.Add(runs[len(runs)-1])
	}
	return shortest, longest
}

// cronValues are the values that a field of a schedule stands for.
func cronValues(field string, low, high int) map[int]bool {
	out := map[int]bool{}
	for _, part := range strings.Split(field, ",") {
		part, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			step, _ = strconv.Atoi(stepText) // digits: the frontend has seen to it
		}
		from, to := low, high
		if part != "*" {
			first, second, isRange := strings.Cut(part, "-")
			from, _ = strconv.Atoi(first)
			to = from
			if isRange {
				to, _ = strconv.Atoi(second)
			} else if stepped {
				to = high
			}
		}
		for v := from; v <= to; v += max(step, 1) {
			out[v] = true
		}
	}
	return out
}
