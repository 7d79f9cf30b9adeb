// Package fence does to PostgreSQL databases what a flip of the writes needs besides the proxy: it prepares them, has old refuse
// the application's writes, and takes both back.
//
//	Prepare ─► Fence ─────────────────────────────────► committed
//	   │         │ any failure before the commit           │ rollback
//	   └► Undo   └► Unfence ◄──────────────────────────────┘
//
// A fence is believed only when it was seen: the write of Verify works without it and is refused with it, and no session or
// transaction of the application that began before it is left. A database that cannot be reached, is busy or is starting
// refuses nothing; it is asked again until the context ends.
//
// Statements run one at a time, each in a transaction of its own unless it must not run in one. Each takes an advisory lock
// first: what an earlier process left behind on the server, such as an ALTER ROLE that waits for a lock, is ended before
// anything is taken back, and can not come after it. All statements must bear to be run again, since a crash or a lost
// connection leaves open whether one was run.
package fence
