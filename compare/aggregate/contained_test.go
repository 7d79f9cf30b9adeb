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
