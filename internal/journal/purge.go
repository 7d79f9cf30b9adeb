package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Purge removes every segment, spool and torn tail: nothing tells any more what was written. The lock stays, and so does whatever else lies
// in the directory. After an error it can be called again.
func (j *Journal) Purge() error {
	j.compressing.Lock()
	defer j.compressing.Unlock()
	return j.exclusively(func() error {
		a := &j.log
		if a.seg != nil {
			a.drop = a.seg.size
		}
		if err := a.close(j.o.disk); err != nil {
			return fmt.Errorf("closing the journal's last segment: %w", err)
		}
		if err := j.removeAll(); err != nil {
			return fmt.Errorf("removing the journal's segments: %w", err)
		}
		a.segments, a.closed = 0, 0
		j.publish()
		return nil
	})
}

func (j *Journal) removeAll() error {
	entries, err := os.ReadDir(j.dir.path)
	if err != nil {
		return err
	}
	var failed []error
	for _, e := range entries { // by name, so the oldest first
		name := e.Name()
		if !ofJournal(name) {
			continue
		}
		if err := os.Remove(j.dir.file(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, err)
		}
	}
	return errors.Join(append(failed, j.dir.sync())...)
}
