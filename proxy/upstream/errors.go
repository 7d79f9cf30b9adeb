package upstream

import (
	"errors"
	"fmt"
	"io"
)

// ErrTimeout says that the final answer's head was not there within Options.HeaderTimeout. It is a net.Error.
var ErrTimeout error = &timeoutError{"upstream: no answer within the header timeout"}

// ErrUnsupported says that the request is nothing for this client. Nothing of it was sent.
var ErrUnsupported = errors.New("upstream: not a request for this client")

// errClosed says that the connection ended before a byte of the answer came.
var errClosed = fmt.Errorf("upstream: the backend closed the connection without an answer: %w", io.ErrUnexpectedEOF)

// errCut says that the connection ended inside the head.
var errCut = fmt.Errorf("upstream: the backend's answer ends inside its head: %w", io.ErrUnexpectedEOF)

// Faults of what the backend sent. They never quote it: it may hold secrets.
var (
	errMalformed      = errors.New("upstream: malformed status line in the backend's answer")
	errHeader         = errors.New("upstream: malformed header in the backend's answer")
	errHeaderTooLarge = errors.New("upstream: the head of the backend's answer is too large")
	errLength         = errors.New("upstream: invalid or contradicting Content-Length in the backend's answer")
	errTransfer       = errors.New("upstream: Transfer-Encoding in the backend's answer that is not chunked alone")
	errTrailerName    = errors.New("upstream: the backend announces a trailer that must not be one")
	errTrailer        = errors.New("upstream: malformed or too long trailer in the backend's answer")
	errChunk          = errors.New("upstream: malformed chunk in the backend's answer")
	errChunkExcess    = errors.New("upstream: chunks in the backend's answer with too little in them")
	errSwitch         = errors.New("upstream: the backend switched protocols unasked")
	errInformational  = errors.New("upstream: too many informational answers")
)

var errBodyClosed = errors.New("upstream: read from a closed body")

// timeoutError is a net.Error.
type timeoutError struct{ message string }

func (e *timeoutError) Error() string   { return e.message }
func (e *timeoutError) Timeout() bool   { return true }
func (e *timeoutError) Temporary() bool { return true }

// errWouldBlock says that nothing can be read without waiting. TLS takes it for temporary and goes on where it was.
var errWouldBlock error = &timeoutError{"upstream: nothing to read yet"}

// refused says why a request is nothing for this client.
func refused(why string) error { return fmt.Errorf("%w: %s", ErrUnsupported, why) }
