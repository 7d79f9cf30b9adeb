package config

import "time"

func checksSchema(p *[]Check) codec {
	return listOf[Check]{
		p: p, make: defaultCheck, key: func(c *Check) string { return c.Name }, in: "name",
		item: func(c *Check) codec {
			return section(
				need("name", name(&c.Name)),
				need("type", oneOf(&c.Type, []string{Count, Scalar, Ratio, Top, Distribution, Rows, Checksum, Schema, Sequences})),
				opt("old", checkSideSchema(&c.Old)),
				opt("new", checkSideSchema(&c.New)),
				opt("tolerance", toleranceSchema(&c.Tolerance)),
				opt("every", durationOf(&c.Every, time.Second)),
				opt("max_age", durationOf(&c.MaxAge, time.Second)),
				opt("strict_at_cutover", boolOf(&c.StrictAtCutover)),
				opt("limit", sparse[int]{&c.Limit, intOf(&c.Limit, 1)}),
				opt("key", columnNames(&c.Key)),
				opt("columns", listOf[CheckColumn]{
					p: &c.Columns, unset: true, key: func(k *CheckColumn) string { return k.Old }, in: "old",
					item: func(k *CheckColumn) codec { return checkColumnSchema(k) },
				}),
				opt("pace", sparse[float64]{&c.Pace, fractionOf(&c.Pace, pace, "25% or 0.25")}),
				opt("tables", listOf[string]{p: &c.Tables, unset: true, key: func(s *string) string { return *s }, item: func(s *string) codec { return table(s) }}),
				opt("rename", dict[string]{p: &c.Rename, unset: true, key: anyKey, item: func(s *string) codec { return someString(s) }}),
				opt("settled", optional[Settled]{p: &c.Settled, item: func(s *Settled) codec {
					return section(
						opt("column", sparse[string]{&s.Column, someString(&s.Column)}),
						need("lag", durationOf(&s.Lag, time.Millisecond)),
					)
				}}),
				opt("max_cost", numberOf(&c.MaxCost, false)),
			)
		},
	}
}

// pace is at least what makes a pause of a minute of half a second's work.
var pace = bounds{least: "0.01", most: "1"}

func checkSideSchema(s *CheckSide) object {
	return section(
		opt("table", sparse[string]{&s.Table, table(&s.Table)}),
		opt("sql", sparse[string]{&s.SQL, someString(&s.SQL)}),
		opt("column", sparse[string]{&s.Column, someString(&s.Column)}),
		opt("schema", sparse[string]{&s.Schema, someString(&s.Schema)}),
		opt("http", optional[CheckHTTP]{p: &s.HTTP, make: defaultCheckHTTP, item: func(h *CheckHTTP) codec {
			return section(
				need("path", perhapsSecret(&h.Path)),
				opt("method", oneOf(&h.Method, []string{"GET", "POST"})),
				opt("headers", dict[string]{p: &h.Headers, key: settableHeader, item: func(s *string) codec { return perhapsSecret(s) }}),
				opt("body", perhapsSecret(&h.Body)),
			)
		}}),
		opt("value", sparse[string]{&s.Value, jsonPath(&s.Value)}),
	)
}

func checkColumnSchema(k *CheckColumn) object {
	return section(
		need("old", someString(&k.Old)),
		opt("new", sparse[string]{&k.New, someString(&k.New)}),
		opt("ignore", sparse[bool]{&k.Ignore, only(&k.Ignore)}),
		opt("tolerance", optional[CheckTolerance]{p: &k.Tolerance, make: noTolerance, item: func(t *CheckTolerance) codec {
			return section(opt("relative", ratioOf(&t.Relative)), opt("absolute", decimalOf(&t.Absolute)))
		}}),
	)
}

func toleranceSchema(t *CheckTolerance) object {
	return section(
		opt("relative", ratioOf(&t.Relative)),
		opt("absolute", decimalOf(&t.Absolute)),
		opt("overlap", sparse[Decimal]{&t.Overlap, ratioOf(&t.Overlap)}),
	)
}

func columnNames(p *[]string) codec {
	return listOf[string]{p: p, unset: true, key: func(s *string) string { return *s }, item: func(s *string) codec { return someString(s) }}
}
