package proxy

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/zeebo/xxh3"
)

// CanaryOptions say whose reads new answers, where the plan gives it a fraction of them.
type CanaryOptions struct {
	// Key is `header:NAME` or `cookie:NAME`: all requests with one value of it go to one backend. Requests that lack it, and all if it
	// is empty, go by the client's address.
	Key string
	// AfterWrite is for how long a key that wrote reads from old, counted from the end of the write's answer; 0 switches that off.
	AfterWrite time.Duration
	// Withheld keeps the reads that no declared route matches out of the canary.
	Withheld bool
}

// canarySeed makes the canary's choice of keys independent of the mirror's. It never changes: who was in stays in, over restarts too.
const canarySeed = 0x63616e617279

// assigned returns the plan by which one read goes: where the canary takes it, new answers and the backend that would have is its shadow.
func (p *Proxy) assigned(in *inbound, rt *route, t *table, plan Plan) Plan {
	if plan.Canary <= 0 || plan.Reads != Old || rt.Withheld {
		return plan
	}
	key := t.canaryKey(in)
	if !within(key, plan.Canary) || p.recent.wrote(key, t.Canary.AfterWrite) {
		return plan
	}
	plan.Reads = New
	if plan.Shadow != None {
		plan.Shadow = Old
	}
	return plan
}

// within reports whether a hash is in the fraction. A hash that is in a fraction is in every larger one; none is in 0, all are in 1.
func within(hash uint64, fraction float64) bool {
	return float64(hash>>11)/(1<<53) < fraction
}

// canaryKey is the hash of what stays with one backend.
func (t *table) canaryKey(in *inbound) uint64 {
	if key := t.canaryBy.key(in); key != "" {
		return xxh3.HashStringSeed(key, canarySeed)
	}
	return hashAddress(in.client(t.TrustedProxies))
}

// hashAddress hashes the address of a client: of IPv6 the first half, since one host has many addresses that begin alike, and
// changes them.
func hashAddress(addr netip.Addr) uint64 {
	if addr.Is6() {
		if net, err := addr.Prefix(64); err == nil {
			addr = net.Addr()
		}
	}
	bytes := addr.As16()
	return xxh3.HashSeed(bytes[:], canarySeed)
}

// client returns the address of the client: the peer's or, if that is a trusted proxy, the last one in X-Forwarded-For that is none.
// What cannot be read there ends the search, for anybody may have written what stands before it.
func (in *inbound) client(trusted []netip.Prefix) netip.Addr {
	addr, _ := netip.ParseAddr(in.remote)
	addr = addr.Unmap()
	if !in.trusted {
		return addr
	}
	lines := in.header["X-Forwarded-For"]
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			var hop string
			if at := strings.LastIndexByte(rest, ','); at >= 0 {
				rest, hop = rest[:at], rest[at+1:]
			} else {
				hop, more = rest, false
			}
			next, ok := parseHop(strings.TrimSpace(hop))
			if !ok {
				return addr
			}
			if addr = next; !inAny(trusted, addr) {
				return addr
			}
		}
	}
	return addr
}

// parseHop reads an address as proxies write it, some of them with a port.
func parseHop(s string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Unmap(), true
	}
	if with, err := netip.ParseAddrPort(s); err == nil {
		return with.Addr().Unmap(), true
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	return addr.Unmap(), err == nil
}

// writing is a write under way, from its arrival to the end of its answer: meanwhile, and for a while after, its key reads from old.
type writing struct {
	p     *Proxy
	table *table
	slots [2]slot
}

// noteWrite marks the key of a write, or of a request that may be one. Until Cutover.Live and after a rollback it is old that takes
// the writes; they are noted in every phase, since a canary may begin the moment after.
func (p *Proxy) noteWrite(in *inbound, t *table) writing {
	w := writing{p: p, table: t}
	if t.Canary.AfterWrite > 0 {
		w.slots[0] = p.recent.begin(t.canaryKey(in), t.Canary.AfterWrite)
	}
	return w
}

// answered marks the key that the answer gives the client, before the client has it: a login is written without the cookie by which
// the reads after it go.
func (w *writing) answered(h http.Header) {
	name := w.table.canaryBy.cookie
	if name == "" || w.table.Canary.AfterWrite <= 0 {
		return
	}
	for _, line := range h["Set-Cookie"] {
		pair, _, _ := strings.Cut(line, ";")
		if value, ok := cookieIn(pair, name); ok && value != "" && !w.slots[1].taken() {
			w.slots[1] = w.p.recent.begin(xxh3.HashStringSeed(value, canarySeed), w.table.Canary.AfterWrite)
		}
	}
}

// end is deferred: from now on the time runs.
func (w *writing) end() {
	for i := range w.slots {
		w.p.recent.end(w.slots[i])
	}
	if w.slots[0].taken() && w.p.table.Load().canaryBy != w.table.canaryBy {
		w.p.recent.all() // its key is now another, and not known
	}
}
