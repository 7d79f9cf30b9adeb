package proxy

import (
	"sync"
	"sync/atomic"
)

// row is what failed since the last success, however long that took: gobreaker forgets failures that are older than its window,
// so that a backend which is seldom asked, or takes long to fail, would never trip it.
type row struct {
	failures  int
	different map[uint64]struct{}
}

func (r *row) fail(fingerprint uint64, keep int) {
	r.failures++
	if len(r.different) < keep {
		r.different[fingerprint] = struct{}{}
	}
}

func (r *row) end() {
	if r.failures > 0 {
		clear(r.different)
		r.failures = 0
	}
}

// kindRow is the row of one kind of request at new: among the successes of the other it would never come about. Nobody waits for it while
// nothing fails.
type kindRow struct {
	failing atomic.Bool // there is a row
	mu      sync.Mutex
	row     row
}

// keptOfRow is how many different requests of a row are told apart.
const keptOfRow = 64

func (k *kindRow) fail(fingerprint uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.row.different == nil {
		k.row.different = map[uint64]struct{}{}
	}
	k.row.fail(fingerprint, keptOfRow)
	k.failing.Store(true)
}

func (k *kindRow) end() {
	if !k.failing.Load() {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.row.end()
	k.failing.Store(false)
}

// FailuresInARow counts the requests that new failed since its last success, and the different ones among them.
func (p *Proxy) FailuresInARow() (failures, different int) {
	b := p.breakers[New][Authority]
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.row.failures, len(b.row.different)
}

// FailuresInARowOf is the same of reads, or of all else, by themselves.
func (p *Proxy) FailuresInARowOf(write bool) (failures, different int) {
	kind := ofReads
	if write {
		kind = ofWrites
	}
	k := &p.figures.rows[kind]
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.row.failures, len(k.row.different)
}
