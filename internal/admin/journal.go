package admin

import (
	"fmt"
	"strings"
	"time"
)

// Journal is how the journal of writes is, and what the two sides lack of each other's.
type Journal struct {
	// Unavailable says why no write can be recorded at the moment; empty if one can.
	Unavailable string `json:"unavailable"`
	Directory   string `json:"directory"`
	// Sealed says that credentials and bodies are sealed with a key; without one credentials are not kept, and bodies are in clear.
	Sealed bool `json:"sealed"`
	// Records is the number of the last record, 0 if there is none; Segments and Bytes are of the files.
	Records  int64 `json:"records"`
	Segments int   `json:"segments"`
	Bytes    int64 `json:"bytes"`
	// FreeBytes is the room on the journal's disk; nil, and left out, if it is unknown.
	FreeBytes *int64 `json:"free_bytes,omitempty"`
	// InFlight counts the writes whose outcome is not recorded yet.
	InFlight int `json:"in_flight"`
	// Bypassed counts the requests that may have changed new and that no journal sees: upgrades, streams, and what a bypass route takes.
	Bypassed int64   `json:"bypassed"`
	ToOld    Backlog `json:"to_old"`
	ToNew    Backlog `json:"to_new"`
	// Mirror is how what carries writes to the other side does.
	Mirror JournalMirror `json:"mirror"`
}

// JournalMirror is how the journal's mirror does.
type JournalMirror struct {
	Mode string `json:"mode"` // off or follow
	// Direction is `old-to-new` or `new-to-old`; empty while it rests.
	Direction string `json:"direction"`
	// LagRecords counts the acknowledged writes that the other side lacks, and LagSeconds is the age of the oldest; in rolled_back, those
	// that old lacks.
	LagRecords int64   `json:"lag_records"`
	LagSeconds float64 `json:"lag_seconds"`
	// Stopped says why it does not go on before an operator has resolved the write StoppedID, and Waiting what it tries again by itself;
	// both are left out if it goes on.
	Stopped   string `json:"stopped,omitempty"`
	StoppedID string `json:"stopped_id,omitempty"`
	Waiting   string `json:"waiting,omitempty"`
}

// Backlog is what one side lacks of what the other one was sent.
type Backlog struct {
	// Acknowledged counts the writes that the other side accepted and this one lacks, Unknown those of which nobody knows whether it did.
	Acknowledged int64 `json:"acknowledged"`
	Unknown      int64 `json:"unknown"`
	// Gaps counts the writes that passed while the journal could not be written.
	Gaps int64 `json:"gaps"`
	// Renamed counts the writes that this side has, but made something of under another name than the one that clients know.
	Renamed int64 `json:"renamed"`
	// OldestID and Oldest are of the first of them; left out if there are none.
	OldestID string     `json:"oldest_id,omitempty"`
	Oldest   *time.Time `json:"oldest,omitempty"`
}

// Writes is how many writes this side may lack.
func (b Backlog) Writes() int64 { return b.Acknowledged + b.Unknown }

// Shown reports whether there is anything to say of the journal: a run that has not come to it yet is not burdened with it.
func (j Journal) Shown() bool { return j.Records > 0 || j.Unavailable != "" || j.Bypassed > 0 }

// Line is the journal in one line: what each side lacks, and whether it takes writes. It is empty where nothing was recorded yet and
// nothing is wrong.
func (j Journal) Line() string {
	var parts []string
	add := func(n int64, format string, args ...any) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf(format, append([]any{writes(n)}, args...)...))
		}
	}
	if j.Unavailable != "" {
		parts = append(parts, "NOT available: "+j.Unavailable)
	}
	for _, l := range j.Lacking() {
		add(l.Acknowledged, "%s to carry to %s", l.Side)
		add(l.Renamed, "%s made under other names at %s", l.Side)
		add(l.Unknown, "%s of which nobody knows (`journal list --unknown`)")
		add(l.Gaps, "%s that %s may lack are in no record", l.Side)
	}
	add(j.Bypassed, "%s past the journal")
	if j.Records == 0 && len(parts) == 0 {
		return ""
	}
	parts = append(parts, fmt.Sprintf("%s records, %s", count(j.Records), Size(j.Bytes)))
	if j.FreeBytes != nil {
		parts = append(parts, Size(*j.FreeBytes)+" free")
	}
	return strings.Join(parts, "; ")
}

func writes(n int64) string {
	if n == 1 {
		return "1 write"
	}
	return count(n) + " writes"
}

// Line is the mirror in one line; empty where it is off.
func (m JournalMirror) Line() string {
	if m.Mode != "follow" {
		return ""
	}
	text := "rests"
	if from, to, ok := strings.Cut(m.Direction, "-to-"); ok {
		text = from + " → " + to
	}
	if m.LagRecords > 0 {
		text += fmt.Sprintf(", %s behind, the oldest for %s", writes(m.LagRecords), span(time.Duration(m.LagSeconds*float64(time.Second))))
	} else if m.Direction != "" {
		text += ", level"
	}
	if m.Stopped != "" {
		text += "; STOPPED: " + m.Stopped
	}
	if m.Waiting != "" {
		text += "; " + m.Waiting
	}
	return text
}

// lacking is a side with what it lacks.
type lacking struct {
	Side string
	Backlog
}

// Lacking lists the sides that lack anything.
func (j Journal) Lacking() []lacking {
	var out []lacking
	toNew := j.ToNew
	if j.Mirror.Mode != "follow" {
		toNew.Acknowledged, toNew.Unknown = 0, 0 // recorded for what a replay must not overwrite; nobody is to carry them
	}
	for _, l := range []lacking{{"old", j.ToOld}, {"new", toNew}} {
		if l.Writes()+l.Gaps+l.Renamed > 0 {
			out = append(out, l)
		}
	}
	return out
}

// Running reports whether the replay goes on.
func (r Replay) Running() bool { return r.State == ReplayRunning || r.State == ReplayStopping }

// Line is the replay in a sentence; empty if there was none.
func (r Replay) Line() string {
	what := "Replay"
	if r.DryRun {
		what = "Dry run of a replay"
	}
	what += " to " + r.To
	switch {
	case r.State == ReplayNone || r.State == "":
		return ""
	case r.Running():
		line := fmt.Sprintf("%s: %s of %s writes sent", what, count(r.Sent), count(r.Total))
		if r.ETASeconds != nil {
			line += fmt.Sprintf(", %s to go", span(time.Duration(*r.ETASeconds*float64(time.Second))))
		}
		if r.Away != "" {
			line += "; " + r.To + " cannot be reached: " + r.Away
		}
		return line + "."
	case r.Summary == nil:
		return fmt.Sprintf("%s: not begun: %s", what, r.Error)
	case r.Summary.Stopped != nil:
		return fmt.Sprintf("%s stopped after %s of %s writes: %s", what, count(r.Summary.Sent), count(r.Summary.Total), r.Summary.Stopped.Message)
	}
	return fmt.Sprintf("%s ended: %s writes sent, %s left, %s unknown.", what, count(r.Summary.Sent), count(r.Summary.Left), count(r.Summary.Unknown))
}
