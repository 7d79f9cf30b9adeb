package admin

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"paritygate/compare"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

// overviewData is what the first page shows besides the status.
type overviewData struct {
	Gate  cutover.Report
	Steps []step
	// Replay is the one that runs, or the last one; nil if there was none.
	Replay *Replay
}

// Passed counts the criteria that pass.
func (d overviewData) Passed() int {
	n := 0
	for _, c := range d.Gate.Criteria {
		if c.Verdict == cutover.Pass {
			n++
		}
	}
	return n
}

// step is one rung of the ladder of phases.
type step struct {
	Phase   cutover.Phase
	Note    string
	Current bool
	Done    bool
}

var phaseNotes = map[cutover.Phase]string{
	cutover.Shadow:     "Old answers. Reads are mirrored to new and compared.",
	cutover.Canary:     "New answers some of the reads, old the rest. Both are compared.",
	cutover.Cutover:    "Writes are held while they move to new.",
	cutover.Live:       "New answers. Reads are mirrored back to old.",
	cutover.RolledBack: "Old answers again, until an operator resumes.",
	cutover.Complete:   "New answers for good. Old is not asked any more.",
}

func ladder(current cutover.Phase) []step {
	steps := make([]step, len(cutover.Phases))
	at := slices.Index(cutover.Phases, current)
	for i, p := range cutover.Phases {
		steps[i] = step{Phase: p, Note: phaseNotes[p], Current: i == at, Done: i < at && current != cutover.RolledBack && p != cutover.RolledBack}
	}
	return steps
}

func (s *server) overview(r *http.Request) (view, error) {
	report, err := s.gate(r)
	if err != nil {
		return view{}, err
	}
	status, err := s.status(r)
	if err != nil {
		return view{}, err
	}
	data := overviewData{Gate: report, Steps: ladder(status.Phase)}
	replay, err := s.service.Replay(r.Context())
	if err != nil {
		return view{}, err
	}
	if replay.Line() != "" {
		data.Replay = &replay
	}
	return view{Page: "overview", Title: "Overview", Data: data}, nil
}

func (s *server) routesPage(r *http.Request) (view, error) {
	routes, err := s.service.Routes(r.Context(), false)
	return view{Page: "routes", Title: "Routes", Data: newRoutesData(tidyRoutes(routes))}, err
}

// mismatchesData is the list of mismatches with the filter that made it.
type mismatchesData struct {
	Mismatches
	Query  MismatchQuery
	Routes []string
	// Here is the page's own address, so that a refresh keeps the filter.
	Here string
}

// Verdicts are the verdicts that samples can have.
func (mismatchesData) Verdicts() []compare.Verdict {
	return []compare.Verdict{compare.Mismatch, compare.Failed}
}

func (s *server) mismatchesPage(r *http.Request) (view, error) {
	q := readQuery(r.URL, "route", "signature", "verdict", "limit")
	query := q.mismatches()
	if q.err != nil {
		return view{}, q.err
	}
	found, err := s.mismatches(r, query)
	if err != nil {
		return view{}, err
	}
	routes, err := s.service.Routes(r.Context(), false)
	if err != nil {
		return view{}, err
	}
	data := mismatchesData{Mismatches: found, Query: query, Here: r.URL.RequestURI()}
	for _, route := range routes {
		data.Routes = append(data.Routes, route.Route)
	}
	if query.Route != "" && !slices.Contains(data.Routes, query.Route) {
		data.Routes = append(data.Routes, query.Route)
	}
	return view{Page: "mismatches", Title: "Mismatches", Data: data}, nil
}

func (s *server) mismatchPage(r *http.Request) (view, error) {
	sample, err := s.service.Mismatch(r.Context(), r.PathValue("id"))
	if err != nil {
		return view{}, err
	}
	return view{Page: "mismatch", Title: "Mismatch", Data: newSampleData(sample)}, nil
}

// eventsData is a stretch of the audit log, the newest first.
type eventsData struct {
	Events []evidence.Event
	Here   string
	// Older and Newer are the addresses of the neighbouring stretches; empty where there is none.
	Older, Newer string
}

func (s *server) eventsPage(r *http.Request) (view, error) {
	q := readQuery(r.URL, "after", "limit")
	after, limit := q.number("after", -1, 0, 1<<62), q.limit()
	if q.err != nil {
		return view{}, q.err
	}
	events, err := s.service.Events(r.Context(), after, limit)
	if err != nil {
		return view{}, err
	}
	data := eventsData{Events: tidyEvents(events), Here: r.URL.RequestURI()}
	address := func(after int64) string {
		return "/events?" + url.Values{"after": {fmt.Sprint(after)}, "limit": {fmt.Sprint(limit)}}.Encode()
	}
	if n := len(events); n > 0 {
		if first := events[0].Seq; first > 1 {
			data.Older = address(max(0, first-1-int64(limit)))
		}
		if after >= 0 && n == limit {
			data.Newer = address(events[n-1].Seq)
		}
	}
	slices.Reverse(data.Events)
	return view{Page: "events", Title: "Events", Data: data}, nil
}

// eventPage shows one event with what it rested on.
func (s *server) eventPage(r *http.Request) (view, error) {
	seq, err := strconv.ParseInt(r.PathValue("seq"), 10, 64)
	if err != nil || seq < 1 {
		return view{}, Errorf(CodeNotFound, "no event has the number %q", shorten(r.PathValue("seq")))
	}
	events, err := s.service.Events(r.Context(), seq-1, 1)
	if err != nil {
		return view{}, err
	}
	if len(events) == 0 || events[0].Seq != seq {
		return view{}, Errorf(CodeNotFound, "no event has the number %d", seq)
	}
	detail := DetailOf(tidyEvents(events)[0])
	return view{Page: "event", Title: fmt.Sprintf("Event %d", seq), Data: detail}, nil
}
