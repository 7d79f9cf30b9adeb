package cutover

import (
	"slices"
	"strings"
	"testing"
	"time"
)

var someRequests = Minimum{Requests: 20, Failures: 10, Distinct: 3}

// took is how long requests took: so many of each.
type took map[time.Duration]int

func (l took) Timed() (n int64) {
	for _, k := range l {
		n += int64(k)
	}
	return n
}

func (l took) Quantile(q float64) time.Duration {
	var all []time.Duration
	for d, k := range l {
		all = append(all, slices.Repeat([]time.Duration{d}, k)...)
	}
	slices.Sort(all)
	if len(all) == 0 {
		return 0
	}
	return all[min(int(q*float64(len(all))), len(all)-1)]
}

func (l took) Over(d time.Duration) (n int64) {
	for at, k := range l {
		if at >= d {
			n += int64(k)
		}
	}
	return n
}

// said is what a finding must be, and words that must be in its reason.
type said struct {
	state          TriggerState
	alike, missing bool
	words          string
}

func (s said) check(t *testing.T, f TriggerFinding) {
	t.Helper()
	if f.State != s.state || f.Alike != s.alike || f.Missing != s.missing || !strings.Contains(f.Reason, s.words) || f.Reason == "" {
		t.Errorf("%+v\nwant %+v", f, s)
	}
}

func TestErrorRateTrigger(t *testing.T) {
	l := ErrorRateLimit{Threshold: .05, Window: 10 * time.Second, Minimum: someRequests}
	for _, c := range []struct {
		name       string
		fresh, old Outcomes
		want       said
	}{
		{"just at the threshold", Outcomes{Succeeded: 190, Failed: 10, Distinct: 3}, Outcomes{}, said{state: Firing, words: "new failed 10 of 200 requests (3 different ones) within 10s; the threshold is 5%"}},
		{"just below it", Outcomes{Succeeded: 191, Failed: 10, Distinct: 3}, Outcomes{}, said{state: Armed, words: "10 of 201"}},
		{"a failure too few", Outcomes{Succeeded: 20, Failed: 9, Distinct: 9}, Outcomes{}, said{state: Armed}},
		{"a request too few", Outcomes{Succeeded: 9, Failed: 10, Distinct: 9}, Outcomes{}, said{state: NoData, words: "of at least 20"}},
		{"one poisoned request", Outcomes{Succeeded: 20, Failed: 40, Distinct: 2}, Outcomes{}, said{state: Armed}},
		{"a row, longer ago than the window", Outcomes{Failed: 1, Distinct: 1, Row: 20, RowDistinct: 3}, Outcomes{}, said{state: Firing, words: "failed 20 requests in a row"}},
		{"a row that is too short", Outcomes{Failed: 1, Distinct: 1, Row: 19, RowDistinct: 3}, Outcomes{}, said{state: NoData}},
		{"a row of one request", Outcomes{Failed: 1, Distinct: 1, Row: 50, RowDistinct: 2}, Outcomes{}, said{state: NoData}},
		{"nothing at all", Outcomes{}, Outcomes{Succeeded: 100}, said{state: NoData, missing: true, words: "answered nobody within 10s"}},
		{"old fails half as often", Outcomes{Failed: 40, Distinct: 9}, Outcomes{Succeeded: 5, Failed: 5}, said{state: Firing, alike: true, words: "old failed 5 of 10 requests"}},
		{"old fails a little less", Outcomes{Failed: 40, Distinct: 9}, Outcomes{Succeeded: 6, Failed: 5}, said{state: Firing}},
		{"old fails, but was hardly asked", Outcomes{Failed: 40, Distinct: 9}, Outcomes{Failed: 2}, said{state: Firing}},
		{"old fails half as often, below the threshold", Outcomes{Succeeded: 150, Failed: 10, Distinct: 9}, Outcomes{Succeeded: 96, Failed: 4}, said{state: Firing}},
	} {
		t.Run(c.name, func(t *testing.T) { c.want.check(t, l.Judge(c.old, c.fresh)) })
	}
	most, few := Outcomes{Succeeded: 970, Failed: 30, Distinct: 9}, Outcomes{Kind: "writes", Failed: 30, Distinct: 9}
	said{state: Firing, words: "new failed 30 of 30 writes"}.check(t, l.Judge(Outcomes{}, most, Outcomes{Kind: "reads", Succeeded: 970}, few))
	slow := Outcomes{Kind: "writes", Failed: 2, Row: 20, RowDistinct: 3}
	said{state: Firing, words: "new failed 20 writes in a row"}.check(t, l.Judge(Outcomes{}, Outcomes{Succeeded: 998, Failed: 2}, slow))
	few.Distinct = 2
	said{state: Armed, words: "30 of 1000 requests"}.check(t, l.Judge(Outcomes{}, most, Outcomes{Kind: "reads"}, few))
	said{state: Firing, alike: true, words: "12 requests in a row; old failed 3 of 3"}.check(t, l.Tripped(1, 12, "new failed 12 requests in a row", Outcomes{Failed: 3}))
}

func TestClientErrorsTrigger(t *testing.T) {
	l := ClientErrorsLimit{Ratio: 3, Threshold: .1, Window: 30 * time.Second, Minimum: someRequests}
	of := func(k, n int64) Answers { return Answers{Answered: n, ClientErrors: k} }
	for _, c := range []struct {
		name string
		live bool
		k    AnswerFacts
		want said
	}{
		{"at the threshold, old gives none", false, AnswerFacts{New: of(10, 100), Distinct: 3, Now: of(0, 20)}, said{state: Firing, words: "10% of new's answers to reads were 4xx within 30s (10 of 100), 0% of old's in that time; 10% is the limit"}},
		{"just below it", false, AnswerFacts{New: of(10, 101), Distinct: 3, Now: of(0, 20)}, said{state: Armed}},
		{"at three times old's", false, AnswerFacts{New: of(30, 100), Distinct: 3, Now: of(10, 100)}, said{state: Firing, words: "30% is the limit"}},
		{"three times old's, by chance", false, AnswerFacts{New: of(11, 70), Distinct: 11, Now: of(50, 1000)}, said{state: Armed}},
		{"more than chance", false, AnswerFacts{New: of(16, 70), Distinct: 11, Now: of(50, 1000)}, said{state: Firing}},
		{"just below that", false, AnswerFacts{New: of(29, 100), Distinct: 3, Now: of(10, 100)}, said{state: Armed}},
		{"a request too few", false, AnswerFacts{New: of(19, 19), Distinct: 9, Now: of(0, 20)}, said{state: NoData, words: "of at least 20"}},
		{"a 4xx too few", false, AnswerFacts{New: of(9, 20), Distinct: 9, Now: of(0, 20)}, said{state: Armed}},
		{"one request again and again", false, AnswerFacts{New: of(90, 100), Distinct: 2, Now: of(0, 20)}, said{state: Armed}},
		{"nothing of old", false, AnswerFacts{New: of(90, 100), Distinct: 9, Now: of(0, 19), Before: of(0, 19)}, said{state: NoData, missing: true, words: "old's share of 4xx answers to reads is not known"}},
		{"old of before the window", false, AnswerFacts{New: of(90, 100), Distinct: 9, Now: of(0, 19), Before: of(0, 20)}, said{state: Firing, words: "0% of old's lately"}},
		{"old of the window goes before", false, AnswerFacts{New: of(90, 100), Distinct: 9, Now: of(80, 100), Before: of(1, 900)}, said{state: Firing, alike: true, words: "both give more of them"}},
		{"it was always so", false, AnswerFacts{New: of(20, 100), Distinct: 9, Now: of(20, 100), Before: of(200, 1000)}, said{state: Armed}},
		{"a crawler: old says the same of the same", false, AnswerFacts{New: of(90, 100), Distinct: 90, Now: of(0, 100), Paired: 10, Alike: 5}, said{state: Firing, alike: true, words: "the same status to 5 of 10"}},
		{"old says the same of a few", false, AnswerFacts{New: of(90, 100), Distinct: 90, Now: of(0, 100), Paired: 11, Alike: 5}, said{state: Firing}},
		{"old was hardly asked", false, AnswerFacts{New: of(90, 100), Distinct: 90, Now: of(0, 100), Paired: 2, Alike: 2}, said{state: Firing}},
		{"live is held against before the flip", true, AnswerFacts{New: of(30, 100), Distinct: 9, Now: of(100, 100), Before: of(100, 1000)}, said{state: Firing, words: "10% of old's before the flip"}},
		{"live, just below", true, AnswerFacts{New: of(29, 100), Distinct: 9, Now: of(0, 100), Before: of(100, 1000)}, said{state: Armed}},
		{"live without a base line", true, AnswerFacts{New: of(90, 100), Distinct: 9, Now: of(0, 100)}, said{state: NoData, missing: true, words: "before the flip"}},
		{"nothing at all", true, AnswerFacts{Before: of(1, 100)}, said{state: NoData, missing: true, words: "answered nobody within 30s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.k.Kind = "reads"
			c.want.check(t, l.Judge(c.live, c.k))
		})
	}
	quiet := AnswerFacts{Kind: "reads", New: of(0, 1000), Before: of(0, 1000)}
	loud := AnswerFacts{Kind: "writes", New: of(20, 20), Distinct: 20, Before: of(0, 20)}
	said{state: Firing, words: "answers to writes"}.check(t, l.Judge(true, quiet, loud))
	said{state: Armed, words: "answers to reads"}.check(t, l.Judge(true, quiet, AnswerFacts{Kind: "writes"}))
}

func TestLatencyTrigger(t *testing.T) {
	const ms = time.Millisecond
	l := LatencyTriggerLimit{Quantile: .99, Ratio: 3, Floor: 200 * ms, Window: 30 * time.Second, Minimum: someRequests}
	usual := took{95 * ms: 100}
	for _, c := range []struct {
		name string
		live bool
		k    LatencyFacts
		want said
	}{
		{"at three times old's", false, LatencyFacts{New: took{5 * ms: 900, 285 * ms: 10}, Distinct: 3, Now: usual}, said{state: Firing, words: "99% of new's reads took up to 285ms within 30s, old's 95ms in that time; 3 times that, and more than 200ms, is the limit"}},
		{"just below it", false, LatencyFacts{New: took{5 * ms: 900, 284 * ms: 10}, Distinct: 3, Now: usual}, said{state: Armed}},
		{"as many as the quantile leaves out", false, LatencyFacts{New: took{5 * ms: 990, 900 * ms: 10}, Distinct: 3, Now: usual}, said{state: Armed}},
		{"one more than that", false, LatencyFacts{New: took{5 * ms: 990, 900 * ms: 11}, Distinct: 3, Now: usual}, said{state: Firing}},
		{"below the floor", false, LatencyFacts{New: took{199 * ms: 100}, Distinct: 9, Now: took{1 * ms: 100}}, said{state: Armed}},
		{"above the floor", false, LatencyFacts{New: took{200 * ms: 100}, Distinct: 9, Now: took{1 * ms: 100}}, said{state: Firing}},
		{"a slow one too few", false, LatencyFacts{New: took{5 * ms: 11, 900 * ms: 9}, Distinct: 9, Now: usual}, said{state: Armed}},
		{"a request too few", false, LatencyFacts{New: took{900 * ms: 19}, Distinct: 9, Now: usual}, said{state: NoData, words: "of at least 20"}},
		{"one slow request again and again", false, LatencyFacts{New: took{900 * ms: 100}, Distinct: 2, Now: usual}, said{state: Armed}},
		{"nothing of old", false, LatencyFacts{New: took{900 * ms: 100}, Distinct: 9, Now: took{95 * ms: 19}, Before: took{}}, said{state: NoData, missing: true, words: "how long old takes to answer reads is not known"}},
		{"old of before the window", false, LatencyFacts{New: took{900 * ms: 100}, Distinct: 9, Now: took{95 * ms: 19}, Before: usual}, said{state: Firing, words: "95ms lately"}},
		{"both have become slow", false, LatencyFacts{New: took{900 * ms: 100}, Distinct: 9, Now: took{800 * ms: 100}, Before: usual}, said{state: Firing, alike: true, words: "both have become slow"}},
		{"it was always so", false, LatencyFacts{New: took{900 * ms: 100}, Distinct: 9, Now: took{800 * ms: 100}, Before: took{700 * ms: 900}}, said{state: Armed}},
		{"live is held against before the flip", true, LatencyFacts{New: took{900 * ms: 100}, Distinct: 9, Now: took{5 * ms: 100}, Before: usual}, said{state: Firing, words: "old's 95ms before the flip"}},
		{"live without a base line", true, LatencyFacts{New: took{900 * ms: 100}, Distinct: 9, Now: usual}, said{state: NoData, missing: true, words: "before the flip"}},
		{"live, old is as slow", true, LatencyFacts{New: took{900 * ms: 100}, Distinct: 9, Now: took{900 * ms: 5, 5 * ms: 5}, Before: usual}, said{state: Firing, alike: true, words: "5 of old's 10 answers"}},
		{"live, old is slow less than half as often", true, LatencyFacts{New: took{900 * ms: 100}, Distinct: 9, Now: took{900 * ms: 5, 5 * ms: 6}, Before: usual}, said{state: Firing}},
		{"live, old was slow twice", true, LatencyFacts{New: took{900 * ms: 100}, Distinct: 9, Now: took{900 * ms: 2}, Before: usual}, said{state: Firing}},
		{"old has as many of them, but for chance", false, LatencyFacts{New: took{5 * ms: 980, 900 * ms: 25}, Distinct: 9, Now: took{5 * ms: 992, 900 * ms: 8}}, said{state: Armed}},
		{"more than chance", false, LatencyFacts{New: took{5 * ms: 980, 900 * ms: 27}, Distinct: 9, Now: took{5 * ms: 992, 900 * ms: 8}}, said{state: Firing}},
		{"nothing at all", true, LatencyFacts{New: took{}, Before: usual}, said{state: NoData, missing: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.k.Kind = "reads"
			c.want.check(t, l.Judge(c.live, c.k))
		})
	}
	for _, c := range []struct {
		name    string
		recent  Latencies
		hanging int
		past    bool
	}{
		{"quick again", took{5 * ms: 1000}, 0, true},
		{"a few as there always are", took{5 * ms: 990, 900 * ms: 10}, 0, true},
		{"one more", took{5 * ms: 989, 900 * ms: 11}, 0, false},
		{"some still hang", took{5 * ms: 1000}, 1, false},
		{"nobody was answered", took{}, 0, false},
		{"not known", nil, 0, false},
	} {
		f := l.Judge(false, LatencyFacts{Kind: "reads", New: took{5 * ms: 900, 900 * ms: 100}, Distinct: 9, Now: usual, Recent: c.recent, Hanging: c.hanging})
		if f.State != Firing || f.Past != c.past || strings.HasSuffix(f.Reason, "; it is over") != c.past {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
	if d := l.Slow(false, LatencyFacts{Now: usual}); d != 285*ms {
		t.Errorf("slow from %s on", d)
	}
	if d := l.Slow(true, LatencyFacts{Now: usual}); d != 0 {
		t.Errorf("slow from %s on, of which nothing is known", d)
	}
}

func TestParityTrigger(t *testing.T) {
	l := ParityLimit{Threshold: .05, Window: time.Minute, MinRequests: 100}
	for _, c := range []struct {
		name              string
		compared, against int64
		want              said
	}{
		{"just at the threshold", 100, 5, said{state: Firing, words: "old contradicts 5 of 100 answers of new (5%) within 1m0s; the threshold is 5%"}},
		{"just below it", 101, 5, said{state: Armed}},
		{"a comparison too few", 99, 99, said{state: NoData, words: "of at least 100"}},
		{"nothing compared", 0, 0, said{state: NoData, missing: true}},
	} {
		t.Run(c.name, func(t *testing.T) { c.want.check(t, l.Judge(c.compared, c.against)) })
	}
}

func TestChecksTrigger(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	row := func(name string, failures int, told time.Duration) CheckRow {
		r := CheckRow{Name: name, Failures: failures, Reason: "12 of 10", MaxAge: 15 * time.Minute}
		if told > 0 {
			r.Told = now.Add(-told)
		}
		return r
	}
	for _, c := range []struct {
		name string
		in   time.Duration // this phase
		rows []CheckRow
		want said
	}{
		{"the third failure", time.Hour, []CheckRow{row("a", 0, time.Minute), row("b", 3, time.Minute)}, said{state: Firing, words: "check b failed 3 times in a row, at last: 12 of 10"}},
		{"two of three", time.Hour, []CheckRow{row("a", 2, time.Minute)}, said{state: Armed, words: "2 times in a row, of 3"}},
		{"two checks that fail in turn", time.Hour, []CheckRow{row("a", 2, time.Minute), row("b", 2, time.Minute)}, said{state: Armed}},
		{"no check", time.Hour, nil, said{state: Rests, words: "no checks are configured"}},
		{"not asked yet", 15 * time.Minute, []CheckRow{row("a", 0, 0)}, said{state: Armed}},
		{"never asked", 16 * time.Minute, []CheckRow{row("a", 0, 0)}, said{state: NoData, missing: true, words: "check a has neither passed nor failed for more than 15m"}},
		{"not asked for long", time.Hour, []CheckRow{row("a", 0, 16*time.Minute)}, said{state: NoData, missing: true}},
		{"it failed, and is not asked any more", time.Hour, []CheckRow{row("a", 3, 16*time.Minute)}, said{state: Firing}},
	} {
		t.Run(c.name, func(t *testing.T) { c.want.check(t, ChecksLimit{3}.Judge(now, now.Add(-c.in), c.rows)) })
	}
}

func TestWhereTriggersAct(t *testing.T) {
	for _, phase := range Phases {
		for _, before := range []Phase{Shadow, Canary} {
			m := model{state: State{Phase: phase, Before: before, CanaryFraction: .1}}
			answers := phase == Live || phase == Canary || phase == Cutover && before == Canary
			for _, manual := range []bool{false, true} {
				want := Rests
				switch {
				case answers && manual && phase == Live:
					want = Manual
				case answers:
					want = Armed
				}
				if got := m.plan().Arming(manual); got != want {
					t.Errorf("%s, before it %s, manual %t: %s, want %s", phase, before, manual, got, want)
				}
			}
		}
	}
}
