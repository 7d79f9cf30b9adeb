package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
)

const (
	// stepsEvery is how often a change that takes steps is looked at.
	stepsEvery = 100 * time.Millisecond
	// stepsWait bounds one look.
	stepsWait = time.Second
)

// follow makes a change that takes steps, and shows them while it waits. An interruption leaves neither the change nor the
// wait for it: goesOn says what it means; the next one ends the program.
func (c *change) follow(
	ctx context.Context, client *admin.Client, before admin.Status, goesOn string, act func(context.Context) (admin.Status, error),
) (after admin.Status, err error) {
	shown := newStepDisplay(c.o.sys, before.Cutover.Steps)
	work := context.WithoutCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); after, err = act(work) }()
	tick := time.NewTicker(stepsEvery)
	defer tick.Stop()
	interrupted := ctx.Done()
	for {
		select {
		case <-tick.C:
			shown.look(work, client)
		case <-interrupted:
			interrupted = nil
			shown.say(goesOn)
		case <-done:
			if last := shown.finish(work, client); last != nil && err == nil {
				after = *last // the change answers before its last step is over
			}
			return after, err
		}
	}
}

// stepDisplay shows steps on standard error: on a terminal the one under way is drawn again and again, and elsewhere each is a
// line once it has ended.
type stepDisplay struct {
	*printer
	terminal bool
	told     map[stepID]bool
	remarks  map[stepID]string // of steps under way, such as a try that failed
	drawn    bool              // the terminal's last line is the step under way
}

type stepID struct {
	name  cutover.StepName
	began int64
}

func idOf(s cutover.Step) stepID { return stepID{s.Name, s.Began.UnixNano()} }

// newStepDisplay shows no step that has been there before.
func newStepDisplay(sys system, before []cutover.Step) *stepDisplay {
	sys.out = sys.err
	p := &stepDisplay{printer: newPrinter(sys), terminal: isTerminal(sys.err), told: map[stepID]bool{}, remarks: map[stepID]string{}}
	for _, s := range before {
		p.told[idOf(s)] = true
	}
	return p
}

// finish shows the steps until none is under way, for a while at most: held writes may still be on their way out. It returns the
// last status that was seen.
func (p *stepDisplay) finish(ctx context.Context, client *admin.Client) *admin.Status {
	ctx, cancel := context.WithTimeout(ctx, stepsWait)
	defer cancel()
	defer p.end()
	tick := time.NewTicker(stepsEvery)
	defer tick.Stop()
	var last *admin.Status
	for {
		s := p.look(ctx, client)
		if s == nil {
			return last
		}
		if last = s; s.Cutover.Current() == nil {
			return last
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// look asks for the status and shows the steps that are new. An answer that does not come is nil, and is left out: the change
// itself says what became of it.
func (p *stepDisplay) look(ctx context.Context, client *admin.Client) *admin.Status {
	ctx, cancel := context.WithTimeout(ctx, stepsWait)
	defer cancel()
	s, err := client.Status(ctx)
	if err != nil {
		return nil
	}
	p.show(s.Cutover.Steps)
	return &s
}

func (p *stepDisplay) show(steps []cutover.Step) {
	for _, s := range steps {
		switch {
		case p.told[idOf(s)]:
		case s.Outcome != cutover.UnderWay:
			p.told[idOf(s)] = true
			p.erase()
			p.line(p.paint(outcomeColour[s.Outcome], stepLine(s)))
		case p.terminal:
			p.erase()
			text := stepLine(s)
			if p.width > 0 {
				text = cut(text, p.width-1)
			}
			fmt.Fprint(p.out, text)
			p.drawn = true
		case s.Detail != p.remarks[idOf(s)]:
			p.remarks[idOf(s)] = s.Detail
			p.line(stepLine(s))
		}
	}
}

func (p *stepDisplay) erase() {
	if p.drawn {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	p.drawn = false
}

// say writes a line between the steps.
func (p *stepDisplay) say(text string) {
	p.erase()
	p.line(text)
}

// end leaves a step that did not end where it is.
func (p *stepDisplay) end() {
	if p.drawn {
		p.line("")
	}
	p.drawn = false
}

var outcomeColour = map[cutover.Outcome]string{cutover.Failed: "31", cutover.Skipped: "2"}

// stepLine writes a step in one line: its name, how long it took of what it may, how it ended, and what it did.
func stepLine(s cutover.Step) string {
	took := fmt.Sprintf("%.2fs", s.Seconds)
	if s.Limit > 0 {
		took += " of " + strconv.FormatFloat(math.Round(s.Limit*100)/100, 'f', -1, 64) + "s"
	}
	line := fmt.Sprintf("%-8s %-14s %s", s.Name, took, strings.ReplaceAll(string(s.Outcome), "_", " "))
	if s.Detail != "" {
		line += ": " + visible(s.Detail)
	}
	return line
}
