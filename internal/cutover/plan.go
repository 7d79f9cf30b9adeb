package cutover

// Side names a backend, or neither.
type Side uint8

// The sides.
const (
	Nobody Side = iota
	Old
	New
)

// Fallback says when old answers a read that new fails.
type Fallback uint8

// The values of Fallback.
const (
	Never Fallback = iota
	InCanary
	Always // in Canary and in Live
)

// Plan says where traffic goes in one epoch. It is published whole.
type Plan struct {
	Epoch         uint64
	Phase         Phase
	Reads, Shadow Side
	// Fraction of the reads that is mirrored, 0 to 1.
	Fraction float64
	// Canary is the fraction of the reads that New answers in the place of Reads, with the other side as their shadow, 0 to 1.
	Canary float64
	Writes Side
	// Hold makes writes wait; Refuse answers them 503.
	Hold, Refuse bool
	// Fallback lets old answer a read that new fails.
	Fallback bool
	// Stale: the shadow's data stands still, so that its answers prove nothing.
	Stale bool
}

// plan derives where traffic goes from the phase and the stage.
func (m *model) plan() Plan {
	p := Plan{
		Epoch: m.state.Epoch, Phase: m.state.Phase, Fraction: m.state.MirrorFraction,
		Reads: Old, Shadow: New, Writes: Old,
	}
	switch m.state.Phase {
	case Canary:
		p.Canary, p.Fallback = m.state.CanaryFraction, m.fallback != Never
	case Cutover:
		if m.state.Before == Canary {
			p.Canary, p.Fallback = m.state.CanaryFraction, m.fallback != Never
		}
	case Live:
		p.Reads, p.Shadow, p.Writes = New, Old, New
		p.Stale = true // nothing carries new's writes back to old, so old stands still from the flip on
		p.Fallback = m.fallback == Always
	case Complete:
		p.Reads, p.Shadow, p.Writes = New, Nobody, New
	case Shadow, RolledBack:
	}
	if m.holding() {
		p.Hold, p.Refuse = !m.refusing, m.refusing
	}
	return p
}

// holding reports whether writes may go nowhere now.
func (m *model) holding() bool {
	switch m.stage {
	case steady, recording, intending:
		return false
	case aborting:
		return m.tried // the commit may come to light after a crash
	case draining, preparing, checking, fencing, committing, uncertain, undoing, unfencing, retreating, probing, securing, disputed:
	}
	return true
}
