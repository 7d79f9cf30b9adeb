package proxy

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"paritygate/compare"
)

func TestMasked(t *testing.T) {
	value := func(path string) compare.Difference {
		return compare.Difference{Location: compare.InBody, Path: path, Kind: compare.KindValue}
	}
	typed := compare.Difference{Location: compare.InBody, Path: "$.items[0].id", Kind: compare.KindType}
	header := compare.Difference{Location: compare.InHeader, Path: "$.id", Kind: compare.KindValue}
	mask := Mask{{"read", compare.InBody, "$.id"}: {}, {"read", compare.InBody, "$.items[*].id"}: {}}
	mismatch := func(d ...compare.Difference) compare.Result {
		return compare.Result{Verdict: compare.Mismatch, Differences: d}
	}
	dropped := mismatch(value("$.id"))
	dropped.Dropped = 1
	unfinished := mismatch(value("$.id"), value("$.price"))
	unfinished.Unfinished = compare.TooComplex
	unseen := mismatch(value("$.id"))
	unseen.Unfinished = compare.TooComplex
	for name, test := range map[string]struct {
		route   string
		mask    Mask
		result  compare.Result
		verdict compare.Verdict
		kept    []string
		out     int
	}{
		"no mask":                 {"read", nil, mismatch(value("$.id")), compare.Mismatch, []string{"body $.id value"}, 0},
		"all is masked":           {"read", mask, mismatch(value("$.id"), value("$.items[7].id")), compare.Tolerated, nil, 2},
		"something is left":       {"read", mask, mismatch(value("$.id"), value("$.price")), compare.Mismatch, []string{"body $.price value"}, 1},
		"a type counts":           {"read", mask, mismatch(value("$.id"), typed), compare.Mismatch, []string{"body $.items[0].id type"}, 1},
		"another location":        {"read", mask, mismatch(header), compare.Mismatch, []string{"header $.id value"}, 0},
		"another route":           {"other", mask, mismatch(value("$.id")), compare.Mismatch, []string{"body $.id value"}, 0},
		"not all are there":       {"read", mask, dropped, compare.Mismatch, []string{"body $.id value"}, 0},
		"the rest is unknown":     {"read", mask, unseen, compare.Skipped, nil, 1},
		"something is left of it": {"read", mask, unfinished, compare.Mismatch, []string{"body $.price value"}, 1},
		"what is skipped stays":   {"read", mask, compare.Result{Verdict: compare.Skipped, Reason: compare.TooComplex, Differences: []compare.Difference{value("$.id")}}, compare.Skipped, []string{"body $.id value"}, 0},
		"what matches stays":      {"read", mask, compare.Result{Verdict: compare.Match}, compare.Match, nil, 0},
		"what is tolerated stays": {"read", mask, compare.Result{Verdict: compare.Tolerated}, compare.Tolerated, nil, 0},
	} {
		p := &Proxy{}
		p.SetMask(test.mask)
		before := len(test.result.Differences)
		got, out := p.masked(test.route, test.result)
		if got.Verdict != test.verdict || !slices.Equal(places(got.Differences), append([]string{}, test.kept...)) || len(out) != test.out {
			t.Errorf("%s: %+v, masked %v", name, got, out)
		}
		if (got.Verdict == compare.Skipped) != (got.Reason == compare.TooComplex) {
			t.Errorf("%s: %s for the reason %q", name, got.Verdict, got.Reason)
		}
		if len(test.result.Differences) != before {
			t.Errorf("%s: the result was changed", name)
		}
	}
}

// A mask holds for the first comparison and for rechecks, from the moment in which it is set, and is not seen in what is measured.
func TestAMaskInForce(t *testing.T) {
	var n atomic.Int64
	lags := atomic.Bool{}
	fresh := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		format := `{"id": %d, "price": 1}`
		if lags.CompareAndSwap(true, false) {
			format = `{"id": %d, "price": 2}`
		}
		document(&n, format).ServeHTTP(w, r)
	})
	r := start(t, shadowPlan, document(&n, `{"id": %d, "price": 1}`), fresh, noisy(t), func(o *Options) {
		o.Table.Recheck = RecheckOptions{Attempts: 3, Delay: time.Millisecond, MaxDelay: time.Millisecond, MaxRPS: 1000}
	})
	ask := func(want compare.Verdict, masked string) {
		t.Helper()
		before, _ := r.account.counts()
		r.do(http.MethodGet, "/", nil)
		await(t, "the verdict", func() bool { _, n := r.account.counts(); return n == before+1 })
		x := r.account.all()[before]
		if got := strings.Join(places(x.Masked), ", "); x.Result.Verdict != want || got != masked {
			t.Errorf("verdict %s, masked %s; want %s and %s", x.Result.Verdict, got, want, masked)
		}
		if x.Pair == nil || !slices.Contains(places(x.Pair.Shadow.Differences), "body $.id value") {
			t.Errorf("pair %+v", x.Pair)
		}
	}
	ask(compare.Mismatch, "")
	r.proxy.SetMask(Mask{{"read", compare.InBody, "$.id"}: {}})
	ask(compare.Tolerated, "body $.id value")
	lags.Store(true)
	ask(compare.Lagged, "body $.id value")
	r.proxy.SetMask(nil)
	ask(compare.Mismatch, "")
	if got := metric(t, r.registry, "paritygate_masked_differences_total", map[string]string{"route": "read"}); got != 2 {
		t.Errorf("%v masked differences are counted", got)
	}
}
