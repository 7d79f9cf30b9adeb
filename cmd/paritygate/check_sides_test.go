package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"paritygate/internal/testkit"
)

const sidesConfig = `
run: {name: convex-to-postgres}
backends:
  old: {url: "OLD/base", headers: {set: {authorization: "Bearer ${TOKEN}"}}}
  new: {url: "http://127.0.0.1:1"}
databases:
  new: {dsn: "${NEW_DSN}", lag: {sql: "SELECT interval '1.5 s'", max: 5s}}
checks:
  - name: tags
    type: count
    old: {http: {path: /api/query, method: POST, body: '{"path":"stats:tags","args":{},"format":"json"}'}, value: $.value}
    new: {table: tag_content_entity}
    max_cost: 100
  - name: lines
    type: count
    old: {http: {path: "/api/lines?before={settled}"}, value: $.count}
    new: {table: line}
    settled: {column: created_at, lag: 1m}
    tolerance: {relative: 0}
`

// Old is a source without SQL: a check of it needs only new's database, and the backend's credentials.
func TestSidesWithoutSQL(t *testing.T) {
	t.Parallel()
	server := testkit.Postgres(t)
	dsn := server.Database(t, "sides", "CREATE TABLE tag_content_entity AS SELECT i AS id FROM generate_series(1, 42) i",
		"CREATE TABLE line AS SELECT i AS id, now() - i * interval '1 hour' AS created_at FROM generate_series(0, 9) i")
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		before := r.URL.Query().Get("before")
		switch {
		case r.Header.Get("Authorization") != "Bearer s3cret-token":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/base/api/query" && strings.Contains(string(body), `"stats:tags"`):
			_, _ = io.WriteString(w, `{"status":"success","value":42}`)
		case r.URL.Path == "/base/api/lines" && strings.HasSuffix(before, "Z"):
			_, _ = io.WriteString(w, `{"count":9}`)
		default:
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer old.Close()
	file := filepath.Join(t.TempDir(), "paritygate.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "OLD", old.URL)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path, err := binaryPath()
	if err != nil {
		t.Fatal(err)
	}
	run := func(token string, want int, arguments ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), path, append(arguments, "--config", file)...)
		cmd.Env = append(os.Environ(), "TOKEN="+token, "NEW_DSN="+dsn)
		out, err := cmd.CombinedOutput()
		if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited || cmd.ProcessState.ExitCode() != want {
			t.Errorf("%v ended in %v, want %d\n%s", arguments, err, want, out)
		}
		if strings.Contains(string(out), "s3cret") || strings.Contains(string(out), server.Password()) {
			t.Errorf("%v shows a secret:\n%s", arguments, out)
		}
		return string(out)
	}
	has := func(out string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !regexp.MustCompile(want).MatchString(out) {
				t.Errorf("there is no %q in\n%s", want, out)
			}
		}
	}
	write(sidesConfig)
	has(run("s3cret-token", exitDone, "check"), "tags +count +pass +42 +42", "lines +count +pass +9 +9")
	has(run("s3cret-token", exitDone, "check", "--explain"), `(?m)^tags \(count\)$`, `new  cost [0-9.]+  SELECT count`, `Aggregate .*cost=`, `<= timestamptz '2`)
	has(run("s3cret-token", exitDone, "check", "--explain", "tags", "--output", "json"), `"max_cost": 100`, `"side": "new"`, `"plan": \[`)
	has(run("wr0ng-token", exitInconclusive, "check"), "ask old: the endpoint answered 401 Unauthorized")
	has(run("s3cret-token", exitUsage, "check", "--explain", "nothing"), "has tags, lines")
	has(run("s3cret-token", exitFailed, "validate", "--probe"), `backends.new: .*refused`, "databases.new: reachable", `Bearer|\[redacted\]`)
	write(strings.ReplaceAll(sidesConfig, "max_cost: 100", "max_cost: 0.5"))
	has(run("s3cret-token", exitInconclusive, "check", "tags"), `costs [0-9.]+, more than the 0.5 allowed \(max_cost\)`)
	has(run("s3cret-token", exitDone, "check", "--explain", "tags"), `cost [0-9.]+, more than the 0.5 allowed`)
	write(strings.ReplaceAll(sidesConfig, "max: 5s", "max: 1s"))
	has(run("s3cret-token", exitInconclusive, "check", "tags"), "new is 1.5 s behind, more than the 1 s allowed")
	write(strings.ReplaceAll(sidesConfig, "?before={settled}", ""))
	has(run("s3cret-token", exitUsage, "check"), `checks\[1\].old.http: path or body must have \{settled\}`)
	write(strings.ReplaceAll(sidesConfig, "SELECT interval '1.5 s'", "DELETE FROM line"))
	has(run("s3cret-token", exitUsage, "check"), `databases.new.lag.sql: want one query`)
	write(sidesConfig + "    strict_at_cutover: false\n")
	has(run("s3cret-token", exitDone, "check", "--strict"), "tags +count +pass")
}
