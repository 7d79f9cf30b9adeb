package compare

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

// compareBodies compares two bodies, and returns the reason if that cannot be done.
func (c *Comparer) compareBodies(old, new *Answer, rec *recorder) Reason {
	oldEncoding, newEncoding := old.encoding(), new.encoding()
	if old.Size == 0 && new.Size == 0 || oldEncoding == newEncoding && sameBytes(old, new) && !c.looksInside(old, new) {
		return ""
	}
	reason := c.compareContent(old, new, rec)
	if reason != "" && c.root != none && c.rules.rules[c.root].ignore == IgnoreAll {
		rec.forgive(c.root, len(c.rules.rules))
		return ""
	}
	return reason
}

// looksInside reports whether two bodies may differ although they are equal: because a rule renames, or because the headers say
// that they are read in different ways.
func (c *Comparer) looksInside(old, new *Answer) bool {
	if !c.rules.renames && !readApart(old, new) {
		return false
	}
	oldFormat, newFormat := formatsOf(old, new)
	return oldFormat == newFormat && oldFormat.structured()
}

// readApart reports whether equal bodies hold different things, since their headers name another boundary between parts or another
// encoding of messages.
func readApart(old, new *Answer) bool {
	return otherBoundary(old.contentType(), new.contentType()) ||
		isCall(old, new) && !slices.Equal(old.field("Grpc-Encoding"), new.field("Grpc-Encoding"))
}

// formatsOf returns the formats of two bodies by what is known before they are decoded.
func formatsOf(old, new *Answer) (format, format) {
	a, b := old.part(old.Body), new.part(new.Body)
	return chooseFormats(&a, &b)
}

// sameBytes reports whether two bodies are equal as they came, captured in full or not.
func sameBytes(old, new *Answer) bool {
	if old.Whole() && new.Whole() {
		return bytes.Equal(old.Body, new.Body)
	}
	return old.Whole() == new.Whole() && old.Size == new.Size && old.Digest == new.Digest
}

// compareContent compares two bodies that are not equal as they came.
func (c *Comparer) compareContent(old, new *Answer, rec *recorder) Reason {
	if !old.Whole() || !new.Whole() {
		return c.compareLarge(old, new, rec)
	}
	o := newOpener(old, new)
	defer o.close()
	oldBody, oldErr := o.open(old, c.maxDecoded)
	defer oldBody.release()
	newBody, newErr := o.open(new, c.maxDecoded)
	defer newBody.release()
	path := ""
	if old.format().structured() || new.format().structured() || looksJSON(oldBody.body) || looksJSON(newBody.body) {
		path = "$"
	}
	differ := func(kind Kind, old, new string) { c.differInBody(rec, kind, path, old, new) }
	noOld, noNew := oldErr == nil && len(oldBody.body) == 0, newErr == nil && len(newBody.body) == 0
	switch {
	case noOld && noNew:
	case noNew:
		differ(KindMissing, old.show(oldBody.body, oldErr), "")
	case noOld:
		differ(KindExtra, "", new.show(newBody.body, newErr))
	case damaged(oldErr) && old.encoding() == new.encoding() && sameBytes(old, new): // a rule would look inside, and cannot
	case damaged(oldErr) || damaged(newErr):
		differ(KindInvalid, orError(old.describe(), oldErr), orError(new.describe(), newErr))
	case errors.Is(oldErr, errTooLarge) || errors.Is(newErr, errTooLarge):
		return TooLarge
	case oldErr != nil || newErr != nil:
		return TooComplex
	case bytes.Equal(oldBody.body, newBody.body) && !c.rules.renames && !readApart(old, new):
	default:
		return c.compareParts(old.part(oldBody.body), new.part(newBody.body), rec)
	}
	return ""
}

// format returns the format of the answer's declared type.
func (a *Answer) format() format { return formatOf(mediaType(a.contentType())) }

// part returns the answer's body, decoded, as a part.
func (a *Answer) part(body []byte) part {
	declared := a.contentType()
	return part{body: body, declared: declared, media: mediaType(declared), answer: a}
}

// show shows the answer's body, decoded if that could be done.
func (a *Answer) show(body []byte, err error) string {
	switch {
	case err != nil:
		return a.describe()
	case utf8.Valid(body):
		return shorten(body)
	}
	return fingerprint(body)
}

// describe shows a body that is not looked into.
func (a *Answer) describe() string {
	switch {
	case !a.Whole():
		return fmt.Sprintf("(%d bytes, xxh3 %x)", a.Size, a.Digest)
	case a.encoding() == identity && utf8.Valid(a.Body):
		return shorten(a.Body)
	}
	return fmt.Sprintf("(%d bytes, xxh3 %x)", a.Size, xxh3.Hash128(a.Body).Bytes())
}

func orError(text string, err error) string {
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return text
}

// differInBody records a difference of the bodies as a whole, unless the rule for their place allows it.
func (c *Comparer) differInBody(rec *recorder, kind Kind, path, old, new string) {
	if rule := c.suppressor(rec.origin); rule != none {
		mode := c.rules.rules[rule].ignore
		if mode == IgnoreAll || mode == IgnoreValue && kind == KindValue {
			rec.forgive(rule, len(c.rules.rules))
			return
		}
	}
	rec.add(Difference{Location: InBody, Path: path, Kind: kind, Old: old, New: new})
}

// suppressor returns the rule that suppresses at a body's place, or none.
func (c *Comparer) suppressor(o *origin) int {
	if o == nil {
		return c.root
	}
	var at cursor
	at.start(c.rules.paths)
	o.enter(&at)
	return c.rules.decide(&at)[familySuppress]
}
