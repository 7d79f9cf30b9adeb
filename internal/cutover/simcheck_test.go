package cutover

import (
	"testing/synctest"
	"time"
)

// authorised reports whether the store says that new answers: it may be ahead of the plan with a `complete`.
func authorised(p *Plan, stored State) bool {
	return p.Phase == stored.Phase && p.Epoch == stored.Epoch && (p.Phase == Live || p.Phase == Complete) ||
		p.Phase == Live && stored.Phase == Complete && stored.Epoch == p.Epoch+1
}

// markedAt reports whether a marker stands for what is in force in the epoch.
func (s *sim) markedAt(epoch uint64) bool {
	marked, found, _ := s.now.marker.read()
	return found && marked.Epoch == epoch
}

// check looks at everything that must hold between two steps; all goroutines rest.
func (s *sim) check() {
	m := s.now.m
	p, state, stored := m.Plan(), m.State(), s.disk.stored()
	switch {
	case p.Epoch != state.Epoch || p.Phase != state.Phase:
		s.wrong("the plan is of %s in %d, the state of %s in %d", p.Phase, p.Epoch, state.Phase, state.Epoch)
	case p.Epoch < s.lastEpoch:
		s.wrong("epoch %d comes after %d", p.Epoch, s.lastEpoch)
	case s.lastPhase != "" && p.Phase != s.lastPhase && p.Epoch == s.lastEpoch:
		s.wrong("%s became %s within epoch %d", s.lastPhase, p.Phase, p.Epoch)
	case (p.Reads == New || p.Writes == New) && !authorised(p, stored):
		s.wrong("new is in authority in phase %s, epoch %d; the store says %s in %d", p.Phase, p.Epoch, stored.Phase, stored.Epoch)
	case p.Phase != RolledBack && p.Epoch > stored.Epoch && !s.markedAt(p.Epoch):
		s.wrong("%s is in force in epoch %d, and the store does not know of it: it says %s in %d", p.Phase, p.Epoch, stored.Phase, stored.Epoch)
	case s.leave.Epoch == p.Epoch && s.leave.Phase == p.Phase && (p.Phase == Live || p.Phase == Cutover || p.Phase == Canary):
		s.wrong("a rollback was asked for, and the run is still %s in epoch %d", p.Phase, p.Epoch)
	case s.lastPhase == RolledBack && p.Phase != RolledBack && !s.resumed:
		s.wrong("rolled_back became %s, and nobody resumed", p.Phase)
	case p.Phase == RolledBack && s.lastPhase != RolledBack && s.lastPhase != "" && !s.cause:
		s.wrong("rolled back in epoch %d, and nothing asked for it", p.Epoch)
	}
	if forward := p.Phase == Live || p.Phase == Canary || p.Phase == Complete; forward && p.Phase != s.lastPhase && s.lastPhase != "" &&
		!s.asked[p.Phase] && !(p.Phase == Canary && s.lastPhase == Cutover) {
		s.wrong("%s became %s, and no operator asked for it", s.lastPhase, p.Phase)
	}
	switch {
	case p.Phase == Live && s.lastPhase != Live:
		s.cause = false
		s.counts["live"]++
	case p.Phase == RolledBack && s.lastPhase != RolledBack:
		s.counts["rolled back"]++
	case p.Phase != s.lastPhase:
		s.counts[string(p.Phase)]++
	}
	if p.Phase == RolledBack && !p.Hold {
		if s.latched != p.Epoch {
			s.latched, s.resumed = p.Epoch, s.done[len(s.done)-1] == "resume"
		}
	} else if p.Phase != RolledBack {
		s.latched = 0
	}
	s.lastEpoch, s.lastPhase, s.leave = p.Epoch, p.Phase, Plan{}
	s.checkHold(p)
}

// checkHold sees that no stage but those that wait for the store's word holds writes for longer than it may.
func (s *sim) checkHold(p *Plan) {
	m := s.now.m
	if st := m.model.stage; st != s.stage {
		s.stage, s.moving = st, time.Now()
		if st == disputed {
			s.wrong("the store and the fence disagree, and nobody emptied or replaced the store: %s", m.model.dispute)
		}
		s.counts[st.String()]++
	}
	took := time.Since(s.moving)
	limit := map[stage]time.Duration{
		draining: m.o.DrainMax, preparing: m.o.HoldMax, checking: m.o.HoldMax, fencing: m.o.HoldMax,
		undoing: dataFor + touchGrace, retreating: m.o.RollbackDrain + 2*m.o.StoreFor, probing: probeFor + touchGrace,
	}[s.stage]
	if limit > 0 && took > limit+3*time.Second { // a step lasts up to three
		s.wrong("%s takes %s", s.stage, took)
	}
	if p.Hold && s.stage == steady {
		s.wrong("writes are held in stage %s", s.stage)
	}
	m.Trip(s.t.Context(), 1<<40, "nothing", "") // of no epoch that ever is, so ignored: it orders this look before what the machine does next
}

// settle mends everything, and sees that whatever was under way ends.
func (s *sim) settle() {
	s.disk.break_("")
	s.bases.set("")
	<-time.After(time.Minute)
	synctest.Wait()
	p, stored := s.now.m.Plan(), s.disk.stored()
	s.now.mu.Lock()
	held := s.now.held
	s.now.mu.Unlock()
	if p.Hold || p.Refuse || held > 0 || s.now.m.Unwell() != "" {
		s.wrong("with all mended: plan %+v, %d writes held, unwell %q", *p, held, s.now.m.Unwell())
	}
	if stored.Epoch != p.Epoch || stored.Phase != p.Phase {
		s.wrong("with all mended the store says %s in %d, the plan %s in %d", stored.Phase, stored.Epoch, p.Phase, p.Epoch)
	}
	if state, want := s.now.m.State(), s.data && s.bases.fences && (p.Phase == Live || p.Phase == Complete); s.bases.standing() != want || state.Fenced != want {
		s.wrong("with all mended the fence stands: %v, the state of %s says %v", s.bases.standing(), p.Phase, state.Fenced)
	}
	if old := p.Phase != Live && p.Phase != Complete; old && (s.bases.prepared || s.now.m.State().Prepared) {
		s.wrong("with all mended what was prepared is not undone in %s", p.Phase)
	}
	s.now.stop()
	if err := <-s.now.ended; err != nil {
		s.wrong("Run: %v", err)
	}
	close(s.now.killed)
}
