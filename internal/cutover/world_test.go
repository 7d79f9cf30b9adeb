package cutover

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// disk is the store of the simulation: what is in it outlives every process. It can fail, lie, hang, and be unreadable.
type disk struct {
	mu    sync.Mutex
	state State
	has   bool
	mode  string        // "", fail, lie, unreadable, hang, ghost
	ghost *State        // what is on the disk behind an error, and comes to light after a crash
	mend  chan struct{} // closed when it hangs no more
}

func (d *disk) break_(mode string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mode == "hang" {
		close(d.mend)
	}
	d.mode = mode
	if mode == "hang" {
		d.mend = make(chan struct{})
	}
}

func (d *disk) stored() State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

// wait blocks while the disk hangs, or until the process that asks is killed, and returns with the lock.
func (d *disk) wait(l *life) error {
	if l.m != nil {
		wait(context.Background(), 50*time.Millisecond) // as disks do
	}
	for {
		d.mu.Lock()
		select {
		case <-l.killed:
			d.mu.Unlock()
			return errors.New("killed")
		default:
		}
		if d.mode != "hang" {
			return nil
		}
		mend := d.mend
		d.mu.Unlock()
		select {
		case <-mend:
		case <-l.killed:
		}
	}
}

// life is one process: from Open to its end or its kill. It is the Store and the Traffic of its machine.
type life struct {
	sim    *sim
	m      *Machine
	marker Marker
	killed chan struct{}
	stop   context.CancelFunc
	ended  chan error

	mu       sync.Mutex
	held     int
	inFlight [3]int
	changed  chan struct{}
}

func (l *life) Load(context.Context) (State, bool, error) {
	d := &l.sim.disk
	if err := d.wait(l); err != nil {
		return State{}, false, err
	}
	defer d.mu.Unlock()
	if d.mode == "unreadable" {
		return State{}, false, errors.New("unreadable")
	}
	return d.state, d.has, nil
}

func (l *life) Commit(_ context.Context, expect uint64, next State, _ Transition) error {
	d := &l.sim.disk
	if err := d.wait(l); err != nil {
		return err
	}
	defer d.mu.Unlock()
	switch {
	case d.mode == "fail":
		return errors.New("disk full")
	case d.has && d.state.Epoch != expect:
		return fmt.Errorf("the store is at epoch %d, not %d", d.state.Epoch, expect)
	case next.Epoch < d.state.Epoch:
		l.sim.wrong("epoch %d is stored after %d", next.Epoch, d.state.Epoch)
	case next.Phase != d.state.Phase && next.Epoch == d.state.Epoch:
		l.sim.wrong("%s and %s share epoch %d", d.state.Phase, next.Phase, next.Epoch)
	}
	if next.Phase == Live && d.state.Phase != Live && l.m != nil && l.m.Plan().Phase != RolledBack { // a commit that hung may come late
		p := l.m.Plan()
		l.mu.Lock()
		if !p.Hold || l.inFlight[Old] > 0 {
			l.sim.wrong("live is committed with %d writes in flight at old, hold %v", l.inFlight[Old], p.Hold)
		}
		l.mu.Unlock()
		l.sim.bases.committed(l.sim)
	}
	if d.mode == "ghost" {
		d.ghost = &next
		return errors.New("not synced")
	}
	if next.Phase == Live && d.state.Phase != Live {
		l.sim.bases.final()
	}
	d.state, d.has, d.ghost = next, true, nil
	if d.mode == "lie" || d.mode == "unreadable" {
		return errors.New("connection lost")
	}
	return nil
}

// write is a client's write; it stays in flight for a while.
func (l *life) write(takes time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.m.Plan(); p.Hold || l.held > 0 {
		l.held++
		return
	}
	l.deliver(takes)
}

// deliver sends a write where the plan of this moment says. The caller has the lock.
func (l *life) deliver(takes time.Duration) {
	select {
	case <-l.killed:
		return // the dead send nothing
	default:
	}
	p, stored := l.m.Plan(), l.sim.disk.stored()
	if p.Refuse || p.Writes == Nobody {
		return
	}
	if p.Writes == New {
		l.m.WriteToNew()
		if !authorised(p, stored) {
			l.sim.wrong("a write goes to new in epoch %d; the store says %s in %d", p.Epoch, stored.Phase, stored.Epoch)
		}
	}
	if p.Writes == Old && stored.Phase == Live {
		marked, found, _ := l.marker.read()
		if p.Phase != RolledBack || !found || marked.Epoch <= stored.Epoch {
			l.sim.wrong("a write goes to old in phase %s; the store says live, and no marker says otherwise", p.Phase)
		}
	}
	if p.Writes == Old {
		l.toOld(p)
	}
	l.inFlight[p.Writes]++
	go func() {
		select {
		case <-time.After(takes):
		case <-l.killed:
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.inFlight[p.Writes]--
		close(l.changed)
		l.changed = make(chan struct{})
	}()
}

func (l *life) Drain(ctx context.Context, of Side) (int, error) {
	for {
		l.mu.Lock()
		n, changed := l.inFlight[of], l.changed
		l.mu.Unlock()
		if n == 0 {
			return 0, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return n, ctx.Err()
		}
	}
}

func (l *life) Release(context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.held > 0 && !l.m.Plan().Hold {
		l.held--
		l.deliver(10 * time.Millisecond)
	}
}

func (l *life) CloseStreams(Side) {}
func (l *life) Abandon(Side)      {}
func (l *life) ResetTriggers()    {}

// toOld judges a write that goes to old: neither may old be fenced, nor may a crash find that the run was live.
func (l *life) toOld(p *Plan) {
	if l.sim.bases.standing() {
		l.sim.wrong("a write goes to a fenced old in phase %s, epoch %d", p.Phase, p.Epoch)
	}
	d := &l.sim.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ghost == nil || d.ghost.Phase != Live {
		return
	}
	if marked, found, _ := l.marker.read(); !found || marked.Epoch <= d.ghost.Epoch {
		l.sim.wrong("a write goes to old in phase %s, and after a crash the run is live in epoch %d", p.Phase, d.ghost.Epoch)
	}
}
