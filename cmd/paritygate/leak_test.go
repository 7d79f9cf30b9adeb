package main

import (
	"fmt"
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"paritygate/internal/admin"
)

// The whole program, through a flip and a rollback, leaves no goroutine behind when it has ended.
func TestNothingRunsOn(t *testing.T) {
	before := goleak.IgnoreCurrent()
	older, newer := newShop(t), newShop(t)
	r := boot(t, roundConfig, "OLD", older.URL, "NEW", newer.URL)
	round := func() {
		for i := range 50 {
			r.ask(http.MethodGet, fmt.Sprintf("/items/%d", i), "")
			r.ask(http.MethodPost, "/orders", "x")
		}
	}
	round()
	if _, err := r.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err != nil {
		t.Fatal(err)
	}
	round()
	if _, err := r.client.Rollback(t.Context(), admin.Change{Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	round()
	r.end()
	httpClient.CloseIdleConnections()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections() //nolint:forcetypeassert // it is one
	older.Kill()
	newer.Kill()
	goleak.VerifyNone(t, before)
}
