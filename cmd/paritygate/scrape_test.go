package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"paritygate/dashboards"
	"paritygate/internal/testkit"
)

// Every query of the dashboard finds data in a real Prometheus that scrapes a running proxy with real databases.
func TestTheDashboardShowsARunningProxy(t *testing.T) {
	t.Parallel()
	server := testkit.Postgres(t)
	old := server.Database(t, "old", "CREATE TABLE mart_performance_metrics AS SELECT generate_series(1, 1000) AS id")
	renamed := server.Database(t, "new", "CREATE TABLE performance_measurement_dataset AS SELECT generate_series(1, 999) AS id")
	older, newer := newShop(t), newShop(t)
	r := boot(t, plainConfig+`
databases: {old: {dsn: "OLD_DSN"}, new: {dsn: "NEW_DSN"}}
checks:
  - name: datasets
    type: count
    old: {table: mart_performance_metrics}
    new: {table: performance_measurement_dataset}
`, "OLD_DSN", old, "NEW_DSN", renamed, "OLD", older.URL, "NEW", newer.URL)
	newer.misbehave(func(w http.ResponseWriter, req *http.Request) bool {
		if strings.HasSuffix(req.URL.Path, "3") {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return false
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	traffic := make(chan struct{})
	go func() {
		defer close(traffic)
		for i := 0; ctx.Err() == nil; i++ {
			_, _, _, _ = r.tryAsk(http.MethodGet, fmt.Sprintf("/items/%d", i%10), "")
			if i%10 == 0 {
				_, _, _, _ = r.tryAsk(http.MethodPost, "/orders", fmt.Sprint(i))
			}
		}
	}()
	prometheus := testkit.Prometheus(t, testkit.PrometheusOptions{
		Target: strings.TrimPrefix(r.adminURL(), "http://"), Rules: dashboards.Read(dashboards.Rules),
	})
	queries, err := dashboards.Queries()
	if err != nil || len(queries) == 0 {
		t.Fatal(len(queries), err)
	}
	for _, q := range queries {
		prometheus.Await(t, 20*time.Second, q.Expand(2*time.Second))
	}
	for _, metric := range specMetrics {
		prometheus.Await(t, 20*time.Second, "paritygate_"+metric)
	}
	cancel()
	<-traffic
}

// specMetrics are the metrics of the contract that this version has; what belongs to the journal is not among
// them.
var specMetrics = []string{
	"requests_total", "request_duration_seconds_bucket", "overhead_seconds_bucket", "comparisons_total", "differences_total",
	"shadow_skipped_total", "shadow_in_flight", "shadow_queue_length", "shadow_memory_bytes", "parity_mismatch_ratio",
	"parity_upper_bound", "check_variance_ratio", "check_verdict", "check_duration_seconds", "check_timestamp_seconds",
	"gate_verdict", "phase", "epoch", "mirror_fraction", "canary_fraction", "rollback_unreplayed_writes", "breaker_state", "rollbacks_total",
	"rollback_duration_seconds_bucket", "held_writes", "write_hold_seconds_bucket", "store_errors_total", "config_reload_success",
	"build_info",
}
