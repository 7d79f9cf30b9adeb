package aggregate_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"paritygate/internal/testkit"
)

// server is the PostgreSQL server of all tests that do not break it.
var server *testkit.PostgresServer

// oldDSN and newDSN are two databases with 25,000 rows under different names; new lacks 100 of them.
var oldDSN, newDSN string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	s, stop, err := testkit.StartPostgres()
	if err != nil {
		return 1, err
	}
	server = s
	if err = fill(); err == nil {
		code = m.Run()
	}
	stop()
	if code == 0 && err == nil {
		err = goleak.Find()
	}
	return code, err
}

func fill() (err error) {
	ctx := context.Background()
	if oldDSN, err = server.CreateDatabase(ctx, "shop_old"); err != nil {
		return err
	}
	if newDSN, err = server.CreateDatabase(ctx, "shop_new"); err != nil {
		return err
	}
	// Defaults of a database that change how values are written must not reach a check.
	if err = server.Exec(ctx, "postgres", `
		ALTER DATABASE shop_old SET timezone = 'Asia/Tokyo';
		ALTER DATABASE shop_old SET datestyle = 'SQL, DMY';
		ALTER DATABASE shop_old SET intervalstyle = 'postgres_verbose';
		ALTER DATABASE shop_old SET extra_float_digits = -5;
		ALTER DATABASE shop_old SET bytea_output = 'escape';`); err != nil {
		return err
	}
	if err = server.Exec(ctx, "shop_old", `
		CREATE TABLE mart_performance_metrics AS
			SELECT i AS id, (i % 997) * 0.01::numeric AS amount, timestamptz '2026-01-01 00:00Z' + i * interval '1 second' AS seen
			FROM generate_series(1, 25000) i;
		CREATE TABLE nothing (id int);`); err != nil {
		return err
	}
	return server.Exec(ctx, "shop_new", `
		CREATE SCHEMA "Perf";
		CREATE TABLE "Perf"."Data.Set" AS
			SELECT i AS artifact_id, ((i % 997) * 0.01)::numeric(12,4) AS value, timestamptz '2026-01-01 00:00Z' + i * interval '1 second' AS at
			FROM generate_series(1, 24900) i;
		CREATE TABLE "we""ird" (id int);
		CREATE SEQUENCE counter;`)
}
