package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"paritygate/compare"
	"paritygate/config"
	"paritygate/internal/evidence"
	"paritygate/proxy"
)

const noiseConfig = `
run: {name: noise}
backends:
  old: {url: "OLD"}
  new: {url: "NEW"}
routes:
  - {name: item, match: {path: "/items/{id}"}, kind: read}
  - {name: typed, match: {path: "/typed/{id}"}, kind: read}
mirror: {fraction: 100%, recheck: {attempts: 0}, noise: {fraction: 100%, auto: AUTO}}
store: {path: STORE}
`

// noisyShop answers with an id of its own for each request, from a number on, beside a price. The ids of /typed are written as asked.
func noisyShop(t *testing.T, from int64, typed string) (s *shop, price *atomic.Int64) {
	t.Helper()
	s, price = newShop(t), new(atomic.Int64)
	var n atomic.Int64
	n.Store(from)
	s.misbehave(func(w http.ResponseWriter, r *http.Request) bool {
		id := fmt.Sprint(n.Add(1))
		if strings.HasPrefix(r.URL.Path, "/typed") {
			id = fmt.Sprintf(typed, n.Load())
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"id": %s, "price": %d}`, id, price.Load())
		return true
	})
	return s, price
}

// reads asks for 40 items, one after the other, and waits until all are in the accounts and what they show is settled.
func (r *running) reads(path string) (tolerated, mismatch int64) {
	r.t.Helper()
	before := r.store.Total()
	for i := range 40 {
		r.ask(http.MethodGet, fmt.Sprintf("%s/%d", path, i), "")
	}
	r.eventually("the verdicts", func() bool {
		total := r.store.Total()
		return total.Eligible() == before.Eligible()+40
	})
	total := r.store.Total()
	return total.Verdicts["tolerated"] - before.Verdicts["tolerated"], total.Verdicts["mismatch"] - before.Verdicts["mismatch"]
}

func (r *running) noisePlace(route, path string, kind string) evidence.NoisePlace {
	for _, n := range r.store.Noise(route) {
		if n.Path == path && string(n.Kind) == kind {
			return n
		}
	}
	return evidence.NoisePlace{}
}

// Old differs from itself at one place and new from old at another: the first is noise and the second is real, and nothing but the
// values of the first is masked.
func TestNoiseIsMaskedAndNothingElse(t *testing.T) {
	t.Parallel()
	older, _ := noisyShop(t, 0, "%d")
	newer, price := noisyShop(t, 1e6, `"%d"`)
	text := strings.NewReplacer("OLD", older.URL, "NEW", newer.URL, "STORE", filepath.Join(t.TempDir(), "paritygate.db"), "AUTO", "true").Replace(noiseConfig)
	r := boot(t, text)
	if _, mismatch := r.reads("/items"); mismatch == 0 {
		t.Error("what is not proven yet was masked")
	}
	r.reads("/typed")
	r.eventually("the mask", func() bool { return r.proxy.Masked() == 1 })
	if tolerated, mismatch := r.reads("/items"); tolerated != 40 || mismatch != 0 {
		t.Errorf("%d tolerated, %d mismatch", tolerated, mismatch)
	}
	if tolerated, mismatch := r.reads("/typed"); tolerated != 0 || mismatch != 40 {
		t.Errorf("where the type differs: %d tolerated, %d mismatch", tolerated, mismatch)
	}
	if n := r.noisePlace("item", "$.id", "value"); !n.Masked || n.Real != 0.5 || n.Hidden < 40 || n.Both != n.Asked {
		t.Errorf("%+v", n)
	}
	if n := r.noisePlace("typed", "$.id", "type"); n.Masked || n.Real < 0.999 || n.OnlyNew != 80 {
		t.Errorf("%+v", n)
	}
	r.tellsOfMasks()

	// The process that comes next masks from its first comparison on, and sees that new has a bug now.
	r.end()
	price.Store(2)
	r = boot(t, text)
	if r.proxy.Masked() != 1 || r.events("mask") != 1 {
		t.Errorf("%d places are masked, by %d events", r.proxy.Masked(), r.events("mask"))
	}
	if tolerated, mismatch := r.reads("/items"); tolerated != 0 || mismatch != 40 {
		t.Errorf("with a bug in new: %d tolerated, %d mismatch", tolerated, mismatch)
	}
	groups, _, err := r.store.Mismatches(t.Context(), evidence.Filter{Route: "item", Limit: 1})
	if err != nil || len(groups) != 1 || groups[0].Real < 0.999 || len(groups[0].Differences) != 1 || groups[0].Differences[0].Path != "$.price" {
		t.Errorf("%+v, %v", groups, err)
	}

	// Switched off, it masks nothing any more.
	r.edited("auto: true", "auto: false")
	r.reloadConfig(t.Context())
	if r.proxy.Masked() != 0 || r.events("unmask") == 0 { // at once, before the window that the new configuration begins
		t.Errorf("%d places are masked after the reload, %d events", r.proxy.Masked(), r.events("unmask"))
	}
	price.Store(0)
	if tolerated, mismatch := r.reads("/items"); tolerated != 0 || mismatch != 40 {
		t.Errorf("without a mask: %d tolerated, %d mismatch", tolerated, mismatch)
	}
}

// tellsOfMasks wants the mask wherever somebody looks.
func (r *running) tellsOfMasks() {
	r.t.Helper()
	if n := r.events("mask"); n != 1 {
		r.t.Errorf("%d lines in the audit log", n)
	}
	if c := r.criterion("responses"); !strings.Contains(c.Observed, "masked as noise") {
		r.t.Errorf("the gate: %s", c.Observed)
	}
	if warnings := r.status().Warnings; !slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, "masks the values at 1 place") }) {
		r.t.Errorf("the status: %q", warnings)
	}
}

// Nothing is masked without a rule or mirror.noise.auto, however clear it is.
func TestNoiseIsOnlyMeasuredByDefault(t *testing.T) {
	t.Parallel()
	older, _ := noisyShop(t, 0, "%d")
	newer, _ := noisyShop(t, 1e6, "%d")
	r := boot(t, noiseConfig, "OLD", older.URL, "NEW", newer.URL, "AUTO", "false", "STORE", filepath.Join(t.TempDir(), "paritygate.db"))
	for range 2 {
		if tolerated, mismatch := r.reads("/items"); tolerated != 0 || mismatch != 40 {
			t.Errorf("%d tolerated, %d mismatch", tolerated, mismatch)
		}
		r.eventually("the proof", func() bool { return r.noisePlace("item", "$.id", "value").Finding == evidence.NoiseProven })
	}
	if r.proxy.Masked() != 0 || r.events("mask") != 0 {
		t.Errorf("%d places are masked", r.proxy.Masked())
	}
}

// Two answers of old have the same names, so what new calls otherwise must not be looked for in the second one.
func TestTwoAnswersOfOldAreNotRenamed(t *testing.T) {
	t.Parallel()
	text := `
run: {name: noise}
backends: {old: {url: "http://old.example.com"}, new: {url: "http://new.example.com"}}
routes:
  - name: item
    match: {path: /item}
    kind: read
    compare: {rules: [{path: "$..title", rename: heading}]}
  - {name: other, match: {path: /other}, kind: read}
  - {name: plain, match: {path: /plain}, kind: read, compare: {headers: []}}
compare: {rules: [{path: "$..name", rename: label}, {path: "$..at", ignore: value}]}
`
	c, err := config.Parse("paritygate.yaml", []byte(text), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	made, err := compile(c)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(body string) *compare.Answer {
		return &compare.Answer{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body), Size: int64(len(body))}
	}
	routes := made.table.Routes
	for name, test := range map[string]struct {
		again       proxy.Comparer
		first, then string
		want        compare.Verdict
	}{
		"the same names":           {made.table.Again, `{"name": 1, "at": 1}`, `{"name": 1, "at": 2}`, compare.Tolerated},
		"another value":            {made.table.Again, `{"name": 1}`, `{"name": 2}`, compare.Mismatch},
		"a route's own names":      {routes[0].Again, `{"name": 1, "title": 1, "at": 1}`, `{"name": 1, "title": 1, "at": 2}`, compare.Tolerated},
		"a route with other rules": {routes[2].Again, `{"name": 1, "at": 1}`, `{"name": 1, "at": 2}`, compare.Tolerated},
	} {
		if got := test.again.Compare(answer(test.first), answer(test.then)); got.Verdict != test.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if routes[1].Again != nil || routes[1].Comparer != nil {
		t.Error("a route without rules of its own has a comparer")
	}
}
