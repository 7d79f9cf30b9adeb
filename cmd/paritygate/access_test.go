package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	logged "go.uber.org/zap/zaptest/observer"

	"paritygate/proxy"
)

// The line that a request leaves in the log, whole, with no value of its query.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	core, seen := logged.New(zapcore.InfoLevel)
	registry := prometheus.NewRegistry()
	older, newer := newShop(t), newShop(t)
	r := bootLogged(t, zap.New(core), plainConfig+"log: {access: {fraction: 100%}}\n", "OLD", older.URL, "NEW", newer.URL)
	r.ask(http.MethodGet, "/items/1?token=very-secret", "")
	r.ask(http.MethodPost, "/orders", "very-secret")
	r.eventually("two lines", func() bool { return seen.FilterMessage("request").Len() == 2 })
	lines := seen.FilterMessage("request").All()
	fields := lines[0].ContextMap()
	if fields["target"] != "/items/1?token" || fields["method"] != "GET" || fields["status"] != int64(200) || fields["backend"] != "old" || fields["route"] != "read" {
		t.Errorf("%v", fields)
	}
	text, err := json.Marshal([]any{lines[0].ContextMap(), lines[1].ContextMap()})
	if err != nil || strings.Contains(string(text), "very-secret") {
		t.Errorf("%s %v", text, err)
	}

	// Nobody writes: what does not fit is dropped and counted, and nobody waits.
	idle := newAccessLog(1, zap.NewNop(), registry)
	for range accessQueue + 3 {
		idle.Log(proxy.Access{})
	}
	if n := testutil.ToFloat64(idle.dropped); n != 3 {
		t.Errorf("%v dropped", n)
	}
}

func TestAccessSampling(t *testing.T) {
	a := newAccessLog(0.25, zap.NewNop(), prometheus.NewRegistry())
	n := 0
	for range 10_000 {
		if a.Sampled() {
			n++
		}
	}
	if n < 2000 || n > 3000 { // ten standard deviations
		t.Errorf("%d of 10,000 are sampled", n)
	}
}
