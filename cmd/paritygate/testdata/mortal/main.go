// Command mortal is the program, but for the calls that its cutover machine makes: before and after each there is a point at
// which kill -9 may strike. The tests build it with this file in the place of main.go.
package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"

	"paritygate/internal/cutover"
)

// main takes from its environment the file with the name of the point at which it dies, read at each, and the file to which it
// adds the points that it passes.
func main() {
	f := &fate{file: os.Getenv("PARITYGATE_TEST_FATE"), points: os.Getenv("PARITYGATE_TEST_POINTS")}
	os.Exit(run(context.Background(), os.Args[1:], system{in: os.Stdin, out: os.Stdout, err: os.Stderr, lookup: os.LookupEnv, rewire: f.rewire}))
}

// fate knows where the process dies.
type fate struct {
	file, points string
	mu           sync.Mutex
}

// at is passed at a point; nothing passes any point after the one at which the process dies.
func (f *fate) at(point string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := note(f.points, point); err != nil {
		panic(err)
	}
	if where, _ := os.ReadFile(f.file); string(where) == point { // no file: it lives on
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func note(path, line string) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = fmt.Fprintln(out, line); err != nil {
		return err
	}
	return out.Close()
}

func (f *fate) rewire(o cutover.Options) cutover.Options {
	o.Store = mortalStore{o.Store, f}
	o.Traffic = mortalTraffic{o.Traffic, f}
	if o.Data != nil {
		o.Data = mortalData{o.Data, f}
	}
	strict := o.Strict
	o.Strict = func(ctx context.Context) error {
		f.at("before the checks")
		return strict(ctx)
	}
	return o
}

type mortalStore struct {
	cutover.Store
	fate *fate
}

func (m mortalStore) Commit(ctx context.Context, expect uint64, s cutover.State, t cutover.Transition) error {
	m.fate.at("before storing the " + t.Kind)
	err := m.Store.Commit(ctx, expect, s, t)
	m.fate.at("after storing the " + t.Kind)
	return err
}

type mortalTraffic struct {
	cutover.Traffic
	fate *fate
}

func (m mortalTraffic) Drain(ctx context.Context, of cutover.Side) (int, error) {
	m.fate.at("before draining " + backendOf(of).String())
	left, err := m.Traffic.Drain(ctx, of)
	m.fate.at("after draining " + backendOf(of).String())
	return left, err
}

func (m mortalTraffic) CloseStreams(of cutover.Side) {
	m.fate.at("before closing streams of " + backendOf(of).String())
	m.Traffic.CloseStreams(of)
}

func (m mortalTraffic) Release(ctx context.Context) {
	m.fate.at("before the release")
	m.Traffic.Release(ctx)
	m.fate.at("after the release")
}

type mortalData struct {
	cutover.Data
	fate *fate
}

func (m mortalData) Prepare(ctx context.Context) error {
	m.fate.at("before preparing")
	err := m.Data.Prepare(ctx)
	m.fate.at("after preparing")
	return err
}

func (m mortalData) Undo(ctx context.Context) error {
	m.fate.at("before undoing")
	err := m.Data.Undo(ctx)
	m.fate.at("after undoing")
	return err
}

func (m mortalData) Fence(ctx context.Context) error {
	m.fate.at("before fencing")
	err := m.Data.Fence(ctx)
	m.fate.at("after fencing")
	return err
}

func (m mortalData) Unfence(ctx context.Context) error {
	m.fate.at("before unfencing")
	err := m.Data.Unfence(ctx)
	m.fate.at("after unfencing")
	return err
}
