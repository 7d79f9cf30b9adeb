package journal

// fatePage is how many numbers of records a page of Fates covers.
const fatePage = 4096

// Fates knows what became of each write, record by record: a byte for each record. It is what list, resolve and a replay ask. It is not
// safe for concurrent use.
type Fates struct {
	pages map[uint64]*[fatePage]fate // by number / fatePage
}

// NewFates returns the fates of a journal without records.
func NewFates() *Fates {
	return &Fates{pages: map[uint64]*[fatePage]fate{}}
}

// Apply takes the next record into account. Records come in the order of their numbers.
func (t *Fates) Apply(r *Record) {
	switch r.Type {
	case IntentRecord:
		if r.Write != nil {
			t.put(r.Seq, newFate(stateOpen, r.Write.At, false))
		}
	case GapRecord:
		if r.Mark != nil {
			t.put(r.Seq, newFate(stateGap, gapAt(r.Mark), false))
		}
	case DiscardedRecord:
		if r.Mark != nil {
			t.each(r.Mark.Through, func(f fate) fate {
				if f.at() != r.Mark.To.Other() {
					return f
				}
				return f.step(changeDiscarded)
			})
		}
	case OutcomeRecord, SendingRecord, SentRecord, ResolvedRecord:
		t.change(r)
	case HeaderRecord, BodyRecord:
	}
}

func (t *Fates) change(r *Record) {
	c, ok := changeOf(r)
	if !ok {
		return
	}
	_, seq, ok := SplitID(r.ID)
	if !ok {
		return
	}
	before := t.at(seq)
	if before == 0 {
		return // its segment is not there
	}
	f := before.step(c)
	if r.Type == SendingRecord && r.Mark != nil && r.Mark.Repeatable {
		f |= fateRepeatable
	}
	t.put(seq, f)
}

// Abandon says that the process is gone that wrote what was applied so far: what is open is unknown, and so is what was under way to the
// other side, save writes that may be sent again.
func (t *Fates) Abandon() {
	t.each(^uint64(0), func(f fate) fate { return f.step(changeAbandoned) })
}

// Find returns the fate of the write, or the gap, whose record has a number.
func (t *Fates) Find(seq uint64) (Fate, bool) {
	f := t.at(seq)
	return f.tell(), f.state() != stateNone
}

func (t *Fates) at(seq uint64) fate {
	if page := t.pages[seq/fatePage]; page != nil {
		return page[seq%fatePage]
	}
	return 0
}

func (t *Fates) put(seq uint64, f fate) {
	page := t.pages[seq/fatePage]
	if page == nil {
		page = &[fatePage]fate{}
		t.pages[seq/fatePage] = page
	}
	page[seq%fatePage] = f
}

// each changes all up to a number.
func (t *Fates) each(through uint64, to func(fate) fate) {
	for number, page := range t.pages {
		for i, f := range page {
			if f != 0 && number*fatePage+uint64(i) <= through {
				page[i] = to(f)
			}
		}
	}
}
