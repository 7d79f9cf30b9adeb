package fence_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"paritygate/internal/fence"
)

// What a rehearsal says is what the flip meets: statements are judged without being run.
func TestInspectFence(t *testing.T) {
	t.Parallel()
	s := newShop(t, "rehearsed")
	s.run(`CREATE ROLE keeper LOGIN PASSWORD 's3cret-keeper' CREATEROLE; GRANT rehearsed TO keeper WITH ADMIN OPTION;
		CREATE ROLE stranger LOGIN PASSWORD 's3cret-stranger'`)
	newShop(t, "rehearsed_elsewhere")
	tests := map[string]struct {
		edit                   func(*fence.Fence)
		problems, doubts, open string
	}{
		"a superuser": {edit: func(*fence.Fence) {}},
		"who may":     {edit: func(f *fence.Fence) { f.DSN = s.as("keeper", "s3cret-keeper") }},
		"who may not": {
			edit:     func(f *fence.Fence) { f.DSN = s.as("stranger", "s3cret-stranger") },
			problems: "cutover.fence.sql[0]: permission denied; cutover.fence.sql[1]: stranger may not end the sessions of rehearsed; cutover.fence.unfence[0]; cutover.fence.unfence[1]",
		},
		"the application itself": {
			edit:     func(f *fence.Fence) { f.DSN = s.app },
			problems: "cutover.fence.sql[1] would end its own session, since it runs as rehearsed too; cutover.fence.unfence[1]",
		},
		"sessions that stay": {
			edit:   func(f *fence.Fence) { f.SQL, f.Unfence = f.SQL[:1], f.Unfence[:1] },
			doubts: "cutover.fence.sql decides how sessions of rehearsed begin, and ends none; cutover.fence.unfence decides",
		},
		"another role": {
			edit: func(f *fence.Fence) {
				f.SQL[0] = `alter user "rehearsed_elsewhere" in database rehearsed set default_transaction_read_only to on`
			},
			doubts: "cutover.fence.sql[0] alters the role rehearsed_elsewhere, and the write that proves the fence is done as rehearsed",
		},
		"misspelled": {
			edit: func(f *fence.Fence) {
				f.SQL[0], f.SQL[1] = "ALTER ROLLE rehearsed NOLOGIN", "SELECT pg_terminate_backends(1)"
			},
			problems: `cutover.fence.sql[0]: syntax error at or near "ROLLE"; cutover.fence.sql[1]: function pg_terminate_backends(integer) does not exist`,
		},
		"a right that only running it shows": {
			edit: func(f *fence.Fence) {
				f.DSN = s.as("keeper", "s3cret-keeper")
				f.SQL = []string{"REVOKE INSERT ON orders FROM rehearsed", "SET x.y = 1; SELECT 1"}
			},
			open: "cutover.fence.sql[0] is well-formed, and whether keeper may run it; cutover.fence.sql[1] can only be judged by running it",
		},
		"a write that does not work": {
			edit:     func(f *fence.Fence) { f.Verify.SQL = "INSERT INTO fence_prob VALUES (1)" },
			problems: `the write that is to prove the fence does not work now, and has to: cutover.fence.verify: relation "fence_prob" does not exist`,
		},
		"nobody there": {
			edit:     func(f *fence.Fence) { f.DSN = s.as("keeper", "s3cret-wrong") },
			problems: `cutover.fence.dsn: connecting: password authentication failed`,
		},
	}
	settings := func() string {
		return s.ask("SELECT count(*)::text FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole WHERE r.rolname LIKE 'rehearsed%'")
	}
	before := settings()
	session := s.connect(s.app)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := s.readOnly()
			test.edit(f)
			found := s.databases(f).InspectFence(soon(t))
			for _, part := range []struct {
				what string
				got  []string
				want string
			}{{"problems", found.Problems, test.problems}, {"doubts", found.Doubts, test.doubts}, {"open", found.Open, test.open}} {
				said(t, part.what, part.got, part.want)
			}
		})
	}
	if after := settings(); after != before {
		t.Errorf("%s settings of roles before, %s after: a rehearsal changes something", before, after)
	}
	if _, err := session.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Error("a rehearsal ended a session:", err)
	}
	f := s.readOnly()
	f.DSN = s.as("keeper", "s3cret-keeper")
	d := s.databases(f)
	if err := d.Fence(soon(t)); err != nil {
		t.Error("who may, may not:", err)
	}
	if err := d.Unfence(soon(t)); err != nil {
		t.Error(err)
	}
}

// said compares what was found with the beginnings of what is wanted, apart by semicolons.
func said(t *testing.T, what string, got []string, want string) {
	t.Helper()
	var wants []string
	if want != "" {
		wants = strings.Split(want, "; ")
	}
	ok := len(got) == len(wants)
	for i := range wants {
		ok = ok && strings.Contains(got[i], wants[i])
	}
	if !ok || strings.Contains(strings.Join(got, ""), "s3cret") {
		t.Errorf("%s: (-want +got)\n%s", what, cmp.Diff(wants, got))
	}
}

func TestInspectPrepare(t *testing.T) {
	t.Parallel()
	s := newShop(t, "readied")
	s.run("CREATE ROLE looker LOGIN PASSWORD 's3cret-looker'; GRANT SELECT ON orders TO looker; GRANT SELECT ON SEQUENCE orders_id_seq TO looker")
	const advance = "SELECT setval('orders_id_seq', (SELECT coalesce(max(id), 0) FROM orders) + 1000)"
	looker := s.as("looker", "s3cret-looker")
	tests := map[string]struct {
		entry          fence.Entry
		problems, open string
	}{
		"fine": {entry: fence.Entry{DSN: s.dsn, SQL: []string{advance, "ALTER TABLE orders ENABLE TRIGGER USER"}}},
		"one who may not set the sequence": {
			entry: fence.Entry{DSN: looker, SQL: []string{advance}}, problems: "cutover.prepare[0].sql[0] on new: its role may not set the sequence orders_id_seq",
		},
		"one who may not write": {
			entry: fence.Entry{DSN: looker, SQL: []string{"DELETE FROM orders"}}, problems: "cutover.prepare[0].sql[0] on new: permission denied for table orders",
		},
		"no such sequence": {
			entry: fence.Entry{DSN: s.dsn, SQL: []string{"SELECT setval('order_id_seq', 1)"}}, problems: `cutover.prepare[0].sql[0] on new: relation "order_id_seq" does not exist`,
		},
		"a misspelled undo": {
			entry: fence.Entry{DSN: s.dsn, SQL: []string{advance}, Undo: []string{"ALTER TABEL orders"}}, problems: "cutover.prepare[0].undo[0] on new: syntax error",
		},
		"what it cannot look at": {
			entry: fence.Entry{DSN: s.dsn, SQL: []string{"VACUUM orders"}}, open: "cutover.prepare[0].sql[0] on new can only be judged by running it",
		},
		"nobody there": {
			entry: fence.Entry{DSN: s.as("looker", "s3cret-wrong"), SQL: []string{advance}}, problems: "cutover.prepare[0] on new: connecting: password authentication failed",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.entry.On = "new"
			found := s.databases(nil, test.entry).InspectPrepare(soon(t), 0)
			said(t, "problems", found.Problems, test.problems)
			said(t, "open", found.Open, test.open)
		})
	}
	other := s.connect(looker)
	slow := fence.Entry{On: "new", DSN: s.dsn, SQL: []string{
		end("looker"), "SELECT \"pg_terminate_backend\" (pid) FROM pg_stat_activity WHERE usename = 'looker'", advance,
		"SELECT setval('orders_id_seq', (SELECT max(id) FROM orders, pg_sleep(0.2)) + 1000)", "SELECT 1 / count(*) FROM orders", "SELECT pg_sleep(60)", "SELECT pg_sleep(61)",
	}}
	found := s.databases(nil, slow).InspectPrepare(soon(t), 500*time.Millisecond)
	said(t, "problems", found.Problems, "")
	said(t, "doubts", found.Doubts, "cutover.prepare[0].sql[4] on new fails as the database is now: division by zero")
	if found.Took < 500*time.Millisecond || found.Took > 20*time.Second || !strings.HasPrefix(found.Seen, "7 statements looked at, 4 measured in ") {
		t.Errorf("%s: %s", found.Took, found.Seen)
	}
	if _, err := other.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Error("a rehearsal did what no transaction takes back:", err)
	}
	if at := s.ask("SELECT is_called::text FROM orders_id_seq"); at != "false" {
		t.Error("a rehearsal set the sequence")
	}
}
