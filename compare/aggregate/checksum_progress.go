package aggregate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// saveEvery is how often a long check keeps how far it is. Tests change it.
var saveEvery = time.Second

// staleProgress is how long what was found before an interruption counts.
const staleProgress = time.Hour

// state is how far a checksum is, and what it found. It is kept as JSON.
type state struct {
	Definition string    // of what was asked of which databases, and how
	Began      time.Time // the first statement
	Saved      time.Time
	Done       rowKey   // the last key of what was looked at; nil at the beginning
	Rows       [2]int64 // of what was looked at: old, new
	Chunk      int64    // rows to look at in one statement
	// Pending are keys whose rows differed when they were looked at, and may have been in flight.
	Pending []rowKey
	Counts  tally
	Named   []Difference
}

// resume goes on where the last run ended, if that is what this one would do, or begins.
func (w *walk) resume(ctx context.Context, now time.Time) {
	fresh := state{Definition: w.definition(), Began: now, Chunk: firstChunk}
	w.state, w.saved = fresh, now
	if w.both.progress == nil {
		return
	}
	// A progress that cannot be read costs no more than the time to find it all again.
	kept, err := w.both.progress.Load(ctx, w.check)
	var s state
	if err != nil || kept == nil || json.Unmarshal(kept, &s) != nil {
		return
	}
	age := now.Sub(s.Saved)
	if s.Definition != fresh.Definition || age < 0 || age > staleProgress || len(s.Done) != len(w.tables.names) {
		return
	}
	w.state = s
}

// save keeps how far it is, from time to time.
func (w *walk) save(ctx context.Context) {
	if w.both.progress == nil || time.Since(w.saved) < saveEvery {
		return
	}
	w.saved = time.Now()
	w.state.Saved = w.saved
	kept, err := json.Marshal(&w.state)
	if err == nil {
		_ = w.both.progress.Save(ctx, w.check, kept) // the store tells of its own failures; the check can do without
	}
}

func (w *walk) forget(ctx context.Context) {
	if w.both.progress != nil {
		_ = w.both.progress.Clear(ctx, w.check) // as in save; what is left would be of another time
	}
}

// definition tells what is asked, of which databases, from everything else.
func (w *walk) definition() string {
	text := w.both.databases
	for i := range w.tables.sides {
		t := &w.tables.sides[i]
		text += "\n" + t.sumSQL(span{}) + "\n" + t.lookSQL([]rowKey{}, true) + "\n" + t.list(orderOf)
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
