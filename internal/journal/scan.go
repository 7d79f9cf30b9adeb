package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// openSegment opens a segment to read its lines, uncompressed.
func openSegment(dir string, number int, compressed bool) (io.ReadCloser, error) {
	d := &directory{path: dir}
	if !compressed {
		return os.Open(d.file(segmentName(number)))
	}
	f, err := os.Open(d.file(segmentName(number) + compressedSuffix))
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &decompressed{z: z, f: f}, nil
}

type decompressed struct {
	z *zstd.Decoder
	f *os.File
}

func (d *decompressed) Read(p []byte) (int, error) { return d.z.Read(p) }

func (d *decompressed) Close() error {
	d.z.Close()
	return d.f.Close()
}

// scanned is what was found in a segment.
type scanned struct {
	header *SegmentHeader // nil: there is none that can be read
	last   uint64         // of the last record before end
	end    int64          // behind the last record that can be read and has the right number, before anything that cannot
	size   int64          // bytes of the segment, with what stands behind end
	bad    *Damage        // what stands at end, if it is no room
	// torn says that what stands at end was never synced: no later record says that it was.
	torn bool
	// lines says how many more could be read behind bad.
	lines int
}

// scanSegment reads a segment up to a limit (0: its end), and tells each record that can be read, in order. Those behind a damage it tells
// only if it is asked to. It opens no seals.
func scanSegment(r io.Reader, name string, limit int64, beyond bool, tell func(*Record)) (*scanned, error) {
	if limit > 0 {
		r = io.LimitReader(r, limit)
	}
	s := &scanned{torn: true}
	in := bufio.NewReaderSize(r, 256<<10)
	var line []byte
	for {
		at := s.size
		var err error
		line, err = readLine(in, line[:0])
		s.size += int64(len(line))
		if err != nil && !errors.Is(err, io.EOF) {
			return s, fmt.Errorf("reading the segment %s at offset %d: %w", name, at, err)
		}
		if len(line) > 0 && (len(line) > 1 || line[0] != '\n') {
			s.take(line, at, name, beyond, tell)
		}
		if err != nil {
			break
		}
	}
	if s.bad == nil {
		s.torn = false
	}
	return s, nil
}

// take looks at a line, with its newline.
func (s *scanned) take(line []byte, at int64, name string, beyond bool, tell func(*Record)) {
	var r Record
	err := errors.New("it has no end")
	if line[len(line)-1] == '\n' {
		r, err = decodeLine(line[:len(line)-1], nil)
	}
	if s.bad == nil {
		what := s.wrong(&r, at, err)
		if what == "" {
			r.Segment, r.Offset = name, at
			if r.Header != nil {
				s.header, s.last = r.Header, r.Header.First-1
			} else {
				s.last = r.Seq
			}
			s.end = at + int64(len(line))
			tell(&r)
			return
		}
		s.bad = &Damage{Segment: name, Offset: s.end, What: what}
	}
	if err != nil {
		return
	}
	s.lines++
	if r.Synced > s.last {
		s.torn = false
	}
	if beyond && r.Header == nil && r.Seq > s.last {
		r.Segment, r.Offset = name, at
		tell(&r)
	}
}

// wrong says what is wrong with a line.
func (s *scanned) wrong(r *Record, at int64, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case at != s.end:
		return fmt.Sprintf("%d bytes are blank", at-s.end)
	case s.header == nil && r.Header == nil:
		return "a segment begins with its header"
	case s.header != nil && r.Header != nil:
		return "a second header"
	case r.Header == nil && r.Seq != s.last+1:
		return fmt.Sprintf("its number is %d instead of %d", r.Seq, s.last+1)
	}
	return ""
}

// readLine appends a line with its newline, or what there is before the end.
func readLine(in *bufio.Reader, line []byte) ([]byte, error) {
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}
