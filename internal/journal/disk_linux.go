package journal

import (
	"errors"
	"os"
	"syscall"
)

// syncData writes the file's data to the disk, and of what the system knows of the file what is needed to read it: times are left out.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
