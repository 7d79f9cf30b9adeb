package proxy

import (
	"paritygate/compare"
)

// Place is a place in the answers of one route.
type Place struct {
	Route    string
	Location compare.Location
	Path     string // as compare.GroupPath gives it
}

// Mask is the places whose values are not compared because they are noise. It is not changed once the proxy has it.
type Mask map[Place]struct{}

// SetMask replaces the mask for all comparisons that begin from now on: at masked places, differences of kind `value` are taken out of
// the results. Type and presence still count.
func (p *Proxy) SetMask(m Mask) {
	if len(m) == 0 {
		p.mask.Store(nil)
		return
	}
	p.mask.Store(&m)
}

// Masked counts the places that are masked.
func (p *Proxy) Masked() int {
	if m := p.mask.Load(); m != nil {
		return len(*m)
	}
	return 0
}

// masked takes the differences at masked places out of a result, and returns them. A result that does not hold all differences stays
// as it is: what is missing in it may be real.
func (p *Proxy) masked(route string, r compare.Result) (compare.Result, []compare.Difference) {
	m := p.mask.Load()
	if m == nil || r.Verdict != compare.Mismatch || r.Dropped > 0 {
		return r, nil
	}
	var kept, out []compare.Difference
	for _, d := range r.Differences {
		if _, ok := (*m)[Place{route, d.Location, compare.GroupPath(d.Path)}]; ok && d.Kind == compare.KindValue {
			out = append(out, d)
		} else {
			kept = append(kept, d)
		}
	}
	if len(out) == 0 {
		return r, nil
	}
	switch r.Differences = kept; {
	case len(kept) > 0:
	case r.Unfinished != "":
		r.Verdict, r.Reason = compare.Skipped, r.Unfinished // the rest was not looked at
	default:
		r.Verdict = compare.Tolerated
	}
	return r, out
}
