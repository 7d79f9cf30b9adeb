package config

import (
	"net/netip"
	"net/url"
	"time"
)

// Config is a checked configuration. Its fields are named as in the file; what the file leaves out has its default.
// Nothing changes it after Load.
type Config struct {
	Run       Run
	Listen    Listen
	Admin     Admin
	Backends  Backends
	Databases *Databases // nil: none
	Routes    []Route    // in file order; the first that matches decides
	Mirror    Mirror
	Compare   Compare
	Checks    []Check
	Gate      Gate
	Canary    Canary
	Rollback  Rollback
	Cutover   Cutover
	Journal   Journal
	Redact    Redact
	Store     Store
	Log       Log

	file   string
	places map[string]place
}

// Run names the migration.
type Run struct {
	Name   string        // goes into Via as `paritygate-NAME`
	Window time.Duration // how long parity must hold, unbroken
	Soak   time.Duration // how long new must stay green before the run may be completed
}

// Listen is the front that clients reach.
type Listen struct {
	Address        string
	TLS            *ListenTLS // nil: HTTP/1.1 and h2c without TLS
	TrustedProxies []netip.Prefix
	Limits         Limits
	Drain          time.Duration // for what is in flight at the end
}

// ListenTLS holds the paths of two PEM files.
type ListenTLS struct {
	Certificate, Key string
}

// Limits bound what a client may send; sizes in bytes.
type Limits struct {
	Headers       int64
	HeaderTimeout time.Duration
	IdleTimeout   time.Duration
	Body          int64         // 0: no limit
	BodyTimeout   time.Duration // for each KiB of a body
	WriteTimeout  time.Duration // for each 64 KiB of an answer
	Connections   int           // and requests at once; 0: what the limit of descriptors has room for
}

// Admin is the admin API with its users. Without users its address is a loopback one.
type Admin struct {
	Address string
	Users   []User
}

// The roles of a User.
const (
	Operator = "operator"
	Viewer   = "viewer"
)

// User may use the admin API.
type User struct {
	Name  string
	Role  string // Operator or Viewer
	Token Secret
}

// Backends are the two systems.
type Backends struct {
	Old, New Backend
}

// The values of Backend.Host.
const (
	HostBackend = "backend"
	HostClient  = "client"
)

// The values of Backend.Client: the program's own pooled HTTP/1.1 client with net/http's for what that does not take, or net/http's
// for everything.
const (
	ClientPooled   = "pooled"
	ClientStandard = "standard"
)

// Backend is one of the two systems as it is reached over HTTP.
type Backend struct {
	URL     *url.URL      // http or https, with no user, query or fragment
	Timeout time.Duration // to the response's headers
	Host    string        // HostBackend or HostClient: whose Host header it gets
	Client  string        // ClientPooled or ClientStandard: by what it is asked
	Headers HeaderEdit
	TLS     BackendTLS
}

// HeaderEdit changes the request's headers. Names are canonical, as in net/http.
type HeaderEdit struct {
	Set    map[string]Secret
	Remove []string
}

// BackendTLS says how a backend proves itself; empty fields mean the system's roots and the URL's host.
type BackendTLS struct {
	CA         string // path of a PEM file
	ServerName string
}

// Databases are the two systems' databases.
// One without a DSN is not there.
type Databases struct {
	Old, New Database
}

// DatabaseLag says how far a database may be behind when a check asks it: what SQL gives, in seconds or as an interval.
type DatabaseLag struct {
	SQL string // empty: nothing is asked
	Max time.Duration
}

// Database is reached with as few connections and as little patience as MaxConnections and StatementTimeout say.
type Database struct {
	DSN              Secret
	MaxConnections   int
	StatementTimeout time.Duration
	Lag              DatabaseLag
}

// The kinds of a Route.
const (
	Read   = "read"
	Write  = "write"
	Bypass = "bypass"
)

// Route says what a request is and how its answers are compared.
type Route struct {
	Name      string
	Match     Match
	Kind      string   // Read, Write or Bypass
	Mirror    *float64 // nil: Mirror.Fraction
	Optional  bool     // the gate does not wait for this route's traffic
	Canary    *bool    // nil: unless rules forgive that new's answers have another shape
	Tolerance *float64 // nil: Compare.Tolerance
	New       RouteNew
	Compare   RouteCompare
	// Idempotent says that its writes may be sent again where it is not known whether they arrived.
	Idempotent bool
}

// Match says which requests a route takes; what is empty matches everything.
type Match struct {
	Methods []string
	Path    string // a pattern as of http.ServeMux, on the escaped path
	Host    string
	Headers map[string]string // canonical name to value or glob
	JSON    *MatchJSON        // nil: whatever the body
}

// MatchJSON says what a request body must be: JSON with a value at Path in which Pattern is found.
type MatchJSON struct {
	Path    string // RFC 9535 JSONPath of one place
	Pattern string // a regular expression (RE2)
}

// RouteNew says how the same request is asked of new; empty fields change nothing.
type RouteNew struct {
	Path  string
	Query map[string]string
}

// RouteCompare adds to Compare for one route.
type RouteCompare struct {
	Headers []string // nil: Compare.Headers; empty: none
	Rules   []Rule   // go before Compare.Rules
}

// Mirror bounds the shadow traffic.
type Mirror struct {
	Fraction float64 // 0 to 1, of the reads
	Key      string  // empty, `header:NAME` or `cookie:NAME`: what is sampled
	Timeout  time.Duration
	Workers  int
	Queue    int
	Memory   int64   // bytes of all captured bodies
	MaxRPS   float64 // 0: no limit
	Recheck  Recheck
	Noise    Noise
}

// Noise says how it is measured where old differs from itself.
type Noise struct {
	Fraction float64 // 0 to 1, of the mirrored reads, for which the authority is asked a second time; 0: never
	Auto     bool    // what proves to be noise is masked without a rule
}

// Recheck says how often, when and how fast a mismatch is asked again.
type Recheck struct {
	Attempts int // 0: never
	Delay    time.Duration
	MaxDelay time.Duration
	MaxRPS   float64 // 0: no limit
}

// Compare says how answers are compared where a route says nothing else.
type Compare struct {
	Tolerance float64  // 0 to 1, of exchanges that may be mismatch or failed
	Headers   []string // lower-case names
	MaxBody   int64    // bytes; larger bodies are compared by hash
	Rules     []Rule
}

// The values of Rule.Ignore.
const (
	IgnoreAll   = "true"  // the place is not compared
	IgnoreValue = "value" // the value may differ; type and presence may not
)

// Rule forgives one kind of difference at one place. One of Path and Header is set, and one action.
type Rule struct {
	Path   string // RFC 9535 JSONPath in old's names
	Header string // lower-case name

	Ignore           string // empty, IgnoreAll or IgnoreValue
	Number           *NumberRule
	Time             *TimeRule
	Coerce           string // empty or CoerceNumber
	Unordered        string // empty, UnorderedAll or UnorderedSet
	Key              string // JSONPath within an element
	Rename           string // a name, or a JSONPath in new's names
	CSV              *CSVRule
	AbsentEqualsNull bool
}

// The values of Rule.Unordered, and the one of Rule.Coerce.
const (
	UnorderedAll = "true"
	UnorderedSet = "set"
	CoerceNumber = "number"
)

// CSVRule says how a CSV body is read.
type CSVRule struct {
	Header bool // the first record names the columns
}

// NumberRule lets numbers differ by the larger of the two.
type NumberRule struct {
	Absolute Decimal
	Relative Decimal // a ratio: 1% is 0.01
}

// TimeRule lets times differ.
type TimeRule struct {
	Skew time.Duration
}

// The types of a Check.
const (
	Count        = "count"
	Scalar       = "scalar"
	Ratio        = "ratio"
	Top          = "top"
	Distribution = "distribution"
	Rows         = "rows"
	Checksum     = "checksum"
	Schema       = "schema"
	Sequences    = "sequences"
)

// Check is an aggregate query asked of both databases. Names of tables and columns are old's, where it does not say otherwise.
type Check struct {
	Name            string
	Type            string // one of the types above
	Old, New        CheckSide
	Tolerance       CheckTolerance
	Every           time.Duration
	MaxAge          time.Duration // a pass older than this is no pass
	StrictAtCutover bool          // run again while writes are held, with tolerance 0
	Limit           int           // top: how many of the leading keys
	Key             []string      // rows, checksum: the columns that tell one row from another
	Columns         []CheckColumn // rows, checksum: how single columns are compared
	Tables          []string      // schema, sequences: those to look at; none is all
	Rename          map[string]string
	Pace            float64  // checksum: the part of the time in which it may keep the databases busy
	Settled         *Settled // nil: all rows
	MaxCost         float64  // of a statement's plan; 0: any
}

// Settled leaves out the rows of a check that are younger than Lag by Column, which only sides with a table need.
type Settled struct {
	Column string
	Lag    time.Duration
}

// CheckSide is what one side is asked. Which of the fields a check needs depends on its type.
type CheckSide struct {
	Table  string // perhaps qualified and quoted, as in SQL: `public."Order"`
	SQL    string
	Column string // distribution: the column of Table whose values are counted
	Schema string // schema, sequences: where the tables are
	HTTP   *CheckHTTP
	Value  string // JSONPath of what HTTP is asked for
}

// CheckHTTP asks the backend instead of a database.
type CheckHTTP struct {
	Path    string
	Method  string // GET or POST
	Headers map[string]string
	Body    string
}

// CheckColumn says how one column is compared.
type CheckColumn struct {
	Old, New  string
	Ignore    bool
	Tolerance *CheckTolerance // nil: that of the check
}

// CheckTolerance is the variance that passes: the larger of Relative and Absolute.
type CheckTolerance struct {
	Relative Decimal // a ratio: 1% is 0.01
	Absolute Decimal
	Overlap  Decimal // top: the part of the keys that must be in both; 0 to 1
}

// Gate holds the criteria that must pass before the cutover. Fractions are 0 to 1.
type Gate struct {
	Confidence         float64
	MinSamples         int
	MinSamplesPerRoute int
	MaxSkipped         float64
	MaxLagged          float64
	MaxGap             time.Duration
	ErrorRate          float64
	Latency            GateLatency
	Attestations       []string
}

// GateLatency says how much slower than old new may be.
type GateLatency struct {
	Quantile float64 // between 0 and 1
	Ratio    float64
	Floor    time.Duration
}

// Redact names secrets besides the usual ones.
type Redact struct {
	Headers []string // canonical names
	JSON    []string // JSONPaths
}

// Store is where the evidence is kept.
type Store struct {
	Path string // of a SQLite file
}

// Log says what is logged to stderr, and how.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // json or console
	Access AccessLog
}

// AccessLog is the log of the clients' requests.
type AccessLog struct {
	Fraction float64 // of the requests, 0 to 1
}
