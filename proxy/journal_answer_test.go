package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// answering is a backend's answer in one of the ways in which answers come.
type answering struct {
	name   string
	answer http.HandlerFunc
	// first and possible are what the journal is told in either mode; whole is of the outcome in JournalFirst.
	first, possible []string
	whole           bool
	status          int
	body            string
	cut             bool
}

func pieces(texts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, s := range texts {
			_, _ = io.WriteString(w, s)
			_ = http.NewResponseController(w).Flush()
		}
	}
}

func answers() []answering {
	large := strings.Repeat("0123456789", journalAnswer/5)
	full := strings.Repeat("x", journalAnswer)
	done, late := []string{"begun", "answered"}, []string{"begun", "answered", "ended"}
	soon, soonLate := []string{"begun", "answered soon"}, []string{"begun", "answered soon", "ended"}
	return []answering{
		{name: "short", answer: pieces("done"), first: done, whole: true, status: 200, body: "done"},
		{name: "empty", answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, first: done, possible: soon, whole: true, status: 204},
		{name: "redirect", answer: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusSeeOther) }, first: done, possible: soon, whole: true, status: 303},
		{name: "failure", answer: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 500) }, first: done, possible: soon, whole: true, status: 500, body: "no\n"},
		{name: "as much as is kept", answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(journalAnswer))
			_, _ = io.WriteString(w, full)
		}, first: done, whole: true, status: 200, body: full},
		{name: "more than is kept", answer: pieces(large), first: late, possible: soonLate, status: 200, body: large},
		{name: "cut off", answer: func(w http.ResponseWriter, r *http.Request) {
			pieces("half")(w, r)
			panic(http.ErrAbortHandler)
		}, first: late, possible: soonLate, status: 200, body: "half", cut: true},
		{name: "trailers", answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			_, _ = io.WriteString(w, "sum")
			w.Header().Set("X-Sum", "7")
			w.Header().Set(http.TrailerPrefix+"X-Late", "8")
		}, first: done, whole: true, status: 200, body: "sum"},
	}
}

// What the journal is told of an answer, and that the client has it as without a journal.
func TestAnswersAreRecordedAsTheyCome(t *testing.T) {
	for _, c := range answers() {
		for _, mode := range []JournalMode{NotJournaled, JournalFirst, JournalIfPossible} {
			t.Run(fmt.Sprint(c.name, mode), func(t *testing.T) {
				r, book := startJournaled(t, mode, c.answer)
				resp, body, err := r.try("POST", "/x", strings.NewReader("y"))
				if resp == nil || resp.StatusCode != c.status || body != c.body || (err != nil) != c.cut {
					t.Fatalf("%v %d bytes, %v", resp, len(body), err)
				}
				if c.name == "trailers" && (resp.Trailer.Get("X-Sum") != "7" || resp.Trailer.Get("X-Late") != "8") {
					t.Errorf("trailers %v", resp.Trailer)
				}
				await(t, "the end", func() bool { return r.proxy.Writes(r.router.Plan().Writes).InFlight == 0 })
				want := map[JournalMode][]string{JournalFirst: c.first, JournalIfPossible: c.possible}[mode]
				if mode == NotJournaled {
					if len(book.all()) != 0 {
						t.Error("recorded without need")
					}
					return
				}
				n := book.only(t)
				if got := n.happened(); want != nil && !slices.Equal(got, want) {
					t.Errorf("%v, want %v", got, want)
				}
				c.check(t, n, mode)
				if used := r.proxy.journalMemory.used.Load(); used != 0 {
					t.Errorf("%d bytes are still accounted for", used)
				}
			})
		}
	}
}

func (c *answering) check(t *testing.T, n *note, mode JournalMode) {
	t.Helper()
	if mode == JournalFirst && n.answer.Whole != c.whole {
		t.Errorf("the outcome is whole: %v", n.answer.Whole)
	}
	last := n.answer
	if !n.answer.Whole {
		last = n.whole
	}
	if last.Status != c.status || last.Counts != c.status || last.Size != int64(len(c.body)) || last.SHA256 != sha256.Sum256([]byte(c.body)) || last.Whole == c.cut {
		t.Errorf("%d, %d bytes, whole %v", last.Status, last.Size, last.Whole)
	}
	if (last.Err != nil) != c.cut {
		t.Errorf("broke off: %v", last.Err)
	}
	if kept := len(c.body) <= journalAnswer && !c.cut; kept && string(last.Body) != c.body || !kept && last.Body != nil {
		t.Errorf("%d bytes of the body were kept", len(last.Body))
	}
}

// An answer that is silent for a while, or has no end, is not waited for; what comes of it goes on at once.
func TestAnAnswerThatTricklesIsNotHeldBack(t *testing.T) {
	for name, kind := range map[string]string{"silent": "text/plain", "events": "text/event-stream"} {
		for _, mode := range []JournalMode{JournalFirst, JournalIfPossible} {
			t.Run(fmt.Sprint(name, mode), func(t *testing.T) {
				more := make(chan string)
				r, book := startJournaled(t, mode, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", kind)
					_ = http.NewResponseController(w).Flush()
					for s := range more {
						pieces(s)(w, nil)
					}
				}))
				req, _ := http.NewRequestWithContext(t.Context(), "POST", r.url+"/x", strings.NewReader("y"))
				resp, err := r.client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range []string{"one", "two"} {
					more <- s
					got := make([]byte, 3)
					if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != s {
						t.Fatalf("%q %v", got, err)
					}
					if events := book.only(t).happened(); len(events) != 2 {
						t.Errorf("before the end: %v", events)
					}
				}
				close(more)
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				await(t, "the end", func() bool { return len(book.only(t).happened()) == 3 })
				if n := book.only(t); n.answer.Whole || !n.whole.Whole || string(n.whole.Body) != "onetwo" {
					t.Errorf("%+v, then %+v", n.answer, n.whole)
				}
			})
		}
	}
}

func TestInformationalAnswersPassWhileTheOutcomeIsAwaited(t *testing.T) {
	r, book := startJournaled(t, JournalFirst, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
	}))
	got := r.raw("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 103 ") || !strings.Contains(got, "HTTP/1.1 200 ") {
		t.Errorf("%q", got)
	}
	if a := book.only(t).answer; a.Status != 200 {
		t.Errorf("recorded as %d", a.Status)
	}
}

func TestCallsCountByTheirCode(t *testing.T) {
	for code, want := range map[string]int{"": 200, "0": 200, "3": 400, "6": 400, "10": 400, "1": 500, "2": 500, "13": 500, "14": 500, "99": 500} {
		if got := callCounts(http.Header{}, http.Header{"Grpc-Status": {code}}); got != want {
			t.Errorf("in the trailers %q: %d, want %d", code, got, want)
		}
		if got := callCounts(http.Header{"Grpc-Status": {code}}, nil); got != want {
			t.Errorf("in the headers %q: %d, want %d", code, got, want)
		}
	}
}

// A gRPC call that failed has 200 as its status: what is recorded counts by the trailers that came.
func TestAnAnswerCountsByTheCallsCode(t *testing.T) {
	for _, row := range []struct {
		grpc         bool
		status, want int
	}{{true, 200, 500}, {true, 503, 503}, {false, 200, 200}} {
		h := &heldAnswer{hash: sha256.New(), err: io.EOF}
		c := &call{in: &inbound{grpc: row.grpc}, resp: &http.Response{StatusCode: row.status, Trailer: http.Header{"Grpc-Status": {"13"}}}}
		if a := h.answer(c); a.Counts != row.want || a.Status != row.status || !a.Whole {
			t.Errorf("%+v: %+v", row, a)
		}
	}
}

// A call that streams goes on to old without a record; to new it is refused before anything is sent.
func TestCallsThatStream(t *testing.T) {
	t.Parallel()
	overHTTP2(t, onlyGRPC, grpcBackend(nil), func(t *testing.T, r *rig, url string, client *http.Transport) {
		for _, mode := range []JournalMode{JournalIfPossible, JournalFirst} {
			book := &notebook{}
			r.proxy.options.Journal, r.proxy.options.JournalBody = book, 1<<10
			r.proxy.patience.whole = 300 * time.Millisecond
			r.router.change(func(p *Plan) { p.Journal = mode })
			send, answers := grpcCall(t.Context(), client, url, "Bidi", "")
			_, _ = io.WriteString(send, frame("a"))
			resp := <-answers
			if mode == JournalFirst {
				body, _ := io.ReadAll(resp.Body)
				if resp.StatusCode != 408 || !strings.Contains(string(body), "bypass") || len(book.all()) != 0 {
					t.Errorf("%d %s", resp.StatusCode, body)
				}
			} else {
				for _, text := range []string{"a", "b"} {
					if got, err := readFrame(resp.Body); err != nil || got != "echo "+text {
						t.Errorf("%q %v", got, err)
					}
					if text == "a" {
						_, _ = io.WriteString(send, frame("b"))
					}
				}
				if book.missed != 1 || len(book.all()) != 0 {
					t.Errorf("%d missed, %d recorded", book.missed, len(book.all()))
				}
			}
			_ = send.Close()
			_ = resp.Body.Close()
			send, answers = grpcCall(t.Context(), client, url, "Unary", "3S")
			_, _ = io.WriteString(send, frame(strings.Repeat("x", 3000)))
			_ = send.Close()
			resp = <-answers
			if got, err := readFrame(resp.Body); err != nil || got != strings.Repeat("x", 3000)+" 3S" {
				t.Errorf("%q %v", got, err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if n := book.only(t); string(n.body) != frame(strings.Repeat("x", 3000)) || n.answer.Counts != 200 {
				t.Errorf("recorded were %d bytes, %+v", len(n.body), n.answer)
			}
			r.router.change(func(p *Plan) { p.Journal = NotJournaled })
		}
	})
}

func TestAbandonedWhileItIsAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		body   string
		events []string
		status int
	}{
		"no answer yet":  {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "write_unknown", []string{"begun", "unknown"}, 504},
		"half an answer": {func(w http.ResponseWriter, r *http.Request) { pieces("half")(w, r); <-r.Context().Done() }, "half", []string{"begun", "answered", "ended"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			reached := make(chan struct{})
			r, book := startJournaled(t, JournalFirst, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				close(reached)
				c.answer(w, r)
			}))
			var wg sync.WaitGroup
			wg.Go(func() {
				resp, body, _ := r.try("POST", "/x", http.NoBody)
				if resp == nil || resp.StatusCode != c.status || !strings.Contains(body, c.body) {
					t.Errorf("%v %q", resp, body)
				}
			})
			<-reached
			if c.status == 200 {
				await(t, "the outcome", func() bool { return len(book.only(t).happened()) == 2 })
			}
			r.proxy.Abandon(New)
			wg.Wait()
			await(t, "the end", func() bool { return slices.Equal(book.only(t).happened(), c.events) })
		})
	}
}

// A client that leaves before its body has come has written nothing; one that leaves after that has.
func TestAClientThatLeaves(t *testing.T) {
	r, book := startJournaled(t, JournalFirst, text("done"))
	conn := r.dial(t)
	conn.send("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
	_ = conn.Close()
	ctx, leave := context.WithCancel(t.Context())
	book.begin = func(*note) { leave() }
	req, _ := http.NewRequestWithContext(ctx, "POST", r.url+"/y", bytes.NewReader([]byte("whole")))
	if resp, err := r.client.Do(req); err == nil {
		_ = resp.Body.Close()
	}
	await(t, "the outcome", func() bool { all := book.all(); return len(all) > 0 && len(all[0].happened()) == 2 })
	if n := book.only(t); n.write.Target != "/y" || n.answer.Status != 200 {
		t.Errorf("%s %+v", n.write.Target, n.answer)
	}
}

// Held writes are recorded together, so that the disk does not multiply the hold, and go one after the other.
func TestHeldWritesAreRecordedTogether(t *testing.T) {
	const writes = 30
	r, book := startJournaled(t, JournalFirst, text("x"))
	pool := &r.proxy.backends[New].pools[Authority]
	pool.pooled = nil
	order := &noted{RoundTripper: pool.plain}
	pool.plain = order
	r.router.change(func(p *Plan) { p.Hold = true })
	all := make(chan struct{})
	var mu sync.Mutex
	begun := 0
	book.begin = func(*note) {
		mu.Lock()
		if begun++; begun == writes {
			close(all)
		}
		mu.Unlock()
		<-all
	}
	var wg sync.WaitGroup
	var want []string
	for i := range writes {
		path := fmt.Sprintf("/%d", i)
		want = append(want, path)
		wg.Go(func() { _, _, _ = r.try("POST", path, strings.NewReader("body")) })
		held(t, r, i+1)
	}
	r.router.change(func(p *Plan) { p.Hold = false })
	r.proxy.Release(t.Context())
	wg.Wait()
	if got := strings.Join(order.paths, " "); got != strings.Join(want, " ") {
		t.Errorf("sent in the order %s", got)
	}
}
