package testkit_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"paritygate/internal/testkit"
)

func TestPostgres(t *testing.T) {
	s := testkit.Postgres(t)
	dsn := s.Database(t, "shop", "CREATE TABLE items AS SELECT generate_series(1, 20000) AS id", "DELETE FROM items WHERE id = 1")
	s.Down(t)
	if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
		t.Error("a server that is down takes connections")
		_ = conn.Close(t.Context())
	}
	s.Up(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM items").Scan(&n); err != nil || n != 19999 {
		t.Errorf("%d rows, %v", n, err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
