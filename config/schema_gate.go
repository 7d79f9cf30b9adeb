package config

import "time"

func gateSchema(g *Gate) object {
	confidence := bounds{least: "0.5", most: "1", openMost: true}
	quantile := bounds{least: "0", most: "1", openLeast: true, openMost: true}
	return section(
		opt("confidence", fractionOf(&g.Confidence, confidence, "95% or 0.95")),
		opt("min_samples", intOf(&g.MinSamples, 1)),
		opt("min_samples_per_route", intOf(&g.MinSamplesPerRoute, 1)),
		opt("max_skipped", fractionOf(&g.MaxSkipped, unit, "20% or 0.2")),
		opt("max_lagged", fractionOf(&g.MaxLagged, unit, "5% or 0.05")),
		opt("max_gap", durationOf(&g.MaxGap, time.Second)),
		opt("error_rate", fractionOf(&g.ErrorRate, unit, "1% or 0.01")),
		opt("latency", section(
			opt("quantile", fractionOf(&g.Latency.Quantile, quantile, "99% or 0.99")),
			opt("ratio", numberOf(&g.Latency.Ratio, true)),
			opt("floor", durationOf(&g.Latency.Floor, 0)),
		)),
		opt("attestations", listOf[string]{
			p: &g.Attestations, key: func(s *string) string { return *s }, item: func(s *string) codec { return name(s) },
		}),
	)
}

func rollbackSchema(r *Rollback) object {
	threshold := bounds{least: "0", most: "1", openLeast: true}
	return section(
		opt("error_rate", section(
			opt("threshold", fractionOf(&r.ErrorRate.Threshold, threshold, "5% or 0.05")),
			opt("window", durationOf(&r.ErrorRate.Window, 100*time.Millisecond)),
			opt("min_requests", intOf(&r.ErrorRate.MinRequests, 1)),
			opt("min_failures", intOf(&r.ErrorRate.MinFailures, 1)),
			opt("min_distinct", intOf(&r.ErrorRate.MinDistinct, 1)),
		)),
		opt("fallback", oneOf(&r.Fallback, []string{FallbackCanary, FallbackAlways, FallbackOff})),
		opt("drain", durationOf(&r.Drain, 0)),
	).without("client_errors", "latency", "parity", "checks", "writes")
}

func cutoverSchema(c *Cutover) object {
	return section(
		opt("hold", section(
			opt("max", durationOf(&c.Hold.Max, time.Millisecond)),
			opt("requests", intOf(&c.Hold.Requests, 1)),
			opt("bytes", sizeOf(&c.Hold.Bytes, 1)),
		)),
		opt("drain", durationOf(&c.Drain, time.Millisecond)),
	).without("prepare", "fence")
}
