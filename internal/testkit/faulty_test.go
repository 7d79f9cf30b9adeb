package testkit_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"paritygate/internal/testkit"
)

// ask sends a request to a URL with a deadline and returns how far it came.
func ask(t *testing.T, url string, within time.Duration, body io.Reader) (status int, got string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), err
}

func TestFaults(t *testing.T) {
	tests := []struct {
		fault  testkit.Fault
		status int
		body   string
		err    error  // wrapped, or
		text   string // contained
	}{
		{testkit.BlackHole(), 0, "", context.DeadlineExceeded, ""},
		{testkit.HangBeforeHeaders(), 0, "", context.DeadlineExceeded, ""},
		{testkit.SlowBytes(20 * time.Millisecond), 0, "", context.DeadlineExceeded, ""},
		{testkit.HangMidBody(), 200, `{"a": [1, 2, 3`, context.DeadlineExceeded, ""},
		{testkit.ResetMidBody(), 200, "*", syscall.ECONNRESET, ""},
		{testkit.CutOffChunked(), 200, `{"a":`, io.ErrUnexpectedEOF, ""},
		{testkit.CutOffLength(), 200, `{"a": [1, 2, 3`, io.ErrUnexpectedEOF, ""},
		{testkit.Garbage(), 0, "", nil, "malformed HTTP"},
		{testkit.CloseAtOnce(), 0, "", nil, ""},
		{testkit.ResetAtOnce(), 0, "", nil, ""},
	}
	if len(tests) != len(testkit.Faults()) {
		t.Errorf("%d faults, %d tested", len(testkit.Faults()), len(tests))
	}
	for _, test := range tests {
		t.Run(test.fault.Name, func(t *testing.T) {
			s := testkit.Faulty(t, test.fault)
			// Without a body: closing with unread input is a reset, which would hide that a fault makes none.
			status, body, err := ask(t, s.URL, 300*time.Millisecond, nil)
			if err == nil || test.err != nil && !errors.Is(err, test.err) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("error %v, want %v %s", err, test.err, test.text)
			}
			// A reset may overtake the answer before it, as it may for any client.
			overtaken := errors.Is(test.err, syscall.ECONNRESET) && status == 0
			if status != test.status && !overtaken || test.body != "*" && body != test.body {
				t.Errorf("status %d and body %q, want %d and %q", status, body, test.status, test.body)
			}
			if s.Accepted() == 0 {
				t.Error("no connection counted")
			}
		})
	}
}

func TestBlackHoleTakesNoMoreThanTheBuffers(t *testing.T) {
	s := testkit.Faulty(t, testkit.BlackHole())
	sent := &counted{}
	if _, _, err := ask(t, s.URL, 300*time.Millisecond, io.LimitReader(sent, 1<<30)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if sent.n == 0 || sent.n > 64<<20 {
		t.Errorf("%d bytes were taken", sent.n)
	}
}

type counted struct{ n int64 }

func (c *counted) Read(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

func TestFaultServerClosesItsConnections(t *testing.T) {
	s := testkit.Faulty(t, testkit.BlackHole())
	failed := make(chan error, 1)
	go func() {
		_, _, err := ask(t, s.URL, time.Minute, nil)
		failed <- err
	}()
	testkit.Eventually(t, 5*time.Second, func() bool { return s.Open() == 1 }, "no connection")
	s.Close()
	if err := <-failed; err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want that of a closed connection", err)
	}
	if s.Open() != 0 {
		t.Errorf("%d connections open", s.Open())
	}
}
