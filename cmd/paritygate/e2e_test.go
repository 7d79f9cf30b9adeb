//go:build e2e

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// The end-to-end tests use the built binary as a user does: processes, signals, exit codes.

// binary builds paritygate and returns its path.
func binary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "paritygate")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("build paritygate: %v\n%s", err, out)
	}
	return path
}

// installation is a binary with a configuration and what it takes from the environment.
type installation struct {
	t      *testing.T
	path   string
	config string
	env    []string
}

func (i *installation) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, i.path, append(args, "--config", i.config)...)
	cmd.Env = append(os.Environ(), i.env...)
	return cmd
}

// run runs a command to its end and returns its exit code and what it printed.
func (i *installation) run(args ...string) (code int, out string) {
	i.t.Helper()
	cmd := i.command(i.t.Context(), args...)
	b, err := cmd.CombinedOutput()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		i.t.Fatalf("paritygate %v: %v", args, err)
	}
	return cmd.ProcessState.ExitCode(), string(b)
}

// want runs a command that must end in the code, and returns what it printed.
func (i *installation) want(code int, args ...string) string {
	i.t.Helper()
	got, out := i.run(args...)
	if got != code {
		i.t.Fatalf("paritygate %v ended in %d, want %d:\n%s", args, got, code, out)
	}
	return out
}

// read runs a command with --output json and decodes what it prints.
func (i *installation) read(into any, args ...string) {
	i.t.Helper()
	cmd := i.command(i.t.Context(), append(args, "--output", "json")...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		i.t.Fatalf("paritygate %v: %v", args, err)
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		i.t.Fatalf("paritygate %v: %v: %s%s", args, err, out.String(), errs.String())
	}
}

// background starts a process, and ends it with the test if stop has not done so before. The returned stop sends SIGTERM
// and returns the exit code.
func background(t *testing.T, name string, cmd *exec.Cmd) (stop func() int) {
	t.Helper()
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the state says how it ended
		close(done)
	}()
	stop = func() int {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			_ = cmd.Process.Kill()
			<-done
			t.Errorf("%s did not stop on SIGTERM", name)
		}
		return cmd.ProcessState.ExitCode()
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			text := log.Bytes()
			t.Logf("the last words of %s:\n%s", name, text[max(0, len(text)-4000):])
		}
	})
	return stop
}
