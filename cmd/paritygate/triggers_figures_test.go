package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"paritygate/compare"
	"paritygate/internal/cutover"
	"paritygate/proxy"
)

// fixed is a Router with one plan, and an Observer that looks away.
type fixed struct{ plan proxy.Plan }

func (f fixed) Plan() proxy.Plan       { return f.plan }
func (f fixed) Begin(time.Time)        {}
func (f fixed) Finish(*proxy.Exchange) {}
func (f fixed) WriteToNew(uint64)      {}
func (f fixed) Tripped(proxy.Trip)     {}

// New fails every write, and they are few among the reads.
func TestWritesAreJudgedByThemselves(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer backend.Close()
	at, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	all := fixed{proxy.Plan{Epoch: 1, Reads: proxy.New, Writes: proxy.New}}
	p, err := proxy.NewProxy(proxy.Options{
		Run: "figures", Router: all, Observer: all, Old: proxy.BackendOptions{URL: at}, New: proxy.BackendOptions{URL: at},
		Table: proxy.Table{Comparer: compareNothing{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(p)
	defer front.Close()
	m := cutover.Minimum{Requests: 3, Failures: 3, Distinct: 3}
	limits := triggerLimits{
		errors:  cutover.ErrorRateLimit{Threshold: .5, Window: time.Minute, Minimum: m},
		clients: cutover.ClientErrorsLimit{Window: time.Minute}, latency: cutover.LatencyTriggerLimit{Window: time.Minute},
	}
	tr := &triggers{program: &Program{proxy: p}, limits: limits, figures: newFigures(limits)}
	tr.figures.begin(p, time.Now())
	for i := range 10 {
		method := http.MethodGet
		if i < 3 {
			method = http.MethodPost
		}
		req, _ := http.NewRequestWithContext(t.Context(), method, fmt.Sprint(front.URL, "/", i), http.NoBody)
		resp, err := httpClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	tr.figures.measure(p, time.Now(), true)
	if _, _, kinds := tr.figures.outcomes(p); kinds[1] != (cutover.Outcomes{Kind: "writes", Failed: 3, Distinct: 3, Row: 3, RowDistinct: 3}) || kinds[0].Failed+int64(kinds[0].Row) != 0 {
		t.Errorf("%+v", kinds)
	}
	if f := tr.judgeErrors(); f.State != cutover.Firing {
		t.Errorf("%+v", f)
	}
	for i, want := range []int64{7, 3} {
		if facts := tr.figures.latencies(p)[i]; facts.Recent == nil || facts.Recent.Timed() != want {
			t.Errorf("lately: %+v, want %d", facts.Recent, want)
		}
	}
}

type compareNothing struct{}

func (compareNothing) Compare(*compare.Answer, *compare.Answer) compare.Result {
	return compare.Result{Verdict: compare.Match}
}

// Who answered the client decides what an exchange says of new.
func TestWhatAnExchangeSaysOfNew(t *testing.T) {
	for _, c := range []struct {
		name              string
		authority         proxy.Backend
		route             string
		verdict           compare.Verdict
		compared, against int64
	}{
		{"new answered, old contradicts", proxy.New, "a", compare.Mismatch, 1, 1},
		{"new answered, old agrees", proxy.New, "a", compare.Lagged, 1, 0},
		{"new answered, old did not", proxy.New, "a", compare.Failed, 0, 0},
		{"nothing was compared", proxy.New, "a", compare.Skipped, 0, 0},
		{"old answered, new did not", proxy.Old, "a", compare.Failed, 1, 1},
		{"of a route that new does not answer", proxy.Old, "withheld", compare.Mismatch, 0, 0},
	} {
		tr := &triggers{}
		tr.withheld.Store(&map[string]bool{"withheld": true})
		tr.compared(&proxy.Exchange{Route: c.route, Authority: c.authority, Result: compare.Result{Verdict: c.verdict}})
		if got := tr.parity.read(); got != (paritySeen{c.compared, c.against}) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
