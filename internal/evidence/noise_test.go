package evidence

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paritygate/compare"
)

// The values are exact: P(θ > ½) under Beta(b+1, c+1) is the chance of more than c heads among b+c+1 tosses of a fair coin, turned about.
func TestRealProbability(t *testing.T) {
	for _, test := range []struct {
		onlyNew, onlyOld int64
		want             float64
	}{
		{0, 0, 0.5},
		{1, 0, 0.75},
		{0, 1, 0.25},
		{5, 0, 1 - 1.0/64},
		{0, 5, 1.0 / 64},
		{1, 1, 0.5},
		{2, 1, 11.0 / 16},
		{10, 10, 0.5},
		{3, 2, 42.0 / 64},
		{40, 0, 1 - math.Pow(0.5, 41)},
		{-1, -1, 0.5},
	} {
		if got := RealProbability(test.onlyNew, test.onlyOld); math.Abs(got-test.want) > 1e-12 {
			t.Errorf("RealProbability(%d, %d) = %v, want %v", test.onlyNew, test.onlyOld, got, test.want)
		}
	}
	if below, above := RealProbability(500_300, 499_600), RealProbability(500_301, 499_701); math.Abs(below-0.7580) > 1e-3 || math.Abs(above-0.7257) > 1e-3 {
		t.Errorf("where the normal distribution takes over: %v and %v", below, above)
	}
	for _, n := range []int64{1e3, 1e6, 1e9, 1e12} {
		if p := RealProbability(n, n); math.Abs(p-0.5) > 1e-6 {
			t.Errorf("RealProbability(%d, %d) = %v", n, n, p)
		}
		if p, q := RealProbability(n+1000, n), RealProbability(n, n+1000); math.Abs(p+q-1) > 1e-6 || p < 0.5 {
			t.Errorf("RealProbability of %d and 1000 more = %v, and of the two exchanged %v", n, p, q)
		}
		if p := RealProbability(n, n/2); !(p > 0.999999) {
			t.Errorf("RealProbability(%d, %d) = %v", n, n/2, p)
		}
		if p := RealProbability(n/2, n); !(p < 1e-6) {
			t.Errorf("RealProbability(%d, %d) = %v", n/2, n, p)
		}
	}
}

func TestProofs(t *testing.T) {
	for name, test := range map[string]struct {
		counts      pairCounts
		noise, real bool
	}{
		"nothing":                             {pairCounts{}, false, false},
		"always noise, 27 times":              {pairCounts{both: 27}, false, false},
		"always noise, 28 times":              {pairCounts{both: 28}, true, false},
		"always noise, for days":              {pairCounts{both: 1e9}, true, false},
		"only new, nine times":                {pairCounts{onlyNew: 9}, false, false},
		"only new, ten times":                 {pairCounts{onlyNew: 10}, false, true},
		"only new, for days":                  {pairCounts{onlyNew: 1e9}, false, true},
		"noise half of the time, early":       {pairCounts{20, 20, 20}, false, false},
		"noise half of the time":              {pairCounts{300, 300, 300}, true, false},
		"noise half of the time, real always": {pairCounts{300, 0, 300}, false, true},
		"new differs a quarter oftener":       {pairCounts{250, 0, 1000}, false, true},
		"old differs oftener":                 {pairCounts{10, 100, 50}, true, false},
	} {
		if got := test.counts.provesNoise(); got != test.noise {
			t.Errorf("%s: proves noise: %v, want %v", name, got, test.noise)
		}
		if got := test.counts.provesReal(); got != test.real {
			t.Errorf("%s: proves that it is real: %v, want %v", name, got, test.real)
		}
	}
}

// TestProofsAreSeldomWrong looks after every exchange, as the program may, and wants no more wrong proofs than are promised: the
// bound holds on average, so what is counted may lie three standard deviations above it.
func TestProofsAreSeldomWrong(t *testing.T) {
	const runs, exchanges = 400, 400
	limit := int(runs*proofError + 3*math.Sqrt(runs*proofError))
	random := rand.New(rand.NewPCG(1, 2))
	for name, test := range map[string]struct {
		onlyNew, onlyOld, both float64
		wrong                  func(pairCounts) bool
	}{
		"new differs no oftener, half":   {0.25, 0.25, 0.25, pairCounts.provesReal},
		"new differs no oftener, seldom": {0.05, 0.05, 0, pairCounts.provesReal},
		"a fifth is real, always both":   {0.2, 0, 0.8, pairCounts.provesNoise},
		"a fifth is real, apart":         {0.5, 0.4, 0, pairCounts.provesNoise},
		"all is real":                    {0.5, 0, 0, pairCounts.provesNoise},
	} {
		bad := 0
		for range runs {
			var c pairCounts
			for range exchanges {
				switch u := random.Float64(); {
				case u < test.onlyNew:
					c.onlyNew++
				case u < test.onlyNew+test.onlyOld:
					c.onlyOld++
				case u < test.onlyNew+test.onlyOld+test.both:
					c.both++
				default:
					continue
				}
				if test.wrong(c) {
					bad++
					break
				}
			}
		}
		if bad > limit {
			t.Errorf("%s: %d of %d are proven wrongly, more than %d", name, bad, runs, limit)
		}
	}
}

func differ(path string, kind compare.Kind) compare.Difference {
	return compare.Difference{Location: compare.InBody, Path: path, Kind: kind, Old: "1", New: "2"}
}

func results(verdict compare.Verdict, differences ...compare.Difference) compare.Result {
	return compare.Result{Verdict: verdict, Differences: differences}
}

func TestPairsAreNoted(t *testing.T) {
	status := compare.Difference{Location: compare.InStatus, Kind: compare.KindValue, Old: "200", New: "404"}
	created := compare.Difference{Location: compare.InStatus, Kind: compare.KindValue, Old: "200", New: "201"}
	place := func(path string, kind compare.Kind) placeKey { return placeKey{compare.InBody, path, kind} }
	header := func(name string) compare.Difference {
		return compare.Difference{Location: compare.InHeader, Path: name, Kind: compare.KindValue, Old: "1", New: "2"}
	}
	headerPlace := func(name string) placeKey { return placeKey{compare.InHeader, name, compare.KindValue} }
	unfinished := results(compare.Mismatch, header("etag"))
	unfinished.Unfinished = compare.TooComplex
	many := results(compare.Mismatch, differ("$.a", compare.KindValue))
	many.Dropped = 1
	for name, test := range map[string]struct {
		pair *Pair
		want map[placeKey]pairCounts
	}{
		"none": {nil, map[placeKey]pairCounts{}},
		"both, new and old": {
			&Pair{
				Shadow: results(compare.Mismatch, differ("$.id", compare.KindValue), differ("$.items[1].price", compare.KindValue), differ("$.items[2].price", compare.KindValue)),
				Again:  results(compare.Mismatch, differ("$.id", compare.KindValue), differ("$.at", compare.KindValue)),
			},
			map[placeKey]pairCounts{
				place("$.id", compare.KindValue):             {both: 1},
				place("$.items[*].price", compare.KindValue): {onlyNew: 1},
				place("$.at", compare.KindValue):             {onlyOld: 1},
			},
		},
		"another kind": {
			&Pair{Shadow: results(compare.Mismatch, differ("$.id", compare.KindType)), Again: results(compare.Match)},
			map[placeKey]pairCounts{place("$.id", compare.KindType): {onlyNew: 1}},
		},
		"what a difference above conceals is unknown, and a value conceals no type": {
			&Pair{
				Shadow: results(compare.Mismatch, differ("$.a", compare.KindType)),
				Again:  results(compare.Mismatch, differ("$.a", compare.KindValue), differ("$.a.id", compare.KindValue), differ("$.ab", compare.KindValue)),
			},
			map[placeKey]pairCounts{place("$.a", compare.KindType): {onlyNew: 1}, place("$.ab", compare.KindValue): {onlyOld: 1}},
		},
		"another class of status conceals all": {
			&Pair{Shadow: results(compare.Mismatch, status), Again: results(compare.Mismatch, differ("$.id", compare.KindValue))},
			map[placeKey]pairCounts{{compare.InStatus, "", compare.KindValue}: {onlyNew: 1}},
		},
		"another class of the second status conceals all": {
			&Pair{Shadow: results(compare.Mismatch, differ("$.id", compare.KindValue)), Again: results(compare.Mismatch, status)},
			map[placeKey]pairCounts{{compare.InStatus, "", compare.KindValue}: {onlyOld: 1}},
		},
		"another status of the class does not": {
			&Pair{Shadow: results(compare.Mismatch, created), Again: results(compare.Mismatch, differ("$.id", compare.KindValue))},
			map[placeKey]pairCounts{{compare.InStatus, "", compare.KindValue}: {onlyNew: 1}, place("$.id", compare.KindValue): {onlyOld: 1}},
		},
		"a body that was not compared to its end conceals what is in it": {
			&Pair{Shadow: unfinished, Again: results(compare.Mismatch, header("vary"), differ("$.id", compare.KindValue))},
			map[placeKey]pairCounts{headerPlace("etag"): {onlyNew: 1}, headerPlace("vary"): {onlyOld: 1}},
		},
		"another status of a call conceals its messages and its text": {
			&Pair{
				Shadow: results(compare.Mismatch, header("grpc-status")),
				Again:  results(compare.Mismatch, header("grpc-message"), header("etag"), differ("$[0]", compare.KindValue)),
			},
			map[placeKey]pairCounts{headerPlace("grpc-status"): {onlyNew: 1}, headerPlace("etag"): {onlyOld: 1}},
		},
		"dropped differences may be anywhere": {
			&Pair{Shadow: many, Again: results(compare.Mismatch, differ("$.a", compare.KindValue), differ("$.b", compare.KindValue))},
			map[placeKey]pairCounts{place("$.a", compare.KindValue): {both: 1}},
		},
	} {
		got := map[placeKey]pairCounts{}
		for _, n := range test.pair.note() {
			got[n.key] = n.counts
		}
		want := map[placeKey]pairCounts{}
		for k, c := range test.want {
			if c != (pairCounts{}) {
				want[k] = c
			}
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(placeKey{}, pairCounts{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
