package admin

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"paritygate/compare"
)

// query reads the parameters of a URL strictly: each at most once, and none that the call does not know.
type query struct {
	values url.Values
	err    error
}

func readQuery(u *url.URL, known ...string) *query {
	values, err := url.ParseQuery(u.RawQuery)
	q := &query{values: values}
	if err != nil {
		q.err = Errorf(CodeBadRequest, "the query cannot be read: %s", err)
		return q
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case !slices.Contains(known, name) && len(known) == 0:
			q.refuse("this call takes no parameters, so not %q", name)
		case !slices.Contains(known, name):
			q.refuse("unknown parameter %q; this call takes %s", name, strings.Join(known, ", "))
		case len(values[name]) > 1:
			q.refuse("the parameter %s is there twice", name)
		}
	}
	return q
}

// refuse keeps the first complaint.
func (q *query) refuse(format string, args ...any) {
	if q.err == nil {
		q.err = Errorf(CodeBadRequest, format, args...)
	}
}

func (q *query) text(name string) string { return q.values.Get(name) }

func (q *query) boolean(name string) bool {
	switch q.values.Get(name) {
	case "", "false":
		return false
	case "true":
		return true
	}
	q.refuse("%s: must be true or false, not %q", name, shorten(q.values.Get(name)))
	return false
}

func (q *query) number(name string, absent, least, most int64) int64 {
	if !q.values.Has(name) {
		return absent
	}
	n, err := strconv.ParseInt(q.values.Get(name), 10, 64)
	if err != nil || n < least || n > most {
		q.refuse("%s: must be a whole number from %d to %d, not %q", name, least, most, shorten(q.values.Get(name)))
		return absent
	}
	return n
}

func (q *query) limit() int { return int(q.number("limit", DefaultLimit, 1, MaxLimit)) }

func (q *query) verdict() compare.Verdict {
	v := compare.Verdict(q.values.Get("verdict"))
	if v != "" && !slices.Contains(compare.Verdicts, v) {
		q.refuse("verdict: %q is none of mismatch, failed, lagged, tolerated, match, skipped", shorten(string(v)))
	}
	return v
}

func (q *query) mismatches() MismatchQuery {
	return MismatchQuery{
		Route:     q.text("route"),
		Signature: q.text("signature"),
		Verdict:   q.verdict(),
		Limit:     q.limit(),
	}
}
