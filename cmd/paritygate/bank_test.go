package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paritygate/internal/journal"
)

// bankConfig has segments and bodies so small that rotation, compression and spools are under way all the time.
const bankConfig = `
run: {name: bank, window: 1m}
backends:
  old: {url: "OLD", timeout: 5s}
  new: {url: "NEW", timeout: 5s}
rollback: {error_rate: {min_requests: 1000000}, client_errors: {ratio: 1000, threshold: 100%}, latency: {floor: 1h}, fallback: "off"}
journal: {directory: "JOURNAL", segment: 96KiB, body: 2KiB}
`

// bank is a run whose clients, backends and journal are held against each other: each write has an id of its own, in its query and body.
type bank struct {
	*process
	journal  string
	old, new *vault
	ids      atomic.Int64

	mu    sync.Mutex
	acked map[string]string // by id, the side that a client was told has its write
}

// vault is a backend that notes what it took, by the order of arrival.
type vault struct {
	name string
	*httptest.Server
	mu    sync.Mutex
	took  map[string]int    // by id
	keys  map[string]string // by id, the Idempotency-Key that it came with
	order map[string][]string
	wrong []string // ids whose body was not what it must be
}

func newVault(t *testing.T, name string) *vault {
	v := &vault{name: name, took: map[string]int{}, keys: map[string]string{}, order: map[string][]string{}}
	v.Server = httptest.NewServer(v)
	t.Cleanup(v.Close)
	return v
}

// payload is the body of a write: one in sixteen is too large for a record.
func payload(id string) string {
	n, _ := strconv.Atoi(id[strings.LastIndex(id, "-")+1:])
	if n%16 == 0 {
		return strings.Repeat(id+" ", 1500)
	}
	return id
}

// ServeHTTP takes a write, but for one in fifty, which it refuses, and one in fifty, which it takes and then fails.
func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	body, err := io.ReadAll(r.Body)
	if r.Method == http.MethodGet || err != nil {
		return
	}
	if strings.HasSuffix(id, "49") {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	v.mu.Lock()
	v.took[id]++
	v.keys[id] = r.Header.Get("Idempotency-Key")
	v.order[r.URL.Path] = append(v.order[r.URL.Path], id)
	if string(body) != payload(id) {
		v.wrong = append(v.wrong, fmt.Sprintf("%s: %d bytes", id, len(body)))
	}
	v.mu.Unlock()
	if strings.HasSuffix(id, "99") && v.name == "new" {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, v.name)
}

// ids returns a copy of what was taken, and how often.
func (v *vault) ids() map[string]int {
	v.mu.Lock()
	defer v.mu.Unlock()
	took := make(map[string]int, len(v.took))
	for id, n := range v.took {
		took[id] = n
	}
	return took
}

func newBank(t *testing.T, more string) *bank {
	t.Helper()
	return newBankAt(t, filepath.Join(t.TempDir(), "journal"), more)
}

// newBankAt has its journal in a directory.
func newBankAt(t *testing.T, directory, more string) *bank {
	t.Helper()
	b := &bank{journal: directory, old: newVault(t, "old"), new: newVault(t, "new"), acked: map[string]string{}}
	b.process = newProcess(t, bankConfig+more, "OLD", b.old.URL, "NEW", b.new.URL, "JOURNAL", b.journal)
	return b
}

// writers write, each to a resource of its own, until they are stopped; a process that dies under them is no reason to stop.
// Each rests for a while after a write.
func (b *bank) writers(n int, kind string, rest time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(b.t.Context())
	transport := &http.Transport{MaxIdleConnsPerHost: n}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			for ctx.Err() == nil {
				if !b.write(ctx, transport, kind, i) {
					_ = pause(ctx, time.Millisecond) // nobody listens
					continue
				}
				_ = pause(ctx, rest)
			}
		})
	}
	return func() { cancel(); all.Wait(); transport.CloseIdleConnections() }
}

// write sends one write, which ends whether or not the writers were stopped, and reports whether there was an answer.
func (b *bank) write(ctx context.Context, transport http.RoundTripper, kind string, account int) bool {
	id := fmt.Sprintf("%s-%d", kind, b.ids.Add(1))
	r, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, fmt.Sprintf("%s/%s/%d?id=%s", b.process.proxy, kind, account, id), strings.NewReader(payload(id)))
	if err != nil {
		return false
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	side, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode == http.StatusCreated {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.acked[id] = string(side)
	}
	return true
}

func (b *bank) told() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.acked)
}

// account is what the journal says of the writes, read from its files by the client's id.
type account struct {
	outcomes              map[string]journal.Outcome // "": there is none
	at                    map[string]journal.Side
	numbers               map[string]string // the journal's id, by the client's
	acknowledged, unknown int64             // of the writes to new
}

// read reads the journal as a stranger does, and holds every body against its write.
func (b *bank) read() account {
	b.t.Helper()
	a := account{outcomes: map[string]journal.Outcome{}, at: map[string]journal.Side{}, numbers: map[string]string{}}
	r, err := journal.OpenReader(b.journal, journal.ReadOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	clients := map[string]string{} // the client's id, by the journal's
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			b.t.Fatal(err)
		}
		if record.Type == journal.IntentRecord {
			_, id, _ := strings.Cut(record.Write.Target, "id=")
			if _, twice := a.at[id]; twice {
				b.t.Errorf("write %s has two intents", id)
			}
			clients[record.ID], a.numbers[id], a.outcomes[id], a.at[id] = id, record.ID, "", record.Write.At
			if body := b.bodyOf(record.Write); body != payload(id) {
				b.t.Errorf("the body of %s has %d bytes, want %d", id, len(body), len(payload(id)))
			}
		}
		if record.Type == journal.OutcomeRecord {
			a.outcomes[clients[record.ID]] = record.Answer.Outcome
		}
	}
	for id, o := range a.outcomes {
		switch {
		case a.at[id] != journal.New:
		case o == journal.Acknowledged:
			a.acknowledged++
		case o == journal.Unknown || o == "":
			a.unknown++
		}
	}
	return a
}

// bodyOf is the body of a write, from its record or the file beside the segments.
func (b *bank) bodyOf(w *journal.Write) string {
	if w.Spool == nil {
		return string(w.Body)
	}
	body, err := os.ReadFile(filepath.Join(b.journal, w.Spool.Path))
	if err != nil {
		b.t.Errorf("spool: %v", err)
	}
	return string(body)
}

// settled holds the three accounts against each other while no process runs: the clients', the backends', and the journal's.
func (b *bank) settled(when string) account {
	b.t.Helper()
	if v, err := journal.Verify(b.t.Context(), b.journal, nil); err != nil || len(v.Damages) > 0 {
		b.t.Errorf("%s: verify: %v, %+v", when, err, v)
	}
	a := b.read()
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, side := range b.acked {
		if side == "new" && a.outcomes[id] != journal.Acknowledged {
			b.t.Errorf("%s: a client was told that new has %s; the journal says %q of it", when, id, a.outcomes[id])
		}
	}
	for id := range b.new.ids() {
		if a.at[id] != journal.New {
			b.t.Errorf("%s: new has %s, and the journal has no intent", when, id)
		}
	}
	return a
}

// known holds what the running program says of the journal against what its files said.
func (b *bank) known(when string, a account) {
	b.t.Helper()
	s := b.status()
	if s.Journal.ToOld.Acknowledged != a.acknowledged || s.Journal.ToOld.Unknown != a.unknown || s.Rollback.UnreplayedWrites != a.acknowledged+a.unknown {
		b.t.Errorf("%s: %d acknowledged, %d unknown; the program says %+v, and %d unreplayed", when, a.acknowledged, a.unknown, s.Journal.ToOld, s.Rollback.UnreplayedWrites)
	}
}
