package journal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A sealed spool is spoolMagic, a salt of 32 bytes, and chunks of chunkSize bytes and a tag, of which the last one may be shorter. Each
// file has a key of its own; a chunk's nonce is its number and whether it is the last one, so that a file that was cut, or whose chunks
// changed places, does not open.
const (
	spoolMagic = "pgspool1"
	chunkSize  = 64 << 10
	saltSize   = 32
)

func chunkCipher(s *sealer, salt []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, s.master, salt, "paritygate journal spool v1 "+s.identity, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func chunkNonce(aead cipher.AEAD, number uint64, last bool) []byte {
	nonce := make([]byte, aead.NonceSize())
	binary.BigEndian.PutUint64(nonce, number)
	if last {
		nonce[len(nonce)-1] = 1
	}
	return nonce
}

type chunkWriter struct {
	w      io.Writer
	aead   cipher.AEAD
	number uint64
	plain  []byte
	sealed []byte
}

func newChunkWriter(w io.Writer, s *sealer) (*chunkWriter, error) {
	head := append([]byte(spoolMagic), make([]byte, saltSize)...)
	if _, err := rand.Read(head[len(spoolMagic):]); err != nil {
		return nil, err
	}
	aead, err := chunkCipher(s, head[len(spoolMagic):])
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(head); err != nil {
		return nil, err
	}
	return &chunkWriter{w: w, aead: aead, plain: make([]byte, 0, chunkSize)}, nil
}

// Write seals a chunk once it is known not to be the last one.
func (c *chunkWriter) Write(p []byte) (int, error) {
	n := 0
	for len(p) > 0 {
		if len(c.plain) == chunkSize {
			if err := c.flush(false); err != nil {
				return n, err
			}
		}
		k := min(len(p), chunkSize-len(c.plain))
		c.plain = append(c.plain, p[:k]...)
		p, n = p[k:], n+k
	}
	return n, nil
}

func (c *chunkWriter) flush(last bool) error {
	c.sealed = c.aead.Seal(c.sealed[:0], chunkNonce(c.aead, c.number, last), c.plain, nil) //nolint:gosec // the nonce is the chunk's number: each file has a key of its own
	c.number++
	c.plain = c.plain[:0]
	_, err := c.w.Write(c.sealed)
	return err
}

func (c *chunkWriter) finish() error { return c.flush(true) }

type chunkReader struct {
	r      io.Reader
	sealer *sealer
	aead   cipher.AEAD
	number uint64
	buf    []byte // what was read ahead and is sealed
	plain  []byte // what was opened and not yet read
	last   bool
}

func newChunkReader(r io.Reader, s *sealer) *chunkReader { return &chunkReader{r: r, sealer: s} }

func (c *chunkReader) Read(p []byte) (int, error) {
	for len(c.plain) == 0 {
		if c.last {
			return 0, io.EOF
		}
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.plain)
	c.plain = c.plain[n:]
	return n, nil
}

// fill opens the next chunk. It reads one byte further than it, to know whether it is the last one.
func (c *chunkReader) fill() error {
	if c.aead == nil {
		if err := c.begin(); err != nil {
			return err
		}
	}
	const sealedSize = chunkSize + 16
	buf := make([]byte, sealedSize+1)
	n := copy(buf, c.buf)
	k, err := io.ReadFull(c.r, buf[n:])
	n += k
	switch {
	case err == nil:
		c.buf = append(c.buf[:0], buf[sealedSize])
		n = sealedSize
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		c.last = true
	default:
		return err
	}
	c.plain, err = c.aead.Open(nil, chunkNonce(c.aead, c.number, c.last), buf[:n], nil)
	if err != nil {
		return fmt.Errorf("the spool's chunk %d cannot be opened: %w", c.number, err)
	}
	c.number++
	return nil
}

func (c *chunkReader) begin() error {
	head := make([]byte, len(spoolMagic)+saltSize)
	if _, err := io.ReadFull(c.r, head); err != nil || string(head[:len(spoolMagic)]) != spoolMagic {
		return errors.New("it is no sealed spool")
	}
	aead, err := chunkCipher(c.sealer, head[len(spoolMagic):])
	c.aead = aead
	return err
}
