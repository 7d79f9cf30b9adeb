package main

import "testing"

func TestGCPercentKeepsTheHeadroom(t *testing.T) {
	for _, test := range []struct {
		live uint64
		want int
	}{
		{0, 400}, {1 << 20, 400}, {8 << 20, 400}, {16 << 20, 200}, {32 << 20, 100}, {64 << 20, 50}, {1 << 30, 25},
	} {
		if got := gcPercent(test.live); got != test.want {
			t.Errorf("%d live bytes: %d%%, want %d%%", test.live, got, test.want)
		}
	}
}
