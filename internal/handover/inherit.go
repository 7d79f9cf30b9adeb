package handover

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// firstFD is where inherited descriptors begin: after standard input, output and error.
const firstFD = 3

// predecessorVar holds the process id of the one that hands over. It stands in for LISTEN_PID, which a parent cannot know.
const predecessorVar = "PARITYGATE_PREDECESSOR"

var variables = []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", predecessorVar}

// Inherited is what this process was given when it was started.
type Inherited struct {
	// Sockets are the listening sockets by name.
	Sockets map[string]*Socket
	// Predecessor is nil unless this process is to succeed another one.
	Predecessor *Predecessor
}

// Inherit takes over the sockets that are meant for this process, and removes the variables that tell of them from the
// environment: they are for nobody else. Every socket must have one of the names; where there is one socket, and its name
// is none of them, it is the first.
func Inherit(names ...string) (Inherited, error) {
	parent := os.Getppid()
	if dead, ok := deadPredecessor(os.LookupEnv); ok {
		parent = dead
	}
	given, control, err := parse(os.LookupEnv, os.Getpid(), parent, names)
	for _, name := range variables {
		_ = os.Unsetenv(name) // it cannot fail for a valid name
	}
	in := Inherited{Sockets: map[string]*Socket{}}
	if err != nil {
		return in, err
	}
	for i, name := range given {
		if in.Sockets[name], err = adopt(firstFD+i, name); err != nil {
			return in, err
		}
	}
	if control {
		orders, reports := firstFD+len(given), firstFD+len(given)+1
		syscall.CloseOnExec(orders)
		syscall.CloseOnExec(reports)
		in.Predecessor = newPredecessor(os.NewFile(uintptr(orders), "orders"), os.NewFile(uintptr(reports), "reports"))
	}
	return in, nil
}

// deadPredecessor returns the process that started this one as its successor, where it may have ended since, so that another is the
// parent: the pipes on which the two talk are there all the same. Without them, this process would have the sockets and not know it.
func deadPredecessor(lookup func(string) (string, bool)) (pid int, ok bool) {
	told, _ := lookup(predecessorVar)
	sockets, _ := lookup("LISTEN_FDS")
	pid, err := strconv.Atoi(told)
	n, errN := strconv.Atoi(sockets)
	return pid, err == nil && errN == nil && n >= 0 && n <= 64 && isPipe(firstFD+n) && isPipe(firstFD+n+1)
}

func isPipe(fd int) bool {
	var s syscall.Stat_t
	return syscall.Fstat(fd, &s) == nil && s.Mode&syscall.S_IFMT == syscall.S_IFIFO
}

// parse reads the variables: the sockets' names in the order of their descriptors, and whether two more descriptors follow
// on which a predecessor is talked to.
func parse(lookup func(string) (string, bool), pid, ppid int, names []string) (given []string, control bool, err error) {
	text, ok := lookup("LISTEN_FDS")
	if !ok {
		return nil, false, nil
	}
	if parent, ok := lookup(predecessorVar); ok && parent == strconv.Itoa(ppid) {
		control = true
	} else if owner, ok := lookup("LISTEN_PID"); !ok || owner != strconv.Itoa(pid) {
		return nil, false, nil // for somebody else
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 64 {
		return nil, false, fmt.Errorf("LISTEN_FDS must be a small number, it is %q", text)
	}
	if n == 0 {
		return nil, control, nil
	}
	told, _ := lookup("LISTEN_FDNAMES")
	given = strings.Split(told, ":")
	if told == "" {
		given = make([]string, n)
	}
	if len(given) != n {
		return nil, false, fmt.Errorf("LISTEN_FDS is %d, and LISTEN_FDNAMES has %d names: %q", n, len(given), told)
	}
	return given, control, check(given, names)
}

// check sees that the names are known and differ.
func check(given, names []string) error {
	known := map[string]bool{}
	for _, name := range names {
		known[name] = true
	}
	if len(given) == 1 && !known[given[0]] {
		given[0] = names[0]
	}
	for _, name := range given {
		free, ok := known[name]
		switch {
		case !ok:
			return fmt.Errorf("an inherited socket is named %q; set FileDescriptorName= of its unit to one of: %s", name, strings.Join(names, ", "))
		case !free:
			return fmt.Errorf("two inherited sockets are named %q; one unit with one ListenStream= each", name)
		}
		known[name] = false
	}
	return nil
}

// Socket is a listening socket that stays open while the listeners that are made of it come and go.
type Socket struct{ file *os.File }

// adopt makes a Socket of an inherited descriptor.
func adopt(fd int, name string) (*Socket, error) {
	syscall.CloseOnExec(fd)
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("the inherited socket %s (descriptor %d): %w", name, fd, err)
	}
	s := &Socket{os.NewFile(uintptr(fd), name)}
	l, err := s.Listener() // is it one?
	if err != nil {
		return nil, fmt.Errorf("the inherited socket %s (descriptor %d) is no listening socket: %w", name, fd, err)
	}
	return s, l.Close()
}

// Keep makes a Socket of a listener, which may be closed then without closing the socket.
func Keep(l net.Listener) (*Socket, error) {
	conn, ok := l.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("the listener %T has no descriptor", l)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	// Not by the listener's File: its descriptor would block, and so would the accepting of everybody who shares the socket.
	var s *Socket
	var dupErr error
	err = raw.Control(func(fd uintptr) {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		var n int
		if n, dupErr = syscall.Dup(int(fd)); dupErr == nil {
			syscall.CloseOnExec(n)
			s = &Socket{os.NewFile(uintptr(n), l.Addr().String())}
		}
	})
	if err == nil {
		err = dupErr
	}
	if err != nil {
		return nil, fmt.Errorf("keep the socket %s: %w", l.Addr(), err)
	}
	return s, nil
}

// Listener returns a listener on the socket. Closing it ends the accepting, not the socket.
func (s *Socket) Listener() (net.Listener, error) {
	l, err := net.FileListener(s.file)
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	return l, err
}

// Close closes the socket. What waits in its backlog is refused if nobody else has it.
func (s *Socket) Close() error { return s.file.Close() }
