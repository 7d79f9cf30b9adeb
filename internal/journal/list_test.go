package journal

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// add appends a record with the next number.
func (p *papers) add(r Record) uint64 {
	p.seq++
	r.Seq, r.Synced, p.at[p.seq] = p.seq, p.seq-1, p.bytes
	p.append(p.line(r))
	return p.seq
}

func (p *papers) intent(method, target string, at time.Duration) uint64 {
	return p.add(Record{Type: IntentRecord, ID: WriteID(testIdentity, p.seq+1), Write: &Write{
		At: New, Method: method, Target: target, Epoch: 4, Route: "orders", Time: time.Unix(1e9, 0).Add(at), Client: "192.0.2.1",
	}})
}

func (p *papers) outcome(of uint64, status int) {
	p.add(Record{Type: OutcomeRecord, ID: WriteID(testIdentity, of), Answer: &Answer{Outcome: OutcomeOf(status), Status: status}})
}

func (p *papers) mark(t Type, of uint64, m Mark) {
	m.To, m.By = Old, "replay"
	r := Record{Type: t, ID: WriteID(testIdentity, of), Mark: &m}
	if t == SentRecord {
		r.Answer = &Answer{Outcome: Acknowledged, Status: 200}
	}
	p.add(r)
}

// story has a write of each kind.
func story(t *testing.T) *papers {
	p := newPapers(t)
	created := p.intent("POST", "/orders", 0)
	slow := p.intent("PUT", "/orders/17", time.Minute)
	p.outcome(created, 201)
	rejected := p.intent("POST", "/orders?debug=1", 2*time.Minute)
	p.outcome(rejected, 422)
	p.rotate()
	failed := p.intent("DELETE", "/orders/17", 3*time.Minute)
	p.outcome(failed, 500)
	p.outcome(slow, 200)
	sending := p.intent("POST", "/users", 4*time.Minute)
	p.outcome(sending, 201)
	gone := p.intent("PATCH", "/users/1", 5*time.Minute)
	p.outcome(gone, 200)
	p.add(Record{Type: GapRecord, ID: WriteID(testIdentity, p.seq+1), Mark: &Mark{To: New, Count: 3, Reason: "disk full", From: time.Unix(1e9, 0).Add(time.Hour)}})
	p.intent("PUT", "/lost", 6*time.Minute)
	p.mark(SendingRecord, created, Mark{})
	p.mark(SentRecord, created, Mark{})
	p.mark(SendingRecord, sending, Mark{})
	p.mark(ResolvedRecord, gone, Mark{Sent: true})
	return p
}

func (i *Item) line() string {
	if i.Gap > 0 {
		return fmt.Sprintf("%d gap %d %s", i.Seq, i.Gap, i.Carried)
	}
	return fmt.Sprintf("%d %s %s %s %d %s", i.Seq, i.Method, i.Path, i.Outcome, i.Status, i.Carried)
}

func TestList(t *testing.T) {
	all := []string{
		"1 POST /orders acknowledged 201 sent",
		"2 PUT /orders/17 acknowledged 200 unsent",
		"4 POST /orders?debug=1 rejected 422 -",
		"6 DELETE /orders/17 unknown 500 unknown",
		"9 POST /users acknowledged 201 unknown",
		"11 PATCH /users/1 acknowledged 200 resolved",
		"13 gap 3 unknown",
		"14 PUT /lost unknown 0 unknown",
	}
	only := func(indexes ...int) (lines []string) {
		for _, i := range indexes {
			lines = append(lines, all[i])
		}
		return lines
	}
	p := story(t)
	lister := NewLister(p.dir)
	for name, test := range map[string]struct {
		q    Query
		want []string
	}{
		"all":             {Query{}, all},
		"unknown":         {Query{Unknown: true}, only(3, 4, 6, 7)},
		"unsent":          {Query{Unsent: true}, only(1)},
		"either":          {Query{Unsent: true, Unknown: true}, only(1, 3, 4, 6, 7)},
		"by path":         {Query{Path: "/orders/17"}, only(1, 3)},
		"since":           {Query{Since: time.Unix(1e9, 0).Add(4 * time.Minute)}, only(4, 5, 6, 7)},
		"the first two":   {Query{Limit: 2}, only(0, 1)},
		"behind":          {Query{After: 2, Limit: 2}, only(2, 3)},
		"behind the last": {Query{After: 14}, nil},
		"far behind":      {Query{After: 1000}, nil},
		"some":            {Query{Unknown: true, After: 6, Limit: 1}, only(4)},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			err := lister.List(t.Context(), test.q, func(i Item) error {
				got = append(got, i.line())
				return nil
			})
			if err != nil || lister.Damage() != nil || !slices.Equal(got, test.want) {
				t.Errorf("%v, damage %v, listed\n%s\nwant\n%s", err, lister.Damage(), strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// TestLeanRecordsTellTheSame reads a story and random histories with and without what Fates does not need.
func TestLeanRecordsTellTheSame(t *testing.T) {
	h := newHistory(3)
	for range 500 {
		h.step()
	}
	whole, lean := NewFates(), NewFates()
	for _, r := range h.records {
		d := newDraft(nil, &r, nil)
		line, err := d.appendLine(nil, testIdentity, r.Seq, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		line = line[:len(line)-1]
		a, err := decodeLine(line, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := decodeLean(line)
		if err != nil {
			t.Fatal(err)
		}
		whole.Apply(&a)
		lean.Apply(&b)
	}
	for seq := range h.seq + 1 {
		if a, b := whole.at(seq), lean.at(seq); a != b {
			t.Errorf("write %d is %+v, and %+v by lean records", seq, a.tell(), b.tell())
		}
	}
	if len(whole.pages) == 0 {
		t.Error("nothing was told")
	}
}

// TestListGoesOnBehindDamage lists what can be read, and says where the damage is.
func TestListGoesOnBehindDamage(t *testing.T) {
	p := story(t)
	p.edit("00000001.jsonl", func(b []byte) []byte {
		b[p.at[0]+400] ^= 1
		return b
	})
	lister := NewLister(p.dir)
	var got []uint64
	err := lister.List(t.Context(), Query{}, func(i Item) error {
		got = append(got, i.Seq)
		return nil
	})
	if damage := lister.Damage(); err != nil || damage == nil || damage.Segment != "00000001.jsonl" || !slices.Contains(got, 6) || !slices.Contains(got, 14) {
		t.Errorf("%v, damage %v, listed %v", err, damage, got)
	}
}

// TestListWhileItIsWritten lists beside the writer: what is open is in flight, and not unknown, but for what the process before left.
func TestListWhileItIsWritten(t *testing.T) {
	p := newPapers(t)
	left := p.intent("PUT", "/left", 0)
	born := p.seq
	lister := &Lister{born: born, open: func(from uint64) (*Reader, error) { return OpenReader(p.dir, ReadOptions{From: from}) }}
	want := func(outcomes map[uint64]Outcome) {
		t.Helper()
		err := lister.List(t.Context(), Query{}, func(i Item) error {
			if i.Outcome != outcomes[i.Seq] {
				t.Errorf("write %d is %q, want %q", i.Seq, i.Outcome, outcomes[i.Seq])
			}
			delete(outcomes, i.Seq)
			return nil
		})
		if err != nil || len(outcomes) > 0 {
			t.Errorf("%v, not listed: %v", err, outcomes)
		}
	}
	want(map[uint64]Outcome{left: Unknown})
	flying := p.intent("PUT", "/flying", 0)
	want(map[uint64]Outcome{left: Unknown, flying: ""})
	p.rotate()
	p.outcome(flying, 200)
	want(map[uint64]Outcome{left: Unknown, flying: Acknowledged})
}

// TestListOfARunningJournal ends at damage in the segment that is written, names it, and finds nothing where all was purged.
func TestListOfARunningJournal(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Directory: dir})
	for _, target := range []string{"/1", "/2", "/3"} {
		mustBegin(t, j, put(New, target))
	}
	list := func() (n int, damage *Damage) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		damage, err := j.List(ctx, Query{}, func(Item) error { n++; return nil })
		if err != nil {
			t.Fatal(err)
		}
		return n, damage
	}
	name := filepath.Join(dir, "00000001.jsonl")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(b []byte) []byte{
		"a byte":            func(b []byte) []byte { b[bytes.Index(b, []byte("/2"))] = '-'; return b },
		"the end":           func(b []byte) []byte { return b[:bytes.Index(b, []byte("/2"))] },
		"all but a newline": func([]byte) []byte { return []byte("\n") },
	} {
		if err := os.WriteFile(name, change(bytes.Clone(whole)), 0o600); err != nil {
			t.Fatal(err)
		}
		if n, damage := list(); n > 1 || damage == nil || damage.Segment != "00000001.jsonl" {
			t.Errorf("%s is changed: %d writes are listed, damage %v", what, n, damage)
		}
		j.lists.drop()
	}
	if err := j.Purge(); err != nil {
		t.Fatal(err)
	}
	if n, damage := list(); n != 0 || damage != nil {
		t.Errorf("purged: %d writes are listed, damage %v", n, damage)
	}
}
