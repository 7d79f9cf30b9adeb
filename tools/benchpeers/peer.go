//go:build linux

package main

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"
)

// servePeer is this program as one of its own peers: `benchpeers peer ADDRESS OLD [NEW]`.
func servePeer(args []string) error {
	old, err := url.Parse(args[1])
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{Transport: pool(), Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(old) }}
	if len(args) > 2 {
		mirrorNaively(proxy, args[2])
	}
	listener, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	server := &http.Server{Handler: proxy, ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(listener)
}

func pool() *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
}

// mirrorNaively is what one writes first: every answer is read whole, handed to the client, and then compared, by a pool of
// workers, with what new answers to the same request.
func mirrorNaively(proxy *httputil.ReverseProxy, target string) {
	type exchange struct {
		request *http.Request
		status  int
		kind    string
		body    []byte
	}
	queue := make(chan exchange, 1024)
	proxy.ModifyResponse = func(r *http.Response) error {
		body, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			return err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		select {
		case queue <- exchange{r.Request, r.StatusCode, r.Header.Get("Content-Type"), body}:
		default: // dropped
		}
		return nil
	}
	client := &http.Client{Transport: pool(), Timeout: 10 * time.Second}
	errors := log.New(os.Stderr, "", 0)
	for range 64 {
		go func() {
			for x := range queue {

				request, err := http.NewRequest(x.request.Method, target+x.request.URL.RequestURI(), nil)
				if err != nil {
					errors.Print(err)
					continue
				}
				request.Header = x.request.Header.Clone()
				response, err := client.Do(request)
				if err != nil {
					errors.Print(err)
					continue
				}
				body, err := io.ReadAll(response.Body)
				_ = response.Body.Close()
				if err != nil || response.StatusCode != x.status || response.Header.Get("Content-Type") != x.kind || !bytes.Equal(body, x.body) {
					errors.Printf("mismatch: %s (%v)", x.request.URL, err)
				}
			}
		}()
	}
}
