package proxy

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"paritygate/compare"
)

// jumpy is an Observer and a Router that panics where it is told to.
type jumpy struct {
	Observer
	Router
	at atomic.Value // of string
}

func (j *jumpy) jump(place string) {
	if j.at.Load() == place {
		panic("at " + place)
	}
}

func (j *jumpy) Begin(t time.Time) {
	j.Observer.Begin(t)
	j.jump("Begin")
}

func (j *jumpy) Finish(x *Exchange) {
	j.Observer.Finish(x)
	j.jump("Finish")
}

func (j *jumpy) WriteToNew(epoch uint64) {
	j.Observer.WriteToNew(epoch)
	j.jump("WriteToNew")
}

func (j *jumpy) Tripped(t Trip) {
	j.Observer.Tripped(t)
	j.jump("Tripped")
}

func (j *jumpy) Plan() Plan {
	j.jump("Plan")
	return j.Router.Plan()
}

// Wherever something panics, it costs that exchange alone: the next ones are served, counted and compared, and nothing is kept.
func TestRule08_PanicsCostOneExchange(t *testing.T) {
	for _, c := range []struct {
		place, method string
		plan          Plan
		status        int // 0: the connection is cut
		dead          bool
	}{
		{"Begin", "GET", shadowPlan, 200, false},
		{"Finish", "GET", shadowPlan, 200, false},
		{"comparer", "GET", shadowPlan, 200, false},
		{"Plan", "GET", shadowPlan, 503, false},
		{"Plan", "POST", shadowPlan, 503, false},
		{"WriteToNew", "POST", livePlan, 0, false},
		{"Tripped", "GET", livePlan, 502, true},
	} {
		t.Run(c.place+" "+c.method, func(t *testing.T) {
			j := &jumpy{}
			j.at.Store("")
			answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.dead && j.at.Load() != "" {
					panic(http.ErrAbortHandler)
				}
				_, _ = io.WriteString(w, "a")
			})
			r := start(t, c.plan, answer, answer, func(o *Options) {
				j.Observer, j.Router = o.Observer, o.Router
				o.Observer, o.Router = j, j
				o.Table.Comparer = jumpyComparer{j}
				o.Trip = TripOptions{MinRequests: 5, MinFailures: 5, MinDistinct: 1}
			})
			settled := func() bool { begun, finished := r.account.counts(); return begun == finished }
			j.at.Store(c.place)
			for range 10 { // of several workers each must survive
				resp, _, err := r.try(c.method, "/", nil)
				if (err == nil) != (c.status != 0) || err == nil && resp.StatusCode != c.status {
					t.Fatalf("%v, %v, want %d", resp, err, c.status)
				}
			}
			if c.dead {
				<-r.account.trips
			}
			await(t, "the verdicts", settled)
			j.at.Store("")
			for range 5 {
				if resp, body := r.do(c.method, "/", nil); resp.StatusCode != 200 || body != "a" {
					t.Fatalf("afterwards: %d %q", resp.StatusCode, body)
				}
			}
			await(t, "the verdicts", settled)
			if c.method == "GET" && !c.dead {
				all := r.account.all()
				if last := all[len(all)-1]; last.Result.Verdict != compare.Match {
					t.Errorf("afterwards: %+v (%v)", last.Result, last.New.Err)
				}
			}
			await(t, "memory given back", func() bool { return r.proxy.memory.used.Load() == 0 })
			if n, err := r.proxy.Drain(t.Context(), c.plan.Writes); n != 0 {
				t.Errorf("%d writes are left in flight, %v", n, err)
			}
			for name, want := range map[string]float64{"paritygate_pending": 0, "paritygate_shadow_in_flight": 0} {
				if v := metric(t, r.registry, name, nil); v != want {
					t.Errorf("%s is %v", name, v)
				}
			}
		})
	}
}

type jumpyComparer struct{ j *jumpy }

func (c jumpyComparer) Compare(old, new *compare.Answer) compare.Result {
	c.j.jump("comparer")
	return plain{}.Compare(old, new)
}

// The headers that wait with an exchange count as memory, like the bodies.
func TestHeadersCountAsMemory(t *testing.T) {
	large := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Large", strings.Repeat("x", 100<<10)) })
	r := start(t, shadowPlan, large, hang(), func(o *Options) {
		o.Memory, o.Queue, o.Workers, o.Table.ShadowTimeout = 1<<20, 64, 1, 2*time.Second
	})
	for range 30 {
		r.do("GET", "/", nil)
		if used := r.proxy.memory.used.Load(); used > 1<<20 {
			t.Fatalf("%d bytes", used)
		}
	}
	reasons := map[compare.Reason]int{}
	for _, x := range r.account.all() {
		reasons[x.Result.Reason]++
	}
	if n := reasons[compare.Memory]; n < 19 || n > 21 {
		t.Errorf("with room for 10 of 30 exchanges: %v", reasons)
	}
	r.stop()
	if used := r.proxy.memory.used.Load(); used != 0 {
		t.Errorf("%d bytes are kept", used)
	}
}

// No backend can make the proxy read headers without end.
func TestAnswersWithHugeHeadersFail(t *testing.T) {
	huge := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Huge", strings.Repeat("x", 400<<10)) })
	r := start(t, shadowPlan, huge, text(""), func(o *Options) {
		o.Table.Routes = []Route{{Name: "q", Methods: []string{"POST"}, Path: "/q"}}
	})
	for _, c := range []struct{ method, path string }{{"GET", "/"}, {"POST", "/q"}, {"POST", "/w"}} {
		resp, _ := r.do(c.method, c.path, io.MultiReader(strings.NewReader("x"))) // chunked: by net/http's transport, where it has a body
		if resp.StatusCode != 502 {
			t.Errorf("%s %s: %d", c.method, c.path, resp.StatusCode)
		}
	}
}

// A body of more than half of what may be held is held, and one that was read ahead as that of a read as well.
func TestHeldBodiesFindRoom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, path, body string }{
		{"in chunks", "/w", strings.Repeat("x", 9<<20)},
		{"read turned write", "/q", `{"pad":"` + strings.Repeat("x", 3<<20) + `","query":"mutation{a}"}`},
		{"read turned write, small", "/q", `{"query":"mutation{a}"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := &ledger{}
			r := start(t, holdPlan(), old, text(""), func(o *Options) {
				o.Hold.Bytes, o.Memory = 10<<20, 2<<20
				o.Table.Routes = []Route{{Name: "q", Methods: []string{"POST"}, Path: "/q"}}
			})
			done := make(chan int, 1)
			go func() {
				resp, _, err := r.try("POST", c.path, io.MultiReader(strings.NewReader(c.body)), "Content-Type", "application/json")
				if err != nil {
					done <- 0
					return
				}
				done <- resp.StatusCode
			}()
			held(t, r, 1)
			if used := r.proxy.memory.used.Load(); used != 0 {
				t.Errorf("%d bytes of the mirror's memory are held", used)
			}
			r.router.change(func(p *Plan) { p.Hold = false })
			r.proxy.Release(t.Context())
			if status := <-done; status != 200 {
				t.Errorf("status %d", status)
			}
			if len(old.order) != 1 || old.order[0] != c.body {
				t.Error("old got another body")
			}
			await(t, "held bytes given back", func() bool { return r.proxy.gate.budget.used.Load() == 0 })
		})
	}
}

// A client that announces a large body and sends none takes no memory from the mirror.
func TestAnnouncedBodiesTakeNoMemory(t *testing.T) {
	r := start(t, shadowPlan, hang(), text(""), func(o *Options) {
		o.Memory = 4 << 20
		o.Table.Routes = []Route{{Name: "q", Methods: []string{"POST"}, Path: "/q"}}
	})
	for range 8 {
		_, _ = io.WriteString(r.connect(), "POST /q HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1048576\r\n\r\n{")
	}
	await(t, "the bodies' beginnings", func() bool { return r.proxy.memory.used.Load() >= 8*64<<10 })
	if used := r.proxy.memory.used.Load(); used != 8*64<<10 {
		t.Errorf("%d bytes for 8 bytes of bodies", used)
	}
}
