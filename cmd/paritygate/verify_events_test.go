package main

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// thirdParty proves the audit log as docs/api.md says: with the bytes of the answers and SHA-256, and nothing of this program.
func thirdParty(t *testing.T, admin string) (events int) {
	t.Helper()
	for previous := ""; ; events++ {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s/v1/events?after=%d&limit=1", admin, events), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		event := regexp.MustCompile(`\],"head":\{"seq":[0-9]+,"hash":"[0-9a-f]*"\}\}\n$`).ReplaceAllString(string(body), "")
		event = strings.TrimPrefix(event, `{"events":[`)
		if event == "" {
			return events
		}
		at := strings.LastIndex(event, `"hash":"`) + len(`"hash":"`)
		hash := strings.TrimSuffix(event[at:], `"}`)
		sum := sha256.Sum256([]byte(previous + "\n" + event[:at] + `"}`))
		if got := hex.EncodeToString(sum[:]); got != hash {
			t.Fatalf("event %d has the hash %s, by hand it is %s: %s", events+1, hash, got, event)
		}
		previous = hash
	}
}

func TestEventsVerify(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	dir := t.TempDir()
	store, file := filepath.Join(dir, "store.db"), filepath.Join(dir, "paritygate.yaml")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := listener.Addr().String() // nobody listens there once it is closed
	listener.Close()
	text := windowConfig + "store: {path: " + store + "}\n"
	config := strings.NewReplacer("OLD", older.URL, "NEW", newer.URL).Replace(text) + "admin: {address: \"" + free + "\"}\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	r := boot(t, text, "OLD", older.URL, "NEW", newer.URL)
	const odd = "<price> & \u2028 \"],\"head\":{\"seq\":1}}"
	for range 2 {
		if code, _, errs := r.cli("restart", "--reason", strings.ReplaceAll(odd, "\u2028", ""), "--yes"); code != exitDone {
			t.Fatal(errs)
		}
	}
	r.edited("min_samples: 400", "min_samples: 10") // evidence with a diff in it
	if err := r.tryReload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := thirdParty(t, r.adminURL()); n < 4 {
		t.Errorf("%d events", n)
	}
	if code, out, errs := r.cli("events", "--verify"); code != exitDone || !strings.Contains(out, "none changed, removed, reordered or cut off") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	tamper := func(statement string) {
		t.Helper()
		db, err := sql.Open("sqlite", "file:"+store+"?_pragma=busy_timeout(2000)")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct{ name, do, undo, want string }{
		{"a reason", "UPDATE events SET reason = 'x' || reason WHERE seq = 2", "UPDATE events SET reason = substr(reason, 2) WHERE seq = 2", "event 2 does not match its hash"},
		{"the phase of the first", "UPDATE events SET to_ = 'live' WHERE seq = 1", "UPDATE events SET to_ = 'shadow' WHERE seq = 1", "event 1 does not match its hash"},
		{"one is gone", "UPDATE events SET seq = 1000 WHERE seq = 2", "UPDATE events SET seq = 2 WHERE seq = 1000", "event 2 is missing"},
		{"the end is cut off", "CREATE TABLE kept AS SELECT * FROM events WHERE seq >= 3; DELETE FROM events WHERE seq >= 3", "INSERT INTO events SELECT * FROM kept; DROP TABLE kept", "event 3 is missing"},
	} {
		tamper(row.do)
		if code, out, errs := r.cli("events", "--verify"); code != exitFailed || !strings.Contains(errs, row.want) {
			t.Errorf("%s: exit %d: %s%s", row.name, code, out, errs)
		}
		if code, out, errs := command(t, "events", "--verify", "--config", file); code != exitFailed || !strings.Contains(errs, row.want) || !strings.Contains(errs, store) {
			t.Errorf("%s, from the file: exit %d: %s%s", row.name, code, out, errs)
		}
		tamper(row.undo)
	}
	r.end()
	if code, out, errs := command(t, "events", "--verify", "--config", file); code != exitDone || !strings.Contains(out, "the audit log of "+store+" holds together") {
		t.Errorf("without a proxy: exit %d: %s%s", code, out, errs)
	}
	for name, want := range map[string]string{"free": "the store is damaged: file is not a database (26); nothing was changed", "nowhere/x.db": "nowhere/x.db: its directory does not exist"} {
		other := filepath.Join(t.TempDir(), name)
		_ = os.WriteFile(other, []byte(strings.Repeat("no database. ", 80)), 0o600) // where its directory is
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(config, store, other)), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, errs := command(t, "events", "--verify", "--config", file); code != exitFailed || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
	}
	if code, _, errs := command(t, "events", "--verify", "--admin", "http://"+free); code != exitFailed || !strings.Contains(errs, "cannot reach") {
		t.Errorf("a proxy that is not there: exit %d: %s", code, errs)
	}
}
