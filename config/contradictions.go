package config

import (
	"net"
	"net/netip"
	"strings"
)

// contradictions reports what cannot hold together although each field is right by itself. A comparison with a field that
// has a problem already is left out.
func contradictions(d *decoder, c *Config) {
	d.addresses(c)
	d.backend("backends.old", &c.Backends.Old)
	d.backend("backends.new", &c.Backends.New)
	old, new := c.Backends.Old.URL, c.Backends.New.URL
	if old != nil && new != nil && sameURL(old, new) {
		d.contradict("backends.new.url", "must not be the URL of backends.old: nothing would be compared")
	}
	for i := range c.Routes {
		d.route(index("routes", i), &c.Routes[i])
		d.rules(index("routes", i)+".compare.rules", c.Routes[i].Compare.Rules)
	}
	d.rules("compare.rules", c.Compare.Rules)
	r := c.Mirror.Recheck
	if d.ok("mirror.recheck.delay", "mirror.recheck.max_delay") && r.MaxDelay < r.Delay {
		d.contradict("mirror.recheck.max_delay", "must not be less than mirror.recheck.delay, which is %s; got %s",
			formatDuration(r.Delay), formatDuration(r.MaxDelay))
	}
	if d.ok("mirror.noise.fraction", "mirror.noise.auto") && c.Mirror.Noise.Auto && c.Mirror.Noise.Fraction == 0 {
		d.contradict("mirror.noise.auto", "needs mirror.noise.fraction above 0: what is masked must go on being measured")
	}
	if db := c.Databases; db != nil && db.Old.DSN == "" && db.New.DSN == "" && d.ok("databases") && !d.given("databases.old") && !d.given("databases.new") {
		d.contradict("databases", "must have old or new, or both")
	}
	d.cutover(c)
	d.journal(c)
	for i := range c.Checks {
		d.check(index("checks", i), &c.Checks[i], c.Databases)
	}
	if level := c.Log.Level; d.ok("log.level", "log.access.fraction") && c.Log.Access.Fraction > 0 && (level == "warn" || level == "error") {
		d.contradict("log.access.fraction", "needs log.level info or debug: its lines are of level info; got %s", level)
	}
	e := c.Rollback.ErrorRate
	if d.ok("rollback.error_rate.min_failures", "rollback.error_rate.min_distinct") && e.MinDistinct > e.MinFailures {
		d.contradict("rollback.error_rate.min_distinct", "must not be more than min_failures, which is %d; got %d",
			e.MinFailures, e.MinDistinct)
	}
}

// cutover reports statements without a database, and a fence that nobody could prove.
func (d *decoder) cutover(c *Config) {
	for i, p := range c.Cutover.Prepare {
		at := index("cutover.prepare", i)
		if !d.ok(at, "databases") {
			continue
		}
		if len(p.SQL) == 0 {
			d.contradict(at+".sql", "must have a statement")
		}
		var there bool
		if db := c.Databases; db != nil {
			there = p.On == OnOld && db.Old.DSN != "" || p.On == OnNew && db.New.DSN != ""
		}
		if !there {
			d.contradict(at+".on", "needs databases.%s", p.On)
		}
	}
	f := c.Cutover.Fence
	if f == nil || !d.ok("cutover.fence") {
		return
	}
	if f.Verify.DSN == "" {
		d.contradict("cutover.fence.verify.dsn", "must not be empty where cutover.fence.dsn is not: a fence that nobody tries is none")
	}
	if len(f.SQL) == 0 {
		d.contradict("cutover.fence.sql", "must have a statement")
	}
	if len(f.Unfence) == 0 {
		d.contradict("cutover.fence.unfence", "must have a statement: without one no rollback could take the fence back")
	}
}

func (d *decoder) addresses(c *Config) {
	seen := map[Secret]int{}
	for i, u := range c.Admin.Users {
		path := index("admin.users", i) + ".token"
		first, ok := seen[u.Token]
		switch {
		case u.Token == "" || !d.ok(path):
		case ok:
			d.contradict(path, "is the token of %s too, so that nobody could tell them apart", index("admin.users", first))
		default:
			seen[u.Token] = i
		}
	}
	if !d.ok("listen.address", "admin.address") {
		return
	}
	if overlap(c.Listen.Address, c.Admin.Address) {
		d.contradict("admin.address", "must not be the address of listen, which is %q; got %q", c.Listen.Address, c.Admin.Address)
	}
	if len(c.Admin.Users) == 0 && d.ok("admin.users") && !loopback(c.Admin.Address) {
		d.contradict("admin.address", "must be a loopback address, such as 127.0.0.1:9090, as long as admin.users is empty; got %q",
			c.Admin.Address)
	}
}

// overlap reports whether two listeners could not both bind.
func overlap(a, b string) bool {
	hostA, portA, _ := net.SplitHostPort(a) // both were checked when they were read
	hostB, portB, _ := net.SplitHostPort(b)
	if strings.TrimLeft(portA, "0") != strings.TrimLeft(portB, "0") || strings.Trim(portA, "0") == "" {
		return false
	}
	return strings.EqualFold(hostA, hostB) || everywhere(hostA) || everywhere(hostB) ||
		loopback(a) && loopback(b) && (hostA == "localhost" || hostB == "localhost")
}

func everywhere(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

func (d *decoder) backend(path string, b *Backend) {
	for i, name := range b.Headers.Remove {
		if _, ok := b.Headers.Set[name]; ok {
			d.contradict(index(path+".headers.remove", i), "is set by %s.headers.set too; keep one of them", path)
		}
	}
	if b.URL != nil && b.URL.Scheme == "http" {
		for _, field := range []struct{ name, value string }{{"ca", b.TLS.CA}, {"server_name", b.TLS.ServerName}} {
			if field.value != "" {
				d.contradict(path+".tls."+field.name, "has no effect, because %s.url is http; use https", path)
			}
		}
	}
}

func (d *decoder) route(path string, r *Route) {
	m := r.Match
	if d.ok(path+".match") && len(m.Methods) == 0 && m.Path == "" && m.Host == "" && len(m.Headers) == 0 && m.JSON == nil {
		d.contradict(path+".match", "must have methods, path, host, headers or json; `path: /` matches everything")
	}
	if r.Idempotent && r.Kind != Write && d.ok(path+".kind") && r.Kind != "" {
		d.contradict(path+".idempotent", "has no effect on a route of kind %s; only writes are journaled", r.Kind)
	}
	if r.Kind == Read || !d.ok(path+".kind") || r.Kind == "" {
		return
	}
	for _, field := range []struct {
		key string
		set bool
	}{
		{"mirror", r.Mirror != nil},
		{"optional", r.Optional},
		{"canary", r.Canary != nil},
		{"tolerance", r.Tolerance != nil},
		{"compare", r.Compare.Headers != nil || len(r.Compare.Rules) > 0},
	} {
		if field.set {
			d.contradict(join(path, field.key), "has no effect on a route of kind %s; only reads are mirrored and compared", r.Kind)
		}
	}
}

// rules reports rules that say nothing or too much, and those that an earlier one of the same family makes void.
func (d *decoder) rules(path string, rules []Rule) {
	seen := map[string]int{}
	for i := range rules {
		at := index(path, i)
		if !d.ok(at) {
			continue
		}
		r := &rules[i]
		if (r.Path == "") == (r.Header == "") {
			d.contradict(at, "must have one of path and header")
			continue
		}
		var actions []string
		for _, a := range []struct {
			set    bool
			name   string
			family string
		}{
			{r.Ignore != "", "ignore", "suppress"},
			{r.Number != nil, "number", "value"},
			{r.Time != nil, "time", "value"},
			{r.Coerce != "", "coerce", "value"},
			{r.Unordered != "", "unordered", "structure"},
			{r.Key != "", "key", "structure"},
			{r.Rename != "", "rename", "structure"},
			{r.CSV != nil, "csv", "structure"},
			{r.AbsentEqualsNull, "absent_equals_null", "structure"},
		} {
			if a.set {
				actions = append(actions, a.name+" "+a.family)
			}
		}
		if len(actions) != 1 {
			d.contradict(at, "must have exactly one of ignore, number, time, coerce, unordered, key, rename, csv and absent_equals_null")
			continue
		}
		if r.Header != "" && r.Ignore == "" {
			d.contradict(at, "must have ignore; of a header nothing else can be said")
			continue
		}
		if r.Number != nil && !d.given(at+".number.absolute") && !d.given(at+".number.relative") {
			d.contradict(at+".number", "must have absolute or relative, or both")
		}
		_, family, _ := strings.Cut(actions[0], " ")
		key := family + " " + r.Path + " " + r.Header
		if first, ok := seen[key]; ok {
			d.contradict(at, "has no effect, because %s decides the same place", index(path, first))
			continue
		}
		seen[key] = i
	}
}
