package compare

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

// compareBodies compares two bodies, and returns the reason if that cannot be done.
func (c *Comparer) compareBodies(old, new *Answer, rec *recorder) Reason {
	oldEncoding, newEncoding := old.encoding(), new.encoding()
	if old.Size == 0 && new.Size == 0 || oldEncoding == newEncoding && sameBytes(old, new) {
		return ""
	}
	reason := c.compareContent(old, new, oldEncoding, newEncoding, rec)
	if reason != "" && c.root != none && c.rules.rules[c.root].ignore == IgnoreAll {
		rec.forgive(c.root, len(c.rules.rules))
		return ""
	}
	return reason
}

// sameBytes reports whether two bodies are equal as they came, captured in full or not.
func sameBytes(old, new *Answer) bool {
	if old.Whole() && new.Whole() {
		return bytes.Equal(old.Body, new.Body)
	}
	return old.Whole() == new.Whole() && old.Size == new.Size && old.Digest == new.Digest
}

// compareContent compares two bodies that are not equal as they came.
func (c *Comparer) compareContent(old, new *Answer, oldEncoding, newEncoding encoding, rec *recorder) Reason {
	json := old.claimsJSON() || new.claimsJSON()
	path := ""
	if json || looksJSON(old.Body) || looksJSON(new.Body) {
		path = "$"
	}
	differ := func(kind Kind, old, new string) { c.differInBody(rec, kind, path, old, new) }
	switch {
	case new.Size == 0:
		differ(KindMissing, old.describe(), "")
		return ""
	case old.Size == 0:
		differ(KindExtra, "", new.describe())
		return ""
	case !old.Whole() || !new.Whole():
		if json || oldEncoding != identity || newEncoding != identity {
			return TooLarge
		}
		differ(KindValue, old.describe(), new.describe())
		return ""
	}
	oldBody, oldErr := decode(old.Body, oldEncoding, c.maxDecoded)
	defer oldBody.release()
	newBody, newErr := decode(new.Body, newEncoding, c.maxDecoded)
	defer newBody.release()
	switch {
	case errors.Is(oldErr, errTooLarge) || errors.Is(newErr, errTooLarge):
		return TooLarge
	case errors.Is(oldErr, errNoDecoder) || errors.Is(newErr, errNoDecoder):
		return TooComplex
	case oldErr != nil || newErr != nil:
		differ(KindInvalid, orError(old.describe(), oldErr), orError(new.describe(), newErr))
	case bytes.Equal(oldBody.body, newBody.body):
	case json && int64(max(len(oldBody.body), len(newBody.body))) > c.maxDecoded:
		return TooLarge
	case json:
		return c.compareJSON(old.claimsJSON(), new.claimsJSON(), oldBody.body, newBody.body, rec)
	default:
		if path == "" && (looksJSON(oldBody.body) || looksJSON(newBody.body)) {
			path = "$"
		}
		differ(KindValue, excerpt(oldBody.body, newBody.body), excerpt(newBody.body, oldBody.body))
	}
	return ""
}

// compareJSON compares two bodies of which one at least claims to be JSON. If the other one does not, and is none, they are
// of different types; what claims to be JSON and is none is invalid.
func (c *Comparer) compareJSON(oldClaims, newClaims bool, old, new []byte, rec *recorder) Reason {
	o := c.json.compare(old, new, rec)
	switch {
	case o.tooComplex:
		return TooComplex
	case o.old == nil && o.new == nil:
		return ""
	}
	kind := KindType
	if o.old != nil && oldClaims || o.new != nil && newClaims {
		kind = KindInvalid
	}
	c.differInBody(rec, kind, "$", jsonText(old, o.old), jsonText(new, o.new))
	return ""
}

// differInBody records a difference of the bodies as a whole, unless the rule for `$` allows it.
func (c *Comparer) differInBody(rec *recorder, kind Kind, path, old, new string) {
	if c.root != none {
		mode := c.rules.rules[c.root].ignore
		if mode == IgnoreAll || mode == IgnoreValue && kind == KindValue {
			rec.forgive(c.root, len(c.rules.rules))
			return
		}
	}
	rec.add(Difference{Location: InBody, Path: path, Kind: kind, Old: old, New: new})
}

// looksJSON reports whether a body begins like a JSON object or array. Differences in such a body are placed at `$`, whatever its
// type is said to be, so that redaction looks into them.
func looksJSON(body []byte) bool {
	body = bytes.TrimLeft(body, "\ufeff \t\r\n")
	return len(body) > 0 && (body[0] == '{' || body[0] == '[')
}

// describe shows a body that is not looked into.
func (a *Answer) describe() string {
	if a.Whole() && a.encoding() == identity && utf8.Valid(a.Body) {
		return shorten(a.Body)
	}
	digest := a.Digest
	if a.Whole() {
		digest = xxh3.Hash128(a.Body).Bytes()
	}
	return fmt.Sprintf("(%d bytes, xxh3 %x)", a.Size, digest)
}

func orError(text string, err error) string {
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return text
}

// jsonText shows a body, behind what keeps it from being JSON.
func jsonText(body []byte, err error) string {
	text := string(bytes.ToValidUTF8(body[:min(len(body), 2*maxShown)], []byte("\ufffd")))
	if err != nil {
		text = fmt.Sprintf("(not valid JSON: %v) %s", err, text)
	}
	return shorten(text)
}

// excerpt shows a body from a little before the first byte in which it differs from another one.
func excerpt(body, other []byte) string {
	if !utf8.Valid(body) {
		return fmt.Sprintf("(%d bytes, xxh3 %x)", len(body), xxh3.Hash128(body).Bytes())
	}
	const before = 64
	at := 0
	for at < min(len(body), len(other)) && body[at] == other[at] {
		at++
	}
	if at -= before; at <= 0 {
		return shorten(body)
	}
	for at < len(body) && !utf8.RuneStart(body[at]) {
		at++
	}
	return shorten("…" + string(body[at:min(len(body), at+2*maxShown)]))
}
