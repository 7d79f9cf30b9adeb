package compare

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// MaxDifferences is how many differences of one exchange are kept; further ones are counted in Result.Dropped.
const MaxDifferences = 100

// Limits that hold where Options says nothing.
const (
	defaultMaxDecoded = 16 << 20
	defaultMaxNodes   = 1 << 19
)

// Options says how answers are compared.
type Options struct {
	// Headers names the response headers that are compared, in any case. None are compared if it is empty.
	Headers []string
	// Rules are tried in order; at each place the first one of each family decides.
	Rules []Rule
	// MaxDecoded is how many bytes a body may have once its Content-Encoding is undone; 0 is 16 MiB. Past it the exchange
	// is skipped as too large.
	MaxDecoded int64
	// MaxNodes is how many values a JSON document may hold; each takes 28 bytes while it is compared. 0 is 524288. Past it
	// the exchange is skipped as too complex.
	MaxNodes int
}

// Rule says what may differ at some places. It has either a Path or a Header, and says exactly one thing about it. Rules
// fall into three families, of which each decides for itself at a place: suppress (Ignore), structure (Unordered) and
// value (Number, Time).
type Rule struct {
	// Path is a JSONPath as ParsePath reads it.
	Path string
	// Header is the name of a response header, in any case. Of the actions it knows Ignore alone.
	Header string

	// Ignore forgives what differs at the place and beneath it.
	Ignore IgnoreMode
	// Number lets numbers differ by so much.
	Number *Number
	// Time lets points in time differ by so much.
	Time *Time
	// Unordered compares an array as a multiset. Its elements have no index for the rules: `[0]` matches none of them.
	Unordered bool
}

// IgnoreMode says how much a rule ignores.
type IgnoreMode uint8

// The modes of Rule.Ignore.
const (
	IgnoreNothing IgnoreMode = iota
	IgnoreAll                // value, type and presence
	IgnoreValue              // the value; type and presence must agree
)

// Number is a tolerance for numbers: |old−new| ≤ max(Absolute, Relative·max(|old|,|new|)), inclusive and exact.
type Number struct {
	// Absolute and Relative are decimals as JSON writes them, such as "0.005"; Relative is a ratio, "0.01" for 1 %. An
	// empty one is 0.
	Absolute, Relative string
}

// Time is a tolerance for RFC 3339 times and Unix seconds, which it also equates with one another.
type Time struct {
	// Skew is how far apart they may be, inclusive; 0 equates only what names the same nanosecond.
	Skew time.Duration
}

// RuleError says what is wrong with one rule.
type RuleError struct {
	// Index is the rule's place in Options.Rules.
	Index int
	// Field is the part of it that is wrong, such as "path" or "number.absolute"; empty if it is the rule as a whole.
	Field string
	Err   error
}

// Error names the rule and the field.
func (e *RuleError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("rules[%d]: %v", e.Index, e.Err)
	}
	return fmt.Sprintf("rules[%d].%s: %v", e.Index, e.Field, e.Err)
}

// Unwrap returns what is wrong with the field.
func (e *RuleError) Unwrap() error { return e.Err }

// New returns a Comparer. If rules are wrong it returns a *RuleError for each fault of each of them, joined.
func New(o Options) (*Comparer, error) {
	rules, errs := compileRules(o.Rules)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	maxDecoded, maxNodes := o.MaxDecoded, o.MaxNodes
	if maxDecoded <= 0 {
		maxDecoded = defaultMaxDecoded
	}
	if maxNodes <= 0 {
		maxNodes = defaultMaxNodes
	}
	c := &Comparer{
		rules:      rules,
		maxDecoded: min(maxDecoded, math.MaxInt32),
		json:       newTreeEngine(rules, maxNodes),
	}
	c.root = rootRule(rules)
	c.setHeaders(o.Headers)
	return c, nil
}
