package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

// EventDetail is one line of the audit log with what it rested on.
type EventDetail struct {
	evidence.Event
	// Gate is the gate as it stood; nil where none was kept.
	Gate *cutover.Report
	// Steps are those of the flip or rollback that the event ended.
	Steps []cutover.Step
	// Diff is what was edited in the configuration, as a unified diff.
	Diff string
	// Facts is all else, such as what a trigger had measured, in the order of the names.
	Facts []Fact
}

// Fact is one figure of an event's evidence. Name is its path, such as `trigger.observed`.
type Fact struct{ Name, Value string }

// maxFacts bounds what is shown of evidence that somebody else's program wrote.
const maxFacts = 200

// DetailOf reads an event's evidence. What it does not know is a fact.
func DetailOf(e evidence.Event) EventDetail {
	d := EventDetail{Event: e}
	var members map[string]json.RawMessage
	if json.Unmarshal(e.Evidence, &members) != nil {
		return d.withFacts("", e.Evidence)
	}
	if d.Gate = reportIn(e.Evidence); d.Gate != nil {
		return d // the whole of it is the gate
	}
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		raw := members[name]
		switch name {
		case "gate":
			d.Gate = reportIn(raw)
		case "steps":
			if json.Unmarshal(raw, &d.Steps) != nil {
				d.Steps = nil
			}
		case "diff":
			_ = json.Unmarshal(raw, &d.Diff) // one that is no text is a fact
		}
		known := name == "gate" && d.Gate != nil || name == "steps" && d.Steps != nil || name == "diff" && d.Diff != ""
		if !known {
			d = d.withFacts(name, raw)
		}
	}
	return d
}

// reportIn is the report of a gate, or nil if it is none.
func reportIn(raw json.RawMessage) *cutover.Report {
	var r cutover.Report
	if json.Unmarshal(raw, &r) != nil || r.Verdict == "" || r.Criteria == nil {
		return nil
	}
	return &r
}

// withFacts adds the scalars in a value, each under its path. What is empty says nothing.
func (d EventDetail) withFacts(path string, raw json.RawMessage) EventDetail {
	if len(d.Facts) >= maxFacts {
		return d
	}
	var members map[string]json.RawMessage
	var elements []json.RawMessage
	switch {
	case json.Unmarshal(raw, &members) == nil:
		names := make([]string, 0, len(members))
		for name := range members {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			d = d.withFacts(strings.TrimPrefix(path+"."+name, "."), members[name])
		}
	case json.Unmarshal(raw, &elements) == nil:
		for i, element := range elements {
			d = d.withFacts(fmt.Sprintf("%s[%d]", path, i), element)
		}
	default:
		if text := scalar(raw); text != "" {
			d.Facts = append(d.Facts, Fact{path, text})
		}
	}
	return d
}

// scalar writes a JSON scalar as people read it; null and the empty text are nothing.
func scalar(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}
