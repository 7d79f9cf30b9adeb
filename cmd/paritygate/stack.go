package main

import (
	"context"
	"errors"
	"fmt"
)

// stack runs parts that need each other: they are stopped in the opposite order of their start, each waited for.
type stack struct {
	parts []part
	fail  chan error
}

type part struct {
	cancel context.CancelFunc
	done   chan error
}

// start runs a part on a goroutine of its own, with a context that ends only by stop.
func (s *stack) start(ctx context.Context, name string, run func(context.Context) error) {
	if s.fail == nil {
		s.fail = make(chan error, 1)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := part{cancel, make(chan error, 1)}
	s.parts = append(s.parts, p)
	go func() {
		err := run(ctx)
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
		if ctx.Err() == nil { // nobody asked it to stop
			if err == nil {
				err = fmt.Errorf("%s: ended by itself", name)
			}
			select {
			case s.fail <- err:
			default: // one failure is enough to stop everything
			}
			err = nil // reported already
		}
		p.done <- err
	}()
}

// failed receives the first error of a part that ended by itself.
func (s *stack) failed() <-chan error { return s.fail }

// stop ends the parts, the last one first.
func (s *stack) stop() error {
	var errs []error
	for i := len(s.parts) - 1; i >= 0; i-- {
		s.parts[i].cancel()
		errs = append(errs, <-s.parts[i].done)
	}
	return errors.Join(errs...)
}
