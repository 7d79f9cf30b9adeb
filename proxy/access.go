package proxy

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// AccessLog takes a record of each sampled client request. Its methods are called from many goroutines and must not block.
type AccessLog interface {
	// Sampled decides, before anything else is done, whether this request is recorded.
	Sampled() bool
	// Log takes the record, once the request has ended.
	Log(Access)
}

// Access is a client's request as it ended. It holds no value of a header or of a query.
type Access struct {
	Arrived time.Time
	Method  string
	// Target is the escaped path, and of the query the names alone.
	Target string
	Route  string
	Kind   Kind
	// Backend is the one whose answer the client got, None if the proxy itself answered.
	Backend Backend
	Status  int   // 0: none was sent
	Bytes   int64 // of the body; what went through an upgraded connection is not counted
	// Duration is until the end of the answer. Overhead is what the proxy itself added up to its headers, the time for which a
	// write was held not included.
	Duration, Overhead time.Duration
	// Trace is the trace id of traceparent, empty if there is none.
	Trace string
	// Mirrored says that the exchange is eligible for comparison, Cut that the answer broke off.
	Mirrored, Cut bool
}

// maxTarget bounds what is recorded of a target, in bytes.
const maxTarget = 2048

// accessWriter fills in the record of one request.
type accessWriter struct {
	http.ResponseWriter
	log    AccessLog
	record Access
	took   time.Duration // by the backend, to the headers
	held   time.Duration
	whole  bool // the handler returned
}

// recordAccess has a sampled request recorded; end must be called when it has ended.
func (p *Proxy) recordAccess(w http.ResponseWriter, in *inbound) *accessWriter {
	a := &accessWriter{ResponseWriter: w, log: p.options.Access, record: Access{
		Arrived: in.arrived, Method: in.method, Target: targetNames(in), Trace: traceID(in.header),
	}}
	in.access = a
	return a
}

// end is deferred: a panic, which is how an answer is cut, passes through it.
func (a *accessWriter) end() {
	a.record.Duration = time.Since(a.record.Arrived)
	a.record.Cut = !a.whole
	a.log.Log(a.record)
}

// WriteHeader implements http.ResponseWriter.
func (a *accessWriter) WriteHeader(status int) {
	if a.record.Status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		a.answered(status)
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *accessWriter) Write(p []byte) (int, error) {
	n, err := a.ResponseWriter.Write(p)
	a.record.Bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach what it needs.
func (a *accessWriter) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *accessWriter) answered(status int) {
	a.record.Status = status
	a.record.Overhead = max(0, time.Since(a.record.Arrived)-a.took-a.held)
}

// asked notes that a backend has answered. What is not usable does not reach the client.
func (a *accessWriter) asked(b Backend, status int, took time.Duration) {
	a.took += took
	if status == 0 {
		return
	}
	a.record.Backend = b
	if status == http.StatusSwitchingProtocols {
		a.answered(status) // it is written past this writer
	}
}

// targetNames is the target without the values in its query and in the parameters of its path (`;jsessionid=…`), any of which may be
// a secret.
func targetNames(in *inbound) string {
	path := pathNames(in.path)
	if !in.hasQuery {
		return path[:min(len(path), maxTarget)]
	}
	var b strings.Builder
	b.WriteString(path)
	separator := byte('?')
	for pair := range strings.FieldsFuncSeq(in.query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, _, valued := strings.Cut(pair, "=")
		if !valued {
			name = "…" // alone it may be a value, a token as often as a name
		} else if plain, err := url.QueryUnescape(name); err != nil || strings.ContainsAny(plain, "=&;") {
			name = "…"
		}
		b.WriteByte(separator)
		b.WriteString(name)
		separator = '&'
		if b.Len() > maxTarget {
			break
		}
	}
	return b.String()[:min(b.Len(), maxTarget)]
}

// pathNames cuts the values off the parameters of a path's segments.
func pathNames(path string) string {
	if !strings.Contains(path, ";") {
		return path
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		parts := strings.Split(s, ";")
		for j := range parts[1:] {
			parts[j+1], _, _ = strings.Cut(parts[j+1], "=")
		}
		segments[i] = strings.Join(parts, ";")
	}
	return strings.Join(segments, "/")
}

// traceID returns the trace id of a traceparent that is well formed.
func traceID(h http.Header) string {
	parents := h["Traceparent"]
	if len(parents) != 1 {
		return ""
	}
	fields := strings.Split(parents[0], "-")
	if len(fields) < 4 || len(fields[0]) != 2 || len(fields[1]) != 32 || strings.Trim(fields[1], "0123456789abcdef") != "" {
		return ""
	}
	return fields[1]
}
