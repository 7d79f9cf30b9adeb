package proxy

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"paritygate/compare"
)

// byMeaning compares as the program does.
func byMeaning(t *testing.T) Comparer {
	t.Helper()
	c, err := compare.New(compare.Options{Headers: []string{"content-type"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// document answers with JSON of its own for each request, by its number from 1 on.
func document(n *atomic.Int64, format string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, format, n.Add(1))
	})
}

// noisy has the authority asked a second time for every exchange.
func noisy(t *testing.T) func(*Options) {
	return func(o *Options) { o.Table.Comparer, o.Table.Noise, o.Table.Recheck.Attempts = byMeaning(t), 1, 0 }
}

func places(differences []compare.Difference) []string {
	out := make([]string, 0, len(differences))
	for _, d := range differences {
		out = append(out, fmt.Sprintf("%s %s %s", d.Location, d.Path, d.Kind))
	}
	slices.Sort(out)
	return out
}

func TestASecondReadOfTheAuthority(t *testing.T) {
	var toOld, toNew atomic.Int64
	marks := make(chan string, 2)
	old := document(&toOld, `{"id": %d, "price": 1}`)
	r := start(t, shadowPlan, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		marks <- r.Header.Get("Paritygate-Shadow")
		old.ServeHTTP(w, r)
	}), document(&toNew, `{"id": "n%d", "price": 2}`), noisy(t))
	if _, body := r.do(http.MethodGet, "/a?b=c", nil); body != `{"id": 1, "price": 1}` {
		t.Errorf("the client got %s", body)
	}
	x := r.account.only(t)
	if x.Result.Verdict != compare.Mismatch || x.Pair == nil {
		t.Fatalf("%+v, pair %v", x.Result, x.Pair)
	}
	if got := places(x.Pair.Shadow.Differences); !slices.Equal(got, []string{"body $.id type", "body $.price value"}) {
		t.Errorf("the shadow differs at %v", got)
	}
	if got := places(x.Pair.Again.Differences); !slices.Equal(got, []string{"body $.id value"}) {
		t.Errorf("the second answer differs at %v", got)
	}
	if toOld.Load() != 2 || toNew.Load() != 1 {
		t.Errorf("old was asked %d times, new %d times", toOld.Load(), toNew.Load())
	}
	if first, second := <-marks, <-marks; first != "" || second != "" {
		t.Errorf("old saw the shadow's mark: %q, %q", first, second)
	}
	await(t, "the second read's count", func() bool {
		return metric(t, r.registry, "paritygate_noise_reads_total", map[string]string{"route": "read", "outcome": "compared"}) == 1
	})
	for role, want := range map[string]float64{"authority": 1, "shadow": 1} {
		if got := metric(t, r.registry, "paritygate_requests_total", map[string]string{"backend": "old", "role": role, "code": "2xx"}); got != want {
			t.Errorf("requests to old with role %s: %v, want %v", role, got, want)
		}
	}
	await(t, "the memory to be given back", func() bool { return r.proxy.memory.used.Load() == 0 })
}

// A read by POST, which a route declares, is repeated with its body.
func TestASecondReadHasTheBody(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	r := start(t, shadowPlan, echo, echo, noisy(t), func(o *Options) {
		o.Table.Routes = []Route{{Name: "query", Methods: []string{"POST"}, Path: "/query", Kind: Read}}
	})
	r.do(http.MethodPost, "/query", http.NoBody)
	await(t, "the first", func() bool { _, n := r.account.counts(); return n == 1 })
	if _, _, err := r.try(http.MethodPost, "/query", io.LimitReader(zeros{}, 10_000)); err != nil {
		t.Fatal(err)
	}
	await(t, "the second", func() bool { _, n := r.account.counts(); return n == 2 })
	for _, x := range r.account.all() {
		if x.Result.Verdict != compare.Match || x.Pair == nil || x.Pair.Again.Verdict != compare.Match {
			t.Errorf("%+v, pair %+v", x.Result, x.Pair)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// Neither the shadow nor the second read waits for the other: each answers only when both are there.
func TestShadowAndSecondReadAreAskedAtOnce(t *testing.T) {
	var toOld atomic.Int64
	shadow, second := make(chan struct{}), make(chan struct{})
	meet := func(mine, other chan struct{}) {
		close(mine)
		select {
		case <-other:
		case <-time.After(5 * time.Second):
		}
	}
	r := start(t, shadowPlan, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if toOld.Add(1) == 2 {
			meet(second, shadow)
		}
		_, _ = io.WriteString(w, "same")
	}), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		meet(shadow, second)
		_, _ = io.WriteString(w, "same")
	}), noisy(t), func(o *Options) { o.Table.ShadowTimeout = 2 * time.Second })
	r.do(http.MethodGet, "/", nil)
	if x := r.account.only(t); x.Result.Verdict != compare.Match || x.Pair == nil {
		t.Errorf("%+v, pair %v", x.Result, x.Pair)
	}
}

// A coin decides which of the two is asked first, so that neither is always the later one.
func TestShadowAndSecondReadComeInRandomOrder(t *testing.T) {
	t.Parallel()
	var toOld, arrivals, newFirst atomic.Int64
	r := start(t, shadowPlan, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if toOld.Add(1)%2 == 0 { // a second read
			arrivals.Add(1)
		}
		_, _ = io.WriteString(w, "same")
	}), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if arrivals.Add(1)%2 == 1 {
			newFirst.Add(1)
		}
		_, _ = io.WriteString(w, "same")
	}), noisy(t))
	const exchanges = 200
	for i := range exchanges {
		r.do(http.MethodGet, "/", nil)
		await(t, "the verdict", func() bool { _, n := r.account.counts(); return n == i+1 })
	}
	if n := newFirst.Load(); n < exchanges*3/10 || n > exchanges*7/10 { // more than five standard deviations off
		t.Errorf("new was asked first %d times of %d", n, exchanges)
	}
}

func TestWhenThereIsNoSecondRead(t *testing.T) {
	stale := livePlan
	stale.Stale = true
	for name, test := range map[string]struct {
		plan   Plan
		change func(*Options)
		before func(*rig)
	}{
		"it is switched off":              {shadowPlan, func(o *Options) { o.Table.Noise = 0 }, nil},
		"the shadow's data stand still":   {stale, func(*Options) {}, nil},
		"the limit of mirrored exchanges": {shadowPlan, func(o *Options) { o.Table.MaxRPS = 0.001 }, nil},
		"the authority is unwell": {shadowPlan, func(*Options) {}, func(r *rig) {
			for i := range uint64(100) {
				r.proxy.breakers[Old][Authority].record(1, func() uint64 { return i }, errFailure)
			}
		}},
		"second reads fail": {shadowPlan, func(*Options) {}, func(r *rig) {
			for range 20 {
				if done := r.proxy.breakers[Old][ShadowRole].allow(); done != nil {
					done(errFailure)
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked [3]atomic.Int64
			r := start(t, test.plan, document(&asked[Old], "%d"), document(&asked[New], "%d"), noisy(t), test.change)
			if test.before != nil {
				test.before(r)
			}
			r.do(http.MethodGet, "/", nil)
			if x := r.account.only(t); x.Pair != nil {
				t.Errorf("%+v", x.Pair)
			}
			if asked[Old].Load() != 1 || asked[New].Load() != 1 {
				t.Errorf("old was asked %d times, new %d times", asked[Old].Load(), asked[New].Load())
			}
		})
	}
}

// An exchange that waited while the phase changed is compared, but who was the authority is not asked again.
func TestNoSecondReadAfterAChangeOfPhase(t *testing.T) {
	var asked [3]atomic.Int64
	var r *rig
	ready := make(chan struct{})
	r = start(t, shadowPlan, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		<-ready
		if asked[Old].Load() == 0 { // the plan was made before
			r.router.set(Plan{Epoch: 2, Reads: New, Shadow: Old, Fraction: 1, Writes: New})
		}
		document(&asked[Old], "%d").ServeHTTP(w, req)
	}), document(&asked[New], "%d"), noisy(t))
	close(ready)
	r.do(http.MethodGet, "/", nil)
	if x := r.account.only(t); x.Pair != nil || x.Epoch != 1 {
		t.Errorf("epoch %d, pair %+v", x.Epoch, x.Pair)
	}
	if asked[Old].Load() != 1 || asked[New].Load() != 1 {
		t.Errorf("old was asked %d times, new %d times", asked[Old].Load(), asked[New].Load())
	}
}

// What a second read cannot tell changes nothing else.
func TestSecondReadsThatTellNothing(t *testing.T) {
	for name, answer := range map[string]http.Handler{
		"5xx":     http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }),
		"cut off": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
		"hangs":   hang(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var toOld atomic.Int64
			r := start(t, shadowPlan, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if toOld.Add(1) == 1 {
					_, _ = io.WriteString(w, "same")
					return
				}
				answer.ServeHTTP(w, r)
			}), text("same"), noisy(t), func(o *Options) { o.Table.ShadowTimeout = 300 * time.Millisecond })
			r.do(http.MethodGet, "/", nil)
			if x := r.account.only(t); x.Result.Verdict != compare.Match || x.Pair != nil {
				t.Errorf("%+v, pair %v", x.Result, x.Pair)
			}
			await(t, "the second read's count", func() bool {
				return metric(t, r.registry, "paritygate_noise_reads_total", map[string]string{"route": "read", "outcome": "unusable"}) == 1
			})
			await(t, "the memory to be given back", func() bool { return r.proxy.memory.used.Load() == 0 })
		})
	}
}

// The client does not notice a second read that hangs, nor does its next request.
func TestASecondReadKeepsNoClientWaiting(t *testing.T) {
	var clients atomic.Int64
	r := start(t, shadowPlan, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == fmt.Sprintf("/%d", clients.Load()) {
			clients.Add(1)
			_, _ = io.WriteString(w, "same")
			return
		}
		<-r.Context().Done()
	}), text("same"), noisy(t), func(o *Options) { o.Table.ShadowTimeout = 8 * time.Second })
	began := time.Now()
	for i := range 4 {
		r.do(http.MethodGet, fmt.Sprintf("/%d", i), nil)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("four requests took %s", took)
	}
	r.proxy.CutShort()
	r.stop()
	await(t, "every exchange in the accounts", func() bool { // a handler may come late
		begun, finished := r.account.counts()
		return begun == 4 && finished == 4
	})
}

type panics struct{}

func (panics) Compare(_, _ *compare.Answer) compare.Result { panic("as asked") }

type undecided struct{}

func (undecided) Compare(_, _ *compare.Answer) compare.Result {
	return compare.Result{Verdict: compare.Skipped, Reason: compare.TooComplex}
}

// A comparison of old's answers that came to no end is no proof that they agree.
func TestASecondReadThatCannotBeComparedTellsNothing(t *testing.T) {
	r := start(t, shadowPlan, text("same"), text("same"), noisy(t), func(o *Options) { o.Table.Again = undecided{} })
	r.do(http.MethodGet, "/", nil)
	if x := r.account.only(t); x.Result.Verdict != compare.Match || x.Pair != nil {
		t.Errorf("%+v, pair %v", x.Result, x.Pair)
	}
}

func TestAPanicAboutASecondReadCostsTheExchange(t *testing.T) {
	r := start(t, shadowPlan, text("same"), text("same"), noisy(t), func(o *Options) { o.Table.Again = panics{} })
	r.do(http.MethodGet, "/", nil)
	if x := r.account.only(t); x.Result.Reason != compare.Panic {
		t.Errorf("%+v", x.Result)
	}
	await(t, "the memory to be given back", func() bool { return r.proxy.memory.used.Load() == 0 })
}
