// Package compare decides whether two captured answers say the same.
//
// It is pure: two answers and a set of rules go in, a verdict and the differences come out. There is no network,
// clock, logger, metric or database in it, so that a stored exchange can be judged again at any time.
//
//	old Answer ─┐
//	            ├─► Comparer.Compare ─► Result{Verdict, Differences}
//	new Answer ─┘        ▲
//	                   Rules
package compare
