package proxy

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// line is a gate with plans that the test sets, and no server around it.
type line struct {
	*gate
	plans plans
}

func newLine(p Plan) *line {
	l := &line{}
	l.plans.set(p)
	l.gate = newGate(&l.plans, HoldOptions{Max: 50 * time.Millisecond, Requests: 1, Bytes: 1 << 10})
	return l
}

// queue puts a request into the line.
func (l *line) queue(t *testing.T) *waiter {
	wt := &waiter{turn: make(chan struct{}), ctx: t.Context()}
	l.waiting.PushBack(wt)
	return wt
}

func (l *line) admit(t *testing.T) (*admission, error) {
	adm, _, err := l.gate.admit(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "POST", "/", nil), nil, false)
	return adm, err
}

// Each held write goes by the plan of its moment: a new hold stops the release, and a refusal is for those that wait as well.
func TestAReleaseFollowsThePlanThatChanges(t *testing.T) {
	l := newLine(livePlan)
	first, second := l.queue(t), l.queue(t)
	if adm, more := l.releaseNext(nil, nil); !more || adm != first.adm || adm.backend != New {
		t.Fatalf("the first: %+v %v", adm, more)
	}
	l.plans.set(holdPlan())
	if adm, more := l.releaseNext(nil, nil); more || adm != nil || l.waiting.Len() != 1 {
		t.Fatalf("under a new hold: %+v %v, %d wait", adm, more, l.waiting.Len())
	}
	l.plans.change(func(p *Plan) { p.Hold, p.Refuse = false, true })
	if adm, more := l.releaseNext(nil, nil); !more || adm != nil || !errors.Is(second.err, errRefused) {
		t.Fatalf("under a refusal: %+v %v %v", adm, more, second.err)
	}
}

// The last of the held is out, but was not written to its backend yet: what arrives now is behind it.
func TestNothingOvertakesAReleaseUnderWay(t *testing.T) {
	l := newLine(livePlan)
	l.queue(t)
	l.releaseNext(nil, nil)
	if adm, err := l.admit(t); adm != nil || !errors.Is(err, errHeldTooLong) {
		t.Errorf("in the middle of a release: %+v %v", adm, err)
	}
	l.releaseNext(nil, nil)
	if adm, err := l.admit(t); adm == nil || err != nil {
		t.Errorf("after it: %+v %v", adm, err)
	}
}

// Two connections are read in any order: the second of the held is sent once the first was answered, or that took a moment.
func TestTheNextOfTheHeldWaitsForTheAnswer(t *testing.T) {
	for _, answered := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			l := newLine(livePlan)
			first, second := l.queue(t), l.queue(t)
			released := make(chan struct{})
			go func() { l.releaseHeld(t.Context()); close(released) }()
			<-first.turn
			first.adm.markSent()
			synctest.Wait()
			select {
			case <-second.turn:
				t.Error("the second goes before the first was answered")
			default:
			}
			began := time.Now()
			if answered {
				first.adm.done(nil)
			}
			<-second.turn
			if took := time.Since(began); took > answerWait || answered && took > 0 {
				t.Errorf("the second waits for %s", took)
			}
			second.adm.done(nil)
			<-released
		})
	}
}

// firstHeld holds whoever asks first, and then no more.
type firstHeld struct {
	Router
	asked int
}

func (r *firstHeld) Plan() Plan {
	p := r.Router.Plan()
	r.asked++
	p.Hold = r.asked == 1
	return p
}

// Who was held while its body arrived, and finds the hold over, waits for no release: there is none to come.
func TestAHoldThatEndsWhileABodyArrives(t *testing.T) {
	l := newLine(shadowPlan)
	l.router = &firstHeld{Router: &l.plans}
	if adm, err := l.admit(t); adm == nil || err != nil {
		t.Errorf("%+v %v", adm, err)
	}
	l.plans.set(holdPlan())
	l.router, l.reading = &l.plans, 1
	if _, err := l.admit(t); !errors.Is(err, errBusy) {
		t.Errorf("beside one whose body arrives, with room for one: %v", err)
	}
}

// A drain does not wait for streams; and one that begins at a backend which has lost the reads meanwhile ends at once.
func TestStreamsOfTheGate(t *testing.T) {
	l := newLine(shadowPlan)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	adm, err := l.admit(t)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := l.drain(over, Old); n != 1 {
		t.Errorf("%d in flight, want 1", n)
	}
	adm.becomeStream()
	if n, err := l.drain(over, Old); n != 0 || err != nil {
		t.Errorf("%d in flight once it is a stream: %v", n, err)
	}
	for b, want := range map[Backend]error{Old: nil, New: errStreamClosed} {
		ctx, stop := context.WithCancelCause(t.Context())
		l.addStream(b, stop)
		if err := context.Cause(ctx); !errors.Is(err, want) {
			t.Errorf("a stream that begins at %s: %v, want %v", b, err, want)
		}
		stop(nil)
	}
}
