package upstream

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
)

const (
	maxChunkLine = 4 << 10 // the line with a chunk's size, extensions included
	maxTrailer   = 4 << 10
	// maxExcess is how much may come besides data, beyond 16 bytes a chunk and twice the data: as in net/http.
	maxExcess = 16 << 10
	// directRead is how much of a chunk makes a read without the buffer worth while.
	directRead = 2 << 10
)

// chunkState is what comes next.
type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkData
	chunkEnd // the line end behind the data
	chunkTrailer
)

// readChunks reads the data of chunks until p is full or nothing more is there.
func (b *body) readChunks(p []byte, wait bool) (int, error) {
	n := 0
	for {
		more, err := b.advance()
		if err != nil {
			return n, err
		}
		if !more {
			m := b.takeBuffered(p[n:])
			n += m
			switch {
			case b.left == 0:
				b.state = chunkEnd
				continue
			case n == len(p):
				return n, nil
			}
		}
		if n > 0 {
			return n, nil
		}
		if n, err = b.more(p, wait); err != nil {
			return n, err
		}
	}
}

// more reads from the connection: data of a chunk into p, if that is much, or anything into the buffer.
func (b *body) more(p []byte, wait bool) (n int, err error) {
	if b.state == chunkData && b.left >= directRead && len(p) >= directRead {
		n, err = b.fetch(p[:min(int64(len(p)), b.left)], wait)
		if b.left -= int64(n); b.left == 0 {
			b.state = chunkEnd
		}
	} else {
		err = b.conn.fill(wait)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// advance reads what is between data, as far as it is in the buffer. It returns false when data comes next, true when more is to be
// read first, and io.EOF at the end of the body.
func (b *body) advance() (more bool, err error) {
	for {
		rest := b.buf.buffered()
		switch b.state {
		case chunkData:
			return false, nil
		case chunkEnd:
			if len(rest) < 2 {
				return true, nil
			}
			if rest[0] != '\r' || rest[1] != '\n' {
				return false, errChunk
			}
			b.buf.r += 2
			b.state = chunkSize
		case chunkSize:
			i := bytes.IndexByte(rest[:min(len(rest), maxChunkLine)], '\n')
			if i < 0 {
				if len(rest) >= maxChunkLine {
					return false, errChunk
				}
				return true, nil
			}
			b.buf.r += i + 1
			if err := b.size(rest[:i+1]); err != nil {
				return false, err
			}
		case chunkTrailer:
			return b.trailers(rest)
		}
	}
}

// size reads the line that says how long the chunk is.
func (b *body) size(line []byte) error {
	end := len(line) - 2
	if end < 0 || bytes.IndexByte(line, '\r') != end {
		return errChunk
	}
	line = line[:end]
	b.excess += int64(len(line)) + 2
	for len(line) > 0 && (line[len(line)-1] == ' ' || line[len(line)-1] == '\t') {
		line = line[:len(line)-1]
	}
	line, _, _ = bytes.Cut(line, []byte{';'})
	if len(line) == 0 || len(line) > 16 {
		return errChunk
	}
	var n uint64
	for _, c := range line {
		digit := hexDigit(c)
		if digit > 15 {
			return errChunk
		}
		n = n<<4 | uint64(digit)
	}
	if n > 1<<60 {
		return errChunk
	}
	b.excess = max(b.excess-16-2*int64(n), 0)
	if b.excess > maxExcess {
		return errChunkExcess
	}
	b.left = int64(n)
	b.state = chunkData
	if n == 0 {
		b.state = chunkTrailer
	}
	return nil
}

// hexDigit returns the value of a digit; more than 15 is none.
func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}

// trailers reads the trailers, once they are in the buffer as a whole.
func (b *body) trailers(rest []byte) (more bool, err error) {
	end, lines, found := headEnd(rest, 0)
	switch {
	case end > maxTrailer, !found && len(rest) >= maxTrailer:
		return false, errTrailer
	case !found:
		return true, nil
	}
	block := rest[:end]
	d := head{header: make(http.Header)}
	if !d.parseFields(block, string(block), lines) {
		return false, errTrailer
	}
	b.buf.r += end
	if lines > 0 {
		if b.resp.Trailer == nil {
			b.resp.Trailer = d.header
		} else {
			maps.Copy(b.resp.Trailer, d.header)
		}
	}
	return false, io.EOF
}

// drain reads what the buffer has of the body, to see whether that is the rest of it.
func (b *body) drain() {
	for {
		more, err := b.advance()
		if err != nil {
			b.finish(err)
			return
		}
		if more {
			return
		}
		have := int64(len(b.buf.buffered()))
		take := min(have, b.left)
		b.buf.r += int(take)
		b.left -= take
		if b.left > 0 {
			return
		}
		b.state = chunkEnd
	}
}
