package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"paritygate/internal/cutover"
	"paritygate/internal/journal"
	"paritygate/proxy"
)

// metrics are the gauges that follow from the run's state and evidence; they are worked out at each scrape. The packages
// register their own counters.
type metrics struct {
	program *Program

	mismatch, bound, gate, phase        *prometheus.Desc
	epoch, fraction, unreplayed, reload *prometheus.Desc
	canary, refused, fence, forced      *prometheus.Desc
	unwell, unknown, free               *prometheus.Desc
	build                               *prometheus.Desc
	cutovers, rollbacks                 *prometheus.CounterVec
	rollbackSeconds                     *prometheus.HistogramVec
	reloadFailed, certificateFailed     atomic.Bool
}

func newMetrics(p *Program) *metrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("paritygate_"+name, help, labels, nil)
	}
	m := &metrics{
		program:    p,
		mismatch:   desc("parity_mismatch_ratio", "Share of the compared exchanges that mismatch or failed since the window began.", "route"),
		bound:      desc("parity_upper_bound", "Upper bound on the true rate, valid however often it is looked at; 1 if nothing was seen.", "route"),
		gate:       desc("gate_verdict", "1 pass, 0 fail, -1 inconclusive.", "criterion"),
		phase:      desc("phase", "1 for the current phase.", "phase"),
		epoch:      desc("epoch", "The run's epoch."),
		fraction:   desc("mirror_fraction", "Fraction of the reads that is mirrored."),
		canary:     desc("canary_fraction", "Fraction of the reads that new answers in the canary; 0 in every other phase."),
		unreplayed: desc("rollback_unreplayed_writes", "Writes that new may have taken and old does not have."),
		refused:    desc("writes_refused", "1 while writes get 503, because it is not known which backend may take them."),
		fence:      desc("fence_standing", "1 while old is fenced, or may be."),
		forced:     desc("forced", "1 if the run was once flipped past a gate that did not pass."),
		unwell:     desc("unwell", "1 for a part that does not work as it should.", "part"),
		unknown:    desc("journal_unknown_writes", "Writes that one side may lack, since nobody knows whether the other one carried them out."),
		free:       desc("journal_free_bytes", "Room on the journal's disk."),
		reload:     desc("config_reload_success", "1 if the last reload of the configuration and of the TLS certificate succeeded, or none was asked for."),
		build:      desc("build_info", "The build; always 1.", "version", "commit", "go_version"),
		cutovers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "paritygate_cutovers_total", Help: "Flips that were begun, by how they ended.",
		}, []string{"outcome"}),
		rollbacks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "paritygate_rollbacks_total", Help: "Rollbacks, by what asked for them.",
		}, []string{"trigger"}),
		rollbackSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "paritygate_rollback_duration_seconds", Help: "From the decision to the writes being at old again.",
			Buckets: []float64{.005, .025, .1, .25, .5, 1, 2, 5},
		}, []string{"trigger"}),
	}
	for _, trigger := range append([]cutover.TriggerName{"operator"}, cutover.Triggers...) {
		m.rollbacks.WithLabelValues(string(trigger))
		m.rollbackSeconds.WithLabelValues(string(trigger))
	}
	for _, outcome := range []string{committed, abandoned} {
		m.cutovers.WithLabelValues(outcome)
	}
	p.registry.MustRegister(m, m.cutovers, m.rollbacks, m.rollbackSeconds)
	return m
}

// The outcomes of a flip.
const (
	committed = "committed"
	abandoned = "abandoned"
)

// flipped counts a flip that an operator asked for. One that was refused before it began is none.
func (m *metrics) flipped(err error) {
	switch {
	case err == nil:
		m.cutovers.WithLabelValues(committed).Inc()
	case errors.Is(err, cutover.ErrFlip):
		m.cutovers.WithLabelValues(abandoned).Inc()
	}
}

func (m *metrics) reloaded(ok bool)        { m.reloadFailed.Store(!ok) }
func (m *metrics) certificateRead(ok bool) { m.certificateFailed.Store(!ok) }

// rolledBack counts a rollback. The label is the trigger's name or `operator`, never a user's.
func (p *Program) rolledBack(actor string, took time.Duration) {
	trigger, ok := strings.CutPrefix(actor, "trigger:")
	if !ok || !slices.Contains(cutover.Triggers, cutover.TriggerName(trigger)) {
		trigger = "operator"
	}
	p.metrics.rollbacks.WithLabelValues(trigger).Inc()
	p.metrics.rollbackSeconds.WithLabelValues(trigger).Observe(took.Seconds())
	p.triggers.returned(actor, took)
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.mismatch, m.bound, m.gate, m.phase, m.epoch, m.fraction, m.canary, m.unreplayed, m.refused, m.fence, m.forced, m.unwell, m.unknown, m.free, m.reload, m.build} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	p := m.program
	c := p.current.Load()
	state, b := p.machine.State(), buildInfo()
	for _, phase := range cutover.Phases {
		gauge(m.phase, truth(phase == state.Phase), string(phase))
	}
	gauge(m.epoch, float64(state.Epoch))
	gauge(m.fraction, state.MirrorFraction)
	gauge(m.canary, p.machine.Plan().Canary)
	gauge(m.unreplayed, float64(p.keeper.left(state).total()))
	m.collectJournal(gauge)
	gauge(m.refused, truth(p.machine.Plan().Refuse))
	gauge(m.fence, truth(state.Fenced))
	gauge(m.forced, truth(state.Forced != ""))
	unwell := map[string]bool{}
	for _, u := range p.health.unwell() {
		unwell[u.Part] = true
	}
	for _, part := range healthParts {
		gauge(m.unwell, truth(unwell[part]), part)
	}
	gauge(m.reload, truth(!m.reloadFailed.Load() && !m.certificateFailed.Load()))
	gauge(m.build, 1, b.Version, b.Commit, b.Go)

	bound := cutover.Bound{Confidence: c.config.Gate.Confidence}
	reads := map[string]bool{}
	for _, r := range routesOf(c) {
		reads[r.name] = r.kind == proxy.Read
	}
	stats := append(p.store.Routes(), p.store.Total())
	for i := range stats {
		name := stats[i].Route
		if i == len(stats)-1 {
			name = "_all"
		} else if !reads[name] {
			continue
		}
		gauge(m.mismatch, mismatchRate(&stats[i]), name)
		gauge(m.bound, bound.Upper(stats[i].Units, stats[i].BadUnits), name)
	}
	m.collectGate(gauge)
}

func (m *metrics) collectJournal(gauge func(*prometheus.Desc, float64, ...string)) {
	k := m.program.keeper
	if j, err := k.journal(); err == nil {
		unknown := j.Backlog(journal.Old).Unknown
		if m.program.mirror.on {
			unknown += j.Backlog(journal.New).Unknown
		}
		gauge(m.unknown, float64(unknown))
	}
	if free := k.free(); free != nil {
		gauge(m.free, float64(*free))
	}
}

func (m *metrics) collectGate(gauge func(*prometheus.Desc, float64, ...string)) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	report, err := m.program.gate(ctx)
	if err != nil {
		gauge(m.gate, verdictValue(cutover.Inconclusive), "_all")
		return
	}
	gauge(m.gate, verdictValue(report.Verdict), "_all")
	for _, c := range report.Criteria {
		gauge(m.gate, verdictValue(c.Verdict), c.Name)
	}
}

func verdictValue(v cutover.Verdict) float64 {
	switch v {
	case cutover.Pass:
		return 1
	case cutover.Fail:
		return 0
	case cutover.Inconclusive:
	}
	return -1
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
