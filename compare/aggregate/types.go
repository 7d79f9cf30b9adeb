package aggregate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"paritygate/compare"
)

// Type says what a check asks.
type Type string

// The types of check.
const (
	Count        Type = "count"        // the rows of a table, or a statement that counts
	Scalar       Type = "scalar"       // a statement that gives one value
	Ratio        Type = "ratio"        // a statement that gives a numerator and a denominator
	Top          Type = "top"          // the leading keys of a ranking and their values
	Distribution Type = "distribution" // the rows per value of a column, or a statement that gives buckets and their counts
	Schema       Type = "schema"       // what two schemas are made of
	Sequences    Type = "sequences"    // whether new's sequences are beyond the numbers that are taken
	Rows         Type = "rows"         // a statement that gives some rows, which are joined by a key
	Checksum     Type = "checksum"     // all rows of a table, by ranges of the key
)

// Check is one question to both databases. Names of tables and columns are old's, where it does not say otherwise.
type Check struct {
	Name     string
	Type     Type
	Old, New Side
	// Tolerance is how far apart numbers may be; the zero value wants them equal.
	Tolerance Tolerance
	// Every is the time from one run to the next; 5 minutes if zero.
	Every time.Duration
	// MaxAge is how old a pass may be to count; three times Every if zero. It is for whoever judges results, not used here.
	MaxAge time.Duration
	// Strict makes the check one of those that run again at the cutover.
	Strict bool
	// Limit is how many of the leading keys a top check compares; 100 if zero.
	Limit int
	// Key are the columns that tell one row from another; empty: those of the primary key, or the first one of a statement.
	Key []string
	// Columns says how single columns are compared; those that it does not name have one name on both sides.
	Columns []Column
	// Tables are those that a schema or sequences check looks at; empty: all of them.
	Tables []string
	// Pace is the part of the time in which a checksum may keep the databases busy, above 0 and at most 1; 1 if zero.
	Pace float64
	// Rename leads from old's name of a table, or of a `table.column`, to new's.
	Rename map[string]string
	// MaxCost refuses statements that the planner takes for more expensive, in its own unit; 0 refuses none.
	MaxCost float64
	// Settled leaves out what is too new to be on both sides; nil leaves out nothing. A strict run leaves out nothing either.
	Settled *Settled
}

// Settled is the part of the rows that the younger side must have got by now.
type Settled struct {
	// Column is old's name of the column that says how old a row of a table is: a date or a timestamp, without zone in UTC.
	// Rows without a value count as old. It is not used by a side with SQL, which has the placeholder {settled} instead.
	Column string
	// Lag is how old a row must be to count.
	Lag time.Duration
}

// Column says how a column is compared.
type Column struct {
	Old, New  string // New is Old if empty
	Ignore    bool
	Tolerance *Tolerance // in place of the check's, for the values of this column; nil: the check's
}

// Side is what one side is asked: a table, a statement or an endpoint, one of them.
type Side struct {
	// Table is a table's name, as `table` or `schema.table`, exactly as it is stored: case counts, and a name with a dot
	// in it is put in double quotes.
	Table string
	// SQL is one SELECT (or WITH, VALUES, TABLE). How many rows and columns it gives depends on the type of check.
	SQL string
	// Column is the column of Table whose values a distribution counts.
	Column string
	// Schema is where a schema or sequences check looks; public if empty.
	Schema string
	// HTTP asks an endpoint of the backend, in place of a database.
	HTTP *HTTP
	// where leaves out what is not settled, of a table; empty or a clause of SQL.
	where string
}

// Tolerance is how far apart two numbers may be: the larger of the two bounds, itself included. Both are exact, plain
// decimals without a sign; empty is 0.
type Tolerance struct {
	Relative string `json:"relative"` // of the larger magnitude; 0 to 1
	Absolute string `json:"absolute"`
	Overlap  string `json:"overlap,omitempty"` // the part of a ranking's keys that must be in both; 0 to 1
}

// Database is one of the two databases.
type Database struct {
	// DSN is a PostgreSQL connection URL or keyword/value string. It is never shown.
	DSN string
	// MaxConnections bounds the connections that are open at once; 2 if zero.
	MaxConnections int
	// StatementTimeout bounds one statement; 30 seconds if zero.
	StatementTimeout time.Duration
	// Lag makes checks inconclusive while the database is too far behind.
	Lag Lag
}

// Lag is how far a database may be behind, such as a replica or the copy of another one.
type Lag struct {
	// SQL is one query for one value: seconds or an interval. It is asked in the transaction of the check. Empty: nothing is asked.
	SQL string
	Max time.Duration
}

// Options are what a Runner is made of.
type Options struct {
	// Old and New are the databases; one without a DSN is not there, and no check may need it.
	Old, New Database
	// OldEndpoint and NewEndpoint are where sides with HTTP are asked.
	OldEndpoint, NewEndpoint Endpoint
	Checks                   []Check
	// Recheck is how long to wait before a check that failed is asked again, for each time that it is. Strict runs are not.
	Recheck []time.Duration
	// Report takes each result of Run, and of RunNow and RunAll unless they are strict. It is called by one goroutine at a
	// time, and no check runs meanwhile. Nil: nobody is told.
	Report func(Result)
	// Progress keeps how far a check of type checksum is, so that it goes on after a restart. Nil: it begins anew.
	Progress Progress
	// Resting says whether scheduled runs are put off, as they are while one database is known to stand still. What is asked
	// for runs all the same. Nil: never.
	Resting func() bool
	// Registerer takes the metrics; nil: there are none.
	Registerer prometheus.Registerer
}

// Progress keeps how far long checks are, by their names. What it fails to keep costs time, and nothing else.
type Progress interface {
	// Load returns what was saved last, nil if there is nothing.
	Load(ctx context.Context, check string) ([]byte, error)
	Save(ctx context.Context, check string, state []byte) error
	Clear(ctx context.Context, check string) error
}

// Mode says how a check is run on demand.
type Mode struct {
	// Strict allows no difference at all, does not wait for checks that are under way, and keeps the result from Report
	// and the metrics, which speak of the check as it is declared.
	Strict bool
}

// Verdict is what is said of one run of a check.
type Verdict string

// The verdicts of a check. Fail outweighs Inconclusive, which outweighs Pass.
const (
	Pass         Verdict = "pass"
	Fail         Verdict = "fail"
	Inconclusive Verdict = "inconclusive"
)

// Result is the outcome of one run of one check.
type Result struct {
	Name    string
	Type    Type
	Verdict Verdict
	// Variance is |old−new| / max(|old|, |new|), a ratio; nil when nothing was measured.
	Variance *float64
	// Old and New are the values as the databases wrote them; nil for NULL and where nothing was measured.
	Old, New *string
	// Tolerance is what was allowed: that of the check, or nothing when it was strict.
	Tolerance Tolerance
	// Differences names what differs, the worst first, at most MaxDifferences of them; empty on a pass. Dropped counts the others.
	Differences []Difference
	Dropped     int
	// At is when the databases were asked, the last time if there were several, and Duration the time from the first asking
	// to the last answer.
	At       time.Time
	Duration time.Duration
	// Attempts is how often they were asked. Lagged says of a pass that they did not agree at first.
	Attempts int
	Lagged   bool
	// Reason is a sentence that says why the verdict is what it is. It holds no secret.
	Reason string
	Strict bool
}

// MaxDifferences is how many differences a result names.
const MaxDifferences = 100

// Difference is one place where the two databases differ.
type Difference struct {
	// Key names the place within the check; empty for a check of one value.
	Key  string       `json:"key"`
	Kind compare.Kind `json:"kind"`
	// Class is what a schema or sequences check found: missing, narrower, differs or behind. Empty for the other types.
	Class    string   `json:"class,omitempty"`
	Old      *string  `json:"old"`
	New      *string  `json:"new"`
	Variance *float64 `json:"variance"`
}

// Worst is the verdict on several results; of none it is Inconclusive.
func Worst(results []Result) Verdict {
	worst := Pass
	for _, r := range results {
		if r.Verdict == Fail {
			return Fail
		}
		if r.Verdict == Inconclusive {
			worst = Inconclusive
		}
	}
	if len(results) == 0 {
		return Inconclusive
	}
	return worst
}

// ErrClosed is returned by a Runner that was closed.
var ErrClosed = errors.New("the checks are shut down")

// ErrNoDatabase says that a side has no DSN.
var ErrNoDatabase = errors.New("no dsn is configured")

// UnknownCheckError says that there is no check of a name.
type UnknownCheckError struct{ Name string }

func (e *UnknownCheckError) Error() string { return fmt.Sprintf("there is no check %q", e.Name) }
