package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A change that was never begun is refused, and did not fail; a flip that meets a conflict may have been begun.
func TestAConflictIsARefusal(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusConflict)
			_, _ = w.Write([]byte(`{"error":{"code":"conflict","message":"not possible at the moment"}}`))
			return
		}
		_, _ = w.Write([]byte(`{"run":"shop","phase":"live","epoch":3,"rollback":{"unreplayed_writes":3}}`))
	}))
	t.Cleanup(server.Close)
	for line, want := range map[string]int{
		"rollback --reason x": exitRefused, "canary 5%": exitRefused, "mirror 5%": exitRefused, "restart --reason x": exitRefused,
		"resume": exitRefused, "complete": exitRefused, "cutover": exitFailed,
	} {
		if code, _, errs := command(t, append(strings.Fields(line), "--yes", "--admin", server.URL)...); code != want || errs == "" {
			t.Errorf("%s: %d, not %d: %s", line, code, want, errs)
		}
	}
	for line, want := range map[string]string{
		"rollback --reason x": "send reads and writes back to old; 3 writes will be on new alone, until `paritygate journal replay --to old` carries them over: ", "resume --discard --reason x": "; 3 writes on new are given up for good: ",
		"resume": "go back to shadow: ",
	} {
		if code, _, errs := command(t, append(strings.Fields(line), "--admin", server.URL)...); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%s: %d, and no %q in %s", line, code, want, errs)
		}
	}
}

// A file that is not valid stands in the way of everything but the way back, and says so; an address that it does not give, or gives
// wrongly, is not guessed.
func TestRollbackNeedsTheAddressAlone(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"run":"shop","phase":"rolled_back","epoch":3}`))
	}))
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	for name, c := range map[string]struct {
		text, command string
		want          int
	}{
		"a variable is missing":   {"admin: {address: \"" + address + "\"}\nbackends: {old: {url: \"${NOT_SET}\"}}", "rollback --reason x --yes", exitDone},
		"another command":         {"admin: {address: \"" + address + "\"}\nbackends: {old: {url: \"${NOT_SET}\"}}", "status", exitUsage},
		"a key is misspelt":       {"admni: {address: \"" + address + "\"}", "rollback --reason x --yes", exitUsage},
		"its variable is missing": {"admin: {address: \"${NOT_SET}\"}", "rollback --reason x --yes", exitUsage},
		"no YAML":                 {"admin: {address: \"" + address + "\"", "rollback --reason x --yes", exitUsage},
	} {
		file := filepath.Join(t.TempDir(), "paritygate.yaml")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, errs := command(t, append(strings.Fields(c.command), "--config", file)...)
		if code != c.want || code == exitDone && !strings.Contains(errs, "is not valid (`paritygate validate` says why), and was read for its admin.address alone") {
			t.Errorf("%s: %d, not %d: %s", name, code, c.want, errs)
		}
	}
}
