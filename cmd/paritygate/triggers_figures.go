package main

import (
	"time"

	"paritygate/internal/cutover"
	"paritygate/proxy"
)

// The sources of figures.
const (
	newReads = iota
	newWrites
	oldReads
	oldWrites
	oldShadows
)

var sources = [...]struct {
	backend proxy.Backend
	role    proxy.Role
	write   bool
}{
	newReads: {proxy.New, proxy.Authority, false}, newWrites: {proxy.New, proxy.Authority, true},
	oldReads: {proxy.Old, proxy.Authority, false}, oldWrites: {proxy.Old, proxy.Authority, true},
	oldShadows: {proxy.Old, proxy.ShadowRole, false},
}

// requestKinds are the two kinds of request, with the sources of each.
var requestKinds = [...]struct {
	name       string
	fresh, old int
}{{"reads", newReads, oldReads}, {"writes", newWrites, oldWrites}}

// figures are what the triggers judge by: what each source did within each trigger's window, as it was last measured.
type figures struct {
	limits  triggerLimits
	windows [len(sources)]sourceWindows
	seen    [len(sources)]sourceSeen
	parity  rolling[paritySeen]
	before  [len(requestKinds)]*seenAnswers // old before the flip or, until then, lately; nil: not known

	different [len(requestKinds)]proxy.Different
}

// sourceWindows are the windows of one source.
type sourceWindows struct {
	errors, clients rolling[proxy.Answers]
	latency, recent rolling[proxy.Latencies]
}

// sourceSeen is what one source did.
type sourceSeen struct {
	errors, clients proxy.Answers
	latency, recent proxy.Latencies
}

func newFigures(l triggerLimits) figures {
	f := figures{limits: l, parity: rolling[paritySeen]{length: l.parity.Window}}
	for i := range f.windows {
		w := &f.windows[i]
		w.errors.length, w.clients.length, w.latency.length = l.errors.Window, l.clients.Window, l.latency.Window
		w.recent.length = l.latency.Lately()
	}
	return f
}

// begin forgets what new did, and what old did as its shadow. Old as the authority is the same in every epoch.
func (f *figures) begin(p *proxy.Proxy, now time.Time) {
	for _, i := range [...]int{newReads, newWrites, oldShadows} {
		answers, took := read(p, i)
		w := &f.windows[i]
		w.errors.begin(now, answers)
		w.clients.begin(now, answers)
		w.latency.begin(now, took)
		w.recent.begin(now, took)
	}
	f.parity.marks = nil
	f.before = [len(requestKinds)]*seenAnswers{}
}

func read(p *proxy.Proxy, source int) (proxy.Answers, proxy.Latencies) {
	s := sources[source]
	return p.Figures(s.backend, s.role, s.write)
}

// rest keeps up what is known of old while nobody is judged.
func (f *figures) rest(p *proxy.Proxy, now time.Time) {
	f.take(p, now, oldReads)
	f.take(p, now, oldWrites)
}

func (f *figures) take(p *proxy.Proxy, now time.Time, source int) {
	answers, took := read(p, source)
	w, seen := &f.windows[source], &f.seen[source]
	seen.errors, seen.clients = w.errors.within(now, answers), w.clients.within(now, answers)
	seen.latency, seen.recent = w.latency.within(now, took), w.recent.within(now, took)
}

// measure takes old first, since its figures say which of new's requests in flight are late.
func (f *figures) measure(p *proxy.Proxy, now time.Time, live bool) {
	f.rest(p, now)
	f.take(p, now, oldShadows)
	facts := f.latencies(p)
	p.Inspect(f.limits.latency.Slow(live, facts[0]), f.limits.latency.Slow(live, facts[1]))
	f.take(p, now, newReads)
	f.take(p, now, newWrites)
	f.take(p, now, oldShadows) // what was late of these is entered now
	l := f.limits
	for i, k := range requestKinds {
		f.different[i] = p.Different(sources[k.fresh].write, l.errors.Window, l.clients.Window, l.latency.Window)
	}
}

// outcomes is how requests ended: at new, all of them and by kind, and at old in both roles.
func (f *figures) outcomes(p *proxy.Proxy) (fresh, old cutover.Outcomes, kinds []cutover.Outcomes) {
	add := func(to *cutover.Outcomes, from ...int) {
		for _, i := range from {
			to.Succeeded += int64(f.seen[i].errors.Succeeded)
			to.Failed += int64(f.seen[i].errors.Failed)
		}
	}
	add(&old, oldReads, oldWrites, oldShadows)
	for i, k := range requestKinds {
		of := cutover.Outcomes{Kind: k.name, Distinct: f.different[i].Failures}
		add(&of, k.fresh)
		of.Row, of.RowDistinct = p.FailuresInARowOf(sources[k.fresh].write)
		kinds = append(kinds, of)
		fresh.Distinct += of.Distinct
	}
	add(&fresh, newReads, newWrites)
	fresh.Row, fresh.RowDistinct = p.FailuresInARow()
	return fresh, old, kinds
}

// answers is what is known of 4xx, by kind.
func (f *figures) answers() []cutover.AnswerFacts {
	of := func(a proxy.Answers) cutover.Answers {
		return cutover.Answers{Answered: int64(a.Answered), ClientErrors: int64(a.ClientErrors)}
	}
	var out []cutover.AnswerFacts
	for i, k := range requestKinds {
		facts := cutover.AnswerFacts{
			Kind: k.name, New: of(f.seen[k.fresh].clients), Distinct: f.different[i].ClientErrors, Now: of(f.seen[k.old].clients),
		}
		if k.old == oldReads {
			shadows := f.seen[oldShadows].clients
			facts.Paired, facts.Alike = int64(shadows.Paired), int64(shadows.Alike)
			if facts.Now.Answered < int64(f.limits.clients.Minimum.Requests) {
				facts.Now = of(shadows)
			}
		}
		if b := f.before[i]; b != nil {
			facts.Before = of(b.answers)
		}
		out = append(out, facts)
	}
	return out
}

// latencies is what is known of how long answers take, by kind.
func (f *figures) latencies(p *proxy.Proxy) []cutover.LatencyFacts {
	var out []cutover.LatencyFacts
	for i, k := range requestKinds {
		facts := cutover.LatencyFacts{
			Kind: k.name, New: &f.seen[k.fresh].latency, Distinct: f.different[i].Slow, Now: &f.seen[k.old].latency,
			Recent: &f.seen[k.fresh].recent, Hanging: p.Hanging(sources[k.fresh].write),
		}
		if k.old == oldReads && facts.Now.Timed() < int64(f.limits.latency.Minimum.Requests) {
			facts.Now = &f.seen[oldShadows].latency
		}
		if b := f.before[i]; b != nil {
			facts.Before = &b.took
		}
		out = append(out, facts)
	}
	return out
}
