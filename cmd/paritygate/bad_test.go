package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"paritygate/compare"
	"paritygate/internal/cutover"
	"paritygate/internal/testkit"
)

const plainConfig = `
run: {name: bad}
backends:
  old: {url: "OLD"}
  new: {url: "NEW"}
mirror: {fraction: 100%, recheck: {attempts: 0}}
`

// A backend that is not there stops nobody: the proxy starts, serves what it can, and says what is wrong.
func TestABackendThatIsNotThereAtTheStart(t *testing.T) {
	older := newShop(t)
	nowhere := fmt.Sprintf("http://127.0.0.1:%d", testkit.FreePort(t))
	r := boot(t, plainConfig, "OLD", older.URL, "NEW", nowhere)
	r.eventually("/readyz explains, and stays 200", func() bool {
		resp, err := http.Get(r.adminURL() + "/readyz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		var text bytes.Buffer
		_, _ = text.ReadFrom(resp.Body)
		return resp.StatusCode == http.StatusOK && strings.Contains(text.String(), "backends.new")
	})
	if status, _, _ := r.ask(http.MethodGet, "/items/1", ""); status != http.StatusOK {
		t.Errorf("a client gets %d because the shadow is not there", status)
	}
	r.eventually("the shadow's failure is counted", func() bool {
		routes, err := r.client.Routes(t.Context(), false)
		return err == nil && routes[0].Verdicts[compare.Failed] == 1
	})
}

func TestAnAuthorityThatIsNotThere(t *testing.T) {
	newer := newShop(t)
	nowhere := fmt.Sprintf("http://127.0.0.1:%d", testkit.FreePort(t))
	r := boot(t, plainConfig, "OLD", nowhere, "NEW", newer.URL)
	status, body, header := r.ask(http.MethodGet, "/items/1", "")
	if status != http.StatusBadGateway || header.Get("Content-Type") != "application/json" || strings.Contains(body, "127.0.0.1") {
		t.Errorf("%d %v %s", status, header, body)
	}
	if newer.Count() != 0 && r.machine.Plan().Reads != cutover.New {
		t.Log("the shadow may be asked; it must never answer")
	}
}

func TestAPortInUse(t *testing.T) {
	older := newShop(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, key := range []string{"listen", "admin"} {
		text := plainConfig + key + ": {address: \"" + taken.Addr().String() + "\"}\n"
		_, err = tryBoot(t, text, "OLD", older.URL, "NEW", "http://127.0.0.1:1")
		if err == nil || !strings.Contains(err.Error(), key+".address") || !strings.Contains(err.Error(), "in use") {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestStoresThatAreRefused(t *testing.T) {
	older := newShop(t)
	garbage := bytes.Repeat([]byte("this is no database\n"), 1000)
	for _, row := range []struct {
		name string
		path func(t *testing.T) string
		want string
	}{
		{"a directory that is not there", func(t *testing.T) string { return filepath.Join(t.TempDir(), "no", "such.db") }, "such.db"},
		{"a file that is no store", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "corrupt.db")
			if err := os.WriteFile(path, garbage, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, "corrupt.db"},
		{"a store that another process holds", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "held.db")
			boot(t, plainConfig+"store: {path: "+path+"}\n", "OLD", older.URL, "NEW", "http://127.0.0.1:1")
			return path
		}, "held.db"},
		{"a store of another run", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "other.db")
			text := strings.Replace(plainConfig, "name: bad", "name: good", 1) + "store: {path: " + path + "}\n"
			boot(t, text, "OLD", older.URL, "NEW", "http://127.0.0.1:1").end()
			return path
		}, "good"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := row.path(t)
			before, _ := os.ReadFile(path)
			_, err := tryBoot(t, plainConfig+"store: {path: "+path+"}\n", "OLD", older.URL, "NEW", "http://127.0.0.1:1")
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("the error is %v", err)
			}
			if after, _ := os.ReadFile(path); row.name == "a file that is no store" && !bytes.Equal(before, after) {
				t.Error("the file was overwritten")
			}
		})
	}
}

func TestHeadersOfTenMebibytes(t *testing.T) {
	older, newer := newShop(t), newShop(t)
	r := boot(t, plainConfig, "OLD", older.URL, "NEW", newer.URL)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.proxyURL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\n")
	line := []byte("X-Long: " + strings.Repeat("a", 1<<20) + "\r\n")
	for range 10 {
		if _, err := conn.Write(line); err != nil {
			break // answered and closed before the end, as it may
		}
	}
	if older.Count() != 0 {
		t.Error("the request reached the backend")
	}
	if status, _, _ := r.ask(http.MethodGet, "/items/1", ""); status != http.StatusOK {
		t.Errorf("the next client gets %d", status)
	}
}

// A database that is down shuts the gate; it does not stop traffic.
func TestADatabaseThatIsDown(t *testing.T) {
	older, newer := newShop(t), newShop(t)
	nowhere := fmt.Sprintf("postgres://app:very-secret@127.0.0.1:%d/app", testkit.FreePort(t))
	r := boot(t, plainConfig+`
databases: {old: {dsn: "DSN"}, new: {dsn: "DSN?application_name=x"}}
checks: [{name: datasets, type: count, old: {table: a}, new: {table: b}}]
`, "OLD", older.URL, "NEW", newer.URL, "DSN", nowhere)
	r.eventually("the check says so, and the gate is shut", func() bool {
		report, err := r.client.Gate(t.Context())
		if err != nil {
			return false
		}
		for _, c := range report.Criteria {
			if c.Name == "checks" {
				if strings.Contains(c.Reason, "very-secret") {
					t.Fatal("the password is shown: ", c.Reason)
				}
				return c.Verdict == cutover.Inconclusive && strings.Contains(c.Reason, "datasets") && !strings.Contains(c.Reason, "not run")
			}
		}
		return false
	})
	if status, _, _ := r.ask(http.MethodGet, "/items/1", ""); status != http.StatusOK {
		t.Errorf("a client gets %d", status)
	}
}

func TestReloadKeepsTheRunningConfiguration(t *testing.T) {
	older, newer := newShop(t), newShop(t)
	r := boot(t, plainConfig, "OLD", older.URL, "NEW", newer.URL)
	r.options.reload = func() (*compiled, error) { return nil, fmt.Errorf("line 3: bad") }
	r.reloadConfig(t.Context())
	if code, out, _ := r.cli("events"); code != exitDone || !strings.Contains(out, "reload_failed") {
		t.Errorf("the failed reload is not in the audit log:\n%s", out)
	}
	if status, _, _ := r.ask(http.MethodGet, "/items/1", ""); status != http.StatusOK {
		t.Errorf("a client gets %d after a bad reload", status)
	}
}
