package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// papers writes a directory as the writer would, but to order.
type papers struct {
	t       *testing.T
	dir     string
	seq     uint64
	segment int
	name    string
	bytes   int64 // of the current segment
	at      map[uint64]int64
}

func newPapers(t *testing.T) *papers {
	p := &papers{t: t, dir: t.TempDir(), at: map[uint64]int64{}}
	p.begin(0)
	return p
}

// begin makes the next segment. What stands behind previous bytes of the one before is void; negative: all of it counts.
func (p *papers) begin(previous int64) {
	p.segment++
	p.name, p.bytes = filepath.Join(p.dir, segmentBase(p.segment)+plainEnding), 0
	p.append(p.line(Record{Type: HeaderRecord, Header: &SegmentHeader{
		Version: formatVersion, Run: "run", Identity: testIdentity, Segment: p.segment, First: p.seq + 1, PreviousBytes: previous,
	}}))
}

func (p *papers) rotate() { p.begin(p.bytes) }

func (p *papers) line(r Record) []byte {
	r.Time = time.Unix(1e9, 0)
	line, err := appendRecord(nil, &r, nil, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return line
}

func (p *papers) append(text []byte) {
	f, err := os.OpenFile(p.name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		_, err = f.Write(text)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		p.t.Fatal(err)
	}
	p.bytes += int64(len(text))
}

// record is a line with the next number.
func (p *papers) record(synced uint64) []byte {
	p.seq++
	p.at[p.seq] = p.bytes
	return p.line(Record{Seq: p.seq, Synced: synced, Type: IntentRecord, Write: &Write{At: New, Method: "POST", Target: fmt.Sprintf("/orders/%d", p.seq)}})
}

// batches appends n batches of two records each.
func (p *papers) batches(n int) {
	for range n {
		p.append(p.record(p.seq))
		p.append(p.record(0))
	}
}

func (p *papers) compress(segment int) {
	plain := filepath.Join(p.dir, segmentBase(segment)+plainEnding)
	text, err := os.ReadFile(plain)
	if err != nil {
		p.t.Fatal(err)
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	err = os.WriteFile(filepath.Join(p.dir, segmentBase(segment)+compressedEnding), encoder.EncodeAll(text, nil), 0o600)
	if err := errors.Join(err, encoder.Close(), os.Remove(plain)); err != nil {
		p.t.Fatal(err)
	}
}

// edit changes a file's bytes.
func (p *papers) edit(name string, change func([]byte) []byte) {
	path := filepath.Join(p.dir, name)
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(text), 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// reading is what a reader tells of a directory: the numbers of its records, and how it ended.
type reading struct {
	seqs    []uint64
	headers int
	err     error
	torn    *Torn
}

func (p *papers) read(from uint64) reading {
	p.t.Helper()
	r, err := OpenReader(p.dir, ReadOptions{From: from})
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Close()
	return readAll(r)
}

func readAll(r *Reader) (all reading) {
	for {
		record, err := r.Next()
		if err != nil {
			all.err, all.torn = err, r.Torn()
			return all
		}
		if record.Type == HeaderRecord {
			all.headers++
			continue
		}
		all.seqs = append(all.seqs, record.Seq)
	}
}

// upTo is 1 to n.
func span1(from, to uint64) (list []uint64) {
	for n := from; n <= to; n++ {
		list = append(list, n)
	}
	return list
}

func (p *papers) wantAll(r reading, from uint64) {
	p.t.Helper()
	if !errors.Is(r.err, io.EOF) || !slices.Equal(r.seqs, span1(from, p.seq)) {
		p.t.Errorf("read %v and then %v, want %d to %d", r.seqs, r.err, from, p.seq)
	}
}

func TestReaderReadsAllSegments(t *testing.T) {
	p := newPapers(t)
	for range 4 {
		p.batches(3)
		p.rotate()
	}
	p.compress(1)
	p.compress(3)
	p.batches(2)
	p.append([]byte(strings.Repeat("\n", 3*lineBuffer))) // the writer's room
	for from := uint64(0); from <= p.seq+2; from++ {
		all := p.read(from)
		if all.torn != nil {
			t.Errorf("a torn tail at %+v", all.torn)
		}
		if p.wantAll(all, max(from, 1)); t.Failed() {
			t.Fatalf("from %d", from)
		}
	}
	if all := p.read(p.seq - 4); all.headers != 2 {
		t.Errorf("%d segments were opened for the last ones, want 2", all.headers)
	}
}

func TestReaderOfNothing(t *testing.T) {
	p := &papers{t: t, dir: t.TempDir()}
	p.wantAll(p.read(0), 1)
	if _, err := OpenReader(filepath.Join(p.dir, "none"), ReadOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
	p.segment = 1
	if err := os.WriteFile(filepath.Join(p.dir, "00000001.jsonl"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if all := p.read(0); !errors.Is(all.err, io.EOF) || all.torn == nil {
		t.Errorf("an empty segment: %v, torn %v", all.err, all.torn)
	}
}

// sampled reports whether a byte is looked at: all of them take seconds, so it is each where something ends, and some between.
func sampled(text []byte, i int) bool {
	return i%29 == 0 || slices.Contains(text[max(0, i-2):min(len(text), i+2)], '\n')
}

// TestReaderTornTail cuts the last segment at many bytes, and fills it up with newlines, zeros or garbage: what a later batch says was
// durable is there, and the rest is a torn tail, never an error.
func TestReaderTornTail(t *testing.T) {
	p := newPapers(t)
	p.batches(2)
	p.rotate()
	p.batches(2)
	whole, err := os.ReadFile(p.name)
	if err != nil {
		t.Fatal(err)
	}
	last := p.at[p.seq-1] // the last batch begins here
	fill := map[string]string{"nothing": "", "newlines": "\n\n\n", "zeros": strings.Repeat("\x00", 600), "garbage": "{\"crc32c\":\"00000000\",}\nxyz"}
	for name, behind := range fill {
		for cut := last; cut < int64(len(whole)); cut++ {
			if !sampled(whole, int(cut)) {
				continue
			}
			p.edit(filepath.Base(p.name), func([]byte) []byte { return append(slices.Clone(whole[:cut]), behind...) })
			all := p.read(0)
			want := p.seq - 2
			if cut >= p.at[p.seq] || cut == p.at[p.seq]-1 && name == "newlines" {
				want++
			}
			if cut == int64(len(whole))-1 && name == "newlines" {
				want++
			}
			if !errors.Is(all.err, io.EOF) || !slices.Equal(all.seqs, span1(1, want)) {
				t.Fatalf("cut at %d, then %s: read %v and then %v", cut, name, all.seqs, all.err)
			}
		}
	}
}

// TestReaderTornWithinABatch: of a batch that was never synced the disk may have kept what came last, and lost what came first.
func TestReaderTornWithinABatch(t *testing.T) {
	p := newPapers(t)
	p.batches(3)
	p.edit("00000001.jsonl", func(b []byte) []byte {
		b[p.at[5]+30] ^= 1
		return b
	})
	if all := p.read(0); !errors.Is(all.err, io.EOF) || !slices.Equal(all.seqs, span1(1, 4)) || all.torn == nil || all.torn.Offset != p.at[5] {
		t.Errorf("read %v and then %v, torn %+v", all.seqs, all.err, all.torn)
	}
}

// TestReaderFindsDamage damages many bytes of records that were durable, in the last segment and in closed ones.
func TestReaderFindsDamage(t *testing.T) {
	p := newPapers(t)
	p.batches(2)
	p.rotate()
	p.batches(3)
	for _, name := range []string{"00000001.jsonl", "00000002.jsonl"} {
		path := filepath.Join(p.dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		end := len(whole)
		if name == "00000002.jsonl" {
			end = int(p.at[p.seq-1])
		}
		for i := range end {
			if !sampled(whole, i) {
				continue
			}
			p.edit(name, func([]byte) []byte {
				bad := slices.Clone(whole)
				bad[i] ^= 0x04
				return bad
			})
			all := p.read(0)
			var damage *Damage
			if !errors.As(all.err, &damage) || damage.Segment != name {
				t.Fatalf("byte %d of %s: read %v and then %v", i, name, all.seqs, all.err)
			}
			if begin := int64(strings.LastIndexByte(string(whole[:i]), '\n') + 1); damage.Offset != begin && whole[i] != '\n' {
				t.Fatalf("byte %d of %s: found at %d, want %d", i, name, damage.Offset, begin)
			}
		}
		p.edit(name, func([]byte) []byte { return whole })
	}
	p.wantAll(p.read(0), 1)
}

// damaged are directories in which something is missing, doubled or in the wrong place. All have three segments of six records each.
var damaged = map[string]struct {
	damage  func(p *papers)
	segment string
}{
	"a segment is missing":           {func(p *papers) { p.remove("00000002.jsonl") }, "00000002.jsonl"},
	"the first segment is missing":   {func(p *papers) { p.remove("00000001.jsonl") }, "00000001.jsonl"},
	"a segment twice":                {func(p *papers) { p.copyTo("00000001.jsonl", "00000002.jsonl") }, "00000002.jsonl"},
	"a closed one is too short":      {func(p *papers) { p.edit("00000002.jsonl", func(b []byte) []byte { return b[:len(b)-10] }) }, "00000002.jsonl"},
	"a closed one ends in a record":  {func(p *papers) { p.dropLine("00000002.jsonl", 6) }, "00000002.jsonl"},
	"a record is missing":            {func(p *papers) { p.dropLine("00000002.jsonl", 2) }, "00000002.jsonl"},
	"a record is missing at the end": {func(p *papers) { p.dropLine("00000003.jsonl", 2) }, "00000003.jsonl"},
	"a record twice":                 {func(p *papers) { p.doubleLine("00000002.jsonl", 3) }, "00000002.jsonl"},
	"a record twice at the end":      {func(p *papers) { p.doubleLine("00000003.jsonl", 6) }, "00000003.jsonl"},
	"a header in the middle":         {func(p *papers) { p.doubleLine("00000003.jsonl", 0) }, "00000003.jsonl"},
	"an empty closed segment":        {func(p *papers) { p.edit("00000002.jsonl", func([]byte) []byte { return nil }) }, "00000002.jsonl"},
	"the last one lacks its header":  {func(p *papers) { p.dropLine("00000003.jsonl", 0) }, "00000003.jsonl"},
	"a compressed one is cut": {func(p *papers) {
		p.compress(2)
		p.edit("00000002.jsonl.zst", func(b []byte) []byte { return b[:len(b)-5] })
	}, "00000002.jsonl.zst"},
	"a compressed one is damaged": {func(p *papers) {
		p.compress(2)
		p.edit("00000002.jsonl.zst", func(b []byte) []byte {
			b[len(b)/2] ^= 1
			return b
		})
	}, "00000002.jsonl.zst"},
	"a compressed last one is cut": {func(p *papers) {
		p.compress(3)
		p.edit("00000003.jsonl.zst", func(b []byte) []byte { return b[:len(b)-5] })
	}, "00000003.jsonl.zst"},
	"another journal's segment": {func(p *papers) {
		p.edit("00000003.jsonl", func(b []byte) []byte {
			_, rest, _ := strings.Cut(string(b), "\n")
			other := p.line(Record{Type: HeaderRecord, Header: &SegmentHeader{
				Version: 1, Run: "run", Identity: "ffffffff", Segment: 3, First: 13, PreviousBytes: p.sizeOf("00000002.jsonl"),
			}})
			return append(other, rest...)
		})
	}, "00000003.jsonl"},
}

func (p *papers) remove(name string) {
	if err := os.Remove(filepath.Join(p.dir, name)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *papers) sizeOf(name string) int64 {
	info, err := os.Stat(filepath.Join(p.dir, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return info.Size()
}

func (p *papers) copyTo(from, to string) {
	p.edit(to, func([]byte) []byte {
		text, err := os.ReadFile(filepath.Join(p.dir, from))
		if err != nil {
			p.t.Fatal(err)
		}
		return text
	})
}

func (p *papers) editLines(name string, change func([]string) []string) {
	p.edit(name, func(b []byte) []byte { return []byte(strings.Join(change(strings.SplitAfter(string(b), "\n")), "")) })
}

func (p *papers) dropLine(name string, i int) {
	p.editLines(name, func(lines []string) []string { return slices.Delete(lines, i, i+1) })
}

func (p *papers) doubleLine(name string, i int) {
	p.editLines(name, func(lines []string) []string { return slices.Insert(lines, i, lines[i]) })
}

func TestReaderFindsWhatIsMissing(t *testing.T) {
	for name, test := range damaged {
		t.Run(name, func(t *testing.T) {
			p := newPapers(t)
			p.batches(3)
			p.rotate()
			p.batches(3)
			p.rotate()
			p.batches(3)
			test.damage(p)
			all := p.read(0)
			damage, ok := errors.AsType[*Damage](all.err)
			if !ok || damage.Segment != test.segment {
				t.Fatalf("read %v and then %v, want damage in %s", all.seqs, all.err, test.segment)
			}
			if len(all.seqs) > 0 && !slices.Equal(all.seqs, span1(1, all.seqs[len(all.seqs)-1])) {
				t.Errorf("read %v", all.seqs)
			}
		})
	}
}

// TestReaderIgnoresWhatIsVoid: a sync failed, what was written could not be cut off, and the next segment has the same numbers again.
func TestReaderIgnoresWhatIsVoid(t *testing.T) {
	p := newPapers(t)
	p.batches(2)
	counts, seq := p.bytes, p.seq
	p.batches(1)
	p.append([]byte("half a rec"))
	p.seq = seq
	p.begin(counts)
	p.batches(2)
	p.wantAll(p.read(0), 1)
	p.wantAll(p.read(p.seq), p.seq)
	p.compress(1)
	p.wantAll(p.read(0), 1)
	// The same where the next segment was never more than the begin of a header.
	p.edit("00000002.jsonl", func(b []byte) []byte { return b[:20] })
	if all := p.read(0); len(all.seqs) < int(seq) || errors.Is(all.err, ErrDamaged) && !strings.Contains(all.err.Error(), "zst") {
		t.Errorf("read %v and then %v", all.seqs, all.err)
	}
}

// TestReaderBesideAWriter reads while the writer appends, rotates and compresses.
func TestReaderBesideAWriter(t *testing.T) {
	p := newPapers(t)
	r, err := OpenReader(p.dir, ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var seqs []uint64
	read := func() {
		t.Helper()
		all := readAll(r)
		if !errors.Is(all.err, io.EOF) {
			t.Fatalf("read %v and then %v", all.seqs, all.err)
		}
		seqs = append(seqs, all.seqs...)
		if !slices.Equal(seqs, span1(1, uint64(len(seqs)))) {
			t.Fatalf("read %v", seqs)
		}
	}
	for i := range 6 {
		read()
		line := p.record(p.seq - 1)
		p.append(line[:len(line)/2])
		read()
		p.append(line[len(line)/2:])
		read()
		p.batches(2)
		if i%2 == 0 {
			read()
		}
		p.rotate()
		p.compress(p.segment - 1)
	}
	read()
	if uint64(len(seqs)) != p.seq {
		t.Errorf("%d records, want %d", len(seqs), p.seq)
	}
}

// TestReaderOfRoomThatFillsUp reads a segment into whose newlines the writer writes.
func TestReaderOfRoomThatFillsUp(t *testing.T) {
	p := newPapers(t)
	room := func() {
		p.edit(filepath.Base(p.name), func(b []byte) []byte {
			return append(b[:p.bytes:p.bytes], strings.Repeat("\n", 5000)...)
		})
	}
	p.batches(1)
	room()
	r, err := OpenReader(p.dir, ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	total := len(readAll(r).seqs)
	for range 3 {
		p.edit(filepath.Base(p.name), func(b []byte) []byte { return b[:p.bytes] })
		p.batches(1)
		room()
		total += len(readAll(r).seqs)
	}
	if uint64(total) != p.seq {
		t.Errorf("read %d of %d records", total, p.seq)
	}
}

// TestReaderMemoryIsFlat reads large lines, and many, without keeping room for the large ones.
func TestReaderLongLines(t *testing.T) {
	p := newPapers(t)
	p.seq++
	p.append(p.line(Record{Seq: p.seq, Type: IntentRecord, Write: &Write{At: New, Method: "PUT", Body: []byte(strings.Repeat("x", 3<<19))}}))
	p.batches(300)
	r, err := OpenReader(p.dir, ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p.wantAll(readAll(r), 1)
	if n := len(r.segment.lines.buffer); n > 16*lineBuffer {
		t.Errorf("the buffer is %d bytes long after the large line", n)
	}
}
