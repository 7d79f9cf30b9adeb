package demo

import (
	"context"
	"testing"
	"time"
)

func TestTrafficAgainstOld(t *testing.T) {
	s := open(t, true)
	if _, err := s.Repair(t.Context()); err != nil {
		t.Fatal(err)
	}
	traffic := NewTraffic(TrafficOptions{URL: s.Old.URL(), Sizes: small, Clients: 12, Reads: 100, Writes: 20})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- traffic.Run(ctx) }()
	wait(t, "150 reads and 30 writes", func() bool {
		now := traffic.Tally()
		return now.Reads > 150 && now.Writes > 30
	})
	half := traffic.Tally()
	wait(t, "30 reads more", func() bool { return traffic.Tally().Since(half).Reads > 30 })
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := s.StopSync(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := traffic.Tally()
	if Failed(all.FailedReads)+Failed(all.FailedWrites) != 0 {
		t.Errorf("failures: %v %v", all.FailedReads, all.FailedWrites)
	}
	if p50, p99 := all.ReadQuantile(.5), all.ReadQuantile(.99); p50 <= 0 || p99 < p50 || p99 > 5*time.Second {
		t.Errorf("p50 %v, p99 %v", p50, p99)
	}
	if later := all.Since(half); later.Reads >= all.Reads || later.Reads+half.Reads != all.Reads {
		t.Errorf("%d since %d of %d", later.Reads, half.Reads, all.Reads)
	}
	a, err := s.Account(t.Context(), traffic.Sent(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if !a.Clean() || a.Accepted != a.Sent || int64(a.Sent) != all.Writes || a.OnOld != a.Sent || a.OnNew != 0 {
		t.Errorf("account %+v", a)
	}
}

func TestTrafficCountsFailures(t *testing.T) {
	s := open(t, true)
	s.New.Kill()
	traffic := NewTraffic(TrafficOptions{URL: s.New.URL(), Sizes: small, Clients: 4, Reads: 50, Writes: 10})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- traffic.Run(ctx) }()
	wait(t, "20 reads and 5 writes", func() bool {
		now := traffic.Tally()
		return now.Reads > 20 && now.Writes > 5
	})
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	all := traffic.Tally()
	if all.FailedReads["connection broken"] != all.Reads || all.FailedWrites["connection broken"] != all.Writes {
		t.Errorf("failures %v of %d, %v of %d", all.FailedReads, all.Reads, all.FailedWrites, all.Writes)
	}
}

func TestAccountFindsWhatWentWrong(t *testing.T) {
	s := open(t, true)
	order := func(shop *Shop, reference string) {
		t.Helper()
		ask(t, shop, "POST", "/api/orders", `{"customer": 7, "reference": "`+reference+`", "items": [{"product": 5, "quantity": 2}]}`)
	}
	order(s.Old, "plain")
	order(s.Old, "doubled")
	order(s.New, "doubled")
	order(s.Old, "stray")
	order(s.New, "unnoticed")
	back := time.Now()
	order(s.Old, "after the rollback")
	var sent []SentWrite
	for reference, status := range map[string]int{
		"plain": 201, "doubled": 201, "stray": 201, "lost": 201, "unnoticed": 0, "after the rollback": 201, "refused": 503,
	} {
		sent = append(sent, SentWrite{Reference: reference, Status: status})
	}
	a, err := s.Account(t.Context(), sent, back)
	if err != nil {
		t.Fatal(err)
	}
	one := func(list []string, want string) bool { return len(list) == 1 && list[0] == want }
	if !one(a.Lost, "lost") || !one(a.Doubled, "doubled") || !one(a.Strays, "stray") || a.Unnoticed != 1 ||
		a.Refused != 1 || a.Unanswered != 1 || a.Accepted != 5 || a.Clean() {
		t.Errorf("account %+v", a)
	}
}

// Once the accounts are settled, nothing more is remembered of each write, and the figures go on.
func TestSettledAccountsDoNotGrow(t *testing.T) {
	s := open(t, true)
	traffic := NewTraffic(TrafficOptions{URL: s.Old.URL(), Sizes: small, Clients: 4, Reads: 50, Writes: 50})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- traffic.Run(ctx) }()
	wait(t, "5 writes", func() bool { return len(traffic.Sent()) > 5 && len(s.Old.Writes()) > 5 })
	s.Settle(traffic)
	before := traffic.Tally()
	wait(t, "5 writes more", func() bool { return traffic.Tally().Since(before).Writes > 5 })
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(traffic.Sent()) != 0 || len(s.Old.Writes()) != 0 {
		t.Errorf("%d writes are remembered, and %d at old", len(traffic.Sent()), len(s.Old.Writes()))
	}
}
