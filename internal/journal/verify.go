package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Verification is what was found in a directory.
type Verification struct {
	Directory string
	Identity  string // of the journal
	Run       string
	Segments  int
	// Compressed of the segments are.
	Compressed  int
	Records     uint64 // that could be read, without headers
	First, Last time.Time
	Epoch       uint64            // the highest
	Writes      map[Outcome]int64 // by outcome; without one they are in flight, if somebody writes, and unknown else
	Carried     map[Carried]int64 // by what became of them on the other side
	Missing     int64             // writes that are in no record, by the gaps
	Spools      int
	// Sealed says that there are segments with a key, Opened that it was given: only then is it proven that what is sealed can be opened.
	Sealed, Opened bool
	// Damages are all places that cannot be read, the first of each segment, and spools that are missing or not what was written.
	Damages []*Damage
	Torn    *Torn // where the last segment ends in what was never synced; no damage
	// Notes are of what is no damage either, such as files that a crash left.
	Notes []string
}

// Verify proves every checksum, number, header, seal and spool of a directory, which may be a copy, and may be written to meanwhile. An error
// says that there is no such directory, or wraps ErrKey or ErrVersion; damage is none.
func Verify(ctx context.Context, dir string, key []byte) (Verification, error) {
	v := &verifier{dir: dir, key: key, fates: NewFates(), spools: map[string]bool{}}
	v.Directory, v.Opened, v.Writes, v.Carried = dir, len(key) > 0, map[Outcome]int64{}, map[Carried]int64{}
	v.gone = Held(dir) == nil
	if err := v.read(ctx); err != nil {
		return v.Verification, err
	}
	if err := v.look(); err != nil {
		return v.Verification, err
	}
	if err := inhabited(dir); err != nil {
		return v.Verification, err
	}
	v.count()
	return v.Verification, nil
}

// inhabited refuses a directory in which no journal has ever been: nothing in it would pass for nothing that was written.
func inhabited(dir string) error {
	files, err := listFiles(dir)
	if err != nil || len(files) > 0 {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, lockName)); err != nil {
		return fmt.Errorf("%s is no journal's directory: it has no segments", dir)
	}
	return nil
}

type verifier struct {
	Verification
	dir    string
	key    []byte
	gone   bool // nobody writes
	fates  *Fates
	spools map[string]bool // that a record names
	keyed  bool            // the segment has a key
}

// read proves the records, in all segments.
func (v *verifier) read(ctx context.Context) error {
	r, err := OpenReader(v.dir, ReadOptions{Key: v.key})
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // it was only read
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		record, err := r.Next()
		if damage, ok := errors.AsType[*Damage](err); ok {
			v.Damages = append(v.Damages, damage)
			r.skip()
			continue
		}
		if errors.Is(err, io.EOF) {
			v.Torn = r.Torn()
			return nil
		}
		if err != nil {
			return err
		}
		if err := v.take(r, &record); err != nil {
			return err
		}
	}
}

// take counts a record, and proves what it names.
func (v *verifier) take(r *Reader, record *Record) error {
	if h := record.Header; h != nil {
		v.Identity, v.Run, v.keyed = h.Identity, h.Run, h.KeyID != ""
		v.Sealed = v.Sealed || v.keyed
		return nil
	}
	v.Records++
	v.Last = record.Time
	if v.First.IsZero() {
		v.First = record.Time
	}
	v.fates.Apply(record)
	switch record.Type {
	case IntentRecord:
		v.Epoch = max(v.Epoch, record.Write.Epoch)
		if s := record.Write.Spool; s != nil {
			return v.spool(record, s, r.sealer)
		}
	case GapRecord:
		v.Missing += record.Mark.Count
	case OutcomeRecord, BodyRecord, SendingRecord, SentRecord, ResolvedRecord:
		_, seq, ok := SplitID(record.ID)
		if _, known := v.fates.Find(seq); !ok || !known && len(v.Damages) == 0 {
			v.Damages = append(v.Damages, &Damage{Segment: record.Segment, Offset: record.Offset, What: fmt.Sprintf(
				"record %d is about %q, and no write before it has that id", record.Seq, record.ID)})
		}
	case HeaderRecord, DiscardedRecord:
	}
	return nil
}

// spool proves a body that lies in a file of its own.
func (v *verifier) spool(record *Record, s *Spool, seal *sealer) error {
	v.spools[s.Path] = true
	v.Spools++
	if v.keyed && seal == nil {
		info, err := os.Stat(filepath.Join(v.dir, filepath.Base(s.Path)))
		if err != nil || info.Size() < s.Size {
			v.Damages = append(v.Damages, &Damage{Segment: s.Path, What: fmt.Sprintf("the spool of record %d is missing or too short", record.Seq)})
		}
		return nil
	}
	body, err := openSpool(v.dir, s, seal)
	if err == nil {
		_, err = io.Copy(io.Discard, body)
		err = errors.Join(err, body.Close())
	}
	if damage, ok := errors.AsType[*Damage](err); ok {
		damage.What += fmt.Sprintf(" (the body of write %s)", record.ID)
		v.Damages = append(v.Damages, damage)
		return nil
	}
	return err
}

// look finds what lies in the directory besides.
func (v *verifier) look() error {
	files, err := listFiles(v.dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		v.Segments++
		if !f.plain {
			v.Compressed++
		}
		if f.plain && f.compressed {
			v.Notes = append(v.Notes, fmt.Sprintf("%s is there plain and compressed: a crash, or its compression at this moment; the plain one was proven", segmentBase(f.number)))
		}
	}
	spools, leftovers, err := listSpools(v.dir)
	if err != nil {
		return err
	}
	slices.Sort(spools)
	for _, name := range spools {
		if !v.spools[name] {
			v.Notes = append(v.Notes, name+" is a body that no record names: its write was not recorded before a crash, or is being recorded")
		}
	}
	for _, name := range leftovers {
		v.Notes = append(v.Notes, name+" is being written, or was left by a crash; the next start removes it")
	}
	return nil
}

// count adds up what became of the writes.
func (v *verifier) count() {
	if v.gone {
		v.fates.Abandon()
	}
	v.fates.each(^uint64(0), func(f fate) fate {
		if told := f.tell(); !told.Gap {
			v.Writes[told.Outcome]++
			v.Carried[told.Carried]++
		}
		return f
	})
}
