package aggregate_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"paritygate/compare/aggregate"
)

// benchRows is how many rows the tables of BenchmarkChecksum have. The figures in docs/PERFORMANCE.md are of 2,000,000, which
// take a minute to make.
func benchRows(b *testing.B) int {
	b.Helper()
	text := os.Getenv("PARITYGATE_BENCH_ROWS")
	if text == "" {
		return 100_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("PARITYGATE_BENCH_ROWS: %q is no number of rows", text)
	}
	return n
}

// BenchmarkChecksum measures a checksum beside what it cannot be faster than by much: one statement that hashes every row, on
// both sides at once.
func BenchmarkChecksum(b *testing.B) {
	n := benchRows(b)
	rows := fmt.Sprintf(`SELECT i, i %% 5000, (i %% 99991) * 0.01, CASE WHEN i %% 10 = 0 THEN NULL ELSE 'note number ' || i END, i %% 3 = 0,
		timestamptz '2026-01-01Z' + i * interval '1.000001 s', md5(i::text)::uuid FROM generate_series(1, %d) i;`, n)
	oldDB := server.Database(b, "bench_old", `CREATE TABLE orders (id bigint PRIMARY KEY, customer int, amount numeric(10,2), note varchar(60), paid bool, at timestamptz, ref uuid);
		INSERT INTO orders `+rows)
	newDB := server.Database(b, "bench_new", `CREATE TABLE purchase (order_id bigint PRIMARY KEY, customer bigint, total numeric(14,4), note text, paid bool, created timestamptz, ref uuid);
		INSERT INTO purchase `+rows)
	server.Run(b, "bench_old", "VACUUM ANALYZE orders")
	server.Run(b, "bench_new", "VACUUM ANALYZE purchase")
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			plain(b, [2]string{oldDB, newDB}, [2]string{"orders", "purchase"})
		}
	})
	check := aggregate.Check{
		Name: "orders", Type: aggregate.Checksum, Old: aggregate.Side{Table: "orders"}, New: aggregate.Side{Table: "purchase"},
		Columns: []aggregate.Column{{Old: "id", New: "order_id"}, {Old: "amount", New: "total"}, {Old: "at", New: "created"}},
	}
	r, err := aggregate.New(aggregate.Options{Old: aggregate.Database{DSN: oldDB}, New: aggregate.Database{DSN: newDB}, Checks: []aggregate.Check{check}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(r.Close)
	for _, bench := range []struct {
		name, change string
		want         aggregate.Verdict
	}{
		{"equal", "SELECT 1", aggregate.Pass},
		{"one row differs", fmt.Sprintf("UPDATE purchase SET total = total + 0.01 WHERE order_id = %d", n*2/3), aggregate.Fail},
	} {
		b.Run(bench.name, func(b *testing.B) {
			server.Run(b, "bench_new", bench.change)
			for b.Loop() {
				got, err := r.RunNow(context.Background(), "orders", aggregate.Mode{})
				if err != nil || got.Verdict != bench.want {
					b.Fatalf("%v, %s: %s", err, got.Verdict, got.Reason)
				}
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.Sys)/(1<<20), "MiB-of-client")
		})
	}
}

// plain hashes every row of both sides at once.
func plain(b *testing.B, dsns, tables [2]string) {
	b.Helper()
	var both sync.WaitGroup
	for i, dsn := range dsns {
		both.Go(func() {
			ctx := context.Background()
			conn, err := pgx.Connect(ctx, dsn)
			if err != nil {
				b.Error(err)
				return
			}
			defer func() { _ = conn.Close(ctx) }()
			var count, sum int64
			if err := conn.QueryRow(ctx, "SELECT count(*), sum(hashtext(t::text)) FROM "+tables[i]+" t").Scan(&count, &sum); err != nil {
				b.Error(err)
			}
		})
	}
	both.Wait()
}
