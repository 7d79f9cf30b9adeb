package journal

import (
	"errors"
	"net/http"
	"time"
)

// obstacle finds what stands in the way of a write; nil if nothing does, or it is to be sent all the same.
func (p *replay) obstacle(t *task) error {
	if p.o.Conflicts {
		return nil
	}
	if c := p.touched.against(t); c != nil {
		return p.conflict(t, c)
	}
	if seq := p.renamed.uses(t); seq != 0 && t.excused == 0 {
		return &Renamed{ID: t.id, Method: t.write.Method, Target: pathOf(t.write.Target), To: p.o.To, MadeBy: p.log.id(seq), Differs: p.differs(seq)}
	}
	return p.overtaken(t)
}

// differs looks up how the answers to a write differed; empty if it cannot be found.
func (p *replay) differs(seq uint64) string {
	from, err := p.read(seq)
	if err != nil {
		return ""
	}
	defer func() { _ = from.Close() }()
	id := p.log.id(seq)
	for {
		r, err := from.Next()
		if err != nil {
			return ""
		}
		if r.Type == SentRecord && r.ID == id && r.Mark.Differs != "" {
			return r.Mark.Differs
		}
	}
}

// crossing finds what the target wrote itself to the same thing while it was sent a write that it has answered by now.
func (p *replay) crossing(t *task) error {
	if p.o.Conflicts || p.catchUp() != nil { // what cannot be read stops the next write
		return nil
	}
	if c := p.touched.against(t); c != nil && !c.gap {
		return &Crossed{*p.conflict(t, c)}
	}
	return nil
}

func (p *replay) conflict(t *task, c *conflict) *Conflict {
	return &Conflict{
		ID: t.id, Method: t.write.Method, Target: pathOf(t.write.Target), Time: t.write.Time, To: p.o.To,
		OtherID: p.log.id(c.seq), Other: time.Unix(0, c.at).UTC(), How: c.how, gap: c.gap,
	}
}

// goneBefore reports whether a DELETE finds nothing because it arrived already: it was about to be sent when a process died, or got no answer.
func (p *replay) goneBefore(t *task, a *Answer) bool {
	if t.write.Method != http.MethodDelete || a.Status != http.StatusNotFound && a.Status != http.StatusGone {
		return false
	}
	return t.failed != nil && !errors.Is(t.failed, ErrNotSent) || p.log.lost[t.intent]
}
