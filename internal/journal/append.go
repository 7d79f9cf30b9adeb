package journal

import (
	"time"

	"go.uber.org/zap"
)

// maxUnsynced is how many bytes may be written and not synced, in either mode.
const maxUnsynced = 4 << 20

// appender is the end of the journal. Whoever leads owns it.
type appender struct {
	seg    *segment // nil: the next record makes one
	broken bool     // seg is not trusted any longer
	over   bool     // the journal is closed: another process may write to the directory
	number int      // of the last segment
	seq    uint64   // of the last record
	synced uint64   // of the last record that is synced
	// unsynced are the lines behind synced: should a sync fail, they go into the next segment.
	unsynced []byte
	buf      []byte
	late     []*item // that nobody waits for, and that the disk did not take
	open     int     // writes that may still record an outcome
	ledger   *Ledger

	segments int
	closed   int64 // bytes of the segments before
	drop     int64 // where the segment before ends, for the next one's header
	// rotate is when a rotation that failed is tried again: a segment that cannot be closed goes on, and says so now and then.
	rotate time.Time
}

func (a *appender) dirty() bool   { return len(a.unsynced) > 0 }
func (a *appender) hasLate() bool { return len(a.late) > 0 }

func (a *appender) bytes() int64 {
	if a.seg == nil {
		return a.closed
	}
	return a.closed + a.seg.size
}

func (a *appender) close(d disk) error {
	if a.seg == nil {
		return nil
	}
	err := a.seg.finish(d)
	a.seg = nil
	return err
}

// write takes a batch: it writes its records and syncs them if any of them asks for it. What it refuses has an error.
func (j *Journal) write(b *batch, gaps []*item) {
	a := &j.log
	items := b.items
	if len(a.late)+len(gaps) > 0 {
		items = append(append(append([]*item{}, a.late...), gaps...), items...)
		a.late = nil
	}
	if len(items) == 0 && (!b.sync || !a.dirty() && j.down.Load() == nil) {
		return
	}
	if a.over {
		j.refuse(items, j.fail("writing", errClosed))
		return
	}
	if err := j.ready(); err != nil {
		j.refuse(items, err)
		return
	}
	taken, sync := j.encode(items)
	sync = sync || b.sync && a.dirty() || len(a.unsynced)+len(a.buf) > maxUnsynced
	if len(taken) == 0 && !sync {
		return
	}
	if err := j.put(sync); err != nil {
		j.refuse(taken, err)
		return
	}
	for _, it := range taken {
		a.open += it.open
		a.ledger.Apply(&it.record)
		if it.record.Type != SendingRecord && it.record.Type != SentRecord {
			j.noted.Store(it.record.Seq)
		}
	}
	j.metrics.records.Add(float64(len(taken)))
	j.metrics.bytes.Add(float64(len(a.buf)))
	if d := j.down.Load(); d != nil && !d.room {
		j.recovered()
	}
	j.publish()
}

// encode turns items into lines as far as there is room for them, and tells those that it took, and whether they must be synced.
func (j *Journal) encode(items []*item) (taken []*item, sync bool) {
	a := &j.log
	a.buf = a.buf[:0]
	seq, open := a.seq, a.open
	for _, it := range items {
		synced := uint64(0)
		if len(taken) == 0 {
			synced = a.synced
		}
		before := len(a.buf)
		err := j.encodeOne(it, seq+1, synced)
		need := int64(max(0, open+it.open)) * outcomeRoom
		if it.open < 0 && it.small == nil {
			need = 0 // it is what the room was kept for
		}
		if err == nil {
			err = j.reserve(need)
		}
		if err != nil && it.small != nil {
			a.buf = a.buf[:before]
			it.draft, it.small = *it.small, nil
			if err = j.encodeOne(it, seq+1, synced); err == nil {
				err = j.reserve(0)
			}
		}
		if err != nil {
			a.buf = a.buf[:before]
			j.refuse([]*item{it}, err)
			continue
		}
		seq++
		open += it.open
		taken = append(taken, it)
		sync = sync || it.sync
	}
	return taken, sync
}

func (j *Journal) encodeOne(it *item, seq, synced uint64) error {
	a := &j.log
	var err error
	a.buf, err = it.draft.appendLine(a.buf, j.identity, seq, synced, j.sealer)
	it.record.Seq = seq
	if it.draft.about == "" {
		it.record.ID = WriteID(j.identity, seq)
	}
	return err
}

// reserve makes sure of room for the lines that are encoded, and for more bytes behind them.
func (j *Journal) reserve(more int64) error {
	a := &j.log
	need := a.seg.size + int64(len(a.buf)) + more
	if need <= a.seg.filled {
		return nil
	}
	if d := j.down.Load(); d != nil && d.room && j.o.Now().Before(d.retry) {
		return d.err
	}
	if err := a.seg.fill(j.o.disk, need); err != nil {
		if need <= a.seg.filled {
			return nil
		}
		return j.outage(err, func(d *outage) { d.room = true })
	}
	if d := j.down.Load(); d != nil && d.room {
		j.recovered()
	}
	return nil
}

// put writes the lines that are encoded, and syncs.
func (j *Journal) put(sync bool) error {
	a := &j.log
	lines := a.buf
	if err := a.seg.write(j.o.disk, lines); err != nil {
		return j.outage(err, nil)
	}
	written := a.seq + uint64(countLines(lines))
	if !sync {
		a.unsynced = append(a.unsynced, lines...)
		a.seq = written
		j.wake()
		return nil
	}
	if err := j.sync(int64(len(lines))); err != nil {
		return err
	}
	a.seq, a.synced, a.unsynced = written, written, a.unsynced[:0]
	return nil
}

// sync makes durable what was written, and makes sure that it lies where others will look for it. Of what was written as many bytes are
// taken away again if it does not: nothing is in the journal that was refused.
func (j *Journal) sync(refused int64) error {
	a := &j.log
	began := time.Now()
	if err := a.seg.sync(j.o.disk); err != nil {
		return j.outage(err, nil)
	}
	took := time.Since(began)
	j.metrics.sync.Observe(took.Seconds())
	j.gather.synced(took)
	if err := a.seg.present(); err != nil {
		if cut := a.seg.cut(a.seg.size - refused); cut != nil {
			a.broken = true
		}
		return j.outage(err, func(d *outage) { d.gone = true })
	}
	return nil
}

// ready makes sure of a segment that takes records.
func (j *Journal) ready() error {
	a := &j.log
	d := j.down.Load()
	if d != nil && !d.room && j.o.Now().Before(d.retry) {
		return d.err
	}
	switch {
	case d == nil:
	case d.gone:
		if err := j.dir.present(); err != nil {
			return j.outage(err, func(d *outage) { d.gone = true })
		}
		if a.seg != nil {
			if err := a.seg.present(); err != nil {
				return j.outage(err, func(d *outage) { d.gone = true })
			}
		}
	case d.room && a.seg != nil && !j.o.Now().Before(d.retry):
		if err := a.seg.fill(j.o.disk, a.seg.filled+1); err == nil {
			j.recovered()
		} else {
			_ = j.outage(err, func(d *outage) { d.room = true }) // outcomes go on into what was reserved
		}
	}
	switch {
	case a.seg == nil || a.broken:
		if err := j.begin(); err != nil {
			if d := j.down.Load(); d != nil && d.gone {
				return d.err
			}
			return j.outage(err, nil)
		}
		if d != nil {
			j.recovered()
		}
	case a.seg.full(j.o.Segment) && !j.o.Now().Before(a.rotate):
		// Where there is no room for a new one the old one goes on as long as it can.
		if err := j.rotate(); err != nil {
			if a.broken {
				return err
			}
			a.rotate = j.o.Now().Add(rotateAgain)
			j.o.Logger.Warn("the journal's segment cannot be closed yet", zap.String("segment", a.seg.path), zap.Error(err))
		}
	}
	return nil
}

// countLines counts the lines of whole ones.
func countLines(lines []byte) int {
	n := 0
	for _, c := range lines {
		if c == '\n' {
			n++
		}
	}
	return n
}
