package journal

import "encoding/json"

// leanWire is what of a line tells what became of a write: decoding that costs less than half of decoding it all.
type leanWire struct {
	Seq        uint64  `json:"seq"`
	Synced     uint64  `json:"synced"`
	Type       Type    `json:"type"`
	ID         string  `json:"id"`
	At         Side    `json:"at"`
	Outcome    Outcome `json:"outcome"`
	To         Side    `json:"to"`
	Sent       bool    `json:"sent"`
	Repeatable bool    `json:"repeatable"`
	Through    uint64  `json:"through"`
	Count      int64   `json:"count"`
}

// decodeLean reads of a line what Fates needs. Headers it reads whole.
func decodeLean(line []byte) (Record, error) {
	if err := verifyChecksum(line); err != nil {
		return Record{}, err
	}
	var w leanWire
	if err := json.Unmarshal(line, &w); err != nil || w.Seq == 0 {
		return decodeLine(line, nil) // a header, or what is wrong with it
	}
	r := Record{Seq: w.Seq, Synced: w.Synced, Type: w.Type, ID: w.ID}
	switch w.Type {
	case IntentRecord:
		r.Write = &Write{At: w.At}
	case OutcomeRecord, BodyRecord, SentRecord:
		r.Answer = &Answer{Outcome: w.Outcome}
	case SendingRecord, ResolvedRecord, DiscardedRecord, GapRecord:
	case HeaderRecord:
		fallthrough
	default:
		return decodeLine(line, nil)
	}
	if r.Write == nil {
		r.Mark = &Mark{To: w.To, Sent: w.Sent, Repeatable: w.Repeatable, Through: w.Through, Count: w.Count}
	}
	return r, nil
}
