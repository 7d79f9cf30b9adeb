package evidence

import (
	"time"

	"paritygate/compare"
)

// unitState is what the exchanges of a unit have shown; a higher one outweighs a lower one.
type unitState uint8

const (
	unitNone unitState = iota
	unitGood
	unitLagged
	unitBad
)

// tally counts units.
type tally struct{ all, bad, lagged int64 }

func (t *tally) add(o tally) {
	t.all += o.all
	t.bad += o.bad
	t.lagged += o.lagged
}

// move counts a unit that goes from one state to another.
func (t *tally) move(from, to unitState) {
	if from == unitNone {
		t.all++
	}
	if from == unitLagged {
		t.lagged--
	}
	switch to {
	case unitBad:
		t.bad++
	case unitLagged:
		t.lagged++
	case unitNone, unitGood:
	}
}

// bucket holds the units of the exchanges that arrived in one UnitLength.
type bucket struct {
	pending int
	units   int // in all sets
	late    bool
	sets    map[unitSetKey]*unitSet
}

type unitSetKey struct {
	window int64
	route  string
}

// unitSet is the units of one route.
type unitSet struct {
	account  *account
	states   map[uint64]unitState
	overflow unitState // of all exchanges for which there was no room
	tally    tally
}

// index names the UnitLength in which a time lies.
func (l *ledger) index(t time.Time) int64 {
	n, unit := t.UnixNano(), int64(l.options.UnitLength)
	if n < 0 {
		n -= unit - 1
	}
	return n / unit
}

// bucket returns the bucket of a time. One that is made for a time already closed is late: it may hold repeats of units
// that were added.
func (l *ledger) bucket(arrived time.Time) *bucket {
	i := l.index(arrived)
	b := l.buckets[i]
	if b == nil {
		b = &bucket{late: i <= l.closedThrough, sets: map[unitSetKey]*unitSet{}}
		l.buckets[i] = b
	}
	return b
}

// evidence is what an exchange shows of its unit; the package's comment has the rules.
func (x *Exchange) evidence() unitState {
	switch x.Verdict {
	case compare.Mismatch, compare.Failed:
		return unitBad
	case compare.Match, compare.Tolerated, compare.Lagged:
		if !x.authority().success() {
			return unitNone
		}
		if x.Verdict == compare.Lagged {
			return unitLagged
		}
		return unitGood
	case compare.Skipped:
	}
	return unitNone
}

func (l *ledger) addUnit(b *bucket, w *window, x *Exchange) {
	state := x.evidence()
	if state == unitNone || b.late && state != unitBad {
		return
	}
	key := unitSetKey{window: w.id, route: x.Route}
	set := b.sets[key]
	if set == nil {
		set = &unitSet{account: w.account(x.Route), states: map[uint64]unitState{}}
		b.sets[key] = set
	}
	known, ok := set.states[x.Fingerprint]
	switch {
	case !ok && (len(set.states) >= maxUnitsPerRoute || b.units >= maxUnitsPerBucket):
		if state > set.overflow {
			set.tally.move(set.overflow, state)
			set.overflow = state
		}
		return
	case !ok:
		b.units++
	}
	if state > known {
		set.tally.move(known, state)
		set.states[x.Fingerprint] = state
	}
}

// closeDue adds the units whose time is over and that nothing pending can change.
func (l *ledger) closeDue(now time.Time) {
	present := l.index(now)
	// A clock that was set back must not keep evidence out until it has caught up.
	l.closedThrough = min(l.closedThrough, present)
	for i, b := range l.buckets {
		if i >= present || b.pending > 0 {
			continue
		}
		for _, set := range b.sets {
			set.account.units.add(set.tally)
			set.account.changed.mark()
		}
		delete(l.buckets, i)
		l.closedThrough = max(l.closedThrough, i)
	}
}

// openTallies sums the units of each account that are not added yet.
func (l *ledger) openTallies() map[*account]tally {
	open := map[*account]tally{}
	for _, b := range l.buckets {
		for _, set := range b.sets {
			t := open[set.account]
			t.add(set.tally)
			open[set.account] = t
		}
	}
	return open
}
