package admin

import "time"

// Journal is how the journal of writes is, and what the two sides lack of each other's.
type Journal struct {
	// Unavailable says why no write can be recorded at the moment; empty if one can.
	Unavailable string `json:"unavailable"`
	Directory   string `json:"directory"`
	// Sealed says that credentials and bodies are sealed with a key; without one credentials are not kept, and bodies are in clear.
	Sealed bool `json:"sealed"`
	// Records is the number of the last record, 0 if there is none; Segments and Bytes are of the files.
	Records  uint64 `json:"records"`
	Segments int    `json:"segments"`
	Bytes    int64  `json:"bytes"`
	// FreeBytes is the room on the journal's disk; nil, and left out, if it is unknown.
	FreeBytes *int64 `json:"free_bytes,omitempty"`
	// InFlight counts the writes whose outcome is not recorded yet.
	InFlight int `json:"in_flight"`
	// Bypassed counts the requests that may have changed new and that no journal sees: upgrades, streams, and what a bypass route takes.
	Bypassed int64   `json:"bypassed"`
	ToOld    Backlog `json:"to_old"`
	ToNew    Backlog `json:"to_new"`
	// Mirror is how what carries writes to the other side does.
	Mirror JournalMirror `json:"mirror"`
}

// JournalMirror is how the journal's mirror does.
type JournalMirror struct {
	Mode string `json:"mode"` // off or follow
	// Direction is `old-to-new` or `new-to-old`; empty while it rests.
	Direction string `json:"direction"`
	// LagRecords counts the acknowledged writes that the other side lacks, and LagSeconds is the age of the oldest; in rolled_back, those
	// that old lacks.
	LagRecords int64   `json:"lag_records"`
	LagSeconds float64 `json:"lag_seconds"`
	// Stopped says why it does not go on before an operator has resolved the write StoppedID, and Waiting what it tries again by itself;
	// both are left out if it goes on.
	Stopped   string `json:"stopped,omitempty"`
	StoppedID string `json:"stopped_id,omitempty"`
	Waiting   string `json:"waiting,omitempty"`
}

// Backlog is what one side lacks of what the other one was sent.
type Backlog struct {
	// Acknowledged counts the writes that the other side accepted and this one lacks, Unknown those of which nobody knows whether it did.
	Acknowledged int64 `json:"acknowledged"`
	Unknown      int64 `json:"unknown"`
	// Gaps counts the writes that passed while the journal could not be written.
	Gaps int64 `json:"gaps"`
	// Renamed counts the writes that this side has, but made something of under another name than the one that clients know.
	Renamed int64 `json:"renamed"`
	// OldestID and Oldest are of the first of them; left out if there are none.
	OldestID string     `json:"oldest_id,omitempty"`
	Oldest   *time.Time `json:"oldest,omitempty"`
}

// Writes is how many writes this side may lack.
func (b Backlog) Writes() int64 { return b.Acknowledged + b.Unknown }
