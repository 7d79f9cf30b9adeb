package evidence

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"paritygate/compare"
)

type groupKey struct{ route, signature string }

// group is what is known of one signature in one window.
type group struct {
	changed     change
	verdict     compare.Verdict
	count       int64
	first, last time.Time
	example     string
	differences []compare.Difference // without values
	early       int                  // how many of the first samples are kept
	latest      []string             // the ids of the latest ones, the oldest first
}

// rawSample is a mismatch as it was seen: not redacted yet, so it must not leave the memory.
type rawSample struct {
	Sample
	window int64
	early  bool
	// redacted says that a flush has hidden the secrets; only flushes touch the sample once it is kept.
	redacted bool
	size     int
}

// sampleBuffer is the samples that no flush has written yet.
type sampleBuffer struct {
	fresh  map[string]*rawSample
	bytes  int
	doomed []string // written ones that newer ones have displaced
	serial uint16
}

// copySample copies an exchange that is to be shown to people, nil for all others.
func copySample(x *Exchange) *rawSample {
	if x.Verdict != compare.Mismatch && x.Verdict != compare.Failed {
		return nil
	}
	raw := &rawSample{Sample: Sample{
		Time: x.Time.UTC(), Route: x.Route, Verdict: x.Verdict, Method: x.Method, Target: x.Target,
		Header: copyHeader(x.Header), Old: copyLeg(&x.Old), New: copyLeg(&x.New),
		Differences: slices.Clone(x.Differences),
	}}
	if x.Verdict == compare.Failed && len(x.Differences) == 0 {
		raw.Differences = []compare.Difference{{Location: compare.InStatus, Kind: failureKind(x.shadow())}}
	}
	raw.Signature = compare.Signature(x.Route, raw.Differences)
	raw.size = len(raw.Target) + len(raw.Old.Body) + len(raw.New.Body)
	for _, h := range []map[string][]string{raw.Header, raw.Old.Header, raw.New.Header} {
		for name, values := range h {
			raw.size += len(name) + len(strings.Join(values, ""))
		}
	}
	return raw
}

func copyHeader(h map[string][]string) map[string][]string {
	c := maps.Clone(h)
	for name, values := range c {
		c[name] = slices.Clone(values)
	}
	return c
}

func copyLeg(l *Leg) Leg {
	c := *l
	c.Header = copyHeader(l.Header)
	if len(l.Body) > maxSampleSource {
		c.Body, c.Note = nil, fmt.Sprintf("withheld: %d bytes are more than are searched for secrets", len(l.Body))
		return c
	}
	c.Body = bytes.Clone(l.Body)
	return c
}

// failureClasses tells a failure by a word in its error; the first that is there decides.
var failureClasses = []struct{ word, kind string }{
	{"refused", "connection refused"},
	{"reset", "connection reset"},
	{"broken pipe", "connection reset"},
	{"deadline", "timeout"},
	{"timeout", "timeout"},
	{"timed out", "timeout"},
	{"no such host", "name not found"},
	{"unreachable", "unreachable"},
	{"no route to host", "unreachable"},
	{"tls", "tls"},
	{"x509", "tls"},
	{"certificate", "tls"},
	{"eof", "cut off"},
	{"closed", "cut off"},
	{"malformed", "malformed"},
	{"invalid", "malformed"},
	{"too large", "too large"},
	{"cancel", "canceled"},
}

// failureKind names the class of a failure, which is stable where the error's text is not.
func failureKind(l *Leg) compare.Kind {
	text := strings.ToLower(l.Error)
	for _, class := range failureClasses {
		if strings.Contains(text, class.word) {
			return compare.Kind("error: " + class.kind)
		}
	}
	if text == "" && l.Status >= 500 {
		return "error: 5xx"
	}
	return "error: other"
}

// addSample counts a mismatch in its group and keeps it, if it is one of the first or as long as it is one of the latest.
func (l *ledger) addSample(w *window, raw *rawSample) {
	key := groupKey{raw.Route, raw.Signature}
	g := w.groups[key]
	if g == nil {
		if len(w.groups) >= l.options.MaxSignatures {
			w.ungrouped++
			w.changed.mark()
			return
		}
		g = &group{verdict: raw.Verdict, first: raw.Time, differences: withoutValues(raw.Differences)}
		w.groups[key] = g
	}
	g.count++
	g.changed.mark()
	if raw.Time.Before(g.first) {
		g.first = raw.Time
	}
	if raw.Time.After(g.last) {
		g.last = raw.Time
	}
	l.keep(w, g, raw)
}

func (l *ledger) keep(w *window, g *group, raw *rawSample) {
	b := &l.samples
	if b.bytes+raw.size > maxPendingBytes {
		for _, leg := range []*Leg{&raw.Old, &raw.New} {
			raw.size -= len(leg.Body)
			leg.Body, leg.Note = nil, "withheld: too many mismatches at once"
		}
		if b.bytes+raw.size > maxPendingBytes {
			return // it is counted
		}
	}
	b.serial++
	raw.ID = fmt.Sprintf("%x-%04x", raw.Time.UnixMicro(), b.serial)
	raw.window = w.id
	half := l.options.MaxSamplesPerSignature / 2
	if raw.early = g.early < l.options.MaxSamplesPerSignature-half; raw.early {
		g.early++
	} else {
		if half == 0 {
			return
		}
		g.latest = append(g.latest, raw.ID)
		for len(g.latest) > half {
			b.drop(g.latest[0])
			g.latest = g.latest[1:]
		}
	}
	if g.example == "" {
		g.example = raw.ID
	}
	b.fresh[raw.ID] = raw
	b.bytes += raw.size
}

// drop forgets a sample, wherever it is.
func (b *sampleBuffer) drop(id string) {
	if raw, ok := b.fresh[id]; ok {
		delete(b.fresh, id)
		b.bytes -= raw.size
		return
	}
	b.doomed = append(b.doomed, id)
}

func withoutValues(differences []compare.Difference) []compare.Difference {
	out := slices.Clone(differences)
	for i := range out {
		out[i].Old, out[i].New = "", ""
	}
	return out
}
