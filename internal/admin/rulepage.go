package admin

import "slices"

// routesData is the page of the routes, with what the rules hid on them.
type routesData struct {
	Routes []Route
	Rules  []ruleRow
	// Noise are the places at which old differs from itself.
	Noise []noiseRow
	// Idle are the rules that hid nothing on any route, which is a reason to ask what they are for.
	Idle []RuleUse
}

// ruleRow is a rule that hid something on a route.
type ruleRow struct {
	RuleUse
	Route string
}

// noiseRow is a place of a route at which old differs from itself.
type noiseRow struct {
	NoisePlace
	Route string
}

// Old and New count the exchanges in which either differed from old's first answer.
func (n noiseRow) Old() int64 { return n.OnlyOld + n.Both }
func (n noiseRow) New() int64 { return n.OnlyNew + n.Both }

func newRoutesData(routes []Route) routesData {
	d := routesData{Routes: routes}
	for _, r := range routes {
		for _, use := range r.Rules {
			if use.Exchanges > 0 {
				d.Rules = append(d.Rules, ruleRow{use, r.Route})
			}
		}
		for _, n := range r.Noise {
			if n.OldDiffers() {
				d.Noise = append(d.Noise, noiseRow{n, r.Route})
			}
		}
	}
	d.Idle = IdleRules(routes)
	return d
}

// IdleRules lists the rules that hid nothing, although something was compared on a route where they hold.
func IdleRules(routes []Route) []RuleUse {
	var idle []RuleUse
	same := func(a RuleUse) func(RuleUse) bool {
		return func(b RuleUse) bool { return a.Rule == b.Rule && a.Place == b.Place }
	}
	for _, r := range routes {
		for _, use := range r.Rules {
			if use.Exchanges == 0 && r.Compared() > 0 && !slices.ContainsFunc(idle, same(use)) {
				idle = append(idle, use)
			}
		}
	}
	return slices.DeleteFunc(idle, func(a RuleUse) bool {
		return slices.ContainsFunc(routes, func(r Route) bool {
			return slices.ContainsFunc(r.Rules, func(b RuleUse) bool { return b.Exchanges > 0 && same(a)(b) })
		})
	})
}
