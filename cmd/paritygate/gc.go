package main

import "runtime/debug"

// gcPercent lets the heap grow to five times what is live before it is collected. What is live is small and bounded by the
// configuration, and what requests leave behind dies young: collecting it less often costs some 20 MiB and saves up to a tenth of
// the processor's time.
const gcPercent = 400

// setGC applies it, unless the operator has said something else by GOGC.
func setGC(lookup func(string) (string, bool)) {
	if _, ok := lookup("GOGC"); !ok {
		debug.SetGCPercent(gcPercent)
	}
}
