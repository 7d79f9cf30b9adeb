package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
)

// Room ahead: a segment is filled with newlines, which no reader of JSON lines minds, before records are written into it. So a full disk is
// noticed before a write is forwarded, not when its outcome has to be recorded; and a sync need not write the file's new size.
const (
	fillStep = 256 << 10
	// outcomeRoom is what is kept free for the outcome of each open write, without the answer's body.
	outcomeRoom = 1 << 10
)

var newlines = bytes.Repeat([]byte{'\n'}, fillStep)

// segment is the file that is written.
type segment struct {
	number int
	path   string
	f      *os.File
	info   os.FileInfo
	header int64 // bytes of its first line
	size   int64 // bytes of its lines
	synced int64 // bytes of them that are synced
	filled int64 // bytes of the file; behind size there are newlines
}

// createSegment makes a segment of nothing but its header, durable with its name.
func createSegment(dir *directory, number int, header []byte, room int64) (*segment, error) {
	path := dir.file(segmentName(number))
	f, err := dir.disk.create(path)
	if err != nil {
		return nil, err
	}
	s := &segment{number: number, path: path, f: f, header: int64(len(header))}
	err = s.write(dir.disk, header)
	if err == nil {
		err = s.fill(dir.disk, s.size+room)
	}
	if err == nil {
		err = s.sync(dir.disk)
	}
	if err == nil {
		err = dir.sync()
	}
	if err == nil {
		s.info, err = f.Stat()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return s, nil
}

// full reports whether the segment is to be closed. A header with a long snapshot must not be most of what there is.
func (s *segment) full(limit int64) bool { return s.size >= max(limit, 4*s.header) }

// reopenSegment goes on with a segment whose lines end at size, the first of them at header.
func reopenSegment(dir *directory, number int, header, size int64) (*segment, error) {
	path := dir.file(segmentName(number))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &segment{number: number, path: path, f: f, info: info, header: header, size: size, synced: size, filled: info.Size()}, nil
}

// write appends lines. After an error the file is as it was, or broken.
func (s *segment) write(d disk, lines []byte) error {
	n, err := d.write(s.f, lines, s.size)
	if err == nil {
		s.size += int64(n)
		s.filled = max(s.filled, s.size)
		return nil
	}
	s.filled = max(s.filled, s.size+int64(n))
	if cut := s.cut(s.size); cut != nil {
		return errors.Join(err, &brokenError{cut})
	}
	return err
}

// cut takes away what stands behind an offset.
func (s *segment) cut(at int64) error {
	if err := s.f.Truncate(at); err != nil {
		return fmt.Errorf("cutting off what was half written: %w", err)
	}
	s.size, s.filled = at, at
	s.synced = min(s.synced, at)
	return nil
}

// fill makes room up to an offset, in steps, and keeps what it got where the disk is full.
func (s *segment) fill(d disk, upTo int64) error {
	for s.filled < upTo {
		n, err := d.write(s.f, newlines, s.filled)
		s.filled += int64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// sync makes all its lines durable. A segment whose sync failed once is broken: nobody knows what of it is on the disk.
func (s *segment) sync(d disk) error {
	if err := d.sync(s.f); err != nil {
		return &brokenError{err}
	}
	s.synced = s.size
	return nil
}

// present reports whether the file is still where others will look for it.
func (s *segment) present() error {
	info, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	if !os.SameFile(info, s.info) {
		return errors.New(s.path + " is another file than the one that is written")
	}
	return nil
}

// finish closes the segment, without the room that it had left.
func (s *segment) finish(d disk) error {
	err := s.f.Truncate(s.size)
	if err == nil {
		err = d.sync(s.f)
	}
	return errors.Join(err, s.f.Close())
}

// brokenError says that a file can no longer be trusted.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }
