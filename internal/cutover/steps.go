package cutover

import (
	"slices"
	"time"
)

// StepName names a step of a flip or a rollback.
type StepName string

// The steps of a flip, in their order, and those that only its abandoning and a rollback have.
const (
	StepGate    StepName = "gate"    // judged before the machine is asked
	StepIntent  StepName = "intent"  // stored
	StepHold    StepName = "hold"    // writes wait from here on
	StepDrain   StepName = "drain"   // writes in flight run out: at old for a flip, at new for a rollback
	StepPrepare StepName = "prepare" // cutover.prepare
	StepChecks  StepName = "checks"  // the strict ones
	StepFence   StepName = "fence"   // put up, and verified
	StepStreams StepName = "streams" // closed
	StepCommit  StepName = "commit"  // stored
	StepRelease StepName = "release" // held writes go

	StepUndo    StepName = "undo"    // of what was prepared
	StepUnfence StepName = "unfence" // taken down, and verified
	StepAbort   StepName = "abort"   // stored
	StepRecord  StepName = "record"  // a rollback, stored or marked
)

// Outcome is how a step ended.
type Outcome string

// The outcomes of a step.
const (
	UnderWay Outcome = "under_way"
	Done     Outcome = "done"
	Failed   Outcome = "failed"
	Skipped  Outcome = "skipped" // nothing is configured for it
)

// Step is one step of a flip or a rollback, as it went.
type Step struct {
	Name    StepName  `json:"name"`
	Began   time.Time `json:"began"`
	Seconds float64   `json:"seconds"`
	// Limit is its deadline in seconds, 0 if it has none.
	Limit   float64 `json:"limit_seconds"`
	Outcome Outcome `json:"outcome"`
	// Detail says what it did, or why it failed.
	Detail string `json:"detail"`
}

// begin notes that a step is under way, and tells of it.
func (m *model) begin(now time.Time, name StepName, limit time.Duration) effect {
	m.steps = append(m.steps, Step{Name: name, Began: now, Limit: limit.Seconds(), Outcome: UnderWay})
	return m.tell(len(m.steps) - 1)
}

// end notes how the step ended that began last under the name; nothing is said where none is under way.
func (m *model) end(now time.Time, name StepName, err error, detail string) []effect {
	i := len(m.steps) - 1
	for i >= 0 && (m.steps[i].Name != name || m.steps[i].Outcome != UnderWay) {
		i--
	}
	if i < 0 {
		return nil
	}
	m.conclude(i, now, err, detail)
	return []effect{m.tell(i)}
}

func (m *model) conclude(i int, now time.Time, err error, detail string) {
	s := &m.steps[i]
	s.Seconds, s.Outcome, s.Detail = max(now.Sub(s.Began), 0).Seconds(), Done, detail
	if err != nil {
		s.Outcome, s.Detail = Failed, err.Error()
	}
}

// did is a step that takes no time.
func (m *model) did(now time.Time, name StepName) effect {
	m.begin(now, name, 0)
	m.conclude(len(m.steps)-1, now, nil, "")
	return m.tell(len(m.steps) - 1)
}

// skip is a step for which nothing is configured.
func (m *model) skip(now time.Time, name StepName) effect {
	m.steps = append(m.steps, Step{Name: name, Began: now, Outcome: Skipped, Detail: "nothing is configured"})
	return m.tell(len(m.steps) - 1)
}

// passOver ends the step under way for which, as it turned out, nothing is configured.
func (m *model) passOver(now time.Time, name StepName) []effect {
	for i := len(m.steps) - 1; i >= 0; i-- {
		if m.steps[i].Name == name && m.steps[i].Outcome == UnderWay {
			m.conclude(i, now, nil, "nothing is configured")
			m.steps[i].Outcome = Skipped
			return []effect{m.tell(i)}
		}
	}
	return nil
}

// broken ends all steps under way: the change that they are of goes no further.
func (m *model) broken(now time.Time, why error) []effect {
	var effects []effect
	for i := range m.steps {
		if m.steps[i].Outcome == UnderWay {
			m.conclude(i, now, why, "")
			effects = append(effects, m.tell(i))
		}
	}
	return effects
}

// remark says of the step under way what happened to it meanwhile.
func (m *model) remark(name StepName, detail string) []effect {
	for i := len(m.steps) - 1; i >= 0; i-- {
		if m.steps[i].Name == name && m.steps[i].Outcome == UnderWay {
			m.steps[i].Detail = detail
			return []effect{m.tell(i)}
		}
	}
	return nil
}

func (m *model) tell(i int) effect {
	return effect{kind: progress, epoch: m.state.Epoch, waiter: m.waiting, step: m.steps[i]}
}

// taken is a copy of the steps.
func (m *model) taken() []Step { return slices.Clone(m.steps) }

// longest names the step that took the most time.
func (m *model) longest() Step {
	var longest Step
	for _, s := range m.steps {
		if s.Seconds > longest.Seconds {
			longest = s
		}
	}
	return longest
}
