package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"paritygate/config"
	"paritygate/internal/admin"
	"paritygate/internal/testkit"
)

// running is the whole program, started in-process on free ports, with real backends behind it.
type running struct {
	*Program
	t      *testing.T
	text   string // the configuration
	client *admin.Client
	stop   context.CancelFunc
	ended  chan error
}

// boot starts the program with a configuration: text in which OLD, NEW and STORE stand for what the test has.
func boot(t *testing.T, text string, replace ...string) *running {
	t.Helper()
	r, err := tryBoot(t, text, replace...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// bootLogged is boot with a log.
func bootLogged(t *testing.T, log *zap.Logger, text string, replace ...string) *running {
	t.Helper()
	r, err := tryBootLogged(t, log, text, replace...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tryBoot(t *testing.T, text string, replace ...string) (*running, error) {
	t.Helper()
	return tryBootLogged(t, zap.NewNop(), text, replace...)
}

func tryBootLogged(t *testing.T, log *zap.Logger, text string, replace ...string) (*running, error) {
	t.Helper()
	text = strings.NewReplacer(replace...).Replace(text)
	if !strings.Contains(text, "listen:") {
		text += "listen: {address: \"127.0.0.1:0\", drain: 2s}\n"
	}
	if !strings.Contains(text, "admin:") {
		text += "admin: {address: \"127.0.0.1:0\"}\n"
	}
	if !strings.Contains(text, "store:") {
		text += "store: {path: " + filepath.Join(t.TempDir(), "paritygate.db") + "}\n"
	}
	text += besideTheStore(text)
	parse := func() (*compiled, error) {
		c, err := config.Parse("paritygate.yaml", []byte(text), func(string) (string, bool) { return "", false })
		if err != nil {
			return nil, err
		}
		return compile(c)
	}
	c, err := parse()
	if err != nil {
		return nil, err
	}
	p, err := newProgram(t.Context(), c, programOptions{log: log, reload: parse})
	if err != nil {
		return nil, err
	}
	if err := p.listen(t.Context()); err != nil {
		p.close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Program: p, t: t, text: text, stop: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- p.run(ctx) }()
	if r.client, err = admin.NewClient(p.adminURL(), "", nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.end)
	r.eventually("the program is ready", func() bool {
		got, err := r.client.Readiness(t.Context())
		return err == nil && got.State == admin.Ready
	})
	return r, nil
}

var storePath = regexp.MustCompile(`store: \{path: "?([^"}]+)"?\}`)

// besideTheStore configures a directory for the journal, unless the configuration has one.
func besideTheStore(text string) string {
	if found := storePath.FindStringSubmatch(text); found != nil && !strings.Contains(text, "journal:") {
		return fmt.Sprintf("journal: {directory: %q}\n", found[1]+".journal")
	}
	return ""
}

// end stops the program as SIGTERM does.
func (r *running) end() {
	if r.stop == nil {
		return
	}
	r.stop()
	r.stop = nil
	if err := <-r.ended; err != nil {
		r.t.Errorf("the program ended with %v", err)
	}
	r.Program.close()
}

func (r *running) eventually(what string, condition func() bool) {
	r.t.Helper()
	testkit.Eventually(r.t, 20*time.Second, condition, "%s", what)
}

// cli runs a command against the running program.
func (r *running) cli(args ...string) (code int, out, errs string) {
	return command(r.t, append(args, "--admin", r.adminURL())...)
}

func command(t testing.TB, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, system{in: strings.NewReader(""), out: &stdout, err: &stderr, lookup: func(string) (string, bool) { return "", false }})
	return code, stdout.String(), stderr.String()
}

func (r *running) status() admin.Status {
	r.t.Helper()
	s, err := r.client.Status(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

var httpClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 20 * time.Second}

// ask sends one request through the proxy.
func (r *running) ask(method, target, body string) (status int, answer string, header http.Header) {
	r.t.Helper()
	status, answer, header, err := r.tryAsk(method, target, body)
	if err != nil {
		r.t.Fatal(err)
	}
	return status, answer, header
}

func (r *running) tryAsk(method, target, body string) (status int, answer string, header http.Header, err error) {
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.proxyURL()+target, strings.NewReader(body))
	if err != nil {
		return 0, "", nil, err
	}
	req.Header.Set("Accept-Encoding", "gzip") // asked for here, it is not undone by the client: an answer may be damaged on purpose
	resp, err := httpClient.Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), resp.Header, err
}

// read makes the i-th read, for testkit.Load.
func (r *running) read(ctx context.Context, i int) (*http.Request, error) {
	return http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/items/%d", r.proxyURL(), i%500), nil)
}

// shop is a backend that answers /items/ID in JSON and takes writes by POST, each with an id of its own.
type shop struct {
	*testkit.BackendServer
	mu     sync.Mutex
	writes []string
	answer func(w http.ResponseWriter, r *http.Request) bool // true: answered
}

func newShop(t *testing.T) *shop {
	s := &shop{}
	s.BackendServer = testkit.Backend(t, s)
	return s
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	answer := s.answer
	s.mu.Unlock()
	if answer != nil && answer(w, r) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if r.Method == http.MethodPost {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.writes = append(s.writes, string(body))
		s.mu.Unlock()
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"saved": %q}`, body)
		return
	}
	fmt.Fprintf(w, `{"path": %q, "price": 12.50}`, r.URL.Path)
}

func (s *shop) misbehave(answer func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *shop) written() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.writes...)
}
