package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"paritygate/compare/aggregate"
	"paritygate/internal/testkit"
)

func TestPoolerInTransactionMode(t *testing.T) {
	dsn, runs := testkit.Pooler(t, server, "shop_new", "postgres", server.Password(), 1)
	var checks []aggregate.Check
	for i := range 4 {
		c := scalar(fmt.Sprint("count ", i), "SELECT 24900", `SELECT count(*) FROM "Perf"."Data.Set"`)
		c.Strict = true
		checks = append(checks, c)
	}
	checks = append(checks, scalar("many rows", "SELECT 1", "SELECT generate_series(1, 1000000)"),
		scalar("too slow", "SELECT 1", "SELECT pg_sleep(20)"), scalar("other fails", "SELECT 1/0", "SELECT 1 FROM pg_sleep(20)"),
		scalar("cancelled", "SELECT 1", "SELECT 1 FROM pg_sleep(20) /* pooled */"))
	r := start(t, aggregate.Options{New: aggregate.Database{DSN: dsn, StatementTimeout: 500 * time.Millisecond}, Checks: checks})
	watch := connect(t, newDSN)
	for range 10 {
		results, err := r.RunAll(t.Context(), nil, aggregate.Mode{Strict: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range results {
			verify(t, got, aggregate.Pass, 0, "")
		}
		verify(t, runNow(t, r, "many rows", aggregate.Mode{}), aggregate.Inconclusive, -1, "more than one row")
		verify(t, runNow(t, r, "other fails", aggregate.Mode{}), aggregate.Inconclusive, -1, "ask old: division by zero")
	}
	verify(t, runNow(t, r, "too slow", aggregate.Mode{}), aggregate.Inconclusive, -1, "statement_timeout")

	// What was set for a check must not stay with the pooler's connection.
	var timeout, readOnly string
	pooled := connect(t, dsn+"&default_query_exec_mode=exec")
	err := pooled.QueryRow(t.Context(), "SELECT current_setting('statement_timeout'), current_setting('transaction_read_only')").Scan(&timeout, &readOnly)
	if err != nil || timeout != "0" || readOnly != "off" {
		t.Errorf("%s, %s, %v", timeout, readOnly, err)
	}

	patient := start(t, aggregate.Options{New: aggregate.Database{DSN: dsn}, Checks: checks})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := patient.RunNow(ctx, "cancelled", aggregate.Mode{})
		ended <- err
	}()
	testkit.Eventually(t, 10*time.Second, func() bool { return sessions(t, watch, "pooled */") > 0 }, "the statement does not run")
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	testkit.Eventually(t, 5*time.Second, func() bool { return sessions(t, watch, "pooled */") == 0 }, "the statement still runs")
	if !runs() {
		t.Error("PgBouncer has exited")
	}
}
