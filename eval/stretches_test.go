package eval

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestStretches holds the sets that an interval holds as it moves to those of
// every interval that starts on a multiple of half a second.
func TestStretches(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	base := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for range 2000 {
		seconds := make([]int, r.IntN(8))
		for i := range seconds {
			seconds[i] = r.IntN(12)
		}
		slices.Sort(seconds)
		length := r.IntN(6)
		var times []time.Time
		for _, s := range seconds {
			times = append(times, base.Add(time.Duration(s)*time.Second))
		}
		var want []stretch
		for start := -20; start < 30; start++ { // half seconds
			s := stretch{-1, -1}
			for i, at := range seconds {
				if 2*at >= start && 2*at <= start+2*length {
					if s.lo < 0 {
						s.lo = i
					}
					s.hi = i + 1
				}
			}
			if s.lo >= 0 && !slices.Contains(want, s) {
				want = append(want, s)
			}
		}
		got := stretchesOf(times, time.Duration(length)*time.Second)
		if d := cmp.Diff(want, got, cmp.AllowUnexported(stretch{})); d != "" {
			t.Fatalf("%v within %d: %s", seconds, length, d)
		}
	}
}
