//go:build !unix

package proxy

// descriptorLimit is how many descriptors the process may have open; 0 is unknown.
func descriptorLimit() int { return 0 }
