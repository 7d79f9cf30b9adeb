package config

import (
	"net/netip"
	"time"
)

// schema binds every key of the file to its field in c. What a later version will have is named, so that a file written
// for it gets a better answer than "unknown".
func schema(c *Config) object {
	return section(
		need("run", section(
			need("name", runName(&c.Run.Name)),
			opt("window", durationOf(&c.Run.Window, 0)),
			opt("soak", durationOf(&c.Run.Soak, 0)),
		)),
		opt("listen", listenSchema(&c.Listen)),
		opt("admin", adminSchema(&c.Admin)),
		need("backends", section(
			need("old", backendSchema(&c.Backends.Old)),
			need("new", backendSchema(&c.Backends.New)),
		)),
		opt("databases", databasesSchema(&c.Databases)),
		opt("routes", routesSchema(&c.Routes)),
		opt("mirror", mirrorSchema(&c.Mirror)),
		opt("compare", compareSchema(&c.Compare)),
		opt("checks", checksSchema(&c.Checks)),
		opt("gate", gateSchema(&c.Gate)),
		opt("canary", section(
			opt("fraction", fractionOf(&c.Canary.Fraction, unit, "5% or 0.05")),
			opt("key", sampleKey(&c.Canary.Key)),
			opt("after_write", durationOf(&c.Canary.AfterWrite, 0)),
		)),
		opt("rollback", rollbackSchema(&c.Rollback)),
		opt("cutover", cutoverSchema(&c.Cutover)),
		opt("journal", journalSchema(&c.Journal)),
		opt("redact", section(
			opt("headers", headerNames(&c.Redact.Headers, canonicalHeader)),
			opt("json", listOf[string]{p: &c.Redact.JSON, item: func(p *string) codec { return jsonPath(p) }}),
		)),
		opt("store", section(opt("path", someString(&c.Store.Path))).without("dsn")),
		opt("log", section(
			opt("level", oneOf(&c.Log.Level, []string{"debug", "info", "warn", "error"})),
			opt("format", oneOf(&c.Log.Format, []string{"json", "console"})),
			opt("access", section(opt("fraction", fractionOf(&c.Log.Access.Fraction, unit, "1% or 0.01")))),
		)),
	).without("presets")
}

func listenSchema(l *Listen) object {
	return section(
		opt("address", address(&l.Address)),
		opt("tls", optional[ListenTLS]{p: &l.TLS, item: func(t *ListenTLS) codec {
			return section(need("certificate", someString(&t.Certificate)), need("key", someString(&t.Key)))
		}}),
		opt("trusted_proxies", listOf[netip.Prefix]{
			p: &l.TrustedProxies, item: func(p *netip.Prefix) codec { return network(p) }, key: (*netip.Prefix).String,
		}),
		opt("limits", section(
			opt("headers", sizeOf(&l.Limits.Headers, kib)),
			opt("header_timeout", durationOf(&l.Limits.HeaderTimeout, time.Millisecond)),
			opt("idle_timeout", durationOf(&l.Limits.IdleTimeout, time.Millisecond)),
			opt("body", sizeOf(&l.Limits.Body, 0)),
			opt("body_timeout", durationOf(&l.Limits.BodyTimeout, time.Millisecond)),
			opt("write_timeout", durationOf(&l.Limits.WriteTimeout, time.Millisecond)),
			opt("connections", intOf(&l.Limits.Connections, 0)),
		)),
		opt("drain", durationOf(&l.Drain, 0)),
	)
}

func adminSchema(a *Admin) object {
	return section(
		opt("address", address(&a.Address)),
		opt("users", listOf[User]{
			p: &a.Users, key: func(u *User) string { return u.Name }, in: "name",
			item: func(u *User) codec {
				return section(
					need("name", name(&u.Name)),
					need("role", oneOf(&u.Role, []string{Operator, Viewer})),
					need("token", userToken(&u.Token)),
				)
			},
		}),
	)
}

func backendSchema(b *Backend) object {
	return section(
		need("url", backendURL(&b.URL)),
		opt("timeout", durationOf(&b.Timeout, time.Millisecond)),
		opt("host", oneOf(&b.Host, []string{HostBackend, HostClient})),
		opt("client", oneOf(&b.Client, []string{ClientPooled, ClientStandard})),
		opt("headers", section(
			opt("set", dict[Secret]{
				p: &b.Headers.Set, key: settableHeader, item: func(s *Secret) codec { return headerValue(s) },
			}),
			opt("remove", headerNames(&b.Headers.Remove, canonicalHeader)),
		)),
		opt("tls", section(
			opt("ca", anyString(&b.TLS.CA)),
			opt("server_name", anyString(&b.TLS.ServerName)),
		)),
	)
}

func databasesSchema(p **Databases) codec {
	fresh := func() Databases { return Databases{Old: defaultDatabase(), New: defaultDatabase()} }
	return optional[Databases]{p: p, make: fresh, item: func(d *Databases) codec {
		return section(
			opt("old", perhaps{&d.Old.DSN, databaseSchema(&d.Old)}),
			opt("new", perhaps{&d.New.DSN, databaseSchema(&d.New)}),
		)
	}}
}

func databaseSchema(d *Database) object {
	return section(
		need("dsn", dsn(&d.DSN)),
		opt("max_connections", intOf(&d.MaxConnections, 1)),
		opt("statement_timeout", durationOf(&d.StatementTimeout, time.Millisecond)),
		opt("lag", section(
			opt("sql", anyString(&d.Lag.SQL)),
			opt("max", durationOf(&d.Lag.Max, time.Millisecond)),
		)),
	)
}
