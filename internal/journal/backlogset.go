package journal

import "math/bits"

// The sizes of a pendingSet.
const (
	spanSeqs = 4096 // numbers of a span that is known to the bit
	// exactSpans is how many of the newest spans are known to the bit and to the time: what a mirror that keeps up has pending.
	exactSpans = 16
	maxSpans   = 1024 // then neighbours are joined
)

// pendingSet counts the writes that one side lacks, by the numbers of their intents, in memory that does not grow with them: of the newest
// it knows which they are, of older ones how many there are in a range, and which was the oldest of each range when that was still known.
type pendingSet struct {
	spans []*span // in order, without overlaps; the first is not empty
	count int64
}

// span is a range of numbers, and how many writes of it are pending.
type span struct {
	from, to uint64 // inclusive
	count    int64
	// first is a write of which no pending one is older, at time firstAt in Unix nanoseconds. It is still pending itself if known is set.
	first   uint64
	firstAt int64
	known   bool
	exact   *exactSpan // nil: only the above is known
}

type exactSpan struct {
	bits  [spanSeqs / 64]uint64
	times [spanSeqs]int64
}

// find returns the index of the span that holds a number, or where one that does would be put.
func (p *pendingSet) find(seq uint64) (index int, found bool) {
	low, high := 0, len(p.spans)
	for low < high {
		middle := (low + high) / 2
		if p.spans[middle].to < seq {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, low < len(p.spans) && p.spans[low].from <= seq
}

// add takes a write in; one that is in is not counted twice where that is known.
func (p *pendingSet) add(seq uint64, at int64) {
	if len(p.spans) >= maxSpans {
		p.join()
	}
	i, found := p.find(seq)
	if !found {
		p.insert(i, seq)
	}
	s := p.spans[i]
	if s.exact != nil {
		word, bit := (seq-s.from)/64, uint64(1)<<((seq-s.from)%64)
		if s.exact.bits[word]&bit != 0 {
			return
		}
		s.exact.bits[word] |= bit
		s.exact.times[seq-s.from] = at
	}
	if s.count == 0 || seq < s.first {
		s.first, s.firstAt, s.known = seq, at, true
	}
	s.count++
	p.count++
}

// insert makes a span for a number that none holds, between its neighbours.
func (p *pendingSet) insert(i int, seq uint64) {
	s := &span{from: seq / spanSeqs * spanSeqs, exact: &exactSpan{}}
	s.to = s.from + spanSeqs - 1
	if i > 0 {
		s.from = max(s.from, p.spans[i-1].to+1)
	}
	if i < len(p.spans) {
		s.to = min(s.to, p.spans[i].from-1)
	}
	p.spans = append(p.spans, nil)
	copy(p.spans[i+1:], p.spans[i:])
	p.spans[i] = s
	if old := len(p.spans) - 1 - exactSpans; old >= 0 {
		p.spans[old].exact = nil
	}
}

// join halves the number of the older spans.
func (p *pendingSet) join() {
	older := len(p.spans) - exactSpans
	kept := p.spans[:0:0]
	for i := 0; i+1 < older; i += 2 {
		a, b := p.spans[i], p.spans[i+1]
		if a.count == 0 {
			a.first, a.firstAt, a.known = b.first, b.firstAt, b.known
		}
		a.to, a.count, a.exact = b.to, a.count+b.count, nil
		kept = append(kept, a)
	}
	p.spans = append(kept, p.spans[older&^1:]...)
}

// remove takes a write out.
func (p *pendingSet) remove(seq uint64) {
	i, found := p.find(seq)
	if !found || p.spans[i].count == 0 {
		return
	}
	s := p.spans[i]
	if s.exact != nil {
		word, bit := (seq-s.from)/64, uint64(1)<<((seq-s.from)%64)
		if s.exact.bits[word]&bit == 0 {
			return
		}
		s.exact.bits[word] &^= bit
	}
	s.count--
	p.count--
	if seq == s.first {
		s.advance()
	}
	p.trim()
}

// advance finds the oldest pending write of a span whose oldest is pending no more.
func (s *span) advance() {
	s.known = false
	if s.exact == nil || s.count == 0 {
		return
	}
	for word, w := range s.exact.bits {
		if w != 0 {
			index := word*64 + bits.TrailingZeros64(w)
			s.first, s.firstAt, s.known = s.from+uint64(index), s.exact.times[index], true
			return
		}
	}
}

// trim drops the empty spans in front.
func (p *pendingSet) trim() {
	for len(p.spans) > 0 && p.spans[0].count == 0 {
		p.spans = p.spans[1:]
	}
}

// removeThrough takes out all up to a number. Where that ends within a span of which only the count is known, the span stays.
func (p *pendingSet) removeThrough(through uint64) {
	for i := 0; i < len(p.spans) && p.spans[i].from <= through; i++ {
		s := p.spans[i]
		switch {
		case s.to <= through:
			p.count -= s.count
			s.count, s.exact = 0, nil
		case s.exact != nil:
			for seq := s.from; seq <= through; seq++ {
				p.removeExact(s, seq)
			}
		}
	}
	p.trim()
}

func (p *pendingSet) removeExact(s *span, seq uint64) {
	word, bit := (seq-s.from)/64, uint64(1)<<((seq-s.from)%64)
	if s.exact.bits[word]&bit == 0 {
		return
	}
	s.exact.bits[word] &^= bit
	s.count--
	p.count--
	if seq == s.first {
		s.advance()
	}
}

// oldest returns the oldest pending write and its time in Unix nanoseconds. Where known is false it is one that none is older than.
func (p *pendingSet) oldest() (seq uint64, at int64, known bool) {
	if len(p.spans) == 0 {
		return 0, 0, false
	}
	s := p.spans[0]
	return s.first, s.firstAt, s.known
}

// has reports whether a write is pending, as far as that is known, and since when, in Unix nanoseconds.
func (p *pendingSet) has(seq uint64) (at int64, in bool) {
	i, found := p.find(seq)
	if !found || p.spans[i].count == 0 {
		return 0, false
	}
	s := p.spans[i]
	if s.exact == nil {
		return s.firstAt, true
	}
	return s.exact.times[seq-s.from], s.exact.bits[(seq-s.from)/64]&(1<<((seq-s.from)%64)) != 0
}
