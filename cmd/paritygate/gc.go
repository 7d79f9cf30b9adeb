package main

import (
	"context"
	"runtime/debug"
	rtmetrics "runtime/metrics"
	"time"
)

const (
	// headroom is how many bytes the heap may grow by between two collections. A percentage of what is live, as the runtime has it,
	// would collect a small heap too often, and let one that a hanging shadow has filled grow to a multiple of that.
	headroom = 20 << 20
	// The percentages within which it is kept.
	leastPercent, mostPercent = 25, 400
	tuneEvery                 = 100 * time.Millisecond
)

// gcPercent is what debug.SetGCPercent wants for the headroom over that many live bytes.
func gcPercent(live uint64) int {
	return int(min(max(headroom*100/max(live, 1), leastPercent), mostPercent))
}

// tuneGC keeps the headroom until ctx ends, unless the operator has said something else by GOGC. It returns nil.
func tuneGC(ctx context.Context, lookup func(string) (string, bool)) error {
	if _, ok := lookup("GOGC"); ok {
		<-ctx.Done()
		return nil
	}
	sample := []rtmetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	set := 100
	defer func() { debug.SetGCPercent(100) }()
	ticker := time.NewTicker(tuneEvery)
	defer ticker.Stop()
	for {
		rtmetrics.Read(sample)
		// To set it stops the program for some microseconds.
		if want := gcPercent(sample[0].Value.Uint64()); want < set*9/10 || want > set*11/10 {
			set = want
			debug.SetGCPercent(set)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
