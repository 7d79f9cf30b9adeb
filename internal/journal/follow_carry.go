package journal

import (
	"context"
	"errors"
	"fmt"
)

// byMirror is who carried, in the marks.
const byMirror = "mirror"

// Of the schedule.
const (
	mirrorWindow = 256 // writes that are looked at for one that may start
	mirrorRead   = 16  // that are read ahead of it
)

// stopAt is where the mirror does not go on until an operator resolved it.
type stopAt struct {
	id  string // of the write, or of a gap
	why string
}

func (s *stopAt) Error() string {
	return fmt.Sprintf("%s; look at both sides, and then say `paritygate journal resolve %s --sent`, if the other side has it or must not get it, or `--not-sent`, to have it sent again",
		s.why, s.id)
}

// carry carries what is in the journal, and what comes, until something ends it. limit is the number of a record which is durable: of what
// is up to there the fate is looked up first.
func (f *Follower) carry(ctx context.Context, to Side, limit uint64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go f.watch(ctx, func() { cancel(errTurned) }, to)
	names := newRenamed() // feed's until it hands out the first task
	tasks := make(chan *task, mirrorRead)
	read := make(chan error, 1)
	go func() {
		defer close(tasks)
		read <- f.feed(ctx, to, limit, names, tasks)
	}()
	c := &carrier{
		to: to, by: byMirror, concurrency: f.o.Concurrency, patience: -1, window: mirrorWindow, marks: f.log,
		sender: &attempt{f}, admit: f.admit(to, names), judge: judgeMirrored(to), ended: f.carried(to, names),
	}
	err := c.run(ctx, tasks)
	cancel(errStopping)
	if fed := <-read; err == nil {
		err = fed
	}
	var lost *Unanswered
	if errors.As(err, &lost) {
		return &stopAt{lost.ID, fmt.Sprintf("whether %s %s arrived at %s is unknown: %v", lost.Method, lost.Target, to, lost.Err)}
	}
	var spoiled *Spoiled
	if errors.As(err, &spoiled) {
		return &stopAt{spoiled.ID, fmt.Sprintf("%s %s was not sent to %s: its body: %v", spoiled.Method, spoiled.Target, to, spoiled.Err)}
	}
	return err
}

// maxRenamed bounds what is remembered under other names.
const maxRenamed = 100_000

// admit lets a write go while the direction is this one, unless it names something that has another name on the other side: it would miss
// it there, or hit what is another's.
func (f *Follower) admit(to Side, names *renamed) func(*task) (bool, error) {
	return func(t *task) (bool, error) {
		if f.leg() != to {
			return false, errTurned
		}
		switch made := names.uses(t); {
		case t.excused != 0:
		case len(names.paths) > maxRenamed:
			return false, &stopAt{t.id, fmt.Sprintf("more than %d things have another name on %s than on %s, so nothing that names one can be carried", maxRenamed, to, to.Other())}
		case made != 0:
			return false, &stopAt{t.id, fmt.Sprintf("%s %s names what has another name on %s, where write %s made it", t.write.Method, pathOf(t.write.Target), to, madeBy(t.id, made))}
		}
		return false, nil
	}
}

// madeBy names the write whose intent has a number, in the journal of another one.
func madeBy(id string, seq uint64) string {
	identity, _, _ := SplitID(id)
	return WriteID(identity, seq)
}

func (f *Follower) carried(to Side, names *renamed) func(*task, *Answer, string) {
	return func(t *task, _ *Answer, differs string) {
		f.sent.Add(1)
		if differs != "" {
			names.add(parseRenames(differs), t.intent)
		}
		if f.o.Carried != nil {
			f.o.Carried(to)
		}
	}
}

// judgeMirrored stops the mirror at an answer of another class than the recorded one.
func judgeMirrored(to Side) func(*task, *Answer) (string, error) {
	return func(t *task, a *Answer) (string, error) {
		likewise := a.Outcome == Acknowledged
		if t.recorded != nil && t.recorded.Outcome == Acknowledged {
			likewise = likewise && a.Status/100 == t.recorded.Status/100
		}
		if likewise {
			return compareMade(t.path, t.recorded, a).String(), nil
		}
		why := fmt.Sprintf("%s answered %d to %s %s", to, a.Status, t.write.Method, pathOf(t.write.Target))
		if t.recorded != nil && t.recorded.Status != 0 {
			why += fmt.Sprintf(", which %s had answered %d", to.Other(), t.recorded.Status)
		}
		if (a.Status == 401 || a.Status == 403) && len(t.write.Withheld) > 0 {
			why += "; its credentials were not kept: set journal.key, or journal.replay.headers"
		}
		return "", &stopAt{t.id, why}
	}
}

// attempt sends for the mirror: it notes whether the backend is there, and can be given up.
type attempt struct{ f *Follower }

func (s *attempt) Send(ctx context.Context, to Side, w *Write, key string) (*Answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.f.mu.Lock()
	kill := s.f.kill
	s.f.mu.Unlock()
	defer context.AfterFunc(kill, cancel)()
	a, err := s.f.sender.Send(ctx, to, w, key)
	waiting := ""
	if err != nil {
		waiting = fmt.Sprintf("%s does not answer, and is tried again: %v", to, err)
	}
	s.f.show(func(status *FollowStatus) { status.Waiting = waiting })
	return a, err
}
