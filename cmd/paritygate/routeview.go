package main

import (
	"paritygate/config"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/proxy"
)

// routeViews is what the API says of routes.
func routeViews(c *compiled, stats []evidence.RouteStats, noise []evidence.NoisePlace) []admin.Route {
	bound := cutover.Bound{Confidence: c.config.Gate.Confidence}
	kinds, inCanary := map[string]string{}, map[string]bool{}
	for _, r := range routesOf(c) {
		kinds[r.name], inCanary[r.name] = r.kind.String(), r.kind == proxy.Read && !r.withheld
	}
	out := make([]admin.Route, 0, len(stats))
	for i := range stats {
		r := &stats[i]
		route := admin.Route{
			Route: r.Route, Kind: kinds[r.Route], Canary: inCanary[r.Route], Eligible: r.Eligible(), Verdicts: r.Verdicts, Skipped: r.Skipped,
			MismatchRate: mismatchRate(r), UpperBound: bound.Upper(r.Units, r.BadUnits), Latency: admin.Latency{Old: r.Old, New: r.New},
		}
		if route.Kind == config.Read {
			route.Rules = ruleUses(rulesOf(c.config, r.Route), r)
			route.Noise = noiseViews(noise, r.Route)
		}
		out = append(out, route)
	}
	return out
}

func noiseViews(places []evidence.NoisePlace, route string) []admin.NoisePlace {
	var out []admin.NoisePlace
	for _, n := range places {
		if n.Route == route {
			out = append(out, admin.NoisePlace{
				Place: admin.Place{Location: n.Location, Path: n.Path, Kind: n.Kind},
				Asked: n.Asked, OnlyNew: n.OnlyNew, OnlyOld: n.OnlyOld, Both: n.Both, Real: n.Real,
				Finding: n.Finding, Masked: n.Masked, Hidden: n.Hidden,
			})
		}
	}
	return out
}
