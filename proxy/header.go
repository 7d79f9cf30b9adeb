package proxy

import (
	"net/http"
	"slices"
	"strings"
)

const (
	shadowHeader   = "Paritygate-Shadow"
	fallbackHeader = "Paritygate-Fallback"
)

var hopByHopNames = [...]string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "Http2-Settings",
}

// hopByHop reports whether a header, by its canonical name, concerns one connection alone.
func hopByHop(name string) bool {
	return slices.Contains(hopByHopNames[:], name)
}

// removeHopByHop removes them and those that Connection names.
func removeHopByHop(h http.Header) {
	for _, name := range namedFields(h["Connection"]) {
		delete(h, name)
	}
	for _, name := range hopByHopNames {
		delete(h, name)
	}
}

// namedFields returns the canonical names of the fields that the values of Connection name, but for its usual words, which name none.
func namedFields(connection []string) (named []string) {
	for _, v := range connection {
		if strings.EqualFold(v, "keep-alive") || strings.EqualFold(v, "close") {
			continue
		}
		for name := range strings.SplitSeq(v, ",") {
			if name = strings.TrimSpace(name); name != "" {
				named = append(named, http.CanonicalHeaderKey(name))
			}
		}
	}
	return named
}

func headerHasToken(values []string, token string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// withVia returns the values of Via with an entry of this proxy's. Those that are there stay as they are, because others may hold them.
func withVia(before []string, entry *viaEntry) []string {
	if len(before) == 0 {
		return entry[:]
	}
	return append(before[:len(before):len(before)], entry[0])
}

// viaEntry is what this proxy says of itself in Via; the versions of HTTP have one each. It is never changed.
type viaEntry [1]string

type via struct{ http10, http11, http2 viaEntry }

func newVia(pseudonym string) *via {
	return &via{viaEntry{"1.0 " + pseudonym}, viaEntry{"1.1 " + pseudonym}, viaEntry{"2.0 " + pseudonym}}
}

// of returns the entry for a message that was received in a version of HTTP.
func (v *via) of(major, minor int) *viaEntry {
	switch {
	case major == 2:
		return &v.http2
	case minor == 0:
		return &v.http10
	}
	return &v.http11
}

// viaNames reports whether the message has passed this proxy before.
func viaNames(h http.Header, pseudonym string) bool {
	for _, v := range h["Via"] {
		for entry := range strings.SplitSeq(v, ",") {
			if f := strings.Fields(entry); len(f) >= 2 && strings.EqualFold(f[1], pseudonym) {
				return true
			}
		}
	}
	return false
}

// forwarded is what the backends are told of who asked, under which host and how.
type forwarded struct{ chain, host, proto [1]string }

func newForwarded(in *inbound) forwarded {
	f := forwarded{[1]string{in.remote}, [1]string{in.host}, [1]string{"http"}}
	if before := in.header["X-Forwarded-For"]; in.trusted && len(before) > 0 {
		f.chain[0] = strings.Join(before, ", ") + ", " + in.remote
	}
	if in.secure {
		f.proto[0] = "https"
	}
	return f
}

// claimsForwarding reports whether a header, by its canonical name, tells of proxies before this one.
func claimsForwarding(name string) bool {
	return strings.HasPrefix(name, "X-Forwarded-") || name == "Forwarded"
}

// renameIdempotencyKey respells the headers by which http.Transport recognises a request that it may send twice. Names
// have no case on the wire.
func renameIdempotencyKey(h http.Header) {
	for _, name := range [...]string{"Idempotency-Key", "X-Idempotency-Key"} {
		if v, ok := h[name]; ok {
			delete(h, name)
			h[strings.ToLower(name)] = v
		}
	}
}
