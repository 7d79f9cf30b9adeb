package compare_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"paritygate/compare"
	"paritygate/internal/testkit"
)

// reference compares two JSON documents in the most obvious way: trees, rationals, brute force. It shares no code with what
// it judges; where the two disagree, one of them has the contract wrong.
type reference struct {
	rules    []testkit.Rule
	paths    [][]pathStep // of the rules; nil for a header
	found    []string     // kind and path of each difference
	forgiven map[int]int
	// vague says that several reports are right, because elements without order have no partner: only the verdict counts.
	vague bool
}

// The kinds of nodes, in the words of JSON.
const (
	isNull   = "null"
	isBool   = "boolean"
	isNumber = "number"
	isString = "string"
	isArray  = "array"
	isObject = "object"
)

// tree is a JSON value. Members keep their order, and their repeats.
type tree struct {
	kind  string
	text  string // of a scalar: the number as written, the string unescaped
	names []string
	kids  []*tree

	was  *string // what a renamed member was called in old
	from []place // where a moved value stands in old
	is   *tree   // what a value was before the renames beneath it
	made bool    // an object that is there for moved members alone
}

// place is one step to a value: a member's name, or an element's index.
type place struct {
	name      string
	index     int
	element   bool
	anonymous bool // an element of an array whose order does not count: no index matches it
}

// readTree reads one document, with encoding/json for the tokens.
func readTree(text string) (*tree, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	t, err := nextTree(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the document")
	}
	return t, nil
}

func nextTree(d *json.Decoder) (*tree, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case nil:
		return &tree{kind: isNull}, nil
	case bool:
		return &tree{kind: isBool, text: fmt.Sprint(v)}, nil
	case json.Number:
		return &tree{kind: isNumber, text: string(v)}, nil
	case string:
		return &tree{kind: isString, text: v}, nil
	}
	t := &tree{kind: isArray}
	if token == json.Delim('{') {
		t.kind = isObject
	}
	for d.More() {
		if t.kind == isObject {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			t.names = append(t.names, name.(string))
		}
		kid, err := nextTree(d)
		if err != nil {
			return nil, err
		}
		t.kids = append(t.kids, kid)
	}
	_, err = d.Token()
	return t, err
}

// judge returns the verdict on two documents.
func (r *reference) judge(old, new *tree) compare.Verdict {
	r.found, r.forgiven, r.vague = nil, map[int]int{}, false
	same := equalTrees(old, new)
	r.pair(r.renamed(old), new, nil)
	switch {
	case len(r.found) > 0:
		return compare.Mismatch
	case same && len(r.forgiven) == 0:
		return compare.Match
	default:
		return compare.Tolerated
	}
}

// pair compares two values at a place, which is named as old names it.
func (r *reference) pair(old, new *tree, at []place) {
	r.vague = r.vague || old.made && new.kind != isObject
	suppress, structure, value := r.deciding(at)
	if suppress >= 0 {
		mode := r.rules[suppress].Ignore
		if mode == "true" || mode == "value" && old.kind == new.kind {
			if !equalTrees(original(old), new) {
				r.forgiven[suppress]++
			}
			return
		}
	}
	switch {
	case old.kind == isObject && new.kind == isObject:
		r.objects(old, new, at)
	case old.kind == isArray && new.kind == isArray:
		if structure >= 0 && r.rules[structure].Unordered != "" {
			r.multiset(old, new, at, r.rules[structure].Unordered == "set")
		} else if structure >= 0 && r.rules[structure].Key != "" {
			r.keyed(old, new, at, r.rules[structure].Key)
		} else {
			r.arrays(old, new, at)
		}
	case equalTrees(old, new):
	case value >= 0 && r.tolerates(r.rules[value], old, new):
		r.forgiven[value]++
	case old.kind != new.kind:
		r.differ(compare.KindType, at)
	default:
		r.differ(compare.KindValue, at)
	}
}

// original is the value as old has it.
func original(t *tree) *tree {
	if t.is != nil {
		return t.is
	}
	return t
}

// lone handles a value that one side alone has.
func (r *reference) lone(kind compare.Kind, t *tree, at []place) {
	suppress, structure, _ := r.deciding(at)
	switch {
	case suppress >= 0 && r.rules[suppress].Ignore == "true":
		r.forgiven[suppress]++
	case structure >= 0 && r.rules[structure].AbsentEqualsNull && t.kind == isNull && !at[len(at)-1].element:
		r.forgiven[structure]++
	default:
		r.differ(kind, at)
	}
}

func (r *reference) differ(kind compare.Kind, at []place) {
	r.found = append(r.found, string(kind)+" "+writePlace(at))
}

// objects sets members of one name against each other, repeats in their order; one that was
// renamed to the name of another comes last.
func (r *reference) objects(old, new *tree, at []place) {
	taken := make([]bool, len(new.kids))
	order := make([]int, 0, len(old.kids))
	for i := range 2 * len(old.kids) {
		if kid := old.kids[i%len(old.kids)]; (kid.was != nil || kid.from != nil) == (i >= len(old.kids)) {
			order = append(order, i%len(old.kids))
		}
	}
	for _, i := range order {
		kid := old.kids[i]
		here := r.step(at, kid, old.names[i])
		n := -1
		for j := range new.kids {
			if !taken[j] && new.names[j] == old.names[i] {
				n = j
				break
			}
		}
		if n < 0 && kid.made {
			for _, moved := range movedTo(kid) {
				r.lone(compare.KindMissing, moved, moved.from)
			}
			continue
		}
		if n < 0 {
			r.lone(compare.KindMissing, kid, here)
			continue
		}
		taken[n] = true
		r.pair(kid, new.kids[n], here)
	}
	for j, kid := range new.kids {
		if !taken[j] {
			r.lone(compare.KindExtra, kid, append(slices.Clone(at), place{name: new.names[j]}))
		}
	}
}

// movedTo returns what was moved into an object made for it.
func movedTo(t *tree) []*tree {
	if !t.made {
		return []*tree{t}
	}
	var out []*tree
	for _, kid := range t.kids {
		out = append(out, movedTo(kid)...)
	}
	return out
}

// step names the place of a member as old does.
func (r *reference) step(at []place, kid *tree, name string) []place {
	if kid.from != nil {
		return kid.from
	}
	if kid.was != nil {
		name = *kid.was
	}
	return append(slices.Clone(at), place{name: name})
}

func element(at []place, index int) []place {
	return append(slices.Clone(at), place{index: index, element: true})
}

// arrays compares element by element. Where the lengths differ, and no rule tells the elements apart, those at the end that
// agree are set against each other first.
func (r *reference) arrays(old, new *tree, at []place) {
	tail := 0
	if len(old.kids) != len(new.kids) && !r.tellsApart(at) {
		short, head := min(len(old.kids), len(new.kids)), 0
		agree := func(o, n int) bool { return r.agrees(old.kids[o], new.kids[n], hidden(at)) }
		for head < short && agree(head, head) {
			head++
		}
		for tail < short-head && agree(len(old.kids)-1-tail, len(new.kids)-1-tail) {
			tail++
		}
	}
	o, n := len(old.kids)-tail, len(new.kids)-tail
	for i := range max(o, n) {
		switch {
		case i >= n:
			r.lone(compare.KindMissing, old.kids[i], element(at, i))
		case i >= o:
			r.lone(compare.KindExtra, new.kids[i], element(at, i))
		default:
			r.pair(old.kids[i], new.kids[i], element(at, i))
		}
	}
	for i := range tail {
		r.pair(old.kids[o+i], new.kids[n+i], element(at, o+i))
	}
}

// hidden is the place of an element that no index matches.
func hidden(at []place) []place {
	return append(slices.Clone(at), place{element: true, anonymous: true})
}

// agrees reports whether two values pass as equal.
func (r *reference) agrees(old, new *tree, at []place) bool {
	trial := reference{rules: r.rules, paths: r.paths, forgiven: map[int]int{}}
	trial.pair(old, new, at)
	return len(trial.found) == 0
}

// multiset looks for a partner for every element; in a set partners may be shared.
func (r *reference) multiset(old, new *tree, at []place, set bool) {
	if suppress, _, _ := r.deciding(hidden(at)); suppress >= 0 && r.rules[suppress].Ignore == "true" {
		r.vague = r.vague || len(old.kids) != len(new.kids) || !equalTrees(old, new)
		return
	}
	agree := func(o, n *tree) bool { return r.agrees(o, n, hidden(at)) }
	r.vague = r.vague || !equalTrees(old, new)
	if set {
		for _, o := range old.kids {
			if !slices.ContainsFunc(new.kids, func(n *tree) bool { return agree(o, n) }) {
				r.differ(compare.KindMissing, hidden(at))
			}
		}
		for _, n := range new.kids {
			if !slices.ContainsFunc(old.kids, func(o *tree) bool { return agree(o, n) }) {
				r.differ(compare.KindExtra, hidden(at))
			}
		}
		return
	}
	if !perfect(old.kids, new.kids, agree) {
		r.differ(compare.KindValue, hidden(at))
	}
}

// perfect reports whether all elements can be paired up.
func perfect(old, new []*tree, agree func(o, n *tree) bool) bool {
	if len(old) != len(new) {
		return false
	}
	partner := make([]int, len(new)) // in old, plus 1
	var find func(o int, seen []bool) bool
	find = func(o int, seen []bool) bool {
		for n := range new {
			if seen[n] || !agree(old[o], new[n]) {
				continue
			}
			seen[n] = true
			if partner[n] == 0 || find(partner[n]-1, seen) {
				partner[n] = o + 1
				return true
			}
		}
		return false
	}
	for o := range old {
		if !find(o, make([]bool, len(new))) {
			return false
		}
	}
	return true
}

// equalTrees reports whether two values are the same with no rule applied.
func equalTrees(a, b *tree) bool {
	if a.kind != b.kind || len(a.kids) != len(b.kids) {
		return false
	}
	switch a.kind {
	case isNumber:
		return equalNumbers(a.text, b.text)
	case isArray:
		return slices.EqualFunc(a.kids, b.kids, equalTrees)
	case isObject:
		taken := make([]bool, len(b.kids))
		for i, kid := range a.kids {
			n := -1
			for j := range b.kids {
				if !taken[j] && a.names[i] == b.names[j] {
					n = j
					break
				}
			}
			if n < 0 || !equalTrees(kid, b.kids[n]) {
				return false
			}
			taken[n] = true
		}
		return true
	default:
		return a.text == b.text
	}
}
