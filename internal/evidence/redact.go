package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"paritygate/compare"
)

// redaction takes the secrets out of samples.
type redaction struct {
	redactor Redactor
	headers  []string // further secret ones, in lower case
	maxBody  int
}

func newRedaction(o *Options) redaction {
	headers := make([]string, len(o.RedactHeaders))
	for i, h := range o.RedactHeaders {
		headers[i] = strings.ToLower(h)
	}
	return redaction{redactor: o.Redactor, headers: headers, maxBody: o.SampleBody}
}

// sample hides in place what must not be stored, and shortens the bodies.
func (r *redaction) sample(s *Sample) {
	s.Target = hidePairs(s.Target)
	s.Header = r.header(s.Header)
	old, new := s.Old.answer(), s.New.answer()
	r.leg(&s.Old)
	r.leg(&s.New)
	differences := make([]compare.Difference, len(s.Differences))
	for i, d := range s.Differences {
		differences[i] = r.difference(d, old, new)
	}
	s.Differences = differences
}

func (r *redaction) header(h map[string][]string) map[string][]string {
	out := make(map[string][]string, len(h))
	for name, values := range h {
		shown := make([]string, len(values))
		for i, v := range values {
			if isSecretHeader(name, r.headers) {
				shown[i] = hidden
			} else {
				shown[i] = hidePairs(v)
			}
		}
		out[name] = shown
	}
	return out
}

func (r *redaction) leg(l *Leg) {
	r.body(l) // by the headers as they were
	l.Header = r.header(l.Header)
	l.Error = hidePairs(l.Error)
}

// answer is the leg as it is compared.
func (l *Leg) answer() *compare.Answer {
	return &compare.Answer{Status: l.Status, Header: l.Header, Body: l.Body, Size: int64(len(l.Body))}
}

// body decodes, redacts and shortens a leg's body, and notes what is not as it was on the wire.
func (r *redaction) body(l *Leg) {
	if len(l.Body) == 0 {
		return
	}
	encoding := contentEncoding(l.Header)
	body := r.redactor.Body(l.answer(), isSecretName)
	if encoding != "" {
		if bytes.Equal(body, l.Body) {
			l.Note = fmt.Sprintf("withheld: %d bytes of Content-Encoding %s, which cannot be searched for secrets", len(l.Body), encoding)
			l.Body = nil
			return
		}
		l.Note = "decoded from " + encoding
	}
	if len(body) > r.maxBody {
		l.Note = strings.TrimPrefix(fmt.Sprintf("%s; shortened from %d bytes", l.Note, len(body)), "; ")
		body = body[:r.maxBody]
	}
	shown := hideInValue(string(body))
	l.Body = []byte(shown[:min(len(shown), r.maxBody)])
}

// contentEncoding returns the body's encodings, "" if there are none.
func contentEncoding(h map[string][]string) string {
	var codings []string
	for name, values := range h {
		if !strings.EqualFold(name, "Content-Encoding") {
			continue
		}
		for _, c := range strings.Split(strings.Join(values, ","), ",") {
			if c = strings.ToLower(strings.TrimSpace(c)); c != "" && c != "identity" {
				codings = append(codings, c)
			}
		}
	}
	return strings.Join(codings, ", ")
}

func startsLikeJSON(body []byte) bool {
	i := skipSpace(body, 0)
	return i < len(body) && (body[i] == '{' || body[i] == '[' || body[i] == '"')
}

func (r *redaction) difference(d compare.Difference, old, new *compare.Answer) compare.Difference {
	switch {
	case d.Location == compare.InHeader && isSecretHeader(d.Path, r.headers), d.Location == compare.InBody && isSecretPath(d.Path):
		d.Old, d.New = hideValue(d.Old), hideValue(d.New)
		return d
	case d.Location == compare.InBody:
		d = r.redactor.InAnswers(d, old, new, isSecretName)
	}
	d.Old, d.New = hideInValue(d.Old), hideInValue(d.New)
	return d
}

// hideValue keeps whether there is a value.
func hideValue(v string) string {
	if v == "" {
		return ""
	}
	return hidden
}

func hideInValue(v string) string {
	if startsLikeJSON([]byte(v)) {
		v = string(hideMembers([]byte(v)))
	}
	return hidePairs(v)
}

// isSecretPath reports whether a step of a difference's path has the name of a secret.
func isSecretPath(path string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(path, func(c rune) bool { return strings.ContainsRune(`$.[]'"`, c) }), isSecretName)
}

// memberName reads a member's name as it stands in JSON text, with its quotes.
func memberName(quoted []byte) string {
	var name string
	if err := json.Unmarshal(quoted, &name); err != nil {
		return string(bytes.Trim(quoted, `"`))
	}
	return name
}

func unescapeName(name string) string {
	if plain, err := url.QueryUnescape(name); err == nil {
		return plain
	}
	return name
}
