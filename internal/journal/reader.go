package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// ReadOptions say what a Reader reads.
type ReadOptions struct {
	Key []byte // journal.key; nil: what is sealed stays so
	// From is the Seq of the first record that is returned; 0 is 1. Segments before it are not opened.
	From uint64
}

// Reader reads the records of a directory in order, the headers of its segments included, and proves each: its checksum, its number, its
// segment. It holds one record in memory. Beside a writer too it returns whole records alone. It is not safe for concurrent use.
type Reader struct {
	dir  string
	key  []byte
	from uint64

	segment *place
	number  int    // of the segment that is, or was to be, read
	expect  uint64 // the number of the next record; 0: not known yet
	first   SegmentHeader
	sealer  *sealer
	header  *Record // of a segment that was entered, until it is returned
	err     error   // for ever
	torn    *Torn
	skipped bool // damage was left behind, and told
	lean    bool // only what Fates needs of a record is wanted
	// durable, of a reader beside its writer, is the number of the last record that is on the disk for good.
	durable func() uint64
	// wait waits until a record behind a number is; nil: there is nothing to wait for.
	wait func(ctx context.Context, after uint64) (uint64, error)
}

// place is the segment that is being read.
type place struct {
	file   segmentFile
	lines  *lines
	end    int64 // where its last record that could be read ends; the writer keeps room behind it, which is newlines
	reread bool  // nothing could be read there, and it was read again
}

// Torn is where the last segment ends in what was never synced. It is no damage.
type Torn struct {
	Segment string
	Offset  int64 // in bytes of the segment
	What    string
}

// OpenReader returns a reader of a directory, which may be a copy, and need have no writer. An error says that there is no such directory.
func OpenReader(dir string, o ReadOptions) (*Reader, error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "read", Path: dir, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return nil, fmt.Errorf("the journal's directory: %w", err)
	}
	return &Reader{dir: dir, key: o.Key, from: max(o.From, 1)}, nil
}

// Close ends the reading.
func (r *Reader) Close() error {
	r.leave()
	r.err = fs.ErrClosed
	return nil
}

func (r *Reader) leave() {
	if r.segment != nil {
		r.segment.lines.close()
		r.segment = nil
	}
}

// Torn returns where the reading ended, if it did in a torn tail.
func (r *Reader) Torn() *Torn { return r.torn }

// errAgain says that there is something to read now: another segment, or more of this one.
var errAgain = errors.New("go on")

// Next returns the next record. It is io.EOF at the end, which may be there no more the next time; a *Damage where a record cannot be read;
// and an error that wraps ErrKey or ErrVersion where the key or this program is not the right one.
func (r *Reader) Next() (Record, error) {
	if r.err != nil {
		return Record{}, r.err
	}
	for {
		record, err := r.step()
		switch {
		case errors.Is(err, errAgain):
		case errors.Is(err, io.EOF):
			return Record{}, err
		case err != nil:
			r.leave()
			r.err = err
			return Record{}, err
		case record.Type == HeaderRecord || record.Seq >= r.from:
			return record, nil
		}
	}
}

// step returns a record or makes a step towards it. What is durable must be there.
func (r *Reader) step() (Record, error) {
	if r.durable == nil {
		return r.advance()
	}
	durable := r.durable()
	if max(r.expect, r.from) > durable {
		return Record{}, io.EOF
	}
	record, err := r.advance()
	if errors.Is(err, io.EOF) && !r.skipped {
		at := Damage{Segment: segmentBase(max(r.number, 1)) + plainEnding, What: fmt.Sprintf("record %d was durable, and the journal ends before it", durable)}
		if r.segment != nil {
			at.Segment, at.Offset = r.segment.file.name(), r.segment.end
		}
		return Record{}, &at
	}
	return record, err
}

func (r *Reader) advance() (Record, error) {
	if r.segment == nil {
		if err := r.begin(); err != nil {
			return Record{}, err
		}
	}
	if h := r.header; h != nil {
		r.header = nil
		return *h, nil
	}
	return r.record()
}

// record reads the next line of the segment.
func (r *Reader) record() (Record, error) {
	s := r.segment
	line, at, err := s.lines.next()
	if errors.Is(err, io.EOF) {
		at = s.end
	}
	if err != nil {
		return Record{}, r.stuck(at, err)
	}
	record, err := r.decode(line)
	switch {
	case err != nil:
	case record.Type == HeaderRecord:
		err = errors.New("a header in the middle of a segment")
	case record.Seq < r.expect:
		return Record{}, r.damage(at, fmt.Sprintf("record %d once more, where %d must be", record.Seq, r.expect))
	case record.Seq > r.expect:
		err = fmt.Errorf("record %d, where %d must be: records are missing", record.Seq, r.expect)
	}
	if err != nil {
		return Record{}, r.stuck(at, err)
	}
	record.Segment, record.Offset = s.file.name(), at
	if record.Write != nil && record.Write.Spool != nil {
		record.Write.Spool.dir, record.Write.Spool.sealer = &directory{path: r.dir}, r.sealer
	}
	s.end, s.reread = s.lines.offset, false
	r.expect++
	return record, nil
}

// decode proves a line and decodes it. Of records that nobody asked for it reads the number alone.
func (r *Reader) decode(line []byte) (Record, error) {
	if r.expect < r.from {
		if seq, ok := numberOf(line); ok {
			return Record{Seq: seq}, verifyChecksum(line)
		}
	}
	if r.lean {
		return decodeLean(line)
	}
	return decodeLine(line, r.sealer)
}

// numberOf reads a record's number where the writer puts it: first behind the checksum.
func numberOf(line []byte) (seq uint64, ok bool) {
	const name = `"seq":`
	if len(line) < crcStart || !bytes.HasPrefix(line[crcStart:], []byte(name)) {
		return 0, false
	}
	digits := line[crcStart+len(name):]
	end := bytes.IndexByte(digits, ',')
	if end < 0 {
		return 0, false
	}
	seq, err := strconv.ParseUint(string(digits[:end]), 10, 64)
	return seq, err == nil
}

func (r *Reader) damage(at int64, what string) error {
	return &Damage{Segment: r.segment.file.name(), Offset: at, What: what}
}

// asDamage is what a line's error says of a segment: damage, unless the file itself cannot be read or the program is too old.
func asDamage(name string, at int64, err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) || errors.Is(err, ErrVersion) {
		return fmt.Errorf("segment %s, offset %d: %w", name, at, err)
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("it ends here")
	}
	return &Damage{Segment: name, Offset: at, What: err.Error()}
}

// isDamage reports whether an error says that something cannot be read though it was written.
func isDamage(err error) bool {
	_, ok := errors.AsType[*Damage](err)
	return ok
}
