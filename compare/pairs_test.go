package compare_test

import (
	"slices"
	"strings"
	"testing"

	"paritygate/compare"
	"paritygate/internal/testkit"
)

// theAnswer is one side of a pair as a captured answer.
func theAnswer(t testing.TB, s *testkit.Side) *compare.Answer {
	t.Helper()
	body := s.Bytes(t)
	a := &compare.Answer{Status: s.Status, Header: s.Header(), Trailer: map[string][]string{}, Body: body, Size: int64(len(body))}
	if a.Status == 0 {
		a.Status = 200
	}
	for name, value := range s.Trailers {
		a.Trailer[name] = []string{value}
	}
	return a
}

// where writes differences as pairs do.
func where(differences []compare.Difference) []string {
	out := make([]string, len(differences))
	for i, d := range differences {
		out[i] = strings.TrimSpace(string(d.Kind) + " " + d.Path)
		if d.Location != compare.InBody {
			out[i] = string(d.Location) + " " + out[i]
		}
	}
	slices.Sort(out)
	return out
}

// TestPairs judges every pair in testdata/pairs.
func TestPairs(t *testing.T) {
	for _, p := range testkit.Pairs(t, "testdata/pairs") {
		t.Run(p.File+"/"+p.Name, func(t *testing.T) {
			t.Parallel()
			headers := p.Headers
			if headers == nil {
				headers = []string{"content-type", "location"}
			}
			rules := p.ParsedRules(t)
			c, err := compare.New(compare.Options{Headers: headers, Rules: theRules(t, rules)})
			if err != nil {
				t.Fatal(err)
			}
			old, new := theAnswer(t, &p.Old), theAnswer(t, &p.New)
			got := c.Compare(old, new)
			if string(got.Verdict) != p.Verdict || string(got.Reason) != p.Reason {
				t.Errorf("%s %s, want %s %s: %+v", got.Verdict, got.Reason, p.Verdict, p.Reason, got.Differences)
			}
			if p.Differences != nil || got.Verdict != compare.Mismatch {
				var want []string
				if p.Differences != nil {
					want = slices.Sorted(slices.Values(*p.Differences))
				}
				if !slices.Equal(where(got.Differences), want) {
					t.Errorf("differences %q, want %q", where(got.Differences), want)
				}
			}
			if back := c.Compare(new, old); !p.OneWay && back.Verdict != got.Verdict {
				t.Errorf("the other way round: %s %s %q", back.Verdict, back.Reason, where(back.Differences))
			}
			if p.OneWay {
				return
			}
			for side, a := range map[string]*compare.Answer{"old": old, "new": new} {
				if self := c.Compare(a, a); self.Verdict != compare.Match {
					t.Errorf("%s with itself: %s %s %q", side, self.Verdict, self.Reason, where(self.Differences))
				}
			}
		})
	}
}
