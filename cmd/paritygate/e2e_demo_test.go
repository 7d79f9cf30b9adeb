//go:build e2e

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"paritygate/internal/testkit"
)

// demoProcess is a demo with a directory of its own for all its temporary files.
type demoProcess struct {
	cmd  *exec.Cmd
	dir  string
	out  transcript
	done chan struct{} // closed when it has ended
}

func startDemo(t *testing.T, path string, args ...string) *demoProcess {
	t.Helper()
	// Not below t.TempDir: the user that PostgreSQL runs as must be able to enter it.
	dir, err := os.MkdirTemp("", "paritygate-e2e-")
	if err == nil {
		err = os.Chmod(dir, 0o777|os.ModeSticky)
	}
	if err != nil {
		t.Fatal(err)
	}
	p := &demoProcess{cmd: exec.Command(path, append([]string{"demo"}, args...)...), dir: dir, done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the state says how it ended
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it has ended, unless the test failed
		<-p.done
		_ = os.RemoveAll(dir) // what is left was reported
		if t.Failed() {
			t.Logf("the demo said:\n%s", p.out.String())
		}
	})
	return p
}

// end waits for the demo and returns its exit code.
func (p *demoProcess) end(t *testing.T) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(4 * time.Minute):
		t.Fatal("the demo did not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

// says waits until the demo has said something, and fails as soon as it ends without.
func (p *demoProcess) says(t *testing.T, what string) {
	t.Helper()
	testkit.Eventually(t, 4*time.Minute, func() bool {
		select {
		case <-p.done:
			t.Fatalf("the demo ended in %d", p.cmd.ProcessState.ExitCode())
		default:
		}
		return strings.Contains(p.out.String(), what)
	}, "the demo says %q", what)
}

// leftNothing looks for files, and for processes that work in the demo's directory.
func (p *demoProcess) leftNothing(t *testing.T) {
	t.Helper()
	if entries, err := os.ReadDir(p.dir); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v %v", entries, err)
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if text, err := os.ReadFile(line); err == nil && bytes.Contains(text, []byte(p.dir)) {
			t.Errorf("still running: %s: %q", line, text)
		}
	}
}

// TestE2EDemoTwoAtOnce runs two demos side by side; both must reach their end.
func TestE2EDemoTwoAtOnce(t *testing.T) {
	path := binary(t)
	for _, p := range []*demoProcess{startDemo(t, path), startDemo(t, path)} {
		code, text := p.end(t), p.out.String()
		if code != exitDone {
			t.Errorf("the demo ended in %d", code)
		}
		for _, want := range []string{
			".price: old", "check products", "check prices", "check classes", "the gate says fail", "by trigger:parity", "fence ", "unfence ", "the fence stands", "paritygate complete: refused", "phase live", "phase rolled_back", "journal replay --to old", "in old's exactly once", "unreplayed writes: 0",
			"0 lost, 0 doubled, 0 to old after the first to new", "What it came to",
		} {
			if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
				t.Errorf("the demo does not say %q", want)
			}
		}
		for line := range strings.Lines(text) {
			if utf8.RuneCountInString(line) > 101 || strings.Contains(line, "\x1b") {
				t.Errorf("a line is too long, or coloured without a terminal: %q", line)
			}
		}
		p.leftNothing(t)
	}
}

// TestE2EDemoWithoutPostgres goes the same way on SQLite.
func TestE2EDemoWithoutPostgres(t *testing.T) {
	p := startDemo(t, binary(t), "--sqlite")
	code, text := p.end(t), p.out.String()
	if code != exitDone {
		t.Errorf("the demo ended in %d", code)
	}
	for _, want := range []string{"two SQLite files", "goes without them", "phase rolled_back", "in old's exactly once", "What it came to"} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("the demo does not say %q", want)
		}
	}
	p.leftNothing(t)
}

// TestE2EDemoInterrupted stops demos at different moments.
func TestE2EDemoInterrupted(t *testing.T) {
	path := binary(t)
	for name, when := range map[string]string{"while starting": "Starting two shops", "under traffic": "reads compared"} {
		t.Run(name, func(t *testing.T) {
			p := startDemo(t, path)
			p.says(t, when)
			if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			if code := p.end(t); code != exitFailed {
				t.Errorf("ended in %d", code)
			}
			p.leftNothing(t)
		})
	}
}

// TestE2EDemoHeld keeps the demo running after its end, and stops it.
func TestE2EDemoHeld(t *testing.T) {
	p := startDemo(t, binary(t), "--hold")
	p.says(t, "until you press Ctrl-C")
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := p.end(t); code != exitDone {
		t.Errorf("ended in %d", code)
	}
	p.leftNothing(t)
}
