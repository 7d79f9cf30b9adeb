// Command benchcompare measures paritygate's comparison beside the libraries that Go programs compare JSON with, and prints a
// table in Markdown. It is a module of its own, so that none of those libraries becomes a dependency of paritygate.
//
//	go run . [-size 32768] [-runs 7] [-time 200ms]
//
// Every engine gets two documents as bytes and says whether they are equal; decoding counts. One goroutine runs at a time,
// and the time is the CPU time of the whole process, so that the garbage collector counts and other processes do not. The
// runs of all engines take turns; the table has the medians, in MB/s of one of the two documents.
package main
