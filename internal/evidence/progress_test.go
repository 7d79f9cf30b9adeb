package evidence

import (
	"errors"
	"testing"
)

func TestCheckProgress(t *testing.T) {
	s := mustOpen(t, options(t, newClock()))
	look := func(name, want string) {
		t.Helper()
		if got, err := s.CheckProgress(t.Context(), name); err != nil || string(got) != want || (got == nil) != (want == "") {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	look("orders", "")
	for _, body := range []string{"half", "three \x00 quarters"} {
		if err := s.SaveCheckProgress(t.Context(), "orders", []byte(body)); err != nil {
			t.Fatal(err)
		}
		if err := s.SaveCheckProgress(t.Context(), "items", []byte("some")); err != nil {
			t.Fatal(err)
		}
		s = reopen(t, s)
		look("orders", body)
	}
	for range 2 { // the second finds nothing, which is no error
		if err := s.ClearCheckProgress(t.Context(), "orders"); err != nil {
			t.Fatal(err)
		}
	}
	look("orders", "")
	look("items", "some")
}

func TestCheckProgressOfAClosedStore(t *testing.T) {
	s := mustOpen(t, options(t, newClock()))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, loading := s.CheckProgress(t.Context(), "orders")
	for _, err := range []error{loading, s.SaveCheckProgress(t.Context(), "orders", nil), s.ClearCheckProgress(t.Context(), "orders")} {
		if err == nil || errors.Unwrap(err) == nil {
			t.Errorf("%v", err)
		}
	}
}
