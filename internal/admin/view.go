package admin

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"
	"unicode/utf8"

	"paritygate/compare"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

// The functions of this file turn what the Service returns into what goes over the wire: times in UTC, arrays and objects
// where there is nothing, never null.

func filled[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func tidyStatus(s Status) Status {
	s.Since, s.Window.Start = s.Since.UTC(), s.Window.Start.UTC()
	s.Unwell, s.Warnings, s.Rollback.Triggers = filled(s.Unwell), filled(s.Warnings), filled(s.Rollback.Triggers)
	s.Cutover.Steps = slices.Clone(filled(s.Cutover.Steps))
	for i := range s.Cutover.Steps {
		s.Cutover.Steps[i].Began = s.Cutover.Steps[i].Began.UTC()
	}
	return s
}

func tidyReport(r cutover.Report) cutover.Report {
	r.At, r.Criteria = r.At.UTC(), filled(r.Criteria)
	return r
}

func tidyRoutes(routes []Route) []Route {
	out := make([]Route, len(routes))
	for i, r := range routes {
		verdicts := make(map[compare.Verdict]int64, len(compare.Verdicts))
		for _, v := range compare.Verdicts {
			verdicts[v] = r.Verdicts[v]
		}
		r.Verdicts = verdicts
		if r.Skipped == nil {
			r.Skipped = map[compare.Reason]int64{}
		}
		r.Rules, r.Noise = filled(r.Rules), filled(r.Noise)
		out[i] = r
	}
	return out
}

func tidyChecks(checks []evidence.CheckResult) []evidence.CheckResult {
	out := make([]evidence.CheckResult, len(checks))
	for i, c := range checks {
		if c.At != nil {
			at := c.At.UTC()
			c.At = &at
		}
		c.Tolerance, c.Differences, c.History = orElse(c.Tolerance, "{}"), filled(c.Differences), make([]evidence.CheckRun, len(c.History))
		for j, run := range checks[i].History {
			run.At = run.At.UTC()
			c.History[j] = run
		}
		out[i] = c
	}
	return out
}

func orElse(raw json.RawMessage, absent string) json.RawMessage {
	if trimmed := bytes.TrimSpace(raw); len(trimmed) == 0 || string(trimmed) == "null" {
		return json.RawMessage(absent)
	}
	return raw
}

func tidyEvents(events []evidence.Event) []evidence.Event {
	out := make([]evidence.Event, len(events))
	for i, e := range events {
		e.Time = e.Time.UTC()
		if len(e.Evidence) == 0 { // what the store keeps stays as it is to the byte: the hash covers it
			e.Evidence = json.RawMessage("{}")
		}
		out[i] = e
	}
	return out
}

func viewMismatches(groups []evidence.Group, why []Explanation, samples []evidence.Sample) Mismatches {
	view := Mismatches{Groups: make([]Group, len(groups)), Mismatches: make([]Mismatch, len(samples))}
	for i, g := range groups {
		g.First, g.Last = g.First.UTC(), g.Last.UTC()
		view.Groups[i] = Group{Group: g, Verdict: g.Verdict, Differences: places(g.Differences), Explanation: tidyExplanation(why[i])}
	}
	for i, s := range samples {
		m := viewSample(s)
		m.Request.Headers, m.Old.Captured, m.New.Captured = nil, nil, nil
		view.Mismatches[i] = m
	}
	return view
}

func tidyExplanation(e Explanation) Explanation {
	e.Proposals = slices.Clone(filled(e.Proposals))
	for i := range e.Proposals {
		e.Proposals[i].Places = filled(e.Proposals[i].Places)
	}
	return e
}

func places(differences []compare.Difference) []Place {
	out := make([]Place, len(differences))
	for i, d := range differences {
		out[i] = Place{d.Location, d.Path, d.Kind}
	}
	return out
}

func viewSample(s evidence.Sample) Mismatch {
	return Mismatch{
		ID: s.ID, Time: s.Time.UTC(), Route: s.Route, Verdict: s.Verdict, Signature: s.Signature,
		Request:     Request{Method: s.Method, Path: s.Target, Headers: s.Header},
		Old:         viewLeg(s.Old),
		New:         viewLeg(s.New),
		Differences: filled(s.Differences),
	}
}

func viewLeg(l evidence.Leg) Leg {
	captured := &Captured{
		DurationSeconds: l.Duration.Round(time.Microsecond).Seconds(),
		Headers:         l.Header,
		Body:            string(l.Body),
		Encoding:        EncodingText,
		Note:            l.Note,
	}
	if captured.Headers == nil {
		captured.Headers = map[string][]string{}
	}
	if !utf8.Valid(l.Body) {
		captured.Body, captured.Encoding = base64.StdEncoding.EncodeToString(l.Body), EncodingBase64
	}
	return Leg{Status: l.Status, Error: l.Error, Captured: captured}
}
