package main

import "syscall"

// freeBytes is the room on a directory's disk; false if it cannot be told.
func freeBytes(directory string) (int64, bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(directory, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * s.Bsize, true // #nosec G115 -- no disk has 2⁶³ blocks
}
