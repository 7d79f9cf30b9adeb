package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"paritygate/compare"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/demo"
)

// introduce says what stands where, and opens the doors.
func (d *demonstration) introduce(ctx context.Context) error {
	sizes := d.shops.Sizes()
	d.screen.heading("What stands where")
	d.screen.facts(
		"clients", "24 of them, about 400 reads and 50 writes a second, to "+d.program.proxyURL(),
		"paritygate", "in front of both backends; console and admin API at "+d.program.adminURL()+"/",
		"old shop", d.shops.Old.URL()+", tables products, customers, orders, order_lines",
		"new shop", d.shops.New.URL()+", tables artifact, party, sale, measurement: the same data, renamed",
		"data", fmt.Sprintf("%s products, %s customers and %s orders in %s", number(sizes.Products), number(sizes.Customers),
			number(sizes.Orders), d.shops.Database),
		"sync job", "copies what old takes to new, every 100 ms",
	)
	if !d.shops.Postgres() {
		d.screen.say("Aggregate checks need PostgreSQL on both sides, so this run goes without them.")
	}
	d.screen.say("Five faults are planted in new. paritygate knows nothing of them. Every answer also carries noise: a request id, " +
		"the time, a rotating etag, other key order and number formats.")
	trafficCtx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.traffic.Run(trafficCtx) }()
	d.stops = append(d.stops, func() error {
		cancel()
		return <-done
	})
	return ctx.Err()
}

// findFaults lets the shadow run until everything that is planted was reported.
func (d *demonstration) findFaults(ctx context.Context) error {
	d.screen.heading("Shadow: clients are answered by old; every read is asked of new as well, and compared")
	began, told := time.Now(), time.Now()
	err := until(ctx, "all planted faults are found", 60*time.Second, 500*time.Millisecond, func() (bool, error) {
		var err error
		if d.faults, err = d.look(ctx); err != nil {
			return false, err
		}
		missing := d.faults.missing(d.shops.Postgres())
		if time.Since(told) >= 2*time.Second {
			told = time.Now()
			status, err := d.client.Status(ctx)
			if err != nil {
				return false, err
			}
			d.screen.step("%s reads compared, %s of them differ", number(status.Parity.Compared), percent(status.Parity.MismatchRate))
		}
		return len(missing) == 0 && time.Since(began) > 5*time.Second, nil
	})
	if err != nil {
		if missing := d.faults.missing(d.shops.Postgres()); len(missing) > 0 {
			err = fmt.Errorf("%w; not found: %s", err, strings.Join(missing, ", "))
		}
		return err
	}
	d.screen.say("What paritygate found:")
	if err := d.tellFaults(ctx); err != nil {
		return err
	}
	if err := d.tellRefusal(ctx); err != nil {
		return err
	}
	seen := d.traffic.Tally()
	d.screen.say("Clients noticed nothing: %s requests, %d failed.", number(seen.Reads+seen.Writes),
		demo.Failed(seen.FailedReads)+demo.Failed(seen.FailedWrites))
	return nil
}

// tellFaults names each finding with an example.
func (d *demonstration) tellFaults(ctx context.Context) error {
	for _, f := range demo.PlantedFaults {
		if g, ok := d.faults.groups[f.Name]; ok {
			request, what, err := d.example(ctx, g)
			if err != nil {
				return err
			}
			d.screen.bad("route %s, %s: %s", g.Route, times(d.faults.times[f.Name]), request)
			d.screen.detail("%s", what)
		}
		if f.Name == "slow" {
			d.screen.bad("latency: %s", d.faults.slow)
		}
		d.screen.detail("%s", d.screen.paint("2", "planted: "+f.What))
	}
	for _, name := range foundByChecks {
		if c, ok := d.faults.checks[name]; ok {
			d.screen.bad("check %s (%s over both databases): old %s, new %s", name, c.Type, text(c.Old), text(c.New))
			for _, p := range admin.PlacesOf(c, 1).Places {
				d.screen.detail("the worst: %s, old %s, new %s", p.Key, text(p.Old), text(p.New))
			}
		}
	}
	if also := d.faults.alsoSeen(); also != "" {
		d.screen.detail("also seen: %s", also)
	}
	return nil
}

func text(s *string) string {
	if s == nil {
		return "nothing"
	}
	return *s
}

// tellRefusal tries the cutover, which the gate must refuse.
func (d *demonstration) tellRefusal(ctx context.Context) error {
	_, err := d.client.Cutover(ctx, admin.Change{Reason: "the demo tries its luck"}, false, false)
	var refused *admin.Error
	if !errors.As(err, &refused) || refused.Report == nil {
		return fmt.Errorf("the cutover must be refused while new is wrong; it answered: %w", err)
	}
	var failing []string
	for _, c := range refused.Report.Criteria {
		if c.Verdict == cutover.Fail {
			failing = append(failing, c.Name)
		}
	}
	d.screen.step("A cutover is asked for, and refused: the gate says %s (%s)", refused.Report.Verdict, strings.Join(failing, ", "))
	return nil
}

// repair takes the faults away, begins the window again and waits for the gate.
func (d *demonstration) repair(ctx context.Context) error {
	d.screen.heading("New is repaired, and its evidence starts again")
	repairs, err := d.shops.Repair(ctx)
	if err != nil {
		return err
	}
	d.screen.step("%d products restored, %d prices corrected, sort order, status and slow search fixed in new", repairs.Rows, repairs.Prices)
	const reason = "new was repaired: data copied again, sort order, status and search fixed"
	if _, err := d.client.Restart(ctx, admin.Change{Reason: reason}); err != nil {
		return fmt.Errorf("restart the window: %w", err)
	}
	d.screen.step("paritygate restart --reason %q", "new was repaired: ...")
	d.screen.say("The gate asks for %s of unbroken parity here; 48 hours is what a migration takes.", demoWindow)
	told := time.Now()
	var report cutover.Report
	err = until(ctx, "the gate passes", 90*time.Second, 500*time.Millisecond, func() (bool, error) {
		var err error
		if report, err = d.client.Gate(ctx); err != nil {
			return false, err
		}
		if time.Since(told) >= 4*time.Second && report.Verdict != cutover.Pass {
			told = time.Now()
			d.screen.step("gate: %s", gateText(report))
		}
		return report.Verdict == cutover.Pass, nil
	})
	if err != nil {
		for _, c := range report.Criteria {
			if c.Verdict != cutover.Pass {
				err = fmt.Errorf("%w; %s: %s", err, c.Name, c.Reason)
			}
		}
		return err
	}
	d.screen.step("gate: pass")
	for _, c := range report.Criteria {
		d.screen.good("%s: %s", c.Name, c.Observed)
	}
	return d.tellLag(ctx)
}

// gateText says what the gate still waits for.
func gateText(r cutover.Report) string {
	open := map[cutover.Verdict][]string{}
	for _, c := range r.Criteria {
		open[c.Verdict] = append(open[c.Verdict], c.Name)
	}
	text := fmt.Sprintf("%s; %d of %d criteria pass", r.Verdict, len(open[cutover.Pass]), len(r.Criteria))
	if names := open[cutover.Fail]; len(names) > 0 {
		text += "; failing: " + strings.Join(names, ", ")
	}
	if names := open[cutover.Inconclusive]; len(names) > 0 {
		text += "; not enough evidence yet: " + strings.Join(names, ", ")
	}
	return text
}

// tellLag says what the sync job's delay has cost.
func (d *demonstration) tellLag(ctx context.Context) error {
	routes, err := d.client.Routes(ctx, false)
	if err != nil {
		return err
	}
	sum := map[compare.Verdict]int64{}
	for _, r := range routes {
		for v, n := range r.Verdicts {
			sum[v] += n
		}
	}
	d.screen.say("Since the restart: %s match or differ only as the rules allow, %s lagged (new was a moment behind, and agreed "+
		"when asked again), %s mismatch, %s failed, %s skipped.", number(sum[compare.Match]+sum[compare.Tolerated]),
		number(sum[compare.Lagged]), number(sum[compare.Mismatch]), number(sum[compare.Failed]), number(sum[compare.Skipped]))
	return nil
}
