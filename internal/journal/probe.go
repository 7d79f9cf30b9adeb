package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Probe says what would keep a journal in a directory from being written, or from being opened with a key (ErrKey). It leaves nothing
// behind, and takes no lock, so that somebody may write meanwhile. A directory that is not there is tried in the one that it would be made in.
func Probe(dir string, key []byte) error {
	last, err := lastHeader(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return tryDirectory(standing(dir))
	case err != nil:
		return err
	case last != nil:
		j := &Journal{o: Options{Directory: dir, Run: last.Run, Key: key}}
		if err := j.adopt(last); err != nil {
			return err
		}
	}
	return tryDirectory(dir)
}

// lastHeader is that of the last segment that has one, or nil.
func lastHeader(dir string) (*SegmentHeader, error) {
	files, err := listFiles(dir)
	if err != nil {
		return nil, err
	}
	for i := len(files) - 1; i >= 0; i-- {
		h, err := files[i].header(dir)
		if err == nil {
			return h, nil
		}
		if _, damaged := errors.AsType[*Damage](err); !damaged {
			return nil, err
		}
	}
	return nil, nil //nolint:nilnil // a journal that was never written has none
}

// standing is the closest directory above that is there.
func standing(dir string) string {
	dir = filepath.Clean(dir)
	for {
		above := filepath.Dir(dir)
		if _, err := os.Stat(above); err == nil || above == dir {
			return above
		}
		dir = above
	}
}

func tryDirectory(dir string) error {
	f, err := os.CreateTemp(dir, "probe-*.tmp")
	if err != nil {
		return fmt.Errorf("nothing can be written in %s: %w", dir, err)
	}
	_, err = f.WriteString("probe\n")
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}
