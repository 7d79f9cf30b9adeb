// Package evidence keeps what was seen: counters, mismatch samples, check results, the run's state and the audit log.
package evidence
