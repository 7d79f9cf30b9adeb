package testkit

import (
	"context"
	"testing"
	"time"

	"paritygate/internal/throwaway"
)

// PostgresServer is a real PostgreSQL server in a temporary directory.
type PostgresServer struct{ *throwaway.Server }

// Postgres starts a server that is stopped and removed in the test's cleanup. Without PostgreSQL's binaries the test fails,
// and says what to install: a skipped test proves nothing.
func Postgres(t testing.TB) *PostgresServer {
	t.Helper()
	s, stop, err := StartPostgres()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return s
}

// StartPostgres starts a server for all tests of a package, from its TestMain, which must call the function returned
// before it exits.
func StartPostgres() (*PostgresServer, func(), error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := throwaway.Start(ctx, throwaway.Options{
		Settings: map[string]string{"max_connections": "300"}, CheapLogins: true, // tests run beside each other, and log in again and again
	})
	if err != nil {
		return nil, nil, err
	}
	return &PostgresServer{s}, func() {
		if err := s.Close(); err != nil {
			panic(err) // a server left behind would be there for every later test
		}
	}, nil
}

// Database makes an empty database, filled by the statements if there are any, and returns its DSN.
func (s *PostgresServer) Database(t testing.TB, name string, statements ...string) string {
	t.Helper()
	dsn, err := s.CreateDatabase(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range statements {
		s.Run(t, name, sql)
	}
	return dsn
}

// Run runs SQL statements, separated by semicolons, in a database, as the superuser.
func (s *PostgresServer) Run(t testing.TB, database, sql string) {
	t.Helper()
	if err := s.Exec(t.Context(), database, sql); err != nil {
		t.Fatal(err)
	}
}

// Down stops the server: its connections end, and new ones are refused.
func (s *PostgresServer) Down(t testing.TB) {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
}

// Up starts a server that is down, at the same address and with its data.
func (s *PostgresServer) Up(t testing.TB) {
	t.Helper()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}
