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

func mismatches(t *testing.T, s *Store, f Filter) ([]Group, []Sample) {
	t.Helper()
	groups, samples, err := s.Mismatches(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return groups, samples
}

// numbered is a mismatch that can be told from others by its target.
func numbered(at time.Time, n int) *Exchange {
	x := exchange(at.Add(time.Duration(n)*time.Millisecond), uint64(n), compare.Mismatch)
	x.Target = fmt.Sprintf("/api/products/%d", n)
	return x
}

func targets(samples []Sample) (numbers []string) {
	for _, s := range samples {
		numbers = append(numbers, strings.TrimPrefix(s.Target, "/api/products/"))
	}
	return numbers
}

func TestSamplesKeepTheFirstAndTheLatest(t *testing.T) {
	for _, tc := range []struct {
		limit int
		want  []string
	}{
		{4, []string{"29", "28", "1", "0"}},
		{5, []string{"29", "28", "2", "1", "0"}},
		{1, []string{"0"}},
	} {
		t.Run(fmt.Sprint(tc.limit), func(t *testing.T) {
			c := newClock()
			o := options(t, c)
			o.MaxSamplesPerSignature = tc.limit
			s := mustOpen(t, o)
			var example string
			for i := range 30 { // through flushes and restarts at every stage
				see(s, numbered(c.Now(), i))
				if i%7 == 6 {
					mustFlush(t, s)
				}
				if i%10 == 9 {
					mustFlush(t, s)
					s = reopen(t, s)
				}
				if i == 0 {
					groups, _ := mismatches(t, s, Filter{})
					example = groups[0].ExampleID
				}
			}
			groups, samples := mismatches(t, s, Filter{})
			if got := targets(samples); !slices.Equal(got, tc.want) {
				t.Errorf("kept %v, want %v", got, tc.want)
			}
			g := groups[0]
			if len(groups) != 1 || g.Count != 30 || !g.First.Equal(c.Now()) || !g.Last.Equal(c.Now().Add(29*time.Millisecond)) || g.Verdict != compare.Mismatch {
				t.Errorf("groups %+v", groups)
			}
			if g.ExampleID != example || g.ExampleID != samples[len(samples)-1].ID {
				t.Errorf("example %s, want the first, %s, for good", g.ExampleID, example)
			}
			want := []compare.Difference{{Location: compare.InBody, Path: "$.price", Kind: compare.KindValue}}
			if diff := cmp.Diff(want, g.Differences); diff != "" {
				t.Error(diff)
			}
			if n := count(t, s, "SELECT count(*) FROM samples"); n != len(tc.want) {
				t.Errorf("%d samples in the store, want %d", n, len(tc.want))
			}
		})
	}
}

func count(t *testing.T, s *Store, query string) (n int) {
	t.Helper()
	if err := s.read.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMismatch(t *testing.T) {
	c := newClock()
	s := mustOpen(t, options(t, c))
	x := exchange(c.Now(), 1, compare.Mismatch)
	x.Header = map[string][]string{"Accept": {"application/json"}}
	x.Old.Header = map[string][]string{"Content-Type": {"application/json"}}
	x.Old.Body, x.New.Body = []byte(`{"price":1}`), []byte(`{"price":2}`)
	see(s, x)
	x.Old.Body[2], x.Header["Accept"][0] = '!', "changed" // what Finish was given may be used again
	_, samples := mismatches(t, s, Filter{})
	s = reopen(t, s)
	got, ok, err := s.Mismatch(t.Context(), samples[0].ID)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	want := Sample{
		ID: samples[0].ID, Time: c.Now(), Route: "product", Verdict: compare.Mismatch, Method: "GET", Target: "/api/products/1",
		Signature:   compare.Signature("product", x.Differences),
		Header:      map[string][]string{"Accept": {"application/json"}},
		Old:         Leg{Status: 200, Duration: 10 * time.Millisecond, Header: map[string][]string{"Content-Type": {"application/json"}}, Body: []byte(`{"price":1}`)},
		New:         Leg{Status: 200, Duration: 20 * time.Millisecond, Body: []byte(`{"price":2}`)},
		Differences: x.Differences,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if samples[0].Old.Body != nil {
		t.Error("the list holds bodies")
	}
	if _, ok, err := s.Mismatch(t.Context(), "none"); ok || err != nil {
		t.Error(ok, err)
	}
}

func TestMismatchesFilter(t *testing.T) {
	c := newClock()
	s := mustOpen(t, options(t, c))
	other := numbered(c.Now(), 2)
	other.Route = "other"
	see(s, numbered(c.Now(), 0), numbered(c.Now(), 1), other, exchange(c.Now(), 3, compare.Failed), exchange(c.Now(), 4, compare.Match))
	_, all := mismatches(t, s, Filter{})
	if err := s.RestartWindow(t.Context(), c.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	see(s, numbered(c.Now(), 2000))
	signature := compare.Signature("product", other.Differences)
	tests := []struct {
		name            string
		filter          Filter
		groups, samples int
	}{
		{"window", Filter{}, 1, 1},
		{"run", Filter{AllWindows: true}, 3, 5},
		{"route", Filter{AllWindows: true, Route: "other"}, 1, 1},
		{"signature", Filter{AllWindows: true, Signature: signature}, 1, 3},
		{"verdict", Filter{AllWindows: true, Verdict: compare.Failed}, 1, 1},
		{"nothing", Filter{AllWindows: true, Route: "none"}, 0, 0},
		{"limit", Filter{AllWindows: true, Limit: 2}, 2, 2},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			groups, samples := mismatches(t, s, tc.filter)
			if len(groups) != tc.groups || len(samples) != tc.samples {
				t.Errorf("%d groups, %d samples, want %d and %d: %+v", len(groups), len(samples), tc.groups, tc.samples, groups)
			}
		})
	}
	groups, samples := mismatches(t, s, Filter{AllWindows: true, Signature: signature})
	if g := groups[0]; g.Count != 3 || g.ExampleID != samples[0].ID || !g.First.Equal(c.Now()) || !g.Last.Equal(c.Now().Add(2*time.Second)) {
		t.Errorf("the group of two windows is %+v", g)
	}
	if len(all) != 4 {
		t.Errorf("%d samples before the restart, want 4", len(all))
	}
}

func TestFailuresAreGroupedByClass(t *testing.T) {
	tests := []struct {
		name string
		new  Leg
		want compare.Kind
	}{
		{"timeout", Leg{Error: `Get "http://10.0.0.1:80/x": context deadline exceeded`}, "error: timeout"},
		{"slow dial", Leg{Error: "dial tcp 10.0.0.1:80: i/o timeout"}, "error: timeout"},
		{"refused", Leg{Error: "dial tcp 10.0.0.1:80: connect: connection refused"}, "error: connection refused"},
		{"reset", Leg{Error: "read tcp 1.2.3.4:5->6.7.8.9:80: read: connection reset by peer"}, "error: connection reset"},
		{"cut off", Leg{Status: 200, Error: "unexpected EOF"}, "error: cut off"},
		{"name", Leg{Error: "lookup new.example: no such host"}, "error: name not found"},
		{"certificate", Leg{Error: "tls: failed to verify certificate: x509: …"}, "error: tls"},
		{"garbage", Leg{Error: `malformed HTTP response "\x00"`}, "error: malformed"},
		{"5xx", Leg{Status: 503}, "error: 5xx"},
		{"none of them", Leg{Error: "weather"}, "error: other"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			c := newClock()
			s := mustOpen(t, options(t, c))
			x := exchange(c.Now(), 1, compare.Failed)
			x.New = tc.new
			see(s, x)
			x.Authority, x.Old, x.New = AuthorityNew, tc.new, x.Old // the shadow is the one that failed
			see(s, x)
			groups, samples := mismatches(t, s, Filter{Verdict: compare.Failed})
			want := []compare.Difference{{Location: compare.InStatus, Kind: tc.want}}
			if len(groups) != 1 || groups[0].Count != 2 || cmp.Diff(want, groups[0].Differences) != "" {
				t.Errorf("groups %+v, want one of %v", groups, want)
			}
			if samples[0].Old.Error != tc.new.Error {
				t.Errorf("the sample says %q", samples[0].Old.Error)
			}
		})
	}
}

func TestSignaturesAreBounded(t *testing.T) {
	c := newClock()
	o := options(t, c)
	o.MaxSignatures = 3
	s := mustOpen(t, o)
	for i := range 12 {
		x := numbered(c.Now(), i)
		x.Differences[0].Path = fmt.Sprintf("$.field%d", i%6)
		see(s, x)
	}
	mustFlush(t, s)
	s = reopen(t, s)
	groups, _ := mismatches(t, s, Filter{})
	if len(groups) != 3 || s.Ungrouped() != 6 {
		t.Errorf("%d groups, %d ungrouped, want 3 and 6", len(groups), s.Ungrouped())
	}
	if got := s.Total(); got.Verdicts[compare.Mismatch] != 12 {
		t.Errorf("%d mismatches, want 12", got.Verdicts[compare.Mismatch])
	}
}

func TestSamplesInMemoryAreBounded(t *testing.T) {
	c := newClock()
	s := mustOpen(t, options(t, c))
	body := []byte(strings.Repeat("x", 1<<20))
	for i := range 100 {
		x := numbered(c.Now(), i)
		x.Differences[0].Path = fmt.Sprintf("$.field%d", i)
		x.Old.Body = body
		see(s, x)
	}
	if got := s.ledger.samples.bytes; got > maxPendingBytes {
		t.Errorf("%d bytes wait for the flush, more than %d", got, maxPendingBytes)
	}
	_, samples := mismatches(t, s, Filter{Limit: 200})
	if len(samples) != 100 {
		t.Fatalf("%d samples, want all, some of them without bodies", len(samples))
	}
	first, _, _ := s.Mismatch(t.Context(), samples[99].ID)
	last, _, _ := s.Mismatch(t.Context(), samples[0].ID)
	if len(first.Old.Body) != s.options.SampleBody || !strings.Contains(first.Old.Note, "shortened from 1048576") {
		t.Errorf("the first has %d bytes: %q", len(first.Old.Body), first.Old.Note)
	}
	if len(last.Old.Body) != 0 || !strings.Contains(last.Old.Note, "withheld") {
		t.Errorf("the last has %d bytes: %q", len(last.Old.Body), last.Old.Note)
	}
	if got := s.ledger.samples.bytes; got != 0 {
		t.Errorf("%d bytes after the flush", got)
	}
}

func TestSamplesOfOldWindowsGo(t *testing.T) {
	c := newClock()
	s := mustOpen(t, options(t, c))
	for i := range sampleWindows + 3 {
		see(s, numbered(c.Now(), i))
		c.advance(time.Minute)
		if err := s.RestartWindow(t.Context(), c.Now()); err != nil {
			t.Fatal(err)
		}
	}
	groups, samples := mismatches(t, s, Filter{AllWindows: true})
	if groups[0].Count != sampleWindows+3 || len(samples) != sampleWindows-1 {
		t.Errorf("%d counted, %d samples kept, want %d and %d", groups[0].Count, len(samples), sampleWindows+3, sampleWindows-1)
	}
}
