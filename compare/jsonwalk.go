package compare

// maxWork bounds the steps of one comparison. Only documents made for it, or huge arrays without order, come near.
const maxWork = 1 << 23

// absent stands for the node that a side does not have; 0 is the root, which no container holds.
const absent = 0

// walker compares two parsed documents. Its methods are called with the cursor and the path at the place in question.
type walker struct {
	old, new document
	written  document // old as it is written, where old is seen with new's names
	leaps    []leap   // the moved members that the place lies in
	rules    *ruleset
	rec      *recorder
	at       cursor
	path     []step
	work     int // steps that are left; below 0 a limit was passed and nothing more is found

	index  memberIndex
	joined []joint
}

// step is one step of the path to a place: to a member if document is set, else to an element.
type step struct {
	document *document
	node     uint32 // the member
	index    int
}

// spend counts steps, and reports whether the walk goes on.
func (w *walker) spend(n int) bool {
	w.work -= n
	return w.work >= 0 && !w.rec.done()
}

// stopped reports whether the walk is over.
func (w *walker) stopped() bool { return w.work < 0 || w.rec.done() }

// pair compares two values at the place.
func (w *walker) pair(o, n uint32) {
	oldRaw, newRaw := w.old.raw(o), w.new.raw(n)
	if w.identical(o, n) || !w.spend(1+(len(oldRaw)+len(newRaw))>>8) {
		return
	}
	d := w.rules.decide(&w.at)
	oldKind, newKind := w.old.nodes[o].kind, w.new.nodes[n].kind
	if mode := w.rules.ignores(d); mode == IgnoreAll || mode == IgnoreValue && oldKind == newKind {
		if !w.sameAsWritten(o, n) {
			w.forgive(d[familySuppress])
		}
		return
	}
	switch {
	case w.old.made(o) && newKind != jsonObject:
		w.scatter(o)
		w.lone(absent, n)
	case oldKind == newKind && oldKind == jsonObject:
		w.objects(o, n)
	case oldKind == newKind && oldKind == jsonArray && w.rules.orderless(d):
		w.unordered(o, n, d[familyStructure])
	case oldKind == newKind && oldKind == jsonArray:
		w.arrays(o, n, 0)
	case w.sameScalar(o, n):
	case d[familyValue] != none && w.tolerates(&w.rules.rules[d[familyValue]], o, n):
		w.forgive(d[familyValue])
	case oldKind != newKind:
		w.differ(KindType, o, n)
	default:
		w.differ(KindValue, o, n)
	}
}

// lone handles a value that only one side has; the other one is absent.
func (w *walker) lone(o, n uint32) {
	if !w.spend(1) {
		return
	}
	if n == absent && w.old.made(o) {
		w.scatter(o)
		return
	}
	d := w.rules.decide(&w.at)
	switch {
	case w.rules.ignores(d) == IgnoreAll:
		w.forgive(d[familySuppress])
	case n == absent && w.old.marks != nil && w.old.marks[o].emptied:
	case w.rules.does(d, actAbsent) && w.atMember() && w.isNull(o, n):
		w.forgive(d[familyStructure])
	case n == absent:
		w.differ(KindMissing, o, absent)
	default:
		w.differ(KindExtra, absent, n)
	}
}

// atMember reports whether the place is that of an object's member.
func (w *walker) atMember() bool { return len(w.path) > 0 && w.path[len(w.path)-1].document != nil }

// isNull reports whether a value that only one side has is null.
func (w *walker) isNull(o, n uint32) bool {
	if n == absent {
		return w.old.nodes[o].kind == jsonNull
	}
	return w.new.nodes[n].kind == jsonNull
}

func (w *walker) forgive(rule int) {
	if !w.stopped() {
		w.rec.forgive(rule, len(w.rules.rules))
	}
}

// differ records a difference at the place.
func (w *walker) differ(kind Kind, o, n uint32) {
	if w.stopped() {
		return
	}
	d := Difference{Location: InBody, Kind: kind}
	if w.rec.keeps() {
		d.Path = w.place()
		if kind != KindExtra {
			d.Old = shorten(w.old.raw(o))
		}
		if kind != KindMissing {
			d.New = shorten(w.new.raw(n))
		}
	}
	w.rec.add(d)
}

// place writes the path.
func (w *walker) place() string {
	out := append(make([]byte, 0, 64), '$')
	for _, s := range w.path {
		if s.document != nil {
			out = appendName(out, s.document.oldName(s.node))
		} else {
			out = appendIndex(out, s.index)
		}
	}
	return string(out)
}

// enterMember steps to the member i of d; leave takes it back.
func (w *walker) enterMember(d *document, i uint32) {
	if d.marks != nil && d.marks[i].moved != nil {
		w.jumpTo(d.marks[i].moved)
		return
	}
	w.path = append(w.path, step{document: d, node: i})
	w.at.name(d.oldName(i))
}

// enterElement steps to an element.
func (w *walker) enterElement(index int) {
	w.path = append(w.path, step{index: index})
	w.at.index(index)
}

func (w *walker) leave() {
	w.at.pop()
	if last := len(w.leaps) - 1; last >= 0 && len(w.at.states) == w.leaps[last].depth {
		w.path, w.leaps = w.leaps[last].path, w.leaps[:last]
		return
	}
	w.path = w.path[:len(w.path)-1]
}

// try compares two values at the place, up to so many differences, and leaves no trace.
func (w *walker) try(o, n uint32, stop int) recorder {
	saved := w.rec
	tried := recorder{stop: stop}
	w.rec = &tried
	w.pair(o, n)
	w.rec = saved
	return tried
}

// same reports whether two values are equal with no rule applied.
func (w *walker) same(o, n uint32) bool {
	w.at.forget()
	r := w.try(o, n, 1)
	w.at.pop()
	return r.found == 0 && w.work >= 0
}

// sameScalar reports whether two values are equal, neither of them an object or array.
func (w *walker) sameScalar(o, n uint32) bool {
	a, b := &w.old.nodes[o], &w.new.nodes[n]
	switch {
	case a.kind != b.kind:
		return false
	case a.kind == jsonNumber:
		return equalNumbers(w.old.raw(o), w.new.raw(n))
	case a.kind == jsonString && (a.escaped || b.escaped):
		return equalTexts(w.old.content(o), w.new.content(n))
	}
	return false // the bytes are known to differ
}

// tolerates reports whether a rule for values allows the two at hand.
func (w *walker) tolerates(r *rule, o, n uint32) bool {
	switch r.action {
	case actTime:
		a, ok1 := w.old.instant(o, w.rules.textual)
		b, ok2 := w.new.instant(n, w.rules.textual)
		return ok1 && ok2 && a.within(b, r.skew)
	case actCoerce:
		a, ok1 := w.old.coerced(o)
		b, ok2 := w.new.coerced(n)
		return ok1 && ok2 && a.equal(b)
	default:
	}
	if w.rules.textual {
		a, ok1 := w.old.coerced(o)
		b, ok2 := w.new.coerced(n)
		return ok1 && ok2 && a.within(b, r.absolute, r.relative)
	}
	if w.old.nodes[o].kind != jsonNumber || w.new.nodes[n].kind != jsonNumber {
		return false
	}
	var x, y [32]byte
	return parseDecimalInto(w.old.raw(o), x[:0]).within(parseDecimalInto(w.new.raw(n), y[:0]), r.absolute, r.relative)
}

// coerced reads a number, or a string that is one as JSON writes it.
func (d *document) coerced(i uint32) (decimal, bool) {
	switch d.nodes[i].kind {
	case jsonNumber:
		return parseDecimal(d.raw(i)), true
	case jsonString:
		text := d.string(i)
		if len(text) > 0 && scanNumber(text, 0) == len(text) {
			return parseDecimal(text), true
		}
	default:
	}
	return decimal{}, false
}

// instant reads a string or a number as a point in time; where all is text, a string that is a number too.
func (d *document) instant(i uint32, textual bool) (instant, bool) {
	switch d.nodes[i].kind {
	case jsonString:
		if number, ok := d.coerced(i); textual && ok {
			return unixInstant(number)
		}
		return parseInstant(d.string(i))
	case jsonNumber:
		return unixInstant(parseDecimal(d.raw(i)))
	default:
		return instant{}, false
	}
}
