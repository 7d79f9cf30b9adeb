package compare

import (
	"errors"
	"sync"
)

// jsonEngine compares two JSON documents whose bytes differ: in lock-step, and where that gives up on two tapes, one of each
// document as a whole.
type jsonEngine struct {
	rules    *ruleset
	maxNodes int
	pool     sync.Pool // of *lockstep
}

func newJSONEngine(rules *ruleset, maxNodes int) *jsonEngine {
	return &jsonEngine{rules: rules, maxNodes: maxNodes, pool: sync.Pool{New: func() any { return new(lockstep) }}}
}

// maxPooled is how many nodes, and bytes of a text without its escapes, a document may have had to be kept for the next one.
const maxPooled = 1 << 15

// compare tells rec what differs and what was forgiven.
func (e *jsonEngine) compare(old, new []byte, rec *recorder) outcome {
	s := e.pool.Get().(*lockstep)
	defer e.release(s)
	if rec.stop == 0 && !e.rules.renames && s.compare(old, new, e.rules, e.maxNodes, rec) {
		rec.absorb(&s.found)
		return outcome{}
	}
	return s.w.compare(old, new, e.rules, e.maxNodes, rec)
}

func (e *jsonEngine) release(s *lockstep) {
	s.old, s.new, s.names.src = nil, nil, nil
	s.w.rec = nil
	for _, d := range []*document{&s.w.old, &s.w.new, &s.w.written} {
		d.release()
	}
	s.found.reset()
	if cap(s.w.old.nodes) <= maxPooled && cap(s.w.new.nodes) <= maxPooled {
		e.pool.Put(s)
	}
}

// release lets go of the text, and of what memory a single text made too large to keep.
func (d *document) release() {
	d.src, d.marks = nil, nil
	if cap(d.keyBuf) > maxPooled || cap(d.stringBuf) > maxPooled {
		d.keyBuf, d.stringBuf = nil, nil
	}
}

// compare parses both documents in full and walks them side by side.
func (w *walker) compare(old, new []byte, rules *ruleset, maxNodes int, rec *recorder) outcome {
	errOld := w.old.parse(old, maxNodes)
	errNew := w.new.parse(new, maxNodes)
	if errors.Is(errOld, errTooComplex) || errors.Is(errNew, errTooComplex) {
		return outcome{tooComplex: true}
	}
	if errOld != nil || errNew != nil {
		return outcome{old: errOld, new: errNew}
	}
	w.begin(rules, rec)
	if rules.renames {
		w.old, w.written = w.written, w.old
		w.behold()
	}
	w.pair(0, 0)
	return outcome{tooComplex: w.work < 0}
}

// begin puts the walker on the root of the bodies that rec is about.
func (w *walker) begin(rules *ruleset, rec *recorder) {
	w.rules, w.rec, w.work, w.path, w.joined = rules, rec, maxWork, w.path[:0], w.joined[:0]
	w.old.marks = nil
	w.at.start(rules.paths)
	rec.enter(&w.at)
}
