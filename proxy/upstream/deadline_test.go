package upstream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// onlyDeadline is a context that says when it ends, and wakes nobody.
type onlyDeadline struct {
	context.Context
	at time.Time
}

func (d onlyDeadline) Deadline() (time.Time, bool) { return d.at, true }

func (d onlyDeadline) Err() error {
	if time.Now().Before(d.at) {
		return nil
	}
	return context.DeadlineExceeded
}

// slowBackend sends the head at once and the body when it is told to, or never if release is nil.
func slowBackend(t *testing.T, head bool, release <-chan struct{}) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
					return
				}
				if head {
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
				}
				select {
				case <-release:
					_, _ = io.WriteString(c, "ok")
				case <-t.Context().Done():
				}
			}()
		}
	}()
	return &url.URL{Scheme: "http", Host: l.Addr().String()}
}

func ask(t *testing.T, ctx context.Context, c *Client, u *url.URL) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(req, nil)
}

func TestADeadlineWithoutDoneEndsTheRequestAndTheBody(t *testing.T) {
	for name, head := range map[string]bool{"before the head": false, "within the body": true} {
		t.Run(name, func(t *testing.T) {
			u := slowBackend(t, head, nil)
			c := New(Options{URL: u})
			defer c.CloseIdleConnections()
			ctx := onlyDeadline{context.Background(), time.Now().Add(80 * time.Millisecond)}
			resp, err := ask(t, ctx, c, u)
			if head && err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("ended by %v", err)
			}
			if ctx.Err() == nil {
				t.Error("ended too early")
			}
		})
	}
}

func TestTheHeaderTimeoutIsNotForTheBody(t *testing.T) {
	release := make(chan struct{})
	u := slowBackend(t, true, release)
	c := New(Options{URL: u, HeaderTimeout: 50 * time.Millisecond})
	defer c.CloseIdleConnections()
	resp, err := ask(t, t.Context(), c, u)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	time.AfterFunc(150*time.Millisecond, func() { close(release) })
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "ok" {
		t.Errorf("%q, %v", body, err)
	}
}
