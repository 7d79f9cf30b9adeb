package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Follower is the mirror: it carries what one side accepted on to the other one, in the order of the facts, for as long as it is told in
// which direction. It reads the journal from the oldest write that the other side lacks, and then what becomes durable; how far it is the
// marks say, so that a process that dies loses nothing.
//
//	resting ──► carrying ──► stopped, at one write
//	   ▲           │  ▲              │ an operator resolved it
//	   └───────────┘  └──────────────┘
//	 another direction, or CatchUp is over
//
// What the authority itself left unknown (5xx, a timeout) is passed by: an operator resolves it, and one that is to be sent is sent then. It
// stops at what it must not guess: an answer of another class, a send without an answer that must not be repeated, writes that are in no
// record, damage. A backend that cannot be reached is tried again for ever.
type Follower struct {
	log    followed
	sender Sender
	o      FollowOptions

	turned chan struct{} // something changed that a rest, or a stop, may end
	last   string        // the stop that was told of last; of Run's goroutine

	mu     sync.Mutex
	finish *finish                 // what CatchUp asked for last
	busy   bool                    // something may be under way
	idle   chan struct{}           // closed and replaced when nothing is any more
	cancel context.CancelCauseFunc // ends what is being carried
	status FollowStatus

	sent    atomic.Int64 // since it was made
	kill    context.Context
	killAll context.CancelFunc // gives up what is being sent
}

// followed is what a Follower needs of a Journal.
type followed interface {
	marker
	Backlog(to Side) Backlog
	Err() error
	// position is the number of the last record, and how many writes have no outcome yet.
	position() (seq uint64, open int)
	// Since is the number of the record from which on a reader meets every write that the side lacks, and every one that is in flight at
	// the other; 0 if there is none.
	Since(to Side) uint64
	// Renamed is the number of a record before which the side made nothing under another name; 0 if it has made nothing so.
	Renamed(to Side) uint64
	tail(from uint64) source
}

// source gives the durable records in their order, and waits for those that come.
type source interface {
	NextWait(ctx context.Context) (Record, error)
	Close() error
}

// FollowOptions say what a Follower does.
type FollowOptions struct {
	// Direction says to which side writes are to be carried at this moment, empty for none, and in which epoch. It is asked before each send.
	Direction   func() (epoch uint64, to Side)
	Concurrency int // sends at a time; 16 if 0
	// Grace is how long CatchUp waits, at its end, for sends that are under way; then they are given up, and are unknown. 10s if 0.
	Grace time.Duration
	// Carried is told of each write that the other side took. Told is told when the mirror stops, and when it goes on again, with a sentence.
	// Both may be nil, and must not block.
	Carried func(to Side)
	Told    func(stopped bool, why string)
	Logger  *zap.Logger
}

// FollowStatus is how a mirror does.
type FollowStatus struct {
	Direction Side // where to; empty while it rests
	// Stopped says why it does not go on, at which write, and what to do; empty if it does. Waiting says what it waits for meanwhile.
	Stopped, StoppedID string
	Waiting            string
}

// finish is the end of an epoch's carrying.
type finish struct {
	epoch uint64
	to    Side
	over  bool
}

// Reasons for which carrying ends without trouble.
var (
	errTurned   = errors.New("the direction changed")
	errResolved = errors.New("something was resolved")
	errStopping = errors.New("stopping")
)

func newFollower(log followed, o FollowOptions, s Sender) *Follower {
	if o.Concurrency == 0 {
		o.Concurrency = 16
	}
	if o.Grace == 0 {
		o.Grace = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	f := &Follower{log: log, sender: s, o: o, turned: make(chan struct{}, 1), idle: make(chan struct{})}
	f.kill, f.killAll = context.WithCancel(context.Background())
	return f
}

// How often the direction is looked at, and how long the mirror rests after the journal took no mark, or could not be read.
const (
	lookEvery  = 50 * time.Millisecond
	retryAfter = time.Second
)

// Run carries until ctx ends and what is under way then has ended, or was given up after a while.
func (f *Follower) Run(ctx context.Context) error {
	var late *time.Timer
	defer context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		late = time.AfterFunc(f.o.Grace, f.giveUp)
	})()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if late != nil {
			late.Stop()
		}
	}()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		to := f.leg()
		if to == "" {
			f.show(func(s *FollowStatus) { *s = FollowStatus{} })
			select {
			case <-ctx.Done():
			case <-tick.C:
			case <-f.turned:
			}
			continue
		}
		f.carryOn(ctx, to)
	}
	return nil
}

// leg is where writes are to be carried now.
func (f *Follower) leg() Side {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.direction()
}

// direction is leg for who has the lock.
func (f *Follower) direction() Side {
	epoch, to := f.o.Direction()
	switch {
	case f.finish == nil || f.finish.epoch != epoch:
		return to
	case f.finish.over:
		return ""
	}
	return f.finish.to
}

// carryOn carries in one direction until that changes, and does what the reason asks for why it ended.
func (f *Follower) carryOn(ctx context.Context, to Side) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f.mu.Lock()
	if f.direction() != to {
		f.mu.Unlock()
		return
	}
	f.busy, f.cancel, f.status.Direction = true, cancel, to
	f.mu.Unlock()
	limit, _ := f.log.position()
	err := f.carry(ctx, to, limit)
	f.mu.Lock()
	f.busy, f.cancel = false, nil
	close(f.idle)
	f.idle = make(chan struct{})
	f.mu.Unlock()
	var at *stopAt
	switch {
	case err == nil, errors.Is(err, errResolved), errors.Is(err, errTurned), errors.Is(err, errStopping), ctx.Err() != nil:
	case errors.As(err, &at):
		f.stopped(ctx, to, at, limit)
	case errors.Is(err, ErrDamaged):
		f.broken(ctx, to, err)
	default:
		f.delayed(ctx, to, err)
	}
}

// tell tells of a stop, unless it is the one that was told of last.
func (f *Follower) tell(to Side, why string) {
	if f.last == why {
		return
	}
	f.last = why
	f.o.Logger.Error("the journal's mirror stopped", zap.String("to", string(to)), zap.String("why", why))
	if f.o.Told != nil {
		f.o.Told(true, why)
	}
}

// stopped tells of a stop, once, and waits until an operator resolves it.
func (f *Follower) stopped(ctx context.Context, to Side, at *stopAt, limit uint64) {
	f.show(func(s *FollowStatus) { s.Stopped, s.StoppedID, s.Waiting = at.Error(), at.id, "" })
	f.tell(to, at.Error())
	if !f.resolved(ctx, to, at.id, limit) {
		return
	}
	f.last = ""
	f.show(func(s *FollowStatus) { s.Stopped, s.StoppedID = "", "" })
	f.o.Logger.Info("the journal's mirror goes on", zap.String("to", string(to)), zap.String("write", at.id))
	if f.o.Told != nil {
		f.o.Told(false, "write "+at.id+" was resolved")
	}
}

// broken tells of a journal that cannot be read, and rests until the direction changes or the process ends.
func (f *Follower) broken(ctx context.Context, to Side, err error) {
	why := fmt.Sprintf("%v; `paritygate journal verify` tells more", err)
	f.show(func(s *FollowStatus) { s.Stopped, s.StoppedID, s.Waiting = why, "", "" })
	f.tell(to, why)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f.watch(ctx, cancel, to)
}

// resolved waits until the write is resolved, or given up; false says that the direction changed before.
func (f *Follower) resolved(ctx context.Context, to Side, id string, limit uint64) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go f.watch(ctx, cancel, to)
	tail := f.log.tail(limit + 1)
	defer tail.Close() //nolint:errcheck // it was only read
	_, seq, _ := SplitID(id)
	for {
		r, err := tail.NextWait(ctx)
		switch {
		case err != nil:
			<-ctx.Done()
			return false
		case r.Type == ResolvedRecord && r.ID == id, r.Type == DiscardedRecord && r.Mark.To == to && r.Mark.Through >= seq:
			return true
		}
	}
}

// delayed waits a while after what an operator need not resolve, such as a journal that takes no marks.
func (f *Follower) delayed(ctx context.Context, to Side, err error) {
	if f.Status().Waiting != err.Error() {
		f.o.Logger.Warn("the journal's mirror has to wait", zap.String("to", string(to)), zap.Error(err))
	}
	f.show(func(s *FollowStatus) { s.Waiting = err.Error() })
	timer := time.NewTimer(retryAfter)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// watch calls off once the direction is another one.
func (f *Follower) watch(ctx context.Context, off func(), to Side) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-f.turned:
		}
		if f.leg() != to {
			off()
			return
		}
	}
}

func (f *Follower) show(change func(*FollowStatus)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.status)
}

// Status says how the mirror does.
func (f *Follower) Status() FollowStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

// levelEvery is how often CatchUp looks whether all is carried.
const levelEvery = time.Millisecond

// CatchUp carries what a side had accepted, in which no write is in flight any more, until nothing is left or ctx ends. When it returns
// nothing is under way, and nothing is sent any more in this epoch. The error says why something is left.
func (f *Follower) CatchUp(ctx context.Context, from Side) (carried, left int64, err error) {
	before := f.sent.Load()
	epoch, _ := f.o.Direction()
	f.mu.Lock()
	f.finish = &finish{epoch: epoch, to: from.Other()}
	f.mu.Unlock()
	f.turn()
	err = f.level(ctx, epoch, from.Other())
	f.mu.Lock()
	if f.finish.epoch == epoch {
		f.finish.over = true
	}
	busy, idle := f.busy, f.idle
	if busy {
		f.cancel(errTurned)
	}
	f.mu.Unlock()
	if busy {
		f.awaitIdle(idle)
	}
	left = f.log.Backlog(from.Other()).Acknowledged
	if err == nil && left > 0 {
		err = fmt.Errorf("%d writes were accepted meanwhile", left)
	}
	return f.sent.Load() - before, left, err
}

func (f *Follower) turn() {
	select {
	case f.turned <- struct{}{}:
	default: // it is seen already
	}
}

// level waits until the side lacks nothing.
func (f *Follower) level(ctx context.Context, epoch uint64, to Side) error {
	tick := time.NewTicker(levelEvery)
	defer tick.Stop()
	for {
		_, open := f.log.position() // first: a write that ends in between is in the backlog then
		b := f.log.Backlog(to)
		s := f.Status()
		switch now, _ := f.o.Direction(); {
		case now != epoch:
			return errTurned
		case b.Gaps > 0:
			return fmt.Errorf("%d writes are in no record", b.Gaps)
		case b.Acknowledged == 0 && open == 0 && f.log.Err() == nil:
			return nil // a journal that cannot be written may have missed some
		case s.Stopped != "":
			return fmt.Errorf("the mirror is stopped: %s", s.Stopped)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			why := ""
			if s.Waiting != "" {
				why = ": " + s.Waiting
			}
			return fmt.Errorf("%d writes were not carried in time, %d have no outcome yet%s", b.Acknowledged, open, why)
		}
	}
}

// awaitIdle waits until what was cancelled has ended; what the next epoch may carry meanwhile is its own. What takes too long is given up.
func (f *Follower) awaitIdle(idle <-chan struct{}) {
	defer time.AfterFunc(f.o.Grace, f.giveUp).Stop()
	<-idle
}

// giveUp ends the sends that are under way; what became of them is unknown then.
func (f *Follower) giveUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.killAll()
	f.kill, f.killAll = context.WithCancel(context.Background())
}
