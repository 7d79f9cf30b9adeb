package admin

import "slices"

// routesData is the page of the routes, with what the rules hid on them.
type routesData struct {
	Routes []Route
	Rules  []RuleRow
	// Noise are the places at which old differs from itself.
	Noise []NoiseRow
	// Idle are the rules that hid nothing on any route, which is a reason to ask what they are for.
	Idle []RuleUse
}

func newRoutesData(routes []Route) routesData {
	return routesData{Routes: routes, Rules: HidingRules(routes), Noise: NoisyPlaces(routes), Idle: IdleRules(routes)}
}

// RuleRow is a rule that hid something on a route.
type RuleRow struct {
	RuleUse
	Route string
}

// HidingRules lists the rules that hid something, by route.
func HidingRules(routes []Route) []RuleRow {
	var rows []RuleRow
	for _, r := range routes {
		for _, use := range r.Rules {
			if use.Exchanges > 0 {
				rows = append(rows, RuleRow{use, r.Route})
			}
		}
	}
	return rows
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

// NoiseRow is a place of a route at which old differs from itself.
type NoiseRow struct {
	NoisePlace
	Route string
}

// Old counts the exchanges in which old's second answer differed from its first one.
func (n NoiseRow) Old() int64 { return n.OnlyOld + n.Both }

// New counts the exchanges with a second read in which new's answer differed from old's first one.
func (n NoiseRow) New() int64 { return n.OnlyNew + n.Both }

// NoisyPlaces lists the places at which old differs from itself, by route.
func NoisyPlaces(routes []Route) []NoiseRow {
	var rows []NoiseRow
	for _, r := range routes {
		for _, n := range r.Noise {
			if n.OldDiffers() {
				rows = append(rows, NoiseRow{n, r.Route})
			}
		}
	}
	return rows
}
