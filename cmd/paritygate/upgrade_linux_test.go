package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/testkit"
)

const lineageConfig = `
run: {name: lineage, window: 1m}
backends:
  old: {url: "OLD"}
  new: {url: "NEW"}
mirror: {fraction: 100%, recheck: {attempts: 0}}
`

// The program is replaced under load, again and again: no connection is refused, no request fails, no write is lost or taken twice,
// two processes never serve at the same time, and every exchange is accounted for.
func TestUpgradeUnderLoad(t *testing.T) {
	older, newer := newShop(t), newShop(t)
	l := startLineage(t, lineageConfig, "", "OLD", older.URL, "NEW", newer.URL)
	l.begin()
	began := l.status()
	c := newCrowd(t, l.proxy)
	c.add(4, http.MethodGet, true)
	c.add(2, http.MethodGet, false)
	c.add(2, http.MethodPost, true)
	c.add(2, http.MethodPost, false)
	const upgrades = 3
	for range upgrades {
		from := c.answered.Load()
		l.eventually("clients are served", func() bool { return c.answered.Load() > from+100 })
		if code := l.upgrade(); code != exitDone {
			t.Errorf("the process before ended in %d", code)
		}
	}
	for _, p := range c.end() {
		t.Error(p)
	}
	slices.Sort(c.took)
	t.Logf("%d requests, p99 %s, slowest %s", len(c.took), c.took[len(c.took)*99/100], c.slowest)
	l.alternate()
	if s := l.status(); s.Phase != began.Phase || s.Epoch != began.Epoch || !s.Window.Start.Equal(began.Window.Start) {
		t.Errorf("before: %+v; after: %+v", began, s)
	}
	l.writesAt(older, c.writes.Load())
	if n := len(newer.written()); n != 0 {
		t.Errorf("%d writes at new", n)
	}
	if code := l.stop(syscall.SIGTERM); code != exitDone {
		t.Errorf("the last process ended in %d", code)
	}
	l.begin()
	if all, skipped := l.eligible(); all != c.answered.Load() {
		t.Errorf("%d eligible (%d skipped for a shutdown), %d were answered", all, skipped, c.answered.Load())
	}
}

// What comes in live goes to new before and after, and the count of the writes there goes on.
func TestUpgradeInLive(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	l := startLineage(t, lineageConfig, "", "OLD", older.URL, "NEW", newer.URL)
	l.begin()
	if _, err := l.client.Cutover(t.Context(), admin.Change{Reason: "test"}, false, true); err != nil {
		t.Fatal(err)
	}
	epoch := l.status().Epoch
	c := newCrowd(t, l.proxy)
	c.add(2, http.MethodPost, true)
	c.add(2, http.MethodPost, false)
	l.eventually("clients write", func() bool { return c.writes.Load() > 50 })
	l.upgrade()
	from := c.writes.Load()
	l.eventually("clients write", func() bool { return c.writes.Load() > from+50 })
	for _, p := range c.end() {
		t.Error(p)
	}
	l.writesAt(newer, c.writes.Load())
	if s := l.status(); s.Phase != cutover.Live || s.Epoch != epoch || s.Rollback.UnreplayedWrites != c.writes.Load() {
		t.Errorf("after %d writes: %+v", c.writes.Load(), s)
	}

	t.Log("an edit of the rules is refused before anybody stops")
	l.configure(lineageConfig+"compare: {headers: [etag]}\n", "", "OLD", older.URL, "NEW", newer.URL)
	l.kill(syscall.SIGUSR2)
	l.eventually("it is refused", func() bool { return l.logged("cannot change while the run is live") })
	if s := l.status(); s.Phase != cutover.Live {
		t.Errorf("%+v", s)
	}
}

// A successor that cannot serve leaves the process that does in peace; one that dies when it is its turn is replaced by it.
func TestUpgradeThatFails(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	l := startLineage(t, lineageConfig, "", "OLD", older.URL, "NEW", newer.URL)
	l.begin()
	pid := l.pid
	c := newCrowd(t, l.proxy)
	c.add(2, http.MethodGet, true)
	c.add(2, http.MethodPost, false)
	failures := 0
	say := fmt.Sprintf(`{"Kind":"offer","Offer":{"Run":"lineage","Store":%q,"Journal":%q,"Proxy":%q,"Admin":%q}}`, l.store, l.store+".journal", l.proxy, l.admin)
	for _, f := range []struct{ name, config, program, logged string }{
		{"a bad configuration", "mirror: {fraction: 200%}\n", "", "must be a fraction between 0% and 100%"},
		{"another run", strings.Replace(lineageConfig, "name: lineage", "name: other", 1), "", "run.name is \\\"other\\\" in the file"},
		{"another store", "", "echo '" + strings.Replace(say, "paritygate.db", "other.db", 1) + "' >&6; read order <&5", "store.path is"},
		{"a program that ends at once", "", "exit 7", "exit status 7"},
		{"a program that says nothing", "", "exec 5<&- 6>&-; sleep 60", "nothing more to say"},
		{"a program that fails in the end", "", "echo '" + say + "' >&6; read order <&5; echo '{\"Kind\":\"failed\",\"Reason\":\"no such luck\"}' >&6", "no such luck"},
		{"a program that dies in the end", "", "echo '" + say + "' >&6; read order <&5; exit 9", "exit status 9"},
	} {
		t.Log(f.name)
		failures++
		text := lineageConfig
		if f.config != "" {
			text = f.config
		}
		l.configure(text, "", "OLD", older.URL, "NEW", newer.URL)
		if f.program != "" {
			l.script(f.program)
		}
		l.kill(syscall.SIGUSR2)
		l.eventually("it goes on, and the log says why", func() bool {
			return strings.Count(l.log(), "this process goes on serving")+strings.Count(l.log(), "this process serves again") == failures && l.logged(f.logged)
		})
		l.awaitReady()
		if l.holder() != pid {
			t.Fatalf("process %d holds the store", l.holder())
		}
		from := c.answered.Load()
		l.eventually("clients are served", func() bool { return c.answered.Load() > from+20 })
	}
	for _, p := range c.end() {
		t.Error(p)
	}
	l.alternate()
	l.writesAt(older, c.writes.Load())
	if n := strings.Count(l.log(), "serves again"); n != 2 {
		t.Errorf("it served again %d times", n)
	}
	if all, _ := l.eligible(); all > c.answered.Load() {
		t.Errorf("%d eligible, %d answered", all, c.answered.Load())
	}
}

// SIGTERM under load with slow shadows: what is under way is compared or counted, exactly.
func TestStoppedUnderLoad(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	release := make(chan struct{})
	newer.misbehave(func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-release:
		case <-r.Context().Done():
		case <-time.After(100 * time.Millisecond):
		}
		return false
	})
	l := startLineage(t, lineageConfig, ", drain: 5s", "OLD", older.URL, "NEW", newer.URL)
	serve := func() *crowd {
		l.begin()
		c := newCrowd(t, l.proxy)
		c.add(4, http.MethodGet, true)
		l.eventually("clients are served", func() bool { return c.answered.Load() > 200 })
		return c
	}
	c := serve()
	l.kill(syscall.SIGTERM)
	if code := l.wait(); code != exitDone {
		t.Errorf("the process ends in %d", code)
	}
	for _, p := range c.end() {
		if !strings.Contains(p, "connect: ") && !strings.Contains(p, "on a used connection false") {
			t.Error(p) // a connection that is kept brings no request that is not answered
		}
	}
	answered := c.answered.Load()

	t.Log("with shadows that never end, and a second signal")
	newer.misbehave(func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return false
	})
	t.Cleanup(func() { close(release) })
	c = serve()
	for _, p := range c.end() {
		t.Error(p)
	}
	answered += c.answered.Load()
	l.kill(syscall.SIGTERM)
	l.eventually("it drains", func() bool { return strings.Count(l.log(), `"msg":"draining"`) == 2 })
	signaled := time.Now()
	l.kill(syscall.SIGINT)
	if code := l.wait(); code != exitDone {
		t.Errorf("the process ends in %d, and nothing was cut off", code)
	}
	if took := time.Since(signaled); took > 3*time.Second {
		t.Errorf("the second signal ended it after %s", took)
	}
	l.begin()
	all, skipped := l.eligible()
	if all != answered || skipped == 0 {
		t.Errorf("%d eligible, %d of them skipped for the shutdown; %d were answered", all, skipped, answered)
	}
	if strings.Count(l.log(), `"msg":"drained"`) != 2 {
		t.Error("a drain was not brought to its end")
	}
}

// The sockets of systemd are listened on whatever the configuration says, and systemd is told what goes on.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	l := startLineage(t, lineageConfig, "", "OLD", older.URL, "NEW", newer.URL)
	dir, err := os.MkdirTemp("", "") // a socket's name must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = told.Close() }()
	l.env = []string{"NOTIFY_SOCKET=" + filepath.Join(dir, "notify")}
	tell := func(want string) {
		t.Helper()
		_ = told.SetReadDeadline(time.Now().Add(20 * time.Second))
		b := make([]byte, 100)
		n, err := told.Read(b)
		if got := string(b[:n]); err != nil || got != want {
			t.Errorf("systemd is told %q (%v), want %q", got, err, want)
		}
	}
	var addresses []string
	for range 2 {
		s, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		f, err := s.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		l.files, addresses = append(l.files, f), append(addresses, s.Addr().String())
	}
	l.admin, l.proxy = addresses[0], addresses[1]
	if l.client, err = admin.NewClient("http://"+l.admin, "", nil); err != nil {
		t.Fatal(err)
	}
	start := []string{"sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=admin:proxy exec "$0" serve --config "$1"`, l.program, l.config}
	l.begin(start...)
	tell("READY=1")
	c := newCrowd(t, l.proxy)
	c.add(2, http.MethodGet, true)
	c.add(2, http.MethodGet, false)
	served := func() {
		t.Helper()
		from := c.answered.Load()
		l.eventually("clients are served", func() bool { return c.answered.Load() > from+20 })
	}
	served()
	before := l.pid
	l.upgrade()
	tell(fmt.Sprintf("MAINPID=%d", l.pid))
	if l.pid == before {
		t.Error("the process is the same")
	}
	served()
	if code := l.stop(syscall.SIGTERM); code != exitDone { // systemd keeps the sockets, and starts it again when somebody connects
		t.Errorf("it ends in %d", code)
	}
	tell("STOPPING=1")
	l.begin(start...)
	tell("READY=1")
	served()
	for _, p := range c.end() {
		t.Error(p)
	}
}

// A process that waits for the store does not listen; it serves as soon as the one before has ended.
func TestWaitForTheStore(t *testing.T) {
	t.Parallel()
	older, newer := newShop(t), newShop(t)
	l := startLineage(t, lineageConfig, "", "OLD", older.URL, "NEW", newer.URL)
	l.begin()
	first := l.pid
	l.launch(l.program, "serve", "--config", l.config)
	if code := l.wait(); code != exitFailed || !l.logged("the store is in use by process") {
		t.Errorf("a second process ends in %d", code)
	}
	l.launch(l.program, "serve", "--config", l.config, "--wait-for-store", "1ms")
	if code := l.wait(); code != exitFailed {
		t.Errorf("a second process that waits too short ends in %d", code)
	}
	second := &lineage{process: &process{t: t, config: l.config}, program: l.program, logPath: l.logPath}
	second.launch(l.program, "serve", "--config", l.config, "--wait-for-store", "20s")
	l.pid = first
	l.eventually("it waits", func() bool { return l.logged("waiting for the store") })
	l.stop(syscall.SIGTERM)
	l.pid = second.pid
	l.awaitReady()
	if l.holder() != second.pid {
		t.Errorf("process %d holds the store, not %d", l.holder(), second.pid)
	}
	testkit.Load{Requests: 10, Request: func(ctx context.Context, _ int) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.proxy+"/items/1", nil)
	}}.Run(t.Context())
}
