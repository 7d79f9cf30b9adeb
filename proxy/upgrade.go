package proxy

import (
	"context"
	"io"
	"net/http"
	"strings"
)

// switchProtocols connects the client with the backend that agreed to another protocol, until both have ended, one breaks off
// or the gate closes the stream.
func (p *Proxy) switchProtocols(w http.ResponseWriter, r *http.Request, in *inbound, c *call) {
	back, ok := c.resp.Body.(io.ReadWriteCloser)
	if !ok || !wanted(in.upgrade, c.resp.Header["Upgrade"]) {
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
	protocol := c.resp.Header["Upgrade"]
	removeHopByHop(c.resp.Header)
	c.resp.Header["Via"] = withVia(c.resp.Header["Via"], p.via.of(c.resp.ProtoMajor, c.resp.ProtoMinor))
	c.resp.Header["Connection"], c.resp.Header["Upgrade"] = []string{"Upgrade"}, protocol
	answer := http.Response{
		StatusCode: c.resp.StatusCode, Status: c.resp.Status, ProtoMajor: 1, ProtoMinor: 1, Header: c.resp.Header, Request: r,
	}
	if answer.Write(buffered) != nil || buffered.Flush() != nil {
		return
	}
	sides := make(chan bool, 2)
	go func() { sides <- pass(back, buffered.Reader) }()
	go func() { sides <- pass(conn, back) }()
	left := 2
	for well := true; well && left > 0; left-- { // a side that says no more may still hear
		well = <-sides
	}
	_ = conn.Close()
	_ = back.Close()
	for ; left > 0; left-- {
		<-sides
	}
}

// pass takes what one side says to the other, and then that it has ended. It reports whether the other direction may go on.
func pass(to io.Writer, from io.Reader) bool {
	if _, err := io.Copy(to, from); err != nil {
		return false // how a tunnel breaks off is its ends' business
	}
	if c, ok := to.(*clientConn); ok {
		to = c.Conn // its own way of closing is for the server, and takes in what the client still says
	}
	half, ok := to.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil // some connections end only as a whole
}

// wanted reports whether the protocols that the backend switches to are among those that the client asked for.
func wanted(asked string, agreed []string) bool {
	for _, values := range agreed {
		for u := range strings.SplitSeq(values, ",") {
			if !headerHasToken([]string{asked}, strings.TrimSpace(u)) {
				return false
			}
		}
	}
	return len(agreed) > 0
}
