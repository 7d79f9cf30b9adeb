package main

import (
	"math"
	"testing"

	"paritygate/config"
)

func TestNoLimitOfRechecksIsNoDefault(t *testing.T) {
	for text, want := range map[string]float64{"": 20, "recheck: {max_rps: 5}": 5, "recheck: {max_rps: 0}": math.MaxFloat64} {
		c, err := config.Parse("f", []byte("run: {name: r}\nbackends: {old: {url: http://a}, new: {url: http://b}}\nmirror: {"+text+"}\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		compiled, err := compile(c)
		if err != nil {
			t.Fatal(err)
		}
		if got := compiled.table.Recheck.MaxRPS; got != want {
			t.Errorf("%q: %g rechecks per second, want %g", text, got, want)
		}
	}
}
