package proxy

import (
	"sync"
	"sync/atomic"
	"time"
)

// The size of recent: 57,344 keys, in 1.6 MiB that are made when the first one writes.
const (
	recentBuckets = 8192
	recentPlaces  = 7
)

// recent knows, as hashes, the keys that write or wrote a moment ago. Its size is fixed: where a bucket has no place left for a key, all
// keys of that bucket count as having written, so that what it forgets is never that somebody wrote.
type recent struct {
	start     time.Time
	everybody atomic.Int64 // when all keys last counted as having written, since start; 0: never
	made      sync.Once
	buckets   atomic.Pointer[[recentBuckets]bucket]
}

type bucket struct {
	mu     sync.Mutex
	places [recentPlaces]place
	rest   place // of the keys that found none
}

// place is one key's. It is free when nothing is in flight and the last answer is as long ago as somebody who asks cares for.
type place struct {
	key      uint64
	inFlight int
	last     time.Duration // when the last write ended, since recent.start; 0: none did
}

func (p *place) active(now, window time.Duration) bool {
	return p.inFlight > 0 || p.last > 0 && now-p.last < window
}

// slot is where a write in flight is noted.
type slot struct {
	bucket *bucket
	place  *place
}

func (s slot) taken() bool { return s.place != nil }

// now is never 0.
func (r *recent) now() time.Duration { return max(1, time.Since(r.start)) }

// begin notes that a write of the key is in flight, until end. window says which keys may be forgotten.
func (r *recent) begin(key uint64, window time.Duration) slot {
	r.made.Do(func() { r.buckets.Store(new([recentBuckets]bucket)) })
	b, now := r.bucket(key), r.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	found := &b.rest
	for i := range b.places {
		if p := &b.places[i]; !p.active(now, window) {
			found = p
		} else if p.key == key {
			found = p
			break
		}
	}
	found.key = key
	found.inFlight++
	return slot{b, found}
}

// end notes that the write has its answer.
func (r *recent) end(s slot) {
	if !s.taken() {
		return
	}
	s.bucket.mu.Lock()
	defer s.bucket.mu.Unlock()
	s.place.inFlight--
	s.place.last = r.now()
}

// all has every key count as having written just now.
func (r *recent) all() { r.everybody.Store(int64(r.now())) }

// wrote reports whether a write of the key is in flight, or ended within the window. It allocates nothing.
func (r *recent) wrote(key uint64, window time.Duration) bool {
	if window <= 0 {
		return false
	}
	now := r.now()
	if at := time.Duration(r.everybody.Load()); at > 0 && now-at < window {
		return true
	}
	if r.buckets.Load() == nil {
		return false
	}
	b := r.bucket(key)
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.places {
		if p := &b.places[i]; p.key == key && p.active(now, window) {
			return true
		}
	}
	return b.rest.active(now, window)
}

// bucket takes bits of the hash by which the canary does not choose, lest a small fraction had few buckets.
func (r *recent) bucket(key uint64) *bucket { return &r.buckets.Load()[key%recentBuckets] }
