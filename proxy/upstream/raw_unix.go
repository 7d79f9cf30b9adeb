//go:build unix

package upstream

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// rawReads says that a socket can be read without waiting.
const rawReads = true

// rawStep writes what is to be sent and reads. It returns false if there is nothing to read yet, to be called again when there is.
//
// Between the write and the wait there is no attempt to read, which would be in vain and cost a system call: net clears the
// socket's readiness before the first call of this function, so that an answer that comes after the write is not missed. What came
// before the write, an end of the connection say, would be: the deadline of the first wait (watchAfter) sees to that.
func (s *sock) rawStep(fd uintptr) bool {
	if len(s.out) > 0 {
		if !s.rawWrite(int(fd)) {
			return true
		}
		if s.broken == nil {
			return false
		}
	}
	return s.rawRead(int(fd))
}

// rawWrite returns false if only a part could be written.
func (s *sock) rawWrite(fd int) bool {
	for len(s.out) > 0 {
		n, err := syscall.Write(fd, s.out)
		switch {
		case n > 0:
			s.written += n
			s.out = s.out[n:]
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			s.err = errStuck
			return false
		default:
			s.out, s.broken = nil, s.fault("write", err)
			return true // the answer may have come before
		}
	}
	s.sent()
	return true
}

func (s *sock) rawRead(fd int) bool {
	for {
		n, err := syscall.Read(fd, s.in)
		switch {
		case n > 0:
			s.n = n
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return false
		case err != nil:
			s.err = s.fault("read", err)
		default:
			s.err = io.EOF
		}
		return true
	}
}

// rawTry reads what there is.
func (s *sock) rawTry(fd uintptr) {
	if !s.rawRead(int(fd)) {
		s.err = errWouldBlock
	}
}

func (s *sock) fault(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: os.NewSyscallError(op, err)}
}
