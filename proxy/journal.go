package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// JournalMode says whether and how the writes of a plan are recorded. Bypassing requests never are.
type JournalMode uint8

// The modes.
const (
	// NotJournaled records nothing.
	NotJournaled JournalMode = iota
	// JournalIfPossible records a write before it is forwarded; one that the journal does not take goes on without, and is counted as missed.
	JournalIfPossible
	// JournalFirst has a write durable before a byte of it is forwarded, and its outcome before the client hears of it. What the journal does
	// not take is answered 503.
	JournalFirst
)

// Journal records writes. The errors of its methods say that nothing was recorded. It is safe for concurrent use.
type Journal interface {
	// Begin returns once the write is durable. The write's fields may be kept until the entry has ended.
	Begin(ctx context.Context, w *JournalWrite) (JournalEntry, error)
	// Spool takes a body that is larger than Options.JournalBody.
	Spool() (JournalSpool, error)
	// Missed counts a write that was forwarded to the backend without a record.
	Missed(at Backend)
}

// JournalWrite is a write with its whole body, as it is about to be forwarded.
type JournalWrite struct {
	At     Backend
	Epoch  uint64
	Time   time.Time
	Route  string
	Method string
	Target string // path and query as the client sent them
	Host   string
	Scheme string // http or https
	Client string // the peer's address, without port
	// Header has the end-to-end fields that are passed on, as the client sent them: X-Forwarded-* only of a trusted peer. Trailer follows
	// the body.
	Header, Trailer http.Header
	Body            []byte
	Spool           JournalSpool // has the body instead, if it is not nil
	// Idempotent is what the route says of its writes.
	Idempotent bool
}

// JournalSpool is a file that takes a large body. It is finished by the Begin of its write, or discarded.
type JournalSpool interface {
	// Write of a spool that fails tells how much the file holds for certain.
	io.Writer
	// Open returns the body from its begin. It may be called again, also where a Write has failed.
	Open() (io.ReadCloser, error)
	Size() int64
	Discard()
}

// JournalEntry is a write that was recorded. One of the first three methods ends it; Ended follows where the answer was not whole. What
// the answers point to is not kept after the calls.
type JournalEntry interface {
	// Answered returns once the outcome is durable: the answer goes to the client after that.
	Answered(a *JournalAnswer) error
	// AnsweredSoon records the outcome without waiting for the disk.
	AnsweredSoon(a *JournalAnswer)
	// Lost records that there is no answer: because nothing was sent, or for a reason that leaves unknown what became of the write.
	Lost(notSent bool, why error)
	// Ended tells of an answer's body whose end came after Answered.
	Ended(a *JournalAnswer)
}

// JournalAnswer is how the backend answered.
type JournalAnswer struct {
	Status int
	// Counts is the status by which the answer counts: of a gRPC call the one that its code stands for, of all else Status.
	Counts          int
	Header, Trailer http.Header
	// Body is the whole body if Whole and within the limit; Size and SHA256 are of what came.
	Body     []byte
	Size     int64
	SHA256   [32]byte
	Whole    bool
	Duration time.Duration // to the headers
	// Err is why the body broke off.
	Err error
}

// ErrNeverSent says of Send that nothing of the request reached the backend.
var ErrNeverSent = errors.New("not sent")
