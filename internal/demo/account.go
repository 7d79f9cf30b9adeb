package demo

import (
	"context"
	"time"
)

// Account is what became of the writes: what clients were told, held against what lies in the databases.
type Account struct {
	// Sent writes are Accepted (the client was told so), Refused (it was told otherwise) or Unanswered.
	Sent, Accepted, Refused, Unanswered int
	// OnOld and OnNew count the writes that each shop took itself; the sync job's copies are not among them.
	OnOld, OnNew int
	// Lost were accepted and are in neither database. Doubled were taken more than once. Strays reached old after the
	// first one had reached new. All three are references, and empty if all is well.
	Lost, Doubled, Strays []string
	// Unnoticed counts those that a shop took although their client was told nothing, or that they had failed.
	Unnoticed int
}

// Clean reports whether no write was lost, doubled or led astray.
func (a *Account) Clean() bool { return len(a.Lost)+len(a.Doubled)+len(a.Strays) == 0 }

// Account holds the writes that clients sent against both shops. Writes that reached old after until, when it was given
// the authority back, are no strays; the zero time means that it was not.
func (s *Shops) Account(ctx context.Context, sent []SentWrite, until time.Time) (Account, error) {
	keptOld, err := s.Old.Kept(ctx)
	if err != nil {
		return Account{}, err
	}
	keptNew, err := s.New.Kept(ctx)
	if err != nil {
		return Account{}, err
	}
	onOld, onNew := s.Old.Writes(), s.New.Writes()
	a := Account{Sent: len(sent), OnOld: len(onOld), OnNew: len(onNew)}
	taken := make(map[string]int)
	for _, w := range append(onOld, onNew...) {
		if taken[w.Reference]++; taken[w.Reference] == 2 {
			a.Doubled = append(a.Doubled, w.Reference)
		}
	}
	for _, w := range sent {
		there := keptOld[w.Reference] + keptNew[w.Reference]
		switch {
		case w.Accepted():
			a.Accepted++
			if there == 0 {
				a.Lost = append(a.Lost, w.Reference)
			}
		case w.Status == 0:
			a.Unanswered++
		default:
			a.Refused++
		}
		if !w.Accepted() && there > 0 {
			a.Unnoticed++
		}
		if taken[w.Reference] < 2 && max(keptOld[w.Reference], keptNew[w.Reference]) > 1 {
			a.Doubled = append(a.Doubled, w.Reference)
		}
	}
	a.Strays = strays(onOld, onNew, until)
	return a, nil
}

// Settle ends the accounts of both shops and of the traffic, which otherwise remember every write: for shops that stay open
// when the last account was made.
func (s *Shops) Settle(t *Traffic) {
	s.Old.settle()
	s.New.settle()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settled, t.sent = true, nil
}

// strays are the writes that reached old after the first one had reached new, and before until.
func strays(onOld, onNew []Write, until time.Time) []string {
	var first time.Time
	for _, w := range onNew {
		if first.IsZero() || w.Arrived.Before(first) {
			first = w.Arrived
		}
	}
	var out []string
	for _, w := range onOld {
		if !first.IsZero() && w.Arrived.After(first) && (until.IsZero() || w.Arrived.Before(until)) {
			out = append(out, w.Reference)
		}
	}
	return out
}
