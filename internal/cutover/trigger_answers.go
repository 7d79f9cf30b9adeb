package cutover

import (
	"fmt"
	"time"
)

// Outcomes is how requests to one backend ended within a window.
type Outcomes struct {
	Kind              string // `reads` or `writes`; empty: all
	Succeeded, Failed int64
	// Distinct is how many different requests failed; where a connection did not come about each is one.
	Distinct int
	// Row counts the failures since the last success, and RowDistinct the different requests among them.
	Row, RowDistinct int
}

// ErrorRateLimit is the trigger on new's failures: 5xx, timeouts, connections that fail and answers that break off.
type ErrorRateLimit struct {
	Threshold float64
	Window    time.Duration
	Minimum   Minimum
}

// Judge judges how new's requests ended beside old's in the same window, in whichever role: all of them and, since they are few among
// the reads, the writes by themselves, as much as the reads. A kind has something to say only where it fires.
func (l ErrorRateLimit) Judge(old, all Outcomes, kinds ...Outcomes) TriggerFinding {
	found := []TriggerFinding{l.judge(all, old)}
	for _, k := range kinds {
		if f := l.judge(k, old); f.State == Firing {
			found = append(found, f)
		}
	}
	return worst(found)
}

func (l ErrorRateLimit) judge(fresh, old Outcomes) TriggerFinding {
	n := fresh.Succeeded + fresh.Failed
	if n == 0 && fresh.Row == 0 {
		return noData("new has answered nobody within %s", l.Window)
	}
	rate := share(fresh.Failed, n)
	f := TriggerFinding{
		State: Armed, Observed: percent(rate) + " of " + fresh.count(n), Limit: percent(l.Threshold),
		Reason: fmt.Sprintf("new failed %d of %s (%d different ones) within %s; the threshold is %s", fresh.Failed, fresh.count(n), fresh.Distinct, l.Window, percent(l.Threshold)),
	}
	m := l.Minimum
	often := n >= int64(m.Requests) && fresh.Failed >= int64(m.Failures) && rate >= l.Threshold && fresh.Distinct >= m.Distinct
	inARow := fresh.Row >= max(m.Requests, m.Failures) && fresh.RowDistinct >= m.Distinct
	switch {
	case !often && !inARow && n < int64(m.Requests):
		f.State, f.Reason = NoData, f.Reason+fmt.Sprintf(", of at least %d", m.Requests)
		return f
	case !often && !inARow:
		return f
	case !often:
		rate = 1
		f.Observed = fmt.Sprintf("%d failures in a row", fresh.Row)
		f.Reason = fmt.Sprintf("new failed %s in a row (%d different ones)", fresh.count(int64(fresh.Row)), fresh.RowDistinct)
	}
	return l.besideOld(f, rate, old)
}

// Tripped is the finding of a breaker that saw every answer: of so many requests new failed that share.
func (l ErrorRateLimit) Tripped(rate float64, n int, reason string, old Outcomes) TriggerFinding {
	f := TriggerFinding{Observed: percent(rate) + " of " + requests(int64(n)), Limit: percent(l.Threshold), Reason: reason}
	return l.besideOld(f, rate, old)
}

// besideOld is the finding that new fails, and whether old does alike.
func (l ErrorRateLimit) besideOld(f TriggerFinding, rate float64, old Outcomes) TriggerFinding {
	f.State = Firing
	if judged := old.Succeeded + old.Failed; alike(old.Failed, judged, max(rate, 2*l.Threshold)) {
		f.Alike = true
		f.Reason += fmt.Sprintf("; old failed %d of %s", old.Failed, requests(judged))
	}
	return f
}

// Answers is what one backend answered to one kind of request within a window.
type Answers struct {
	// Answered counts those with a status, ClientErrors the 4xx of them.
	Answered, ClientErrors int64
}

func (a Answers) share() float64 { return share(a.ClientErrors, a.Answered) }

// AnswerFacts is what is known of the 4xx answers to one kind of request.
type AnswerFacts struct {
	Kind string // `reads` or `writes`
	New  Answers
	// Distinct is how many different requests are among new's 4xx.
	Distinct int
	// Now is old in the same window, as the authority or else as the shadow; Before is old before the flip, or before the window.
	Now, Before Answers
	// Paired counts new's 4xx for which old was asked as well, Alike those to which it gave the same status.
	Paired, Alike int64
}

// ClientErrorsLimit is the trigger on a surge of 4xx: new's share of them is at least Threshold, and Ratio times old's.
type ClientErrorsLimit struct {
	Ratio, Threshold float64
	Window           time.Duration
	Minimum          Minimum
}

// Judge judges the kinds of request that new answers in the phase, each against old's share of the same kind: in live that from
// before the flip, else that in the same window.
func (l ClientErrorsLimit) Judge(live bool, kinds ...AnswerFacts) TriggerFinding {
	var found []TriggerFinding
	for _, k := range kinds {
		if k.New.Answered > 0 {
			found = append(found, l.judge(live, k))
		}
	}
	if len(found) == 0 {
		return noData("new has answered nobody within %s", l.Window)
	}
	return worst(found)
}

func (l ClientErrorsLimit) judge(live bool, k AnswerFacts) TriggerFinding {
	at, m := k.New.share(), l.Minimum
	f := TriggerFinding{State: Armed, Observed: percent(at) + " of " + fmt.Sprint(k.New.Answered) + " " + k.Kind}
	if k.New.Answered < int64(m.Requests) {
		f.State, f.Reason = NoData, fmt.Sprintf("new answered %d %s within %s, of at least %d", k.New.Answered, k.Kind, l.Window, m.Requests)
		return f
	}
	reference, when, known := k.reference(live, m)
	if !known {
		return noData("old's share of 4xx answers to %s is not known: it answered fewer than %d of them %s", k.Kind, m.Requests, when)
	}
	f.Limit = percent(max(l.Threshold, l.Ratio*reference.share()))
	f.Reason = fmt.Sprintf("%s of new's answers to %s were 4xx within %s (%d of %d), %s of old's %s; %s is the limit",
		percent(at), k.Kind, l.Window, k.New.ClientErrors, k.New.Answered, percent(reference.share()), when, f.Limit)
	many := k.New.ClientErrors >= int64(m.Failures) && k.Distinct >= m.Distinct
	switch {
	case many && l.surge(k.New, reference):
		f.State = Firing
		if alike(k.Alike, k.Paired, 1) {
			f.Alike = true
			f.Reason += fmt.Sprintf("; old gave the same status to %d of %d requests that it was asked as well", k.Alike, k.Paired)
		}
	case many && !live && k.Before.Answered >= int64(m.Requests) && l.surge(k.New, k.Before):
		f.State, f.Alike = Firing, true
		f.Reason += fmt.Sprintf("; before that it was %s of old's: both give more of them", percent(k.Before.share()))
	}
	return f
}

func (l ClientErrorsLimit) surge(fresh, old Answers) bool {
	const exact = 1e-9 // three times a tenth is a little more than three tenths
	at := fresh.share()
	return beyondChance(fresh.ClientErrors, fresh.Answered, old.ClientErrors, old.Answered) && at >= l.Threshold && at >= l.Ratio*old.share()-exact
}

// reference is what new is held against, and when that was.
func (k AnswerFacts) reference(live bool, m Minimum) (Answers, string, bool) {
	enough := func(a Answers) bool { return a.Answered >= int64(m.Requests) }
	switch {
	case live:
		return k.Before, "before the flip", enough(k.Before)
	case enough(k.Now):
		return k.Now, "in that time", true
	}
	return k.Before, "lately", enough(k.Before)
}

func (o Outcomes) count(n int64) string {
	if o.Kind != "" {
		return fmt.Sprintf("%d %s", n, o.Kind)
	}
	return requests(n)
}

func requests(n int64) string {
	if n == 1 {
		return "1 request"
	}
	return fmt.Sprintf("%d requests", n)
}
