package proxy

import "slices"

// fields yields the header fields that the backend gets, each name once: the client's, without those of its connection, with what the
// proxy adds and the configuration changes. The values may be the client's own slices and must not be changed.
func (b *backend) fields(a *asking, yield func(name string, values []string)) {
	in := a.in
	for name, values := range in.header {
		if !b.drops(a, name) {
			yield(name, values)
		}
	}
	own := func(name string, values []string) {
		if _, edited := b.edited[name]; !edited {
			yield(name, values)
		}
	}
	in.forwardedFields(own)
	own("Via", withVia(in.header["Via"], in.via))
	if te := in.header["Te"]; len(te) > 0 && headerHasToken(te, "trailers") {
		own("Te", trailers[:])
	}
	if in.upgrade != "" {
		yield("Connection", upgrade[:])
		yield("Upgrade", []string{in.upgrade})
	}
	for name, values := range b.set {
		yield(name, values)
	}
	if a.marked {
		yield(shadowHeader, marked[:])
	}
	if _, set := b.set["User-Agent"]; !set && (len(in.header["User-Agent"]) == 0 || b.drops(a, "User-Agent")) {
		yield("User-Agent", noAgent[:]) // rather than net/http's own
	}
}

// drops reports whether a field of the client is not passed on as it is.
func (b *backend) drops(a *asking, name string) bool {
	switch name {
	case shadowHeader, fallbackHeader, "Via", "X-Forwarded-For":
		return true
	case "Expect":
		return a.buffered
	}
	if hopByHop(name) || !a.in.trusted && claimsForwarding(name) {
		return true
	}
	if _, edited := b.edited[name]; edited {
		return true
	}
	return len(a.in.named) > 0 && slices.Contains(a.in.named, name)
}

// forwardedFields yields what a trusted peer has not said already.
func (in *inbound) forwardedFields(yield func(name string, values []string)) {
	yield("X-Forwarded-For", in.chain[:])
	if in.host != "" && (!in.trusted || len(in.header["X-Forwarded-Host"]) == 0) {
		yield("X-Forwarded-Host", in.forwarded.host[:])
	}
	if !in.trusted || len(in.header["X-Forwarded-Proto"]) == 0 {
		yield("X-Forwarded-Proto", in.proto[:])
	}
}

// appendFields writes the fields as they go over the wire. What the client sent has been checked by the server, and what the
// configuration sets by newBackend.
func (b *backend) appendFields(to []byte, a *asking) []byte {
	b.fields(a, func(name string, values []string) {
		if name == "Content-Length" || name == "Host" || name == "User-Agent" && values[0] == "" {
			return
		}
		for _, v := range values {
			to = append(append(append(append(to, name...), ": "...), v...), "\r\n"...)
		}
	})
	return to
}

// Values of fields, never changed.
var (
	marked   = [1]string{"1"}
	noAgent  = [1]string{""}
	trailers = [1]string{"trailers"}
	upgrade  = [1]string{"Upgrade"}
)
