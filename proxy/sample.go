package proxy

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"

	"github.com/zeebo/xxh3"
)

// sampler decides which reads are mirrored: by chance, or by the hash of a key, so that one user's requests are
// mirrored all or not at all.
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
	return sampler{}, fmt.Errorf("mirror key %q: must be header:NAME or cookie:NAME", key)
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
		return float64(xxh3.HashString(key)>>11)/(1<<53) < fraction
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
	if s.cookie != "" {
		if c, err := (&http.Request{Header: in.header}).Cookie(s.cookie); err == nil {
			return c.Value
		}
	}
	return ""
}
