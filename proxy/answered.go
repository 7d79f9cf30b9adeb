package proxy

// Answered counts the requests of clients that the backend has answered as the authority since the process began, errors included.
func (p *Proxy) Answered(b Backend) int64 {
	p.metrics.mu.Lock()
	defer p.metrics.mu.Unlock()
	var all sum
	for _, r := range p.metrics.routes {
		r.answers[b][Authority].addTo(&all)
	}
	n := uint64(0)
	for _, of := range all.classes {
		n += of
	}
	return int64(n) // #nosec G115 -- a count of requests
}
