package fence_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"paritygate/internal/testkit"
)

// server is the PostgreSQL server of all tests that do not break it.
var server *testkit.PostgresServer

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
	if err = cheapLogins(); err == nil {
		code = m.Run()
	}
	stop()
	if code == 0 && err == nil {
		err = goleak.Find()
	}
	return code, err
}

// cheapLogins has passwords hashed once instead of 4,096 times: these tests log in a thousand times.
func cheapLogins() error {
	ctx := context.Background()
	hba := filepath.Join(server.Dir(), "data", "pg_hba.conf")
	if err := os.WriteFile(hba, []byte("host all all 127.0.0.1/32 md5\n"), 0o600); err != nil {
		return err
	}
	if err := server.Exec(ctx, "postgres", "ALTER SYSTEM SET password_encryption = 'md5'"); err != nil {
		return err
	}
	if err := server.Exec(ctx, "postgres", "SELECT pg_reload_conf()"); err != nil {
		return err
	}
	return server.Exec(ctx, "postgres", "SET password_encryption = 'md5'; ALTER ROLE postgres PASSWORD '"+server.Password()+"'")
}
