package evidence

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"paritygate/compare"
)

// Options configure a Store. Path and Run have no default.
type Options struct {
	// Path is the SQLite file. Its directory must exist; `<path>-wal`, `<path>-shm` and `<path>.lock` lie beside it.
	Path string
	// Run is the run's name. A store holds one run, and the record of those before it, which are complete.
	Run string
	// Routes are the declared routes; see SetRoutes.
	Routes []RouteInfo

	// Redactor hides what the configuration calls secret, besides what is usually so; default: nothing more. It is called by
	// one goroutine at a time.
	Redactor Redactor
	// RedactHeaders names further headers whose values are hidden, in any case.
	RedactHeaders []string

	// UnitLength is the time within which repeats of a request are one unit of evidence; default 1 minute.
	UnitLength time.Duration
	// DistinctLimit bounds the set of different requests that is kept per route; default 1000. It should be no less than
	// the gate's minimum per route.
	DistinctLimit int
	// Quantile, between 0 and 1, is where RouteStats.OldAt and NewAt are read; default 0.99.
	Quantile float64

	// MaxSamplesPerSignature bounds the samples of a signature: half of them are the first, half the latest; default 10.
	MaxSamplesPerSignature int
	// MaxSignatures bounds the groups of a window; mismatches beyond it are counted in Ungrouped; default 500.
	MaxSignatures int
	// SampleBody bounds each body in a sample, in bytes; default 32 KiB.
	SampleBody int

	// FlushInterval is how often counters and samples are written; default, and at most, 1 second.
	FlushInterval time.Duration

	// Registerer takes the package's metrics; nil: they are not registered.
	Registerer prometheus.Registerer
	// Logger is told what goes wrong; default none.
	Logger *zap.Logger
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// RouteInfo is a declared route.
type RouteInfo struct {
	Name, Kind string
	// Wildcard says that the route's path matches more than one request.
	Wildcard bool
	// Rules are the texts of the rules by which its answers are compared, in the order of Exchange.Suppressed. What they hid is counted
	// under the text, so that it survives a change of their order.
	Rules []string
}

// Redactor hides what is secret at configured places; *compare.Redactor is one. It must not change its arguments.
type Redactor interface {
	// Body returns an answer's body, decoded if it can be, without what the configuration hides, and in what is not JSON without
	// what secret says is a secret's name.
	Body(a *compare.Answer, secret func(name string) bool) []byte
	// InAnswers returns d with the values replaced that are hidden in the same way.
	InAnswers(d compare.Difference, old, new *compare.Answer, secret func(name string) bool) compare.Difference
}

// Bounds that are not for a user to set: they only keep memory and disk finite.
const (
	maxUnitsPerRoute  = 1 << 16 // units of a route within one UnitLength; further requests share one unit
	maxUnitsPerBucket = 1 << 18 // the same over all routes
	maxPendingBytes   = 16 << 20
	maxSampleSource   = 1 << 20 // of a body, before it is redacted and shortened
	sampleWindows     = 8       // windows whose samples are kept
	checkHistory      = 500     // results kept per check
)

func (o Options) withDefaults() (Options, error) {
	if o.UnitLength <= 0 {
		o.UnitLength = time.Minute
	}
	if o.DistinctLimit <= 0 {
		o.DistinctLimit = 1000
	}
	if o.Quantile <= 0 || o.Quantile > 1 {
		o.Quantile = 0.99
	}
	if o.MaxSamplesPerSignature <= 0 {
		o.MaxSamplesPerSignature = 10
	}
	if o.MaxSignatures <= 0 {
		o.MaxSignatures = 500
	}
	if o.SampleBody <= 0 {
		o.SampleBody = 32 << 10
	}
	if o.FlushInterval <= 0 || o.FlushInterval > time.Second {
		o.FlushInterval = time.Second
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Redactor == nil {
		r, err := compare.NewRedactor(nil)
		if err != nil {
			return o, err
		}
		o.Redactor = r
	}
	return o, nil
}
