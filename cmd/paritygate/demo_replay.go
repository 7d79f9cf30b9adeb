package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"paritygate/internal/admin"
	"paritygate/internal/journal"
)

// carryOver shows what the rollback left on new, sends it to old, and proves it with the databases.
func (d *demonstration) carryOver(ctx context.Context) error {
	d.screen.heading("What new accepted is carried over to old")
	status, err := d.client.Status(ctx)
	if err != nil {
		return err
	}
	left := status.Journal.ToOld
	d.screen.bad("%d writes that new accepted are not on old, and of %d nobody knows whether new took them; the journal has them all", left.Acknowledged, left.Unknown)
	if _, err := d.client.Resume(ctx, admin.Change{Reason: "the demo tries"}, false); err == nil {
		return errors.New("resume must be refused while writes on new are not carried over")
	}
	d.screen.step("paritygate resume: refused until then")
	recorded, err := d.recorded()
	if err != nil {
		return err
	}
	if err := d.decide(ctx, recorded); err != nil {
		return err
	}
	given, err := d.replay(ctx)
	if err != nil {
		return err
	}
	return d.prove(ctx, recorded, given)
}

// recorded returns the clients' references of the writes to new, by the journal's names for them.
func (d *demonstration) recorded() (map[string]string, error) {
	r, err := journal.OpenReader(d.program.keeper.options.Directory, journal.ReadOptions{})
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	references := map[string]string{}
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return references, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the journal: %w", err)
		}
		if record.Type != journal.IntentRecord || record.Write.At != journal.New {
			continue
		}
		var body struct{ Reference string }
		if err := json.Unmarshal(record.Write.Body, &body); err != nil || body.Reference == "" {
			return nil, fmt.Errorf("the journal's write %s has no reference: %w", record.ID, err)
		}
		references[record.ID] = body.Reference
	}
}

// decide says of the writes that were under way when new died what its database has of them, as a person would.
func (d *demonstration) decide(ctx context.Context, references map[string]string) error {
	unknown, err := d.client.Records(ctx, admin.RecordQuery{Unknown: true, Limit: admin.MaxLimit})
	if err != nil {
		return err
	}
	kept, err := d.shops.New.Kept(ctx)
	if err != nil {
		return err
	}
	took := 0
	for _, w := range unknown.Records {
		onNew := kept[references[w.ID]] > 0
		if onNew {
			took++
		}
		if _, err := d.client.Resolve(ctx, admin.Change{Reason: "looked into new's database"}, w.ID, !onNew); err != nil {
			return fmt.Errorf("resolve %s: %w", w.ID, err)
		}
	}
	if n := len(unknown.Records); n > 0 {
		d.screen.step("paritygate journal resolve: of %d that were under way when new died its database has %d", n, took)
	}
	return nil
}

// replay sends the writes to old. What old's clients changed since stays as it is: it returns the writes that were given up for it.
func (d *demonstration) replay(ctx context.Context) (given map[string]bool, err error) {
	given = map[string]bool{}
	var sent, renamed int64
	began := time.Now()
	for {
		s, err := d.replayOnce(ctx)
		if err != nil {
			return nil, err
		}
		sent, renamed = sent+s.Sent, renamed+s.IDsChanged
		if s.Stopped == nil {
			break
		}
		if s.Stopped.Code != "conflict" || len(given) > 50 {
			return nil, fmt.Errorf("the replay stopped: %s", s.Stopped.Message)
		}
		d.screen.step("%s", shortened(s.Stopped.Message, 220))
		if _, err := d.client.Resolve(ctx, admin.Change{Reason: "old's is newer"}, s.Stopped.ID, true); err != nil {
			return nil, fmt.Errorf("resolve %s: %w", s.Stopped.ID, err)
		}
		given[s.Stopped.ID] = true
	}
	d.screen.step("paritygate journal replay --to old: %d writes sent in %s, each with an Idempotency-Key; old gave %d of them another number", sent, span(time.Since(began)), renamed)
	return given, nil
}

func (d *demonstration) replayOnce(ctx context.Context) (*admin.ReplaySummary, error) {
	if _, err := d.client.StartReplay(ctx, admin.Change{}, admin.ReplayRequest{To: "old"}); err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	var now admin.Replay
	err := until(ctx, "the replay has ended", 30*time.Second, 20*time.Millisecond, func() (bool, error) {
		var err error
		now, err = d.client.Replay(ctx)
		return err == nil && now.State == admin.ReplayEnded, err
	})
	if err == nil && now.Summary == nil {
		err = errors.New(now.Error)
	}
	return now.Summary, err
}

// prove holds what new's database has against old's: each write once, but for those that were given up for newer ones.
func (d *demonstration) prove(ctx context.Context, references map[string]string, given map[string]bool) error {
	onNew, err := d.shops.New.Kept(ctx)
	if err != nil {
		return err
	}
	onOld, err := d.shops.Old.Kept(ctx)
	if err != nil {
		return err
	}
	var there int
	for id, reference := range references {
		want := 1
		if given[id] || onNew[reference] == 0 {
			want = 0
		}
		if onOld[reference] != want {
			return fmt.Errorf("write %s (%s) is %d times in old's database, not %d times", id, reference, onOld[reference], want)
		}
		there += want
	}
	status, err := d.client.Status(ctx)
	if err != nil {
		return err
	}
	if status.Rollback.UnreplayedWrites != 0 {
		return fmt.Errorf("%d writes are said to be unreplayed after the replay", status.Rollback.UnreplayedWrites)
	}
	d.screen.good("each of the %d writes that new's database has is in old's exactly once, %d were given up for newer ones; unreplayed writes: 0", there, len(given))
	return nil
}
