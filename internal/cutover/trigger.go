package cutover

import (
	"fmt"
	"math"
)

// TriggerName is the name of a trigger, as it stands in the configuration and in the actor `trigger:NAME` of a rollback.
type TriggerName string

// The triggers.
const (
	ErrorRate    TriggerName = "error_rate"
	ClientErrors TriggerName = "client_errors"
	Latency      TriggerName = "latency"
	Parity       TriggerName = "parity"
	Checks       TriggerName = "checks"
)

// Triggers lists them in the configuration's order.
var Triggers = []TriggerName{ErrorRate, ClientErrors, Latency, Parity, Checks}

// TriggerState is what a trigger has to say.
type TriggerState string

// The states of a trigger.
const (
	Rests  TriggerState = "rests"   // new answers nobody, old stands still, or nothing is configured
	Armed  TriggerState = "armed"   // it would roll back
	Manual TriggerState = "manual"  // it would alert, and an operator decide
	NoData TriggerState = "no_data" // there is too little to judge by
	Firing TriggerState = "firing"  // its condition holds
)

// Arming says what the triggers may do under a plan: nothing where new answers no client or the run is complete, and no more than
// alert in Live if an operator is to decide there.
func (p Plan) Arming(manual bool) TriggerState {
	switch {
	case p.Phase == Complete || p.Reads != New && p.Canary == 0:
		return Rests
	case manual && p.Phase == Live:
		return Manual
	}
	return Armed
}

// TriggerFinding is what one trigger found at one moment.
type TriggerFinding struct {
	// State is Armed where its condition does not hold, or Firing, NoData or Rests.
	State TriggerState
	// Alike says, with Firing, that old does no better, so that going back would not help.
	Alike bool
	// Past says, with Firing, that it still shows in the window, but is over.
	Past bool
	// Missing says, with NoData, that somebody should know of it.
	Missing bool
	// Observed and Limit are figures for people, Reason is a sentence with both.
	Observed, Limit, Reason string
}

// Minimum is what there must be before new's answers are judged: error_rate's, for client_errors and latency as well, so that a few
// requests decide nothing.
type Minimum struct {
	// Requests must have been answered, and Failures of them be what the trigger looks for.
	Requests, Failures int
	// Distinct is how many different requests must be among the failures, so that one poisoned URL does not strand the writes.
	Distinct int
}

// alikeAtLeast is how many failures of old there must be before both backends are said to fail alike: it then fails at least half as
// often as new. An old that stumbles now and then is better than a new that is gone.
const alikeAtLeast = 3

func alike(failures, requests int64, rate float64) bool {
	return failures >= alikeAtLeast && float64(failures) >= rate/2*float64(requests)
}

// beyondChance reports whether so many of n are more than what old's share of them, k of m, makes of itself now and then: a trigger looks
// a hundred thousand times in a soak of two weeks, and what is rare in one window happens in some.
func beyondChance(many, n, k, m int64) bool {
	usual := float64(n) * share(k, m)
	return float64(many) >= usual+5*math.Sqrt(usual)+3
}

// noData is the finding that there were no requests at all.
func noData(format string, args ...any) TriggerFinding {
	return TriggerFinding{State: NoData, Missing: true, Reason: fmt.Sprintf(format, args...)}
}

// worst is the finding for both kinds of request: of one that fires, else of one that lacks data, else of the first.
func worst(findings []TriggerFinding) TriggerFinding {
	rank := func(f TriggerFinding) int {
		switch {
		case f.State == Firing && !f.Alike:
			return 4
		case f.State == Firing:
			return 3
		case f.State == NoData && f.Missing:
			return 2
		case f.State == NoData:
			return 1
		}
		return 0
	}
	out := findings[0]
	for _, f := range findings[1:] {
		if rank(f) > rank(out) {
			out = f
		}
	}
	return out
}
