package throwaway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a child with the server's account and environment, and the end of what it printed.
type process struct {
	cmd    *exec.Cmd
	output tail
	done   chan struct{} // closed when it has ended
	err    error         // how it ended; read after done
}

// launch starts a binary in dir. The goroutine that starts it stays on its thread until the child ends, since the kernel
// ties the child's parent-death signal to that thread.
func launch(a *account, dir, binary string, args ...string) (*process, error) {
	p := &process{done: make(chan struct{})}
	p.cmd = exec.Command(binary, args...) //nolint:gosec,noctx // a binary of PostgreSQL's that Find found; it outlives the context of its start
	p.cmd.Dir = dir
	// Nothing of the caller's environment: PG* variables would change what the server does.
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	p.cmd.SysProcAttr = attributes(a)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	return p, nil
}

// wait returns when the process has ended or the context has; then the process is killed.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.done:
	case <-ctx.Done():
		if err := p.signal(os.Kill); err != nil {
			return err
		}
		<-p.done
		return fmt.Errorf("%s: %w", p.cmd.Path, ctx.Err())
	}
	return p.failure()
}

func (p *process) failure() error {
	if p.err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %s", p.cmd.Path, p.err, p.output.String())
}

// patience is how long a server gets for a fast shutdown, which has little to do: nothing is synced.
const patience = 10 * time.Second

// stop ends a postmaster: a fast shutdown, then an immediate one, then a kill, each with its time.
func (p *process) stop(patience time.Duration) error {
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		if err := p.signal(signal); err != nil {
			return err
		}
		timer := time.NewTimer(patience)
		select {
		case <-p.done:
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
	err := p.signal(os.Kill)
	if err == nil {
		<-p.done
	}
	return err
}

func (p *process) signal(signal os.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s to PostgreSQL (pid %d): %w", signal, p.cmd.Process.Pid, err)
	}
	return nil
}

// tail keeps the last few kilobytes of what is written to it.
type tail struct {
	mu   sync.Mutex
	data []byte
}

const tailSize = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, b...)
	if over := len(t.data) - tailSize; over > 0 {
		t.data = bytes.Clone(t.data[over:])
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.data))
}
