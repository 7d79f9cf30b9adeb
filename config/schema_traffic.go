package config

import "time"

func routesSchema(p *[]Route) codec {
	return listOf[Route]{p: p, key: func(r *Route) string { return r.Name }, in: "name", item: func(r *Route) codec {
		return section(
			need("name", routeName(&r.Name)),
			need("match", matchSchema(&r.Match)),
			need("kind", oneOf(&r.Kind, []string{Read, Write, Bypass})),
			opt("mirror", optional[float64]{p: &r.Mirror, item: func(f *float64) codec { return fractionOf(f, unit, "25% or 0.25") }}),
			opt("optional", boolOf(&r.Optional)),
			opt("canary", optional[bool]{p: &r.Canary, item: func(b *bool) codec { return boolOf(b) }}),
			opt("tolerance", optional[float64]{p: &r.Tolerance, item: func(f *float64) codec { return toleranceOf(f) }}),
			opt("new", section(
				opt("path", sparse[string]{&r.New.Path, pathPattern(&r.New.Path)}),
				opt("query", dict[string]{p: &r.New.Query, key: anyKey, item: func(s *string) codec { return perhapsSecret(s) }}),
			)),
			opt("compare", section(
				opt("headers", unsetNames(&r.Compare.Headers)),
				opt("rules", rulesSchema(&r.Compare.Rules)),
			)),
			opt("idempotent", boolOf(&r.Idempotent)),
		)
	}}
}

func matchSchema(m *Match) object {
	return section(
		opt("methods", listOf[string]{
			p: &m.Methods, key: func(s *string) string { return *s }, item: func(s *string) codec { return method(s) },
		}),
		opt("path", sparse[string]{&m.Path, pathPattern(&m.Path)}),
		opt("host", sparse[string]{&m.Host, hostPattern(&m.Host)}),
		opt("headers", dict[string]{p: &m.Headers, key: canonicalHeader, item: func(s *string) codec { return perhapsSecret(s) }}),
		opt("json", optional[MatchJSON]{p: &m.JSON, item: func(j *MatchJSON) codec {
			return section(need("path", jsonPath(&j.Path)), need("pattern", someString(&j.Pattern)))
		}}),
	)
}

func mirrorSchema(m *Mirror) object {
	return section(
		opt("fraction", fractionOf(&m.Fraction, unit, "10% or 0.1")),
		opt("key", sampleKey(&m.Key)),
		opt("timeout", durationOf(&m.Timeout, time.Millisecond)),
		opt("workers", intOf(&m.Workers, 1)),
		opt("queue", intOf(&m.Queue, 1)),
		opt("memory", sizeOf(&m.Memory, 1)),
		opt("max_rps", numberOf(&m.MaxRPS, false)),
		opt("recheck", section(
			opt("attempts", intOf(&m.Recheck.Attempts, 0)),
			opt("delay", durationOf(&m.Recheck.Delay, 0)),
			opt("max_delay", durationOf(&m.Recheck.MaxDelay, 0)),
			opt("max_rps", numberOf(&m.Recheck.MaxRPS, false)),
		)),
		opt("noise", section(
			opt("fraction", fractionOf(&m.Noise.Fraction, unit, "10% or 0.1")),
			opt("auto", boolOf(&m.Noise.Auto)),
		)),
	)
}

func compareSchema(c *Compare) object {
	return section(
		opt("tolerance", toleranceOf(&c.Tolerance)),
		opt("headers", headerNames(&c.Headers, lowerHeader)),
		opt("max_body", sizeOf(&c.MaxBody, 1)),
		opt("rules", rulesSchema(&c.Rules)),
	)
}

func toleranceOf(p *float64) codec { return fractionOf(p, unit, "1% or 0.01") }

// unsetNames are header names where a missing list means something else than an empty one.
func unsetNames(p *[]string) codec {
	l := headerNames(p, lowerHeader)
	l.unset = true
	return l
}

func rulesSchema(p *[]Rule) codec {
	return listOf[Rule]{p: p, item: func(r *Rule) codec {
		return section(
			opt("path", sparse[string]{&r.Path, jsonPath(&r.Path)}),
			opt("header", sparse[string]{&r.Header, headerName(&r.Header, lowerHeader)}),
			opt("ignore", sparse[string]{&r.Ignore, ignored(&r.Ignore)}),
			opt("number", optional[NumberRule]{p: &r.Number, make: defaultNumberRule, item: func(n *NumberRule) codec {
				return section(opt("absolute", decimalOf(&n.Absolute)), opt("relative", ratioOf(&n.Relative)))
			}}),
			opt("time", optional[TimeRule]{p: &r.Time, item: func(t *TimeRule) codec {
				return section(need("skew", durationOf(&t.Skew, 0)))
			}}),
			opt("coerce", sparse[string]{&r.Coerce, coerced(&r.Coerce)}),
			opt("unordered", sparse[string]{&r.Unordered, unordered(&r.Unordered)}),
			opt("key", sparse[string]{&r.Key, jsonPath(&r.Key)}),
			opt("rename", sparse[string]{&r.Rename, someString(&r.Rename)}),
			opt("csv", optional[CSVRule]{p: &r.CSV, item: func(c *CSVRule) codec {
				return section(need("header", boolOf(&c.Header)))
			}}),
			opt("absent_equals_null", sparse[bool]{&r.AbsentEqualsNull, only(&r.AbsentEqualsNull)}),
		)
	}}
}
