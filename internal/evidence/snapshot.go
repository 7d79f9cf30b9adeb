package evidence

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"go.uber.org/zap"

	"paritygate/compare"
)

// snapshot is what one flush writes. It holds absolute values, so that writing it twice does no harm.
type snapshot struct {
	at          time.Time
	lastArmed   time.Time
	writesOnNew int64
	journal     string
	windows     []windowRow
	accounts    []accountRow
	groups      []groupRow
	samples     []*rawSample
	doomed      []string
	noise       []noiseRow
	places      []noisePlaceRow
}

type windowRow struct {
	*window
	version          uint64
	start, ungrouped int64
}

type accountRow struct {
	*account
	version                        uint64
	window                         int64
	route                          string
	verdicts                       [5]int64 // in the order of the table
	skipped, suppressed            []byte
	asked, errors, samples         int64
	units, open                    tally
	requests, oldSketch, newSketch []byte
}

type groupRow struct {
	*group
	version     uint64
	window      int64
	key         groupKey
	count       int64
	first, last int64
	example     string
	differences []byte
}

func (l *ledger) snapshot(now time.Time, log *zap.Logger) (*snapshot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault != nil {
		log.Error("A latency was not taken into account.", zap.Error(l.fault))
		l.fault = nil
	}
	l.closeDue(now)
	open := l.openTallies()
	snap := &snapshot{at: now, lastArmed: l.lastArmed, writesOnNew: l.writesOnNew, journal: l.journal, doomed: l.samples.doomed}
	for _, w := range l.windows {
		if w.changed.dirty() {
			snap.windows = append(snap.windows, windowRow{w, w.changed.version, w.start.UnixNano(), w.ungrouped})
		}
		for route, a := range w.accounts {
			if !a.changed.dirty() {
				continue
			}
			row, err := a.row(w.id, route, open[a])
			if err != nil {
				return nil, err
			}
			snap.accounts = append(snap.accounts, row)
		}
		for key, g := range w.groups {
			if !g.changed.dirty() {
				continue
			}
			row, err := g.row(w.id, key)
			if err != nil {
				return nil, err
			}
			snap.groups = append(snap.groups, row)
		}
		w.noiseRows(snap)
	}
	for _, raw := range l.samples.fresh {
		snap.samples = append(snap.samples, raw)
	}
	return snap, nil
}

func (a *account) row(window int64, route string, open tally) (accountRow, error) {
	row := accountRow{
		account: a, version: a.changed.version, window: window, route: route,
		asked: a.newAsked, errors: a.newErrors, samples: a.samples, units: a.units, open: open,
		requests: make([]byte, 0, 8*len(a.requests)), oldSketch: a.old.encode(), newSketch: a.new.encode(),
	}
	for i, v := range storedVerdicts {
		row.verdicts[i] = a.verdicts[v]
	}
	for f := range a.requests {
		row.requests = binary.LittleEndian.AppendUint64(row.requests, f)
	}
	var errs [2]error
	row.skipped, errs[0] = json.Marshal(a.skipped)
	row.suppressed, errs[1] = json.Marshal(a.suppressed)
	return row, errors.Join(errs[:]...)
}

// storedVerdicts are the verdicts with a column, in its order; the skipped are the sum of their reasons.
var storedVerdicts = [5]compare.Verdict{compare.Match, compare.Tolerated, compare.Lagged, compare.Mismatch, compare.Failed}

func (g *group) row(window int64, key groupKey) (groupRow, error) {
	row := groupRow{
		group: g, version: g.changed.version, window: window, key: key,
		count: g.count, first: g.first.UnixNano(), last: g.last.UnixNano(), example: g.example,
	}
	var err error
	row.differences, err = json.Marshal(g.differences)
	return row, err
}
