package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// What the reader holds in memory, in bytes.
const (
	// MaxBody is the largest body that stands in a record, sealed and in base64, whatever journal.body says; a larger one is spooled.
	MaxBody = 64 << 20
	// maxLine bounds a line: MaxBody in base64, sealed, in base64 again, and its fields.
	maxLine    = 256 << 20
	lineBuffer = 64 << 10
	// maxWindow bounds what a compressed segment may ask for; the writer's windows are smaller.
	maxWindow = 16 << 20
)

var (
	errUnfinished = errors.New("it has no end")
	errTooLong    = fmt.Errorf("it is longer than %d MiB", maxLine>>20)
)

// lines reads a segment line by line, in memory that does not grow with its length.
type lines struct {
	file   *os.File
	stream io.Reader     // the file from position on, or what is compressed in it
	zstd   *zstd.Decoder // nil: it is plain
	limit  int64         // what stands behind it is void; negative: there is none

	buffer     []byte
	start, end int   // of what was read and not taken
	offset     int64 // of start in the uncompressed segment
}

// openLines opens a segment's file; compressed says how it is to be read.
func openLines(path string, compressed bool) (*lines, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	l := &lines{file: file, limit: -1, buffer: make([]byte, lineBuffer)}
	l.stream = file
	if compressed {
		l.zstd, err = zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			_ = file.Close() // it was only read
			return nil, err
		}
		l.stream = l.zstd
	}
	return l, nil
}

func (l *lines) close() {
	if l.zstd != nil {
		l.zstd.Close()
	}
	_ = l.file.Close() // it was only read
}

// next returns the next line that is not empty, without its newline, and its offset. It is valid until the next call. At the end it is
// io.EOF, or errUnfinished with the offset of what has no newline.
func (l *lines) next() (line []byte, at int64, err error) {
	for searched := 0; ; {
		unread := l.buffer[l.start:l.end]
		if searched == 0 {
			unread = bytes.TrimLeft(unread, "\n")
			l.take(l.end - l.start - len(unread))
		}
		if i := bytes.IndexByte(unread[searched:], '\n'); i >= 0 {
			line, at = unread[:searched+i], l.offset
			l.take(searched + i + 1)
			return line, at, nil
		}
		if searched = len(unread); searched > maxLine {
			return nil, l.offset, errTooLong
		}
		switch err := l.fill(); {
		case errors.Is(err, io.EOF) && searched > 0:
			return nil, l.offset, errUnfinished
		case err != nil:
			return nil, l.offset, err
		}
	}
}

// take counts n bytes as read.
func (l *lines) take(n int) {
	l.start += n
	l.offset += int64(n)
}

// fill reads more behind what has not been taken.
func (l *lines) fill() error {
	unread := l.end - l.start
	switch {
	case unread == len(l.buffer):
		l.move(make([]byte, 2*len(l.buffer)))
	case unread < lineBuffer/2 && len(l.buffer) > 16*lineBuffer:
		l.move(make([]byte, lineBuffer)) // a large line has been taken
	case l.start > 0:
		l.move(l.buffer)
	}
	free := l.buffer[l.end:]
	if l.limit >= 0 {
		left := l.limit - l.offset - int64(unread)
		if left <= 0 {
			return io.EOF
		}
		free = free[:min(int64(len(free)), left)]
	}
	n, err := l.stream.Read(free)
	l.end += n
	if n > 0 {
		return nil // an error comes again
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// move puts what has not been taken at the begin of a buffer.
func (l *lines) move(to []byte) {
	l.end = copy(to, l.buffer[l.start:l.end])
	l.buffer, l.start = to, 0
}

// rewind goes back to an offset of a plain file, which may have been written to, or cut, since it was read.
func (l *lines) rewind(to int64) error {
	l.start, l.end, l.offset = 0, 0, to
	_, err := l.file.Seek(to, io.SeekStart)
	return err
}
