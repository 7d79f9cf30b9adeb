package cutover

import (
	"fmt"
	"time"
)

// Latencies is how long one backend took to answer one kind of request within a window; nil is a backend of which nothing is known.
type Latencies interface {
	// Timed counts the requests.
	Timed() int64
	// Quantile is what a share q of them did not exceed.
	Quantile(q float64) time.Duration
	// Over counts those that took at least d.
	Over(d time.Duration) int64
}

// LatencyFacts is what is known of how long one kind of request takes.
type LatencyFacts struct {
	Kind string // `reads` or `writes`
	// New has the requests that are still in flight for too long as well: they took at least that.
	New Latencies
	// Distinct is how many different requests are among new's slow ones.
	Distinct int
	// Now is old in the same window, as the authority or else as the shadow; Before is old before the flip, or before the window.
	Now, Before Latencies
	// Recent is what new did at last, within Lately; Hanging counts the requests in flight at this moment that take too long already.
	Recent  Latencies
	Hanging int
}

// LatencyTriggerLimit is the trigger on slow answers of new: at Quantile they take longer than Floor, and than Ratio times what old's take.
type LatencyTriggerLimit struct {
	Quantile, Ratio float64
	Floor, Window   time.Duration
	Minimum         Minimum
}

// Lately is the end of the window by which it is told whether new is still slow.
func (l LatencyTriggerLimit) Lately() time.Duration { return l.Window / 20 }

// Pause is for how long new may be slow, if it then is no longer: a collection of garbage, a deployment or a failover is no reason to go
// back, though it shows in the window for as long as that is.
func (l LatencyTriggerLimit) Pause() time.Duration { return l.Window / 10 }

// Slow is the latency from which a request of new counts as slow; 0 if nothing is known of old.
func (l LatencyTriggerLimit) Slow(live bool, k LatencyFacts) time.Duration {
	old, _ := k.reference(live, l.Minimum)
	if old == nil {
		return 0
	}
	return l.limit(old)
}

func (l LatencyTriggerLimit) limit(old Latencies) time.Duration {
	return max(time.Duration(l.Ratio*float64(old.Quantile(l.Quantile))), l.Floor)
}

// Judge judges the kinds of request that new answers in the phase, each against old's figure of the same kind: in live that from
// before the flip, else that in the same window.
func (l LatencyTriggerLimit) Judge(live bool, kinds ...LatencyFacts) TriggerFinding {
	var found []TriggerFinding
	for _, k := range kinds {
		if k.New.Timed() > 0 {
			found = append(found, l.judge(live, k))
		}
	}
	if len(found) == 0 {
		return noData("new has answered nobody within %s", l.Window)
	}
	return worst(found)
}

func (l LatencyTriggerLimit) judge(live bool, k LatencyFacts) TriggerFinding {
	n, m := k.New.Timed(), l.Minimum
	at := k.New.Quantile(l.Quantile)
	f := TriggerFinding{State: Armed, Observed: fmt.Sprintf("%s of %d %s", rounded(at), n, k.Kind)}
	if n < int64(m.Requests) {
		f.State, f.Reason = NoData, fmt.Sprintf("new answered %d %s within %s, of at least %d", n, k.Kind, l.Window, m.Requests)
		return f
	}
	old, when := k.reference(live, m)
	if old == nil {
		return noData("how long old takes to answer %s is not known: it answered fewer than %d of them %s", k.Kind, m.Requests, when)
	}
	limit := l.limit(old)
	f.Limit = rounded(limit)
	f.Reason = fmt.Sprintf("%s of new's %s took up to %s within %s, old's %s %s; %g times that, and more than %s, is the limit",
		percent(l.Quantile), k.Kind, rounded(at), l.Window, rounded(old.Quantile(l.Quantile)), when, l.Ratio, l.Floor)
	slow := k.New.Over(limit)
	switch {
	case k.Distinct >= m.Distinct && l.exceeds(k.New, old, limit):
		if f.State, f.Past = Firing, k.over(limit, l.Quantile); f.Past {
			f.Reason += "; it is over"
		}
		if live && k.Now != nil && alike(k.Now.Over(limit), k.Now.Timed(), share(slow, n)) {
			f.Alike = true
			f.Reason += fmt.Sprintf("; %d of old's %d answers in that time took longer as well", k.Now.Over(limit), k.Now.Timed())
		}
	case !live && enough(k.Before, m) && l.exceeds(k.New, k.Before, l.limit(k.Before)):
		f.State, f.Alike = Firing, true
		f.Reason += fmt.Sprintf("; before that it was %s of old: both have become slow", rounded(k.Before.Quantile(l.Quantile)))
	}
	return f
}

// exceeds reports whether more requests are slow than the quantile leaves out, and not just a few, nor those that are slow at old as well.
func (l LatencyTriggerLimit) exceeds(fresh, old Latencies, limit time.Duration) bool {
	slow, n := fresh.Over(limit), fresh.Timed()
	return slow >= int64(l.Minimum.Failures) && float64(slow) > (1-l.Quantile)*float64(n) && beyondChance(slow, n, old.Over(limit), old.Timed())
}

// over reports whether new answers as quickly as it should again. That nothing was answered lately is no sign of it.
func (k LatencyFacts) over(limit time.Duration, quantile float64) bool {
	if k.Hanging > 0 || k.Recent == nil || k.Recent.Timed() == 0 {
		return false
	}
	return float64(k.Recent.Over(limit)) <= (1-quantile)*float64(k.Recent.Timed())
}

func enough(of Latencies, m Minimum) bool { return of != nil && of.Timed() >= int64(m.Requests) }

// reference is what new is held against, nil if too little is known, and when that was.
func (k LatencyFacts) reference(live bool, m Minimum) (Latencies, string) {
	switch {
	case live && enough(k.Before, m):
		return k.Before, "before the flip"
	case live:
		return nil, "before the flip"
	case enough(k.Now, m):
		return k.Now, "in that time"
	case enough(k.Before, m):
		return k.Before, "lately"
	}
	return nil, "lately"
}

func rounded(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}
