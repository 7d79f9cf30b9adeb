package testkit

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Fault is a way in which a backend breaks. Serve has the connection until it returns; the connection is then closed. It
// must return soon after the context ends.
type Fault struct {
	Name  string
	Serve func(ctx context.Context, conn net.Conn)
}

// Faults lists every fault of this package, for tests that must hold under each.
func Faults() []Fault {
	return []Fault{
		BlackHole(), HangBeforeHeaders(), SlowBytes(50 * time.Millisecond), HangMidBody(), ResetMidBody(),
		CutOffChunked(), CutOffLength(), Garbage(), CloseAtOnce(), ResetAtOnce(),
	}
}

// BlackHole accepts and never reads nor writes: the client's writes fill the socket's buffers and then stand still.
func BlackHole() Fault {
	return Fault{"black hole", func(ctx context.Context, _ net.Conn) { <-ctx.Done() }}
}

// HangBeforeHeaders reads everything and never answers.
func HangBeforeHeaders() Fault {
	return Fault{"hang before headers", func(ctx context.Context, conn net.Conn) {
		drain(conn)
		<-ctx.Done()
	}}
}

// SlowBytes answers 200 with a body of 1 KiB, one byte each interval, the headers included. It does not read the request's body.
func SlowBytes(interval time.Duration) Fault {
	return Fault{"slow bytes", func(ctx context.Context, conn net.Conn) {
		if !readHead(conn) {
			return
		}
		tick := time.NewTicker(interval)
		defer tick.Stop()
		answer := append([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n"), make([]byte, 1024)...)
		for i := range answer {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if _, err := conn.Write(answer[i : i+1]); err != nil {
				return
			}
		}
	}}
}

// HangMidBody sends headers and part of the body, and then nothing.
func HangMidBody() Fault {
	return afterHead("hang mid-body", partial, func(ctx context.Context, conn net.Conn) {
		drain(conn)
		<-ctx.Done()
	})
}

// ResetMidBody sends headers and part of the body, then a TCP reset.
func ResetMidBody() Fault {
	return afterHead("reset mid-body", partial, func(_ context.Context, conn net.Conn) { reset(conn) })
}

// CutOffLength ends the connection in good order before the announced length is reached.
func CutOffLength() Fault {
	return afterHead("cut-off body", partial, nil)
}

// CutOffChunked ends a chunked body in good order without its last chunk.
func CutOffChunked() Fault {
	return afterHead("cut-off chunked body",
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n", nil)
}

// Garbage answers with bytes that are not HTTP.
func Garbage() Fault {
	return afterHead("garbage", "\x00\xff\x16\x03\x01 this is not HTTP\r\n\r\n\x00\x00", nil)
}

// CloseAtOnce closes every connection after accepting it.
func CloseAtOnce() Fault {
	return Fault{"close at once", func(context.Context, net.Conn) {}}
}

// ResetAtOnce resets every connection after accepting it.
func ResetAtOnce() Fault {
	return Fault{"reset at once", func(_ context.Context, conn net.Conn) { reset(conn) }}
}

// partial is an answer that announces more than it has.
const partial = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"a\": [1, 2, 3"

// afterHead reads a request's head, answers with the text, and goes on as told; with nothing more it closes in good order.
func afterHead(name, answer string, then func(context.Context, net.Conn)) Fault {
	return Fault{name, func(ctx context.Context, conn net.Conn) {
		if !readHead(conn) {
			return
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
		if then != nil {
			then(ctx, conn)
			return
		}
		// Unread input would turn the close into a reset, which is another fault.
		if tcp, ok := conn.(*net.TCPConn); ok && tcp.CloseWrite() == nil {
			drain(conn)
		}
	}}
}

// readHead reads up to the empty line that ends a request's head, byte by byte so that nothing of the body is taken.
func readHead(conn net.Conn) bool {
	var last [4]byte
	for {
		copy(last[:], last[1:])
		if _, err := io.ReadFull(conn, last[3:]); err != nil {
			return false
		}
		if string(last[:]) == "\r\n\r\n" {
			return true
		}
	}
}

// drain reads until the other side or the server's end closes; how it ends is of no interest here.
func drain(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// reset makes the close that follows an RST instead of a FIN.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // only fails on a connection that is gone already
	}
}

// FaultServer is a server that breaks as its fault says, on a real socket.
type FaultServer struct {
	// Addr is host:port, and URL the same as a base URL.
	Addr, URL string

	accepted atomic.Int64
	fault    atomic.Pointer[Fault]
	cancel   context.CancelFunc
	listener net.Listener
	serving  sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil once closed
}

// Faulty starts a server that breaks as the fault says. It stops in the test's cleanup.
func Faulty(t testing.TB, fault Fault) *FaultServer {
	t.Helper()
	l := listen(t)
	// t.Context ends before the cleanups, which would end a fault while what is tested still stops.
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	s := &FaultServer{
		Addr: l.Addr().String(), URL: "http://" + l.Addr().String(),
		cancel: cancel, listener: l, conns: map[net.Conn]struct{}{},
	}
	s.Set(fault)
	s.serving.Go(func() { s.accept(ctx, t) })
	t.Cleanup(s.Close)
	return s
}

// Set changes the fault of connections that are accepted from now on.
func (s *FaultServer) Set(fault Fault) { s.fault.Store(&fault) }

// Accepted counts the connections that were taken so far.
func (s *FaultServer) Accepted() int64 { return s.accepted.Load() }

// Open counts the connections that are open now.
func (s *FaultServer) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Close stops the server and waits for its goroutines. The cleanup calls it; a test may do so earlier.
func (s *FaultServer) Close() {
	s.cancel()
	_ = s.listener.Close() // an error here means that it is closed already
	s.mu.Lock()
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.conns = nil
	s.mu.Unlock()
	s.serving.Wait()
}

func (s *FaultServer) accept(ctx context.Context, t testing.TB) {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			t.Errorf("fault server: %v", err)
			return
		}
		s.accepted.Add(1)
		if !s.track(conn) {
			_ = conn.Close()
			continue
		}
		serve := s.fault.Load().Serve
		s.serving.Go(func() {
			defer s.release(conn)
			serve(ctx, conn)
		})
	}
}

func (s *FaultServer) track(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		return false
	}
	s.conns[conn] = struct{}{}
	return true
}

func (s *FaultServer) release(conn net.Conn) {
	_ = conn.Close() // it may have been closed from outside, which is no news
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}
