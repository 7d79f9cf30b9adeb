package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"slices"

	"paritygate/compare"
	"paritygate/compare/aggregate"
	"paritygate/config"
	"paritygate/proxy"
)

// compiled is a configuration whose parts have been handed to the packages that use them: what they refused is a problem
// at its place in the file.
type compiled struct {
	config   *config.Config
	table    proxy.Table
	old, new proxy.BackendOptions
	redactor *compare.Redactor
	checks   []aggregate.Check
}

// load reads the file and compiles it. The error is config.Problems.
func load(path string, lookup func(string) (string, bool)) (*compiled, error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, exit(exitUsage, "there is no configuration %s here: name yours with --config FILE, or write one with `paritygate init` (README.md shows the least that works)", path)
	}
	var out *compiled
	_, err := config.Load(path, lookup, func(c *config.Config) config.Problems {
		made, err := compile(c)
		out = made
		problems, _ := errors.AsType[config.Problems](err)
		return problems
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func compile(c *config.Config) (*compiled, error) {
	b := &compiler{c: c}
	out := &compiled{config: c}
	out.table = b.table()
	out.old = b.backend("backends.old", c.Backends.Old)
	out.new = b.backend("backends.new", c.Backends.New)
	out.redactor = b.redactor()
	b.databases()
	out.checks = b.checks()
	b.certificate()
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	return out, nil
}

// compiler collects what is wrong on the way.
type compiler struct {
	c        *config.Config
	problems config.Problems
}

func (b *compiler) problem(path, format string, args ...any) {
	b.problems = append(b.problems, b.c.Problem(path, format, args...))
}

func (b *compiler) table() proxy.Table {
	c := b.c
	t := proxy.Table{
		Comparer: b.comparer(c.Compare.Headers, nil, ""), Again: b.again(c.Compare.Headers, nil), MaxBody: c.Compare.MaxBody,
		Key: c.Mirror.Key, ShadowTimeout: c.Mirror.Timeout, MaxRPS: c.Mirror.MaxRPS,
		Recheck: proxy.RecheckOptions{
			Attempts: c.Mirror.Recheck.Attempts, Delay: c.Mirror.Recheck.Delay,
			MaxDelay: c.Mirror.Recheck.MaxDelay, MaxRPS: unlimited(c.Mirror.Recheck.MaxRPS),
		},
		Noise:          c.Mirror.Noise.Fraction,
		Canary:         canaryOptions(c),
		TrustedProxies: c.Listen.TrustedProxies,
	}
	for i, r := range c.Routes {
		t.Routes = append(t.Routes, b.route(fmt.Sprintf("routes[%d]", i), r))
	}
	return t
}

// unlimited makes 0, which says "no limit" in the configuration, a limit that nobody reaches: to the proxy 0 is its default.
func unlimited(rps float64) float64 {
	if rps == 0 {
		return math.MaxFloat64
	}
	return rps
}

var kinds = map[string]proxy.Kind{config.Read: proxy.Read, config.Write: proxy.Write, config.Bypass: proxy.Bypass}

func (b *compiler) route(path string, r config.Route) proxy.Route {
	out := proxy.Route{
		Name: r.Name, Methods: r.Match.Methods, Path: r.Match.Path, Host: r.Match.Host, Headers: r.Match.Headers,
		Kind: kinds[r.Kind], Mirror: r.Mirror, NewPath: r.New.Path, NewQuery: r.New.Query,
		Withheld: r.Kind == config.Read && withheld(b.c, r),
	}
	b.matchJSON(path+".match.json", r.Match.JSON, &out)
	if _, err := proxy.ParsePattern(r.Match.Path); err != nil && r.Match.Path != "" {
		b.problem(path+".match.path", "%v", err)
	} else if err := out.Check(); err != nil {
		b.problem(path+".new.path", "%v", err)
	}
	if r.Compare.Headers != nil || len(r.Compare.Rules) > 0 {
		headers := r.Compare.Headers
		if headers == nil {
			headers = b.c.Compare.Headers
		}
		out.Comparer = b.comparer(headers, r.Compare.Rules, path+".compare.rules")
		out.Again = b.again(headers, r.Compare.Rules)
	}
	return out
}

// matchJSON checks what a request body must be, and sets it in the route.
func (b *compiler) matchJSON(at string, m *config.MatchJSON, out *proxy.Route) {
	if m == nil {
		return
	}
	match := proxy.JSONMatch{Path: m.Path, Pattern: m.Pattern}
	path, pattern := match.Check()
	if path != nil {
		b.problem(at+".path", "%v", path)
	}
	if pattern != nil {
		b.problem(at+".pattern", "%v", pattern)
	}
	if path == nil && pattern == nil {
		out.JSON = &match
	}
}

// minDecoded is how many bytes a body may have once it is decoded, where compare.max_body says no more.
const minDecoded = 16 << 20

// comparer compiles the rules: those of a route go before the global ones.
func (b *compiler) comparer(headers []string, own []config.Rule, path string) *compare.Comparer {
	comparer, err := compare.New(b.compareOptions(headers, own))
	for _, e := range ruleErrors(err) {
		at := fmt.Sprintf("%s[%d]", path, e.Index)
		if e.Index >= len(own) {
			if path != "" {
				continue // said once, for the global rules themselves
			}
			at = fmt.Sprintf("compare.rules[%d]", e.Index-len(own))
		}
		if e.Field != "" {
			at += "." + e.Field
		}
		b.problem(at, "%v", e.Err)
	}
	return comparer
}

// compareOptions puts the rules together.
func (b *compiler) compareOptions(headers []string, own []config.Rule) compare.Options {
	global := b.c.Compare.Rules
	rules := make([]compare.Rule, 0, len(own)+len(global))
	for _, r := range own {
		rules = append(rules, rule(r))
	}
	for _, r := range global {
		rules = append(rules, rule(r))
	}
	return compare.Options{Headers: headers, Rules: rules, MaxDecoded: max(minDecoded, b.c.Compare.MaxBody)}
}

// again makes what compares two answers of one backend: both have the names that rename rules would change. It returns nil where the
// comparer of old and new does as well.
func (b *compiler) again(headers []string, own []config.Rule) proxy.Comparer {
	o := b.compareOptions(headers, own)
	n := len(o.Rules)
	o.Rules = slices.DeleteFunc(o.Rules, func(r compare.Rule) bool { return r.Rename != "" })
	if len(o.Rules) == n {
		return nil
	}
	comparer, err := compare.New(o)
	if err != nil {
		return nil // comparer has said what is wrong
	}
	return comparer
}

func ruleErrors(err error) []*compare.RuleError {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	var out []*compare.RuleError
	for _, e := range joined.Unwrap() {
		if r, ok := errors.AsType[*compare.RuleError](e); ok {
			out = append(out, r)
		}
	}
	return out
}

func rule(r config.Rule) compare.Rule {
	out := compare.Rule{
		Path: r.Path, Header: r.Header, Key: r.Key, Rename: r.Rename, AbsentEqualsNull: r.AbsentEqualsNull,
		CoerceNumber: r.Coerce == config.CoerceNumber,
	}
	switch r.Unordered {
	case config.UnorderedAll:
		out.Unordered = compare.Multiset
	case config.UnorderedSet:
		out.Unordered = compare.Set
	}
	if r.CSV != nil {
		out.CSV = &compare.CSV{Header: r.CSV.Header}
	}
	switch r.Ignore {
	case config.IgnoreAll:
		out.Ignore = compare.IgnoreAll
	case config.IgnoreValue:
		out.Ignore = compare.IgnoreValue
	}
	if r.Number != nil {
		out.Number = &compare.Number{Absolute: string(r.Number.Absolute), Relative: string(r.Number.Relative)}
	}
	if r.Time != nil {
		out.Time = &compare.Time{Skew: r.Time.Skew}
	}
	return out
}

func (b *compiler) backend(path string, k config.Backend) proxy.BackendOptions {
	out := proxy.BackendOptions{
		URL: k.URL, Timeout: k.Timeout, ClientHost: k.Host == config.HostClient, Set: http.Header{}, Remove: k.Headers.Remove,
		Standard: k.Client == config.ClientStandard,
	}
	for name, value := range k.Headers.Set {
		out.Set.Set(name, value.Reveal())
	}
	if k.TLS.CA == "" && k.TLS.ServerName == "" {
		return out
	}
	out.TLS = &tls.Config{ServerName: k.TLS.ServerName, MinVersion: tls.VersionTLS12}
	if k.TLS.CA != "" {
		pool, err := certificates(k.TLS.CA)
		if err != nil {
			b.problem(path+".tls.ca", "%v", err)
		}
		out.TLS.RootCAs = pool
	}
	return out
}

func certificates(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", path)
	}
	return pool, nil
}

func (b *compiler) certificate() {
	if t := b.c.Listen.TLS; t != nil {
		if _, err := proxy.LoadCertificate(t.Certificate, t.Key); err != nil {
			b.problem("listen.tls", "%v", err)
		}
	}
}

func (b *compiler) redactor() *compare.Redactor {
	bad := false
	for i, path := range b.c.Redact.JSON {
		if _, err := compare.ParsePath(path); err != nil {
			b.problem(fmt.Sprintf("redact.json[%d]", i), "%v", err)
			bad = true
		}
	}
	if bad {
		return nil
	}
	redactor, err := compare.NewRedactor(b.c.Redact.JSON)
	if err != nil {
		b.problem("redact.json", "%v", err)
	}
	return redactor
}
