package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
)

// What is nothing at the moment has no line; what a person must know at night has one, and all of it is one screen.
func TestStatusIsOneScreen(t *testing.T) {
	full := admin.Status{
		Run: "shop", Phase: cutover.Cutover, Epoch: 4, Reason: "go", Actor: "alice", Forced: "past the gate: the difference is known", HeldWrites: 12,
		Canary: admin.Fraction{Fraction: .05}, Fence: admin.Fence{Configured: true, Standing: true},
		Cutover: admin.Flip{Steps: []cutover.Step{{Name: cutover.StepChecks, Began: time.Unix(1, 0), Seconds: 1.5, Limit: 9.5, Outcome: cutover.UnderWay}}},
		Rollback: admin.Rollback{Safe: true, Armed: true, Triggers: []admin.Trigger{
			{Name: "error_rate", State: cutover.Armed},
			{Name: "latency", State: cutover.NoData},
			{Name: "checks", State: cutover.Rests},
			{Name: "client_errors", State: cutover.Firing, Reason: "both backends fail alike: 40 % of 60"},
		}},
		Unwell: []admin.Unwell{{Part: "backends.new", Message: "cannot be reached"}}, Warnings: []string{"no check is strict"},
	}
	text := func(s admin.Status) string {
		var out bytes.Buffer
		printStatus(&printer{out: &out}, s)
		return out.String()
	}
	got := text(full)
	for _, want := range []string{
		"forced    past the gate: the difference is known\n", "step      checks 1.50s of 9.5s under way\n", "held      12 writes wait\n",
		"canary    5% of the reads are answered by new\n", "triggers  firing: client_errors; armed: error_rate; no data: latency\n",
		"fence     up: old refuses the application's writes\n",
		"unwell: backends.new: cannot be reached\n", "warning: no check is strict\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "\n"); n > 24 {
		t.Errorf("%d lines are more than a screen", n)
	}
	calm := text(admin.Status{Run: "shop", Phase: cutover.Shadow, Rollback: admin.Rollback{Safe: true}})
	for _, row := range []string{"forced", "step", "held", "canary", "triggers", "fence", "unwell", "warning"} {
		if strings.Contains(calm, "\n"+row) {
			t.Errorf("a calm run has a line for %s:\n%s", row, calm)
		}
	}
}

// Only what has a way back is called safe: after the end of the run there is none, and nothing is mirrored.
func TestACompleteRunHasNoWayBack(t *testing.T) {
	var out bytes.Buffer
	state := cutover.State{Phase: cutover.Complete}
	printStatus(&printer{out: &out}, admin.Status{Phase: state.Phase, Mirror: admin.Fraction{Fraction: .9}, Rollback: rollbackSafety(state, left{acknowledged: 400, bypassed: 9})})
	for _, want := range []string{"rollback  NOT safe: the run is complete and has no way back; on new alone: 400 writes that new accepted, 9 writes that bypassed the journal\n", "mirror    nothing: the run is complete\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
