package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
)

// TrafficOptions are the choices in making traffic.
type TrafficOptions struct {
	// URL is where the clients shop.
	URL string
	// Sizes are what the shops hold.
	Sizes Sizes
	// Clients is how many there are, each with a connection of its own; 0 is 24.
	Clients int
	// Reads and Writes are how many of them all clients together send in a second; 0 is 400 and 50.
	Reads, Writes float64
	// Timeout is a client's patience with one answer; 0 is 15 s.
	Timeout time.Duration
}

// Traffic is a crowd of clients. What they see is in its Tally and its Sent.
type Traffic struct {
	o             TrafficOptions
	reads, writes *rate.Limiter
	tally         tally
	transport     *http.Transport

	mu      sync.Mutex
	sent    []SentWrite
	settled bool // no account is kept any more
}

// SentWrite is a write as its client saw it.
type SentWrite struct {
	Reference string
	Started   time.Time
	// Duration is how long the client waited for the answer's end.
	Duration time.Duration
	// Status is the answer's; 0 if there was none.
	Status int
}

// Accepted reports whether the client was told that the write was taken.
func (w *SentWrite) Accepted() bool { return w.Status >= 200 && w.Status < 300 }

// NewTraffic returns traffic that has not begun.
func NewTraffic(o TrafficOptions) *Traffic {
	if o.Clients == 0 {
		o.Clients = 24
	}
	if o.Reads == 0 {
		o.Reads = 400
	}
	if o.Writes == 0 {
		o.Writes = 50
	}
	if o.Timeout == 0 {
		o.Timeout = 15 * time.Second
	}
	return &Traffic{
		o: o, reads: rate.NewLimiter(rate.Limit(o.Reads), 8), writes: rate.NewLimiter(rate.Limit(o.Writes), 2),
		transport: &http.Transport{MaxIdleConnsPerHost: o.Clients, DisableCompression: true},
	}
}

// Run sends requests until ctx ends; those under way are awaited, so that their outcome is known.
func (t *Traffic) Run(ctx context.Context) error {
	defer t.transport.CloseIdleConnections()
	// A sixth of the clients only write: a read that waits never holds a write back, nor the other way round.
	writers := max(1, t.o.Clients/6)
	var g errgroup.Group
	made := &recent{}
	for n := range t.o.Clients {
		c := &shopper{
			http: &http.Client{Transport: t.transport, Timeout: t.o.Timeout, CheckRedirect: noRedirect},
			name: fmt.Sprintf("client-%d", n), base: t.o.URL, sizes: t.o.Sizes, made: made,
			r: mathrand.New(mathrand.NewPCG(uint64(n), 97)), //nolint:gosec // traffic needs no secrets
		}
		c.popular = mathrand.NewZipf(c.r, 1.1, 30, uint64(t.o.Sizes.Products-1))
		limiter, act := t.reads, t.read
		if n < writers {
			limiter, act = t.writes, t.write
		}
		g.Go(func() error {
			for limiter.Wait(ctx) == nil {
				// The request's end is not the crowd's: it is answered, or times out.
				act(context.WithoutCancel(ctx), c)
			}
			return nil
		})
	}
	return g.Wait()
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Tally returns what the clients have seen so far.
func (t *Traffic) Tally() Tally { return t.tally.snapshot() }

// Sent returns all writes so far, in the order of their ends.
func (t *Traffic) Sent() []SentWrite {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]SentWrite(nil), t.sent...)
}

func (t *Traffic) read(ctx context.Context, c *shopper) {
	q := c.nextRead()
	a := c.do(ctx, q.method, q.target, q.body)
	t.tally.add(a, a.err == nil && (a.status == http.StatusOK || a.status == q.alsoFine))
}

func (t *Traffic) write(ctx context.Context, c *shopper) {
	reference := "ref-" + rand.Text()
	q := c.nextWrite(reference)
	a := c.do(ctx, q.method, q.target, q.body)
	sent := SentWrite{Reference: reference, Started: a.started, Duration: a.duration, Status: a.status}
	t.mu.Lock()
	if !t.settled {
		t.sent = append(t.sent, sent)
	}
	t.mu.Unlock()
	t.tally.add(a, sent.Accepted())
	if a.status == http.StatusCreated {
		c.made.add(a.location)
	}
}

// answer is what a client made of one request.
type answer struct {
	write    bool
	started  time.Time
	duration time.Duration
	status   int // 0 if there was no answer
	fallback bool
	location string
	err      error
}

// shopper is one client. It is used by one goroutine.
type shopper struct {
	http    *http.Client
	name    string // in every request's X-Client, as a session would be
	base    string
	r       *mathrand.Rand
	popular *mathrand.Zipf
	sizes   Sizes
	made    *recent
}

func (c *shopper) do(ctx context.Context, method, target string, body any) answer {
	a := answer{started: time.Now(), write: method == http.MethodPatch || target == "/api/orders"}
	a.err = func() error {
		var reader io.Reader
		if body != nil {
			b, err := json.Marshal(body)
			if err != nil {
				return err
			}
			reader = bytes.NewReader(b)
		}
		request, err := http.NewRequestWithContext(ctx, method, c.base+target, reader)
		if err != nil {
			return err
		}
		request.Header.Set("X-Client", c.name)
		if body != nil {
			request.Header.Set("Content-Type", "application/json")
		}
		response, err := c.http.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return fmt.Errorf("the answer was cut off: %w", err)
		}
		a.status, a.location = response.StatusCode, response.Header.Get("Location")
		a.fallback = response.Header.Get("Paritygate-Fallback") != ""
		return nil
	}()
	a.duration = time.Since(a.started)
	return a
}

// problemOf names what went wrong, in one of a few words.
func problemOf(a answer) string {
	var timeout net.Error
	switch {
	case a.err == nil:
		return fmt.Sprintf("status %d", a.status)
	case errors.As(a.err, &timeout) && timeout.Timeout():
		return "no answer in time"
	default:
		return "connection broken"
	}
}
