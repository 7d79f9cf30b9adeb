package compare

import "sync"

// Comparer compares answers. It is safe for concurrent use.
type Comparer struct {
	rules      *ruleset
	root       int // the rule that suppresses at `$`, or none
	headers    []comparedHeader
	maxDecoded int64
	maxNodes   int
	json       *jsonEngine
	text       *jsonEngine // for documents whose values are all texts
	recorders  sync.Pool
}

// Compare says how two answers to one request differ. A nil answer is Failed. Answers whose statuses are of different classes
// (2xx and 5xx, say) differ in that alone: what their headers and bodies say then is only a consequence.
func (c *Comparer) Compare(old, new *Answer) Result {
	if old == nil || new == nil {
		return Result{Verdict: Failed}
	}
	rec := c.recorders.Get().(*recorder)
	defer c.release(rec)
	if old.Status != new.Status {
		rec.add(Difference{Location: InStatus, Kind: KindValue, Old: itoa(old.Status), New: itoa(new.Status)})
		if old.Status/100 != new.Status/100 {
			return Result{Verdict: Mismatch, Differences: rec.differences}
		}
	}
	var reason Reason
	calls := isCall(old, new)
	if calls {
		old, new = old.withTrailers(c.maxDecoded), new.withTrailers(c.maxDecoded)
	}
	c.compareHeaders(old, new, rec)
	if !calls || c.compareEnds(old, new, rec) {
		reason = c.compareBodies(old, new, rec)
	}
	r := Result{
		Verdict:     Match,
		Differences: rec.differences,
		Dropped:     rec.found - len(rec.differences),
		Suppressed:  rec.suppressed(),
	}
	switch {
	case rec.found > 0:
		r.Verdict, r.Unfinished = Mismatch, reason
	case reason != "":
		r.Verdict, r.Reason = Skipped, reason
	case r.Suppressed != nil:
		r.Verdict = Tolerated
	}
	return r
}

// release gives a recorder back. Its differences now belong to the Result.
func (c *Comparer) release(rec *recorder) {
	clear(rec.forgiven)
	*rec = recorder{forgiven: rec.forgiven}
	c.recorders.Put(rec)
}
