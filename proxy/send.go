package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Sender sends recorded writes to a backend as their clients would have, for the journal's replay and its mirror. It has connections of
// its own, follows no redirects and repeats nothing of which a byte has gone out. It is safe for concurrent use.
type Sender struct {
	backends [3]*backend
	table    func() *table
	via      *via
	seed     maphash.Seed
}

// SenderOptions are what a Sender takes of a Proxy's, where there is none.
type SenderOptions struct {
	Run      string
	Old, New BackendOptions
	Routes   []Route
	// Set are fields that replace those that were recorded, and those of the backends' options.
	Set http.Header
}

// NewSender makes a Sender. An error names the route or backend that is at fault.
func NewSender(o SenderOptions) (*Sender, error) {
	compiler := &Proxy{metrics: newMetrics()}
	t, err := compiler.compile(Table{Routes: o.Routes, Comparer: uncompared{}})
	if err != nil {
		return nil, err
	}
	return newSender(o, newVia("paritygate-"+o.Run), func() *table { return t })
}

// Sender makes a Sender for the proxy's backends, and its routes as they are at the time of each write. The fields of set replace those that
// were recorded, and those of the backends' options.
func (p *Proxy) Sender(set http.Header) (*Sender, error) {
	return newSender(SenderOptions{Old: p.options.Old, New: p.options.New, Set: set}, p.via, p.table.Load)
}

func newSender(o SenderOptions, via *via, t func() *table) (*Sender, error) {
	s := &Sender{table: t, via: via, seed: maphash.MakeSeed()}
	for id, bo := range map[Backend]BackendOptions{Old: o.Old, New: o.New} {
		setDefault(&bo.Timeout, 30*time.Second)
		set := maps.Clone(bo.Set)
		if set == nil {
			set = http.Header{}
		}
		for name, values := range o.Set {
			name = http.CanonicalHeaderKey(name)
			maps.DeleteFunc(set, func(other string, _ []string) bool { return strings.EqualFold(other, name) })
			set[name] = values
		}
		bo.Set = set
		b, err := newBackend(id, bo, 1)
		if err != nil {
			return nil, err
		}
		s.backends[id] = b
	}
	return s, nil
}

// uncompared is the comparer of a table for which nothing is compared.
type uncompared struct{ Comparer }

// Close closes the connections that rest.
func (s *Sender) Close() {
	for _, b := range s.backends[Old:] {
		b.closeIdle()
	}
}

// Send sends the write and returns the answer, its body within the journal's limit. Key is the Idempotency-Key of a write whose client sent
// none. An error that wraps ErrNeverSent says that nothing of the write reached the backend; after another one that is unknown.
func (s *Sender) Send(ctx context.Context, to Backend, w *JournalWrite, key string) (*JournalAnswer, error) {
	in := s.inbound(w, key)
	b := s.backends[to]
	a := &asking{role: Authority, in: in, route: s.route(w, in), trailer: w.Trailer, once: true, memory: w.Body, buffered: true}
	if w.Spool != nil {
		file, err := w.Spool.Open()
		if err != nil {
			return nil, fmt.Errorf("%w: the body: %w", ErrNeverSent, err)
		}
		defer func() { _ = file.Close() }()
		a.memory, a.buffered = nil, false
		size := w.Spool.Size()
		if len(w.Trailer) > 0 {
			size = -1 // only chunks can be followed by one
		}
		a.body = newRequestBody(file, size, s.seed)
		defer a.body.close()
	}
	t := newSending(ctx, b)
	defer t.end()
	resp, err := t.ask(a)
	if err == nil {
		err = checkStatus(resp, in)
	}
	if err != nil {
		err = quiet(causeOf(t.ctx, err))
		if !t.touched.Load() || isConnectError(err) {
			return nil, fmt.Errorf("%w: %w", ErrNeverSent, err)
		}
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	return t.read(resp, in), nil
}

// inbound is the request as it would have come from the client.
func (s *Sender) inbound(w *JournalWrite, key string) *inbound {
	in := &inbound{
		arrived: time.Now(), method: w.Method, target: w.Target, host: w.Host, header: w.Header, via: s.via.of(1, 1), major: 1, minor: 1,
		remote: w.Client, secure: w.Scheme == "https", grpc: isGRPC(w.Header),
	}
	in.path, in.query, in.hasQuery = strings.Cut(in.target, "?")
	for name := range w.Header {
		in.trusted = in.trusted || claimsForwarding(name) // they are recorded only of peers that were
	}
	in.forwarded = newForwarded(in)
	if in.header.Get("Idempotency-Key") == "" {
		in.header = maps.Clone(w.Header)
		if in.header == nil {
			in.header = http.Header{}
		}
		in.header["Idempotency-Key"] = []string{key}
	}
	return in
}

// route finds the route of the write, by which new is asked: that of its name or, where there is none any more, the first that matches.
func (s *Sender) route(w *JournalWrite, in *inbound) *route {
	t := s.table()
	if at := slices.IndexFunc(t.routes, func(r *route) bool { return r.Name == w.Route }); at >= 0 {
		return t.routes[at]
	}
	if w.Route != t.read.Name && w.Route != t.write.Name {
		if at := slices.IndexFunc(t.routes, func(r *route) bool { return r.matches(in, in.path) }); at >= 0 {
			return t.routes[at]
		}
	}
	return t.write
}

// sending is one write under way. It ends when the backend's timeout passes without anything that goes or comes.
type sending struct {
	backend *backend
	ctx     context.Context
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	touched atomic.Bool // something may have reached the backend
	sealed  *envelope
}

func newSending(ctx context.Context, b *backend) *sending {
	t := &sending{backend: b}
	t.ctx, t.cancel = context.WithCancelCause(ctx)
	t.timer = time.AfterFunc(b.options.Timeout, func() { t.cancel(errTimeout) })
	return t
}

func (t *sending) progress() { t.timer.Reset(t.backend.options.Timeout) }

func (t *sending) end() {
	t.timer.Stop()
	t.cancel(nil)
	t.sealed.release()
}

func (t *sending) ask(a *asking) (*http.Response, error) {
	if client := t.backend.client(a); client != nil {
		t.sealed = t.backend.seal(t.ctx, a)
		resp, err := client.Do(t.sealed.request, &t.sealed.call)
		t.touched.Store(err == nil || t.sealed.call.Touched)
		return resp, err
	}
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { t.touched.Store(true) }}
	req := t.backend.request(httptrace.WithClientTrace(t.ctx, trace), a)
	if a.body != nil {
		again := t.progress
		a.body.progress.Store(&again)
	}
	resp, err := t.backend.transport(a.role, a.in).RoundTrip(req)
	if err == nil {
		t.backend.http2.Store(resp.ProtoMajor == 2)
	}
	return resp, err
}

// read reads the answer to its end, unless it has none.
func (t *sending) read(resp *http.Response, in *inbound) *JournalAnswer {
	a := &JournalAnswer{Status: resp.StatusCode, Counts: resp.StatusCode, Header: resp.Header, Duration: time.Since(in.arrived)}
	hash := sha256.New()
	var kept bytes.Buffer
	piece := takePiece(scratchSize)
	defer givePiece(piece)
	for p := (*piece)[:scratchSize]; !endless(resp) && !a.Whole && a.Err == nil; {
		t.progress()
		n, err := resp.Body.Read(p)
		a.Size += int64(n)
		_, _ = hash.Write(p[:n])
		if a.Size <= journalAnswer {
			kept.Write(p[:n])
		}
		switch {
		case errors.Is(err, io.EOF):
			a.Whole = true
		case err != nil:
			a.Err = quiet(causeOf(t.ctx, err))
		}
	}
	hash.Sum(a.SHA256[:0])
	if a.Whole && a.Size <= journalAnswer {
		a.Body = kept.Bytes()
	}
	a.Trailer = resp.Trailer
	if in.grpc && a.Status == http.StatusOK {
		a.Counts = callCounts(resp.Header, resp.Trailer)
	}
	return a
}
