package proxy

import (
	"bufio"
	"fmt"
	"hash/maphash"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"paritygate/compare"
)

// says is a backend that gives every request the same bytes for an answer and keeps the connection open.
func says(t *testing.T, answer string) *httptest.Server {
	return rawBackend(t, func(_ int, c net.Conn) {
		in := bufio.NewReader(c)
		for {
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	})
}

const unasked101 = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"

func TestStatusThatEndsNothing(t *testing.T) {
	for _, c := range []struct{ name, answer string }{
		{"101 unasked", unasked101},
		{"099", "HTTP/1.1 099 X\r\nContent-Length: 2\r\n\r\nab"},
		{"000", "HTTP/1.1 000 X\r\nContent-Length: 2\r\n\r\nab"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(c.name+" "+method, func(t *testing.T) {
				r := startAt(t, shadowPlan, says(t, c.answer), serve(t, text("a")))
				r.client.Timeout = 3 * time.Second
				resp, _, err := r.try(method, "/", nil)
				if err != nil {
					t.Fatal(err)
				}
				if resp.StatusCode != http.StatusBadGateway {
					t.Errorf("status %d, want 502", resp.StatusCode)
				}
			})
		}
	}
}

func TestShadowThatSwitchesProtocolsUnasked(t *testing.T) {
	r := startAt(t, shadowPlan, serve(t, text("a")), says(t, unasked101), func(o *Options) { o.Table.ShadowTimeout = time.Second })
	r.do(http.MethodGet, "/", nil)
	if x := r.account.only(t); x.Result.Verdict != compare.Failed {
		t.Errorf("verdict %s, want failed", x.Result.Verdict)
	}
}

func TestErrorsQuoteNoAnswer(t *testing.T) {
	const secret = "hunter2"
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nSet-Cookie sid=" + secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\n Set-Cookie: sid=" + secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: " + secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA " + secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: a\x00" + secret + "\r\n\r\n",
		secret + "\r\n\r\n",
	} {
		t.Run(answer, func(t *testing.T) {
			r := startAt(t, shadowPlan, serve(t, text("a")), says(t, answer))
			r.do(http.MethodGet, "/", nil)
			x := r.account.only(t)
			if x.New.Err == nil {
				t.Fatal("the answer was taken for a valid one")
			}
			if strings.Contains(x.New.Err.Error(), secret) {
				t.Errorf("the error quotes the answer: %v", x.New.Err)
			}
		})
	}
}

func TestHiddenMutationsAreWrites(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		name, method, target, contentType, body string
		write                                   bool
	}{
		{"escaped name", "GET", "/g?quer%79=mutation%7Bx%7D", "", "", true},
		{"semicolon", "GET", "/g?query=mutation{x};", "", "", true},
		{"separated by a semicolon", "GET", "/g?a=b;query=mutation{x}", "", "", true},
		{"second parameter", "GET", "/g?query={x}&query=mutation{x}", "", "", true},
		{"query", "GET", "/g?query={x}&a=b;c", "", "", false},
		{"other case of the member", "POST", "/q", "application/json", `{"query":"mutation{x}","QUERY":"{x}"}`, true},
		{"first of two", "POST", "/q", "application/json", `{"query":"mutation{x}","query":"{x}"}`, true},
		{"last of two", "POST", "/q", "application/json", `{"query":"{x}","query":"mutation{x}"}`, true},
		{"NaN", "POST", "/q", "application/json", `{"query":"mutation{x}","variables":{"a":NaN}}`, true},
		{"byte order mark", "POST", "/q", "application/json", "\ufeff" + `{"query":"mutation{x}"}`, true},
		{"escaped", "POST", "/q", "application/json", `{"qu\u0065ry":"\u006dutation{x}"}`, true},
		{"batch", "POST", "/q", "application/json", ` [1,{"query":"{x}"},{"query":"mutation{x}"}]`, true},
		{"suffix of the type", "POST", "/q", "application/vnd.x+json", `{"query":"mutation{x}"}`, true},
		{"type that says nothing", "POST", "/graphql", "application/octet-stream", `{"query":"mutation{x}"}`, true},
		{
			"multipart", "POST", "/q", "multipart/form-data; boundary=b",
			"--b\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{\"query\":\"mutation{x}\"}\r\n--b--\r\n", true,
		},
		{"form, second", "POST", "/q", form, "query={x}&query=mutation{x}", true},
		{"form, semicolon", "POST", "/q", form, "query=mutation{x};", true},
		{"form, broken escape", "POST", "/q", form, "query=mutation{x}%zz", true},
		{"plain query", "POST", "/q", "application/json", `{"query":"{x}"}`, false},
		{"mutation as data", "POST", "/q", "application/json", `{"query":"{x}","variables":{"query":"mutation"}}`, false},
		{"invalid, but no mutation", "POST", "/q", "application/json", `{"query":NaN}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, shadowPlan, text("a"), text("a"), func(o *Options) {
				o.Table.Routes = []Route{{Name: "q", Methods: []string{"POST"}, Kind: Read}}
			})
			answer := r.raw(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
				c.method, c.target, c.contentType, len(c.body), c.body))
			if !strings.HasPrefix(answer, "HTTP/1.1 200") {
				t.Fatal(answer)
			}
			if begun, _ := r.account.counts(); (begun == 0) != c.write {
				t.Errorf("%d eligible, want a write: %v", begun, c.write)
			}
		})
	}
}

func TestBodyOfTheLimitExactly(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	const limit = 5000
	for _, contentType := range []string{"application/json", "application/x"} {
		for n := limit - 1; n <= limit+2; n++ {
			t.Run(fmt.Sprint(contentType, n), func(t *testing.T) {
				r := start(t, shadowPlan, echo, echo, func(o *Options) {
					o.Table.MaxBody = limit
					o.Table.Routes = []Route{{Name: "q", Methods: []string{"POST"}, Kind: Read}}
				})
				body := strings.Repeat("abcdefg", n)[:n]
				_, got := r.do(http.MethodPost, "/q", struct{ io.Reader }{strings.NewReader(body)}, "Content-Type", contentType)
				if got != body {
					t.Error("the authority got another body")
				}
				want := compare.Result{Verdict: compare.Match}
				if n > limit {
					want = compare.Result{Verdict: compare.Skipped, Reason: compare.RequestBody}
				}
				if x := r.account.only(t); x.Result.Verdict != want.Verdict || x.Result.Reason != want.Reason {
					t.Errorf("%s %s, want %s %s", x.Result.Verdict, x.Result.Reason, want.Verdict, want.Reason)
				}
			})
		}
	}
}

func TestBodyReadAheadToItsLimit(t *testing.T) {
	for n, whole := range map[int]bool{4095: true, 4096: true, 4097: false, 4098: false} {
		sent := strings.Repeat("abcdefg", n)[:n]
		b := newRequestBody(io.NopCloser(strings.NewReader(sent)), -1, maphash.MakeSeed())
		if err := b.prefetch(&budget{limit: 1 << 20}, 4096); err != nil {
			t.Fatal(err)
		}
		if _, got := b.whole(); got != whole {
			t.Errorf("%d of at most 4096 bytes: whole %v", n, got)
		}
		if got, err := io.ReadAll(b); string(got) != sent || err != nil {
			t.Errorf("%d bytes were served as %d, %v", n, len(got), err)
		}
	}
}

func TestBodyTakenBeforeItWasServedDoesNotEndWell(t *testing.T) {
	b := newRequestBody(io.NopCloser(strings.NewReader("abcdef")), -1, maphash.MakeSeed())
	if err := b.prefetch(&budget{limit: 1 << 20}, 1<<20); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(b, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	b.release()
	if rest, err := io.ReadAll(b); err == nil {
		t.Errorf("the body ended well after 3 of 6 bytes and %q", rest)
	}
}

func TestRewriteWithoutAPattern(t *testing.T) {
	seen := make(chan string, 1)
	fresh := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.URL.Path })
	r := start(t, shadowPlan, text(""), fresh, func(o *Options) {
		o.Table.Routes = []Route{{Name: "all", Kind: Read, NewPath: "/v2"}}
	})
	r.do(http.MethodGet, "/a", nil)
	r.account.only(t)
	got := ""
	select {
	case got = <-seen:
	case <-time.After(10 * time.Second):
	}
	if got != "/v2" {
		t.Errorf("new was asked for %s", got)
	}
}

func TestFormsAreUnescapedLeniently(t *testing.T) {
	for in, want := range map[string]string{"a%zz+b%41%": "a%zz bA%", "a+%2b": "a +", "%4": "%4"} {
		if got := unescapeLeniently(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if plain, err := url.QueryUnescape("a+%2b"); err != nil || plain != unescapeLeniently("a+%2b") {
		t.Error("a valid form is read in another way than net/url does")
	}
}
