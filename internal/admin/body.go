package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxBody is the size in bytes of the largest request body.
const MaxBody = 64 << 10

// fields are what a body may hold: by name, where its value goes. A target is one of *string, *[]string, *bool, **bool, *number,
// **uint64, *fraction.
type fields map[string]any

// decodeBody reads the request's body into targets, which keep their values where the body has no such field. An empty body
// stands for an empty object if optional is set.
func decodeBody(r *http.Request, optional bool, targets fields) error {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, MaxBody))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return Errorf(CodeTooLarge, "the body is larger than %d KiB", MaxBody>>10)
		}
		return &Error{Code: CodeBadRequest, Message: "the body could not be read to its end", Err: err}
	}
	if len(body) == 0 && optional {
		return nil
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return Errorf(CodeUnsupportedMedia, "the body must be declared as `Content-Type: application/json`")
	}
	if len(body) == 0 {
		return Errorf(CodeBadRequest, "a JSON body is needed, with %s", targets.names())
	}
	return decodeObject(body, targets)
}

// decodeObject is strict where encoding/json is not: names are exact and unique, and nothing follows the object.
func decodeObject(body []byte, targets fields) error {
	if !utf8.Valid(body) {
		return Errorf(CodeBadRequest, "the body is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if first, err := dec.Token(); err != nil {
		return malformed(err)
	} else if first != json.Delim('{') {
		return Errorf(CodeBadRequest, "the body must be a JSON object")
	}
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return malformed(err)
		}
		name, _ := token.(string) // the decoder refuses other keys
		target, known := targets[name]
		switch {
		case !known:
			return Errorf(CodeBadRequest, "unknown field %q; this call takes %s", name, targets.names())
		case seen[name]:
			return Errorf(CodeBadRequest, "the field %q is there twice", name)
		}
		seen[name] = true
		var value any
		if err := dec.Decode(&value); err != nil {
			return malformed(err)
		}
		if err := assign(target, value); err != nil {
			return Errorf(CodeBadRequest, "%s: %s", name, err)
		}
	}
	if _, err := dec.Token(); err != nil {
		return malformed(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Errorf(CodeBadRequest, "there is more after the JSON object")
	}
	return nil
}

func malformed(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return Errorf(CodeBadRequest, "the JSON ends too early")
	}
	return Errorf(CodeBadRequest, "the body is not JSON: %s", err)
}

func (f fields) names() string {
	if len(f) == 0 {
		return "no fields"
	}
	return strings.Join(slices.Sorted(maps.Keys(f)), ", ")
}

// assign puts a decoded value where it belongs.
func assign(target, value any) error {
	switch t := target.(type) {
	case *string:
		s, ok := value.(string)
		if !ok {
			return fmt.Errorf("must be a string, not %s", typeName(value))
		}
		if strings.ContainsFunc(s, unprintable) {
			return errors.New("must not hold control characters")
		}
		*t = strings.TrimSpace(s)
	case *bool:
		b, ok := value.(bool)
		if !ok {
			return fmt.Errorf("must be true or false, not %s", typeName(value))
		}
		*t = b
	case **bool:
		*t = new(bool)
		return assign(*t, value)
	case **uint64:
		n, ok := value.(json.Number)
		if !ok {
			return fmt.Errorf("must be a whole number, not %s", typeName(value))
		}
		u, err := strconv.ParseUint(n.String(), 10, 64)
		if err != nil {
			return fmt.Errorf("must be a whole number, not %s", n)
		}
		*t = &u
	case *fraction:
		return t.set(value)
	case *number:
		return t.set(value)
	case *[]string:
		return assignTexts(t, value)
	}
	return nil
}

// number is a finite one.
type number float64

func (n *number) set(value any) error {
	text, ok := value.(json.Number)
	if !ok {
		return fmt.Errorf("must be a number, not %s", typeName(value))
	}
	f, err := text.Float64()
	if err != nil {
		return fmt.Errorf("%s is no number that this call takes", shorten(text.String()))
	}
	*n = number(f)
	return nil
}

// assignTexts takes an array of strings, or of numbers as they are written.
func assignTexts(t *[]string, value any) error {
	list, ok := value.([]any)
	if !ok {
		return fmt.Errorf("must be an array of strings, not %s", typeName(value))
	}
	for i, v := range list {
		var text string
		switch v := v.(type) {
		case json.Number:
			text = v.String()
		default:
			if err := assign(&text, v); err != nil {
				return fmt.Errorf("[%d] %w", i, err)
			}
		}
		*t = append(*t, text)
	}
	return nil
}

// unprintable finds what could play tricks on a terminal that shows the audit log.
func unprintable(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
}

func typeName(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "an array"
	}
	return "an object"
}

// fraction is a share from 0 to 1 that may be absent.
type fraction struct {
	value float64
	given bool
}

func (f *fraction) set(value any) error {
	var text string
	switch v := value.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	default:
		return fmt.Errorf("must be a number from 0 to 1 or a text such as \"25%%\", not %s", typeName(value))
	}
	n, err := ParseFraction(text)
	if err != nil {
		return err
	}
	f.value, f.given = n, true
	return nil
}

// ParseFraction reads a share such as `25%` or `0.25`, from 0 to 1.
func ParseFraction(text string) (float64, error) {
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || strings.ContainsFunc(digits, notDecimal) {
		return 0, fmt.Errorf("%q is no fraction; write 0.25 or 25%%", shorten(text))
	}
	if percent {
		n /= 100
	}
	switch {
	case n < 0:
		return 0, fmt.Errorf("%s is less than 0", shorten(text))
	case n > 1 && !percent:
		return 0, fmt.Errorf("%s is more than 1; write 0.25 or \"25%%\" for a quarter", shorten(text))
	case n > 1:
		return 0, fmt.Errorf("%s is more than 100%%", shorten(text))
	}
	return n + 0, nil // -0 becomes 0
}

// notDecimal finds what ParseFloat takes besides decimal numbers: Inf, NaN, hexadecimal digits, underscores.
func notDecimal(r rune) bool { return !strings.ContainsRune("0123456789.eE+-", r) }

func shorten(text string) string {
	if len(text) > 40 {
		return strings.ToValidUTF8(text[:40], "") + "…"
	}
	return text
}
