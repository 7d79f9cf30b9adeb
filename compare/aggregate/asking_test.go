package aggregate

import (
	"context"
	"strings"
	"testing"
	"time"
)

// clocks makes a runner whose databases tell these times one after the other, and records what else they are asked.
func clocks(t *testing.T, c Check, old, new string) (r *Runner, statements *[2][]string) {
	t.Helper()
	r, err := New(Options{Old: Database{DSN: "host=a"}, New: Database{DSN: "host=b"}, Checks: []Check{c}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	statements = &[2][]string{}
	side := func(i int, now string) source {
		return asked(func(_ context.Context, sql string) (*answer, error) {
			if sql == clock {
				return &answer{columns: []column{{name: "now"}}, rows: [][]value{{{text: now}}}}, nil
			}
			statements[i] = append(statements[i], sql)
			return one, nil
		})
	}
	r.open = func(context.Context, *plan) ([2]source, func(), error) {
		return [2]source{side(0, old), side(1, new)}, func() {}, nil
	}
	return r, statements
}

func TestOneMomentSettlesBothSides(t *testing.T) {
	c := every("{settled}", time.Minute)
	c.Name, c.Settled = "a", &Settled{Lag: time.Minute}
	tests := []struct{ name, old, new, want string }{
		{"old is behind", "2026-01-02 00:00:30.25+00", "2026-01-02 00:10:00+00", "timestamptz '2026-01-01 23:59:30.25+00'"},
		{"new is behind", "2026-01-02 00:10:00+00", "2026-01-02 00:00:30.000001+00", "timestamptz '2026-01-01 23:59:30.000001+00'"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, statements := clocks(t, c, test.old, test.new)
			if got, err := r.RunNow(t.Context(), "a", Mode{}); err != nil || got.Verdict != Pass {
				t.Errorf("%s: %s, %v", got.Verdict, got.Reason, err)
			}
			for i, asked := range statements {
				if got := strings.Join(asked, "; "); got != "SELECT "+test.want {
					t.Errorf("%s was asked %s", sides[i], got)
				}
			}
		})
	}
	r, _ := clocks(t, c, "2026-01-02 00:00:30+00", "soon")
	if got, err := r.RunNow(t.Context(), "a", Mode{}); err != nil || got.Verdict != Inconclusive || !strings.Contains(got.Reason, "read the database's clock") {
		t.Errorf("%s: %s, %v", got.Verdict, got.Reason, err)
	}
}

func TestTransactionsOfOneRunHaveOneMoment(t *testing.T) {
	c := every("{settled}", time.Minute)
	c.Name, c.Settled = "a", &Settled{Lag: time.Minute}
	r, statements := clocks(t, c, "2026-01-02 00:01:00+00", "2026-01-02 00:02:00+00")
	a := &asking{runner: r, plan: r.plans[0], before: &cutoff{at: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}}
	both, end, err := a.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	if _, err := both[1].ask(t.Context(), "SELECT {settled}", 1); err != nil || statements[1][0] != "SELECT timestamptz '2026-01-01 12:00:00+00'" {
		t.Errorf("%v, %v", statements, err)
	}
}
