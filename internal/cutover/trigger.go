package cutover

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
