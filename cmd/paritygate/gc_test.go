package main

import (
	"context"
	rtmetrics "runtime/metrics"
	"testing"
	"time"

	"paritygate/internal/testkit"
)

func gogc() uint64 {
	sample := []rtmetrics.Sample{{Name: "/gc/gogc:percent"}}
	rtmetrics.Read(sample)
	return sample[0].Value.Uint64()
}

func TestTuneGC(t *testing.T) {
	for name, operator := range map[string]bool{"by itself": false, "the operator has set GOGC": true} {
		t.Run(name, func(t *testing.T) {
			before := gogc()
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- tuneGC(ctx, func(string) (string, bool) { return "", operator }) }()
			if !operator {
				testkit.Eventually(t, 10*time.Second, func() bool { return gogc() != before }, "no percentage for the headroom")
			}
			cancel()
			if err := <-ended; err != nil || gogc() != before {
				t.Errorf("%v; %d%% before, %d%% after", err, before, gogc())
			}
		})
	}
}

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
