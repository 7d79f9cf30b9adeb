package cutover

import "time"

// Phase is where a run is.
type Phase string

// The phases of a run.
const (
	Shadow     Phase = "shadow"
	Cutover    Phase = "cutover"
	Live       Phase = "live"
	RolledBack Phase = "rolled_back"
)

// Phases lists every phase, in the order of a run.
var Phases = []Phase{Shadow, Cutover, Live, RolledBack}

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

// Report is the gate as it stood at one moment.
type Report struct {
	Verdict  Verdict     `json:"verdict"`
	Criteria []Criterion `json:"criteria"`
	At       time.Time   `json:"at"`
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
	// ConfigChecksum identifies the configuration that the window's evidence was gathered under; Drift says that it is not
	// the one that the run began with.
	ConfigChecksum string
	Drift          bool
	// WritesOnNew counts the writes that new may have taken since the flip: what a rollback would leave behind.
	WritesOnNew int64
}
