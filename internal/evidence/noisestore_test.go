package evidence

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"paritygate/compare"
)

func on(route string, x *Exchange) *Exchange {
	x.Route = route
	return x
}

// seePair enters an exchange of the route in which the shadow and the authority's second answer differ at some places, written as
// "path kind".
func seePair(s *Store, at time.Time, route string, shadow, again []string) {
	x := on(route, exchange(at, 1, compare.Match))
	parse := func(list []string) compare.Result {
		r := compare.Result{Verdict: compare.Match}
		for _, text := range list {
			path, kind, _ := strings.Cut(text, " ")
			r.Verdict = compare.Mismatch
			r.Differences = append(r.Differences, differ(path, compare.Kind(kind)))
		}
		return r
	}
	x.Pair = &Pair{Shadow: parse(shadow), Again: parse(again)}
	x.Verdict, x.Differences = x.Pair.Shadow.Verdict, x.Pair.Shadow.Differences
	see(s, x)
}

// settle decides as the program does, and returns what is masked then.
func settle(s *Store, auto bool) (masked []string) {
	for _, turn := range s.SettleNoise(auto) {
		s.MaskNoise(turn)
	}
	for _, n := range s.Noise("") {
		if n.Masked {
			masked = append(masked, n.Route+" "+n.Path+" "+string(n.Kind))
		}
	}
	slices.Sort(masked)
	return masked
}

func TestNoiseIsCountedAndKept(t *testing.T) {
	clock := newClock()
	s := mustOpen(t, options(t, clock))
	for range 30 {
		seePair(s, clock.Now(), "product", []string{"$.id value", "$.items[1].price value"}, []string{"$.id value"})
	}
	for range 3 {
		seePair(s, clock.Now(), "product", nil, []string{"$.at value"})
	}
	seePair(s, clock.Now(), "search", []string{"$.id type"}, []string{"$.id value"})
	want := []NoisePlace{
		{Route: "product", Path: "$.items[*].price", Kind: compare.KindValue, Asked: 33, OnlyNew: 30, Finding: NoiseRefuted},
		{Route: "search", Path: "$.id", Kind: compare.KindType, Asked: 1, OnlyNew: 1, Finding: NoiseOpen},
		{Route: "product", Path: "$.id", Kind: compare.KindValue, Asked: 33, Both: 30, Finding: NoiseProven, Masked: true},
		{Route: "product", Path: "$.at", Kind: compare.KindValue, Asked: 33, OnlyOld: 3, Finding: NoiseOpen},
	}
	for i := range want {
		want[i].Location, want[i].Real = compare.InBody, RealProbability(want[i].OnlyNew, want[i].OnlyOld)
	}
	if masked := settle(s, true); !slices.Equal(masked, []string{"product $.id value"}) {
		t.Errorf("masked: %v", masked)
	}
	if diff := cmp.Diff(want, s.Noise("")); diff != "" {
		t.Errorf("before the restart (-want +got):\n%s", diff)
	}
	mustFlush(t, s)
	if !s.ledger.current().noiseSettled() {
		t.Error("the next flush would write it again")
	}
	s = reopen(t, s)
	if diff := cmp.Diff(want, s.Noise("")); diff != "" {
		t.Errorf("after the restart (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[1:2], s.Noise("search")); diff != "" {
		t.Errorf("of one route (-want +got):\n%s", diff)
	}
	// What is counted after the restart is added, and written.
	seePair(s, clock.Now(), "product", []string{"$.id value"}, nil)
	mustFlush(t, s)
	s = reopen(t, s)
	if got := s.Noise("product"); got[1].OnlyNew != 1 || got[1].Both != 30 || got[1].Asked != 34 {
		t.Errorf("%+v", got[1])
	}
	if routes := s.Total(); routes.Eligible() != 35 {
		t.Errorf("%d eligible, 35 exchanges were seen", routes.Eligible())
	}
}

func TestMasksComeAndGo(t *testing.T) {
	clock := newClock()
	s := mustOpen(t, options(t, clock))
	noise := func(n int) {
		for range n {
			seePair(s, clock.Now(), "product", []string{"$.id value", "$.gone missing", "$ value"}, []string{"$.id value", "$.gone missing", "$ value"})
		}
	}
	noise(27)
	if masked := settle(s, true); len(masked) != 0 {
		t.Errorf("masked too early: %v", masked)
	}
	noise(1)
	if masked := settle(s, false); len(masked) != 0 {
		t.Errorf("masked without mirror.noise.auto: %v", masked)
	}
	want := []string{"product $.id value"} // neither what is missing nor a body as a whole
	if masked := settle(s, true); !slices.Equal(masked, want) {
		t.Errorf("masked: %v", masked)
	}
	if turns := s.SettleNoise(true); len(turns) != 0 {
		t.Errorf("it turns again: %v", turns)
	}
	if masked := settle(s, false); len(masked) != 0 {
		t.Errorf("masked after mirror.noise.auto was switched off: %v", masked)
	}
	settle(s, true)
	// A window that begins anew forgets the counts, not the proof.
	clock.advance(time.Minute)
	if err := s.RestartWindow(t.Context(), clock.Now()); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	if masked := settle(s, true); !slices.Equal(masked, want) {
		t.Errorf("masked in the next window: %v", masked)
	}
	if places := s.Noise(""); len(places) != 3 || places[0].Asked != 0 || places[0].Both != 0 {
		t.Errorf("the next window begins with %+v", places)
	}
	// New begins to differ where old does not.
	for range 9 {
		seePair(s, clock.Now(), "product", []string{"$.id value"}, nil)
	}
	if masked := settle(s, true); !slices.Equal(masked, want) {
		t.Errorf("let go of too early: %v", masked)
	}
	seePair(s, clock.Now(), "product", []string{"$.id value"}, nil)
	if masked := settle(s, true); len(masked) != 0 {
		t.Errorf("masked although it is real: %v", masked)
	}
	noise(1000)
	if masked := settle(s, true); len(masked) != 0 {
		t.Errorf("masked again in the same window: %v", masked)
	}
}

// With the status of a call masked, a call that fails would pass for one that does not: its messages are not compared then.
func TestTheStatusOfACallIsNeverMasked(t *testing.T) {
	clock := newClock()
	s := mustOpen(t, options(t, clock))
	r := results(compare.Mismatch)
	for _, name := range []string{"grpc-status", "etag"} {
		r.Differences = append(r.Differences, compare.Difference{Location: compare.InHeader, Path: name, Kind: compare.KindValue})
	}
	for range 100 {
		x := on("call", exchange(clock.Now(), 1, compare.Mismatch))
		x.Pair, x.Differences = &Pair{Shadow: r, Again: r}, r.Differences
		see(s, x)
	}
	if masked := settle(s, true); !slices.Equal(masked, []string{"call etag value"}) {
		t.Errorf("masked: %v", masked)
	}
}

// What was counted before a place was found to be noise does not delay the end of its mask.
func TestAMaskEndsSoonAfterLongNoise(t *testing.T) {
	clock := newClock()
	s := mustOpen(t, options(t, clock))
	for range 2000 {
		seePair(s, clock.Now(), "product", []string{"$.n value"}, nil)
		seePair(s, clock.Now(), "product", nil, []string{"$.n value"})
		for range 3 {
			seePair(s, clock.Now(), "product", []string{"$.n value"}, []string{"$.n value"})
		}
	}
	if masked := settle(s, true); len(masked) != 1 {
		t.Fatalf("masked: %v", masked)
	}
	for range 10 {
		seePair(s, clock.Now(), "product", []string{"$.n value"}, nil)
	}
	if masked := settle(s, true); len(masked) != 0 {
		t.Errorf("masked: %v", masked)
	}
}

func TestWhatIsMaskedIsCounted(t *testing.T) {
	clock := newClock()
	s := mustOpen(t, options(t, clock))
	x := on("product", exchange(clock.Now(), 1, compare.Tolerated))
	x.Masked = []compare.Difference{differ("$.items[1].id", compare.KindValue), differ("$.items[2].id", compare.KindValue)}
	see(s, x)
	got := s.Noise("product")
	if len(got) != 1 || got[0].Path != "$.items[*].id" || got[0].Hidden != 2 || got[0].Asked != 0 {
		t.Errorf("%+v", got)
	}
}

func TestNoisePlacesAreBounded(t *testing.T) {
	clock := newClock()
	s := mustOpen(t, options(t, clock))
	for i := range 300 {
		seePair(s, clock.Now(), "product", []string{fmt.Sprintf("$.m%d value", i)}, nil)
	}
	seePair(s, clock.Now(), "search", []string{"$." + strings.Repeat("x", 600) + " value"}, nil)
	seePair(s, clock.Now(), "product", []string{"$.m0 value"}, nil)
	mustFlush(t, s)
	s = reopen(t, s)
	places := s.Noise("")
	if len(places) != maxNoisePlaces || places[0].Path != "$.m0" || places[0].OnlyNew != 2 || places[0].Asked != 301 {
		t.Errorf("%d places, the first %+v", len(places), places[0])
	}
	if n := s.NoiseUncounted(); n != 300-maxNoisePlaces+1 {
		t.Errorf("%d were not counted", n)
	}
}

func TestGroupsAreRanked(t *testing.T) {
	clock := newClock()
	s := mustOpen(t, options(t, clock))
	noise, lasting, failed := []string{"$.id value"}, []string{"$.id value", "$.price value"}, on("product", exchange(clock.Now(), 1, compare.Failed))
	for range 20 {
		seePair(s, clock.Now(), "product", noise, noise)
		seePair(s, clock.Now(), "noisy", nil, noise)
	}
	for range 5 {
		seePair(s, clock.Now(), "product", lasting, noise)
	}
	unknown := on("search", exchange(clock.Now(), 1, compare.Mismatch))
	unknown.Differences = []compare.Difference{differ("$.n", compare.KindValue)}
	see(s, unknown)
	quieter := on("noisy", exchange(clock.Now(), 1, compare.Mismatch))
	quieter.Differences = []compare.Difference{differ("$.id", compare.KindValue)}
	for range 30 {
		see(s, quieter)
	}
	see(s, failed)
	groups, _, err := s.Mismatches(t.Context(), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		route       string
		count       int64
		differences int
		real        float64
		asked       int64
	}
	var got []row
	for _, g := range groups {
		got = append(got, row{g.Route, g.Count, len(g.Differences), g.Real, g.Asked})
	}
	want := []row{
		{"product", 1, 1, 1, 25}, // failed
		{"product", 5, 2, RealProbability(5, 0), 25},
		{"product", 20, 1, 0.5, 25},
		{"search", 1, 1, 0.5, 0},
		{"noisy", 30, 1, RealProbability(0, 20), 20},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(row{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if groups, _, err = s.Mismatches(t.Context(), Filter{Limit: 2}); err != nil || len(groups) != 2 || groups[1].Count != 5 {
		t.Errorf("the first two are %+v, %v", groups, err)
	}
}

// A difference that nothing is known of is not made noise by one beside it, and what is proven to be noise comes after what is not,
// however frequent it is.
func TestNoiseComesAfterWhatMayBeReal(t *testing.T) {
	clock := newClock()
	s := mustOpen(t, options(t, clock))
	for range 30 {
		seePair(s, clock.Now(), "noise", []string{"$.id value"}, []string{"$.id value"})
	}
	settle(s, false)
	for range 20 {
		seePair(s, clock.Now(), "mixed", nil, []string{"$.id value"})
	}
	for path, times := range map[string]int{"$.id": 1, "$.price": 2} {
		x := on("mixed", exchange(clock.Now(), 1, compare.Mismatch))
		x.Differences = []compare.Difference{differ("$.id", compare.KindValue)}
		if path != "$.id" {
			x.Differences = append(x.Differences, differ(path, compare.KindValue))
		}
		for range times {
			see(s, x)
		}
	}
	groups, _, err := s.Mismatches(t.Context(), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range groups {
		got = append(got, fmt.Sprintf("%s %d %.2f", g.Route, len(g.Differences), g.Real))
	}
	if want := []string{"mixed 2 0.50", "noise 1 0.50", "mixed 1 0.00"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// The next window takes over what is proven to be noise, and nothing of what is undecided or real.
func TestOnlyProvenNoiseIsCarriedOn(t *testing.T) {
	clock := newClock()
	s := mustOpen(t, options(t, clock))
	for range 30 {
		seePair(s, clock.Now(), "product", []string{"$.id value", "$.price value"}, []string{"$.id value"})
	}
	seePair(s, clock.Now(), "product", []string{"$.name value"}, []string{"$.name value"})
	settle(s, true)
	clock.advance(time.Minute)
	if err := s.RestartWindow(t.Context(), clock.Now()); err != nil {
		t.Fatal(err)
	}
	if masked := settle(s, true); !slices.Equal(masked, []string{"product $.id value"}) || len(s.Noise("")) != 1 {
		t.Errorf("masked %v, known %+v", masked, s.Noise(""))
	}
}
