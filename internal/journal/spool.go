package journal

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Spool is a file beside the segments that holds a request's body which is too large for a record.
type Spool struct {
	Path   string // its name in the directory
	Size   int64  // bytes of the body
	SHA256 string // of the body, in hex

	dir    *directory
	sealer *sealer
	f      *os.File
	w      io.Writer // into f, through the seal if there is one
	seal   *chunkWriter
	hash   hash.Hash
}

// NewSpool makes a spool to write a body into. Begin takes it over; else it must be discarded.
func (j *Journal) NewSpool() (*Spool, error) {
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, j.fail("making a spool", err)
	}
	name := hex.EncodeToString(random[:]) + ".body.tmp"
	f, err := os.OpenFile(j.dir.file(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, j.fail("making a spool", err)
	}
	s := &Spool{Path: name, dir: j.dir, sealer: j.sealer, f: f, w: f, hash: sha256.New()}
	if j.sealer != nil {
		if s.seal, err = newChunkWriter(f, j.sealer); err != nil {
			s.Discard()
			return nil, j.fail("making a spool", err)
		}
		s.w = s.seal
	}
	return s, nil
}

// Write appends to the body.
func (s *Spool) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.hash.Write(p[:n])
	s.Size += int64(n)
	if err != nil {
		return n, fmt.Errorf("%w: spooling a body into %s: %w", ErrUnavailable, s.file(), err)
	}
	return n, nil
}

// Finish makes the body durable. Nothing may be written after it. It may be called again.
func (s *Spool) Finish() error {
	if s.SHA256 != "" {
		return nil
	}
	if s.seal != nil {
		if err := s.seal.finish(); err != nil {
			return fmt.Errorf("%w: spooling a body into %s: %w", ErrUnavailable, s.file(), err)
		}
	}
	if err := s.dir.disk.sync(s.f); err != nil {
		return fmt.Errorf("%w: spooling a body into %s: %w", ErrUnavailable, s.file(), err)
	}
	s.SHA256 = hex.EncodeToString(s.hash.Sum(nil))
	return nil
}

// Discard removes a spool that no write names.
func (s *Spool) Discard() {
	if s.f != nil {
		_ = s.f.Close() // it is removed
		s.f = nil
	}
	_ = os.Remove(s.file()) // what stays is removed by the next start
}

// Open returns the body from its begin. It may be called again, also while the body that it returned before is read; the reader says
// ErrDamaged at its end if the body is not the one that was written.
func (s *Spool) Open() (io.ReadCloser, error) {
	if err := s.Finish(); err != nil {
		return nil, err
	}
	return openSpool(s.dir.path, s, s.sealer)
}

// prove reads the body to its end: a reader knows only there whether it is the one that was written, and a backend has all of it by then.
func (s *Spool) prove() error {
	body, err := s.Open()
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	_, err = io.Copy(io.Discard, body)
	return err
}

func (s *Spool) file() string { return s.dir.file(s.Path) }

// keepSpool finishes the spool under its final name, durable with it.
func (j *Journal) keepSpool(s *Spool) error {
	if err := s.Finish(); err != nil {
		return err
	}
	if s.f == nil {
		return j.fail("keeping a spool", errors.New("it has been discarded"))
	}
	name := fmt.Sprintf("%08d-%s", max(1, j.status.Load().segment), strings.TrimSuffix(s.Path, ".tmp"))
	if err := os.Rename(s.file(), j.dir.file(name)); err != nil {
		return j.fail("keeping a spool", err)
	}
	s.Path = name
	if err := j.dir.sync(); err != nil {
		return j.fail("keeping a spool", err)
	}
	err := s.f.Close()
	s.f = nil
	if err != nil {
		return j.fail("keeping a spool", err)
	}
	return nil
}

// openSpool opens a spool that a record names, in a directory that may be a copy.
func openSpool(dir string, s *Spool, seal *sealer) (io.ReadCloser, error) {
	if s.Path != filepath.Base(s.Path) {
		return nil, &Damage{Segment: s.Path, What: "it is no name of a spool"}
	}
	f, err := os.Open(filepath.Join(dir, s.Path))
	if errors.Is(err, os.ErrNotExist) {
		return nil, &Damage{Segment: s.Path, What: "the spool is missing"}
	}
	if err != nil {
		return nil, err
	}
	v := &spoolReader{f: f, r: f, want: s, hash: sha256.New()}
	if seal != nil {
		v.r = newChunkReader(f, seal)
	}
	return v, nil
}

// spoolReader reads a body and proves it at its end.
type spoolReader struct {
	f    *os.File
	r    io.Reader
	want *Spool
	hash hash.Hash
	size int64
}

func (v *spoolReader) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	v.hash.Write(p[:n])
	v.size += int64(n)
	switch {
	case v.size > v.want.Size:
		return n, &Damage{Segment: v.want.Path, Offset: v.want.Size, What: "the spool is longer than its record says"}
	case errors.Is(err, io.EOF):
		if v.size != v.want.Size || hex.EncodeToString(v.hash.Sum(nil)) != v.want.SHA256 {
			return n, &Damage{Segment: v.want.Path, Offset: v.size, What: fmt.Sprintf("the spool ends after %d of %d bytes, or has another digest than its record says", v.size, v.want.Size)}
		}
	case err != nil:
		return n, &Damage{Segment: v.want.Path, Offset: v.size, What: err.Error()}
	}
	return n, err
}

func (v *spoolReader) Close() error { return v.f.Close() }
