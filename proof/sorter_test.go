package proof

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSorter: what is sorted through files is sorted, and all there.
func TestSorter(t *testing.T) {
	for _, limit := range []int{1, 300, 1 << 20} {
		s := NewSorter([]string{"b", "a", "c", "a"})
		s.limit = limit
		r := rand.New(rand.NewPCG(1, 2))
		var want []sorted
		for range 500 {
			w := sorted{r.IntN(3), []int{r.IntN(4), 4 + r.IntN(300)}, fmt.Sprint(r.IntN(3))}
			want = append(want, w)
			if err := s.Add(s.idents[w.rank], w.events, w.text); err != nil {
				t.Fatal(err)
			}
		}
		slices.SortFunc(want, sorted.compare)
		i := 0
		err := s.Each(func(ident string, events []int, text string) error {
			if w := want[i]; ident != s.idents[w.rank] || !slices.Equal(events, w.events) || text != w.text {
				t.Fatalf("limit %d: %d is %s %v %s", limit, i, ident, events, text)
			}
			i++
			return nil
		})
		if err != nil || i != len(want) {
			t.Fatalf("limit %d: %d of %d, %v", limit, i, len(want), err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
