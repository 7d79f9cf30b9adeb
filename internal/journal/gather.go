package journal

import "time"

// gathering decides how long a leader waits for others before it writes.
type gathering struct {
	last time.Duration
}

func (g *gathering) wrote(took time.Duration) { g.last = took }

func (j *Journal) gatherMore(*batch) {}
