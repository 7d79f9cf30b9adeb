package journal

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Side names a backend.
type Side string

// The two sides.
const (
	Old Side = "old"
	New Side = "new"
)

// Other is the side that lacks what this one accepted.
func (s Side) Other() Side {
	if s == New {
		return Old
	}
	return New
}

// Type says what a record is.
type Type string

// The types of a record.
const (
	HeaderRecord    Type = "header"    // the first line of a segment
	IntentRecord    Type = "intent"    // a write is about to be forwarded
	OutcomeRecord   Type = "outcome"   // how that ended
	BodyRecord      Type = "body"      // the rest of an answer whose outcome was recorded before its body had ended
	SendingRecord   Type = "sending"   // it is about to be sent to the other side
	SentRecord      Type = "sent"      // what the other side answered
	ResolvedRecord  Type = "resolved"  // an operator said what is true
	DiscardedRecord Type = "discarded" // an operator gave up all that was unreplayed
	GapRecord       Type = "gap"       // writes to old that could not be recorded
)

// Record is a line of a segment, decoded and, if the reader has the key, unsealed. Which of the pointers is set follows from Type.
type Record struct {
	Seq  uint64 // of every record, from 1, without a gap over all segments
	Type Type
	Time time.Time
	// ID is that of the write which the record is about: JOURNAL-SEQ, with the journal's identity and the intent's number. It is the
	// Idempotency-Key of a replay.
	ID     string
	Header *SegmentHeader
	Write  *Write  // of an intent
	Answer *Answer // of an outcome, a body, or what was sent
	Mark   *Mark   // of sending, sent, resolved, discarded and gap

	// Synced, of the first record of a batch, is the Seq up to which everything was durable before the batch was written: what cannot be read
	// up to there is damage, what cannot be read behind it is a torn tail. 0 on other records.
	Synced uint64
	// Sealed says that the record has a sealed part, and that it was read without the key: what is private is missing.
	Sealed bool
	// Segment and Offset, in bytes of the uncompressed segment, say where it was read.
	Segment string
	Offset  int64
}

// Write is a request that changes something, as it is about to be forwarded.
type Write struct {
	At     Side // where it is forwarded to
	Epoch  uint64
	Time   time.Time // of its arrival
	Route  string
	Method string
	Target string // path and query as the client sent them
	Host   string
	Scheme string // of the client's connection, http or https
	Client string // the client's address, without port
	// Header has the end-to-end fields. Without a key, credentials are left out when it is recorded, and Withheld names them.
	Header http.Header
	// Trailer has the fields that followed the body, likewise.
	Trailer  http.Header
	Withheld []string
	// Body is the whole body, or nil with a Spool that holds it.
	Body  []byte
	Spool *Spool
	// Idempotent says that the route's writes may be sent again where it is not known whether they arrived.
	Idempotent bool
}

// Repeatable reports whether the write may be sent again where nobody knows whether it arrived.
func (w *Write) Repeatable() bool {
	return w.Idempotent || w.Method == http.MethodPut || w.Method == http.MethodDelete
}

// Outcome says how a write ended.
type Outcome string

// The outcomes of a write.
const (
	Acknowledged Outcome = "acknowledged" // 2xx or 3xx: it is replayable
	Rejected     Outcome = "rejected"     // 4xx: it changed nothing
	NotSent      Outcome = "not_sent"     // nothing of it reached the backend
	Unknown      Outcome = "unknown"      // 5xx, a timeout, a cut, or no outcome at all: an operator decides
)

// OutcomeOf is what a final status means.
func OutcomeOf(status int) Outcome {
	switch {
	case status >= 500:
		return Unknown
	case status >= 400:
		return Rejected
	}
	return Acknowledged
}

// Answer is how a backend answered a write.
type Answer struct {
	Outcome Outcome
	Status  int         // 0: there was none
	Header  http.Header // selected: content-type, location, etag and the like; never a cookie
	// Body is the answer's body if it is whole and within the limit; Size and SHA256 (hex) are of all that came. Whole is false where the
	// outcome was recorded before the body ended: a BodyRecord follows then.
	Body     []byte
	Size     int64
	SHA256   string
	Whole    bool
	Duration time.Duration // to the headers
	Error    string        // why there is no answer
}

// Mark is what became of a write after its outcome.
type Mark struct {
	To Side // where it is sent
	// By is `replay`, `mirror`, or an operator's name.
	By     string
	Reason string
	// Sent of a resolved write: the other side has it or must not get it; else it lacks it, and the next replay sends it, also where it is a
	// conflict.
	Sent bool
	// Through of a discard: all writes up to this number are given up. Count of a gap: how many writes are missing, since From.
	Through uint64
	Count   int64
	From    time.Time
	// Repeatable, of a sending, says that the write may be sent again should nobody learn what became of it.
	Repeatable bool
	// Differs says how the other side's answer differs from the recorded one, such as another id that the server made; empty if it does not.
	Differs string
}

// Errors of this package; what wraps them says where, and what to do.
var (
	// ErrInUse says that another process writes to the directory.
	ErrInUse = errors.New("the journal is in use by another process")
	// ErrDamaged says that a record that was durable once cannot be read. See Damage.
	ErrDamaged = errors.New("the journal is damaged")
	// ErrOtherRun says that the directory holds the journal of another run.
	ErrOtherRun = errors.New("the journal is of another run")
	// ErrKey says that something is sealed with another key than the one that was given, or that none was.
	ErrKey = errors.New("the journal was sealed with another key")
	// ErrUnavailable says that the disk does not take records at the moment: the write must not be forwarded.
	ErrUnavailable = errors.New("the journal cannot be written")
	// ErrVersion says that a segment was written by a newer program.
	ErrVersion = errors.New("the journal has a newer format")
	// ErrNotSent says, of a Sender, that nothing of the request reached the backend, so that it may be sent again.
	ErrNotSent = errors.New("not sent")
)

// Damage is where a record cannot be read. It wraps ErrDamaged.
type Damage struct {
	Segment string // the file's name
	Offset  int64  // in bytes of the uncompressed segment
	What    string
}

// Error says where and what.
func (d *Damage) Error() string {
	return fmt.Sprintf("%v: segment %s, offset %d: %s", ErrDamaged, d.Segment, d.Offset, d.What)
}

// Unwrap makes it an ErrDamaged.
func (d *Damage) Unwrap() error { return ErrDamaged }

// SegmentHeader is the first line of a segment. It has no Seq of its own. All that stands before it was durable when it was written.
type SegmentHeader struct {
	Version  int    // of the format: 1
	Run      string // the run's name
	Identity string // of the journal, eight hexadecimal digits, made when its first segment was
	Segment  int    // from 1
	First    uint64 // Seq of the first record after the header
	Created  time.Time
	KeyID    string // tells keys apart without telling anything of them; empty: nothing is sealed
	// PreviousBytes is how much of the segment before counts, in bytes before it is compressed; what stands behind that, after a failed
	// write that could not be cut off, is void.
	PreviousBytes int64
	Snapshot      *Snapshot // the Ledger of the records before; nil of a first segment, and where it would be too long
}
