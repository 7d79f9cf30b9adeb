package journal

// Carried says what became of a write on the other side.
type Carried string

// What can have become of a write there.
const (
	Nothing        Carried = "-"         // there is nothing to carry: it changed nothing, or has not ended yet
	Unsent         Carried = "unsent"    // the next replay or the mirror sends it
	Sending        Carried = "sending"   // it is under way, or was when a process died
	Sent           Carried = "sent"      // the other side took it
	Resolved       Carried = "resolved"  // an operator said that the other side has it, or must not get it
	Discarded      Carried = "discarded" // an operator gave it up with all that was unreplayed
	CarriedUnknown Carried = "unknown"   // nobody knows whether the other side needs it, or has it: an operator decides
)

// Fate is what the records tell of a write, or of a gap in them.
type Fate struct {
	At Side
	// Outcome is empty while none is recorded: the write is in flight, or the process died; see Abandon of Ledger and Fates.
	Outcome Outcome
	Carried Carried
	// Forced says that an operator wants it sent also where it is a conflict.
	Forced bool
	// Gap says that this is no write, but writes to old that are in no record.
	Gap bool
}

// Pending reports whether the other side lacks the write, or may.
func (f Fate) Pending() bool {
	return f.Carried == Unsent || f.Carried == Sending || f.Carried == CarriedUnknown
}

// state is the outcome of a write and what was carried of it, in five bits.
type state uint8

const (
	stateNone state = iota // no write
	stateOpen
	stateOpenDiscarded // given up before it ended; its outcome counts again
	stateRejected
	stateNotSent
	stateAckUnsent
	stateAckSending
	stateAckSent
	stateAckResolved
	stateAckDiscarded
	stateAckUnknown
	stateUnknown
	stateUnknownUnsent // resolved: the other side lacks it
	stateUnknownSending
	stateUnknownSent
	stateUnknownResolved
	stateUnknownDiscarded
	stateGap
	stateGapResolved
	stateGapDiscarded
	states
)

// shown is how a state is told.
var shown = [states]struct {
	outcome Outcome
	carried Carried
}{
	stateNone:             {"", Nothing},
	stateOpen:             {"", Nothing},
	stateOpenDiscarded:    {"", Discarded},
	stateRejected:         {Rejected, Nothing},
	stateNotSent:          {NotSent, Nothing},
	stateAckUnsent:        {Acknowledged, Unsent},
	stateAckSending:       {Acknowledged, Sending},
	stateAckSent:          {Acknowledged, Sent},
	stateAckResolved:      {Acknowledged, Resolved},
	stateAckDiscarded:     {Acknowledged, Discarded},
	stateAckUnknown:       {Acknowledged, CarriedUnknown},
	stateUnknown:          {Unknown, CarriedUnknown},
	stateUnknownUnsent:    {Unknown, Unsent},
	stateUnknownSending:   {Unknown, Sending},
	stateUnknownSent:      {Unknown, Sent},
	stateUnknownResolved:  {Unknown, Resolved},
	stateUnknownDiscarded: {Unknown, Discarded},
	stateGap:              {Unknown, CarriedUnknown},
	stateGapResolved:      {Unknown, Resolved},
	stateGapDiscarded:     {Unknown, Discarded},
}

// change is what a record does to the write it is about.
type change uint8

const (
	changeAcknowledged change = iota
	changeRejected
	changeNotSent
	changeUnknown
	changeSending
	changeSent       // the other side took it
	changeNotTaken   // it did not, and the write can be sent again
	changeLost       // nobody knows whether it did
	changeResolved   // the other side has it, or must not get it
	changeUnresolved // the other side lacks it
	changeDiscarded
	changeAbandoned // the process that would have told is gone
	changes
)

// next is the table of all changes; one that is not in it leaves the state as it is. What a lost sending leaves behind is that of a write
// which must not be sent twice: see step.
var next = [states][changes]state{
	stateOpen: {
		changeAcknowledged: stateAckUnsent, changeRejected: stateRejected, changeNotSent: stateNotSent, changeUnknown: stateUnknown,
		changeResolved: stateUnknownResolved, changeUnresolved: stateUnknownUnsent, changeDiscarded: stateOpenDiscarded,
		changeAbandoned: stateUnknown,
	},
	stateOpenDiscarded: {
		changeAcknowledged: stateAckUnsent, changeRejected: stateRejected, changeNotSent: stateNotSent, changeUnknown: stateUnknown,
		changeAbandoned: stateUnknownDiscarded,
	},
	stateAckUnsent: {
		changeSending: stateAckSending, changeSent: stateAckSent, changeLost: stateAckUnknown, changeResolved: stateAckResolved,
		changeUnresolved: stateAckUnsent, changeDiscarded: stateAckDiscarded,
	},
	stateAckSending: {
		changeSent: stateAckSent, changeNotTaken: stateAckUnsent, changeLost: stateAckUnknown, changeResolved: stateAckResolved,
		changeUnresolved: stateAckUnsent, changeDiscarded: stateAckDiscarded, changeAbandoned: stateAckUnknown,
	},
	stateAckUnknown: {
		changeSending: stateAckSending, changeSent: stateAckSent, changeResolved: stateAckResolved, changeUnresolved: stateAckUnsent,
		changeDiscarded: stateAckDiscarded,
	},
	stateUnknown: {
		changeAcknowledged: stateAckUnsent, changeRejected: stateRejected, changeNotSent: stateNotSent, // told after it was abandoned
		changeSending: stateUnknownSending, changeSent: stateUnknownSent, changeResolved: stateUnknownResolved,
		changeUnresolved: stateUnknownUnsent, changeDiscarded: stateUnknownDiscarded,
	},
	stateUnknownUnsent: {
		changeSending: stateUnknownSending, changeSent: stateUnknownSent, changeLost: stateUnknown, changeResolved: stateUnknownResolved,
		changeUnresolved: stateUnknownUnsent, changeDiscarded: stateUnknownDiscarded,
	},
	stateUnknownSending: {
		changeSent: stateUnknownSent, changeNotTaken: stateUnknownUnsent, changeLost: stateUnknown, changeResolved: stateUnknownResolved,
		changeUnresolved: stateUnknownUnsent, changeDiscarded: stateUnknownDiscarded, changeAbandoned: stateUnknown,
	},
	stateGap: {changeResolved: stateGapResolved, changeUnresolved: stateGapResolved, changeDiscarded: stateGapDiscarded},
}

// fate is a Fate in a byte: a state and three flags.
type fate uint8

const (
	fateState      fate = 1<<5 - 1
	fateAtNew      fate = 1 << 5
	fateForced     fate = 1 << 6
	fateRepeatable fate = 1 << 7 // may be sent again where nobody knows whether it arrived
)

func newFate(s state, at Side, repeatable bool) fate {
	f := fate(s)
	if at == New {
		f |= fateAtNew
	}
	if repeatable {
		f |= fateRepeatable
	}
	return f
}

func (f fate) state() state { return state(f & fateState) }

func (f fate) at() Side {
	if f&fateAtNew != 0 {
		return New
	}
	return Old
}

// step is the fate after a change. A write that may be sent again is unsent where another one's sending would leave it unknown.
func (f fate) step(c change) fate {
	if f&fateRepeatable != 0 && (c == changeLost || c == changeAbandoned) && shown[f.state()].carried == Sending {
		c = changeNotTaken
	}
	to := next[f.state()][c]
	if to == stateNone {
		return f
	}
	f = f&^fateState | fate(to)
	if c == changeUnresolved {
		f |= fateForced
	}
	return f
}

// tell is the fate in words.
func (f fate) tell() Fate {
	s := f.state()
	gap := s == stateGap || s == stateGapResolved || s == stateGapDiscarded
	return Fate{At: f.at(), Outcome: shown[s].outcome, Carried: shown[s].carried, Forced: f&fateForced != 0, Gap: gap}
}

// pending reports whether the other side lacks it, or may.
func (f fate) pending() bool {
	return f.tell().Pending()
}

// changeOf is what a record does to the write it is about; ok is false where it does nothing.
func changeOf(r *Record) (c change, ok bool) {
	switch r.Type {
	case OutcomeRecord:
		return changeOfOutcome(r.Answer)
	case SendingRecord:
		return changeSending, true
	case SentRecord:
		return changeOfSent(r.Answer)
	case ResolvedRecord:
		if r.Mark == nil {
			return 0, false
		}
		if r.Mark.Sent {
			return changeResolved, true
		}
		return changeUnresolved, true
	case HeaderRecord, IntentRecord, BodyRecord, DiscardedRecord, GapRecord:
	}
	return 0, false
}

func changeOfOutcome(a *Answer) (change, bool) {
	if a == nil {
		return 0, false
	}
	switch a.Outcome {
	case Acknowledged:
		return changeAcknowledged, true
	case Rejected:
		return changeRejected, true
	case NotSent:
		return changeNotSent, true
	case Unknown:
	}
	return changeUnknown, true // whatever else a later version may write
}

// changeOfSent reads the answer of the other side: `acknowledged` is what counts as carried, whatever its status.
func changeOfSent(a *Answer) (change, bool) {
	if a == nil {
		return 0, false
	}
	switch a.Outcome {
	case Acknowledged:
		return changeSent, true
	case Rejected, NotSent:
		return changeNotTaken, true
	case Unknown:
	}
	return changeLost, true
}
