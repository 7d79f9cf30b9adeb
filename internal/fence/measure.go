package fence

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Statements that only read are run to see how long they take, in a transaction that may only read and is rolled back: there a
// setval is refused once its arguments are known, which is what takes the time. What a function does besides reading no transaction
// takes back, such as dropping a replication slot: a statement with a function that is not listed here is not run.
var (
	reads = regexp.MustCompile(`(?is)^\s*SELECT\b`)
	calls = regexp.MustCompile(`(?s)("(?:[^"]|"")*"|[\w$.]+)\s*\(`)

	harmless = []string{
		"setval", "nextval", "max", "min", "count", "sum", "coalesce", "greatest", "least", "abs", "ceil", "nullif", "pg_sleep", "now", "pg_get_serial_sequence",
		// and words that are no functions
		"select", "from", "where", "and", "or", "not", "in", "any", "all", "exists", "values", "as", "on", "using", "case", "when", "then", "else", "by",
	}
)

func measurable(sql string) bool {
	return reads.MatchString(sql) && !strings.Contains(sql, ";") && !slices.ContainsFunc(calls.FindAllStringSubmatch(sql, -1), func(call []string) bool {
		return !slices.Contains(harmless, strings.ToLower(call[1]))
	})
}

// measuring are the SQLSTATEs with which a statement ends because it was only to be measured: read-only, a lock or the limit.
var measuring = []string{"25006", "55P03", "57014"}

// measure runs a statement for limit at most, and returns how long it took, and with what it was refused if it was: a doubt, since
// what comes before it was not run.
func (x *session) measure(ctx context.Context, sql string, limit time.Duration) (time.Duration, *refusal, error) {
	began := time.Now()
	err := x.exec(ctx, fmt.Sprintf("BEGIN READ ONLY; SET LOCAL lock_timeout = 100; SET LOCAL statement_timeout = %d; %s", max(limit.Milliseconds(), 1), sql))
	took := time.Since(began)
	refused, ended := err.(*refusal) //nolint:errorlint // exec's own, not wrapped
	if err != nil && !ended {
		return took, nil, err
	}
	if ended && slices.Contains(measuring, refused.code) {
		refused = nil
	}
	return took, refused, x.exec(ctx, "ROLLBACK")
}
