package main

import (
	"context"
	"fmt"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
)

// demoCanary is the share of the readers that the demo's canary takes.
const demoCanary = .25

// hurry lets new answer some of the clients while it is still wrong, and watches how that ends.
func (d *demonstration) hurry(ctx context.Context) error {
	d.screen.heading("A canary too early: new answers a quarter of the readers, and is still wrong")
	if err := d.canary(ctx, demoCanary); err != nil {
		return err
	}
	began := time.Now()
	var status admin.Status
	err := until(ctx, "a trigger rolls the canary back", 30*time.Second, 50*time.Millisecond, func() (bool, error) {
		var err error
		status, err = d.client.Status(ctx)
		return err == nil && status.Phase == cutover.RolledBack, err
	})
	if err != nil {
		return err
	}
	d.screen.step("nobody does anything; after %s: phase %s, epoch %d, by %s", span(time.Since(began)), status.Phase, status.Epoch, status.Actor)
	d.screen.detail("%s", status.Reason)
	if err := d.tellSteps(ctx); err != nil {
		return err
	}
	d.screen.good("all writes were at old, so nothing is left behind: the rollback was safe")
	if _, err := d.client.Resume(ctx, admin.Change{Reason: "new is being repaired"}, false); err != nil {
		return fmt.Errorf("resume after the canary: %w", err)
	}
	d.screen.step("paritygate resume: phase shadow, with a new window. Nothing but an operator goes forward")
	return nil
}

// canary sets the fraction and says so.
func (d *demonstration) canary(ctx context.Context, fraction float64) error {
	status, err := d.client.SetCanary(ctx, admin.Change{}, fraction)
	if err != nil {
		return fmt.Errorf("canary: %w", err)
	}
	d.screen.step("paritygate canary %s: phase %s, epoch %d", percent(fraction), status.Phase, status.Epoch)
	return nil
}

// rightCanary has the repaired new answer the same clients, which begins the cutover from the phase canary.
func (d *demonstration) rightCanary(ctx context.Context) error {
	before, visits := d.traffic.Tally(), d.shops.New.Visits()
	if err := d.canary(ctx, demoCanary); err != nil {
		return err
	}
	if err := pause(ctx, 1500*time.Millisecond); err != nil {
		return err
	}
	status, err := d.client.Status(ctx)
	if err != nil {
		return err
	}
	if status.Phase != cutover.Canary {
		return fmt.Errorf("the canary of the repaired new must last; it is in phase %s: %s", status.Phase, status.Reason)
	}
	seen := d.traffic.Tally().Since(before)
	d.screen.good("%s of %s reads were answered by new; its triggers are armed and quiet",
		number(d.shops.New.Visits().Clients-visits.Clients), number(seen.Reads))
	return d.tellFailures("since then", seen)
}
