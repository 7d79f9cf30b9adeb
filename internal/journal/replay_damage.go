package journal

import "fmt"

// Undecided says that a damaged place may have held marks of what was sent, so that nobody knows what of the records before it was.
type Undecided struct{ Damage *Damage }

func (u *Undecided) Error() string {
	return fmt.Sprintf("%v; nothing was sent: it may have held what says which of the writes before it have been sent already. "+
		"Put the segment back from a copy (`paritygate journal verify` proves it)", u.Damage)
}

// Unwrap returns the damage.
func (u *Undecided) Unwrap() error { return u.Damage }

// beyond looks at what can be read behind damage, for marks and for what the target wrote since. What stands before the damage may be sent
// only if the damaged place held no marks: that is proven by a write behind it to the side whose writes are replayed, since while that side
// takes writes nothing is replayed. Where the mirror sent there is no such proof.
func (p *replay) beyond(d *Damage) error {
	proven, mirrored := false, p.mirrored
	err := p.salvage(d, func(r *Record) {
		switch r.Type {
		case IntentRecord:
			proven = proven || r.Write.At == p.o.To.Other()
		case SendingRecord, SentRecord:
			mirrored = mirrored || r.Mark.By == byMirror
			p.log.mark(r)
		case ResolvedRecord, DiscardedRecord:
			p.log.mark(r)
		case HeaderRecord, OutcomeRecord, BodyRecord, GapRecord:
		}
		p.learn(r)
	})
	if err != nil {
		return fmt.Errorf("%w; and what is behind it: %w", d, err)
	}
	if !proven || mirrored {
		return &Undecided{d}
	}
	p.damage = d
	return p.reopen()
}

// reopen goes on behind the damage.
func (p *replay) reopen() error {
	_ = p.tail.Close() // it has failed already
	var err error
	p.tail, err = p.read(p.caught + 1)
	return err
}

// salvage reads what can be read behind damage: every line that is a record by its checksum. What is sealed stays so.
func salvage(dir string, d *Damage, visit func(*Record)) error {
	files, err := listFiles(dir)
	if err != nil {
		return err
	}
	damaged, _, _ := segmentNumber(d.Segment)
	for _, f := range files {
		from := int64(-1)
		switch {
		case f.number < damaged:
			continue
		case f.number == damaged:
			from = d.Offset
		}
		if err := f.salvage(dir, from, visit); err != nil {
			return err
		}
	}
	return nil
}

// salvage gives what can be read of a segment behind an offset.
func (f *segmentFile) salvage(dir string, from int64, visit func(*Record)) error {
	l, err := f.open(dir)
	if err != nil {
		return err
	}
	defer l.close()
	for {
		line, at, err := l.next()
		if err != nil {
			return nil //nolint:nilerr // that is all that can be read of it
		}
		if at <= from {
			continue
		}
		if r, err := decodeLine(line, nil); err == nil {
			visit(&r)
		}
	}
}
