package compare

// Verdict is what is finally said of one exchange.
type Verdict string

// The verdicts of an exchange. Compare itself returns Match, Tolerated, Mismatch, Failed or Skipped; Lagged is given by the
// recheck, which asks both backends again.
const (
	Match     Verdict = "match"     // the answers say the same
	Tolerated Verdict = "tolerated" // they differ only as the rules allow
	Lagged    Verdict = "lagged"    // they differed, and agreed when asked again
	Mismatch  Verdict = "mismatch"  // they differ
	Failed    Verdict = "failed"    // the shadow gave no usable answer
	Skipped   Verdict = "skipped"   // they were not compared, for a stated reason
)

// Verdicts lists every verdict, in the order in which they are reported.
var Verdicts = []Verdict{Match, Tolerated, Lagged, Mismatch, Failed, Skipped}

// Reason says why an exchange was not compared.
type Reason string

// The reasons of Skipped.
const (
	QueueFull      Reason = "queue_full"
	QueueExpired   Reason = "queue_expired"
	Memory         Reason = "memory"
	TooLarge       Reason = "too_large"
	TooComplex     Reason = "too_complex"
	RequestBody    Reason = "request_body"
	ClientGone     Reason = "client_gone"
	AuthorityError Reason = "authority_error"
	Conditional    Reason = "conditional"
	Stream         Reason = "stream"
	BreakerOpen    Reason = "breaker_open"
	Shutdown       Reason = "shutdown"
	Stale          Reason = "stale"
	Panic          Reason = "panic"
)

// Reasons lists every reason of Skipped.
var Reasons = []Reason{
	QueueFull, QueueExpired, Memory, TooLarge, TooComplex, RequestBody, ClientGone, AuthorityError, Conditional, Stream,
	BreakerOpen, Shutdown, Stale, Panic,
}

// Location says in which part of an answer a difference lies.
type Location string

// The parts of an answer.
const (
	InStatus Location = "status"
	InHeader Location = "header"
	InBody   Location = "body"
)

// Kind says how two places differ.
type Kind string

// The kinds of difference.
const (
	KindValue   Kind = "value"   // both are there and of one type; the values differ
	KindType    Kind = "type"    // both are there; the types differ
	KindMissing Kind = "missing" // in old, not in new
	KindExtra   Kind = "extra"   // in new, not in old
	KindInvalid Kind = "invalid" // one side cannot be parsed as what it claims to be
)

// Difference is one place where two answers differ.
type Difference struct {
	Location Location `json:"location"`
	// Path is empty for the status, the lower-case name for a header, and for a JSON body a path such as `$.items[3].price`.
	Path string `json:"path"`
	Kind Kind   `json:"kind"`
	// Old and New are the two values as they were written, shortened to at most 256 bytes; empty where a side has none.
	Old string `json:"old"`
	New string `json:"new"`
}

// Answer is one captured response of a backend.
type Answer struct {
	Status int
	// Header has canonical keys, as in net/http.
	Header map[string][]string
	// Trailer holds the fields that came behind the body, with canonical keys; nil if there were none.
	Trailer map[string][]string
	// Body is the body as it came over the wire, its Content-Encoding still applied. It is shorter than Size if the
	// body was larger than what is captured.
	Body []byte
	// Size is the length of the whole body in bytes. Digest is its 128-bit xxh3 hash where Body does not hold all of it; otherwise
	// nobody asks for it.
	Size   int64
	Digest [16]byte
}

// Whole reports whether the whole body was captured.
func (a *Answer) Whole() bool { return int64(len(a.Body)) == a.Size }

// Result is what Compare found.
type Result struct {
	Verdict Verdict
	// Reason is set when Verdict is Skipped.
	Reason Reason
	// Differences are those that count against parity, at most MaxDifferences of them.
	Differences []Difference
	// Dropped counts the differences beyond those.
	Dropped int
	// Unfinished says why the bodies were not compared to their end, where Verdict is Mismatch all the same: what else differs is unknown.
	Unfinished Reason
	// Suppressed counts per rule, by its index in Options.Rules, how many differences it forgave.
	Suppressed map[int]int
}
