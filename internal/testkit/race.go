package testkit

import "testing"

// WithoutRaceDetector skips a test whose inputs are so large that the race detector, which has nothing to find in it, would take
// minutes. `make test` runs such tests' packages once more without it.
func WithoutRaceDetector(t testing.TB) {
	t.Helper()
	if raceDetector {
		t.Skip("takes minutes with the race detector; make test runs it without")
	}
}
