package journal

import (
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// AnswerLimit is how many bytes of an answer's body a record takes; a longer one is not kept, but its size and digest are.
const AnswerLimit = 64 << 10

// answerFields are the fields of an answer that are kept.
var answerFields = []string{
	"Content-Encoding", "Content-Location", "Content-Type", "Etag", "Grpc-Message", "Grpc-Status", "Idempotency-Key", "Idempotency-Replayed",
	"Idempotent-Replayed", "Last-Modified", "Location", "Preference-Applied", "Retry-After", "X-Request-Id",
}

// guard keeps secrets off the disk: with a key they are sealed, without one they are left out.
type guard struct {
	secret, secretQuery func(name string) bool
	redact              func(contentType string, body []byte) []byte
	seals               bool

	mu    sync.RWMutex
	known map[string]bool // what secret said, of the names that are common
}

func newGuard(o Options) *guard {
	return &guard{secret: o.Secret, secretQuery: o.SecretQuery, redact: o.Redact, seals: len(o.Key) > 0, known: map[string]bool{}}
}

// instead is what stands in clear in the place of a secret value.
func (g *guard) instead() string {
	if g.seals {
		return "[sealed]"
	}
	return "[withheld]"
}

// maxKnown bounds the names that are remembered: clients make them up.
const maxKnown = 1024

func (g *guard) isSecret(name string) bool {
	g.mu.RLock()
	secret, ok := g.known[name]
	g.mu.RUnlock()
	if ok {
		return secret
	}
	secret = g.secret(name)
	g.mu.Lock()
	if len(g.known) < maxKnown {
		g.known[name] = secret
	}
	g.mu.Unlock()
	return secret
}

// write splits a write into what may be seen and what is sealed. It leaves w as it is.
func (g *guard) write(w *Write) (*Write, *private) {
	clear, hidden := *w, &private{}
	var names []string
	clear.Header, hidden.Header, names = g.fields(w.Header)
	clear.Withheld = append(slices.Clone(w.Withheld), names...)
	if len(w.Trailer) > 0 {
		clear.Trailer, hidden.Trailer, names = g.fields(w.Trailer)
		clear.Withheld = append(clear.Withheld, names...)
	}
	target, parameters := g.target(w.Target)
	if len(parameters) > 0 {
		clear.Target, hidden.Target = target, w.Target
	}
	if !g.seals {
		for _, name := range parameters {
			clear.Withheld = append(clear.Withheld, "query:"+name)
		}
		return &clear, nil
	}
	clear.Withheld = nil
	hidden.Body, clear.Body = w.Body, nil
	return &clear, hidden
}

// answer splits an answer likewise, and leaves out what is not kept of one.
func (g *guard) answer(a *Answer) (*Answer, *private) {
	clear, hidden := *a, &private{}
	kept := http.Header{}
	for _, name := range answerFields {
		if values := a.Header[name]; len(values) > 0 {
			kept[name] = values
		}
	}
	clear.Header, hidden.Header, _ = g.fields(kept)
	if len(a.Body) > AnswerLimit {
		clear.Body = nil
	}
	switch {
	case g.seals:
		hidden.Body, clear.Body = clear.Body, nil
		return &clear, hidden
	case len(clear.Body) == 0:
	case g.redact == nil || a.Header.Get("Content-Encoding") != "":
		clear.Body = nil // nobody can tell what is secret in it
	default:
		kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
		clear.Body = g.redact(kind, clear.Body)
	}
	return &clear, nil
}

// fields splits a header into what may be seen and what is secret, and names what is left out for good where there is no key. Where
// nothing is secret, clear is the header itself. A URL with secret parameters is masked; it is no credential.
func (g *guard) fields(h http.Header) (clear, hidden http.Header, names []string) {
	for name, values := range h {
		secret := g.isSecret(name)
		var masked []string
		if !secret && (name == "Referer" || name == "Location" || name == "Content-Location") {
			masked = g.addresses(values)
		}
		if !secret && masked == nil {
			continue
		}
		if clear == nil {
			clear, hidden = maps.Clone(h), http.Header{}
		}
		hidden[name] = values
		delete(clear, name)
		switch {
		case secret:
			names = append(names, name)
		case !g.seals:
			clear[name] = masked
		}
	}
	if clear == nil {
		return h, nil, nil
	}
	slices.Sort(names)
	return clear, hidden, names
}

// addresses masks the secret parameters of URLs; nil if there are none.
func (g *guard) addresses(values []string) []string {
	masked, found := make([]string, len(values)), false
	for i, v := range values {
		m, names := g.target(v)
		masked[i] = m
		found = found || len(names) > 0
	}
	if !found {
		return nil
	}
	return masked
}

// target replaces the values of secret parameters in a query, and names them.
func (g *guard) target(target string) (masked string, names []string) {
	path, query, ok := strings.Cut(target, "?")
	if !ok || query == "" {
		return target, nil
	}
	var b strings.Builder
	b.WriteString(path)
	b.WriteByte('?')
	for query != "" {
		pair, rest, separator := query, "", ""
		if i := strings.IndexAny(query, "&;#"); i >= 0 {
			pair, separator, rest = query[:i], query[i:i+1], query[i+1:]
		}
		name, value, _ := strings.Cut(pair, "=")
		if value != "" && g.secretQuery(name) {
			pair = name + "=" + g.instead()
			names = append(names, name)
		}
		b.WriteString(pair)
		b.WriteString(separator)
		query = rest
	}
	if len(names) == 0 {
		return target, nil
	}
	return b.String(), names
}
