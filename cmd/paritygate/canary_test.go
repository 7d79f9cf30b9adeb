package main

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"paritygate/compare"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/testkit"
	"paritygate/proxy"
)

const canaryConfig = `
run: {name: canary, window: 2s}
backends:
  old: {url: "OLD"}
  new: {url: "NEW"}
routes:
  - name: item
    match: {methods: [GET], path: "/items/{id}"}
    kind: read
  - name: reshaped
    match: {methods: [GET], path: "/reshaped"}
    kind: read
    compare: {rules: [{path: "$..name", rename: label}]}
  - name: ready
    match: {methods: [GET], path: "/ready"}
    kind: read
    canary: true
    compare: {rules: [{path: "$..name", rename: label}]}
mirror: {fraction: 100%, recheck: {attempts: 0}}
canary: {fraction: 30%, key: "header:X-User-Id", after_write: 1h}
rollback: {parity: {min_requests: 100000}} # what new answers wrongly here is to be shown, not to end the canary
`

// tells makes a shop whose answers tell whose they are, by a header that is not compared.
func tells(t *testing.T, name string) *shop {
	s := newShop(t)
	s.misbehave(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("X-Answered-By", name)
		if name == "new" && r.URL.Path == "/items/7" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"path": "/items/7", "price": 12.51}`)
			return true
		}
		return false
	})
	return s
}

// users asks as many users once each, 50 at a time, and returns who was answered by new.
func (r *running) users(n int, path string) map[int]bool {
	r.t.Helper()
	load := testkit.Load{Client: httpClient, Concurrency: 50, Requests: n, Request: func(ctx context.Context, i int) (*http.Request, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.proxyURL()+path, nil)
		if err == nil {
			req.Header.Set("X-User-Id", fmt.Sprint("user-", i))
		}
		return req, err
	}, KeepBody: true}
	byNew := map[int]bool{}
	for _, s := range load.Run(r.t.Context()) {
		if s.Err != nil || s.Status != http.StatusOK {
			r.t.Fatalf("user %d: %d, %v", s.Index, s.Status, s.Err)
		}
		want := fmt.Sprintf(`{"path": %q, "price": 12.50}`, path)
		if s.Header.Get("X-Answered-By") == "new" {
			byNew[s.Index] = true
			if path == "/items/7" {
				want = `{"path": "/items/7", "price": 12.51}`
			}
		}
		if string(s.Body) != want {
			r.t.Fatalf("user %d: %s", s.Index, s.Body)
		}
	}
	return byNew
}

// The whole canary, through the public interfaces.
func TestTheCanary(t *testing.T) {
	t.Parallel()
	older, newer := tells(t, "old"), tells(t, "new")
	r := boot(t, canaryConfig, "OLD", older.URL, "NEW", newer.URL)
	if s := r.status(); s.Phase != cutover.Canary || s.Canary.Fraction != 0.3 {
		t.Fatalf("%+v", s)
	}

	const users, some = 400, 100
	first := r.users(users, "/items/7")
	if n := len(first); math.Abs(float64(n)-0.3*users) > 4*math.Sqrt(users*0.3*0.7) {
		t.Errorf("%d of %d users are answered by new", n, users)
	}
	second := r.users(some, "/items/8")
	for i := range some {
		if first[i] != second[i] {
			t.Fatalf("user %d changes sides", i)
		}
	}
	if n := len(r.users(some, "/reshaped")); n != 0 {
		t.Errorf("%d users get the other shape", n)
	}
	if n := len(r.users(some, "/ready")); n != len(second) {
		t.Errorf("%d users get the shape that they are ready for, want %d", n, len(second))
	}
	if _, out, _ := r.cli("routes"); !strings.Contains(out, "or for rules that reshape: reshaped\n") {
		t.Errorf("routes:\n%s", out)
	}
	views, err := r.client.Routes(t.Context(), false)
	if err != nil || !views[0].Canary || views[1].Canary || !views[2].Canary {
		t.Errorf("%+v, %v", views, err)
	}

	if code, _, errs := r.cli("canary", "60%", "--yes"); code != exitDone {
		t.Fatal(errs)
	}
	grown := r.users(some, "/items/9")
	for i := range second {
		if !grown[i] {
			t.Fatalf("user %d leaves as the canary grows", i)
		}
	}
	wrote := 0
	for i := range grown {
		if wrote++; wrote > 20 {
			break
		}
		r.asUser(i, http.MethodPost, "/orders")
		if got := r.asUser(i, http.MethodGet, "/items/9"); got != "old" {
			t.Errorf("user %d wrote, and reads from %s", i, got)
		}
	}

	if code, _, errs := r.cli("canary", "0", "--yes"); code != exitDone {
		t.Fatal(errs)
	}
	if s := r.status(); s.Phase != cutover.Shadow || len(r.users(some, "/items/9")) != 0 {
		t.Errorf("without the canary: %+v", s)
	}
	if len(newer.written()) != 0 || len(older.written()) != 20 {
		t.Errorf("%d writes are at new, %d at old", len(newer.written()), len(older.written()))
	}
	r.settled(users + 5*some + 20)
	r.mismatchesAreTheRightWayRound(users)
}

func (r *running) asUser(i int, method, path string) (by string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.proxyURL()+path, strings.NewReader(map[string]string{http.MethodPost: fmt.Sprint(i)}[method]))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("X-User-Id", fmt.Sprint("user-", i))
	resp, err := httpClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.Header.Get("X-Answered-By")
}

// settled waits until all exchanges have their verdict, and adds the accounts up.
func (r *running) settled(n int64) {
	r.t.Helper()
	r.eventually("every read has its verdict", func() bool { return r.status().Parity.Eligible == n })
	routes, err := r.client.Routes(r.t.Context(), false)
	if err != nil {
		r.t.Fatal(err)
	}
	var all int64
	for _, route := range routes {
		sum := int64(0)
		for _, v := range compare.Verdicts {
			sum += route.Verdicts[v]
		}
		if all += sum; sum != route.Eligible {
			r.t.Errorf("%s does not add up: %+v", route.Route, route)
		}
	}
	if all != n {
		r.t.Errorf("%d exchanges are in the accounts, want %d", all, n)
	}
}

func (r *running) mismatchesAreTheRightWayRound(n int64) {
	r.t.Helper()
	list, err := r.client.Mismatches(r.t.Context(), admin.MismatchQuery{Route: "item", Limit: 1000})
	if err != nil || len(list.Groups) != 1 || list.Groups[0].Count != n {
		r.t.Fatalf("%+v, %v", list.Groups, err)
	}
	for _, m := range list.Mismatches {
		if d := m.Differences; len(d) != 1 || d[0].Path != "$.price" || d[0].Old != "12.50" || d[0].New != "12.51" {
			r.t.Fatalf("%+v", d)
		}
	}
}

// SIGHUP: what the file says of the canary takes effect where there is one, once it was edited, and never after a rollback.
func TestTheCanaryFollowsTheFile(t *testing.T) {
	t.Parallel()
	older, newer := tells(t, "old"), tells(t, "new")
	r := boot(t, canaryConfig, "OLD", older.URL, "NEW", newer.URL)
	reload := func(pairs ...string) admin.Status {
		t.Helper()
		r.edited(pairs...)
		r.reloadConfig(t.Context())
		if n := r.events("reload_failed"); n > 0 {
			t.Fatalf("%d reloads failed", n)
		}
		return r.status()
	}
	before := r.users(50, "/items/1")
	if s := reload("key: \"header:X-User-Id\", after_write: 1h", "key: \"cookie:sid\", after_write: 1ns"); s.Canary.Fraction != 0.3 || s.Config.Drift {
		t.Errorf("another key: %+v", s)
	}
	r.eventually("all go by their address", func() bool { n := len(r.users(20, "/items/1")); return n == 0 || n == 20 })
	if s := reload("after_write: 1h", "after_write: 1ns"); s.Canary.Fraction != 0.3 {
		t.Errorf("the key before: %+v", s)
	}
	if after := r.users(50, "/items/1"); len(after) != len(before) {
		t.Errorf("%d users are in, %d were", len(after), len(before))
	}
	if s := reload("fraction: 30%", "fraction: 100%"); s.Phase != cutover.Canary || s.Canary.Fraction != 1 || r.events("canary") != 2 {
		t.Errorf("a larger fraction: %+v, %d events", s, r.events("canary"))
	}
	if code, _, errs := r.cli("rollback", "--reason", "drill", "--yes"); code != exitDone {
		t.Fatal(errs)
	}
	if s := reload("fraction: 30%", "fraction: 50%"); s.Phase != cutover.RolledBack || s.Canary.Fraction != 0 {
		t.Errorf("after a rollback: %+v", s)
	}
	if code, _, errs := r.cli("resume", "--yes"); code != exitDone {
		t.Fatal(errs)
	}
	if s := reload("fraction: 30%", "fraction: 50%"); s.Phase != cutover.Shadow {
		t.Errorf("what was noted in the rollback takes effect later: %+v", s)
	}
	if s := reload("fraction: 30%", "fraction: 40%"); s.Phase != cutover.Canary || s.Canary.Fraction != 0.4 {
		t.Errorf("another edit: %+v", s)
	}
}

func TestWhoseBreakersCountForAGap(t *testing.T) {
	none, some := 0.0, 0.5
	shadow := cutover.Plan{Reads: cutover.Old, Shadow: cutover.New, Fraction: 1}
	part, all, complete := shadow, shadow, shadow
	part.Canary, all.Canary, complete.Shadow = 0.1, 1, cutover.Nobody
	for _, c := range []struct {
		name  string
		plan  cutover.Plan
		route routeFact
		want  []proxy.Backend
	}{
		{"shadow", shadow, routeFact{}, []proxy.Backend{proxy.New}},
		{"a part", part, routeFact{}, []proxy.Backend{proxy.Old, proxy.New}},
		{"all", all, routeFact{}, []proxy.Backend{proxy.Old}},
		{"a route that takes no part", all, routeFact{withheld: true}, []proxy.Backend{proxy.New}},
		{"a route that is not mirrored", part, routeFact{mirror: &none, declared: true}, nil},
		{"one that the gate does not wait for", part, routeFact{mirror: &none, declared: true, optional: true}, nil},
		{"one with a fraction of its own", shadow, routeFact{mirror: &some, declared: true}, []proxy.Backend{proxy.New}},
		{"a write", shadow, routeFact{kind: proxy.Write}, nil},
		{"nobody", complete, routeFact{}, nil},
	} {
		if got := shadowsAsked(c.plan, []routeFact{c.route}); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	left := routeFact{mirror: &none, declared: true}
	if got := shadowsAsked(part, []routeFact{{}, left}); got != nil {
		t.Errorf("a route that the gate waits for is left out: %v", got)
	}
}
