package compare

import (
	"slices"
	"unicode/utf8"
)

// maxShown is how many bytes of a value a Difference shows.
const maxShown = 256

// recorder gathers what a comparison finds.
type recorder struct {
	differences []Difference
	found       int     // all differences, kept or not
	forgiven    []int   // per rule; nil while there are none
	origin      *origin // where the bodies at hand lie

	// stop ends the comparison at so many differences, of which then none is kept; 0 goes through to the end and keeps them.
	stop int
}

// done reports whether nothing further needs to be found.
func (r *recorder) done() bool { return r.stop > 0 && r.found >= r.stop }

// keeps reports whether the next difference is kept, so that its path and values are needed.
func (r *recorder) keeps() bool { return r.stop == 0 && r.found < MaxDifferences }

// add records a difference.
func (r *recorder) add(d Difference) {
	if r.keeps() {
		if d.Location == InBody {
			d.Path = r.origin.place(d.Path)
		}
		r.differences = append(r.differences, d)
	}
	r.found++
}

// forgive counts a difference that a rule allows.
func (r *recorder) forgive(rule, rules int) {
	if r.forgiven == nil {
		r.forgiven = make([]int, rules)
	}
	r.forgiven[rule]++
}

// forgave reports whether anything was forgiven.
func (r *recorder) forgave() bool {
	return slices.ContainsFunc(r.forgiven, func(n int) bool { return n > 0 })
}

// merge takes over what another recorder forgave.
func (r *recorder) merge(forgiven []int) {
	for rule, n := range forgiven {
		if n > 0 {
			if r.forgiven == nil {
				r.forgiven = make([]int, len(forgiven))
			}
			r.forgiven[rule] += n
		}
	}
}

// absorb takes over all that another recorder holds.
func (r *recorder) absorb(o *recorder) {
	for i := range o.differences {
		r.add(o.differences[i])
	}
	r.found += o.found - len(o.differences)
	r.merge(o.forgiven)
}

// reset forgets everything but stop, and keeps the memory.
func (r *recorder) reset() {
	clear(r.differences)
	clear(r.forgiven)
	r.differences, r.found = r.differences[:0], 0
}

// suppressed returns the counts of the rules that forgave something, nil if none did.
func (r *recorder) suppressed() map[int]int {
	var counts map[int]int
	for rule, n := range r.forgiven {
		if n > 0 {
			if counts == nil {
				counts = make(map[int]int)
			}
			counts[rule] = n
		}
	}
	return counts
}

// shorten returns text cut to what a Difference shows, never within a character.
func shorten[T string | []byte](text T) string {
	if len(text) <= maxShown {
		return string(text)
	}
	const mark = "…"
	cut := string(text[:maxShown-len(mark)+1])
	end := len(cut) - 1
	for end > 0 && end > len(cut)-utf8.UTFMax && !utf8.RuneStart(cut[end]) {
		end--
	}
	return cut[:end] + mark
}
