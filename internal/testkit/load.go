package testkit

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Load is traffic to generate. Exactly what Requests or Duration allow is sent, whichever ends first; one must be set.
type Load struct {
	// Client sends the requests; nil means one with its own connection pool, whose connections are closed at the end.
	Client *http.Client
	// Request makes the i-th request, from 0. It is called from many goroutines.
	Request func(ctx context.Context, i int) (*http.Request, error)
	// Rate in requests per second makes the loop open: requests start on time whether or not earlier ones were answered,
	// and their latency counts from when they were due. Zero makes it closed: each client starts the next request when it
	// has its answer.
	Rate float64
	// Concurrency is the number of clients, and in an open loop the most requests in flight; 8 if zero, 1024 in an open loop.
	Concurrency int
	Requests    int
	Duration    time.Duration
	// KeepBody makes samples hold the bodies of answers.
	KeepBody bool
	// Observe, if not nil, is given each sample as soon as there is one, from many goroutines, and Run returns none.
	Observe func(Sample)
}

// Sample is the outcome of one request.
type Sample struct {
	Index   int
	Start   time.Time     // when it was due in an open loop, when it was sent in a closed one
	Latency time.Duration // from Start to the end of the body, or to the error
	Status  int           // 0 when there was no answer
	Header  http.Header
	Size    int64
	Body    []byte
	Err     error // of the request or of reading the body
}

// Run sends the requests and returns a sample for each, ordered by index, when all have their outcome. When the context
// ends, no more are started, and those in flight fail.
func (l Load) Run(ctx context.Context) []Sample {
	if l.Client == nil {
		transport := &http.Transport{MaxIdleConnsPerHost: 1024}
		defer transport.CloseIdleConnections()
		l.Client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}}
	}
	var samples []Sample
	if l.Rate > 0 {
		samples = l.open(ctx)
	} else {
		samples = l.closed(ctx)
	}
	slices.SortFunc(samples, func(a, b Sample) int { return cmp.Compare(a.Index, b.Index) })
	return samples
}

func (l Load) closed(ctx context.Context) []Sample {
	var next atomic.Int64
	var mu sync.Mutex
	var all []Sample
	var clients sync.WaitGroup
	begin := time.Now()
	for range cmp.Or(l.Concurrency, 8) {
		clients.Go(func() {
			var mine []Sample
			for ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				if l.over(i, time.Since(begin)) {
					break
				}
				if sample := l.ask(ctx, i, time.Now()); l.Observe != nil {
					l.Observe(sample)
				} else {
					mine = append(mine, sample)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
		})
	}
	clients.Wait()
	return all
}

func (l Load) open(ctx context.Context) []Sample {
	var mu sync.Mutex
	var all []Sample
	var inFlight sync.WaitGroup
	slots := make(chan struct{}, cmp.Or(l.Concurrency, 1024))
	begin := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := 0; ; i++ {
		after := time.Duration(float64(i) / l.Rate * float64(time.Second))
		if l.over(i, after) {
			break
		}
		due := begin.Add(after)
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
		case <-timer.C:
			select {
			case <-ctx.Done():
			case slots <- struct{}{}:
			}
		}
		if ctx.Err() != nil {
			break
		}
		inFlight.Go(func() {
			sample := l.ask(ctx, i, due)
			<-slots
			if l.Observe != nil {
				l.Observe(sample)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, sample)
		})
	}
	inFlight.Wait()
	return all
}

// over says whether the i-th request, due this long after the beginning, is beyond the load's end.
func (l Load) over(i int, after time.Duration) bool {
	if l.Requests == 0 && l.Duration == 0 {
		return true
	}
	return l.Requests > 0 && i >= l.Requests || l.Duration > 0 && after >= l.Duration
}

func (l Load) ask(ctx context.Context, i int, start time.Time) (s Sample) {
	s.Index, s.Start = i, start
	defer func() { s.Latency = time.Since(start) }()
	req, err := l.Request(ctx, i)
	if err != nil {
		s.Err = err
		return s
	}
	resp, err := l.Client.Do(req)
	if err != nil {
		s.Err = err
		return s
	}
	s.Status, s.Header = resp.StatusCode, resp.Header
	if l.KeepBody {
		s.Body, err = io.ReadAll(resp.Body)
		s.Size = int64(len(s.Body))
	} else {
		s.Size, err = io.Copy(io.Discard, resp.Body)
	}
	s.Err = errors.Join(err, resp.Body.Close())
	return s
}

// GET makes the requests of a Load: the URLs in turn.
func GET(urls ...string) func(context.Context, int) (*http.Request, error) {
	return func(ctx context.Context, i int) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, urls[i%len(urls)], nil)
	}
}

// Quantile is the latency that the fraction q (0 to 1) of the samples did not exceed; 0 of none.
func Quantile(samples []Sample, q float64) time.Duration {
	if len(samples) == 0 {
		return 0
	}
	latencies := make([]time.Duration, len(samples))
	for i, s := range samples {
		latencies[i] = s.Latency
	}
	slices.Sort(latencies)
	return latencies[min(int(q*float64(len(latencies))), len(latencies)-1)]
}
