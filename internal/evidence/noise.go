package evidence

import (
	"cmp"
	"slices"

	"paritygate/compare"
)

// NoiseFinding is what the second reads have proven of a place. Each proof is wrong with a chance of 1 % at most, however often it
// is looked at.
type NoiseFinding string

// The findings of a place.
const (
	NoiseOpen    NoiseFinding = "open"  // neither is proven
	NoiseProven  NoiseFinding = "noise" // the authority differs from itself about as often; a fifth of new's differences may be its own
	NoiseRefuted NoiseFinding = "real"  // new differs there oftener; this holds until the window begins anew
)

// NoisePlace is a place at which answers differed in exchanges in which the authority was asked twice, counted since the window
// began.
type NoisePlace struct {
	Route    string
	Location compare.Location
	Path     string // as GroupPath gives it, with * for indexes
	Kind     compare.Kind
	// Asked counts the exchanges of the route in which the authority was asked twice. OnlyNew are those in which only new differed
	// from the authority's first answer here, OnlyOld those in which only its second answer did, Both those in which both did.
	Asked, OnlyNew, OnlyOld, Both int64
	// Real is the probability that the difference is no noise; see RealProbability.
	Real    float64
	Finding NoiseFinding
	// Masked says that differences here are taken out of the results, because mirror.noise.auto is on; Hidden counts them.
	Masked bool
	Hidden int64
}

// Bounds of what is kept about noise.
const (
	maxNoisePlaces = 256 // of a route in a window
	maxNoisePath   = 512 // bytes
)

type placeKey struct {
	location compare.Location
	path     string
	kind     compare.Kind
}

func placeOf(d compare.Difference) placeKey {
	return placeKey{d.Location, compare.GroupPath(d.Path), d.Kind}
}

// maskable reports whether differences at the place may be masked: only those of values, and neither the status, gRPC's among them, nor
// a body as a whole, as nothing would be left to compare.
func (k placeKey) maskable() bool {
	if k.location == compare.InHeader && k.path == callStatus {
		return false
	}
	return k.kind == compare.KindValue && k.location != compare.InStatus && k.path != "" && k.path != "$"
}

// notedPlace is what is known of a place in one window.
type notedPlace struct {
	changed change
	counts  pairCounts
	hidden  int64
	finding NoiseFinding
	// since is what had been counted when the finding came about: what comes later may refute that it is noise.
	since  pairCounts
	masked bool

	real   float64 // of counts, if they are realOf; 0 if that was not worked out yet
	realOf pairCounts
	judged pairCounts // what finding comes of
}

// noiseBook is the noise of one route in one window.
type noiseBook struct {
	changed  change
	asked    int64
	overflow int64 // differences at places for which there was no room
	places   map[placeKey]*notedPlace
}

func newNoiseBook() *noiseBook { return &noiseBook{places: map[placeKey]*notedPlace{}} }

func (w *window) noiseOf(route string) *noiseBook {
	b := w.noise[route]
	if b == nil {
		b = newNoiseBook()
		w.noise[route] = b
	}
	return b
}

// place returns a place, or nil if there is no room for it.
func (b *noiseBook) place(k placeKey) *notedPlace {
	p := b.places[k]
	if p == nil {
		if len(b.places) >= maxNoisePlaces || len(k.path) > maxNoisePath {
			b.overflow++
			b.changed.mark()
			return nil
		}
		p = &notedPlace{finding: NoiseOpen}
		b.places[k] = p
	}
	return p
}

// noteNoise enters what an exchange says about noise.
func (w *window) noteNoise(x *Exchange, places []noted) {
	if x.Pair == nil && len(x.Masked) == 0 {
		return
	}
	b := w.noiseOf(x.Route)
	if x.Pair != nil {
		b.asked++
		b.changed.mark()
	}
	for _, n := range places {
		if p := b.place(n.key); p != nil {
			p.counts.onlyNew += n.counts.onlyNew
			p.counts.onlyOld += n.counts.onlyOld
			p.counts.both += n.counts.both
			p.changed.mark()
		}
	}
	for _, d := range x.Masked {
		if p := b.place(placeOf(d)); p != nil {
			p.hidden++
			p.changed.mark()
		}
	}
}

// settle looks at what was counted, and reports whether differences at the place should be masked.
func (p *notedPlace) settle(k placeKey, auto bool) (mask bool) {
	if p.judged != p.counts {
		p.judged = p.counts
		if finding := p.find(); finding != p.finding {
			p.finding, p.since = finding, p.counts
			p.changed.mark()
		}
	}
	return auto && p.finding == NoiseProven && k.maskable()
}

// find says what the counts prove, if that is more than was known.
func (p *notedPlace) find() NoiseFinding {
	switch p.finding {
	case NoiseOpen:
		if p.counts.provesReal() {
			return NoiseRefuted
		}
		if p.counts.provesNoise() {
			return NoiseProven
		}
	case NoiseProven:
		if p.counts.minus(p.since).provesReal() {
			return NoiseRefuted
		}
	case NoiseRefuted:
	}
	return p.finding
}

// probability is RealProbability of the counts. It is worked out again only when they have changed: whoever asks holds up Finish.
func (p *notedPlace) probability() float64 {
	if p.real == 0 || p.realOf != p.counts {
		p.real, p.realOf = RealProbability(p.counts.onlyNew, p.counts.onlyOld), p.counts
	}
	return p.real
}

// carried is what the next window begins with: what was proven to be noise is not forgotten, or it would count against parity until
// it is proven again. All counts begin anew.
func carried(noise map[string]*noiseBook) map[string]*noiseBook {
	next := map[string]*noiseBook{}
	for route, b := range noise {
		for k, p := range b.places {
			if p.finding != NoiseProven {
				continue
			}
			if next[route] == nil {
				next[route] = newNoiseBook()
			}
			kept := &notedPlace{finding: NoiseProven, masked: p.masked}
			kept.changed.mark()
			next[route].places[k] = kept
		}
	}
	return next
}

// SettleNoise decides by what was counted in the current window which places are noise. It returns those that are to be masked and are
// not, and those that are masked and are not to be, Masked being as it is to become: MaskNoise brings that about. Masked are all that
// can be if auto is mirror.noise.auto's true, else none.
func (s *Store) SettleNoise(auto bool) []NoisePlace {
	l := &s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	var turns []NoisePlace
	for route, b := range l.current().noise {
		for k, p := range b.places {
			if mask := p.settle(k, auto); mask != p.masked {
				place := b.show(route, k, p)
				place.Masked = mask
				turns = append(turns, place)
			}
		}
	}
	slices.SortFunc(turns, compareNoise)
	return turns
}

// MaskNoise notes that a place is masked from now on, or is not, as place.Masked says.
func (s *Store) MaskNoise(place NoisePlace) {
	l := &s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.current().noise[place.Route]
	if b == nil {
		return // the window began anew meanwhile: SettleNoise returns the place again if it must
	}
	if p := b.places[placeKey{place.Location, place.Path, place.Kind}]; p != nil {
		p.masked = place.Masked
		p.changed.mark()
	}
}

// Noise returns the places of a route at which answers differed in exchanges with a second read, those that are most likely real
// first; of all routes if route is empty.
func (s *Store) Noise(route string) []NoisePlace {
	l := &s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	var places []NoisePlace
	for name, b := range l.current().noise {
		if route != "" && name != route {
			continue
		}
		for k, p := range b.places {
			places = append(places, b.show(name, k, p))
		}
	}
	slices.SortFunc(places, compareNoise)
	return places
}

// NoiseUncounted counts the differences of the current window, found in exchanges with a second read, at places for which there was no
// room: no more than 256 are kept of a route.
func (s *Store) NoiseUncounted() int64 {
	l := &s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	var n int64
	for _, b := range l.current().noise {
		n += b.overflow
	}
	return n
}

func (b *noiseBook) show(route string, k placeKey, p *notedPlace) NoisePlace {
	return NoisePlace{
		Route: route, Location: k.location, Path: k.path, Kind: k.kind,
		Asked: b.asked, OnlyNew: p.counts.onlyNew, OnlyOld: p.counts.onlyOld, Both: p.counts.both,
		Real: p.probability(), Finding: p.finding, Masked: p.masked, Hidden: p.hidden,
	}
}

func compareNoise(a, b NoisePlace) int {
	return cmp.Or(cmp.Compare(b.Real, a.Real), cmp.Compare(b.OnlyNew+b.Both, a.OnlyNew+a.Both), cmp.Compare(a.Route, b.Route),
		cmp.Compare(a.Location, b.Location), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind))
}
