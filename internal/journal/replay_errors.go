package journal

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Conflict says that the target wrote since to what a write is about, so that sending it could undo newer data.
type Conflict struct {
	ID, Method, Target string
	Time               time.Time
	To                 Side
	OtherID            string // of the write at the target, or of the gap in its records
	Other              time.Time
	How                string // how the two meet
	gap                bool
}

func (c *Conflict) Error() string {
	what := fmt.Sprintf("conflict: write %s (%s %s) of %s was not sent, because %s has written since: ", c.ID, c.Method, c.Target, stamp(c.Time), c.To)
	if c.gap {
		what += fmt.Sprintf("there is a gap (%s) in the records of what it wrote from %s on", c.OtherID, stamp(c.Other))
	} else {
		what += fmt.Sprintf("%s at %s, %s", c.OtherID, stamp(c.Other), c.How)
	}
	what += fmt.Sprintf("; look which of the two should stand, then `paritygate journal resolve %s --sent` leaves it out and `--not-sent` sends it all the same; `replay --continue-on conflict` sends all of them", c.ID)
	if c.gap {
		what += fmt.Sprintf("; `journal resolve %s --sent` says that the gap is no matter", c.OtherID)
	}
	return what
}

// Crossed says that the target wrote to what a write is about while it was sent that write: nobody knows which of the two came last.
type Crossed struct{ With Conflict }

func (c *Crossed) Error() string {
	w := &c.With
	return fmt.Sprintf("conflict: %s took write %s (%s %s), and was writing itself at the same time: %s at %s, %s; look which of the two stands, "+
		"then `paritygate journal resolve %s --sent` leaves it at that, and `--not-sent` sends it once more", w.To, w.ID, w.Method, w.Target, w.OtherID, stamp(w.Other), w.How, w.ID)
}

// Unwrap makes it a Conflict.
func (c *Crossed) Unwrap() error { return &c.With }

// Renamed says that a write uses an id which the target does not have, or has for something else.
type Renamed struct {
	ID, Method, Target string
	To                 Side
	MadeBy             string // the write that made the thing
	Differs            string // `/orders/17 became /orders/23`
}

func (r *Renamed) Error() string {
	return fmt.Sprintf("conflict: write %s (%s %s) was not sent, because it names what write %s made, and %s gave that another id: %s; "+
		"make the change at %s by hand, then `paritygate journal resolve %s --sent`; `--not-sent` sends it as it is",
		r.ID, r.Method, r.Target, r.MadeBy, r.To, r.Differs, r.To, r.ID)
}

// Answered says that the target answered a write in another class of status than was recorded.
type Answered struct {
	ID, Method, Target string
	To                 Side
	Recorded, Status   int      // 0: none was recorded
	Excerpt            string   // the begin of the answer
	Withheld           []string // credentials that the write lacks
	// Lost says that nobody knows whether the target has it; else it has not, or the write may be repeated.
	Lost bool
}

// excerpt is how much of an answer is shown, in bytes.
const excerpt = 200

func newAnswered(t *task, a *Answer, o *ReplayOptions) *Answered {
	e := &Answered{
		ID: t.id, Method: t.write.Method, Target: pathOf(t.write.Target), To: o.To, Status: a.Status, Excerpt: begin(a, o.Redact),
		Withheld: missing(t.write.Withheld, o.Replaced), Lost: meant(a) != Rejected && !t.write.Repeatable(),
	}
	if t.recorded != nil {
		e.Recorded = t.recorded.Status
	}
	return e
}

// begin is the begin of an answer's body as text, without what is secret; empty if it is no text.
func begin(a *Answer, redact func(string, []byte) []byte) string {
	body := plain(a)
	if redact == nil || !isText(body) {
		return ""
	}
	text := strings.Join(strings.Fields(string(redact(a.Header.Get("Content-Type"), body))), " ")
	if len(text) > excerpt {
		text = strings.ToValidUTF8(text[:excerpt], "") + "…"
	}
	return text
}

func (a *Answered) Error() string {
	recorded := "nobody knows what was answered then"
	if a.Recorded != 0 {
		recorded = fmt.Sprintf("%d was recorded", a.Recorded)
	}
	text := fmt.Sprintf("write %s (%s %s): %s answers %d, %s", a.ID, a.Method, a.Target, a.To, a.Status, recorded)
	if a.Excerpt != "" {
		text += fmt.Sprintf(" (%s)", a.Excerpt)
	}
	if len(a.Withheld) != 0 && (a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden) {
		text += fmt.Sprintf("; it was sent without %s, since the journal has no key and keeps no credentials: journal.replay.headers.set gives them", strings.Join(a.Withheld, ", "))
	}
	if a.Lost {
		text += fmt.Sprintf("; look whether %s has it, and say so with `paritygate journal resolve %s --sent` or `--not-sent`", a.To, a.ID)
	} else {
		text += fmt.Sprintf("; the next replay tries it again, `paritygate journal resolve %s --sent` leaves it out", a.ID)
	}
	return text + fmt.Sprintf("; `replay --continue-on %d` takes such answers for sent", a.Status)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000 UTC") }
