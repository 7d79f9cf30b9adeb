package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"regexp"
	"regexp/syntax"
	"strings"

	"paritygate/compare"
)

// JSONMatch asks for a body that is JSON and has at Path a string, a number or a boolean in which Pattern is found.
type JSONMatch struct {
	// Path is a JSONPath as compare.ParsePath reads it that names one place.
	Path string
	// Pattern is a regular expression (RE2).
	Pattern string
}

// Check says what is wrong with the path and what with the pattern; either is nil.
func (m JSONMatch) Check() (path, pattern error) {
	_, path = compare.ParseSteps(m.Path)
	_, err := regexp.Compile(m.Pattern)
	if bad, ok := errors.AsType[*syntax.Error](err); ok {
		pattern = fmt.Errorf("pattern %q, offset %d: %s", m.Pattern, max(0, strings.Index(m.Pattern, bad.Expr)), bad.Code)
	}
	return path, pattern
}

// jsonMatch is a JSONMatch compiled.
type jsonMatch struct {
	steps   []compare.Step
	pattern *regexp.Regexp
}

func (m *JSONMatch) compile() (*jsonMatch, error) {
	if m == nil {
		return nil, nil
	}
	if path, pattern := m.Check(); path != nil || pattern != nil {
		return nil, errors.Join(path, pattern)
	}
	steps, _ := compare.ParseSteps(m.Path)
	return &jsonMatch{steps, regexp.MustCompile(m.Pattern)}, nil
}

// finding is what is found where a route looks into a body.
type finding uint8

const (
	miss     finding = iota
	hit              // every backend reads the body so
	doubtful         // it is not all there, or some backend may read it in another way
)

// sight is what the routes may see of a request's body. Nothing is read of it before a route asks.
type sight struct {
	p      *Proxy
	in     *inbound
	body   *requestBody // nil: none
	limit  int64
	looked bool
	text   []byte // valid JSON; nil if it is not known to be that
	err    error  // the client's body broke off
	doubt  bool   // a route that is no read might have matched
}

// matches reports whether the body is one that the route asks for. Nobody can see without a sight.
func (s *sight) matches(m *jsonMatch) finding {
	switch {
	case s == nil:
		return doubtful
	case s.body == nil:
		return miss
	}
	if !s.looked {
		s.looked = true
		s.look()
	}
	if s.text == nil {
		return doubtful
	}
	value, found := lookUp(s.text, m.steps)
	if found == hit && !m.pattern.MatchString(value) {
		return miss
	}
	return found
}

// doubts reports whether a route that is no read might have matched.
func (s *sight) doubts() bool { return s != nil && s.doubt }

// look reads the body ahead, as far as other bodies are read that must be looked through.
func (s *sight) look() {
	if s.in.grpc || !plainText(s.in.header) {
		return
	}
	if err := s.body.prefetch(&s.p.memory, s.limit); err != nil {
		s.err = errors.Join(errClientGone, err)
		return
	}
	if text, whole := s.body.whole(); whole && json.Valid(text) {
		s.text = text
	}
}

// plainText reports whether a body is UTF-8, as far as its header says: in another charset the same bytes may be other JSON.
func plainText(header map[string][]string) bool {
	for _, v := range header["Content-Encoding"] {
		if !strings.EqualFold(strings.TrimSpace(v), "identity") {
			return false
		}
	}
	for _, v := range header["Content-Type"] {
		if strings.TrimSpace(v) == "" {
			continue
		}
		_, parameters, err := mime.ParseMediaType(v)
		switch charset := strings.ToLower(parameters["charset"]); {
		case err != nil:
			return false
		case charset != "" && charset != "utf-8" && charset != "utf8" && charset != "us-ascii" && charset != "iso-8859-1":
			return false
		}
	}
	return true
}

// lookUp returns the value at a place of valid JSON: a string unescaped, a number or a boolean as it is written. It is unclear which
// one that is where a name on the way is there twice, since backends differ in which they take, or in another case, which some of
// them do not mind.
func lookUp(text []byte, steps []compare.Step) (string, finding) {
	at := skipBlank(text, 0)
	for _, step := range steps {
		var found finding
		if step.Index >= 0 {
			at, found = element(text, at, step.Index)
		} else {
			at, found = member(text, at, step.Name)
		}
		if found != hit {
			return "", found
		}
	}
	value := text[at:skipValue(text, at)]
	switch value[0] {
	case '{', '[', 'n':
		return "", miss
	case '"':
		return unquote(value), hit
	}
	return string(value), hit
}

// member returns where the value of an object's member begins.
func member(text []byte, at int, name string) (value int, found finding) {
	if text[at] != '{' {
		return 0, miss
	}
	for at = skipBlank(text, at+1); text[at] != '}'; {
		end := skipValue(text, at)
		key := unquote(text[at:end])
		at = skipBlank(text, skipBlank(text, end)+1) // behind the colon
		switch {
		case !strings.EqualFold(key, name):
		case found != miss || key != name:
			return 0, doubtful
		default:
			value, found = at, hit
		}
		at = skipBlank(text, skipValue(text, at))
		if text[at] == ',' {
			at = skipBlank(text, at+1)
		}
	}
	return value, found
}

// element returns where an array's element begins.
func element(text []byte, at, index int) (int, finding) {
	if text[at] != '[' {
		return 0, miss
	}
	at = skipBlank(text, at+1)
	for n := 0; text[at] != ']'; n++ {
		if n == index {
			return at, hit
		}
		at = skipBlank(text, skipValue(text, at))
		if text[at] == ',' {
			at = skipBlank(text, at+1)
		}
	}
	return 0, miss
}

func skipBlank(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r') {
		at++
	}
	return at
}

// skipValue returns where a value of valid JSON ends.
func skipValue(text []byte, at int) int {
	for depth := 0; at < len(text); {
		switch text[at] {
		case '"':
			for at++; text[at] != '"'; at++ {
				if text[at] == '\\' {
					at++
				}
			}
			at++
		case '{', '[':
			depth++
			at++
		case '}', ']':
			depth--
			at++
		case ',', ':', ' ', '\t', '\n', '\r':
			at++ // only within a value
			continue
		default:
			for at < len(text) && !strings.ContainsRune(",:]} \t\n\r", rune(text[at])) {
				at++
			}
		}
		if depth == 0 {
			return at
		}
	}
	return at
}

// unquote returns what a string of valid JSON says.
func unquote(quoted []byte) string {
	var s string
	_ = json.Unmarshal(quoted, &s) // never fails: it is valid
	return s
}
