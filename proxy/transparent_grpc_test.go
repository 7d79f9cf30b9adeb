package proxy

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"paritygate/compare"
)

// frame makes a message of gRPC, and readFrame reads one: no more of gRPC is needed to see whether it passes.
func frame(text string) string {
	return string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(text)))) + text
}

func readFrame(r io.Reader) (string, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err := io.ReadFull(r, body)
	return string(body), err
}

const richStatus = "CAMSBm5vdCBpdBoUCg50eXBlLnJwYy9GYWlsdXJlEgIIAQ"

// grpcBackend speaks the four kinds of call, and fails in the ways in which calls fail.
func grpcBackend(ended chan<- string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "application/grpc+proto")
		say := func(text string) {
			_, _ = io.WriteString(w, frame(text))
			_ = http.NewResponseController(w).Flush()
		}
		if r.ProtoMajor != 2 || r.Header.Get("Te") != "trailers" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		switch method := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]; method {
		case "Unary":
			text, _ := readFrame(r.Body)
			_, _ = io.Copy(io.Discard, r.Body)
			say(text + " " + r.Header.Get("Grpc-Timeout"))
		case "ClientStream":
			var all []string
			for text, err := readFrame(r.Body); err == nil; text, err = readFrame(r.Body) {
				all = append(all, text)
			}
			say(strings.Join(all, ","))
		case "ServerStream":
			_, _ = io.Copy(io.Discard, r.Body)
			for i := range 10 {
				say(fmt.Sprint("part ", i))
			}
		case "Bidi":
			for text, err := readFrame(r.Body); err == nil; text, err = readFrame(r.Body) {
				say("echo " + text)
			}
		case "Unimplemented": // trailers alone: one block of headers that ends the stream
			_, _ = io.Copy(io.Discard, r.Body)
			h.Set("Grpc-Status", "12")
			h.Set("Grpc-Message", "unknown service %09%E2%98%BA ")
			return
		case "Rich":
			_, _ = io.Copy(io.Discard, r.Body)
			h.Set(http.TrailerPrefix+"Grpc-Status-Details-Bin", richStatus)
			h.Set(http.TrailerPrefix+"Grpc-Status", "3")
			h.Set(http.TrailerPrefix+"Grpc-Message", "%0A%09not it%F0%9F%98%88")
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			return
		case "Hang":
			say("waiting")
			<-r.Context().Done()
			ended <- r.Header.Get("Grpc-Timeout")
			return
		}
		h.Set(http.TrailerPrefix+"Grpc-Status", "0")
		h.Set(http.TrailerPrefix+"X-Sent-Bin", "AAEC")
	})
}

// grpcCall begins a call. What is written to the pipe it returns is sent; closing it half-closes the stream.
func grpcCall(ctx context.Context, client http.RoundTripper, url, method, timeout string) (*io.PipeWriter, <-chan *http.Response) {
	in, out := io.Pipe()
	req, _ := http.NewRequestWithContext(ctx, "POST", url+"/shop.Products/"+method, in)
	req.Header = http.Header{"Content-Type": {"application/grpc+proto"}, "Te": {"trailers"}, "Grpc-Accept-Encoding": {"identity,gzip"}}
	if timeout != "" {
		req.Header.Set("Grpc-Timeout", timeout)
	}
	context.AfterFunc(ctx, func() { _ = in.CloseWithError(context.Cause(ctx)) }) // net/http minds its context only between two reads
	answer := make(chan *http.Response, 1)
	go func() {
		resp, err := client.RoundTrip(req)
		if err != nil {
			_ = in.CloseWithError(err)
			resp = nil
		}
		answer <- resp
	}()
	return out, answer
}

func TestTransparentGRPC(t *testing.T) {
	ended := make(chan string, 1)
	overHTTP2(t, onlyGRPC, grpcBackend(ended), func(t *testing.T, r *rig, url string, client *http.Transport) {
		r.routeGRPC(t)
		for _, c := range []struct {
			method, status string
			send, want     []string
			verdict        compare.Verdict
			lockstep       bool // each message is answered before the next is sent
		}{
			{"Unary", "0", []string{"hello"}, []string{"hello 3S"}, compare.Match, false},
			{"ClientStream", "0", []string{"a", "b", "", strings.Repeat("c", 70000)}, []string{"a,b,," + strings.Repeat("c", 70000)}, compare.Skipped, false},
			{"ServerStream", "0", []string{"x"}, strings.Split("part 0,part 1,part 2,part 3,part 4,part 5,part 6,part 7,part 8,part 9", ","), compare.Skipped, false},
			{"Bidi", "0", []string{"a", "b", "c"}, []string{"echo a", "echo b", "echo c"}, compare.Skipped, true},
			{"Rich", "3", []string{"x"}, nil, compare.Match, false},
			{"Unimplemented", "12", []string{"x"}, nil, compare.Match, false},
		} {
			before := len(r.account.all())
			send, answers := grpcCall(t.Context(), client, url, c.method, "3S")
			var resp *http.Response
			read := 0
			for i, text := range c.send {
				if _, err := io.WriteString(send, frame(text)); err != nil {
					break // trailers alone may come before
				}
				if c.lockstep {
					if i == 0 {
						resp = <-answers
					}
					if got, err := readFrame(resp.Body); err != nil || got != c.want[i] {
						t.Fatalf("%s: %q, %v, want %q", c.method, got, err, c.want[i])
					}
					read++
				}
			}
			_ = send.Close()
			if resp == nil {
				resp = <-answers
			}
			if resp == nil {
				t.Fatalf("%s: no answer", c.method)
			}
			for _, want := range c.want[read:] {
				if got, err := readFrame(resp.Body); err != nil || got != want {
					t.Fatalf("%s: %.40q, %v, want %.40q", c.method, got, err, want)
				}
			}
			if rest, err := io.ReadAll(resp.Body); len(rest) > 0 || err != nil {
				t.Errorf("%s: then %q, %v", c.method, rest, err)
			}
			_ = resp.Body.Close()
			checkStatusOf(t, c.method, c.status, resp)
			await(t, "the verdict", func() bool { return len(r.account.all()) == before+1 })
			if x := r.account.all()[before]; x.Result.Verdict != c.verdict {
				t.Errorf("%s: %s %s %v", c.method, x.Result.Verdict, x.Result.Reason, x.New.Err)
			}
		}
	})
}

// routeGRPC makes every call a read, so that it is mirrored.
func (r *rig) routeGRPC(t *testing.T) {
	t.Helper()
	if err := r.proxy.Reload(Table{Comparer: plain{}, ShadowTimeout: 5 * time.Second, Routes: []Route{{Name: "call", Methods: []string{"POST"}, Path: "/shop.Products/"}}}); err != nil {
		t.Fatal(err)
	}
}

// checkStatusOf looks for the status where it belongs: in the headers of an answer that is nothing but them, else in the trailers.
func checkStatusOf(t *testing.T, method, want string, resp *http.Response) {
	t.Helper()
	where, other := resp.Trailer, resp.Header
	if method == "Unimplemented" {
		where, other = other, where
		if got := where.Get("Grpc-Message"); got != "unknown service %09%E2%98%BA " {
			t.Errorf("%s: the message is %q", method, got)
		}
	}
	if where.Get("Grpc-Status") != want || other.Get("Grpc-Status") != "" {
		t.Errorf("%s: headers %v, trailers %v", method, resp.Header, resp.Trailer)
	}
	if method == "Rich" && (where.Get("Grpc-Status-Details-Bin") != richStatus || where.Get("Grpc-Message") != "%0A%09not it%F0%9F%98%88") {
		t.Errorf("%s: trailers %v", method, where)
	}
	if want == "0" && where.Get("X-Sent-Bin") != "AAEC" {
		t.Errorf("%s: trailers %v", method, where)
	}
}

// A call that its client cancels, or whose deadline passes there, ends at the backend, which is told the deadline as it was.
func TestTransparentGRPCCancelAndDeadline(t *testing.T) {
	ended := make(chan string, 4)
	overHTTP2(t, onlyGRPC, grpcBackend(ended), func(t *testing.T, r *rig, url string, client *http.Transport) {
		r.routeGRPC(t)
		for _, timeout := range []string{"", "50m"} {
			ctx, cancel := context.WithCancel(t.Context())
			if timeout != "" {
				ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
			}
			send, answers := grpcCall(ctx, client, url, "Hang", timeout)
			resp := <-answers
			if resp == nil {
				t.Fatal("no answer")
			}
			if got, err := readFrame(resp.Body); err != nil || got != "waiting" {
				t.Fatalf("%q, %v", got, err)
			}
			if timeout == "" {
				cancel()
			}
			if got := <-ended; got != timeout {
				t.Errorf("the backend was told %q, want %q", got, timeout)
			}
			if _, err := io.ReadAll(resp.Body); err == nil {
				t.Error("the call ended well")
			}
			cancel()
			_ = resp.Body.Close()
			_ = send.Close()
		}
	})
}

// A call that goes on is given up with the writes, although its client and its backend are both silent.
func TestTransparentGRPCAbandoned(t *testing.T) {
	ended := make(chan string, 4)
	overHTTP2(t, onlyGRPC, grpcBackend(ended), func(t *testing.T, r *rig, url string, client *http.Transport) {
		send, answers := grpcCall(t.Context(), client, url, "Hang", "1H")
		resp := <-answers
		if resp == nil {
			t.Fatal("no answer")
		}
		if got, err := readFrame(resp.Body); err != nil || got != "waiting" {
			t.Fatalf("%q, %v", got, err)
		}
		if n := r.proxy.Abandon(Old); n != 1 {
			t.Errorf("%d calls were under way", n)
		}
		if got := <-ended; got != "1H" {
			t.Errorf("the backend was told %q", got)
		}
		if _, err := io.ReadAll(resp.Body); err == nil {
			t.Error("the call ended well")
		}
		_ = resp.Body.Close()
		_ = send.Close()
	})
}

// A call may be silent for longer than the timeout to the headers while its client has more to send.
func TestTransparentGRPCSilentClient(t *testing.T) {
	overHTTP2(t, onlyGRPC, grpcBackend(nil), func(t *testing.T, r *rig, url string, client *http.Transport) {
		const timeout = 100 * time.Millisecond
		r.proxy.backends[Old].options.Timeout = timeout
		send, answers := grpcCall(t.Context(), client, url, "ClientStream", "")
		_, _ = io.WriteString(send, frame("a"))
		silence := time.NewTimer(3 * timeout)
		defer silence.Stop()
		select {
		case resp := <-answers:
			t.Fatalf("answered within the silence: %+v", resp)
		case <-silence.C:
		}
		_, _ = io.WriteString(send, frame("b"))
		_ = send.Close()
		resp := <-answers
		if resp == nil {
			t.Fatal("no answer")
		}
		defer func() { _ = resp.Body.Close() }()
		if got, err := readFrame(resp.Body); err != nil || got != "a,b" {
			t.Errorf("%d %q, %v", resp.StatusCode, got, err)
		}
	})
}
