package handover

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Plan says how a successor is started.
type Plan struct {
	// Path is the program, Args its arguments, the program's name first.
	Path string
	Args []string
	// Sockets are handed over under their names.
	Sockets map[string]*Socket
	// Environment is this process's; see os.Environ. Standard output and error are shared.
	Environment []string
	// StartWithin bounds the time until its offer, TakeWithin the time from Release until it serves.
	StartWithin, TakeWithin time.Duration
}

// Successor is a process that is to take over.
type Successor struct {
	// Offer is what it says about itself.
	Offer Offer

	plan    Plan
	cmd     *exec.Cmd
	orders  *os.File
	reports chan report
	ended   chan struct{}
}

// Start starts the successor and waits for its offer. After an error, or when ctx ends, there is none left.
func Start(ctx context.Context, plan Plan) (*Successor, error) {
	s, err := start(ctx, plan)
	if err != nil {
		return nil, fmt.Errorf("start the successor %s: %w", plan.Path, err)
	}
	timer := time.NewTimer(plan.StartWithin)
	defer timer.Stop()
	select {
	case r, ok := <-s.reports:
		if ok && r.Kind == reportOffer && r.Offer != nil {
			s.Offer = *r.Offer
			return s, nil
		}
		err = s.failure(r)
	case <-timer.C:
		err = fmt.Errorf("it was not ready within %s", plan.StartWithin)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	s.kill()
	return nil, fmt.Errorf("the successor: %w", err)
}

func start(ctx context.Context, plan Plan) (*Successor, error) {
	ordersIn, orders, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	reports, reportsOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, ordersIn.Close(), orders.Close())
	}
	var names []string
	// The process outlives ctx: it is to go on when this one has ended.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), plan.Path) // #nosec G204 -- the program itself
	cmd.Args = plan.Args
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	for name, socket := range plan.Sockets {
		names = append(names, name)
		cmd.ExtraFiles = append(cmd.ExtraFiles, socket.file)
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, ordersIn, reportsOut)
	cmd.Env = append(withoutOurs(plan.Environment),
		fmt.Sprintf("LISTEN_FDS=%d", len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"), fmt.Sprintf("%s=%d", predecessorVar, os.Getpid()))
	err = cmd.Start()
	err = errors.Join(err, ordersIn.Close(), reportsOut.Close())
	if err != nil {
		return nil, errors.Join(err, orders.Close(), reports.Close())
	}
	s := &Successor{plan: plan, cmd: cmd, orders: orders, reports: make(chan report, 4), ended: make(chan struct{})}
	go func() {
		readReports(reports, s.reports)
		_ = reports.Close()
	}()
	go func() {
		_ = cmd.Wait() // how it ended is in ProcessState
		close(s.ended)
	}()
	return s, nil
}

func withoutOurs(environment []string) []string {
	return slices.DeleteFunc(slices.Clone(environment), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(variables, name)
	})
}

// PID is its process id.
func (s *Successor) PID() int { return s.cmd.Process.Pid }

// Cancel calls the successor off.
func (s *Successor) Cancel() {
	_, _ = s.orders.WriteString(orderCancel + "\n") // one that has ended needs no word
	select {
	case <-s.ended:
	case <-time.After(time.Second):
	}
	s.kill()
}

// Release tells the successor that it is its turn, and waits until it serves. After an error it has ended, and nothing keeps
// this process from serving again; if ctx ends, the successor is told to end as well.
func (s *Successor) Release(ctx context.Context) error {
	_, _ = s.orders.WriteString(orderGo + "\n") // one that has ended is noticed below
	timer := time.NewTimer(s.plan.TakeWithin)
	defer timer.Stop()
	var err error
	select {
	case r, ok := <-s.reports:
		if ok && r.Kind == reportServing {
			_ = s.orders.Close()
			return nil
		}
		err = s.failure(r)
	case <-timer.C:
		err = fmt.Errorf("it did not serve within %s", s.plan.TakeWithin)
	case <-ctx.Done():
		err = context.Cause(ctx)
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-s.ended:
		case <-time.After(s.plan.TakeWithin):
		}
	}
	s.kill()
	return fmt.Errorf("the successor: %w", err)
}

// failure says what a report that was not hoped for means. None is the end of the process.
func (s *Successor) failure(r report) error {
	if r.Kind == reportFailed {
		return errors.New(r.Reason)
	}
	select {
	case <-s.ended:
	case <-time.After(time.Second):
	}
	if state := s.cmd.ProcessState; s.hasEnded() && state != nil {
		return fmt.Errorf("it ended by itself: %s", state)
	}
	return errors.New("it has nothing more to say")
}

func (s *Successor) hasEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// kill makes sure that the process has ended: only then it holds no lock.
func (s *Successor) kill() {
	if !s.hasEnded() {
		_ = s.cmd.Process.Kill() // it may end this moment
	}
	<-s.ended
	_ = s.orders.Close()
}
