package proxy

import (
	"io"
	"net/http"
	"testing"
	"time"
)

// A gRPC call that fails is a 200: its end says so, behind a message, or among the headers, where a read is still answered by old.
func TestACallThatFailsIsAFailure(t *testing.T) {
	end := func(code string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body)
			w.Header().Set("Content-Type", "application/grpc")
			if req.URL.Path == "/shop.Products/Alone" {
				w.Header().Set("Grpc-Status", code)
				return
			}
			_, _ = io.WriteString(w, frame("\x08\x01"))
			w.Header().Set(http.TrailerPrefix+"Grpc-Status", code)
		})
	}
	h2c := func(code string) *http.Server {
		return &http.Server{Handler: end(code), Protocols: onlyHTTP2(false)}
	}
	for _, tc := range []struct {
		name, code, method string
		old                string // its code
		fallback           bool
		failed, oldFailed  uint32
		seen               string // by the client
	}{
		{"behind a message", "14", "Get", "13", false, 1, 1, "14"},
		{"alone", "13", "Alone", "0", false, 1, 0, "13"},
		{"not found is an answer", "5", "Get", "0", false, 0, 0, "5"},
		{"alone, and old does better", "14", "Alone", "0", true, 1, 0, "0"},
		{"alone, and old does no better", "14", "Alone", "2", true, 1, 1, "14"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := livePlan
			p.Fallback = tc.fallback
			if tc.fallback {
				p.Fraction = 0
			}
			r := startAt(t, p, serveH2C(t, h2c(tc.old)), serveH2C(t, h2c(tc.code)), func(o *Options) {
				o.Table = Table{Comparer: meaning(t, "content-type"), ShadowTimeout: 5 * time.Second, Routes: []Route{
					{Name: "call", Methods: []string{"POST"}, Path: "/shop.Products/"},
				}}
			})
			url, client := r.clearFront(t)
			send, answers := grpcCall(t.Context(), client, url, tc.method, "")
			_, _ = io.WriteString(send, frame("\x08\x01"))
			_ = send.Close()
			resp := <-answers
			if resp == nil {
				t.Fatal("no answer")
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if got := resp.Trailer.Get("Grpc-Status") + resp.Header.Get("Grpc-Status"); got != tc.seen {
				t.Errorf("the client sees %s", got)
			}
			await(t, "how it ended", func() bool {
				a, _ := r.proxy.Figures(New, Authority, false)
				return a.Succeeded+a.Failed == 1 && a.Failed == tc.failed
			})
			await(t, "how it ended at old", func() bool {
				shadow, _ := r.proxy.Figures(Old, ShadowRole, false)
				authority, _ := r.proxy.Figures(Old, Authority, false)
				return shadow.Succeeded+shadow.Failed+authority.Succeeded+authority.Failed == 1 && shadow.Failed+authority.Failed == tc.oldFailed
			})
		})
	}
}
