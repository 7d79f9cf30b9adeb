package admin

import (
	"context"
	"sync"
	"time"
)

// How often, and how many, points are kept: an hour's worth.
const (
	historyEvery = 2 * time.Second
	historySize  = 1800
)

// Point is the run's parity at one moment.
type Point struct {
	// Time is in Unix seconds.
	Time         int64   `json:"time"`
	MismatchRate float64 `json:"mismatch_rate"`
	UpperBound   float64 `json:"upper_bound"`
	Tolerance    float64 `json:"tolerance"`
	Compared     int64   `json:"compared"`
}

// History keeps the latest hour of the run's parity in memory, for the console's chart.
type History struct {
	reader Reader

	mu     sync.Mutex
	points []Point // a ring once it is full
	next   int
	last   time.Time
}

// NewHistory returns an empty history. Run fills it; without Run it has points only for the moments at which it was asked.
func NewHistory(reader Reader) *History { return &History{reader: reader} }

// Run takes a point every two seconds until ctx ends.
func (h *History) Run(ctx context.Context) error {
	tick := time.NewTicker(historyEvery)
	defer tick.Stop()
	for {
		h.take(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// take adds a point, unless there is a fresh one or the status cannot be had: then the chart has a gap.
func (h *History) take(ctx context.Context) {
	now := time.Now()
	h.mu.Lock()
	fresh := now.Sub(h.last) < historyEvery/2
	if !fresh {
		h.last = now
	}
	h.mu.Unlock()
	if fresh {
		return
	}
	status, err := h.reader.Status(ctx)
	if err != nil || status.Parity.Compared == 0 {
		return
	}
	p := Point{now.Unix(), status.Parity.MismatchRate, status.Parity.UpperBound, status.Parity.Tolerance, status.Parity.Compared}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.points) < historySize {
		h.points = append(h.points, p)
		return
	}
	h.points[h.next] = p
	h.next = (h.next + 1) % historySize
}

// Points returns what is kept, the oldest first.
func (h *History) Points(ctx context.Context) []Point {
	h.take(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	return append(append(make([]Point, 0, len(h.points)), h.points[h.next:]...), h.points[:h.next]...)
}
