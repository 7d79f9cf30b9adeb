package proxy

import (
	"context"
	"io"
	"net/http"
	"strings"
)

// switchProtocols connects the client with the backend that agreed to another protocol, until either closes or the gate
// closes the stream.
func (p *Proxy) switchProtocols(w http.ResponseWriter, r *http.Request, in *inbound, c *call) {
	back, ok := c.resp.Body.(io.ReadWriteCloser)
	if !ok || !strings.EqualFold(c.resp.Header.Get("Upgrade"), in.upgrade) {
		_ = c.resp.Body.Close()
		p.refuse(w, io.ErrUnexpectedEOF)
		return
	}
	defer func() { _ = back.Close() }()
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		p.refuse(w, err)
		return
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(c.ctx, func() {
		_ = conn.Close()
		_ = back.Close()
	})
	defer stop()
	protocol := c.resp.Header.Get("Upgrade")
	removeHopByHop(c.resp.Header)
	addVia(c.resp.Header, p.via.of(c.resp.ProtoMajor, c.resp.ProtoMinor))
	c.resp.Header["Connection"], c.resp.Header["Upgrade"] = []string{"Upgrade"}, []string{protocol}
	answer := http.Response{
		StatusCode: c.resp.StatusCode, Status: c.resp.Status, ProtoMajor: 1, ProtoMinor: 1, Header: c.resp.Header, Request: r,
	}
	if answer.Write(buffered) != nil || buffered.Flush() != nil {
		return
	}
	ended := make(chan struct{}, 2)
	pass := func(to io.Writer, from io.Reader) {
		_, _ = io.Copy(to, from) // how a tunnel ends is its ends' business
		ended <- struct{}{}
	}
	go pass(back, buffered.Reader)
	go pass(conn, back)
	<-ended
	_ = conn.Close()
	_ = back.Close()
	<-ended
}
