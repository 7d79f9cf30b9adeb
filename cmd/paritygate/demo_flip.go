package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/demo"
)

// cutOver flips the writes under load, and holds what clients were told against what lies in the databases.
func (d *demonstration) cutOver(ctx context.Context) error {
	d.screen.heading("Cutover under load: the writes move to new")
	if err := d.rightCanary(ctx); err != nil {
		return err
	}
	if err := d.rehearse(ctx); err != nil {
		return err
	}
	before := d.traffic.Tally()
	begin := time.Now()
	result, err := d.client.Cutover(ctx, admin.Change{Reason: "the demo's gate passed"}, false, false)
	if err != nil {
		return fmt.Errorf("cutover: %w", err)
	}
	end := time.Now()
	d.flippedAt = end
	if err := d.tellSteps(ctx); err != nil {
		return err
	}
	d.screen.step("paritygate cutover: phase %s, epoch %d, after %s", result.Phase, result.Epoch, span(end.Sub(begin)))
	if err := d.shops.StopSync(ctx); err != nil {
		return err
	}
	if err := until(ctx, "new takes writes", 10*time.Second, 50*time.Millisecond, func() (bool, error) {
		return len(d.shops.New.Writes()) >= 40, nil
	}); err != nil {
		return err
	}
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	held, longest := heldDuring(d.traffic.Sent(), begin, end)
	d.screen.good("%s", heldText(held, longest))
	seen := d.traffic.Tally().Since(before)
	if err := d.tellFailures("since then", seen); err != nil {
		return err
	}
	account, err := d.shops.Account(ctx, d.traffic.Sent(), time.Time{})
	if err != nil {
		return err
	}
	if err := d.tellAccount(account); err != nil {
		return err
	}
	if err := d.tellFence(ctx); err != nil {
		return err
	}
	return d.tellSoak(ctx)
}

// tellFence tries what a forgotten job would do: a write to old past paritygate, which the fence must refuse.
func (d *demonstration) tellFence(ctx context.Context) error {
	if !d.shops.Postgres() {
		return nil
	}
	status, err := d.shops.WriteToOld(ctx)
	switch {
	case err != nil:
		return err
	case status < http.StatusInternalServerError:
		return fmt.Errorf("a write to old past paritygate must be refused while new has the writes; it was answered %d", status)
	}
	d.screen.good("a job that still writes to old, past paritygate, is refused: the fence stands")
	return nil
}

// tellSoak tries to complete the run, which must wait for the soak.
func (d *demonstration) tellSoak(ctx context.Context) error {
	_, err := d.client.Complete(ctx, admin.Change{Reason: "the demo tries its luck"}, false)
	refused, ok := errors.AsType[*admin.Error](err)
	if !ok || refused.Report == nil {
		return fmt.Errorf("the run must not be completed before its soak is over; it answered: %w", err)
	}
	d.screen.step("paritygate complete: refused, %s", refused.Report.Verdict)
	for _, c := range refused.Report.Criteria {
		if c.Verdict != cutover.Pass {
			d.screen.detail("%s", c.Reason)
		}
	}
	return nil
}

// rehearse is the dry run. The strict checks may not agree in it: writes go on, and the sync job is a moment behind. The
// flip itself holds the writes until they do.
func (d *demonstration) rehearse(ctx context.Context) error {
	var result admin.CutoverResult
	var last error
	err := until(ctx, "the dry run passes", 20*time.Second, 300*time.Millisecond, func() (bool, error) {
		result, last = d.client.Cutover(ctx, admin.Change{Reason: "rehearsal"}, true, false)
		if refused, ok := errors.AsType[*admin.Error](last); ok && refused.Report != nil {
			return false, nil // the gate wavers
		}
		return last == nil, last
	})
	if err != nil {
		return errors.Join(err, last)
	}
	d.screen.step("paritygate cutover --dry-run: the gate passes; what the flip needs besides:")
	for _, c := range result.Report.Criteria {
		if slices.Contains(preconditions, c.Name) {
			d.screen.detail("%s (%s): %s", c.Name, c.Verdict, shortened(c.Reason, 160))
		}
	}
	return nil
}

// heldDuring counts the writes that were under way at some moment of the flip, and how long the slowest took.
func heldDuring(sent []demo.SentWrite, begin, end time.Time) (n int, longest time.Duration) {
	for _, w := range sent {
		if w.Started.Before(end) && w.Started.Add(w.Duration).After(begin) {
			n++
			longest = max(longest, w.Duration)
		}
	}
	return n, longest
}

func heldText(n int, longest time.Duration) string {
	switch n {
	case 0:
		return "no write happened to be under way during the flip"
	case 1:
		return "one write was under way during the flip, and took " + span(longest)
	}
	return fmt.Sprintf("%d writes were under way during the flip; the slowest took %s", n, span(longest))
}

// tellFailures says what clients saw; in the flip nothing may fail.
func (d *demonstration) tellFailures(since string, seen demo.Tally) error {
	failed := demo.Failed(seen.FailedReads) + demo.Failed(seen.FailedWrites)
	d.screen.good("clients %s: %s reads and %s writes, %d failed; half of the reads within %s, 99%% within %s", since,
		number(seen.Reads), number(seen.Writes), failed, span(seen.ReadQuantile(.5)), span(seen.ReadQuantile(.99)))
	if failed > 0 {
		return fmt.Errorf("the flip made requests fail: reads %s, writes %s", kindsText(seen.FailedReads), kindsText(seen.FailedWrites))
	}
	return nil
}

func kindsText(kinds map[string]int64) string {
	var words []string
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		words = append(words, fmt.Sprintf("%d× %s", kinds[k], k))
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

func (d *demonstration) tellAccount(a demo.Account) error {
	d.screen.good("%s writes were accepted since the start: %s are on old, %s on new; %d lost, %d doubled, %d to old after the "+
		"first to new", number(a.Accepted), number(a.OnOld), number(a.OnNew), len(a.Lost), len(a.Doubled), len(a.Strays))
	if !a.Clean() {
		return fmt.Errorf("the account of the writes is not clean: lost %v, doubled %v, astray %v", a.Lost, a.Doubled, a.Strays)
	}
	return nil
}

// killNew lets new die, and watches how clients get back to old.
func (d *demonstration) killNew(ctx context.Context) error {
	d.screen.heading("New dies: its connections are reset, all at once, and so is every further one")
	before, visits := d.traffic.Tally(), d.shops.New.Visits()
	d.killedAt = time.Now()
	d.shops.New.Kill()
	d.screen.step("killed; nobody does anything")
	var status admin.Status
	err := until(ctx, "paritygate rolls back by itself", 20*time.Second, 10*time.Millisecond, func() (bool, error) {
		var err error
		status, err = d.client.Status(ctx)
		return err == nil && status.Phase == cutover.RolledBack, err
	})
	if err != nil {
		return err
	}
	d.backAt = time.Now()
	d.screen.step("phase %s, epoch %d, by %s", status.Phase, status.Epoch, status.Actor)
	d.screen.detail("%s", status.Reason)
	if err := d.tellSteps(ctx); err != nil {
		return err
	}
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	after, seen := d.shops.New.Visits(), d.traffic.Tally().Since(before)
	last := after.Last.Sub(d.killedAt)
	d.screen.good("new was asked for %s more client requests; the last one %s after its death", number(after.Clients-visits.Clients), span(max(last, 0)))
	d.screen.good("clients since the kill: %s reads, of which old answered %s at once in new's stead; failed: %s",
		number(seen.Reads), number(seen.Fallbacks), kindsText(withoutNotFound(seen.FailedReads)))
	d.screen.good("%s writes; failed: %s", number(seen.Writes), kindsText(seen.FailedWrites))
	if n := seen.FailedReads["status 404"]; n > 0 {
		d.screen.bad("reads that asked for orders that only new has: %d; old says 404", n)
	}
	account, err := d.shops.Account(ctx, d.traffic.Sent(), d.killedAt)
	if err != nil {
		return err
	}
	if account.Unnoticed > 0 {
		d.screen.bad("writes that were taken although their clients were told nothing, or that they had failed: %d", account.Unnoticed)
	}
	return d.tellAccount(account)
}

// tellSteps waits until the flip or the rollback has taken its last step, and writes the steps as the command line does.
func (d *demonstration) tellSteps(ctx context.Context) error {
	var status admin.Status
	err := until(ctx, "the last step is taken", 10*time.Second, 10*time.Millisecond, func() (bool, error) {
		var err error
		status, err = d.client.Status(ctx)
		return err == nil && status.Cutover.Current() == nil, err
	})
	if err != nil {
		return err
	}
	for _, s := range status.Cutover.Steps {
		d.screen.line(d.screen.paint(outcomeColour[s.Outcome], stepLine(s)))
	}
	if status.Fence.Standing != (status.Fence.Configured && status.Phase == cutover.Live) {
		return fmt.Errorf("the fence must stand in live alone; in %s it is %v", status.Phase, status.Fence.Standing)
	}
	return nil
}

// withoutNotFound leaves out what is told apart: orders that old never had.
func withoutNotFound(kinds map[string]int64) map[string]int64 {
	out := maps.Clone(kinds)
	delete(out, "status 404")
	return out
}

// conclude settles the accounts and says what a person should look at next.
func (d *demonstration) conclude(ctx context.Context, took time.Duration) error {
	d.screen.heading("What it came to")
	status, err := d.client.Status(ctx)
	if err != nil {
		return err
	}
	if status.Phase != cutover.RolledBack {
		return fmt.Errorf("the run must stay in rolled_back until an operator resumes it; it is in %s", status.Phase)
	}
	d.screen.blank()
	d.screen.say("All of it took %s. In front of a production backend a person would look at these next (--admin %s):", span(took), d.program.adminURL())
	d.screen.facts(
		"paritygate status", "where the run is, why, and what a rollback left behind",
		"paritygate mismatches", "each difference with both answers, secrets redacted",
		"paritygate gate", "what the evidence says, criterion by criterion",
		"paritygate journal list", "each write that new took, and what became of it",
		"paritygate events", "the audit log: who changed what, when and why",
	)
	if !d.hold {
		d.screen.say("`paritygate demo --hold` keeps it running, with the console. For your own backends: `paritygate validate`, then " +
			"`paritygate serve`.")
	}
	return nil
}
