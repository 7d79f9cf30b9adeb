package journal

import "testing"

// What was recorded without a wait for the disk is listed, and can be resolved, at once: no batch comes that would have it synced.
func TestWhatWasRecordedAMomentAgoIsKnown(t *testing.T) {
	j := open(t, Options{Directory: t.TempDir()})
	e := mustBegin(t, j, put(Old, "/a"))
	e.AnsweredSoon(&Answer{Outcome: Acknowledged, Status: 200})
	listed := func() (out Item) {
		if _, err := j.List(t.Context(), Query{}, func(i Item) error { out = i; return nil }); err != nil {
			t.Error(err)
		}
		return out
	}
	if i := listed(); i.Outcome != Acknowledged || i.Carried != Unsent {
		t.Errorf("listed as %q, %s", i.Outcome, i.Carried)
	}
	mark := Mark{To: New, By: byMirror}
	if err := j.Mark(t.Context(), Record{Type: SendingRecord, ID: e.ID(), Mark: &mark}); err != nil {
		t.Fatal(err)
	}
	if err := j.MarkSoon(Record{Type: SentRecord, ID: e.ID(), Mark: &mark, Answer: &Answer{Outcome: Unknown}}); err != nil {
		t.Fatal(err)
	}
	if i, isNew, err := j.Resolve(t.Context(), Resolution{ID: e.ID(), Sent: true}); err != nil || !isNew || i.Carried != Resolved {
		t.Errorf("resolved: %s, %v (%v)", i.Carried, isNew, err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}
