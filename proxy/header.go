package proxy

import (
	"net/http"
	"strconv"
	"strings"
)

const (
	shadowHeader   = "Paritygate-Shadow"
	fallbackHeader = "Paritygate-Fallback"
)

// hopByHop are the headers that concern one connection alone.
var hopByHop = [...]string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "Http2-Settings",
}

// removeHopByHop removes them and those that Connection names.
func removeHopByHop(h http.Header) {
	for _, v := range h["Connection"] {
		for name := range strings.SplitSeq(v, ",") {
			if name = strings.TrimSpace(name); name != "" {
				h.Del(name)
			}
		}
	}
	for _, name := range hopByHop {
		delete(h, name)
	}
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

func viaVersion(major, minor int) string {
	switch {
	case major == 1 && minor == 1:
		return "1.1"
	case major == 2:
		return "2.0"
	}
	return strconv.Itoa(major) + "." + strconv.Itoa(minor)
}

// addVia appends this proxy to the Via of a message that was received with the given version of HTTP.
func addVia(h http.Header, version, pseudonym string) {
	old := h["Via"]
	h["Via"] = append(old[:len(old):len(old)], version+" "+pseudonym)
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

// setForwarded tells the backend who asked, under which host and how. What an untrusted peer claims is replaced.
func setForwarded(h http.Header, in *inbound) {
	proto := "http"
	if in.secure {
		proto = "https"
	}
	if !in.trusted {
		for name := range h {
			if strings.HasPrefix(name, "X-Forwarded-") || name == "Forwarded" {
				delete(h, name)
			}
		}
	}
	chain := in.remote
	if before := h["X-Forwarded-For"]; len(before) > 0 {
		chain = strings.Join(before, ", ") + ", " + in.remote
	}
	h["X-Forwarded-For"] = []string{chain}
	if len(h["X-Forwarded-Host"]) == 0 {
		h["X-Forwarded-Host"] = []string{in.host}
	}
	if len(h["X-Forwarded-Proto"]) == 0 {
		h["X-Forwarded-Proto"] = []string{proto}
	}
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
