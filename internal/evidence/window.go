package evidence

import (
	"context"
	"time"
)

// RestartWindow begins a new window of evidence: exchanges that arrived before start still count in the window before it. What
// was seen so far stays in the store as the run's record. A start before the current window's is moved up to it.
//
// The new window holds at once, even if the error says that it could not be written; flushes try that again. An owner that
// keeps the start of the window elsewhere compares it with Window when it starts.
func (s *Store) RestartWindow(ctx context.Context, start time.Time) error {
	s.ledger.restart(start)
	return s.Flush(ctx)
}

func (l *ledger) restart(start time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.current()
	if start.Before(last.start) {
		start = last.start
	}
	next := newWindow(last.id+1, start, l.declared)
	next.noise = carried(last.noise)
	l.windows = append(l.windows, next)
}

// Window returns the current window's number, which grows with every restart, and when it began. The window of a new store
// begins when it is opened.
func (s *Store) Window() (id int64, start time.Time) {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	w := s.ledger.current()
	return w.id, w.start
}

// SetRoutes replaces the declared routes, at a reload. What was counted on others stays. Other rules hold from the
// next window on: what is in flight was compared by the ones before.
func (s *Store) SetRoutes(routes []RouteInfo) {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	s.ledger.declared = append([]RouteInfo(nil), routes...)
}
