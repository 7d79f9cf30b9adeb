//go:build !unix

package upstream

// rawReads says that a socket can be read without waiting. Without it a connection that the backend closed is noticed only when
// it is used.
const rawReads = false

func (s *sock) rawStep(uintptr) bool { return true }
func (s *sock) rawTry(uintptr)       { s.err = errWouldBlock }
