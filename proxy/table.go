package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/time/rate"
)

// table is a Table compiled: what Reload swaps.
type table struct {
	Table
	routes      []*route
	read, write *route // what nothing matches
	// loose are the routes as a lenient backend would match them; guarded says that one is no read, always that a plain
	// path may be another spelling of one that is none.
	loose           []looseRoute
	guarded, always bool
	sampleBy        sampler
	canaryBy        sampler
	mirrorRate      *rate.Limiter // nil: no limit
	recheckRate     *rate.Limiter
}

// route is a Route compiled.
type route struct {
	Route
	pattern  *Pattern
	json     *jsonMatch // nil: the body is not looked at
	comparer Comparer
	again    Comparer
	newPath  *template
	newQuery string
	metrics  *routeMetrics
}

func (p *Proxy) compile(source Table) (*table, error) {
	source = source.withDefaults()
	if source.Comparer == nil {
		return nil, errors.New("the table has no comparer")
	}
	if source.Again == nil {
		source.Again = source.Comparer
	}
	t := &table{Table: source}
	var err error
	if t.sampleBy, err = parseKey(source.Key); err != nil {
		return nil, err
	}
	if t.canaryBy, err = parseKey(source.Canary.Key); err != nil {
		return nil, err
	}
	if source.MaxRPS > 0 {
		t.mirrorRate = rate.NewLimiter(rate.Limit(source.MaxRPS), max(1, int(source.MaxRPS)))
	}
	t.recheckRate = rate.NewLimiter(rate.Limit(source.Recheck.MaxRPS), max(1, int(source.Recheck.MaxRPS)))
	for i, r := range source.Routes {
		c, err := compileRoute(r, source)
		if err != nil {
			return nil, fmt.Errorf("route %d (%s): %w", i, r.Name, err)
		}
		t.routes = append(t.routes, c)
	}
	t.read = &route{Route: Route{Name: "read", Kind: Read, Withheld: source.Canary.Withheld}, comparer: source.Comparer, again: source.Again}
	t.write = &route{Route: Route{Name: "write", Kind: Write}, comparer: source.Comparer}
	for _, r := range append([]*route{t.read, t.write}, t.routes...) {
		r.metrics = p.metrics.route(r.Name, r.Kind)
	}
	t.loosen()
	return t, nil
}

func compileRoute(r Route, fallback Table) (*route, error) {
	c := &route{Route: r, comparer: r.Comparer, again: r.Again}
	if r.Name == "" {
		return nil, errors.New("it has no name")
	}
	switch {
	case c.comparer == nil:
		c.comparer, c.again = fallback.Comparer, fallback.Again
	case c.again == nil:
		c.again = c.comparer
	}
	c.Host = strings.ToLower(r.Host)
	c.Methods = slices.Clone(r.Methods)
	for i := range c.Methods {
		c.Methods[i] = strings.ToUpper(c.Methods[i])
	}
	var names []string
	if r.Path != "" {
		pattern, err := ParsePattern(r.Path)
		if err != nil {
			return nil, err
		}
		c.pattern, names = pattern, pattern.Names()
	}
	var err error
	if c.json, err = r.JSON.compile(); err != nil {
		return nil, err
	}
	if r.NewPath != "" {
		t, err := parseTemplate(r.NewPath, names)
		if err != nil {
			return nil, err
		}
		c.newPath = t
	}
	for _, name := range sortedKeys(r.NewQuery) {
		c.newQuery += "&" + url.QueryEscape(name) + "=" + url.QueryEscape(r.NewQuery[name])
	}
	c.newQuery = strings.TrimPrefix(c.newQuery, "&")
	return c, nil
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// classify finds the route of a request and what the request is. What another spelling of the path calls a write is one, and so is
// what a route would call a write whose body cannot be told to be another.
func (t *table) classify(in *inbound, body *sight) (*route, Kind) {
	r, kind := t.find(in, in.path, body)
	if kind == Read {
		if other, k, found := t.spelledWrite(in, body); found {
			r, kind = other, k
		}
	}
	if kind == Read && body.doubts() {
		kind = Write
	}
	if in.upgrade != "" {
		return r, Bypass
	}
	if kind == Read && overridesMethod(in) {
		kind = Write
	}
	return r, kind
}

func (t *table) find(in *inbound, path string, body *sight) (*route, Kind) {
	for _, r := range t.routes {
		if r.matches(in, path) && r.takes(body) {
			if r.Kind == Read && len(r.Methods) == 0 && !safeMethod(in.method) {
				return r, Write
			}
			return r, r.Kind
		}
	}
	if safeMethod(in.method) {
		return t.read, Read
	}
	return t.write, Write
}

func (r *route) matches(in *inbound, path string) bool {
	return r.admits(in) && (r.pattern == nil || r.pattern.match(path, nil))
}

// takes matches the body. A route that is a read takes only what is one to every backend; another leaves its doubt behind.
func (r *route) takes(body *sight) bool {
	if r.json == nil {
		return true
	}
	found := body.matches(r.json)
	if found == doubtful && r.Kind != Read && body != nil {
		body.doubt = true
	}
	return found == hit
}

// admits matches all but the path and the body.
func (r *route) admits(in *inbound) bool {
	if len(r.Methods) > 0 && !slices.Contains(r.Methods, in.method) &&
		(in.method != http.MethodHead || !slices.Contains(r.Methods, http.MethodGet)) {
		return false
	}
	if r.Host != "" && !hostMatches(r.Host, in.host) {
		return false
	}
	for name, want := range r.Headers {
		got := in.header.Values(name)
		if len(got) == 0 || (want != "" && !slices.Contains(got, want)) {
			return false
		}
	}
	return true
}

func hostMatches(pattern, host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if domain, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasSuffix(host, domain) && len(host) > len(domain)
	}
	return host == pattern
}

// cleanPath resolves empty and dot segments, escaped or not.
func cleanPath(path string) string {
	if !strings.Contains(path, "//") && !strings.Contains(path, "/.") && !strings.Contains(path, "%2") {
		return path
	}
	var out []string
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, part := range parts {
		switch plain, _ := url.PathUnescape(part); plain {
		case ".", "":
			if i == len(parts)-1 {
				out = append(out, "")
			}
		case "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
			if i == len(parts)-1 {
				out = append(out, "")
			}
		default:
			out = append(out, part)
		}
	}
	return "/" + strings.Join(out, "/")
}
