package proxy

import "github.com/sony/gobreaker/v2"

// Check says what is wrong with the route: its pattern, or the path by which new is asked.
func (r Route) Check() error {
	_, err := compileRoute(r, Table{})
	return err
}

// BreakerClosed reports whether the backend may be asked freely in the role. A breaker that lets one request through now and
// then, to see whether the backend is well again, is not closed.
func (p *Proxy) BreakerClosed(b Backend, role Role) bool {
	return p.breakers[b][role].state() == gobreaker.StateClosed
}
