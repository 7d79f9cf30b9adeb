package main

import (
	"net/http"
	"net/http/httptest"
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
		"rollback --reason x": "send reads and writes back to old; 3 writes will be on new alone: ", "resume --discard --reason x": "; 3 writes on new are given up for good: ",
		"resume": "go back to shadow: ",
	} {
		if code, _, errs := command(t, append(strings.Fields(line), "--admin", server.URL)...); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%s: %d, and no %q in %s", line, code, want, errs)
		}
	}
}
