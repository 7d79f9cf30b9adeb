package main

import "testing"

func TestGCPercentKeepsTheHeadroom(t *testing.T) {
	for _, test := range []struct {
		live uint64
		want int
	}{
		{0, 400}, {1 << 20, 400}, {5 << 20, 400}, {10 << 20, 200}, {20 << 20, 100}, {40 << 20, 50}, {1 << 30, 25},
	} {
		if got := gcPercent(test.live); got != test.want {
			t.Errorf("%d live bytes: %d%%, want %d%%", test.live, got, test.want)
		}
	}
}
