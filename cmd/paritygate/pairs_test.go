package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"paritygate/compare"
	"paritygate/internal/admin"
	"paritygate/internal/testkit"
)

// Every pair of answers that compare is judged by, over real sockets and with its rules in YAML: the counts of /v1/routes and the
// differences of /v1/mismatches must be what the pair says. What goes wrong here, and not there, is the wiring.
func TestPairsThroughTheProgram(t *testing.T) {
	t.Parallel()
	var pairs []testkit.Pair
	for _, p := range testkit.Pairs(t, "../../compare/testdata/pairs") {
		if p.File == "grpc" {
			continue // a call of its own kind: see the proxy's tests
		}
		pairs = append(pairs, p)
	}
	serve := func(side func(p *testkit.Pair) *testkit.Side) string {
		return testkit.Backend(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			i, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/pair/"))
			if err != nil || i >= len(pairs) {
				http.NotFound(w, r)
				return
			}
			answer(t, w, side(&pairs[i]))
		})).URL
	}
	old := serve(func(p *testkit.Pair) *testkit.Side { return &p.Old })
	newer := serve(func(p *testkit.Pair) *testkit.Side { return &p.New })

	var text strings.Builder
	fmt.Fprintf(&text, "run: {name: pairs}\nbackends: {old: {url: %q}, new: {url: %q}}\n", old, newer)
	text.WriteString("mirror: {fraction: 100%, recheck: {attempts: 0}, noise: {fraction: 0}}\nroutes:\n")
	for i, p := range pairs {
		rules := slices.Clone(p.Rules)
		if rules == nil {
			rules = []map[string]any{}
		}
		how := map[string]any{"rules": rules}
		if p.Headers != nil {
			how["headers"] = p.Headers
		}
		inYAML, err := json.Marshal(how) // which is YAML as well
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "  - {name: pair-%d, match: {path: /pair/%d}, kind: read, compare: %s}\n", i, i, inYAML)
	}
	r := boot(t, text.String())
	for i := range pairs {
		r.ask(http.MethodGet, fmt.Sprintf("/pair/%d", i), "")
	}
	var routes []admin.Route
	r.eventually("all pairs are compared", func() bool {
		var err error
		routes, err = r.client.Routes(t.Context(), false)
		total := int64(0)
		for _, route := range routes {
			total += int64(route.Eligible)
		}
		return err == nil && total == int64(len(pairs))
	})
	mismatches, err := r.client.Mismatches(t.Context(), admin.MismatchQuery{Limit: admin.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]compare.Difference{}
	for _, m := range mismatches.Mismatches {
		found[m.Route] = m.Differences
	}
	for _, route := range routes {
		number, ok := strings.CutPrefix(route.Route, "pair-")
		if !ok {
			continue
		}
		i, err := strconv.Atoi(number)
		if err != nil {
			t.Fatal(err)
		}
		p := &pairs[i]
		if got := route.Verdicts[compare.Verdict(p.Verdict)]; got != 1 {
			t.Errorf("%s/%s: %v %v, want %s: %+v", p.File, p.Name, route.Verdicts, route.Skipped, p.Verdict, found[route.Route])
		}
		if p.Reason != "" && route.Skipped[compare.Reason(p.Reason)] != 1 {
			t.Errorf("%s/%s: skipped for %v, want %s", p.File, p.Name, route.Skipped, p.Reason)
		}
		if p.Differences != nil {
			want := slices.Sorted(slices.Values(*p.Differences))
			if got := inWords(found[route.Route]); !slices.Equal(got, want) {
				t.Errorf("%s/%s: differences %q, want %q", p.File, p.Name, got, want)
			}
		}
	}
}

// answer sends one side of a pair.
func answer(t *testing.T, w http.ResponseWriter, s *testkit.Side) {
	h := w.Header()
	h["Content-Type"] = nil // or net/http would guess one
	for name, values := range s.Header() {
		h[name] = values
	}
	for name, value := range s.Trailers {
		h[http.TrailerPrefix+name] = []string{value}
	}
	if s.Status != 0 {
		w.WriteHeader(s.Status)
	}
	if s.Status != http.StatusNoContent {
		_, _ = w.Write(s.Bytes(t))
	}
}

// inWords writes differences as pairs do.
func inWords(differences []compare.Difference) []string {
	var out []string
	for _, d := range differences {
		words := strings.TrimSpace(string(d.Kind) + " " + d.Path)
		if d.Location != compare.InBody {
			words = string(d.Location) + " " + words
		}
		out = append(out, words)
	}
	slices.Sort(out)
	return out
}
