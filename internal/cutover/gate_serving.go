package cutover

import (
	"fmt"
	"math"
	"time"
)

// errors judges how often new fails.
func (g gate) errors() Criterion {
	var w finding
	t := g.f.Total
	rate := share(t.NewErrors, t.NewAsked)
	switch {
	case t.NewAsked < max(g.o.MinSamples, 1) && rate <= g.o.ErrorRate:
		w.add(Inconclusive, "new was asked %d of the %d times that are needed to judge it", t.NewAsked, max(g.o.MinSamples, 1))
	case rate > g.o.ErrorRate:
		w.add(Fail, "new failed %d of %d requests, %s, with a 5xx or no usable answer; %s is allowed", t.NewErrors, t.NewAsked, percent(rate), percent(g.o.ErrorRate))
	}
	return w.criterion("errors", percent(rate)+" of "+fmt.Sprint(t.NewAsked), "at most "+percent(g.o.ErrorRate), "new answers reliably")
}

// minLatencies is how many answers of both backends a route's quantile must rest on before it is judged.
const minLatencies = 100

// latency judges whether new is as fast as it must be.
func (g gate) latency() Criterion {
	var w finding
	judge := func(name string, r RouteFacts) {
		limit := max(r.OldLatency*g.o.Latency.Ratio, g.o.Latency.Floor.Seconds())
		switch {
		case !measured(r.OldLatency) || !measured(r.NewLatency):
			w.add(Inconclusive, "%s: the latencies could not be measured", name)
		case r.NewLatency > limit:
			w.add(Fail, "%s: %s of new's answers come within %s, of old's within %s; %s is allowed", name, percent(g.o.Latency.Quantile),
				seconds(r.NewLatency), seconds(r.OldLatency), seconds(limit))
		}
	}
	t := g.f.Total
	if min(t.OldLatencies, t.NewLatencies) < minLatencies {
		w.add(Inconclusive, "all routes: latency was measured on %d requests, %d are needed", min(t.OldLatencies, t.NewLatencies), minLatencies)
	} else {
		judge("all routes", t)
	}
	for _, r := range g.judged() {
		if min(r.OldLatencies, r.NewLatencies) >= minLatencies {
			judge("route "+r.Route, r)
		}
	}
	q := percent(g.o.Latency.Quantile)
	within := func(side string, latency float64, answers int64) string {
		if answers == 0 {
			return "none of " + side + " measured"
		}
		if !measured(latency) {
			return side + " not measured"
		}
		return fmt.Sprintf("%s of %s within %s", q, side, seconds(latency))
	}
	observed := within("old's answers", t.OldLatency, t.OldLatencies) + ", " + within("new's", t.NewLatency, t.NewLatencies)
	return w.criterion("latency", observed,
		fmt.Sprintf("new at most %.4g times old, or %s", g.o.Latency.Ratio, g.o.Latency.Floor), "new is as fast as it must be")
}

// measured reports whether a latency, in seconds, is one.
func measured(s float64) bool { return s >= 0 && !math.IsInf(s, 1) }

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(10 * time.Microsecond).String()
}
