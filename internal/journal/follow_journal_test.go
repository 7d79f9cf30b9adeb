package journal

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"paritygate/internal/testkit"
)

// store is a backend that keeps a value for each path: PUT sets it, POST appends to it, DELETE forgets it. It counts what was done twice.
type store struct {
	mu      sync.Mutex
	values  map[string]string
	seen    map[string]int // Idempotency-Key → times
	fail    atomic.Int64   // so many writes are answered 500 from now on
	closed  atomic.Bool    // connections are cut
	doubled int
}

func newStore() *store { return &store{values: map[string]string{}, seen: map[string]int{}} }

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.closed.Load() {
		panic(http.ErrAbortHandler)
	}
	body, _ := io.ReadAll(r.Body)
	if s.fail.Add(-1) >= 0 {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		if s.seen[key]++; s.seen[key] > 1 && r.Method == http.MethodPost {
			s.doubled++
		}
	}
	switch r.Method {
	case http.MethodPut:
		s.values[r.URL.Path] = string(body)
	case http.MethodPost:
		s.values[r.URL.Path] += string(body)
	case http.MethodDelete:
		delete(s.values, r.URL.Path)
	}
}

func (s *store) all() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.values)
}

// overHTTP sends over HTTP.
type overHTTP struct {
	at     map[Side]string
	client *http.Client
}

func (w overHTTP) Send(ctx context.Context, to Side, write *Write, key string) (*Answer, error) {
	req, err := http.NewRequestWithContext(ctx, write.Method, w.at[to]+write.Target, strings.NewReader(string(write.Body)))
	if err != nil {
		return nil, err
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		if strings.Contains(err.Error(), "connection refused") {
			return nil, fmt.Errorf("%w: %w", ErrNotSent, err)
		}
		return nil, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return &Answer{Outcome: OutcomeOf(resp.StatusCode), Status: resp.StatusCode, Whole: true}, err
}

// pair is two backends, the journal between them, and its mirror.
type pair struct {
	t        *testing.T
	dir      string
	old, new *store
	send     overHTTP
	journal  *Journal
	follower *Follower
	epoch    atomic.Uint64
	to       atomic.Value // Side
	stop     context.CancelFunc
	ended    sync.WaitGroup
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{t: t, dir: t.TempDir(), old: newStore(), new: newStore()}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	p.send = overHTTP{at: map[Side]string{}, client: &http.Client{Transport: transport}}
	for side, s := range map[Side]*store{Old: p.old, New: p.new} {
		server := httptest.NewUnstartedServer(s)
		server.Config.ErrorLog = nil
		server.Start()
		p.send.at[side] = server.URL
		t.Cleanup(server.Close)
	}
	t.Cleanup(transport.CloseIdleConnections)
	p.epoch.Store(1)
	p.to.Store(New)
	p.open()
	t.Cleanup(func() { p.close() })
	return p
}

func (p *pair) open() {
	p.t.Helper()
	var err error
	if p.journal, err = Open(p.t.Context(), Options{Directory: p.dir, Run: "run", Segment: 1 << 20}); err != nil {
		p.t.Fatal(err)
	}
	p.follower = NewFollower(p.journal, FollowOptions{Direction: func() (uint64, Side) { return p.epoch.Load(), p.to.Load().(Side) }}, p.send)
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	p.ended.Go(func() { _ = p.journal.Run(ctx) })
	p.ended.Go(func() { _ = p.follower.Run(ctx) })
}

func (p *pair) close() {
	p.stop()
	p.ended.Wait()
	if err := p.journal.Close(); err != nil {
		p.t.Error(err)
	}
}

// write is what the proxy does with a write: recorded, forwarded, and its outcome recorded.
func (p *pair) write(at Side, method, target, body string) {
	w := &Write{At: at, Epoch: p.epoch.Load(), Time: time.Now(), Route: "write", Method: method, Target: target, Body: []byte(body)}
	entry, err := p.journal.Begin(p.t.Context(), w)
	if err != nil {
		p.t.Error(err)
		return
	}
	a, err := p.send.Send(p.t.Context(), at, w, "")
	switch {
	case err != nil:
		p.t.Error(err)
	case at == New:
		if err := entry.Answered(a); err != nil {
			p.t.Error(err)
		}
	default:
		entry.AnsweredSoon(a)
	}
}

// load writes from so many clients at once, over few paths, so that the order counts.
func (p *pair) load(at Side, clients, each int) {
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(c), uint64(each)))
			for i := range each {
				path := fmt.Sprintf("/things/%d", random.IntN(20))
				if random.IntN(4) == 0 {
					// Appending from many clients has no order that both sides share, unless each has a thing of its own.
					p.write(at, http.MethodPost, fmt.Sprintf("/logs/%s/%d", at, c), fmt.Sprintf("[%d]", i))
					continue
				}
				p.write(at, http.MethodPut, fmt.Sprintf("%s/of/%d", path, c), fmt.Sprintf("%d by %d", i, c))
			}
		})
	}
	all.Wait()
}

func (p *pair) await(what string, ready func() bool) {
	p.t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-tick.C:
		case <-deadline:
			p.t.Fatalf("waited for %s: %+v, %+v", what, p.follower.Status(), p.journal.Backlog(New))
		}
	}
}

func (p *pair) equal() {
	p.t.Helper()
	old, fresh := p.old.all(), p.new.all()
	for path, value := range old {
		if fresh[path] != value {
			p.t.Errorf("%s is %q at old and %q at new", path, value, fresh[path])
		}
	}
	if len(old) != len(fresh) || p.old.doubled+p.new.doubled > 0 {
		p.t.Errorf("%d things at old, %d at new; done twice: %d, %d", len(old), len(fresh), p.old.doubled, p.new.doubled)
	}
}

func TestBothSidesAreEqualAfterManyWrites(t *testing.T) {
	p := newPair(t)
	p.load(Old, 64, testkit.Rounds(16))
	p.await("the mirror", func() bool { return p.journal.Backlog(New).Acknowledged == 0 && p.journal.Status().Open == 0 })
	p.equal()
}

// One flip and one rollback under load, the mirror following: nothing is lost, nothing is done twice.
func TestAFlipAndARollbackWithAMirror(t *testing.T) {
	p := newPair(t)
	p.load(Old, 16, 5)
	p.epoch.Add(1) // writes are held and drained from here on
	if _, left, err := p.follower.CatchUp(t.Context(), Old); err != nil || left != 0 {
		t.Fatalf("%d left: %v", left, err)
	}
	p.equal()
	p.epoch.Add(1)
	p.to.Store(Old)
	p.load(New, 16, 5)
	p.close() // kill and start
	p.open()
	p.load(New, 16, 5)
	p.epoch.Add(1)
	p.to.Store(Side(""))
	if _, left, err := p.follower.CatchUp(t.Context(), New); err != nil || left != 0 {
		t.Fatalf("%d left: %v", left, err)
	}
	p.equal()
	p.load(Old, 4, 5)
	if n := p.journal.Backlog(New).Acknowledged; n != 20 {
		t.Errorf("%d of old's writes are kept for new, want 20", n)
	}
	p.epoch.Add(1)
	p.to.Store(New) // resumed
	p.await("the mirror", func() bool { return p.journal.Backlog(New).Acknowledged == 0 })
	p.equal()
}

// New fails in the middle: the mirror stops there, and goes on from there once it is resolved. What failed was not done.
func TestAFailureInTheMiddle(t *testing.T) {
	p := newPair(t)
	p.load(Old, 8, 5)
	p.await("the mirror", func() bool { return p.journal.Backlog(New).Acknowledged == 0 && p.journal.Status().Open == 0 })
	p.new.fail.Store(1)
	p.write(Old, http.MethodPost, "/logs/one", "[a]")
	p.await("the stop", func() bool { return p.follower.Status().StoppedID != "" })
	p.load(Old, 8, 5)
	id := p.follower.Status().StoppedID
	if err := p.journal.Mark(t.Context(), Record{Type: ResolvedRecord, ID: id, Mark: &Mark{To: New, By: "alice", Sent: false}}); err != nil {
		t.Fatal(err)
	}
	p.await("the mirror", func() bool { return p.journal.Backlog(New).Unreplayed() == 0 && p.journal.Status().Open == 0 })
	p.equal()
}

// New cuts every connection for a while: what may be repeated is tried until it is back, and the clients of old notice nothing.
func TestNewIsAwayAndComesBack(t *testing.T) {
	p := newPair(t)
	p.new.closed.Store(true)
	for i := range 40 {
		p.write(Old, http.MethodPut, fmt.Sprintf("/things/%d", i%4), fmt.Sprint(i))
	}
	p.await("a try", func() bool { return p.follower.Status().Waiting != "" })
	if n := p.journal.Backlog(New).Acknowledged; n == 0 {
		t.Error("nothing is said to be missing at new, which took nothing")
	}
	p.new.closed.Store(false)
	p.await("the mirror", func() bool { return p.journal.Backlog(New).Acknowledged == 0 && p.journal.Status().Open == 0 })
	p.equal()
}
