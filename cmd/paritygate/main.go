// Command paritygate is a parity-checking shadow proxy: it stands in front of two backends while production moves from one to
// the other, compares their answers and their data, and flips the writes only on evidence.
//
// main only exits; run.go is the command line, program.go the wiring of what `serve` runs, and there is one file per command.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], system{in: os.Stdin, out: os.Stdout, err: os.Stderr, lookup: os.LookupEnv})
	stop()
	os.Exit(code)
}
