package aggregate

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// sample makes entries of bytes, in turn a key and its value; a key that comes again is left out.
func sample(data []byte) []entry {
	var out []entry
	seen := map[byte]bool{}
	for i := 0; i+1 < len(data); i += 2 {
		key := data[i] % 32
		if seen[key] {
			continue
		}
		seen[key] = true
		e := entry{id: fmt.Sprint(key), key: fmt.Sprint(key), value: value{text: fmt.Sprint(data[i+1] % 16), number: true}}
		switch data[i+1] {
		case 255:
			e.value = value{null: true, number: true}
		case 254:
			e.value.text = "NaN"
		}
		out = append(out, e)
	}
	return out
}

// tolerances are what the fuzzers choose from.
func tolerances(t testing.TB) []bounds {
	var out []bounds
	for _, want := range []Tolerance{{}, {Relative: "0.1"}, {Relative: "0.5", Overlap: "0.8"}, {Absolute: "2"}, {Relative: "1", Overlap: "0"}} {
		b, err := want.parse()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

func exchanged[T any](both [2]T) [2]T { return [2]T{both[1], both[0]} }

// mirrored holds a result against that of exchanged sides.
func mirrored(t *testing.T, a, b Result) {
	t.Helper()
	if a.Verdict != b.Verdict || !reflect.DeepEqual(a.Variance, b.Variance) || len(a.Differences) != len(b.Differences) ||
		!reflect.DeepEqual(a.Old, b.New) {
		t.Errorf("not symmetric:\n%+v\n%+v", a, b)
	}
	if (a.Verdict == Fail) != (len(a.Differences) > 0) || a.Reason == "" || a.Verdict == Inconclusive && a.Variance != nil {
		t.Errorf("%+v", a)
	}
}

func FuzzJudgeDistribution(f *testing.F) {
	f.Add([]byte{1, 5, 2, 6}, []byte{2, 6, 1, 5}, uint8(0), uint64(1))
	f.Add([]byte{1, 5, 2, 255}, []byte{2, 254, 3, 5}, uint8(1), uint64(2))
	f.Add([]byte{}, []byte{3, 0}, uint8(2), uint64(3))
	f.Fuzz(func(t *testing.T, old, new []byte, which uint8, seed uint64) {
		all := tolerances(t)
		allowed := all[int(which)%len(all)]
		judged := func(found [2][]entry) Result {
			r := Result{Type: Distribution, Verdict: Inconclusive}
			judgeDistribution(&r, allowed, found)
			return r
		}
		found := [2][]entry{sample(old), sample(new)}
		r := judged(found)
		mirrored(t, r, judged(exchanged(found)))
		if v := variation(found); v != nil && (v.Sign() < 0 || v.Cmp(rat("1")) > 0) {
			t.Errorf("a total variation distance of %s", v)
		}
		random := rand.New(rand.NewPCG(seed, 0))
		for i := range found {
			found[i] = slices.Clone(found[i])
			random.Shuffle(len(found[i]), func(a, b int) { found[i][a], found[i][b] = found[i][b], found[i][a] })
		}
		if again := judged(found); !reflect.DeepEqual(r, again) {
			t.Errorf("in another order:\n%+v\n%+v", r, again)
		}
		if same := judged([2][]entry{found[0], found[0]}); same.Verdict == Fail || same.Verdict == Pass && *same.Variance != 0 {
			t.Errorf("not reflexive: %+v", same)
		}
		// What a plain loop over the buckets says.
		if want := anyApart(found, allowed); want != (r.Verdict == Fail) {
			t.Errorf("a bucket that is too far apart: %v; %+v", want, r)
		}
	})
}

// anyApart says whether a bucket of either side is too far from the other's.
func anyApart(found [2][]entry, t bounds) bool {
	for i := range found {
		for _, e := range found[i] {
			at := slices.IndexFunc(found[1-i], func(other entry) bool { return other.id == e.id })
			other := value{text: "0", number: true}
			if at >= 0 {
				other = found[1-i][at].value
			}
			a, aOK := e.value.rational()
			b, bOK := other.rational()
			switch {
			case aOK && bOK:
				if d := measure(a, b); d.distance.Cmp(d.allowed(t)) > 0 {
					return true
				}
			case e.value != other:
				return true
			}
		}
	}
	return false
}

// shuffled puts entries in the falling order of their values, those of one value in any order.
func shuffled(random *rand.Rand, found []entry) []entry {
	out := slices.Clone(found)
	random.Shuffle(len(out), func(a, b int) { out[a], out[b] = out[b], out[a] })
	sortRanks(out)
	return out
}

// judgedTop judges rankings of which no more than most entries are read.
func judgedTop(t *testing.T, allowed bounds, limit, most int, found [2][]entry) Result {
	t.Helper()
	var rankings [2]*ranking
	for i := range found {
		read := slices.Clone(found[i][:min(most, len(found[i]))])
		var err error
		if rankings[i], err = rank(read, limit, len(read) == most, len(read) < most); err != nil {
			t.Fatal(err)
		}
	}
	r := Result{Type: Top, Verdict: Inconclusive}
	judgeTop(&r, allowed, limit, rankings)
	return r
}

func FuzzJudgeTop(f *testing.F) {
	f.Add([]byte{1, 5, 2, 6}, []byte{2, 6, 1, 5}, uint8(0), uint64(1), uint8(2))
	f.Add([]byte{1, 5, 2, 255, 4, 5, 5, 5}, []byte{2, 254, 3, 5}, uint8(1), uint64(2), uint8(1))
	f.Add([]byte{}, []byte{3, 0, 9, 9, 8, 8, 7, 7, 6, 6}, uint8(2), uint64(3), uint8(3))
	f.Fuzz(func(t *testing.T, old, new []byte, which uint8, seed uint64, size uint8) {
		all := tolerances(t)
		allowed := all[int(which)%len(all)]
		random := rand.New(rand.NewPCG(seed, 0))
		limit := 1 + int(size)%8
		data := [2][]entry{sample(old), sample(new)}
		found := [2][]entry{shuffled(random, data[0]), shuffled(random, data[1])}
		for _, most := range []int{limit, 2 * limit, 1000} {
			r := judgedTop(t, allowed, limit, most, found)
			mirrored(t, r, judgedTop(t, allowed, limit, most, exchanged(found)))
			same := judgedTop(t, allowed, limit, most, [2][]entry{found[0], shuffled(random, data[0])})
			if same.Verdict == Fail || same.Verdict == Pass && *same.Variance != 0 {
				t.Errorf("of one set of values, with ties in any order, of which %d are read: %+v", most, same)
			}
		}
		// With all of it read the order of ties says nothing.
		a := judgedTop(t, allowed, limit, 1000, found)
		b := judgedTop(t, allowed, limit, 1000, [2][]entry{shuffled(random, data[0]), shuffled(random, data[1])})
		if a.Verdict != b.Verdict || !reflect.DeepEqual(a.Variance, b.Variance) || len(a.Differences) != len(b.Differences) {
			t.Errorf("with ties in another order:\n%+v\n%+v", a, b)
		}
	})
}

// TestTopHoldsNoToleratedChangeAgainstARanking moves every value of a ranking by less than is allowed: ranks change, keys
// fall out of the first ones and others come in, and none of that is a difference. One value that moves by more is one.
func TestTopHoldsNoToleratedChangeAgainstARanking(t *testing.T) {
	allowed, err := Tolerance{Relative: "0.05"}.parse()
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 60 {
		var data [2][]entry
		for key := range 60 {
			v := 1000 + random.IntN(400) // so close that the ranks are in great disorder
			for i, text := range []string{fmt.Sprint(v), fmt.Sprint(v - random.IntN(v/20))} {
				data[i] = append(data[i], entry{id: fmt.Sprint(key), key: fmt.Sprint(key), value: value{text: text, number: true}})
			}
		}
		found := [2][]entry{shuffled(random, data[0]), shuffled(random, data[1])}
		for _, most := range []int{10, 20, 1000} {
			if r := judgedTop(t, allowed, 10, most, found); r.Verdict != Pass {
				t.Fatalf("round %d, %d read: %+v", round, most, r)
			}
		}
		planted := found[0][random.IntN(10)].key
		at := slices.IndexFunc(data[1], func(e entry) bool { return e.key == planted })
		data[1][at].value.text = "900"
		r := judgedTop(t, allowed, 10, 1000, [2][]entry{found[0], shuffled(random, data[1])})
		if r.Verdict != Fail || r.Differences[0].Key != planted {
			t.Fatalf("round %d, with %s planted: %+v", round, planted, r)
		}
	}
}

func TestShownKey(t *testing.T) {
	tests := []struct {
		text    string
		several bool
		want    string
	}{
		{"books", false, "books"},
		{"", false, `""`},
		{"NULL", false, `"NULL"`},
		{" a", false, `" a"`},
		{"a\nb", false, `"a\nb"`},
		{`"a"`, false, `"\"a\""`},
		{"a, b", false, "a, b"},
		{"a, b", true, `"a, b"`},
		{"Größe", true, "Größe"},
		{strings.Repeat("x", 300), false, strings.Repeat("x", 253) + "…"},
	}
	for _, test := range tests {
		if got := shownKey(test.text, test.several); got != test.want {
			t.Errorf("%q is shown as %s, want %s", test.text, got, test.want)
		}
	}
}
