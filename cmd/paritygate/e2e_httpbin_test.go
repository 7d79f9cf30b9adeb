//go:build e2e

package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mccutchen/go-httpbin/v2/httpbin"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"paritygate/compare"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/testkit"
)

// oldTables and newTables are the mission's tables: renamed, columns too, with the same data.
var oldTables = []string{
	`CREATE TABLE mart_performance_metrics (id bigint PRIMARY KEY, product_id bigint, sales numeric(12,2), updated_at timestamptz)`,
	`INSERT INTO mart_performance_metrics SELECT n, n % 997, (n * 7919 % 100000) / 100.0, now() FROM generate_series(1, 20000) n`,
	`CREATE TABLE product_asset_mappings (product_id bigint, asset_id bigint, PRIMARY KEY (product_id, asset_id))`,
	`INSERT INTO product_asset_mappings SELECT n % 997, n FROM generate_series(1, 5000) n`,
	`CREATE TABLE tag_classifications (id bigint PRIMARY KEY, label text)`,
	`INSERT INTO tag_classifications SELECT n, 'tag ' || n FROM generate_series(1, 300) n`,
}

var newTables = []string{
	`CREATE TABLE performance_measurement_dataset (dataset_id bigint PRIMARY KEY, artifact_id bigint, measured_value numeric(14,4), changed_at timestamptz)`,
	`INSERT INTO performance_measurement_dataset SELECT n, n % 997, (n * 7919 % 100000) / 100.0, now() FROM generate_series(1, 20000) n`,
	`CREATE TABLE denotation_relation (artifact_id bigint, asset_id bigint, PRIMARY KEY (artifact_id, asset_id))`,
	`INSERT INTO denotation_relation SELECT n % 997, n FROM generate_series(1, 5000) n`,
	`CREATE TABLE tag_content_entity (entity_id bigint PRIMARY KEY, title text)`,
	`INSERT INTO tag_content_entity SELECT n, 'tag ' || n FROM generate_series(1, 300) n`,
}

// debianHTTPBin starts python3-httpbin as Debian packages it, and returns its URL.
func debianHTTPBin(t *testing.T) string {
	t.Helper()
	const python = "/usr/bin/python3"
	if err := exec.CommandContext(t.Context(), python, "-c", "import httpbin, gunicorn").Run(); err != nil {
		t.Fatalf("python3-httpbin and gunicorn are needed; `make deps` installs them: %v", err)
	}
	address := "127.0.0.1:" + strconv.Itoa(testkit.FreePort(t))
	background(t, "python3-httpbin", exec.Command(python, "-m", "gunicorn", "--bind", address, "--worker-class", "gthread",
		"--threads", "16", "--keep-alive", "30", "httpbin:app"))
	answers(t, "http://"+address+"/get")
	return "http://" + address
}

// answers waits until a URL answers 200.
func answers(t *testing.T, url string) {
	t.Helper()
	testkit.Eventually(t, 30*time.Second, func() bool {
		response, err := http.Get(url)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		return err == nil && response.StatusCode == http.StatusOK
	}, "%s answers", url)
}

// wish is one request of the list of endpoints; %d becomes another number each time.
type wish struct {
	method, target, body string
	header               [2]string
}

var passing = []wish{
	{target: "/ip?n=%d"},
	{target: "/user-agent?n=%d"},
	{target: "/robots.txt?n=%d"},
	{target: "/image/png?n=%d"},
	{target: "/image/jpeg?n=%d"},
	{target: "/cookies?n=%d", header: [2]string{"Cookie", "a=b; c=d"}},
	{target: "/base64/%s"},
	{target: "/range/%d"},
	{target: "/etag/e%d"},
	{target: "/cache/%d"},
	{target: "/get?twice=a&twice=b&once=%d"},
	{target: "/anything/a/b?twice=x&twice=y&once=%d"},
	{target: "/headers?n=%d"},
	{method: "POST", target: "/anything/query?n=1&n=2", body: `{"path": "messages:list", "args": {"limit": %d, "price": 1.50}}`},
	{target: "/uuid?n=%d"},
	{target: "/basic-auth/u%d/p", header: [2]string{"Authorization", "basic"}},
	{target: "/bearer?n=%d", header: [2]string{"Authorization", "Bearer e2e"}},
	{target: "/gzip?n=%d"},
	{target: "/relative-redirect/1?n=%d"},
}

var differing = []wish{
	{target: "/json"},
	{target: "/brotli"},
	{target: "/deny"},
	{target: "/encoding/utf8"},
	{target: "/html"},
	{target: "/xml"},
	{target: "/links/3/0"},
	{target: "/stream/2"},
	{target: "/bytes/16"},
	{target: "/relative-redirect/1"},
	{target: "/get?once=%d"},
	{target: "/bearer", header: [2]string{"Authorization", "Bearer e2e"}},
	{target: "/uuid"},
	{target: "/basic-auth/u%d/p", header: [2]string{"Authorization", "basic"}},
	{target: "/gzip"},
}

// request makes the nth request of a wish.
func (w wish) request(ctx context.Context, base string, n int) (*http.Request, error) {
	fill := func(s string) string {
		s = strings.ReplaceAll(s, "%s", base64.URLEncoding.EncodeToString(fmt.Appendf(nil, "end to end %d", n)))
		return strings.ReplaceAll(s, "%d", strconv.Itoa(n))
	}
	method := w.method
	if method == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(ctx, method, base+fill(w.target), strings.NewReader(fill(w.body)))
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "paritygate-e2e")
	switch {
	case w.header[1] == "basic":
		r.SetBasicAuth("u"+strconv.Itoa(n), "p")
	case w.header[0] != "":
		r.Header.Set(w.header[0], w.header[1])
	}
	if w.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

// drive sends the list round after round, about 300 requests a second, until the returned function is called, which says
// how many failed.
func (s *stage) drive(list []wish) (stop func() int64) {
	ctx, cancel := context.WithCancel(s.t.Context())
	limiter := rate.NewLimiter(300, 10)
	client := &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var next, failures atomic.Int64
	var g errgroup.Group
	for range 16 {
		g.Go(func() error {
			for limiter.Wait(ctx) == nil {
				n := int(next.Add(1))
				// Numbers stay within what /range/ takes.
				r, err := list[n%len(list)].request(context.WithoutCancel(ctx), s.proxy, 1+n/len(list)%5000)
				if err != nil {
					return err
				}
				if err := send(client, r); err != nil {
					failures.Add(1)
				}
			}
			return nil
		})
	}
	return sync.OnceValue(func() int64 {
		cancel()
		if err := g.Wait(); err != nil {
			s.t.Error(err)
		}
		client.CloseIdleConnections()
		return failures.Load()
	})
}

// send reads the whole answer; one that paritygate had to make up is an error.
func send(client *http.Client, r *http.Request) error {
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	switch response.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fmt.Errorf("%s: %s", r.URL, response.Status)
	}
	return nil
}

// stage is both httpbins, both databases, and paritygate with the example's configuration.
type stage struct {
	*installation
	newDB *testkit.PostgresServer
	proxy string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	old := httptest.NewServer(httpbin.New().Handler())
	t.Cleanup(old.Close)
	oldDB, newDB := testkit.Postgres(t), testkit.Postgres(t)
	example, err := filepath.Abs("../../examples/httpbin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	listen := "127.0.0.1:" + strconv.Itoa(testkit.FreePort(t))
	return &stage{
		installation: &installation{t: t, path: binary(t), config: example, env: []string{
			"WINDOW=20s", "CHECK_EVERY=2s", "LATENCY_FLOOR=1s", // the machine is busy with other tests
			"LISTEN=" + listen, "ADMIN=127.0.0.1:" + strconv.Itoa(testkit.FreePort(t)),
			"OLD_URL=" + old.URL, "NEW_URL=" + debianHTTPBin(t), "STORE=" + filepath.Join(t.TempDir(), "paritygate.db"), "JOURNAL=" + filepath.Join(t.TempDir(), "journal"),
			"OLD_DATABASE_URL=" + oldDB.Database(t, "old_side", oldTables...),
			"NEW_DATABASE_URL=" + newDB.Database(t, "new_side", newTables...),
		}},
		newDB: newDB, proxy: "http://" + listen,
	}
}

// serve starts the proxy and waits until it answers.
func (s *stage) serve() (stop func() int) {
	s.t.Helper()
	stop = background(s.t, "paritygate serve", s.command(context.Background(), "serve"))
	answers(s.t, s.proxy+"/get")
	return stop
}

// withoutRules returns a configuration that takes the two httpbins as they are.
func (s *stage) withoutRules() string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "plain.yaml")
	err := os.WriteFile(path, []byte(`run: {name: httpbin-plain, window: 20s}
listen: {address: "${LISTEN}"}
admin: {address: "${ADMIN}"}
backends: {old: {url: "${OLD_URL}", host: client}, new: {url: "${NEW_URL}", host: client}}
mirror: {fraction: 100%, recheck: {attempts: 1, delay: 100ms}}
store: {path: "${STORE}.plain"}
journal: {directory: "${STORE}.plain.journal"}
`), 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	return path
}

// TestE2EHTTPBinDifferences finds what docs/httpbin.md says, with no rule to help.
func TestE2EHTTPBinDifferences(t *testing.T) {
	s := newStage(t)
	s.config = s.withoutRules()
	s.want(exitDone, "validate")
	stop := s.serve()
	traffic := s.drive(differing)
	defer traffic()
	wanted := map[string]string{
		"/json": "status", "/deny": "body", "/encoding/utf8": "body", "/html": "body", "/xml": "body",
		"/links/3/0": "body", "/stream/2": "header content-type", "/bytes/16": "body", "/relative-redirect/1": "header content-type",
		"/get": "body $.args.once", "/bearer": "body $.token", "/uuid": "body $.uuid", "/basic-auth/": "body $.authorized", "/gzip": "body $.url",
	}
	found := map[string]bool{}
	t.Cleanup(func() {
		for path, difference := range wanted {
			if !found[path] {
				t.Errorf("%s: %s was not found", path, difference)
			}
		}
	})
	testkit.Eventually(t, time.Minute, func() bool {
		var list admin.Mismatches
		s.read(&list, "mismatches", "--limit", "200")
		for _, m := range list.Mismatches {
			for path, difference := range wanted {
				if strings.HasPrefix(m.Request.Path, path) && shows(m, difference) {
					found[path] = true
				}
			}
		}
		return len(found) == len(wanted)
	}, "every documented difference is found")
	s.skipsWhatOldCannotDo()
	testkit.Eventually(t, time.Minute, func() bool {
		code, _ := s.run("gate")
		return code == exitGate
	}, "the gate fails")
	s.want(exitGate, "cutover", "--yes", "--reason", "must be refused")
	if n := traffic(); n > 0 {
		t.Errorf("%d requests failed", n)
	}
	if code := stop(); code != exitDone {
		t.Errorf("serve ended in %d", code)
	}
}

// skipsWhatOldCannotDo sees that old's own 501 for /brotli is counted as skipped.
func (s *stage) skipsWhatOldCannotDo() {
	s.t.Helper()
	var routes struct {
		Routes []admin.Route `json:"routes"`
	}
	s.read(&routes, "routes")
	for _, r := range routes.Routes {
		if r.Skipped[compare.AuthorityError] > 0 {
			return
		}
	}
	s.t.Errorf("nothing was skipped as authority_error: %+v", routes.Routes)
}

// shows reports whether a mismatch has a difference, given as location and path.
func shows(m admin.Mismatch, difference string) bool {
	for _, d := range m.Differences {
		if strings.HasPrefix(strings.TrimSpace(string(d.Location)+" "+d.Path), difference) {
			return true
		}
	}
	return false
}

// TestE2EHTTPBin walks the whole run through the command line: checks, shadow, gate, cutover, live, rollback.
func TestE2EHTTPBin(t *testing.T) {
	s := newStage(t)
	s.want(exitDone, "validate", "--probe")
	s.want(exitDone, "check")
	s.newDB.Run(t, "new_side", "DELETE FROM tag_content_entity WHERE entity_id <= 10")
	if out := s.want(exitGate, "check", "tags"); !strings.Contains(out, "300") || !strings.Contains(out, "290") {
		t.Errorf("the failing check does not name both values: %s", out)
	}
	s.want(exitUsage, "check", "no-such-check")
	s.newDB.Run(t, "new_side", "INSERT INTO tag_content_entity SELECT n, 'tag ' || n FROM generate_series(1, 10) n")
	s.want(exitDone, "check", "tags")

	stop := s.serve()
	traffic := s.drive(append(passing, differing[:9]...))
	defer traffic()
	s.want(exitInconclusive, "gate")
	s.want(exitInconclusive, "cutover", "--yes", "--reason", "too early")
	s.want(exitDone, "attest", "backup-1", "--evidence", "restored on host a, 20000 rows", "--yes")
	s.want(exitDone, "attest", "backup-2", "--evidence", "restored on host b, 20000 rows", "--yes")
	s.gatePasses()
	s.flipAndBack()
	if n := traffic(); n > 0 {
		t.Errorf("%d requests failed", n)
	}
	if code := stop(); code != exitDone {
		t.Errorf("serve ended in %d", code)
	}
}

func (s *stage) gatePasses() {
	s.t.Helper()
	last := ""
	s.t.Cleanup(func() { s.t.Log("the gate at the end of the wait:\n" + last) })
	testkit.Eventually(s.t, 3*time.Minute, func() bool {
		var code int
		code, last = s.run("gate")
		return code == exitDone
	}, "the gate passes")
	var routes struct {
		Routes []admin.Route `json:"routes"`
	}
	s.read(&routes, "routes")
	for _, r := range routes.Routes {
		if bad := r.Verdicts[compare.Mismatch] + r.Verdicts[compare.Failed]; bad > 0 {
			s.t.Errorf("route %s: %d exchanges mismatch or failed", r.Route, bad)
		}
	}
}

// flipAndBack cuts over, sees writes on new alone, and goes back.
func (s *stage) flipAndBack() {
	t := s.t
	t.Helper()
	s.want(exitDone, "cutover", "--dry-run", "--yes")
	s.writesGoTo("old")
	s.want(exitDone, "cutover", "--yes", "--reason", "the gate passed")
	s.phaseIs(cutover.Live)
	s.writesGoTo("new")
	s.want(exitRefused, "cutover", "--yes", "--reason", "again")
	s.want(exitDone, "rollback", "--yes", "--reason", "end of the rehearsal")
	s.phaseIs(cutover.RolledBack)
	s.writesGoTo("old")
	s.want(exitRefused, "cutover", "--yes", "--reason", "from rolled_back")
	if code, out := s.run("resume", "--yes"); code == exitDone {
		t.Errorf("resume went on although a write is on new only: %s", out)
	}
	s.want(exitDone, "resume", "--yes", "--discard", "--reason", "httpbin keeps nothing")
	s.phaseIs(cutover.Shadow)
	if out := s.want(exitDone, "events"); !strings.Contains(out, "the gate passed") || !strings.Contains(out, "end of the rehearsal") {
		t.Errorf("the audit log does not tell the story: %s", out)
	}
}

func (s *stage) phaseIs(want cutover.Phase) {
	s.t.Helper()
	var status admin.Status
	s.read(&status, "status")
	if status.Phase != want {
		s.t.Fatalf("phase %s, want %s", status.Phase, want)
	}
}

// writesGoTo sends a write and sees by the answer's shape who took it: old lists every header's values.
func (s *stage) writesGoTo(want string) {
	s.t.Helper()
	response, err := http.Post(s.proxy+"/post", "application/json", strings.NewReader(`{"a": 1}`))
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatalf("POST /post: %d %v", response.StatusCode, err)
	}
	by := "new"
	if bytes.Contains(body, []byte(`"method"`)) {
		by = "old"
	}
	if by != want {
		s.t.Fatalf("the write was taken by %s, want %s: %s", by, want, body)
	}
}
