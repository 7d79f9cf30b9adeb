// Package cutover is the one place that decides where traffic goes: phases, gate, flip and rollback.
//
// The phases of a run, and what moves it from one to the next:
//
//	            cutover                    committed
//	┌────────┐ ─────────► ┌─────────┐ ───────────────► ┌──────┐
//	│ shadow │            │ cutover │                  │ live │
//	└────────┘ ◄───────── └─────────┘                  └──────┘
//	    ▲       any failure,   │ rollback                 │ rollback,
//	    │       restart        ▼                          ▼ trigger
//	    │                 ┌─────────────┐                 │
//	    └──────────────── │ rolled_back │ ◄───────────────┘
//	         resume       └─────────────┘
//
// Within a phase the machine is in a stage:
//
//	steady ─► recording                          a change is being stored, then takes effect
//	steady ─► intending ─► draining ─► checking ─► committing ─► steady   the flip
//	                           any failure ─► aborting ─► steady
//	                           an unknown outcome of the commit ─► uncertain, until it was read back
//	any    ─► retreating ─► steady               the rollback: takes effect first, is stored meanwhile
//
// A store that fails may have taken the change all the same: recording, intending and committing read it back before they say
// what became of it. A store that hangs holds back no rollback: after a while a marker beside it stands in, and it is tried again.
//
// step is a pure function (model, event) → (model, effects), driven by a table; Machine owns the only model, on one goroutine
// that never blocks: whatever takes time is an effect that runs beside it and reports back with the epoch in which it was
// begun. A report from an earlier epoch is ignored.
package cutover
