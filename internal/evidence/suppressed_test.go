package evidence

import (
	"database/sql"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"paritygate/compare"
)

const (
	ignoreID   = `{path: "$..id", ignore: true}`
	ignoreTags = `{path: "$.tags", unordered: true}`
)

// suppressing is an exchange in which rules hid something.
func suppressing(c *clock, verdict compare.Verdict, hidden map[int]int) *Exchange {
	x := exchange(c.Now(), 1, verdict)
	x.Suppressed = hidden
	return x
}

func TestSuppressedIsCountedByTheTextOfTheRule(t *testing.T) {
	c := newClock()
	o := options(t, c)
	o.Routes = []RouteInfo{{Name: "product", Kind: "read", Rules: []string{ignoreID, ignoreTags}}}
	s := mustOpen(t, o)
	see(s,
		suppressing(c, compare.Tolerated, map[int]int{0: 3}),
		suppressing(c, compare.Tolerated, map[int]int{0: 1, 1: 2}),
		suppressing(c, compare.Mismatch, map[int]int{1: 1}),
		suppressing(c, compare.Skipped, map[int]int{0: 50}), // not compared: it is no part of what a rule hides
		suppressing(c, compare.Match, nil))

	// A reload turns the rules around. What was under way was compared by the rules before.
	c.advance(time.Second)
	arrived := c.Now()
	s.Begin(arrived)
	c.advance(time.Second)
	s.SetRoutes([]RouteInfo{{Name: "product", Kind: "read", Rules: []string{ignoreTags, ignoreID}}})
	if err := s.RestartWindow(t.Context(), c.Now()); err != nil {
		t.Fatal(err)
	}
	late := exchange(arrived, 2, compare.Tolerated)
	late.Suppressed = map[int]int{0: 10}
	s.Finish(late)
	see(s, suppressing(c, compare.Tolerated, map[int]int{1: 7}))

	check := func(when string) {
		t.Helper()
		want := map[string]Suppression{ignoreID: {Exchanges: 1, Differences: 7}}
		if got := route(t, s.Routes(), "product").Suppressed; !maps.Equal(got, want) {
			t.Errorf("%s: the window has %v, want %v", when, got, want)
		}
		all, err := s.RoutesAll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want = map[string]Suppression{ignoreID: {Exchanges: 4, Differences: 21}, ignoreTags: {Exchanges: 2, Differences: 3}}
		if got := route(t, all, "product").Suppressed; !maps.Equal(got, want) {
			t.Errorf("%s: the run has %v, want %v", when, got, want)
		}
	}
	check("in memory")
	mustFlush(t, s)
	mustFlush(t, s)
	check("flushed")
	s = reopen(t, s)
	check("reopened")
}

// A store of the first version counted by the number of the rule.
func TestSuppressedByNumberIsForgotten(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "old.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	step := func(version int) {
		t.Helper()
		if err := migrateStep(t.Context(), db, version); err != nil {
			t.Fatal(err)
		}
	}
	step(0)
	_, err = db.ExecContext(t.Context(), `INSERT INTO accounts VALUES (1, 'product', 1, 2, 0, 0, 0, '{}', 3, 0, 3, 1, 0, 0, 0, 0, 0, '{"0": 3}', x'', x'', x'')`)
	if err != nil {
		t.Fatal(err)
	}
	step(1)
	var tolerated int
	var suppressed string
	row := db.QueryRowContext(t.Context(), "SELECT tolerated, suppressed FROM accounts")
	if err := row.Scan(&tolerated, &suppressed); err != nil || tolerated != 2 || suppressed != "{}" {
		t.Errorf("%d tolerated, suppressed %s, %v", tolerated, suppressed, err)
	}
}
