package fence_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"paritygate/internal/fence"
	"paritygate/internal/testkit"
)

// A server that goes away in the middle of each step, and comes back: the step goes on where it was, or gives up at its end; what
// cannot be reached neither is a fence nor is none.
func TestTheServerGoesAwayAndComesBack(t *testing.T) {
	s := newShop(t, "restarted")
	s.run("CREATE TABLE gate (id int); CREATE TABLE did (what text)")
	const gate = "LOCK TABLE gate"
	f := s.readOnly()
	f.SQL = []string{f.SQL[0], gate, f.SQL[1]}
	f.Unfence = []string{f.Unfence[0], gate, f.Unfence[1]}
	d := s.databases(f, fence.Entry{On: "old", DSN: s.dsn, SQL: []string{gate, "INSERT INTO did VALUES ('never')"}, Undo: []string{gate, "INSERT INTO did VALUES ('undone')"}})
	steps := []struct {
		name string
		call func() error
		want string
	}{
		{"prepare", func() error { return d.Prepare(soon(t)) }, "cutover.prepare[0].sql[0] on old: "}, // it is undone, not run again
		{"undo", func() error { return d.Undo(soon(t)) }, ""},
		{"fence", func() error { return d.Fence(soon(t)) }, ""},
		{"unfence", func() error { return d.Unfence(soon(t)) }, ""},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			holder := s.connect(s.dsn)
			tx, err := holder.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec(t.Context(), gate); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- step.call() }()
			testkit.Eventually(t, 10*time.Second, func() bool {
				return s.ask("SELECT count(*)::text FROM pg_stat_activity WHERE datname = 'restarted' AND wait_event_type = 'Lock'") == "1"
			}, "the step does not come to the lock")
			server.Down(t)
			refused(t, "of a server that is down", func(ctx context.Context) error {
				_, err := s.databases(f).Standing(ctx)
				return err
			}, "whether the fence stands is unknown")
			server.Up(t)
			err = <-ended
			switch {
			case step.want == "" && err != nil, step.want != "" && (err == nil || !strings.HasPrefix(err.Error(), step.want)):
				t.Errorf("got %v, want %q", err, step.want)
			}
		})
		standing, err := d.Standing(soon(t))
		if want := step.name == "fence"; err != nil || standing != want {
			t.Errorf("after %s: standing %v, %v", step.name, standing, err)
		}
	}
	if did := s.ask("SELECT string_agg(what, ', ') FROM did"); did != "undone" {
		t.Errorf("done: %s", did)
	}
}
