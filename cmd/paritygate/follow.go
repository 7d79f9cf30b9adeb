package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"paritygate/config"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/internal/journal"
)

// mirroring is the journal's mirror in the run (journal.mirror: follow). Where it carries to follows from the phase:
//
//	shadow, canary, and a cutover until it has caught up    old → new
//	live                                                    new → old
//	rolled_back, complete, and while nobody knows who       it rests
//	may take writes
//
// A flip waits for it once old is drained, and a rollback once new is; after that it sends nothing until another phase is in force.
type mirroring struct {
	program  *Program
	on       bool
	follower atomic.Pointer[journal.Follower] // nil: the journal is not open yet
	carried  *prometheus.CounterVec
	told     chan evidence.Event
}

// mirrorGrace is for how long the oldest write that old lacks may be on its way before what compares both sides is said to rest: under
// many writes some are always on their way.
const mirrorGrace = 5 * time.Second

func newMirroring(p *Program, c *config.Config) *mirroring {
	m := &mirroring{program: p, on: c.Journal.Mirror == config.MirrorFollow, told: make(chan evidence.Event, 16)}
	m.carried = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "paritygate_journal_mirrored_total", Help: "Writes that the journal's mirror carried to a side.",
	}, []string{"to"})
	for _, to := range []journal.Side{journal.Old, journal.New} {
		m.carried.WithLabelValues(string(to))
	}
	p.registry.MustRegister(m.carried, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "paritygate_journal_mirror_lag_records", Help: "Acknowledged writes that the journal's mirror has not carried yet; 0 without one.",
	}, func() float64 { records, _ := m.lag(time.Now()); return float64(records) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "paritygate_journal_mirror_lag_seconds", Help: "Age of the oldest of them; 0 if there is none.",
	}, func() float64 { _, age := m.lag(time.Now()); return age.Seconds() }))
	return m
}

// mirrorTo is where writes are to be carried in a plan.
func mirrorTo(plan *cutover.Plan) journal.Side {
	if plan.Refuse || plan.Hold && plan.Phase != cutover.Cutover {
		return "" // nobody knows who may take writes, or old is not ready for them
	}
	switch plan.Phase {
	case cutover.Shadow, cutover.Canary, cutover.Cutover:
		return journal.New
	case cutover.Live:
		return journal.Old
	case cutover.RolledBack, cutover.Complete:
	}
	return ""
}

// run carries, once the journal is open, until ctx ends. With the mirror off it has what nobody will carry forgotten.
func (m *mirroring) run(ctx context.Context) error {
	p := m.program
	select {
	case <-p.keeper.opened:
	case <-ctx.Done():
		return nil
	}
	j := p.keeper.held.Load()
	if !m.on {
		return m.forget(ctx, j)
	}
	sender, err := p.replaySender()
	if err != nil {
		return err
	}
	f := journal.NewFollower(j, journal.FollowOptions{
		Direction: func() (uint64, journal.Side) {
			plan := p.machine.Plan()
			return plan.Epoch, mirrorTo(plan)
		},
		Grace:   p.current.Load().config.Cutover.Hold.Max, // held for longer, writes are refused
		Carried: func(to journal.Side) { m.carried.WithLabelValues(string(to)).Inc() },
		Told:    m.tell,
		Logger:  p.log,
	}, sender)
	m.follower.Store(f)
	written := make(chan struct{})
	go func() { defer close(written); m.write(ctx) }()
	err = f.Run(ctx)
	<-written
	return err
}

// forget gives up what old accepted and new lacks where writes to old are recorded no more: once some are missing, those before them must
// not be sent, by a mirror that is switched on later.
func (m *mirroring) forget(ctx context.Context, j *journal.Journal) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		phase := m.program.machine.Plan().Phase
		if b := j.Backlog(journal.New); (phase == cutover.Shadow || phase == cutover.Canary) && (b.Unreplayed() > 0 || b.Gaps > 0 || b.Renamed > 0) {
			given := journal.Record{Type: journal.DiscardedRecord, Mark: &journal.Mark{
				To: journal.New, By: "paritygate", Through: j.Status().Seq, Reason: "journal.mirror is off: writes to old are recorded no more, and new gets them by other means",
			}}
			if err := j.Mark(ctx, given); err == nil {
				m.program.log.Warn("journal.mirror is off: what old had accepted and the mirror had not carried will not be sent to new", zap.Int64("writes", b.Unreplayed()))
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// The lines of the audit log.
const (
	mirrorStopped = "mirror_stopped"
	mirrorResumed = "mirror_resumed"
)

// tell hands a line for the audit log over; it does not wait for the disk.
func (m *mirroring) tell(stopped bool, why string) {
	state := m.program.machine.State()
	e := evidence.Event{
		Time: time.Now().UTC(), Actor: "paritygate", Kind: mirrorResumed, From: string(state.Phase), To: string(state.Phase), Epoch: state.Epoch, Reason: why,
	}
	if stopped {
		e.Kind = mirrorStopped
	}
	select {
	case m.told <- e:
	default: // the log has it
	}
}

func (m *mirroring) write(ctx context.Context) {
	for {
		select {
		case e := <-m.told:
			m.program.audit(context.WithoutCancel(ctx), e)
		case <-ctx.Done():
			return
		}
	}
}

// catchUp waits for the mirror, for the flip and the rollback. Without one there is nothing to wait for.
func (m *mirroring) catchUp(ctx context.Context, from cutover.Side) (cutover.Carried, error) {
	if !m.on || from == cutover.Nobody {
		return cutover.Carried{}, nil
	}
	f := m.follower.Load()
	if f == nil {
		return cutover.Carried{}, errors.New("the journal is not open, so the mirror has not begun")
	}
	side := journal.Old
	if from == cutover.New {
		side = journal.New
	}
	carried, left, err := f.CatchUp(ctx, side)
	return cutover.Carried{Writes: carried, Left: left}, err
}

// level reports whether old has every write that new accepted. It is asked for every read.
func (m *mirroring) level() bool {
	if !m.on {
		return false
	}
	j := m.program.keeper.held.Load()
	return j != nil && j.Backlog(journal.Old).Acknowledged == 0
}

// lag is how far the mirror is behind in its direction.
func (m *mirroring) lag(now time.Time) (records int64, age time.Duration) {
	j := m.program.keeper.held.Load()
	to := mirrorTo(m.program.machine.Plan())
	if m.program.machine.Plan().Phase == cutover.RolledBack {
		to = journal.Old // what is left of it
	}
	if !m.on || j == nil || to == "" {
		return 0, 0
	}
	b := j.Backlog(to)
	if !b.OldestUnsent.IsZero() {
		age = max(now.Sub(b.OldestUnsent), 0)
	}
	return b.Acknowledged, age
}

// stale reports whether old's data is behind new's at this moment.
func (p *Program) stale(plan *cutover.Plan) bool { return plan.Stale && !p.mirror.level() }

// trails reports whether old's data stands still, or is behind new's for longer than a write takes on its way.
func (p *Program) trails(plan *cutover.Plan) bool {
	if !plan.Stale || !p.mirror.on {
		return plan.Stale
	}
	if p.keeper.held.Load() == nil {
		return true
	}
	_, age := p.mirror.lag(time.Now())
	return age > mirrorGrace
}

// standing is why old's data is behind new's, as a clause.
func (m *mirroring) standing() string {
	if !m.on {
		return "old stands still since the flip"
	}
	records, age := m.lag(time.Now())
	text := fmt.Sprintf("old is behind: the mirror has not carried %s, the oldest of %s ago", writes(records), rounded(age))
	if f := m.follower.Load(); f != nil && f.Status().Stopped != "" {
		text += ", and is stopped"
	}
	return text
}

// view is the mirror as the status shows it.
func (m *mirroring) view() admin.JournalMirror {
	v := admin.JournalMirror{Mode: config.MirrorOff}
	if !m.on {
		return v
	}
	v.Mode = config.MirrorFollow
	records, age := m.lag(time.Now())
	v.LagRecords, v.LagSeconds = records, age.Seconds()
	switch to := mirrorTo(m.program.machine.Plan()); to {
	case journal.New:
		v.Direction = "old-to-new"
	case journal.Old:
		v.Direction = "new-to-old"
	}
	if f := m.follower.Load(); f != nil {
		s := f.Status()
		v.Stopped, v.StoppedID, v.Waiting = s.Stopped, s.StoppedID, s.Waiting
		if records == 0 {
			v.Waiting = ""
		}
	}
	return v
}

// lines is line as part of a report.
func (m *mirroring) lines() []cutover.Criterion {
	line, ok := m.line()
	if !ok {
		return nil
	}
	return []cutover.Criterion{line}
}

// line says, for a flip and its rehearsal, whether the mirror will catch up while writes are held.
func (m *mirroring) line() (cutover.Criterion, bool) {
	if !m.on {
		return cutover.Criterion{}, false
	}
	v := m.view()
	line := cutover.Criterion{
		Name: mirrorCriterion, Verdict: cutover.Pass, Observed: fmt.Sprintf("%s behind", writes(v.LagRecords)), Required: "new has what old accepted",
		Reason: "the flip waits for the mirror once old is drained",
	}
	switch {
	case m.follower.Load() == nil:
		line.Verdict, line.Reason = cutover.Fail, "the journal is not open, so the mirror has not begun"
	case v.Stopped != "":
		line.Verdict, line.Reason = cutover.Fail, "the mirror is stopped: "+v.Stopped
	case v.LagSeconds > mirrorGrace.Seconds():
		line.Verdict, line.Reason = cutover.Inconclusive, fmt.Sprintf("the oldest write is on its way for %s; the flip is abandoned if it does not arrive while writes are held", rounded(time.Duration(v.LagSeconds*float64(time.Second))))
		if v.Waiting != "" {
			line.Reason += ": " + v.Waiting
		}
	}
	return line, true
}

// carrying is the side to which writes are being sent at this moment; empty if none is.
func (m *mirroring) carrying() journal.Side {
	f := m.follower.Load()
	if f == nil || f.Status().Stopped != "" {
		return ""
	}
	return f.Status().Direction
}

// unwell says why the mirror does not go on; empty if it does.
func (m *mirroring) unwell() string {
	if f := m.follower.Load(); f != nil {
		return f.Status().Stopped
	}
	return ""
}

// doubled warns of what two backends do that carry out every write; empty where there is one.
func doubled(phase cutover.Phase, c *config.Config) string {
	if c.Journal.Mirror != config.MirrorFollow || phase == cutover.Complete {
		return ""
	}
	return "journal.mirror: follow has both backends carry out every write: what a write does besides, such as mails, payments or calls of others, happens twice unless one of the two is kept from it"
}

func (p *Program) openMirror(_ context.Context, c *compiled) error {
	p.mirror = newMirroring(p, c.config)
	return nil
}
