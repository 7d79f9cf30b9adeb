package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// memory is a journal that keeps its records in memory. It dies at a given mark, as a process would that is killed there.
type memory struct {
	mu      sync.Mutex
	records []Record
	diesAt  int // at this mark, before or after it is kept; 0: never
	after   bool
	marks   int
	full    bool // takes no more marks
	marking func()
}

var errKilled = errors.New("killed")

func (m *memory) Mark(_ context.Context, marks ...Record) error {
	if m.marking != nil {
		m.marking()
	}
	return m.MarkSoon(marks...)
}

func (m *memory) MarkSoon(marks ...Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full && len(marks) > 0 {
		return ErrUnavailable
	}
	for _, r := range marks {
		m.marks++
		if m.diesAt != 0 && (m.marks > m.diesAt || m.marks == m.diesAt && !m.after) {
			return errKilled
		}
		r.Seq = uint64(len(m.records)) + 1
		m.records = append(m.records, r)
	}
	if m.diesAt != 0 && m.marks >= m.diesAt {
		return errKilled
	}
	return nil
}

func (m *memory) last() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return uint64(len(m.records))
}

func (m *memory) add(records ...*Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range records {
		m.records = append(m.records, *r)
	}
}

// memoryFeed reads a memory.
type memoryFeed struct {
	of   *memory
	next uint64
}

func (f *memoryFeed) Next() (Record, error) {
	f.of.mu.Lock()
	defer f.of.mu.Unlock()
	if f.next > uint64(len(f.of.records)) {
		return Record{}, io.EOF
	}
	f.next++
	return f.of.records[f.next-2], nil
}

func (*memoryFeed) Close() error { return nil }

func (m *memory) replay(ctx context.Context, o ReplayOptions, s Sender) Summary {
	p := newReplay(m, o, s, nil)
	p.read = func(from uint64) (recordReader, error) { return &memoryFeed{m, from}, nil }
	p.last = m.last
	sum, err := p.run(ctx, 1)
	if err != nil {
		sum.Stopped = err
	}
	return sum
}

// writes makes a history of writes at new in epoch 5, one after the other, each with the status that it was answered with; `METHOD /path 200`.
func (m *memory) writes(lines ...string) {
	for _, line := range lines {
		var method, path string
		var status int
		if _, err := fmt.Sscan(line, &method, &path, &status); err != nil {
			panic(err)
		}
		seq := m.last() + 1
		m.add(intent(seq, New, 5, method, path), outcome(seq+1, seq, status, "", ""))
	}
}

func (m *memory) oldWrites(line string) {
	before := m.last()
	m.writes(line)
	m.records[before].Write.At, m.records[before].Write.Epoch = Old, 6
}

// backend is the other side.
type backend struct {
	mu     sync.Mutex
	got    []string // ids in the order of their arrival
	keys   map[string]int
	status int
	answer func(w *Write, key string) (*Answer, error)
	took   time.Duration
	most   int // at once
	now    int
}

func (b *backend) Send(_ context.Context, _ Side, w *Write, key string) (*Answer, error) {
	b.mu.Lock()
	b.got = append(b.got, w.Method+" "+w.Target)
	if b.keys == nil {
		b.keys = map[string]int{}
	}
	b.keys[key]++
	b.now++
	b.most = max(b.most, b.now)
	answer, status := b.answer, b.status
	b.mu.Unlock()
	if b.took != 0 {
		<-time.After(b.took) // within a bubble: no time passes
	}
	b.mu.Lock()
	b.now--
	b.mu.Unlock()
	if answer != nil {
		if a, err := answer(w, key); a != nil || err != nil {
			return a, err
		}
	}
	if status == 0 {
		status = 200
	}
	return &Answer{Status: status, Outcome: OutcomeOf(status), Header: http.Header{}}, nil
}

func TestReplaySendsWhatIsLacking(t *testing.T) {
	log := &memory{}
	log.writes("POST /orders 200", "PUT /orders/2 204", "PATCH /orders/3 303", "PUT /orders/4 404", "PUT /orders/5 500", "PUT /orders/6 200", "PUT /orders/7 200", "PUT /orders/8 500", "PUT /orders/9 200")
	id := func(n uint64) string { return WriteID("0badcafe", 2*n-1) }
	log.add(
		&Record{Seq: 19, Type: SendingRecord, ID: id(6), Mark: &Mark{To: Old}},
		&Record{Seq: 20, Type: SentRecord, ID: id(6), Mark: &Mark{To: Old}, Answer: &Answer{Outcome: Acknowledged, Status: 200}},
		&Record{Seq: 21, Type: ResolvedRecord, ID: id(7), Mark: &Mark{To: Old, Sent: true}},
		&Record{Seq: 22, Type: ResolvedRecord, ID: id(8), Mark: &Mark{To: Old}},
		&Record{Seq: 23, Type: SendingRecord, ID: id(9), Mark: &Mark{To: Old}},                         // not repeatable: unknown
		intent(24, New, 5, "PUT", "/orders/10"),                                                        // in flight when a process died
		&Record{Seq: 25, Type: GapRecord, ID: WriteID("0badcafe", 25), Mark: &Mark{To: Old, Count: 1}}, // records that were lost
		intent(26, New, 5, "PUT", "/orders/11"),
		&Record{Seq: 27, Type: ResolvedRecord, ID: WriteID("0badcafe", 26), Mark: &Mark{To: Old}}, // was in flight, and is to be sent
	)
	b := &backend{}
	sum := log.replay(t.Context(), ReplayOptions{To: Old, ContinueOn: []int{200}}, b)
	want := []string{"POST /orders", "PUT /orders/2", "PATCH /orders/3", "PUT /orders/8", "PUT /orders/11"}
	if sum.Stopped != nil {
		t.Fatal(sum.Stopped)
	}
	if !slices.Equal(b.got, want) {
		t.Errorf("sent %q, want %q", b.got, want)
	}
	for _, n := range []uint64{1, 2, 3, 8} {
		if b.keys[id(n)] == 0 {
			t.Errorf("nothing came with the key %s", id(n))
		}
	}
	if sum.Unknown != 4 || sum.Left != 0 || sum.Accepted != 1 {
		t.Errorf("%+v", sum)
	}
	if again := log.replay(t.Context(), ReplayOptions{To: Old}, b); again.Total != 0 || again.Sent != 0 || again.Unknown != 4 {
		t.Errorf("the second time: %+v", again)
	}
}
