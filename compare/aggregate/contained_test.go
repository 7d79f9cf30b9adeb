package aggregate

import (
	"context"
	"strings"
	"testing"
)

// A panic on either side must end in an error that names its place: in the second goroutine it would end the proxy.
func TestAPanicOfOneSideIsAnError(t *testing.T) {
	for side := range sides {
		err := onSides(t.Context(), func(_ context.Context, i int) error {
			var rows [][]value
			if i == side {
				_ = rows[side]
			}
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), "index out of range") || !strings.Contains(err.Error(), "TestAPanicOfOneSideIsAnError") {
			t.Errorf("%s: %v", sides[side], err)
		}
	}
}

func TestOneLineSaysNothingTwice(t *testing.T) {
	driver := "db:5432: dial error: connection refused\n\tdb:5432: dial error: connection refused\n\tother:5432: no  route"
	if got, want := oneLine(driver), "db:5432: dial error: connection refused; other:5432: no route"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
