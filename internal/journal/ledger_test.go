package journal

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const testIdentity = "0a1b2c3d"

// modelWrite is a write as a person would keep it in a notebook.
type modelWrite struct {
	at                 Side
	arrived            time.Time
	outcome            Outcome
	carried            Carried
	forced, repeatable bool
	gap                int64
}

// history makes random histories as the writer, a replay and an operator may make them, and keeps the naive model beside.
type history struct {
	random  *rand.Rand
	seq     uint64
	now     time.Time
	writes  map[uint64]*modelWrite
	records []Record
	// restarted is the number of the last record before a restart: the ledger cannot give up a part of what was pending then.
	restarted uint64
}

func newHistory(seed uint64) *history {
	return &history{random: rand.New(rand.NewPCG(seed, 7)), now: time.Unix(1e9, 0).UTC(), writes: map[uint64]*modelWrite{}}
}

func (h *history) record(r Record) Record {
	h.seq++
	h.now = h.now.Add(time.Duration(1+h.random.IntN(1000)) * time.Millisecond)
	r.Seq, r.Time = h.seq, h.now
	h.records = append(h.records, r)
	return r
}

// pick returns a write that fits, the older the likelier, or 0.
func (h *history) pick(fits func(*modelWrite) bool) uint64 {
	var list []uint64
	for seq := uint64(1); seq <= h.seq; seq++ {
		if w := h.writes[seq]; w != nil && fits(w) {
			list = append(list, seq)
		}
	}
	if len(list) == 0 {
		return 0
	}
	return list[h.random.IntN(1+h.random.IntN(len(list)))]
}

// step appends one record and keeps the model.
func (h *history) step() {
	switch p := h.random.IntN(100); {
	case p < 35:
		at := []Side{Old, New}[h.random.IntN(2)]
		r := h.record(Record{Type: IntentRecord, Write: &Write{At: at, Epoch: uint64(p), Time: h.now}})
		h.writes[r.Seq] = &modelWrite{at: at, arrived: r.Write.Time, carried: Nothing}
	case p < 65:
		h.outcome()
	case p < 80:
		h.sending()
	case p < 92:
		h.sent()
	case p < 96:
		h.resolve()
	case p < 98:
		r := h.record(Record{Type: GapRecord, Mark: &Mark{To: New, Count: int64(1 + h.random.IntN(9)), From: h.now}})
		h.writes[r.Seq] = &modelWrite{at: Old, arrived: r.Mark.From, outcome: Unknown, carried: CarriedUnknown, gap: r.Mark.Count}
	case h.random.IntN(10) == 0:
		h.discard()
	}
}

func (h *history) outcome() {
	seq := h.pick(func(w *modelWrite) bool { return w.outcome == "" })
	if seq == 0 {
		return
	}
	w := h.writes[seq]
	w.outcome = []Outcome{Acknowledged, Acknowledged, Acknowledged, Rejected, NotSent, Unknown}[h.random.IntN(6)]
	switch w.carried = Nothing; w.outcome {
	case Acknowledged:
		w.carried = Unsent
	case Unknown:
		w.carried = CarriedUnknown
	case Rejected, NotSent:
	}
	h.record(Record{Type: OutcomeRecord, ID: WriteID(testIdentity, seq), Answer: &Answer{Outcome: w.outcome}})
}

func (h *history) sending() {
	seq := h.pick(func(w *modelWrite) bool { return w.carried == Unsent })
	if seq == 0 {
		return
	}
	w := h.writes[seq]
	w.carried = Sending
	w.repeatable = w.repeatable || seq%3 == 0
	h.record(Record{Type: SendingRecord, ID: WriteID(testIdentity, seq), Mark: &Mark{To: w.at.Other(), By: "replay", Repeatable: w.repeatable}})
}

func (h *history) sent() {
	seq := h.pick(func(w *modelWrite) bool { return w.carried == Sending })
	if seq == 0 {
		return
	}
	w := h.writes[seq]
	outcome := []Outcome{Acknowledged, Acknowledged, Acknowledged, Rejected, NotSent, Unknown}[h.random.IntN(6)]
	switch outcome {
	case Acknowledged:
		w.carried = Sent
	case Rejected, NotSent:
		w.carried = Unsent
	case Unknown:
		w.lost()
	}
	h.record(Record{
		Type: SentRecord, ID: WriteID(testIdentity, seq), Answer: &Answer{Outcome: outcome}, Mark: &Mark{To: w.at.Other(), By: "replay"},
	})
}

// lost says that nobody knows whether the other side took it.
func (w *modelWrite) lost() {
	if w.carried = CarriedUnknown; w.repeatable {
		w.carried = Unsent
	}
}

func (h *history) resolve() {
	seq := h.pick(func(w *modelWrite) bool { return w.carried == Unsent || w.carried == CarriedUnknown })
	if seq == 0 {
		return
	}
	w := h.writes[seq]
	sent := h.random.IntN(2) == 0
	w.carried, w.forced = Unsent, w.forced || !sent
	if sent || w.gap > 0 {
		w.carried = Resolved
	}
	h.record(Record{Type: ResolvedRecord, ID: WriteID(testIdentity, seq), Mark: &Mark{To: w.at.Other(), By: "alice", Sent: sent}})
}

func (h *history) discard() {
	to := []Side{Old, New}[h.random.IntN(2)]
	through := max(h.seq-uint64(h.random.IntN(int(min(h.seq+1, 20)))), h.restarted)
	for seq, w := range h.writes {
		if seq > through || w.at != to.Other() {
			continue
		}
		switch {
		case w.outcome == "" || w.carried == Unsent || w.carried == Sending || w.carried == CarriedUnknown:
			w.carried = Discarded
		}
	}
	h.record(Record{Type: DiscardedRecord, Mark: &Mark{To: to, By: "alice", Through: through}})
}

// abandon is the death of the process.
func (h *history) abandon() {
	for _, w := range h.writes {
		switch {
		case w.outcome == "" && w.carried == Discarded:
			w.outcome = Unknown
		case w.outcome == "":
			w.outcome, w.carried = Unknown, CarriedUnknown
		case w.carried == Sending:
			w.lost()
		}
	}
}

// backlog counts the model.
func (h *history) backlog(to Side) (b Backlog, open int) {
	for seq := uint64(1); seq <= h.seq; seq++ {
		w := h.writes[seq]
		if w == nil {
			continue
		}
		if w.outcome == "" {
			open++
		}
		if w.at != to.Other() {
			continue
		}
		if w.outcome == "" {
			b.Open++
		}
		pending := true
		switch {
		case w.gap > 0 && w.carried == CarriedUnknown:
			b.Gaps += w.gap
			pending = false
		case w.carried == CarriedUnknown:
			b.Unknown++
		case w.carried == Unsent || w.carried == Sending:
			b.Acknowledged++
		default:
			pending = false
		}
		if w.gap == 0 && (w.carried == Unsent || w.carried == Sending) && w.at == to.Other() && b.OldestUnsent.IsZero() {
			b.OldestUnsent = w.arrived
		}
		if pending && b.OldestSeq == 0 {
			b.OldestSeq, b.OldestID, b.Oldest = seq, WriteID(testIdentity, seq), w.arrived
		}
	}
	return b, open
}

// TestLedgerCountsLikeANotebook drives random histories with crashes and restarts from snapshots, and compares the ledger, and what is known
// of each write, with a naive model after every record.
func TestLedgerCountsLikeANotebook(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			h := newHistory(seed)
			ledger, fates := NewLedger(), NewFates()
			ledger.Apply(&Record{Type: HeaderRecord, Header: &SegmentHeader{Identity: testIdentity}})
			exact := true
			for range 250 {
				before := len(h.records)
				h.step()
				for i := range h.records[before:] {
					ledger.Apply(&h.records[before+i])
					fates.Apply(&h.records[before+i])
				}
				switch h.random.IntN(60) {
				case 0:
					h.abandon()
					ledger.Abandon()
					fates.Abandon()
				case 1:
					ledger, exact = restarted(t, ledger), false
					h.restarted = h.seq
				}
				h.compare(t, ledger, fates, exact)
				if t.Failed() {
					t.Fatalf("after record %d, %s of %s", h.seq, h.records[len(h.records)-1].Type, h.records[len(h.records)-1].ID)
				}
			}
		})
	}
}

// restarted sends a ledger through the header of a segment.
func restarted(t *testing.T, l *Ledger) *Ledger {
	text, err := json.Marshal(l.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	var s Snapshot
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return RestoreLedger(testIdentity, &s)
}

func (h *history) compare(t *testing.T, ledger *Ledger, fates *Fates, exact bool) {
	t.Helper()
	for _, to := range []Side{Old, New} {
		want, open := h.backlog(to)
		got := ledger.Backlog(to)
		if ledger.Open() != open {
			t.Errorf("%d open, want %d", ledger.Open(), open)
		}
		if !exact { // the oldest is known until it is carried, then only that none is older
			if got.OldestSeq > want.OldestSeq || got.Oldest.After(want.Oldest) || got.OldestID != "" && got.OldestID != want.OldestID {
				t.Errorf("the oldest that %s lacks is %s of %v from %d on, want %s of %v", to, got.OldestID, got.Oldest, got.OldestSeq, want.OldestID, want.Oldest)
			}
			if got.OldestUnsent.After(want.OldestUnsent) || got.OldestUnsent.IsZero() != want.OldestUnsent.IsZero() {
				t.Errorf("the oldest that can be sent to %s is of %v, want %v", to, got.OldestUnsent, want.OldestUnsent)
			}
			got.OldestUnsent = want.OldestUnsent
			got.OldestID, got.Oldest, got.OldestSeq = want.OldestID, want.Oldest, want.OldestSeq
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("what %s lacks (-want +got):\n%s", to, diff)
		}
	}
	for seq, w := range h.writes {
		want := Fate{At: w.at, Outcome: w.outcome, Carried: w.carried, Forced: w.forced, Gap: w.gap > 0}
		if got, ok := fates.Find(seq); !ok || got != want {
			t.Errorf("write %d is %+v, want %+v", seq, got, want)
		}
	}
}

// TestPendingSet compares the set with a plain one, far beyond what it knows to the bit.
func TestPendingSet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var set pendingSet
	const total = 40 * spanSeqs
	for seq := uint64(1); seq <= total; seq++ {
		if seq%3 != 0 {
			set.add(seq, int64(seq)*1000)
		}
	}
	if want := int64(total - total/3); set.count != want {
		t.Fatalf("%d pending, want %d", set.count, want)
	}
	if len(set.spans) > maxSpans {
		t.Fatalf("%d spans", len(set.spans))
	}
	for seq := uint64(1); seq <= total; seq++ {
		if first, at, known := set.oldest(); first > seq && (seq%3 != 0) || known && (first < seq || at != int64(first)*1000) {
			t.Fatalf("the oldest is %d at %d (known %v), and %d is pending", first, at, known, seq)
		}
		if seq%3 != 0 {
			set.remove(seq)
		} else if random.IntN(100) == 0 && total-seq < exactSpans*spanSeqs/2 {
			set.remove(seq) // it is not in it
		}
	}
	if set.count != 0 || len(set.spans) != 0 {
		t.Errorf("%d pending in %d spans after all were removed", set.count, len(set.spans))
	}
}

// TestPendingSetIsSmall holds the number of spans where the numbers go on for ever.
func TestPendingSetIsSmall(t *testing.T) {
	var set pendingSet
	const spans = 2 * maxSpans
	for i := range uint64(spans) {
		set.add(i*spanSeqs+7, int64(i))
	}
	exact := 0
	for _, s := range set.spans {
		if s.exact != nil {
			exact++
		}
	}
	if set.count != spans || len(set.spans) > maxSpans || exact > exactSpans+1 {
		t.Errorf("%d pending in %d spans, %d of them exact", set.count, len(set.spans), exact)
	}
	if seq, at, known := set.oldest(); seq != 7 || at != 0 || !known {
		t.Errorf("the oldest is %d at %d, known %v", seq, at, known)
	}
	set.removeThrough(spans * spanSeqs)
	if set.count != 0 {
		t.Errorf("%d pending after all were given up", set.count)
	}
}

func TestSplitID(t *testing.T) {
	for id, want := range map[string]uint64{
		"0a1b2c3d-1": 1, "0a1b2c3d-18446744073709551615": 1<<64 - 1, "": 0, "0a1b2c3d": 0, "0a1b2c3d-": 0, "0a1b2c3d-0": 0, "0a1b2c3d-01": 0,
		"0a1b2c3d--1": 0, "0a1b2c3d-+1": 0, "0A1b2c3d-1": 0, "a1b2c3d-1": 0, "0a1b2c3d-18446744073709551616": 0, "0a1b2c3d-1x": 0,
	} {
		identity, seq, ok := SplitID(id)
		if ok != (want != 0) || ok && (seq != want || identity != testIdentity) {
			t.Errorf("%q is %q, %d, %v", id, identity, seq, ok)
		}
	}
}
