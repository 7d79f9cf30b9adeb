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
	quantile := bounds{least: "0", most: "1", openLeast: true, openMost: true}
	return section(
		opt("error_rate", section(
			opt("threshold", fractionOf(&r.ErrorRate.Threshold, threshold, "5% or 0.05")),
			opt("window", durationOf(&r.ErrorRate.Window, 100*time.Millisecond)),
			opt("min_requests", intOf(&r.ErrorRate.MinRequests, 1)),
			opt("min_failures", intOf(&r.ErrorRate.MinFailures, 1)),
			opt("min_distinct", intOf(&r.ErrorRate.MinDistinct, 1)),
		)),
		opt("client_errors", section(
			opt("ratio", numberOf(&r.ClientErrors.Ratio, true)),
			opt("threshold", fractionOf(&r.ClientErrors.Threshold, threshold, "10% or 0.1")),
			opt("window", durationOf(&r.ClientErrors.Window, 100*time.Millisecond)),
		)),
		opt("latency", section(
			opt("quantile", fractionOf(&r.Latency.Quantile, quantile, "99% or 0.99")),
			opt("ratio", numberOf(&r.Latency.Ratio, true)),
			opt("floor", durationOf(&r.Latency.Floor, 0)),
			opt("window", durationOf(&r.Latency.Window, 100*time.Millisecond)),
		)),
		opt("parity", section(
			opt("threshold", fractionOf(&r.Parity.Threshold, threshold, "5% or 0.05")),
			opt("window", durationOf(&r.Parity.Window, 100*time.Millisecond)),
			opt("min_requests", intOf(&r.Parity.MinRequests, 1)),
		)),
		opt("checks", section(opt("failures", intOf(&r.Checks.Failures, 1)))),
		opt("writes", oneOf(&r.Writes, []string{WritesAuto, WritesManual})),
		opt("fallback", oneOf(&r.Fallback, []string{FallbackCanary, FallbackAlways, FallbackOff})),
		opt("drain", durationOf(&r.Drain, 0)),
	)
}

func cutoverSchema(c *Cutover) object {
	return section(
		opt("hold", section(
			opt("max", durationOf(&c.Hold.Max, time.Millisecond)),
			opt("requests", intOf(&c.Hold.Requests, 1)),
			opt("bytes", sizeOf(&c.Hold.Bytes, 1)),
		)),
		opt("drain", durationOf(&c.Drain, time.Millisecond)),
		opt("prepare", listOf[Prepare]{p: &c.Prepare, item: func(p *Prepare) codec {
			return section(
				need("on", oneOf(&p.On, []string{OnOld, OnNew})),
				need("sql", statements(&p.SQL)),
				opt("undo", statements(&p.Undo)),
			)
		}}),
		opt("fence", fenceSchema(&c.Fence)),
	)
}

func fenceSchema(p **Fence) codec {
	return fenceCodec{p, optional[Fence]{p: p, item: func(f *Fence) codec {
		return section(
			need("dsn", perhapsDSN(&f.DSN)),
			need("sql", statements(&f.SQL)),
			need("verify", section(
				need("dsn", perhapsDSN(&f.Verify.DSN)),
				need("sql", someString(&f.Verify.SQL)),
			)),
			need("unfence", statements(&f.Unfence)),
			opt("exempt", boolOf(&f.Exempt)),
		)
	}}}
}

// fenceCodec takes a fence whose DSN is empty, as `${OLD_ADMIN_URL:-}` may be, for none.
type fenceCodec struct {
	p **Fence
	optional[Fence]
}

func (f fenceCodec) decode(d *decoder, n *node, path string) {
	f.optional.decode(d, n, path)
	if fence := *f.p; fence != nil && fence.DSN == "" && d.ok(path) {
		*f.p = nil
	}
}

func statements(p *[]string) codec {
	return listOf[string]{p: p, item: func(s *string) codec { return someString(s) }}
}
