package fence_test

import (
	"strconv"
	"testing"

	"paritygate/internal/fence"
)

// Under every kind of fence: once Fence returned, no write of an application that goes on trying is taken, on no connection, until
// Unfence; and none that was acknowledged is gone.
func TestNothingIsWrittenBehindAFence(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(s *shop) *fence.Fence{
		"read_only": (*shop).readOnly,
		"sessions_ended_too_early": func(s *shop) *fence.Fence {
			f := s.readOnly()
			f.SQL[0], f.SQL[1] = f.SQL[1], f.SQL[0]
			return f
		},
		"whole_database": func(s *shop) *fence.Fence {
			f := s.readOnly()
			f.SQL[0], f.Unfence[0] = "ALTER DATABASE "+s.name+" SET default_transaction_read_only = on", "ALTER DATABASE "+s.name+" RESET default_transaction_read_only"
			return f
		},
		"no_login": func(s *shop) *fence.Fence {
			f := s.readOnly()
			f.SQL[0], f.Unfence[0] = "ALTER ROLE "+s.name+" NOLOGIN", "ALTER ROLE "+s.name+" LOGIN"
			return f
		},
		"revoke": func(s *shop) *fence.Fence {
			f := s.readOnly()
			f.SQL = []string{"REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public FROM " + s.name}
			f.Unfence = []string{"GRANT INSERT ON ALL TABLES IN SCHEMA public TO " + s.name}
			return f
		},
		"triggers": func(s *shop) *fence.Fence { // of docs/reference.md, as is the next
			f := s.readOnly()
			f.SQL = []string{
				`CREATE OR REPLACE FUNCTION fenced() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RAISE 'old is fenced'; END $f$`,
				`DO $f$ DECLARE t regclass; BEGIN
					FOR t IN SELECT oid FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace LOOP
						EXECUTE format('CREATE OR REPLACE TRIGGER fenced BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s EXECUTE FUNCTION fenced()', t);
					END LOOP;
				END $f$`,
			}
			f.Unfence = []string{`DO $f$ DECLARE t regclass; BEGIN
					FOR t IN SELECT tgrelid FROM pg_trigger WHERE tgname = 'fenced' LOOP
						EXECUTE format('DROP TRIGGER fenced ON %s', t);
					END LOOP;
				END $f$`}
			return f
		},
		"roles behind one login": func(s *shop) *fence.Fence {
			f := s.readOnly()
			f.SQL = []string{"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public FROM service_role, kinds"}
			f.Verify = fence.Verify{DSN: s.dsn, SQL: "SET LOCAL ROLE service_role; INSERT INTO fence_probe VALUES (1)"}
			f.Unfence = []string{"GRANT INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO service_role, kinds"}
			return f
		},
	}
	s := newShop(t, "kinds")
	s.run("CREATE ROLE service_role; GRANT INSERT ON fence_probe TO service_role")
	for name, make := range kinds {
		t.Run(name, func(t *testing.T) {
			d := s.databases(make(s))
			app := s.write(2)
			tries(t, &app.acknowledged, 10)
			if standing, err := d.Standing(soon(t)); err != nil || standing {
				t.Fatalf("before: standing %v, %v", standing, err)
			}
			if err := d.Fence(soon(t)); err != nil {
				t.Fatal(err)
			}
			before, taken := app.acknowledged.Load(), s.ask("SELECT count(*)::text FROM orders")
			tries(t, &app.refused, 20)
			if after := s.ask("SELECT count(*)::text FROM orders"); after != taken || app.acknowledged.Load() != before {
				t.Errorf("%s rows when the fence was up, %s later; %d writes acknowledged, %d later", taken, after, before, app.acknowledged.Load())
			}
			if standing, err := d.Standing(soon(t)); err != nil || !standing {
				t.Errorf("fenced: standing %v, %v", standing, err)
			}
			for range 2 { // both are idempotent
				if err := d.Fence(soon(t)); err != nil {
					t.Error(err)
				}
			}
			for range 2 {
				if err := d.Unfence(soon(t)); err != nil {
					t.Error(err)
				}
			}
			tries(t, &app.acknowledged, 10)
			app.end()
			if rows, err := strconv.ParseInt(s.ask("SELECT count(*)::text FROM orders"), 10, 64); err != nil || rows < app.acknowledged.Load() {
				t.Errorf("%d rows of %d writes acknowledged, %v", rows, app.acknowledged.Load(), err)
			}
			if len(s.warnings) > 0 {
				t.Error(s.warnings)
			}
			if probes := s.ask("SELECT count(*)::text FROM fence_probe"); probes != "0" {
				t.Errorf("%s probes were not rolled back", probes)
			}
		})
	}
}
