package main

import (
	"fmt"
	"strings"
	"time"

	"paritygate/internal/admin"
)

// replayLineEvery is how often how far a replay is is said where there is no terminal.
const replayLineEvery = 5 * time.Second

// replayDisplay shows how far a replay is: a bar on a terminal, and elsewhere a line now and then.
type replayDisplay struct {
	*printer
	terminal bool
	drawn    bool
	next     time.Time
	warned   bool
	away     string
}

// newReplayDisplay shows it where sys has its output.
func newReplayDisplay(sys system) *replayDisplay {
	return &replayDisplay{printer: newPrinter(sys), terminal: isTerminal(sys.out), next: time.Now().Add(replayLineEvery)}
}

// warn says once what the writes lack.
func (d *replayDisplay) warn(r admin.Replay) {
	if len(r.Withheld) > 0 && !d.warned && !r.DryRun {
		d.warned = true
		d.say("warning: writes were recorded without " + strings.Join(r.Withheld, ", ") + ", since the journal has no key: journal.replay.headers.set gives what they need")
	}
}

func (d *replayDisplay) show(r admin.Replay) {
	if r.Away != d.away {
		if d.away = r.Away; r.Away != "" {
			d.say(r.To + " cannot be reached, and is tried again: " + visible(r.Away))
		}
	}
	switch {
	case d.terminal:
		d.erase()
		text := replayBar(r)
		if d.width > 0 {
			text = cut(text, d.width-1)
		}
		fmt.Fprint(d.out, text)
		d.drawn = true
	case time.Now().After(d.next):
		d.next = time.Now().Add(replayLineEvery)
		d.line(replayLine(r))
	}
}

func (d *replayDisplay) erase() {
	if d.drawn {
		fmt.Fprint(d.out, "\r\x1b[K")
	}
	d.drawn = false
}

// say writes a line of its own.
func (d *replayDisplay) say(text string) {
	d.erase()
	d.line(text)
}

func (d *replayDisplay) end() { d.erase() }

// barWidth is that of the bar, in columns.
const barWidth = 24

func replayBar(r admin.Replay) string {
	filled := 0
	if r.Total > 0 {
		filled = int(barWidth * r.Sent / r.Total)
	}
	return "[" + strings.Repeat("=", filled) + strings.Repeat(" ", barWidth-filled) + "] " + replayLine(r)
}

// replayLine says how far a replay is.
func replayLine(r admin.Replay) string {
	if r.Total == 0 && r.Sent == 0 {
		return "reading the journal"
	}
	if r.DryRun {
		return fmt.Sprintf("judging %s", writes(r.Total))
	}
	text := fmt.Sprintf("%d of %d sent to %s, %.0f/s, %d under way", r.Sent, r.Total, r.To, r.PerSecond, r.InFlight)
	if r.ETASeconds != nil {
		text += ", " + roughly(*r.ETASeconds) + " left"
	}
	return text
}

// roughly writes seconds as people say them.
func roughly(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// printReplayPlan prints what a dry run found.
func printReplayPlan(p *printer, s admin.ReplaySummary) {
	if len(s.Routes) > 0 {
		var rows [][]string
		for _, r := range s.Routes {
			rows = append(rows, []string{visible(r.Route), visible(r.Method), fmt.Sprint(r.Count)})
		}
		p.table([]string{"ROUTE", "METHOD", "WRITES"}, rows)
	}
	p.linef("%s would be sent to %s, in about %s", writes(s.Total), s.To, roughly(s.EstimateSeconds))
	if s.Conflicts > 0 {
		p.linef("%d of them conflict with what %s has:", s.Conflicts, s.To)
		for _, o := range s.Obstacles {
			p.line("  " + visible(o.Message))
		}
	}
	if s.Unknown > 0 {
		p.linef("%s unknown, and left: `paritygate journal list --unknown` shows them", writes(s.Unknown))
	}
	if s.Skipped > 0 {
		p.linef("%s left out, before the one to begin with", writes(s.Skipped))
	}
	if s.Withheld > 0 {
		p.linef("%s recorded without credentials, since the journal has no key: journal.replay.headers.set gives what they need", writes(s.Withheld))
	}
}

// printReplay prints what a replay came to.
func printReplay(p *printer, s admin.ReplaySummary) {
	rate := ""
	if s.Seconds > 0 && s.Sent > 0 {
		rate = fmt.Sprintf(" in %s, %.0f/s", roughly(s.Seconds), float64(s.Sent)/s.Seconds)
	}
	p.linef("%d of %s sent to %s%s", s.Sent, writes(s.Total), s.To, rate)
	if s.Accepted > 0 {
		p.linef("%s answered with another status than was recorded, and taken for sent (--continue-on)", writes(s.Accepted))
	}
	if s.IDsChanged > 0 {
		p.linef("%s made something that has another id at %s; what names the recorded one will not find it there:", writes(s.IDsChanged), s.To)
		shown := s.Changed[:min(len(s.Changed), 10)]
		for _, c := range shown {
			p.linef("  %s %s %s: %s", c.ID, visible(c.Method), visible(c.Path), visible(c.Differs))
		}
		if more := s.IDsChanged - int64(len(shown)); more > 0 {
			p.linef("  and %d more; the journal's `sent` records have all of them", more)
		}
	}
	if s.Skipped > 0 {
		p.linef("%s left out: before --from, or resolved meanwhile", writes(s.Skipped))
	}
	again := "run the replay again"
	switch {
	case s.Stopped != nil && s.Stopped.Code != "interrupted":
		again += " once what stopped it is mended"
	case s.Skipped > 0:
		again += ", without --from"
	}
	if s.Left > 0 {
		p.linef("%s still to be sent: %s", writes(s.Left), again)
	}
	if s.Unknown > 0 {
		p.linef("%s unknown: `paritygate journal list --unknown` shows them, `journal resolve ID --sent|--not-sent` decides", writes(s.Unknown))
	}
}

// printResumable says whether the run can go on: whichever side got writes, that depends on what old lacks.
func printResumable(p *printer, remains string) {
	if remains == "" {
		p.line("old has all that new accepted: `paritygate resume` goes on")
		return
	}
	p.line("`paritygate resume` is refused as yet: " + visible(remains))
}
