package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"paritygate/config"
	"paritygate/proxy"
)

func TestNoLimitOfRechecksIsNoDefault(t *testing.T) {
	for text, want := range map[string]float64{"": 20, "recheck: {max_rps: 5}": 5, "recheck: {max_rps: 0}": math.MaxFloat64} {
		c, err := config.Parse("f", []byte("run: {name: r}\nbackends: {old: {url: http://a}, new: {url: http://b}}\nmirror: {"+text+"}\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		compiled, err := compile(c)
		if err != nil {
			t.Fatal(err)
		}
		if got := compiled.table.Recheck.MaxRPS; got != want {
			t.Errorf("%q: %g rechecks per second, want %g", text, got, want)
		}
	}
}

func TestMatchJSONIsCheckedInItsPlace(t *testing.T) {
	text := `run: {name: r}
backends: {old: {url: http://a}, new: {url: http://b}}
routes:
  - {name: a, match: {methods: [POST], path: /q, json: {path: $.path, pattern: "^messages:"}}, kind: read}
  - {name: b, match: {json: {path: $..path, pattern: "^(a"}}, kind: write}
  - {name: c, match: {json: {path: "$.a[", pattern: "a{2,1}"}}, kind: write}
`
	c, err := config.Parse("f", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = compile(c)
	want := `f:5:36: routes[1].match.json.path: path "$..path": must name one place: * and .. may name several
f:5:54: routes[1].match.json.pattern: pattern "^(a", offset 0: missing closing )
f:6:36: routes[2].match.json.path: path "$.a[", offset 4: the path ends inside [
f:6:53: routes[2].match.json.pattern: pattern "a{2,1}", offset 1: invalid repeat count`
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	c, err = config.Parse("f", []byte(text[:strings.Index(text, "  - {name: b")]), nil)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := compile(c)
	if err != nil {
		t.Fatal(err)
	}
	if m := compiled.table.Routes[0].JSON; m == nil || *m != (proxy.JSONMatch{Path: "$.path", Pattern: "^messages:"}) {
		t.Errorf("the route asks for %+v", m)
	}
}

// A file with problems is compiled too, for what else is wrong with it: no field that could not be read may bring the running
// process down with it, and each problem has its place.
func TestCompileOfBadFiles(t *testing.T) {
	files, err := filepath.Glob("../../config/testdata/*/*.yaml")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		mustHavePlaces(t, path)
	}
	text, err := os.ReadFile("../../examples/supabase.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.yaml")
	lines := strings.SplitAfter(string(text), "\n")
	for i, line := range lines { // without one line, and with a value of another type in it
		key, _, _ := strings.Cut(line, ":")
		for _, instead := range []string{"", key + ": []\n", key + ": {a: 1}\n"} {
			broken := slices.Concat(lines[:i], []string{instead}, lines[i+1:])
			if err := os.WriteFile(cut, []byte(strings.Join(broken, "")), 0o600); err != nil {
				t.Fatal(err)
			}
			mustHavePlaces(t, cut)
		}
	}
}

// mustHavePlaces loads a file; if that fails, every line must name it.
func mustHavePlaces(t *testing.T, path string) {
	t.Helper()
	_, err := load(path, func(string) (string, bool) { return "x", true })
	if err == nil {
		return
	}
	for line := range strings.Lines(err.Error()) {
		if !strings.HasPrefix(line, path+":") {
			t.Errorf("%s: %s", path, line)
		}
	}
}

// What a check is refused for stands at the key that is wrong, one line each, though it comes as one error.
func TestChecksAreRefusedAtTheirKeys(t *testing.T) {
	text := `run: {name: r}
backends: {old: {url: http://a}, new: {url: http://b}}
databases: {old: {dsn: "postgres://a/a", lag: {sql: DELETE FROM t}}, new: {dsn: "postgres://b/b"}}
checks:
  - {name: a, type: scalar, old: {sql: SELEC 1}, new: {sql: DELETE FROM t}}
  - {name: b, type: scalar, old: {http: {path: x}, value: "$["}, new: {sql: SELECT 1}}
  - {name: c, type: top, limit: 10001, old: {sql: "SELECT 1, 1"}, new: {sql: "SELECT 1, 1"}}
  - {name: d, type: scalar, settled: {lag: 1m}, old: {sql: SELECT 1}, new: {sql: "SELECT '{settled}'"}}
`
	c, err := config.Parse("f", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = compile(c)
	want := `f:3:53: databases.old.lag.sql: want one query that begins with SELECT, WITH, VALUES or TABLE
f:5:40: checks[0].old.sql: want one query that begins with SELECT, WITH, VALUES or TABLE
f:5:61: checks[0].new.sql: want one query that begins with SELECT, WITH, VALUES or TABLE
f:6:48: checks[1].old.http.path: must begin with /
f:6:59: checks[1].old.value: path "$[", offset 2: the path ends inside [
f:7:33: checks[2].limit: must be 1 to 10,000
f:8:60: checks[3].old.sql: must have {settled} where the check has settled: in its place comes the moment before which rows are settled, as in WHERE updated_at <= {settled}`
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}
