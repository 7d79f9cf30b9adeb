// Package throwaway starts a real PostgreSQL server that nobody will miss: in a temporary directory, on a free port of the
// loopback interface, with a random password, without fsync. The demo and the tests use it. It imports nothing of this
// project.
//
//	Find ──► initdb ──► postgres ──► ready ──► Stop ⇄ Start ──► Close (stopped, directory removed)
//
// PostgreSQL refuses to run as root, so a root process runs it as the user postgres (Linux alone). The server is in a
// process group of its own, so that an interrupt at the terminal does not stop it before its owner has finished with it,
// and on Linux the kernel stops it when its owner dies, even by SIGKILL; the directory is then left behind until the next one
// is made.
package throwaway
