package proxy

import (
	"errors"
	"net/http"
	"time"

	"paritygate/compare"
)

// patience divides the time for which a client waits for one read between new and, if new fails, old. It waits no longer than for the
// slower of the two backends alone: new gets its own timeout, but leaves at least reserve of the whole to old.
type patience struct {
	whole, first, reserve time.Duration
}

// maxReserve is the most that new's timeout is cut by.
const maxReserve = 5 * time.Second

func newPatience(old, fresh time.Duration) patience {
	whole := max(old, fresh)
	reserve := min(old, whole/4, maxReserve)
	return patience{whole: whole, first: min(fresh, whole-reserve), reserve: reserve}
}

// rest is what old gets after so long; a client that took long to send its body does not take the reserve from itself.
func (t patience) rest(old, elapsed time.Duration) time.Duration {
	return min(old, max(t.whole-elapsed, t.reserve))
}

// failed reports whether another backend might do better.
func (c *call) failed() bool {
	if c.err != nil {
		return !clientsFault(c.err)
	}
	return c.resp.StatusCode >= 500 || c.in.grpc && callBroke(c.resp.Header, nil)
}

// discard ends a call whose answer nobody gets.
func (c *call) discard() {
	if c.resp == nil {
		return
	}
	c.cancel(nil)
	_ = c.resp.Body.Close()
	c.envelope.release()
	giveHeader(c.header)
}

// fallBack has old answer a read that new failed, and reports whether it did. New's failure counts all the same. It is only tried while
// the client has seen nothing and the request can be sent again in full. If old fails as well the client gets new's answer; if there is
// none, old's, such as it is. Behind says that new takes the writes, so that old's data may be old, which its answer then tells.
func (p *Proxy) fallBack(w http.ResponseWriter, r *http.Request, failed *call, in *inbound, x *exchange, behind bool) bool {
	if failed.body != nil {
		if _, whole := failed.body.whole(); !whole {
			return false
		}
	}
	c := &call{backend: p.backends[Old], route: failed.route, kind: Read, epoch: failed.epoch, body: failed.body, ctx: r.Context()}
	c.limit = p.patience.rest(c.backend.options.Timeout, time.Since(in.arrived))
	defer c.end()
	p.ask(w, c, &asking{role: Authority, in: in, route: failed.route, trailer: r.Trailer})
	if c.failed() && (c.err != nil || failed.err == nil) {
		if !errors.Is(c.err, errTimeout) || c.limit == c.backend.options.Timeout { // less than its own time proves nothing against it
			p.judge(c, in, c.err)
		}
		c.discard()
		if in.access != nil && failed.err == nil {
			in.access.record.Backend = failed.backend.id
		}
		return false
	}
	if c.err != nil {
		return false // the client has left
	}
	p.judge(failed, in, failed.err)
	p.metrics.fellBack(failed.route)
	if x != nil {
		status := 0
		if failed.resp != nil {
			status = failed.resp.StatusCode
		}
		x.New = Leg{Backend: New, Status: status, Duration: failed.took, Err: quiet(failed.err)}
		x.Old = Leg{Backend: Old, Status: c.resp.StatusCode, Duration: c.took}
		x.skip(compare.AuthorityError)
	}
	failed.discard()
	if behind {
		c.resp.Header.Set("Cache-Control", "no-store")
		c.resp.Header.Set(fallbackHeader, "old")
	}
	p.answerRead(w, c, in, nil, nil)
	return true
}
