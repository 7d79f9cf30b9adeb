package main

import (
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
)

// printSoak says for how long new is green, and what is missing until `complete`.
func printSoak(p *printer, s admin.Soak) {
	p.linef("soak: %s, %s of %s green", s.Verdict, seconds(s.Seconds), seconds(s.RequiredSeconds))
	for _, c := range s.Criteria {
		if c.Verdict != cutover.Pass {
			p.linef("  %s: %s", c.Name, c.Reason)
		}
	}
	for _, u := range s.Unmeasured {
		p.linef("  %s", u)
	}
}

func seconds(s float64) string { return cutover.Spell(time.Duration(s * float64(time.Second))) }

// reportName tells the gate's report from that of the soak.
func reportName(report cutover.Report) string {
	if len(report.Criteria) > 0 && report.Criteria[0].Name == "soak" {
		return "soak"
	}
	return "gate"
}
