package upstream

import "net/textproto"

// Names that say something about the connection or the body's length have a bit of their own.
const (
	sawContentLength uint8 = 1 << iota
	sawTransferEncoding
	sawConnection
	sawTrailer
)

// name is the canonical spelling of a field's name.
type name struct {
	canonical string
	index     uint8 // from 1; repeated fields are found by it
	saw       uint8
}

// common are the names that need no memory. Up to 63 of them have an index.
var common = []string{
	"Content-Type", "Content-Length", "Date", "Server", "Cache-Control", "Etag", "Last-Modified", "Vary",
	"Connection", "Transfer-Encoding", "Set-Cookie", "Location", "Content-Encoding", "Accept-Ranges", "Age", "Expires",
	"Trailer", "Keep-Alive", "Via", "Pragma", "Link", "Allow", "Alt-Svc", "Content-Disposition",
	"Content-Language", "Content-Location", "Content-Range", "Content-Security-Policy", "Retry-After", "Www-Authenticate",
	"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Headers",
	"Access-Control-Allow-Methods", "Access-Control-Expose-Headers", "Access-Control-Max-Age",
	"Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options", "X-Xss-Protection", "Referrer-Policy",
	"Permissions-Policy", "X-Powered-By", "X-Request-Id", "X-Correlation-Id", "X-Runtime", "X-Cache",
	"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "Cross-Origin-Opener-Policy",
	"Cross-Origin-Resource-Policy", "Cross-Origin-Embedder-Policy", "Server-Timing", "Traceparent", "Cf-Ray",
	"Cf-Cache-Status", "Nel", "Report-To", "X-Robots-Tag", "Content-Profile", "Preference-Applied", "X-Cache-Hits",
}

const tableSize = 256

// table has the common names at the place that their hash gives, or behind it.
var table = func() (t [tableSize]name) {
	for i, s := range common {
		n := name{canonical: s, index: uint8(i + 1)}
		switch s {
		case "Content-Length":
			n.saw = sawContentLength
		case "Transfer-Encoding":
			n.saw = sawTransferEncoding
		case "Connection":
			n.saw = sawConnection
		case "Trailer":
			n.saw = sawTrailer
		}
		var h uint32
		for i := range len(s) {
			h = hash(h, lower[s[i]])
		}
		at := h % tableSize
		for t[at].canonical != "" {
			at = (at + 1) % tableSize
		}
		t[at] = n
	}
	return t
}()

func hash(h uint32, c byte) uint32 { return h*31 + uint32(c) }

// lookup returns the canonical spelling of a token whose hash, over its lower case, is known.
func lookup(s string, h uint32) name {
	for at := h % tableSize; table[at].canonical != ""; at = (at + 1) % tableSize {
		if t := &table[at]; len(t.canonical) == len(s) && (t.canonical == s || equalFold(t.canonical, s)) {
			return *t
		}
	}
	return name{canonical: textproto.CanonicalMIMEHeaderKey(s)}
}

// equalFold compares tokens of the same length.
func equalFold(a, b string) bool {
	for i := range len(a) {
		if lower[a[i]] != lower[b[i]] {
			return false
		}
	}
	return true
}
