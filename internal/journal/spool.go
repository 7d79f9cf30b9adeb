package journal

// Spool is a file beside the segments that holds a request's body which is too large for a record.
type Spool struct {
	Path   string
	Size   int64  // bytes
	SHA256 string // of the body, in hex
}
