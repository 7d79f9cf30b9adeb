package proxy

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"paritygate/compare"
)

// meaning compares by meaning, as the program does.
func meaning(t *testing.T, headers ...string) *compare.Comparer {
	t.Helper()
	c, err := compare.New(compare.Options{Headers: headers})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// zipped is a body in gzip.
func zipped(t *testing.T, text string, level int) string {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What is larger than max_body is hashed as it streams: equal is a match, and what is not is judged by its type. The client gets every
// byte, and no more is captured than the limit.
func TestBodiesBeyondTheLimit(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	noise := func(n int, seed byte) string { // does not compress
		b := make([]byte, n)
		x := uint32(seed) + 1
		for i := range b {
			x = x*1664525 + 1013904223
			b[i] = byte(x >> 24)
		}
		return string(b)
	}
	same, other, small := noise(5*limit, 1), noise(5*limit-1, 1)+"x", noise(limit, 1)
	json := "[" + strings.Repeat("1, ", limit) + "1]"
	type side struct{ media, encoding, body string }
	image := func(body string) side { return side{"image/png", "", body} }
	for _, tc := range []struct {
		name     string
		old, new side
		verdict  compare.Verdict
		reason   compare.Reason
	}{
		{"equal", image(same), image(same), compare.Match, ""},
		{"other at the end", image(same), image(other), compare.Mismatch, ""},
		{"a byte longer", image(same), image(same + "x"), compare.Mismatch, ""},
		{"one within the limit", image(same), image(small), compare.Mismatch, ""},
		{"the other within the limit", image(small), image(same), compare.Mismatch, ""},
		{"both at the limit", image(small), image(small), compare.Match, ""},
		{"equal JSON", side{"application/json", "", json}, side{"application/json", "", json}, compare.Match, ""},
		{"JSON spelled otherwise", side{"application/json", "", json}, side{"application/json", "", json + " "}, compare.Skipped, compare.TooLarge},
		{"text", side{"text/plain", "", same}, side{"text/plain", "", other}, compare.Mismatch, ""},
		{"equal in gzip", side{"text/plain", "gzip", zipped(t, same, 1)}, side{"text/plain", "gzip", zipped(t, same, 1)}, compare.Match, ""},
		{"other in gzip", side{"text/plain", "gzip", zipped(t, same, 1)}, side{"text/plain", "gzip", zipped(t, other, 1)}, compare.Skipped, compare.TooLarge},
		{"gzip and plain", side{"text/plain", "gzip", zipped(t, same, 1)}, side{"text/plain", "", same}, compare.Skipped, compare.TooLarge},
		{"large only when decoded", side{"application/json", "gzip", zipped(t, json, 9)}, side{"application/json", "gzip", zipped(t, json+" ", 9)}, compare.Match, ""},
	} {
		for _, client := range []string{"pooled", "standard"} {
			for _, chunked := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, chunked %v", tc.name, client, chunked), func(t *testing.T) {
					answer := func(s side) http.Handler {
						return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
							w.Header().Set("Content-Type", s.media)
							if s.encoding != "" {
								w.Header().Set("Content-Encoding", s.encoding)
							}
							if !chunked {
								w.Header().Set("Content-Length", fmt.Sprint(len(s.body)))
							}
							_, _ = io.WriteString(w, s.body)
						})
					}
					r := start(t, shadowPlan, answer(tc.old), answer(tc.new), func(o *Options) {
						o.Old.Standard, o.New.Standard = client == "standard", client == "standard"
						o.Table.Comparer, o.Table.MaxBody = meaning(t, "content-type"), limit
					})
					if _, body := r.do("GET", "/", nil, "Accept-Encoding", "gzip"); body != tc.old.body {
						t.Errorf("the client got %d bytes, want %d", len(body), len(tc.old.body))
					}
					x := r.account.only(t)
					if x.Result.Verdict != tc.verdict || x.Result.Reason != tc.reason {
						t.Errorf("%s %s %+v %v", x.Result.Verdict, x.Result.Reason, x.Result.Differences, x.New.Err)
					}
					for _, kept := range [][]string{r.account.oldBodies, r.account.newBodies} {
						if len(kept[0]) > limit {
							t.Errorf("%d bytes were captured", len(kept[0]))
						}
					}
					await(t, "the memory to be given back", func() bool { return r.proxy.memory.used.Load() == 0 })
				})
			}
		}
	}
}

// A trailer reaches the comparison from both backends, over HTTP/1.1 and HTTP/2.
func TestTrailersAreCaptured(t *testing.T) {
	backend := func(sum string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("Trailer", "X-Sum")
			_, _ = io.WriteString(w, "fine")
			_ = http.NewResponseController(w).Flush()
			w.Header().Set("X-Sum", sum)
		})
	}
	for _, proto := range []string{"HTTP/1.1, pooled", "HTTP/1.1, standard", "HTTP/2"} {
		for _, sum := range []string{"1", "2"} {
			t.Run(proto+", "+sum, func(t *testing.T) {
				build := func(h http.Handler) *httptest.Server {
					if proto == "HTTP/2" {
						return serveTLS(t, h, true)
					}
					return serve(t, h)
				}
				old, fresh := build(backend("1")), build(backend(sum))
				seen := &sums{}
				r := startAt(t, shadowPlan, old, fresh, func(o *Options) {
					o.Old.TLS, o.New.TLS = trusting(old), trusting(fresh)
					o.Old.Standard, o.New.Standard = proto != "HTTP/1.1, pooled", proto != "HTTP/1.1, pooled"
					o.Table.Comparer = seen
				})
				resp, body := r.do("GET", "/", nil)
				if body != "fine" || resp.Trailer.Get("X-Sum") != "1" {
					t.Errorf("the client got %q, trailer %v", body, resp.Trailer)
				}
				_ = r.account.only(t)
				if seen.old != "1" || seen.new != sum {
					t.Errorf("the trailers are %q and %q", seen.old, seen.new)
				}
			})
		}
	}
}

// sums notes the trailers that it is given.
type sums struct{ old, new string }

func (s *sums) Compare(old, new *compare.Answer) compare.Result {
	s.old, s.new = http.Header(old.Trailer).Get("X-Sum"), http.Header(new.Trailer).Get("X-Sum")
	return compare.Result{Verdict: compare.Match}
}

// A unary call of gRPC is compared: its message, and the status that comes behind it. So is one that is nothing but a status.
func TestUnaryGRPCIsCompared(t *testing.T) {
	type reply struct{ message, status, text string }
	backend := func(a reply) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			h := w.Header()
			h.Set("Content-Type", "application/grpc")
			if a.message == "" {
				h.Set("Grpc-Status", a.status)
				h.Set("Grpc-Message", a.text)
				return
			}
			if a.message == " " { // the status stands behind the header all the same
				_ = http.NewResponseController(w).Flush()
			} else {
				_, _ = io.WriteString(w, frame(a.message))
			}
			h.Set(http.TrailerPrefix+"Grpc-Status", a.status)
			if a.text != "" {
				h.Set(http.TrailerPrefix+"Grpc-Message", a.text)
			}
		})
	}
	fine := reply{"\x0a\x05apple", "0", ""}
	for _, tc := range []struct {
		name     string
		old, new reply
		want     compare.Verdict
	}{
		{"the same", fine, fine, compare.Match},
		{"another message", fine, reply{"\x0a\x05pears", "0", ""}, compare.Mismatch},
		{"another status behind the message", fine, reply{fine.message, "5", ""}, compare.Mismatch},
		{"another text behind the message", fine, reply{fine.message, "0", "hm"}, compare.Mismatch},
		{"another status alone", reply{"", "5", ""}, reply{"", "7", ""}, compare.Mismatch},
		{"a status alone", reply{"", "5", "no such thing"}, reply{"", "5", "no such thing"}, compare.Match},
		{"a status behind no message and one alone", reply{" ", "5", "gone"}, reply{"", "5", "gone"}, compare.Match},
		{"a message and none", fine, reply{"", "5", ""}, compare.Mismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h2c := func(a reply) *httptest.Server {
				return serveH2C(t, &http.Server{Handler: backend(a), Protocols: onlyHTTP2(false)})
			}
			r := startAt(t, shadowPlan, h2c(tc.old), h2c(tc.new), func(o *Options) {
				o.Table = Table{Comparer: meaning(t, "content-type"), ShadowTimeout: 5 * time.Second, Routes: []Route{
					{Name: "call", Methods: []string{"POST"}, Path: "/shop.Products/"},
				}}
			})
			url, client := r.clearFront(t)
			send, answers := grpcCall(t.Context(), client, url, "Get", "")
			_, _ = io.WriteString(send, frame("\x08\x01"))
			_ = send.Close()
			resp := <-answers
			if resp == nil {
				t.Fatal("no answer")
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if x := r.account.only(t); x.Result.Verdict != tc.want {
				t.Errorf("%s %s %+v %v", x.Result.Verdict, x.Result.Reason, x.Result.Differences, x.New.Err)
			}
		})
	}
}
