package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
)

// TestTailSeesEverythingThatCounts follows a journal with a key, over rotations and compressions, while writers write; and reads again from
// the middle.
func TestTailSeesEverythingThatCounts(t *testing.T) {
	j := open(t, Options{Directory: t.TempDir(), Segment: 4 << 10, Key: []byte("0123456789abcdef")})
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() {
		if err := j.Run(ctx); err != nil {
			t.Errorf("running: %v", err)
		}
	})
	const writers, each = 4, 20
	tail := j.Tail(0)
	defer tail.Close()
	for w := range writers {
		run.Go(func() {
			for i := range each {
				e := mustBegin(t, j, put(New, fmt.Sprintf("/%d/%d", w, i)))
				if err := e.Answered(&Answer{Outcome: Acknowledged, Status: 200}); err != nil {
					t.Errorf("an outcome: %v", err)
				}
			}
		})
	}
	var seqs []uint64
	for len(seqs) < 2*writers*each {
		r, err := tail.NextWait(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if r.Type == HeaderRecord {
			continue
		}
		if seqs = append(seqs, r.Seq); r.Seq > j.settledSeq() {
			t.Errorf("record %d was read before it was durable", r.Seq)
		}
		if r.Write != nil && string(r.Write.Body) != "body of "+r.Write.Target {
			t.Errorf("write %d has the body %q", r.Seq, r.Write.Body)
		}
	}
	if !slices.Equal(seqs, span1(1, 2*writers*each)) {
		t.Errorf("read %v", seqs)
	}
	again := j.Tail(31)
	defer again.Close()
	r, err := again.NextWait(ctx)
	for err == nil && r.Type == HeaderRecord {
		r, err = again.NextWait(ctx)
	}
	if err != nil || r.Seq != 31 {
		t.Errorf("from 31 on: %d, %v", r.Seq, err)
	}
	cancel()
	if _, err := tail.NextWait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	run.Wait()
}

// TestResolve settles what is unknown or unsent, and refuses the rest; the same word again changes nothing.
func TestResolve(t *testing.T) {
	dir := t.TempDir()
	before := open(t, Options{Directory: dir})
	mustBegin(t, before, put(New, "/died"))
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	j := open(t, Options{Directory: dir})
	answered := func(target string, status int) {
		if err := mustBegin(t, j, put(New, target)).Answered(&Answer{Outcome: OutcomeOf(status), Status: status}); err != nil {
			t.Fatal(err)
		}
	}
	answered("/rejected", 409)
	answered("/failed", 503)
	answered("/taken", 200)
	mustBegin(t, j, put(New, "/flying"))
	ids := map[string]string{}
	list := func() (lines []string) {
		t.Helper()
		damage, err := j.List(t.Context(), Query{}, func(i Item) error {
			ids[i.Path] = i.ID
			lines = append(lines, fmt.Sprintf("%s %s %s %v", i.Path, i.Outcome, i.Carried, i.Forced))
			return nil
		})
		if damage != nil || err != nil {
			t.Fatal(damage, err)
		}
		return lines
	}
	want := []string{"/died unknown unknown false", "/rejected rejected - false", "/failed unknown unknown false", "/taken acknowledged unsent false", "/flying  - false"}
	if got := list(); !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	for _, test := range []struct {
		path     string
		sent     bool
		refused  error
		carried  Carried
		records  uint64 // that it adds
		carrying Side
	}{
		{"/died", false, nil, Unsent, 1, Old},
		{"/died", false, nil, Unsent, 0, ""},
		{"/died", true, nil, Resolved, 1, ""},
		{"/died", true, nil, Resolved, 0, ""},
		{"/died", false, ErrSettled, "", 0, ""},
		{"/failed", true, nil, Resolved, 1, ""},
		{"/taken", true, ErrSettled, "", 0, Old},
		{"/taken", false, nil, Unsent, 1, New},
		{"/rejected", true, ErrSettled, "", 0, ""},
		{"/flying", true, ErrSettled, "", 0, ""},
		{"/none", true, ErrNoWrite, "", 0, ""},
	} {
		before := j.Status().Seq
		item, _, err := j.Resolve(t.Context(), Resolution{ID: ids[test.path], Sent: test.sent, By: "alice", Reason: "looked", Carrying: test.carrying})
		if !errors.Is(err, test.refused) || item.Carried != test.carried || j.Status().Seq != before+test.records {
			t.Errorf("%s, sent %v: %q, %v, %d records", test.path, test.sent, item.Carried, err, j.Status().Seq-before)
		}
	}
	if b := j.Backlog(Old); b.Acknowledged != 1 || b.Unknown != 0 {
		t.Errorf("old lacks %+v", b)
	}
}
