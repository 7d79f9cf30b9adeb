package proxy

import (
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestAKeyThatWroteReadsFromOld(t *testing.T) {
	const window = 30 * time.Second
	synctest.Test(t, func(t *testing.T) {
		r := &recent{start: time.Now()}
		wrote := func(when string, key uint64, want bool) {
			t.Helper()
			if got := r.wrote(key, window); got != want {
				t.Errorf("%s: %v", when, got)
			}
		}
		wrote("at first", 1, false)
		first := r.begin(1, window)
		time.Sleep(time.Hour)
		wrote("in flight", 1, true)
		wrote("another key", 2, false)
		wrote("another key of the same bucket", 1+recentBuckets, false)
		second := r.begin(1, window)
		r.end(first)
		time.Sleep(time.Hour)
		wrote("the second in flight", 1, true)
		r.end(second)
		time.Sleep(window - time.Nanosecond)
		wrote("just before the time is over", 1, true)
		if r.wrote(1, window/2) {
			t.Error("a shorter time is not taken at once")
		}
		time.Sleep(time.Nanosecond)
		wrote("when it is over", 1, false)
		if !r.wrote(1, 2*window) {
			t.Error("a longer time is not taken at once")
		}
		if r.wrote(1, 0) {
			t.Error("it cannot be switched off")
		}
		r.all()
		wrote("anybody after a change of the key", 9, true)
		time.Sleep(window)
		wrote("anybody later", 9, false)
	})
}

// Whatever the table has no room for is never forgotten: others of its bucket count as having written, and only those.
func TestAFullTableErrsTowardsOld(t *testing.T) {
	const window = 30 * time.Second
	synctest.Test(t, func(t *testing.T) {
		r := &recent{start: time.Now()}
		key := func(i int) uint64 { return uint64(i)*recentBuckets + 5 }
		var slots []slot
		for i := range recentPlaces {
			r.end(r.begin(key(i), window))
		}
		if r.wrote(key(99), window) {
			t.Error("a bucket that is just full has room for all it knows")
		}
		for i := range 20 {
			slots = append(slots, r.begin(key(recentPlaces+i), window))
		}
		time.Sleep(time.Hour)
		for i := range 20 {
			if !r.wrote(key(recentPlaces+i), window) {
				t.Fatalf("key %d is forgotten while it writes", i)
			}
		}
		if !r.wrote(key(99), window) || r.wrote(6, window) {
			t.Error("the bucket's other keys must count as having written, those of other buckets not")
		}
		for _, s := range slots {
			r.end(s)
		}
		time.Sleep(window)
		if r.wrote(key(7), window) {
			t.Error("it does not end")
		}
		r.begin(key(50), window)
		if r.wrote(key(51), window) {
			t.Error("places are not used again")
		}
	})
}

func TestRecentIsSafeForMany(t *testing.T) {
	r := &recent{start: time.Now()}
	clients(8, 200, func(c, i int) {
		key := uint64(c*1000 + i)
		s := r.begin(key, time.Hour)
		if !r.wrote(key, time.Hour) {
			t.Errorf("key %d is not known", key)
		}
		r.end(s)
	})
	for key := range uint64(8) {
		if !r.wrote(key*1000, time.Hour) {
			t.Errorf("key %d is not known any more", key*1000)
		}
	}
}

// Through the proxy: from the arrival of the write, over its answer, for its key alone; what may be a write counts as one.
func TestReadsAfterAWrite(t *testing.T) {
	var wait sync.WaitGroup
	asked, finish := make(chan struct{}), make(chan struct{})
	r := start(t, canaryPlan, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/slow":
			close(asked)
			<-finish
		case r.URL.Path == "/login":
			w.Header().Add("Set-Cookie", "theme=dark; Path=/")
			w.Header().Add("Set-Cookie", "sid=fresh; Path=/; HttpOnly")
		}
		_, _ = io.WriteString(w, "old")
	}), text("new"), func(o *Options) {
		o.Table.Canary = CanaryOptions{Key: "cookie:sid", AfterWrite: time.Hour}
	})
	read := func(sid string) string {
		_, body := r.do("GET", "/", nil, "Cookie", "sid="+sid)
		return body
	}
	expect := func(when, sid, want string) {
		t.Helper()
		if got := read(sid); got != want {
			t.Errorf("%s, %q reads from %s", when, sid, got)
		}
	}
	expect("before", "a", "new")
	wait.Go(func() { r.do("POST", "/slow", nil, "Cookie", "sid=a") })
	<-asked
	expect("while it writes", "a", "old")
	expect("while another writes", "b", "new")
	close(finish)
	wait.Wait()
	expect("after it wrote", "a", "old")
	r.do("GET", "/?_method=DELETE", nil, "Cookie", "sid=c")
	expect("after what may be a write", "c", "old")
	r.do("POST", "/login", nil)
	expect("after a login", "fresh", "old")
	expect("after somebody's login", "", "old") // whose address it was
	expect("after all that", "d", "new")

	table := r.proxy.table.Load().Table
	table.Canary.AfterWrite = 0
	if err := r.proxy.Reload(table); err != nil {
		t.Fatal(err)
	}
	expect("once that is switched off", "a", "new")
	table.Canary = CanaryOptions{Key: "header:X-User-Id", AfterWrite: time.Hour}
	if err := r.proxy.Reload(table); err != nil {
		t.Fatal(err)
	}
	if _, body := r.do("GET", "/", nil, "X-User-Id", "d"); body != "old" {
		t.Errorf("once nobody's key is known, new answers %q", body)
	}
}

// A write that was under way while the key was changed is noted under the key before: everybody counts as having written.
func TestAWriteOverAChangeOfTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, takes := inCanary(t, CanaryOptions{Key: "cookie:sid", AfterWrite: time.Minute})
		table := p.table.Load()
		w := p.noteWrite(keyed("Cookie", "sid=a"), table)
		next := table.Table
		next.Canary.Key = "header:X-User-Id"
		if err := p.Reload(next); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if !takes(keyed("X-User-Id", "b"), 1) {
			t.Error("the change itself counts for an hour")
		}
		w.end()
		if takes(keyed("X-User-Id", "b"), 1) {
			t.Error("the write is forgotten")
		}
	})
}
