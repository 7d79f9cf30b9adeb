package proxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// sent is a request as a backend got it.
type sent struct {
	*http.Request
	body string
}

func recorderOf(got chan<- sent, answer http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- sent{r, string(body)}
		answer(w, r)
	})
}

func sender(t *testing.T, o SenderOptions) *Sender {
	t.Helper()
	o.Run = "test"
	for _, b := range []*BackendOptions{&o.Old, &o.New} {
		if b.URL == nil {
			b.URL = parseURL(t, "http://127.0.0.1:1")
		}
	}
	s, err := NewSender(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestSenderAsksAsTheClientWouldHave(t *testing.T) {
	got := make(chan sent, 1)
	backend := serve(t, recorderOf(got, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/orders/9")
		w.WriteHeader(http.StatusSeeOther)
		_, _ = io.WriteString(w, "there")
	}))
	s := sender(t, SenderOptions{
		New: BackendOptions{
			URL: parseURL(t, backend.URL+"/base"), Set: http.Header{"apikey": {"of new"}, "X-New": {"1"}}, Remove: []string{"Cookie"}, ClientHost: true,
		},
		Routes: []Route{{Name: "orders", Path: "/orders/{id}", Kind: Write, NewPath: "/v2/artifacts/{id}", NewQuery: map[string]string{"include": "all"}}},
		Set:    http.Header{"Apikey": {"of the replay"}},
	})
	w := &JournalWrite{
		Route: "orders", Method: "POST", Target: "/orders/a%2Fb?x=1;2", Host: "shop.example", Scheme: "https", Client: "10.0.0.9",
		Header: http.Header{"Content-Type": {"text/plain"}, "Cookie": {"secret"}, "Apikey": {"of the client"}}, Body: []byte("hello"),
	}
	a, err := s.Send(t.Context(), New, w, "journal-17")
	if err != nil {
		t.Fatal(err)
	}
	if a.Status != 303 || string(a.Body) != "there" || !a.Whole || a.Header.Get("Location") != "/orders/9" || a.Duration <= 0 {
		t.Errorf("%+v", a)
	}
	r := <-got
	if r.Method != "POST" || r.RequestURI != "/base/v2/artifacts/a%2Fb?x=1;2&include=all" || r.Host != "shop.example" || r.body != "hello" {
		t.Errorf("%s %s %s %q", r.Method, r.RequestURI, r.Host, r.body)
	}
	for name, want := range map[string]string{
		"Idempotency-Key": "journal-17", "Content-Type": "text/plain", "Cookie": "", "Apikey": "of the replay", "X-New": "1",
		"X-Forwarded-For": "10.0.0.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example", "Via": "1.1 paritygate-test",
		shadowHeader: "",
	} {
		if got := strings.Join(r.Header.Values(name), "|"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if w.Header.Get("Idempotency-Key") != "" {
		t.Error("the recorded header was changed")
	}
	w.Header.Set("Idempotency-Key", "the client's")
	if _, err := s.Send(t.Context(), New, w, "journal-17"); err != nil {
		t.Fatal(err)
	}
	if r := <-got; r.Header.Get("Idempotency-Key") != "the client's" {
		t.Errorf("Idempotency-Key: %q", r.Header.Values("Idempotency-Key"))
	}
}

// What a trusted peer said of its client is recorded of trusted peers alone, so it is said again.
func TestSenderSaysWhomATrustedPeerSpokeFor(t *testing.T) {
	got := make(chan sent, 1)
	backend := serve(t, recorderOf(got, func(http.ResponseWriter, *http.Request) {}))
	s := sender(t, SenderOptions{Old: BackendOptions{URL: parseURL(t, backend.URL)}})
	w := &JournalWrite{
		Route: "write", Method: "PUT", Target: "/x", Host: "inside", Scheme: "http", Client: "10.0.0.9",
		Header: http.Header{"X-Forwarded-For": {"192.0.2.7"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"shop.example"}},
	}
	if _, err := s.Send(t.Context(), Old, w, "k"); err != nil {
		t.Fatal(err)
	}
	r := <-got
	for name, want := range map[string]string{
		"X-Forwarded-For": "192.0.2.7, 10.0.0.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example",
	} {
		if got := strings.Join(r.Header.Values(name), "|"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestSenderSendsASpooledBody(t *testing.T) {
	got := make(chan sent, 1)
	backend := serve(t, recorderOf(got, func(http.ResponseWriter, *http.Request) {}))
	s := sender(t, SenderOptions{Old: BackendOptions{URL: parseURL(t, backend.URL)}})
	body := bytes.Repeat([]byte("0123456789"), 100_000)
	a, err := s.Send(t.Context(), Old, &JournalWrite{Method: "PUT", Target: "/x", Spool: &roll{bytes: body}}, "k")
	if err != nil || a.Status != 200 || !a.Whole {
		t.Fatal(a, err)
	}
	if r := <-got; r.body != string(body) || r.ContentLength != int64(len(body)) {
		t.Errorf("%d bytes, announced %d", len(r.body), r.ContentLength)
	}
	for name, w := range map[string]*JournalWrite{
		"spooled": {Method: "PUT", Target: "/x", Spool: &roll{bytes: body}}, "in memory": {Method: "PUT", Target: "/x", Body: body},
	} {
		w.Trailer = http.Header{"X-Sum": {"7"}}
		if _, err := s.Send(t.Context(), Old, w, "k"); err != nil {
			t.Fatal(err)
		}
		if r := <-got; r.body != string(body) || r.Trailer.Get("X-Sum") != "7" {
			t.Errorf("%s: %d bytes, trailers %v", name, len(r.body), r.Trailer)
		}
	}
}

func TestSenderKnowsWhatNeverLeft(t *testing.T) {
	closed := serve(t, text(""))
	closed.Close()
	silent := rawBackend(t, func(_ int, c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	cut := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	for _, c := range []struct {
		name, url string
		never     bool
	}{{"nobody listens", closed.URL, true}, {"no answer in time", silent.URL, false}, {"cut without an answer", cut.URL, false}} {
		for _, size := range []int{5, 200_000} {
			t.Run(c.name, func(t *testing.T) {
				s := sender(t, SenderOptions{New: BackendOptions{URL: parseURL(t, c.url), Timeout: 100 * time.Millisecond}})
				_, err := s.Send(t.Context(), New, &JournalWrite{Method: "POST", Target: "/x", Body: make([]byte, size)}, "k")
				if err == nil || errors.Is(err, ErrNeverSent) != c.never {
					t.Errorf("%d bytes: %v", size, err)
				}
			})
		}
	}
}

// TestAKeyIsNoReasonToSendTwice hides the key from the standard library's transport: for its sake that sends a request without a body a
// second time, over another connection.
func TestAKeyIsNoReasonToSendTwice(t *testing.T) {
	s := sender(t, SenderOptions{New: BackendOptions{URL: parseURL(t, "https://new.example")}})
	in := s.inbound(&JournalWrite{Method: "POST", Target: "/x", Header: http.Header{"X-Idempotency-Key": {"k"}}}, "journal-17")
	r := s.backends[New].request(t.Context(), &asking{role: Authority, in: in, route: &route{}, once: true})
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if r.Header.Get(name) != "" || len(r.Header[strings.ToLower(name)]) != 1 {
			t.Errorf("%s: %v", name, r.Header)
		}
	}
}
