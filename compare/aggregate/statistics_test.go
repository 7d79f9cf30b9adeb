package aggregate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"paritygate/compare/aggregate"
	"paritygate/compare/aggregate/catalog"
)

// A table that cannot be counted, because it is locked or gone, does not keep the others from being counted.
func TestStatisticsOfTablesThatCannotBeCounted(t *testing.T) {
	dsn := server.Database(t, "statistics", `
		CREATE TABLE "odd ""name" AS SELECT i % 4 AS kind FROM generate_series(1, 1000) i;
		CREATE TABLE locked (id int);
		CREATE TABLE last (id int);
		INSERT INTO last VALUES (1), (2);
		ANALYZE;`)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE locked"); err != nil {
		t.Fatal(err)
	}
	name := func(s string) catalog.Name { return catalog.Name{Schema: "public", Name: s} }
	tables := []catalog.Name{name(`odd "name`), name("locked"), name("gone"), name("last")}
	got, err := aggregate.ReadStatistics(t.Context(), "old", aggregate.Database{DSN: dsn, StatementTimeout: 200 * time.Millisecond}, tables)
	if err != nil {
		t.Fatal(err)
	}
	if got.Rows[tables[0]] != 1000 || got.Rows[tables[3]] != 2 || len(got.Rows) != 2 {
		t.Errorf("counted: %v", got.Rows)
	}
	if !strings.Contains(got.Uncounted[tables[1]], "200ms") || !strings.Contains(got.Uncounted[tables[2]], "does not exist") {
		t.Errorf("not counted: %v", got.Uncounted)
	}
	if n := got.Distinct[catalog.ColumnName{Relation: tables[0], Column: "kind"}]; n != 4 {
		t.Errorf("kind has %v values", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := aggregate.ReadStatistics(ctx, "old", aggregate.Database{DSN: dsn}, tables); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}
