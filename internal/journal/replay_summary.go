package journal

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// Progress is how far a replay is.
type Progress struct {
	To       Side
	DryRun   bool
	Began    time.Time
	Total    int64 // writes to be sent
	Sent     int64
	InFlight int
	// Away says why the backend cannot be reached at the moment; empty if it can.
	Away string
	// Withheld names credentials that were not kept of writes, and that Replaced does not give.
	Withheld []string
}

// Summary is what a replay did, or would do.
type Summary struct {
	To     Side
	DryRun bool
	Began  time.Time
	Took   time.Duration
	Total  int64 // writes that were to be sent
	Sent   int64 // of those, the ones that the target took; of a dry run, the ones that would be sent
	// Accepted of the sent ones were answered with another class of status than was recorded, and one to continue on.
	Accepted int64
	Skipped  int64 // acknowledged and not sent: before the first one that was asked for, or settled by an operator meanwhile
	Left     int64 // still to be sent
	Unknown  int64 // writes that an operator has to decide on
	// Conflicts is how many writes were found that the target changed since.
	Conflicts  int64
	IDsChanged int64       // of the sent ones, those for which the target made another id than was recorded
	Changed    []ChangedID // the first of them
	Stopped    error       // nil: it went through. One of the types of this package, or what ended the context

	// Of a dry run:
	Routes    []RouteCount
	Withheld  int64         // writes that lack a credential which was not kept
	Estimate  time.Duration // how long it would take, by what the recorded answers took
	Obstacles []error       // the first conflicts
}

// ChangedID is a write for which the target made another id than was recorded.
type ChangedID struct {
	ID, Method, Path string
	Differs          string // `/orders/17 became /orders/23`
}

// RouteCount is how many writes of a route and method there are.
type RouteCount struct {
	Route, Method string
	Count         int64
}

// The most of what a summary lists.
const (
	maxChanged   = 100
	maxObstacles = 100
	maxLacking   = 16
)

// turn reports how far it is, ten times a second at most.
func (p *replay) turn() {
	now := time.Now()
	if now.Sub(p.told) < 100*time.Millisecond {
		return
	}
	p.told = now
	p.report(p.progress())
}

func (p *replay) progress() Progress {
	g := Progress{To: p.o.To, DryRun: p.o.DryRun, Began: p.sum.Began, Total: p.sum.Total, Sent: p.sum.Sent, Withheld: slices.Sorted(maps.Keys(p.lacking))}
	if c := p.carrier; c != nil {
		g.InFlight = c.flying
		if !c.away.since.IsZero() && c.away.why != nil {
			g.Away = c.away.why.Error()
		}
	}
	return g
}

// end completes the summary.
func (p *replay) end(stopped error) Summary {
	s := &p.sum
	s.Stopped, s.Took = stopped, time.Since(p.began)
	if !s.DryRun {
		s.Left = s.Total - s.Sent
		if p.log != nil {
			s.Left += p.log.before
		}
		var c *Conflict
		var n *Renamed
		var o *Overtaken
		if errors.As(stopped, &c) || errors.As(stopped, &n) || errors.As(stopped, &o) {
			s.Conflicts++
		}
		var u *Unanswered
		if errors.As(stopped, &u) {
			s.Unknown++
			s.Left--
		}
	}
	p.report(p.progress())
	return *s
}

// rehearse judges what would be sent.
func (p *replay) rehearse(ctx context.Context, oldest uint64) error {
	routes := map[RouteCount]int64{}
	var took time.Duration
	err := p.tasks(ctx, oldest, func(t *task) error {
		p.turn()
		w := t.write
		routes[RouteCount{Route: w.Route, Method: w.Method}]++
		if missing(w.Withheld, p.o.Replaced) != nil {
			p.sum.Withheld++
		}
		if t.recorded != nil {
			took += t.recorded.Duration
		}
		if err := p.obstacle(t); err != nil {
			if p.sum.Conflicts++; len(p.sum.Obstacles) < maxObstacles {
				p.sum.Obstacles = append(p.sum.Obstacles, err)
			}
			return nil
		}
		p.sum.Sent++
		return nil
	})
	for r, n := range routes {
		r.Count = n
		p.sum.Routes = append(p.sum.Routes, r)
	}
	slices.SortFunc(p.sum.Routes, func(a, b RouteCount) int {
		return strings.Compare(a.Route+"\x00"+a.Method, b.Route+"\x00"+b.Method)
	})
	p.sum.Left = p.sum.Total
	p.sum.Estimate = took / time.Duration(p.o.Concurrency)
	if p.o.Rate > 0 {
		p.sum.Estimate = max(p.sum.Estimate, time.Duration(float64(p.sum.Total)/p.o.Rate*float64(time.Second)))
	}
	return err
}

// missing are the credentials that were not kept, and that nothing replaces.
func missing(withheld, replaced []string) []string {
	given := map[string]bool{}
	for _, name := range replaced {
		given[strings.ToLower(name)] = true
	}
	left := map[string]bool{}
	for _, name := range withheld {
		if !given[strings.ToLower(name)] {
			left[name] = true
		}
	}
	if len(left) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(left))
}
