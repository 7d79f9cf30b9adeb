package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// seedSegments are whole, torn, damaged and void segments.
func seedSegments(f *testing.F) (segments [][]byte) {
	line := func(r Record) []byte {
		d := newDraft(nil, &r, nil)
		text, err := d.appendLine(nil, testIdentity, r.Seq, r.Synced, nil)
		if err != nil {
			f.Fatal(err)
		}
		return text
	}
	id := WriteID(testIdentity, 1)
	whole := bytes.Join([][]byte{
		line(Record{Type: HeaderRecord, Header: &SegmentHeader{Version: 1, Run: "run", Identity: testIdentity, Segment: 1, First: 1}}),
		line(Record{Seq: 1, Type: IntentRecord, Write: &Write{At: New, Method: "POST", Target: "/orders?a=b", Body: []byte("{\"a\":\"\\u00e9\"}\n")}}),
		line(Record{Seq: 2, Synced: 1, Type: OutcomeRecord, ID: id, Answer: &Answer{Outcome: Acknowledged, Status: 201, Body: []byte{0, 255}, Whole: true}}),
		line(Record{Seq: 3, Synced: 2, Type: SendingRecord, ID: id, Mark: &Mark{To: Old, By: "replay"}}),
		line(Record{Seq: 4, Type: SentRecord, ID: id, Mark: &Mark{To: Old, By: "replay"}, Answer: &Answer{Outcome: Acknowledged, Status: 200}}),
		line(Record{Seq: 5, Synced: 3, Type: GapRecord, ID: WriteID(testIdentity, 5), Mark: &Mark{To: New, Count: 3}}),
		line(Record{Seq: 6, Synced: 5, Type: DiscardedRecord, Mark: &Mark{To: Old, Through: 5, By: "alice", Reason: "r"}}),
	}, nil)
	damaged := bytes.Clone(whole)
	damaged[len(whole)/2] ^= 1
	joint := bytes.Replace(whole, []byte("}\n{"), []byte("} {"), 1)
	room := append(bytes.Clone(whole), bytes.Repeat([]byte("\n"), 100)...)
	return [][]byte{whole, whole[:len(whole)-9], damaged, joint, room, nil, []byte("\n\n"), bytes.Repeat([]byte{0}, 300), []byte("{\"crc32c\":\"")}
}

// FuzzReader gives the reader arbitrary bytes, plain and compressed: it never panics, never returns a record whose checksum or number is wrong,
// or that does not stand where it says, and holds no more than it was given.
func FuzzReader(f *testing.F) {
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range seedSegments(f) {
		f.Add(s, false)
		f.Add(encoder.EncodeAll(s, nil), true)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte, compressed bool) {
		name := "00000001.jsonl"
		if compressed {
			name += ".zst"
			defer os.Remove(filepath.Join(dir, name)) //nolint:errcheck // the next one is plain
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if compressed {
			_ = os.Remove(filepath.Join(dir, "00000001.jsonl")) // the one before
			text = decompressed(text)
		}
		holdReader(t, dir, text)
		if _, err := Verify(t.Context(), dir, nil); err != nil && !errors.Is(err, ErrVersion) {
			t.Fatalf("verifying: %v", err)
		}
	})
}

// decompressed is what of a file can be decompressed.
func decompressed(text []byte) []byte {
	d, err := zstd.NewReader(bytes.NewReader(text), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil
	}
	defer d.Close()
	plain, _ := io.ReadAll(io.LimitReader(d, 16<<20)) // what can be read is read
	return plain
}

// holdReader reads a directory of one segment and proves what it is told against the segment's bytes.
func holdReader(t *testing.T, dir string, text []byte) {
	r, err := OpenReader(dir, ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ledger, fates, last := NewLedger(), NewFates(), uint64(0)
	for {
		record, err := r.Next()
		if r.segment != nil && len(r.segment.lines.buffer) > 4*len(text)+2*lineBuffer {
			t.Fatalf("%d bytes are held of %d", len(r.segment.lines.buffer), len(text))
		}
		if err != nil {
			if damage, ok := errors.AsType[*Damage](err); ok && (damage.Offset < 0 || damage.Offset > int64(len(text))) {
				t.Fatalf("damage beyond the end: %v", damage)
			}
			return
		}
		line, _, _ := bytes.Cut(text[record.Offset:], []byte("\n"))
		if err := verifyChecksum(line); err != nil {
			t.Fatalf("record %d at %d: %v", record.Seq, record.Offset, err)
		}
		if record.Type != HeaderRecord && last != 0 && record.Seq != last+1 {
			t.Fatalf("record %d behind %d", record.Seq, last)
		}
		last = record.Seq
		ledger.Apply(&record)
		fates.Apply(&record)
	}
}

// FuzzDecode gives the decoder lines whose checksum is right, whatever they are: it never panics, and what it makes of one is written and read
// again as the same.
func FuzzDecode(f *testing.F) {
	for _, s := range seedSegments(f) {
		for line := range bytes.Lines(s) {
			if len(line) > crcStart {
				f.Add(line[crcStart:])
			}
		}
	}
	f.Fuzz(func(t *testing.T, rest []byte) {
		line := append([]byte(crcPrefix+"00000000\","), rest...)
		putChecksum(line)
		r, err := decodeLine(line, nil)
		if err != nil || r.Type == HeaderRecord || r.Sealed {
			return
		}
		if seq, ok := numberOf(line); ok && seq != r.Seq && json.Valid(line) && bytes.Count(line, []byte(`"seq"`)) == 1 {
			t.Fatalf("%s has the number %d, not %d", line, r.Seq, seq)
		}
		NewLedger().Apply(&r)
	})
}

// FuzzHistory has random histories counted, by numbers that the fuzzer chooses.
func FuzzHistory(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		h := newHistory(seed)
		ledger, fates := NewLedger(), NewFates()
		ledger.Apply(&Record{Type: HeaderRecord, Header: &SegmentHeader{Identity: testIdentity}})
		for range 60 {
			before := len(h.records)
			h.step()
			for i := range h.records[before:] {
				ledger.Apply(&h.records[before+i])
				fates.Apply(&h.records[before+i])
			}
		}
		h.abandon()
		ledger.Abandon()
		fates.Abandon()
		h.compare(t, ledger, fates, true)
	})
}
