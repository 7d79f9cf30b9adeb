package journal

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	records, bytes, refused, missed prometheus.Counter
	sync                            prometheus.Histogram
	segments, unavailable           prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return register(r, prometheus.NewCounter(prometheus.CounterOpts{Name: "paritygate_journal_" + name, Help: help}))
	}
	gauge := func(name, help string) prometheus.Gauge {
		return register(r, prometheus.NewGauge(prometheus.GaugeOpts{Name: "paritygate_journal_" + name, Help: help}))
	}
	return &metrics{
		records: counter("records_total", "Records that were written to the journal."),
		bytes:   counter("bytes_total", "Bytes of the records that were written to the journal."),
		refused: counter("refused_writes_total", "Writes to new that were refused because the journal did not take them."),
		missed:  counter("missed_writes_total", "Writes to old that were forwarded without a record because the journal did not take them."),
		sync: register(r, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "paritygate_journal_sync_seconds", Help: "How long a sync of the journal took.", Buckets: prometheus.ExponentialBuckets(0.00005, 2, 16),
		})),
		segments:    gauge("segments", "Segments of the journal."),
		unavailable: gauge("unavailable", "Whether the journal takes no records at the moment (1) or does (0)."),
	}
}

// register registers a collector, or returns the one of an earlier journal of this process.
func register[C prometheus.Collector](r prometheus.Registerer, c C) C {
	if r == nil {
		return c
	}
	err := r.Register(c)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if existing, ok := already.ExistingCollector.(C); ok {
			return existing
		}
	}
	return c
}
