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
}

// Backlog is what one side lacks of what the other one was sent.
type Backlog struct {
	// Acknowledged counts the writes that the other side accepted and this one lacks, Unknown those of which nobody knows whether it did.
	Acknowledged int64 `json:"acknowledged"`
	Unknown      int64 `json:"unknown"`
	// Gaps counts the writes that passed while the journal could not be written.
	Gaps int64 `json:"gaps"`
	// OldestID and Oldest are of the first of them; left out if there are none.
	OldestID string     `json:"oldest_id,omitempty"`
	Oldest   *time.Time `json:"oldest,omitempty"`
}

// Writes is how many writes this side may lack.
func (b Backlog) Writes() int64 { return b.Acknowledged + b.Unknown }
