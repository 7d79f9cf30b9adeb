package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/journal"
	"paritygate/proxy"
)

// left is what a rollback leaves behind on new, or has left there.
type left struct {
	acknowledged int64 // new accepted them, and the journal can carry them to old
	unknown      int64 // nobody knows whether new did: an operator decides
	open         int64 // in flight at new: their answers are not recorded yet
	bypassed     int64 // no journal saw them
	renamed      int64 // old has them, but made something of under another name than clients know
	// unread says why the journal cannot tell: what is counted is what the store remembers.
	unread string
}

// total is how many writes new may have and old does not, without those that are in flight.
func (l left) total() int64 { return l.acknowledged + l.unknown + l.bypassed }

// nothing reports whether old has all that new has.
func (l left) nothing() bool { return l.total()+l.open == 0 && l.unread == "" }

// String lists them by what can be done about them.
func (l left) String() string {
	var parts []string
	for _, p := range []struct {
		n    int64
		what string
	}{
		{l.acknowledged, "that new accepted"},
		{l.unknown, "of which nobody knows whether new took them"},
		{l.open, "in flight at new"},
		{l.bypassed, "that bypassed the journal"},
	} {
		if p.n > 0 {
			parts = append(parts, writes(p.n)+" "+p.what)
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// evidence is what the audit log keeps of it.
func (l left) evidence() json.RawMessage {
	text, _ := json.Marshal(map[string]any{ // numbers and a string cannot fail
		"acknowledged": l.acknowledged, "unknown": l.unknown, "in_flight": l.open, "bypassed": l.bypassed, "unread": l.unread,
	})
	return text
}

// left counts what old lacks of new's writes, at this moment.
func (k *keeper) left(state cutover.State) left {
	l := left{bypassed: state.WritesOnNew}
	j, err := k.journal()
	if err != nil {
		l.unread, l.unknown = err.Error(), k.seen.Unreplayed
		return l
	}
	inFlight := k.program.proxy.Writes(proxy.New).InFlight // first: one that ends in between is in the backlog then
	return l.with(j.Backlog(journal.Old), inFlight)
}

// with adds what the journal knows, which is of one moment, and how many writes the proxy has in flight at new. One that has left the
// proxy is open still where the disk did not take its outcome.
func (l left) with(b journal.Backlog, inFlight int) left {
	l.acknowledged, l.unknown, l.renamed = b.Acknowledged, b.Unknown+b.Gaps, b.Renamed // a gap is of records that were lost
	l.open = int64(max(b.Open, inFlight))
	return l
}

// rollbackSafety says what a rollback would leave behind, or has left.
func rollbackSafety(state cutover.State, l left) admin.Rollback {
	r := admin.Rollback{Safe: true, UnreplayedWrites: l.total()}
	unsafe := func(format string, args ...any) {
		r.Safe, r.Reason = false, fmt.Sprintf(format, args...)
	}
	switch state.Phase {
	case cutover.Live:
		switch {
		case l.unread != "":
			unsafe("what new accepted cannot be read from the journal: %s", l.unread)
		case !l.nothing():
			unsafe("a rollback would leave on new: %s; `paritygate journal replay --to old` carries over what new accepted", l)
		case l.renamed > 0:
			unsafe("old has all writes, but made something of %s under other names than clients know", writes(l.renamed))
		}
	case cutover.RolledBack:
		switch {
		case l.unread != "":
			unsafe("what is on new alone cannot be read from the journal: %s", l.unread)
		case !l.nothing():
			unsafe("on new alone: %s; `paritygate journal replay --to old` carries over what new accepted, `journal list --unknown` shows what to decide", l)
		}
	case cutover.Complete:
		unsafe("the run is complete and has no way back; on new alone: %s", l)
	case cutover.Shadow, cutover.Canary, cutover.Cutover:
		if r.UnreplayedWrites > 0 {
			unsafe("on new alone, from before: %s", l)
		}
	}
	return r
}

// doubted takes back that a rollback is safe while store, journal and fence disagree: what the store says of the phase may be wrong.
func doubted(r admin.Rollback, disputed bool) admin.Rollback {
	if disputed && r.Safe {
		r.Safe, r.Reason = false, "nobody knows which side has the newest writes: `paritygate serve --recover-phase PHASE --reason TEXT` says it"
	}
	return r
}

// view is the journal as the status shows it.
func (k *keeper) view(state cutover.State) admin.Journal {
	v := admin.Journal{Mirror: k.program.mirror.view(), Directory: k.options.Directory, Sealed: len(k.options.Key) > 0, Bypassed: state.WritesOnNew, FreeBytes: k.free()}
	if err := k.err(); err != nil {
		v.Unavailable = err.Error()
	}
	j := k.held.Load()
	if j == nil {
		return v
	}
	s := j.Status()
	v.Records, v.Segments, v.Bytes, v.InFlight = int64(s.Seq), s.Segments, s.Bytes, s.Open // #nosec G115 -- a number of records
	v.ToOld, v.ToNew = backlogView(j.Backlog(journal.Old)), backlogView(j.Backlog(journal.New))
	return v
}

func backlogView(b journal.Backlog) admin.Backlog {
	v := admin.Backlog{Acknowledged: b.Acknowledged, Unknown: b.Unknown, Gaps: b.Gaps, Renamed: b.Renamed, OldestID: b.OldestID}
	if !b.Oldest.IsZero() {
		v.Oldest = &b.Oldest
	}
	return v
}

// journalLine has the journal written to, as a write to new would.
func (s *service) journalLine(ctx context.Context) cutover.Criterion {
	line := cutover.Criterion{
		Name: journalCriterion, Verdict: cutover.Pass, Required: "the journal takes writes", Reason: "what new accepts is on the disk before it is forwarded",
	}
	began := time.Now()
	j, err := s.keeper.journal()
	if err == nil {
		err = j.Writable(ctx)
	}
	if err != nil {
		line.Verdict, line.Observed, line.Reason = cutover.Fail, "a write failed", err.Error()
		return line
	}
	line.Observed = "written in " + rounded(time.Since(began))
	free := s.keeper.free()
	if free == nil {
		return line
	}
	line.Observed += ", " + admin.Size(*free) + " free"
	if least := leastSegments * s.keeper.options.Segment; *free < least {
		line.Verdict = cutover.Inconclusive
		line.Reason = fmt.Sprintf("less than %s are free for what new will accept: writes get 503 once the disk is full", admin.Size(least))
	}
	return line
}

// noKey is what a journal without a key means.
const noKey = "journal.key is not set: the journal has the bodies of writes in clear, and keeps no credentials, so that a replay needs journal.replay.headers"

// leastSegments is for how many segments there should be room at a flip.
const leastSegments = 4
