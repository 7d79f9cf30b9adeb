//go:build !race

package compare

import "testing"

// A pair that matches costs no allocation: the mirror compares every answer. With -race sync.Pool drops at random what it
// is given.
func TestMatchesAllocateNothing(t *testing.T) {
	c, err := New(Options{Headers: []string{"content-type", "location"}, Rules: benchRules})
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1 << 10, 32 << 10} {
		for _, p := range pairsOf(size) {
			if p.want != Match {
				continue
			}
			old, new := jsonAnswer(p.old), jsonAnswer(p.new)
			new.Header[ct] = []string{"application/json"}
			// The pools may be emptied by the garbage collector meanwhile.
			fewest := 1.0
			for range 5 {
				fewest = min(fewest, testing.AllocsPerRun(50, func() { c.Compare(old, new) }))
			}
			if fewest > 0 {
				t.Errorf("%s, %d KiB: %v allocations", p.name, size>>10, fewest)
			}
		}
	}
}
