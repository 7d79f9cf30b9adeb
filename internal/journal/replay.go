package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// ReplayOptions say what a replay does.
type ReplayOptions struct {
	To   Side   // gets the writes of the other side
	From string // the id of the write that it begins with; empty: the oldest
	// DryRun judges everything that can be judged without sending, and sends nothing.
	DryRun      bool
	Rate        float64 // writes per second at most; 0: as fast as the order allows
	Concurrency int     // writes at once at most; 0: DefaultConcurrency
	// ContinueOn are statuses of answers that count as sent, whatever was recorded. Conflicts says that conflicts are sent as well.
	ContinueOn []int
	Conflicts  bool
	// Replaced names the credentials that are sent with every write, whatever was recorded (journal.replay.headers).
	Replaced []string
	// Allowed is asked before each write; an error stops the replay. Nil: nobody is asked.
	Allowed func() error
	// Redact takes what is secret out of the begin of an answer, which is shown where it stops the replay; nil: nothing of it is shown.
	Redact func(contentType string, body []byte) []byte
	// Patience is how long a backend may be away before the replay stops; 0: DefaultPatience.
	Patience time.Duration
}

// The defaults of a replay.
const (
	DefaultConcurrency = 16
	MaxConcurrency     = 256
	DefaultPatience    = 30 * time.Second
)

// replayed is the name of a replay in the marks.
const replayed = "replay"

// recordReader is a reader of records.
type recordReader interface {
	// Next returns io.EOF at the end; of a journal that goes on, it may be asked again.
	Next() (Record, error)
	Close() error
}

// replay is one run of it.
type replay struct {
	o       ReplayOptions
	read    func(from uint64) (recordReader, error)
	marks   marker
	sender  Sender
	report  func(Progress)
	log     *survey
	touched *touched
	late    map[uint64]carriedAs // by the hash of a resource; nil: there are none
	renamed *renamed
	tail    recordReader // what is written meanwhile
	caught  uint64
	// What can be read behind damage; and the damage, before which everything is sent.
	salvage  func(d *Damage, visit func(*Record)) error
	damage   *Damage
	mirrored bool            // marks of the mirror were seen
	lacking  map[string]bool // credentials that were not kept
	// An operator may settle a write, or say that it is to be sent, while the replay runs: at the record with this Seq.
	settled, excused map[uint64]uint64
	apart            map[uint64]bool // hashes of paths at which the target makes other ids
	last             func() uint64   // Seq of the last durable record
	flush            func(context.Context) error
	carrier          *carrier
	began            time.Time
	told             time.Time
	sum              Summary
}

func newReplay(marks marker, o ReplayOptions, sender Sender, report func(Progress)) *replay {
	if o.Concurrency <= 0 {
		o.Concurrency = DefaultConcurrency
	}
	if o.Patience <= 0 {
		o.Patience = DefaultPatience
	}
	if report == nil {
		report = func(Progress) {}
	}
	return &replay{
		o: o, marks: marks, sender: sender, report: report, touched: newTouched(o.To), renamed: newRenamed(),
		lacking: map[string]bool{}, apart: map[uint64]bool{}, settled: map[uint64]uint64{}, excused: map[uint64]uint64{},
	}
}

func (p *replay) run(ctx context.Context, oldest uint64) (Summary, error) {
	p.began = time.Now()
	p.sum = Summary{To: p.o.To, DryRun: p.o.DryRun, Began: p.began.UTC()}
	if oldest == 0 {
		return p.end(nil), nil // it lacks nothing
	}
	var err error
	if p.tail, err = p.read(oldest); err != nil {
		return p.sum, err
	}
	defer func() { _ = p.tail.Close() }()
	if err := p.survey(ctx, oldest); err != nil {
		if errors.Is(err, ErrDamaged) {
			return p.end(err), nil
		}
		return p.sum, err
	}
	if err := p.overtaking(ctx); err != nil {
		return p.sum, err
	}
	if p.o.DryRun {
		err = p.rehearse(ctx, oldest)
	} else {
		err = p.carry(ctx, oldest)
	}
	if err == nil && p.damage != nil {
		err = p.damage
	}
	return p.end(err), nil
}

// survey reads all that there is, to know what became of each write and what the target wrote itself.
func (p *replay) survey(ctx context.Context, oldest uint64) error {
	p.log = newSurvey(p.o.To.Other(), oldest)
	for {
		r, err := p.tail.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if d := (*Damage)(nil); errors.As(err, &d) && p.salvage != nil {
			if err := p.beyond(d); err != nil {
				return err
			}
			break
		}
		if err != nil {
			return err
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		p.mirrored = p.mirrored || r.Type == SendingRecord && r.Mark.By == byMirror
		p.learn(&r)
		p.log.apply(&r)
		if r.Type == IntentRecord && r.Write.At == p.log.at && len(p.lacking) < maxLacking {
			for _, name := range missing(r.Write.Withheld, p.o.Replaced) {
				p.lacking[name] = true
			}
		}
	}
	if err := p.log.finish(p.o.From); err != nil {
		return err
	}
	p.sum.Total, p.sum.Unknown, p.sum.Skipped = p.log.total, p.log.unknown, p.log.before
	return nil
}

// learn takes what a record says of conflicts and of names.
func (p *replay) learn(r *Record) {
	p.caught = max(p.caught, r.Seq)
	p.touched.apply(r)
	if r.Type == SentRecord && r.Mark.Differs != "" && r.Mark.To == p.o.To {
		_, seq, _ := SplitID(r.ID)
		p.renamed.add(parseRenames(r.Mark.Differs), seq)
	}
}

// catchUp takes what was recorded since.
func (p *replay) catchUp() error {
	for p.caught < p.last() {
		r, err := p.tail.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		p.learn(&r)
		if r.Type == ResolvedRecord {
			p.resolved(&r)
		}
	}
	return nil
}

// resolved takes what an operator said of a write.
func (p *replay) resolved(r *Record) {
	_, seq, _ := SplitID(r.ID)
	if r.Mark.Sent {
		p.settled[seq] = r.Seq
		return
	}
	p.excused[seq] = r.Seq
	delete(p.settled, seq)
}

// carry sends.
func (p *replay) carry(ctx context.Context, oldest uint64) error {
	tasks := make(chan *task, 64)
	read, cancel := context.WithCancel(ctx)
	failed := make(chan error, 1)
	go func() {
		defer close(tasks)
		failed <- p.tasks(read, oldest, func(t *task) error {
			select {
			case tasks <- t:
				return nil
			case <-read.Done():
				return read.Err()
			}
		})
	}()
	p.carrier = &carrier{
		to: p.o.To, by: replayed, concurrency: p.o.Concurrency, rate: p.o.Rate, patience: p.o.Patience, window: max(256, 16*p.o.Concurrency),
		marks: p.marks, sender: p.sender, admit: p.admit, judge: p.judge, ended: p.ended, turn: p.turn, flush: p.flush, place: p.place,
	}
	err := p.carrier.run(ctx, tasks)
	cancel()
	if broken := <-failed; err == nil && broken != nil {
		err = broken
	}
	return err
}

// tasks gives each write that is to be sent, in the order of the outcomes.
func (p *replay) tasks(ctx context.Context, oldest uint64, give func(*task) error) error {
	from, err := p.read(oldest)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	a := &assembler{survey: p.log, open: map[uint64]*task{}, reload: p.reload}
	for {
		r, err := from.Next()
		if errors.Is(err, io.EOF) || p.damage != nil && isDamage(err) {
			return nil
		}
		if err != nil || context.Cause(ctx) != nil {
			return cmp.Or(err, context.Cause(ctx))
		}
		if r.Seq > p.log.last {
			return nil // written since: nothing of it is to be sent by this replay
		}
		t, err := a.apply(&r)
		if err != nil {
			return err
		}
		if t != nil {
			if err := give(t); err != nil {
				return err
			}
		}
	}
}

// reload reads the body of a write again.
func (p *replay) reload(seq uint64) (*Write, error) {
	from, err := p.read(seq)
	if err != nil {
		return nil, err
	}
	defer func() { _ = from.Close() }()
	for {
		r, err := from.Next()
		if err != nil {
			return nil, fmt.Errorf("reading write %d again: %w", seq, err)
		}
		if r.Seq == seq && r.Write != nil {
			return r.Write, nil
		}
	}
}

// admit says whether a write may go now.
func (p *replay) admit(t *task) (passed bool, err error) {
	if p.o.Allowed != nil {
		if err := p.o.Allowed(); err != nil {
			return false, err
		}
	}
	if err := p.catchUp(); err != nil {
		return false, err
	}
	if p.settled[t.intent] != 0 {
		p.sum.Skipped++
		return true, nil
	}
	t.excused = max(t.excused, p.excused[t.intent])
	return false, p.obstacle(t)
}

// judge compares an answer with the recorded one.
func (p *replay) judge(t *task, a *Answer) (string, error) {
	if !slices.Contains(p.o.ContinueOn, a.Status) && !sameClass(t.recorded, a) && !p.goneBefore(t, a) {
		refusal := newAnswered(t, a, &p.o)
		if refusal.Lost {
			p.sum.Unknown++
			p.sum.Total--
		}
		return "", refusal
	}
	if err := p.crossing(t); err != nil {
		p.sum.Unknown++
		p.sum.Total--
		return "", err
	}
	return compareMade(t.path, t.recorded, a).String(), nil
}

// sameClass reports whether two answers say the same, as far as their status does. Where none was recorded, or one that says nothing, any
// success will do.
func sameClass(recorded, a *Answer) bool {
	if meant(a) != Acknowledged {
		return false
	}
	return recorded == nil || recorded.Outcome != Acknowledged || a.Status/100 == recorded.Status/100
}

// meant is what an answer says of its write. A sender knows of protocols which say it elsewhere than in the status.
func meant(a *Answer) Outcome {
	return cmp.Or(a.Outcome, OutcomeOf(a.Status))
}

// ended counts a write that was carried.
func (p *replay) ended(t *task, a *Answer, differs string) {
	p.sum.Sent++
	if !sameClass(t.recorded, a) {
		p.sum.Accepted++
	}
	if t.counted != "" && t.line == t.path && t.counted != countedBy(a, t.path) {
		p.apart[p.renamed.hash(t.path)] = true
		p.carrier.schedule.dissolve(t.path)
	}
	if differs == "" {
		return
	}
	p.sum.IDsChanged++
	if len(p.sum.Changed) < maxChanged {
		p.sum.Changed = append(p.sum.Changed, ChangedID{ID: t.id, Method: t.write.Method, Path: pathOf(t.write.Target), Differs: differs})
	}
	p.renamed.add(parseRenames(differs), t.intent)
}

// place gives a write its line: that of its resource. What a sequence made at one path has a line as well as long as the target counts alike,
// since out of turn it would give other ids; once they differ nothing is gained by it.
func (p *replay) place(t *task) {
	t.line = t.resource
	if t.counted != "" && !p.apart[p.renamed.hash(t.path)] {
		t.line = t.path
	}
}
