package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/testkit"
)

// lineage is a process and those that succeed it. They share one log.
type lineage struct {
	*process
	program string // the file that is executed, a copy that a test may replace
	store   string
	logPath string
	proxy   string // host:port
	admin   string
	env     []string
	files   []*os.File
	pid     int
}

// adoptOrphans makes this process the parent of those whose parent ends, so that successors can be waited for.
var adoptOrphans = sync.OnceValue(func() error {
	const setChildSubreaper = 36
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, setChildSubreaper, 1, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
})

// startLineage starts the program with a configuration without listen, admin and store; settings go into listen.
func startLineage(t *testing.T, text, settings string, replace ...string) *lineage {
	t.Helper()
	if err := adoptOrphans(); err != nil {
		t.Skipf("successors cannot be waited for: %v", err)
	}
	path, err := binaryPath()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	l := &lineage{
		process: &process{t: t, config: filepath.Join(dir, "paritygate.yaml")}, program: filepath.Join(dir, "paritygate"),
		store: filepath.Join(dir, "paritygate.db"), logPath: filepath.Join(dir, "log"),
		proxy: fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t)), admin: fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t)),
	}
	if err := os.Link(path, l.program); err != nil {
		t.Fatal(err)
	}
	l.configure(text, settings, replace...)
	if l.client, err = admin.NewClient("http://"+l.admin, "", nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if l.pid != 0 {
			l.stop(syscall.SIGKILL)
		}
		if t.Failed() {
			t.Log(l.log())
		}
	})
	return l
}

func (l *lineage) configure(text, settings string, replace ...string) {
	l.t.Helper()
	text = strings.NewReplacer(replace...).Replace(text) + fmt.Sprintf(
		"listen: {address: %q%s}\nadmin: {address: %q}\nstore: {path: %s}\n", l.proxy, settings, l.admin, l.store)
	text += besideTheStore(text)
	if err := os.WriteFile(l.config, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// begin executes a command, by default the program itself, and waits until it serves.
func (l *lineage) begin(command ...string) {
	l.t.Helper()
	l.launch(command...)
	l.awaitReady()
}

func (l *lineage) launch(command ...string) {
	l.t.Helper()
	out, err := os.OpenFile(l.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	if len(command) == 0 {
		command = []string{l.program, "serve", "--config", l.config}
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(os.Environ(), l.env...)
	cmd.ExtraFiles = l.files
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.pid = cmd.Process.Pid
}

func (l *lineage) awaitReady() {
	l.t.Helper()
	l.eventually("it is ready", func() bool {
		got, err := l.client.Readiness(l.t.Context())
		return err == nil && got.State == admin.Ready
	})
}

// kill sends a signal to the process that serves.
func (l *lineage) kill(s syscall.Signal) {
	l.t.Helper()
	if err := syscall.Kill(l.pid, s); err != nil {
		l.t.Fatal(err)
	}
}

// stop sends a signal that ends the process, and returns the exit code, -1 if the signal killed it.
func (l *lineage) stop(s syscall.Signal) int {
	_ = syscall.Kill(l.pid, s) // it may have ended
	return l.wait()
}

func (l *lineage) wait() int {
	l.t.Helper()
	pid := l.pid
	l.pid = 0
	return l.reap(pid)
}

func (l *lineage) reap(pid int) int {
	l.t.Helper()
	var status syscall.WaitStatus
	l.eventually(fmt.Sprintf("process %d has ended", pid), func() bool {
		got, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
		return err != nil || got == pid
	})
	return status.ExitStatus()
}

// holder is the process that holds the store, by its lock.
func (l *lineage) holder() int {
	text, _ := os.ReadFile(l.store + ".lock")
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

// upgrade asks for a successor, waits until it serves, and returns the exit code of the process before.
func (l *lineage) upgrade() int {
	l.t.Helper()
	before := l.pid
	l.kill(syscall.SIGUSR2)
	l.eventually("a successor serves", func() bool {
		pid := l.holder()
		if pid == 0 || pid == before {
			return false
		}
		l.pid = pid
		got, err := l.client.Readiness(l.t.Context())
		return err == nil && got.State == admin.Ready
	})
	return l.reap(before)
}

func (l *lineage) log() string {
	text, _ := os.ReadFile(l.logPath)
	return string(text)
}

// messages returns what was logged, one line each.
func (l *lineage) messages() []string {
	var out []string
	for line := range strings.Lines(l.log()) {
		var entry struct{ Msg string }
		if json.Unmarshal([]byte(line), &entry) == nil {
			out = append(out, entry.Msg)
		}
	}
	return out
}

func (l *lineage) logged(text string) bool { return strings.Contains(l.log(), text) }

// crowd is clients that never repeat a request by themselves, as http.Client does where it finds a connection dead: every
// failure shows.
type crowd struct {
	t       *testing.T
	address string
	stop    chan struct{}
	clients sync.WaitGroup

	answered, writes atomic.Int64
	mu               sync.Mutex
	problems         []string
	slowest          time.Duration
	took             []time.Duration
}

func newCrowd(t *testing.T, address string) *crowd {
	return &crowd{t: t, address: address, stop: make(chan struct{})}
}

// add adds clients that read or write, on one connection as long as it is kept or each time on a new one.
func (c *crowd) add(n int, method string, keep bool) {
	for range n {
		c.clients.Go(func() {
			client := &crowdClient{crowd: c, method: method, keep: keep}
			defer client.close()
			for {
				select {
				case <-c.stop:
					return
				default:
				}
				if !client.ask() {
					return
				}
			}
		})
	}
}

// end stops the clients and returns what went wrong.
func (c *crowd) end() []string {
	close(c.stop)
	c.clients.Wait()
	return c.problems
}

func (c *crowd) problem(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problems = append(c.problems, text)
}

type crowdClient struct {
	*crowd
	method string
	keep   bool
	conn   net.Conn
	r      *bufio.Reader
	n      int
}

func (c *crowdClient) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// ask sends one request and reports whether the client goes on.
func (c *crowdClient) ask() bool {
	began := time.Now()
	reused := c.conn != nil
	if !reused {
		conn, err := net.Dial("tcp", c.address)
		if err != nil {
			c.problem("connect: " + err.Error())
			return false
		}
		c.conn, c.r = conn, bufio.NewReader(conn)
	}
	_ = c.conn.SetDeadline(time.Now().Add(20 * time.Second))
	c.n++
	request, want := fmt.Sprintf("GET /items/%d HTTP/1.1\r\nHost: h\r\n", c.n%50), http.StatusOK
	body := ""
	if c.method == http.MethodPost {
		body, want = strconv.FormatInt(c.writes.Add(1), 10), http.StatusCreated
		request = fmt.Sprintf("POST /orders HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n", len(body))
	}
	if !c.keep {
		request += "Connection: close\r\n"
	}
	if _, err := io.WriteString(c.conn, request+"\r\n"+body); err != nil {
		c.problem(fmt.Sprintf("send, on a used connection %v: %v", reused, err))
		return false
	}
	resp, err := http.ReadResponse(c.r, nil)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
	}
	if err != nil || resp.StatusCode != want {
		c.problem(fmt.Sprintf("%s, on a used connection %v: %v %+v", c.method, reused, err, resp))
		return false
	}
	if c.method == http.MethodGet {
		c.answered.Add(1)
	}
	if resp.Close || !c.keep {
		c.close()
	}
	took := time.Since(began)
	c.mu.Lock()
	c.slowest = max(c.slowest, took)
	c.took = append(c.took, took)
	c.mu.Unlock()
	return true
}

// alternate holds the log to one process at a time: each accepts only after the one before has released the store.
func (l *lineage) alternate() {
	l.t.Helper()
	serving := false
	for _, m := range l.messages() {
		switch m {
		case "ready":
			if serving {
				l.t.Error("two processes serve at the same time")
			}
			serving = true
		case "drained":
			serving = false
		}
	}
}

// eligible is the sum over all routes since the run began, each of which must add up.
func (l *lineage) eligible() (all, skipped int64) {
	l.t.Helper()
	routes, err := l.client.Routes(l.t.Context(), true)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, r := range routes {
		var sum, reasons int64
		for _, n := range r.Verdicts {
			sum += n
		}
		for _, n := range r.Skipped {
			reasons += n
		}
		if sum != r.Eligible || reasons != r.Verdicts["skipped"] {
			l.t.Errorf("%s does not add up: %+v", r.Route, r)
		}
		all += r.Eligible
		skipped += r.Skipped["shutdown"]
	}
	return all, skipped
}

func (l *lineage) writesAt(s *shop, n int64) {
	l.t.Helper()
	seen := map[string]int{}
	for _, w := range s.written() {
		seen[w]++
	}
	for i := range n {
		if times := seen[strconv.FormatInt(i+1, 10)]; times != 1 {
			l.t.Errorf("write %d was taken %d times", i+1, times)
		}
	}
}

// script replaces the program by a shell script.
func (l *lineage) script(text string) {
	l.t.Helper()
	next := l.program + ".new"
	if err := os.WriteFile(next, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		l.t.Fatal(err)
	}
	if err := os.Rename(next, l.program); err != nil {
		l.t.Fatal(err)
	}
}
