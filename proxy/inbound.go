package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// inbound is a client's request as it came. It outlives its handler in an exchange, so it holds no body and no connection.
type inbound struct {
	arrived  time.Time
	method   string
	target   string // as in the request line, authority removed
	path     string // escaped
	query    string
	hasQuery bool
	host     string
	header   http.Header
	via      *viaEntry
	major    int // of HTTP's version
	minor    int
	remote   string // address without port
	secure   bool
	trusted  bool   // the peer's X-Forwarded headers are believed
	upgrade  string // the protocol asked for, empty if none
	grpc     bool
	access   *accessWriter // nil: not recorded
	named    []string      // fields that Connection names
	forwarded
}

func newInbound(r *http.Request, trusted []netip.Prefix, via *via) *inbound {
	in := &inbound{
		arrived: time.Now(), method: r.Method, target: originForm(r.RequestURI), host: r.Host, header: r.Header,
		via: via.of(r.ProtoMajor, r.ProtoMinor), major: r.ProtoMajor, minor: r.ProtoMinor, remote: r.RemoteAddr, secure: r.TLS != nil,
		upgrade: upgradeType(r), grpc: isGRPC(r.Header),
	}
	in.path, in.query, in.hasQuery = strings.Cut(in.target, "?")
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		in.remote = host
	}
	in.trusted = len(trusted) > 0 && trusts(trusted, in.remote)
	in.named, in.forwarded = namedFields(r.Header["Connection"]), newForwarded(in)
	return in
}

func trusts(trusted []netip.Prefix, remote string) bool {
	addr, err := netip.ParseAddr(remote)
	return err == nil && inAny(trusted, addr.Unmap())
}

func inAny(nets []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// originForm removes scheme and authority from a request target in absolute form. One without a host stays as it is.
func originForm(target string) string {
	if strings.HasPrefix(target, "/") {
		return target
	}
	_, rest, ok := strings.Cut(target, "://")
	if !ok || rest == "" || rest[0] == '/' || rest[0] == '?' {
		return target
	}
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		if rest[i] == '?' {
			return "/" + rest[i:]
		}
		return rest[i:]
	}
	return "/"
}

// wellFormed reports whether the target is one that a backend can be asked for: a path, or all of the server for OPTIONS.
func (in *inbound) wellFormed() bool {
	if in.target == "*" {
		return in.method == http.MethodOptions
	}
	return strings.HasPrefix(in.target, "/") && !strings.ContainsAny(in.target, " \t")
}

// upgradeType returns the protocols to which the client wants to switch, the first preferred. `h2c` is ignored, as RFC 9113
// allows: passed on, it would open a tunnel past every rule. So is TLS (RFC 2817), which Apache's HttpClient 5.4 offers with every
// read, and the wish of a request with a body: it is answered as it is.
func upgradeType(r *http.Request) string {
	if r.ProtoMajor != 1 || r.ContentLength != 0 || !headerHasToken(r.Header["Connection"], "upgrade") {
		return ""
	}
	var wanted []string
	for _, values := range r.Header["Upgrade"] {
		for u := range strings.SplitSeq(values, ",") {
			if u = strings.TrimSpace(u); u != "" && !strings.EqualFold(u, "h2c") && !isTLS(u) {
				wanted = append(wanted, u)
			}
		}
	}
	return strings.Join(wanted, ", ")
}

// isTLS knows TLS/1.2 and its like.
func isTLS(protocol string) bool {
	name, _, _ := strings.Cut(protocol, "/")
	return strings.EqualFold(name, "TLS")
}

func isGRPC(h http.Header) bool {
	ct := h.Get("Content-Type")
	rest, ok := strings.CutPrefix(ct, "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// safeMethod reports whether the method by itself means a read.
func safeMethod(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
