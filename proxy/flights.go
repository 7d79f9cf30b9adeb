package proxy

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// flight is a request on its way at a backend, as it is watched: one that hangs neither fails nor ends, so that only its age tells.
// What is not atomic is set before it is entered into the table, or belongs to Inspect.
type flight struct {
	in    *inbound
	body  *requestBody // that is being sent; nil: none
	call  *call        // nil: a shadow's
	began time.Duration
	epoch uint64
	kind  figureKind
	table *flights // nil: not watched
	slot  int

	timed   atomic.Bool // its latency was entered
	inBody  atomic.Bool // the headers are there; a body of a known length is on its way
	reading atomic.Bool // somebody waits for the backend, not for the client

	seen  int64     // pieces of the body, and when there was last one more
	since time.Time // zero: not looked at yet
}

// age is for how long the backend has had the request: since it was begun, or since the last piece of its body came from the
// client; 0 while the client is being waited for.
func (f *flight) age() time.Duration {
	if f.body != nil && f.body.waiting.Load() {
		return 0
	}
	return f.took(time.Since(f.in.arrived) - f.began)
}

// took takes off from a duration since the beginning what the client needed for its body.
func (f *flight) took(d time.Duration) time.Duration {
	if f.body == nil {
		return d
	}
	if came := f.body.came.Load(); came != 0 {
		uploading := time.Duration(came) - f.in.arrived.Sub(origin) - f.began
		return d - min(max(uploading, 0), d)
	}
	return d
}

// flights are the requests in flight at one backend in one role. It holds as many as it has slots, since nobody waits for one: with
// more at once, those that are seen say enough.
type flights struct {
	slots [flightSlots]atomic.Pointer[flight]
}

const (
	flightSlots = 1024
	slotTries   = 8
)

func (t *flights) enter(f *flight) {
	from := rand.Uint32() //nolint:gosec // any slot will do
	for i := range uint32(slotTries) {
		at := (from + i) % flightSlots
		if s := &t.slots[at]; s.Load() == nil && s.CompareAndSwap(nil, f) {
			f.table, f.slot = t, int(at)
			return
		}
	}
}

// leave ends the watching. It may be called again.
func (f *flight) leave() {
	if f.table != nil {
		f.table.slots[f.slot].Store(nil)
		f.table = nil
	}
}

func (t *flights) each(look func(*flight)) {
	for i := range t.slots {
		if f := t.slots[i].Load(); f != nil {
			look(f)
		}
	}
}
