package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"go.uber.org/zap"
)

// keepTorn keeps what is cut off in a file of its own.
func (j *Journal) keepTorn(f segmentFile, from, to int64) error {
	in, err := os.Open(j.dir.file(f.name()))
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it was read
	name := strings.TrimSuffix(f.name(), plainEnding) + ".torn"
	j.o.Logger.Warn("the journal ends in what was never synced; it is cut off, and kept", zap.String("segment", f.name()), zap.Int64("offset", from), zap.Int64("bytes", to-from), zap.String("kept", name))
	out, err := os.OpenFile(j.dir.file(name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("keeping what is cut off: %w", err)
	}
	_, err = io.Copy(out, io.NewSectionReader(in, from, to-from))
	if err = errors.Join(err, j.o.disk.sync(out), out.Close()); err != nil {
		return fmt.Errorf("keeping what is cut off: %w", err)
	}
	return nil
}

// removeUnmade removes a segment whose header was never written.
func (j *Journal) removeUnmade(f segmentFile, s *scanned) error {
	if s.bad != nil {
		if err := j.keepTorn(f, 0, s.size); err != nil {
			return err
		}
	}
	j.o.Logger.Info("removing a segment that was not made before a crash", zap.String("segment", f.name()))
	return os.Remove(j.dir.file(f.name()))
}

// removeOrphans removes spools whose write was never recorded. Only those of the last two segments may be such.
func (j *Journal) removeOrphans(lying []string, files []segmentFile, named map[string]bool) error {
	last := files[len(files)-1].number
	var orphans []string
	for _, name := range lying {
		digits, _, _ := strings.Cut(name, "-")
		if n, err := strconv.Atoi(digits); err == nil && n >= last-1 && !named[name] {
			orphans = append(orphans, name)
		}
	}
	if len(orphans) == 0 {
		return nil
	}
	if len(files) > 1 {
		s, err := j.scan(files[len(files)-2], -1, func(r *Record) { noteSpool(named, r) })
		if err != nil {
			return err
		}
		if s.bad != nil {
			return nil // a spool may be named where nothing can be read
		}
	}
	for _, name := range orphans {
		if named[filepath.Base(name)] {
			continue
		}
		j.o.Logger.Info("removing a spooled body whose write was not recorded before a crash", zap.String("spool", name))
		if err := os.Remove(j.dir.file(name)); err != nil {
			return err
		}
	}
	return nil
}
