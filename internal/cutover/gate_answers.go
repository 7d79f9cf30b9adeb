package cutover

import "fmt"

// What the gate calls a request is a unit of evidence: one request, however often it was repeated within a minute.

// uncounted says why there is no request to judge a route by.
func uncounted(r RouteFacts) string {
	if r.Samples == 0 {
		return "nothing was compared yet"
	}
	return fmt.Sprintf("%d answers were compared, and count as requests once their minute is over", r.Samples)
}

// responses judges whether new answers as old does, on every route and on all together.
func (g gate) responses() Criterion {
	var w finding
	judge := func(name string, r RouteFacts, tolerance float64, wait bool) {
		verdict := g.bound.Judge(r.Units, r.BadUnits, tolerance)
		switch {
		case verdict == Fail:
			w.add(Fail, "%s: new answered %d of %d requests differently or not at all, which proves more than the %s that is allowed", name, r.BadUnits, r.Units, percent(tolerance))
		case verdict == Inconclusive && wait && r.Units == 0:
			w.add(Inconclusive, "%s: %s", name, uncounted(r))
		case verdict == Inconclusive && wait && tolerance == 0:
			w.add(Inconclusive, "%s: %d of %d requests differ, and a tolerance of 0%% is proven by no number of requests: allow some", name, r.BadUnits, r.Units)
		case verdict == Inconclusive && wait:
			w.add(Inconclusive, "%s: new answered %d of %d requests differently or not at all, so up to %s of all may be; %s is allowed, and more requests decide it",
				name, r.BadUnits, r.Units, percent(g.bound.Upper(r.Units, r.BadUnits)), percent(tolerance))
		}
	}
	judge("all routes", g.f.Total, g.o.Tolerance, true)
	for _, r := range g.judged() {
		judge("route "+r.Route, r, r.Tolerance, waits(r))
	}
	t := g.f.Total
	observed := fmt.Sprintf("%d of %d requests bad, at most %s at %s confidence", t.BadUnits, t.Units, percent(g.bound.Upper(t.Units, t.BadUnits)), percent(g.o.Confidence))
	if g.f.Masked > 0 {
		observed += fmt.Sprintf("; values at %d places are masked as noise", g.f.Masked)
	}
	return w.criterion("responses", observed, fmt.Sprintf("at most %s mismatch or failed, on every route", percent(g.o.Tolerance)),
		"new answers as old does, on every route, within the tolerance")
}

// coverage judges whether enough was compared, and little left out.
func (g gate) coverage() Criterion {
	var w finding
	if need := max(g.o.MinSamples, 1); g.f.Total.Samples < need {
		w.add(Inconclusive, "all routes: %d of %d successful (2xx) answers were compared so far", g.f.Total.Samples, need)
	}
	for _, r := range g.judged() {
		if !waits(r) {
			continue
		}
		seen, unit := r.Samples, "successful (2xx) answers were compared so far"
		if r.Wildcard {
			seen, unit = min(r.Distinct, r.Samples), "different requests with a successful (2xx) answer were compared so far"
		}
		if need := max(g.o.MinSamplesPerRoute, 1); seen < need {
			w.add(Inconclusive, "route %s: %d of %d %s", r.Route, seen, need, unit)
		}
	}
	g.skippedShare(&w, "all routes", g.f.Total)
	for _, r := range g.judged() {
		g.skippedShare(&w, "route "+r.Route, r)
	}
	observed := fmt.Sprintf("%d compared with a 2xx, %s skipped", g.f.Total.Samples, percent(share(g.f.Total.Skipped, g.f.Total.Eligible)))
	return w.criterion("coverage", observed,
		fmt.Sprintf("%d compared in all and %d on every route, at most %s skipped", g.o.MinSamples, g.o.MinSamplesPerRoute, percent(g.o.MaxSkipped)),
		"every route was compared often enough, and little was skipped")
}

func (g gate) skippedShare(w *finding, name string, r RouteFacts) {
	if r.Skipped > 0 && share(r.Skipped, r.Eligible) > g.o.MaxSkipped {
		why := ""
		if len(w.sentences[Fail]) == 0 { // said once is enough
			why = " (`paritygate routes` shows why)"
		}
		w.add(Fail, "%s: %d of %d mirrored requests, %s, could not be compared; at most %s may be left out%s", name, r.Skipped, r.Eligible,
			percent(share(r.Skipped, r.Eligible)), percent(g.o.MaxSkipped), why)
	}
}

// share is a part of a whole, 0 to 1; all of nothing is 0, and a part of nothing all of it.
func share(part, whole int64) float64 {
	if whole <= 0 {
		return min(float64(max(part, 0)), 1)
	}
	return float64(part) / float64(whole)
}

// lagged judges whether new's data is close enough behind old's.
func (g gate) lagged() Criterion {
	var w finding
	judge := func(name string, r RouteFacts, wait bool) {
		verdict := g.bound.Judge(r.Units, r.LaggedUnits, g.o.MaxLagged)
		switch {
		case verdict == Fail:
			w.add(Fail, "%s: %d of %d requests agreed only when they were asked again, which proves more than the %s that is allowed: new's data is too far behind", name,
				r.LaggedUnits, r.Units, percent(g.o.MaxLagged))
		case verdict == Inconclusive && wait && r.Units == 0:
			w.add(Inconclusive, "%s: %s", name, uncounted(r))
		case verdict == Inconclusive && wait:
			w.add(Inconclusive, "%s: %d of %d requests agreed only when they were asked again, so up to %s of all may; %s is allowed, and more requests decide it", name,
				r.LaggedUnits, r.Units, percent(g.bound.Upper(r.Units, r.LaggedUnits)), percent(g.o.MaxLagged))
		}
	}
	judge("all routes", g.f.Total, true)
	for _, r := range g.judged() {
		judge("route "+r.Route, r, waits(r))
	}
	t := g.f.Total
	return w.criterion("lagged", fmt.Sprintf("%d of %d requests lagged", t.LaggedUnits, t.Units), "at most "+percent(g.o.MaxLagged)+" lagged, on every route",
		"new follows old closely")
}
