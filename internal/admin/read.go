package admin

import (
	"math"
	"net/http"

	"paritygate/internal/cutover"
)

func (s *server) getStatus(r *http.Request) (any, error) {
	if q := readQuery(r.URL); q.err != nil {
		return nil, q.err
	}
	return s.status(r)
}

func (s *server) status(r *http.Request) (Status, error) {
	status, err := s.service.Status(r.Context())
	return tidyStatus(status), err
}

func (s *server) getGate(r *http.Request) (any, error) {
	if q := readQuery(r.URL); q.err != nil {
		return nil, q.err
	}
	return s.gate(r)
}

func (s *server) gate(r *http.Request) (cutover.Report, error) {
	report, err := s.service.Gate(r.Context())
	return tidyReport(report), err
}

func (s *server) getRoutes(r *http.Request) (any, error) {
	q := readQuery(r.URL, "all")
	all := q.boolean("all")
	if q.err != nil {
		return nil, q.err
	}
	routes, err := s.service.Routes(r.Context(), all)
	return routesBody{tidyRoutes(routes)}, err
}

func (s *server) getMismatches(r *http.Request) (any, error) {
	q := readQuery(r.URL, "route", "signature", "verdict", "limit")
	query := q.mismatches()
	if q.err != nil {
		return nil, q.err
	}
	return s.mismatches(r, query)
}

func (s *server) mismatches(r *http.Request, query MismatchQuery) (Mismatches, error) {
	groups, samples, err := s.service.Mismatches(r.Context(), query)
	if err != nil {
		return Mismatches{}, err
	}
	why := make([]Explanation, len(groups))
	for i, g := range groups {
		if why[i], err = s.service.Explain(r.Context(), g); err != nil {
			return Mismatches{}, err
		}
	}
	return viewMismatches(groups, why, samples), nil
}

func (s *server) getMismatch(r *http.Request) (any, error) {
	if q := readQuery(r.URL); q.err != nil {
		return nil, q.err
	}
	sample, err := s.service.Mismatch(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return viewSample(sample), nil
}

func (s *server) getChecks(r *http.Request) (any, error) {
	if q := readQuery(r.URL); q.err != nil {
		return nil, q.err
	}
	checks, err := s.service.Checks(r.Context())
	return checksBody{tidyChecks(checks)}, err
}

func (s *server) getAttestations(r *http.Request) (any, error) {
	if q := readQuery(r.URL); q.err != nil {
		return nil, q.err
	}
	list, err := s.service.Attestations(r.Context())
	return attestationsBody{filled(list)}, err
}

func (s *server) getEvents(r *http.Request) (any, error) {
	q := readQuery(r.URL, "after", "limit")
	after, limit := q.number("after", -1, 0, math.MaxInt64), q.limit()
	if q.err != nil {
		return nil, q.err
	}
	events, err := s.service.Events(r.Context(), after, limit)
	if err != nil {
		return nil, err
	}
	head, err := s.service.AuditHead(r.Context())
	return eventsBody{tidyEvents(events), head}, err
}
