//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "benchpeers:", err)
		os.Exit(1)
	}
}

// settings are the command line's.
type settings struct {
	runs, rate                       int
	duration, warmup, hang           time.Duration
	only, sizes, out, profiles       string
	cpu, shadow                      bool
	paritygate, nginx                string
	proxyCore, loadCore, connections int
}

func parse(args []string) (s settings, err error) {
	f := flag.NewFlagSet("benchpeers", flag.ContinueOnError)
	f.BoolVar(&s.cpu, "cpu", false, "measure only the CPU time of a request")
	f.BoolVar(&s.shadow, "shadow", false, "measure only what a shadow that hangs does")
	f.StringVar(&s.only, "only", "", "only the proxies whose names begin with one of these, with commas: "+contenderNames())
	f.StringVar(&s.sizes, "sizes", "1KiB,32KiB", "sizes of the answers")
	f.IntVar(&s.runs, "runs", 0, "runs of each, in turn; the figures are their medians (0: 5 for -cpu, 3 for -shadow)")
	f.DurationVar(&s.duration, "duration", 4*time.Second, "of a run that measures the CPU time")
	f.DurationVar(&s.warmup, "warmup", time.Second, "before it")
	f.DurationVar(&s.hang, "shadow-duration", 30*time.Second, "of a run with a shadow that hangs")
	f.IntVar(&s.rate, "rate", 5000, "requests a second in it")
	f.IntVar(&s.connections, "connections", 64, "keep-alive connections of the clients")
	f.StringVar(&s.out, "out", "", "write the section there too: between its two markers if the file has them, else the whole file")
	f.StringVar(&s.profiles, "cpuprofile-dir", "", "have `perf record` watch paritygate, a file for each run in this directory")
	f.StringVar(&s.paritygate, "paritygate", "bin/paritygate", "the program that is measured")
	f.StringVar(&s.nginx, "nginx", "nginx", "nginx's program")
	f.IntVar(&s.proxyCore, "proxy-core", 0, "the core for the proxy")
	f.IntVar(&s.loadCore, "load-core", 1, "the core for load and backends")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	switch {
	case f.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q; see -help", f.Arg(0))
	case s.proxyCore == s.loadCore:
		return s, errors.New("-proxy-core and -load-core must differ")
	case s.runs < 0 || s.rate <= 0 || s.connections <= 0 || s.duration <= 0:
		return s, errors.New("-runs, -rate, -connections and -duration must be positive")
	}
	if !s.cpu && !s.shadow {
		s.cpu, s.shadow = true, true
	}
	return s, nil
}

func run(args []string) error {
	if len(args) > 2 && args[0] == "peer" {
		return servePeer(args[1:])
	}
	s, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if os.Getenv(pinned) == "" {
		return onCore(s.loadCore)
	}
	_ = os.Unsetenv(pinned)
	runtime.GOMAXPROCS(3) // the loop's thread, what waits for it, and what stands in a system call
	b, err := newBench(s)
	if err != nil {
		return err
	}
	report := &strings.Builder{}
	b.describe(report)
	if s.cpu {
		if err := b.measureCPU(report); err != nil {
			return err
		}
	}
	if s.shadow {
		if err := b.measureHang(report); err != nil {
			return err
		}
	}
	fmt.Print(report)
	if s.out == "" {
		return nil
	}
	return publish(s.out, report.String())
}
