package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"paritygate/internal/cutover"
	"paritygate/internal/testkit"
)

// A breaker that stays open is a gap, although it lets one request through now and then.
func TestABreakerThatStaysOpenIsAGap(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	r := boot(t, windowConfig+"rollback: {error_rate: {window: 1s}}\n", "OLD", older.URL, "NEW", newer.URL)
	r.gatePasses()
	newer.Kill()
	i := 0
	traffic := func() {
		i++
		r.ask(http.MethodGet, fmt.Sprintf("/items/%d", i%500), "")
	}
	r.eventually("the gate sees the gap", func() bool {
		traffic()
		return strings.Contains(r.criterion("window").Reason, "no evidence could be gathered")
	})
	newer.Revive(t)
	r.eventually("the window begins anew once the breaker closed", func() bool {
		traffic()
		return r.events("gap") > 0
	})
	r.gatePasses()
}

// The time in which the proxy was down is a gap, from the first moment of the next process on.
func TestADownTimeIsAGap(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	text := windowConfig + "store: {path: " + filepath.Join(t.TempDir(), "paritygate.db") + "}\n"
	r := boot(t, text, "OLD", older.URL, "NEW", newer.URL)
	r.gatePasses()
	before := r.status().Window.Start
	r.end()
	down := time.Now()
	testkit.Eventually(t, 20*time.Second, func() bool { return time.Since(down) > 2500*time.Millisecond }, "it was down for long")
	r = boot(t, text, "OLD", older.URL, "NEW", newer.URL)
	if report, err := r.client.Gate(t.Context()); err != nil || report.Verdict == cutover.Pass {
		t.Errorf("right after the restart the gate says %+v %v", report, err)
	}
	r.eventually("the window begins anew", func() bool {
		s := r.status()
		return r.events("gap") == 1 && s.Window.Start.After(before) && s.Parity.Eligible == 0
	})
}

// A pause shorter than the gap allows does not cost the evidence.
func TestAShortDownTimeKeepsTheEvidence(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	text := strings.Replace(windowConfig, "max_gap: 1s", "max_gap: 1m", 1) + "store: {path: " + filepath.Join(t.TempDir(), "paritygate.db") + "}\n"
	r := boot(t, text, "OLD", older.URL, "NEW", newer.URL)
	r.gatePasses()
	before := r.status()
	r.end()
	r = boot(t, text, "OLD", older.URL, "NEW", newer.URL)
	if report, err := r.client.Gate(t.Context()); err != nil || report.Verdict != cutover.Pass {
		t.Errorf("after a quick restart the gate says %+v %v", report, err)
	}
	if s := r.status(); !s.Window.Start.Equal(before.Window.Start) || s.Parity.Eligible != before.Parity.Eligible {
		t.Errorf("%+v became %+v", before, s)
	}
}
