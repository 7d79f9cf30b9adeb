package cutover

import (
	"slices"
	"time"
)

// stage is where the machine is within a phase.
type stage uint8

const (
	steady     stage = iota
	recording        // a change is being stored, and takes effect then; if the store fails, it is read back first
	intending        // flip: the intent is being stored
	draining         // flip: writes are held, those in flight run out
	preparing        // flip: cutover.prepare runs
	checking         // flip: the strict checks run
	fencing          // flip: the fence goes up, and is verified
	committing       // flip: live is being stored
	uncertain        // flip: whether live was stored is unknown; writes are refused until it was read back
	undoing          // way back: what was prepared is taken back
	unfencing        // way back: the fence comes down, and is verified
	aborting         // flip: old is as before, the abort is being stored
	retreating       // rollback: reads are at old, writes held until new's have run out and it was recorded
	probing          // start: whether the fence agrees with the store is being asked
	securing         // start: an operator says live, and the fence goes up
	disputed         // the store disagrees with the fence or the journal: writes are refused until an operator says what is true
)

var stageNames = [...]string{
	"steady", "recording", "intending", "draining", "preparing", "checking", "fencing", "committing", "uncertain",
	"undoing", "unfencing", "aborting", "retreating", "probing", "securing", "disputed",
}

// String returns the stage's name.
func (s stage) String() string { return stageNames[s] }

// eventKind says what happened.
type eventKind uint8

const (
	command       eventKind = iota // an operator or cmd asks for a change
	tripped                        // a trigger fired
	stored                         // a store effect ended
	drained                        // a drain effect ended
	prepareEnded                   // a prepare effect ended
	checked                        // a strict effect ended
	fenceEnded                     // a fence effect ended
	undoEnded                      // an undo effect ended
	unfenceEnded                   // an unfence effect ended
	lateUndoEnded                  // an undo effect ended that ran while the writes were at old already
	standingKnown                  // an askStanding effect ended
	released                       // a release effect ended
	readBack                       // a read-back effect ended
	marked                         // a mark effect ended
	retryTimer                     // what the store did not take or answer is tried again
	reconciled                     // the journal could be opened at last
	stopping                       // the process is asked to stop
)

// event is one input of step.
type event struct {
	kind   eventKind
	epoch  uint64 // of the effect that reports; 0 for commands, and for what is judged by asked
	asked  uint64 // standingKnown: the epoch in which it was asked
	ticket uint64 // stored, readBack: which of them ended
	now    time.Time

	command  Command
	waiter   waiter  // who waits for the command's outcome
	gate     *Report // as it stood
	baseline []byte  // what old answers, while a flip is under way

	err      error   // of an effect
	before   int     // drained: writes that were in flight when it began
	left     int     // drained: writes still in flight
	carried  Carried // drained: what the journal's mirror did
	mirror   error   // drained: why the other side lacks something still
	found    State   // readBack: what the store holds
	standing bool    // standingKnown: the fence stands

	unrecordable error   // why the journal takes no write to new, while a flip is under way; nil if it does
	witness      Witness // reconciled
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
	prepare                         // run cutover.prepare; reports prepareEnded
	undo                            // take it back; reports undoEnded
	lateUndo                        // the same, in the background; reports lateUndoEnded
	fence                           // put the fence up; reports fenceEnded
	unfence                         // take it down; reports unfenceEnded
	askStanding                     // ask whether the fence stands; reports standingKnown
	closeStreams                    // end the streams that a side gives
	abandon                         // cancel what is still in flight at a side
	strict                          // run the strict checks; reports checked
	release                         // let the held writes go; reports released
	resetTriggers                   // forget what the triggers have seen
	readState                       // read the stored state; reports readBack
	retryLater                      // report retryTimer after a while
	reply                           // answer a waiter
	progress                        // tell of a step that began or ended
	rolledBack                      // tell how long a rollback took
)

// effect is one output of step. It carries the epoch in which it was decided.
type effect struct {
	kind       effectKind
	epoch      uint64
	plan       Plan
	state      State
	ticket     uint64 // store, readState
	expect     uint64 // store: the epoch that must stand in the store
	overtake   bool   // store: goes on top of any earlier epoch
	bounded    bool   // store: is not waited for longer than Options.StoreFor
	transition Transition
	side       Side
	timeout    time.Duration
	later      bool // after a rest
	waiter     waiter
	err        error
	step       Step
}

// handler is one cell of the table.
type handler func(*model, event) []effect

// table says what each stage does with each event; what is not listed is in anywhere, or changes nothing.
var table = map[stage]map[eventKind]handler{
	steady: {
		command: (*model).onCommand, tripped: (*model).onTrip, stored: (*model).onLateStore, marked: (*model).onLateMark,
		retryTimer: (*model).onRetry, lateUndoEnded: (*model).onLateUndo, standingKnown: (*model).onStanding,
	},
	recording: {
		command: (*model).onBusy, tripped: (*model).onTrip, stored: (*model).onRecorded,
		readBack: (*model).onRecordReadBack, retryTimer: (*model).onReadAgain,
	},
	intending: {
		command: (*model).onBusy, tripped: (*model).onTrip, stored: (*model).onIntended,
		readBack: (*model).onIntentReadBack, retryTimer: (*model).onReadAgain,
	},
	draining:   {command: (*model).onBusy, tripped: (*model).onTrip, drained: (*model).onFlipDrained, stopping: (*model).onStop},
	preparing:  {command: (*model).onBusy, tripped: (*model).onTrip, prepareEnded: (*model).onPrepared, stopping: (*model).onStop},
	checking:   {command: (*model).onBusy, tripped: (*model).onTrip, checked: (*model).onChecked, stopping: (*model).onStop},
	fencing:    {command: (*model).onBusy, tripped: (*model).onTrip, fenceEnded: (*model).onFenced, stopping: (*model).onStop},
	committing: {command: (*model).onBusy, tripped: (*model).onTrip, stored: (*model).onCommitted},
	uncertain: {
		command: (*model).onBusy, tripped: (*model).onTrip, readBack: (*model).onReadBack, retryTimer: (*model).onReadAgain,
	},
	undoing: {
		command: (*model).onBusy, tripped: (*model).onTrip, undoEnded: (*model).onUndone,
		stored: (*model).onLateStore, marked: (*model).onLateMark, retryTimer: (*model).onRetry,
	},
	unfencing: {
		command: (*model).onBusy, tripped: (*model).onTrip, unfenceEnded: (*model).onUnfenced,
		stored: (*model).onLateStore, marked: (*model).onLateMark, retryTimer: (*model).onRetry,
	},
	aborting: {
		command: (*model).onBusy, tripped: (*model).onTrip, stored: (*model).onAborted, marked: (*model).onAbortMarked,
		retryTimer: (*model).onAbortAgain,
	},
	retreating: {
		command: (*model).onBusy, drained: (*model).onRetreatDrained, stored: (*model).onRollbackStored,
		marked: (*model).onMarked, retryTimer: (*model).onRetry,
	},
	probing:  {command: (*model).onEarly, tripped: (*model).onTrip, standingKnown: (*model).onFirstStanding},
	securing: {command: (*model).onBusy, tripped: (*model).onTrip, fenceEnded: (*model).onSecured},
	disputed: {command: (*model).onDisputed, tripped: (*model).onTrip},
}

// anywhere says what is done with an event in a stage that does not list it: what goes on beside the stages.
var anywhere = map[eventKind]handler{
	released: (*model).onReleased, standingKnown: (*model).onStandingElsewhere, lateUndoEnded: (*model).onLateUndoElsewhere,
	reconciled: (*model).onReconciled,
}

// step takes one event. Reports of effects from an earlier epoch are ignored, and so are those of all storings and readings but the last.
func (m *model) step(e event) []effect {
	effects := m.take(e)
	for m.stage != probing && len(m.early) > 0 {
		first := m.early[0]
		m.early, first.now = m.early[1:], e.now
		effects = append(effects, m.take(first)...)
	}
	return effects
}

// onEarly keeps a command until it is known whether the fence agrees with the store: that takes moments, and whoever has just
// started the program need not know of it. A rollback does not wait.
func (m *model) onEarly(e event) []effect {
	if e.command.Kind == Rollback {
		return m.onBusy(e)
	}
	m.early = append(slices.Clip(m.early), e)
	return nil
}

func (m *model) take(e event) []effect {
	if e.epoch != 0 && e.epoch != m.state.Epoch || (e.kind == stored || e.kind == readBack) && e.ticket != m.ticket {
		return nil
	}
	m.closing = m.closing || e.kind == stopping
	if handle, ok := table[m.stage][e.kind]; ok {
		return handle(m, e)
	}
	if handle, ok := anywhere[e.kind]; ok {
		return handle(m, e)
	}
	return nil
}
