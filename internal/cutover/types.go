package cutover

import (
	"encoding/json"
	"time"
)

// Phase is where a run is.
type Phase string

// The phases of a run.
const (
	Shadow     Phase = "shadow"
	Canary     Phase = "canary"
	Cutover    Phase = "cutover"
	Live       Phase = "live"
	RolledBack Phase = "rolled_back"
	Complete   Phase = "complete"
)

// Phases lists every phase, in the order of a run.
var Phases = []Phase{Shadow, Canary, Cutover, Live, RolledBack, Complete}

// Verdict is what the gate or one of its criteria says.
type Verdict string

// The verdicts of the gate. Fail outweighs Inconclusive, which outweighs Pass.
const (
	Pass         Verdict = "pass"
	Fail         Verdict = "fail"
	Inconclusive Verdict = "inconclusive"
)

// Criterion is one line of the gate: what was seen, what is asked for, and a sentence that says why.
type Criterion struct {
	Name     string  `json:"name"`
	Verdict  Verdict `json:"verdict"`
	Observed string  `json:"observed"`
	Required string  `json:"required"`
	Reason   string  `json:"reason"`
}

// Report is the gate, or the soak, as it stood at one moment.
type Report struct {
	Verdict  Verdict     `json:"verdict"`
	Criteria []Criterion `json:"criteria"`
	At       time.Time   `json:"at"`
	// Unmeasured has a sentence for each criterion of the soak that nothing is known of and that is not asked for therefore.
	Unmeasured []string `json:"unmeasured,omitempty"`
}

// maxTold bounds each text of a report that is kept, in characters.
const maxTold = 400

// Bounded is the report with long texts cut, to be kept with every change of phase.
func (r Report) Bounded() Report {
	cut := func(text string) string {
		if runes := []rune(text); len(runes) > maxTold {
			return string(runes[:maxTold-1]) + "…"
		}
		return text
	}
	criteria := make([]Criterion, len(r.Criteria))
	for i, c := range r.Criteria {
		c.Observed, c.Required, c.Reason = cut(c.Observed), cut(c.Required), cut(c.Reason)
		criteria[i] = c
	}
	r.Criteria = criteria
	return r
}

// Carried is what the journal's mirror did while a drain waited for it.
type Carried struct {
	Writes int64 // sent meanwhile
	Left   int64 // accepted by one side, and not known to be on the other
}

// State is what a run must not forget: it is stored before it takes effect.
type State struct {
	Run    string
	Phase  Phase
	Epoch  uint64
	Since  time.Time
	Reason string
	Actor  string
	// Before is the phase to which a flip that fails goes back; set in Cutover alone.
	Before Phase
	// WindowStart is when the evidence that the gate counts began.
	WindowStart time.Time
	// WindowReason says why it began then.
	WindowReason string
	// MirrorFraction is the fraction of the reads that is mirrored, 0 to 1.
	MirrorFraction float64
	// ConfiguredFraction is what the configuration said when MirrorFraction was last set from it.
	ConfiguredFraction float64
	// CanaryFraction is the fraction of the reads that new answers in Canary, and in a Cutover that came from there, 0 to 1.
	CanaryFraction float64
	// ConfiguredCanary is what the configuration said when CanaryFraction was last set from it.
	ConfiguredCanary float64
	// Fenced says that old may be fenced: set before the fence is put up, and taken back once it was seen to be down.
	Fenced bool
	// Unsecured says that an operator declared the run live, and the fence was not seen to stand since.
	Unsecured bool
	// Prepared says that cutover.prepare may have run for a flip that was abandoned, and has not been undone yet.
	Prepared bool
	// UnknownWrites counts the writes that a rollback gave up while they were in flight at new: what became of them is unknown.
	UnknownWrites int64
	// Recovered names the last phase that an operator declared at a start, with the reason, so that no later start takes it twice.
	Recovered string
	// Forced says why the run was flipped past a gate that did not pass; empty if it was not. It is never forgotten.
	Forced string
	// Baseline is what old answered before the flip, which new is measured against in Live.
	Baseline json.RawMessage
	// ConfigChecksum identifies the configuration that the window's evidence was gathered under; Drift says that it is not
	// the one that the run began with.
	ConfigChecksum string
	Drift          bool
	// ConfigText is what the checksum is of, without secrets, so that the next edit can be shown as a diff; empty if it is longer than
	// maxConfigText, or of a version that did not keep it.
	ConfigText string
	// WritesOnNew counts the writes that new may have taken since the flip: what a rollback would leave behind.
	WritesOnNew int64
}
