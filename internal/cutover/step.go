package cutover

import (
	"errors"
	"fmt"
	"time"
)

// stage is where the machine is within a phase.
type stage uint8

const (
	steady     stage = iota
	recording        // a change is being stored, and takes effect then; if the store fails, it is read back first
	intending        // flip: the intent is being stored
	draining         // flip: writes are held, those in flight run out
	checking         // flip: the strict checks run
	committing       // flip: live is being stored
	uncertain        // flip: whether live was stored is unknown; writes are refused until it was read back
	aborting         // flip: writes are at old again, the abort is being stored
	retreating       // rollback: reads are at old, writes held until new's have run out
)

var stageNames = [...]string{"steady", "recording", "intending", "draining", "checking", "committing", "uncertain", "aborting", "retreating"}

// String returns the stage's name.
func (s stage) String() string { return stageNames[s] }

// eventKind says what happened.
type eventKind uint8

const (
	command    eventKind = iota // an operator or cmd asks for a change
	tripped                     // a trigger fired
	stored                      // a store effect ended
	drained                     // a drain effect ended
	checked                     // a check effect ended
	readBack                    // a read-back effect ended
	marked                      // a mark effect ended
	retryTimer                  // what the store did not take or answer is tried again
	stopping                    // the process is asked to stop
)

// event is one input of step.
type event struct {
	kind  eventKind
	epoch uint64 // of the effect that reports; 0 for commands
	now   time.Time

	command Command
	waiter  waiter // who waits for the command's outcome

	err   error // of an effect
	left  int   // drained: writes still in flight
	found State // readBack: what the store holds
}

// waiter identifies the caller of a command; 0 is nobody.
type waiter uint64

// effectKind says what is to be done.
type effectKind uint8

const (
	publish       effectKind = iota // make the plan the one in force: at once, never fails
	store                           // store state and transition; reports stored
	mark                            // leave the durable marker of a rollback; reports marked
	unmark                          // remove it
	drain                           // wait for the writes at a side; reports drained
	closeStreams                    // end the streams that a side gives
	abandon                         // cancel what is still in flight at a side
	strict                          // run the strict checks; reports checked
	release                         // let the held writes go
	resetTriggers                   // forget what the triggers have seen
	readState                       // read the stored state; reports readBack
	retryLater                      // report retryTimer after a while
	reply                           // answer a waiter
	progress                        // tell a flip's caller which step was taken
)

// effect is one output of step. It carries the epoch in which it was decided.
type effect struct {
	kind       effectKind
	epoch      uint64
	plan       Plan
	state      State
	expect     uint64 // store: the epoch that must stand in the store
	overtake   bool   // store: a rollback, which goes on top of any earlier epoch
	transition Transition
	side       Side
	timeout    time.Duration
	waiter     waiter
	err        error
	step       string
}

// Transition is a line for the audit log.
type Transition struct {
	Time     time.Time
	Actor    string
	Kind     string // what was asked for: cutover, commit, abort, rollback, trigger, resume, restart, mirror
	From, To Phase
	Epoch    uint64
	Reason   string
	Evidence any // what it was based on, such as the gate's report
}

// model is all that step knows. saved is what the store is known to hold.
type model struct {
	state State
	stage stage
	saved uint64 // epoch that stands in the store
	// unsaved is set while the store has not taken the rollback.
	unsaved *Transition

	fallback             Fallback
	holdMax, drainMax    time.Duration // of the flip
	rollbackDrain        time.Duration
	hasStrict            bool
	next                 State // what is being stored
	waiting              waiter
	flipStarted          time.Time
	flip                 Command
	retreated, announced bool // retreating: new's writes have run out; the rollback was stored, or marked, or can be neither
	refusing             bool // uncertain: the store did not answer the first reading either
	// lost is why it is unknown whether the store took the change that is being recorded or intended; nil if it is known.
	lost    error
	marked  bool // the marker stands for the rollback that is unsaved
	closing bool // the process is about to end: no flip begins
}

// Errors that a command may end in. The text says what to do.
var (
	ErrPhase = errors.New("not possible in this phase")
	ErrBusy  = errors.New("another change is under way")
	ErrEpoch = errors.New("the run is in another epoch")
	ErrFlip  = errors.New("the flip was abandoned")
	ErrStore = errors.New("the store did not take the change")
)

// handler is one cell of the table.
type handler func(*model, event) []effect

// table says what each stage does with each event; an event that is not listed changes nothing.
var table = map[stage]map[eventKind]handler{
	steady: {
		command: (*model).onCommand, tripped: (*model).onTrip, stored: (*model).onLateStore, marked: (*model).onLateMark,
		retryTimer: (*model).onRetry,
	},
	recording: {
		command: (*model).onBusy, tripped: (*model).onTrip, stored: (*model).onRecorded,
		readBack: (*model).onRecordReadBack, retryTimer: (*model).onReadAgain,
	},
	intending: {
		command: (*model).onBusy, stored: (*model).onIntended,
		readBack: (*model).onIntentReadBack, retryTimer: (*model).onReadAgain,
	},
	draining:   {command: (*model).onBusy, drained: (*model).onFlipDrained, stopping: (*model).onStop},
	checking:   {command: (*model).onBusy, checked: (*model).onChecked, stopping: (*model).onStop},
	committing: {command: (*model).onBusy, stored: (*model).onCommitted},
	uncertain:  {command: (*model).onBusy, readBack: (*model).onReadBack, retryTimer: (*model).onReadAgain},
	aborting:   {command: (*model).onBusy, stored: (*model).onAborted, retryTimer: (*model).onAbortAgain},
	retreating: {
		command: (*model).onBusy, drained: (*model).onRetreatDrained, stored: (*model).onRetreatStored,
		marked: (*model).onMarked, retryTimer: (*model).onRetry,
	},
}

// step takes one event. Reports of effects from an earlier epoch are ignored.
func (m *model) step(e event) []effect {
	if e.epoch != 0 && e.epoch != m.state.Epoch {
		return nil
	}
	m.closing = m.closing || e.kind == stopping
	if handle, ok := table[m.stage][e.kind]; ok {
		return handle(m, e)
	}
	return nil
}

// onBusy refuses a command while another change is under way; a rollback is never refused for that.
func (m *model) onBusy(e event) []effect {
	if e.command.Kind == Rollback {
		if m.stage == intending {
			return m.beginRollback(e, "rollback", e.command.Reason)
		}
		return m.onCommand(e)
	}
	return m.answer(e.waiter, fmt.Errorf("%w: %s in phase %s; try again when it has ended", ErrBusy, m.stage, m.state.Phase))
}

func (m *model) answer(w waiter, err error) []effect {
	if w == 0 {
		return nil
	}
	return []effect{{kind: reply, waiter: w, err: err}}
}

// published puts the plan that follows from the model into force.
func (m *model) published() effect {
	return effect{kind: publish, epoch: m.state.Epoch, plan: m.plan()}
}

// saving stores next on top of what the store is known to hold.
func (m *model) saving(next State, t Transition) effect {
	return effect{kind: store, epoch: m.state.Epoch, state: next, expect: m.saved, transition: t}
}

func (m *model) transition(e event, kind string, to Phase, epoch uint64, reason string) Transition {
	return Transition{Time: e.now, Actor: e.command.Actor, Kind: kind, From: m.state.Phase, To: to, Epoch: epoch, Reason: reason, Evidence: e.command.Evidence}
}
