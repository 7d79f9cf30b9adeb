package proxy

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// traceparent and tracestate reach both backends as they are.
func TestTraceContextIsPassedOn(t *testing.T) {
	seen := make(chan http.Header, 3)
	keep := http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		seen <- q.Header.Clone()
	})
	r := start(t, shadowPlan, keep, keep)
	const parent, state = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE"
	r.do("GET", "/a", nil, "TraceParent", parent, "tracestate", state, "tracestate", "x=1")
	r.do("POST", "/a", strings.NewReader("x"), "traceparent", parent, "tracestate", state, "tracestate", "x=1")
	shadows := 0
	for range 3 {
		h := <-seen
		if h.Get("Paritygate-Shadow") != "" {
			shadows++
		}
		if got := h["Traceparent"]; len(got) != 1 || got[0] != parent {
			t.Errorf("traceparent is %q", got)
		}
		if got := h["Tracestate"]; len(got) != 2 || got[0] != state || got[1] != "x=1" {
			t.Errorf("tracestate is %q", got)
		}
	}
	if shadows != 1 {
		t.Errorf("%d shadows", shadows)
	}
}
