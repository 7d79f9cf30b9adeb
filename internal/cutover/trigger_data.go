package cutover

import (
	"fmt"
	"time"
)

// ParityLimit is the trigger on answers of new that old's contradict.
type ParityLimit struct {
	Threshold   float64
	Window      time.Duration
	MinRequests int
}

// Judge judges the exchanges of the window: those that were compared, and those that count against new.
func (l ParityLimit) Judge(compared, against int64) TriggerFinding {
	if compared == 0 {
		return noData("no answer of new was compared within %s", l.Window)
	}
	rate := share(against, compared)
	f := TriggerFinding{
		State: Armed, Observed: percent(rate) + " of " + fmt.Sprint(compared) + " compared", Limit: percent(l.Threshold),
		Reason: fmt.Sprintf("old contradicts %d of %d answers of new (%s) within %s; the threshold is %s",
			against, compared, percent(rate), l.Window, percent(l.Threshold)),
	}
	switch {
	case compared < int64(l.MinRequests):
		f.State, f.Reason = NoData, f.Reason+fmt.Sprintf(", of at least %d", l.MinRequests)
	case rate >= l.Threshold:
		f.State = Firing
	}
	return f
}

// CheckRow is what one check found since the phase was entered.
type CheckRow struct {
	Name string
	// Failures counts the latest results that failed, without a pass between them. One that is inconclusive is neither.
	Failures int
	// Reason is that of the latest failure.
	Reason string
	// Told is when it last passed or failed, zero if it has not; MaxAge how long that counts.
	Told   time.Time
	MaxAge time.Duration
}

// ChecksLimit is the trigger on a check that fails again and again.
type ChecksLimit struct{ Failures int }

// Judge judges the configured checks. since is when the phase was entered.
func (l ChecksLimit) Judge(now, since time.Time, rows []CheckRow) TriggerFinding {
	if len(rows) == 0 {
		return TriggerFinding{State: Rests, Reason: "no checks are configured"}
	}
	most, stale := rows[0], ""
	for _, r := range rows {
		if r.Failures > most.Failures {
			most = r
		}
		told := r.Told
		if told.IsZero() {
			told = since
		}
		if now.Sub(told) > r.MaxAge && stale == "" {
			stale = fmt.Sprintf("check %s has neither passed nor failed for more than %s", r.Name, r.MaxAge)
		}
	}
	f := TriggerFinding{State: Armed, Observed: fmt.Sprintf("%d in a row", most.Failures), Limit: fmt.Sprintf("%d in a row", l.Failures)}
	switch {
	case most.Failures >= l.Failures:
		f.State, f.Reason = Firing, fmt.Sprintf("check %s failed %d times in a row, at last: %s", most.Name, most.Failures, most.Reason)
	case stale != "":
		f.State, f.Missing, f.Reason = NoData, true, stale
	case most.Failures > 0:
		f.Reason = fmt.Sprintf("check %s failed %d times in a row, of %d", most.Name, most.Failures, l.Failures)
	default:
		f.Reason = "the latest result of each check is no failure"
	}
	return f
}
