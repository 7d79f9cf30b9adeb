package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"go.uber.org/zap"
)

// rotateAgain is how long a segment that cannot be closed goes on before that is tried again, and logged.
const rotateAgain = 10 * time.Second

// begin makes the next segment: the first one, or one in place of a file that is not trusted any longer. What was written there, and not
// synced, goes into the new one.
func (j *Journal) begin() error {
	a := &j.log
	old := a.seg
	if old != nil {
		// What nobody can say of whether it is on the disk must not be read as a record.
		if err := old.f.Truncate(old.synced); err != nil && !errors.Is(err, fs.ErrClosed) {
			j.o.Logger.Warn("what was half written cannot be cut off; the next segment says that it does not count", zap.String("segment", old.path), zap.Error(err))
		}
		a.drop = old.synced
	}
	if err := j.dir.present(); err != nil {
		return j.outage(err, func(d *outage) { d.gone = true })
	}
	seg, err := j.create(a.synced + 1)
	if err != nil {
		return err
	}
	if old != nil {
		a.closed += old.synced
		_ = old.f.Close() // nothing of it is needed
		j.toCompress(old.number)
	}
	a.seg, a.broken = seg, false
	if len(a.unsynced) == 0 {
		return nil
	}
	if err := seg.write(j.o.disk, a.unsynced); err != nil {
		a.broken = true
		return err
	}
	if err := seg.sync(j.o.disk); err != nil {
		a.broken = true
		return err
	}
	a.synced, a.unsynced = a.seq, a.unsynced[:0]
	return nil
}

// rotate closes the segment and makes the next one.
func (j *Journal) rotate() error {
	a := &j.log
	old := a.seg
	if len(a.unsynced) > 0 {
		if err := j.sync(0); err != nil {
			return err
		}
		a.synced, a.unsynced = a.seq, a.unsynced[:0]
	}
	a.drop = old.size
	seg, err := j.create(a.seq + 1)
	if err != nil {
		return err
	}
	if err := old.finish(j.o.disk); err != nil {
		j.o.Logger.Warn("closing a segment; all its records are synced", zap.String("segment", old.path), zap.Error(err))
	}
	a.closed += old.size
	a.seg = seg
	j.toCompress(old.number)
	return nil
}

// create makes a segment whose first record has a number.
func (j *Journal) create(first uint64) (*segment, error) {
	a := &j.log
	h := Record{Type: HeaderRecord, Time: j.o.Now(), Header: &SegmentHeader{
		Version: formatVersion, Run: j.o.Run, Identity: j.identity, Segment: a.number + 1, First: first, PreviousBytes: a.drop,
	}}
	if j.sealer != nil {
		h.Header.KeyID = j.sealer.keyID
	}
	switch {
	case first == 1:
		a.ledger.Apply(&h)
	case len(a.unsynced) == 0: // else it knows of records that come behind the header
		h.Header.Snapshot = a.ledger.Snapshot()
	}
	d := newDraft(nil, &h, nil)
	line, err := d.appendLine(nil, j.identity, 0, 0, nil)
	if err != nil {
		return nil, err
	}
	seg, err := createSegment(j.dir, a.number+1, line, int64(a.open)*outcomeRoom+int64(len(a.unsynced)))
	if err != nil {
		return nil, fmt.Errorf("making a segment: %w", err)
	}
	a.number++
	a.segments++
	return seg, nil
}
