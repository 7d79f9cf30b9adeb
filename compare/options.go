package compare

import (
	"errors"
	"fmt"
	"math"
	"sync"
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
// fall into three families, of which each decides for itself at a place: suppress (Ignore), structure (Unordered, Key, Rename,
// CSV, AbsentEqualsNull) and value (Number, Time, CoerceNumber).
type Rule struct {
	// Path is a JSONPath as ParsePath reads it, in the names of old.
	Path string
	// Header is the name of a response header, in any case. Of the actions it knows Ignore alone.
	Header string

	// Ignore forgives what differs at the place and beneath it.
	Ignore IgnoreMode
	// Number lets numbers differ by so much.
	Number *Number
	// Time lets points in time differ by so much.
	Time *Time
	// CoerceNumber lets a string stand for the number that it is as JSON writes it: 1, "1" and "1.0" are equal, while "01", " 1"
	// and "" are strings like others.
	CoerceNumber bool
	// Unordered says that the order of an array does not count. Its elements have no index for the rules: `[0]` matches none of
	// them.
	Unordered Order
	// Key joins the elements of an array by the value at this singular JSONPath within each of them, such as `$.id`; their order
	// does not count. Elements without the value, or several with one, are a multiset within it. As with Unordered, an index
	// matches none of them.
	Key string
	// AbsentEqualsNull lets a member that is null on one side be absent on the other.
	AbsentEqualsNull bool
	// Rename is the name that the member has in new, or, if it is a JSONPath, the place: `label`, `$.c`. All renames act at once.
	Rename string
	// CSV says how a CSV body is read.
	CSV *CSV
}

// Shape reports whether the rule lets new answer in another shape than old, so that clients of old may not understand it.
func (r *Rule) Shape() bool { return r.Rename != "" || r.CoerceNumber || r.AbsentEqualsNull }

// Order says how far the order of an array counts.
type Order uint8

// The values of Rule.Unordered.
const (
	Ordered  Order = iota
	Multiset       // the elements in any order
	Set            // the same, and repeats of an element do not count
)

// CSV says how a CSV body is read.
type CSV struct {
	// Header says that the first record names the columns, which may then stand in any order: records are objects instead of arrays.
	Header bool
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
		maxNodes:   maxNodes,
		json:       newJSONEngine(rules, maxNodes),
		text:       newJSONEngine(rules.asText(), maxNodes),
		recorders:  sync.Pool{New: func() any { return new(recorder) }},
	}
	c.root = rootRule(rules)
	c.setHeaders(o.Headers)
	return c, nil
}
