// Package cutover is the one place that decides where traffic goes: phases, gate, flip and rollback.
//
// The phases of a run, and what moves it from one to the next:
//
//	┌────────┐ canary F   ┌────────┐ cutover  ┌─────────┐ committed ┌──────┐ complete ┌──────────┐
//	│ shadow │ ─────────► │ canary │ ───────► │ cutover │ ────────► │ live │ ───────► │ complete │
//	└────────┘ ◄───────── └────────┘ ◄─────── └─────────┘           └──────┘          └──────────┘
//	    ▲      canary 0        │     failure,      │ rollback,         │ rollback,
//	    │             rollback,│     restart       │ trigger           │ trigger
//	    │             trigger  ▼                   ▼                   ▼
//	    │    resume       ┌───────────────────────────────────────────────┐
//	    └──────────────── │                  rolled_back                  │
//	                      └───────────────────────────────────────────────┘
//
// The cutover begins in shadow as well, and goes back there then.
// A trigger acts where new answers clients: in canary, in a cutover from there, and in live.
//
// Within a phase the machine is in a stage:
//
//	steady ─► recording ─► steady                a change is being stored, then takes effect
//
//	steady ─► intending ─► draining ─► preparing ─► checking ─► fencing ─► committing ─► steady      the flip; what is not
//	          any failure before the commit ─► undoing ─► unfencing ─► aborting ─► steady            configured is skipped
//	          the commit's outcome is unknown ─► uncertain, until it was read back: ─► steady in live, or
//	                                             aborting ─► undoing ─► unfencing ─► steady
//
//	any ─► retreating ─► undoing ─► unfencing ─► steady                the rollback: takes effect first, is stored meanwhile
//
//	start ─► undoing ─► unfencing ─► steady      old has the writes, and may be prepared or fenced still
//	start ─► probing ─► steady                   the fence agrees with the store, or nobody knows
//	             └────► disputed                 it does not: writes are refused until an operator says what is true
//	start ─► disputed                            the journal does not bear out the store; it goes on by itself once the journal does
//	start ─► securing ─► steady                  an operator said live: old is fenced first
//
// Writes are held in every stage but steady, recording and intending, and go to old again in an aborting whose commit was never
// tried; once they were held for as long as a flip may hold them they are refused. They go to new in live alone, and to old only
// when it was seen to take them, if it may have been fenced.
//
// What must hold over a crash is stored before it is so. The intent says that the databases may be prepared and fenced, and
// the state says it until the opposite was seen. A rollback, and the abort of a commit that was tried, are durable before old is
// unfenced: a start that finds live finds it fenced and prepared, with no write at old since. Only a rollback that neither the
// store nor the marker takes goes on without.
//
// A store that fails may have taken the change all the same: recording, intending and committing read it back before they say
// what became of it. What it does not hold when it is read, it may hold after a crash; so the abort of a commit that was tried
// lets no write go to old before it is stored, or marked. A store that hangs holds back no rollback: after a while a marker
// beside it stands in, and it is tried again.
//
// step is a pure function (model, event) → (model, effects), driven by a table; Machine owns the only model, on one goroutine
// that never blocks: whatever takes time is an effect that runs beside it and reports back with the epoch in which it was
// begun. A report from an earlier epoch is ignored. Of what is done to the databases one thing is under way at a time, and
// what was asked for last wins: a fence that has not begun when an unfence is asked for never begins.
package cutover
