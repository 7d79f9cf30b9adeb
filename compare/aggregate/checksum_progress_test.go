package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"paritygate/compare/aggregate"
)

// kept is a Progress in memory.
type kept struct {
	mu    sync.Mutex
	state map[string][]byte
	saves int
	fails error // of every call
}

func (k *kept) Load(_ context.Context, check string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state[check], k.fails
}

func (k *kept) Save(_ context.Context, check string, state []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state == nil {
		k.state = map[string][]byte{}
	}
	k.state[check] = state
	k.saves++
	return k.fails
}

func (k *kept) Clear(_ context.Context, check string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.state, check)
	return k.fails
}

// long makes a table of 60,000 rows, several chunks, on both sides.
func long(t *testing.T, schema string) aggregate.Check {
	t.Helper()
	table := "CREATE TABLE t (id int PRIMARY KEY, v int, at timestamptz DEFAULT '2020-01-01Z'); INSERT INTO t SELECT i, i FROM generate_series(1, 60000) i;"
	for _, db := range []string{"shop_old", "shop_new"} {
		runIn(t, db, schema, "CREATE SCHEMA "+schema+";"+pathOf(schema)+table)
	}
	c := checksumOf(schema + ".t")
	c.Name = "long"
	return c
}

// interrupted runs the check and ends the context before the nth opening of the databases.
func interrupted(t *testing.T, o aggregate.Options, n int) {
	t.Helper()
	r := start(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.OnOpen(func(i int) {
		if i == n {
			cancel()
		}
	})
	if _, err := r.RunNow(ctx, "long", aggregate.Mode{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want the context's error", err)
	}
	r.Close()
}

func TestChecksumGoesOnAfterARestart(t *testing.T) {
	check := long(t, "restart")
	// Found before the interruption, and to be looked at again after it.
	runIn(t, "shop_new", "restart", "UPDATE t SET v = -5 WHERE id = 5")
	tests := []struct {
		name   string
		change func(o *aggregate.Options, k *kept)
		resume bool
	}{
		{"as it was", func(*aggregate.Options, *kept) {}, true},
		{"another check", func(o *aggregate.Options, _ *kept) {
			o.Checks[0].Columns = []aggregate.Column{{Old: "at", Ignore: true}}
		}, false},
		{"another user", func(o *aggregate.Options, _ *kept) { o.Old.DSN = oldDSN + "&user=someone&password=someone" }, false},
		{"damaged", func(_ *aggregate.Options, k *kept) { k.state["long"] = k.state["long"][:20] }, false},
		{"unreadable", func(_ *aggregate.Options, k *kept) { k.fails = errors.New("disk full") }, false},
		{"too old", func(_ *aggregate.Options, k *kept) {
			now := fmt.Sprintf(`"Saved":"%d-`, time.Now().Year())
			k.state["long"] = []byte(strings.Replace(string(k.state["long"]), now, `"Saved":"2001-`, 1))
		}, false},
	}
	server.Run(t, "shop_old", "CREATE ROLE someone LOGIN SUPERUSER PASSWORD 'someone'")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := &kept{}
			o := aggregate.Options{Checks: []aggregate.Check{check}, Progress: k}
			interrupted(t, o, 3)
			if k.saves == 0 || k.state["long"] == nil {
				t.Fatal("nothing was kept")
			}
			began := time.Now()
			o.Checks = []aggregate.Check{check}
			test.change(&o, k)
			// In the part that was looked at already: it is seen only by a run that begins anew.
			runIn(t, "shop_new", "restart", "UPDATE t SET v = -6 WHERE id = 6")
			defer runIn(t, "shop_new", "restart", "UPDATE t SET v = 6 WHERE id = 6; UPDATE t SET v = 59999 WHERE id = 59999")
			runIn(t, "shop_new", "restart", "UPDATE t SET v = 0 WHERE id = 59999")
			got := runNow(t, start(t, o), "long", aggregate.Mode{})
			want := "value id=5: v=5 | v=-5\nvalue id=59999: v=59999 | v=0\n"
			if !test.resume {
				want = "value id=5: v=5 | v=-5\nvalue id=6: v=6 | v=-6\nvalue id=59999: v=59999 | v=0\n"
			}
			if named(got) != want || show(got.Old) != "60000" || show(got.New) != "60000" {
				t.Errorf("%s\n%s\nwant\n%s", got.Reason, named(got), want)
			}
			if got.At.Before(began) != test.resume {
				t.Errorf("asked at %s; the interruption was before %s", got.At, began)
			}
			if k.fails == nil && k.state["long"] != nil {
				t.Error("the progress is still there after the end")
			}
		})
	}
}

func TestStrictChecksumKeepsNoProgress(t *testing.T) {
	k := &kept{}
	o := aggregate.Options{Checks: []aggregate.Check{long(t, "strict")}, Progress: k}
	interrupted(t, o, 3)
	runIn(t, "shop_new", "strict", "UPDATE t SET v = 0 WHERE id = 1")
	saves := k.saves
	got := runNow(t, start(t, o), "long", aggregate.Mode{Strict: true})
	if named(got) != "value id=1: v=1 | v=0\n" || k.saves != saves || k.state["long"] == nil {
		t.Errorf("%s: %d saves, %d before", got.Reason, k.saves, saves)
	}
}

func TestChecksumForgivesRowsOnTheirWay(t *testing.T) {
	check := long(t, "lag")
	r := start(t, aggregate.Options{Checks: []aggregate.Check{check}})
	var total int
	r.OnOpen(func(n int) { total = n + 1 })
	verify(t, runNow(t, r, "long", aggregate.Mode{}), aggregate.Pass, 0, "all of them are equal")
	const row, follower, lost = 59_000, 59_001, 59_002
	chunks := total
	steps := map[int]func(){
		// After the chunks, the rows are looked at twice more.
		chunks: func() {
			runIn(t, "shop_new", "lag", fmt.Sprintf("UPDATE t SET v = 1 WHERE id = %d", row)) // arrived
			runIn(t, "shop_new", "lag", fmt.Sprintf("UPDATE t SET v = 1 WHERE id = %d", follower))
			runIn(t, "shop_old", "lag", fmt.Sprintf("UPDATE t SET v = 2 WHERE id = %d", follower))
		},
		chunks + 1: func() {
			runIn(t, "shop_new", "lag", fmt.Sprintf("UPDATE t SET v = 2 WHERE id = %d", follower))
			runIn(t, "shop_old", "lag", fmt.Sprintf("UPDATE t SET v = 3 WHERE id = %d", follower))
		},
	}
	runIn(t, "shop_old", "lag", fmt.Sprintf("UPDATE t SET v = 1 WHERE id IN (%d, %d, %d)", row, follower, lost))
	r = start(t, aggregate.Options{Checks: []aggregate.Check{check}})
	r.OnOpen(func(n int) {
		if step := steps[n]; step != nil {
			step()
		}
	})
	if got := runNow(t, r, "long", aggregate.Mode{}); named(got) != fmt.Sprintf("value id=%d: v=1 | v=%d\n", lost, lost) {
		t.Errorf("%s\n%s", got.Reason, named(got))
	}
}

func TestSettledChecksum(t *testing.T) {
	check := long(t, "calm")
	check.Settled = &aggregate.Settled{Column: "at", Lag: time.Hour}
	r := start(t, aggregate.Options{Checks: []aggregate.Check{check}})
	// Changed on old just now, so that only new has a version of it that counts; and one that is nowhere but in new.
	runIn(t, "shop_old", "calm", "UPDATE t SET v = 0, at = now() WHERE id = 100; INSERT INTO t VALUES (70000, 1, now())")
	runIn(t, "shop_new", "calm", "INSERT INTO t VALUES (80000, 1)")
	if got := runNow(t, r, "long", aggregate.Mode{}); named(got) != "extra id=80000: <nil> | v=1, at=2020-01-01 00:00:00+00\n" {
		t.Errorf("%s\n%s", got.Reason, named(got))
	} else if show(got.Old) != "59999" || show(got.New) != "60001" {
		t.Errorf("%s rows of old and %s of new, and two of old do not count yet", show(got.Old), show(got.New))
	}
	if got := runNow(t, r, "long", aggregate.Mode{Strict: true}); len(got.Differences) != 3 {
		t.Errorf("strict: %s\n%s", got.Reason, named(got))
	}
}

func TestChecksumLetsOthersHaveTheirTurn(t *testing.T) {
	check := long(t, "turns")
	check.Pace = 0.2
	between := 0
	var r *aggregate.Runner
	one := aggregate.Database{MaxConnections: 1}
	r = start(t, aggregate.Options{Old: one, New: one, Checks: []aggregate.Check{check, scalar("quick", "SELECT 1", "SELECT 1")}, Report: func(got aggregate.Result) {
		if got.Name == "quick" {
			between++
		} else if between == 0 {
			t.Error("the checksum ended before the other check had its turn")
		}
	}})
	opened := make(chan struct{})
	r.OnOpen(func(n int) {
		if n == 1 {
			close(opened)
		}
	})
	ended := make(chan aggregate.Result)
	go func() {
		got, _ := r.RunNow(t.Context(), "long", aggregate.Mode{})
		ended <- got
	}()
	<-opened
	verify(t, runNow(t, r, "quick", aggregate.Mode{}), aggregate.Pass, 0, "")
	verify(t, <-ended, aggregate.Pass, 0, "all of them are equal")
}
