package fence_test

import (
	"fmt"
	"os"
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
	code = m.Run()
	stop()
	if code == 0 && err == nil {
		err = goleak.Find()
	}
	return code, err
}
