// Package handover passes listening sockets from one process to the next, so that a restart refuses no connection, and keeps
// the two from serving at the same time.
//
// Sockets come from systemd (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES) or from the process before, which starts its successor
// itself. While nobody accepts, connections wait in the kernel's backlog: the socket is never closed.
//
//	the process that serves                          its successor
//	───────────────────────                          ─────────────
//	serving
//	   │ asked to hand over: Start ─────────────────► inherits the sockets, checks its configuration
//	   │                                                 │ bad: failed, ends
//	   │ ◄─────────────────────────────────── offer ─────┤
//	   │ offer refused, or none in time: Cancel          │
//	   │   ─► serving, as if nothing had been            │
//	draining: accepts no more, ends what is in flight    │ waits for its turn
//	   │ the store is flushed and closed                 │
//	   ├── Release: go ────────────────────────────────► opens the store, decides as at every start
//	   │                                                 │ cannot: failed, ends
//	   │ ◄───────────────────────────────── serving ─────┤
//	   │                                              serving
//	   ├─► taken over: ends
//	   └─► failed, ended or silent for too long: it is killed and waited for, then
//	       serving again, with the configuration as it was
//
// A successor whose predecessor dies before it says go takes its turn when the pipe breaks: the store's lock is what keeps two
// from serving, and it is free then.
package handover
