package testkit

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Ledger holds what clients were told of their writes against what the backends took. A write is a POST whose body is an id of
// its own; a backend that took it answers 201 with its side's name as the body. Its methods are safe to call from many
// goroutines.
type Ledger struct {
	mu      sync.Mutex
	arrived int
	taken   []entry
	count   map[string]int    // of them, by side
	told    map[string]string // by id, the side that acknowledged it
	failed  map[string]string // by id, why it has no acknowledgement
}

// entry is a write that a backend took.
type entry struct {
	id, side string
	arrival  int // its place among all that arrived anywhere
	at       time.Time
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{count: map[string]int{}, told: map[string]string{}, failed: map[string]string{}}
}

// Side is a backend's handler for writes; keep stores one, and its error is the backend's 503. Nil keeps it in the ledger alone.
func (l *Ledger) Side(name string, keep func(ctx context.Context, id string) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		e := entry{id: string(body), side: name, at: time.Now()}
		l.mu.Lock()
		l.arrived++
		e.arrival = l.arrived
		l.mu.Unlock()
		if keep != nil {
			if err := keep(context.WithoutCancel(r.Context()), e.id); err != nil { // what was begun is done, whether or not anybody waits
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
		}
		l.mu.Lock()
		l.taken = append(l.taken, e)
		l.count[name]++
		l.mu.Unlock()
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, name) // whoever does not read it counts as not told
	})
}

// Told notes what a client was told of its write: the side that acknowledged it, or why none did.
func (l *Ledger) Told(id string, status int, body string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.failed[id] = err.Error()
	case status == http.StatusCreated:
		l.told[id] = body
	default:
		l.failed[id] = fmt.Sprintf("%d %s", status, strings.TrimSpace(body))
	}
}

// Failures returns why writes were not acknowledged, and how often each.
func (l *Ledger) Failures() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	why := map[string]int{}
	for _, text := range l.failed {
		why[text]++
	}
	return why
}

// Count returns how many writes a side took.
func (l *Ledger) Count(side string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count[side]
}

// FirstSince returns when the first write that a side took arrived there, of those after a moment; false if none did.
func (l *Ledger) FirstSince(side string, since time.Time) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var first time.Time
	for _, e := range l.taken {
		if e.side == side && e.at.After(since) && (first.IsZero() || e.at.Before(first)) {
			first = e.at
		}
	}
	return first, !first.IsZero()
}

// IDs returns the writes that a side took, sorted.
func (l *Ledger) IDs(side string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ids []string
	for _, e := range l.taken {
		if e.side == side {
			ids = append(ids, e.id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Arrived is how many writes have arrived anywhere, to be given to Turns later.
func (l *Ledger) Arrived() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.arrived
}

// Turns returns the sides that took writes, of those that arrived after so many, in the order of their arrival, each once for
// as long as it took them alone: `old new old` is a flip and a rollback, and nothing that went astray.
func (l *Ledger) Turns(after int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var turns []string
	for _, e := range l.inOrder() {
		if e.arrival > after && (len(turns) == 0 || turns[len(turns)-1] != e.side) {
			turns = append(turns, e.side)
		}
	}
	return turns
}

// inOrder returns the writes taken by their arrival. The caller has the lock.
func (l *Ledger) inOrder() []entry {
	sorted := slices.Clone(l.taken)
	slices.SortFunc(sorted, func(a, b entry) int { return a.arrival - b.arrival })
	return sorted
}

// Problems returns what must never be: an acknowledged write that is not where the client was told, and one that was taken
// twice, on one side or on both, whatever its client was told.
func (l *Ledger) Problems() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := map[string][]string{}
	for _, e := range l.inOrder() {
		at[e.id] = append(at[e.id], e.side)
	}
	var problems []string
	for id, sides := range at {
		if len(sides) > 1 {
			problems = append(problems, fmt.Sprintf("write %s was taken %d times: %s", id, len(sides), strings.Join(sides, ", ")))
		}
	}
	for id, side := range l.told {
		if !slices.Contains(at[id], side) {
			problems = append(problems, fmt.Sprintf("write %s was acknowledged by %s, and is not there", id, side))
		}
	}
	slices.Sort(problems)
	return problems
}
