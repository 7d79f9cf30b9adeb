package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// book is a journal in memory: what is recorded is durable.
type book struct {
	mu      sync.Mutex
	records []Record
	ledger  *Ledger
	news    chan struct{}
	refuse  error
}

func newBook() *book {
	b := &book{ledger: NewLedger(), news: make(chan struct{})}
	b.ledger.identity = "00000001"
	return b
}

func (b *book) add(r Record) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.append(r)
}

func (b *book) append(r Record) uint64 {
	r.Seq, r.Time = uint64(len(b.records)+1), time.Now()
	if r.ID == "" {
		r.ID = b.ledger.ID(r.Seq)
	}
	b.records = append(b.records, r)
	b.ledger.Apply(&r)
	close(b.news)
	b.news = make(chan struct{})
	return r.Seq
}

// begin is a write that was forwarded; end is how it ended.
func (b *book) begin(at Side, method, target string) string {
	return b.ledger.ID(b.add(Record{Type: IntentRecord, Write: &Write{At: at, Epoch: 1, Time: time.Now(), Method: method, Target: target}}))
}

func (b *book) end(id string, status int) {
	b.add(Record{Type: OutcomeRecord, ID: id, Answer: &Answer{Outcome: OutcomeOf(status), Status: status}})
}

func (b *book) write(at Side, method, target string, status int) string {
	id := b.begin(at, method, target)
	b.end(id, status)
	return id
}

func (b *book) resolve(id string, to Side, sent bool) {
	b.add(Record{Type: ResolvedRecord, ID: id, Mark: &Mark{To: to, By: "alice", Sent: sent}})
}

func (b *book) Mark(_ context.Context, marks ...Record) error { return b.MarkSoon(marks...) }

func (b *book) MarkSoon(marks ...Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		return b.refuse
	}
	for _, r := range marks {
		b.append(r)
	}
	return nil
}

func (b *book) Backlog(to Side) Backlog {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ledger.Backlog(to)
}

func (b *book) position() (uint64, int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ledger.Seq(), b.ledger.Open()
}

func (b *book) Since(to Side) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ledger.Since(to)
}

func (b *book) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refuse
}

func (b *book) Renamed(to Side) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ledger.Renamed(to)
}

func (b *book) tail(from uint64) source { return &bookTail{b, from} }

// reopened is the journal after the process ended.
func (b *book) reopened() *book {
	next := newBook()
	for _, r := range b.records {
		next.records = append(next.records, r)
		next.ledger.Apply(&r)
	}
	next.ledger.Abandon()
	return next
}

func (b *book) fate(id string) Carried {
	b.mu.Lock()
	defer b.mu.Unlock()
	fates := NewFates()
	for i := range b.records {
		fates.Apply(&b.records[i])
	}
	_, seq, _ := SplitID(id)
	f, _ := fates.Find(seq)
	return f.Carried
}

type bookTail struct {
	book *book
	next uint64
}

func (t *bookTail) NextWait(ctx context.Context) (Record, error) {
	for {
		t.book.mu.Lock()
		news := t.book.news
		if t.next == 0 {
			t.next = 1
		}
		if int(t.next) <= len(t.book.records) {
			r := t.book.records[t.next-1]
			t.next++
			t.book.mu.Unlock()
			return r, nil
		}
		t.book.mu.Unlock()
		select {
		case <-news:
		case <-ctx.Done():
			return Record{}, ctx.Err()
		}
	}
}

func (*bookTail) Close() error { return nil }

// other is the side that writes are sent to: it says what it is told to, and remembers in which order they began.
type other struct {
	mu       sync.Mutex
	got      []string // "POST /a"
	to       []Side
	answers  map[string][]any // by that: a status, or an error; the last one repeats. 200 without
	took     time.Duration
	location map[string]string
	flying   int
	most     int
}

func (o *other) Send(ctx context.Context, to Side, w *Write, _ string) (*Answer, error) {
	o.mu.Lock()
	name := w.Method + " " + w.Target
	o.got, o.to = append(o.got, name), append(o.to, to)
	o.flying++
	o.most = max(o.most, o.flying)
	var say any = 200
	if list := o.answers[name]; len(list) > 0 {
		say = list[0]
		if len(list) > 1 {
			o.answers[name] = list[1:]
		}
	}
	took := o.took
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.flying--
	}()
	if took > 0 {
		select {
		case <-time.After(took):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	switch say := say.(type) {
	case int:
		a := &Answer{Outcome: OutcomeOf(say), Status: say}
		if at := o.location[name]; at != "" {
			a.Status, a.Header = 201, http.Header{"Location": {at}}
		}
		return a, nil
	case error:
		return nil, say
	}
	panic("an answer is a status or an error")
}

func (o *other) sent() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.got)
}

// mirror is a Follower between a journal in memory and another side, in a bubble.
type mirror struct {
	*Follower
	t     *testing.T
	book  *book
	other *other
	mu    sync.Mutex
	epoch uint64
	to    Side
	told  []string
	stop  context.CancelFunc
	ended chan struct{}
}

func follow(t *testing.T, b *book, o *other, to Side) *mirror {
	t.Helper()
	m := &mirror{t: t, book: b, other: o, epoch: 1, to: to, ended: make(chan struct{})}
	m.Follower = newFollower(b, FollowOptions{
		Direction: func() (uint64, Side) { m.mu.Lock(); defer m.mu.Unlock(); return m.epoch, m.to },
		Told: func(stopped bool, why string) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.told = append(m.told, fmt.Sprint(stopped, " ", why))
		},
	}, o)
	ctx, cancel := context.WithCancel(t.Context())
	m.stop = cancel
	go func() { defer close(m.ended); _ = m.Run(ctx) }()
	return m
}

// end stops the mirror; what it left is as a crash would find it, but for the marks of what was under way.
func (m *mirror) end() {
	m.stop()
	<-m.ended
}

func (m *mirror) phase(to Side) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch++
	m.to = to
}

// settle lets so much time pass.
func settle(d time.Duration) { <-time.After(d); synctest.Wait() }

func (m *mirror) wants(sent ...string) {
	m.t.Helper()
	if got := m.other.sent(); !slices.Equal(got, sent) {
		m.t.Errorf("sent %q, want %q", got, sent)
	}
}

func TestTheMirrorCarriesWhatWasAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		b.write(Old, "POST", "/before", 201)
		m := follow(t, b, &other{answers: map[string][]any{"POST /before": {201}}}, New)
		defer m.end()
		settle(time.Second)
		b.write(Old, "PUT", "/a", 200)
		b.write(Old, "PUT", "/refused", 409)
		b.write(Old, "POST", "/failed", 500)
		b.write(New, "PUT", "/of-the-other-side", 200)
		b.write(Old, "PUT", "/moved", 200)
		settle(time.Second)
		m.wants("POST /before", "PUT /a", "PUT /moved")
		if left := b.Backlog(New); left.Acknowledged != 0 || left.Unknown != 1 {
			t.Errorf("left %+v, want the one that failed at old", left)
		}
		if s := m.Status(); s.Stopped != "" || s.Direction != New {
			t.Errorf("%+v", s)
		}
	})
}

func TestTheMirrorKeepsTheOrderOfTheFacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		together := []string{b.begin(Old, "POST", "/a"), b.begin(Old, "POST", "/b")}
		b.end(together[1], 200)
		b.end(together[0], 200)
		b.write(Old, "POST", "/after", 200)
		o := &other{took: 100 * time.Millisecond}
		m := follow(t, b, o, New)
		defer m.end()
		settle(50 * time.Millisecond)
		if got := m.other.sent(); len(got) != 2 || slices.Contains(got, "POST /after") {
			t.Errorf("began %q, want the two that were under way at the same time", got)
		}
		settle(time.Second)
		if got := m.other.sent(); len(got) != 3 || got[2] != "POST /after" || o.most != 2 {
			t.Errorf("sent %q, %d at once", got, o.most)
		}
	})
}

// Two that made something at the same time are carried one after the other, as they were answered: the sides number them alike then.
func TestTheMirrorMakesThingsInTheOrderInWhichTheyWereAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		first, second := b.begin(Old, "POST", "/orders?n=1"), b.begin(Old, "POST", "/orders?n=2")
		for i, id := range []string{second, first} {
			b.add(Record{Type: OutcomeRecord, ID: id, Answer: &Answer{
				Outcome: Acknowledged, Status: 201, Header: http.Header{"Location": {fmt.Sprint("/orders/", i)}}, Body: []byte(`{"id": 1}`),
			}})
		}
		o := &other{took: time.Second, answers: map[string][]any{"POST /orders?n=1": {201}, "POST /orders?n=2": {201}}}
		m := follow(t, b, o, New)
		defer m.end()
		settle(time.Minute)
		if m.wants("POST /orders?n=2", "POST /orders?n=1"); o.most != 1 {
			t.Errorf("%d at once", o.most)
		}
	})
}

func TestTheMirrorStopsAtWhatItMustNotGuess(t *testing.T) {
	cut := errors.New("the connection broke")
	for _, c := range []struct {
		name   string
		method string
		says   any // of the other side
		sent   bool
		want   Carried // while it is stopped
		why    string
		after  []string // sent once it was resolved
	}{
		{name: "another class, and the other side has it", method: "POST", says: 409, sent: true, want: Unsent, why: "new answered 409 to POST /x, which old had answered 200", after: []string{"POST /x", "POST /y"}},
		{name: "another class, to be sent again", method: "POST", says: 422, want: Unsent, why: "422", after: []string{"POST /x", "POST /x", "POST /y"}},
		{name: "a failure", method: "POST", says: 500, sent: true, want: CarriedUnknown, why: "500", after: []string{"POST /x", "POST /y"}},
		{name: "a redirect instead", method: "POST", says: 302, sent: true, want: CarriedUnknown, why: "302", after: []string{"POST /x", "POST /y"}},
		{name: "no answer to a POST", method: "POST", says: cut, sent: true, want: CarriedUnknown, why: cut.Error(), after: []string{"POST /x", "POST /y"}},
		{name: "no answer to a POST, to be sent again", method: "POST", says: cut, want: CarriedUnknown, why: cut.Error(), after: []string{"POST /x", "POST /x", "POST /y"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook()
				m := follow(t, b, &other{answers: map[string][]any{c.method + " /x": {c.says, 200}}}, New)
				defer m.end()
				id := b.write(Old, c.method, "/x", 200)
				b.write(Old, "POST", "/y", 200)
				settle(5 * time.Second)
				m.wants(c.method + " /x")
				s := m.Status()
				if s.StoppedID != id || !strings.Contains(s.Stopped, c.why) || !strings.Contains(s.Stopped, "journal resolve "+id+" --sent") {
					t.Errorf("stopped at %q: %s", s.StoppedID, s.Stopped)
				}
				if got := b.fate(id); got != c.want {
					t.Errorf("the write is %s, want %s", got, c.want)
				}
				if _, left, err := m.CatchUp(t.Context(), Old); err == nil || left == 0 {
					t.Errorf("caught up: %d left, %v", left, err)
				}
				m.phase(New) // the flip was abandoned
				settle(5 * time.Second)
				m.mu.Lock()
				told := len(m.told)
				m.mu.Unlock()
				if told != 1 {
					t.Errorf("told %d times of one stop", told)
				}
				b.resolve(id, New, c.sent)
				settle(5 * time.Second)
				m.wants(c.after...)
				if got := b.Backlog(New); got.Unreplayed() != 0 || m.Status().Stopped != "" {
					t.Errorf("left %+v, %s", got, m.Status().Stopped)
				}
			})
		})
	}
}

func TestTheMirrorTriesABackendThatIsAwayForEver(t *testing.T) {
	for _, c := range []struct {
		name, method string
		why          error
	}{
		{"it cannot be reached", "POST", fmt.Errorf("%w: refused", ErrNotSent)},
		{"no answer to what may be repeated", "PUT", errors.New("reset")},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook()
				o := &other{answers: map[string][]any{c.method + " /x": {c.why}}}
				m := follow(t, b, o, New)
				defer m.end()
				b.write(Old, c.method, "/x", 200)
				b.write(Old, "PUT", "/y", 200)
				settle(time.Minute)
				if s := m.Status(); s.Stopped != "" || !strings.Contains(s.Waiting, c.why.Error()) {
					t.Errorf("%+v", s)
				}
				if b.Backlog(New).Acknowledged != 2 || slices.Contains(o.sent(), "PUT /y") {
					t.Errorf("lag %d, sent %q", b.Backlog(New).Acknowledged, o.sent()[:2])
				}
				records, _ := b.position()
				settle(time.Minute)
				if now, _ := b.position(); now != records {
					t.Errorf("%d records while the backend is away", now-records)
				}
				o.mu.Lock()
				o.answers = nil
				o.mu.Unlock()
				settle(time.Minute)
				if b.Backlog(New).Acknowledged != 0 || m.Status().Waiting != "" {
					t.Errorf("lag %d, %+v", b.Backlog(New).Acknowledged, m.Status())
				}
			})
		})
	}
}

func TestTheMirrorStopsAtAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		m := follow(t, b, &other{}, New)
		defer m.end()
		b.write(Old, "PUT", "/a", 200)
		settle(time.Second)
		gap := b.ledger.ID(b.add(Record{Type: GapRecord, Mark: &Mark{To: New, Count: 3, From: time.Now()}}))
		b.write(Old, "PUT", "/b", 200)
		settle(time.Second)
		m.wants("PUT /a")
		if s := m.Status(); s.StoppedID != gap {
			t.Errorf("%+v", s)
		}
		if _, _, err := m.CatchUp(t.Context(), Old); err == nil {
			t.Error("caught up over a gap")
		}
		m.phase(New)
		settle(time.Second)
		b.resolve(gap, New, true)
		settle(time.Second)
		m.wants("PUT /a", "PUT /b")
	})
}

func TestAnUnknownWriteIsSentOnceAnOperatorSaysSo(t *testing.T) {
	for _, lost := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newBook()
			id := b.begin(Old, "POST", "/x")
			if lost {
				b = b.reopened() // the process died before the outcome
			} else {
				b.end(id, 502)
			}
			b.write(Old, "PUT", "/a", 200)
			m := follow(t, b, &other{}, New)
			defer m.end()
			settle(time.Second)
			m.wants("PUT /a")
			b.resolve(id, New, false)
			settle(time.Second)
			m.wants("PUT /a", "POST /x")
			if left := b.Backlog(New); left.Unreplayed() != 0 {
				t.Errorf("left %+v", left)
			}
		})
	}
}

// A process that dies leaves writes of which it recorded that they are about to be sent.
func TestTheMirrorAfterACrash(t *testing.T) {
	for _, c := range []struct {
		name, method string
		marks        []Type
		sent         []string
		stopped      bool
	}{
		{name: "before the mark", method: "POST", sent: []string{"POST /x", "PUT /y"}},
		{name: "after the mark", method: "POST", marks: []Type{SendingRecord}, stopped: true},
		{name: "after the mark of what may be repeated", method: "PUT", marks: []Type{SendingRecord}, sent: []string{"PUT /x", "PUT /y"}},
		{name: "after the answer", method: "POST", marks: []Type{SendingRecord, SentRecord}, sent: []string{"PUT /y"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook()
				id := b.write(Old, c.method, "/x", 200)
				for _, mark := range c.marks {
					r := Record{Type: mark, ID: id, Mark: &Mark{To: New, By: byMirror, Repeatable: c.method == "PUT"}}
					if mark == SentRecord {
						r.Answer = &Answer{Outcome: Acknowledged, Status: 200}
					}
					b.add(r)
				}
				b.write(Old, "PUT", "/y", 200)
				m := follow(t, b.reopened(), &other{}, New)
				defer m.end()
				settle(time.Second)
				m.wants(c.sent...)
				if stopped := m.Status().StoppedID == id; stopped != c.stopped {
					t.Errorf("%+v", m.Status())
				}
			})
		})
	}
}

func TestTheDirectionTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		o := &other{took: 10 * time.Millisecond}
		m := follow(t, b, o, New)
		defer m.end()
		for i := range 5 {
			b.write(Old, "POST", fmt.Sprintf("/old/%d", i), 200)
		}
		m.phase(New) // the flip begins, and old is drained
		carried, left, err := m.CatchUp(t.Context(), Old)
		if err != nil || carried != 5 || left != 0 {
			t.Fatalf("carried %d, left %d: %v", carried, left, err)
		}
		late := b.write(Old, "POST", "/late", 200) // nothing may be sent between that and live
		settle(time.Second)
		if got := o.sent(); len(got) != 5 {
			t.Errorf("sent %q after it was caught up", got)
		}
		m.phase(Old) // live
		b.write(New, "POST", "/new/1", 200)
		settle(time.Second)
		if got := o.sent(); len(got) != 6 || o.to[5] != Old || got[5] != "POST /new/1" {
			t.Errorf("sent %q to %v", got, o.to)
		}
		if b.fate(late) != Unsent {
			t.Errorf("what old took before is %s", b.fate(late))
		}
		m.phase("") // rolled back: it rests, but for what CatchUp asks for
		for i := range 100 {
			b.write(New, "POST", fmt.Sprintf("/more/%d", i), 200)
		}
		settle(time.Second)
		if got := o.sent(); len(got) != 6 {
			t.Errorf("sent %q while it rests", got[6:])
		}
		ctx, cancel := context.WithTimeout(t.Context(), 105*time.Millisecond)
		defer cancel()
		carried, left, err = m.CatchUp(ctx, New)
		if err == nil || carried == 0 || left == 0 || carried+left != 100 || o.flying != 0 {
			t.Errorf("carried %d, left %d, %d under way: %v", carried, left, o.flying, err)
		}
		settle(time.Second)
		if got := int64(len(o.sent())); got != 6+carried {
			t.Errorf("%d were sent after the rollback's drain", got-6-carried)
		}
	})
}

// A flip that is abandoned while the mirror catches up, by a rollback or by the end of the process, has the mirror go on in the next epoch:
// the catching up ends all the same, and nothing of that epoch is given up for it.
func TestCatchUpEndsWithItsEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		o := &other{took: 3 * time.Second}
		m := follow(t, b, o, New)
		defer m.end()
		for i := range 20 {
			b.write(Old, "POST", fmt.Sprintf("/old/%d", i), 200)
		}
		m.phase(New)
		caught := make(chan error, 1)
		go func() {
			_, _, err := m.CatchUp(t.Context(), Old)
			caught <- err
		}()
		settle(time.Second)
		m.phase(New) // back in shadow
		settle(10 * time.Second)
		select {
		case err := <-caught:
			if !errors.Is(err, errTurned) {
				t.Errorf("it says %v", err)
			}
		default:
			t.Error("it has not ended")
		}
		settle(time.Minute)
		if got := o.sent(); len(got) != 20 || m.Status().Stopped != "" {
			t.Errorf("sent %q, %+v", got, m.Status())
		}
	})
}

// A body in a file that is not what was written must not reach a backend, not even with an error at its end: the mirror stops before it.
func TestASpoiledBodyIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, o := newBook(), &other{}
		file := filepath.Join(t.TempDir(), "1.body")
		spool := &Spool{Path: "1.body", Size: 4, SHA256: hex.EncodeToString(sum("good")), dir: &directory{path: filepath.Dir(file)}}
		keep := func(body string) {
			if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		keep("gooD")
		id := b.ledger.ID(b.add(Record{Type: IntentRecord, Write: &Write{At: New, Epoch: 1, Method: "PUT", Target: "/a", Spool: spool}}))
		b.end(id, 200)
		m := follow(t, b, o, Old)
		defer m.end()
		settle(time.Minute)
		m.wants()
		if s := m.Status(); s.StoppedID != id || !strings.Contains(s.Stopped, "1.body") || b.fate(id) != Unsent {
			t.Errorf("%s: %+v", b.fate(id), s)
		}
		keep("good")
		b.resolve(id, Old, false)
		settle(time.Second)
		m.wants("PUT /a")
	})
}

func sum(body string) []byte { s := sha256.Sum256([]byte(body)); return s[:] }

func TestASendThatHangsDoesNotHoldUpARollbackForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		o := &other{took: time.Hour}
		m := follow(t, b, o, Old)
		defer m.end()
		id := b.write(New, "POST", "/x", 200)
		settle(time.Second)
		m.phase("")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if _, left, err := m.CatchUp(ctx, New); err == nil {
			t.Errorf("left %d without an error", left)
		}
		if took := time.Since(began); took > 12*time.Second || o.flying != 0 || b.fate(id) != CarriedUnknown {
			t.Errorf("took %s, %d under way, the write is %s", took, o.flying, b.fate(id))
		}
	})
}

func TestCatchUpWaitsForOutcomesThatAreNotRecordedYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		m := follow(t, b, &other{}, New)
		defer m.end()
		id := b.begin(Old, "POST", "/x") // its answer is with the client, its outcome is about to be recorded
		go func() { <-time.After(time.Second); b.end(id, 200) }()
		if carried, left, err := m.CatchUp(t.Context(), Old); err != nil || carried != 1 || left != 0 {
			t.Errorf("carried %d, left %d: %v", carried, left, err)
		}
	})
}

func TestCatchUpTrustsNoGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		m := follow(t, b, &other{}, "")
		defer m.end()
		b.add(Record{Type: GapRecord, Mark: &Mark{To: New, Count: 2, From: time.Now()}})
		if _, _, err := m.CatchUp(t.Context(), Old); err == nil {
			t.Error("caught up with what is in no record")
		}
	})
}

func TestCatchUpTrustsNoJournalThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		m := follow(t, b, &other{}, New)
		defer m.end()
		b.mu.Lock()
		b.refuse = ErrUnavailable // writes pass, and are not recorded yet as missing
		b.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := m.CatchUp(ctx, Old); err == nil {
			t.Error("caught up with what is not recorded")
		}
	})
}

func TestTheMirrorWaitsForAJournalThatTakesNoMarks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		m := follow(t, b, &other{}, New)
		defer m.end()
		b.write(Old, "POST", "/x", 200)
		b.mu.Lock()
		b.refuse = fmt.Errorf("%w: no space left", ErrUnavailable)
		b.mu.Unlock()
		b.write(Old, "POST", "/y", 200)
		settle(time.Minute)
		if s := m.Status(); s.Stopped != "" || !strings.Contains(s.Waiting, "no space left") {
			t.Errorf("%+v", s)
		}
		b.mu.Lock()
		b.refuse = nil
		b.mu.Unlock()
		settle(time.Minute)
		if b.Backlog(New).Acknowledged != 0 {
			t.Errorf("left %+v, sent %q", b.Backlog(New), m.other.sent())
		}
	})
}

func TestWithheldCredentialsExplainThemselves(t *testing.T) {
	judge := judgeMirrored(New)
	w := &Write{Method: http.MethodPost, Target: "/x", Withheld: []string{"Authorization"}}
	_, err := judge(&task{id: "00000001-1", write: w, recorded: &Answer{Outcome: Acknowledged, Status: 201}}, &Answer{Status: 401})
	if err == nil || !strings.Contains(err.Error(), "journal.key") {
		t.Errorf("%v", err)
	}
}

func TestTheLedgerRemembersOtherNames(t *testing.T) {
	b := newBook()
	b.write(Old, "PUT", "/a", 200)
	id := b.write(Old, "POST", "/orders", 201)
	b.add(Record{Type: SendingRecord, ID: id, Mark: &Mark{To: New}})
	b.add(Record{Type: SentRecord, ID: id, Mark: &Mark{To: New, Differs: "/orders/1: /orders/2"}, Answer: &Answer{Outcome: Acknowledged}})
	for name, l := range map[string]*Ledger{"as it is": b.ledger, "restored": RestoreLedger(b.ledger.identity, b.ledger.Snapshot())} {
		if l.Backlog(New).Renamed != 1 || l.Backlog(Old).Renamed != 0 || l.Renamed(New) != 3 {
			t.Errorf("%s: %+v, from %d on", name, l.Backlog(New), l.Renamed(New))
		}
		l.Apply(&Record{Type: DiscardedRecord, Seq: 7, Mark: &Mark{To: New, Through: 6}})
		if l.Backlog(New).Renamed != 0 {
			t.Errorf("%s: %+v after all was given up", name, l.Backlog(New))
		}
	}
}

// Where both sides make ids of their own, a write by the id that the client knows would miss on the other side, or hit another's row.
func TestTheMirrorSendsNothingByANameThatTheOtherSideDoesNotUse(t *testing.T) {
	for _, crash := range []bool{false, true} {
		t.Run(fmt.Sprint("after a restart ", crash), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook()
				o := &other{location: map[string]string{"POST /orders": "/orders/18"}}
				m := follow(t, b, o, New)
				made := b.begin(Old, "POST", "/orders")
				b.add(Record{Type: OutcomeRecord, ID: made, Answer: &Answer{Outcome: Acknowledged, Status: 201, Header: http.Header{"Location": {"/orders/17"}}}})
				b.write(Old, "PUT", "/orders/16", 200)
				settle(time.Second)
				if crash {
					m.end()
					b = b.reopened()
					m = follow(t, b, o, New)
				}
				defer func() { m.end() }()
				id := b.write(Old, "PUT", "/orders/17", 200)
				settle(time.Second)
				m.wants("POST /orders", "PUT /orders/16")
				if s := m.Status(); s.StoppedID != id || !strings.Contains(s.Stopped, made) {
					t.Errorf("%+v", s)
				}
				b.resolve(id, New, false)
				settle(time.Second)
				m.wants("POST /orders", "PUT /orders/16", "PUT /orders/17")
				if left := b.Backlog(New); left.Renamed != 1 || left.Unreplayed() != 0 {
					t.Errorf("%+v", left)
				}
			})
		})
	}
}

func TestTheLagIsOfWhatCanBeSent(t *testing.T) {
	for _, c := range []struct {
		name   string
		writes []string // a: acknowledged, s: sent, u: unknown; one a second
		count  int64
		oldest int // index of the write; -1: none
	}{
		{"nothing", nil, 0, -1},
		{"all is sent", []string{"s", "s"}, 0, -1},
		{"the oldest is unknown", []string{"u", "s", "a", "a"}, 2, 2},
		{"unknown alone", []string{"u", "u"}, 0, -1},
		{"unknown behind", []string{"a", "u"}, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook()
				var at []time.Time
				for _, w := range c.writes {
					<-time.After(time.Second)
					at = append(at, time.Now())
					id := b.write(Old, "POST", "/x", map[string]int{"a": 200, "s": 200, "u": 502}[w])
					if w == "s" {
						b.add(Record{Type: SendingRecord, ID: id, Mark: &Mark{To: New}})
						b.add(Record{Type: SentRecord, ID: id, Mark: &Mark{To: New}, Answer: &Answer{Outcome: Acknowledged}})
					}
				}
				left := b.ledger.Backlog(New)
				count, oldest := left.Acknowledged, left.OldestUnsent
				if count != c.count || (c.oldest < 0) != oldest.IsZero() || c.oldest >= 0 && !oldest.Equal(at[c.oldest]) {
					t.Errorf("%d, %s", count, oldest)
				}
			})
		})
	}
}
