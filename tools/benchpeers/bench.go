//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bench is the rig: the loop with both backends, and what to start beside it.
type bench struct {
	settings
	loop     *loop
	old, new *backend
	sizes    []int
}

// contender is a proxy that is measured.
type contender struct {
	name, label string
	mirrors     bool
	ids         bool // every answer has an id of its own
	start       func(b *bench, dir, listen, admin string) (*process, error)
}

const paritygate = "paritygate"

var contenders = []contender{
	{"nginx-plain", "nginx", false, false, func(b *bench, dir, listen, _ string) (*process, error) {
		return b.startNginx(dir, listen, false)
	}},
	{"nginx-mirror", "nginx with `mirror`, nothing compared", true, false, func(b *bench, dir, listen, _ string) (*process, error) {
		return b.startNginx(dir, listen, true)
	}},
	{"stdlib-plain", "`httputil.ReverseProxy`", false, false, func(b *bench, dir, listen, _ string) (*process, error) {
		return b.startPeer(dir, listen, b.old.url())
	}},
	{"stdlib-mirror", "`httputil.ReverseProxy`, bodies buffered and compared in a pool", true, false, func(b *bench, dir, listen, _ string) (*process, error) {
		return b.startPeer(dir, listen, b.old.url(), b.new.url())
	}},
	{"paritygate-plain", "**paritygate**, mirroring nothing", false, false, func(b *bench, dir, listen, admin string) (*process, error) {
		return b.startParitygate(dir, listen, admin, "0%")
	}},
	{"paritygate-mirror", "**paritygate**, mirroring and comparing 100 %", true, false, func(b *bench, dir, listen, admin string) (*process, error) {
		return b.startParitygate(dir, listen, admin, "100%")
	}},
	{"paritygate-meaning", "**paritygate**, the same with an id in each answer that a rule ignores", true, true, func(b *bench, dir, listen, admin string) (*process, error) {
		return b.startParitygate(dir, listen, admin, "100%")
	}},
}

func contenderNames() string {
	var names []string
	for _, c := range contenders {
		names = append(names, c.name)
	}
	return strings.Join(names, " ")
}

// chosen are the contenders that -only names.
func (s settings) chosen() []contender {
	return slices.DeleteFunc(slices.Clone(contenders), func(c contender) bool {
		return !slices.ContainsFunc(strings.Split(s.only, ","), func(prefix string) bool { return strings.HasPrefix(c.name, prefix) })
	})
}

func newBench(s settings) (*bench, error) {
	b := &bench{settings: s}
	for size := range strings.SplitSeq(s.sizes, ",") {
		kib, err := strconv.Atoi(strings.TrimSuffix(size, "KiB"))
		if err != nil || kib <= 0 || kib > 1024 {
			return nil, fmt.Errorf("-sizes: %q is not a size such as 1KiB, at most 1024KiB", size)
		}
		b.sizes = append(b.sizes, kib)
	}
	if len(s.chosen()) == 0 {
		return nil, fmt.Errorf("-only %q names none of: %s", s.only, contenderNames())
	}
	var err error
	if b.paritygate, err = filepath.Abs(s.paritygate); err != nil {
		return nil, err
	}
	if _, err := os.Stat(b.paritygate); err != nil {
		return nil, fmt.Errorf("%w; `make build` makes it, -paritygate names another", err)
	}
	if b.nginx, err = findNginx(s.nginx); err != nil && s.cpu && slices.ContainsFunc(s.chosen(), func(c contender) bool { return strings.HasPrefix(c.name, "nginx") }) {
		return nil, err
	}
	if b.loop, err = newLoop(); err != nil {
		return nil, err
	}
	go func() {
		fmt.Fprintln(os.Stderr, "benchpeers:", b.loop.run())
		os.Exit(1)
	}()
	if b.old, err = newBackend(b.loop, 1<<60); err != nil {
		return nil, fmt.Errorf("the old backend: %w", err)
	}
	if b.new, err = newBackend(b.loop, 2<<60); err != nil {
		return nil, fmt.Errorf("the new backend: %w", err)
	}
	return b, nil
}

// findNginx looks where Debian puts it too, which is on the PATH of root alone.
func findNginx(name string) (string, error) {
	for _, candidate := range []string{name, "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(candidate); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", fmt.Errorf("no %s here; install nginx (Debian's package is called so), name it with -nginx, or leave it out with -only %s", name, paritygate)
}

func (b *bench) startPeer(dir string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	return startOn(b.proxyCore, b.loadCore, dir, self, append([]string{"peer"}, args...)...)
}

// running is a contender that answers.
type running struct {
	*process
	dir, admin string
	listen     netip.AddrPort
}

// launch starts a contender and returns once it answers.
func (b *bench) launch(c contender) (*running, error) {
	dir, err := os.MkdirTemp("", "benchpeers-")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	r := &running{dir: dir, listen: ports[0], admin: ports[1].String()}
	if r.process, err = c.start(b, dir, r.listen.String(), r.admin); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	ready := "http://" + r.listen.String() + "/api/items/0000"
	if strings.HasPrefix(c.name, paritygate) {
		ready = "http://" + r.admin + "/readyz"
	}
	for deadline := time.Now().Add(20 * time.Second); !answers(ready); time.Sleep(20 * time.Millisecond) {
		err := r.running()
		if err == nil && time.Now().After(deadline) {
			err = errors.New("no answer within 20s")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", c.name, err, r.end())
		}
	}
	return r, nil
}

// end stops the contender, removes its files and returns what it wrote.
func (r *running) end() string {
	output := r.stop()
	_ = os.RemoveAll(r.dir)
	return output
}

// dump ends a contender that does not answer as it should; the runtime of one written in Go says what its goroutines are at.
func (r *running) dump() string {
	_ = r.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-r.done:
	case <-time.After(5 * time.Second):
	}
	return r.end()
}

// freePorts finds ports that nobody listens on.
func freePorts(n int) ([]netip.AddrPort, error) {
	var ports []netip.AddrPort
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() //nolint:errcheck // nothing was sent
		ports = append(ports, netip.MustParseAddrPort(l.Addr().String()))
	}
	return ports, nil
}

// median of the values, which it sorts. There must be one.
func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}
