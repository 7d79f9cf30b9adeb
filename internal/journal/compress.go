package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/zap"
)

// lateSync is how soon a record that nobody waits for is synced if nothing else is.
const lateSync = 100 * time.Millisecond

// Run syncs what nobody waits for, tries the disk while it takes no records, and compresses closed segments, until ctx ends.
func (j *Journal) Run(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		j.compressClosed(ctx)
	}()
	defer func() { <-done }()
	every := j.o.Interval
	if every <= 0 {
		every = lateSync
	}
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-j.unsynced:
			timer.Reset(every)
			select {
			case <-ctx.Done():
				return nil
			case <-timer.C:
			}
			j.syncLate(ctx)
		}
	}
}

// syncLate syncs what was written and not synced. While the disk takes nothing it asks for another try.
func (j *Journal) syncLate(ctx context.Context) {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return
	}
	j.join(nil).sync = true
	j.mu.Unlock()
	_ = j.commit(ctx) // what fails is tried again, and Err says it
	if j.Err() != nil {
		j.wake()
	}
}

// wake has Run look at what is not synced.
func (j *Journal) wake() {
	select {
	case j.unsynced <- struct{}{}:
	default:
	}
}

// toCompress hands a closed segment to Run. If there are too many, the next start compresses the rest.
func (j *Journal) toCompress(number int) {
	select {
	case j.closing <- number:
	default:
	}
}

func (j *Journal) compressClosed(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case number := <-j.closing:
			if err := j.compress(ctx, number); err != nil && ctx.Err() == nil {
				j.o.Logger.Warn("a closed segment stays uncompressed until the next start", zap.String("segment", segmentName(number)), zap.Error(err))
			}
		}
	}
}

// compress replaces a closed segment by its compressed form. At any moment one of the two is whole: the compressed one is written under
// another name, synced and proven; it gets its name, which is made durable; then the plain one is removed.
func (j *Journal) compress(ctx context.Context, number int) error {
	j.compressing.Lock()
	defer j.compressing.Unlock()
	plain := j.dir.file(segmentName(number))
	final := j.dir.file(segmentBase(number) + compressedEnding)
	temporary := final + ".tmp"
	if err := j.compressInto(ctx, plain, temporary); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	if err := os.Rename(temporary, final); err != nil {
		return err
	}
	if err := j.dir.sync(); err != nil {
		return err
	}
	if err := os.Remove(plain); err != nil {
		return err
	}
	return j.dir.sync()
}

func (j *Journal) compressInto(ctx context.Context, plain, temporary string) error {
	out, err := os.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // what matters was synced
	in, err := os.Open(plain)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it was read
	z, err := zstd.NewWriter(out, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	if err != nil {
		return err
	}
	if _, err = io.Copy(z, &interruptible{ctx: ctx, r: in}); err == nil {
		err = z.Close()
	} else {
		err = errors.Join(err, z.Close())
	}
	if err == nil {
		err = j.o.disk.sync(out)
	}
	if err != nil {
		return fmt.Errorf("compressing: %w", err)
	}
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return err
	}
	d, err := zstd.NewReader(out, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return err
	}
	defer d.Close()
	return sameBytes(in, d)
}

// sameLines reports whether both files of a segment have the same lines.
func (j *Journal) sameLines(number int) error {
	plain, err := openLines(j.dir.file(segmentName(number)), false)
	if err != nil {
		return err
	}
	defer plain.close()
	compressed, err := openLines(j.dir.file(segmentBase(number)+compressedEnding), true)
	if err != nil {
		return err
	}
	defer compressed.close()
	return sameBytes(plain.stream, compressed.stream)
}

// sameBytes compares two streams; what one of them has more may be newlines.
func sameBytes(a, b io.Reader) error {
	x, y := make([]byte, 128<<10), make([]byte, 128<<10)
	for at := int64(0); ; {
		n, errA := io.ReadFull(a, x)
		m, errB := io.ReadFull(b, y)
		for _, err := range []error{errA, errB} {
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return err
			}
		}
		k := min(n, m)
		if !bytes.Equal(x[:k], y[:k]) || len(bytes.Trim(x[k:n], "\n")) > 0 || len(bytes.Trim(y[k:m], "\n")) > 0 {
			return fmt.Errorf("the compressed segment is another one than the plain one, from offset %d on", at)
		}
		at += int64(k)
		if errA != nil && errB != nil {
			return nil
		}
	}
}

// interruptible reads until its context ends.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

// Seal closes the last segment and compresses it; the next record would begin another one. It waits for the disk.
func (j *Journal) Seal() error {
	number := 0
	err := j.exclusively(func() error {
		if err := j.flush(); err != nil {
			return err
		}
		a := &j.log
		if a.seg == nil {
			return nil
		}
		number = a.seg.number
		a.drop = a.seg.size
		a.closed += a.seg.size
		err := a.close(j.o.disk)
		j.publish()
		return err
	})
	if err != nil || number == 0 {
		return err
	}
	return j.compress(context.Background(), number)
}

// flush writes what waits for the disk, and syncs. Its caller leads.
func (j *Journal) flush() error {
	b := newBatch()
	b.sync = true
	j.mu.Lock()
	gaps := j.takeMissed()
	j.mu.Unlock()
	j.write(b, gaps)
	if j.log.dirty() || j.log.hasLate() {
		return j.Err()
	}
	return nil
}

// Writable tries whether the disk takes records.
func (j *Journal) Writable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return j.exclusively(func() error {
		if d := j.down.Load(); d != nil {
			again := *d
			again.retry = time.Time{}
			j.down.Store(&again)
		}
		a := &j.log
		if a.seg == nil {
			return j.probe()
		}
		if err := j.ready(); err != nil {
			return err
		}
		a.buf = a.buf[:0]
		if err := j.reserve(int64(a.open)*outcomeRoom + fillStep/4); err != nil {
			return err
		}
		if err := j.sync(0); err != nil {
			return err
		}
		a.synced, a.unsynced = a.seq, a.unsynced[:0]
		return nil
	})
}

const probeName = "probe.tmp"

// probe writes a file as large as what a segment begins with, and removes it.
func (j *Journal) probe() error {
	if err := j.dir.present(); err != nil {
		return j.fail("trying a record", err)
	}
	path := j.dir.file(probeName)
	f, err := j.o.disk.create(path)
	if err != nil {
		return j.fail("trying a record", err)
	}
	_, err = j.o.disk.write(f, newlines, 0)
	if err == nil {
		err = j.o.disk.sync(f)
	}
	if err = errors.Join(err, f.Close(), os.Remove(path)); err != nil {
		return j.fail("trying a record", err)
	}
	return nil
}
