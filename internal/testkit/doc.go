// Package testkit holds the real things that tests of this project run against: PostgreSQL servers, HTTP backends that
// record what they were asked, servers that break in every way a backend can, and a load generator. Only tests import it.
//
//	Postgres, StartPostgres  a throw-away server with databases
//	Backend                  an HTTP backend on a real socket: records, can be killed and revived
//	Faulty, Faults           black holes, hangs, resets, garbage, cut-off bodies
//	Load                     open-loop or closed-loop traffic, every answer kept
//	Pairs                    answers to compare, with the verdict that is right, from YAML files
//	Eventually, FreePort     waiting on conditions; ports
//
// Everything stops in the test's cleanup, and its goroutines have ended when the cleanup is over.
package testkit
