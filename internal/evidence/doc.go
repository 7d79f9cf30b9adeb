// Package evidence keeps what was seen: counters, latencies, mismatch samples, check results, attestations, the run's state and
// the audit log, in one SQLite file that one process owns.
//
//	Begin, Finish ─► ledger (memory) ──flush, every second──► accounts, signatures, samples
//	Routes, Total ◄──┘                                          │
//	RoutesAll, Mismatches ◄─────────────────────────────────────┘
//	Commit, Append, SaveCheck, Attest ──on disk on return──► state, events, checks, attestations
//
// Begin and Finish never touch the disk. A flush writes absolute values in one transaction, so that a crash loses at most
// what came after the last one, and what is left agrees with itself. What cannot be written stays in memory and is tried
// again; Healthy tells.
//
// # Runs
//
// A store holds one run at a time, and refuses another one until it is complete. The next one begins with new windows; checks, attestations
// and events of the runs before it stay, below its origin, and are read as theirs no more. The audit log is one chain over all of them.
//
// # Accounts
//
// An account is kept for each route in each window. A window begins with RestartWindow; an exchange belongs to the window in
// which it arrived, however late it finishes, and earlier windows stay in the store as the run's record. An exchange enters
// all counters at once; the number of eligible ones is not counted but is the sum of the verdicts, and the number of skipped
// ones the sum of their reasons. Latencies are those of exchanges in which both backends were asked, so that the two are
// compared over the same requests; a leg without an answer has no latency, it is an error.
//
// # Units of evidence
//
// Repeats of a request are not independent, so the gate counts units: one route and fingerprint among the exchanges that
// arrived within one UnitLength, on the clock's multiples of it. What makes one:
//
//   - mismatch, failed: the unit is bad, whatever the authority's status;
//   - match, tolerated, lagged with a 2xx of the authority: the unit is good, or lagged if one of its exchanges was;
//   - match, tolerated, lagged with any other status: nothing, for 401 = 401 proves nothing;
//   - skipped: nothing.
//
// A unit is added to the account once, when its time is over and no exchange that arrived in it is pending. After that, and
// after a restart of the program within it, only bad units of that time are still added: a good one might be the repeat of
// one already counted. The tallies of units still open are stored with each flush and added at the next start, so that
// a crash does not wash away a mismatch. Beyond 65,536 units of a route in one UnitLength, or 262,144 of all, the rest of a
// route's exchanges share one unit.
//
// # Secrets
//
// Samples are redacted before they are stored: the usual secret headers and those of Options, query parameters, form
// fields and JSON members with the names of secrets, and what the Redactor covers. A body whose Content-Encoding cannot be undone
// is withheld, as it cannot be searched.
package evidence
