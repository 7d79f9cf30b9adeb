package proxy

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"paritygate/compare"
)

// Comparer judges two captured answers, old's first whichever backend is the authority. compare.Comparer is one.
type Comparer interface {
	Compare(old, new *compare.Answer) compare.Result
}

// Options is what NewProxy needs. Router, Observer, Run and both backends' URLs are required; what else is zero gets the
// default of the configuration's reference.
type Options struct {
	// Run is the run's name: a token of RFC 9110, because Via names it.
	Run      string
	Old, New BackendOptions
	// Table is what Reload can change later.
	Table Table

	// Workers is how many shadows are asked at once, Queue how many exchanges may wait for a worker, and Memory the bytes
	// that all captured bodies together may take.
	Workers, Queue int
	Memory         int64

	Hold HoldOptions
	Trip TripOptions

	Router   Router
	Observer Observer
	// Journal records the writes of plans that say so; nil: there are none. JournalBody is how many bytes of a body it takes in memory; all
	// such bodies together take as much as Memory, and what finds no room is spooled.
	Journal     Journal
	JournalBody int64
	// Access takes records of the clients' requests; nil: nobody does.
	Access AccessLog
	// Clients counts what is refused to clients; nil counts nowhere.
	Clients *Clients
	// Registerer takes the metrics; nil registers them nowhere.
	Registerer prometheus.Registerer
	// Logger is told what an operator must know; nil logs nothing. Neither header values nor queries are ever logged.
	Logger *zap.Logger
}

// BackendOptions says how one backend is reached.
type BackendOptions struct {
	// URL is the base: scheme, host and a path prefix, which precedes the path of every request.
	URL *url.URL
	// Timeout is to the response's headers, counted anew while the request's body makes progress.
	Timeout time.Duration
	// ClientHost passes the client's Host header on; otherwise the backend gets the URL's host.
	ClientHost bool
	// Set and Remove change the headers of every request to this backend.
	Set    http.Header
	Remove []string
	// TLS is for https; nil verifies by the system's roots.
	TLS *tls.Config
	// Standard has http.Transport send everything, in HTTP/2 where the backend offers it. Otherwise it gets only what the
	// pooled HTTP/1.1 client of package upstream does not take.
	Standard bool
}

// HoldOptions bound how long, how many and how large the writes may be that wait for a flip.
type HoldOptions struct {
	Max      time.Duration
	Requests int
	Bytes    int64
}

// TripOptions say when new fails too often as the authority. Threshold is a share of the answers within Window. The trip needs
// MinRequests answers, MinFailures failures and MinDistinct different requests that failed; connections that fail
// are all different. As many failures in a row as MinRequests trip as well, so that a long window full of successes does not
// delay the way back.
type TripOptions struct {
	Threshold                             float64
	Window                                time.Duration
	MinRequests, MinFailures, MinDistinct int
}

// Table is the part of the options that Reload replaces, whole.
type Table struct {
	// Routes are tried in order; the first that matches decides.
	Routes []Route
	// Comparer judges the exchanges of routes without a comparer of their own. Required.
	Comparer Comparer
	// Again judges two answers of one backend for these routes, by the rules that do not tell old from new; nil takes Comparer.
	Again Comparer
	// MaxBody is how many bytes of a body are captured; longer ones are compared by hash.
	MaxBody int64
	// Key is `header:NAME` or `cookie:NAME`: sampling is by the hash of that value. Empty: per request.
	Key string
	// ShadowTimeout bounds a shadow, from the end of the authority's answer to the end of the shadow's.
	ShadowTimeout time.Duration
	// MaxRPS bounds the mirrored exchanges a second; 0 is no limit.
	MaxRPS float64
	// Recheck says how mismatches are asked again; Attempts 0 switches it off.
	Recheck RecheckOptions
	// Noise is the share of the mirrored exchanges, 0 to 1, for which the authority is asked a second time to learn where it differs from
	// itself; 0 switches it off.
	Noise float64
	// Canary says whose reads new answers in a canary.
	Canary CanaryOptions
	// TrustedProxies are those whose X-Forwarded headers are believed.
	TrustedProxies []netip.Prefix
}

// RecheckOptions say how often, how soon and how fast mismatches are asked again. The delay grows fourfold up to MaxDelay.
type RecheckOptions struct {
	Attempts        int
	Delay, MaxDelay time.Duration
	MaxRPS          float64
}

// Kind says what a request is.
type Kind uint8

// The kinds of request.
const (
	Read   Kind = iota // may be repeated and mirrored
	Write              // goes to one backend, once
	Bypass             // like a write: follows the authority of the writes, and is never compared
)

// String returns the word of the configuration.
func (k Kind) String() string { return [...]string{"read", "write", "bypass"}[k] }

// Route is a named rule that says what a request is and how its answers are compared.
type Route struct {
	Name string
	// Methods that match; GET matches HEAD too. None: all methods, but then PUT, POST and the like on a read route are
	// still writes: only a method that is named is believed to be a read against its own meaning.
	Methods []string
	// Path is a pattern as ParsePattern takes it. Empty matches every path.
	Path string
	// JSON is what the body must hold; nil matches every body. What cannot be looked through (see Table.MaxBody) goes on to the next route.
	JSON *JSONMatch
	// Host is a host name without port, with an optional leading `*.`. Empty matches every host.
	Host string
	// Headers must all be there with these values; an empty value asks for the header alone.
	Headers map[string]string
	Kind    Kind
	// Idempotent says that its writes may be sent again where it is not known whether they arrived.
	Idempotent bool
	// Mirror overrides the plan's fraction, 0 to 1.
	Mirror *float64
	// Withheld keeps the route's reads out of the canary: they are answered by the backend that answers reads otherwise.
	Withheld bool
	// NewPath is the path by which new is asked, with the pattern's wildcards in it; NewQuery overrides query parameters.
	NewPath  string
	NewQuery map[string]string
	// Comparer judges this route's exchanges, and Again two answers of one backend; nil takes the table's, and for Again the
	// route's Comparer if it has one of its own.
	Comparer, Again Comparer
}

// withDefaults fills in what is zero.
func (o Options) withDefaults() Options {
	setDefault(&o.Workers, 64)
	setDefault(&o.Queue, 1024)
	setDefault(&o.Memory, 64<<20)
	setDefault(&o.JournalBody, 1<<20)
	setDefault(&o.Hold.Max, 10*time.Second)
	setDefault(&o.Hold.Requests, 1000)
	setDefault(&o.Hold.Bytes, 16<<20)
	setDefault(&o.Trip.Threshold, 0.05)
	setDefault(&o.Trip.Window, 10*time.Second)
	setDefault(&o.Trip.MinRequests, 20)
	setDefault(&o.Trip.MinFailures, 10)
	setDefault(&o.Trip.MinDistinct, 3)
	setDefault(&o.Old.Timeout, 30*time.Second)
	setDefault(&o.New.Timeout, 30*time.Second)
	o.Clients = o.Clients.orOwn()
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	return o
}

func (t Table) withDefaults() Table {
	setDefault(&t.MaxBody, 1<<20)
	setDefault(&t.ShadowTimeout, 10*time.Second)
	setDefault(&t.Recheck.Delay, 250*time.Millisecond)
	setDefault(&t.Recheck.MaxDelay, 4*time.Second)
	setDefault(&t.Recheck.MaxRPS, 20)
	return t
}

func setDefault[T comparable](v *T, fallback T) {
	var zero T
	if *v == zero {
		*v = fallback
	}
}
