package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func newDemo(o *options) *cobra.Command {
	var hold, sqlite bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show a whole migration, with two sample shops and their data",
		Long: `Starts two sample shops with different schemas on two real databases (a throw-away PostgreSQL where it is installed, SQLite
otherwise), plants five faults in the new one, puts paritygate in front of them under realistic traffic, and goes the whole way: the
mismatches are found and named, a canary that comes too early is rolled back by a trigger, the faults are repaired, the gate passes, the
writes are cut over under load while old is fenced, new is killed, paritygate rolls back by itself, and what new had accepted is
replayed to old. It takes about a minute, needs no set-up, and leaves nothing behind. Every number is measured.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := &demonstration{screen: newScreen(o.sys), lookup: o.sys.lookup, hold: hold, sqlite: sqlite}
			return d.show(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&hold, "hold", false, "keep everything running after the rollback, until interrupted")
	cmd.Flags().BoolVar(&sqlite, "sqlite", false, "use SQLite, without checks, even where PostgreSQL is installed")
	return cmd
}

// show goes from the beginning to the end, or to the first thing that does not happen.
func (d *demonstration) show(outer context.Context) error {
	began := time.Now()
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	err := d.open(ctx, cancel)
	if err == nil {
		err = d.play(ctx, began)
	}
	interrupted := outer.Err() != nil
	if cause := context.Cause(ctx); cause != nil && !interrupted {
		err = cause // a part failed, and the story stopped because of it
	}
	if err != nil && !interrupted {
		d.screen.trouble(err, d.logTail())
	}
	cleanup := d.close()
	switch {
	case interrupted && d.held:
		d.screen.say("Stopped, and everything was removed.")
		return cleanup
	case interrupted:
		return errors.Join(errors.New("the demo was interrupted; everything it had started was stopped and removed"), cleanup)
	case err != nil:
		return errors.Join(fmt.Errorf("the demo did not reach its end: %w", err), cleanup)
	}
	return cleanup
}

// play goes through the acts.
func (d *demonstration) play(ctx context.Context, began time.Time) error {
	for _, act := range []func(context.Context) error{
		d.introduce, d.findFaults, d.hurry, d.repair, d.cutOver, d.killNew, d.carryOver,
		func(ctx context.Context) error { return d.conclude(ctx, time.Since(began)) },
	} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	if !d.hold {
		return nil
	}
	d.held = true
	d.shops.Settle(d.traffic) // it may be held for days
	d.screen.say("Everything keeps running until you press Ctrl-C. The console: %s/", d.program.adminURL())
	<-ctx.Done()
	return nil
}

// until asks every few milliseconds whether something has happened, and gives up after patience.
func until(ctx context.Context, what string, patience, every time.Duration, happened func() (bool, error)) error {
	began := time.Now()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		ok, err := happened()
		if err != nil {
			return fmt.Errorf("while waiting until %s: %w", what, err)
		}
		if ok {
			return nil
		}
		if time.Since(began) > patience {
			return fmt.Errorf("%s: this did not happen within %s", what, patience)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// pause lets the traffic go on for a while.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
