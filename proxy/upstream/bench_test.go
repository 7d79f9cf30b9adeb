package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkRoundTrip sets this client beside http.Transport, and beside a bare write and read on a connection, which is the floor: 64
// requests at a time, to a backend in this process that does next to nothing. cpu-ns/op is the process's CPU time.
func BenchmarkRoundTrip(b *testing.B) {
	for _, size := range []int{0, 1 << 10, 32 << 10} {
		address := fixedBackend(b, size)
		u := &url.URL{Scheme: "http", Host: address}
		client := New(Options{URL: u, HeaderTimeout: time.Minute, IdleTimeout: time.Minute})
		transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Minute}
		name := strconv.Itoa(size>>10) + "KiB"
		b.Run(name+"/floor", func(b *testing.B) { benchmark(b, func() func() error { return bareExchange(b, address, size) }) })
		b.Run(name+"/upstream", func(b *testing.B) { benchmark(b, func() func() error { return exchange(client, u, size) }) })
		b.Run(name+"/transport", func(b *testing.B) { benchmark(b, func() func() error { return exchange(transport, u, size) }) })
		client.CloseIdleConnections()
		transport.CloseIdleConnections()
	}
}

// fixedBackend answers every request with the same bytes.
func fixedBackend(b *testing.B, size int) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = listener.Close() })
	answer := fixedAnswer(size)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				buf := make([]byte, 4<<10)
				for {
					if _, err := c.Read(buf); err != nil {
						return
					}
					if _, err := c.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

func fixedAnswer(size int) []byte {
	head := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nDate: Sat, 21 Nov 2026 08:00:00 GMT\r\n"+
		"Server: nginx\r\nEtag: \"5f3c-1a2b\"\r\nCache-Control: no-cache\r\nX-Request-Id: 0123456789abcdef\r\nContent-Length: %d\r\n\r\n", size)
	return append(head, bytes.Repeat([]byte("x"), size)...)
}

// bareExchange is what no client can do without.
func bareExchange(b *testing.B, address string, size int) func() error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	buf := make([]byte, size+4<<10)
	wire := bytes.Repeat([]byte("x"), 300)
	return func() error {
		if _, err := c.Write(wire); err != nil {
			return err
		}
		for n := 0; n < size+200; {
			m, err := c.Read(buf)
			if err != nil {
				return err
			}
			n += m
		}
		return nil
	}
}

func benchRequest(u *url.URL) *http.Request {
	return &http.Request{
		Method: http.MethodGet, URL: &url.URL{Scheme: u.Scheme, Host: u.Host, Opaque: "/api/products/42", RawQuery: "a=1"}, Host: "shop.example",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Accept": {"application/json"}, "User-Agent": {"bench/1.0"}, "Accept-Encoding": {"gzip"}, "Via": {"1.1 paritygate-run"},
			"X-Forwarded-For": {"10.1.2.3"}, "X-Forwarded-Host": {"shop.example"}, "X-Forwarded-Proto": {"https"},
			"Authorization": {"Bearer abcdefghijklmnopqrstuvwxyz"},
		},
	}
}

func exchange(rt http.RoundTripper, u *url.URL, size int) func() error {
	buf := make([]byte, size+1)
	req := benchRequest(u)
	return func() error {
		resp, err := rt.RoundTrip(req)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		n := 0
		for err == nil {
			var m int
			m, err = resp.Body.Read(buf[n:])
			n += m
		}
		if !errors.Is(err, io.EOF) || n != size {
			return fmt.Errorf("%d bytes: %w", n, err)
		}
		return nil
	}
}

// benchmark runs 64 exchanges at a time, each with what start makes.
func benchmark(b *testing.B, start func() func() error) {
	const workers = 64
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ReportAllocs()
	before := processTime(b)
	var group sync.WaitGroup
	for range workers {
		one := start()
		group.Go(func() {
			for left.Add(-1) >= 0 {
				if err := one(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64(processTime(b)-before)/float64(b.N), "cpu-ns/op")
}

// processTime is the CPU time that the process has used, in nanoseconds.
func processTime(b *testing.B) int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// BenchmarkImage and BenchmarkHead are what this client does besides waiting.
func BenchmarkImage(b *testing.B) {
	req := benchRequest(&url.URL{Scheme: "http", Host: "backend.example"})
	b.ReportAllocs()
	for b.Loop() {
		wire, err := image(req, &noCall)
		if err != nil {
			b.Fatal(err)
		}
		wire.give()
	}
}

func BenchmarkHead(b *testing.B) {
	data := fixedAnswer(0)
	own := http.Header{}
	b.ReportAllocs()
	for b.Loop() {
		end, lines, _ := headEnd(data, 0)
		d, err := parseHead(data[:end], lines, own)
		if err == nil {
			_, err = d.frame(http.MethodGet)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
