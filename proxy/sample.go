package proxy

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"

	"github.com/zeebo/xxh3"
)

// sampler decides which reads are mirrored: by chance, or by the hash of a key, so that one user's requests are
// mirrored all or not at all. By its key the canary goes as well.
type sampler struct{ header, cookie string }

func parseKey(key string) (sampler, error) {
	if key == "" {
		return sampler{}, nil
	}
	kind, name, _ := strings.Cut(key, ":")
	switch {
	case name != "" && kind == "header":
		return sampler{header: http.CanonicalHeaderKey(name)}, nil
	case name != "" && kind == "cookie":
		return sampler{cookie: name}, nil
	}
	return sampler{}, fmt.Errorf("key %q: must be header:NAME or cookie:NAME", key)
}

// takes reports whether a request is within the fraction.
func (s sampler) takes(in *inbound, fraction float64) bool {
	if fraction <= 0 {
		return false
	}
	if fraction >= 1 {
		return true
	}
	if key := s.key(in); key != "" {
		return within(xxh3.HashString(key), fraction)
	}
	return rand.Float64() < fraction //nolint:gosec // sampling needs no secrecy
}

func (s sampler) key(in *inbound) string {
	switch {
	case s.header == "Host": // which net/http keeps apart
		return in.host
	case s.header != "":
		return in.header.Get(s.header)
	}
	if s.cookie == "" {
		return ""
	}
	for _, line := range in.header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			if value, ok := cookieIn(pair, s.cookie); ok {
				return value
			}
		}
	}
	return ""
}

// cookieIn returns the value of a pair `name=value`, if it is the cookie of that name.
func cookieIn(pair, name string) (string, bool) {
	n, value, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
	if !ok || strings.TrimRight(n, " \t") != name {
		return "", false
	}
	if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	return value, true
}
