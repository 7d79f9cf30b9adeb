package compare

import (
	"bytes"
	"slices"
)

// What the walk does differently because old is seen with new's names.

// leap is how the place was reached before the walk went on within a moved member.
type leap struct {
	path  []step
	depth int // of the cursor
}

// jumpTo goes on at the place that a member has in old, which is elsewhere.
func (w *walker) jumpTo(o *origins) {
	w.leaps = append(w.leaps, leap{w.path, len(w.at.states)})
	w.path = o.path[:len(o.path):len(o.path)]
	w.at.jump(o.at)
}

func (d *document) stranded(i uint32) bool { return d.marks != nil && d.marks[i].stranded }

func (d *document) made(i uint32) bool { return d.marks != nil && d.marks[i].made }

// identical reports whether two values are written alike, and old's means there what it says.
func (w *walker) identical(o, n uint32) bool {
	return (w.old.marks == nil || !w.old.marks[o].altered) && bytes.Equal(w.old.raw(o), w.new.raw(n))
}

// sameAsWritten is same without renames: what is ignored is not looked into.
func (w *walker) sameAsWritten(o, n uint32) bool {
	if w.old.marks == nil || !w.old.marks[o].altered {
		return w.same(o, n)
	}
	if w.old.marks[o].made {
		return false
	}
	from := w.old.marks[o].from
	w.old, w.written = w.written, w.old
	defer func() { w.old, w.written = w.written, w.old }()
	return w.same(from, n)
}

// scatter shows what is in an object that is not in old itself, each at its own place.
func (w *walker) scatter(o uint32) {
	for c := o + 1; c < w.old.nodes[o].next && !w.stopped(); c = w.old.nodes[c].next {
		w.enterMember(&w.old, c)
		w.lone(c, absent)
		w.leave()
	}
}

// foreign handles a member that only new has. A rule may ignore it by its name, or by the one that it would have in old.
func (w *walker) foreign(n uint32) {
	d := w.rules.decide(&w.at)
	if w.rules.renames && w.rules.ignores(d) != IgnoreAll {
		w.at.pop()
		w.enterInverse(w.new.name(n))
		inverse := w.rules.decide(&w.at)
		w.at.pop()
		w.at.name(w.new.name(n))
		if w.rules.ignores(inverse) == IgnoreAll {
			if w.spend(1) {
				w.forgive(inverse[familySuppress])
			}
			return
		}
	}
	w.lone(absent, n)
}

// enterInverse steps to the place in old of a member of new, as far as renames to a name go.
func (w *walker) enterInverse(name []byte) {
	for _, i := range w.rules.inverse[string(name)] {
		w.at.name([]byte(i.name))
		if d := w.rules.decide(&w.at); d[familyStructure] == i.rule {
			return
		}
		w.at.pop()
	}
	w.at.name(name)
}

// enterNamesake steps, for a hash, to the place in old of a member of either document.
func (w *walker) enterNamesake(d *document, i uint32) {
	switch {
	case !w.rules.renames:
		w.at.name(d.name(i))
	case d == &w.new:
		w.enterInverse(d.name(i))
	case d.marks != nil && d.marks[i].moved != nil:
		w.at.jump(d.marks[i].moved.at)
	default:
		w.at.name(d.oldName(i))
	}
}

// vague reports whether a member may be on one side alone although the two sides are equal, because members are moved there or
// away, or because it is ignored by its name in new.
func (w *walker) vague(d *document, i uint32) bool {
	name := d.name(i)
	if w.rules.moves && (w.rules.vague == nil || w.rules.vague[string(name)]) {
		return true
	}
	w.at.name(name)
	rules := w.rules.decide(&w.at)
	w.at.pop()
	vague, renames := w.rules.ignores(rules) == IgnoreAll, 0
	for _, r := range w.rules.inverse[string(name)] {
		vague = vague || w.rules.does(rules, actAbsent)
		w.at.name([]byte(r.name))
		if d := w.rules.decide(&w.at); d[familyStructure] == r.rule {
			renames++
			vague = vague || renames > 1 || w.rules.ignores(d) == IgnoreAll
		}
		w.at.pop()
	}
	return vague
}

// certain reports whether one set of rules is sure to decide on a member whose name in new a rename leads to, whatever it had in
// old. The cursor is on the member.
func (w *walker) certain(d *document, i uint32) bool {
	name := d.name(i)
	if len(w.rules.inverse[string(name)]) == 0 {
		return true
	}
	here := w.at.top()
	w.at.pop()
	w.enterInverse(name)
	inverse := w.at.top()
	w.at.pop()
	w.at.name(name)
	own := w.at.top()
	w.at.pop()
	w.at.jump(here)
	return own == inverse || own.alike(inverse)
}

// alike reports whether the rules decide alike at two places and beneath, but for the renames that decide there.
func (s *state) alike(o *state) bool {
	return s.decision[familySuppress] == o.decision[familySuppress] && s.decision[familyValue] == o.decision[familyValue] &&
		s.decision[familyStructure] == none && slices.Equal(s.beneath, o.beneath)
}
