package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/internal/journal"
)

// replays runs replays, one after the other, on a goroutine of the program's. Whoever begins one polls.
type replays struct {
	program *Program
	sender  func() (carrying, error)
	jobs    chan replayJob

	mu     sync.Mutex
	shown  admin.Replay
	cancel context.CancelCauseFunc // of the one that runs; nil: none does
}

// replayJob is a replay that was asked for.
type replayJob struct {
	ctx     context.Context //nolint:containedctx // ends with StopReplay
	journal *journal.Journal
	options journal.ReplayOptions
	actor   string
	epoch   uint64
}

var (
	errStopReplay = errors.New("an operator stopped it")
	errEnds       = errors.New("paritygate was stopped")
	errWentOn     = errors.New("the run went on")
)

func newReplays(p *Program) *replays {
	return &replays{program: p, sender: p.replaySender, jobs: make(chan replayJob, 1), shown: admin.Replay{State: admin.ReplayNone}}
}

// running reports whether a replay runs that sends.
func (r *replays) running() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cancel != nil && !r.shown.DryRun
}

// run makes the replays that are asked for, until ctx ends; the one under way is stopped then.
func (r *replays) run(ctx context.Context) error {
	for {
		select {
		case job := <-r.jobs:
			cut, cancel := context.WithCancel(context.WithoutCancel(ctx))
			stop := context.AfterFunc(ctx, func() {
				r.interrupt(errEnds)
				time.AfterFunc(replayGrace, cancel)
			})
			r.work(job, cut)
			stop()
			cancel()
		case <-ctx.Done():
			return nil
		}
	}
}

func (r *replays) interrupt(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil && r.shown.State == admin.ReplayRunning {
		r.shown.State = admin.ReplayStopping
		r.cancel(why)
	}
}

// StartReplay begins a replay.
func (s *service) StartReplay(_ context.Context, change admin.Change, q admin.ReplayRequest) (admin.Replay, error) {
	state := s.machine.State()
	if err := s.sameEpoch(change); err != nil {
		return admin.Replay{}, err
	}
	if state.Phase != cutover.RolledBack {
		return admin.Replay{}, admin.Errorf(admin.CodeWrongPhase, "%w", replayMisplaced(state.Phase))
	}
	o, err := replayOptions(q)
	if err != nil {
		return admin.Replay{}, admin.Errorf(admin.CodeBadRequest, "%w", err)
	}
	j, err := s.keeper.journal()
	if err != nil {
		return admin.Replay{}, admin.Errorf(admin.CodeUnavailable, "%w", err)
	}
	s.current.Load().fillReplay(&o)
	o.Allowed = func() error { return replayable(s.machine.State(), state.Epoch) }
	return s.replays.start(j, o, change.Actor, state.Epoch)
}

// replayMisplaced refuses a replay in another phase.
func replayMisplaced(phase cutover.Phase) error {
	return fmt.Errorf("a replay runs in rolled_back only, and the run is in %s: while a backend takes writes by right, sent ones would mix with them", phase)
}

// replayable says why nothing may be sent any more; nil while it may.
func replayable(now cutover.State, epoch uint64) error {
	if now.Phase != cutover.RolledBack || now.Epoch != epoch {
		return fmt.Errorf("%w to %s, epoch %d", errWentOn, now.Phase, now.Epoch)
	}
	return nil
}

func (r *replays) start(j *journal.Journal, o journal.ReplayOptions, actor string, epoch uint64) (admin.Replay, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		cancel(nil)
		return admin.Replay{}, admin.Errorf(admin.CodeConflict, "a replay to %s runs already, begun by %s at %s", r.shown.To, r.shown.Actor, r.shown.Began.Format(time.RFC3339))
	}
	r.cancel = cancel
	r.shown = admin.Replay{State: admin.ReplayRunning, To: string(o.To), DryRun: o.DryRun, Actor: actor, Began: time.Now().UTC()}
	r.jobs <- replayJob{ctx, j, o, actor, epoch}
	return r.shown, nil
}

// replayGrace is how long what a replay has under way may keep the process from ending.
const replayGrace = 3 * time.Second

// work makes one replay. What is under way when cut ends is given up.
func (r *replays) work(job replayJob, cut context.Context) {
	p := r.program
	ctx := context.WithoutCancel(job.ctx)
	event := evidence.Event{Actor: job.actor, Kind: "replay", From: string(cutover.RolledBack), To: string(cutover.RolledBack), Epoch: job.epoch}
	if !job.options.DryRun {
		begun := event
		begun.Reason = replayBegins(job.options, job.journal.Backlog(job.options.To))
		p.audit(ctx, begun)
	}
	var s journal.Summary
	sender, err := r.sender()
	if err == nil {
		s, err = job.journal.Replay(job.ctx, job.options, cutting{sender, cut}, r.progress)
		sender.Close()
	}
	summary := replaySummary(s)
	event.Reason, event.Evidence = replayEnds(summary), asJSON(summary)
	if err != nil {
		p.log.Error("the replay could not begin", zap.Error(err))
		event.Reason, event.Evidence = "nothing was sent: "+err.Error(), nil
	}
	if !job.options.DryRun {
		p.audit(ctx, event)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cancel(nil)
	r.cancel = nil
	r.shown.State, r.shown.InFlight, r.shown.Away, r.shown.ETASeconds = admin.ReplayEnded, 0, "", nil
	r.shown.Seconds = time.Since(r.shown.Began).Seconds()
	if err != nil {
		r.shown.Error = err.Error()
		return
	}
	r.shown.Total, r.shown.Sent, r.shown.Summary = summary.Total, summary.Sent, &summary
}

// cutting gives up what is under way when a context ends.
type cutting struct {
	carrying
	cut context.Context //nolint:containedctx // of the process, not of a call
}

func (c cutting) Send(ctx context.Context, to journal.Side, w *journal.Write, key string) (*journal.Answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.cut, cancel)()
	return c.carrying.Send(ctx, to, w, key)
}

// progress takes how far it is.
func (r *replays) progress(g journal.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fillProgress(&r.shown, g)
}

// fillProgress writes progress as the API shows it.
func fillProgress(shown *admin.Replay, g journal.Progress) {
	shown.Total, shown.Sent, shown.InFlight, shown.Away, shown.Withheld = g.Total, g.Sent, g.InFlight, g.Away, g.Withheld
	shown.Seconds = time.Since(shown.Began).Seconds()
	shown.PerSecond, shown.ETASeconds = 0, nil
	if g.Sent > 0 && shown.Seconds > 0 {
		shown.PerSecond = float64(g.Sent) / shown.Seconds
		eta := float64(g.Total-g.Sent) / shown.PerSecond
		shown.ETASeconds = &eta
	}
}

// Replay returns the replay that runs, or the last one.
func (s *service) Replay(context.Context) (admin.Replay, error) {
	return s.replays.look(), nil
}

func (r *replays) look() admin.Replay {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shown
}

// StopReplay asks the replay that runs to stop.
func (s *service) StopReplay(ctx context.Context, _ admin.Change) (admin.Replay, error) {
	s.replays.interrupt(errStopReplay)
	return s.Replay(ctx)
}

// The bounds of a replay's rate, in writes a second, within which its pauses and its estimate can be reckoned.
const (
	minReplayRate = 0.001
	maxReplayRate = 1e6
)

// replayOptions reads a request.
func replayOptions(q admin.ReplayRequest) (journal.ReplayOptions, error) {
	o := journal.ReplayOptions{To: journal.Side(q.To), From: q.From, DryRun: q.DryRun, Rate: q.Rate, Concurrency: q.Concurrency}
	if q.Rate != 0 && !(q.Rate >= minReplayRate && q.Rate <= maxReplayRate) { // NaN is neither
		return o, fmt.Errorf("rate: must be 0 (no limit), or from %v to %v writes a second, not %v", minReplayRate, maxReplayRate, q.Rate)
	}
	if q.Concurrency > journal.MaxConcurrency {
		return o, fmt.Errorf("concurrency: must be at most %d, not %d", journal.MaxConcurrency, q.Concurrency)
	}
	for _, what := range q.ContinueOn {
		status, err := strconv.Atoi(what)
		switch {
		case what == "conflict":
			o.Conflicts = true
		case err != nil || status < 100 || status > 599:
			return o, fmt.Errorf("continue_on: must be statuses such as 404, or conflict, not %q", what)
		default:
			o.ContinueOn = append(o.ContinueOn, status)
		}
	}
	return o, nil
}

// fillReplay adds what the configuration says of replays.
func (c *compiled) fillReplay(o *journal.ReplayOptions) {
	for name := range c.config.Journal.Replay.Set {
		o.Replaced = append(o.Replaced, name)
	}
	slices.Sort(o.Replaced)
	secrets := evidence.NewSecrets(c.redactor, c.config.Redact.Headers)
	o.Redact = func(contentType string, body []byte) []byte {
		return secrets.Body(http.Header{"Content-Type": {contentType}}, body)
	}
}

// replayBegins and replayEnds are lines of the audit log.
func replayBegins(o journal.ReplayOptions, b journal.Backlog) string {
	text := fmt.Sprintf("begins to send %s to %s", writes(b.Acknowledged), o.To)
	if o.From != "" {
		text += ", from " + o.From + " on"
	}
	if len(o.ContinueOn) > 0 || o.Conflicts {
		var on []string
		for _, status := range o.ContinueOn {
			on = append(on, strconv.Itoa(status))
		}
		if o.Conflicts {
			on = append(on, "conflict")
		}
		text += "; goes on over " + strings.Join(on, ", ")
	}
	return text
}

func replayEnds(s admin.ReplaySummary) string {
	text := fmt.Sprintf("%d of %s sent to %s", s.Sent, writes(s.Total), s.To)
	if s.Stopped != nil {
		text += "; stopped: " + s.Stopped.Message
	}
	return text
}

func asJSON(v any) json.RawMessage {
	body, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return body
}

// replaySummary is the summary as the API gives it.
func replaySummary(s journal.Summary) admin.ReplaySummary {
	out := admin.ReplaySummary{
		To: string(s.To), DryRun: s.DryRun, Total: s.Total, Sent: s.Sent, Accepted: s.Accepted, Skipped: s.Skipped, Left: s.Left, Unknown: s.Unknown,
		Conflicts: s.Conflicts, IDsChanged: s.IDsChanged, Changed: []admin.ReplayID{}, Seconds: s.Took.Seconds(), Stopped: replayStop(s.Stopped),
		Withheld: s.Withheld, EstimateSeconds: s.Estimate.Seconds(),
	}
	for _, c := range s.Changed {
		out.Changed = append(out.Changed, admin.ReplayID{ID: c.ID, Method: c.Method, Path: c.Path, Differs: c.Differs})
	}
	for _, r := range s.Routes {
		out.Routes = append(out.Routes, admin.ReplayRoute{Route: r.Route, Method: r.Method, Count: r.Count})
	}
	for _, err := range s.Obstacles {
		out.Obstacles = append(out.Obstacles, *replayStop(err))
	}
	return out
}

// replayStop says what stopped a replay; nil if nothing did.
func replayStop(err error) *admin.ReplayStop {
	if err == nil {
		return nil
	}
	stop := &admin.ReplayStop{Code: "failed", Message: err.Error()}
	var (
		conflict   *journal.Conflict
		overtaken  *journal.Overtaken
		renamed    *journal.Renamed
		answered   *journal.Answered
		unanswered *journal.Unanswered
		away       *journal.Away
		damage     *journal.Damage
	)
	switch {
	case errors.As(err, &conflict):
		stop.Code, stop.ID = "conflict", conflict.ID
	case errors.As(err, &overtaken):
		stop.Code, stop.ID = "conflict", overtaken.ID
	case errors.As(err, &renamed):
		stop.Code, stop.ID = "renamed", renamed.ID
	case errors.As(err, &answered):
		stop.Code, stop.ID = "status", answered.ID
	case errors.As(err, &unanswered):
		stop.Code, stop.ID = "unanswered", unanswered.ID
	case errors.As(err, &away):
		stop.Code = "away"
	case errors.As(err, &damage):
		stop.Code = "damage"
		stop.Message += "; put the file back from a copy, and run the replay again (`paritygate journal verify` names all that is damaged), " +
			"or carry over by hand what `journal list` and your own records show, and give up the rest with `resume --discard --reason TEXT`"
	case errors.Is(err, journal.ErrUnavailable):
		stop.Code = "journal"
	case errors.Is(err, errWentOn):
		stop.Code = "phase"
	case errors.Is(err, errStopReplay), errors.Is(err, errEnds):
		stop.Code = "interrupted"
	}
	return stop
}
