package testkit

import (
	"flag"
	"strconv"
)

// Overlap lets n parallel tests of a package run at the same time, whatever the number of cores, for tests that mostly wait. TestMain
// calls it before it runs them; an explicit -parallel counts more.
func Overlap(n int) {
	flag.Parse()
	explicit := false
	flag.Visit(func(f *flag.Flag) { explicit = explicit || f.Name == "test.parallel" })
	if explicit {
		return
	}
	if err := flag.Set("test.parallel", strconv.Itoa(n)); err != nil {
		panic(err) // there is no such flag in a program that is no test
	}
}
