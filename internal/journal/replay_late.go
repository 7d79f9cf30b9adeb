package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Overtaken says that the target has a later write to the same resource already, so that sending this one would undo it.
type Overtaken struct {
	ID, Method, Target string
	To                 Side
	By                 string // the later write
}

func (o *Overtaken) Error() string {
	return fmt.Sprintf("conflict: write %s (%s %s) was not sent, because %s has been sent write %s to the same resource, which came later; "+
		"look what should stand, then `paritygate journal resolve %s --sent` leaves it out and `--not-sent` sends it all the same; `replay --continue-on conflict` sends all of them",
		o.ID, o.Method, o.Target, o.To, o.By, o.ID)
}

// overtaking finds, for each resource, the last write that the target has been sent, if any has been before one that is still to be sent, as
// after a replay that did not begin with the oldest. It reads the journal once more in that case alone.
func (p *replay) overtaking(ctx context.Context) error {
	first := p.log.oldest
	for first <= p.log.last && !p.log.wanted(first) {
		first++
	}
	last := p.log.last
	for last > first && !p.log.carried(last) {
		last--
	}
	if last <= first {
		return nil
	}
	from, err := p.read(first)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	p.late = map[uint64]carriedAs{}
	open := map[uint64]*Write{}
	for {
		r, err := from.Next()
		if errors.Is(err, io.EOF) || p.damage != nil && isDamage(err) || err == nil && r.Seq > p.log.last {
			return nil
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		_, of, _ := SplitID(r.ID)
		if w := open[of]; r.Type == OutcomeRecord && w != nil {
			delete(open, of)
			if resource := resourceOf(w, pathOf(w.Target), r.Answer); resource != "" {
				p.late[p.touched.hash(resource)] = carriedAs{of, r.Seq}
			}
		}
		if r.Type == IntentRecord && p.log.carried(r.Seq) {
			open[r.Seq] = r.Write
		}
	}
}

// carriedAs is a write that the target has: the numbers of its intent and of its outcome.
type carriedAs struct{ intent, outcome uint64 }

// overtaken finds a later write to the same resource that the target has been sent.
func (p *replay) overtaken(t *task) error {
	by := p.late[p.touched.hash(t.resource)]
	if t.resource == "" || t.excused != 0 || by.outcome <= t.outcome {
		return nil
	}
	return &Overtaken{ID: t.id, Method: t.write.Method, Target: pathOf(t.write.Target), To: p.o.To, By: p.log.id(by.intent)}
}

// carried reports whether the target has been sent the write with an intent.
func (s *survey) carried(seq uint64) bool {
	f, ok := s.fates.Find(seq)
	return ok && !f.Gap && f.At == s.at && f.Carried == Sent
}
