// Command conformance lets public conformance suites judge the proxy, and a stdlib ReverseProxy of twenty lines beside it.
//
//	suite's client ─► proxy (paritygate serve, or the stdlib control) ─► old
//	                                                                 └─► new, 100 % of the reads mirrored
//
// It prints one table and exits 1 if a case fails that recorded.json does not explain. It is a module of its own, so that
// what the suites need stays out of the program's go.mod.
package main
