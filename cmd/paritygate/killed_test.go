package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"paritygate/compare"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/testkit"
)

// builtIn is the directory that holds the binary, once it was asked for.
var builtIn string

var binaryPath = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "paritygate")
	if err != nil {
		return "", err
	}
	builtIn = dir
	path := filepath.Join(dir, "paritygate")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, err
})

// process is the real program in a process of its own, that can be killed and started again on what it left.
type process struct {
	t      testing.TB
	config string
	proxy  string
	admin  string
	client *admin.Client
	cmd    *exec.Cmd
	ended  chan struct{}
	mortal []string // environment of a mortal program; nil: it is the built one
}

func startProcess(t testing.TB, text string, replace ...string) *process {
	t.Helper()
	p := newProcess(t, text, replace...)
	p.start()
	return p
}

func newProcess(t testing.TB, text string, replace ...string) *process {
	t.Helper()
	dir := t.TempDir()
	listen, adminAt := testkit.FreePort(t), testkit.FreePort(t)
	text = strings.NewReplacer(replace...).Replace(text) + fmt.Sprintf(
		"listen: {address: \"127.0.0.1:%d\"}\nadmin: {address: \"127.0.0.1:%d\"}\nstore: {path: %q}\n", listen, adminAt, filepath.Join(dir, "paritygate.db"))
	text += besideTheStore(text)
	p := &process{t: t, config: filepath.Join(dir, "paritygate.yaml"), proxy: fmt.Sprintf("http://127.0.0.1:%d", listen), admin: fmt.Sprintf("http://127.0.0.1:%d", adminAt)}
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.client, err = admin.NewClient(p.admin, "", nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd != nil {
			p.signal(syscall.SIGKILL)
		}
		if text, err := os.ReadFile(p.log()); t.Failed() && err == nil {
			t.Logf("the last words of the program:\n%s", text[max(0, len(text)-8000):])
		}
	})
	return p
}

func (p *process) log() string { return filepath.Join(filepath.Dir(p.config), "log") }

func (p *process) store() string { return filepath.Join(filepath.Dir(p.config), "paritygate.db") }

// start starts it, with flags of `serve` besides, and waits until it is ready.
func (p *process) start(flags ...string) {
	p.t.Helper()
	p.launch(flags...)
	p.eventually("it is ready", func() bool {
		got, err := p.client.Readiness(p.t.Context())
		return err == nil && got.State == admin.Ready
	})
}

func (p *process) launch(flags ...string) {
	p.t.Helper()
	built := binaryPath
	if p.mortal != nil {
		built = mortalPath
	}
	path, err := built()
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := os.OpenFile(p.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	cmd, ended := exec.Command(path, append([]string{"serve", "--config", p.config}, flags...)...), make(chan struct{})
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(os.Environ(), p.mortal...)
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.cmd, p.ended = cmd, ended
	go func() { _ = cmd.Wait(); close(ended) }()
}

// signal sends a signal that ends the process, and waits for that; it returns the exit code, -1 if the signal killed it.
func (p *process) signal(s syscall.Signal) int {
	_ = p.cmd.Process.Signal(s) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		p.t.Errorf("it does not end on %s", s)
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) restart() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	p.start()
}

func (p *process) eventually(what string, condition func() bool) {
	p.t.Helper()
	testkit.Eventually(p.t, 20*time.Second, condition, "%s", what)
}

func (p *process) status() admin.Status {
	p.t.Helper()
	s, err := p.client.Status(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// metrics are those that Prometheus would see.
func (p *process) metrics() string {
	p.t.Helper()
	response, err := httpClient.Get(p.admin + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(body)
}

// traffic sends requests until it is stopped; how they end is not its business.
func (p *process) traffic(method string) (stop func()) {
	ctx, cancel := context.WithCancel(p.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		testkit.Load{Rate: 300, Requests: 1 << 30, Request: func(ctx context.Context, i int) (*http.Request, error) {
			return http.NewRequestWithContext(ctx, method, fmt.Sprintf("%s/items/%d", p.proxy, i%700), strings.NewReader(fmt.Sprint(i)))
		}}.Run(ctx)
	}()
	return func() { cancel(); <-done }
}

// flushed returns a number as it surely stands on the disk: read, and then given the time of a tick and a flush.
func (p *process) flushed(read func() int64) int64 {
	n := read()
	until := time.Now().Add(2500 * time.Millisecond)
	p.eventually("the number was written", func() bool { read(); return time.Now().After(until) })
	return n
}

// sticks makes requests for a path hang at the backend until free is called; arrived is closed when the first does.
func (s *shop) sticks(t *testing.T, path string) (arrived <-chan struct{}, free func()) {
	here, gate := make(chan struct{}), make(chan struct{})
	var first, last sync.Once
	s.misbehave(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == path {
			first.Do(func() { close(here) })
			<-gate
		}
		return false
	})
	free = func() { last.Do(func() { close(gate) }) }
	t.Cleanup(free)
	return here, free
}

func TestKilledInShadow(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	newer.misbehave(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "7") {
			w.WriteHeader(http.StatusTeapot)
			return true
		}
		return false
	})
	p := startProcess(t, roundConfig, "OLD", older.URL, "NEW", newer.URL)
	began := p.status()
	defer p.traffic(http.MethodGet)()
	for range 2 {
		p.eventually("exchanges are compared", func() bool { return p.status().Parity.Eligible > 100 })
		seen := p.flushed(func() int64 { return p.status().Parity.Eligible })
		p.restart()
		routes, err := p.client.Routes(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		var all int64
		for _, r := range routes {
			var sum int64
			for _, v := range compare.Verdicts {
				sum += r.Verdicts[v]
			}
			if sum != r.Eligible {
				t.Errorf("%s does not add up: %+v", r.Route, r)
			}
			all += r.Eligible
		}
		if all < seen || seen == 0 {
			t.Errorf("%d eligible exchanges after the kill, %d were on the disk before it", all, seen)
		}
		if s := p.status(); s.Phase != cutover.Shadow || s.Epoch != began.Epoch || !s.Window.Start.Equal(began.Window.Start) {
			t.Errorf("after the kill: %+v", s)
		}
		t.Logf("%d eligible on the disk, %d after the kill", seen, all)
	}
}

func TestKilledAlongTheWay(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	p := startProcess(t, roundConfig, "OLD", older.URL, "NEW", newer.URL)
	flip := func() error {
		_, err := p.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true)
		return err
	}

	t.Log("killed while writes are held: back in shadow, at old")
	arrived, free := older.sticks(t, "/stuck")
	go func() { _, _ = http.Post(p.proxy+"/stuck", "text/plain", strings.NewReader("x")) }()
	<-arrived
	go func() { _ = flip() }()
	p.eventually("writes are held", func() bool { return p.status().Phase == cutover.Cutover })
	p.restart()
	free()
	if s := p.status(); s.Phase != cutover.Shadow || s.Epoch != 3 {
		t.Fatalf("after the kill: %+v", s)
	}

	t.Log("killed in live: live, and no fewer writes on new than were on the disk")
	stop := p.traffic(http.MethodPost)
	defer func() { stop() }()
	if err := flip(); err != nil {
		t.Fatal(err)
	}
	epoch := p.status().Epoch
	p.eventually("new takes writes", func() bool { return len(newer.written()) > 100 })
	seen := p.flushed(func() int64 { return p.status().Rollback.UnreplayedWrites })
	p.restart()
	stop()
	s := p.status()
	if s.Phase != cutover.Live || s.Epoch != epoch || s.Rollback.UnreplayedWrites < seen || s.Rollback.UnreplayedWrites > int64(len(newer.written()))+s.Journal.ToOld.Unknown {
		t.Errorf("after the kill: %+v; %d writes were on the disk, %d at new", s, seen, len(newer.written()))
	}
	t.Logf("%d writes on new were on the disk, %d are known after the kill, %d reached it", seen, s.Rollback.UnreplayedWrites, len(newer.written()))

	t.Log("killed after a rollback: rolled back, and what is on new is known")
	stop = p.traffic(http.MethodGet)
	if _, err := p.client.Rollback(t.Context(), admin.Change{Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	left := p.status().Rollback.UnreplayedWrites
	p.restart()
	if s := p.status(); s.Phase != cutover.RolledBack || s.Rollback.UnreplayedWrites < left {
		t.Errorf("after the kill: %+v, %d writes were on new", s, left)
	}
}

// A kill soon after the flip: that new has taken a write is known, so that nobody resumes without giving it up.
func TestKilledSoonAfterTheFlip(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	p := startProcess(t, roundConfig, "OLD", older.URL, "NEW", newer.URL)
	if _, err := p.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(p.proxy+"/orders", "text/plain", strings.NewReader("first"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	p.restart()
	if s := p.status(); s.Phase != cutover.Live || s.Rollback.UnreplayedWrites != 1 {
		t.Errorf("after the kill: %+v", s)
	}
	if _, err := p.client.Rollback(t.Context(), admin.Change{Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.client.Resume(t.Context(), admin.Change{Reason: "test"}, false); err == nil {
		t.Error("resumed although a write is on new alone")
	}
}

// SIGTERM during a flip: the held writes are answered by old, and the program ends well.
func TestStoppedDuringAFlip(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	p := startProcess(t, roundConfig, "OLD", older.URL, "NEW", newer.URL)
	arrived, free := older.sticks(t, "/stuck")
	answers := make(chan int, 2)
	post := func(path string) {
		resp, err := http.Post(p.proxy+path, "text/plain", strings.NewReader(path))
		if err != nil {
			answers <- 0
			return
		}
		_ = resp.Body.Close()
		answers <- resp.StatusCode
	}
	go post("/stuck")
	<-arrived
	go func() { _, _ = p.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true) }()
	p.eventually("writes are held", func() bool { return p.status().Phase == cutover.Cutover })
	go post("/held")
	p.eventually("one is", func() bool { return p.status().HeldWrites == 1 })
	ended := make(chan int, 1)
	go func() { ended <- p.signal(syscall.SIGTERM) }()
	if status := <-answers; status != http.StatusCreated {
		t.Errorf("the held write ends in %d", status)
	}
	free()
	if status := <-answers; status != http.StatusCreated {
		t.Errorf("the write in flight ends in %d", status)
	}
	if code := <-ended; code != exitDone {
		t.Errorf("the program ends in %d", code)
	}
	if len(older.written()) != 2 || len(newer.written()) != 0 {
		t.Errorf("%q at old, %q at new", older.written(), newer.written())
	}
	p.start()
	if s := p.status(); s.Phase != cutover.Shadow || !strings.Contains(s.Reason, "was stopped") {
		t.Errorf("after the restart: %+v", s)
	}
}

// A backend that hangs keeps the program from ending only until the second signal.
func TestTheSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	p := startProcess(t, roundConfig, "OLD", older.URL, "NEW", newer.URL)
	arrived, _ := older.sticks(t, "/items/1")
	go func() { _, _ = http.Get(p.proxy + "/items/1") }()
	<-arrived
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	p.eventually("it is draining", func() bool {
		got, err := p.client.Readiness(t.Context())
		return err == nil && got.State == admin.Draining
	})
	began := time.Now()
	if code := p.signal(syscall.SIGTERM); code == exitDone {
		t.Error("it says that all went well")
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}
