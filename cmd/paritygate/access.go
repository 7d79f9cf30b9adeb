package main

import (
	"context"
	"math/rand/v2"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"paritygate/proxy"
)

// accessQueue is how many records may wait to be written; beyond it they are dropped, since no client waits for a log.
const accessQueue = 4096

// accessLog writes a line for a fraction of the clients' requests.
type accessLog struct {
	fraction float64
	queue    chan proxy.Access
	dropped  prometheus.Counter
	log      *zap.Logger
}

// newAccessLog registers its metric and starts nothing.
func newAccessLog(fraction float64, log *zap.Logger, r prometheus.Registerer) *accessLog {
	a := &accessLog{
		fraction: fraction, queue: make(chan proxy.Access, accessQueue), log: log.Named("access"),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "paritygate_access_log_dropped_total",
			Help: "Lines of the access log that were dropped because the log could not take them in time.",
		}),
	}
	r.MustRegister(a.dropped)
	return a
}

// Sampled implements proxy.AccessLog.
func (a *accessLog) Sampled() bool {
	return a.fraction >= 1 || rand.Float64() < a.fraction // #nosec G404 -- which requests are logged is no secret
}

// Log implements proxy.AccessLog.
func (a *accessLog) Log(record proxy.Access) {
	select {
	case a.queue <- record:
	default:
		a.dropped.Inc()
	}
}

// run writes until ctx ends, and then what is left.
func (a *accessLog) run(ctx context.Context) error {
	for {
		select {
		case record := <-a.queue:
			a.write(&record)
			continue
		default:
		}
		select {
		case record := <-a.queue:
			a.write(&record)
		case <-ctx.Done():
			if len(a.queue) == 0 {
				return nil
			}
		}
	}
}

func (a *accessLog) write(r *proxy.Access) {
	fields := []zap.Field{
		zap.Time("arrived", r.Arrived.UTC()), zap.String("method", r.Method), zap.String("target", r.Target), zap.String("route", r.Route),
		zap.Stringer("kind", r.Kind), zap.Stringer("backend", r.Backend), zap.Int("status", r.Status), zap.Int64("bytes", r.Bytes),
		zap.Float64("duration_seconds", r.Duration.Seconds()), zap.Float64("overhead_seconds", r.Overhead.Seconds()),
		zap.Bool("mirrored", r.Mirrored),
	}
	if r.Trace != "" {
		fields = append(fields, zap.String("trace", r.Trace))
	}
	if r.Cut {
		fields = append(fields, zap.Bool("cut", true))
	}
	a.log.Info("request", fields...)
}
