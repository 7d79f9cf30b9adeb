package journal

import (
	"os"
)

// disk is what the journal asks of the disk, so that tests can have it fail, and count.
type disk struct {
	write   func(f *os.File, b []byte, at int64) (int, error)
	sync    func(f *os.File) error // what was written, and what is needed to read it
	syncDir func(f *os.File) error
	create  func(path string) (*os.File, error)
}

func (d disk) withDefaults() disk {
	if d.write == nil {
		d.write = func(f *os.File, b []byte, at int64) (int, error) { return f.WriteAt(b, at) }
	}
	if d.sync == nil {
		d.sync = syncData
	}
	if d.syncDir == nil {
		d.syncDir = func(f *os.File) error { return f.Sync() }
	}
	if d.create == nil {
		d.create = func(path string) (*os.File, error) {
			return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		}
	}
	return d
}
