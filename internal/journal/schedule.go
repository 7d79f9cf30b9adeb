package journal

// task is a write that is to be carried to the other side.
type task struct {
	id       string
	write    *Write
	recorded *Answer // what the side that took it answered; nil where nobody knows
	intent   uint64  // Seq of its intent: it had arrived
	outcome  uint64  // Seq of its outcome: it had been answered. The intent's where there is none
	path     string  // of its target, in the one spelling that all ways of writing it have (resource.go)
	resource string  // what it changed; empty: nothing that has a path, such as something new that has no path of its own
	counted  string  // the number that a sequence gave what it made; empty: there is none
	line     string  // it waits behind those before it with the same line; empty: behind none
	excused  uint64  // an operator said, at this Seq, that it is to be sent: what stands before that is no conflict. 0: nobody did

	started bool
	ended   bool
	failed  error // of the latest try
}

// schedule keeps the order of the facts: a write starts only after every write that had been answered before it arrived has ended, and
// those of one line, such as the writes to one resource, go one after the other, in the order in which they were answered. What else was
// under way at the same time may go at the same time again.
//
// Writes are added in the order of their outcomes. So whoever had been answered before a write arrived was added before it, and the first
// that has not ended has the lowest outcome of all that have not: who arrived before that need not wait for anybody, save in his own line.
type schedule struct {
	live  []*task            // added and not ended, and some that have; in the order of their outcomes
	lines map[string][]*task // of live, in the same order
	open  int                // not ended
	bytes int64              // of the bodies in live
	rest  int                // live[:rest] have started
}

func newSchedule() *schedule { return &schedule{lines: map[string][]*task{}} }

// add puts a write behind all others.
func (s *schedule) add(t *task) {
	s.live = append(s.live, t)
	if t.line != "" {
		s.lines[t.line] = append(s.lines[t.line], t)
	}
	s.open++
	s.bytes += int64(len(t.write.Body))
}

// next returns a write that may start now, the one that was answered first of those, and counts it as started; nil if none may.
func (s *schedule) next() *task {
	for s.rest < len(s.live) && s.live[s.rest].started {
		s.rest++
	}
	for _, t := range s.live[s.rest:] {
		if !t.started && s.free(t) {
			t.started = true
			return t
		}
	}
	return nil
}

// free reports whether a write need not wait for any other one.
func (s *schedule) free(t *task) bool {
	if t.line != "" && s.lines[t.line][0] != t {
		return false
	}
	return s.live[0] == t || s.live[0].outcome > t.intent
}

// postpone takes back that a write was started: nothing of it was sent, and next may give it again.
func (s *schedule) postpone(t *task) {
	t.started = false
	s.rest = 0
}

// end says that a write was carried, or is given up: those that had to wait for it need not any more. The task loses its write.
func (s *schedule) end(t *task) {
	t.ended = true
	s.open--
	s.bytes -= int64(len(t.write.Body))
	t.write, t.recorded = nil, nil // it may stay in live for a while
	if line := s.lines[t.line]; len(line) == 1 {
		delete(s.lines, t.line)
	} else if t.line != "" {
		s.lines[t.line] = line[1:] // only the first of a line is ever started
	}
	n := 0
	for n < len(s.live) && s.live[n].ended {
		n++
	}
	s.live = s.live[n:]
	s.rest = max(s.rest-n, 0)
}

// dissolve lets what a sequence made out of a line: nobody waits for it there any more, nor does it wait itself.
func (s *schedule) dissolve(line string) {
	var rest []*task
	for _, t := range s.lines[line] {
		if t.counted == "" {
			rest = append(rest, t)
			continue
		}
		t.line = ""
	}
	if s.lines[line] = rest; rest == nil {
		delete(s.lines, line)
	}
}
