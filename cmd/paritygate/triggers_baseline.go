package main

import (
	"encoding/json"
	"sync"
	"time"

	"paritygate/proxy"
)

// lately is what old did as the authority in the last minutes: what new is held against where old has nothing to say in its window, and
// what a flip stores, since in live old answers nobody. It is safe for concurrent use.
type lately struct {
	mu      sync.Mutex
	windows [len(requestKinds)]struct {
		answers rolling[proxy.Answers]
		took    rolling[proxy.Latencies]
	}
}

// latelyIs is how far back that goes.
const latelyIs = 10 * time.Minute

// seenAnswers is what old answered to one kind of request.
type seenAnswers struct {
	answers proxy.Answers
	took    proxy.Latencies
}

// take measures.
func (l *lately) take(p *proxy.Proxy, now time.Time) (out [len(requestKinds)]*seenAnswers) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, k := range requestKinds {
		answers, took := read(p, k.old)
		w := &l.windows[i]
		w.answers.length, w.took.length = latelyIs, latelyIs
		out[i] = &seenAnswers{w.answers.within(now, answers), w.took.within(now, took)}
	}
	return out
}

// baseline is what old answered before the flip, as the run's state keeps it.
type baseline struct {
	At     time.Time     `json:"at"`
	Reads  *keptBaseline `json:"reads"`
	Writes *keptBaseline `json:"writes"`
}

type keptBaseline struct {
	Answered     uint32               `json:"answered"`
	ClientErrors uint32               `json:"client_errors"`
	Latencies    []proxy.LatencyCount `json:"latencies"`
}

func (s *seenAnswers) keep() *keptBaseline {
	return &keptBaseline{s.answers.Answered, s.answers.ClientErrors, s.took.List()}
}

func (k *keptBaseline) recall() *seenAnswers {
	if k == nil {
		return nil
	}
	s := &seenAnswers{answers: proxy.Answers{Answered: k.Answered, ClientErrors: k.ClientErrors}}
	s.took.Add(k.Latencies)
	return s
}

// baseline is what a flip that commits at this moment stores. It does not wait.
func (t *triggers) baseline() json.RawMessage {
	now := time.Now()
	seen := t.lately.take(t.program.proxy, now)
	text, _ := json.Marshal(baseline{now.UTC(), seen[0].keep(), seen[1].keep()}) // numbers alone
	return text
}

// recall reads what a flip stored; without it nothing is known of old.
func recall(text json.RawMessage) (out [len(requestKinds)]*seenAnswers, err error) {
	if len(text) == 0 {
		return out, nil
	}
	var b baseline
	if err := json.Unmarshal(text, &b); err != nil {
		return out, err
	}
	return [len(requestKinds)]*seenAnswers{b.Reads.recall(), b.Writes.recall()}, nil
}
