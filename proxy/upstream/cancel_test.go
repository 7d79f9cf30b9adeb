package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// stalling says so much of an answer and then nothing, until the other end closes.
func stalling(answer string) func(p *peer) {
	return func(p *peer) {
		if p.request() != nil {
			p.say(answer)
			p.drain()
		}
	}
}

const whole = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n"

// TestCancel ends the context while the client waits for any byte of an answer.
func TestCancel(t *testing.T) {
	for i := 0; i < len(whole); i += 4 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			b := serve(t, stalling(whole[:i]))
			client := b.client(t)
			why := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			wrote := make(chan struct{})
			go func() {
				<-wrote
				cancel(why)
			}()
			within(t, func() {
				resp, err := client.Do(b.get("/").WithContext(ctx), &Call{Wrote: func() { close(wrote) }})
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
				if !errors.Is(err, why) {
					t.Errorf("error %v", err)
				}
			})
			if client.Conns() != 0 {
				t.Errorf("%d connections left", client.Conns())
			}
		})
	}
}

// TestCancelDuringALongWait is the case in which the context is watched already.
func TestCancelDuringALongWait(t *testing.T) {
	for _, answer := range []string{"", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"} {
		b := serve(t, stalling(answer))
		client := b.client(t)
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		timer := time.AfterFunc(3*watchAfter, func() { cancel(why) })
		within(t, func() {
			resp, err := client.RoundTrip(b.get("/").WithContext(ctx))
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			if !errors.Is(err, why) {
				t.Errorf("error %v", err)
			}
		})
		timer.Stop()
		cancel(nil)
		if client.Conns() != 0 {
			t.Errorf("%d connections left", client.Conns())
		}
	}
}

func TestContextThatHasEnded(t *testing.T) {
	client := dialling(func() net.Conn {
		t.Error("a connection was opened")
		return &scripted{}
	})
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, err := client.RoundTrip(request(http.MethodGet).WithContext(ctx)); !errors.Is(err, why) {
		t.Errorf("error %v", err)
	}
}

func TestDeadlineOfTheContext(t *testing.T) {
	b := serve(t, stalling("HTTP/1.1 200"))
	for _, after := range []time.Duration{time.Millisecond, 2 * watchAfter} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		within(t, func() {
			if _, err := b.client(t).RoundTrip(b.get("/").WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
		})
		cancel()
	}
}

// TestTheLesserHeaderTimeoutCounts: a call may shorten the client's, and never prolongs it.
func TestTheLesserHeaderTimeoutCounts(t *testing.T) {
	const short = 2 * time.Millisecond
	for _, limit := range []struct{ client, call time.Duration }{{time.Hour, short}, {0, short}, {short, time.Hour}, {short, 0}} {
		b := serve(t, stalling(""))
		client := b.client(t, func(o *Options) { o.HeaderTimeout = limit.client })
		within(t, func() {
			if _, err := client.Do(b.get("/"), &Call{HeaderTimeout: limit.call}); !errors.Is(err, ErrTimeout) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestHeaderTimeout: it ends with the head; a body may take longer.
func TestHeaderTimeout(t *testing.T) {
	for _, answer := range []string{"", "HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 103 X\r\n\r\n"} {
		for _, limit := range []time.Duration{time.Millisecond, 2 * watchAfter} {
			b := serve(t, stalling(answer))
			client := b.client(t, func(o *Options) { o.HeaderTimeout = limit })
			start := time.Now()
			within(t, func() {
				_, err := client.RoundTrip(b.get("/"))
				var timeout net.Error
				if !errors.Is(err, ErrTimeout) || !errors.As(err, &timeout) || !timeout.Timeout() {
					t.Errorf("error %v", err)
				}
			})
			if took := time.Since(start); took < limit {
				t.Errorf("took %v of %v", took, limit)
			}
			if client.Conns() != 0 {
				t.Errorf("%d connections left", client.Conns())
			}
		}
	}
	resume := make(chan struct{})
	b := serve(t, func(p *peer) {
		p.request()
		p.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh")
		<-resume
		p.say("i")
	})
	client := b.client(t, func(o *Options) { o.HeaderTimeout = patience / 2 })
	resp, err := client.RoundTrip(b.get("/"))
	if err != nil {
		t.Fatal(err)
	}
	cn := resp.Body.(*body).conn
	if cn.sock.limit != 0 {
		t.Errorf("a limit of %v is left", cn.sock.limit)
	}
	timer := time.AfterFunc(3*watchAfter, func() { close(resume) })
	defer timer.Stop()
	if text, err := io.ReadAll(resp.Body); string(text) != "hi" || err != nil {
		t.Errorf("read %q, %v", text, err)
	}
	_ = resp.Body.Close()
}

// TestCloseEndsARead: another goroutine closes the body.
func TestCloseEndsARead(t *testing.T) {
	b := serve(t, stalling("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"))
	client := b.client(t)
	resp, err := client.RoundTrip(b.get("/"))
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 4)
	if _, err := io.ReadFull(resp.Body, p); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := resp.Body.Read(p)
		failed <- err
	}()
	locked := resp.Body.(*body)
	eventually(t, "the read waits", func() bool {
		if locked.mu.TryLock() {
			locked.mu.Unlock()
			return false
		}
		return true
	})
	within(t, func() {
		_ = resp.Body.Close()
		if err := <-failed; err == nil {
			t.Error("the read succeeded")
		}
	})
	if client.Conns() != 0 {
		t.Errorf("%d connections left", client.Conns())
	}
}

// TestNobodyGetsAnothersAnswer has many requests over few connections, of which many are given up at any moment, on a backend that
// stalls and closes at random. Whoever gets an answer gets his own, and no connection is lost.
func TestNobodyGetsAnothersAnswer(t *testing.T) {
	b := serve(t, func(p *peer) {
		for r := p.request(); r != nil; r = p.request() {
			text := strings.Repeat(r.RequestURI+" ", 1+rand.IntN(400))
			answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
			if rand.IntN(3) == 0 {
				answer = fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(text), text)
			}
			cut := rand.IntN(len(answer) + 1)
			if !p.say(answer[:cut]) {
				return
			}
			switch rand.IntN(40) {
			case 0:
				return
			case 1:
				p.reset()
				return
			case 2:
				<-time.After(time.Duration(rand.IntN(40)) * time.Millisecond)
			}
			if !p.say(answer[cut:]) {
				return
			}
			if rand.IntN(40) == 0 {
				return
			}
		}
	})
	client := b.client(t, func(o *Options) { o.MaxConns, o.MaxIdle, o.IdleTimeout = 12, 8, 20*time.Millisecond })
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			for i := range 250 {
				giveUpAndCheck(t, client, b.get(fmt.Sprintf("/%d-%d", worker, i)))
			}
		})
	}
	within(t, group.Wait)
	client.CloseIdleConnections()
	if client.Conns() != 0 {
		t.Errorf("%d connections left", client.Conns())
	}
}

// giveUpAndCheck sends a request that is perhaps given up, and looks whether what comes is its answer.
func giveUpAndCheck(t *testing.T, client *Client, r *http.Request) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if rand.IntN(4) == 0 {
		defer time.AfterFunc(time.Duration(rand.IntN(30000))*time.Microsecond, cancel).Stop()
	}
	resp, err := client.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return
	}
	p := make([]byte, 1+rand.IntN(6000))
	var text []byte
	for err == nil && rand.IntN(100) != 0 {
		var n int
		if rand.IntN(2) == 0 {
			n, err = resp.Body.(Available).TryRead(p)
		} else {
			n, err = resp.Body.Read(p)
		}
		text = append(text, p[:n]...)
	}
	if rand.IntN(20) == 0 {
		go cancel()
	}
	_ = resp.Body.Close()
	want := strings.Repeat(r.URL.Path+" ", len(text)/(len(r.URL.Path)+1)+1)
	if !strings.HasPrefix(want, string(text)) {
		t.Errorf("%s got %q", r.URL.Path, text)
	}
	if errors.Is(err, io.EOF) && len(text)%(len(r.URL.Path)+1) != 0 {
		t.Errorf("%s got a short answer", r.URL.Path)
	}
}

// TestCancelAtTheVeryEnd: a watch that cannot be stopped any more costs the connection, since it may close it at any moment.
func TestCancelAtTheVeryEnd(t *testing.T) {
	b := serve(t, func(p *peer) {
		p.request()
		p.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
		p.drain()
	})
	client := b.client(t)
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := client.RoundTrip(b.get("/").WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.(*body).conn.sock.watch()
	cancel()
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if client.Conns() != 0 {
		t.Error("the connection was kept")
	}
}
