package config

import "fmt"

const redacted = "[redacted]"

// Secret is a string that prints as `[redacted]` however it is printed, so that it reaches no log, error or answer by
// accident. An empty one prints as nothing.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String returns `[redacted]`.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString returns `[redacted]`, quoted.
func (s Secret) GoString() string { return fmt.Sprintf("%q", s.String()) }

// Format prints `[redacted]` for every verb, those that do not fit a string included.
func (s Secret) Format(f fmt.State, verb rune) {
	text := s.String()
	if verb == 'q' || verb == 'v' && f.Flag('#') {
		text = fmt.Sprintf("%q", text)
	}
	_, _ = f.Write([]byte(text)) // a State has no error that its user could act on
}

// MarshalText returns `[redacted]`; it serves encoding/json and the YAML packages.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON returns `"[redacted]"`.
func (s Secret) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%q", s.String()), nil }

// MarshalYAML returns `[redacted]`.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }
