package main

import (
	"sync"
	"sync/atomic"
	"time"

	"paritygate/compare"
	"paritygate/compare/aggregate"
	"paritygate/internal/cutover"
	"paritygate/proxy"
)

// parityCounter adds up what exchanges say of new, in one epoch.
type parityCounter struct {
	epoch             atomic.Uint64
	compared, against atomic.Int64
}

type paritySeen struct{ compared, against int64 }

// Minus is what was added since before.
func (s paritySeen) Minus(before paritySeen) paritySeen {
	return paritySeen{s.compared - before.compared, s.against - before.against}
}

func (c *parityCounter) begin(epoch uint64) { c.epoch.Store(epoch) }

func (c *parityCounter) read() paritySeen {
	return paritySeen{compared: c.compared.Load(), against: c.against.Load()}
}

func (c *parityCounter) enter(epoch uint64, against bool) {
	if epoch < c.epoch.Load() {
		return
	}
	c.compared.Add(1)
	if against {
		c.against.Add(1)
	}
}

// checkRows remembers how often each check failed in a row, in this phase.
type checkRows struct {
	mu    sync.Mutex
	since time.Time
	rows  map[string]cutover.CheckRow
}

func (c *checkRows) begin(since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since, c.rows = since, map[string]cutover.CheckRow{}
}

// enter takes a result of the schedule or of an operator's run. One that was asked for before the phase began counts for nothing.
func (c *checkRows) enter(r aggregate.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rows == nil || r.At.Before(c.since) || r.Verdict == aggregate.Inconclusive {
		return
	}
	row := c.rows[r.Name]
	row.Told = r.At
	if r.Verdict == aggregate.Pass {
		row.Failures = 0
	} else {
		row.Failures++
		row.Reason = r.Reason
	}
	c.rows[r.Name] = row
}

// list has a row for every configured check.
func (c *checkRows) list(checks []aggregate.Check) []cutover.CheckRow {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]cutover.CheckRow, 0, len(checks))
	for _, k := range checks {
		row := c.rows[k.Name]
		row.Name, row.MaxAge = k.Name, k.MaxAge
		out = append(out, row)
	}
	return out
}

// compared enters what an exchange says of new. Where new answered the client a shadow that failed is old's, and says nothing of it.
// Where old did, in the canary, it says as much, but on a route that new does not answer it harms nobody.
func (t *triggers) compared(x *proxy.Exchange) {
	v := x.Result.Verdict
	switch {
	case v == compare.Skipped, x.Authority == proxy.New && v == compare.Failed, x.Authority == proxy.Old && !t.inCanary(x.Route):
		return
	}
	t.parity.enter(x.Epoch, v == compare.Mismatch || v == compare.Failed)
}

// inCanary reports whether new answers reads of the route, in a canary.
func (t *triggers) inCanary(route string) bool {
	withheld := t.withheld.Load()
	return withheld != nil && !(*withheld)[route]
}

// noteRoutes takes the routes of the configuration in force; in other phases than the canary none is needed.
func (t *triggers) noteRoutes(plan cutover.Plan) {
	if plan.Canary == 0 {
		t.withheld.Store(nil)
		return
	}
	withheld := map[string]bool{}
	for _, r := range routesOf(t.program.current.Load()) {
		withheld[r.name] = r.withheld
	}
	t.withheld.Store(&withheld)
}
