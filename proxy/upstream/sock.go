package upstream

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// watchAfter is how long a wait lasts before the context is watched. Most answers come earlier, and cost neither the registration
// with the context nor a timer: the deadline that ends the first wait is left set, and serves the exchanges that follow until it
// expires.
const watchAfter = 25 * time.Millisecond

// sock is a connected socket, used by one exchange at a time. It is the net.Conn under TLS, so that whoever is above has its
// deadlines, its cancelling and its reads that do not wait.
type sock struct {
	net.Conn
	raw   syscall.RawConn // nil where there is none
	epoch time.Time       // what all durations are counted from

	// Of the exchange under way.
	ctx   context.Context
	limit time.Duration // when the wait ends with ErrTimeout; 0: never
	due   time.Duration // the deadline of a context that has no Done; 0: none
	wrote func()        // see Call.Wrote
	stop  func() bool   // ends the watch of ctx
	long  bool          // the wait has become a long one: ctx is watched

	set time.Duration // the read deadline of the socket; 0: none

	// out is written before the next read waits. corked collects it: TLS hands its records over one by one, in memory of its own.
	out     []byte
	corked  []byte
	cork    bool
	secure  bool // TLS is above
	nowait  bool // reads do not wait
	written int  // bytes of this exchange
	broken  error

	// What step works on, and how it ended.
	in   []byte
	n    int
	err  error
	step func(fd uintptr) bool
	try  func(fd uintptr)
}

func newSock(c net.Conn, epoch time.Time) *sock {
	s := &sock{Conn: c, epoch: epoch}
	if sc, ok := c.(syscall.Conn); ok && rawReads {
		if raw, err := sc.SyscallConn(); err == nil {
			s.raw, s.step, s.try = raw, s.rawStep, s.rawTry
		}
	}
	return s
}

func (s *sock) now() time.Duration { return time.Since(s.epoch) }

// begin starts an exchange.
func (s *sock) begin(ctx context.Context, limit time.Duration, wrote func()) {
	s.ctx, s.limit, s.due, s.wrote = ctx, limit, due(ctx, s.epoch), wrote
	s.written, s.broken, s.long = 0, nil, false
}

// due is the deadline of a context which only says when it ends, since an epoch. Another ends by itself: that is seen by watch.
func due(ctx context.Context, epoch time.Time) time.Duration {
	if at, ok := ctx.Deadline(); ok && ctx.Done() == nil {
		return max(at.Sub(epoch), 1)
	}
	return 0
}

// headRead ends the limit, which is for the head alone: the body may take as long as the context lets it.
func (s *sock) headRead() { s.limit = s.due }

// end ends an exchange. It reports whether the context has left the connection alone.
func (s *sock) end() bool {
	alone := s.stop == nil || s.stop()
	s.stop, s.ctx, s.wrote, s.limit = nil, nil, nil, 0
	return alone
}

// watch has the end of the context close the socket. A connection whose watch cannot be stopped any more is never used again,
// so a late call cannot hit another exchange.
func (s *sock) watch() {
	s.long = true
	if s.stop == nil && s.ctx.Done() != nil {
		s.stop = context.AfterFunc(s.ctx, s.abort)
	}
}

func (s *sock) abort() { _ = s.Conn.Close() }

// Read writes what is to be sent and reads what has come, waiting until the limit, or the end of the context.
func (s *sock) Read(p []byte) (int, error) {
	if s.nowait {
		return s.readNow(p)
	}
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if s.ctx.Err() != nil {
			return 0, context.Cause(s.ctx)
		}
		if err := s.arm(); err != nil {
			return 0, err
		}
		n, err := s.transfer(p)
		if n > 0 || err == nil {
			return n, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, s.cause(err)
		}
		s.set = 1            // expired
		if len(s.out) == 0 { // else the wait has not begun yet
			s.watch()
		}
	}
}

// arm sets the read deadline if the one that is set would come too late.
func (s *sock) arm() error {
	if s.limit == 0 && s.long {
		if s.set == 0 {
			return nil
		}
		s.set = 0
		return s.SetReadDeadline(time.Time{})
	}
	now := s.now()
	until := s.limit
	if !s.long && (until == 0 || until > now+watchAfter) {
		until = now + watchAfter
	}
	if until <= now {
		return ErrTimeout
	}
	if s.set > now && s.set <= until {
		return nil
	}
	s.set = until
	return s.SetReadDeadline(s.epoch.Add(until))
}

// cause is why the socket failed, seen from outside: the context's cause if it has ended.
func (s *sock) cause(err error) error {
	if s.ctx != nil && s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	return err
}

// transfer writes out, then reads once into p.
func (s *sock) transfer(p []byte) (int, error) {
	if s.raw == nil {
		s.flush() // if it fails, an answer may have come before
		return s.Conn.Read(p)
	}
	for {
		s.in, s.n, s.err = p, 0, nil
		err := s.raw.Read(s.step)
		s.in = nil
		if err == nil && errors.Is(s.err, errStuck) {
			if n, err := s.unstick(p); n > 0 || err != nil {
				return n, err
			}
			continue
		}
		if err == nil {
			err = s.err
		}
		return s.n, err
	}
}

// sent forgets what has been written.
func (s *sock) sent() {
	s.out, s.corked = nil, s.corked[:0]
	if cap(s.corked) > 2*readSize {
		s.corked = nil
	}
	if s.wrote != nil {
		s.wrote()
	}
}

// flush writes out and waits for it.
func (s *sock) flush() {
	if len(s.out) == 0 {
		return
	}
	s.watch()
	if s.limit > 0 {
		_ = s.SetWriteDeadline(s.epoch.Add(s.limit))
	}
	n, err := s.Conn.Write(s.out)
	s.written += n
	if err != nil {
		s.out, s.broken = nil, err
		return
	}
	_ = s.SetWriteDeadline(time.Time{})
	s.sent()
}

// unstick writes the rest of out where the socket took only a part. The other side may not read on because it has answered
// already, and waits for its answer to be read: so the write is interrupted now and then to look for that.
func (s *sock) unstick(p []byte) (int, error) {
	defer func() { _ = s.SetWriteDeadline(time.Time{}) }()
	s.watch()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		if s.limit != 0 && s.now() >= s.limit {
			return 0, ErrTimeout
		}
		if err := s.SetWriteDeadline(time.Now().Add(pause)); err != nil {
			return 0, err
		}
		n, err := s.Conn.Write(s.out)
		s.written += n
		s.out = s.out[n:]
		switch {
		case err == nil:
			s.sent()
			return 0, nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			s.out, s.broken = nil, err
			return 0, nil // an answer may have come before
		}
		if s.secure {
			continue // what has come need not be an answer
		}
		if n, err := s.readNow(p); !errors.Is(err, errWouldBlock) {
			s.out, s.broken = nil, errEarly
			return n, err
		}
	}
}

// readNow reads what there is, or returns errWouldBlock.
func (s *sock) readNow(p []byte) (int, error) {
	if s.raw == nil {
		return 0, errWouldBlock
	}
	s.in, s.n, s.err = p, 0, nil
	err := s.raw.Control(s.try)
	s.in = nil
	if err == nil {
		err = s.err
	}
	if s.n > 0 {
		return s.n, nil
	}
	return 0, err
}

// Write collects what is to be sent, or writes it at once.
func (s *sock) Write(p []byte) (int, error) {
	if s.cork {
		s.corked = append(s.corked, p...)
		return len(p), nil
	}
	return s.Conn.Write(p)
}

// errStuck says that the socket took only a part of what is to be sent.
var errStuck = errors.New("upstream: the socket is full")

// errEarly says that an answer came before the request was written.
var errEarly = errors.New("upstream: answered before the request was sent in full")
