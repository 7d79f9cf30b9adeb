package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.uber.org/zap"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

// alarm is what a trigger has to tell people, in one epoch: told when it begins and when it has ended, not in between.
type alarm struct {
	what    heldBy    // "": nothing
	reason  string    // the latest
	last    time.Time // when it last held
	told    time.Time // when people were last told, and of what
	toldOf  heldBy
	missing time.Time // since when there is nothing to judge by; zero: there is
	state   cutover.TriggerState
	since   time.Time // of the state
}

// heldBy is why a trigger does not roll back although it has something to say.
type heldBy string

const (
	heldByOperator heldBy = "manual"  // rollback.writes: manual
	heldByOld      heldBy = "alike"   // both backends fail alike
	heldByNothing  heldBy = "no_data" // there is nothing to judge by
)

// calmAfter is how many windows must be over since there was last nothing to judge by, until that has ended: with little traffic at
// night it comes and goes.
const calmAfter = 10

func (t *triggers) alarm(name cutover.TriggerName) *alarm {
	a := t.alerts[name]
	if a == nil {
		a = &alarm{}
		t.alerts[name] = a
	}
	return a
}

// alert tells when a trigger's condition begins to hold without a rollback, and when that has ended; so for missing data, once there was
// none for a whole window.
func (t *triggers) alert(name cutover.TriggerName, plan cutover.Plan, arming cutover.TriggerState, found cutover.TriggerFinding, now time.Time) {
	a, window := t.alarm(name), t.limits.window(name)
	if missing := found.State == cutover.NoData && found.Missing; !missing {
		a.missing = time.Time{}
	} else if a.missing.IsZero() {
		a.missing = now
	}
	var what heldBy
	calm := window
	switch {
	case found.State == cutover.Firing && found.Alike:
		what = heldByOld
	case found.State == cutover.Firing && arming == cutover.Manual:
		what = heldByOperator
	case !a.missing.IsZero() && now.Sub(a.missing) >= window:
		what = heldByNothing
	case a.what == heldByNothing:
		calm = calmAfter * window
	}
	switch {
	case what != "":
		// Old may fail alike at one moment and a little less at the next, which is no news.
		news := a.what == "" || a.toldOf != what && now.Sub(a.told) >= window
		a.what, a.reason, a.last = what, found.Reason, now
		if news {
			a.told, a.toldOf = now, what
			t.tell(name, plan, "alert", what.sentence(name, found.Reason), a, found)
		}
	case a.what != "" && now.Sub(a.last) >= calm:
		t.tell(name, plan, "alert_ended", fmt.Sprintf("%s is over: %s", name, found.Reason), a, found)
		a.what = ""
	}
}

func (h heldBy) sentence(name cutover.TriggerName, reason string) string {
	switch h {
	case heldByOperator:
		return fmt.Sprintf("%s: %s. An operator decides in live (rollback.writes: manual): `paritygate rollback --reason TEXT` goes back", name, reason)
	case heldByOld:
		return fmt.Sprintf("%s: %s. Both backends fail alike, so nothing is rolled back", name, reason)
	case heldByNothing:
		return fmt.Sprintf("%s cannot judge new: %s", name, reason)
	}
	return reason
}

// tell writes a line for the log and one for the audit log.
func (t *triggers) tell(name cutover.TriggerName, plan cutover.Plan, kind, reason string, a *alarm, found cutover.TriggerFinding) {
	t.program.log.Warn(kind, zap.String("trigger", string(name)), zap.String("state", string(a.what)), zap.String("reason", reason))
	basis, _ := json.Marshal(map[string]string{ // strings alone
		"trigger": string(name), "state": string(a.what), "observed": found.Observed, "limit": found.Limit,
	})
	line := evidence.Event{
		Time: time.Now().UTC(), Actor: "trigger:" + string(name), Kind: kind, From: string(plan.Phase), To: string(plan.Phase), Epoch: plan.Epoch,
		Reason: reason, Evidence: basis,
	}
	t.note(line)
}

// note hands a line to the audit log without waiting for it.
func (t *triggers) note(line evidence.Event) {
	select {
	case t.lines <- line:
	default:
		t.program.log.Error("the audit log does not take this: the store hangs", zap.String("kind", line.Kind), zap.String("reason", line.Reason))
	}
}

// returned notes that a rollback is over, with its steps. The change of phase was noted when it began, so this line names no
// phases: whoever looks for what led to rolled_back finds one event.
func (t *triggers) returned(actor string, took time.Duration) {
	p := t.program
	state := p.machine.State()
	basis, _ := json.Marshal(map[string]any{"steps": p.machine.Steps(), "seconds": took.Seconds()}) // plain values
	t.note(evidence.Event{
		Time: time.Now().UTC(), Actor: actor, Kind: "returned", Epoch: state.Epoch,
		Reason: fmt.Sprintf("writes are at old again, after %s; on new alone: %s", took.Round(time.Millisecond), p.keeper.left(state)), Evidence: basis,
	})
}

// write appends the alerts to the audit log, also those that are left when ctx ends.
func (t *triggers) write(ctx context.Context) {
	for {
		select {
		case line := <-t.lines:
			t.program.audit(context.WithoutCancel(ctx), line)
		case <-ctx.Done():
			for {
				select {
				case line := <-t.lines:
					t.program.audit(context.WithoutCancel(ctx), line)
				default:
					return
				}
			}
		}
	}
}

// shownTriggers is what the status says.
type shownTriggers struct {
	epoch uint64
	list  []admin.Trigger
	// alerts has a sentence for each alert that lasts; held are those of them whose condition holds.
	alerts, held []string
}

// unseen lists the triggers before they were looked at.
func unseen(arming cutover.TriggerState) []admin.Trigger {
	out := make([]admin.Trigger, 0, len(cutover.Triggers))
	for _, name := range cutover.Triggers {
		out = append(out, admin.Trigger{Name: string(name), State: arming})
	}
	return out
}

// on adds to what a rollback would mean whether triggers would begin one.
func (t *triggers) on(r admin.Rollback, plan cutover.Plan) admin.Rollback {
	arming := plan.Arming(t.limits.manual)
	r.Armed = arming == cutover.Armed
	if s := t.shown.Load(); s.epoch == plan.Epoch && arming != cutover.Rests {
		r.Triggers = s.list
	} else {
		r.Triggers = unseen(arming)
	}
	return r
}

// warnings has a sentence for each alert that lasts.
func (t *triggers) warnings() []string { return t.shown.Load().alerts }

// held has a sentence for each trigger whose condition holds and that does not roll back.
func (t *triggers) held() []string { return t.shown.Load().held }

// view is a trigger for the status.
func (t *triggers) view(name cutover.TriggerName, arming cutover.TriggerState, found cutover.TriggerFinding, now time.Time) admin.Trigger {
	state := found.State
	if state == cutover.Armed || found.Past {
		state = arming
	}
	a := t.alarm(name)
	if a.state != state {
		a.state, a.since = state, now.UTC()
	}
	reason := found.Reason
	if found.State == cutover.Firing && a.what != "" {
		reason = a.what.sentence(name, reason)
	}
	since := a.since
	return admin.Trigger{Name: string(name), State: state, Observed: found.Observed, Limit: found.Limit, Reason: reason, Since: &since}
}

// show publishes what the triggers say.
func (t *triggers) show(list []admin.Trigger) {
	s := &shownTriggers{epoch: t.epoch, list: list}
	for _, name := range cutover.Triggers {
		a := t.alarm(name)
		if a.what == "" {
			continue
		}
		text := a.what.sentence(name, a.reason)
		s.alerts = append(s.alerts, text)
		if a.what != heldByNothing {
			s.held = append(s.held, text)
		}
	}
	t.shown.Store(s)
}
