package main

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"paritygate/internal/cutover"
)

// A store that was emptied, and one that was put back from an older copy: the fence is the witness. Writes get 503, reads are
// served, and an operator says what is true.
func TestAStoreThatTheFenceContradicts(t *testing.T) {
	t.Parallel()
	s := newSite(t, "contradicted", "")
	store := s.store()
	s.start()
	s.signal(syscall.SIGTERM)
	copyFile(t, store, store+".shadow")
	s.start()
	if err := s.flip(); err != nil {
		t.Fatal(err)
	}
	s.authority("flipped", "new")
	s.signal(syscall.SIGTERM)
	copyFile(t, store, store+".live")

	t.Log("emptied")
	s.replaceStore("")
	s.disputed("with an empty store")
	s.signal(syscall.SIGKILL)
	for _, flags := range [][]string{{"--recover-phase", "live"}, {"--recover-phase", "nowhere", "--reason", "x"}, {"--reason", "x"}} {
		if code, out := s.serve(flags...); code != exitUsage {
			t.Errorf("serve %q exits %d: %s", flags, code, out)
		}
	}
	s.start("--recover-phase", "live", "--reason", "the disk was replaced")
	s.authority("recovered as live", "new")
	if p := s.status(); p.Phase != cutover.Live || p.Reason != "the disk was replaced" || p.Forced == "" && p.Rollback.Safe {
		t.Errorf("recovered as live: %+v", p)
	}
	s.restart() // as its unit file still says, or does not
	s.authority("started again", "new")

	t.Log("an older copy, of shadow")
	s.signal(syscall.SIGKILL)
	s.replaceStore(store + ".shadow")
	s.disputed("with the store of yesterday")
	s.signal(syscall.SIGKILL)
	s.start("--recover-phase", "rolled_back", "--reason", "we went back by hand")
	s.eventually("old takes writes", func() bool { return s.write() == "old" })
	s.fenced("recovered as rolled back", false)

	t.Log("an older copy, of live, after the way back")
	s.signal(syscall.SIGKILL)
	s.replaceStore(store + ".live")
	s.start() // the journal has writes of a later epoch: the run is rolled back, and the fence is down as it should be
	s.authority("rolled back by what the journal says", "old")
	if got := s.status().Phase; got != cutover.RolledBack {
		t.Errorf("with a store that says live, and a journal that knows better: %s", got)
	}
	s.home()
	s.authority("home", "old")

	t.Log("nothing to recover")
	s.signal(syscall.SIGTERM)
	if code, out := s.serve("--recover-phase", "live", "--reason", "why not"); code == exitDone || !strings.Contains(out, "nothing to recover") {
		t.Errorf("recovering a run that is well exits %d: %s", code, out)
	}
	s.start()
	s.authority("at the end", "old")
	s.signal(syscall.SIGTERM)
	s.settle()
}

// disputed starts the program on a store that the fence contradicts.
func (s *site) disputed(when string) {
	s.t.Helper()
	s.start()
	s.eventually("it says what to do", func() bool { return s.unwell("--recover-phase") })
	if at := s.write(); !strings.HasPrefix(at, "nowhere: 503") {
		s.t.Errorf("%s: a write is taken by %s", when, at)
	}
	if response, err := httpClient.Get(s.process.proxy + "/items/1"); err != nil || response.StatusCode != 200 {
		s.t.Errorf("%s: a read ends in %+v %v", when, response, err)
	}
	if err := s.flip(); err == nil {
		s.t.Errorf("%s: flipped", when)
	}
}

// replaceStore removes the store and puts a copy in its place, or nothing.
func (s *site) replaceStore(from string) {
	s.t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(s.store() + suffix) // they need not be there
	}
	if from != "" {
		copyFile(s.t, from, s.store())
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// serve starts the program where it is expected not to serve, and returns how it ended.
func (p *process) serve(flags ...string) (code int, out string) {
	p.t.Helper()
	before, _ := os.ReadFile(p.log())
	p.launch(flags...)
	p.eventually("it ends", func() bool {
		select {
		case <-p.ended:
			return true
		default:
			return false
		}
	})
	text, err := os.ReadFile(p.log())
	if err != nil {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode(), string(text[len(before):])
}
