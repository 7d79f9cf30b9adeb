package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"paritygate/compare"
	"paritygate/config"
	"paritygate/internal/admin"
	"paritygate/internal/evidence"
)

// maxExamples is how many samples of a group the proposed rules are made from: the first ones, which stay.
const maxExamples = 4

// explanations keeps what was proposed for the groups, since the console asks every few seconds and each proposal is tried on the
// answers.
type explanations struct {
	mu   sync.Mutex
	kept map[explained][]admin.Proposal
}

// explained is all that decides about the proposals for a group.
type explained struct {
	signature, noise string
	config           *config.Config // the one that was loaded: a reload makes another
	window, samples  int64
}

// maxExplained bounds what is kept; past it all is made anew.
const maxExplained = 2000

func (e *explanations) get(key explained) ([]admin.Proposal, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, ok := e.kept[key]
	return p, ok
}

func (e *explanations) put(key explained, p []admin.Proposal) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.kept == nil || len(e.kept) >= maxExplained {
		e.kept = map[explained][]admin.Proposal{}
	}
	e.kept[key] = p
}

// Explain says how likely a group is real, and proposes rules for it.
func (s *service) Explain(ctx context.Context, g evidence.Group) (admin.Explanation, error) {
	out := admin.Explanation{SecondReads: g.Asked}
	if g.Verdict != compare.Mismatch {
		out.Real = &g.Real
		return out, nil // a failure is no noise, and no rule is about it
	}
	noisy := noiseOf(s.store.Noise(g.Route))
	if g.Asked > 0 {
		out.Real = &g.Real
		out.Noise = !slices.ContainsFunc(g.Differences, func(d compare.Difference) bool { return !noisy(d) })
	}
	c := s.current.Load()
	window, _ := s.store.Window()
	key := explained{signature: g.Signature, config: c.config, window: window, samples: min(g.Count, maxExamples)}
	for _, d := range g.Differences {
		key.noise += fmt.Sprint(noisy(d))
	}
	var ok bool
	if out.Proposals, ok = s.explanations.get(key); ok {
		return out, nil
	}
	samples, err := s.store.Examples(ctx, g.Signature, maxExamples)
	if err != nil {
		return out, err
	}
	out.Proposals = proposals(c.config, g.Route, samples, noisy)
	s.explanations.put(key, out.Proposals)
	return out, nil
}

// noiseOf tells of a place whether the authority is proven to differ from itself there.
func noiseOf(places []evidence.NoisePlace) func(compare.Difference) bool {
	return func(d compare.Difference) bool {
		path := compare.GroupPath(d.Path)
		return slices.ContainsFunc(places, func(p evidence.NoisePlace) bool {
			return p.Finding == evidence.NoiseProven && p.Location == d.Location && p.Path == path && p.Kind == d.Kind
		})
	}
}

// proposals are the rules that would express what the samples of a group show, with where each would stand.
func proposals(c *config.Config, route string, samples []evidence.Sample, noisy func(compare.Difference) bool) []admin.Proposal {
	options := compare.Options{MaxDecoded: max(minDecoded, c.Compare.MaxBody)}
	where := "compare.rules"
	for i, r := range c.Routes {
		if r.Name == route {
			where = fmt.Sprintf("routes[%d].compare.rules", i)
			for _, own := range r.Compare.Rules {
				options.Rules = append(options.Rules, rule(own))
			}
		}
	}
	for _, global := range c.Compare.Rules {
		options.Rules = append(options.Rules, rule(global))
	}
	seen := make([]compare.Seen, len(samples))
	for i := range samples {
		seen[i] = compare.Seen{Differences: samples[i].Differences, Old: wholeAnswer(&samples[i].Old), New: wholeAnswer(&samples[i].New)}
	}
	var out []admin.Proposal
	for _, p := range compare.Suggest(options, seen, noisy) {
		view := admin.Proposal{Reason: p.Reason}
		for _, d := range p.Places {
			view.Places = append(view.Places, admin.Place{Location: d.Location, Path: d.Path, Kind: d.Kind})
		}
		if p.Rule != nil {
			view.Rule, view.Where = p.Rule.String(), where
		}
		out = append(out, view)
	}
	return out
}

// wholeAnswer is a kept answer as it can be compared again; nil if not all of its body was kept. What is kept is decoded.
func wholeAnswer(l *evidence.Leg) *compare.Answer {
	if l.Error != "" || !l.Whole() {
		return nil
	}
	header := make(map[string][]string, len(l.Header))
	for name, values := range l.Header {
		if name != "Content-Encoding" {
			header[name] = values
		}
	}
	return &compare.Answer{Status: l.Status, Header: header, Body: l.Body, Size: int64(len(l.Body))}
}
