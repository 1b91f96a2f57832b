package kql

import "testing"

func TestRandomRoundTrip(t *testing.T) {
	n := uint64(4000)
	if testing.Short() {
		n = 400
	}
	for seed := range n {
		roundTrip(t, newGenerator(seed).query(2))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
