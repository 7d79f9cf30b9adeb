//go:build unix

package proxy

import "syscall"

// descriptorLimit is how many descriptors the process may have open; 0 is unknown. The runtime has raised it to what is allowed.
func descriptorLimit() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return int(min(limit.Cur, unknownDescriptors+1))
}
