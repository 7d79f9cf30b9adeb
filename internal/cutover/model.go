package cutover

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Errors that a command may end in. The text says what to do.
var (
	ErrPhase = errors.New("not possible in this phase")
	ErrBusy  = errors.New("not possible at the moment")
	ErrEpoch = errors.New("the run is in another epoch")
	ErrFlip  = errors.New("the flip was abandoned")
	ErrStore = errors.New("the store did not take the change")
	ErrFence = errors.New("old is still fenced")
	// ErrNoStrict is what Options.Strict returns where no check is strict: nothing was compared, and the step says so.
	ErrNoStrict = errors.New("no check is strict at the cutover")
)

// model is all that step knows.
type model struct {
	state State
	stage stage

	// What does not change.
	fallback          Fallback
	holdMax, drainMax time.Duration // of the flip
	rollbackDrain     time.Duration
	hasStrict         bool
	prepares, fences  bool // something is configured to be prepared; a fence is

	// What the store is known to hold, and what it is being given.
	saved   uint64      // its epoch
	kept    outcomes    // and what it says of the databases
	putting State       // of the last storing
	ticket  uint64      // counts storings and readings
	unsaved *Transition // a rollback that it has not taken
	next    State       // takes effect once it is stored
	lost    error       // why it is unknown whether it took the change that is being recorded or intended; nil if it is known
	marked  bool        // the marker stands for what it has not taken

	// The change under way.
	waiting  waiter
	flip     Command
	why      string    // the flip is abandoned
	outcome  error     // what the caller hears once writes are where they belong
	tried    bool      // the flip's commit was handed to the store
	steps    []Step    // of the flip or rollback
	heldFrom time.Time // writes are held since
	refusing bool      // they have been for too long, and are refused
	rolling  bool      // the way back is that of a rollback
	// ranOut and announced: new has no write in flight any more; the rollback was stored or marked, or can be neither.
	ranOut, announced bool

	// The databases. prepared and fenced say what may be so; the state's are never behind them.
	prepared, fenced bool
	hitch            error  // why the last try to fence or unfence failed
	notUndone        error  // why the last try to undo did
	undoing          bool   // a lateUndo is under way
	unknown          error  // why nobody knows whether the fence stands
	dispute          string // disputed: what disagrees
	// unheard: it is the journal that does. nameless: and the store is empty.
	unheard, nameless bool

	closing bool    // the process is about to end: no flip begins
	early   []event // commands that came while probing
}

// outcomes is what the state says that is decided after a change of phase has taken effect, and stored behind it.
type outcomes struct {
	fenced, unsecured, prepared bool
	unknownWrites               int64
}

func outcomesOf(s State) outcomes {
	return outcomes{s.Fenced, s.Unsecured, s.Prepared, s.UnknownWrites}
}

// keep notes that the store holds the state.
func (m *model) keep(s State) { m.saved, m.kept = s.Epoch, outcomesOf(s) }

func (m *model) answer(w waiter, err error) []effect {
	if w == 0 {
		return nil
	}
	return []effect{{kind: reply, waiter: w, err: err}}
}

// answered answers whoever waits for the change under way.
func (m *model) answered(err error) []effect {
	w := m.waiting
	m.waiting = 0
	return m.answer(w, err)
}

// published puts the plan that follows from the model into force.
func (m *model) published() effect {
	return effect{kind: publish, epoch: m.state.Epoch, plan: m.plan()}
}

func (m *model) releasing() effect { return effect{kind: release, epoch: m.state.Epoch} }

// saving stores next on top of what the store is known to hold.
func (m *model) saving(next State, t Transition) effect {
	m.ticket++
	m.putting = next
	return effect{kind: store, epoch: m.state.Epoch, ticket: m.ticket, state: next, expect: m.saved, transition: t}
}

// reading reads the store back.
func (m *model) reading() effect {
	m.ticket++
	return effect{kind: readState, epoch: m.state.Epoch, ticket: m.ticket}
}

func (m *model) transition(e event, kind string, to Phase, epoch uint64, reason string) Transition {
	t := Transition{Time: e.now, Actor: e.command.Actor, Kind: kind, From: m.state.Phase, To: to, Epoch: epoch, Reason: reason}
	t.Evidence = Evidence{Gate: e.gate, Facts: e.command.Evidence}
	return t
}

// moved is the state after a change of phase.
func (m *model) moved(now time.Time, to Phase, c Command) State {
	next := m.state
	next.Phase, next.Epoch, next.Since, next.Reason, next.Actor, next.Before = to, m.state.Epoch+1, now, c.Reason, c.Actor, ""
	return next
}

// Transition is a line for the audit log.
type Transition struct {
	Time     time.Time
	Actor    string
	Kind     string // what was asked for, such as cutover, commit, abort, rollback, trigger, resume, restart, mirror, recover
	From, To Phase
	Epoch    uint64
	Reason   string
	Evidence Evidence
}

// Evidence is what a transition was based on, and how it went.
type Evidence struct {
	// Gate as it stood, for a flip the report that it was decided on. A report that a command brought as its Facts is one.
	Gate *Report
	// Steps are those of the flip or rollback as far as they went.
	Steps []Step
	// Facts are what the command brought: such as a trigger's figures, or what was edited.
	Facts any
}

// MarshalJSON writes an object with the members `gate` and `steps`, where there are any, and all members of the facts; facts
// that are no object are in the member `facts`. With nothing in it, it is null.
func (v Evidence) MarshalJSON() ([]byte, error) {
	members := map[string]json.RawMessage{}
	gate := v.Gate
	switch report := v.Facts.(type) {
	case nil:
	case Report:
		gate = &report
	case *Report:
		gate = report
	default:
		raw, err := json.Marshal(report)
		if err != nil {
			return nil, fmt.Errorf("the evidence of a transition: %w", err)
		}
		if json.Unmarshal(raw, &members) != nil {
			members["facts"] = raw
		}
	}
	add := func(name string, value any) error {
		raw, err := json.Marshal(value)
		members[name] = raw
		return err
	}
	if gate != nil {
		if err := add("gate", gate); err != nil {
			return nil, err
		}
	}
	if len(v.Steps) > 0 {
		if err := add("steps", v.Steps); err != nil {
			return nil, err
		}
	}
	if len(members) == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(members)
}
