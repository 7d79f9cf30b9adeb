package compare

import "slices"

// maxTreeDepth is how deep trees are walked: as deep as documents may nest, and a little for what stands around them.
const maxTreeDepth = maxDepth + 8

// treeWalker compares two trees of elements.
type treeWalker struct {
	place
	// ordered says that the order among children of different names counts.
	ordered bool
}

// compareTrees compares two trees whose root is the place `$`.
func (c *Comparer) compareTrees(old, new *element, ordered bool, rec *recorder) outcome {
	w := treeWalker{ordered: ordered}
	w.start(c.rules, rec)
	w.pair(old, new)
	return outcome{tooComplex: w.work < 0}
}

// pair compares two elements at the place.
func (w *treeWalker) pair(o, n *element) {
	if !w.spend(1+(len(o.text)+len(n.text))>>6) || o.same(n) {
		return
	}
	if len(w.path) > 2*maxTreeDepth {
		w.work = -1
		return
	}
	o, n = read(o, n)
	d := w.rules.decide(&w.at)
	switch mode := w.rules.ignores(d); {
	case mode == IgnoreAll || mode == IgnoreValue && sameType(o, n):
		if !w.equal(o, n) {
			w.forgive(d[familySuppress])
		}
		return
	case !sameKind(o, n):
		w.differ(KindType, o.showType(n), n.showType(o))
		return
	case w.rules.does(d, actTime) && sameMoment(o, n, w.rules.rules[d[familyValue]].skew):
		if !w.equal(o, n) {
			w.forgive(d[familyValue])
		}
		return
	}
	w.attributes(o, n)
	if o.leaf() && n.leaf() {
		w.values(o, n, d[familyValue])
		return
	}
	w.children(o, n)
}

// values compares the own values of two leaves.
func (w *treeWalker) values(o, n *element, rule int) {
	old, new := o.value(), n.value()
	switch {
	case old == new:
	case rule != none && w.rules.rules[rule].toleratesElements(o, n):
		w.forgive(rule)
	default:
		w.differ(KindValue, o.showValue, n.showValue)
	}
}

// attributes compares the attributes of two elements, by name and namespace.
func (w *treeWalker) attributes(o, n *element) {
	one := func(name string, a, b *element) {
		w.enterName(name)
		w.enterOne(unindexed)
		w.either(a, b)
		w.leave()
		w.leave()
	}
	old, new := o.attributes, n.attributes
	for (len(old) > 0 || len(new) > 0) && !w.stopped() {
		switch {
		case len(new) == 0 || len(old) > 0 && compareNames(old[0], new[0]) < 0:
			one(old[0].name, old[0], nil)
			old = old[1:]
		case len(old) == 0 || compareNames(old[0], new[0]) > 0:
			one(new[0].name, nil, new[0])
			new = new[1:]
		default:
			one(old[0].name, old[0], new[0])
			old, new = old[1:], new[1:]
		}
	}
}

// children compares the children of two elements: those of one name side by side, then the order of all.
func (w *treeWalker) children(o, n *element) {
	if !w.spend(len(o.children) + len(n.children)) {
		return
	}
	even := true
	for _, g := range join(o.children, n.children) {
		w.enterName(g.name)
		if len(g.old) <= 1 && len(g.new) <= 1 {
			w.enterOne(unindexed)
			even = w.either(first(g.old), first(g.new)) && even
			w.leave()
		} else {
			even = w.list(g.old, g.new) && even
		}
		w.leave()
		if w.stopped() {
			return
		}
	}
	if !w.ordered || !even {
		return
	}
	if old, new := order(o.children), order(n.children); !slices.Equal(old, new) {
		w.differ(KindValue, func() string { return quotedNames(old) }, func() string { return quotedNames(new) })
	}
}

// order returns the names of the children whose order counts.
func order(children []*element) []string {
	names := make([]string, 0, len(children))
	for _, c := range children {
		if !c.apart {
			names = append(names, c.name)
		}
	}
	return names
}

func first(elements []*element) *element {
	if len(elements) == 0 {
		return nil
	}
	return elements[0]
}

// either compares two elements of which one may be missing. It reports whether none is, as far as that counts.
func (w *treeWalker) either(o, n *element) bool {
	if w.ordered {
		ignored := w.rules.ignores(w.rules.decide(&w.at)) == IgnoreAll
		for _, e := range [...]*element{o, n} {
			if e != nil {
				e.apart = ignored
			}
		}
	}
	if o != nil && n != nil {
		w.pair(o, n)
		return true
	}
	return w.lone(o, n)
}

// lone handles an element that only one side has; the other one is nil. It reports whether a rule allows that.
func (w *treeWalker) lone(o, n *element) bool {
	if !w.spend(1) {
		return false
	}
	d := w.rules.decide(&w.at)
	switch {
	case w.rules.ignores(d) == IgnoreAll:
		w.forgive(d[familySuppress])
		return true
	case n == nil:
		w.differ(KindMissing, o.show, nil)
	default:
		w.differ(KindExtra, nil, n.show)
	}
	return false
}

// equal reports whether two elements say the same with no rule applied.
func (w *treeWalker) equal(o, n *element) bool {
	w.at.forget()
	defer w.at.pop()
	r := w.try(1, func() { w.pair(o, n) })
	return r.found == 0 && w.work >= 0
}

// sameKind reports whether two elements are of one kind and namespace, so that what is in them can be compared.
func sameKind(o, n *element) bool { return o.kind == n.kind && o.space == n.space }

// sameType reports whether two elements differ in their value at most, as `ignore: value` allows.
func sameType(o, n *element) bool { return sameKind(o, n) && o.leaf() == n.leaf() }

// showType shows an element opposite to one of another kind or namespace.
func (e *element) showType(other *element) func() string {
	if e.space != other.space {
		return func() string { return string(appendQuoted(nil, []byte("{"+e.space+"}"+e.name))) }
	}
	return e.show
}

// showValue shows a leaf's own value.
func (e *element) showValue() string {
	if e.kind != isElement {
		return e.show()
	}
	text := e.value()
	return string(appendQuoted(nil, []byte(text[:min(len(text), 2*maxShown)])))
}
