package config

import "strings"

func journalSchema(j *Journal) object {
	return section(
		opt("directory", someString(&j.Directory)),
		opt("segment", sizeOf(&j.Segment, kib)),
		opt("sync", oneOf(&j.Sync, []string{SyncAlways, SyncInterval})),
		opt("body", sizeOf(&j.Body, 0)),
		opt("key", journalKey(&j.Key)),
		opt("mirror", oneOf(&j.Mirror, []string{MirrorOff, MirrorFollow})),
		opt("replay", section(opt("headers", section(
			opt("set", dict[Secret]{
				p: &j.Replay.Set, key: replayedHeader, item: func(s *Secret) codec { return headerValue(s) },
			}),
		)))),
	)
}

// replayedHeader is a header that replayed writes may be sent. Each has an Idempotency-Key of its own: with one for all of them the other
// side would carry out the first alone.
func replayedHeader(s string) (kept, problem string) {
	if kept, problem = settableHeader(s); strings.EqualFold(kept, "Idempotency-Key") && problem == "" {
		problem = "cannot be set; each replayed write has its own"
	}
	return kept, problem
}

// journalKey is empty, or long enough that trying out keys is hopeless.
func journalKey(p *Secret) scalar[Secret] {
	const least = 16
	s := secret(p, "must be a string of at least 16 characters, such as `openssl rand -base64 32` gives")
	s.parse = func(w word) (Secret, string, bool) {
		if w.value == redacted {
			return "", "is the placeholder of a printed configuration; put the secret in its place", false
		}
		return Secret(w.value), "", w.value == "" || len(w.value) >= least
	}
	return s
}

// journal reports a mirror that the fence would stop.
func (d *decoder) journal(c *Config) {
	f := c.Cutover.Fence
	if c.Journal.Mirror == MirrorFollow && f != nil && !f.Exempt && d.ok("journal.mirror", "cutover.fence") {
		d.contradict("journal.mirror", "follow needs cutover.fence.exempt: true: in live the mirror writes to old, which the fence keeps from everybody else; "+
			"say exempt once the credentials of backends.old may write in spite of it")
	}
}
