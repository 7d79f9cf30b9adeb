package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	size := flag.Int("size", 32<<10, "bytes of a document, about")
	runs := flag.Int("runs", 7, "runs of each engine, of which the table has the median")
	length := flag.Duration("time", 200*time.Millisecond, "CPU time of a run")
	flag.Parse()
	if err := run(*size, *runs, *length); err != nil {
		fmt.Fprintln(os.Stderr, "benchcompare:", err)
		os.Exit(1)
	}
}

// run measures every engine with every pair, and prints the table.
func run(size, runs int, length time.Duration) error {
	all, err := engines()
	if err != nil {
		return err
	}
	pairs := pairsOf(size)
	fmt.Printf("%s, %s, %s/%s; documents of %d KiB, medians of %d runs of %v CPU time.\n\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		runtime.Version(), runtime.GOOS, runtime.GOARCH, len(pairs[0].old)>>10, runs, length)
	fmt.Print("| MB/s of one document |")
	for _, p := range pairs {
		fmt.Printf(" %s |", p.name)
	}
	fmt.Print("\n|---|" + strings.Repeat("---|", len(pairs)) + "\n")
	cells := make([][][]result, len(all))
	for i := range cells {
		cells[i] = make([][]result, len(pairs))
	}
	for range runs {
		for i, e := range all {
			for j, p := range pairs {
				r, err := measure(e, p, length)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", e.name, p.name, err)
				}
				cells[i][j] = append(cells[i][j], r)
			}
		}
	}
	for i, e := range all {
		fmt.Printf("| %s |", e.name)
		for _, results := range cells[i] {
			fmt.Printf(" %s |", cell(results))
		}
		fmt.Println()
	}
	return nil
}

// result is what one run found.
type result struct {
	rate   float64 // MB/s
	allocs uint64  // allocations of one comparison
	equal  bool
}

// measure compares a pair again and again, for at least so much CPU time.
func measure(e engine, p pair, length time.Duration) (result, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	equal := e.prepare(p.old, p.new)
	n, start := 0, cpuTime()
	var r result
	for {
		for range 8 {
			var err error
			if r.equal, err = equal(); err != nil {
				return r, err
			}
			n++
		}
		if spent := cpuTime() - start; spent >= length {
			r.rate = float64(n) * float64(len(p.old)) / spent.Seconds() / 1e6
			break
		}
	}
	runtime.ReadMemStats(&after)
	r.allocs = (after.Mallocs - before.Mallocs) / uint64(n)
	return r, nil
}

// cpuTime returns what the process has used until now.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// cell shows the median of some runs, with the allocations, and whether the engine was wrong: all pairs are equal.
func cell(results []result) string {
	slices.SortFunc(results, func(a, b result) int { return int(a.rate*1000) - int(b.rate*1000) })
	r := results[len(results)/2]
	if !r.equal {
		return "says that they differ"
	}
	return fmt.Sprintf("%.0f (%d allocations)", r.rate, r.allocs)
}
