package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paritygate/internal/admin"
)

const courseConfig = `
run: {name: course, window: 1m}
backends:
  old: {url: "OLD", timeout: 5s}
  new: {url: "NEW", timeout: 5s, headers: {set: {X-Edge: "edge-hunter2"}}}
journal: {directory: "JOURNAL", KEY replay: {headers: {set: {Authorization: "Bearer REPLAY"}}}}
redact: {json: ["$..password"]}
log: {level: debug}
`

// courseWrite is a write of the course: what a client sends.
type courseWrite struct {
	method, target, media string
	header                http.Header
	body                  []byte
	chunked               bool
}

// hunter marks all that is secret in the course: it must be found in no file that paritygate makes.
const hunter = "hunter2"

func courseWrites() []courseWrite {
	large := bytes.Repeat([]byte("0123456789abcdef"), 5<<20/16)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return []courseWrite{
		{"POST", "/orders", "application/json", nil, []byte(`{"item": 1, "Note": "first"}`), false},
		{"POST", "/forms?a=1;b&empty=", "application/x-www-form-urlencoded", nil, []byte("a=1&a=2&b=%20"), false},
		{"PUT", "/orders/17", "application/json", http.Header{"Idempotency-Key": {"of the client"}}, []byte(`{"item": 17}`), false},
		{"DELETE", "/orders/16", "", nil, nil, false},
		{"PUT", "/files/large", "application/octet-stream", nil, large, true},
		{"POST", "/files/binary", "application/octet-stream", nil, all, false},
		{"POST", "/login?access_token=" + hunter, "application/json", http.Header{"Authorization": {"Bearer " + hunter}, "Cookie": {"sid=" + hunter}}, []byte(`{"n": 1}`), false},
	}
}

// counter is a backend that notes what it was sent.
type counter struct {
	mu   sync.Mutex
	took []arrival
}

type arrival struct {
	Line, Media, Key, Authorization, Cookie string
	Sum                                     [32]byte
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := sha256.New()
	_, _ = io.Copy(h, r.Body)
	if r.Method == http.MethodGet {
		return
	}
	t := arrival{r.Method + " " + r.RequestURI, r.Header.Get("Content-Type"), r.Header.Get("Idempotency-Key"), r.Header.Get("Authorization"), r.Header.Get("Cookie"), [32]byte(h.Sum(nil))}
	c.mu.Lock()
	c.took = append(c.took, t)
	c.mu.Unlock()
	switch {
	case strings.HasPrefix(r.URL.Path, "/refused"):
		w.WriteHeader(http.StatusUnprocessableEntity)
	case strings.HasPrefix(r.URL.Path, "/fails"):
		w.WriteHeader(http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"ok": true, "password": "`+hunter+`"}`)
	}
}

func (c *counter) all() []arrival {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.took)
}

// The whole course of a cutover that is taken back: what new took is known, listed, proven also on a copy, and sent to old, each write once,
// byte for byte and in order; the commands end as they must, and nothing that is secret lies anywhere in clear.
func TestJournalCourse(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"without a key": "", "with a key": "key: \"a key of the journal, long enough\","} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCourse(t, key)
			c.live()
			c.rolledBack()
			c.replayed()
			c.secrets()
		})
	}
}

// course is a run on its way.
type course struct {
	*process
	sealed   bool
	journal  string
	old, new *counter
	said     bytes.Buffer // all that commands and the API said
}

func newCourse(t *testing.T, key string) *course {
	t.Helper()
	c := &course{sealed: key != "", journal: filepath.Join(t.TempDir(), "journal"), old: &counter{}, new: &counter{}}
	older, newer := httptest.NewServer(c.old), httptest.NewServer(c.new)
	t.Cleanup(older.Close)
	t.Cleanup(newer.Close)
	c.process = newProcess(t, courseConfig, "OLD", older.URL, "NEW", newer.URL, "JOURNAL", c.journal, "KEY", key)
	return c
}

func (c *course) send(w courseWrite) int {
	c.t.Helper()
	var body io.Reader = bytes.NewReader(w.body)
	if w.chunked {
		body = io.MultiReader(body)
	}
	r, err := http.NewRequestWithContext(context.Background(), w.method, c.process.proxy+w.target, body)
	if err != nil {
		c.t.Fatal(err)
	}
	for name, values := range w.header {
		r.Header[name] = values
	}
	if w.media != "" {
		r.Header.Set("Content-Type", w.media)
	}
	response, err := httpClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode
}

// exits runs a command and holds its exit code and what it says.
func (c *course) exits(code int, says string, args ...string) {
	c.t.Helper()
	got, out := c.process.command(append(args, "--config", c.config)...)
	c.said.WriteString(out)
	if got != code || !strings.Contains(out, says) {
		c.t.Errorf("%q exits %d, want %d, and says %q in:\n%s", args, got, code, says, out)
	}
}

// live sends the writes to new, with one that is refused and one that fails.
func (c *course) live() {
	c.t.Helper()
	c.start()
	c.exits(exitRefused, "rolled_back", "journal", "replay", "--to", "old", "--yes")
	if _, err := c.client.Cutover(c.t.Context(), admin.Change{Reason: "test"}, false, true); err != nil {
		c.t.Fatal(err)
	}
	for _, w := range courseWrites() {
		if status := c.send(w); status != http.StatusCreated {
			c.t.Fatalf("%s %s is answered %d", w.method, w.target, status)
		}
	}
	c.send(courseWrite{method: "POST", target: "/refused", body: []byte("x")})
	c.exits(exitDone, "no such writes", "journal", "list", "--unknown")
	if s := c.status(); s.Rollback.Safe || s.Rollback.UnreplayedWrites != int64(len(courseWrites())) {
		c.t.Errorf("in live: %+v", s.Rollback)
	}
	c.send(courseWrite{method: "POST", target: "/fails", body: []byte("x")})
	c.exits(exitRefused, "rolled_back", "journal", "replay", "--to", "old", "--yes")
}

// rolledBack looks at what a rollback left, and at a copy of it.
func (c *course) rolledBack() {
	c.t.Helper()
	c.exits(exitDone, "", "rollback", "--reason", "test", "--yes")
	n := int64(len(courseWrites()))
	if s := c.status(); s.Rollback.UnreplayedWrites != n+1 || s.Journal.ToOld.Acknowledged != n || s.Journal.ToOld.Unknown != 1 {
		c.t.Errorf("rolled back: %+v %+v", s.Rollback, s.Journal)
	}
	c.exits(exitRefused, "", "resume", "--yes")
	c.exits(exitDone, "/orders/17", "journal", "list")
	c.exits(exitDone, "/fails", "journal", "list", "--unknown")
	c.exits(exitDone, "nothing is damaged", "journal", "verify")
	away := filepath.Join(c.t.TempDir(), "copy")
	if err := os.CopyFS(away, os.DirFS(c.journal)); err != nil {
		c.t.Fatal(err)
	}
	for _, args := range [][]string{{"journal", "verify", away}, {"journal", "list", "--directory", away}} {
		code, out, errs := command(c.t, args...)
		if code != exitDone || args[1] == "list" && !strings.Contains(out, "/orders/17") {
			c.t.Errorf("%q exits %d: %s%s", args, code, out, errs)
		}
		c.said.WriteString(out + errs)
	}
	if len(c.old.all()) != 0 {
		c.t.Errorf("old has %d writes, and nothing was sent", len(c.old.all()))
	}
}

// replayed sends them to old.
func (c *course) replayed() {
	c.t.Helper()
	n := len(courseWrites())
	c.exits(exitInconclusive, fmt.Sprint(n), "journal", "replay", "--to", "old", "--dry-run")
	if len(c.old.all()) != 0 {
		c.t.Errorf("a dry run sent %d writes", len(c.old.all()))
	}
	c.exits(exitInconclusive, "journal resolve", "journal", "replay", "--to", "old", "--yes")
	id := c.unknown()
	c.exits(exitDone, "resolved", "journal", "resolve", id, "--sent", "--yes")
	c.exits(exitDone, "", "journal", "replay", "--to", "old", "--yes")
	want, got := c.new.all()[:n], c.old.all()
	for i := range want {
		if want[i].Key == "" && i < len(got) {
			if got[i].Key == "" {
				c.t.Errorf("%s has no Idempotency-Key", got[i].Line)
			}
			want[i].Key = got[i].Key
		}
		want[i].Authorization = "Bearer REPLAY" // journal.replay.headers
		if !c.sealed {                          // credentials were not kept
			want[i].Cookie = ""
		}
	}
	if !c.sealed {
		for i := range got {
			if strings.HasPrefix(got[i].Line, "POST /login") {
				got[i].Line = want[i].Line // whatever stands for the parameter
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		c.t.Errorf("what old got is not what new took, in this order:\n%s", diff)
	}
	keys := map[string]bool{}
	for _, g := range got {
		keys[g.Key] = true
	}
	if len(keys) != n || !keys["of the client"] {
		c.t.Errorf("the keys: %v", keys)
	}
	if s := c.status(); s.Rollback.UnreplayedWrites != 0 {
		c.t.Errorf("replayed: %+v", s.Rollback)
	}
	c.exits(exitDone, "", "resume", "--yes")
}

// unknown is the id of the write of which nobody knows.
func (c *course) unknown() string {
	c.t.Helper()
	r, err := c.client.Records(c.t.Context(), admin.RecordQuery{Unknown: true})
	if err != nil || len(r.Records) != 1 {
		c.t.Fatalf("%+v %v", r, err)
	}
	return r.Records[0].ID
}

// secrets looks for them in every file and in all that was said.
func (c *course) secrets() {
	c.t.Helper()
	for _, path := range []string{"status", "journal", "journal/replay", "events"} {
		response, err := httpClient.Get(c.process.admin + "/v1/" + path)
		if err != nil {
			c.t.Fatal(err)
		}
		_, _ = io.Copy(&c.said, response.Body)
		_ = response.Body.Close()
	}
	c.said.WriteString(c.metrics())
	c.signal(15)
	if strings.Contains(c.said.String(), hunter) {
		c.t.Errorf("what is secret was said: %s", around(c.said.String(), hunter))
	}
	files := 0
	for _, dir := range []string{c.journal, filepath.Dir(c.config)} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path == c.config {
				return err
			}
			files++
			data, err := os.ReadFile(path)
			if bytes.Contains(data, []byte(hunter)) {
				c.t.Errorf("what is secret lies in %s: %q", path, around(string(data), hunter))
			}
			if c.sealed && bytes.Contains(data, []byte(`"Note": "first"`)) {
				c.t.Errorf("a body lies in clear in %s", path)
			}
			return err
		})
		if err != nil {
			c.t.Error(err)
		}
	}
	if files < 4 {
		c.t.Errorf("only %d files were looked at", files)
	}
}

// around is the text near a word.
func around(text, word string) string {
	at := strings.Index(text, word)
	return text[max(0, at-100):min(len(text), at+50)]
}
