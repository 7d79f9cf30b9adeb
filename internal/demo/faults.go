package demo

import (
	"context"
	"sync/atomic"
	"time"
)

// Fault is one thing that is planted wrong in the new shop.
type Fault struct {
	// Name is a short word, What a sentence that names the mistake that was made.
	Name, What string
}

// PlantedFaults lists what is wrong in the new shop before Repair.
var PlantedFaults = []Fault{
	{"price", "the copy rounded some prices through floats: one cent too low"},
	{"row", "the copy lost some products"},
	{"order", "the product list sorts by price with another tie-breaker"},
	{"slow", "the search answers 300 ms late"},
	{"status", "what is unknown is 200 with null, where old says 404"},
}

// slowBy is what the slow endpoint adds.
const slowBy = 300 * time.Millisecond

// faults are what is wrong in the new shop; none in a nil one. Those of the data are made by the copy, the others by the
// handlers.
type faults struct {
	repaired atomic.Bool
}

func (f *faults) present() bool { return f != nil && !f.repaired.Load() }

func (f *faults) reorders() bool         { return f.present() }
func (f *faults) swallowsNotFound() bool { return f.present() }

// slowness waits as long as the slow endpoint does.
func (f *faults) slowness(ctx context.Context) error {
	if !f.present() {
		return nil
	}
	timer := time.NewTimer(slowBy)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// loses reports whether the copy leaves a product out.
func (f *faults) loses(p *product) bool { return f.present() && p.id%397 == 3 }

// price is what the copy makes of a product's price.
func (f *faults) price(p *product) cents {
	if f.present() && p.id%31 == 5 {
		return p.price - 1
	}
	return p.price
}
