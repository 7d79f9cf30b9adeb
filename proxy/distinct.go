package proxy

import (
	"math"
	"sync/atomic"
	"time"
)

// distinct estimates of how many different requests something was seen lately: each request has a slot by its fingerprint, in which
// stands when that was. It is bounded and allocates nothing.
type distinct struct {
	slots [distinctSlots]atomic.Uint32 // milliseconds of clock, and 1
}

const distinctSlots = 1024

// origin is where this process's clock begins.
var origin = time.Now()

// clock is never 0, save for one millisecond in 49 days: then it wraps round, and so do its differences.
func clock() uint32 { return uint32(time.Since(origin)/time.Millisecond) + 1 }

func (d *distinct) see(fingerprint uint64) { d.slots[fingerprint%distinctSlots].Store(clock()) }

// within estimates the number for the time that is past, by the slots that stayed empty.
func (d *distinct) within(past time.Duration) int {
	now, limit, n := clock(), uint32(min(past/time.Millisecond, math.MaxInt32)), 0
	for i := range d.slots {
		if at := d.slots[i].Load(); at != 0 && now-at <= limit {
			n++
		}
	}
	if n == distinctSlots {
		return 8 * distinctSlots
	}
	return int(-distinctSlots * math.Log1p(-float64(n)/distinctSlots))
}

func (d *distinct) forget() {
	for i := range d.slots {
		d.slots[i].Store(0)
	}
}
