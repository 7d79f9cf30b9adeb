package main

import (
	"fmt"
	"strings"
	"time"

	"paritygate/internal/admin"
)

// journalText is the journal in one line: what old lacks, and whether it takes writes. It is empty where nothing was recorded yet and nothing is wrong.
func journalText(s admin.Status) string {
	j := s.Journal
	var parts []string
	if j.Unavailable != "" {
		parts = append(parts, "NOT available: "+j.Unavailable)
	}
	for _, side := range []struct {
		name, from string
		b          admin.Backlog
	}{{"old", "new", j.ToOld}, {"new", "old", j.ToNew}} {
		if n := side.b.Acknowledged; n > 0 {
			parts = append(parts, fmt.Sprintf("%s to carry to %s", writes(n), side.name))
		}
		if n := side.b.Renamed; n > 0 {
			parts = append(parts, fmt.Sprintf("%s made under other names at %s", writes(n), side.name))
		}
		if n := side.b.Unknown; n > 0 {
			parts = append(parts, fmt.Sprintf("%s unknown (`journal list --unknown`)", writes(n)))
		}
		if n := side.b.Gaps; n > 0 {
			parts = append(parts, fmt.Sprintf("%s to %s are in no record", writes(n), side.from))
		}
	}
	if text := mirrorText(j.Mirror); text != "" {
		parts = append(parts, text)
	}
	if j.Bypassed > 0 {
		parts = append(parts, writes(j.Bypassed)+" past the journal")
	}
	if j.Records == 0 && len(parts) == 0 {
		return ""
	}
	if j.FreeBytes != nil {
		parts = append(parts, fmt.Sprintf("%s in %s, %s free", records(j.Records), segments(j.Segments), bytesText(*j.FreeBytes)))
	}
	return strings.Join(parts, "; ")
}

// mirrorText says how the mirror does; empty if there is none, or it rests.
func mirrorText(m admin.JournalMirror) string {
	switch {
	case m.Stopped != "":
		return "the mirror is STOPPED: " + m.Stopped
	case m.Direction == "":
		return ""
	case m.LagRecords == 0:
		return "the mirror (" + m.Direction + ") is level"
	}
	text := fmt.Sprintf("the mirror (%s) is behind by %s", m.Direction, rounded(time.Duration(m.LagSeconds*float64(time.Second))))
	if m.Waiting != "" {
		text += ": " + m.Waiting
	}
	return text
}

func records(n uint64) string {
	if n == 1 {
		return "1 record"
	}
	return fmt.Sprintf("%d records", n)
}

func segments(n int) string {
	if n == 1 {
		return "1 segment"
	}
	return fmt.Sprintf("%d segments", n)
}
