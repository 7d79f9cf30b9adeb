package journal

import (
	"errors"
	"time"

	"go.uber.org/zap"
)

// retryEvery is how often a disk that failed is tried again, by the writes that come.
const retryEvery = 100 * time.Millisecond

// outage is why records are refused.
type outage struct {
	err   error
	since time.Time
	retry time.Time // when the disk is tried again
	gone  bool      // the directory, or the segment, is not where it was
	room  bool      // there is no room for more; what was reserved is there
}

// outage says that records are refused from now on, and why.
func (j *Journal) outage(err error, how func(*outage)) error {
	a := &j.log
	var broken *brokenError
	if errors.As(err, &broken) {
		a.broken = true
	}
	now := j.o.Now()
	d := &outage{since: now, retry: now.Add(retryEvery)}
	if how != nil {
		how(d)
	}
	what := "writing a record"
	if d.gone {
		what = "the segment is not where it was (put the directory back, or say what is true with serve --recover-phase)"
	}
	if errors.Is(err, ErrUnavailable) {
		d.err = err
	} else {
		d.err = j.fail(what, err)
	}
	if before := j.down.Load(); before != nil {
		d.since = before.since
	} else {
		j.o.Logger.Error("the journal takes no records; it is tried again with the writes that come", zap.Error(err))
		j.metrics.unavailable.Set(1)
	}
	j.down.Store(d)
	j.wake()
	return d.err
}

func (j *Journal) recovered() {
	if d := j.down.Swap(nil); d != nil {
		j.o.Logger.Info("the journal takes records again", zap.Duration("after", j.o.Now().Sub(d.since)))
	}
	j.metrics.unavailable.Set(0)
}

// maxLate bounds the records that wait for the disk to come back.
const maxLate = 1 << 16

// refuse gives the items their error. Those that nobody waits for are kept, and written once the disk takes them.
func (j *Journal) refuse(items []*item, err error) {
	for _, it := range items {
		it.err = err
		if !it.waits && len(j.log.late) < maxLate {
			j.log.late = append(j.log.late, it)
		}
	}
}
