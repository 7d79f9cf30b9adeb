package main

import (
	"context"
	"encoding/hex"

	"go.uber.org/zap"

	"paritygate/internal/cutover"
	"paritygate/internal/journal"
	"paritygate/proxy"
)

// journalMode says how the writes of a plan are recorded:
//
//	live                     first: no byte goes to new before the record counts, and no answer to a client before the outcome does
//	rolled_back              if possible, while old lacks writes of new, or may: what is written there now can conflict with them
//	shadow, canary, cutover  if possible, where the mirror carries old's writes to new
//	complete                 not at all
func (p *Program) journalMode(plan *cutover.Plan) proxy.JournalMode {
	switch plan.Phase {
	case cutover.Live:
		return proxy.JournalFirst
	case cutover.RolledBack:
		if p.mirror.on || p.keeper.wanted() {
			return proxy.JournalIfPossible
		}
	case cutover.Shadow, cutover.Canary, cutover.Cutover:
		if p.mirror.on {
			return proxy.JournalIfPossible
		}
	case cutover.Complete:
	}
	return proxy.NotJournaled
}

// wanted reports whether old lacks writes of new, or may: some are in flight, or the journal is not open, and then nobody knows.
func (k *keeper) wanted() bool {
	j := k.held.Load()
	if j == nil {
		return k.err() != nil
	}
	b := j.Backlog(journal.Old)
	return b.Unreplayed()+b.Gaps > 0 || b.Open > 0
}

// recorder lets the proxy record writes in the journal, once it is open.
type recorder struct{ program *Program }

func (r recorder) Begin(ctx context.Context, w *proxy.JournalWrite) (proxy.JournalEntry, error) {
	j, err := r.program.keeper.journal()
	if err != nil {
		return nil, err
	}
	write := &journal.Write{
		At: journalSide(w.At), Epoch: w.Epoch, Time: w.Time, Route: w.Route, Method: w.Method, Target: w.Target, Host: w.Host,
		Scheme: w.Scheme, Client: w.Client, Header: w.Header, Trailer: w.Trailer, Body: w.Body, Idempotent: w.Idempotent,
	}
	if s, ok := w.Spool.(spool); ok {
		write.Spool, write.Body = s.Spool, nil
	}
	e, err := j.Begin(ctx, write)
	if err != nil {
		return nil, err
	}
	return entry{e, r.program, w.At}, nil
}

func (r recorder) Spool() (proxy.JournalSpool, error) {
	j, err := r.program.keeper.journal()
	if err != nil {
		return nil, err
	}
	s, err := j.NewSpool()
	if err != nil {
		return nil, err
	}
	return spool{s}, nil
}

func (r recorder) Missed(at proxy.Backend) { r.program.keeper.miss(journalSide(at)) }

func journalSide(b proxy.Backend) journal.Side {
	if b == proxy.New {
		return journal.New
	}
	return journal.Old
}

// spool is a body on its way into the journal.
type spool struct{ *journal.Spool }

func (s spool) Size() int64 { return s.Spool.Size }

// entry is a write in the journal.
type entry struct {
	*journal.Entry
	program *Program
	at      proxy.Backend
}

func (e entry) Answered(a *proxy.JournalAnswer) error { return e.Entry.Answered(answerOf(a)) }
func (e entry) AnsweredSoon(a *proxy.JournalAnswer)   { e.Entry.AnsweredSoon(answerOf(a)) }
func (e entry) Ended(a *proxy.JournalAnswer)          { e.Entry.Ended(answerOf(a)) }

func (e entry) Lost(notSent bool, why error) {
	a := &journal.Answer{Outcome: journal.Unknown}
	if notSent {
		a.Outcome = journal.NotSent
	}
	if why != nil {
		a.Error = why.Error()
	}
	if e.at != proxy.New {
		e.Entry.AnsweredSoon(a)
		return
	}
	if err := e.Entry.Answered(a); err != nil {
		e.program.log.Error("that a write has no answer could not be recorded yet", zap.Error(err))
	}
}

func answerOf(a *proxy.JournalAnswer) *journal.Answer {
	out := &journal.Answer{
		Outcome: journal.OutcomeOf(a.Counts), Status: a.Status, Header: a.Header, Body: a.Body, Size: a.Size,
		SHA256: hex.EncodeToString(a.SHA256[:]), Whole: a.Whole, Duration: a.Duration,
	}
	if a.Err != nil {
		out.Error = a.Err.Error()
	}
	return out
}
