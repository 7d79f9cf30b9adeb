package proxy

import (
	"maps"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The bounds of the buckets of request_duration_seconds and write_hold_seconds, and of overhead_seconds.
var (
	answerBounds = [bucketCount - 1]time.Duration{
		1 * time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
		50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, 1 * time.Second,
		2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	}
	overheadBounds = [bucketCount - 1]time.Duration{
		10 * time.Microsecond, 25 * time.Microsecond, 50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond,
		500 * time.Microsecond, 1 * time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
		25 * time.Millisecond, 50 * time.Millisecond, 250 * time.Millisecond, 1 * time.Second,
	}
)

func seconds(bounds *[bucketCount - 1]time.Duration) []float64 {
	out := make([]float64, len(bounds))
	for i, b := range bounds {
		out[i] = b.Seconds()
	}
	return out
}

var (
	requestsDesc = prometheus.NewDesc("paritygate_requests_total", "Requests to the backends.",
		[]string{"route", "kind", "backend", "role", "code"}, nil)
	durationDesc = prometheus.NewDesc("paritygate_request_duration_seconds",
		"Time from the request to the backend's response headers.", []string{"route", "backend", "role"}, nil)
	overheadDesc = prometheus.NewDesc("paritygate_overhead_seconds",
		"Time that the proxy itself adds to the authority's answer.", nil, nil)
)

// answerCollector shows the tallies to Prometheus.
type answerCollector struct{ m *metrics }

// Describe names the metrics.
func (answerCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- requestsDesc
	ch <- durationDesc
	ch <- overheadDesc
}

// durationKey names one series of request_duration_seconds.
type durationKey struct {
	route   string
	backend Backend
	role    Role
}

// Collect adds the stripes up. The kinds of one route share their durations.
func (c answerCollector) Collect(ch chan<- prometheus.Metric) {
	c.m.mu.Lock()
	routes := maps.Clone(c.m.routes)
	c.m.mu.Unlock()
	durations := map[durationKey]*sum{}
	for key, r := range routes {
		for _, b := range []Backend{Old, New} {
			for i, t := range r.answers[b] {
				if t == nil {
					continue // a write has no shadow
				}
				role := Role(i)
				var one sum
				t.addTo(&one)
				for class, n := range one.classes {
					ch <- prometheus.MustNewConstMetric(requestsDesc, prometheus.CounterValue, float64(n),
						key.name, key.kind.String(), b.String(), role.String(), codeNames[class])
				}
				all := durations[durationKey{key.name, b, role}]
				if all == nil {
					all = &sum{}
					durations[durationKey{key.name, b, role}] = all
				}
				t.addTo(all)
			}
		}
	}
	for key, s := range durations {
		ch <- s.histogram(durationDesc, &answerBounds, key.route, key.backend.String(), key.role.String())
	}
	var overhead sum
	c.m.overhead.addTo(&overhead)
	ch <- overhead.histogram(overheadDesc, &overheadBounds)
}
