package main

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"

	"paritygate/internal/journal"
	"paritygate/proxy"
)

// carrying lets the journal send writes through the proxy's Sender.
type carrying struct{ *proxy.Sender }

// replaySender makes what a replay sends with: as the proxy would, and with journal.replay.headers.
func (p *Program) replaySender() (carrying, error) {
	s, err := p.proxy.Sender(replayHeaders(p.current.Load()))
	return carrying{s}, err
}

func replayHeaders(c *compiled) http.Header {
	set := http.Header{}
	for name, value := range c.config.Journal.Replay.Set {
		set.Set(name, value.Reveal())
	}
	return set
}

// Send sends a recorded write.
func (c carrying) Send(ctx context.Context, to journal.Side, w *journal.Write, key string) (*journal.Answer, error) {
	in := &proxy.JournalWrite{
		At: backendAt(w.At), Epoch: w.Epoch, Time: w.Time, Route: w.Route, Method: w.Method, Target: w.Target, Host: w.Host, Scheme: w.Scheme,
		Client: w.Client, Header: w.Header, Trailer: w.Trailer, Body: w.Body, Idempotent: w.Idempotent,
	}
	if w.Spool != nil {
		in.Spool = spooled{w.Spool}
	}
	a, err := c.Sender.Send(ctx, backendAt(to), in, key)
	if errors.Is(err, proxy.ErrNeverSent) {
		return nil, notSent{err}
	}
	if err != nil {
		return nil, err
	}
	out := &journal.Answer{
		Outcome: journal.OutcomeOf(a.Counts), Status: a.Status, Header: a.Header, Body: a.Body, Size: a.Size, SHA256: hex.EncodeToString(a.SHA256[:]),
		Whole: a.Whole, Duration: a.Duration,
	}
	if a.Err != nil {
		out.Error = a.Err.Error()
	}
	return out, nil
}

// notSent is a journal.ErrNotSent that says why.
type notSent struct{ error }

func (n notSent) Error() string {
	return strings.TrimPrefix(n.error.Error(), proxy.ErrNeverSent.Error()+": ")
}

func (n notSent) Is(target error) bool { return target == journal.ErrNotSent }
func (n notSent) Unwrap() error        { return n.error }

func backendAt(s journal.Side) proxy.Backend {
	if s == journal.New {
		return proxy.New
	}
	return proxy.Old
}

// spooled is a body that a record names; it is read, and never discarded.
type spooled struct{ *journal.Spool }

func (s spooled) Size() int64                  { return s.Spool.Size }
func (s spooled) Open() (io.ReadCloser, error) { return s.Spool.Open() }
func (s spooled) Discard()                     {}
