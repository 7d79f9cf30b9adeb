package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"paritygate/config"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/internal/journal"
)

// keeper has the journal of writes: open, or with the reason why it is not, and then it tries again. Whoever needs the journal asks at
// the moment of use.
type keeper struct {
	program   *Program
	options   journal.Options
	remembers bool // writes rest on the journal that the store remembers: it is not made anew

	held   atomic.Pointer[journal.Journal]
	missed atomic.Int64  // writes to old that passed unrecorded while it was not open
	opened chan struct{} // closed once it is open

	mu   sync.Mutex
	why  error                // it is not open
	seen evidence.JournalSeen // what the store remembers
}

// reopenEvery is how often a journal that could not be opened is tried again.
const reopenEvery = time.Second

// syncEvery is how long a record may be in the page cache alone with journal.sync: interval.
const syncEvery = 100 * time.Millisecond

func (p *Program) openJournal(ctx context.Context, c *compiled) error {
	seen, err := p.store.Journal()
	if err != nil {
		return err
	}
	stored, _, err := p.store.State(ctx)
	if err != nil {
		return err
	}
	k := &keeper{program: p, options: journalOptions(p, c), seen: seen, opened: make(chan struct{})}
	phase := cutover.Phase(stored.Phase)
	k.remembers = p.options.recovery == nil && (phase == cutover.Live || phase == cutover.RolledBack)
	k.missed.Store(seen.Missed)
	p.keeper = k
	j, err := k.open(ctx)
	if errors.Is(err, journal.ErrOtherRun) {
		j, err = k.succeed(ctx, err)
	}
	if errors.Is(err, journal.ErrKey) || errors.Is(err, journal.ErrVersion) || errors.Is(err, journal.ErrOtherRun) {
		return fmt.Errorf("journal.directory: %w", err) // nothing mends that but another configuration, or program
	}
	if err != nil {
		p.log.Error("the journal cannot be opened; it is tried again", zap.String("directory", k.options.Directory), zap.Error(err))
		return nil
	}
	k.held.Store(j)
	if len(k.options.Key) == 0 {
		p.log.Warn(noKey)
	}
	return nil
}

func journalOptions(p *Program, c *compiled) journal.Options {
	k := c.config
	secrets := evidence.NewSecrets(c.redactor, k.Redact.Headers)
	o := journal.Options{
		Directory: k.Journal.Directory, Run: k.Run.Name, Segment: k.Journal.Segment, Body: k.Journal.Body, Key: []byte(k.Journal.Key.Reveal()),
		Secret: secrets.Header, SecretQuery: secrets.Parameter, Registerer: p.registry, Logger: p.log, Recover: p.options.recovery != nil,
		Redact: func(contentType string, body []byte) []byte {
			return secrets.Body(map[string][]string{"Content-Type": {contentType}}, body)
		},
	}
	if k.Journal.Sync == config.SyncInterval {
		o.Interval = syncEvery
	}
	return o
}

// open opens the journal; nobody uses it before hold.
func (k *keeper) open(ctx context.Context) (*journal.Journal, error) {
	j, err := k.tryOpen(ctx)
	k.note(err)
	return j, err
}

func (k *keeper) tryOpen(ctx context.Context) (*journal.Journal, error) {
	if k.remembers && k.seen.Seq > 0 && !k.hasSegments() {
		return nil, fmt.Errorf("the directory %s has no records, and the store remembers %d of the journal %s: put the directory back, or mount it", k.options.Directory, k.seen.Seq, k.seen.Identity)
	}
	return journal.Open(ctx, k.options)
}

// succeed sets the journal of the run before this one aside, which is complete, and begins another.
func (k *keeper) succeed(ctx context.Context, refused error) (*journal.Journal, error) {
	previous, err := k.program.store.PreviousRun(ctx)
	if err != nil || previous == "" {
		return nil, errors.Join(refused, err)
	}
	to, err := journal.SetAside(k.options.Directory, previous)
	if err != nil {
		return nil, errors.Join(refused, err)
	}
	k.program.log.Info("the journal of the run before this one, which is complete, was set aside", zap.String("run", previous), zap.String("to", to))
	return k.open(ctx)
}

// note keeps why the journal is not open.
func (k *keeper) note(why error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.why = why
}

// hasSegments reports whether there is, or may be, anything in the directory.
func (k *keeper) hasSegments() bool {
	entries, err := os.ReadDir(k.options.Directory)
	if err != nil {
		return !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR)
	}
	for _, e := range entries {
		if found, _ := filepath.Match("*.jsonl*", e.Name()); found {
			return true
		}
	}
	return false
}

// journal is the journal, or why it is not open; the error is a journal.ErrUnavailable.
func (k *keeper) journal() (*journal.Journal, error) {
	if j := k.held.Load(); j != nil {
		return j, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return nil, fmt.Errorf("%w: %w", journal.ErrUnavailable, k.why)
}

// err says why a write to new could not be recorded at this moment; nil if it could.
func (k *keeper) err() error {
	j, err := k.journal()
	if err != nil {
		return err
	}
	return j.Err()
}

// miss counts a write that passed unrecorded.
func (k *keeper) miss(at journal.Side) {
	if j := k.held.Load(); j != nil {
		j.Missed(at)
		return
	}
	if at == journal.Old {
		k.missed.Add(1)
	}
}

// witness is what the journal tells of the run.
func (k *keeper) witness() cutover.Witness {
	if j := k.held.Load(); j != nil {
		return k.heard(j)
	}
	w := cutover.Witness{Lost: k.seen.Unreplayed}
	if k.hasSegments() || k.seen.Seq > 0 {
		k.mu.Lock()
		defer k.mu.Unlock()
		w.Unread = k.why.Error()
	}
	return w
}

// heard compares a journal with what the store remembers.
func (k *keeper) heard(j *journal.Journal) cutover.Witness {
	s := j.Status()
	w := cutover.Witness{Epoch: s.Epoch}
	switch {
	case k.seen.Identity != "" && s.Identity != k.seen.Identity:
		w.Missing = fmt.Sprintf("the journal in %s is %s, and the store remembers %s", k.options.Directory, orEmpty(s), k.seen.Identity)
		w.Lost = k.seen.Unreplayed
	case s.Seq < k.seen.Seq:
		w.Missing = fmt.Sprintf("the journal in %s ends at record %d, and the store remembers %d", k.options.Directory, s.Seq, k.seen.Seq)
		w.Lost = max(k.seen.Unreplayed-j.Backlog(journal.Old).Unreplayed(), 0)
	}
	return w
}

// orEmpty names a journal; one without a record has no name that lasts.
func orEmpty(s journal.Status) string {
	if s.Seq == 0 {
		return "empty"
	}
	return "another one, " + s.Identity
}

// run goes on with the journal until ctx ends, once it can be opened.
func (k *keeper) run(ctx context.Context) error {
	tick := time.NewTicker(reopenEvery)
	defer tick.Stop()
	for !k.usable(ctx) {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	j := k.held.Load()
	for range k.missed.Swap(0) {
		j.Missed(journal.Old)
	}
	close(k.opened)
	return j.Run(ctx)
}

// usable opens the journal if it is not, and reports whether it is.
func (k *keeper) usable(ctx context.Context) bool {
	if k.held.Load() != nil {
		return true
	}
	j, err := k.open(ctx)
	if err != nil {
		return false
	}
	disputed := k.program.machine.Disputed()
	if disputed {
		k.held.Store(j) // no write comes before the dispute ends, and none may come without it then
	}
	if err := k.program.machine.Reconciled(ctx, k.heard(j)); err != nil {
		k.note(err)
		k.held.Store(nil)
		_ = j.Close() // nothing was written
		return false
	}
	k.held.Store(j)
	k.program.log.Info("the journal is open", zap.String("directory", k.options.Directory))
	return true
}

// remember notes in the store what was seen of the journal, unless it is disputed.
func (k *keeper) remember() {
	p := k.program
	if j := k.held.Load(); j != nil && !p.machine.Disputed() {
		s := j.Status()
		seen := evidence.JournalSeen{Seq: s.Synced, Unreplayed: j.Backlog(journal.Old).Unreplayed()}
		if s.Synced > 0 {
			seen.Identity = s.Identity // which lasts from the first record on
		}
		p.store.SetJournal(seen)
		return
	}
	seen := k.seen
	seen.Missed = k.missed.Load()
	p.store.SetJournal(seen)
}

func (k *keeper) close() error {
	if j := k.held.Load(); j != nil {
		return j.Close()
	}
	return nil
}

// free is the room on the journal's disk; nil if it is unknown.
func (k *keeper) free() *int64 {
	n, ok := freeBytes(k.options.Directory)
	if !ok {
		return nil
	}
	return &n
}
