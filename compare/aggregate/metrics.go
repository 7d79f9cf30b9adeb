package aggregate

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the gauges of the checks. A check that has not run has none, and one without a variance has no variance.
type metrics struct {
	variance, verdict, duration, timestamp, maxAge *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "paritygate", Name: name, Help: help}, []string{"check"})
	}
	m := &metrics{
		variance:  gauge("check_variance_ratio", "How far the two databases are apart in a check's last run, as a ratio."),
		verdict:   gauge("check_verdict", "Verdict of a check's last run: 1 pass, 0 fail, -1 inconclusive."),
		duration:  gauge("check_duration_seconds", "How long a check's last run took."),
		timestamp: gauge("check_timestamp_seconds", "When a check last ran, in seconds since 1970."),
		maxAge:    gauge("check_max_age_seconds", "How old a check's pass may be."),
	}
	if reg == nil {
		return m, nil
	}
	var errs []error
	for _, g := range m.all() {
		errs = append(errs, reg.Register(g))
	}
	return m, errors.Join(errs...)
}

func (m *metrics) all() []*prometheus.GaugeVec {
	return []*prometheus.GaugeVec{m.variance, m.verdict, m.duration, m.timestamp, m.maxAge}
}

func (m *metrics) observe(r Result, maxAge time.Duration) {
	if r.Variance != nil {
		m.variance.WithLabelValues(r.Name).Set(*r.Variance)
	} else {
		m.variance.DeleteLabelValues(r.Name)
	}
	verdict := -1.0
	switch r.Verdict {
	case Pass:
		verdict = 1
	case Fail:
		verdict = 0
	case Inconclusive:
	}
	m.verdict.WithLabelValues(r.Name).Set(verdict)
	m.duration.WithLabelValues(r.Name).Set(r.Duration.Seconds())
	m.timestamp.WithLabelValues(r.Name).Set(float64(r.At.UnixMilli()) / 1e3)
	m.maxAge.WithLabelValues(r.Name).Set(maxAge.Seconds())
}

// forget drops the series of a check that is no more.
func (m *metrics) forget(name string) {
	for _, g := range m.all() {
		g.DeleteLabelValues(name)
	}
}
