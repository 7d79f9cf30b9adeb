package proxy

import (
	"net/http"
	"testing"
	"time"
)

// Writes that all fail are seen among reads that do not.
func TestARowOfOneKind(t *testing.T) {
	p := livePlan
	p.Shadow = None
	r := start(t, p, text("old"), http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/ill" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	row := func(write bool) [2]int {
		failures, different := r.proxy.FailuresInARowOf(write)
		return [2]int{failures, different}
	}
	for _, target := range []string{"/ill", "/ill?2", "/ill"} {
		r.do(http.MethodPost, target, nil)
		r.do(http.MethodGet, "/", nil)
	}
	if got := row(true); got != [2]int{3, 2} || row(false) != [2]int{} {
		t.Errorf("writes %v, reads %v", got, row(false))
	}
	if d := r.proxy.Different(true, time.Minute, time.Minute, time.Minute); d.Failures != 2 {
		t.Errorf("%+v", d)
	}
	if d := r.proxy.Different(false, time.Minute, time.Minute, time.Minute); d.Failures != 0 {
		t.Errorf("of reads %+v", d)
	}
	r.proxy.BeginFigures(2)
	if got := row(true); got != [2]int{} {
		t.Errorf("%v in another epoch", got)
	}
	r.do(http.MethodPost, "/ill", nil)
	r.do(http.MethodPost, "/", nil)
	if got := row(true); got != [2]int{} {
		t.Errorf("%v after a success", got)
	}
}

func TestConnectionsThatFailAreAllDifferent(t *testing.T) {
	r := startAt(t, livePlan, serve(t, text("old")), deadServer(t))
	for range 3 {
		r.do(http.MethodGet, "/", nil)
	}
	if failures, different := r.proxy.FailuresInARowOf(false); failures != 3 || different != 3 {
		t.Errorf("%d failures, %d of them different", failures, different)
	}
	if d := r.proxy.Different(false, time.Minute, time.Minute, time.Minute); d.Failures != 3 {
		t.Errorf("%+v", d)
	}
}
