package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Options are what a journal needs. Directory and Run must be set; the rest has defaults.
type Options struct {
	Directory string // made if it is not there
	Run       string // the run's name; a directory of another run is refused
	Segment   int64  // bytes; a segment that has as many is closed. Default 64 MiB
	// Interval is how often what was written is synced. 0: a record counts once it is synced.
	Interval time.Duration
	Body     int64  // bytes of a request's body that a record takes; larger ones are spooled. Default 1 MiB
	Key      []byte // seals credentials and bodies; without one credentials are left out
	// Secret says whether a header field carries a credential, SecretQuery whether a parameter of a query does. Default: none does.
	Secret, SecretQuery func(name string) bool
	// Redact hides what is secret in an answer's body where there is no key. Default: bodies of answers are left out.
	Redact     func(contentType string, body []byte) []byte
	Registerer prometheus.Registerer // default: no metrics
	Logger     *zap.Logger           // default: none
	Now        func() time.Time      // default: time.Now
	// Recover says that an operator accepts damage at the end of the journal: what can be read counts, and a new segment is begun.
	Recover bool

	disk disk // default: the real one
}

// Journal is a directory of segments that this process writes. It is safe for concurrent use.
type Journal struct {
	o        Options
	dir      *directory
	guard    *guard
	identity string
	sealer   *sealer
	metrics  *metrics

	mu      sync.Mutex
	next    *batch // what the next commit takes
	leading bool   // somebody commits, or is about to
	missed  map[Side]*missedWrites
	closed  bool
	settled uint64        // up to here all records count: they are synced or, with Interval, written
	news    chan struct{} // closed when settled grows; nil while nobody waits
	gather  gathering

	log   appender // owned by whoever leads
	born  uint64   // the number of the last record of the processes before
	lists lists

	down     atomic.Pointer[outage]
	noted    atomic.Uint64 // the last record since Open that is no mark of what was sent, for those who carry writes
	backlogs atomic.Pointer[[2]Backlog]
	status   atomic.Pointer[Status]

	unsynced chan struct{} // tells Run that something was written that is not synced
	closing  chan int      // numbers of closed segments, for Run to compress

	compressing sync.Mutex // held while a segment is compressed, or all are removed
}

// Status is how the journal is.
type Status struct {
	Identity    string
	Epoch       uint64 // the highest of its writes
	Seq         uint64 // of the last record
	Synced      uint64 // of the last record that is on the disk for certain
	Segments    int
	Bytes       int64  // of the segments as they lie on the disk, without spools
	Open        int    // writes without an outcome
	Unavailable string // why records are refused at the moment; empty if they are not

	segment int // the number of the last one
}

// Open locks the directory and reads where the journal ends. It starts nothing; the first segment is made by the first record.
func Open(ctx context.Context, o Options) (*Journal, error) {
	o = o.withDefaults()
	dir, err := openDirectory(o.Directory, o.disk)
	if err != nil {
		return nil, err
	}
	j := &Journal{
		o: o, dir: dir, missed: map[Side]*missedWrites{}, unsynced: make(chan struct{}, 1), closing: make(chan int, 1024),
		guard: newGuard(o), metrics: newMetrics(o.Registerer),
	}
	if err := j.recover(ctx); err != nil {
		return nil, errors.Join(err, dir.close())
	}
	j.born = j.settled
	j.publish()
	if len(j.missed) > 0 {
		j.later()
	}
	return j, nil
}

func (o Options) withDefaults() Options {
	if o.Segment <= 0 {
		o.Segment = 64 << 20
	}
	if o.Body <= 0 {
		o.Body = 1 << 20
	}
	o.Body = min(o.Body, MaxBody)
	if o.Secret == nil {
		o.Secret = func(string) bool { return false }
	}
	if o.SecretQuery == nil {
		o.SecretQuery = func(string) bool { return false }
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.disk = o.disk.withDefaults()
	return o
}

// Close writes and syncs what is left, and gives the directory free.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.mu.Unlock()
	err := j.exclusively(func() error {
		var failed error
		if j.log.dirty() || j.log.hasLate() {
			failed = j.flush()
		}
		j.mu.Lock()
		j.closed, j.log.over = true, true
		if j.news != nil {
			close(j.news)
			j.news = nil
		}
		j.mu.Unlock()
		return errors.Join(failed, j.log.close(j.o.disk))
	})
	j.lists.close()
	return errors.Join(err, j.dir.close())
}

// Status tells how the journal is.
func (j *Journal) Status() Status {
	s := *j.status.Load()
	if d := j.down.Load(); d != nil {
		s.Unavailable = d.err.Error()
	}
	return s
}

// Backlog is what one side lacks of what the other one was sent. It costs one atomic load.
func (j *Journal) Backlog(to Side) Backlog { return j.backlogs.Load()[sideIndex(to)] }

// Err is why records are refused at the moment, or nil. It wraps ErrUnavailable.
func (j *Journal) Err() error {
	if d := j.down.Load(); d != nil {
		return d.err
	}
	return nil
}

// publish makes what the leader knows visible. Only the leader calls it.
func (j *Journal) publish() {
	l := j.log.ledger
	j.backlogs.Store(&[2]Backlog{l.Backlog(Old), l.Backlog(New)})
	s := Status{Identity: j.identity, Epoch: l.Epoch(), Seq: j.log.seq, Synced: j.log.synced, Segments: j.log.segments, Bytes: j.log.bytes(), Open: l.Open(), segment: j.log.number}
	j.status.Store(&s)
	j.metrics.segments.Set(float64(s.Segments))
}

// fail wraps a reason into an ErrUnavailable that says where and what to do.
func (j *Journal) fail(what string, err error) error {
	return fmt.Errorf("%w: %s in %s: %w", ErrUnavailable, what, j.o.Directory, err)
}
