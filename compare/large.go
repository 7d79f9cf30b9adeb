package compare

// compareLarge compares two bodies of which one at least was not captured in full, and which differ in size or hash. That is a
// difference of what they say only if their format is compared byte by byte; otherwise they may mean the same.
func (c *Comparer) compareLarge(old, new *Answer, rec *recorder) Reason {
	a, b := old.part(old.Body), new.part(new.Body)
	oldFormat, newFormat := chooseFormats(&a, &b)
	structured := oldFormat.structured() || newFormat.structured()
	path := ""
	if structured || looksJSON(old.Body) || looksJSON(new.Body) {
		path = "$"
	}
	kind := KindValue
	switch {
	case new.Size == 0:
		c.differInBody(rec, KindMissing, path, old.describe(), "")
		return ""
	case old.Size == 0:
		c.differInBody(rec, KindExtra, path, "", new.describe())
		return ""
	case oldFormat != newFormat && a.declared != "" && b.declared != "":
		kind = KindType
	case structured || old.encoding() != identity || new.encoding() != identity:
		return TooLarge
	}
	c.differInBody(rec, kind, path, old.describe(), new.describe())
	return ""
}
