package compare

import (
	"bytes"
	"fmt"
)

// compareParts compares two decoded bodies whose bytes differ, unless a rule renames, by the format that they have in common. If they have none, that
// is the difference. It returns the reason if they cannot be compared.
func (c *Comparer) compareParts(old, new part, rec *recorder) Reason {
	oldFormat, newFormat := chooseFormats(&old, &new)
	path := ""
	if oldFormat.structured() || newFormat.structured() || looksJSON(old.body) || looksJSON(new.body) {
		path = "$"
	}
	same := bytes.Equal(old.body, new.body)
	switch {
	case same && (oldFormat != newFormat || !oldFormat.structured()):
		return ""
	case oldFormat != newFormat:
		c.differInBody(rec, KindType, path, describePart(&old, oldFormat), describePart(&new, newFormat))
		return ""
	case oldFormat.structured() && int64(max(len(old.body), len(new.body))) > c.maxDecoded:
		return TooLarge
	}
	o := oldFormat.comparison()(c, old, new, rec)
	switch {
	case o.tooComplex:
		return TooComplex
	case o.old == nil && o.new == nil, same && o.old != nil && o.new != nil:
		return ""
	case old.declared == "" && new.declared == "":
		// What was only guessed is no claim that a body could fail.
		c.differInBody(rec, KindValue, path, excerpt(old.body, new.body), excerpt(new.body, old.body))
		return ""
	}
	kind := KindType
	if o.old != nil && old.declared != "" || o.new != nil && new.declared != "" {
		kind = KindInvalid
	}
	c.differInBody(rec, kind, path, invalidText(old.body, oldFormat, o.old), invalidText(new.body, newFormat, o.new))
	return ""
}

// chooseFormats returns what the two bodies are taken for. Only what declares no type is guessed at: it is taken for what the
// other side declares, and where neither does for what it looks like.
func chooseFormats(old, new *part) (format, format) {
	switch {
	case old.declared != "" && new.declared != "":
		return formatOf(old.media), formatOf(new.media)
	case old.declared != "":
		f := formatOf(old.media)
		return f, f
	case new.declared != "":
		f := formatOf(new.media)
		return f, f
	}
	a, b := sniff(old.body), sniff(new.body)
	switch {
	case a == formatRecords && b == formatJSON || a == formatJSON && b == formatRecords:
		// One record alone looks like JSON.
		return formatRecords, formatRecords
	case !a.structured() && !b.structured():
		return min(a, b), min(a, b)
	}
	return a, b
}

// describePart shows a body whose type is another one than that of the body opposite.
func describePart(p *part, f format) string {
	if f == formatBinary {
		return fingerprint(p.body)
	}
	return excerpt(p.body, nil)
}

// invalidText shows a body, behind what keeps it from being what it claims to be.
func invalidText(body []byte, f format, err error) string {
	text := excerpt(body[:min(len(body), 2*maxShown)], nil)
	if err != nil {
		text = shorten(fmt.Sprintf("(not valid %s: %v) %s", f, err, text))
	}
	return text
}

// compareJSON compares two JSON texts.
func compareJSON(c *Comparer, old, new part, rec *recorder) outcome {
	return c.json.compare(old.body, new.body, rec)
}
