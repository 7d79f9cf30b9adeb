package compare

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
)

// value proposes a rule, still without its path, for a place in a JSON body; nil with the reason if none is honest.
func (s *suggester) value(p *spot) (*Rule, string) {
	steps := splitPath(p.path)
	last := steps[len(steps)-1]
	switch {
	case p.only(KindMissing, KindExtra) && isMember(last) && p.every(func(d Difference) bool { return d.Old == "null" || d.New == "null" }):
		return &Rule{AbsentEqualsNull: true}, "whether the member is null or not there at all" + shapeChanges
	case p.only(KindExtra) && isMember(last):
		return &Rule{Ignore: IgnoreAll}, "whatever new says there; old says nothing"
	case p.only(KindExtra):
		return nil, "new has more elements than old"
	case slices.Contains(p.kinds, KindMissing):
		return nil, "new does not say what old says here, and clients may need it"
	case !p.only(KindValue, KindType):
		return nil, "one side cannot be read"
	case !p.every(func(d Difference) bool { return shownWhole(d.Old) && shownWhole(d.New) }):
		return nil, "the values are too long or secret, so that nothing can be told from them"
	}
	name, _ := memberName(last)
	for _, propose := range []func(*spot, string) (*Rule, string){proposeCoerce, proposeTime, proposeNumber, proposeOpaque} {
		if r, reason := propose(p, name); reason != "" {
			return r, reason
		}
	}
	if p.only(KindType) {
		return nil, "the types differ, and clients would have to know both"
	}
	return nil, "the values say different things: a rule would hide a fault as well"
}

// shapeChanges ends the reason of rules after which clients see another shape.
const shapeChanges = "; clients see another shape, so the gate asks for the attestation clients-ready"

func (p *spot) every(holds func(Difference) bool) bool {
	return !slices.ContainsFunc(p.seen, func(d sight) bool { return !holds(d.Difference) })
}

// proposeCoerce is for numbers that one side writes as strings.
func proposeCoerce(p *spot, _ string) (*Rule, string) {
	r := Rule{CoerceNumber: true}
	if !p.every(func(d Difference) bool { return numeric(d.Old) && numeric(d.New) }) || !p.allows(r) {
		return nil, ""
	}
	return &r, "whether the number is written as a number or as a string" + shapeChanges
}

// numeric reports whether a value is a number, or a string that holds one.
func numeric(shown string) bool {
	text := []byte(shown)
	var inner string
	if json.Unmarshal(text, &inner) == nil && inner != "" {
		text = []byte(inner)
	}
	return len(text) > 0 && scanNumber(text, 0) == len(text)
}

// skews are what times are proposed to differ by. More is no matter of clocks or of the moment of a copy: a time zone, say.
var skews = []time.Duration{
	0, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second,
	30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
}

var timeName = regexp.MustCompile(`(?i)(time|date|stamp|_at|_ts|^ts|^exp|^iat|^nbf|expires|expiry)$|[a-z]At$`)

// proposeTime is for points in time a little apart. Two numbers are times only where the name says so.
func proposeTime(p *spot, name string) (*Rule, string) {
	isTime := func(shown string) bool {
		var text string
		if json.Unmarshal(asJSON(shown), &text) != nil {
			return false
		}
		_, ok := parseInstant([]byte(text))
		return ok
	}
	isUnix := func(shown string) bool { return len(shown) >= 10 && scanNumber([]byte(shown), 0) == len(shown) }
	if !p.every(func(d Difference) bool {
		a, b := isTime(d.Old), isTime(d.New)
		return a && b || a && isUnix(d.New) || b && isUnix(d.Old) || isUnix(d.Old) && isUnix(d.New) && timeName.MatchString(name)
	}) {
		return nil, ""
	}
	for _, skew := range skews {
		if r := (Rule{Time: &Time{Skew: skew}}); p.allows(r) {
			if skew == 0 {
				return &r, "how the time is written; it must be the same instant"
			}
			return &r, "up to " + durationText(skew) + " between the two times"
		}
	}
	return nil, "the times are more than " + durationText(skews[len(skews)-1]) + " apart: that is no matter of clocks"
}

// opaque are the shapes of texts that mean nothing but themselves.
var opaque = []*regexp.Regexp{
	regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`), // UUID
	regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`),                                                 // ULID
	regexp.MustCompile(`^(W/)?"[!-~]*"$`),                                                               // entity tag
}

var (
	token     = regexp.MustCompile(`^[A-Za-z0-9_+/=.:-]{4,512}$`)
	tokenName = regexp.MustCompile(`(?i)(request|trace|span|correlation|transaction|session|operation|event|message|job)_?-?id$|etag|nonce|token|cursor|csrf|checksum|digest|signature|uuid|guid`)
)

// proposeOpaque is for identifiers and the like, which either side makes up.
func proposeOpaque(p *spot, name string) (*Rule, string) {
	isOpaque := func(shown string) (shape int) {
		var text string
		if json.Unmarshal(asJSON(shown), &text) != nil {
			return -1
		}
		shape = slices.IndexFunc(opaque, func(r *regexp.Regexp) bool { return r.MatchString(text) })
		switch {
		case shape >= 0:
		case isHash(text):
			shape = len(opaque)
		case tokenName.MatchString(name) && token.MatchString(text) && strings.ContainsAny(text, "0123456789"):
			shape = len(opaque) + 1
		}
		return shape
	}
	if !p.only(KindValue) || !p.every(func(d Difference) bool { return isOpaque(d.Old) >= 0 && isOpaque(d.Old) == isOpaque(d.New) }) {
		return nil, ""
	}
	return &Rule{Ignore: IgnoreValue}, "any other value of the same type: see that clients send this to neither backend as a key"
}

// isHash reports whether a text is the hexadecimal form of some bytes, and no number or word.
func isHash(text string) bool {
	digits, letters := 0, 0
	for _, c := range strings.ToLower(text) {
		switch {
		case '0' <= c && c <= '9':
			digits++
		case 'a' <= c && c <= 'f':
			letters++
		default:
			return false
		}
	}
	return len(text) >= 8 && digits > 0 && letters > 0
}
