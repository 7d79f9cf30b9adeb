package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// shadowHeader marks the copy of a request whose answer no client sees.
const shadowHeader = "Paritygate-Shadow"

// Shop is one of the two backends. Its methods may be called from any goroutine.
type Shop struct {
	name    string
	db      *database
	tables  *tables
	dialect *dialect
	faults  *faults // nil on old, which has none

	listener net.Listener
	server   *http.Server
	dead     atomic.Bool

	mu       sync.Mutex
	conns    map[net.Conn]struct{}
	writes   []Write
	settled  bool      // no account is kept any more
	asked    int64     // requests of clients, which no shadow marks
	shadowed int64     // copies
	last     time.Time // when a client's request last arrived
}

// Write is one write that a shop took: it is committed in its database.
type Write struct {
	// Reference is the client's own word for it.
	Reference string
	// Arrived is when the request reached the shop.
	Arrived time.Time
}

// newShop listens, and serves nothing yet.
func newShop(ctx context.Context, name string, db *database, t *tables, d *dialect, f *faults) (*Shop, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the %s shop: %w", name, err)
	}
	s := &Shop{name: name, db: db, tables: t, dialect: d, faults: f, listener: l, conns: make(map[net.Conn]struct{})}
	s.server = &http.Server{Handler: s.count(s.routes()), ReadHeaderTimeout: 10 * time.Second, ConnState: s.connState}
	return s, nil
}

// URL is the shop's address.
func (s *Shop) URL() string { return "http://" + s.listener.Addr().String() }

// DSN is the connection URL of the shop's PostgreSQL database, password included; empty where it keeps a SQLite file.
func (s *Shop) DSN() string { return s.db.dsn }

// run serves until ctx ends.
func (s *Shop) run(ctx context.Context) error {
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stopped <- s.server.Close()
	}()
	if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the %s shop: %w", s.name, err)
	}
	if err := <-stopped; err != nil {
		return fmt.Errorf("close the %s shop: %w", s.name, err)
	}
	return nil
}

// Kill lets the shop die as a process does: every connection is reset at once, requests under way too, and so is every
// one that is opened later. It is still counted who asks. The database lives on.
func (s *Shop) Kill() {
	s.dead.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		reset(c)
	}
}

// reset closes a connection so that its other end sees a reset, not an end.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetLinger(0) //nolint:errcheck // without it the close below is merely gentler
	}
	c.Close() //nolint:errcheck // it may be closed already, which is what is wanted
}

func (s *Shop) connState(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.conns[c] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		delete(s.conns, c)
	case http.StateActive, http.StateIdle:
	}
}

// count notes who asks before the request is served.
func (s *Shop) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shadow := r.Header.Get(shadowHeader) != ""
		s.mu.Lock()
		if shadow {
			s.shadowed++
		} else {
			s.asked++
			s.last = time.Now()
		}
		s.mu.Unlock()
		if s.dead.Load() {
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				reset(c)
			}
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Visits are the requests that reached a shop, answered or not.
type Visits struct {
	// Clients counts the requests whose answers clients were to see; Last is when the last of them arrived.
	Clients int64
	Last    time.Time
	// Shadows counts the copies.
	Shadows int64
}

// Visits returns the counts so far.
func (s *Shop) Visits() Visits {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Visits{Clients: s.asked, Last: s.last, Shadows: s.shadowed}
}

// Writes returns the account of the writes that were committed, in the order of their commits.
func (s *Shop) Writes() []Write {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Write(nil), s.writes...)
}

func (s *Shop) took(reference string, arrived time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.settled {
		s.writes = append(s.writes, Write{Reference: reference, Arrived: arrived})
	}
}

// settle ends the account of the writes, for when nobody asks any more and the shop goes on.
func (s *Shop) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled, s.writes = true, nil
}

// Kept returns how often each reference is in the shop's tables: what is there, whatever the account says. The sync job's
// copies of orders are among them.
func (s *Shop) Kept(ctx context.Context) (map[string]int, error) {
	rows, err := s.db.QueryContext(ctx, s.tables.references)
	if err != nil {
		return nil, fmt.Errorf("read the references of the %s shop: %w", s.name, err)
	}
	defer rows.Close()
	kept := make(map[string]int)
	for rows.Next() {
		var reference string
		if err := rows.Scan(&reference); err != nil {
			return nil, fmt.Errorf("read the references of the %s shop: %w", s.name, err)
		}
		kept[reference]++
	}
	return kept, rows.Err()
}
