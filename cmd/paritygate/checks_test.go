package main

import (
	"database/sql"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"paritygate/compare/aggregate"
)

func unset(string) (string, bool) { return "", false }

func TestTheWorstCheckDecidesTheExitCode(t *testing.T) {
	for name, test := range map[string]struct {
		verdicts []aggregate.Verdict
		want     int
	}{
		"all pass":                    {[]aggregate.Verdict{aggregate.Pass, aggregate.Pass}, exitDone},
		"one is inconclusive":         {[]aggregate.Verdict{aggregate.Pass, aggregate.Inconclusive}, exitInconclusive},
		"fail outweighs inconclusive": {[]aggregate.Verdict{aggregate.Inconclusive, aggregate.Fail, aggregate.Pass}, exitGate},
		"nothing was asked":           {nil, exitInconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			var results []aggregate.Result
			for _, v := range test.verdicts {
				results = append(results, aggregate.Result{Name: "c", Type: aggregate.Count, Verdict: v})
			}
			got := exitDone
			if err := (&options{sys: system{out: io.Discard, lookup: unset}, output: "table"}).showChecks(t.Context(), results); err != nil {
				got = exitCode(err)
			}
			if got != test.want {
				t.Errorf("exit code %d, want %d", got, test.want)
			}
		})
	}
}

// An audit log that somebody edited is shown where a person looks, and stops nobody.
func TestABrokenAuditLogIsShown(t *testing.T) {
	older := newShop(t)
	path := filepath.Join(t.TempDir(), "paritygate.db")
	text := plainConfig + "store: {path: " + path + "}\n"
	boot(t, text, "OLD", older.URL, "NEW", "http://127.0.0.1:1").end()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "UPDATE events SET actor = 'somebody else', hash = 'x' WHERE seq = (SELECT max(seq) FROM events)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	r := boot(t, text, "OLD", older.URL, "NEW", "http://127.0.0.1:1")
	for _, u := range r.status().Unwell {
		if u.Part == "store" && strings.Contains(u.Message, "audit log") {
			return
		}
	}
	t.Errorf("unwell: %+v", r.status().Unwell)
}
