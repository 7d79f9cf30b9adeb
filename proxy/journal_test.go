package proxy

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

func TestWriteIsRecordedBeforeItIsForwarded(t *testing.T) {
	var reached atomic.Int64
	r, book := startJournaled(t, JournalFirst, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Location", "/orders/17")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(append([]byte("made "), body...))
	}))
	book.begin = func(*note) {
		if reached.Load() != 0 {
			t.Error("the backend had the write before it was recorded")
		}
	}
	resp, body := r.do("POST", "/orders?a=1;b", strings.NewReader("x=1"), "Content-Type", "text/plain", "Idempotency-Key", "k",
		"X-Forwarded-For", "203.0.113.9", "Connection", "X-Hop", "X-Hop", "1", "Paritygate-Shadow", "1", "Expect", "100-continue")
	if resp.StatusCode != 201 || body != "made x=1" {
		t.Fatalf("%d %q", resp.StatusCode, body)
	}
	n := book.only(t)
	if got := n.happened(); !slices.Equal(got, []string{"begun", "answered"}) {
		t.Errorf("%v", got)
	}
	w, a := n.write, n.answer
	if w.At != New || w.Epoch != 2 || w.Method != "POST" || w.Target != "/orders?a=1;b" || w.Route != "write" || w.Scheme != "http" ||
		w.Client != "127.0.0.1" || w.Header.Get("Idempotency-Key") != "k" || string(n.body) != "x=1" || w.Header.Get("Connection") != "" {
		t.Errorf("%+v %q", w, n.body)
	}
	for _, name := range []string{"X-Forwarded-For", "X-Hop", "Paritygate-Shadow", "Expect", "Content-Length"} { // a replay would believe or repeat them
		if w.Header.Get(name) != "" {
			t.Errorf("%s is recorded", name)
		}
	}
	if a.Status != 201 || a.Counts != 201 || !a.Whole || string(a.Body) != "made x=1" || a.Size != 8 || a.SHA256 != sha256.Sum256([]byte("made x=1")) ||
		a.Header.Get("Location") != "/orders/17" || a.Duration <= 0 {
		t.Errorf("%+v", a)
	}
	if len(r.account.toNew) != 0 {
		t.Error("a recorded write was counted as one that the journal does not know")
	}
}

func TestAnswerWaitsForItsOutcome(t *testing.T) {
	r, book := startJournaled(t, JournalFirst, text("done"))
	asked, release := make(chan struct{}), make(chan struct{})
	book.answered = func(*note) error { close(asked); <-release; return nil }
	answered := make(chan string, 1)
	go func() {
		_, body, _ := r.try("PUT", "/x", strings.NewReader("y"))
		answered <- body
	}()
	<-asked
	select {
	case <-answered:
		t.Error("the client was answered before the outcome was durable")
	default:
	}
	close(release)
	if body := <-answered; body != "done" {
		t.Errorf("%q", body)
	}
}

func TestWriteThatCannotBeRecorded(t *testing.T) {
	for name, c := range map[string]struct {
		mode   JournalMode
		spoil  func(*notebook)
		body   int
		status int
		code   string
		served bool
		missed int
		events []string
	}{
		"no intent":                {JournalFirst, func(b *notebook) { b.refuse = io.ErrShortWrite }, 3, 503, "journal_unavailable", false, 0, nil},
		"no spool":                 {JournalFirst, func(b *notebook) { b.refuseSpool = io.ErrShortWrite }, 5000, 503, "journal_unavailable", false, 0, nil},
		"a spool that fills up":    {JournalFirst, func(b *notebook) { b.spoolRoom = 100_000 }, 200_000, 503, "journal_unavailable", false, 0, nil},
		"no outcome":               {JournalFirst, func(b *notebook) { b.answered = func(*note) error { return io.ErrShortWrite } }, 3, 503, "write_unrecorded", true, 0, []string{"begun", "refused"}},
		"to old":                   {JournalIfPossible, func(b *notebook) { b.refuse = io.ErrShortWrite }, 3, 200, "", true, 1, nil},
		"to old, no spool":         {JournalIfPossible, func(b *notebook) { b.refuseSpool = io.ErrShortWrite }, 5000, 200, "", true, 1, nil},
		"to old, spool fills up":   {JournalIfPossible, func(b *notebook) { b.spoolRoom = 100_000 }, 200_000, 200, "", true, 1, nil},
		"to old, fills up at once": {JournalIfPossible, func(b *notebook) { b.spoolRoom = 10 }, 200_000, 200, "", true, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got atomic.Pointer[[]byte]
			r, book := startJournaled(t, c.mode, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got.Store(&body)
			}))
			c.spoil(book)
			sent := bytes.Repeat([]byte("0123456789abcdef!"), c.body/17+1)
			resp, body := r.do("POST", "/x", bytes.NewReader(sent))
			if resp.StatusCode != c.status || !strings.Contains(body, c.code) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			if (resp.Header.Get("Retry-After") != "") != (c.code == "journal_unavailable") {
				t.Errorf("Retry-After: %q", resp.Header.Get("Retry-After"))
			}
			if (got.Load() != nil) != c.served {
				t.Errorf("the backend had the write: %v", got.Load() != nil)
			} else if c.served && !bytes.Equal(*got.Load(), sent) {
				t.Errorf("the backend had %d bytes of %d, or others", len(*got.Load()), len(sent))
			}
			if book.missed != c.missed {
				t.Errorf("%d missed", book.missed)
			}
			var events []string
			for _, n := range book.all() {
				events = append(events, n.happened()...)
			}
			if !slices.Equal(events, c.events) {
				t.Errorf("%v", events)
			}
			if c.code == "journal_unavailable" {
				if n := metric(t, r.registry, "paritygate_writes_dropped_total", map[string]string{"reason": "journal"}); n != 1 {
					t.Errorf("%v dropped for the journal", n)
				}
			}
			for _, s := range book.spools {
				if !s.discarded {
					t.Error("a spool that nobody knows was left behind")
				}
			}
		})
	}
}

func TestLargeBodyIsSpooled(t *testing.T) {
	for name, chunked := range map[string]bool{"length known": false, "in chunks": true} {
		t.Run(name, func(t *testing.T) {
			got, length := make(chan []byte, 1), make(chan int64, 1)
			r, book := startJournaled(t, JournalFirst, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				length <- r.ContentLength
				got <- body
			}))
			sent := bytes.Repeat([]byte("0123456789abcdef!"), 60_000)
			var body io.Reader = bytes.NewReader(sent)
			want := int64(len(sent))
			if chunked {
				body, want = io.MultiReader(body), -1
			}
			if resp, _ := r.do("POST", "/upload", body); resp.StatusCode != 200 {
				t.Fatal(resp.Status)
			}
			if !bytes.Equal(<-got, sent) {
				t.Error("the backend had another body")
			}
			if n := <-length; n != want {
				t.Errorf("the backend was told %d bytes, want %d", n, want)
			}
			n := book.only(t)
			if !bytes.Equal(n.body, sent) || n.write.Body != nil || n.write.Spool == nil {
				t.Errorf("recorded were %d bytes, %d of them in memory", len(n.body), len(n.write.Body))
			}
			if book.spools[0].discarded {
				t.Error("the journal's spool was discarded")
			}
			await(t, "the memory to be given back", func() bool { return r.proxy.journalMemory.used.Load() == 0 })
		})
	}
}

func TestTrailersAreRecorded(t *testing.T) {
	for _, size := range []int{3, 100_000} {
		got := make(chan string, 1)
		r, book := startJournaled(t, JournalFirst, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			got <- r.Trailer.Get("X-Sum")
		}))
		req, _ := http.NewRequestWithContext(t.Context(), "POST", r.url+"/", io.MultiReader(bytes.NewReader(make([]byte, size))))
		req.Trailer = http.Header{"X-Sum": {"7"}}
		resp, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if sum, n := <-got, book.only(t); sum != "7" || n.write.Trailer.Get("X-Sum") != "7" || len(n.body) != size {
			t.Errorf("%d bytes: the backend has %q, the journal %v", size, sum, n.write.Trailer)
		}
	}
}

func TestNothingIsSentOfAWriteThatNeverLeft(t *testing.T) {
	for name, c := range map[string]struct {
		backend func(*testing.T) string
		events  []string
	}{
		"nobody listens": {func(t *testing.T) string { s := serve(t, text("")); s.Close(); return s.URL }, []string{"begun", "not sent"}},
		"cut without an answer": {func(t *testing.T) string {
			return serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })).URL
		}, []string{"begun", "unknown"}},
	} {
		for _, size := range []int{3, 100_000} {
			t.Run(name, func(t *testing.T) {
				r, book := startJournaled(t, JournalFirst, text(""), func(o *Options) { o.New.URL = parseURL(t, c.backend(t)) })
				resp, _ := r.do("POST", "/x", bytes.NewReader(make([]byte, size)))
				if resp.StatusCode != 502 {
					t.Errorf("%d", resp.StatusCode)
				}
				await(t, "an outcome", func() bool { return len(book.only(t).happened()) == 2 })
				if got := book.only(t).happened(); !slices.Equal(got, c.events) {
					t.Errorf("%v, want %v", got, c.events)
				}
			})
		}
	}
}

func TestAbandonedWhileItIsRecorded(t *testing.T) {
	for _, written := range []bool{false, true} {
		var reached atomic.Bool
		r, book := startJournaled(t, JournalFirst, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
		book.written = written
		book.begin = func(*note) { r.proxy.Abandon(New) }
		resp, body := r.do("POST", "/x", strings.NewReader("y"))
		if resp.StatusCode != 503 || !strings.Contains(body, "writes_refused") || reached.Load() {
			t.Errorf("%d %s, reached new: %v", resp.StatusCode, body, reached.Load())
		}
		if n := r.proxy.Writes(New); n.Unanswered != 0 || n.InFlight != 0 {
			t.Errorf("%+v", n)
		}
		if written && !slices.Equal(book.only(t).happened(), []string{"begun", "not sent"}) {
			t.Errorf("recorded as %v", book.only(t).happened())
		}
	}
}

func TestAPanicLeavesNoWriteWithoutAnOutcome(t *testing.T) {
	r, book := startJournaled(t, JournalFirst, text(""))
	book.begin = func(n *note) { n.write.Spool.(*roll).panics = true }
	if resp, _, err := r.try("POST", "/x", bytes.NewReader(make([]byte, 100_000))); err == nil {
		t.Errorf("answered %d", resp.StatusCode)
	}
	await(t, "its outcome", func() bool { return slices.Equal(book.only(t).happened(), []string{"begun", "not sent"}) })
	await(t, "its end", func() bool { return r.proxy.Writes(New).InFlight == 0 })
}
