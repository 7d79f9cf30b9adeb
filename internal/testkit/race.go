package testkit

import "testing"

// WithoutRaceDetector skips a test in which the race detector has nothing to find, since its inputs are but large, or all that it does is
// drive a program that is built without. `make test` runs such tests once more without it.
func WithoutRaceDetector(t testing.TB) {
	t.Helper()
	if raceDetector {
		t.Skip("the race detector has nothing to find here; make test runs it without")
	}
}

// Rounds is how many of n random trials are made: a quarter of them with the race detector, which finds nothing in trials of one goroutine
// and makes them slow. `make test` runs such tests once more without it, and then all n.
func Rounds(n int) int {
	if raceDetector {
		return n / 4
	}
	return n
}
