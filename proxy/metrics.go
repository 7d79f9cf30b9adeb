package proxy

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"

	"paritygate/compare"
)

// metrics are the data plane's own. Routes' names come from the configuration, so every label is bounded.
type metrics struct {
	comparisons *prometheus.CounterVec
	differences *prometheus.CounterVec
	skipped     *prometheus.CounterVec
	noise       *prometheus.CounterVec
	masked      *prometheus.CounterVec
	fallbacks   *prometheus.CounterVec
	overhead    *tally
	holdTime    prometheus.Histogram
	dropped     *prometheus.CounterVec
	inFlight    prometheus.Gauge
	pending     prometheus.Gauge

	mu     sync.Mutex
	routes map[routeKey]*routeMetrics
}

type routeKey struct {
	name string
	kind Kind
}

// routeMetrics are one route's, looked up once.
type routeMetrics struct {
	answers  [3][2]*tally // by backend and role
	verdicts map[compare.Verdict]prometheus.Counter
}

var codeNames = [6]string{"error", "1xx", "2xx", "3xx", "4xx", "5xx"}

func codeClass(status int) int {
	if status < 100 || status > 599 {
		return 0
	}
	return status / 100
}

func newMetrics() *metrics {
	const p = "paritygate_"
	return &metrics{
		routes: map[routeKey]*routeMetrics{},
		comparisons: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: p + "comparisons_total",
			Help: "Eligible exchanges by their final verdict.",
		}, []string{"route", "verdict"}),
		differences: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: p + "differences_total",
			Help: "Differences found in mismatches.",
		}, []string{"route", "location", "kind"}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: p + "shadow_skipped_total",
			Help: "Eligible exchanges that were not compared, by reason.",
		}, []string{"route", "reason"}),
		noise: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: p + "noise_reads_total",
			Help: "Second reads of the authority: compared with its first answer, or unusable for that.",
		}, []string{"route", "outcome"}),
		masked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: p + "masked_differences_total",
			Help: "Differences that mirror.noise.auto took out of the results.",
		}, []string{"route"}),
		fallbacks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: p + "fallbacks_total",
			Help: "Reads that new failed and old answered in its place.",
		}, []string{"route"}),
		overhead: newTally(&overheadBounds),
		holdTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: p + "write_hold_seconds",
			Help: "Time for which writes were held.", Buckets: seconds(&answerBounds),
		}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: p + "writes_dropped_total",
			Help: "Writes that were not let through to a backend, by reason.",
		}, []string{"reason"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: p + "shadow_in_flight", Help: "Shadows being asked."}),
		pending:  prometheus.NewGauge(prometheus.GaugeOpts{Name: p + "pending", Help: "Eligible exchanges without a final verdict."}),
	}
}

// register registers everything, the gauges that are read from the proxy's parts included.
func (m *metrics) register(r prometheus.Registerer, p *Proxy) error {
	if r == nil {
		return nil
	}
	const name = "paritygate_"
	gauge := func(n, help string, labels prometheus.Labels, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name + n, Help: help, ConstLabels: labels}, f)
	}
	all := []prometheus.Collector{
		answerCollector{m},
		m.comparisons, m.differences, m.skipped, m.noise, m.masked, m.fallbacks, m.holdTime, m.dropped, m.inFlight, m.pending,
		gauge("shadow_queue_length", "Exchanges that wait for a worker.", nil, func() float64 { return float64(len(p.mirror.queue)) }),
		gauge("shadow_memory_bytes", "Memory that captured bodies take.", nil, func() float64 { return float64(p.memory.used.Load()) }),
		gauge("held_writes", "Writes that are held.", nil, func() float64 { return float64(p.Held()) }),
	}
	for _, d := range drops {
		m.dropped.WithLabelValues(d.reason) // a zero is seen before the first
	}
	for _, b := range []Backend{Old, New} {
		for _, role := range []Role{Authority, ShadowRole} {
			all = append(all, gauge("breaker_state", "0 closed, 1 half-open, 2 open.",
				prometheus.Labels{"backend": b.String(), "role": role.String()},
				func() float64 { return breakerStateValue(p.breakers[b][role].state()) }))
		}
	}
	for _, c := range all {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}

func breakerStateValue(s gobreaker.State) float64 {
	switch s {
	case gobreaker.StateHalfOpen:
		return 1
	case gobreaker.StateOpen:
		return 2
	case gobreaker.StateClosed:
	}
	return 0
}

// route returns a route's metrics of one kind, made with zeros when first asked for.
func (m *metrics) route(name string, kind Kind) *routeMetrics {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := routeKey{name, kind}
	if r, ok := m.routes[key]; ok {
		return r
	}
	r := &routeMetrics{verdicts: map[compare.Verdict]prometheus.Counter{}}
	for _, b := range []Backend{Old, New} {
		for _, role := range []Role{Authority, ShadowRole} {
			if role == ShadowRole && kind != Read {
				continue
			}
			r.answers[b][role] = newTally(&answerBounds)
		}
	}
	if kind == Read {
		for _, v := range compare.Verdicts {
			r.verdicts[v] = m.comparisons.WithLabelValues(name, string(v))
		}
		for _, reason := range compare.Reasons {
			m.skipped.WithLabelValues(name, string(reason))
		}
		m.noise.WithLabelValues(name, noiseCompared)
		m.noise.WithLabelValues(name, noiseUnusable)
		m.masked.WithLabelValues(name)
		m.fallbacks.WithLabelValues(name)
	}
	m.routes[key] = r
	return r
}

// The outcomes of a second read.
const (
	noiseCompared = "compared"
	noiseUnusable = "unusable"
)

// fellBack counts a read that old answers in new's place.
func (m *metrics) fellBack(r *route) { m.fallbacks.WithLabelValues(r.Name).Inc() }

// asked enters one answer of a backend, status 0 if there was none.
func (m *metrics) asked(r *route, kind Kind, b Backend, role Role, status int, took time.Duration) {
	rm := r.metrics
	if kind != r.Kind {
		rm = m.route(r.Name, kind)
	}
	rm.answers[b][role].add(codeClass(status), took)
}

// finished enters an exchange's final verdict.
func (m *metrics) finished(x *Exchange, r *route) {
	m.pending.Dec()
	rm := r.metrics
	if r.Kind != Read {
		rm = m.route(r.Name, Read)
	}
	rm.verdicts[x.Result.Verdict].Inc()
	if x.Result.Verdict == compare.Skipped {
		m.skipped.WithLabelValues(r.Name, string(x.Result.Reason)).Inc()
	}
	if len(x.Masked) > 0 {
		m.masked.WithLabelValues(r.Name).Add(float64(len(x.Masked)))
	}
	if x.Result.Verdict == compare.Mismatch {
		for _, d := range x.Result.Differences {
			m.differences.WithLabelValues(r.Name, string(d.Location), string(d.Kind)).Inc()
		}
	}
}
