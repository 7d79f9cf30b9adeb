package aggregate

import (
	"context"
	"testing"
	"time"
)

// clockAt is a database whose clock stands still.
type clockAt string

func (c clockAt) ask(context.Context, string, int) (*answer, error) {
	return &answer{columns: make([]column, 1), rows: [][]value{{{text: string(c)}}}}, nil
}

// TestSettledByTheClockBehind wants the moment of both sides taken from the clock that is behind, whichever side has it.
func TestSettledByTheClockBehind(t *testing.T) {
	const ahead, behind = clockAt("2026-01-31 10:00:07.25+00"), clockAt("2026-01-31 10:00:00.5+00")
	for _, both := range [][2]source{{ahead, behind}, {behind, ahead}} {
		a := &asking{plan: &plan{check: Check{Settled: &Settled{Lag: time.Minute}}}}
		got, err := a.settle(t.Context(), both)
		if err != nil {
			t.Fatal(err)
		}
		if want := "timestamptz '2026-01-31 09:59:00.5+00'"; got.sql() != want {
			t.Errorf("%s, want %s", got.sql(), want)
		}
	}
}
