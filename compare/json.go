package compare

import (
	"errors"
	"sync"
)

// jsonEngine compares two JSON documents whose bytes differ. It is what stands between the dispatch and the way in which
// documents are read.
type jsonEngine interface {
	// compare tells rec what differs and what was forgiven.
	compare(old, new []byte, rec *recorder) outcome
}

// treeEngine parses both documents in full and walks them side by side.
type treeEngine struct {
	rules    *ruleset
	maxNodes int
	walkers  sync.Pool
}

func newTreeEngine(rules *ruleset, maxNodes int) *treeEngine {
	return &treeEngine{rules: rules, maxNodes: maxNodes, walkers: sync.Pool{New: func() any { return new(walker) }}}
}

// maxPooled is how many nodes a document may have had to be kept for the next one.
const maxPooled = 1 << 15

func (e *treeEngine) compare(old, new []byte, rec *recorder) outcome {
	w := e.walkers.Get().(*walker)
	defer e.release(w)
	errOld := w.old.parse(old, e.maxNodes)
	errNew := w.new.parse(new, e.maxNodes)
	if errors.Is(errOld, errTooComplex) || errors.Is(errNew, errTooComplex) {
		return outcome{tooComplex: true}
	}
	if errOld != nil || errNew != nil {
		return outcome{old: errOld, new: errNew}
	}
	w.rules, w.rec, w.work, w.path, w.joined = e.rules, rec, maxWork, w.path[:0], w.joined[:0]
	w.at.start(e.rules.paths)
	rec.enter(&w.at)
	w.pair(0, 0)
	return outcome{tooComplex: w.work < 0}
}

func (e *treeEngine) release(w *walker) {
	w.old.src, w.new.src, w.rec = nil, nil, nil
	if cap(w.old.nodes) <= maxPooled && cap(w.new.nodes) <= maxPooled {
		e.walkers.Put(w)
	}
}
