package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"paritygate/compare"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/journal"
	"paritygate/internal/testkit"
)

// twin is a backend that keeps a text for each path: PUT sets it, POST appends to it, GET reads it.
type twin struct {
	*testkit.BackendServer
	mu    sync.Mutex
	texts map[string]string
	keys  map[string]int // Idempotency-Keys of POSTs
}

func newTwin(t *testing.T) *twin {
	w := &twin{texts: map[string]string{}, keys: map[string]int{}}
	w.BackendServer = testkit.Backend(t, w)
	return w
}

func (b *twin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch r.Method {
	case http.MethodPut:
		b.texts[r.URL.Path] = string(body)
	case http.MethodPost:
		b.texts[r.URL.Path] += string(body)
		if key := r.Header.Get("Idempotency-Key"); key != "" {
			b.keys[key]++
		}
	default:
		_, _ = io.WriteString(w, b.texts[r.URL.Path])
	}
}

func (b *twin) all() map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.texts)
}

func (b *twin) doubled() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, times := range b.keys {
		n += times - 1
	}
	return n
}

const followConfig = `
run: {name: follow, window: 1s}
backends: {old: {url: "OLD"}, new: {url: "NEW"}}
mirror: {fraction: 100%}
compare: {headers: []}
journal: {directory: "JOURNAL", mirror: follow}
rollback: {drain: 2s}
`

func TestWhereTheMirrorCarriesTo(t *testing.T) {
	for _, row := range []struct {
		name string
		plan cutover.Plan
		to   journal.Side
	}{
		{"shadow", cutover.Plan{Phase: cutover.Shadow}, journal.New},
		{"canary", cutover.Plan{Phase: cutover.Canary}, journal.New},
		{"a flip that drains", cutover.Plan{Phase: cutover.Cutover, Hold: true}, journal.New},
		{"a commit of which nobody knows", cutover.Plan{Phase: cutover.Cutover, Refuse: true}, ""},
		{"live", cutover.Plan{Phase: cutover.Live}, journal.Old},
		{"live at a start, the fence not seen yet", cutover.Plan{Phase: cutover.Live, Hold: true}, ""},
		{"shadow by the store, and old is fenced", cutover.Plan{Phase: cutover.Shadow, Refuse: true}, ""},
		{"a rollback that holds", cutover.Plan{Phase: cutover.RolledBack, Hold: true}, ""},
		{"rolled back", cutover.Plan{Phase: cutover.RolledBack}, ""},
		{"complete", cutover.Plan{Phase: cutover.Complete}, ""},
	} {
		if to := mirrorTo(&row.plan); to != row.to {
			t.Errorf("%s: to %q, want %q", row.name, to, row.to)
		}
	}
}

// Two flips and two rollbacks under clients that write and read, the mirror following: in the end both sides have all of it, once, in each
// client's order.
func TestFlipsAndRollbacksThatTheMirrorFollows(t *testing.T) {
	older, newer := newTwin(t), newTwin(t)
	r := boot(t, followConfig, "OLD", older.URL, "NEW", newer.URL, "JOURNAL", t.TempDir())
	want := map[string]string{}
	number := 0
	clients := func(during func()) {
		t.Helper()
		stop := make(chan struct{})
		var group sync.WaitGroup
		var mu sync.Mutex
		for c := range 4 {
			group.Go(func() {
				log, item := fmt.Sprintf("/log/%d", c), fmt.Sprintf("/items/%d", c)
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					text := fmt.Sprintf("[%d.%d]", number, i)
					for method, path := range map[string]string{http.MethodPost: log, http.MethodPut: item} {
						if status, _, _, err := r.tryAsk(method, path, text); err != nil || status != http.StatusOK {
							t.Errorf("%s %s: %d, %v", method, path, status, err)
						}
					}
					if _, _, _, err := r.tryAsk(http.MethodGet, item, ""); err != nil {
						t.Error(err)
					}
					mu.Lock()
					want[log] += text
					want[item] = text
					mu.Unlock()
				}
			})
		}
		during()
		close(stop)
		group.Wait()
		number++
	}
	some := func(b *twin) func() {
		return func() {
			before := len(b.all()["/log/0"])
			r.eventually("writes flow", func() bool { return len(b.all()["/log/0"]) > before+20 })
		}
	}
	equal := func() {
		t.Helper()
		r.eventually("the mirror is level", func() bool {
			j := r.status().Journal
			return j.ToOld.Acknowledged+j.ToNew.Acknowledged == 0 && j.InFlight == 0
		})
		for name, b := range map[string]*twin{"old": older, "new": newer} {
			if got := b.all(); !maps.Equal(got, want) {
				t.Errorf("%s has %s, want %s", name, brief(got), brief(want))
			}
			if n := b.doubled(); n > 0 {
				t.Errorf("%d writes were done twice at %s", n, name)
			}
		}
	}
	for range min(2, testkit.Rounds(4)) {
		clients(some(newer))
		equal()
		clients(func() {
			some(older)()
			if _, err := r.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err != nil {
				t.Fatal(err)
			}
			some(older)()
		})
		equal()
		s := r.status()
		if !s.Rollback.Safe || s.Rollback.UnreplayedWrites != 0 || s.Journal.Mirror.Direction != "new-to-old" {
			t.Errorf("after the mirror: %+v, %+v", s.Rollback, s.Journal.Mirror)
		}
		if _, got, _ := r.ask(http.MethodGet, "/items/0", ""); got != want["/items/0"] {
			t.Errorf("new answers %q", got)
		}
		r.eventually("reverse comparisons count while old is level", func() bool {
			r.ask(http.MethodGet, "/items/0", "")
			total := r.store.Total()
			return total.Verdicts[compare.Match] > 0 && total.Verdicts[compare.Mismatch] == 0
		})
		clients(func() {
			some(older)()
			if _, err := r.client.Rollback(t.Context(), admin.Change{Reason: "test"}); err != nil {
				t.Fatal(err)
			}
			if left := r.status().Journal.ToOld; left.Acknowledged+left.Unknown != 0 {
				t.Errorf("the rollback left %+v", left)
			}
			some(older)()
		})
		if _, err := r.client.Resume(t.Context(), admin.Change{Reason: "test"}, false); err != nil {
			t.Fatal(err)
		}
		equal()
	}
}

func brief(texts map[string]string) string {
	var b strings.Builder
	for path, text := range texts {
		fmt.Fprintf(&b, "%s %d bytes …%s; ", path, len(text), text[max(0, len(text)-24):])
	}
	return b.String()
}
