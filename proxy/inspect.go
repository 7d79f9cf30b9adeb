package proxy

import "github.com/sony/gobreaker/v2"

// Check says what is wrong with the route: its pattern, or the path by which new is asked.
func (r Route) Check() error {
	_, err := compileRoute(r, nil)
	return err
}

// BreakerOpen reports whether the backend is kept from being asked in the role.
func (p *Proxy) BreakerOpen(b Backend, role Role) bool {
	return p.breakers[b][role].state() == gobreaker.StateOpen
}
