package testkit

import (
	"net"
	"testing"
	"time"
)

// longestPause is how rarely Eventually asks at last: what takes long costs little.
const longestPause = 16 * time.Millisecond

// Eventually waits until the condition holds, and fails the test with the message when it does not within the time. The
// condition runs on the caller's goroutine, so it may use t; it is asked after 2 ms, and then more and more rarely.
func Eventually(t testing.TB, within time.Duration, condition func() bool, message string, args ...any) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	pause := 2 * time.Millisecond
	next := time.NewTimer(pause)
	defer next.Stop()
	for !condition() {
		next.Reset(pause)
		pause = min(pause*5/4, longestPause)
		select {
		case <-next.C:
		case <-deadline.C:
			if condition() {
				return
			}
			t.Fatalf("not within %s: "+message, append([]any{within}, args...)...)
		}
	}
}

// FreePort returns a TCP port of 127.0.0.1 on which nothing listened a moment ago.
func FreePort(t testing.TB) int {
	t.Helper()
	l := listen(t)
	defer func() {
		if err := l.Close(); err != nil {
			t.Errorf("free port: %v", err)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	return l
}
